/* SPDX-License-Identifier: Apache-2.0
 * test_balances.c: the balances that statements tell, from one to the next and against our books:
 * proved, or told what breaks it; on both engines. */
#include "own_fixture.h"

/* Of the bank's last run: its one currency. */
static json_t *told(json_t *run) {
    json_t *balances = json_object_get(json_object_get(run, "figures"), "balances");
    assert_int_equal(json_array_size(balances), 1);
    return json_array_get(balances, 0);
}

static int64_t item(const json_t *balance, const char *name) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(balance, "items"), i, one) {
        if (strcmp(json_at(one, "item"), name) == 0) {
            return int_at(one, "amount");
        }
    }
    return 0;
}

/* And that the items are the difference, to the unit. */
static void assert_told(const char *item_name, int64_t minor, bool proved, const char *by) {
    run_asked("bank-eu");
    json_t *run = last_run("bank-eu"), *balance = told(run);
    int64_t sum = 0;
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(balance, "items"), i, one) {
        sum += int_at(one, "amount");
    }
    char *text = json_dumps(balance, 0);
    if (item(balance, item_name) != minor ||
        sum != int_at(balance, "closing") - int_at(balance, "ours") ||
        json_is_true(json_object_get(balance, "proved")) != proved) {
        fail_msg("%s", text);
    }
    const json_t *proof = json_object_get(json_object_get(run, "proof"), "balances_proved");
    assert_true(proved ? json_is_true(proof) : json_is_false(proof));
    assert_true(proved == (int_at(balance, "unexplained") == 0));
    assert_true(by == NULL ? json_is_null(json_object_get(balance, "broken_by"))
                           : strstr(json_at(balance, "broken_by"), by) != NULL);
    free(text);
    json_decref(run);
}

/* A line of a gift, which is booked to suspense. */
static char *given_day(int day, int64_t opening_minor, int64_t minor) {
    struct bank_file file;
    char id[20];
    snprintf(id, sizeof id, "BR%d", day);
    bank_begin(&file, day, opening_minor);
    if (minor != 0) {
        bank_row(&file, id, minor, "GIFT");
    }
    (void)bank_take(&file);
    return world_text(W, "SELECT id FROM statement ORDER BY id DESC LIMIT 1");
}

static void what_was_there_before_and_what_is_expected_explains_it(void **state) {
    (void)state;
    start_own();
    free(given_day(0, 100000, 700));
    assert_told("before_first_statement", 100000, true, NULL);
    free(given_day(1, 100700, 0)); /* a day on which nothing moved */
    free(given_day(2, 100700, 300));
    assert_told("before_first_statement", 100000, true, NULL);
    struct file file;
    file_begin(&file);
    file_row(&file, "po_000001", "payout", 2, -5000, 0, "");
    free(file_take(&file, ""));
    assert_told("expected", -5000, true, NULL); /* our books have it already */
    assert_told("before_first_statement", 100000, true, NULL);
    days_pass(9);
    assert_told("bank_missing", -5000, true, NULL); /* explained, and a break */
    assert_int_equal(breaks_of("bank_missing"), 1);
}

static void a_statement_that_does_not_go_on_where_the_last_one_ended_breaks_it(void **state) {
    (void)state;
    start_own();
    free(given_day(0, 1000, 700));
    char *late = given_day(2, 2000, 100);
    char text[80];
    snprintf(text, sizeof text, "statement %s begins with 20.00 USD", late);
    assert_told("gap_between_statements", 300, false, text);
    free(given_day(1, 1700, 300)); /* the one that was missing */
    assert_told("gap_between_statements", 0, true, NULL);
    free(late);
}

static void a_withdrawn_statement_is_no_part_of_it(void **state) {
    (void)state;
    start_own();
    free(given_day(0, 1000, 0));
    char *wrong = given_day(1, 5000, 0);
    assert_told("gap_between_statements", 4000, false, wrong);
    withdraw(wrong);
    assert_told("gap_between_statements", 0, true, NULL);
    free(wrong);
}

