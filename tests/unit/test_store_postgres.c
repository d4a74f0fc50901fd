/* SPDX-License-Identifier: Apache-2.0
 * test_store_postgres.c: what only the PostgreSQL engine does: reruns after lost connections and
 * conflicts, what became of a COMMIT that was not answered, few round trips, servers that leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdatomic.h>

#include "base/clock.h"
#include "base/task.h"
#include "store/postgres_conn.h"
#include "store/store.h"
#include "support/store_fixture.h"
#include "support/test_pg.h"
#include "support/test_proxy.h"

static struct err err;

/* Writes one thing after the other until it is told to stop. */
struct pusher {
    struct store *store;
    struct task *task; /* NULL: not running */
    atomic_bool stop;
    atomic_int done, failed;
};

/* A database, a store that reaches it directly, and one that goes through the proxy. A test that
 * restarts the server has one of its own in place of `direct`. */
struct rig {
    struct test_store direct;
    struct test_pg own;
    struct proxy *proxy;
    char proxy_url[TEST_PG_URL_MAX];
    struct store *proxied;
    struct pusher pusher; /* ended by the tear-down where the test has not got that far */
};

static void proxied_open(struct rig *rig, const struct store_options *options) {
    struct store_options with_url = options != NULL ? *options : (struct store_options){0};
    with_url.url = rig->proxy_url;
    assert_int_equal(store_open(&with_url, &rig->proxied, &err), 0);
}

/* The URL with another host and port. */
static void url_through(const char *url, int port, char ret_url[TEST_PG_URL_MAX]) {
    const char *at = strchr(url, '@');
    const char *path = strchr(at, '/');
    snprintf(ret_url, TEST_PG_URL_MAX, "%.*s@127.0.0.1:%d%s%sgssencmode=disable&sslmode=disable",
             (int)(at - url), url, port, path, strchr(path, '?') != NULL ? "&" : "?");
}

static int set_up(void **state) {
    struct rig *rig = calloc(1, sizeof(*rig));
    int server_port = 0, port = 0;
    test_store_start(&rig->direct, STORE_POSTGRES, NULL);
    test_store_exec(rig->direct.store, "CREATE TABLE thing (id text PRIMARY KEY, number bigint)");
    test_pg_port(rig->direct.url, &server_port);
    rig->proxy = proxy_start(server_port, &port);
    url_through(rig->direct.url, port, rig->proxy_url);
    *state = rig;
    return 0;
}

static void pusher_end(struct pusher *pusher) {
    if (pusher->task != NULL) {
        atomic_store(&pusher->stop, true);
        task_join(pusher->task);
        pusher->task = NULL;
    }
}

static void clients_end(struct rig *rig) {
    proxy_accept(rig->proxy);
    pusher_end(&rig->pusher);
    store_close(rig->proxied);
    proxy_stop(rig->proxy);
}

static int tear_down(void **state) {
    struct rig *rig = *state;
    clients_end(rig);
    test_store_end(&rig->direct);
    free(rig);
    return 0;
}

static int set_up_own(void **state) {
    struct rig *rig = calloc(1, sizeof(*rig));
    int server_port = 0, port = 0;
    test_pg_start(&rig->own, false);
    test_pg_port(rig->own.url, &server_port);
    rig->proxy = proxy_start(server_port, &port);
    url_through(rig->own.url, port, rig->proxy_url);
    (void)test_pg_int(rig->own.url, "CREATE TABLE thing (id text PRIMARY KEY, number bigint)");
    *state = rig;
    return 0;
}

static int tear_down_own(void **state) {
    struct rig *rig = *state;
    clients_end(rig);
    test_pg_end(&rig->own);
    free(rig);
    return 0;
}

static int64_t things(struct rig *rig) {
    return test_store_int(rig->direct.store, "SELECT count(*) FROM thing");
}

static int64_t outcomes_asked(struct store *store) {
    struct store_stats stats;
    store_stats(store, &stats);
    return stats.outcomes_asked;
}

static int64_t retries(struct store *store) {
    struct store_stats stats;
    store_stats(store, &stats);
    return stats.retries;
}

/* --- Lost before COMMIT ----------------------------------------------------------------------- */

struct run {
    const char *url; /* terminate this database's connections in the first run */
    const char *id;
    int runs;
    int told;     /* after a commit */
    int bad_runs; /* runs in which to provoke `state` */
    const char *state;
};

