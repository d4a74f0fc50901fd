/* SPDX-License-Identifier: Apache-2.0
 * map.h: how any delimited file is to be read: which column is what, as a person wrote it in YAML.
 *
 *   columns: {reference: "Order No", amount: "Paid", currency: "Ccy", time: "Date", kind: "Type"}
 *   time:    {format: "DD.MM.YYYY hh:mm:ss", zone: "Europe/Berlin"}
 *   amount:  {decimal: ",", group: ".", unit: major, sign: as_written}
 *   kinds:   {Sale: charge, Refund: refund}
 *   statuses: {settled: done, open: pending}
 *
 * docs/statements.md has every key. A map is checked whole when it is read, and against a file's
 * header when it is bound to it; what is wrong is said with the map's line.
 * Owns: struct csv_map is the caller's until csv_map_free(); a binding is a plain struct that
 * borrows the map. Threads: a map that is read may be used by many at once. Errors: ERR_CONFIG
 * (the map), ERR_VALIDATION (a row; detail says which column holds what). */
#ifndef HOLDFAST_STATEMENT_MAP_H
#define HOLDFAST_STATEMENT_MAP_H

#include "statement/csv.h"
#include "statement/field.h"
#include "statement/statement.h"

/* What a column can be. GROSS is the amount with its sign; or CREDIT and DEBIT, of which one is
 * empty or zero; or GROSS with DIRECTION (words for in and out). */
enum map_role {
    MAP_GATEWAY_ID,
    MAP_REFERENCE,
    MAP_ORIGINAL_ID,
    MAP_ORIGINAL_REFERENCE,
    MAP_BATCH,
    MAP_KIND,
    MAP_STATUS,
    MAP_CURRENCY,
    MAP_GROSS,
    MAP_CREDIT,
    MAP_DEBIT,
    MAP_DIRECTION,
    MAP_FEE,
    MAP_NET,
    MAP_TIME,
    MAP_METHOD,
    MAP_DESCRIPTION,
    MAP_ROLE_COUNT
};
const char *map_role_name(enum map_role role); /* "gateway_id": the key in the map's `columns` */

/* Of a file without a footer whose last line has no end. */
#define CSV_TORN                                                                                   \
    "the last line has no end: the file was torn, or its writer left it out (then add one, or "    \
    "say "                                                                                         \
    "last_line_end: false in the map)"
struct csv_map;
MUST_USE int csv_map_load(const char *path, struct csv_map **ret_map, struct err *err);
MUST_USE int csv_map_read(const char *name, const char *text, size_t count,
                          struct csv_map **ret_map, struct err *err);
void csv_map_free(struct csv_map *map); /* NULL is fine */
void csv_map_auto(struct csv_map **map);
#define CSV_MAP_AUTO struct csv_map *CLEANUP(csv_map_auto)

/* The map of the canonical file that Holdfast writes itself (row by row what statement_row has):
 * gateway_id,reference,original_id,original_reference,batch,kind,status,currency,gross,fee,net,
 * time,method,description; amounts in minor units, times in RFC 3339. */
const struct csv_map *csv_map_canonical(void);

/* How the file is cut into records. */
struct map_shape {
    char delimiter, quote;
    int skip_lines;      /* before the header */
    const char *comment; /* lines that begin so are passed over; NULL */
    const char *footer;  /* a record whose first field begins so ends the rows; NULL */
    bool header;         /* else columns are numbers in the map, from 1 */
    const char *charset; /* that the file is to be turned from, as iconv knows it; NULL: UTF-8 */
    bool totals;         /* the footer holds sums that are to be checked (reader "csv" does) */
    bool open_end;       /* its writer leaves the last line's end out */
};
struct map_shape csv_map_shape(const struct csv_map *map);

/* A map put to one file's header: the field of each role, or -1. */
struct map_binding {
    const struct csv_map *map;
    int column[MAP_ROLE_COUNT];
    int fields_least; /* a record with fewer is torn */
    int fields_most; /* in one with more there is text that was not quoted, unless they are empty */
};
/* `fields` is the header's record; NULL for a map without one (`count` is then the first record's,
 * or 0). ERR_VALIDATION: a column is not there, or twice. */
MUST_USE int csv_map_bind(const struct csv_map *map, const struct csv_field *fields, int count,
                          struct map_binding *ret_binding, struct err *err);

/* What one record tells. The texts of `ret_row` live in `text` until the next call. `ret_problem`
 * is set on failure. A map_text begins as zeros and belongs to one map and one thread. */
struct map_text {
    char gateway_id[ROW_ID_CHARS_MAX + 1], reference[ROW_ID_CHARS_MAX + 1];
    char original_id[ROW_ID_CHARS_MAX + 1], original_reference[ROW_ID_CHARS_MAX + 1];
    char batch[ROW_ID_CHARS_MAX + 1], method[ROW_ID_CHARS_MAX + 1];
    char native_kind[ROW_ID_CHARS_MAX + 1], description[ROW_TEXT_CHARS_MAX + 1];
    /* What the last row had, so that the next one need not look for it. */
    struct {
        int kind, status, direction, pattern; /* words of the map, from 1 */
        char code[CURRENCY_CHARS + 1];
        struct currency currency;
        int decimals;
        struct time_memory time;
    } last;
};
MUST_USE int csv_map_row(const struct map_binding *binding, const struct csv_field *fields,
                         int count, int64_t line, struct map_text *text,
                         struct statement_row *ret_row, enum statement_problem *ret_problem,
                         struct err *err);
/* All that is wrong with a record that csv_map_row() has refused, field by field; at least one.
 * What follows from another fault (an amount in an unknown currency) is not told. */
enum { MAP_ROW_FAULTS_MAX = 16 };
struct map_fault {
    enum statement_problem problem;
    char text[160];
};
MUST_USE int csv_map_row_faults(const struct map_binding *binding, const struct csv_field *fields,
                                int count, struct map_text *text,
                                struct map_fault ret_faults[MAP_ROW_FAULTS_MAX]);
/* The amount of one role as the record writes it, without what signs and kinds make of it: for the
 * sums of a footer. ERR_VALIDATION. An empty field is 0. */
MUST_USE int csv_map_written(const struct map_binding *binding, const struct csv_field *fields,
                             int count, enum map_role role, struct currency currency,
                             int64_t *ret_minor, struct err *err);
/* The period, where the map says that the file's name tells it: 1; else 0. ERR_VALIDATION: the name
 * is another. */
MUST_USE int csv_map_period_of_name(const struct csv_map *map, const char *path,
                                    int64_t *ret_from_us, int64_t *ret_until_us, struct err *err);
/* Where columns tell it, which: 1; else 0. `fields` as in csv_map_bind(). */
MUST_USE int csv_map_period_bind(const struct csv_map *map, const struct csv_field *fields,
                                 int count, int ret_columns[2], struct err *err);
MUST_USE int csv_map_period_of_row(const struct csv_map *map, const int columns[2],
                                   const struct csv_field *fields, int count, int64_t *ret_from_us,
                                   int64_t *ret_until_us, struct err *err);
/* What a file by this map cannot tell, since no word of the map stands for such rows: of enum
 * statement_tells. */
unsigned csv_map_lacks(const struct csv_map *map);
/* Whether the footer holds this role's sum. */
MUST_USE bool csv_map_sums(const struct csv_map *map, enum map_role role);

#endif
