/* SPDX-License-Identifier: Apache-2.0
 * test_job.c: a job runs when it is due, is tried again, parked, hastened, and never lost, on both
 * engines. The wall clock moves only when a test says so. Runners with tasks: test_job_runner.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/world.h"
#include "store/job_row.h"
#include "support/both_engines.h"

#define MINUTE_US (60 * US_PER_SECOND)
#define START_US INT64_C(1800000000000000)

static struct test_store engine;
static _Atomic int64_t fake_wall_us;
static struct world_ops fake_world;

static int64_t fake_wall(void *ctx) {
    return atomic_load(&fake_wall_us);
}
static int64_t now_us(void) {
    return atomic_load(&fake_wall_us);
}
static void pass_us(int64_t us) {
    atomic_fetch_add(&fake_wall_us, us);
}

/* What the next run of the handler does, and what it saw. */
struct script {
    int result;
    int64_t again_us;
    const char *hasten; /* while it runs: this key, at hasten_us */
    int64_t hasten_us;
    void (*during)(void);
    int park_result;
    int runs, parks;
    struct job seen;
    char payload[JOB_PAYLOAD_BYTES_MAX + 1];
};
static struct script script;

struct adding {
    const char *kind, *key, *payload;
    int64_t due_us;
    int found;
};

static int add_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct adding *adding = ctx;
    adding->found = job_add(tx, adding->kind, adding->key, adding->due_us, adding->payload, err);
    return adding->found < 0 ? adding->found : 0;
}

static int put_fn(struct store_tx *tx, void *ctx, struct err *err) {
    const struct adding *adding = ctx;
    return job_put(tx, adding->kind, adding->key, adding->due_us, adding->payload, err);
}

static int hasten_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct adding *adding = ctx;
    adding->found = job_hasten(tx, adding->kind, adding->key, adding->due_us, err);
    return adding->found < 0 ? adding->found : 0;
}

static int cancel_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct adding *adding = ctx;
    adding->found = job_cancel(tx, adding->kind, adding->key, err);
    return adding->found < 0 ? adding->found : 0;
}

static int try_do(store_fn *fn, const char *kind, const char *key, int64_t due_us,
                  const char *payload) {
    struct err err = {0};
    struct adding adding = {kind, key, payload, due_us, 0};
    int result = store_write(engine.store, fn, &adding, &err);
    return result != 0 ? result : adding.found;
}

static int add(const char *key, int64_t due_us) {
    return try_do(add_fn, "demo", key, due_us, key);
}
static int hasten(const char *key, int64_t due_us) {
    return try_do(hasten_fn, "demo", key, due_us, NULL);
}
static int cancel(const char *key) {
    return try_do(cancel_fn, "demo", key, 0, NULL);
}

static int count_fn(struct store_tx *tx, void *ctx, struct err *err) {
    return job_count(tx, "demo", now_us(), ctx, err);
}

static struct job_counts counts(void) {
    struct job_counts counts;
    struct err err = {0};
    assert_int_equal(store_read(engine.store, count_fn, &counts, &err), 0);
    return counts;
}

static int run_script(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    script.runs++;
    script.seen = *job;
    (void)snprintf(script.payload, sizeof(script.payload), "%s", job->payload);
    if (script.hasten != NULL) {
        const char *key = script.hasten;
        script.hasten = NULL;
        INVARIANT(hasten(key, script.hasten_us) == 1, "a running job is there");
    }
    if (script.during != NULL) {
        void (*during)(void) = script.during;
        script.during = NULL;
        during();
    }
    *ret_again_us = script.again_us;
    if (script.result == 0) {
        return 0;
    }
    return err_set(err, (enum err_code) - script.result, "no luck with 4111111111111111");
}

static int park_script(struct store_tx *tx, void *ctx, const struct job *job, const struct err *why,
                       struct err *err) {
    script.parks++;
    if (script.park_result != 0) {
        return err_set(err, (enum err_code) - script.park_result, "cannot open a ticket");
    }
    return sql_put(tx, err, "UPDATE job SET payload = $1 WHERE kind = $2 AND key = $3",
                   S_TEXT(err_name(why->code)), S_TEXT(job->kind), S_TEXT(job->key));
}

