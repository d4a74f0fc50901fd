/* SPDX-License-Identifier: Apache-2.0
 * test_operations.c: captures, cancellations and refunds: their amounts, their own unknown states,
 * and that never more goes back than came in (I10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/task.h"
#include "payment/machine.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)

static void assert_amounts(const char *id, int64_t captured, int64_t refunded, int64_t pending) {
    json_t *json = world_get(W, id);
    assert_int_equal(int_at(json, "amount_captured"), captured);
    assert_int_equal(int_at(json, "amount_refunded"), refunded);
    assert_int_equal(int_at(json, "amount_refund_pending"), pending);
    json_decref(json);
}

/* ---- captures ---- */

static void all_that_was_authorized_is_captured_by_default(void **state) {
    char *id = world_authorized(W, "order", 1000);
    assert_amounts(id, 0, 0, 0);
    json_t *json = world_capture(W, "key", id, 0, true);
    assert_int_equal(int_at(json, "amount_captured"), 1000);
    assert_done(W, json, 201, "succeeded");
    assert_refused(W, world_capture(W, "key-2", id, 0, true), ERR_STATE);
    assert_int_equal(fake_calls(FAKE, 0, "capture"), 1);
    free(id);
    world_check(W);
}

static void several_captures_take_parts_until_the_final_one(void **state) {
    char *id = world_authorized(W, "order", 1000);
    assert_done(W, world_capture(W, "key-1", id, 300, false), 201, "succeeded");
    assert_done(W, world_capture(W, "key-2", id, 200, false), 201, "succeeded");
    assert_refused(W, world_capture(W, "key-3", id, 501, false), ERR_AMOUNT);
    assert_non_null(strstr(W->err.detail, "5.00 USD"));
    assert_done(W, world_capture(W, "key-4", id, 400, true), 201, "succeeded");
    assert_refused(W, world_capture(W, "key-5", id, 100, true), ERR_STATE);
    assert_amounts(id, 900, 0, 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event WHERE type = 'payment.captured'"), 2);
    free(id);
    world_check(W);
}

static void a_payment_charged_at_once_is_not_captured(void **state) {
    char *id = world_paid(W, "order", 1000);
    assert_refused(W, world_capture(W, "key", id, 0, true), ERR_STATE);
    assert_int_equal(fake_calls(FAKE, 0, "capture"), 0);
    free(id);
}

static void a_capture_that_the_gateway_refuses_changes_nothing_and_says_so(void **state) {
    char *id = world_authorized(W, "order", 1000);
    fake_say(FAKE, 0, "capture", 1, FAKE_REJECT);
    json_t *json = world_capture(W, "key", id, 600, true);
    assert_non_null(json);
    assert_int_equal(W->status, 422);
    assert_non_null(strstr(json_at(json, "type"), "gateway-rejected"));
    json_decref(json);
    assert_payment(W, id, "authorized");
    /* The same key tells the same; another one may try again. */
    json_decref(world_capture(W, "key", id, 600, true));
    assert_int_equal(W->status, 422);
    assert_true(W->replayed);
    assert_done(W, world_capture(W, "key-2", id, 600, true), 201, "succeeded");
    assert_amounts(id, 600, 0, 0);
    free(id);
    world_check(W);
}

static void an_unknown_capture_is_repeated_at_once_with_its_key(void **state) {
    static const enum fake_act acts[] = {FAKE_LOSE_BEFORE, FAKE_LOSE_AFTER, FAKE_GARBAGE,
                                         FAKE_ERROR_AFTER};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        char *id = world_authorized(W, "order", 1000);
        fake_say(FAKE, 0, "capture", 1, acts[i]);
        assert_done(W, world_capture(W, "key", id, 700, true), 201, "succeeded");
        assert_int_equal(fake_calls(FAKE, 0, "capture"), 2);
        assert_amounts(id, 700, 0, 0);
        free(id);
        world_check(W);
    }
}

