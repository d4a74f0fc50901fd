/* SPDX-License-Identifier: Apache-2.0
 * test_faults.c: every store call and every gateway call of the payment flow is made to fail in
 * turn.
 *
 * A flow is prepared in peace, run with one fault, and repeated by its client with the same key
 * until there is an answer. Then time passes, callbacks come, and whatever runs by itself runs. In
 * the end nothing is unresolved, no invariant is broken, no order was charged twice, the gateways'
 * books equal ours, and the merchant was told of every event exactly once or more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/payment_world.h"
#include "support/sample.h"

#define W the_world
#define FAKE (W->fake)

/* ---- the flows ---- */

struct flow {
    const char *name;
    void (*prepare)(void);
    json_t *(*run)(void); /* what the client repeats with the same key */
    void (*judge)(void);  /* what must have become of it, beside the invariants */
    void (*later)(void);  /* what happens at the gateway before it is judged; may be NULL */
};
static char *prepared; /* id of the payment that was made before */

static int64_t count(const char *sql) {
    return world_int(W, sql);
}

static void nothing(void) {
}

static void judge_paid_once(void) {
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 1);
    assert_int_equal(count("SELECT state FROM payment"), 5);
}

/* It may have ended without a charge where that is certain, and says so. */
static void judge_paid_at_most_once(void) {
    int charged = fake_charged(FAKE, "order", NULL);
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE state = 5"), charged);
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE state IN (3, 5, 6)"), 1);
}

static json_t *run_create(void) {
    return world_create(W, "key", "order", 500);
}

static void prepare_failover(void) {
    fake_say(FAKE, 0, "charge", 1, FAKE_RATE_LIMIT);
}

static void prepare_decline(void) {
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
}

static void prepare_lost_answer(void) {
    fake_say(FAKE, 0, "charge", 1, FAKE_LOSE_AFTER);
}

static void prepare_unknown(void) {
    fake_say(FAKE, 0, "*", 3, FAKE_LOSE_AFTER); /* the charge and both repeats */
}

static void prepare_all_down(void) {
    fake_say_all(FAKE, "charge", 1, FAKE_REFUSE);
}

static void prepare_authorized(void) {
    prepared = world_authorized(W, "order", 500);
}

static void prepare_paid(void) {
    prepared = world_paid(W, "order", 500);
}

static json_t *run_capture(void) {
    return world_capture(W, "key", prepared, 300, true);
}

static void judge_captured(void) {
    int64_t taken = 0;
    (void)fake_charged(FAKE, "order", &taken);
    assert_int_equal(count("SELECT captured_minor FROM payment"), taken);
    assert_true(taken == 300 || taken == 0);
    assert_int_equal(count("SELECT COUNT(*) FROM operation WHERE state = 4"), taken == 300);
}

static json_t *run_cancel(void) {
    return world_cancel(W, "key", prepared);
}

static void judge_canceled(void) {
    assert_int_equal(fake_charged(FAKE, "order", NULL), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE state = 7"),
                     count("SELECT COUNT(*) FROM operation WHERE state = 4"));
}

static json_t *run_refund(void) {
    return world_refund(W, "key", prepared, 200);
}

static void judge_refunded(void) {
    struct fake_book book;
    fake_book(FAKE, 0, "USD", &book);
    assert_true(book.returned_minor == 0 || book.returned_minor == 200);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), book.returned_minor);
}

static void prepare_pending_refund(void) {
    prepare_paid();
    fake_say(FAKE, 0, "refund", 1, FAKE_PENDING);
}

static void pending_refund_ends(void) {
    if (count("SELECT COUNT(*) FROM operation WHERE state = 2") > 0) {
        fake_refund_becomes(FAKE, 0, "order", "succeeded");
    }
}

static json_t *run_store_credit(void) {
    struct caller caller = world_caller("key", "credit");
    struct answer answer = {0};
    return world_take(
        W, payment_refund(W->payments, &caller, prepared, 200, "", false, &answer, &W->err),
        &answer);
}

static void judge_credited(void) {
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 200);
    assert_int_equal(count("SELECT COUNT(*) FROM posting WHERE kind = 8"), 1);
}

static void prepare_choice(void) {
    prepare_all_down();
    json_t *json = world_create(W, "key-0", "order", 500);
    assert_non_null(json);
    prepared = strdup(json_at(json, "id"));
    json_decref(json);
}

static json_t *run_choice(void) {
    return world_choose(W, "key", prepared, "pm");
}

/* A callback and its processing; the gateway repeats it until it is acknowledged. */
static json_t *run_callback(void) {
    struct err err = {0};
    int status = world_callback(W, 0);
    int ticked = payments_tick(W->payments, &err);
    W->result = status == 200 ? 0 : -ERR_STORE;
    return status == 200 && ticked >= 0 ? json_object() : NULL;
}