static const int64_t backoff_us[] = {10 * US_PER_SECOND, 100 * US_PER_SECOND};
static const struct job_kind demo = {.name = "demo",
                                     .run = run_script,
                                     .parked = park_script,
                                     .backoff_us = backoff_us,
                                     .backoff_count = 2,
                                     .attempts_max = 4,
                                     .lease_us = MINUTE_US,
                                     .concurrency = 3};
static struct job_runner *runner;

static struct job_runner *runner_new(void) {
    struct err err = {0};
    struct job_runner *made = NULL;
    assert_int_equal(job_runner_new(engine.store, &demo, 1, &made, &err), 0);
    return made;
}

static int drain(void) {
    struct err err = {0};
    int ran = job_runner_drain(runner, &err);
    if (ran < 0) {
        fail_msg("draining: %s", err.detail);
    }
    return ran;
}

static int begin(void **state) {
    (void)engine_exec(&engine, "DELETE FROM job");
    atomic_store(&fake_wall_us, START_US);
    script = (struct script){0};
    runner = runner_new();
    return 0;
}

static int end(void **state) {
    store_fault_set(engine.store, NULL, NULL);
    job_runner_stop(runner);
    return 0;
}

/* Rows. */

static void a_due_job_runs_once_and_is_gone(void **state) {
    assert_int_equal(try_do(add_fn, "demo", "pay_1", now_us() - 5, "{\"a\":1}"), 1);
    assert_int_equal(drain(), 1);
    assert_string_equal(script.seen.kind, "demo");
    assert_string_equal(script.seen.key, "pay_1");
    assert_string_equal(script.payload, "{\"a\":1}");
    assert_memory_equal(script.seen.id, "job_", 4);
    assert_int_equal(script.seen.attempts, 0);
    assert_int_equal(script.seen.due_us, now_us() - 5);
    assert_int_equal(script.seen.created_us, START_US);
    assert_int_equal(drain(), 0);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"), 0);
}

static void a_job_waits_until_it_is_due(void **state) {
    assert_int_equal(add("pay_1", now_us() + 10), 1);
    assert_int_equal(drain(), 0);
    pass_us(9);
    assert_int_equal(drain(), 0);
    pass_us(1);
    assert_int_equal(drain(), 1);
}

static int count_leases(void *ctx, const char *sql) {
    *(int *)ctx += strstr(sql, "lease, created_us, payload") != NULL;
    return 0;
}

/* A round of many kinds would else be as many transactions that write nothing. */
static void only_where_something_is_due_is_it_leased(void **state) {
    int leases = 0;
    assert_int_equal(add("pay_1", now_us() + 10), 1);
    store_fault_set(engine.store, count_leases, &leases);
    assert_int_equal(drain(), 0);
    assert_int_equal(leases, 0);
    pass_us(10);
    assert_int_equal(drain(), 1);
    assert_int_equal(leases, 1);
}

static int add_and_fail_fn(struct store_tx *tx, void *ctx, struct err *err) {
    int result = add_fn(tx, ctx, err);
    return result != 0 ? result : err_set(err, ERR_STATE, "changed its mind");
}

static void a_job_exists_exactly_if_its_transaction_does(void **state) {
    assert_int_equal(try_do(add_and_fail_fn, "demo", "pay_1", now_us(), ""), -ERR_STATE);
    assert_int_equal(drain(), 0);
}

static void adding_a_live_job_again_changes_nothing(void **state) {
    assert_int_equal(try_do(add_fn, "demo", "pay_1", now_us(), "first"), 1);
    assert_int_equal(try_do(add_fn, "demo", "pay_1", now_us() - 9, "second"), 0);
    assert_int_equal(try_do(add_fn, "other", "pay_1", now_us(), "another kind"), 1);
    assert_int_equal(drain(), 1);
    assert_string_equal(script.payload, "first");
    assert_int_equal(script.seen.due_us, START_US);
    assert_int_equal(try_do(add_fn, "demo", "pay_1", now_us(), "third"), 1);
}

