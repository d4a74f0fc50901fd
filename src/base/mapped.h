/* SPDX-License-Identifier: Apache-2.0
 * mapped.h: the door for what is too large to be read whole: a regular file seen through the
 * system's page cache, room on a disk for what does not fit into memory, and memory that goes back
 * to the system when it is given back.
 *
 * A file that somebody cuts while it is mapped is no surprise: what lay behind its new end reads as
 * zeros from then on (its pages would end the process with SIGBUS: for mappings made here that
 * signal is answered with an empty page), and mapped_check() says afterwards that the file changed.
 * So: read, then check, and believe nothing that was read when the check fails.
 * Owns: a mapping, a spill file, until they are closed. Threads: mapped_bytes(), mapped_forget(),
 * spill_append() and spill_read() any, at once; the rest one at a time. mapped_open() sets
 * the process's handler of SIGBUS; what is not ours goes on as before.
 * Errors: ERR_IO. Limits: MAPPED_FILES_MAX at a time (ERR_TOO_LARGE). */
#ifndef HOLDFAST_BASE_MAPPED_H
#define HOLDFAST_BASE_MAPPED_H

#include "base/compiler.h"
#include "base/err.h"

enum { MAPPED_FILES_MAX = 16 };

/* Read-only, from its first byte to the last that it has now. An empty file has no bytes. */
struct mapped;
MUST_USE int mapped_open(const char *path, struct mapped **ret_file, struct err *err);
void mapped_close(struct mapped *file); /* NULL is fine */
const char *mapped_bytes(const struct mapped *file);
size_t mapped_count(const struct mapped *file);
/* The bytes from..until were used, and need not stay in memory: whole pages between are let go of.
 * Who looks at them again reads them again. */
void mapped_forget(const struct mapped *file, size_t from, size_t until);
/* ERR_IO: it is not as it was when it was opened. */
MUST_USE int mapped_check(const struct mapped *file, struct err *err);

/* A file without a name in that folder: gone with the process, whatever becomes of it. */
struct spill;
MUST_USE int spill_open(const char *folder, struct spill **ret_spill, struct err *err);
void spill_close(struct spill *spill); /* NULL is fine */
/* Where the bytes were put. ERR_IO says so when the disk is full. */
MUST_USE int spill_append(struct spill *spill, const void *bytes, size_t count, int64_t *ret_at,
                          struct err *err);
/* What was appended so far, as a mapped file; `name` is for its errors. */
MUST_USE int spill_map(const struct spill *spill, const char *name, struct mapped **ret_file,
                       struct err *err);
MUST_USE int spill_read(const struct spill *spill, int64_t at, void *bytes, size_t count,
                        struct err *err);
int64_t spill_bytes(const struct spill *spill); /* appended so far */

/* Zeros, which take memory when they are first touched. Never NULL: without memory there is no
 * going on. */
MUST_USE void *pages_take(size_t bytes);
void pages_give(void *pages, size_t bytes); /* as many as were taken; NULL is fine */

#endif
