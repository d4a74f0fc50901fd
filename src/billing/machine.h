/* SPDX-License-Identifier: Apache-2.0
 * machine.h: the states of subscriptions and invoices, and what follows a decline, from the .def
 * tables of this folder.
 *
 *   TRIALING ─► STARTING ─► ACTIVE ─┐ PAID, each period      any but CANCELED ─ PAUSE ► PAUSED
 *                   │         │  ▲◄─┘                                     ▲── RESUME… ──┘
 *              DECLINED  DECLINED│ PAID                      any but CANCELED ─ CANCEL ► CANCELED
 *                   └─► PAST_DUE ┴─ GIVE_UP ─► UNPAID (REOPEN ► PAST_DUE) or CANCELED
 *
 * Threads: any; pure functions of their arguments. */
#ifndef HOLDFAST_BILLING_MACHINE_H
#define HOLDFAST_BILLING_MACHINE_H

#include "base/compiler.h"

enum subscription_state {
    SUBSCRIPTION_NONE = 0,
#define X(name, number, text, renews, final, meaning) SUBSCRIPTION_##name = (number),
#include "billing/subscription_states.def"
#undef X
    SUBSCRIPTION_STATE_COUNT
};
enum subscription_event {
    SUB_TRIAL_OVER = 1,
    SUB_PAID,
    SUB_DECLINED,
    SUB_GIVE_UP,
    SUB_REOPEN, /* what was given up is tried again */
    SUB_PAUSE,
    SUB_RESUME, /* to where it was: nothing is owing */
    SUB_RESUME_START,
    SUB_RESUME_TRIAL,
    SUB_RESUME_OWING,
    SUB_CANCEL,
    SUB_EVENT_COUNT
};
enum invoice_state {
    INVOICE_NONE = 0,
#define X(name, number, text, final, meaning) INVOICE_##name = (number),
#include "billing/invoice_states.def"
#undef X
    INVOICE_STATE_COUNT
};
enum advice { DUNNING_NONE = 0, DUNNING_LATER, DUNNING_CUSTOMER, DUNNING_NEVER, DUNNING_SOON };

const char *subscription_state_name(int64_t state); /* "?" for a number that no row has */
const char *subscription_event_name(enum subscription_event event);
const char *invoice_state_name(int64_t state);
const char *advice_name(int64_t advice); /* "try_again_later", "ask_customer", …; "" for none */
bool subscription_state_renews(enum subscription_state state);
bool subscription_state_final(enum subscription_state state);

struct subscription_move {
    enum subscription_state to;
    const char *tells; /* "" none */
};
/* NULL: it changes nothing. */
const struct subscription_move *subscription_move_find(enum subscription_state from,
                                                       enum subscription_event event);
/* What follows a decline with this common code. `ret_known` (may be NULL): it has a row. */
enum advice dunning_advice(const char *common_code, bool *ret_known);

#endif
