/* SPDX-License-Identifier: Apache-2.0
 * store_postgres.c: the PostgreSQL engine: pool, reruns, and what became of a COMMIT.
 *
 *            ┌──────────────── rerun: conflict, or lost before COMMIT was sent ────────┐
 *            v                                                                         │
 *   take a slot ─> connect ─> fn ─> ready (id known) ─> COMMIT ──┬─ answered: told ────┤
 *                                                                └─ silence, or a      │
 *                                                                   warning ─> ask ────┤
 *                                         committed: settle, 0 · aborted: rerun ───────┘
 *                                                  nobody to ask in time: ERR_STORE_UNKNOWN
 *
 * P1  COMMIT is sent only when the transaction's id is known here, so it can be asked for.
 * P2  A run is repeated only when the one before is certainly not committed.
 * P3  A slot is held from the first run to the last word, so a closing store waits for it.
 * P4  A "committed" that was asked for counts once a commit of our own, later in the log, has been
 *     waited for: who asks may be told so long before the primary's standby has it.
 * P5  Reruns are bounded: CONFLICT_RUNS_MAX, LOST_RUNS_MAX, and the time to connect. */
#include "store/store_impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "store/pool.h"
#include "store/postgres_backup.h"
#include "store/postgres_conn.h"

#include <glib.h>

enum {
    CONNECTIONS_DEFAULT = 16,
    CONNECTIONS_MAX = 1024,
    CONFLICT_RUNS_MAX = 16,
    LOST_RUNS_MAX = 6,
    BUSY_TIMEOUT_US = 5 * 1000 * 1000,
    OUTCOME_TIMEOUT_US = 30 * 1000 * 1000,
    PAUSE_FIRST_US = 1000, /* doubled each time */
    PAUSE_CONFLICT_MAX_US = 100 * 1000,
    PAUSE_CONNECT_MAX_US = 500 * 1000,
};

struct slot {
    struct pool_slot pool;
    struct store_postgres *store;
    struct pg_conn conn;
};

struct store_postgres {
    struct store base;
    struct pg_target target;
    int64_t busy_timeout_us, outcome_timeout_us;
    struct pool pool;
    struct slot *slots; /* pool.max of them */
};

/* --- Connections ------------------------------------------------------------------------------ */

static void slot_close(struct pool_slot *slot) {
    pg_conn_close(&((struct slot *)slot)->conn);
    slot->open = false;
}

/* `by_us`: as the deadline of pg_conn_open(). */
static int slot_open(struct slot *slot, int64_t by_us, struct err *err) {
    struct store_postgres *store = slot->store;
    int64_t generation = pool_generation(&store->pool);
    int result = pg_conn_open(&slot->conn, &store->target, by_us, err);
    if (result < 0) {
        return result;
    }
    slot->pool.open = true;
    slot->pool.generation = generation;
    return 0;
}

/* Exponential with full jitter: anything between nothing and the step, so that callers that
 * collided once do not collide again. */
static void pause_before(int attempt, int64_t max_us) {
    int64_t step_us = (int64_t)PAUSE_FIRST_US << MIN(attempt, 20);
    task_sleep_us((int64_t)random_below((uint64_t)MIN(step_us, max_us)) + 1);
}

/* Makes sure that the slot has a connection, trying until the deadline: a server that restarts or a
 * failover is ridden out. */
static int slot_connect(struct slot *slot, int64_t deadline_us, struct err *err) {
    for (int attempt = 4; !slot->pool.open; attempt++) {
        int result = slot_open(slot, 0, err);
        if (result < 0 && clock_mono_us() >= deadline_us) {
            return result;
        }
        if (result < 0) {
            pause_before(attempt, PAUSE_CONNECT_MAX_US);
        }
    }
    return 0;
}

/* --- What became of a COMMIT ------------------------------------------------------------------ */

/* One question over the connection that there is. PG_FATE_IN_PROGRESS: ask again. */
static enum pg_fate ask_once(struct slot *slot, const char *xid, const char *incarnation,
                             int64_t deadline_us) {
    struct store *store = &slot->store->base;
    enum pg_fate fate = PG_FATE_IN_PROGRESS;
    struct err err;
    store_note_outcome_asked(store);
    if (!slot->conn.can_ask || pg_conn_fate(&slot->conn, xid, incarnation, &fate, &err) < 0) {
        slot_close(&slot->pool); /* perhaps a server that is not the primary yet */
    } else if (fate == PG_FATE_COMMITTED &&
               pg_conn_settle(&slot->conn, store, deadline_us, &err) < 0) {
        slot_close(&slot->pool);
        fate = PG_FATE_IN_PROGRESS; /* P4 */
    }
    return fate;
}

