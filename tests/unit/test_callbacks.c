/* SPDX-License-Identifier: Apache-2.0
 * test_callbacks.c: what gateways tell of their own accord: verified, stored before acknowledged,
 * applied once, compared, never moving anything backwards, retried, parked and replayed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter/slices.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
enum { APPLIED = 2, IGNORED = 3, FAILED = 4, PARKED = 5 };

static void create(const char *order_id, const char *state) {
    json_t *json = world_create(W, NULL, order_id, 500);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), state);
    json_decref(json);
}

/* The body of an event with one text in it replaced; free it. */
static char *altered(int event, const char *from, const char *to) {
    const char *body = fake_event(FAKE, event).body;
    const char *at = strstr(body, from);
    assert_non_null(at);
    size_t bytes = strlen(body) + strlen(to) + 1;
    char *text = malloc(bytes);
    assert_non_null(text);
    snprintf(text, bytes, "%.*s%s%s", (int)(at - body), body, to, at + strlen(from));
    return text;
}

static void deliver(char *body) {
    assert_int_equal(world_callback_raw(W, 0, body, FAKE_WEBHOOK_SECRET, clock_wall_us()), 200);
    free(body);
    (void)world_tick(W);
}

static int64_t cases(void) {
    return world_int(W, "SELECT COUNT(*) FROM review_case");
}

static void a_callback_is_stored_acknowledged_and_then_processed(void **state) {
    create("order", "succeeded");
    assert_int_equal(world_callback(W, 0), 200);
    assert_int_equal(world_int(W, "SELECT state FROM callback"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'callback'"), 1);
    char *body = world_text(W, "SELECT body FROM callback");
    assert_string_equal(body, fake_event(FAKE, 0).body);
    free(body);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM callback"), APPLIED);
    assert_text(W, "SELECT result FROM callback", "agrees with what we know");
    assert_true(world_int(W, "SELECT callback_us FROM attempt") > 0);
    assert_int_equal(world_int(W, "SELECT callback_due_us FROM attempt"), 0);
    assert_int_equal(fake_calls(FAKE, 0, "query"), 0);
    world_check(W);
}

static void a_duplicate_only_counts(void **state) {
    create("order", "succeeded");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(world_callback(W, 0), 200);
        (void)world_tick(W);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM callback"), 1);
    assert_int_equal(world_int(W, "SELECT duplicates FROM callback"), 2);
    assert_int_equal(world_int(W, "SELECT tries FROM callback"), 1);
    world_check(W);
}

static void what_is_forged_or_stale_is_refused_and_not_stored(void **state) {
    create("order", "succeeded");
    const char *body = fake_event(FAKE, 0).body;
    int64_t now = clock_wall_us();
    assert_int_equal(world_callback_raw(W, 0, body, "whsec_of_somebody", now), 400);
    assert_int_equal(world_callback_raw(W, 0, body, FAKE_WEBHOOK_SECRET, now - 600 * US_PER_SECOND),
                     400);
    assert_int_equal(world_callback_raw(W, 0, "not json", FAKE_WEBHOOK_SECRET, now), 400);
    assert_int_equal(world_callback_raw(W, 0, "{}", FAKE_WEBHOOK_SECRET, now), 400);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM callback"), 0);
}

/* By the real time, unless the sandbox moves with the test clock. */
static void a_callback_is_as_old_as_its_senders_clock_says(void **state) {
    create("order", "succeeded");
    const char *body = fake_event(FAKE, 0).body;
    int64_t ahead = 86400 * US_PER_SECOND;
    clock_shift(ahead);
    int64_t now = clock_wall_us();
    int by_ours = world_callback_raw(W, 0, body, FAKE_WEBHOOK_SECRET, now);
    int by_real = world_callback_raw(W, 0, body, FAKE_WEBHOOK_SECRET, now - ahead);
    W->gateways_follow = true;
    payment_world_restart(W);
    int followed = world_callback_raw(W, 0, body, FAKE_WEBHOOK_SECRET, now);
    int stale = world_callback_raw(W, 0, body, FAKE_WEBHOOK_SECRET, now - ahead);
    clock_shift(-ahead);
    assert_int_equal(by_ours, 400);
    assert_int_equal(by_real, 200);
    assert_int_equal(followed, 200);
    assert_int_equal(stale, 400);
}

static void a_gateway_that_is_not_configured_is_not_found(void **state) {
    struct http_request request = {.method = "POST",
                                   .path = "/",
                                   .query = "",
                                   .body = "{}",
                                   .body_bytes = 2,
                                   .peer = "::1",
                                   .id = "req_1"};
    struct http_reply reply = {0};
    buf_init(&reply.headers, 1024);
    buf_init(&reply.body, 1024);
    struct err err = {0};
    assert_int_equal(callback_receive(W->payments, "nobody", &request, &reply, &err),
                     -ERR_NOT_FOUND);
    buf_release(&reply.headers);
    buf_release(&reply.body);
}

static int fail_all(void *ctx, const char *sql) {
    (void)ctx;
    (void)sql;
    return 1;
}

static void what_cannot_be_stored_is_not_acknowledged(void **state) {
    create("order", "succeeded");
    store_fault_set(W->engine.store, fail_all, NULL);
    assert_int_equal(world_callback(W, 0), 503);
    store_fault_set(W->engine.store, NULL, NULL);
    assert_int_equal(world_callback(W, 0), 200);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM callback"), APPLIED);
}

static void a_stored_callback_survives_a_crash(void **state) {
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    create("order", "processing");
    fake_say_nothing(FAKE);
    world_callbacks(W, 0);
    payment_world_restart(W);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
    world_check(W);
}

static void a_callback_ends_an_unknown_by_having_the_gateway_asked(void **state) {
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    create("order", "processing");
    fake_say_nothing(FAKE);
    world_callbacks(W, 0);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
    assert_text(W, "SELECT source FROM attempt", "callback");
    world_check(W);
}

/* A callback that lies, or a gateway that takes its word back: its answer counts. */
static void a_callback_alone_moves_no_payment(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_PENDING);
    create("order", "processing");
    deliver(altered(0, "\"status\":\"processing\"", "\"status\":\"succeeded\""));
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 2);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting"), 0);
    world_check(W);
}

