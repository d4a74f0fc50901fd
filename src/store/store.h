/* SPDX-License-Identifier: Apache-2.0
 * store.h: one SQL, two engines: SQLite inside the process, or PostgreSQL 15 and what speaks like
 * it.
 *
 * Rules of the SQL: one text for both engines, `$1` parameters; types text, bigint, double
 * precision; times are bigint microseconds UTC. A row that decides about money is read inside the
 * same write transaction with `FOR UPDATE` at the very end of the SELECT (` FOR UPDATE` or ` FOR
 * UPDATE SKIP LOCKED`; SQLite, which has one writer, drops the words). `ON CONFLICT … DO NOTHING /
 * DO UPDATE` and `RETURNING` work on both. SQL texts are string literals: their addresses key the
 * cache of prepared statements, so they must live as long as the store.
 *
 * Transactions: store_write(fn) runs `fn` inside one transaction and commits it durably before it
 * returns 0. `fn` may run again from the start (serialization failure, deadlock, lost connection
 * before COMMIT, failure of another one in its group), so it must have no effect outside the
 * transaction but on memory that it resets itself at its start; what it has to meter or to log goes
 * through store_after(). A negative return of `fn` rolls back and is returned as it is.
 *   SQLite      WAL, synchronous=FULL; one writer task takes all that wait, runs each, commits once
 *               (group commit), then wakes them; one that fails takes nothing of another's with it.
 *   PostgreSQL  READ COMMITTED on a pooled connection; 40001 and 40P01 are retried; when the
 *               connection dies during COMMIT the outcome is asked for (pg_xact_status), never
 *               assumed. If nobody can be asked in time, ERR_STORE_UNKNOWN. With synchronous
 *               standbys 0 says that they have what was written, and what was read as well.
 * Threads: any, many at once; blocking. A `store_tx` belongs to the function it was given to.
 * Errors:  ERR_STORE (cannot be used now), ERR_STORE_UNKNOWN, ERR_STORE_CONFLICT (retries used up),
 *          ERR_EXISTS (unique constraint; place = its name where the engine tells),
 *          ERR_STORE_CORRUPT (CHECK, NOT NULL or foreign key), ERR_VALIDATION (text that is not
 *          UTF-8), whatever fn returns. */
#ifndef HOLDFAST_STORE_STORE_H
#define HOLDFAST_STORE_STORE_H

#include "base/compiler.h"
#include "base/err.h"

struct store;
struct store_tx;
struct sql_rows;

enum store_engine { STORE_SQLITE, STORE_POSTGRES };

struct store_options {
    /* "sqlite:/var/lib/holdfast/holdfast.db" or a libpq connection string or URI
     * ("postgresql://host1,host2/holdfast?target_session_attrs=read-write"). */
    const char *url;
    int pool_max;               /* PostgreSQL connections or SQLite readers; 0: 16 / 4 */
    int64_t busy_timeout_us;    /* waiting for a pooled connection; 0: 5 s */
    int64_t outcome_timeout_us; /* asking what became of a COMMIT; 0: 30 s */
    bool no_prepare;            /* for poolers that cannot keep prepared statements */
    /* Only looks, beside a running service (SQLite: no lock, no writer, the file must be there);
     * store_write() is refused with ERR_STORE. */
    bool look;
};

/* Opens and checks the connection, does not migrate. For SQLite it takes an exclusive lock file
 * beside the database: two services on one file are refused with ERR_STORE. */
MUST_USE int store_open(const struct store_options *options, struct store **ret_store,
                        struct err *err);
/* Waits for running transactions, then frees. */
void store_close(struct store *store);
enum store_engine store_engine(const struct store *store);
/* Drops idle connections and makes new ones as they are needed; running transactions finish.
 * Returns how many were dropped. (Runbook: refresh-db-connections.) */
int store_refresh(struct store *store);

#define STORE_SLOW_US INT64_C(1000000)
struct store_stats {
    int64_t writes, reads, retries, failures, commits; /* commits: < writes when grouped */
    int64_t outcomes_asked;
    int64_t commits_slow, waits_slow; /* those of STORE_SLOW_US and more */
    int connections_max, connections_open, connections_busy, waiting;
    int64_t commit_us_p50, commit_us_p99; /* of the last 1,024 commits */
    int64_t wait_us_p99;                  /* waiting for a connection or the writer */
};
void store_stats(struct store *store, struct store_stats *ret_stats);

typedef int store_fn(struct store_tx *tx, void *ctx, struct err *err);
MUST_USE int store_write(struct store *store, store_fn *fn, void *ctx, struct err *err);
/* Read only, one consistent snapshot, always of the primary. Waits for no standby: what it shows
 * can be lost in a failover if somebody ended the waiting of whoever wrote it (see README.md). */
MUST_USE int store_read(struct store *store, store_fn *fn, void *ctx, struct err *err);

/* Whether the database answers, found out within about `timeout_us`, which bounds the waiting for a
 * connection, the connecting and the answer together. For whoever is asked by something impatient
 * (readiness); a transaction rides out much longer trouble. */
