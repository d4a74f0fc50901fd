/* SPDX-License-Identifier: Apache-2.0
 * handlers_incidents.c: /v1/incidents: trouble that is run by people, and its log. */
#include <string.h>

#include "api/read.h"
#include "base/json.h"
#include "incident/incident.h"

enum { NAME_CHARS_MAX = 80, WORD_CHARS_MAX = 40, LOG_SEQ_MAX = 1000000000 };

static int read_incident_id(const struct ask *ask, struct incident_id *ret_id, struct err *err) {
    return READ_LISTED_ID(ask, "an incident", incident_id, "incident list --state all", ret_id,
                          err);
}

static int bad_value(const char *place, const char *value, const char *hint, struct err *err) {
    err_set(err, ERR_VALIDATION, "there is no %s \"%.40s\"", place + 1, value);
    err_place(err, "%s", place);
    return err_hint(err, "%s", hint);
}

/* ---- looking ---- */

int incidents_list(struct ask *ask, struct err *err) {
    char state[QUERY_CHARS_MAX] = "", severity[QUERY_CHARS_MAX] = "", cursor[QUERY_CHARS_MAX] = "";
    int64_t limit = 0;
    int r = read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_text(ask, "severity", severity, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", cursor, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    const struct incident_filter filter = {state, severity, cursor, (int)limit};
    return r < 0 ? r : incident_list(ask->service->incidents, &filter, &ask->answer, err);
}

int incident_get_one(struct ask *ask, struct err *err) {
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    return r < 0 ? r : incident_get(ask->service->incidents, id.text, &ask->answer, err);
}

int incident_log_get(struct ask *ask, struct err *err) {
    struct incident_id id;
    int64_t after = 0, limit = 0;
    int r = read_query_int(ask, "after", 0, LOG_SEQ_MAX, &after, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, INCIDENT_LOG_PAGE_MAX, &limit, err);
    r = r < 0 ? r : read_incident_id(ask, &id, err);
    return r < 0 ? r
                 : incident_log_list(ask->service->incidents, id.text, after, (int)limit,
                                     &ask->answer, err);
}

int incident_verify_get(struct ask *ask, struct err *err) {
    struct incident_id id;
    struct incident_verdict verdict = {0};
    BUF_AUTO buf;
    buf_init(&buf, sizeof verdict * 8);
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : incident_verify(ask->service->incidents, id.text, &verdict, err);
    if (r < 0) {
        return r;
    }
    bool whole = verdict.broken_seq == 0;
    buf_addf(&buf, "{\"object\":\"incident_verification\",\"incident_id\":\"%s\",\"whole\":%s,"
                   "\"entries\":%lld,\"hash\":\"%s\",\"broken_seq\":",
             id.text, whole ? "true" : "false", (long long)verdict.entries, verdict.hash);
    if (whole) {
        buf_add_text(&buf, "null,\"why\":null}");
    } else {
        buf_addf(&buf, "%lld,\"why\":", (long long)verdict.broken_seq);
        buf_add_json(&buf, verdict.why);
        buf_add_char(&buf, '}');
    }
    return answer_take(&ask->answer, 200, &buf, err);
}

/* ---- opening ---- */

static int read_severity(const json_t *body, bool may, bool *ret_known,
                         enum notice_severity *ret_severity, struct err *err) {
    const char *name = NULL;
    int r = may ? json_may_text(body, "", "severity", 1, WORD_CHARS_MAX, &name, err)
                : json_need_text(body, "", "severity", 1, WORD_CHARS_MAX, &name, err);
    if (r < 0 || name == NULL) {
        return r;
    }
    *ret_known = notice_severity_parse(name, ret_severity);
    return *ret_known ? 0 : bad_value("/severity", name, "One of: P0, P1, P2, P3.", err);
}

static int read_cause(const json_t *body, enum incident_cause *ret_cause, const char **ret_why,
                      struct err *err) {
    const char *name = NULL;
    int r = json_may_text(body, "", "cause", 1, WORD_CHARS_MAX, &name, err);
    r = r < 0 ? r
              : json_may_text(body, "", "cause_why", 1, INCIDENT_WHY_CHARS_MAX, ret_why, err);
    if (r >= 0 && name != NULL && !incident_cause_parse(name, ret_cause)) {
        r = bad_value("/cause", name,
                      "One of: technical, network, third_party, security, human, unknown.", err);
    }
    return r;
}

static int read_time(const json_t *body, const char *key, int64_t *ret_us, struct err *err) {
    const char *text = NULL;
    int r = json_may_text(body, "", key, 1, WORD_CHARS_MAX, &text, err);
    if (r < 0 || text == NULL || read_since(text, ret_us)) {
        return r;
    }
    err_set(err, ERR_VALIDATION, "\"%.40s\" is no time", text);
    err_place(err, "/%s", key);
    return err_hint(err, "A time is 2026-11-20T08:00:00Z, or how long ago it was: 10m.");
}

static int read_scope(const json_t *body, struct incident_scope *scope, bool *ret_known,
                      struct err *err) {
    const json_t *object = NULL;
    int r = json_may_object(body, "", "scope", &object, err);
    *ret_known = object != NULL;
    return r < 0 || object == NULL ? r : scope_read(object, "/scope", scope, err);
}

static int read_alerts(const json_t *body, struct incident_request *request, struct err *err) {
    const json_t *list = NULL;
    size_t i;
    const json_t *item;
    int r = json_may_array(body, "", "alerts", INCIDENT_ALERTS_MAX, &list, err);
    if (r < 0 || list == NULL) {
        return r;
    }
    json_array_foreach(list, i, item) {
        const char *text = json_string_value(item);
        struct alert_id id;
        if (text == NULL || alert_id_parse(text, &id, NULL) < 0) {
            err_set(err, ERR_VALIDATION, "it is not an alert's id");
            return err_place(err, "/alerts/%zu", i);
        }
        request->alert_ids[request->alert_count++] = text;
    }
    return 0;
}

static int read_follows(const json_t *body, const char **ret_follows, struct err *err) {
    struct incident_id id;
    int r = json_may_text(body, "", "follows", 1, WORD_CHARS_MAX, ret_follows, err);
    if (r >= 0 && *ret_follows != NULL && incident_id_parse(*ret_follows, &id, err) < 0) {
        r = err_place(err, "/follows");
    }
    return r;
}

int incidents_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"title",     "severity", "scope", "impact_start", "cause",
                                       "cause_why", "follows",  "drill", "alerts",       NULL};
    struct incident_request request = {0};
    bool scoped = false;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r
              : json_need_text(ask->body, "", "title", 1, INCIDENT_TITLE_CHARS_MAX, &request.title,
                               err);
    r = r < 0 ? r
              : read_severity(ask->body, true, &request.severity_known, &request.severity, err);
    r = r < 0 ? r : read_scope(ask->body, &request.scope, &scoped, err);
    r = r < 0 ? r : read_time(ask->body, "impact_start", &request.impact_start_us, err);
    r = r < 0 ? r : read_cause(ask->body, &request.cause, &request.cause_why, err);
    r = r < 0 ? r : read_follows(ask->body, &request.follows, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "drill", &request.drill, err);
    r = r < 0 ? r : read_alerts(ask->body, &request, err);
    return r < 0 ? r
                 : incident_open(ask->service->incidents, &ask->caller, &request, &ask->answer,
                                 err);
}

