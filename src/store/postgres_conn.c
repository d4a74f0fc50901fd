/* SPDX-License-Identifier: Apache-2.0
 * postgres_conn.c: one PostgreSQL connection in pipeline mode, see postgres_conn.h. */
#include "store/postgres_conn.h"

#include "base/clock.h"

#include <errno.h>
#include <glib.h>
#include <poll.h>

enum { OID_BOOL = 16, OID_INT8 = 20, OID_FLOAT8 = 701 }; /* PostgreSQL's catalog/pg_type.dat */

struct pg_rows {
    struct sql_rows base;
    PGresult *result; /* owned: the whole answer */
    int row, count;   /* row: the current one, -1 before the first */
};

/* --- Errors ----------------------------------------------------------------------------------- */

static void tx_lost(struct pg_tx *tx) {
    tx->lost = true;
    if (tx->base.failed.code == ERR_OK) {
        err_set(&tx->base.failed, ERR_STORE, "the connection to PostgreSQL was lost");
    }
}

/* Errors that say nothing about the statement but that this connection is of no use: the server
 * goes down or comes up, it became read-only (a failover), a pooler gave us another session that
 * does not know our prepared statements, or a prepared plan no longer fits the schema. */
static bool error_loses_connection(const struct pg_tx *tx, const PGresult *result,
                                   const char *state) {
    static const char *const states[] = {"57P01", "57P02", "57P03", "26000", "42P05"};
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (strcmp(state, states[i]) == 0) {
            return true;
        }
    }
    if (state[0] == '\0' || strncmp(state, "08", 2) == 0) {
        return true;
    }
    if (strcmp(state, "25006") == 0) {
        return !tx->base.read_only;
    }
    return strcmp(state, "0A000") == 0 && g_strcmp0(function, "RevalidateCachedQuery") == 0;
}

/* Takes over the first error of a transaction. */
static void tx_error(struct pg_tx *tx, const PGresult *result) {
    struct err *err = &tx->base.failed;
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *rule = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    state = state != NULL ? state : "";
    message = message != NULL ? message : "no message";
    if (error_loses_connection(tx, result, state)) {
        tx_lost(tx);
        return;
    }
    if (err->code != ERR_OK) {
        return;
    }
    if (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0) {
        tx->conflict = true;
        err_set(err, ERR_STORE_CONFLICT, "PostgreSQL: %s (%s)", message, state);
    } else if (strcmp(state, "23505") == 0) {
        err_set(err, ERR_EXISTS, "PostgreSQL: %s", message);
        err_place(err, "%s", rule != NULL ? rule : "");
    } else if (strncmp(state, "23", 2) == 0) {
        err_set(err, ERR_STORE_CORRUPT, "the change breaks a rule of the schema: %s", message);
    } else if (strncmp(state, "22", 2) == 0) {
        /* "invalid input syntax for type bigint: …" quotes the value. */
        err_set(err, ERR_STORE, "PostgreSQL refuses a value (%s)", state);
    } else {
        err_set(err, ERR_STORE, "PostgreSQL: %s (%s)", message, state);
    }
}

static void tx_refuse_empty(struct pg_tx *tx) {
    if (tx->base.failed.code == ERR_OK) {
        err_set(&tx->base.failed, ERR_STORE, "the statement is empty");
    }
}

/* --- Reading answers -------------------------------------------------------------------------- */

/* Waits until PQgetResult() need not wait. False when the server says nothing for too long. */
static bool wait_for_answer(struct pg_tx *tx, int64_t deadline_us) {
    PGconn *pg = tx->conn->pg;
    while (PQisBusy(pg)) {
        int64_t left_us = tx->patient ? -1 : deadline_us - clock_mono_us();
        if (!tx->patient && left_us <= 0) {
            return false;
        }
        struct pollfd wanted = {.fd = PQsocket(pg), .events = POLLIN};
        int ready = poll(&wanted, 1, tx->patient ? -1 : (int)(left_us / US_PER_MS) + 1);
        if (ready < 0 && errno != EINTR) {
            return false;
        }
        if (ready > 0 && !PQconsumeInput(pg)) {
            return false;
        }
    }
    return true;
}

