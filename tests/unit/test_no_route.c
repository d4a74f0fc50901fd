/* SPDX-License-Identifier: Apache-2.0
 * test_no_route.c: a way to pay that leads nowhere: what waits is left as it is, what is switched
 * off is not chosen, and why no gateway took a payment is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/health.h"
#include "support/api_fixture.h"

#define A (&the_api)
static const char more[] = "deferred: {public_url: 'https://pay.test'}\n";

static int start(void **state) {
    (void)state;
    api_start(A, more, false);
    return 0;
}

static int stop(void **state) {
    (void)state;
    api_stop(A);
    return 0;
}

static void post(const char *path, const char *body, const char *once,
                 struct api_reply *ret_reply) {
    const struct api_ask ask = {
        .method = "POST", .path = path, .body = body, .once = once, .internal = true};
    api_ask(A, &ask, ret_reply);
}

static void must(const char *path, const char *body) {
    API_REPLY_AUTO reply = {0};
    post(path, body, "*", &reply);
    if (reply.status != 200) {
        fail_msg("%s: %d %s", path, reply.status, reply.body);
    }
}

static void throw_switch(const char *kind, const char *name, bool on) {
    char body[120];
    snprintf(body, sizeof body, "{\"kind\":\"%s\",\"name\":\"%s\",\"on\":%s,\"reason\":\"t\"}",
             kind, name, on ? "true" : "false");
    must("/v1/switches", body);
}

static char choice_path[120], payment_id[40]; /* of the last one */
static int orders;

/* A payment of `method`, with these further members; its answer. */
static void create(const char *method, const char *further, struct api_reply *ret_reply) {
    char body[400];
    snprintf(body, sizeof body,
             "{\"order_id\":\"N-%d\",\"amount\":1999,\"currency\":\"USD\",\"method\":\"%s\"%s}",
             ++orders, method, further);
    post("/v1/payments", body, "*", ret_reply);
    snprintf(payment_id, sizeof payment_id, "%s", reply_text(ret_reply, "id"));
    snprintf(choice_path, sizeof choice_path, "/v1/payments/%s/method", payment_id);
}

/* One that waits for its customer at a gateway. */
static void wait_there(void) {
    API_REPLY_AUTO reply = {0};
    fake_say(A->fake, 0, "charge", 1, FAKE_ACTION);
    create("card", ",\"token\":\"pm_portable\"", &reply);
    fake_say_nothing(A->fake);
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply_text(&reply, "state"), "requires_action");
}

static void assert_waits_still(void) {
    char *sql = sqlite3_mprintf("SELECT COUNT(*) FROM payment JOIN attempt ON payment_id = "
                                "payment.id WHERE payment.id = %Q AND payment.state = 3 AND action "
                                "= 'redirect' AND payment.method = 1 AND live = 1 AND attempts = 1",
                                payment_id);
    assert_int_equal(api_int(A, sql), 1);
    sqlite3_free(sql);
    assert_int_equal(api_int(A, "SELECT COUNT(*) FROM operation"), 0);
}

static void open_breaker(const char *name, enum payment_method method) {
    struct gateway_health *health = gateway_find(A->service->registry, name)->health;
    struct gateway_result result;
    char why[160];
    gateway_result_init(&result);
    result.outcome = GW_UNAVAILABLE;
    for (int i = 0; i < 5; i++) {
        gateway_health_report(health, method, OP_CHARGE,
                              gateway_health_admit(health, method, OP_CHARGE, why, sizeof why),
                              &result);
    }
}

/* ---- choosing ---- */

static void what_waits_is_not_closed_for_a_way_that_leads_nowhere(void **state) {
    (void)state;
    static const struct {
        const char *body, *why;
    } rows[] = {
        {"{\"method\":\"card\"}", "no token there"},
        {"{\"method\":\"alipay\"}", "does not take this method"},
        {"{\"method\":\"paypal\"}", "paypal is switched off"},
        {"{\"method\":\"card\",\"tokens\":{\"stripe-b\":\"pm_b\"}}", "breaker open"},
    };
    wait_there();
    throw_switch("method", "paypal", false);
    open_breaker("stripe-b", METHOD_CARD);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        API_REPLY_AUTO reply = {0};
        post(choice_path, rows[i].body, "*", &reply);
        assert_int_equal(reply.status, 409);
        assert_string_equal(reply_problem(&reply), "wrong-state");
        assert_non_null(strstr(reply_text(&reply, "detail"), rows[i].why));
        assert_waits_still();
    }
    API_REPLY_AUTO reply = {0};
    post(choice_path, "{\"method\":\"card\",\"token\":\"pm_portable\"}", "again", &reply);
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply_text(&reply, "state"), "succeeded");
    assert_int_equal(api_int(A, "SELECT COUNT(*) FROM operation WHERE kind = 2 AND state = 4"), 1);
}

