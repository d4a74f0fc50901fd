/* SPDX-License-Identifier: Apache-2.0
 * incident_rows.c: incidents as rows, the seal of a row, and how both are told
 * (incident_impl.h). */
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/plant.h"
#include "incident/incident_impl.h"
#include "incident/postmortem.h"

/* ---- reading ---- */

/* Columns in their order, so that a new one is one line here and one in INCIDENT_COLUMNS. */
enum {
    AT_COLUMN = 11,
    HOLDER_COLUMN = AT_COLUMN + MILESTONES,
    AFTER_COLUMN = HOLDER_COLUMN + 2 * INCIDENT_ROLES,
};

static int take_scope(const char *text, struct incident_row *row, struct err *err) {
    JSON_AUTO json = NULL;
    int r = json_read(text, strlen(text), INCIDENT_EVIDENCE_BYTES_MAX, JSON_DEPTH_MAX, &json, err);
    r = r < 0 ? r : scope_read(json, "", &row->scope, err);
    if (r < 0) {
        return err_set(err, ERR_STORE_CORRUPT, "the scope of incident %s cannot be read",
                       row->id.text);
    }
    row->scope.from_us = row->at_us[MILESTONE_IMPACT_START];
    row->scope.until_us = row->at_us[MILESTONE_MITIGATED];
    return 0;
}

int incident_take(struct sql_rows *rows, struct arena *arena, struct incident_row *ret_row,
                  struct err *err) {
    *ret_row = (struct incident_row){
        .id = incident_id_stored(sql_text(rows, 0)),
        .version = sql_int(rows, 1),
        .number = sql_int(rows, 2),
        .title = arena_copy(arena, sql_text(rows, 3)),
        .severity = sql_int(rows, 4),
        .proposed = sql_int(rows, 5),
        .reasons = arena_copy(arena, sql_text(rows, 6)),
        .state = sql_int(rows, 7),
        .cause = sql_int(rows, 8),
        .cause_why = arena_copy(arena, sql_text(rows, 9)),
        .follows = arena_copy(arena, sql_text(rows, AFTER_COLUMN)),
        .drill = sql_int(rows, AFTER_COLUMN + 1) != 0,
        .round = sql_int(rows, AFTER_COLUMN + 2),
        .opened_by = arena_copy(arena, sql_text(rows, AFTER_COLUMN + 3)),
        .told_us = sql_int(rows, AFTER_COLUMN + 4),
        .told_count = sql_int(rows, AFTER_COLUMN + 5),
        .ack_nags = sql_int(rows, AFTER_COLUMN + 6),
        .update_nags = sql_int(rows, AFTER_COLUMN + 7),
        .updated_us = sql_int(rows, AFTER_COLUMN + 8),
    };
    for (int i = 0; i < MILESTONES; i++) {
        ret_row->at_us[i] = sql_int(rows, AT_COLUMN + i);
    }
    for (int i = 0; i < INCIDENT_ROLES * 2; i++) {
        ret_row->holders[i / 2][i % 2] = arena_copy(arena, sql_text(rows, HOLDER_COLUMN + i));
    }
    return take_scope(sql_text(rows, 10), ret_row, err);
}

int incident_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                  struct incident_row *ret_row, struct err *err) {
    static const char plain[] = "SELECT " INCIDENT_COLUMNS " FROM incident WHERE id = $1";
    static const char locked[] =
        "SELECT " INCIDENT_COLUMNS " FROM incident WHERE id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0) {
        err_set(err, ERR_NOT_FOUND, "there is no incident %s", id);
        return err_hint(err, "`holdfast incident list --state all` lists them.");
    }
    return r < 0 ? r : incident_take(rows, arena, ret_row, err);
}

