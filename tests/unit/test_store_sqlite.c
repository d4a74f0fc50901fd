/* SPDX-License-Identifier: Apache-2.0
 * test_store_sqlite.c: what only the SQLite engine does: group commit, the lock file, failing
 * disks, checkpoints, the translation of statements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/task.h"
#include "store/sqlite_conn.h"
#include "store/store.h"
#include "store/store_file.h"
#include "store/store_impl.h"
#include "support/store_fixture.h"
#include "support/test_vfs.h"

enum { TASKS = 24 };

static struct err err;

static int set_up(void **state) {
    struct test_store *test = calloc(1, sizeof(*test));
    test_store_start(test, STORE_SQLITE, NULL);
    test_store_exec(test->store, "CREATE TABLE thing (id bigint PRIMARY KEY, note text)");
    *state = test;
    return 0;
}

static int tear_down(void **state) {
    test_vfs_fail(0, 0);
    test_store_end(*state);
    free(*state);
    return 0;
}

static struct store *store_in(void **state) {
    return ((struct test_store *)*state)->store;
}

static int64_t things(struct store *store) {
    return test_store_int(store, "SELECT count(*) FROM thing");
}

static int insert_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    return sql_put(tx, ret_err, "INSERT INTO thing (id) VALUES ($1)", S_INT(*(int64_t *)ctx));
}

/* --- Groups ----------------------------------------------------------------------------------- */

/* A first write that holds the writer until `wanted` others wait, so that they become one group. */
struct gate {
    struct store *store;
    int wanted;
    atomic_bool inside;
};

static int gate_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct gate *gate = ctx;
    struct store_stats stats;
    atomic_store(&gate->inside, true);
    do {
        task_sleep_us(200);
        store_stats(gate->store, &stats);
    } while (stats.waiting < gate->wanted);
    return 0;
}

static void gate_main(void *arg) {
    struct gate *gate = arg;
    struct err own;
    INVARIANT(store_write(gate->store, gate_fn, gate, &own) == 0, "the gate's write works");
}

struct caller {
    struct store *store;
    store_fn *fn;
    int64_t id;
    int result;
    struct err err;
};

static void caller_main(void *arg) {
    struct caller *caller = arg;
    caller->result = store_write(caller->store, caller->fn, &caller->id, &caller->err);
}

/* Runs the callers as one group. */
static void run_as_group(struct store *store, struct caller *callers, int count) {
    struct gate gate = {.store = store, .wanted = count};
    struct task *tasks[TASKS], *holder = task_start("gate", 0, gate_main, &gate);
    assert_non_null(holder);
    while (!atomic_load(&gate.inside)) {
        task_sleep_us(200);
    }
    for (int i = 0; i < count; i++) {
        callers[i].store = store;
        tasks[i] = task_start("caller", 0, caller_main, &callers[i]);
        assert_non_null(tasks[i]);
    }
    task_join(holder);
    for (int i = 0; i < count; i++) {
        task_join(tasks[i]);
    }
}

static void writes_that_wait_together_share_one_commit(void **state) {
    struct caller callers[TASKS];
    struct store_stats before, after;
    store_stats(store_in(state), &before);
    for (int i = 0; i < TASKS; i++) {
        callers[i] = (struct caller){.fn = insert_fn, .id = i};
    }
    run_as_group(store_in(state), callers, TASKS);
    store_stats(store_in(state), &after);
    assert_int_equal(after.writes - before.writes, TASKS + 1);
    assert_int_equal(after.commits - before.commits, 2); /* the gate's and the group's */
    assert_int_equal(things(store_in(state)), TASKS);
}

static int refuse_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    int result = insert_fn(tx, ctx, ret_err);
    return result < 0 ? result : err_set(ret_err, ERR_STATE, "no");
}

static void a_request_that_fails_leaves_its_group_whole(void **state) {
    struct caller callers[TASKS];
    for (int i = 0; i < TASKS; i++) {
        callers[i] = (struct caller){.fn = i % 2 == 0 ? insert_fn : refuse_fn, .id = i};
    }
    callers[2].id = 0; /* collides with the first, or the first with it */
    run_as_group(store_in(state), callers, TASKS);
    for (int i = 3; i < TASKS; i++) {
        assert_int_equal(callers[i].result, i % 2 == 0 ? 0 : -ERR_STATE);
    }
    assert_int_equal(callers[0].result + callers[2].result, -ERR_EXISTS);
    assert_int_equal(things(store_in(state)), TASKS / 2 - 1);
}

