/* SPDX-License-Identifier: Apache-2.0
 * test_workdays.c: business days by a calendar, and the windows of methods: by table, by what must
 * be refused, and against a count that is slow and simple. The calendars are examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib.h>

#include "base/clock.h"
#include "recon/settle.h"

static struct err err;

/* A week of rest whose Saturday and next Sunday are worked on, as China's calendar may have it. */
static const struct workdays_settings golden = {
    .name = "golden",
    .holidays = (char *[]){"2026-10-01..2026-10-07"},
    .holidays_count = 1,
    .working_days = (char *[]){"2026-09-27", "2026-10-10"},
    .working_days_count = 2,
};
static const struct workdays_settings friday = {
    .name = "friday", .weekend = (char *[]){"fri", "sat"}, .weekend_count = 2};
static const struct workdays_settings daily = {
    .name = "daily", .weekend = (char *[]){"none"}, .weekend_count = 1};

static struct workdays *opened(const struct workdays_settings *settings) {
    struct workdays *workdays = NULL;
    if (workdays_open(settings, &workdays, &err) < 0) {
        fail_msg("%s (%s)", err.detail, err.place);
    }
    return workdays;
}

/* 2026-11-20 and 2026-09-25 are Fridays. */
static void business_days_are_counted_by_the_calendar(void **state) {
    static const struct {
        const struct workdays_settings *calendar;
        const char *at;
        int days;
        const char *zone, *until;
    } cases[] = {
        {NULL, "2026-11-20T10:00:00Z", 1, "UTC", "2026-11-24T00:00:00Z"},
        {&daily, "2026-11-20T10:00:00Z", 1, "UTC", "2026-11-22T00:00:00Z"},
        {&friday, "2026-11-19T10:00:00Z", 1, "UTC", "2026-11-23T00:00:00Z"},
        {&friday, "2026-11-20T10:00:00Z", 0, "UTC", "2026-11-23T00:00:00Z"},
        {&golden, "2026-09-30T10:00:00+08:00", 0, "Asia/Shanghai", "2026-09-30T16:00:00Z"},
        {&golden, "2026-09-30T10:00:00+08:00", 1, "Asia/Shanghai", "2026-10-08T16:00:00Z"},
        {&golden, "2026-09-30T10:00:00+08:00", 3, "Asia/Shanghai", "2026-10-10T16:00:00Z"},
        {&golden, "2026-09-30T10:00:00+08:00", 4, "Asia/Shanghai", "2026-10-12T16:00:00Z"},
        {&golden, "2026-10-03T10:00:00+08:00", 0, "Asia/Shanghai", "2026-10-08T16:00:00Z"},
        {&golden, "2026-09-25T10:00:00+08:00", 1, "Asia/Shanghai", "2026-09-27T16:00:00Z"},
        /* In UTC it is the last evening before the holidays, in Shanghai their first morning. */
        {&golden, "2026-09-30T18:00:00Z", 0, "UTC", "2026-10-01T00:00:00Z"},
        {&golden, "2026-09-30T18:00:00Z", 0, "Asia/Shanghai", "2026-10-08T16:00:00Z"},
        /* Days of 23 and of 25 hours in Berlin, and one that begins at one o'clock in São Paulo. */
        {&daily, "2026-03-28T12:00:00Z", 1, "Europe/Berlin", "2026-03-29T22:00:00Z"},
        {&daily, "2026-10-24T12:00:00Z", 1, "Europe/Berlin", "2026-10-25T23:00:00Z"},
        {&daily, "2018-11-03T12:00:00Z", 0, "America/Sao_Paulo", "2018-11-04T03:00:00Z"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TIME_ZONE_AUTO zone = NULL;
        WORKDAYS_AUTO workdays = cases[i].calendar != NULL ? opened(cases[i].calendar) : NULL;
        int64_t at_us = 0;
        char text[CLOCK_TEXT_MAX];
        assert_int_equal(time_zone_open(cases[i].zone, &zone, &err), 0);
        assert_true(clock_parse(cases[i].at, &at_us));
        clock_format(workdays_until(workdays, at_us, cases[i].days, zone), text);
        if (strcmp(text, cases[i].until) != 0) {
            fail_msg("%s and %d days: %s, not %s", cases[i].at, cases[i].days, text,
                     cases[i].until);
        }
    }
}

/* ---- what cannot be ---- */

static void assert_refused(const struct workdays_settings *settings, const char *word,
                           const char *place) {
    struct workdays *workdays = NULL;
    err = (struct err){0};
    assert_int_equal(workdays_open(settings, &workdays, &err), -ERR_CONFIG);
    if (strstr(err.detail, word) == NULL || strstr(err.place, place) == NULL) {
        fail_msg("\"%s\" is not in: %s; %s not in %s", word, err.detail, place, err.place);
    }
}

static void a_calendar_that_cannot_be_is_refused_with_its_place(void **state) {
    char nowhere[] = "/nowhere/days.txt";
    const struct {
        struct workdays_settings settings;
        const char *word, *place;
    } cases[] = {
        {{.name = "x", .holidays = (char *[]){"2026-02-29"}, .holidays_count = 1},
         "\"2026-02-29\" is no day", "calendars: x: holidays"},
        {{.name = "x", .holidays = (char *[]){"01.10.2026"}, .holidays_count = 1}, "is no day",
         "holidays"},
        {{.name = "x", .holidays = (char *[]){"2026-10-01.2026-10-07x"}, .holidays_count = 1},
         "is no day", "holidays"},
        {{.name = "x", .holidays = (char *[]){"2026-10-07..2026-10-01"}, .holidays_count = 1},
         "ends before it begins", "holidays"},
        {{.name = "x", .holidays = (char *[]){"2026-01-01..2026-12-31"}, .holidays_count = 1},
         "more than 60 days", "holidays"},
        {{.name = "x",
          .holidays = (char *[]){"2026-10-01..2026-10-07", "2026-10-07"},
          .holidays_count = 2},
         "\"2026-10-07\" is named twice", "dates"},
        {{.name = "x",
          .holidays = (char *[]){"2026-10-03"},
          .holidays_count = 1,
          .working_days = (char *[]){"2026-10-03"},
          .working_days_count = 1},
         "is a holiday and a working day", "dates"},
        {{.name = "x", .working_days = (char *[]){"2026-10-12"}, .working_days_count = 1},
         "\"2026-10-12\" is no day of the weekend", "dates"},
        {{.name = "x", .weekend = (char *[]){"saturday"}, .weekend_count = 1},
         "is no day of a weekend", "weekend"},
        {{.name = "x", .weekend = (char *[]){"none", "sat"}, .weekend_count = 2},
         "is no day of a weekend", "weekend"},
        {{.name = "x",
          .weekend = (char *[]){"mon", "tue", "wed", "thu", "fri", "sat", "sun"},
          .weekend_count = 7},
         "leaves no day", "weekend"},
        {{.name = "x", .file = nowhere}, "", "calendars: x: file"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_refused(&cases[i].settings, cases[i].word, cases[i].place);
    }
}

static char *written(const char *text) {
    char *path = g_build_filename(g_get_tmp_dir(), "holdfast-days-XXXXXX", NULL);
    int file = g_mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    return path;
}

static void the_last_day_of_a_calendar_is_told_with_the_days_until_it(void **state) {
    static const struct {
        const char *at;
        int64_t left;
    } cases[] = {
        {"2026-10-09T23:59:59Z", 1},
        {"2026-10-10T00:00:00Z", 0},
        {"2026-10-11T00:00:00Z", -1},
        {"2026-08-11T12:00:00Z", 60},
    };
    (void)state;
    char day[WORKDAYS_DATE_CHARS + 1] = "";
    int64_t left = 0, at_us = 0;
    WORKDAYS_AUTO week = opened(&golden); /* a working day is its last */
    WORKDAYS_AUTO bare = opened(&friday);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(clock_parse(cases[i].at, &at_us));
        assert_true(workdays_last(week, at_us, day, &left));
        assert_string_equal(day, "2026-10-10");
        assert_int_equal(left, cases[i].left);
    }
    assert_false(workdays_last(bare, at_us, day, &left));
    assert_false(workdays_last(NULL, at_us, day, &left));
}

static void days_may_stand_in_a_file(void **state) {
    (void)state;
    char *path = written("# an example\n"
                         "2026-10-01..2026-10-07   # a week\r\n"
                         "\n"
                         "2026-09-27 work\n"
                         "2026-10-10\twork");
    const struct workdays_settings settings = {.name = "file", .file = path};
    WORKDAYS_AUTO workdays = opened(&settings);
    WORKDAYS_AUTO same = opened(&golden);
    for (int day = 0; day < 365; day++) {
        int64_t local_s = 0;
        assert_true(calendar_date(2026, 1, 1, &local_s));
        local_s += day * INT64_C(86400);
        assert_int_equal(workdays_works(workdays, local_s), workdays_works(same, local_s));
    }
    (void)remove(path);
    g_free(path);
    path = written("2026-10-01\n2026-10-10 working\n");
    const struct workdays_settings wrong = {.name = "file", .file = path};
    assert_refused(&wrong, "\"working\" stands behind a day", ":2");
    assert_non_null(strstr(err.hint, "\"work\""));
    (void)remove(path);
    g_free(path);
}

/* ---- against a slow and simple count ---- */

struct given {
    bool weekend[7]; /* from Monday */
    int holiday_count, working_count;
    char holidays[64][24], working[64][24];
};

/* Sakamoto's; Monday is 0. */
static int slow_weekday(int year, int month, int day) {
    static const int months[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    int y = month < 3 ? year - 1 : year;
    return (y + y / 4 - y / 100 + y / 400 + months[month - 1] + day + 6) % 7;
}

static bool is_named(const char names[][24], int count, const char *day) {
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], day) == 0) {
            return true;
        }
    }
    return false;
}

