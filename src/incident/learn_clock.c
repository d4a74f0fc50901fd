/* SPDX-License-Identifier: Apache-2.0
 * learn_clock.c: what is to be learnt is written down, and done, by its date; what is late nags.
 *
 * A postmortem is due some days after the gate has let its incident through, an action item on its
 * own date (learning_due.def). What is late is nagged for in three steps, a day apart: its owner,
 * the incident's commander, the escalation path. A nag is an alert FollowUpOverdue with the labels
 * incident, what ("postmortem", or the item's id), step and person. Each has one job, due when the
 * next step is; a run that comes twice finds the step taken. */
#include <stdio.h>
#include <string.h>

#include "incident/action_impl.h"
#include "incident/postmortem.h"
#include "watch/alert_match.h"

#define DAY_US (INT64_C(86400) * US_PER_SECOND)
#define RULE_FOLLOW_UP "FollowUpOverdue"
enum { NAG_STEPS = 3, NAGS_ENDED_MAX = 24 };

static const struct {
    int64_t postmortem_days, action_days;
} days[NOTICE_SEVERITIES] = {
#define X(SEVERITY, postmortem, action) [NOTICE_##SEVERITY] = {postmortem, action},
#include "incident/learning_due.def"
#undef X
};
static const struct {
    const char *name;
    enum notice_severity severity;
} steps[NAG_STEPS] = {
    {"owner", NOTICE_P3},
    {"commander", NOTICE_P3},
    {"escalation", NOTICE_P2},
};

static int64_t severity_of(int64_t severity) {
    return severity >= 0 && severity < NOTICE_SEVERITIES ? severity : NOTICE_P3;
}

int64_t postmortem_due_us(const struct incident_row *row) {
    int64_t from_us = row->at_us[MILESTONE_RESOLVED];
    return from_us > 0 ? from_us + days[severity_of(row->severity)].postmortem_days * DAY_US : 0;
}

int64_t learn_action_us(int64_t severity) {
    return days[severity_of(severity)].action_days * DAY_US;
}

int64_t learn_next_us(int64_t due_us, int64_t nags) {
    return due_us > 0 && nags < NAG_STEPS ? due_us + nags * DAY_US : 0;
}

int learn_schedule(struct incidents *incidents, struct store_tx *tx, const char *prefix,
                   const char *id, int64_t next_us, struct err *err) {
    char key[JOB_KEY_CHARS_MAX + 1];
    if (incidents->options.alerts == NULL) {
        return 0;
    }
    snprintf(key, sizeof key, "%s%s", prefix, id);
    if (next_us == 0) {
        int gone = job_cancel(tx, JOB_INCIDENTS, key, err);
        return gone < 0 ? gone : 0;
    }
    int r = job_add(tx, JOB_INCIDENTS, key, next_us, "", err);
    r = r == 0 ? job_hasten(tx, JOB_INCIDENTS, key, next_us, err) : r;
    return r < 0 ? r : 0;
}

/* ---- nags ---- */

struct late {
    const char *what; /* of the labels */
    const char *title[NOTICE_LANGUAGES], *summary, *owner;
    int64_t due_us;
};

static const char *commander_of(const struct incident_row *row) {
    const char *const *holders = row->holders[INCIDENT_ROLE_COMMANDER];
    return holders[0][0] != '\0' ? holders[0] : holders[1];
}

