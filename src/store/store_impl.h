/* SPDX-License-Identifier: Apache-2.0
 * store_impl.h: what store.c and the two engines share. Nobody outside src/store includes it.
 *
 * An engine is one `struct store_ops`. store.c checks arguments, asks the fault hook and keeps the
 * rule that a transaction in which a call failed can only be rolled back; the engine does the rest.
 * Threads: the counters and the hook have locks of their own; a transaction has one user. */
#ifndef HOLDFAST_STORE_STORE_IMPL_H
#define HOLDFAST_STORE_STORE_IMPL_H

#include "base/task.h"
#include "store/store.h"
#include "store/store_record.h"

#include <stdatomic.h>

enum {
    STORE_SAMPLES = 1024,     /* commits and waits kept for the percentiles */
    SQL_ARGS_MAX = 64,        /* parameters of one statement */
    SQL_STATEMENTS_MAX = 512, /* prepared statements kept by a connection */
};

struct store_ops {
    void (*close)(struct store *store);
    int (*write)(struct store *store, store_fn *fn, void *ctx, struct err *err);
    int (*read)(struct store *store, store_fn *fn, void *ctx, struct err *err);
    /* A read that gives up at about the deadline; `fn` runs again only when its connection had
     * died while it was idle. */
    int (*read_by)(struct store *store, int64_t deadline_us, store_fn *fn, struct err *err);
    int (*refresh)(struct store *store);
    /* Fills the connection fields only. */
    void (*connections)(struct store *store, struct store_stats *ret_stats);

    int64_t (*exec)(struct store_tx *tx, struct err *err, const char *sql,
                    const struct sql_arg *args, int count);
    int (*put)(struct store_tx *tx, struct err *err, const char *sql, const struct sql_arg *args,
               int count);
    int (*put_one)(struct store_tx *tx, struct err *err, const char *sql,
                   const struct sql_arg *args, int count);
    int (*query)(struct store_tx *tx, struct err *err, struct sql_rows **ret_rows, const char *sql,
                 const struct sql_arg *args, int count);
    int (*next)(struct sql_rows *rows, struct err *err);
    void (*rows_free)(struct sql_rows *rows);
    const char *(*text)(const struct sql_rows *rows, int column);
    int64_t (*integer)(const struct sql_rows *rows, int column);
    double (*real)(const struct sql_rows *rows, int column);
    bool (*null)(const struct sql_rows *rows, int column);

    int (*script)(struct store_tx *tx, const char *sql, struct err *err);
    int (*patient)(struct store_tx *tx, struct err *err);
    /* Writes a consistent copy to the empty file `path` and checks it. */
    int (*backup)(struct store *store, const char *path, struct err *err);
};

/* The first member of each engine's own struct. */
struct store {
    const struct store_ops *ops;
    enum store_engine engine;
    bool look; /* writing is refused */

    struct lock meter_lock; /* guards the counters and samples */
    struct store_stats totals;
    int64_t commit_us[STORE_SAMPLES], wait_us[STORE_SAMPLES];
    int64_t commit_samples, wait_samples;

    struct record record; /* what is slow, and what is under way */

    struct lock fault_lock; /* guards fault and fault_ctx */
    atomic_bool fault_on;   /* so that production pays one load */
    store_fault_fn *fault;
    void *fault_ctx;
};

/* The first member of each engine's own struct. Once `failed` holds an error every further call of
 * the transaction returns it and the transaction is rolled back, whatever its function returns: one
 * rule for both engines, though SQLite alone could go on. */
struct store_tx {
    struct store *store;
    bool read_only;
    int open_rows;
    struct record_run *run;    /* while store_tx_run() runs it */
    struct store_write *write; /* whose run it is; NULL outside store_write() */
    struct err failed;
};

/* The first member of each engine's own struct. */
struct sql_rows {
    struct store_tx *tx;
    const char *sql;
    int64_t began_us;
};

void store_init(struct store *store, const struct store_ops *ops, enum store_engine engine);
void store_release(struct store *store);
void store_tx_init(struct store_tx *tx, struct store *store, bool read_only);
/* Runs `fn` in a transaction that the engine has prepared. Returns 0 when it may be committed. */
MUST_USE int store_tx_run(struct store_tx *tx, store_fn *fn, void *ctx, struct err *err);
/* True when the test's hook wants this statement, "COMMIT" or "COMMITTED" to fail. */
bool store_fault(struct store *store, const char *sql);

/* Several statements without parameters, answers thrown away (migrations). */
MUST_USE int store_script(struct store_tx *tx, const char *sql, struct err *err);
/* Lifts the time limit on statements until the end of this transaction. */
MUST_USE int store_patient(struct store_tx *tx, struct err *err);

void store_note_commit(struct store *store, int64_t commit_us);
/* `wait_us` before the first run; `failed` unless 0 or a refusal by the caller's own function. */
void store_note_read(struct store *store, int64_t wait_us, int result);
void store_note_write(struct store *store, int64_t wait_us, int result);
void store_note_retry(struct store *store);
void store_note_outcome_asked(struct store *store);
bool store_is_failure(int result);
/* The error of a sql_put_one() that met another number of rows. */
void store_not_one(struct err *err);

MUST_USE int store_sqlite_open(const struct store_options *options, const char *path,
                               struct store **ret_store, struct err *err);
MUST_USE int store_postgres_open(const struct store_options *options, struct store **ret_store,
                                 struct err *err);

#endif
