/* SPDX-License-Identifier: Apache-2.0
 * action_rows.c: action items as rows, their digest, how they are told. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "incident/action_impl.h"
#include "incident/postmortem.h"

enum { DIGESTED_BYTES_MAX = 32 * 1024 };

static const struct {
    int64_t number;
    const char *name;
    bool waits;
} states[] = {
#define X(NAME, number, name, waits, meaning) {number, name, waits},
#include "incident/action_states.def"
#undef X
};
static const struct named {
    int64_t number;
    const char *name, *what[NOTICE_LANGUAGES];
} kinds[] = {
#define X(NAME, number, name, what, what_zh) {number, name, {what, what_zh}},
#include "incident/action_kinds.def"
#undef X
}, proofs[] = {
#define X(NAME, number, name, what, what_zh) {number, name, {what, what_zh}},
#include "incident/action_proofs.def"
#undef X
};

const char *action_state_name(int64_t state) {
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (states[i].number == state) {
            return states[i].name;
        }
    }
    return "?";
}

bool action_waits(int64_t state) {
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (states[i].number == state) {
            return states[i].waits;
        }
    }
    return false;
}

static const struct named *find(const struct named *rows, size_t count, int64_t number) {
    for (size_t i = 0; i < count; i++) {
        if (rows[i].number == number) {
            return &rows[i];
        }
    }
    return NULL;
}

static int64_t parse(const struct named *rows, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].number;
        }
    }
    return 0;
}

const char *action_kind_name(int64_t kind) {
    const struct named *row = find(kinds, COUNT_OF(kinds), kind);
    return row != NULL ? row->name : "?";
}

const char *action_kind_what(int64_t kind, enum notice_language language) {
    const struct named *row = find(kinds, COUNT_OF(kinds), kind);
    return row != NULL ? row->what[language] : "?";
}

const char *action_proof_name(int64_t proof) {
    const struct named *row = find(proofs, COUNT_OF(proofs), proof);
    return row != NULL ? row->name : "?";
}

bool action_kind_parse(const char *name, enum action_kind *ret_kind) {
    int64_t number = parse(kinds, COUNT_OF(kinds), name);
    *ret_kind = number != 0 ? (enum action_kind)number : *ret_kind;
    return number != 0;
}

bool action_proof_parse(const char *name, enum action_proof *ret_proof) {
    int64_t number = parse(proofs, COUNT_OF(proofs), name);
    *ret_proof = number != 0 ? (enum action_proof)number : *ret_proof;
    return number != 0;
}

/* ---- rows ---- */

void action_take(const struct sql_rows *rows, struct arena *arena, struct action_row *ret_row) {
    *ret_row = (struct action_row){
        .id = arena_copy(arena, sql_text(rows, 0)),
        .incident_id = arena_copy(arena, sql_text(rows, 1)),
        .number = sql_int(rows, 2),
        .version = sql_int(rows, 3),
        .kind = sql_int(rows, 4),
        .state = sql_int(rows, 5),
        .what = arena_copy(arena, sql_text(rows, 6)),
        .owner = arena_copy(arena, sql_text(rows, 7)),
        .due_us = sql_int(rows, 8),
        .proof_kind = sql_int(rows, 9),
        .proof = arena_copy(arena, sql_text(rows, 10)),
        .created_by = arena_copy(arena, sql_text(rows, 11)),
        .created_us = sql_int(rows, 12),
        .done_by = arena_copy(arena, sql_text(rows, 13)),
        .done_us = sql_int(rows, 14),
        .done_note = arena_copy(arena, sql_text(rows, 15)),
        .verified_by = arena_copy(arena, sql_text(rows, 16)),
        .verified_us = sql_int(rows, 17),
        .verified_note = arena_copy(arena, sql_text(rows, 18)),
        .reopened_why = arena_copy(arena, sql_text(rows, 19)),
        .reopened_us = sql_int(rows, 20),
        .reopened_count = sql_int(rows, 21),
        .nags = sql_int(rows, 22),
        .updated_us = sql_int(rows, 23),
    };
}

int action_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                struct action_row *ret_row, struct err *err) {
    static const char plain[] = "SELECT " ACTION_COLUMNS " FROM action_item WHERE id = $1";
    static const char locked[] = "SELECT " ACTION_COLUMNS " FROM action_item WHERE id = $1 FOR "
                                 "UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0) {
        err_set(err, ERR_NOT_FOUND, "there is no action item %.40s", id);
        return err_hint(err, "`holdfast action list --state all` lists them.");
    }
    if (r > 0) {
        action_take(rows, arena, ret_row);
    }
    return r < 0 ? r : 0;
}

int action_insert(struct store_tx *tx, const struct action_row *row, struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO action_item (" ACTION_COLUMNS
                   ") VALUES ($1, $2, $3, 0, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', 0, '', '', "
                   "0, '', '', 0, 0, 0, $12)",
                   S_TEXT(row->id), S_TEXT(row->incident_id), S_INT(row->number), S_INT(row->kind),
                   S_INT(row->state), S_TEXT(row->what), S_TEXT(row->owner), S_INT(row->due_us),
                   S_INT(row->proof_kind), S_TEXT(row->proof), S_TEXT(row->created_by),
                   S_INT(row->created_us));
}

