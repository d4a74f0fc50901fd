/* SPDX-License-Identifier: Apache-2.0
 * inspect.c: what the database is busy with. */
#include "store/inspect.h"

#include "base/clock.h"
#include "store/store_impl.h"

#include <glib.h>

#define OURS "application_name = 'holdfast'"
/* A statement as it may be shown: whole if it is ours, else its first word. */
#define SHOWN_QUERY(alias)                                                                         \
    "CASE WHEN " alias OURS " THEN left(" alias "query, 399) ELSE "                                \
    "split_part(ltrim(" alias "query), ' ', 1) END"
#define WHO(alias) "coalesce(" alias "usename, '') || '@' || " alias "application_name"
#define US_SINCE(moment)                                                                           \
    "CAST(extract(epoch FROM clock_timestamp() - " moment ") * 1000000 AS bigint)"

static void take_text(char *ret, size_t bytes, const struct sql_rows *rows, int column) {
    const char *text = sql_text(rows, column);
    snprintf(ret, bytes, "%s", text != NULL ? text : "");
}
#define TAKE_TEXT(field, rows, column) take_text(field, sizeof(field), rows, column)

/* One line, since the texts of our own statements have no breaks that mean anything. */
static void take_literal(char *ret, size_t bytes, const char *sql) {
    snprintf(ret, bytes, "%s", sql != NULL ? sql : "");
}

/* ---- slow statements ---- */

struct slow_reading {
    int64_t over_us;
    struct inspect_slow *rows;
    int count, rows_max;
    bool extension;
};

static int extension_tx(struct store_tx *tx, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    struct slow_reading *reading = ctx;
    int r = sql_query(tx, err, &rows,
                      "SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'");
    r = r < 0 ? r : sql_next(rows, err);
    reading->extension = r > 0 && sql_int(rows, 0) > 0;
    return r < 0 ? r : 0;
}

/* Of this database and this user, and only what moves rows: other commands may hold a password. */
static int statements_tx(struct store_tx *tx, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    struct slow_reading *reading = ctx;
    reading->count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT left(query, 399), calls, CAST(mean_exec_time * 1000 AS bigint), "
                      "CAST(max_exec_time * 1000 AS bigint) FROM pg_stat_statements "
                      "WHERE dbid = (SELECT oid FROM pg_database WHERE datname = "
                      "current_database()) AND userid = (SELECT oid FROM pg_roles WHERE rolname = "
                      "current_user) AND query ~* '^\\s*(select|insert|update|delete|with)' "
                      "AND mean_exec_time * 1000 >= $1 ORDER BY mean_exec_time DESC LIMIT $2",
                      S_INT(reading->over_us), S_INT(reading->rows_max));
    while (r >= 0 && reading->count < reading->rows_max && (r = sql_next(rows, err)) > 0) {
        struct inspect_slow *row = &reading->rows[reading->count++];
        *row = (struct inspect_slow){.of_server = true,
                                     .calls = sql_int(rows, 1),
                                     .mean_us = sql_int(rows, 2),
                                     .max_us = sql_int(rows, 3)};
        TAKE_TEXT(row->query, rows, 0);
    }
    return r < 0 ? r : 0;
}

static void server_slow(struct store *store, struct slow_reading *reading,
                        struct inspect_note *ret_note) {
    struct err err = {0};
    if (store->engine != STORE_POSTGRES) {
        return;
    }
    if (store_read(store, extension_tx, reading, &err) >= 0 && !reading->extension) {
        snprintf(ret_note->text, sizeof ret_note->text,
                 "PostgreSQL keeps no statistics: the extension pg_stat_statements is not there.");
    } else if (err.code == ERR_OK && store_read(store, statements_tx, reading, &err) >= 0) {
        return;
    } else {
        reading->count = 0;
        snprintf(ret_note->text, sizeof ret_note->text, "PostgreSQL does not say: %.120s",
                 err.detail);
    }
}