int incident_signatures(struct store_tx *tx, struct arena *arena, const struct incident_row *row,
                        struct incident_signatures *ret_signatures, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    *ret_signatures = (struct incident_signatures){0};
    int r = sql_query(tx, err, &rows,
                      "SELECT role, person, name, at_us, version FROM incident_signature WHERE "
                      "incident_id = $1 AND round = $2 ORDER BY role",
                      S_TEXT(row->id.text), S_INT(row->round));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        enum incident_role role;
        if (incident_role_parse(sql_text(rows, 0), &role)) {
            ret_signatures->rows[role] = (struct incident_signed){
                .person = arena_copy(arena, sql_text(rows, 1)),
                .name = arena_copy(arena, sql_text(rows, 2)),
                .at_us = sql_int(rows, 3),
                .version = sql_int(rows, 4),
            };
        }
    }
    return r;
}

/* ---- the seal ---- */

static void digest_text(struct buf *buf, const char *text) {
    buf_addf(buf, "%zu:", strlen(text));
    buf_add_text(buf, text);
}

static void digest_int(struct buf *buf, int64_t number) {
    buf_addf(buf, "%" PRId64 ";", number);
}

/* All that a person or the machine decided; what only timers go by is left out, as it changes
 * without an entry. */
int incident_seal(struct store_tx *tx, const struct incident_row *row,
                  char ret_seal[SHA256_HEX_CHARS + 1], struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct incident_signatures signatures;
    BUF_AUTO buf;
    buf_init(&buf, INCIDENT_JSON_BYTES_MAX);
    const int64_t numbers[] = {row->version, row->number,  row->severity, row->proposed,
                               row->state,   row->cause,   row->drill,    row->round};
    const char *const texts[] = {row->id.text,   row->title,   row->reasons,
                                 row->cause_why, row->follows, row->opened_by};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        digest_int(&buf, numbers[i]);
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        digest_text(&buf, texts[i]);
    }
    for (int i = 0; i < MILESTONES; i++) {
        digest_int(&buf, row->at_us[i]);
    }
    for (int i = 0; i < INCIDENT_ROLES * 2; i++) {
        digest_text(&buf, row->holders[i / 2][i % 2]);
    }
    scope_write(&row->scope, &buf);
    int r = incident_signatures(tx, arena, row, &signatures, err);
    for (int i = 0; r >= 0 && i < INCIDENT_ROLES; i++) {
        const struct incident_signed *one = &signatures.rows[i];
        digest_text(&buf, one->at_us > 0 ? one->person : "");
        digest_text(&buf, one->at_us > 0 ? one->name : "");
        digest_int(&buf, one->at_us);
        digest_int(&buf, one->version);
    }
    INVARIANT(r < 0 || buf_ok(&buf), "the limits of an incident keep it below that of its seal");
    crypto_sha256_hex(buf.data, buf.len, ret_seal);
    return r;
}

/* ---- writing ---- */

static int next_number(struct store_tx *tx, int64_t *ret_number, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT number FROM incident_number WHERE one = 1 FOR UPDATE");
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_STORE_CORRUPT, "the incidents' last number is gone");
    }
    *ret_number = sql_int(rows, 0) + 1;
    return 0;
}

int incident_insert(struct store_tx *tx, struct incident_row *row, struct err *err) {
    BUF_AUTO scope;
    buf_init(&scope, INCIDENT_EVIDENCE_BYTES_MAX);
    scope_write(&row->scope, &scope);
    int r = next_number(tx, &row->number, err);
    r = r < 0 ? r
              : sql_put_one(tx, err, "UPDATE incident_number SET number = $1 WHERE one = 1",
                            S_INT(row->number));
    r = r < 0
            ? r
            : sql_put(
                  tx, err,
                  "INSERT INTO incident (" INCIDENT_COLUMNS
                  ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
                  "$16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, "
                  "$31, $32, $33, $34, $35, $36)",
                  S_TEXT(row->id.text), S_INT(row->version), S_INT(row->number),
                  S_TEXT(row->title), S_INT(row->severity), S_INT(row->proposed),
                  S_TEXT(row->reasons), S_INT(row->state), S_INT(row->cause),
                  S_TEXT(row->cause_why), S_TEXT(scope.data), S_INT(row->at_us[0]),
                  S_INT(row->at_us[1]), S_INT(row->at_us[2]), S_INT(row->at_us[3]),
                  S_INT(row->at_us[4]), S_INT(row->at_us[5]), S_INT(row->at_us[6]),
                  S_INT(row->at_us[7]), S_TEXT(row->holders[0][0]), S_TEXT(row->holders[0][1]),
                  S_TEXT(row->holders[1][0]), S_TEXT(row->holders[1][1]),
                  S_TEXT(row->holders[2][0]), S_TEXT(row->holders[2][1]),
                  S_TEXT(row->holders[3][0]), S_TEXT(row->holders[3][1]), S_TEXT(row->follows),
                  S_INT(row->drill), S_INT(row->round), S_TEXT(row->opened_by),
                  S_INT(row->told_us), S_INT(row->told_count), S_INT(row->ack_nags),
                  S_INT(row->update_nags), S_INT(row->updated_us));
    return r < 0 ? r : incident_log_begin(tx, row->id.text, err);
}
static_assert(MILESTONES == 8 && INCIDENT_ROLES == 4, "the statements name each of them");

