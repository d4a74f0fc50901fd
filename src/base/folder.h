/* SPDX-License-Identifier: Apache-2.0
 * folder.h: files that somebody else puts into a folder: which there are, and their bytes, without
 * trusting whoever writes there.
 *
 *   1. A name is one in this folder: it has no '/', and is neither "." nor "..".
 *   2. No symbolic link is followed, and nothing but a regular file is opened: a link that leads
 *      out of the folder, a pipe and a device are refused, not waited for. (The folder's own path
 *      is its owner's, and may have links.)
 *   3. What is read is the file that was looked at, as it was then, before and after the reading:
 *      one that grew, was cut or was replaced meanwhile is refused.
 * Owns: a descriptor, until folder_close(). Threads: one at a time. Errors: ERR_IO (absent,
 * unreadable, no regular file), ERR_STATE (it changed), ERR_TOO_LARGE (the buffer has no room, or
 * there are more than FOLDER_ENTRIES_MAX entries). */
#ifndef HOLDFAST_BASE_FOLDER_H
#define HOLDFAST_BASE_FOLDER_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/file.h"

enum { FOLDER_NAME_CHARS_MAX = 255, FOLDER_ENTRIES_MAX = 100000 };

struct folder;
MUST_USE int folder_open(const char *path, struct folder **ret_folder, struct err *err);
void folder_close(struct folder *folder); /* NULL is fine */
/* Makes one (not those above it); one that is there is left as it is. ERR_IO. */
MUST_USE int folder_make(const char *path, struct err *err);

/* Calls `fn` with the name of each entry but those that begin with a dot, in no order. What is not
 * 0 ends it and is returned. */
typedef int folder_fn(void *ctx, const char *name, struct err *err);
MUST_USE int folder_each(struct folder *folder, folder_fn *fn, void *ctx, struct err *err);

/* `changed_ns` is the later one of when its bytes and when its entry changed, so that no tool that
 * sets a file's time hides a write. */
MUST_USE int folder_look(struct folder *folder, const char *name, struct file_face *ret_face,
                         struct err *err);
/* Whether something of that name is there, of whatever kind. */
MUST_USE bool folder_has(struct folder *folder, const char *name);
/* Adds the file's bytes to `ret_bytes`; `face` is what folder_look() has told. */
MUST_USE int folder_read(struct folder *folder, const char *name, const struct file_face *face,
                         struct buf *ret_bytes, struct err *err);

#endif
