/* SPDX-License-Identifier: Apache-2.0
 * test_match_explain.c: why a row is where it is, in words. That every explanation names the rule
 * that took the row, and no other, is looked at in every book of the other tests. */
#include "match_fixture.h"

#include "aborts.h"

static void an_explanation_says_rule_by_rule_why_a_row_is_where_it_is(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    struct match_row *row = ours(&book, 1000, "ORD-1");
    row->at_us = NOW_US - 5 * DAY_US;
    theirs(&book, 1200, "ORD-1")->fee_minor = 5;
    book_run(&book);
    char *why = book_explain(&book, OURS, 0);
    assert_string_equal(
        why, "ours 1 is a charge of 10.00 USD, done at 1972-09-22T00:00:00Z, reference \"ORD-1\".\n"
             "rule 1 \"same gateway id\" (gateway_id): the row tells no gateway id.\n"
             "rule 2 \"same reference\" (reference): took it together with theirs 1.\n"
             "so it is amount_over: there it is more than here.\n"
             "ours: 10.00 USD; theirs: 12.00 USD; theirs less ours: 2.00 USD.\n");
    g_free(why);
    book_row(&book, THEIRS, 0)->reference = book_text(&book, "ORD-2");
    book_run(&book);
    why = book_explain(&book, OURS, 0);
    assert_string_equal(
        why, "ours 1 is a charge of 10.00 USD, done at 1972-09-22T00:00:00Z, reference \"ORD-1\".\n"
             "rule 1 \"same gateway id\" (gateway_id): the row tells no gateway id.\n"
             "rule 2 \"same reference\" (reference): no row of theirs that was free has the "
             "reference \"ORD-1\".\n"
             "rule 3 \"same payment and amount\" (original): it does not look at rows of this "
             "family (payments).\n"
             "rule 4 \"same amount within three days\" (amount_time): no row of theirs that was "
             "free has this amount at such a time.\n"
             "no rule took it.\n"
             "so it is missing_there: it moved here, its time is over, and it is not there.\n"
             "it has until 1972-09-26T00:00:00Z to appear there; the run was at "
             "1972-09-27T00:00:00Z.\n");
    g_free(why);
    book_close(&book);
}

static void an_explanation_says_who_would_have_fitted_but_was_taken_before(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    ours(&book, 1000, "ORD-1")->gateway_id = book_text(&book, "ch_1");
    ours(&book, 1000, "ORD-1");
    theirs(&book, 1000, "ORD-1")->gateway_id = book_text(&book, "ch_1");
    book_run(&book);
    char *why = book_explain(&book, OURS, 1);
    assert_non_null(strstr(why, "(reference): no row of theirs that was free has the reference "
                                "\"ORD-1\"; theirs 1 had been taken before.\n"));
    g_free(why);
    book_close(&book);
}

static void a_row_left_alone_is_told_who_went_to_whom_instead(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    ours(&book, 1000, "ORD-1");
    theirs(&book, 1000, "ORD-1");
    theirs(&book, 1000, "ORD-1");
    book_run(&book);
    char *why = book_explain(&book, THEIRS, 1);
    assert_non_null(strstr(why, "(reference): took it alone: ours 1 has its reference too, but "
                                "went to theirs 1.\n"));
    g_free(why);
    book_close(&book);
}

static void an_explanation_says_who_names_a_batch_without_standing_for_it(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    book_rule(&book, BY_BATCH);
    book_add(&book, OURS, ROW_CHARGE, 10)->batch = book_text(&book, "po_1");
    book_add(&book, THEIRS, ROW_BANK_CREDIT, 10)->reference = book_text(&book, "po_1");
    book_add(&book, THEIRS, ROW_BANK_CREDIT, 10)->description = book_text(&book, "for po_1");
    book_run(&book);
    char *why = book_explain(&book, OURS, 0);
    assert_non_null(strstr(why, "rule 1 \"batch\" (batch): theirs 1, 2 names its batch; that "));
    g_free(why);
    why = book_explain(&book, THEIRS, 1);
    assert_non_null(strstr(why, "rule 1 \"batch\" (batch): ours 1 is of a batch that it names; "));
    g_free(why);
    book_close(&book);
}

static void an_explanation_shows_no_card_number_and_no_line_end_of_a_text(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    ours(&book, 1000, "4111111111111111")->gateway_id = book_text(&book, "a\nrule 9 took it");
    book_row(&book, OURS, 0)->currency = (struct currency){"?!x"}; /* told all the same */
    book_run(&book);
    char *why = book_explain(&book, OURS, 0);
    assert_null(strstr(why, "4111111111111111"));
    assert_non_null(strstr(why, "\"a?rule 9 took it\""));
    assert_non_null(strstr(why, "1000 minor units"));
    g_free(why);
    book_close(&book);
}

static void an_explanation_names_no_more_than_five_and_counts_the_rest(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    book_add(&book, OURS, ROW_CHARGE, 100)->at_us = NOW_US;
    for (int i = 0; i < 8; i++) {
        struct match_row *row = book_add(&book, THEIRS, ROW_CHARGE, 100);
        row->at_us = NOW_US;
        row->number = INT64_C(9000000000000000000) + i;
    }
    book_run(&book);
    char *why = book_explain(&book, OURS, 0);
    assert_non_null(strstr(why, "9000000000000000004 and 3 more fit it equally well"));
    g_free(why);
    book_close(&book);
}

static void ask_for_a_row_too_many(void) {
    struct book book;
    struct buf buf;
    book_open(&book);
    ours(&book, 1, "r");
    book_run(&book);
    buf_init(&buf, 1000);
    match_explain(book.match, &book.options, OURS, 1, &buf);
}

static void a_row_that_is_not_there_is_a_bug_of_who_asks(void **state) {
    (void)state;
    assert_true(aborts(ask_for_a_row_too_many));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_explanation_says_rule_by_rule_why_a_row_is_where_it_is),
        cmocka_unit_test(an_explanation_says_who_would_have_fitted_but_was_taken_before),
        cmocka_unit_test(a_row_left_alone_is_told_who_went_to_whom_instead),
        cmocka_unit_test(an_explanation_says_who_names_a_batch_without_standing_for_it),
        cmocka_unit_test(an_explanation_shows_no_card_number_and_no_line_end_of_a_text),
        cmocka_unit_test(an_explanation_names_no_more_than_five_and_counts_the_rest),
        cmocka_unit_test(a_row_that_is_not_there_is_a_bug_of_who_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
