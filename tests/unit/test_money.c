/* SPDX-License-Identifier: Apache-2.0
 * test_money.c: which currencies there are, and amounts as text without losing a unit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aborts.h"
#include "base/money.h"

/* ISO 4217's list one without funds, metals and the like: a row more or less must be meant. */
enum { CURRENCIES_IN_CIRCULATION = 155 };
static const char in_circulation[] =
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN "
    "BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB "
    "EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR "
    "ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD "
    "MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR "
    "PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE "
    "SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU "
    "UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

static const char without_decimals[] =
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
static const char with_three_decimals[] = "BHD IQD JOD KWD LYD OMR TND";

static struct currency currency_named(const char *code) {
    struct currency currency = {{0}};

    assert_int_equal(currency_parse(code, &currency, NULL), 0);
    return currency;
}

static void of_all_three_letter_words_the_list_is_taken_with_its_exponents(void **state) {
    int taken = 0;

    for (char a = 'A'; a <= 'Z'; a++) {
        for (char b = 'A'; b <= 'Z'; b++) {
            for (char c = 'A'; c <= 'Z'; c++) {
                const char code[] = {a, b, c, '\0'};
                struct currency currency;

                if (currency_parse(code, &currency, NULL) == 0) {
                    const int expected = strstr(without_decimals, code) != NULL      ? 0
                                         : strstr(with_three_decimals, code) != NULL ? 3
                                                                                     : 2;

                    assert_non_null(strstr(in_circulation, code));
                    assert_string_equal(currency.code, code);
                    assert_int_equal(currency_exponent(currency), expected);
                    taken++;
                }
            }
        }
    }
    assert_int_equal(taken, CURRENCIES_IN_CIRCULATION);
}

static void the_currencies_of_large_markets_are_taken(void **state) {
    static const char *const codes[] = {"USD", "EUR", "GBP", "JPY", "CNY", "HKD", "TWD", "KRW",
                                        "INR", "BRL", "MXN", "CAD", "AUD", "CHF", "SEK", "PLN",
                                        "AED", "SAR", "KWD", "ZAR", "NGN", "IDR", "THB", "VND",
                                        "XOF", "XAF", "XPF", "XCD", "XCG", "SLE", "VES", "ZWG"};

    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        assert_string_equal(currency_named(codes[i]).code, codes[i]);
    }
}

/* Funds and units of account, metals and bond units, "no currency" and "for tests", withdrawn. */
static void codes_that_nobody_pays_with_are_refused(void **state) {
    static const char *const codes[] = {
        "BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW", "XAD", "XDR", "XSU",
        "XUA", "XAG", "XAU", "XPD", "XPT", "XBA", "XBB", "XBC", "XBD", "XXX", "XTS", "ANG",
        "BGN", "CUC", "DEM", "HRK", "SLL", "USS", "ZWL", "BTC", "AAA", "ZZZ"};

    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        struct currency currency = {"old"};
        struct err err = {0};

        assert_int_equal(currency_parse(codes[i], &currency, &err), -ERR_VALIDATION);
        assert_non_null(strstr(err.detail, codes[i]));
        assert_string_equal(currency.code, "old");
    }
}

static void letters_may_be_lower_case_and_come_out_upper(void **state) {
    char lower[CURRENCY_CHARS + 1];

    assert_string_equal(currency_named("usd").code, "USD");
    assert_string_equal(currency_named("jPy").code, "JPY");
    assert_string_equal(currency_lower(currency_named("EUR"), lower), "eur");
}

static void what_is_not_three_letters_is_refused_and_not_repeated(void **state) {
    static const char *const texts[] = {"",     "U",         "US",   "USDT",
                                        "US1",  "U D",       " USD", "USD ",
                                        "US\n", "\xC3\x89U", "840",  "4111111111111111"};
    struct currency currency = {"old"};

    assert_int_equal(currency_parse(NULL, &currency, NULL), -ERR_VALIDATION);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct err err = {0};

        assert_int_equal(currency_parse(texts[i], &currency, &err), -ERR_VALIDATION);
        assert_null(strstr(err.detail, "4111"));
        assert_string_equal(currency.code, "old");
    }
}

