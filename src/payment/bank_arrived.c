/* SPDX-License-Identifier: Apache-2.0
 * bank_arrived.c: money in that was taken for a customer's transfer, and is a payout of one of our
 * gateways. Its own posting is taken back: the payout has one of its own, on the same account. */
#include "base/clock.h"
#include "ledger/ledger.h"
#include "payment/bank_impl.h"

/* The open case about it, of which nothing is under way. 1: there is one. */
static int load_case(struct store_tx *tx, struct arena *arena, const char *row_id,
                     struct case_row *ret_case, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    struct payment_row none;
    struct err why = {0};
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM review_case WHERE kind = 'unmatched_transfer' AND subject = "
                      "$1 AND state = $2",
                      S_TEXT(row_id), S_INT(CASE_OPEN));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    const char *id = arena_copy(arena, sql_text(rows, 0));
    sql_rows_free(rows);
    rows = NULL;
    r = case_row_take(tx, arena, id, ret_case, &none, err);
    if (r < 0) {
        return r;
    }
    r = case_check_suspense(tx, arena, ret_case, &why);
    if (r == -ERR_STATE) {
        return 0; /* somebody is at it */
    }
    if (r < 0) {
        *err = why;
    }
    return r < 0 ? r : 1;
}

int bank_row_is_payout(struct store_tx *tx, const char *row_id, const char *why, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct case_row suspense;
    struct bank_row row;
    int r = bank_row_load(tx, arena, row_id, true, &row, err);
    if (r < 0 || row.state != BANK_ROW_SUSPENSE || !row.credit || row.excess_minor != 0) {
        return r < 0 ? r : 0;
    }
    r = load_case(tx, arena, row_id, &suspense, err);
    if (r <= 0) {
        return r;
    }
    const struct posting posting = {
        .kind = POST_SUSPENSE_RETURNED,
        .cause = row.id,
        .payment_id = "",
        .gateway = row.gateway,
        .customer = "",
        .amount_minor = row.amount_minor,
        .currency = row.currency,
        .at_us = clock_wall_us(),
    };
    r = ledger_post(tx, &posting, err);
    r = r < 0 ? r : case_end(tx, &suspense, "bank", why, err);
    row.state = BANK_ROW_PAYOUT;
    row.note = why;
    row.matched_us = clock_wall_us();
    row.matched_by = "bank";
    r = r < 0 ? r : bank_row_save(tx, &row, err);
    return r < 0 ? r : 1;
}
