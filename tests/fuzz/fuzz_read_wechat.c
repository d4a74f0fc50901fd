/* SPDX-License-Identifier: Apache-2.0
 * fuzz_read_wechat.c: an input is a bill of WeChat Pay, read as both kinds. One without a problem
 * has as many rows as its last row says, its funds' balances fit, and without that row it has a
 * problem. */
#include <stdlib.h>

#include "bill.h"

extern const struct statement_reader wechat_trade_reader, wechat_fund_reader;

enum { BYTES_MAX = 256 * 1024 };

/* Where the last line that is not empty begins. */
static size_t last_line(const char *bytes, size_t count) {
    while (count > 0 && (bytes[count - 1] == '\n' || bytes[count - 1] == '\r')) {
        count--;
    }
    const char *end = count > 0 ? memrchr(bytes, '\n', count) : NULL;
    return end != NULL ? (size_t)(end + 1 - bytes) : 0;
}

static int64_t first_number(const char *bytes, size_t count) {
    char number[24] = "";
    for (size_t i = 0, used = 0; i < count && bytes[i] != ','; i++) {
        if (bytes[i] >= '0' && bytes[i] <= '9' && used + 1 < sizeof number) {
            number[used++] = bytes[i];
        }
    }
    return strtoll(number, NULL, 10);
}

static void check(const struct statement_reader *reader, const char *bytes, size_t count) {
    struct bill_sums sums = bill_read(reader, "bill.csv", bytes, count);
    bill_check_balance(&sums);
    if (sums.problems == 0) {
        size_t last = last_line(bytes, count);
        INVARIANT(sums.rows == first_number(bytes + last, count - last),
                  "the bill has the rows that it says");
        INVARIANT(bill_read_once(reader, "bill.csv", bytes, last).problems > 0,
                  "without its totals it is no bill");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    if (count <= BYTES_MAX) {
        check(&wechat_trade_reader, (const char *)bytes, count);
        check(&wechat_fund_reader, (const char *)bytes, count);
    }
    return 0;
}
