/* SPDX-License-Identifier: Apache-2.0
 * migrate_set.h: what migrate.h does, with any list of migrations instead of the one built in, so
 * that tests can bring their own. Same errors and threads. */
#ifndef HOLDFAST_STORE_MIGRATE_SET_H
#define HOLDFAST_STORE_MIGRATE_SET_H

#include "store/migrate.h"

enum { MIGRATIONS_MAX = 512 };

/* Borrowed. Numbers are 1, 2, 3 … without a gap. */
struct migration_set {
    const struct migration *rows;
    int count; /* at most MIGRATIONS_MAX */
};

MUST_USE int migrate_set_apply(struct store *store, const struct migration_set *set,
                               const char *backup_dir, int *ret_applied, struct err *err);
MUST_USE int migrate_set_status(struct store *store, const struct migration_set *set,
                                struct migration_state *ret_states, int max, struct err *err);
MUST_USE int migrate_set_check(struct store *store, const struct migration_set *set,
                               struct err *err);

#endif
