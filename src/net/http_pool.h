/* SPDX-License-Identifier: Apache-2.0
 * http_pool.h: a bounded queue of jobs and the workers that run them.
 *
 * Workers are started when a job waits and nobody is free, and end after idling; the one that
 * worked last is called first, so that the others can end. At most one worker is on its way at any
 * time: arriving, it takes a job and, when more wait, calls the next. Short jobs are so done by few
 * workers without a wake-up each, and blocking ones by as many as there may be.
 * Invariant: a job waits only while a worker is on its way or every worker is busy.
 * Owns: the workers; a job belongs to whoever submitted it. Threads: any. */
#ifndef HOLDFAST_NET_HTTP_POOL_H
#define HOLDFAST_NET_HTTP_POOL_H

#include "base/compiler.h"

struct http_pool;

/* Part of the caller's own struct. */
struct http_job {
    struct http_job *next;
};
typedef void http_job_fn(struct http_job *job);

struct http_pool_options {
    const char *name; /* of the tasks */
    int workers_max;  /* > 0 */
    int queue_max;    /* jobs that may wait beyond those a free worker will take */
    int64_t idle_us;  /* after which a worker ends */
    http_job_fn *run; /* called on a worker */
};

struct http_pool_stats {
    int workers, busy, queued;
};

MUST_USE struct http_pool *http_pool_new(const struct http_pool_options *options);
/* False when the queue is full, or when there is no worker and the system has no room for one. */
MUST_USE bool http_pool_submit(struct http_pool *pool, struct http_job *job);
/* Takes the oldest job that waits back out of the queue; NULL when none does. */
MUST_USE struct http_job *http_pool_take_back(struct http_pool *pool);
void http_pool_stats(struct http_pool *pool, struct http_pool_stats *ret_stats);
/* Runs what waits, then ends all workers. NULL is fine. */
void http_pool_free(struct http_pool *pool);

#endif
