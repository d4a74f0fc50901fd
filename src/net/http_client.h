/* SPDX-License-Identifier: Apache-2.0
 * http_client.h: calls to other people's servers, and what can have reached them.
 *
 * libcurl, driven by the caller's own task; connections are kept and reused; no redirects, no
 * proxy from the environment, TLS 1.2 or newer and verified, answers capped. http_call() blocks.
 * The result that matters when it fails is `reach`:
 *   HTTP_NOT_SENT   certainly no byte of the request left this machine: refused, unresolvable, TLS
 *                   handshake failed, bulkhead full, deadline passed before sending
 *   HTTP_MAYBE_SENT the other side may have received and acted on it: anything after the first byte
 *   HTTP_ANSWERED   a complete answer came
 * It is taken from libcurl's pre-request callback, which runs each time the request is about to be
 * written on a connection, and not from error codes: a reused connection that turns out to be dead
 * makes libcurl try again on a new one, and a refusal there says nothing about the first try. That
 * second try itself is allowed only for calls marked `repeatable` (GET, or an idempotency key).
 * Threads: any, many at once. Owns: the answer belongs to the caller: http_answer_release(). */
#ifndef HOLDFAST_NET_HTTP_CLIENT_H
#define HOLDFAST_NET_HTTP_CLIENT_H

#include "net/http.h"

struct http_client;
struct http_bulkhead;

enum http_reach { HTTP_NOT_SENT = 1, HTTP_MAYBE_SENT = 2, HTTP_ANSWERED = 3 };

enum http_failure {
    HTTP_FAIL_NONE = 0,
    HTTP_FAIL_RESOLVE,   /* not sent */
    HTTP_FAIL_CONNECT,   /* not sent */
    HTTP_FAIL_TLS,       /* not sent: handshake or certificate */
    HTTP_FAIL_BULKHEAD,  /* not sent: too many of our calls to this peer are under way */
    HTTP_FAIL_TIMEOUT,   /* see reach */
    HTTP_FAIL_RESET,     /* see reach: connection lost */
    HTTP_FAIL_GARBLED,   /* maybe sent: the answer is not HTTP, or was cut in the middle */
    HTTP_FAIL_TOO_LARGE, /* maybe sent: the answer is over its cap */
    HTTP_FAIL_STOPPED,   /* the client is being stopped */
    HTTP_FAIL_REQUEST,   /* not sent: a URL, method or header that cannot be put on the wire */
};
const char *http_failure_name(enum http_failure failure); /* "connect", "timeout", … */

/* How far a call came, step by step; the times are each step's own, -1: it did not end (or, for
 * TLS, was not wanted). */
struct http_trace {
    char address[64]; /* that was connected to, or "" */
    int64_t resolve_us, connect_us, tls_us, answer_us;
    char certificate[128];        /* the name on the one that was shown, believed or not, or "" */
    int64_t certificate_until_us; /* wall; 0: none was shown */
};

struct http_call {
    const char *method;
    const char *url;
    const struct http_header *headers;
    int header_count;
    const char *body; /* NULL: none */
    size_t body_bytes;
    int64_t timeout_us;         /* whole call; must be > 0 */
    int64_t connect_timeout_us; /* 0: the smaller of 2 s and timeout_us */
    size_t answer_bytes_max;    /* 0: 1 MiB */
    bool repeatable;
    /* Whoever gave the URL is not to be trusted: a connection is made anew, and only to an address
     * of the open internet (ip_is_public()), whatever the name resolves to. Else HTTP_NOT_SENT. */
    bool public_only;
    struct http_bulkhead *bulkhead; /* may be NULL */
    /* Not NULL: the call makes a connection of its own, asks for the name anew, and tells of each
     * step here. A client of somebody else's making leaves it as it is. */
    struct http_trace *trace;
};

struct http_answer {
    enum http_reach reach;
    enum http_failure failure;
    int status; /* 0 unless HTTP_ANSWERED */
    struct http_header headers[HTTP_HEADERS_MAX];
    int header_count;
    char *body; /* NUL-terminated */
    size_t body_bytes;
    int64_t connect_us, total_us;
    void *owned; /* what the headers point into; freed by http_answer_release() */
};

/* 0 when HTTP_ANSWERED, whatever the status; ERR_UNREACHABLE or ERR_TIMEOUT otherwise. `ret_answer`
 * is filled in both cases (reach, failure, total_us). */
MUST_USE int http_call(struct http_client *client, const struct http_call *call,
                       struct http_answer *ret_answer, struct err *err);
/* A zeroed struct is fine; may be called twice. */
void http_answer_release(struct http_answer *answer);
#define HTTP_ANSWER_AUTO struct http_answer CLEANUP(http_answer_release)

/* For whoever makes answers (a custom client): an answered one with copies of these headers, at
 * most HTTP_HEADERS_MAX, and of the body. Releases what the struct held before. */
void http_answer_fill(struct http_answer *answer, int status, const struct http_header *headers,
                      int header_count, const void *body, size_t body_bytes);

struct http_client_options {
    int connections_max;    /* kept open in all [256] */
    const char *ca_path;    /* PEM file added to the system's CAs, or NULL */
    const char *user_agent; /* [Holdfast/1] */
};
MUST_USE int http_client_new(const struct http_client_options *options,
                             struct http_client **ret_client, struct err *err);
/* Calls under way end with HTTP_FAIL_STOPPED. */
void http_client_free(struct http_client *client);

/* The network's door: a client of somebody else's making (simulator, fault injection). `ops->call`
 * has the contract of http_call(), but for the bulkhead: http_call() itself has entered that. */
struct http_client_ops {
    int (*call)(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                struct err *err);
    void (*free)(void *ctx); /* may be NULL */
};
MUST_USE struct http_client *http_client_custom(const struct http_client_ops *ops, void *ctx);

/* At most `calls_max` calls at once may be under way through one bulkhead; one more is refused at
 * once, unsent, so that a slow peer cannot take every worker. */
MUST_USE struct http_bulkhead *http_bulkhead_new(int calls_max);
void http_bulkhead_free(struct http_bulkhead *bulkhead);
int http_bulkhead_busy(const struct http_bulkhead *bulkhead);
int http_bulkhead_max(const struct http_bulkhead *bulkhead);

#endif
