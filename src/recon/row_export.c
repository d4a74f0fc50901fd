/* SPDX-License-Identifier: Apache-2.0
 * row_export.c: rows of statements and runs, as pages and as files. */
#include "recon/row_export.h"

#include <string.h>

#include "base/clock.h"
#include "recon/recon_impl.h"
#include "recon/run_impl.h"
#include "recon/shelf_impl.h"
#include "statement/statement.h"

enum {
    PAGE_BYTES_MAX = 4 * 1024 * 1024,
    ARENA_BYTES_MAX = 32 * 1024 * 1024,
    SIDE_OURS = 1,
    SIDE_THEIRS = 2,
};

static int no_class(const char *class, struct err *err) {
    (void)err_set(err, ERR_VALIDATION, "there is no class \"%.40s\"", class);
    (void)err_place(err, "query");
    return err_hint(err, "\"none\" are rows that no run has looked at.");
}

static struct sheet_cell text_cell(struct arena *arena, const char *text) {
    return (struct sheet_cell){.text = arena_copy(arena, text != NULL ? text : "")};
}

static struct sheet_cell number_cell(int64_t number) {
    return (struct sheet_cell){.number = number, .said = number != AMOUNT_UNSAID};
}

static struct sheet_cell time_cell(int64_t wall_us) {
    return (struct sheet_cell){.number = wall_us, .said = wall_us > 0 && wall_us < INT64_MAX};
}

#define CELL_TEXT(value) text_cell(arena, value)
#define CELL_CURRENCY(value) text_cell(arena, value)
#define CELL_NUMBER(value) number_cell(value)
#define CELL_MONEY(value) number_cell(value)
#define CELL_TIME(value) time_cell(value)

/* ---- pages into a file ---- */

struct paging {
    struct recon *recon;
    const char *id;
    int64_t class;
    struct arena *arena;      /* of one page */
    struct sheet_cell *cells; /* of SHEET_PAGE_ROWS rows */
    int count;
    int64_t left;
    /* where the next page begins: of a statement behind a number, of a run behind a movement */
    int64_t after;
    int side;
    char after_id[RUN_MOVEMENT_CHARS_MAX + 1];
};

static int page_rows(const struct paging *paging) {
    return paging->left < SHEET_PAGE_ROWS ? (int)paging->left : SHEET_PAGE_ROWS;
}

static int fill(struct paging *paging, store_fn *page, struct sheet *sheet, int columns,
                const struct buf *buf, struct err *err) {
    int r = 0;
    do {
        ARENA_AUTO arena = arena_new(ARENA_BYTES_MAX);
        paging->arena = arena;
        paging->cells = arena_alloc(arena, (size_t)SHEET_PAGE_ROWS * (size_t)columns *
                                               sizeof *paging->cells);
        r = store_read(paging->recon->options.store, page, paging, err);
        for (int i = 0; r >= 0 && i < paging->count; i++) {
            sheet_row(sheet, &paging->cells[(size_t)i * (size_t)columns]);
        }
        paging->left -= paging->count;
        if (r >= 0 && (sheet_rows(sheet) > ROW_EXPORT_MAX || !buf_ok(buf))) {
            (void)err_set(err, ERR_TOO_LARGE, "there are more rows than are sent as one file");
            r = err_hint(err, "Ask for one class at a time; `holdfast statement export` and "
                              "`holdfast reconcile export` write files of any size.");
        }
    } while (r >= 0 && paging->count > 0 && paging->left > 0);
    return r;
}

static int export(struct paging *paging, store_fn *page, enum sheet_format format,
                  const char *title, const struct sheet_column *columns, int count,
                  struct buf *buf, struct err *err) {
    struct sheet *sheet = sheet_open(format, title, columns, count, xlsx_into_buf, buf);
    int r = fill(paging, page, sheet, count, buf, err);
    if (r < 0) {
        sheet_drop(sheet);
        return r;
    }
    r = sheet_close(sheet, err);
    return r < 0 || buf_ok(buf)
               ? r
               : err_set(err, ERR_TOO_LARGE, "the file is larger than is sent at once");
}

