/* SPDX-License-Identifier: Apache-2.0
 * break_export.c: breaks as files for a spreadsheet (break_desk.h), by one table of columns. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv_write.h"
#include "base/xlsx.h"
#include "recon/break_desk_impl.h"

enum { ROW_ARENA_BYTES = 64 * 1024, CURRENCIES_MAX = 200 };

/* ---- every break that fits ---- */

struct each {
    const struct caller *caller;
    const struct break_filter *filter;
    break_sink *sink;
    void *ctx;
    int64_t now_us;
    bool given; /* rows were handed out: the snapshot cannot be read again */
};

static int give_one(struct each *each, const struct sql_rows *rows, struct err *err) {
    ARENA_AUTO arena = arena_new(ROW_ARENA_BYTES);
    struct break_row row;
    break_row_read(rows, arena, &row);
    return each->sink(each->ctx, &row, err);
}

static int each_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct each *each = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct break_asked asked;
    int64_t count = 0;
    if (each->given) {
        return err_set(err, ERR_STORE, "the database went away in the middle: ask again");
    }
    int r = break_ask(tx, arena, each->caller, each->filter, each->now_us, &asked, err);
    asked.after_id[0] = '\0';
    r = r < 0 ? r : break_count(tx, &asked, &count, err);
    if (r >= 0 && count > BREAK_EXPORT_MAX) {
        (void)err_set(err, ERR_TOO_LARGE, "%lld breaks fit, and at most %d are exported at once",
                      (long long)count, BREAK_EXPORT_MAX);
        return err_hint(err, "Ask for one gateway, class or age at a time.");
    }
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0 ? r : break_query(tx, &asked, BREAK_EXPORT_MAX, &rows, err);
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        each->given = true;
        r = give_one(each, rows, err);
        if (r != 0) {
            return r;
        }
    }
    return r < 0 ? r : 0;
}

int break_each(struct recon *recon, const struct caller *caller, const struct break_filter *filter,
               break_sink *sink, void *ctx, struct err *err) {
    struct each each = {
        .caller = caller, .filter = filter, .sink = sink, .ctx = ctx, .now_us = clock_wall_us()};
    return store_read(recon->options.store, each_tx, &each, err);
}

/* ---- a row as cells ---- */

enum kind { TEXT, NUMBER, MONEY, TIME, CURRENCY };
struct cell {
    enum kind kind;
    const char *text;
    int64_t number;
};
static const struct column {
    enum kind kind;
    const char *title;
    int width;
} columns[] = {
#define X(kind, title, width, value) {kind, title, width},
#include "recon/break_columns.def"
#undef X
};
enum { COLUMNS = COUNT_OF(columns) };

static void cells_of(const struct break_row *row, int64_t now_us, struct cell ret_cells[COLUMNS]) {
#define CELL_TEXT(value) {.kind = TEXT, .text = (value)},
#define CELL_CURRENCY(value) {.kind = CURRENCY, .text = (value)},
#define CELL_NUMBER(value) {.kind = NUMBER, .number = (value)},
#define CELL_MONEY(value) {.kind = MONEY, .number = (value)},
#define CELL_TIME(value) {.kind = TIME, .number = (value)},
#define X(kind, title, width, value) CELL_##kind(value)
    const struct cell cells[COLUMNS] = {
#include "recon/break_columns.def"
    };
#undef X
    memcpy(ret_cells, cells, sizeof cells);
}

/* ---- CSV ---- */

struct total {
    struct currency currency;
    int64_t count, minor[COLUMNS];
    bool over; /* more than an int64: then no total is told */
};

struct csv_export {
    struct csv_writer csv;
    int64_t now_us;
    struct total *totals;
    int total_count;
};

static void add_total(struct csv_export *export, struct currency currency,
                      const struct cell cells[COLUMNS]) {
    struct total *total = NULL;
    for (int i = 0; total == NULL && i < export->total_count; i++) {
        total = currency_equal(export->totals[i].currency, currency) ? &export->totals[i] : NULL;
    }
    if (total == NULL) {
        if (export->total_count == CURRENCIES_MAX) {
            return;
        }
        total = &export->totals[export->total_count++];
        *total = (struct total){.currency = currency};
    }
    total->count++;
    for (int i = 0; i < COLUMNS; i++) {
        if (cells[i].kind == MONEY &&
            !money_add(total->minor[i], cells[i].number, &total->minor[i])) {
            total->over = true;
        }
    }
}

static void csv_cell(struct csv_writer *csv, const struct cell *cell, struct currency currency) {
    switch (cell->kind) {
    case NUMBER:
        csv_put_int(csv, cell->number);
        return;
    case MONEY:
        csv_put_money(csv, cell->number, currency);
        return;
    case TIME:
        csv_put_time(csv, cell->number);
        return;
    default:
        csv_put(csv, cell->text);
    }
}

