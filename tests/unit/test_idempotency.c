/* SPDX-License-Identifier: Apache-2.0
 * test_idempotency.c: one key, one effect (PAY-2): replayed, refused, in flight, resumed after a
 * crash, across a restart, and forgotten after a week. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/task.h"
#include "payment/internal.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)

static char *dumped(json_t *json) {
    assert_non_null(json);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

static void the_same_request_with_the_same_key_has_the_same_answer(void **state) {
    char *first = dumped(world_create(W, "key", "order", 500));
    assert_false(W->replayed);
    int status = W->status;
    for (int i = 0; i < 2; i++) {
        char *again = dumped(world_create(W, "key", "order", 500));
        assert_true(W->replayed);
        assert_int_equal(W->status, status);
        assert_string_equal(again, first);
        free(again);
        payment_world_restart(W); /* the second time in another process */
    }
    free(first);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    assert_int_equal(fake_calls(FAKE, 0, "charge"), 1);
    world_check(W);
}

static void an_answer_is_kept_whatever_it_was(void **state) {
    static const enum fake_act acts[] = {FAKE_DECLINE, FAKE_PENDING, FAKE_ACTION};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        fake_say(FAKE, 0, "charge", 1, acts[i]);
        char *first = dumped(world_create(W, "key", "order", 500));
        char *again = dumped(world_create(W, "key", "order", 500));
        assert_true(W->replayed);
        assert_string_equal(again, first);
        free(first);
        free(again);
        assert_int_equal(fake_calls(FAKE, 0, "charge"), 1);
    }
}

static void the_first_answer_is_given_again_when_the_payment_has_moved_on(void **state) {
    json_t *made = world_create(W, "key", "order", 500);
    char *id = strdup(json_string_value(json_object_get(made, "id")));
    char *first = dumped(made);
    json_decref(world_refund(W, "refund-key", id, 200));
    json_t *now = world_get(W, id);
    assert_int_equal(json_integer_value(json_object_get(now, "amount_refunded")), 200);
    json_decref(now);
    char *again = dumped(world_create(W, "key", "order", 500));
    assert_true(W->replayed);
    assert_string_equal(again, first);
    /* It stands in its event, and nowhere else. */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM idempotency WHERE key = 'key' AND "
                                  "length(body) < 10"),
                     1);
    free(id);
    free(first);
    free(again);
}

static void another_request_with_the_same_key_is_refused(void **state) {
    json_decref(world_create(W, "key", "order", 500));
    assert_null(world_create(W, "key", "order-2", 500));
    assert_int_equal(W->result, -ERR_IDEMPOTENCY_MISMATCH);
    assert_int_equal(err_http_status(W->err.code), 422);
    assert_null(world_create(W, "key", "order", 501));
    assert_int_equal(W->result, -ERR_IDEMPOTENCY_MISMATCH);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), 1);
}

static void the_same_key_and_body_on_another_path_is_refused(void **state) {
    char *id = world_authorized(W, "order", 500);
    struct caller caller = world_caller("key", "the same body");
    struct answer answer = {0};
    int r = payment_capture(W->payments, &caller, id, 0, true, &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    assert_int_equal(W->result, 0);
    r = payment_refund(W->payments, &caller, id, 0, "", true, &answer, &W->err);
    assert_null(world_take(W, r, &answer));
    assert_int_equal(W->result, -ERR_IDEMPOTENCY_MISMATCH);
    free(id);
}

static void keys_of_two_callers_are_two_keys(void **state) {
    struct caller callers[2] = {world_caller("key", "a"), world_caller("key", "b")};
    callers[1].scope = "another";
    static const char *const orders[] = {"order-1", "order-2"};
    for (int i = 0; i < 2; i++) {
        struct payment_order order = world_order(orders[i], 500);
        struct answer answer = {0};
        json_decref(world_take(
            W, payment_create(W->payments, &callers[i], &order, &answer, &W->err), &answer));
        assert_int_equal(W->result, 0);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), 2);
}

