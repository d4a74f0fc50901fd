/* SPDX-License-Identifier: Apache-2.0
 * test_create.c: taking payments: what is answered, what is written, which gateways are asked, and
 * that no order is ever charged twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/task.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)

static void expect(json_t *json, int status, const char *state, const char *gateway) {
    if (json == NULL) {
        fail_msg("it failed: %s", W->err.detail);
    }
    assert_int_equal(W->status, status);
    assert_string_equal(json_at(json, "state"), state);
    assert_string_equal(json_at(json, "gateway"), gateway);
}

static void expect_end(json_t *json, int status, const char *state, const char *gateway) {
    expect(json, status, state, gateway);
    json_decref(json);
}

static void a_payment_is_charged_at_the_first_gateway(void **state) {
    json_t *json = world_create(W, "key-1", "order-1", 1999);
    expect(json, 201, "succeeded", "stripe-a");
    assert_int_equal(int_at(json, "amount"), 1999);
    assert_int_equal(int_at(json, "amount_captured"), 1999);
    assert_int_equal(int_at(json, "attempts"), 1);
    assert_string_equal(json_at(json, "currency"), "USD");
    assert_string_equal(json_at(json, "customer.id"), "cus_1");
    assert_string_equal(json_at(json, "failure"), "null");
    assert_string_equal(json_at(json, "action"), "null");
    json_decref(json);
    assert_int_equal(fake_calls(FAKE, 0, "*"), 1);
    assert_int_equal(fake_calls(FAKE, 1, "*"), 0);
    world_check(W);
}

struct seen_intent {
    int64_t sending, held;
};
static void look_at_the_store(void *ctx, int account, const char *call, bool done) {
    struct seen_intent *seen = ctx;
    if (strcmp(call, "charge") == 0 && !done) {
        seen->sending += world_int(
            W, "SELECT COUNT(*) FROM attempt a JOIN payment p ON p.id = a.payment_id "
               "WHERE a.state = 1 AND a.live = 1 AND p.state = 2");
        seen->held += world_int(W, "SELECT COUNT(*) FROM payment WHERE holds_order = 1");
    }
}
static void the_intent_is_durable_before_the_gateway_is_called(void **state) {
    struct seen_intent seen = {0};
    fake_say(FAKE, 0, "charge", 1, FAKE_RATE_LIMIT);
    fake_hook(FAKE, look_at_the_store, &seen);
    expect_end(world_create(W, "key", "order", 500), 201, "succeeded", "stripe-b");
    assert_int_equal(seen.sending, 2); /* one before each of the two calls */
    assert_int_equal(seen.held, 2);
    fake_hook(FAKE, NULL, NULL);
}

static int touch_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return sql_put(tx, err,
                   "UPDATE payment SET version = version + 1, description = 'touched' "
                   "WHERE state = 2");
}
static void touch_the_payment(void *ctx, int account, const char *call, bool done) {
    struct err err = {0};
    if (strcmp(call, "charge") == 0 && done) {
        assert_int_equal(store_write(W->engine.store, touch_tx, NULL, &err), 0);
    }
}
/* The request knows what it wrote and does not read it again, unless somebody was there. */
static void what_another_wrote_during_the_call_is_read_and_kept(void **state) {
    fake_hook(FAKE, touch_the_payment, NULL);
    expect_end(world_create(W, "key", "order", 500), 201, "succeeded", "stripe-a");
    fake_hook(FAKE, NULL, NULL);
    assert_text(W, "SELECT description FROM payment", "touched");
    assert_int_equal(world_int(W, "SELECT version FROM payment"), 3);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 1"), 1);
    assert_int_equal(fake_calls(FAKE, 0, "charge"), 1);
    json_t *again = world_create(W, "key", "order", 500);
    expect(again, 201, "succeeded", "stripe-a");
    json_decref(again);
    world_check(W);
}

