/* SPDX-License-Identifier: Apache-2.0
 * looks.h: what was counted at each look (measure.h), kept by the minute, so that its limits can be
 * tried on the past.
 *
 * A minute in which no look of a series found anything has no row: rows are few while all is well.
 * What all instances count alike is written by whoever is first, under no name; what is an
 * instance's own under its name. Rows are written by who looks, after the minute, off the way of
 * any payment; while the store is out LOOKS_WAITING_MAX of them wait in memory, and then the oldest
 * are given up and logged (`metrics.lost`). They are kept for ROLLUP_DAYS, and go with minutes of
 * the figures (rollup_prune()).
 *
 * Threads: one at a time. Owns: what waits. Errors: those of store.h; nothing is lost by one. */
#ifndef HOLDFAST_WATCH_LOOKS_H
#define HOLDFAST_WATCH_LOOKS_H

#include "store/store.h"
#include "watch/measure.h"
#include "watch/notice.h"

enum {
    LOOKS_SERIES_MAX = 600, /* of one minute; of more the rest is left out */
    LOOKS_WAITING_MAX = 5000,
    LOOKS_LABELS_BYTES = 400,
    LOOKS_OF_MINUTE_MAX = 8, /* of one series */
    LOOKS_TEXT_BYTES = 420,
};

struct looks;
struct looks *looks_new(const char *source); /* copied */
void looks_free(struct looks *looks);        /* NULL is fine */

/* Labels as one text, sorted, as alerts have them. "" for what are none. */
void looks_labels(const struct notice_label *labels, int count,
                  char ret_text[LOOKS_LABELS_BYTES]);

/* One look of one series. */
void looks_take(struct looks *looks, int measure, const char *labels, int64_t wall_us,
                int64_t count, int64_t seconds);
/* The minutes before the present one, into the store. */
MUST_USE int looks_write(struct looks *looks, struct store *store, int64_t wall_us,
                         struct err *err);

/* "3:2:40 18:0:0" into up to LOOKS_OF_MINUTE_MAX looks; what does not read so ends it. */
struct look {
    int second;
    int64_t count, seconds;
};
int looks_read(const char *text, struct look ret_looks[LOOKS_OF_MINUTE_MAX]);

#endif