static void a_job_that_is_put_is_there_as_if_it_were_added(void **state) {
    assert_int_equal(try_do(put_fn, "demo", "pay_1", now_us(), "first"), 0);
    assert_int_equal(try_do(put_fn, "demo", "pay_1", now_us() - 9, "second"), 0);
    assert_int_equal(try_do(put_fn, "demo", "", now_us(), ""), -ERR_VALIDATION);
    assert_int_equal(drain(), 1);
    assert_string_equal(script.payload, "first");
    assert_int_equal(script.seen.due_us, START_US);
}

static void what_is_too_long_or_no_text_is_refused(void **state) {
    static char text[JOB_PAYLOAD_BYTES_MAX + 2];
    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(try_do(add_fn, "demo", "a", 0, text), -ERR_TOO_LARGE);
    text[JOB_PAYLOAD_BYTES_MAX] = '\0';
    assert_int_equal(try_do(add_fn, "demo", "a", 0, text), 1);
    assert_int_equal(drain(), 1);
    assert_string_equal(script.payload, text);
    text[JOB_KEY_CHARS_MAX + 1] = '\0';
    assert_int_equal(try_do(add_fn, "demo", text, 0, NULL), -ERR_VALIDATION);
    text[JOB_KEY_CHARS_MAX] = '\0';
    assert_int_equal(try_do(add_fn, "demo", text, 0, NULL), 1);
    assert_int_equal(drain(), 1);
    assert_string_equal(script.seen.key, text);
    assert_string_equal(script.payload, "");
    assert_int_equal(try_do(add_fn, "demo", "", 0, NULL), -ERR_VALIDATION);
    assert_int_equal(try_do(add_fn, "demo", "\xff", 0, NULL), -ERR_VALIDATION);
    assert_int_equal(try_do(add_fn, "demo", "a", 0, "\xff"), -ERR_VALIDATION);
    assert_int_equal(try_do(add_fn, "a kind of 24 characters!", "a", 0, ""), -ERR_VALIDATION);
    assert_int_equal(try_do(hasten_fn, "demo", "", 0, ""), -ERR_VALIDATION);
    assert_int_equal(try_do(cancel_fn, "", "a", 0, ""), -ERR_VALIDATION);
}

/* Failing. */

static void a_failed_job_is_tried_again_after_its_backoff_within_20_percent(void **state) {
    int64_t low = INT64_MAX, high = 0;
    for (int i = 0; i < 40; i++) {
        char key[20];
        (void)snprintf(key, sizeof(key), "pay_%d", i);
        script.result = -ERR_GATEWAY;
        assert_int_equal(add(key, now_us()), 1);
        assert_int_equal(drain(), 1);
        int64_t delay = engine_int(&engine, "SELECT due_us FROM job") - now_us();
        low = MIN(low, delay);
        high = MAX(high, delay);
        assert_int_equal(cancel(key), 1);
    }
    assert_in_range(low, backoff_us[0] * 8 / 10, backoff_us[0] - 1);
    assert_in_range(high, backoff_us[0] + 1, backoff_us[0] * 12 / 10);
}

static void a_job_is_parked_after_its_last_attempt_with_its_error(void **state) {
    script.result = -ERR_GATEWAY;
    assert_int_equal(add("pay_1", now_us()), 1);
    for (int attempt = 0; attempt < 4; attempt++) {
        assert_int_equal(drain(), 1);
        assert_int_equal(script.seen.attempts, attempt);
        assert_int_equal(script.parks, attempt == 3);
        if (attempt > 0 && attempt < 3) { /* the schedule's last row repeats */
            int64_t delay = engine_int(&engine, "SELECT due_us FROM job") - now_us();
            assert_in_range(delay, backoff_us[1] * 8 / 10, backoff_us[1] * 12 / 10);
        }
        pass_us(3 * MINUTE_US);
    }
    assert_int_equal(drain(), 0);
    assert_int_equal(counts().parked, 1);
    assert_int_equal(engine_int(&engine, "SELECT attempts FROM job"), 4);
    char *payload = engine_text(&engine, "SELECT payload FROM job"); /* written by the hook */
    assert_string_equal(payload, "GATEWAY");
    char *error = engine_text(&engine, "SELECT last_error FROM job");
    assert_string_equal(error, "GATEWAY: no luck with ************1111");
    assert_int_equal(add("pay_1", now_us()), 0);
    free(payload);
    free(error);
}

