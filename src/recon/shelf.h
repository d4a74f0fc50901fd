/* SPDX-License-Identifier: Apache-2.0
 * shelf.h: statements that were taken in, as people look at them: which there are, what one says of
 * itself, and its rows with what each has become (its class, rule and match: what the last run that
 * looked at it wrote).
 * Threads: any. Owns: answers belong to the caller. Errors: ERR_NOT_FOUND, ERR_VALIDATION (state),
 * those of the store. */
#ifndef HOLDFAST_RECON_SHELF_H
#define HOLDFAST_RECON_SHELF_H

#include "recon/recon.h"

enum { SHELF_ROWS_MAX = 500, SHELF_ROWS = 100 };

struct shelf_filter { /* "" or 0: any */
    const char *gateway, *cursor;
    const char *state; /* "taken" */
    /* In its id, name, account, number, digest, reason (recon/search.h); or a row of it has this
     * as its reference or as the gateway's id, in whole. NULL: any. */
    const char *text;
    int64_t since_us, until_us; /* its period (else when it was taken in) overlaps with this */
    int limit;
};
/* Newest first: {"data":[…],"next_cursor":"…"|null}. */
MUST_USE int shelf_list(struct recon *recon, const struct shelf_filter *filter,
                        struct answer *ret_answer, struct err *err);
/* The same of one, and how many of its rows are in which class. */
MUST_USE int shelf_get(struct recon *recon, const char *statement_id, struct answer *ret_answer,
                       struct err *err);
/* What shelf_get() answers, within a transaction. */
MUST_USE int shelf_render(struct store_tx *tx, const char *statement_id, struct buf *buf,
                          struct err *err);
/* Rows behind number `after`, in the file's order: {"data":[…],"next_after":7|null}. `class` a name
 * of match_classes.def, "none" (no run has seen it), or "". */
MUST_USE int shelf_rows(struct recon *recon, const char *statement_id, const char *class,
                        int64_t after, int limit, struct answer *ret_answer, struct err *err);

#endif
