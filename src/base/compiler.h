/* SPDX-License-Identifier: Apache-2.0
 * compiler.h: the attributes and small macros every file may use. Owns nothing. */
#ifndef HOLDFAST_BASE_COMPILER_H
#define HOLDFAST_BASE_COMPILER_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_arg)                                                       \
    __attribute__((format(printf, format_index, first_arg)))
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A bug, not bad input: says what was expected and where, then aborts. Stays on in production; the
 * store and the resolver make an abort safe at any moment. */
#define INVARIANT(condition, ...)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            invariant_broken(__FILE__, __LINE__, #condition, "" __VA_ARGS__);                      \
        }                                                                                          \
    } while (0)

/* Prints one line to standard error and aborts. `why` is a fixed sentence: never data. */
NORETURN void invariant_broken(const char *file, int line, const char *condition, const char *why);

#endif
