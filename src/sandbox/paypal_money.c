/* SPDX-License-Identifier: Apache-2.0
 * paypal_money.c: amounts and texts in a request to the simulated PayPal. */
#include "sandbox/paypal.h"

enum { VALUE_CHARS_MAX = 32, FIELD_CHARS_MAX = 160 };
#define AMOUNT_MINOR_LARGEST INT64_C(999999999)

static const char *const currencies[] = {"AUD", "BRL", "CAD", "CNY", "CZK", "DKK", "EUR", "HKD",
                                         "HUF", "ILS", "JPY", "MYR", "MXN", "TWD", "NZD", "NOK",
                                         "PHP", "PLN", "GBP", "SGD", "SEK", "CHF", "THB", "USD"};

static bool whole_units(struct currency currency) {
    return strcmp(currency.code, "HUF") == 0 || strcmp(currency.code, "TWD") == 0 ||
           strcmp(currency.code, "JPY") == 0;
}

const char *sb_paypal_decimal(int64_t amount_minor, struct currency currency,
                              char text[MONEY_TEXT_MAX]) {
    if (whole_units(currency) && currency_exponent(currency) == 2) {
        snprintf(text, MONEY_TEXT_MAX, "%lld", (long long)(amount_minor / 100));
        return text;
    }
    return money_decimal(amount_minor, currency, text);
}

/* 3.49 % and a fixed 0.49, in units that the currency has there. */
int64_t sb_paypal_fee(int64_t amount_minor, struct currency currency) {
    int64_t fee = (amount_minor * 349 + 5000) / 10000 + 49;
    bool in_hundreds = whole_units(currency) && currency_exponent(currency) == 2;
    return in_hundreds ? (fee + 99) / 100 * 100 : fee;
}

static bool wrong(struct sb_paypal_call *call, int status, const char *issue, const char *field,
                  const char *key, const char *description) {
    char place[FIELD_CHARS_MAX];
    snprintf(place, sizeof(place), "%s%s%s", field, key[0] != '\0' ? "/" : "", key);
    sb_paypal_fail(call, &(struct sb_paypal_error){status, issue, place, description});
    return false;
}

static bool read_currency(struct sb_paypal_call *call, const char *code, const char *field,
                          struct currency *ret_currency) {
    struct err err;
    for (size_t i = 0; i < COUNT_OF(currencies); i++) {
        if (strcmp(currencies[i], code) == 0 && currency_parse(code, ret_currency, &err) == 0) {
            return true;
        }
    }
    return wrong(call, 422, "INVALID_CURRENCY_CODE", field, "currency_code",
                 "Currency code is invalid or is not currently supported.");
}

/* -?digits[.digits] as PayPal's pattern has it; where the fraction begins, or NULL. */
static bool value_ok(const char *value, const char **ret_fraction) {
    const char *at = value + (value[0] == '-' ? 1 : 0);
    size_t whole = strspn(at, "0123456789");
    const char *point = at + whole;
    *ret_fraction = *point == '.' ? point + 1 : NULL;
    if (*ret_fraction == NULL) {
        return whole > 0 && *point == '\0';
    }
    size_t fraction = strspn(*ret_fraction, "0123456789");
    return fraction > 0 && (*ret_fraction)[fraction] == '\0';
}

static bool read_value(struct sb_paypal_call *call, const char *value, const char *field,
                       struct currency currency, int64_t *ret_amount_minor) {
    const char *fraction = NULL;
    struct err err;
    if (strlen(value) > VALUE_CHARS_MAX || !value_ok(value, &fraction)) {
        return wrong(call, 400, "INVALID_PARAMETER_SYNTAX", field, "value",
                     "The value of a field does not conform to the expected format.");
    }
    if (fraction != NULL && (whole_units(currency) || strlen(fraction) > 2)) {
        return wrong(
            call, 422, "DECIMAL_PRECISION", field, "value",
            "The value of the field should not be more than two decimal places, and has none "
            "in this currency.");
    }
    if (value[0] == '-') {
        return wrong(call, 422, "CANNOT_BE_NEGATIVE", field, "value", "Must be greater than zero.");
    }
    char text[VALUE_CHARS_MAX + 2];
    snprintf(text, sizeof(text), "%s%s", value[0] == '.' ? "0" : "", value);
    if (money_parse_decimal(text, currency, ret_amount_minor, &err) < 0) {
        return wrong(call, 422, "MAX_VALUE_EXCEEDED", field, "value",
                     "Should be less than or equal to 9999999.99.");
    }
    if (*ret_amount_minor <= 0) {
        return wrong(call, 422, "CANNOT_BE_ZERO_OR_NEGATIVE", field, "value",
                     "Must be greater than zero.");
    }
    if (*ret_amount_minor > AMOUNT_MINOR_LARGEST) {
        return wrong(call, 422, "MAX_VALUE_EXCEEDED", field, "value",
                     "Should be less than or equal to 9999999.99.");
    }
    return true;
}

bool sb_paypal_money(struct sb_paypal_call *call, const json_t *money, const char *field,
                     int64_t *ret_amount_minor, struct currency *ret_currency) {
    const char *code = json_peek_text(money, "currency_code", NULL);
    const char *value = json_peek_text(money, "value", NULL);
    if (code == NULL || value == NULL) {
        return wrong(call, 400, "MISSING_REQUIRED_PARAMETER", field,
                     code == NULL ? "currency_code" : "value",
                     "A required field / parameter is missing.");
    }
    return read_currency(call, code, field, ret_currency) &&
           read_value(call, value, field, *ret_currency, ret_amount_minor);
}

bool sb_paypal_breakdown(struct sb_paypal_call *call, const json_t *amount, const char *field,
                         int64_t amount_minor, struct currency currency) {
    static const struct {
        const char *key;
        int sign;
    } parts[] = {{"item_total", 1}, {"tax_total", 1}, {"shipping", 1},          {"handling", 1},
                 {"insurance", 1},  {"discount", -1}, {"shipping_discount", -1}};
    const json_t *breakdown = json_peek(amount, "breakdown", NULL);
    if (breakdown == NULL) {
        return true;
    }
    int64_t sum = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const char *value = json_peek_text(breakdown, parts[i].key, "value", NULL);
        int64_t part = 0;
        struct err err;
        if (value != NULL && money_parse_decimal(value, currency, &part, &err) < 0) {
            return wrong(call, 422, "DECIMAL_PRECISION", field, parts[i].key, NULL);
        }
        sum += parts[i].sign * part;
    }
    return sum == amount_minor ||
           wrong(call, 422, "AMOUNT_MISMATCH", field, "value",
                 "Should equal item_total + tax_total + shipping + handling + insurance - "
                 "shipping_discount - discount.");
}

bool sb_paypal_text(struct sb_paypal_call *call, const json_t *object, const char *key,
                    const char *field, size_t chars_max, const char **ret_text) {
    const json_t *value = json_peek(object, key, NULL);
    if (value == NULL || json_is_null(value)) {
        return true;
    }
    if (!json_is_string(value)) {
        return wrong(call, 400, "INVALID_PARAMETER_SYNTAX", field, key,
                     "The value of a field does not conform to the expected format.");
    }
    if (json_string_length(value) > chars_max) {
        return wrong(call, 400, "INVALID_STRING_LENGTH", field, key,
                     "The value of a field is either too short or too long.");
    }
    *ret_text = json_string_value(value);
    return true;
}
