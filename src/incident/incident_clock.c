/* SPDX-License-Identifier: Apache-2.0
 * incident_clock.c: what is due when, and who is nagged when it is late.
 *
 * An incident is acknowledged, its first public message goes out and every update follows by the
 * times of its severity (cadence.def). What is late nags in three steps, `nag_minutes` apart: its
 * owner, the commander, the escalation path. A nag is an alert of its own, IncidentUpdateOverdue,
 * with the labels incident, what, step and person; a label `person` has the alerting tell that
 * person on his own channels, and the last step is grave enough for the escalations of `alerts:`.
 * What was late and has been done ends its nags. Each incident has one job, due when the next step
 * is; a run that comes twice finds the step taken. */
#include <stdio.h>
#include <string.h>

#include "incident/incident_impl.h"
#include "watch/alert_match.h"

#define RULE_OVERDUE "IncidentUpdateOverdue"
enum { NAG_STEPS = 3, WORDS_MAX = 300 };

static const struct {
    const char *name;
    const char *late[NOTICE_LANGUAGES];
} dues[] = {
    [DUE_ACK] = {"acknowledge", {"Nobody has acknowledged it", "尚无人认领"}},
    [DUE_PUBLIC] = {"first_message", {"The first public message is late", "首次对外通知已逾期"}},
    [DUE_UPDATE] = {"update", {"The next update is late", "下一次进展通报已逾期"}},
};
static const struct {
    const char *name;
    enum notice_severity severity;
} steps[NAG_STEPS] = {
    {"owner", NOTICE_P2},
    {"commander", NOTICE_P2},
    {"escalation", NOTICE_P1},
};

const char *incident_due_name(enum incident_due due) {
    return dues[due].name;
}

/* ---- what is due ---- */

static const struct incident_cadence *cadence_of(const struct incident_settings *settings,
                                                 const struct incident_row *row) {
    return &settings->cadence[row->severity];
}

int64_t incident_ack_due_us(const struct incident_settings *settings,
                            const struct incident_row *row) {
    int64_t within_us = cadence_of(settings, row)->ack_us;
    return row->state == INCIDENT_OPEN && within_us > 0
               ? row->at_us[MILESTONE_DETECTED] + within_us
               : 0;
}

int64_t incident_update_due_us(const struct incident_settings *settings,
                               const struct incident_row *row, enum incident_due *ret_due) {
    const struct incident_cadence *cadence = cadence_of(settings, row);
    bool first = row->told_count == 0 && cadence->first_us > 0;
    int64_t from_us = row->told_count > 0 ? row->told_us : row->at_us[MILESTONE_DETECTED];
    int64_t within_us = first ? cadence->first_us : cadence->every_us;
    *ret_due = first ? DUE_PUBLIC : DUE_UPDATE;
    return incident_is_live(row->state) && within_us > 0 ? from_us + within_us : 0;
}

static const char *holder_of(const struct incident_row *row, enum incident_role role) {
    return row->holders[role][0][0] != '\0' ? row->holders[role][0] : row->holders[role][1];
}

/* Whose it is: an update is the comms owner's, the first word the commander's. */
static const char *owner_of(const struct incident_row *row, enum incident_due due) {
    const char *comms = holder_of(row, INCIDENT_ROLE_COMMS);
    return due != DUE_ACK && comms[0] != '\0' ? comms : holder_of(row, INCIDENT_ROLE_COMMANDER);
}

static const char *nagged(const struct incident_row *row, enum incident_due due, int step) {
    const char *deputy = row->holders[INCIDENT_ROLE_COMMANDER][1];
    if (step == 0) {
        return owner_of(row, due);
    }
    /* The commander himself has not acknowledged it: his deputy is asked. */
    return due == DUE_ACK && deputy[0] != '\0' ? deputy : holder_of(row, INCIDENT_ROLE_COMMANDER);
}

void incident_render_clock(const struct incidents *incidents, struct buf *buf,
                           const struct incident_row *row) {
    enum incident_due due;
    char time[CLOCK_TEXT_MAX];
    int64_t now_us = clock_wall_us();
    int64_t ack_us = incident_ack_due_us(&incidents->settings, row);
    int64_t update_us = incident_update_due_us(&incidents->settings, row, &due);
    buf_add_text(buf, ",\"acknowledge_by\":");
    if (ack_us > 0) {
        buf_addf(buf, "\"%s\"", clock_format(ack_us, time));
    } else {
        buf_add_text(buf, "null");
    }
    buf_add_text(buf, ",\"next_update\":");
    if (update_us == 0) {
        buf_add_text(buf, "null");
        return;
    }
    const char *owner = owner_of(row, due);
    buf_addf(buf, "{\"what\":\"%s\",\"due_at\":\"%s\",\"overdue\":%s,\"owner\":",
             incident_due_name(due), clock_format(update_us, time),
             update_us <= now_us ? "true" : "false");
    if (owner[0] != '\0') {
        buf_add_json(buf, owner);
    } else {
        buf_add_text(buf, "null");
    }
    buf_add_char(buf, '}');
}

