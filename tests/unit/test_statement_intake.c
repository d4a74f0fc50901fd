/* SPDX-License-Identifier: Apache-2.0
 * test_statement_intake.c: a statement is taken in whole or not at all, once, and never silently
 * over another one, on both engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "support/both_engines.h"
#include "support/given_rows.h"

static struct test_store engine;
static struct given_rows *given;
static struct statement_taken *taken;
static struct err err;

static int begin(void **state) {
    (void)state;
    test_store_exec(engine.store, "DELETE FROM statement");
    test_store_exec(engine.store, "DELETE FROM statement_row");
    given = calloc(1, sizeof *given);
    taken = calloc(1, sizeof *taken);
    assert_non_null(given);
    assert_non_null(taken);
    snprintf(given->account, sizeof given->account, "acct_1");
    return 0;
}

static int end(void **state) {
    (void)state;
    store_fault_set(engine.store, NULL, NULL);
    free(given);
    free(taken);
    return 0;
}

static void rows(int count) {
    for (int i = 0; i < count; i++) {
        struct statement_row *row = given_add(given);
        row->gross_minor = 100 + i;
        row->gateway_id = "ch_1";
        row->at_us = 1000 + i;
    }
}

static int take(const char *supersedes, const char *reason) {
    struct statement_request request = given_request(given, "stripe-eu");
    request.supersedes = supersedes;
    request.reason = reason;
    return statement_take(engine.store, &request, taken, &err);
}

static int64_t count(const char *sql) {
    return engine_int(&engine, sql);
}
#define ROWS "SELECT COUNT(*) FROM statement_row"
#define TAKEN "SELECT COUNT(*) FROM statement WHERE state = 2"

static void all_rows_are_there_with_what_they_tell(void **state) {
    (void)state;
    rows(STATEMENT_ROWS_A_WRITE * 2 + 17);
    given->rows[0].fee_minor = 3;
    given->rows[0].net_minor = 97;
    given->rows[0].description = "card 4242 4242 4242 4242 of somebody";
    assert_int_equal(take("", ""), 0);
    assert_false(taken->known);
    assert_int_equal(count(ROWS), STATEMENT_ROWS_A_WRITE * 2 + 17);
    assert_int_equal(count(TAKEN), 1);
    assert_int_equal(count("SELECT SUM(gross_minor) FROM statement_row"),
                     417 * 100 + 417 * 416 / 2);
    assert_int_equal(count("SELECT COUNT(*) FROM statement_row WHERE fee_minor = 3 AND net_minor = "
                           "97 AND number = 1"),
                     1);
    assert_int_equal(count("SELECT COUNT(*) FROM statement_row WHERE fee_minor IS NULL"), 416);
    /* I9: a card number is never written down. */
    char *text = engine_text(&engine, "SELECT description FROM statement_row WHERE number = 1");
    assert_string_equal(text, "card **** **** **** 4242 of somebody");
    free(text);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry WHERE action = 'statement.take'") > 0,
                     1);
}

static void the_same_file_twice_changes_nothing(void **state) {
    (void)state;
    rows(5);
    assert_int_equal(take("", ""), 0);
    struct statement_id first = taken->id;
    int64_t entries = count("SELECT COUNT(*) FROM audit_entry");
    assert_int_equal(take("", ""), 0);
    assert_true(taken->known);
    assert_string_equal(taken->id.text, first.text);
    assert_int_equal(count(ROWS), 5);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry"), entries);
}

