/* SPDX-License-Identifier: Apache-2.0
 * disagree.h: a statement says otherwise than what was decided about a payment (REC-4): a case is
 * opened, and the payment marked for review and told of, in one transaction.
 * Threads: inside the caller's transaction; the payment is locked. Errors: ERR_NOT_FOUND, those of
 * the store. */
#ifndef HOLDFAST_PAYMENT_DISAGREE_H
#define HOLDFAST_PAYMENT_DISAGREE_H

#include "payment/payments.h"

struct disagreement { /* borrowed */
    const char
        *subject; /* the break that tells of it: one case each; opened again if it was closed */
    const char *payment_id, *attempt_id;
    const char *gateway, *detail;
    int64_t amount_minor;
    struct currency currency;
};
MUST_USE int disagreement_open(struct payments *payments, struct store_tx *tx,
                               const struct disagreement *what, struct err *err);
/* Closes the case, if it is open, and takes the mark away when it was the last of its payment. */
MUST_USE int disagreement_end(struct store_tx *tx, const char *case_id, const char *actor,
                              const char *why, struct err *err);

#endif
