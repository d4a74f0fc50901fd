/* SPDX-License-Identifier: Apache-2.0
 * test_repair_reverse_faults.c: a repair is taken back by people while something goes wrong: every
 * store call fails in turn, the process dies at every commit (which is before and after every
 * gateway call as well), every gateway call fails in each way. Whoever asked sends his request
 * again under its key until he is answered. In the end it was taken back once, no rule has taken
 * the break on again, and the books hold; on both engines. */
#include <stdatomic.h>

#include "reverse_fixture.h"
#include "support/sample.h"

struct reversal {
    const char *name;
    void (*prepare)(void);
    const char *undone;  /* how many postings undo it: one */
    int64_t alone_minor; /* what one person decides */
    enum step step;      /* which request meets the fault */
};

static void prepare_completed(void) {
    free(completed());
    never_charged();
}

/* An attempt that was open, and a callback that was parked. */
static void prepare_replayed(void) {
    fake_say(FAKE, 0, "charge", 1, FAKE_ACTION);
    json_decref(world_create(W, NULL, "order", 500));
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    assert_int_equal(world_callback(W, fake_event_count(FAKE) - 1), 200);
    (void)engine_exec(&W->engine, "UPDATE callback SET state = 5");
    (void)engine_exec(&W->engine, "DELETE FROM job");
    struct there there = there_is(0, 0);
    row_of(&there, 500)->fee_minor = 10;
    reconcile();
    assert_repair("callback", REPAIR_IS_DONE);
    never_charged();
}

/* The gateway kept a cent more than it had told. */
static void prepare_written_off(void) {
    free(world_paid(W, "order", 500));
    (void)engine_exec(&W->engine, "UPDATE posting SET amount_minor = amount_minor - 1 WHERE kind = "
                                  "5");
    struct there there = there_is(0, 0);
    row_of(&there, 500)->fee_minor = count("SELECT amount_minor FROM posting WHERE kind = 5") + 1;
    reconcile();
    assert_repair("small", REPAIR_IS_DONE);
}

#define TAKEN_BACK "SELECT COUNT(*) FROM posting WHERE kind = 60"
#define WRITTEN_BACK "SELECT COUNT(*) FROM posting WHERE kind = 53"
static const struct reversal reversals[] = {
    {"completed", prepare_completed, TAKEN_BACK, ALONE_USUAL, REVERSE},
    {"completed, asked for", prepare_completed, TAKEN_BACK, 0, REVERSE},
    {"completed, approved", prepare_completed, TAKEN_BACK, 0, APPROVE},
    {"replayed", prepare_replayed, TAKEN_BACK, ALONE_USUAL, REVERSE},
    {"written off", prepare_written_off, WRITTEN_BACK, ALONE_USUAL, REVERSE},
    {"written off, approved", prepare_written_off, WRITTEN_BACK, 0, APPROVE},
};

/* ---- one of them ---- */

static char trying[200], repair_id[ID_TEXT_MAX];

static int tell(void **state) {
    (void)state;
    if (trying[0] != '\0') {
        print_message("while trying %s\n", trying);
    }
    trying[0] = '\0';
    alone_minor = ALONE_USUAL;
    down();
    return 0;
}

static void begin(const struct reversal *reversal) {
    int status;
    payment_world_forget(W);
    alone_minor = reversal->alone_minor;
    up();
    people();
    reversal->prepare();
    char *id = repair_said("id");
    snprintf(repair_id, sizeof repair_id, "%s", id);
    free(id);
    if (reversal->step == APPROVE) {
        must(decide(REVERSE, "user:usr_a", "key-1", &status));
        assert_int_equal(status, 202);
    }
}

/* The request that meets the fault, and the same one again. */
static int request(const struct reversal *reversal, int *ret_status) {
    return reversal->step == APPROVE
               ? decide_of(repair_id, APPROVE, "user:usr_b", "key-2", ret_status)
               : decide_of(repair_id, REVERSE, "user:usr_a", "key-1", ret_status);
}

static void again_until_it_is_answered(const struct reversal *reversal) {
    int status = 0, tries = 0;
    while (request(reversal, &status) < 0) {
        if (++tries > 20) {
            fail_msg("it is not answered: %s", err.detail);
        }
        test_clock_advance(61 * US_PER_SECOND);
    }
    bool asks = reversal->step == REVERSE && reversal->alone_minor == 0;
    assert_int_equal(status, asks ? 202 : 200);
    assert_int_equal(count(reversal->undone), !asks);
    assert_int_equal(count("SELECT COUNT(*) FROM approval WHERE kind = 4"),
                     reversal->alone_minor == 0);
    if (asks) {
        must(decide(APPROVE, "user:usr_b", "key-2", &status));
    }
}

/* Whether it happened or not so far, it happened whole. */
static void assert_whole(const struct reversal *reversal) {
    bool is = count("SELECT state FROM repair") == REPAIR_IS_REVERSED;
    assert_int_equal(count(reversal->undone), is);
    assert_int_equal(count("SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2)"), is);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry WHERE action IN ('repair.reverse', "
                           "'repair.reverse_approve') AND detail LIKE '%\"waits\":false%'"),
                     is);
    if (reversal->prepare != prepare_written_off) {
        assert_int_equal(world_events(W, "payment.taken_back"), is);
        assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE state = 5"), !is);
    }
}