static void a_parked_job_that_is_hastened_begins_anew(void **state) {
    a_job_is_parked_after_its_last_attempt_with_its_error(state);
    assert_int_equal(hasten("pay_1", now_us() + 50), 1);
    assert_int_equal(drain(), 0);
    pass_us(50);
    assert_int_equal(drain(), 1);
    assert_int_equal(script.seen.attempts, 0);
    assert_int_equal(counts().waiting, 1);
}

static void a_parked_job_can_be_cancelled(void **state) {
    a_job_is_parked_after_its_last_attempt_with_its_error(state);
    assert_int_equal(cancel("pay_1"), 1);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"), 0);
}

static void a_job_whose_hook_fails_is_not_parked_but_tried_again(void **state) {
    script.result = -ERR_GATEWAY;
    script.park_result = -ERR_STATE;
    assert_int_equal(add("pay_1", now_us()), 1);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(drain(), 1);
        pass_us(3 * MINUTE_US);
    }
    assert_int_equal(script.parks, 1);
    assert_int_equal(counts().parked, 0);
    script.park_result = 0;
    assert_int_equal(drain(), 1);
    assert_int_equal(counts().parked, 1);
}

static void a_job_that_wants_to_run_again_does_and_no_attempt_is_counted(void **state) {
    assert_int_equal(add("pay_1", now_us()), 1);
    for (int i = 0; i < 6; i++) {
        script.again_us = now_us() + MINUTE_US;
        assert_int_equal(drain(), 1);
        assert_int_equal(script.seen.attempts, 0);
        assert_int_equal(drain(), 0);
        pass_us(MINUTE_US);
    }
    script.again_us = 0;
    assert_int_equal(drain(), 1);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"), 0);
}

/* Hastening and cancelling. */

static void hastening_makes_a_waiting_job_due_earlier_never_later(void **state) {
    assert_int_equal(hasten("pay_1", now_us()), 0);
    assert_int_equal(add("pay_1", now_us() + MINUTE_US), 1);
    assert_int_equal(hasten("pay_1", now_us() + 2 * MINUTE_US), 1);
    assert_int_equal(engine_int(&engine, "SELECT due_us FROM job"), now_us() + MINUTE_US);
    assert_int_equal(hasten("pay_1", 0), 1);
    assert_int_equal(drain(), 1);
    assert_int_equal(drain(), 0);
}

/* The handler hastens its own job, then ends as the row says: one more run must follow. */
static void a_hasten_during_the_run_leads_to_another_run_whatever_this_one_returns(void **state) {
    static const struct {
        int result;
        int64_t again_us;
        int attempts;
    } ends[] = {
        {0, 0, 0}, {0, START_US + 60 * MINUTE_US, 0}, {-ERR_GATEWAY, 0, 0}, {-ERR_GATEWAY, 0, 3}};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        (void)engine_exec(&engine, "DELETE FROM job");
        atomic_store(&fake_wall_us, START_US);
        script = (struct script){.result = ends[i].result};
        assert_int_equal(add("pay_1", now_us()), 1);
        for (int attempt = 0; attempt < ends[i].attempts; attempt++) {
            assert_int_equal(drain(), 1);
            pass_us(3 * MINUTE_US);
        }
        script.again_us = ends[i].again_us;
        script.hasten = "pay_1";
        script.hasten_us = now_us() + 1000;
        assert_int_equal(drain(), 1);
        assert_int_equal(script.parks, 0);
        assert_int_equal(drain(), 0);
        pass_us(1000);
        script.result = 0;
        script.again_us = 0;
        assert_int_equal(drain(), 1);
        assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"), 0);
    }
}

