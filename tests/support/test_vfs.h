/* SPDX-License-Identifier: Apache-2.0
 * test_vfs.h: a disk for SQLite that fails on order. Install before the first store is opened.
 * Threads: any. */
#ifndef HOLDFAST_TESTS_TEST_VFS_H
#define HOLDFAST_TESTS_TEST_VFS_H

#include "base/compiler.h"

/* Makes it SQLite's default, on top of the one that was. */
void test_vfs_install(void);
/* The next `syncs` syncs of write-ahead logs and the next `writes` writes to them fail. */
void test_vfs_fail(int syncs, int writes);

#endif
