/* SPDX-License-Identifier: Apache-2.0
 * outbox.c: writes what happened, in the transaction in which it happened (I3, PAY-12).
 *
 * An event is one row of a payment's story, numbered by the payment's version. For each endpoint
 * that listens to its type one delivery and one job are written with it; webhooks.c sends them.
 * The deliveries are made from webhook_endpoint, so that an endpoint made a moment ago by another
 * instance is not missed, and they name themselves (RETURNING), so that nothing is searched for in a
 * table that grows for ever. */
#include "base/clock.h"
#include "payment/internal.h"

int outbox_event(struct payments *payments, struct store_tx *tx, const struct payment_row *payment,
                 const char *type, const char *data_json, struct err *err) {
    struct event_id id = event_id_new();
    int64_t now = clock_wall_us();
    int r = sql_put(
        tx, err,
        "INSERT INTO event (id, payment_id, sequence, type, data, at_us) VALUES ($1, $2, $3, "
        "$4, $5, $6)",
        S_TEXT(id.text), S_TEXT(payment->id.text), S_INT(payment->version), S_TEXT(type),
        S_TEXT(data_json), S_INT(now));
    if (r < 0) {
        return r;
    }
    /* `dlv_` and the two ids: unique. */
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(
        tx, err, &rows,
        "INSERT INTO webhook_delivery (id, endpoint_id, event_id, type, state, tries, "
        "last_status, last_error, created_us, updated_us) SELECT 'dlv_' || substr(e.id, 4) || "
        "'_' || $4, e.id, $1, $2, 1, 0, 0, '', $3, $3 FROM webhook_endpoint e "
        "WHERE e.enabled = 1 AND (e.types = '*' OR ',' || e.types || ',' LIKE '%,' || $2 || ',%') "
        "RETURNING id",
        S_TEXT(id.text), S_TEXT(type), S_INT(now), S_TEXT(id.text + 4));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        r = job_add(tx, JOB_WEBHOOK, sql_text(rows, 0), now, "", err);
    }
    return r < 0 ? r : 0;
}
