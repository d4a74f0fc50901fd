/* SPDX-License-Identifier: Apache-2.0
 * http_client_impl.h: what the parts of the libcurl client share; nobody else includes it.
 *
 *   http_client_call.c   what a call is: the easy handle's options, its callbacks, the outcome
 *   http_client_loop.c   who drives it: slots, the loop that runs one, the end of the client
 *   http_client_trace.c  a call whose steps are looked at one by one
 *
 * A slot belongs to the task that entered with it until that leaves; while it is under way, whoever
 * frees the client may set `to_stop` and wake its multi handle. */
#ifndef HOLDFAST_NET_HTTP_CLIENT_IMPL_H
#define HOLDFAST_NET_HTTP_CLIENT_IMPL_H

#include <stdatomic.h>

#include <curl/curl.h>

#include "base/openssl.h"
#include "base/task.h"
#include "net/http_client.h"

enum {
    HTTP_HEAD_BYTES_MAX = 64 * 1024, /* all headers of an answer, interim ones and trailers too */
    HTTP_ANSWER_BYTES_DEFAULT = 1024 * 1024,
    /* Kept connections idle for longer are not used again. Servers close theirs after 60 s or more
     * as a rule; a request that crosses such a close on the wire ends as unknown. */
    HTTP_IDLE_SECONDS_MAX = 30,
};

struct http_span { /* a header while its text may still move */
    size_t name_at, value_at;
};

struct http_client_loop;

struct http_slot {
    CURL *easy;
    X509_STORE *trusted;             /* borrowed from the client */
    CURLM *multi;                    /* owned, for this slot alone */
    struct http_slot *newer, *older; /* in the list of idle slots or of calls under way */
    int64_t idle_until_us;           /* then its connections are too old */
    atomic_bool to_stop;             /* the client is being freed */

    /* Set by the caller. */
    bool worn; /* not to be used for another call */
    bool repeatable, public_only;
    int64_t deadline_us, connect_timeout_us;
    size_t body_max;
    void *request_headers; /* curl_slist nodes and their text, one block */
    size_t request_headers_bytes;

    struct http_trace *trace; /* the caller's, or NULL: then the two below mean nothing */
    int64_t trace_begun_us, tls_begun_us;

    /* Set while it is under way. */
    CURLcode result;
    bool stopped; /* the client was freed first */
    bool sent;    /* sticky: the request may have been written */
    bool tried_again;
    bool head_done, too_large, garbled;
    bool head_begun; /* a status line came, its empty line did not */
    int status;
    size_t head_bytes;
    char *head;
    size_t head_len, head_cap;
    struct http_span spans[HTTP_HEADERS_MAX];
    int span_count;
    char *body;
    size_t body_len, body_cap;
    char error_text[CURL_ERROR_SIZE];
};

/* `options` as the caller of http_client_new() gave them, defaults not yet filled in. */
MUST_USE int http_client_loop_new(const struct http_client_options *options,
                                  struct http_client_loop **ret_loop, struct err *err);
void http_client_loop_free(struct http_client_loop *loop);
/* A slot for one call, or NULL when the client is being stopped. */
MUST_USE struct http_slot *http_client_loop_enter(struct http_client_loop *loop);
/* Drives the slot until its call has ended. */
void http_client_loop_perform(struct http_client_loop *loop, struct http_slot *slot);
void http_client_loop_leave(struct http_client_loop *loop, struct http_slot *slot);

MUST_USE struct http_slot *http_slot_new(const char *user_agent, X509_STORE *trusted);
void http_slot_free(struct http_slot *slot);

/* A call that tells of its steps: before it is performed, and after. The slot is worn then. */
MUST_USE bool http_trace_begin(struct http_slot *slot, struct http_trace *trace);
void http_trace_end(struct http_slot *slot);

/* The whole call: `ops->call` of the libcurl client. */
MUST_USE int http_client_loop_call(void *loop, const struct http_call *call,
                                   struct http_answer *ret_answer, struct err *err);
/* Fills reach and failure and returns the error that says so. `detail` may be "". */
MUST_USE int http_answer_failed(struct http_answer *answer, const struct http_call *call,
                                enum http_reach reach, enum http_failure failure,
                                const char *detail, struct err *err);

#endif
