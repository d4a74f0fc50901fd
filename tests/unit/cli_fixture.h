/* SPDX-License-Identifier: Apache-2.0
 * cli_fixture.h: a small service that answers what it is told to and notes what it was asked, and
 * commands run against it with their exit status and what they printed. */
#ifndef HOLDFAST_TESTS_CLI_FIXTURE_H
#define HOLDFAST_TESTS_CLI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/task.h"
#include "cli/commands.h"
#include "net/http_server.h"

enum { ARGS_MAX = 24, SEEN_MAX = 8, TEXT_MAX = 512 };

/* ---- a service that answers what it is told to ---- */

struct canned {
    const char *method, *path; /* with its query */
    int status;
    const char *body;
    const char *asked; /* in the request's body; NULL: whatever it is */
};

static struct {
    struct http_server *server;
    struct http_listener *listener;
    const struct canned *answers; /* ends with a NULL path */
    struct lock lock;             /* guards what was seen */
    int seen;
    char requests[SEEN_MAX][TEXT_MAX]; /* "METHOD path?query body" */
    char keys[SEEN_MAX][TEXT_MAX], authorizations[SEEN_MAX][TEXT_MAX];
} service;

static inline void note(const struct http_request *request, const char *target) {
    lock_take(&service.lock);
    if (service.seen < SEEN_MAX) {
        const char *key = http_header_find(request->headers, request->header_count,
                                           "Idempotency-Key");
        const char *authorization = http_header_find(request->headers, request->header_count,
                                                     "Authorization");
        snprintf(service.requests[service.seen], TEXT_MAX, "%s %.200s %.250s", request->method,
                 target, request->body_bytes > 0 ? request->body : "");
        snprintf(service.keys[service.seen], TEXT_MAX, "%.255s", key != NULL ? key : "");
        snprintf(service.authorizations[service.seen], TEXT_MAX, "%.255s",
                 authorization != NULL ? authorization : "");
    }
    service.seen++;
    lock_give(&service.lock);
}

static inline void handle(void *ctx, const struct http_request *request, struct http_reply *reply) {
    (void)ctx;
    char target[TEXT_MAX];
    snprintf(target, sizeof target, "%s%s%s", request->path, request->query[0] != '\0' ? "?" : "",
             request->query);
    note(request, target);
    reply->status = 404;
    const char *body = "{\"title\":\"not canned\"}";
    lock_take(&service.lock);
    const struct canned *c = service.answers;
    lock_give(&service.lock);
    for (; c->path != NULL; c++) {
        bool asked = c->asked == NULL ||
                     (request->body_bytes > 0 && strstr(request->body, c->asked) != NULL);
        if (asked && strcmp(c->method, request->method) == 0 && strcmp(c->path, target) == 0) {
            reply->status = c->status;
            body = c->body;
        }
    }
    if (reply->status == 0) {
        reply->never = true;
        reply->status = 200;
    }
    http_reply_body(reply, "application/json", body, strlen(body));
}

static inline int set_up(void **state) {
    (void)state;
    struct err err = {0};
    char url[64];
    lock_init(&service.lock);
    struct http_listener_options options = {.address = "127.0.0.1:0", .handler = handle};
    assert_int_equal(http_server_new(1, &service.server, &err), 0);
    assert_int_equal(http_server_listen(service.server, &options, &service.listener, &err), 0);
    assert_int_equal(http_server_start(service.server, &err), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", http_listener_port(service.listener));
    setenv("HOLDFAST_URL", url, 1);
    unsetenv("HOLDFAST_KEY_REF");
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    http_server_free(service.server);
    lock_free(&service.lock);
    return 0;
}

/* ---- running a command ---- */

struct ran {
    int status;
    char *out, *err;
};

static inline void ran_release(struct ran *ran) {
    free(ran->out);
    free(ran->err);
}
#define RAN struct ran CLEANUP(ran_release)

/* The command's words, separated by blanks; '+' stands for a blank within a word. */
static inline struct ran run(const struct canned *answers, const char *words) {
    static const struct canned none[] = {{0}};
    struct ran ran = {0};
    size_t out_bytes = 0, err_bytes = 0;
    char text[1024], *argv[ARGS_MAX], *rest = text;
    int argc = 0;
    snprintf(text, sizeof text, "holdfast %s", words);
    for (char *word; (word = strsep(&rest, " ")) != NULL && argc < ARGS_MAX;) {
        for (char *at = word; *at != '\0'; at++) {
            *at = *at == '+' ? ' ' : *at;
        }
        argv[argc++] = word;
    }
    lock_take(&service.lock);
    service.answers = answers != NULL ? answers : none;
    service.seen = 0;
    lock_give(&service.lock);
    struct cli_screen screen = {.out = open_memstream(&ran.out, &out_bytes),
                                .err = open_memstream(&ran.err, &err_bytes)};
    ran.status = cli_run(&screen, argc, argv);
    /* A call may be given up while the service works on it: what it noted is ours from here. */
    lock_take(&service.lock);
    lock_give(&service.lock);
    fclose(screen.out);
    fclose(screen.err);
    return ran;
}

static inline void assert_has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("there is no \"%s\" in:\n%s", part, text);
    }
}

static inline void assert_has_not(const char *text, const char *part) {
    if (strstr(text, part) != NULL) {
        fail_msg("there is \"%s\" in:\n%s", part, text);
    }
}

/* The parts stand in the text, one behind the other. */
static inline void assert_order(const char *text, const char *const *parts, size_t count) {
    const char *at = text;
    for (size_t i = 0; i < count; i++) {
        const char *next = strstr(at, parts[i]);
        if (next == NULL) {
            fail_msg("\"%s\" is missing or too early in:\n%s", parts[i], text);
        }
        at = next;
    }
}

/* run() of a command that must end with this status. */
static inline struct ran run_to(int status, const struct canned *answers, const char *words) {
    struct ran ran = run(answers, words);
    if (ran.status != status) {
        fail_msg("\"%s\" ends with %d, not %d: %s%s", words, ran.status, status, ran.out, ran.err);
    }
    return ran;
}

/* For who wants to know nothing else of it. */
static inline void ends(int status, const struct canned *answers, const char *words) {
    struct ran ran = run_to(status, answers, words);
    ran_release(&ran);
}

/* A file with this text in the present folder; the caller removes it. */
static inline void make_file(const char *text, char ret_path[TEXT_MAX]) {
    char folder[TEXT_MAX - 32];
    assert_non_null(getcwd(folder, sizeof folder));
    snprintf(ret_path, TEXT_MAX, "%s/holdfast-test-XXXXXX", folder);
    int fd = mkstemp(ret_path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

#define PAYMENT(id, state)                                                                         \
    "{\"id\":\"" id "\",\"order_id\":\"A-1\",\"state\":\"" state "\","                             \
    "\"amount\":1999,\"currency\":\"USD\",\"amount_captured\":0,\"amount_refunded\":0,"            \
    "\"method\":\"card\",\"gateway\":\"stripe-eu\",\"message\":\"A sentence.\",\"failure\":null,"  \
    "\"action\":null,\"review\":null,\"created_at\":\"2020-01-01T00:00:00Z\"}"

#endif
