/* SPDX-License-Identifier: Apache-2.0
 * machine.h: the payment's and the attempt's state tables, and the only two functions that move
 * them. From payment_moves.def and attempt_moves.def come the code, docs/states.md and the tests.
 *
 *            SEND                        CHARGE
 *  CREATED ───────► PROCESSING ─────────────────────────► SUCCEEDED ─┐ CHARGE
 *     │              │  ▲  │ AUTHORIZE          ▲            ▲  ▲     │ (more captures)
 *     │   ASK,       ▼  │  └────────► AUTHORIZED ─────────────┘  └─────┘
 *     │  NO_CAND. REQUIRES_ACTION         │ CANCEL
 *     └──────────────┬──┴─ FAIL ► FAILED  └──────► CANCELED
 *
 * Threads: any; pure functions of their arguments, but that payment_move() writes its event through
 * the caller's transaction. */
#ifndef HOLDFAST_PAYMENT_MACHINE_H
#define HOLDFAST_PAYMENT_MACHINE_H

#include "base/compiler.h"
#include "gateway/gateway.h"

enum payment_state {
    PAYMENT_NONE = 0,
#define X(name, number, text, holds_order, final, meaning) PAYMENT_##name = (number),
#include "payment/payment_states.def"
#undef X
    PAYMENT_STATE_COUNT
};
enum payment_event {
    EVENT_SEND = 1,     /* an attempt was written and is about to be sent */
    EVENT_WAIT,         /* pending or unknown */
    EVENT_ASK_CUSTOMER, /* the customer must approve at the gateway */
    EVENT_NO_CANDIDATE, /* no gateway can take it by this method now */
    EVENT_AUTHORIZE,
    EVENT_CHARGE,
    EVENT_FAIL,
    EVENT_CANCEL,
    EVENT_ACCEPT,  /* a person took money that came late for what it was asked for */
    EVENT_DEFER,   /* its order is held; the customer pays by a link, now or later */
    EVENT_EXPIRE,  /* it was held long enough */
    EVENT_QUEUE,   /* taken without a gateway, to be charged when one can be reached */
    EVENT_RECEIVE, /* its money came past every gateway, two people say */
    EVENT_TAKE_BACK, /* its gateway says that it never charged it, and a person says so */
};
enum attempt_state {
    ATTEMPT_NONE = 0,
#define X(name, number, text, live, meaning) ATTEMPT_##name = (number),
#include "payment/attempt_states.def"
#undef X
    ATTEMPT_STATE_COUNT
};
enum operation_state {
    OPERATION_NONE = 0,
#define X(name, number, text, open, meaning) OPERATION_##name = (number),
#include "payment/operation_states.def"
#undef X
    OPERATION_STATE_COUNT
};
/* A return gives back money that is in suspense: no payment reserves it (I10). */
enum operation_kind {
    OPERATION_CAPTURE = 1,
    OPERATION_CANCEL = 2,
    OPERATION_REFUND = 3,
    OPERATION_RETURN = 4
};

const char *payment_state_name(int64_t state); /* "?" for a number that no row has */
const char *attempt_state_name(int64_t state);
const char *operation_state_name(int64_t state);
const char *operation_kind_name(int64_t kind);
const char *payment_event_name(enum payment_event event);
bool payment_state_holds_order(enum payment_state state);
bool payment_state_final(enum payment_state state);
bool attempt_state_live(enum attempt_state state);
bool operation_state_open(enum operation_state state);

struct payment_move {
    enum payment_state to;
    const char *tells; /* type of the merchant's event, "" none */
};
/* The row for this state and event, or NULL: an illegal move. */
const struct payment_move *payment_move_find(enum payment_state from, enum payment_event event);
/* Where this outcome takes an attempt, or ATTEMPT_NONE: it changes nothing. */
enum attempt_state attempt_move_find(enum attempt_state from, enum gateway_outcome outcome);

#endif
