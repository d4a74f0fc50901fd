/* SPDX-License-Identifier: Apache-2.0
 * test_payment_lists.c: lists are newest first, in pages that overlap nowhere and leave out
 * nothing, and bounded by time; what is asked for by time is found by id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)

enum { PAYMENTS = 7 };

/* One a minute, each for an order of its own; the third is declined. */
static void make_payments(int64_t ret_made_us[PAYMENTS]) {
    for (int i = 0; i < PAYMENTS; i++) {
        char order[32];
        snprintf(order, sizeof order, "order-%d", i);
        if (i == 2) {
            fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
        }
        json_decref(world_create(W, NULL, order, 500));
        assert_int_equal(W->result, 0);
        ret_made_us[i] = clock_wall_us();
        test_clock_advance(60 * US_PER_SECOND);
    }
}

static json_t *list(const struct payment_filter *filter) {
    struct answer answer = {0};
    json_t *json = world_take(W, payment_list(W->payments, filter, &answer, &W->err), &answer);
    assert_non_null(json);
    return json;
}

static size_t rows_of(const json_t *json) {
    return json_array_size(json_object_get(json, "data"));
}

static void pages_follow_each_other_without_gap_or_overlap(void **state) {
    int64_t made_us[PAYMENTS];
    make_payments(made_us);
    char cursor[80] = "";
    int seen = 0, pages = 0;
    do {
        json_t *json = list(&(struct payment_filter){.cursor = cursor, .limit = 3});
        for (size_t i = 0; i < rows_of(json); i++, seen++) {
            char path[64], order[32];
            snprintf(path, sizeof path, "data.%zu.order_id", i);
            snprintf(order, sizeof order, "order-%d", PAYMENTS - 1 - seen);
            assert_string_equal(json_at(json, path), order);
        }
        const char *next = json_at(json, "next_cursor");
        snprintf(cursor, sizeof cursor, "%s", strcmp(next, "null") == 0 ? "" : next);
        json_decref(json);
    } while (cursor[0] != '\0' && ++pages < PAYMENTS);
    assert_int_equal(seen, PAYMENTS);
    assert_int_equal(pages, 2);
}

static void a_list_is_bounded_by_time_on_both_sides(void **state) {
    int64_t made_us[PAYMENTS];
    make_payments(made_us);
    json_t *json = list(
        &(struct payment_filter){.since_us = made_us[1], .until_us = made_us[4], .limit = 100});
    assert_int_equal(rows_of(json), 3); /* made_us is taken after the payment: 2, 3 and 4 */
    assert_string_equal(json_at(json, "data.0.order_id"), "order-4");
    assert_string_equal(json_at(json, "data.2.order_id"), "order-2");
    json_decref(json);
    json = list(&(struct payment_filter){.until_us = made_us[0], .limit = 100});
    assert_int_equal(rows_of(json), 1);
    json_decref(json);
    json = list(&(struct payment_filter){.order_id = "order-5", .limit = 100});
    assert_int_equal(rows_of(json), 1);
    assert_string_equal(json_at(json, "data.0.order_id"), "order-5");
    json_decref(json);
}

static void a_cursor_that_no_list_gave_out_is_refused(void **state) {
    struct payment_filter filter = {.cursor = "yesterday"};
    struct answer answer = {0};
    assert_int_equal(payment_list(W->payments, &filter, &answer, &W->err), -ERR_VALIDATION);
    assert_string_equal(W->err.place, "cursor");
}

static void rates_and_failures_count_from_the_moment_on(void **state) {
    int64_t made_us[PAYMENTS];
    make_payments(made_us);
    struct answer answer = {0};
    json_t *json = world_take(W, payment_rates(W->payments, made_us[0], &answer, &W->err), &answer);
    assert_int_equal(int_at(json, "data.0.attempts"), PAYMENTS - 1);
    assert_int_equal(int_at(json, "data.0.declined"), 1);
    json_decref(json);
    json = world_take(W, payment_failed(W->payments, made_us[1], 10, &answer, &W->err), &answer);
    assert_int_equal(rows_of(json), 1);
    json_decref(json);
    json = world_take(W, payment_failed(W->payments, made_us[2], 10, &answer, &W->err), &answer);
    assert_int_equal(rows_of(json), 0);
    json_decref(json);
}

static void what_is_stuck_is_listed_oldest_first(void **state) {
    static const enum fake_act acts[] = {FAKE_PENDING, FAKE_DO, FAKE_LOSE_AFTER};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        char order[32];
        snprintf(order, sizeof order, "order-%zu", i);
        fake_say_nothing(FAKE);
        fake_say(FAKE, 0, "*", acts[i] == FAKE_LOSE_AFTER ? -1 : 1, acts[i]);
        json_decref(world_create(W, NULL, order, 500));
        test_clock_advance(60 * US_PER_SECOND);
    }
    struct answer answer = {0};
    json_t *json = world_take(
        W, payment_stuck(W->payments, 30 * US_PER_SECOND, 10, &answer, &W->err), &answer);
    assert_int_equal(rows_of(json), 2);
    assert_string_equal(json_at(json, "data.0.attempt.state"), "pending");
    assert_string_equal(json_at(json, "data.1.attempt.state"), "unknown");
    json_decref(json);
    json = world_take(W, payment_stuck(W->payments, 90 * US_PER_SECOND, 10, &answer, &W->err),
                      &answer);
    assert_int_equal(rows_of(json), 1);
    json_decref(json);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_follow_each_other_without_gap_or_overlap),
        cmocka_unit_test(a_list_is_bounded_by_time_on_both_sides),
        cmocka_unit_test(a_cursor_that_no_list_gave_out_is_refused),
        cmocka_unit_test(rates_and_failures_count_from_the_moment_on),
        cmocka_unit_test(what_is_stuck_is_listed_oldest_first),
    };
    return payment_world_run("lists of payments", tests, COUNT_OF(tests));
}