/* The next result; NULL ends one statement's answer. False when the connection is lost. */
static bool next_result(struct pg_tx *tx, int64_t deadline_us, PGresult **ret_result) {
    if (!wait_for_answer(tx, deadline_us)) {
        tx_lost(tx);
        return false;
    }
    PGresult *result = PQgetResult(tx->conn->pg);
    if (PQstatus(tx->conn->pg) == CONNECTION_BAD &&
        PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL) {
        PQclear(result);
        tx_lost(tx);
        return false;
    }
    *ret_result = result;
    return true;
}

/* Whether a statement has changed rows, by what the server calls it. */
static bool changed_rows(PGresult *result) {
    return !g_str_has_prefix(PQcmdStatus(result), "SELECT") &&
           strtoll(PQcmdTuples(result), NULL, 10) > 0;
}

/* Remembers a good answer. Takes `result`. */
static void take_good(struct pg_tx *tx, const struct pg_pending *pending, PGresult *result) {
    tx->wrote = tx->wrote || (!pending->stale && changed_rows(result));
    if (!pending->stale && pending->kind == PG_ANSWER_XID && PQntuples(result) == 1) {
        snprintf(tx->xid, sizeof(tx->xid), "%s", PQgetvalue(result, 0, 0));
    }
    if (!pending->stale && pending->kind == PG_ANSWER_COMMIT) {
        /* COMMIT of a transaction that had failed is answered with ROLLBACK. */
        tx->committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
        if (!tx->committed && tx->base.failed.code == ERR_OK) {
            err_set(&tx->base.failed, ERR_STORE, "PostgreSQL rolled the transaction back");
        }
    }
    if (!pending->stale && pending->kind == PG_ANSWER_ONE &&
        strcmp(PQcmdTuples(result), "1") != 0 && tx->base.failed.code == ERR_OK) {
        store_not_one(&tx->base.failed);
    }
    if (!pending->stale && pending->kind == PG_ANSWER_RESULT) {
        PQclear(tx->conn->answer);
        tx->conn->answer = result;
        return;
    }
    PQclear(result);
}

/* Takes one result of the statement that `pending` stands for. */
static void take_result(struct pg_tx *tx, const struct pg_pending *pending, PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        take_good(tx, pending, result);
        return;
    }
    if (pending->kind == PG_ANSWER_PREPARE) {
        pending->statement->prepared = false;
    }
    if (status == PGRES_FATAL_ERROR) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        if (!pending->stale || error_loses_connection(tx, result, state != NULL ? state : "")) {
            tx_error(tx, result);
        }
    } else if (status == PGRES_EMPTY_QUERY) {
        tx_refuse_empty(tx);
    } else if (status != PGRES_PIPELINE_ABORTED) {
        tx_lost(tx); /* COPY and the like: nobody here asks for it */
    }
    PQclear(result);
}

/* Reads the answer to one statement, or the mark of a sync. False when the connection is lost. */
static bool read_answer(struct pg_tx *tx, const struct pg_pending *pending, int64_t deadline_us) {
    PGresult *result = NULL;
    if (!next_result(tx, deadline_us, &result)) {
        return false;
    }
    if (pending->kind == PG_ANSWER_SYNC) {
        bool marked = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        PQclear(result);
        if (!marked) {
            tx_lost(tx);
        }
        return marked;
    }
    while (result != NULL && !tx->lost) {
        take_result(tx, pending, result);
        result = NULL;
        if (tx->lost || !next_result(tx, deadline_us, &result)) {
            return false;
        }
    }
    PQclear(result);
    return !tx->lost;
}

/* Reads everything outstanding. */
static void drain(struct pg_tx *tx) {
    struct pg_conn *conn = tx->conn;
    int64_t usual_us = clock_mono_us() + PG_STATEMENT_TIMEOUT_US + PG_ANSWER_GRACE_US;
    int64_t deadline_us = tx->by_us > 0 ? tx->by_us : usual_us;
    for (int i = 0; i < conn->pending_count && !tx->lost; i++) {
        (void)read_answer(tx, &conn->pending[i], deadline_us);
    }
    conn->pending_count = 0;
    conn->unsynced = 0;
}

