/* SPDX-License-Identifier: Apache-2.0
 * http_loop.h: one I/O task: an event loop and the mailbox by which other tasks reach it.
 *
 * libevent objects of a loop are touched by its task only; whoever wants something there posts a
 * note. A note costs a system call only when the loop sleeps, and notes that arrive together are
 * worked off together.
 * Threads: as said at each function. */
#ifndef HOLDFAST_NET_HTTP_LOOP_H
#define HOLDFAST_NET_HTTP_LOOP_H

#include "base/err.h"
#include "net/http_head.h"

struct event_base;
struct http_conn;
struct http_loop;

/* Part of the sender's struct; belongs to the loop from the post until it is run. */
struct http_note {
    struct http_note *next;
    void (*run)(struct http_loop *loop, struct http_note *note);
};

/* What the loop's own task keeps; nobody else looks at it. */
struct http_loop_own {
    struct http_conn *conns; /* a list of all connections of this loop */
    struct http_date date;
    struct buf head; /* where heads of replies are written */
    bool draining;
};

MUST_USE int http_loop_new(struct http_loop **ret_loop, struct err *err);
MUST_USE int http_loop_start(struct http_loop *loop, struct err *err);
/* Ends and frees it. Every note posted before is run. No libevent object of it may be left. */
void http_loop_free(struct http_loop *loop);

/* Any thread. */
void http_loop_post(struct http_loop *loop, struct http_note *note);
/* Any thread but a loop's: runs `fn(loop, arg)` on the loop's task (or here, when it was not
 * started) and waits for its end. */
void http_loop_call(struct http_loop *loop, void (*fn)(struct http_loop *loop, void *arg),
                    void *arg);

/* The loop's own task only. */
struct event_base *http_loop_base(struct http_loop *loop);
struct http_loop_own *http_loop_own(struct http_loop *loop);
/* Every callback that libevent makes says this first: the loop looks into its mailbox before it
 * sleeps again, nobody has to wake it. */
void http_loop_awake(struct http_loop *loop);

#endif
