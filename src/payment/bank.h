/* SPDX-License-Identifier: Apache-2.0
 * bank.h: money that comes and goes by bank transfer, as rows of the bank's statement tell it.
 *
 * 1. A row is taken in once, by the bank's own name for it; a file is taken whole or not at all.
 * 2. Each row is booked once, in the transaction that says what it is: what came for a payment in
 *    parts is a deposit; when the parts are what was asked for, the payment's ordinary charge takes
 *    their place; whatever else came or went is in suspense, with a case (docs/decisions/0009).
 * 3. A row is matched by what the bank says: the virtual account it came to, or a reference with
 *    right check characters in its text. Two answers are none: a person decides.
 * 4. A refund or return is done when the bank's row with its reference says so, not before (I6).
 * Readers of statements (CSV here, camt.053 and MT940 above) all call bank_rows_take().
 * Threads: any. Owns: answers belong to the caller. Errors: as payments.h. */
#ifndef HOLDFAST_PAYMENT_BANK_H
#define HOLDFAST_PAYMENT_BANK_H

#include "payment/payments.h"

enum {
    BANK_ROWS_MAX = 200, /* of one file or request */
    BANK_ROW_MINOR_MAX_TIMES = 1000,
    BANK_ID_CHARS_MAX = 64,
    BANK_NAME_CHARS_MAX = 140,
    BANK_REMITTANCE_CHARS_MAX = 500,
    BANK_SOURCE_CHARS_MAX = 120,
};
/* Larger than any payment: a transfer may pay for several. */
#define BANK_ROW_MINOR_MAX (AMOUNT_MINOR_MAX * BANK_ROW_MINOR_MAX_TIMES)

/* One row as the bank says it. Borrowed; "" for what it does not say. */
struct bank_entry {
    const char *bank_id; /* the bank's own name for the row, unique for the account */
    const char *account, *virtual_account; /* ours, that it came to or went from */
    const char *booked_on, *valued_on;     /* "2026-11-22"; the second may be "" */
    bool credit;                           /* it came in */
    int64_t amount_minor;                  /* above 0 */
    struct currency currency;
    const char *party_name, *party_account; /* who sent or got it */
    const char *remittance;
    const char *reverses; /* bank_id of the row that this one takes back */
    int64_t line;         /* of the file, for people; 0: none */
};
/* 201 with what was made of each: the same row again changes nothing. ERR_VALIDATION (a field),
 * ERR_EXISTS (known with another content), each with the lines: then nothing was taken. */
MUST_USE int bank_rows_take(struct payments *payments, const struct caller *caller,
                            const char *source, const struct bank_entry *entries, int count,
                            struct answer *ret_answer, struct err *err);

/* Newest first. `state` a name or ""; `gateway`, `payment_id` or "". */
MUST_USE int bank_row_list(struct payments *payments, const char *state, const char *gateway,
                           const char *payment_id, int limit, struct answer *ret_answer,
                           struct err *err);
MUST_USE int bank_row_get(struct payments *payments, const char *row_id, struct answer *ret_answer,
                          struct err *err);
/* A named person has found out which payment unexplained money is for. ERR_STATE when the row is
 * not waiting for that, or the payment has nothing to do with its account. */
MUST_USE int bank_row_match(struct payments *payments, const struct caller *caller,
                            const char *row_id, const char *payment_id, const char *reason,
                            struct answer *ret_answer, struct err *err);
/* A row in suspense, which no payment of ours explains, turned out to be what a gateway of ours
 * paid out: its posting is taken back and its case closed. 1: so it is; 0: somebody has decided
 * about it, or it is not in suspense: nothing has changed. */
MUST_USE int bank_row_is_payout(struct store_tx *tx, const char *row_id, const char *why,
                                struct err *err);
/* The configured accounts, with what waits on each. */
MUST_USE int bank_account_list(struct payments *payments, struct answer *ret_answer,
                               struct err *err);

/* Refunds and returns that are to be paid by bank, oldest first, with whole account numbers. */
MUST_USE int bank_payout_list(struct payments *payments, int limit, struct answer *ret_answer,
                              struct err *err);
/* A named person has told the bank to pay it, to the sender of `row_id` ("": there is one only).
 * Once: ERR_STATE after that. */
MUST_USE int bank_payout_sent(struct payments *payments, const struct caller *caller,
                              const char *operation_id, const char *row_id, const char *reason,
                              struct answer *ret_answer, struct err *err);

#endif
