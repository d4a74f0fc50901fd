/* SPDX-License-Identifier: Apache-2.0
 * store_sqlite.c: the SQLite engine: one writer task with group commit, and readers beside it.
 *
 * A write is a request on its caller's stack. The caller puts it into the queue and sleeps on the
 * request's own latch; the writer takes what waits (up to GROUP_MAX), runs each request's
 * function, commits once and wakes each caller by itself, so that nobody wakes for nothing. There
 * is no delay to gather a group: the next one gathers while this one is being synced.
 *
 * Most functions succeed, or refuse before they have changed anything, so a group first runs bare.
 * A function that fails after a change *spoils* it: everything is rolled back, and the same
 * requests run again from the start, each under a savepoint. A savepoint keeps a copy of every page
 * that is changed under it, which costs a fifth of the writer's time; that is why it is not there
 * always.
 *
 *   asked ─> queued ─> run ──┬─ fn returned 0, or failed having changed nothing ─> COMMIT ─> told
 *               ^            └─ fn failed after a change ─> ROLLBACK ──┐             ^
 *               └──────────── all again, each under a savepoint <──────┘             │
 *                              ├─ fn returned 0 ─────────────────────────────────────┤
 *                              └─ fn failed: its savepoint rolled back ──────────────┘
 *
 * S1  Nobody is told 0 before the COMMIT that holds his change has been synced.
 * S2  A request that failed leaves nothing behind; the others of its group are not touched by it.
 * S3  When the COMMIT fails, everybody in the group is told so, also those whose function had
 *     refused: the refusal may rest on a row of the same group that is gone now.
 * S4  A COMMIT whose sync failed may come to life again when the log is read after a crash. So the
 *     writer overwrites it at once with a change of its own (settle()); only when that has been
 *     synced is the group told ERR_STORE, else ERR_STORE_UNKNOWN.
 * S5  Nobody reads at opening what a power cut could take back. A process that was killed may have
 *     left a log that was never synced, or whose sync failed: then the system still shows its bytes
 *     and a second sync answers well without them. So the log is first written again
 *     (file_renew()).
 * S4 and S5 rest on what SQLite believes of disks on Unix (POWERSAFE_OVERWRITE): a power cut during
 * a write damages no other bytes. */
#include "store/store_impl.h"

#include "base/clock.h"
#include "base/plant.h"
#include "store/store_disk.h"
#include "store/store_file.h"
#include "store/pool.h"
#include "store/sqlite_conn.h"

#include <glib.h>

enum {
    GROUP_MAX = 256,     /* requests in one COMMIT */
    GUARDED_GROUPS = 16, /* run under savepoints after one that was spoiled */
    READERS_DEFAULT = 4,
    READERS_MAX = 64,
    WRITER_CACHE_KIB = 32 * 1024,
    READER_CACHE_KIB = 4 * 1024,
    WRITER_STACK_BYTES = 1024 * 1024,
    CHECKPOINT_PAGES = 4096,       /* log pages after which the writer moves them to the database */
    CHECKPOINT_PAGES_HARD = 32768, /* from here on it waits for readers in the way */
    CHECKPOINT_WAIT_MS = 100,      /* so long */
    IDLE_US = 200 * 1000,          /* without work: then it checkpoints too */
    BUSY_TIMEOUT_US = 5 * 1000 * 1000,
};

/* One store_write(), on its caller's stack. */
struct request {
    struct request *next;
    store_fn *fn;
    void *ctx;
    struct err *err;
    int64_t asked_us;
    int result;
    struct latch told; /* opened when `result` stands */
};

struct writer {
    struct task *task;
    struct lock lock; /* guards the queue, `sleeping`, `closing` */
    struct cond work;
    struct request *first, **last;
    int queued;
    bool sleeping, closing;
    /* The rest belongs to the task alone. */
    struct sqlite_conn conn;
    int log_pages;     /* in the write-ahead log after the last commit */
    int checkpoint_at; /* log_pages at which to checkpoint next */
    int checkpointed;  /* pages of the log that are in the database */
    int guarded;       /* groups to run under savepoints from here on */
};

struct reader {
    struct pool_slot slot;
    struct store_sqlite *store;
    struct sqlite_conn conn;
};

struct store_sqlite {
    struct store base;
    char *path;
    int lock_fd;
    int64_t busy_timeout_us;
    struct writer writer;
    struct pool readers;
    struct reader *reader; /* readers.max of them */
};