static int insert_id(struct store_tx *tx, const char *id, struct err *ret_err) {
    return sql_put(tx, ret_err, "INSERT INTO thing (id, number) VALUES ($1, $2)", S_TEXT(id),
                   S_INT(1));
}

static int insert_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct run *run = ctx;
    run->runs++;
    return insert_id(tx, run->id, ret_err);
}

static void pusher_main(void *arg) {
    struct pusher *pusher = arg;
    for (int i = 0; !atomic_load(&pusher->stop); i++) {
        char id[16];
        struct err own;
        snprintf(id, sizeof(id), "p%d", i);
        struct run run = {.id = id};
        if (store_write(pusher->store, insert_fn, &run, &own) == 0) {
            atomic_fetch_add(&pusher->done, 1);
        } else {
            atomic_fetch_add(&pusher->failed, 1);
        }
    }
}

static struct pusher *pusher_start(struct rig *rig) {
    rig->pusher.store = rig->proxied;
    rig->pusher.task = task_start("pusher", 0, pusher_main, &rig->pusher);
    assert_non_null(rig->pusher.task);
    return &rig->pusher;
}

static void wait_for_more(struct pusher *pusher) {
    int before = atomic_load(&pusher->done);
    while (atomic_load(&pusher->done) < before + 3) {
        task_sleep_us(500);
    }
}

/* What stands here is a copy: the pointer, not the run. */
static void tell(void *what) {
    (*(struct run **)what)->told++;
}

static int terminated_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct run *run = ctx;
    *(struct run **)store_after(tx, tell, sizeof(run)) = run;
    int64_t result = sql_exec(tx, ret_err, "INSERT INTO thing (id, number) VALUES ($1, $2)",
                              S_TEXT(run->id), S_INT(1));
    if (run->runs++ == 0) {
        (void)test_pg_terminate(run->url);
    }
    if (result >= 0) {
        result = sql_exec(tx, ret_err, "INSERT INTO thing (id) VALUES ($1)", S_TEXT("second"));
    }
    return result < 0 ? (int)result : 0;
}

static void a_connection_lost_before_commit_is_replaced_and_the_work_run_again(void **state) {
    struct rig *rig = *state;
    struct run run = {.url = rig->direct.url, .id = "a"};
    int64_t before = retries(rig->direct.store);
    assert_int_equal(store_write(rig->direct.store, terminated_fn, &run, &err), 0);
    assert_int_equal(run.runs, 2);
    assert_int_equal(run.told, 1);
    assert_int_equal(retries(rig->direct.store) - before, 1);
    assert_int_equal(outcomes_asked(rig->direct.store), 0);
    assert_int_equal(things(rig), 2);
}

static void idle_connections_that_died_are_not_noticed_by_callers(void **state) {
    struct rig *rig = *state;
    for (int i = 0; i < 3; i++) {
        char id[4] = {(char)('a' + i), '\0'};
        struct run run = {.id = id};
        assert_true(test_pg_terminate(rig->direct.url) >= 1);
        assert_int_equal(store_write(rig->direct.store, insert_fn, &run, &err), 0);
        assert_true(test_pg_terminate(rig->direct.url) >= 1);
        assert_int_equal(things(rig), i + 1);
    }
}

static int always_terminated_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct run *run = ctx;
    int64_t result = sql_exec(tx, ret_err, "SELECT 1");
    (void)test_pg_terminate(run->url);
    run->runs++;
    return result < 0 ? (int)result : insert_id(tx, run->id, ret_err);
}

static void connections_that_keep_dying_are_a_store_error_in_the_end(void **state) {
    struct rig *rig = *state;
    struct run run = {.url = rig->direct.url, .id = "a"};
    assert_int_equal(store_write(rig->direct.store, always_terminated_fn, &run, &err), -ERR_STORE);
    assert_true(run.runs > 1);
    assert_int_equal(things(rig), 0);
}

/* --- Conflicts -------------------------------------------------------------------------------- */

static int conflict_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct run *run = ctx;
    char sql[120];
    int result = insert_id(tx, run->id, ret_err);
    if (result == 0 && run->runs++ < run->bad_runs) {
        snprintf(sql, sizeof(sql), "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '%s'; END $$",
                 run->state);
        return (int)sql_exec_args(tx, ret_err, sql, NULL, 0);
    }
    return result;
}

