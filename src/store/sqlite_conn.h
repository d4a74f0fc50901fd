/* SPDX-License-Identifier: Apache-2.0
 * sqlite_conn.h: one SQLite connection with its prepared statements.
 *
 * Owns:    the connection and its statements until sqlite_conn_close().
 * Threads: one at a time (SQLITE_OPEN_NOMUTEX).
 * Errors:  ERR_EXISTS (unique), ERR_STORE_CORRUPT (another constraint), ERR_STORE. Details carry
 *          SQLite's sentence, which names tables and columns and never values. */
#ifndef HOLDFAST_STORE_SQLITE_CONN_H
#define HOLDFAST_STORE_SQLITE_CONN_H

#include "store/store_impl.h"

#include <sqlite3.h>

/* A prepared statement, and the cursor over its rows while `busy`. */
struct sqlite_statement {
    struct sql_rows base;
    const char *key;    /* the caller's text: its address is the key */
    char *text;         /* owned copy: shows an address that was used for another text */
    sqlite3_stmt *stmt; /* owned */
    bool busy;
    bool cached;
    int stepped;  /* what the first step said, not yet told by sql_next(); 0: told */
    char *params; /* owned copies of text parameters that must outlive the call */
    size_t params_cap;
};

/* What every transaction needs, prepared when the connection is made. */
enum sqlite_fixed {
    SQLITE_FIXED_BEGIN,
    SQLITE_FIXED_BEGIN_IMMEDIATE,
    SQLITE_FIXED_COMMIT,
    SQLITE_FIXED_ROLLBACK,
    SQLITE_FIXED_SAVEPOINT,
    SQLITE_FIXED_RELEASE,
    SQLITE_FIXED_ROLLBACK_TO,
    SQLITE_FIXED_COUNT
};

enum { SQLITE_CACHE_SLOTS = 2 * SQL_STATEMENTS_MAX };

struct sqlite_conn {
    sqlite3 *db;
    sqlite3_stmt *fixed[SQLITE_FIXED_COUNT];
    struct sqlite_statement *cache[SQLITE_CACHE_SLOTS]; /* open addressing; nothing is removed */
    int cached;
};

struct sqlite_tx {
    struct store_tx base;
    struct sqlite_conn *conn;
    bool scripted; /* it ran a script: SQLite counts no changes of the schema */
};

/* `read_only`: refuses every change. `cache_kib`: memory for pages. */
MUST_USE int sqlite_conn_open(struct sqlite_conn *conn, const char *path, bool read_only,
                              int cache_kib, struct err *err);
/* Safe on a connection that is not open. */
void sqlite_conn_close(struct sqlite_conn *conn);
/* Runs one of the fixed statements; returns SQLite's code. */
int sqlite_conn_fixed(struct sqlite_conn *conn, enum sqlite_fixed which);
/* Turns SQLite's last error into ours. Returns -err->code. */
int sqlite_conn_error(struct sqlite_conn *conn, int code, struct err *err);

/* The engine's functions on statements (struct store_ops). */
int64_t sqlite_exec(struct store_tx *tx, struct err *err, const char *sql,
                    const struct sql_arg *args, int count);
int sqlite_put(struct store_tx *tx, struct err *err, const char *sql, const struct sql_arg *args,
               int count);
int sqlite_put_one(struct store_tx *tx, struct err *err, const char *sql,
                   const struct sql_arg *args, int count);
int sqlite_query(struct store_tx *tx, struct err *err, struct sql_rows **ret_rows, const char *sql,
                 const struct sql_arg *args, int count);
MUST_USE int sqlite_next(struct sql_rows *rows, struct err *err);
void sqlite_rows_free(struct sql_rows *rows);
const char *sqlite_text(const struct sql_rows *rows, int column);
int64_t sqlite_integer(const struct sql_rows *rows, int column);
double sqlite_real(const struct sql_rows *rows, int column);
bool sqlite_null(const struct sql_rows *rows, int column);
MUST_USE int sqlite_script(struct store_tx *tx, const char *sql, struct err *err);
MUST_USE int sqlite_patient(struct store_tx *tx, struct err *err);

/* The text as SQLite takes it: `$1` becomes `?1`, the words FOR UPDATE [SKIP LOCKED] go. Strings,
 * quoted names and comments stay as they are. g_free() it. */
MUST_USE char *sqlite_translate(const char *sql);

#endif