/* Two files of one day are no correction of one another when they tell other things of it. */
static void a_bill_of_payments_and_one_of_refunds_are_a_day(void **state) {
    (void)state;
    rows(3);
    given->from_us = 1;
    given->until_us = 1000;
    given->lacks = TELLS_ALL & ~TELLS_CHARGES;
    assert_int_equal(take("", ""), 0);
    assert_int_equal(count("SELECT tells FROM statement"), TELLS_CHARGES);
    rows(1);
    given->from_us = 1;
    given->until_us = 1000;
    given->rows[0].gateway_id = "re_1";
    given->lacks = TELLS_ALL & ~TELLS_REFUNDS;
    assert_int_equal(take("", ""), 0);
    assert_int_equal(count("SELECT SUM(tells) FROM statement"), TELLS_CHARGES | TELLS_REFUNDS);
    given->rows[0].gateway_id = "re_2";
    given->lacks = TELLS_ALL & ~(TELLS_REFUNDS | TELLS_DISPUTES);
    assert_int_equal(take("", ""), -ERR_EXISTS);
    assert_int_equal(count(TAKEN), 2);
}

/* What it was asked for says that it tells less than its format does. */
static void who_takes_a_file_may_say_what_it_does_not_tell(void **state) {
    (void)state;
    rows(1);
    struct statement_request request = given_request(given, "stripe");
    request.lacks = TELLS_ALL;
    assert_int_equal(statement_take(engine.store, &request, taken, &err), 0);
    assert_int_equal(count("SELECT tells FROM statement"), 0);
}

static enum statement_problem problem_given;
static int problem_read(const struct statement_source *source, const struct statement_sink *sink,
                        struct statement_head *ret_head, struct err *read_err) {
    (void)source;
    (void)read_err;
    *ret_head = (struct statement_head){.sequence = -1};
    statement_tell(sink, problem_given, 7, "something is wrong");
    return 0;
}

