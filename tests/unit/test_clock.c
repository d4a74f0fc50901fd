/* SPDX-License-Identifier: Apache-2.0
 * test_clock.c: times as RFC 3339 text and back; the C library's calendar is the oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"

#define YEAR_0000_US INT64_C(-62167219200000000)
#define YEAR_9999_END_US INT64_C(253402300799999999)

static const struct {
    int64_t us;
    const char *text;
} both_ways[] = {
    {0, "1970-01-01T00:00:00Z"},
    {1, "1970-01-01T00:00:00.000001Z"},
    {-1, "1969-12-31T23:59:59.999999Z"},
    {INT64_C(1795161600250000), "2026-11-20T08:00:00.250Z"},
    {INT64_C(1795161600250001), "2026-11-20T08:00:00.250001Z"},
    {INT64_C(1795161600001000), "2026-11-20T08:00:00.001Z"},
    {INT64_C(951782400000000), "2000-02-29T00:00:00Z"},
    {INT64_C(4107542400000000), "2100-03-01T00:00:00Z"},
    {YEAR_0000_US, "0000-01-01T00:00:00Z"},
    {YEAR_9999_END_US, "9999-12-31T23:59:59.999999Z"},
};

static void a_time_is_written_and_read_back(void **state) {
    for (size_t i = 0; i < COUNT_OF(both_ways); i++) {
        char text[CLOCK_TEXT_MAX];
        int64_t us = -77;

        assert_ptr_equal(clock_format(both_ways[i].us, text), text);
        assert_string_equal(text, both_ways[i].text);
        assert_true(clock_parse(both_ways[i].text, &us));
        assert_int_equal(us, both_ways[i].us);
    }
}

static void agree_with_the_library(int64_t us) {
    const int64_t seconds = (us - YEAR_0000_US) / US_PER_SECOND + YEAR_0000_US / US_PER_SECOND;
    const time_t library_seconds = (time_t)seconds;
    struct tm tm;
    char expected[64];
    char text[CLOCK_TEXT_MAX];
    int64_t back = 0;

    assert_non_null(gmtime_r(&library_seconds, &tm));
    (void)snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    clock_format(us, text);
    assert_memory_equal(text, expected, strlen(expected));
    assert_true(clock_parse(text, &back));
    assert_int_equal(back, us);
}

static void every_first_and_last_day_of_every_month_agrees_with_the_c_library(void **state) {
    for (int year = 0; year <= 9999; year += year % 400 < 110 ? 1 : 7) {
        for (int month = 0; month < 12; month++) {
            struct tm tm = {.tm_year = year - 1900, .tm_mon = month, .tm_mday = 1};
            const int64_t first_us = (int64_t)timegm(&tm) * US_PER_SECOND;

            agree_with_the_library(first_us);
            if (first_us > YEAR_0000_US) {
                agree_with_the_library(first_us - 1);
            }
        }
    }
}

static void any_time_agrees_with_the_c_library(void **state) {
    struct prng prng;

    prng_init(&prng, 20261120);
    for (int i = 0; i < 50000; i++) {
        const uint64_t span = (uint64_t)(YEAR_9999_END_US - YEAR_0000_US) + 1;

        agree_with_the_library(YEAR_0000_US + (int64_t)prng_below(&prng, span));
    }
}

static void what_rfc_3339_cannot_write_is_held_at_its_ends(void **state) {
    char text[CLOCK_TEXT_MAX];

    assert_string_equal(clock_format(INT64_MAX, text), "9999-12-31T23:59:59.999999Z");
    assert_string_equal(clock_format(YEAR_9999_END_US + 1, text), "9999-12-31T23:59:59.999999Z");
    assert_string_equal(clock_format(INT64_MIN, text), "0000-01-01T00:00:00Z");
    assert_string_equal(clock_format(YEAR_0000_US - 1, text), "0000-01-01T00:00:00Z");
}

static const struct {
    const char *text;
    const char *utc;
} readable[] = {
    {"2026-11-20T08:00:00z", "2026-11-20T08:00:00Z"},
    {"2026-11-20t08:00:00Z", "2026-11-20T08:00:00Z"},
    {"2026-11-20T08:00:00+08:00", "2026-11-20T00:00:00Z"},
    {"2026-11-20T08:00:00-05:30", "2026-11-20T13:30:00Z"},
    {"2026-11-20T08:00:00-00:00", "2026-11-20T08:00:00Z"},
    {"2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00Z"},
    {"2024-03-01T00:30:00+01:00", "2024-02-29T23:30:00Z"},
    {"2026-11-20T08:00:00.2Z", "2026-11-20T08:00:00.200Z"},
    {"2026-11-20T08:00:00.123456+23:59", "2026-11-19T08:01:00.123456Z"},
    {"2026-11-20T08:00:00.000000Z", "2026-11-20T08:00:00Z"},
    {"1990-12-31T23:59:60Z", "1991-01-01T00:00:00Z"},
    {"1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00Z"},
    {"1990-12-31T23:59:60.5Z", "1991-01-01T00:00:00.500Z"},
};

static void offsets_fractions_and_leap_seconds_are_read(void **state) {
    for (size_t i = 0; i < COUNT_OF(readable); i++) {
        char text[CLOCK_TEXT_MAX];
        int64_t us = 0;

        assert_true(clock_parse(readable[i].text, &us));
        assert_string_equal(clock_format(us, text), readable[i].utc);
    }
}

static const char *const unreadable[] = {
    "",
    "now",
    "2026-11-20",
    "2026-11-20T08:00Z",
    "2026-11-20T08:00:00",
    "2026-11-20 08:00:00Z",
    " 2026-11-20T08:00:00Z",
    "2026-11-20T08:00:00Z ",
    "2026-11-20T08:00:00ZZ",
    "2026-11-20T08:00:00.Z",
    "2026-11-20T08:00:00.1234567Z",
    "2026-11-20T08:00:00,5Z",
    "2026-11-20T24:00:00Z",
    "2026-11-20T08:60:00Z",
    "2026-11-20T08:00:60Z",
    "2026-11-20T08:00:61Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-11-00T00:00:00Z",
    "2026-11-31T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "+026-11-20T08:00:00Z",
    "-026-11-20T08:00:00Z",
    "12026-11-20T08:00:00Z",
    "2026-1-20T08:00:00Z",
    "2026-11-20T8:00:00Z",
    "2026-11-20T08:00:00+0800",
    "2026-11-20T08:00:00+08",
    "2026-11-20T08:00:00+24:00",
    "2026-11-20T08:00:00+08:60",
    "2026-11-20T08:00:00+08:0x",
    "0000-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
};

static void anything_else_is_refused_and_the_output_stays(void **state) {
    int64_t us = 42;

    assert_false(clock_parse(NULL, &us));
    for (size_t i = 0; i < COUNT_OF(unreadable); i++) {
        if (clock_parse(unreadable[i], &us)) {
            fail_msg("\"%s\" was read", unreadable[i]);
        }
        assert_int_equal(us, 42);
    }
}

static void every_prefix_of_a_time_is_refused(void **state) {
    static const char whole[] = "2026-11-20T08:00:00.123456+08:00";
    int64_t us = 42;

    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        char text[sizeof(whole)] = {0};

        memcpy(text, whole, len);
        assert_false(clock_parse(text, &us));
    }
    assert_true(clock_parse(whole, &us));
}

static void the_real_monotonic_clock_never_goes_back(void **state) {
    int64_t before_us = clock_mono_us();

    for (int i = 0; i < 1000; i++) {
        const int64_t now_us = clock_mono_us();

        assert_true(now_us >= before_us);
        before_us = now_us;
    }
    assert_true(clock_wall_us() > INT64_C(1700000000000000)); /* 2023: the unit is microseconds */
    assert_true(clock_wall_us() < INT64_C(32000000000000000));
}

