/* SPDX-License-Identifier: Apache-2.0
 * test_job_runner.c: runners with tasks of their own, on both engines: they share the work, keep to
 * each kind's concurrency, stop cleanly and lose nothing. The wall clock moves only when a test
 * says so; the monotonic clock is the real one, which a test can set forward. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/task.h"
#include "base/world.h"
#include "store/job_row.h"
#include "support/both_engines.h"

#define MINUTE_US (60 * US_PER_SECOND)
#define START_US INT64_C(1800000000000000)

static struct test_store engine;
static _Atomic int64_t fake_wall_us;
static _Atomic int64_t mono_ahead_us;
static struct world_ops fake_world;

static int64_t fake_wall(void *ctx) {
    return atomic_load(&fake_wall_us);
}
static int64_t fake_mono(void *ctx) {
    return world_real()->mono_us(ctx) + atomic_load(&mono_ahead_us);
}
static bool fake_wait_until(void *ctx, struct cond *cond, struct lock *lock, int64_t deadline_us) {
    int64_t real_us = deadline_us - atomic_load(&mono_ahead_us);
    return world_real()->cond_wait_until(ctx, cond, lock, real_us);
}
static int64_t now_us(void) {
    return atomic_load(&fake_wall_us);
}

static const int64_t backoff_us[] = {10 * US_PER_SECOND, 100 * US_PER_SECOND};

static int begin(void **state) {
    (void)engine_exec(&engine, "DELETE FROM job");
    atomic_store(&fake_wall_us, START_US);
    return 0;
}

static int end(void **state) {
    store_fault_set(engine.store, NULL, NULL);
    return 0;
}

static struct lock gate;
static struct cond gate_moved;
static int gate_running, gate_done;
static int gated_running, gated_running_max; /* of the kind "gated" */
static bool gate_open;

static void gate_reset(bool open) {
    gate_running = gate_done = gated_running = gated_running_max = 0;
    gate_open = open;
}

static int run_gated(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    bool gated = strcmp(job->kind, "gated") == 0;
    lock_take(&gate);
    gate_running++;
    gated_running += gated;
    gated_running_max = MAX(gated_running_max, gated_running);
    cond_broadcast(&gate_moved);
    while (!gate_open) {
        cond_wait(&gate_moved, &gate);
    }
    gate_running--;
    gated_running -= gated;
    gate_done++;
    cond_broadcast(&gate_moved);
    lock_give(&gate);
    return 0;
}

static void gate_wait(const int *figure, int value) {
    int64_t deadline_us = clock_mono_us() + 60 * US_PER_SECOND;
    lock_take(&gate);
    while (*figure < value) {
        INVARIANT(cond_wait_until(&gate_moved, &gate, deadline_us) || *figure >= value,
                  "what the test waits for comes within a minute");
    }
    lock_give(&gate);
}

static void gate_set_open(void) {
    lock_take(&gate);
    gate_open = true;
    cond_broadcast(&gate_moved);
    lock_give(&gate);
}

static const struct job_kind gated_kinds[] = {
    {.name = "gated",
     .run = run_gated,
     .backoff_us = backoff_us,
     .backoff_count = 2,
     .lease_us = MINUTE_US,
     .concurrency = 3},
    {.name = "other",
     .run = run_gated,
     .backoff_us = backoff_us,
     .backoff_count = 2,
     .lease_us = MINUTE_US,
     .concurrency = 1},
};

static struct job_runner *gated_start(void) {
    struct err err = {0};
    struct job_runner *made = NULL;
    assert_int_equal(job_runner_start(engine.store, gated_kinds, 2, &made, &err), 0);
    return made;
}

struct adding {
    const char *kind;
    int count;
};

