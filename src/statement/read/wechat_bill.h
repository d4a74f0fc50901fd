/* SPDX-License-Identifier: Apache-2.0
 * wechat_bill.h: what WeChat Pay's bills have in common, of trades and of funds.
 *
 * A bill is a header, rows, a second header and one row of totals, in UTF-8; each value has a
 * back-quote before it, amounts are in yuan, times are Beijing's. Commas in texts are replaced by
 * WeChat Pay, so that a row has exactly as many fields as its header.
 * A bill is of one day of Beijing and does not say which: where all rows are of one, it is that.
 * Amounts are read into 1/100,000 of a yuan ("fine"), because fees have five decimals.
 * Owns: struct wechat_bill has a zone and a table, until wechat_bill_close(). Threads: one bill
 * each. Errors: what is wrong is told to the sink; the functions say true or false. */
#ifndef HOLDFAST_STATEMENT_WECHAT_BILL_H
#define HOLDFAST_STATEMENT_WECHAT_BILL_H

#include "base/calendar.h"
#include "statement/csv_rows.h"
#include "statement/seen.h"
#include "statement/statement.h"

enum { WECHAT_FINE_PER_FEN = 1000 };
#define WECHAT_TIME_PATTERN "YYYY-MM-DD hh:mm:ss"

struct wechat_bill {
    const struct statement_sink *sink;
    struct statement_head *head;
    struct err *err;
    struct time_zone *zone;
    struct csv_rows rows;
    struct seen seen;
    int64_t row_count, bad_count; /* all, and those of them that could not be read */
    int64_t day_s;                /* of all rows so far, as local time; or none, or several */
    bool line_ends;               /* the last one */
};

/* A failure is told as a problem too. */
MUST_USE int wechat_bill_open(struct wechat_bill *bill, const struct statement_source *source,
                              const struct statement_sink *sink, struct statement_head *head,
                              struct err *err);
void wechat_bill_end(struct wechat_bill *bill); /* writes the day into the head */
void wechat_bill_close(struct wechat_bill *bill);

/* "12.50" or "0.08000"; false: it is no amount. */
MUST_USE bool wechat_fine_read(struct csv_field field, int64_t *ret_fine);
MUST_USE bool wechat_fine_take(const struct csv_rows *rows, int at, bool blank_is_0,
                               int64_t *ret_fine);
/* The same of an amount that has whole fen. */
MUST_USE bool wechat_fen_take(const struct csv_rows *rows, int at, bool blank_is_0,
                              int64_t *ret_fine);
MUST_USE bool wechat_sum_add(const struct wechat_bill *bill, int64_t *sum, int64_t value);
/* An id that must be there; "0" stands for none. */
MUST_USE bool wechat_id_take(const struct csv_rows *rows, int at, char text[ROW_ID_CHARS_MAX + 1]);

/* Whether the row at hand has as many fields as the header. */
MUST_USE bool wechat_row_whole(const struct wechat_bill *bill);
MUST_USE bool wechat_row_is_new(struct wechat_bill *bill, const void *key, size_t count);
MUST_USE int wechat_row_give(struct wechat_bill *bill, const struct statement_row *row);

/* Goes on to the row of totals below its header, which is at hand. `decimals` is what its last
 * value has, if not five: with others, and without a line end, it was cut off. */
MUST_USE bool wechat_totals_next(struct wechat_bill *bill, const struct csv_column *columns,
                                 int count, int *ret_at, int decimals);
/* One total: a sum is held against the rows when all of them could be read. */
void wechat_check_sum(const struct wechat_bill *bill, int at, int64_t sum);
void wechat_check_count(const struct wechat_bill *bill, int at, int64_t have);
void wechat_nothing_follows(struct wechat_bill *bill);
void wechat_cut(const struct wechat_bill *bill, const char *what);

/* 95 when the first line begins with the one name and has the other, else 0. */
int wechat_bill_detect(const void *bytes, size_t count, const char *first, const char *other);

#endif
