/* SPDX-License-Identifier: Apache-2.0
 * unwrap.c: what a statement is packed in, taken off layer by layer.
 * Sources: RFC 1950 to 1952 (zlib, deflate, gzip), RFC 4648 (base 64), APPNOTE 4.3 (ZIP). */
#include "statement/unwrap.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/archive.h"
#include "base/crypto.h"
#include "statement/seems.h"

enum packing { PACKED_NOT, PACKED_GZIP, PACKED_ZIP, PACKED_ZLIB, PACKED_DEFLATE, PACKED_BASE64 };

enum {
    CHUNK_BYTES = 64 * 1024,
    FEED_BYTES = 1 << 30, /* zlib counts in 32 bits */
    SNIFF_BYTES = 64,
    SNIFF_BASE64_CHARS = 4096,
    SNIFF_BASE64_CHARS_MIN = 16,
    MARK_BYTES = 4,
    FIRST_LINE_BYTES_MAX = 512,
    WINDOW_ZLIB = 15,
    WINDOW_GZIP = 15 + 16,
    WINDOW_DEFLATE = -15,
};

/* ---- what it is ---- */

static bool begins(const unsigned char *bytes, size_t count, const char *mark, size_t mark_count) {
    return count >= mark_count && memcmp(bytes, mark, mark_count) == 0;
}

static enum packing packing_by_mark(const unsigned char *bytes, size_t count) {
    if (begins(bytes, count, "\x1F\x8B\x08", 3)) {
        return PACKED_GZIP;
    }
    if (begins(bytes, count, "PK\x03\x04", MARK_BYTES) ||
        begins(bytes, count, "PK\x05\x06", MARK_BYTES)) {
        return PACKED_ZIP;
    }
    return PACKED_NOT;
}

bool statement_is_packed(const void *bytes, size_t count) {
    return packing_by_mark(bytes, count) != PACKED_NOT;
}

/* The first bytes that come out of a stream: SNIFF_BYTES, or fewer when it ends whole before; 0
 * when it breaks or is torn before, as texts that look like a stream soon do. */
static size_t sniff(const unsigned char *bytes, size_t count, int window,
                    unsigned char ret_bytes[SNIFF_BYTES]) {
    z_stream stream = {.next_in = (unsigned char *)bytes,
                       .avail_in = count < CHUNK_BYTES ? (uInt)count : CHUNK_BYTES,
                       .next_out = ret_bytes,
                       .avail_out = SNIFF_BYTES};
    INVARIANT(inflateInit2(&stream, window) == Z_OK, "zlib has memory");
    int rc = inflate(&stream, Z_SYNC_FLUSH);
    size_t got = SNIFF_BYTES - stream.avail_out;
    (void)inflateEnd(&stream);
    return rc == Z_STREAM_END || (rc == Z_OK && got == SNIFF_BYTES) ? got : 0;
}

static enum packing packing_of_stream(const unsigned char *bytes, size_t count) {
    unsigned char first[SNIFF_BYTES];
    /* 0x78: deflate with the window that everybody uses; the other values are letters of texts. */
    if (count > 2 && bytes[0] == 0x78 && (bytes[0] * 256 + bytes[1]) % 31 == 0 &&
        sniff(bytes, count, WINDOW_ZLIB, first) > 0) {
        return PACKED_ZLIB;
    }
    size_t got = sniff(bytes, count, WINDOW_DEFLATE, first);
    return packing_by_mark(first, got) != PACKED_NOT ? PACKED_DEFLATE : PACKED_NOT;
}

/* The letters of base 64 without line ends and blanks; false: there is something else, or no room.
 */
static bool base64_letters(const char *bytes, size_t count, char *letters, size_t letters_max,
                           size_t *ret_used) {
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        char c = bytes[i];
        if (c == '\r' || c == '\n' || c == ' ' || c == '\t') {
            continue;
        }
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                         (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
        if (!is_letter || used == letters_max) {
            return false;
        }
        letters[used++] = c;
    }
    letters[used] = '\0';
    *ret_used = used;
    return true;
}

static bool is_base64(const char *bytes, size_t count) {
    char letters[SNIFF_BASE64_CHARS + 1];
    size_t looked = count < SNIFF_BASE64_CHARS ? count : SNIFF_BASE64_CHARS, used = 0, got = 0;
    if (!base64_letters(bytes, looked, letters, SNIFF_BASE64_CHARS, &used) ||
        used < SNIFF_BASE64_CHARS_MIN) {
        return false;
    }
    letters[used - used % 4] = '\0';
    unsigned char *inside = crypto_unbase64(letters, &got);
    bool packed = inside != NULL && (packing_by_mark(inside, got) != PACKED_NOT ||
                                     packing_of_stream(inside, got) != PACKED_NOT);
    free(inside);
    return packed;
}