/* Asks, over a new connection each time the last one failed, until there is an answer. */
static enum pg_fate ask_until_known(struct slot *slot, const char *xid, const char *incarnation) {
    struct store_postgres *store = slot->store;
    int64_t deadline_us = clock_mono_us() + store->outcome_timeout_us;
    struct err err;
    for (int attempt = 0;; attempt++) {
        if (slot_connect(slot, deadline_us, &err) < 0) {
            return PG_FATE_UNKNOWN;
        }
        enum pg_fate fate = ask_once(slot, xid, incarnation, deadline_us);
        if (fate != PG_FATE_IN_PROGRESS) {
            return fate;
        }
        if (clock_mono_us() >= deadline_us) {
            return PG_FATE_UNKNOWN;
        }
        pause_before(attempt + 4, PAUSE_CONNECT_MAX_US);
    }
}

static enum pg_fate ask_fate(struct slot *slot, const char *xid, const char *incarnation) {
    static const char *const answers[] = {
        [PG_FATE_COMMITTED] = "committed",
        [PG_FATE_ABORTED] = "aborted",
        [PG_FATE_IN_PROGRESS] = "in progress",
        [PG_FATE_UNKNOWN] = "unknown",
    };
    enum pg_fate fate = ask_until_known(slot, xid, incarnation);
    log_event(STORE_COMMIT_ASKED, LT("answer", answers[fate]));
    return fate;
}

/* --- Runs ------------------------------------------------------------------------------------- */

enum run {
    RUN_DONE,     /* the result stands */
    RUN_CONFLICT, /* again, after a pause */
    RUN_LOST,     /* again, on a new connection */
};

/* A transaction that cannot be committed: is it worth another run? */
static enum run run_failed(struct pg_tx *tx) {
    if (tx->lost) {
        return RUN_LOST;
    }
    return tx->conflict ? RUN_CONFLICT : RUN_DONE;
}

static int say(const struct err *failed, struct err *err) {
    if (err != NULL) {
        *err = *failed;
    }
    return -(int)failed->code;
}

/* COMMIT was sent, and no answer came or one that says too little. */
static enum run run_unanswered(struct slot *slot, struct pg_tx *tx, int *ret_result,
                               struct err *err) {
    char incarnation[PG_INCARNATION_CHARS_MAX];
    enum pg_fate fate = PG_FATE_UNKNOWN;
    snprintf(incarnation, sizeof(incarnation), "%s", slot->conn.incarnation);
    if (tx->lost) {
        slot_close(&slot->pool);
    }
    tx->lost = false; /* what the slot holds from here on is a new connection */
    if (tx->xid[0] != '\0') {
        fate = ask_fate(slot, tx->xid, incarnation);
    }
    if (fate == PG_FATE_ABORTED) {
        *ret_result = say(&tx->base.failed, err);
        return RUN_LOST;
    }
    *ret_result = 0;
    if (fate != PG_FATE_COMMITTED) {
        *ret_result = err_set(err, ERR_STORE_UNKNOWN,
                              "the answer to COMMIT was lost and the server could not say in time "
                              "what became of it");
    }
    return RUN_DONE;
}

/* `fn` returned 0 and nothing is known to have failed. */
static enum run run_commit(struct slot *slot, struct pg_tx *tx, int *ret_result, struct err *err) {
    struct store *store = &slot->store->base;
    if (pg_tx_ready(tx) < 0) {
        *ret_result = say(&tx->base.failed, err);
        pg_tx_rollback(tx);
        return run_failed(tx);
    }
    if (store_fault(store, "COMMIT")) {
        pg_tx_rollback(tx);
        *ret_result = err_set(err, ERR_STORE, "the COMMIT was made to fail");
        return RUN_DONE;
    }
    int64_t start_us = clock_mono_us();
    enum pg_end end = pg_tx_commit(tx);
    if (end == PG_END_FAILED) {
        *ret_result = say(&tx->base.failed, err);
        pg_tx_rollback(tx);
        return run_failed(tx);
    }
    enum run run = RUN_DONE;
    *ret_result = 0;
    if (end == PG_END_UNKNOWN) {
        run = run_unanswered(slot, tx, ret_result, err);
    }
    if (run == RUN_DONE && *ret_result == 0) {
        store_note_commit(store, clock_mono_us() - start_us);
        if (store_fault(store, "COMMITTED")) {
            *ret_result = err_set(err, ERR_STORE_UNKNOWN,
                                  "the answer to COMMIT was made to get lost");
        }
    }
    return run;
}

