/* SPDX-License-Identifier: Apache-2.0
 * test_field.c: what the fields of statements hold, read exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>

#include "base/clock.h"
#include "statement/field.h"

#define REFUSED INT64_MIN

static struct currency currency(const char *code) {
    struct currency currency;
    struct err err;
    assert_int_equal(currency_parse(code, &currency, &err), 0);
    return currency;
}

/* The same bytes in memory that ends with them. */
static int64_t amount(const char *text, struct amount_style style, const char *code) {
    char *bytes = g_memdup2(text, strlen(text) + (text[0] == '\0'));
    int64_t minor = REFUSED;
    struct err err = {0};
    int rc = field_amount(bytes, strlen(text), &style, currency(code), &minor, &err);
    assert_true(rc == 0 ? minor != REFUSED : rc == -ERR_VALIDATION && err.detail[0] != '\0');
    g_free(bytes);
    return rc == 0 ? minor : REFUSED;
}

static const struct amount_style plain = {.decimal = '.'}, english = {'.', ','};
static const struct amount_style german = {',', '.'}, french = {',', ' '}, swiss = {'.', '\''};
static const struct amount_style pointed_minor = {.decimal = '.', .minor = true};
static const struct amount_style in_minor = {.minor = true}, two_implied = {.implied = 2};
static const struct amount_style of_all_kinds = {.decimal = '.',
                                                 .group = ',',
                                                 .plus = true,
                                                 .parentheses = true,
                                                 .trailing = true,
                                                 .symbol = true};
static const struct {
    const char *text;
    const struct amount_style *style;
    const char *code;
    int64_t minor;
} amounts[] = {
    {"12.50", &plain, "USD", 1250},
    {"-12.5", &plain, "USD", -1250},
    {"12", &plain, "USD", 1200},
    {" 12.50\t", &plain, "USD", 1250},
    {"0", &plain, "USD", 0},
    {"-0.00", &plain, "USD", 0},
    {"00012.50", &plain, "USD", 1250},
    {"12.500000", &plain, "USD", 1250},
    {"12.501", &plain, "USD", REFUSED},
    {"12.505000", &plain, "USD", REFUSED},
    {"1250", &plain, "JPY", 1250},
    {"1250.00", &plain, "JPY", 1250},
    {"1250.01", &plain, "JPY", REFUSED},
    {"1.234", &plain, "KWD", 1234},
    {"1.2345", &plain, "KWD", REFUSED},
    {"92233720368547758.07", &plain, "USD", INT64_MAX},
    {"92233720368547758.08", &plain, "USD", REFUSED},
    {"-92233720368547758.08", &plain, "USD", REFUSED},
    {"99999999999999999999999999999999999999999", &plain, "USD", REFUSED},
    {"0.00000000000000000000000000000000000000000", &plain, "USD", REFUSED},
    {"", &plain, "USD", REFUSED},
    {"  ", &plain, "USD", REFUSED},
    {"-", &plain, "USD", REFUSED},
    {".", &plain, "USD", REFUSED},
    {".50", &plain, "USD", REFUSED},
    {"12.", &plain, "USD", REFUSED},
    {"1.2.3", &plain, "USD", REFUSED},
    {"1e3", &plain, "USD", REFUSED},
    {"0x10", &plain, "USD", REFUSED},
    {"nan", &plain, "USD", REFUSED},
    {"12,50", &plain, "USD", REFUSED},
    {"1 250", &plain, "USD", REFUSED},
    {"--5", &plain, "USD", REFUSED},
    {"+5", &plain, "USD", REFUSED},
    {"5-", &plain, "USD", REFUSED},
    {"(5)", &plain, "USD", REFUSED},
    {"$5", &plain, "USD", REFUSED},
    {"5\n", &plain, "USD", REFUSED},
    {"\xD9\xA1\xD9\xA2", &plain, "USD", REFUSED},
    {"1,234.50", &english, "USD", 123450},
    {"12,345,678.90", &english, "USD", 1234567890},
    {"1234.50", &english, "USD", 123450},
    {"-1,234", &english, "USD", -123400},
    {"1,23.50", &english, "USD", REFUSED},
    {"1234,567.00", &english, "USD", REFUSED},
    {"1,2345", &english, "USD", REFUSED},
    {",123", &english, "USD", REFUSED},
    {"1,,234", &english, "USD", REFUSED},
    {"1,234,", &english, "USD", REFUSED},
    {"1.234,567", &english, "KWD", REFUSED},
    {"1.234,50", &german, "EUR", 123450},
    {"1.234", &german, "EUR", 123400},
    {"1,5", &german, "EUR", 150},
    {"1.5", &german, "EUR", REFUSED},
    {"1,234.50", &german, "EUR", REFUSED},
    {"1 234,50", &french, "EUR", 123450},
    {"1\u00A0234\u00A0567,50", &french, "EUR", 123456750},
    {"1\u202F234,50", &french, "EUR", 123450},
    {"1  234,50", &french, "EUR", REFUSED},
    {"1'234.50", &swiss, "CHF", 123450},
    {"1\u2019234.50", &swiss, "CHF", 123450},
    {"1250", &in_minor, "USD", 1250},
    {"-1250", &in_minor, "KWD", -1250},
    {"12.50", &in_minor, "USD", REFUSED},
    {"12.00", &in_minor, "USD", REFUSED},
    {"12.00", &pointed_minor, "USD", REFUSED},
    {"1250", &two_implied, "USD", 1250},
    {"5", &two_implied, "USD", 5},
    {"10000", &two_implied, "JPY", 100},
    {"10050", &two_implied, "JPY", REFUSED},
    {"5", &two_implied, "JPY", REFUSED},
    {"1250", &two_implied, "KWD", 12500},
    {"(1,234.50)", &of_all_kinds, "USD", -123450},
    {"12.50-", &of_all_kinds, "USD", -1250},
    {"+12.50", &of_all_kinds, "USD", 1250},
    {"$12.50", &of_all_kinds, "USD", 1250},
    {"-$12.50", &of_all_kinds, "USD", -1250},
    {"$-12.50", &of_all_kinds, "USD", -1250},
    {"12.50 \u20AC", &of_all_kinds, "EUR", 1250},
    {"12.50\u20AC-", &of_all_kinds, "EUR", -1250},
    {"($12.50)", &of_all_kinds, "USD", -1250},
    {"CN\u00A512.50", &of_all_kinds, "CNY", 1250},
    {"$12.50$", &of_all_kinds, "USD", REFUSED},
    {"-12.50-", &of_all_kinds, "USD", REFUSED},
    {"(-12.50)", &of_all_kinds, "USD", REFUSED},
    {"+-12.50", &of_all_kinds, "USD", REFUSED},
    {"(12.50", &of_all_kinds, "USD", REFUSED},
    {"()", &of_all_kinds, "USD", REFUSED},
    {"$", &of_all_kinds, "USD", REFUSED},
};

