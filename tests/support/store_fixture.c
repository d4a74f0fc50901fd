/* SPDX-License-Identifier: Apache-2.0
 * store_fixture.c: an empty store of either engine, see store_fixture.h. */
#include "support/store_fixture.h"

#include <glib.h>
#include <glib/gstdio.h>

static void must(int64_t result, const struct err *err, const char *what) {
    if (result < 0) {
        (void)fprintf(stderr, "store_fixture: %s: %s (%s)\n", what, err->detail,
                      err_name(err->code));
        abort();
    }
}

void test_store_again(struct test_store *test, const struct store_options *options) {
    struct store_options with_url = options != NULL ? *options : (struct store_options){0};
    struct err err;
    with_url.url = test->url;
    must(store_open(&with_url, &test->store, &err), &err, "opening");
}

static void folder_make(struct test_store *ret_test, enum store_engine engine) {
    *ret_test = (struct test_store){.engine = engine};
    char *folder = g_dir_make_tmp("holdfast-test-XXXXXX", NULL);
    INVARIANT(folder != NULL, "a folder for the test can be made");
    (void)snprintf(ret_test->folder, sizeof(ret_test->folder), "%s", folder);
    g_free(folder);
}

void test_store_start(struct test_store *ret_test, enum store_engine engine,
                      const struct store_options *options) {
    folder_make(ret_test, engine);
    if (engine == STORE_SQLITE) {
        (void)snprintf(ret_test->url, sizeof(ret_test->url), "sqlite:%s/test.db", ret_test->folder);
    } else {
        test_pg_database(test_pg_shared(), ret_test->url);
    }
    test_store_again(ret_test, options);
}

void test_store_start_filled(struct test_store *ret_test, const char *name, test_pg_fill_fn *fill) {
    folder_make(ret_test, STORE_POSTGRES);
    test_pg_database_filled(test_pg_shared(), name, fill, ret_test->url);
    test_store_again(ret_test, NULL);
}

void test_store_close(struct test_store *test) {
    store_close(test->store);
    test->store = NULL;
}

static void folder_remove(const char *path) {
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        char *inside = g_build_filename(path, name, NULL);
        if (g_remove(inside) != 0) {
            (void)fprintf(stderr, "store_fixture: %s stays\n", inside);
        }
        g_free(inside);
    }
    if (dir != NULL) {
        g_dir_close(dir);
    }
    (void)g_rmdir(path);
}

void test_store_end(struct test_store *test) {
    test_store_close(test);
    if (test->engine == STORE_POSTGRES) {
        test_pg_database_drop(test_pg_shared(), test->url);
    }
    folder_remove(test->folder);
}

struct asking {
    const char *sql;
    int64_t number;
};

static int exec_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct asking *asking = ctx;
    asking->number = sql_exec_args(tx, err, asking->sql, NULL, 0);
    return asking->number < 0 ? (int)asking->number : 0;
}

int64_t test_store_exec(struct store *store, const char *sql) {
    struct asking asking = {.sql = sql};
    struct err err;
    must(store_write(store, exec_fn, &asking, &err), &err, sql);
    return asking.number;
}

static int int_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct asking *asking = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query_args(tx, err, &rows, asking->sql, NULL, 0);
    if (result < 0) {
        return result;
    }
    result = sql_next(rows, err);
    asking->number = result == 1 ? sql_int(rows, 0) : 0;
    return result < 0 ? result : 0;
}

int64_t test_store_int(struct store *store, const char *sql) {
    struct asking asking = {.sql = sql};
    struct err err;
    must(store_read(store, int_fn, &asking, &err), &err, sql);
    return asking.number;
}
