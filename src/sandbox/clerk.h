/* SPDX-License-Identifier: Apache-2.0
 * clerk.h: what is to be done later: callbacks to deliver, refunds to settle, faults that come and
 * go.
 *
 * Actions wait in a heap by their due time. One of the clerk's tasks, the leader, waits for the
 * first to become due; whoever takes an action makes another task the leader, so that one due
 * action wakes one task. Threads: any. Owns: its tasks. Limits: SB_ACTIONS_MAX waiting. */
#ifndef HOLDFAST_SANDBOX_CLERK_H
#define HOLDFAST_SANDBOX_CLERK_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/task.h"
#include "sandbox/book.h"
#include "sandbox/keys.h"

enum { SB_ACTIONS_MAX = 1000000, SB_CLERK_TASKS_MAX = 256 };

/* What happened to an object: which version of it a callback shows. */
struct sb_event {
    uint8_t gateway, type;
    uint32_t number;
    int64_t created_us;
    const void *object, *now;
    const struct sb_key *key; /* of the request that caused it; may be NULL */
    const char *url;          /* where it goes; NULL: to the webhooks */
};

enum sb_action_kind { SB_DELIVER, SB_SETTLE, SB_TICK };

struct sb_action {
    int64_t due_us; /* monotonic */
    uint64_t order; /* among those due together; given by the clerk */
    uint32_t epoch; /* of the book that the event points into */
    uint8_t kind, endpoint, tries;
    uint8_t forgery;      /* enum sb_forgery */
    int64_t age_us;       /* of a stale one */
    int64_t amount_minor; /* added to the truth */
    struct sb_event event;
};

typedef void sb_clerk_fn(void *ctx, struct sb_action *action);

struct sb_clerk {
    struct lock lock;
    struct cond lead, follow;
    struct sb_action *heap;
    size_t count, room;
    uint64_t order;
    bool leading, stopping;
    int busy;
    struct task *tasks[SB_CLERK_TASKS_MAX];
    int task_count;
    sb_clerk_fn *fn;
    void *ctx;
};

MUST_USE int sb_clerk_start(struct sb_clerk *clerk, int tasks, sb_clerk_fn *fn, void *ctx,
                            struct err *err);
/* Waits for the actions that are being done; those that wait are dropped. */
void sb_clerk_stop(struct sb_clerk *clerk);
/* False: too many wait already. */
MUST_USE bool sb_clerk_push(struct sb_clerk *clerk, const struct sb_action *action);
/* Drops everything that waits but for ticks. */
void sb_clerk_clear(struct sb_clerk *clerk);
/* How many wait and how many are being done. */
void sb_clerk_count(struct sb_clerk *clerk, size_t *ret_waiting, int *ret_busy);
/* What waits becomes due now. */
void sb_clerk_hurry(struct sb_clerk *clerk);

#endif
