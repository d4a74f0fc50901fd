/* SPDX-License-Identifier: Apache-2.0
 * sample.h: how much of a long enumeration is tried. Header only.
 *
 * A program that lets every store call fail in turn, or tries every pair of two tables, proves that
 * the logic holds, and in the plain build it tries all. A sanitizer looks for memory errors and
 * races; the cases of one enumeration go through the same few functions, and are several times
 * dearer there. So in such a build a sample is tried, spread evenly and the same in every run.
 * HOLDFAST_TEST_ALL=1 tries all in any build.
 * Never for the rows of a table, the files of a corpus, whatever is the only way into some code. */
#ifndef HOLDFAST_TESTS_SAMPLE_H
#define HOLDFAST_TESTS_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SAMPLE_WITH_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SAMPLE_WITH_SANITIZER 1
#endif
#endif
#ifndef SAMPLE_WITH_SANITIZER
#define SAMPLE_WITH_SANITIZER 0
#endif

static inline bool sample_only(void) {
    return SAMPLE_WITH_SANITIZER && getenv("HOLDFAST_TEST_ALL") == NULL;
}

/* Whether case `number` is tried: all are, or of each `every` one. Where several enumerations stand
 * side by side, add the enumeration's own number, so that each has others. */
static inline bool sampled(int64_t number, int every) {
    return !sample_only() || number % every == every / 2;
}

/* How many of `all` seeds or rounds are run, where any of them is as good as another. */
static inline int sample_of(int all, int some) {
    return sample_only() ? some : all;
}

#endif