/* ---- running it ---- */

int incident_moves_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"move", "at", "reason", NULL};
    struct incident_move move = {0};
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "move", 1, WORD_CHARS_MAX, &move.move, err);
    r = r < 0 ? r : read_time(ask->body, "at", &move.at_us, err);
    r = r < 0 ? r : read_reason(ask->body, &move.reason, err);
    return r < 0 ? r
                 : incident_act(ask->service->incidents, &ask->caller, id.text, &move,
                                &ask->answer, err);
}

int incident_severity_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"severity", "reason", NULL};
    enum notice_severity severity = NOTICE_P3;
    const char *reason = NULL;
    struct incident_id id;
    bool known = false;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_severity(ask->body, false, &known, &severity, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : incident_severity(ask->service->incidents, &ask->caller, id.text, severity,
                                     reason, &ask->answer, err);
}

static int read_role(const json_t *body, enum incident_role *ret_role, struct err *err) {
    const char *name = NULL;
    int r = json_need_text(body, "", "role", 1, WORD_CHARS_MAX, &name, err);
    if (r >= 0 && !incident_role_parse(name, ret_role)) {
        r = bad_value("/role", name, "One of: commander, lead, comms, recon.", err);
    }
    return r;
}

int incident_roles_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"role", "deputy", "user", "reason", NULL};
    struct incident_post post = {.user = ""};
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_role(ask->body, &post.role, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "deputy", &post.deputy, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "user", 1, NAME_CHARS_MAX, &post.user, err);
    r = r < 0 ? r : read_reason(ask->body, &post.reason, err);
    return r < 0 ? r
                 : incident_role(ask->service->incidents, &ask->caller, id.text, &post,
                                 &ask->answer, err);
}

