/* SPDX-License-Identifier: Apache-2.0
 * meter.h: recording only: what happened, how often, how long. Nothing here decides or alerts.
 *
 * A series is a metric (meter.def) and its label values. Counters and histograms are recorded by
 * any task without blocking on the store or the network; reading gives Prometheus text or figures
 * over the last seconds. Bounded: at most METER_SERIES_MAX series; past it recordings are folded
 * into the series whose labels are all "other", and counted (holdfast_meter_folded_total).
 * A recording is a look-up without a lock and a few atomic additions: some 0.1 µs.
 * Memory is taken as series appear. A counter: about 110 bytes and its labels, and 16 for each of
 * the last 300 seconds in which it moved. A histogram: 550 more, 64 for each power of two its
 * durations fell into, and for each of the last 300 seconds in which there was one 8 bytes and 4
 * for each distinct bucket (usually 10 to 60; so up to some 80 KB when busy all the time). Windows
 * are kept with as much room again, and shrink when they are read or written after a busy time.
 * Threads: any. Owns: one process-wide table, made by meter_init().
 * Cannot fail. */
#ifndef HOLDFAST_METER_METER_H
#define HOLDFAST_METER_METER_H

#include "base/buf.h"
#include "base/compiler.h"

enum {
    METER_LABELS_MAX = 5,
    METER_LABEL_CHARS_MAX = 40,
    METER_SERIES_MAX = 20000,
    METER_WINDOW_S = 300,
};

enum meter_kind { METER_COUNTER, METER_HISTOGRAM, METER_GAUGE };

enum meter_id {
#define X(id, kind, name, labels, help) METER_##id,
#include "meter/meter.def"
#undef X
    METER_COUNT
};

/* With slices.h. Again: forgets everything (tests); nobody may record or read meanwhile. */
void meter_init(void);

/* Label values in the order of meter.def; missing ones are "". Longer ones are cut. A counter only
 * grows: a value below 1 is passed over. */
#define meter_count(id, ...) meter_add((id), 1, (const char *const[METER_LABELS_MAX]){__VA_ARGS__})
void meter_add(enum meter_id id, int64_t value, const char *const labels[METER_LABELS_MAX]);
/* One observation of a histogram, in microseconds. Below 0 counts as 0, above 38 h as 38 h. */
#define meter_time(id, duration_us, ...)                                                           \
    meter_observe((id), (duration_us), (const char *const[METER_LABELS_MAX]){__VA_ARGS__})
void meter_observe(enum meter_id id, int64_t duration_us,
                   const char *const labels[METER_LABELS_MAX]);
/* A counter without labels that is kept elsewhere: it stands at `total` now. A total below an
 * earlier one is passed over. Waits for whoever reads it. */
void meter_level(enum meter_id id, int64_t total);
#define meter_set(id, value, ...)                                                                  \
    meter_gauge((id), (value), (const char *const[METER_LABELS_MAX]){__VA_ARGS__})
void meter_gauge(enum meter_id id, double value, const char *const labels[METER_LABELS_MAX]);

/* Sum of a counter over the last `window_s` whole seconds (1 to METER_WINDOW_S; others are
 * clamped), the present unfinished one not included, over every series whose labels match; a NULL
 * label matches all. Of a histogram: how many observations. Seconds are those of the monotonic
 * clock. */
int64_t meter_recent(enum meter_id id, int window_s, const char *const labels[METER_LABELS_MAX]);
/* Quantile (0..1) of a histogram over the last `window_s` seconds, the present unfinished one
 * included, in microseconds; -1 without data. The value whose rank is quantile × count rounded up;
 * error at most 5 % (in fact 1/32). */
int64_t meter_quantile(enum meter_id id, double quantile, int window_s,
                       const char *const labels[METER_LABELS_MAX]);
/* How many observations meter_quantile() looks at. */
int64_t meter_observations(enum meter_id id, int window_s,
                           const char *const labels[METER_LABELS_MAX]);
/* meter_recent() since meter_init(). */
int64_t meter_total(enum meter_id id, const char *const labels[METER_LABELS_MAX]);

/* What the metric's first label has been so far, at most `max` different ones; returns how many.
 * Borrowed until meter_init(). */
int meter_values(enum meter_id id, const char **ret_values, int max);

/* Prometheus text exposition format 0.0.4. A metric without labels is there from the start. */
void meter_write_prometheus(struct buf *buf);

#endif
