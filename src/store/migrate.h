/* SPDX-License-Identifier: Apache-2.0
 * migrate.h: brings a database's schema forward, one numbered file at a time, never back.
 *
 * The files of src/store/migrations/ (NNNN_title.sql) are built into the program. Each that was
 * applied is a row of `schema_migration` with the SHA-256 of its text; a file that was changed
 * afterwards, or a row that the program does not know (a newer program was here), is refused.
 * Several instances may call it at once: one does the work, the others wait.
 * Errors: ERR_STORE, ERR_CONFIG (checksum or unknown migration). */
#ifndef HOLDFAST_STORE_MIGRATE_H
#define HOLDFAST_STORE_MIGRATE_H

#include "store/store.h"

struct migration {
    int number;
    const char *title;
    const char *sql;
    const char *sha256_hex;
};
extern const struct migration migrations[];
extern const int migrations_count;

struct migration_state {
    int number;
    char title[64];
    int64_t applied_us; /* 0: not yet */
    bool altered;       /* its text is not what was applied */
};

/* `ret_applied` may be NULL. With `backup_dir` and a database that holds data, a backup is made
 * there first (SQLite: a copy by VACUUM INTO; PostgreSQL: pg_dump -Fc). */
MUST_USE int migrate_apply(struct store *store, const char *backup_dir, int *ret_applied,
                           struct err *err);
/* Fills up to `max` rows, returns how many. */
MUST_USE int migrate_status(struct store *store, struct migration_state *ret_states, int max,
                            struct err *err);
/* ERR_CONFIG when anything is missing, altered or unknown. */
MUST_USE int migrate_check(struct store *store, struct err *err);
/* Writes a consistent backup of a live database to `path`, which must not exist; checks it. */
MUST_USE int store_backup(struct store *store, const char *path, struct err *err);

#endif