static atomic_int runs;

static int counted_insert_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    atomic_fetch_add(&runs, 1);
    return insert_fn(tx, ctx, ret_err);
}

static int look_and_refuse_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    int64_t changed = sql_exec(tx, ret_err, "UPDATE thing SET note = 'x' WHERE id = -1");
    return changed < 0 ? (int)changed : err_set(ret_err, ERR_STATE, "no");
}

/* DDL counts as no change of a row. */
static int make_and_refuse_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    int result = store_script(tx, "CREATE TABLE never (id bigint)", ret_err);
    return result < 0 ? result : err_set(ret_err, ERR_STATE, "no");
}

/* Seven counted inserts with `odd` among them; how many times they ran in all. */
static int runs_beside(struct store *store, store_fn *odd, int64_t first_id) {
    struct caller callers[8];
    atomic_store(&runs, 0);
    for (int i = 0; i < 8; i++) {
        callers[i] = (struct caller){.fn = i == 4 ? odd : counted_insert_fn, .id = first_id + i};
    }
    run_as_group(store, callers, 8);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(callers[i].result, i == 4 ? -ERR_STATE : 0);
    }
    return atomic_load(&runs);
}

static void a_refusal_before_any_change_does_not_make_its_group_run_again(void **state) {
    assert_int_equal(runs_beside(store_in(state), look_and_refuse_fn, 0), 7);
    assert_int_equal(things(store_in(state)), 7);
}

static void a_refusal_after_a_change_makes_its_group_run_again_under_savepoints(void **state) {
    /* How many of the seven ran before the one that refused is up to the order they came in. */
    assert_in_range(runs_beside(store_in(state), refuse_fn, 0), 7, 14);
    assert_int_equal(things(store_in(state)), 7);
    /* The next groups are guarded from the start. */
    assert_int_equal(runs_beside(store_in(state), refuse_fn, 100), 7);
    assert_int_equal(things(store_in(state)), 14);
}

static void a_refusal_after_a_change_of_the_schema_leaves_no_trace_of_it(void **state) {
    assert_in_range(runs_beside(store_in(state), make_and_refuse_fn, 0), 7, 14);
    assert_int_equal(things(store_in(state)), 7);
    assert_int_equal(
        test_store_int(store_in(state), "SELECT count(*) FROM sqlite_schema WHERE name = 'never'"),
        0);
}

static int fail_commit(void *ctx, const char *sql) {
    return strcmp(sql, "COMMIT") == 0 && --*(int *)ctx == 0;
}

static void when_the_commit_fails_those_who_refused_are_told_so_too(void **state) {
    struct caller callers[8];
    int commits = 2; /* the gate commits nothing, but it does commit */
    for (int i = 0; i < 8; i++) {
        callers[i] = (struct caller){.fn = i % 2 == 0 ? insert_fn : refuse_fn, .id = i};
    }
    store_fault_set(store_in(state), fail_commit, &commits);
    run_as_group(store_in(state), callers, 8);
    store_fault_set(store_in(state), NULL, NULL);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(callers[i].result, -ERR_STORE);
        assert_int_equal(callers[i].err.code, ERR_STORE);
    }
    assert_int_equal(things(store_in(state)), 0);
}

static void a_single_write_commits_without_company(void **state) {
    struct store_stats before, after;
    store_stats(store_in(state), &before);
    for (int64_t i = 0; i < 10; i++) {
        assert_int_equal(store_write(store_in(state), insert_fn, &i, &err), 0);
    }
    store_stats(store_in(state), &after);
    assert_int_equal(after.commits - before.commits, 10);
}

/* --- Disks ------------------------------------------------------------------------------------ */

static int big_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    return sql_put(tx, ret_err,
                   "INSERT INTO thing (id, note) VALUES ($1, CAST(zeroblob(400000) AS text))",
                   S_INT(*(int64_t *)ctx));
}

