/* SPDX-License-Identifier: Apache-2.0
 * test_recon_unknown.c: charges of which nobody has said what became of them, against statements of
 * their day that do not tell them either; on both engines. */
#include "repair_fixture.h"

/* Sent, and neither that it came nor what became of it is known. */
static void lost(void) {
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    json_decref(world_create(W, NULL, "lost", 700));
    assert_int_equal(count("SELECT COUNT(*) FROM attempt WHERE state = 4"), 1);
}

/* The morning of a Monday: days that are not worked on end later. */
static void monday(void) {
    int64_t day = clock_wall_us() / DAY_US, weekday = (day + 3) % 7;
    test_clock_advance((day + 7 - weekday) * DAY_US + 9 * 3600 * US_PER_SECOND - clock_wall_us());
}

/* The statement of the day of `at_us`, and of nothing after it, with the rows that were given. */
static void state_day(int64_t at_us) {
    given.from_us = at_us - at_us % DAY_US;
    given.until_us = given.from_us + DAY_US;
    take_statement_of("stripe-a");
}

static void reconcile_now(void) {
    test_clock_advance(US_PER_SECOND);
    ask_run("stripe-a");
    work();
}

static void next_day(void) {
    test_clock_advance(DAY_US - clock_wall_us() % DAY_US + 3600 * US_PER_SECOND);
}

/* A charge that all goes well with stands on its statement. */
static void another_paid(void) {
    static struct there there;
    free(world_paid(W, "other", 500));
    there = there_is(0, 0);
    row_of(&there, 500);
}

#define BREAKS_34 "SELECT COUNT(*) FROM recon_break WHERE class = 34 AND state "
static_assert(CLASS_OPEN_HERE == 34, "the number in the texts");

static char *last_figures(void) {
    return world_text(W, "SELECT figures FROM reconciliation WHERE state = 2 ORDER BY id DESC "
                         "LIMIT 1");
}

/* Every row of both sides is in one bucket; only what moved is in the books. */
static void assert_figures(int64_t unknown_rows) {
    char *text = last_figures();
    json_t *figures = json_loads(text, 0, NULL), *bucket;
    size_t i;
    int64_t ours = 0, theirs = 0, unknown = 0;
    json_array_foreach(json_object_get(figures, "buckets"), i, bucket) {
        int64_t rows = json_integer_value(json_object_get(bucket, "our_rows"));
        ours += rows;
        theirs += json_integer_value(json_object_get(bucket, "their_rows"));
        if (strcmp(json_at(bucket, "class"), "open_here_not_there") == 0) {
            unknown += rows;
            assert_int_equal(json_integer_value(json_object_get(bucket, "our_amount")), 700);
        }
    }
    assert_int_equal(unknown, unknown_rows);
    assert_int_equal(ours, json_integer_value(json_object_get(figures, "our_rows")));
    assert_int_equal(theirs, json_integer_value(json_object_get(figures, "their_rows")));
    assert_true(json_is_true(json_object_get(figures, "ties_out")));
    json_decref(figures);
    free(text);
    assert_int_equal(count("SELECT closing_minor FROM reconciliation_book ORDER BY run_id DESC "
                           "LIMIT 1"),
                     count("SELECT SUM(CASE WHEN debit_account = 'gateway:stripe-a:receivable' "
                           "THEN amount_minor WHEN credit_account = 'gateway:stripe-a:receivable' "
                           "THEN -amount_minor ELSE 0 END) FROM posting"));
}

