/* SPDX-License-Identifier: Apache-2.0
 * money.h: amounts. Always integers in the currency's minor unit (ISO 4217), never floating point.
 * Threads: any. Source of the exponents: ISO 4217 list one. */
#ifndef HOLDFAST_BASE_MONEY_H
#define HOLDFAST_BASE_MONEY_H

#include "base/compiler.h"
#include "base/err.h"

enum {
    CURRENCY_CHARS = 3,
    MONEY_TEXT_MAX = 32,
};
/* The largest amount of one payment, in minor units. Sums of a thousand million such payments
 * still fit an int64. */
#define AMOUNT_MINOR_MAX INT64_C(1000000000)

struct currency {
    char code[CURRENCY_CHARS + 1]; /* upper case */
};

/* `text` must be three letters of a currency in circulation (upper or lower case); else
 * ERR_VALIDATION that names it. */
MUST_USE int currency_parse(const char *text, struct currency *ret_currency, struct err *err);
/* Number of decimals: USD 2, JPY 0, KWD 3. Aborts on a code that currency_parse() never gave. */
int currency_exponent(struct currency currency);
/* "usd": as Stripe writes it. */
const char *currency_lower(struct currency currency, char text[CURRENCY_CHARS + 1]);
static inline struct currency currency_stored(const char *text) {
    struct currency c = {{0}};
    for (int i = 0; text != NULL && i < CURRENCY_CHARS && text[i] != '\0'; i++) {
        c.code[i] = text[i];
    }
    return c;
}
bool currency_equal(struct currency a, struct currency b);

/* 1999 USD → "19.99", 500 JPY → "500", 1234 KWD → "1.234". Returns `text`. */
const char *money_decimal(int64_t amount_minor, struct currency currency,
                          char text[MONEY_TEXT_MAX]);
/* The reverse; refuses more decimals than the currency has (unless they are zeros), signs other
 * than a leading '-', exponents, blanks, a point with no digit after it and anything beyond int64
 * with ERR_VALIDATION. */
MUST_USE int money_parse_decimal(const char *text, struct currency currency,
                                 int64_t *ret_amount_minor, struct err *err);
/* "19.99 USD" for people. */
const char *money_show(int64_t amount_minor, struct currency currency, char text[MONEY_TEXT_MAX]);

/* Checked arithmetic: false on overflow, output untouched. */
MUST_USE bool money_add(int64_t a, int64_t b, int64_t *ret_sum);
MUST_USE bool money_sub(int64_t a, int64_t b, int64_t *ret_difference);

#endif
