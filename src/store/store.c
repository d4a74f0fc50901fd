/* SPDX-License-Identifier: Apache-2.0
 * store.c: what both engines have in common: choosing one, checking arguments, the fault hook, the
 * counters, what happens after a commit, and the rule that a transaction with a failed call is only
 * good for a rollback. */
#include "store/store.h"

#include "base/clock.h"
#include "store/store_impl.h"

#include <glib.h>
#include <stdalign.h>

/* --- Making and ending ------------------------------------------------------------------------ */

void store_init(struct store *store, const struct store_ops *ops, enum store_engine engine) {
    store->ops = ops;
    store->engine = engine;
    lock_init(&store->meter_lock);
    lock_init(&store->fault_lock);
    record_init(&store->record);
    atomic_init(&store->fault_on, false);
}

void store_release(struct store *store) {
    lock_free(&store->meter_lock);
    lock_free(&store->fault_lock);
    record_release(&store->record);
}

int store_open(const struct store_options *options, struct store **ret_store, struct err *err) {
    static const char sqlite_scheme[] = "sqlite:";
    const char *url = options->url;
    if (url == NULL || url[0] == '\0') {
        return err_set(err, ERR_CONFIG, "no database URL is given");
    }
    int result = 0;
    if (strncmp(url, sqlite_scheme, sizeof(sqlite_scheme) - 1) == 0) {
        result = store_sqlite_open(options, url + sizeof(sqlite_scheme) - 1, ret_store, err);
    } else if (g_str_has_prefix(url, "postgresql://") || g_str_has_prefix(url, "postgres://") ||
               strchr(url, '=') != NULL) {
        result = store_postgres_open(options, ret_store, err);
    } else {
        err_set(err, ERR_CONFIG, "the database URL names no known engine");
        result = err_hint(err, "use sqlite:PATH, postgresql://… or a libpq connection string");
    }
    if (result == 0) {
        (*ret_store)->look = options->look;
    }
    return result;
}

void store_close(struct store *store) {
    if (store != NULL) {
        store->ops->close(store);
    }
}

enum store_engine store_engine(const struct store *store) {
    return store->engine;
}

int store_refresh(struct store *store) {
    return store->ops->refresh(store);
}

/* --- Counters --------------------------------------------------------------------------------- */

/* Trouble of the store's own, as opposed to an answer or a refusal. */
bool store_is_failure(int result) {
    return result == -ERR_STORE || result == -ERR_STORE_UNKNOWN || result == -ERR_STORE_CONFLICT ||
           result == -ERR_STORE_CORRUPT;
}

/* What a COMMIT is called among the slow statements. */
static const char commit_text[] = "COMMIT";

void store_note_commit(struct store *store, int64_t commit_us) {
    lock_take(&store->meter_lock);
    store->totals.commits++;
    store->totals.commits_slow += commit_us >= STORE_SLOW_US;
    store->commit_us[store->commit_samples++ % STORE_SAMPLES] = commit_us;
    lock_give(&store->meter_lock);
    if (commit_us >= RECORD_SLOW_US) {
        record_slow(&store->record, commit_text, commit_us);
    }
}

/* Call with the meter's lock held. */
static void note_wait(struct store *store, int64_t wait_us, int result) {
    store->wait_us[store->wait_samples++ % STORE_SAMPLES] = wait_us;
    store->totals.waits_slow += wait_us >= STORE_SLOW_US;
    if (store_is_failure(result)) {
        store->totals.failures++;
    }
}

void store_note_read(struct store *store, int64_t wait_us, int result) {
    lock_take(&store->meter_lock);
    store->totals.reads++;
    note_wait(store, wait_us, result);
    lock_give(&store->meter_lock);
}

void store_note_write(struct store *store, int64_t wait_us, int result) {
    lock_take(&store->meter_lock);
    store->totals.writes++;
    note_wait(store, wait_us, result);
    lock_give(&store->meter_lock);
}

void store_note_retry(struct store *store) {
    lock_take(&store->meter_lock);
    store->totals.retries++;
    lock_give(&store->meter_lock);
}

void store_note_outcome_asked(struct store *store) {
    lock_take(&store->meter_lock);
    store->totals.outcomes_asked++;
    lock_give(&store->meter_lock);
}