static int csv_row(void *ctx, const struct break_row *row, struct err *err) {
    struct csv_export *export = ctx;
    struct cell cells[COLUMNS];
    cells_of(row, export->now_us, cells);
    for (int i = 0; i < COLUMNS; i++) {
        csv_cell(&export->csv, &cells[i], row->currency);
    }
    csv_end(&export->csv);
    add_total(export, row->currency, cells);
    return buf_ok(export->csv.buf)
               ? 0
               : err_set(err, ERR_TOO_LARGE, "the file is larger than is sent at once");
}

/* "total of 3" under the first column, the currency and the sums under their own. */
static void csv_total(struct csv_export *export, const struct total *total) {
    struct csv_writer *csv = &export->csv;
    char word[48];
    snprintf(word, sizeof word, "total of %lld", (long long)total->count);
    for (int i = 0; i < COLUMNS; i++) {
        if (columns[i].kind == MONEY && !total->over) {
            csv_put_money(csv, total->minor[i], total->currency);
        } else {
            csv_put(csv, i == 0                        ? word
                         : columns[i].kind == CURRENCY ? total->currency.code
                         : columns[i].kind == MONEY    ? "too large"
                                                       : "");
        }
    }
    csv_end(csv);
}

int break_export_csv(struct recon *recon, const struct caller *caller,
                     const struct break_filter *filter, struct buf *buf, struct err *err) {
    struct csv_export export = {
        .csv = csv_write_begin(buf),
        .now_us = clock_wall_us(),
        .totals = calloc(CURRENCIES_MAX, sizeof(struct total)),
    };
    INVARIANT(export.totals != NULL, "out of memory");
    for (int i = 0; i < COLUMNS; i++) {
        csv_put(&export.csv, columns[i].title);
    }
    csv_end(&export.csv);
    int r = break_each(recon, caller, filter, csv_row, &export, err);
    for (int i = 0; r >= 0 && i < export.total_count; i++) {
        csv_total(&export, &export.totals[i]);
    }
    free(export.totals);
    if (r >= 0 && !buf_ok(buf)) {
        r = err_set(err, ERR_TOO_LARGE, "the file is larger than is sent at once");
    }
    return r;
}

/* ---- XLSX ---- */

struct xlsx_export {
    struct xlsx *book;
    int64_t now_us;
};

static void xlsx_cell(struct xlsx *book, const struct cell *cell, struct currency currency) {
    switch (cell->kind) {
    case NUMBER:
        xlsx_number(book, cell->number);
        return;
    case MONEY:
        xlsx_money(book, cell->number, currency);
        return;
    case TIME:
        xlsx_time(book, cell->number);
        return;
    default:
        xlsx_text(book, cell->text);
    }
}

static int xlsx_row(void *ctx, const struct break_row *row, struct err *err) {
    const struct xlsx_export *export = ctx;
    struct cell cells[COLUMNS];
    (void)err;
    cells_of(row, export->now_us, cells);
    for (int i = 0; i < COLUMNS; i++) {
        xlsx_cell(export->book, &cells[i], row->currency);
    }
    xlsx_row_end(export->book);
    return 0;
}

static void xlsx_columns(struct xlsx_column ret_columns[COLUMNS]) {
    static const enum xlsx_kind kinds[] = {
        [TEXT] = XLSX_TEXT, [NUMBER] = XLSX_NUMBER, [MONEY] = XLSX_MONEY,
        [TIME] = XLSX_TIME, [CURRENCY] = XLSX_TEXT,
    };
    int currency = 0;
    for (int i = 0; i < COLUMNS; i++) {
        bool money = columns[i].kind == MONEY;
        currency = columns[i].kind == CURRENCY ? i + 1 : currency;
        ret_columns[i] = (struct xlsx_column){
            .title = columns[i].title,
            .width = columns[i].width,
            .kind = kinds[columns[i].kind],
            .total = money,
            .money_of = money ? currency : 0,
        };
    }
}

int break_export_xlsx(struct recon *recon, const struct caller *caller,
                      const struct break_filter *filter, struct buf *buf, struct err *err) {
    struct xlsx_column typed[COLUMNS];
    xlsx_columns(typed);
    const struct xlsx_sheet sheet = {.name = "Breaks", .columns = typed, .column_count = COLUMNS};
    struct xlsx_export export = {.book = xlsx_open(xlsx_into_buf, buf), .now_us = clock_wall_us()};
    xlsx_sheet(export.book, &sheet);
    int r = break_each(recon, caller, filter, xlsx_row, &export, err);
    if (r < 0) {
        xlsx_drop(export.book);
        return r;
    }
    r = xlsx_close(export.book, err);
    return r < 0 || buf_ok(buf)
               ? r
               : err_set(err, ERR_TOO_LARGE, "the file is larger than is sent at once");
}
