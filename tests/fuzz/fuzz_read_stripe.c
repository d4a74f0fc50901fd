/* SPDX-License-Identifier: Apache-2.0
 * fuzz_read_stripe.c: an input is a report of Stripe's. Each row that is told has a net amount that
 * is its gross amount less its fee; and where a report has one payout, its rows and nothing wrong,
 * all of it comes to nothing. */
#include "bill.h"

extern const struct statement_reader reader_stripe;

/* What the rows of one payout come to, found without the reader's own table. */
struct payout {
    char id[ROW_ID_CHARS_MAX + 1];
    int64_t sum, others, payouts;
    bool one_currency, problems;
    struct currency currency;
};

static int add_row(void *ctx, const struct statement_row *row, struct err *err) {
    struct payout *payout = (struct payout *)ctx;
    (void)err;
    if (payout->id[0] == '\0') {
        g_strlcpy(payout->id, row->batch, sizeof payout->id);
        payout->currency = row->currency;
    }
    if (row->batch[0] == '\0' || strcmp(payout->id, row->batch) != 0) {
        return 0;
    }
    payout->one_currency = payout->one_currency && currency_equal(payout->currency, row->currency);
    payout->others += strcmp(row->native_kind, "payout") != 0;
    payout->payouts += strcmp(row->native_kind, "payout") == 0;
    if (!money_add(payout->sum, row->net_minor, &payout->sum)) {
        payout->one_currency = false;
    }
    return 0;
}

static void note_problem(void *ctx, enum statement_problem problem, int64_t line,
                         const char *text) {
    struct payout *payout = (struct payout *)ctx;
    (void)problem;
    (void)line;
    (void)text;
    payout->problems = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct payout payout = {.one_currency = true};
    struct bill_sums sums = bill_read(&reader_stripe, "report.csv", bytes, count);
    const struct statement_source source = {.name = "report.csv", .bytes = bytes, .count = count};
    const struct statement_sink sink = {&payout, add_row, note_problem};
    struct statement_head head;
    struct err err;
    INVARIANT(sums.nets_fit, "gross less fee is net");
    INVARIANT(reader_stripe.read(&source, &sink, &head, &err) == 0, "it can be walked");
    if (!payout.problems && payout.id[0] != '\0' && payout.payouts > 0 && payout.others > 0) {
        INVARIANT(payout.one_currency && payout.sum == 0, "a payout and its rows come to nothing");
    }
    return 0;
}
