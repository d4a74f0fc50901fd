/* SPDX-License-Identifier: Apache-2.0
 * test_front.c: the front's ladder but for what a body may hold (test_front_input.c) and who may do
 * what (test_auth.c): paths and methods, the two listeners, Idempotency-Key, callbacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/front.h"
#include "api/openapi.h"
#include "base/clock.h"
#include "gateway/stripe/stripe_sign.h"
#include "support/api_fixture.h"
#include "support/test_clock.h"

/* A path of this row, with something in the place of {…}. */
static void path_of(const struct front_route *route, char ret_path[200]) {
    const char *open = strchr(route->path, '{');
    if (open == NULL) {
        snprintf(ret_path, 200, "%s", route->path);
        return;
    }
    snprintf(ret_path, 200, "%.*s%s%s", (int)(open - route->path), route->path, "nobody",
             strchr(open, '}') + 1);
}

/* ---- paths and methods ---- */

static void each_path_is_served_on_its_listeners_and_on_no_other(void **state) {
    (void)state;
    for (int i = 0; i < front_route_count(); i++) {
        struct front_route route;
        char path[200];
        front_route(i, &route);
        path_of(&route, path);
        for (int internal = 0; internal < 2; internal++) {
            bool served = internal ? route.internal : route.public;
            API_REPLY_AUTO reply;
            api_ask(&the_api,
                    &(struct api_ask){.method = route.method, .path = path, .internal = internal},
                    &reply);
            bool nothing = reply.status == 404 &&
                           strstr(reply.body, "nothing is served at this path") != NULL;
            if (nothing == served) {
                fail_msg("%s %s on the %s listener: %d %s", route.method, path,
                         internal ? "internal" : "public", reply.status, reply.body);
            }
        }
    }
}

static void the_public_listener_knows_no_internal_path(void **state) {
    (void)state;
    static const char *const paths[] = {"/metrics",
                                        "/internal",
                                        "/internal/",
                                        "/internal/api/payments/stuck",
                                        "/internal/api/system/enable-fallback-gateway",
                                        "/internal/api/audit/verify"};
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "OPTIONS"};
    char admin[API_KEY_CHARS + 1];
    api_key(&the_api, "admin", "", admin);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        for (size_t j = 0; j < COUNT_OF(methods); j++) {
            API_REPLY_AUTO reply;
            api_ask(&the_api,
                    &(struct api_ask){
                        .method = methods[j], .path = paths[i], .key = admin, .once = "*"},
                    &reply);
            assert_int_equal(reply.status, 404);
            assert_string_equal(reply_problem(&reply), "not-found");
            assert_string_equal(reply_header(&reply, "Allow"), "");
        }
    }
}

static void a_path_that_is_nearly_right_is_not_served(void **state) {
    (void)state;
    static const char *const paths[] = {"/",
                                        "/v1",
                                        "/v1/",
                                        "/v1/payments/",
                                        "/V1/payments",
                                        "/v1/payments//events",
                                        "/v1/payments/pay_1/events/",
                                        "/v1/payments/pay_1/nothing",
                                        "/v1/payments/pay_1/refunds/re_1",
                                        "/v2/payments",
                                        "/v1/gateways/a/b/enable",
                                        "*"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        assert_int_equal(
            api_status(&the_api, &(struct api_ask){.path = paths[i], .internal = true}), 404);
    }
}

static void what_stands_for_an_id_has_a_limit(void **state) {
    (void)state;
    char path[300];
    memset(path, 'a', sizeof path);
    memcpy(path, "/v1/payments/", strlen("/v1/payments/"));
    path[strlen("/v1/payments/") + FRONT_PARAM_CHARS_MAX + 1] = '\0';
    API_REPLY_AUTO reply;
    api_ask(&the_api, &(struct api_ask){.path = path, .internal = true}, &reply);
    assert_int_equal(reply.status, 404);
    assert_non_null(strstr(reply.body, "nothing is served"));
}