static int save(struct store_tx *tx, const struct incident_row *row, struct err *err) {
    BUF_AUTO scope;
    buf_init(&scope, INCIDENT_EVIDENCE_BYTES_MAX);
    scope_write(&row->scope, &scope);
    return sql_put_one(
        tx, err,
        "UPDATE incident SET version = $2, title = $3, severity = $4, proposed = $5, reasons = $6, "
        "state = $7, cause = $8, cause_why = $9, scope = $10, impact_start_us = $11, "
        "acknowledged_us = $12, contained_us = $13, mitigated_us = $14, reconciled_us = $15, "
        "resolved_us = $16, done_us = $17, commander = $18, commander_deputy = $19, lead = $20, "
        "lead_deputy = $21, comms = $22, comms_deputy = $23, recon = $24, recon_deputy = $25, "
        "round = $26, told_us = $27, told_count = $28, ack_nags = $29, update_nags = $30, "
        "updated_us = $31 WHERE id = $1",
        S_TEXT(row->id.text), S_INT(row->version), S_TEXT(row->title), S_INT(row->severity),
        S_INT(row->proposed), S_TEXT(row->reasons), S_INT(row->state), S_INT(row->cause),
        S_TEXT(row->cause_why), S_TEXT(scope.data), S_INT(row->at_us[MILESTONE_IMPACT_START]),
        S_INT(row->at_us[MILESTONE_ACKNOWLEDGED]), S_INT(row->at_us[MILESTONE_CONTAINED]),
        S_INT(row->at_us[MILESTONE_MITIGATED]), S_INT(row->at_us[MILESTONE_RECONCILED]),
        S_INT(row->at_us[MILESTONE_RESOLVED]), S_INT(row->at_us[MILESTONE_DONE]),
        S_TEXT(row->holders[0][0]), S_TEXT(row->holders[0][1]), S_TEXT(row->holders[1][0]),
        S_TEXT(row->holders[1][1]), S_TEXT(row->holders[2][0]), S_TEXT(row->holders[2][1]),
        S_TEXT(row->holders[3][0]), S_TEXT(row->holders[3][1]), S_INT(row->round),
        S_INT(row->told_us), S_INT(row->told_count), S_INT(row->ack_nags), S_INT(row->update_nags),
        S_INT(row->updated_us));
}

int incident_save_clock(struct store_tx *tx, const struct incident_row *row, struct err *err) {
    return sql_put_one(tx, err,
                       "UPDATE incident SET told_us = $2, told_count = $3, ack_nags = $4, "
                       "update_nags = $5 WHERE id = $1",
                       S_TEXT(row->id.text), S_INT(row->told_us), S_INT(row->told_count),
                       S_INT(row->ack_nags), S_INT(row->update_nags));
}

