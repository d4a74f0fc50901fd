/* SPDX-License-Identifier: Apache-2.0
 * payouts.h: a gateway's payout and the bank's line for it.
 *
 *   gateway's statement ──own.h──▶ payout due at the bank ──bank's run──▶ beside the bank's line
 *
 *   1. What the bank's line tells decides, in this order: a name of the payout (as its reference,
 *      or as a word of its text); its very amount, within the window of payouts; the sum of
 *      payouts of one gateway and currency that follow each other (several in one line), where
 *      only one such sum is the line's amount. Nothing else is guessed.
 *   2. A line that is a payout is not handed on to what waits for customers' transfers: it would
 *      become a case. One that was handed on before anybody knew of the payout is taken out of
 *      suspense again, and its case is closed, as long as nobody has decided about it.
 * Threads: any; a list of dues is one task's. Limits: PAYOUTS_MAX open at one bank are looked at,
 * the oldest. Errors: those of the store. */
#ifndef HOLDFAST_RECON_PAYOUTS_H
#define HOLDFAST_RECON_PAYOUTS_H

#include "recon/run_impl.h"

enum { PAYOUTS_MAX = 2000, PAYOUT_DAYS_USUAL = 5, PAYOUT_DAYS_MAX = 60 };
/* So long after it left its gateway (or before, by its time zone) a payout is looked for by its
 * amount alone. */
#define PAYOUT_BEFORE_US (INT64_C(1) * 86400 * US_PER_SECOND)
#define PAYOUT_AFTER_US (INT64_C(10) * 86400 * US_PER_SECOND)

struct payouts; /* that are due at one bank and not found yet */
MUST_USE int payouts_load(struct store_tx *tx, const char *bank, struct payouts **ret_payouts,
                          struct err *err);
void payouts_free(struct payouts *payouts); /* NULL is fine */
/* A row of the bank, with its texts; borrowed. */
struct payout_line {
    struct currency currency;
    int64_t amount_minor, at_us;
    const char *reference, *description;
};
/* Whether it is one of them, or several; those are no other line's then. `strict`: where several
 * fit equally well, it is none. */
bool payouts_take(struct payouts *payouts, const struct payout_line *line, bool strict);

/* Before a bank's run loads what it compares: rule 2. */
MUST_USE int payouts_recognize(struct run *run, struct err *err);
/* Of what is loaded: several payouts in one line are given the name that joins them. */
void payouts_bundle(struct run *run);

#endif