static void slow_day(GTimeZone *zone, int64_t wall_s, char text[24], bool *ret_works,
                     const struct given *given) {
    GDateTime *utc = g_date_time_new_from_unix_utc(wall_s);
    GDateTime *local = g_date_time_to_timezone(utc, zone);
    int year = 0, month = 0, day = 0;
    g_date_time_get_ymd(local, &year, &month, &day);
    snprintf(text, 24, "%04d-%02d-%02d", year, month, day);
    *ret_works = given->weekend[slow_weekday(year, month, day)]
                     ? is_named(given->working, given->working_count, text)
                     : !is_named(given->holidays, given->holiday_count, text);
    g_date_time_unref(local);
    g_date_time_unref(utc);
}

/* A quarter of an hour after the other, until the day is over: no rule about clocks at all. */
static int64_t slow_until(GTimeZone *zone, int64_t at_s, int days, const struct given *given) {
    enum { QUARTER_S = 900 };
    int64_t t = at_s / QUARTER_S * QUARTER_S;
    char day[24], other[24];
    bool works = false, unused = false;
    slow_day(zone, t, day, &works, given);
    for (int seen = 0;;) {
        seen += works;
        do {
            t += QUARTER_S;
            slow_day(zone, t, other, &unused, given);
        } while (strcmp(day, other) == 0);
        if (seen == days + 1) {
            return t;
        }
        works = unused;
        memcpy(day, other, sizeof day);
    }
}

