/* SPDX-License-Identifier: Apache-2.0
 * instances.c: who is alive. Several instances share a database; each writes every second that it
 * lives. A lease holds as long as it has not ended *and* its owner was seen INSTANCE_DEAD_US ago at
 * the most. Taking over from an owner that is only slow is safe: whatever two callers do for one
 * attempt bears the same key at the same gateway, and settling is by tables. */
#include <string.h>

#include "base/clock.h"
#include "payment/internal.h"

#define FORGOTTEN_US (24 * 3600 * US_PER_SECOND)

static int beat_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct payments *payments = ctx;
    int64_t now = clock_wall_us();
    int r = sql_put(
        tx, err,
        "INSERT INTO instance (id, started_us, seen_us) VALUES ($1, $2, $2) ON CONFLICT "
        "(id) DO UPDATE SET seen_us = excluded.seen_us",
        S_TEXT(payments->instance), S_INT(now));
    return r < 0 ? r
                 : sql_put(tx, err, "DELETE FROM instance WHERE seen_us < $1",
                           S_INT(now - FORGOTTEN_US));
}

const char *payments_instance(const struct payments *payments) {
    return payments->instance;
}

int instance_beat(struct payments *payments, int64_t now_us, struct err *err) {
    (void)now_us;
    return payments->options.alone ? 0
                                   : store_write(payments->options.store, beat_tx, payments, err);
}

static int gone_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct payments *payments = ctx;
    return sql_put(tx, err, "DELETE FROM instance WHERE id = $1", S_TEXT(payments->instance));
}

int instance_gone(struct payments *payments, struct err *err) {
    return payments->options.alone ? 0
                                   : store_write(payments->options.store, gone_tx, payments, err);
}

int lease_holds(struct payments *payments, struct store_tx *tx, const char *owner, int64_t lease_us,
                bool *ret_holds, struct err *err) {
    int64_t now = clock_wall_us();
    bool mine = strcmp(owner, payments->instance) == 0;
    *ret_holds = lease_us > now && mine;
    if (lease_us <= now || mine || payments->options.alone) {
        return 0;
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT seen_us FROM instance WHERE id = $1", S_TEXT(owner));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    *ret_holds = r > 0 && sql_int(rows, 0) > now - INSTANCE_DEAD_US;
    return r < 0 ? r : 0;
}
