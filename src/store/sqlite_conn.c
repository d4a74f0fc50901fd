/* SPDX-License-Identifier: Apache-2.0
 * sqlite_conn.c: one SQLite connection: settings, statement cache, parameters, cursors.
 *
 * In the hot path nothing is allocated and nothing is finalized: a statement is found by the
 * address of its text, bound to the caller's own memory, stepped and reset. */
#include "store/sqlite_conn.h"

#include "store/store_disk.h"

#include <glib.h>

/* --- Errors ----------------------------------------------------------------------------------- */

int sqlite_conn_error(struct sqlite_conn *conn, int code, struct err *err) {
    static const char unique[] = "UNIQUE constraint failed: ";
    const char *message = conn->db != NULL ? sqlite3_errmsg(conn->db) : sqlite3_errstr(code);
    int extended = conn->db != NULL ? sqlite3_extended_errcode(conn->db) : code;
    if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY ||
        extended == SQLITE_CONSTRAINT_ROWID) {
        err_set(err, ERR_EXISTS, "%s", message);
        return err_place(
            err, "%s", g_str_has_prefix(message, unique) ? message + sizeof(unique) - 1 : message);
    }
    if ((code & 0xff) == SQLITE_CONSTRAINT) {
        return err_set(err, ERR_STORE_CORRUPT, "the change breaks a rule of the schema: %s",
                       message);
    }
    return err_set(err, ERR_STORE, "SQLite: %s (%d)", message, extended);
}

/* --- Opening and closing ---------------------------------------------------------------------- */

/* mmap stays off: a failing disk would then be a SIGBUS instead of an error. LIKE and quoting are
 * made to mean what they mean on PostgreSQL. Checkpoints are the writer's own business. */
static const char settings[] = "PRAGMA journal_mode=WAL;"
                               "PRAGMA synchronous=FULL;"
                               "PRAGMA foreign_keys=ON;"
                               "PRAGMA temp_store=MEMORY;"
                               "PRAGMA secure_delete=FAST;"
                               "PRAGMA case_sensitive_like=ON;"
                               "PRAGMA wal_autocheckpoint=0;"
                               "PRAGMA journal_size_limit=67108864;";

static const char *const fixed_sql[] = {
    [SQLITE_FIXED_BEGIN] = "BEGIN",
    [SQLITE_FIXED_BEGIN_IMMEDIATE] = "BEGIN IMMEDIATE",
    [SQLITE_FIXED_COMMIT] = "COMMIT",
    [SQLITE_FIXED_ROLLBACK] = "ROLLBACK",
    [SQLITE_FIXED_SAVEPOINT] = "SAVEPOINT request",
    [SQLITE_FIXED_RELEASE] = "RELEASE request",
    [SQLITE_FIXED_ROLLBACK_TO] = "ROLLBACK TO request",
};
static_assert(COUNT_OF(fixed_sql) == SQLITE_FIXED_COUNT, "every fixed statement has its text");

static int conn_set_up(struct sqlite_conn *conn, bool read_only, int cache_kib, struct err *err) {
    char more[96];
    snprintf(more, sizeof(more), "PRAGMA cache_size=-%d;PRAGMA query_only=%s;", cache_kib,
             read_only ? "ON" : "OFF");
    sqlite3_extended_result_codes(conn->db, 1);
    sqlite3_busy_timeout(conn->db, 5000);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    int code = sqlite3_exec(conn->db, settings, NULL, NULL, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_exec(conn->db, more, NULL, NULL, NULL);
    }
    for (int i = 0; code == SQLITE_OK && i < SQLITE_FIXED_COUNT; i++) {
        code = sqlite3_prepare_v3(conn->db, fixed_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                  &conn->fixed[i], NULL);
    }
    return code == SQLITE_OK ? 0 : sqlite_conn_error(conn, code, err);
}

int sqlite_conn_open(struct sqlite_conn *conn, const char *path, bool read_only, int cache_kib,
                     struct err *err) {
    *conn = (struct sqlite_conn){0};
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= read_only ? 0 : SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(path, &conn->db, flags, store_disk_vfs());
    int result = code == SQLITE_OK ? conn_set_up(conn, read_only, cache_kib, err)
                                   : sqlite_conn_error(conn, code, err);
    if (result < 0) {
        sqlite_conn_close(conn);
    }
    return result;
}