static void a_wrong_method_is_told_which_are_right(void **state) {
    (void)state;
    static const struct {
        const char *method, *path, *allow;
    } rows[] = {
        {"PUT", "/v1/payments", "POST, GET, HEAD"},
        {"DELETE", "/v1/payments/pay_1", "GET, HEAD"},
        {"GET", "/v1/payments/pay_1/capture", "POST"},
        {"HEAD", "/v1/payments/pay_1/capture", "POST"},
        {"OPTIONS", "/v1/session", "POST, GET, HEAD, DELETE"},
        {"POST", "/healthz", "GET, HEAD"},
        {"GET", "/v1/webhooks/ep_1", "PATCH, DELETE"},
        {"GET", "/callbacks/stripe-a", "POST"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        API_REPLY_AUTO reply;
        api_ask(&the_api, &(struct api_ask){.method = rows[i].method, .path = rows[i].path},
                &reply);
        assert_int_equal(reply.status, 405);
        assert_string_equal(reply_problem(&reply), "method-not-allowed");
        assert_string_equal(reply_header(&reply, "Allow"), rows[i].allow);
    }
}

static void head_is_answered_where_get_is(void **state) {
    (void)state;
    for (int i = 0; i < front_route_count(); i++) {
        struct front_route route;
        char path[200];
        front_route(i, &route);
        path_of(&route, path);
        bool get = strcmp(route.method, "GET") == 0;
        if (get && route.internal) {
            int of_get = api_status(&the_api, &(struct api_ask){.path = path, .internal = true});
            int of_head = api_status(
                &the_api, &(struct api_ask){.method = "HEAD", .path = path, .internal = true});
            assert_int_equal(of_get, of_head);
        }
    }
}

static void the_contract_is_served_as_it_was_built_in(void **state) {
    (void)state;
    API_REPLY_AUTO reply;
    api_ask(&the_api, &(struct api_ask){.path = "/v1/openapi.yaml"}, &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply_header(&reply, "Content-Type"), "application/yaml");
    assert_int_equal(strlen(reply.body), openapi_bytes);
    assert_memory_equal(reply.body, openapi_text, openapi_bytes);
}

/* ---- the internal listener ---- */

static int internal_with(const char *name, const char *value) {
    return api_status(&the_api, &(struct api_ask){.path = "/internal/api/system/backlog",
                                                  .internal = true,
                                                  .more = {{name, value}}});
}

static void the_internal_listener_refuses_what_a_proxy_or_a_page_sends(void **state) {
    (void)state;
    static const char *const names[] = {
        "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP",
        "Via",       "Origin",          "x-forwarded-for"};
    int64_t before = api_changes(&the_api);
    assert_int_equal(internal_with("X-Harmless", "1"), 200);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        API_REPLY_AUTO reply;
        api_ask(&the_api,
                &(struct api_ask){.method = "POST",
                                  .path = "/internal/api/system/enable-fallback-gateway",
                                  .internal = true,
                                  .more = {{names[i], "http://127.0.0.1:3000"}}},
                &reply);
        assert_int_equal(reply.status, 403);
        assert_string_equal(reply_problem(&reply), "forbidden");
        assert_int_equal(strcasecmp(reply_text(&reply, "place"), names[i]), 0);
    }
    assert_int_equal(api_changes(&the_api), before);
}

static void the_internal_listener_answers_to_a_loopback_name_only(void **state) {
    (void)state;
    static const struct {
        const char *host;
        int status;
    } rows[] = {
        {"localhost", 200},
        {"localhost:3000", 200},
        {"LocalHost:3000", 200},
        {"127.0.0.1", 200},
        {"127.0.0.1:3000", 200},
        {"[::1]", 200},
        {"[::1]:3000", 200},
        {"", 403},
        {"evil.example", 403},
        {"localhost.evil.example", 403},
        {"127.0.0.1.evil.example", 403},
        {"127.0.0.10", 403},
        {"localhostess", 403},
        {"10.0.0.1:3000", 403},
        {"[::2]", 403},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int status = api_status(&the_api, &(struct api_ask){.path = "/internal/api/system/backlog",
                                                            .internal = true,
                                                            .host = rows[i].host});
        if (status != rows[i].status) {
            fail_msg("Host %s: %d", rows[i].host, status);
        }
    }
}

static void the_public_listener_may_stand_behind_a_proxy(void **state) {
    (void)state;
    assert_int_equal(
        api_status(&the_api, &(struct api_ask){.path = "/healthz",
                                               .host = "shop.example",
                                               .more = {{"X-Forwarded-For", "203.0.113.7"}}}),
        200);
}

/* ---- Idempotency-Key ---- */

static const char order[] =
    "{\"order_id\":\"%s\",\"amount\":1999,\"currency\":\"USD\",\"method\":\"card\","
    "\"tokens\":{\"stripe-a\":\"pm_good\"}}";

static void pay(const char *order_id, const char *once, struct api_reply *ret_reply) {
    char body[400];
    snprintf(body, sizeof body, order, order_id);
    api_ask(
        &the_api,
        &(struct api_ask){
            .method = "POST", .path = "/v1/payments", .internal = true, .once = once, .body = body},
        ret_reply);
}

