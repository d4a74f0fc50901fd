/* SPDX-License-Identifier: Apache-2.0
 * gateway_fixture.h: a gateway whose HTTP answers are a script, and which remembers what it was
 * sent. For the tests of the adapters. Threads: the fake may be called from many tasks; the script
 * is taken in the order of arrival. */
#ifndef HOLDFAST_TESTS_GATEWAY_FIXTURE_H
#define HOLDFAST_TESTS_GATEWAY_FIXTURE_H

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/task.h"
#include "gateway/exchange.h"
#include "support/gateway_by_hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { FAKE_CALLS_MAX = 96, FAKE_BYTES_MAX = 8192, VECTOR_BYTES_MAX = 16 * 1024 };

/* One answer. `status` 0: none came, and `reach` and `failure` say how. `body` NULL: empty;
 * `body_bytes` 0: it is a text. */
struct step {
    int status;
    const char *body;
    enum http_reach reach;
    enum http_failure failure;
    size_t body_bytes;
};

struct sent {
    char method[8];
    char url[2048];
    char headers[2048]; /* "Name: value\n" each */
    char body[FAKE_BYTES_MAX];
    bool has_body, repeatable;
    int64_t timeout_us;
    struct http_bulkhead *bulkhead;
};

struct fake {
    struct lock lock;
    const struct step *steps;
    int step_count, next;
    struct sent sent[FAKE_CALLS_MAX];
    int sent_count;
    struct http_client *client;
    struct gateway gateway;
    struct gateway_call call;
    /* What persist() was told, after how many calls, and what it answers. */
    char persisted[GATEWAY_ID_CHARS_MAX + 1];
    int persisted_after, persist_count, persist_fails;
};

/* Everything that can happen to a call that is not answered. */
static const struct {
    enum http_reach reach;
    enum http_failure failure;
} fake_failures[] = {
    {HTTP_NOT_SENT, HTTP_FAIL_RESOLVE},   {HTTP_NOT_SENT, HTTP_FAIL_CONNECT},
    {HTTP_NOT_SENT, HTTP_FAIL_TLS},       {HTTP_NOT_SENT, HTTP_FAIL_BULKHEAD},
    {HTTP_NOT_SENT, HTTP_FAIL_TIMEOUT},   {HTTP_NOT_SENT, HTTP_FAIL_STOPPED},
    {HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT}, {HTTP_MAYBE_SENT, HTTP_FAIL_RESET},
    {HTTP_MAYBE_SENT, HTTP_FAIL_GARBLED}, {HTTP_MAYBE_SENT, HTTP_FAIL_TOO_LARGE},
    {HTTP_MAYBE_SENT, HTTP_FAIL_STOPPED},
};

static inline void fake_remember(struct sent *sent, const struct http_call *call) {
    snprintf(sent->method, sizeof(sent->method), "%s", call->method);
    snprintf(sent->url, sizeof(sent->url), "%s", call->url);
    size_t used = 0;
    for (int i = 0; i < call->header_count; i++) {
        used += (size_t)snprintf(sent->headers + used, sizeof(sent->headers) - used, "%s: %s\n",
                                 call->headers[i].name, call->headers[i].value);
        assert_true(used < sizeof(sent->headers));
    }
    assert_true(call->body_bytes < sizeof(sent->body));
    memcpy(sent->body, call->body != NULL ? call->body : "", call->body_bytes);
    sent->has_body = call->body != NULL;
    sent->repeatable = call->repeatable;
    sent->timeout_us = call->timeout_us;
    sent->bulkhead = call->bulkhead;
}

static inline int fake_call(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                            struct err *err) {
    struct fake *fake = ctx;
    lock_take(&fake->lock);
    INVARIANT(fake->sent_count < FAKE_CALLS_MAX, "the fake remembers that many calls");
    INVARIANT(fake->next < fake->step_count,
              "the adapter made a call that the test did not expect");
    fake_remember(&fake->sent[fake->sent_count++], call);
    struct step step = fake->steps[fake->next++];
    lock_give(&fake->lock);
    if (step.status == 0) {
        *ret_answer = (struct http_answer){
            .reach = step.reach, .failure = step.failure, .total_us = 7};
        return err_set(err, step.failure == HTTP_FAIL_TIMEOUT ? ERR_TIMEOUT : ERR_UNREACHABLE,
                       "it failed: %s", http_failure_name(step.failure));
    }
    static const struct http_header headers[] = {{"request-id", "req_1"},
                                                 {"paypal-debug-id", "dbg_1"}};
    const char *body = step.body != NULL ? step.body : "";
    http_answer_fill(ret_answer, step.status, headers, COUNT_OF(headers), body,
                     step.body_bytes > 0 ? step.body_bytes : strlen(body));
    ret_answer->total_us = 1000;
    return 0;
}

