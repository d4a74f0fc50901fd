/* SPDX-License-Identifier: Apache-2.0
 * test_repair_faults.c: every store call, every commit and every gateway call of a repair is made
 * to fail in turn, from the run that finds the break to the break that is closed.
 *
 * A flow is prepared in peace; then the run, its rules and the repair work with one fault; then
 * time passes, and whatever runs by itself runs. In the end nothing was returned twice, nothing
 * completed that was not charged, what is counted against the caps is what was taken on, and no
 * invariant is broken; and what the gateway confirms was done. */
#include <stdatomic.h>

#include "repair_fixture.h"
#include "support/sample.h"

struct flow {
    const char *name;
    void (*prepare)(void);
    void (*judge)(bool done); /* whether the repair says that it was done */
    bool must;                /* the gateway confirms it: in the end it is done */
};

static struct there theres[2];

static void prepare_paid(void) {
    free(paid_there("order"));
    theres[0] = there_is(0, 0);
    row_of(&theres[0], 500);
}

static void judge_paid(bool done) {
    int64_t succeeded = count("SELECT COUNT(*) FROM payment WHERE state = 5");
    if (done) {
        assert_int_equal(succeeded, 1);
        assert_int_equal(count("SELECT captured_minor FROM payment"), 500);
    }
    assert_int_equal(world_events(W, "payment.succeeded"), succeeded);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    assert_int_equal(returned(0), 0);
}

/* The gateway says that nothing was charged, whatever the statement says. */
static void prepare_unpaid(void) {
    prepare_paid();
    fake_payment_becomes(FAKE, 0, "order", "requires_payment_method");
}

static void judge_unpaid(bool done) {
    assert_false(done);
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE state = 5"), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM posting"), 0);
}

static void prepare_twice(void) {
    free(charged_twice("order"));
    theres[0] = there_is(0, 0);
    theres[1] = there_is(0, 1);
    row_of(&theres[0], 500);
    row_of(&theres[1], 500);
}

static void judge_twice(bool done) {
    int64_t back = returned(0);
    assert_true(back == 0 || back == 500);
    assert_true(!done || back == 500);
    assert_int_equal(count("SELECT captured_minor - refunded_minor FROM payment"), 500);
    assert_int_equal(count("SELECT COUNT(*) FROM operation WHERE kind = 4 AND state = 4"),
                     back == 500);
}

/* The same, of which a callback tells and no statement. */
static void prepare_told(void) {
    free(charged_twice("order"));
    tell_of_second();
    theres[0] = there_is(0, 0);
    row_of(&theres[0], 500);
    test_clock_advance(31 * US_PER_SECOND);
}

/* One charge, and a row of another that is not there. */
static void prepare_once(void) {
    free(world_paid(W, "order", 500));
    theres[0] = theres[1] = there_is(0, 0);
    snprintf(theres[1].charge, sizeof theres[1].charge, "ch_nobody");
    snprintf(theres[1].intent, sizeof theres[1].intent, "pi_nobody");
    row_of(&theres[0], 500);
    row_of(&theres[1], 500);
}

