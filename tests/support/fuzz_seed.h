/* SPDX-License-Identifier: Apache-2.0
 * fuzz_seed.h: files that tests make, good and damaged, as inputs for the fuzz targets of their
 * readers:
 *
 *   HOLDFAST_SEEDS=FOLDER build/tests/unit/test_read_stripe
 *
 * writes each into FOLDER/TARGET/NAME, in the form that the target of tests/fuzz takes: UnionPay's
 * behind the file's name, one by a map behind the map. Without the variable nothing is written.
 * Threads: one. Owns nothing. Cannot fail but as a failed test. */
#ifndef HOLDFAST_TESTS_FUZZ_SEED_H
#define HOLDFAST_TESTS_FUZZ_SEED_H

#include <stdbool.h>
#include <stddef.h>

bool fuzz_seeds_wanted(void);
/* `reader`: of readers.def. `name`: becomes the file's, small letters and '_' for the rest.
 * `file_name`: "" or NULL where nobody knows it. `map`: its text; NULL: none. */
void fuzz_seed_write(const char *reader, const char *name, const char *file_name, const char *map,
                     const void *bytes, size_t count);

#endif
