/* SPDX-License-Identifier: Apache-2.0
 * period.h: the time that a statement is of, as somebody says it beside a file that does not.
 *   "2026-11-20"                 that day, in the gateway's place
 *   "2026-11-20..2026-11-22"     these days, both of them
 *   "2026-11-20T00:00:00Z..2026-11-21T00:00:00Z"   from the one moment up to the other, without it
 * Threads: any. Owns: nothing. Errors: ERR_VALIDATION. Limits: PERIOD_DAYS_MAX. */
#ifndef HOLDFAST_RECON_PERIOD_H
#define HOLDFAST_RECON_PERIOD_H

#include "base/calendar.h"
#include "base/compiler.h"
#include "base/err.h"

enum { PERIOD_CHARS_MAX = 80, PERIOD_DAYS_MAX = 400 };

/* `zone` NULL: UTC. `until` is the first moment that is no longer of it. */
MUST_USE int period_parse(const char *text, const struct time_zone *zone, int64_t *ret_from_us,
                          int64_t *ret_until_us, struct err *err);
/* The same in a zone by its name. */
MUST_USE int period_parse_in(const char *text, const char *zone_name, int64_t *ret_from_us,
                             int64_t *ret_until_us, struct err *err);

#endif
