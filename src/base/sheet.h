/* SPDX-License-Identifier: Apache-2.0
 * sheet.h: rows as a file for a spreadsheet, by one table of columns: CSV or a workbook, with typed
 * cells, a header that stays in sight, and under the rows a total for each currency.
 *
 *   sheet_open(sink) ─▶ sheet_row() … ─▶ sheet_close()
 *
 * A text that a spreadsheet would take for a formula is none (base/csv_write.h, base/xlsx.h).
 * Totals are the sums of what was written; one that is larger than can be told says so. Memory:
 * about a megabyte, however many rows.
 * Owns: the sheet, until sheet_close() or sheet_drop(). Threads: one at a time. Errors: the first
 * is kept and told by sheet_close(). Limits: SHEET_COLUMNS_MAX columns, SHEET_CURRENCIES_MAX
 * currencies. */
#ifndef HOLDFAST_BASE_SHEET_H
#define HOLDFAST_BASE_SHEET_H

#include "base/arena.h"
#include "base/xlsx.h"

enum { SHEET_COLUMNS_MAX = 40, SHEET_CURRENCIES_MAX = 200, SHEET_PAGE_ROWS = 500 };

enum sheet_format { SHEET_CSV, SHEET_XLSX };
MUST_USE bool sheet_format_parse(const char *name, enum sheet_format *ret_format); /* "csv" */

enum sheet_kind {
    SHEET_TEXT,
    SHEET_NUMBER,
    SHEET_MONEY,   /* of the currency in the CURRENCY column, which stands before it; has a total */
    SHEET_TIME,    /* microseconds since 1970 UTC */
    SHEET_CURRENCY /* its code; one column of a sheet */
};
struct sheet_column {
    enum sheet_kind kind;
    const char *title;
    int width;       /* of a spreadsheet's column, in characters; 0: as is usual for the kind */
    const char *key; /* what the API calls it */
};
struct sheet_cell {
    const char *text; /* of TEXT and CURRENCY; NULL: nothing */
    int64_t number;   /* of the others, where it is said */
    bool said;
};

struct sheet;
/* `columns` is borrowed until the end. `title`: of the workbook's sheet. */
struct sheet *sheet_open(enum sheet_format format, const char *title,
                         const struct sheet_column *columns, int count, xlsx_sink *sink, void *ctx);
/* As many cells as there are columns. */
void sheet_row(struct sheet *sheet, const struct sheet_cell *cells);
int64_t sheet_rows(const struct sheet *sheet);
MUST_USE int sheet_close(struct sheet *sheet, struct err *err);
void sheet_drop(struct sheet *sheet); /* NULL is fine */

#endif
