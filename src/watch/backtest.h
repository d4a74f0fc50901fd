/* SPDX-License-Identifier: Apache-2.0
 * backtest.h: `holdfast alert backtest`: what a rule would have fired in the past, with the values
 * in force and with those that somebody thinks of, from what is stored by the minute (replay.h).
 *
 * It runs in a task of its own, one at a time in an instance; rows are read some thousand at a
 * time, each time in a short transaction. It is a row from its beginning on: any instance shows how
 * far it is and what came of it, and a change that was tried is known to have been (tuning.h).
 *
 *   running ──> done
 *      └──────> failed (too much, too long, the store, the process ended)
 *
 * Threads: any. Owns: its task. Errors: ERR_VALIDATION (place), ERR_NOT_FOUND, ERR_STATE (the rule
 * cannot be tried), ERR_OVERLOADED (one runs here already), those of store.h.
 * Limits: BACKTEST_RUN_S; ROLLUP_DAYS back; kept for BACKTEST_KEPT_DAYS. */
#ifndef HOLDFAST_WATCH_BACKTEST_H
#define HOLDFAST_WATCH_BACKTEST_H

#include "watch/tuning.h"

enum { BACKTEST_RUN_S = 900, BACKTEST_KEPT_DAYS = 30, BACKTEST_LOST_S = 60 };

enum backtest_state { BACKTEST_RUNNING = 1, BACKTEST_DONE = 2, BACKTEST_FAILED = 3 };

struct backtests;
MUST_USE int backtests_open(struct store *store, struct tuning *tuning,
                            struct backtests **ret_backtests, struct err *err);
/* One that runs ends as failed. NULL is fine. */
void backtests_close(struct backtests *backtests);

/* The request's pairs are what is thought of; none: only the values in force. Times are wall; until
 * 0: now. `ret_id` has ID_TEXT_MAX bytes. */
MUST_USE int backtest_begin(struct backtests *backtests, const struct tuning_request *request,
                            int64_t from_us, int64_t until_us, const char *actor, char *ret_id,
                            struct err *err);
/* Waits until nothing runs here (tests). */
void backtest_wait(struct backtests *backtests);

/* One as JSON, with its result when it is done. ERR_NOT_FOUND. */
MUST_USE int backtest_json(struct backtests *backtests, const char *id, struct buf *buf,
                           struct err *err);

#endif
