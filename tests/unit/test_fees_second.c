/* SPDX-License-Identifier: Apache-2.0
 * test_fees_second.c: the fee of a second charge, which lies in suspense, whichever comes first:
 * its row, or what is put in suspense; on both engines. */
#include "fees_fixture.h"
#include "payment/internal.h"

#define SECOND "ch_second"
#define SUSPENSE "gateway:stripe-a:suspense"

/* What a callback of it does. */
static int second_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    const struct names *names = ctx;
    const struct case_note note = {
        .kind = "duplicate_charge",
        .subject = "pi_second",
        .payment_id = names->payment_id,
        .attempt_id = names->attempt_id,
        .gateway = "stripe-a",
        .detail = "once more",
        .amount_minor = 1000,
        .currency = currency_stored("USD"),
        .gateway_id = "pi_second",
        .charge_id = SECOND,
        .posted = POST_SUSPENSE,
    };
    return case_open(tx, &note, tx_err);
}

static void second_comes(struct names *names) {
    if (store_write(W->engine.store, second_tx, names, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

/* A statement of both, with fees of 6 and 7; the second is one too many as yet. */
static void both_are_told(struct names *names) {
    new_statement();
    told(names, 1000, 6);
    given.rows[0].reference = names->attempt_id;
    told(names, 1000, 7);
    given.rows[1].gateway_id = SECOND;
    given.rows[1].reference = names->attempt_id;
    take("");
    run();
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    assert_int_equal(rows_in(CLASS_DOUBLE_CHARGE, THEIRS), 1);
    assert_int_equal(live_breaks(), 1);
    assert_int_equal(balance(FEES), 6);
}

static void assert_both_settled(void) {
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1); /* the first one is as it was */
    assert_int_equal(rows_in(CLASS_MATCHED, THEIRS), 1);
    assert_int_equal(figures.rows[OURS] + figures.rows[THEIRS], 2);
    assert_int_equal(figures.breaks_healed, 1);
    assert_int_equal(live_breaks(), 0);
    assert_books(2000 - 13, 13, 0);
    assert_int_equal(balance(SUSPENSE), -1000);
    run();
    assert_int_equal(figures.rows[OURS] + figures.rows[THEIRS], 0);
    assert_int_equal(figures.breaks_healed + figures.breaks_opened, 0);
    assert_int_equal(posted(), 2);
    assert_books(2000 - 13, 13, 0);
}

static void a_second_charge_that_is_told_before_its_callback_has_its_fee(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    char *payment = paid("order", 1000, &names);
    both_are_told(&names);
    run();
    assert_int_equal(figures.rows[OURS] + figures.rows[THEIRS], 0);
    second_comes(&names);
    run();
    assert_both_settled();
    free(payment);
}

/* Our clock was ahead when the callback came: the runs of that day do not look at it yet. */
static void a_second_charge_of_a_time_to_come_has_its_fee_when_that_has_come(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    char *payment = paid("order", 1000, &names);
    second_comes(&names);
    (void)engine_exec(&W->engine, "UPDATE posting SET at_us = at_us + 86400000000 WHERE kind = 10");
    both_are_told(&names);
    test_clock_advance(DAY_US);
    run();
    assert_both_settled();
    free(payment);
}

/* As it was left before runs looked for it: waited for in vain, whenever it was posted. */
static void a_second_charge_that_was_missed_has_its_fee_from_the_next_run(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    char *payment = paid("order", 1000, &names);
    both_are_told(&names);
    (void)engine_exec(&W->engine, "UPDATE statement_row SET gateway_id = 'hidden' WHERE "
                                  "gateway_id = '" SECOND "'");
    second_comes(&names);
    for (int day = 0; day < 30; day++) {
        test_clock_advance(DAY_US);
        run();
    }
    assert_int_equal(live_breaks(), 2);
    (void)engine_exec(&W->engine, "UPDATE statement_row SET gateway_id = '" SECOND "' WHERE "
                                  "gateway_id = 'hidden'");
    run();
    assert_int_equal(figures.breaks_healed, 2);
    assert_int_equal(live_breaks(), 0);
    assert_books(2000 - 13, 13, 0);
    free(payment);
}

/* It asks for the row itself when it has ended. */
static void while_a_repair_is_at_it_its_break_stays(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    char *payment = paid("order", 1000, &names);
    both_are_told(&names);
    (void)engine_exec(
        &W->engine,
        "INSERT INTO repair (id, break_id, gateway, rule, action, state, payment_id, attempt_id, "
        "operation_id, second_id, second_charge_id, case_id, currency, amount_minor, day, said, "
        "tries, planned_us, updated_us, ended_us, reversed_by, reason) SELECT 'rep_1', id, "
        "'stripe-a', 'r', 2, 3, '', '', '', '', '', '', 'USD', 1000, 1, '', 0, 0, 0, 0, '', '' "
        "FROM recon_break");
    second_comes(&names);
    run();
    assert_int_equal(live_breaks(), 1);
    assert_int_equal(figures.breaks_healed, 0);
    (void)engine_exec(&W->engine, "UPDATE repair SET state = 6"); /* failed */
    run();
    assert_int_equal(figures.breaks_healed, 1);
    assert_books(2000 - 13, 13, 0);
    free(payment);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_charge_that_is_told_before_its_callback_has_its_fee),
        cmocka_unit_test(a_second_charge_of_a_time_to_come_has_its_fee_when_that_has_come),
        cmocka_unit_test(a_second_charge_that_was_missed_has_its_fee_from_the_next_run),
        cmocka_unit_test(while_a_repair_is_at_it_its_break_stays),
    };
    return payment_world_run("fees of second charges", tests, COUNT_OF(tests));
}
