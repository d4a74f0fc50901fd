/* SPDX-License-Identifier: Apache-2.0
 * test_match.c: the matcher, one test a sentence of match.h: classes, two rows side by side, sums,
 * order, refusals, hostile books. test_match_rules.c has who meets whom, test_match_explain.c the
 * words. */
#include "match/match_impl.h"
#include "match_fixture.h"

/* One row a side with one reference; the class after `change`. */
static enum match_class class_of_one(enum row_kind kind, int64_t our_amount, int64_t their_amount,
                                     void (*change)(struct match_row *ours,
                                                    struct match_row *theirs,
                                                    struct match_options *options)) {
    struct book book;
    book_open(&book);
    struct match_row *a = book_add(&book, OURS, kind, our_amount);
    struct match_row *b = book_add(&book, THEIRS, kind, their_amount);
    a->reference = b->reference = book_text(&book, "r");
    if (change != NULL) {
        change(a, b, &book.options);
    }
    book_run(&book);
    enum match_class class = book_group(&book, OURS, 0)->class;
    assert_int_equal(book.match->group_count, 1);
    book_close(&book);
    return class;
}

/* ---- names ---- */

static void every_class_risk_and_way_has_a_name_and_other_numbers_have_none(void **state) {
    (void)state;
#define X(NAME, number, text, risk, what)                                                          \
    assert_int_equal(CLASS_##NAME, number);                                                        \
    assert_string_equal(match_class_name(CLASS_##NAME), text);                                     \
    assert_string_equal(match_class_what(CLASS_##NAME), what);                                     \
    assert_int_equal(match_class_risk(CLASS_##NAME), RISK_##risk);
#include "match/match_classes.def"
#undef X
    assert_string_equal(match_class_name((enum match_class)0), "?");
    assert_string_equal(match_class_name((enum match_class)9), "?");
    assert_string_equal(match_class_name(CLASS_COUNT), "?");
    assert_string_equal(match_class_what((enum match_class) - 1), "?");
    assert_int_equal(match_class_risk(CLASS_COUNT), RISK_NONE);
    assert_string_equal(match_risk_name(RISK_NONE), "none");
    assert_string_equal(match_risk_name(RISK_CRITICAL), "critical");
    assert_string_equal(match_risk_name((enum match_risk)5), "?");
    for (int by = 0; by < MATCH_WAYS; by++) {
        assert_string_not_equal(match_by_name((enum match_by)by), "?");
    }
    assert_string_equal(match_by_name(BY_GATEWAY_ID), "gateway_id");
    assert_string_equal(match_by_name(MATCH_WAYS), "?");
}

static void the_usual_rules_go_from_ids_to_amounts_and_are_exact(void **state) {
    (void)state;
    int count = 0;
    const struct match_rule *rules = match_rules_usual(&count);
    assert_int_equal(count, 4);
    for (int i = 0; i < count; i++) {
        assert_int_equal(rules[i].by, BY_GATEWAY_ID + i);
        assert_int_equal(rules[i].tolerance_minor, 0);
        assert_int_equal(rules[i].tolerance_ppm, 0);
        assert_int_equal(rules[i].families, 0);
        assert_non_null(rules[i].name);
    }
    assert_int_equal(rules[BY_AMOUNT_TIME].before_us, 3 * DAY_US);
    assert_int_equal(rules[BY_AMOUNT_TIME].after_us, 3 * DAY_US);
}

/* ---- every class ---- */

static void make_matched(struct book *b) {
    ours(b, 100, "r");
    theirs(b, 100, "r");
}
static void make_matched_tolerance(struct book *b) {
    b->rules[1].tolerance_minor = 5;
    ours(b, 100, "r");
    theirs(b, 105, "r");
}
static void make_nothing_moved(struct book *b) {
    ours(b, 100, "r")->status = ROW_FAILED;
}
static void make_expected(struct book *b) {
    ours(b, 100, "r")->due_us = NOW_US + 1;
}
static void make_gateways_own(struct book *b) {
    book_add(b, THEIRS, ROW_FEE, -30);
}
static void make_missing_there(struct book *b) {
    ours(b, 100, "r");
}
static void make_missing_here(struct book *b) {
    theirs(b, 100, "r");
}
static void make_paid_there(struct book *b) {
    ours(b, 100, "r")->status = ROW_PENDING;
    theirs(b, 100, "r");
}
static void make_open_there(struct book *b) {
    ours(b, 100, "r");
    theirs(b, 100, "r")->status = ROW_FAILED;
}
static void make_amount_over(struct book *b) {
    ours(b, 100, "r");
    theirs(b, 101, "r");
}
static void make_amount_under(struct book *b) {
    ours(b, 100, "r");
    theirs(b, 99, "r");
}
static void make_currency(struct book *b) {
    ours(b, 100, "r");
    theirs(b, 100, "r")->currency = currency_stored("EUR");
}
static void make_duplicate_there(struct book *b) {
    ours(b, 100, "r");
    theirs(b, 100, "r");
    theirs(b, 100, "r");
}
static void make_duplicate_here(struct book *b) {
    ours(b, 100, "r");
    ours(b, 100, "r");
    theirs(b, 100, "r");
}
static void make_double_charge(struct book *b) {
    ours(b, 100, "r");
    theirs(b, 100, "r")->gateway_id = book_text(b, "ch_1");
    theirs(b, 100, "r")->gateway_id = book_text(b, "ch_2");
}
static void make_orphan_refund(struct book *b) {
    book_add(b, THEIRS, ROW_REFUND, -100);
}
static void make_orphan_dispute(struct book *b) {
    book_add(b, THEIRS, ROW_CHARGEBACK, -100);
}
static void make_refund_mismatch(struct book *b) {
    book_add(b, OURS, ROW_REFUND, -100)->reference = book_text(b, "r");
    book_add(b, THEIRS, ROW_REFUND, -90)->reference = book_text(b, "r");
}
static void make_refund_lost(struct book *b) {
    book_add(b, OURS, ROW_REFUND, -100);
}
static void make_fee(struct book *b) {
    ours(b, 100, "r")->fee_minor = 3;
    theirs(b, 100, "r")->fee_minor = 4;
}
static void make_late(struct book *b) {
    b->rules[1].after_us = DAY_US;
    ours(b, 100, "r")->at_us = NOW_US - 9 * DAY_US;
    theirs(b, 100, "r")->at_us = NOW_US - 7 * DAY_US;
}
static void make_split(struct book *b) {
    ours(b, 100, "r");
    theirs(b, 60, "r");
    theirs(b, 39, "r");
}
static void make_ambiguous(struct book *b) {
    book_add(b, OURS, ROW_CHARGE, 100)->at_us = NOW_US - 9 * DAY_US;
    book_add(b, THEIRS, ROW_CHARGE, 100)->at_us = NOW_US - 9 * DAY_US;
    book_add(b, THEIRS, ROW_CHARGE, 100)->at_us = NOW_US - 8 * DAY_US;
}
static void make_payout(struct book *b) {
    book_rule(b, BY_BATCH);
    book_add(b, OURS, ROW_CHARGE, 100)->batch = book_text(b, "po");
    book_add(b, THEIRS, ROW_BANK_CREDIT, 99)->reference = book_text(b, "po");
}
static void make_bank_missing(struct book *b) {
    book_add(b, OURS, ROW_PAYOUT, -100);
}
static void make_bank_unknown(struct book *b) {
    book_add(b, THEIRS, ROW_BANK_CREDIT, 100);
}
static void make_kind(struct book *b) {
    book_add(b, OURS, ROW_REFUND, -100)->reference = book_text(b, "r");
    book_add(b, THEIRS, ROW_REFUND_RETURNED, 100)->reference = book_text(b, "r");
}

static const struct {
    enum match_class class;
    void (*make)(struct book *book);
} made[] = {
    {CLASS_MATCHED, make_matched},
    {CLASS_MATCHED_TOLERANCE, make_matched_tolerance},
    {CLASS_NOTHING_MOVED, make_nothing_moved},
    {CLASS_EXPECTED, make_expected},
    {CLASS_GATEWAYS_OWN, make_gateways_own},
    {CLASS_MISSING_THERE, make_missing_there},
    {CLASS_MISSING_HERE, make_missing_here},
    {CLASS_PAID_THERE, make_paid_there},
    {CLASS_OPEN_THERE, make_open_there},
    {CLASS_AMOUNT_OVER, make_amount_over},
    {CLASS_AMOUNT_UNDER, make_amount_under},
    {CLASS_CURRENCY, make_currency},
    {CLASS_DUPLICATE_THERE, make_duplicate_there},
    {CLASS_DUPLICATE_HERE, make_duplicate_here},
    {CLASS_DOUBLE_CHARGE, make_double_charge},
    {CLASS_ORPHAN_REFUND, make_orphan_refund},
    {CLASS_ORPHAN_DISPUTE, make_orphan_dispute},
    {CLASS_REFUND_MISMATCH, make_refund_mismatch},
    {CLASS_REFUND_LOST, make_refund_lost},
    {CLASS_FEE, make_fee},
    {CLASS_LATE, make_late},
    {CLASS_SPLIT, make_split},
    {CLASS_AMBIGUOUS, make_ambiguous},
    {CLASS_PAYOUT, make_payout},
    {CLASS_BANK_MISSING, make_bank_missing},
    {CLASS_BANK_UNKNOWN, make_bank_unknown},
    {CLASS_KIND, make_kind},
};

/* The first group that is no plain match has the class; a class without a case here fails. */
static void every_class_has_a_book_that_gives_it(void **state) {
    (void)state;
    static const enum match_class all[] = {
#define X(name, number, text, risk, what) CLASS_##name,
#include "match/match_classes.def"
#undef X
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct book book;
        /* What only a run of the service knows (run_class.c). */
        bool found = all[i] == CLASS_TWO_GATEWAYS || all[i] == CLASS_REFUND_FAILED ||
                     all[i] == CLASS_OPEN_HERE || all[i] == CLASS_PROBE;
        book_open(&book);
        for (size_t j = 0; j < COUNT_OF(made); j++) {
            if (made[j].class == all[i]) {
                made[j].make(&book);
                book_run(&book);
                for (size_t g = 0; g < book.match->group_count; g++) {
                    found = found || book.match->groups[g].class == all[i];
                }
            }
        }
        if (!found) {
            fail_msg("no book of this test gives the class %s", match_class_name(all[i]));
        }
        book_close(&book);
    }
}

/* ---- texts ---- */

static void texts_are_equal_only_byte_by_byte_and_in_length(void **state) {
    (void)state;
    static const struct {
        const char *ours;
        uint32_t our_count;
        const char *theirs;
        uint32_t their_count;
        bool equal;
    } rows[] = {
        {"abc", 3, "abc", 3, true},   {"abc", 3, "abcd", 4, false},
        {"abcd", 4, "abc", 3, false}, {"abcx", 3, "abcy", 3, true},
        {"a\0b", 3, "a\0b", 3, true}, {"a\0b", 3, "a\0c", 3, false},
        {"a\0", 2, "a", 1, false},    {"\0", 1, "\0", 1, true},
        {"ABC", 3, "abc", 3, false},  {"", 0, "", 0, false},
        {NULL, 0, NULL, 0, false},    {"\xff\xfe", 2, "\xff\xfe", 2, true},
        {" abc", 4, "abc", 3, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (int by = BY_GATEWAY_ID; by <= BY_REFERENCE; by++) {
            struct book book;
            book_open(&book);
            book_rule(&book, (enum match_by)by);
            struct match_text a = {rows[i].ours, rows[i].our_count};
            struct match_text b = {rows[i].theirs, rows[i].their_count};
            struct match_row *row = book_add(&book, OURS, ROW_CHARGE, 100);
            *(by == BY_GATEWAY_ID ? &row->gateway_id : &row->reference) = a;
            row = book_add(&book, THEIRS, ROW_CHARGE, 100);
            *(by == BY_GATEWAY_ID ? &row->gateway_id : &row->reference) = b;
            book_run(&book);
            assert_int_equal(book.match->group_count, rows[i].equal ? 1 : 2);
            book_close(&book);
        }
    }
}

/* ---- one to one ---- */

static void all_differ(struct match_row *a, struct match_row *b, struct match_options *options) {
    (void)options;
    a->kind = ROW_REFUND_RETURNED;
    b->currency = currency_stored("EUR");
    b->status = ROW_FAILED;
    a->fee_minor = 1;
    b->fee_minor = 2;
}
static void from_currency(struct match_row *a, struct match_row *b, struct match_options *options) {
    all_differ(a, b, options);
    a->kind = b->kind;
}
static void from_status(struct match_row *a, struct match_row *b, struct match_options *options) {
    from_currency(a, b, options);
    b->currency = a->currency;
}
static void from_amount(struct match_row *a, struct match_row *b, struct match_options *options) {
    from_status(a, b, options);
    b->status = a->status;
}

static void of_what_differs_the_first_decides_kind_currency_status_amount_fee(void **state) {
    (void)state;
    assert_int_equal(class_of_one(ROW_REFUND, -100, -90, all_differ), CLASS_KIND);
    assert_int_equal(class_of_one(ROW_REFUND, -100, -90, from_currency), CLASS_CURRENCY);
    assert_int_equal(class_of_one(ROW_REFUND, -100, -90, from_status), CLASS_OPEN_THERE);
    assert_int_equal(class_of_one(ROW_REFUND, -100, -90, from_amount), CLASS_REFUND_MISMATCH);
    assert_int_equal(class_of_one(ROW_REFUND, -100, -100, from_amount), CLASS_FEE);
    assert_int_equal(class_of_one(ROW_CHARGE, 100, 90, from_amount), CLASS_AMOUNT_UNDER);
    assert_int_equal(class_of_one(ROW_CHARGE, 100, 110, from_amount), CLASS_AMOUNT_OVER);
    assert_int_equal(class_of_one(ROW_CHARGEBACK, -100, -120, NULL), CLASS_AMOUNT_UNDER);
    assert_int_equal(class_of_one(ROW_CHARGEBACK, -100, -80, NULL), CLASS_AMOUNT_OVER);
}

static void statuses_side_by_side_decide_as_the_table_says(void **state) {
    (void)state;
    enum { FAR, OVER };
    static const enum match_class expected[2][4][4] = {
        [FAR] = {[ROW_DONE] = {0, CLASS_MATCHED, CLASS_EXPECTED, CLASS_OPEN_THERE},
                 [ROW_PENDING] = {0, CLASS_PAID_THERE, CLASS_NOTHING_MOVED, CLASS_NOTHING_MOVED},
                 [ROW_FAILED] = {0, CLASS_PAID_THERE, CLASS_NOTHING_MOVED, CLASS_NOTHING_MOVED}},
        [OVER] = {[ROW_DONE] = {0, CLASS_MATCHED, CLASS_OPEN_THERE, CLASS_OPEN_THERE},
                  [ROW_PENDING] = {0, CLASS_PAID_THERE, CLASS_NOTHING_MOVED, CLASS_NOTHING_MOVED},
                  [ROW_FAILED] = {0, CLASS_PAID_THERE, CLASS_NOTHING_MOVED, CLASS_NOTHING_MOVED}},
    };
    for (int due = FAR; due <= OVER; due++) {
        for (int a = ROW_DONE; a <= ROW_FAILED; a++) {
            for (int b = ROW_DONE; b <= ROW_FAILED; b++) {
                struct book book;
                book_open(&book);
                struct match_row *row = ours(&book, 100, "r");
                row->status = (enum row_status)a;
                row->due_us = due == FAR ? NOW_US + 1 : NOW_US;
                theirs(&book, 100, "r")->status = (enum row_status)b;
                book_run(&book);
                expect_pair(&book, 0, 0, expected[due][a][b]);
                book_close(&book);
            }
        }
    }
}

static void a_due_time_is_over_when_it_is_reached_and_never_when_it_is_for_ever(void **state) {
    (void)state;
    static const struct {
        int64_t due_us, now_us;
        bool over;
    } rows[] = {
        {NOW_US, NOW_US - 1, false},
        {NOW_US, NOW_US, true},
        {NOW_US, NOW_US + 1, true},
        {INT64_MAX, NOW_US, false},
        {INT64_MAX, INT64_MAX, false},
        {INT64_MAX - 1, INT64_MAX, true},
        {0, 0, true},
        {INT64_MIN, INT64_MIN, true},
        {0, INT64_MIN, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (int refund = 0; refund < 2; refund++) {
            struct book book;
            book_open(&book);
            book.options.now_us = rows[i].now_us;
            book_add(&book, OURS, refund ? ROW_REFUND : ROW_CHARGE, 5)->due_us = rows[i].due_us;
            book_run(&book);
            expect_alone(&book, OURS, 0,
                         !rows[i].over ? CLASS_EXPECTED
                         : refund      ? CLASS_REFUND_LOST
                                       : CLASS_MISSING_THERE);
            book_close(&book);
        }
    }
}

static void what_is_left_over_has_the_class_of_its_side_family_and_status(void **state) {
    (void)state;
    static const struct {
        enum row_kind kind;
        enum match_class ours, theirs;
    } rows[] = {
        {ROW_CHARGE, CLASS_MISSING_THERE, CLASS_MISSING_HERE},
        {ROW_REFUND, CLASS_REFUND_LOST, CLASS_ORPHAN_REFUND},
        {ROW_REFUND_RETURNED, CLASS_REFUND_LOST, CLASS_ORPHAN_REFUND},
        {ROW_CHARGEBACK, CLASS_MISSING_THERE, CLASS_ORPHAN_DISPUTE},
        {ROW_CHARGEBACK_RETURNED, CLASS_MISSING_THERE, CLASS_ORPHAN_DISPUTE},
        {ROW_FEE, CLASS_MISSING_THERE, CLASS_GATEWAYS_OWN},
        {ROW_PAYOUT, CLASS_BANK_MISSING, CLASS_GATEWAYS_OWN},
        {ROW_BANK_CREDIT, CLASS_BANK_MISSING, CLASS_BANK_UNKNOWN},
        {ROW_BANK_DEBIT, CLASS_BANK_MISSING, CLASS_BANK_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (int status = ROW_DONE; status <= ROW_FAILED; status++) {
            struct book book;
            bool own = rows[i].kind == ROW_FEE, done = status == ROW_DONE;
            book_open(&book);
            book_add(&book, OURS, rows[i].kind, 1)->status = (enum row_status)status;
            book_add(&book, THEIRS, rows[i].kind, 2)->status = (enum row_status)status;
            book_run(&book);
            expect_alone(&book, OURS, 0, done ? rows[i].ours : CLASS_NOTHING_MOVED);
            expect_alone(&book, THEIRS, 0, done || own ? rows[i].theirs : CLASS_NOTHING_MOVED);
            book_close(&book);
        }
    }
}

/* ---- tolerances ---- */

static void a_tolerance_holds_at_its_bound_and_not_beyond(void **state) {
    (void)state;
    static const struct {
        int64_t minor;
        int ppm;
        int64_t ours, theirs;
        bool within;
    } rows[] = {
        {0, 0, 100, 101, false},
        {1, 0, 100, 101, true},
        {1, 0, 100, 99, true},
        {1, 0, 100, 102, false},
        {0, 10000, 100, 101, true}, /* one per cent */
        {0, 10000, 100, 102, false},
        {0, 9999, 100, 101, false}, /* 0.9999 is less than 1 */
        {0, 10000, -100, -101, true},
        {0, 10000, -100, -99, true},
        {0, 10000, -100, -98, false},
        {0, 10000, -100, 100, false},
        {5, 10000, 100, 105, true}, /* the larger of both */
        {5, 100000, 100, 110, true},
        {5, 100000, 100, 111, false},
        {0, 1000000, 100, 0, true},
        {0, INT32_MAX, 1, 2148, true},
        {0, INT32_MAX, 1, 2149, false},
        {0, 1000000, 0, 1, false},
        {INT64_MAX, 0, -1, INT64_MAX - 1, true},
        {INT64_MAX - 1, 0, -1, INT64_MAX - 1, false},
        {0, 1000000, INT64_MAX, 0, true},
        {0, 999999, INT64_MAX, 0, false},
        {0, 1000000, -INT64_MAX, 0, true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct book book;
        book_open(&book);
        struct match_rule *rule = book_rule(&book, BY_REFERENCE);
        rule->tolerance_minor = rows[i].minor;
        rule->tolerance_ppm = rows[i].ppm;
        ours(&book, rows[i].ours, "r");
        theirs(&book, rows[i].theirs, "r");
        book_run(&book);
        expect_pair(&book, 0, 0,
                    rows[i].within                  ? CLASS_MATCHED_TOLERANCE
                    : rows[i].theirs > rows[i].ours ? CLASS_AMOUNT_OVER
                                                    : CLASS_AMOUNT_UNDER);
        book_close(&book);
    }
}

static void fees_are_compared_where_both_tell_them_and_unless_that_is_switched_off(void **state) {
    (void)state;
    static const struct {
        int64_t tolerance, ours, theirs;
        enum match_class class;
    } rows[] = {
        {0, 3, 3, CLASS_MATCHED},
        {0, 3, 4, CLASS_FEE},
        {1, 3, 4, CLASS_MATCHED},
        {1, 3, 2, CLASS_MATCHED},
        {1, 3, 5, CLASS_FEE},
        {-1, 3, 5, CLASS_MATCHED},
        {0, AMOUNT_UNSAID, 5, CLASS_MATCHED},
        {0, 3, AMOUNT_UNSAID, CLASS_MATCHED},
        {0, 0, 5, CLASS_FEE},
        {INT64_MAX, -INT64_MAX, INT64_MAX, CLASS_FEE},
        {INT64_MAX, 0, INT64_MAX, CLASS_MATCHED},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct book book;
        book_open(&book);
        book.options.fee_tolerance_minor = rows[i].tolerance;
        ours(&book, 100, "r")->fee_minor = rows[i].ours;
        theirs(&book, 100, "r")->fee_minor = rows[i].theirs;
        book_run(&book);
        expect_pair(&book, 0, 0, rows[i].class);
        book_close(&book);
    }
}

static void a_time_outside_its_window_is_late_where_both_tell_one(void **state) {
    (void)state;
    static const struct {
        int64_t before, after, ours, theirs;
        bool late;
    } rows[] = {
        {5, 10, 1000, 1010, false},
        {5, 10, 1000, 1011, true},
        {5, 10, 1000, 995, false},
        {5, 10, 1000, 994, true},
        {0, 10, 1000, 999, true},
        {10, 0, 1000, 1001, true},
        {0, 0, 1000, 9999, false},
        {5, 10, 0, 9999, false},
        {5, 10, 1000, 0, false},
        {5, 10, INT64_MIN, INT64_MAX, true},
        {INT64_MAX, INT64_MAX, INT64_MIN, INT64_MAX, true},
        {INT64_MAX, INT64_MAX, -1, INT64_MAX - 1, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct book book;
        book_open(&book);
        struct match_rule *rule = book_rule(&book, BY_REFERENCE);
        rule->before_us = rows[i].before;
        rule->after_us = rows[i].after;
        ours(&book, 100, "r")->at_us = rows[i].ours;
        theirs(&book, 100, "r")->at_us = rows[i].theirs;
        book_run(&book);
        expect_pair(&book, 0, 0, rows[i].late ? CLASS_LATE : CLASS_MATCHED);
        book_close(&book);
    }
}

/* ---- money ---- */

static void amounts_that_cannot_be_added_are_refused_and_never_wrapped(void **state) {
    (void)state;
    static const struct {
        int64_t ours[2], theirs[2];
        bool fits;
    } rows[] = {
        {{INT64_MAX, 0}, {INT64_MAX, 0}, true},
        {{-INT64_MAX, 0}, {-INT64_MAX, 0}, true},
        {{INT64_MAX - 1, 1}, {INT64_MAX - 1, 1}, true},
        {{INT64_MAX, 1}, {0, 0}, false},
        {{0, 0}, {INT64_MAX, -1}, false}, /* a part of it would not fit in another order */
        {{INT64_MIN, 0}, {0, 0}, false},
        {{0, 0}, {INT64_MIN, 0}, false},
        {{-1, 0}, {INT64_MAX - 1, 0}, true},
        {{-1, 0}, {INT64_MAX, 0}, false}, /* theirs less ours */
        {{INT64_MAX, 0}, {-1, 0}, true},
        {{INT64_MAX, 0}, {-2, 0}, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct book book;
        book_open(&book);
        for (int j = 0; j < 2; j++) {
            ours(&book, rows[i].ours[j], j == 0 ? "r" : "s");
            theirs(&book, rows[i].theirs[j], j == 0 ? "r" : "s");
        }
        struct match *before = book.match;
        int rc = book_try(&book);
        assert_int_equal(rc, rows[i].fits ? 0 : -ERR_AMOUNT);
        if (rows[i].fits) {
            check_groups(book.match);
            check_sums(book.match);
        } else {
            assert_ptr_equal(book.match, before);
            assert_int_equal(book.err.code, ERR_AMOUNT);
        }
        book_close(&book);
    }
}

static void fees_that_cannot_be_added_are_refused_too(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    ours(&book, 1, "r")->fee_minor = INT64_MAX;
    ours(&book, 1, "s")->fee_minor = 0;
    book_run(&book);
    book_row(&book, OURS, 1)->fee_minor = 1;
    assert_int_equal(book_try(&book), -ERR_AMOUNT);
    assert_non_null(strstr(book.err.detail, "fees"));
    book_row(&book, OURS, 1)->fee_minor = AMOUNT_UNSAID;
    book_run(&book);
    book_close(&book);
}

static void a_difference_is_theirs_less_ours_and_none_between_currencies(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    ours(&book, 100, "over");
    theirs(&book, 130, "over");
    ours(&book, 100, "currency");
    theirs(&book, 130, "currency")->currency = currency_stored("EUR");
    ours(&book, 100, "missing there");
    theirs(&book, 70, "missing here");
    book_run(&book);
    assert_int_equal(book_group(&book, OURS, 0)->difference_minor, 30);
    assert_int_equal(book_group(&book, OURS, 1)->difference_minor, 0);
    assert_int_equal(book_group(&book, OURS, 2)->difference_minor, -100);
    assert_int_equal(book_group(&book, THEIRS, 2)->difference_minor, 70);
    book_close(&book);
}

static void sums_stand_by_currency_then_class_with_the_fees_that_are_told(void **state) {
    (void)state;
    struct book book;
    book_open(&book);
    ours(&book, 100, "a")->fee_minor = 3;
    theirs(&book, 100, "a")->fee_minor = 3;
    ours(&book, 50, "b");
    theirs(&book, 50, "b")->fee_minor = 2;
    ours(&book, 40, "c")->currency = currency_stored("EUR");
    theirs(&book, 9, "d");
    book_run(&book);
    assert_int_equal(book.match->sum_count, 3);
    const struct match_sum *sum = book.match->sums;
    assert_string_equal(sum[0].currency.code, "EUR");
    assert_int_equal(sum[0].class, CLASS_MISSING_THERE);
    assert_int_equal(sum[0].amount_minor[OURS], 40);
    assert_int_equal(sum[0].rows[THEIRS], 0);
    assert_string_equal(sum[1].currency.code, "USD");
    assert_int_equal(sum[1].class, CLASS_MATCHED);
    assert_int_equal(sum[1].amount_minor[OURS], 150);
    assert_int_equal(sum[1].fee_minor[OURS], 3);
    assert_int_equal(sum[1].fee_minor[THEIRS], 5);
    assert_int_equal(sum[2].class, CLASS_MISSING_HERE);
    assert_int_equal(sum[2].amount_minor[THEIRS], 9);
    book_close(&book);
}

/* ---- order ---- */

static void groups_and_members_stand_in_the_order_of_numbers_not_of_the_rows(void **state) {
    (void)state;
    static const int64_t our_numbers[] = {7, -3, INT64_MAX, INT64_MIN, 0};
    static const int64_t their_numbers[] = {40, INT64_MIN, 5, -1, INT64_MAX};
    struct book book;
    book_open(&book);
    for (size_t i = 0; i < COUNT_OF(our_numbers); i++) {
        ours(&book, 10, i % 2 == 0 ? "sum" : "")->number = our_numbers[i];
        theirs(&book, 15, i < 2 ? "sum" : "")->number = their_numbers[i];
    }
    book_run(&book);
    static const struct {
        enum match_side side;
        int64_t number;
    } first[] = {{OURS, INT64_MIN}, {OURS, -3},  {OURS, 0},
                 {THEIRS, -1},      {THEIRS, 5}, {THEIRS, INT64_MAX}};
    assert_int_equal(book.match->group_count, COUNT_OF(first));
    for (size_t i = 0; i < COUNT_OF(first); i++) {
        const struct match_group *group = &book.match->groups[i];
        uint32_t row = book.match->members[group->first];
        assert_int_equal(group->ours > 0 ? OURS : THEIRS, first[i].side);
        assert_true(book_row(&book, first[i].side, row)->number == first[i].number);
    }
    const struct match_group *group = &book.match->groups[2];
    static const int64_t members[] = {0, 7, INT64_MAX, INT64_MIN, 40};
    assert_int_equal(group->class, CLASS_MATCHED);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        uint32_t row = book.match->members[group->first + i];
        assert_true(book_row(&book, i < 3 ? OURS : THEIRS, row)->number == members[i]);
    }
    book_close(&book);
}

/* ---- what is refused ---- */

static void rules_that_cannot_be_are_refused(void **state) {
    (void)state;
    static const struct match_rule wrong[] = {
        {.by = BY_REFERENCE, .name = "x", .tolerance_minor = -1},
        {.by = BY_REFERENCE, .name = "x", .tolerance_ppm = -1},
        {.by = BY_REFERENCE, .name = "x", .before_us = -1},
        {.by = BY_REFERENCE, .name = "x", .after_us = -1},
        {.by = BY_REFERENCE, .name = NULL},
        {.by = MATCH_WAYS, .name = "x"},
    };
    struct book book;
    book_open(&book);
    ours(&book, 1, "r");
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        book.rules[2] = wrong[i];
        assert_int_equal(book_try(&book), -ERR_VALIDATION);
        assert_null(book.match);
    }
    book.options.rule_count = MATCH_RULES_MAX + 1;
    assert_int_equal(book_try(&book), -ERR_VALIDATION);
    book.options.rule_count = -1;
    assert_int_equal(book_try(&book), -ERR_VALIDATION);
    book_close(&book);
}

static void more_rows_than_the_maximum_are_refused_before_any_is_looked_at(void **state) {
    (void)state;
    struct match_options options = {0};
    struct match *match = NULL;
    struct err err;
    size_t many_rows = (size_t)MATCH_ROWS_MAX + 1;
    assert_int_equal(match_run(NULL, many_rows, NULL, 0, &options, &match, &err), -ERR_TOO_LARGE);
    assert_int_equal(match_run(NULL, 0, NULL, many_rows, &options, &match, &err), -ERR_TOO_LARGE);
    assert_null(match);
    assert_int_equal(match_run(NULL, 0, NULL, 0, &options, &match, &err), 0);
    match_free(match);
}

/* ---- hostile books ---- */

/* Texts whose keys collide, found by trying: what is not compared byte by byte mixes them up. */
static void texts_with_one_hash_are_told_apart_by_their_bytes(void **state) {
    (void)state;
    static const char *const ids[] = {"ch_4353559", "ch_11077991"};
    static const char *const batches[] = {"ch_466223", "ch_10120436"};
    struct book book;
    book_open(&book);
    book_rule(&book, BY_GATEWAY_ID);
    book_add_rule(&book, BY_BATCH)->families = 1U << FAMILY_REFUND;
    for (int i = 0; i < 6; i++) {
        book_add(&book, OURS, ROW_CHARGE, 100 + i)->gateway_id = book_text(&book, ids[i % 2]);
        book_add(&book, THEIRS, ROW_CHARGE, 105 - i)->gateway_id = book_text(&book,
                                                                             ids[(i + 1) % 2]);
    }
    for (int i = 0; i < 4; i++) {
        book_add(&book, OURS, ROW_REFUND, -10)->batch = book_text(&book, batches[i % 2]);
    }
    book_add(&book, THEIRS, ROW_BANK_DEBIT, -20)->reference = book_text(&book, batches[1]);
    book_add(&book, THEIRS, ROW_BANK_DEBIT, -20)->description = book_text(&book, batches[0]);
    uint64_t seed = MATCH_SEED + FAMILY_PAYMENT;
    assert_int_equal(match_text_key(&book_row(&book, OURS, 0)->gateway_id, seed),
                     match_text_key(&book_row(&book, OURS, 1)->gateway_id, seed));
    assert_int_equal(match_text_key(&book_row(&book, OURS, 6)->batch, MATCH_SEED),
                     match_text_key(&book_row(&book, OURS, 7)->batch, MATCH_SEED));
    book_run(&book);
    for (guint i = 0; i < 6; i++) {
        expect_pair(&book, i, 5 - i, CLASS_MATCHED);
    }
    expect_pair(&book, 6, 7, CLASS_MATCHED);
    expect_pair(&book, 7, 6, CLASS_MATCHED);
    assert_int_equal(book.match->group_count, 8);
    book_close(&book);
}

/* Steps that grow with the square of the rows would take hours here. */
static void many_rows_that_are_all_alike_are_matched_in_a_walk(void **state) {
    (void)state;
    enum { ROWS = 30000 };
    for (int by = 0; by < MATCH_BY_COUNT; by++) {
        struct book book;
        book_open(&book);
        struct match_rule *rule = book_rule(&book, (enum match_by)by);
        rule->before_us = rule->after_us = by == BY_AMOUNT_TIME ? DAY_US : 0;
        struct match_text text = book_text(&book, "the same");
        for (int i = 0; i < 2 * ROWS; i++) {
            enum match_side side = (enum match_side)(i % MATCH_SIDES);
            bool bank = by == BY_BATCH && side == THEIRS;
            struct match_row *row = book_add(&book, side,
                                             bank                ? ROW_BANK_CREDIT
                                             : by == BY_ORIGINAL ? ROW_REFUND
                                                                 : ROW_CHARGE,
                                             100);
            row->gateway_id = row->reference = row->original_id = row->batch = text;
            row->at_us = NOW_US;
        }
        book_run_every(&book, ROWS / 2);
        size_t pairs = by == BY_GATEWAY_ID || by == BY_REFERENCE ? ROWS : 0;
        assert_int_equal(book.match->group_count, 2 * ROWS - pairs);
        book_close(&book);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_risk_and_way_has_a_name_and_other_numbers_have_none),
        cmocka_unit_test(the_usual_rules_go_from_ids_to_amounts_and_are_exact),
        cmocka_unit_test(every_class_has_a_book_that_gives_it),
        cmocka_unit_test(texts_are_equal_only_byte_by_byte_and_in_length),
        cmocka_unit_test(of_what_differs_the_first_decides_kind_currency_status_amount_fee),
        cmocka_unit_test(statuses_side_by_side_decide_as_the_table_says),
        cmocka_unit_test(a_due_time_is_over_when_it_is_reached_and_never_when_it_is_for_ever),
        cmocka_unit_test(what_is_left_over_has_the_class_of_its_side_family_and_status),
        cmocka_unit_test(a_tolerance_holds_at_its_bound_and_not_beyond),
        cmocka_unit_test(fees_are_compared_where_both_tell_them_and_unless_that_is_switched_off),
        cmocka_unit_test(a_time_outside_its_window_is_late_where_both_tell_one),
        cmocka_unit_test(amounts_that_cannot_be_added_are_refused_and_never_wrapped),
        cmocka_unit_test(fees_that_cannot_be_added_are_refused_too),
        cmocka_unit_test(a_difference_is_theirs_less_ours_and_none_between_currencies),
        cmocka_unit_test(sums_stand_by_currency_then_class_with_the_fees_that_are_told),
        cmocka_unit_test(groups_and_members_stand_in_the_order_of_numbers_not_of_the_rows),
        cmocka_unit_test(rules_that_cannot_be_are_refused),
        cmocka_unit_test(more_rows_than_the_maximum_are_refused_before_any_is_looked_at),
        cmocka_unit_test(texts_with_one_hash_are_told_apart_by_their_bytes),
        cmocka_unit_test(many_rows_that_are_all_alike_are_matched_in_a_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
