/* SPDX-License-Identifier: Apache-2.0
 * handlers_status.c: what people of the house do with the status page: drafts, approvals,
 * components, subscribers. Nothing that comes in here carries a proof: that an incident is over is
 * said by the gate's own floor alone (comms/proof.h). */
#include <stdio.h>
#include <string.h>

#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"

enum { STATUS_PAGE_LIMIT_MAX = 100, HASH_CHARS = 64 };

static int wrong(struct err *err, const char *place, const char *what, const char *hint) {
    err_set(err, ERR_VALIDATION, "%s", what);
    err_hint(err, "%s", hint);
    return err_place(err, "%s", place);
}

/* ---- a draft's parts ---- */

static int read_both(const json_t *body, const char *key, size_t bytes_max,
                     const char *ret_text[LANGUAGES], struct err *err) {
    static const char *const keys[] = {"en", "zh", NULL};
    const json_t *both = NULL;
    char where[40];
    int r = json_need_object(body, "", key, &both, err);
    snprintf(where, sizeof where, "/%s", key);
    r = r < 0 ? r : json_only(both, where, keys, err);
    for (int i = 0; r >= 0 && i < LANGUAGES; i++) {
        r = json_need_lines(both, where, keys[i], 1, bytes_max, &ret_text[i], err);
    }
    return r;
}

static int read_status(const json_t *body, enum status_state *ret_state, struct err *err) {
    const char *name = NULL;
    int r = json_need_text(body, "", "status", 1, 20, &name, err);
    return r < 0 || status_state_parse(name, ret_state)
               ? r
               : wrong(err, "/status", "there is no such status",
                       "investigating, identified, monitoring, resolved, postmortem; scheduled, "
                       "in_progress, verifying, completed.");
}

static int read_impact(const json_t *body, int64_t *ret_impact, struct err *err) {
    const char *name = NULL;
    enum status_impact impact;
    int r = json_may_text(body, "", "impact", 1, 20, &name, err);
    if (r < 0 || name == NULL) {
        return r;
    }
    if (!status_impact_parse(name, &impact)) {
        return wrong(err, "/impact", "there is no such impact", "none, minor, major or critical.");
    }
    *ret_impact = impact;
    return 0;
}

static int read_touches(const json_t *body, struct arena *arena, struct status_draft *draft,
                        struct err *err) {
    static const char *const keys[] = {"id", "status", NULL};
    const json_t *list = NULL;
    int r = json_may_array(body, "", "components", STATUS_COMPONENTS_MAX, &list, err);
    size_t count = json_array_size(list);
    struct status_touch *touches = arena_alloc(arena, (count + 1) * sizeof *touches);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        const json_t *one = json_array_get(list, i);
        const char *where = arena_printf(arena, "/components/%zu", i), *status = NULL;
        r = json_only(one, where, keys, err);
        r = r < 0 ? r
                  : json_need_text(one, where, "id", 1, STATUS_COMPONENT_CHARS_MAX,
                                   &touches[i].component, err);
        r = r < 0 ? r : json_need_text(one, where, "status", 1, 30, &status, err);
        if (r >= 0 && !status_level_parse(status, &touches[i].level)) {
            r = wrong(err, arena_printf(arena, "%s/status", where), "there is no such status",
                      "operational, under_maintenance, degraded_performance, partial_outage or "
                      "major_outage.");
        }
    }
    draft->touches = touches;
    draft->touch_count = (int)count;
    return r;
}

static int read_fields(const json_t *body, struct status_draft *draft, struct err *err) {
    const json_t *fields = NULL;
    const char *key;
    json_t *value;
    int r = json_may_object(body, "", "fields", &fields, err);
    if (r < 0 || fields == NULL) {
        return r;
    }
    json_object_foreach((json_t *)fields, key, value) {
        enum field field = FIELD_PAYMENTS;
        if (!field_parse(key, strlen(key), &field)) {
            err_set(err, ERR_VALIDATION, "there is no such field");
            return err_place(err, "/fields/%.60s", key);
        }
        r = json_need_text(fields, "/fields", key, 1, FIELD_CHARS_MAX, &draft->fields[field], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int read_moment(const json_t *body, const char *key, int64_t *ret_us, struct err *err) {
    const char *text = NULL;
    int r = json_need_text(body, "", key, 1, 40, &text, err);
    if (r < 0 || clock_parse(text, ret_us)) {
        return r;
    }
    err_set(err, ERR_VALIDATION, "it must be a time like 2027-01-31T00:00:00Z");
    return err_place(err, "/%s", key);
}

static int draft(struct ask *ask, const char *const *keys, struct status_draft *what,
                 struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const json_t *body = ask->body;
    bool incident = what->kind == STATUS_INCIDENT;
    what->incident_id = "";
    int r = json_only(body, "", keys, err);
    r = r < 0 || what->id != NULL ? r
                                  : read_both(body, "title", STATUS_TITLE_CHARS_MAX, what->title,
                                              err);
    r = r < 0 ? r : read_both(body, "body", STATUS_BODY_BYTES_MAX, what->body, err);
    r = r < 0 || !incident ? r : read_status(body, &what->state, err);
    r = r < 0 || !incident ? r : read_impact(body, &what->impact, err);
    r = r < 0 ? r : read_touches(body, arena, what, err);
    r = r < 0 ? r : read_fields(body, what, err);
    r = r < 0 ? r : json_may_text(body, "", "incident_id", 1, 40, &what->incident_id, err);
    if (r >= 0 && what->incident_id[0] != '\0') {
        struct incident_id unused;
        r = incident_id_parse(what->incident_id, &unused, err);
        r = r < 0 ? err_place(err, "/incident_id") : r;
    }
    r = r < 0 || incident ? r : read_moment(body, "from", &what->from_us, err);
    r = r < 0 || incident ? r : read_moment(body, "until", &what->until_us, err);
    r = r < 0 ? r : read_reason(body, &what->reason, err);
    return r < 0 ? r
                 : status_draft(ask->service->status, &ask->caller, what, &ask->answer, err);
}

int status_incidents_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"title",      "body",   "status",      "impact",
                                       "components", "fields", "incident_id", "reason",
                                       NULL};
    struct status_draft what = {.kind = STATUS_INCIDENT};
    return draft(ask, keys, &what, err);
}

int status_maintenances_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"title", "body",   "components", "fields",
                                       "from",  "until",  "reason",     NULL};
    struct status_draft what = {.kind = STATUS_MAINTENANCE, .state = STATUS_SCHEDULED};
    return draft(ask, keys, &what, err);
}