static int fail_when_dead(void *ctx, const char *sql) {
    (void)sql;
    return *(bool *)ctx;
}

static void stop_the_store(void *ctx, int account, const char *call, bool done) {
    (void)account;
    *(bool *)ctx = *(bool *)ctx || (strcmp(call, "charge") == 0 && done);
}

static void deliver_before_the_answer(void *ctx, int account, const char *call, bool done) {
    (void)account;
    if (strcmp(call, "charge") == 0 && done) {
        int *result = ctx;
        *result = world_callback(W, fake_event_count(FAKE) - 1);
        (void)world_tick(W);
    }
}

static void a_callback_before_the_answer_waits_for_it(void **state) {
    int result = 0;
    fake_hook(FAKE, deliver_before_the_answer, &result);
    create("order", "succeeded");
    fake_hook(FAKE, NULL, NULL);
    assert_int_equal(result, 200);
    assert_int_equal(world_int(W, "SELECT state FROM callback"), 1);
    assert_int_equal(fake_calls(FAKE, 0, "query"), 0);
    test_clock_advance(1 * US_PER_SECOND);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM callback"), APPLIED);
    assert_int_equal(world_int(W, "SELECT tries FROM callback"), 1); /* waiting was no try */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 1"), 1);
    assert_int_equal(cases(), 0);
    world_check(W);
}

/* Its caller is dead: the callback has it asked as soon as that is known. */
static void a_callback_for_an_attempt_whose_caller_died_is_not_kept_waiting_for_ever(void **state) {
    bool dead = false;
    fake_hook(FAKE, stop_the_store, &dead);
    store_fault_set(W->engine.store, fail_when_dead, &dead);
    assert_null(world_create(W, "key", "order", 500));
    store_fault_set(W->engine.store, NULL, NULL);
    fake_hook(FAKE, NULL, NULL);
    payment_world_restart(W);
    world_callbacks(W, 0);
    for (int i = 0; i < 60 && world_int(W, "SELECT state FROM callback") != APPLIED; i++) {
        (void)world_tick(W);
        test_clock_advance(1 * US_PER_SECOND);
    }
    assert_int_equal(world_int(W, "SELECT state FROM callback"), APPLIED);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
    world_check(W);
}

static void an_old_callback_moves_nothing_backwards(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_PENDING);
    create("order", "processing");
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    assert_int_equal(world_callback(W, 1), 200); /* succeeded, before … */
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
    assert_int_equal(world_callback(W, 0), 200); /* … processing */
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM callback WHERE state = 2"), 2);
    assert_int_equal(cases(), 0);
    world_check(W);
}

