/* SPDX-License-Identifier: Apache-2.0
 * calendar.h: local time of a place, and steps of days, weeks, months and years in it: for what is
 * due at somebody's own hour.
 *
 * A local time is counted in seconds since 1970-01-01 00:00 on that place's clocks, as if they
 * never changed. Between it and the wall stand the rules of the IANA time zones:
 *   a local time that the clocks jumped over     is that much later ("02:30" becomes 03:30)
 *   a local time that the clocks showed twice    is the first of the two
 * (as RFC 5545, 3.3.5 has it). Steps are always counted from where they began, never from the one
 * before: the 31st is the 30th of April and the 31st of May again.
 * Threads: any; a zone may be used by many at once. Owns: a zone, until time_zone_close().
 * Limits: years 1970 to 9999; what would lie beyond is their end. */
#ifndef HOLDFAST_BASE_CALENDAR_H
#define HOLDFAST_BASE_CALENDAR_H

#include "base/compiler.h"
#include "base/err.h"

enum { TIME_ZONE_CHARS_MAX = 48 };

struct time_zone;
/* "Europe/Berlin", or "UTC". ERR_VALIDATION: there is none of that name on this machine. */
MUST_USE int time_zone_open(const char *name, struct time_zone **ret_zone, struct err *err);
void time_zone_close(struct time_zone *zone); /* NULL is fine */
void time_zone_auto(struct time_zone **zone);
#define TIME_ZONE_AUTO struct time_zone *CLEANUP(time_zone_auto)

int64_t local_from_wall(const struct time_zone *zone, int64_t wall_us);
int64_t wall_from_local(const struct time_zone *zone, int64_t local_s);

enum calendar_unit { UNIT_DAY = 1, UNIT_WEEK = 2, UNIT_MONTH = 3, UNIT_YEAR = 4, UNIT_COUNT = 5 };
const char *calendar_unit_name(enum calendar_unit unit); /* "month"; "?" for none */
MUST_USE bool calendar_unit_parse(const char *name, enum calendar_unit *ret_unit);

/* So many units after `from_s`, at the same time of the day. After months and years it is the day
 * `day` (1 to 31), or the last of a month that is shorter: keep the day that was first asked for.
 * Negative steps go back. */
int64_t calendar_step(int64_t from_s, int day, enum calendar_unit unit, int64_t steps);
int calendar_day(int64_t local_s); /* of its month, 1 to 31 */
/* The midnight with which that day begins; false when no calendar has the day, or it lies outside
 * the years above. */
MUST_USE bool calendar_date(int year, int month, int day, int64_t *ret_local_s);
/* The same day at this hour. */
int64_t calendar_at_hour(int64_t local_s, int hour);

#endif
