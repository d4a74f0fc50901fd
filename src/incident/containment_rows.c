/* SPDX-License-Identifier: Apache-2.0
 * containment_rows.c: measures as rows, and how they are told (containment_impl.h). */
#include <string.h>

#include "base/json.h"
#include "incident/containment_impl.h"

/* ---- rows ---- */

#define COLUMNS                                                                                    \
    "id, incident_id, kind, name, state, reason, actor, taken_us, before_value, before_us, "       \
    "before_until_us, before_actor, before_reason, taken_value, stood_us, stood_actor, until_us, " \
    "renewals, undone_us, undone_by, undone_reason, handed_us, handed_by, handed_to, "             \
    "handed_reason"

int containment_insert(struct store_tx *tx, const struct containment_row *row, struct err *err) {
    return sql_put(
        tx, err,
        "INSERT INTO incident_measure (" COLUMNS ", thing, thing_name) VALUES ($1, $2, $3, $4, $5, "
        "$6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 0, '', '', 0, '', '', '', "
        "$19, $20)",
        S_TEXT(row->id.text), S_TEXT(row->incident_id), S_INT(row->kind->kind), S_TEXT(row->name),
        S_INT(row->state), S_TEXT(row->reason), S_TEXT(row->actor), S_INT(row->taken_us),
        S_TEXT(row->before.value), S_INT(row->before.at_us), S_INT(row->before.until_us),
        S_TEXT(row->before.actor), S_TEXT(row->before.reason), S_TEXT(row->taken_value),
        S_INT(row->stood_us), S_TEXT(row->stood_actor), S_INT(row->until_us),
        S_INT(row->renewals), S_TEXT(containment_gate_kind(row->kind->thing)),
        S_TEXT(containment_thing_name(row->kind, row->name)));
}

int containment_save(struct store_tx *tx, const struct containment_row *row, struct err *err) {
    return sql_put_one(tx, err,
                       "UPDATE incident_measure SET state = $2, undone_us = $3, undone_by = $4, "
                       "undone_reason = $5, handed_us = $6, handed_by = $7, handed_to = $8, "
                       "handed_reason = $9 WHERE id = $1",
                       S_TEXT(row->id.text), S_INT(row->state), S_INT(row->undone_us),
                       S_TEXT(row->undone_by), S_TEXT(row->undone_reason), S_INT(row->handed_us),
                       S_TEXT(row->handed_by), S_TEXT(row->handed_to),
                       S_TEXT(row->handed_reason));
}

static int take(struct sql_rows *rows, struct arena *arena, struct containment_row *ret_row,
                struct err *err) {
    const struct containment_row_kind *kind = containment_kind_row(sql_int(rows, 2));
    if (kind == NULL) {
        return err_set(err, ERR_STORE_CORRUPT, "measure %.40s is of no known kind",
                       sql_text(rows, 0));
    }
    *ret_row = (struct containment_row){
        .id = containment_id_stored(sql_text(rows, 0)),
        .incident_id = arena_copy(arena, sql_text(rows, 1)),
        .kind = kind,
        .name = arena_copy(arena, sql_text(rows, 3)),
        .state = sql_int(rows, 4),
        .reason = arena_copy(arena, sql_text(rows, 5)),
        .actor = arena_copy(arena, sql_text(rows, 6)),
        .taken_us = sql_int(rows, 7),
        .before = {.value = arena_copy(arena, sql_text(rows, 8)),
                   .at_us = sql_int(rows, 9),
                   .until_us = sql_int(rows, 10),
                   .actor = arena_copy(arena, sql_text(rows, 11)),
                   .reason = arena_copy(arena, sql_text(rows, 12))},
        .taken_value = arena_copy(arena, sql_text(rows, 13)),
        .stood_us = sql_int(rows, 14),
        .stood_actor = arena_copy(arena, sql_text(rows, 15)),
        .until_us = sql_int(rows, 16),
        .renewals = sql_int(rows, 17) != 0,
        .undone_us = sql_int(rows, 18),
        .undone_by = arena_copy(arena, sql_text(rows, 19)),
        .undone_reason = arena_copy(arena, sql_text(rows, 20)),
        .handed_us = sql_int(rows, 21),
        .handed_by = arena_copy(arena, sql_text(rows, 22)),
        .handed_to = arena_copy(arena, sql_text(rows, 23)),
        .handed_reason = arena_copy(arena, sql_text(rows, 24)),
    };
    return 0;
}

int containment_load(struct store_tx *tx, struct arena *arena, const char *incident_id,
                     const char *id, struct containment_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    const char *of = incident_id != NULL ? incident_id : "";
    int r = sql_query(tx, err, &rows,
                      "SELECT " COLUMNS " FROM incident_measure WHERE id = $1 AND ($2 = '' OR "
                      "incident_id = $2)",
                      S_TEXT(id), S_TEXT(of));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0) {
        err_set(err, ERR_NOT_FOUND, "there is no measure %s%s%s", id,
                of[0] != '\0' ? " of incident " : "", of);
        return err_hint(err, "`holdfast incident measures` lists those of an incident.");
    }
    return r < 0 ? r : take(rows, arena, ret_row, err);
}

int containment_load_all(struct store_tx *tx, struct arena *arena, const char *incident_id,
                         struct containment_row **ret_rows, int *ret_count, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    struct containment_row *all = arena_alloc(arena, sizeof *all * CONTAINMENT_LISTED_MAX);
    int count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT " COLUMNS " FROM incident_measure WHERE incident_id = $1 ORDER BY "
                      "taken_us, id LIMIT $2",
                      S_TEXT(incident_id), S_INT(CONTAINMENT_LISTED_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        r = take(rows, arena, &all[count++], err);
    }
    *ret_rows = all;
    *ret_count = r < 0 ? 0 : count;
    return r;
}

