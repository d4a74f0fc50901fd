/* SPDX-License-Identifier: Apache-2.0
 * world.h: a world in one thread: tasks are coroutines, time is virtual, chance is a seed.
 *
 * Installed behind the world door (base/world.h), it runs the unchanged service, the simulated
 * gateways and their customers. Every task belongs to a *process*: something that can be killed as
 * a whole, as by SIGKILL, at a *point*: when a task takes a lock, waits, sleeps, calls over the
 * network or syncs the disk. Its tasks then never run again; locks they held are free; nothing of
 * theirs is unwound.
 *
 * Time moves only when no task can run: to the first deadline. One more microsecond passes with
 * every switch, so that time never stands still. Which of the tasks that can run goes on, who of
 * those that wait is woken, and where a task is interrupted is drawn from the seed.
 * Invariants:
 *   W1 The same seed and the same program give the same switches: no address decides anything.
 *   W2 A dead process's tasks never run again.
 *   W3 When nothing can run and nothing waits for a time, the world says so (SIM_STUCK) and stops.
 * Threads: one. Owns: the stacks, until sim_world_free(). */
#ifndef HOLDFAST_SIM_WORLD_H
#define HOLDFAST_SIM_WORLD_H

#include "base/random.h"
#include "base/task.h"

struct sim_world;
struct sim_process;

enum sim_point {
    SIM_POINT_LOCK,
    SIM_POINT_WAIT,
    SIM_POINT_SLEEP,
    SIM_POINT_CALL,
    SIM_POINT_SYNC,
    SIM_POINTS
};
const char *sim_point_name(enum sim_point point);

enum sim_end {
    SIM_DONE,    /* sim_world_stop() was called */
    SIM_STUCK,   /* nothing can run and nothing is to come */
    SIM_TOO_LONG /* more switches than allowed */
};

struct sim_world_options {
    uint64_t seed;
    int64_t wall_us;      /* when it begins */
    int preempt_per_10k;  /* how often a task is interrupted where it takes a lock */
    int64_t switches_max; /* 0: 50 million */
    /* Where the trace goes, as text; the caller's, so that it outlives a process that dies. NULL:
     * memory of the world's own. */
    char *trace;
    size_t trace_bytes_max; /* 0: no trace is kept */
};

/* Installs itself; only one at a time. */
struct sim_world *sim_world_new(const struct sim_world_options *options);
/* Brings the real world back. */
void sim_world_free(struct sim_world *world);
/* Runs tasks until somebody stops the world. Called from outside any task. */
enum sim_end sim_world_run(struct sim_world *world);
/* From a task: the world stops at the next switch. */
void sim_world_stop(struct sim_world *world);
int64_t sim_world_now_us(const struct sim_world *world); /* since it began */
int64_t sim_world_switches(const struct sim_world *world);
/* The world's chance, for whoever decides what happens (not for the code under test). */
struct prng *sim_world_prng(struct sim_world *world);
/* What every task was doing, when the world is stuck: one line a task, free(). */
char *sim_world_tasks(const struct sim_world *world);

/* ---- processes ---- */
struct sim_process *sim_process_new(struct sim_world *world, const char *name);
/* A task of that process that nobody joins. */
void sim_process_run(struct sim_process *process, const char *name, task_fn *fn, void *arg);
/* Now, by whomever: does not return if the caller belongs to it. */
void sim_process_kill(struct sim_process *process);
/* At its `count`-th point of this kind from now (1: the next); 0 takes it back. */
void sim_process_kill_at(struct sim_process *process, enum sim_point point, int64_t count);
bool sim_process_dead(const struct sim_process *process);
const char *sim_process_name(const struct sim_process *process);
/* The wall clock of this process is that far off. */
void sim_process_skew(struct sim_process *process, int64_t offset_us);
int64_t sim_process_skewed(const struct sim_process *process);
/* Called right after it was killed, from outside its tasks. */
void sim_process_on_kill(struct sim_process *process, void (*fn)(void *ctx), void *ctx);
/* Of the task that runs; NULL outside tasks. */
struct sim_process *sim_process_current(struct sim_world *world);
/* Where the running task may be killed or interrupted. */
void sim_point(struct sim_world *world, enum sim_point point);
/* While it is held, nobody else runs and nobody dies: for checks in the middle of things. */
void sim_hold(struct sim_world *world);
void sim_unhold(struct sim_world *world);

/* ---- trace ---- */
/* One line: virtual time, process, text. The hash takes all, the memory what fits. */
void sim_say(struct sim_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
uint64_t sim_hash(const struct sim_world *world);
const char *sim_trace(const struct sim_world *world);

#endif