static void an_unknown_capture_counts_until_it_is_resolved(void **state) {
    static const enum fake_act acts[] = {FAKE_LOSE_BEFORE, FAKE_LOSE_AFTER, FAKE_TIME_OUT_AFTER};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        char *id = world_authorized(W, "order", 1000);
        fake_say(FAKE, 0, "*", -1, acts[i]);
        assert_done(W, world_capture(W, "key", id, 700, false), 202, "authorized");
        assert_refused(W, world_capture(W, "key-2", id, 301, false), ERR_AMOUNT);
        assert_refused(W, world_cancel(W, "key-3", id), ERR_STATE);
        fake_say_nothing(FAKE);
        world_settle_all(W);
        assert_payment(W, id, "succeeded");
        assert_amounts(id, 700, 0, 0);
        free(id);
        world_check(W);
    }
}

/* What the intent says then is the sum of all captures; which of them were made is worked out. */
static void
a_capture_that_never_arrived_is_not_taken_for_the_one_that_closed_the_payment(void **state) {
    char *id = world_authorized(W, "order", 1000);
    fake_say(FAKE, 0, "capture", -1, FAKE_LOSE_BEFORE);
    assert_done(W, world_capture(W, "key", id, 300, false), 202, "authorized");
    fake_say_nothing(FAKE);
    assert_done(W, world_capture(W, "key-2", id, 700, true), 201, "succeeded");
    world_settle_all(W);
    assert_amounts(id, 700, 0, 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation WHERE kind = 1 AND state = 5"),
                     1);
    free(id);
    world_check(W);
}

static void a_callback_about_a_capture_of_ours_books_it_once(void **state) {
    char *id = world_authorized(W, "order", 1000);
    fake_say(FAKE, 0, "capture", -1, FAKE_LOSE_AFTER);
    assert_done(W, world_capture(W, "key", id, 1000, true), 202, "authorized");
    world_callbacks(W, 0);
    (void)world_tick(W);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_amounts(id, 1000, 0, 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind IN (1, 2)"), 1);
    free(id);
    world_check(W);
}

static void a_capture_made_at_the_gateway_itself_is_booked_from_its_callback(void **state) {
    char *id = world_authorized(W, "order", 1000);
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    world_callbacks(W, 0);
    (void)world_tick(W);
    assert_payment(W, id, "succeeded");
    assert_amounts(id, 1000, 0, 0);
    free(id);
    world_check(W);
}

static void a_capture_of_an_expired_authorization_fails(void **state) {
    char *id = world_authorized(W, "order", 1000);
    fake_payment_becomes(FAKE, 0, "order", "canceled");
    json_decref(world_capture(W, "key", id, 0, true));
    assert_int_equal(W->status, 422);
    world_callbacks(W, 0);
    (void)world_tick(W);
    assert_payment(W, id, "canceled");
    free(id);
    world_check(W);
}

enum { RACERS = 6 };
struct racer {
    int number, result, status;
    const char *id;
    int64_t amount_minor;
    enum operation_kind kind;
};

static void race(void *arg) {
    struct racer *racer = arg;
    char key[32];
    snprintf(key, sizeof key, "racer-%d", racer->number);
    struct caller caller = world_caller(key, "x");
    struct answer answer = {0};
    struct err err = {0};
    racer->result = racer->kind == OPERATION_CAPTURE
                        ? payment_capture(W->payments, &caller, racer->id, racer->amount_minor,
                                          false, &answer, &err)
                    : racer->kind == OPERATION_CANCEL
                        ? payment_cancel(W->payments, &caller, racer->id, "", &answer, &err)
                        : payment_refund(W->payments, &caller, racer->id, racer->amount_minor, "",
                                         true, &answer, &err);
    racer->status = answer.status;
    answer_release(&answer);
}

/* Starts them all, waits for them all, returns how many were let in. */
static int run_race(struct racer racers[RACERS]) {
    struct task *tasks[RACERS];
    int won = 0;
    for (int i = 0; i < RACERS; i++) {
        tasks[i] = task_start("racer", 512 * 1024, race, &racers[i]);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < RACERS; i++) {
        task_join(tasks[i]);
        won += racers[i].result == 0;
    }
    return won;
}

static void captures_at_once_never_exceed_what_was_authorized(void **state) {
    for (int round = 0; round < 4; round++) {
        payment_world_forget(W);
        char *id = world_authorized(W, "order", 1000);
        struct racer racers[RACERS];
        for (int i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){i, 0, 0, id, 400, OPERATION_CAPTURE};
        }
        assert_int_equal(run_race(racers), 2);
        assert_amounts(id, 800, 0, 0);
        free(id);
        world_check(W);
    }
}

