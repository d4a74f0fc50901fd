/* SPDX-License-Identifier: Apache-2.0
 * aborts.h: asks whether a call ends the program, as INVARIANT promises, by making it in a child
 * process. */
#ifndef HOLDFAST_TESTS_UNIT_ABORTS_H
#define HOLDFAST_TESTS_UNIT_ABORTS_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* True when `fn` aborted; false when it returned or ended in any other way. Its words go nowhere,
 * and it leaves no core file. */
static inline bool aborts(void (*fn)(void)) {
    const struct rlimit none = {0, 0};
    int status = 0;
    pid_t child;

    (void)fflush(NULL);
    child = fork();
    if (child == 0) {
        const int nowhere = open("/dev/null", O_WRONLY);

        if (nowhere < 0 || dup2(nowhere, STDERR_FILENO) < 0 || setrlimit(RLIMIT_CORE, &none) != 0) {
            _exit(2);
        }
        /* The test library must not take the signal for a failed test of its own. */
        (void)signal(SIGABRT, SIG_DFL);
        fn();
        _exit(1);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return false;
    }
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
