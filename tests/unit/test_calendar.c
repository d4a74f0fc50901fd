/* SPDX-License-Identifier: Apache-2.0
 * test_calendar.c: base/calendar.h: the calendar's short months, and the clocks' jumps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/calendar.h"
#include "base/clock.h"

/* "2026-01-31 10:00:00" as seconds on some clock. */
static int64_t local(const char *text) {
    int64_t us = 0;
    if (!clock_parse_at(text, 0, &us)) {
        fail_msg("\"%s\" is no time", text);
    }
    return us / US_PER_SECOND;
}

static void assert_local(int64_t local_s, const char *expected) {
    char text[CLOCK_TEXT_MAX];
    assert_string_equal(clock_format_at(local_s * US_PER_SECOND, 0, text), expected);
}

static struct time_zone *zone_of(const char *name) {
    struct time_zone *zone = NULL;
    struct err err = {0};
    if (time_zone_open(name, &zone, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    return zone;
}

/* ---- steps ---- */

static const struct {
    const char *from;
    enum calendar_unit unit;
    int64_t steps;
    const char *to;
} steps[] = {
    {"2026-01-31 10:00:00", UNIT_MONTH, 1, "2026-02-28 10:00:00"},
    {"2026-01-31 10:00:00", UNIT_MONTH, 2, "2026-03-31 10:00:00"},
    {"2026-01-31 10:00:00", UNIT_MONTH, 3, "2026-04-30 10:00:00"},
    {"2026-01-31 10:00:00", UNIT_MONTH, 4, "2026-05-31 10:00:00"},
    {"2026-01-31 10:00:00", UNIT_MONTH, 5, "2026-06-30 10:00:00"},
    {"2026-01-31 10:00:00", UNIT_MONTH, 6, "2026-07-31 10:00:00"},
    {"2026-01-31 10:00:00", UNIT_MONTH, 7, "2026-08-31 10:00:00"},
    {"2026-01-31 10:00:00", UNIT_MONTH, 8, "2026-09-30 10:00:00"},
    {"2026-01-31 10:00:00", UNIT_MONTH, 9, "2026-10-31 10:00:00"},
    {"2026-01-31 10:00:00", UNIT_MONTH, 10, "2026-11-30 10:00:00"},
    {"2026-01-31 10:00:00", UNIT_MONTH, 11, "2026-12-31 10:00:00"},
    {"2026-01-31 10:00:00", UNIT_MONTH, 12, "2027-01-31 10:00:00"},
    {"2026-01-31 10:00:00", UNIT_MONTH, 25, "2028-02-29 10:00:00"},
    {"2026-01-30 10:00:00", UNIT_MONTH, 25, "2028-02-29 10:00:00"},
    {"2026-01-29 10:00:00", UNIT_MONTH, 13, "2027-02-28 10:00:00"},
    {"2026-01-28 10:00:00", UNIT_MONTH, 13, "2027-02-28 10:00:00"},
    {"2026-12-31 23:59:59", UNIT_MONTH, 2, "2027-02-28 23:59:59"},
    {"2026-03-31 00:00:00", UNIT_MONTH, -1, "2026-02-28 00:00:00"},
    {"2026-01-15 00:00:00", UNIT_MONTH, -1, "2025-12-15 00:00:00"},
    {"2028-02-29 08:30:00", UNIT_YEAR, 1, "2029-02-28 08:30:00"},
    {"2028-02-29 08:30:00", UNIT_YEAR, 4, "2032-02-29 08:30:00"},
    {"2096-02-29 08:30:00", UNIT_YEAR, 4, "2100-02-28 08:30:00"},
    {"2096-02-29 08:30:00", UNIT_YEAR, 8, "2104-02-29 08:30:00"},
    {"1996-02-29 08:30:00", UNIT_YEAR, 4, "2000-02-29 08:30:00"},
    {"2026-12-31 23:00:00", UNIT_DAY, 1, "2027-01-01 23:00:00"},
    {"2028-02-28 10:00:00", UNIT_DAY, 1, "2028-02-29 10:00:00"},
    {"2027-02-28 10:00:00", UNIT_DAY, 1, "2027-03-01 10:00:00"},
    {"2026-03-31 10:00:00", UNIT_DAY, -31, "2026-02-28 10:00:00"},
    {"2026-12-24 10:00:00", UNIT_WEEK, 2, "2027-01-07 10:00:00"},
    {"2026-05-05 10:00:00", UNIT_MONTH, 0, "2026-05-05 10:00:00"},
    {"9999-06-30 10:00:00", UNIT_YEAR, 5, "9999-12-31 00:00:00"},
    {"1970-01-31 10:00:00", UNIT_YEAR, -5, "1970-01-01 00:00:00"},
};

static void a_step_ends_on_the_day_or_on_the_last_of_a_shorter_month(void **state) {
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        int64_t from = local(steps[i].from);
        assert_local(calendar_step(from, calendar_day(from), steps[i].unit, steps[i].steps),
                     steps[i].to);
    }
}

static void the_day_that_was_asked_for_survives_a_short_month(void **state) {
    int64_t february = local("2026-02-28 10:00:00");
    assert_local(calendar_step(february, 31, UNIT_MONTH, 0), "2026-02-28 10:00:00");
    assert_local(calendar_step(february, 31, UNIT_MONTH, 1), "2026-03-31 10:00:00");
    assert_local(calendar_step(february, 28, UNIT_MONTH, 1), "2026-03-28 10:00:00");
}

static void steps_beyond_all_bounds_end_at_the_bounds(void **state) {
    static const enum calendar_unit units[] = {UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_YEAR};
    int64_t from = local("2026-01-31 10:00:00");
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        int64_t last = calendar_step(from, 31, units[i], INT64_MAX / 2000);
        assert_true(last > local("9999-01-01 00:00:00"));
        assert_true(last <= local("9999-12-31 00:00:00"));
    }
}

