/* SPDX-License-Identifier: Apache-2.0
 * ticket_moves.c: from which state a ticket may go where: ticket_moves.def. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "desk/ticket_impl.h"

static const struct {
    enum ticket_move move;
    const char *name;
    enum ticket_state from, to;
} moves[] = {
#define X(move, name, from, to) {MOVE_##move, name, TICKET_##from, TICKET_##to},
#include "desk/ticket_moves.def"
#undef X
};

enum ticket_state ticket_after(int64_t state, enum ticket_move move) {
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (moves[i].move == move && (int64_t)moves[i].from == state) {
            return moves[i].to;
        }
    }
    return TICKET_NONE;
}

bool ticket_move_parse(const char *name, enum ticket_move *ret_move) {
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (strcmp(moves[i].name, name) == 0) {
            *ret_move = moves[i].move;
            return true;
        }
    }
    return false;
}

static const char *move_name(enum ticket_move move) {
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (moves[i].move == move) {
            return moves[i].name;
        }
    }
    return "?";
}

/* Who did what last: of two at once the second has to know who was first. */
static int refuse(struct store_tx *tx, const struct ticket_row *row, enum ticket_move move,
                  struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT what, at_us, actor, COALESCE((SELECT name FROM app_user WHERE "
                      "'user:' || id = ticket_event.actor), '') FROM ticket_event WHERE ticket_id "
                      "= $1 AND what <> 'commented' ORDER BY number DESC LIMIT 1",
                      S_TEXT(row->id.text));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    char last[160] = "", time[CLOCK_TEXT_MAX];
    if (r > 0) {
        const char *name = sql_text(rows, 3);
        snprintf(last, sizeof last, "; %s by %.60s at %s", sql_text(rows, 0),
                 name[0] != '\0' ? name : sql_text(rows, 2), clock_format(sql_int(rows, 1), time));
    }
    err_set(err, ERR_STATE, "ticket %s is %s, from where there is no \"%s\"%s", row->id.text,
            ticket_state_name(row->state), move_name(move), last);
    return err_hint(err, "%s",
                    row->state == TICKET_APPROVAL
                        ? "Another person approves or rejects it first."
                        : "Look at its history; what was resolved or closed can be reopened.");
}

int ticket_go(struct store_tx *tx, struct ticket_row *row, enum ticket_move move, struct err *err) {
    enum ticket_state to = ticket_after(row->state, move);
    if (to == TICKET_NONE) {
        return refuse(tx, row, move, err);
    }
    row->state = to;
    row->closed_us = ticket_is_live(to) ? 0 : clock_wall_us();
    return 0;
}
