/* SPDX-License-Identifier: Apache-2.0
 * latencies.h: many durations in little memory, and their percentiles.
 *
 * Log-linear buckets: below 128 µs each microsecond has its own; above, every power of two is cut
 * into 128. A percentile is the upper edge of its bucket, so it is never too small and at most
 * 1/128 too large; the largest value is kept exactly.
 * Threads: one. Owns nothing. Cannot fail.
 * Limits: above 2^37 µs (38 hours) counts as that. */
#ifndef HOLDFAST_CLI_LATENCIES_H
#define HOLDFAST_CLI_LATENCIES_H

#include "base/compiler.h"

enum { LATENCIES_SUB = 128, LATENCIES_OCTAVES = 31 };

struct latencies {
    int64_t counts[LATENCIES_SUB * LATENCIES_OCTAVES];
    int64_t count, max_us, sum_us;
};

void latencies_clear(struct latencies *latencies);
/* Below 0 counts as 0. */
void latencies_add(struct latencies *latencies, int64_t span_us);
/* The least value that at least `percent` per cent of all values are not above: the one whose rank
 * is percent × count / 100, rounded up. -1 without values. */
int64_t latencies_percentile(const struct latencies *latencies, double percent);
int64_t latencies_mean(const struct latencies *latencies);

#endif