/* ---- words ---- */

const char *containment_title(struct arena *arena, const struct containment_row *row) {
    return row->name[0] != '\0' ? arena_printf(arena, "%s %s", row->kind->name, row->name)
                                : row->kind->name;
}

const char *containment_undoing(struct arena *arena, const struct containment_row *row) {
    return arena_printf(arena, "holdfast incident undo %s %s", row->incident_id,
                        row->id.text);
}

int containment_who(struct store_tx *tx, struct arena *arena, const char *actor,
                    const char **ret_name, struct err *err) {
    struct incident_person person;
    int r = incident_person(tx, arena, actor, &person, err);
    *ret_name = r > 0 && person.name[0] != '\0' ? person.name : actor;
    return r < 0 ? r : 0;
}

/* ---- as JSON ---- */

static void put_text(struct buf *buf, const char *key, const char *text) {
    buf_addf(buf, ",\"%s\":", key);
    if (text[0] != '\0') {
        buf_add_json(buf, text);
    } else {
        buf_add_text(buf, "null");
    }
}

static void put_time(struct buf *buf, const char *key, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    put_text(buf, key, wall_us > 0 ? clock_format(wall_us, text) : "");
}

void containment_stand_json(struct buf *buf, const struct containment_stand *stand) {
    buf_add_text(buf, "{\"value\":");
    buf_add_json(buf, stand->value);
    put_time(buf, "at", stand->at_us);
    put_time(buf, "until", stand->until_us);
    put_text(buf, "actor", stand->actor);
    put_text(buf, "reason", stand->reason);
    buf_add_char(buf, '}');
}

/* ,"key":null|{"at","actor","by","to","reason"} */
static int put_deed(struct store_tx *tx, struct arena *arena, struct buf *buf, const char *key,
                    int64_t at_us, const char *actor, const char *to, const char *reason,
                    struct err *err) {
    const char *by = NULL;
    buf_addf(buf, ",\"%s\":", key);
    if (at_us == 0) {
        buf_add_text(buf, "null");
        return 0;
    }
    char text[CLOCK_TEXT_MAX];
    int r = containment_who(tx, arena, actor, &by, err);
    if (r < 0) {
        return r;
    }
    buf_addf(buf, "{\"at\":\"%s\"", clock_format(at_us, text));
    put_text(buf, "actor", actor);
    put_text(buf, "by", by);
    if (to != NULL) {
        put_text(buf, "to", to);
    }
    put_text(buf, "reason", reason);
    buf_add_char(buf, '}');
    return 0;
}

static void put_verification(struct arena *arena, struct buf *buf,
                             const struct containment_row *row,
                             const struct containment_now *now) {
    char text[CLOCK_TEXT_MAX];
    const char *who = now->stand.actor[0] != '\0' ? now->stand.actor : "nobody";
    const char *en = "It stands as it was taken.", *zh = "仍按所采取的措施生效。";
    if (row->state == CONTAINMENT_IS_UNDONE) {
        en = "It was undone.";
        zh = "已撤销。";
    } else if (!now->on) {
        en = arena_printf(arena, "It is not on any more: \"%s\", said last by %s.",
                          now->stand.value, who);
        zh = arena_printf(arena, "已不再生效:“%s”,最后由 %s 设置。", now->stand.value, who);
    } else if (!now->as_taken) {
        en = arena_printf(arena, "Somebody has changed it since: \"%s\", by %s.", now->stand.value,
                          who);
        zh = arena_printf(arena, "之后被更改:“%s”,由 %s 设置。", now->stand.value, who);
    }
    buf_addf(buf, ",\"verification\":{\"at\":\"%s\",\"on\":%s,\"as_taken\":%s,\"now\":",
             clock_format(clock_wall_us(), text), now->on ? "true" : "false",
             now->as_taken ? "true" : "false");
    containment_stand_json(buf, &now->stand);
    put_text(buf, "en", en);
    put_text(buf, "zh", zh);
    buf_add_char(buf, '}');
}

int containment_render(struct store_tx *tx, struct arena *arena, struct buf *buf,
                       const struct containment_row *row, struct err *err) {
    struct containment_now now;
    int r = containment_now(tx, arena, row, &now, err);
    if (r < 0) {
        return r;
    }
    const struct phrase_word named = {"name", row->name};
    buf_addf(buf, "{\"id\":\"%s\",\"object\":\"measure\",\"incident_id\":\"%s\",\"kind\":\"%s\"",
             row->id.text, row->incident_id, row->kind->name);
    put_text(buf, "name", row->name);
    buf_addf(buf, ",\"state\":\"%s\"", containment_state_name(row->state));
    put_text(buf, "does", PHRASE(arena, row->kind->does[NOTICE_EN], named));
    put_text(buf, "does_zh", PHRASE(arena, row->kind->does[NOTICE_ZH], named));
    put_time(buf, "until", row->until_us);
    buf_add_text(buf, ",\"before\":");
    containment_stand_json(buf, &row->before);
    put_text(buf, "after", row->taken_value);
    r = put_deed(tx, arena, buf, "taken", row->taken_us, row->actor, NULL, row->reason, err);
    r = r < 0 ? r
              : put_deed(tx, arena, buf, "undone", row->undone_us, row->undone_by, NULL,
                         row->undone_reason, err);
    r = r < 0 ? r
              : put_deed(tx, arena, buf, "handed_over", row->handed_us, row->handed_by,
                         row->handed_to, row->handed_reason, err);
    put_verification(arena, buf, row, &now);
    put_text(buf, "undo",
             row->state == CONTAINMENT_IS_UNDONE ? "" : containment_undoing(arena, row));
    buf_add_char(buf, '}');
    return r;
}
