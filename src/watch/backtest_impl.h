/* SPDX-License-Identifier: Apache-2.0
 * backtest_impl.h: what backtest.c (the task, the rows), backtest_looks.c and backtest_json.c
 * share. */
#ifndef HOLDFAST_WATCH_BACKTEST_IMPL_H
#define HOLDFAST_WATCH_BACKTEST_IMPL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/task.h"
#include "watch/backtest.h"
#include "watch/replay.h"

struct backtests {
    struct store *store;
    struct tuning *tuning;
    int rows_at_once; /* of one transaction */
    struct lock lock; /* of task and running */
    struct task *task;
    bool running;
    atomic_bool stopping;
};

/* One that runs. */
struct backtest {
    struct backtests *of;
    char id[ID_TEXT_MAX];
    const struct alert_rule *rule;
    struct tuned_values present, proposed;
    bool compares; /* something is proposed */
    int64_t from, until, begin; /* minutes */
    int64_t rows;
    struct replay *replay;
};

/* An alert of the rule that really fired. */
struct backtest_real {
    char id[ID_TEXT_MAX];
    char labels[REPLAY_LABELS_BYTES];
    int64_t fired_us, ended_us; /* 0: it is live */
};
enum { BACKTEST_REAL_MAX = 1000, BACKTEST_RESULT_BYTES_MAX = 2 * 1024 * 1024 };

/* ---- backtest_looks.c: what was counted, some rows at a time ---- */
struct look_reader;
struct look_reader *look_reader_new(struct backtest *backtest);
void look_reader_free(struct look_reader *reader); /* NULL is fine */
/* Gives the replay what was counted before `minute`. NULL: nothing. */
MUST_USE int look_reader_give(struct look_reader *reader, struct replay *replay, int64_t minute,
                              struct err *err);
int64_t look_reader_count(const struct look_reader *reader); /* rows so far */

/* Times of grave trouble since five weeks before `from_us`, as volume.h leaves them out. */
struct backtest_incidents {
    int64_t from_us;
    struct replay_incident rows[500];
    int count;
};
MUST_USE int backtest_incidents_tx(struct store_tx *tx, void *ctx, struct err *err);

/* What came of it. */
void backtest_result(const struct backtest *backtest, const struct backtest_real *real,
                     int real_count, struct buf *buf);

#endif