#define READ_STATUS_ID(ask, ret_id, err)                                                           \
    READ_LISTED_ID(ask, "an incident of the status page", status_incident_id, "statuspage list",  \
                   ret_id, err)
#define READ_UPDATE_ID(ask, ret_id, err)                                                           \
    READ_LISTED_ID(ask, "an update of the status page", status_update_id, "statuspage list",      \
                   ret_id, err)

int status_updates_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"body",   "status", "impact", "components",
                                       "fields", "reason", NULL};
    struct status_incident_id id;
    int r = READ_STATUS_ID(ask, &id, err);
    struct status_draft what = {.kind = STATUS_INCIDENT, .id = id.text};
    return r < 0 ? r : draft(ask, keys, &what, err);
}

/* ---- acts ---- */

int status_approve_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"hash", "reason", NULL};
    const char *hash = NULL, *reason = NULL;
    struct status_update_id id;
    int r = READ_UPDATE_ID(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "hash", HASH_CHARS, HASH_CHARS, &hash, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : status_approve(ask->service->status, &ask->caller, id.text, hash, reason,
                                  &ask->answer, err);
}

int status_withdraw_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    const char *reason = NULL;
    struct status_update_id id;
    int r = READ_UPDATE_ID(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : status_withdraw(ask->service->status, &ask->caller, id.text, reason,
                                   &ask->answer, err);
}

int status_component_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"status", "reason", NULL};
    const char *name = NULL, *reason = NULL;
    enum status_level level = LEVEL_OPERATIONAL;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "status", 1, 30, &name, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    bool taken_back = r >= 0 && strcmp(name, "auto") == 0;
    bool known = r >= 0 && status_level_parse(name, &level) && level != LEVEL_OPERATIONAL;
    if (r >= 0 && !taken_back && !known) {
        return wrong(err, "/status", "a component is not set to that",
                     "under_maintenance, degraded_performance, partial_outage, major_outage; auto "
                     "takes it back. That it works is measured, not said.");
    }
    return r < 0 ? r
                 : status_set(ask->service->status, &ask->caller, ask->param,
                              taken_back ? 0 : (int64_t)level, reason, &ask->answer, err);
}

/* ---- looking ---- */

int status_get_all(struct ask *ask, struct err *err) {
    return status_get(ask->service->status, &ask->answer, err);
}

int status_incidents_get(struct ask *ask, struct err *err) {
    char name[QUERY_CHARS_MAX] = "";
    int64_t limit = 0, kind = 0;
    int r = read_query_int(ask, "limit", 1, STATUS_PAGE_LIMIT_MAX, &limit, err);
    r = r < 0 ? r : read_query_text(ask, "kind", name, err);
    if (r >= 0 && name[0] != '\0') {
        kind = strcmp(name, "incident") == 0      ? STATUS_INCIDENT
               : strcmp(name, "maintenance") == 0 ? STATUS_MAINTENANCE
                                                  : 0;
        r = kind != 0 ? r
                      : wrong(err, "query parameter kind", "there is no such kind",
                              "incident or maintenance.");
    }
    return r < 0 ? r : status_list(ask->service->status, kind, (int)limit, &ask->answer, err);
}

int status_incident_get(struct ask *ask, struct err *err) {
    struct status_incident_id id;
    int r = READ_STATUS_ID(ask, &id, err);
    return r < 0 ? r : status_get_one(ask->service->status, id.text, &ask->answer, err);
}

int status_subscribers_get(struct ask *ask, struct err *err) {
    int64_t limit = 0;
    int r = read_query_int(ask, "limit", 1, STATUS_PAGE_LIMIT_MAX, &limit, err);
    return r < 0 ? r : status_subscribers(ask->service->status, (int)limit, &ask->answer, err);
}

int status_export_get(struct ask *ask, struct err *err) {
    return status_bundle(ask->service->status, &ask->answer, err);
}
