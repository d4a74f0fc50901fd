/* SPDX-License-Identifier: Apache-2.0
 * rota.h: hours of a week on a place's own clocks, and whose turn it is within them.
 *
 * Hours that end before they begin go past midnight and belong to the day on which they began;
 * equal ones last 24 hours. A turn changes with the first shift of a day, never within one. What
 * the clocks skip or show twice in spring and autumn counts as they show it: a shift "from 22:00
 * until 06:00" has 7 or 9 hours then, and nobody is left out.
 * Threads: any, once read. Owns: its zones, until rota_release(); texts are borrowed.
 * Errors:  ERR_CONFIG; the caller adds the place. */
#ifndef HOLDFAST_WATCH_ROTA_H
#define HOLDFAST_WATCH_ROTA_H

#include "base/calendar.h"
#include "watch/alert_config.h"

struct hours {
    struct time_zone *zone; /* NULL: these hours are always */
    int64_t from_s, until_s; /* of the day */
    bool days[7];            /* Monday first: on which they begin */
};
/* `fallback_zone`: where they name none. */
MUST_USE int hours_read(const struct alert_hours_config *config, const char *fallback_zone,
                        struct hours *ret_hours, struct err *err);
void hours_release(struct hours *hours);
bool hours_hold(const struct hours *hours, int64_t wall_us);
/* "09:30" as seconds of the day; "24:00" as well. */
MUST_USE bool hours_parse_time(const char *text, int64_t *ret_s);
MUST_USE bool hours_parse_day(const char *text, int *ret_day); /* "mon": 0 */

enum { ROTA_SHIFTS_MAX = 32, ROTA_PEOPLE_MAX = 32 };
struct shift {
    struct hours hours;
    const char *people[ROTA_PEOPLE_MAX];
    int people_count;
    int64_t turn_days, since_day; /* days since 1970 */
};
struct rota {
    const char *name;
    struct shift shifts[ROTA_SHIFTS_MAX];
    int shift_count;
};
MUST_USE int rota_read(const struct alert_rota_config *config, const char *fallback_zone,
                       struct rota *ret_rota, struct err *err);
void rota_release(struct rota *rota);
/* By its shifts; NULL: nobody. */
const char *rota_on_duty(const struct rota *rota, int64_t wall_us);

#endif
