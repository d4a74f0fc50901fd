/* SPDX-License-Identifier: Apache-2.0
 * file.h: reading a small file whole: a configuration, a key, a certificate.
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

#endif
