/* SPDX-License-Identifier: Apache-2.0
 * incident_gate.c: an incident as the subject of the gate, the gate's verdict as its evidence. */
#include "incident/incident_gate.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "comms/proof.h"
#include "incident/containment.h"
#include "incident/incident_impl.h"

enum { VERDICT_BYTES_MAX = 1024 * 1024, CLOSING_BYTES = 8 };

/* Every text is `facts`'. */
static void fill_subject(const struct incident_facts *facts, struct gate_subject *subject) {
    *subject = (struct gate_subject){
        .incident_id = facts->id.text,
        .scope = facts->scope,
        .mitigated_us = facts->mitigated_us,
        .commander = facts->roles[INCIDENT_ROLE_COMMANDER],
        .recon_owner = facts->roles[INCIDENT_ROLE_RECON],
        .commander_signed = facts->is_signed[INCIDENT_ROLE_COMMANDER],
        .recon_signed = facts->is_signed[INCIDENT_ROLE_RECON],
    };
}

static int look_at(struct gate *gate, struct store_tx *tx, const struct incident_facts *facts,
                   struct arena *arena, struct gate_verdict *ret_verdict, struct err *err) {
    struct gate_measure measures[GATE_MEASURES_MAX];
    struct gate_subject subject;
    fill_subject(facts, &subject);
    int r = measures_of(tx, facts->id.text, arena, measures, &subject.measure_count, err);
    subject.measures = measures;
    return r < 0 ? r : gate_look_in(gate, tx, &subject, arena, ret_verdict, err);
}

/* ---- for incident_resolve() ---- */

static void say_missing(const struct gate_verdict *verdict,
                        char ret_missing[INCIDENT_MISSING_BYTES_MAX]) {
    BUF_AUTO text;
    int count = 0;
    buf_init(&text, INCIDENT_MISSING_BYTES_MAX);
    for (int i = 0; i < GATE_CONDITIONS; i++) {
        if (!verdict->lines[i].passed) {
            buf_addf(&text, "%s%s", count++ > 0 ? ", " : "",
                     gate_condition_name(verdict->lines[i].condition));
        }
    }
    snprintf(ret_missing, INCIDENT_MISSING_BYTES_MAX, "%d of %d conditions do not hold: %s", count,
             (int)GATE_CONDITIONS, text.len > 0 ? text.data : "");
}

/* {"at","passed","verdict_sha256","conditions":[{"name","passed","why","evidence"}]}: what a line's
 * evidence adds is left out where the log's entry would be too large; the digest is of all. */
static void write_evidence(const struct gate_verdict *verdict, struct buf *buf) {
    char time[CLOCK_TEXT_MAX], digest[SHA256_HEX_CHARS + 1];
    BUF_AUTO whole;
    buf_init(&whole, VERDICT_BYTES_MAX);
    gate_write_json(verdict, &whole);
    crypto_sha256_hex(whole.data, whole.len, digest);
    buf_addf(buf, "{\"at\":\"%s\",\"passed\":%s,\"verdict_sha256\":\"%s\",\"conditions\":[",
             clock_format(verdict->at_us, time), verdict->passed ? "true" : "false", digest);
    size_t share = (INCIDENT_EVIDENCE_BYTES_MAX - buf->len) / GATE_CONDITIONS - CLOSING_BYTES;
    for (int i = 0; i < GATE_CONDITIONS; i++) {
        const struct gate_line *line = &verdict->lines[i];
        size_t before = buf->len;
        buf_addf(buf, "%s{\"name\":\"%s\",\"passed\":%s,\"why\":", i > 0 ? "," : "",
                 gate_condition_name(line->condition), line->passed ? "true" : "false");
        buf_add_json(buf, line->why[NOTICE_EN]);
        if (buf->len - before + strlen(line->evidence) + CLOSING_BYTES * 2 < share) {
            buf_addf(buf, ",\"evidence\":%s", line->evidence);
        }
        buf_add_char(buf, '}');
    }
    buf_add_text(buf, "]}");
}

static int look_for_resolve(void *ctx, struct store_tx *tx, const struct incident_facts *facts,
                            bool *ret_passed, char ret_missing[INCIDENT_MISSING_BYTES_MAX],
                            struct buf *evidence, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct gate_verdict verdict;
    int r = look_at(ctx, tx, facts, arena, &verdict, err);
    if (r < 0) {
        return r;
    }
    *ret_passed = verdict.passed;
    say_missing(&verdict, ret_missing);
    write_evidence(&verdict, evidence);
    return 0;
}