static void without_a_key_each_request_is_its_own(void **state) {
    char *id = world_paid(W, "order", 500);
    json_decref(world_refund(W, NULL, id, 100));
    json_decref(world_refund(W, NULL, id, 100));
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 200);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM idempotency"), 0);
    free(id);
}

static void a_refused_request_leaves_its_key_free(void **state) {
    char *id = world_paid(W, "order", 500);
    assert_null(world_refund(W, "key", id, 501));
    assert_int_equal(W->result, -ERR_AMOUNT);
    json_decref(world_create(W, "key", "order-2", 500));
    assert_int_equal(W->result, 0);
    free(id);
}

/* ---- refused for good ---- */

/* As the front does: a refusal is kept before it is said. */
static json_t *ask_and_keep(const char *key, const char *order_id, const char **ret_claimed) {
    struct caller caller = world_caller(key, order_id);
    struct payment_order order = world_order(order_id, 500);
    struct answer answer = {0};
    *ret_claimed = NULL;
    caller.claimed_as = ret_claimed;
    int r = payment_create(W->payments, &caller, &order, &answer, &W->err);
    if (r < 0 && *ret_claimed != NULL) {
        answer = (struct answer){.status = 409, .json = strdup("{\"type\":\"refused\"}")};
        r = idempotency_refuse(W->payments, &caller, &answer, &W->err);
        if (r < 0) {
            answer_release(&answer);
        }
    }
    return world_take(W, r, &answer);
}

static void what_was_refused_for_good_is_refused_again_when_it_could_be_taken(void **state) {
    const char *claimed;
    char *id = world_authorized(W, "order", 500);
    for (int i = 0; i < 3; i++) {
        json_t *json = ask_and_keep("second", "order", &claimed);
        assert_string_equal(json_at(json, "type"), "refused");
        assert_int_equal(W->status, 409);
        assert_int_equal(W->replayed, i > 0);
        json_decref(json);
        if (i == 0) {
            json_decref(world_cancel(W, "cancel", id)); /* the order is free */
        }
        payment_world_restart(W);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), 1);
    json_decref(ask_and_keep("third", "order", &claimed));
    assert_int_equal(W->status, 201);
    assert_null(world_create(W, "second", "another body", 500));
    assert_int_equal(W->result, -ERR_IDEMPOTENCY_MISMATCH);
    free(id);
    world_check(W);
}

/* Refused, and before that is written the late copy is taken, or is being worked on. */
static void refuse_late(void *ctx, int account, const char *call, bool done) {
    int *result = ctx;
    const char *claimed = "payment.create";
    struct caller caller = world_caller("key", "hash");
    struct answer refusal = {.status = 422, .json = strdup("{}")};
    caller.claimed_as = &claimed;
    *result = idempotency_refuse(W->payments, &caller, &refusal, &W->err);
    answer_release(&refusal);
}

static void a_copy_that_was_taken_in_between_is_what_is_told(void **state) {
    const char *claimed = NULL;
    int meanwhile = 0;
    struct caller caller = world_caller("key", "hash");
    struct payment_order order = world_order("order", 500);
    struct answer taken = {0}, refusal = {.status = 422, .json = strdup("{}")};
    caller.claimed_as = &claimed;
    fake_hook(FAKE, refuse_late, &meanwhile);
    assert_int_equal(payment_create(W->payments, &caller, &order, &taken, &W->err), 0);
    fake_hook(FAKE, NULL, NULL);
    assert_int_equal(meanwhile, -ERR_IDEMPOTENCY_IN_FLIGHT);
    assert_string_equal(claimed, "payment.create");
    assert_int_equal(idempotency_refuse(W->payments, &caller, &refusal, &W->err), 0);
    assert_int_equal(refusal.status, 201);
    assert_true(refusal.replayed);
    assert_string_equal(refusal.json, taken.json);
    answer_release(&taken);
    answer_release(&refusal);
}

