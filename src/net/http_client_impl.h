/* SPDX-License-Identifier: Apache-2.0
 * http_client_impl.h: what the two halves of the libcurl client share; nobody else includes it.
 *
 *   caller's task (http_client_call.c)             the loop's task (http_client_loop.c)
 *   takes a slot, sets the easy handle's options
 *   queues the slot and waits                 ──▶  adds the handle to the multi handle
 *                                                  the slot's callbacks run
 *   reads the slot, fills the answer          ◀──  removes the handle, marks the slot done
 *   gives the slot back
 *
 * A slot belongs to one task at a time: the caller until it is queued, the loop until it is done,
 * the caller again. The hand-overs go through locks, so nothing else in it needs one. */
#ifndef HOLDFAST_NET_HTTP_CLIENT_IMPL_H
#define HOLDFAST_NET_HTTP_CLIENT_IMPL_H

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/openssl.h"
#include "base/task.h"
#include "net/http_client.h"

enum {
    HTTP_HEAD_BYTES_MAX = 64 * 1024, /* all headers of an answer, interim ones and trailers too */
    HTTP_ANSWER_BYTES_DEFAULT = 1024 * 1024,
};

struct http_span { /* a header while its text may still move */
    size_t name_at, value_at;
};

struct http_slot {
    CURL *easy;
    struct http_slot *next;          /* in the idle list or the queue */
    struct http_slot *newer, *older; /* in the loop's list of calls under way */
    struct http_client_loop *loop;
    struct event deadline; /* pending while the call is under way */
    struct lock lock;      /* guards `done` */
    struct cond cond;
    bool done;

    /* Set by the caller. */
    bool worn; /* not to be used for another call */
    bool repeatable;
    int64_t deadline_us, connect_timeout_us;
    size_t body_max;
    void *request_headers; /* curl_slist nodes and their text, one block */
    size_t request_headers_bytes;

    /* Set by the loop. */
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
/* Queues the slot and waits until the loop is done with it. */
void http_client_loop_perform(struct http_client_loop *loop, struct http_slot *slot);
void http_client_loop_leave(struct http_client_loop *loop, struct http_slot *slot);

MUST_USE struct http_slot *http_slot_new(const char *user_agent, X509_STORE *trusted);
void http_slot_free(struct http_slot *slot);

/* The whole call: `ops->call` of the libcurl client. */
MUST_USE int http_client_loop_call(void *loop, const struct http_call *call,
                                   struct http_answer *ret_answer, struct err *err);
/* Fills reach and failure and returns the error that says so. `detail` may be "". */
MUST_USE int http_answer_failed(struct http_answer *answer, const struct http_call *call,
                                enum http_reach reach, enum http_failure failure,
                                const char *detail, struct err *err);

#endif
