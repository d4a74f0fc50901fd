/* SPDX-License-Identifier: Apache-2.0
 * review.h: marking a payment for a person to look at (REC-4). What callbacks, answers and time
 * tell is compared with our rows as it comes; a mark is left in the transaction that noticed.
 * Threads: inside the caller's transaction, the payment's row locked. Errors: those of store.h. */
#ifndef HOLDFAST_PAYMENT_REVIEW_H
#define HOLDFAST_PAYMENT_REVIEW_H

#include "payment/internal.h"

enum review_mark {
#define X(name, text, what) REVIEW_##name,
#include "payment/review_marks.def"
#undef X
    REVIEW_MARK_COUNT
};
const char *review_mark_name(enum review_mark mark);
bool review_is(const struct payment_row *payment, enum review_mark mark);

/* Saves the payment and tells the merchant (payment.review); for who has set the mark himself. */
MUST_USE int review_tell(struct payments *payments, struct store_tx *tx,
                         struct payment_row *payment, struct err *err);
/* Marks it and tells, unless it has a mark. */
MUST_USE int review_mark(struct payments *payments, struct store_tx *tx,
                         struct payment_row *payment, enum review_mark mark, struct err *err);

/* The gateway was asked once more, and the attempt, or the operation, is as open as it was: after
 * payments_options.waits_long_us it is marked. A refund that is under way (PENDING) has
 * REFUND_WAITS_US. */
MUST_USE int review_waiting_attempt(struct payments *payments, struct store_tx *tx,
                                    struct payment_row *payment, const struct attempt_row *attempt,
                                    struct err *err);
MUST_USE int review_waiting_operation(struct payments *payments, struct store_tx *tx,
                                      struct payment_row *payment,
                                      const struct operation_row *operation, struct err *err);
/* When to ask again about what waits since `since_us`: at `again_us`, or before that at the moment
 * when it has waited long. */
int64_t review_look_us(const struct payments *payments, int64_t since_us, int64_t again_us);
/* The waiting is over. True: the mark is gone, and the caller saves the row. */
bool review_waited(struct payment_row *payment);

/* A case of this kind about it was opened, which has posted (`posted`, a kind of posting; 0:
 * nothing): true when the payment has the case's mark now (case_kinds.def) and had another or none.
 * A mark about money stays. */
bool review_case_marks(struct payment_row *payment, const char *kind, int64_t posted);
/* A case of it is over: it has the mark of what else is open, or none. In the struct only; what no
 * case has marked stays. */
MUST_USE int review_settled(struct store_tx *tx, struct payment_row *payment, struct err *err);
/* The same, saved where it changed. */
MUST_USE int review_settled_save(struct store_tx *tx, struct payment_row *payment, struct err *err);

#endif