/* What no run would look at again: two sides that were the same and are not any more. */
static void what_is_no_longer_as_it_was_put_together_is_told_with_its_row(void **state) {
    (void)state;
    start_own();
    free(given_day(0, 0, 700));
    assert_told("matched", 0, true, NULL);
    (void)engine_exec(&W->engine, "UPDATE posting SET amount_minor = 690 WHERE kind = 10");
    assert_told("matched", 10, false, "pst_suspense_");
    (void)engine_exec(&W->engine, "UPDATE posting SET amount_minor = 700 WHERE kind = 10");
    assert_told("matched", 0, true, NULL);
}

static void a_posting_that_is_no_movement_breaks_it(void **state) {
    (void)state;
    start_own();
    free(given_day(0, 0, 700));
    (void)engine_exec(&W->engine,
                      "INSERT INTO posting (id, journal_id, kind, payment_id, debit_account, "
                      "credit_account, amount_minor, currency, at_us) VALUES ('pst_x', 'x', 22, "
                      "'', 'gateway:bank-eu:deposits', 'gateway:bank-eu:receivable', 5, 'USD', 1)");
    assert_told("steps_in_our_books", 5, false, "no movement");
}

static void rows_that_are_not_what_the_balances_differ_by_break_it(void **state) {
    (void)state;
    start_own();
    char *id = given_day(0, 0, 700);
    (void)engine_exec(&W->engine, "UPDATE statement_balance SET closing_minor = 750");
    assert_told("rows_of_a_statement", 50, false, id);
    free(id);
}

/* Two that cancel each other out prove nothing. */
static void what_cancels_out_is_not_proved(void **state) {
    (void)state;
    start_own();
    free(given_day(0, 0, 700));
    (void)engine_exec(&W->engine, "UPDATE posting SET amount_minor = 690 WHERE kind = 10");
    (void)engine_exec(&W->engine,
                      "INSERT INTO posting (id, journal_id, kind, payment_id, debit_account, "
                      "credit_account, amount_minor, currency, at_us) VALUES ('pst_x', 'x', 21, "
                      "'', 'gateway:bank-eu:receivable', 'gateway:bank-eu:deposits', 10, 'USD', "
                      "1)");
    run_asked("bank-eu");
    json_t *run = last_run("bank-eu");
    assert_int_equal(int_at(told(run), "unexplained"), 0);
    assert_true(json_is_false(json_object_get(told(run), "proved")));
    json_decref(run);
}

static void every_item_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int i = 1; i < (int)RUN_ITEM_COUNT; i++) {
        for (int k = 1; k < i; k++) {
            assert_true(strcmp(run_item_name(i), "?") == 0 ||
                        strcmp(run_item_name(i), run_item_name(k)) != 0);
        }
    }
    assert_false(run_item_explains(CLASS_MATCHED));
    assert_false(run_item_explains(CLASS_GATEWAYS_OWN));
    assert_false(run_item_explains(CLASS_NOTHING_MOVED));
    assert_true(run_item_explains(CLASS_MISSING_THERE));
    assert_string_equal(run_item_name((int)RUN_ITEM_COUNT), "?");
    assert_false(run_item_explains((int)RUN_ITEM_COUNT));
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        OWN_TEST(what_was_there_before_and_what_is_expected_explains_it),
        OWN_TEST(a_statement_that_does_not_go_on_where_the_last_one_ended_breaks_it),
        OWN_TEST(a_withdrawn_statement_is_no_part_of_it),
        OWN_TEST(what_is_no_longer_as_it_was_put_together_is_told_with_its_row),
        OWN_TEST(a_posting_that_is_no_movement_breaks_it),
        OWN_TEST(rows_that_are_not_what_the_balances_differ_by_break_it),
        OWN_TEST(what_cancels_out_is_not_proved),
        OWN_TEST(every_item_has_a_name_of_its_own),
    };
    return payment_world_run("balances of statements", tests, COUNT_OF(tests));
}
