/* SPDX-License-Identifier: Apache-2.0
 * world.c: sends every question about time, chance and tasks to the table that is installed. Holds
 * the one pointer to that table; decides nothing itself. */
#include "base/world.h"

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

void world_install(void *ctx, const struct world_ops *ops) {
    installed.ctx = ctx;
    installed.ops = ops;
}

int64_t clock_wall_us(void) {
    return world()->wall_us(installed.ctx);
}

int64_t clock_mono_us(void) {
    return world()->mono_us(installed.ctx);
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
    return world()->cond_wait_until(installed.ctx, cond, lock, deadline_us);
}

void cond_signal(struct cond *cond) {
    world()->cond_signal(installed.ctx, cond);
}

void cond_broadcast(struct cond *cond) {
    world()->cond_broadcast(installed.ctx, cond);
}
