/* SPDX-License-Identifier: Apache-2.0
 * read_csv.c: any delimited file, by a map that a person wrote (statement/map.h,
 * docs/statements.md); and the file that Holdfast writes itself, which is such a file with a map of
 * ours.
 *
 * What is checked of every file: each row has the columns of the header; a row that has an id or a
 * reference does not stand there twice; what is kept and what is left make the amount, where the
 * file tells all three. With a footer: it is there, nothing follows it, and the sums that the map
 * names are those of the rows. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "statement/csv_rows.h"
#include "statement/map.h"
#include "statement/seems.h"
#include "statement/seen.h"
#include "statement/statement.h"

enum { DETECT_LINE_BYTES = 4096, SURE = 100 };

struct csv_reading {
    struct csv_rows rows;
    const struct csv_map *map;
    const struct statement_sink *sink;
    struct statement_head *head;
    struct map_binding binding;
    struct map_text text;
    struct seen seen;
    bool full_told;
    int64_t sums[MAP_ROLE_COUNT]; /* as the rows write them */
    struct currency currency;     /* of the rows; code "" before the first */
    bool mixed;                   /* they have several, or sums that are larger than any amount */
    bool ended;                   /* by a footer */
    int period_columns[2];        /* -1: no columns tell the period */
};

static void tell(const struct csv_reading *reading, enum statement_problem problem,
                 const char *text) {
    statement_tell(reading->sink, problem, reading->rows.line, "%s", text);
}

/* ---- a footer and its sums ---- */

static void add_sums(struct csv_reading *reading, const struct statement_row *row) {
    if (reading->currency.code[0] == '\0') {
        reading->currency = row->currency;
    }
    reading->mixed = reading->mixed || !currency_equal(reading->currency, row->currency);
    for (int i = 0; i < MAP_ROLE_COUNT; i++) {
        int64_t written = 0;
        if (!csv_map_sums(reading->map, (enum map_role)i)) {
            continue;
        }
        /* The row was read, so its amounts can be. */
        if (csv_map_written(&reading->binding, reading->rows.fields, reading->rows.count,
                            (enum map_role)i, row->currency, &written, NULL) < 0 ||
            !money_add(reading->sums[i], written, &reading->sums[i])) {
            reading->mixed = true;
        }
    }
}

static void check_sum(const struct csv_reading *reading, enum map_role role) {
    char have[MONEY_TEXT_MAX], want[MONEY_TEXT_MAX];
    int64_t written = 0;
    struct err err;
    if (csv_map_written(&reading->binding, reading->rows.fields, reading->rows.count, role,
                        reading->currency, &written, &err) < 0) {
        statement_tell(reading->sink, PROBLEM_TOTAL, reading->rows.line, "the sum of %s: %s",
                       map_role_name(role), err.detail);
    } else if (written != reading->sums[role]) {
        statement_tell(reading->sink, PROBLEM_TOTAL, reading->rows.line,
                       "the footer says that the sum of %s is %s; that of the rows is %s",
                       map_role_name(role), money_decimal(written, reading->currency, have),
                       money_decimal(reading->sums[role], reading->currency, want));
    }
}

static void check_footer(struct csv_reading *reading) {
    bool has_rows = reading->currency.code[0] != '\0';
    if (!csv_map_shape(reading->map).totals) {
        return;
    }
    if (reading->mixed) {
        tell(reading, PROBLEM_TOTAL, "sums of several currencies cannot be checked");
        return;
    }
    if (!has_rows) { /* zero in any currency */
        reading->currency = currency_stored("USD");
    }
    for (int i = 0; i < MAP_ROLE_COUNT; i++) {
        if (csv_map_sums(reading->map, (enum map_role)i)) {
            check_sum(reading, (enum map_role)i);
        }
    }
}

static bool is_footer(const struct csv_reading *reading, const char *footer) {
    const struct csv_field first = csv_rows_field(&reading->rows, 0);
    size_t length = footer != NULL ? strlen(footer) : 0;
    return length > 0 && first.count >= length && memcmp(first.bytes, footer, length) == 0;
}

/* ---- rows ---- */

/* Rows without an id of their own may well be alike: two fees of one minute. */
static void check_repeated(struct csv_reading *reading, const struct statement_row *row) {
    size_t count = 0;
    const char *bytes = csv_rows_bytes(&reading->rows, &count);
    if (row->gateway_id[0] == '\0' && row->reference[0] == '\0') {
        return;
    }
    int64_t first = seen_add(&reading->seen, bytes, count, row->line);
    if (first > 0) {
        statement_tell(reading->sink, PROBLEM_REPEATED, row->line,
                       "this row stands on line %lld already", (long long)first);
    }
    if (seen_full(&reading->seen) && !reading->full_told) {
        reading->full_told = true;
        tell(reading, PROBLEM_LIMIT, "there are more rows than can be told from one another");
    }
}

