/* SPDX-License-Identifier: Apache-2.0
 * test_match_many.c: several rows of one id or reference: which are each other's, which are parts
 * of one whole, and which are there, or here, too often. */
#include "match_fixture.h"

/* ---- several rows of one reference ---- */

/* Amounts with a letter for their status: "100 60p 40f" and another status behind it. */
static void add_list(struct book *book, enum match_side side, enum row_kind kind,
                     const char *list) {
    for (gchar **words = g_strsplit(list, " ", -1), **word = words; words != NULL; word++) {
        if (*word == NULL) {
            g_strfreev(words);
            return;
        }
        char *end = NULL;
        int64_t amount = g_ascii_strtoll(*word, &end, 10);
        if (end == *word) {
            continue;
        }
        struct match_row *row = book_add(book, side, kind, amount);
        row->reference = book_text(book, "r");
        for (; *end != '\0'; end++) {
            row->status = *end == 'p' ? ROW_PENDING : *end == 'f' ? ROW_FAILED : row->status;
            row->due_us = *end == 'w' ? NOW_US + 1 : row->due_us;
            row->currency = *end == 'e' ? currency_stored("EUR") : row->currency;
        }
    }
}

/* The groups in their order: "1+1 matched, 0+1 duplicate_there". */
static char *groups_text(const struct book *book) {
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < book->match->group_count; i++) {
        const struct match_group *group = &book->match->groups[i];
        g_string_append_printf(text, "%s%u+%u %s", i > 0 ? ", " : "", group->ours, group->theirs,
                               match_class_name(group->class));
    }
    return g_string_free(text, false);
}

