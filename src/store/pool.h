/* SPDX-License-Identifier: Apache-2.0
 * pool.h: a fixed number of slots, each the right to one connection; takers wait for a free one.
 *
 * A slot stays with its taker through every rerun of a transaction, also while its connection is
 * being replaced, so that a closing store waits for exactly the work that has begun. Which
 * connection a slot holds is the engine's business: the pool knows only whether there is one.
 * Threads: any. Errors: ERR_STORE (none became free in time, or the store is closing). */
#ifndef HOLDFAST_STORE_POOL_H
#define HOLDFAST_STORE_POOL_H

#include "base/err.h"
#include "base/task.h"

#include <stdatomic.h>

/* The first member of the engine's own struct. The taker sets both when it connects. */
struct pool_slot {
    bool open;          /* holds a connection */
    int64_t generation; /* pool_generation() when that connection was made */
};

struct pool_waiter; /* on its taker's stack */

struct pool {
    struct lock lock;
    struct pool_waiter *first, **last; /* who waits, in the order in which they came */
    struct cond drained;               /* nothing is taken and nobody waits */
    struct pool_slot **open_idle, **closed_idle;
    int open_count, closed_count; /* of the idle ones */
    int max, busy, waiting;
    _Atomic int64_t generation;
    bool closing;
};

/* `slots`: `max` pointers, copied; the slots themselves are borrowed for the pool's life. */
void pool_init(struct pool *pool, struct pool_slot *const *slots, int max);
/* After pool_drain(). */
void pool_release(struct pool *pool);
/* Whoever came first gets the first slot that is given back. Prefers a slot with a connection.
 * `ret_wait_us`: how long it took. */
MUST_USE int pool_take(struct pool *pool, int64_t timeout_us, struct pool_slot **ret_slot,
                       int64_t *ret_wait_us, struct err *err);
void pool_give(struct pool *pool, struct pool_slot *slot);
int64_t pool_generation(struct pool *pool);
/* Closes the connections of idle slots, and makes those in use stale: their users close them before
 * pool_give(). Returns how many were closed. */
int pool_refresh(struct pool *pool, void (*close_slot)(struct pool_slot *slot));
/* Refuses new takers, then waits for those that are in. */
void pool_drain(struct pool *pool);
void pool_count(struct pool *pool, int *ret_open, int *ret_busy, int *ret_waiting);

#endif