static void a_full_database_is_a_store_error_and_only_for_the_one_that_fills_it(void **state) {
    struct caller callers[7];
    test_store_exec(store_in(state), "PRAGMA max_page_count = 40");
    for (int i = 0; i < 7; i++) {
        callers[i] = (struct caller){.fn = i == 3 ? big_fn : insert_fn, .id = i};
    }
    run_as_group(store_in(state), callers, 7);
    int64_t done = 0;
    for (int i = 0; i < 7; i++) {
        /* SQLite gives the whole transaction up: who ran before in it is told to come again. */
        assert_true(callers[i].result == 0 || callers[i].result == -ERR_STORE);
        done += callers[i].result == 0 ? 1 : 0;
    }
    assert_int_equal(callers[3].result, -ERR_STORE);
    assert_int_equal(things(store_in(state)), done);
    test_store_exec(store_in(state), "PRAGMA max_page_count = 100000");
    assert_int_equal(store_write(store_in(state), big_fn, &callers[3].id, &err), 0);
}

static void a_full_disk_at_commit_is_a_store_error_without_half_effect(void **state) {
    int64_t id = 1;
    for (int writes = 1; writes < 4; writes++) {
        test_vfs_fail(0, writes);
        assert_int_equal(store_write(store_in(state), insert_fn, &id, &err), -ERR_STORE);
        test_vfs_fail(0, 0);
        assert_int_equal(things(store_in(state)), 0);
    }
    assert_int_equal(store_write(store_in(state), insert_fn, &id, &err), 0);
    assert_int_equal(things(store_in(state)), 1);
}

/* Copies the files as a crash would leave them and counts the rows that come to life there. */
static int64_t things_after_crash(struct test_store *test) {
    static const char *const names[] = {"test.db", "test.db-wal"};
    char *folder = g_dir_make_tmp("holdfast-crash-XXXXXX", NULL);
    char *url = g_strdup_printf("sqlite:%s/test.db", folder);
    struct store_options options = {.url = url};
    struct store *store = NULL;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char *from = g_build_filename(test->folder, names[i], NULL), *bytes = NULL;
        char *to = g_build_filename(folder, names[i], NULL);
        gsize count = 0;
        assert_true(g_file_get_contents(from, &bytes, &count, NULL));
        assert_true(g_file_set_contents(to, bytes, (gssize)count, NULL));
        g_free(bytes);
        g_free(from);
        g_free(to);
    }
    assert_int_equal(store_open(&options, &store, &err), 0);
    int64_t count = things(store);
    store_close(store);
    char *remove = g_strdup_printf("rm -r %s", folder);
    assert_int_equal(system(remove), 0);
    g_free(remove);
    g_free(url);
    g_free(folder);
    return count;
}

static void a_commit_whose_sync_failed_does_not_come_to_life_after_a_crash(void **state) {
    int64_t id = 1;
    test_vfs_fail(1, 0);
    assert_int_equal(store_write(store_in(state), insert_fn, &id, &err), -ERR_STORE);
    assert_int_equal(things(store_in(state)), 0);
    assert_int_equal(things_after_crash(*state), 0);
    assert_int_equal(store_write(store_in(state), insert_fn, &id, &err), 0);
    assert_int_equal(things_after_crash(*state), 1);
}

static void a_commit_that_can_neither_be_synced_nor_undone_is_unknown(void **state) {
    int64_t id = 1;
    test_vfs_fail(2, 0);
    assert_int_equal(store_write(store_in(state), insert_fn, &id, &err), -ERR_STORE_UNKNOWN);
    id = 2;
    assert_int_equal(store_write(store_in(state), insert_fn, &id, &err), 0);
    assert_int_equal(things(store_in(state)), things_after_crash(*state));
}

/* --- Files ------------------------------------------------------------------------------------ */

/* As `holdfast db check` and `db backup` do. */
static void who_only_looks_stands_beside_a_service_and_writes_nothing(void **state) {
    const struct test_store *test = *state;
    struct store *looking = NULL;
    int64_t id = 7;
    assert_int_equal(store_write(test->store, insert_fn, &id, &err), 0);
    struct store_options options = {.url = test->url, .look = true};
    assert_int_equal(store_open(&options, &looking, &err), 0);
    assert_int_equal(things(looking), 1);
    id = 8;
    assert_int_equal(store_write(looking, insert_fn, &id, &err), -ERR_STORE);
    assert_int_equal(store_write(test->store, insert_fn, &id, &err), 0);
    assert_int_equal(things(looking), 2);
    store_close(looking);
    assert_int_equal(things(test->store), 2);
}

