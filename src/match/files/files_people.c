/* SPDX-License-Identifier: Apache-2.0
 * files_people.c: report.html and breaks.xlsx, made from the lines of breaks.csv: all three tell
 * the same. */
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/outfile.h"
#include "base/xlsx.h"
#include "match/files/files_impl.h"
#include "match/report_impl.h"
#include "statement/csv.h"

enum {
    DIGEST_STEP = 4 * 1024 * 1024,
    NUMBER_CHARS_MAX = 40,
    BOOK_ROWS_MAX = 10 * 1000 * 1000, /* ten sheets: beyond, breaks.csv alone has them */
};

/* The columns of breaks.csv. */
enum {
    CELL_CLASS,
    CELL_RISK,
    CELL_KIND,
    CELL_CURRENCY,
    CELL_LINE, /* of both sides, as all with a hole behind them */
    CELL_KEY = CELL_LINE + MATCH_SIDES,
    CELL_AMOUNT,
    CELL_DIFFERENCE = CELL_AMOUNT + MATCH_SIDES,
    CELL_TIME,
    CELL_WHY = CELL_TIME + MATCH_SIDES,
    CELL_GROUP_DIFFERENCE, /* on each line of the group; CELL_DIFFERENCE on its first alone */
    CELL_GROUP,
    CELL_COUNT
};

struct people {
    enum report_language language;
    struct report_page *page;
    struct xlsx *book;
    struct outfile *files[PEOPLE_FILES]; /* breaks.xlsx, report.html */
    GString *room[CELL_COUNT];           /* of cells with quotes in them */
    GString *why;                        /* the workbook's last column, of the row at hand */
};

/* ---- the workbook ---- */

static const char *word_of(const struct files_run *run, enum word word) {
    return report_word(run->request->language, word);
}

/* In the workbook's language. */
static void xlsx_known(struct xlsx *book, enum report_language language, struct match_text text) {
    text = report_known(language, text);
    xlsx_bytes(book, text.bytes, text.count);
}

static void begin_breaks(const struct files_run *run, struct xlsx *book) {
    enum { CURRENCY_AT = 4, THEIR_CURRENCY_AT = 9 }; /* the columns, counted from 1 */
    const struct xlsx_column columns[] = {
        {.title = word_of(run, WORD_CLASS), .width = 24},
        {.title = word_of(run, WORD_RISK), .width = 10},
        {.title = word_of(run, WORD_KIND)},
        {.title = word_of(run, WORD_CURRENCY), .width = 9},
        {.title = word_of(run, WORD_OUR_LINE), .kind = XLSX_NUMBER},
        {.title = word_of(run, WORD_THEIR_LINE), .kind = XLSX_NUMBER},
        {.title = word_of(run, WORD_KEY), .width = 32},
        {.title = word_of(run, WORD_OUR_AMOUNT),
         .kind = XLSX_MONEY,
         .total = true,
         .money_of = CURRENCY_AT},
        {.title = word_of(run, WORD_THEIR_CURRENCY), .width = 9},
        {.title = word_of(run, WORD_THEIR_AMOUNT),
         .kind = XLSX_MONEY,
         .total = true,
         .money_of = THEIR_CURRENCY_AT},
        {.title = word_of(run, WORD_DIFFERENCE),
         .kind = XLSX_MONEY,
         .total = true,
         .money_of = CURRENCY_AT},
        {.title = word_of(run, WORD_OUR_TIME), .kind = XLSX_TIME},
        {.title = word_of(run, WORD_THEIR_TIME), .kind = XLSX_TIME},
        {.title = word_of(run, WORD_WHY), .width = 60},
        {.title = word_of(run, WORD_GROUP_DIFFERENCE),
         .kind = XLSX_MONEY,
         .money_of = CURRENCY_AT},
        {.title = word_of(run, WORD_GROUP), .kind = XLSX_NUMBER},
    };
    const struct xlsx_sheet sheet = {.name = word_of(run, WORD_SHEET_BREAKS),
                                     .columns = columns,
                                     .column_count = COUNT_OF(columns),
                                     .total = word_of(run, WORD_ALL)};
    xlsx_sheet(book, &sheet);
}

