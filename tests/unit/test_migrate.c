/* SPDX-License-Identifier: Apache-2.0
 * test_migrate.c: migrations are applied once, in order, whole or not at all, on both engines; what
 * does not fit is refused; a backup can be brought back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "base/task.h"
#include "store/migrate_set.h"
#include "support/store_fixture.h"
#include "support/test_pg.h"

enum { TASKS = 6 };

static struct err err;

static const struct migration rows[] = {
    {1, "first",
     "CREATE TABLE one (id text PRIMARY KEY); -- it's here\nINSERT INTO one VALUES ('a;b');",
     "1111"},
    {2, "second", "CREATE TABLE two (id text);\nCREATE INDEX two_id ON two (id);", "2222"},
    {3, "third", "ALTER TABLE two ADD COLUMN more bigint;", "3333"},
};
static const struct migration altered_rows[] = {
    {1, "first", "CREATE TABLE one (id text)", "changed"},
    {2, "second", "CREATE TABLE two (id text)", "2222"},
};
static const struct migration broken_rows[] = {
    {1, "first", "CREATE TABLE one (id text); INSERT INTO one VALUES ('x');", "1111"},
    {2, "broken",
     "CREATE TABLE two (id text); INSERT INTO one VALUES ('y'); SELECT * FROM nowhere;", "2222"},
};
static const struct migration_set all = {rows, 3}, first = {rows, 1}, first_two = {rows, 2},
                                  altered = {altered_rows, 2}, broken = {broken_rows, 2};

static int set_up(void **state) {
    struct test_store *test = calloc(1, sizeof(*test));
    test_store_start(test, *(enum store_engine *)*state, NULL);
    *state = test;
    return 0;
}

static int tear_down(void **state) {
    test_store_end(*state);
    free(*state);
    return 0;
}

static struct store *store_in(void **state) {
    return ((struct test_store *)*state)->store;
}

static int64_t applied(struct store *store) {
    return test_store_int(store, "SELECT count(*) FROM schema_migration");
}

/* --- Applying --------------------------------------------------------------------------------- */