static void tell_faults(struct csv_reading *reading) {
    const struct csv_rows *rows = &reading->rows;
    struct map_fault faults[MAP_ROW_FAULTS_MAX];
    int count = csv_map_row_faults(&reading->binding, rows->fields, rows->count, &reading->text,
                                   faults);
    for (int i = 0; i < count; i++) {
        statement_tell(reading->sink, faults[i].problem, rows->line, "%s", faults[i].text);
    }
}

/* Columns tell one period, the same in each row; and no row lies outside of what is told. */
static void check_period(struct csv_reading *reading, const struct statement_row *row) {
    struct statement_head *head = reading->head;
    int64_t from_us = 0, until_us = 0;
    struct err why;
    if (reading->period_columns[0] >= 0 &&
        csv_map_period_of_row(reading->map, reading->period_columns, reading->rows.fields,
                              reading->rows.count, &from_us, &until_us, &why) < 0) {
        statement_tell(reading->sink, PROBLEM_PERIOD, row->line, "the period: %s", why.detail);
        return;
    }
    if (from_us > 0 && head->until_us == 0) {
        head->from_us = from_us;
        head->until_us = until_us;
    } else if (from_us > 0 && (from_us != head->from_us || until_us != head->until_us)) {
        tell(reading, PROBLEM_PERIOD, "the row tells another period than the first one does");
        return;
    }
    if (head->until_us > 0 && (row->at_us < head->from_us || row->at_us >= head->until_us)) {
        char at[CLOCK_TEXT_MAX], first[CLOCK_TEXT_MAX], last[CLOCK_TEXT_MAX];
        statement_tell(reading->sink, PROBLEM_PERIOD, row->line,
                       "the row is of %s, outside the period that the file tells: %s to %s",
                       clock_format(row->at_us, at), clock_format(head->from_us, first),
                       clock_format(head->until_us, last));
    }
}

static int take_row(struct csv_reading *reading, struct err *err) {
    const struct csv_rows *rows = &reading->rows;
    struct statement_row row;
    enum statement_problem problem = PROBLEM_BAD_ROW;
    if (csv_map_row(&reading->binding, rows->fields, rows->count, rows->line, &reading->text, &row,
                    &problem, NULL) < 0) {
        tell_faults(reading);
        return 0;
    }
    check_period(reading, &row);
    check_repeated(reading, &row);
    if (csv_map_shape(reading->map).totals) {
        add_sums(reading, &row);
    }
    reading->head->rows++;
    return reading->sink->row(reading->sink->ctx, &row, err);
}

/* Passes over what stands before the header and reads it; without one the first record is a row.
 * False: told, and there is nothing to go by. */
static bool begin(struct csv_reading *reading, bool *ret_has_record) {
    struct map_shape shape = csv_map_shape(reading->map);
    struct err why;
    char hint[SEEMS_CHARS_MAX + 1];
    const char *bytes = reading->rows.csv.at;
    size_t count = (size_t)(reading->rows.csv.end - bytes);
    reading->rows.comment = shape.comment;
    if (!csv_rows_pass_lines(&reading->rows, shape.skip_lines)) {
        statement_tell(reading->sink, PROBLEM_CUT, 0, "the file ends before its header");
        return false;
    }
    *ret_has_record = csv_rows_next(&reading->rows);
    if (!*ret_has_record && shape.header) {
        statement_tell(reading->sink, PROBLEM_MISSING_COLUMN, 0, "the file has no header");
        return false;
    }
    const struct csv_rows *rows = &reading->rows;
    if (csv_map_bind(reading->map, shape.header ? rows->fields : NULL,
                     *ret_has_record ? rows->count : 0, &reading->binding, &why) < 0) {
        (void)seems(bytes, count, shape.delimiter, shape.charset, hint);
        statement_tell(reading->sink, PROBLEM_MISSING_COLUMN, rows->line, "%s%s%s", why.detail,
                       hint[0] != '\0' ? ". " : "", hint);
        return false;
    }
    if (csv_map_period_bind(reading->map, rows->fields, rows->count, reading->period_columns,
                            &why) < 0) {
        tell(reading, PROBLEM_MISSING_COLUMN, why.detail);
        return false;
    }
    if (shape.header) {
        *ret_has_record = csv_rows_next(&reading->rows);
    }
    return true;
}