static void add_classes(const struct files_run *run, struct xlsx *book) {
    const struct xlsx_column columns[] = {
        {.title = word_of(run, WORD_CLASS), .width = 24},
        {.title = word_of(run, WORD_RISK), .width = 10},
        {.title = word_of(run, WORD_CURRENCY), .width = 9},
        {.title = word_of(run, WORD_OUR_ROWS), .kind = XLSX_NUMBER, .total = true},
        {.title = word_of(run, WORD_OUR_AMOUNT), .kind = XLSX_MONEY, .total = true, .money_of = 3},
        {.title = word_of(run, WORD_THEIR_ROWS), .kind = XLSX_NUMBER, .total = true},
        {.title = word_of(run, WORD_THEIR_AMOUNT),
         .kind = XLSX_MONEY,
         .total = true,
         .money_of = 3},
        {.title = word_of(run, WORD_WHY), .width = 60},
    };
    const struct xlsx_sheet sheet = {.name = word_of(run, WORD_SHEET_CLASSES),
                                     .columns = columns,
                                     .column_count = COUNT_OF(columns),
                                     .total = word_of(run, WORD_ALL)};
    xlsx_sheet(book, &sheet);
    for (int i = 0; i < run->figures->sum_count; i++) {
        const struct match_sum *sum = &run->figures->sums[i];
        enum match_risk risk = match_class_risk(sum->class);
        const char *name = risk == RISK_NONE ? "" : match_risk_name(risk);
        xlsx_text(book, match_class_name(sum->class));
        xlsx_known(book, run->request->language, (struct match_text){name, (uint32_t)strlen(name)});
        xlsx_text(book, sum->currency.code);
        for (int j = 0; j < MATCH_SIDES; j++) {
            xlsx_number(book, sum->rows[j]);
            xlsx_money(book, sum->amount_minor[j], sum->currency);
        }
        xlsx_text(book, report_class(run->request->language, sum->class));
        xlsx_row_end(book);
    }
}

/* ---- a line of breaks.csv ---- */

struct line {
    struct match_text cells[CELL_COUNT];
    struct report_break row;
    int64_t group;
};

static struct match_text cell_text(struct people *people, int cell, const struct csv_field *field) {
    if (!field->doubled) {
        return (struct match_text){field->bytes, field->count};
    }
    GString *room = people->room[cell];
    g_string_truncate(room, 0);
    for (uint32_t i = 0; i < field->count; i++) {
        g_string_append_c(room, field->bytes[i]);
        i += field->bytes[i] == '"' ? 1 : 0;
    }
    return (struct match_text){room->str, (uint32_t)room->len};
}

static const char *short_text(const struct match_text *cell, char text[NUMBER_CHARS_MAX]) {
    uint32_t count = MIN(cell->count, (uint32_t)NUMBER_CHARS_MAX - 1);
    memcpy(text, cell->bytes, count);
    text[count] = '\0';
    return text;
}

/* Amounts were written by money_decimal() from what is read here. */
static int64_t read_amount(const struct match_text *cell, struct currency currency) {
    char text[NUMBER_CHARS_MAX];
    int64_t amount_minor = 0;
    int rc = money_parse_decimal(short_text(cell, text), currency, &amount_minor, NULL);
    INVARIANT(rc == 0, "breaks.csv has amounts as they were written");
    return amount_minor;
}

static enum match_class read_class(const struct match_text *cell) {
    for (int i = 1; i < CLASS_COUNT; i++) {
        const char *name = match_class_name((enum match_class)i);
        if (strlen(name) == cell->count && memcmp(name, cell->bytes, cell->count) == 0) {
            return (enum match_class)i;
        }
    }
    INVARIANT(false, "breaks.csv has classes as they were written");
}

static void read_side(struct line *line, int side, const char *codes) {
    char text[NUMBER_CHARS_MAX];
    struct report_side *told = &line->row.of[side];
    const struct match_text *time = &line->cells[CELL_TIME + side];
    const struct match_text *amount = &line->cells[CELL_AMOUNT + side];
    told->there = amount->count > 0;
    if (!told->there) {
        return;
    }
    const char *second = side == THEIRS ? strchr(codes, '/') : NULL;
    told->currency = currency_stored(second != NULL ? second + 1 : codes);
    told->amount_minor = read_amount(amount, told->currency);
    told->line = g_ascii_strtoll(short_text(&line->cells[CELL_LINE + side], text), NULL, 10);
    if (time->count > 0) {
        bool read = clock_parse(short_text(time, text), &told->at_us);
        INVARIANT(read, "breaks.csv has times as they were written");
    }
}

static int64_t without_sign(int64_t amount_minor) {
    return amount_minor >= 0 ? amount_minor
                             : (int64_t)MIN(0 - (uint64_t)amount_minor, (uint64_t)INT64_MAX);
}

