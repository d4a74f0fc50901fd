/* SPDX-License-Identifier: Apache-2.0
 * test_bad_input_money.c: what gateways and clocks say that cannot be right: more goes back than
 * was taken, and time that jumps in the middle of a charge. The books stay right (I4, I10), nobody
 * is charged twice, and a person is told. */
#include "billing_fixture.h"

static void hear(int from) {
    world_callbacks(W, from);
    (void)world_tick(W);
}

static int64_t open_cases(const char *kind) {
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM review_case WHERE kind = '%s' AND state = 1",
             kind);
    return count(sql);
}

/* ---- over the amount ---- */

static void a_chargeback_told_of_over_the_amount_takes_no_more_than_was_paid(void **state) {
    char *id = world_paid(W, "order", 500);
    int from = fake_event_count(FAKE);
    const char *dispute = fake_dispute_open(FAKE, 0, "order", 900, "needs_response");
    hear(from);
    assert_true(count("SELECT disputed_minor FROM payment") <= 500);
    assert_int_equal(open_cases("dispute_over"), 1);
    world_verify(W);
    /* Heard of again, and lost: still no more. */
    hear(from);
    assert_int_equal(world_callback(W, fake_dispute_becomes(FAKE, dispute, "lost")), 200);
    (void)world_tick(W);
    assert_true(count("SELECT disputed_minor FROM payment") <= 500);
    assert_refused(W, world_refund(W, "key", id, 501), ERR_AMOUNT);
    world_verify(W);
    free(id);
}

static void a_refund_told_of_over_the_amount_is_a_persons_to_look_at(void **state) {
    char *id = world_paid(W, "order", 500);
    json_decref(world_refund(W, "key", id, 400));
    int event = fake_refund_of_nobody(FAKE, 0, "order", 300);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(world_callback(W, event), 200);
        (void)world_tick(W);
        assert_int_equal(count("SELECT refunded_minor FROM payment"), 400);
        assert_int_equal(open_cases("orphan_refund"), 1);
        world_verify(W);
    }
    assert_refused(W, world_refund(W, "key-2", id, 101), ERR_AMOUNT);
    free(id);
}

/* ---- clocks ---- */

struct jump {
    int64_t us;
    int calls;
};

/* The wall's clock is set while the gateway charges, and set right when it has. */
static void jump(void *ctx, int account, const char *call, bool done) {
    struct jump *jump = ctx;
    (void)account;
    if (strcmp(call, "charge") == 0) {
        test_clock_wall_shift(done ? -jump->us : jump->us);
        jump->calls += done;
    }
}

static void a_clock_that_jumps_while_a_renewal_is_charged_charges_it_once(void **state) {
    static const int64_t jumps[] = {DAYS(40), -DAYS(40), HOURS(2), -HOURS(2), DAYS(400)};
    struct ids plan = make_plan(100, UNIT_MONTH, UNPAID_CANCEL);
    struct ids id = subscribe(plan.text);
    (void)world_tick(W);
    for (size_t i = 0; i < COUNT_OF(jumps); i++) {
        struct jump how = {jumps[i], 0};
        fake_hook(FAKE, jump, &how);
        pass(DAYS(31));
        fake_hook(FAKE, NULL, NULL);
        assert_true(how.calls <= 2);
        check_periods();
    }
    assert_state(id.text, "active");
    assert_int_equal(count("SELECT COUNT(*) FROM invoice WHERE state = 1"), 0);
    check_periods();
}

static void a_clock_that_stays_wrong_after_the_charge_charges_no_period_twice(void **state) {
    struct ids plan = make_plan(100, UNIT_MONTH, UNPAID_CANCEL);
    struct ids id = subscribe(plan.text);
    (void)world_tick(W);
    static const int64_t shifts[] = {DAYS(3), -DAYS(6), DAYS(3)};
    for (size_t i = 0; i < COUNT_OF(shifts); i++) {
        pass(DAYS(30));
        test_clock_wall_shift(shifts[i]);
        pass(DAYS(2));
        check_periods();
    }
    assert_state(id.text, "active");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chargeback_told_of_over_the_amount_takes_no_more_than_was_paid),
        cmocka_unit_test(a_refund_told_of_over_the_amount_is_a_persons_to_look_at),
        cmocka_unit_test(a_clock_that_jumps_while_a_renewal_is_charged_charges_it_once),
        cmocka_unit_test(a_clock_that_stays_wrong_after_the_charge_charges_no_period_twice),
    };
    payment_world_init();
    return payment_world_run("bad input about money", tests, COUNT_OF(tests));
}
