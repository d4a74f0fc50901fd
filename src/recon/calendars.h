/* SPDX-License-Identifier: Apache-2.0
 * calendars.h: calendars of business days that end: beyond the last day that one names there is its
 * weekend alone, so that a holiday counts as a business day and money is looked for too early.
 * Whoever keeps them is told in time: when the service starts, by each run, by `doctor`.
 *
 * A calendar ends when it names days at all and some gateway counts by it. Of one that is
 * configured and used by nobody nothing is said.
 * Threads: any. Owns: nothing; names are the calendars' own. Cannot fail. */
#ifndef HOLDFAST_RECON_CALENDARS_H
#define HOLDFAST_RECON_CALENDARS_H

#include "recon/recon.h"

enum { CALENDAR_WARN_DAYS = 60, CALENDAR_TEXT_CHARS_MAX = 240 };

struct calendar_end {
    const char *name;
    char last_day[WORKDAYS_DATE_CHARS + 1]; /* "2026-10-10" */
    int64_t days_left;                      /* until then, by UTC; behind it: below 0 */
};
/* Those whose last day is less than CALENDAR_WARN_DAYS away, or over, by which this gateway's
 * windows and payouts are counted (NULL: any gateway's), each once. Returns how many. */
int calendars_ending(const struct recon *recon, const char *gateway, int64_t now_us,
                     struct calendar_end ret_ends[WORKDAYS_CALENDARS_MAX]);
/* A sentence or two for people. Returns `ret_text`. */
const char *calendar_end_text(const struct calendar_end *end,
                              char ret_text[CALENDAR_TEXT_CHARS_MAX + 1]);
/* A warning in the log for each. */
void calendars_warn(const struct recon *recon, const char *gateway, int64_t now_us);
/* [{"name","last_day","days_left","says"}…] */
void calendars_json(const struct recon *recon, const char *gateway, int64_t now_us,
                    struct buf *buf);

#endif
