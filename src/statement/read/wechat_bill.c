/* SPDX-License-Identifier: Apache-2.0
 * wechat_bill.c: what WeChat Pay's bills have in common. */
#include "statement/read/wechat_bill.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum {
    FINE_DECIMALS = 5,
    FINE_DIGITS_MAX = 13,
    NO_DAY = -1,
    SEVERAL_DAYS = -2,
};
#define BEIJING "Asia/Shanghai"
#define DAY_S (24 * 3600)

/* ---- amounts ---- */

bool wechat_fine_read(struct csv_field field, int64_t *ret_fine) {
    const char *at = field.bytes, *end = field.bytes + field.count;
    bool minus = at < end && *at == '-';
    int64_t value = 0;
    int digits = 0, decimals = -1;
    for (at += minus; at < end; at++) {
        if (*at == '.' && decimals < 0 && digits > 0) {
            decimals = 0;
            continue;
        }
        if (*at < '0' || *at > '9' || decimals == FINE_DECIMALS ||
            (decimals < 0 && digits == FINE_DIGITS_MAX)) {
            return false;
        }
        value = value * 10 + (*at - '0');
        digits++;
        decimals += decimals >= 0;
    }
    if (digits == 0 || decimals == 0) {
        return false;
    }
    for (int i = decimals < 0 ? 0 : decimals; i < FINE_DECIMALS; i++) {
        value *= 10;
    }
    *ret_fine = minus ? -value : value;
    return true;
}

/* How many decimals a value has; what is cut off at a file's end has fewer. */
static int decimals_of(struct csv_field field) {
    const char *point = memchr(field.bytes, '.', field.count);
    return point == NULL ? 0 : (int)(field.bytes + field.count - point - 1);
}

bool wechat_fine_take(const struct csv_rows *rows, int at, bool blank_is_0, int64_t *ret_fine) {
    struct csv_field field = csv_rows_field(rows, at);
    if (field.count == 0 && blank_is_0) {
        *ret_fine = 0;
        return true;
    }
    if (!wechat_fine_read(field, ret_fine)) {
        csv_rows_tell(rows, PROBLEM_BAD_VALUE, at, "'%.*s' is no amount in yuan",
                      field.count < 40 ? (int)field.count : 40, field.bytes);
        return false;
    }
    return true;
}

bool wechat_fen_take(const struct csv_rows *rows, int at, bool blank_is_0, int64_t *ret_fine) {
    int64_t fine = 0;
    if (!wechat_fine_take(rows, at, blank_is_0, &fine)) {
        return false;
    }
    if (fine % WECHAT_FINE_PER_FEN != 0) {
        csv_rows_tell(rows, PROBLEM_BAD_VALUE, at, "the amount is finer than a fen");
        return false;
    }
    *ret_fine = fine;
    return true;
}

/* "12.50000": for messages. */
static const char *fine_show(int64_t fine, char text[MONEY_TEXT_MAX]) {
    snprintf(text, MONEY_TEXT_MAX, "%s%lld.%05lld", fine < 0 ? "-" : "",
             (long long)(fine < 0 ? -(fine / 100000) : fine / 100000),
             (long long)(fine < 0 ? -(fine % 100000) : fine % 100000));
    return text;
}

bool wechat_sum_add(const struct wechat_bill *bill, int64_t *sum, int64_t value) {
    if (!money_add(*sum, value, sum)) {
        statement_tell(bill->sink, PROBLEM_LIMIT, bill->rows.line,
                       "the sum of the amounts is larger than any that is counted");
        return false;
    }
    return true;
}

/* ---- what both bills share ---- */

int wechat_bill_open(struct wechat_bill *bill, const struct statement_source *source,
                     const struct statement_sink *sink, struct statement_head *head,
                     struct err *err) {
    const char *bytes = source->bytes;
    *head = (struct statement_head){.sequence = -1};
    *bill = (struct wechat_bill){.sink = sink, .head = head, .err = err, .day_s = NO_DAY};
    bill->line_ends = source->count > 0 &&
                      (bytes[source->count - 1] == '\n' || bytes[source->count - 1] == '\r');
    int rc = time_zone_open(source->time_zone != NULL ? source->time_zone : BEIJING, &bill->zone,
                            err);
    if (rc < 0) {
        statement_tell(sink, PROBLEM_BAD_VALUE, 0, "%s", err->detail);
        return rc;
    }
    csv_rows_open(&bill->rows, sink, source->bytes, source->count, ',', 0);
    bill->rows.prefix = '`';
    return 0;
}

void wechat_bill_close(struct wechat_bill *bill) {
    time_zone_close(bill->zone);
    seen_release(&bill->seen);
}

