/* SPDX-License-Identifier: Apache-2.0
 * flow.h: one payment on its way through gateways, for whoever starts it (create.c, choose.c) or
 * takes it up again (forward.c). What is in it is taken back when a transaction runs again.
 * Threads: one at a time. Owns: its arena and tokens, until flow_release(). */
#ifndef HOLDFAST_PAYMENT_FLOW_H
#define HOLDFAST_PAYMENT_FLOW_H

#include "payment/card_limits.h"
#include "payment/internal.h"
#include "payment/screen.h"

struct flow {
    struct payments *payments;
    const struct caller *caller;
    const char *operation; /* of the idempotency row */
    struct arena *arena;
    struct payment_row payment;
    struct attempt_row attempt;
    json_t *tokens;              /* owned: {"": portable, gateway: token} */
    struct card card;            /* that they are of */
    struct card_verdict verdict; /* about it, in the transaction at hand */
    const char *tried[GATEWAYS_MAX];
    int tried_count;
    struct route_plan plan;
    bool sending; /* `attempt` is written and waits to be called */
    /* Payment and attempt 1 are as begin_tx() wrote them, and not looked at since. */
    bool as_written;
    bool guarded;     /* the transaction at hand fails if they are not */
    bool was_unknown; /* at some time in this request */
    struct screen screen;
    const char *only; /* the one gateway that may take it (a probe's); NULL: any */
    bool held_plan; /* `plan` is one of gateways that can hold money, by a rule's wish */
    struct gateway_result result;
    const char *source;
    struct inquiries asked;        /* about the attempt that is being settled */
    int64_t began_us, deadline_us; /* monotonic */
    enum idempotency_found found;
    char resource_id[ID_TEXT_MAX];
    struct answer *answer;
};
#define FLOW_AUTO struct flow CLEANUP(flow_release)

/* The modes know no probes: what an order may, they may. */
static inline enum payment_purpose payment_taken_as(enum payment_purpose purpose) {
    return purpose == PURPOSE_PROBE ? PURPOSE_ORDER : purpose;
}
void flow_init(struct flow *flow, struct payments *payments, const struct caller *caller,
               const char *operation, struct answer *answer);
void flow_release(struct flow *flow);
/* ERR_VALIDATION: without a token the customer would have to be asked, and no gateway that is
 * configured for this method ever asks in this way. */
MUST_USE int flow_check(const struct flow *flow, enum payment_method method, enum gateway_flow asks,
                        struct err *err);
/* Which gateways can take the payment as it is now. */
void flow_plan(struct flow *flow);
/* Fills the next attempt from the plan's first candidate. False: there is none. */
bool flow_next_attempt(struct flow *flow);
/* Writes the attempt that flow_next_attempt() has filled, and that its card is asked. */
MUST_USE int flow_write_attempt(struct flow *flow, struct store_tx *tx, struct err *err);
/* Its card may not be asked now, by no route: nothing is sent, and the payment says why. */
MUST_USE int flow_fail_for_card(struct flow *flow, struct store_tx *tx, struct err *err);
/* Asks the fraud scorer, where there is one; before the transaction that decides. */
void flow_screen(struct flow *flow, int64_t at_us);
/* What the fraud rules say, and the route that follows from it. */
MUST_USE int flow_decide(struct flow *flow, struct store_tx *tx, int64_t at_us, struct err *err);
/* Calls the gateway with the attempt that is written. */
void flow_call(struct flow *flow);
/* The answer as the payment stands, kept under the key. */
MUST_USE int flow_finish(struct flow *flow, struct store_tx *tx, struct err *err);
/* From a written attempt to an answer. */
MUST_USE int flow_drive(struct flow *flow, struct err *err);
/* The same after the first transaction, which came to `r`; also for a key that is taken up again.
 */
MUST_USE int flow_run(struct flow *flow, int r, struct err *err);
/* {"": portable, gateway: token}. The caller owns it. */
json_t *flow_tokens(const json_t *tokens, const char *portable);
const char *flow_json(struct arena *arena, const json_t *json);

#endif
