/* SPDX-License-Identifier: Apache-2.0
 * statement_rows.h: reads a statement in a test and keeps what the reader told: its rows, with
 * texts of their own, and its problems. */
#ifndef HOLDFAST_TESTS_STATEMENT_ROWS_H
#define HOLDFAST_TESTS_STATEMENT_ROWS_H

#include <glib.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "statement/statement.h"

struct told_problem {
    enum statement_problem problem;
    int64_t line;
    char *text;
};
struct told {
    GArray *rows; /* struct statement_row, whose texts live in `texts` */
    GStringChunk *texts;
    GArray *problems; /* struct told_problem, whose texts live in `texts` */
    struct statement_head head;
    struct err err;
    int rc;
};

static int told_row(void *ctx, const struct statement_row *row, struct err *err) {
    struct told *told = (struct told *)ctx;
    struct statement_row copy = *row;
    const char **texts[] = {
        &copy.gateway_id, &copy.reference, &copy.original_id,  &copy.original_reference,
        &copy.batch,      &copy.method,    &copy.native_kind,  &copy.description,
        &copy.account,    &copy.party,     &copy.party_account};
    (void)err;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_non_null(*texts[i]);
        *texts[i] = g_string_chunk_insert(told->texts, *texts[i]);
    }
    g_array_append_val(told->rows, copy);
    return 0;
}

static void told_problem(void *ctx, enum statement_problem problem, int64_t line,
                         const char *text) {
    struct told *told = (struct told *)ctx;
    struct told_problem copy = {problem, line, g_string_chunk_insert(told->texts, text)};
    g_array_append_val(told->problems, copy);
}

static inline void told_free(struct told *told) {
    g_array_free(told->rows, true);
    g_array_free(told->problems, true);
    g_string_chunk_free(told->texts);
}

/* Reads it; told_free() afterwards. Two readings of the same bytes must tell the same. */
static inline struct told told_read(const struct statement_reader *reader,
                                    const struct statement_source *source) {
    struct told told = {.rows = g_array_new(false, true, sizeof(struct statement_row)),
                        .texts = g_string_chunk_new(4096),
                        .problems = g_array_new(false, true, sizeof(struct told_problem))};
    const struct statement_sink sink = {&told, told_row, told_problem};
    told.rc = reader->read(source, &sink, &told.head, &told.err);
    return told;
}

static inline const struct statement_row *told_at(const struct told *told, guint i) {
    assert_true(i < told->rows->len);
    return &g_array_index(told->rows, struct statement_row, i);
}

/* Whether this was told of that line; `line` -1: of any. */
static inline bool told_has(const struct told *told, enum statement_problem problem, int64_t line) {
    for (guint i = 0; i < told->problems->len; i++) {
        const struct told_problem *at = &g_array_index(told->problems, struct told_problem, i);
        if (at->problem == problem && (line < 0 || at->line == line)) {
            return true;
        }
    }
    return false;
}

/* For a failing test's eyes. */
static inline void told_print(const struct told *told) {
    for (guint i = 0; i < told->problems->len; i++) {
        const struct told_problem *at = &g_array_index(told->problems, struct told_problem, i);
        print_message("line %lld: %s: %s\n", (long long)at->line,
                      statement_problem_name(at->problem), at->text);
    }
}

#endif
