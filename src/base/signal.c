/* SPDX-License-Identifier: Apache-2.0
 * signal.c: see signal.h. The mask is the calling task's; tasks started later inherit it, so every
 * one of them leaves the signal to the one that waits. */
#include "base/signal.h"

#include <errno.h>
#include <signal.h>

#include "base/clock.h"

static sigset_t endings(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

void signals_block(void) {
    sigset_t set = endings();
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void signals_unblock(void) {
    sigset_t set = endings();
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int signals_await(int64_t timeout_us) {
    sigset_t set = endings();
    int64_t until_us = clock_mono_us() + (timeout_us > 0 ? timeout_us : 0);
    for (;;) {
        int64_t left_us = until_us - clock_mono_us();
        left_us = left_us > 0 ? left_us : 0;
        struct timespec left = {.tv_sec = left_us / US_PER_SECOND,
                                .tv_nsec = left_us % US_PER_SECOND * 1000};
        int number = timeout_us < 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &left);
        if (number > 0) {
            return number;
        }
        if (errno == EAGAIN) {
            return 0;
        }
        /* EINTR: another signal, such as being stopped and continued. */
    }
}
