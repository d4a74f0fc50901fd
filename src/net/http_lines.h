/* SPDX-License-Identifier: Apache-2.0
 * http_lines.h: the raw lines of a head or of trailers, checked byte by byte as they arrive.
 *
 * Parsers accept too much, so the bytes are looked at before any parser sees them: a line ends with
 * CR LF and nothing else does, and no control character but TAB is in it. What is found does not
 * depend on how the bytes were cut into packets.
 * Owns: nothing; the lines are kept in the caller's buffer. Threads: one at a time. */
#ifndef HOLDFAST_NET_HTTP_LINES_H
#define HOLDFAST_NET_HTTP_LINES_H

#include "base/buf.h"

enum http_refusal {
    HTTP_REFUSAL_NONE = 0,
#define X(name, status, sentence) HTTP_REFUSAL_##name,
#include "net/http_refusals.def"
#undef X
    HTTP_REFUSAL_COUNT
};

/* From http_refusals.def. */
int http_refusal_status(enum http_refusal refusal);
const char *http_refusal_sentence(enum http_refusal refusal);

struct http_lines {
    size_t start;  /* where the present line begins in the buffer */
    bool after_cr; /* the last byte was a CR */
};

/* Takes bytes into `buf` up to the end of one line (its CR LF included) or up to the first wrong
 * byte. `bytes_max`: how long `buf` may become; one byte more is `over`. Sets `ret_used`.
 * Returns 1 when a line is whole, 0 when more bytes are needed, negative: -enum http_refusal. */
MUST_USE int http_lines_take(struct http_lines *lines, struct buf *buf, const char *bytes,
                             size_t count, size_t bytes_max, enum http_refusal over,
                             size_t *ret_used);

/* One header line without its CR LF: FOLD, HEADER_NAME or NONE; `ret_name_bytes` on NONE. */
MUST_USE enum http_refusal http_line_header(const char *line, size_t bytes, size_t *ret_name_bytes);

/* The characters of a method or a header's name (RFC 9110 §5.6.2). */
bool http_is_token(const char *text, size_t bytes);

#endif
