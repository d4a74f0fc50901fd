/* SPDX-License-Identifier: Apache-2.0
 * ticket_export.c: lists of tickets as files for a spreadsheet, by one table of columns. */
#include "desk/ticket_impl.h"

enum { EXPORT_ROWS_MAX = 100000 };

static const struct sheet_column columns[] = {
#define X(kind, title, value) {SHEET_##kind, title, 0, NULL},
#include "desk/ticket_columns.def"
#undef X
};
enum { COLUMNS = COUNT_OF(columns) };

struct export {
    struct desk *desk;
    const struct caller *caller;
    const struct ticket_filter *filter;
    enum sheet_format format;
    struct buf *buf;
    struct sheet *sheet;
};

static int write_row(void *ctx, const struct ticket_row *row, struct err *err) {
    const struct export *export = ctx;
    (void)err;
#define CELL_TEXT(value) {.text = (value)},
#define CELL_CURRENCY(value) {.text = (value)},
#define CELL_NUMBER(value) {.number = (value), .said = true},
#define CELL_MONEY(value) {.number = (value), .said = row->currency.code[0] != '\0'},
#define CELL_TIME(value) {.number = (value), .said = (value) > 0},
#define X(kind, title, value) CELL_##kind(value)
    const struct sheet_cell cells[COLUMNS] = {
#include "desk/ticket_columns.def"
    };
#undef X
    sheet_row(export->sheet, cells);
    return 0;
}

/* A snapshot may have to be read again from its start. */
static int export_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct export *export = ctx;
    sheet_drop(export->sheet);
    buf_clear(export->buf);
    export->sheet = sheet_open(export->format, "Tickets", columns, COLUMNS, xlsx_into_buf,
                               export->buf);
    return ticket_each(export->desk, tx, arena, export->caller, export->filter, EXPORT_ROWS_MAX,
                       write_row, export, NULL, err);
}

int ticket_export(struct desk *desk, const struct caller *caller,
                  const struct ticket_filter *filter, enum sheet_format format, struct buf *buf,
                  struct err *err) {
    struct export export = {
        .desk = desk, .caller = caller, .filter = filter, .format = format, .buf = buf};
    int r = store_read(desk->options.store, export_tx, &export, err);
    if (r < 0) {
        sheet_drop(export.sheet);
        return r;
    }
    r = sheet_close(export.sheet, err);
    if (r >= 0 && !buf_ok(buf)) {
        err_set(err, ERR_TOO_LARGE, "there are more tickets than one file has room for");
        return err_hint(err, "Export fewer: by state, team, class or gateway.");
    }
    return r < 0 ? r : 0;
}
