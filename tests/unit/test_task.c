/* SPDX-License-Identifier: Apache-2.0
 * test_task.c: threads, locks and waiting in the real world. Nothing here depends on how long
 * anything takes: tasks meet on conditions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aborts.h"
#include "base/clock.h"
#include "base/task.h"

enum { FAR_US = 60 * 1000 * 1000 }; /* a deadline that only a hung test reaches */

struct meeting {
    struct lock lock;
    struct cond changed;
    int64_t count;
    int waiting;
    bool open;
};

static void meeting_init(struct meeting *meeting) {
    *meeting = (struct meeting){.count = 0};
    lock_init(&meeting->lock);
    cond_init(&meeting->changed);
}

static void meeting_free(struct meeting *meeting) {
    cond_free(&meeting->changed);
    lock_free(&meeting->lock);
}

static void count_ten_thousand(void *arg) {
    struct meeting *meeting = arg;

    for (int i = 0; i < 10000; i++) {
        lock_take(&meeting->lock);
        meeting->count++;
        lock_give(&meeting->lock);
    }
}

static void a_lock_lets_one_task_in_at_a_time(void **state) {
    struct task *tasks[4];
    struct meeting meeting;

    meeting_init(&meeting);
    for (size_t i = 0; i < COUNT_OF(tasks); i++) {
        tasks[i] = task_start("counter", 0, count_ten_thousand, &meeting);
        assert_non_null(tasks[i]);
    }
    for (size_t i = 0; i < COUNT_OF(tasks); i++) {
        task_join(tasks[i]);
    }
    assert_int_equal(meeting.count, 40000);
    meeting_free(&meeting);
}

/* Makes the count odd whenever it is even, until it is 1,000. */
static void answer(void *arg) {
    struct meeting *meeting = arg;

    lock_take(&meeting->lock);
    while (meeting->count < 1000) {
        if (meeting->count % 2 == 0) {
            meeting->count++;
            cond_signal(&meeting->changed);
        } else {
            cond_wait(&meeting->changed, &meeting->lock);
        }
    }
    lock_give(&meeting->lock);
}

static void two_tasks_take_turns_by_signals(void **state) {
    struct meeting meeting;
    struct task *task;

    meeting_init(&meeting);
    task = task_start("answer", 0, answer, &meeting);
    assert_non_null(task);
    lock_take(&meeting.lock);
    while (meeting.count < 1000) {
        if (meeting.count % 2 == 1) {
            meeting.count++;
            cond_signal(&meeting.changed);
        } else {
            assert_true(cond_wait_until(&meeting.changed, &meeting.lock, clock_mono_us() + FAR_US));
        }
    }
    lock_give(&meeting.lock);
    task_join(task);
    assert_int_equal(meeting.count, 1000);
    meeting_free(&meeting);
}

struct ping {
    struct latch there, back;
    int64_t count; /* each side changes it only between its own pass and the other's opening */
};

static void pong(void *arg) {
    struct ping *ping = arg;

    for (int i = 0; i < 2000; i++) {
        latch_pass(&ping->there);
        ping->count++;
        latch_open(&ping->back);
    }
}

static void a_latch_lets_one_through_for_each_opening(void **state) {
    struct ping ping = {.count = 0};
    struct task *task;

    latch_init(&ping.there);
    latch_init(&ping.back);
    task = task_start("pong", 0, pong, &ping);
    assert_non_null(task);
    for (int i = 0; i < 2000; i++) {
        latch_open(&ping.there);
        assert_true(latch_pass_until(&ping.back, clock_mono_us() + FAR_US));
        ping.count++;
    }
    task_join(task);
    assert_int_equal(ping.count, 4000);
    assert_false(latch_pass_until(&ping.there, 0));
    assert_false(latch_pass_until(&ping.back, clock_mono_us() + 1000));
    latch_free(&ping.there);
    latch_free(&ping.back);
}

static void a_latch_keeps_openings_that_came_first(void **state) {
    struct latch latch;

    latch_init(&latch);
    latch_open(&latch);
    latch_open(&latch);
    latch_pass(&latch);
    assert_true(latch_pass_until(&latch, 0));
    assert_false(latch_pass_until(&latch, 0));
    latch_free(&latch);
}