static void a_late_word_about_an_attempt_that_was_given_up_moves_nothing(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE_ELSEWHERE);
    create("order", "succeeded"); /* at stripe-b */
    world_callbacks(W, 0);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt WHERE state = 6"), 1);
    assert_int_equal(cases(), 0);
    world_check(W);
}

static void what_differs_from_ours_opens_a_case_and_changes_nothing(void **state) {
    static const struct {
        const char *from, *to;
    } changes[] = {
        {"\"amount\":500", "\"amount\":400"},
        {"\"currency\":\"usd\"", "\"currency\":\"cad\""},
        {"\"order_id\":\"order\"", "\"order_id\":\"another\""},
    };
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        payment_world_forget(W);
        create("order", "succeeded");
        deliver(altered(0, changes[i].from, changes[i].to));
        assert_int_equal(world_int(W, "SELECT state FROM callback"), APPLIED);
        assert_text(W, "SELECT kind FROM review_case", "callback_mismatch");
        assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), 500);
        world_check(W);
    }
}

static void a_second_charge_goes_to_suspense_with_a_case(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_TWICE);
    create("order", "succeeded");
    assert_int_equal(fake_charged(FAKE, "order", NULL), 2);
    for (int round = 0; round < 2; round++) {
        world_callbacks(W, 0);
        (void)world_tick(W);
        assert_text(W, "SELECT kind FROM review_case", "duplicate_charge");
        assert_int_equal(cases(), 1);
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 10"), 1);
        assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), 500);
    }
    deliver(altered(1, "evt_fake_", "evt_again_")); /* another event that tells the same */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM callback WHERE state = 2"), 3);
    assert_int_equal(cases(), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 10"), 1);
    world_verify(W);
    world_books_equal(W);
}

/* The same when the answer was lost: one of the two becomes the payment, the other one is suspense.
 */
static void a_second_charge_after_a_lost_answer_goes_to_suspense(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_TWICE);
    fake_slow(FAKE, 30 * US_PER_SECOND);
    create("order", "processing");
    fake_slow(FAKE, 0);
    world_callbacks(W, 0);
    world_settle_all(W);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 10"), 1);
    world_verify(W);
    world_books_equal(W);
}

/* Whichever of the two is heard of first, while the gateway can only be asked by our name. */
static void a_second_charge_that_is_told_first_goes_to_suspense(void **state) {
    for (int first = 0; first < 2; first++) {
        payment_world_forget(W);
        fake_say(FAKE, 0, "charge", 1, FAKE_TWICE);
        fake_slow(FAKE, 30 * US_PER_SECOND);
        create("order", "processing");
        fake_slow(FAKE, 0);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(world_callback(W, i == 0 ? first : 1 - first), 200);
            (void)world_tick(W);
        }
        assert_text(W, "SELECT kind FROM review_case", "duplicate_charge");
        world_settle_all(W);
        assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 10"), 1);
        world_verify(W);
        world_books_equal(W);
    }
}

static void a_success_after_a_failure_goes_to_suspense_and_moves_no_payment(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
    create("order", "failed");
    int from = fake_event_count(FAKE);
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    for (int round = 0; round < 2; round++) {
        world_callbacks(W, from);
        (void)world_tick(W);
        assert_int_equal(world_int(W, "SELECT state FROM payment"), 6);
        assert_text(W, "SELECT review FROM payment", "late_success");
        assert_text(W, "SELECT kind FROM review_case", "late_success");
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 10"), 1);
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event WHERE type = 'payment.review'"),
                         1);
    }
    world_verify(W);
    world_books_equal(W);
}

static void a_charge_that_no_attempt_explains_goes_to_suspense_with_a_case(void **state) {
    (void)fake_charge_of_nobody(FAKE, 0, "", "order-x", 500);
    (void)fake_charge_of_nobody(FAKE, 0, "att_00000000000000000000000000", "order-y", 600);
    world_callbacks(W, 0);
    (void)world_tick(W);
    assert_int_equal(cases(), 2);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'orphan_charge'"),
                     2);
    assert_int_equal(world_int(W, "SELECT SUM(amount_minor) FROM posting WHERE kind = 10"), 1100);
    deliver(altered(0, "evt_fake_", "evt_again_"));
    assert_int_equal(cases(), 2);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 10"), 2);
    world_books_equal(W);
    world_verify(W);
}

/* A genuine callback of one gateway that names another's attempt. */
static void one_gateway_cannot_speak_for_another(void **state) {
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    create("order", "processing");
    fake_say_nothing(FAKE);
    const char *body = fake_event(FAKE, 0).body;
    assert_int_equal(world_callback_raw(W, 1, body, FAKE_WEBHOOK_SECRET, clock_wall_us()), 200);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 2);
    assert_text(W, "SELECT kind FROM review_case", "orphan_charge");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting"), 0); /* it does not confirm it */
}

