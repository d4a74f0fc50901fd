/* SPDX-License-Identifier: Apache-2.0
 * store_fixture.h: an empty store of either engine for tests of the store itself: nothing is
 * migrated.
 * Owns: the database, until test_store_end(). Failures abort: it is a test's tool. */
#ifndef HOLDFAST_TESTS_STORE_FIXTURE_H
#define HOLDFAST_TESTS_STORE_FIXTURE_H

#include "store/store.h"
#include "support/test_pg.h"

struct test_store {
    enum store_engine engine;
    struct store *store; /* NULL after test_store_close() */
    char folder[80];     /* for whatever the test likes; SQLite's file is in it */
    char url[TEST_PG_URL_MAX];
};

/* A new database; `options` (NULL: the defaults) but for its url. */
void test_store_start(struct test_store *ret_test, enum store_engine engine,
                      const struct store_options *options);
/* A new one on PostgreSQL, as test_pg_database_filled() makes it; the default options. */
void test_store_start_filled(struct test_store *ret_test, const char *name, test_pg_fill_fn *fill);
void test_store_close(struct test_store *test);
/* Opens it again. */
void test_store_again(struct test_store *test, const struct store_options *options);
void test_store_end(struct test_store *test);

/* One statement without parameters in a transaction of its own; a failure aborts. */
int64_t test_store_exec(struct store *store, const char *sql);
/* The first column of the first row; 0 when there is none; a failure aborts. */
int64_t test_store_int(struct store *store, const char *sql);

#endif
