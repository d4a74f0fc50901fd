/* SPDX-License-Identifier: Apache-2.0
 * http_parse.h: bytes in, requests out: strict glue in front of http-parser.
 *
 *   LINE ──CR LF──► HEADERS ──empty line──► DONE
 *     │ (one empty line        │
 *     │  is passed over)       ├─ Content-Length ► LENGTH ────────────────────► DONE
 *     │                        └─ chunked ► SIZE ► DATA ► DATA_END ► SIZE …
 *     └──── any wrong byte ► REFUSED         └── size 0 ► TRAILERS ──empty line► DONE
 *
 * Invariants:
 * 1. The outcome depends on the bytes alone, never on how they were cut into packets.
 * 2. The glue reads the lines, the chunk sizes and the lengths on its own; http-parser reads the
 *    same bytes after it. When the two do not see the same target, headers, body or end, the
 *    request is refused.
 * 3. Nothing is kept beyond the limits: one byte more is refused when it arrives.
 * 4. After DONE or REFUSED nothing is taken until http_parse_reset().
 * Threads: one at a time. Only http_parse.c knows http-parser. */
#ifndef HOLDFAST_NET_HTTP_PARSE_H
#define HOLDFAST_NET_HTTP_PARSE_H

#include "net/http.h"
#include "net/http_lines.h"

struct http_parse;

enum {
    HTTP_CHUNK_DIGITS_MAX = 8,
    HTTP_CHUNK_EXTENSION_MAX = 256,   /* bytes, of one chunk */
    HTTP_CHUNK_EXTENSIONS_MAX = 4096, /* bytes, of all chunks of a request */
    HTTP_TRAILERS_MAX = 16,
    HTTP_TRAILER_BYTES_MAX = 2048,
    HTTP_METHOD_BYTES_MAX = 32,
};

struct http_parse_limits {
    int line_bytes_max; /* without the CR LF */
    int header_bytes_max;
    int headers_max; /* at most HTTP_HEADERS_MAX */
    int64_t body_bytes_max;
    bool tls; /* absolute form is https:// */
};

enum http_step {
    HTTP_STEP_MORE,    /* needs more bytes */
    HTTP_STEP_HEAD,    /* the head has just been accepted, a body follows: go on feeding */
    HTTP_STEP_DONE,    /* a whole request is there */
    HTTP_STEP_REFUSED, /* see http_parse_refusal(); the connection must end */
};

/* `limits` are copied. */
MUST_USE struct http_parse *http_parse_new(const struct http_parse_limits *limits);
void http_parse_free(struct http_parse *parse); /* NULL is fine */
/* Gets ready for the next request of the connection. The last one's texts are gone. */
void http_parse_reset(struct http_parse *parse);

/* Takes bytes up to the end of the request at most; `ret_used` says how many. */
MUST_USE enum http_step http_parse_feed(struct http_parse *parse, const char *bytes, size_t count,
                                        size_t *ret_used);

enum http_refusal http_parse_refusal(const struct http_parse *parse);

/* From HEAD on (the body from DONE on), until the reset. Method, path, query, headers and body are
 * set; the other members are the caller's. */
struct http_request *http_parse_request(struct http_parse *parse);
bool http_parse_keep_alive(const struct http_parse *parse);
bool http_parse_expects_continue(const struct http_parse *parse);
/* HTTP/1.0, where keeping the connection must be said. */
bool http_parse_is_old(const struct http_parse *parse);
/* True as soon as the request line says HEAD: the answer, even a refusal, has no body. */
bool http_parse_is_head(const struct http_parse *parse);

#endif
