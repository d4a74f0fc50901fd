/* SPDX-License-Identifier: Apache-2.0
 * clerk.c: a heap of actions by due time and the tasks that do them. */
#include "sandbox/clerk.h"

#include "base/clock.h"

static bool before(const struct sb_action *a, const struct sb_action *b) {
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void sift_up(struct sb_clerk *clerk, size_t at) {
    struct sb_action action = clerk->heap[at];
    while (at > 0 && before(&action, &clerk->heap[(at - 1) / 2])) {
        clerk->heap[at] = clerk->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    clerk->heap[at] = action;
}

static void sift_down(struct sb_clerk *clerk, size_t at) {
    struct sb_action action = clerk->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= clerk->count) {
            break;
        }
        if (child + 1 < clerk->count && before(&clerk->heap[child + 1], &clerk->heap[child])) {
            child++;
        }
        if (!before(&clerk->heap[child], &action)) {
            break;
        }
        clerk->heap[at] = clerk->heap[child];
        at = child;
    }
    clerk->heap[at] = action;
}

bool sb_clerk_push(struct sb_clerk *clerk, const struct sb_action *action) {
    lock_take(&clerk->lock);
    if (clerk->count == SB_ACTIONS_MAX || clerk->stopping) {
        lock_give(&clerk->lock);
        return false;
    }
    if (clerk->count == clerk->room) {
        clerk->room = clerk->room == 0 ? 256 : 2 * clerk->room;
        clerk->heap = realloc(clerk->heap, clerk->room * sizeof(*clerk->heap));
        INVARIANT(clerk->heap != NULL, "the system has no memory left for what is to be done");
    }
    clerk->heap[clerk->count] = *action;
    clerk->heap[clerk->count].order = clerk->order++;
    bool first = clerk->count == 0 || before(&clerk->heap[clerk->count], &clerk->heap[0]);
    sift_up(clerk, clerk->count++);
    if (first) {
        cond_signal(&clerk->lead);
    }
    lock_give(&clerk->lock);
    return true;
}

/* Takes the first due action; false when the clerk stops. */
static bool take(struct sb_clerk *clerk, struct sb_action *ret_action) {
    lock_take(&clerk->lock);
    while (clerk->leading && !clerk->stopping) {
        cond_wait(&clerk->follow, &clerk->lock);
    }
    clerk->leading = true;
    while (!clerk->stopping && (clerk->count == 0 || clerk->heap[0].due_us > clock_mono_us())) {
        if (clerk->count == 0) {
            cond_wait(&clerk->lead, &clerk->lock);
        } else {
            (void)cond_wait_until(&clerk->lead, &clerk->lock, clerk->heap[0].due_us);
        }
    }
    bool go_on = !clerk->stopping;
    if (go_on) {
        *ret_action = clerk->heap[0];
        clerk->heap[0] = clerk->heap[--clerk->count];
        if (clerk->count > 0) {
            sift_down(clerk, 0);
        }
        clerk->busy++;
    }
    clerk->leading = false;
    cond_signal(&clerk->follow);
    lock_give(&clerk->lock);
    return go_on;
}

static void run(void *arg) {
    struct sb_clerk *clerk = arg;
    struct sb_action action;
    while (take(clerk, &action)) {
        clerk->fn(clerk->ctx, &action);
        lock_take(&clerk->lock);
        clerk->busy--;
        lock_give(&clerk->lock);
    }
}

int sb_clerk_start(struct sb_clerk *clerk, int tasks, sb_clerk_fn *fn, void *ctx, struct err *err) {
    *clerk = (struct sb_clerk){.fn = fn, .ctx = ctx};
    lock_init(&clerk->lock);
    cond_init(&clerk->lead);
    cond_init(&clerk->follow);
    tasks = tasks < 1 ? 1 : tasks > SB_CLERK_TASKS_MAX ? SB_CLERK_TASKS_MAX : tasks;
    while (clerk->task_count < tasks) {
        struct task *task = task_start("sandbox-clerk", 0, run, clerk);
        if (task == NULL) {
            sb_clerk_stop(clerk);
            return err_set(err, ERR_OVERLOADED, "the system has no room for the sandbox's tasks");
        }
        clerk->tasks[clerk->task_count++] = task;
    }
    return 0;
}

void sb_clerk_stop(struct sb_clerk *clerk) {
    if (clerk->fn == NULL) {
        return;
    }
    lock_take(&clerk->lock);
    clerk->stopping = true;
    cond_broadcast(&clerk->lead);
    cond_broadcast(&clerk->follow);
    lock_give(&clerk->lock);
    for (int i = 0; i < clerk->task_count; i++) {
        task_join(clerk->tasks[i]);
    }
    free(clerk->heap);
    cond_free(&clerk->lead);
    cond_free(&clerk->follow);
    lock_free(&clerk->lock);
    *clerk = (struct sb_clerk){0};
}

void sb_clerk_clear(struct sb_clerk *clerk) {
    lock_take(&clerk->lock);
    size_t kept = 0;
    for (size_t i = 0; i < clerk->count; i++) {
        if (clerk->heap[i].kind == SB_TICK) {
            clerk->heap[kept++] = clerk->heap[i];
        }
    }
    clerk->count = kept;
    for (size_t i = 0; i < kept; i++) {
        sift_up(clerk, i);
    }
    cond_signal(&clerk->lead);
    lock_give(&clerk->lock);
}

void sb_clerk_hurry(struct sb_clerk *clerk) {
    lock_take(&clerk->lock);
    int64_t now_us = clock_mono_us();
    for (size_t i = 0; i < clerk->count; i++) {
        clerk->heap[i].due_us = clerk->heap[i].due_us < now_us ? clerk->heap[i].due_us : now_us;
        sift_up(clerk, i);
    }
    cond_signal(&clerk->lead);
    lock_give(&clerk->lock);
}

void sb_clerk_count(struct sb_clerk *clerk, size_t *ret_waiting, int *ret_busy) {
    lock_take(&clerk->lock);
    *ret_waiting = clerk->count;
    *ret_busy = clerk->busy;
    lock_give(&clerk->lock);
}
