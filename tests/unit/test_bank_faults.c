/* SPDX-License-Identifier: Apache-2.0
 * test_bank_faults.c: every store call of what bank rows do is made to fail in turn, and the
 * process dies at every commit.
 *
 * A flow is prepared in peace, run with one fault, and repeated by whoever began it until there is
 * an answer; then time passes and whatever runs by itself runs. In the end each row is booked once,
 * what the account received is what the bank says, and no invariant is broken. */
#include <stdatomic.h>

#include "bank_fixture.h"
#include "support/sample.h"

static char payment[40], reference[40]; /* of the payment that was placed before */
static char row[40];                    /* of money that nothing explains */

/* ---- rows ---- */

static bool take_row(const char *key, const char *bank_id, bool credit, int64_t amount_minor,
                     const char *text, const char *reverses) {
    struct bank_entry one = entry(bank_id, amount_minor, text);
    one.credit = credit;
    one.reverses = reverses;
    struct caller caller = world_caller(key, bank_id);
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = bank_rows_take(W->payments, &caller, "s.csv", &one, 1, &answer, &W->err);
    answer_release(&answer);
    return r >= 0;
}

static void runs_by_itself(void) {
    struct err err = {0};
    if (payments_tick(W->payments, &err) < 0) {
        err_clear(&err); /* a fault that was asked for */
    }
}

static void place_one(void) {
    struct order order = place("order", 10000, "USD");
    snprintf(payment, sizeof payment, "%s", order.id);
    snprintf(reference, sizeof reference, "%s", order.reference);
}

static void in_peace(const char *bank_id, bool credit, int64_t amount_minor, const char *text) {
    assert_true(take_row(NULL, bank_id, credit, amount_minor, text, ""));
    (void)world_tick(W);
}

/* ---- flows: what is prepared, what is repeated until it is done, what must come of it ---- */

static void place_and_pay_a_part(void) {
    place_one();
    in_peace("b0", true, 4000, reference);
}

static void place_and_lose_one(void) {
    place_one();
    in_peace("b1", true, 10700, "who am I");
    char *id = world_text(W, "SELECT id FROM bank_row WHERE bank_id = 'b1'");
    snprintf(row, sizeof row, "%s", id);
    free(id);
}

static void place_and_cancel(void) {
    place_one();
    json_decref(world_cancel(W, NULL, payment));
}

static void place_pay_and_ask_back(void) {
    place_one();
    in_peace("b0", true, 10000, reference);
    json_decref(world_refund(W, NULL, payment, 3000));
    char operation[40];
    only_payout(reference, operation);
}

static bool comes_whole(void) {
    return take_row("key", "b1", true, 10000, reference, "");
}

static bool comes_the_rest_and_more(void) {
    return take_row("key", "b1", true, 6700, reference, "");
}

static bool is_taken_back(void) {
    return take_row("key", "b1", false, 4000, "", "b0");
}

static bool is_paid_out(void) {
    return take_row("key", "b1", false, 3000, reference, "");
}

static bool is_matched_by_hand(void) {
    struct caller caller = world_caller("key", "match");
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = bank_row_match(W->payments, &caller, row, payment, "he called", &answer, &W->err);
    answer_release(&answer);
    return r >= 0;
}

static bool expires(void) {
    runs_by_itself();
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = payment_get(W->payments, payment, &answer, &W->err);
    bool over = r >= 0 && strstr(answer.json, "\"state\":\"canceled\"") != NULL;
    answer_release(&answer);
    return over;
}

static void place_a_part_and_wait(void) {
    place_and_pay_a_part();
    test_clock_advance(11 * DAY_US);
}

static const struct flow {
    const char *name;
    void (*prepare)(void);
    bool (*run)(void);
    int64_t state, receivable, sales, suspense, refunds, captured;
} flows[] = {
    {"a whole transfer", place_one, comes_whole, 5, 10000, 10000, 0, 0, 10000},
    {"the rest and more", place_and_pay_a_part, comes_the_rest_and_more, 5, 10700, 10000, 700, 0,
     10000},
    {"a part taken back", place_and_pay_a_part, is_taken_back, 3, 0, 0, 0, 0, 0},
    {"matched by hand", place_and_lose_one, is_matched_by_hand, 5, 10700, 10000, 700, 0, 10000},
    {"late", place_and_cancel, comes_whole, 7, 10000, 0, 10000, 0, 0},
    {"a payout", place_pay_and_ask_back, is_paid_out, 5, 7000, 10000, 0, 3000, 10000},
    {"an expiry", place_a_part_and_wait, expires, 7, 4000, 0, 4000, 0, 0},
};

static char trying[160];

static int tell(void **state) {
    (void)state;
    if (trying[0] != '\0') {
        fprintf(stderr, "[ TRYING   ] %s\n", trying);
    }
    return 0;
}

static void begin(const struct flow *flow) {
    payment_world_forget(W);
    open_banks();
    flow->prepare();
}