static void a_key_of_the_wrong_form_is_refused_and_changes_nothing(void **state) {
    (void)state;
    char longest[257];
    memset(longest, 'k', sizeof longest);
    longest[256] = '\0';
    const struct {
        const char *once;
        int status;
        const char *problem;
    } rows[] = {
        {NULL, 400, "idempotency-required"}, {"", 400, "idempotency-required"},
        {longest, 422, "validation"},        {"two words", 422, "validation"},
        {"tab\there", 422, "validation"},    {"umlaut-\xc3\xa4", 422, "validation"},
        {"del\x7f", 422, "validation"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t before = api_changes(&the_api);
        API_REPLY_AUTO reply;
        pay("never", rows[i].once, &reply);
        assert_int_equal(reply.status, rows[i].status);
        assert_string_equal(reply_problem(&reply), rows[i].problem);
        assert_string_equal(reply_text(&reply, "place"), "Idempotency-Key");
        assert_int_equal(api_changes(&the_api), before);
    }
    longest[255] = '\0';
    API_REPLY_AUTO reply;
    pay("longest", longest, &reply);
    assert_int_equal(reply.status, 201);
}

static void every_route_that_needs_a_key_says_so(void **state) {
    (void)state;
    for (int i = 0; i < front_route_count(); i++) {
        struct front_route route;
        char path[200];
        front_route(i, &route);
        path_of(&route, path);
        if (!route.key_needed) {
            continue;
        }
        int64_t before = api_changes(&the_api);
        API_REPLY_AUTO reply;
        api_ask(
            &the_api,
            &(struct api_ask){.method = route.method, .path = path, .internal = true, .body = "{}"},
            &reply);
        assert_int_equal(reply.status, 400);
        assert_string_equal(reply_problem(&reply), "idempotency-required");
        assert_int_equal(api_changes(&the_api), before);
    }
}

static void the_same_request_again_gets_the_same_answer(void **state) {
    (void)state;
    API_REPLY_AUTO first;
    API_REPLY_AUTO again;
    pay("twice", "twice-1", &first);
    int64_t before = api_changes(&the_api);
    int calls = fake_calls(the_api.fake, 0, "*");
    pay("twice", "twice-1", &again);
    assert_int_equal(first.status, 201);
    assert_int_equal(again.status, 201);
    assert_string_equal(reply_header(&first, "Idempotent-Replayed"), "");
    assert_string_equal(reply_header(&again, "Idempotent-Replayed"), "true");
    assert_string_equal(first.body, again.body);
    assert_int_equal(api_changes(&the_api), before);
    assert_int_equal(fake_calls(the_api.fake, 0, "*"), calls);
}

static void a_key_comes_only_with_its_own_request(void **state) {
    (void)state;
    char body[400];
    API_REPLY_AUTO first;
    pay("mine", "one-request", &first);
    assert_int_equal(first.status, 201);
    snprintf(body, sizeof body, order, "mine");
    const struct api_ask others[] = {
        {.path = "/v1/payments",
         .body = "{\"order_id\":\"other\",\"amount\":1,\"currency\":\"USD\","
                 "\"method\":\"card\",\"token\":\"pm_good\"}"},
        {.path = "/v1/payments", .query = "&", .body = body},
        {.path = "/v1/routing/fallback", .body = "{\"reason\":\"test\"}"},
        {.path = "/v1/gateways/stripe-a/drain", .body = "{\"reason\":\"test\"}"},
    };
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct api_ask ask = others[i];
        ask.method = "POST";
        ask.once = "one-request";
        ask.internal = true;
        int64_t before = api_changes(&the_api);
        API_REPLY_AUTO reply;
        api_ask(&the_api, &ask, &reply);
        assert_int_equal(reply.status, 422);
        assert_string_equal(reply_problem(&reply), "idempotency-mismatch");
        assert_int_equal(api_changes(&the_api), before);
    }
}

/* A second copy of a request that was refused for good is told the same for as long as its key is
 * kept, though it could be taken by then; of one that was told "later" it is taken. */