/* One run of `fn` from its start, on the slot's connection. `by_us`: as in struct pg_tx. */
static enum run run_once(struct slot *slot, bool read_only, int64_t by_us, store_fn *fn, void *ctx,
                         int *ret_result, struct err *err) {
    struct pg_tx tx;
    pg_tx_init(&tx, &slot->store->base, &slot->conn, read_only);
    tx.by_us = by_us;
    *ret_result = store_tx_run(&tx.base, fn, ctx, err);
    enum run run = RUN_DONE;
    if (*ret_result < 0 || read_only) {
        /* Judged before the rollback: a connection lost there changes nothing about the result. */
        run = *ret_result < 0 ? run_failed(&tx) : RUN_DONE;
        pg_tx_rollback(&tx);
    } else {
        run = run_commit(slot, &tx, ret_result, err);
    }
    if (tx.lost) {
        slot_close(&slot->pool);
    }
    return run;
}

/* Runs until the result stands or the bounds are reached (P5). */
static int run_all(struct slot *slot, bool read_only, store_fn *fn, void *ctx, struct err *err) {
    struct store_postgres *store = slot->store;
    int conflicts = 0, losses = 0;
    for (;;) {
        int result = slot_connect(slot, clock_mono_us() + store->busy_timeout_us, err);
        if (result < 0) {
            return result;
        }
        enum run run = run_once(slot, read_only, 0, fn, ctx, &result, err);
        if (run == RUN_DONE) {
            return result;
        }
        if (run == RUN_CONFLICT && ++conflicts >= CONFLICT_RUNS_MAX) {
            return err_set(err, ERR_STORE_CONFLICT, "the transaction collided with others %d times",
                           conflicts);
        }
        if (run == RUN_LOST && ++losses >= LOST_RUNS_MAX) {
            err_set(err, ERR_STORE, "the connection was lost %d times", losses);
            return err_hint(err, "if there is a pooler in between, set no_prepare");
        }
        store_note_retry(&store->base);
        pause_before(conflicts + losses, PAUSE_CONFLICT_MAX_US);
    }
}

/* --- The engine ------------------------------------------------------------------------------- */

static void slot_give(struct pool_slot *slot) {
    struct pool *pool = &((struct slot *)slot)->store->pool;
    if (slot->open && slot->generation != pool_generation(pool)) {
        slot_close(slot);
    }
    pool_give(pool, slot);
}

static int engine_run(struct store *base, bool read_only, store_fn *fn, void *ctx,
                      struct err *err) {
    struct store_postgres *store = (struct store_postgres *)base;
    struct pool_slot *slot = NULL;
    int64_t wait_us = store->busy_timeout_us;
    int result = pool_take(&store->pool, store->busy_timeout_us, &slot, &wait_us, err);
    if (result == 0) {
        result = run_all((struct slot *)slot, read_only, fn, ctx, err);
    }
    if (read_only) {
        store_note_read(base, wait_us, result);
    } else {
        store_note_write(base, wait_us, result);
    }
    if (slot != NULL) {
        slot_give(slot);
    }
    return result;
}

static int engine_write(struct store *store, store_fn *fn, void *ctx, struct err *err) {
    return engine_run(store, false, fn, ctx, err);
}

static int engine_read(struct store *store, store_fn *fn, void *ctx, struct err *err) {
    return engine_run(store, true, fn, ctx, err);
}

/* A connection that died while it was idle says nothing about the server: then a new one is asked.
 * Each of the two may be the last that the deadline allows. */
static int run_by(struct slot *slot, int64_t deadline_us, store_fn *fn, struct err *err) {
    for (;;) {
        bool fresh = !slot->pool.open;
        int result = fresh ? slot_open(slot, deadline_us, err) : 0;
        if (result < 0) {
            return result;
        }
        enum run run = run_once(slot, true, deadline_us, fn, NULL, &result, err);
        if (fresh || run != RUN_LOST || clock_mono_us() >= deadline_us) {
            return result;
        }
    }
}

static int engine_read_by(struct store *base, int64_t deadline_us, store_fn *fn, struct err *err) {
    struct store_postgres *store = (struct store_postgres *)base;
    struct pool_slot *slot = NULL;
    int64_t timeout_us = deadline_us - clock_mono_us(), wait_us = timeout_us;
    int result = pool_take(&store->pool, timeout_us, &slot, &wait_us, err);
    if (result == 0) {
        result = run_by((struct slot *)slot, deadline_us, fn, err);
        slot_give(slot);
    }
    store_note_read(base, wait_us, result);
    return result;
}

static int engine_refresh(struct store *base) {
    return pool_refresh(&((struct store_postgres *)base)->pool, slot_close);
}

static void engine_connections(struct store *base, struct store_stats *ret_stats) {
    struct store_postgres *store = (struct store_postgres *)base;
    ret_stats->connections_max = store->pool.max;
    pool_count(&store->pool, &ret_stats->connections_open, &ret_stats->connections_busy,
               &ret_stats->waiting);
}

