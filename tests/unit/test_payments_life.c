/* SPDX-License-Identifier: Apache-2.0
 * test_payments_life.c: the payment machine before it is started, while it runs by itself, and
 * while it is stopped under requests: nothing is lost and nothing breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/task.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)

static void start_it(void) {
    struct err err = {0};
    if (payments_start(W->payments, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

/* Waits until the query gives that number; false after half a minute. */
static bool comes_to(const char *sql, int64_t expected) {
    struct lock lock;
    struct cond never;
    int64_t until_us = clock_mono_us() + 30 * US_PER_SECOND;
    bool there = false;
    lock_init(&lock);
    cond_init(&never);
    lock_take(&lock);
    while (!(there = world_int(W, sql) == expected) && clock_mono_us() < until_us) {
        cond_wait_until(&never, &lock, clock_mono_us() + 20 * US_PER_MS);
    }
    lock_give(&lock);
    cond_free(&never);
    lock_free(&lock);
    return there;
}

static void requests_work_before_the_start_and_after_the_stop(void **state) {
    free(world_paid(W, "before", 500));
    assert_int_equal(world_callback(W, 0), 200);
    start_it();
    free(world_paid(W, "between", 500));
    payments_stop(W->payments);
    free(world_paid(W, "after", 500));
    assert_int_equal(world_callback(W, 2), 200);
    payments_stop(W->payments); /* twice is once */
    world_verify(W);
}

static void what_was_left_behind_is_finished_by_itself(void **state) {
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    json_decref(world_create(W, "key", "order", 500));
    fake_say_nothing(FAKE);
    world_callbacks(W, 0);
    test_clock_advance(6 * US_PER_SECOND);
    payment_world_restart(W);
    start_it();
    assert_true(comes_to("SELECT state FROM payment", 5));
    assert_true(comes_to("SELECT state FROM callback", 2));
    payments_stop(W->payments);
    world_check(W);
}

static void an_attempt_whose_caller_died_is_found_by_itself(void **state) {
    json_decref(world_create(W, NULL, "order", 500));
    (void)engine_exec(&W->engine, "UPDATE attempt SET state = 1, owner = 'req_dead'");
    (void)engine_exec(&W->engine, "UPDATE payment SET state = 2, captured_minor = 0");
    (void)engine_exec(&W->engine, "DELETE FROM posting");
    start_it();
    assert_true(comes_to("SELECT state FROM attempt", 4));
    test_clock_advance(6 * US_PER_SECOND);
    assert_true(comes_to("SELECT state FROM attempt", 6));
    payments_stop(W->payments);
    world_check(W);
}

static void the_merchant_is_told_by_itself(void **state) {
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    int r = webhook_endpoint_create(W->payments, &caller, FAKE_MERCHANT_URL, "*", "", &answer,
                                    &W->err);
    json_decref(world_take(W, r, &answer));
    start_it();
    free(world_paid(W, "order", 500));
    assert_true(comes_to("SELECT COUNT(*) FROM webhook_delivery WHERE state = 2", 1));
    payments_stop(W->payments);
    assert_int_equal(fake_delivery_count(FAKE), 1);
}

enum { SHOPPERS = 4, ROUNDS = 8 };
static atomic_bool closing;
static atomic_int bought;

static void shop(void *arg) {
    const int *number = arg;
    for (int i = 0; !atomic_load(&closing); i++) {
        char order_id[40];
        snprintf(order_id, sizeof order_id, "order-%d-%d", *number, i);
        struct caller caller = world_caller(order_id, order_id);
        struct payment_order order = world_order(order_id, 100);
        struct answer answer = {0};
        struct err err = {0};
        int r = payment_create(W->payments, &caller, &order, &answer, &err);
        INVARIANT(r == 0, "a payment is taken whatever runs beside it");
        answer_release(&answer);
        atomic_fetch_add(&bought, 1);
    }
}

static void starting_and_stopping_under_requests_breaks_nothing(void **state) {
    int numbers[SHOPPERS];
    struct task *tasks[SHOPPERS];
    atomic_store(&closing, false);
    atomic_store(&bought, 0);
    for (int i = 0; i < SHOPPERS; i++) {
        numbers[i] = i;
        tasks[i] = task_start("shopper", 512 * 1024, shop, &numbers[i]);
        assert_non_null(tasks[i]);
    }
    for (int round = 0; round < ROUNDS; round++) {
        int before = atomic_load(&bought);
        start_it();
        while (atomic_load(&bought) < before + SHOPPERS) {
            (void)world_int(W, "SELECT COUNT(*) FROM payment");
        }
        payments_stop(W->payments);
    }
    atomic_store(&closing, true);
    for (int i = 0; i < SHOPPERS; i++) {
        task_join(tasks[i]);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE state = 5"),
                     atomic_load(&bought));
    world_check(W);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_work_before_the_start_and_after_the_stop),
        cmocka_unit_test(what_was_left_behind_is_finished_by_itself),
        cmocka_unit_test(an_attempt_whose_caller_died_is_found_by_itself),
        cmocka_unit_test(the_merchant_is_told_by_itself),
        cmocka_unit_test(starting_and_stopping_under_requests_breaks_nothing),
    };
    return payment_world_run("the life of the payment machine", tests, COUNT_OF(tests));
}
