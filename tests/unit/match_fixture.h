/* SPDX-License-Identifier: Apache-2.0
 * match_fixture.h: books of two sides for the tests of the matcher, and what must be true of every
 * match whatever is in them. */
#ifndef HOLDFAST_TESTS_MATCH_FIXTURE_H
#define HOLDFAST_TESTS_MATCH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "match/match.h"

#define DAY_US (INT64_C(24) * 3600 * 1000000)
#define NOW_US (1000 * DAY_US)

struct book {
    GArray *rows[MATCH_SIDES]; /* struct match_row */
    GStringChunk *texts;
    struct match_rule rules[MATCH_RULES_MAX];
    struct match_options options;
    struct match *match; /* of the last run */
    struct err err;
};

/* With the usual rules. */
static inline void book_open(struct book *book) {
    *book = (struct book){.texts = g_string_chunk_new(4096)};
    for (int side = 0; side < MATCH_SIDES; side++) {
        book->rows[side] = g_array_new(false, true, sizeof(struct match_row));
    }
    book->options = (struct match_options){.now_us = NOW_US, .fee_tolerance_minor = 0};
    const struct match_rule *usual = match_rules_usual(&book->options.rule_count);
    memcpy(book->rules, usual, (size_t)book->options.rule_count * sizeof *usual);
    book->options.rules = book->rules;
}

static inline void book_close(struct book *book) {
    match_free(book->match);
    g_array_free(book->rows[OURS], true);
    g_array_free(book->rows[THEIRS], true);
    g_string_chunk_free(book->texts);
}

/* Only this rule, exact and at any time. */
static inline struct match_rule *book_rule(struct book *book, enum match_by by) {
    book->rules[0] = (struct match_rule){.by = by, .name = match_by_name(by)};
    book->options.rule_count = 1;
    return &book->rules[0];
}

/* One after those that there are. */
static inline struct match_rule *book_add_rule(struct book *book, enum match_by by) {
    struct match_rule *rule = &book->rules[book->options.rule_count++];
    *rule = (struct match_rule){.by = by, .name = match_by_name(by)};
    return rule;
}

static inline struct match_text book_text(struct book *book, const char *text) {
    return (struct match_text){g_string_chunk_insert(book->texts, text), (uint32_t)strlen(text)};
}

static inline struct match_row *book_row(const struct book *book, enum match_side side, guint i) {
    assert_true(i < book->rows[side]->len);
    return &g_array_index(book->rows[side], struct match_row, i);
}

/* A movement of USD that is DONE, long due, with a fee and a time that are not told; its number is
 * 1 more than its index. Valid until the next is added. */
static inline struct match_row *book_add(struct book *book, enum match_side side,
                                         enum row_kind kind, int64_t amount_minor) {
    struct match_row row = {.number = book->rows[side]->len + 1,
                            .kind = kind,
                            .status = ROW_DONE,
                            .currency = currency_stored("USD"),
                            .amount_minor = amount_minor,
                            .fee_minor = AMOUNT_UNSAID,
                            .due_us = NOW_US - DAY_US};
    g_array_append_val(book->rows[side], row);
    return book_row(book, side, book->rows[side]->len - 1);
}

static inline int book_try(struct book *book) {
    match_free(book->match);
    book->match = NULL;
    return match_run((const struct match_row *)(const void *)book->rows[OURS]->data,
                     book->rows[OURS]->len,
                     (const struct match_row *)(const void *)book->rows[THEIRS]->data,
                     book->rows[THEIRS]->len, &book->options, &book->match, &book->err);
}

static inline const struct match_group *book_group(const struct book *book, enum match_side side,
                                                   guint i) {
    return &book->match->groups[book->match->group_of[side][i]];
}

static inline char *book_explain(const struct book *book, enum match_side side, size_t i) {
    BUF_AUTO buf;
    buf_init(&buf, 1 << 20);
    match_explain(book->match, &book->options, side, i, &buf);
    assert_true(buf_ok(&buf));
    return buf_take(&buf);
}

/* ---- what is true of every match ---- */

static inline void check_groups(const struct match *match) {
    size_t first = 0;
    int64_t last_number = 0;
    bool theirs_began = false;
    for (size_t g = 0; g < match->group_count; g++) {
        const struct match_group *group = &match->groups[g];
        enum match_side leader = group->ours > 0 ? OURS : THEIRS;
        assert_int_equal(group->first, first);
        assert_true(group->ours + group->theirs > 0);
        assert_string_not_equal(match_class_name(group->class), "?");
        for (size_t i = 0; i < (size_t)group->ours + group->theirs; i++) {
            enum match_side side = i < group->ours ? OURS : THEIRS;
            uint32_t row = match->members[first + i];
            assert_true(row < match->row_count[side]);
            assert_int_equal(match->group_of[side][row], g);
            if (i > 0 && i != group->ours) {
                assert_true(match->rows[side][match->members[first + i - 1]].number <
                            match->rows[side][row].number);
            }
        }
        int64_t number = match->rows[leader][match->members[first]].number;
        assert_true(leader == THEIRS || !theirs_began);
        assert_true(g == 0 || (leader == THEIRS && !theirs_began) || number > last_number);
        theirs_began = leader == THEIRS;
        last_number = number;
        first += (size_t)group->ours + group->theirs;
    }
    /* Each row's own group has it, and there are no more members than rows: each is in one. */
    assert_int_equal(first, match->row_count[OURS] + match->row_count[THEIRS]);
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (size_t i = 0; i < match->row_count[side]; i++) {
            assert_true(match->group_of[side][i] < match->group_count);
        }
    }
}

