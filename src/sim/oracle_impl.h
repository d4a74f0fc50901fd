/* SPDX-License-Identifier: Apache-2.0
 * oracle_impl.h: what the oracles have in common: counting in the store, and everything as it is
 * when all has come to rest.
 *
 *   oracle.c        after every commit and call, and when all is quiet; the end's list of checks
 *   oracle_words.c  every word that was given: to customers, and by webhooks to the merchant
 *   oracle_fraud.c  what the fraud rules let through, counted once more
 *   oracle_recon.c  reconciliation, with the gateways' own books for statements
 *   oracle_repair.c  what repair rules have done, and what stops them
 *   oracle_books.c  the gateways' own books, ours, and what stands between the two
 * A check calls run_fail() once and returns. */
#ifndef HOLDFAST_SIM_ORACLE_IMPL_H
#define HOLDFAST_SIM_ORACLE_IMPL_H

#include "sim/run.h"

struct count {
    const char *sql;
    const char *text; /* $1, or NULL */
    int64_t found;
    char first[160]; /* one of them */
};
/* False: the store cannot be asked. */
MUST_USE bool oracle_count(struct run *run, struct count *count);

struct end {
    struct run *run;
    json_t *payments;   /* id → payment */
    json_t *stories;    /* id → story */
    json_t *attempts;   /* id → attempt, with "payment_id" */
    json_t *operations; /* id → operation */
    json_t *disputes;   /* array */
    json_t *cases;
};
/* All rows of a list as one array; when nobody answers the run has failed. */
json_t *oracle_list(struct run *run, const char *path);
/* The text of a member; "" when there is none. */
const char *oracle_text(const json_t *json, const char *key);

/* ---- oracle_words.c ---- */
void check_promises(struct end *end);
void check_untold(struct end *end);
void check_one_body_a_key(struct end *end);
void check_same_again(struct end *end);
void check_webhooks(struct end *end);

/* ---- oracle_fraud.c ---- */
void check_fraud(struct end *end);

/* ---- oracle_recon.c ---- */
void check_reconciled(struct end *end);

/* ---- oracle_repair.c ---- */
void oracle_repairs(struct run *run); /* after a commit, with the world held */
void check_repairs(struct end *end);

/* ---- oracle_bank.c ---- */
void check_bank(struct end *end);

/* ---- subscribers.c ---- */
void check_subscriptions(struct end *end);

/* ---- oracle_books.c ---- */
void check_intents(struct end *end);
void check_charged_once(struct end *end);
void check_old_codes(struct end *end);
void check_books(struct end *end);
void check_ledger(struct end *end);
void check_cases(struct end *end);
void check_switches(struct end *end);

#endif