/* ---- the clocks ---- */

/* A local time, and the moment that it is (RFC 3339). */
static const struct {
    const char *zone, *local, *wall;
} moments[] = {
    {"UTC", "2026-03-29 02:30:00", "2026-03-29T02:30:00Z"},
    {"Asia/Shanghai", "2026-03-29 02:30:00", "2026-03-28T18:30:00Z"},
    {"Asia/Shanghai", "2026-10-25 02:30:00", "2026-10-24T18:30:00Z"},
    /* Berlin: 02:00 is 03:00 on 2026-03-29; 03:00 is 02:00 again on 2026-10-25. */
    {"Europe/Berlin", "2026-03-29 01:59:59", "2026-03-29T00:59:59Z"},
    {"Europe/Berlin", "2026-03-29 02:00:00", "2026-03-29T01:00:00Z"},
    {"Europe/Berlin", "2026-03-29 02:30:00", "2026-03-29T01:30:00Z"},
    {"Europe/Berlin", "2026-03-29 03:00:00", "2026-03-29T01:00:00Z"},
    {"Europe/Berlin", "2026-10-25 01:59:59", "2026-10-24T23:59:59Z"},
    {"Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25T00:30:00Z"},
    {"Europe/Berlin", "2026-10-25 03:00:00", "2026-10-25T02:00:00Z"},
    {"Europe/Berlin", "2026-07-01 12:00:00", "2026-07-01T10:00:00Z"},
    {"Europe/Berlin", "2026-12-01 12:00:00", "2026-12-01T11:00:00Z"},
    /* New York: 2026-03-08 and 2026-11-01. */
    {"America/New_York", "2026-03-08 02:30:00", "2026-03-08T07:30:00Z"},
    {"America/New_York", "2026-03-08 03:00:00", "2026-03-08T07:00:00Z"},
    {"America/New_York", "2026-11-01 01:30:00", "2026-11-01T05:30:00Z"},
    {"America/New_York", "2026-11-01 02:00:00", "2026-11-01T07:00:00Z"},
    /* Lord Howe moves by half an hour: 2026-04-05 back at 02:00, 2026-10-04 forward at 02:00. */
    {"Australia/Lord_Howe", "2026-04-05 01:45:00", "2026-04-04T14:45:00Z"},
    {"Australia/Lord_Howe", "2026-04-05 02:00:00", "2026-04-04T15:30:00Z"},
    {"Australia/Lord_Howe", "2026-10-04 02:15:00", "2026-10-03T15:45:00Z"},
    {"Australia/Lord_Howe", "2026-10-04 02:30:00", "2026-10-03T15:30:00Z"},
    /* Samoa left out the 30th of December 2011. */
    {"Pacific/Apia", "2011-12-29 12:00:00", "2011-12-29T22:00:00Z"},
    {"Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30T22:00:00Z"},
    {"Pacific/Apia", "2011-12-31 12:00:00", "2011-12-30T22:00:00Z"},
    /* Years for which no table of transitions is written. */
    {"Europe/Berlin", "2099-07-01 12:00:00", "2099-07-01T10:00:00Z"},
    {"Europe/Berlin", "2099-12-01 12:00:00", "2099-12-01T11:00:00Z"},
    {"America/New_York", "2150-07-01 12:00:00", "2150-07-01T16:00:00Z"},
    {"Australia/Lord_Howe", "2099-01-10 12:00:00", "2099-01-10T01:00:00Z"},
};

