/* SPDX-License-Identifier: Apache-2.0
 * csv_rows.c: a header, its columns by name, and fields that are told when they are wrong. */
#include "statement/csv_rows.h"

#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { TELL_BYTES = 400, NAME_BYTES = 64 };

/* ---- names of columns ---- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

bool csv_name_is(const struct csv_field *field, const char *name, size_t name_chars) {
    struct csv_field have = csv_field_trim(*field);
    const char *at = name, *end = name + name_chars;
    for (uint32_t i = 0; i < have.count; i++) {
        char c = is_blank(have.bytes[i]) ? ' ' : have.bytes[i];
        if (c == ' ' && i > 0 && is_blank(have.bytes[i - 1])) {
            continue;
        }
        if (at == end || *at != c) {
            return false;
        }
        at++;
    }
    return at == end;
}

int csv_find(const struct csv_field *header, int count, const char *names) {
    for (const char *name = names; *name != '\0';) {
        size_t chars = strcspn(name, "|");
        int found = CSV_NONE;
        for (int i = 0; i < count; i++) {
            if (csv_name_is(&header[i], name, chars)) {
                found = found == CSV_NONE ? i : CSV_TWICE;
            }
        }
        if (found != CSV_NONE) {
            return found;
        }
        name += chars + (name[chars] == '|');
    }
    return CSV_NONE;
}

/* ---- records ---- */

void csv_rows_open(struct csv_rows *rows, const struct statement_sink *sink, const void *bytes,
                   size_t count, char delimiter, char quote) {
    csv_open(&rows->csv, bytes, count, delimiter, quote);
    rows->sink = sink;
    rows->prefix = 0;
    rows->comment = NULL;
    rows->torn = 0;
    rows->line = 0;
    rows->count = 0;
    rows->header_count = 0;
}

bool csv_rows_pass_lines(struct csv_rows *rows, int lines) {
    struct csv *csv = &rows->csv;
    for (int i = 0; i < lines; i++) {
        if (csv->at == csv->end) {
            return false;
        }
        const char *newline = memchr(csv->at, '\n', (size_t)(csv->end - csv->at));
        csv->at = newline != NULL ? newline + 1 : csv->end;
        csv->line++;
    }
    return true;
}

/* Comments are lines, not records: a quote in one opens nothing. */
static void pass_comments(struct csv_rows *rows) {
    struct csv *csv = &rows->csv;
    size_t length = rows->comment != NULL ? strlen(rows->comment) : 0;
    while (length > 0 && csv->at < csv->end) {
        const char *at = csv->at;
        bool is_empty = *at == '\n' || (*at == '\r' && at + 1 < csv->end && at[1] == '\n');
        bool is_comment = (size_t)(csv->end - at) >= length &&
                          memcmp(at, rows->comment, length) == 0;
        if ((!is_empty && !is_comment) || !csv_rows_pass_lines(rows, 1)) {
            return;
        }
    }
}

bool csv_rows_next(struct csv_rows *rows) {
    for (;;) {
        const char *why = NULL;
        pass_comments(rows);
        enum csv_result result = csv_next(&rows->csv, rows->fields, CSV_FIELDS_MAX, &rows->count,
                                          &rows->line, &why);
        if (result != CSV_BAD) {
            return result == CSV_RECORD;
        }
        rows->torn++;
        statement_tell(rows->sink, PROBLEM_BAD_ROW, rows->line, "this row cannot be read: %s", why);
    }
}

const char *csv_rows_bytes(const struct csv_rows *rows, size_t *ret_count) {
    const struct csv_field *first = &rows->fields[0], *last = &rows->fields[rows->count - 1];
    *ret_count = (size_t)(last->bytes + last->count - first->bytes);
    return first->bytes;
}

bool csv_rows_header(struct csv_rows *rows, const struct csv_column *columns, int count,
                     int *ret_at) {
    bool complete = true;
    rows->header_count = rows->count;
    memcpy(rows->header, rows->fields, (size_t)rows->count * sizeof rows->fields[0]);
    for (int i = 0; i < count; i++) {
        int at = csv_find(rows->header, rows->header_count, columns[i].names);
        if (at == CSV_TWICE || (at == CSV_NONE && columns[i].needed)) {
            statement_tell(rows->sink, PROBLEM_MISSING_COLUMN, rows->line,
                           at == CSV_TWICE ? "the column %s stands there twice"
                                           : "there is no column %s",
                           columns[i].names);
            complete = false;
        }
        ret_at[i] = at == CSV_TWICE ? CSV_NONE : at;
    }
    return complete;
}

bool csv_rows_complete(const struct csv_rows *rows) {
    int extra = rows->header_count;
    while (extra < rows->count && csv_rows_blank(rows, extra)) {
        extra++;
    }
    if (rows->count >= rows->header_count && extra >= rows->count) {
        return true;
    }
    statement_tell(rows->sink, PROBLEM_BAD_ROW, rows->line,
                   "this row has %d fields, and the header %d", rows->count, rows->header_count);
    return false;
}

/* ---- fields ---- */

struct csv_field csv_rows_field(const struct csv_rows *rows, int at) {
    if (at < 0 || at >= rows->count) {
        return (struct csv_field){"", 0, false};
    }
    struct csv_field field = csv_field_trim(rows->fields[at]);
    if (rows->prefix != 0 && field.count > 0 && *field.bytes == rows->prefix) {
        field.bytes++;
        field.count--;
        field = csv_field_trim(field);
    }
    return field;
}

