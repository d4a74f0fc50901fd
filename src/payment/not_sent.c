/* SPDX-License-Identifier: Apache-2.0
 * not_sent.c: payments for which no gateway was asked: why none took them. They have no attempt
 * that would tell, and in an outage they are most of those who cannot pay. */
#include <stdlib.h>

#include "base/clock.h"
#include "payment/internal.h"

int not_sent_write(struct store_tx *tx, const struct payment_row *payment,
                   const struct route_plan *plan, struct err *err) {
    const struct route_candidate *nearest = router_nearest(plan);
    if (nearest == NULL) {
        return 0;
    }
    char *decision = router_plan_json(plan, 0);
    int r = sql_put(tx, err,
                    "INSERT INTO not_sent (payment_id, number, at_us, method, gateway, "
                    "common_code, code, message, decision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
                    "$9)",
                    S_TEXT(payment->id.text), S_INT(payment->version), S_INT(clock_wall_us()),
                    S_INT(payment->method), S_TEXT(nearest->gateway->name),
                    S_TEXT(route_stop_common(nearest->stop)),
                    S_TEXT(route_stop_code(nearest->stop)), S_TEXT(nearest->reason),
                    S_TEXT(decision));
    free(decision);
    return r;
}

void not_sent_render(struct buf *buf, const struct sql_rows *rows, bool whole) {
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, "{\"payment_id\":\"%s\",\"at\":\"%s\",\"method\":\"%s\",\"gateway\":",
             sql_text(rows, 0), clock_format(sql_int(rows, 1), time),
             method_name((enum payment_method)sql_int(rows, 2)));
    buf_add_json(buf, sql_text(rows, 3));
    buf_addf(buf, ",\"common_code\":\"%s\",\"code\":\"%s\",\"message\":", sql_text(rows, 4),
             sql_text(rows, 5));
    buf_add_json(buf, sql_text(rows, 6));
    if (whole) {
        buf_add_text(buf, ",\"decision\":");
        buf_add_text(buf, sql_text(rows, 7)); /* JSON of our own */
    }
    buf_add_char(buf, '}');
}