static void push(struct pg_conn *conn, enum pg_answer kind, struct pg_statement *statement) {
    INVARIANT(conn->pending_count < PG_PENDING_MAX, "the pipeline has no more room");
    conn->pending[conn->pending_count++] = (struct pg_pending){.kind = kind,
                                                               .statement = statement};
}

static void send_sync(struct pg_tx *tx) {
    if (!PQpipelineSync(tx->conn->pg)) {
        tx_lost(tx);
        return;
    }
    push(tx->conn, PG_ANSWER_SYNC, NULL);
    tx->conn->unsynced = 0;
}

/* Sends what waits and reads every answer. Negative when the transaction has failed. */
static int await(struct pg_tx *tx) {
    if (!tx->lost) {
        send_sync(tx);
    }
    if (!tx->lost) {
        drain(tx);
    }
    tx->one_owed = false;
    return -(int)tx->base.failed.code;
}

/* --- Sending statements ----------------------------------------------------------------------- */

/* Parameters in libpq's form; numbers are written into `room`. */
struct params {
    const char *values[SQL_ARGS_MAX];
    Oid types[SQL_ARGS_MAX];
    char room[SQL_ARGS_MAX][G_ASCII_DTOSTR_BUF_SIZE];
};

/* Text has no declared type: PostgreSQL takes it from the place where it stands. */
static void params_fill(struct params *params, const struct sql_arg *args, int count) {
    for (int i = 0; i < count; i++) {
        params->values[i] = NULL;
        params->types[i] = 0;
        if (args[i].type == SQL_TYPE_TEXT) {
            params->values[i] = args[i].text;
        } else if (args[i].type == SQL_TYPE_INT) {
            snprintf(params->room[i], sizeof(params->room[i]), "%lld", (long long)args[i].integer);
            params->values[i] = params->room[i];
            params->types[i] = OID_INT8;
        } else if (args[i].type == SQL_TYPE_REAL) {
            params->values[i] = g_ascii_dtostr(params->room[i], sizeof(params->room[i]),
                                               args[i].real);
            params->types[i] = OID_FLOAT8;
        }
    }
}

/* The slot of the statement with this key, or the free one where it belongs. */
static struct pg_statement **cache_slot(struct pg_conn *conn, const char *sql) {
    static_assert((PG_CACHE_SLOTS & (PG_CACHE_SLOTS - 1)) == 0, "a power of two");
    uint64_t hash = ((uint64_t)(uintptr_t)sql * UINT64_C(0x9E3779B97F4A7C15)) >> 32;
    size_t slot = hash & (PG_CACHE_SLOTS - 1);
    while (conn->cache[slot] != NULL && conn->cache[slot]->key != sql) {
        slot = (slot + 1) & (PG_CACHE_SLOTS - 1);
    }
    return &conn->cache[slot];
}

/* NULL: send it unprepared (poolers, a full cache, an address that was used for another text). */
static struct pg_statement *statement_get(struct pg_conn *conn, const char *sql) {
    if (conn->no_prepare) {
        return NULL;
    }
    struct pg_statement **slot = cache_slot(conn, sql);
    if (*slot != NULL) {
        return strcmp((*slot)->text, sql) == 0 ? *slot : NULL;
    }
    if (conn->cached == SQL_STATEMENTS_MAX) {
        return NULL;
    }
    struct pg_statement *fresh = g_new0(struct pg_statement, 1);
    fresh->key = sql;
    fresh->text = g_strdup(sql);
    snprintf(fresh->name, sizeof(fresh->name), "h%d", ++conn->named);
    conn->cached++;
    *slot = fresh;
    return fresh;
}

static void send_statement(struct pg_tx *tx, enum pg_answer kind, const char *sql,
                           const struct sql_arg *args, int count) {
    struct pg_conn *conn = tx->conn;
    struct params params;
    if (conn->pending_count + 4 > PG_PENDING_MAX) {
        (void)await(tx);
    }
    if (tx->lost) {
        return;
    }
    params_fill(&params, args, count);
    struct pg_statement *statement = statement_get(conn, sql);
    if (statement != NULL && !statement->prepared) {
        if (!PQsendPrepare(conn->pg, statement->name, sql, count, params.types)) {
            tx_lost(tx);
            return;
        }
        statement->prepared = true;
        push(conn, PG_ANSWER_PREPARE, statement);
    }
    int sent = statement != NULL ? PQsendQueryPrepared(conn->pg, statement->name, count,
                                                       params.values, NULL, NULL, 0)
                                 : PQsendQueryParams(conn->pg, sql, count, params.types,
                                                     params.values, NULL, NULL, 0);
    if (!sent) {
        tx_lost(tx);
        return;
    }
    push(conn, kind, NULL);
    conn->unsynced++;
}