static void amounts_are_read_exactly_or_refused(void **state) {
    for (size_t i = 0; i < COUNT_OF(amounts); i++) {
        int64_t read = amount(amounts[i].text, *amounts[i].style, amounts[i].code);
        if (read != amounts[i].minor) {
            fail_msg("'%s' is read as %lld", amounts[i].text, (long long)read);
        }
    }
    (void)state;
}

/* With any number of decimals, digits that fit are read and others refused, never wrapped. */
static void amounts_of_any_scale_fit_or_are_refused(void **state) {
    static const struct amount_style style = {.decimal = '.'};
    for (int scale = 0; scale <= 6; scale++) {
        char text[32] = "";
        int64_t power = 1;
        for (int i = 0; i < scale; i++) {
            power *= 10;
        }
        for (int digits = 1; digits <= 25; digits++) {
            int64_t minor = REFUSED, number = 0;
            struct err err;
            memset(text, '9', (size_t)digits);
            bool fits = true;
            for (int i = 0; i < digits; i++) {
                fits = fits && !__builtin_mul_overflow(number, 10, &number) &&
                       !__builtin_add_overflow(number, 9, &number);
            }
            fits = fits && !__builtin_mul_overflow(number, power, &number);
            int rc = field_amount_scaled(text, (size_t)digits, &style, scale, &minor, &err);
            assert_int_equal(rc, fits ? 0 : -ERR_VALIDATION);
            assert_int_equal(minor, fits ? number : REFUSED);
        }
    }
    (void)state;
}

/* A style without a point has none, also not the byte that stands for that. */
static void a_nul_is_no_point(void **state) {
    static const struct amount_style without = {0}, with = {.decimal = '.'};
    int64_t minor = REFUSED;
    struct err err;
    assert_true(field_amount_scaled("1\0005", 3, &without, 2, &minor, &err) < 0);
    assert_true(field_amount_scaled("1\0005", 3, &with, 2, &minor, &err) < 0);
    assert_true(field_amount_scaled("\0", 1, &without, 2, &minor, &err) < 0);
    assert_true(minor == REFUSED);
    (void)state;
}

