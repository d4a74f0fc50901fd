/* SPDX-License-Identifier: Apache-2.0
 * workdays.h: on which days somebody settles: the calendars of `reconciliation.calendars`.
 *
 *   calendar   a weekend, holidays on which nothing is settled, and days of a weekend on which
 *              work is done (China moves some). Dates are those of whoever counts by it: a gateway
 *              counts in its own time zone.
 *   business   a day that is a working one, or that is neither of the weekend nor a holiday.
 *   until      The day of a moment is counted from, or the next business day where it is none; so
 *              many business days later that day ends: with the midnight before which it still is
 *              (an hour more or less where clocks change).
 *
 * No weekend and no holiday is known here but what is configured: they differ from country to
 * country, and governments change them. Without a calendar it is Monday to Friday. Beyond the last
 * day that a calendar names there is the weekend alone: what is then missing too early is looked at
 * too early, never too late.
 *
 * A date is "2026-10-01", or a span of such, both ends included: "2026-10-01..2026-10-07". In a
 * file one is a line, with "work" behind it for a working day; "#" begins a comment.
 * Owns: a calendar is its opener's, until workdays_free(). Threads: any; constant once opened.
 * Limits: WORKDAYS_DATES_MAX dates of each kind, WORKDAYS_FILE_BYTES_MAX. Errors: ERR_CONFIG, with
 * the calendar's name and where; a date that is a holiday and a working one, one that is named
 * twice, or a working day that is none of the weekend is refused as a slip. */
#ifndef HOLDFAST_STATEMENT_WORKDAYS_H
#define HOLDFAST_STATEMENT_WORKDAYS_H

#include "base/calendar.h"
#include "base/compiler.h"
#include "base/err.h"

enum {
    WORKDAYS_CALENDARS_MAX = 64,
    WORKDAYS_WORDS_MAX = 400, /* dates and spans in the configuration, of each kind */
    WORKDAYS_DATES_MAX = 4000,
    WORKDAYS_SPAN_MAX = 60,
    WORKDAYS_FILE_BYTES_MAX = 64 * 1024,
    WORKDAYS_NAME_CHARS_MAX = 40,
    WORKDAYS_DATE_CHARS = 10,
};

/* As it is written in holdfast.yaml (settle_schema.h); what is absent is NULL or 0. */
struct workdays_settings {
    char *name;
    char **weekend; /* "mon" to "sun", or "none"; absent: sat, sun */
    unsigned weekend_count;
    char **holidays, **working_days;
    unsigned holidays_count, working_days_count;
    char *file; /* more of both */
};

struct workdays;
MUST_USE int workdays_open(const struct workdays_settings *settings, struct workdays **ret_workdays,
                           struct err *err);
void workdays_free(struct workdays *workdays); /* NULL is fine */
void workdays_auto(struct workdays **workdays);
#define WORKDAYS_AUTO struct workdays *CLEANUP(workdays_auto)

const char *workdays_name(const struct workdays *workdays); /* "": NULL, Monday to Friday */
/* The last day that it names, a holiday or a working one, and how many days after that of `now_us`
 * (UTC) it is; when it is over, below 0. False: it names none (a weekend alone), or is NULL. */
MUST_USE bool workdays_last(const struct workdays *workdays, int64_t now_us,
                            char ret_day[WORKDAYS_DATE_CHARS + 1], int64_t *ret_days_left);
/* Whether that local day is one. `workdays` NULL: Monday to Friday, as everywhere below. */
bool workdays_works(const struct workdays *workdays, int64_t local_s);
/* The first moment after the business day so many after that of `at_us`: with 0 after its own day,
 * or after the next business day where it is none. */
int64_t workdays_until(const struct workdays *workdays, int64_t at_us, int business_days,
                       const struct time_zone *zone);

#endif
