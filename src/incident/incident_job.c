/* SPDX-License-Identifier: Apache-2.0
 * incident_job.c: what runs by itself, by the key of its job:
 *   t:INCIDENT  what is due of it (incident_clock.c)
 *   look        alerts that open incidents or join them, and how grave these are
 *
 * An alert that fires and belongs to none joins the live incident (no drill) that it overlaps, if
 * it would open one itself, or if it names a gateway or method that the incident is about. Else it
 * opens one, where the configuration says so. There is one such job, so two alerts of one trouble
 * do not open two. It never joins one that is over: that was proved, and this is news.
 * A severity is raised by the machine when a graver one than ever before was measured, and not
 * again each time: what the commander has lowered by then stays. */
#include <string.h>

#include "incident/incident_impl.h"
#include "incident/postmortem.h"
#include "watch/reports.h"

#define LOOK_US (15 * US_PER_SECOND)
enum { CANDIDATES_MAX = 50, LIVE_MAX = 50, TITLE_BYTES_MAX = INCIDENT_TITLE_CHARS_MAX };

static const struct {
    const char *rule;
    enum incident_cause cause;
} causes[] = {
#define X(rule, cause) {rule, CAUSE_##cause},
#include "incident/cause_rules.def"
#undef X
};

/* ---- alerts that belong to none ---- */

struct candidate { /* texts in the arena */
    const char *id, *rule, *title, *fingerprint;
    struct incident_scope scope;
    int64_t severity, fired_us, first_symptom_us;
};

/* 1; 0: it is over, or belongs to one already. */
static int candidate_load(const struct incidents *incidents, struct store_tx *tx,
                          struct arena *arena, const char *id, struct candidate *ret_candidate,
                          struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT a.rule, a.labels, a.severity, a.fired_us, a.first_symptom_us, "
                      "a.fingerprint FROM alert a WHERE a.id = $1 AND a.state IN (2, 3) AND NOT "
                      "EXISTS (SELECT 1 FROM incident_alert i WHERE i.alert_id = a.id)",
                      S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    *ret_candidate = (struct candidate){
        .id = id,
        .rule = arena_copy(arena, sql_text(rows, 0)),
        .severity = sql_int(rows, 2),
        .fired_us = sql_int(rows, 3),
        .first_symptom_us = sql_int(rows, 4),
        .fingerprint = arena_copy(arena, sql_text(rows, 5)),
    };
    const struct alert_rule *rule = alert_rule_find(ret_candidate->rule);
    ret_candidate->title = rule != NULL ? rule->title[incidents->options.language]
                                        : ret_candidate->rule;
    incident_scope_of(arena, sql_text(rows, 1), &ret_candidate->scope);
    return 1;
}

static bool listed(const char *const *names, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return count == 0;
}

/* 1: this row of the configuration has it open one. */
static int opener_fits(struct store_tx *tx, const struct incident_opener *opener,
                       const struct candidate *candidate, struct err *err) {
    int64_t now_us = clock_wall_us();
    if (!listed(opener->rules, opener->rule_count, candidate->rule) ||
        (opener->severities & 1U << candidate->severity) == 0 ||
        candidate->fired_us + opener->after_us > now_us) {
        return 0;
    }
    if (opener->occurrences <= 1) {
        return 1;
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*) FROM alert WHERE fingerprint = $1 AND fired_us >= $2",
                      S_TEXT(candidate->fingerprint), S_INT(now_us - opener->within_us));
    r = r < 0 ? r : sql_next(rows, err);
    return r < 0 ? r : sql_int(rows, 0) >= opener->occurrences;
}

static int opens(const struct incidents *incidents, struct store_tx *tx,
                 const struct candidate *candidate, struct err *err) {
    int r = 0;
    for (int i = 0; r == 0 && i < incidents->settings.opener_count; i++) {
        r = opener_fits(tx, &incidents->settings.openers[i], candidate, err);
    }
    return r;
}

/* ---- joining ---- */

static bool names_overlap(const struct scope_names *one, const struct scope_names *other) {
    bool overlap = one->count == 0 || other->count == 0;
    for (int i = 0; i < one->count; i++) {
        overlap = overlap || scope_has(other, one->names[i]);
    }
    return overlap;
}

static bool overlap(const struct incident_scope *one, const struct incident_scope *other) {
    return names_overlap(&one->gateways, &other->gateways) &&
           names_overlap(&one->methods, &other->methods) &&
           names_overlap(&one->regions, &other->regions) &&
           names_overlap(&one->currencies, &other->currencies);
}

/* It names a gateway or a method, and none that the incident is not about. */
static bool names_what(const struct incident_scope *alert, const struct incident_scope *incident) {
    bool within = alert->gateways.count + alert->methods.count > 0;
    for (int i = 0; i < alert->gateways.count; i++) {
        within = within && scope_has(&incident->gateways, alert->gateways.names[i]);
    }
    for (int i = 0; i < alert->methods.count; i++) {
        within = within && scope_has(&incident->methods, alert->methods.names[i]);
    }
    return within;
}

