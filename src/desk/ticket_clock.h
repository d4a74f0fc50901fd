/* SPDX-License-Identifier: Apache-2.0
 * ticket_clock.h: when so many hours are over, where every hour counts or only hours of work.
 *
 * Hours of work are those of the place's clocks, on the days that are listed and are no holidays.
 * An hour is 60 minutes that pass, so on a day on which the clocks are moved inside them there is
 * one more or one fewer.
 * Threads: any, once it is made. Owns: its zone, until ticket_clock_release(). */
#ifndef HOLDFAST_DESK_TICKET_CLOCK_H
#define HOLDFAST_DESK_TICKET_CLOCK_H

#include "base/calendar.h"
#include "desk/ticket_config.h"

enum { TICKET_HOURS_MAX = 500, TICKET_HOLIDAYS_MAX = 400 };

struct ticket_clock {
    struct time_zone *zone;
    bool business;                         /* hours of work are configured */
    int64_t from_s, until_s;               /* of the day */
    bool days[7];                          /* Monday first */
    int64_t holidays[TICKET_HOLIDAYS_MAX]; /* the midnights with which they begin, local */
    int holiday_count;
};
/* ERR_CONFIG with its place. `hours` may be NULL. */
MUST_USE int ticket_clock_read(const char *time_zone, const struct ticket_hours_config *hours,
                               struct ticket_clock *ret_clock, struct err *err);
void ticket_clock_release(struct ticket_clock *clock);
/* 1 to TICKET_HOURS_MAX hours after `from_us` (wall). `business`: of work, where there are any. */
int64_t ticket_clock_end(const struct ticket_clock *clock, int64_t from_us, int hours,
                         bool business);

#endif