static void a_local_time_is_one_moment_also_where_the_clocks_jump(void **state) {
    for (size_t i = 0; i < COUNT_OF(moments); i++) {
        char text[CLOCK_TEXT_MAX];
        TIME_ZONE_AUTO zone = zone_of(moments[i].zone);
        clock_format(wall_from_local(zone, local(moments[i].local)), text);
        if (strcmp(text, moments[i].wall) != 0) {
            fail_msg("%s %s is %s and not %s", moments[i].zone, moments[i].local, text,
                     moments[i].wall);
        }
    }
}

/* Forth and back: every hour of two years, but those that the clocks do not show. */
static void a_moment_has_the_local_time_that_leads_back_to_it(void **state) {
    static const char *const names[] = {"UTC", "Europe/Berlin", "America/New_York", "Asia/Shanghai",
                                        "Australia/Lord_Howe"};
    int64_t from = local("2026-01-01 00:00:00"), to = local("2028-01-01 00:00:00");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        TIME_ZONE_AUTO zone = zone_of(names[i]);
        int differ = 0;
        for (int64_t at = from; at < to; at += 1800) {
            int64_t back = wall_from_local(zone, local_from_wall(zone, at * US_PER_SECOND));
            differ += back != at * US_PER_SECOND;
        }
        /* The second of two hours (or half hours) a year, which the first stands for. */
        int repeated = i == 1 || i == 2 ? 4 : i == 4 ? 2 : 0;
        assert_int_equal(differ, repeated);
    }
}

static void the_hour_of_a_day_is_kept_over_a_change_of_the_clocks(void **state) {
    TIME_ZONE_AUTO zone = zone_of("Europe/Berlin");
    int64_t anchor = local("2026-03-27 09:00:00");
    static const char *const expected[] = {"2026-03-27T08:00:00Z", "2026-03-28T08:00:00Z",
                                           "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"};
    for (int i = 0; i < 4; i++) {
        char text[CLOCK_TEXT_MAX];
        int64_t at = wall_from_local(zone, calendar_step(anchor, 27, UNIT_DAY, i));
        assert_string_equal(clock_format(at, text), expected[i]);
    }
}

static void what_is_no_zone_of_the_machine_is_refused(void **state) {
    static const char *const names[] = {
        "",
        "Nowhere/City",
        "Europe",
        "europe/berlin",
        "EST5EDT",
        "+05:00",
        "/etc/localtime",
        "../../etc/passwd",
        "Europe/../../../../etc/passwd",
        "Europe//Berlin",
        "Europe/Berlin/",
        "right/UTC",
        "posix/Europe/Berlin",
        "leapseconds",
        "zone.tab",
        "Europe/Berlin ",
        "Europe/Berl\xc3\xadn",
        "A/very_long_name_that_no_zone_of_the_world_has_ever_had_so_far"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct time_zone *zone = NULL;
        struct err err = {0};
        if (time_zone_open(names[i], &zone, &err) != -ERR_VALIDATION) {
            fail_msg("\"%s\" was taken for a zone", names[i]);
        }
        assert_null(zone);
    }
}

static void units_are_read_by_the_names_that_they_are_told_by(void **state) {
    for (int i = UNIT_DAY; i < UNIT_COUNT; i++) {
        enum calendar_unit unit;
        assert_true(calendar_unit_parse(calendar_unit_name((enum calendar_unit)i), &unit));
        assert_int_equal(unit, i);
    }
    enum calendar_unit unit;
    assert_false(calendar_unit_parse("fortnight", &unit));
    assert_false(calendar_unit_parse("?", &unit));
    assert_local(calendar_at_hour(local("2026-05-05 23:59:59"), 10), "2026-05-05 10:00:00");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_ends_on_the_day_or_on_the_last_of_a_shorter_month),
        cmocka_unit_test(the_day_that_was_asked_for_survives_a_short_month),
        cmocka_unit_test(steps_beyond_all_bounds_end_at_the_bounds),
        cmocka_unit_test(a_local_time_is_one_moment_also_where_the_clocks_jump),
        cmocka_unit_test(a_moment_has_the_local_time_that_leads_back_to_it),
        cmocka_unit_test(the_hour_of_a_day_is_kept_over_a_change_of_the_clocks),
        cmocka_unit_test(what_is_no_zone_of_the_machine_is_refused),
        cmocka_unit_test(units_are_read_by_the_names_that_they_are_told_by),
    };
    return cmocka_run_group_tests_name("the calendar", tests, NULL, NULL);
}
