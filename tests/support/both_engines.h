/* SPDX-License-Identifier: Apache-2.0
 * both_engines.h: a store fixture with every migration applied, for tests of what stands on the
 * store and must hold on both engines. Failures abort: it is a test's tool. */
#ifndef HOLDFAST_TESTS_BOTH_ENGINES_H
#define HOLDFAST_TESTS_BOTH_ENGINES_H

#include "support/store_fixture.h"

/* A new database with the whole schema; end it with test_store_end(). */
void engine_open(struct test_store *ret_engine, enum store_engine engine);

/* `sql` is a string literal, as everywhere in the store. */
static inline int64_t engine_exec(struct test_store *engine, const char *sql) {
    return test_store_exec(engine->store, sql);
}
static inline int64_t engine_int(struct test_store *engine, const char *sql) {
    return test_store_int(engine->store, sql);
}
/* The first column of the first row, which the caller frees with free(); "" when there is none. */
char *engine_text(struct test_store *engine, const char *sql);

/* A group of tests on SQLite and once more on PostgreSQL, which `engine` is meanwhile. Returns how
 * many failed. */
struct CMUnitTest;
int engine_run(const char *name, const struct CMUnitTest *tests, size_t count,
               struct test_store *engine);

#endif