static void random_days(GRand *random, int64_t at_s, struct given *given) {
    *given = (struct given){0};
    for (int i = 0; i < 7; i++) {
        given->weekend[i] = g_rand_int_range(random, 0, 3) == 0;
    }
    given->weekend[g_rand_int_range(random, 0, 7)] = false;
    for (int i = 0; i < 30; i++) {
        int64_t day_s = at_s + g_rand_int_range(random, -2, 40) * INT64_C(86400);
        char text[24];
        GDateTime *at = g_date_time_new_from_unix_utc(day_s);
        int year = 0, month = 0, day = 0;
        g_date_time_get_ymd(at, &year, &month, &day);
        g_date_time_unref(at);
        snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
        bool of_weekend = given->weekend[slow_weekday(year, month, day)];
        if (is_named(given->holidays, given->holiday_count, text) ||
            is_named(given->working, given->working_count, text)) {
            continue;
        }
        if (of_weekend && g_rand_boolean(random)) {
            memcpy(given->working[given->working_count++], text, sizeof text);
        } else if (g_rand_int_range(random, 0, 3) == 0) {
            memcpy(given->holidays[given->holiday_count++], text, sizeof text);
        }
    }
}

static struct workdays *calendar_of(struct given *given) {
    static char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    char *weekend[7] = {0}, *holidays[64] = {0}, *working[64] = {0};
    struct workdays_settings settings = {
        .name = "random",
        .weekend = weekend,
        .holidays = holidays,
        .holidays_count = (unsigned)given->holiday_count,
        .working_days = working,
        .working_days_count = (unsigned)given->working_count,
    };
    for (int i = 0; i < 7; i++) {
        if (given->weekend[i]) {
            weekend[settings.weekend_count++] = names[i];
        }
    }
    if (settings.weekend_count == 0) {
        weekend[settings.weekend_count++] = (char *)(uintptr_t) "none";
    }
    for (int i = 0; i < given->holiday_count; i++) {
        holidays[i] = given->holidays[i];
    }
    for (int i = 0; i < given->working_count; i++) {
        working[i] = given->working[i];
    }
    return opened(&settings);
}