static void what_certainly_did_not_charge_goes_on_to_the_next_gateway(void **state) {
    static const enum fake_act acts[] = {FAKE_REFUSE, FAKE_RATE_LIMIT, FAKE_BAD_KEY, FAKE_REJECT,
                                         FAKE_DECLINE_ELSEWHERE};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        fake_say(FAKE, 0, "charge", 1, acts[i]);
        json_t *json = world_create(W, "key", "order", 500);
        expect(json, 201, "succeeded", "stripe-b");
        assert_int_equal(int_at(json, "attempts"), 2);
        json_t *story = world_story(W, json_at(json, "id"));
        const char *first = acts[i] == FAKE_DECLINE_ELSEWHERE ? "declined" : "not_charged";
        assert_string_equal(json_at(story, "attempts.0.state"), first);
        assert_string_equal(json_at(story, "attempts.0.gateway"), "stripe-a");
        assert_string_equal(json_at(story, "attempts.1.state"), "charged");
        assert_string_equal(json_at(story, "attempts.1.decision.chosen"), "stripe-b");
        json_decref(story);
        json_decref(json);
        assert_int_equal(fake_calls(FAKE, 0, "*"), 1);
        world_check(W);
    }
}

static void the_second_decision_says_that_the_first_was_tried(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_REFUSE);
    json_decref(world_create(W, "key", "order", 500));
    char *decision = world_text(W, "SELECT decision FROM attempt WHERE number = 2");
    assert_non_null(strstr(decision, "was tried already for this payment"));
    free(decision);
}

static void after_an_unknown_nothing_else_is_tried(void **state) {
    static const enum fake_act acts[] = {FAKE_LOSE_BEFORE,    FAKE_LOSE_AFTER, FAKE_TIME_OUT_BEFORE,
                                         FAKE_TIME_OUT_AFTER, FAKE_GARBAGE,    FAKE_ERROR_BEFORE,
                                         FAKE_ERROR_AFTER};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        fake_say(FAKE, 0, "*", -1, acts[i]);
        json_t *json = world_create(W, "key", "order", 500);
        expect(json, 202, "processing", "stripe-a");
        assert_int_equal(int_at(json, "attempts"), 1);
        json_decref(json);
        assert_int_equal(fake_calls(FAKE, 1, "*"), 0);
        assert_int_equal(world_int(W, "SELECT state FROM attempt"), 4);
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'resolve'"), 1);
        fake_say_nothing(FAKE);
        world_settle_all(W);
        assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
        assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
        world_check(W);
    }
}

static void an_unknown_is_ended_in_the_request_by_the_same_call_with_the_same_key(void **state) {
    static const enum fake_act acts[] = {FAKE_LOSE_BEFORE, FAKE_LOSE_AFTER, FAKE_GARBAGE,
                                         FAKE_ERROR_AFTER};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        fake_say(FAKE, 0, "charge", 1, acts[i]);
        json_t *json = world_create(W, "key", "order", 500);
        expect(json, 201, "succeeded", "stripe-a");
        assert_true(json_is_true(json_object_get(json, "was_unknown")));
        json_decref(json);
        assert_int_equal(fake_calls(FAKE, 0, "charge"), 2);
        assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
        assert_text(W, "SELECT source FROM attempt", "repeat");
        world_check(W);
    }
}

/* The repeat is refused: that says nothing about what the first one did. */
static void a_repeat_that_is_refused_ends_no_unknown(void **state) {
    static const enum fake_act acts[] = {FAKE_REFUSE, FAKE_RATE_LIMIT, FAKE_BAD_KEY, FAKE_REJECT};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        fake_say(FAKE, 0, "charge", 1, FAKE_LOSE_AFTER);
        fake_say(FAKE, 0, "*", -1, acts[i]);
        json_t *json = world_create(W, "key", "order", 500);
        expect(json, 202, "processing", "stripe-a");
        json_decref(json);
        test_clock_advance(6 * US_PER_SECOND);
        (void)world_tick(W);
        assert_int_equal(world_int(W, "SELECT state FROM attempt"), 4);
        assert_int_equal(fake_calls(FAKE, 1, "*"), 0);
        fake_say_nothing(FAKE);
        world_settle_all(W);
        assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
        world_check(W);
    }
}