/* Also one that the configuration alone would refuse by now. */
static void a_repeat_of_what_was_taken_is_answered_before_anything_is_refused(void **state) {
    struct caller caller = world_caller("key", "hash");
    struct payment_order order = world_order("order", 500);
    struct answer first = {0}, again = {0};
    assert_int_equal(payment_create(W->payments, &caller, &order, &first, &W->err), 0);
    order.defer = order.queue = true; /* refused without a look at anything */
    assert_int_equal(payment_create(W->payments, &caller, &order, &again, &W->err), 0);
    assert_true(again.replayed);
    assert_string_equal(again.json, first.json);
    const char *claimed = NULL;
    caller.key = "another";
    caller.claimed_as = &claimed;
    order.order_id = "order-2";
    assert_int_equal(payment_create(W->payments, &caller, &order, &again, &W->err),
                     -ERR_VALIDATION);
    assert_non_null(claimed); /* so it is kept */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), 1);
    answer_release(&first);
    answer_release(&again);
}

/* ---- in flight ---- */

static void repeat_it(void *ctx, int account, const char *call, bool done) {
    int *result = ctx;
    if (strcmp(call, "charge") == 0 && done && *result == 0) {
        *result = 1;
        assert_null(world_create(W, "key", "order", 500));
        *result = W->result;
    }
}

static void a_key_whose_first_request_still_runs_is_in_flight(void **state) {
    int result = 0;
    fake_hook(FAKE, repeat_it, &result);
    json_t *json = world_create(W, "key", "order", 500);
    assert_string_equal(json_at(json, "state"), "succeeded");
    json_decref(json);
    fake_hook(FAKE, NULL, NULL);
    assert_int_equal(result, -ERR_IDEMPOTENCY_IN_FLIGHT);
    assert_int_equal(err_http_status(ERR_IDEMPOTENCY_IN_FLIGHT), 409);
    json_decref(world_create(W, "key", "order", 500));
    assert_true(W->replayed);
    world_check(W);
}

struct overtaker {
    int status;
    char state[32];
};

/* The first request's lease ends while it waits for the gateway (a clock that jumped): a repeat
 * takes over, is told something, and that is what the key's answer is from then on. */
static void overtake(void *ctx, int account, const char *call, bool done) {
    struct overtaker *overtaker = ctx;
    if (strcmp(call, "charge") != 0 || !done || overtaker->status != 0) {
        return;
    }
    overtaker->status = -1;
    test_clock_advance(300 * US_PER_SECOND);
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    json_t *json = world_create(W, "key", "order", 500);
    fake_say_nothing(FAKE);
    assert_non_null(json);
    overtaker->status = W->status;
    snprintf(overtaker->state, sizeof overtaker->state, "%s", json_at(json, "state"));
    json_decref(json);
}

static void who_was_overtaken_says_what_the_overtaker_said(void **state) {
    struct overtaker overtaker = {0};
    fake_hook(FAKE, overtake, &overtaker);
    json_t *json = world_create(W, "key", "order", 500);
    fake_hook(FAKE, NULL, NULL);
    assert_non_null(json);
    assert_int_equal(overtaker.status, 202);
    assert_int_equal(W->status, overtaker.status);
    assert_string_equal(json_at(json, "state"), overtaker.state);
    json_decref(json);
    json = world_create(W, "key", "order", 500);
    assert_true(W->replayed);
    assert_string_equal(json_at(json, "state"), overtaker.state);
    json_decref(json);
    world_check(W);
}

enum { RACERS = 8 };
struct racer {
    int result, status;
};

static void race(void *arg) {
    struct racer *racer = arg;
    struct caller caller = world_caller("key", "the same");
    struct payment_order order = world_order("order", 500);
    struct answer answer = {0};
    struct err err = {0};
    racer->result = payment_create(W->payments, &caller, &order, &answer, &err);
    racer->status = answer.status;
    answer_release(&answer);
}

static void the_same_key_from_many_at_once_is_one_payment(void **state) {
    for (int round = 0; round < 5; round++) {
        payment_world_forget(W);
        struct racer racers[RACERS];
        struct task *tasks[RACERS];
        for (int i = 0; i < RACERS; i++) {
            tasks[i] = task_start("racer", 512 * 1024, race, &racers[i]);
            assert_non_null(tasks[i]);
        }
        int answered = 0;
        for (int i = 0; i < RACERS; i++) {
            task_join(tasks[i]);
            answered += racers[i].result == 0;
            assert_true(racers[i].result == 0 ? racers[i].status == 201
                                              : racers[i].result == -ERR_IDEMPOTENCY_IN_FLIGHT);
        }
        assert_true(answered >= 1);
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), 1);
        assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
        world_check(W);
    }
}

