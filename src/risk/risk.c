/* SPDX-License-Identifier: Apache-2.0
 * risk.c: opens the check, and makes one decision out of its parts. */
#include "risk/risk.h"

#include <stdlib.h>

#include "base/clock.h"
#include "risk/internal.h"
#include "store/audit.h"

int risk_open(const struct risk_options *options, struct risk **ret_risk, struct err *err) {
    INVARIANT(options->store != NULL && options->client != NULL && options->seal != NULL,
              "risk_open needs what stands below it");
    struct risk *risk = calloc(1, sizeof *risk);
    if (risk == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the fraud check");
    }
    risk->options = *options;
    atomic_init(&risk->off, false);
    const struct risk_config *config = options->config;
    int r = config != NULL ? risk_rules_new(config, &risk->rules, err) : 0;
    if (r >= 0 && config != NULL && config->scorer != NULL) {
        r = scorer_new(config->scorer, options->client, &risk->scorer, err);
    }
    if (r < 0) {
        risk_close(risk);
        return r;
    }
    *ret_risk = risk;
    return 0;
}

void risk_close(struct risk *risk) {
    if (risk != NULL) {
        scorer_free(risk->scorer);
        risk_rules_free(risk->rules);
        free(risk);
    }
}

bool risk_configured(const struct risk *risk) {
    return risk != NULL && risk->rules != NULL;
}

const struct risk_rules *risk_rules_of(const struct risk *risk) {
    return risk->rules;
}

void risk_score(struct risk *risk, const struct risk_facts *facts, int64_t budget_us,
                struct risk_scored *ret_scored) {
    *ret_scored = (struct risk_scored){.answer = RISK_NOT_ASKED};
    if (risk->scorer != NULL && !atomic_load(&risk->off)) {
        scorer_ask(risk->scorer, facts, budget_us, ret_scored);
    }
}

bool risk_scorer_look(const struct risk *risk, struct risk_scorer_look *ret_look) {
    if (risk == NULL || risk->scorer == NULL) {
        return false;
    }
    *ret_look = scorer_look(risk->scorer);
    ret_look->off = atomic_load(&risk->off);
    return true;
}

/* ---- deciding ---- */

static int write_decision(struct store_tx *tx, const struct risk_facts *facts,
                          const struct risk_decision *decision, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, RISK_JSON_BYTES_MAX);
    risk_decision_json(decision, &buf);
    if (!buf_ok(&buf)) {
        return err_set(err, ERR_INTERNAL, "a decision is larger than its cap");
    }
    return sql_put(tx, err,
                   "INSERT INTO risk_decision (subject, number, action, score, attempts, method, "
                   "card, scorer, scorer_score, at_us, decision) VALUES ($1, $2, $3, $4, $5, $6, "
                   "$7, $8, $9, $10, $11)",
                   S_TEXT(facts->subject), S_INT(facts->number), S_INT(decision->action),
                   S_INT(decision->score), S_INT(facts->attempts), S_TEXT(facts->method),
                   S_TEXT(facts->card), S_INT(decision->scored.answer),
                   S_INT(decision->scored.score), S_INT(decision->at_us), S_TEXT(buf.data));
}

/* `moved`: the counters have this payment in them already. */
static int judge(struct risk *risk, struct store_tx *tx, const struct risk_facts *facts,
                 const struct risk_scored *scored, bool moved, struct risk_decision *ret_decision,
                 struct err *err) {
    struct risk_seen seen;
    bool off = false;
    int r = counters_see(risk, tx, facts, &seen, &off, err);
    if (r < 0) {
        return r;
    }
    atomic_store(&risk->off, off);
    const struct risk_meter *meters;
    int count = risk_meters(risk->rules, &meters);
    for (int i = 0; i < count && !moved; i++) {
        bool moves = risk_meter_moves(&meters[i], facts);
        seen.moved[i] += !moves ? 0 : meters[i].currency[0] != '\0' ? facts->amount_minor : 1;
    }
    seen.scored = *scored;
    if (off) {
        *ret_decision = (struct risk_decision){
            .skipped = true, .policy = risk_rules_policy(risk->rules), .at_us = facts->at_us};
    } else {
        risk_judge(risk->rules, facts, &seen, ret_decision);
    }
    return 0;
}

