/* SPDX-License-Identifier: Apache-2.0
 * sheet.c: rows as CSV or a workbook. */
#include "base/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "base/csv_write.h"

enum { ROW_BYTES_MAX = 1024 * 1024 };

struct total {
    struct currency currency;
    int64_t count, minor[SHEET_COLUMNS_MAX];
    bool over; /* more than an int64: then no total is told */
};

struct sheet {
    const struct sheet_column *columns;
    int count;
    int64_t rows;
    struct xlsx *book; /* NULL: CSV */
    /* of CSV */
    struct csv_writer csv;
    struct buf buf; /* a row */
    xlsx_sink *sink;
    void *ctx;
    struct total *totals;
    int total_count;
    bool too_wide, too_many;
};

bool sheet_format_parse(const char *name, enum sheet_format *ret_format) {
    *ret_format = strcmp(name, "xlsx") == 0 ? SHEET_XLSX : SHEET_CSV;
    return *ret_format == SHEET_XLSX || strcmp(name, "csv") == 0;
}

/* ---- a workbook ---- */

static void open_book(struct sheet *sheet, const char *title) {
    static const enum xlsx_kind kinds[] = {
        [SHEET_TEXT] = XLSX_TEXT, [SHEET_NUMBER] = XLSX_NUMBER, [SHEET_MONEY] = XLSX_MONEY,
        [SHEET_TIME] = XLSX_TIME, [SHEET_CURRENCY] = XLSX_TEXT,
    };
    struct xlsx_column typed[SHEET_COLUMNS_MAX];
    int currency = 0;
    for (int i = 0; i < sheet->count; i++) {
        const struct sheet_column *column = &sheet->columns[i];
        bool money = column->kind == SHEET_MONEY;
        currency = column->kind == SHEET_CURRENCY ? i + 1 : currency;
        typed[i] = (struct xlsx_column){
            .title = column->title,
            .width = column->width,
            .kind = kinds[column->kind],
            .total = money,
            .money_of = money ? currency : 0,
        };
    }
    const struct xlsx_sheet made = {
        .name = title, .columns = typed, .column_count = sheet->count};
    sheet->book = xlsx_open(sheet->sink, sheet->ctx);
    xlsx_sheet(sheet->book, &made);
}

static void book_cell(struct xlsx *book, enum sheet_kind kind, const struct sheet_cell *cell,
                      struct currency currency) {
    if (kind == SHEET_TEXT || kind == SHEET_CURRENCY) {
        xlsx_text(book, cell->text);
    } else if (!cell->said) {
        xlsx_empty(book);
    } else if (kind == SHEET_NUMBER) {
        xlsx_number(book, cell->number);
    } else if (kind == SHEET_MONEY) {
        xlsx_money(book, cell->number, currency);
    } else {
        xlsx_time(book, cell->number);
    }
}

/* ---- CSV ---- */

static void csv_cell(struct csv_writer *csv, enum sheet_kind kind, const struct sheet_cell *cell,
                     struct currency currency) {
    if (kind == SHEET_TEXT || kind == SHEET_CURRENCY || !cell->said) {
        csv_put(csv, cell->text);
    } else if (kind == SHEET_NUMBER) {
        csv_put_int(csv, cell->number);
    } else if (kind == SHEET_MONEY) {
        csv_put_money(csv, cell->number, currency);
    } else {
        csv_put_time(csv, cell->number);
    }
}

/* The record goes on, so that one at a time is held. */
static void csv_give(struct sheet *sheet) {
    csv_end(&sheet->csv);
    if (buf_ok(&sheet->buf)) {
        sheet->sink(sheet->ctx, sheet->buf.data, sheet->buf.len);
    } else {
        sheet->too_wide = true;
    }
    buf_clear(&sheet->buf);
}

static struct total *total_of(struct sheet *sheet, struct currency currency) {
    for (int i = 0; i < sheet->total_count; i++) {
        if (currency_equal(sheet->totals[i].currency, currency)) {
            return &sheet->totals[i];
        }
    }
    if (sheet->total_count == SHEET_CURRENCIES_MAX) {
        sheet->too_many = true;
        return NULL;
    }
    struct total *total = &sheet->totals[sheet->total_count++];
    *total = (struct total){.currency = currency};
    return total;
}

