/* SPDX-License-Identifier: Apache-2.0
 * archive.c: ZIP archives in memory, read and written. */
#include "base/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BLOCK_BYTES = 16 * 1024 };

static int broken(struct archive *archive, struct err *err) {
    const char *why = archive_error_string(archive);
    return err_set(err, ERR_BAD_REQUEST, "the archive cannot be read: %.120s",
                   why != NULL ? why : "it is broken");
}

static int read_entry(struct archive *archive, struct buf *ret_file, struct err *err) {
    char block[BLOCK_BYTES];
    for (;;) {
        la_ssize_t count = archive_read_data(archive, block, sizeof(block));
        if (count < 0) {
            return broken(archive, err);
        }
        if (count == 0) {
            return 0;
        }
        buf_add(ret_file, block, (size_t)count);
        if (!buf_ok(ret_file)) {
            return err_set(err, ERR_TOO_LARGE, "the file in the archive has more than %zu bytes",
                           ret_file->max);
        }
    }
}

/* The bytes as they stand there, or what they are in UTF-8 where the locale lacks their letters. */
static const char *name_of(struct archive_entry *entry) {
    const char *name = archive_entry_pathname(entry);
    return name != NULL ? name : archive_entry_pathname_utf8(entry);
}

static int find_entry(struct archive *archive, archive_wanted *wanted, struct buf *ret_file,
                      struct err *err) {
    for (int i = 0; i < ARCHIVE_ENTRIES_MAX; i++) {
        struct archive_entry *entry = NULL;
        int rc = archive_read_next_header(archive, &entry);
        if (rc == ARCHIVE_EOF) {
            return err_set(err, ERR_NOT_FOUND, "the archive does not hold the file looked for");
        }
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) {
            return broken(archive, err);
        }
        const char *name = name_of(entry);
        if (name != NULL && wanted(name)) {
            return read_entry(archive, ret_file, err);
        }
    }
    return err_set(err, ERR_TOO_LARGE, "the archive has more than %d entries", ARCHIVE_ENTRIES_MAX);
}

int archive_zip_read(const void *zip, size_t zip_bytes, archive_wanted *wanted,
                     struct buf *ret_file, struct err *err) {
    struct archive *archive = archive_read_new();
    INVARIANT(archive != NULL, "out of memory");
    /* The seekable reader: it goes by the directory at the end, as the writer meant it. */
    int rc = archive_read_support_format_zip_seekable(archive);
    INVARIANT(rc == ARCHIVE_OK, "libarchive reads ZIP");
    rc = archive_read_open_memory(archive, zip, zip_bytes) == ARCHIVE_OK
             ? find_entry(archive, wanted, ret_file, err)
             : broken(archive, err);
    archive_read_free(archive);
    return rc;
}

void archive_members_free(struct archive_member *members, int count) {
    for (int i = 0; i < count; i++) {
        free(members[i].name);
        free(members[i].bytes);
        members[i] = (struct archive_member){0};
    }
}

static int read_member(struct archive *archive, const char *name, size_t bytes_max,
                       struct archive_member *ret_member, struct err *err) {
    struct buf file;
    buf_init(&file, bytes_max);
    int rc = read_entry(archive, &file, err);
    if (rc < 0) {
        buf_release(&file);
        return rc;
    }
    ret_member->count = file.len;
    ret_member->bytes = buf_take(&file);
    ret_member->name = strdup(name);
    INVARIANT(ret_member->name != NULL, "out of memory");
    buf_release(&file);
    return 0;
}

/* How many entries the archive's end says that it has (APPNOTE 4.3.16); -1: it has no such end, or
 * leaves it to ZIP64. libarchive does not look at it, and takes a directory that is cut for one
 * that ends. */
static int entries_said(const unsigned char *zip, size_t zip_bytes) {
    enum { END_BYTES = 22, TOTAL_AT = 10, COMMENT_BYTES_MAX = 65535, ZIP64 = 0xFFFF };
    size_t back = END_BYTES;
    for (; back <= zip_bytes && back <= END_BYTES + COMMENT_BYTES_MAX; back++) {
        const unsigned char *at = zip + zip_bytes - back;
        if (memcmp(at, "PK\x05\x06", 4) == 0) {
            int said = at[TOTAL_AT] + at[TOTAL_AT + 1] * 256;
            return said == ZIP64 ? -1 : said;
        }
    }
    return -1;
}

static int read_members(struct archive *archive, size_t bytes_max, int entries,
                        struct archive_member *ret_members, int members_max, int *ret_count,
                        struct err *err) {
    size_t left = bytes_max;
    for (int i = 0; i <= ARCHIVE_ENTRIES_MAX; i++) {
        struct archive_entry *entry = NULL;
        int rc = archive_read_next_header(archive, &entry);
        if (rc == ARCHIVE_EOF) {
            return entries < 0 || i == entries
                       ? 0
                       : err_set(err, ERR_BAD_REQUEST,
                                 "the archive says that it has %d entries, and has %d", entries, i);
        }
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) {
            return broken(archive, err);
        }
        const char *name = name_of(entry);
        if (S_ISDIR(archive_entry_filetype(entry))) {
            continue;
        }
        if (!S_ISREG(archive_entry_filetype(entry))) {
            return err_set(err, ERR_BAD_REQUEST, "the archive has an entry that is no file");
        }
        if (*ret_count == members_max) {
            return err_set(err, ERR_TOO_LARGE, "the archive has more than %d files", members_max);
        }
        rc = read_member(archive, name != NULL ? name : "", left, &ret_members[*ret_count], err);
        if (rc < 0) {
            return rc;
        }
        left -= ret_members[*ret_count].count;
        *ret_count += 1;
    }
    return err_set(err, ERR_TOO_LARGE, "the archive has more than %d entries", ARCHIVE_ENTRIES_MAX);
}

