/* SPDX-License-Identifier: Apache-2.0
 * lookout.h: what this instance sees amiss, said as signals of alerts (alert.h), again each time it
 * looks: the detector over the charges that it makes, the database, callbacks that do not come or
 * are not genuine, and what the database can count (check.h).
 *
 *   outcomes one by one (meter/slices.h) ──> detector ──> findings ──┐
 *   stored figures of all instances ──> volume (volume.h) ───────────┤
 *   counts of the meter, the store's own figures, checks.def ────────┼──> signals
 *   the nine figures by the minute (figure_alarm.h) ──────────────────┘
 *
 * A finding is one rule and the labels of its scope, so that an alert says for whom: gateway,
 * method, region, currency, segment; and, of the values beside them, who is proved to be well.
 * What was said and is no longer so is said to be over. What is seen is kept in memory only: after
 * a restart what is usual is learnt from the stored figures (lookout_past.c) before anything is
 * looked at, and what nobody says any more is over by itself (ALERT_WORD_US).
 *
 * Threads: one task at a time; only one lookout in a process, for events are taken once.
 * Owns:    its detector. Options are borrowed until lookout_close().
 * Errors:  what `signal` says, and those of store.h; whatever was not said is said the next time.
 * Limits:  LOOKOUT_SIGNALS_MAX signals at once; of more the rest waits until one is over. */
#ifndef HOLDFAST_WATCH_LOOKOUT_H
#define HOLDFAST_WATCH_LOOKOUT_H

#include "base/arena.h"
#include "store/store.h"
#include "watch/alert.h"
#include "watch/detector.h"
#include "watch/tuning.h"

enum { LOOKOUT_SIGNALS_MAX = 128, LOOKOUT_COUNT_S = 15 };

/* As alert_signals(). */
typedef int lookout_signal_fn(void *ctx, const struct alert_signal *signals, int count,
                              struct err *err);

/* What somebody above sees amiss, asked for with the counts: fills in at most `max` signals whose
 * texts are the arena's or constant, and whose first label is "of"; returns how many. */
typedef int lookout_more_fn(void *ctx, struct arena *arena, struct alert_signal *ret_signals,
                            int max);

struct lookout_options {
    struct store *store;      /* NULL: nothing is counted there */
    const char *source;       /* this instance's name */
    enum notice_language language; /* of what is said */
    struct tuning *tuning;    /* what the detector looks for, and thresholds of figures; NULL: the
                                 detector's own, and figures are not looked at */
    /* What a difference of that class (recon_break) is called; NULL: by its number. */
    const char *(*class_name)(int64_t class);
    lookout_signal_fn *signal;
    void *signal_ctx;
    lookout_more_fn *more; /* NULL: nobody */
    void *more_ctx;
};

struct lookout;
struct lookout *lookout_open(const struct lookout_options *options);
void lookout_close(struct lookout *lookout); /* NULL is fine */
/* Every second or so. */
MUST_USE int lookout_turn(struct lookout *lookout, struct err *err);
/* What the detector has taken so far. */
struct detector_figures lookout_figures(const struct lookout *lookout);

#endif