static void a_capture_and_a_cancellation_at_once_are_one_of_the_two(void **state) {
    for (int round = 0; round < 6; round++) {
        payment_world_forget(W);
        char *id = world_authorized(W, "order", 1000);
        struct racer racers[RACERS];
        for (int i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){i,  0,    0,
                                       id, 1000, i % 2 == 0 ? OPERATION_CAPTURE : OPERATION_CANCEL};
        }
        assert_int_equal(run_race(racers), 1);
        free(id);
        world_check(W);
    }
}

/* ---- cancellations ---- */

static void a_cancelled_authorization_is_released_and_the_order_is_free(void **state) {
    char *id = world_authorized(W, "order", 1000);
    assert_done(W, world_cancel(W, "key", id), 201, "canceled");
    assert_refused(W, world_capture(W, "key-2", id, 0, true), ERR_STATE);
    assert_refused(W, world_cancel(W, "key-3", id), ERR_STATE);
    free(id);
    id = world_paid(W, "order", 1000);
    free(id);
    world_check(W);
}

static void what_was_taken_or_is_being_asked_is_not_cancelled(void **state) {
    char *id = world_paid(W, "order", 1000);
    assert_refused(W, world_cancel(W, "key", id), ERR_STATE);
    assert_non_null(strstr(W->err.hint, "refund"));
    free(id);
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    json_t *json = world_create(W, "key-2", "order-2", 500);
    assert_string_equal(json_at(json, "state"), "processing");
    assert_refused(W, world_cancel(W, "key-3", json_at(json, "id")), ERR_STATE);
    json_decref(json);
    assert_int_equal(fake_calls(FAKE, 0, "cancel"), 0);
}

static void a_payment_that_waits_for_another_method_is_cancelled_without_a_gateway(void **state) {
    struct payment_order order = world_order("order", 500);
    order.token = NULL;
    json_t *json = world_pay(W, "key", &order);
    assert_done(W, world_cancel(W, "key-2", json_at(json, "id")), 201, "canceled");
    json_decref(json);
    assert_int_equal(fake_calls(FAKE, 0, "*"), 0);
    world_check(W);
}

static void a_cancellation_of_what_was_charged_meanwhile_fails(void **state) {
    static const enum fake_act acts[] = {FAKE_DO, FAKE_LOSE_BEFORE};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        char *id = world_authorized(W, "order", 1000);
        fake_payment_becomes(FAKE, 0, "order", "succeeded"); /* by somebody at its dashboard */
        fake_say(FAKE, 0, "cancel", 2, acts[i]);
        json_decref(world_cancel(W, "key", id));
        assert_int_equal(W->status, acts[i] == FAKE_DO ? 422 : 202);
        world_callbacks(W, 0);
        world_settle_all(W);
        assert_payment(W, id, "succeeded");
        assert_int_equal(world_int(W, "SELECT state FROM operation"), OPERATION_FAILED);
        free(id);
        world_check(W);
    }
}

/* The gateway's word may be older than what we have done since it was asked. */
static void cancel_meanwhile(void *ctx, int account, const char *call, bool done) {
    (void)account;
    if (done && strcmp(call, "query") == 0) {
        fake_hook(FAKE, NULL, NULL);
        assert_done(W, world_cancel(W, "key-of-the-cancellation", ctx), 201, "canceled");
    }
}