static enum packing packing_of(const struct unwrapped_file *file) {
    enum packing packing = packing_by_mark(file->bytes, file->count);
    packing = packing == PACKED_NOT ? packing_of_stream(file->bytes, file->count) : packing;
    return packing == PACKED_NOT && is_base64(file->bytes, file->count) ? PACKED_BASE64 : packing;
}

/* ---- taking one layer off ---- */

/* Why; of which file it is, tell_broken() says. */
static int broken(struct err *err, const char *what) {
    return err_set(err, ERR_BAD_REQUEST, "%s", what);
}

static const char *const packings[] = {
    [PACKED_NOT] = "file",        [PACKED_GZIP] = "gzip file",
    [PACKED_ZLIB] = "zlib file",  [PACKED_DEFLATE] = "deflate file",
    [PACKED_ZIP] = "ZIP archive", [PACKED_BASE64] = "base 64 file",
};

/* Which file it is, and what is to be done. Names inside of archives are in any charset. */
static int tell_broken(struct err *err, const struct unwrapped_file *file, enum packing packing) {
    char why[sizeof err->detail];
    bool named = g_utf8_validate(file->name, -1, NULL);
    snprintf(why, sizeof why, "%s", err->detail);
    (void)err_set(err, ERR_BAD_REQUEST, "the %s %.80s (%zu bytes) is torn or damaged: %.250s",
                  packings[packing], named ? file->name : "in it", file->count, why);
    return err_hint(err, "Download it again: it was cut off on its way, or was not whole yet. The "
                         "same damage twice is the sender's.");
}

/* One stream after the other where `window` is gzip's, else one. */
static int inflate_all(const unsigned char *bytes, size_t count, int window, struct buf *ret_plain,
                       struct err *err) {
    unsigned char chunk[CHUNK_BYTES];
    z_stream stream = {.next_in = (unsigned char *)bytes};
    size_t left = count;
    INVARIANT(inflateInit2(&stream, window) == Z_OK, "zlib has memory");
    int rc = Z_OK;
    while (rc == Z_OK && buf_ok(ret_plain)) {
        if (stream.avail_in == 0) {
            stream.avail_in = left < FEED_BYTES ? (uInt)left : FEED_BYTES;
            left -= stream.avail_in;
        }
        stream.next_out = chunk;
        stream.avail_out = sizeof chunk;
        rc = inflate(&stream, Z_NO_FLUSH);
        if (rc == Z_OK || rc == Z_STREAM_END) {
            buf_add(ret_plain, chunk, sizeof chunk - stream.avail_out);
        }
        bool more = stream.avail_in > 0 || left > 0;
        if (rc == Z_STREAM_END && more && window == WINDOW_GZIP) {
            rc = inflateReset(&stream);
        }
    }
    bool follows = stream.avail_in > 0 || left > 0;
    (void)inflateEnd(&stream);
    if (!buf_ok(ret_plain)) {
        return err_set(err, ERR_TOO_LARGE, "the file has more than %zu bytes when it is unpacked",
                       ret_plain->max);
    }
    if (rc != Z_STREAM_END) {
        return broken(err, rc == Z_BUF_ERROR ? "it ends before its end"
                                             : "its checksum or its form is wrong");
    }
    return follows ? broken(err, "something follows its end") : 0;
}

static int unbase64(const struct unwrapped_file *file, struct archive_member *ret_member,
                    struct err *err) {
    size_t used = 0;
    char *letters = malloc(file->count + 1);
    INVARIANT(letters != NULL, "out of memory");
    unsigned char *bytes = NULL;
    if (base64_letters(file->bytes, file->count, letters, file->count, &used)) {
        bytes = crypto_unbase64(letters, &ret_member->count);
    }
    free(letters);
    ret_member->bytes = (char *)bytes;
    return bytes != NULL ? 0 : broken(err, "it begins as base 64, and is none further on");
}

static int unpack_stream(const struct unwrapped_file *file, int window, size_t bytes_max,
                         struct archive_member *ret_member, struct err *err) {
    struct buf plain;
    buf_init(&plain, bytes_max);
    int rc = inflate_all(file->bytes, file->count, window, &plain, err);
    if (rc == 0) {
        ret_member->count = plain.len;
        ret_member->bytes = buf_take(&plain);
    }
    buf_release(&plain);
    return rc;
}

