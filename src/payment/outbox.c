/* SPDX-License-Identifier: Apache-2.0
 * outbox.c: writes what happened, in the transaction in which it happened (I3, PAY-12).
 *
 * An event is one row of a payment's story, numbered by the payment's version. For each endpoint
 * that listens to its type one delivery and one job are written with it; webhooks.c sends them.
 * Who listens is read from the table each time, so that an endpoint made a moment ago by another
 * instance is not missed; a service without endpoints pays a look at an empty table. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/plant.h"
#include "payment/internal.h"

enum { DELIVERY_ID_CHARS_MAX = 2 * ID_TEXT_MAX + 8 };

/* `dlv_` and the two ids: unique. */
static int deliver(struct payments *payments, struct store_tx *tx, const char *endpoint_id,
                   const struct event_id *event, const char *type, int64_t now_us,
                   struct err *err) {
    if (PLANTED(EVENT_LOST)) {
        return 0;
    }
    atomic_fetch_add(&payments->deliveries, 1);
    char id[DELIVERY_ID_CHARS_MAX];
    snprintf(id, sizeof id, "dlv%s_%s", endpoint_id + strcspn(endpoint_id, "_"), event->text + 4);
    int r = sql_put(tx, err,
                    "INSERT INTO webhook_delivery (id, endpoint_id, event_id, type, state, tries, "
                    "last_status, last_error, created_us, updated_us) VALUES ($1, $2, $3, $4, 1, "
                    "0, 0, '', $5, $5)",
                    S_TEXT(id), S_TEXT(endpoint_id), S_TEXT(event->text), S_TEXT(type),
                    S_INT(now_us));
    return r < 0 ? r : job_put(tx, JOB_WEBHOOK, id, now_us, "", err);
}

static int event_write(struct store_tx *tx, const struct event_id *id, const char *subject,
                       int64_t number, const char *type, const char *data_json, int64_t now_us,
                       struct err *err) {
    return sql_put(
        tx, err,
        "INSERT INTO event (id, payment_id, sequence, type, data, at_us) VALUES ($1, $2, $3, "
        "$4, $5, $6)",
        S_TEXT(id->text), S_TEXT(subject), S_INT(number), S_TEXT(type), S_TEXT(data_json),
        S_INT(now_us));
}

int event_tell(struct payments *payments, struct store_tx *tx, const char *subject, int64_t number,
               const char *type, const char *data_json, struct err *err) {
    struct event_id id = event_id_new();
    int64_t now = clock_wall_us();
    int r = event_write(tx, &id, subject, number, type, data_json, now, err);
    if (r < 0) {
        return r;
    }
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows,
                  "SELECT id FROM webhook_endpoint WHERE enabled = 1 AND (types = '*' OR "
                  "',' || types || ',' LIKE '%,' || $1 || ',%')",
                  S_TEXT(type));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        r = deliver(payments, tx, sql_text(rows, 0), &id, type, now, err);
    }
    return r < 0 ? r : 0;
}

int outbox_event(struct payments *payments, struct store_tx *tx, const struct payment_row *payment,
                 const char *type, const char *data_json, struct err *err) {
    if (payment->purpose == PURPOSE_PROBE) { /* its story is told to who asks, and to nobody else */
        struct event_id id = event_id_new();
        return event_write(tx, &id, payment->id.text, payment->version, type, data_json,
                           clock_wall_us(), err);
    }
    return event_tell(payments, tx, payment->id.text, payment->version, type, data_json, err);
}
