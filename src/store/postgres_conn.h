/* SPDX-License-Identifier: Apache-2.0
 * postgres_conn.h: one PostgreSQL connection in pipeline mode, and the transaction on it.
 *
 * Statements are sent without waiting and their answers read in order; who needs an answer syncs
 * and reads everything up to it. BEGIN, the question for the transaction's id and the first
 * statement travel together, so do the last puts and COMMIT; a ROLLBACK or the end of a read is not
 * waited for at all: its answer is read by the connection's next user.
 * Owns:    the connection, its prepared statements, the answers not yet read.
 * Threads: one at a time.
 * Errors:  ERR_EXISTS (23505), ERR_STORE_CORRUPT (another constraint), ERR_STORE_CONFLICT (40001,
 *          40P01), ERR_STORE. Details carry PostgreSQL's sentence unless it may quote a value. */
#ifndef HOLDFAST_STORE_POSTGRES_CONN_H
#define HOLDFAST_STORE_POSTGRES_CONN_H

#include "store/store_impl.h"

#include <libpq-fe.h>

enum {
    PG_CACHE_SLOTS = 2 * SQL_STATEMENTS_MAX,
    PG_PENDING_MAX = 512,  /* answers that may be outstanding */
    PG_UNSYNCED_MAX = 128, /* puts sent ahead before their answers are read */
    PG_XID_CHARS_MAX = 24,
    PG_INCARNATION_CHARS_MAX = 80,
    PG_STATEMENT_TIMEOUT_US = 10 * 1000 * 1000,
    PG_ANSWER_GRACE_US = 5 * 1000 * 1000, /* more than the server's own limit: then it is lost */
};

/* Where to connect: libpq's keywords and values, NULL at the end. */
struct pg_target {
    char **keywords, **values;
    bool no_prepare;
};

struct pg_statement {
    const char *key; /* the caller's text: its address is the key */
    char *text;      /* owned copy: shows an address that was used for another text */
    char name[16];
    bool prepared; /* or on the way: the server has it when the statement after it runs */
};

enum pg_answer {
    PG_ANSWER_SYNC, /* the mark between two stretches of the pipeline */
    PG_ANSWER_PREPARE,
    PG_ANSWER_NOTHING, /* only an error matters */
    PG_ANSWER_ONE,     /* it must have met one row; COMMIT waits until that is known */
    PG_ANSWER_XID,
    PG_ANSWER_RESULT, /* somebody waits for it */
    PG_ANSWER_COMMIT,
};

struct pg_pending {
    enum pg_answer kind;
    bool stale; /* of a transaction that has ended: nobody wants to know */
    struct pg_statement *statement;
};

struct pg_conn {
    PGconn *pg; /* NULL: not connected */
    bool no_prepare;
    bool can_ask; /* the server can tell what became of a transaction */
    /* Changes when the server loses what it had not written (crash, failover); see README.md. */
    char incarnation[PG_INCARNATION_CHARS_MAX];
    struct pg_statement *cache[PG_CACHE_SLOTS]; /* open addressing; entries are not removed */
    int cached, named;
    struct pg_pending pending[PG_PENDING_MAX];
    int pending_count, unsynced;
    bool warned;      /* the server has sent a WARNING since COMMIT was sent */
    PGresult *answer; /* of PG_ANSWER_RESULT, until its taker fetches it */
};

struct pg_tx {
    struct store_tx base;
    struct pg_conn *conn;
    bool begun;
    bool patient;  /* no time limit on statements */
    int64_t by_us; /* when it gives up waiting for answers; 0: the usual time after asking */
    bool lost;     /* the connection is of no use any more */
    bool conflict; /* serialization failure or deadlock: worth another run */
    bool committed;
    bool one_owed;              /* a PG_ANSWER_ONE has not been read yet */
    bool wrote;                 /* a statement whose answer was read changed rows */
    char xid[PG_XID_CHARS_MAX]; /* "": not known (yet) */
};

enum pg_end {
    PG_END_COMMITTED,
    PG_END_FAILED,  /* certainly not committed; see tx->base.failed, ->conflict, ->lost */
    PG_END_UNKNOWN, /* COMMIT was sent and no answer came, or one that says too little */
};

enum pg_fate { PG_FATE_COMMITTED, PG_FATE_ABORTED, PG_FATE_IN_PROGRESS, PG_FATE_UNKNOWN };

/* Gives up connecting at the deadline, or (0) at the target's own `connect_timeout`. */
MUST_USE int pg_conn_open(struct pg_conn *conn, const struct pg_target *target, int64_t deadline_us,
                          struct err *err);
/* Safe on a connection that is not open. */
void pg_conn_close(struct pg_conn *conn);
/* What became of the transaction `xid` that ran on a server of that incarnation. Negative: could
 * not be asked; the connection is of no use then. */
MUST_USE int pg_conn_fate(struct pg_conn *conn, const char *xid, const char *incarnation,
                          enum pg_fate *ret_fate, struct err *err);

/* Proves that every commit which this connection can see is on as many servers as the primary has
 * to wait for: its log arrives there in order, so a small commit of our own that was waited for
 * comes after all of them. Negative: not proven by `deadline_us`; the connection is of no use then.
 */
MUST_USE int pg_conn_settle(struct pg_conn *conn, struct store *store, int64_t deadline_us,
                            struct err *err);

void pg_tx_init(struct pg_tx *tx, struct store *store, struct pg_conn *conn, bool read_only);
/* Makes sure that the transaction's id is known and that whatever had to meet one row has, so that
 * COMMIT may be sent. Negative: as PG_END_FAILED. */
MUST_USE int pg_tx_ready(struct pg_tx *tx);
/* PG_END_COMMITTED is also said of whatever the transaction has read: see pg_conn_settle(). */
MUST_USE enum pg_end pg_tx_commit(struct pg_tx *tx);
/* Does not wait. Also the end of a read. */
void pg_tx_rollback(struct pg_tx *tx);

/* The engine's functions on statements (struct store_ops). */
int64_t pg_exec(struct store_tx *tx, struct err *err, const char *sql, const struct sql_arg *args,
                int count);
int pg_put(struct store_tx *tx, struct err *err, const char *sql, const struct sql_arg *args,
           int count);
int pg_put_one(struct store_tx *tx, struct err *err, const char *sql, const struct sql_arg *args,
               int count);
int pg_query(struct store_tx *tx, struct err *err, struct sql_rows **ret_rows, const char *sql,
             const struct sql_arg *args, int count);
MUST_USE int pg_next(struct sql_rows *rows, struct err *err);
void pg_rows_free(struct sql_rows *rows);
const char *pg_text(const struct sql_rows *rows, int column);
int64_t pg_integer(const struct sql_rows *rows, int column);
double pg_real(const struct sql_rows *rows, int column);
bool pg_null(const struct sql_rows *rows, int column);
MUST_USE int pg_script(struct store_tx *tx, const char *sql, struct err *err);
MUST_USE int pg_patient(struct store_tx *tx, struct err *err);

#endif
