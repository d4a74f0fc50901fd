/* SPDX-License-Identifier: Apache-2.0
 * http_pool.c: see http_pool.h. */
#include "net/http_pool.h"

#include "base/clock.h"
#include "base/task.h"

#include <glib.h>

struct worker {
    struct http_pool *pool;
    struct task *task;
    struct worker *next; /* in the stack of idle workers */
    struct latch call;   /* opened once for each time that `called` is set, without the lock */
    bool called;
};

struct http_pool {
    struct http_pool_options options;
    struct lock lock;
    /* All below under the lock. */
    struct http_job *first, *last;
    int queued;
    struct worker *idle;  /* a stack */
    struct worker *ended; /* at most one that nobody has joined yet */
    int workers, busy;
    bool coming;  /* a worker has been called or started and has not arrived yet */
    bool crowded; /* the system refused the last new worker */
    bool stopping;
    struct cond empty; /* the last worker has ended */
};

static task_fn worker_main;

struct http_pool *http_pool_new(const struct http_pool_options *options) {
    INVARIANT(options->workers_max > 0 && options->queue_max >= 0, "a pool needs workers");
    struct http_pool *pool = g_new0(struct http_pool, 1);
    pool->options = *options;
    lock_init(&pool->lock);
    cond_init(&pool->empty);
    return pool;
}

static void worker_free(struct worker *worker) {
    if (worker != NULL) {
        task_join(worker->task);
        latch_free(&worker->call);
        g_free(worker);
    }
}

/* With the lock held, which the new worker must take first: its task is set by then. */
static bool worker_start(struct http_pool *pool) {
    struct worker *worker = g_new0(struct worker, 1);
    worker->pool = pool;
    latch_init(&worker->call);
    worker->task = task_start(pool->options.name, 0, worker_main, worker);
    pool->crowded = worker->task == NULL;
    if (pool->crowded) {
        latch_free(&worker->call);
        g_free(worker);
        return false;
    }
    pool->workers++;
    return true;
}

/* With the lock held: sees to it that somebody comes for the first job that waits. Returns the one
 * to be woken once the lock is given: with it held he would only fall asleep again. */
MUST_USE static struct worker *worker_call(struct http_pool *pool) {
    if (pool->coming || pool->first == NULL) {
        return NULL;
    }
    struct worker *worker = pool->idle;
    if (worker != NULL) {
        pool->idle = worker->next;
        worker->called = true;
        pool->coming = true;
    } else if (pool->workers < pool->options.workers_max) {
        pool->coming = worker_start(pool);
    }
    return worker;
}

/* He stays until he has passed his latch, also when his time to idle runs out meanwhile. */
static void worker_wake(struct worker *worker) {
    if (worker != NULL) {
        latch_open(&worker->call);
    }
}

static struct http_job *job_take(struct http_pool *pool) {
    struct http_job *job = pool->first;
    if (job != NULL) {
        pool->first = job->next;
        pool->last = pool->first == NULL ? NULL : pool->last;
        pool->queued--;
        job->next = NULL;
    }
    return job;
}

/* Waits on the stack of idle workers. Returns false when it is time to end. */
static bool worker_idle(struct http_pool *pool, struct worker *worker) {
    int64_t deadline_us = clock_mono_us() + pool->options.idle_us;
    worker->called = false;
    worker->next = pool->idle;
    pool->idle = worker;
    lock_give(&pool->lock);
    bool passed = latch_pass_until(&worker->call, deadline_us);
    lock_take(&pool->lock);
    if (worker->called) {
        pool->coming = false;
        if (!passed) { /* called at the last moment: whoever called is about to open */
            lock_give(&pool->lock);
            latch_pass(&worker->call);
            lock_take(&pool->lock);
        }
        return true;
    }
    struct worker **link = &pool->idle;
    while (*link != worker) {
        link = &(*link)->next;
    }
    *link = worker->next;
    return false;
}

/* With the lock held. */
static void jobs_run(struct http_pool *pool) {
    for (struct http_job *job = job_take(pool); job != NULL; job = job_take(pool)) {
        pool->busy++;
        struct worker *other = worker_call(pool);
        lock_give(&pool->lock);
        worker_wake(other);
        pool->options.run(job);
        lock_take(&pool->lock);
        pool->busy--;
    }
}

static void worker_main(void *arg) {
    struct worker *worker = arg;
    struct http_pool *pool = worker->pool;
    lock_take(&pool->lock);
    pool->coming = false;
    do {
        jobs_run(pool);
    } while (!pool->stopping && worker_idle(pool, worker));
    struct worker *before = pool->ended;
    pool->ended = worker;
    pool->workers--;
    if (pool->workers == 0) {
        cond_broadcast(&pool->empty);
    }
    lock_give(&pool->lock);
    worker_free(before);
}

bool http_pool_submit(struct http_pool *pool, struct http_job *job) {
    lock_take(&pool->lock);
    int reachable = pool->crowded ? pool->workers : pool->options.workers_max;
    struct worker *worker = NULL;
    bool taken = pool->queued < pool->options.queue_max + (reachable - pool->busy) ||
                 pool->workers == 0;
    if (taken) {
        job->next = NULL;
        *(pool->last != NULL ? &pool->last->next : &pool->first) = job;
        pool->last = job;
        pool->queued++;
        worker = worker_call(pool);
    }
    if (taken && pool->workers == 0) {
        struct http_job *back = job_take(pool);
        INVARIANT(back == job, "nothing waits where there are no workers");
        taken = false;
    }
    lock_give(&pool->lock);
    worker_wake(worker);
    return taken;
}

struct http_job *http_pool_take_back(struct http_pool *pool) {
    lock_take(&pool->lock);
    struct http_job *job = job_take(pool);
    lock_give(&pool->lock);
    return job;
}

void http_pool_stats(struct http_pool *pool, struct http_pool_stats *ret_stats) {
    lock_take(&pool->lock);
    *ret_stats = (struct http_pool_stats){pool->workers, pool->busy, pool->queued};
    lock_give(&pool->lock);
}

void http_pool_free(struct http_pool *pool) {
    if (pool == NULL) {
        return;
    }
    lock_take(&pool->lock);
    pool->stopping = true;
    while (pool->idle != NULL) { /* called for the last time */
        pool->idle->called = true;
        latch_open(&pool->idle->call);
        pool->idle = pool->idle->next;
    }
    while (pool->workers > 0) {
        cond_wait(&pool->empty, &pool->lock);
    }
    struct worker *last = pool->ended;
    lock_give(&pool->lock);
    worker_free(last);
    cond_free(&pool->empty);
    lock_free(&pool->lock);
    g_free(pool);
}
