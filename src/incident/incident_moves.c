/* SPDX-License-Identifier: Apache-2.0
 * incident_moves.c: from which state an incident may go where, and when it did
 * (incident_moves.def). */
#include <stdio.h>

#include "incident/incident_impl.h"

static const struct {
    enum incident_verb verb;
    enum incident_state from, to;
    enum incident_milestone milestone;
} moves[] = {
#define X(NAME, name, from, to, milestone)                                                         \
    {VERB_##NAME, INCIDENT_##from, INCIDENT_##to, MILESTONE_##milestone},
#include "incident/incident_moves.def"
#undef X
};

enum incident_state incident_after(int64_t state, enum incident_verb verb,
                                   enum incident_milestone *ret_milestone) {
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (moves[i].verb == verb && (int64_t)moves[i].from == state) {
            *ret_milestone = moves[i].milestone;
            return moves[i].to;
        }
    }
    return INCIDENT_NONE;
}

/* ---- who brought it here ---- */

/* Who changed it last: of two at once the second has to know who was first. */
static int refuse(struct store_tx *tx, const struct incident_row *row, enum incident_verb verb,
                  struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT at_us, actor, COALESCE((SELECT name FROM app_user WHERE 'user:' || "
                      "id = incident_log.actor), '') FROM incident_log WHERE incident_id = $1 AND "
                      "kind = 6 ORDER BY seq DESC LIMIT 1",
                      S_TEXT(row->id.text));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    char last[160] = "", time[CLOCK_TEXT_MAX];
    if (r > 0) {
        const char *name = sql_text(rows, 2);
        snprintf(last, sizeof last, "; last changed by %.60s at %s",
                 name[0] != '\0' ? name : sql_text(rows, 1), clock_format(sql_int(rows, 0), time));
    }
    err_set(err, ERR_STATE, "incident %s is %s, from where there is no \"%s\"%s", row->id.text,
            incident_state_name(row->state), incident_verb_name(verb), last);
    return err_hint(err, "%s",
                    incident_is_live(row->state)
                        ? "Look at its log for what was done meanwhile."
                        : "It is over. What comes again is a new incident that names this one.");
}

/* ---- times ---- */

/* The latest of those that come before `milestone` and were reached. */
static int64_t reached_before(const struct incident_row *row, enum incident_milestone milestone) {
    int64_t last_us = 0;
    for (int i = 0; i < (int)milestone; i++) {
        last_us = row->at_us[i] > last_us ? row->at_us[i] : last_us;
    }
    return last_us;
}

static int bad_time(struct err *err, const char *what, int64_t limit_us) {
    char time[CLOCK_TEXT_MAX];
    err_set(err, ERR_VALIDATION, "%s %s", what, clock_format(limit_us, time));
    return err_place(err, "/at");
}

static int reach(struct incident_row *row, enum incident_milestone milestone, int64_t at_us,
                 struct err *err) {
    int64_t now_us = clock_wall_us(), before_us = reached_before(row, milestone);
    if (at_us > now_us) {
        return bad_time(err, "it cannot be later than now,", now_us);
    }
    if (at_us != 0 && at_us < before_us) {
        return bad_time(err, "it cannot be before the last milestone,", before_us);
    }
    /* A clock that went back does not turn the order round. */
    int64_t said_us = at_us != 0 ? at_us : now_us;
    row->at_us[milestone] = said_us > before_us ? said_us : before_us;
    return 0;
}

void incident_void(struct incident_row *row) {
    row->round++;
}

int incident_go(struct store_tx *tx, struct incident_row *row, enum incident_verb verb,
                int64_t at_us, const struct incident_proof *proof, struct err *err) {
    enum incident_milestone milestone = MILESTONE_NONE;
    enum incident_state to = incident_after(row->state, verb, &milestone);
    if (to == INCIDENT_NONE) {
        return refuse(tx, row, verb, err);
    }
    INVARIANT(to != INCIDENT_RESOLVED || proof != NULL, "only the gate's word resolves (I7)");
    if (milestone != MILESTONE_NONE) {
        int r = reach(row, milestone, at_us, err);
        if (r < 0) {
            return r;
        }
    }
    if (verb == VERB_RELAPSE) {
        row->at_us[MILESTONE_MITIGATED] = 0;
        row->at_us[MILESTONE_RECONCILED] = 0;
        incident_void(row);
    }
    row->state = to;
    return 0;
}