static void a_refusal_for_good_stays_one_and_a_refusal_for_now_does_not(void **state) {
    (void)state;
    char path[100];
    API_REPLY_AUTO first;
    api_pay(&the_api, "refused", "\"capture\":\"manual\"", &first);
    assert_int_equal(first.status, 201);
    API_REPLY_AUTO told;
    pay("refused", "copied", &told);
    assert_int_equal(told.status, 409);
    assert_string_equal(reply_problem(&told), "order-taken");
    assert_string_equal(reply_header(&told, "Idempotent-Replayed"), "");
    snprintf(path, sizeof path, "/v1/payments/%s/cancel", reply_text(&first, "id"));
    assert_int_equal(api_status(&the_api, &(struct api_ask){.method = "POST",
                                                            .path = path,
                                                            .internal = true,
                                                            .once = "*",
                                                            .body = "{}"}),
                     201);
    API_REPLY_AUTO copy;
    pay("refused", "copied", &copy);
    assert_int_equal(copy.status, 409);
    assert_string_equal(copy.body, told.body);
    assert_string_equal(reply_header(&copy, "Idempotent-Replayed"), "true");
    assert_string_equal(reply_header(&copy, "Content-Type"), "application/problem+json");
    API_REPLY_AUTO later;
    pay("refused", "new", &later);
    assert_int_equal(later.status, 201);

    struct api_ask step = {.method = "POST",
                           .path = "/v1/mode",
                           .internal = true,
                           .once = "*",
                           .body = "{\"step\":\"read_only\",\"reason\":\"test\"}"};
    assert_int_equal(api_status(&the_api, &step), 200);
    API_REPLY_AUTO closed;
    pay("closed", "closed", &closed);
    assert_int_equal(closed.status, 503);
    step.body = "{\"step\":\"auto\",\"end_read_only\":true,\"reason\":\"test\"}";
    assert_int_equal(api_status(&the_api, &step), 200);
    API_REPLY_AUTO open;
    pay("closed", "closed", &open);
    assert_int_equal(open.status, 201);
}