/* BEGIN waits for the first statement, so that a function that touches nothing costs nothing. */
static void send_begin(struct pg_tx *tx) {
    if (tx->begun) {
        return;
    }
    tx->begun = true;
    send_statement(tx, PG_ANSWER_NOTHING,
                   tx->base.read_only ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
                                      : "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
                   NULL, 0);
    if (tx->conn->no_prepare && !tx->lost) {
        /* The session is not ours, so the limit is not set on it but here. */
        static_assert(PG_STATEMENT_TIMEOUT_US == 10000000, "the text below says the same");
        send_statement(tx, PG_ANSWER_NOTHING, "SET LOCAL statement_timeout = 10000", NULL, 0);
    }
    if (!tx->base.read_only && tx->conn->can_ask && !tx->lost) {
        send_statement(tx, PG_ANSWER_XID, "SELECT pg_current_xact_id()::text", NULL, 0);
    }
}

/* Sends a statement, after BEGIN where that is missing. Negative when the transaction failed. */
static int tx_send(struct pg_tx *tx, enum pg_answer kind, const char *sql,
                   const struct sql_arg *args, int count) {
    send_begin(tx);
    if (tx->base.failed.code == ERR_OK) {
        send_statement(tx, kind, sql, args, count);
    }
    return -(int)tx->base.failed.code;
}

/* --- The engine's functions on statements ----------------------------------------------------- */

static int ask(struct pg_tx *tx, const char *sql, const struct sql_arg *args, int count,
               PGresult **ret_result) {
    int result = tx_send(tx, PG_ANSWER_RESULT, sql, args, count);
    if (result == 0) {
        result = await(tx);
    }
    PGresult *answer = tx->conn->answer;
    tx->conn->answer = NULL;
    if (result < 0) {
        PQclear(answer);
        return result;
    }
    *ret_result = answer;
    return 0;
}

int64_t pg_exec(struct store_tx *base, struct err *err, const char *sql, const struct sql_arg *args,
                int count) {
    PGresult *answer = NULL;
    int result = ask((struct pg_tx *)base, sql, args, count, &answer);
    if (result < 0) {
        return result;
    }
    bool select = g_str_has_prefix(PQcmdStatus(answer), "SELECT");
    int64_t changed = select ? 0 : strtoll(PQcmdTuples(answer), NULL, 10);
    PQclear(answer);
    return changed;
}

int pg_put(struct store_tx *base, struct err *err, const char *sql, const struct sql_arg *args,
           int count) {
    struct pg_tx *tx = (struct pg_tx *)base;
    int result = tx_send(tx, PG_ANSWER_NOTHING, sql, args, count);
    if (result == 0 && tx->conn->unsynced >= PG_UNSYNCED_MAX) {
        result = await(tx);
    }
    return result;
}

int pg_put_one(struct store_tx *base, struct err *err, const char *sql, const struct sql_arg *args,
               int count) {
    struct pg_tx *tx = (struct pg_tx *)base;
    int result = tx_send(tx, PG_ANSWER_ONE, sql, args, count);
    tx->one_owed = true;
    if (result == 0 && tx->conn->unsynced >= PG_UNSYNCED_MAX) {
        result = await(tx);
    }
    return result;
}

int pg_query(struct store_tx *base, struct err *err, struct sql_rows **ret_rows, const char *sql,
             const struct sql_arg *args, int count) {
    PGresult *answer = NULL;
    int result = ask((struct pg_tx *)base, sql, args, count, &answer);
    if (result < 0) {
        return result;
    }
    struct pg_rows *rows = g_new(struct pg_rows, 1);
    *rows = (struct pg_rows){
        .base = {.tx = base}, .result = answer, .row = -1, .count = PQntuples(answer)};
    *ret_rows = &rows->base;
    return 0;
}

