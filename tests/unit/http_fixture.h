/* SPDX-License-Identifier: Apache-2.0
 * http_fixture.h: an HTTP server on a free loopback port, and a plain client that sends what it is
 * told to, byte by byte. For the tests of the HTTP server. */
#ifndef HOLDFAST_TESTS_HTTP_FIXTURE_H
#define HOLDFAST_TESTS_HTTP_FIXTURE_H

#include "base/clock.h"
#include "base/task.h"
#include "net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* However slow the machine is, a test that waits this long waits for nothing. */
#define FIXTURE_PATIENCE_US (60 * US_PER_SECOND)
enum { FIXTURE_READ_SECONDS = 60, FIXTURE_REPLY_MAX = 64 * 1024 };

struct front {
    struct http_server *server;
    struct http_listener *listener;
    int port;
    atomic_int calls; /* of the handler */
    struct lock lock;
    struct cond changed;
    int entered;   /* requests for /block that have reached the handler */
    bool released; /* and may go on */
};

/* ---- the handler ---- */

static inline void front_block(struct front *front) {
    lock_take(&front->lock);
    front->entered++;
    cond_broadcast(&front->changed);
    while (!front->released) {
        cond_wait(&front->changed, &front->lock);
    }
    lock_give(&front->lock);
}

/* Answers "METHOD path?query body"; some paths do something besides. */
static inline void front_handle(void *ctx, const struct http_request *request,
                                struct http_reply *reply) {
    struct front *front = ctx;
    atomic_fetch_add(&front->calls, 1);
    if (strcmp(request->path, "/block") == 0) {
        front_block(front);
    } else if (strcmp(request->path, "/delay") == 0) {
        reply->delay_us = strtoll(request->query, NULL, 10);
    } else if (strcmp(request->path, "/cut") == 0) {
        reply->cut_after_bytes = (int32_t)strtol(request->query, NULL, 10);
    } else if (strcmp(request->path, "/never") == 0) {
        reply->never = true;
    } else if (strcmp(request->path, "/bug") == 0) {
        return;
    } else if (strcmp(request->path, "/empty") == 0) {
        reply->status = 204;
        return;
    } else if (strcmp(request->path, "/own") == 0) {
        http_reply_header(reply, "request-id", "theirs");
        http_reply_header(reply, "Cache-Control", "max-age=5");
        http_reply_header(reply, "X-Split", "a\r\nX-Forged: 1");
        http_reply_header(reply, "Content-Length", "5");
    } else if (strcmp(request->path, "/close") == 0) {
        http_reply_header(reply, "Connection", "close");
    }
    reply->status = 200;
    struct buf body;
    buf_init(&body, SIZE_MAX / 8);
    if (strcmp(request->path, "/big") == 0) {
        long count = strtol(request->query, NULL, 10);
        for (long i = 0; i < count; i++) {
            buf_add_char(&body, (char)('a' + i % 26));
        }
    } else {
        buf_addf(&body, "%s %s%s%s ", request->method, request->path,
                 request->query[0] != '\0' ? "?" : "", request->query);
        buf_add(&body, request->body, request->body_bytes);
    }
    http_reply_body(reply, "text/plain", body.data, body.len);
    buf_release(&body);
}

/* ---- the server ---- */

static inline void front_start(struct front *front, const struct http_listener_options *wanted) {
    struct http_listener_options options = *wanted;
    struct err err;
    *front = (struct front){0};
    lock_init(&front->lock);
    cond_init(&front->changed);
    options.address = options.address != NULL ? options.address : "127.0.0.1:0";
    options.handler = front_handle;
    options.ctx = front;
    assert_int_equal(http_server_new(2, &front->server, &err), 0);
    assert_int_equal(http_server_listen(front->server, &options, &front->listener, &err), 0);
    assert_int_equal(http_server_start(front->server, &err), 0);
    front->port = http_listener_port(front->listener);
    assert_true(front->port > 0);
}

static inline void front_release(struct front *front) {
    lock_take(&front->lock);
    front->released = true;
    cond_broadcast(&front->changed);
    lock_give(&front->lock);
}

static inline void front_stop(struct front *front) {
    front_release(front);
    http_server_free(front->server);
    cond_free(&front->changed);
    lock_free(&front->lock);
}

static inline void front_await_entered(struct front *front, int count) {
    int64_t deadline_us = clock_mono_us() + FIXTURE_PATIENCE_US;
    lock_take(&front->lock);
    while (front->entered < count) {
        assert_true(cond_wait_until(&front->changed, &front->lock, deadline_us));
    }
    lock_give(&front->lock);
}

static inline struct http_server_stats front_stats(const struct front *front) {
    struct http_server_stats stats;
    http_server_stats(front->listener, &stats);
    return stats;
}