static void serialization_failures_and_deadlocks_are_run_again(void **state) {
    static const char *const states[] = {"40001", "40P01"};
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        struct run run = {.id = states[i], .bad_runs = 3, .state = states[i]};
        assert_int_equal(store_write(rig->direct.store, conflict_fn, &run, &err), 0);
        assert_int_equal(run.runs, 4);
        assert_int_equal(things(rig), (int)i + 1);
    }
}

static void a_conflict_that_does_not_end_is_told(void **state) {
    struct rig *rig = *state;
    struct run run = {.id = "a", .bad_runs = 1000, .state = "40001"};
    assert_int_equal(store_write(rig->direct.store, conflict_fn, &run, &err), -ERR_STORE_CONFLICT);
    assert_in_range(run.runs, 2, 100);
    assert_int_equal(things(rig), 0);
}

static int swallow_conflict_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct err ignored;
    (void)conflict_fn(tx, ctx, &ignored);
    return 0;
}

static void a_conflict_is_run_again_also_when_the_function_hides_it(void **state) {
    struct rig *rig = *state;
    struct run run = {.id = "a", .bad_runs = 1, .state = "40001"};
    assert_int_equal(store_write(rig->direct.store, swallow_conflict_fn, &run, &err), 0);
    assert_int_equal(run.runs, 2);
    assert_int_equal(things(rig), 1);
}

struct meeting {
    atomic_int first_rows; /* how many have locked their first row, ever */
    struct store *store;
};

struct locker {
    struct meeting *meeting;
    const char *first, *second;
    int result, runs;
};

static int lock_row(struct store_tx *tx, const char *id, struct err *ret_err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, ret_err, &rows, "SELECT number FROM thing WHERE id = $1 FOR UPDATE",
                           S_TEXT(id));
    return result;
}

static int locker_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct locker *locker = ctx;
    int64_t set = sql_exec(tx, ret_err, "SET LOCAL deadlock_timeout = '20ms'");
    int result = set < 0 ? (int)set : lock_row(tx, locker->first, ret_err);
    if (result == 0 && locker->runs++ == 0) {
        atomic_fetch_add(&locker->meeting->first_rows, 1);
        while (atomic_load(&locker->meeting->first_rows) < 2) {
            task_sleep_us(500);
        }
    }
    return result == 0 ? lock_row(tx, locker->second, ret_err) : result;
}

static void locker_main(void *arg) {
    struct locker *locker = arg;
    struct err own;
    locker->result = store_write(locker->meeting->store, locker_fn, locker, &own);
}

static void two_that_lock_crosswise_both_succeed(void **state) {
    struct rig *rig = *state;
    struct meeting meeting = {.store = rig->direct.store};
    struct locker one = {&meeting, "a", "b", -1, 0}, two = {&meeting, "b", "a", -1, 0};
    test_store_exec(rig->direct.store, "INSERT INTO thing (id) VALUES ('a'), ('b')");
    struct task *first = task_start("one", 0, locker_main, &one);
    struct task *second = task_start("two", 0, locker_main, &two);
    assert_non_null(first);
    assert_non_null(second);
    task_join(first);
    task_join(second);
    assert_int_equal(one.result, 0);
    assert_int_equal(two.result, 0);
    assert_true(one.runs + two.runs > 2);
}

/* --- The answer to COMMIT that did not come --------------------------------------------------- */

static void a_commit_that_never_arrived_is_run_again(void **state) {
    struct rig *rig = *state;
    struct run run = {.id = "a"};
    proxied_open(rig, NULL);
    proxy_arm(rig->proxy, PROXY_CUT_INSTEAD, false);
    assert_int_equal(store_write(rig->proxied, insert_fn, &run, &err), 0);
    assert_int_equal(proxy_cuts(rig->proxy), 1);
    assert_true(outcomes_asked(rig->proxied) >= 1);
    assert_int_equal(run.runs, 2);
    assert_int_equal(things(rig), 1);
}

static void a_commit_whose_answer_was_lost_is_success_without_another_run(void **state) {
    struct rig *rig = *state;
    struct run run = {.id = "a"};
    proxied_open(rig, NULL);
    proxy_arm(rig->proxy, PROXY_CUT_AFTER, false);
    assert_int_equal(store_write(rig->proxied, insert_fn, &run, &err), 0);
    assert_int_equal(proxy_cuts(rig->proxy), 1);
    assert_int_equal(outcomes_asked(rig->proxied), 1);
    assert_int_equal(run.runs, 1);
    assert_int_equal(things(rig), 1);
}