static void what_was_authorized_when_it_was_asked_about_is_no_late_success(void **state) {
    char *id = world_authorized(W, "order", 1000);
    struct caller caller = world_caller("key", "hash");
    ANSWER_AUTO answer = {0};
    fake_hook(FAKE, cancel_meanwhile, id);
    json_decref(world_take(W, payment_check(W->payments, &caller, id, &answer, &W->err), &answer));
    assert_payment(W, id, "canceled");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case"), 0);
    assert_int_equal(fake_calls(FAKE, 0, "query"), 2);
    free(id);
    world_check(W);
}

static void a_check_asks_about_open_operations_too(void **state) {
    char *id = world_paid(W, "order", 1000);
    struct caller caller = world_caller("key", "hash");
    ANSWER_AUTO answer = {0};
    fake_say(FAKE, 0, "refund", -1, FAKE_LOSE_AFTER);
    json_decref(world_refund(W, "key-of-the-refund", id, 400));
    assert_amounts(id, 1000, 0, 400);
    fake_say_nothing(FAKE);
    json_decref(world_take(W, payment_check(W->payments, &caller, id, &answer, &W->err), &answer));
    assert_amounts(id, 1000, 400, 0);
    free(id);
    world_check(W);
}

static void an_unknown_cancellation_is_resolved(void **state) {
    static const enum fake_act acts[] = {FAKE_LOSE_BEFORE, FAKE_LOSE_AFTER};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        char *id = world_authorized(W, "order", 1000);
        fake_say(FAKE, 0, "cancel", -1, acts[i]);
        assert_done(W, world_cancel(W, "key", id), 202, "authorized");
        assert_refused(W, world_capture(W, "key-2", id, 0, true), ERR_STATE);
        fake_say_nothing(FAKE);
        world_settle_all(W);
        assert_payment(W, id, "canceled");
        free(id);
        world_check(W);
    }
}

/* ---- refunds ---- */

static void a_payment_is_refunded_in_full_by_default(void **state) {
    char *id = world_paid(W, "order", 1000);
    json_t *json = world_refund(W, "key", id, 0);
    assert_int_equal(int_at(json, "amount"), 1000);
    assert_done(W, json, 201, "succeeded");
    assert_amounts(id, 1000, 1000, 0);
    assert_refused(W, world_refund(W, "key-2", id, 0), ERR_AMOUNT);
    assert_refused(W, world_refund(W, "key-3", id, 1), ERR_AMOUNT);
    free(id);
    world_check(W);
}

static void several_partial_refunds_go_up_to_what_was_captured(void **state) {
    char *id = world_paid(W, "order", 1000);
    assert_done(W, world_refund(W, "key-1", id, 400), 201, "succeeded");
    assert_done(W, world_refund(W, "key-2", id, 500), 201, "succeeded");
    assert_refused(W, world_refund(W, "key-3", id, 101), ERR_AMOUNT);
    assert_done(W, world_refund(W, "key-4", id, 0), 201, "succeeded");
    assert_amounts(id, 1000, 1000, 0);
    free(id);
    world_check(W);
}

static void only_what_was_captured_can_be_refunded(void **state) {
    char *id = world_authorized(W, "order", 1000);
    assert_refused(W, world_refund(W, "key-1", id, 100), ERR_STATE);
    assert_done(W, world_capture(W, "key-2", id, 300, true), 201, "succeeded");
    assert_refused(W, world_refund(W, "key-3", id, 301), ERR_AMOUNT);
    assert_done(W, world_refund(W, "key-4", id, 300), 201, "succeeded");
    free(id);
    assert_refused(W, world_refund(W, "key-5", "pay_00000000000000000000000000", 1), ERR_NOT_FOUND);
    world_check(W);
}

static void a_pending_refund_counts_as_refunded_until_it_failed(void **state) {
    char *id = world_paid(W, "order", 1000);
    fake_say(FAKE, 0, "refund", 1, FAKE_PENDING);
    assert_done(W, world_refund(W, "key-1", id, 700), 202, "pending");
    assert_amounts(id, 1000, 0, 700);
    assert_refused(W, world_refund(W, "key-2", id, 301), ERR_AMOUNT);
    test_clock_advance(61 * US_PER_SECOND);
    (void)world_tick(W);
    assert_amounts(id, 1000, 0, 700);
    fake_refund_becomes(FAKE, 0, "order", "failed");
    test_clock_advance(61 * US_PER_SECOND);
    (void)world_tick(W);
    assert_amounts(id, 1000, 0, 0);
    assert_done(W, world_refund(W, "key-3", id, 1000), 201, "succeeded");
    free(id);
    world_check(W);
}