int incident_corrections_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"title",        "cause",  "cause_why", "scope",
                                       "impact_start", "reason", NULL};
    struct incident_correction said = {0};
    struct incident_scope scope = {0};
    struct incident_id id;
    bool scoped = false;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r
              : json_may_text(ask->body, "", "title", 1, INCIDENT_TITLE_CHARS_MAX, &said.title,
                              err);
    r = r < 0 ? r : read_cause(ask->body, &said.cause, &said.cause_why, err);
    r = r < 0 ? r : read_time(ask->body, "impact_start", &said.impact_start_us, err);
    r = r < 0 ? r : read_scope(ask->body, &scope, &scoped, err);
    r = r < 0 ? r : read_reason(ask->body, &said.reason, err);
    said.scope = scoped ? &scope : NULL;
    return r < 0 ? r
                 : incident_correct(ask->service->incidents, &ask->caller, id.text, &said,
                                    &ask->answer, err);
}

int incident_notes_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"kind", "text", NULL};
    enum incident_log_kind kind = LOGGED_OBSERVATION;
    const char *name = NULL, *text = NULL;
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "kind", 1, WORD_CHARS_MAX, &name, err);
    r = r < 0 ? r
              : json_need_lines(ask->body, "", "text", 1, INCIDENT_TEXT_CHARS_MAX, &text, err);
    if (r >= 0 && name != NULL && !incident_noted_parse(name, &kind)) {
        r = bad_value("/kind", name, "One of: decision, action, observation, comms.", err);
    }
    return r < 0 ? r
                 : incident_note(ask->service->incidents, &ask->caller, id.text, kind, text,
                                 &ask->answer, err);
}

int incident_signatures_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"role", "reason", NULL};
    enum incident_role role = INCIDENT_ROLE_COMMANDER;
    const char *reason = NULL;
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_role(ask->body, &role, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : incident_sign(ask->service->incidents, &ask->caller, id.text, role, reason,
                                 &ask->answer, err);
}

int incident_alerts_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"alert_id", "reason", NULL};
    const char *alert = NULL, *reason = NULL;
    struct incident_id id;
    struct alert_id alert_id;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "alert_id", 1, WORD_CHARS_MAX, &alert, err);
    if (r >= 0 && alert_id_parse(alert, &alert_id, err) < 0) {
        r = err_place(err, "/alert_id");
    }
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : incident_link_alert(ask->service->incidents, &ask->caller, id.text, alert,
                                       reason, &ask->answer, err);
}