static void another_zones_time_is_counted_without_the_machines_own(void **state) {
    static const struct {
        int64_t wall_us;
        int minutes;
        const char *text;
    } rows[] = {
        {0, BEIJING_MINUTES, "1970-01-01 08:00:00"},
        {INT64_C(1735689600) * US_PER_SECOND, BEIJING_MINUTES, "2025-01-01 08:00:00"},
        {INT64_C(1735660799) * US_PER_SECOND, BEIJING_MINUTES, "2024-12-31 23:59:59"},
        {INT64_C(1735660800) * US_PER_SECOND, BEIJING_MINUTES, "2025-01-01 00:00:00"},
        {INT64_C(1735689600) * US_PER_SECOND, -90, "2024-12-31 22:30:00"},
    };
    char text[CLOCK_TEXT_MAX];

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t wall_us = -1;

        assert_string_equal(clock_format_at(rows[i].wall_us + 999999, rows[i].minutes, text),
                            rows[i].text);
        assert_true(clock_parse_at(text, rows[i].minutes, &wall_us));
        assert_int_equal(wall_us, rows[i].wall_us);
    }
    static const char *const bad[] = {
        "",
        "2025-01-01",
        "2025-01-01T08:00:00",
        "2025-01-01 08:00:00Z",
        "2025-01-01 08:00:00.5",
        "2025-13-01 08:00:00",
        "2025-01-01 24:00:00",
        "2025-01-01 8:00:000",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int64_t wall_us = 7;

        assert_false(clock_parse_at(bad[i], BEIJING_MINUTES, &wall_us));
        assert_int_equal(wall_us, 7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_written_and_read_back),
        cmocka_unit_test(every_first_and_last_day_of_every_month_agrees_with_the_c_library),
        cmocka_unit_test(any_time_agrees_with_the_c_library),
        cmocka_unit_test(what_rfc_3339_cannot_write_is_held_at_its_ends),
        cmocka_unit_test(offsets_fractions_and_leap_seconds_are_read),
        cmocka_unit_test(anything_else_is_refused_and_the_output_stays),
        cmocka_unit_test(every_prefix_of_a_time_is_refused),
        cmocka_unit_test(another_zones_time_is_counted_without_the_machines_own),
        cmocka_unit_test(the_real_monotonic_clock_never_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
