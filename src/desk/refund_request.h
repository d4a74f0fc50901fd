/* SPDX-License-Identifier: Apache-2.0
 * refund_request.h: refunds above what one person refunds alone (COMM-4): one asks, another one
 * agrees, and then a job makes it.
 *
 * 1. Who agrees is another person than who asked (desk.h), and may himself refund so much.
 * 2. A payment has one request that waits.
 * 3. What was agreed to is made once: the job's refund has the request as its key, so that a run
 *    that comes twice, or after a crash, finds the first one's. It is refunded in the name of who
 *    asked; who agreed is on the approval, and both are on the audit log.
 * 4. Nothing is reserved while it waits: what the payment does not allow any more is refused when
 *    it is made, and the request says why.
 *
 * Threads: any. Owns: answers belong to the caller. Errors: what errors.def says; nothing has been
 * changed when one is returned. */
#ifndef HOLDFAST_DESK_REFUND_REQUEST_H
#define HOLDFAST_DESK_REFUND_REQUEST_H

#include "desk/desk.h"

enum refund_request_state {
    REFUND_REQUEST_NONE = 0,
#define X(NAME, number, name, meaning) REFUND_REQUEST_##NAME = (number),
#include "desk/refund_request_states.def"
#undef X
    REFUND_REQUEST_STATES
};

/* Between payments_open() and payments_start(): its job is run by the payments' runner. */
void refund_requests_open(struct desk *desk);

struct refund_wish { /* borrowed */
    const char *payment_id;
    int64_t amount_minor; /* 0: all that is left */
    bool to_original;
    const char *reason;
};
/* 201. ERR_STATE: one waits already, or the payment was not paid. ERR_AMOUNT: it is more than is
 * left. */
MUST_USE int refund_request_ask(struct desk *desk, const struct caller *caller,
                                const struct refund_wish *wish, struct answer *ret_answer,
                                struct err *err);
/* 202 agreed, 200 rejected. ERR_FORBIDDEN: the same person, or it is above his own limit. */
MUST_USE int refund_request_decide(struct desk *desk, const struct caller *caller, const char *id,
                                   bool approve, const char *reason, struct answer *ret_answer,
                                   struct err *err);
MUST_USE int refund_request_get(struct desk *desk, const char *id, struct answer *ret_answer,
                                struct err *err);
/* Newest first. `state` and `payment_id` may be "". */
MUST_USE int refund_request_list(struct desk *desk, const char *state, const char *payment_id,
                                 int limit, struct answer *ret_answer, struct err *err);

#endif