static void a_pending_refund_ends_as_the_gateway_says(void **state) {
    static const char *const ends[] = {"succeeded", "failed", "canceled"};
    static const int64_t refunded[] = {700, 0, 0};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        payment_world_forget(W);
        char *id = world_paid(W, "order", 1000);
        fake_say(FAKE, 0, "refund", 1, FAKE_PENDING);
        assert_done(W, world_refund(W, "key-1", id, 700), 202, "pending");
        fake_refund_becomes(FAKE, 0, "order", ends[i]);
        test_clock_advance(61 * US_PER_SECOND);
        (void)world_tick(W);
        assert_amounts(id, 1000, refunded[i], 0);
        free(id);
        world_check(W);
    }
}

static void an_unknown_refund_counts_and_is_resolved(void **state) {
    static const enum fake_act acts[] = {FAKE_LOSE_BEFORE, FAKE_LOSE_AFTER, FAKE_TIME_OUT_BEFORE,
                                         FAKE_GARBAGE, FAKE_ERROR_AFTER};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        char *id = world_paid(W, "order", 1000);
        fake_say(FAKE, 0, "*", -1, acts[i]);
        assert_done(W, world_refund(W, "key-1", id, 700), 202, "unknown");
        assert_amounts(id, 1000, 0, 700);
        assert_refused(W, world_refund(W, "key-2", id, 301), ERR_AMOUNT);
        fake_say_nothing(FAKE);
        world_settle_all(W);
        assert_amounts(id, 1000, 700, 0);
        free(id);
        world_check(W);
    }
}

/* Its keys are gone by then: it is asked whether it knows the refund. */
static void a_refund_unknown_for_longer_than_keys_live_is_asked_about(void **state) {
    static const enum fake_act acts[] = {FAKE_LOSE_BEFORE, FAKE_LOSE_AFTER};
    static const int64_t refunded[] = {0, 700};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        char *id = world_paid(W, "order", 1000);
        fake_say(FAKE, 0, "*", -1, acts[i]);
        assert_done(W, world_refund(W, "key-1", id, 700), 202, "unknown");
        for (int hour = 0; hour < 25; hour++) {
            test_clock_advance(3600 * US_PER_SECOND);
            (void)world_tick(W);
        }
        assert_amounts(id, 1000, 0, 700);
        int refunds = fake_calls(FAKE, 0, "refund");
        fake_say_nothing(FAKE);
        world_settle_all(W);
        assert_int_equal(fake_calls(FAKE, 0, "refund"), refunds);
        assert_amounts(id, 1000, refunded[i], 0);
        free(id);
        world_check(W);
    }
}

/* Somebody gave the money back in the gateway's dashboard while ours was unknown, say: every repeat
 * is refused from then on. */
static void a_refund_that_never_came_and_is_refused_ever_after_has_failed(void **state) {
    char *id = world_paid(W, "order", 1000);
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    assert_done(W, world_refund(W, "key", id, 1000), 202, "unknown");
    fake_say_nothing(FAKE);
    fake_say(FAKE, 0, "refund", -1, FAKE_REJECT);
    /* While the first may be on its way the refusal is the repeat's alone. */
    test_clock_advance(10 * US_PER_SECOND);
    (void)world_tick(W);
    assert_amounts(id, 1000, 0, 1000);
    for (int i = 0; i < 40; i++) {
        test_clock_advance(30 * US_PER_SECOND);
        (void)world_tick(W);
    }
    assert_amounts(id, 1000, 0, 0);
    assert_text(W, "SELECT CAST(state AS text) FROM operation WHERE kind = 3", "5");
    free(id);
    world_check(W);
}