void wechat_cut(const struct wechat_bill *bill, const char *what) {
    statement_tell(bill->sink, PROBLEM_CUT, bill->rows.line, "%s", what);
}

bool wechat_row_whole(const struct wechat_bill *bill) {
    if (bill->rows.count == bill->rows.header_count) {
        return true;
    }
    statement_tell(bill->sink, PROBLEM_BAD_ROW, bill->rows.line,
                   "this row has %d fields, and the header %d", bill->rows.count,
                   bill->rows.header_count);
    return false;
}

bool wechat_row_is_new(struct wechat_bill *bill, const void *key, size_t count) {
    int64_t first = seen_add(&bill->seen, key, count, bill->rows.line);
    if (first != 0) {
        statement_tell(bill->sink, PROBLEM_REPEATED, bill->rows.line,
                       "the same movement stands on line %lld already", (long long)first);
        return false;
    }
    return true;
}

static void note_day(struct wechat_bill *bill, int64_t at_us) {
    int64_t local_s = local_from_wall(bill->zone, at_us), day_s = local_s - local_s % DAY_S;
    if (bill->day_s == NO_DAY) {
        bill->day_s = day_s;
    } else if (bill->day_s != day_s) {
        bill->day_s = SEVERAL_DAYS;
    }
}

int wechat_row_give(struct wechat_bill *bill, const struct statement_row *row) {
    note_day(bill, row->at_us);
    int rc = bill->sink->row(bill->sink->ctx, row, bill->err);
    bill->head->rows += rc == 0;
    return rc;
}

void wechat_bill_end(struct wechat_bill *bill) {
    if (bill->day_s >= 0) {
        bill->head->from_us = wall_from_local(bill->zone, bill->day_s);
        bill->head->until_us = wall_from_local(bill->zone, bill->day_s + DAY_S);
    }
}

/* One total of the last row. */
void wechat_check_sum(const struct wechat_bill *bill, int at, int64_t sum) {
    char said[MONEY_TEXT_MAX], have[MONEY_TEXT_MAX];
    int64_t fine = 0;
    if (!wechat_fine_take(&bill->rows, at, false, &fine)) {
        return;
    }
    if (fine != sum && bill->bad_count == 0) {
        csv_rows_tell(&bill->rows, PROBLEM_TOTAL, at, "it says %s, and the rows have %s",
                      fine_show(fine, said), fine_show(sum, have));
    }
}

void wechat_check_count(const struct wechat_bill *bill, int at, int64_t have) {
    int64_t said = 0;
    if (csv_rows_count(&bill->rows, at, &said) && said != have) {
        csv_rows_tell(&bill->rows, PROBLEM_COUNT, at, "it says %lld, and there are %lld",
                      (long long)said, (long long)have);
    }
}

bool wechat_totals_next(struct wechat_bill *bill, const struct csv_column *columns, int count,
                        int *ret_at, int decimals) {
    struct csv_rows *rows = &bill->rows;
    if (!csv_rows_header(rows, columns, count, ret_at)) {
        return false;
    }
    if (!csv_rows_next(rows)) {
        wechat_cut(bill, "the file ends before its totals");
        return false;
    }
    int have = decimals_of(csv_rows_field(rows, rows->count - 1));
    bool torn = rows->count < rows->header_count ||
                (rows->count == rows->header_count && have != decimals && have != FINE_DECIMALS);
    if (torn && rows->csv.at == rows->csv.end && !bill->line_ends) {
        wechat_cut(bill, "the file ends within its totals");
        return false;
    }
    return wechat_row_whole(bill);
}

void wechat_nothing_follows(struct wechat_bill *bill) {
    if (csv_rows_next(&bill->rows)) {
        statement_tell(bill->sink, PROBLEM_TRAILING, bill->rows.line,
                       "something follows the totals, which end the file");
    }
}

bool wechat_id_take(const struct csv_rows *rows, int at, char text[ROW_ID_CHARS_MAX + 1]) {
    if (!csv_rows_text(rows, at, text, ROW_ID_CHARS_MAX + 1)) {
        return false;
    }
    if (text[0] == '\0' || strcmp(text, "0") == 0) {
        csv_rows_tell(rows, PROBLEM_BAD_VALUE, at, "the row does not say which it is");
        return false;
    }
    return true;
}

int wechat_bill_detect(const void *bytes, size_t count, const char *first, const char *other) {
    const char *at = bytes;
    size_t left = count, chars = strlen(first);
    if (left >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) {
        at += 3;
        left -= 3;
    }
    const char *end = left > 0 ? memchr(at, '\n', left) : NULL;
    size_t line = end != NULL ? (size_t)(end - at) : left;
    bool found = line > chars && memcmp(at, first, chars) == 0 &&
                 memmem(at, line, other, strlen(other)) != NULL;
    return found ? 95 : 0;
}