static void both_outcomes_are_told_right_at_any_of_many_commits(void **state) {
    struct rig *rig = *state;
    struct store_options options = {.no_prepare = true};
    proxied_open(rig, &options);
    for (int i = 0; i < 30; i++) {
        char id[16];
        snprintf(id, sizeof(id), "t%d", i);
        struct run run = {.id = id};
        proxy_arm(rig->proxy, (enum proxy_cut)(i % 4), false);
        assert_int_equal(store_write(rig->proxied, insert_fn, &run, &err), 0);
        assert_int_equal(things(rig), i + 1);
    }
    assert_int_equal(proxy_cuts(rig->proxy), 22);
}

/* The COMMIT ends only when the store has asked more than once, and been told "in progress". */
static void a_commit_still_in_progress_is_waited_for(void **state) {
    struct rig *rig = *state;
    test_store_exec(rig->direct.store, "CREATE TABLE go (id bigint)");
    test_store_exec(rig->direct.store,
                    "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN WHILE NOT"
                    " EXISTS (SELECT FROM go) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NULL;"
                    " END'");
    test_store_exec(rig->direct.store,
                    "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON thing DEFERRABLE INITIALLY"
                    " DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()");
    proxied_open(rig, NULL);
    proxy_arm(rig->proxy, PROXY_CUT_AT_ONCE, false);
    struct pusher *pusher = pusher_start(rig);
    while (outcomes_asked(rig->proxied) < 2) {
        task_sleep_us(500);
    }
    atomic_store(&pusher->stop, true);
    test_store_exec(rig->direct.store, "INSERT INTO go (id) VALUES (1)");
    pusher_end(pusher);
    assert_int_equal(atomic_load(&pusher->done), 1);
    assert_int_equal(things(rig), 1);
}

static void when_nobody_can_be_asked_in_time_it_is_unknown(void **state) {
    struct rig *rig = *state;
    struct run run = {.id = "a"};
    struct store_options options = {.outcome_timeout_us = 200 * US_PER_MS};
    proxied_open(rig, &options);
    proxy_arm(rig->proxy, PROXY_CUT_AFTER, true);
    assert_int_equal(store_write(rig->proxied, insert_fn, &run, &err), -ERR_STORE_UNKNOWN);
    assert_int_equal(run.runs, 1);
    assert_int_equal(things(rig), 1);
    proxy_accept(rig->proxy);
    run.id = "b";
    assert_int_equal(store_write(rig->proxied, insert_fn, &run, &err), 0);
}

static int deferred_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    return sql_put(tx, ret_err, "INSERT INTO late (id) VALUES ($1)", S_INT(1));
}

static void a_rule_that_is_checked_at_commit_is_told_by_its_name(void **state) {
    struct rig *rig = *state;
    test_store_exec(rig->direct.store,
                    "CREATE TABLE late (id bigint CONSTRAINT late_once UNIQUE DEFERRABLE INITIALLY"
                    " DEFERRED)");
    assert_int_equal(store_write(rig->direct.store, deferred_fn, NULL, &err), 0);
    assert_int_equal(store_write(rig->direct.store, deferred_fn, NULL, &err), -ERR_EXISTS);
    assert_string_equal(err.place, "late_once");
    assert_int_equal(test_store_int(rig->direct.store, "SELECT count(*) FROM late"), 1);
}

/* --- Round trips ------------------------------------------------------------------------------ */

static int fifty_puts_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    for (int i = 0; i < 50; i++) {
        char id[24];
        snprintf(id, sizeof(id), "%s-%d", (const char *)ctx, i);
        int result = insert_id(tx, id, ret_err);
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

static void fifty_puts_take_two_round_trips(void **state) {
    struct rig *rig = *state;
    proxied_open(rig, NULL);
    assert_int_equal(store_write(rig->proxied, fifty_puts_fn, "warm", &err), 0);
    int before = proxy_pieces(rig->proxy);
    assert_int_equal(store_write(rig->proxied, fifty_puts_fn, "told", &err), 0);
    assert_int_equal(proxy_pieces(rig->proxy) - before, 2);
    assert_int_equal(things(rig), 100);
}

static int look_then_put_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    int result = lock_row(tx, ctx, ret_err);
    return result < 0 ? result : insert_id(tx, ctx, ret_err);
}

