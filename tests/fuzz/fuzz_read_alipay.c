/* SPDX-License-Identifier: Apache-2.0
 * fuzz_read_alipay.c: an input is a bill of Alipay, read as both kinds. In one without a problem
 * an account's balances fit, and in UTF-8 it tells the same as in GB18030. */
#include "bill.h"
#include "statement/field.h"

extern const struct statement_reader alipay_trade_reader, alipay_account_reader;

enum { BYTES_MAX = 256 * 1024 };

static void check(const struct statement_reader *reader, const void *bytes, size_t count) {
    struct bill_sums sums = bill_read(reader, "bill.csv", bytes, count);
    char *text = NULL;
    size_t text_count = 0;
    bill_check_balance(&sums);
    if (sums.problems != 0) {
        return;
    }
    if (!g_utf8_validate(bytes, (gssize)count, NULL) &&
        field_gb18030(bytes, count, &text, &text_count, NULL) == 0) {
        INVARIANT(bill_read_once(reader, "bill.csv", text, text_count).hash == sums.hash,
                  "a bill tells the same in either charset");
        g_free(text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    if (count <= BYTES_MAX) {
        check(&alipay_trade_reader, bytes, count);
        check(&alipay_account_reader, bytes, count);
    }
    return 0;
}
