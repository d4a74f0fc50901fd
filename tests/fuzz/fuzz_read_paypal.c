/* SPDX-License-Identifier: Apache-2.0
 * fuzz_read_paypal.c: an input is a PayPal report, read as each of the two there are. What holds of
 * every reader is in statement_sums.h; beside it, a file is never taken for both. */
#include "statement_sums.h"

extern const struct statement_reader paypal_stl_reader, paypal_trr_reader;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    sums_check(&paypal_stl_reader, bytes, count);
    sums_check(&paypal_trr_reader, bytes, count);
    INVARIANT(paypal_stl_reader.detect("x", bytes, count) == 0 ||
                  paypal_trr_reader.detect("x", bytes, count) == 0,
              "it is one of the two or none");
    return 0;
}