/* --- Checkpoints ------------------------------------------------------------------------------ */

static int on_commit(void *ctx, sqlite3 *db, const char *name, int pages) {
    struct writer *writer = ctx;
    if (pages < writer->log_pages) { /* the log began again */
        writer->checkpoint_at = CHECKPOINT_PAGES;
        writer->checkpointed = 0;
    }
    writer->log_pages = pages;
    return SQLITE_OK;
}

/* Moves the log's pages into the database. A failure is no loss: the log keeps them, and the next
 * checkpoint tries again. */
static void checkpoint(struct writer *writer) {
    bool hard = writer->log_pages >= CHECKPOINT_PAGES_HARD;
    int in_log = 0, moved = 0;
    if (hard) {
        sqlite3_busy_timeout(writer->conn.db, CHECKPOINT_WAIT_MS);
    }
    int mode = hard ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
    int code = sqlite3_wal_checkpoint_v2(writer->conn.db, NULL, mode, &in_log, &moved);
    if (hard) {
        sqlite3_busy_timeout(writer->conn.db, BUSY_TIMEOUT_US / US_PER_MS);
    }
    writer->checkpoint_at = writer->log_pages + CHECKPOINT_PAGES;
    if ((code == SQLITE_OK || code == SQLITE_BUSY) && moved > 0) {
        writer->checkpointed = moved;
    }
}

/* --- The writer ------------------------------------------------------------------------------- */

/* After a failed COMMIT: makes certain that it stays undone, by a change of the file's header (the
 * user version, which nobody reads) that takes its place in the log. True when that is on disk. */
static bool settle(struct writer *writer) {
    static const char change[] = "BEGIN IMMEDIATE;PRAGMA user_version=%d;COMMIT";
    char text[sizeof(change) + 16];
    snprintf(text, sizeof(text), change, (int)(clock_mono_us() & 0x7fffffff));
    if (sqlite3_exec(writer->conn.db, text, NULL, NULL, NULL) == SQLITE_OK) {
        return true;
    }
    if (!sqlite3_get_autocommit(writer->conn.db)) {
        sqlite_conn_fixed(&writer->conn, SQLITE_FIXED_ROLLBACK);
    }
    return false;
}

/* Undoes everything since BEGIN, unless SQLite already has. */
static void group_rollback(struct writer *writer) {
    if (!sqlite3_get_autocommit(writer->conn.db)) {
        sqlite_conn_fixed(&writer->conn, SQLITE_FIXED_ROLLBACK);
    }
}

/* Tells every request of the group the same failure (S3). */
static void group_fail(struct request *first, int count, const struct err *why) {
    struct request *request = first;
    for (int i = 0; i < count; i++, request = request->next) {
        request->result = -(int)why->code;
        if (request->err != NULL) {
            *request->err = *why;
        }
    }
}

static int group_commit(struct store_sqlite *store, struct err *err) {
    struct writer *writer = &store->writer;
    if (store_fault(&store->base, "COMMIT")) {
        group_rollback(writer);
        return err_set(err, ERR_STORE, "the COMMIT was made to fail");
    }
    int64_t start_us = clock_mono_us();
    int code = sqlite_conn_fixed(&writer->conn, SQLITE_FIXED_COMMIT);
    if (code == SQLITE_OK) {
        store_note_commit(&store->base, clock_mono_us() - start_us);
        return 0;
    }
    int result = sqlite_conn_error(&writer->conn, code, err);
    group_rollback(writer);
    if ((code & 0xff) == SQLITE_IOERR && !settle(writer)) {
        return err_set(err, ERR_STORE_UNKNOWN,
                       "the disk failed during COMMIT (%d), and again when undoing it", code);
    }
    return result;
}

/* The work is durable, and the test wants its callers not to know. */
static void group_forget(struct request *first, int count) {
    struct request *request = first;
    for (int i = 0; i < count; i++, request = request->next) {
        if (request->result == 0) {
            request->result = err_set(request->err, ERR_STORE_UNKNOWN,
                                      "the answer to COMMIT was made to get lost");
        }
    }
}

/* In what state a request's function left the group's transaction. */
enum left {
    LEFT_GOOD,    /* it may go on, and be committed */
    LEFT_SPOILED, /* it holds changes of a request that failed */
    LEFT_LOST,    /* SQLite ended it, or will not go on with it */
};

