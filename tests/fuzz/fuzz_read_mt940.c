/* SPDX-License-Identifier: Apache-2.0
 * fuzz_read_mt940.c: an input is an MT940 statement. What must hold is in statement_sums.h. */
#include "statement_sums.h"

extern const struct statement_reader mt940_reader;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    sums_check(&mt940_reader, bytes, count);
    return 0;
}