static int add_many_fn(struct store_tx *tx, void *ctx, struct err *err) {
    const struct adding *adding = ctx;
    for (int i = 0; i < adding->count; i++) {
        char key[20];
        (void)snprintf(key, sizeof(key), "job %d", i);
        int result = job_add(tx, adding->kind, key, now_us(), "", err);
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

static void add_many(const char *kind, int count) {
    struct adding adding = {kind, count};
    struct err err = {0};
    assert_int_equal(store_write(engine.store, add_many_fn, &adding, &err), 0);
}

static void a_started_runner_runs_what_is_added_with_and_without_a_wake(void **state) {
    gate_reset(true);
    struct job_runner *started = gated_start();
    add_many("gated", 1);
    job_runner_wake(started);
    gate_wait(&gate_done, 1);
    add_many("other", 1);
    gate_wait(&gate_done, 2); /* by the poll for other instances' jobs */
    job_runner_stop(started);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"), 0);
}

static void leased_wait(int count) {
    int64_t deadline_us = clock_mono_us() + 60 * US_PER_SECOND;
    while (engine_int(&engine, "SELECT COUNT(*) FROM job WHERE lease <> ''") != count) {
        INVARIANT(clock_mono_us() < deadline_us, "what the test waits for comes within a minute");
    }
}

/* A started runner that knows its jobs as quick ones, so that it leases them ahead of its workers;
 * then 50 of which three run until the gate opens. */
static struct job_runner *gated_start_with_queue(void) {
    gate_reset(true);
    struct job_runner *started = gated_start();
    add_many("gated", 30);
    job_runner_wake(started);
    gate_wait(&gate_done, 30);
    leased_wait(0);
    gate_reset(false);
    add_many("gated", 50);
    job_runner_wake(started);
    gate_wait(&gate_running, 3);
    leased_wait(50);
    return started;
}

static void a_kind_runs_no_more_at_once_than_its_concurrency(void **state) {
    struct job_runner *started = gated_start_with_queue();
    add_many("other", 5);
    job_runner_wake(started);
    gate_wait(&gate_running, 4); /* a kind that is full does not hold up another */
    gate_set_open();
    gate_wait(&gate_done, 55);
    job_runner_stop(started);
    assert_int_equal(gated_running_max, 3);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"), 0);
}

static void open_when_three_are_leased(void *arg) {
    leased_wait(3);
    gate_set_open();
}

static void stopping_waits_for_running_jobs_and_leaves_the_others_as_they_were(void **state) {
    struct job_runner *started = gated_start_with_queue();
    struct task *opener = task_start("opener", 0, open_when_three_are_leased, NULL);
    assert_non_null(opener);
    job_runner_stop(started);
    task_join(opener);
    assert_int_equal(gate_running, 0);
    assert_int_equal(gate_done, 3);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"), 47);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job WHERE lease <> '' OR lost <> 0"
                                         " OR due_us <> 1800000000000000"),
                     0);
}

static void jobs_that_wait_too_long_for_a_worker_are_given_back(void **state) {
    struct job_runner *started = gated_start_with_queue();
    atomic_fetch_add(&mono_ahead_us, JOB_QUEUE_US + 1);
    job_runner_wake(started);
    leased_wait(3);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"
                                         " WHERE due_us = 1800000000000000"),
                     47);
    gate_set_open();
    gate_wait(&gate_done, 50);
    job_runner_stop(started);
    assert_int_equal(gate_done, 50);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"), 0);
}

static void two_runners_share_the_jobs_and_run_each_once(void **state) {
    gate_reset(true);
    struct job_runner *first = gated_start();
    struct job_runner *other = gated_start();
    add_many("gated", 800);
    job_runner_wake(first);
    job_runner_wake(other);
    gate_wait(&gate_done, 800);
    job_runner_stop(first);
    job_runner_stop(other);
    assert_int_equal(gate_done, 800);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"), 0);
}

static _Atomic int faults_left;
static int fault_commit(void *ctx, const char *sql) {
    if (strcmp(sql, "COMMIT") != 0 || atomic_load(&faults_left) == 0) {
        return 0;
    }
    atomic_fetch_sub(&faults_left, 1);
    return 1;
}

static void a_report_that_fails_at_first_is_written_later(void **state) {
    gate_reset(false);
    struct job_runner *started = gated_start();
    add_many("gated", 1);
    job_runner_wake(started);
    gate_wait(&gate_running, 1);
    atomic_store(&faults_left, 2);
    store_fault_set(engine.store, fault_commit, NULL);
    gate_set_open();
    job_runner_stop(started);
    assert_int_equal(atomic_load(&faults_left), 0);
    assert_int_equal(gate_done, 1);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"), 0);
}

/* The store may run a transaction again from its start, and the hook with it: so what it does hangs
 * on the clock and not on how often it was called. */
static int hook_calls;
static int hook_fails_in_the_first_minute(struct store_tx *tx, void *ctx, const struct job *job,
                                          const struct err *why, struct err *err) {
    lock_take(&gate);
    hook_calls++;
    cond_broadcast(&gate_moved);
    lock_give(&gate);
    bool early = atomic_load(&fake_wall_us) < START_US + MINUTE_US;
    return early ? err_set(err, ERR_STATE, "cannot open a ticket") : 0;
}

static int run_unlucky(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    return err_set(err, ERR_GATEWAY, "no luck");
}

