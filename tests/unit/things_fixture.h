/* SPDX-License-Identifier: Apache-2.0
 * things_fixture.h: for tests of the store on both engines: each gets an empty database with the
 * table `thing`, and these are the transactions that most of them use. */
#ifndef HOLDFAST_TESTS_THINGS_FIXTURE_H
#define HOLDFAST_TESTS_THINGS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"
#include "support/store_fixture.h"

static inline int set_up(void **state) {
    struct test_store *test = calloc(1, sizeof(*test));
    test_store_start(test, *(enum store_engine *)*state, NULL);
    test_store_exec(test->store, "CREATE TABLE thing (id text PRIMARY KEY, number bigint,"
                                 " ratio double precision, note text)");
    *state = test;
    return 0;
}

static inline int tear_down(void **state) {
    test_store_end(*state);
    free(*state);
    return 0;
}

static inline struct store *store_in(void **state) {
    return ((struct test_store *)*state)->store;
}

static inline int64_t things(struct store *store) {
    return test_store_int(store, "SELECT count(*) FROM thing");
}

static inline int insert(struct store_tx *tx, const char *id, struct err *ret_err) {
    return sql_put(tx, ret_err, "INSERT INTO thing (id, number) VALUES ($1, $2)", S_TEXT(id),
                   S_INT(1));
}

static inline int insert_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    return insert(tx, ctx, ret_err);
}

static inline int fill_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    for (int i = 0; i < *(int *)ctx; i++) {
        char id[16];
        snprintf(id, sizeof(id), "t%05d", i);
        int result = sql_put(tx, ret_err, "INSERT INTO thing (id, number) VALUES ($1, $2)",
                             S_TEXT(id), S_INT(i));
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

static inline int count_into(struct store_tx *tx, int64_t *ret_count, struct err *ret_err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, ret_err, &rows, "SELECT count(*) FROM thing");
    if (result == 0 && (result = sql_next(rows, ret_err)) == 1) {
        *ret_count = sql_int(rows, 0);
        return 0;
    }
    return result < 0 ? result : -ERR_INTERNAL;
}

static inline int nothing_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    *(struct store **)ctx = store_of(tx);
    return 0;
}

/* A row of a group's table: the test on that engine. The state it begins with is the engine. */
#define ON(engine, name)                                                                           \
    { #name " (" #engine ")", name, set_up, tear_down, &engine }
#define ON_BOTH(name) ON(sqlite, name), ON(postgres, name)

#endif
