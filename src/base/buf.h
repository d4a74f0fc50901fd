/* SPDX-License-Identifier: Apache-2.0
 * buf.h: bytes that grow, up to a maximum said at the start. Past it the buffer takes nothing more
 * and remembers that it overflowed; check once, at the end, with buf_ok().
 * Owns: its memory, until buf_release(). Threads: one at a time. The bytes are always followed by a
 * NUL that does not count. */
#ifndef HOLDFAST_BASE_BUF_H
#define HOLDFAST_BASE_BUF_H

#include "base/compiler.h"

struct buf {
    char *data; /* never NULL after buf_init() */
    size_t len;
    size_t cap;
    size_t max;
    bool overflowed;
};

void buf_init(struct buf *buf, size_t bytes_max);
void buf_release(struct buf *buf); /* may be called twice; the struct may be init'ed again */
void buf_clear(struct buf *buf);   /* empties it, keeps the memory, forgets the overflow */
void buf_add(struct buf *buf, const void *bytes, size_t count);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_add_int(struct buf *buf, int64_t value);
void buf_addf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
/* The text with every byte outside [A-Za-z0-9-._~] percent-encoded (RFC 3986 §2.3). */
void buf_add_urlencoded(struct buf *buf, const char *text);
/* A JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void buf_add_json(struct buf *buf, const char *text);
static inline bool buf_ok(const struct buf *buf) {
    return !buf->overflowed;
}
/* Gives the memory to the caller, who frees it with free(); the buffer is empty afterwards, and is
 * released as any other. */
MUST_USE char *buf_take(struct buf *buf);

#define BUF_AUTO struct buf CLEANUP(buf_release)

#endif