static void end(const struct reversal *reversal) {
    assert_whole(reversal);
    again_until_it_is_answered(reversal);
    assert_int_equal(count("SELECT state FROM repair"), REPAIR_IS_REVERSED);
    assert_whole(reversal);
    ask_run("stripe-a");
    world_pass(W, 3600 * US_PER_SECOND);
    assert_whole(reversal);
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 1); /* no rule has taken it on again */
    assert_int_equal(count(LIVE_TICKETS), 1);
    assert_counted();
    if (reversal->prepare != prepare_written_off) { /* a fee was changed by hand */
        assert_int_equal(count(SALES), 0);
        assert_int_equal(count(RECEIVABLE), 0);
        world_verify(W);
    }
    trying[0] = '\0';
    down();
}

/* ---- the store ---- */

struct store_fault {
    atomic_int seen;
    int first;
    bool for_good; /* from a commit on nothing works */
};

static int fail_store(void *ctx, const char *sql) {
    struct store_fault *fault = ctx;
    bool counts = !fault->for_good || strcmp(sql, "COMMIT") == 0 || strcmp(sql, "COMMITTED") == 0;
    int number = counts ? atomic_fetch_add(&fault->seen, 1) + 1 : atomic_load(&fault->seen);
    return fault->first > 0 && (fault->for_good ? number >= fault->first : number == fault->first);
}

/* How many places there are where it may fail. */
static int fail_at(const struct reversal *reversal, int first, bool for_good) {
    struct store_fault fault = {.first = first, .for_good = for_good};
    int status;
    begin(reversal);
    snprintf(trying, sizeof trying, "\"%s\", %s %d", reversal->name,
             for_good ? "the end at commit" : "store call", first);
    store_fault_set(W->engine.store, fail_store, &fault);
    (void)request(reversal, &status);
    store_fault_set(W->engine.store, NULL, NULL);
    if (for_good) {
        payment_world_restart(W);
        up_again();
    }
    end(reversal);
    return atomic_load(&fault.seen);
}

static void whatever_store_call_fails_it_is_taken_back_once(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(reversals); i++) {
        int calls = fail_at(&reversals[i], 0, false);
        assert_true(calls > 15);
        for (int k = 1; k <= calls; k++) {
            bool all = W->engine.engine == STORE_SQLITE || k % 5 == 2;
            if (all && sampled(k + (int)i, 5)) {
                (void)fail_at(&reversals[i], k, false);
            }
        }
    }
}

static void wherever_the_process_dies_it_is_taken_back_once(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(reversals); i++) {
        int commits = fail_at(&reversals[i], 0, true);
        assert_true(commits >= 2);
        for (int k = 1; k <= commits; k++) {
            (void)fail_at(&reversals[i], k, true);
        }
    }
}

/* ---- the gateway ---- */

static int with_gateway_fault(const struct reversal *reversal, int number, enum fake_act act) {
    int status;
    begin(reversal);
    snprintf(trying, sizeof trying, "\"%s\", gateway call %d: %s", reversal->name, number,
             fake_act_name(act));
    fake_fault_at(FAKE, number, act);
    (void)request(reversal, &status);
    int calls = fake_calls_counted(FAKE);
    fake_fault_at(FAKE, 0, FAKE_DO);
    end(reversal);
    return calls;
}

static void whatever_the_gateway_call_does_it_is_taken_back_once(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(reversals); i++) {
        bool asks = reversals[i].prepare != prepare_written_off;
        int calls = with_gateway_fault(&reversals[i], 0, FAKE_DO);
        assert_int_equal(calls > 0, asks);
        for (int k = 1; k <= calls; k++) {
            for (int act = FAKE_REFUSE; act < FAKE_ACT_FAULTS; act++) {
                (void)with_gateway_fault(&reversals[i], k, (enum fake_act)act);
            }
            (void)with_gateway_fault(&reversals[i], k, FAKE_NOT_FOUND);
        }
    }
}

static void whatever_the_gateway_call_does_nothing_is_taken_back_unsaid(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(reversals); i++) {
        if (reversals[i].prepare == prepare_written_off) {
            continue; /* nobody is asked */
        }
        for (int act = FAKE_REFUSE; act <= FAKE_ACT_FAULTS; act++) {
            int status;
            begin(&reversals[i]);
            fake_payment_becomes(FAKE, 0, "order", "succeeded"); /* it is there after all */
            fake_say(FAKE, 0, "*", -1, act < FAKE_ACT_FAULTS ? (enum fake_act)act : FAKE_NOT_FOUND);
            snprintf(trying, sizeof trying, "\"%s\", charged, every call: %d", reversals[i].name,
                     act);
            assert_true(request(&reversals[i], &status) < 0);
            fake_say_nothing(FAKE);
            assert_int_equal(count("SELECT state FROM repair"), REPAIR_IS_DONE);
            assert_whole(&reversals[i]);
            assert_true(request(&reversals[i], &status) < 0); /* it says that the money is there */
            assert_whole(&reversals[i]);
            trying[0] = '\0';
            down();
        }
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(whatever_store_call_fails_it_is_taken_back_once, tell),
        cmocka_unit_test_teardown(wherever_the_process_dies_it_is_taken_back_once, tell),
        cmocka_unit_test_teardown(whatever_the_gateway_call_does_it_is_taken_back_once, tell),
        cmocka_unit_test_teardown(whatever_the_gateway_call_does_nothing_is_taken_back_unsaid,
                                  tell),
    };
    return payment_world_run("repair reverse faults", tests, COUNT_OF(tests));
}
