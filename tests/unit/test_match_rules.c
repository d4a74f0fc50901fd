/* SPDX-License-Identifier: Apache-2.0
 * test_match_rules.c: who meets whom, one test a sentence of match.h: every way for itself, several
 * rows of one id or reference, refunds by their payment, amount and time, batches. */
#include "match_fixture.h"

/* ---- every way ---- */

static void pair_by_id(struct book *b) {
    book_add(b, OURS, ROW_CHARGE, 100)->gateway_id = book_text(b, "x");
    book_add(b, THEIRS, ROW_CHARGE, 100)->gateway_id = book_text(b, "x");
}
static void pair_by_reference(struct book *b) {
    ours(b, 100, "x");
    theirs(b, 100, "x");
}
static void pair_by_original(struct book *b) {
    book_add(b, OURS, ROW_REFUND, -100)->original_id = book_text(b, "x");
    book_add(b, THEIRS, ROW_REFUND, -100)->original_id = book_text(b, "x");
}
static void pair_by_time(struct book *b) {
    book_add(b, OURS, ROW_CHARGE, 100)->at_us = NOW_US;
    book_add(b, THEIRS, ROW_CHARGE, 100)->at_us = NOW_US;
}
static void pair_by_batch(struct book *b) {
    book_add(b, OURS, ROW_CHARGE, 100)->batch = book_text(b, "x");
    book_add(b, THEIRS, ROW_BANK_CREDIT, 100)->batch = book_text(b, "x");
}

/* Each way finds its pair, and says so; none of the others does, so it was this way that did. */
static void every_way_matches_what_it_is_for_and_nothing_else(void **state) {
    (void)state;
    static void (*const pairs[MATCH_BY_COUNT])(struct book * book) = {
        [BY_GATEWAY_ID] = pair_by_id,     [BY_REFERENCE] = pair_by_reference,
        [BY_ORIGINAL] = pair_by_original, [BY_AMOUNT_TIME] = pair_by_time,
        [BY_BATCH] = pair_by_batch,
    };
    for (int by = 0; by < MATCH_BY_COUNT; by++) {
        assert_non_null(pairs[by]);
        for (int other = 0; other < MATCH_BY_COUNT; other++) {
            struct book book;
            book_open(&book);
            pairs[by](&book);
            book_rule(&book, (enum match_by)other);
            book_run(&book);
            assert_int_equal(book.match->group_count, by == other ? 1 : 2);
            if (by == other) {
                expect_pair(&book, 0, 0, CLASS_MATCHED);
                assert_int_equal(book.match->groups[0].rule, 0);
            } else {
                assert_int_equal(book.match->groups[0].rule, -1);
            }
            book_close(&book);
        }
    }
}

static void rules_are_tried_in_their_order_and_take_only_what_is_left(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    book_add(&book, OURS, ROW_CHARGE, 100)->gateway_id = book_text(&book, "a");
    book_row(&book, OURS, 0)->reference = book_text(&book, "b's");
    ours(&book, 100, "b's");
    book_add(&book, THEIRS, ROW_CHARGE, 100)->gateway_id = book_text(&book, "a");
    theirs(&book, 100, "b's");
    book_run(&book);
    expect_pair(&book, 0, 0, CLASS_MATCHED);
    expect_pair(&book, 1, 1, CLASS_MATCHED);
    assert_int_equal(book_group(&book, OURS, 0)->rule, 0);
    assert_int_equal(book_group(&book, OURS, 1)->rule, 1);
    struct match_rule first = book.rules[0];
    book.rules[0] = book.rules[1];
    book.rules[1] = first;
    book_run(&book); /* the reference alone: both of ours and the second of theirs */
    assert_int_equal(book_group(&book, OURS, 0)->rule, 0);
    expect_pair(&book, 0, 1, CLASS_MATCHED);
    expect_alone(&book, OURS, 1, CLASS_DUPLICATE_HERE);
    book_close(&book);
}

static void rows_of_different_families_never_meet(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    ours(&book, 100, "r")->gateway_id = book_text(&book, "x");
    struct match_row *row = book_add(&book, THEIRS, ROW_REFUND, 100);
    row->reference = book_text(&book, "r");
    row->gateway_id = book_text(&book, "x");
    book_row(&book, OURS, 0)->at_us = row->at_us = NOW_US;
    book_run(&book);
    expect_alone(&book, OURS, 0, CLASS_MISSING_THERE);
    expect_alone(&book, THEIRS, 0, CLASS_ORPHAN_REFUND);
    book_close(&book);
}

