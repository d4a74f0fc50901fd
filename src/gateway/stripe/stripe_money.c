/* SPDX-License-Identifier: Apache-2.0
 * stripe_money.c: amounts in Stripe's unit (their documentation, "Supported currencies":
 * zero-decimal, three-decimal and special cases). */
#include "gateway/stripe/stripe.h"

/* Decimals of Stripe's unit where they are not two. Everything without a row has two there, and is
 * taken only when ISO 4217 says two as well. `multiple`: Stripe takes only such amounts. */
static const struct {
    char code[CURRENCY_CHARS + 1];
    int decimals;
    int multiple;
} units[] = {
    {"BIF", 0, 1},   {"CLP", 0, 1},   {"DJF", 0, 1},  {"GNF", 0, 1},  {"JPY", 0, 1},
    {"KMF", 0, 1},   {"KRW", 0, 1},   {"MGA", 0, 1},  {"PYG", 0, 1},  {"RWF", 0, 1},
    {"VND", 0, 1},   {"VUV", 0, 1},   {"XAF", 0, 1},  {"XOF", 0, 1},  {"XPF", 0, 1},
    {"BHD", 3, 10},  {"JOD", 3, 10},  {"KWD", 3, 10}, {"OMR", 3, 10}, {"TND", 3, 10},
    {"ISK", 2, 100}, {"UGX", 2, 100},
};

struct unit {
    int decimals, multiple;
};

static bool unit_of(struct currency currency, struct unit *ret_unit) {
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (strcmp(units[i].code, currency.code) == 0) {
            *ret_unit = (struct unit){units[i].decimals, units[i].multiple};
            return true;
        }
    }
    *ret_unit = (struct unit){2, 1};
    return currency_exponent(currency) == 2;
}

/* amount × 10^(to - from), exactly. */
static bool shift(int64_t amount, int from, int to, int64_t *ret_amount) {
    for (; from < to; from++) {
        if (amount > INT64_MAX / 10 || amount < INT64_MIN / 10) {
            return false;
        }
        amount *= 10;
    }
    for (; from > to; from--) {
        if (amount % 10 != 0) {
            return false;
        }
        amount /= 10;
    }
    *ret_amount = amount;
    return true;
}

bool stripe_amount(int64_t amount_minor, struct currency currency, int64_t *ret_theirs) {
    struct unit unit;
    int64_t theirs = 0;
    if (amount_minor < 1 || amount_minor > AMOUNT_MINOR_MAX || !unit_of(currency, &unit) ||
        !shift(amount_minor, currency_exponent(currency), unit.decimals, &theirs) ||
        theirs % unit.multiple != 0) {
        return false;
    }
    *ret_theirs = theirs;
    return true;
}

bool stripe_amount_back(int64_t theirs, struct currency currency, int64_t *ret_amount_minor) {
    struct unit unit;
    return theirs >= 0 && unit_of(currency, &unit) &&
           shift(theirs, unit.decimals, currency_exponent(currency), ret_amount_minor);
}
