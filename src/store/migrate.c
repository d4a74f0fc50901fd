/* SPDX-License-Identifier: Apache-2.0
 * migrate.c: brings the schema forward, see migrate.h.
 *
 * M1  Each file is applied in one transaction together with its row in `schema_migration`.
 * M2  Applied files are always the first n of the list; anything else is refused before a change.
 * M3  On PostgreSQL every step holds an advisory lock until its COMMIT and looks again under it, so
 *     instances that start together apply each file once. SQLite has one writer anyway. */
#include "store/migrate.h"

#include "base/clock.h"
#include "base/random.h"
#include "store/migrate_set.h"
#include "store/store_file.h"
#include "store/store_impl.h"

#include <glib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Any number will do as long as nothing else in the database uses it: "Holdfast" in ASCII. */
#define MIGRATE_LOCK_SQL "SELECT pg_advisory_xact_lock(5219509671615886196)"

struct applied {
    int64_t number;
    char title[64];
    char sha256_hex[65];
    int64_t applied_us;
};

/* The rows of `schema_migration` in order; none when there is no such table yet. */
struct history {
    struct applied rows[MIGRATIONS_MAX];
    int count;
};

/* --- Reading what was applied ----------------------------------------------------------------- */

static int history_table_exists(struct store_tx *tx, bool *ret_exists, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = store_engine(store_of(tx)) == STORE_SQLITE
                     ? sql_query(tx, err, &rows,
                                 "SELECT count(*) FROM sqlite_schema"
                                 " WHERE type = 'table' AND name = 'schema_migration'")
                     : sql_query(tx, err, &rows,
                                 "SELECT count(*) FROM pg_catalog.pg_class"
                                 " WHERE oid = to_regclass('schema_migration')");
    if (result == 0) {
        result = sql_next(rows, err);
    }
    if (result < 0) {
        return result;
    }
    *ret_exists = result == 1 && sql_int(rows, 0) > 0;
    return 0;
}

static int history_read(struct store_tx *tx, void *ctx, struct err *err) {
    struct history *history = ctx;
    SQL_ROWS_AUTO rows = NULL;
    bool exists = false;
    history->count = 0;
    int result = history_table_exists(tx, &exists, err);
    if (result < 0 || !exists) {
        return result;
    }
    result = sql_query(tx, err, &rows,
                       "SELECT number, title, sha256, applied_us FROM schema_migration"
                       " ORDER BY number");
    while (result == 0 && (result = sql_next(rows, err)) == 1) {
        if (history->count == MIGRATIONS_MAX) {
            return err_set(err, ERR_CONFIG, "the database has more than %d migrations",
                           MIGRATIONS_MAX);
        }
        struct applied *row = &history->rows[history->count++];
        row->number = sql_int(rows, 0);
        snprintf(row->title, sizeof(row->title), "%s", sql_text(rows, 1));
        snprintf(row->sha256_hex, sizeof(row->sha256_hex), "%s", sql_text(rows, 2));
        row->applied_us = sql_int(rows, 3);
        result = 0;
    }
    return result;
}

/* ERR_CONFIG unless the history is a beginning of the set (M2). */
static int history_fits(const struct history *history, const struct migration_set *set,
                        struct err *err) {
    for (int i = 0; i < history->count; i++) {
        const struct applied *row = &history->rows[i];
        if (row->number > set->count) {
            err_set(err, ERR_CONFIG,
                    "the database has migration %04lld (%s), which this program "
                    "does not know",
                    (long long)row->number, row->title);
            return err_hint(err, "a newer Holdfast was here: run that one, or restore a backup");
        }
        if (row->number != i + 1) {
            return err_set(err, ERR_CONFIG, "migration %04d was never applied, but %04lld was",
                           i + 1, (long long)row->number);
        }
        if (strcmp(row->sha256_hex, set->rows[i].sha256_hex) != 0) {
            err_set(err, ERR_CONFIG, "migration %04d (%s) is not the text that was applied",
                    set->rows[i].number, set->rows[i].title);
            return err_hint(err, "restore the file as it was and put the change into a new one");
        }
    }
    return 0;
}

/* Freed by the caller; it is too large for a task's stack. */
static int history_load(struct store *store, struct history **ret_history, struct err *err) {
    struct history *history = g_new0(struct history, 1);
    int result = store_read(store, history_read, history, err);
    if (result < 0) {
        g_free(history);
        return result;
    }
    *ret_history = history;
    return 0;
}

/* --- Applying --------------------------------------------------------------------------------- */

struct step {
    const struct migration_set *set;
    const struct migration *migration;
    bool done_by_other;
};

/* Looks, under the lock, whether another instance has applied it meanwhile. */
static int step_look(struct store_tx *tx, struct step *step, struct err *err) {
    struct history *history = g_new0(struct history, 1);
    int result = history_read(tx, history, err);
    if (result == 0) {
        result = history_fits(history, step->set, err);
    }
    step->done_by_other = history->count >= step->migration->number;
    g_free(history);
    return result;
}

static int step_lock(struct store_tx *tx, struct err *err) {
    int result = store_patient(tx, err);
    if (result == 0 && store_engine(store_of(tx)) == STORE_POSTGRES) {
        result = (int)sql_exec(tx, err, MIGRATE_LOCK_SQL);
    }
    return result < 0 ? result : 0;
}

