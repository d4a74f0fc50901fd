/* SPDX-License-Identifier: Apache-2.0
 * callbacks.h: what the files that work on callbacks share: one callback while it is processed.
 * Threads: one task at a time; it lives as long as its job's run. Errors: those of the job. */
#ifndef HOLDFAST_PAYMENT_CALLBACKS_H
#define HOLDFAST_PAYMENT_CALLBACKS_H

#include "payment/internal.h"

enum callback_state {
    CALLBACK_STORED = 1,  /* acknowledged, its job waits */
    CALLBACK_APPLIED = 2, /* it agreed, or it moved something */
    CALLBACK_IGNORED = 3, /* genuine and nothing to do with us */
    CALLBACK_FAILED = 4,  /* its last try failed, another will come */
    CALLBACK_PARKED = 5,  /* a person must look */
};

struct process {
    struct payments *payments;
    struct arena *arena;
    const char *callback_id;
    char gateway[GATEWAY_NAME_CHARS_MAX + 1];
    struct gateway_event event;
    enum callback_state state;
    int64_t received_us;
    bool attempt_found, operation_found;
    bool released; /* the refund is a hold that was let go */
    struct attempt_row attempt;
    struct operation_row operation;
    struct payment_row payment;
    const char *result; /* what became of it, in words */
};

/* A case about this callback, which posts nothing and is not opened yet. */
struct case_note callback_note(const struct process *process, const char *kind, const char *detail);
/* Opens it, and logs that when it is committed. */
MUST_USE int callback_open_in(struct store_tx *tx, const struct process *process,
                              const struct case_note *note, struct err *err);
/* The same in a transaction of its own. */
MUST_USE int callback_open(const struct process *process, const struct case_note *note,
                           struct err *err);

/* ---- unexplained.c: money that moved and that nothing of ours explains ---- */

/* A charge without an attempt of ours. */
MUST_USE int unexplained_charge(struct process *process, struct err *err);
/* A second charge under an attempt's reference. */
MUST_USE int unexplained_second(struct process *process, struct err *err);
/* 1: the callback is about another capture of a charged attempt's object than ours, and was dealt
 * with; 0: it is not. */
MUST_USE int unexplained_capture(struct process *process, struct err *err);
/* A refund that we did not ask for, done or taken back. */
MUST_USE int unexplained_refund(struct process *process, struct err *err);

#endif
