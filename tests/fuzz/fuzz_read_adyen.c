/* SPDX-License-Identifier: Apache-2.0
 * fuzz_read_adyen.c: an input is a settlement details report of Adyen's. Each row that tells gross,
 * costs and net agrees with itself, unless the money went past Adyen; a report that nothing is
 * wrong with has one batch number in all rows, and where every row is in one currency and there is
 * a payout, all of it comes to nothing. */
#include "bill.h"

extern const struct statement_reader reader_adyen;

struct batch {
    char number[ROW_ID_CHARS_MAX + 1];
    int64_t sum;
    bool problems, complete, paid_out, one_number;
    struct currency currency;
};

static int add_row(void *ctx, const struct statement_row *row, struct err *err) {
    struct batch *batch = (struct batch *)ctx;
    int64_t left = 0, number = 0, other = 0;
    (void)err;
    if (batch->number[0] == '\0') {
        g_strlcpy(batch->number, row->batch, sizeof batch->number);
        batch->currency = row->currency;
    }
    number = g_ascii_strtoll(batch->number, NULL, 10);
    other = g_ascii_strtoll(row->batch, NULL, 10);
    batch->one_number = batch->one_number && number == other;
    batch->paid_out = batch->paid_out || row->kind == ROW_PAYOUT || row->kind == ROW_TOPUP;
    if (row->net_minor == AMOUNT_UNSAID || !currency_equal(row->currency, batch->currency) ||
        !money_add(batch->sum, row->net_minor, &batch->sum)) {
        batch->complete = false;
        return 0;
    }
    if (row->fee_minor != AMOUNT_UNSAID && strstr(row->native_kind, "Externally") == NULL) {
        INVARIANT(money_sub(row->gross_minor, row->fee_minor, &left) && left == row->net_minor,
                  "gross less costs is net");
    }
    return 0;
}

static void note_problem(void *ctx, enum statement_problem problem, int64_t line,
                         const char *text) {
    struct batch *batch = (struct batch *)ctx;
    (void)problem;
    (void)line;
    (void)text;
    batch->problems = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    static const char name[] = "settlement_detail_report_batch.csv";
    struct batch batch = {.complete = true, .one_number = true};
    struct bill_sums sums = bill_read(&reader_adyen, name, bytes, count);
    const struct statement_source source = {.name = name, .bytes = bytes, .count = count};
    const struct statement_sink sink = {&batch, add_row, note_problem};
    struct statement_head head;
    struct err err;
    INVARIANT(sums.rows == 0 || sums.head.file_id[0] != '\0', "a row makes the batch known");
    INVARIANT(reader_adyen.read(&source, &sink, &head, &err) == 0, "it can be walked");
    INVARIANT(batch.one_number, "a row of another batch is never told");
    if (!batch.problems && batch.complete && batch.paid_out) {
        INVARIANT(batch.sum == 0, "a payout and its rows come to nothing");
    }
    return 0;
}
