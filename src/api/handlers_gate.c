/* SPDX-License-Identifier: Apache-2.0
 * handlers_gate.c: whether an incident is over, and saying so; whom and what it has hit. */
#include "api/read.h"
#include "api/sheet_reply.h"
#include "base/json.h"
#include "incident/blast.h"
#include "incident/incident_gate.h"

enum { FILE_BYTES_MAX = 32 * 1024 * 1024 };

static int read_incident_id(const struct ask *ask, struct incident_id *ret_id, struct err *err) {
    return READ_LISTED_ID(ask, "an incident", incident_id, "incident list --state all", ret_id,
                          err);
}

int incident_gate_get(struct ask *ask, struct err *err) {
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    return r < 0 ? r
                 : incident_gate_show(ask->service->incidents, ask->service->gate, id.text,
                                      &ask->answer, err);
}

int incident_resolve_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    const struct incident_gate gate = incident_gate_of(ask->service->gate);
    const char *reason = NULL;
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : incident_resolve(ask->service->incidents, &gate, &ask->caller, id.text, reason,
                                    &ask->answer, err);
}

/* ---- its blast radius ---- */

static int read_where(const struct ask *ask, struct incident_scope *ret_scope, struct err *err) {
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    return r < 0 ? r : incident_scope(ask->service->incidents, id.text, ret_scope, err);
}

int incident_blast_get(struct ask *ask, struct err *err) {
    struct incident_scope scope = {0};
    BUF_AUTO buf;
    buf_init(&buf, BLAST_BYTES_MAX);
    int r = read_where(ask, &scope, err);
    r = r < 0 ? r : blast_take(ask->service->store, &scope, &buf, err);
    return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
}

static int export(struct ask *ask, enum sheet_format format, struct err *err) {
    struct incident_scope scope = {0};
    BUF_AUTO file;
    buf_init(&file, FILE_BYTES_MAX);
    int r = read_where(ask, &scope, err);
    r = r < 0 ? r : blast_export(ask->service->store, &scope, format, &file, err);
    if (r >= 0) {
        reply_sheet(ask, format, "affected-orders", &file);
    }
    return r < 0 ? r : 0;
}

int incident_affected_csv_get(struct ask *ask, struct err *err) {
    return export(ask, SHEET_CSV, err);
}

int incident_affected_xlsx_get(struct ask *ask, struct err *err) {
    return export(ask, SHEET_XLSX, err);
}