static void a_look_and_a_put_take_two_round_trips(void **state) {
    struct rig *rig = *state;
    proxied_open(rig, NULL);
    assert_int_equal(store_write(rig->proxied, look_then_put_fn, "warm", &err), 0);
    int before = proxy_pieces(rig->proxy);
    assert_int_equal(store_write(rig->proxied, look_then_put_fn, "told", &err), 0);
    assert_int_equal(proxy_pieces(rig->proxy) - before, 2);
}

static int wrong_put_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    int result = insert_id(tx, "a", ret_err);
    *(int *)ctx = result == 0 ? insert_id(tx, "a", ret_err) : result;
    if (*(int *)ctx == 0) {
        int64_t late = sql_exec(tx, ret_err, "INSERT INTO thing (id) VALUES ('z')");
        return (int)late;
    }
    return result;
}

static void an_error_of_a_put_shows_at_the_next_call(void **state) {
    struct rig *rig = *state;
    int put_said = -1;
    assert_int_equal(store_write(rig->direct.store, wrong_put_fn, &put_said, &err), -ERR_EXISTS);
    assert_int_equal(put_said, 0);
    assert_string_equal(err.place, "thing_pkey");
    assert_int_equal(things(rig), 0);
}

static int two_puts_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    int result = *(bool *)ctx ? insert_id(tx, "a", ret_err) : 0;
    return result < 0 ? result
                      : sql_put(tx, ret_err, "INSERT INTO thing (id, number) VALUES ('never', 2)");
}

/* The server skips everything behind an error, also what would have prepared the next statement. */
static void a_statement_skipped_behind_a_failed_put_is_prepared_when_used_again(void **state) {
    struct rig *rig = *state;
    struct store_options options = {.pool_max = 1};
    struct run run = {.id = "a"};
    bool collide = true;
    proxied_open(rig, &options);
    assert_int_equal(store_write(rig->proxied, insert_fn, &run, &err), 0);
    assert_int_equal(store_write(rig->proxied, two_puts_fn, &collide, &err), -ERR_EXISTS);
    collide = false;
    assert_int_equal(store_write(rig->proxied, two_puts_fn, &collide, &err), 0);
    assert_int_equal(retries(rig->proxied), 0);
    assert_int_equal(things(rig), 2);
}

/* --- Servers that go away --------------------------------------------------------------------- */

static void an_orderly_restart_of_the_server_is_ridden_out(void **state) {
    struct rig *rig = *state;
    struct store_options options = {.url = rig->own.url, .busy_timeout_us = 60 * US_PER_SECOND};
    assert_int_equal(store_open(&options, &rig->proxied, &err), 0);
    struct pusher *pusher = pusher_start(rig);
    for (int i = 0; i < 2; i++) {
        wait_for_more(pusher);
        test_pg_stop(&rig->own);
        test_pg_again(&rig->own);
    }
    wait_for_more(pusher);
    pusher_end(pusher);
    assert_int_equal(atomic_load(&pusher->failed), 0);
    assert_int_equal(test_store_int(rig->proxied, "SELECT count(*) FROM thing"),
                     atomic_load(&pusher->done));
}

/* A COMMIT that was done, whose answer was lost, and a server that then crashed: the server that
 * comes back could have given the same id to another, so its "committed" proves nothing. */
static void after_a_crash_of_the_server_committed_is_not_taken_for_an_answer(void **state) {
    struct rig *rig = *state;
    proxied_open(rig, NULL);
    proxy_arm(rig->proxy, PROXY_CUT_AFTER, true);
    struct pusher *pusher = pusher_start(rig);
    while (proxy_cuts(rig->proxy) == 0) {
        task_sleep_us(500);
    }
    atomic_store(&pusher->stop, true);
    test_pg_kill(&rig->own);
    test_pg_again(&rig->own);
    proxy_accept(rig->proxy);
    pusher_end(pusher);
    assert_int_equal(test_pg_int(rig->own.url, "SELECT count(*) FROM thing"), 1);
    assert_int_equal(atomic_load(&pusher->done), 0);
    assert_int_equal(atomic_load(&pusher->failed), 1);
    struct run run = {.id = "after"};
    assert_int_equal(store_write(rig->proxied, insert_fn, &run, &err), 0);
}

static void a_server_that_is_not_there_is_a_store_error_that_says_where(void **state) {
    struct store_options options = {.url = "postgresql://nobody@127.0.0.1:1/none"};
    struct store *store = NULL;
    assert_int_equal(store_open(&options, &store, &err), -ERR_STORE);
    assert_null(store);
    assert_non_null(strstr(err.detail, "127.0.0.1"));
}

