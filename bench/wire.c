/* SPDX-License-Identifier: Apache-2.0
 * wire.c: see wire.h. */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"

enum {
    ANSWER_BYTES_MAX = 64 * 1024,
    EVENTS_MAX = 512,
    WAITING_MAX = 1 << 20, /* arrivals of an open run that no connection is free for */
    LAST_ANSWERS_US = 30 * 1000 * 1000,
};

struct line {
    int fd;
    int64_t number; /* of the request under way; -1: none */
    int64_t since_us;
    size_t to_send, sent, got;
    struct line *next; /* in the list of idle ones */
    char out[WIRE_REQUEST_BYTES_MAX];
    char in[ANSWER_BYTES_MAX + 1];
};

struct runner {
    const struct wire_run *run;
    struct wire_result result;
    struct line *lines, *idle;
    int epoll_fd;
    int under_way;
    int64_t count_from_us, end_us; /* monotonic */
    struct prng prng;
    int64_t next_arrival_us;
    int64_t *waiting; /* ring of the moments at which they were meant to leave */
    int64_t waiting_first, waiting_end;
    uint32_t *latency_us; /* of the good ones */
    int64_t latency_count, latency_cap;
};

static int open_line(struct runner *runner, struct line *line, struct err *err) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)runner->run->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int one = 1;
    line->number = -1;
    line->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (line->fd < 0 || connect(line->fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        return err_set(err, ERR_UNREACHABLE, "port %d: %s", runner->run->port, strerror(errno));
    }
    (void)setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)fcntl(line->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
    if (epoll_ctl(runner->epoll_fd, EPOLL_CTL_ADD, line->fd, &event) != 0) {
        return err_set(err, ERR_IO, "epoll: %s", strerror(errno));
    }
    line->next = runner->idle;
    runner->idle = line;
    return 0;
}

/* Small requests into an empty socket buffer: one send() takes all of it. */
static int send_on(struct line *line, struct err *err) {
    ssize_t put = send(line->fd, line->out, line->to_send, MSG_NOSIGNAL);
    if (put != (ssize_t)line->to_send) {
        return err_set(err, ERR_UNREACHABLE, "a request could not be sent: %s",
                       put < 0 ? strerror(errno) : "the socket is full");
    }
    return 0;
}

/* Takes an idle line for the next request, meant to leave at `since_us`. */
static int begin(struct runner *runner, int64_t since_us, struct err *err) {
    struct line *line = runner->idle;
    runner->idle = line->next;
    line->number = runner->result.sent++;
    line->since_us = since_us;
    line->got = 0;
    line->to_send = runner->run->request(runner->run->ctx, line->number, line->out,
                                         sizeof line->out);
    INVARIANT(line->to_send > 0 && line->to_send <= sizeof line->out, "a request has its bytes");
    runner->under_way++;
    return send_on(line, err);
}

/* The bytes of a whole answer in `in`, 0 while some are missing, -1 when this is none. */
static int64_t answer_bytes(const struct line *line, int *ret_status, const char **ret_body) {
    const char *end = strstr(line->in, "\r\n\r\n");
    if (end == NULL) {
        return line->got < ANSWER_BYTES_MAX ? 0 : -1;
    }
    const char *length = strcasestr(line->in, "\r\nContent-Length:");
    if (strncmp(line->in, "HTTP/1.1 ", 9) != 0 || length == NULL || length > end) {
        return -1;
    }
    *ret_status = (int)strtol(line->in + 9, NULL, 10);
    *ret_body = end + 4;
    int64_t whole = (end + 4 - line->in) + strtoll(length + 17, NULL, 10);
    if (whole > ANSWER_BYTES_MAX) {
        return -1;
    }
    return (int64_t)line->got >= whole ? whole : 0;
}

static void note(struct runner *runner, const struct line *line, int status, const char *body,
                 int64_t now_us) {
    struct wire_result *result = &runner->result;
    result->answered++;
    if (status < 200 || status > 299) {
        if (result->bad++ == 0) {
            result->status_bad = status;
            snprintf(result->body_bad, sizeof result->body_bad, "%s", body);
        }
        return;
    }
    if (line->since_us < runner->count_from_us || now_us > runner->end_us) {
        return;
    }
    result->good++;
    if (runner->latency_count == runner->latency_cap) {
        runner->latency_cap = runner->latency_cap > 0 ? 2 * runner->latency_cap : 65536;
        runner->latency_us = realloc(runner->latency_us,
                                     (size_t)runner->latency_cap * sizeof *runner->latency_us);
        INVARIANT(runner->latency_us != NULL, "out of memory");
    }
    runner->latency_us[runner->latency_count++] = (uint32_t)(now_us - line->since_us);
}

