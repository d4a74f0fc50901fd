/* SPDX-License-Identifier: Apache-2.0
 * test_store_postgres_standby.c: a primary whose commits have to wait for a standby. Whoever ends
 * that waiting leaves a commit that everybody sees and that is gone after a failover: it is told as
 * success only when the standby has it. The standby here never comes; that it is not waited for any
 * longer stands for its coming. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>

#include "base/clock.h"
#include "base/task.h"
#include "store/store.h"
#include "support/test_pg.h"

#define WAITING_SQL                                                                                \
    "SELECT %s FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name ="          \
    " 'holdfast'"

/* Writes, or only looks in a write transaction, one after the other until it is told to stop. */
struct client {
    struct store *store;
    struct task *task; /* NULL: not running */
    store_fn *fn;
    atomic_bool stop;
    atomic_int done, failed, last; /* `last`: the last error's code */
};

/* The server is the program's, not the shared one: it is told to wait for a standby. */
struct rig {
    struct test_pg *pg;
    struct store *store;
    struct client writer, looker;
};

static struct err err;
static struct test_pg server;

static int write_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    return sql_put(tx, ret_err, "INSERT INTO thing (number) VALUES ($1)", S_INT(1));
}

static int look_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    SQL_ROWS_AUTO rows = NULL;
    return sql_query(tx, ret_err, &rows, "SELECT count(*) FROM thing");
}

static void client_main(void *arg) {
    struct client *client = arg;
    while (!atomic_load(&client->stop)) {
        struct err own;
        if (store_write(client->store, client->fn, NULL, &own) == 0) {
            atomic_fetch_add(&client->done, 1);
        } else {
            atomic_store(&client->last, (int)own.code);
            atomic_fetch_add(&client->failed, 1);
        }
    }
}

static void client_start(struct rig *rig, struct client *client, store_fn *fn) {
    client->store = rig->store;
    client->fn = fn;
    client->task = task_start("client", 0, client_main, client);
    assert_non_null(client->task);
}

static void client_end(struct client *client) {
    if (client->task != NULL) {
        task_join(client->task);
        client->task = NULL;
    }
}

/* What is reloaded takes effect a little later, which is why clients do one thing after another. */
static void wait_for_standby(struct rig *rig, bool wanted) {
    (void)test_pg_int(rig->pg->url, wanted ? "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
                                           : "ALTER SYSTEM RESET synchronous_standby_names");
    (void)test_pg_int(rig->pg->url, "SELECT pg_reload_conf()::int");
}

static int waiting(struct rig *rig) {
    char sql[sizeof(WAITING_SQL) + 16];
    snprintf(sql, sizeof(sql), WAITING_SQL, "count(*)");
    return (int)test_pg_int(rig->pg->url, sql);
}

static void until_waiting(struct rig *rig, int count) {
    while (waiting(rig) < count) {
        task_sleep_us(1000);
    }
}

/* `how`: pg_terminate_backend or pg_cancel_backend. */
static void cut(struct rig *rig, const char *how) {
    char sql[sizeof(WAITING_SQL) + 64], what[64];
    snprintf(what, sizeof(what), "count(%s(pid))", how);
    snprintf(sql, sizeof(sql), WAITING_SQL, what);
    assert_int_equal(test_pg_int(rig->pg->url, sql), 1);
}

static int set_up(void **state) {
    struct rig *rig = calloc(1, sizeof(*rig));
    rig->pg = &server;
    (void)test_pg_int(server.url, "TRUNCATE thing");
    *state = rig;
    return 0;
}

static int tear_down(void **state) {
    struct rig *rig = *state;
    atomic_store(&rig->writer.stop, true);
    atomic_store(&rig->looker.stop, true);
    wait_for_standby(rig, false);
    client_end(&rig->writer);
    client_end(&rig->looker);
    store_close(rig->store);
    free(rig);
    return 0;
}

static int server_start(void **state) {
    test_pg_start(&server, false);
    (void)test_pg_int(server.url, "CREATE TABLE thing (number bigint)");
    return 0;
}

static int server_end(void **state) {
    test_pg_end(&server);
    return 0;
}

static void store_start(struct rig *rig, int64_t outcome_timeout_us) {
    struct store_options options = {.url = rig->pg->url, .outcome_timeout_us = outcome_timeout_us};
    assert_int_equal(store_open(&options, &rig->store, &err), 0);
}