static int compare_int64(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Nearest rank. Sorts `samples`. */
static int64_t percentile(int64_t *samples, int64_t count, int percent) {
    if (count == 0) {
        return 0;
    }
    qsort(samples, (size_t)count, sizeof(samples[0]), compare_int64);
    int64_t rank = (count * percent + 99) / 100;
    return samples[rank - 1];
}

void store_stats(struct store *store, struct store_stats *ret_stats) {
    struct store_stats stats;
    int64_t commit_us[STORE_SAMPLES], wait_us[STORE_SAMPLES];
    lock_take(&store->meter_lock);
    stats = store->totals;
    memcpy(commit_us, store->commit_us, sizeof(commit_us));
    memcpy(wait_us, store->wait_us, sizeof(wait_us));
    int64_t commits = MIN(store->commit_samples, STORE_SAMPLES);
    int64_t waits = MIN(store->wait_samples, STORE_SAMPLES);
    lock_give(&store->meter_lock);
    stats.commit_us_p50 = percentile(commit_us, commits, 50);
    stats.commit_us_p99 = percentile(commit_us, commits, 99);
    stats.wait_us_p99 = percentile(wait_us, waits, 99);
    store->ops->connections(store, &stats);
    *ret_stats = stats;
}

/* --- Faults ----------------------------------------------------------------------------------- */

void store_fault_set(struct store *store, store_fault_fn *fn, void *ctx) {
    lock_take(&store->fault_lock);
    store->fault = fn;
    store->fault_ctx = ctx;
    atomic_store(&store->fault_on, fn != NULL);
    lock_give(&store->fault_lock);
}

bool store_fault(struct store *store, const char *sql) {
    if (!atomic_load_explicit(&store->fault_on, memory_order_acquire)) {
        return false;
    }
    lock_take(&store->fault_lock);
    store_fault_fn *fault = store->fault;
    void *ctx = store->fault_ctx;
    lock_give(&store->fault_lock);
    return fault != NULL && fault(ctx, sql) != 0;
}

/* --- Transactions ----------------------------------------------------------------------------- */

/* Something for after the commit; its memory stands behind it. */
struct store_later {
    struct store_later *next;
    store_after_fn *fn;
    alignas(max_align_t) char what[];
};

/* One store_write(), on its caller's stack: its function, and what the present run of it has asked
 * for. The run may be in another task; that one is done when the engine returns. */
struct store_write {
    store_fn *fn;
    void *ctx;
    struct store_later *first, **end;
    int count;
};

/* Does what was asked for, or only forgets it. */
static void write_end(struct store_write *write, bool committed) {
    struct store_later *later = write->first;
    while (later != NULL) {
        struct store_later *next = later->next;
        if (committed) {
            later->fn(later->what);
        }
        g_free(later);
        later = next;
    }
    write->first = NULL;
    write->end = &write->first;
    write->count = 0;
}

static int write_run(struct store_tx *tx, void *ctx, struct err *err) {
    struct store_write *write = ctx;
    write_end(write, false); /* of a run before this one */
    tx->write = write;
    return write->fn(tx, write->ctx, err);
}

int store_write(struct store *store, store_fn *fn, void *ctx, struct err *err) {
    if (store->look) {
        return err_set(err, ERR_STORE, "this store was opened to be looked at only");
    }
    struct store_write write = {.fn = fn, .ctx = ctx};
    write.end = &write.first;
    int result = store->ops->write(store, write_run, &write, err);
    write_end(&write, result == 0);
    return result;
}

void *store_after(struct store_tx *tx, store_after_fn *fn, size_t bytes) {
    struct store_write *write = tx->write;
    INVARIANT(write != NULL, "only what writes has something for after its commit");
    INVARIANT(write->count < STORE_AFTER_MAX, "a transaction has too much for after its commit");
    struct store_later *later = g_malloc0(sizeof(*later) + bytes);
    later->fn = fn;
    *write->end = later;
    write->end = &later->next;
    write->count++;
    return later->what;
}

int store_read(struct store *store, store_fn *fn, void *ctx, struct err *err) {
    return store->ops->read(store, fn, ctx, err);
}

static int ping_tx(struct store_tx *tx, void *ctx, struct err *err) {
    (void)ctx;
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, err, &rows, "SELECT 1");
    return result < 0 ? result : sql_next(rows, err);
}

int store_ping(struct store *store, int64_t timeout_us, struct err *err) {
    return store->ops->read_by(store, clock_mono_us() + timeout_us, ping_tx, err);
}

struct store *store_of(struct store_tx *tx) {
    return tx->store;
}

void store_tx_init(struct store_tx *tx, struct store *store, bool read_only) {
    tx->store = store;
    tx->read_only = read_only;
    tx->open_rows = 0;
    tx->run = NULL;
    tx->write = NULL;
    tx->failed.code = ERR_OK;
}

/* The transaction's first error once more. */
static int say_failed(const struct store_tx *tx, struct err *err) {
    if (err != NULL) {
        *err = tx->failed;
    }
    return -(int)tx->failed.code;
}

int store_tx_run(struct store_tx *tx, store_fn *fn, void *ctx, struct err *err) {
    tx->run = record_begin(&tx->store->record, !tx->read_only);
    int result = fn(tx, ctx, err);
    record_end(tx->run);
    tx->run = NULL;
    INVARIANT(tx->open_rows == 0, "a cursor was left open at the end of its transaction");
    if (result < 0) {
        return result;
    }
    if (tx->failed.code != ERR_OK) {
        return say_failed(tx, err);
    }
    return 0;
}

