/* SPDX-License-Identifier: Apache-2.0
 * ledger.h: double entry. Every money movement is a posting written in the same transaction as the
 * state change it follows from (PAY-11).
 *
 * A posting is one row: debit account, credit account, a positive amount, a currency. It cannot be
 * out of balance, so I4's first half holds by construction; db check proves the second half (each
 * payment's amounts follow from its postings). Postings are never changed or deleted, only reversed
 * by another one. Balances are sums: no row is hot.
 * The id of a posting is its kind and the id of what caused it: posting the same cause twice
 * changes nothing (I5). Threads: any transaction. Errors: ERR_STORE…; ERR_AMOUNT for amounts below
 * 1 (0 is passed over). */
#ifndef HOLDFAST_LEDGER_LEDGER_H
#define HOLDFAST_LEDGER_LEDGER_H

#include "base/buf.h"
#include "base/id.h"
#include "base/money.h"
#include "store/store.h"

enum ledger_account_kind {
#define X(name, pattern, class_name, text) ACCOUNT_##name,
#include "ledger/accounts.def"
#undef X
    ACCOUNT_COUNT
};
enum posting_kind {
#define X(name, number, text, debit, credit, when) POST_##name = (number),
#include "ledger/postings.def"
#undef X
};
enum { ACCOUNT_CHARS_MAX = 512, POSTING_ID_CHARS_MAX = 120 };
const char *posting_kind_name(int64_t kind); /* "charge"; "?" for a number that no row has */

struct posting {
    enum posting_kind kind;
    const char *cause;      /* id of the attempt, operation or case that moved the money */
    const char *payment_id; /* "" when no payment explains it */
    const char *gateway;    /* name, where the accounts need one; else "" */
    const char *customer;   /* id, where the accounts need one; else "" */
    /* Of a payout that is due at `gateway`: the one that pays it out; NULL: `gateway` itself. */
    const char *sender;
    int64_t amount_minor;   /* ≥ 0; 0 writes nothing */
    struct currency currency;
    int64_t at_us;
    /* Of a payment that only probes its gateway: what would touch an account of the business
     * (income, expense) touches the gateway's account of probes instead. */
    bool probe;
};
/* Writes it unless this cause has been posted with this kind before. */
MUST_USE int ledger_post(struct store_tx *tx, const struct posting *posting, struct err *err);

/* The account's name for a gateway or customer: "gateway:stripe-eu:receivable". */
void ledger_account(enum ledger_account_kind kind, const char *owner,
                    char ret_account[ACCOUNT_CHARS_MAX]);

/* Debits minus credits of one account and currency. */
MUST_USE int ledger_balance(struct store_tx *tx, const char *account, struct currency currency,
                            int64_t *ret_minor, struct err *err);

/* Every account with its balance by currency, as rows in a stable order. The callback returns
 * non-zero to stop (that value is returned). */
typedef int ledger_row_fn(void *ctx, const char *account, const char *currency,
                          int64_t debits_minor, int64_t credits_minor, struct err *err);
MUST_USE int ledger_balances(struct store_tx *tx, ledger_row_fn *fn, void *ctx, struct err *err);

/* What a gateway took and gave back according to our books, by currency: gross of fees. This is
 * what is compared with the gateway's own book. */
struct ledger_book {
    char gateway[64];
    struct currency currency;
    int64_t taken_minor, returned_minor, fees_minor;
    int64_t taken_count, returned_count; /* movements: suspense and chargebacks count as well */
};
typedef int ledger_book_fn(void *ctx, const struct ledger_book *book, struct err *err);
MUST_USE int ledger_books(struct store_tx *tx, ledger_book_fn *fn, void *ctx, struct err *err);

/* Postings of one payment as a JSON array in the order they were written:
 * [{"kind","debit","credit", "amount","currency","at"}]. */
MUST_USE int ledger_payment_json(struct store_tx *tx, const char *payment_id, struct buf *buf,
                                 struct err *err);

#endif
