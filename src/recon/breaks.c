/* SPDX-License-Identifier: Apache-2.0
 * breaks.c: where a break stands, the table by which that changes, and its history. */
#include "recon/breaks.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "recon/breaks_impl.h"

enum life { LIVE, OVER };
static const struct {
    const char *name;
    enum life life;
} states[] = {
    [BREAK_NONE] = {"?", OVER},
#define X(name, number, text, life, meaning) [number] = {text, life},
#include "recon/break_states.def"
#undef X
};
static_assert(COUNT_OF(states) == BREAK_STATE_COUNT, "every state of a break has a name");

static const struct {
    enum break_state from;
    enum break_move move;
    enum break_state to;
    const char *what;
} moves[] = {
#define X(from, move, to, what) {BREAK_##from, BREAK_##move, BREAK_##to, what},
#include "recon/break_moves.def"
#undef X
};

const char *break_state_name(int64_t state) {
    return state > 0 && state < BREAK_STATE_COUNT ? states[state].name : "?";
}

bool break_state_parse(const char *name, enum break_state *ret_state) {
    for (int i = 1; i < BREAK_STATE_COUNT; i++) {
        if (strcmp(name, states[i].name) == 0) {
            *ret_state = (enum break_state)i;
            return true;
        }
    }
    return false;
}

bool break_is_live(int64_t state) {
    return state > 0 && state < BREAK_STATE_COUNT && states[state].life == LIVE;
}

enum break_state break_after(int64_t state, enum break_move move, bool has_owner,
                             const char **ret_what) {
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if ((int64_t)moves[i].from == state && moves[i].move == move) {
            *ret_what = moves[i].what;
            return moves[i].to == BREAK_OPEN && has_owner ? BREAK_ASSIGNED : moves[i].to;
        }
    }
    return BREAK_NONE;
}

/* ---- rows ---- */

void break_row_read(const struct sql_rows *rows, struct arena *arena, struct break_row *ret_row) {
    *ret_row = (struct break_row){
        .id = break_id_stored(sql_text(rows, 0)),
        .version = sql_int(rows, 1),
        .gateway = arena_copy(arena, sql_text(rows, 2)),
        .class = (enum match_class)sql_int(rows, 3),
        .risk = (enum match_risk)sql_int(rows, 4),
        .state = (enum break_state)sql_int(rows, 5),
        .owner = arena_copy(arena, sql_text(rows, 6)),
        .kind = (enum row_kind)sql_int(rows, 7),
        .payment_id = arena_copy(arena, sql_text(rows, 8)),
        .currency = currency_stored(sql_text(rows, 9)),
        .our_minor = sql_int(rows, 10),
        .their_minor = sql_int(rows, 11),
        .difference_minor = sql_int(rows, 12),
        .our_rows = sql_int(rows, 13),
        .their_rows = sql_int(rows, 14),
        .side = sql_int(rows, 15) == 1 ? OURS : THEIRS,
        .movement_id = arena_copy(arena, sql_text(rows, 16)),
        .detail = arena_copy(arena, sql_text(rows, 17)),
        .at_us = sql_int(rows, 18),
        .opened_us = sql_int(rows, 19),
        .updated_us = sql_int(rows, 20),
        .closed_us = sql_int(rows, 21),
        .first_run = arena_copy(arena, sql_text(rows, 22)),
        .last_run = arena_copy(arena, sql_text(rows, 23)),
        .resolution = arena_copy(arena, sql_text(rows, 24)),
        .decided_by = arena_copy(arena, sql_text(rows, 25)),
        .stake_minor = sql_int(rows, 26),
        .risk_why = arena_copy(arena, sql_text(rows, 27)),
        .written_off_minor = sql_int(rows, 28),
        .write_offs = sql_int(rows, 29),
        .order_id = arena_copy(arena, sql_text(rows, 30)),
        .approval_id = arena_copy(arena, sql_text(rows, 31)),
    };
}

