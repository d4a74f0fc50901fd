/* SPDX-License-Identifier: Apache-2.0
 * handlers_cases.c: what a person decides about one case, and about one capture, cancellation,
 * refund or return that nobody has answered for. */
#include <string.h>

#include "api/read.h"
#include "base/json.h"

enum { EVIDENCE_CHARS_MAX = 500 };

int case_get_one(struct ask *ask, struct err *err) {
    return case_get(ask->service->payments, ask->param, &ask->answer, err);
}

static int read_only_reason(const struct ask *ask, const char **ret_reason, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    int r = json_only(ask->body, "", keys, err);
    return r < 0 ? r : read_reason(ask->body, ret_reason, err);
}

int case_accept_post(struct ask *ask, struct err *err) {
    const char *reason = NULL;
    int r = read_only_reason(ask, &reason, err);
    return r < 0 ? r
                 : case_accept(ask->service->payments, &ask->caller, ask->param, reason,
                               &ask->answer, err);
}

int case_return_post(struct ask *ask, struct err *err) {
    const char *reason = NULL;
    int r = read_only_reason(ask, &reason, err);
    return r < 0 ? r
                 : case_return(ask->service->payments, &ask->caller, ask->param, reason,
                               &ask->answer, err);
}

int case_credit_post(struct ask *ask, struct err *err) {
    const char *reason = NULL;
    int r = read_only_reason(ask, &reason, err);
    return r < 0 ? r
                 : case_credit(ask->service->payments, &ask->caller, ask->param, reason,
                               &ask->answer, err);
}

int case_release_order_post(struct ask *ask, struct err *err) {
    const char *reason = NULL;
    int r = read_only_reason(ask, &reason, err);
    return r < 0 ? r
                 : case_release_order(ask->service->payments, &ask->caller, ask->param, reason,
                                      &ask->answer, err);
}

int operation_resolve_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"status", "reason", "evidence", NULL};
    const char *status = NULL, *reason = NULL, *evidence = "";
    struct refund_id id;
    int r = READ_ID(ask, "an operation", refund_id, &id, err);
    if (r < 0) {
        return err_hint(err, "Ids of captures, cancellations, refunds and returns begin with re_.");
    }
    r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "status", 1, 20, &status, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    r = r < 0 ? r
              : json_may_lines(ask->body, "", "evidence", 1, EVIDENCE_CHARS_MAX, &evidence, err);
    if (r < 0) {
        return r;
    }
    bool completed = strcmp(status, "completed") == 0;
    if (!completed && strcmp(status, "failed") != 0) {
        err_set(err, ERR_VALIDATION, "there is no status \"%.40s\"", status);
        err_place(err, "/status");
        return err_hint(err, "One of: completed, failed.");
    }
    return operation_resolve(ask->service->payments, &ask->caller, id.text, completed, reason,
                             evidence, &ask->answer, err);
}
