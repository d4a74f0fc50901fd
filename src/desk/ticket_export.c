/* SPDX-License-Identifier: Apache-2.0
 * ticket_export.c: lists of tickets as files: CSV, and a workbook of typed cells. */
#include <string.h>

#include "base/csv_write.h"
#include "base/xlsx.h"
#include "desk/ticket_impl.h"

enum { EXPORT_ROWS_MAX = 100000 };

enum cell_kind { TEXT, NUMBER, MONEY, TIME, CURRENCY };
static const struct {
    enum cell_kind kind;
    const char *title;
} columns[] = {
#define X(kind, title, value) {kind, title},
#include "desk/ticket_columns.def"
#undef X
};
enum { COLUMNS = COUNT_OF(columns) };

struct cell {
    enum cell_kind kind;
    int64_t number;
    const char *text;
};
#define CELL_TEXT(value) .text = (value)
#define CELL_CURRENCY(value) .text = (value)
#define CELL_NUMBER(value) .number = (value)
#define CELL_MONEY(value) .number = (value)
#define CELL_TIME(value) .number = (value)

static void cells_of(const struct ticket_row *row, struct cell ret_cells[COLUMNS]) {
    const struct cell cells[] = {
#define X(kind, title, value) {kind, CELL_##kind(value)},
#include "desk/ticket_columns.def"
#undef X
    };
    static_assert(sizeof cells == sizeof(struct cell[COLUMNS]), "a cell a column");
    memcpy(ret_cells, cells, sizeof cells);
}

struct export {
    struct desk *desk;
    const struct caller *caller;
    const struct ticket_filter *filter;
    struct buf *buf;
    struct xlsx *book; /* NULL: CSV */
};

/* ---- CSV ---- */

static int csv_row(void *ctx, const struct ticket_row *row, struct err *err) {
    const struct export *export = ctx;
    struct csv_writer csv = csv_write_begin(export->buf);
    struct cell cells[COLUMNS];
    (void)err;
    cells_of(row, cells);
    for (int i = 0; i < COLUMNS; i++) {
        bool money = cells[i].kind == MONEY && row->currency.code[0] != '\0';
        if (money) {
            csv_put_money(&csv, cells[i].number, row->currency);
        } else if (cells[i].kind == NUMBER) {
            csv_put_int(&csv, cells[i].number);
        } else if (cells[i].kind == TIME) {
            csv_put_time(&csv, cells[i].number);
        } else {
            csv_put(&csv, cells[i].text);
        }
    }
    csv_end(&csv);
    return 0;
}

/* ---- a workbook ---- */

static int xlsx_row(void *ctx, const struct ticket_row *row, struct err *err) {
    const struct export *export = ctx;
    struct cell cells[COLUMNS];
    (void)err;
    cells_of(row, cells);
    for (int i = 0; i < COLUMNS; i++) {
        bool money = cells[i].kind == MONEY && row->currency.code[0] != '\0';
        if (money) {
            xlsx_money(export->book, cells[i].number, row->currency);
        } else if (cells[i].kind == NUMBER) {
            xlsx_number(export->book, cells[i].number);
        } else if (cells[i].kind == TIME) {
            xlsx_time(export->book, cells[i].number);
        } else {
            xlsx_text(export->book, cells[i].text);
        }
    }
    xlsx_row_end(export->book);
    return 0;
}

static void begin_book(struct export *export) {
    static const enum xlsx_kind kinds[] = {
        [TEXT] = XLSX_TEXT, [NUMBER] = XLSX_NUMBER, [MONEY] = XLSX_MONEY,
        [TIME] = XLSX_TIME, [CURRENCY] = XLSX_TEXT,
    };
    struct xlsx_column typed[COLUMNS];
    int currency = 0;
    for (int i = 0; i < COLUMNS; i++) {
        currency = columns[i].kind == CURRENCY ? i + 1 : currency;
    }
    for (int i = 0; i < COLUMNS; i++) {
        bool money = columns[i].kind == MONEY;
        typed[i] = (struct xlsx_column){
            .title = columns[i].title,
            .kind = kinds[columns[i].kind],
            .total = money,
            .money_of = money ? currency : 0,
        };
    }
    const struct xlsx_sheet sheet = {.name = "Tickets", .columns = typed, .column_count = COLUMNS};
    export->book = xlsx_open(xlsx_into_buf, export->buf);
    xlsx_sheet(export->book, &sheet);
}

/* ---- both ---- */

/* A snapshot may have to be read again from its start. */
static int export_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct export *export = ctx;
    bool workbook = export->book != NULL;
    buf_clear(export->buf);
    if (workbook) {
        xlsx_drop(export->book);
        begin_book(export);
    } else {
        struct csv_writer csv = csv_write_begin(export->buf);
        for (int i = 0; i < COLUMNS; i++) {
            csv_put(&csv, columns[i].title);
        }
        csv_end(&csv);
    }
    return ticket_each(export->desk, tx, arena, export->caller, export->filter, EXPORT_ROWS_MAX,
                       workbook ? xlsx_row : csv_row, export, NULL, err);
}

int ticket_export(struct desk *desk, const struct caller *caller,
                  const struct ticket_filter *filter, enum ticket_file file, struct buf *buf,
                  struct err *err) {
    struct export export = {.desk = desk, .caller = caller, .filter = filter, .buf = buf};
    if (file == TICKET_XLSX) {
        begin_book(&export);
    }
    int r = store_read(desk->options.store, export_tx, &export, err);
    if (r < 0) {
        xlsx_drop(export.book);
        return r;
    }
    r = export.book != NULL ? xlsx_close(export.book, err) : r;
    if (r >= 0 && !buf_ok(buf)) {
        err_set(err, ERR_TOO_LARGE, "there are more tickets than one file has room for");
        return err_hint(err, "Export fewer: by state, team, class or gateway.");
    }
    return r < 0 ? r : 0;
}