static int nag(struct incidents *incidents, struct store_tx *tx, struct arena *arena,
               const struct incident_row *row, const struct late *late, int step,
               struct err *err) {
    const char *person = step == 0 ? late->owner : step == 1 ? commander_of(row) : "";
    const struct alert_signal signal = {
        .rule = RULE_FOLLOW_UP,
        .labels = {{"incident", row->id.text},
                   {"what", late->what},
                   {"step", steps[step].name},
                   {"person", person}},
        .label_count = person[0] != '\0' ? 4 : 3,
        .firing = true,
        .holds_us = ALERT_FOR_GOOD,
        .severity_known = true,
        .severity = steps[step].severity,
        .title = late->title[incidents->options.language],
        .summary = late->summary,
        .subject = row->id.text,
        .first_symptom_us = late->due_us,
    };
    const struct incident_entry entry = {
        .actor = INCIDENT_SYSTEM,
        .kind = LOGGED_CHECK,
        .text = arena_printf(arena, "%s: %s%s%s is nagged.", late->title[NOTICE_EN],
                             steps[step].name, person[0] != '\0' ? " " : "", person),
    };
    int r = alert_signal_tx(incidents->options.alerts, tx, &signal, err);
    return r < 0 ? r : incident_log_add(tx, row->id.text, &entry, err);
}

int learn_end_nags(struct incidents *incidents, struct store_tx *tx, const char *what,
                   struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const char *labels[NAGS_ENDED_MAX];
    int count = 0, r = 0;
    if (incidents->options.alerts == NULL) {
        return 0;
    }
    {
        SQL_ROWS_AUTO rows = NULL;
        r = sql_query(tx, err, &rows,
                      "SELECT labels FROM alert WHERE rule = '" RULE_FOLLOW_UP
                      "' AND state <> 4 AND labels LIKE $1 ORDER BY id LIMIT $2",
                      S_TEXT(arena_printf(arena, "%%%s%%", what)), S_INT(NAGS_ENDED_MAX));
        while (r >= 0 && (r = sql_next(rows, err)) > 0) {
            labels[count++] = arena_copy(arena, sql_text(rows, 0));
        }
    }
    for (int i = 0; r >= 0 && i < count; i++) {
        struct notice_label *parsed = NULL;
        struct alert_signal signal = {.rule = RULE_FOLLOW_UP};
        int parsed_count = labels_parse(arena, labels[i], &parsed);
        for (int j = 0; j < parsed_count && j < ALERT_LABELS_MAX; j++) {
            signal.labels[signal.label_count++] = parsed[j];
        }
        r = alert_signal_tx(incidents->options.alerts, tx, &signal, err);
    }
    return r < 0 ? r : 0;
}

/* ---- the postmortem ---- */

/* "postmortem of inc_…": alerts that end by it are this one's alone. */
static const char *postmortem_label(struct arena *arena, const char *id) {
    return arena_printf(arena, "postmortem:%s", id);
}

int postmortem_schedule(struct incidents *incidents, struct store_tx *tx,
                        const struct incident_row *row, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const char *id = row->id.text;
    if (row->state == INCIDENT_RESOLVED) {
        int64_t due_us = postmortem_due_us(row);
        int64_t put = sql_exec(tx, err,
                               "INSERT INTO postmortem (incident_id, due_us, nags) VALUES ($1, $2, "
                               "0) ON CONFLICT (incident_id) DO NOTHING",
                               S_TEXT(id), S_INT(due_us));
        return put <= 0 ? (int)put
                        : learn_schedule(incidents, tx, LEARN_JOB_POSTMORTEM, id, due_us, err);
    }
    if (row->state != INCIDENT_CLOSED) {
        return 0;
    }
    int r = learn_schedule(incidents, tx, LEARN_JOB_POSTMORTEM, id, 0, err);
    return r < 0 ? r : learn_end_nags(incidents, tx, postmortem_label(arena, id), err);
}

/* 1, or 0: it is not due. */
static int postmortem_due(struct store_tx *tx, const char *id, int64_t *ret_due_us,
                          int64_t *ret_nags, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT due_us, nags FROM postmortem WHERE incident_id = $1",
                      S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        *ret_due_us = sql_int(rows, 0);
        *ret_nags = sql_int(rows, 1);
    }
    return r;
}

