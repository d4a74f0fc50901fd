/* SPDX-License-Identifier: Apache-2.0
 * handlers_manual.c: /v1/manual-payments: payments by hand, with evidence and a second person's
 * word. */
#include <string.h>

#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"

static int read_paid_by(const json_t *body, enum paid_by *ret_paid_by, struct err *err) {
    const char *name = NULL;
    int r = json_need_text(body, "", "paid_by", 1, 20, &name, err);
    if (r < 0 || paid_by_parse(name, ret_paid_by)) {
        return r;
    }
    err_set(err, ERR_VALIDATION, "there is no way to pay by hand \"%.20s\"", name);
    err_place(err, "/paid_by");
    return err_hint(err, "One of: bank, cash, other.");
}

static int read_times(const json_t *body, struct manual_order *order, struct err *err) {
    const char *received = NULL;
    int r = json_may_text(body, "", "received_at", 1, 40, &received, err);
    order->received_us = clock_wall_us();
    if (r >= 0 && received != NULL && !clock_parse(received, &order->received_us)) {
        err_set(err, ERR_VALIDATION, "it must be a time like 2026-11-20T08:00:00Z");
        r = err_place(err, "/received_at");
    }
    return r;
}

static int read_manual(const json_t *body, struct manual_order *order, struct err *err) {
    static const char *const keys[] = {"order_id",    "amount",  "currency",  "customer",
                                       "description", "paid_by", "reference", "received_at",
                                       "reason",      NULL};
    int r = json_only(body, "", keys, err);
    r = r < 0 ? r
              : json_need_text(body, "", "order_id", 1, ORDER_ID_CHARS_MAX, &order->order.order_id,
                               err);
    r = r < 0 ? r : read_money(body, &order->order, err);
    r = r < 0 ? r : read_paid_by(body, &order->paid_by, err);
    r = r < 0 ? r
              : json_need_text(body, "", "reference", 1, MANUAL_REFERENCE_CHARS_MAX,
                               &order->reference, err);
    r = r < 0 ? r : read_times(body, order, err);
    r = r < 0 ? r : read_customer(body, &order->order, err);
    r = r < 0 ? r
              : json_may_lines(body, "", "description", 1, DESCRIPTION_CHARS_MAX,
                               &order->order.description, err);
    return r < 0 ? r : json_may_lines(body, "", "reason", 1, REASON_CHARS_MAX, &order->reason, err);
}

int manual_payments_post(struct ask *ask, struct err *err) {
    struct manual_order order = {.reason = ""};
    int r = read_manual(ask->body, &order, err);
    return r < 0 ? r
                 : manual_payment_ask(ask->service->desk, &ask->caller, &order, &ask->answer, err);
}

int manual_payments_list(struct ask *ask, struct err *err) {
    char state[QUERY_CHARS_MAX] = "";
    int64_t limit = 0;
    int r = read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    return r < 0 ? r
                 : manual_payment_list(ask->service->desk, state, (int)limit, &ask->answer, err);
}

int manual_payment_get_one(struct ask *ask, struct err *err) {
    struct payment_id id;
    int r = read_payment_id(ask, &id, err);
    return r < 0 ? r : manual_payment_get(ask->service->desk, id.text, &ask->answer, err);
}

int manual_evidence_post(struct ask *ask, struct err *err) {
    struct payment_id id;
    struct evidence evidence;
    int r = read_payment_id(ask, &id, err);
    r = r < 0 ? r : read_evidence(ask->body, &evidence, err);
    return r < 0 ? r
                 : manual_payment_attach(ask->service->desk, &ask->caller, id.text, &evidence,
                                         &ask->answer, err);
}

static int decide(struct ask *ask, bool approve, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    struct payment_id id;
    const char *reason = NULL;
    int r = read_payment_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : manual_payment_decide(ask->service->desk, &ask->caller, id.text, approve, reason,
                                         &ask->answer, err);
}

int manual_approve_post(struct ask *ask, struct err *err) {
    return decide(ask, true, err);
}

int manual_reject_post(struct ask *ask, struct err *err) {
    return decide(ask, false, err);
}