static void every_migration_is_applied_once(void **state) {
    struct store *store = store_in(state);
    int count = -1;
    assert_int_equal(migrate_set_apply(store, &first, NULL, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(migrate_set_apply(store, &all, NULL, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(migrate_set_apply(store, &all, NULL, &count, &err), 0);
    assert_int_equal(count, 0);
    assert_int_equal(applied(store), 3);
    assert_int_equal(test_store_int(store, "SELECT count(more) FROM two"), 0);
    assert_int_equal(test_store_int(store, "SELECT count(*) FROM one WHERE id = 'a;b'"), 1);
}

static void a_migration_that_fails_leaves_nothing_of_itself(void **state) {
    struct store *store = store_in(state);
    int count = -1;
    assert_int_equal(migrate_set_apply(store, &broken, NULL, &count, &err), -ERR_STORE);
    assert_non_null(strstr(err.detail, "0002 (broken)"));
    assert_int_equal(count, -1);
    assert_int_equal(applied(store), 1);
    assert_int_equal(test_store_int(store, "SELECT count(*) FROM one"), 1);
    assert_int_equal(migrate_set_apply(store, &first, NULL, &count, &err), 0);
}

static int fail_commit(void *ctx, const char *sql) {
    return strcmp(sql, "COMMIT") == 0;
}

static void a_migration_that_cannot_be_committed_can_be_tried_again(void **state) {
    struct store *store = store_in(state);
    store_fault_set(store, fail_commit, NULL);
    assert_int_equal(migrate_set_apply(store, &all, NULL, NULL, &err), -ERR_STORE);
    store_fault_set(store, NULL, NULL);
    assert_int_equal(migrate_set_check(store, &all, &err), -ERR_CONFIG);
    assert_int_equal(migrate_set_apply(store, &all, NULL, NULL, &err), 0);
}

struct instance {
    struct store *store;
    int result, count;
};

static void instance_main(void *arg) {
    struct instance *instance = arg;
    struct err own;
    instance->result = migrate_set_apply(instance->store, &all, NULL, &instance->count, &own);
}

static void instances_that_start_together_apply_each_once(void **state) {
    struct test_store *test = *state;
    struct instance instances[TASKS];
    struct task *tasks[TASKS];
    int total = 0;
    for (int i = 0; i < TASKS; i++) {
        /* On PostgreSQL each has a store of its own, as instances have. */
        struct store_options options = {.url = test->url};
        instances[i] = (struct instance){.store = test->store};
        if (test->engine == STORE_POSTGRES) {
            assert_int_equal(store_open(&options, &instances[i].store, &err), 0);
        }
    }
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = task_start("instance", 0, instance_main, &instances[i]);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < TASKS; i++) {
        task_join(tasks[i]);
        assert_int_equal(instances[i].result, 0);
        total += instances[i].count;
        if (instances[i].store != test->store) {
            store_close(instances[i].store);
        }
    }
    assert_int_equal(total, 3);
    assert_int_equal(applied(test->store), 3);
}

/* --- Refusals --------------------------------------------------------------------------------- */

static void a_migration_altered_after_it_was_applied_is_refused(void **state) {
    struct store *store = store_in(state);
    struct migration_state states[4];
    assert_int_equal(migrate_set_apply(store, &first, NULL, NULL, &err), 0);
    assert_int_equal(migrate_set_apply(store, &altered, NULL, NULL, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "0001 (first)"));
    assert_int_equal(applied(store), 1);
    assert_int_equal(migrate_set_check(store, &altered, &err), -ERR_CONFIG);
    assert_int_equal(migrate_set_status(store, &altered, states, 4, &err), 2);
    assert_true(states[0].altered && states[0].applied_us > 0);
    assert_false(states[1].altered || states[1].applied_us > 0);
}

static void a_migration_the_program_does_not_know_is_refused(void **state) {
    struct store *store = store_in(state);
    struct migration_state states[4];
    assert_int_equal(migrate_set_apply(store, &all, NULL, NULL, &err), 0);
    assert_int_equal(migrate_set_apply(store, &first_two, NULL, NULL, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "0003 (third)"));
    assert_int_equal(migrate_set_check(store, &first_two, &err), -ERR_CONFIG);
    assert_int_equal(migrate_set_status(store, &first_two, states, 4, &err), 3);
    assert_int_equal(states[2].number, 3);
    assert_string_equal(states[2].title, "third");
    assert_true(states[2].altered);
}

static void a_gap_in_what_was_applied_is_refused(void **state) {
    struct store *store = store_in(state);
    assert_int_equal(migrate_set_apply(store, &first_two, NULL, NULL, &err), 0);
    test_store_exec(store, "DELETE FROM schema_migration WHERE number = 1");
    assert_int_equal(migrate_set_apply(store, &all, NULL, NULL, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "0001 was never applied"));
    assert_int_equal(applied(store), 1);
}

static void check_and_status_of_an_empty_database_change_nothing(void **state) {
    struct store *store = store_in(state);
    struct migration_state states[2];
    assert_int_equal(migrate_set_check(store, &all, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.hint, "db migrate"));
    assert_int_equal(migrate_set_status(store, &all, states, 2, &err), 2);
    assert_int_equal(states[1].number, 2);
    assert_int_equal(states[1].applied_us, 0);
    assert_int_equal(test_store_int(store, store_engine(store) == STORE_SQLITE
                                               ? "SELECT count(*) FROM sqlite_schema"
                                               : "SELECT count(*) FROM pg_class WHERE relname ="
                                                 " 'schema_migration'"),
                     0);
    assert_int_equal(migrate_set_apply(store, &all, NULL, NULL, &err), 0);
    assert_int_equal(migrate_set_check(store, &all, &err), 0);
}

static void the_migrations_built_in_apply_and_their_digests_are_right(void **state) {
    struct store *store = store_in(state);
    int count = -1;
    for (int i = 0; i < migrations_count; i++) {
        char hex[SHA256_HEX_CHARS + 1];
        crypto_sha256_hex(migrations[i].sql, strlen(migrations[i].sql), hex);
        assert_string_equal(hex, migrations[i].sha256_hex);
        assert_int_equal(migrations[i].number, i + 1);
    }
    assert_int_equal(migrate_apply(store, NULL, &count, &err), 0);
    assert_int_equal(count, migrations_count);
    assert_int_equal(migrate_check(store, &err), 0);
}

/* --- Backups ---------------------------------------------------------------------------------- */

/* Opens what a backup holds as a database of its own. */
static void restore(struct test_store *test, const char *path, struct test_store *ret_copy) {
    *ret_copy = (struct test_store){.engine = test->engine};
    if (test->engine == STORE_SQLITE) {
        snprintf(ret_copy->url, sizeof(ret_copy->url), "sqlite:%s", path);
    } else {
        test_pg_database(test_pg_shared(), ret_copy->url);
        char *command = g_strdup_printf("pg_restore --exit-on-error -d '%s' '%s'", ret_copy->url,
                                        path);
        assert_int_equal(system(command), 0);
        g_free(command);
    }
    test_store_again(ret_copy, NULL);
}

static void restored_end(struct test_store *copy) {
    test_store_close(copy);
    if (copy->engine == STORE_POSTGRES) {
        test_pg_database_drop(test_pg_shared(), copy->url);
    }
}

static void a_backup_brought_back_has_everything_and_nothing_later(void **state) {
    struct test_store *test = *state, copy;
    char *path = g_build_filename(test->folder, "backup", NULL);
    struct stat found;
    assert_int_equal(migrate_set_apply(test->store, &all, NULL, NULL, &err), 0);
    test_store_exec(test->store, "INSERT INTO one VALUES ('支付'), ('b')");
    assert_int_equal(store_backup(test->store, path, &err), 0);
    test_store_exec(test->store, "INSERT INTO one VALUES ('later')");
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    restore(test, path, &copy);
    assert_int_equal(test_store_int(copy.store, "SELECT count(*) FROM one"), 3);
    assert_int_equal(test_store_int(copy.store, "SELECT count(*) FROM one WHERE id = '支付'"), 1);
    assert_int_equal(migrate_set_check(copy.store, &all, &err), 0);
    restored_end(&copy);
    g_free(path);
}

static void a_backup_does_not_overwrite_and_leaves_no_half_file(void **state) {
    struct test_store *test = *state;
    char *path = g_build_filename(test->folder, "backup", NULL);
    char *nowhere = g_build_filename(test->folder, "no-folder", "backup", NULL);
    assert_true(g_file_set_contents(path, "precious", -1, NULL));
    assert_int_equal(store_backup(test->store, path, &err), -ERR_EXISTS);
    assert_non_null(strstr(err.detail, path));
    char *bytes = NULL;
    assert_true(g_file_get_contents(path, &bytes, NULL, NULL));
    assert_string_equal(bytes, "precious");
    assert_int_equal(store_backup(test->store, nowhere, &err), -ERR_STORE);
    assert_non_null(strstr(err.detail, nowhere));
    assert_non_null(strstr(err.hint, "folder must be there"));
    GDir *dir = g_dir_open(test->folder, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        assert_null(strstr(name, "partial"));
    }
    g_dir_close(dir);
    g_free(bytes);
    g_free(nowhere);
    g_free(path);
}

static int files_like(const char *folder, const char *part) {
    GDir *dir = g_dir_open(folder, 0, NULL);
    int count = 0;
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        count += strstr(name, part) != NULL ? 1 : 0;
    }
    g_dir_close(dir);
    return count;
}

static void a_backup_is_made_before_a_database_with_data_is_changed(void **state) {
    struct test_store *test = *state;
    assert_int_equal(migrate_set_apply(test->store, &first, test->folder, NULL, &err), 0);
    assert_int_equal(files_like(test->folder, "before-"), 0); /* there was nothing to keep */
    assert_int_equal(migrate_set_apply(test->store, &all, test->folder, NULL, &err), 0);
    assert_int_equal(files_like(test->folder, "before-0002-"), 1);
    assert_int_equal(migrate_set_apply(test->store, &all, test->folder, NULL, &err), 0);
    assert_int_equal(files_like(test->folder, "before-"), 1); /* nothing to do, nothing kept */
}

static void without_its_backup_nothing_is_migrated(void **state) {
    struct test_store *test = *state;
    assert_int_equal(migrate_set_apply(test->store, &first, NULL, NULL, &err), 0);
    assert_int_equal(migrate_set_apply(test->store, &all, "/nonexistent", NULL, &err), -ERR_STORE);
    assert_int_equal(applied(test->store), 1);
}

struct writer {
    struct store *store;
    struct lock lock;
    bool stop;
    int result;
};

static int pair_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    int result = sql_put(tx, ret_err, "INSERT INTO two (id) VALUES ('left')");
    return result < 0 ? result : sql_put(tx, ret_err, "INSERT INTO two (id) VALUES ('right')");
}

static void writer_main(void *arg) {
    struct writer *writer = arg;
    struct err own;
    bool stop = false;
    while (!stop && writer->result == 0) {
        writer->result = store_write(writer->store, pair_fn, NULL, &own);
        lock_take(&writer->lock);
        stop = writer->stop;
        lock_give(&writer->lock);
    }
}

static void a_backup_of_a_live_database_is_of_one_moment(void **state) {
    struct test_store *test = *state, copy;
    char *path = g_build_filename(test->folder, "backup", NULL);
    struct writer writer = {.store = test->store};
    lock_init(&writer.lock);
    assert_int_equal(migrate_set_apply(test->store, &all, NULL, NULL, &err), 0);
    struct task *task = task_start("writer", 0, writer_main, &writer);
    assert_non_null(task);
    int result = store_backup(test->store, path, &err);
    lock_take(&writer.lock);
    writer.stop = true;
    lock_give(&writer.lock);
    task_join(task);
    assert_int_equal(result, 0);
    assert_int_equal(writer.result, 0);
    restore(test, path, &copy);
    assert_int_equal(test_store_int(copy.store, "SELECT count(*) FROM two WHERE id = 'left'"),
                     test_store_int(copy.store, "SELECT count(*) FROM two WHERE id = 'right'"));
    restored_end(&copy);
    lock_free(&writer.lock);
    g_free(path);
}

#define ON(engine, name)                                                                           \
    { #name " (" #engine ")", name, set_up, tear_down, &engine }
#define ON_BOTH(name) ON(sqlite, name), ON(postgres, name)

int main(void) {
    static enum store_engine sqlite = STORE_SQLITE, postgres = STORE_POSTGRES;
    const struct CMUnitTest tests[] = {
        ON_BOTH(every_migration_is_applied_once),
        ON_BOTH(a_migration_that_fails_leaves_nothing_of_itself),
        ON_BOTH(a_migration_that_cannot_be_committed_can_be_tried_again),
        ON_BOTH(instances_that_start_together_apply_each_once),
        ON_BOTH(a_migration_altered_after_it_was_applied_is_refused),
        ON_BOTH(a_migration_the_program_does_not_know_is_refused),
        ON_BOTH(a_gap_in_what_was_applied_is_refused),
        ON_BOTH(check_and_status_of_an_empty_database_change_nothing),
        ON_BOTH(the_migrations_built_in_apply_and_their_digests_are_right),
        ON_BOTH(a_backup_brought_back_has_everything_and_nothing_later),
        ON_BOTH(a_backup_does_not_overwrite_and_leaves_no_half_file),
        ON_BOTH(a_backup_is_made_before_a_database_with_data_is_changed),
        ON_BOTH(without_its_backup_nothing_is_migrated),
        ON_BOTH(a_backup_of_a_live_database_is_of_one_moment),
    };
    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