MUST_USE int store_ping(struct store *store, int64_t timeout_us, struct err *err);

/* Parameters. Text is borrowed until the call returns; NULL text is SQL NULL. */
enum sql_type { SQL_TYPE_NULL, SQL_TYPE_TEXT, SQL_TYPE_INT, SQL_TYPE_REAL };
struct sql_arg {
    enum sql_type type;
    const char *text;
    int64_t integer;
    double real;
};
#define S_TEXT(value) ((struct sql_arg){.type = SQL_TYPE_TEXT, .text = (value)})
#define S_INT(value) ((struct sql_arg){.type = SQL_TYPE_INT, .integer = (value)})
#define S_REAL(value) ((struct sql_arg){.type = SQL_TYPE_REAL, .real = (value)})
#define S_NULL ((struct sql_arg){.type = SQL_TYPE_NULL})
#define SQL_ARGS(...)                                                                              \
    ((const struct sql_arg[]){{0}, __VA_ARGS__}) + 1,                                              \
        (int)(sizeof((const struct sql_arg[]){{0}, __VA_ARGS__}) / sizeof(struct sql_arg)) - 1

/* Runs a statement; returns the number of rows changed (≥ 0), or a negative error. */
#define sql_exec(tx, err, sql, ...) sql_exec_args((tx), (err), (sql), SQL_ARGS(__VA_ARGS__))
MUST_USE int64_t sql_exec_args(struct store_tx *tx, struct err *err, const char *sql,
                               const struct sql_arg *args, int count);
/* The same when the caller needs neither count nor answer: on PostgreSQL it is sent ahead without
 * waiting, and an error shows at the next call of this transaction or at its commit. */
#define sql_put(tx, err, sql, ...) sql_put_args((tx), (err), (sql), SQL_ARGS(__VA_ARGS__))
MUST_USE int sql_put_args(struct store_tx *tx, struct err *err, const char *sql,
                          const struct sql_arg *args, int count);
/* The same for a statement that must find or change exactly one row: where it does not, the
 * transaction has failed with ERR_STATE, here or (PostgreSQL) at a later call or at its commit, and
 * is never committed. For whoever knows what the row should be and need not read it. */
#define sql_put_one(tx, err, sql, ...) sql_put_one_args((tx), (err), (sql), SQL_ARGS(__VA_ARGS__))
MUST_USE int sql_put_one_args(struct store_tx *tx, struct err *err, const char *sql,
                              const struct sql_arg *args, int count);
/* Opens a cursor over the answer; free it before the transaction ends (SQL_ROWS_AUTO). */
#define sql_query(tx, err, ret_rows, sql, ...)                                                     \
    sql_query_args((tx), (err), (ret_rows), (sql), SQL_ARGS(__VA_ARGS__))
MUST_USE int sql_query_args(struct store_tx *tx, struct err *err, struct sql_rows **ret_rows,
                            const char *sql, const struct sql_arg *args, int count);
/* 1: there is a row (again); 0: no more; negative: an error. Text of the row before is gone. */
MUST_USE int sql_next(struct sql_rows *rows, struct err *err);
void sql_rows_free(struct sql_rows *rows); /* NULL is fine */
void sql_rows_auto(struct sql_rows **rows);
#define SQL_ROWS_AUTO struct sql_rows *CLEANUP(sql_rows_auto)

/* Columns of the current row, from 0. Text: borrowed until the next sql_next(); NULL for SQL NULL.
 */
const char *sql_text(const struct sql_rows *rows, int column);
int64_t sql_int(const struct sql_rows *rows, int column); /* 0 for SQL NULL */
double sql_real(const struct sql_rows *rows, int column);
bool sql_null(const struct sql_rows *rows, int column);

/* For what is to happen outside the transaction once it is durable (a meter, a log line): `fn` runs
 * in the task that called store_write(), before that returns 0, with the memory returned here:
 * `bytes`, zeroed, to be filled by the caller, with nothing in it that ends with the transaction.
 * In the order asked for. What a run asked for that was not committed never happens; nor does it
 * when nobody knows what became of the COMMIT (ERR_STORE_UNKNOWN). Only inside store_write(), at
 * most STORE_AFTER_MAX in one transaction. `fn` must not use the store. */
enum { STORE_AFTER_MAX = 64 };
typedef void store_after_fn(void *what);
MUST_USE void *store_after(struct store_tx *tx, store_after_fn *fn, size_t bytes);

/* A transaction may know its store (for job_add and the like). */
struct store *store_of(struct store_tx *tx);

/* Tests and the simulator: called before every statement and every COMMIT; a non-zero return makes
 * that call fail as if the engine had (ERR_STORE). `sql` is "COMMIT" for a commit, "COMMITTED"
 * after one: a failure there means the work is durable but the caller is told ERR_STORE_UNKNOWN. */
typedef int store_fault_fn(void *ctx, const char *sql);
void store_fault_set(struct store *store, store_fault_fn *fn, void *ctx);

#endif