struct incident_gate incident_gate_of(struct gate *gate) {
    return (struct incident_gate){look_for_resolve, gate};
}

/* ---- looking ---- */

struct showing {
    struct gate *gate;
    const char *id;
    struct answer *answer;
};

static int show_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct showing *showing = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    BUF_AUTO buf, text;
    struct incident_facts facts;
    struct gate_verdict verdict;
    buf_init(&buf, VERDICT_BYTES_MAX);
    buf_init(&text, VERDICT_BYTES_MAX);
    int r = incident_facts(tx, showing->id, &facts, err);
    r = r < 0 ? r : look_at(showing->gate, tx, &facts, arena, &verdict, err);
    if (r < 0) {
        return r;
    }
    buf_addf(&buf, "{\"incident_id\":\"%s\",\"state\":\"%s\",\"verdict\":", facts.id.text,
             incident_state_name(facts.state));
    gate_write_json(&verdict, &buf);
    buf_add_text(&buf, ",\"text\":");
    gate_write_text(&verdict, NOTICE_EN, &text);
    buf_add_json(&buf, text.data);
    buf_clear(&text);
    gate_write_text(&verdict, NOTICE_ZH, &text);
    buf_add_text(&buf, ",\"text_zh\":");
    buf_add_json(&buf, text.data);
    buf_add_char(&buf, '}');
    return answer_take(showing->answer, 200, &buf, err);
}

int incident_gate_show(struct incidents *incidents, struct gate *gate, const char *id,
                       struct answer *ret_answer, struct err *err) {
    struct showing showing = {gate, id, ret_answer};
    return store_read(incidents->options.store, show_tx, &showing, err);
}

/* ---- proof ---- */

struct proving {
    const char *id;
    struct proof *proof;
};

static int refuse_proof(const char *id, const char *why, struct err *err) {
    err_set(err, ERR_STATE, "nobody says that it is over before the gate has passed: %s", why);
    return err_hint(err, "`holdfast incident gate %s` lists what is missing.", id);
}

/* A live one that names it as what it follows: it is not over after all. */
static int check_none_follows(struct store_tx *tx, const char *id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM incident WHERE follows = $1 AND " INCIDENT_IS_LIVE " LIMIT 1",
                      S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        char why[120];
        snprintf(why, sizeof why, "it came again as incident %s", sql_text(rows, 0));
        return refuse_proof(sql_text(rows, 0), why, err);
    }
    return r;
}

/* What the gate found when it let it through, as it stands on the log. */
static int digest_of_gate(struct store_tx *tx, const struct incident_row *row, struct proof *proof,
                          struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT evidence FROM incident_log WHERE incident_id = $1 AND kind = $2 AND "
                      "body LIKE 'resolved: the gate %' ORDER BY seq DESC LIMIT 1",
                      S_TEXT(row->id.text), S_INT(LOGGED_STATE));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : refuse_proof(row->id.text, "its log has no verdict of the gate", err);
    }
    const char *evidence = sql_text(rows, 0);
    crypto_sha256_hex(evidence, strlen(evidence), proof->evidence);
    return 0;
}

static int prove_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct proving *proving = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct incident_row row;
    struct proof proof = {.at_us = 0};
    int r = incident_load(tx, arena, proving->id, false, &row, err);
    if (r >= 0 && row.state != INCIDENT_RESOLVED && row.state != INCIDENT_CLOSED) {
        char why[80];
        snprintf(why, sizeof why, "incident %s is %s", proving->id,
                 incident_state_name(row.state));
        r = refuse_proof(proving->id, why, err);
    }
    r = r < 0 ? r : check_none_follows(tx, proving->id, err);
    r = r < 0 ? r : digest_of_gate(tx, &row, &proof, err);
    if (r < 0) {
        return r;
    }
    proof.at_us = row.at_us[MILESTONE_RESOLVED];
    snprintf(proof.incident_id, sizeof proof.incident_id, "%s", row.id.text);
    *proving->proof = proof;
    return 0;
}

int incident_prove(struct incidents *incidents, struct store_tx *tx, const char *id,
                   struct proof *ret_proof, struct err *err) {
    struct proving proving = {id, ret_proof};
    return tx != NULL ? prove_tx(tx, &proving, err)
                      : store_read(incidents->options.store, prove_tx, &proving, err);
}
