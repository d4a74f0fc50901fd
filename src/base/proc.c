/* SPDX-License-Identifier: Apache-2.0
 * proc.c: child processes: fork, a few async-signal-safe calls, exec. Everything that allocates or
 * can take a lock happens before the fork: other tasks may hold any lock at that moment, and in the
 * child nobody would ever give it back. */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { STREAMS = 3, FIRST_OTHER_FD = 3, READ_BYTES = 16 * 1024, NOT_STARTED_STATUS = 127 };

struct proc {
    pid_t pid;
    int pidfd;
    bool own_group, ended;
    struct proc_end end;
};

/* What the child needs, ready before the fork. */
struct launch {
    const struct proc_options *options;
    const char *env[PROC_ENV_MAX + 1];
    int streams[STREAMS]; /* -1: keep the parent's */
    bool opened[STREAMS]; /* ours to close */
    int report_fd;        /* the child writes errno there when it cannot go on */
    pid_t parent;
    sigset_t no_signals;
};

static void close_streams(struct launch *launch) {
    for (int i = 0; i < STREAMS; i++) {
        if (launch->opened[i]) {
            close(launch->streams[i]);
        }
    }
}

static int open_stream(struct launch *launch, int index, const struct proc_stream *stream,
                       struct err *err) {
    const char *path = stream->to == PROC_FILE ? stream->path : "/dev/null";
    int flags = index == STDIN_FILENO ? O_RDONLY : O_WRONLY | O_APPEND | O_CREAT;
    switch (stream->to) {
    case PROC_PARENT:
        launch->streams[index] = -1;
        return 0;
    case PROC_FD:
        launch->streams[index] = stream->fd;
        return 0;
    case PROC_OUT:
        INVARIANT(index == STDERR_FILENO, "only standard error may follow standard output");
        launch->streams[index] = launch->streams[STDOUT_FILENO];
        if (launch->streams[index] < 0) {
            launch->streams[index] = STDOUT_FILENO;
        }
        return 0;
    case PROC_NULL:
    case PROC_FILE:
        break;
    }
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set(err, ERR_IO, "%s cannot be opened: %s", path, strerrordesc_np(errno));
    }
    launch->streams[index] = fd;
    launch->opened[index] = true;
    return 0;
}

static bool same_name(const char *a, const char *b) {
    size_t count = strcspn(a, "=");
    return strncmp(a, b, count) == 0 && b[count] == '=';
}

static int fill_env(struct launch *launch, struct err *err) {
    static const char *const none[] = {NULL};
    const char *const *add = launch->options->env_add != NULL ? launch->options->env_add : none;
    size_t count = 0;
    for (size_t i = 0; add[i] != NULL; i++) {
        INVARIANT(strchr(add[i], '=') != NULL && add[i][0] != '=', "an entry is NAME=value");
        if (count == PROC_ENV_MAX) {
            return err_set(err, ERR_TOO_LARGE, "the environment has over %d entries", PROC_ENV_MAX);
        }
        launch->env[count++] = add[i];
    }
    size_t added = count;
    for (char **own = environ; own != NULL && *own != NULL; own++) {
        bool replaced = false;
        for (size_t i = 0; i < added; i++) {
            replaced = replaced || same_name(add[i], *own);
        }
        if (replaced) {
            continue;
        }
        if (count == PROC_ENV_MAX) {
            return err_set(err, ERR_TOO_LARGE, "the environment has over %d entries", PROC_ENV_MAX);
        }
        launch->env[count++] = *own;
    }
    launch->env[count] = NULL;
    return 0;
}

/* In the child. */

static NORETURN void child_fail(const struct launch *launch) {
    int why = errno;
    ssize_t put = write(launch->report_fd, &why, sizeof(why));
    _exit(put == sizeof(why) ? NOT_STARTED_STATUS : NOT_STARTED_STATUS - 1);
}

static void child_streams(const struct launch *launch) {
    int copies[STREAMS];
    for (int i = 0; i < STREAMS; i++) { /* away from 0 to 2: the given ones may be among them */
        int source = launch->streams[i] >= 0 ? launch->streams[i] : i;
        copies[i] = fcntl(source, F_DUPFD_CLOEXEC, FIRST_OTHER_FD);
        if (copies[i] < 0) {
            child_fail(launch);
        }
    }
    for (int i = 0; i < STREAMS; i++) {
        if (dup2(copies[i], i) < 0) {
            child_fail(launch);
        }
    }
}

static NORETURN void child_run(const struct launch *launch) {
    const struct proc_options *options = launch->options;
    if (options->dies_with_parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
            child_fail(launch);
        }
        if (getppid() != launch->parent) { /* it died before the kernel was asked */
            _exit(NOT_STARTED_STATUS);
        }
    }
    if (options->own_group && setpgid(0, 0) != 0) {
        child_fail(launch);
    }
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) {
        (void)sigaction(number, &usual, NULL); /* fails for the few that cannot be handled */
    }
    child_streams(launch);
    if (options->folder != NULL && chdir(options->folder) != 0) {
        child_fail(launch);
    }
    if (close_range(FIRST_OTHER_FD, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
        child_fail(launch);
    }
    (void)sigprocmask(SIG_SETMASK, &launch->no_signals, NULL);
    execvpe(options->argv[0], (char *const *)options->argv, (char *const *)launch->env);
    child_fail(launch);
}