static void a_callback_that_cannot_be_processed_is_retried_parked_and_replayed(void **state) {
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    create("order", "processing");
    world_callbacks(W, 0);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM callback"), FAILED);
    for (int i = 0; i < 40 && world_int(W, "SELECT state FROM callback") != PARKED; i++) {
        test_clock_advance(2200 * US_PER_SECOND);
        (void)world_tick(W);
    }
    assert_int_equal(world_int(W, "SELECT state FROM callback"), PARKED);
    assert_int_equal(world_int(W, "SELECT tries FROM callback"), 12);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'callback_parked'"), 1);
    struct answer answer = {0};
    json_t *json = world_take(
        W, callback_list(W->payments, "parked", "stripe-a", 10, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 1);

    fake_say_nothing(FAKE);
    struct caller caller = world_caller("key", "replay");
    int r = callback_replay(W->payments, &caller, json_at(json, "data.0.id"), &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    json_decref(json);
    assert_int_equal(W->status, 202);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM callback"), APPLIED);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action = 'callback.replay'"), 1);
    world_check(W);
}

/* While its first run asks the gateway, another run (whose lease had ended) does all the work. */
static void another_run_does_it(void *ctx, int account, const char *call, bool done) {
    bool *did = ctx;
    (void)call;
    (void)done;
    if (!*did) {
        *did = true;
        (void)engine_exec(&W->engine, "UPDATE callback SET state = 2");
    }
}

static void a_run_that_fails_late_takes_nothing_back(void **state) {
    bool did = false;
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    create("order", "processing");
    world_callbacks(W, 0);
    fake_hook(FAKE, another_run_does_it, &did);
    (void)world_tick(W);
    fake_hook(FAKE, NULL, NULL);
    assert_true(did);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM callback WHERE state = 4"), 0);
}

static void lists_take_only_states_that_there_are(void **state) {
    struct answer answer = {0};
    assert_null(
        world_take(W, callback_list(W->payments, "broken", NULL, 10, &answer, &W->err), &answer));
    assert_int_equal(W->result, -ERR_VALIDATION);
    struct caller caller = world_caller("key", "replay");
    int r = callback_replay(W->payments, &caller, "cb_00000000000000000000000000", &answer,
                            &W->err);
    assert_null(world_take(W, r, &answer));
    assert_int_equal(W->result, -ERR_NOT_FOUND);
}

/* What gateways owed us, of this test. */
static struct slice_counts awaited_counts(void) {
    struct slice_counts sum = {0};
    for (const struct slice *slice = slices_next(NULL); slice != NULL; slice = slices_next(slice)) {
        struct slice_counts one;
        slice_totals(slice, &one);
        if (slice_operation_of(slice) == SLICE_AWAITED) {
            sum.ok += one.ok;
            sum.failed += one.failed;
        }
    }
    return sum;
}

static void a_missing_callback_is_asked_about_marked_and_cleared_when_it_comes(void **state) {
    W->delayed_callbacks = true;
    payment_world_restart(W);
    slices_init();
    create("order", "succeeded");
    test_clock_advance(3500 * US_PER_SECOND);
    (void)world_tick(W);
    assert_text(W, "SELECT review FROM payment", "");
    test_clock_advance(200 * US_PER_SECOND);
    (void)world_tick(W);
    assert_int_equal(fake_calls(FAKE, 0, "query"), 1);
    assert_text(W, "SELECT review FROM payment", "callback_missing");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event WHERE type = 'payment.review'"), 1);
    struct slice_counts awaited = awaited_counts();
    assert_int_equal(awaited.failed, 1);
    assert_int_equal(awaited.ok, 0);
    (void)world_tick(W);
    assert_int_equal(fake_calls(FAKE, 0, "query"), 1);
    assert_int_equal(awaited_counts().failed, 1); /* once, however often it is looked for */
    world_callbacks(W, 0);
    (void)world_tick(W);
    assert_text(W, "SELECT review FROM payment", "");
    world_check(W);
}

/* Nobody is marked because a gateway is down, and a gateway that is down is not asked all the time.
 */
