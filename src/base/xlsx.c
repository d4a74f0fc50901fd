/* SPDX-License-Identifier: Apache-2.0
 * xlsx.c: a workbook of typed cells, written row by row. Sheets come first in the archive, since
 * what they are called and how long they are is known only behind them. */
#include "base/xlsx.h"

#include <glib.h>
#include <string.h>

#include "base/archive.h"
#include "base/clock.h"

enum {
    FLUSH_BYTES = 32 * 1024,
    CELL_BYTES_MAX = 8 * XLSX_TEXT_CHARS_MAX, /* a character is at most "_x0001_" */
    SMALL_PART_BYTES = 256 * 1024,
    TOTAL_LINES_MAX = 256, /* one for each currency in the world, and one for numbers */
    CELL_CHARS_MAX = 32,
    NUMBER_CHARS_MAX = 48,
    DECIMALS_MAX = 4,
};
#define EXACT_MAX INT64_C(1000000000000000) /* a spreadsheet keeps 15 digits */
static const char HEAD[] = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
#define MAIN "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define PACKAGE "http://schemas.openxmlformats.org/package/2006/"
#define OFFICE "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

/* ---- styles ---- */

/* One row a style: its name, the number format, the font (1: bold), the border (1: a line above),
 * and whether it stands on the right. Cells name them by their place here. */
#define STYLES                                                                                     \
    X(NONE, 0, 0, 0, false)                                                                        \
    X(TEXT, 49, 0, 0, false)                                                                       \
    X(HEADER, 49, 1, 0, false)                                                                     \
    X(WIDE, 49, 0, 0, true)                                                                        \
    X(TIME, 166, 0, 0, false)                                                                      \
    X(DECIMALS_0, 3, 0, 0, false)                                                                  \
    X(DECIMALS_1, 167, 0, 0, false)                                                                \
    X(DECIMALS_2, 4, 0, 0, false)                                                                  \
    X(DECIMALS_3, 164, 0, 0, false)                                                                \
    X(DECIMALS_4, 165, 0, 0, false)                                                                \
    X(TOTAL_TEXT, 49, 1, 1, false)                                                                 \
    X(TOTAL_WIDE, 49, 1, 1, true)                                                                  \
    X(TOTAL_0, 3, 1, 1, false)                                                                     \
    X(TOTAL_1, 167, 1, 1, false)                                                                   \
    X(TOTAL_2, 4, 1, 1, false)                                                                     \
    X(TOTAL_3, 164, 1, 1, false)                                                                   \
    X(TOTAL_4, 165, 1, 1, false)

enum style {
#define X(name, format, font, border, right) STYLE_##name,
    STYLES
#undef X
        STYLE_COUNT
};

static const char STYLES_BEFORE[] =
    "<styleSheet xmlns=\"" MAIN "\"><numFmts count=\"4\">"
    "<numFmt numFmtId=\"164\" formatCode=\"#,##0.000\"/>"
    "<numFmt numFmtId=\"165\" formatCode=\"#,##0.0000\"/>"
    "<numFmt numFmtId=\"166\" formatCode=\"yyyy\\-mm\\-dd\\ hh:mm:ss\"/>"
    "<numFmt numFmtId=\"167\" formatCode=\"#,##0.0\"/></numFmts>"
    "<fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font>"
    "<font><b/><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font></fonts>"
    "<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill>"
    "<fill><patternFill patternType=\"gray125\"/></fill></fills>"
    "<borders count=\"2\"><border><left/><right/><top/><bottom/><diagonal/></border>"
    "<border><left/><right/><top style=\"thin\"/><bottom/><diagonal/></border></borders>"
    "<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/>"
    "</cellStyleXfs>";
static const char STYLES_AFTER[] =
    "<cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles>"
    "</styleSheet>";

/* ---- the workbook ---- */

struct part { /* one sheet of the file */
    char name[4 * XLSX_NAME_CHARS_MAX + 1];
    int columns;
    int64_t rows; /* of data; they begin with row 2 */
};
struct total { /* of one column, and one currency or none ("") */
    int column;
    struct currency currency;
    __int128 sum;
    bool wide; /* something in it is written as text */
};
struct xlsx {
    struct archive_writer *zip;
    struct xlsx_sheet sheet;
    struct xlsx_column columns[XLSX_COLUMNS_MAX];
    struct part parts[XLSX_SHEETS_MAX];
    int part_count, first_part; /* of the sheet at hand */
    bool in_part;
    int64_t rows, row_bytes;
    int column;
    GArray *totals;
    guint last_total;
    struct buf out; /* not yet in the archive */
    int failed;
    struct err err;
};