static void two_callers_may_use_the_same_key(void **state) {
    (void)state;
    char one[API_KEY_CHARS + 1], two[API_KEY_CHARS + 1], body[400];
    api_key(&the_api, "operator", "", one);
    api_key(&the_api, "operator", "", two);
    const struct { const char *key, *order_id; } rows[] = {{one, "of-one"}, {two, "of-two"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        snprintf(body, sizeof body, order, rows[i].order_id);
        API_REPLY_AUTO reply;
        api_ask(&the_api,
                &(struct api_ask){.method = "POST",
                                  .path = "/v1/payments",
                                  .key = rows[i].key,
                                  .once = "shared",
                                  .body = body},
                &reply);
        assert_int_equal(reply.status, 201);
        assert_string_equal(reply_text(&reply, "order_id"), rows[i].order_id);
    }
}

struct meanwhile {
    int asked, status;
    char problem[40], retry_after[8];
};

/* While the first request waits for its gateway, the same comes again. */
static void ask_again(void *ctx, int account, const char *call, bool done) {
    struct meanwhile *meanwhile = ctx;
    (void)account;
    (void)call;
    if (done || meanwhile->asked++ > 0) {
        return;
    }
    API_REPLY_AUTO reply;
    pay("in-flight", "in-flight", &reply);
    meanwhile->status = reply.status;
    snprintf(meanwhile->problem, sizeof meanwhile->problem, "%s", reply_problem(&reply));
    snprintf(meanwhile->retry_after, sizeof meanwhile->retry_after, "%s",
             reply_header(&reply, "Retry-After"));
}

static void a_repeat_while_the_first_still_runs_waits(void **state) {
    (void)state;
    struct meanwhile meanwhile = {0};
    fake_hook(the_api.fake, ask_again, &meanwhile);
    API_REPLY_AUTO reply;
    pay("in-flight", "in-flight", &reply);
    fake_hook(the_api.fake, NULL, NULL);
    assert_int_equal(reply.status, 201);
    assert_int_equal(meanwhile.status, 409);
    assert_string_equal(meanwhile.problem, "idempotency-in-flight");
    assert_string_equal(meanwhile.retry_after, "1");
    int64_t taken = 0;
    assert_int_equal(fake_charged(the_api.fake, "in-flight", &taken), 1);
}

static void on_the_runbooks_paths_the_key_is_optional_and_works(void **state) {
    (void)state;
    static const char path[] = "/internal/api/system/enable-fallback-gateway";
    struct api_ask ask = {.method = "POST", .path = path, .internal = true};
    assert_int_equal(api_status(&the_api, &ask), 200);
    ask.once = "runbook";
    assert_int_equal(api_status(&the_api, &ask), 200);
    API_REPLY_AUTO again;
    api_ask(&the_api, &ask, &again);
    assert_string_equal(reply_header(&again, "Idempotent-Replayed"), "true");
    ask.once = "not good";
    assert_int_equal(api_status(&the_api, &ask), 422);
    ask.once = NULL;
    ask.path = "/internal/api/system/disable-fallback-gateway";
    assert_int_equal(api_status(&the_api, &ask), 200);
}

/* ---- the runbook's paths, as it writes them ---- */

static void the_runbooks_own_paths_work_as_written(void **state) {
    (void)state;
    struct api_reply paid;
    char path[120];
    api_pay(&the_api, "runbook", "\"customer\":{\"id\":\"c1\"}", &paid);
    snprintf(path, sizeof path, "/payment/transactions/%s/refund", reply_text(&paid, "id"));
    api_reply_release(&paid);
    const struct {
        const char *path, *body;
        int status;
    } rows[] = {
        {path, "{\"amount\":100,\"reason\":\"duplicate\",\"refundToOriginalMethod\":true}", 201},
        {path, "{\"amount\":100,\"reason\":\"goodwill\",\"refundToOriginalMethod\":false}", 201},
        {"/internal/api/payment/switch-gateway",
         "{\"primaryGateway\":\"stripe-b\",\"reason\":\"stripe-a is down\"}", 200},
        {"/internal/api/payment/switch-gateway",
         "{\"primaryGateway\":\"nobody\",\"reason\":\"stripe-a is down\"}", 404},
        {"/internal/api/system/enable-fallback-gateway", NULL, 200},
        {"/internal/api/system/disable-fallback-gateway", "{\"reason\":\"over\"}", 200},
        {"/internal/api/system/refresh-db-connections", NULL, 200},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        API_REPLY_AUTO reply;
        api_ask(&the_api,
                &(struct api_ask){
                    .method = "POST", .path = rows[i].path, .internal = true, .body = rows[i].body},
                &reply);
        if (reply.status != rows[i].status) {
            fail_msg("%s: %d %s", rows[i].path, reply.status, reply.body);
        }
    }
    assert_int_equal(
        api_int(&the_api, "SELECT COUNT(*) FROM operation WHERE kind = 3 AND state = 4"), 2);
    assert_int_equal(api_status(&the_api, &(struct api_ask){.path = "/payment/health"}), 200);
    API_REPLY_AUTO back;
    api_ask(&the_api,
            &(struct api_ask){.method = "POST",
                              .path = "/v1/routing/primary",
                              .internal = true,
                              .once = "*",
                              .body = "{\"reason\":\"over\"}"},
            &back);
    assert_int_equal(back.status, 200);
}

static void refund_of(const char *payment_id, const char *body, const char *key, const char *once,
                      struct api_reply *ret_reply) {
    char path[120];
    snprintf(path, sizeof path, "/payment/transactions/%s/refund", payment_id);
    api_ask(&the_api,
            &(struct api_ask){.method = "POST",
                              .path = path,
                              .internal = key == NULL,
                              .key = key,
                              .once = once,
                              .body = body},
            ret_reply);
    assert_int_equal(ret_reply->status, 201);
}

static void a_refund_without_a_key_that_is_sent_again_is_the_same_for_a_minute(void **state) {
    (void)state;
    static const char body[] = "{\"amount\":100,\"reason\":\"duplicate\"}";
    char id[ID_TEXT_MAX], key[API_KEY_CHARS + 1];
    API_REPLY_AUTO paid;
    api_pay(&the_api, "unkeyed", "", &paid);
    snprintf(id, sizeof id, "%s", reply_text(&paid, "id"));
    api_key(&the_api, "support", "", key);
    test_clock_freeze(true);
    /* So that a minute of the wall clock ends between the two. */
    test_clock_advance(60 * US_PER_SECOND - clock_wall_us() % (60 * US_PER_SECOND) - 1);
    API_REPLY_AUTO first;
    API_REPLY_AUTO again;
    API_REPLY_AUTO last;
    API_REPLY_AUTO later = {0};
    refund_of(id, body, NULL, NULL, &first);
    assert_string_equal(reply_header(&first, "Idempotent-Replayed"), "");
    test_clock_advance(2);
    refund_of(id, body, NULL, NULL, &again);
    assert_string_equal(reply_header(&again, "Idempotent-Replayed"), "true");
    assert_string_equal(again.body, first.body);
    test_clock_advance(60 * US_PER_SECOND - 3);
    refund_of(id, body, NULL, NULL, &last);
    assert_string_equal(reply_text(&last, "id"), reply_text(&first, "id"));
    /* The minute counts from the first; then it is a new one, with a minute of its own. */
    test_clock_advance(1);
    for (int i = 0; i < 2; i++) {
        api_reply_release(&later);
        refund_of(id, body, NULL, NULL, &later);
        assert_string_equal(reply_header(&later, "Idempotent-Replayed"), i == 0 ? "" : "true");
        assert_string_not_equal(reply_text(&later, "id"), reply_text(&first, "id"));
    }
    /* Another body, another caller and a key of its own are others. */
    const struct {
        const char *body, *key, *once;
    } others[] = {{"{\"amount\":101,\"reason\":\"duplicate\"}", NULL, NULL},
                  {body, key, NULL},
                  {body, NULL, "mine"}};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        API_REPLY_AUTO other;
        refund_of(id, others[i].body, others[i].key, others[i].once, &other);
        assert_string_equal(reply_header(&other, "Idempotent-Replayed"), "");
    }
    char sql[120];
    snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM operation WHERE kind = 3 AND payment_id = '%s'",
             id);
    assert_int_equal(api_int(&the_api, sql), 5);
    test_clock_freeze(false);
}