/* Another copy mends damage, not a map, a zone or a period that was said wrongly. */
static void what_to_do_depends_on_what_is_wrong(void **state) {
    (void)state;
    static const struct statement_reader reader = {
        .name = "given", .title = "", .tells = TELLS_ALL, .read = problem_read};
    static const struct {
        enum statement_problem problem;
        bool said;
        const char *word;
    } rows[] = {
        {PROBLEM_TOTAL, false, "once more"},
        {PROBLEM_CUT, false, "once more"},
        {PROBLEM_UNKNOWN_KIND, false, "Nothing is guessed"},
        {PROBLEM_REPEATED, false, "spreadsheet"},
        {PROBLEM_PERIOD, false, "--zone"},
        {PROBLEM_PERIOD, true, "Is --period right?"},
        {PROBLEM_BAD_ROW, false, "Is it a file of the format given?"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        problem_given = rows[i].problem;
        struct statement_request request = given_request(given, "stripe-eu");
        request.reader = &reader;
        request.period_said = rows[i].said;
        request.until_us = 1;
        assert_int_equal(statement_take(engine.store, &request, taken, &err), -ERR_VALIDATION);
        if (strstr(err.hint, rows[i].word) == NULL) {
            fail_msg("\"%s\" is not in: %s", rows[i].word, err.hint);
        }
    }
}

/* Who reads it at night has to know that nothing is lost, and what to type. */
static void a_correction_without_its_other_is_told_how(void **state) {
    (void)state;
    rows(3);
    given->from_us = INT64_C(1756684800) * US_PER_SECOND;
    given->until_us = given->from_us + 86400 * US_PER_SECOND;
    assert_int_equal(take("", ""), 0);
    char wanted[200];
    struct statement_id first = taken->id;
    given->rows[1].gross_minor = 7;
    assert_int_equal(take("", ""), -ERR_EXISTS);
    snprintf(wanted, sizeof wanted, "--supersedes %s --reason WHY", first.text);
    assert_non_null(strstr(err.hint, "goes on counting"));
    assert_non_null(strstr(err.hint, wanted));
    assert_non_null(strstr(err.detail, "of the same time (2025-09-01T00:00:00Z to "
                                       "2025-09-02T00:00:00Z)"));
    assert_null(strstr(err.hint, "--period"));
    struct statement_request request = given_request(given, "stripe-eu");
    request.period_said = true;
    request.from_us = given->from_us;
    request.until_us = given->until_us;
    for (int i = 0; i < given->count; i++) {
        given->rows[i].at_us = given->from_us;
    }
    assert_int_equal(statement_take(engine.store, &request, taken, &err), -ERR_EXISTS);
    assert_non_null(strstr(err.hint, "with that --period"));
    snprintf(given->file_id, sizeof given->file_id, "118");
    test_store_exec(engine.store, "UPDATE statement SET file_id = '118'");
    assert_int_equal(take("", ""), -ERR_EXISTS);
    assert_non_null(strstr(err.detail, "has the same number (118)"));
}

static void a_file_with_one_problem_leaves_nothing(void **state) {
    (void)state;
    rows(STATEMENT_ROWS_A_WRITE + 50);
    given->problem_at = STATEMENT_ROWS_A_WRITE + 20;
    assert_int_equal(take("", ""), -ERR_VALIDATION);
    assert_int_equal(taken->problems, 1);
    assert_int_equal(taken->told[0].line, STATEMENT_ROWS_A_WRITE + 20);
    assert_string_equal(err.place, "given.csv:220");
    assert_string_equal(taken->id.text, "");
    assert_int_equal(count(ROWS), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM statement"), 0);
}

static void another_file_of_the_same_period_must_say_what_it_corrects(void **state) {
    (void)state;
    rows(3);
    given->from_us = 1;
    given->until_us = 1000;
    assert_int_equal(take("", ""), 0);
    struct statement_id first = taken->id;
    given->rows[1].gross_minor = 7;
    assert_int_equal(take("", ""), -ERR_EXISTS);
    assert_non_null(strstr(err.hint, first.text));
    assert_int_equal(count(ROWS), 3);
    assert_int_equal(take(first.text, ""), -ERR_VALIDATION); /* a reason is asked for */
    assert_int_equal(take("stm_00000000000000000000000000", "r"), -ERR_NOT_FOUND);
    assert_int_equal(take(first.text, "the gateway sent it again"), 0);
    assert_int_equal(count(TAKEN), 1);
    assert_int_equal(
        count("SELECT COUNT(*) FROM statement WHERE state = 3 AND superseded_by <> ''"), 1);
    /* What is superseded is not superseded twice; and another period is no correction. */
    given->rows[1].gross_minor = 8;
    assert_int_equal(take(first.text, "again"), -ERR_STATE);
    given->until_us = 2000;
    assert_int_equal(take("", ""), 0);
    assert_int_equal(count(TAKEN), 2);
}

static void an_account_of_its_own_is_no_correction(void **state) {
    (void)state;
    rows(1);
    snprintf(given->file_id, sizeof given->file_id, "118");
    assert_int_equal(take("", ""), 0);
    struct statement_id first = taken->id;
    snprintf(given->account, sizeof given->account, "acct_2");
    assert_int_equal(take(first.text, "wrong account"), -ERR_VALIDATION);
    assert_int_equal(take("", ""), 0);
    assert_int_equal(count(TAKEN), 2);
}

struct failing {
    int left;
};

static int fail_at(void *ctx, const char *sql) {
    struct failing *failing = ctx;
    (void)sql;
    return failing->left-- == 0;
}

/* Whatever call of the store fails: either all of it counts or nothing of it, and taking it again
 * ends well. */
static void a_store_that_fails_anywhere_leaves_all_or_nothing(void **state) {
    (void)state;
    rows(STATEMENT_ROWS_A_WRITE + 3);
    bool ended = false;
    for (int at = 0; !ended; at++) {
        test_store_exec(engine.store, "DELETE FROM statement");
        test_store_exec(engine.store, "DELETE FROM statement_row");
        struct failing failing = {at};
        store_fault_set(engine.store, fail_at, &failing);
        int r = take("", "");
        ended = failing.left >= 0;
        store_fault_set(engine.store, NULL, NULL);
        assert_int_equal(count(TAKEN) == 1, r == 0 || r == -ERR_STORE_UNKNOWN ? count(TAKEN) : 0);
        if (count(TAKEN) == 1) {
            assert_int_equal(count(ROWS), STATEMENT_ROWS_A_WRITE + 3);
        }
        /* Who comes ten minutes later finds nobody at it. */
        test_store_exec(engine.store, "UPDATE statement SET begun_us = 0 WHERE state = 1");
        assert_int_equal(take("", ""), 0);
        assert_int_equal(count(TAKEN), 1);
        assert_int_equal(count("SELECT COUNT(*) FROM statement_row r JOIN statement s ON s.id = "
                               "r.statement_id WHERE s.state = 2"),
                         STATEMENT_ROWS_A_WRITE + 3);
        assert_int_equal(statement_sweep(engine.store, clock_wall_us(), &err), 0);
        assert_int_equal(count(ROWS), STATEMENT_ROWS_A_WRITE + 3);
    }
}

static void of_a_file_that_somebody_is_taking_in_the_second_is_told(void **state) {
    (void)state;
    rows(2);
    assert_int_equal(take("", ""), 0);
    test_store_exec(engine.store, "UPDATE statement SET state = 1");
    assert_int_equal(take("", ""), -ERR_STATE);
    assert_int_equal(count(ROWS), 2);
    /* A sweep does not touch who is still writing. */
    assert_int_equal(statement_sweep(engine.store, clock_wall_us() - 60 * US_PER_SECOND, &err), 0);
    assert_int_equal(count(ROWS), 2);
}

/* The same bytes are known before anything else is looked at. */
static void bytes_that_count_take_no_place_and_superseded_ones_never_count_again(void **state) {
    (void)state;
    rows(3);
    given->from_us = 1;
    given->until_us = 1000;
    assert_int_equal(take("", ""), 0);
    struct statement_id first = taken->id;
    given->until_us = 2000;
    given->rows[2].gross_minor = 900;
    assert_int_equal(take("", ""), 0);
    struct statement_id second = taken->id;
    assert_int_equal(take(first.text, "in its place"), -ERR_STATE);
    assert_true(taken->final);
    assert_non_null(strstr(err.detail, second.text));
    assert_int_equal(count(TAKEN), 2);
    given->rows[2].gross_minor = 901;
    assert_int_equal(take(second.text, "corrected"), 0);
    given->rows[2].gross_minor = 900;
    assert_int_equal(take("", ""), -ERR_STATE);
    assert_true(taken->final);
    assert_non_null(strstr(err.detail, "superseded"));
    assert_int_equal(count(TAKEN), 2);
}

/* All files of days without a movement may have the same bytes: one that was corrected says nothing
 * of another day. */
static void a_file_without_rows_may_be_given_again_after_it_was_superseded(void **state) {
    (void)state;
    given->from_us = 1;
    given->until_us = 1000;
    assert_int_equal(take("", ""), 0);
    struct statement_id empty = taken->id;
    assert_int_equal(take("", ""), 0);
    assert_true(taken->known);
    rows(1);
    assert_int_equal(take(empty.text, "it was not empty after all"), 0);
    given->count = 0;
    memset(given->rows, 0, sizeof given->rows);
    given->until_us = 1000;
    assert_int_equal(take("", ""), -ERR_EXISTS); /* of that very day it would be a correction */
    assert_int_equal(count(TAKEN), 1);
    test_store_exec(engine.store, "UPDATE statement SET from_us = 5 WHERE state = 2");
    assert_int_equal(take("", ""), 0);
    assert_false(taken->known);
    assert_int_equal(count(TAKEN), 2);
}

static void a_correction_without_a_period_covers_what_the_other_one_covered(void **state) {
    (void)state;
    rows(3);
    given->from_us = 1000;
    given->until_us = 2000;
    snprintf(given->file_id, sizeof given->file_id, "118");
    assert_int_equal(take("", ""), 0);
    struct statement_id first = taken->id;
    given->from_us = given->until_us = 0;
    given->file_id[0] = '\0';
    given->rows[1].gross_minor = 7;
    assert_int_equal(take(first.text, "sent again"), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM statement WHERE state = 2 AND from_us = 1000 AND "
                           "until_us = 2000 AND file_id = '118'"),
                     1);
}

/* Rows with names of their own, as a statement has them. */
static char names[GIVEN_ROWS_MAX][16];

static void named_rows(int many, int first) {
    given->count = 0;
    for (int i = 0; i < many; i++) {
        struct statement_row *row = given_add(given);
        snprintf(names[i], sizeof names[i], "ch_%d", first + i);
        row->gateway_id = names[i];
        row->gross_minor = 100 + first + i;
        row->at_us = 1000 + first + i;
    }
}

static void in_other_bytes(void) {
    given->rows[0].description = given->rows[0].description[0] == 'o' ? "once more" : "other bytes";
}

static void rows_that_all_stand_already_are_no_second_statement(void **state) {
    (void)state;
    named_rows(500, 0);
    assert_int_equal(take("", ""), 0);
    struct statement_id first = taken->id;
    in_other_bytes();
    assert_int_equal(take("", ""), -ERR_EXISTS);
    assert_non_null(strstr(err.detail, first.text));
    assert_non_null(strstr(err.hint, "--supersedes"));
    assert_int_equal(count(ROWS), 500);
    /* A part of it tells nothing new either. */
    named_rows(40, 100);
    assert_int_equal(take("", ""), -ERR_EXISTS);
    /* It is looked at before anything is taken, too. */
    struct statement_request request = given_request(given, "stripe-eu");
    assert_int_equal(statement_look(&request, taken, &err), 0);
    assert_int_equal(statement_look_around(engine.store, &request, taken, &err), -ERR_EXISTS);
    /* Of another gateway it is another movement. */
    request.gateway = "stripe-us";
    assert_int_equal(statement_look_around(engine.store, &request, taken, &err), 0);
    assert_int_equal(take(first.text, "exported again"), 0);
    /* What was superseded no longer stands in the way. */
    named_rows(500, 200);
    assert_int_equal(take("", ""), 0);
}

static void a_file_that_goes_on_behind_an_earlier_one_is_taken(void **state) {
    (void)state;
    named_rows(100, 0);
    assert_int_equal(take("", ""), 0);
    named_rows(100, 90); /* ten of them were told before */
    assert_int_equal(take("", ""), 0);
    named_rows(100, 99); /* and all but the last one */
    given->rows[99].status = ROW_PENDING;
    assert_int_equal(take("", ""), 0);
    named_rows(100, 99); /* now it is done */
    assert_int_equal(take("", ""), 0);
    assert_int_equal(count(TAKEN), 4);
}

static void rows_on_several_statements_are_told_and_none_is_named_for_a_correction(void **state) {
    (void)state;
    named_rows(60, 0);
    assert_int_equal(take("", ""), 0);
    struct statement_id first = taken->id;
    named_rows(30, 60);
    assert_int_equal(take("", ""), 0);
    named_rows(90, 0);
    assert_int_equal(take("", ""), -ERR_EXISTS);
    assert_non_null(strstr(err.detail, first.text));
    assert_non_null(strstr(err.detail, "1 other statement"));
    assert_null(strstr(err.hint, "--supersedes"));
}

static void a_row_is_known_by_all_that_it_tells(void **state) {
    (void)state;
    named_rows(1, 0);
    assert_int_equal(take("", ""), 0);
    struct statement_row row = given->rows[0];
    for (int i = 0; i < 6; i++) {
        given->rows[0] = row;
        struct statement_row *other = &given->rows[0];
        if (i == 0) {
            other->gross_minor++;
        } else if (i == 1) {
            other->at_us++;
        } else if (i == 2) {
            other->kind = ROW_CHARGEBACK_RETURNED;
        } else if (i == 3) {
            other->currency = currency_stored("USD");
        } else if (i == 4) {
            other->gateway_id = "ch_x";
        } else {
            other->gateway_id = ""; /* without any name it is not known at all */
        }
        assert_int_equal(take("", ""), 0);
    }
    /* By our reference where the gateway's name is not told; masked, as it is stored. */
    given->rows[0] = row;
    given->rows[0].gateway_id = "";
    given->rows[0].reference = "4242 4242 4242 4242";
    assert_int_equal(take("", ""), 0);
    in_other_bytes();
    assert_int_equal(take("", ""), -ERR_EXISTS);
    assert_int_equal(count(TAKEN), 8);
}

/* Named by who asks for it: a fetched day (recon/fetch.h). */
static void of_those_that_it_may_replace_the_one_that_it_covers_is_superseded(void **state) {
    (void)state;
    named_rows(4, 0);
    struct statement_request request = given_request(given, "stripe-eu");
    request.from_us = 1000;
    request.until_us = 2000;
    request.file_id = "activity 2026-11-21";
    request.reason = "fetched again";
    assert_int_equal(statement_take(engine.store, &request, taken, &err), 0);
    struct statement_id first = taken->id;
    in_other_bytes();
    assert_int_equal(statement_take(engine.store, &request, taken, &err), -ERR_EXISTS);
    request.replaces = first.text;
    assert_int_equal(statement_take(engine.store, &request, taken, &err), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM statement o JOIN statement n ON n.supersedes = "
                           "o.id AND o.superseded_by = n.id WHERE o.state = 3 AND n.state = 2 AND "
                           "n.reason = 'fetched again'"),
                     1);
    /* Of another day it takes nobody's place, and needs no reason. */
    named_rows(4, 50);
    request.file_id = "activity 2026-11-22";
    assert_int_equal(statement_take(engine.store, &request, taken, &err), 0);
    assert_int_equal(count(TAKEN), 2);
    assert_int_equal(count("SELECT COUNT(*) FROM statement WHERE state = 2 AND reason = ''"), 1);
}