static void of_two_hastens_during_a_run_the_earlier_counts(void **state) {
    assert_int_equal(add("pay_1", now_us()), 1);
    struct job_want want = {.kind = &demo, .limit = 1};
    struct job_run *run = NULL;
    struct err err = {0};
    assert_int_equal(job_lease(engine.store, NULL, &want, 1, now_us(), "a lease", &run, &err), 0);
    assert_int_equal(hasten("pay_1", now_us() + 500), 1);
    assert_int_equal(hasten("pay_1", now_us() + 900), 1);
    run->report = JOB_AGAIN;
    run->due_us = now_us() + MINUTE_US;
    assert_int_equal(job_report(engine.store, run, &err), 0);
    assert_int_equal(run->due_us, now_us() + 500);
    assert_int_equal(engine_int(&engine, "SELECT due_us FROM job"), now_us() + 500);
    assert_int_equal(engine_int(&engine, "SELECT hasten_us FROM job"), 0);
    job_run_free(run);
}

static int cancelled;
static void cancel_during(void) {
    cancelled = cancel("pay_1");
}

static void cancelling_removes_a_job_unless_it_runs(void **state) {
    assert_int_equal(cancel("pay_1"), 0);
    assert_int_equal(add("pay_1", now_us()), 1);
    assert_int_equal(cancel("pay_1"), 1);
    assert_int_equal(drain(), 0);
    assert_int_equal(add("pay_1", now_us()), 1);
    cancelled = -1;
    script.during = cancel_during;
    script.again_us = now_us() + 1;
    assert_int_equal(drain(), 1);
    assert_int_equal(cancelled, 0);
    assert_int_equal(cancel("pay_1"), 1);
}

/* Leases. */

/* As a process does that crashes afterwards. */
static void lease_and_crash(int limit) {
    struct job_want want = {.kind = &demo, .limit = limit};
    struct job_run *runs = NULL;
    struct err err = {0};
    assert_int_equal(
        job_lease(engine.store, NULL, &want, 1, now_us(), "a crashed one", &runs, &err), 0);
    assert_non_null(runs);
    job_run_list_free(runs);
}

static void a_lease_that_ran_out_makes_the_job_due_again(void **state) {
    assert_int_equal(add("pay_1", now_us()), 1);
    lease_and_crash(1);
    assert_int_equal(drain(), 0);
    assert_int_equal(counts().running, 1);
    pass_us(MINUTE_US);
    assert_int_equal(drain(), 0); /* the time it may wait for a worker is not over */
    pass_us(JOB_QUEUE_US);
    assert_int_equal(counts().due, 1);
    assert_int_equal(drain(), 1);
    assert_int_equal(script.seen.attempts, 0);
}

static void a_job_whose_lease_ran_out_can_be_cancelled(void **state) {
    assert_int_equal(add("pay_1", now_us()), 1);
    lease_and_crash(1);
    assert_int_equal(cancel("pay_1"), 0);
    pass_us(MINUTE_US + JOB_QUEUE_US);
    assert_int_equal(cancel("pay_1"), 1);
}

static struct job_runner *second;
static int64_t second_again_us;
static void take_over(void) {
    struct err err = {0};
    int first_result = script.result;
    pass_us(MINUTE_US + JOB_QUEUE_US);
    script.result = 0;
    script.again_us = second_again_us;
    INVARIANT(job_runner_drain(second, &err) == 1, "the second runner takes the job over");
    script.result = first_result;
    script.again_us = 0;
}