/* Ends a request's savepoint; undoes what it did if it failed. */
static enum left savepoint_end(struct sqlite_conn *conn, bool failed, struct err *ret_why) {
    int code = SQLITE_OK;
    if (failed) {
        code = sqlite_conn_fixed(conn, SQLITE_FIXED_ROLLBACK_TO);
    }
    if (code == SQLITE_OK) {
        code = sqlite_conn_fixed(conn, SQLITE_FIXED_RELEASE);
    }
    if (code != SQLITE_OK) {
        sqlite_conn_error(conn, code, ret_why);
        return LEFT_LOST;
    }
    return LEFT_GOOD;
}

/* Runs one request's function, under a savepoint if asked to. `ret_why` when all is lost. */
static enum left request_run(struct store_sqlite *store, struct request *request, bool guarded,
                             struct err *ret_why) {
    struct sqlite_conn *conn = &store->writer.conn;
    struct sqlite_tx tx;
    int code = guarded ? sqlite_conn_fixed(conn, SQLITE_FIXED_SAVEPOINT) : SQLITE_OK;
    if (code != SQLITE_OK) {
        sqlite_conn_error(conn, code, ret_why);
        return LEFT_LOST;
    }
    sqlite3_int64 changes = sqlite3_total_changes64(conn->db);
    store_tx_init(&tx.base, &store->base, false);
    tx.conn = conn;
    tx.scripted = false;
    request->result = store_tx_run(&tx.base, request->fn, request->ctx, request->err);
    if (sqlite3_get_autocommit(conn->db)) {
        /* SQLite rolled everything back by itself: disk full, out of memory, I/O error. */
        *ret_why = tx.base.failed;
        if (ret_why->code == ERR_OK) {
            err_set(ret_why, ERR_STORE, "the transaction was ended from inside");
        }
        return LEFT_LOST;
    }
    if (guarded) {
        return savepoint_end(conn, request->result < 0, ret_why);
    }
    bool changed = tx.scripted || sqlite3_total_changes64(conn->db) != changes;
    return request->result < 0 && changed ? LEFT_SPOILED : LEFT_GOOD;
}

/* Runs the group and commits it; fills every request's result. Returns how many were dealt with:
 * fewer than `count` when the transaction was lost on the way (the rest starts afresh), none when
 * it was spoiled (all start afresh, guarded). A request alone needs no guard: if it fails, all is
 * rolled back. */
static int group_run(struct store_sqlite *store, struct request *first, int count) {
    struct writer *writer = &store->writer;
    struct err why = {0};
    bool guarded = count > 1 && writer->guarded > 0;
    int code = sqlite_conn_fixed(&writer->conn, SQLITE_FIXED_BEGIN_IMMEDIATE);
    if (code != SQLITE_OK) {
        sqlite_conn_error(&writer->conn, code, &why);
        group_fail(first, count, &why);
        return count;
    }
    int run = 0, good = 0;
    for (struct request *request = first; run < count; request = request->next) {
        enum left left = request_run(store, request, guarded, &why);
        if (left == LEFT_SPOILED && count > 1) {
            group_rollback(writer);
            writer->guarded = GUARDED_GROUPS;
            return 0;
        }
        run++;
        if (left == LEFT_LOST) {
            group_rollback(writer);
            /* The one that broke it keeps its own error, if it has one. */
            int result = request->result;
            group_fail(first, result < 0 ? run - 1 : run, &why);
            return run;
        }
        good += request->result == 0 ? 1 : 0;
    }
    writer->guarded -= guarded ? 1 : 0;
    if (good == 0) {
        group_rollback(writer);
        return run;
    }
    if (!PLANTED(EARLY_WORD) && group_commit(store, &why) < 0 && !PLANTED(FAILED_COMMIT_BELIEVED)) {
        group_fail(first, run, &why);
    } else if (store_fault(&store->base, "COMMITTED")) {
        group_forget(first, run);
    }
    return run;
}

/* Counts them, then wakes each caller. A request's memory is its caller's: once the latch is open
 * it is gone, so nothing of it is read after that. */
static void group_tell(struct store_sqlite *store, struct request *first, int count,
                       int64_t start_us) {
    struct request *request = first;
    for (int i = 0; i < count; i++) {
        struct request *next = request->next;
        store_note_write(&store->base, start_us - request->asked_us, request->result);
        latch_open(&request->told);
        request = next;
    }
}

