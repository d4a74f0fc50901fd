/* SPDX-License-Identifier: Apache-2.0
 * limits.c: how much rules may do, and when all of them stop. Whoever counts or stops has locked
 * the switch first of all in his transaction, so that what is read here is so until he commits. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/plant.h"
#include "desk/ticket.h"
#include "recon/repair/repair_impl.h"
#include "store/audit.h"

static const struct ticket_subject stop_subject = {"repair_rules", "stopped"};

/* ---- the switch ---- */

int repair_switch_load(struct store_tx *tx, bool lock, struct repair_switch *ret_switch,
                       struct err *err) {
    static const char plain[] =
        "SELECT stopped, rule, why, actor, changed_us, started_us FROM repair_switch WHERE id = 1";
    static const char locked[] =
        "SELECT stopped, rule, why, actor, changed_us, started_us FROM repair_switch WHERE id = 1 "
        "FOR UPDATE";
    *ret_switch = (struct repair_switch){0};
    int r = !lock ? 0
                  : sql_put(tx, err,
                            "INSERT INTO repair_switch (id, stopped, rule, why, actor, changed_us, "
                            "started_us) VALUES (1, 0, '', '', '', 0, 0) ON CONFLICT DO NOTHING");
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0 ? r : sql_query(tx, err, &rows, lock ? locked : plain);
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    ret_switch->stopped = sql_int(rows, 0) != 0;
    snprintf(ret_switch->rule, sizeof ret_switch->rule, "%s", sql_text(rows, 1));
    snprintf(ret_switch->why, sizeof ret_switch->why, "%s", sql_text(rows, 2));
    snprintf(ret_switch->actor, sizeof ret_switch->actor, "%s", sql_text(rows, 3));
    ret_switch->changed_us = sql_int(rows, 4);
    ret_switch->started_us = sql_int(rows, 5);
    return 0;
}

int repair_rule_enabled(struct store_tx *tx, const struct repair_rule *rule, bool *ret_enabled,
                        struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT name FROM repair_rule WHERE name = $1 AND enabled = 1 AND digest = "
                      "$2",
                      S_TEXT(rule->name), S_TEXT(rule->digest));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_enabled = r > 0;
    return r < 0 ? r : 0;
}

static int stop_ticket(struct recon *recon, struct store_tx *tx, const char *rule, const char *why,
                       struct err *err) {
    if (recon->options.desk == NULL) {
        return 0;
    }
    char title[TICKET_TITLE_CHARS_MAX + 1], actor[REPAIR_ACTOR_CHARS_MAX + 1];
    snprintf(title, sizeof title, "All repair rules have stopped: %.150s", why);
    repair_actor(rule, actor);
    const struct ticket_note note = {
        .subject = stop_subject,
        .title = title,
        .class = "rules_stopped",
        .risk = TICKET_RISK_HIGH,
        .suggestion = "Look at the rule's last repairs (holdfast repair list). When it is clear "
                      "why, start the rules again with a reason: holdfast rule start.",
        .actor = actor,
    };
    int r = ticket_open(recon->options.desk, tx, &note, NULL, err);
    return r < 0 ? r : 0;
}

int repair_stop(struct recon *recon, struct store_tx *tx, const char *rule, const char *why,
                struct err *err) {
    char actor[REPAIR_ACTOR_CHARS_MAX + 1];
    repair_actor(rule, actor);
    int64_t stopped = sql_exec(tx, err,
                               "UPDATE repair_switch SET stopped = 1, rule = $1, why = $2, actor = "
                               "$3, changed_us = $4 WHERE id = 1 AND stopped = 0",
                               S_TEXT(rule), S_TEXT(why), S_TEXT(actor), S_INT(clock_wall_us()));
    if (stopped <= 0) {
        return (int)stopped;
    }
    int r = stop_ticket(recon, tx, rule, why, err);
    return r < 0 ? r : audit_append(tx, actor, "repair.stop", rule, why, "{}", err);
}

/* ---- caps ---- */

int repair_spent(struct store_tx *tx, const char *rule, int64_t day, const char *currency,
                 int64_t *ret_minor, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT amount_minor FROM repair_spent WHERE rule = $1 AND day = $2 AND "
                      "currency = $3",
                      S_TEXT(rule), S_INT(day), S_TEXT(currency));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_minor = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