static int longest_first(const void *a, const void *b) {
    const struct inspect_slow *x = a, *y = b;
    return (x->max_us < y->max_us) - (x->max_us > y->max_us);
}

static int own_slow(struct store *store, int64_t over_us, struct inspect_slow *rows, int rows_max) {
    struct record *record = &store->record;
    struct inspect_slow *found = g_new0(struct inspect_slow, RECORD_SLOW_MAX);
    int count = 0;
    lock_take(&record->lock);
    for (int i = 0; i < record->slow_count; i++) {
        const struct slow_statement *slow = &record->slow[i];
        if (slow->max_us < over_us) {
            continue;
        }
        found[count] = (struct inspect_slow){.calls = slow->calls,
                                             .mean_us = slow->total_us / slow->calls,
                                             .max_us = slow->max_us,
                                             .last_us = slow->last_us};
        take_literal(found[count].query, sizeof found[count].query, slow->sql);
        count++;
    }
    lock_give(&record->lock);
    qsort(found, (size_t)count, sizeof found[0], longest_first);
    count = count < rows_max ? count : rows_max;
    memcpy(rows, found, (size_t)count * sizeof found[0]);
    g_free(found);
    return count;
}

int inspect_slow(struct store *store, int64_t over_us, struct inspect_slow *ret_rows, int rows_max,
                 struct inspect_note *ret_note, struct err *err) {
    (void)err; /* what the server cannot say stands in the note; our own record is always there */
    struct slow_reading reading = {.over_us = over_us, .rows = ret_rows, .rows_max = rows_max};
    *ret_note = (struct inspect_note){0};
    server_slow(store, &reading, ret_note);
    return reading.count +
           own_slow(store, over_us, ret_rows + reading.count, rows_max - reading.count);
}

/* ---- open transactions ---- */

struct session_reading {
    struct inspect_session *rows;
    int count, rows_max;
};

static int sessions_tx(struct store_tx *tx, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    struct session_reading *reading = ctx;
    reading->count = 0;
    int r = sql_query(
        tx, err, &rows,
        "SELECT pid, " WHO(
            "") ", coalesce(CAST(client_addr AS text), 'local'), "
                "coalesce(state, ''), coalesce(wait_event_type || ': ' || wait_event, "
                "''), " US_SINCE("xact_start") ", " US_SINCE("query_start") ", " SHOWN_QUERY(
                    "") " FROM pg_stat_activity WHERE datname = current_database() AND xact_start "
                        "IS NOT NULL "
                        "AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT $1",
        S_INT(reading->rows_max));
    while (r >= 0 && reading->count < reading->rows_max && (r = sql_next(rows, err)) > 0) {
        struct inspect_session *row = &reading->rows[reading->count++];
        *row = (struct inspect_session){.pid = sql_int(rows, 0),
                                        .open_us = sql_int(rows, 5),
                                        .statement_us = sql_null(rows, 6) ? -1 : sql_int(rows, 6)};
        TAKE_TEXT(row->who, rows, 1);
        TAKE_TEXT(row->from, rows, 2);
        TAKE_TEXT(row->state, rows, 3);
        TAKE_TEXT(row->waits_for, rows, 4);
        TAKE_TEXT(row->query, rows, 7);
    }
    return r < 0 ? r : 0;
}

static int oldest_first(const void *a, const void *b) {
    const struct inspect_session *x = a, *y = b;
    return (x->open_us < y->open_us) - (x->open_us > y->open_us);
}