void xlsx_into_buf(void *buf, const void *bytes, size_t count) {
    buf_add(buf, bytes, count);
}

void xlsx_into_outfile(void *file, const void *bytes, size_t count) {
    outfile_add(file, bytes, count);
}

static void fail(struct xlsx *book, enum err_code code, const char *why) {
    if (book->failed == 0) {
        book->failed = err_set(&book->err, code, "%s", why);
    }
}

static void flush(struct xlsx *book) {
    if (book->failed == 0) {
        archive_writer_add(book->zip, book->out.data, book->out.len);
    }
    book->row_bytes += (int64_t)book->out.len;
    buf_clear(&book->out);
    if (book->row_bytes > XLSX_BYTES_MAX) {
        fail(book, ERR_TOO_LARGE, "a sheet has more bytes than the format's archive holds");
    }
}

static void begin_entry(struct xlsx *book, const char *name) {
    if (book->failed == 0) {
        archive_writer_entry(book->zip, name);
    }
    book->row_bytes = 0;
    buf_add_text(&book->out, HEAD);
}

static const char *cell_name(int column, int64_t row, char name[CELL_CHARS_MAX]) {
    enum { LETTERS = 26 };
    char letters[] = {(char)('A' + column % LETTERS), '\0'};
    char first[] = {(char)(column < LETTERS ? '\0' : 'A' + column / LETTERS - 1), '\0'};
    snprintf(name, CELL_CHARS_MAX, "%s%s%lld", first, letters, (long long)row);
    return name;
}

/* ---- texts ---- */

/* "_x0041_" in a text would be taken for the letter it names. */
static bool looks_escaped(const char *at, size_t count) {
    enum { ESCAPE_CHARS = 7 };
    bool looks = count >= ESCAPE_CHARS && at[1] == 'x' && at[ESCAPE_CHARS - 1] == '_';
    for (int i = 2; looks && i < ESCAPE_CHARS - 1; i++) {
        looks = g_ascii_isxdigit(at[i]);
    }
    return looks;
}

static void add_char(struct buf *out, gunichar c, const char *at, size_t bytes) {
    if (c == '&') {
        buf_add_text(out, "&amp;");
    } else if (c == '<') {
        buf_add_text(out, "&lt;");
    } else if (c == '>') {
        buf_add_text(out, "&gt;");
    } else if (c == '"') {
        buf_add_text(out, "&quot;");
    } else if ((c < ' ' && c != '\n' && c != '\t') || c == 0xFFFE || c == 0xFFFF) {
        buf_addf(out, "_x%04X_", c);
    } else {
        buf_add(out, at, bytes);
    }
}

/* So many characters of it, as UTF-16 counts them. */
static void add_escaped(struct buf *out, const char *text, size_t count, int chars_max) {
    static const char REPLACEMENT[] = "\xEF\xBF\xBD";
    int chars = 0;
    for (size_t i = 0; i < count;) {
        gunichar c = text[i] == '\0' ? 0 : g_utf8_get_char_validated(text + i, (gssize)(count - i));
        bool valid = c != (gunichar)-1 && c != (gunichar)-2;
        size_t bytes = !valid || c == 0 ? 1 : (size_t)g_unichar_to_utf8(c, NULL);
        chars += valid && c > 0xFFFF ? 2 : 1;
        if (chars > chars_max - 1 && (chars > chars_max || i + bytes < count)) {
            buf_add_text(out, "…");
            return;
        }
        if (!valid) {
            buf_add_text(out, REPLACEMENT);
        } else if (c == '_' && looks_escaped(text + i, count - i)) {
            buf_add_text(out, "_x005F_");
        } else {
            add_char(out, c, text + i, bytes);
        }
        i += bytes;
    }
}

/* ---- cells ---- */

static void begin_cell(struct xlsx *book, int column, int64_t row, enum style style,
                       const char *type) {
    char name[CELL_CHARS_MAX];
    buf_addf(&book->out, "<c r=\"%s\" s=\"%d\"%s>", cell_name(column, row, name), (int)style, type);
}

