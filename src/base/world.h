/* SPDX-License-Identifier: Apache-2.0
 * world.h: the door to time, randomness and threads.
 *
 * All of clock.h, random.h and task.h calls through one table. Production installs nothing:
 * the real table (world_real.c) is the default. A simulator installs its own before the first task
 * starts, and owns time, chance and the order in which tasks run. The network's and the disk's
 * doors are `struct http_client_ops` (net/http_client.h) and SQLite's VFS (store/).
 * Threads: world_install() before any other thread exists; the table's functions from any. */
#ifndef HOLDFAST_BASE_WORLD_H
#define HOLDFAST_BASE_WORLD_H

#include "base/task.h"

struct world_ops {
    int64_t (*wall_us)(void *ctx);
    int64_t (*mono_us)(void *ctx);
    void (*random_bytes)(void *ctx, void *ret_bytes, size_t count);
    struct task *(*task_start)(void *ctx, const char *name, size_t stack_bytes, task_fn *fn,
                               void *arg);
    void (*task_join)(void *ctx, struct task *task);
    void (*sleep_us)(void *ctx, int64_t duration_us);
    void (*lock_init)(void *ctx, struct lock *lock);
    void (*lock_free)(void *ctx, struct lock *lock);
    void (*lock_take)(void *ctx, struct lock *lock);
    void (*lock_give)(void *ctx, struct lock *lock);
    void (*cond_init)(void *ctx, struct cond *cond);
    void (*cond_free)(void *ctx, struct cond *cond);
    void (*cond_wait)(void *ctx, struct cond *cond, struct lock *lock);
    bool (*cond_wait_until)(void *ctx, struct cond *cond, struct lock *lock, int64_t deadline_us);
    void (*cond_signal)(void *ctx, struct cond *cond);
    void (*cond_broadcast)(void *ctx, struct cond *cond);
    /* All of these or none: without them a latch is made of a lock and a condition. */
    void (*latch_init)(void *ctx, struct latch *latch);
    void (*latch_free)(void *ctx, struct latch *latch);
    void (*latch_open)(void *ctx, struct latch *latch);
    bool (*latch_pass_until)(void *ctx, struct latch *latch,
                             int64_t deadline_us); /* -1: for ever */
};

/* Borrowed for the life of the process. `ops` NULL brings the real world back. */
void world_install(void *ctx, const struct world_ops *ops);
/* The table of the real world, for worlds that replace only a part of it. */
const struct world_ops *world_real(void);

#endif