/* ---- a statement ---- */

static const struct sheet_column statement_columns[] = {
#define X(kind, title, width, key, value) {SHEET_##kind, title, width, key},
#include "recon/statement_columns.def"
#undef X
};
enum { STATEMENT_COLUMNS = COUNT_OF(statement_columns) };

const struct sheet_column *statement_row_columns(int *ret_count) {
    *ret_count = STATEMENT_COLUMNS;
    return statement_columns;
}

static int64_t minor_at(const struct sql_rows *rows, int column) {
    return sql_null(rows, column) ? AMOUNT_UNSAID : sql_int(rows, column);
}

static const char *class_at(const struct sql_rows *rows, int column) {
    return sql_null(rows, column) ? "" : match_class_name((enum match_class)sql_int(rows, column));
}

static void statement_cells(const struct sql_rows *rows, struct arena *arena,
                            struct sheet_cell ret_cells[STATEMENT_COLUMNS]) {
#define X(kind, title, width, key, value) CELL_##kind(value),
    const struct sheet_cell cells[STATEMENT_COLUMNS] = {
#include "recon/statement_columns.def"
    };
#undef X
    memcpy(ret_cells, cells, sizeof cells);
}

static int statement_page(struct store_tx *tx, void *ctx, struct err *err) {
    struct paging *paging = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int64_t last = paging->after;
    paging->count = 0;
    int r = shelf_has(tx, paging->id, err);
    r = r < 0 ? r
              : sql_query(tx, err, &rows, ROW_QUERY, S_TEXT(paging->id), S_INT(paging->after),
                          S_INT(paging->class), S_INT(page_rows(paging)));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        statement_cells(rows, paging->arena,
                        &paging->cells[(size_t)paging->count++ * STATEMENT_COLUMNS]);
        last = sql_int(rows, 0);
    }
    paging->after = r < 0 ? paging->after : last;
    return r < 0 ? r : 0;
}

int statement_export(struct recon *recon, const char *statement_id, const char *class,
                     int64_t after, int64_t limit, enum sheet_format format, struct buf *buf,
                     struct err *err) {
    struct paging paging = {.recon = recon,
                            .id = statement_id,
                            .after = after,
                            .left = limit > 0 ? limit : INT64_MAX};
    return !shelf_class_parse(class, &paging.class)
               ? no_class(class, err)
               : export(&paging, statement_page, format, "Statement", statement_columns,
                        STATEMENT_COLUMNS, buf, err);
}

/* ---- a run ---- */

struct run_row { /* texts live in the arena */
    bool theirs;
    const char *id, *payment_id, *gateway_id, *reference, *rule, *match_id;
    enum row_kind kind;
    enum match_class class;
    struct currency currency;
    int64_t amount_minor, fee_minor, at_us, due_us;
};
static const struct sheet_column run_columns[] = {
#define X(kind, title, width, key, value) {SHEET_##kind, title, width, key},
#include "recon/run_columns.def"
#undef X
};
enum { RUN_COLUMNS = COUNT_OF(run_columns) };

const struct sheet_column *run_row_columns(int *ret_count) {
    *ret_count = RUN_COLUMNS;
    return run_columns;
}

static void run_cells(const struct run_row *row, struct arena *arena,
                      struct sheet_cell ret_cells[RUN_COLUMNS]) {
#define X(kind, title, width, key, value) CELL_##kind(value),
    const struct sheet_cell cells[RUN_COLUMNS] = {
#include "recon/run_columns.def"
    };
#undef X
    memcpy(ret_cells, cells, sizeof cells);
}

#define OF_RUN(side)                                                                               \
    "WHERE m.side = " side " AND m.run_id = $1 AND m.id > $2 AND ($3 < 0 OR m.class = $3) ORDER "  \
    "BY m.id LIMIT $4"
