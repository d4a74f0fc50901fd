/* SPDX-License-Identifier: Apache-2.0
 * one_thread.c: a program that this is linked into ends when anything in it, a library too, starts
 * a thread: so it need not be looked for races. See `one_thread` in tests/unit/meson.build. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int pthread_create(pthread_t *restrict ret_thread, const pthread_attr_t *restrict attributes,
                   void *(*run)(void *), void *restrict arg) {
    (void)ret_thread;
    (void)attributes;
    (void)run;
    (void)arg;
    (void)fputs("one_thread: this program starts a thread: take its name out of the list of those"
                " that do not\n",
                stderr);
    abort();
}