static void a_refund_that_certainly_was_not_made_fails_and_frees_its_amount(void **state) {
    static const enum fake_act acts[] = {FAKE_REFUSE, FAKE_RATE_LIMIT, FAKE_BAD_KEY, FAKE_REJECT,
                                         FAKE_DECLINE};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        char *id = world_paid(W, "order", 1000);
        fake_say(FAKE, 0, "refund", 1, acts[i]);
        assert_done(W, world_refund(W, "key-1", id, 1000), 201, "failed");
        assert_amounts(id, 1000, 0, 0);
        free(id);
        world_check(W);
    }
}

static json_t *retry(const char *key, const char *refund_id) {
    struct caller caller = world_caller(key, "retry");
    struct answer answer = {0};
    return world_take(W, refund_retry(W->payments, &caller, refund_id, &answer, &W->err), &answer);
}

static void a_failed_refund_is_sent_again_once(void **state) {
    char *id = world_paid(W, "order", 1000);
    fake_say(FAKE, 0, "refund", 2, FAKE_REFUSE);
    json_t *first = world_refund(W, "key-1", id, 600);
    const char *refund_id = json_at(first, "id");
    assert_done(W, retry("key-2", refund_id), 201, "failed");
    assert_done(W, retry("key-3", refund_id), 201, "succeeded");
    assert_refused(W, retry("key-4", refund_id), ERR_STATE);
    assert_done(W, retry("key-3", refund_id), 201, "succeeded");
    assert_true(W->replayed);
    json_decref(first);
    assert_amounts(id, 1000, 600, 0);
    free(id);
    world_check(W);
}

static size_t failed_listed(void) {
    struct answer answer = {0};
    json_t *json = world_take(W, refund_list(W->payments, "failed", 0, 0, &answer, &W->err),
                              &answer);
    size_t count = json_array_size(json_object_get(json, "data"));
    json_decref(json);
    return count;
}

static void what_was_sent_again_is_listed_as_failed_no_longer(void **state) {
    char *id = world_paid(W, "order", 1000);
    fake_say(FAKE, 0, "refund", 2, FAKE_REFUSE);
    json_t *first = world_refund(W, "key-1", id, 300);
    assert_int_equal(failed_listed(), 1);
    json_decref(retry("key-2", json_at(first, "id"))); /* it fails as well */
    assert_int_equal(failed_listed(), 2);
    fake_say(FAKE, 0, "refund", 1, FAKE_PENDING);
    assert_done(W, retry("key-3", json_at(first, "id")), 202, "pending");
    assert_int_equal(failed_listed(), 0);
    json_decref(first);
    free(id);
    world_check(W);
}

/* Two failures of one refund are not two refunds: whichever is sent again, it is given once. */
static void a_refund_that_failed_twice_is_not_given_twice(void **state) {
    for (int latest_first = 0; latest_first < 2; latest_first++) {
        payment_world_forget(W);
        char *id = world_paid(W, "order", 1000);
        fake_say(FAKE, 0, "refund", 2, FAKE_REFUSE);
        json_t *first = world_refund(W, "key-1", id, 300);
        json_t *second = retry("key-2", json_at(first, "id"));
        assert_done(W, retry("key-3", json_at(latest_first ? second : first, "id")), 201,
                    "succeeded");
        assert_refused(W, retry("key-4", json_at(latest_first ? first : second, "id")), ERR_STATE);
        assert_int_equal(failed_listed(), 0);
        assert_amounts(id, 1000, 300, 0);
        json_decref(first);
        json_decref(second);
        free(id);
        world_check(W);
    }
}

static void only_a_failed_refund_is_sent_again(void **state) {
    char *id = world_paid(W, "order", 1000);
    json_t *json = world_refund(W, "key-1", id, 600);
    assert_refused(W, retry("key-2", json_at(json, "id")), ERR_STATE);
    json_decref(json);
    assert_refused(W, retry("key-3", "re_00000000000000000000000000"), ERR_NOT_FOUND);
    free(id);
}

