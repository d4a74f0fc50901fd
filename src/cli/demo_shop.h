/* SPDX-License-Identifier: Apache-2.0
 * demo_shop.h: a shop whose customers keep buying. Each customer behaves as a careful client
 * should: one Idempotency-Key a purchase, repeated until there is an answer, however often the
 * service dies. Threads: shop_look from any; the rest from the one that opened it. Owns: its tasks
 * and records. */
#ifndef HOLDFAST_CLI_DEMO_SHOP_H
#define HOLDFAST_CLI_DEMO_SHOP_H

#include "cli/demo_stage.h"

struct shop;

struct shop_view {
    int64_t asked, answered, succeeded, declined, processing, other, retried, refunds;
    int64_t waiting;         /* customers without an answer now */
    int64_t longest_wait_us; /* of any customer so far */
    int64_t recent_wait_us;  /* longest in the last second */
};

MUST_USE int shop_open(struct stage *stage, int rate_per_s, uint64_t seed, struct shop **ret_shop,
                       struct err *err);
void shop_look(struct shop *shop, struct shop_view *ret_view);
/* No new customers; waits until everybody has an answer. */
void shop_close_doors(struct shop *shop);
/* What the customer of this order was told: a payment's state, or "" (never answered). */
const char *shop_told(struct shop *shop, int64_t order, char ret_order_id[48]);
void shop_free(struct shop *shop);

#endif
