/* SPDX-License-Identifier: Apache-2.0
 * meter_read.c: figures over the last seconds, and totals. */
#include "meter/meter.h"

#include <math.h>
#include <string.h>

#include "meter/series.h"

static int window_clamp(int window_s) {
    if (window_s < 1) {
        return 1;
    }
    return window_s > METER_WINDOW_S ? METER_WINDOW_S : window_s;
}

int64_t meter_recent(enum meter_id id, int window_s, const char *const labels[METER_LABELS_MAX]) {
    int64_t sum = 0;
    uint32_t now = series_second_now();
    for (struct series *series = metric_series(id); series != NULL; series = series->next) {
        if (!series_matches(series, labels)) {
            continue;
        }
        series_hold(series, now);
        sum += series_sum(series, (int64_t)now - window_clamp(window_s), (int64_t)now - 1);
        series_release(series);
    }
    return sum;
}

int64_t meter_total(enum meter_id id, const char *const labels[METER_LABELS_MAX]) {
    int64_t sum = 0;
    uint32_t now = series_second_now();
    for (struct series *series = metric_series(id); series != NULL; series = series->next) {
        if (!series_matches(series, labels)) {
            continue;
        }
        series_hold(series, now);
        sum += series_total(series);
        series_release(series);
    }
    return sum;
}

int meter_values(enum meter_id id, const char **ret_values, int max) {
    int count = 0;
    for (struct series *series = metric_series(id); series != NULL; series = series->next) {
        const char *value = series_label(series, 0);
        bool known = false;
        for (int i = 0; !known && i < count; i++) {
            known = strcmp(ret_values[i], value) == 0;
        }
        if (!known && count < max) {
            ret_values[count++] = value;
        }
    }
    return count;
}

/* The duration of the given rank (from 1) when all are sorted. */
static int64_t duration_at(const uint64_t *counts, uint64_t rank) {
    uint64_t seen = 0;
    int last = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        seen += counts[bucket];
        last = counts[bucket] > 0 ? bucket : last;
        if (seen >= rank) {
            break;
        }
    }
    return bucket_middle_us(last);
}

/* How often each duration was seen in the window, and how often all of them together. */
static uint64_t gather(enum meter_id id, int window_s, const char *const labels[METER_LABELS_MAX],
                       uint64_t counts[BUCKETS]) {
    INVARIANT(metrics[id].kind == METER_HISTOGRAM, "only a histogram has quantiles");
    uint32_t now = series_second_now();
    for (struct series *series = metric_series(id); series != NULL; series = series->next) {
        if (!series_matches(series, labels)) {
            continue;
        }
        series_hold(series, now);
        series_buckets(series, (int64_t)now - window_clamp(window_s), counts);
        series_release(series);
    }
    uint64_t total = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        total += counts[bucket];
    }
    return total;
}

int64_t meter_observations(enum meter_id id, int window_s,
                           const char *const labels[METER_LABELS_MAX]) {
    uint64_t counts[BUCKETS] = {0};
    return (int64_t)gather(id, window_s, labels, counts);
}

int64_t meter_quantile(enum meter_id id, double quantile, int window_s,
                       const char *const labels[METER_LABELS_MAX]) {
    uint64_t counts[BUCKETS] = {0};
    uint64_t total = gather(id, window_s, labels, counts);
    if (total == 0) {
        return -1;
    }
    double rank = ceil(fmin(fmax(quantile, 0.0), 1.0) * (double)total);
    return duration_at(counts, rank < 1.0 ? 1 : (uint64_t)rank);
}
