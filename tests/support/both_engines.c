/* SPDX-License-Identifier: Apache-2.0
 * both_engines.c: a store fixture with every migration applied. */
#include "support/both_engines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>

#include "store/migrate.h"

static void must(int result, const struct err *err, const char *what) {
    if (result != 0) {
        (void)fprintf(stderr, "%s: %s (%s)\n", what, err->detail, err_name(err->code));
        abort();
    }
}

static void migrate(struct store *store) {
    struct err err = {0};
    must(migrate_apply(store, NULL, NULL, &err), &err, "migrating");
}

static void fill(const char *url) {
    const struct store_options options = {.url = url};
    struct store *store = NULL;
    struct err err = {0};
    must(store_open(&options, &store, &err), &err, "opening");
    migrate(store);
    store_close(store);
}

/* By the texts of all migrations, so that a change of one makes a schema of its own. */
static char *schema_name(void) {
    GChecksum *sum = g_checksum_new(G_CHECKSUM_MD5);
    for (int i = 0; i < migrations_count; i++) {
        g_checksum_update(sum, (const guchar *)migrations[i].sha256_hex, -1);
    }
    char *name = g_strdup_printf("holdfast_schema_%s", g_checksum_get_string(sum));
    g_checksum_free(sum);
    return name;
}

/* The migrations take PostgreSQL most of a second, and a copy of what they make a tenth of it. */
void engine_open(struct test_store *ret_engine, enum store_engine engine) {
    if (engine == STORE_POSTGRES) {
        char *name = schema_name();
        test_store_start_filled(ret_engine, name, fill);
        g_free(name);
    } else {
        test_store_start(ret_engine, engine, NULL);
        migrate(ret_engine->store);
    }
}

struct asking {
    const char *sql;
    char *text;
};

static int ask_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct asking *asking = ctx;
    free(asking->text); /* of a try before this one */
    asking->text = NULL;
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query_args(tx, err, &rows, asking->sql, NULL, 0);
    if (result != 0) {
        return result;
    }
    result = sql_next(rows, err);
    if (result == 1) {
        asking->text = strdup(sql_null(rows, 0) ? "" : sql_text(rows, 0));
    }
    return result < 0 ? result : 0;
}

char *engine_text(struct test_store *engine, const char *sql) {
    struct err err = {0};
    struct asking asking = {.sql = sql};
    must(store_read(engine->store, ask_fn, &asking, &err), &err, sql);
    return asking.text != NULL ? asking.text : strdup("");
}

/* cmocka gives a group's functions nothing to know their group by. */
static struct test_store *running;

static int open_sqlite(void **state) {
    (void)state;
    engine_open(running, STORE_SQLITE);
    return 0;
}

static int open_postgres(void **state) {
    (void)state;
    engine_open(running, STORE_POSTGRES);
    return 0;
}

static int close_running(void **state) {
    (void)state;
    test_store_end(running);
    return 0;
}

int engine_run(const char *name, const struct CMUnitTest *tests, size_t count,
               struct test_store *engine) {
    char title[160];
    running = engine;
    snprintf(title, sizeof title, "%s on SQLite", name);
    int failed = _cmocka_run_group_tests(title, tests, count, open_sqlite, close_running);
    snprintf(title, sizeof title, "%s on PostgreSQL", name);
    return failed + _cmocka_run_group_tests(title, tests, count, open_postgres, close_running);
}