static void who_lost_his_lease_changes_nothing(void **state) {
    second = runner_new();
    static const struct {
        int first_result, first_attempts;
        bool again; /* the second runner's run wants another; else it was the last */
    } cases[] = {{0, 0, false}, {0, 0, true}, {-ERR_GATEWAY, 0, true}, {-ERR_GATEWAY, 3, true}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        (void)engine_exec(&engine, "DELETE FROM job");
        script = (struct script){.during = take_over, .result = cases[i].first_result};
        second_again_us = cases[i].again ? now_us() + 60 * MINUTE_US : 0;
        assert_int_equal(add("pay_1", now_us()), 1);
        (void)engine_exec(&engine, cases[i].first_attempts == 3 ? "UPDATE job SET attempts = 3"
                                                                : "UPDATE job SET attempts = 0");
        assert_int_equal(drain(), 1);
        assert_int_equal(script.runs, 2);
        assert_int_equal(script.parks, 0);
        assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"), cases[i].again);
        assert_int_equal(engine_int(&engine, "SELECT due_us FROM job"), second_again_us);
        assert_int_equal(engine_int(&engine, "SELECT attempts FROM job"), cases[i].first_attempts);
    }
    job_runner_stop(second);
}

static void on_sqlite_a_new_runner_frees_what_a_crash_left(void **state) {
    assert_int_equal(add("pay_1", now_us()), 1);
    lease_and_crash(1);
    second = runner_new();
    struct err err = {0};
    int expected = engine.engine == STORE_SQLITE ? 1 : 0; /* others may be at work there */
    assert_int_equal(job_runner_drain(second, &err), expected);
    job_runner_stop(second);
}

static void a_job_whose_runs_never_end_counts_as_failed_at_last(void **state) {
    assert_int_equal(add("pay_1", now_us()), 1);
    for (int i = 0; i < JOB_LOST_MAX; i++) {
        lease_and_crash(1);
        pass_us(MINUTE_US + JOB_QUEUE_US);
    }
    assert_int_equal(drain(), 1);
    assert_int_equal(script.runs, 0);
    assert_int_equal(counts().waiting, 1);
    char *error = engine_text(&engine, "SELECT last_error FROM job");
    assert_string_equal(error, "INTERNAL: its last 20 runs never ended");
    free(error);
    pass_us(MINUTE_US);
    assert_int_equal(drain(), 1);
    assert_int_equal(script.runs, 1);
}

static void counts_tell_waiting_due_running_and_parked_apart(void **state) {
    script.result = -ERR_GATEWAY;
    assert_int_equal(add("parked", now_us()), 1);
    (void)engine_exec(&engine, "UPDATE job SET attempts = 3");
    assert_int_equal(drain(), 1);
    assert_int_equal(counts().oldest_due_us, 0);
    assert_int_equal(add("running", now_us()), 1);
    lease_and_crash(1);
    assert_int_equal(add("later", now_us() + 1), 1);
    assert_int_equal(add("due 1", now_us() - 1), 1);
    assert_int_equal(add("due 2", now_us() - 7), 1);
    assert_int_equal(try_do(add_fn, "other", "x", now_us() - 10, NULL), 1);
    struct job_counts found = counts();
    assert_int_equal(found.parked, 1);
    assert_int_equal(found.running, 1);
    assert_int_equal(found.waiting, 1);
    assert_int_equal(found.due, 2);
    assert_int_equal(found.oldest_due_us, now_us() - 7);
}

static int count_all_fn(struct store_tx *tx, void *ctx, struct err *err) {
    return job_count(tx, NULL, now_us(), ctx, err);
}

static void counts_of_all_kinds_are_added_up(void **state) {
    struct job_counts found;
    struct err err = {0};
    assert_int_equal(add("a", now_us()), 1);
    assert_int_equal(try_do(add_fn, "other", "x", now_us() - 10, NULL), 1);
    assert_int_equal(store_read(engine.store, count_all_fn, &found, &err), 0);
    assert_int_equal(found.due, 2);
    assert_int_equal(found.oldest_due_us, now_us() - 10);
}

static void add_three(void) {
    INVARIANT(add("b", now_us()) + add("c", now_us()) + add("d", now_us() + 1) == 3, "added");
}