static void the_customer_waits_no_longer_than_the_budget(void **state) {
    fake_say_all(FAKE, "*", -1, FAKE_TIME_OUT_BEFORE);
    int64_t began = clock_mono_us();
    expect_end(world_create(W, "key", "order", 500), 202, "processing", "stripe-a");
    assert_true(clock_mono_us() - began < 21 * US_PER_SECOND);
}

static void a_decline_by_the_issuer_ends_it(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
    json_t *json = world_create(W, "key", "order", 500);
    expect(json, 201, "failed", "stripe-a");
    assert_string_equal(json_at(json, "failure.code"), "insufficient_funds");
    json_decref(json);
    assert_int_equal(fake_calls(FAKE, 1, "*"), 0);
    /* The order is free again, with another key or card. */
    expect_end(world_create(W, "key-2", "order", 500), 201, "succeeded", "stripe-a");
    world_check(W);
}

static void what_a_gateway_that_keeps_its_refusals_declined_is_not_asked_about(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
    expect_end(world_create(W, "key", "order", 500), 201, "failed", "stripe-a");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind LIKE 'confirm%'"), 0);
}

/* "Too many requests" is kept under no key: a copy of the request that comes a moment later may be
 * let in and charge. */
static void a_gateway_that_let_nobody_in_is_asked_whether_a_copy_got_in(void **state) {
    (void)state;
    fake_say(FAKE, 0, "charge", 1, FAKE_RATE_LIMIT);
    expect_end(world_create(W, "key", "order", 500), 201, "succeeded", "stripe-b");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind LIKE 'confirm%'"), 1);
    world_pass(W, 120 * US_PER_SECOND);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM inquiry WHERE source = 'confirm'"), 1);
    world_settle_all(W);
    world_check(W);
}

static void when_no_gateway_is_left_the_customer_chooses_another_method(void **state) {
    fake_say_all(FAKE, "charge", 1, FAKE_REFUSE);
    json_t *json = world_create(W, "key", "order", 500);
    expect(json, 201, "requires_action", "stripe-c");
    assert_string_equal(json_at(json, "action.type"), "choose_method");
    assert_int_equal(int_at(json, "attempts"), 3);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE holds_order = 1"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt WHERE live = 1"), 0);

    json = world_choose(W, "key-2", id, "pm_other");
    expect(json, 201, "succeeded", "stripe-a");
    json_decref(json);
    /* The same choice again is the same answer; another one comes too late. */
    json_decref(world_choose(W, "key-2", id, "pm_other"));
    assert_true(W->replayed);
    assert_refused(W, world_choose(W, "key-3", id, "pm_other"), ERR_STATE);
    free(id);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    world_check(W);
}

static void a_choice_comes_too_late_when_the_order_was_paid_meanwhile(void **state) {
    json_t *json = NULL;
    fake_say_all(FAKE, "charge", 1, FAKE_REFUSE);
    json = world_create(W, "key", "order", 500);
    expect(json, 201, "requires_action", "stripe-c");
    expect_end(world_create(W, "key-2", "order", 500), 201, "succeeded", "stripe-a");
    assert_refused(W, world_choose(W, "key-3", json_at(json, "id"), "pm"), ERR_ORDER_TAKEN);
    json_decref(json);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    world_check(W);
}

