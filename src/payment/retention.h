/* SPDX-License-Identifier: Apache-2.0
 * retention.h: how long is kept what nobody needs for ever.
 *
 *   answers to Idempotency-Keys    deleted; a key whose request is still running is kept
 *   webhook deliveries             deleted when delivered or parked; one that is tried on is kept
 *   callbacks' bodies and headers  emptied when processed; the row stays, so that a duplicate is
 *                                  known; a parked one, which a person must look at, is kept whole
 *   what cards were declined for   deleted when no network's rule looks at it any more
 *                                  (card_limits.h); a refusal for good is kept
 *   fraud counters                 deleted when no window of their rule reaches them any more
 *
 * Everything else is kept for ever: payments, attempts, operations, events (the story), postings,
 * cases and the audit chain. Sessions, instances and jobs go where they end.
 * A round deletes at most RETENTION_BATCHES_MAX batches of each kind, each in a transaction of its
 * own, so that no payment waits for more than one batch.
 * Threads: any; several instances may do it side by side. */
#ifndef HOLDFAST_PAYMENT_RETENTION_H
#define HOLDFAST_PAYMENT_RETENTION_H

#include "payment/payments.h"

enum {
    RETENTION_BATCH = 500,
    RETENTION_BATCHES_MAX = 8,
    RETENTION_IDEMPOTENCY_DAYS = 7,
    RETENTION_WEBHOOK_DAYS = 30,
    RETENTION_CALLBACK_BODY_DAYS = 90,
    RETENTION_DAYS_MAX = 36500,
};

/* Returns how many rows were pruned. RETENTION_BATCH and more: perhaps there are still some. */
MUST_USE int retention_round(struct payments *payments, int64_t now_us, struct err *err);

#endif
