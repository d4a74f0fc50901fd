/* SPDX-License-Identifier: Apache-2.0
 * sandbox_fixture.h: a sandbox inside the test's own process, a client for it, and a receiver of
 * its callbacks. For the test_sandbox_*.c programs; failures fail the test. */
#ifndef HOLDFAST_TESTS_SANDBOX_FIXTURE_H
#define HOLDFAST_TESTS_SANDBOX_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/task.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "sandbox/sandbox.h"

enum { TAKEN_MAX = 4096, TAKEN_HEADERS_MAX = 24, FIXTURE_URL_MAX = 256 };
#define PATIENCE_US (20 * US_PER_SECOND)
#define FORM "application/x-www-form-urlencoded"
#define STRIPE_AUTH "Bearer " SANDBOX_STRIPE_KEY

/* One callback as it came. */
struct taken {
    char *path, *body, *signature;
    json_t *json;
    struct http_header headers[TAKEN_HEADERS_MAX];
    int header_count;
};

static struct fixture {
    struct sandbox *sandbox;
    struct http_client *client;
    struct http_server *receiver;
    struct http_listener *listener;
    char hook_url[FIXTURE_URL_MAX];
    struct lock lock;
    struct cond came;
    struct taken taken[TAKEN_MAX];
    int taken_count;
    int refuse_next; /* so many callbacks are answered 500 */
    const char *ack; /* what the others are answered; NULL: nothing */
} fixture;

static void take_callback(void *ctx, const struct http_request *request, struct http_reply *reply) {
    struct err err;
    const char *signature = http_header_find(request->headers, request->header_count,
                                             "Stripe-Signature");
    json_t *json = NULL;
    int rc = json_read(request->body, request->body_bytes, 1 << 20, 32, &json, &err);
    lock_take(&fixture.lock);
    bool refuse = fixture.refuse_next > 0;
    fixture.refuse_next -= refuse ? 1 : 0;
    reply->status = refuse ? 500 : 200;
    if (fixture.ack != NULL && !refuse) {
        http_reply_body(reply, "text/plain", fixture.ack, strlen(fixture.ack));
    }
    if (fixture.taken_count < TAKEN_MAX) { /* what is no JSON (a form) has none */
        struct taken *taken = &fixture.taken[fixture.taken_count++];
        taken->path = strdup(request->path);
        taken->body = strndup(request->body, request->body_bytes);
        taken->signature = strdup(signature != NULL ? signature : "");
        taken->json = rc == 0 ? json : NULL;
        for (int i = 0; i < request->header_count && i < TAKEN_HEADERS_MAX; i++) {
            taken->headers[taken->header_count++] = (struct http_header){
                strdup(request->headers[i].name), strdup(request->headers[i].value)};
        }
    }
    cond_broadcast(&fixture.came);
    lock_give(&fixture.lock);
}

UNUSED static void receiver_start(void) {
    struct err err = {0};
    const struct http_listener_options options = {
        .address = "127.0.0.1:0", .handler = take_callback, .workers_max = 4};
    assert_int_equal(http_server_new(1, &fixture.receiver, &err), 0);
    assert_int_equal(http_server_listen(fixture.receiver, &options, &fixture.listener, &err), 0);
    assert_int_equal(http_server_start(fixture.receiver, &err), 0);
    snprintf(fixture.hook_url, sizeof(fixture.hook_url), "http://127.0.0.1:%d/hook",
             http_listener_port(fixture.listener));
}

/* Test-friendly options: free ports, short pauses, a seed. */
static struct sandbox_options fixture_options(void) {
    struct sandbox_options options;
    sandbox_options_init(&options);
    for (int i = 0; i < SANDBOX_PORTS; i++) {
        options.addresses[i] = "127.0.0.1:0";
    }
    options.seed = 5;
    options.callback_delay_ms = 0;
    options.callback_retry_ms = 10;
    options.settle_ms = 3600000; /* until POST /callbacks/flush */
    options.callback_workers = 4;
    return options;
}

/* PayPal's key and certificate, which take longer to make than most tests run: one for all the
 * sandboxes of a program. */
static void *fixture_identity(void) {
    static void *made;
    struct err err = {0};
    if (made == NULL && sandbox_identity_new(SANDBOX_PAYPAL, clock_wall_us(), &made, &err) < 0) {
        fail_msg("PayPal's key: %s", err.detail);
    }
    return made;
}

static void fixture_start(const struct sandbox_options *wanted) {
    struct err err = {0};
    struct sandbox_options options = *wanted;
    crypto_init();
    options.identities[SANDBOX_PAYPAL] = fixture_identity();
    log_level_set(LOG_ERROR);
    lock_init(&fixture.lock);
    cond_init(&fixture.came);
    assert_int_equal(http_client_new(&(struct http_client_options){0}, &fixture.client, &err), 0);
    if (sandbox_start(&options, &fixture.sandbox, &err) < 0) {
        fail_msg("the sandbox did not start: %s", err.detail);
    }
}

static void fixture_stop(void) {
    sandbox_stop(fixture.sandbox);
    http_server_free(fixture.receiver);
    http_client_free(fixture.client);
    for (int i = 0; i < fixture.taken_count; i++) {
        free(fixture.taken[i].path);
        free(fixture.taken[i].body);
        free(fixture.taken[i].signature);
        json_decref(fixture.taken[i].json);
        for (int k = 0; k < fixture.taken[i].header_count; k++) {
            free((char *)fixture.taken[i].headers[k].name);
            free((char *)fixture.taken[i].headers[k].value);
        }
    }
    cond_free(&fixture.came);
    lock_free(&fixture.lock);
    fixture = (struct fixture){0};
}

