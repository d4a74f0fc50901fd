/* SPDX-License-Identifier: Apache-2.0
 * sandbox_gateway_fixture.h: one of our own adapters before a simulated gateway, and what the tests
 * ask it. For the test_sandbox_*.c programs; failures fail the test. */
#ifndef HOLDFAST_TESTS_SANDBOX_GATEWAY_FIXTURE_H
#define HOLDFAST_TESTS_SANDBOX_GATEWAY_FIXTURE_H

#include "sandbox_fixture.h"
#include "support/gateway_by_hand.h"

static struct gateway gateway;
static struct gateway_call call;
static enum sandbox_port gateway_port;

/* ---- putting it together: gateway_at(), its options and credentials, gateway_open() ---- */

static void gateway_at(const struct gateway_adapter *adapter, enum sandbox_port port) {
    gateway_port = port;
    gateway = (struct gateway){.adapter = adapter, .timeout_us = PATIENCE_US};
    snprintf(gateway.name, sizeof(gateway.name), "%s", adapter->name);
    snprintf(gateway.base_url, sizeof(gateway.base_url), "http://127.0.0.1:%d",
             sandbox_port(fixture.sandbox, port));
    snprintf(gateway.callback_url, sizeof(gateway.callback_url), "%s", fixture.hook_url);
}

UNUSED static void option(const char *name, const char *value) {
    gateway_add_option(&gateway, name, value);
}

static void credential(const char *name, const char *value) {
    gateway_add_secret(&gateway, name, value);
}

/* What this sandbox shows of its keys and certificates. */
static const char *paper(const char *name) {
    const char *text = sandbox_paper(fixture.sandbox, gateway_port, name);
    assert_non_null(text);
    return text;
}

static void gateway_open(void) {
    struct err err = {0};
    if (gateway.adapter->open(&gateway, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    call = (struct gateway_call){.gateway = &gateway, .client = fixture.client};
}

static int stop(void **state) {
    gateway_take_apart(&gateway);
    fixture_stop();
    return 0;
}

/* ---- asking it ---- */

static void patience(int64_t us) {
    call.deadline_us = clock_mono_us() + us;
}

static void assert_is(const struct gateway_result *result, enum gateway_outcome wanted) {
    if (result->outcome != wanted) {
        fail_msg("%s (%s: %s), not %s", gateway_outcome_name(result->outcome), result->code,
                 result->message, gateway_outcome_name(wanted));
    }
}

typedef void change_fn(const struct gateway_call *call, const struct gateway_change *change,
                       struct gateway_result *ret_result);

/* What the adapter makes of a callback that came, with that body. */
static int verify_as(const struct taken *taken, const char *body, struct gateway_event *ret_event) {
    struct err err = {0};
    const struct gateway_callback_request request = {
        .headers = taken->headers,
        .header_count = taken->header_count,
        .body = body,
        .body_bytes = strlen(body),
        .now_us = clock_wall_us(),
    };
    memset(ret_event, 0, sizeof(*ret_event));
    patience(PATIENCE_US);
    return gateway.adapter->verify_callback(&call, &request, ret_event, &err);
}

/* The same of callback `number` as it came. */
UNUSED static int verify(int number, struct gateway_event *ret_event) {
    lock_take(&fixture.lock);
    const struct taken *taken = &fixture.taken[number];
    lock_give(&fixture.lock);
    return verify_as(taken, taken->body, ret_event);
}

#endif