static void a_second_payment_for_an_order_is_refused_and_names_the_first(void **state) {
    static const enum fake_act acts[] = {FAKE_DO, FAKE_LOSE_AFTER, FAKE_PENDING, FAKE_ACTION};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        fake_say(FAKE, 0, "*", acts[i] == FAKE_LOSE_AFTER ? -1 : 1, acts[i]);
        json_t *json = world_create(W, "key", "order", 500);
        assert_non_null(json);
        assert_null(world_create(W, "key-2", "order", 500));
        assert_int_equal(W->result, -ERR_ORDER_TAKEN);
        assert_non_null(strstr(W->err.detail, json_at(json, "id")));
        assert_non_null(strstr(W->err.place, json_at(json, "id")));
        json_decref(json);
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), 1);
        /* Nothing was claimed: the key may be used for another order. */
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM idempotency"), 1);
    }
}

enum { RACERS = 8 };
struct racer {
    int number, result;
    const char *order_id;
};

static void race(void *arg) {
    struct racer *racer = arg;
    char key[32];
    snprintf(key, sizeof key, "key-%d", racer->number);
    struct caller caller = world_caller(key, key);
    struct payment_order order = world_order(racer->order_id, 500);
    struct answer answer = {0};
    struct err err = {0};
    racer->result = payment_create(W->payments, &caller, &order, &answer, &err);
    answer_release(&answer);
}

static void two_tabs_two_devices_and_eight_keys_make_one_charge(void **state) {
    static const char *const orders[] = {"order-1", "order-2", "order-3", "order-4", "order-5"};
    for (size_t o = 0; o < COUNT_OF(orders); o++) {
        struct racer racers[RACERS];
        struct task *tasks[RACERS];
        int won = 0;
        for (int i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){i + (int)o * RACERS, 0, orders[o]};
            tasks[i] = task_start("racer", 512 * 1024, race, &racers[i]);
            assert_non_null(tasks[i]);
        }
        for (int i = 0; i < RACERS; i++) {
            task_join(tasks[i]);
            won += racers[i].result == 0;
            assert_true(racers[i].result == 0 || racers[i].result == -ERR_ORDER_TAKEN);
        }
        assert_int_equal(won, 1);
        assert_int_equal(fake_charged(FAKE, orders[o], NULL), 1);
    }
    world_check(W);
}

static void a_merchant_may_allow_several_payments_for_an_order(void **state) {
    struct payment_order order = world_order("order", 500);
    order.several_per_order = true;
    expect_end(world_pay(W, "key-1", &order), 201, "succeeded", "stripe-a");
    expect_end(world_pay(W, "key-2", &order), 201, "succeeded", "stripe-a");
    assert_int_equal(fake_charged(FAKE, "order", NULL), 2);
    world_verify(W);
    world_books_equal(W);
}

static json_t *choose(const char *key, const char *payment_id) {
    return world_choose(W, key, payment_id, "pm");
}

/* Waits for another method, since no gateway took it. */
static char *waiting(const char *key, const struct payment_order *order) {
    fake_say_all(FAKE, "charge", 1, FAKE_REFUSE);
    json_t *json = world_pay(W, key, order);
    expect(json, 201, "requires_action", "stripe-c");
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    return id;
}

static void a_payment_beside_others_of_its_order_may_choose_another_method(void **state) {
    struct payment_order order = world_order("order", 500);
    expect_end(world_pay(W, "key-1", &order), 201, "succeeded", "stripe-a");
    order.several_per_order = true;
    char *id = waiting("key-2", &order);
    expect_end(choose("key-3", id), 201, "succeeded", "stripe-a");
    free(id);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE holds_order = 1"), 1);
    world_verify(W);
    world_books_equal(W);
}

static void other_takes_the_order(struct payment_world *world) {
    (void)engine_exec(&world->engine, "UPDATE payment SET holds_order = 1 WHERE id = (SELECT "
                                      "MAX(id) FROM payment)");
}

static int take_it_in_between(void *ctx, const char *sql) {
    bool *taken = ctx;
    if (!*taken && strstr(sql, ", holds_order = 1 WHERE id") != NULL) {
        *taken = true;
        other_takes_the_order(W);
    }
    return 0;
}

