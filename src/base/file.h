/* SPDX-License-Identifier: Apache-2.0
 * file.h: reading a small file whole: a configuration, a key, a certificate; putting another in its
 * place; noticing that somebody did; room on a disk.
 * Owns: nothing; the caller gives the room. Threads: any. Errors: ERR_IO (absent, unreadable, or
 * no regular file: a pipe is refused, not waited for), ERR_TOO_LARGE. */
#ifndef HOLDFAST_BASE_FILE_H
#define HOLDFAST_BASE_FILE_H

#include "base/compiler.h"
#include "base/err.h"

/* `bytes` has room for bytes_max + 1: the one more tells a file that is too long from one that just
 * fits, and holds a NUL after the file's bytes. What `bytes` holds after a failure is undefined. */
MUST_USE int file_read(const char *path, char *bytes, size_t bytes_max, size_t *ret_count,
                       struct err *err);

/* Puts these bytes in the place of `path`, whole or not at all, also when the machine stops: they
 * are written beside it, made durable, and renamed. `mode` is that of the new file (0600). A
 * symbolic link is followed: what it names is replaced, and the link stays. */
MUST_USE int file_replace(const char *path, const void *bytes, size_t count, unsigned mode,
                          struct err *err);

/* What shows that a file is another one than it was, and who may read it. */
struct file_face {
    int64_t bytes, changed_ns, inode, device;
    unsigned mode;     /* permissions only: 0640 */
    bool ours_to_keep; /* nobody but its owner may write it, nobody outside its group read it */
};
/* ERR_IO: it is not there, or no regular file. A symbolic link is followed. */
MUST_USE int file_look(const char *path, struct file_face *ret_face, struct err *err);

/* Waits until nobody else, of any process, holds the lock that this file stands for; makes it when
 * it is not there. file_leave() lets go; so does the end of the process. */
MUST_USE int file_queue(const char *path, int *ret_lock, struct err *err);
void file_leave(int lock);
/* Not there: nothing to do. */
void file_remove(const char *path);

/* Other files than the system's, for whoever simulates a machine (base/world.h): reading, putting
 * another in a file's place, and looking; the rest stays the system's. NULL brings it back.
 * Before any other task exists. */
struct file_ops {
    int (*read)(void *ctx, const char *path, char *bytes, size_t bytes_max, size_t *ret_count,
                struct err *err);
    int (*replace)(void *ctx, const char *path, const void *bytes, size_t count, struct err *err);
    int (*look)(void *ctx, const char *path, struct file_face *ret_face, struct err *err);
};
void file_install(void *ctx, const struct file_ops *ops);

/* How much of the disk that `path` is on is free for us, and how large it is. */
MUST_USE int file_space(const char *path, int64_t *ret_free_bytes, int64_t *ret_total_bytes,
                        struct err *err);

#endif
