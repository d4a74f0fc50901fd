/* SPDX-License-Identifier: Apache-2.0
 * season.h: how much usually comes at this hour of the week.
 *
 * Counts by the hour over the last SEASON_WEEKS weeks. What is expected now is the median of the
 * same hour of those weeks, so that one bad week (or one sale) is not the next week's measure, and
 * hours that were an incident are left out. Between the middles of two hours it is interpolated.
 * While there is no whole week yet, the same hour of the days before is asked, with caution; on the
 * first day nothing is known, and nothing is claimed.
 *
 * Hours are UTC; where clocks change, the week after a change is an hour off until it is history.
 * Threads: none of its own. Cannot fail. Limits: 3.4 KB each. */
#ifndef HOLDFAST_WATCH_SEASON_H
#define HOLDFAST_WATCH_SEASON_H

#include <stdbool.h>
#include <stdint.h>

enum { SEASON_WEEKS = 5, SEASON_HOURS = SEASON_WEEKS * 7 * 24 + 2 };

struct season {
    int64_t hour;                  /* since 1970, of the last that was counted; 0: none yet */
    uint32_t counts[SEASON_HOURS]; /* by hour modulo SEASON_HOURS; SEASON_UNKNOWN */
};

#define SEASON_UNKNOWN UINT32_MAX

void season_init(struct season *season);

/* `count` more at this time. Hours between the last and this one had none. Times before the hour
 * of the last call are counted to that hour. The first hour is not whole, so it is not known. */
void season_add(struct season *season, int64_t at_us, uint32_t count);

/* What happened from one time to another says nothing of what is usual: an incident, or nobody
 * was there to count. Every hour that is touched, within what is kept. */
void season_leave_out(struct season *season, int64_t from_us, int64_t until_us);

/* Expected each second at this time; -1: not known. */
double season_rate(const struct season *season, int64_t at_us);

/* Of how many weeks this hour is known. */
int season_weeks(const struct season *season, int64_t at_us);

/* How far an hour's count is usually from the same hour of other weeks, as a share: a standard
 * deviation without what chance alone does, judged by what nine in ten hours keep within, so that
 * a few odd ones count for little. Of hours with SEASON_SPREAD_MIN and more; -1: too few. */
enum { SEASON_SPREAD_MIN = 20 };
double season_spread(const struct season *season);

/* The same for what is counted by something else (money by payments): how far the mean of an hour
 * is from that of other weeks, times the root of how many it is the mean of. */
double season_spread_by(const struct season *season, const struct season *by);

#endif