static int live_ids(struct store_tx *tx, struct arena *arena, const char *ret_ids[LIVE_MAX],
                    int *ret_count, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    *ret_count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM incident WHERE " INCIDENT_IS_LIVE
                      " AND drill = 0 ORDER BY severity, id LIMIT 50");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        ret_ids[(*ret_count)++] = arena_copy(arena, sql_text(rows, 0));
    }
    return r;
}

/* What the alert speaks for, with the change just before its first symptom. */
static int propose_cause(struct store_tx *tx, struct arena *arena, struct incident_row *row,
                         const struct candidate *candidate, struct err *err) {
    const char *change = NULL;
    if (row->cause != 0 && row->cause != CAUSE_UNKNOWN) {
        return 0;
    }
    int r = change_before(tx, arena, candidate->first_symptom_us, &change, err);
    for (size_t i = 0; r >= 0 && i < COUNT_OF(causes); i++) {
        if (strcmp(causes[i].rule, candidate->rule) == 0) {
            row->cause = causes[i].cause;
            row->cause_why = arena_printf(arena, "alert %s", candidate->rule);
        }
    }
    if (r >= 0 && change != NULL) {
        row->cause = row->cause > CAUSE_UNKNOWN ? row->cause : CAUSE_TECHNICAL;
        row->cause_why = arena_printf(arena, "%.200s; just before: %.300s",
                                      row->cause_why != NULL ? row->cause_why : "", change);
    }
    return r < 0 ? r : 0;
}

/* 1: it has joined. */
static int join(struct incidents *incidents, struct store_tx *tx, struct arena *arena,
                const struct candidate *candidate, bool would_open, struct err *err) {
    const char *ids[LIVE_MAX], *text = "";
    int count = 0;
    int r = live_ids(tx, arena, ids, &count, err);
    for (int i = 0; r >= 0 && i < count; i++) {
        struct incident_row row;
        r = incident_load(tx, arena, ids[i], true, &row, err);
        if (r < 0 || !incident_is_live(row.state) || !overlap(&candidate->scope, &row.scope) ||
            (!would_open && !names_what(&candidate->scope, &row.scope))) {
            continue;
        }
        const struct incident_entry entry = {.actor = INCIDENT_SYSTEM, .kind = LOGGED_STATE};
        struct incident_entry linked = entry;
        r = incident_take_alert(tx, arena, &row, candidate->id, INCIDENT_SYSTEM, &text, err);
        linked.text = arena_printf(arena, "%s.", text);
        r = r < 0 ? r : propose_cause(tx, arena, &row, candidate, err);
        if (r >= 0 && candidate->severity < row.severity) {
            row.severity = candidate->severity;
            linked.text = arena_printf(arena, "%s Severity is %s by it.", linked.text,
                                       notice_severity_name((enum notice_severity)row.severity));
        }
        r = r < 0 ? r : incident_write(incidents, tx, &row, &linked, err);
        return r < 0 ? r : 1;
    }
    return r < 0 ? r : 0;
}

static int open_by(struct incidents *incidents, struct store_tx *tx, struct arena *arena,
                   const struct candidate *candidate, struct err *err) {
    const struct scope_names *gateways = &candidate->scope.gateways;
    const struct scope_names *methods = &candidate->scope.methods;
    const char *text = "";
    struct incident_row row = {
        .title = arena_printf(arena, "%s%s%s%s%s", candidate->title,
                              gateways->count > 0 ? ": " : "",
                              gateways->count > 0 ? gateways->names[0] : "",
                              methods->count > 0 ? ", " : "",
                              methods->count > 0 ? methods->names[0] : ""),
        .severity = candidate->severity,
        .proposed = INCIDENT_UNMEASURED,
        .scope = candidate->scope,
    };
    row.at_us[MILESTONE_DETECTED] = candidate->fired_us;
    row.at_us[MILESTONE_IMPACT_START] = candidate->first_symptom_us < candidate->fired_us
                                            ? candidate->first_symptom_us
                                            : candidate->fired_us;
    int r = propose_cause(tx, arena, &row, candidate, err);
    r = r < 0 ? r
              : incident_begin(incidents, tx, arena, &row, INCIDENT_SYSTEM,
                               arena_printf(arena, "Opened by the alert %s.", candidate->rule),
                               NULL, err);
    r = r < 0 ? r
              : incident_take_alert(tx, arena, &row, candidate->id, INCIDENT_SYSTEM, &text, err);
    const struct incident_entry entry = {
        .actor = INCIDENT_SYSTEM, .kind = LOGGED_STATE, .text = arena_printf(arena, "%s.", text)};
    return r < 0 ? r : incident_write(incidents, tx, &row, &entry, err);
}

struct looking {
    struct incidents *incidents;
    struct arena *arena;
    const char *ids[CANDIDATES_MAX > LIVE_MAX ? CANDIDATES_MAX : LIVE_MAX];
    int count;
    const char *id;
};

