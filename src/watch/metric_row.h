/* SPDX-License-Identifier: Apache-2.0
 * metric_row.h: one minute, or hour, of one slice as the store keeps it, and sums of several.
 * Threads: one at a time each. Owns: what it holds. */
#ifndef HOLDFAST_WATCH_METRIC_ROW_H
#define HOLDFAST_WATCH_METRIC_ROW_H

#include "base/buf.h"
#include "meter/slices.h"
#include "store/store.h"

enum { METRIC_CODES_MAX = 16 }; /* told apart in a sum; of more the commonest */

struct metric_code {
    char text[SLICE_LABEL_CHARS_MAX + 1];
    int64_t count;
};
struct metric_sum {
    struct slice_counts counts;
    int64_t ok_minor, lost_minor, duration_us;
    int64_t buckets[SLICE_BUCKETS];
    struct metric_code codes[METRIC_CODES_MAX]; /* count 0: free */
};

void metric_sum_add(struct metric_sum *sum, const struct metric_sum *more);
void metric_sum_add_minute(struct metric_sum *sum, const struct slice_minute *minute);
/* What is asked about how often it failed: a customer who tried again counts once. */
int64_t metric_sum_judged(const struct metric_sum *sum);
int64_t metric_sum_timed(const struct metric_sum *sum);
int64_t metric_sum_quantile_us(const struct metric_sum *sum, double quantile); /* -1: none */

/* "12:3 15:1": the buckets, and the codes, that are not zero. */
void metric_durations_write(struct buf *buf, const struct metric_sum *sum);
void metric_codes_write(struct buf *buf, const struct metric_sum *sum);

/* Adds what the two have written; what does not read so is passed over. */
void metric_texts_read(struct metric_sum *sum, const char *durations, const char *codes);

/* The columns of metric_minute and metric_hour from `ok` on. */
#define METRIC_COLUMNS                                                                             \
    "ok, declined, failed, repeated, ok_minor, lost_minor, duration_us, durations, codes"
/* Adds the row whose METRIC_COLUMNS begin at `column`. */
void metric_sum_read(struct metric_sum *sum, const struct sql_rows *rows, int column);

#endif