static void a_rule_with_families_passes_over_all_others(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    book_rule(&book, BY_REFERENCE)->families = 1U << FAMILY_REFUND | 1U << FAMILY_DISPUTE;
    ours(&book, 100, "r");
    theirs(&book, 100, "r");
    book_add(&book, OURS, ROW_REFUND, -5)->reference = book_text(&book, "f");
    book_add(&book, THEIRS, ROW_REFUND, -5)->reference = book_text(&book, "f");
    book_add(&book, OURS, ROW_CHARGEBACK, -5)->reference = book_text(&book, "f");
    book_add(&book, THEIRS, ROW_CHARGEBACK, -5)->reference = book_text(&book, "f");
    book_run(&book);
    expect_alone(&book, OURS, 0, CLASS_MISSING_THERE);
    expect_pair(&book, 1, 1, CLASS_MATCHED);
    expect_pair(&book, 2, 2, CLASS_MATCHED);
    book_close(&book);
}

static void without_rules_every_row_stands_alone(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    book.options.rule_count = 0;
    book.options.rules = NULL;
    ours(&book, 100, "r");
    theirs(&book, 100, "r");
    book_run(&book);
    expect_alone(&book, OURS, 0, CLASS_MISSING_THERE);
    expect_alone(&book, THEIRS, 0, CLASS_MISSING_HERE);
    book_close(&book);
}

static void empty_sides_are_no_error(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    book_add_rule(&book, BY_BATCH);
    book_run(&book);
    assert_int_equal(book.match->group_count, 0);
    assert_int_equal(book.match->sum_count, 0);
    ours(&book, 100, "r");
    book_run(&book);
    assert_int_equal(book.match->group_count, 1);
    g_array_set_size(book.rows[OURS], 0);
    theirs(&book, 100, "r");
    book_run(&book);
    assert_int_equal(book.match->group_count, 1);
    match_free(NULL);
    book_close(&book);
}

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

static void a_reference_with_rows_of_one_side_only_is_left_for_later_rules(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    ours(&book, 100, "ORD-1")->at_us = NOW_US;
    book_add(&book, THEIRS, ROW_CHARGE, 100)->at_us = NOW_US;
    book_run(&book);
    expect_pair(&book, 0, 0, CLASS_MATCHED);
    assert_int_equal(book.match->groups[0].rule, BY_AMOUNT_TIME);
    book_close(&book);
}

/* ---- ORIGINAL ---- */

static struct match_row *about(struct book *book, enum match_side side, enum row_kind kind,
                               int64_t amount, const char *payment) {
    struct match_row *row = book_add(book, side, kind, amount);
    row->original_id = book_text(book, payment);
    return row;
}

static void refunds_about_one_payment_match_where_one_of_each_side_is_left(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    book_rule(&book, BY_ORIGINAL)->tolerance_minor = 1000;
    about(&book, OURS, ROW_REFUND, -10, "ch_1");
    about(&book, OURS, ROW_REFUND, -20, "ch_1");
    about(&book, OURS, ROW_REFUND, -20, "ch_1");
    about(&book, OURS, ROW_REFUND, -30, "ch_1");
    about(&book, OURS, ROW_REFUND, -10, "ch_2");
    about(&book, OURS, ROW_CHARGEBACK, -10, "ch_2");
    about(&book, OURS, ROW_CHARGE, 70, "ch_3");
    about(&book, THEIRS, ROW_REFUND, -20, "ch_1");
    about(&book, THEIRS, ROW_REFUND, -10, "ch_1");
    about(&book, THEIRS, ROW_REFUND, -31, "ch_1");
    about(&book, THEIRS, ROW_REFUND, -10, "ch_2")->currency = currency_stored("EUR");
    about(&book, THEIRS, ROW_CHARGEBACK, -10, "ch_2")->status = ROW_PENDING;
    about(&book, THEIRS, ROW_CHARGE, 70, "ch_3");
    book_run(&book);
    expect_pair(&book, 0, 1, CLASS_MATCHED);
    expect_alone(&book, OURS, 1, CLASS_REFUND_LOST); /* two of ours of -20 */
    expect_alone(&book, OURS, 2, CLASS_REFUND_LOST);
    expect_alone(&book, THEIRS, 0, CLASS_ORPHAN_REFUND);
    expect_alone(&book, OURS, 3, CLASS_REFUND_LOST); /* the very amount, whatever the tolerance */
    expect_alone(&book, OURS, 4, CLASS_REFUND_LOST); /* another currency */
    expect_pair(&book, 5, 4, CLASS_OPEN_THERE);
    expect_alone(&book, OURS, 6, CLASS_MISSING_THERE); /* payments are about no payment */
    book_close(&book);
}