static void draining_runs_the_oldest_first_and_what_handlers_add(void **state) {
    assert_int_equal(add("young", now_us() - 1), 1);
    assert_int_equal(add("old", now_us() - 2), 1);
    script.during = add_three;
    assert_int_equal(drain(), 4);
    assert_string_equal(script.seen.key, "c");
    assert_int_equal(counts().waiting, 1);
}

/* Trouble with the store. */

static int calls_before_fault;
static bool faulted_once;
static int fault(void *ctx, const char *sql) {
    if (faulted_once || calls_before_fault-- > 0) {
        return 0;
    }
    faulted_once = true;
    return 1;
}

static void a_job_outlives_any_store_call_that_fails(void **state) {
    static const int results[] = {0, -ERR_GATEWAY};
    for (size_t which = 0; which < 2 * COUNT_OF(results); which++) {
        int faulted = 0;
        for (int call = 0; call < 40; call++) {
            (void)engine_exec(&engine, "DELETE FROM job");
            script = (struct script){.result = results[which / 2]};
            assert_int_equal(add("pay_1", now_us()), 1);
            (void)engine_exec(&engine, which % 2 ? "UPDATE job SET attempts = 3"
                                                 : "UPDATE job SET attempts = 0");
            calls_before_fault = call;
            faulted_once = false;
            store_fault_set(engine.store, fault, NULL);
            struct err err = {0};
            int ran = job_runner_drain(runner, &err);
            store_fault_set(engine.store, NULL, NULL);
            if (!faulted_once) {
                break;
            }
            faulted++;
            assert_true(ran < 0 || ran == 1);
            pass_us(3 * MINUTE_US);
            script.result = 0;
            assert_true(drain() <= 1);
            assert_true(script.runs >= 1);
            int64_t left = engine_int(&engine, "SELECT COUNT(*) FROM job");
            assert_int_equal(left, counts().parked);
            assert_int_equal(left, script.parks > 0 && script.runs == 1);
        }
        assert_in_range(faulted, 4, 39);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void) {
    fake_world = *world_real();
    fake_world.wall_us = fake_wall;
    world_install(NULL, &fake_world);
    log_level_set(LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        TEST(a_due_job_runs_once_and_is_gone),
        TEST(a_job_waits_until_it_is_due),
        TEST(only_where_something_is_due_is_it_leased),
        TEST(a_job_exists_exactly_if_its_transaction_does),
        TEST(adding_a_live_job_again_changes_nothing),
        TEST(a_job_that_is_put_is_there_as_if_it_were_added),
        TEST(what_is_too_long_or_no_text_is_refused),
        TEST(a_failed_job_is_tried_again_after_its_backoff_within_20_percent),
        TEST(a_job_is_parked_after_its_last_attempt_with_its_error),
        TEST(a_parked_job_that_is_hastened_begins_anew),
        TEST(a_parked_job_can_be_cancelled),
        TEST(a_job_whose_hook_fails_is_not_parked_but_tried_again),
        TEST(a_job_that_wants_to_run_again_does_and_no_attempt_is_counted),
        TEST(hastening_makes_a_waiting_job_due_earlier_never_later),
        TEST(a_hasten_during_the_run_leads_to_another_run_whatever_this_one_returns),
        TEST(of_two_hastens_during_a_run_the_earlier_counts),
        TEST(cancelling_removes_a_job_unless_it_runs),
        TEST(a_lease_that_ran_out_makes_the_job_due_again),
        TEST(a_job_whose_lease_ran_out_can_be_cancelled),
        TEST(who_lost_his_lease_changes_nothing),
        TEST(on_sqlite_a_new_runner_frees_what_a_crash_left),
        TEST(a_job_whose_runs_never_end_counts_as_failed_at_last),
        TEST(counts_tell_waiting_due_running_and_parked_apart),
        TEST(counts_of_all_kinds_are_added_up),
        TEST(draining_runs_the_oldest_first_and_what_handlers_add),
        TEST(a_job_outlives_any_store_call_that_fails),
    };
    return engine_run("jobs", tests, COUNT_OF(tests), &engine);
}