static void judge_once(bool done) {
    assert_false(done);
    assert_int_equal(returned(0), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM operation"), 0);
}

static void prepare_fee(void) {
    free(world_paid(W, "order", 500));
    (void)engine_exec(&W->engine, "UPDATE posting SET amount_minor = amount_minor - 1 WHERE kind = "
                                  "5");
    theres[0] = there_is(0, 0);
    row_of(&theres[0], 500)->fee_minor = count("SELECT amount_minor FROM posting WHERE kind = 5") +
                                         1;
}

static void judge_fee(bool done) {
    assert_int_equal(count("SELECT COUNT(*) FROM posting WHERE kind IN (52, 53)"), done);
    assert_int_equal(count("SELECT COUNT(*) FROM recon_break WHERE state = 5"), done);
}

static const struct flow flows[] = {
    {"paid there", prepare_paid, judge_paid, true},
    {"not paid there", prepare_unpaid, judge_unpaid, false},
    {"charged twice", prepare_twice, judge_twice, true},
    {"told by a callback", prepare_told, judge_twice, true},
    {"charged once", prepare_once, judge_once, false},
    {"another fee", prepare_fee, judge_fee, true},
};

/* ---- running one ---- */

static char trying[200];

static int tell(void **state) {
    (void)state;
    if (trying[0] != '\0') {
        print_message("while trying %s\n", trying);
    }
    trying[0] = '\0';
    down();
    return 0;
}

static void begin(const struct flow *flow) {
    payment_world_forget(W);
    up();
    flow->prepare();
    test_clock_advance(US_PER_SECOND);
    take_statement_of("stripe-a");
    ask_run("stripe-a");
}

/* The run and what follows from it, as far as it gets. */
static void run(void) {
    struct err ignored = {0};
    for (int i = 0; i < 8 && payments_tick(W->payments, &ignored) > 0; i++) {
        test_clock_advance(US_PER_MS);
    }
}

/* `may_refuse`: its gateway may have refused a return for a reason that will pass; no other one is
 * tried by a rule, since the first might yet be done. */
static void end(const struct flow *flow, bool may_refuse) {
    struct err last = {0};
    for (int i = 0; i < 12; i++) {
        test_clock_advance(i < 4 ? 61 * US_PER_SECOND : 3700 * US_PER_SECOND);
        for (int j = 0; j < 20 && payments_tick(W->payments, &last) > 0; j++) {
            test_clock_advance(US_PER_MS);
        }
    }
    /* What was returned is a refund, which no statement of this test tells of: where a day ends
     * meanwhile it counts as lost, which is a break of its own. */
    assert_int_equal(count("SELECT COUNT(*) FROM repair WHERE rule <> 'refund'"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM repair WHERE rule = 'refund'"),
                     count("SELECT COUNT(*) FROM repair r JOIN recon_break b ON b.id = r.break_id "
                           "WHERE r.rule = 'refund' AND b.class = 23"));
    assert_int_equal(count("SELECT COUNT(DISTINCT break_id) FROM repair"),
                     count("SELECT COUNT(*) FROM repair"));
    /* What only a callback told of is repaired as a case. */
    assert_int_equal(count("SELECT COUNT(*) FROM repair WHERE break_id LIKE 'case!_%' ESCAPE '!'"),
                     flow->prepare == prepare_told);
    assert_int_equal(count("SELECT COUNT(*) FROM repair WHERE state IN (1, 2, 3)"), 0);
    bool done = count("SELECT COUNT(*) FROM repair WHERE rule <> 'refund' AND state = 4") == 1;
    if (flow->must && !done && !may_refuse) {
        char *said = repair_said("said");
        fail_msg("it was not done: %s", said);
    }
    flow->judge(done);
    assert_counted();
    if (flow->prepare != prepare_fee) {
        world_verify(W);
    }
    trying[0] = '\0';
    down();
}

/* ---- store faults ---- */

struct store_fault {
    atomic_int seen;
    int first;
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

static int with_store_fault(const struct flow *flow, int number) {
    struct store_fault fault = {.first = number};
    begin(flow);
    store_fault_set(W->engine.store, fail_store, &fault);
    run();
    store_fault_set(W->engine.store, NULL, NULL);
    snprintf(trying, sizeof trying, "\"%s\", store call %d (%s)", flow->name, number, fault.failed);
    end(flow, false);
    return atomic_load(&fault.seen);
}

/* There are some hundred in each flow, most of them the run's own: every seventh, from another one
 * in each flow. */
static void each_store_call_fails_once(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        if (flows[i].prepare == prepare_told) {
            continue; /* the calls of the others; where it may stop shows at its commits */
        }
        int calls = with_store_fault(&flows[i], 0);
        assert_true(calls > 20);
        for (int k = 1 + (int)i; k <= calls; k += 7) {
            if (sampled(k, 5)) {
                (void)with_store_fault(&flows[i], k);
            }
        }
    }
}

static int fail_after(void *ctx, const char *sql) {
    struct store_fault *fault = ctx;
    bool commit = strcmp(sql, "COMMIT") == 0 || strcmp(sql, "COMMITTED") == 0;
    int number = commit ? atomic_fetch_add(&fault->seen, 1) + 1 : atomic_load(&fault->seen);
    return fault->first > 0 && number >= fault->first;
}

/* From each commit on nothing works, and the process ends there. */
static void the_process_dies_at_each_commit(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        int commits = 1;
        for (int k = 0; k <= commits; k++) {
            if (k > 0 && !sampled(k + (int)i, 5)) {
                continue;
            }
            struct store_fault fault = {.first = k};
            begin(&flows[i]);
            snprintf(trying, sizeof trying, "\"%s\", the end at commit %d", flows[i].name, k);
            store_fault_set(W->engine.store, fail_after, &fault);
            run();
            store_fault_set(W->engine.store, NULL, NULL);
            payment_world_restart(W);
            up_again();
            commits = k == 0 ? atomic_load(&fault.seen) : commits;
            end(&flows[i], false);
        }
        assert_true(commits >= 5);
    }
}

/* ---- gateway faults ---- */

static int with_gateway_fault(const struct flow *flow, int number, enum fake_act act) {
    begin(flow);
    fake_fault_at(FAKE, number, act);
    run();
    int calls = fake_calls_counted(FAKE);
    fake_fault_at(FAKE, 0, FAKE_DO);
    snprintf(trying, sizeof trying, "\"%s\", gateway call %d: %s", flow->name, number,
             fake_act_name(act));
    end(flow, flow->judge == judge_twice);
    return calls;
}

static void each_gateway_call_fails_in_each_way(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        int calls = with_gateway_fault(&flows[i], 0, FAKE_DO);
        assert_true(calls >= 1);
        for (int k = 1; k <= calls; k++) {
            for (int act = FAKE_REFUSE; act < FAKE_ACT_FAULTS; act++) {
                if (sampled(k + (int)i + act, 4)) {
                    (void)with_gateway_fault(&flows[i], k, (enum fake_act)act);
                }
            }
        }
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_store_call_fails_once, tell),
        cmocka_unit_test_teardown(the_process_dies_at_each_commit, tell),
        cmocka_unit_test_teardown(each_gateway_call_fails_in_each_way, tell),
    };
    return payment_world_run("repair faults", tests, COUNT_OF(tests));
}