static const struct {
    const char *why;
    enum row_kind kind;
    const char *ours, *theirs, *groups;
} many[] = {
    {"split captures", ROW_CHARGE, "100", "60 40", "1+2 matched"},
    {"captures that were paid as one", ROW_CHARGE, "60 40", "100", "2+1 matched"},
    {"several refunds in one", ROW_REFUND, "-10 -20", "-30", "2+1 matched"},
    {"equal ones pair off", ROW_CHARGE, "60 40", "40 60", "1+1 matched, 1+1 matched"},
    {"parts that lack something", ROW_CHARGE, "100", "60 39", "1+2 split"},
    {"parts that are too much", ROW_CHARGE, "100 7", "60 41 7", "1+2 split, 1+1 matched"},
    {"refunds that are not the whole", ROW_REFUND, "-10 -20", "-31", "2+1 split"},
    {"a rest of both that adds up", ROW_CHARGE, "50 30 20", "50 40 10", "1+1 matched, 2+2 matched"},
    {"once more there", ROW_CHARGE, "100", "100 100", "1+1 matched, 0+1 duplicate_there"},
    {"twice more there", ROW_CHARGE, "100", "100 100 100",
     "1+1 matched, 0+1 duplicate_there, 0+1 duplicate_there"},
    {"more there of another amount", ROW_CHARGE, "100", "100 30",
     "1+1 matched, 0+1 duplicate_there"},
    {"a refund once more there", ROW_REFUND, "-9", "-9 -9", "1+1 matched, 0+1 duplicate_there"},
    {"once more here", ROW_CHARGE, "100 100", "100", "1+1 matched, 1+0 duplicate_here"},
    {"once more here, which may yet come", ROW_CHARGE, "100 100w", "100",
     "1+1 matched, 1+0 expected"},
    {"a failed attempt here", ROW_CHARGE, "100f 100", "100", "1+0 nothing_moved, 1+1 matched"},
    {"a failed attempt there", ROW_CHARGE, "100", "100f 100", "1+1 matched, 0+1 nothing_moved"},
    {"failed attempts on both sides", ROW_CHARGE, "100f 100", "100 100f",
     "1+1 nothing_moved, 1+1 matched"},
    {"two open attempts, one paid there: the pending one", ROW_CHARGE, "100f 100p", "100",
     "1+0 nothing_moved, 1+1 paid_there_open_here"},
    {"a failed attempt that was paid there after all", ROW_CHARGE, "100f", "100f 100",
     "1+1 paid_there_open_here, 0+1 nothing_moved"},
    {"a second attempt that was paid as well", ROW_CHARGE, "100f 100", "100 100",
     "1+1 paid_there_open_here, 1+1 matched"},
    {"paid in parts there, open here", ROW_CHARGE, "100p", "60 40", "1+2 paid_there_open_here"},
    {"paid once more than the attempts that failed on both sides", ROW_CHARGE, "100f", "100f 90",
     "1+1 nothing_moved, 0+1 paid_there_open_here"},
    {"done here, failed twice there", ROW_CHARGE, "100", "100f 100f",
     "1+1 paid_here_open_there, 0+1 nothing_moved"},
    {"done in parts here, failed there", ROW_CHARGE, "60 40", "100f", "2+1 paid_here_open_there"},
    {"done in parts here, pending there, over", ROW_CHARGE, "60w 40", "100p",
     "2+1 paid_here_open_there"},
    {"done in parts here, pending there, not over", ROW_CHARGE, "60w 40w", "100p", "2+1 expected"},
    {"done here beside what failed on both sides", ROW_CHARGE, "100f 90", "100f",
     "1+1 nothing_moved, 1+0 paid_here_open_there"},
    {"done here beside what failed on both sides, not over", ROW_CHARGE, "100f 90w", "100f",
     "1+1 nothing_moved, 1+0 expected"},
    {"nothing done anywhere", ROW_CHARGE, "100f 90p", "80f 70p",
     "1+0 nothing_moved, 1+0 nothing_moved, 0+1 nothing_moved, 0+1 nothing_moved"},
    {"amounts of what did not move count nowhere", ROW_CHARGE, "100 7f", "60 40 9p",
     "1+2 matched, 1+0 nothing_moved, 0+1 nothing_moved"},
    {"currencies pair off each for itself", ROW_CHARGE, "100 100e", "100e 100",
     "1+1 matched, 1+1 matched"},
    {"a rest in two currencies", ROW_CHARGE, "100 50", "100 50e", "1+1 matched, 1+1 currency"},
    {"paid in parts there, in another currency", ROW_CHARGE, "100p", "60e 40", "1+2 currency"},
    {"twice, both of another amount", ROW_CHARGE, "100", "110 105",
     "1+1 amount_over, 0+1 duplicate_there"},
    {"twice, the nearer is less", ROW_CHARGE, "100", "110 95",
     "1+1 amount_under, 0+1 duplicate_there"},
    {"thrice, none of the very amount", ROW_CHARGE, "100", "90 80 95",
     "1+1 amount_under, 0+1 duplicate_there, 0+1 duplicate_there"},
    {"parts that are less than the whole", ROW_CHARGE, "100", "30 30", "1+2 split"},
    {"as near to one as to the whole", ROW_CHARGE, "100", "80 40",
     "1+1 amount_under, 0+1 duplicate_there"},
    {"nearer to the whole than to one", ROW_CHARGE, "100", "79 40", "1+2 split"},
    {"told again beside several captures", ROW_CHARGE, "60 40", "100 100",
     "2+1 matched, 0+1 duplicate_there"},
    {"a part that is told again", ROW_CHARGE, "100", "60 40 40",
     "1+2 matched, 0+1 duplicate_there"},
    {"parts of several captures that are told again", ROW_CHARGE, "70 30", "60 40 60 40",
     "2+2 matched, 0+1 duplicate_there, 0+1 duplicate_there"},
    {"captured twice here, and another amount there", ROW_CHARGE, "100 100", "110",
     "1+1 amount_over, 1+0 duplicate_here"},
    {"several of each that do not fit", ROW_CHARGE, "60 40", "75 80", "2+2 split"},
    {"one of each is left", ROW_CHARGE, "100 50", "100 60", "1+1 matched, 1+1 amount_over"},
    {"money before what is open", ROW_CHARGE, "100", "100f 105",
     "1+1 amount_over, 0+1 nothing_moved"},
    {"a refund twice, both of another amount", ROW_REFUND, "-9", "-8 -7",
     "1+1 refund_mismatch, 0+1 duplicate_there"},
    {"twice, and once in another currency", ROW_CHARGE, "100", "110 100e", "1+2 currency"},
    {"payouts are their sum", ROW_PAYOUT, "-10", "-11 -12", "1+2 payout"},
    {"payouts that are not the whole", ROW_PAYOUT, "-10 -20", "-31", "2+1 payout"},
};