static void it_is_the_same_as_a_slow_count(void **state) {
    static const char *const zones[] = {
        "UTC",           "Asia/Shanghai",    "Europe/Berlin",    "America/New_York",
        "Africa/Cairo",  "America/Havana",   "America/Santiago", "Australia/Lord_Howe",
        "Asia/Kathmandu"};
    enum { CASES = 450, DAYS_MAX = 12 };
    (void)state;
    GRand *random = g_rand_new_with_seed(20261123);
    int64_t begin_s = INT64_C(1420070400), years_s = INT64_C(20) * 365 * 86400; /* 2015 to 2034 */
    for (int i = 0; i < CASES; i++) {
        const char *name = zones[i % (int)COUNT_OF(zones)];
        int64_t at_s = begin_s + (int64_t)(g_rand_double(random) * (double)years_s);
        /* Every other one is near a change of clocks, where there is one. */
        GTimeZone *slow = g_time_zone_new_identifier(name);
        int interval = g_time_zone_find_interval(slow, G_TIME_TYPE_UNIVERSAL, at_s);
        for (int64_t t = at_s; i % 2 == 0 && t < at_s + 300 * INT64_C(86400); t += 86400) {
            if (g_time_zone_find_interval(slow, G_TIME_TYPE_UNIVERSAL, t) != interval) {
                at_s = t - g_rand_int_range(random, 0, 5) * INT64_C(40000);
                break;
            }
        }
        struct given given;
        TIME_ZONE_AUTO zone = NULL;
        random_days(random, at_s, &given);
        int days = g_rand_int_range(random, 0, DAYS_MAX + 1);
        WORKDAYS_AUTO workdays = calendar_of(&given);
        assert_int_equal(time_zone_open(name, &zone, &err), 0);
        int64_t until_us = workdays_until(workdays, at_s * US_PER_SECOND, days, zone);
        int64_t slow_s = slow_until(slow, at_s, days, &given);
        if (until_us != slow_s * US_PER_SECOND) {
            char at[CLOCK_TEXT_MAX], fast[CLOCK_TEXT_MAX], count[CLOCK_TEXT_MAX];
            fail_msg("case %d: %s, %d days in %s: %s, counted %s", i,
                     clock_format(at_s * US_PER_SECOND, at), days, name,
                     clock_format(until_us, fast), clock_format(slow_s * US_PER_SECOND, count));
        }
        g_time_zone_unref(slow);
    }
    g_rand_free(random);
}

/* ---- windows ---- */

