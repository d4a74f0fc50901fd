/* SPDX-License-Identifier: Apache-2.0
 * retention.c: what is thrown away when its time has come, see retention.h. */
#include "payment/retention.h"

#include <stdio.h>

#include "base/clock.h"
#include "payment/card_limits.h"
#include "payment/internal.h"

#define DAY_US (24 * 3600 * US_PER_SECOND)
/* The states below are the stored numbers of idempotency.c (2: done), webhooks.c (2: delivered, 3:
 * parked) and callbacks.c (2: applied, 3: ignored). */
enum { DELIVERY_PARKED = 3 };

typedef int prune_fn(struct store_tx *tx, int64_t before_us, int limit, struct err *err);

/* A key that is still running stands for its first request at any age: whoever repeats it goes on
 * with that one instead of making a second payment. */
static int prune_keys(struct store_tx *tx, int64_t before_us, int limit, struct err *err) {
    return (int)sql_exec(tx, err,
                         "DELETE FROM idempotency WHERE (scope, key) IN (SELECT scope, key FROM "
                         "idempotency WHERE created_us < $1 AND state = 2 ORDER BY created_us "
                         "LIMIT $2)",
                         S_INT(before_us), S_INT(limit));
}

static int prune_delivered(struct store_tx *tx, int64_t before_us, int limit, struct err *err) {
    return (int)sql_exec(tx, err,
                         "DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM "
                         "webhook_delivery WHERE state = 2 AND updated_us < $1 ORDER BY updated_us "
                         "LIMIT $2)",
                         S_INT(before_us), S_INT(limit));
}

/* The job of a parked delivery waits for a replay: it goes with it. A replay that comes at the same
 * moment wins or finds nothing: both take the row first. */
static int prune_parked_one(struct store_tx *tx, const char *id, int64_t before_us,
                            struct err *err) {
    int64_t gone = sql_exec(tx, err,
                            "DELETE FROM webhook_delivery WHERE id = $1 AND state = $2 AND "
                            "updated_us < $3",
                            S_TEXT(id), S_INT(DELIVERY_PARKED), S_INT(before_us));
    int r = gone > 0 ? job_cancel(tx, JOB_WEBHOOK, id, err) : (int)gone;
    return r < 0 ? r : (int)gone;
}

static int prune_parked(struct store_tx *tx, int64_t before_us, int limit, struct err *err) {
    char ids[RETENTION_BATCH][JOB_KEY_CHARS_MAX + 1]; /* a delivery's id is its job's key */
    int count = 0, pruned = 0, r;
    {
        SQL_ROWS_AUTO rows = NULL;
        r = sql_query(tx, err, &rows,
                      "SELECT id FROM webhook_delivery WHERE state = $1 AND updated_us < $2 "
                      "ORDER BY updated_us LIMIT $3",
                      S_INT(DELIVERY_PARKED), S_INT(before_us), S_INT(limit));
        while (r >= 0 && count < limit && (r = sql_next(rows, err)) > 0) {
            snprintf(ids[count++], sizeof ids[0], "%s", sql_text(rows, 0));
        }
    }
    for (int i = 0; r >= 0 && i < count; i++) {
        r = prune_parked_one(tx, ids[i], before_us, err);
        pruned += r > 0;
    }
    return r < 0 ? r : pruned;
}

/* The row stays, with the gateway's id of the event: that is how a duplicate is recognised. What
 * was understood of it stays too, so that it can still be replayed. */
static int prune_bodies(struct store_tx *tx, int64_t before_us, int limit, struct err *err) {
    return (int)sql_exec(tx, err,
                         "UPDATE callback SET headers = '{}', body = '' WHERE id IN (SELECT id "
                         "FROM callback WHERE processed_us > 0 AND body <> '' AND "
                         "processed_us < $1 AND state IN (2, 3) ORDER BY processed_us LIMIT $2)",
                         S_INT(before_us), S_INT(limit));
}

/* The networks' windows decide, not a setting. */
static int prune_cards(struct store_tx *tx, int64_t now_us, int limit, struct err *err) {
    return card_prune(tx, now_us, limit, err);
}

static int prune_counters(struct store_tx *tx, int64_t before_us, int limit, struct err *err) {
    return risk_prune(tx, before_us, limit, err);
}

/* ---- the round ---- */

/* When what is pruned now was last of use. */
static int64_t before(int64_t now_us, unsigned days, unsigned days_default) {
    unsigned wanted = days > 0 ? days : days_default;
    return now_us - (wanted < RETENTION_DAYS_MAX ? wanted : RETENTION_DAYS_MAX) * DAY_US;
}

struct batch {
    prune_fn *fn;
    int64_t before_us;
    int pruned; /* by its last run */
};

static int batch_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct batch *batch = ctx;
    int r = batch->fn(tx, batch->before_us, RETENTION_BATCH, err);
    batch->pruned = r;
    return r < 0 ? r : 0;
}

int retention_round(struct payments *payments, int64_t now_us, struct err *err) {
    const struct retention *days = &payments->options.retention;
    int64_t webhooks_us = before(now_us, days->webhook_days, RETENTION_WEBHOOK_DAYS);
    struct batch batches[] = {
        {prune_keys, before(now_us, days->idempotency_days, RETENTION_IDEMPOTENCY_DAYS), 0},
        {prune_delivered, webhooks_us, 0},
        {prune_parked, webhooks_us, 0},
        {prune_bodies, before(now_us, days->callback_body_days, RETENTION_CALLBACK_BODY_DAYS), 0},
        {prune_cards, now_us, 0},
        {prune_counters, now_us, 0},
    };
    int pruned = 0;
    for (size_t i = 0; i < COUNT_OF(batches); i++) {
        bool full = true;
        for (int n = 0; n < RETENTION_BATCHES_MAX && full; n++) {
            int r = store_write(payments->options.store, batch_tx, &batches[i], err);
            if (r < 0) {
                return r;
            }
            pruned += batches[i].pruned;
            full = batches[i].pruned == RETENTION_BATCH;
        }
    }
    return pruned;
}
