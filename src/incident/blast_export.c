/* SPDX-License-Identifier: Apache-2.0
 * blast_export.c: the affected orders as a file for a spreadsheet. */
#include "incident/blast.h"
#include "incident/blast_impl.h"
#include "payment/machine.h"

static const struct sheet_column columns[] = {
#define X(kind, title, value) {SHEET_##kind, title, 0, NULL},
#include "incident/blast_columns.def"
#undef X
};
enum { COLUMNS = COUNT_OF(columns) };

static const char rows_sql[] =
    "SELECT id, order_id, customer_id, created_us, fate, state, gateway, method, region, currency, "
    "amount_minor, captured_minor FROM " BLAST_PAYMENTS
#define X(NAME, number, name, affected, money, what, what_zh, sql) BLAST_FATE(number, affected, sql)
#include "incident/blast_fates.def"
#undef X
    BLAST_PAYMENTS_END " WHERE inside = 1 AND fate > 100 ORDER BY id LIMIT $9";

struct export {
    struct blast_look look;
    enum sheet_format format;
    struct buf *buf;
    struct sheet *sheet;
};

static void write_row(struct sheet *sheet, const struct sql_rows *row) {
#define CELL_TEXT(value) {.text = (value)},
#define CELL_CURRENCY(value) {.text = (value)},
#define CELL_MONEY(value) {.number = (value), .said = true},
#define CELL_TIME(value) {.number = (value), .said = true},
#define X(kind, title, value) CELL_##kind(value)
    const struct sheet_cell cells[COLUMNS] = {
#include "incident/blast_columns.def"
    };
#undef X
    sheet_row(sheet, cells);
}

static int export_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct export *export = ctx;
    struct blast_look look = export->look;
    sheet_drop(export->sheet); /* a snapshot may have to be read again from its start */
    buf_clear(export->buf);
    export->sheet = sheet_open(export->format, "Affected orders", columns, COLUMNS, xlsx_into_buf,
                               export->buf);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, rows_sql, BLAST_ARGS(&look), S_INT(BLAST_EXPORT_MAX + 1));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (sheet_rows(export->sheet) == BLAST_EXPORT_MAX) {
            err_set(err, ERR_TOO_LARGE, "more than %d payments are affected: one file has no room",
                    BLAST_EXPORT_MAX);
            return err_hint(err, "Ask for a shorter time, or for one gateway, method or region.");
        }
        write_row(export->sheet, rows);
    }
    return r;
}

int blast_export(struct store *store, const struct incident_scope *scope,
                 enum sheet_format format, struct buf *buf, struct err *err) {
    struct export export = {.format = format, .buf = buf};
    int r = blast_check(scope, &export.look, err);
    r = r < 0 ? r : store_read(store, export_tx, &export, err);
    if (r < 0) {
        sheet_drop(export.sheet);
        return r;
    }
    r = sheet_close(export.sheet, err);
    if (r >= 0 && !buf_ok(buf)) {
        r = err_set(err, ERR_TOO_LARGE, "there are more affected payments than one file holds");
    }
    return r < 0 ? r : 0;
}