static inline guint sum_key(struct currency currency, enum match_class class) {
    return (guint)currency.code[0] << 24 ^ (guint)currency.code[1] << 16 ^
           (guint)currency.code[2] << 8 ^ (guint) class;
}

/* The sums are those that one gets by adding up the rows once more. */
static inline void check_sums(const struct match *match) {
    GHashTable *again = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (size_t i = 0; i < match->row_count[side]; i++) {
            const struct match_row *row = &match->rows[side][i];
            guint key = sum_key(row->currency, match->groups[match->group_of[side][i]].class);
            struct match_sum *sum = g_hash_table_lookup(again, GUINT_TO_POINTER(key));
            if (sum == NULL) {
                sum = g_new0(struct match_sum, 1);
                g_hash_table_insert(again, GUINT_TO_POINTER(key), sum);
            }
            sum->rows[side]++;
            sum->amount_minor[side] += row->amount_minor;
            sum->fee_minor[side] += row->fee_minor == AMOUNT_UNSAID ? 0 : row->fee_minor;
        }
    }
    assert_int_equal(g_hash_table_size(again), match->sum_count);
    for (size_t i = 0; i < match->sum_count; i++) {
        const struct match_sum *told = &match->sums[i];
        const struct match_sum *sum = g_hash_table_lookup(
            again, GUINT_TO_POINTER(sum_key(told->currency, told->class)));
        assert_non_null(sum);
        assert_memory_equal(sum->rows, told->rows, sizeof sum->rows);
        assert_memory_equal(sum->amount_minor, told->amount_minor, sizeof sum->amount_minor);
        assert_memory_equal(sum->fee_minor, told->fee_minor, sizeof sum->fee_minor);
        if (i > 0) {
            int before = memcmp(told[-1].currency.code, told->currency.code, CURRENCY_CHARS);
            assert_true(before < 0 || (before == 0 && told[-1].class < told->class));
        }
    }
    g_hash_table_destroy(again);
}

/* The explanation is of lines, and of what happened: the rule that took the row is said to have
 * taken it, and no other; then the class. */
static inline void check_explained(const struct book *book, enum match_side side, guint i) {
    const struct match_group *group = book_group(book, side, i);
    char *text = book_explain(book, side, i);
    int taken = 0;
    gchar **lines = g_strsplit(text, "\n", -1);
    guint count = g_strv_length(lines);
    assert_true(count >= 3);
    assert_string_equal(lines[count - 1], "");
    for (guint line = 0; line < count; line++) {
        char begin[80];
        bool took = strstr(lines[line], ": took it") != NULL;
        snprintf(begin, sizeof begin, "rule %d \"%s\" (", group->rule + 1,
                 group->rule < 0 ? "" : book->rules[group->rule].name);
        taken += took;
        assert_true(!took || strncmp(lines[line], begin, strlen(begin)) == 0);
    }
    assert_int_equal(taken, group->rule >= 0);
    assert_int_equal(strstr(text, "no rule took it.\n") != NULL, group->rule < 0);
    char class[200];
    snprintf(class, sizeof class, "so it is %s: ", match_class_name(group->class));
    assert_non_null(strstr(text, class));
    g_strfreev(lines);
    g_free(text);
}

/* Runs, and looks at everything that must be true of the result. `every`: of how many rows one is
 * explained. */
static inline void book_run_every(struct book *book, guint every) {
    if (book_try(book) != 0) {
        fail_msg("%s", book->err.detail);
    }
    assert_ptr_equal(book->match->rows[OURS], book->rows[OURS]->data);
    assert_int_equal(book->match->row_count[OURS], book->rows[OURS]->len);
    assert_int_equal(book->match->row_count[THEIRS], book->rows[THEIRS]->len);
    check_groups(book->match);
    check_sums(book->match);
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (guint i = 0; i < book->rows[side]->len; i += every) {
            check_explained(book, (enum match_side)side, i);
        }
    }
}
static inline void book_run(struct book *book) {
    book_run_every(book, 1);
}

/* ---- a book in a few words ---- */

static inline struct match_row *ours(struct book *book, int64_t amount, const char *reference) {
    struct match_row *row = book_add(book, OURS, ROW_CHARGE, amount);
    row->reference = book_text(book, reference);
    return row;
}

static inline struct match_row *theirs(struct book *book, int64_t amount, const char *reference) {
    struct match_row *row = book_add(book, THEIRS, ROW_CHARGE, amount);
    row->reference = book_text(book, reference);
    return row;
}

static inline void expect(const struct book *book, enum match_side side, guint i,
                          enum match_class class) {
    const char *found = match_class_name(book_group(book, side, i)->class);
    if (strcmp(found, match_class_name(class)) != 0) {
        char *why = book_explain(book, side, i);
        fail_msg("row %u of side %d is %s instead of %s:\n%s", i, (int)side, found,
                 match_class_name(class), why);
    }
}

static inline void expect_pair(const struct book *book, guint our, guint their,
                               enum match_class class) {
    expect(book, OURS, our, class);
    assert_int_equal(book->match->group_of[OURS][our], book->match->group_of[THEIRS][their]);
}

static inline void expect_alone(const struct book *book, enum match_side side, guint i,
                                enum match_class class) {
    const struct match_group *group = book_group(book, side, i);
    expect(book, side, i, class);
    assert_int_equal(group->ours + group->theirs, 1);
}

#endif