static void put_text(struct xlsx *book, int column, int64_t row, enum style style, const char *text,
                     size_t count) {
    if (count == 0) {
        return;
    }
    begin_cell(book, column, row, style, " t=\"inlineStr\"");
    buf_add_text(&book->out, "<is><t xml:space=\"preserve\">");
    add_escaped(&book->out, text, count, XLSX_TEXT_CHARS_MAX);
    buf_add_text(&book->out, "</t></is></c>");
}

/* The decimal text of an amount, with no floating point on its way. */
static const char *decimal(__int128 amount, int decimals, char text[NUMBER_CHARS_MAX]) {
    unsigned __int128 left = amount < 0 ? 0 - (unsigned __int128)amount : (unsigned __int128)amount;
    int at = NUMBER_CHARS_MAX - 1;
    text[at] = '\0';
    for (int i = 0; i <= decimals || left > 0; i++) {
        if (i == decimals && decimals > 0) {
            text[--at] = '.';
        }
        text[--at] = (char)('0' + (int)(left % 10));
        left /= 10;
    }
    if (amount < 0) {
        text[--at] = '-';
    }
    return text + at;
}

static bool too_wide(__int128 number) {
    return number >= EXACT_MAX || number <= -EXACT_MAX;
}

static enum style style_of(enum style zero, int decimals) {
    INVARIANT(decimals <= DECIMALS_MAX, "no currency has so many decimals");
    return (enum style)((int)zero + decimals);
}

static void put_number(struct xlsx *book, int64_t number, int decimals) {
    char text[NUMBER_CHARS_MAX];
    const char *shown = decimal(number, decimals, text);
    int64_t row = book->rows + 2;
    if (too_wide(number)) {
        put_text(book, book->column, row, STYLE_WIDE, shown, strlen(shown));
        return;
    }
    begin_cell(book, book->column, row, style_of(STYLE_DECIMALS_0, decimals), "");
    buf_addf(&book->out, "<v>%s</v></c>", shown);
}

static struct total *total_of(struct xlsx *book, int column, struct currency currency) {
    for (guint i = 0; i < book->totals->len; i++) {
        guint at = (book->last_total + i) % book->totals->len;
        struct total *total = &g_array_index(book->totals, struct total, at);
        if (total->column == column && currency_equal(total->currency, currency)) {
            book->last_total = at;
            return total;
        }
    }
    struct total fresh = {.column = column, .currency = currency};
    g_array_append_val(book->totals, fresh);
    return &g_array_index(book->totals, struct total, book->totals->len - 1);
}

static void add_to_total(struct xlsx *book, int64_t number, struct currency currency) {
    if (book->sheet.columns[book->column].total) {
        struct total *total = total_of(book, book->column, currency);
        total->sum += number;
        total->wide = total->wide || too_wide(number);
    }
}

/* ---- a sheet ---- */

static const char *column_title(const struct xlsx_column *column, char title[], size_t bytes) {
    if (column->kind != XLSX_TIME) {
        return column->title;
    }
    snprintf(title, bytes, "%s (%s)", column->title,
             column->zone != NULL ? column->zone_name : "UTC");
    return title;
}

/* The name with what it may not have replaced, and a number where it goes on. */
static void name_part(struct part *part, const char *name, int number) {
    char behind[CELL_CHARS_MAX] = "";
    if (number > 1) {
        snprintf(behind, sizeof behind, " (%d)", number);
    }
    size_t chars = 0, chars_max = XLSX_NAME_CHARS_MAX - strlen(behind), used = 0;
    for (const char *at = name; *at != '\0' && chars < chars_max; chars++) {
        gunichar c = g_utf8_get_char_validated(at, -1);
        bool valid = c < 0x10000 && c >= ' ' && (c > 127 || strchr("':\\/?*[]", (int)c) == NULL);
        used += (size_t)g_unichar_to_utf8(valid ? c : '_', part->name + used);
        at += c > 0x10FFFF ? 1 : g_unichar_to_utf8(c, NULL);
    }
    snprintf(part->name + used, sizeof part->name - used, "%s", behind);
}