/* Waits for work with the lock held; checkpoints when there is none for a while. Returns false when
 * the store closes and nothing is left to do. */
static bool writer_wait(struct writer *writer) {
    while (writer->first == NULL) {
        if (writer->closing) {
            return false;
        }
        writer->sleeping = true;
        if (writer->checkpointed >= writer->log_pages) {
            cond_wait(&writer->work, &writer->lock);
            continue;
        }
        if (cond_wait_until(&writer->work, &writer->lock, clock_mono_us() + IDLE_US) ||
            writer->first != NULL) {
            continue;
        }
        writer->sleeping = false;
        lock_give(&writer->lock);
        checkpoint(writer);
        writer->checkpointed = writer->log_pages; /* one try in each pause */
        lock_take(&writer->lock);
    }
    writer->sleeping = false;
    return true;
}

/* Takes up to GROUP_MAX requests off the queue, with the lock held. */
static struct request *writer_take(struct writer *writer, int *ret_count) {
    struct request *first = writer->first, **end = &writer->first;
    int count = 0;
    while (*end != NULL && count < GROUP_MAX) {
        end = &(*end)->next;
        count++;
    }
    writer->first = *end;
    if (writer->first == NULL) {
        writer->last = &writer->first;
    }
    writer->queued -= count;
    *ret_count = count;
    return first;
}

static void writer_main(void *arg) {
    struct store_sqlite *store = arg;
    struct writer *writer = &store->writer;
    lock_take(&writer->lock);
    while (writer_wait(writer)) {
        int left = 0;
        struct request *first = writer_take(writer, &left);
        lock_give(&writer->lock);
        while (left > 0) {
            int64_t start_us = clock_mono_us();
            int done = group_run(store, first, left);
            struct request *rest = first;
            for (int i = 0; i < done; i++) {
                rest = rest->next;
            }
            group_tell(store, first, done, start_us);
            if (PLANTED(EARLY_WORD) && !sqlite3_get_autocommit(writer->conn.db)) {
                group_commit(store, &(struct err){0});
            }
            first = rest;
            left -= done;
        }
        if (writer->log_pages >= writer->checkpoint_at) {
            checkpoint(writer);
        }
        lock_take(&writer->lock);
    }
    lock_give(&writer->lock);
}

static int engine_write(struct store *base, store_fn *fn, void *ctx, struct err *err) {
    struct store_sqlite *store = (struct store_sqlite *)base;
    struct writer *writer = &store->writer;
    struct request request;
    request.next = NULL;
    request.fn = fn;
    request.ctx = ctx;
    request.err = err;
    request.asked_us = clock_mono_us();
    lock_take(&writer->lock);
    if (writer->closing) {
        lock_give(&writer->lock);
        return err_set(err, ERR_STORE, "the store is closing");
    }
    latch_init(&request.told);
    *writer->last = &request;
    writer->last = &request.next;
    writer->queued++;
    if (writer->sleeping) {
        writer->sleeping = false; /* one signal is enough for all who come before it wakes */
        cond_signal(&writer->work);
    }
    lock_give(&writer->lock);

    latch_pass(&request.told);
    latch_free(&request.told);
    return request.result;
}

/* --- Readers ---------------------------------------------------------------------------------- */

static void reader_close(struct pool_slot *slot) {
    sqlite_conn_close(&((struct reader *)slot)->conn);
    slot->open = false;
}

static int reader_open(struct reader *reader, struct err *err) {
    struct store_sqlite *store = reader->store;
    int64_t generation = pool_generation(&store->readers);
    int result = sqlite_conn_open(&reader->conn, store->path, true, READER_CACHE_KIB, err);
    if (result < 0) {
        return result;
    }
    reader->slot.open = true;
    reader->slot.generation = generation;
    return 0;
}

static int reader_run(struct reader *reader, store_fn *fn, void *ctx, struct err *err) {
    struct sqlite_tx tx;
    if (!reader->slot.open) {
        int result = reader_open(reader, err);
        if (result < 0) {
            return result;
        }
    }
    int code = sqlite_conn_fixed(&reader->conn, SQLITE_FIXED_BEGIN);
    if (code != SQLITE_OK) {
        return sqlite_conn_error(&reader->conn, code, err);
    }
    store_tx_init(&tx.base, &reader->store->base, true);
    tx.conn = &reader->conn;
    int result = store_tx_run(&tx.base, fn, ctx, err);
    if (!sqlite3_get_autocommit(reader->conn.db)) {
        sqlite_conn_fixed(&reader->conn, SQLITE_FIXED_ROLLBACK);
    }
    return result;
}

