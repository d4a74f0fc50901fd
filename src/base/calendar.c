/* SPDX-License-Identifier: Apache-2.0
 * calendar.c: time zones and dates by GLib, which reads the machine's own zone files and their
 * rules for years to come. */
#include "base/calendar.h"

#include <glib.h>
#include <string.h>

#include "base/clock.h"

#define SECONDS_PER_DAY INT64_C(86400)
#define LOCAL_S_MAX INT64_C(253402214400) /* 9999-12-31 */

static const char *const unit_names[] = {"?", "day", "week", "month", "year"};
static_assert(COUNT_OF(unit_names) == UNIT_COUNT, "every unit has a name");

/* The names of IANA's zones are an area and places in it. Anything else would be a rule of its own
 * ("EST5EDT", "+05:00") or some other file of the folder that GLib reads them from. */
static bool plausible(const char *name) {
    if (strcmp(name, "UTC") == 0) {
        return true;
    }
    size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789_+-/");
    return name[length] == '\0' && length <= TIME_ZONE_CHARS_MAX && g_ascii_isupper(name[0]) &&
           strchr(name, '/') != NULL && strstr(name, "//") == NULL && name[length - 1] != '/';
}

int time_zone_open(const char *name, struct time_zone **ret_zone, struct err *err) {
    GTimeZone *zone = plausible(name) ? g_time_zone_new_identifier(name) : NULL;
    if (zone == NULL) {
        err_set(err, ERR_VALIDATION, "there is no time zone \"%.60s\" here", name);
        return err_hint(err, "An IANA name such as Europe/Berlin or Asia/Shanghai, or UTC.");
    }
    *ret_zone = (struct time_zone *)zone;
    return 0;
}

void time_zone_close(struct time_zone *zone) {
    if (zone != NULL) {
        g_time_zone_unref((GTimeZone *)zone);
    }
}

void time_zone_auto(struct time_zone **zone) {
    time_zone_close(*zone);
}

/* Seconds east of Greenwich at a moment. */
static int64_t offset_at(const struct time_zone *zone, int64_t wall_s) {
    GTimeZone *at = (GTimeZone *)(uintptr_t)zone;
    return g_time_zone_get_offset(at, g_time_zone_find_interval(at, G_TIME_TYPE_UNIVERSAL, wall_s));
}

static int64_t floor_seconds(int64_t us) {
    return us / US_PER_SECOND - (us % US_PER_SECOND < 0 ? 1 : 0);
}

int64_t local_from_wall(const struct time_zone *zone, int64_t wall_us) {
    int64_t wall_s = floor_seconds(wall_us);
    return wall_s + offset_at(zone, wall_s);
}

/* What the clocks said a day before and a day after; where they differ, they changed between. */
int64_t wall_from_local(const struct time_zone *zone, int64_t local_s) {
    int64_t before = offset_at(zone, local_s - SECONDS_PER_DAY);
    int64_t after = offset_at(zone, local_s + SECONDS_PER_DAY);
    int64_t by_before = local_s - before, by_after = local_s - after;
    bool shown_before = offset_at(zone, by_before) == before;
    bool shown_after = offset_at(zone, by_after) == after;
    int64_t wall_s = shown_after && !shown_before ? by_after : by_before;
    return wall_s * US_PER_SECOND;
}

const char *calendar_unit_name(enum calendar_unit unit) {
    return unit > 0 && unit < UNIT_COUNT ? unit_names[unit] : unit_names[0];
}

bool calendar_unit_parse(const char *name, enum calendar_unit *ret_unit) {
    for (int i = UNIT_DAY; i < UNIT_COUNT; i++) {
        if (strcmp(name, unit_names[i]) == 0) {
            *ret_unit = (enum calendar_unit)i;
            return true;
        }
    }
    return false;
}

static GDate date_of(int64_t local_s) {
    GDate date;
    static const guint32 days_to_1970 = 719163; /* GLib's day 1 is 0001-01-01 */
    g_date_clear(&date, 1);
    g_date_set_julian(&date, (guint32)(local_s / SECONDS_PER_DAY) + days_to_1970);
    return date;
}

static int64_t seconds_of(const GDate *date, int64_t second_of_day) {
    return ((int64_t)g_date_get_julian(date) - 719163) * SECONDS_PER_DAY + second_of_day;
}

static int64_t within(int64_t local_s) {
    return local_s < 0 ? 0 : local_s > LOCAL_S_MAX ? LOCAL_S_MAX : local_s;
}

static int64_t step_days(int64_t from_s, int64_t days) {
    int64_t most = LOCAL_S_MAX / SECONDS_PER_DAY;
    days = days > most ? most : days < -most ? -most : days;
    return within(from_s + days * SECONDS_PER_DAY);
}

static int64_t step_months(int64_t from_s, int day, int64_t months) {
    const int64_t most = 12 * INT64_C(10000);
    GDate date = date_of(from_s);
    months = months > most ? most : months < -most ? -most : months;
    int64_t month = (int64_t)g_date_get_year(&date) * 12 + g_date_get_month(&date) - 1 + months;
    int64_t year = month / 12;
    if (month < 0 || year < 1970) {
        return 0;
    }
    if (year > 9999) {
        return LOCAL_S_MAX;
    }
    GDateMonth of_year = (GDateMonth)(month % 12 + 1);
    int last = g_date_get_days_in_month(of_year, (GDateYear)year);
    g_date_set_dmy(&date, (GDateDay)(day < last ? day : last), of_year, (GDateYear)year);
    return seconds_of(&date, from_s % SECONDS_PER_DAY);
}

int64_t calendar_step(int64_t from_s, int day, enum calendar_unit unit, int64_t steps) {
    INVARIANT(day >= 1 && day <= 31, "a day of a month");
    int64_t from = within(from_s);
    switch (unit) {
    case UNIT_DAY:
        return step_days(from, steps);
    case UNIT_WEEK:
        return step_days(from, steps > INT64_C(1000000) ? INT64_C(7000000) : steps * 7);
    case UNIT_MONTH:
        return step_months(from, day, steps);
    case UNIT_YEAR:
        return step_months(from, day, steps > 10000 ? INT64_C(120000) : steps * 12);
    case UNIT_COUNT:
        break;
    }
    INVARIANT(false, "a unit out of its table");
}

int calendar_day(int64_t local_s) {
    GDate date = date_of(within(local_s));
    return g_date_get_day(&date);
}

int64_t calendar_at_hour(int64_t local_s, int hour) {
    int64_t at = within(local_s);
    return at - at % SECONDS_PER_DAY + hour * INT64_C(3600);
}

bool calendar_date(int year, int month, int day, int64_t *ret_local_s) {
    GDate date;
    if (year < 1970 || year > 9999 || month < 1 || day < 1 || day > 31 ||
        !g_date_valid_dmy((GDateDay)day, (GDateMonth)month, (GDateYear)year)) {
        return false;
    }
    g_date_clear(&date, 1);
    g_date_set_dmy(&date, (GDateDay)day, (GDateMonth)month, (GDateYear)year);
    *ret_local_s = seconds_of(&date, 0);
    return true;
}