static void while_the_gateway_cannot_be_asked_a_missing_callback_waits(void **state) {
    W->delayed_callbacks = true;
    payment_world_restart(W);
    static const char *const orders[] = {"order-1", "order-2", "order-3", "order-4", "order-5"};
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        create(orders[i], "succeeded");
    }
    fake_say(FAKE, 0, "*", -1, FAKE_REFUSE);
    test_clock_advance(3700 * US_PER_SECOND);
    (void)world_tick(W);
    assert_int_equal(fake_calls(FAKE, 0, "query"), 3); /* a round gives up: others wait for it */
    for (int i = 0; i < 10; i++) {
        (void)world_tick(W);
    }
    assert_int_equal(fake_calls(FAKE, 0, "query"), 5);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE review <> ''"), 0);
    fake_say_nothing(FAKE);
    test_clock_advance(600 * US_PER_SECOND);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE review = 'callback_missing'"),
                     5);
    world_check(W);
}

static void a_charge_that_the_gateway_does_not_know_any_more_is_marked(void **state) {
    W->delayed_callbacks = true;
    payment_world_restart(W);
    create("order", "succeeded");
    fake_say(FAKE, 0, "query", -1, FAKE_NOT_FOUND);
    test_clock_advance(3700 * US_PER_SECOND);
    (void)world_tick(W);
    assert_text(W, "SELECT review FROM payment", "callback_missing_gateway_differs");
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
}

/* ---- refunds and disputes ---- */

static void a_refunds_callback_ends_a_pending_one(void **state) {
    char *id = world_paid(W, "order", 500);
    fake_say(FAKE, 0, "refund", 1, FAKE_PENDING);
    json_decref(world_refund(W, "key", id, 200));
    int from = fake_event_count(FAKE);
    fake_refund_becomes(FAKE, 0, "order", "succeeded");
    world_callbacks(W, from);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 200);
    free(id);
    world_check(W);
}

static void a_refund_taken_back_while_the_gateway_cannot_be_asked_is_not_forgotten(void **state) {
    char *id = world_paid(W, "order", 500);
    json_decref(world_refund(W, "key", id, 200));
    int from = fake_event_count(FAKE);
    fake_refund_becomes(FAKE, 0, "order", "failed");
    fake_say(FAKE, 0, "*", -1, FAKE_REFUSE);
    world_callbacks(W, from);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM callback"), FAILED);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 0);
    free(id);
    world_check(W);
}

static void a_refund_that_nobody_asked_for_goes_to_suspense_with_a_case(void **state) {
    char *id = world_paid(W, "order", 500);
    json_decref(world_refund(W, "key", id, 200));
    int event = fake_refund_of_nobody(FAKE, 0, "order", 50);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(world_callback(W, event), 200);
        (void)world_tick(W);
        assert_text(W, "SELECT kind FROM review_case", "orphan_refund");
        assert_int_equal(world_int(W, "SELECT posted FROM review_case"), 11);
        assert_int_equal(world_int(W, "SELECT amount_minor FROM posting WHERE kind = 11"), 50);
        assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 200);
        deliver(altered(event, "evt_fake_", "evt_again_")); /* the same refund told of once more */
    }
    assert_int_equal(cases(), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 11"), 1);
    free(id);
    world_check(W);
}

static void a_refund_that_the_gateway_does_not_confirm_posts_nothing(void **state) {
    char *id = world_paid(W, "order", 500);
    int event = fake_refund_of_nobody(FAKE, 0, "order", 50);
    char *body = altered(event, "\"id\":\"re_fake_", "\"id\":\"re_nobody_");
    fake_say(FAKE, 0, "query_refund", 1, FAKE_NOT_FOUND);
    deliver(body);
    assert_text(W, "SELECT kind FROM review_case", "orphan_refund");
    assert_int_equal(world_int(W, "SELECT posted FROM review_case"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 11"), 0);
    free(id);
    world_verify(W);
}

static void a_refund_of_nobodys_that_fails_leaves_suspense_again(void **state) {
    char *id = world_paid(W, "order", 500);
    assert_int_equal(world_callback(W, fake_refund_of_nobody(FAKE, 0, "order", 50)), 200);
    (void)world_tick(W);
    int from = fake_event_count(FAKE);
    fake_refund_becomes(FAKE, 0, "order", "failed");
    world_callbacks(W, from);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM review_case"), 2);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 10"), 1);
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 0);
    free(id);
    world_verify(W);
}