static void what_waits_is_not_closed_for_a_card_that_is_not_asked(void **state) {
    (void)state;
    static const char stolen[] = ",\"token\":\"pm_stolen\"";
    API_REPLY_AUTO declined = {0}, reply = {0};
    fake_say(A->fake, 0, "charge", 1, FAKE_DECLINE_FOR_GOOD);
    create("card", stolen, &declined);
    assert_string_equal(reply_text(&declined, "state"), "failed");
    wait_there();
    post(choice_path, "{\"method\":\"card\",\"token\":\"pm_stolen\"}", "*", &reply);
    assert_int_equal(reply.status, 409);
    assert_non_null(strstr(reply_text(&reply, "detail"), "card_refused_for_good"));
    assert_waits_still();
}

static void what_no_gateway_was_asked_for_names_none(void **state) {
    (void)state;
    API_REPLY_AUTO created = {0};
    fake_say_all(A->fake, "charge", -1, FAKE_REFUSE);
    create("card", ",\"token\":\"pm_portable\"", &created);
    fake_say_nothing(A->fake);
    assert_true(reply_text(&created, "gateway")[0] != '\0');
    API_REPLY_AUTO reply = {0};
    post(choice_path, "{\"method\":\"alipay\"}", "*", &reply);
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply_text(&reply, "method"), "alipay");
    assert_string_equal(reply_text(&reply, "gateway"), "");
}

static void a_purpose_that_is_switched_off_goes_no_other_way(void **state) {
    (void)state;
    static const char body[] = "{\"method\":\"card\",\"token\":\"pm_portable\"}";
    wait_there();
    throw_switch("purpose", "order", false);
    API_REPLY_AUTO waits = {0};
    post(choice_path, body, "again", &waits);
    assert_int_equal(waits.status, 503);
    assert_string_equal(reply_problem(&waits), "paused");
    assert_waits_still();
    throw_switch("purpose", "order", true);
    API_REPLY_AUTO taken = {0};
    post(choice_path, body, "again", &taken);
    assert_int_equal(taken.status, 201);
    /* A repeat of what was taken before is answered all the same. */
    throw_switch("purpose", "order", false);
    API_REPLY_AUTO repeat = {0};
    post(choice_path, body, "again", &repeat);
    assert_int_equal(repeat.status, 201);
}

static void what_asks_for_a_method_is_paused_with_its_purpose_too(void **state) {
    (void)state;
    API_REPLY_AUTO asks = {0};
    create("alipay", ",\"purpose\":\"topup\"", &asks);
    assert_int_equal(asks.status, 201);
    must("/v1/mode/simplified", "{\"on\":true,\"reason\":\"t\"}"); /* orders alone are core */
    API_REPLY_AUTO reply = {0};
    post(choice_path, "{\"method\":\"card\",\"token\":\"pm_portable\"}", "*", &reply);
    assert_int_equal(reply.status, 503);
    assert_string_equal(reply_problem(&reply), "paused");
    assert_int_equal(api_int(A, "SELECT COUNT(*) FROM attempt"), 0);
}

/* ---- the page ---- */

static bool offered(const char *link) {
    API_REPLY_AUTO page = {0};
    api_ask(A, &(struct api_ask){.path = link}, &page);
    assert_int_equal(page.status, 200);
    return strstr(page.body, "value=\"paypal\"") != NULL;
}

static void the_page_has_no_button_that_would_only_refuse(void **state) {
    (void)state;
    API_REPLY_AUTO held = {0};
    create("card", ",\"defer\":true", &held);
    const char *url = reply_text(&held, "pay_later_url");
    assert_true(strlen(url) > strlen("https://pay.test"));
    const char *link = url + strlen("https://pay.test");
    assert_true(offered(link));
    throw_switch("purpose", "order", false);
    assert_false(offered(link));
    throw_switch("purpose", "order", true);
    throw_switch("method", "paypal", false);
    assert_false(offered(link));
    throw_switch("method", "paypal", true);
    must("/v1/mode", "{\"step\":\"read_only\",\"reason\":\"t\"}");
    assert_false(offered(link));
    must("/v1/mode", "{\"step\":\"auto\",\"end_read_only\":true,\"reason\":\"t\"}");
    assert_true(offered(link));
}

/* ---- why nobody took it ---- */

static const json_t *row_of(const json_t *rows, const char *key, const char *value) {
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row) {
        if (strcmp(json_string_value(json_object_get(row, key)), value) == 0) {
            return row;
        }
    }
    fail_msg("nothing has %s %s", key, value);
    return NULL;
}

static void assert_text(const json_t *row, const char *key, const char *expected) {
    const char *text = json_string_value(json_object_get(row, key));
    assert_non_null(text);
    if (strstr(text, expected) == NULL) {
        fail_msg("%s is \"%s\", not \"%s\"", key, text, expected);
    }
}

