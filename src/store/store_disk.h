/* SPDX-License-Identifier: Apache-2.0
 * store_disk.h: the door to the disk: what the SQLite engine stands on.
 *
 * Production installs nothing and gets the system's files. A simulator registers a VFS of its own
 * with SQLite and installs it here, with what the store does to files beside SQLite. A backup is
 * still published in the system's folders: with another disk none can be made.
 * Threads: store_disk_install() while no store is open; the rest from any. */
#ifndef HOLDFAST_STORE_STORE_DISK_H
#define HOLDFAST_STORE_STORE_DISK_H

#include "base/compiler.h"
#include "base/err.h"

struct store_disk {
    const char *vfs_name; /* for SQLite; NULL: its default. Borrowed. */
    void *ctx;
    /* As file_lock(), file_unlock(), file_create_private() and file_renew() of store_file.h; `lock`
     * is any number from 0 on. */
    int (*lock)(void *ctx, const char *path, int *ret_lock, struct err *err);
    void (*unlock)(void *ctx, int lock);
    int (*create_private)(void *ctx, const char *path, struct err *err);
    int (*renew)(void *ctx, const char *path, struct err *err);
};

/* Copied. NULL brings the system's files back. */
void store_disk_install(const struct store_disk *disk);
/* NULL unless another disk is installed. */
const struct store_disk *store_disk(void);
/* What to give sqlite3_open_v2(). */
const char *store_disk_vfs(void);

/* Settings of SQLite that matter only before its first use in the process; the store asks for them
 * itself, and who registers a VFS before that asks for them first. */
void store_sqlite_configure(void);

#endif
