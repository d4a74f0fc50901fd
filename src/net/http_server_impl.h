/* SPDX-License-Identifier: Apache-2.0
 * http_server_impl.h: the parts of the HTTP server as its own files see them. */
#ifndef HOLDFAST_NET_HTTP_SERVER_IMPL_H
#define HOLDFAST_NET_HTTP_SERVER_IMPL_H

#include "base/openssl.h"
#include "base/task.h"
#include "net/http_loop.h"
#include "net/http_parse.h"
#include "net/http_pool.h"
#include "net/http_server.h"

#include <stdatomic.h>
#include <sys/socket.h>

struct evconnlistener;
struct event;

enum {
    HTTP_IO_TASKS_MAX = 64,
    HTTP_REPLY_HEADER_BYTES_MAX = 64 * 1024,
    HTTP_REPLY_BODY_BYTES_MAX = 64 * 1024 * 1024,
};

struct http_listener {
    struct http_server *server;
    struct http_listener *next;
    http_handler *handler;
    void *ctx;
    struct http_limits limits; /* with the defaults filled in */
    struct http_parse_limits parse_limits;
    struct http_pool *pool;
    bool secure; /* speaks TLS */
    struct lock tls_lock;
    SSL_CTX *tls;                    /* under its lock; may be replaced */
    struct sockaddr_storage address; /* with the port that was bound */
    socklen_t address_bytes;
    int port;
    /* The first loop's own. */
    struct evconnlistener *accepting; /* NULL: refusing */
    struct event *pause;              /* runs while accepting pauses for want of descriptors */
    int next_loop;
    /* Counted by any task. */
    atomic_int_fast64_t requests, refused, overloaded, timeouts;
    atomic_int connections;
};

struct http_server {
    struct http_loop *loops[HTTP_IO_TASKS_MAX];
    int loop_count;
    struct lock lock;
    struct cond quiet; /* the last connection has ended */
    /* Under the lock. */
    struct http_listener *listeners;
    int connections;
    bool started, draining;
};

/* ---- http_listener.c ---- */

/* Fills in the defaults and refuses what the parser cannot keep: ERR_CONFIG. */
MUST_USE int http_limits_fill(struct http_limits *limits, struct err *err);
/* Opens the socket, at first on the address given, later on the one that was bound then. Both on
 * the first loop's task. */
MUST_USE int http_listener_open(struct http_listener *listener, struct err *err);
void http_listener_close(struct http_listener *listener);
/* Reads "127.0.0.1:8080", "[::1]:0" or ":8080" (every address). ERR_CONFIG. */
MUST_USE int http_listener_address(struct http_listener *listener, const char *address,
                                   struct err *err);
/* A connection has ended. Any task. */
void http_listener_leave(struct http_listener *listener);

/* ---- http_conn.c; on the loop's own task ---- */

/* Takes `fd`, which has been counted, over. `peer` is the text of its address. */
void http_conn_open(struct http_loop *loop, struct http_listener *listener, int fd,
                    const char *peer);
/* The server drains: closes it if no request has begun on it. */
void http_conn_drain(struct http_conn *conn);
/* Closes it whatever it does. Returns true when a request that had been received is cut off. */
bool http_conn_cut(struct http_conn *conn);
struct http_conn *http_conn_next(const struct http_conn *conn);
struct http_listener *http_conn_listener(const struct http_conn *conn);
/* A job that waited and will not be run: its connection, closed already, ends. Any task. */
void http_conn_forget(struct http_job *job);
/* What the workers of a listener's pool run. */
void http_conn_run(struct http_job *job);

/* ---- http_tls.c ---- */

/* For a new connection; NULL: no memory. */
SSL *http_tls_ssl(struct http_listener *listener);

/* TLS 1.2 and 1.3, forward-secret authenticated ciphers, HTTP/1.1 by ALPN. ERR_CRYPTO. */
MUST_USE int http_tls_new(const char *cert_path, const char *key_path, SSL_CTX **ret_tls,
                          struct err *err);

#endif
