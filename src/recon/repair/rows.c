/* SPDX-License-Identifier: Apache-2.0
 * rows.c: repairs as rows, and the table of their states. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "recon/repair/repair_impl.h"

static const struct {
    const char *name;
    bool live, counts, bad;
} states[] = {
#define X(name, number, text, live, counts, bad, meaning) [number] = {text, live, counts, bad},
#include "recon/repair/repair_states.def"
#undef X
};
static_assert(COUNT_OF(states) == REPAIR_STATE_COUNT, "every state has a row");

static const struct {
    enum repair_state from, to;
} moves[] = {
#define X(from, to) {REPAIR_IS_##from, REPAIR_IS_##to},
#include "recon/repair/repair_moves.def"
#undef X
};

static bool known(int64_t state) {
    return state > REPAIR_STATE_NONE && state < REPAIR_STATE_COUNT;
}

const char *repair_state_name(int64_t state) {
    return known(state) ? states[state].name : "?";
}

bool repair_state_parse(const char *name, enum repair_state *ret_state) {
    for (int i = 1; i < REPAIR_STATE_COUNT; i++) {
        if (strcmp(states[i].name, name) == 0) {
            *ret_state = (enum repair_state)i;
            return true;
        }
    }
    return false;
}

bool repair_state_live(int64_t state) {
    return known(state) && states[state].live;
}

bool repair_state_counts(int64_t state) {
    return known(state) && states[state].counts;
}

bool repair_state_bad(int64_t state) {
    return known(state) && states[state].bad;
}

bool repair_move_is(int64_t from, int64_t to) {
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if ((int64_t)moves[i].from == from && (int64_t)moves[i].to == to) {
            return true;
        }
    }
    return false;
}

void repair_actor(const char *rule, char ret_actor[REPAIR_ACTOR_CHARS_MAX + 1]) {
    snprintf(ret_actor, REPAIR_ACTOR_CHARS_MAX + 1, "rule:%s", rule);
}

int64_t repair_day(int64_t wall_us) {
    return wall_us / (INT64_C(86400) * US_PER_SECOND);
}

void repair_row_read(const struct sql_rows *rows, struct arena *arena, struct repair_row *ret_row) {
    *ret_row = (struct repair_row){
        .id = repair_id_stored(sql_text(rows, 0)),
        .break_id = arena_copy(arena, sql_text(rows, 1)),
        .gateway = arena_copy(arena, sql_text(rows, 2)),
        .rule = arena_copy(arena, sql_text(rows, 3)),
        .action = (enum repair_action)sql_int(rows, 4),
        .state = (enum repair_state)sql_int(rows, 5),
        .payment_id = arena_copy(arena, sql_text(rows, 6)),
        .attempt_id = arena_copy(arena, sql_text(rows, 7)),
        .operation_id = arena_copy(arena, sql_text(rows, 8)),
        .second_id = arena_copy(arena, sql_text(rows, 9)),
        .second_charge_id = arena_copy(arena, sql_text(rows, 10)),
        .case_id = arena_copy(arena, sql_text(rows, 11)),
        .currency = currency_stored(sql_text(rows, 12)),
        .amount_minor = sql_int(rows, 13),
        .day = sql_int(rows, 14),
        .said = arena_copy(arena, sql_text(rows, 15)),
        .tries = sql_int(rows, 16),
        .planned_us = sql_int(rows, 17),
        .updated_us = sql_int(rows, 18),
        .ended_us = sql_int(rows, 19),
        .reversed_by = arena_copy(arena, sql_text(rows, 20)),
        .reason = arena_copy(arena, sql_text(rows, 21)),
    };
}

int repair_row_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                    struct repair_row *ret_row, struct err *err) {
    static const char plain[] = "SELECT " REPAIR_COLUMNS " FROM repair WHERE id = $1";
    static const char locked[] = "SELECT " REPAIR_COLUMNS " FROM repair WHERE id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no repair \"%.40s\"", id);
    }
    if (r < 0) {
        return r;
    }
    repair_row_read(rows, arena, ret_row);
    return 0;
}

int repair_row_of_break(struct store_tx *tx, struct arena *arena, const char *break_id, bool lock,
                        struct repair_row *ret_row, struct err *err) {
    static const char plain[] = "SELECT " REPAIR_COLUMNS " FROM repair WHERE break_id = $1";
    static const char locked[] = "SELECT " REPAIR_COLUMNS
                                 " FROM repair WHERE break_id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(break_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        repair_row_read(rows, arena, ret_row);
    }
    return r;
}

int repair_row_insert(struct store_tx *tx, const struct repair_row *row, struct err *err) {
    int64_t inserted = sql_exec(
        tx, err,
        "INSERT INTO repair (" REPAIR_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
        "$11, $16, $12, $13, $14, '', 0, $15, $15, 0, '', '') ON CONFLICT DO NOTHING",
        S_TEXT(row->id.text), S_TEXT(row->break_id), S_TEXT(row->gateway), S_TEXT(row->rule),
        S_INT(row->action), S_INT(row->state), S_TEXT(row->payment_id), S_TEXT(row->attempt_id),
        S_TEXT(row->operation_id), S_TEXT(row->second_id), S_TEXT(row->second_charge_id),
        S_TEXT(row->currency.code), S_INT(row->amount_minor), S_INT(row->day),
        S_INT(row->planned_us), S_TEXT(row->case_id != NULL ? row->case_id : ""));
    return (int)inserted;
}

int repair_row_save(struct store_tx *tx, struct repair_row *row, enum repair_state to,
                    struct err *err) {
    if (to != row->state && !repair_move_is(row->state, to)) {
        return err_set(err, ERR_STATE, "repair %s is %s: it does not become %s", row->id.text,
                       repair_state_name(row->state), repair_state_name(to));
    }
    row->state = to;
    row->updated_us = clock_wall_us();
    row->ended_us = !repair_state_live(to) && row->ended_us == 0 ? row->updated_us : row->ended_us;
    return sql_put_one(tx, err,
                       "UPDATE repair SET state = $2, case_id = $3, said = $4, tries = $5, "
                       "updated_us = $6, ended_us = $7, reversed_by = $8, reason = $9 WHERE id = "
                       "$1",
                       S_TEXT(row->id.text), S_INT(to), S_TEXT(row->case_id), S_TEXT(row->said),
                       S_INT(row->tries), S_INT(row->updated_us), S_INT(row->ended_us),
                       S_TEXT(row->reversed_by), S_TEXT(row->reason));
}

static void put(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, "\"%s\":", key);
    if (value[0] == '\0') {
        buf_add_text(buf, "null,");
        return;
    }
    buf_add_json(buf, value);
    buf_add_char(buf, ',');
}

static void put_time(struct buf *buf, const char *key, int64_t at_us) {
    char text[CLOCK_TEXT_MAX];
    put(buf, key, at_us > 0 ? clock_format(at_us, text) : "");
}

static void render_open(struct buf *buf, const struct repair_row *row) {
    buf_add_char(buf, '{');
    put(buf, "id", row->id.text);
    put(buf, "break_id", repair_is_case(row->break_id) ? "" : row->break_id);
    put(buf, "gateway", row->gateway);
    put(buf, "rule", row->rule);
    put(buf, "action", repair_action_name(row->action));
    put(buf, "state", repair_state_name(row->state));
    put(buf, "payment_id", row->payment_id);
    put(buf, "attempt_id", row->attempt_id);
    put(buf, "operation_id", row->operation_id);
    put(buf, "case_id", row->case_id);
    buf_addf(buf, "\"amount\":%lld,", (long long)row->amount_minor);
    put(buf, "currency", row->currency.code);
    put(buf, "said", row->said);
    buf_addf(buf, "\"tries\":%lld,", (long long)row->tries);
    put_time(buf, "planned_at", row->planned_us);
    put_time(buf, "updated_at", row->updated_us);
    put_time(buf, "ended_at", row->ended_us);
    put(buf, "reversed_by", row->reversed_by);
    put(buf, "reason", row->reason);
    bool back = row->state == REPAIR_IS_DONE &&
                repair_action_undo(row->action) != REPAIR_UNDO_NEVER;
    buf_addf(buf, "\"can_be_reversed\":%s", back ? "true" : "false");
}

void repair_row_render(struct buf *buf, const struct repair_row *row) {
    render_open(buf, row);
    buf_add_char(buf, '}');
}

int repair_row_wish(struct store_tx *tx, struct arena *arena, const struct repair_row *row,
                    const char **ret_approval_id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM approval WHERE kind = $1 AND subject = $2 AND state = $3",
                      S_INT(APPROVES_REVERSAL), S_TEXT(row->id.text), S_INT(APPROVAL_WAITING));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_approval_id = r > 0 ? arena_copy(arena, sql_text(rows, 0)) : "";
    return r < 0 ? r : 0;
}

int repair_row_tell(struct store_tx *tx, struct arena *arena, struct buf *buf,
                    const struct repair_row *row, struct err *err) {
    struct approval_row approval;
    const char *id = "";
    int r = repair_row_wish(tx, arena, row, &id, err);
    render_open(buf, row);
    buf_add_text(buf, ",\"approval\":");
    if (r >= 0 && id[0] != '\0') {
        r = approval_load(tx, arena, id, false, &approval, err);
        if (r >= 0) {
            approval_render(buf, &approval);
        }
    } else {
        buf_add_text(buf, "null");
    }
    buf_add_char(buf, '}');
    return r;
}