static void begin_columns(struct xlsx *book) {
    static const int usual[XLSX_KIND_COUNT] = {
        [XLSX_TEXT] = 20, [XLSX_NUMBER] = 12, [XLSX_MONEY] = 16, [XLSX_TIME] = 20};
    buf_add_text(&book->out, "<cols>");
    for (int i = 0; i < book->sheet.column_count; i++) {
        const struct xlsx_column *column = &book->sheet.columns[i];
        buf_addf(&book->out, "<col min=\"%d\" max=\"%d\" width=\"%d\" customWidth=\"1\"/>", i + 1,
                 i + 1, column->width > 0 ? column->width : usual[column->kind]);
    }
    buf_add_text(&book->out, "</cols><sheetData><row r=\"1\">");
    for (int i = 0; i < book->sheet.column_count; i++) {
        char room[200];
        const char *title = column_title(&book->sheet.columns[i], room, sizeof room);
        put_text(book, i, 1, STYLE_HEADER, title, strlen(title));
    }
    buf_add_text(&book->out, "</row>");
}

static void begin_part(struct xlsx *book) {
    char entry[64];
    if (book->part_count == XLSX_SHEETS_MAX) {
        fail(book, ERR_TOO_LARGE, "a workbook has no more than 64 sheets here");
        return;
    }
    struct part *part = &book->parts[book->part_count++];
    *part = (struct part){.columns = book->sheet.column_count};
    name_part(part, book->sheet.name, book->part_count - book->first_part);
    snprintf(entry, sizeof entry, "xl/worksheets/sheet%d.xml", book->part_count);
    begin_entry(book, entry);
    book->in_part = true;
    book->rows = 0;
    book->column = 0;
    buf_addf(&book->out,
             "<worksheet xmlns=\"" MAIN "\"><sheetPr><pageSetUpPr fitToPage=\"1\"/></sheetPr>"
             "<sheetViews><sheetView%s workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" "
             "activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews>"
             "<sheetFormatPr defaultRowHeight=\"15\"/>",
             book->part_count == 1 ? " tabSelected=\"1\"" : "");
    begin_columns(book);
}

static void end_part(struct xlsx *book) {
    struct part *part = &book->parts[book->part_count - 1];
    char corner[CELL_CHARS_MAX];
    buf_addf(&book->out,
             "</sheetData><autoFilter ref=\"A1:%s\"/>"
             "<pageMargins left=\"0.5\" right=\"0.5\" top=\"0.6\" bottom=\"0.6\" header=\"0.3\" "
             "footer=\"0.3\"/><pageSetup orientation=\"landscape\" fitToHeight=\"0\"/></worksheet>",
             cell_name(part->columns - 1, part->rows + 1, corner));
    flush(book);
    book->in_part = false;
}

/* ---- totals ---- */

static gint by_currency(gconstpointer a, gconstpointer b) {
    const struct total *one = a, *other = b;
    int order = strcmp(one->currency.code, other->currency.code);
    return order != 0 ? order : one->column - other->column;
}

static void add_range(struct xlsx *book, const struct part *part, int column, bool named) {
    char from[CELL_CHARS_MAX], until[CELL_CHARS_MAX];
    if (named) {
        buf_add_text(&book->out, "'");
        add_escaped(&book->out, part->name, strlen(part->name), XLSX_NAME_CHARS_MAX);
        buf_add_text(&book->out, "'!");
    }
    buf_addf(&book->out, "%s:%s", cell_name(column, 2, from),
             cell_name(column, part->rows + 1, until));
}

/* Whether a column without currencies beside it has only this one. */
static bool is_alone(const struct xlsx *book, const struct total *total) {
    for (guint i = 0; i < book->totals->len; i++) {
        const struct total *other = &g_array_index(book->totals, struct total, i);
        if (other != total && other->column == total->column) {
            return false;
        }
    }
    return true;
}

static void add_formula(struct xlsx *book, const struct total *total) {
    const struct xlsx_column *column = &book->sheet.columns[total->column];
    bool named = book->part_count - book->first_part > 1;
    if (column->money_of == 0 && !is_alone(book, total)) {
        return;
    }
    buf_add_text(&book->out, "<f>");
    for (int i = book->first_part; i < book->part_count; i++) {
        const struct part *part = &book->parts[i];
        buf_add_text(&book->out, i > book->first_part ? "+" : "");
        if (column->money_of > 0) {
            buf_add_text(&book->out, "SUMIF(");
            add_range(book, part, column->money_of - 1, named);
            buf_addf(&book->out, ",&quot;%s&quot;,", total->currency.code);
        } else {
            buf_add_text(&book->out, "SUM(");
        }
        add_range(book, part, total->column, named);
        buf_add_text(&book->out, ")");
    }
    buf_add_text(&book->out, "</f>");
}

