/* SPDX-License-Identifier: Apache-2.0
 * csv.h: records of delimited text, field by field, without copying.
 *
 * RFC 4180 with what banks and gateways do to it: any delimiter of one byte, CR LF or LF, quotes
 * doubled inside quotes, line ends inside quotes, a byte order mark, a last line without an end. A
 * quote in the middle of a field that did not begin with one is a byte as any other. Not taken: a
 * quote that never ends, text after a closing quote (CSV_BAD, with the line where the record began;
 * reading goes on after that line).
 * Text goes by in steps of 64 bytes (SSE2, or eight bytes at a time in a register).
 * Owns: nothing; fields point into the caller's bytes until those go. Threads: one reader each.
 * Limits: CSV_FIELDS_MAX fields of a record, CSV_RECORD_BYTES_MAX bytes. */
#ifndef HOLDFAST_STATEMENT_CSV_H
#define HOLDFAST_STATEMENT_CSV_H

#include "base/compiler.h"

enum { CSV_FIELDS_MAX = 512, CSV_RECORD_BYTES_MAX = 1024 * 1024 };

struct csv {
    const char *at, *end;
    int64_t line; /* of the next record, from 1 */
    char delimiter;
    char quote; /* 0: quotes are bytes as any other */
    /* Of the last record: nothing stood in quotes, and beside delimiters and its end there was
     * nothing but ASCII that is printed. */
    bool plain;
    /* The last 64 bytes that were looked at: csv.c's own. */
    const char *window;
    uint64_t marks, odd;
};
struct csv_field {
    const char *bytes; /* without the quotes around it */
    uint32_t count;
    bool doubled; /* there are doubled quotes in it: csv_field_copy() halves them */
};
enum csv_result {
    CSV_END = 0,
    CSV_RECORD = 1,
    CSV_BAD = 2, /* `ret_why` says why */
};

/* Passes over a byte order mark. */
void csv_open(struct csv *csv, const void *bytes, size_t count, char delimiter, char quote);
/* The next record that is not an empty line, with the line where it begins. */
enum csv_result csv_next(struct csv *csv, struct csv_field *fields, int fields_max, int *ret_count,
                         int64_t *ret_line, const char **ret_why);
/* What comes next, as long as it is alike: records of so many fields (2 or more) without a quote,
 * all of it ASCII that is printed, and none of them near the end of the file. Where the fields of
 * the first `records_max` such records end, as far as they were looked for. Nothing is taken. */
enum {
    CSV_ALIKE_RECORDS_MAX = 64,
    CSV_ALIKE_FIELDS_MAX = 64,
    CSV_ALIKE_ENDS = CSV_ALIKE_RECORDS_MAX * CSV_ALIKE_FIELDS_MAX + 2 * 64
};
struct csv_alike {
    const char *from; /* where the first record begins */
    int records, fields;
    uint32_t ends[CSV_ALIKE_ENDS]; /* from there; of each record `fields` */
};
void csv_alike_look(const struct csv *csv, int fields, int records_max, struct csv_alike *alike);
/* Takes one of them, the first first; `fields` is room for its fields. */
static inline void csv_alike_take(struct csv *csv, const struct csv_alike *alike, int record,
                                  struct csv_field *fields) {
    const uint32_t *ends = alike->ends + (size_t)record * (size_t)alike->fields;
    uint32_t begin = record > 0 ? ends[-1] + 1 : 0;
    for (int i = 0; i < alike->fields; i++) {
        fields[i] = (struct csv_field){alike->from + begin, ends[i] - begin, false};
        begin = ends[i] + 1;
    }
    /* A carriage return before the line's end belongs to the end. */
    struct csv_field *last = &fields[alike->fields - 1];
    last->count -= last->count > 0 && last->bytes[last->count - 1] == '\r';
    csv->plain = true;
    csv->at = alike->from + begin;
    csv->line++;
}
/* Passes over so many records as csv_next() has told them before; `fields` is room for it. False:
 * there are not so many, or something else stands there now. */
MUST_USE bool csv_pass(struct csv *csv, int64_t count, struct csv_field *fields, int fields_max);
/* The field without the blanks and tabs around it. */
static inline struct csv_field csv_field_trim(struct csv_field field) {
    while (field.count > 0 && (*field.bytes == ' ' || *field.bytes == '\t')) {
        field.bytes++;
        field.count--;
    }
    while (field.count > 0 &&
           (field.bytes[field.count - 1] == ' ' || field.bytes[field.count - 1] == '\t')) {
        field.count--;
    }
    return field;
}
/* The field without the blanks around it, doubled quotes halved, as a text; false: it does not fit,
 * or has a NUL in it. */
MUST_USE bool csv_field_copy(const struct csv_field *field, char *text, size_t text_bytes);
/* Whether the trimmed field is this text. */
MUST_USE bool csv_field_is(const struct csv_field *field, const char *text);

#endif
