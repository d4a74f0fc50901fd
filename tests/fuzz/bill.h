/* SPDX-License-Identifier: Apache-2.0
 * bill.h: what the fuzz targets of statement readers share: a reader reads the same bytes twice and
 * must tell the same; every row keeps the promises of statement/statement.h; and what was found is
 * kept in sums, for the oracle of each format. */
#ifndef HOLDFAST_TESTS_FUZZ_BILL_H
#define HOLDFAST_TESTS_FUZZ_BILL_H

#include <glib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "fuzz.h"
#include "statement/statement.h"

struct bill_sums {
    int64_t rows, problems;
    int64_t net_minor; /* of the rows that tell one */
    uint32_t hash;     /* of all that was told, in its order */
    bool nets_fit;     /* net = gross - fee, in each row that tells all three */
    struct statement_head head;
    int rc;
};

static inline void bill_hash(struct bill_sums *sums, const void *bytes, size_t count) {
    uint32_t one = crypto_crc32(bytes, count);
    sums->hash = sums->hash * 31 + one;
}

static inline void bill_text(struct bill_sums *sums, const char *text, size_t chars_max) {
    INVARIANT(text != NULL && strlen(text) <= chars_max, "a text is there, and not too long");
    INVARIANT(g_utf8_validate(text, -1, NULL) && !text_has_controls(text, false),
              "a text is UTF-8 without control characters");
    bill_hash(sums, text, strlen(text));
}

static int bill_row(void *ctx, const struct statement_row *row, struct err *err) {
    struct bill_sums *sums = (struct bill_sums *)ctx;
    const char *const ids[] = {row->gateway_id,         row->reference, row->original_id,
                               row->original_reference, row->batch,     row->method,
                               row->native_kind};
    (void)err;
    INVARIANT(row->kind > 0 && row->kind < ROW_KIND_COUNT && row->line > 0, "a row has a kind");
    INVARIANT(row->status >= ROW_DONE && row->status <= ROW_FAILED, "a row has a status");
    INVARIANT(row->gross_minor * row_kind_sign(row->kind) >= 0, "an amount has its kind's sign");
    (void)currency_exponent(row->currency);
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        bill_text(sums, ids[i], ROW_ID_CHARS_MAX);
    }
    bill_text(sums, row->description, ROW_TEXT_CHARS_MAX);
    const int64_t numbers[] = {row->line,      row->kind,      row->status, row->gross_minor,
                               row->fee_minor, row->net_minor, row->at_us};
    bill_hash(sums, numbers, sizeof numbers);
    sums->rows++;
    if (row->net_minor != AMOUNT_UNSAID) {
        sums->net_minor += row->net_minor;
        sums->nets_fit = sums->nets_fit && (row->fee_minor == AMOUNT_UNSAID ||
                                            row->net_minor == row->gross_minor - row->fee_minor);
    }
    return 0;
}

static void bill_problem(void *ctx, enum statement_problem problem, int64_t line,
                         const char *text) {
    struct bill_sums *sums = (struct bill_sums *)ctx;
    INVARIANT(problem >= 0 && problem < PROBLEM_COUNT_OF_KINDS && line >= 0, "a problem is one");
    INVARIANT(strlen(text) <= 200, "a problem's text is short");
    sums->problems++;
    bill_hash(sums, text, strlen(text));
}

static inline struct bill_sums bill_read_once(const struct statement_reader *reader,
                                              const char *name, const void *bytes, size_t count) {
    struct bill_sums sums = {.nets_fit = true};
    struct err err = {0};
    const struct statement_source source = {.name = name, .bytes = bytes, .count = count};
    const struct statement_sink sink = {&sums, bill_row, bill_problem};
    sums.rc = reader->read(&source, &sink, &sums.head, &err);
    INVARIANT(sums.rc == 0 || sums.problems > 0, "what cannot be walked is told");
    INVARIANT(sums.head.rows == sums.rows, "the head counts the rows");
    return sums;
}

static inline struct bill_sums bill_read(const struct statement_reader *reader, const char *name,
                                         const void *bytes, size_t count) {
    struct bill_sums first = bill_read_once(reader, name, bytes, count);
    struct bill_sums second = bill_read_once(reader, name, bytes, count);
    int sure = reader->detect(name, bytes, count);
    INVARIANT(first.hash == second.hash && first.rows == second.rows &&
                  first.problems == second.problems && first.rc == second.rc,
              "the same bytes tell the same");
    INVARIANT(sure >= 0 && sure <= 100, "a reader is so sure, in percent");
    return first;
}

/* The rows lead from the opening balance to the closing one. */
static inline void bill_check_balance(const struct bill_sums *sums) {
    const struct statement_balance *balance = &sums->head.balances[0];
    INVARIANT(sums->problems > 0 || sums->head.balance_count == 0 ||
                  balance->opening_minor + sums->net_minor == balance->closing_minor,
              "opening balance and movements give the closing balance");
}

#endif