/* What was in it; the names of `ret_members` are NULL but for a ZIP's. */
static int unpack(const struct unwrapped_file *file, enum packing packing, size_t bytes_max,
                  struct archive_member ret_members[UNWRAP_FILES_MAX], int *ret_count,
                  struct err *err) {
    ret_members[0] = (struct archive_member){0};
    *ret_count = 1;
    switch (packing) {
    case PACKED_GZIP:
        return unpack_stream(file, WINDOW_GZIP, bytes_max, &ret_members[0], err);
    case PACKED_ZLIB:
        return unpack_stream(file, WINDOW_ZLIB, bytes_max, &ret_members[0], err);
    case PACKED_DEFLATE:
        return unpack_stream(file, WINDOW_DEFLATE, bytes_max, &ret_members[0], err);
    case PACKED_BASE64:
        return unbase64(file, &ret_members[0], err);
    case PACKED_ZIP: {
        int rc = archive_zip_read_all(file->bytes, file->count, bytes_max, ret_members,
                                      UNWRAP_FILES_MAX, ret_count, err);
        return rc == 0 && *ret_count == 0 ? broken(err, "it is an archive without a file") : rc;
    }
    case PACKED_NOT:
    default:
        return 0;
    }
}

/* ---- the list ---- */

static void file_release(struct unwrapped_file *file) {
    free(file->own_name);
    free(file->own_bytes);
    *file = (struct unwrapped_file){0};
}

void unwrapped_release(struct unwrapped *unwrapped) {
    for (int i = 0; i < unwrapped->count; i++) {
        file_release(&unwrapped->files[i]);
    }
    unwrapped->count = 0;
}

/* The name of what was in a file that has but one thing in it. */
static char *inner_name(const char *name) {
    size_t count = strlen(name);
    char *inner = strdup(name);
    INVARIANT(inner != NULL, "out of memory");
    if (count > 3 && strcasecmp(inner + count - 3, ".gz") == 0) {
        inner[count - 3] = '\0';
    }
    return inner;
}

/* Puts what was in files[at] into its place. */
static int replace(struct unwrapped *unwrapped, int at, struct archive_member *members, int count,
                   struct err *err) {
    if (unwrapped->count - 1 + count > UNWRAP_FILES_MAX) {
        archive_members_free(members, count);
        return err_set(err, ERR_TOO_LARGE, "the file holds more than %d files", UNWRAP_FILES_MAX);
    }
    struct unwrapped_file outer = unwrapped->files[at];
    memmove(&unwrapped->files[at + count], &unwrapped->files[at + 1],
            (size_t)(unwrapped->count - at - 1) * sizeof outer);
    for (int i = 0; i < count; i++) {
        char *name = members[i].name != NULL ? members[i].name : inner_name(outer.name);
        unwrapped->files[at + i] = (struct unwrapped_file){.name = name,
                                                           .bytes = members[i].bytes,
                                                           .count = members[i].count,
                                                           .own_name = name,
                                                           .own_bytes = members[i].bytes,
                                                           .layers = outer.layers + 1};
    }
    unwrapped->count += count - 1;
    file_release(&outer);
    return 0;
}