/* What a row is about: the difference; where there is none, the larger side, unless both sides tell
 * that it moved. */
static int64_t stake_of(const struct report_break *row) {
    int64_t most = 0;
    if (row->has_difference && row->difference_minor != 0) {
        return without_sign(row->difference_minor);
    }
    if (row->class == CLASS_FEE || row->class == CLASS_LATE) {
        return 0;
    }
    for (int i = 0; i < MATCH_SIDES; i++) {
        const struct report_side *side = &row->of[i];
        if (side->there && currency_equal(side->currency, row->currency)) {
            most = MAX(most, without_sign(side->amount_minor));
        }
    }
    return most;
}

static void read_line(struct line *line, bool first) {
    char codes[NUMBER_CHARS_MAX], group[NUMBER_CHARS_MAX];
    struct report_break *row = &line->row;
    *row = (struct report_break){.first = first, .class = read_class(&line->cells[CELL_CLASS])};
    row->risk = match_class_risk(row->class);
    short_text(&line->cells[CELL_CURRENCY], codes);
    for (int i = 0; i < MATCH_SIDES; i++) {
        read_side(line, i, codes);
    }
    row->currency = currency_stored(codes);
    const struct match_text *difference = &line->cells[CELL_DIFFERENCE];
    row->has_difference = difference->count > 0;
    row->difference_minor = row->has_difference ? read_amount(difference, row->currency) : 0;
    row->stake_minor = stake_of(row);
    row->at_us = row->of[OURS].at_us != 0 ? row->of[OURS].at_us : row->of[THEIRS].at_us;
    row->kind = line->cells[CELL_KIND];
    row->key = line->cells[CELL_KEY];
    line->group = g_ascii_strtoll(short_text(&line->cells[CELL_GROUP], group), NULL, 10);
    /* "rule: what the class means", or that alone. */
    const struct match_text *why = &line->cells[CELL_WHY];
    size_t what = strlen(match_class_what(row->class));
    if (why->count > what + 2) {
        row->rule = (struct match_text){why->bytes, why->count - (uint32_t)what - 2};
    }
}

/* "rule: what the class means", or that alone. */
static void add_why(struct people *people, const struct report_break *row) {
    GString *room = g_string_truncate(people->why, 0);
    if (row->rule.count > 0) {
        const struct match_text rule = report_known(people->language, row->rule);
        g_string_append_len(room, rule.bytes, rule.count);
        g_string_append(room, ": ");
    }
    g_string_append(room, report_class(people->language, row->class));
    xlsx_bytes(people->book, room->str, room->len);
}

static void add_row(struct people *people, const struct line *line) {
    const struct report_break *row = &line->row;
    struct xlsx *book = people->book;
    xlsx_bytes(book, line->cells[CELL_CLASS].bytes, line->cells[CELL_CLASS].count);
    xlsx_known(book, people->language, line->cells[CELL_RISK]);
    xlsx_known(book, people->language, row->kind);
    xlsx_text(book, row->currency.code);
    for (int i = 0; i < MATCH_SIDES; i++) {
        if (row->of[i].there) {
            xlsx_number(book, row->of[i].line);
        } else {
            xlsx_empty(book);
        }
    }
    xlsx_bytes(book, row->key.bytes, row->key.count);
    for (int i = 0; i < MATCH_SIDES; i++) {
        if (i == THEIRS) {
            xlsx_text(book, row->of[i].currency.code);
        }
        if (row->of[i].there) {
            xlsx_money(book, row->of[i].amount_minor, row->of[i].currency);
        } else {
            xlsx_empty(book);
        }
    }
    if (row->has_difference) {
        xlsx_money(book, row->difference_minor, row->currency);
    } else {
        xlsx_empty(book);
    }
    xlsx_time(book, row->of[OURS].at_us);
    xlsx_time(book, row->of[THEIRS].at_us);
    add_why(people, row);
    const struct match_text *whole = &line->cells[CELL_GROUP_DIFFERENCE];
    if (whole->count > 0) {
        xlsx_money(book, read_amount(whole, row->currency), row->currency);
    } else {
        xlsx_empty(book);
    }
    xlsx_number(book, line->group);
    xlsx_row_end(book);
}

