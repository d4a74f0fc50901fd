/* SPDX-License-Identifier: Apache-2.0
 * bank_feed.h: rows of a bank's statement handed on to what waits for transfers (payment/bank.h),
 * so that a bank's file is given once: what POST /v1/bank/rows does, from camt.053, MT940 or any
 * file by a map.
 *
 *   1. The file is read once more for it, since no account of the other side is stored by intake.
 *   2. Booked money in is handed on; money out only when its text bears a reference of ours: what a
 *      finance team pays besides (bank charges, wages) would each be a case.
 *      Money in that a gateway of ours pays out (payouts.h) is none of these.
 *   3. A row goes by the bank's own name for it, or, when it has none, by a digest of what it says:
 *      the same file, or a longer one with the same rows, changes nothing.
 *   4. What is not taken (another account, known with another content) is counted and told; it does
 *      not keep the statement out.
 * Threads: any. Owns: nothing. Errors: those of the store, and of the reader. */
#ifndef HOLDFAST_RECON_BANK_FEED_H
#define HOLDFAST_RECON_BANK_FEED_H

#include "gateway/bank/bank.h"
#include "recon/intake.h"
#include "recon/recon.h"

enum { BANK_FEED_ROWS_A_WRITE = 50 };

struct bank_fed {
    int64_t taken, known;
    int64_t passed; /* money out that is not ours to know of, payouts, and what is not booked */
    int64_t refused;
    char why[400]; /* of the first that was refused */
};
/* `statement_id`: as which it was taken in. */
MUST_USE int bank_feed(struct recon *recon, const struct statement_request *request,
                       const char *statement_id, const struct bank_terms *terms,
                       struct bank_fed *ret_fed, struct err *err);

#endif