static void prepare_callback(void) {
    fake_say(FAKE, 0, "*", 3, FAKE_LOSE_AFTER);
    json_decref(world_create(W, "key-0", "order", 500));
    assert_int_equal(count("SELECT state FROM attempt"), 4);
}

static void judge_callback(void) {
    judge_paid_once();
    assert_int_equal(count("SELECT COUNT(*) FROM callback"), 1);
    assert_int_equal(count("SELECT state FROM callback"), 2);
}

/* The resolver alone. */
static json_t *run_resolver(void) {
    struct err err = {0};
    test_clock_advance(6 * US_PER_SECOND);
    int ticked = payments_tick(W->payments, &err);
    W->result = ticked < 0 ? ticked : 0;
    return ticked < 0 ? NULL : json_object();
}

static const struct flow flows[] = {
    {"create", nothing, run_create, judge_paid_at_most_once},
    {"create, going on to the next gateway", prepare_failover, run_create, judge_paid_at_most_once},
    {"create, declined", prepare_decline, run_create, judge_paid_at_most_once},
    {"create, the answer lost", prepare_lost_answer, run_create, judge_paid_once},
    {"create, unknown", prepare_unknown, run_create, judge_paid_once},
    {"create, every gateway down", prepare_all_down, run_create, judge_paid_at_most_once},
    {"choose another method", prepare_choice, run_choice, judge_paid_at_most_once},
    {"capture", prepare_authorized, run_capture, judge_captured},
    {"cancel", prepare_authorized, run_cancel, judge_canceled},
    {"refund", prepare_paid, run_refund, judge_refunded},
    {"refund, pending", prepare_pending_refund, run_refund, judge_refunded, pending_refund_ends},
    {"store credit", prepare_paid, run_store_credit, judge_credited},
    {"callback", prepare_callback, run_callback, judge_callback},
    {"resolver", prepare_callback, run_resolver, judge_paid_once},
};

/* ---- running one ---- */

/* What is being tried, told when it fails. */
static char trying[160];

static int tell(void **state) {
    (void)state;
    if (trying[0] != '\0') {
        print_message("while trying %s\n", trying);
    }
    trying[0] = '\0';
    return 0;
}

static void begin(const struct flow *flow) {
    payment_world_forget(W);
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    int r = webhook_endpoint_create(W->payments, &caller, FAKE_MERCHANT_URL, "*", "", &answer,
                                    &W->err);
    json_decref(world_take(W, r, &answer));
    assert_int_equal(W->result, 0);
    flow->prepare();
}

static int deliveries_of(const char *event_id) {
    int times = 0;
    for (int i = 0; i < fake_delivery_count(FAKE); i++) {
        times += strcmp(fake_delivery(FAKE, i).id, event_id) == 0;
    }
    return times;
}

static int told_fn(struct store_tx *tx, void *ctx, struct err *err) {
    (void)ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT id FROM event");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (deliveries_of(sql_text(rows, 0)) == 0) {
            return err_set(err, ERR_INTERNAL, "event %s was never told", sql_text(rows, 0));
        }
    }
    return r;
}

/* The client repeats; a key that is in flight is waited for. */
static void repeat(const struct flow *flow) {
    for (int i = 0; i < 4; i++) {
        json_t *json = flow->run();
        if (json != NULL) {
            json_decref(json);
            return;
        }
        if (W->result != -ERR_IDEMPOTENCY_IN_FLIGHT && W->result != -ERR_GATEWAY) {
            fail_msg("the repeat failed: %s", W->err.detail);
        }
        test_clock_advance(46 * US_PER_SECOND);
    }
    fail_msg("the key stays in flight");
}