static void a_token_for_no_gateway_is_taken_with_a_warning(void **state) {
    (void)state;
    static const char body[] =
        "{\"order_id\":\"misspelt\",\"amount\":1999,\"currency\":\"USD\",\"method\":\"card\","
        "\"tokens\":{\"stripe-a\":\"pm_good\",\"strip-b\":\"pm_good\",\"x\\\"y\":\"pm_good\"}}";
    for (int i = 0; i < 2; i++) {
        API_REPLY_AUTO reply;
        api_ask(&the_api,
                &(struct api_ask){.method = "POST",
                                  .path = "/v1/payments",
                                  .internal = true,
                                  .once = "misspelt",
                                  .body = body},
                &reply);
        assert_int_equal(reply.status, 201);
        assert_string_equal(reply_text(&reply, "state"), "succeeded");
        assert_string_equal(reply_header(&reply, "Idempotent-Replayed"), i == 0 ? "" : "true");
        const json_t *warnings = json_object_get(reply.json, "warnings");
        assert_int_equal(json_array_size(warnings), 2);
        const json_t *one = json_array_get(warnings, 0);
        assert_string_equal(json_string_value(json_object_get(one, "code")), "unknown_gateway");
        assert_string_equal(json_string_value(json_object_get(one, "place")), "/tokens/strip-b");
    }
    API_REPLY_AUTO good;
    api_pay(&the_api, "well-spelt", "", &good);
    assert_int_equal(good.status, 201);
    assert_null(json_object_get(good.json, "warnings"));
}

/* ---- callbacks ---- */

static int callback(const char *gateway, const char *body, const char *signature,
                    struct api_reply *ret_reply) {
    char path[80];
    snprintf(path, sizeof path, "/callbacks/%s", gateway);
    api_ask(&the_api,
            &(struct api_ask){
                .method = "POST",
                .path = path,
                .body = body,
                .more = {{"Stripe-Signature", signature}, {"Authorization", "Basic Zm9yIHVz"}}},
            ret_reply);
    return ret_reply->status;
}

static void sign(const char *body, char ret_header[STRIPE_SIGNATURE_CHARS_MAX + 1]) {
    struct stripe_secret secret = {FAKE_WEBHOOK_SECRET, strlen(FAKE_WEBHOOK_SECRET)};
    stripe_sign(&secret, clock_wall_us() / US_PER_SECOND, body, strlen(body), ret_header);
}

static int fail_all(void *ctx, const char *sql) {
    (void)ctx;
    (void)sql;
    return 1;
}

static void callbacks_are_answered_in_the_gateways_own_words(void **state) {
    (void)state;
    API_REPLY_AUTO paid;
    api_pay(&the_api, "called-back", "", &paid);
    struct fake_event event = fake_event(the_api.fake, fake_event_count(the_api.fake) - 1);
    char header[STRIPE_SIGNATURE_CHARS_MAX + 1];
    sign(event.body, header);
    for (int i = 0; i < 2; i++) {
        API_REPLY_AUTO reply;
        assert_int_equal(callback("stripe-a", event.body, header, &reply), 200);
        assert_string_equal(reply.body, "{\"received\":true}");
    }
    assert_int_equal(api_int(&the_api, "SELECT COUNT(*) FROM callback"), 1);
    assert_int_equal(api_int(&the_api, "SELECT duplicates FROM callback"), 1);
}

