/* SPDX-License-Identifier: Apache-2.0
 * pool.c: slots for connections, see pool.h. */
#include "store/pool.h"

#include "base/clock.h"

#include <glib.h>

struct pool_waiter {
    struct pool_waiter *next;
    struct pool_slot *slot; /* NULL: none was handed over yet */
    struct latch handed;    /* opened after `slot` was set, without the lock */
};

void pool_init(struct pool *pool, struct pool_slot *const *slots, int max) {
    *pool = (struct pool){.max = max, .closed_count = max};
    atomic_init(&pool->generation, 1);
    pool->open_idle = g_new0(struct pool_slot *, max);
    pool->closed_idle = g_new0(struct pool_slot *, max);
    memcpy(pool->closed_idle, slots, (size_t)max * sizeof(pool->closed_idle[0]));
    lock_init(&pool->lock);
    pool->last = &pool->first;
    cond_init(&pool->drained);
}

void pool_release(struct pool *pool) {
    lock_free(&pool->lock);
    cond_free(&pool->drained);
    g_free(pool->open_idle);
    g_free(pool->closed_idle);
}

/* With the lock held. */
static void waiter_remove(struct pool *pool, struct pool_waiter *waiter) {
    struct pool_waiter **link = &pool->first;
    while (*link != waiter) {
        link = &(*link)->next;
    }
    *link = waiter->next;
    if (waiter->next == NULL) {
        pool->last = link;
    }
    pool->waiting--;
}

/* Waits, with the lock held, until somebody hands over a slot, which counts as busy all the while.
 * NULL: not before the deadline. */
static struct pool_slot *wait_for_slot(struct pool *pool, int64_t deadline_us) {
    struct pool_waiter waiter = {0};
    latch_init(&waiter.handed);
    *pool->last = &waiter;
    pool->last = &waiter.next;
    pool->waiting++;
    lock_give(&pool->lock);
    bool passed = latch_pass_until(&waiter.handed, deadline_us);
    lock_take(&pool->lock);
    if (waiter.slot == NULL) {
        waiter_remove(pool, &waiter);
    } else if (!passed) { /* at the last moment: whoever handed it over is about to open */
        lock_give(&pool->lock);
        latch_pass(&waiter.handed);
        lock_take(&pool->lock);
    }
    latch_free(&waiter.handed);
    return waiter.slot;
}

static struct pool_slot *take_idle(struct pool *pool) {
    pool->busy++;
    return pool->open_count > 0 ? pool->open_idle[--pool->open_count]
                                : pool->closed_idle[--pool->closed_count];
}

int pool_take(struct pool *pool, int64_t timeout_us, struct pool_slot **ret_slot,
              int64_t *ret_wait_us, struct err *err) {
    int64_t wait_us = 0;
    struct pool_slot *slot;
    lock_take(&pool->lock);
    if (pool->closing) {
        lock_give(&pool->lock);
        return err_set(err, ERR_STORE, "the store is closing");
    }
    if (pool->open_count + pool->closed_count > 0) {
        slot = take_idle(pool);
    } else {
        int64_t start_us = clock_mono_us();
        slot = wait_for_slot(pool, start_us + timeout_us);
        wait_us = clock_mono_us() - start_us;
    }
    if (slot == NULL && pool->closing && pool->busy == 0 && pool->waiting == 0) {
        cond_signal(&pool->drained);
    }
    lock_give(&pool->lock);
    if (slot == NULL) {
        return err_set(err, ERR_STORE, "none of the %d connections became free in %lld ms",
                       pool->max, (long long)(timeout_us / US_PER_MS));
    }
    *ret_slot = slot;
    *ret_wait_us = wait_us;
    return 0;
}

/* With the lock held. Returns who is to be woken once it is given, or NULL. */
MUST_USE static struct pool_waiter *give_held(struct pool *pool, struct pool_slot *slot) {
    struct pool_waiter *waiter = pool->first;
    if (waiter != NULL) {
        waiter_remove(pool, waiter);
        waiter->slot = slot;
        return waiter;
    }
    if (slot->open) {
        pool->open_idle[pool->open_count++] = slot;
    } else {
        pool->closed_idle[pool->closed_count++] = slot;
    }
    pool->busy--;
    if (pool->closing && pool->busy == 0) {
        cond_signal(&pool->drained);
    }
    return NULL;
}

void pool_give(struct pool *pool, struct pool_slot *slot) {
    lock_take(&pool->lock);
    struct pool_waiter *waiter = give_held(pool, slot);
    lock_give(&pool->lock);
    if (waiter != NULL) {
        latch_open(&waiter->handed);
    }
}

int64_t pool_generation(struct pool *pool) {
    return atomic_load_explicit(&pool->generation, memory_order_acquire);
}

int pool_refresh(struct pool *pool, void (*close_slot)(struct pool_slot *slot)) {
    lock_take(&pool->lock);
    atomic_fetch_add(&pool->generation, 1);
    int count = pool->open_count;
    struct pool_slot **taken = g_new0(struct pool_slot *, (size_t)count + 1);
    memcpy(taken, pool->open_idle, (size_t)count * sizeof(taken[0]));
    pool->open_count = 0;
    pool->busy += count;
    lock_give(&pool->lock);
    /* Closing can take a while (a farewell over the network), so it is done without the lock. */
    for (int i = 0; i < count; i++) {
        close_slot(taken[i]);
        pool_give(pool, taken[i]);
    }
    g_free(taken);
    return count;
}

void pool_drain(struct pool *pool) {
    lock_take(&pool->lock);
    pool->closing = true;
    while (pool->busy > 0 || pool->waiting > 0) {
        cond_wait(&pool->drained, &pool->lock);
    }
    lock_give(&pool->lock);
}

void pool_count(struct pool *pool, int *ret_open, int *ret_busy, int *ret_waiting) {
    lock_take(&pool->lock);
    *ret_open = pool->open_count + pool->busy;
    *ret_busy = pool->busy;
    *ret_waiting = pool->waiting;
    lock_give(&pool->lock);
}
