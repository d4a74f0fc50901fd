/* SPDX-License-Identifier: Apache-2.0
 * csv_rows.h: what readers of delimited text have in common: a header whose names decide which
 * column is which, records whose fields are asked for by column, and telling what is wrong with a
 * field, with its line and the name of its column.
 *
 *   csv_rows_open(&rows, sink, bytes, count, ',', '"');
 *   if (csv_rows_next(&rows) && csv_rows_header(&rows, columns, COLUMN_COUNT, at)) {
 *       while (csv_rows_next(&rows)) { … csv_rows_amount(&rows, at[GROSS], …) … }
 *   }
 *
 * A column that the file does not have is CSV_NONE; asking for its field gives an empty one, so
 * that optional columns need no case of their own.
 * Owns: nothing; fields point into the caller's bytes. Threads: one reader each. The struct has
 * about 16 KiB. Errors: each is told to the sink as a problem; the functions say true or false. */
#ifndef HOLDFAST_STATEMENT_CSV_ROWS_H
#define HOLDFAST_STATEMENT_CSV_ROWS_H

#include "statement/csv.h"
#include "statement/field.h"
#include "statement/statement.h"

enum { CSV_NONE = -1, CSV_TWICE = -2 };

/* A column that a reader knows, by any of its names: "订单金额（元）|订单金额". The first of them
 * that the header has is taken; a name that stands there twice is refused. */
struct csv_column {
    const char *names;
    bool needed;
};

struct csv_rows {
    struct csv csv;
    const struct statement_sink *sink;
    /* Passed over where a value begins with it (WeChat Pay's back-quote); 0: none. */
    char prefix;
    const char *comment; /* lines that begin so are passed over; NULL */
    int64_t torn;        /* records that were no records: told, and passed over */
    int64_t line;        /* where the record at hand begins */
    int count;           /* its fields */
    int header_count;
    struct csv_field fields[CSV_FIELDS_MAX];
    struct csv_field header[CSV_FIELDS_MAX];
};

void csv_rows_open(struct csv_rows *rows, const struct statement_sink *sink, const void *bytes,
                   size_t count, char delimiter, char quote);
/* Passes over lines as they stand, whatever quotes are in them. False: there were fewer. */
MUST_USE bool csv_rows_pass_lines(struct csv_rows *rows, int lines);
/* The next record. One that is torn is told (BAD_ROW) and passed over. False: there is none. */
MUST_USE bool csv_rows_next(struct csv_rows *rows);
/* Takes the record at hand for the header: `ret_at[i]` becomes the field of `columns[i]` or
 * CSV_NONE. False: one that is needed is not there, or one is there twice; all of them are told
 * (MISSING_COLUMN). */
MUST_USE bool csv_rows_header(struct csv_rows *rows, const struct csv_column *columns, int count,
                              int *ret_at);

/* Whether the record at hand has the header's fields; more are taken when they are blank. Told
 * (BAD_ROW) otherwise: it was torn, or a text has a delimiter in it and no quotes, and every column
 * behind it would be read for another. */
MUST_USE bool csv_rows_complete(const struct csv_rows *rows);
/* The bytes of the record at hand as they stand in the file, but for the quotes at its ends. */
const char *csv_rows_bytes(const struct csv_rows *rows, size_t *ret_count);

/* The same for a header that is not read here: names are compared as they stand, but for blanks
 * around them, and several in a row are one. */
MUST_USE int csv_find(const struct csv_field *header, int count, const char *names);
MUST_USE bool csv_name_is(const struct csv_field *field, const char *name, size_t name_chars);

/* Whether the first record of this comma-separated text has all of these columns: for detection. */
MUST_USE bool csv_header_has(const void *bytes, size_t count, const char *const *names,
                             size_t name_count);

/* The value of a column in the record at hand, trimmed, without the prefix. */
struct csv_field csv_rows_field(const struct csv_rows *rows, int at);
MUST_USE bool csv_rows_blank(const struct csv_rows *rows, int at);
MUST_USE bool csv_rows_is(const struct csv_rows *rows, int at, const char *text);

/* Each of these tells BAD_VALUE (ENCODING for bytes that are no UTF-8; CURRENCY for a currency)
 * and says false when the field does not hold it. An empty text is a text; an empty amount, time,
 * count or currency is none. */
MUST_USE bool csv_rows_text(const struct csv_rows *rows, int at, char *ret_text, size_t text_bytes);
/* A text that people write: control characters become blanks, and what does not fit is cut. */
MUST_USE bool csv_rows_note(const struct csv_rows *rows, int at, char *ret_text, size_t text_bytes);
MUST_USE bool csv_rows_amount(const struct csv_rows *rows, int at, const struct amount_style *style,
                              struct currency currency, int64_t *ret_minor);
/* The same where an empty field is 0. */
MUST_USE bool csv_rows_amount_or_0(const struct csv_rows *rows, int at,
                                   const struct amount_style *style, struct currency currency,
                                   int64_t *ret_minor);
MUST_USE bool csv_rows_time(const struct csv_rows *rows, int at, const char *pattern,
                            const struct time_zone *zone, int64_t *ret_wall_us);
MUST_USE bool csv_rows_count(const struct csv_rows *rows, int at, int64_t *ret_value);
MUST_USE bool csv_rows_currency(const struct csv_rows *rows, int at, struct currency *ret_currency);

/* A problem with the record at hand that names a column: "gross: ", then as printf() has it. */
void csv_rows_tell(const struct csv_rows *rows, enum statement_problem problem, int at,
                   const char *format, ...) PRINTF_LIKE(4, 5);

#endif