static void put_total(struct xlsx *book, const struct total *total, int64_t row) {
    char text[NUMBER_CHARS_MAX];
    int decimals = total->currency.code[0] == '\0' ? 0 : currency_exponent(total->currency);
    const char *shown = decimal(total->sum, decimals, text);
    if (total->wide || too_wide(total->sum)) {
        put_text(book, total->column, row, STYLE_TOTAL_WIDE, shown, strlen(shown));
        return;
    }
    begin_cell(book, total->column, row, style_of(STYLE_TOTAL_0, decimals), "");
    add_formula(book, total);
    buf_addf(&book->out, "<v>%s</v></c>", shown);
}

/* One line a currency; the totals are in the order of their lines, and of their columns in each. */
static void put_totals(struct xlsx *book) {
    const char *word = book->sheet.total != NULL ? book->sheet.total : "Total";
    int64_t row = book->rows + 1;
    const struct total *before = NULL;
    g_array_sort(book->totals, by_currency);
    for (guint i = 0; i < book->totals->len; i++) {
        const struct total *total = &g_array_index(book->totals, struct total, i);
        if (before == NULL || !currency_equal(before->currency, total->currency)) {
            char label[100];
            snprintf(label, sizeof label, "%s%s%s", word,
                     total->currency.code[0] != '\0' ? " " : "", total->currency.code);
            row++;
            buf_addf(&book->out, "%s<row r=\"%lld\">", before != NULL ? "</row>" : "",
                     (long long)row);
            put_text(book, 0, row, STYLE_TOTAL_TEXT, label, strlen(label));
        }
        before = total;
        put_total(book, total, row);
    }
    buf_add_text(&book->out, before != NULL ? "</row>" : "");
}

static void end_sheet(struct xlsx *book) {
    if (book->in_part) {
        INVARIANT(book->column == 0, "a row ends before its sheet does");
        put_totals(book);
        end_part(book);
    }
    g_array_set_size(book->totals, 0);
    book->last_total = 0;
}

void xlsx_sheet(struct xlsx *book, const struct xlsx_sheet *sheet) {
    INVARIANT(sheet->column_count > 0 && sheet->column_count <= XLSX_COLUMNS_MAX, "its columns");
    INVARIANT(!sheet->columns[0].total, "the first column has the word before the totals");
    end_sheet(book);
    memcpy(book->columns, sheet->columns, (size_t)sheet->column_count * sizeof *sheet->columns);
    book->sheet = *sheet;
    book->sheet.columns = book->columns;
    if (book->sheet.rows_max == 0) {
        book->sheet.rows_max = XLSX_ROWS_MAX - 1 - TOTAL_LINES_MAX;
    }
    book->first_part = book->part_count;
    begin_part(book);
}

/* ---- rows ---- */

/* False: nothing is written any more. */
static bool next_cell(struct xlsx *book) {
    if (book->failed != 0) {
        return false;
    }
    INVARIANT(book->in_part && book->column < book->sheet.column_count, "a row has its columns");
    if (book->column == 0) {
        if (book->rows == book->sheet.rows_max) {
            end_part(book);
            begin_part(book);
        }
        buf_addf(&book->out, "<row r=\"%lld\">", (long long)book->rows + 2);
    }
    return book->failed == 0;
}

static void cell_done(struct xlsx *book) {
    book->column++;
    if (book->out.len > FLUSH_BYTES) {
        flush(book);
    }
}

void xlsx_empty(struct xlsx *book) {
    if (next_cell(book)) {
        cell_done(book);
    }
}

void xlsx_bytes(struct xlsx *book, const char *bytes, size_t count) {
    if (next_cell(book)) {
        put_text(book, book->column, book->rows + 2, STYLE_TEXT, bytes, count);
        cell_done(book);
    }
}

void xlsx_text(struct xlsx *book, const char *text) {
    xlsx_bytes(book, text, text != NULL ? strlen(text) : 0);
}

void xlsx_number(struct xlsx *book, int64_t number) {
    if (next_cell(book)) {
        put_number(book, number, 0);
        add_to_total(book, number, (struct currency){{0}});
        cell_done(book);
    }
}