static void a_callback_that_is_not_genuine_is_refused_and_not_kept(void **state) {
    (void)state;
    static const char body[] = "{\"id\":\"evt_forged\",\"type\":\"payment_intent.succeeded\"}";
    char wrong[STRIPE_SIGNATURE_CHARS_MAX + 1], empty[STRIPE_SIGNATURE_CHARS_MAX + 1],
        stale[STRIPE_SIGNATURE_CHARS_MAX + 1];
    struct stripe_secret secret = {FAKE_WEBHOOK_SECRET, strlen(FAKE_WEBHOOK_SECRET)};
    sign(body, wrong);
    wrong[strlen(wrong) - 1] ^= 1;
    sign("{}", empty);
    stripe_sign(&secret, clock_wall_us() / US_PER_SECOND - 3600, body, strlen(body), stale);
    int64_t before = api_changes(&the_api);
    const struct {
        const char *gateway, *body, *signature;
    } rows[] = {
        {"stripe-a", body, wrong},       {"stripe-a", body, ""},    {"stripe-a", body, "t=1,v1=00"},
        {"stripe-a", body, stale},       {"stripe-a", "", wrong},   {"stripe-a", "{}", empty},
        {"stripe-a", "not JSON", wrong}, {"paypal-a", body, wrong}, {"paypal-a", "", ""},
    };
    char first[1024] = "";
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        API_REPLY_AUTO reply;
        assert_int_equal(callback(rows[i].gateway, rows[i].body, rows[i].signature, &reply), 400);
        assert_string_equal(reply_problem(&reply), "bad-signature");
        /* Whatever was wrong, the answer is the same to the byte: nothing is learnt from it. */
        if (i == 0) {
            snprintf(first, sizeof first, "%s", reply.body);
        }
        assert_string_equal(reply.body, first);
    }
    API_REPLY_AUTO nobody;
    assert_int_equal(callback("nobody", body, wrong, &nobody), 404);
    assert_string_equal(reply_problem(&nobody), "not-found");
    assert_int_equal(api_changes(&the_api), before);
}

/* A callback of PayPal's that is well formed, so that its certificate is fetched. */
static int paypal_callback(const char *cert_url, struct api_reply *ret_reply) {
    static const char body[] = "{\"id\":\"WH-1\",\"event_type\":\"PAYMENT.CAPTURE.COMPLETED\"}";
    char time[CLOCK_TEXT_MAX];
    api_ask(&the_api,
            &(struct api_ask){
                .method = "POST",
                .path = "/callbacks/paypal-a",
                .body = body,
                .more = {{"PAYPAL-TRANSMISSION-ID", "tx-1"},
                         {"PAYPAL-TRANSMISSION-TIME", clock_format(clock_wall_us(), time)},
                         {"PAYPAL-TRANSMISSION-SIG", "c2lnbmF0dXJl"},
                         {"PAYPAL-AUTH-ALGO", "SHA256withRSA"},
                         {"PAYPAL-CERT-URL", cert_url}}},
            ret_reply);
    return ret_reply->status;
}

static void a_callback_that_we_cannot_check_or_store_is_our_trouble(void **state) {
    (void)state;
    int64_t before = api_changes(&the_api);
    API_REPLY_AUTO unfetched;
    API_REPLY_AUTO elsewhere;
    /* Nobody answers for this gateway, so the certificate cannot be fetched. */
    assert_int_equal(
        paypal_callback("http://127.0.0.1:7999/v1/notifications/certs/CERT-1", &unfetched), 503);
    assert_string_equal(reply_problem(&unfetched), "unreachable");
    assert_string_equal(reply_header(&unfetched, "Retry-After"), "1");
    /* One that somebody else serves is no certificate of PayPal's: refused without a fetch. */
    assert_int_equal(paypal_callback("https://certs.example/CERT-1", &elsewhere), 400);
    assert_string_equal(reply_problem(&elsewhere), "bad-signature");
    assert_int_equal(api_changes(&the_api), before);
    API_REPLY_AUTO paid;
    API_REPLY_AUTO unstored;
    API_REPLY_AUTO stored;
    api_pay(&the_api, "store-down", "", &paid);
    struct fake_event event = fake_event(the_api.fake, fake_event_count(the_api.fake) - 1);
    char header[STRIPE_SIGNATURE_CHARS_MAX + 1];
    sign(event.body, header);
    store_fault_set(the_api.service->store, fail_all, NULL);
    assert_int_equal(callback("stripe-a", event.body, header, &unstored), 503);
    store_fault_set(the_api.service->store, NULL, NULL);
    assert_string_equal(reply_problem(&unstored), "store-unavailable");
    assert_int_equal(callback("stripe-a", event.body, header, &stored), 200);
}

