/* SPDX-License-Identifier: Apache-2.0
 * period.c: the time that a statement is of, as somebody says it. */
#include "recon/period.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "recon/fetch_impl.h"

#define DAY_US (INT64_C(86400) * US_PER_SECOND)

static int64_t moment_of_day(int64_t day_s, int days, const struct time_zone *zone) {
    int64_t local_s = days > 0 ? calendar_step(day_s, 1, UNIT_DAY, days) : day_s;
    return zone != NULL ? wall_from_local(zone, local_s) : local_s * US_PER_SECOND;
}

/* One end: a day, or a moment. `after`: of a day, the moment after it. */
static bool end_parse(const char *text, const struct time_zone *zone, bool after, bool *ret_is_day,
                      int64_t *ret_us) {
    int64_t day_s = 0;
    *ret_is_day = strlen(text) == FETCH_DAY_CHARS && fetch_day_parse(text, &day_s);
    if (*ret_is_day) {
        *ret_us = moment_of_day(day_s, after ? 1 : 0, zone);
        return *ret_us > 0;
    }
    return clock_parse(text, ret_us) && *ret_us > 0;
}

int period_parse(const char *text, const struct time_zone *zone, int64_t *ret_from_us,
                 int64_t *ret_until_us, struct err *err) {
    char first[PERIOD_CHARS_MAX + 1], *last = NULL;
    int64_t from_us = 0, until_us = 0;
    bool from_day = false, until_day = false;
    bool fits = strlen(text) <= PERIOD_CHARS_MAX;
    snprintf(first, sizeof first, "%s", fits ? text : "");
    char *dots = strstr(first, "..");
    if (dots != NULL) {
        *dots = '\0';
        last = dots + 2;
    }
    fits = fits && end_parse(first, zone, false, &from_day, &from_us) &&
           end_parse(last != NULL ? last : first, zone, true, &until_day, &until_us) &&
           from_day == until_day && (last != NULL || from_day);
    if (!fits) {
        (void)err_set(err, ERR_VALIDATION, "this is no period");
        return err_hint(err, "A period is 2026-11-20, 2026-11-20..2026-11-22 (days of the "
                             "gateway's place, both of them), or two moments with .. between.");
    }
    if (until_us <= from_us) {
        return err_set(err, ERR_VALIDATION, "the period ends before it begins");
    }
    if (until_us - from_us > (int64_t)PERIOD_DAYS_MAX * DAY_US) {
        return err_set(err, ERR_VALIDATION, "a period has at most %d days", PERIOD_DAYS_MAX);
    }
    *ret_from_us = from_us;
    *ret_until_us = until_us;
    return 0;
}

int period_parse_in(const char *text, const char *zone_name, int64_t *ret_from_us,
                    int64_t *ret_until_us, struct err *err) {
    TIME_ZONE_AUTO zone = NULL;
    int r = time_zone_open(zone_name, &zone, err);
    return r < 0 ? r : period_parse(text, zone, ret_from_us, ret_until_us, err);
}
