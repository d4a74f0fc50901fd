/* SPDX-License-Identifier: Apache-2.0
 * alert_move.c: how an alert goes from one state to the next: by what its sources say, by the time,
 * by a person; and what becomes due with it. */
#include <stdio.h>
#include <string.h>

#include "watch/alert_impl.h"

static const struct {
    enum alert_state from;
    enum alert_event event;
    enum alert_state to;
} moves[] = {
#define X(FROM, EVENT, TO) {ALERT_##FROM, ALERT_EVENT_##EVENT, ALERT_##TO},
#include "watch/alert_moves.def"
#undef X
};

bool alert_move(enum alert_state *state, enum alert_event event) {
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (moves[i].from == *state && moves[i].event == event) {
            *state = moves[i].to;
            return true;
        }
    }
    return false;
}

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
    bool moved = alert_move(&row->state, ALERT_EVENT_LASTED);
    INVARIANT(moved, "a pending alert may fire");
    row->fired_us = row->calls_us = now_us;
    int r = alert_entry_add(tx, row, "system", "firing", "", err);
    r = r < 0 ? r
              : alert_group_due(alerts, tx, row, row->face.severity == NOTICE_P0, now_us, err);
    return r < 0 ? r : alert_job_due(tx, ALERT_JOB_ALERT, row->id, now_us, err);
}

static int resolve(struct alerts *alerts, struct store_tx *tx, struct alert_row *row,
                   int64_t now_us, struct err *err) {
    bool moved = alert_move(&row->state, ALERT_EVENT_ENDED);
    INVARIANT(moved, "a live alert may end");
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
    const struct alert_rule *rule = &alert_rule_of(&alerts->settings, row->face.rule)->rule;
    bool seen = false;
    int64_t until_us = 0;
    *ret_next_us = 0;
    int r = load_words(tx, row->id, now_us, &seen, &until_us, err);
    if (r < 0 || row->state == ALERT_RESOLVED) {
        return r;
    }
    if (!seen && row->state == ALERT_PENDING) {
        r = alert_row_forget(tx, row->id, err);
        row->id = "";
        return r;
    }
    row->clear_us = seen ? 0 : row->clear_us > 0 ? row->clear_us : now_us;
    int64_t lasts_us = row->seen_us + rule->for_us, over_us = row->clear_us + rule->keep_us;
    if (row->state == ALERT_PENDING && now_us >= lasts_us) {
        r = fire(alerts, tx, row, now_us, err);
    } else if (!seen && now_us >= over_us) {
        r = resolve(alerts, tx, row, now_us, err);
    }
    if (row->state == ALERT_PENDING) {
        *ret_next_us = until_us > 0 && until_us < lasts_us ? until_us : lasts_us;
    } else if (row->state != ALERT_RESOLVED) {
        *ret_next_us = seen ? until_us : over_us;
    }
    return r < 0 ? r : alert_row_save(tx, row, err);
}
