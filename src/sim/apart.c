/* SPDX-License-Identifier: Apache-2.0
 * apart.c: runs in processes of their own, and the shrinker.
 *
 * What was killed in a run is never unwound, so a run leaks what its dead held; a child takes that
 * with it. An assertion that fails there is a finding like any other. */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/proc.h"

/* What child and parent both see. */
struct shared {
    struct sim_outcome outcome;
    bool ended;
    char story[SIM_STORY_BYTES_MAX];
};

struct task_apart {
    const struct sim_order *order;
    struct shared *shared;
};

static void *shared_new(size_t bytes) {
    void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    INVARIANT(shared != MAP_FAILED, "no memory to share with a child");
    return shared;
}

static int run_child(void *arg) {
    const struct task_apart *task = arg;
    struct shared *shared = task->shared;
    sim_run(task->order, &shared->outcome, task->order->story ? shared->story : NULL);
    shared->ended = true;
    return 0;
}

static void say_end(struct sim_outcome *outcome, bool late, int timeout_s,
                    const struct proc_end *end) {
    outcome->passed = false;
    snprintf(outcome->check, sizeof outcome->check, "%s", late ? "hang" : "crash");
    if (late) {
        snprintf(outcome->why, sizeof outcome->why, "not over after %d s", timeout_s);
    } else {
        snprintf(outcome->why, sizeof outcome->why, "the program died (%s %d)",
                 end->signal != 0 ? "signal" : "status",
                 end->signal != 0 ? end->signal : end->status);
    }
}

void sim_run_apart(const struct sim_order *order, int timeout_s, struct sim_outcome *ret_outcome,
                   char **ret_story) {
    struct shared *shared = shared_new(sizeof *shared);
    struct task_apart task = {order, shared};
    struct proc *proc = NULL;
    struct proc_end end = {0};
    struct err err = {0};
    sim_prepare(order->gateways);
    fflush(NULL);
    int r = proc_fork(run_child, &task, &proc, &err);
    INVARIANT(r == 0, "no process for a run");
    bool late = proc_wait(proc, timeout_s * US_PER_SECOND, &end, &err) < 0;
    proc_free(proc);
    *ret_outcome = shared->outcome;
    if (!shared->ended) {
        say_end(ret_outcome, late, timeout_s, &end);
    }
    if (ret_story != NULL) {
        *ret_story = strdup(shared->story);
    }
    munmap(shared, sizeof *shared);
}

/* ---- many at once ---- */

struct job {
    void (*work)(void *ctx, int job, void *ret_result);
    void *ctx, *result;
    int number;
};

static int work_child(void *arg) {
    struct job *job = arg;
    job->work(job->ctx, job->number, job->result);
    fflush(NULL);
    return 0;
}

bool sim_work_apart(int jobs, void (*work)(void *ctx, int job, void *ret_result), void *ctx,
                    void *results, size_t bytes) {
    struct proc *procs[SIM_JOBS_MAX];
    struct err err = {0};
    INVARIANT(jobs >= 1 && jobs <= SIM_JOBS_MAX, "so many jobs cannot be done at once");
    char *shared = shared_new((size_t)jobs * bytes);
    fflush(NULL);
    for (int i = 0; i < jobs; i++) {
        struct job job = {
            .work = work, .ctx = ctx, .result = shared + (size_t)i * bytes, .number = i};
        int r = proc_fork(work_child, &job, &procs[i], &err);
        INVARIANT(r == 0, "no process for a worker");
    }
    bool well = true;
    for (int i = 0; i < jobs; i++) {
        struct proc_end end = {0};
        well &= proc_wait(procs[i], -1, &end, &err) == 0 && end.status == 0;
        proc_free(procs[i]);
    }
    memcpy(results, shared, (size_t)jobs * bytes);
    munmap(shared, (size_t)jobs * bytes);
    return well;
}

/* ---- shrinking ---- */

struct shrinking {
    struct sim_order best;
    struct sim_outcome outcome;
    int timeout_s, tries;
};

/* Keeps the smaller order if the same check still fails. */
static bool keeps_failing(struct shrinking *shrinking, const struct sim_order *order) {
    struct sim_outcome outcome;
    if (shrinking->tries-- <= 0) {
        return false;
    }
    sim_run_apart(order, shrinking->timeout_s, &outcome, NULL);
    if (outcome.passed || strcmp(outcome.check, shrinking->outcome.check) != 0) {
        return false;
    }
    shrinking->best = *order;
    shrinking->outcome = outcome;
    return true;
}

static bool fewer_features(struct shrinking *shrinking) {
    bool any = false;
    for (int i = 0; i < SEE_FEATURES; i++) {
        struct sim_order order = shrinking->best;
        if ((shrinking->outcome.features >> i & 1) != 0) {
            order.without |= UINT64_C(1) << i;
            any |= keeps_failing(shrinking, &order);
        }
    }
    return any;
}

static bool fewer_people(struct shrinking *shrinking) {
    bool any = false;
    for (int count = 1; count < shrinking->outcome.customers; count++) {
        struct sim_order order = shrinking->best;
        order.customers = count;
        if (keeps_failing(shrinking, &order)) {
            any = true;
            break;
        }
    }
    for (int count = 1; count < shrinking->outcome.purchases; count++) {
        struct sim_order order = shrinking->best;
        order.purchases = count;
        if (keeps_failing(shrinking, &order)) {
            any = true;
            break;
        }
    }
    return any;
}

void sim_shrink(const struct sim_order *order, int timeout_s, int tries_max,
                struct sim_order *ret_order, struct sim_outcome *ret_outcome) {
    struct shrinking shrinking = {.best = *order, .timeout_s = timeout_s, .tries = tries_max};
    sim_run_apart(order, timeout_s, &shrinking.outcome, NULL);
    bool smaller = !shrinking.outcome.passed;
    while (smaller && shrinking.tries > 0) {
        smaller = fewer_people(&shrinking);
        smaller |= fewer_features(&shrinking);
    }
    *ret_order = shrinking.best;
    *ret_outcome = shrinking.outcome;
}
