/* SPDX-License-Identifier: Apache-2.0
 * clock.h: the only place that tells the time. Threads: any. Cannot fail.
 * Stored and shown times are wall-clock microseconds since 1970 UTC; durations and deadlines are
 * taken from the monotonic clock, which never jumps. */
#ifndef HOLDFAST_BASE_CLOCK_H
#define HOLDFAST_BASE_CLOCK_H

#include "base/compiler.h"

#define US_PER_MS INT64_C(1000)
#define US_PER_SECOND INT64_C(1000000)

int64_t clock_wall_us(void);
int64_t clock_mono_us(void);

/* A clock that can be moved ahead, for sandboxes and their tests (`test_clock`): both clocks, for
 * everybody in the process at once. Who waits for a time that it passes over goes on waiting for as
 * long as he meant to: wake him. A negative amount takes an earlier one back. */
void clock_shift(int64_t us);
int64_t clock_shifted_us(void); /* 0: it is the real one */

enum { CLOCK_TEXT_MAX = 32 };
/* RFC 3339 UTC: "2026-11-20T08:00:00Z", with three or six decimals when they are not zero:
 * "2026-11-20T08:00:00.250Z". Times outside the years 0000 to 9999 show as the nearest that can be
 * written. Returns `text`. */
const char *clock_format(int64_t wall_us, char text[CLOCK_TEXT_MAX]);
/* Reads RFC 3339 with `Z` or a numeric offset and up to six fractional digits; a leap second
 * (23:59:60 UTC) is the second after it. Returns false when the text is anything else. */
MUST_USE bool clock_parse(const char *text, int64_t *ret_wall_us);

/* "2026-11-20 16:00:00", the wall's time that many minutes east of Greenwich, without regard to the
 * machine's own zone; parts of a second are left out. Returns `text`. */
const char *clock_format_at(int64_t wall_us, int offset_minutes, char text[CLOCK_TEXT_MAX]);
/* Reads that text and nothing else. */
MUST_USE bool clock_parse_at(const char *text, int offset_minutes, int64_t *ret_wall_us);
enum { BEIJING_MINUTES = 8 * 60 };

#endif
