/* SPDX-License-Identifier: Apache-2.0
 * payouts.h: a gateway's payout and the bank's lines for it.
 *
 *   gateway's statement ──own.h──▶ payout due at the bank ──bank's run──▶ beside the bank's lines
 *
 *   1. What the bank's lines tell decides, in this order, and each is a rule of its own in what a
 *      run says of itself (docs/reconciliation.md): a name of the payout, as reference or as a word
 *      of the text (several lines may bear it, and one line several); the very amount within the
 *      window of payouts; the sum of payouts of one gateway that follow each other; the sum of
 *      PAYOUT_PARTS_MAX lines at most. A sum is one only where no other is: nothing is guessed.
 *   2. What the bank may have deducted (struct payout_terms) is asked of lines that bear the name
 *      alone, and is booked as the bank's charge as long as they stand together.
 *   3. A line that is a payout is not handed on to what waits for customers' transfers: it would
 *      become a case. One that was handed on before anybody knew of the payout is taken out of
 *      suspense again, and its case is closed, where it is the payout to the unit (or within what
 *      may be deducted) and nobody has decided about it. One that bears the name and is another
 *      amount stays in suspense with its case, and the payout is a break that tells of it.
 *   4. What bears the name and is another amount is a break (PAYOUT), and looked at again by every
 *      run: the rest of it may come later.
 * Threads: any; a list of dues is one task's. Limits: PAYOUTS_MAX open at one bank are looked at,
 * the oldest; of sums by lines PAYOUT_LINES_MAX within a payout's window, else none is looked for.
 * Errors: those of the store. */
#ifndef HOLDFAST_RECON_PAYOUTS_H
#define HOLDFAST_RECON_PAYOUTS_H

#include "base/clock.h"
#include "recon/run_impl.h"

enum {
    PAYOUTS_MAX = 2000,
    PAYOUT_DAYS_USUAL = 5,
    PAYOUT_DAYS_MAX = 60,
    PAYOUT_PARTS_MAX = 4,
    PAYOUT_LINES_MAX = 40,
};
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
/* Whether it is one of them, a part of one, or several; those are no other line's then. */
bool payouts_take(struct payouts *payouts, const struct payout_line *line);

/* payout_suspense.c. Before a bank's run loads what it compares: rule 3. */
MUST_USE int payouts_recognize(struct run *run, struct err *err);
/* And when it has compared: payouts whose name a row in suspense bears with another amount. */
void payouts_altered(struct run *run);

/* payout_bundle.c. Of what is loaded: what belongs together by names and sums is joined. */
void payouts_bundle(struct run *run);
/* In words, a line each: by which names the members of this group were put together. */
void payouts_tell(const struct run *run, const struct match_group *group, struct buf *buf);

/* payout_charges.c. What the bank deducted of a group, in the books: what is missing of it is
 * posted, what is too much posted back. And all of one that is no longer due. */
MUST_USE int payout_charges_write(struct store_tx *tx, const struct run *run,
                                  const struct match_group *group, struct err *err);
MUST_USE int payout_charges_take_back(struct store_tx *tx, const struct run *run,
                                      const char *due_id, const char *bank,
                                      struct currency currency, struct err *err);

#endif