/* Who was let through may free the latch at once: here it is on a stack that is left then. */
static void open_it(void *arg) {
    latch_open(arg);
}

static void a_latch_is_gone_when_its_waiter_is_through(void **state) {
    for (int i = 0; i < 200; i++) {
        struct latch *latch = malloc(sizeof *latch);

        latch_init(latch);
        struct task *task = task_start("opener", 0, open_it, latch);
        assert_non_null(task);
        latch_pass(latch);
        latch_free(latch);
        free(latch);
        task_join(task);
    }
}

static void wait_for_the_opening(void *arg) {
    struct meeting *meeting = arg;

    lock_take(&meeting->lock);
    meeting->waiting++;
    cond_broadcast(&meeting->changed);
    while (!meeting->open) {
        cond_wait(&meeting->changed, &meeting->lock);
    }
    meeting->count++;
    lock_give(&meeting->lock);
}

static void a_broadcast_wakes_everybody_who_waits(void **state) {
    struct task *tasks[8];
    struct meeting meeting;

    meeting_init(&meeting);
    for (size_t i = 0; i < COUNT_OF(tasks); i++) {
        tasks[i] = task_start("guest", 0, wait_for_the_opening, &meeting);
        assert_non_null(tasks[i]);
    }
    lock_take(&meeting.lock);
    while (meeting.waiting < (int)COUNT_OF(tasks)) {
        assert_true(cond_wait_until(&meeting.changed, &meeting.lock, clock_mono_us() + FAR_US));
    }
    meeting.open = true;
    cond_broadcast(&meeting.changed);
    lock_give(&meeting.lock);
    for (size_t i = 0; i < COUNT_OF(tasks); i++) {
        task_join(tasks[i]);
    }
    assert_int_equal(meeting.count, COUNT_OF(tasks));
    meeting_free(&meeting);
}

static void a_deadline_that_passes_ends_the_wait_with_the_lock_held(void **state) {
    static const int64_t from_now_us[] = {-1000000, 0, 2000};
    struct meeting meeting;

    meeting_init(&meeting);
    lock_take(&meeting.lock);
    for (size_t i = 0; i < COUNT_OF(from_now_us); i++) {
        const int64_t deadline_us = clock_mono_us() + from_now_us[i];

        while (cond_wait_until(&meeting.changed, &meeting.lock, deadline_us)) {
            /* woken for nothing: wait on */
        }
        assert_true(clock_mono_us() >= deadline_us);
    }
    assert_false(cond_wait_until(&meeting.changed, &meeting.lock, 0));
    assert_false(cond_wait_until(&meeting.changed, &meeting.lock, -5));
    assert_false(cond_wait_until(&meeting.changed, &meeting.lock, INT64_MIN));
    lock_give(&meeting.lock); /* aborts when it is not held */
    meeting_free(&meeting);
}

static void open_the_meeting(void *arg) {
    struct meeting *meeting = arg;

    lock_take(&meeting->lock);
    meeting->open = true;
    cond_signal(&meeting->changed);
    lock_give(&meeting->lock);
}

static void a_deadline_that_never_comes_is_a_wait_without_one(void **state) {
    struct meeting meeting;
    struct task *task;

    meeting_init(&meeting);
    task = task_start("opener", 0, open_the_meeting, &meeting);
    assert_non_null(task);
    lock_take(&meeting.lock);
    while (!meeting.open) {
        assert_true(cond_wait_until(&meeting.changed, &meeting.lock, INT64_MAX));
    }
    lock_give(&meeting.lock);
    task_join(task);
    meeting_free(&meeting);
}

static void sleeping_lasts_until_the_monotonic_clock_says_so(void **state) {
    const int64_t before_us = clock_mono_us();

    task_sleep_us(3000);
    assert_true(clock_mono_us() >= before_us + 3000);
    task_sleep_us(0);
    task_sleep_us(-1);
    task_sleep_us(INT64_MIN);
}

static void use_a_kilobyte_of_stack(void *arg) {
    volatile unsigned char bytes[1024];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)i;
    }
    *(bool *)arg = bytes[1000] == (unsigned char)1000;
}