int risk_decide(struct risk *risk, struct store_tx *tx, const struct risk_facts *facts,
                const struct risk_scored *scored, struct risk_decision *ret_decision,
                struct err *err) {
    INVARIANT(risk_configured(risk), "somebody asks for a check that is not configured");
    struct folded room;
    const struct risk_facts *folded = fold_facts(facts, &room);
    int64_t began = clock_mono_us();
    int r = counters_move(risk, tx, folded, err);
    r = r < 0 ? r : judge(risk, tx, folded, scored, true, ret_decision, err);
    if (r < 0) {
        return r;
    }
    ret_decision->duration_us = scored->duration_us + clock_mono_us() - began;
    return write_decision(tx, facts, ret_decision, err);
}

int risk_look(struct risk *risk, struct store_tx *tx, const struct risk_facts *facts,
              struct risk_decision *ret_decision, struct err *err) {
    INVARIANT(risk_configured(risk), "somebody asks for a check that is not configured");
    const struct risk_scored none = {.answer = RISK_NOT_ASKED};
    struct folded room;
    int64_t began = clock_mono_us();
    int r = judge(risk, tx, fold_facts(facts, &room), &none, false, ret_decision, err);
    if (r >= 0) {
        ret_decision->duration_us = clock_mono_us() - began;
    }
    return r;
}

/* ---- the switch ---- */

int risk_switch(struct risk *risk, struct store_tx *tx, bool on, const char *actor,
                const char *reason, struct err *err) {
    (void)risk; /* it sees the row with the next payment, like every other instance */
    int r = sql_put(tx, err,
                    "INSERT INTO setting (key, value) VALUES ('risk_switch', $1) ON CONFLICT (key) "
                    "DO UPDATE SET value = excluded.value",
                    S_TEXT(on ? "on" : "off"));
    return r < 0 ? r
                 : audit_append(tx, actor, on ? "risk.on" : "risk.off", "fraud check", reason, "{}",
                                err);
}

static int first_int(struct store_tx *tx, const char *sql, int64_t *ret_value, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query_args(tx, err, &rows, sql, NULL, 0);
    r = r < 0 ? r : sql_next(rows, err);
    *ret_value = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

static void meters_json(const struct risk *risk, struct buf *buf) {
    const struct risk_meter *meters;
    int count = risk_meters(risk->rules, &meters);
    for (int i = 0; i < count; i++) {
        buf_addf(buf, "%s{\"by\":\"%s\",\"over_s\":%lld,\"currency\":", i > 0 ? "," : "",
                 risk_by_name(meters[i].by), (long long)(meters[i].over_us / US_PER_SECOND));
        buf_addf(buf, meters[i].currency[0] != '\0' ? "\"%s\"}" : "null%s}", meters[i].currency);
    }
}

int risk_is_on(const struct risk *risk, struct store_tx *tx, bool *ret_on, struct err *err) {
    int64_t off = 0;
    int r = first_int(
        tx, "SELECT COUNT(*) FROM setting WHERE key = 'risk_switch' AND value = 'off'", &off, err);
    *ret_on = risk_configured(risk) && off == 0;
    return r;
}

int risk_json(struct risk *risk, struct store_tx *tx, struct buf *buf, struct err *err) {
    int64_t counters = 0;
    bool on = false;
    int r = risk_is_on(risk, tx, &on, err);
    r = r < 0 ? r : first_int(tx, "SELECT COUNT(*) FROM risk_velocity", &counters, err);
    if (r < 0) {
        return r;
    }
    bool configured = risk_configured(risk);
    buf_addf(buf, "{\"configured\":%s,\"on\":%s,\"rules\":", configured ? "true" : "false",
             on ? "true" : "false");
    if (configured) {
        risk_rules_json(risk->rules, buf);
    } else {
        buf_add_text(buf, "[]");
    }
    buf_add_text(buf, ",\"velocities\":[");
    if (configured) {
        meters_json(risk, buf);
    }
    buf_addf(buf, "],\"counters\":%lld,\"scorer\":", (long long)counters);
    if (risk->scorer != NULL) {
        scorer_json(risk->scorer, buf);
    } else {
        buf_add_text(buf, "null");
    }
    buf_add_char(buf, '}');
    return 0;
}