static void end(const struct flow *flow) {
    store_fault_set(W->engine.store, NULL, NULL);
    bool done = false;
    for (int i = 0; i < 10 && !done; i++) {
        done = flow->run();
        test_clock_advance(50 * US_PER_SECOND);
        runs_by_itself();
    }
    if (!done) {
        fail_msg("%s: never done: %s", trying, W->err.detail);
    }
    for (int i = 0; i < 4; i++) {
        test_clock_advance(50 * US_PER_SECOND);
        (void)world_tick(W);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM bank_row WHERE state = 1"), 0);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), flow->state);
    assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), flow->captured);
    assert_int_equal(balance("gateway:bank-eu:receivable"), flow->receivable);
    assert_int_equal(balance("gateway:bank-eu:deposits"), 0);
    assert_int_equal(-balance("merchant:sales"), flow->sales);
    assert_int_equal(-balance("gateway:bank-eu:suspense"), flow->suspense);
    assert_int_equal(balance("merchant:refunds"), flow->refunds);
    world_verify(W);
    trying[0] = '\0';
}

/* ---- faults ---- */

enum { EVERY_CALL = 7, EVERY_COMMIT = 3 }; /* of them, where a sample is enough */

struct fault {
    atomic_int calls; /* statements and commits so far */
    int number;       /* the one that fails */
    bool commits;     /* only "COMMITTED" counts: the work is durable, and nobody is told */
};

static int fail_nth(void *ctx, const char *sql) {
    struct fault *fault = ctx;
    if (fault->commits && strcmp(sql, "COMMITTED") != 0) {
        return 0;
    }
    return atomic_fetch_add(&fault->calls, 1) + 1 == fault->number;
}

/* Returns how many calls there were. */
static int run_with(const struct flow *flow, int number, bool commits, bool restart) {
    snprintf(trying, sizeof trying, "%s, %s %d%s", flow->name, commits ? "commit" : "store call",
             number, restart ? ", and the process dies" : "");
    begin(flow);
    struct fault fault = {.number = number, .commits = commits};
    store_fault_set(W->engine.store, fail_nth, &fault);
    (void)flow->run();
    runs_by_itself();
    int calls = atomic_load(&fault.calls);
    if (restart) {
        store_fault_set(W->engine.store, NULL, NULL);
        payment_world_restart(W);
    }
    end(flow);
    return calls;
}

static void each_store_call_fails_once(void **state) {
    for (size_t f = 0; f < COUNT_OF(flows); f++) {
        int calls = run_with(&flows[f], 0, false, false);
        assert_true(calls > 5);
        for (int number = 1; number <= calls; number++) {
            if (sampled(number + (int)f, EVERY_CALL)) {
                (void)run_with(&flows[f], number, false, false);
            }
        }
    }
    (void)state;
}

static void nobody_is_told_of_a_commit(void **state) {
    for (size_t f = 0; f < COUNT_OF(flows); f++) {
        int commits = run_with(&flows[f], 0, true, false);
        for (int number = 1; number <= commits; number++) {
            if (sampled(number + (int)f, EVERY_COMMIT)) {
                (void)run_with(&flows[f], number, true, false);
            }
        }
    }
    (void)state;
}

static void the_process_dies_at_each_commit(void **state) {
    for (size_t f = 0; f < COUNT_OF(flows); f++) {
        int commits = run_with(&flows[f], 0, true, true);
        for (int number = 1; number <= commits; number++) {
            if (sampled(number + (int)f, EVERY_COMMIT)) {
                (void)run_with(&flows[f], number, true, true);
            }
        }
    }
    (void)state;
}

/* Two of three parts come, the order is closed, the third comes: whatever the order of the jobs. */
static void parts_and_the_end_in_every_order(void **state) {
    static const int orders[][4] = {
        {0, 1, 2, 3}, {0, 1, 3, 2}, {0, 3, 1, 2}, {3, 0, 1, 2}, {1, 3, 2, 0}, {2, 1, 0, 3},
    };
    static const char *const names[] = {"p0", "p1", "p2"};
    static const int64_t parts[] = {5000, 3000, 2000};
    for (size_t o = 0; o < COUNT_OF(orders); o++) {
        payment_world_forget(W);
        open_banks();
        place_one();
        snprintf(trying, sizeof trying, "order %zu", o);
        int64_t before_end = 0;
        bool ended = false;
        for (int i = 0; i < 4; i++) {
            int what = orders[o][i];
            if (what == 3) {
                json_decref(world_cancel(W, NULL, payment));
                ended = true;
            } else {
                in_peace(names[what], true, parts[what], reference);
                before_end += ended ? 0 : parts[what];
            }
        }
        bool paid = before_end == 10000;
        assert_int_equal(world_int(W, "SELECT state FROM payment"), paid ? 5 : 7);
        assert_int_equal(balance("gateway:bank-eu:receivable"), 10000);
        assert_int_equal(-balance("gateway:bank-eu:suspense"), paid ? 0 : 10000);
        world_verify(W);
        trying[0] = '\0';
    }
    (void)state;
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_store_call_fails_once, tell),
        cmocka_unit_test_teardown(nobody_is_told_of_a_commit, tell),
        cmocka_unit_test_teardown(the_process_dies_at_each_commit, tell),
        cmocka_unit_test_teardown(parts_and_the_end_in_every_order, tell),
    };
    return payment_world_run("bank_faults", tests, COUNT_OF(tests));
}
