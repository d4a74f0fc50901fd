/* SPDX-License-Identifier: Apache-2.0
 * bank_csv.c: reading a statement in Holdfast's own CSV: UTF-8, commas, RFC 4180's quotes
 * (statement/csv.h), a first line with the names of the columns in any order, amounts with a point
 * and the currency's decimals. Stricter than that reader: no blank line, no line end or lone quote
 * in a field. */
#include "cli/bank_csv.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/money.h"
#include "base/text.h"
#include "statement/csv.h"

static const struct column {
    const char *name;
    bool needed;
} columns[] = {
    {"bank_id", true},     {"account", true},          {"booked_on", true},
    {"direction", true},   {"amount", true},           {"currency", true},
    {"remittance", false}, {"party_name", false},      {"party_account", false},
    {"valued_on", false},  {"virtual_account", false}, {"reverses", false},
};
enum { COLUMN_COUNT = COUNT_OF(columns) };

struct reading {
    struct csv csv;
    const char *begin; /* of the file */
    int64_t line;      /* of the record at hand, and of the one before */
    int64_t before;
    int order[COLUMN_COUNT]; /* which column stands at each place */
    int width;               /* places */
    struct csv_field found[CSV_FIELDS_MAX];
    char fields[COLUMN_COUNT][BANK_CSV_FIELD_BYTES_MAX + 1];
    int count; /* fields of this record */
};

static int wrong(const struct reading *reading, const char *what, struct err *err) {
    return err_set(err, ERR_VALIDATION, "line %lld: %s", (long long)reading->line, what);
}

static int take_field(struct reading *reading, int at, struct err *err) {
    const struct csv_field *field = &reading->found[at];
    bool quoted = field->bytes > reading->begin && field->bytes[-1] == '"';
    if (field->count > BANK_CSV_FIELD_BYTES_MAX) {
        return wrong(reading, "a field is too long", err);
    }
    if (memchr(field->bytes, '\n', field->count) != NULL ||
        memchr(field->bytes, '\r', field->count) != NULL) {
        return wrong(reading, "a quoted field ends on the line where it began", err);
    }
    if (!quoted && memchr(field->bytes, '"', field->count) != NULL) {
        return wrong(reading, "a field with quotes must begin with one", err);
    }
    return csv_field_copy(field, reading->fields[at], sizeof reading->fields[at])
               ? 0
               : wrong(reading, "a field has a NUL", err);
}

/* 1: there is a record, in `fields`. */
static int read_record(struct reading *reading, struct err *err) {
    const char *why = NULL;
    reading->before = reading->line;
    enum csv_result result = csv_next(&reading->csv, reading->found, CSV_FIELDS_MAX,
                                      &reading->count, &reading->line, &why);
    if (result == CSV_END) {
        return 0;
    }
    if (result == CSV_BAD) {
        return wrong(reading, why, err);
    }
    if (reading->line > reading->before + 1) {
        reading->line = reading->before + 1;
        return wrong(reading, "it is empty", err);
    }
    if (reading->count > COLUMN_COUNT) {
        return wrong(reading, "it has more fields than there are columns", err);
    }
    int r = 0;
    for (int i = 0; r >= 0 && i < reading->count; i++) {
        r = take_field(reading, i, err);
    }
    return r < 0 ? r : 1;
}

/* ---- the first line ---- */

static int find_column(const char *name) {
    for (int i = 0; i < COLUMN_COUNT; i++) {
        if (strcmp(columns[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static int read_names(struct reading *reading, struct err *err) {
    bool seen[COLUMN_COUNT] = {false};
    char what[120], shown[60];
    int r = read_record(reading, err);
    for (int i = 0; r > 0 && i < reading->count; i++) {
        int column = find_column(reading->fields[i]);
        if (column < 0 || seen[column]) {
            text_shown(reading->fields[i], strlen(reading->fields[i]), shown, sizeof shown);
            snprintf(what, sizeof what, "there is no column \"%s\", or it is named twice", shown);
            return wrong(reading, what, err);
        }
        seen[column] = true;
        reading->order[i] = column;
    }
    if (r <= 0) {
        reading->line = 1;
        return r < 0 ? r : wrong(reading, "the names of the columns are missing", err);
    }
    reading->width = reading->count;
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (columns[i].needed && !seen[i]) {
            snprintf(what, sizeof what, "the column \"%s\" is missing", columns[i].name);
            return wrong(reading, what, err);
        }
    }
    return 0;
}

/* ---- the others ---- */

static int add_amount(const struct reading *reading, json_t *row, struct err *err) {
    const char *amount = json_string_value(json_object_get(row, "amount"));
    const char *code = json_string_value(json_object_get(row, "currency"));
    struct currency currency;
    struct err why = {0};
    int64_t minor = 0;
    int r = amount == NULL || code == NULL ? -ERR_VALIDATION
                                           : currency_parse(code, &currency, &why);
    r = r < 0 ? r : money_parse_decimal(amount, currency, &minor, &why);
    if (r < 0 || minor <= 0) {
        return wrong(reading,
                     "the amount is a number above 0 like 19.99, with a currency like EUR; "
                     "direction says which way it went",
                     err);
    }
    json_object_set_new(row, "amount", json_integer(minor));
    return 0;
}

static int make_row(const struct reading *reading, json_t *rows, struct err *err) {
    if (reading->count != reading->width) {
        return wrong(reading, "it has more or fewer fields than the first line", err);
    }
    JSON_AUTO row = json_object();
    for (int i = 0; i < reading->count; i++) {
        json_t *text = json_string(reading->fields[i]);
        if (text == NULL) {
            return wrong(reading, "it is not UTF-8", err);
        }
        if (reading->fields[i][0] != '\0') {
            json_object_set_new(row, columns[reading->order[i]].name, text);
        } else {
            json_decref(text);
        }
    }
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (columns[i].needed && json_object_get(row, columns[i].name) == NULL) {
            char what[80];
            snprintf(what, sizeof what, "\"%s\" is empty", columns[i].name);
            return wrong(reading, what, err);
        }
    }
    json_object_set_new(row, "line", json_integer(reading->line));
    int r = add_amount(reading, row, err);
    if (r >= 0) {
        json_array_append(rows, row);
    }
    return r;
}

int bank_csv_read(const char *bytes, size_t count, json_t **ret_rows, struct err *err) {
    struct reading *reading = calloc(1, sizeof *reading);
    INVARIANT(reading != NULL, "out of memory");
    JSON_AUTO rows = json_array();
    reading->begin = bytes;
    csv_open(&reading->csv, bytes, count, ',', '"');
    int r = read_names(reading, err);
    while (r >= 0 && (r = read_record(reading, err)) > 0) {
        r = make_row(reading, rows, err);
    }
    if (r >= 0 && json_array_size(rows) == 0) {
        r = wrong(reading, "there is no row", err);
    }
    free(reading);
    if (r >= 0) {
        *ret_rows = json_incref(rows);
    }
    return r < 0 ? r : 0;
}