static void several_rows_of_one_reference_fall_into_groups_as_the_table_says(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        struct book book;
        book_open(&book);
        book_rule(&book, BY_REFERENCE);
        add_list(&book, OURS, many[i].kind, many[i].ours);
        add_list(&book, THEIRS, many[i].kind, many[i].theirs);
        book_run(&book);
        char *groups = groups_text(&book);
        if (strcmp(groups, many[i].groups) != 0) {
            fail_msg("%s: %s instead of %s", many[i].why, groups, many[i].groups);
        }
        for (size_t g = 0; g < book.match->group_count; g++) {
            assert_int_equal(book.match->groups[g].rule, 0);
        }
        g_free(groups);
        book_close(&book);
    }
}

static void sums_of_parts_have_the_tolerance_of_the_rule(void **state) {
    (void)state;
    for (int64_t missing = 0; missing < 3; missing++) {
        struct book book;
        book_open(&book);
        book_rule(&book, BY_GATEWAY_ID)->tolerance_ppm = 10000;
        book_add(&book, OURS, ROW_CHARGE, 100)->gateway_id = book_text(&book, "x");
        book_add(&book, THEIRS, ROW_CHARGE, 60)->gateway_id = book_text(&book, "x");
        book_add(&book, THEIRS, ROW_CHARGE, 40 - missing)->gateway_id = book_text(&book, "x");
        book_run(&book);
        expect(&book, OURS, 0,
               missing == 0   ? CLASS_MATCHED
               : missing == 1 ? CLASS_MATCHED_TOLERANCE
                              : CLASS_SPLIT);
        assert_int_equal(book.match->groups[0].difference_minor, -missing);
        book_close(&book);
    }
}

static void equal_rows_pair_off_oldest_first_and_those_without_a_time_last(void **state) {
    (void)state;
    static const int64_t our_at[] = {30, 0, 10, 20}, their_at[] = {25, 15, 35, 0};
    static const guint partner[] = {2, 3, 1, 0};
    struct book book;
    book_open(&book);
    book_rule(&book, BY_REFERENCE);
    for (size_t i = 0; i < COUNT_OF(our_at); i++) {
        ours(&book, 100, "r")->at_us = our_at[i];
        theirs(&book, 100, "r")->at_us = their_at[i];
    }
    book_run(&book);
    for (guint i = 0; i < COUNT_OF(partner); i++) {
        expect_pair(&book, i, partner[i], CLASS_MATCHED);
    }
    book_close(&book);
}

static void within_the_tolerance_the_nearest_in_time_is_it(void **state) {
    (void)state;
    enum { ROWS = 3 };
    static const struct {
        const char *why;
        int64_t our_at, amounts[ROWS], at[ROWS];
        guint fits;
        enum match_class class;
    } rows[] = {
        {"the very amount, whatever the time", 50, {102, 100, 99}, {50, 90, 51}, 1, CLASS_MATCHED},
        {"the nearest in time", 50, {102, 99, 98}, {40, 55, 70}, 1, CLASS_MATCHED_TOLERANCE},
        {"then the nearest in amount", 50, {102, 103, 101}, {45, 55, 55}, 2,
         CLASS_MATCHED_TOLERANCE},
        {"then the oldest", 50, {101, 99, 102}, {55, 45, 45}, 1, CLASS_MATCHED_TOLERANCE},
        {"a time that is not told comes last", 50, {101, 102, 101}, {0, 90, 0}, 1,
         CLASS_MATCHED_TOLERANCE},
        {"without a time the nearest in amount", 0, {103, 102, 101}, {1, 2, 3}, 2,
         CLASS_MATCHED_TOLERANCE},
        {"within the tolerance before beyond it", 50, {104, 103, 104}, {50, 99, 50}, 1,
         CLASS_MATCHED_TOLERANCE},
        {"beyond it the nearest in amount", 50, {109, 107, 108}, {50, 99, 50}, 1,
         CLASS_AMOUNT_OVER},
        {"then the nearest in time", 50, {109, 91, 110}, {60, 45, 50}, 1, CLASS_AMOUNT_UNDER},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct book book;
        book_open(&book);
        book_rule(&book, BY_REFERENCE)->tolerance_minor = 3;
        ours(&book, 100, "r")->at_us = rows[i].our_at;
        for (int j = 0; j < ROWS; j++) {
            char id[] = {'a', (char)('0' + j), '\0'};
            struct match_row *row = theirs(&book, rows[i].amounts[j], "r");
            row->at_us = rows[i].at[j];
            row->gateway_id = book_text(&book, id);
        }
        book_run(&book);
        for (guint j = 0; j < ROWS; j++) {
            if (j == rows[i].fits && book_group(&book, THEIRS, j)->ours != 1) {
                fail_msg("%s: row %u is %s", rows[i].why, j,
                         match_class_name(book_group(&book, THEIRS, j)->class));
            }
            expect(&book, THEIRS, j, j == rows[i].fits ? rows[i].class : CLASS_DOUBLE_CHARGE);
        }
        book_close(&book);
    }
}

