/* SPDX-License-Identifier: Apache-2.0
 * given_rows.h: a statement whose rows a test writes down as they are: its "file" is the array of
 * them, and its reader hands them out. For tests of what is done with statements, whatever format
 * they came in. */
#ifndef HOLDFAST_TESTS_GIVEN_ROWS_H
#define HOLDFAST_TESTS_GIVEN_ROWS_H

#include <stdio.h>
#include <string.h>

#include "recon/intake.h"

enum { GIVEN_ROWS_MAX = 1000 };
struct given_rows {
    char account[40], file_id[40];
    int64_t from_us, until_us;
    int count;
    unsigned lacks; /* what it does not tell of its time */
    int problem_at; /* a problem is told behind this row (from 1); 0: none */
    struct statement_row rows[GIVEN_ROWS_MAX];
};

static int given_detect(const char *name, const void *bytes, size_t count) {
    (void)name;
    (void)bytes;
    (void)count;
    return 0;
}

static int given_read(const struct statement_source *source, const struct statement_sink *sink,
                      struct statement_head *ret_head, struct err *err) {
    const struct given_rows *given = (const struct given_rows *)source->bytes;
    *ret_head = (struct statement_head){.sequence = -1,
                                        .from_us = given->from_us,
                                        .until_us = given->until_us,
                                        .rows = given->count,
                                        .lacks = given->lacks};
    snprintf(ret_head->account, sizeof ret_head->account, "%s", given->account);
    snprintf(ret_head->file_id, sizeof ret_head->file_id, "%s", given->file_id);
    for (int i = 0; i < given->count; i++) {
        int r = sink->row(sink->ctx, &given->rows[i], err);
        if (r < 0) {
            return r;
        }
        if (given->problem_at == i + 1) {
            statement_tell(sink, PROBLEM_BAD_VALUE, i + 1, "row %d is damaged", i + 1);
        }
    }
    return 0;
}

static const struct statement_reader given_reader = {
    .name = "given",
    .title = "rows of a test",
    .tells = TELLS_ALL,
    .detect = given_detect,
    .read = given_read,
};

/* One more row, to be filled in: a charge in euros that is done, on that line. */
static inline struct statement_row *given_add(struct given_rows *given) {
    struct statement_row *row = &given->rows[given->count++];
    statement_row_init(row);
    row->line = given->count;
    row->kind = ROW_CHARGE;
    row->status = ROW_DONE;
    row->currency = currency_stored("EUR");
    return row;
}

static inline struct statement_request given_request(const struct given_rows *given,
                                                     const char *gateway) {
    return (struct statement_request){
        .gateway = gateway,
        .source = {.name = "given.csv", .bytes = given, .count = sizeof *given},
        .reader = &given_reader,
        .supersedes = "",
        .reason = "",
        .actor = "user:usr_1",
    };
}

#endif