static int save(struct store_tx *tx, const struct action_row *row, struct err *err) {
    return sql_put_one(
        tx, err,
        "UPDATE action_item SET version = $2, state = $3, owner = $4, due_us = $5, done_by = $6, "
        "done_us = $7, done_note = $8, verified_by = $9, verified_us = $10, verified_note = $11, "
        "reopened_why = $12, reopened_us = $13, reopened_count = $14, nags = $15, updated_us = $16 "
        "WHERE id = $1",
        S_TEXT(row->id), S_INT(row->version), S_INT(row->state), S_TEXT(row->owner),
        S_INT(row->due_us), S_TEXT(row->done_by), S_INT(row->done_us), S_TEXT(row->done_note),
        S_TEXT(row->verified_by), S_INT(row->verified_us), S_TEXT(row->verified_note),
        S_TEXT(row->reopened_why), S_INT(row->reopened_us), S_INT(row->reopened_count),
        S_INT(row->nags), S_INT(row->updated_us));
}

/* Each text with its length, so that no two rows give the same bytes. */
void action_digest(const struct action_row *row, char ret_hex[SHA256_HEX_CHARS + 1]) {
    const int64_t numbers[] = {row->number,  row->version,     row->kind,
                               row->state,   row->due_us,      row->proof_kind,
                               row->created_us, row->done_us,  row->verified_us,
                               row->reopened_us, row->reopened_count};
    const char *const texts[] = {row->id,          row->incident_id,   row->what,
                                 row->owner,       row->proof,         row->created_by,
                                 row->done_by,     row->done_note,     row->verified_by,
                                 row->verified_note, row->reopened_why};
    BUF_AUTO buf;
    buf_init(&buf, DIGESTED_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        buf_addf(&buf, "%" PRId64 ";", numbers[i]);
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        buf_addf(&buf, "%zu:%s", strlen(texts[i]), texts[i]);
    }
    INVARIANT(buf_ok(&buf), "the limits of an item keep it below that of its digest");
    crypto_sha256_hex(buf.data, buf.len, ret_hex);
}

int action_write(struct incidents *incidents, struct store_tx *tx, struct action_row *row,
                 const char *actor, const char *text, struct err *err) {
    char digest[SHA256_HEX_CHARS + 1], evidence[256];
    row->version++;
    row->updated_us = clock_wall_us();
    row->nags = 0;
    action_digest(row, digest);
    snprintf(evidence, sizeof evidence,
             "{\"action_item\":\"%s\",\"version\":%" PRId64 ",\"sha256\":\"%s\"}", row->id,
             row->version, digest);
    const struct incident_entry entry = {
        .actor = actor, .kind = LOGGED_ACTION, .text = text, .evidence = evidence};
    int64_t next_us = action_waits(row->state) ? learn_next_us(row->due_us, 0) : 0;
    int r = save(tx, row, err);
    r = r < 0 ? r : incident_log_add(tx, row->incident_id, &entry, err);
    r = r < 0 ? r : learn_schedule(incidents, tx, LEARN_JOB_ACTION, row->id, next_us, err);
    return r < 0 ? r : learn_end_nags(incidents, tx, row->id, err);
}

/* ---- telling ---- */

static void put(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, ",\"%s\":", key);
    if (value[0] != '\0') {
        buf_add_json(buf, value);
    } else {
        buf_add_text(buf, "null");
    }
}

static void put_time(struct buf *buf, const char *key, int64_t wall_us) {
    char time[CLOCK_TEXT_MAX];
    put(buf, key, wall_us > 0 ? clock_format(wall_us, time) : "");
}

void action_render(struct buf *buf, const struct action_row *row) {
    buf_addf(buf,
             "{\"id\":\"%s\",\"object\":\"action_item\",\"incident_id\":\"%s\",\"number\":%" PRId64
             ",\"version\":%" PRId64 ",\"kind\":\"%s\",\"state\":\"%s\"",
             row->id, row->incident_id, row->number, row->version, action_kind_name(row->kind),
             action_state_name(row->state));
    put(buf, "what", row->what);
    put(buf, "owner", row->owner);
    put_time(buf, "due_at", row->due_us);
    buf_addf(buf, ",\"overdue\":%s,\"proof\":{\"kind\":\"%s\",\"name\":",
             action_waits(row->state) && row->due_us <= clock_wall_us() ? "true" : "false",
             action_proof_name(row->proof_kind));
    buf_add_json(buf, row->proof);
    buf_add_char(buf, '}');
    put(buf, "created_by", row->created_by);
    put_time(buf, "created_at", row->created_us);
    put(buf, "done_by", row->done_by);
    put_time(buf, "done_at", row->done_us);
    put(buf, "done_note", row->done_note);
    put(buf, "verified_by", row->verified_by);
    put_time(buf, "verified_at", row->verified_us);
    put(buf, "verified_note", row->verified_note);
    put(buf, "reopened_why", row->reopened_why);
    put_time(buf, "reopened_at", row->reopened_us);
    buf_addf(buf, ",\"reopened_count\":%" PRId64 "}", row->reopened_count);
}