/* With the store's own patience each would take an hour. */
static void a_ping_tells_soon_that_the_server_is_gone_and_that_it_is_back(void **state) {
    struct rig *rig = *state;
    struct store_options options = {.busy_timeout_us = 3600 * US_PER_SECOND};
    proxied_open(rig, &options);
    assert_int_equal(store_ping(rig->proxied, 60 * US_PER_SECOND, &err), 0);
    test_pg_kill(&rig->own);
    assert_int_equal(store_ping(rig->proxied, 100 * US_PER_MS, &err), -ERR_STORE);
    assert_int_equal(store_ping(rig->proxied, 100 * US_PER_MS, &err), -ERR_STORE);
    test_pg_again(&rig->own);
    assert_int_equal(store_ping(rig->proxied, 60 * US_PER_SECOND, &err), 0);
}

static void a_ping_over_a_connection_that_died_idle_asks_over_a_new_one(void **state) {
    struct rig *rig = *state;
    proxied_open(rig, NULL);
    assert_int_equal(store_ping(rig->proxied, 60 * US_PER_SECOND, &err), 0);
    assert_true(test_pg_terminate(rig->direct.url) > 0);
    assert_int_equal(store_ping(rig->proxied, 60 * US_PER_SECOND, &err), 0);
}

/* A listener that nobody accepts at: the connection is made and no word is said. */
static void connecting_to_a_server_that_says_nothing_ends_at_the_deadline(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, bytes), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &bytes), 0);
    char port[8];
    snprintf(port, sizeof(port), "%d", ntohs(address.sin_port));
    char *keywords[] = {"host", "port", "user", "dbname", NULL};
    char *values[] = {"127.0.0.1", port, "nobody", "none", NULL};
    struct pg_target target = {.keywords = keywords, .values = values};
    struct pg_conn *conn = calloc(1, sizeof(*conn));
    assert_int_equal(pg_conn_open(conn, &target, clock_mono_us() + 50 * US_PER_MS, &err),
                     -ERR_STORE);
    assert_null(conn->pg);
    free(conn);
    close(listener);
}

static void an_url_that_cannot_be_read_is_not_quoted(void **state) {
    struct store_options options = {.url = "postgresql://user:se%cret@127.0.0.1/none"};
    struct store *store = NULL;
    assert_int_equal(store_open(&options, &store, &err), -ERR_CONFIG);
    assert_null(strstr(err.detail, "se%cret"));
}

static void the_first_host_of_several_may_be_down(void **state) {
    struct rig *rig = *state;
    int port = 0;
    char url[TEST_PG_URL_MAX];
    const char *at = strchr(rig->direct.url, '@'), *path = strchr(at, '/');
    test_pg_port(rig->direct.url, &port);
    snprintf(url, sizeof(url), "%.*s@127.0.0.1:1,127.0.0.1:%d%s", (int)(at - rig->direct.url),
             rig->direct.url, port, path);
    struct store_options options = {.url = url};
    struct run run = {.id = "a"};
    assert_int_equal(store_open(&options, &rig->proxied, &err), 0);
    assert_int_equal(store_write(rig->proxied, insert_fn, &run, &err), 0);
    assert_int_equal(things(rig), 1);
}

static void without_prepared_statements_everything_works_too(void **state) {
    struct rig *rig = *state;
    struct store_options options = {.no_prepare = true};
    proxied_open(rig, &options);
    assert_int_equal(store_write(rig->proxied, fifty_puts_fn, "np", &err), 0);
    assert_int_equal(store_write(rig->proxied, look_then_put_fn, "a", &err), 0);
    assert_int_equal(test_store_int(rig->proxied, "SELECT count(*) FROM pg_prepared_statements"),
                     0);
    assert_int_equal(things(rig), 51);
}

static int star_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    SQL_ROWS_AUTO rows = NULL;
    return sql_query(tx, ret_err, &rows, "SELECT * FROM thing");
}

