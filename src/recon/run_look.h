/* SPDX-License-Identifier: Apache-2.0
 * run_look.h: runs as people ask for them and look at them; and why a movement is where it is.
 * Threads: any, many at once. Owns: answers belong to the caller. Errors: those of errors.def. */
#ifndef HOLDFAST_RECON_RUN_LOOK_H
#define HOLDFAST_RECON_RUN_LOOK_H

#include "payment/payments.h"
#include "recon/recon.h"

/* A run as soon as may be: 202. `until_us`: our movements before that moment only; 0: up to when it
 * begins. ERR_VALIDATION: there is no such gateway, or the moment lies ahead; ERR_STATE: that
 * gateway is reconciled up to a later one already. */
MUST_USE int reconciliation_ask(struct recon *recon, const struct caller *caller,
                                const char *gateway, int64_t until_us, struct answer *ret_answer,
                                struct err *err);
struct run_filter {              /* borrowed; "" or 0: any */
    const char *gateway;
    const char *currency;        /* its books have it; a run under way has none yet */
    const char *state;           /* "under_way", "done", "given_up" */
    int64_t since_us, until_us;  /* begun from then on, and before then; wall */
    bool open_breaks;            /* it opened, or was the last to find, a break that is open now */
    const char *cursor;          /* from the newest */
    int limit;                   /* 0: 20 */
};
/* Newest first. ERR_VALIDATION: state, currency or cursor is none. */
MUST_USE int reconciliation_list(struct recon *recon, const struct run_filter *filter,
                                 struct answer *ret_answer, struct err *err);
/* With its figures, and the proof that they are whole: every row of both sides in one class, and
 * opening and movements equal to closing, or which rows break it; and the rules that it went by. */
MUST_USE int reconciliation_get(struct recon *recon, const char *id, struct answer *ret_answer,
                                struct err *err);
/* The rules in force, gateway by gateway: {"data":[{"gateway","usual","rules":[…]}]}. `gateway` "":
 * all; ERR_NOT_FOUND. */
MUST_USE int reconciliation_rules(struct recon *recon, const char *gateway,
                                  struct answer *ret_answer, struct err *err);
/* `id`: "pst_…" or "stm_…#12". Its class, run, rule, partners and break, and what each rule said.
 * ERR_NOT_FOUND: no run has looked at it. */
MUST_USE int movement_explain(struct recon *recon, const char *id, struct answer *ret_answer,
                              struct err *err);

#endif
