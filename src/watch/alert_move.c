/* SPDX-License-Identifier: Apache-2.0
 * alert_move.c: how an alert goes from one state to the next, by what its sources say and by the
 * time (alert_life.h), written down; and what becomes due with it. */
#include <stdio.h>
#include <string.h>

#include "watch/alert_impl.h"

void alert_wake(const struct alerts *alerts) {
    if (alerts->options.wake != NULL) {
        alerts->options.wake(alerts->options.wake_ctx);
    }
}

int alert_job_due(struct store_tx *tx, const char *kind, const char *name, int64_t due_us,
                  struct err *err) {
    char key[JOB_KEY_CHARS_MAX + 1];
    (void)snprintf(key, sizeof key, "%s%s", kind, name);
    int r = job_add(tx, JOB_ALERTS, key, due_us, "", err);
    r = r == 0 ? job_hasten(tx, JOB_ALERTS, key, due_us, err) : r;
    return r < 0 ? r : 0;
}

int alert_group_due(struct alerts *alerts, struct store_tx *tx, const struct alert_row *row,
                    bool at_once, int64_t now_us, struct err *err) {
    int64_t due_us = now_us;
    if (!at_once) {
        SQL_ROWS_AUTO rows = NULL;
        int r = sql_query(tx, err, &rows,
                          "SELECT flushed_us FROM alert_group WHERE group_key = $1",
                          S_TEXT(row->group_key));
        r = r < 0 ? r : sql_next(rows, err);
        if (r < 0) {
            return r;
        }
        int64_t next_us = r > 0 ? sql_int(rows, 0) + alerts->settings.interval_us : 0;
        due_us = now_us + alerts->settings.wait_us;
        due_us = next_us > due_us ? next_us : due_us;
    }
    return alert_job_due(tx, ALERT_JOB_GROUP, row->group_key, due_us, err);
}

/* ---- by words and time ---- */

/* Whether any source sees it, and when the last of those words stops counting (0: never). */
static int load_words(struct store_tx *tx, const char *id, int64_t now_us, bool *ret_seen,
                      int64_t *ret_until_us, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*), coalesce(MIN(until_us), 0), coalesce(MAX(until_us), 0) "
                      "FROM alert_word WHERE alert_id = $1 AND firing = 1 AND "
                      "(until_us = 0 OR until_us > $2)",
                      S_TEXT(id), S_INT(now_us));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        *ret_seen = sql_int(rows, 0) > 0;
        *ret_until_us = sql_int(rows, 1) == 0 ? 0 : sql_int(rows, 2);
    }
    return r < 0 ? r : 0;
}

static int fire(struct alerts *alerts, struct store_tx *tx, struct alert_row *row, int64_t now_us,
                struct err *err) {
    row->fired_us = row->calls_us = now_us;
    int r = alert_entry_add(tx, row, "system", "firing", "", err);
    r = r < 0 ? r
              : alert_group_due(alerts, tx, row, row->face.severity == NOTICE_P0, now_us, err);
    return r < 0 ? r : alert_job_due(tx, ALERT_JOB_ALERT, row->id, now_us, err);
}

static int resolve(struct alerts *alerts, struct store_tx *tx, struct alert_row *row,
                   int64_t now_us, struct err *err) {
    row->resolved_us = now_us;
    row->owed = row->told_us > 0 ? 1 : 0;
    int r = alert_entry_add(tx, row, "system", "resolved", "", err);
    r = r < 0 ? r
              : sql_put(tx, err, "DELETE FROM alert_word WHERE alert_id = $1", S_TEXT(row->id));
    if (r >= 0 && row->owed != 0) {
        r = alert_group_due(alerts, tx, row, false, now_us, err);
    }
    return r;
}

int alert_advance(struct alerts *alerts, struct store_tx *tx, struct alert_row *row, int64_t now_us,
                  int64_t *ret_next_us, struct err *err) {
    struct alert_rule_state rule;
    struct alert_life life = {row->state, row->seen_us, row->clear_us};
    bool seen = false;
    int64_t until_us = 0;
    *ret_next_us = 0;
    int r = load_words(tx, row->id, now_us, &seen, &until_us, err);
    if (r < 0 || row->state == ALERT_RESOLVED) {
        return r;
    }
    alert_rule_now(alerts, row->face.rule, &rule);
    enum alert_turn step = alert_life_step(&rule.rule, &life, seen, now_us);
    if (step == ALERT_FORGOTTEN) {
        r = alert_row_forget(tx, row->id, err);
        row->id = "";
        return r;
    }
    row->state = life.state;
    row->clear_us = life.clear_us;
    if (step == ALERT_FIRES) {
        r = fire(alerts, tx, row, now_us, err);
    } else if (step == ALERT_ENDS) {
        r = resolve(alerts, tx, row, now_us, err);
    }
    *ret_next_us = alert_life_next_us(&rule.rule, &life, seen, until_us);
    return r < 0 ? r : alert_row_save(tx, row, err);
}