/* g_utf8_validate() goes byte by byte; nearly all of what we store is plain ASCII. */
static bool is_utf8(const char *text) {
    const size_t count = strlen(text);
    size_t at = 0;
    for (uint64_t word; at + sizeof(word) <= count; at += sizeof(word)) {
        memcpy(&word, text + at, sizeof(word));
        if ((word & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
    }
    return g_utf8_validate_len(text + at, count - at, NULL);
}

/* What must hold before an engine sees a statement. Text must be UTF-8 because PostgreSQL takes
 * nothing else, and what one engine refuses the other must not store. */
static int check_call(struct store_tx *tx, const char *sql, const struct sql_arg *args, int count) {
    if (tx->failed.code != ERR_OK) {
        return -(int)tx->failed.code;
    }
    INVARIANT(count <= SQL_ARGS_MAX, "a statement has too many parameters");
    for (int i = 0; i < count; i++) {
        if (args[i].type == SQL_TYPE_TEXT && args[i].text != NULL && !is_utf8(args[i].text)) {
            return err_set(&tx->failed, ERR_VALIDATION,
                           "parameter $%d of a statement is not valid UTF-8", i + 1);
        }
    }
    if (store_fault(tx->store, sql)) {
        return err_set(&tx->failed, ERR_STORE, "the statement was made to fail");
    }
    return 0;
}

int64_t sql_exec_args(struct store_tx *tx, struct err *err, const char *sql,
                      const struct sql_arg *args, int count) {
    int64_t result = check_call(tx, sql, args, count);
    if (result >= 0) {
        int64_t began_us = record_statement(tx->run, sql);
        result = tx->store->ops->exec(tx, &tx->failed, sql, args, count);
        record_took(&tx->store->record, sql, began_us);
    }
    return result < 0 ? say_failed(tx, err) : result;
}

int sql_put_args(struct store_tx *tx, struct err *err, const char *sql, const struct sql_arg *args,
                 int count) {
    int result = check_call(tx, sql, args, count);
    if (result >= 0) {
        int64_t began_us = record_statement(tx->run, sql);
        result = tx->store->ops->put(tx, &tx->failed, sql, args, count);
        record_took(&tx->store->record, sql, began_us);
    }
    return result < 0 ? say_failed(tx, err) : 0;
}

int sql_put_one_args(struct store_tx *tx, struct err *err, const char *sql,
                     const struct sql_arg *args, int count) {
    int result = check_call(tx, sql, args, count);
    if (result >= 0) {
        int64_t began_us = record_statement(tx->run, sql);
        result = tx->store->ops->put_one(tx, &tx->failed, sql, args, count);
        record_took(&tx->store->record, sql, began_us);
    }
    return result < 0 ? say_failed(tx, err) : 0;
}

void store_not_one(struct err *err) {
    err_set(err, ERR_STATE, "a row is not as it was left");
}

int sql_query_args(struct store_tx *tx, struct err *err, struct sql_rows **ret_rows,
                   const char *sql, const struct sql_arg *args, int count) {
    struct sql_rows *rows = NULL;
    int result = check_call(tx, sql, args, count);
    int64_t began_us = 0;
    if (result >= 0) {
        began_us = record_statement(tx->run, sql);
        result = tx->store->ops->query(tx, &tx->failed, &rows, sql, args, count);
    }
    if (result < 0) {
        return say_failed(tx, err);
    }
    tx->open_rows++;
    rows->sql = sql;
    rows->began_us = began_us;
    *ret_rows = rows;
    return 0;
}

int store_script(struct store_tx *tx, const char *sql, struct err *err) {
    int result = check_call(tx, sql, NULL, 0);
    if (result >= 0) {
        result = tx->store->ops->script(tx, sql, &tx->failed);
    }
    return result < 0 ? say_failed(tx, err) : 0;
}

int store_patient(struct store_tx *tx, struct err *err) {
    int result = tx->store->ops->patient(tx, &tx->failed);
    return result < 0 ? say_failed(tx, err) : 0;
}

int sql_next(struct sql_rows *rows, struct err *err) {
    struct store_tx *tx = rows->tx;
    if (tx->failed.code != ERR_OK) {
        return say_failed(tx, err);
    }
    int result = tx->store->ops->next(rows, &tx->failed);
    return result < 0 ? say_failed(tx, err) : result;
}

void sql_rows_free(struct sql_rows *rows) {
    if (rows == NULL) {
        return;
    }
    struct store_tx *tx = rows->tx;
    tx->open_rows--;
    record_took(&tx->store->record, rows->sql, rows->began_us);
    tx->store->ops->rows_free(rows);
}

void sql_rows_auto(struct sql_rows **rows) {
    sql_rows_free(*rows);
}

const char *sql_text(const struct sql_rows *rows, int column) {
    return rows->tx->store->ops->text(rows, column);
}

int64_t sql_int(const struct sql_rows *rows, int column) {
    return rows->tx->store->ops->integer(rows, column);
}

double sql_real(const struct sql_rows *rows, int column) {
    return rows->tx->store->ops->real(rows, column);
}

bool sql_null(const struct sql_rows *rows, int column) {
    return rows->tx->store->ops->null(rows, column);
}
