/* SPDX-License-Identifier: Apache-2.0
 * test_clock.h: time that a test can move on, for what waits seconds or days.
 * The clocks of the real world, shifted forward; sleeping does not wait but shifts them. Frozen,
 * they stand still between shifts. Locks and tasks are the real ones. Threads: any;
 * test_clock_install() before any other thread exists. */
#ifndef HOLDFAST_TESTS_TEST_CLOCK_H
#define HOLDFAST_TESTS_TEST_CLOCK_H

#include "base/clock.h"

void test_clock_install(void);
/* Both clocks, forward. */
void test_clock_advance(int64_t us);
/* The wall's clock alone, forward or back: it was set by hand, or by a server of time. */
void test_clock_wall_shift(int64_t us);
/* Frozen clocks move only by advancing and sleeping: for tests that use no store. */
void test_clock_freeze(bool frozen);

#endif
