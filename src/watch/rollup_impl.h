/* SPDX-License-Identifier: Apache-2.0
 * rollup_impl.h: what rollup.c (memory, threads) and rollup_store.c (SQL) share. */
#ifndef HOLDFAST_WATCH_ROLLUP_IMPL_H
#define HOLDFAST_WATCH_ROLLUP_IMPL_H

#include <glib.h>

#include "base/task.h"
#include "watch/rollup.h"

/* A minute of a slice, as it is written. */
struct kept_row {
    struct kept_row *next;
    int64_t slice; /* slice_id(); the slice itself may be gone when a test begins anew */
    enum slice_operation operation;
    int64_t minute, writer;
    struct slice_counts counts;
    int64_t ok_minor, lost_minor, duration_us;
    bool written, busy; /* busy: in a transaction that runs now */
    uint32_t bytes;
    const char *codes, *labels[SLICE_DIMENSIONS]; /* in `texts` */
    char texts[];                                 /* durations, codes, labels */
};

struct rollup {
    struct store *store;
    int64_t kept_bytes_max;
    uint64_t life; /* a random number; with a count of takings it is a row's writer */
    int64_t taken_minute;
    int64_t pruned_us; /* monotonic; 0: not yet */

    struct lock lock; /* guards what follows */
    struct cond wake;
    bool stopping;
    struct kept_row *oldest, *newest;
    struct rollup_stats stats;

    GHashTable *known; /* ids of slices whose words are stored; of the writing task */
    struct task *taker, *writer;
};

enum { WRITE_ROWS_MAX = 100 };
/* One transaction for rows[count]; nothing of it is changed. */
MUST_USE int rollup_write_rows(struct rollup *rollup, struct kept_row *const *rows, int count,
                               struct err *err);
/* Makes one hour that is due; 1: there may be more. */
MUST_USE int rollup_make_hour(struct store *store, int64_t now_hour, struct err *err);
/* Forgets one piece of what is older than `minute`; 1: there may be more. */
MUST_USE int rollup_prune(struct store *store, int64_t minute, struct err *err);

void kept_row_sum(const struct kept_row *row, struct metric_sum *sum);

#endif
