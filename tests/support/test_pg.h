/* SPDX-License-Identifier: Apache-2.0
 * test_pg.h: a PostgreSQL for tests: one shared by the process, or one of the test's own that it
 * may kill. The shared one is that of HOLDFAST_TEST_PG_URL (a superuser's URL) where that is set,
 * else a private one that ends with the process, however it ends (support/pg_server.py).
 * Threads: one at a time. Failures abort: it is a test's tool. */
#ifndef HOLDFAST_TESTS_TEST_PG_H
#define HOLDFAST_TESTS_TEST_PG_H

#include "base/compiler.h"

#include <sys/types.h>

enum { TEST_PG_URL_MAX = 320 };

struct test_pg {
    char url[TEST_PG_URL_MAX]; /* superuser, database "postgres" */
    pid_t pid;                 /* of pg_server.py; 0: not ours */
    int to, from;              /* its standard input and output */
};

/* Borrowed; started at the first call, ended when the process ends. */
struct test_pg *test_pg_shared(void);

/* A server of the test's own. `fsync`: as in production, else without. */
void test_pg_start(struct test_pg *ret_pg, bool fsync);
void test_pg_end(struct test_pg *pg);
/* Kills it with SIGKILL and starts it again; the URL stays. Not for the shared one. */
void test_pg_kill(struct test_pg *pg);
void test_pg_stop(struct test_pg *pg);  /* an orderly shutdown */
void test_pg_again(struct test_pg *pg); /* starts it after kill or stop */

/* Makes an empty database and gives its URL. */
void test_pg_database(struct test_pg *pg, char ret_url[TEST_PG_URL_MAX]);
/* Makes a database as `fill` leaves an empty one and gives its URL. Only the first call with this
 * name on a server fills one, which stays there; every other call, in whatever program, copies it.
 * So the name (at most 50 of a-z, 0-9 and "_") must say all that `fill` depends on. */
typedef void test_pg_fill_fn(const char *url);
void test_pg_database_filled(struct test_pg *pg, const char *name, test_pg_fill_fn *fill,
                             char ret_url[TEST_PG_URL_MAX]);
/* Drops it, cutting the connections that are left. */
void test_pg_database_drop(struct test_pg *pg, const char *url);
/* Ends every other connection to the database of `url` from the server's side; returns how many. */
int test_pg_terminate(const char *url);
/* Runs one statement over a connection of its own; returns the first column of the first row as a
 * number, 0 when there is none. */
int64_t test_pg_int(const char *url, const char *sql);
/* host:port of the URL. */
void test_pg_port(const char *url, int *ret_port);

#endif
