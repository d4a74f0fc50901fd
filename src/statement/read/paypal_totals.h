/* SPDX-License-Identifier: Apache-2.0
 * paypal_totals.h: what the rows of a PayPal report add up to, per currency, and whether a footer
 * says the same. Part of read_paypal.c.
 *
 * A footer tells gross credits, gross debits, fee credits and fee debits. Reports are about in
 * which credits stand last; which of the two a file has is found out from its footers, and must
 * then be the same in all of them. Whether the totals of the detail report count rows that move no
 * money (authorizations, what is pending or denied) is not documented: both are taken.
 * A footer's balances are pairs of a beginning and an ending: total, available, payable. The rows
 * that hold money back or let it go change what is available and not the total, so each of the
 * first two must have changed by all rows or by all that are no holds.
 * Owns: nothing. Threads: one each. Errors: told to the sink. */
#ifndef HOLDFAST_STATEMENT_PAYPAL_TOTALS_H
#define HOLDFAST_STATEMENT_PAYPAL_TOTALS_H

#include "statement/csv_rows.h"
#include "statement/statement.h"

enum paypal_side { PAYPAL_CR, PAYPAL_DR, PAYPAL_SIDES };

struct paypal_sum {
    struct currency currency;
    int64_t gross[PAYPAL_SIDES], fee[PAYPAL_SIDES]; /* as the rows write them, never below 0 */
    int64_t moved_gross[PAYPAL_SIDES], moved_fee[PAYPAL_SIDES]; /* of those that move money */
    int64_t moved, held; /* what a balance changed by; that part of it which is holds */
    int64_t rows;
    bool footed;
    int64_t opening_minor, closing_minor; /* of its footers together; AMOUNT_UNSAID */
};
struct paypal_sums {
    struct paypal_sum of[STATEMENT_CURRENCIES_MAX];
    int count;
    int64_t rows; /* also those that could not be read */
};
/* Which order the file's footers have; PAYPAL_UNSURE until one shows it. */
enum paypal_order { PAYPAL_UNSURE, PAYPAL_CREDITS_FIRST, PAYPAL_DEBITS_FIRST };

/* A row's part in the sums. */
struct paypal_part {
    struct currency currency;
    enum paypal_side side, fee_side;
    int64_t gross_minor, fee_minor; /* not below 0 */
    bool moves;                     /* it changes a balance */
    bool holds;                     /* it is a hold */
};

/* False: there are more currencies, or larger sums, than are ever taken. */
MUST_USE bool paypal_sums_add(struct paypal_sums *sums, const struct paypal_part *part);
/* The sum of this currency, which begins as 0; NULL: no room. */
struct paypal_sum *paypal_sums_of(struct paypal_sums *sums, struct currency currency);
/* Checks the footer (SF, RF) that is the record at hand against `sums`. With `balances` it must
 * have balances. */
void paypal_footer_check(const struct csv_rows *rows, struct paypal_sums *sums, bool balances,
                         enum paypal_order *order);
/* Every currency must have had its footer. */
void paypal_footers_missing(const struct csv_rows *rows, const struct paypal_sums *sums);

#endif
