/* SPDX-License-Identifier: Apache-2.0
 * inspect.h: what the database is busy with, for people: slow statements, open transactions, locks.
 *
 * PostgreSQL is asked by its own views (pg_stat_statements where that extension is there,
 * pg_stat_activity, pg_locks). SQLite has no such views: this process is its only user, so its
 * store says what it does itself. Both engines tell of the statements that took this instance long.
 * Statements of ours hold parameters ($1) and never a value. Of a session that is not ours only the
 * first word is shown, since a person may have typed anything; what such a statement says is seen
 * in psql.
 * Threads: any, blocking; a read each, which waits for no lock. Owns: nothing.
 * Errors: those of store_read(). */
#ifndef HOLDFAST_STORE_INSPECT_H
#define HOLDFAST_STORE_INSPECT_H

#include "store/store.h"

enum { INSPECT_ROWS_MAX = 100, INSPECT_QUERY_BYTES = 400, INSPECT_WORD_BYTES = 96 };

struct inspect_slow {
    bool of_server; /* PostgreSQL's own figures; else what this instance waited */
    char query[INSPECT_QUERY_BYTES];
    int64_t calls; /* of this instance: only those of 10 ms and more */
    int64_t mean_us, max_us;
    int64_t last_us; /* wall; 0: the server does not say */
};
/* What the server itself could not say, or "". */
struct inspect_note {
    char text[160];
};
/* The slowest first, those whose mean (of the server) or longest (of this instance) is at least
 * `over_us`. Returns how many. */
MUST_USE int inspect_slow(struct store *store, int64_t over_us, struct inspect_slow *ret_rows,
                          int rows_max, struct inspect_note *ret_note, struct err *err);

struct inspect_session {
    int64_t pid;                   /* of the server; 0: this process */
    char who[INSPECT_WORD_BYTES];  /* user@application, or "this instance" */
    char from[INSPECT_WORD_BYTES]; /* its address, or "local" */
    char state[INSPECT_WORD_BYTES];
    char waits_for[INSPECT_WORD_BYTES]; /* "Lock: transactionid", or "" */
    int64_t open_us;                    /* since its transaction began */
    int64_t statement_us;               /* since its last statement began; -1: not known */
    char query[INSPECT_QUERY_BYTES];
};
/* Open transactions, the oldest first. */
MUST_USE int inspect_long(struct store *store, struct inspect_session *ret_rows, int rows_max,
                          struct err *err);

struct inspect_lock {
    char subject[INSPECT_WORD_BYTES]; /* a table, "transactionid", "writer" */
    char mode[INSPECT_WORD_BYTES];
    bool granted;
    int64_t pid;
    char blocked_by[INSPECT_WORD_BYTES]; /* pids, with commas, or "" */
    int64_t waiting_us;                  /* -1: not waiting, or not known for how long */
    int64_t count;                       /* so many alike: SQLite's queue; else 1 */
    char who[INSPECT_WORD_BYTES];
    char query[INSPECT_QUERY_BYTES];
};
/* Those that wait and those they wait for; with `all`, every one. */
MUST_USE int inspect_locks(struct store *store, bool all, struct inspect_lock *ret_rows,
                           int rows_max, struct err *err);

struct inspect_standby {
    char name[INSPECT_WORD_BYTES]; /* application_name, or the slot's */
    bool connected;                /* false: a slot that nobody reads from */
    int64_t behind_us;             /* as the standby has said; -1: it has not */
    int64_t behind_bytes;          /* of the log that it has not replayed yet */
};
/* PostgreSQL's standbys; none on SQLite, and where this role may not see them (it needs
 * pg_monitor). */
MUST_USE int inspect_standbys(struct store *store, struct inspect_standby *ret_rows, int rows_max,
                              struct err *err);

#endif