/* ---- nags ---- */

static int nag(struct incidents *incidents, struct store_tx *tx, struct arena *arena,
               const struct incident_row *row, enum incident_due due, int64_t due_us, int step,
               struct err *err) {
    enum notice_language language = incidents->options.language;
    const char *person = step == NAG_STEPS - 1 ? "" : nagged(row, due, step);
    char time[CLOCK_TEXT_MAX];
    const char *late = dues[due].late[language];
    const struct alert_signal signal = {
        .rule = RULE_OVERDUE,
        .labels = {{"incident", row->id.text},
                   {"what", incident_due_name(due)},
                   {"step", steps[step].name},
                   {"person", person}},
        .label_count = person[0] != '\0' ? 4 : 3,
        .firing = true,
        .holds_us = ALERT_FOR_GOOD,
        .severity_known = true,
        .severity = steps[step].severity,
        .title = arena_printf(arena, "#%lld %s: %s", (long long)row->number,
                              notice_severity_name((enum notice_severity)row->severity), late),
        .summary = arena_printf(arena, "%s%s: %s (%s)", row->drill ? "DRILL. " : "", row->title,
                                late, clock_format(due_us, time)),
        .subject = row->id.text,
        .first_symptom_us = due_us,
    };
    return alert_signal_tx(incidents->options.alerts, tx, &signal, err);
}

/* Whatever nags of this: by their own labels, as who was nagged may have handed over since. */
static int end_nags(struct incidents *incidents, struct store_tx *tx, struct arena *arena,
                    const struct incident_row *row, bool of_ack, struct err *err) {
    const char *labels[NAG_STEPS * 8];
    int count = 0;
    {
        SQL_ROWS_AUTO rows = NULL;
        int r = sql_query(tx, err, &rows,
                          "SELECT labels FROM alert WHERE rule = '" RULE_OVERDUE
                          "' AND state <> 4 AND labels LIKE $1 ORDER BY id LIMIT 24",
                          S_TEXT(arena_printf(arena, "%%incident=%s%%", row->id.text)));
        while (r >= 0 && (r = sql_next(rows, err)) > 0) {
            labels[count++] = arena_copy(arena, sql_text(rows, 0));
        }
        if (r < 0) {
            return r;
        }
    }
    int r = 0;
    for (int i = 0; r >= 0 && i < count; i++) {
        struct notice_label *parsed = NULL;
        struct alert_signal signal = {.rule = RULE_OVERDUE};
        int parsed_count = labels_parse(arena, labels[i], &parsed);
        bool ack = strstr(labels[i], dues[DUE_ACK].name) != NULL;
        for (int j = 0; j < parsed_count && j < ALERT_LABELS_MAX; j++) {
            signal.labels[signal.label_count++] = parsed[j];
        }
        r = ack == of_ack ? alert_signal_tx(incidents->options.alerts, tx, &signal, err) : 0;
    }
    return r;
}

/* ---- the job ---- */

/* When the next step of what is due then has to be taken; 0: none. */
static int64_t step_us(const struct incidents *incidents, int64_t due_us, int64_t nags) {
    return due_us > 0 && nags < NAG_STEPS ? due_us + nags * incidents->settings.nag_us : 0;
}

static int64_t sooner(int64_t one_us, int64_t other_us) {
    return one_us == 0 || (other_us != 0 && other_us < one_us) ? other_us : one_us;
}

static int64_t next_us(const struct incidents *incidents, const struct incident_row *row) {
    enum incident_due due;
    int64_t ack_us = incident_ack_due_us(&incidents->settings, row);
    int64_t update_us = incident_update_due_us(&incidents->settings, row, &due);
    return sooner(step_us(incidents, ack_us, row->ack_nags),
                  step_us(incidents, update_us, row->update_nags));
}

