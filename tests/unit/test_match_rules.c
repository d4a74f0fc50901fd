/* SPDX-License-Identifier: Apache-2.0
 * test_match_rules.c: who meets whom, one test a sentence of match.h: every way for itself, refunds
 * by their payment, amount and time, batches. Several rows of one name: test_match_many.c. */
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
