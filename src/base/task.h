/* SPDX-License-Identifier: Apache-2.0
 * task.h: threads, locks and waiting, through the world door.
 *
 * Every blocking point of Holdfast goes through here, through a store commit or through an HTTP
 * call, so that a simulator can run the whole service in one thread (see world.h).
 * Threads: any. Errors: starting a task can fail (NULL); everything else cannot. */
#ifndef HOLDFAST_BASE_TASK_H
#define HOLDFAST_BASE_TASK_H

#include "base/compiler.h"

struct task;
typedef void task_fn(void *arg);

/* A mutual exclusion lock: not recursive. Init before use, free when nobody holds it. */
struct lock {
    _Alignas(16) unsigned char opaque[64];
};
/* A condition to wait on, always with its lock held. Wake-ups may be spurious: wait in a loop. */
struct cond {
    _Alignas(16) unsigned char opaque[64];
};

/* What one task waits at until another has done something for it: each opening lets one through,
 * whichever of the two comes first. Cheaper than a lock with a condition (one system call on each
 * side, and only when somebody sleeps), and the one who opens touches nothing of it afterwards:
 * who was let through may free it at once. */
struct latch {
    _Alignas(16) unsigned char opaque[160];
};

/* Starts `fn(arg)`. `name` (≤ 15 bytes) shows in debuggers; `stack_bytes` 0 means 256 KiB,
 * and less than the system's least is raised to it.
 * Returns NULL when the system has no room for one more; else a task that must be joined. */
MUST_USE struct task *task_start(const char *name, size_t stack_bytes, task_fn *fn, void *arg);
/* Waits for the task's end and frees it. */
void task_join(struct task *task);
void task_sleep_us(int64_t duration_us);

void lock_init(struct lock *lock);
void lock_free(struct lock *lock);
void lock_take(struct lock *lock);
void lock_give(struct lock *lock);

void cond_init(struct cond *cond);
void cond_free(struct cond *cond);
void cond_wait(struct cond *cond, struct lock *lock);
/* Waits until the monotonic clock shows `deadline_us` (clock_mono_us()) at the latest.
 * Returns false when the deadline passed. */
bool cond_wait_until(struct cond *cond, struct lock *lock, int64_t deadline_us);
void cond_signal(struct cond *cond);
void cond_broadcast(struct cond *cond);

void latch_init(struct latch *latch);
/* When nobody waits at it or is about to open it. */
void latch_free(struct latch *latch);
void latch_open(struct latch *latch);
void latch_pass(struct latch *latch);
/* Returns false when the deadline (clock_mono_us()) passed first. */
bool latch_pass_until(struct latch *latch, int64_t deadline_us);

#endif
