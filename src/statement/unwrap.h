/* SPDX-License-Identifier: Apache-2.0
 * unwrap.h: what a statement is packed in, taken off before a reader sees it.
 *
 *   gzip                               WeChat Pay; also several streams one after the other
 *   ZIP                                Alipay (two files), UnionPay (payments and errors)
 *   base 64, a zlib or a deflate stream  UnionPay, around its ZIP
 *
 * A layer is known by its first bytes, never by a name. A bare deflate stream has no mark of its
 * own: it is one where the beginning of a ZIP or gzip file comes out of it; base 64 is one where it
 * holds any of the others. What is packed is taken apart up to UNWRAP_LAYERS_MAX
 * times; what is not packed comes back as it is, without a copy. A file that looks packed and
 * cannot be unpacked whole, to its checksum, is refused: half of it would read like a short day.
 * Of Alipay's two files the one with the rows is kept and the summary is left out; UnionPay's two
 * are both given, each to be read on its own.
 * Owns: struct unwrapped, until unwrapped_release(); its files may borrow the caller's bytes.
 * Threads: any. Errors: ERR_BAD_REQUEST (broken, or packed more often than that), ERR_TOO_LARGE
 * (more than UNWRAP_FILES_MAX files, more than STATEMENT_BYTES_MAX bytes, or more than
 * UNWRAP_TIMES_MAX times the packed bytes where that is above UNWRAP_FREE_BYTES). */
#ifndef HOLDFAST_STATEMENT_UNWRAP_H
#define HOLDFAST_STATEMENT_UNWRAP_H

#include "base/compiler.h"
#include "base/err.h"
#include "statement/statement.h"

enum { UNWRAP_LAYERS_MAX = 3, UNWRAP_FILES_MAX = 32, UNWRAP_TIMES_MAX = 1000 };
#define UNWRAP_FREE_BYTES (INT64_C(64) << 20)

struct unwrapped_file {
    const char *name; /* of a ZIP's file its bytes, GBK or UTF-8; else the name that was given,
                         without its ".gz" */
    const void *bytes;
    size_t count;
    char *own_name, *own_bytes; /* NULL: borrowed from the caller */
    int layers;                 /* how often it was packed */
};
struct unwrapped {
    int count; /* at least 1 */
    struct unwrapped_file files[UNWRAP_FILES_MAX];
};

/* `name` and `bytes` are borrowed as long as `ret_unwrapped`. */
MUST_USE int statement_unwrap(const char *name, const void *bytes, size_t count,
                              struct unwrapped *ret_unwrapped, struct err *err);
/* The same for whoever has less room: no more than `bytes_max` bytes come out of it. */
MUST_USE int statement_unwrap_within(const char *name, const void *bytes, size_t count,
                                     int64_t bytes_max, struct unwrapped *ret_unwrapped,
                                     struct err *err);
/* Whether these are the bytes of a gzip file or a ZIP archive. */
MUST_USE bool statement_is_packed(const void *bytes, size_t count);
void unwrapped_release(struct unwrapped *unwrapped); /* twice is fine */
#define UNWRAPPED_AUTO struct unwrapped CLEANUP(unwrapped_release)

#endif