static int read_within(struct store *base, int64_t timeout_us, store_fn *fn, void *ctx,
                       struct err *err) {
    struct store_sqlite *store = (struct store_sqlite *)base;
    struct pool_slot *slot = NULL;
    int64_t wait_us = 0;
    int result = pool_take(&store->readers, timeout_us, &slot, &wait_us, err);
    if (result < 0) {
        store_note_read(base, timeout_us, result);
        return result;
    }
    result = reader_run((struct reader *)slot, fn, ctx, err);
    if (slot->open && slot->generation != pool_generation(&store->readers)) {
        reader_close(slot);
    }
    store_note_read(base, wait_us, result);
    pool_give(&store->readers, slot);
    return result;
}

static int engine_read(struct store *base, store_fn *fn, void *ctx, struct err *err) {
    return read_within(base, ((struct store_sqlite *)base)->busy_timeout_us, fn, ctx, err);
}

/* A reader of SQLite waits for a slot and for nothing else. */
static int engine_read_by(struct store *base, int64_t deadline_us, store_fn *fn, struct err *err) {
    return read_within(base, deadline_us - clock_mono_us(), fn, NULL, err);
}

static int engine_refresh(struct store *base) {
    return pool_refresh(&((struct store_sqlite *)base)->readers, reader_close);
}

static void engine_connections(struct store *base, struct store_stats *ret_stats) {
    struct store_sqlite *store = (struct store_sqlite *)base;
    int open = 0, busy = 0, waiting = 0;
    pool_count(&store->readers, &open, &busy, &waiting);
    lock_take(&store->writer.lock);
    ret_stats->connections_max = store->readers.max + 1;
    ret_stats->connections_open = open + 1;
    ret_stats->connections_busy = busy + (store->writer.sleeping ? 0 : 1);
    ret_stats->waiting = waiting + store->writer.queued;
    lock_give(&store->writer.lock);
}

/* --- Backup ----------------------------------------------------------------------------------- */

static int integrity_row(void *ctx, int columns, char **values, char **names) {
    char *ret_first = ctx;
    if (ret_first[0] == '\0' && columns > 0 && values[0] != NULL) {
        snprintf(ret_first, 120, "%s", values[0]);
    }
    return 0;
}

static int copy_check(const char *path, struct err *err) {
    sqlite3 *db = NULL;
    char first[120] = "";
    int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, store_disk_vfs());
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db, "PRAGMA integrity_check(1)", integrity_row, first, NULL);
    }
    sqlite3_close(db);
    if (code != SQLITE_OK) {
        return err_set(err, ERR_STORE, "the backup cannot be read back: %s", sqlite3_errstr(code));
    }
    if (strcmp(first, "ok") != 0) {
        return err_set(err, ERR_STORE_CORRUPT, "the backup fails its integrity check: %s", first);
    }
    return 0;
}

static int copy_make(struct store_sqlite *store, const char *path, struct err *err) {
    struct sqlite_conn conn;
    sqlite3_stmt *stmt = NULL;
    int result = sqlite_conn_open(&conn, store->path, false, READER_CACHE_KIB, err);
    if (result < 0) {
        return result;
    }
    int code = sqlite3_prepare_v2(conn.db, "VACUUM INTO ?1", -1, &stmt, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
        code = sqlite3_step(stmt);
    }
    result = code == SQLITE_DONE ? 0 : sqlite_conn_error(&conn, code, err);
    sqlite3_finalize(stmt);
    sqlite_conn_close(&conn);
    return result;
}

static int engine_backup(struct store *base, const char *path, struct err *err) {
    struct store_sqlite *store = (struct store_sqlite *)base;
    int result = copy_make(store, path, err);
    return result < 0 ? result : copy_check(path, err);
}

/* --- Opening and closing ---------------------------------------------------------------------- */

