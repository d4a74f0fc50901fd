/* SPDX-License-Identifier: Apache-2.0
 * resend.c: the shop is told of a payment once more. What it is told is the newest event that its
 * endpoint was told of before, word for word and under the same name, so that a shop which has it
 * notices (Standard Webhooks: the id of a message is its own for ever). A held order's event has
 * its link put in when it is sent, as the first time. */
#include <string.h>

#include "base/clock.h"
#include "payment/internal.h"
#include "store/audit.h"

enum { ENDPOINTS_MAX = 32, WAITING = 1 };

struct resend {
    const struct caller *caller;
    const char *payment_id, *reason;
    const char *deliveries[ENDPOINTS_MAX];
    int count;
    bool waits; /* one of them is on its way already */
};

/* The newest delivery of each endpoint that is still listened at. */
static int newest(struct resend *resend, struct store_tx *tx, struct arena *arena,
                  struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    const char *endpoint = "";
    int r = sql_query(tx, err, &rows,
                      "SELECT d.id, d.endpoint_id, d.state FROM webhook_endpoint w JOIN event e ON "
                      "e.payment_id = $1 JOIN webhook_delivery d ON d.endpoint_id = w.id AND "
                      "d.event_id = e.id WHERE w.enabled = 1 ORDER BY d.endpoint_id, e.sequence "
                      "DESC",
                      S_TEXT(resend->payment_id));
    resend->count = 0;
    resend->waits = false;
    while (r >= 0 && resend->count < ENDPOINTS_MAX && (r = sql_next(rows, err)) > 0) {
        if (strcmp(endpoint, sql_text(rows, 1)) != 0) {
            endpoint = arena_copy(arena, sql_text(rows, 1));
            resend->deliveries[resend->count++] = arena_copy(arena, sql_text(rows, 0));
            resend->waits = resend->waits || sql_int(rows, 2) == WAITING;
        }
    }
    return r < 0 ? r : 0;
}

static int check(const struct resend *resend, struct err *err) {
    if (resend->count == 0) {
        err_set(err, ERR_STATE, "no endpoint was told of payment %s, or it is too long ago",
                resend->payment_id);
        return err_hint(err, "`holdfast webhook list` has the endpoints and what they listen for.");
    }
    if (resend->waits) {
        err_set(err, ERR_STATE, "the shop is being told of payment %s: a delivery is on its way",
                resend->payment_id);
        return err_hint(err, "`holdfast webhook deliveries` says what its server answers.");
    }
    return 0;
}

static int send_one(const struct resend *resend, struct store_tx *tx, const char *id,
                    struct err *err) {
    int64_t now = clock_wall_us();
    int64_t found = delivery_wait_again(tx, id, now, err);
    int r = found < 0 ? (int)found : job_add(tx, JOB_WEBHOOK, id, now, "", err);
    r = r != 0 ? r : job_hasten(tx, JOB_WEBHOOK, id, now, err);
    return r < 0 ? r : 0;
}

static int resend_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct resend *resend = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payment_row payment;
    int r = payment_row_load(tx, arena, resend->payment_id, true, &payment, err);
    r = r < 0 ? r : newest(resend, tx, arena, err);
    r = r < 0 ? r : check(resend, err);
    BUF_AUTO buf;
    buf_init(&buf, 64 * 1024);
    buf_addf(&buf, "{\"payment_id\":\"%s\",\"resent\":[", resend->payment_id);
    for (int i = 0; r >= 0 && i < resend->count; i++) {
        r = send_one(resend, tx, resend->deliveries[i], err);
        buf_add_text(&buf, i > 0 ? "," : "");
        buf_add_json(&buf, resend->deliveries[i]);
    }
    buf_add_text(&buf, "]}");
    r = r < 0 ? r : answer_take(ret_answer, 202, &buf, err);
    return r < 0 ? r
                 : audit_append(tx, resend->caller->actor, "payment.resend", resend->payment_id,
                                resend->reason, "{}", err);
}

int payment_resend(struct payments *payments, const struct caller *caller, const char *payment_id,
                   const char *reason, struct answer *ret_answer, struct err *err) {
    struct resend resend = {.caller = caller, .payment_id = payment_id, .reason = reason};
    int r = idempotent_run(payments, caller, "payment.resend", resend_fn, &resend, ret_answer, err);
    if (r >= 0) {
        jobs_wake(payments);
    }
    return r;
}