/* Between the look and the save, which only an engine with several writers has. */
static void who_loses_the_race_for_an_order_is_told_who_has_it(void **state) {
    if (store_engine(W->engine.store) != STORE_POSTGRES) {
        return;
    }
    struct payment_order order = world_order("order", 500);
    char *first = waiting("key-1", &order);
    test_clock_advance(US_PER_MS); /* so that the second has the larger id */
    char *second = waiting("key-2", &order);
    bool taken = false;
    store_fault_set(W->engine.store, take_it_in_between, &taken);
    assert_null(choose("key-3", first));
    store_fault_set(W->engine.store, NULL, NULL);
    assert_true(taken);
    assert_int_equal(W->result, -ERR_ORDER_TAKEN);
    assert_non_null(strstr(W->err.place, second));
    assert_int_equal(fake_charged(FAKE, "order", NULL), 0);
    free(first);
    free(second);
}

static void a_service_may_allow_several_payments_for_an_order(void **state) {
    W->several_per_order = true;
    payment_world_restart(W);
    expect_end(world_create(W, "key-1", "order", 500), 201, "succeeded", "stripe-a");
    fake_say_all(FAKE, "charge", 1, FAKE_REFUSE);
    json_t *json = world_create(W, "key-2", "order", 500);
    expect(json, 201, "requires_action", "stripe-c");
    expect_end(choose("key-3", json_at(json, "id")), 201, "succeeded", "stripe-a");
    json_decref(json);
    world_verify(W);
    world_books_equal(W);
}

static void only_gateways_with_a_usable_token_are_candidates(void **state) {
    struct payment_order order = world_order("order", 500);
    json_t *tokens = json_pack("{s:s}", "stripe-b", "pm_at_b");
    order.token = "";
    order.tokens = tokens;
    fake_say(FAKE, 1, "charge", 1, FAKE_REFUSE);
    json_t *json = world_pay(W, "key", &order);
    expect(json, 201, "requires_action", "stripe-b");
    assert_string_equal(json_at(json, "action.type"), "choose_method");
    assert_int_equal(int_at(json, "attempts"), 1);
    json_decref(json);
    json_decref(tokens);
    assert_int_equal(fake_calls(FAKE, 0, "*") + fake_calls(FAKE, 2, "*"), 0);
    char *decision = world_text(W, "SELECT decision FROM attempt");
    assert_non_null(strstr(decision, "the customer has no token there"));
    free(decision);
    assert_text(W, "SELECT token FROM attempt", "pm_at_b");
}

static void without_any_usable_token_no_gateway_is_called(void **state) {
    struct payment_order order = world_order("order", 500);
    order.token = NULL;
    json_t *json = world_pay(W, "key", &order);
    expect(json, 201, "requires_action", "null");
    assert_string_equal(json_at(json, "action.type"), "choose_method");
    assert_int_equal(int_at(json, "attempts"), 0);
    json_decref(json);
    assert_int_equal(fake_calls(FAKE, 0, "*"), 0);
    /* It was told, and it holds nothing. */
    assert_text(W, "SELECT type FROM event", "payment.requires_action");
    world_check(W);
}

static void a_customer_who_must_approve_is_sent_there_and_may_succeed(void **state) {
    struct payment_order order = world_order("order", 500);
    order.return_url = "https://shop.example/back";
    fake_say(FAKE, 0, "charge", 1, FAKE_ACTION);
    json_t *json = world_pay(W, "key", &order);
    expect(json, 201, "requires_action", "stripe-a");
    assert_string_equal(json_at(json, "action.type"), "redirect");
    assert_non_null(strstr(json_at(json, "action.url"), "https://bank.example/"));
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    test_clock_advance(61 * US_PER_SECOND);
    (void)world_tick(W);
    json = world_get(W, id);
    assert_string_equal(json_at(json, "state"), "succeeded");
    assert_string_equal(json_at(json, "action"), "null");
    json_decref(json);
    free(id);
    world_check(W);
}

