/* SPDX-License-Identifier: Apache-2.0
 * both_engines.c: a store fixture with every migration applied. */
#include "support/both_engines.h"

#include "store/migrate.h"

static void must(int result, const struct err *err, const char *what) {
    if (result != 0) {
        (void)fprintf(stderr, "%s: %s (%s)\n", what, err->detail, err_name(err->code));
        abort();
    }
}

void engine_open(struct test_store *ret_engine, enum store_engine engine) {
    struct err err = {0};
    test_store_start(ret_engine, engine, NULL);
    must(migrate_apply(ret_engine->store, NULL, NULL, &err), &err, "migrating");
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
