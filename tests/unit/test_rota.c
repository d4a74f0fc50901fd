/* SPDX-License-Identifier: Apache-2.0
 * test_rota.c: hours of a week and whose turn it is: over midnight, over the days on which clocks
 * change, over the hand-over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "watch/rota.h"

static int64_t at(const char *text) {
    int64_t wall_us = 0;
    assert_true(clock_parse(text, &wall_us));
    return wall_us;
}

static char *days_fri[] = {"fri"}, *days_week[] = {"mon", "tue", "wed", "thu", "fri"};
static char *only_wang[] = {"wang"}, *only_lead[] = {"lead"}, *in_turns[] = {"anna", "ben", "chen"};

static void hours_past_midnight_belong_to_the_day_on_which_they_began(void **state) {
    struct alert_hours_config config = {
        .from = "22:00", .until = "06:00", .days = days_fri, .days_count = 1};
    struct hours hours;
    struct err err = {0};
    assert_int_equal(hours_read(&config, "UTC", &hours, &err), 0);
    assert_false(hours_hold(&hours, at("2026-11-20T21:59:59Z"))); /* a Friday */
    assert_true(hours_hold(&hours, at("2026-11-20T22:00:00Z")));
    assert_true(hours_hold(&hours, at("2026-11-21T05:59:59Z"))); /* still Friday's night */
    assert_false(hours_hold(&hours, at("2026-11-21T06:00:00Z")));
    assert_false(hours_hold(&hours, at("2026-11-21T23:00:00Z")));
    assert_false(hours_hold(&hours, at("2026-11-20T05:00:00Z"))); /* Thursday's night */
    hours_release(&hours);
}

static void hours_are_those_of_the_places_clocks_when_these_change(void **state) {
    struct alert_hours_config config = {
        .from = "09:00", .until = "17:00", .days = days_week, .days_count = 5};
    struct hours hours;
    struct err err = {0};
    assert_int_equal(hours_read(&config, "Europe/Berlin", &hours, &err), 0);
    assert_false(hours_hold(&hours, at("2026-10-23T06:59:59Z"))); /* 08:59 in summer */
    assert_true(hours_hold(&hours, at("2026-10-23T07:00:00Z")));
    assert_false(hours_hold(&hours, at("2026-10-26T07:30:00Z"))); /* 08:30 in winter */
    assert_true(hours_hold(&hours, at("2026-10-26T08:00:00Z")));
    assert_true(hours_hold(&hours, at("2026-10-26T15:59:00Z")));
    assert_false(hours_hold(&hours, at("2026-10-26T16:00:00Z")));
    hours_release(&hours);
    /* A night in which the clocks go back lasts an hour longer, and is without a gap. */
    config = (struct alert_hours_config){.from = "22:00", .until = "06:00"};
    assert_int_equal(hours_read(&config, "Europe/Berlin", &hours, &err), 0);
    int held = 0;
    for (int64_t wall_us = at("2026-10-24T20:00:00Z"); wall_us < at("2026-10-25T05:00:00Z");
         wall_us += 60 * US_PER_SECOND) {
        held += hours_hold(&hours, wall_us) ? 1 : 0;
    }
    assert_int_equal(held, 9 * 60);
    held = 0;
    for (int64_t wall_us = at("2026-03-28T21:00:00Z"); wall_us < at("2026-03-29T12:00:00Z");
         wall_us += 60 * US_PER_SECOND) {
        held += hours_hold(&hours, wall_us) ? 1 : 0;
    }
    assert_int_equal(held, 7 * 60);
    hours_release(&hours);
}

static void a_turn_changes_with_a_days_first_shift_and_never_at_night(void **state) {
    struct alert_shift_config shifts[] = {
        {.people = in_turns,
         .people_count = 3,
         .hours = {.from = "20:00", .until = "08:00"},
         .since = "2026-11-16"}, /* a Monday: anna */
    };
    const struct alert_rota_config config = {
        .name = "night", .time_zone = "Asia/Shanghai", .shifts = shifts, .shifts_count = 1};
    static struct rota rota;
    struct err err = {0};
    assert_int_equal(rota_read(&config, "UTC", &rota, &err), 0);
    assert_string_equal(rota_on_duty(&rota, at("2026-11-16T12:00:00Z")), "anna");
    /* Sunday's night ends on Monday the 23rd at 08:00 there, that is at 00:00 UTC. */
    assert_string_equal(rota_on_duty(&rota, at("2026-11-22T23:59:59Z")), "anna");
    assert_null(rota_on_duty(&rota, at("2026-11-23T00:00:00Z")));
    assert_string_equal(rota_on_duty(&rota, at("2026-11-23T12:00:00Z")), "ben");
    assert_string_equal(rota_on_duty(&rota, at("2026-11-30T12:00:00Z")), "chen");
    assert_string_equal(rota_on_duty(&rota, at("2026-12-07T12:00:00Z")), "anna");
    assert_string_equal(rota_on_duty(&rota, at("2026-11-14T12:00:00Z")), "chen"); /* before it */
    rota_release(&rota);
}

static void the_first_shift_that_holds_has_the_duty(void **state) {
    struct alert_shift_config shifts[] = {
        {.people = only_wang,
         .people_count = 1,
         .hours = {.from = "09:00", .until = "18:00", .days = days_week, .days_count = 5}},
        {.people = only_lead, .people_count = 1},
    };
    const struct alert_rota_config config = {.name = "all", .shifts = shifts, .shifts_count = 2};
    static struct rota rota;
    struct err err = {0};
    assert_int_equal(rota_read(&config, "UTC", &rota, &err), 0);
    assert_string_equal(rota_on_duty(&rota, at("2026-11-23T09:00:00Z")), "wang");
    assert_string_equal(rota_on_duty(&rota, at("2026-11-23T18:00:00Z")), "lead");
    assert_string_equal(rota_on_duty(&rota, at("2026-11-22T09:00:00Z")), "lead");
    rota_release(&rota);
}

static void what_is_no_hour_day_or_zone_is_refused(void **state) {
    static char *no_day[] = {"monday"};
    const struct alert_hours_config bad[] = {
        {.from = "9:00"},          {.from = "24:00"},      {.until = "24:01"},
        {.from = "09:60"},         {.from = "ab:cd"},      {.from = "09:00 "},
        {.time_zone = "Mars/Base"}, {.days = no_day, .days_count = 1},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct hours hours;
        struct err err = {0};
        assert_int_equal(hours_read(&bad[i], "UTC", &hours, &err), -ERR_CONFIG);
    }
    static struct rota rota;
    struct err err = {0};
    struct alert_shift_config shifts[] = {{.people = in_turns, .people_count = 3}};
    struct alert_rota_config config = {.name = "r", .shifts = shifts, .shifts_count = 1};
    assert_int_equal(rota_read(&config, "UTC", &rota, &err), -ERR_CONFIG); /* since when? */
    shifts[0].since = "2026-02-30";
    assert_int_equal(rota_read(&config, "UTC", &rota, &err), -ERR_CONFIG);
    config.shifts_count = 0;
    assert_int_equal(rota_read(&config, "UTC", &rota, &err), -ERR_CONFIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hours_past_midnight_belong_to_the_day_on_which_they_began),
        cmocka_unit_test(hours_are_those_of_the_places_clocks_when_these_change),
        cmocka_unit_test(a_turn_changes_with_a_days_first_shift_and_never_at_night),
        cmocka_unit_test(the_first_shift_that_holds_has_the_duty),
        cmocka_unit_test(what_is_no_hour_day_or_zone_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
