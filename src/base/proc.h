/* SPDX-License-Identifier: Apache-2.0
 * proc.h: child processes through the door: start, wait, signal, end, and take what they print.
 *
 * A child of proc_start() gets the standard streams it is given and no other file, default signal
 * handling and no blocked signals, whatever the parent has. It is forked and executed with only
 * async-signal-safe calls between, and not posix_spawn()ed, because it may have to ask the kernel
 * to die with its parent, and only the child itself can ask that.
 * Owns: each struct proc its child, until proc_free(), which kills and reaps it if need be.
 * Threads: any; one struct, one task at a time. Not in the simulator.
 * Errors: ERR_IO (it cannot be started, with the system's reason), ERR_TIMEOUT, ERR_STATE,
 * ERR_TOO_LARGE. */
#ifndef HOLDFAST_BASE_PROC_H
#define HOLDFAST_BASE_PROC_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"

struct proc;

enum proc_to {
    PROC_NULL = 0, /* /dev/null */
    PROC_PARENT,   /* the parent's own stream */
    PROC_FD,       /* `fd`, which the caller keeps and closes */
    PROC_FILE,     /* `path`: read for standard input, else appended to and made if need be */
    PROC_OUT,      /* for standard error only: wherever standard output goes */
};
struct proc_stream {
    enum proc_to to;
    int fd;
    const char *path;
};

struct proc_options {
    const char *const *argv;    /* NULL-terminated; argv[0] without a '/' is looked up in PATH */
    const char *const *env_add; /* "NAME=value" over the parent's own, NULL-terminated, or NULL */
    const char *folder;         /* working directory, or NULL: the parent's */
    struct proc_stream in, out, err;
    /* Lead a process group: signals then reach its children too, and what is left of the group is
     * killed when the child itself has ended. */
    bool own_group;
    /* Killed by the kernel when the task that started it ends, and so when the whole parent dies:
     * only for children started by a task that lasts. */
    bool dies_with_parent;
};

struct proc_end {
    int status; /* exit status, or -1 when a signal ended it */
    int signal; /* 0 when it exited */
};

enum { PROC_ARGS_MAX = 256, PROC_ENV_MAX = 4096 };

MUST_USE int proc_start(const struct proc_options *options, struct proc **ret_proc,
                        struct err *err);
/* A copy of this process, which runs `fn` and exits with what it returns. It shares the standard
 * streams, and memory that is mapped as shared; it is killed when its parent dies. Only for a
 * process without other tasks: what they held would be held for ever in the copy. */
MUST_USE int proc_fork(int (*fn)(void *arg), void *arg, struct proc **ret_proc, struct err *err);
int proc_pid(const struct proc *proc);
/* ERR_TIMEOUT: still running. Once it has ended, every further call says so at once. A negative
 * timeout waits for ever; `ret_end` may be NULL. */
MUST_USE int proc_wait(struct proc *proc, int64_t timeout_us, struct proc_end *ret_end,
                       struct err *err);
/* ERR_STATE: it has ended already. */
MUST_USE int proc_signal(struct proc *proc, int signal, struct err *err);
/* SIGTERM, then SIGKILL when it is still there after `timeout_us`. Returns when it has ended. */
void proc_stop(struct proc *proc, int64_t timeout_us, struct proc_end *ret_end);
void proc_free(struct proc *proc); /* NULL is fine */
void proc_auto(struct proc **proc);
#define PROC_AUTO struct proc *CLEANUP(proc_auto)

/* Runs it to its end and adds what it prints to `output` (`options->out` is not looked at).
 * ERR_TIMEOUT and ERR_TOO_LARGE (over the buffer's maximum): it was killed. An exit status other
 * than 0 is no error of this function. */
MUST_USE int proc_run(const struct proc_options *options, int64_t timeout_us, struct buf *output,
                      struct proc_end *ret_end, struct err *err);

#endif
