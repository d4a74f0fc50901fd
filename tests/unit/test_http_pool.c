/* SPDX-License-Identifier: Apache-2.0
 * test_http_pool.c: the bounded queue and its workers. */
#include "net/http_pool.h"

#include "base/clock.h"
#include "base/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <cmocka.h>

#define PATIENCE_US (60 * US_PER_SECOND)

struct gate {
    struct lock lock;
    struct cond changed;
    int inside; /* jobs that wait in the gate */
    int inside_max;
    bool open;
};

struct job {
    struct http_job job; /* first: a job is turned back into this */
    struct gate *gate;   /* NULL: ends at once */
    atomic_int *done;
};

static void gate_init(struct gate *gate) {
    *gate = (struct gate){0};
    lock_init(&gate->lock);
    cond_init(&gate->changed);
}

static void gate_open(struct gate *gate) {
    lock_take(&gate->lock);
    gate->open = true;
    cond_broadcast(&gate->changed);
    lock_give(&gate->lock);
}

static void gate_await(struct gate *gate, int inside) {
    int64_t deadline_us = clock_mono_us() + PATIENCE_US;
    lock_take(&gate->lock);
    while (gate->inside < inside) {
        assert_true(cond_wait_until(&gate->changed, &gate->lock, deadline_us));
    }
    lock_give(&gate->lock);
}

static void gate_free(struct gate *gate) {
    cond_free(&gate->changed);
    lock_free(&gate->lock);
}

static void job_run(struct http_job *base) {
    struct job *job = (struct job *)base;
    struct gate *gate = job->gate;
    if (gate != NULL) {
        lock_take(&gate->lock);
        gate->inside++;
        gate->inside_max = gate->inside > gate->inside_max ? gate->inside : gate->inside_max;
        cond_broadcast(&gate->changed);
        while (!gate->open) {
            cond_wait(&gate->changed, &gate->lock);
        }
        gate->inside--;
        lock_give(&gate->lock);
    }
    atomic_fetch_add(job->done, 1);
}

static struct http_pool *pool_make(int workers_max, int queue_max, int64_t idle_us) {
    const struct http_pool_options options = {.name = "test-worker",
                                              .workers_max = workers_max,
                                              .queue_max = queue_max,
                                              .idle_us = idle_us,
                                              .run = job_run};
    return http_pool_new(&options);
}

static struct http_pool_stats stats_of(struct http_pool *pool) {
    struct http_pool_stats stats;
    http_pool_stats(pool, &stats);
    return stats;
}

static void workers_start_when_needed_and_end_after_idling(void **state) {
    struct gate gate;
    atomic_int done = 0;
    struct job jobs[8];
    gate_init(&gate);
    struct http_pool *pool = pool_make(8, 8, 5 * US_PER_MS);
    assert_int_equal(stats_of(pool).workers, 0);
    for (int round = 0; round < 3; round++) {
        gate.open = false;
        for (size_t i = 0; i < COUNT_OF(jobs); i++) {
            jobs[i] = (struct job){.gate = &gate, .done = &done};
            assert_true(http_pool_submit(pool, &jobs[i].job));
        }
        gate_await(&gate, COUNT_OF(jobs));
        assert_int_equal(stats_of(pool).workers, COUNT_OF(jobs));
        gate_open(&gate);
        int64_t give_up_us = clock_mono_us() + PATIENCE_US;
        while (stats_of(pool).workers > 0) {
            assert_true(clock_mono_us() < give_up_us);
            task_sleep_us(US_PER_MS);
        }
        assert_int_equal(atomic_load(&done), (round + 1) * (int)COUNT_OF(jobs));
    }
    http_pool_free(pool);
    gate_free(&gate);
}

static void the_queue_holds_queue_max_beyond_what_workers_can_take(void **state) {
    struct gate gate;
    atomic_int done = 0;
    struct job jobs[6];
    gate_init(&gate);
    struct http_pool *pool = pool_make(2, 3, PATIENCE_US);
    for (size_t i = 0; i < COUNT_OF(jobs); i++) {
        jobs[i] = (struct job){.gate = &gate, .done = &done};
        assert_int_equal(http_pool_submit(pool, &jobs[i].job), i < 5);
    }
    gate_await(&gate, 2);
    assert_int_equal(stats_of(pool).busy, 2);
    assert_int_equal(stats_of(pool).queued, 3);
    assert_ptr_equal(http_pool_take_back(pool), &jobs[2].job);
    assert_true(http_pool_submit(pool, &jobs[5].job));
    assert_false(http_pool_submit(pool, &jobs[2].job));
    gate_open(&gate);
    http_pool_free(pool); /* runs what waits */
    assert_int_equal(atomic_load(&done), 5);
    assert_int_equal(gate.inside_max, 2);
    gate_free(&gate);
}

static void short_jobs_are_all_done_whatever_the_moment_they_come(void **state) {
    enum { MANY = 20000 };
    static struct job jobs[MANY];
    atomic_int done = 0;
    struct http_pool *pool = pool_make(4, MANY, US_PER_MS / 4);
    for (int i = 0; i < MANY; i++) {
        jobs[i] = (struct job){.done = &done};
        assert_true(http_pool_submit(pool, &jobs[i].job));
        if (i % 500 == 0) {
            task_sleep_us(US_PER_MS / 4); /* about when the workers end */
        }
    }
    int64_t give_up_us = clock_mono_us() + PATIENCE_US;
    while (atomic_load(&done) < MANY) {
        assert_true(clock_mono_us() < give_up_us);
        task_sleep_us(US_PER_MS);
    }
    http_pool_free(pool);
}

static void a_pool_without_a_job_can_be_freed(void **state) {
    struct http_pool *pool = pool_make(1, 1, US_PER_SECOND);
    assert_null(http_pool_take_back(pool));
    http_pool_free(pool);
    http_pool_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_start_when_needed_and_end_after_idling),
        cmocka_unit_test(the_queue_holds_queue_max_beyond_what_workers_can_take),
        cmocka_unit_test(short_jobs_are_all_done_whatever_the_moment_they_come),
        cmocka_unit_test(a_pool_without_a_job_can_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
