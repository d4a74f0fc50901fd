/* SPDX-License-Identifier: Apache-2.0
 * rollup.h: what the meter counts by slice, kept: the last minutes in memory, thirteen months in
 * the store, by the minute and by the hour.
 *
 * Every minute that is over becomes one row per slice in which anything happened. Rows wait in
 * memory until they are written; when the store is out for so long that ROLLUP_KEPT_BYTES are not
 * enough, the oldest that wait are given up, counted and logged. A row is written once, under the
 * number of this process's life, so that a write whose end nobody knows is simply made again; sums
 * over several processes are sums over their rows. Hours are made from minutes, anew whenever
 * minutes of theirs arrive late.
 * No payment waits for any of this, and nothing here holds anything that a payment needs.
 * Threads: two of its own after rollup_start(): one takes minutes, the other writes. Readers: any.
 * Errors: those of the store. */
#ifndef HOLDFAST_WATCH_ROLLUP_H
#define HOLDFAST_WATCH_ROLLUP_H

#include "watch/metric_row.h"

enum {
    ROLLUP_DAYS = 396,          /* rows are kept: thirteen months */
    ROLLUP_RECENT_MINUTES = 10, /* in memory for figures of now, written or not */
    ROLLUP_KEPT_BYTES = 32 << 20,
    ROLLUP_GROUPS_MAX = 200, /* of one answer; further ones go into one that is named "other" */
};

struct rollup;
/* `store` is borrowed. `kept_bytes` 0: ROLLUP_KEPT_BYTES. */
MUST_USE int rollup_open(struct store *store, int64_t kept_bytes, struct rollup **ret_rollup,
                         struct err *err);
MUST_USE int rollup_start(struct rollup *rollup, struct err *err);
/* Takes the unfinished minute as well and tries once to write what waits; what cannot be written
 * then is lost. */
void rollup_stop(struct rollup *rollup);
void rollup_close(struct rollup *rollup); /* NULL is fine */

/* What its threads do, for whoever has none (tests, the simulator). Taking: minutes that are over,
 * into memory. Turn: everything that waits into the store, hours that are due, and what is too old
 * out of it. */
void rollup_take(struct rollup *rollup);
MUST_USE int rollup_turn(struct rollup *rollup, struct err *err);

struct rollup_stats {
    int64_t waiting;      /* rows that are not written yet */
    int64_t waiting_since_us; /* the oldest one's minute, wall; 0: none */
    int64_t kept_bytes;
    int64_t written, lost; /* rows */
};
void rollup_stats(struct rollup *rollup, struct rollup_stats *ret_stats);

/* ---- reading ---- */

struct metric_group {
    char labels[SLICE_DIMENSIONS][SLICE_LABEL_CHARS_MAX + 1]; /* "": not asked for, or not known */
    struct metric_sum sum;
};
struct metric_groups {
    unsigned by; /* bits 1 << SLICE_GATEWAY, … by which it is told apart */
    int count;
    struct metric_group *items; /* ROLLUP_GROUPS_MAX + 1 */
};
void metric_groups_init(struct metric_groups *groups, unsigned by);
void metric_groups_release(struct metric_groups *groups);
/* The group of these labels, made when there is room. */
struct metric_group *metric_group_of(struct metric_groups *groups,
                                     const char *const labels[SLICE_DIMENSIONS]);

/* Adds what this process has seen of the operation in the last `minutes` whole ones (at most
 * ROLLUP_RECENT_MINUTES) and in the present one. */
void rollup_recent(struct rollup *rollup, enum slice_operation operation, int minutes,
                   struct metric_groups *groups);
/* The same for one whole minute, by its number since 1970; the present one as far as it goes. */
void rollup_recent_minute(struct rollup *rollup, enum slice_operation operation, int64_t minute,
                          struct metric_groups *groups);
/* Adds what is stored of the operation, of every process, from minute `from` (since 1970) up to but
 * without `until`. `hours`: from the hours, of which those count that begin in that time. */
MUST_USE int rollup_stored(struct store *store, enum slice_operation operation, int64_t from,
                           int64_t until, bool hours, struct metric_groups *groups,
                           struct err *err);

#endif
