/* SPDX-License-Identifier: Apache-2.0
 * test_proc.c: child processes: what they get, how they end, and that nothing of them stays behind.
 *
 * Whether a process is gone is seen at a pipe it holds: its end comes when the last holder is. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/proc.h"
#include "base/task.h"

#define LONG_US (60 * US_PER_SECOND) /* never waited for */
enum { OUTPUT_MAX = 64 * 1024, GIVE_UP_MS = 60 * 1000 };

static const char *self_path;

#define SH(script) ((const char *const[]){"sh", "-c", (script), NULL})

static void assert_prints(const struct proc_options *options, const char *expected) {
    BUF_AUTO output;
    buf_init(&output, OUTPUT_MAX);
    struct proc_end end = {.status = -7};
    struct err err = {0};
    if (proc_run(options, LONG_US, &output, &end, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    assert_string_equal(output.data, expected);
    assert_int_equal(end.status, 0);
    assert_int_equal(end.signal, 0);
}

static struct proc *start(const struct proc_options *options) {
    struct proc *proc = NULL;
    struct err err = {0};
    if (proc_start(options, &proc, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    return proc;
}

static void make_pipe(int ends[2]) {
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

static void assert_reads(int fd, const char *expected) {
    char text[64] = "";
    size_t want = strlen(expected);
    for (size_t have = 0; have < want;) {
        ssize_t got = read(fd, text + have, want - have);
        assert_true(got > 0);
        have += (size_t)got;
    }
    assert_string_equal(text, expected);
}

/* Everybody who held the other end is gone. */
static void assert_pipe_ends(int fd) {
    char byte;
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poller, 1, GIVE_UP_MS), 1);
    assert_int_equal(read(fd, &byte, 1), 0);
}

static void test_the_exit_status_is_told(void **state) {
    struct proc *proc = start(&(struct proc_options){.argv = SH("exit 7")});
    struct proc_end end = {0};
    assert_int_equal(proc_wait(proc, LONG_US, &end, NULL), 0);
    assert_int_equal(end.status, 7);
    assert_int_equal(end.signal, 0);
    end = (struct proc_end){0};
    assert_int_equal(proc_wait(proc, 0, &end, NULL), 0); /* and told again */
    assert_int_equal(end.status, 7);
    assert_int_equal(proc_signal(proc, SIGTERM, NULL), -ERR_STATE);
    proc_free(proc);
}

static void test_the_signal_that_ended_it_is_told(void **state) {
    struct proc *proc = start(&(struct proc_options){.argv = SH("kill -USR1 $$")});
    struct proc_end end = {0};
    assert_int_equal(proc_wait(proc, -1, &end, NULL), 0);
    assert_int_equal(end.status, -1);
    assert_int_equal(end.signal, SIGUSR1);
    proc_free(proc);
}

static void test_waiting_gives_up_in_time_and_may_go_on(void **state) {
    int ends[2];
    make_pipe(ends);
    const char *const argv[] = {"cat", NULL};
    struct proc *proc = start(&(struct proc_options){.argv = argv, .in = {PROC_FD, ends[0], NULL}});
    struct err err = {0};
    assert_int_equal(proc_wait(proc, 0, NULL, &err), -ERR_TIMEOUT);
    assert_int_equal(proc_wait(proc, 1000, NULL, &err), -ERR_TIMEOUT);
    close(ends[1]);
    struct proc_end end = {.status = -7};
    assert_int_equal(proc_wait(proc, LONG_US, &end, &err), 0);
    assert_int_equal(end.status, 0);
    close(ends[0]);
    proc_free(proc);
}

static void test_a_program_that_is_not_there_is_named(void **state) {
    static const char *const missing[] = {"holdfast-no-such-program", NULL};
    static const char *const folder[] = {"/", NULL};
    struct proc *proc = NULL;
    struct err err = {0};
    assert_int_equal(proc_start(&(struct proc_options){.argv = missing}, &proc, &err), -ERR_IO);
    assert_non_null(strstr(err.detail, "holdfast-no-such-program"));
    assert_non_null(strstr(err.detail, "No such file"));
    assert_int_equal(proc_start(&(struct proc_options){.argv = folder}, &proc, &err), -ERR_IO);
    struct proc_options in_folder = {.argv = SH("true"), .folder = "/nonexistent"};
    assert_int_equal(proc_start(&in_folder, &proc, &err), -ERR_IO);
    struct proc_options from_file = {.argv = SH("true"), .in = {PROC_FILE, 0, "/nonexistent/file"}};
    assert_int_equal(proc_start(&from_file, &proc, &err), -ERR_IO);
    assert_non_null(strstr(err.detail, "/nonexistent/file"));
    assert_null(proc);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left to be reaped */
}

static void test_streams_go_where_they_are_told(void **state) {
    char folder[] = "/tmp/holdfast-proc-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/out", folder);
    struct proc_options options = {.argv = SH("echo out; echo err >&2"),
                                   .out = {PROC_FILE, 0, path},
                                   .err = {PROC_OUT, 0, NULL}};
    for (int i = 0; i < 2; i++) { /* the second is appended */
        struct proc *proc = start(&options);
        assert_int_equal(proc_wait(proc, LONG_US, NULL, NULL), 0);
        proc_free(proc);
    }
    assert_prints(&(struct proc_options){.argv = SH("cat; pwd"),
                                         .in = {PROC_FILE, 0, path},
                                         .folder = "/usr"},
                  "out\nerr\nout\nerr\n/usr\n");
    assert_prints(&(struct proc_options){.argv = SH("cat; echo no >&2")}, ""); /* /dev/null */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void test_streams_may_be_given_crosswise(void **state) {
    int ends[2];
    make_pipe(ends);
    int kept = dup(STDOUT_FILENO);
    assert_true(kept >= 0);
    fflush(stdout);
    dup2(ends[1], STDOUT_FILENO); /* so that the stream given as standard error is number 1 */
    struct proc_options options = {.argv = SH("echo out; echo err >&2"),
                                   .err = {PROC_FD, STDOUT_FILENO, NULL}};
    struct proc *proc = NULL;
    int rc = proc_start(&options, &proc, NULL);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    close(ends[1]);
    assert_int_equal(rc, 0);
    assert_reads(ends[0], "err\n");
    assert_pipe_ends(ends[0]);
    proc_free(proc);
    close(ends[0]);
}

static void test_the_environment_is_the_parents_with_additions(void **state) {
    static const char *const add[] = {"PROC_TEST_A=new", "PROC_TEST_C=c=1", NULL};
    setenv("PROC_TEST_A", "old", 1);
    setenv("PROC_TEST_AB", "kept", 1);
    const char *const *list = SH("env | grep ^PROC_TEST_ | sort");
    assert_prints(&(struct proc_options){.argv = list, .env_add = add},
                  "PROC_TEST_A=new\nPROC_TEST_AB=kept\nPROC_TEST_C=c=1\n");
    assert_string_equal(getenv("PROC_TEST_A"), "old");
}

static void test_no_other_file_and_no_odd_signal_is_inherited(void **state) {
    int ends[2];
    assert_int_equal(pipe(ends), 0); /* without close-on-exec */
    sigset_t usr2, before;
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    sigprocmask(SIG_BLOCK, &usr2, &before);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, usual;
    sigaction(SIGPIPE, &ignore, &usual);
    static const char *const list[] = {"ls", "/proc/self/fd", NULL};
    const char *const *grep = SH("exec grep -E '^Sig(Ign|Blk)' /proc/self/status");
    assert_prints(&(struct proc_options){.argv = list}, "0\n1\n2\n3\n"); /* 3: what it lists */
    assert_prints(&(struct proc_options){.argv = grep},
                  "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    sigset_t now;
    sigprocmask(SIG_SETMASK, &before, &now);
    assert_true(sigismember(&now, SIGUSR2)); /* and ours is as it was */
    assert_false(sigismember(&now, SIGTERM));
    sigaction(SIGPIPE, &usual, NULL);
    close(ends[0]);
    close(ends[1]);
}

static void test_stopping_asks_first_and_then_kills(void **state) {
    int ends[2];
    make_pipe(ends);
    struct proc_options options = {.out = {PROC_FD, ends[1], NULL}};
    options.argv = SH("trap 'exit 3' TERM; echo go; while :; do sleep 0.01; done");
    struct proc *proc = start(&options);
    assert_reads(ends[0], "go\n");
    struct proc_end end = {0};
    proc_stop(proc, LONG_US, &end);
    assert_int_equal(end.status, 3);
    proc_stop(proc, LONG_US, &end); /* again is no harm */
    proc_free(proc);

    options.argv = SH("trap '' TERM; echo go; while :; do sleep 0.01; done");
    proc = start(&options);
    assert_reads(ends[0], "go\n");
    proc_stop(proc, 20 * US_PER_MS, &end);
    assert_int_equal(end.signal, SIGKILL);
    proc_free(proc);
    close(ends[0]);
    close(ends[1]);
}

/* A shell that has said "go" and waits, and its own child, hold the pipe. */
static struct proc *start_family(bool own_group, const int ends[2], const char *last) {
    char script[64];
    snprintf(script, sizeof(script), "sleep 1000 & echo go; %s", last);
    struct proc *proc = start(&(struct proc_options){
        .argv = SH(script), .out = {PROC_FD, ends[1], NULL}, .own_group = own_group});
    assert_reads(ends[0], "go\n");
    return proc;
}

static void test_signals_reach_the_whole_group(void **state) {
    int ends[2];
    make_pipe(ends);
    struct proc *proc = start_family(true, ends, "wait");
    close(ends[1]);
    assert_int_equal(getpgid(proc_pid(proc)), proc_pid(proc));
    assert_int_equal(proc_signal(proc, SIGTERM, NULL), 0);
    assert_pipe_ends(ends[0]);
    proc_free(proc);
    close(ends[0]);
}

static void test_what_is_left_of_a_group_ends_with_its_leader(void **state) {
    int ends[2];
    make_pipe(ends);
    struct proc *proc = start_family(true, ends, "exit 4");
    close(ends[1]);
    struct proc_end end = {0};
    assert_int_equal(proc_wait(proc, LONG_US, &end, NULL), 0);
    assert_int_equal(end.status, 4);
    assert_pipe_ends(ends[0]);
    proc_free(proc);
    close(ends[0]);
}

static int copy_main(void *arg) {
    int *shared = arg;
    *shared += 1;
    return *shared == 42 ? 9 : 1;
}

static void test_a_copy_of_this_process_shares_what_is_mapped_so(void **state) {
    int *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                       0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    *shared = 41;
    PROC_AUTO proc = NULL;
    assert_int_equal(proc_fork(copy_main, shared, &proc, NULL), 0);
    struct proc_end end = {0};
    assert_int_equal(proc_wait(proc, LONG_US, &end, NULL), 0);
    assert_int_equal(end.status, 9);
    assert_int_equal(*shared, 42);
    munmap(shared, sizeof *shared);
}

static int copy_that_waits(void *arg) {
    char byte;
    ssize_t got = read(*(int *)arg, &byte, 1);
    return got == 0 ? 0 : 1;
}

static void test_a_copy_that_does_not_end_in_time_can_be_ended(void **state) {
    int ends[2];
    make_pipe(ends);
    struct proc *proc = NULL;
    assert_int_equal(proc_fork(copy_that_waits, &ends[0], &proc, NULL), 0);
    assert_int_equal(proc_wait(proc, 1000, NULL, NULL), -ERR_TIMEOUT);
    proc_free(proc);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    close(ends[0]);
    close(ends[1]);
}

static void test_freeing_ends_and_reaps(void **state) {
    int ends[2];
    make_pipe(ends);
    const char *const argv[] = {"sleep", "1000", NULL};
    PROC_AUTO proc = start(&(struct proc_options){.argv = argv, .out = {PROC_FD, ends[1], NULL}});
    close(ends[1]);
    proc_free(proc);
    proc = NULL;
    assert_pipe_ends(ends[0]);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    close(ends[0]);
}

/* "--parent": this program as a parent that is killed while its child runs. */
static int be_parent(void) {
    const char *const argv[] = {"sh", "-c", "echo go; exec sleep 1000", NULL};
    struct proc *proc = NULL;
    struct proc_options options = {
        .argv = argv, .out = {.to = PROC_PARENT}, .dies_with_parent = true};
    return proc_start(&options, &proc, NULL) == 0 ? proc_wait(proc, -1, NULL, NULL) : 1;
}

static void test_a_child_that_is_asked_to_dies_with_its_parent(void **state) {
    int ends[2];
    make_pipe(ends);
    const char *const argv[] = {self_path, "--parent", NULL};
    struct proc_options options = {.argv = argv, .out = {PROC_FD, ends[1], NULL}};
    struct proc *proc = start(&options);
    close(ends[1]);
    assert_reads(ends[0], "go\n");
    assert_int_equal(proc_signal(proc, SIGKILL, NULL), 0);
    assert_pipe_ends(ends[0]);
    proc_free(proc);
    close(ends[0]);
}

static void test_output_over_the_maximum_ends_the_child(void **state) {
    BUF_AUTO output;
    buf_init(&output, 1000);
    const char *const argv[] = {"yes", NULL};
    struct err err = {0};
    assert_int_equal(proc_run(&(struct proc_options){.argv = argv}, LONG_US, &output, NULL, &err),
                     -ERR_TOO_LARGE);
    assert_non_null(strstr(err.detail, "yes"));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_a_child_that_does_not_end_in_time_is_ended(void **state) {
    static const char *const scripts[] = {"exec sleep 1000", "exec >&-; exec sleep 1000"};
    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        BUF_AUTO output;
        buf_init(&output, 1000);
        struct err err = {0};
        struct proc_options options = {.argv = SH(scripts[i])};
        assert_int_equal(proc_run(&options, 50 * US_PER_MS, &output, NULL, &err), -ERR_TIMEOUT);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    }
}

static void test_the_exit_status_of_a_run_is_no_error(void **state) {
    BUF_AUTO output;
    buf_init(&output, OUTPUT_MAX);
    struct proc_end end = {0};
    struct proc_options options = {.argv = SH("echo why; exit 9")};
    assert_int_equal(proc_run(&options, LONG_US, &output, &end, NULL), 0);
    assert_int_equal(end.status, 9);
    assert_string_equal(output.data, "why\n");
}

static void run_some(void *arg) {
    int *good = arg;
    for (int i = 0; i < 10; i++) {
        BUF_AUTO output;
        buf_init(&output, OUTPUT_MAX);
        struct proc_options options = {.argv = SH("echo x; echo y")};
        *good += proc_run(&options, LONG_US, &output, NULL, NULL) == 0 && output.len == 4;
    }
}

static void test_many_tasks_start_children_at_once(void **state) {
    enum { TASKS = 8 };
    int good[TASKS] = {0};
    struct task *tasks[TASKS];
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = task_start("starter", 0, run_some, &good[i]);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < TASKS; i++) {
        task_join(tasks[i]);
        assert_int_equal(good[i], 10);
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--parent") == 0) {
        return be_parent();
    }
    char path[4096] = "";
    if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0) {
        return 1;
    }
    self_path = path;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_exit_status_is_told),
        cmocka_unit_test(test_the_signal_that_ended_it_is_told),
        cmocka_unit_test(test_waiting_gives_up_in_time_and_may_go_on),
        cmocka_unit_test(test_a_program_that_is_not_there_is_named),
        cmocka_unit_test(test_streams_go_where_they_are_told),
        cmocka_unit_test(test_streams_may_be_given_crosswise),
        cmocka_unit_test(test_the_environment_is_the_parents_with_additions),
        cmocka_unit_test(test_no_other_file_and_no_odd_signal_is_inherited),
        cmocka_unit_test(test_stopping_asks_first_and_then_kills),
        cmocka_unit_test(test_signals_reach_the_whole_group),
        cmocka_unit_test(test_what_is_left_of_a_group_ends_with_its_leader),
        cmocka_unit_test(test_a_copy_of_this_process_shares_what_is_mapped_so),
        cmocka_unit_test(test_a_copy_that_does_not_end_in_time_can_be_ended),
        cmocka_unit_test(test_freeing_ends_and_reaps),
        cmocka_unit_test(test_a_child_that_is_asked_to_dies_with_its_parent),
        cmocka_unit_test(test_output_over_the_maximum_ends_the_child),
        cmocka_unit_test(test_a_child_that_does_not_end_in_time_is_ended),
        cmocka_unit_test(test_the_exit_status_of_a_run_is_no_error),
        cmocka_unit_test(test_many_tasks_start_children_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
