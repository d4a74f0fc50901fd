/* SPDX-License-Identifier: Apache-2.0
 * store_disk.c: which disk the store stands on, see store_disk.h. */
#include "store/store_disk.h"

#include <sqlite3.h>

/* Written once, by store_disk_install(), while no store is open; read by all. */
static struct {
    bool on;
    struct store_disk disk;
} installed;

void store_disk_install(const struct store_disk *disk) {
    installed.on = disk != NULL;
    installed.disk = disk != NULL ? *disk : (struct store_disk){0};
}

const struct store_disk *store_disk(void) {
    return installed.on ? &installed.disk : NULL;
}

const char *store_disk_vfs(void) {
    return installed.disk.vfs_name;
}

/* No counting of memory under a global lock; savepoints kept in memory up to 1 MiB. SQLite refuses
 * both harmlessly when it is in use already. */
void store_sqlite_configure(void) {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, 1024 * 1024);
}