int archive_zip_read_all(const void *zip, size_t zip_bytes, size_t bytes_max,
                         struct archive_member *ret_members, int members_max, int *ret_count,
                         struct err *err) {
    struct archive *archive = archive_read_new();
    INVARIANT(archive != NULL, "out of memory");
    int count = 0;
    int rc = archive_read_support_format_zip_seekable(archive);
    INVARIANT(rc == ARCHIVE_OK, "libarchive reads ZIP");
    rc = archive_read_open_memory(archive, zip, zip_bytes) == ARCHIVE_OK
             ? read_members(archive, bytes_max, entries_said(zip, zip_bytes), ret_members,
                            members_max, &count, err)
             : broken(archive, err);
    archive_read_free(archive);
    if (rc < 0) {
        archive_members_free(ret_members, count);
        count = 0;
    }
    *ret_count = count;
    return rc;
}

static la_ssize_t take_block(struct archive *archive, void *ctx, const void *bytes, size_t count) {
    buf_add(ctx, bytes, count);
    return (la_ssize_t)count;
}

static bool write_file(struct archive *archive, const struct archive_file *file) {
    struct archive_entry *entry = archive_entry_new();
    INVARIANT(entry != NULL, "out of memory");
    archive_entry_copy_pathname(entry, file->name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)file->count);
    bool written = archive_write_header(archive, entry) >= ARCHIVE_WARN &&
                   archive_write_data(archive, file->bytes, file->count) == (la_ssize_t)file->count;
    archive_entry_free(entry);
    return written;
}

int archive_zip_write(const struct archive_file *files, size_t file_count, struct buf *ret_zip,
                      struct err *err) {
    struct archive *archive = archive_write_new();
    INVARIANT(archive != NULL, "out of memory");
    bool written = archive_write_set_format_zip(archive) == ARCHIVE_OK &&
                   archive_write_set_bytes_in_last_block(archive, 1) == ARCHIVE_OK &&
                   archive_write_open(archive, ret_zip, NULL, take_block, NULL) == ARCHIVE_OK;
    for (size_t i = 0; i < file_count && written; i++) {
        written = write_file(archive, &files[i]);
    }
    written = archive_write_close(archive) == ARCHIVE_OK && written;
    archive_write_free(archive);
    if (!buf_ok(ret_zip)) {
        return err_set(err, ERR_TOO_LARGE, "the archive has more than %zu bytes", ret_zip->max);
    }
    return written ? 0 : err_set(err, ERR_IO, "the archive could not be written");
}

/* ---- piece by piece ---- */

struct archive_writer {
    struct archive *archive;
    archive_sink *sink; /* NULL: what comes goes nowhere */
    void *ctx;
    bool failed;
};

static la_ssize_t pass_block(struct archive *archive, void *ctx, const void *bytes, size_t count) {
    struct archive_writer *writer = ctx;
    if (writer->sink != NULL) {
        writer->sink(writer->ctx, bytes, count);
    }
    return (la_ssize_t)count;
}

struct archive_writer *archive_writer_open(archive_sink *sink, void *ctx) {
    struct archive_writer *writer = calloc(1, sizeof *writer);
    INVARIANT(writer != NULL, "out of memory");
    writer->sink = sink;
    writer->ctx = ctx;
    writer->archive = archive_write_new();
    INVARIANT(writer->archive != NULL, "out of memory");
    writer->failed = archive_write_set_format_zip(writer->archive) != ARCHIVE_OK ||
                     archive_write_set_format_option(writer->archive, "zip", "zip64", NULL) !=
                         ARCHIVE_OK ||
                     archive_write_set_bytes_in_last_block(writer->archive, 1) != ARCHIVE_OK ||
                     archive_write_open(writer->archive, writer, NULL, pass_block, NULL) !=
                         ARCHIVE_OK;
    return writer;
}

/* Without a size: it stands behind the bytes. Without a time: that is 1980 to a ZIP archive. */
void archive_writer_entry(struct archive_writer *writer, const char *name) {
    struct archive_entry *entry = archive_entry_new();
    INVARIANT(entry != NULL, "out of memory");
    archive_entry_copy_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    writer->failed = writer->failed || archive_write_header(writer->archive, entry) < ARCHIVE_WARN;
    archive_entry_free(entry);
}

void archive_writer_add(struct archive_writer *writer, const void *bytes, size_t count) {
    writer->failed = writer->failed ||
                     (count > 0 && archive_write_data(writer->archive, bytes, count) < 0);
}

int archive_writer_close(struct archive_writer *writer, struct err *err) {
    bool failed = writer->failed;
    failed = archive_write_close(writer->archive) != ARCHIVE_OK || failed;
    archive_writer_drop(writer);
    return failed ? err_set(err, ERR_IO, "the archive could not be written") : 0;
}

void archive_writer_drop(struct archive_writer *writer) {
    if (writer != NULL) {
        /* It is closed all the same, else libarchive leaves behind what an entry holds. */
        writer->sink = NULL;
        archive_write_free(writer->archive);
        free(writer);
    }
}