static inline int fake_persist(void *ctx, const char *gateway_id, struct err *err) {
    struct fake *fake = ctx;
    snprintf(fake->persisted, sizeof(fake->persisted), "%s", gateway_id);
    fake->persisted_after = fake->sent_count;
    fake->persist_count++;
    return fake->persist_fails ? err_set(err, ERR_STORE, "the disk is full") : 0;
}

static inline void fake_credential(struct fake *fake, const char *name, const char *value) {
    gateway_add_secret(&fake->gateway, name, value);
}

static inline void fake_option(struct fake *fake, const char *name, const char *value) {
    gateway_add_option(&fake->gateway, name, value);
}

static inline struct fake *fake_new(const struct gateway_adapter *adapter, const char *base_url) {
    static const struct http_client_ops ops = {fake_call, NULL};
    struct fake *fake = calloc(1, sizeof(*fake));
    assert_non_null(fake);
    crypto_init();
    lock_init(&fake->lock);
    fake->client = http_client_custom(&ops, fake);
    fake->gateway.adapter = adapter;
    snprintf(fake->gateway.name, sizeof(fake->gateway.name), "test");
    snprintf(fake->gateway.base_url, sizeof(fake->gateway.base_url), "%s", base_url);
    fake->gateway.bulkhead = http_bulkhead_new(1000);
    fake->call = (struct gateway_call){&fake->gateway, fake->client, INT64_MAX, fake_persist, fake};
    return fake;
}

static inline void fake_free(struct fake *fake) {
    gateway_take_apart(&fake->gateway);
    http_bulkhead_free(fake->gateway.bulkhead);
    http_client_free(fake->client);
    lock_free(&fake->lock);
    free(fake);
}

/* A new script; what was sent is forgotten. */
static inline void fake_script(struct fake *fake, const struct step *steps, int step_count) {
    fake->steps = steps;
    fake->step_count = step_count;
    fake->next = 0;
    memset(fake->sent, 0, (size_t)fake->sent_count * sizeof(fake->sent[0]));
    fake->sent_count = 0;
    fake->persisted[0] = '\0';
    fake->persist_count = 0;
    fake->call.deadline_us = clock_mono_us() + 60 * US_PER_SECOND;
}
#define FAKE_SCRIPT(fake, ...)                                                                     \
    fake_script((fake), (const struct step[]){__VA_ARGS__},                                        \
                (int)(sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step)))

/* Every step was used: the adapter did not stop early. */
static inline void assert_script_done(const struct fake *fake) {
    assert_int_equal(fake->next, fake->step_count);
}

static inline struct currency money_of(const char *code) {
    struct currency currency;
    struct err err;
    assert_int_equal(currency_parse(code, &currency, &err), 0);
    return currency;
}

static inline void vector_path(const char *name, char path[512]) {
    snprintf(path, 512, "%s/vectors/%s", TESTS_DIR, name);
}

/* A file of tests/vectors, without the line end at its end. Returns its length. */
static inline size_t vector_read(const char *name, char bytes[VECTOR_BYTES_MAX]) {
    char path[512];
    size_t count = 0;
    struct err err;
    vector_path(name, path);
    assert_int_equal(file_read(path, bytes, VECTOR_BYTES_MAX - 1, &count, &err), 0);
    while (count > 0 && bytes[count - 1] == '\n') {
        count--;
    }
    bytes[count] = '\0';
    return count;
}

/* The same as a credential. */
static inline void fake_file(struct fake *fake, const char *name, const char *vector) {
    char path[512];
    vector_path(vector, path);
    gateway_add_file(&fake->gateway, name, path);
}

#endif
