/* SPDX-License-Identifier: Apache-2.0
 * repair.h: what a rule of reconciliation may have done about money (REC-6), in two steps: `ask`
 * asks the gateway, and does nothing that the gateway has not said; `do` does what was confirmed.
 *
 * What somebody else tells (a row of a statement, say) is only why it is asked. What the gateway
 * answers goes the way of any answer of its (settle.c, unexplained.c): it may complete a payment or
 * put money in suspense, with its events, by itself. So asking may end it, and whatever is left is
 * moved by the operations that people have as well, under their own locks: a return is made once
 * for a case, a refund is one under its reference however often it is sent.
 *
 *   1. Both steps may be repeated at any time, also after a crash in the middle of one.
 *   2. Where the gateway does not answer, or is not sure yet, the word is REPAIR_WAIT.
 *   3. What a person has decided stays so: REPAIR_MOOT.
 * Threads: any; calls block on the store and on gateways. Owns: nothing. Errors: ERR_NOT_FOUND,
 * ERR_NO_GATEWAY, those of the store: nothing was said then, and it may be tried again. */
#ifndef HOLDFAST_PAYMENT_REPAIR_H
#define HOLDFAST_PAYMENT_REPAIR_H

#include "base/arena.h"
#include "base/clock.h"
#include "payment/payments.h"

enum repair_word {
    REPAIR_WAIT = 1,  /* the gateway has not said, or is at it: ask again later */
    REPAIR_REFUSED,   /* it says otherwise, or it is for a person: nothing was moved for this */
    REPAIR_MOOT,      /* nothing is left to do, and nothing was done for this */
    REPAIR_CONFIRMED, /* it says so: the second step may do it */
    REPAIR_ENDED,     /* it is done */
};
enum { REPAIR_TEXT_CHARS_MAX = 399 };
struct repair_answer {
    enum repair_word word;
    char text[REPAIR_TEXT_CHARS_MAX + 1]; /* a sentence for people: who said what */
    char case_id[ID_TEXT_MAX];            /* the money that it is about, where it is in suspense,
                                             whatever the word */
};

/* ---- paid there, and open or given up here ---- */

/* ENDED: the payment is paid now, and the merchant has been told. CONFIRMED: it was taken when the
 * attempt was over, nothing else paid its order, and the amount is what was asked for. */
MUST_USE int repair_charge_ask(struct payments *payments, const char *attempt_id,
                               struct repair_answer *ret_answer, struct err *err);
/* Makes the late money of the case what its payment was paid with. */
MUST_USE int repair_charge_accept(struct payments *payments, const struct caller *caller,
                                  const char *case_id, const char *reason,
                                  struct repair_answer *ret_answer, struct err *err);

/* ---- a charge that was never made, taken back ---- */

enum { REPAIR_MOVEMENT_CHARS = 120 };
/* CONFIRMED: the gateway itself says that nothing was charged by this attempt, and it is old enough
 * that a request which it does not know can no longer arrive. REFUSED: it holds the money. WAIT: it
 * has not said, or it may be charged yet. Nothing of it is taken back here. */
MUST_USE int repair_charge_doubt(struct payments *payments, const char *attempt_id,
                                 struct repair_answer *ret_answer, struct err *err);
/* In the caller's transaction, after the above: the payment that was completed with this attempt
 * counts as failed, its order may be paid anew, and the merchant is told by payment.taken_back.
 * `ret_movement_id`: the posting that the charge was, for whoever compares it with statements.
 * ERR_STATE: it is not charged (any more); its money was refunded, is being refunded or is
 * disputed; or did not come by this attempt alone. */
MUST_USE int repair_charge_take_back(struct payments *payments, struct store_tx *tx,
                                     struct arena *arena, const char *attempt_id,
                                     char ret_movement_id[REPAIR_MOVEMENT_CHARS], struct err *err);

/* ---- charged twice ---- */

/* A charge beside the one that the order is paid with. */
struct repair_second { /* borrowed */
    const char *attempt_id;
    /* The gateway's names for it; "" both: the charge of the attempt itself, whose order was paid
     * another way. */
    const char *gateway_id, *charge_id;
    /* Who returns it: his actor, and a key that is part of his reason. A return that somebody else
     * began is MOOT, not ENDED. */
    const struct caller *by;
};
/* Both charges are asked about. CONFIRMED: the gateway holds both, and the second, which nothing
 * here was paid with, is in suspense. */
MUST_USE int repair_second_ask(struct payments *payments, const struct repair_second *second,
                               struct repair_answer *ret_answer, struct err *err);
/* Sends the money of the case back through its gateway. */
MUST_USE int repair_second_return(struct payments *payments, const struct caller *caller,
                                  const char *case_id, const char *reason,
                                  struct repair_answer *ret_answer, struct err *err);

/* ---- a refund that one side does not know of ---- */

/* CONFIRMED: we count it as done, the gateway does not know it, and it may be sent again under its
 * own reference without being made twice. `was_done`: we counted it as done when it was found; then
 * ENDED as well where it counts as failed by now, as its gateway says: an earlier try of this may
 * have come so far. */
MUST_USE int repair_refund_ask(struct payments *payments, const char *operation_id, bool was_done,
                               struct repair_answer *ret_answer, struct err *err);
MUST_USE int repair_refund_send(struct payments *payments, const char *operation_id,
                                struct repair_answer *ret_answer, struct err *err);

/* ---- a difference ---- */

enum repair_sum { REPAIR_SUM_AMOUNT, REPAIR_SUM_FEE, REPAIR_SUM_REFUND };
struct repair_difference {    /* borrowed */
    const char *attempt_id;   /* of amounts and fees */
    const char *operation_id; /* of a refund */
    enum repair_sum sum;
    int64_t difference_minor; /* what the gateway should have more (+) or less (-) than we have: of
                                 a fee, of what it kept; of a refund, of what went back */
    struct currency currency;
};
/* CONFIRMED: the gateway itself states the amount or fee with that difference. */
MUST_USE int repair_difference_ask(struct payments *payments,
                                   const struct repair_difference *difference,
                                   struct repair_answer *ret_answer, struct err *err);

/* ---- a case, for whoever looks after it ---- */

/* A job of this kind, with the case's id as key, is due after each change of a case: so long after
 * one was opened (what decides about it by itself is faster), at once when it was closed or opened
 * again. Whoever opens tickets and repairs runs it. */
#define JOB_CASE "case"
#define CASE_LOOK_US (30 * US_PER_SECOND)

struct repair_case { /* texts live in the arena */
    const char *id, *kind, *subject, *payment_id, *attempt_id;
    const char *gateway, *gateway_id, *charge_id, *refund_id; /* the gateway's names, or "" */
    const char *detail, *resolution, *decided_by;
    bool open;      /* nobody has decided */
    bool came;      /* money came that lies, or lay, in suspense */
    bool went;      /* money went back by itself */
    bool returning; /* somebody has sent it back, or tried to */
    int64_t amount_minor, opened_us, closed_us;
    struct currency currency;
};
MUST_USE int repair_case_load(struct store_tx *tx, struct arena *arena, const char *id,
                              struct repair_case *ret_case, struct err *err);

/* ---- a callback that was stored and not processed ---- */

/* How many about this attempt wait for somebody, parked or failing. */
MUST_USE int repair_callbacks_waiting(struct store_tx *tx, const char *attempt_id, int *ret_waiting,
                                      struct err *err);
/* Has them processed again. `caller`'s key is made another for each. */
MUST_USE int repair_callbacks_replay(struct payments *payments, const struct caller *caller,
                                     const char *attempt_id, int *ret_replayed, struct err *err);

#endif