void xlsx_money(struct xlsx *book, int64_t amount_minor, struct currency currency) {
    if (next_cell(book)) {
        put_number(book, amount_minor, currency_exponent(currency));
        add_to_total(book, amount_minor, currency);
        cell_done(book);
    }
}

/* Days since 1899-12-30, as spreadsheets count from March 1900 on, to a hundred thousand millionth
 * of a day. What lies outside is a text. */
void xlsx_time(struct xlsx *book, int64_t wall_us) {
    enum { DAY_1970 = 25569, DAY_FIRST = 61, DAY_LAST = 2958465, SECONDS_A_DAY = 86400 };
    const int64_t day_us = SECONDS_A_DAY * US_PER_SECOND, parts = INT64_C(100000000000);
    if (wall_us == 0) {
        xlsx_empty(book);
        return;
    }
    if (!next_cell(book)) {
        return;
    }
    int64_t of_second = (wall_us % US_PER_SECOND + US_PER_SECOND) % US_PER_SECOND;
    const struct time_zone *zone = book->sheet.columns[book->column].zone;
    int64_t local_us = zone != NULL && wall_us > 0
                           ? local_from_wall(zone, wall_us) * US_PER_SECOND + of_second
                           : wall_us;
    int64_t into_us = (local_us % day_us + day_us) % day_us;
    int64_t day = (local_us - into_us) / day_us + DAY_1970;
    if (day < DAY_FIRST || day > DAY_LAST) {
        char text[CLOCK_TEXT_MAX];
        clock_format(wall_us, text);
        put_text(book, book->column, book->rows + 2, STYLE_TEXT, text, strlen(text));
    } else {
        int64_t part = (int64_t)((__int128)into_us * parts / day_us);
        begin_cell(book, book->column, book->rows + 2, STYLE_TIME, "");
        buf_addf(&book->out, "<v>%lld.%011lld</v></c>", (long long)day, (long long)part);
    }
    cell_done(book);
}

void xlsx_row_end(struct xlsx *book) {
    if (book->failed != 0) {
        return;
    }
    INVARIANT(book->column > 0, "a row has a cell");
    buf_add_text(&book->out, "</row>");
    book->column = 0;
    book->rows++;
    book->parts[book->part_count - 1].rows = book->rows;
}

int64_t xlsx_rows(const struct xlsx *book) {
    int64_t rows = 0;
    for (int i = book->first_part; i < book->part_count; i++) {
        rows += book->parts[i].rows;
    }
    return rows;
}

/* ---- the rest of the archive ---- */

static void write_styles(struct xlsx *book) {
    static const struct {
        int format, font, border;
        bool right;
    } styles[] = {
#define X(name, format, font, border, right) {format, font, border, right},
        STYLES
#undef X
    };
    static_assert(COUNT_OF(styles) == STYLE_COUNT, "every style has a row");
    begin_entry(book, "xl/styles.xml");
    buf_add_text(&book->out, STYLES_BEFORE);
    buf_addf(&book->out, "<cellXfs count=\"%d\">", (int)STYLE_COUNT);
    for (int i = 0; i < STYLE_COUNT; i++) {
        buf_addf(&book->out,
                 "<xf numFmtId=\"%d\" fontId=\"%d\" fillId=\"0\" borderId=\"%d\" xfId=\"0\" "
                 "applyNumberFormat=\"1\" applyFont=\"1\" applyBorder=\"1\"%s",
                 styles[i].format, styles[i].font, styles[i].border,
                 styles[i].right ? " applyAlignment=\"1\"><alignment horizontal=\"right\"/></xf>"
                                 : "/>");
    }
    buf_add_text(&book->out, "</cellXfs>");
    buf_add_text(&book->out, STYLES_AFTER);
    flush(book);
}

static void add_name(struct xlsx *book, const struct part *part) {
    add_escaped(&book->out, part->name, strlen(part->name), XLSX_NAME_CHARS_MAX);
}

