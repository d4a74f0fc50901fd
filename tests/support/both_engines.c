/* SPDX-License-Identifier: Apache-2.0
 * both_engines.c: one migrated store of each engine, for tests that must hold on both. */
#include "support/both_engines.h"

#include <glib.h>
#include <glib/gstdio.h>

#include "store/migrate.h"

static void must(int result, const struct err *err, const char *what) {
    if (result != 0) {
        (void)fprintf(stderr, "%s: %s (%s)\n", what, err->detail, err_name(err->code));
        abort();
    }
}

void engine_open(struct engine_store *ret_store, enum store_engine engine) {
    *ret_store = (struct engine_store){.engine = engine};
    if (engine == STORE_SQLITE) {
        char *folder = g_dir_make_tmp("holdfast-test-XXXXXX", NULL);
        INVARIANT(folder != NULL, "a folder for the test's database can be made");
        (void)snprintf(ret_store->folder, sizeof(ret_store->folder), "%s", folder);
        (void)snprintf(ret_store->url, sizeof(ret_store->url), "sqlite:%s/test.db", folder);
        g_free(folder);
    } else {
        test_pg_database(test_pg_shared(), ret_store->url);
    }
    struct err err = {0};
    struct store_options options = {.url = ret_store->url};
    must(store_open(&options, &ret_store->store, &err), &err, "opening");
    must(migrate_apply(ret_store->store, NULL, NULL, &err), &err, "migrating");
}

static void folder_remove(const char *folder) {
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        char *path = g_build_filename(folder, name, NULL);
        (void)g_remove(path);
        g_free(path);
    }
    if (dir != NULL) {
        g_dir_close(dir);
    }
    (void)g_rmdir(folder);
}

void engine_close(struct engine_store *engine) {
    store_close(engine->store);
    if (engine->engine == STORE_SQLITE) {
        folder_remove(engine->folder);
    } else {
        test_pg_database_drop(test_pg_shared(), engine->url);
    }
}

struct asking {
    const char *sql;
    int64_t number;
    char *text;
};

static int exec_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct asking *asking = ctx;
    asking->number = sql_exec_args(tx, err, asking->sql, NULL, 0);
    return asking->number < 0 ? (int)asking->number : 0;
}

int64_t engine_exec(struct engine_store *engine, const char *sql) {
    struct err err = {0};
    struct asking asking = {.sql = sql};
    must(store_write(engine->store, exec_fn, &asking, &err), &err, sql);
    return asking.number;
}

static int ask_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct asking *asking = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query_args(tx, err, &rows, asking->sql, NULL, 0);
    if (result != 0) {
        return result;
    }
    result = sql_next(rows, err);
    if (result == 1) {
        free(asking->text);
        asking->number = sql_int(rows, 0);
        asking->text = sql_text(rows, 0) != NULL ? strdup(sql_text(rows, 0)) : NULL;
    }
    return result < 0 ? result : 0;
}

int64_t engine_int(struct engine_store *engine, const char *sql) {
    struct err err = {0};
    struct asking asking = {.sql = sql};
    must(store_read(engine->store, ask_fn, &asking, &err), &err, sql);
    free(asking.text);
    return asking.number;
}

char *engine_text(struct engine_store *engine, const char *sql) {
    struct err err = {0};
    struct asking asking = {.sql = sql};
    must(store_read(engine->store, ask_fn, &asking, &err), &err, sql);
    return asking.text != NULL ? asking.text : strdup("");
}