/* In the parent. */

/* Signals are blocked over the fork so that no handler of ours ever runs in the child. On Linux,
 * sigprocmask() speaks for the calling thread alone. */
static pid_t fork_quietly(const struct launch *launch) {
    sigset_t all, before;
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        child_run(launch);
    }
    int why = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return pid;
}

/* 0 when the child has become the program; otherwise why it has not. */
static int read_report(int fd) {
    int why = 0;
    ssize_t got;
    do {
        got = read(fd, &why, sizeof(why));
    } while (got < 0 && errno == EINTR);
    return got == sizeof(why) ? why : 0;
}

static int start_child(struct launch *launch, struct proc *proc, struct err *err) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        return err_set(err, ERR_IO, "no pipe for a child: %s", strerrordesc_np(errno));
    }
    /* Not among the standard streams, should one of the parent's be closed. */
    launch->report_fd = fcntl(report[1], F_DUPFD_CLOEXEC, FIRST_OTHER_FD);
    close(report[1]);
    if (launch->report_fd < 0) {
        close(report[0]);
        return err_set(err, ERR_IO, "no pipe for a child: %s", strerrordesc_np(errno));
    }
    launch->parent = getpid();
    sigemptyset(&launch->no_signals);
    proc->pid = fork_quietly(launch);
    int why = proc->pid < 0 ? errno : 0;
    close(launch->report_fd);
    if (proc->pid > 0) {
        why = read_report(report[0]);
    }
    close(report[0]);
    if (why == 0) {
        proc->pidfd = pidfd_open(proc->pid, 0);
        if (proc->pidfd >= 0) {
            return 0;
        }
        why = errno;
        (void)kill(proc->pid, SIGKILL);
    }
    while (proc->pid > 0 && waitpid(proc->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return err_set(err, ERR_IO, "%s cannot be started: %s", launch->options->argv[0],
                   strerrordesc_np(why));
}

int proc_start(const struct proc_options *options, struct proc **ret_proc, struct err *err) {
    INVARIANT(options->argv != NULL && options->argv[0] != NULL, "a child has a program");
    struct launch *launch = calloc(1, sizeof(*launch));
    struct proc *proc = calloc(1, sizeof(*proc));
    INVARIANT(launch != NULL && proc != NULL, "out of memory");
    launch->options = options;
    proc->pidfd = -1;
    proc->own_group = options->own_group;

    int rc = fill_env(launch, err);
    rc = rc < 0 ? rc : open_stream(launch, STDIN_FILENO, &options->in, err);
    rc = rc < 0 ? rc : open_stream(launch, STDOUT_FILENO, &options->out, err);
    rc = rc < 0 ? rc : open_stream(launch, STDERR_FILENO, &options->err, err);
    rc = rc < 0 ? rc : start_child(launch, proc, err);
    close_streams(launch);
    free(launch);
    if (rc < 0) {
        free(proc);
        return rc;
    }
    *ret_proc = proc;
    return 0;
}

int proc_fork(int (*fn)(void *arg), void *arg, struct proc **ret_proc, struct err *err) {
    struct proc *proc = calloc(1, sizeof(*proc));
    INVARIANT(proc != NULL, "out of memory");
    pid_t parent = getpid();
    proc->pid = fork();
    if (proc->pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
            _exit(NOT_STARTED_STATUS);
        }
        _exit(fn(arg));
    }
    if (proc->pid > 0) {
        proc->pidfd = pidfd_open(proc->pid, 0);
        if (proc->pidfd >= 0) {
            *ret_proc = proc;
            return 0;
        }
    }
    int why = errno;
    if (proc->pid > 0) {
        (void)kill(proc->pid, SIGKILL);
        while (waitpid(proc->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    free(proc);
    return err_set(err, ERR_IO, "no copy of this process: %s", strerrordesc_np(why));
}

int proc_pid(const struct proc *proc) {
    return proc->pid;
}

static void reap(struct proc *proc) {
    if (proc->own_group) { /* while the ended leader still holds the group's number */
        (void)kill(-proc->pid, SIGKILL);
    }
    siginfo_t info = {0};
    int rc;
    do {
        rc = waitid(P_PID, (id_t)proc->pid, &info, WEXITED);
    } while (rc != 0 && errno == EINTR);
    INVARIANT(rc == 0, "somebody else reaped the child");
    bool exited = info.si_code == CLD_EXITED;
    proc->end = (struct proc_end){.status = exited ? info.si_status : -1,
                                  .signal = exited ? 0 : info.si_status};
    proc->ended = true;
}

/* Milliseconds for poll() until the deadline, rounded up; -1: for ever. */
static int poll_ms(int64_t deadline_us) {
    if (deadline_us < 0) {
        return -1;
    }
    int64_t left_us = deadline_us - clock_mono_us();
    int64_t ms = left_us > 0 ? (left_us + US_PER_MS - 1) / US_PER_MS : 0;
    return ms > 3600 * 1000 ? 3600 * 1000 : (int)ms;
}

static int64_t deadline_of(int64_t timeout_us) {
    const int64_t most_us = INT64_C(366) * 24 * 3600 * US_PER_SECOND;
    return timeout_us < 0 ? -1 : clock_mono_us() + (timeout_us < most_us ? timeout_us : most_us);
}

/* False when the deadline passed before `fd` became readable or was hung up. */
static bool await_fd(int fd, int64_t deadline_us) {
    for (;;) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        int ms = poll_ms(deadline_us);
        int ready = poll(&poller, 1, ms);
        if (ready > 0) {
            return true;
        }
        if (ms == 0 && ready == 0) {
            return false;
        }
    }
}

int proc_wait(struct proc *proc, int64_t timeout_us, struct proc_end *ret_end, struct err *err) {
    if (!proc->ended) {
        if (!await_fd(proc->pidfd, deadline_of(timeout_us))) {
            return err_set(err, ERR_TIMEOUT, "process %d is still running", (int)proc->pid);
        }
        reap(proc);
    }
    if (ret_end != NULL) {
        *ret_end = proc->end;
    }
    return 0;
}

int proc_signal(struct proc *proc, int signal, struct err *err) {
    if (proc->ended) {
        return err_set(err, ERR_STATE, "process %d has ended", (int)proc->pid);
    }
    /* Until it is reaped here, its number is nobody else's. */
    if (kill(proc->own_group ? -proc->pid : proc->pid, signal) != 0) {
        return err_set(err, ERR_IO, "process %d cannot be signalled: %s", (int)proc->pid,
                       strerrordesc_np(errno));
    }
    return 0;
}

static void proc_kill(struct proc *proc) {
    if (!proc->ended) {
        int rc = proc_signal(proc, SIGKILL, NULL);
        INVARIANT(rc == 0, "a child of ours can be killed");
        rc = proc_wait(proc, -1, NULL, NULL);
        INVARIANT(rc == 0, "what was killed ends");
    }
}

void proc_stop(struct proc *proc, int64_t timeout_us, struct proc_end *ret_end) {
    if (!proc->ended && (proc_signal(proc, SIGTERM, NULL) < 0 ||
                         proc_wait(proc, timeout_us < 0 ? 0 : timeout_us, NULL, NULL) < 0)) {
        proc_kill(proc);
    }
    if (ret_end != NULL) {
        *ret_end = proc->end;
    }
}

void proc_free(struct proc *proc) {
    if (proc == NULL) {
        return;
    }
    proc_kill(proc);
    close(proc->pidfd);
    free(proc);
}

void proc_auto(struct proc **proc) {
    proc_free(*proc);
}

static int read_all(int fd, int64_t deadline_us, struct buf *output, struct err *err) {
    char *bytes = malloc(READ_BYTES);
    INVARIANT(bytes != NULL, "out of memory");
    int rc = 0;
    for (bool more = true; more && rc == 0;) {
        if (!await_fd(fd, deadline_us)) {
            rc = err_set(err, ERR_TIMEOUT, "it did not end in time");
            break;
        }
        ssize_t got = read(fd, bytes, READ_BYTES);
        if (got > 0) {
            buf_add(output, bytes, (size_t)got);
        }
        more = got > 0 || (got < 0 && errno == EINTR);
        if (!buf_ok(output)) {
            rc = err_set(err, ERR_TOO_LARGE, "it prints more than is taken");
        }
    }
    free(bytes);
    return rc;
}

int proc_run(const struct proc_options *options, int64_t timeout_us, struct buf *output,
             struct proc_end *ret_end, struct err *err) {
    int64_t deadline_us = deadline_of(timeout_us);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_set(err, ERR_IO, "no pipe for a child: %s", strerrordesc_np(errno));
    }
    struct proc_options with_pipe = *options;
    with_pipe.out = (struct proc_stream){.to = PROC_FD, .fd = ends[1]};
    struct proc *proc = NULL;
    int rc = proc_start(&with_pipe, &proc, err);
    close(ends[1]);
    if (rc == 0) {
        rc = read_all(ends[0], deadline_us, output, err);
    }
    if (rc == 0 && !await_fd(proc->pidfd, deadline_us)) {
        rc = err_set(err, ERR_TIMEOUT, "it did not end in time");
    }
    close(ends[0]);
    if (rc == 0) {
        rc = proc_wait(proc, -1, ret_end, err);
    } else if (proc != NULL) {
        (void)err_while(err, "running %s", options->argv[0]);
    }
    proc_free(proc);
    return rc;
}