static void engine_close(struct store *base) {
    struct store_sqlite *store = (struct store_sqlite *)base;
    struct writer *writer = &store->writer;
    if (writer->task != NULL) {
        lock_take(&writer->lock);
        writer->closing = true;
        cond_signal(&writer->work);
        lock_give(&writer->lock);
        task_join(writer->task);
    }
    pool_drain(&store->readers);
    for (int i = 0; i < store->readers.max; i++) {
        sqlite_conn_close(&store->reader[i].conn);
    }
    sqlite_conn_close(&writer->conn); /* the last one moves the log into the database */
    file_unlock(store->lock_fd);
    pool_release(&store->readers);
    cond_free(&writer->work);
    lock_free(&writer->lock);
    store_release(&store->base);
    g_free(store->reader);
    g_free(store->path);
    g_free(store);
}

static const struct store_ops engine = {
    .close = engine_close,
    .write = engine_write,
    .read = engine_read,
    .read_by = engine_read_by,
    .refresh = engine_refresh,
    .connections = engine_connections,
    .exec = sqlite_exec,
    .put = sqlite_put,
    .put_one = sqlite_put_one,
    .query = sqlite_query,
    .next = sqlite_next,
    .rows_free = sqlite_rows_free,
    .text = sqlite_text,
    .integer = sqlite_integer,
    .real = sqlite_real,
    .null = sqlite_null,
    .script = sqlite_script,
    .patient = sqlite_patient,
    .backup = engine_backup,
};

static struct store_sqlite *store_new(const struct store_options *options, const char *path) {
    struct store_sqlite *store = g_new0(struct store_sqlite, 1);
    store_init(&store->base, &engine, STORE_SQLITE);
    store->path = g_strdup(path);
    store->lock_fd = -1;
    store->busy_timeout_us = options->busy_timeout_us > 0 ? options->busy_timeout_us
                                                          : BUSY_TIMEOUT_US;
    int max = options->pool_max > 0 ? MIN(options->pool_max, READERS_MAX) : READERS_DEFAULT;
    struct pool_slot *slots[READERS_MAX];
    store->reader = g_new0(struct reader, max);
    for (int i = 0; i < max; i++) {
        store->reader[i].store = store;
        slots[i] = &store->reader[i].slot;
    }
    pool_init(&store->readers, slots, max);
    lock_init(&store->writer.lock);
    cond_init(&store->writer.work);
    store->writer.last = &store->writer.first;
    store->writer.checkpoint_at = CHECKPOINT_PAGES;
    return store;
}

/* No writer: that is the service's, which may be running. */
static int store_start_looking(struct store_sqlite *store, struct err *err) {
    struct pool_slot *slot = NULL;
    int64_t wait_us = 0;
    int result = pool_take(&store->readers, store->busy_timeout_us, &slot, &wait_us, err);
    if (result < 0) {
        return result;
    }
    result = reader_open((struct reader *)slot, err);
    pool_give(&store->readers, slot);
    return result;
}

static int store_start(struct store_sqlite *store, struct err *err) {
    struct writer *writer = &store->writer;
    int result = file_lock(store->path, &store->lock_fd, err);
    if (result < 0) {
        return result;
    }
    result = file_create_private(store->path, err);
    if (result < 0) {
        return result;
    }
    char *log = g_strconcat(store->path, "-wal", NULL);
    result = file_renew(log, err); /* S5 */
    g_free(log);
    if (result < 0) {
        return result;
    }
    result = sqlite_conn_open(&writer->conn, store->path, false, WRITER_CACHE_KIB, err);
    if (result < 0) {
        return result;
    }
    sqlite3_wal_hook(writer->conn.db, on_commit, writer);
    writer->task = task_start("store-writer", WRITER_STACK_BYTES, writer_main, store);
    if (writer->task == NULL) {
        return err_set(err, ERR_STORE, "the writer task cannot be started");
    }
    return 0;
}

int store_sqlite_open(const struct store_options *options, const char *path,
                      struct store **ret_store, struct err *err) {
    if (path[0] == '\0' || path[0] == ':' || g_str_has_prefix(path, "file:")) {
        return err_set(err, ERR_CONFIG, "sqlite: must be followed by the path of a file");
    }
    store_sqlite_configure();
    struct store_sqlite *store = store_new(options, path);
    int result = options->look ? store_start_looking(store, err) : store_start(store, err);
    if (result < 0) {
        engine_close(&store->base);
        return result;
    }
    *ret_store = &store->base;
    return 0;
}