static void what_its_day_does_not_tell_is_a_break_until_the_attempt_ends(void **state) {
    (void)state;
    up();
    monday();
    another_paid();
    lost();
    int64_t day_us = clock_wall_us();
    next_day();
    reconcile_now();
    assert_int_equal(count(BREAKS_34 "> 0"), 0); /* no statement of its day is there */
    state_day(day_us);
    reconcile_now();
    assert_int_equal(count(BREAKS_34 "= 1"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM recon_break WHERE class = 34"), 1);
    assert_int_equal(count("SELECT risk FROM recon_break WHERE class = 34"), RISK_LOW);
    assert_int_equal(count("SELECT COUNT(*) FROM recon_break b JOIN attempt a ON a.id = "
                           "b.movement_id AND a.payment_id = b.payment_id WHERE a.state = 4"),
                     1);
    assert_int_equal(count("SELECT our_minor FROM recon_break WHERE class = 34"), 700);
    assert_int_equal(count("SELECT COUNT(*) FROM ticket WHERE kind = 'break' AND suggestion LIKE "
                           "'%payment check%'"),
                     1);
    assert_figures(1);
    reconcile_now();
    assert_int_equal(count("SELECT COUNT(*) FROM recon_break WHERE class = 34"), 1);
    assert_int_equal(count(BREAKS_34 "= 1"), 1);
    fake_say_nothing(FAKE);
    world_pass(W, DAY_US);
    assert_int_equal(count("SELECT COUNT(*) FROM attempt WHERE state = 8"), 1);
    reconcile_now();
    assert_int_equal(count(BREAKS_34 "= 3"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM recon_break WHERE resolution LIKE "
                           "'att%is not_charged now'"),
                     1);
    assert_int_equal(count(LIVE_TICKETS), 0);
    assert_figures(0);
    world_verify(W);
    down();
}

/* It grows graver with its age, as every break does. */
static void its_risk_grows_with_its_age(void **state) {
    (void)state;
    up();
    monday();
    another_paid();
    lost();
    int64_t day_us = clock_wall_us();
    next_day();
    state_day(day_us);
    reconcile_now();
    assert_int_equal(count("SELECT risk FROM recon_break WHERE class = 34"), RISK_LOW);
    test_clock_advance(7 * DAY_US);
    reconcile_now();
    assert_int_equal(count("SELECT risk FROM recon_break WHERE class = 34"), RISK_MEDIUM);
    down();
}

static void a_later_statement_that_names_it_makes_it_paid_there(void **state) {
    (void)state;
    up();
    monday();
    another_paid();
    lost();
    int64_t day_us = clock_wall_us();
    next_day();
    state_day(day_us);
    reconcile_now();
    assert_int_equal(count(BREAKS_34 "= 1"), 1);
    char *attempt = world_text(W, "SELECT id FROM attempt WHERE state = 4");
    struct statement_row *row = given_add(&given);
    row->currency = currency_stored("USD");
    row->gross_minor = 700;
    row->at_us = clock_wall_us();
    row->native_kind = "charge";
    row->gateway_id = "ch_late";
    row->reference = attempt;
    state_day(clock_wall_us());
    reconcile_now();
    assert_int_equal(count(BREAKS_34 "= 3"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM recon_break WHERE class = 12 AND state = 1"), 1);
    assert_figures(0);
    free(attempt);
    down();
}

/* A stranger's row of the very amount and time is nobody's but the stranger's. */
static void a_row_of_the_same_amount_is_not_taken_for_it(void **state) {
    (void)state;
    up();
    monday();
    another_paid();
    lost();
    int64_t day_us = clock_wall_us();
    struct statement_row *row = given_add(&given);
    row->currency = currency_stored("USD");
    row->gross_minor = 700;
    row->at_us = day_us;
    row->native_kind = "charge";
    row->gateway_id = "ch_stranger";
    next_day();
    state_day(day_us);
    reconcile_now();
    assert_int_equal(count(BREAKS_34 "= 1"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM recon_break WHERE class = 11 AND state = 1"), 1);
    assert_figures(1);
    down();
}

static void where_its_day_is_not_told_or_not_over_it_is_none(void **state) {
    (void)state;
    up();
    monday();
    another_paid();
    lost();
    int64_t day_us = clock_wall_us();
    state_day(day_us);
    reconcile_now();
    assert_int_equal(count(BREAKS_34 "> 0"), 0); /* it may be told until the day's end */
    next_day();
    test_clock_advance(DAY_US);
    (void)engine_exec(&W->engine, "UPDATE statement SET tells = 2"); /* its refunds alone */
    reconcile_now();
    assert_int_equal(count(BREAKS_34 "> 0"), 0);
    (void)engine_exec(&W->engine, "UPDATE statement SET tells = 31, from_us = 0");
    reconcile_now();
    assert_int_equal(count(BREAKS_34 "> 0"), 0); /* of no time */
    (void)engine_exec(&W->engine, "UPDATE statement SET from_us = 1, taken_us = 2");
    reconcile_now();
    assert_int_equal(count(BREAKS_34 "> 0"), 0); /* taken in before */
    (void)engine_exec(&W->engine, "UPDATE statement SET taken_us = until_us");
    reconcile_now();
    assert_int_equal(count(BREAKS_34 "= 1"), 1);
    (void)engine_exec(&W->engine, "UPDATE attempt SET state = 2 WHERE state = 4");
    reconcile_now();
    assert_int_equal(count(BREAKS_34 "= 3"), 1); /* the gateway works on it */
    down();
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_its_day_does_not_tell_is_a_break_until_the_attempt_ends),
        cmocka_unit_test(its_risk_grows_with_its_age),
        cmocka_unit_test(a_later_statement_that_names_it_makes_it_paid_there),
        cmocka_unit_test(a_row_of_the_same_amount_is_not_taken_for_it),
        cmocka_unit_test(where_its_day_is_not_told_or_not_over_it_is_none),
    };
    return payment_world_run("unknown charges", tests, COUNT_OF(tests));
}