static void the_databases_own_words_are_for_operators_only(void **state) {
    (void)state;
    API_REPLY_AUTO stranger;
    API_REPLY_AUTO operator;
    store_fault_set(the_api.service->store, fail_all, NULL);
    api_ask(&the_api, &(struct api_ask){.path = "/v1/payments", .key = "hk_unknown"}, &stranger);
    api_ask(&the_api, &(struct api_ask){.path = "/v1/payments", .internal = true}, &operator);
    store_fault_set(the_api.service->store, NULL, NULL);
    assert_int_equal(stranger.status, 503);
    assert_string_equal(reply_problem(&stranger), "store-unavailable");
    assert_string_equal(reply_text(&stranger, "detail"), "It was logged under this request id.");
    assert_int_equal(operator.status, 503);
    assert_string_equal(reply_problem(&operator), "store-unavailable");
    assert_string_not_equal(reply_text(&operator, "detail"),
                            "It was logged under this request id.");
}

/* ---- health ---- */

static void health_names_each_gateway_and_is_no_problem_document(void **state) {
    (void)state;
    static const char disable[] = "{\"reason\":\"test\",\"force\":true}";
    static const char *const names[] = {"stripe-a", "stripe-b", "paypal-a"};
    char path[80];
    API_REPLY_AUTO good;
    api_ask(&the_api, &(struct api_ask){.path = "/payment/health"}, &good);
    assert_string_equal(reply_text(&good, "status"), "ok");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "/v1/gateways/%s/disable", names[i]);
        struct api_ask ask = {
            .method = "POST", .path = path, .internal = true, .once = "*", .body = disable};
        assert_int_equal(api_status(&the_api, &ask), 200);
        API_REPLY_AUTO reply;
        api_ask(&the_api, &(struct api_ask){.path = "/payment/health"}, &reply);
        bool last = i + 1 == COUNT_OF(names);
        assert_int_equal(reply.status, last ? 503 : 200);
        assert_string_equal(reply_text(&reply, "status"), last ? "down" : "degraded");
        assert_string_equal(reply_header(&reply, "Content-Type"), "application/json");
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "/v1/gateways/%s/enable", names[i]);
        struct api_ask ask = {
            .method = "POST", .path = path, .internal = true, .once = "*", .body = disable};
        assert_int_equal(api_status(&the_api, &ask), 200);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_is_served_on_its_listeners_and_on_no_other),
        cmocka_unit_test(the_public_listener_knows_no_internal_path),
        cmocka_unit_test(a_path_that_is_nearly_right_is_not_served),
        cmocka_unit_test(what_stands_for_an_id_has_a_limit),
        cmocka_unit_test(a_wrong_method_is_told_which_are_right),
        cmocka_unit_test(head_is_answered_where_get_is),
        cmocka_unit_test(the_contract_is_served_as_it_was_built_in),
        cmocka_unit_test(the_internal_listener_refuses_what_a_proxy_or_a_page_sends),
        cmocka_unit_test(the_internal_listener_answers_to_a_loopback_name_only),
        cmocka_unit_test(the_public_listener_may_stand_behind_a_proxy),
        cmocka_unit_test(a_key_of_the_wrong_form_is_refused_and_changes_nothing),
        cmocka_unit_test(every_route_that_needs_a_key_says_so),
        cmocka_unit_test(the_same_request_again_gets_the_same_answer),
        cmocka_unit_test(a_key_comes_only_with_its_own_request),
        cmocka_unit_test(a_refusal_for_good_stays_one_and_a_refusal_for_now_does_not),
        cmocka_unit_test(two_callers_may_use_the_same_key),
        cmocka_unit_test(a_repeat_while_the_first_still_runs_waits),
        cmocka_unit_test(on_the_runbooks_paths_the_key_is_optional_and_works),
        cmocka_unit_test(the_runbooks_own_paths_work_as_written),
        cmocka_unit_test(a_refund_without_a_key_that_is_sent_again_is_the_same_for_a_minute),
        cmocka_unit_test(a_token_for_no_gateway_is_taken_with_a_warning),
        cmocka_unit_test(callbacks_are_answered_in_the_gateways_own_words),
        cmocka_unit_test(a_callback_that_is_not_genuine_is_refused_and_not_kept),
        cmocka_unit_test(a_callback_that_we_cannot_check_or_store_is_our_trouble),
        cmocka_unit_test(the_databases_own_words_are_for_operators_only),
        cmocka_unit_test(health_names_each_gateway_and_is_no_problem_document),
    };
    return cmocka_run_group_tests(tests, the_api_start, the_api_stop);
}
