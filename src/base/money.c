/* SPDX-License-Identifier: Apache-2.0
 * money.c: the currencies in circulation, and amounts as text and back. */
#include "base/money.h"

#include <inttypes.h>

struct currency_row {
    char code[CURRENCY_CHARS + 1];
    int exponent;
};

/* ISO 4217 list one up to amendment 180 (2026-01-01), sorted by code. Left out, since nobody can
 * pay with them: funds codes and units of account (BOV CHE CHW CLF COU MXV USN UYI UYW XAD XDR XSU
 * XUA), bond units and metals (XAG XAU XBA XBB XBC XBD XPD XPT), XTS and XXX; and what list three
 * says is withdrawn (ANG BGN CUC HRK SLL ZWL and older ones).
 *
 * When a currency is withdrawn, payments in it are still stored and refunded: its row must stay
 * here for currency_exponent(), and only currency_parse() may refuse it. */
static const struct currency_row currencies[] = {
    {"AED", 2}, {"AFN", 2}, {"ALL", 2}, {"AMD", 2}, {"AOA", 2}, {"ARS", 2}, {"AUD", 2}, {"AWG", 2},
    {"AZN", 2}, {"BAM", 2}, {"BBD", 2}, {"BDT", 2}, {"BHD", 3}, {"BIF", 0}, {"BMD", 2}, {"BND", 2},
    {"BOB", 2}, {"BRL", 2}, {"BSD", 2}, {"BTN", 2}, {"BWP", 2}, {"BYN", 2}, {"BZD", 2}, {"CAD", 2},
    {"CDF", 2}, {"CHF", 2}, {"CLP", 0}, {"CNY", 2}, {"COP", 2}, {"CRC", 2}, {"CUP", 2}, {"CVE", 2},
    {"CZK", 2}, {"DJF", 0}, {"DKK", 2}, {"DOP", 2}, {"DZD", 2}, {"EGP", 2}, {"ERN", 2}, {"ETB", 2},
    {"EUR", 2}, {"FJD", 2}, {"FKP", 2}, {"GBP", 2}, {"GEL", 2}, {"GHS", 2}, {"GIP", 2}, {"GMD", 2},
    {"GNF", 0}, {"GTQ", 2}, {"GYD", 2}, {"HKD", 2}, {"HNL", 2}, {"HTG", 2}, {"HUF", 2}, {"IDR", 2},
    {"ILS", 2}, {"INR", 2}, {"IQD", 3}, {"IRR", 2}, {"ISK", 0}, {"JMD", 2}, {"JOD", 3}, {"JPY", 0},
    {"KES", 2}, {"KGS", 2}, {"KHR", 2}, {"KMF", 0}, {"KPW", 2}, {"KRW", 0}, {"KWD", 3}, {"KYD", 2},
    {"KZT", 2}, {"LAK", 2}, {"LBP", 2}, {"LKR", 2}, {"LRD", 2}, {"LSL", 2}, {"LYD", 3}, {"MAD", 2},
    {"MDL", 2}, {"MGA", 2}, {"MKD", 2}, {"MMK", 2}, {"MNT", 2}, {"MOP", 2}, {"MRU", 2}, {"MUR", 2},
    {"MVR", 2}, {"MWK", 2}, {"MXN", 2}, {"MYR", 2}, {"MZN", 2}, {"NAD", 2}, {"NGN", 2}, {"NIO", 2},
    {"NOK", 2}, {"NPR", 2}, {"NZD", 2}, {"OMR", 3}, {"PAB", 2}, {"PEN", 2}, {"PGK", 2}, {"PHP", 2},
    {"PKR", 2}, {"PLN", 2}, {"PYG", 0}, {"QAR", 2}, {"RON", 2}, {"RSD", 2}, {"RUB", 2}, {"RWF", 0},
    {"SAR", 2}, {"SBD", 2}, {"SCR", 2}, {"SDG", 2}, {"SEK", 2}, {"SGD", 2}, {"SHP", 2}, {"SLE", 2},
    {"SOS", 2}, {"SRD", 2}, {"SSP", 2}, {"STN", 2}, {"SVC", 2}, {"SYP", 2}, {"SZL", 2}, {"THB", 2},
    {"TJS", 2}, {"TMT", 2}, {"TND", 3}, {"TOP", 2}, {"TRY", 2}, {"TTD", 2}, {"TWD", 2}, {"TZS", 2},
    {"UAH", 2}, {"UGX", 0}, {"USD", 2}, {"UYU", 2}, {"UZS", 2}, {"VED", 2}, {"VES", 2}, {"VND", 0},
    {"VUV", 0}, {"WST", 2}, {"XAF", 0}, {"XCD", 2}, {"XCG", 2}, {"XOF", 0}, {"XPF", 0}, {"YER", 2},
    {"ZAR", 2}, {"ZMW", 2}, {"ZWG", 2},
};

static int compare_rows(const void *key, const void *row) {
    return memcmp(key, ((const struct currency_row *)row)->code, CURRENCY_CHARS);
}

/* NULL when no such currency is in circulation. `code` is in upper case. */
static const struct currency_row *row_of(const char code[CURRENCY_CHARS]) {
    return bsearch(code, currencies, COUNT_OF(currencies), sizeof(currencies[0]), compare_rows);
}

