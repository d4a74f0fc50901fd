/* SPDX-License-Identifier: Apache-2.0
 * test_refund_races.c: a refund that fails, is paid or comes back while something else is said of
 * it: whatever order its words come in, the books end where the gateway's do. See also
 * test_payment_races.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "payment/internal.h"
#include "payment/repair.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)

static void refund_becomes(const char *status) {
    int from = fake_event_count(FAKE);
    fake_refund_becomes(FAKE, 0, "order", status);
    world_callbacks(W, from);
    (void)world_tick(W);
}

static void fail_before_the_answer(void *ctx, int account, const char *call, bool done) {
    int *result = ctx;
    if (account == 0 && strcmp(call, "refund") == 0 && done) {
        fake_refund_becomes(FAKE, 0, "order", "failed");
        *result = world_callback(W, fake_event_count(FAKE) - 1);
        (void)world_tick(W);
    }
}

static void a_refund_that_fails_before_its_answer_is_there_has_failed(void **state) {
    int result = 0;
    char *id = world_paid(W, "order", 500);
    fake_hook(FAKE, fail_before_the_answer, &result);
    json_decref(world_refund(W, "key", id, 200));
    fake_hook(FAKE, NULL, NULL);
    assert_int_equal(result, 200);
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 200);
    assert_int_equal(world_int(W, "SELECT state FROM callback"), 1);
    test_clock_advance(1 * US_PER_SECOND);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT tries FROM callback"), 1); /* waiting was no try */
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 0);
    assert_int_equal(world_int(W, "SELECT state FROM operation"), OPERATION_FAILED);
    free(id);
    world_check(W);
}

/* Its repeat is answered as the first request was, before it failed. */
static void a_refund_that_fails_while_its_fate_is_unknown_has_failed(void **state) {
    char *id = world_paid(W, "order", 500);
    fake_say(FAKE, 0, "refund", 2, FAKE_LOSE_AFTER);
    json_decref(world_refund(W, "key", id, 200));
    assert_int_equal(world_int(W, "SELECT state FROM operation"), OPERATION_UNKNOWN);
    refund_becomes("failed");
    assert_int_equal(world_int(W, "SELECT state FROM operation"), OPERATION_FAILED);
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 0);
    free(id);
    world_check(W);
}

/* Its repeat is at the gateway, and meanwhile it is told of as done, and then as failed. */
static void come_back_meanwhile(void *ctx, int account, const char *call, bool done) {
    (void)ctx;
    if (account != 0 || strcmp(call, "refund") != 0 || !done) {
        return;
    }
    fake_hook(FAKE, NULL, NULL);
    refund_becomes("succeeded");
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 200);
    refund_becomes("failed");
    assert_int_equal(world_int(W, "SELECT state FROM operation"), OPERATION_FAILED);
}

static void a_refund_that_came_back_is_not_paid_by_an_answer_of_before(void **state) {
    char *id = world_paid(W, "order", 500);
    fake_say(FAKE, 0, "refund", 2, FAKE_LOSE_AFTER);
    json_decref(world_refund(W, "key", id, 200));
    assert_int_equal(world_int(W, "SELECT state FROM operation"), OPERATION_UNKNOWN);
    int asked = fake_calls(FAKE, 0, "refund");
    fake_hook(FAKE, come_back_meanwhile, NULL);
    world_pass(W, 30 * US_PER_SECOND);
    assert_int_equal(fake_calls(FAKE, 0, "refund"), asked + 2);
    assert_int_equal(world_int(W, "SELECT state FROM operation"), OPERATION_FAILED);
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case"), 0);
    free(id);
    world_check(W);
}

/* While a repair sends it again it comes back, and is paid once more, which nobody tells. */
static void come_back_and_be_paid(void *ctx, int account, const char *call, bool done) {
    (void)ctx;
    if (account != 0 || strcmp(call, "refund") != 0 || !done) {
        return;
    }
    fake_hook(FAKE, NULL, NULL);
    refund_becomes("failed");
    assert_int_equal(world_int(W, "SELECT state FROM operation"), OPERATION_FAILED);
    fake_refund_becomes(FAKE, 0, "order", "succeeded");
}

/* What a repair hears when it asks is as it stands, unlike what it hears when it sends. */
static void a_refund_that_came_back_is_paid_by_what_a_repair_is_told_afterwards(void **state) {
    char *id = world_paid(W, "order", 500);
    json_decref(world_refund(W, "key", id, 200));
    char *refund = world_text(W, "SELECT id FROM operation");
    struct repair_answer said;
    fake_hook(FAKE, come_back_and_be_paid, NULL);
    assert_int_equal(repair_refund_send(W->payments, refund, &said, &W->err), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'late_refund'"),
                     1);
    free(refund);
    free(id);
    world_check(W);
}