static int spend(struct store_tx *tx, const char *rule, int64_t day, const char *currency,
                 int64_t minor, struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO repair_spent (rule, day, currency, amount_minor) VALUES ($1, $2, "
                   "$3, $4) ON CONFLICT (rule, day, currency) DO UPDATE SET amount_minor = "
                   "repair_spent.amount_minor + excluded.amount_minor",
                   S_TEXT(rule), S_INT(day), S_TEXT(currency), S_INT(minor));
}

struct bound {
    int64_t day;
    const char *currency; /* "" of how many */
    int64_t more, most;
    const char *what;
};

int repair_reserve(struct store_tx *tx, const struct repair_rule *rule, struct currency currency,
                   int64_t amount_minor, int64_t day, char ret_why[REPAIR_TEXT_CHARS_MAX + 1],
                   struct err *err) {
    const struct repair_cap *cap = repair_rule_cap(rule, currency);
    INVARIANT(cap != NULL && amount_minor > 0 && amount_minor <= cap->each_minor,
              "a rule takes what its caps allow");
    const struct bound bounds[] = {
        {day, "", 1, rule->day_count, "repairs in a day"},
        {REPAIR_TOTAL_DAY, "", 1, rule->total_count, "repairs in total"},
        {day, currency.code, amount_minor, cap->day_minor, "money in a day"},
        {REPAIR_TOTAL_DAY, currency.code, amount_minor, cap->total_minor, "money in total"},
    };
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(bounds); i++) {
        int64_t spent = 0;
        r = repair_spent(tx, rule->name, bounds[i].day, bounds[i].currency, &spent, err);
        /* The largest cap is a quarter of what fits. */
        if (r >= 0 && spent + bounds[i].more > bounds[i].most && !PLANTED(REPAIR_CAP_IGNORED)) {
            snprintf(ret_why, REPAIR_TEXT_CHARS_MAX + 1,
                     "the rule %s has reached its cap of %s (%lld of %lld%s%s)", rule->name,
                     bounds[i].what, (long long)spent, (long long)bounds[i].most,
                     bounds[i].currency[0] != '\0' ? " minor units " : "", bounds[i].currency);
            return 0;
        }
    }
    for (size_t i = 0; r >= 0 && i < COUNT_OF(bounds); i++) {
        r = spend(tx, rule->name, bounds[i].day, bounds[i].currency, bounds[i].more, err);
    }
    return r < 0 ? r : 1;
}

int repair_release(struct store_tx *tx, const struct repair_row *row, struct err *err) {
    const int64_t days[] = {row->day, REPAIR_TOTAL_DAY};
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(days); i++) {
        /* Not below nothing: in total it may have begun anew since. */
        r = sql_put(tx, err,
                    "UPDATE repair_spent SET amount_minor = CASE WHEN amount_minor < $4 THEN 0 "
                    "ELSE amount_minor - $4 END WHERE rule = $1 AND day = $2 AND currency = $3",
                    S_TEXT(row->rule), S_INT(days[i]), S_TEXT(row->currency.code),
                    S_INT(row->amount_minor));
        r = r < 0 ? r
                  : sql_put(tx, err,
                            "UPDATE repair_spent SET amount_minor = CASE WHEN amount_minor < 1 "
                            "THEN 0 ELSE amount_minor - 1 END WHERE rule = $1 AND day = $2 AND "
                            "currency = ''",
                            S_TEXT(row->rule), S_INT(days[i]));
    }
    return r;
}

/* ---- errors ---- */

int repair_check_errors(struct recon *recon, struct store_tx *tx, const struct repair_rule *rule,
                        struct err *err) {
    struct repair_switch all;
    int bad = 0, ended = 0;
    char why[REPAIR_TEXT_CHARS_MAX + 1];
    int r = repair_switch_load(tx, false, &all, err);
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT state FROM repair WHERE rule = $1 AND ended_us > $2 AND state IN "
                          "(4, 5, 6, 8) ORDER BY ended_us DESC, id DESC LIMIT $3",
                          S_TEXT(rule->name), S_INT(all.started_us), S_INT(rule->errors_of));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        bad += repair_state_bad(sql_int(rows, 0));
        ended++;
    }
    sql_rows_free(rows);
    rows = NULL;
    if (r < 0 || bad <= rule->errors_max) {
        return r;
    }
    snprintf(why, sizeof why,
             "of the last %d repairs of the rule %s %d were refused or failed, and it may be %d",
             ended, rule->name, bad, rule->errors_max);
    return repair_stop(recon, tx, rule->name, why, err);
}
static_assert(REPAIR_IS_DONE == 4 && REPAIR_IS_REFUSED == 5 && REPAIR_IS_FAILED == 6 &&
                  REPAIR_IS_REVERSED == 8,
              "the states above");