static void a_refund_that_succeeded_and_failed_after_all_is_taken_back(void **state) {
    char *id = world_paid(W, "order", 1000);
    assert_done(W, world_refund(W, "key-1", id, 600), 201, "succeeded");
    int from = fake_event_count(FAKE);
    fake_refund_becomes(FAKE, 0, "order", "failed");
    world_callbacks(W, from);
    (void)world_tick(W);
    assert_amounts(id, 1000, 0, 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 4"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event WHERE type = 'refund.failed'"), 1);
    free(id);
    world_check(W);
}

static json_t *store_credit(const char *key, const char *id, int64_t amount_minor) {
    struct caller caller = world_caller(key, "credit");
    struct answer answer = {0};
    int r = payment_refund(W->payments, &caller, id, amount_minor, "goodwill", false, &answer,
                           &W->err);
    return world_take(W, r, &answer);
}

static void store_credit_needs_no_gateway_and_counts_as_refunded(void **state) {
    char *id = world_paid(W, "order", 1000);
    int calls = fake_calls(FAKE, 0, "*");
    assert_done(W, store_credit("key-1", id, 400), 201, "succeeded");
    assert_int_equal(fake_calls(FAKE, 0, "*"), calls);
    assert_amounts(id, 1000, 400, 0);
    assert_refused(W, world_refund(W, "key-2", id, 601), ERR_AMOUNT);
    assert_text(W, "SELECT credit_account FROM posting WHERE kind = 8",
                "customer:cus_1:store_credit");
    free(id);
    struct payment_order order = world_order("order-2", 500);
    order.customer_id = "";
    json_t *json = world_pay(W, NULL, &order);
    assert_refused(W, store_credit("key-3", json_at(json, "id"), 100), ERR_VALIDATION);
    json_decref(json);
    world_check(W);
}

static void refunds_at_once_never_exceed_what_was_captured(void **state) {
    for (int round = 0; round < 4; round++) {
        payment_world_forget(W);
        char *id = world_paid(W, "order", 1000);
        struct racer racers[RACERS];
        for (int i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){i, 0, 0, id, 300, OPERATION_REFUND};
        }
        assert_int_equal(run_race(racers), 3);
        assert_amounts(id, 1000, 900, 0);
        free(id);
        world_check(W);
    }
}

/* A refund beside a capture of more, and the same key from many at once. */
static void a_refund_and_a_capture_at_once_are_both_counted(void **state) {
    for (int round = 0; round < 4; round++) {
        payment_world_forget(W);
        char *id = world_authorized(W, "order", 1000);
        assert_done(W, world_capture(W, "key", id, 400, false), 201, "succeeded");
        struct racer racers[RACERS];
        for (int i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){i,  0,   0,
                                       id, 150, i % 2 == 0 ? OPERATION_CAPTURE : OPERATION_REFUND};
        }
        assert_true(run_race(racers) >= 5); /* 3 captures of 150, and 2 or 3 refunds of 150 */
        free(id);
        world_check(W);
    }
}

static void the_same_key_from_many_at_once_is_one_refund(void **state) {
    for (int round = 0; round < 4; round++) {
        payment_world_forget(W);
        char *id = world_paid(W, "order", 1000);
        struct racer racers[RACERS];
        for (int i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){7, 0, 0, id, 100, OPERATION_REFUND};
        }
        (void)run_race(racers);
        for (int i = 0; i < RACERS; i++) {
            assert_true(racers[i].result == 0 || racers[i].result == -ERR_IDEMPOTENCY_IN_FLIGHT);
        }
        assert_amounts(id, 1000, 100, 0);
        free(id);
        world_check(W);
    }
}