/* ---- resumed ---- */

static int fail_all(void *ctx, const char *sql) {
    (void)sql;
    return *(bool *)ctx;
}

static void stop_the_store(void *ctx, int account, const char *call, bool done) {
    if (strcmp(call, "charge") == 0 && done) {
        *(bool *)ctx = true;
    }
}

/* The gateway charges, and the process is gone before it is written down. */
static void die_after_the_charge(const char *key, enum fake_act act) {
    bool dead = false;
    fake_say(FAKE, 0, "charge", 1, act);
    fake_hook(FAKE, stop_the_store, &dead);
    store_fault_set(W->engine.store, fail_all, &dead);
    assert_null(world_create(W, key, "order", 500));
    assert_int_equal(W->result, -ERR_STORE);
    store_fault_set(W->engine.store, NULL, NULL);
    fake_hook(FAKE, NULL, NULL);
    payment_world_restart(W);
}

static void a_repeat_after_a_crash_finishes_what_the_first_began(void **state) {
    die_after_the_charge("key", FAKE_DO);
    json_t *json = world_create(W, "key", "order", 500);
    assert_non_null(json);
    assert_int_equal(W->status, 201);
    assert_false(W->replayed);
    assert_string_equal(json_at(json, "state"), "succeeded");
    json_decref(json);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), 1);
    json_decref(world_create(W, "key", "order", 500));
    assert_true(W->replayed);
    world_check(W);
}

static void a_repeat_after_a_crash_says_processing_when_the_gateway_does_not_know(void **state) {
    die_after_the_charge("key", FAKE_DO);
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    json_t *json = world_create(W, "key", "order", 500);
    assert_int_equal(W->status, 202);
    assert_string_equal(json_at(json, "state"), "processing");
    json_decref(json);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
    world_check(W);
}

/* PostgreSQL is shared by several: one that was seen a moment ago lives, and works on it. */
static void a_key_is_in_flight_while_the_instance_that_has_it_shows_signs_of_life(void **state) {
    if (W->engine.engine == STORE_SQLITE) {
        skip();
    }
    die_after_the_charge("key", FAKE_DO);
    (void)engine_exec(&W->engine, "INSERT INTO instance (id, started_us, seen_us) "
                                  "SELECT owner, created_us, created_us FROM idempotency");
    assert_null(world_create(W, "key", "order", 500));
    assert_int_equal(W->result, -ERR_IDEMPOTENCY_IN_FLIGHT);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM attempt"), 1);
    test_clock_advance(11 * US_PER_SECOND);
    json_t *json = world_create(W, "key", "order", 500);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), "succeeded");
    json_decref(json);
    world_check(W);
}

static void a_crash_without_a_repeat_is_resolved_all_the_same(void **state) {
    die_after_the_charge("key", FAKE_DO);
    world_settle_all(W);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 5);
    assert_text(W, "SELECT code FROM attempt", "");
    /* The client comes an hour later. */
    test_clock_advance(3600 * US_PER_SECOND);
    json_t *json = world_create(W, "key", "order", 500);
    assert_int_equal(W->status, 201);
    assert_string_equal(json_at(json, "state"), "succeeded");
    json_decref(json);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    world_check(W);
}

static void a_crashed_orders_other_key_is_told_of_the_first(void **state) {
    die_after_the_charge("key", FAKE_DO);
    assert_null(world_create(W, "key-2", "order", 500));
    assert_int_equal(W->result, -ERR_ORDER_TAKEN);
    world_settle_all(W);
    world_check(W);
}

static void stop_the_store_at_refunds(void *ctx, int account, const char *call, bool done) {
    if (strcmp(call, "refund") == 0 && done) {
        *(bool *)ctx = true;
    }
}

