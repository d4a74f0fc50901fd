/* SPDX-License-Identifier: Apache-2.0
 * breaks_impl.h: what runs and the files about breaks share (breaks.h). */
#ifndef HOLDFAST_RECON_BREAKS_IMPL_H
#define HOLDFAST_RECON_BREAKS_IMPL_H

#include "desk/desk.h"
#include "recon/breaks.h"

/* The columns that break_row_read() takes, of recon_break b. Names that lie elsewhere are looked up
 * one by one: a row that is locked cannot be joined to one that may be missing. */
#define BREAK_SELECT                                                                               \
    "SELECT b.id, b.version, b.gateway, b.class, b.risk, b.state, b.owner, b.kind, b.payment_id, " \
    "b.currency, b.our_minor, b.their_minor, b.difference_minor, b.our_rows, b.their_rows, "       \
    "b.side, b.movement_id, b.detail, b.at_us, b.opened_us, b.updated_us, b.closed_us, "           \
    "b.first_run, b.last_run, b.resolution, b.decided_by, b.stake_minor, b.risk_why, "             \
    "b.written_off_minor, b.write_offs, COALESCE((SELECT p.order_id FROM payment p WHERE p.id = "  \
    "b.payment_id), ''), COALESCE((SELECT a.id FROM approval a WHERE a.kind = 2 AND a.subject = "  \
    "b.id AND a.state = 1), '') FROM recon_break b"
static_assert(APPROVES_WRITE_OFF == 2 && APPROVAL_WAITING == 1, "the numbers above");

void break_row_read(const struct sql_rows *rows, struct arena *arena, struct break_row *ret_row);
MUST_USE int break_event_put(struct store_tx *tx, const char *break_id, int64_t number,
                             int64_t at_us, const char *actor, const char *what, const char *detail,
                             struct err *err);

/* What a move leaves behind; texts borrowed until the row is no longer looked at. */
struct break_change {
    const char *actor;
    const char *detail;     /* for the history */
    const char *resolution; /* of a move that closes it */
    int64_t now_us;
};
/* The only way in which a break's state changes. `verb`: "resolved", for the refusal. */
MUST_USE int break_move(struct store_tx *tx, struct break_row *row, enum break_move move,
                        const char *verb, const struct break_change *change, struct err *err);

/* What only runs do. */
MUST_USE int break_heal(struct store_tx *tx, struct break_row *row, const char *run_id,
                        const struct break_change *change, struct err *err);
MUST_USE int break_find_again(struct store_tx *tx, struct break_row *row, const char *run_id,
                              const struct break_change *change, struct err *err);
MUST_USE int break_set_risk(struct store_tx *tx, struct break_row *row, const char *actor,
                            int64_t now_us, enum match_risk risk, const char *why, struct err *err);
/* Posts the opposite of what is written off now. */
MUST_USE int break_write_off_undo(struct store_tx *tx, struct break_row *row, struct err *err);
/* Which part of the movement a write-off is: recon_write_off.part. 2 was a fee that its gateway had
 * kept and nobody had booked: by the gateway's account. */
enum write_off_part { WRITE_OFF_AMOUNT = 1, WRITE_OFF_FEE = 3 };

#endif