static void why_no_gateway_was_asked_is_kept_and_counted(void **state) {
    (void)state;
    static const struct {
        const char *method, *further, *gateway, *common_code, *code, *message;
    } rows[] = {
        {"paypal", "", "paypal-a", "gateway_unavailable", "breaker_open", "breaker open: 5 calls"},
        {"card", "", "stripe-a", "token_missing", "token", "the customer has no token there"},
        {"card", ",\"token\":\"pm_x\"", "stripe-a", "gateway_unavailable", "gateway_off",
         "disabled by hand"},
        {"alipay", "", "stripe-a", "merchant_account", "method", "does not take this method"},
    };
    open_breaker("paypal-a", METHOD_PAYPAL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        API_REPLY_AUTO created = {0}, story = {0}, failed = {0};
        if (strcmp(rows[i].code, "gateway_off") == 0) {
            must("/v1/gateways/paypal-a/disable", "{\"reason\":\"t\"}");
            must("/v1/gateways/stripe-b/disable", "{\"reason\":\"t\"}");
            must("/v1/gateways/stripe-a/disable", "{\"reason\":\"t\",\"force\":true}");
        }
        create(rows[i].method, rows[i].further, &created);
        assert_int_equal(created.status, 201);
        char path[120];
        snprintf(path, sizeof path, "/v1/payments/%s/events", payment_id);
        api_ask(A, &(struct api_ask){.path = path, .internal = true}, &story);
        const json_t *told = json_object_get(story.json, "not_sent");
        assert_int_equal(json_array_size(told), 1);
        assert_text(json_array_get(told, 0), "code", rows[i].code);
        const json_t *decision = json_object_get(json_array_get(told, 0), "decision");
        assert_true(json_is_null(json_object_get(decision, "chosen")));
        assert_int_equal(json_array_size(json_object_get(decision, "candidates")), 3);
        api_ask(A, &(struct api_ask){.path = "/internal/api/payments/failed", .internal = true},
                &failed);
        const json_t *row = row_of(json_object_get(failed.json, "not_sent"), "payment_id",
                                   payment_id);
        assert_text(row, "method", rows[i].method);
        assert_text(row, "gateway", rows[i].gateway);
        assert_text(row, "message", rows[i].message);
        row = row_of(json_object_get(failed.json, "by_code"), "code", rows[i].code);
        assert_text(row, "gateway", rows[i].gateway);
        assert_text(row, "common_code", rows[i].common_code);
        assert_int_equal(json_integer_value(json_object_get(row, "count")), 1);
    }
}

static void each_choice_that_leads_nowhere_is_kept(void **state) {
    (void)state;
    API_REPLY_AUTO created = {0}, first = {0}, second = {0};
    create("alipay", "", &created);
    post(choice_path, "{\"method\":\"wechatpay\"}", "*", &first);
    post(choice_path, "{\"method\":\"card\"}", "*", &second);
    assert_int_equal(second.status, 201);
    assert_int_equal(api_int(A, "SELECT COUNT(*) FROM not_sent"), 3);
    assert_int_equal(api_int(A, "SELECT COUNT(DISTINCT method) FROM not_sent"), 3);
}

static void what_was_asked_or_held_by_wish_is_no_such_row(void **state) {
    (void)state;
    API_REPLY_AUTO paid = {0}, held = {0}, declined = {0};
    create("card", ",\"token\":\"pm_portable\"", &paid);
    create("paypal", ",\"defer\":true", &held);
    fake_say(A->fake, 0, "charge", 1, FAKE_DECLINE);
    create("card", ",\"token\":\"pm_portable\"", &declined);
    assert_string_equal(reply_text(&declined, "state"), "failed");
    assert_int_equal(api_int(A, "SELECT COUNT(*) FROM not_sent"), 0);
}

static void a_flow_that_no_gateway_ever_has_is_refused(void **state) {
    (void)state;
    API_REPLY_AUTO wrong = {0}, right = {0}, token = {0}, other = {0}, chosen = {0};
    create("paypal", ",\"flow\":\"qr\"", &wrong);
    assert_int_equal(wrong.status, 422);
    assert_string_equal(reply_problem(&wrong), "validation");
    assert_non_null(strstr(wrong.body, "/flow"));
    open_breaker("paypal-a", METHOD_PAYPAL);
    create("paypal", ",\"flow\":\"page\"", &right); /* just not now */
    assert_int_equal(right.status, 201);
    create("paypal", ",\"flow\":\"qr\",\"token\":\"vault_1\"", &token); /* nobody is asked */
    assert_int_equal(token.status, 201);
    create("alipay", ",\"flow\":\"qr\"", &other); /* the method itself is missing */
    assert_int_equal(other.status, 201);
    post(choice_path, "{\"method\":\"paypal\",\"flow\":\"app\"}", "*", &chosen);
    assert_int_equal(chosen.status, 422);
    assert_non_null(strstr(chosen.body, "/flow"));
}

int main(void) {
#define ROUTE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        ROUTE(what_waits_is_not_closed_for_a_way_that_leads_nowhere),
        ROUTE(what_waits_is_not_closed_for_a_card_that_is_not_asked),
        ROUTE(what_no_gateway_was_asked_for_names_none),
        ROUTE(a_purpose_that_is_switched_off_goes_no_other_way),
        ROUTE(what_asks_for_a_method_is_paused_with_its_purpose_too),
        ROUTE(the_page_has_no_button_that_would_only_refuse),
        ROUTE(why_no_gateway_was_asked_is_kept_and_counted),
        ROUTE(each_choice_that_leads_nowhere_is_kept),
        ROUTE(what_was_asked_or_held_by_wish_is_no_such_row),
        ROUTE(a_flow_that_no_gateway_ever_has_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