static int take_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const struct looking *looking = ctx;
    struct candidate candidate;
    int r = candidate_load(looking->incidents, tx, arena, looking->id, &candidate, err);
    if (r <= 0) {
        return r;
    }
    int would_open = opens(looking->incidents, tx, &candidate, err);
    r = would_open < 0 ? would_open
                       : join(looking->incidents, tx, arena, &candidate, would_open > 0, err);
    return r == 0 && would_open > 0 ? open_by(looking->incidents, tx, arena, &candidate, err)
           : r < 0                  ? r
                                    : 0;
}

static int find_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    SQL_ROWS_AUTO rows = NULL;
    looking->count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT a.id FROM alert a WHERE a.state IN (2, 3) AND a.rule NOT "
                      "IN ('IncidentUpdateOverdue', 'FollowUpOverdue') AND NOT EXISTS (SELECT 1 "
                      "FROM incident_alert i WHERE i.alert_id = a.id) ORDER BY a.severity, a.id "
                      "LIMIT 50");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        looking->ids[looking->count++] = arena_copy(looking->arena, sql_text(rows, 0));
    }
    return r;
}

/* ---- how grave ---- */

static int live_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    return live_ids(tx, looking->arena, looking->ids, &looking->count, err);
}

static int measure_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const struct looking *looking = ctx;
    struct incident_row row;
    struct incident_figures figures;
    BUF_AUTO reasons;
    buf_init(&reasons, INCIDENT_EVIDENCE_BYTES_MAX);
    int r = incident_load(tx, arena, looking->id, true, &row, err);
    if (r < 0 || !incident_is_live(row.state)) {
        return r;
    }
    r = incident_measure(tx, &row, &figures, err);
    int64_t proposed = incident_propose(&figures, &reasons);
    if (r < 0 || proposed == INCIDENT_UNMEASURED ||
        (row.proposed != INCIDENT_UNMEASURED && proposed >= row.proposed)) {
        return r;
    }
    bool raised = proposed < row.severity;
    row.proposed = proposed;
    row.reasons = reasons.data;
    row.severity = raised ? proposed : row.severity;
    const struct incident_entry entry = {
        .actor = INCIDENT_SYSTEM,
        .kind = LOGGED_STATE,
        .text = arena_printf(arena, "Measured as %s%s.",
                             notice_severity_name((enum notice_severity)proposed),
                             raised ? ", and raised to it" : ""),
        .evidence = arena_printf(arena, "{\"reasons\":%s}", reasons.data),
    };
    return incident_write(looking->incidents, tx, &row, &entry, err);
}

int incident_look(struct incidents *incidents, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct looking looking = {.incidents = incidents, .arena = arena};
    struct store *store = incidents->options.store;
    int r = store_read(store, find_tx, &looking, err);
    for (int i = 0; r >= 0 && i < looking.count; i++) {
        looking.id = looking.ids[i];
        r = store_write(store, take_tx, &looking, err);
    }
    r = r < 0 ? r : store_read(store, live_tx, &looking, err);
    for (int i = 0; r >= 0 && i < looking.count; i++) {
        looking.id = looking.ids[i];
        r = store_write(store, measure_tx, &looking, err);
    }
    return r;
}

/* ---- the job ---- */

static int run(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct incidents *incidents = ctx;
    size_t prefix = strlen(INCIDENT_JOB_TIMER);
    int64_t next_us = 0;
    int r = 0;
    if (strncmp(job->key, INCIDENT_JOB_TIMER, prefix) == 0) {
        r = incident_timer(incidents, job->key + prefix, &next_us, err);
    } else if (strncmp(job->key, LEARN_JOB_ACTION, strlen(LEARN_JOB_ACTION)) == 0 ||
               strncmp(job->key, LEARN_JOB_POSTMORTEM, strlen(LEARN_JOB_POSTMORTEM)) == 0) {
        r = learn_timer(incidents, job->key, &next_us, err);
    } else if (strcmp(job->key, INCIDENT_JOB_LOOK) == 0) {
        r = incident_look(incidents, err);
        next_us = clock_wall_us() + LOOK_US;
    }
    if (r >= 0) {
        payments_wake(incidents->options.payments);
    }
    if (r >= 0 && next_us > 0) {
        *ret_again_us = next_us;
    }
    return r;
}

static int start_tx(struct store_tx *tx, void *ctx, struct err *err) {
    (void)ctx;
    int r = job_add(tx, JOB_INCIDENTS, INCIDENT_JOB_LOOK, clock_wall_us(), "", err);
    return r < 0 ? r : 0;
}

int incidents_start(struct incidents *incidents, struct err *err) {
    return store_write(incidents->options.store, start_tx, incidents, err);
}

struct job_kind incidents_job(struct incidents *incidents) {
    static const int64_t backoff_us[] = {US_PER_SECOND, 5 * US_PER_SECOND, 30 * US_PER_SECOND};
    return (struct job_kind){
        .name = JOB_INCIDENTS,
        .run = run,
        .ctx = incidents,
        .backoff_us = backoff_us,
        .backoff_count = COUNT_OF(backoff_us),
        .attempts_max = 0,
        .lease_us = 120 * US_PER_SECOND,
        .concurrency = 2,
    };
}