static void a_pending_charge_is_asked_about_until_the_gateway_says(void **state) {
    static const char *const ends[] = {"succeeded", "requires_payment_method", "canceled"};
    static const char *const states[] = {"succeeded", "failed", "canceled"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        payment_world_forget(W);
        fake_say(FAKE, 0, "charge", 1, FAKE_PENDING);
        json_t *json = world_create(W, "key", "order", 500);
        expect(json, 202, "processing", "stripe-a");
        test_clock_advance(61 * US_PER_SECOND);
        (void)world_tick(W);
        assert_payment(W, json_at(json, "id"), "processing");
        fake_payment_becomes(FAKE, 0, "order", ends[i]);
        test_clock_advance(61 * US_PER_SECOND);
        (void)world_tick(W);
        assert_payment(W, json_at(json, "id"), states[i]);
        json_decref(json);
        world_check(W);
    }
}

static void an_amount_that_differs_is_booked_as_it_is_and_a_person_is_told(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_LESS);
    json_t *json = world_create(W, "key", "order", 500);
    expect(json, 201, "succeeded", "stripe-a");
    assert_int_equal(int_at(json, "amount_captured"), 499);
    assert_string_equal(json_at(json, "review"), "amount_mismatch");
    json_decref(json);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'amount_mismatch'"), 1);
    world_check(W);
}

static void another_currency_is_never_booked_as_ours(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_WRONG_CURRENCY);
    json_t *json = world_create(W, "key", "order", 500);
    expect(json, 202, "processing", "stripe-a");
    json_decref(json);
    for (int i = 0; i < 5; i++) {
        test_clock_advance(60 * US_PER_SECOND);
        (void)world_tick(W);
    }
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'amount_mismatch'"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting"), 0);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 2);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    world_verify(W);
}

static void the_story_tells_every_step(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_REFUSE);
    json_t *json = world_create(W, "key", "order", 500);
    json_t *story = world_story(W, json_at(json, "id"));
    assert_string_equal(json_at(story, "payment.id"), json_at(json, "id"));
    assert_string_equal(json_at(story, "events.0.type"), "payment.succeeded");
    assert_int_equal(int_at(story, "events.0.sequence"), int_at(json, "version"));
    assert_int_equal(json_array_size(json_object_get(story, "attempts")), 2);
    assert_string_equal(json_at(story, "postings.0.kind"), "charge");
    assert_string_equal(json_at(story, "postings.0.debit"), "gateway:stripe-b:receivable");
    assert_string_equal(json_at(story, "postings.0.credit"), "merchant:sales");
    assert_string_equal(json_at(story, "postings.1.kind"), "fee");
    json_decref(story);
    json_decref(json);
}

static void a_call_slower_than_its_deadline_is_unknown_and_resolved(void **state) {
    fake_slow(FAKE, 30 * US_PER_SECOND);
    json_t *json = world_create(W, "key", "order", 500);
    expect(json, 202, "processing", "stripe-a");
    json_decref(json);
    fake_slow(FAKE, 0);
    world_settle_all(W);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
    world_check(W);
}

static void an_open_breaker_costs_the_customer_nothing(void **state) {
    char order[32], key[32];
    fake_say(FAKE, 0, "charge", -1, FAKE_REFUSE);
    for (int i = 0; i < 12; i++) {
        snprintf(order, sizeof order, "order-%d", i);
        snprintf(key, sizeof key, "key-%d", i);
        expect_end(world_create(W, key, order, 500), 201, "succeeded", "stripe-b");
    }
    /* Five failures in a row opened it; from then on it was not called at all. */
    assert_int_equal(fake_calls(FAKE, 0, "charge"), 5);
    world_check(W);
}

