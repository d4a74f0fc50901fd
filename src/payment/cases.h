/* SPDX-License-Identifier: Apache-2.0
 * cases.h: one case as a row, and what may be done about the money that it put in suspense.
 *
 * A case is opened once per kind and subject, in the transaction that noticed it. Where money moved
 * at the gateway that nothing of ours explains, the same transaction posts it to the gateway's
 * suspense account: POST_SUSPENSE when the gateway took it, POST_SUSPENSE_RETURNED when the gateway
 * gave it back. From there only a named person takes it: accepts it, or sends it back.
 * Threads: inside the caller's transaction. Where a case has a payment, the payment's row is locked
 * first. Errors: ERR_NOT_FOUND, those of store.h. */
#ifndef HOLDFAST_PAYMENT_CASES_H
#define HOLDFAST_PAYMENT_CASES_H

#include "payment/internal.h"

enum case_state { CASE_OPEN = 1, CASE_CLOSED = 2 };

struct case_row { /* texts live in the arena */
    const char *id, *kind;
    enum case_state state;
    const char *payment_id, *attempt_id, *gateway, *subject, *detail;
    int64_t amount_minor;
    struct currency currency;
    const char *resolution;
    int64_t opened_us, closed_us;
    const char *gateway_id, *charge_id, *refund_id; /* the gateway's names for what it is about */
    int64_t posted;                                 /* POST_SUSPENSE, POST_SUSPENSE_RETURNED or 0 */
    const char *operation_id;                       /* the latest return, "" */
    const char *decided_by;
};

MUST_USE int case_row_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                           struct case_row *ret_row, struct err *err);
/* Loads a case and, before it, its payment, both locked. `*ret_payment` is filled only when the
 * case has one. */
MUST_USE int case_row_take(struct store_tx *tx, struct arena *arena, const char *id,
                           struct case_row *ret_row, struct payment_row *ret_payment,
                           struct err *err);
/* With its latest return, when there is one. */
MUST_USE int render_case(struct store_tx *tx, struct arena *arena, struct buf *buf,
                         const struct case_row *row, struct err *err);
/* Closes it, in the row and in the struct. */
MUST_USE int case_end(struct store_tx *tx, struct case_row *row, const char *actor,
                      const char *resolution, struct err *err);
/* Open, with money in suspense, and no return of it under way. */
MUST_USE int case_check_suspense(struct store_tx *tx, struct arena *arena,
                                 const struct case_row *row, struct err *err);
/* Open again: what was done about it did not last. Its payment, if it has one, is locked. */
MUST_USE int case_reopen(struct payments *payments, struct store_tx *tx, struct case_row *row,
                         struct payment_row *payment, struct err *err);
/* The money of this case has left: if nothing else came late for its payment, there is nothing to
 * look at in it, and the order is paid no more. */
MUST_USE int case_let_go(struct store_tx *tx, const struct case_row *row,
                         struct payment_row *payment, struct err *err);
/* The payment took no money and waits for none: its order may be let go. */
bool case_payment_is_over(const struct payment_row *payment);

/* ---- returns.c ---- */

/* Loads a return with its case, both locked (and the case's payment before them). */
MUST_USE int return_load(struct store_tx *tx, struct arena *arena, const char *operation_id,
                         struct case_row *ret_case, struct payment_row *ret_payment,
                         struct operation_row *ret_operation, struct err *err);
/* What the gateway's answer does to a return, its case and the ledger. */
MUST_USE int return_settle(struct payments *payments, struct store_tx *tx, struct case_row *row,
                           struct payment_row *payment, struct operation_row *operation,
                           const struct gateway_result *result, const char *source,
                           bool *ret_changed, struct err *err);
void return_change(const struct case_row *row, const struct operation_row *operation,
                   struct gateway_change *ret_change);

#endif