static void a_started_runner_tries_again_when_the_hook_fails(void **state) {
    static const struct job_kind unlucky = {.name = "unlucky",
                                            .run = run_unlucky,
                                            .parked = hook_fails_in_the_first_minute,
                                            .backoff_us = backoff_us,
                                            .backoff_count = 2,
                                            .attempts_max = 1,
                                            .lease_us = MINUTE_US,
                                            .concurrency = 2};
    struct job_runner *started = NULL;
    struct err err = {0};
    hook_calls = 0;
    assert_int_equal(job_runner_start(engine.store, &unlucky, 1, &started, &err), 0);
    add_many("unlucky", 1);
    job_runner_wake(started);
    gate_wait(&hook_calls, 1);
    leased_wait(0);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"
                                         " WHERE parked_us = 0 AND attempts = 1"),
                     1);
    lock_take(&gate);
    int early_calls = hook_calls;
    lock_give(&gate);
    atomic_fetch_add(&fake_wall_us, MINUTE_US);
    job_runner_wake(started);
    gate_wait(&hook_calls, early_calls + 1);
    job_runner_stop(started);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job WHERE parked_us <> 0"), 1);
}

/* Many tasks raise a number and hasten one job, whose handler notes the number: in the end the
 * handler must have seen the last one. */
static _Atomic int raised, seen;
enum { RAISERS = 3, RAISES = 60 };

static int run_note(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    int number = atomic_load(&raised);
    lock_take(&gate);
    atomic_store(&seen, number);
    cond_broadcast(&gate_moved);
    lock_give(&gate);
    *ret_again_us = number % 3 == 0 ? now_us() + 60 * MINUTE_US : 0;
    return number % 5 == 1 ? err_set(err, ERR_GATEWAY, "no luck") : 0;
}

static int raise_fn(struct store_tx *tx, void *ctx, struct err *err) {
    int result = job_add(tx, "note", "the one", now_us(), "", err);
    return result == 0 ? job_hasten(tx, "note", "the one", now_us(), err) : result;
}

static void raise_many(void *arg) {
    struct err err;
    for (int i = 0; i < RAISES; i++) {
        atomic_fetch_add(&raised, 1);
        int result = store_write(engine.store, raise_fn, NULL, &err);
        INVARIANT(result == 0 || result == 1, "hastening works beside a runner");
        job_runner_wake(arg);
    }
}

static void no_hasten_is_lost_beside_running_jobs(void **state) {
    static const struct job_kind note = {.name = "note",
                                         .run = run_note,
                                         .backoff_us = backoff_us,
                                         .backoff_count = 2,
                                         .attempts_max = 2,
                                         .lease_us = MINUTE_US,
                                         .concurrency = 2};
    struct job_runner *started = NULL;
    struct err err = {0};
    assert_int_equal(job_runner_start(engine.store, &note, 1, &started, &err), 0);
    atomic_store(&raised, 0);
    atomic_store(&seen, 0);
    struct task *tasks[RAISERS];
    for (int i = 0; i < RAISERS; i++) {
        tasks[i] = task_start("raiser", 0, raise_many, started);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < RAISERS; i++) {
        task_join(tasks[i]);
    }
    int64_t deadline_us = clock_mono_us() + 60 * US_PER_SECOND;
    lock_take(&gate);
    while (atomic_load(&seen) < RAISERS * RAISES && clock_mono_us() < deadline_us) {
        (void)cond_wait_until(&gate_moved, &gate, deadline_us);
    }
    lock_give(&gate);
    job_runner_stop(started);
    assert_int_equal(atomic_load(&seen), RAISERS * RAISES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void) {
    fake_world = *world_real();
    fake_world.wall_us = fake_wall;
    fake_world.mono_us = fake_mono;
    fake_world.cond_wait_until = fake_wait_until;
    world_install(NULL, &fake_world);
    log_level_set(LOG_ERROR + 1);
    lock_init(&gate);
    cond_init(&gate_moved);
    const struct CMUnitTest tests[] = {
        TEST(a_started_runner_runs_what_is_added_with_and_without_a_wake),
        TEST(a_kind_runs_no_more_at_once_than_its_concurrency),
        TEST(stopping_waits_for_running_jobs_and_leaves_the_others_as_they_were),
        TEST(jobs_that_wait_too_long_for_a_worker_are_given_back),
        TEST(two_runners_share_the_jobs_and_run_each_once),
        TEST(a_report_that_fails_at_first_is_written_later),
        TEST(a_started_runner_tries_again_when_the_hook_fails),
        TEST(no_hasten_is_lost_beside_running_jobs),
    };
    int failed = engine_run("runners", tests, COUNT_OF(tests), &engine);
    cond_free(&gate_moved);
    lock_free(&gate);
    return failed;
}
