/* SPDX-License-Identifier: Apache-2.0
 * flood.h: a statement of which next to nothing is known here, such as another account's given by
 * mistake: it must not become as many tickets as it has rows.
 *
 *   1. After a run, a statement that counts is held when at least `hold_rows` of its rows, and more
 *      than `hold_percent` of them, stand alone: no rule found them anything of ours; or tell
 *      again what is told already (then as many as `hold_percent` are enough).
 *   2. Its breaks are on record like any others. But no rule takes those of them that no payment of
 *      ours is known for, or that tell again, and no ticket is opened for them: there is one
 *      ticket, about the statement, which says how many they are.
 *   3. A person goes on with it: withdraws the statement (recon/withdraw.h), which closes the
 *      ticket; or resolves or closes the ticket: a run is asked for in the same transaction,
 *      which treats its breaks like all others. It is not held again. When its rows are found what
 *      they belong to, the ticket is closed by the run.
 * Without a desk nothing is held. Threads: any. Owns: nothing. Errors: those of the store and of
 * ticket_open(). */
#ifndef HOLDFAST_RECON_FLOOD_H
#define HOLDFAST_RECON_FLOOD_H

#include "recon/recon.h"

enum { HOLD_ROWS_USUAL = 200, HOLD_PERCENT_USUAL = 50, HOLD_NEVER = 101 };

/* Once the tickets are open: what is let go on is looked at again. Nothing without a desk. */
void recon_floods_begin(struct recon *recon);
MUST_USE int recon_floods(struct recon *recon, const char *gateway, struct err *err);

#define FLOOD_TWICE "(17, 19)" /* classes of rows that tell again what is told already */
/* Of breaks b: only such as are not held. */
#define FLOOD_NOT_HELD                                                                             \
    " AND NOT (b.side = 2 AND (b.payment_id = '' OR b.class IN " FLOOD_TWICE ") AND EXISTS "       \
    "(SELECT 1 FROM ticket t WHERE t.kind = 'statement' AND t.subject = substr(b.movement_id, 1, " \
    "30) AND t.state IN (1, 2, 3, 4, 7))) "

#endif
