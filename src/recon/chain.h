/* SPDX-License-Identifier: Apache-2.0
 * chain.h: whether statements follow one another: those of a bank's account have numbers and go on
 * from the balance that the one before closed with, the batches of Adyen have numbers.
 *
 *   1. Compared are statements of one gateway, format, account and currency that count, in the
 *      order of the days on which they close, else of their numbers.
 *   2. A number that is missing between two is a gap, one that is told again is repeated; numbers
 *      may begin anew with 1 in another year, and in the same one when the balance goes on. An
 *      opening balance that is not what the one before closed with, where no number is missing, is
 *      a fault of its own.
 *   3. What does not follow is taken in all the same: a file that is missing must not stop the day.
 *      It is written down with the statement (statement.continuity), found anew whenever one begins
 *      or ends to count, so whatever comes later, in any order, takes it back.
 *   4. After a run of the gateway there is a ticket for each statement that does not follow, and it
 *      is closed when the statement does. One that a person has resolved or closed is opened again
 *      only when something else is wrong.
 * Threads: any. Owns: nothing. Errors: those of the store and of ticket_open(). */
#ifndef HOLDFAST_RECON_CHAIN_H
#define HOLDFAST_RECON_CHAIN_H

#include "base/buf.h"
#include "statement/statement.h"
#include "store/store.h"

/* One of them and the one before it; what is wrong: */
enum chain_fault { CHAIN_FOLLOWS, CHAIN_GAP, CHAIN_REPEATED, CHAIN_BALANCE };
const char *chain_fault_name(enum chain_fault fault); /* "gap" */
struct chain_verdict {
    enum chain_fault fault;
    int64_t missing_first, missing_last; /* numbers, of GAP */
    bool balances; /* both tell balances, and they go on by so much more or less: */
    int64_t moved_minor;
};
/* Of two links of one account and currency, `before` the one before it. Nothing is stored. */
void chain_judge(const struct statement_link *before, const struct statement_link *link,
                 struct chain_verdict *ret_verdict);

/* The links of a statement that is being written. */
MUST_USE int chain_keep(struct store_tx *tx, const char *statement_id,
                        const struct statement_head *head, struct err *err);
/* Finds anew what does not follow, of all statements of this gateway. */
MUST_USE int chain_renew(struct store_tx *tx, const char *gateway, struct err *err);
/* What is written down of a statement, as a JSON array. */
MUST_USE int chain_told(struct store *store, const char *statement_id, struct buf *buf,
                        struct err *err);
/* The tickets, after a run. Without a desk there are none. */
struct recon;
MUST_USE int recon_chains(struct recon *recon, const char *gateway, struct err *err);

#endif