/* Whatever is written by money.h is read back as the same amount. */
static void every_amount_that_money_writes_is_read_back(void **state) {
    static const char *const codes[] = {"USD", "JPY", "KWD"};
    GRand *random = g_rand_new_with_seed(5);
    for (int i = 0; i < 20000; i++) {
        struct currency one = currency(codes[i % 3]);
        int64_t minor = (int64_t)(((uint64_t)g_rand_int(random) << 32 | g_rand_int(random)) >>
                                  (1 + i % 60));
        minor = i % 2 == 0 ? minor : -minor;
        char text[MONEY_TEXT_MAX];
        money_decimal(minor, one, text);
        assert_int_equal(amount(text, (struct amount_style){.decimal = '.'}, codes[i % 3]), minor);
    }
    g_rand_free(random);
    (void)state;
}

static int64_t at(const char *text, const char *pattern, const struct time_zone *zone,
                  struct time_memory *memory) {
    struct time_pattern read;
    struct err err;
    int64_t once = REFUSED, again = REFUSED;
    int rc = field_time(text, strlen(text), pattern, zone, &once, &err);
    assert_true(rc == 0 || rc == -ERR_VALIDATION);
    if (time_pattern_read(pattern, &read, &err) == 0) {
        int by = field_time_by(text, strlen(text), &read, zone, memory, &again, &err);
        assert_int_equal(by, rc);
        assert_int_equal(again, once);
    }
    return rc == 0 ? once : REFUSED;
}

