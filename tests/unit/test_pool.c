/* SPDX-License-Identifier: Apache-2.0
 * test_pool.c: slots for connections: who waits first is served first, and none is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/clock.h"
#include "store/pool.h"

enum { TAKERS = 8, ROUNDS = 400, SLOTS = 2, FAR_US = 60 * 1000 * 1000 };

struct fixture {
    struct pool pool;
    struct pool_slot slots[SLOTS];
    struct lock lock; /* guards served[] and the number of users of each slot */
    int served[TAKERS], served_count;
    int users[SLOTS];
};

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct pool_slot *slots[SLOTS];
    for (int i = 0; i < SLOTS; i++) {
        slots[i] = &fixture->slots[i];
    }
    pool_init(&fixture->pool, slots, SLOTS);
    lock_init(&fixture->lock);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    pool_drain(&fixture->pool);
    pool_release(&fixture->pool);
    lock_free(&fixture->lock);
    free(fixture);
    return 0;
}

static struct pool_slot *take(struct fixture *fixture) {
    struct pool_slot *slot = NULL;
    int64_t wait_us = 0;
    struct err err;
    int result = pool_take(&fixture->pool, FAR_US, &slot, &wait_us, &err);
    assert_int_equal(result, 0);
    return slot;
}

struct taker {
    struct fixture *fixture;
    int number;
};

static void serve_once(void *arg) {
    struct taker *taker = arg;
    struct fixture *fixture = taker->fixture;
    struct pool_slot *slot = take(fixture);
    lock_take(&fixture->lock);
    fixture->served[fixture->served_count++] = taker->number;
    lock_give(&fixture->lock);
    pool_give(&fixture->pool, slot);
}

static void await_waiting(struct fixture *fixture, int count) {
    int open = 0, busy = 0, waiting = -1;
    while (waiting != count) {
        pool_count(&fixture->pool, &open, &busy, &waiting);
        task_sleep_us(200);
    }
}

static void who_waits_first_is_served_first(void **state) {
    struct fixture *fixture = *state;
    struct taker takers[TAKERS];
    struct task *tasks[TAKERS];
    struct pool_slot *first = take(fixture), *second = take(fixture);
    for (int i = 0; i < TAKERS; i++) {
        takers[i] = (struct taker){fixture, i};
        tasks[i] = task_start("taker", 0, serve_once, &takers[i]);
        assert_non_null(tasks[i]);
        await_waiting(fixture, i + 1);
    }
    pool_give(&fixture->pool, first); /* handed on from one to the next */
    for (int i = 0; i < TAKERS; i++) {
        task_join(tasks[i]);
    }
    assert_int_equal(fixture->served_count, TAKERS);
    for (int i = 0; i < TAKERS; i++) {
        assert_int_equal(fixture->served[i], i);
    }
    pool_give(&fixture->pool, second);
}

static void use_often(void *arg) {
    struct fixture *fixture = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct pool_slot *slot = take(fixture);
        lock_take(&fixture->lock);
        int users = ++fixture->users[slot - fixture->slots];
        lock_give(&fixture->lock);
        assert_int_equal(users, 1);
        lock_take(&fixture->lock);
        fixture->users[slot - fixture->slots]--;
        lock_give(&fixture->lock);
        pool_give(&fixture->pool, slot);
    }
}

/* The deadline of some passes while a slot is being handed to them. */
static void give_up_often(void *arg) {
    struct fixture *fixture = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct pool_slot *slot = NULL;
        int64_t wait_us = 0;
        struct err err;
        if (pool_take(&fixture->pool, i % 7, &slot, &wait_us, &err) == 0) {
            pool_give(&fixture->pool, slot);
        }
    }
}

static void a_slot_has_one_user_and_none_is_lost(void **state) {
    struct fixture *fixture = *state;
    struct task *tasks[TAKERS];
    for (int i = 0; i < TAKERS; i++) {
        tasks[i] = task_start("user", 0, i % 2 == 0 ? use_often : give_up_often, fixture);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < TAKERS; i++) {
        task_join(tasks[i]);
    }
    int open = 0, busy = 0, waiting = 0;
    pool_count(&fixture->pool, &open, &busy, &waiting);
    assert_int_equal(busy, 0);
    assert_int_equal(waiting, 0);
    struct pool_slot *first = take(fixture), *second = take(fixture);
    assert_ptr_not_equal(first, second);
    pool_give(&fixture->pool, first);
    pool_give(&fixture->pool, second);
}

static void a_slot_that_does_not_come_in_time_is_an_error(void **state) {
    struct fixture *fixture = *state;
    struct pool_slot *first = take(fixture), *second = take(fixture), *third = NULL;
    int64_t wait_us = 0;
    struct err err;
    assert_int_equal(pool_take(&fixture->pool, 1000, &third, &wait_us, &err), -ERR_STORE);
    assert_null(third);
    await_waiting(fixture, 0);
    pool_give(&fixture->pool, first);
    pool_give(&fixture->pool, second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_waits_first_is_served_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_slot_has_one_user_and_none_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_slot_that_does_not_come_in_time_is_an_error, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