/* Waits until the figures say so. */
#define front_await(front, condition)                                                              \
    do {                                                                                           \
        int64_t give_up_us = clock_mono_us() + FIXTURE_PATIENCE_US;                                \
        for (;;) {                                                                                 \
            struct http_server_stats stats = front_stats(front);                                   \
            if (condition) {                                                                       \
                break;                                                                             \
            }                                                                                      \
            if (clock_mono_us() > give_up_us) {                                                    \
                fail_msg("waited in vain for %s", #condition);                                     \
            }                                                                                      \
            task_sleep_us(US_PER_MS);                                                              \
        }                                                                                          \
    } while (0)

/* ---- the client ---- */

/* A connected socket, or -1 when the connection is refused. */
static inline int dial_or_refused(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_sec = FIXTURE_READ_SECONDS};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        assert_int_equal(errno, ECONNREFUSED);
        close(fd);
        return -1;
    }
    return fd;
}

static inline int dial(const struct front *front) {
    int fd = dial_or_refused(front->port);
    assert_true(fd >= 0);
    return fd;
}

/* Sends what the other side will take: it may have refused half-way. */
static inline void put(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
        if (sent < 0) {
            assert_true(errno == EPIPE || errno == ECONNRESET);
            return;
        }
        bytes += sent;
        count -= (size_t)sent;
    }
}

static inline void put_text(int fd, const char *text) {
    put(fd, text, strlen(text));
}

static inline void put_get(int fd, const char *target) {
    char text[512];
    int bytes = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
    put(fd, text, (size_t)bytes);
}

struct answer {
    int status;                   /* 0: the connection ended before a byte came; -1: it was reset */
    char text[FIXTURE_REPLY_MAX]; /* head and body */
    size_t head_bytes, body_bytes;
    const char *body;
};

static inline ssize_t get_byte(int fd, char *ret_byte) {
    ssize_t got = recv(fd, ret_byte, 1, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        fail_msg("the server neither answers nor closes");
    }
    return got;
}

/* The value of a header of the answer, cut off at its line's end in `ret_value`; false: none. */
static inline bool answer_header(const struct answer *answer, const char *name, char *ret_value,
                                 size_t bytes_max) {
    size_t name_bytes = strlen(name);
    for (const char *line = answer->text; line < answer->text + answer->head_bytes;) {
        const char *end = strstr(line, "\r\n");
        if (strncasecmp(line, name, name_bytes) == 0 && line[name_bytes] == ':') {
            const char *value = line + name_bytes + 2;
            (void)snprintf(ret_value, bytes_max, "%.*s", (int)(end - value), value);
            return true;
        }
        line = end + 2;
    }
    return false;
}

/* Reads one answer: the head, then as many bytes as it says unless `no_body`. */
static inline void get_answer(int fd, bool no_body, struct answer *ret_answer) {
    size_t bytes = 0;
    ssize_t got = 1;
    *ret_answer = (struct answer){0};
    while (bytes < sizeof(ret_answer->text) - 1 && got == 1 &&
           (bytes < 4 || memcmp(ret_answer->text + bytes - 4, "\r\n\r\n", 4) != 0)) {
        got = get_byte(fd, ret_answer->text + bytes);
        bytes += got == 1 ? 1 : 0;
    }
    ret_answer->head_bytes = bytes;
    ret_answer->body = ret_answer->text + bytes;
    if (got != 1) {
        ret_answer->status = got == 0 ? 0 : -1;
        ret_answer->body_bytes = 0;
        return;
    }
    assert_memory_equal(ret_answer->text, "HTTP/1.1 ", 9);
    ret_answer->status = (int)strtol(ret_answer->text + 9, NULL, 10);
    char length[32] = "0";
    if (!no_body && answer_header(ret_answer, "Content-Length", length, sizeof(length))) {
        ret_answer->body_bytes = strtoul(length, NULL, 10);
        assert_true(bytes + ret_answer->body_bytes < sizeof(ret_answer->text));
        for (size_t i = 0; i < ret_answer->body_bytes; i++) {
            assert_int_equal(get_byte(fd, ret_answer->text + bytes + i), 1);
        }
    }
}

static inline void expect_body(int fd, int status, const char *body) {
    struct answer answer;
    get_answer(fd, false, &answer);
    assert_int_equal(answer.status, status);
    assert_string_equal(answer.body, body);
}

static inline void expect_end(int fd) {
    char byte;
    ssize_t got = get_byte(fd, &byte);
    if (got == 1) {
        fail_msg("the connection should have ended");
    }
}

/* The end, but no reset, which could have overtaken the answer. */
static inline void expect_clean_end(int fd) {
    char byte;
    ssize_t got = get_byte(fd, &byte);
    if (got != 0) {
        fail_msg("the connection should have ended in peace, got %zd", got);
    }
}

static inline bool has_bytes(int fd) {
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    return poll(&readable, 1, 0) == 1;
}

#endif