/* The runs of this process. */
static int own_runs(struct store *store, struct inspect_session *rows, int rows_max) {
    struct record *record = &store->record;
    int64_t now_us = clock_mono_us();
    int count = 0;
    for (int i = 0; i < RECORD_RUNS_MAX && count < rows_max; i++) {
        struct record_run *run = &record->runs[i];
        int64_t began_us = atomic_load(&run->began_us);
        if (began_us == 0) {
            continue;
        }
        struct inspect_session *row = &rows[count++];
        *row = (struct inspect_session){.open_us = now_us > began_us ? now_us - began_us : 0,
                                        .statement_us = -1};
        snprintf(row->who, sizeof row->who, "this instance");
        snprintf(row->from, sizeof row->from, "local");
        snprintf(row->state, sizeof row->state, "%s",
                 atomic_load(&run->writes) ? "writing" : "reading");
        take_literal(row->query, sizeof row->query, atomic_load(&run->sql));
    }
    qsort(rows, (size_t)count, sizeof rows[0], oldest_first);
    return count;
}

int inspect_long(struct store *store, struct inspect_session *ret_rows, int rows_max,
                 struct err *err) {
    if (store->engine != STORE_POSTGRES) {
        return own_runs(store, ret_rows, rows_max);
    }
    struct session_reading reading = {.rows = ret_rows, .rows_max = rows_max};
    int r = store_read(store, sessions_tx, &reading, err);
    return r < 0 ? r : reading.count;
}

/* ---- locks ---- */

struct lock_reading {
    bool all;
    struct inspect_lock *rows;
    int count, rows_max;
};

static int locks_tx(struct store_tx *tx, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    struct lock_reading *reading = ctx;
    reading->count = 0;
    int r = sql_query(
        tx, err, &rows,
        "WITH blocked AS (SELECT DISTINCT pid, pg_blocking_pids(pid) AS by_pids FROM pg_locks "
        "WHERE NOT granted), blocking AS (SELECT DISTINCT unnest(by_pids) AS pid FROM blocked) "
        "SELECT l.pid, CASE WHEN l.relation IS NULL THEN l.locktype ELSE CAST(CAST(l.relation AS "
        "regclass) AS text) END, l.mode, CASE WHEN l.granted THEN 1 ELSE 0 END, "
        "coalesce(array_to_string(b.by_pids, ','), ''), " US_SINCE("l.waitstart") ", " WHO(
            "a.") ", " SHOWN_QUERY("a.") " FROM pg_locks l JOIN pg_stat_activity a ON a.pid = "
                                         "l.pid LEFT JOIN blocked b ON b.pid = "
                                         "l.pid AND NOT l.granted WHERE a.datname = "
                                         "current_database() AND l.pid <> "
                                         "pg_backend_pid() AND ($1 = 1 OR NOT l.granted OR (l.pid "
                                         "IN (SELECT pid FROM blocking) "
                                         "AND l.locktype IN ('relation', 'tuple', 'transactionid', "
                                         "'advisory') AND (l.relation IS "
                                         "NULL OR l.mode <> 'AccessShareLock'))) "
                                         "ORDER BY l.granted, l.waitstart, l.pid, 2, 3 LIMIT $2",
        S_INT(reading->all ? 1 : 0), S_INT(reading->rows_max));
    while (r >= 0 && reading->count < reading->rows_max && (r = sql_next(rows, err)) > 0) {
        struct inspect_lock *row = &reading->rows[reading->count++];
        *row = (struct inspect_lock){.pid = sql_int(rows, 0),
                                     .granted = sql_int(rows, 3) == 1,
                                     .waiting_us = sql_null(rows, 5) ? -1 : sql_int(rows, 5),
                                     .count = 1};
        TAKE_TEXT(row->subject, rows, 1);
        TAKE_TEXT(row->mode, rows, 2);
        TAKE_TEXT(row->blocked_by, rows, 4);
        TAKE_TEXT(row->who, rows, 6);
        TAKE_TEXT(row->query, rows, 7);
    }
    return r < 0 ? r : 0;
}

static void own_lock(struct inspect_lock *row, const char *subject, const char *mode, bool granted,
                     int64_t count) {
    *row = (struct inspect_lock){.granted = granted, .waiting_us = -1, .count = count};
    snprintf(row->subject, sizeof row->subject, "%s", subject);
    snprintf(row->mode, sizeof row->mode, "%s", mode);
    snprintf(row->who, sizeof row->who, "this instance");
}

