/* SPDX-License-Identifier: Apache-2.0
 * settle.h: how long what moved here may take to appear on the gateway's statements: a number of
 * business days by a calendar (statement/workdays.h), the gateway's own or that of a method.
 *
 *   1. A movement's window is that of the method that its payment was paid by; of captures,
 *      refunds and disputes as well. Where that method has none, or none is known, the gateway's.
 *   2. It is counted in the time zone of the gateway's days, from the day on which the money moved.
 *   3. Its end is a moment: before it what is not there is expected, from it on it is missing.
 * Owns: the windows and copies of their calendars, until settle_free(). Threads: any; constant once
 * opened. Errors: ERR_CONFIG, with the gateway's name. */
#ifndef HOLDFAST_RECON_SETTLE_H
#define HOLDFAST_RECON_SETTLE_H

#include "gateway/gateway.h"
#include "statement/workdays.h"

enum { SETTLE_DAYS_MAX = 60 };

/* Of one method, as it is written in holdfast.yaml (settle_schema.h). */
struct settle_settings {
    char *method;
    unsigned *business_days; /* absent: the gateway's */
    char *calendar;          /* absent: the gateway's */
};
struct settle_asked { /* borrowed */
    const char *gateway;
    int business_days;    /* of the gateway */
    const char *calendar; /* NULL: Monday to Friday */
    const struct settle_settings *windows;
    int window_count;
    const struct workdays_settings *calendars; /* all that are configured */
    int calendar_count;
};
struct settle;
MUST_USE int settle_open(const struct settle_asked *asked, struct settle **ret_settle,
                         struct err *err);
void settle_free(struct settle *settle); /* NULL is fine */

struct settle_window {
    int business_days;
    const struct workdays *calendar; /* NULL: Monday to Friday */
};
/* `method` 0, or one that has no window of its own: the gateway's. */
struct settle_window settle_window(const struct settle *settle, enum payment_method method);
bool settle_has_own(const struct settle *settle, enum payment_method method);
int64_t settle_until(const struct settle *settle, enum payment_method method, int64_t at_us,
                     const struct time_zone *zone);

/* Whether all calendars can be opened and each has a name of its own, also such as nobody uses. */
MUST_USE int settle_calendars_check(const struct workdays_settings *calendars, int count,
                                    struct err *err);

#endif