int pg_next(struct sql_rows *base, struct err *err) {
    struct pg_rows *rows = (struct pg_rows *)base;
    if (rows->row + 1 >= rows->count) {
        return 0;
    }
    rows->row++;
    return 1;
}

void pg_rows_free(struct sql_rows *base) {
    struct pg_rows *rows = (struct pg_rows *)base;
    PQclear(rows->result);
    g_free(rows);
}

bool pg_null(const struct sql_rows *base, int column) {
    const struct pg_rows *rows = (const struct pg_rows *)base;
    return PQgetisnull(rows->result, rows->row, column) != 0;
}

const char *pg_text(const struct sql_rows *base, int column) {
    const struct pg_rows *rows = (const struct pg_rows *)base;
    return pg_null(base, column) ? NULL : PQgetvalue(rows->result, rows->row, column);
}

int64_t pg_integer(const struct sql_rows *base, int column) {
    const struct pg_rows *rows = (const struct pg_rows *)base;
    const char *text = pg_text(base, column);
    if (text == NULL) {
        return 0;
    }
    if (PQftype(rows->result, column) == OID_BOOL) {
        return text[0] == 't' ? 1 : 0; /* SQLite has 1 and 0 for true and false */
    }
    return strtoll(text, NULL, 10);
}

double pg_real(const struct sql_rows *base, int column) {
    const char *text = pg_text(base, column);
    return text != NULL ? g_ascii_strtod(text, NULL) : 0.0;
}

/* Several statements in one text are only taken by the simple protocol, outside pipeline mode. */
int pg_script(struct store_tx *base, const char *sql, struct err *err) {
    struct pg_tx *tx = (struct pg_tx *)base;
    PGconn *pg = tx->conn->pg;
    send_begin(tx);
    int result = await(tx);
    if (result < 0) {
        return result;
    }
    if (!PQexitPipelineMode(pg)) {
        tx_lost(tx);
        return -(int)tx->base.failed.code;
    }
    PGresult *answer = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(answer);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
        tx_error(tx, answer);
    }
    PQclear(answer);
    if (PQstatus(pg) != CONNECTION_OK || !PQenterPipelineMode(pg)) {
        tx_lost(tx);
    }
    return -(int)tx->base.failed.code;
}

int pg_patient(struct store_tx *base, struct err *err) {
    struct pg_tx *tx = (struct pg_tx *)base;
    int result = tx_send(tx, PG_ANSWER_NOTHING, "SET LOCAL statement_timeout = 0", NULL, 0);
    if (result == 0) {
        result = await(tx);
    }
    tx->patient = result == 0;
    return result;
}

/* --- The end of a transaction ----------------------------------------------------------------- */

void pg_tx_init(struct pg_tx *tx, struct store *store, struct pg_conn *conn, bool read_only) {
    store_tx_init(&tx->base, store, read_only);
    tx->conn = conn;
    tx->begun = tx->patient = tx->lost = tx->conflict = tx->committed = false;
    tx->one_owed = tx->wrote = false;
    tx->xid[0] = '\0';
}

int pg_tx_ready(struct pg_tx *tx) {
    bool xid_owed = tx->begun && tx->conn->can_ask && tx->xid[0] == '\0';
    return xid_owed || tx->one_owed ? await(tx) : -(int)tx->base.failed.code;
}

/* A commit that has written waits until the standbys which the primary has to wait for have it, and
 * with it all that was committed before. One that has only read waits for nothing, and may have
 * read what is not there yet: a commit shows as soon as somebody ends the waiting for it
 * (pg_terminate_backend, pg_cancel_backend) or the primary restarts. This makes it write. */
static const char mark_sql[] =
    "SELECT CASE WHEN current_setting('synchronous_standby_names') <> '' THEN"
    " pg_logical_emit_message(true, 'holdfast', '')::text END";

