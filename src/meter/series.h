/* SPDX-License-Identifier: Apache-2.0
 * series.h: one metric with one set of label values, and its last METER_WINDOW_S seconds. Internal
 * to meter/; everybody else uses meter.h.
 *
 * Invariants:
 *   1. A recording is one or a few relaxed atomic additions to `live` figures. Nothing waits.
 *   2. A recording that is the first of a new second *rolls* the series: the live figures become
 *      the window's entry of the second they were recorded in. `held` is taken for that; who finds
 *      it taken goes on without rolling, and its recording counts for the second that is being
 *      closed or the next one. So nothing is ever lost or counted twice.
 *   3. Readers take `held` too, waiting for it (a roll takes about a microsecond).
 *   4. A series lives until meter_init() is called again; no reader or recorder may run then. */
#ifndef HOLDFAST_METER_SERIES_H
#define HOLDFAST_METER_SERIES_H

#include <stdatomic.h>

#include "meter/meter.h"

/* Durations fall into log-linear buckets: below 16 µs one a microsecond, above it 16 to each power
 * of two, so that a bucket's middle is at most 1/32 away from everything in it. One page holds the
 * 16 buckets of one power of two. Longer than 2^37 - 1 µs (38 hours) counts as that. */
enum { PAGE_BITS = 4, PAGE_BUCKETS = 1 << PAGE_BITS, PAGES = 34, BUCKETS = PAGES * PAGE_BUCKETS };
#define DURATION_US_MAX ((INT64_C(1) << (PAGES - 1 + PAGE_BITS)) - 1)

int bucket_of(int64_t duration_us);
int64_t bucket_middle_us(int bucket);

/* Upper bounds of the buckets that Prometheus is shown; chosen to hold every threshold of WATCH-1.
 * The last counter is +Inf. */
#define SERIES_BOUNDS(X)                                                                           \
    X(1000, "0.001")                                                                               \
    X(2500, "0.0025") X(5000, "0.005") X(10000, "0.01") X(25000, "0.025") X(50000, "0.05")         \
        X(100000, "0.1") X(250000, "0.25") X(500000, "0.5") X(1000000, "1") X(2000000, "2")        \
            X(3000000, "3") X(5000000, "5") X(8000000, "8") X(15000000, "15") X(30000000, "30")    \
                X(60000000, "60") X(300000000, "300") X(3600000000, "3600")
enum {
#define X(us, text) +1
    BOUNDS = 0 SERIES_BOUNDS(X)
#undef X
};
struct bound {
    int64_t us;
    const char *text;
};
extern const struct bound series_bounds[BOUNDS];

struct page {
    _Atomic uint32_t live[PAGE_BUCKETS];
};
struct histogram {
    _Atomic(struct page *) pages[PAGES]; /* made when a duration first falls into one */
    _Atomic uint64_t within[BOUNDS + 1]; /* by bound, not cumulative, since the beginning */
    _Atomic int64_t sum_us;
};

/* Entries, oldest first: a second, the number of words that follow, the words. A counter's are the
 * low and the high half of its sum; a histogram's are `bucket << CELL_COUNT_BITS | count` each. */
struct window {
    uint32_t *words;
    uint32_t start, end, cap;
};
enum { ENTRY_HEAD_WORDS = 2, COUNTER_WORDS = 2, CELL_COUNT_BITS = 22 };
#define CELL_COUNT_MAX ((UINT32_C(1) << CELL_COUNT_BITS) - 1)

enum { KEY_BYTES_MAX = METER_LABELS_MAX * (METER_LABEL_CHARS_MAX + 1) };
struct series_key {
    enum meter_id id;
    uint32_t bytes;
    uint64_t hash;
    char labels[KEY_BYTES_MAX]; /* METER_LABELS_MAX texts, each with its NUL */
};

struct series {
    struct series *next; /* of the same metric */
    uint64_t hash;
    enum meter_id id;
    _Atomic uint32_t second; /* of the monotonic clock: the second the live figures belong to */
    _Atomic bool held;
    _Atomic int64_t live;        /* a counter's since `second` began */
    _Atomic uint64_t gauge;      /* a gauge's bits */
    int64_t total;               /* a counter's before `second`; under held */
    struct window window;        /* under held */
    struct histogram *histogram; /* of a histogram, else NULL */
    uint32_t bytes;
    char labels[];
};

struct series *series_new(const struct series_key *key, uint32_t second);
void series_free(struct series *series);

uint32_t series_second_now(void);
/* Rolls when a new second began and nobody holds the series. */
void series_tick(struct series *series, uint32_t second);
/* For readers: holds the series, rolled to `second`, until series_release(). */
void series_hold(struct series *series, uint32_t second);
void series_release(struct series *series);
void histogram_add(struct histogram *histogram, int64_t duration_us);

/* Held series only. Sum of a counter (or number of durations) over the seconds from..to. */
int64_t series_sum(const struct series *series, int64_t from, int64_t to);
/* Adds the durations of the seconds from `from` on, the present one included, to
 * counts[BUCKETS]. */
void series_buckets(const struct series *series, int64_t from, uint64_t *counts);
/* Everything since the beginning. */
int64_t series_total(const struct series *series);

/* The table of meter.c. */
struct metric {
    enum meter_kind kind;
    const char *name;
    const char *labels; /* names, comma between */
    const char *help;
};
extern const struct metric metrics[METER_COUNT];
int metric_label_count(enum meter_id id);
/* The newest series of a metric; follow ->next. NULL: none yet. */
struct series *metric_series(enum meter_id id);
/* The series of these labels, made when there is none. */
struct series *metric_series_get(enum meter_id id, const char *const labels[METER_LABELS_MAX]);
/* Whether the labels are these; NULL matches all. */
bool series_matches(const struct series *series, const char *const labels[METER_LABELS_MAX]);
/* The text of label `index`. */
const char *series_label(const struct series *series, int index);

#endif