/* SQLite has one writer and no other locks that anybody could wait for: who writes now, and how
 * many wait for their turn. The lock file beside the database keeps other processes out. */
static int own_locks(struct store *store, bool all, struct inspect_lock *rows, int rows_max) {
    struct inspect_session *runs = g_new0(struct inspect_session, RECORD_RUNS_MAX);
    struct store_stats stats;
    int count = 0;
    store_stats(store, &stats);
    int running = own_runs(store, runs, RECORD_RUNS_MAX);
    for (int i = 0; i < running && count < rows_max; i++) {
        if (strcmp(runs[i].state, "writing") == 0 && (all || stats.waiting > 0)) {
            own_lock(&rows[count], "writer", "exclusive", true, 1);
            snprintf(rows[count].query, sizeof rows[count].query, "%s", runs[i].query);
            count++;
        }
    }
    if (stats.waiting > 0 && count < rows_max) {
        own_lock(&rows[count++], "writer", "exclusive", false, stats.waiting);
    }
    if (all && count < rows_max) {
        own_lock(&rows[count++], "database file", "exclusive", true, 1);
    }
    g_free(runs);
    return count;
}

int inspect_locks(struct store *store, bool all, struct inspect_lock *ret_rows, int rows_max,
                  struct err *err) {
    if (store->engine != STORE_POSTGRES) {
        return own_locks(store, all, ret_rows, rows_max);
    }
    struct lock_reading reading = {.all = all, .rows = ret_rows, .rows_max = rows_max};
    int r = store_read(store, locks_tx, &reading, err);
    return r < 0 ? r : reading.count;
}

/* ---- standbys ---- */

struct standby_reading {
    struct inspect_standby *rows;
    int count, rows_max;
};

/* What a backup or an archiver reads is no standby, but behind all the same. */
static int standbys_tx(struct store_tx *tx, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    struct standby_reading *reading = ctx;
    reading->count = 0;
    int r = sql_query(
        tx, err, &rows,
        "WITH here AS (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE "
        "pg_current_wal_lsn() END AS lsn) SELECT application_name, 1, CAST(extract(epoch FROM "
        "replay_lag) * 1000000 AS bigint), CAST(coalesce(pg_wal_lsn_diff(here.lsn, "
        "coalesce(replay_lsn, flush_lsn, write_lsn, sent_lsn)), 0) AS bigint) FROM "
        "pg_stat_replication, here WHERE state IN ('streaming', 'catchup') UNION ALL SELECT "
        "CAST(slot_name AS text), 0, NULL, CAST(coalesce(pg_wal_lsn_diff(here.lsn, restart_lsn), "
        "0) AS bigint) FROM pg_replication_slots, here WHERE NOT active AND slot_type = 'physical' "
        "ORDER BY 1");
    while (r >= 0 && reading->count < reading->rows_max && (r = sql_next(rows, err)) > 0) {
        struct inspect_standby *row = &reading->rows[reading->count++];
        *row = (struct inspect_standby){.connected = sql_int(rows, 1) != 0,
                                        .behind_us = sql_null(rows, 2) ? -1 : sql_int(rows, 2),
                                        .behind_bytes = sql_int(rows, 3)};
        TAKE_TEXT(row->name, rows, 0);
    }
    return r < 0 ? r : 0;
}

int inspect_standbys(struct store *store, struct inspect_standby *ret_rows, int rows_max,
                     struct err *err) {
    if (store->engine != STORE_POSTGRES) {
        return 0;
    }
    struct standby_reading reading = {.rows = ret_rows, .rows_max = rows_max};
    int r = store_read(store, standbys_tx, &reading, err);
    return r < 0 ? r : reading.count;
}
