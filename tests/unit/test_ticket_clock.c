/* SPDX-License-Identifier: Apache-2.0
 * test_ticket_clock.c: until when a ticket should be done: nights, weekends, holidays, and days on
 * which the clocks are moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "desk/ticket_clock.h"

static char *const every_day[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
static char *const feast[] = {"2026-12-25", "2027-01-01"};
static struct err err;

static struct ticket_clock read_clock(const char *zone, const struct ticket_hours_config *hours) {
    struct ticket_clock clock;
    if (ticket_clock_read(zone, hours, &clock, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    return clock;
}

static void assert_end(const struct ticket_clock *clock, const char *from, int hours, bool business,
                       const char *end) {
    int64_t from_us = 0;
    char text[CLOCK_TEXT_MAX];
    assert_true(clock_parse(from, &from_us));
    assert_string_equal(clock_format(ticket_clock_end(clock, from_us, hours, business), text), end);
}

static void without_hours_of_work_every_hour_counts(void **state) {
    (void)state;
    struct ticket_clock clock = read_clock("Europe/Berlin", NULL);
    /* A Friday evening, over the weekend on which the clocks are set back. */
    assert_end(&clock, "2026-10-23T20:00:00Z", 72, true, "2026-10-26T20:00:00Z");
    assert_end(&clock, "2026-10-23T20:00:00Z", 1, false, "2026-10-23T21:00:00Z");
    ticket_clock_release(&clock);
}

static void nights_and_weekends_do_not_count_as_work(void **state) {
    (void)state;
    const struct ticket_hours_config hours = {.from = "09:00", .until = "17:00"};
    struct ticket_clock clock = read_clock("Europe/Berlin", &hours);
    /* Friday 16:00 in Berlin: an hour on Friday, one on Monday. */
    assert_end(&clock, "2026-11-20T15:00:00Z", 2, true, "2026-11-23T09:00:00Z");
    /* To the last minute of a day, and one hour past it. */
    assert_end(&clock, "2026-11-19T15:00:00Z", 1, true, "2026-11-19T16:00:00Z");
    assert_end(&clock, "2026-11-19T15:30:00Z", 1, true, "2026-11-20T08:30:00Z");
    /* Before the first hour, at night, on Saturday, on Sunday evening. */
    assert_end(&clock, "2026-11-19T05:00:00Z", 1, true, "2026-11-19T09:00:00Z");
    assert_end(&clock, "2026-11-19T23:30:00Z", 1, true, "2026-11-20T09:00:00Z");
    assert_end(&clock, "2026-11-21T10:00:00Z", 1, true, "2026-11-23T09:00:00Z");
    assert_end(&clock, "2026-11-22T22:59:00Z", 8, true, "2026-11-23T16:00:00Z");
    /* Forty hours are a week. */
    assert_end(&clock, "2026-11-18T11:00:00Z", 40, true, "2026-11-25T11:00:00Z");
    /* Who asks for every hour gets every hour. */
    assert_end(&clock, "2026-11-20T15:00:00Z", 2, false, "2026-11-20T17:00:00Z");
    ticket_clock_release(&clock);
}

static void the_days_of_work_are_those_that_are_listed(void **state) {
    (void)state;
    static char *const weekend[] = {"sat", "sun"};
    const struct ticket_hours_config hours = {
        .from = "08:30", .until = "09:30", .days = (char **)weekend, .days_count = 2};
    struct ticket_clock clock = read_clock("Asia/Shanghai", &hours);
    assert_end(&clock, "2026-11-16T00:00:00Z", 2, true, "2026-11-22T01:30:00Z");
    assert_end(&clock, "2026-11-16T00:00:00Z", 3, true, "2026-11-28T01:30:00Z");
    ticket_clock_release(&clock);
}

static void holidays_do_not_count(void **state) {
    (void)state;
    const struct ticket_hours_config hours = {
        .from = "09:00", .until = "17:00", .holidays = (char **)feast, .holidays_count = 2};
    struct ticket_clock clock = read_clock("Europe/Berlin", &hours);
    /* Thursday before Christmas, 16:00: Friday is one, then the weekend. */
    assert_end(&clock, "2026-12-24T15:00:00Z", 2, true, "2026-12-28T09:00:00Z");
    assert_end(&clock, "2026-12-31T15:00:00Z", 2, true, "2027-01-04T09:00:00Z");
    ticket_clock_release(&clock);
}

