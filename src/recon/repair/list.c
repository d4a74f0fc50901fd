/* SPDX-License-Identifier: Apache-2.0
 * list.c: repairs found by filter and text, page by page, and the same as a file for a
 * spreadsheet. */
#include <stdio.h>
#include <string.h>

#include "recon/repair/repair_impl.h"
#include "recon/search.h"

enum { ROW_ARENA_BYTES = 64 * 1024 };

struct listing {
    const struct repair_filter *filter;
    char like[SEARCH_LIKE_BYTES];
    int limit;
    struct buf *buf;
    struct sheet *sheet;
    bool given; /* rows were written: the snapshot cannot be read again */
};

/* Of $1 to $8. */
#define REPAIR_FITS                                                                                \
    "WHERE ($1 = '' OR rule = $1) AND ($2 = '' OR gateway = $2) AND ($3 = '' OR break_id = $3) "   \
    "AND ($4 = 0 OR state = $4) AND ($5 = 0 OR planned_us >= $5) AND ($6 = 0 OR planned_us < $6) " \
    "AND ($7 = '' OR " SEARCH("id", "7") " OR " SEARCH("break_id", "7") " OR " SEARCH(             \
        "case_id", "7") " OR " SEARCH("payment_id", "7") " OR " SEARCH("said", "7") " OR " SEARCH( \
        "reason", "7") ") AND ($8 = '' OR id < $8) "

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

static int query(struct store_tx *tx, const struct listing *listing, const char *cursor, int limit,
                 struct sql_rows **ret_rows, struct err *err) {
    const struct repair_filter *filter = listing->filter;
    return sql_query(tx, err, ret_rows,
                     "SELECT " REPAIR_COLUMNS " FROM repair " REPAIR_FITS
                     "ORDER BY id DESC LIMIT $9",
                     S_TEXT(or_empty(filter->rule)), S_TEXT(or_empty(filter->gateway)),
                     S_TEXT(or_empty(filter->break_id)), S_INT(filter->state),
                     S_INT(filter->since_us), S_INT(filter->until_us), S_TEXT(listing->like),
                     S_TEXT(cursor), S_INT(limit));
}

/* ---- a page ---- */

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct listing *listing = ctx;
    SQL_ROWS_AUTO rows = NULL;
    char last[ID_TEXT_MAX] = "";
    int shown = 0;
    buf_clear(listing->buf);
    buf_add_text(listing->buf, "{\"data\":[");
    int r = query(tx, listing, or_empty(listing->filter->cursor), listing->limit + 1, &rows, err);
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && shown < listing->limit) {
        ARENA_AUTO arena = arena_new(ROW_ARENA_BYTES);
        struct repair_row row;
        repair_row_read(rows, arena, &row);
        buf_add_text(listing->buf, shown++ > 0 ? "," : "");
        repair_row_render(listing->buf, &row);
        snprintf(last, sizeof last, "%s", row.id.text);
    }
    buf_add_text(listing->buf, "],\"next_cursor\":");
    if (r > 0) {
        buf_add_json(listing->buf, last);
    } else {
        buf_add_text(listing->buf, "null");
    }
    buf_add_char(listing->buf, '}');
    return r < 0 ? r : 0;
}

int repair_list(struct recon *recon, const struct repair_filter *filter, struct answer *ret_answer,
                struct err *err) {
    BUF_AUTO buf;
    struct listing listing = {
        .filter = filter, .limit = filter->limit > 0 ? filter->limit : PAGE_ROWS, .buf = &buf};
    buf_init(&buf, REPAIR_ANSWER_BYTES_MAX);
    int r = search_read(filter->text, listing.like, err);
    r = r < 0 ? r : store_read(recon->options.store, list_tx, &listing, err);
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

/* ---- a file ---- */

static const struct sheet_column columns[] = {
#define X(kind, title, width, value) {SHEET_##kind, title, width, NULL},
#include "recon/repair/repair_columns.def"
#undef X
};
enum { COLUMNS = COUNT_OF(columns) };

static void write_row(struct sheet *sheet, const struct repair_row *row) {
#define CELL_TEXT(value) {.text = (value)},
#define CELL_CURRENCY(value) {.text = (value)},
#define CELL_NUMBER(value) {.number = (value), .said = true},
#define CELL_MONEY(value) {.number = (value), .said = row->currency.code[0] != '\0'},
#define CELL_TIME(value) {.number = (value), .said = (value) > 0},
#define X(kind, title, width, value) CELL_##kind(value)
    const struct sheet_cell cells[COLUMNS] = {
#include "recon/repair/repair_columns.def"
    };
#undef X
    sheet_row(sheet, cells);
}

static int export_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct listing *listing = ctx;
    SQL_ROWS_AUTO rows = NULL;
    if (listing->given) {
        return err_set(err, ERR_STORE, "the database went away in the middle: ask again");
    }
    int r = query(tx, listing, "", REPAIR_EXPORT_MAX + 1, &rows, err);
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        ARENA_AUTO arena = arena_new(ROW_ARENA_BYTES);
        struct repair_row row;
        repair_row_read(rows, arena, &row);
        listing->given = true;
        write_row(listing->sheet, &row);
        if (sheet_rows(listing->sheet) > REPAIR_EXPORT_MAX || !buf_ok(listing->buf)) {
            (void)err_set(err, ERR_TOO_LARGE, "more than %d repairs fit, or the file is too large",
                          REPAIR_EXPORT_MAX);
            return err_hint(err, "Ask for one rule, gateway or month at a time.");
        }
    }
    return r < 0 ? r : 0;
}

int repair_export(struct recon *recon, const struct repair_filter *filter,
                  enum sheet_format format, struct buf *buf, struct err *err) {
    struct listing listing = {.filter = filter, .buf = buf};
    int r = search_read(filter->text, listing.like, err);
    if (r < 0) {
        return r;
    }
    listing.sheet = sheet_open(format, "Repairs", columns, COLUMNS, xlsx_into_buf, buf);
    r = store_read(recon->options.store, export_tx, &listing, err);
    if (r < 0) {
        sheet_drop(listing.sheet);
        return r;
    }
    r = sheet_close(listing.sheet, err);
    return r < 0 || buf_ok(buf)
               ? r
               : err_set(err, ERR_TOO_LARGE, "the file is larger than is sent at once");
}
