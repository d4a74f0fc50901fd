/* SPDX-License-Identifier: Apache-2.0
 * repair_flows.h: what repairs are tried on while something goes wrong: a flow is prepared in
 * peace, then the run, its rules and the repair work with one fault; then time passes, and whatever
 * runs by itself runs. In the end nothing was returned twice, nothing completed that was not
 * charged, what is counted against the caps is what was taken on, and no invariant is broken; and
 * what the gateway confirms was done. */
#ifndef HOLDFAST_TESTS_REPAIR_FLOWS_H
#define HOLDFAST_TESTS_REPAIR_FLOWS_H

#include <stdatomic.h>

#include "repair_fixture.h"
#include "support/sample.h"

struct flow {
    const char *name;
    void (*prepare)(void);
    void (*judge)(bool done); /* whether the repair says that it was done */
    bool must;                /* the gateway confirms it: in the end it is done */
    bool others;              /* the resolver may be faster, after a restart */
    const char *rule;         /* which one takes it; NULL: as its class says, and none of refunds */
};

static struct there theres[2];

static inline void prepare_paid(void) {
    free(paid_there("order"));
    theres[0] = there_is(0, 0);
    row_of(&theres[0], 500);
}

static inline void judge_paid(bool done) {
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
static inline void prepare_unpaid(void) {
    prepare_paid();
    fake_payment_becomes(FAKE, 0, "order", "requires_payment_method");
}

static inline void judge_unpaid(bool done) {
    assert_false(done);
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE state = 5"), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM posting"), 0);
}

static inline void prepare_twice(void) {
    free(charged_twice("order"));
    theres[0] = there_is(0, 0);
    theres[1] = there_is(0, 1);
    row_of(&theres[0], 500);
    row_of(&theres[1], 500);
}

static inline void judge_twice(bool done) {
    int64_t back = returned(0);
    assert_true(back == 0 || back == 500);
    assert_true(!done || back == 500);
    assert_int_equal(count("SELECT captured_minor - refunded_minor FROM payment"), 500);
    assert_int_equal(count("SELECT COUNT(*) FROM operation WHERE kind = 4 AND state = 4"),
                     back == 500);
}

/* The same, of which a callback tells and no statement. */
static inline void prepare_told(void) {
    free(charged_twice("order"));
    tell_of_second();
    theres[0] = there_is(0, 0);
    row_of(&theres[0], 500);
    test_clock_advance(31 * US_PER_SECOND);
}

/* One charge, and a row of another that is not there. */
static inline void prepare_once(void) {
    free(world_paid(W, "order", 500));
    theres[0] = theres[1] = there_is(0, 0);
    snprintf(theres[1].charge, sizeof theres[1].charge, "ch_nobody");
    snprintf(theres[1].intent, sizeof theres[1].intent, "pi_nobody");
    row_of(&theres[0], 500);
    row_of(&theres[1], 500);
}

static inline void judge_once(bool done) {
    assert_false(done);
    assert_int_equal(returned(0), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM operation"), 0);
}

static inline void prepare_fee(void) {
    free(world_paid(W, "order", 500));
    (void)engine_exec(&W->engine, "UPDATE posting SET amount_minor = amount_minor - 1 WHERE kind = "
                                  "5");
    theres[0] = there_is(0, 0);
    row_of(&theres[0], 500)->fee_minor = count("SELECT amount_minor FROM posting WHERE kind = 5") +
                                         1;
}

static inline void judge_fee(bool done) {
    assert_int_equal(count("SELECT COUNT(*) FROM posting WHERE kind IN (52, 53)"), done);
    assert_int_equal(count("SELECT COUNT(*) FROM recon_break WHERE state = 5"), done);
}

/* Tried at one gateway, paid at another, and then the first took the money as well. */
static inline void prepare_two(void) {
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE_ELSEWHERE);
    free(world_paid(W, "order", 500));
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    theres[0] = there_is(0, 0);
    row_of(&theres[0], 500);
}