static void a_plan_that_no_longer_fits_the_schema_is_made_anew(void **state) {
    struct rig *rig = *state;
    struct store_options options = {.pool_max = 1};
    proxied_open(rig, &options);
    assert_int_equal(store_write(rig->proxied, star_fn, NULL, &err), 0);
    test_store_exec(rig->direct.store, "ALTER TABLE thing ADD COLUMN more text");
    assert_int_equal(store_write(rig->proxied, star_fn, NULL, &err), 0);
    test_store_exec(rig->direct.store, "ALTER TABLE thing DROP COLUMN more");
    assert_int_equal(store_read(rig->proxied, star_fn, NULL, &err), 0);
}

static int deallocate_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct run *run = ctx;
    int64_t result = 0;
    if (run->runs++ == 0) {
        result = sql_exec(tx, ret_err, "DEALLOCATE ALL");
    }
    return result < 0 ? (int)result : insert_id(tx, run->id, ret_err);
}

static void a_session_that_forgot_its_statements_is_replaced(void **state) {
    struct rig *rig = *state;
    struct store_options options = {.pool_max = 1};
    struct run warm = {.id = "warm"}, run = {.id = "a"};
    proxied_open(rig, &options);
    assert_int_equal(store_write(rig->proxied, insert_fn, &warm, &err), 0);
    assert_int_equal(store_write(rig->proxied, deallocate_fn, &run, &err), 0);
    assert_int_equal(run.runs, 2);
    assert_int_equal(things(rig), 2);
}

static void a_server_that_became_read_only_is_looked_for_again(void **state) {
    struct rig *rig = *state;
    struct store_options options = {.pool_max = 1, .busy_timeout_us = 60 * US_PER_SECOND};
    proxied_open(rig, &options);
    char sql[160];
    const char *name = strstr(rig->direct.url, "holdfast_test_");
    snprintf(sql, sizeof(sql), "ALTER DATABASE %.30s SET default_transaction_read_only = on", name);
    (void)test_pg_int(rig->direct.url, sql);
    (void)test_pg_terminate(rig->direct.url);
    struct pusher *pusher = pusher_start(rig);
    snprintf(sql, sizeof(sql), "ALTER DATABASE %.30s SET default_transaction_read_only = off",
             name);
    (void)test_pg_int(test_pg_shared()->url, sql);
    wait_for_more(pusher);
    pusher_end(pusher);
    assert_int_equal(atomic_load(&pusher->failed), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_OWN(name) cmocka_unit_test_setup_teardown(name, set_up_own, tear_down_own)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_connection_lost_before_commit_is_replaced_and_the_work_run_again),
        TEST(idle_connections_that_died_are_not_noticed_by_callers),
        TEST(connections_that_keep_dying_are_a_store_error_in_the_end),
        TEST(serialization_failures_and_deadlocks_are_run_again),
        TEST(a_conflict_that_does_not_end_is_told),
        TEST(a_conflict_is_run_again_also_when_the_function_hides_it),
        TEST(two_that_lock_crosswise_both_succeed),
        TEST(a_commit_that_never_arrived_is_run_again),
        TEST(a_commit_whose_answer_was_lost_is_success_without_another_run),
        TEST(both_outcomes_are_told_right_at_any_of_many_commits),
        TEST(a_commit_still_in_progress_is_waited_for),
        TEST(when_nobody_can_be_asked_in_time_it_is_unknown),
        TEST(a_rule_that_is_checked_at_commit_is_told_by_its_name),
        TEST(fifty_puts_take_two_round_trips),
        TEST(a_look_and_a_put_take_two_round_trips),
        TEST(an_error_of_a_put_shows_at_the_next_call),
        TEST(a_statement_skipped_behind_a_failed_put_is_prepared_when_used_again),
        TEST_OWN(an_orderly_restart_of_the_server_is_ridden_out),
        TEST_OWN(after_a_crash_of_the_server_committed_is_not_taken_for_an_answer),
        cmocka_unit_test(a_server_that_is_not_there_is_a_store_error_that_says_where),
        TEST_OWN(a_ping_tells_soon_that_the_server_is_gone_and_that_it_is_back),
        TEST(a_ping_over_a_connection_that_died_idle_asks_over_a_new_one),
        cmocka_unit_test(connecting_to_a_server_that_says_nothing_ends_at_the_deadline),
        cmocka_unit_test(an_url_that_cannot_be_read_is_not_quoted),
        TEST(the_first_host_of_several_may_be_down),
        TEST(without_prepared_statements_everything_works_too),
        TEST(a_plan_that_no_longer_fits_the_schema_is_made_anew),
        TEST(a_session_that_forgot_its_statements_is_replaced),
        TEST(a_server_that_became_read_only_is_looked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
