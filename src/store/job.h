/* SPDX-License-Identifier: Apache-2.0
 * job.h: durable work for later: resolving unknown payments, processing callbacks, sending
 * webhooks.
 *
 * A job is a row (kind, key, due time, attempts, lease, payload). job_add() writes it in the
 * caller's transaction, so that it exists exactly if the change it follows from does. (kind, key)
 * is unique among live jobs: adding one again changes nothing. A runner leases due jobs (FOR UPDATE
 * SKIP LOCKED), several instances side by side; a lease that runs out (crash) makes the job due
 * again, so a handler may run twice and must be idempotent.
 *   handler returns 0     done: the row is deleted
 *   handler returns < 0   tried again after its backoff; after `attempts_max` it is parked and the
 *                         kind's `parked` hook runs (which opens a ticket or marks the callback)
 *   *ret_again_us set     not an error: run again at that wall time, attempts not counted
 *
 * A parked job is still live: it keeps its key, its payload and its last error until job_hasten()
 * or job_cancel(). A hasten that comes while the job runs is kept with the row, and leads to
 * another run whatever the present one returns (also one that would have been parked); job_add()
 * does not do that. So who must be sure of a run that begins after his commit calls job_add() and,
 * when that returns 0, job_hasten().
 * A lease is not extended: a handler's run is bounded by its own deadlines, and `lease_us` is
 * longer than that. The seconds that a leased job may wait for a worker are added to it. When a run
 * takes longer all the same, another may begin beside it, and what the first one returns is not
 * counted. On SQLite, which no other process can have open, making a runner frees the leases that a
 * crash left behind; so there one runner a process does all kinds. A job whose run never ended 20
 * times in a row (it crashes the process, say) counts as failed without being run.
 * Threads: job_add in any transaction; runner tasks of its own.
 * Errors:  ERR_VALIDATION (empty, long or not UTF-8), ERR_TOO_LARGE (payload), those of store.h. */
#ifndef HOLDFAST_STORE_JOB_H
#define HOLDFAST_STORE_JOB_H

#include "store/store.h"

enum { JOB_KEY_CHARS_MAX = 80, JOB_PAYLOAD_BYTES_MAX = 16 * 1024 };

struct job {
    char id[40];
    char kind[24];
    char key[JOB_KEY_CHARS_MAX + 1];
    char *payload; /* borrowed while the handler runs; "" when none */
    int attempts;  /* tries before this one */
    int64_t due_us, created_us;
};

struct job_kind {
    const char *name; /* ≤ 23 characters */
    int (*run)(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);
    int (*parked)(struct store_tx *tx, void *ctx, const struct job *job, const struct err *why,
                  struct err *err); /* in the transaction that parks it; may be NULL. When it fails
                                       the job is not parked but tried again after its backoff. */
    void *ctx;
    const int64_t *backoff_us; /* by attempt (≥ 1 row); the last one repeats; ±20 % jitter */
    int backoff_count;
    int attempts_max; /* 0: never parked */
    int64_t lease_us; /* longer than a run can take */
    int concurrency;  /* runs at once in this process */
};

/* 1: added; 0: a live one with this kind and key exists; negative: an error. */
MUST_USE int job_add(struct store_tx *tx, const char *kind, const char *key, int64_t due_us,
                     const char *payload, struct err *err);
/* The same for who knows that there is none, or need not hear: like sql_put() it waits for nothing
 * on PostgreSQL, and errors of the store show at the next call or at the commit. */
MUST_USE int job_put(struct store_tx *tx, const char *kind, const char *key, int64_t due_us,
                     const char *payload, struct err *err);
/* Makes a waiting or parked job due at `due_us` (a waiting one never later than it was), attempts
 * reset when parked. One that runs will run once more, at `due_us` or after. 1 found, 0 not. */
MUST_USE int job_hasten(struct store_tx *tx, const char *kind, const char *key, int64_t due_us,
                        struct err *err);
/* Removes it unless it runs. 1 removed, 0 not there. */
MUST_USE int job_cancel(struct store_tx *tx, const char *kind, const char *key, struct err *err);

struct job_runner;
/* `kinds` is borrowed for the runner's life. Starts its tasks at once. */
MUST_USE int job_runner_start(struct store *store, const struct job_kind *kinds, int count,
                              struct job_runner **ret_runner, struct err *err);
/* Tells the runner that something may be due now (after a commit that added a job). Cheap. */
void job_runner_wake(struct job_runner *runner);
/* Takes no more jobs, waits for the running ones, frees. */
void job_runner_stop(struct job_runner *runner);
/* A runner without tasks: only job_runner_drain() runs its jobs (tests, simulator). */
MUST_USE int job_runner_new(struct store *store, const struct job_kind *kinds, int count,
                            struct job_runner **ret_runner, struct err *err);
/* Runs everything due at this moment in the calling task, one after the other, and returns how many
 * runs there were (tests, simulator). What handlers add or make due until that same moment is run
 * as well. On an error (of the store) the job at hand is left to its lease. */
MUST_USE int job_runner_drain(struct job_runner *runner, struct err *err);

struct job_counts {
    int64_t waiting; /* due later */
    int64_t due;     /* due by now and not running; with those whose lease ran out */
    int64_t running, parked;
    int64_t oldest_due_us; /* wall time; 0: none is due */
};
MUST_USE int job_count(struct store_tx *tx, const char *kind /* NULL: all */, int64_t now_us,
                       struct job_counts *ret_counts, struct err *err);

#endif
