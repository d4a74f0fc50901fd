/* SPDX-License-Identifier: Apache-2.0
 * load_client.h: very many requests to one server of our own, and when each was answered. For the
 * load generator only: it trusts what it talks to, speaks plain HTTP, and never repeats a request.
 *
 * One loop in the calling task: requests leave when they are due, on kept connections, one at a
 * time on each; a request that is due while all connections are busy waits, and its latency counts
 * from the moment it was due, not from the moment it left. So a server that stalls shows the whole
 * stall in the figures of everyone who would have come meanwhile (no coordinated omission).
 * A request costs one write, one wake-up and one read.
 * Threads: the caller's; the functions of `ops` run in it.
 * Owns:    its sockets, until it returns.
 * Errors:  ERR_USAGE (a URL that is not plain HTTP), ERR_UNREACHABLE (its name is unknown), ERR_IO.
 * Limits:  LOAD_CONNECTIONS_MAX; LOAD_BODY_BYTES_MAX of an answer are kept, the rest is read
 *          over. */
#ifndef HOLDFAST_NET_LOAD_CLIENT_H
#define HOLDFAST_NET_LOAD_CLIENT_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"

enum { LOAD_CONNECTIONS_MAX = 10000, LOAD_BODY_BYTES_MAX = 16 * 1024 };

struct load_client_options {
    const char *url;     /* "http://127.0.0.1:8080" */
    const char *path;    /* "/v1/payments"; every request is a POST of JSON */
    const char *headers; /* lines that go with every request, each ending in CR LF; or NULL */
    int connections_max; /* under way at once [256] */
    bool closed;         /* closed model: as many as connections_max are always under way */
    int64_t timeout_us;  /* of one request [30 s] */
};

/* The next request. The buffers are empty when they are handed out. */
struct load_order {
    int64_t due_us;     /* after the start; never less than the one before (closed model: unused) */
    struct buf headers; /* lines of this request alone, each ending in CR LF */
    struct buf body;
};

enum load_failure {
    LOAD_ANSWERED = 0,
    LOAD_NOT_SENT, /* no connection was free for as long as the timeout */
    LOAD_CONNECT,  /* no connection could be made */
    LOAD_LOST,     /* the connection ended before the answer was whole */
    LOAD_TIMEOUT,
    LOAD_GARBLED, /* what came is not HTTP */
    LOAD_FAILURE_COUNT
};
const char *load_failure_name(enum load_failure failure); /* "connect", "timeout", … */

struct load_result {
    enum load_failure failure;
    int status;         /* 0 unless answered */
    int64_t latency_us; /* from the moment it was due (closed model: sent) */
    int64_t waited_us;  /* of that, before it left */
    const char *body;   /* NUL-terminated, borrowed until the function returns */
    size_t body_bytes;
};

struct load_now {
    int64_t elapsed_us;
    int64_t
        behind_us; /* how long the request that is due has been waiting for a connection; 0: none */
    int busy;      /* requests under way */
};

struct load_client_ops {
    bool (*next)(void *ctx, struct load_order *order); /* false: there are no more */
    void (*done)(void *ctx, const struct load_result *result);
    bool (*tick)(void *ctx, const struct load_now *now); /* some ten times a second; false: stop */
};

/* Returns when the last answer is there. `ret_elapsed_us` is the time from the first request's due
 * moment to then. Asked to stop, it waits for what is under way. */
MUST_USE int load_client_run(const struct load_client_options *options,
                             const struct load_client_ops *ops, void *ctx, int64_t *ret_elapsed_us,
                             struct err *err);

#endif
