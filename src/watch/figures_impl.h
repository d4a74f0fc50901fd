/* SPDX-License-Identifier: Apache-2.0
 * figures_impl.h: what the files that write figures as JSON share. Internal to watch/. */
#ifndef HOLDFAST_WATCH_FIGURES_IMPL_H
#define HOLDFAST_WATCH_FIGURES_IMPL_H

#include "watch/figures.h"

/* The points of an answer. */
struct figures_range {
    int64_t from, step; /* minutes */
    int points;
    bool hours, now; /* now: the last ROLLUP_RECENT_MINUTES, of this instance */
};

void figures_add_number(struct buf *buf, double value); /* null for what is none */
void figures_add_points(struct buf *buf, const char *key, const double *values, int count);
/* ,"window_s":…,"alert":…,"bad_when":…,"warning":…,"critical":… */
void figures_add_limits(struct buf *buf, enum figure_id id, const struct figure_limits *limits,
                        double budget_used);

/* figures_codes.c: a figure's error codes, each with its share of all in its part: a row each, the
 * commonest first. A latency has none. */
MUST_USE int figures_add_codes(const struct figures_watch *watch, enum figure_id id, unsigned by,
                               const struct figures_range *range, struct buf *buf, bool *first,
                               struct err *err);

#endif
