/* SPDX-License-Identifier: Apache-2.0
 * own.h: what a gateway books for itself, in our books: fees of its own, tax, reserves,
 * corrections, changes of currency, transfers and payouts, each as own_rows.def says.
 *
 *   statement counts ──run──▶ its own rows are booked        (statement.booked 0 → 2 → 1)
 *   no longer counts ──run──▶ and taken back by the opposite (statement.booked 1 → 2 → 0)
 *
 *   1. A row is booked once, whatever happens in between: by its place on its statement, and so
 *      that of a crash nothing is left half-done (a piece of rows is one transaction). A statement
 *      that counts again is booked again.
 *   2. Nothing is deleted: what is taken back is posted the other way.
 *   3. Only rows that are done are booked. What a row moves is its amount less its fee; the fee is
 *      a posting of its own.
 *   4. A payout of a gateway that says to which account of ours it pays out (`bank`) is posted a
 *      second time, on that account: so it is a movement of ours that the bank's run expects, until
 *      `due_us`. A run of the bank is asked for.
 * Postings are of the moment up to which the run looks, not of the day that the statement tells:
 * books that were closed stay closed. The row's own time stands in own_booking.
 * Threads: within one run. Limits: OWN_ROWS_A_WRITE rows a transaction. Errors: those of the store,
 * ERR_AMOUNT for amounts beyond int64. */
#ifndef HOLDFAST_RECON_OWN_H
#define HOLDFAST_RECON_OWN_H

#include "ledger/ledger.h"
#include "recon/run_impl.h"

enum { OWN_ROWS_A_WRITE = 100 };

/* Before a run lets go of rows that no longer count. */
MUST_USE int own_take_back(struct run *run, struct err *err);
/* And before it loads what it compares. */
MUST_USE int own_book(struct run *run, struct err *err);

/* A group that is an own row beside what was booked for it, or its half. */
bool own_group(const struct run *run, const struct match_group *group);
/* What the rows of its statement come to that say that they are part of a payout; and whether that
 * is another sum than was paid out (with its fee or without). */
MUST_USE int own_batches_load(struct run *run, struct store_tx *tx, struct err *err);
bool own_batch_differs(const struct run *run, const struct match_group *group);

#endif
