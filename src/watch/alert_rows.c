/* SPDX-License-Identifier: Apache-2.0
 * alert_rows.c: the rows of alerts: read, written, and what is written beside them. */
#include <string.h>

#include "watch/alert_impl.h"

enum { BODY_BYTES_MAX = 2000 };

void alert_row_take(struct arena *arena, const struct sql_rows *rows, struct alert_row *ret_row) {
    struct alert_row row = {
        .id = arena_copy(arena, sql_text(rows, 0)),
        .fingerprint = arena_copy(arena, sql_text(rows, 1)),
        .labels_text = arena_copy(arena, sql_text(rows, 3)),
        .state = (enum alert_state)sql_int(rows, 6),
        .facts = arena_copy(arena, sql_text(rows, 7)),
        .value = arena_copy(arena, sql_text(rows, 8)),
        .threshold = arena_copy(arena, sql_text(rows, 9)),
        .group_key = arena_copy(arena, sql_text(rows, 10)),
        .first_symptom_us = sql_int(rows, 11),
        .seen_us = sql_int(rows, 12),
        .clear_us = sql_int(rows, 13),
        .fired_us = sql_int(rows, 14),
        .acked_us = sql_int(rows, 15),
        .acked_by = arena_copy(arena, sql_text(rows, 16)),
        .ack_reason = arena_copy(arena, sql_text(rows, 17)),
        .resolved_us = sql_int(rows, 18),
        .told_us = sql_int(rows, 19),
        .calls_us = sql_int(rows, 20),
        .step = sql_int(rows, 21),
        .owed = sql_int(rows, 22),
        .entries = sql_int(rows, 23),
        .money = arena_copy(arena, sql_text(rows, 24)),
    };
    struct notice_label *labels = NULL;
    row.face = (struct alert_face){
        .rule = arena_copy(arena, sql_text(rows, 2)),
        .team = (enum alert_team)sql_int(rows, 4),
        .severity = (enum notice_severity)sql_int(rows, 5),
        .label_count = labels_parse(arena, row.labels_text, &labels),
    };
    row.face.labels = labels;
    *ret_row = row;
}

static int take_one(struct sql_rows *rows, struct arena *arena, struct alert_row *ret_row,
                    struct err *err) {
    int r = sql_next(rows, err);
    if (r > 0) {
        alert_row_take(arena, rows, ret_row);
    }
    return r;
}

int alert_row_live(struct store_tx *tx, struct arena *arena, const char *fingerprint,
                   struct alert_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " ALERT_COLUMNS
                      " FROM alert a WHERE a.fingerprint = $1 AND a.state <> 4 FOR UPDATE",
                      S_TEXT(fingerprint));
    return r < 0 ? r : take_one(rows, arena, ret_row, err);
}

int alert_row_load(struct store_tx *tx, struct arena *arena, const char *id,
                   struct alert_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " ALERT_COLUMNS " FROM alert a WHERE a.id = $1 FOR UPDATE",
                      S_TEXT(id));
    return r < 0 ? r : take_one(rows, arena, ret_row, err);
}

/* 0 also when another instance has made one for this fingerprint: look for it then. */
int alert_row_insert(struct store_tx *tx, const struct alert_row *row, struct err *err) {
    int64_t made = sql_exec(
        tx, err,
        "INSERT INTO alert (id, fingerprint, rule, labels, team, severity, state, facts, value, "
        "threshold, group_key, first_symptom_us, seen_us, clear_us, fired_us, acked_us, acked_by, "
        "ack_reason, resolved_us, told_us, calls_us, step, owed, entries, money, updated_us) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, 0, 0, '', '', 0, 0, "
        "0, 0, 0, 0, $14, $13) ON CONFLICT (fingerprint) WHERE state <> 4 DO NOTHING",
        S_TEXT(row->id), S_TEXT(row->fingerprint), S_TEXT(row->face.rule), S_TEXT(row->labels_text),
        S_INT(row->face.team), S_INT(row->face.severity), S_INT(row->state), S_TEXT(row->facts),
        S_TEXT(row->value), S_TEXT(row->threshold), S_TEXT(row->group_key),
        S_INT(row->first_symptom_us), S_INT(row->seen_us), S_TEXT(row->money));
    return made < 0 ? (int)made : 0;
}

int alert_row_save(struct store_tx *tx, const struct alert_row *row, struct err *err) {
    return sql_put(
        tx, err,
        "UPDATE alert SET severity = $2, state = $3, facts = $4, value = $5, threshold = $6, "
        "first_symptom_us = $7, clear_us = $8, fired_us = $9, acked_us = $10, acked_by = $11, "
        "ack_reason = $12, resolved_us = $13, told_us = $14, calls_us = $15, step = $16, "
        "owed = $17, entries = $18, updated_us = $19, money = $20 WHERE id = $1",
        S_TEXT(row->id), S_INT(row->face.severity), S_INT(row->state), S_TEXT(row->facts),
        S_TEXT(row->value), S_TEXT(row->threshold), S_INT(row->first_symptom_us),
        S_INT(row->clear_us), S_INT(row->fired_us), S_INT(row->acked_us), S_TEXT(row->acked_by),
        S_TEXT(row->ack_reason), S_INT(row->resolved_us), S_INT(row->told_us), S_INT(row->calls_us),
        S_INT(row->step), S_INT(row->owed), S_INT(row->entries), S_INT(clock_wall_us()),
        S_TEXT(row->money));
}

static int forget_words(struct store_tx *tx, const char *id, struct err *err) {
    return sql_put(tx, err, "DELETE FROM alert_word WHERE alert_id = $1", S_TEXT(id));
}

int alert_row_forget(struct store_tx *tx, const char *id, struct err *err) {
    int r = forget_words(tx, id, err);
    r = r < 0 ? r : sql_put(tx, err, "DELETE FROM alert_entry WHERE alert_id = $1", S_TEXT(id));
    return r < 0 ? r : sql_put(tx, err, "DELETE FROM alert WHERE id = $1", S_TEXT(id));
}

int alert_entry_add(struct store_tx *tx, struct alert_row *row, const char *actor,
                    const char *what, const char *body, struct err *err) {
    BUF_AUTO text;
    buf_init(&text, NOTICE_JSON_BYTES_MAX);
    buf_add_text(&text, body);
    notice_cut_buf(&text, 0, BODY_BYTES_MAX);
    row->entries++;
    return sql_put(tx, err,
                   "INSERT INTO alert_entry (alert_id, number, at_us, actor, what, body) "
                   "VALUES ($1, $2, $3, $4, $5, $6)",
                   S_TEXT(row->id), S_INT(row->entries), S_INT(clock_wall_us()), S_TEXT(actor),
                   S_TEXT(what), S_TEXT(text.data));
}

int alert_told_put(struct store_tx *tx, const struct alert_row *row, const char *channel,
                   enum notice_state state, int64_t now_us, struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO alert_told (alert_id, channel, state, severity, at_us) "
                   "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (alert_id, channel) DO UPDATE SET "
                   "state = excluded.state, severity = excluded.severity, at_us = excluded.at_us",
                   S_TEXT(row->id), S_TEXT(channel), S_INT(state), S_INT(row->face.severity),
                   S_INT(now_us));
}