static int take_apart(struct unwrapped *unwrapped, int64_t bytes_max, struct err *err) {
    int64_t times = (int64_t)unwrapped->files[0].count * UNWRAP_TIMES_MAX;
    int64_t left = times > UNWRAP_FREE_BYTES ? times : UNWRAP_FREE_BYTES;
    left = left < bytes_max ? left : bytes_max;
    for (int at = 0; at < unwrapped->count;) {
        struct unwrapped_file *file = &unwrapped->files[at];
        enum packing packing = packing_of(file);
        if (packing == PACKED_NOT) {
            at++;
            continue;
        }
        if (packing == PACKED_ZIP && seems_workbook(file->bytes, file->count)) {
            (void)err_set(err, ERR_BAD_REQUEST, "the file is a workbook, as spreadsheets save it");
            return err_hint(err, "Save its sheet as CSV (UTF-8), and give that.");
        }
        if (file->layers == UNWRAP_LAYERS_MAX) {
            return err_set(err, ERR_BAD_REQUEST,
                           "the file is packed more often than statements are");
        }
        struct archive_member members[UNWRAP_FILES_MAX];
        int count = 0;
        int rc = unpack(file, packing, (size_t)left, members, &count, err);
        rc = rc == -ERR_BAD_REQUEST ? tell_broken(err, file, packing) : rc;
        for (int i = 0; rc == 0 && i < count; i++) {
            left -= (int64_t)members[i].count;
        }
        left = left > 0 ? left : 0;
        rc = rc == 0 ? replace(unwrapped, at, members, count, err) : rc;
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* UnionPay's ZIP has a member for errors also of a day without any: it tells nothing, and is the
 * same each day. Where all are empty they stay. */
static void drop_empty(struct unwrapped *unwrapped) {
    int told = 0, kept = 0;
    for (int i = 0; i < unwrapped->count; i++) {
        told += unwrapped->files[i].count > 0;
    }
    for (int i = 0; told > 0 && i < unwrapped->count; i++) {
        if (unwrapped->files[i].count == 0) {
            file_release(&unwrapped->files[i]);
        } else {
            unwrapped->files[kept++] = unwrapped->files[i];
        }
    }
    unwrapped->count = told > 0 ? kept : unwrapped->count;
}

/* ---- Alipay's two files ---- */

static bool holds(const void *bytes, size_t count, const char *gbk, const char *utf8) {
    return memmem(bytes, count, gbk, strlen(gbk)) != NULL ||
           memmem(bytes, count, utf8, strlen(utf8)) != NULL;
}

static size_t first_line(const struct unwrapped_file *file) {
    size_t looked = file->count < FIRST_LINE_BYTES_MAX ? file->count : FIRST_LINE_BYTES_MAX;
    const char *end = memchr(file->bytes, '\n', looked);
    return end != NULL ? (size_t)(end - (const char *)file->bytes) : looked;
}

/* Its first line is a comment that names Alipay ("#支付宝业务明细查询"). */
static bool is_alipay(const struct unwrapped_file *file) {
    return file->count > 0 && memchr(file->bytes, '#', MARK_BYTES < file->count ? MARK_BYTES : 1) &&
           holds(file->bytes, first_line(file), "\xD6\xA7\xB8\xB6\xB1\xA6", "支付宝");
}

static bool says_summary(const struct unwrapped_file *file, bool by_name) {
    static const char gbk[] = "\xBB\xE3\xD7\xDC", utf8[] = "汇总";
    return by_name ? holds(file->name, strlen(file->name), gbk, utf8)
                   : holds(file->bytes, first_line(file), gbk, utf8);
}

/* Summaries are left out where there is a file beside them that is none: by what their first lines
 * say, and where these say the same by their names. */
static void drop_summaries(struct unwrapped *unwrapped) {
    for (int by_name = 0; by_name < 2; by_name++) {
        int bills = 0, summaries = 0, kept = 0;
        for (int i = 0; i < unwrapped->count; i++) {
            bool alipay = is_alipay(&unwrapped->files[i]);
            bills += alipay;
            summaries += alipay && says_summary(&unwrapped->files[i], by_name);
        }
        if (summaries == 0 || summaries == bills) {
            continue;
        }
        for (int i = 0; i < unwrapped->count; i++) {
            struct unwrapped_file *file = &unwrapped->files[i];
            if (is_alipay(file) && says_summary(file, by_name)) {
                file_release(file);
            } else {
                unwrapped->files[kept++] = *file;
            }
        }
        unwrapped->count = kept;
        return;
    }
}

int statement_unwrap(const char *name, const void *bytes, size_t count,
                     struct unwrapped *ret_unwrapped, struct err *err) {
    return statement_unwrap_within(name, bytes, count, STATEMENT_BYTES_MAX, ret_unwrapped, err);
}

int statement_unwrap_within(const char *name, const void *bytes, size_t count, int64_t bytes_max,
                            struct unwrapped *ret_unwrapped, struct err *err) {
    if (count > (size_t)STATEMENT_BYTES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "a statement has at most %lld bytes",
                       (long long)STATEMENT_BYTES_MAX);
    }
    ret_unwrapped->count = 1;
    ret_unwrapped->files[0] = (struct unwrapped_file){.name = name, .bytes = bytes, .count = count};
    int rc = take_apart(ret_unwrapped, bytes_max, err);
    if (rc < 0) {
        unwrapped_release(ret_unwrapped);
        return rc;
    }
    drop_empty(ret_unwrapped);
    drop_summaries(ret_unwrapped);
    return 0;
}