static void add_total(struct sheet *sheet, struct currency currency,
                      const struct sheet_cell *cells) {
    struct total *total = total_of(sheet, currency);
    for (int i = 0; total != NULL && i < sheet->count; i++) {
        bool counts = sheet->columns[i].kind == SHEET_MONEY && cells[i].said;
        total->over = total->over ||
                      (counts && !money_add(total->minor[i], cells[i].number, &total->minor[i]));
    }
    if (total != NULL) {
        total->count++;
    }
}

/* "total of 3" under the first column, the currency and the sums under their own. */
static void csv_total(struct sheet *sheet, const struct total *total) {
    char word[48];
    snprintf(word, sizeof word, "total of %lld", (long long)total->count);
    for (int i = 0; i < sheet->count; i++) {
        enum sheet_kind kind = sheet->columns[i].kind;
        if (kind == SHEET_MONEY && !total->over) {
            csv_put_money(&sheet->csv, total->minor[i], total->currency);
        } else {
            csv_put(&sheet->csv, i == 0                   ? word
                                 : kind == SHEET_CURRENCY ? total->currency.code
                                 : kind == SHEET_MONEY    ? "too large"
                                                          : "");
        }
    }
    csv_give(sheet);
}

/* ---- public ---- */

struct sheet *sheet_open(enum sheet_format format, const char *title,
                         const struct sheet_column *columns, int count, xlsx_sink *sink,
                         void *ctx) {
    struct sheet *sheet = calloc(1, sizeof *sheet);
    INVARIANT(sheet != NULL && count > 0 && count <= SHEET_COLUMNS_MAX, "a sheet of columns");
    sheet->columns = columns;
    sheet->count = count;
    sheet->sink = sink;
    sheet->ctx = ctx;
    buf_init(&sheet->buf, ROW_BYTES_MAX);
    if (format == SHEET_XLSX) {
        open_book(sheet, title);
        return sheet;
    }
    sheet->totals = calloc(SHEET_CURRENCIES_MAX, sizeof *sheet->totals);
    INVARIANT(sheet->totals != NULL, "out of memory");
    sheet->csv = csv_write_begin(&sheet->buf);
    for (int i = 0; i < count; i++) {
        csv_put(&sheet->csv, columns[i].title);
    }
    csv_give(sheet);
    return sheet;
}

void sheet_row(struct sheet *sheet, const struct sheet_cell *cells) {
    struct currency currency = {{0}};
    for (int i = 0; i < sheet->count; i++) {
        if (sheet->columns[i].kind == SHEET_CURRENCY && cells[i].text != NULL) {
            currency = currency_stored(cells[i].text);
        }
    }
    for (int i = 0; i < sheet->count; i++) {
        if (sheet->book != NULL) {
            book_cell(sheet->book, sheet->columns[i].kind, &cells[i], currency);
        } else {
            csv_cell(&sheet->csv, sheet->columns[i].kind, &cells[i], currency);
        }
    }
    if (sheet->book != NULL) {
        xlsx_row_end(sheet->book);
    } else {
        csv_give(sheet);
        add_total(sheet, currency, cells);
    }
    sheet->rows++;
}

int64_t sheet_rows(const struct sheet *sheet) {
    return sheet->rows;
}

static void sheet_free(struct sheet *sheet) {
    buf_release(&sheet->buf);
    free(sheet->totals);
    free(sheet);
}

int sheet_close(struct sheet *sheet, struct err *err) {
    int r = 0;
    if (sheet->book != NULL) {
        r = xlsx_close(sheet->book, err);
    }
    for (int i = 0; sheet->book == NULL && i < sheet->total_count; i++) {
        csv_total(sheet, &sheet->totals[i]);
    }
    if (r >= 0 && (sheet->too_wide || sheet->too_many)) {
        r = err_set(err, ERR_TOO_LARGE, "%s",
                    sheet->too_wide ? "a row is larger than a file takes"
                                    : "there are more currencies than totals can be told of");
    }
    sheet_free(sheet);
    return r;
}

void sheet_drop(struct sheet *sheet) {
    if (sheet != NULL) {
        xlsx_drop(sheet->book);
        sheet_free(sheet);
    }
}