static void a_refund_after_a_crash_is_finished_by_its_repeat(void **state) {
    char *id = world_paid(W, "order", 500);
    bool dead = false;
    fake_hook(FAKE, stop_the_store_at_refunds, &dead);
    store_fault_set(W->engine.store, fail_all, &dead);
    assert_null(world_refund(W, "key", id, 200));
    store_fault_set(W->engine.store, NULL, NULL);
    fake_hook(FAKE, NULL, NULL);
    payment_world_restart(W);
    test_clock_advance(46 * US_PER_SECOND);
    json_t *json = world_refund(W, "key", id, 200);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), "succeeded");
    json_decref(json);
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 200);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation"), 1);
    free(id);
    world_check(W);
}

/* A store that goes away in the middle, without the process. */
static void a_lease_that_could_not_be_given_up_ends_by_itself(void **state) {
    bool dead = false;
    fake_hook(FAKE, stop_the_store, &dead);
    store_fault_set(W->engine.store, fail_all, &dead);
    assert_null(world_create(W, "key", "order", 500));
    store_fault_set(W->engine.store, NULL, NULL);
    fake_hook(FAKE, NULL, NULL);
    /* Nothing could be written, not even that the lease is given up: it ends by itself. */
    assert_null(world_create(W, "key", "order", 500));
    assert_int_equal(W->result, -ERR_IDEMPOTENCY_IN_FLIGHT);
    test_clock_advance(46 * US_PER_SECOND);
    json_t *json = world_create(W, "key", "order", 500);
    assert_string_equal(json_at(json, "state"), "succeeded");
    json_decref(json);
    world_check(W);
}

static int fail_one_commit(void *ctx, const char *sql) {
    int *commits = ctx;
    return strcmp(sql, "COMMIT") == 0 && ++*commits == 2;
}

static void after_one_failed_commit_the_repeat_is_let_in_at_once(void **state) {
    int commits = 0;
    store_fault_set(W->engine.store, fail_one_commit, &commits);
    assert_null(world_create(W, "key", "order", 500));
    assert_int_equal(W->result, -ERR_STORE);
    store_fault_set(W->engine.store, NULL, NULL);
    json_t *json = world_create(W, "key", "order", 500);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), "succeeded");
    json_decref(json);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    world_check(W);
}

/* The same when it failed over in the transaction that was lost. */
static void after_a_failed_commit_of_the_next_attempt_the_repeat_is_let_in_at_once(void **state) {
    int commits = 0;
    fake_say(FAKE, 0, "charge", 1, FAKE_RATE_LIMIT);
    store_fault_set(W->engine.store, fail_one_commit, &commits);
    assert_null(world_create(W, "key", "order", 500));
    store_fault_set(W->engine.store, NULL, NULL);
    json_t *json = world_create(W, "key", "order", 500);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), "succeeded");
    json_decref(json);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    world_check(W);
}

/* ---- counted ---- */

static int64_t charges_counted(void) {
    return meter_total(METER_ATTEMPTS, (const char *const[METER_LABELS_MAX]){[2] = "charged"});
}

/* At the second commit, which is the one of the answer: PostgreSQL's connection is cut, and the
 * transaction runs again by itself; SQLite's commit fails, and the repeat runs another one. */
static int lose_the_answer_once(void *ctx, const char *sql) {
    int *commits = ctx;
    if (strcmp(sql, "COMMIT") != 0 || ++*commits != 2) {
        return 0;
    }
    return store_engine(W->engine.store) == STORE_SQLITE || test_pg_terminate(W->engine.url) == 0;
}

static void an_answer_that_is_written_at_the_second_try_is_counted_once(void **state) {
    int64_t before = charges_counted();
    int commits = 0;
    store_fault_set(W->engine.store, lose_the_answer_once, &commits);
    json_t *json = world_create(W, "key", "order", 500);
    assert_int_equal(json == NULL, store_engine(W->engine.store) == STORE_SQLITE);
    json_decref(json);
    store_fault_set(W->engine.store, NULL, NULL);
    assert_true(commits >= 2);
    json = world_create(W, "key", "order", 500);
    assert_string_equal(json_at(json, "state"), "succeeded");
    json_decref(json);
    assert_int_equal(charges_counted() - before, 1);
    world_check(W);
}