int break_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
               struct break_row *ret_row, struct err *err) {
    static const char plain[] = BREAK_SELECT " WHERE b.id = $1";
    static const char locked[] = BREAK_SELECT " WHERE b.id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no break %.40s", id);
    }
    break_row_read(rows, arena, ret_row);
    return 0;
}

/* ---- history ---- */

int break_event_put(struct store_tx *tx, const char *break_id, int64_t number, int64_t at_us,
                    const char *actor, const char *what, const char *detail, struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO recon_break_event (break_id, number, at_us, actor, what, detail) "
                   "VALUES ($1, $2, $3, $4, $5, $6)",
                   S_TEXT(break_id), S_INT(number), S_INT(at_us), S_TEXT(actor), S_TEXT(what),
                   S_TEXT(detail));
}

/* The row as the caller holds it, with one version more, and a line in its history. */
static int put_row(struct store_tx *tx, struct break_row *row, int64_t now_us, const char *actor,
                   const char *what, const char *detail, struct err *err) {
    int r = sql_put_one(
        tx, err,
        "UPDATE recon_break SET version = $2 + 1, state = $3, owner = $4, risk = $5, risk_why = "
        "$6, updated_us = $7, closed_us = $8, last_run = $9, resolution = $10, decided_by = $11, "
        "written_off_minor = $12, write_offs = $13 WHERE id = $1 AND version = $2",
        S_TEXT(row->id.text), S_INT(row->version), S_INT(row->state), S_TEXT(row->owner),
        S_INT(row->risk), S_TEXT(row->risk_why), S_INT(now_us), S_INT(row->closed_us),
        S_TEXT(row->last_run), S_TEXT(row->resolution), S_TEXT(row->decided_by),
        S_INT(row->written_off_minor), S_INT(row->write_offs));
    row->version++;
    row->updated_us = now_us;
    return r < 0
               ? r
               : break_event_put(tx, row->id.text, row->version, now_us, actor, what, detail, err);
}

int break_note(struct store_tx *tx, struct break_row *row, const char *actor, const char *what,
               const char *detail, struct err *err) {
    return put_row(tx, row, clock_wall_us(), actor, what, detail, err);
}

int break_set_risk(struct store_tx *tx, struct break_row *row, const char *actor, int64_t now_us,
                   enum match_risk risk, const char *why, struct err *err) {
    char detail[200];
    snprintf(detail, sizeof detail, "from %s to %s: %.150s", match_risk_name(row->risk),
             match_risk_name(risk), why);
    row->risk = risk;
    row->risk_why = why;
    return put_row(tx, row, now_us, actor, "risk", detail, err);
}

/* ---- moves ---- */

static int no_move(const struct break_row *row, const char *verb, struct err *err) {
    char time[CLOCK_TEXT_MAX];
    (void)err_set(err, ERR_STATE, "break %s is %s: it cannot be %s", row->id.text,
                  break_state_name(row->state), verb);
    if (break_is_live(row->state)) {
        return err_hint(err, "Only a break that was closed is reopened.");
    }
    return err_hint(err, "%.80s closed it at %s: %.200s", row->decided_by,
                    clock_format(row->closed_us, time), row->resolution);
}

int break_move(struct store_tx *tx, struct break_row *row, enum break_move move, const char *verb,
               const struct break_change *change, struct err *err) {
    const char *what = "";
    enum break_state to = break_after(row->state, move, row->owner[0] != '\0', &what);
    if (to == BREAK_NONE) {
        return no_move(row, verb, err);
    }
    bool over = !break_is_live(to);
    /* What somebody has asked about it is not asked any more. */
    int r = over && row->approval_id[0] != '\0'
                ? approval_withdraw(tx, row->approval_id, change->actor, change->detail, err)
                : 0;
    if (r < 0) {
        return r;
    }
    row->approval_id = over ? "" : row->approval_id;
    row->state = to;
    row->closed_us = over ? change->now_us : 0;
    row->resolution = over ? change->resolution : "";
    row->decided_by = over ? change->actor : "";
    return put_row(tx, row, change->now_us, change->actor, what, change->detail, err);
}

