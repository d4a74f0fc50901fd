/* SPDX-License-Identifier: Apache-2.0
 * xlsx.h: a workbook of typed cells (Office Open XML, ECMA-376 part 1), written row by row.
 *
 *   xlsx_open(sink) ─▶ xlsx_sheet() ─▶ cells, xlsx_row_end() … ─▶ xlsx_sheet() … ─▶ xlsx_close()
 *
 *   1. A number in a cell is the number that was given, to its last digit: amounts come from minor
 *      units and pass through no floating point. Spreadsheets keep 15 digits, so what has more is
 *      written as text, and so is the total of a column in which that happened.
 *   2. A text stays a text: what begins with "=" is no formula. Characters that XML cannot hold are
 *      written as the standard has it (_x0001_), what is no UTF-8 as U+FFFD; beyond
 *      XLSX_TEXT_CHARS_MAX characters a text ends in "…".
 *   3. The header row is bold and stays in sight, the columns have an auto filter and their widths.
 *   4. Under the rows stands one line of totals for each currency (and one for plain numbers): the
 *      number is the sum of what was written, and a formula (SUMIF, SUM) that says the same.
 *   5. A sheet that is full goes on as "NAME (2)", with the same header; the totals, of all its
 *      parts, stand under the last.
 *   6. The same calls give the same bytes; nothing in the file tells a time or a machine.
 *
 * Memory: about 600 KiB, however many rows. Owns: the workbook, until xlsx_close() or xlsx_drop().
 * Threads: one at a time. Errors: the first is kept and told by xlsx_close(), and what is added
 * after it goes nowhere: ERR_TOO_LARGE (more than XLSX_SHEETS_MAX sheets with their parts, or
 * XLSX_BYTES_MAX of a sheet), ERR_IO. What the sink could not take is the sink's to tell. */
#ifndef HOLDFAST_BASE_XLSX_H
#define HOLDFAST_BASE_XLSX_H

#include "base/buf.h"
#include "base/calendar.h"
#include "base/err.h"
#include "base/money.h"
#include "base/outfile.h"

enum {
    XLSX_SHEETS_MAX = 64,
    XLSX_COLUMNS_MAX = 64,
    XLSX_ROWS_MAX = 1048576, /* of a sheet, with its header and totals: what the format allows */
    XLSX_TEXT_CHARS_MAX = 32767,
    XLSX_NAME_CHARS_MAX = 31,
};
#define XLSX_BYTES_MAX INT64_C(4000000000)

enum xlsx_kind { XLSX_TEXT, XLSX_NUMBER, XLSX_MONEY, XLSX_TIME, XLSX_KIND_COUNT };

struct xlsx_column {
    const char *title; /* of a XLSX_TIME column without its zone: " (UTC)" is put behind it */
    enum xlsx_kind kind;
    int width;    /* in characters; 0: as is usual for the kind */
    bool total;   /* of numbers and money */
    int money_of; /* money: 1 + the column that holds its currency's code; 0: none */
    const struct time_zone *zone; /* of times; NULL: UTC. */
    const char *zone_name;        /* of `zone`, "Asia/Shanghai"; NULL with it */
};
struct xlsx_sheet {
    const char *name; /* 1 to 31 characters without : \ / ? * [ ]; else they are replaced by '_' */
    const struct xlsx_column *columns; /* copied; their texts and zones as long as the sheet */
    int column_count;
    const char *total; /* the word before totals; NULL: "Total" */
    int rows_max;      /* so many rows make it full, for tests; 0: as the format allows */
};

/* Where the file's bytes go. */
typedef void xlsx_sink(void *ctx, const void *bytes, size_t count);
void xlsx_into_buf(void *buf, const void *bytes, size_t count);      /* struct buf * */
void xlsx_into_outfile(void *file, const void *bytes, size_t count); /* struct outfile * */

struct xlsx;
struct xlsx *xlsx_open(xlsx_sink *sink, void *ctx);
/* Ends the sheet before, with its totals, and begins another. */
void xlsx_sheet(struct xlsx *book, const struct xlsx_sheet *sheet);

/* Cells of a row, from left to right. The kind need not be the column's: "unknown" may stand in a
 * column of times. Each of them moves on to the next column; beyond the last it is our bug. */
void xlsx_empty(struct xlsx *book);
void xlsx_text(struct xlsx *book, const char *text); /* NULL or "": empty */
void xlsx_bytes(struct xlsx *book, const char *bytes, size_t count);
void xlsx_number(struct xlsx *book, int64_t number);
void xlsx_money(struct xlsx *book, int64_t amount_minor, struct currency currency);
void xlsx_time(struct xlsx *book, int64_t wall_us); /* 0: empty */
void xlsx_row_end(struct xlsx *book);
int64_t xlsx_rows(const struct xlsx *book); /* of the sheet at hand and its parts, without header */

/* The end of the workbook; the struct is gone, whatever comes of it. A workbook without a sheet is
 * our bug. */
MUST_USE int xlsx_close(struct xlsx *book, struct err *err);
void xlsx_drop(struct xlsx *book); /* NULL is fine */

#endif
