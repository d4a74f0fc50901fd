/* SPDX-License-Identifier: Apache-2.0
 * both_engines.h: one migrated store of each engine, for tests that must hold on both.
 * Owns: the stores and their folders, until engine_close(). Failures abort: it is a test's tool. */
#ifndef HOLDFAST_TESTS_BOTH_ENGINES_H
#define HOLDFAST_TESTS_BOTH_ENGINES_H

#include "store/store.h"
#include "support/test_pg.h"

struct engine_store {
    enum store_engine engine;
    struct store *store;
    char url[TEST_PG_URL_MAX];
    char folder[160]; /* SQLite's */
};

/* An empty database with every migration applied. */
void engine_open(struct engine_store *ret_store, enum store_engine engine);
void engine_close(struct engine_store *engine);
/* `sql` of the three below is a string literal, as everywhere in the store. */
/* Runs one statement without parameters in a transaction of its own; returns the rows changed. */
int64_t engine_exec(struct engine_store *engine, const char *sql);
/* The first column of the first row; 0 when there is none. */
int64_t engine_int(struct engine_store *engine, const char *sql);
/* The same as text, which the caller frees with free(); "" when there is none. */
char *engine_text(struct engine_store *engine, const char *sql);

#endif