static int heed(struct incidents *incidents, struct store_tx *tx, struct incident_row *row,
                struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    enum incident_due due;
    int64_t now_us = clock_wall_us();
    int64_t ack_us = incident_ack_due_us(&incidents->settings, row);
    int64_t update_us = incident_update_due_us(&incidents->settings, row, &due);
    int r = 0;
    if (row->ack_nags > 0 && (ack_us == 0 || ack_us > now_us)) {
        row->ack_nags = 0;
        r = end_nags(incidents, tx, arena, row, true, err);
    }
    if (r >= 0 && row->update_nags > 0 && (update_us == 0 || update_us > now_us)) {
        row->update_nags = 0;
        r = end_nags(incidents, tx, arena, row, false, err);
    }
    return r;
}

int incident_schedule(struct incidents *incidents, struct store_tx *tx, struct incident_row *row,
                      struct err *err) {
    char key[JOB_KEY_CHARS_MAX + 1];
    if (incidents->options.alerts == NULL) {
        return 0;
    }
    snprintf(key, sizeof key, INCIDENT_JOB_TIMER "%s", row->id.text);
    int r = heed(incidents, tx, row, err);
    int64_t due_us = next_us(incidents, row);
    if (r >= 0 && due_us == 0) {
        r = job_cancel(tx, JOB_INCIDENTS, key, err);
    } else if (r >= 0) {
        r = job_add(tx, JOB_INCIDENTS, key, due_us, "", err);
        r = r == 0 ? job_hasten(tx, JOB_INCIDENTS, key, due_us, err) : r;
    }
    return r < 0 ? r : 0;
}

int incident_told(struct incidents *incidents, struct store_tx *tx, const char *id,
                  struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct incident_row row;
    int r = incident_load(tx, arena, id, true, &row, err);
    if (r < 0) {
        return r;
    }
    row.told_us = clock_wall_us();
    row.told_count++;
    r = incident_schedule(incidents, tx, &row, err);
    return r < 0 ? r : incident_save_clock(tx, &row, err);
}

struct timing {
    struct incidents *incidents;
    const char *id;
    int64_t next_us;
};

/* One step of one thing, on the log as well. */
static int take_step(struct incidents *incidents, struct store_tx *tx, struct arena *arena,
                     const struct incident_row *row, enum incident_due due, int64_t due_us,
                     int64_t *nags, struct err *err) {
    int step = (int)*nags;
    const char *person = step == NAG_STEPS - 1 ? "" : nagged(row, due, step);
    const struct incident_entry entry = {
        .actor = INCIDENT_SYSTEM,
        .kind = LOGGED_CHECK,
        .text = arena_printf(arena, "%s: %s%s%s%s", dues[due].late[NOTICE_EN], steps[step].name,
                             person[0] != '\0' ? " (" : "", person,
                             person[0] != '\0' ? ") is nagged." : " is nagged."),
    };
    int r = nag(incidents, tx, arena, row, due, due_us, step, err);
    (*nags)++;
    return r < 0 ? r : incident_log_add(tx, row->id.text, &entry, err);
}

static int timer_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct timing *timing = ctx;
    struct incidents *incidents = timing->incidents;
    struct incident_row row;
    enum incident_due due;
    int64_t now_us = clock_wall_us();
    int r = incident_load(tx, arena, timing->id, true, &row, err);
    timing->next_us = 0;
    if (r < 0) {
        return r == -ERR_NOT_FOUND ? 0 : r;
    }
    int64_t ack_us = incident_ack_due_us(&incidents->settings, &row);
    int64_t ack_step_us = step_us(incidents, ack_us, row.ack_nags);
    int64_t update_us = incident_update_due_us(&incidents->settings, &row, &due);
    int64_t update_step_us = step_us(incidents, update_us, row.update_nags);
    if (ack_step_us > 0 && ack_step_us <= now_us) {
        r = take_step(incidents, tx, arena, &row, DUE_ACK, ack_us, &row.ack_nags, err);
    }
    if (r >= 0 && update_step_us > 0 && update_step_us <= now_us) {
        r = take_step(incidents, tx, arena, &row, due, update_us, &row.update_nags, err);
    }
    r = r < 0 ? r : incident_save_clock(tx, &row, err);
    timing->next_us = next_us(incidents, &row);
    return r;
}

int incident_timer(struct incidents *incidents, const char *id, int64_t *ret_next_us,
                   struct err *err) {
    struct timing timing = {incidents, id, 0};
    int r = store_write(incidents->options.store, timer_tx, &timing, err);
    *ret_next_us = timing.next_us;
    return r;
}