static void currencies_are_equal_by_their_code(void **state) {
    assert_true(currency_equal(currency_named("usd"), currency_named("USD")));
    assert_true(currency_equal(currency_stored("USD"), currency_named("USD")));
    assert_false(currency_equal(currency_named("USD"), currency_named("UYU")));
    assert_string_equal(currency_stored(NULL).code, "");
}

static void ask_for_the_exponent_of_nothing(void) {
    (void)currency_exponent(currency_stored(NULL));
}

static void ask_for_the_exponent_of_lower_case(void) {
    (void)currency_exponent(currency_stored("usd"));
}

static void the_exponent_of_a_code_that_was_never_read_is_a_bug(void **state) {
    assert_true(aborts(ask_for_the_exponent_of_nothing));
    assert_true(aborts(ask_for_the_exponent_of_lower_case));
}

static const struct {
    int64_t minor;
    const char *currency;
    const char *decimal;
} both_ways[] = {
    {1999, "USD", "19.99"},
    {500, "JPY", "500"},
    {1234, "KWD", "1.234"},
    {0, "USD", "0.00"},
    {0, "JPY", "0"},
    {0, "KWD", "0.000"},
    {1, "USD", "0.01"},
    {1, "KWD", "0.001"},
    {10, "USD", "0.10"},
    {100, "USD", "1.00"},
    {-1, "USD", "-0.01"},
    {-1999, "USD", "-19.99"},
    {-500, "JPY", "-500"},
    {-1, "KWD", "-0.001"},
    {AMOUNT_MINOR_MAX, "EUR", "10000000.00"},
    {INT64_MAX, "USD", "92233720368547758.07"},
    {INT64_MIN, "USD", "-92233720368547758.08"},
    {INT64_MAX, "JPY", "9223372036854775807"},
    {INT64_MIN, "JPY", "-9223372036854775808"},
    {INT64_MAX, "KWD", "9223372036854775.807"},
    {INT64_MIN, "KWD", "-9223372036854775.808"},
};

static void amounts_are_written_and_read_back_to_the_last_unit(void **state) {
    for (size_t i = 0; i < COUNT_OF(both_ways); i++) {
        const struct currency currency = currency_named(both_ways[i].currency);
        char text[MONEY_TEXT_MAX];
        char shown[MONEY_TEXT_MAX];
        char expected[64];
        int64_t minor = 42;

        assert_ptr_equal(money_decimal(both_ways[i].minor, currency, text), text);
        assert_string_equal(text, both_ways[i].decimal);
        assert_int_equal(money_parse_decimal(both_ways[i].decimal, currency, &minor, NULL), 0);
        assert_true(minor == both_ways[i].minor);
        (void)snprintf(expected, sizeof(expected), "%s %s", both_ways[i].decimal,
                       both_ways[i].currency);
        assert_string_equal(money_show(both_ways[i].minor, currency, shown), expected);
    }
}

static const struct {
    const char *decimal;
    const char *currency;
    int64_t minor;
} readable[] = {
    {"19", "USD", 1900},
    {"19.9", "USD", 1990},
    {"0019.90", "USD", 1990},
    {"19.990", "USD", 1999},
    {"19.99000000000000000000000000000", "USD", 1999},
    {"00000000000000000000000000000019.99", "USD", 1999},
    {".5", "USD", 50},
    {"-.05", "USD", -5},
    {"-0", "USD", 0},
    {"-0.00", "USD", 0},
    {"500.00", "JPY", 500},
    {"1.2", "KWD", 1200},
};

static void shorter_and_longer_spellings_of_the_same_amount_are_read(void **state) {
    for (size_t i = 0; i < COUNT_OF(readable); i++) {
        int64_t minor = 42;

        assert_int_equal(money_parse_decimal(readable[i].decimal,
                                             currency_named(readable[i].currency), &minor, NULL),
                         0);
        assert_true(minor == readable[i].minor);
    }
}

