/* SPDX-License-Identifier: Apache-2.0
 * test_qr_link.c: links to a payment's code: whom they show it to, when they are over, and what
 * comes of a secret that is not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/problem.h"
#include "base/clock.h"
#include "payment/qr_link.h"
#include "support/api_fixture.h"
#include "support/test_clock.h"

#define A (&the_api)
static const char address[] = "https://pay.test/pay/qr/";

static int start(void **state) {
    (void)state;
    test_clock_install();
    api_start(A, "deferred: {public_url: 'https://pay.test'}\n", false);
    return 0;
}

static int stop(void **state) {
    (void)state;
    api_stop(A);
    return 0;
}

/* ---- a payment that waits for a scan, and the link to its code ---- */

#define SHOWS "state = 3, action = 'qr_code', action_url = 'weixin://wxpay/x', review = ''"
static char payment_id[64], token[QR_TOKEN_CHARS + 8];

static void set_payment(const char *set) {
    char sql[400];
    snprintf(sql, sizeof sql, "UPDATE payment SET %s WHERE id = '%s'", set, payment_id);
    api_sql(A, sql);
}

static void make_payment(struct api *api) {
    static int orders;
    char order[24];
    struct api_reply reply;
    snprintf(order, sizeof order, "Q-%d", ++orders);
    api_pay(api, order, "", &reply);
    snprintf(payment_id, sizeof payment_id, "%s", reply_text(&reply, "id"));
    api_reply_release(&reply);
}

/* A new payment that waits; its code ends in so many seconds (0: nobody said). */
static void wait_for_scan(int64_t seconds) {
    char set[200];
    make_payment(A);
    snprintf(set, sizeof set, SHOWS ", action_expires_us = %lld",
             (long long)(seconds > 0 ? clock_wall_us() + seconds * US_PER_SECOND : 0));
    set_payment(set);
}

static void ask_link(struct api *api, struct api_reply *ret_reply) {
    char path[120];
    snprintf(path, sizeof path, "/v1/payments/%s/qr-link", payment_id);
    api_ask(api, &(struct api_ask){.path = path, .internal = true}, ret_reply);
}

/* Fills `token`; returns when the link says that it ends. */
static int64_t take_link(void) {
    API_REPLY_AUTO reply;
    int64_t expires_us = 0;
    ask_link(A, &reply);
    assert_int_equal(reply.status, 200);
    const char *url = reply_text(&reply, "url");
    assert_int_equal(strncmp(url, address, sizeof address - 1), 0);
    snprintf(token, sizeof token, "%s", url + sizeof address - 1);
    assert_int_equal(strlen(token), QR_TOKEN_CHARS);
    assert_string_equal(reply_text(&reply, "payment_id"), payment_id);
    assert_true(clock_parse(reply_text(&reply, "expires_at"), &expires_us));
    return expires_us;
}

static void show(const char *secret, struct api_reply *ret_reply) {
    char path[300];
    snprintf(path, sizeof path, "/pay/qr/%s", secret);
    api_ask(A, &(struct api_ask){.path = path}, ret_reply);
}

static int show_status(const char *secret) {
    API_REPLY_AUTO reply;
    show(secret, &reply);
    return reply.status;
}

/* ---- whom it shows what ---- */

static void a_link_shows_the_code_and_nothing_else_to_whoever_has_it(void **state) {
    (void)state;
    char path[120];
    wait_for_scan(0);
    (void)take_link();
    API_REPLY_AUTO drawn;
    API_REPLY_AUTO shown;
    snprintf(path, sizeof path, "/v1/payments/%s/qr.svg", payment_id);
    api_ask(A, &(struct api_ask){.path = path, .internal = true}, &drawn);
    show(token, &shown);
    assert_int_equal(shown.status, 200);
    assert_string_equal(shown.body, drawn.body);
    assert_int_equal(strncmp(shown.body, "<svg ", 5), 0);
    assert_string_equal(reply_header(&shown, "Content-Type"), "image/svg+xml");
    /* A page of another site may show it. */
    assert_string_equal(reply_header(&shown, "Cross-Origin-Resource-Policy"), "cross-origin");
}

static void making_one_needs_a_key_and_the_secret_is_kept_out_of_logs(void **state) {
    (void)state;
    char path[120], key[API_KEY_CHARS + 1];
    wait_for_scan(0);
    snprintf(path, sizeof path, "/v1/payments/%s/qr-link", payment_id);
    api_key(A, "viewer", "", key);
    assert_int_equal(api_status(A, &(struct api_ask){.path = path}), 401);
    assert_int_equal(api_status(A, &(struct api_ask){.path = path, .key = key}), 200);
    (void)take_link();
    snprintf(path, sizeof path, "/pay/qr/%.100s", token);
    assert_string_equal(path_for_log(path), "/pay/{token}");
    assert_int_equal(api_status(A, &(struct api_ask){.path = path, .internal = true}), 404);
}

/* ---- when it is over ---- */

static void it_is_over_after_a_quarter_of_an_hour(void **state) {
    (void)state;
    wait_for_scan(0);
    int64_t before_us = clock_wall_us(), expires_us = take_link();
    assert_true(expires_us <= clock_wall_us() + QR_LINK_LIFE_US);
    assert_true(expires_us + US_PER_SECOND > before_us + QR_LINK_LIFE_US);
    test_clock_advance(QR_LINK_LIFE_US - 60 * US_PER_SECOND);
    assert_int_equal(show_status(token), 200);
    test_clock_advance(60 * US_PER_SECOND);
    assert_int_equal(show_status(token), 410);
    /* The code itself goes on: a new link shows it. */
    (void)take_link();
    assert_int_equal(show_status(token), 200);
}

