/* SPDX-License-Identifier: Apache-2.0
 * test_vfs.c: a disk for SQLite that fails on order, see test_vfs.h. Files of the write-ahead log
 * get a table of functions of their own; everything else is passed through untouched. */
#include "support/test_vfs.h"

#include <sqlite3.h>
#include <stdatomic.h>

static sqlite3_vfs failing;
static sqlite3_vfs *real;
static sqlite3_io_methods log_methods;
static const sqlite3_io_methods *real_methods;
static atomic_int syncs_left, writes_left;

static bool take_one(atomic_int *left) {
    int now = atomic_load(left);
    while (now > 0 && !atomic_compare_exchange_weak(left, &now, now - 1)) {
    }
    return now > 0;
}

static int failing_sync(sqlite3_file *file, int flags) {
    /* The bytes stay where a crash would find them: only the promise is broken. */
    int code = real_methods->xSync(file, flags);
    return take_one(&syncs_left) ? SQLITE_IOERR_FSYNC : code;
}

static int failing_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    if (take_one(&writes_left)) {
        return SQLITE_FULL;
    }
    return real_methods->xWrite(file, bytes, count, offset);
}

static int failing_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                        int *out_flags) {
    int code = real->xOpen(real, name, file, flags, out_flags);
    if (code == SQLITE_OK && (flags & SQLITE_OPEN_WAL) != 0) {
        if (real_methods == NULL) {
            real_methods = file->pMethods;
            log_methods = *real_methods;
            log_methods.xSync = failing_sync;
            log_methods.xWrite = failing_write;
        }
        file->pMethods = &log_methods;
    }
    return code;
}

void test_vfs_install(void) {
    if (real != NULL) {
        return;
    }
    real = sqlite3_vfs_find(NULL);
    failing = *real;
    failing.zName = "failing";
    failing.xOpen = failing_open;
    INVARIANT(sqlite3_vfs_register(&failing, 1) == SQLITE_OK, "the failing disk is installed");
}

void test_vfs_fail(int syncs, int writes) {
    atomic_store(&syncs_left, syncs);
    atomic_store(&writes_left, writes);
}