static const struct {
    const char *decimal;
    const char *currency;
} refused[] = {
    {"", "USD"},
    {"-", "USD"},
    {".", "USD"},
    {"-.", "USD"},
    {"19.", "USD"},
    {"+19.99", "USD"},
    {"--1", "USD"},
    {"1-", "USD"},
    {" 19.99", "USD"},
    {"19.99 ", "USD"},
    {"19.99\n", "USD"},
    {"19,99", "USD"},
    {"1,000.00", "USD"},
    {"1 000", "USD"},
    {"1.000.00", "USD"},
    {"1e3", "USD"},
    {"1E3", "USD"},
    {"0x10", "USD"},
    {"NaN", "USD"},
    {"inf", "USD"},
    {"$19", "USD"},
    {"19.99USD", "USD"},
    {"19.999", "USD"},
    {"19.9900000001", "USD"},
    {"0.001", "USD"},
    {"500.1", "JPY"},
    {"500.01", "JPY"},
    {"1.2345", "KWD"},
    {"92233720368547758.08", "USD"},
    {"-92233720368547758.09", "USD"},
    {"92233720368547759", "USD"},
    {"922337203685477580.7", "USD"},
    {"9223372036854775808", "JPY"},
    {"-9223372036854775809", "JPY"},
    {"9223372036854775.808", "KWD"},
    {"99999999999999999999999999999999999999", "USD"},
    {"\xD9\xA1\xD9\xA2", "USD"},
};

static void anything_else_is_refused_and_the_output_stays(void **state) {
    int64_t minor = 42;

    assert_int_equal(money_parse_decimal(NULL, currency_named("USD"), &minor, NULL),
                     -ERR_VALIDATION);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct err err = {0};

        if (money_parse_decimal(refused[i].decimal, currency_named(refused[i].currency), &minor,
                                &err) != -ERR_VALIDATION) {
            fail_msg("\"%s\" was read", refused[i].decimal);
        }
        assert_true(err.detail[0] != '\0');
        assert_int_equal(minor, 42);
    }
}

static void too_many_decimals_are_named_as_such(void **state) {
    struct err err = {0};
    int64_t minor;

    assert_int_equal(money_parse_decimal("1.5", currency_named("JPY"), &minor, &err),
                     -ERR_VALIDATION);
    assert_non_null(strstr(err.detail, "JPY has 0 decimals"));
}

static void sums_and_differences_never_wrap(void **state) {
    int64_t result = 42;

    assert_true(money_add(INT64_MAX - 1, 1, &result));
    assert_true(result == INT64_MAX);
    assert_true(money_sub(INT64_MIN + 1, 1, &result));
    assert_true(result == INT64_MIN);
    assert_true(money_sub(-1, INT64_MIN, &result));
    assert_true(result == INT64_MAX);
    result = 42;
    assert_false(money_add(INT64_MAX, 1, &result));
    assert_false(money_add(INT64_MIN, -1, &result));
    assert_false(money_sub(INT64_MIN, 1, &result));
    assert_false(money_sub(0, INT64_MIN, &result));
    assert_int_equal(result, 42);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_all_three_letter_words_the_list_is_taken_with_its_exponents),
        cmocka_unit_test(the_currencies_of_large_markets_are_taken),
        cmocka_unit_test(codes_that_nobody_pays_with_are_refused),
        cmocka_unit_test(letters_may_be_lower_case_and_come_out_upper),
        cmocka_unit_test(what_is_not_three_letters_is_refused_and_not_repeated),
        cmocka_unit_test(currencies_are_equal_by_their_code),
        cmocka_unit_test(the_exponent_of_a_code_that_was_never_read_is_a_bug),
        cmocka_unit_test(amounts_are_written_and_read_back_to_the_last_unit),
        cmocka_unit_test(shorter_and_longer_spellings_of_the_same_amount_are_read),
        cmocka_unit_test(anything_else_is_refused_and_the_output_stays),
        cmocka_unit_test(too_many_decimals_are_named_as_such),
        cmocka_unit_test(sums_and_differences_never_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
