/* SPDX-License-Identifier: Apache-2.0
 * test_outcomes.c: what happens to payments is counted by slice, once, as what it is: paid,
 * declined, failed; by payment and by attempt; refunds, captures, calls, callbacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "meter/meter.h"
#include "meter/slices.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)

/* Of every slice of the operation, and of the gateway unless that is NULL; a test's own events. */
static struct slice_counts counted(enum slice_operation operation, const char *gateway) {
    struct slice_counts sum = {0};
    for (const struct slice *s = slices_next(NULL); s != NULL; s = slices_next(s)) {
        struct slice_counts totals;
        if (slice_operation_of(s) != operation ||
            (gateway != NULL && strcmp(slice_label(s, SLICE_GATEWAY), gateway) != 0)) {
            continue;
        }
        slice_totals(s, &totals);
        sum.ok += totals.ok;
        sum.declined += totals.declined;
        sum.failed += totals.failed;
        sum.repeated += totals.repeated;
    }
    return sum;
}

static void assert_counted(enum slice_operation operation, int64_t ok, int64_t declined,
                           int64_t failed) {
    struct slice_counts counts = counted(operation, NULL);
    assert_int_equal(counts.ok, ok);
    assert_int_equal(counts.declined, declined);
    assert_int_equal(counts.failed, failed);
}

/* What the slice's present minutes hold, of the one slice of the operation. */
static struct slice_minute minute_of(enum slice_operation operation) {
    struct slice_minute minute = {0};
    for (const struct slice *s = slices_next(NULL); s != NULL; s = slices_next(s)) {
        if (slice_operation_of(s) == operation) {
            slice_minute_peek(s, &minute);
        }
    }
    return minute;
}

static void a_payment_is_counted_once_as_payment_and_once_as_charge(void **state) {
    (void)state;
    slices_init();
    struct payment_order order = world_order("order", 500);
    order.customer_region = "DE";
    order.customer_segment = "wholesale";
    json_decref(world_pay(W, "key", &order));
    json_decref(world_pay(W, "key", &order)); /* the same answer again is nothing new */
    assert_counted(SLICE_PAYMENT, 1, 0, 0);
    assert_counted(SLICE_CHARGE, 1, 0, 0);
    const struct slice *slice = slices_next(NULL);
    while (slice_operation_of(slice) != SLICE_PAYMENT) {
        slice = slices_next(slice);
    }
    assert_string_equal(slice_label(slice, SLICE_METHOD), "card");
    assert_string_equal(slice_label(slice, SLICE_REGION), "DE");
    assert_string_equal(slice_label(slice, SLICE_CURRENCY), "USD");
    assert_string_equal(slice_label(slice, SLICE_SEGMENT), "wholesale");
    struct slice_minute minute = minute_of(SLICE_PAYMENT);
    assert_int_equal(minute.ok_minor, 500);
    assert_int_equal(slice_timed(&minute), 1);
}

static void a_decline_is_no_gateways_error(void **state) {
    (void)state;
    slices_init();
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
    json_decref(world_create(W, "key", "order", 500));
    assert_counted(SLICE_PAYMENT, 0, 1, 0);
    assert_counted(SLICE_CHARGE, 0, 1, 0);
    assert_counted(SLICE_CALL, 0, 1, 0);
    struct slice_minute minute = minute_of(SLICE_CHARGE);
    assert_int_equal(minute.lost_minor, 500);
    assert_int_equal(minute.codes[0], 1);
    assert_string_not_equal(slice_code_text(minute.code_numbers[0]), "");
}

static void a_gateway_that_fails_is_seen_behind_a_payment_that_succeeds(void **state) {
    (void)state;
    slices_init();
    fake_say(FAKE, 0, "charge", 1, FAKE_RATE_LIMIT);
    json_decref(world_create(W, "key", "order", 500));
    assert_counted(SLICE_PAYMENT, 1, 0, 0);
    assert_counted(SLICE_CHARGE, 1, 0, 1);
    assert_counted(SLICE_CALL, 1, 0, 1);
}

static void what_nobody_knows_is_a_failure_and_how_it_ends_another_figure(void **state) {
    (void)state;
    slices_init();
    fake_say(FAKE, 0, "*", 50, FAKE_LOSE_AFTER);
    json_decref(world_create(W, "key", "order", 500));
    assert_counted(SLICE_PAYMENT, 0, 0, 0); /* it has not ended */
    assert_counted(SLICE_CHARGE, 0, 0, 1);
    assert_true(counted(SLICE_CALL, NULL).failed >= 1);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_counted(SLICE_PAYMENT, 1, 0, 0);
    assert_counted(SLICE_CHARGE, 0, 0, 1);
    assert_counted(SLICE_RESOLVE, 1, 0, 0);
    struct slice_minute minute = minute_of(SLICE_PAYMENT);
    assert_int_equal(slice_timed(&minute), 0); /* the resolver's time is not the payment's */
}

static void a_payment_for_which_there_is_no_gateway_has_failed(void **state) {
    (void)state;
    slices_init();
    for (int account = 0; account < FAKE_ACCOUNTS; account++) {
        fake_say(FAKE, account, "charge", 5, FAKE_RATE_LIMIT);
    }
    json_decref(world_create(W, "key", "order", 500));
    struct slice_counts counts = counted(SLICE_PAYMENT, NULL);
    assert_int_equal(counts.ok + counts.declined, 0);
    assert_int_equal(counts.failed, 1);
    assert_string_equal(slice_code_text(minute_of(SLICE_PAYMENT).code_numbers[0]), "no_gateway");
    fake_say_nothing(FAKE);
}