static void a_second_store_on_the_same_file_is_refused_until_the_first_is_closed(void **state) {
    struct test_store *test = *state;
    struct store_options options = {.url = test->url};
    struct store *second = NULL;
    assert_int_equal(store_open(&options, &second, &err), -ERR_STORE);
    assert_null(second);
    assert_non_null(strstr(err.detail, "another service"));
    test_store_close(test);
    assert_int_equal(store_open(&options, &second, &err), 0);
    test->store = second;
}

static void only_the_owner_can_read_the_files(void **state) {
    static const char *const names[] = {"test.db", "test.db-wal", "test.db-shm", "test.db-lock"};
    struct test_store *test = *state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char *path = g_build_filename(test->folder, names[i], NULL);
        struct stat found;
        assert_int_equal(stat(path, &found), 0);
        assert_int_equal(found.st_mode & 0777, 0600);
        g_free(path);
    }
}

static void a_log_is_renewed_in_place_and_need_not_be_there(void **state) {
    enum { BYTES = 2 * 1024 * 1024 + 777 }; /* more than is written at once, and a rest */
    const struct test_store *test = *state;
    char *path = g_build_filename(test->folder, "some.db-wal", NULL);
    char *other = g_build_filename(test->folder, "other", NULL);
    char *bytes = g_malloc(BYTES), *after = NULL;
    gsize count = 0;
    for (int i = 0; i < BYTES; i++) {
        bytes[i] = (char)(i * 31 + i / 4096);
    }
    assert_int_equal(file_renew(path, &err), 0);
    assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    assert_true(g_file_set_contents(path, bytes, BYTES, NULL));
    assert_int_equal(file_renew(path, &err), 0);
    assert_true(g_file_get_contents(path, &after, &count, NULL));
    assert_int_equal(count, BYTES);
    assert_memory_equal(after, bytes, BYTES);
    assert_int_equal(symlink(path, other), 0);
    assert_int_equal(file_renew(other, &err), -ERR_STORE);
    assert_int_equal(unlink(other) + unlink(path), 0);
    g_free(after);
    g_free(bytes);
    g_free(other);
    g_free(path);
}

static void a_folder_that_is_not_there_is_a_store_error(void **state) {
    struct store_options options = {.url = "sqlite:/nonexistent/folder/x.db"};
    struct store *store = NULL;
    assert_int_equal(store_open(&options, &store, &err), -ERR_STORE);
    assert_null(store);
}

static void what_was_committed_is_there_when_opened_again(void **state) {
    int64_t id = 5;
    assert_int_equal(store_write(store_in(state), insert_fn, &id, &err), 0);
    test_store_close(*state);
    test_store_again(*state, NULL);
    assert_int_equal(things(store_in(state)), 1);
}

static int64_t log_bytes(struct test_store *test) {
    char *path = g_build_filename(test->folder, "test.db-wal", NULL);
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    g_free(path);
    return found.st_size;
}

static void the_log_does_not_grow_without_bound_under_steady_writing(void **state) {
    for (int64_t id = 0; id < 120; id++) { /* 48 MB */
        assert_int_equal(store_write(store_in(state), big_fn, &id, &err), 0);
    }
    assert_true(log_bytes(*state) < 24 * 1024 * 1024);
}

/* --- Statements ------------------------------------------------------------------------------- */

static void statements_are_translated_outside_of_quotes_and_comments(void **state) {
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"SELECT $1, $12", "SELECT ?1, ?12"},
        {"SELECT '$1', \"$1\", $1", "SELECT '$1', \"$1\", ?1"},
        {"SELECT 'it''s $1' || $2", "SELECT 'it''s $1' || ?2"},
        {"SELECT a FROM t WHERE b = $1 FOR UPDATE", "SELECT a FROM t WHERE b = ?1"},
        {"SELECT a FROM t FOR UPDATE SKIP LOCKED", "SELECT a FROM t"},
        {"UPDATE t SET a = 1 WHERE id IN (SELECT id FROM t LIMIT $1 FOR UPDATE SKIP LOCKED)",
         "UPDATE t SET a = 1 WHERE id IN (SELECT id FROM t LIMIT ?1)"},
        {"SELECT ' FOR UPDATE' -- $1 FOR UPDATE\n, $1",
         "SELECT ' FOR UPDATE' -- $1 FOR UPDATE\n, ?1"},
        {"SELECT /* $1 FOR UPDATE */ $1", "SELECT /* $1 FOR UPDATE */ ?1"},
        {"SELECT 'open", "SELECT 'open"},
        {"SELECT 1 -- end", "SELECT 1 -- end"},
        {"SELECT 1 /* end", "SELECT 1 /* end"},
        {"SELECT 5 $", "SELECT 5 $"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *to = sqlite_translate(cases[i].from);
        assert_string_equal(to, cases[i].to);
        g_free(to);
    }
}

