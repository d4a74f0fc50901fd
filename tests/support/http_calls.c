/* SPDX-License-Identifier: Apache-2.0
 * http_calls.c: calls and expectations that the tests of the HTTP client share. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support/http_calls.h"

char *large_body(void) {
    char *body = malloc(LARGE_BODY_BYTES + 1);
    assert_non_null(body);
    memset(body, 'x', LARGE_BODY_BYTES);
    body[LARGE_BODY_BYTES] = '\0';
    return body;
}

struct http_client *new_client(const struct http_client_options *options) {
    struct http_client *client = NULL;
    struct err err = {0};
    assert_int_equal(http_client_new(options, &client, &err), 0);
    return client;
}

struct http_client *plain_client(void) {
    return new_client(&(struct http_client_options){0});
}

struct raw_server *serve_one(const struct raw_step *script) {
    return raw_server_start(&(struct raw_options){.scripts = {script}});
}

const char *url_of(int port, char url[CALL_URL_MAX]) {
    snprintf(url, CALL_URL_MAX, "http://127.0.0.1:%d/v1/charges", port);
    return url;
}

struct http_call get_call(const char *url) {
    return (struct http_call){
        .method = "GET", .url = url, .timeout_us = LONG_US, .repeatable = true};
}

struct http_call post_call(const char *url, const char *body) {
    return (struct http_call){.method = "POST",
                              .url = url,
                              .timeout_us = LONG_US,
                              .body = body,
                              .body_bytes = strlen(body)};
}

void assert_outcome(const char *name, const struct http_answer *answer, enum http_reach reach,
                    enum http_failure failure) {
    if (answer->reach != reach || answer->failure != failure) {
        fail_msg("%s: reach %d and failure %s; expected %d and %s", name, answer->reach,
                 http_failure_name(answer->failure), reach, http_failure_name(failure));
    }
}

void assert_answered(struct http_client *client, const struct http_call *call, int status) {
    HTTP_ANSWER_AUTO answer;
    struct err err = {0};
    int rc = http_call(client, call, &answer, &err);
    assert_outcome(err.detail, &answer, HTTP_ANSWERED, HTTP_FAIL_NONE);
    assert_int_equal(rc, 0);
    assert_int_equal(answer.status, status);
}

void assert_failed(struct http_client *client, const struct http_call *call, enum http_reach reach,
                   enum http_failure failure) {
    HTTP_ANSWER_AUTO answer;
    struct err err = {0};
    int rc = http_call(client, call, &answer, &err);
    assert_outcome(err.detail, &answer, reach, failure);
    assert_int_equal(rc, failure == HTTP_FAIL_TIMEOUT ? -ERR_TIMEOUT : -ERR_UNREACHABLE);
    assert_int_equal(answer.status, 0);
    assert_null(answer.body);
    assert_string_not_equal(err.detail, "");
}

static void fly(void *arg) {
    struct flight *flight = arg;
    flight->rc = http_call(flight->client, &flight->call, &flight->answer, &flight->err);
}

void take_off(struct flight *flight) {
    flight->task = task_start("flight", 0, fly, flight);
    assert_non_null(flight->task);
}

void land(struct flight *flight) {
    task_join(flight->task);
}
