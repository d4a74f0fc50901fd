/* SPDX-License-Identifier: Apache-2.0
 * handlers_support.c: what the support desk looks up and does: /v1/desk/lookup, refunds that take
 * a second person, the shop told once more. */
#include "api/read.h"
#include "base/json.h"
#include "desk/refund_request.h"
#include "incident/explain.h"

int desk_lookup_get(struct ask *ask, struct err *err) {
    char query[QUERY_CHARS_MAX] = "";
    int64_t limit = 0;
    int r = read_query_text(ask, "q", query, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, EXPLAIN_PAYMENTS_MAX, &limit, err);
    const struct explain_options options = {
        .store = ask->service->store,
        .payments = ask->service->payments,
        .registry = ask->service->registry,
        .kb = ask->service->kb,
        .refunds = ask->caller.refunds,
        .actor = ask->caller.actor,
        .role = (int)ask->identity.role,
    };
    return r < 0 ? r : desk_explain(&options, query, (int)limit, &ask->answer, err);
}

int payment_resends_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    struct payment_id id;
    const char *reason = NULL;
    int r = read_payment_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : payment_resend(ask->service->payments, &ask->caller, id.text, reason,
                                  &ask->answer, err);
}

/* ---- refunds that take a second person ---- */

int refund_requests_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"payment_id", "amount", "reason", "to_original_method",
                                       NULL};
    struct refund_wish wish = {.to_original = true};
    struct payment_id id;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "payment_id", 1, 40, &wish.payment_id, err);
    if (r >= 0 && payment_id_parse(wish.payment_id, &id, err) < 0) {
        r = err_place(err, "/payment_id");
    }
    r = r < 0 ? r : read_amount(ask->body, true, &wish.amount_minor, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "to_original_method", &wish.to_original, err);
    r = r < 0 ? r : read_reason(ask->body, &wish.reason, err);
    return r < 0 ? r
                 : refund_request_ask(ask->service->desk, &ask->caller, &wish, &ask->answer, err);
}

int refund_requests_list(struct ask *ask, struct err *err) {
    char state[QUERY_CHARS_MAX] = "", payment[QUERY_CHARS_MAX] = "";
    int64_t limit = 0;
    int r = read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_text(ask, "payment_id", payment, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    return r < 0 ? r
                 : refund_request_list(ask->service->desk, state, payment, (int)limit,
                                       &ask->answer, err);
}

static int read_request_id(const struct ask *ask, struct approval_id *ret_id, struct err *err) {
    return READ_LISTED_ID(ask, "a refund request", approval_id, "refund requests", ret_id, err);
}

int refund_request_get_one(struct ask *ask, struct err *err) {
    struct approval_id id;
    int r = read_request_id(ask, &id, err);
    return r < 0 ? r : refund_request_get(ask->service->desk, id.text, &ask->answer, err);
}

static int decide(struct ask *ask, bool approve, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    struct approval_id id;
    const char *reason = NULL;
    int r = read_request_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : refund_request_decide(ask->service->desk, &ask->caller, id.text, approve, reason,
                                         &ask->answer, err);
}

int refund_request_approve_post(struct ask *ask, struct err *err) {
    return decide(ask, true, err);
}

int refund_request_reject_post(struct ask *ask, struct err *err) {
    return decide(ask, false, err);
}