/* ---- AMOUNT_TIME ---- */

static struct match_row *at(struct book *book, enum match_side side, int64_t amount,
                            int64_t at_us) {
    struct match_row *row = book_add(book, side, ROW_CHARGE, amount);
    row->at_us = at_us;
    return row;
}

static void the_window_of_amount_and_time_holds_at_its_bounds(void **state) {
    (void)state;
    static const struct {
        int64_t before, after, ours, theirs;
        bool found;
    } rows[] = {
        {5, 10, 1000, 1010, true},
        {5, 10, 1000, 1011, false},
        {5, 10, 1000, 995, true},
        {5, 10, 1000, 994, false},
        {0, 0, 1000, 1000, true},
        {0, 0, 1000, 1001, false},
        {5, 10, 0, 5, false},
        {5, 10, 5, 0, false},
        {0, 0, 0, 0, false},
        {INT64_MAX, INT64_MAX, INT64_MIN, INT64_MAX, false},
        {0, INT64_MAX, -1, INT64_MAX - 1, true},
        {0, INT64_MAX, -2, INT64_MAX - 1, false},
        {INT64_MAX, 0, INT64_MAX - 1, -1, true},
        {INT64_MAX, 0, INT64_MAX, INT64_MIN, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct book book;
        book_open(&book);
        struct match_rule *rule = book_rule(&book, BY_AMOUNT_TIME);
        rule->before_us = rows[i].before;
        rule->after_us = rows[i].after;
        rule->tolerance_minor = 1000;
        at(&book, OURS, 100, rows[i].ours);
        at(&book, THEIRS, 100, rows[i].theirs);
        at(&book, THEIRS, 101, rows[i].ours); /* the very amount, whatever the tolerance */
        book_run(&book);
        assert_int_equal(book.match->group_count, rows[i].found ? 2 : 3);
        book_close(&book);
    }
}

static void several_candidates_are_ambiguous_and_none_is_taken(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    struct match_rule *rule = book_rule(&book, BY_AMOUNT_TIME);
    rule->before_us = rule->after_us = 10;
    at(&book, OURS, 100, 1000);                    /* sees both */
    at(&book, OURS, 100, 985);                     /* sees the first only */
    at(&book, OURS, 100, 1016);                    /* sees the second only */
    at(&book, OURS, 7, 1000)->status = ROW_FAILED; /* sees both */
    at(&book, THEIRS, 100, 995);
    at(&book, THEIRS, 100, 1006);
    at(&book, THEIRS, 7, 1000);
    at(&book, THEIRS, 7, 1000);
    book_run(&book);
    expect_alone(&book, OURS, 0, CLASS_AMBIGUOUS);
    expect_alone(&book, OURS, 1, CLASS_MISSING_THERE);
    expect_alone(&book, OURS, 2, CLASS_MISSING_THERE);
    expect_alone(&book, OURS, 3, CLASS_AMBIGUOUS);
    expect_alone(&book, THEIRS, 0, CLASS_MISSING_HERE);
    expect_alone(&book, THEIRS, 1, CLASS_MISSING_HERE);
    assert_int_equal(book_group(&book, OURS, 0)->rule, -1);
    char *why = book_explain(&book, OURS, 0);
    assert_non_null(strstr(why, "theirs 1, 2 fit it equally well, so none was taken.\n"));
    g_free(why);
    why = book_explain(&book, OURS, 1);
    assert_non_null(strstr(why, "theirs 1 fits it, but fits other rows as well"));
    g_free(why);
    struct match_rule *later = book_add_rule(&book, BY_REFERENCE); /* takes what was ambiguous */
    assert_ptr_equal(later, &book.rules[1]);
    book_row(&book, OURS, 0)->reference = book_row(&book, THEIRS, 1)->reference = book_text(&book,
                                                                                            "r");
    book_run(&book);
    expect_pair(&book, 0, 1, CLASS_MATCHED);
    book_close(&book);
}

static void rows_that_an_earlier_rule_told_apart_do_not_match_by_amount(void **state) {
    (void)state;
    static const struct {
        enum row_kind kind;
        const char *our_id, *our_reference, *their_id, *their_reference;
        bool found;
    } rows[] = {
        {ROW_CHARGE, "", "", "", "", true},          {ROW_CHARGE, "a", "", "", "", true},
        {ROW_CHARGE, "a", "", "b", "", false},       {ROW_CHARGE, "", "a", "", "b", false},
        {ROW_CHARGE, "a", "", "", "b", true},        {ROW_CHARGE, "a", "r", "b", "", false},
        {ROW_CHARGE, "a", "r", "", "s", false},      {ROW_CHARGE, "a", "r", "", "", true},
        {ROW_BANK_CREDIT, "a", "r", "b", "s", true}, /* a bank has ids of its own */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct book book;
        book_open(&book);
        struct match_row *row = book_add(&book, OURS, rows[i].kind, 100);
        row->gateway_id = book_text(&book, rows[i].our_id);
        row->reference = book_text(&book, rows[i].our_reference);
        row->at_us = NOW_US;
        row = book_add(&book, THEIRS, rows[i].kind, 100);
        row->gateway_id = book_text(&book, rows[i].their_id);
        row->reference = book_text(&book, rows[i].their_reference);
        row->at_us = NOW_US;
        book_run(&book);
        assert_int_equal(book.match->group_count, rows[i].found ? 1 : 2);
        char *why = book_explain(&book, OURS, 0);
        assert_int_equal(strstr(why, "other ids tell them apart") != NULL, !rows[i].found);
        g_free(why);
        book.options.rules = &book.rules[BY_AMOUNT_TIME]; /* no rule has looked at the ids */
        book.options.rule_count = 1;
        assert_int_equal(book_try(&book), 0);
        assert_int_equal(book.match->group_count, 1);
        book_close(&book);
    }
}

/* ---- BATCH ---- */

static void a_batch_is_named_by_reference_batch_or_a_word_of_the_description(void **state) {
    (void)state;
    static const struct {
        const char *reference, *batch, *description;
        bool named;
    } rows[] = {
        {"po_1", "", "", true},
        {"", "po_1", "", true},
        {"", "", "po_1", true},
        {"", "", "ADYEN TX0000000001XT BATCH po_1 DEMOSHOP", true},
        {"", "", "your payout (po_1), thanks", true},
        {"", "", "payout:po_1;of:today", true},
        {"", "", "payout\tpo_1", true},
        {"", "", "payout po_12", false},
        {"", "", "payout xpo_1", false},
        {"", "", "payout po_1-2", false},
        {"", "", "payout PO_1", false},
        {"po_12", "PO_1", "", false},
        {"", "", "", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct book book;
        book_open(&book);
        book_rule(&book, BY_BATCH);
        book_add(&book, OURS, ROW_CHARGE, 60)->batch = book_text(&book, "po_1");
        book_add(&book, OURS, ROW_CHARGE, 40)->batch = book_text(&book, "po_1");
        struct match_row *row = book_add(&book, THEIRS, ROW_BANK_CREDIT, 100);
        row->reference = book_text(&book, rows[i].reference);
        row->batch = book_text(&book, rows[i].batch);
        row->description = book_text(&book, rows[i].description);
        book_run(&book);
        expect(&book, OURS, 0, rows[i].named ? CLASS_MATCHED : CLASS_MISSING_THERE);
        assert_int_equal(book.match->group_count, rows[i].named ? 1 : 3);
        book_close(&book);
    }
}

static void a_batch_is_what_is_done_less_the_fees_that_are_told(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    struct match_rule *rule = book_rule(&book, BY_BATCH);
    static const struct {
        enum row_kind kind;
        int64_t amount, fee;
        enum row_status status;
    } rows[] = {
        {ROW_CHARGE, 1000, 30, ROW_DONE}, {ROW_CHARGE, 500, AMOUNT_UNSAID, ROW_DONE},
        {ROW_REFUND, -200, -5, ROW_DONE}, {ROW_FEE, -25, AMOUNT_UNSAID, ROW_DONE},
        {ROW_CHARGE, 999, 9, ROW_FAILED},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct match_row *row = book_add(&book, OURS, rows[i].kind, rows[i].amount);
        row->fee_minor = rows[i].fee;
        row->status = rows[i].status;
        row->batch = book_text(&book, "118");
        row->at_us = NOW_US - DAY_US * (10 - (int64_t)i);
    }
    struct match_row *row = book_add(&book, THEIRS, ROW_BANK_CREDIT, 1250);
    row->description = book_text(&book, "BATCH 118");
    row->at_us = NOW_US;
    book_run(&book);
    expect_pair(&book, 0, 0, CLASS_MATCHED);
    assert_int_equal(book_group(&book, THEIRS, 0)->ours, 4);
    expect_alone(&book, OURS, 4, CLASS_NOTHING_MOVED);
    row->amount_minor = 1249;
    book_run(&book);
    expect_pair(&book, 0, 0, CLASS_PAYOUT);
    assert_int_equal(book_group(&book, THEIRS, 0)->difference_minor, -1);
    rule->tolerance_minor = 1;
    book_run(&book);
    expect_pair(&book, 0, 0, CLASS_MATCHED_TOLERANCE);
    rule->after_us = 7 * DAY_US; /* after the last of ours that is done */
    book_run(&book);
    expect_pair(&book, 0, 0, CLASS_MATCHED_TOLERANCE);
    rule->after_us = 7 * DAY_US - 1;
    book_run(&book);
    expect_pair(&book, 0, 0, CLASS_LATE);
    row->status = ROW_PENDING;
    book_run(&book);
    expect_pair(&book, 0, 0, CLASS_OPEN_THERE);
    for (guint i = 0; i < 4; i++) {
        book_row(&book, OURS, i)->due_us = NOW_US + 1;
    }
    book_run(&book);
    expect_pair(&book, 0, 0, CLASS_EXPECTED);
    book_close(&book);
}

static void payouts_are_compared_as_the_bank_sees_them(void **state) {
    (void)state;
    static const struct {
        enum row_kind ours, theirs;
        int64_t our_amount, their_amount;
        enum match_class class;
    } rows[] = {
        {ROW_PAYOUT, ROW_BANK_CREDIT, -100, 100, CLASS_MATCHED},
        {ROW_PAYOUT, ROW_BANK_CREDIT, -100, 99, CLASS_PAYOUT},
        {ROW_PAYOUT, ROW_PAYOUT, -100, -100, CLASS_MATCHED},
        {ROW_PAYOUT, ROW_BANK_DEBIT, -100, -100, CLASS_KIND},
        {ROW_PAYOUT_RETURNED, ROW_BANK_DEBIT, 100, -100, CLASS_MATCHED},
        {ROW_TOPUP, ROW_BANK_DEBIT, 100, -100, CLASS_MATCHED},
        {ROW_TOPUP, ROW_PAYOUT_RETURNED, 100, 100, CLASS_KIND},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (int by = BY_GATEWAY_ID; by <= BY_REFERENCE; by++) {
            struct book book;
            book_open(&book);
            book_rule(&book, (enum match_by)by);
            struct match_row *row = book_add(&book, OURS, rows[i].ours, rows[i].our_amount);
            row->reference = row->gateway_id = book_text(&book, "po_1");
            row = book_add(&book, THEIRS, rows[i].theirs, rows[i].their_amount);
            row->reference = row->gateway_id = book_text(&book, "po_1");
            book_run(&book);
            expect_pair(&book, 0, 0, rows[i].class);
            assert_int_equal(book.match->groups[0].difference_minor,
                             rows[i].class == CLASS_PAYOUT                               ? -1
                             : rows[i].ours == ROW_PAYOUT && rows[i].class == CLASS_KIND ? -200
                                                                                         : 0);
            book_close(&book);
        }
    }
    struct book
        book; /* several payouts in one line of the bank, and with the fee of an instant one */
    book_open(&book);
    book_rule(&book, BY_BATCH);
    book_add(&book, OURS, ROW_PAYOUT, -60)->batch = book_text(&book, "x");
    book_row(&book, OURS, 0)->fee_minor = 1;
    book_add(&book, OURS, ROW_PAYOUT, -40)->batch = book_text(&book, "x");
    book_add(&book, THEIRS, ROW_BANK_CREDIT, 100)->description = book_text(&book, "pays x");
    book_run(&book);
    expect_pair(&book, 0, 0, CLASS_MATCHED);
    assert_int_equal(book.match->group_count, 1);
    book_close(&book);
}

static struct match_row *line(struct book *book, int64_t amount, const char *currency,
                              const char *reference, const char *description) {
    struct match_row *row = book_add(book, THEIRS, ROW_BANK_CREDIT, amount);
    row->currency = currency_stored(currency);
    row->reference = book_text(book, reference);
    row->description = book_text(book, description);
    return row;
}

static struct match_row *part(struct book *book, int64_t amount, const char *currency,
                              const char *batch) {
    struct match_row *row = book_add(book, OURS, ROW_CHARGE, amount);
    row->currency = currency_stored(currency);
    row->batch = book_text(book, batch);
    return row;
}

static void a_batch_goes_to_the_one_row_of_its_currency_that_names_it(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    book_rule(&book, BY_BATCH);
    part(&book, 10, "USD", "a"); /* two lines, one a currency */
    part(&book, 20, "EUR", "a");
    part(&book, 30, "USD", "b"); /* one line, of another currency */
    part(&book, 40, "USD", "c"); /* one line of the first of its currencies */
    part(&book, 50, "EUR", "c");
    part(&book, 60, "USD", "d"); /* two lines of one currency */
    part(&book, 70, "USD", "e"); /* a line that names two batches */
    part(&book, 80, "USD", "f");
    part(&book, 90, "USD", "g");          /* a reference decides against words */
    part(&book, 95, "USD", "2026/118.a"); /* a word of more than letters, between brackets */
    line(&book, 20, "EUR", "a", "");
    line(&book, 10, "USD", "", "for a");
    line(&book, 30, "EUR", "b", "");
    line(&book, 40, "USD", "c", "");
    line(&book, 60, "USD", "d", "");
    line(&book, 60, "USD", "", "d");
    line(&book, 150, "USD", "", "for e and f");
    line(&book, 90, "USD", "g", "for e and f");
    book_add(&book, THEIRS, ROW_CHARGE, 70)->reference = book_text(&book, "e");
    line(&book, 95, "USD", "", "your payout (2026/118.a), thanks");
    book_run(&book);
    expect_pair(&book, 9, 9, CLASS_MATCHED);
    expect_pair(&book, 0, 1, CLASS_MATCHED);
    expect_pair(&book, 1, 0, CLASS_MATCHED);
    expect_pair(&book, 2, 2, CLASS_CURRENCY);
    expect_pair(&book, 3, 3, CLASS_MATCHED);
    expect_alone(&book, OURS, 4, CLASS_MISSING_THERE);
    expect_alone(&book, OURS, 5, CLASS_MISSING_THERE);
    expect_alone(&book, THEIRS, 4, CLASS_BANK_UNKNOWN);
    expect_alone(&book, THEIRS, 5, CLASS_BANK_UNKNOWN);
    expect_alone(&book, OURS, 6, CLASS_MISSING_THERE);
    expect_alone(&book, OURS, 7, CLASS_MISSING_THERE);
    expect_alone(&book, THEIRS, 6, CLASS_BANK_UNKNOWN);
    expect_pair(&book, 8, 7, CLASS_MATCHED);
    expect_alone(&book, THEIRS, 8, CLASS_MISSING_HERE); /* a payment is no payout */
    book_close(&book);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_matches_what_it_is_for_and_nothing_else),
        cmocka_unit_test(rules_are_tried_in_their_order_and_take_only_what_is_left),
        cmocka_unit_test(rows_of_different_families_never_meet),
        cmocka_unit_test(a_rule_with_families_passes_over_all_others),
        cmocka_unit_test(without_rules_every_row_stands_alone),
        cmocka_unit_test(empty_sides_are_no_error),
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
        cmocka_unit_test(a_reference_with_rows_of_one_side_only_is_left_for_later_rules),
        cmocka_unit_test(refunds_about_one_payment_match_where_one_of_each_side_is_left),
        cmocka_unit_test(the_window_of_amount_and_time_holds_at_its_bounds),
        cmocka_unit_test(several_candidates_are_ambiguous_and_none_is_taken),
        cmocka_unit_test(rows_that_an_earlier_rule_told_apart_do_not_match_by_amount),
        cmocka_unit_test(a_batch_is_named_by_reference_batch_or_a_word_of_the_description),
        cmocka_unit_test(a_batch_is_what_is_done_less_the_fees_that_are_told),
        cmocka_unit_test(payouts_are_compared_as_the_bank_sees_them),
        cmocka_unit_test(a_batch_goes_to_the_one_row_of_its_currency_that_names_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