static int step_apply(struct store_tx *tx, void *ctx, struct err *err) {
    struct step *step = ctx;
    const struct migration *migration = step->migration;
    step->done_by_other = false;
    int result = step_lock(tx, err);
    if (result == 0) {
        result = store_script(tx,
                              "CREATE TABLE IF NOT EXISTS schema_migration ("
                              " number bigint PRIMARY KEY, title text NOT NULL,"
                              " sha256 text NOT NULL, applied_us bigint NOT NULL)",
                              err);
    }
    if (result == 0) {
        result = step_look(tx, step, err);
    }
    if (result < 0 || step->done_by_other) {
        return result;
    }
    result = store_script(tx, migration->sql, err);
    if (result < 0) {
        return err_while(err, "applying migration %04d (%s)", migration->number, migration->title);
    }
    return (int)sql_exec(tx, err,
                         "INSERT INTO schema_migration (number, title, sha256, applied_us)"
                         " VALUES ($1, $2, $3, $4)",
                         S_INT(migration->number), S_TEXT(migration->title),
                         S_TEXT(migration->sha256_hex), S_INT(clock_wall_us()));
}

static int backup_before(struct store *store, const char *backup_dir, int number, struct err *err) {
    char now[CLOCK_TEXT_MAX];
    char *path = g_strdup_printf("%s/before-%04d-%s-%08x.%s", backup_dir, number,
                                 clock_format(clock_wall_us(), now), (unsigned)random_u64(),
                                 store_engine(store) == STORE_SQLITE ? "db" : "dump");
    int result = store_backup(store, path, err);
    g_free(path);
    return result < 0 ? err_while(err, "making the backup before migration %04d", number) : 0;
}

int migrate_set_apply(struct store *store, const struct migration_set *set, const char *backup_dir,
                      int *ret_applied, struct err *err) {
    struct history *history = NULL;
    int result = history_load(store, &history, err);
    if (result < 0) {
        return result;
    }
    int known = history->count, applied = 0;
    result = history_fits(history, set, err);
    g_free(history);
    if (result == 0 && backup_dir != NULL && known > 0 && known < set->count) {
        result = backup_before(store, backup_dir, known + 1, err);
    }
    for (int i = known; result == 0 && i < set->count; i++) {
        struct step step = {.set = set, .migration = &set->rows[i]};
        result = store_write(store, step_apply, &step, err);
        applied += result == 0 && !step.done_by_other ? 1 : 0;
    }
    if (result == 0 && ret_applied != NULL) {
        *ret_applied = applied;
    }
    return result;
}

/* --- Status and check ------------------------------------------------------------------------- */

int migrate_set_status(struct store *store, const struct migration_set *set,
                       struct migration_state *ret_states, int max, struct err *err) {
    struct history *history = NULL;
    int result = history_load(store, &history, err);
    if (result < 0) {
        return result;
    }
    int count = 0;
    for (int i = 0; i < set->count && count < max; i++) {
        struct migration_state *state = &ret_states[count++];
        *state = (struct migration_state){.number = set->rows[i].number};
        snprintf(state->title, sizeof(state->title), "%s", set->rows[i].title);
        for (int j = 0; j < history->count; j++) {
            if (history->rows[j].number == state->number) {
                state->applied_us = history->rows[j].applied_us;
                state->altered = strcmp(history->rows[j].sha256_hex, set->rows[i].sha256_hex) != 0;
            }
        }
    }
    /* Those that only the database knows count as altered. */
    for (int j = 0; j < history->count && count < max; j++) {
        if (history->rows[j].number > set->count) {
            struct migration_state *state = &ret_states[count++];
            *state = (struct migration_state){.number = (int)history->rows[j].number,
                                              .applied_us = history->rows[j].applied_us,
                                              .altered = true};
            snprintf(state->title, sizeof(state->title), "%s", history->rows[j].title);
        }
    }
    g_free(history);
    return count;
}

int migrate_set_check(struct store *store, const struct migration_set *set, struct err *err) {
    struct history *history = NULL;
    int result = history_load(store, &history, err);
    if (result < 0) {
        return result;
    }
    result = history_fits(history, set, err);
    if (result == 0 && history->count < set->count) {
        const struct migration *missing = &set->rows[history->count];
        err_set(err, ERR_CONFIG, "migration %04d (%s) has not been applied", missing->number,
                missing->title);
        result = err_hint(err, "run: holdfast db migrate");
    }
    g_free(history);
    return result;
}

static const struct migration_set *built_in(struct migration_set *set) {
    *set = (struct migration_set){.rows = migrations, .count = migrations_count};
    INVARIANT(set->count <= MIGRATIONS_MAX, "there are too many migrations");
    return set;
}

int migrate_apply(struct store *store, const char *backup_dir, int *ret_applied, struct err *err) {
    struct migration_set set;
    return migrate_set_apply(store, built_in(&set), backup_dir, ret_applied, err);
}

int migrate_status(struct store *store, struct migration_state *ret_states, int max,
                   struct err *err) {
    struct migration_set set;
    return migrate_set_status(store, built_in(&set), ret_states, max, err);
}

int migrate_check(struct store *store, struct err *err) {
    struct migration_set set;
    return migrate_set_check(store, built_in(&set), err);
}

/* --- Backup ----------------------------------------------------------------------------------- */

/* Written under another name first, so that a file with the wanted name is always a whole one. */
int store_backup(struct store *store, const char *path, struct err *err) {
    struct stat there;
    if (lstat(path, &there) == 0) {
        return err_set(err, ERR_EXISTS, "there is a file %s already", path);
    }
    char *partial = g_strdup_printf("%s.partial-%08x", path, (unsigned)random_u64());
    int result = file_create_private(partial, err);
    if (result < 0) {
        err_while(err, "making the backup %s", path);
        err_hint(err, "Its folder must be there, and ours to write in: make it, or name another.");
    } else {
        result = store->ops->backup(store, partial, err);
        if (result == 0) {
            result = file_publish(partial, path, err);
        }
        if (result < 0) {
            (void)unlink(partial);
        }
    }
    g_free(partial);
    return result;
}
