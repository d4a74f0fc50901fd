/* SPDX-License-Identifier: Apache-2.0
 * incident_alerts.c: alerts that belong to an incident: one alert to one incident, ever. With each
 * the incident's scope becomes as large as what the alert is about, and its start as early as the
 * alert's first symptom: larger is the machine's, smaller the commander's. */
#include <string.h>

#include "incident/incident_impl.h"
#include "watch/alert_match.h"

/* ---- the scope ---- */

/* By which label each kind of names goes. */
static struct scope_names *names_of(struct incident_scope *scope, int kind) {
    struct scope_names *const kinds[] = {&scope->gateways, &scope->methods, &scope->regions,
                                         &scope->currencies};
    return kinds[kind];
}
static const char *const labels_by_kind[] = {"gateway", "method", "region", "currency"};

static const char *label_of(const struct notice_label *labels, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(labels[i].name, name) == 0) {
            return labels[i].value;
        }
    }
    return "";
}

void incident_scope_of(struct arena *arena, const char *labels_text,
                       struct incident_scope *ret_scope) {
    struct notice_label *labels = NULL;
    int count = labels_parse(arena, labels_text, &labels);
    *ret_scope = (struct incident_scope){0};
    for (size_t i = 0; i < COUNT_OF(labels_by_kind); i++) {
        struct err ignored = {0};
        const char *value = label_of(labels, count, labels_by_kind[i]);
        /* What is no name means all: rather too much than too little. */
        if (value[0] != '\0' && scope_add(names_of(ret_scope, (int)i), value, &ignored) < 0) {
            names_of(ret_scope, (int)i)->count = 0;
        }
    }
}

static void add_names(struct scope_names *to, const struct scope_names *from) {
    struct err full = {0};
    bool all = to->count == 0 || from->count == 0;
    for (int i = 0; !all && i < from->count; i++) {
        all = scope_add(to, from->names[i], &full) < 0;
    }
    if (all) {
        to->count = 0;
    }
}

static bool same_names(const struct scope_names *one, const struct scope_names *other) {
    bool same = one->count == other->count;
    for (int i = 0; same && i < one->count; i++) {
        same = scope_has(other, one->names[i]);
    }
    return same;
}

bool incident_scope_enlarge(struct incident_scope *scope, const struct incident_scope *by) {
    bool larger = false;
    struct incident_scope other = *by;
    for (int i = 0; i < (int)COUNT_OF(labels_by_kind); i++) {
        struct scope_names before = *names_of(scope, i);
        add_names(names_of(scope, i), names_of(&other, i));
        larger = larger || !same_names(&before, names_of(scope, i));
    }
    return larger;
}

/* ---- linking ---- */

struct found {
    const char *rule, *labels;
    int64_t first_symptom_us;
};

static int find_alert(struct store_tx *tx, struct arena *arena, const char *alert_id,
                      struct found *ret_found, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT rule, labels, first_symptom_us FROM alert WHERE id = $1",
                      S_TEXT(alert_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0) {
        err_set(err, ERR_NOT_FOUND, "there is no alert %.40s", alert_id);
        return err_hint(err, "`holdfast alert list --state all` lists them.");
    }
    if (r > 0) {
        *ret_found = (struct found){
            .rule = arena_copy(arena, sql_text(rows, 0)),
            .labels = arena_copy(arena, sql_text(rows, 1)),
            .first_symptom_us = sql_int(rows, 2),
        };
    }
    return r < 0 ? r : 0;
}

static int refuse_taken(struct store_tx *tx, const char *alert_id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT incident_id FROM incident_alert WHERE alert_id = $1",
                      S_TEXT(alert_id));
    r = r < 0 ? r : sql_next(rows, err);
    return r < 0 ? r
                 : err_set(err, ERR_STATE, "alert %s belongs to incident %s", alert_id,
                           r > 0 ? sql_text(rows, 0) : "?");
}

int incident_take_alert(struct store_tx *tx, struct arena *arena, struct incident_row *row,
                        const char *alert_id, const char *actor, const char **ret_text,
                        struct err *err) {
    struct found found = {0};
    struct incident_scope scope;
    int r = find_alert(tx, arena, alert_id, &found, err);
    if (r < 0) {
        return r;
    }
    int64_t linked = sql_exec(tx, err,
                              "INSERT INTO incident_alert (alert_id, incident_id, rule, labels, "
                              "linked_us, linked_by) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT "
                              "(alert_id) DO NOTHING",
                              S_TEXT(alert_id), S_TEXT(row->id.text), S_TEXT(found.rule),
                              S_TEXT(found.labels), S_INT(clock_wall_us()), S_TEXT(actor));
    if (linked <= 0) {
        return linked < 0 ? (int)linked : refuse_taken(tx, alert_id, err);
    }
    incident_scope_of(arena, found.labels, &scope);
    int64_t *start_us = &row->at_us[MILESTONE_IMPACT_START];
    bool earlier = found.first_symptom_us > 0 && found.first_symptom_us < *start_us;
    bool larger = incident_scope_enlarge(&row->scope, &scope);
    *start_us = earlier ? found.first_symptom_us : *start_us;
    if (larger || earlier) {
        incident_void(row);
    }
    *ret_text = arena_printf(arena, "Alert %s (%s) is linked%s%s", found.rule, alert_id,
                             larger ? "; it is about more than was known" : "",
                             earlier ? "; it began earlier than was known" : "");
    return 0;
}

/* ---- telling ---- */

static void render_labels(struct arena *arena, struct buf *buf, const char *text) {
    struct notice_label *labels = NULL;
    int count = labels_parse(arena, text, &labels);
    buf_add_char(buf, '{');
    for (int i = 0; i < count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        buf_add_json(buf, labels[i].name);
        buf_add_char(buf, ':');
        buf_add_json(buf, labels[i].value);
    }
    buf_add_char(buf, '}');
}

int incident_render_alerts(struct store_tx *tx, struct buf *buf, const struct incident_row *row,
                           struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    SQL_ROWS_AUTO rows = NULL;
    const char *comma = "";
    char time[CLOCK_TEXT_MAX];
    buf_add_text(buf, ",\"alerts\":[");
    int r = sql_query(tx, err, &rows,
                      "SELECT i.alert_id, i.rule, i.labels, i.linked_us, i.linked_by, "
                      "COALESCE(a.state, 0), COALESCE(a.severity, 3) FROM incident_alert i LEFT "
                      "JOIN alert a ON a.id = i.alert_id WHERE i.incident_id = $1 ORDER BY "
                      "i.alert_id LIMIT 200",
                      S_TEXT(row->id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t state = sql_int(rows, 5);
        buf_addf(buf, "%s{\"id\":\"%s\",\"rule\":", comma, sql_text(rows, 0));
        buf_add_json(buf, sql_text(rows, 1));
        buf_add_text(buf, ",\"labels\":");
        render_labels(arena, buf, sql_text(rows, 2));
        buf_addf(buf, ",\"severity\":\"%s\",\"state\":\"%s\",\"linked_at\":\"%s\",\"linked_by\":",
                 notice_severity_name((enum notice_severity)sql_int(rows, 6)),
                 state > 0 ? alert_state_name((enum alert_state)state) : "forgotten",
                 clock_format(sql_int(rows, 3), time));
        buf_add_json(buf, sql_text(rows, 4));
        buf_add_char(buf, '}');
        comma = ",";
    }
    buf_add_char(buf, ']');
    return r < 0 ? r : 0;
}