static void statement_free(struct sqlite_statement *statement) {
    sqlite3_finalize(statement->stmt);
    g_free(statement->text);
    g_free(statement->params);
    g_free(statement);
}

void sqlite_conn_close(struct sqlite_conn *conn) {
    for (int i = 0; i < SQLITE_FIXED_COUNT; i++) {
        sqlite3_finalize(conn->fixed[i]);
    }
    for (int i = 0; i < SQLITE_CACHE_SLOTS; i++) {
        if (conn->cache[i] != NULL) {
            statement_free(conn->cache[i]);
        }
    }
    int code = sqlite3_close(conn->db);
    INVARIANT(code == SQLITE_OK, "a statement outlived its connection");
    *conn = (struct sqlite_conn){0};
}

int sqlite_conn_fixed(struct sqlite_conn *conn, enum sqlite_fixed which) {
    int code = sqlite3_step(conn->fixed[which]);
    sqlite3_reset(conn->fixed[which]);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* --- Translation ------------------------------------------------------------------------------ */

/* The end of the string, quoted name or comment that begins at `text`; NULL when none does. */
static const char *skip_quoted(const char *text) {
    const char *end = NULL;
    if (text[0] == '\'' || text[0] == '"') {
        /* A doubled quote is two strings in a row here, which comes to the same. */
        end = strchr(text + 1, text[0]);
        return end != NULL ? end + 1 : text + strlen(text);
    }
    if (text[0] == '-' && text[1] == '-') {
        end = strchr(text, '\n');
        return end != NULL ? end : text + strlen(text);
    }
    if (text[0] == '/' && text[1] == '*') {
        end = strstr(text + 2, "*/");
        return end != NULL ? end + 2 : text + strlen(text);
    }
    return NULL;
}

/* What comes out is never longer than what went in. */
char *sqlite_translate(const char *sql) {
    static const char lock_words[] = " FOR UPDATE", skip_words[] = " SKIP LOCKED";
    char *out = g_malloc(strlen(sql) + 1), *to = out;
    const char *at = sql;
    while (*at != '\0') {
        const char *end = skip_quoted(at);
        if (end != NULL) {
            memcpy(to, at, (size_t)(end - at));
            to += end - at;
            at = end;
        } else if (at[0] == '$' && g_ascii_isdigit(at[1])) {
            *to++ = '?';
            at++;
        } else if (g_str_has_prefix(at, lock_words)) {
            at += sizeof(lock_words) - 1;
            at += g_str_has_prefix(at, skip_words) ? sizeof(skip_words) - 1 : 0;
        } else {
            *to++ = *at++;
        }
    }
    *to = '\0';
    return out;
}

/* --- Statement cache -------------------------------------------------------------------------- */

static int statement_prepare(struct sqlite_conn *conn, struct sqlite_statement *statement,
                             const char *sql, struct err *err) {
    char *translated = sqlite_translate(sql);
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v3(conn->db, translated, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    g_free(translated);
    if (code != SQLITE_OK) {
        return sqlite_conn_error(conn, code, err);
    }
    if (stmt == NULL) {
        return err_set(err, ERR_STORE, "the statement is empty");
    }
    sqlite3_finalize(statement->stmt);
    g_free(statement->text);
    statement->stmt = stmt;
    statement->text = g_strdup(sql);
    statement->key = sql;
    return 0;
}

/* The slot of the statement with this key, or the free one where it belongs. */
static struct sqlite_statement **cache_slot(struct sqlite_conn *conn, const char *sql) {
    static_assert((SQLITE_CACHE_SLOTS & (SQLITE_CACHE_SLOTS - 1)) == 0, "a power of two");
    uint64_t hash = ((uint64_t)(uintptr_t)sql * UINT64_C(0x9E3779B97F4A7C15)) >> 32;
    size_t slot = hash & (SQLITE_CACHE_SLOTS - 1);
    while (conn->cache[slot] != NULL && conn->cache[slot]->key != sql) {
        slot = (slot + 1) & (SQLITE_CACHE_SLOTS - 1);
    }
    return &conn->cache[slot];
}

/* Finds or prepares; the same text while its cursor is open, and texts past the cache's size, get a
 * statement of their own that is freed after use. */
static int statement_get(struct sqlite_conn *conn, const char *sql,
                         struct sqlite_statement **ret_statement, struct err *err) {
    struct sqlite_statement **slot = cache_slot(conn, sql);
    struct sqlite_statement *found = *slot;
    if (found != NULL && !found->busy) {
        if (strcmp(found->text, sql) != 0) {
            int result = statement_prepare(conn, found, sql, err);
            if (result < 0) {
                return result;
            }
        }
        *ret_statement = found;
        return 0;
    }
    struct sqlite_statement *fresh = g_new0(struct sqlite_statement, 1);
    int result = statement_prepare(conn, fresh, sql, err);
    if (result < 0) {
        g_free(fresh);
        return result;
    }
    if (found == NULL && conn->cached < SQL_STATEMENTS_MAX) {
        fresh->cached = true;
        conn->cached++;
        *slot = fresh;
    }
    *ret_statement = fresh;
    return 0;
}

/* After use: forgets the caller's memory. */
static void statement_put(struct sqlite_statement *statement) {
    sqlite3_reset(statement->stmt);
    sqlite3_clear_bindings(statement->stmt);
    statement->busy = false;
    if (!statement->cached) {
        statement_free(statement);
    }
}

/* --- Parameters ------------------------------------------------------------------------------- */

/* Copies the text parameters into the statement's own memory, for a cursor that lives on. */
static void copy_params(struct sqlite_statement *statement, const struct sql_arg *args, int count,
                        const char *ret_texts[SQL_ARGS_MAX]) {
    size_t lengths[SQL_ARGS_MAX], total = 0;
    for (int i = 0; i < count; i++) {
        bool text = args[i].type == SQL_TYPE_TEXT && args[i].text != NULL;
        lengths[i] = text ? strlen(args[i].text) + 1 : 0;
        total += lengths[i];
    }
    if (total > statement->params_cap) {
        statement->params = g_realloc(statement->params, total);
        statement->params_cap = total;
    }
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        ret_texts[i] = NULL;
        if (lengths[i] > 0) {
            ret_texts[i] = memcpy(statement->params + at, args[i].text, lengths[i]);
            at += lengths[i];
        }
    }
}

static int bind(struct sqlite_conn *conn, struct sqlite_statement *statement,
                const struct sql_arg *args, int count, bool copy, struct err *err) {
    const char *texts[SQL_ARGS_MAX];
    int wanted = sqlite3_bind_parameter_count(statement->stmt);
    if (wanted != count) {
        return err_set(err, ERR_STORE, "a statement takes %d parameters and got %d", wanted, count);
    }
    if (copy) {
        copy_params(statement, args, count, texts);
    }
    for (int i = 0; i < count; i++) {
        const struct sql_arg *arg = &args[i];
        int code = SQLITE_OK;
        if (arg->type == SQL_TYPE_INT) {
            code = sqlite3_bind_int64(statement->stmt, i + 1, arg->integer);
        } else if (arg->type == SQL_TYPE_REAL) {
            code = sqlite3_bind_double(statement->stmt, i + 1, arg->real);
        } else if (arg->type == SQL_TYPE_TEXT && arg->text != NULL) {
            code = sqlite3_bind_text(statement->stmt, i + 1, copy ? texts[i] : arg->text, -1,
                                     SQLITE_STATIC);
        } else {
            code = sqlite3_bind_null(statement->stmt, i + 1);
        }
        if (code != SQLITE_OK) {
            return sqlite_conn_error(conn, code, err);
        }
    }
    return 0;
}

/* --- Statements ------------------------------------------------------------------------------- */

static struct sqlite_conn *conn_of(struct store_tx *tx) {
    return ((struct sqlite_tx *)tx)->conn;
}

/* Rows changed, and in *ret_rows rows answered. */
static int64_t execute(struct store_tx *tx, struct err *err, const char *sql,
                       const struct sql_arg *args, int count, int64_t *ret_rows) {
    struct sqlite_conn *conn = conn_of(tx);
    struct sqlite_statement *statement = NULL;
    int result = statement_get(conn, sql, &statement, err);
    if (result < 0) {
        return result;
    }
    result = bind(conn, statement, args, count, false, err);
    int64_t changed = 0;
    if (result == 0) {
        sqlite3_int64 before = sqlite3_total_changes64(conn->db);
        int code;
        *ret_rows = -1;
        do {
            code = sqlite3_step(statement->stmt);
            ++*ret_rows;
        } while (code == SQLITE_ROW);
        if (code != SQLITE_DONE) {
            result = sqlite_conn_error(conn, code, err);
        } else if (sqlite3_total_changes64(conn->db) != before) {
            /* Only now: a statement that changes nothing leaves the count of the one before. */
            changed = sqlite3_changes64(conn->db);
        }
    }
    statement_put(statement);
    return result < 0 ? result : changed;
}

int64_t sqlite_exec(struct store_tx *tx, struct err *err, const char *sql,
                    const struct sql_arg *args, int count) {
    int64_t rows = 0;
    return execute(tx, err, sql, args, count, &rows);
}

int sqlite_put_one(struct store_tx *tx, struct err *err, const char *sql,
                   const struct sql_arg *args, int count) {
    int64_t rows = 0;
    int64_t changed = execute(tx, err, sql, args, count, &rows);
    if (changed < 0) {
        return (int)changed;
    }
    if (changed + rows != 1) {
        store_not_one(err);
        return -ERR_STATE;
    }
    return 0;
}

int sqlite_put(struct store_tx *tx, struct err *err, const char *sql, const struct sql_arg *args,
               int count) {
    int64_t result = sqlite_exec(tx, err, sql, args, count);
    return result < 0 ? (int)result : 0;
}

/* The first step is taken at once, so that an INSERT … RETURNING has happened and an error shows
 * here, as on PostgreSQL. */
int sqlite_query(struct store_tx *tx, struct err *err, struct sql_rows **ret_rows, const char *sql,
                 const struct sql_arg *args, int count) {
    struct sqlite_conn *conn = conn_of(tx);
    struct sqlite_statement *statement = NULL;
    int result = statement_get(conn, sql, &statement, err);
    if (result < 0) {
        return result;
    }
    result = bind(conn, statement, args, count, true, err);
    if (result == 0) {
        int code = sqlite3_step(statement->stmt);
        statement->stepped = code;
        if (code != SQLITE_ROW && code != SQLITE_DONE) {
            result = sqlite_conn_error(conn, code, err);
        }
    }
    if (result < 0) {
        statement_put(statement);
        return result;
    }
    statement->busy = true;
    statement->base.tx = tx;
    *ret_rows = &statement->base;
    return 0;
}

int sqlite_next(struct sql_rows *rows, struct err *err) {
    struct sqlite_statement *statement = (struct sqlite_statement *)rows;
    int code = statement->stepped;
    if (code == 0) { /* never after SQLITE_DONE: one more step would begin again */
        code = sqlite3_step(statement->stmt);
    }
    statement->stepped = code == SQLITE_ROW ? 0 : SQLITE_DONE;
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return sqlite_conn_error(conn_of(rows->tx), code, err);
    }
    return code == SQLITE_ROW ? 1 : 0;
}

void sqlite_rows_free(struct sql_rows *rows) {
    statement_put((struct sqlite_statement *)rows);
}

static sqlite3_stmt *stmt_of(const struct sql_rows *rows) {
    return ((const struct sqlite_statement *)rows)->stmt;
}

const char *sqlite_text(const struct sql_rows *rows, int column) {
    return (const char *)sqlite3_column_text(stmt_of(rows), column);
}

int64_t sqlite_integer(const struct sql_rows *rows, int column) {
    return sqlite3_column_int64(stmt_of(rows), column);
}

double sqlite_real(const struct sql_rows *rows, int column) {
    return sqlite3_column_double(stmt_of(rows), column);
}

bool sqlite_null(const struct sql_rows *rows, int column) {
    return sqlite3_column_type(stmt_of(rows), column) == SQLITE_NULL;
}

int sqlite_script(struct store_tx *tx, const char *sql, struct err *err) {
    struct sqlite_conn *conn = conn_of(tx);
    ((struct sqlite_tx *)tx)->scripted = true;
    int code = sqlite3_exec(conn->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : sqlite_conn_error(conn, code, err);
}

int sqlite_patient(struct store_tx *tx, struct err *err) {
    return 0;
}