static void each_method_has_its_window(void **state) {
    (void)state;
    unsigned none = 0, five = 5;
    const struct workdays_settings calendars[] = {golden, friday};
    const struct settle_settings windows[] = {
        {.method = (char *)(uintptr_t) "card", .business_days = &none},
        {.method = (char *)(uintptr_t) "bank_transfer",
         .business_days = &five,
         .calendar = (char *)(uintptr_t) "friday"},
        {.method = (char *)(uintptr_t) "paypal", .calendar = (char *)(uintptr_t) "friday"},
    };
    const struct settle_asked asked = {.gateway = "a",
                                       .business_days = 2,
                                       .calendar = "golden",
                                       .windows = windows,
                                       .window_count = COUNT_OF(windows),
                                       .calendars = calendars,
                                       .calendar_count = COUNT_OF(calendars)};
    static const struct {
        enum payment_method method;
        int days;
        const char *calendar;
    } wanted[] = {
        {METHOD_CARD, 0, "golden"},   {METHOD_BANK_TRANSFER, 5, "friday"},
        {METHOD_PAYPAL, 2, "friday"}, {METHOD_ALIPAY, 2, "golden"},
        {METHOD_MANUAL, 2, "golden"}, {0, 2, "golden"},
    };
    struct settle *settle = NULL;
    assert_int_equal(settle_open(&asked, &settle, &err), 0);
    TIME_ZONE_AUTO zone = NULL;
    assert_int_equal(time_zone_open("Asia/Shanghai", &zone, &err), 0);
    int64_t at_us = 0;
    assert_true(clock_parse("2026-09-30T10:00:00+08:00", &at_us));
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        struct settle_window window = settle_window(settle, wanted[i].method);
        assert_int_equal(window.business_days, wanted[i].days);
        assert_string_equal(workdays_name(window.calendar), wanted[i].calendar);
        assert_int_equal(settle_until(settle, wanted[i].method, at_us, zone),
                         workdays_until(window.calendar, at_us, wanted[i].days, zone));
    }
    settle_free(settle);
}

static void windows_that_cannot_be_are_refused(void **state) {
    (void)state;
    unsigned one = 1, many = SETTLE_DAYS_MAX + 1;
    char card[] = "card", cash[] = "cash", gone[] = "gone";
    const struct {
        struct settle_settings windows[2];
        int count;
        const char *calendar, *word;
    } cases[] = {
        {{{0}}, 0, "gone", "there is no calendar \"gone\""},
        {{{.method = cash, .business_days = &one}}, 1, NULL, "there is no method \"cash\""},
        {{{.method = card}}, 1, NULL, "neither"},
        {{{.method = card, .business_days = &many}}, 1, NULL, "0 to 60"},
        {{{.method = card, .calendar = gone}}, 1, NULL, "there is no calendar"},
        {{{.method = card, .business_days = &one}, {.method = card, .business_days = &one}},
         2,
         NULL,
         "has two"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct settle *settle = NULL;
        const struct settle_asked asked = {.gateway = "a",
                                           .calendar = cases[i].calendar,
                                           .windows = cases[i].windows,
                                           .window_count = cases[i].count};
        err = (struct err){0};
        assert_int_equal(settle_open(&asked, &settle, &err), -ERR_CONFIG);
        if (strstr(err.detail, cases[i].word) == NULL) {
            fail_msg("\"%s\" is not in: %s", cases[i].word, err.detail);
        }
    }
    const struct workdays_settings twice[] = {golden, golden};
    assert_int_equal(settle_calendars_check(twice, 2, &err), -ERR_CONFIG);
    assert_int_equal(settle_calendars_check(twice, 1, &err), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(business_days_are_counted_by_the_calendar),
        cmocka_unit_test(a_calendar_that_cannot_be_is_refused_with_its_place),
        cmocka_unit_test(the_last_day_of_a_calendar_is_told_with_the_days_until_it),
        cmocka_unit_test(days_may_stand_in_a_file),
        cmocka_unit_test(it_is_the_same_as_a_slow_count),
        cmocka_unit_test(each_method_has_its_window),
        cmocka_unit_test(windows_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