static void write_workbook(struct xlsx *book) {
    begin_entry(book, "xl/workbook.xml");
    buf_add_text(&book->out, "<workbook xmlns=\"" MAIN "\" xmlns:r=\"" OFFICE "\"><sheets>");
    for (int i = 0; i < book->part_count; i++) {
        buf_add_text(&book->out, "<sheet name=\"");
        add_name(book, &book->parts[i]);
        buf_addf(&book->out, "\" sheetId=\"%d\" r:id=\"rId%d\"/>", i + 1, i + 1);
    }
    buf_add_text(&book->out, "</sheets><definedNames>");
    for (int i = 0; i < book->part_count; i++) {
        char column[CELL_CHARS_MAX];
        const struct part *part = &book->parts[i];
        cell_name(part->columns - 1, 1, column);
        column[strlen(column) - 1] = '\0';
        buf_addf(&book->out,
                 "<definedName name=\"_xlnm._FilterDatabase\" localSheetId=\"%d\" hidden=\"1\">'",
                 i);
        add_name(book, part);
        buf_addf(&book->out, "'!$A$1:$%s$%lld</definedName>", column, (long long)part->rows + 1);
        buf_addf(&book->out, "<definedName name=\"_xlnm.Print_Titles\" localSheetId=\"%d\">'", i);
        add_name(book, part);
        buf_add_text(&book->out, "'!$1:$1</definedName>");
    }
    buf_add_text(&book->out, "</definedNames></workbook>");
    flush(book);
    begin_entry(book, "xl/_rels/workbook.xml.rels");
    buf_add_text(&book->out, "<Relationships xmlns=\"" PACKAGE "relationships\">");
    for (int i = 0; i < book->part_count; i++) {
        buf_addf(&book->out,
                 "<Relationship Id=\"rId%d\" Type=\"" OFFICE "/worksheet\" "
                 "Target=\"worksheets/sheet%d.xml\"/>",
                 i + 1, i + 1);
    }
    buf_addf(&book->out,
             "<Relationship Id=\"rId%d\" Type=\"" OFFICE "/styles\" Target=\"styles.xml\"/>"
             "</Relationships>",
             book->part_count + 1);
    flush(book);
}

static void write_types(struct xlsx *book) {
    static const char TYPE[] = "application/vnd.openxmlformats-officedocument.spreadsheetml.";
    begin_entry(book, "[Content_Types].xml");
    buf_addf(&book->out,
             "<Types xmlns=\"" PACKAGE "content-types\"><Default Extension=\"rels\" "
             "ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
             "<Default Extension=\"xml\" ContentType=\"application/xml\"/>"
             "<Override PartName=\"/xl/workbook.xml\" ContentType=\"%ssheet.main+xml\"/>"
             "<Override PartName=\"/xl/styles.xml\" ContentType=\"%sstyles+xml\"/>",
             TYPE, TYPE);
    for (int i = 0; i < book->part_count; i++) {
        buf_addf(&book->out,
                 "<Override PartName=\"/xl/worksheets/sheet%d.xml\" "
                 "ContentType=\"%sworksheet+xml\"/>",
                 i + 1, TYPE);
    }
    buf_add_text(&book->out, "</Types>");
    flush(book);
}

struct xlsx *xlsx_open(xlsx_sink *sink, void *ctx) {
    struct xlsx *book = g_new0(struct xlsx, 1);
    book->zip = archive_writer_open(sink, ctx);
    book->totals = g_array_new(false, false, sizeof(struct total));
    buf_init(&book->out, FLUSH_BYTES + CELL_BYTES_MAX + SMALL_PART_BYTES);
    begin_entry(book, "_rels/.rels");
    buf_add_text(&book->out, "<Relationships xmlns=\"" PACKAGE "relationships\">"
                             "<Relationship Id=\"rId1\" Type=\"" OFFICE "/officeDocument\" "
                             "Target=\"xl/workbook.xml\"/></Relationships>");
    flush(book);
    write_styles(book);
    return book;
}

int xlsx_close(struct xlsx *book, struct err *err) {
    INVARIANT(book->part_count > 0, "a workbook has a sheet");
    if (book->failed == 0) {
        end_sheet(book);
        write_workbook(book);
        write_types(book);
    }
    INVARIANT(buf_ok(&book->out), "what is written has its room");
    int rc = book->failed;
    if (rc < 0) {
        rc = err_set(err, book->err.code, "%s", book->err.detail);
    } else {
        rc = archive_writer_close(book->zip, err);
        book->zip = NULL;
    }
    xlsx_drop(book);
    return rc;
}

void xlsx_drop(struct xlsx *book) {
    if (book != NULL) {
        archive_writer_drop(book->zip);
        g_array_free(book->totals, true);
        buf_release(&book->out);
        g_free(book);
    }
}
