/* SPDX-License-Identifier: Apache-2.0
 * ticket_clock.c: the end of so many hours (ticket_clock.h). */
#include "desk/ticket_clock.h"

#include <string.h>

#include "base/clock.h"

#define SECONDS_A_DAY INT64_C(86400)
#define US_PER_HOUR (INT64_C(3600) * US_PER_SECOND)
/* An hour a week, each week a holiday in it as long as there are any. */
enum { DAYS_MAX = (TICKET_HOURS_MAX + TICKET_HOLIDAYS_MAX + 2) * 7 };

static int bad(const char *place, const char *why, struct err *err) {
    err_set(err, ERR_CONFIG, "%s", why);
    return err_place(err, "tickets.%s", place);
}

static bool two_digits(const char *text, int max, int *ret_value) {
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') {
        return false;
    }
    *ret_value = (text[0] - '0') * 10 + (text[1] - '0');
    return *ret_value <= max;
}

/* "09:30"; "24:00" is the end of the day. */
static bool read_hour(const char *text, int64_t *ret_s) {
    int hour = 0, minute = 0;
    if (strlen(text) != 5 || text[2] != ':' || !two_digits(text, 24, &hour) ||
        !two_digits(text + 3, 59, &minute)) {
        return false;
    }
    *ret_s = hour * INT64_C(3600) + minute * INT64_C(60);
    return *ret_s <= SECONDS_A_DAY;
}

static bool read_date(const char *text, int64_t *ret_local_s) {
    int century = 0, year = 0, month = 0, day = 0;
    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' || !two_digits(text, 99, &century) ||
        !two_digits(text + 2, 99, &year) || !two_digits(text + 5, 12, &month) ||
        !two_digits(text + 8, 31, &day)) {
        return false;
    }
    return calendar_date(century * 100 + year, month, day, ret_local_s);
}

static int read_days(const struct ticket_hours_config *hours, struct ticket_clock *clock,
                     struct err *err) {
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    static_assert(COUNT_OF(names) == COUNT_OF(clock->days), "every day has a name");
    for (size_t day = 0; hours->days_count == 0 && day < 5; day++) {
        clock->days[day] = true;
    }
    for (unsigned i = 0; i < hours->days_count; i++) {
        size_t day = 0;
        while (day < COUNT_OF(names) && strcmp(names[day], hours->days[i]) != 0) {
            day++;
        }
        if (day == COUNT_OF(names)) {
            return bad("business_hours.days", "days are mon, tue, wed, thu, fri, sat, sun", err);
        }
        clock->days[day] = true;
    }
    return 0;
}

static int read_hours(const struct ticket_hours_config *hours, struct ticket_clock *clock,
                      struct err *err) {
    if (!read_hour(hours->from, &clock->from_s) || !read_hour(hours->until, &clock->until_s)) {
        return bad("business_hours", "from and until are times like 09:00", err);
    }
    if (clock->until_s - clock->from_s < 3600) {
        return bad("business_hours", "until is at least an hour after from, on the same day", err);
    }
    int r = read_days(hours, clock, err);
    if (r >= 0 && hours->holidays_count > TICKET_HOLIDAYS_MAX) {
        r = bad("business_hours.holidays", "there are too many holidays", err);
    }
    for (unsigned i = 0; r >= 0 && i < hours->holidays_count; i++) {
        if (!read_date(hours->holidays[i], &clock->holidays[clock->holiday_count++])) {
            r = bad("business_hours.holidays", "holidays are days like 2026-12-25", err);
        }
    }
    clock->business = true;
    return r;
}

int ticket_clock_read(const char *time_zone, const struct ticket_hours_config *hours,
                      struct ticket_clock *ret_clock, struct err *err) {
    *ret_clock = (struct ticket_clock){0};
    struct err why = {0};
    if (time_zone_open(time_zone != NULL ? time_zone : "UTC", &ret_clock->zone, &why) < 0) {
        return bad("time_zone", why.detail, err);
    }
    int r = hours != NULL ? read_hours(hours, ret_clock, err) : 0;
    if (r < 0) {
        ticket_clock_release(ret_clock);
    }
    return r;
}

void ticket_clock_release(struct ticket_clock *clock) {
    time_zone_close(clock->zone);
    clock->zone = NULL;
}

/* `day_s`: a local midnight. 1970-01-01 was a Thursday. */
static bool works(const struct ticket_clock *clock, int64_t day_s) {
    for (int i = 0; i < clock->holiday_count; i++) {
        if (clock->holidays[i] == day_s) {
            return false;
        }
    }
    return clock->days[(day_s / SECONDS_A_DAY + 3) % 7];
}

int64_t ticket_clock_end(const struct ticket_clock *clock, int64_t from_us, int hours,
                         bool business) {
    int64_t left_us = hours * US_PER_HOUR;
    if (!business || !clock->business) {
        return from_us + left_us;
    }
    int64_t local_s = local_from_wall(clock->zone, from_us);
    int64_t day_s = local_s - local_s % SECONDS_A_DAY;
    for (int i = 0; i < DAYS_MAX; i++, day_s += SECONDS_A_DAY) {
        if (!works(clock, day_s)) {
            continue;
        }
        int64_t start_us = wall_from_local(clock->zone, day_s + clock->from_s);
        int64_t end_us = wall_from_local(clock->zone, day_s + clock->until_s);
        start_us = start_us > from_us ? start_us : from_us;
        if (start_us < end_us && left_us <= end_us - start_us) {
            return start_us + left_us;
        }
        left_us -= start_us < end_us ? end_us - start_us : 0;
    }
    return from_us + hours * US_PER_HOUR; /* at the end of the calendar */
}
