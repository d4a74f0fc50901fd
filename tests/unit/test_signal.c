/* SPDX-License-Identifier: Apache-2.0
 * test_signal.c: being asked to end, by the signals that ask for it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/signal.h"
#include "base/task.h"

static void test_a_signal_waits_until_it_is_asked_for(void **state) {
    (void)state;
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    signals_block();
    assert_int_equal(signals_await(0), 0);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        kill(getpid(), numbers[i]);
        assert_int_equal(signals_await(-1), numbers[i]);
        assert_int_equal(signals_await(0), 0);
    }
}

static void test_waiting_ends_with_its_time(void **state) {
    (void)state;
    signals_block();
    int64_t began_us = clock_mono_us();
    assert_int_equal(signals_await(20 * US_PER_MS), 0);
    assert_true(clock_mono_us() - began_us >= 20 * US_PER_MS);
}

static void ask(void *arg) {
    (void)arg;
    kill(getpid(), SIGTERM);
}

/* Every task started afterwards leaves the signal to the one that waits. */
static void test_a_signal_from_another_task_reaches_the_one_that_waits(void **state) {
    (void)state;
    signals_block();
    struct task *task = task_start("asker", 0, ask, NULL);
    assert_int_equal(signals_await(-1), SIGTERM);
    task_join(task);
}

static void test_after_unblocking_a_signal_ends_the_process(void **state) {
    (void)state;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signals_block();
        signals_unblock();
        kill(getpid(), SIGTERM);
        _exit(7);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void test_a_reader_that_went_away_is_an_error_of_the_write(void **state) {
    (void)state;
    int ends[2];
    signals_block();
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signal_waits_until_it_is_asked_for),
        cmocka_unit_test(test_waiting_ends_with_its_time),
        cmocka_unit_test(test_a_signal_from_another_task_reaches_the_one_that_waits),
        cmocka_unit_test(test_after_unblocking_a_signal_ends_the_process),
        cmocka_unit_test(test_a_reader_that_went_away_is_an_error_of_the_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