static void where_the_clocks_are_moved_the_hour_of_the_day_stays(void **state) {
    (void)state;
    const struct ticket_hours_config hours = {.from = "09:00", .until = "17:00"};
    struct ticket_clock clock = read_clock("Europe/Berlin", &hours);
    /* Friday 16:00 in summer is 14:00 UTC; Monday 10:00 in winter is 09:00 UTC. */
    assert_end(&clock, "2026-10-23T14:00:00Z", 2, true, "2026-10-26T09:00:00Z");
    /* And into summer: Friday 16:00 is 15:00 UTC, Monday 10:00 is 08:00 UTC. */
    assert_end(&clock, "2026-03-27T15:00:00Z", 2, true, "2026-03-30T08:00:00Z");
    ticket_clock_release(&clock);
}

static void an_hour_is_one_that_passes_when_the_clocks_are_moved_inside_it(void **state) {
    (void)state;
    struct ticket_hours_config hours = {
        .from = "01:00", .until = "05:00", .days = (char **)every_day, .days_count = 7};
    struct ticket_clock clock = read_clock("Europe/Berlin", &hours);
    /* Spring: between 01:00 and 05:00 of that Sunday three hours pass, the fourth is Monday's. */
    assert_end(&clock, "2026-03-28T04:00:00Z", 4, true, "2026-03-30T00:00:00Z");
    /* Autumn: there are five. */
    assert_end(&clock, "2026-10-24T03:00:00Z", 5, true, "2026-10-25T04:00:00Z");
    ticket_clock_release(&clock);
    hours.from = "00:00";
    hours.until = "24:00";
    clock = read_clock("Europe/Berlin", &hours);
    assert_end(&clock, "2026-10-24T10:00:00Z", 48, true, "2026-10-26T10:00:00Z");
    ticket_clock_release(&clock);
}

static void the_longest_time_over_the_shortest_week_has_an_end(void **state) {
    (void)state;
    static char *const monday[] = {"mon"};
    const struct ticket_hours_config hours = {
        .from = "09:00", .until = "10:00", .days = (char **)monday, .days_count = 1};
    struct ticket_clock clock = read_clock(NULL, &hours);
    /* Five hundred Mondays after the one of 2026-11-16. */
    assert_end(&clock, "2026-11-16T10:00:00Z", TICKET_HOURS_MAX, true, "2036-06-16T10:00:00Z");
    ticket_clock_release(&clock);
}

static void what_makes_no_sense_is_refused_with_its_place(void **state) {
    (void)state;
    static char *const someday[] = {"monday"};
    static char *const no_day[] = {"2026-02-30"};
    static char *const no_date[] = {"25.12.2026"};
    const struct {
        const char *zone;
        struct ticket_hours_config hours;
        const char *place;
    } wrong[] = {
        {"Mars/Olympus", {.from = "09:00", .until = "17:00"}, "tickets.time_zone"},
        {"UTC", {.from = "9:00", .until = "17:00"}, "tickets.business_hours"},
        {"UTC", {.from = "09:00", .until = "24:01"}, "tickets.business_hours"},
        {"UTC", {.from = "09:00", .until = "17:60"}, "tickets.business_hours"},
        {"UTC", {.from = "09.00", .until = "17:00"}, "tickets.business_hours"},
        {"UTC", {.from = "22:00", .until = "06:00"}, "tickets.business_hours"},
        {"UTC", {.from = "09:00", .until = "09:59"}, "tickets.business_hours"},
        {"UTC",
         {.from = "09:00", .until = "17:00", .days = (char **)someday, .days_count = 1},
         "tickets.business_hours.days"},
        {"UTC",
         {.from = "09:00", .until = "17:00", .holidays = (char **)no_day, .holidays_count = 1},
         "tickets.business_hours.holidays"},
        {"UTC",
         {.from = "09:00", .until = "17:00", .holidays = (char **)no_date, .holidays_count = 1},
         "tickets.business_hours.holidays"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct ticket_clock clock;
        assert_int_equal(ticket_clock_read(wrong[i].zone, &wrong[i].hours, &clock, &err),
                         -ERR_CONFIG);
        assert_string_equal(err.place, wrong[i].place);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_hours_of_work_every_hour_counts),
        cmocka_unit_test(nights_and_weekends_do_not_count_as_work),
        cmocka_unit_test(the_days_of_work_are_those_that_are_listed),
        cmocka_unit_test(holidays_do_not_count),
        cmocka_unit_test(where_the_clocks_are_moved_the_hour_of_the_day_stays),
        cmocka_unit_test(an_hour_is_one_that_passes_when_the_clocks_are_moved_inside_it),
        cmocka_unit_test(the_longest_time_over_the_shortest_week_has_an_end),
        cmocka_unit_test(what_makes_no_sense_is_refused_with_its_place),
    };
    return cmocka_run_group_tests_name("ticket_clock", tests, NULL, NULL);
}