static void end(const struct flow *flow) {
    repeat(flow);
    if (flow->later != NULL) {
        flow->later();
        test_clock_advance(61 * US_PER_SECOND);
    }
    world_settle_all(W);
    flow->judge();
    world_check(W);
    struct err err = {0};
    if (store_read(W->engine.store, told_fn, NULL, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    free(prepared);
    prepared = NULL;
    trying[0] = '\0';
}

/* ---- store faults ---- */

struct store_fault {
    atomic_int seen;
    int first; /* the call that fails, or from which on all do; from 1, 0: none */
    char failed[64];
};

static int fail_store(void *ctx, const char *sql) {
    struct store_fault *fault = ctx;
    int number = atomic_fetch_add(&fault->seen, 1) + 1;
    if (number != fault->first) {
        return 0;
    }
    snprintf(fault->failed, sizeof fault->failed, "%.60s", sql);
    return 1;
}

/* Store call `number` fails (0: none). Returns how many store calls the flow made. */
static int run_with_store_fault(const struct flow *flow, int number) {
    struct store_fault fault = {.first = number};
    begin(flow);
    store_fault_set(W->engine.store, fail_store, &fault);
    json_decref(flow->run());
    store_fault_set(W->engine.store, NULL, NULL);
    if (number > 0) {
        snprintf(trying, sizeof trying, "\"%s\", store call %d (%s)", flow->name, number,
                 fault.failed);
    }
    end(flow);
    return atomic_load(&fault.seen);
}

static void each_store_call_fails_once(void **state) {
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        int calls = run_with_store_fault(&flows[i], 0);
        assert_true(calls > 2);
        for (int k = 1; k <= calls; k++) {
            if (sampled(k + (int)i, 7)) {
                (void)run_with_store_fault(&flows[i], k);
            }
        }
    }
}

/* From commit `first` on nothing works any more. */
static int fail_after(void *ctx, const char *sql) {
    struct store_fault *fault = ctx;
    bool commit = strcmp(sql, "COMMIT") == 0 || strcmp(sql, "COMMITTED") == 0;
    int number = commit ? atomic_fetch_add(&fault->seen, 1) + 1 : atomic_load(&fault->seen);
    return fault->first > 0 && number >= fault->first;
}

/* At 0 nothing fails and the commits are counted. */
static void at_each_commit(const struct flow *flow, bool restart) {
    int commits = 1;
    for (int k = 0; k <= commits; k++) {
        if (k > 0 && !sampled(k + (flow - flows), 3)) {
            continue;
        }
        struct store_fault fault = {.first = k};
        begin(flow);
        snprintf(trying, sizeof trying, "\"%s\", the end at commit %d", flow->name, k);
        store_fault_set(W->engine.store, fail_after, &fault);
        json_decref(flow->run());
        store_fault_set(W->engine.store, NULL, NULL);
        if (restart) {
            payment_world_restart(W);
        }
        commits = k == 0 ? atomic_load(&fault.seen) : commits;
        end(flow);
    }
    assert_true(commits >= 2);
}

/* Nothing can be written then, not even that a lease is given up. */
static void the_store_goes_away_at_each_commit(void **state) {
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        at_each_commit(&flows[i], false);
    }
}

/* The process ends there too: the next one has other leases. */
static void the_process_dies_at_each_commit(void **state) {
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        at_each_commit(&flows[i], true);
    }
}

/* ---- gateway faults ---- */

static int run_with_gateway_fault(const struct flow *flow, int number, enum fake_act act) {
    begin(flow);
    fake_fault_at(FAKE, number, act);
    json_decref(flow->run());
    int calls = fake_calls_counted(FAKE);
    fake_fault_at(FAKE, 0, FAKE_DO);
    if (number > 0) {
        snprintf(trying, sizeof trying, "\"%s\", gateway call %d: %s", flow->name, number,
                 fake_act_name(act));
    }
    end(flow);
    return calls;
}

static void each_gateway_call_fails_in_each_way(void **state) {
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        int calls = run_with_gateway_fault(&flows[i], 0, FAKE_DO);
        for (int k = 1; k <= calls; k++) {
            for (int act = FAKE_REFUSE; act < FAKE_ACT_FAULTS; act++) {
                if (sampled(k + (int)i + act, 4)) {
                    (void)run_with_gateway_fault(&flows[i], k, (enum fake_act)act);
                }
            }
        }
    }
}

/* Everything that a gateway can do to a charge, and the store failing when it is written down. */
static void a_gateway_and_the_store_fail_together(void **state) {
    static const enum fake_act acts[] = {FAKE_LOSE_AFTER, FAKE_LOSE_BEFORE, FAKE_REFUSE,
                                         FAKE_DECLINE_ELSEWHERE};
    for (size_t a = 0; a < COUNT_OF(acts); a++) {
        int commits = 1;
        for (int k = 0; k <= commits; k++) {
            struct store_fault fault = {.first = k};
            begin(&flows[0]);
            snprintf(trying, sizeof trying, "%s, and the store from commit %d",
                     fake_act_name(acts[a]), k);
            fake_say(FAKE, 0, "charge", 1, acts[a]);
            store_fault_set(W->engine.store, fail_after, &fault);
            json_decref(flows[0].run());
            store_fault_set(W->engine.store, NULL, NULL);
            commits = k == 0 ? atomic_load(&fault.seen) : commits;
            end(&flows[0]);
        }
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_store_call_fails_once, tell),
        cmocka_unit_test_teardown(the_store_goes_away_at_each_commit, tell),
        cmocka_unit_test_teardown(the_process_dies_at_each_commit, tell),
        cmocka_unit_test_teardown(each_gateway_call_fails_in_each_way, tell),
        cmocka_unit_test_teardown(a_gateway_and_the_store_fail_together, tell),
    };
    return payment_world_run("fault injection", tests, COUNT_OF(tests));
}
