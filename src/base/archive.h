/* SPDX-License-Identifier: Apache-2.0
 * archive.h: ZIP archives in memory, in which gateways publish their statements, over libarchive;
 * and such as are written piece by piece.
 * Nothing is ever written to a disk, so an entry's name leads nowhere.
 * Owns: nothing. Threads: any, one archive each. Errors: ERR_BAD_REQUEST (no archive, or broken),
 * ERR_NOT_FOUND (no such entry), ERR_TOO_LARGE. Limits: ARCHIVE_ENTRIES_MAX entries; the file's
 * bytes are bounded by `ret_file`. */
#ifndef HOLDFAST_BASE_ARCHIVE_H
#define HOLDFAST_BASE_ARCHIVE_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"

enum { ARCHIVE_ENTRIES_MAX = 1000 };

/* Says of an entry's name, as its bytes stand in the archive, whether it is the one. */
typedef bool archive_wanted(const char *name);

/* Adds the bytes of the first wanted entry to `ret_file`. */
MUST_USE int archive_zip_read(const void *zip, size_t zip_bytes, archive_wanted *wanted,
                              struct buf *ret_file, struct err *err);

/* What one entry held; both are owned, free(). */
struct archive_member {
    char *name;  /* its bytes, in whatever charset, as they stand in the archive */
    char *bytes; /* a NUL that does not count follows */
    size_t count;
};
/* All files of a ZIP archive in the order in which they stand there, without folders.
 * ERR_BAD_REQUEST also: it has a link or the like, or another number of entries than it says.
 * ERR_TOO_LARGE: they have more than `bytes_max` bytes together, or are more than `members_max`.
 * With an error nothing is given. archive_members_free() afterwards. */
MUST_USE int archive_zip_read_all(const void *zip, size_t zip_bytes, size_t bytes_max,
                                  struct archive_member *ret_members, int members_max,
                                  int *ret_count, struct err *err);
void archive_members_free(struct archive_member *members, int count);

struct archive_file {
    const char *name; /* its bytes, in whatever charset, stand in the archive as they are */
    const void *bytes;
    size_t count;
};
/* Adds a ZIP archive of these files, for whoever plays a gateway. ERR_TOO_LARGE: no room. */
MUST_USE int archive_zip_write(const struct archive_file *files, size_t file_count,
                               struct buf *ret_zip, struct err *err);

/* A ZIP archive written piece by piece, in little memory: entry after entry, as their bytes come.
 * The same calls give the same bytes, whatever the hour. Entries are below 4 GiB (no ZIP64, which
 * not everything reads in a stream); the caller sees to it. Where the sink fails is the sink's to
 * tell; ERR_IO of archive_writer_close(): the archive is not whole. */
typedef void archive_sink(void *ctx, const void *bytes, size_t count);
struct archive_writer;
struct archive_writer *archive_writer_open(archive_sink *sink, void *ctx);
void archive_writer_entry(struct archive_writer *writer, const char *name);
void archive_writer_add(struct archive_writer *writer, const void *bytes, size_t count);
/* The struct is gone, whatever comes of it. */
MUST_USE int archive_writer_close(struct archive_writer *writer, struct err *err);
void archive_writer_drop(struct archive_writer *writer); /* NULL is fine */

#endif