int incident_write(struct incidents *incidents, struct store_tx *tx, struct incident_row *row,
                   const struct incident_entry *entry, struct err *err) {
    char seal[SHA256_HEX_CHARS + 1];
    row->version++;
    row->updated_us = clock_wall_us();
    row->scope.from_us = row->at_us[MILESTONE_IMPACT_START];
    row->scope.until_us = row->at_us[MILESTONE_MITIGATED];
    int r = incident_schedule(incidents, tx, row, err);
    r = r < 0 ? r : save(tx, row, err);
    r = r < 0 ? r : postmortem_schedule(incidents, tx, row, err);
    r = r < 0 ? r : incident_seal(tx, row, seal, err);
    if (PLANTED(INCIDENT_UNLOGGED) && row->version > 1) {
        return r;
    }
    return r < 0 ? r : incident_log_sealed(tx, row->id.text, entry, seal, err);
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

static const char *severity_name(int64_t severity) {
    return severity >= 0 && severity < NOTICE_SEVERITIES
               ? notice_severity_name((enum notice_severity)severity)
               : "";
}

void incident_render_open(const struct incidents *incidents, struct buf *buf,
                          const struct incident_row *row) {
    buf_addf(buf, "{\"id\":\"%s\",\"object\":\"incident\",\"number\":%" PRId64, row->id.text,
             row->number);
    put(buf, "title", row->title);
    put(buf, "severity", severity_name(row->severity));
    put(buf, "proposed_severity", severity_name(row->proposed));
    buf_addf(buf, ",\"reasons\":%s", row->reasons);
    put(buf, "state", incident_state_name(row->state));
    put(buf, "cause", incident_cause_name(row->cause));
    put(buf, "cause_why", row->cause_why);
    buf_add_text(buf, ",\"scope\":");
    scope_write(&row->scope, buf);
    buf_add_text(buf, ",\"milestones\":{");
    for (int i = 0; i < MILESTONES; i++) {
        char time[CLOCK_TEXT_MAX];
        buf_addf(buf, "%s\"%s\":", i > 0 ? "," : "", incident_milestone_name(i));
        if (row->at_us[i] > 0) {
            buf_add_json(buf, clock_format(row->at_us[i], time));
        } else {
            buf_add_text(buf, "null");
        }
    }
    buf_add_text(buf, "},\"roles\":{");
    for (int i = 0; i < INCIDENT_ROLES; i++) {
        buf_addf(buf, "%s\"%s\":{\"role\":\"%s\"", i > 0 ? "," : "",
                 incident_role_name(i), incident_role_name(i));
        put(buf, "holder", row->holders[i][0]);
        put(buf, "deputy", row->holders[i][1]);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, '}');
    incident_render_clock(incidents, buf, row);
    put(buf, "follows", row->follows);
    buf_addf(buf, ",\"drill\":%s,\"version\":%" PRId64, row->drill ? "true" : "false",
             row->version);
    put(buf, "opened_by", row->opened_by);
    put_time(buf, "updated_at", row->updated_us);
}

int incident_render_more(struct store_tx *tx, struct arena *arena, struct buf *buf,
                         const struct incident_row *row, struct err *err) {
    struct incident_signatures signatures;
    const char *comma = "";
    int r = incident_signatures(tx, arena, row, &signatures, err);
    buf_add_text(buf, ",\"signatures\":[");
    for (int i = 0; r >= 0 && i < INCIDENT_ROLES; i++) {
        const struct incident_signed *one = &signatures.rows[i];
        if (one->at_us > 0) {
            buf_addf(buf, "%s{\"role\":\"%s\"", comma, incident_role_name(i));
            put(buf, "by", one->name);
            put_time(buf, "at", one->at_us);
            buf_addf(buf, ",\"version\":%" PRId64 "}", one->version);
            comma = ",";
        }
    }
    buf_add_char(buf, ']');
    return r < 0 ? r : incident_render_alerts(tx, buf, row, err);
}

int incident_answer(const struct incidents *incidents, struct store_tx *tx, struct arena *arena,
                    const struct incident_row *row, int status, struct answer *ret_answer,
                    struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, INCIDENT_JSON_BYTES_MAX);
    incident_render_open(incidents, &buf, row);
    int r = incident_render_more(tx, arena, &buf, row, err);
    buf_add_char(&buf, '}');
    return r < 0 ? r : answer_take(ret_answer, status, &buf, err);
}