int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_rows_are_there_with_what_they_tell, begin, end),
        cmocka_unit_test_setup_teardown(the_same_file_twice_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_bill_of_payments_and_one_of_refunds_are_a_day, begin,
                                        end),
        cmocka_unit_test_setup_teardown(who_takes_a_file_may_say_what_it_does_not_tell, begin, end),
        cmocka_unit_test_setup_teardown(what_to_do_depends_on_what_is_wrong, begin, end),
        cmocka_unit_test_setup_teardown(a_correction_without_its_other_is_told_how, begin, end),
        cmocka_unit_test_setup_teardown(a_file_with_one_problem_leaves_nothing, begin, end),
        cmocka_unit_test_setup_teardown(another_file_of_the_same_period_must_say_what_it_corrects,
                                        begin, end),
        cmocka_unit_test_setup_teardown(an_account_of_its_own_is_no_correction, begin, end),
        cmocka_unit_test_setup_teardown(a_store_that_fails_anywhere_leaves_all_or_nothing, begin,
                                        end),
        cmocka_unit_test_setup_teardown(of_a_file_that_somebody_is_taking_in_the_second_is_told,
                                        begin, end),
        cmocka_unit_test_setup_teardown(
            bytes_that_count_take_no_place_and_superseded_ones_never_count_again, begin, end),
        cmocka_unit_test_setup_teardown(
            a_file_without_rows_may_be_given_again_after_it_was_superseded, begin, end),
        cmocka_unit_test_setup_teardown(
            a_correction_without_a_period_covers_what_the_other_one_covered, begin, end),
        cmocka_unit_test_setup_teardown(rows_that_all_stand_already_are_no_second_statement, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_file_that_goes_on_behind_an_earlier_one_is_taken, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            rows_on_several_statements_are_told_and_none_is_named_for_a_correction, begin, end),
        cmocka_unit_test_setup_teardown(a_row_is_known_by_all_that_it_tells, begin, end),
        cmocka_unit_test_setup_teardown(
            of_those_that_it_may_replace_the_one_that_it_covers_is_superseded, begin, end),
    };
    return engine_run("taking statements in", tests, COUNT_OF(tests), &engine);
}