static void it_is_over_with_its_code(void **state) {
    (void)state;
    wait_for_scan(120);
    int64_t expires_us = take_link();
    assert_true(expires_us <= clock_wall_us() + 120 * US_PER_SECOND);
    assert_int_equal(show_status(token), 200);
    test_clock_advance(121 * US_PER_SECOND);
    assert_int_equal(show_status(token), 410);
    API_REPLY_AUTO reply;
    ask_link(A, &reply);
    assert_int_equal(reply.status, 409);
    assert_string_equal(reply_problem(&reply), "wrong-state");
}

static void a_code_that_was_cut_short_takes_its_links_with_it(void **state) {
    (void)state;
    char set[80];
    wait_for_scan(0);
    (void)take_link();
    snprintf(set, sizeof set, "action_expires_us = %lld", (long long)clock_wall_us());
    set_payment(set);
    assert_int_equal(show_status(token), 410);
}

static void it_is_over_when_the_payment_waits_for_no_scan(void **state) {
    (void)state;
    static const char *const ends[] = {
        "state = 5, action = ''",
        "state = 6, action = ''",
        "state = 7, action = ''",
        "state = 2, action = ''",
        "state = 2", /* closing: whoever scans now may pay twice */
        "action = 'redirect', action_url = 'https://gw.test/x'",
        "action = 'choose_method'",
        "review = 'late_success'", /* money has come: nobody is to pay again */
    };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        wait_for_scan(0);
        (void)take_link();
        assert_int_equal(show_status(token), 200);
        set_payment(ends[i]);
        API_REPLY_AUTO reply;
        show(token, &reply);
        assert_int_equal(reply.status, 410);
        assert_string_equal(reply_problem(&reply), "gone");
        /* Not even which payment it was. */
        assert_null(strstr(reply.body, payment_id));
        API_REPLY_AUTO none;
        ask_link(A, &none);
        assert_int_equal(none.status, 409);
        set_payment("state = 7, action = '', review = ''");
    }
    wait_for_scan(0);
    (void)take_link();
    set_payment("id = 'pay_00000000000000000000000000'");
    assert_int_equal(show_status(token), 410);
}

/* ---- what is not ours ---- */

/* The answer without what differs from request to request. */
static void assert_unknown(const char *secret) {
    API_REPLY_AUTO reply;
    show(secret, &reply);
    if (reply.status != 404) {
        fail_msg("%d for %s", reply.status, secret);
    }
    assert_string_equal(reply_problem(&reply), "not-found");
    assert_string_equal(reply_text(&reply, "detail"), "there is no such link");
}

static void no_letter_of_it_can_be_another_one(void **state) {
    (void)state;
    char altered[QR_TOKEN_CHARS + 1];
    wait_for_scan(0);
    (void)take_link();
    for (int i = 0; i < QR_TOKEN_CHARS; i++) {
        memcpy(altered, token, sizeof altered);
        altered[i] = altered[i] == 'p' ? 'a' : (char)(altered[i] + 1);
        assert_unknown(altered);
    }
    assert_int_equal(show_status(token), 200);
}

static void what_is_no_secret_is_no_link(void **state) {
    (void)state;
    char longer[QR_TOKEN_CHARS + 2], upper[QR_TOKEN_CHARS + 1], shorter[QR_TOKEN_CHARS + 1];
    char alien[QR_TOKEN_CHARS + 1];
    wait_for_scan(0);
    (void)take_link();
    snprintf(longer, sizeof longer, "%.100sa", token);
    snprintf(shorter, sizeof shorter, "%.99s", token);
    snprintf(upper, sizeof upper, "%.100s", token);
    upper[0] = (char)(upper[0] - 'a' + 'A');
    snprintf(alien, sizeof alien, "%.99sz", token);
    const char *const bad[] = {longer, shorter, upper, alien, "a", "pay_1", payment_id};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_unknown(bad[i]);
    }
}

static void another_master_key_opens_no_link_and_no_address_makes_none(void **state) {
    (void)state;
    struct api other;
    char kept[QR_TOKEN_CHARS + 1], path[300];
    wait_for_scan(0);
    (void)take_link();
    memcpy(kept, token, sizeof kept);
    api_start(&other, NULL, false);
    snprintf(path, sizeof path, "/pay/qr/%s", kept);
    assert_int_equal(api_status(&other, &(struct api_ask){.path = path}), 404);
    make_payment(&other);
    char sql[300];
    snprintf(sql, sizeof sql, "UPDATE payment SET " SHOWS " WHERE id = '%s'", payment_id);
    api_sql(&other, sql);
    API_REPLY_AUTO reply;
    ask_link(&other, &reply);
    assert_int_equal(reply.status, 409);
    assert_non_null(strstr(reply_text(&reply, "hint"), "deferred.public_url"));
    api_stop(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_shows_the_code_and_nothing_else_to_whoever_has_it),
        cmocka_unit_test(making_one_needs_a_key_and_the_secret_is_kept_out_of_logs),
        cmocka_unit_test(it_is_over_after_a_quarter_of_an_hour),
        cmocka_unit_test(it_is_over_with_its_code),
        cmocka_unit_test(a_code_that_was_cut_short_takes_its_links_with_it),
        cmocka_unit_test(it_is_over_when_the_payment_waits_for_no_scan),
        cmocka_unit_test(no_letter_of_it_can_be_another_one),
        cmocka_unit_test(what_is_no_secret_is_no_link),
        cmocka_unit_test(another_master_key_opens_no_link_and_no_address_makes_none),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
