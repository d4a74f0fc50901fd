/* SPDX-License-Identifier: Apache-2.0
 * people.c: what a person says of rules: enable, disable, start again. reverse.c is of repairs. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "desk/ticket.h"
#include "recon/repair/repair_impl.h"
#include "store/audit.h"

enum { HASTENED_MAX = 200 };

struct said {
    struct recon *recon;
    const struct caller *caller;
    const struct repair_rule *rule;
    const char *reason;
    bool enable;
};

int repair_need_reason(const char *reason, struct err *err) {
    if (reason != NULL && reason[0] != '\0') {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "this takes a reason");
    return err_place(err, "/reason");
}

static int answer_rules(const struct said *said, struct store_tx *tx, struct answer *ret_answer,
                        struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, REPAIR_ANSWER_BYTES_MAX);
    int r = repair_rules_json(said->recon, tx, &buf, err);
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

/* The rules look at the breaks and cases that are open now, and not only after the next run. */
static int look_now(struct store_tx *tx, struct err *err) {
    char names[GATEWAYS_MAX][GATEWAY_NAME_CHARS_MAX + 1];
    int count = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT gateway FROM recon_break WHERE state = 1 UNION SELECT gateway FROM "
                      "review_case WHERE state = 1 AND gateway <> '' ORDER BY 1 LIMIT $1",
                      S_INT(GATEWAYS_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        snprintf(names[count++], sizeof names[0], "%s", sql_text(rows, 0));
    }
    sql_rows_free(rows);
    rows = NULL;
    for (int i = 0; r >= 0 && i < count; i++) {
        r = repair_ask_plan(tx, names[i], err);
    }
    return r < 0 ? r : 0;
}

/* ---- one rule ---- */

/* In total it counts from now on, with what is under way already. */
static int count_anew(struct store_tx *tx, const char *rule, struct err *err) {
    int r = sql_put(tx, err, "DELETE FROM repair_spent WHERE rule = $1 AND day = -1", S_TEXT(rule));
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO repair_spent (rule, day, currency, amount_minor) SELECT rule, "
                        "-1, currency, CAST(SUM(amount_minor) AS bigint) FROM repair WHERE rule = "
                        "$1 AND state IN (1, 2, 3) GROUP BY rule, currency",
                        S_TEXT(rule));
    return r < 0 ? r
                 : sql_put(tx, err,
                           "INSERT INTO repair_spent (rule, day, currency, amount_minor) SELECT "
                           "rule, -1, '', COUNT(*) FROM repair WHERE rule = $1 AND state IN (1, 2, "
                           "3) GROUP BY rule",
                           S_TEXT(rule));
}
static_assert(REPAIR_TOTAL_DAY == -1, "the day above");

static int switch_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct said *said = ctx;
    const struct repair_rule *rule = said->rule;
    struct repair_switch all;
    bool enabled = false;
    int r = repair_switch_load(tx, true, &all, err);
    r = r < 0 ? r : repair_rule_enabled(tx, rule, &enabled, err);
    if (r < 0) {
        return r;
    }
    if (enabled == said->enable) {
        return err_set(err, ERR_STATE, "the rule %s is %s", rule->name,
                       enabled ? "enabled as it is" : "not enabled");
    }
    r = sql_put(tx, err,
                "INSERT INTO repair_rule (name, enabled, digest, actor, reason, changed_us) VALUES "
                "($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO UPDATE SET enabled = "
                "excluded.enabled, digest = excluded.digest, actor = excluded.actor, reason = "
                "excluded.reason, changed_us = excluded.changed_us",
                S_TEXT(rule->name), S_INT(said->enable), S_TEXT(rule->digest),
                S_TEXT(said->caller->actor), S_TEXT(said->reason), S_INT(clock_wall_us()));
    r = r < 0 || !said->enable ? r : count_anew(tx, rule->name, err);
    r = r < 0 || !said->enable ? r : look_now(tx, err);
    r = r < 0 ? r : answer_rules(said, tx, ret_answer, err);
    return r < 0 ? r
                 : audit_append(tx, said->caller->actor,
                                said->enable ? "repair.enable" : "repair.disable", rule->name,
                                said->reason, "{}", err);
}

int repair_rule_switch(struct recon *recon, const struct caller *caller, const char *name,
                       bool enable, const char *reason, struct answer *ret_answer,
                       struct err *err) {
    struct said said = {.recon = recon,
                        .caller = caller,
                        .rule = repair_rule_find(recon->options.rules, name),
                        .reason = reason,
                        .enable = enable};
    int r = repair_need_reason(reason, err);
    if (r >= 0 && said.rule == NULL) {
        r = repair_rule_unknown(recon->options.rules, name, err);
    }
    r = r < 0 ? r
              : idempotent_run(recon->options.payments, caller,
                               enable ? "repair.enable" : "repair.disable", switch_fn, &said,
                               ret_answer, err);
    payments_wake(recon->options.payments);
    return r;
}

/* ---- all of them ---- */

/* What waits because of the stop goes on now (beyond HASTENED_MAX by and by); more is taken on
 * after the next run: a cap that is still reached would stop all at once again. */
static int hasten(struct store_tx *tx, struct err *err) {
    char ids[HASTENED_MAX][ID_TEXT_MAX];
    int count = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT break_id FROM repair WHERE state IN (1, 2, 3) ORDER BY id LIMIT $1",
                      S_INT(HASTENED_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        snprintf(ids[count++], ID_TEXT_MAX, "%s", sql_text(rows, 0));
    }
    sql_rows_free(rows);
    rows = NULL;
    for (int i = 0; r >= 0 && i < count; i++) {
        r = job_hasten(tx, JOB_REPAIR, ids[i], clock_wall_us(), err);
    }
    return r < 0 ? r : 0;
}

static int start_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                    struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct said *said = ctx;
    const struct ticket_subject subject = {"repair_rules", "stopped"};
    struct repair_switch all;
    int r = repair_switch_load(tx, true, &all, err);
    if (r < 0) {
        return r;
    }
    if (!all.stopped) {
        return err_set(err, ERR_STATE, "the repair rules are not stopped");
    }
    r = sql_put(tx, err,
                "UPDATE repair_switch SET stopped = 0, why = $1, actor = $2, changed_us = $3, "
                "started_us = $3 WHERE id = 1",
                S_TEXT(said->reason), S_TEXT(said->caller->actor), S_INT(clock_wall_us()));
    if (r >= 0 && said->recon->options.desk != NULL) {
        r = ticket_close_for(said->recon->options.desk, tx, &subject, said->caller->actor,
                             said->reason, err);
    }
    r = r < 0 ? r : hasten(tx, err);
    r = r < 0 ? r : answer_rules(said, tx, ret_answer, err);
    return r < 0 ? r
                 : audit_append(tx, said->caller->actor, "repair.start", all.rule, said->reason,
                                "{}", err);
}

int repair_rules_start(struct recon *recon, const struct caller *caller, const char *reason,
                       struct answer *ret_answer, struct err *err) {
    struct said said = {.recon = recon, .caller = caller, .reason = reason};
    int r = repair_need_reason(reason, err);
    r = r < 0 ? r
              : idempotent_run(recon->options.payments, caller, "repair.start", start_fn, &said,
                               ret_answer, err);
    payments_wake(recon->options.payments);
    return r;
}
