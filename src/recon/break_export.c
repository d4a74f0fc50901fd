/* SPDX-License-Identifier: Apache-2.0
 * break_export.c: breaks as files for a spreadsheet (break_desk.h), by one table of columns. */
#include "base/clock.h"
#include "base/sheet.h"
#include "recon/break_desk_impl.h"

enum { ROW_ARENA_BYTES = 64 * 1024 };

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

/* ---- a file ---- */

static const struct sheet_column columns[] = {
#define X(kind, title, width, value) {SHEET_##kind, title, width, NULL},
#include "recon/break_columns.def"
#undef X
};
enum { COLUMNS = COUNT_OF(columns) };

struct filling {
    struct sheet *sheet;
    const struct buf *buf;
    int64_t now_us;
};

static int fill(void *ctx, const struct break_row *row, struct err *err) {
    const struct filling *filling = ctx;
    int64_t now_us = filling->now_us;
#define CELL_TEXT(value) {.text = (value)},
#define CELL_CURRENCY(value) {.text = (value)},
#define CELL_NUMBER(value) {.number = (value), .said = true},
#define CELL_MONEY(value) {.number = (value), .said = true},
#define CELL_TIME(value) {.number = (value), .said = true},
#define X(kind, title, width, value) CELL_##kind(value)
    const struct sheet_cell cells[COLUMNS] = {
#include "recon/break_columns.def"
    };
#undef X
    sheet_row(filling->sheet, cells);
    return buf_ok(filling->buf)
               ? 0
               : err_set(err, ERR_TOO_LARGE, "the file is larger than is sent at once");
}

static int export(struct recon *recon, const struct caller *caller,
                  const struct break_filter *filter, enum sheet_format format, struct buf *buf,
                  struct err *err) {
    struct filling filling = {
        .sheet = sheet_open(format, "Breaks", columns, COLUMNS, xlsx_into_buf, buf),
        .buf = buf,
        .now_us = clock_wall_us(),
    };
    int r = break_each(recon, caller, filter, fill, &filling, err);
    if (r < 0) {
        sheet_drop(filling.sheet);
        return r;
    }
    r = sheet_close(filling.sheet, err);
    return r < 0 || buf_ok(buf)
               ? r
               : err_set(err, ERR_TOO_LARGE, "the file is larger than is sent at once");
}

int break_export_csv(struct recon *recon, const struct caller *caller,
                     const struct break_filter *filter, struct buf *buf, struct err *err) {
    return export(recon, caller, filter, SHEET_CSV, buf, err);
}

int break_export_xlsx(struct recon *recon, const struct caller *caller,
                      const struct break_filter *filter, struct buf *buf, struct err *err) {
    return export(recon, caller, filter, SHEET_XLSX, buf, err);
}