static inline void judge_two(bool done) {
    int64_t back = returned(0);
    assert_true(back == 0 || back == 500);
    assert_true(!done || back == 500);
    assert_int_equal(returned(1), 0);
    assert_int_equal(count("SELECT captured_minor - refunded_minor FROM payment"), 500);
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE state = 5"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM operation WHERE kind = 4 AND state = 4"),
                     back == 500);
}

/* The customer has paid; the callback came, could not be processed and was parked, and nobody asks
 * about it. */
static inline void prepare_parked(void) {
    fake_say(FAKE, 0, "charge", 1, FAKE_ACTION);
    json_decref(world_create(W, NULL, "order", 500));
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    assert_int_equal(world_callback(W, fake_event_count(FAKE) - 1), 200);
    (void)engine_exec(&W->engine, "UPDATE callback SET state = 5");
    (void)engine_exec(&W->engine, "DELETE FROM job");
    theres[0] = there_is(0, 0);
    row_of(&theres[0], 500);
}

static inline void judge_parked(bool done) {
    judge_paid(done);
}

/* 200 of 500 went back; its day is over, and its statement does not tell the refund. */
static inline void prepare_lost(void) {
    int64_t into = clock_wall_us() % DAY_US, weekday = (clock_wall_us() / DAY_US + 3) % 7;
    test_clock_advance(DAY_US - into + (weekday >= 4 ? 7 - weekday - 1 : 0) * DAY_US +
                       3 * 3600 * US_PER_SECOND);
    char *payment = world_paid(W, "order", 500);
    theres[0] = there_is(0, 0);
    row_of(&theres[0], 500);
    json_decref(world_refund(W, NULL, payment, 200));
    free(payment);
    assert_int_equal(count("SELECT state FROM operation"), 4);
    test_clock_advance(DAY_US - clock_wall_us() % DAY_US + US_PER_SECOND);
}

static inline void judge_lost(bool done) {
    (void)done;
    assert_int_equal(returned(0), 200);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 200);
    assert_int_equal(count("SELECT COUNT(*) FROM operation"), 1);
    assert_int_equal(world_events(W, "refund.failed"), 0);
}

/* The gateway says at first that it knows nothing of it. */
static inline void prepare_unknown(void) {
    prepare_lost();
    fake_say(FAKE, 0, "query_refund", 1, FAKE_NOT_FOUND);
}

/* And it has failed there since. */
static inline void prepare_failed(void) {
    prepare_lost();
    fake_refund_becomes(FAKE, 0, "order", "failed");
}

static inline void judge_failed(bool done) {
    int64_t failed = count("SELECT COUNT(*) FROM operation WHERE state = 5");
    assert_int_equal(returned(0), 0);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), failed ? 0 : 200);
    assert_true(!done || failed == 1);
    assert_int_equal(world_events(W, "refund.failed"), failed);
    assert_int_equal(count("SELECT COUNT(*) FROM operation"), 1);
}

static const struct flow flows[] = {
    {"paid there", prepare_paid, judge_paid, true, false, NULL},
    {"not paid there", prepare_unpaid, judge_unpaid, false, false, NULL},
    {"charged twice", prepare_twice, judge_twice, true, false, NULL},
    {"told by a callback", prepare_told, judge_twice, true, false, NULL},
    {"charged once", prepare_once, judge_once, false, false, NULL},
    {"another fee", prepare_fee, judge_fee, true, false, NULL},
    {"paid at two gateways", prepare_two, judge_two, true, false, NULL},
    {"callback parked", prepare_parked, judge_parked, true, true, NULL},
    {"refund lost", prepare_lost, judge_lost, true, false, "refund"},
    {"refund unknown there", prepare_unknown, judge_lost, true, false, "refund"},
    {"refund failed there", prepare_failed, judge_failed, true, false, "refund"},
};

/* ---- running one ---- */

static char trying[200];

static inline int tell(void **state) {
    (void)state;
    if (trying[0] != '\0') {
        print_message("while trying %s\n", trying);
    }
    trying[0] = '\0';
    down();
    return 0;
}

static inline void begin(const struct flow *flow) {
    payment_world_forget(W);
    up();
    flow->prepare();
    test_clock_advance(US_PER_SECOND);
    take_statement_of("stripe-a");
    ask_run("stripe-a");
}