int break_heal(struct store_tx *tx, struct break_row *row, const char *run_id,
               const struct break_change *change, struct err *err) {
    row->last_run = run_id;
    return break_move(tx, row, BREAK_HEAL, "healed", change, err);
}

int break_find_again(struct store_tx *tx, struct break_row *row, const char *run_id,
                     const struct break_change *change, struct err *err) {
    row->last_run = run_id;
    return break_move(tx, row, BREAK_FIND_AGAIN, "opened again", change, err);
}

/* "assigned to ann: because"; the reason is optional where people are not asked for one. */
static const char *with_reason(struct arena *arena, const char *what, const char *reason) {
    return reason[0] == '\0' ? what : arena_printf(arena, "%s: %s", what, reason);
}

/* ---- owners ---- */

#define USER "user:"
#define TEAM "team:"

static bool is_team(const char *name) {
    size_t chars = strlen(name);
    return chars > 0 && chars + strlen(TEAM) <= BREAK_OWNER_CHARS_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == chars;
}

/* For people: the user's name; "" when there is no such user. */
static int user_name(struct store_tx *tx, struct arena *arena, const char *user_id,
                     const char **ret_name, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT name FROM app_user WHERE id = $1 AND enabled = 1",
                      S_TEXT(user_id));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_name = r > 0 ? arena_copy(arena, sql_text(rows, 0)) : "";
    return r < 0 ? r : 0;
}

static int check_owner(struct store_tx *tx, struct arena *arena, const char *owner,
                       const char **ret_name, struct err *err) {
    if (strncmp(owner, TEAM, strlen(TEAM)) == 0 && is_team(owner + strlen(TEAM))) {
        *ret_name = owner;
        return 0;
    }
    int r = 0;
    *ret_name = "";
    if (strncmp(owner, USER, strlen(USER)) == 0) {
        r = user_name(tx, arena, owner + strlen(USER), ret_name, err);
    }
    if (r < 0 || (*ret_name)[0] != '\0') {
        return r;
    }
    (void)err_set(err, ERR_VALIDATION, "nobody is called \"%.80s\" here", owner);
    (void)err_place(err, "/owner");
    return err_hint(err, "An owner is a user who may log in, or team:NAME.");
}

int break_assign(struct store_tx *tx, struct arena *arena, struct break_row *row, const char *actor,
                 const char *owner, const char *reason, struct err *err) {
    const char *name = "nobody";
    if (strcmp(row->owner, owner) == 0 && break_is_live(row->state)) {
        return 0;
    }
    int r = owner[0] == '\0' ? 0 : check_owner(tx, arena, owner, &name, err);
    if (r < 0) {
        return r;
    }
    const char *detail = arena_printf(arena, "to %s", name);
    const struct break_change change = {
        .actor = actor,
        .detail = with_reason(arena, detail, reason),
        .now_us = clock_wall_us(),
    };
    row->owner = owner;
    return owner[0] == '\0' ? break_move(tx, row, BREAK_RELEASE, "given back", &change, err)
                            : break_move(tx, row, BREAK_ASSIGN, "assigned", &change, err);
}

int break_resolve(struct store_tx *tx, struct arena *arena, struct break_row *row,
                  const char *actor, const char *reason, struct err *err) {
    (void)arena;
    const struct break_change change = {
        .actor = actor, .detail = reason, .resolution = reason, .now_us = clock_wall_us()};
    return break_move(tx, row, BREAK_RESOLVE, "resolved", &change, err);
}

int break_reopen(struct store_tx *tx, struct arena *arena, struct break_row *row, const char *actor,
                 const char *reason, struct err *err) {
    const char *detail = reason;
    const char *what = "";
    if (break_after(row->state, BREAK_REOPEN, false, &what) != BREAK_NONE &&
        row->written_off_minor != 0) {
        int r = break_write_off_undo(tx, row, err);
        if (r < 0) {
            return r;
        }
        detail = with_reason(arena, "what was written off is in the books again", reason);
    }
    const struct break_change change = {
        .actor = actor, .detail = detail, .now_us = clock_wall_us()};
    return break_move(tx, row, BREAK_REOPEN, "reopened", &change, err);
}