/* ---- the rest ---- */

static int write_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                    struct answer *ret_answer, struct err *err) {
    (void)payments;
    (void)tx;
    (void)err;
    int *times = ctx;
    ++*times;
    *ret_answer = (struct answer){
        .status = 201, .json = strdup("{\"secret\":\"s\"}"), .kept_json = strdup("{}")};
    return 0;
}

static void what_is_told_once_is_not_in_the_stored_answer(void **state) {
    int times = 0;
    struct caller caller = world_caller("key", "x");
    struct answer answer = {0};
    assert_int_equal(
        idempotent_run(W->payments, &caller, "key.create", write_fn, &times, &answer, &W->err), 0);
    assert_string_equal(answer.json, "{\"secret\":\"s\"}");
    answer_release(&answer);
    assert_int_equal(
        idempotent_run(W->payments, &caller, "key.create", write_fn, &times, &answer, &W->err), 0);
    assert_string_equal(answer.json, "{}");
    assert_true(answer.replayed);
    answer_release(&answer);
    assert_int_equal(times, 1);
}

static void keys_are_forgotten_after_a_week_and_not_before(void **state) {
    json_decref(world_create(W, "key", "order", 500));
    test_clock_advance(INT64_C(6) * 24 * 3600 * US_PER_SECOND);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM idempotency"), 1);
    test_clock_advance(INT64_C(25) * 3600 * US_PER_SECOND);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM idempotency"), 0);
    /* The order itself is remembered for ever. */
    assert_null(world_create(W, "key", "order", 500));
    assert_int_equal(W->result, -ERR_ORDER_TAKEN);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_request_with_the_same_key_has_the_same_answer),
        cmocka_unit_test(an_answer_is_kept_whatever_it_was),
        cmocka_unit_test(the_first_answer_is_given_again_when_the_payment_has_moved_on),
        cmocka_unit_test(another_request_with_the_same_key_is_refused),
        cmocka_unit_test(the_same_key_and_body_on_another_path_is_refused),
        cmocka_unit_test(keys_of_two_callers_are_two_keys),
        cmocka_unit_test(without_a_key_each_request_is_its_own),
        cmocka_unit_test(a_refused_request_leaves_its_key_free),
        cmocka_unit_test(what_was_refused_for_good_is_refused_again_when_it_could_be_taken),
        cmocka_unit_test(a_copy_that_was_taken_in_between_is_what_is_told),
        cmocka_unit_test(a_repeat_of_what_was_taken_is_answered_before_anything_is_refused),
        cmocka_unit_test(a_key_whose_first_request_still_runs_is_in_flight),
        cmocka_unit_test(who_was_overtaken_says_what_the_overtaker_said),
        cmocka_unit_test(the_same_key_from_many_at_once_is_one_payment),
        cmocka_unit_test(a_repeat_after_a_crash_finishes_what_the_first_began),
        cmocka_unit_test(a_repeat_after_a_crash_says_processing_when_the_gateway_does_not_know),
        cmocka_unit_test(a_key_is_in_flight_while_the_instance_that_has_it_shows_signs_of_life),
        cmocka_unit_test(a_crash_without_a_repeat_is_resolved_all_the_same),
        cmocka_unit_test(a_crashed_orders_other_key_is_told_of_the_first),
        cmocka_unit_test(a_refund_after_a_crash_is_finished_by_its_repeat),
        cmocka_unit_test(a_lease_that_could_not_be_given_up_ends_by_itself),
        cmocka_unit_test(after_one_failed_commit_the_repeat_is_let_in_at_once),
        cmocka_unit_test(after_a_failed_commit_of_the_next_attempt_the_repeat_is_let_in_at_once),
        cmocka_unit_test(an_answer_that_is_written_at_the_second_try_is_counted_once),
        cmocka_unit_test(what_is_told_once_is_not_in_the_stored_answer),
        cmocka_unit_test(keys_are_forgotten_after_a_week_and_not_before),
    };
    return payment_world_run("idempotency", tests, COUNT_OF(tests));
}