static int postmortem_late(struct incidents *incidents, struct store_tx *tx, struct arena *arena,
                           const char *id, int64_t *ret_next_us, struct err *err) {
    struct incident_row row;
    int64_t due_us = 0, nags = 0;
    int r = incident_load(tx, arena, id, true, &row, err);
    if (r < 0 || row.state != INCIDENT_RESOLVED) {
        return r == -ERR_NOT_FOUND ? 0 : r;
    }
    r = postmortem_due(tx, id, &due_us, &nags, err);
    if (r <= 0) {
        return r;
    }
    int64_t next_us = learn_next_us(due_us, nags);
    if (next_us > 0 && next_us <= clock_wall_us()) {
        const struct late late = {
            .what = postmortem_label(arena, id),
            .title = {arena_printf(arena, "The postmortem of #%lld is late", (long long)row.number),
                      arena_printf(arena, "事件 #%lld 的复盘已逾期", (long long)row.number)},
            .summary = row.title,
            .owner = commander_of(&row),
            .due_us = due_us,
        };
        r = nag(incidents, tx, arena, &row, &late, (int)nags++, err);
        r = r < 0 ? r
                  : sql_put_one(tx, err, "UPDATE postmortem SET nags = $2 WHERE incident_id = $1",
                                S_TEXT(id), S_INT(nags));
    }
    *ret_next_us = learn_next_us(due_us, nags);
    return r < 0 ? r : 0;
}

/* ---- action items ---- */

static int action_late(struct incidents *incidents, struct store_tx *tx, struct arena *arena,
                       const char *id, int64_t *ret_next_us, struct err *err) {
    struct incident_row incident;
    struct action_row row;
    int r = action_load(tx, arena, id, false, &row, err);
    r = r < 0 ? r : incident_load(tx, arena, row.incident_id, true, &incident, err);
    r = r < 0 ? r : action_load(tx, arena, id, true, &row, err);
    if (r < 0 || !action_waits(row.state)) {
        return r == -ERR_NOT_FOUND ? 0 : r;
    }
    int64_t next_us = learn_next_us(row.due_us, row.nags);
    if (next_us > 0 && next_us <= clock_wall_us()) {
        const struct late late = {
            .what = row.id,
            .title = {arena_printf(arena, "Action item %lld of #%lld is late",
                                   (long long)row.number, (long long)incident.number),
                      arena_printf(arena, "事件 #%lld 的行动项 %lld 已逾期",
                                   (long long)incident.number, (long long)row.number)},
            .summary = row.what,
            .owner = row.owner,
            .due_us = row.due_us,
        };
        r = nag(incidents, tx, arena, &incident, &late, (int)row.nags++, err);
        r = r < 0 ? r
                  : sql_put_one(tx, err, "UPDATE action_item SET nags = $2 WHERE id = $1",
                                S_TEXT(id), S_INT(row.nags));
    }
    *ret_next_us = learn_next_us(row.due_us, row.nags);
    return r < 0 ? r : 0;
}

/* ---- the job ---- */

struct timing {
    struct incidents *incidents;
    const char *key;
    int64_t next_us;
};

static int timer_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct timing *timing = ctx;
    const char *id = timing->key + strlen(LEARN_JOB_ACTION);
    bool is_action = strncmp(timing->key, LEARN_JOB_ACTION, strlen(LEARN_JOB_ACTION)) == 0;
    timing->next_us = 0;
    return is_action
               ? action_late(timing->incidents, tx, arena, id, &timing->next_us, err)
               : postmortem_late(timing->incidents, tx, arena, id, &timing->next_us, err);
}
static_assert(sizeof LEARN_JOB_ACTION == sizeof LEARN_JOB_POSTMORTEM, "keys are told alike");

int learn_timer(struct incidents *incidents, const char *key, int64_t *ret_next_us,
                struct err *err) {
    struct timing timing = {incidents, key, 0};
    int r = store_write(incidents->options.store, timer_tx, &timing, err);
    *ret_next_us = timing.next_us;
    return r;
}