static const char ours_of_run[] =
    OUR_COLUMNS "m.class, m.rule, m.match_id, m.due_us FROM movement m JOIN posting p ON p.id = "
                "m.id " OUR_TABLES OF_RUN("1");
static const char theirs_of_run[] =
    "SELECT m.id, m.class, m.rule, m.match_id, m.due_us, r.kind, r.currency, r.gross_minor, "
    "r.fee_minor, r.at_us, r.gateway_id, r.reference FROM movement m JOIN statement_row r ON "
    "r.statement_id = m.statement_id AND r.number = m.number " OF_RUN("2");

static struct run_row our_row(const struct sql_rows *rows) {
    struct our_read read;
    recon_our_read(rows, &read);
    return (struct run_row){
        .id = read.id,
        .payment_id = read.payment_id,
        .gateway_id = read.gateway_id,
        .reference = read.reference,
        .kind = read.kind,
        .currency = read.currency,
        .amount_minor = read.amount_minor,
        .fee_minor = read.fee_minor,
        .at_us = read.at_us,
        .class = (enum match_class)sql_int(rows, OUR_COLUMN_COUNT),
        .rule = sql_text(rows, OUR_COLUMN_COUNT + 1),
        .match_id = sql_text(rows, OUR_COLUMN_COUNT + 2),
        .due_us = sql_int(rows, OUR_COLUMN_COUNT + 3),
    };
}

static struct run_row their_row(const struct sql_rows *rows) {
    return (struct run_row){
        .theirs = true,
        .id = sql_text(rows, 0),
        .payment_id = "",
        .class = (enum match_class)sql_int(rows, 1),
        .rule = sql_text(rows, 2),
        .match_id = sql_text(rows, 3),
        .kind = (enum row_kind)sql_int(rows, 5),
        .currency = currency_stored(sql_text(rows, 6)),
        .amount_minor = sql_int(rows, 7),
        .fee_minor = minor_at(rows, 8),
        .at_us = sql_int(rows, 9),
        .gateway_id = sql_text(rows, 10),
        .reference = sql_text(rows, 11),
    };
}

/* One side's, behind `after_id`, which goes on to the last of them; two cases about one posting
 * give two rows, one behind the other. */
static int side_page(struct paging *paging, struct store_tx *tx, bool theirs,
                     char after_id[RUN_MOVEMENT_CHARS_MAX + 1], struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, theirs ? theirs_of_run : ours_of_run, S_TEXT(paging->id),
                      S_TEXT(after_id), S_INT(paging->class),
                      S_INT(page_rows(paging) - paging->count));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct run_row row = theirs ? their_row(rows) : our_row(rows);
        if (strcmp(row.id, after_id) != 0) {
            run_cells(&row, paging->arena, &paging->cells[(size_t)paging->count++ * RUN_COLUMNS]);
        }
        snprintf(after_id, RUN_MOVEMENT_CHARS_MAX + 1, "%s", row.id);
    }
    return r;
}

static int run_is_there(struct store_tx *tx, const char *id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT id FROM reconciliation WHERE id = $1", S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    return r == 0 ? err_set(err, ERR_NOT_FOUND, "there is no run %s", id) : r;
}

static int run_page(struct store_tx *tx, void *ctx, struct err *err) {
    struct paging *paging = ctx;
    char after_id[RUN_MOVEMENT_CHARS_MAX + 1];
    int side = paging->side;
    memcpy(after_id, paging->after_id, sizeof after_id);
    paging->count = 0;
    int r = run_is_there(tx, paging->id, err);
    for (; r >= 0 && side <= SIDE_THEIRS && paging->count < page_rows(paging); side++) {
        if (side != paging->side) {
            after_id[0] = '\0';
        }
        /* A side is over when it gives nothing: duplicates may make a page short. */
        int before;
        do {
            before = paging->count;
            r = side_page(paging, tx, side == SIDE_THEIRS, after_id, err);
        } while (r >= 0 && paging->count > before && paging->count < page_rows(paging));
        if (paging->count == page_rows(paging)) {
            break;
        }
    }
    if (r >= 0) {
        paging->side = side;
        memcpy(paging->after_id, after_id, sizeof after_id);
    }
    return r < 0 ? r : 0;
}

