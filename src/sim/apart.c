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
#include <sys/wait.h>
#include <unistd.h>

struct shared {
    struct sim_outcome outcome;
    bool ended;
    char story[SIM_STORY_BYTES_MAX];
};

static void child(const struct sim_order *order, int timeout_s, struct shared *shared) {
    char *story = NULL;
    alarm((unsigned)timeout_s);
    sim_run(order, &shared->outcome, order->story ? &story : NULL);
    if (story != NULL) {
        snprintf(shared->story, sizeof shared->story, "%s", story);
    }
    shared->ended = true;
    _exit(0);
}

void sim_run_apart(const struct sim_order *order, int timeout_s, struct sim_outcome *ret_outcome,
                   char **ret_story) {
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    INVARIANT(shared != MAP_FAILED, "no memory for a run's outcome");
    sim_prepare();
    fflush(NULL);
    pid_t pid = fork();
    INVARIANT(pid >= 0, "no process for a run");
    if (pid == 0) {
        child(order, timeout_s, shared);
    }
    int status = 0;
    INVARIANT(waitpid(pid, &status, 0) == pid, "a run's process ends");
    *ret_outcome = shared->outcome;
    if (!shared->ended) {
        bool late = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
        ret_outcome->passed = false;
        snprintf(ret_outcome->check, sizeof ret_outcome->check, "%s", late ? "hang" : "crash");
        if (late) {
            snprintf(ret_outcome->why, sizeof ret_outcome->why, "not over after %d s", timeout_s);
        } else {
            snprintf(ret_outcome->why, sizeof ret_outcome->why, "the program died (%s %d)",
                     WIFSIGNALED(status) ? "signal" : "status",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        }
    }
    if (ret_story != NULL) {
        *ret_story = strdup(shared->story);
    }
    munmap(shared, sizeof *shared);
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