static void a_refund_callback_is_compared_with_what_was_asked_for(void **state) {
    static const struct {
        const char *from, *to;
    } changes[] = {
        {"\"amount\":200", "\"amount\":150"},
        {"\"currency\":\"usd\"", "\"currency\":\"cad\""},
    };
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        payment_world_forget(W);
        char *id = world_paid(W, "order", 500);
        json_decref(world_refund(W, "key", id, 200));
        deliver(altered(1, changes[i].from, changes[i].to));
        assert_text(W, "SELECT kind FROM review_case", "refund_mismatch");
        assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 200);
        free(id);
        world_check(W);
    }
}

static void one_gateway_cannot_speak_for_anothers_refund(void **state) {
    char *id = world_paid(W, "order", 500);
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    json_decref(world_refund(W, "key", id, 200));
    fake_say_nothing(FAKE);
    const char *body = fake_event(FAKE, fake_event_count(FAKE) - 1).body;
    assert_int_equal(world_callback_raw(W, 1, body, FAKE_WEBHOOK_SECRET, clock_wall_us()), 200);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM operation"), 3);
    assert_text(W, "SELECT kind FROM review_case", "orphan_refund");
    assert_int_equal(world_int(W, "SELECT posted FROM review_case"), 0);
    free(id);
    world_settle_all(W);
    world_check(W);
}

/* As PayPal does it: the order of a charged attempt has a second capture. */
static void a_second_capture_of_a_charged_attempt_goes_to_suspense(void **state) {
    char *id = world_paid(W, "order", 500);
    int event = fake_capture_of_nobody(FAKE, 0, "order", 300);
    assert_int_equal(world_callback(W, event), 200);
    (void)world_tick(W);
    assert_text(W, "SELECT kind FROM review_case", "duplicate_charge");
    assert_int_equal(world_int(W, "SELECT amount_minor FROM posting WHERE kind = 10"), 300);
    assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), 500);
    deliver(altered(event, "evt_fake_", "evt_again_"));
    assert_int_equal(cases(), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 10"), 1);
    free(id);
    world_verify(W);
    world_books_equal(W);
}

static void a_late_success_in_another_currency_goes_to_suspense_in_its_own(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
    create("order", "failed");
    int from = fake_event_count(FAKE);
    fake_payment_currency(FAKE, 0, "order", "cad");
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    world_callbacks(W, from);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'late_success'"),
                     1);
    assert_text(W, "SELECT currency FROM posting WHERE kind = 10", "CAD");
    assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), 0);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 6);
    world_verify(W);
}

/* charge.refunded names no refund: it says by how much a charge's refunds have grown. */
static void tell_sum_of_refunds(const char *event_id, int64_t before, int64_t now) {
    char body[800];
    char *intent = world_text(W, "SELECT gateway_id FROM attempt");
    char *charge = world_text(W, "SELECT charge_id FROM attempt");
    snprintf(
        body, sizeof body,
        "{\"id\":\"%s\",\"object\":\"event\",\"type\":\"charge.refunded\",\"created\":1,\"data\":{"
        "\"object\":{\"id\":\"%s\",\"object\":\"charge\",\"amount\":500,\"amount_refunded\":%lld,"
        "\"currency\":\"usd\",\"payment_intent\":\"%s\"},\"previous_attributes\":{"
        "\"amount_refunded\":%lld}}}",
        event_id, charge, (long long)now, intent, (long long)before);
    free(intent);
    free(charge);
    assert_int_equal(world_callback_raw(W, 0, body, FAKE_WEBHOOK_SECRET, clock_wall_us()), 200);
    (void)world_tick(W);
}

static void a_sum_of_refunds_is_explained_by_ours_or_opens_a_case(void **state) {
    char *id = world_paid(W, "order", 500);
    json_decref(world_refund(W, "key", id, 200));
    tell_sum_of_refunds("evt_ours", 0, 200);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case"), 0);
    tell_sum_of_refunds("evt_denied", 200, 300); /* the gateway says 200 */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case"), 0);
    int event = fake_refund_of_nobody(FAKE, 0, "order", 100);
    tell_sum_of_refunds("evt_not_ours", 200, 300);
    assert_text(W, "SELECT kind FROM review_case", "orphan_refund");
    assert_int_equal(world_int(W, "SELECT amount_minor FROM posting WHERE kind = 11"), 100);
    assert_int_equal(world_callback(W, event), 200); /* the same one, by its name */
    (void)world_tick(W);
    assert_int_equal(cases(), 1);
    /* And the other way round: the name first. */
    event = fake_refund_of_nobody(FAKE, 0, "order", 100);
    assert_int_equal(world_callback(W, event), 200);
    (void)world_tick(W);
    tell_sum_of_refunds("evt_not_ours_2", 300, 400);
    assert_int_equal(cases(), 2);
    assert_int_equal(world_int(W, "SELECT SUM(amount_minor) FROM posting WHERE kind = 11"), 200);
    free(id);
    world_check(W);
}