static void times_are_read_by_their_pattern_or_refused(void **state) {
    static const char iso[] = "YYYY-MM-DD hh:mm:ss";
    static const struct {
        const char *text, *pattern;
        int64_t s, us;
    } cases[] = {
        {"2025-09-01 10:11:12", iso, 1756721472, 0},
        {"2025-09-01   10:11:12", iso, 1756721472, 0},
        {" 2025-09-01 10:11:12 ", iso, 1756721472, 0},
        {"2025-09-01T10:11:12Z", "YYYY-MM-DDThh:mm:ssZ", 1756721472, 0},
        {"2025-09-01T10:11:12+02:00", "YYYY-MM-DDThh:mm:ssZ", 1756714272, 0},
        {"2025-09-01T10:11:12-0730", "YYYY-MM-DDThh:mm:ssZ", 1756748472, 0},
        {"2025/09/01 10:11:12 -07", "YYYY/MM/DD hh:mm:ss Z", 1756746672, 0},
        {"2025-09-01T10:11:12.5Z", "YYYY-MM-DDThh:mm:ss.fffZ", 1756721472, 500000},
        {"2025-09-01T10:11:12.123456789Z", "YYYY-MM-DDThh:mm:ss.fffZ", 1756721472, 123456},
        {"01.09.2025", "DD.MM.YYYY", 1756684800, 0},
        {"1.9.2025", "D.M.YYYY", 1756684800, 0},
        {"01.09.2025", "D.M.YYYY", 1756684800, 0},
        {"9/1/2025 1:05 PM", "M/D/YYYY h:mm AM", 1756731900, 0},
        {"9/1/2025 12:05 am", "M/D/YYYY h:mm AM", 1756685100, 0},
        {"9/1/2025 12:05 PM", "M/D/YYYY h:mm AM", 1756728300, 0},
        {"250901101112", "YYMMDDhhmmss", 1756721472, 0},
        {"1 Sep 2025", "D MMM YYYY", 1756684800, 0},
        {"01 SEPTEMBER 2025", "DD MMM YYYY", 1756684800, 0},
        {"1 May 2025", "D MMM YYYY", 1746057600, 0},
        {"29.02.2024", "DD.MM.YYYY", 1709164800, 0},
        {"1756721472", "unix_s", 1756721472, 0},
        {"1756721472005", "unix_ms", 1756721472, 5000},
        {"1970-01-01 00:00:00", iso, 0, 0},
        {"9999-12-31 23:59:59", iso, 253402300799, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct time_memory memory = {0};
        int64_t read = at(cases[i].text, cases[i].pattern, NULL, &memory);
        if (read != cases[i].s * US_PER_SECOND + cases[i].us) {
            fail_msg("'%s' is read as %lld", cases[i].text, (long long)read);
        }
        assert_int_equal(at(cases[i].text, cases[i].pattern, NULL, &memory), read);
    }
    (void)state;
}

static void times_that_are_none_are_refused(void **state) {
    static const char iso[] = "YYYY-MM-DD hh:mm:ss", offset[] = "YYYY-MM-DDThh:mm:ssZ";
    static const struct {
        const char *text, *pattern;
    } cases[] = {
        {"", iso},
        {"2025-09-01", iso},
        {"2025-09-01 10:11:12Z", iso},
        {"2025-09-01 10:11:12 x", iso},
        {"2025-9-1 10:11:12", iso},
        {"2025-09-0110:11:12", iso},
        {"2025-02-29 10:11:12", iso},
        {"2025-13-01 10:11:12", iso},
        {"2025-00-01 10:11:12", iso},
        {"2025-09-00 10:11:12", iso},
        {"2025-09-31 10:11:12", iso},
        {"2025-09-01 24:00:00", iso},
        {"2025-09-01 10:60:12", iso},
        {"2025-09-01 10:11:60", iso},
        {"1969-12-31 23:59:59", iso},
        {"0000-01-01 00:00:00", iso},
        {"-025-09-01 10:11:12", iso},
        {"2025-09-01T10:11:12", offset},
        {"2025-09-01T10:11:12+2", offset},
        {"2025-09-01T10:11:12+24:00", offset},
        {"2025-09-01T10:11:12+02:60", offset},
        {"2025-09-01T10:11:12+02:", offset},
        {"2025-09-01T10:11:12.Z", "YYYY-MM-DDThh:mm:ss.fffZ"},
        {"13/1/2025 13:05 PM", "M/D/YYYY h:mm AM"},
        {"9/1/2025 0:05 AM", "M/D/YYYY h:mm AM"},
        {"9/1/2025 1:05 XM", "M/D/YYYY h:mm AM"},
        {"9/1/2025 1:05", "M/D/YYYY h:mm AM"},
        {"1 Sep. 2025", "D MMM YYYY"},
        {"1 Foo 2025", "D MMM YYYY"},
        {"-5", "unix_s"},
        {"5.5", "unix_s"},
        {"999999999999999999", "unix_s"},
        {"2025-09-01 10:11:12", "hh:mm:ss"},
        {"2025-09-01 2025", "YYYY-MM-DD YYYY"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct time_memory memory = {0};
        if (at(cases[i].text, cases[i].pattern, NULL, &memory) != REFUSED) {
            fail_msg("'%s' was taken for a time", cases[i].text);
        }
    }
    (void)state;
}

static bool was_ever(const char *text, const struct time_zone *zone) {
    struct err err;
    int64_t local_s = 0;
    assert_int_equal(field_local(text, strlen(text), "YYYY-MM-DD hh:mm:ss", &local_s, &err), 0);
    return local_from_wall(zone, wall_from_local(zone, local_s)) == local_s;
}

/* A memory of days must change nothing, on the days on which clocks change least of all. */
static void a_memory_of_days_gives_the_same_as_the_calendar(void **state) {
    static const char *const names[] = {"Europe/Berlin", "America/New_York", "Asia/Shanghai",
                                        "Australia/Lord_Howe", "UTC"};
    GRand *random = g_rand_new_with_seed(7);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct time_zone *zone = NULL;
        struct err err;
        struct time_memory memory = {0};
        assert_int_equal(time_zone_open(names[i], &zone, &err), 0);
        for (int j = 0; j < 4000; j++) {
            char text[40];
            int month = j % 4 < 2 ? g_rand_int_range(random, 1, 13) : j % 4 == 2 ? 3 : 11;
            g_snprintf(text, sizeof text, "%d-%02d-%02d %02d:%02d:%02d",
                       g_rand_int_range(random, 2020, 2030), month, g_rand_int_range(random, 1, 29),
                       g_rand_int_range(random, 0, 24), g_rand_int_range(random, 0, 60),
                       g_rand_int_range(random, 0, 60));
            assert_true((at(text, "YYYY-MM-DD hh:mm:ss", zone, &memory) != REFUSED) ==
                        was_ever(text, zone));
        }
        /* Every quarter of an hour of the days around two changes. */
        for (int j = 0; j < 96 * 8; j++) {
            char text[40];
            g_snprintf(text, sizeof text, "2025-%s-%02d %02d:%02d:00", j % 2 == 0 ? "03" : "10",
                       24 + j / 96, j / 4 % 24, j % 4 * 15);
            assert_true((at(text, "YYYY-MM-DD hh:mm:ss", zone, &memory) != REFUSED) ==
                        was_ever(text, zone));
        }
        time_zone_close(zone);
    }
    g_rand_free(random);
    (void)state;
}

/* Clocks of Berlin went from 02:00 to 03:00 on that day, and showed 02:30 twice on the other. */
static void a_time_that_never_was_is_refused_and_one_that_was_twice_is_the_first(void **state) {
    static const char iso[] = "YYYY-MM-DD hh:mm:ss";
    struct time_zone *zone = NULL;
    struct err err;
    assert_int_equal(time_zone_open("Europe/Berlin", &zone, &err), 0);
    assert_true(at("2025-03-30 02:00:00", iso, zone, NULL) == REFUSED);
    assert_true(at("2025-03-30 02:59:59", iso, zone, NULL) == REFUSED);
    assert_true(at("30.3.2025 2:30", "D.M.YYYY h:mm", zone, NULL) == REFUSED);
    assert_int_equal(at("2025-03-30 01:59:59", iso, zone, NULL),
                     INT64_C(1743296399) * US_PER_SECOND);
    assert_int_equal(at("2025-03-30 03:00:00", iso, zone, NULL),
                     INT64_C(1743296400) * US_PER_SECOND);
    assert_int_equal(at("2025-10-26 02:30:00", iso, zone, NULL),
                     INT64_C(1761438600) * US_PER_SECOND);
    time_zone_close(zone);
    /* A day that began at one o'clock is a day all the same. */
    assert_int_equal(time_zone_open("Africa/Cairo", &zone, &err), 0);
    assert_true(at("2025-04-25", "YYYY-MM-DD", zone, NULL) != REFUSED);
    assert_true(at("2025-04-25 00:30:00", iso, zone, NULL) == REFUSED);
    time_zone_close(zone);
    (void)state;
}

static void local_times_stand_in_their_zone(void **state) {
    struct time_zone *zone = NULL;
    struct err err;
    int64_t local_s = 0;
    assert_int_equal(time_zone_open("Europe/Berlin", &zone, &err), 0);
    assert_int_equal(at("01.09.2025 12:11:12", "DD.MM.YYYY hh:mm:ss", zone, NULL),
                     INT64_C(1756721472) * US_PER_SECOND);
    assert_int_equal(at("01.12.2025 12:00:00", "DD.MM.YYYY hh:mm:ss", zone, NULL),
                     INT64_C(1764586800) * US_PER_SECOND);
    /* An offset that is told is not overruled by the zone. */
    assert_int_equal(at("2025-09-01T10:11:12Z", "YYYY-MM-DDThh:mm:ssZ", zone, NULL),
                     INT64_C(1756721472) * US_PER_SECOND);
    assert_int_equal(field_local("20250901", 8, "YYYYMMDD", &local_s, &err), 0);
    assert_int_equal(local_s, 1756684800);
    time_zone_close(zone);
    (void)state;
}

static void counts_are_digits_only(void **state) {
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {{"0", 0},
                 {" 12 ", 12},
                 {"007", 7},
                 {"999999999999999999", 999999999999999999},
                 {"", REFUSED},
                 {"-1", REFUSED},
                 {"+1", REFUSED},
                 {"1.0", REFUSED},
                 {"1 2", REFUSED},
                 {"a", REFUSED},
                 {"1000000000000000000", REFUSED}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = REFUSED;
        struct err err;
        int rc = field_count(cases[i].text, strlen(cases[i].text), &value, &err);
        assert_int_equal(rc == 0 ? value : REFUSED, cases[i].value);
    }
    (void)state;
}

static void texts_are_trimmed_and_have_no_controls(void **state) {
    static const struct {
        const char *bytes;
        size_t count;
        bool cut;
        const char *text; /* NULL: refused */
    } cases[] = {
        {" a b\t", 5, false, "a b"},
        {"", 0, false, ""},
        {"1234567", 7, false, "1234567"},
        {"12345678", 8, false, NULL},
        {"12345678", 8, true, "1234567"},
        {"12345\u20AC", 8, true, "12345"},
        {"1234\u20AC", 7, false, "1234\u20AC"},
        {"a\0b", 3, false, NULL},
        {"a\nb", 3, false, NULL},
        {"a\x7F", 2, false, NULL},
        {"a\xC2\x85", 3, false, NULL},
        {"a\xE9", 2, false, NULL},
        {"\xC3", 1, false, NULL},
        {"\xED\xA0\x80", 3, false, NULL},
        {"a\u00A0b", 4, false, "a\u00A0b"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[8] = "?";
        char *bytes = g_memdup2(cases[i].bytes, cases[i].count + (cases[i].count == 0));
        struct err err;
        int rc = field_words(bytes, cases[i].count, cases[i].cut, text, sizeof text, &err);
        if (cases[i].text == NULL) {
            assert_int_equal(rc, -ERR_VALIDATION);
        } else {
            assert_int_equal(rc, 0);
            assert_string_equal(text, cases[i].text);
        }
        g_free(bytes);
    }
    (void)state;
}

static void notes_are_cleaned_and_cut_not_refused(void **state) {
    static const struct {
        const char *bytes;
        char quote;
        const char *text;
        bool is_utf8;
    } cases[] = {
        {" a\nb ", 0, "a b", true},        {"1234567890", 0, "1234567", true},
        {"12345\u20AC", 0, "12345", true}, {"a\xE9z", 0, "a z", false},
        {"a\xC2\x85z", 0, "a z", true},    {"a\"\"b", '"', "a\"b", true},
        {"a\"\"b", 0, "a\"\"b", true},     {"\"\"\"\"", '"', "\"\"", true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[8] = "?";
        bool is_utf8 = field_note(cases[i].bytes, strlen(cases[i].bytes), cases[i].quote, text,
                                  sizeof text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(is_utf8, cases[i].is_utf8);
    }
    (void)state;
}

static void gb18030_is_turned_into_utf8_whole_or_not_at_all(void **state) {
    char *text = NULL;
    size_t count = 0;
    struct err err;
    assert_int_equal(field_gb18030("a\xD6\xD0\n", 4, &text, &count, &err), 0);
    assert_int_equal(count, 5);
    assert_memory_equal(text, "a\u4E2D\n", 5);
    g_free(text);
    assert_int_equal(field_gb18030("", 0, &text, &count, &err), 0);
    assert_int_equal(count, 0);
    g_free(text);
    assert_int_equal(field_gb18030("a\nb\n\xFF\xFF", 6, &text, &count, &err), -ERR_BAD_REQUEST);
    assert_non_null(strstr(err.detail, "line 3"));
    /* Half a character at the end is not passed over. */
    assert_int_equal(field_gb18030("a\n\xD6", 3, &text, &count, &err), -ERR_BAD_REQUEST);
    assert_non_null(strstr(err.detail, "line 2"));
    assert_int_equal(field_charset("WINDOWS-1252", "\x80", 1, &text, &count, &err), 0);
    assert_memory_equal(text, "\u20AC", 3);
    g_free(text);
    (void)state;
}

static void what_is_refused_shows_no_card_number(void **state) {
    static const struct amount_style style = {.decimal = '.'};
    struct err err;
    int64_t minor = 0;
    assert_true(field_amount("x 4242424242424242", 18, &style, currency("USD"), &minor, &err) < 0);
    assert_null(strstr(err.detail, "42424242"));
    assert_non_null(strstr(err.detail, "4242"));
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_read_exactly_or_refused),
        cmocka_unit_test(amounts_of_any_scale_fit_or_are_refused),
        cmocka_unit_test(a_nul_is_no_point),
        cmocka_unit_test(every_amount_that_money_writes_is_read_back),
        cmocka_unit_test(times_are_read_by_their_pattern_or_refused),
        cmocka_unit_test(times_that_are_none_are_refused),
        cmocka_unit_test(a_memory_of_days_gives_the_same_as_the_calendar),
        cmocka_unit_test(local_times_stand_in_their_zone),
        cmocka_unit_test(a_time_that_never_was_is_refused_and_one_that_was_twice_is_the_first),
        cmocka_unit_test(counts_are_digits_only),
        cmocka_unit_test(texts_are_trimmed_and_have_no_controls),
        cmocka_unit_test(notes_are_cleaned_and_cut_not_refused),
        cmocka_unit_test(gb18030_is_turned_into_utf8_whole_or_not_at_all),
        cmocka_unit_test(what_is_refused_shows_no_card_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