/* "ch_1:600 ch_2:400f": ids, amounts and who failed, each a while after the one before. */
static void add_named(struct book *book, enum match_side side, const char *list) {
    g_auto(GStrv) words = g_strsplit(list, " ", -1);
    for (int i = 0; words[i] != NULL; i++) {
        char *colon = strchr(words[i], ':'), *end = NULL;
        struct match_row *row = book_add(book, side, ROW_CHARGE,
                                         g_ascii_strtoll(colon + 1, &end, 10));
        *colon = '\0';
        row->gateway_id = book_text(book, words[i]);
        row->reference = book_text(book, "r");
        row->status = *end == 'f' ? ROW_FAILED : ROW_DONE;
        row->at_us = NOW_US - 2 * DAY_US + i * DAY_US / 4;
    }
}

/* docs/reconciliation.md, "Several rows of one name", by the usual rules. */
static void the_examples_of_the_documentation_hold(void **state) {
    (void)state;
    static const struct {
        const char *ours, *theirs, *groups;
    } examples[] = {
        {":1000", "ch_1:1050 ch_2:1000", "1+1 matched, 0+1 double_charge"},
        {"ch_1:1000", "ch_1:1050 ch_2:1000", "1+1 amount_over, 0+1 double_charge"},
        {":1000", "ch_1:1002 ch_2:1001", "1+1 matched_tolerance, 0+1 double_charge"},
        {":1000", "ch_1:1050 ch_2:1100", "1+1 amount_over, 0+1 double_charge"},
        {":1000", "ch_1:1000 :1040", "1+1 matched, 0+1 duplicate_there"},
        {"ch_1:1000", "ch_1:1000 :1040", "1+1 matched, 0+1 duplicate_there"},
        {":1000", "ch_1:600 ch_2:400", "1+2 matched"},
        {":1000", "ch_1:600 ch_2:400 ch_2:400", "1+2 matched, 0+1 duplicate_there"},
        {":1000", "ch_1:600 ch_2:400 ch_3:400", "1+2 matched, 0+1 double_charge"},
        {":1000", "ch_1:600 ch_2:390", "1+2 split"},
        {":1000", "ch_1:600 ch_2:420", "1+2 split"},
        {":600 :400", "ch_1:1000 ch_1:1000", "2+1 matched, 0+1 duplicate_there"},
        {"ch_1:600 ch_1:400", "ch_1:1000 ch_1:1000", "2+1 matched, 0+1 duplicate_there"},
        {":600 :400", "ch_1:601 ch_2:400 ch_3:601",
         "1+1 matched_tolerance, 1+1 matched, 0+1 double_charge"},
        {":1000", "ch_1:1000f ch_2:1050", "1+1 amount_over, 0+1 nothing_moved"},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct book book;
        book_open(&book);
        book.rules[0].tolerance_minor = book.rules[1].tolerance_minor = 3;
        add_named(&book, OURS, examples[i].ours);
        add_named(&book, THEIRS, examples[i].theirs);
        book_run(&book);
        g_autofree char *groups = groups_text(&book);
        if (strcmp(groups, examples[i].groups) != 0) {
            fail_msg("%s | %s: %s instead of %s", examples[i].ours, examples[i].theirs, groups,
                     examples[i].groups);
        }
        book_close(&book);
    }
}