static int more_statements_than_kept(struct store_tx *tx, void *ctx, struct err *ret_err) {
    char *texts[SQL_STATEMENTS_MAX + 100];
    int64_t *total = ctx;
    int result = 0;
    for (int i = 0; i < SQL_STATEMENTS_MAX + 100; i++) {
        texts[i] = g_strdup_printf("SELECT %d WHERE $1 = $1", i);
    }
    for (int i = 0; i < SQL_STATEMENTS_MAX + 100 && result >= 0; i++) {
        SQL_ROWS_AUTO rows = NULL;
        result = sql_query(tx, ret_err, &rows, texts[i], S_INT(1));
        if (result == 0 && (result = sql_next(rows, ret_err)) == 1) {
            *total += sql_int(rows, 0);
        }
    }
    for (int i = 0; i < SQL_STATEMENTS_MAX + 100; i++) {
        g_free(texts[i]);
    }
    return result < 0 ? result : 0;
}

static void more_statements_than_the_cache_holds_still_work(void **state) {
    int64_t total = 0, last = SQL_STATEMENTS_MAX + 99;
    assert_int_equal(store_write(store_in(state), more_statements_than_kept, &total, &err), 0);
    assert_int_equal(total, last * (last + 1) / 2);
}

static int wrong_count(struct store_tx *tx, void *ctx, struct err *ret_err) {
    return sql_put(tx, ret_err, "INSERT INTO thing (id, note) VALUES ($1, $2)", S_INT(1));
}

static void a_parameter_that_is_missing_is_an_error_not_null(void **state) {
    assert_int_equal(store_write(store_in(state), wrong_count, NULL, &err), -ERR_STORE);
    assert_int_equal(things(store_in(state)), 0);
}

static int quoted_nothing(struct store_tx *tx, void *ctx, struct err *ret_err) {
    return (int)sql_exec_args(tx, ret_err, "SELECT \"no such column\" FROM thing", NULL, 0);
}

static void like_and_quotes_mean_what_they_mean_on_postgresql(void **state) {
    assert_int_equal(test_store_int(store_in(state), "SELECT 'ABC' LIKE 'abc'"), 0);
    assert_int_equal(test_store_int(store_in(state), "SELECT 'ABC' LIKE 'A%'"), 1);
    assert_int_equal(store_write(store_in(state), quoted_nothing, NULL, &err), -ERR_STORE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(writes_that_wait_together_share_one_commit),
        TEST(a_request_that_fails_leaves_its_group_whole),
        TEST(a_refusal_before_any_change_does_not_make_its_group_run_again),
        TEST(a_refusal_after_a_change_makes_its_group_run_again_under_savepoints),
        TEST(a_refusal_after_a_change_of_the_schema_leaves_no_trace_of_it),
        TEST(when_the_commit_fails_those_who_refused_are_told_so_too),
        TEST(a_single_write_commits_without_company),
        TEST(a_full_database_is_a_store_error_and_only_for_the_one_that_fills_it),
        TEST(a_full_disk_at_commit_is_a_store_error_without_half_effect),
        TEST(a_commit_whose_sync_failed_does_not_come_to_life_after_a_crash),
        TEST(a_commit_that_can_neither_be_synced_nor_undone_is_unknown),
        TEST(who_only_looks_stands_beside_a_service_and_writes_nothing),
        TEST(a_second_store_on_the_same_file_is_refused_until_the_first_is_closed),
        TEST(only_the_owner_can_read_the_files),
        TEST(a_log_is_renewed_in_place_and_need_not_be_there),
        TEST(a_folder_that_is_not_there_is_a_store_error),
        TEST(what_was_committed_is_there_when_opened_again),
        TEST(the_log_does_not_grow_without_bound_under_steady_writing),
        TEST(statements_are_translated_outside_of_quotes_and_comments),
        TEST(more_statements_than_the_cache_holds_still_work),
        TEST(a_parameter_that_is_missing_is_an_error_not_null),
        TEST(like_and_quotes_mean_what_they_mean_on_postgresql),
    };
    test_vfs_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