/* Somebody gave it back at the gateway's own desk, the sum of its charge's refunds told of that,
 * and when its name came it had failed: what the sum had put in suspense leaves it again. */
static void a_refund_of_nobodys_that_only_a_sum_told_of_leaves_suspense_when_it_fails(
    void **state) {
    char *id = world_paid(W, "order", 500);
    int named = fake_refund_of_nobody(FAKE, 0, "order", 50);
    char *intent = world_text(W, "SELECT gateway_id FROM attempt");
    char *charge = world_text(W, "SELECT charge_id FROM attempt");
    char body[800];
    snprintf(
        body, sizeof body,
        "{\"id\":\"evt_sum\",\"object\":\"event\",\"type\":\"charge.refunded\",\"created\":1,"
        "\"data\":{\"object\":{\"id\":\"%s\",\"object\":\"charge\",\"amount\":500,"
        "\"amount_refunded\":50,\"currency\":\"usd\",\"payment_intent\":\"%s\"},"
        "\"previous_attributes\":{\"amount_refunded\":0}}}",
        charge, intent);
    assert_int_equal(world_callback_raw(W, 0, body, FAKE_WEBHOOK_SECRET, clock_wall_us()), 200);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 11"), 1);
    fake_refund_becomes(FAKE, 0, "order", "failed");
    world_callbacks(W, named);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 10"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE state = 1 AND posted = "
                                  "11"),
                     0);
    free(charge);
    free(intent);
    free(id);
    world_verify(W);
}

static void a_refund_that_had_failed_and_was_paid_after_all_is_booked(void **state) {
    char *id = world_paid(W, "order", 500);
    fake_say(FAKE, 0, "refund", 1, FAKE_PENDING);
    json_decref(world_refund(W, "key", id, 200));
    refund_becomes("failed");
    assert_int_equal(world_int(W, "SELECT refund_reserved_minor FROM payment"), 0);
    refund_becomes("succeeded");
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 200);
    assert_int_equal(world_int(W, "SELECT state FROM operation"), OPERATION_SUCCEEDED);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'late_refund'"),
                     1);
    /* What counts as paid cannot be sent again. */
    char *refund = world_text(W, "SELECT id FROM operation");
    struct caller caller = world_caller("key-2", "retry");
    struct answer answer = {0};
    assert_int_equal(refund_retry(W->payments, &caller, refund, &answer, &W->err), -ERR_STATE);
    free(refund);
    free(id);
    world_check(W);
}

static void a_refund_paid_after_all_without_room_for_it_is_in_the_books(void **state) {
    char *id = world_paid(W, "order", 500);
    fake_say(FAKE, 0, "refund", 1, FAKE_PENDING);
    json_decref(world_refund(W, "key", id, 300));
    refund_becomes("failed");
    /* Another one is under way, and nobody knows what became of it, when the first turns out paid.
     */
    fake_say(FAKE, 0, "refund", 2, FAKE_LOSE_BEFORE);
    json_decref(world_refund(W, "key-2", id, 300));
    assert_int_equal(world_int(W, "SELECT refund_reserved_minor FROM payment"), 300);
    refund_becomes("succeeded");
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 0);
    assert_int_equal(world_int(W, "SELECT refund_reserved_minor FROM payment"), 300);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'late_refund'"),
                     1);
    world_check(W);
    world_settle_all(W);
    free(id);
    world_check(W);
}

static void a_refund_that_goes_to_and_fro_stays_in_step_with_the_gateway(void **state) {
    char *id = world_paid(W, "order", 500);
    json_decref(world_refund(W, "key", id, 200));
    free(id);
    refund_becomes("canceled");
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 0);
    world_check(W);
    refund_becomes("succeeded");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'late_refund'"),
                     1);
    world_check(W);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refund_that_fails_before_its_answer_is_there_has_failed),
        cmocka_unit_test(a_refund_that_fails_while_its_fate_is_unknown_has_failed),
        cmocka_unit_test(a_refund_that_came_back_is_not_paid_by_an_answer_of_before),
        cmocka_unit_test(a_refund_that_came_back_is_paid_by_what_a_repair_is_told_afterwards),
        cmocka_unit_test(a_refund_of_nobodys_that_only_a_sum_told_of_leaves_suspense_when_it_fails),
        cmocka_unit_test(a_refund_that_had_failed_and_was_paid_after_all_is_booked),
        cmocka_unit_test(a_refund_paid_after_all_without_room_for_it_is_in_the_books),
        cmocka_unit_test(a_refund_that_goes_to_and_fro_stays_in_step_with_the_gateway),
    };
    return payment_world_run("refund races", tests, COUNT_OF(tests));
}