static void the_release_of_what_was_held_is_no_refund(void **state) {
    char *id = world_authorized(W, "order", 500);
    json_decref(world_cancel(W, "key", id));
    tell_sum_of_refunds("evt_release", 0, 500);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case"), 0);
    free(id);
    world_check(W);
}

static void a_dispute_that_its_gateway_does_not_know_opens_a_case(void **state) {
    static const char body[] = "{\"id\":\"evt_d\",\"object\":\"event\",\"type\":\"charge.dispute."
                               "created\",\"created\":1,\"data\":{\"object\":"
                               "{\"id\":\"dp_1\",\"object\":\"dispute\",\"amount\":500,"
                               "\"currency\":\"usd\",\"status\":\"needs_response\","
                               "\"reason\":\"fraudulent\",\"charge\":\"ch_1\"}}}";
    assert_int_equal(world_callback_raw(W, 0, body, FAKE_WEBHOOK_SECRET, clock_wall_us()), 200);
    (void)world_tick(W);
    assert_text(W, "SELECT kind FROM review_case", "dispute");
    assert_text(W, "SELECT detail FROM review_case", "fraudulent");
}

/* Genuine, and so it is believed; but nothing of the number stays. */
static void a_card_number_in_a_genuine_callback_is_not_kept(void **state) {
    static const char body[] =
        "{\"id\":\"evt_n\",\"object\":\"event\",\"type\":\"charge.dispute.created\",\"created\":1,"
        "\"data\":{\"object\":{\"id\":\"dp_1\",\"object\":\"dispute\",\"amount\":500,\"currency\":"
        "\"usd\","
        "\"status\":\"needs_response\",\"reason\":\"of 4242\\u00204242 4242 "
        "4242\",\"charge\":\"ch_1\","
        "\"note\":\"says:\\n\\u0034000056655665556\",\"number\":5555555555554444}}}";
    assert_int_equal(world_callback_raw(W, 0, body, FAKE_WEBHOOK_SECRET, clock_wall_us()), 200);
    assert_text(W, "SELECT encoding FROM callback", "masked");
    assert_text(
        W, "SELECT body FROM callback",
        "{\"id\":\"evt_n\",\"object\":\"event\",\"type\":\"charge.dispute.created\",\"created\":1,"
        "\"data\":{\"object\":{\"id\":\"dp_1\",\"object\":\"dispute\",\"amount\":500,"
        "\"currency\":\"usd\",\"status\":\"needs_response\",\"reason\":"
        "\"of ****\\u0020**** **** 4242\",\"charge\":\"ch_1\","
        "\"note\":\"says:\\n************5556\",\"number\":************4444}}}");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM callback WHERE event LIKE '%4242 4242%'"),
                     0);
    (void)world_tick(W);
    assert_text(W, "SELECT detail FROM review_case", "of **** **** **** 4242");
}

