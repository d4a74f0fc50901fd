/* SPDX-License-Identifier: Apache-2.0
 * handlers_measures.c: what is switched from an incident, given back and handed over; whether
 * deploys may go on. */
#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"
#include "incident/containment.h"

enum { WORD_CHARS_MAX = 40 };

static int read_incident_id(const struct ask *ask, struct incident_id *ret_id, struct err *err) {
    return READ_LISTED_ID(ask, "an incident", incident_id, "incident list --state all", ret_id,
                          err);
}

static int read_measure_id(const struct ask *ask, struct containment_id *ret_id, struct err *err) {
    return READ_LISTED_ID(ask, "a measure", containment_id, "incident measures INCIDENT", ret_id,
                          err);
}

static int read_until(const json_t *body, int64_t *ret_until_us, struct err *err) {
    const char *until = NULL;
    int r = json_may_text(body, "", "until", 1, WORD_CHARS_MAX, &until, err);
    if (r >= 0 && until != NULL && !clock_parse(until, ret_until_us)) {
        err_set(err, ERR_VALIDATION, "it must be a time like 2027-01-31T00:00:00Z");
        r = err_place(err, "/until");
    }
    return r;
}

static int read_request(const json_t *body, struct containment_request *request, struct err *err) {
    static const char *const keys[] = {"kind",  "name",   "until", "force",
                                       "adopt", "reason", NULL};
    int r = json_only(body, "", keys, err);
    r = r < 0 ? r : json_need_text(body, "", "kind", 1, WORD_CHARS_MAX, &request->kind, err);
    r = r < 0 ? r
              : json_may_text(body, "", "name", 1, CONTAINMENT_NAME_CHARS_MAX, &request->name, err);
    r = r < 0 ? r : read_until(body, &request->until_us, err);
    r = r < 0 ? r : json_may_bool(body, "", "force", &request->force, err);
    r = r < 0 ? r : json_may_bool(body, "", "adopt", &request->adopt, err);
    return r < 0 ? r : read_reason(body, &request->reason, err);
}

/* Absent: whose ever the measure is. */
static int read_of(const json_t *body, const char **ret_incident_id, struct err *err) {
    struct incident_id id;
    int r = json_may_text(body, "", "incident_id", 1, WORD_CHARS_MAX, ret_incident_id, err);
    if (r >= 0 && *ret_incident_id != NULL && incident_id_parse(*ret_incident_id, &id, err) < 0) {
        r = err_place(err, "/incident_id");
    }
    return r;
}

int measures_list(struct ask *ask, struct err *err) {
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    return r < 0 ? r : containment_list(ask->service->containments, id.text, &ask->answer, err);
}

int measures_post(struct ask *ask, struct err *err) {
    struct containment_request request = {0};
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : read_request(ask->body, &request, err);
    return r < 0 ? r
                 : containment_take(ask->service->containments, &ask->caller, id.text, &request,
                                    &ask->answer, err);
}

int measures_preview_post(struct ask *ask, struct err *err) {
    struct containment_request request = {0};
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : read_request(ask->body, &request, err);
    return r < 0 ? r
                 : containment_preview(ask->service->containments, &ask->caller, id.text, &request,
                                       &ask->answer, err);
}

int measure_get_one(struct ask *ask, struct err *err) {
    struct containment_id id;
    int r = read_measure_id(ask, &id, err);
    return r < 0 ? r
                 : containment_verify(ask->service->containments, NULL, id.text, &ask->answer,
                                      err);
}

int measure_undo_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"incident_id", "force", "reason", NULL};
    const char *incident = NULL, *reason = NULL;
    bool force = false;
    struct containment_id id;
    int r = read_measure_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_of(ask->body, &incident, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "force", &force, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : containment_undo(ask->service->containments, &ask->caller, incident, id.text,
                                    reason, force, &ask->answer, err);
}

int measure_hand_over_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"incident_id", "to", "reason", NULL};
    const char *incident = NULL, *to = NULL, *reason = NULL;
    struct containment_id id;
    int r = read_measure_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_of(ask->body, &incident, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "to", 1, INCIDENT_NAME_CHARS_MAX, &to, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : containment_hand_over(ask->service->containments, &ask->caller, incident,
                                         id.text, to, reason, &ask->answer, err);
}

/* ---- deploys ---- */

int deploy_gate_get(struct ask *ask, struct err *err) {
    return deploy_gate_look(ask->service->containments, &ask->answer, err);
}

int deploy_gate_freeze_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"until", "reason", NULL};
    struct deploy_freezing freezing = {.frozen = true};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_until(ask->body, &freezing.until_us, err);
    r = r < 0 ? r : read_reason(ask->body, &freezing.reason, err);
    return r < 0 ? r
                 : deploy_gate_set(ask->service->containments, &ask->caller, &freezing,
                                   &ask->answer, err);
}

int deploy_gate_thaw_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    struct deploy_freezing freezing = {0};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &freezing.reason, err);
    return r < 0 ? r
                 : deploy_gate_set(ask->service->containments, &ask->caller, &freezing,
                                   &ask->answer, err);
}
