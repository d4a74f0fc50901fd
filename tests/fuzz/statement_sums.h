/* SPDX-License-Identifier: Apache-2.0
 * statement_sums.h: what a fuzz target asks of every reader of statements: the same bytes give the
 * same rows, each row is what statement.h promises, and a file that nothing is wrong with ties
 * out. */
#ifndef HOLDFAST_TESTS_FUZZ_STATEMENT_SUMS_H
#define HOLDFAST_TESTS_FUZZ_STATEMENT_SUMS_H

#include <glib.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "statement/statement.h"

struct sums_one {
    struct currency currency;
    int64_t net, held; /* of the rows that are done; that part of it which is holds */
};
struct sums {
    int64_t rows, problems;
    uint64_t hash; /* of all that was told, in its order */
    int count;
    struct sums_one of[STATEMENT_CURRENCIES_MAX];
};

static void sums_hash(struct sums *sums, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) {
        sums->hash = (sums->hash ^ at[i]) * UINT64_C(1099511628211);
    }
}

static struct sums_one *sums_of(struct sums *sums, struct currency currency) {
    for (int i = 0; i < sums->count; i++) {
        if (currency_equal(sums->of[i].currency, currency)) {
            return &sums->of[i];
        }
    }
    INVARIANT(sums->count < STATEMENT_CURRENCIES_MAX, "no more currencies than are taken");
    sums->of[sums->count] = (struct sums_one){.currency = currency};
    return &sums->of[sums->count++];
}

static int sums_row(void *ctx, const struct statement_row *row, struct err *err) {
    struct sums *sums = ctx;
    const char *texts[] = {
        row->gateway_id, row->reference, row->original_id,  row->original_reference,
        row->batch,      row->method,    row->native_kind,  row->description,
        row->account,    row->party,     row->party_account};
    const int64_t numbers[] = {row->line,      row->kind,      row->status, row->gross_minor,
                               row->fee_minor, row->net_minor, row->at_us};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        INVARIANT(g_utf8_validate(texts[i], -1, NULL) && !text_has_controls(texts[i], false),
                  "a text is UTF-8 without control characters");
        INVARIANT(strlen(texts[i]) <= (size_t)MAX(ROW_ID_CHARS_MAX, ROW_TEXT_CHARS_MAX) + 16,
                  "a text has a limit");
        sums_hash(sums, texts[i], strlen(texts[i]) + 1);
    }
    sums_hash(sums, numbers, sizeof numbers);
    INVARIANT(row->line > 0 && strcmp(row_kind_name(row->kind), "?") != 0 &&
                  row->status >= ROW_DONE && row->status <= ROW_FAILED,
              "a row has a line, a kind and a status");
    INVARIANT((int64_t)row_kind_sign(row->kind) * row->gross_minor >= 0,
              "an amount has the sign of its kind");
    int64_t fee = row->fee_minor == AMOUNT_UNSAID ? 0 : row->fee_minor;
    INVARIANT(row->net_minor == row->gross_minor - fee, "what is left is the amount less the fee");
    sums->rows++;
    if (row->status == ROW_DONE) {
        struct sums_one *one = sums_of(sums, row->currency);
        (void)__builtin_add_overflow(one->net, row->net_minor, &one->net);
        (void)__builtin_add_overflow(one->held, row->kind == ROW_RESERVE ? row->net_minor : 0,
                                     &one->held);
    }
    return 0;
}

static void sums_problem(void *ctx, enum statement_problem problem, int64_t line,
                         const char *text) {
    struct sums *sums = ctx;
    INVARIANT(strlen(text) <= 200 && line >= 0, "a problem is one sentence of a line");
    sums_hash(sums, text, strlen(text) + 1);
    sums->problems++;
}

static inline void sums_check(const struct statement_reader *reader, const uint8_t *bytes,
                              size_t count) {
    struct statement_source source = {
        .name = "in/STL-20250901.01.009.CSV", .bytes = bytes, .count = count};
    struct sums sums[2] = {{.hash = 1469598103934665603U}, {.hash = 1469598103934665603U}};
    struct statement_head heads[2];
    struct err err;
    for (int i = 0; i < 2; i++) {
        const struct statement_sink sink = {&sums[i], sums_row, sums_problem};
        int rc = reader->read(&source, &sink, &heads[i], &err);
        INVARIANT(rc == 0 || (rc == -ERR_BAD_REQUEST && sums[i].problems > 0),
                  "what cannot be walked is told");
        INVARIANT(heads[i].rows == sums[i].rows, "the head counts the rows");
    }
    INVARIANT(sums[0].hash == sums[1].hash && sums[0].rows == sums[1].rows &&
                  sums[0].problems == sums[1].problems,
              "read twice it is the same");
    for (int i = 0; sums[0].problems == 0 && i < heads[0].balance_count; i++) {
        const struct statement_balance *balance = &heads[0].balances[i];
        const struct sums_one *one = sums_of(&sums[0], balance->currency);
        int64_t change = balance->closing_minor - balance->opening_minor;
        INVARIANT(change == one->net || change == one->net - one->held,
                  "opening and rows give closing");
    }
    INVARIANT(reader->detect("x", bytes, count) >= 0, "it can be asked what it is");
}

#endif