enum pg_end pg_tx_commit(struct pg_tx *tx) {
    struct pg_conn *conn = tx->conn;
    if (!tx->begun) {
        return PG_END_COMMITTED; /* nothing was done, so it is durable */
    }
    conn->warned = false;
    if (!tx->wrote && conn->can_ask) {
        send_statement(tx, PG_ANSWER_NOTHING, mark_sql, NULL, 0);
    }
    send_statement(tx, PG_ANSWER_COMMIT, "COMMIT", NULL, 0);
    (void)await(tx);
    /* Who cancels the waiting for the standby gets us a COMMIT with a warning before it. */
    bool doubtful = conn->warned && tx->xid[0] != '\0';
    if (tx->committed) {
        return doubtful ? PG_END_UNKNOWN : PG_END_COMMITTED;
    }
    /* An answer from the server that a statement failed is certain, also when it is the COMMIT: the
     * transaction is undone. Silence is not, whatever statement libpq blames it on. */
    return tx->lost ? PG_END_UNKNOWN : PG_END_FAILED;
}

void pg_tx_rollback(struct pg_tx *tx) {
    struct pg_conn *conn = tx->conn;
    if (!tx->begun || tx->lost) {
        return;
    }
    /* After a put that failed the server skips everything up to the next sync. */
    if (conn->unsynced > 0) {
        send_sync(tx);
    }
    if (!tx->lost) {
        send_statement(tx, PG_ANSWER_NOTHING, "ROLLBACK", NULL, 0);
    }
    if (!tx->lost) {
        send_sync(tx);
    }
    for (int i = 0; i < conn->pending_count; i++) {
        conn->pending[i].stale = true;
    }
}

/* --- Connecting ------------------------------------------------------------------------------- */

/* Nothing is said of it: a text of the server may quote a value. */
static void take_notice(void *ctx, const PGresult *result) {
    struct pg_conn *conn = ctx;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    conn->warned = conn->warned || g_strcmp0(severity, "WARNING") == 0;
}

static bool command_works(PGconn *pg, const char *sql) {
    PGresult *result = PQexec(pg, sql);
    bool works = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return works;
}

/* Two texts of one row. False when the server does not answer with that. */
static bool row_of_two(PGresult *result, char *ret_first, size_t first_bytes, char *ret_second,
                       size_t second_bytes) {
    bool good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    if (good) {
        snprintf(ret_first, first_bytes, "%s", PQgetvalue(result, 0, 0));
        snprintf(ret_second, second_bytes, "%s", PQgetvalue(result, 0, 1));
    }
    PQclear(result);
    return good;
}

#define INCARNATION_SQL                                                                            \
    "coalesce(extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time())::text, '') || '/' ||"     \
    " substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"

static int conn_set_up(struct pg_conn *conn, struct err *err) {
    char status[24];
    PQsetNoticeReceiver(conn->pg, take_notice, conn);
    if (!conn->no_prepare &&
        !command_works(conn->pg, "SET statement_timeout = 10000;"
                                 "SET idle_in_transaction_session_timeout = 60000")) {
        return err_set(err, ERR_STORE, "PostgreSQL refuses the session's settings");
    }
    /* Servers that speak like PostgreSQL but lack these answer with an error: then nobody can be
     * asked what became of a COMMIT. */
    conn->can_ask = row_of_two(
        PQexec(conn->pg, "SELECT pg_xact_status(pg_current_xact_id()), " INCARNATION_SQL), status,
        sizeof(status), conn->incarnation, sizeof(conn->incarnation));
    if (PQstatus(conn->pg) != CONNECTION_OK || !PQenterPipelineMode(conn->pg)) {
        return err_set(err, ERR_STORE, "the connection to PostgreSQL was lost");
    }
    return 0;
}

/* PQconnectdbParams() with a deadline: libpq's own is in whole seconds, two at least. NULL: out of
 * memory; one whose time ran out is not CONNECTION_OK. */