static void one_customers_tries_are_told_from_many_customers(void **state) {
    (void)state;
    slices_init();
    struct payment_order order = world_order("order", 500);
    order.customer_id = "cus_1";
    for (int i = 0; i < 3; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%d", i);
        fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
        json_decref(world_pay(W, key, &order));
    }
    struct slice_counts counts = counted(SLICE_CHARGE, NULL);
    assert_int_equal(counts.declined, 3);
    assert_int_equal(counts.repeated, 2);
}

static void captures_cancellations_and_refunds_are_counted(void **state) {
    (void)state;
    slices_init();
    char *held = world_authorized(W, "one", 900), *other = world_authorized(W, "two", 900);
    json_decref(world_capture(W, "c1", held, 900, true));
    json_decref(world_cancel(W, "c2", other));
    json_decref(world_refund(W, "c3", held, 100));
    fake_say(FAKE, 0, "refund", 1, FAKE_REJECT);
    json_decref(world_refund(W, "c4", held, 200));
    assert_counted(SLICE_PAYMENT, 2, 0, 0);
    assert_counted(SLICE_CHARGE, 2, 0, 0);
    assert_counted(SLICE_CAPTURE, 1, 0, 0);
    assert_counted(SLICE_CANCEL, 1, 0, 0);
    struct slice_counts refunds = counted(SLICE_REFUND, NULL);
    assert_int_equal(refunds.ok, 1);
    assert_int_equal(refunds.declined + refunds.failed, 1);
    struct slice_minute minute = minute_of(SLICE_REFUND);
    assert_int_equal(minute.ok_minor, 100);
    assert_int_equal(minute.lost_minor, 200);
    assert_int_equal(slice_timed(&minute), 2);
    free(held);
    free(other);
}

static void callbacks_are_counted_with_their_delay(void **state) {
    (void)state;
    slices_init();
    char *paid = world_paid(W, "order", 500);
    assert_int_equal(world_callback(W, 0), 200);
    assert_counted(SLICE_CALLBACK, 1, 0, 0);
    assert_int_equal(world_callback(W, 0), 200); /* a duplicate is nothing new */
    assert_counted(SLICE_CALLBACK, 1, 0, 0);
    (void)world_callback_raw(W, 0, "{}", "whsec_of_somebody", 0);
    assert_counted(SLICE_CALLBACK, 1, 1, 0);
    struct slice_minute minute = minute_of(SLICE_CALLBACK);
    assert_int_equal(slice_timed(&minute), 1);
    assert_string_equal(slice_code_text(minute.code_numbers[0]), "refused");
    (void)world_tick(W);
    assert_counted(SLICE_AWAITED, 1, 0, 0); /* one was owed, and it came: a duplicate is nothing */
    free(paid);
}

static void a_fraud_check_is_counted_with_its_time(void **state) {
    (void)state;
    slices_init();
    payment_world_rules(W, "risk: {rules: [{name: large, says: Large, action: deny, all: "
                           "[{amount_min: 5000, currency: USD}]}]}");
    json_decref(world_create(W, "k1", "one", 500));
    json_decref(world_create(W, "k2", "two", 5000));
    assert_counted(SLICE_FRAUD, 1, 1, 0);
    assert_counted(SLICE_PAYMENT, 1, 1, 0);
    assert_counted(SLICE_CHARGE, 1, 0, 0);
    struct slice_minute minute = minute_of(SLICE_FRAUD);
    assert_int_equal(slice_timed(&minute), 2);
}

static int fail_second_commit(void *ctx, const char *sql) {
    int *commits = ctx;
    return strcmp(sql, "COMMIT") == 0 && ++*commits == 2 ? -1 : 0;
}

static void what_was_rolled_back_did_not_happen(void **state) {
    (void)state;
    slices_init();
    int commits = 0;
    store_fault_set(W->engine.store, fail_second_commit, &commits);
    json_decref(world_create(W, "key", "order", 500));
    store_fault_set(W->engine.store, NULL, NULL);
    json_decref(world_create(W, "key", "order", 500));
    assert_counted(SLICE_PAYMENT, 1, 0, 0);
}

#define TEST(name) cmocka_unit_test(name)

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        TEST(a_payment_is_counted_once_as_payment_and_once_as_charge),
        TEST(a_decline_is_no_gateways_error),
        TEST(a_gateway_that_fails_is_seen_behind_a_payment_that_succeeds),
        TEST(what_nobody_knows_is_a_failure_and_how_it_ends_another_figure),
        TEST(a_payment_for_which_there_is_no_gateway_has_failed),
        TEST(one_customers_tries_are_told_from_many_customers),
        TEST(captures_cancellations_and_refunds_are_counted),
        TEST(callbacks_are_counted_with_their_delay),
        TEST(a_fraud_check_is_counted_with_its_time),
        TEST(what_was_rolled_back_did_not_happen),
    };
    return payment_world_run("outcomes", tests, COUNT_OF(tests));
}
