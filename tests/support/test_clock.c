/* SPDX-License-Identifier: Apache-2.0
 * test_clock.c: a world that is the real one but for its time. */
#include "support/test_clock.h"

#include <stdatomic.h>

#include "base/world.h"

static struct {
    struct world_ops ops;
    _Atomic int64_t shift_us, wall_shift_us;
    atomic_bool frozen;
    _Atomic int64_t wall_us, mono_us; /* where they were frozen, without the shift */
} shifted;

static int64_t shifted_wall_us(void *ctx) {
    int64_t base = atomic_load(&shifted.frozen) ? atomic_load(&shifted.wall_us)
                                                : world_real()->wall_us(ctx);
    return base + atomic_load(&shifted.shift_us) + atomic_load(&shifted.wall_shift_us);
}

static int64_t shifted_mono_us(void *ctx) {
    int64_t base = atomic_load(&shifted.frozen) ? atomic_load(&shifted.mono_us)
                                                : world_real()->mono_us(ctx);
    return base + atomic_load(&shifted.shift_us);
}

static void shifted_sleep_us(void *ctx, int64_t duration_us) {
    (void)ctx;
    test_clock_advance(duration_us);
}

static bool shifted_wait_until(void *ctx, struct cond *cond, struct lock *lock,
                               int64_t deadline_us) {
    return world_real()->cond_wait_until(ctx, cond, lock,
                                         deadline_us - atomic_load(&shifted.shift_us));
}

void test_clock_install(void) {
    shifted.ops = *world_real();
    shifted.ops.wall_us = shifted_wall_us;
    shifted.ops.mono_us = shifted_mono_us;
    shifted.ops.sleep_us = shifted_sleep_us;
    shifted.ops.cond_wait_until = shifted_wait_until;
    world_install(NULL, &shifted.ops);
}

void test_clock_advance(int64_t us) {
    if (us > 0) {
        atomic_fetch_add(&shifted.shift_us, us);
    }
}

void test_clock_wall_shift(int64_t us) {
    atomic_fetch_add(&shifted.wall_shift_us, us);
}

void test_clock_freeze(bool frozen) {
    atomic_store(&shifted.wall_us, world_real()->wall_us(NULL));
    atomic_store(&shifted.mono_us, world_real()->mono_us(NULL));
    atomic_store(&shifted.frozen, frozen);
}
