/* SPDX-License-Identifier: Apache-2.0
 * repair_impl.h: what the two files of repairs share. */
#ifndef HOLDFAST_PAYMENT_REPAIR_IMPL_H
#define HOLDFAST_PAYMENT_REPAIR_IMPL_H

#include "payment/internal.h"
#include "payment/repair.h"

/* Fills word and text; 0. */
int repair_says(struct repair_answer *answer, enum repair_word word, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Neither a fault nor "not known". */
bool repair_was_answered(const struct gateway_result *result);

struct repair_about {
    struct arena *arena;
    const char *attempt_id;
    struct attempt_row attempt;
};
MUST_USE int repair_about_tx(struct store_tx *tx, void *ctx, struct err *err);

#endif