static void a_disabled_gateway_refuses_refunds_and_a_draining_one_does_not(void **state) {
    char *id = world_paid(W, "order", 1000);
    static const enum gateway_switch switches[] = {GATEWAY_DISABLED, GATEWAY_DRAINING};
    for (size_t i = 0; i < COUNT_OF(switches); i++) {
        struct gateway_control_change change;
        assert_int_equal(gateway_control_set(W->control, "stripe-a", switches[i], false, "test",
                                             "an incident", &change, &W->err),
                         0);
        assert_int_equal(gateway_control_apply(&change, &W->err), 0);
        if (switches[i] == GATEWAY_DISABLED) {
            assert_refused(W, world_refund(W, "key-1", id, 100), ERR_NO_GATEWAY);
        } else {
            assert_done(W, world_refund(W, "key-2", id, 100), 201, "succeeded");
        }
    }
    free(id);
    world_check(W);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_was_authorized_is_captured_by_default),
        cmocka_unit_test(several_captures_take_parts_until_the_final_one),
        cmocka_unit_test(a_payment_charged_at_once_is_not_captured),
        cmocka_unit_test(a_capture_that_the_gateway_refuses_changes_nothing_and_says_so),
        cmocka_unit_test(an_unknown_capture_is_repeated_at_once_with_its_key),
        cmocka_unit_test(an_unknown_capture_counts_until_it_is_resolved),
        cmocka_unit_test(
            a_capture_that_never_arrived_is_not_taken_for_the_one_that_closed_the_payment),
        cmocka_unit_test(a_callback_about_a_capture_of_ours_books_it_once),
        cmocka_unit_test(a_capture_made_at_the_gateway_itself_is_booked_from_its_callback),
        cmocka_unit_test(a_capture_of_an_expired_authorization_fails),
        cmocka_unit_test(captures_at_once_never_exceed_what_was_authorized),
        cmocka_unit_test(a_capture_and_a_cancellation_at_once_are_one_of_the_two),
        cmocka_unit_test(a_cancelled_authorization_is_released_and_the_order_is_free),
        cmocka_unit_test(what_was_taken_or_is_being_asked_is_not_cancelled),
        cmocka_unit_test(a_payment_that_waits_for_another_method_is_cancelled_without_a_gateway),
        cmocka_unit_test(a_cancellation_of_what_was_charged_meanwhile_fails),
        cmocka_unit_test(what_was_authorized_when_it_was_asked_about_is_no_late_success),
        cmocka_unit_test(a_check_asks_about_open_operations_too),
        cmocka_unit_test(an_unknown_cancellation_is_resolved),
        cmocka_unit_test(a_payment_is_refunded_in_full_by_default),
        cmocka_unit_test(several_partial_refunds_go_up_to_what_was_captured),
        cmocka_unit_test(only_what_was_captured_can_be_refunded),
        cmocka_unit_test(a_pending_refund_counts_as_refunded_until_it_failed),
        cmocka_unit_test(a_pending_refund_ends_as_the_gateway_says),
        cmocka_unit_test(an_unknown_refund_counts_and_is_resolved),
        cmocka_unit_test(a_refund_unknown_for_longer_than_keys_live_is_asked_about),
        cmocka_unit_test(a_refund_that_never_came_and_is_refused_ever_after_has_failed),
        cmocka_unit_test(a_refund_that_certainly_was_not_made_fails_and_frees_its_amount),
        cmocka_unit_test(a_failed_refund_is_sent_again_once),
        cmocka_unit_test(what_was_sent_again_is_listed_as_failed_no_longer),
        cmocka_unit_test(a_refund_that_failed_twice_is_not_given_twice),
        cmocka_unit_test(only_a_failed_refund_is_sent_again),
        cmocka_unit_test(a_refund_that_succeeded_and_failed_after_all_is_taken_back),
        cmocka_unit_test(store_credit_needs_no_gateway_and_counts_as_refunded),
        cmocka_unit_test(refunds_at_once_never_exceed_what_was_captured),
        cmocka_unit_test(a_refund_and_a_capture_at_once_are_both_counted),
        cmocka_unit_test(the_same_key_from_many_at_once_is_one_refund),
        cmocka_unit_test(a_disabled_gateway_refuses_refunds_and_a_draining_one_does_not),
    };
    return payment_world_run("captures, cancellations and refunds", tests, COUNT_OF(tests));
}
