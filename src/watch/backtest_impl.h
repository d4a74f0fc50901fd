/* SPDX-License-Identifier: Apache-2.0
 * backtest_impl.h: what backtest.c (the task, the rows) and backtest_json.c share. */
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

/* What came of it. */
void backtest_result(const struct backtest *backtest, const struct backtest_real *real,
                     int real_count, struct buf *buf);

#endif