static int read_records(struct csv_reading *reading, struct err *err) {
    const char *footer = csv_map_shape(reading->map).footer;
    bool has_record = false;
    int rc = 0;
    if (!begin(reading, &has_record)) {
        return 0;
    }
    for (; has_record && rc == 0; has_record = csv_rows_next(&reading->rows)) {
        if (reading->ended) {
            tell(reading, PROBLEM_TRAILING, "a row follows the footer");
            return 0;
        }
        reading->ended = is_footer(reading, footer);
        if (reading->ended) {
            check_footer(reading);
        } else {
            rc = take_row(reading, err);
        }
    }
    if (rc == 0 && footer != NULL && !reading->ended) {
        statement_tell(reading->sink, PROBLEM_CUT, 0, "the file ends without its footer");
    }
    return rc;
}

/* Without the last line's end nobody knows whether that line is whole, nor what should follow it;
 * but for a footer, which says that nothing does. */
static void check_end(const struct csv_reading *reading, const char *bytes, size_t count) {
    bool ends = count == 0 || bytes[count - 1] == '\n' || bytes[count - 1] == '\r';
    if (!ends && !reading->ended && !csv_map_shape(reading->map).open_end) {
        statement_tell(reading->sink, PROBLEM_CUT, reading->rows.line, CSV_TORN);
    }
}

static void head_init(struct statement_head *head) {
    *head = (struct statement_head){.sequence = -1};
}

static int read_by(const struct csv_map *map, const struct statement_source *source,
                   const struct statement_sink *sink, struct statement_head *ret_head,
                   struct err *err) {
    struct map_shape shape = csv_map_shape(map);
    g_autofree char *text = NULL;
    const void *bytes = source->bytes;
    size_t count = source->count;
    head_init(ret_head);
    ret_head->lacks = csv_map_lacks(map);
    if (shape.charset != NULL) {
        struct err why;
        if (field_charset(shape.charset, bytes, count, &text, &count, &why) < 0) {
            statement_tell(sink, PROBLEM_ENCODING, 0, "%s", why.detail);
            return err_set(err, ERR_BAD_REQUEST, "%s", why.detail);
        }
        bytes = text;
    }
    struct csv_reading *reading = g_new0(struct csv_reading, 1);
    reading->map = map;
    reading->sink = sink;
    reading->head = ret_head;
    reading->period_columns[0] = reading->period_columns[1] = -1;
    csv_rows_open(&reading->rows, sink, bytes, count, shape.delimiter, shape.quote);
    struct err why;
    if (csv_map_period_of_name(map, source->name, &ret_head->from_us, &ret_head->until_us, &why) <
        0) {
        statement_tell(sink, PROBLEM_PERIOD, 0, "%s", why.detail);
    }
    int rc = read_records(reading, err);
    check_end(reading, bytes, count);
    seen_release(&reading->seen);
    g_free(reading);
    return rc;
}

/* ---- the two readers ---- */

static int csv_detect(const char *name, const void *bytes, size_t count) {
    return 0; /* nobody can know without the map */
}

static int csv_read(const struct statement_source *source, const struct statement_sink *sink,
                    struct statement_head *ret_head, struct err *err) {
    if (source->map == NULL) {
        head_init(ret_head);
        statement_tell(sink, PROBLEM_MISSING_COLUMN, 0, "a file of this format needs a map");
        err_set(err, ERR_BAD_REQUEST, "a file of the format csv needs a map");
        return err_hint(err, "Say which with --map; docs/statements.md has two to begin with.");
    }
    return read_by(source->map, source, sink, ret_head, err);
}

const struct statement_reader reader_csv = {
    .name = "csv",
    .title = "Any delimited file, by a map of its columns",
    .tells = TELLS_ALL,
    .lacks_some = true,
    .detect = csv_detect,
    .read = csv_read,
};

/* By the names of all its columns. */
static int canonical_detect(const char *name, const void *bytes, size_t count) {
    struct csv csv;
    struct csv_field fields[64];
    struct map_binding binding;
    const char *why = NULL;
    int64_t line = 0;
    int fields_count = 0;
    const char *newline = memchr(bytes, '\n', count);
    size_t first = newline != NULL ? (size_t)(newline - (const char *)bytes) : count;
    csv_open(&csv, bytes, first < DETECT_LINE_BYTES ? first : DETECT_LINE_BYTES, ',', '"');
    return csv_next(&csv, fields, COUNT_OF(fields), &fields_count, &line, &why) == CSV_RECORD &&
                   csv_map_bind(csv_map_canonical(), fields, fields_count, &binding, NULL) == 0
               ? SURE
               : 0;
}

static int canonical_read(const struct statement_source *source, const struct statement_sink *sink,
                          struct statement_head *ret_head, struct err *err) {
    return read_by(csv_map_canonical(), source, sink, ret_head, err);
}

const struct statement_reader reader_canonical = {
    .name = "canonical",
    .title = "Holdfast's own rows (CSV)",
    .tells = TELLS_ALL,
    .detect = canonical_detect,
    .read = canonical_read,
};
