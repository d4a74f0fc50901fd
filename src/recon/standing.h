/* SPDX-License-Identifier: Apache-2.0
 * standing.h: whether what a file tells stands in the store already, in other bytes: given a second
 * time with its columns in another order, exported anew, or as a part of another file.
 *
 *   1. Of the rows that bear a name (the gateway's, else ours) a sample is looked at: the last one,
 *      and up to STANDING_SPREAD evenly from all over the file.
 *   2. A row stands when a statement that counts, of the same gateway, format and account, has one
 *      of the same name, kind, status, currency, gross amount and time.
 *   3. Only when all of the sample stand does the file tell nothing new. A file that overlaps with
 *      an earlier one and goes on behind it does not: its last row is new.
 * A file without any name in its rows is never found to stand.
 * Threads: any, a sample each. Owns: nothing. Errors: those of the store. */
#ifndef HOLDFAST_RECON_STANDING_H
#define HOLDFAST_RECON_STANDING_H

#include "base/id.h"
#include "statement/statement.h"
#include "store/store.h"

enum { STANDING_SPREAD = 31, STANDING_ROWS = STANDING_SPREAD + 1, STANDING_NAME_CHARS = 200 };

struct standing_row {
    char name[ROW_ID_CHARS_MAX + 1]; /* masked as it is stored */
    bool ours;                       /* the name is a reference */
    enum row_kind kind;
    enum row_status status;
    struct currency currency;
    int64_t gross_minor, at_us;
};
struct standing_sample { /* zeroed: no row yet */
    int64_t seen, step;  /* rows that bear a name; each so manieth is kept */
    int count;
    struct standing_row spread[STANDING_SPREAD], last;
};
void standing_add(struct standing_sample *sample, const struct statement_row *row);

struct standing_asked { /* borrowed */
    const char *gateway, *reader, *account;
    const char *except[2]; /* statements that do not count here: what is corrected, its own; "" */
};
struct standing { /* where it stands */
    struct statement_id id;
    char name[STANDING_NAME_CHARS + 1];
    int rows;   /* that were looked at */
    int others; /* statements beside this one */
};
/* 1: all of the sample stand; 0: one of them is new, or there is none. */
MUST_USE int standing_find(struct store_tx *tx, const struct standing_sample *sample,
                           const struct standing_asked *asked, struct standing *ret_standing,
                           struct err *err);

#endif
