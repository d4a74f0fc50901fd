/* SPDX-License-Identifier: Apache-2.0
 * store_file.h: the few things the store does with files itself: the lock beside a database, and a
 * backup that appears whole or not at all. Threads: any. Errors: ERR_STORE. */
#ifndef HOLDFAST_STORE_STORE_FILE_H
#define HOLDFAST_STORE_STORE_FILE_H

#include "base/compiler.h"
#include "base/err.h"

/* Takes the exclusive lock on `path`-lock, made when it is missing. The lock belongs to the open
 * file, so it also holds between two stores of one process, and ends with the process. */
MUST_USE int file_lock(const char *path, int *ret_fd, struct err *err);
/* -1 is fine. The file stays: removing it would let two hold locks on two files of one name. */
void file_unlock(int fd);
/* Makes an empty file that only its owner can read, unless there is one. */
MUST_USE int file_create_private(const char *path, struct err *err);
/* Makes durable what the file holds now, also after a sync of it has failed: writes the same bytes
 * in their places again and syncs. No file is fine: then that is made durable, by a sync of the
 * folder, so that a power cut does not bring a removed one back. */
MUST_USE int file_renew(const char *path, struct err *err);
/* Syncs `from`, gives it the name `to`, which must be free, and syncs the folder. */
MUST_USE int file_publish(const char *from, const char *to, struct err *err);

#endif