static void several_captures_are_paired_within_the_tolerance(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    book_rule(&book, BY_REFERENCE)->tolerance_minor = 3;
    static const int64_t amounts[] = {42, 61, 39, 63}, at[] = {15, 21, 30, 40};
    ours(&book, 60, "r")->at_us = 10;
    ours(&book, 40, "r")->at_us = 20;
    for (size_t i = 0; i < COUNT_OF(amounts); i++) {
        char id[] = {'a', (char)('0' + i), '\0'};
        struct match_row *row = theirs(&book, amounts[i], "r");
        row->at_us = at[i];
        row->gateway_id = book_text(&book, id);
    }
    book_run(&book);
    expect_pair(&book, 0, 1, CLASS_MATCHED_TOLERANCE);
    expect_alone(&book, THEIRS, 3, CLASS_DOUBLE_CHARGE);
    expect_pair(&book, 1, 0, CLASS_MATCHED_TOLERANCE);
    expect_alone(&book, THEIRS, 2, CLASS_DOUBLE_CHARGE);
    book_close(&book);
}

/* Between several of each side so many pairs are looked at and no more; of a single row all. */
static void pairs_are_looked_for_up_to_a_bound(void **state) {
    (void)state;
    static const struct {
        int ours, theirs;
        size_t groups;
    } rows[] = {{32, 32, 32}, {32, 33, 1}, {2, 512, 512}, {2, 513, 1}, {1, 20000, 20000}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct book book;
        book_open(&book);
        book_rule(&book, BY_REFERENCE)->tolerance_minor = 1;
        for (int j = 0; j < rows[i].ours; j++) {
            ours(&book, 1000 + 10 * j, "r");
        }
        for (int j = 0; j < rows[i].theirs; j++) {
            theirs(&book, 1000 + 10 * j + (j < 32 ? 1 : 5), "r");
        }
        book_run_every(&book, 1000);
        if (book.match->group_count != rows[i].groups) {
            fail_msg("%d and %d rows: %zu groups", rows[i].ours, rows[i].theirs,
                     book.match->group_count);
        }
        book_close(&book);
    }
}

/* Ours has an id, and what stands beside it there has none: another id is another charge. */
static void an_id_that_is_not_ours_is_a_charge_of_its_own(void **state) {
    (void)state;
    static const struct {
        const char *ours, *second;
        enum match_class class;
    } rows[] = {{"a", "b", CLASS_DOUBLE_CHARGE},
                {"a", "a", CLASS_DUPLICATE_THERE},
                {"a", "", CLASS_DUPLICATE_THERE},
                {"", "b", CLASS_DUPLICATE_THERE}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct book book;
        book_open(&book);
        book_rule(&book, BY_REFERENCE);
        ours(&book, 100, "r")->gateway_id = book_text(&book, rows[i].ours);
        theirs(&book, 100, "r")->at_us = 1;
        struct match_row *row = theirs(&book, 100, "r");
        row->gateway_id = book_text(&book, rows[i].second);
        row->at_us = 2;
        book_run(&book);
        expect_pair(&book, 0, 0, CLASS_MATCHED);
        expect_alone(&book, THEIRS, 1, rows[i].class);
        book_close(&book);
    }
}