bool csv_rows_blank(const struct csv_rows *rows, int at) {
    return csv_rows_field(rows, at).count == 0;
}

bool csv_rows_is(const struct csv_rows *rows, int at, const char *text) {
    struct csv_field field = csv_rows_field(rows, at);
    return csv_field_is(&field, text);
}

void csv_rows_tell(const struct csv_rows *rows, enum statement_problem problem, int at,
                   const char *format, ...) {
    char text[TELL_BYTES], name[NAME_BYTES] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (at >= 0 && at < rows->header_count) {
        struct csv_field field = csv_field_trim(rows->header[at]);
        text_shown(field.bytes, field.count, name, sizeof name);
    } else if (at >= 0) {
        snprintf(name, sizeof name, "field %d", at + 1);
    }
    statement_tell(rows->sink, problem, rows->line, "%s%s%s", name, name[0] != '\0' ? ": " : "",
                   text);
}

static bool told(const struct csv_rows *rows, enum statement_problem problem, int at,
                 const struct err *err) {
    csv_rows_tell(rows, problem, at, "%s", err->detail);
    return false;
}

static bool is_utf8(const struct csv_field *field) {
    return field->count == 0 || g_utf8_validate(field->bytes, (gssize)field->count, NULL);
}

/* With each doubled quote once; `text` has room for the field. */
static size_t halve(const struct csv_field *field, char quote, char *text) {
    size_t used = 0;
    for (uint32_t i = 0; i < field->count; i++) {
        text[used++] = field->bytes[i];
        i += field->bytes[i] == quote && i + 1 < field->count && field->bytes[i + 1] == quote;
    }
    return used;
}

bool csv_rows_text(const struct csv_rows *rows, int at, char *ret_text, size_t text_bytes) {
    char copy[TELL_BYTES];
    struct csv_field field = csv_rows_field(rows, at);
    struct err err;
    if (!is_utf8(&field)) {
        csv_rows_tell(rows, PROBLEM_ENCODING, at, "it has bytes that are no UTF-8");
        return false;
    }
    if (field.doubled && field.count < sizeof copy) {
        field.count = (uint32_t)halve(&field, rows->csv.quote, copy);
        field.bytes = copy;
    }
    return field_words(field.bytes, field.count, false, ret_text, text_bytes, &err) == 0 ||
           told(rows, PROBLEM_BAD_VALUE, at, &err);
}

bool csv_rows_note(const struct csv_rows *rows, int at, char *ret_text, size_t text_bytes) {
    struct csv_field field = csv_rows_field(rows, at);
    if (!field_note(field.bytes, field.count, field.doubled ? rows->csv.quote : '\0', ret_text,
                    text_bytes)) {
        csv_rows_tell(rows, PROBLEM_ENCODING, at, "it has bytes that are no UTF-8");
        return false;
    }
    return true;
}

bool csv_rows_amount(const struct csv_rows *rows, int at, const struct amount_style *style,
                     struct currency currency, int64_t *ret_minor) {
    struct csv_field field = csv_rows_field(rows, at);
    struct err err;
    return field_amount(field.bytes, field.count, style, currency, ret_minor, &err) == 0 ||
           told(rows, PROBLEM_BAD_VALUE, at, &err);
}

bool csv_rows_amount_or_0(const struct csv_rows *rows, int at, const struct amount_style *style,
                          struct currency currency, int64_t *ret_minor) {
    if (csv_rows_blank(rows, at)) {
        *ret_minor = 0;
        return true;
    }
    return csv_rows_amount(rows, at, style, currency, ret_minor);
}

bool csv_rows_time(const struct csv_rows *rows, int at, const char *pattern,
                   const struct time_zone *zone, int64_t *ret_wall_us) {
    struct csv_field field = csv_rows_field(rows, at);
    struct err err;
    return field_time(field.bytes, field.count, pattern, zone, ret_wall_us, &err) == 0 ||
           told(rows, PROBLEM_BAD_VALUE, at, &err);
}

bool csv_rows_count(const struct csv_rows *rows, int at, int64_t *ret_value) {
    struct csv_field field = csv_rows_field(rows, at);
    struct err err;
    return field_count(field.bytes, field.count, ret_value, &err) == 0 ||
           told(rows, PROBLEM_BAD_VALUE, at, &err);
}

bool csv_rows_currency(const struct csv_rows *rows, int at, struct currency *ret_currency) {
    char code[CURRENCY_CHARS + 1];
    struct csv_field field = csv_rows_field(rows, at);
    if (!csv_field_copy(&field, code, sizeof code) ||
        currency_parse(code, ret_currency, NULL) != 0) {
        char shown[NAME_BYTES];
        text_shown(field.bytes, field.count, shown, sizeof shown);
        csv_rows_tell(rows, PROBLEM_CURRENCY, at, "'%s' is no currency that is known", shown);
        return false;
    }
    return true;
}

bool csv_header_has(const void *bytes, size_t count, const char *const *names, size_t name_count) {
    enum { FIELDS = 256 };
    struct csv csv;
    struct csv_field fields[FIELDS];
    const char *why = NULL;
    int64_t line = 0;
    int field_count = 0;
    csv_open(&csv, bytes, count, ',', '"');
    if (csv_next(&csv, fields, FIELDS, &field_count, &line, &why) != CSV_RECORD) {
        return false;
    }
    for (size_t i = 0; i < name_count; i++) {
        if (csv_find(fields, field_count, names[i]) == CSV_NONE) {
            return false;
        }
    }
    return true;
}