/* The run and what follows from it, as far as it gets. */
static inline void run(void) {
    struct err ignored = {0};
    for (int i = 0; i < 8 && payments_tick(W->payments, &ignored) > 0; i++) {
        test_clock_advance(US_PER_MS);
    }
}

/* `may_refuse`: its gateway may have refused a return for a reason that will pass; no other one is
 * tried by a rule, since the first might yet be done. */
static inline void settle(const struct flow *flow, bool may_refuse) {
    struct err last = {0};
    for (int i = 0; i < 12; i++) {
        test_clock_advance(i < 4 ? 61 * US_PER_SECOND : 3700 * US_PER_SECOND);
        for (int j = 0; j < 20 && payments_tick(W->payments, &last) > 0; j++) {
            test_clock_advance(US_PER_MS);
        }
    }
    /* What was returned is a refund, which no statement of this test tells of: where a day ends
     * meanwhile it counts as lost, which is a break of its own. */
    bool refund = flow->rule != NULL;
    assert_int_equal(count("SELECT COUNT(*) FROM repair WHERE rule <> 'refund'"), refund ? 0 : 1);
    assert_int_equal(count("SELECT COUNT(*) FROM repair WHERE rule = 'refund'"),
                     count("SELECT COUNT(*) FROM repair r JOIN recon_break b ON b.id = r.break_id "
                           "WHERE r.rule = 'refund' AND b.class = 23"));
    assert_int_equal(count("SELECT COUNT(DISTINCT break_id) FROM repair"),
                     count("SELECT COUNT(*) FROM repair"));
    /* What only a callback told of is repaired as a case. */
    int64_t cases = count("SELECT COUNT(*) FROM repair WHERE break_id LIKE 'case!_%' ESCAPE '!'");
    assert_int_equal(cases, flow->prepare == prepare_told);
    assert_int_equal(count("SELECT COUNT(*) FROM repair WHERE state IN (1, 2, 3)"), 0);
    bool done = refund ? count("SELECT COUNT(*) FROM repair WHERE state = 4") == 1
                       : count("SELECT COUNT(*) FROM repair WHERE rule <> 'refund' AND state = "
                               "4") == 1;
    if (flow->must && !done && !may_refuse) {
        char *said = repair_said("said");
        fail_msg("it was not done: %s", said);
    }
    flow->judge(done);
    assert_counted();
    if (flow->prepare != prepare_fee) {
        world_verify(W);
    }
}

static inline void end(const struct flow *flow, bool may_refuse) {
    settle(flow, may_refuse);
    trying[0] = '\0';
    down();
}

/* ---- deaths ---- */

struct store_fault {
    atomic_int seen;
    int first;
    char failed[64];
    atomic_bool wrote; /* the transaction that is open */
};

/* What only reads leaves nothing to die between; nor does what throws away the old, of which there
 * is none here. */
static inline bool statement_writes(const char *sql) {
    static const char *const nothing[] = {
        "SELECT", "COMMIT", "UPDATE callback SET headers = '{}'", "DELETE FROM webhook_delivery",
        "DELETE FROM risk_velocity", "DELETE FROM card_try", "DELETE FROM card_standing",
    };
    for (size_t i = 0; i < COUNT_OF(nothing); i++) {
        if (strncmp(sql, nothing[i], strlen(nothing[i])) == 0) {
            return false;
        }
    }
    return true;
}

/* Before and after each commit of a transaction that wrote. */
static inline int fail_after(void *ctx, const char *sql) {
    struct store_fault *fault = ctx;
    bool before = strcmp(sql, "COMMIT") == 0, after = strcmp(sql, "COMMITTED") == 0;
    if (statement_writes(sql)) {
        atomic_store(&fault->wrote, true);
    }
    bool counts = (before || after) && atomic_load(&fault->wrote);
    int number = counts ? atomic_fetch_add(&fault->seen, 1) + 1 : atomic_load(&fault->seen);
    if (after) {
        atomic_store(&fault->wrote, false);
    }
    return fault->first > 0 && number >= fault->first;
}

#endif
