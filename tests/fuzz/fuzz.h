/* SPDX-License-Identifier: Apache-2.0
 * fuzz.h: what a fuzz target defines. libFuzzer or replay_main.c calls it once an input; it returns
 * 0, and it breaks an INVARIANT when a promise does not hold. */
#ifndef HOLDFAST_TESTS_FUZZ_FUZZ_H
#define HOLDFAST_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#endif
