/* SPDX-License-Identifier: Apache-2.0
 * outfile.h: a large file that is written piece by piece and has its name only once it is whole.
 *
 *   outfile_open() makes NAME.part; outfile_add() fills it; outfile_finish() makes it durable;
 *   outfile_name() gives it its name. Until then whoever looks sees that it is not done.
 *
 * Owns: the file and 64 KiB, until it is named or dropped. Threads: one each. Errors: ERR_IO (with
 * what the system says: a disk that is full), ERR_EXISTS. The first error is kept and told by
 * outfile_finish(): what is added after it goes nowhere. */
#ifndef HOLDFAST_BASE_OUTFILE_H
#define HOLDFAST_BASE_OUTFILE_H

#include "base/compiler.h"
#include "base/err.h"

/* Makes the folder (not those above it). One that is there must be empty, but for what an earlier
 * writer left behind (NAME.part): nothing is ever written over. */
MUST_USE int outfile_folder(const char *path, struct err *err);

struct outfile;
MUST_USE int outfile_open(const char *folder, const char *name, struct outfile **ret_file,
                          struct err *err);
/* The same, readable by its owner alone. */
MUST_USE int outfile_open_private(const char *folder, const char *name, struct outfile **ret_file,
                                  struct err *err);
void outfile_add(struct outfile *file, const void *bytes, size_t count);
void outfile_add_text(struct outfile *file, const char *text);
void outfile_addf(struct outfile *file, const char *format, ...) PRINTF_LIKE(2, 3);
int64_t outfile_bytes(const struct outfile *file); /* added so far */
MUST_USE int outfile_finish(struct outfile *file, struct err *err);
/* After outfile_finish(); the struct is gone, whatever comes of it. */
MUST_USE int outfile_name(struct outfile *file, struct err *err);
void outfile_drop(struct outfile *file); /* and what was written; NULL is fine */

#endif