static void use_three_megabytes_of_stack(void *arg) {
    volatile unsigned char bytes[3 * 1024 * 1024];

    for (size_t i = 0; i < sizeof(bytes); i += 1024) {
        bytes[i] = (unsigned char)(i >> 10);
    }
    *(bool *)arg = bytes[1024 * 1024] == (unsigned char)(1024 * 1024 >> 10);
}

static void a_stack_is_as_large_as_asked_and_never_too_small_to_run(void **state) {
    static const struct {
        size_t stack_bytes;
        task_fn *fn;
    } rows[] = {
        {0, use_a_kilobyte_of_stack},
        {1, use_a_kilobyte_of_stack},
        {100001, use_a_kilobyte_of_stack},
        {4 * 1024 * 1024, use_three_megabytes_of_stack},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool done = false;
        struct task *task = task_start("stack", rows[i].stack_bytes, rows[i].fn, &done);

        assert_non_null(task);
        task_join(task);
        assert_true(done);
    }
}

static void must_not_run(void *arg) {
    *(bool *)arg = true;
}

static void a_task_for_which_there_is_no_room_is_null_and_never_runs(void **state) {
    bool ran = false;

    assert_null(task_start("huge", SIZE_MAX, must_not_run, &ran));
    assert_null(task_start("huge", SIZE_MAX / 2, must_not_run, &ran));
    assert_null(task_start("huge", (size_t)1 << 52, must_not_run, &ran));
    assert_false(ran);
}

struct named {
    char name[64];
};

static void read_my_name(void *arg) {
    struct named *named = arg;
    FILE *file = fopen("/proc/thread-self/comm", "r");

    if (file != NULL) {
        (void)!fgets(named->name, sizeof(named->name), file);
        (void)fclose(file);
    }
}

static void a_task_bears_the_first_fifteen_bytes_of_its_name(void **state) {
    static const char *const names[][2] = {
        {"resolver", "resolver\n"},
        {"a name that is too long", "a name that is \n"},
        {NULL, "task\n"},
    };

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct named named = {{0}};
        struct task *task = task_start(names[i][0], 0, read_my_name, &named);

        assert_non_null(task);
        task_join(task);
        assert_string_equal(named.name, names[i][1]);
    }
}

static void take_a_lock_twice(void) {
    struct lock lock;

    lock_init(&lock);
    lock_take(&lock);
    lock_take(&lock);
}

static void give_a_lock_that_is_not_held(void) {
    struct lock lock;

    lock_init(&lock);
    lock_give(&lock);
}

static void free_a_lock_that_is_held(void) {
    struct lock lock;

    lock_init(&lock);
    lock_take(&lock);
    lock_free(&lock);
}

static void wait_without_the_lock(void) {
    struct meeting meeting;

    meeting_init(&meeting);
    (void)cond_wait_until(&meeting.changed, &meeting.lock, 0);
}

static void misusing_a_lock_is_a_bug_and_aborts(void **state) {
    assert_true(aborts(take_a_lock_twice));
    assert_true(aborts(give_a_lock_that_is_not_held));
    assert_true(aborts(free_a_lock_that_is_held));
    assert_true(aborts(wait_without_the_lock));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_lets_one_task_in_at_a_time),
        cmocka_unit_test(two_tasks_take_turns_by_signals),
        cmocka_unit_test(a_broadcast_wakes_everybody_who_waits),
        cmocka_unit_test(a_latch_lets_one_through_for_each_opening),
        cmocka_unit_test(a_latch_keeps_openings_that_came_first),
        cmocka_unit_test(a_latch_is_gone_when_its_waiter_is_through),
        cmocka_unit_test(a_deadline_that_passes_ends_the_wait_with_the_lock_held),
        cmocka_unit_test(a_deadline_that_never_comes_is_a_wait_without_one),
        cmocka_unit_test(sleeping_lasts_until_the_monotonic_clock_says_so),
        cmocka_unit_test(a_stack_is_as_large_as_asked_and_never_too_small_to_run),
        cmocka_unit_test(a_task_for_which_there_is_no_room_is_null_and_never_runs),
        cmocka_unit_test(a_task_bears_the_first_fifteen_bytes_of_its_name),
        cmocka_unit_test(misusing_a_lock_is_a_bug_and_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