static void a_duplicate_is_a_double_charge_when_it_has_a_gateway_id_of_its_own(void **state) {
    (void)state;
    static const struct {
        enum row_kind kind;
        const char *ids[3];
        enum match_class second, third;
    } rows[] = {
        {ROW_CHARGE, {"a", "b", "c"}, CLASS_DOUBLE_CHARGE, CLASS_DOUBLE_CHARGE},
        {ROW_CHARGE, {"a", "b", "b"}, CLASS_DOUBLE_CHARGE, CLASS_DUPLICATE_THERE},
        {ROW_CHARGE, {"a", "a", "b"}, CLASS_DUPLICATE_THERE, CLASS_DOUBLE_CHARGE},
        {ROW_CHARGE, {"a", "a", "a"}, CLASS_DUPLICATE_THERE, CLASS_DUPLICATE_THERE},
        {ROW_CHARGE, {"a", "", "b"}, CLASS_DUPLICATE_THERE, CLASS_DOUBLE_CHARGE},
        {ROW_CHARGE, {"", "a", "a"}, CLASS_DUPLICATE_THERE, CLASS_DUPLICATE_THERE},
        {ROW_CHARGE, {"", "", ""}, CLASS_DUPLICATE_THERE, CLASS_DUPLICATE_THERE},
        {ROW_REFUND, {"a", "b", "c"}, CLASS_DUPLICATE_THERE, CLASS_DUPLICATE_THERE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct book book;
        book_open(&book);
        book_rule(&book, BY_REFERENCE);
        book_add(&book, OURS, rows[i].kind, 100)->reference = book_text(&book, "r");
        for (int j = 0; j < 3; j++) {
            struct match_row *row = book_add(&book, THEIRS, rows[i].kind, 100);
            row->reference = book_text(&book, "r");
            row->gateway_id = book_text(&book, rows[i].ids[j]);
            row->at_us = NOW_US + j;
        }
        book_run(&book);
        expect_pair(&book, 0, 0, CLASS_MATCHED);
        expect_alone(&book, THEIRS, 1, rows[i].second);
        expect_alone(&book, THEIRS, 2, rows[i].third);
        book_close(&book);
    }
}

static void an_older_duplicate_with_the_id_of_the_charge_is_none_of_its_own(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    book_rule(&book, BY_REFERENCE);
    ours(&book, 100, "r");
    static const char *const ids[] = {"a", "a", "b"};
    for (int i = 0; i < 3; i++) {
        struct match_row *row = theirs(&book, i == 1 ? 100 : 30, "r");
        row->gateway_id = book_text(&book, ids[i]);
        row->at_us = NOW_US + i;
    }
    book_run(&book);
    expect_alone(&book, THEIRS, 0, CLASS_DUPLICATE_THERE);
    expect_pair(&book, 0, 1, CLASS_MATCHED);
    expect_alone(&book, THEIRS, 2, CLASS_DOUBLE_CHARGE);
    book_close(&book);
}

/* The way of an order that was charged twice when its payment here knows the first charge's id. */
static void a_reference_that_an_earlier_rule_found_paid_there_is_there_once_more(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    ours(&book, 100, "r")->gateway_id = book_text(&book, "ch_1");
    theirs(&book, 100, "r")->gateway_id = book_text(&book, "ch_2");
    theirs(&book, 100, "r")->gateway_id = book_text(&book, "ch_1");
    theirs(&book, 100, "r");
    theirs(&book, 100, "r")->gateway_id = book_text(&book, "ch_2");
    theirs(&book, 100, "r")->status = ROW_FAILED;
    theirs(&book, 100, "other");
    book_run(&book);
    expect_pair(&book, 0, 1, CLASS_MATCHED);
    expect_alone(&book, THEIRS, 0, CLASS_DOUBLE_CHARGE);
    expect_alone(&book, THEIRS, 2, CLASS_DUPLICATE_THERE);
    expect_alone(&book, THEIRS, 3, CLASS_DUPLICATE_THERE);
    expect_alone(&book, THEIRS, 4, CLASS_NOTHING_MOVED);
    expect_alone(&book, THEIRS, 5, CLASS_MISSING_HERE);
    assert_int_equal(book_group(&book, THEIRS, 0)->rule, 1);
    assert_int_equal(book_group(&book, THEIRS, 5)->rule, -1);
    book_row(&book, OURS, 0)->status = ROW_FAILED; /* and a first charge that failed is none */
    book_row(&book, THEIRS, 1)->status = ROW_FAILED;
    book_run(&book);
    expect_pair(&book, 0, 1, CLASS_NOTHING_MOVED);
    expect_alone(&book, THEIRS, 0, CLASS_MISSING_HERE);
    book_close(&book);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_rows_of_one_reference_fall_into_groups_as_the_table_says),
        cmocka_unit_test(sums_of_parts_have_the_tolerance_of_the_rule),
        cmocka_unit_test(equal_rows_pair_off_oldest_first_and_those_without_a_time_last),
        cmocka_unit_test(within_the_tolerance_the_nearest_in_time_is_it),
        cmocka_unit_test(the_examples_of_the_documentation_hold),
        cmocka_unit_test(several_captures_are_paired_within_the_tolerance),
        cmocka_unit_test(pairs_are_looked_for_up_to_a_bound),
        cmocka_unit_test(an_id_that_is_not_ours_is_a_charge_of_its_own),
        cmocka_unit_test(a_duplicate_is_a_double_charge_when_it_has_a_gateway_id_of_its_own),
        cmocka_unit_test(an_older_duplicate_with_the_id_of_the_charge_is_none_of_its_own),
        cmocka_unit_test(a_reference_that_an_earlier_rule_found_paid_there_is_there_once_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
