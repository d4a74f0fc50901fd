/* SPDX-License-Identifier: Apache-2.0
 * fuzz_read_camt.c: an input is a camt.053 statement. What must hold is in statement_sums.h. */
#include "statement_sums.h"

extern const struct statement_reader camt053_reader;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    sums_check(&camt053_reader, bytes, count);
    return 0;
}