int currency_parse(const char *text, struct currency *ret_currency, struct err *err) {
    struct currency currency = {{0}};
    size_t count = 0;

    for (; text != NULL && text[count] != '\0' && count < CURRENCY_CHARS; count++) {
        const char c = text[count];

        if (c >= 'A' && c <= 'Z') {
            currency.code[count] = c;
        } else if (c >= 'a' && c <= 'z') {
            currency.code[count] = (char)(c - 'a' + 'A');
        } else {
            break;
        }
    }
    /* Only what is three letters is repeated: anything else may be what must not be shown. */
    if (count != CURRENCY_CHARS || text[count] != '\0') {
        return err_set(err, ERR_VALIDATION,
                       "a currency is the three letters of ISO 4217, such as USD");
    }
    if (row_of(currency.code) == NULL) {
        return err_set(err, ERR_VALIDATION, "%s is not a currency in circulation (ISO 4217)",
                       currency.code);
    }
    *ret_currency = currency;
    return 0;
}

int currency_exponent(struct currency currency) {
    const struct currency_row *row = row_of(currency.code);

    INVARIANT(row != NULL, "a currency comes from currency_parse()");
    return row->exponent;
}

const char *currency_lower(struct currency currency, char text[CURRENCY_CHARS + 1]) {
    for (int i = 0; i < CURRENCY_CHARS; i++) {
        const char c = currency.code[i];

        text[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    text[CURRENCY_CHARS] = '\0';
    return text;
}

bool currency_equal(struct currency a, struct currency b) {
    return memcmp(a.code, b.code, CURRENCY_CHARS) == 0;
}

static uint64_t power_of_ten(int exponent) {
    uint64_t power = 1;

    for (int i = 0; i < exponent; i++) {
        power *= 10;
    }
    return power;
}

const char *money_decimal(int64_t amount_minor, struct currency currency,
                          char text[MONEY_TEXT_MAX]) {
    const int exponent = currency_exponent(currency);
    const uint64_t unit = power_of_ten(exponent);
    /* The magnitude of INT64_MIN has no int64. */
    const uint64_t magnitude = amount_minor < 0 ? 0 - (uint64_t)amount_minor
                                                : (uint64_t)amount_minor;
    const char *sign = amount_minor < 0 ? "-" : "";

    if (exponent == 0) {
        (void)snprintf(text, MONEY_TEXT_MAX, "%s%" PRIu64, sign, magnitude);
    } else {
        (void)snprintf(text, MONEY_TEXT_MAX, "%s%" PRIu64 ".%0*" PRIu64, sign, magnitude / unit,
                       exponent, magnitude % unit);
    }
    return text;
}

const char *money_show(int64_t amount_minor, struct currency currency, char text[MONEY_TEXT_MAX]) {
    size_t len;

    money_decimal(amount_minor, currency, text);
    len = strlen(text);
    (void)snprintf(text + len, MONEY_TEXT_MAX - len, " %.*s", CURRENCY_CHARS, currency.code);
    return text;
}

/* Counts downwards, since the negative numbers reach one further than the positive ones. */
static bool push_digit(int64_t *negative, char digit) {
    int64_t value;

    if (__builtin_mul_overflow(*negative, INT64_C(10), &value) ||
        __builtin_sub_overflow(value, (int64_t)(digit - '0'), &value)) {
        return false;
    }
    *negative = value;
    return true;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int too_big(struct err *err) {
    return err_set(err, ERR_VALIDATION, "the amount is beyond 64 bits");
}

int money_parse_decimal(const char *text, struct currency currency, int64_t *ret_amount_minor,
                        struct err *err) {
    const int exponent = currency_exponent(currency);
    const bool minus = text != NULL && text[0] == '-';
    const char *at = minus ? text + 1 : text;
    int64_t negative = 0;
    int decimals = 0;

    if (at == NULL || (!is_digit(at[0]) && !(at[0] == '.' && is_digit(at[1])))) {
        return err_set(err, ERR_VALIDATION, "an amount is digits, perhaps with a point: 19.99");
    }
    for (; is_digit(*at); at++) {
        if (!push_digit(&negative, *at)) {
            return too_big(err);
        }
    }
    if (at[0] == '.' && is_digit(at[1])) {
        for (at++; is_digit(*at); at++) {
            if (decimals == exponent && *at != '0') {
                return err_set(err, ERR_VALIDATION, "%s has %d decimals; the amount has more",
                               currency.code, exponent);
            }
            if (decimals < exponent) {
                decimals++;
                if (!push_digit(&negative, *at)) {
                    return too_big(err);
                }
            }
        }
    }
    if (*at != '\0') {
        return err_set(err, ERR_VALIDATION, "an amount is digits, perhaps with a point: 19.99");
    }
    for (; decimals < exponent; decimals++) {
        if (!push_digit(&negative, '0')) {
            return too_big(err);
        }
    }
    if (!minus && negative == INT64_MIN) {
        return too_big(err);
    }
    *ret_amount_minor = minus ? negative : -negative;
    return 0;
}

bool money_add(int64_t a, int64_t b, int64_t *ret_sum) {
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *ret_sum = sum;
    return true;
}

bool money_sub(int64_t a, int64_t b, int64_t *ret_difference) {
    int64_t difference;

    if (__builtin_sub_overflow(a, b, &difference)) {
        return false;
    }
    *ret_difference = difference;
    return true;
}
