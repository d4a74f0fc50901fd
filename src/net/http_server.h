/* SPDX-License-Identifier: Apache-2.0
 * http_server.h: the HTTP/1.1 front: libevent's buffered sockets, http-parser for the bytes, strict
 * glue of our own for the limits.
 *
 * I/O tasks run event loops: they read, bound and time out, and hand each complete request to the
 * listener's bounded queue; when that is full the answer is 503 with Retry-After and nothing has
 * been done. Worker tasks run the handler as straight-line code that may block; the reply goes back
 * to the loop. Workers are started when they are needed, up to `workers_max`, and end after idling.
 * Refused with 400 (or the status named) and closed: obs-fold, blank before a colon, bare LF, NUL,
 * none or two Host, two or differing Content-Length, Content-Length with Transfer-Encoding, any
 * Transfer-Encoding but exactly "chunked", request lines and headers over their limits (414, 431),
 * bodies over theirs (413), HTTP versions but 1.0 and 1.1 (505), unknown methods (501), CONNECT,
 * absolute-form with another host, paths that do not decode, expectations but 100-continue (417),
 * slow senders (408). The whole list is http_refusals.def.
 * Replies carry Request-Id, Content-Length, Date and the fixed security headers.
 * Threads: any for the functions here; handlers run on many tasks at once.
 * Limits: struct http_limits. */
#ifndef HOLDFAST_NET_HTTP_SERVER_H
#define HOLDFAST_NET_HTTP_SERVER_H

#include "net/http.h"

struct http_server;
struct http_listener;

typedef void http_handler(void *ctx, const struct http_request *request, struct http_reply *reply);

struct http_limits {        /* 0: the default in brackets */
    int line_bytes_max;     /* request line [8,192] */
    int header_bytes_max;   /* all headers [16,384] */
    int headers_max;        /* number of headers [64] */
    int64_t body_bytes_max; /* [65,536] */
    int64_t head_us;        /* from the first byte to the end of the headers [10 s] */
    int64_t body_us;        /* from there to the last byte of the body [20 s] */
    int64_t idle_us;        /* keep-alive without a request [60 s] */
    int64_t write_us;       /* without the peer taking a byte of the reply [20 s] */
    int connections_max;    /* of this listener [10,000] */
    int requests_max;       /* on one connection [100,000] */
};

struct http_listener_options {
    const char *address; /* "127.0.0.1:8080", "[::1]:0", ":8080" (all); port 0: any free one */
    const char *tls_cert_path, *tls_key_path; /* both or none */
    http_handler *handler;
    void *ctx;       /* borrowed */
    int workers_max; /* [1,024] */
    int queue_max;   /* requests waiting for a worker [4,096] */
    struct http_limits limits;
};

/* Also makes the process ignore SIGPIPE, unless it handles it. */
MUST_USE int http_server_new(int io_tasks /* 0: 2 */, struct http_server **ret_server,
                             struct err *err);
/* May be called before and after http_server_start(). The listener lives as long as the server. */
MUST_USE int http_server_listen(struct http_server *server,
                                const struct http_listener_options *options,
                                struct http_listener **ret_listener, struct err *err);
int http_listener_port(const struct http_listener *listener);
/* Of a listener that speaks TLS: connections from here on are shown this certificate; those that
 * stand keep what they have. ERR_CRYPTO: it cannot be used, or the key is not its own; nothing has
 * changed. */
MUST_USE int http_listener_renew_tls(struct http_listener *listener, const char *cert_path,
                                     const char *key_path, struct err *err);
/* Sandbox: true closes the listening socket (connections are refused by the kernel) and every open
 * connection; false opens the same port again. */
MUST_USE int http_listener_refuse(struct http_listener *listener, bool refuse, struct err *err);
MUST_USE int http_server_start(struct http_server *server, struct err *err);
/* Graceful end: stop accepting, answer what was received (with Connection: close), wait for it at
 * most `timeout_us`, then close the rest. Returns how many requests were cut off. */
int http_server_drain(struct http_server *server, int64_t timeout_us);
/* Drains with timeout 0 first if it was not. Waits for handlers that still run. NULL is fine. */
void http_server_free(struct http_server *server);

struct http_server_stats {
    int64_t requests, refused, overloaded, timeouts;
    int connections, workers, workers_busy, queued;
};
void http_server_stats(const struct http_listener *listener, struct http_server_stats *ret_stats);

#endif
