/* SPDX-License-Identifier: Apache-2.0
 * run_balance.h: the balances that a gateway's statements tell, held against our books of its
 * account, by currency:
 *
 *   their opening + their rows = their closing     within a statement, and from one to the next
 *   their closing - our closing = named items      (match/book_items.def, and classes of movements)
 *
 * The items are summed anew over all that ever counted. Together they are the difference always;
 * what matters is which they are. Movements that are expected, breaks (open or decided) and
 * differences that a rule allows explain it, and so do the items that say so. What is left in any
 * other (two sides that were put together as equal and are not, a row that nobody booked, a
 * statement that is missing in between) breaks the proof, and is told with what breaks it.
 * Where no statement tells a balance, nothing is told and nothing is proved.
 * Threads: within one run. Errors: those of the store; ERR_AMOUNT for sums beyond int64;
 * ERR_STORE_CORRUPT. */
#ifndef HOLDFAST_RECON_RUN_BALANCE_H
#define HOLDFAST_RECON_RUN_BALANCE_H

#include "recon/run_impl.h"

/* Before own_book(): the balances of statements that it has not booked yet are kept, with what
 * their rows come to. */
MUST_USE int run_balances_keep(struct run *run, struct err *err);
/* When movements and breaks are written: the proof, into the run's figures. */
MUST_USE int run_balances_prove(struct run *run, struct err *err);
void run_balances_json(const struct run_figures *figures, struct buf *buf);

#endif