static PGconn *connect_by(const struct pg_target *target, int64_t deadline_us) {
    PGconn *pg = PQconnectStartParams((const char *const *)target->keywords,
                                      (const char *const *)target->values, 0);
    PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
    while (pg != NULL && PQstatus(pg) != CONNECTION_BAD && wanted != PGRES_POLLING_OK &&
           wanted != PGRES_POLLING_FAILED) {
        int64_t left_us = deadline_us - clock_mono_us();
        struct pollfd socket = {.fd = PQsocket(pg),
                                .events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        if (left_us <= 0) {
            break;
        }
        if (poll(&socket, 1, (int)(left_us / US_PER_MS) + 1) > 0) {
            wanted = PQconnectPoll(pg);
        }
    }
    return pg;
}

int pg_conn_open(struct pg_conn *conn, const struct pg_target *target, int64_t deadline_us,
                 struct err *err) {
    *conn = (struct pg_conn){.no_prepare = target->no_prepare};
    conn->pg = deadline_us > 0 ? connect_by(target, deadline_us)
                               : PQconnectdbParams((const char *const *)target->keywords,
                                                   (const char *const *)target->values, 0);
    int result;
    if (conn->pg != NULL && PQstatus(conn->pg) != CONNECTION_OK &&
        PQstatus(conn->pg) != CONNECTION_BAD) {
        result = err_set(err, ERR_STORE, "PostgreSQL did not take the connection in time");
    } else if (conn->pg == NULL || PQstatus(conn->pg) != CONNECTION_OK) {
        char *message = g_strdup(conn->pg != NULL ? PQerrorMessage(conn->pg) : "out of memory");
        result = err_set(err, ERR_STORE, "%s", g_strstrip(g_strdelimit(message, "\n\t", ' ')));
        g_free(message);
    } else {
        result = conn_set_up(conn, err);
    }
    if (result < 0) {
        pg_conn_close(conn);
    }
    return result;
}

void pg_conn_close(struct pg_conn *conn) {
    PQclear(conn->answer);
    PQfinish(conn->pg);
    for (int i = 0; i < PG_CACHE_SLOTS; i++) {
        if (conn->cache[i] != NULL) {
            g_free(conn->cache[i]->text);
            g_free(conn->cache[i]);
        }
    }
    *conn = (struct pg_conn){0};
}

/* --- What became of it ------------------------------------------------------------------------ */

/* A server that crashed, or another one that took over, may have given the same id to another
 * transaction, if ours had left no trace in the log that survived. There a "committed" proves
 * nothing; but "aborted", "in progress" and "never heard of" all say that ours is not committed. */
static enum pg_fate fate_of(const char *status, bool same_incarnation) {
    if (strcmp(status, "committed") == 0) {
        return same_incarnation ? PG_FATE_COMMITTED : PG_FATE_UNKNOWN;
    }
    if (strcmp(status, "aborted") == 0) {
        return PG_FATE_ABORTED;
    }
    if (strcmp(status, "in progress") == 0) {
        return same_incarnation ? PG_FATE_IN_PROGRESS : PG_FATE_ABORTED;
    }
    return PG_FATE_UNKNOWN; /* too long ago */
}

int pg_conn_fate(struct pg_conn *conn, const char *xid, const char *incarnation,
                 enum pg_fate *ret_fate, struct err *err) {
    char status[24], now[PG_INCARNATION_CHARS_MAX];
    if (!PQexitPipelineMode(conn->pg)) {
        return err_set(err, ERR_STORE, "the connection to PostgreSQL was lost");
    }
    PGresult *result = PQexecParams(
        conn->pg, "SELECT coalesce(pg_xact_status($1::text::xid8), ''), " INCARNATION_SQL, 1, NULL,
        &xid, NULL, NULL, 0);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (state != NULL && strcmp(state, "22023") == 0) {
        *ret_fate = PG_FATE_ABORTED; /* "in the future": this server has never heard of it */
        PQclear(result);
    } else if (row_of_two(result, status, sizeof(status), now, sizeof(now))) {
        *ret_fate = fate_of(status, strcmp(now, incarnation) == 0);
    } else {
        return err_set(err, ERR_STORE, "PostgreSQL does not say what became of a transaction");
    }
    if (!PQenterPipelineMode(conn->pg)) {
        return err_set(err, ERR_STORE, "the connection to PostgreSQL was lost");
    }
    return 0;
}

int pg_conn_settle(struct pg_conn *conn, struct store *store, int64_t deadline_us,
                   struct err *err) {
    struct pg_tx tx;
    pg_tx_init(&tx, store, conn, false);
    tx.by_us = deadline_us;
    send_begin(&tx);
    if (pg_tx_commit(&tx) != PG_END_COMMITTED) {
        return err_set(err, ERR_STORE, "PostgreSQL does not say that its standby has a commit");
    }
    return 0;
}