static int run_class(const char *class, int64_t *ret_class, struct err *err) {
    return shelf_class_parse(class, ret_class) && *ret_class != SHELF_CLASS_NONE
               ? 0
               : err_set(err, ERR_VALIDATION, "there is no class \"%.40s\" of a run's rows", class);
}

int run_export(struct recon *recon, const char *run_id, const char *class,
               enum sheet_format format, struct buf *buf, struct err *err) {
    struct paging paging = {
        .recon = recon, .id = run_id, .left = INT64_MAX, .side = SIDE_OURS};
    int r = run_class(class, &paging.class, err);
    return r < 0 ? r
                 : export(&paging, run_page, format, "Run", run_columns, RUN_COLUMNS, buf, err);
}

/* ---- a page ---- */

static void add_json(struct buf *buf, enum sheet_kind kind, const struct sheet_cell *cell) {
    char time[CLOCK_TEXT_MAX];
    const char *text = kind == SHEET_TIME && cell->said ? clock_format(cell->number, time)
                                                        : cell->text;
    if ((kind == SHEET_NUMBER || kind == SHEET_MONEY) && cell->said) {
        buf_add_int(buf, cell->number);
    } else if (text != NULL && text[0] != '\0') {
        buf_add_json(buf, text);
    } else {
        buf_add_text(buf, "null");
    }
}

static int read_cursor(const char *cursor, struct paging *paging, struct err *err) {
    if (cursor[0] == '\0') {
        return 0;
    }
    if ((cursor[0] != '1' && cursor[0] != '2') || cursor[1] != ':' ||
        strlen(cursor + 2) > RUN_MOVEMENT_CHARS_MAX) {
        (void)err_set(err, ERR_VALIDATION, "that is no cursor of a run's rows");
        return err_place(err, "cursor");
    }
    paging->side = cursor[0] - '0';
    snprintf(paging->after_id, sizeof paging->after_id, "%s", cursor + 2);
    return 0;
}

int run_rows(struct recon *recon, const char *run_id, const char *class, const char *cursor,
             int limit, struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_BYTES_MAX);
    BUF_AUTO buf;
    char next[RUN_MOVEMENT_CHARS_MAX + 3];
    struct paging paging = {.recon = recon,
                            .id = run_id,
                            .left = limit > 0 ? limit : RUN_ROWS_PAGE,
                            .side = SIDE_OURS,
                            .arena = arena};
    buf_init(&buf, PAGE_BYTES_MAX);
    paging.cells = arena_alloc(arena,
                               (size_t)SHEET_PAGE_ROWS * RUN_COLUMNS * sizeof *paging.cells);
    int r = run_class(class, &paging.class, err);
    r = r < 0 ? r : read_cursor(cursor, &paging, err);
    r = r < 0 ? r : store_read(recon->options.store, run_page, &paging, err);
    buf_add_text(&buf, "{\"data\":[");
    for (int i = 0; r >= 0 && i < paging.count; i++) {
        for (int j = 0; j < RUN_COLUMNS; j++) {
            buf_addf(&buf, "%s\"%s\":", j > 0 ? "," : i > 0 ? ",{" : "{", run_columns[j].key);
            add_json(&buf, run_columns[j].kind, &paging.cells[i * RUN_COLUMNS + j]);
        }
        buf_add_char(&buf, '}');
    }
    buf_add_text(&buf, "],\"next_cursor\":");
    snprintf(next, sizeof next, "%d:%s", paging.side, paging.after_id);
    if (r >= 0 && paging.side <= SIDE_THEIRS) {
        buf_add_json(&buf, next);
    } else {
        buf_add_text(&buf, "null");
    }
    buf_add_char(&buf, '}');
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}
