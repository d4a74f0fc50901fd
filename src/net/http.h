/* SPDX-License-Identifier: Apache-2.0
 * http.h: what the HTTP server and the HTTP client share: headers, requests, replies.
 * Threads: any; one struct each. */
#ifndef HOLDFAST_NET_HTTP_H
#define HOLDFAST_NET_HTTP_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"

enum { HTTP_HEADERS_MAX = 64 };

struct http_header {
    const char *name;
    const char *value;
};

/* First header of that name (case-insensitive), or NULL. */
const char *http_header_find(const struct http_header *headers, int count, const char *name);

/* A whole request as the server hands it to a handler: parsed, bounded, complete. Borrowed until
 * the handler returns. */
struct http_request {
    const char *method; /* "GET", … */
    const char *path;   /* "/v1/payments", percent-decoded once, no NUL, no "//", no dot segments */
    const char *query;  /* the raw text behind '?', "" when none */
    const struct http_header *headers;
    int header_count;
    const char *body; /* NUL-terminated for convenience; body_bytes counts */
    size_t body_bytes;
    const char *peer;   /* "203.0.113.7" */
    const char *id;     /* Request-Id given to this request */
    int64_t arrived_us; /* monotonic, when its last byte was read */
    bool tls;
};

/* Value of a query parameter, percent-decoded ('+' is a blank) into `ret_value`. 1 found, 0 not
 * there, negative: ERR_BAD_REQUEST (bad escape, NUL, longer than `bytes_max` - 1). */
MUST_USE int http_query_get(const struct http_request *request, const char *name, char *ret_value,
                            size_t bytes_max, struct err *err);

/* A handler fills this; everything it adds is copied. A status outside 200 to 599, or more than
 * 64 KiB of headers or 64 MiB of body, counts as a bug (500). */
struct http_reply {
    int status;
    struct buf headers; /* "Name: value\r\n" lines */
    struct buf body;
    /* For the sandbox's faults only: hold the reply back that long (the worker is free meanwhile);
     * send only the first `cut_after_bytes` - 1 bytes of the whole reply, then reset the connection
     * (0: no cut; 1: reset without a byte); never answer and keep the connection open. */
    int64_t delay_us;
    int32_t cut_after_bytes;
    bool never;
};

/* Names and values are checked: no CR, LF or NUL can get in (they become blanks, in names '-').
 * Content-Length and Transfer-Encoding are the server's: passed over. Another header of a name that
 * the server sets by itself replaces the server's; "Connection: close" ends the connection. */
void http_reply_header(struct http_reply *reply, const char *name, const char *value);
void http_reply_body(struct http_reply *reply, const char *content_type, const void *bytes,
                     size_t count);

#endif