static void a_masked_callback_moves_its_payment_and_can_be_replayed(void **state) {
    create("order", "succeeded");
    deliver(altered(0, "{", "{\"note\":\"4242424242424242\","));
    assert_text(W, "SELECT encoding FROM callback", "masked");
    assert_int_equal(world_int(W, "SELECT state FROM callback"), APPLIED);
    assert_text(W, "SELECT result FROM callback", "agrees with what we know");
    struct answer answer = {0};
    struct caller caller = world_caller("key", "replay");
    char *id = world_text(W, "SELECT id FROM callback");
    int r = callback_replay(W->payments, &caller, id, &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    free(id);
    assert_int_equal(W->status, 202);
    assert_int_equal(world_int(W, "SELECT state FROM callback"), 1);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM callback"), APPLIED);
    assert_text(W, "SELECT result FROM callback", "agrees with what we know");
    assert_int_equal(world_int(W, "SELECT tries FROM callback"), 2);
    world_check(W);
}

/* A shop may be allowed order ids that look like card numbers. */
static void an_order_that_looks_like_a_card_number_is_still_recognised(void **state) {
    create("4242424242424242", "succeeded");
    assert_int_equal(world_callback(W, 0), 200);
    assert_text(W, "SELECT encoding FROM callback", "masked");
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM callback WHERE event LIKE '%4242424242424242%'"), 0);
    (void)world_tick(W);
    assert_text(W, "SELECT result FROM callback", "agrees with what we know");
    assert_int_equal(cases(), 0);
    world_check(W);
}

static void what_is_none_of_ours_is_ignored(void **state) {
    static const char body[] =
        "{\"id\":\"evt_c\",\"object\":\"event\",\"type\":\"customer.created\",\"created\":1,"
        "\"data\":{\"object\":{\"id\":\"cus_1\"}}}";
    assert_int_equal(world_callback_raw(W, 0, body, FAKE_WEBHOOK_SECRET, clock_wall_us()), 200);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM callback"), IGNORED);
    assert_int_equal(cases(), 0);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_callback_is_stored_acknowledged_and_then_processed),
        cmocka_unit_test(a_duplicate_only_counts),
        cmocka_unit_test(what_is_forged_or_stale_is_refused_and_not_stored),
        cmocka_unit_test(a_callback_is_as_old_as_its_senders_clock_says),
        cmocka_unit_test(a_gateway_that_is_not_configured_is_not_found),
        cmocka_unit_test(what_cannot_be_stored_is_not_acknowledged),
        cmocka_unit_test(a_stored_callback_survives_a_crash),
        cmocka_unit_test(a_callback_ends_an_unknown_by_having_the_gateway_asked),
        cmocka_unit_test(a_callback_alone_moves_no_payment),
        cmocka_unit_test(a_callback_before_the_answer_waits_for_it),
        cmocka_unit_test(a_callback_for_an_attempt_whose_caller_died_is_not_kept_waiting_for_ever),
        cmocka_unit_test(an_old_callback_moves_nothing_backwards),
        cmocka_unit_test(a_late_word_about_an_attempt_that_was_given_up_moves_nothing),
        cmocka_unit_test(what_differs_from_ours_opens_a_case_and_changes_nothing),
        cmocka_unit_test(a_second_charge_goes_to_suspense_with_a_case),
        cmocka_unit_test(a_second_charge_after_a_lost_answer_goes_to_suspense),
        cmocka_unit_test(a_second_charge_that_is_told_first_goes_to_suspense),
        cmocka_unit_test(a_success_after_a_failure_goes_to_suspense_and_moves_no_payment),
        cmocka_unit_test(a_charge_that_no_attempt_explains_goes_to_suspense_with_a_case),
        cmocka_unit_test(one_gateway_cannot_speak_for_another),
        cmocka_unit_test(a_callback_that_cannot_be_processed_is_retried_parked_and_replayed),
        cmocka_unit_test(a_run_that_fails_late_takes_nothing_back),
        cmocka_unit_test(lists_take_only_states_that_there_are),
        cmocka_unit_test(a_missing_callback_is_asked_about_marked_and_cleared_when_it_comes),
        cmocka_unit_test(while_the_gateway_cannot_be_asked_a_missing_callback_waits),
        cmocka_unit_test(a_charge_that_the_gateway_does_not_know_any_more_is_marked),
        cmocka_unit_test(a_refunds_callback_ends_a_pending_one),
        cmocka_unit_test(a_refund_taken_back_while_the_gateway_cannot_be_asked_is_not_forgotten),
        cmocka_unit_test(a_refund_that_nobody_asked_for_goes_to_suspense_with_a_case),
        cmocka_unit_test(a_refund_that_the_gateway_does_not_confirm_posts_nothing),
        cmocka_unit_test(a_refund_of_nobodys_that_fails_leaves_suspense_again),
        cmocka_unit_test(a_refund_callback_is_compared_with_what_was_asked_for),
        cmocka_unit_test(one_gateway_cannot_speak_for_anothers_refund),
        cmocka_unit_test(a_second_capture_of_a_charged_attempt_goes_to_suspense),
        cmocka_unit_test(a_late_success_in_another_currency_goes_to_suspense_in_its_own),
        cmocka_unit_test(a_sum_of_refunds_is_explained_by_ours_or_opens_a_case),
        cmocka_unit_test(the_release_of_what_was_held_is_no_refund),
        cmocka_unit_test(a_dispute_that_its_gateway_does_not_know_opens_a_case),
        cmocka_unit_test(a_card_number_in_a_genuine_callback_is_not_kept),
        cmocka_unit_test(a_masked_callback_moves_its_payment_and_can_be_replayed),
        cmocka_unit_test(an_order_that_looks_like_a_card_number_is_still_recognised),
        cmocka_unit_test(what_is_none_of_ours_is_ignored),
    };
    return payment_world_run("callbacks", tests, COUNT_OF(tests));
}
