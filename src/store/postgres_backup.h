/* SPDX-License-Identifier: Apache-2.0
 * postgres_backup.h: a dump of a live PostgreSQL database by pg_dump, read back by pg_restore.
 * Both are found by PATH and must not be older than the server. Threads: any; blocks until they
 * end. Errors: ERR_STORE. */
#ifndef HOLDFAST_STORE_POSTGRES_BACKUP_H
#define HOLDFAST_STORE_POSTGRES_BACKUP_H

#include "store/postgres_conn.h"

/* Fills the file `path` in pg_dump's custom format. */
MUST_USE int postgres_backup(const struct pg_target *target, const char *path, struct err *err);

#endif