static void traffic_returns_after_an_outage(void **state) {
    char order[32], key[32];
    fake_say(FAKE, 0, "charge", 5, FAKE_REFUSE);
    for (int i = 0; i < 120; i++) {
        snprintf(order, sizeof order, "order-%d", i);
        snprintf(key, sizeof key, "key-%d", i);
        json_t *json = world_create(W, key, order, 500);
        assert_non_null(json);
        assert_string_equal(json_at(json, "state"), "succeeded");
        json_decref(json);
        test_clock_advance(600 * US_PER_MS);
    }
    int before = fake_calls(FAKE, 0, "charge");
    for (int i = 120; i < 420; i++) {
        snprintf(order, sizeof order, "order-%d", i);
        snprintf(key, sizeof key, "key-%d", i);
        json_decref(world_create(W, key, order, 500));
    }
    /* Past the trickle and the ramp all of it is back. */
    assert_true(fake_calls(FAKE, 0, "charge") - before > 60);
    int all = fake_calls(FAKE, 0, "charge");
    json_decref(world_create(W, "last", "last", 500));
    assert_int_equal(fake_calls(FAKE, 0, "charge"), all + 1);
    world_check(W);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payment_is_charged_at_the_first_gateway),
        cmocka_unit_test(the_intent_is_durable_before_the_gateway_is_called),
        cmocka_unit_test(what_another_wrote_during_the_call_is_read_and_kept),
        cmocka_unit_test(what_certainly_did_not_charge_goes_on_to_the_next_gateway),
        cmocka_unit_test(the_second_decision_says_that_the_first_was_tried),
        cmocka_unit_test(after_an_unknown_nothing_else_is_tried),
        cmocka_unit_test(an_unknown_is_ended_in_the_request_by_the_same_call_with_the_same_key),
        cmocka_unit_test(a_repeat_that_is_refused_ends_no_unknown),
        cmocka_unit_test(the_customer_waits_no_longer_than_the_budget),
        cmocka_unit_test(a_decline_by_the_issuer_ends_it),
        cmocka_unit_test(what_a_gateway_that_keeps_its_refusals_declined_is_not_asked_about),
        cmocka_unit_test(a_gateway_that_let_nobody_in_is_asked_whether_a_copy_got_in),
        cmocka_unit_test(when_no_gateway_is_left_the_customer_chooses_another_method),
        cmocka_unit_test(a_choice_comes_too_late_when_the_order_was_paid_meanwhile),
        cmocka_unit_test(a_second_payment_for_an_order_is_refused_and_names_the_first),
        cmocka_unit_test(two_tabs_two_devices_and_eight_keys_make_one_charge),
        cmocka_unit_test(a_merchant_may_allow_several_payments_for_an_order),
        cmocka_unit_test(a_payment_beside_others_of_its_order_may_choose_another_method),
        cmocka_unit_test(who_loses_the_race_for_an_order_is_told_who_has_it),
        cmocka_unit_test(a_service_may_allow_several_payments_for_an_order),
        cmocka_unit_test(only_gateways_with_a_usable_token_are_candidates),
        cmocka_unit_test(without_any_usable_token_no_gateway_is_called),
        cmocka_unit_test(a_customer_who_must_approve_is_sent_there_and_may_succeed),
        cmocka_unit_test(a_pending_charge_is_asked_about_until_the_gateway_says),
        cmocka_unit_test(an_amount_that_differs_is_booked_as_it_is_and_a_person_is_told),
        cmocka_unit_test(another_currency_is_never_booked_as_ours),
        cmocka_unit_test(the_story_tells_every_step),
        cmocka_unit_test(a_call_slower_than_its_deadline_is_unknown_and_resolved),
        cmocka_unit_test(an_open_breaker_costs_the_customer_nothing),
        cmocka_unit_test(traffic_returns_after_an_outage),
    };
    return payment_world_run("taking payments", tests, COUNT_OF(tests));
}
