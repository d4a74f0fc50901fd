/* SPDX-License-Identifier: Apache-2.0
 * http_head.h: the head of a reply, and the replies that the server gives by itself.
 * Threads: one at a time for each struct. */
#ifndef HOLDFAST_NET_HTTP_HEAD_H
#define HOLDFAST_NET_HTTP_HEAD_H

#include "net/http.h"

/* The Date header, made anew once a second (RFC 9110 §5.6.7). Zeroed at first. */
struct http_date {
    int64_t second;
    char text[32];
};
const char *http_date(struct http_date *date, int64_t wall_us);

struct http_head {
    int status;
    const struct buf *headers; /* the handler's own lines; one of them replaces ours of that name */
    size_t body_bytes;
    const char *request_id;
    const char *date;
    bool close;      /* Connection: close */
    bool keep_alive; /* Connection: keep-alive, for HTTP/1.0 */
    bool tls;
};
/* Adds the head with its empty line to `out`. */
void http_head_write(struct buf *out, const struct http_head *head);

/* True when a line of the handler's headers is "Connection: close". */
bool http_head_closes(const struct buf *headers);
/* 1xx, 204 and 304 have no body (RFC 9110 §6.4.1). */
bool http_status_has_body(int status);

/* Empties the reply and fills in a problem document (RFC 9457). `detail` is a fixed sentence. */
void http_reply_problem(struct http_reply *reply, int status, enum err_code code,
                        const char *detail, const char *request_id);

#endif