/* ---- calls ---- */

struct ask {
    enum sandbox_port port;
    const char *method, *path, *body;
    const char *authorization, *key, *type; /* type NULL: JSON */
    int64_t timeout_us;                     /* 0: PATIENCE_US */
};

/* Fills `ret_answer`; the result of http_call(). */
static int ask_raw(const struct ask *ask, struct http_answer *ret_answer) {
    char url[FIXTURE_URL_MAX];
    struct err err;
    struct http_header headers[5];
    int count = 0;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", sandbox_port(fixture.sandbox, ask->port),
             ask->path);
    headers[count++] = (struct http_header){"Content-Type",
                                            ask->type != NULL ? ask->type : "application/json"};
    if (ask->authorization != NULL) {
        headers[count++] = (struct http_header){"Authorization", ask->authorization};
    }
    if (ask->key != NULL) {
        headers[count++] = (struct http_header){"Idempotency-Key", ask->key};
        headers[count++] = (struct http_header){"PayPal-Request-Id", ask->key};
    }
    headers[count++] = (struct http_header){"Prefer", "return=representation"};
    const struct http_call call = {
        .method = ask->method,
        .url = url,
        .headers = headers,
        .header_count = count,
        .body = ask->body,
        .body_bytes = ask->body != NULL ? strlen(ask->body) : 0,
        .timeout_us = ask->timeout_us > 0 ? ask->timeout_us : PATIENCE_US,
        .answer_bytes_max = 64 * 1024 * 1024,
    };
    return http_call(fixture.client, &call, ret_answer, &err);
}

/* The answer's JSON (NULL when it has none), which must come with that status. json_decref() it. */
static json_t *ask_json(const struct ask *ask, int status) {
    HTTP_ANSWER_AUTO answer = {0};
    struct err err = {0};
    json_t *json = NULL;
    assert_int_equal(ask_raw(ask, &answer), 0);
    if (answer.status != status) {
        fail_msg("%s %s: %d, not %d: %.300s", ask->method, ask->path, answer.status, status,
                 answer.body);
    }
    if (answer.body_bytes > 0 &&
        json_read(answer.body, answer.body_bytes, 64 * 1024 * 1024, 64, &json, &err) < 0) {
        fail_msg("%s %s: not JSON: %s", ask->method, ask->path, err.detail);
    }
    return json;
}

UNUSED static json_t *stripe_post(const char *path, const char *form, const char *key, int status) {
    const struct ask ask = {SANDBOX_STRIPE, "POST", path, form, STRIPE_AUTH, key, FORM, 0};
    return ask_json(&ask, status);
}

UNUSED static json_t *stripe_get(const char *path, int status) {
    const struct ask ask = {SANDBOX_STRIPE, "GET", path, NULL, STRIPE_AUTH, NULL, NULL, 0};
    return ask_json(&ask, status);
}

UNUSED static json_t *control(const char *method, const char *path, const char *body, int status) {
    const struct ask ask = {SANDBOX_CONTROL, method, path, body, NULL, NULL, NULL, 0};
    return ask_json(&ask, status);
}

UNUSED static void fault(const char *spec) {
    struct err err = {0};
    if (sandbox_fault(fixture.sandbox, spec, &err) < 0) {
        fail_msg("%s: %s", spec, err.detail);
    }
}

/* A figure of the book: stripe/paypal, currency, name. 0 when there is none. */
UNUSED static int64_t booked(const char *gateway, const char *currency, const char *name) {
    json_t *book = control("GET", "/book", NULL, 200);
    int64_t figure = json_peek_int(book, 0, "gateways", gateway, "currencies", currency, name,
                                   NULL);
    json_decref(book);
    return figure;
}

UNUSED static int64_t booked_twice(const char *what) {
    json_t *book = control("GET", "/book", NULL, 200);
    int64_t figure = json_peek_int(book, -1, "charged_twice", what, NULL);
    json_decref(book);
    return figure;
}

/* ---- callbacks ---- */

/* Waits until `count` callbacks have come; fails when they do not. */
UNUSED static void await_taken(int count) {
    int64_t deadline_us = clock_mono_us() + PATIENCE_US;
    lock_take(&fixture.lock);
    bool in_time = true;
    while (fixture.taken_count < count && in_time) {
        in_time = cond_wait_until(&fixture.came, &fixture.lock, deadline_us);
    }
    int came = fixture.taken_count;
    lock_give(&fixture.lock);
    if (came < count) {
        fail_msg("%d callbacks came, not %d", came, count);
    }
}

/* Waits until no callback is waiting or under way. */
UNUSED static void await_quiet(void) {
    int64_t deadline_us = clock_mono_us() + PATIENCE_US;
    for (;;) {
        json_t *json = control("GET", "/callbacks", NULL, 200);
        bool quiet = json_peek_int(json, 1, "waiting", NULL) == 0 &&
                     json_peek_int(json, 1, "under_way", NULL) == 0;
        json_decref(json);
        if (quiet) {
            return;
        }
        assert_true(clock_mono_us() < deadline_us);
        task_sleep_us(2 * US_PER_MS);
    }
}

/* How many callbacks of that type came. */
UNUSED static int taken_of(const char *key, const char *type) {
    int count = 0;
    lock_take(&fixture.lock);
    for (int i = 0; i < fixture.taken_count; i++) {
        const char *is = json_peek_text(fixture.taken[i].json, key, NULL);
        count += is != NULL && strcmp(is, type) == 0 ? 1 : 0;
    }
    lock_give(&fixture.lock);
    return count;
}

#endif