static int receive(struct runner *runner, struct line *line, struct err *err) {
    ssize_t got = recv(line->fd, line->in + line->got, ANSWER_BYTES_MAX - line->got, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (got <= 0 || line->number < 0) {
        return err_set(err, ERR_UNREACHABLE, "a connection was lost: %s",
                       got < 0 ? strerror(errno) : "the other side closed it");
    }
    line->got += (size_t)got;
    line->in[line->got] = '\0';
    int status = 0;
    const char *body = NULL;
    int64_t bytes = answer_bytes(line, &status, &body);
    if (bytes < 0 || bytes < (int64_t)line->got) {
        return bytes == 0 ? 0 : err_set(err, ERR_GATEWAY, "this is no answer: %.60s", line->in);
    }
    note(runner, line, status, body, clock_mono_us());
    if (runner->run->answer != NULL) {
        runner->run->answer(runner->run->ctx, line->number, status, body,
                            line->got - (size_t)(body - line->in));
    }
    line->number = -1;
    line->next = runner->idle;
    runner->idle = line;
    runner->under_way--;
    return 0;
}

static bool more(const struct runner *runner, int64_t now_us) {
    int64_t asked = runner->result.sent + runner->waiting_end - runner->waiting_first;
    return now_us < runner->end_us &&
           (runner->run->requests_max == 0 || asked < runner->run->requests_max);
}

/* Notes the arrivals that are due, and sends as many as there are lines for. */
static int arrive(struct runner *runner, int64_t now_us, struct err *err) {
    while (runner->next_arrival_us <= now_us && more(runner, runner->next_arrival_us)) {
        if (runner->waiting_end - runner->waiting_first == WAITING_MAX) {
            return err_set(err, ERR_OVERLOADED, "a million requests wait for a connection");
        }
        runner->waiting[runner->waiting_end++ % WAITING_MAX] = runner->next_arrival_us;
        double pause_s = -log(1.0 - prng_unit(&runner->prng)) / (double)runner->run->rate_per_s;
        runner->next_arrival_us += (int64_t)(pause_s * 1e6) + 1;
    }
    int r = 0;
    while (r >= 0 && runner->idle != NULL && runner->waiting_first < runner->waiting_end) {
        r = begin(runner, runner->waiting[runner->waiting_first++ % WAITING_MAX], err);
    }
    return r;
}

static int send_more(struct runner *runner, int64_t now_us, struct err *err) {
    if (runner->run->rate_per_s > 0) {
        return arrive(runner, now_us, err);
    }
    int r = 0;
    while (r >= 0 && runner->idle != NULL && more(runner, now_us)) {
        r = begin(runner, now_us, err);
    }
    return r;
}

static struct timespec wait_for(const struct runner *runner, int64_t now_us) {
    int64_t us = 100 * US_PER_MS;
    if (runner->run->rate_per_s > 0 && more(runner, now_us)) {
        us = runner->next_arrival_us > now_us ? runner->next_arrival_us - now_us : 0;
    }
    return (struct timespec){us / US_PER_SECOND, us % US_PER_SECOND * 1000};
}

static int turn(struct runner *runner, int64_t now_us, struct err *err) {
    struct epoll_event events[EVENTS_MAX];
    struct timespec wait = wait_for(runner, now_us);
    int count = epoll_pwait2(runner->epoll_fd, events, EVENTS_MAX, &wait, NULL);
    int r = 0;
    for (int i = 0; i < count && r >= 0; i++) {
        r = receive(runner, events[i].data.ptr, err);
    }
    return r;
}

static int drive(struct runner *runner, struct err *err) {
    const struct wire_run *run = runner->run;
    int64_t now_us = clock_mono_us();
    runner->count_from_us = now_us + run->warm_us;
    runner->end_us = run->duration_us > 0 ? runner->count_from_us + run->duration_us : INT64_MAX;
    runner->next_arrival_us = now_us;
    int64_t give_up_us = INT64_MAX;
    int r = 0;
    while (r >= 0 && (more(runner, now_us) || runner->under_way > 0 ||
                      runner->waiting_first < runner->waiting_end)) {
        r = send_more(runner, now_us, err);
        r = r < 0 ? r : turn(runner, now_us, err);
        now_us = clock_mono_us();
        if (give_up_us == INT64_MAX && !more(runner, now_us)) {
            give_up_us = now_us + LAST_ANSWERS_US;
        }
        if (now_us > give_up_us) {
            return err_set(err, ERR_TIMEOUT, "%d answers never came", runner->under_way);
        }
    }
    int64_t end_us = now_us < runner->end_us ? now_us : runner->end_us;
    runner->result.elapsed_us = end_us - runner->count_from_us;
    return r;
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Nearest rank. */
static int64_t percentile(const struct runner *runner, int percent) {
    if (runner->latency_count == 0) {
        return 0;
    }
    return runner->latency_us[(runner->latency_count * percent + 99) / 100 - 1];
}

static void release(struct runner *runner) {
    for (int i = 0; i < runner->run->connections; i++) {
        if (runner->lines[i].fd >= 0) {
            close(runner->lines[i].fd);
        }
    }
    close(runner->epoll_fd);
    free(runner->lines);
    free(runner->waiting);
    free(runner->latency_us);
}

int wire_run(const struct wire_run *run, struct wire_result *ret_result, struct err *err) {
    INVARIANT(run->connections > 0 && run->connections <= WIRE_CONNECTIONS_MAX, "some connections");
    struct runner runner = {.run = run};
    runner.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    runner.lines = calloc((size_t)run->connections, sizeof *runner.lines);
    runner.waiting = run->rate_per_s > 0 ? calloc(WAITING_MAX, sizeof *runner.waiting) : NULL;
    INVARIANT(runner.epoll_fd >= 0 && runner.lines != NULL, "no room for the benchmark's client");
    prng_init(&runner.prng, run->seed);
    for (int i = 0; i < run->connections; i++) {
        runner.lines[i].fd = -1;
    }
    int r = 0;
    for (int i = 0; i < run->connections && r >= 0; i++) {
        r = open_line(&runner, &runner.lines[i], err);
    }
    r = r < 0 ? r : drive(&runner, err);
    if (runner.latency_count > 0) {
        qsort(runner.latency_us, (size_t)runner.latency_count, sizeof *runner.latency_us, compare);
    }
    runner.result.p50_us = percentile(&runner, 50);
    runner.result.p90_us = percentile(&runner, 90);
    runner.result.p99_us = percentile(&runner, 99);
    runner.result.max_us = percentile(&runner, 100);
    *ret_result = runner.result;
    release(&runner);
    return r;
}