static int engine_backup(struct store *base, const char *path, struct err *err) {
    return postgres_backup(&((struct store_postgres *)base)->target, path, err);
}

static void engine_close(struct store *base) {
    struct store_postgres *store = (struct store_postgres *)base;
    pool_drain(&store->pool);
    for (int i = 0; i < store->pool.max; i++) {
        pg_conn_close(&store->slots[i].conn);
    }
    pool_release(&store->pool);
    store_release(&store->base);
    g_strfreev(store->target.keywords);
    g_strfreev(store->target.values);
    g_free(store->slots);
    g_free(store);
}

static const struct store_ops engine = {
    .close = engine_close,
    .write = engine_write,
    .read = engine_read,
    .read_by = engine_read_by,
    .refresh = engine_refresh,
    .connections = engine_connections,
    .exec = pg_exec,
    .put = pg_put,
    .put_one = pg_put_one,
    .query = pg_query,
    .next = pg_next,
    .rows_free = pg_rows_free,
    .text = pg_text,
    .integer = pg_integer,
    .real = pg_real,
    .null = pg_null,
    .script = pg_script,
    .patient = pg_patient,
    .backup = engine_backup,
};

/* --- Opening ---------------------------------------------------------------------------------- */

/* What we want where the URL does not say: a dead server is noticed in seconds, and only a primary
 * will do. */
static const struct {
    const char *keyword, *value;
} wanted[] = {
    {"connect_timeout", "5"},      {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},  {"keepalives_count", "3"},
    {"tcp_user_timeout", "15000"}, {"target_session_attrs", "read-write"},
    {"client_encoding", "UTF8"},   {"application_name", "holdfast"},
};

static const char *wanted_value(const char *keyword) {
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        if (strcmp(wanted[i].keyword, keyword) == 0) {
            return wanted[i].value;
        }
    }
    return NULL;
}

static int target_read(const struct store_options *options, struct pg_target *ret_target,
                       struct err *err) {
    /* The message of the parser is not passed on: it quotes pieces of the URL, perhaps a password.
     */
    char *message = NULL;
    PQconninfoOption *info = PQconninfoParse(options->url, &message);
    PQfreemem(message);
    if (info == NULL) {
        return err_set(err, ERR_CONFIG, "the PostgreSQL URL cannot be understood");
    }
    int total = 0, count = 0;
    while (info[total].keyword != NULL) {
        total++;
    }
    struct pg_target target = {.keywords = g_new0(char *, (size_t)total + 1),
                               .values = g_new0(char *, (size_t)total + 1),
                               .no_prepare = options->no_prepare};
    for (int i = 0; i < total; i++) {
        const char *value = info[i].val != NULL ? info[i].val : wanted_value(info[i].keyword);
        if (value != NULL) {
            target.keywords[count] = g_strdup(info[i].keyword);
            target.values[count++] = g_strdup(value);
        }
    }
    PQconninfoFree(info);
    *ret_target = target;
    return 0;
}

static struct store_postgres *store_new(const struct store_options *options,
                                        const struct pg_target *target) {
    struct store_postgres *store = g_new0(struct store_postgres, 1);
    int max = options->pool_max > 0 ? MIN(options->pool_max, CONNECTIONS_MAX) : CONNECTIONS_DEFAULT;
    struct pool_slot *slots[CONNECTIONS_MAX];
    store_init(&store->base, &engine, STORE_POSTGRES);
    store->target = *target;
    store->busy_timeout_us = options->busy_timeout_us > 0 ? options->busy_timeout_us
                                                          : BUSY_TIMEOUT_US;
    store->outcome_timeout_us = options->outcome_timeout_us > 0 ? options->outcome_timeout_us
                                                                : OUTCOME_TIMEOUT_US;
    store->slots = g_new0(struct slot, max);
    for (int i = 0; i < max; i++) {
        store->slots[i].store = store;
        slots[i] = &store->slots[i].pool;
    }
    pool_init(&store->pool, slots, max);
    return store;
}

int store_postgres_open(const struct store_options *options, struct store **ret_store,
                        struct err *err) {
    struct pg_target target;
    int result = target_read(options, &target, err);
    if (result < 0) {
        return result;
    }
    struct store_postgres *store = store_new(options, &target);
    struct pool_slot *slot = NULL;
    int64_t wait_us = 0;
    result = pool_take(&store->pool, 0, &slot, &wait_us, err);
    INVARIANT(result == 0, "a new pool has a free slot");
    result = slot_open((struct slot *)slot, 0, err);
    pool_give(&store->pool, slot);
    if (result < 0) {
        engine_close(&store->base);
        return result;
    }
    *ret_store = &store->base;
    return 0;
}