void people_group(struct people *people, const char *lines, size_t count) {
    struct csv csv;
    struct csv_field fields[CELL_COUNT];
    int64_t at = 0;
    int cells = 0;
    const char *why = NULL;
    bool first = true, told = false;
    csv_open(&csv, lines, count, ',', '"');
    while (csv_next(&csv, fields, CELL_COUNT, &cells, &at, &why) == CSV_RECORD) {
        struct line line;
        INVARIANT(cells == CELL_COUNT, "breaks.csv has its columns");
        for (int i = 0; i < CELL_COUNT; i++) {
            line.cells[i] = cell_text(people, i, &fields[i]);
        }
        read_line(&line, first);
        /* The difference of the whole stands in its first row. */
        told = told || (first && line.row.has_difference && line.row.difference_minor != 0);
        line.row.stake_minor = told && !first ? 0 : line.row.stake_minor;
        report_page_break(people->page, &line.row);
        if (xlsx_rows(people->book) < BOOK_ROWS_MAX) {
            add_row(people, &line);
        }
        first = false;
    }
    INVARIANT(why == NULL || !first, "breaks.csv is read as it was written");
}

/* ---- all of it ---- */

int people_open(const struct files_run *run, struct people **ret_people, struct err *err) {
    struct people *people = g_new0(struct people, 1);
    int rc = outfile_open(run->request->report, "breaks.xlsx", &people->files[0], err);
    rc = rc < 0 ? rc : outfile_open(run->request->report, "report.html", &people->files[1], err);
    if (rc < 0) {
        outfile_drop(people->files[0]);
        g_free(people);
        return rc;
    }
    people->language = run->request->language;
    people->why = g_string_new(NULL);
    people->page = report_page_new(run->request->language, REPORT_BREAKS_SHOWN, 0);
    people->book = xlsx_open(xlsx_into_outfile, people->files[0]);
    for (int i = 0; i < CELL_COUNT; i++) {
        people->room[i] = g_string_new(NULL);
    }
    begin_breaks(run, people->book);
    *ret_people = people;
    return 0;
}

int people_digest(struct files_run *run, int number, struct err *err) {
    struct side *side = &run->sides[number];
    const char *bytes = mapped_bytes(side->file);
    size_t count = mapped_count(side->file);
    struct sha256 *digest = crypto_sha256_begin();
    for (size_t at = 0; at < count && !atomic_load(&run->stop);) {
        size_t step = MIN(count - at, (size_t)DIGEST_STEP);
        crypto_sha256_add(digest, bytes + at, step);
        mapped_forget(side->file, at, at + step);
        at += step;
        atomic_fetch_add(&run->done, (int64_t)step);
    }
    crypto_sha256_end_hex(digest, side->sha256);
    (void)err;
    return 0;
}

static int write_page(struct people *people, const struct files_run *run, struct err *err) {
    const struct files_figures *figures = run->figures;
    struct report_source sources[MATCH_SIDES];
    struct match_options options;
    files_options(run, &options);
    struct report_facts facts = {
        .options = &options,
        .sources = sources,
        .source_count = MATCH_SIDES,
        .sums = figures->sums,
        .sum_count = figures->sum_count,
        .command = run->request->command != NULL ? run->request->command : "holdfast reconcile",
    };
    for (int i = 0; i < MATCH_SIDES; i++) {
        facts.rows[i] = figures->rows[i];
        sources[i] = (struct report_source){
            .side = (enum match_side)i,
            .name = run->request->sides[i].path,
            .sha256 = run->sides[i].sha256,
            .rows = figures->rows[i],
            .bytes = figures->bytes[i],
        };
    }
    BUF_AUTO html;
    buf_init(&html, REPORT_BYTES_MAX);
    int rc = report_page_write(people->page, &facts, &html, err);
    outfile_add(people->files[1], html.data, html.len);
    return rc;
}

int people_write(struct people *people, const struct files_run *run, struct err *err) {
    add_classes(run, people->book);
    int rc = xlsx_close(people->book, err);
    people->book = NULL;
    return rc < 0 ? rc : write_page(people, run, err);
}

void people_take(struct people *people, struct outfile *ret_files[PEOPLE_FILES]) {
    for (int i = 0; i < PEOPLE_FILES; i++) {
        ret_files[i] = people->files[i];
        people->files[i] = NULL;
    }
    people_drop(people);
}

void people_drop(struct people *people) {
    if (people == NULL) {
        return;
    }
    for (int i = 0; i < PEOPLE_FILES; i++) {
        outfile_drop(people->files[i]);
    }
    g_string_free(people->why, true);
    for (int i = 0; i < CELL_COUNT; i++) {
        g_string_free(people->room[i], true);
    }
    report_page_free(people->page);
    xlsx_drop(people->book);
    g_free(people);
}