static int64_t outcomes_asked(struct rig *rig) {
    struct store_stats stats;
    store_stats(rig->store, &stats);
    return stats.outcomes_asked;
}

/* A writer whose COMMIT waits, and will be its last. */
static int a_commit_waits(struct rig *rig) {
    wait_for_standby(rig, true);
    client_start(rig, &rig->writer, write_fn);
    until_waiting(rig, 1);
    atomic_store(&rig->writer.stop, true);
    return atomic_load(&rig->writer.done);
}

static void cut_and_waited_for(struct rig *rig, const char *how) {
    store_start(rig, 0);
    int before = a_commit_waits(rig);
    cut(rig, how);
    /* It is committed, and who asks is told so; yet the standby has not got it. */
    while (outcomes_asked(rig) == 0 && atomic_load(&rig->writer.done) == before) {
        task_sleep_us(1000);
    }
    while (waiting(rig) == 0 && atomic_load(&rig->writer.done) == before) {
        task_sleep_us(1000);
    }
    assert_int_equal(atomic_load(&rig->writer.done), before);
    wait_for_standby(rig, false);
    client_end(&rig->writer);
    assert_int_equal(atomic_load(&rig->writer.done), before + 1);
    assert_int_equal(atomic_load(&rig->writer.failed), 0);
    assert_int_equal(test_pg_int(rig->pg->url, "SELECT count(*) FROM thing"), before + 1);
}

static void a_terminated_commit_is_success_only_when_the_standby_has_it(void **state) {
    cut_and_waited_for(*state, "pg_terminate_backend");
}

/* There the server answers COMMIT, with no more than a warning before it. */
static void a_canceled_commit_is_success_only_when_the_standby_has_it(void **state) {
    cut_and_waited_for(*state, "pg_cancel_backend");
}

static void cut_and_unknown(struct rig *rig, const char *how) {
    store_start(rig, 300 * US_PER_MS);
    int before = a_commit_waits(rig);
    cut(rig, how);
    client_end(&rig->writer);
    assert_int_equal(atomic_load(&rig->writer.done), before);
    assert_int_equal(atomic_load(&rig->writer.failed), 1);
    assert_int_equal(atomic_load(&rig->writer.last), ERR_STORE_UNKNOWN);
}

static void a_terminated_commit_that_the_standby_does_not_get_in_time_is_unknown(void **state) {
    cut_and_unknown(*state, "pg_terminate_backend");
}

static void a_canceled_commit_that_the_standby_does_not_get_in_time_is_unknown(void **state) {
    cut_and_unknown(*state, "pg_cancel_backend");
}

/* An answer that was stored, and is told again: that must not be lost either. */
static void a_write_that_only_looked_waits_for_what_it_saw(void **state) {
    struct rig *rig = *state;
    store_start(rig, 0);
    (void)a_commit_waits(rig);
    client_start(rig, &rig->looker, look_fn);
    while (waiting(rig) < 2 && atomic_load(&rig->looker.done) == 0) {
        task_sleep_us(1000);
    }
    assert_int_equal(atomic_load(&rig->looker.done), 0);
    atomic_store(&rig->looker.stop, true);
    wait_for_standby(rig, false);
    client_end(&rig->looker);
    assert_int_equal(atomic_load(&rig->looker.done), 1);
}

static void a_read_does_not_wait_for_the_standby(void **state) {
    struct rig *rig = *state;
    store_start(rig, 0);
    (void)a_commit_waits(rig);
    assert_int_equal(store_read(rig->store, look_fn, NULL, &err), 0);
    assert_int_equal(waiting(rig), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_terminated_commit_is_success_only_when_the_standby_has_it),
        TEST(a_canceled_commit_is_success_only_when_the_standby_has_it),
        TEST(a_terminated_commit_that_the_standby_does_not_get_in_time_is_unknown),
        TEST(a_canceled_commit_that_the_standby_does_not_get_in_time_is_unknown),
        TEST(a_write_that_only_looked_waits_for_what_it_saw),
        TEST(a_read_does_not_wait_for_the_standby),
    };
    return cmocka_run_group_tests(tests, server_start, server_end);
}
