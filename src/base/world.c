/* SPDX-License-Identifier: Apache-2.0
 * world.c: sends every question about time, chance and tasks to the table that is installed. Holds
 * the one pointer to that table, and how far a sandbox's clock was moved ahead; decides nothing
 * itself. */
#include "base/world.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/random.h"

/* Written once, by world_install(), while there is only one thread; read by all. */
static struct {
    void *ctx;
    const struct world_ops *ops; /* NULL: the real world */
} installed;

static inline const struct world_ops *world(void) {
    return installed.ops != NULL ? installed.ops : world_real();
}

/* clock_shift(): between what the world's clocks say and what we do. */
static _Atomic int64_t shift_us;

void clock_shift(int64_t us) {
    atomic_fetch_add_explicit(&shift_us, us, memory_order_relaxed);
}

int64_t clock_shifted_us(void) {
    return atomic_load_explicit(&shift_us, memory_order_relaxed);
}

void world_install(void *ctx, const struct world_ops *ops) {
    installed.ctx = ctx;
    installed.ops = ops;
}

int64_t clock_wall_us(void) {
    return world()->wall_us(installed.ctx) + clock_shifted_us();
}

int64_t clock_mono_us(void) {
    return world()->mono_us(installed.ctx) + clock_shifted_us();
}

void random_bytes(void *ret_bytes, size_t count) {
    world()->random_bytes(installed.ctx, ret_bytes, count);
}

struct task *task_start(const char *name, size_t stack_bytes, task_fn *fn, void *arg) {
    return world()->task_start(installed.ctx, name, stack_bytes, fn, arg);
}

void task_join(struct task *task) {
    world()->task_join(installed.ctx, task);
}

void task_sleep_us(int64_t duration_us) {
    world()->sleep_us(installed.ctx, duration_us);
}

void lock_init(struct lock *lock) {
    world()->lock_init(installed.ctx, lock);
}

void lock_free(struct lock *lock) {
    world()->lock_free(installed.ctx, lock);
}

void lock_take(struct lock *lock) {
    world()->lock_take(installed.ctx, lock);
}

void lock_give(struct lock *lock) {
    world()->lock_give(installed.ctx, lock);
}

void cond_init(struct cond *cond) {
    world()->cond_init(installed.ctx, cond);
}

void cond_free(struct cond *cond) {
    world()->cond_free(installed.ctx, cond);
}

void cond_wait(struct cond *cond, struct lock *lock) {
    world()->cond_wait(installed.ctx, cond, lock);
}

bool cond_wait_until(struct cond *cond, struct lock *lock, int64_t deadline_us) {
    return world()->cond_wait_until(installed.ctx, cond, lock, deadline_us - clock_shifted_us());
}

void cond_signal(struct cond *cond) {
    world()->cond_signal(installed.ctx, cond);
}

void cond_broadcast(struct cond *cond) {
    world()->cond_broadcast(installed.ctx, cond);
}

/* A latch of a world that has none of its own. */
struct plain_latch {
    struct lock lock;
    struct cond cond;
    int64_t openings; /* that nobody has used yet */
};
static_assert(sizeof(struct plain_latch) <= sizeof(struct latch),
              "a latch has room for a plain one");

static struct plain_latch *plain(struct latch *latch) {
    return (struct plain_latch *)(void *)latch->opaque;
}

void latch_init(struct latch *latch) {
    if (world()->latch_init != NULL) {
        world()->latch_init(installed.ctx, latch);
        return;
    }
    lock_init(&plain(latch)->lock);
    cond_init(&plain(latch)->cond);
    plain(latch)->openings = 0;
}

void latch_free(struct latch *latch) {
    if (world()->latch_free != NULL) {
        world()->latch_free(installed.ctx, latch);
        return;
    }
    cond_free(&plain(latch)->cond);
    lock_free(&plain(latch)->lock);
}

void latch_open(struct latch *latch) {
    if (world()->latch_open != NULL) {
        world()->latch_open(installed.ctx, latch);
        return;
    }
    lock_take(&plain(latch)->lock);
    plain(latch)->openings++;
    cond_signal(&plain(latch)->cond);
    lock_give(&plain(latch)->lock);
}

static bool pass_until(struct latch *latch, int64_t deadline_us) {
    if (world()->latch_pass_until != NULL) {
        int64_t shift = clock_shifted_us();
        int64_t real_us = deadline_us < shift ? 0 : deadline_us - shift;
        return world()->latch_pass_until(installed.ctx, latch, deadline_us < 0 ? -1 : real_us);
    }
    struct plain_latch *at = plain(latch);
    bool in_time = true;
    lock_take(&at->lock);
    while (at->openings == 0 && in_time) {
        if (deadline_us < 0) {
            cond_wait(&at->cond, &at->lock);
        } else {
            in_time = cond_wait_until(&at->cond, &at->lock, deadline_us);
        }
    }
    bool open = at->openings > 0;
    at->openings -= open ? 1 : 0;
    lock_give(&at->lock);
    return open;
}

void latch_pass(struct latch *latch) {
    bool open = pass_until(latch, -1);
    INVARIANT(open, "who waits for ever is let through");
}

bool latch_pass_until(struct latch *latch, int64_t deadline_us) {
    return pass_until(latch, deadline_us > 0 ? deadline_us : 0);
}
