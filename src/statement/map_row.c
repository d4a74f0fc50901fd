/* SPDX-License-Identifier: Apache-2.0
 * map_row.c: a map put to a header, and rows read by it. Nothing here is allocated for a row, and
 * what the last row had is looked at first: most rows of a file have one currency, few kinds and
 * few days. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "statement/csv_rows.h"
#include "statement/map_impl.h"

enum { SHOWN = 64, FIELD_BYTES = 512 };

/* ---- binding ---- */

int map_column_of(const struct map_names *names, const struct csv_field *fields, int count) {
    for (int i = 0; i < names->count; i++) {
        int found = CSV_NONE;
        for (int j = 0; j < count; j++) {
            if (csv_name_is(&fields[j], names->names[i], strlen(names->names[i]))) {
                found = found == CSV_NONE ? j : CSV_TWICE;
            }
        }
        if (found != CSV_NONE) {
            return found;
        }
    }
    return CSV_NONE;
}

static int refuse_column(const struct map_names *names, enum map_role role, bool twice,
                         struct err *err) {
    char shown[SHOWN];
    text_shown(names->names[0], strlen(names->names[0]), shown, sizeof shown);
    return err_set(err, ERR_VALIDATION,
                   twice ? "the header has the column '%s' (%s) twice"
                         : "the header has no column '%s' (%s)",
                   shown, map_role_name(role));
}

/* Fields at the header's end that have no name may be left out by a row. */
static int named_count(const struct csv_field *fields, int count) {
    while (count > 0 && csv_name_is(&fields[count - 1], "", 0)) {
        count--;
    }
    return count;
}

int csv_map_bind(const struct csv_map *map, const struct csv_field *fields, int count,
                 struct map_binding *ret_binding, struct err *err) {
    struct map_binding binding = {.map = map, .fields_most = count > 0 ? count : CSV_FIELDS_MAX};
    for (int role = 0; role < MAP_ROLE_COUNT; role++) {
        const struct map_names *names = &map->columns[role];
        binding.column[role] = CSV_NONE;
        if (!map_has(map, (enum map_role)role)) {
            continue;
        }
        int column = map->shape.header ? map_column_of(names, fields, count) : names->number - 1;
        if (column < 0) {
            return refuse_column(names, (enum map_role)role, column == CSV_TWICE, err);
        }
        binding.column[role] = column;
        if (!map->shape.header && column >= binding.fields_least) {
            binding.fields_least = column + 1;
        }
    }
    if (map->shape.header) {
        binding.fields_least = named_count(fields, count);
    }
    *ret_binding = binding;
    return 0;
}

/* ---- fields ---- */

/* One record being read. */
struct reading {
    const struct map_binding *binding;
    const struct csv_map *map;
    const struct csv_field *fields;
    int count;
    struct map_text *text;
    struct statement_row *row;
    enum statement_problem *ret_problem;
    struct err *err;
};

static struct csv_field value_of(const struct map_binding *binding, const struct csv_field *fields,
                                 int count, enum map_role role) {
    int at = binding->column[role];
    if (at < 0 || at >= count) {
        return (struct csv_field){"", 0, false};
    }
    return csv_field_trim(fields[at]);
}

static struct csv_field value(const struct reading *reading, enum map_role role) {
    return value_of(reading->binding, reading->fields, reading->count, role);
}

/* What is wrong with the field of a role. */
static int wrong(const struct reading *reading, enum statement_problem problem, enum map_role role,
                 const char *what) {
    *reading->ret_problem = problem;
    return err_set(reading->err, ERR_VALIDATION, "%s: %s", map_role_name(role), what);
}

static int wrong_by(const struct reading *reading, enum map_role role, const struct err *err) {
    char what[sizeof err->detail];
    snprintf(what, sizeof what, "%s", err->detail);
    return wrong(reading, PROBLEM_BAD_VALUE, role, what);
}

static int wrong_word(const struct reading *reading, enum statement_problem problem,
                      enum map_role role, const struct csv_field *field, const char *why) {
    char shown[SHOWN], what[2 * SHOWN + SHOWN];
    text_shown(field->bytes, field->count, shown, sizeof shown);
    snprintf(what, sizeof what, "'%s' %s", shown, why);
    return wrong(reading, problem, role, what);
}

static int take_id(const struct reading *reading, enum map_role role, char *text,
                   const char **ret_text) {
    char halved[FIELD_BYTES];
    struct csv_field field = value(reading, role);
    struct err err;
    if (field.count == 0) {
        return 0;
    }
    if (field.doubled && field.count < sizeof halved) {
        size_t used = 0;
        char quote = reading->map->shape.quote;
        for (uint32_t i = 0; i < field.count; i++) {
            halved[used++] = field.bytes[i];
            i += field.bytes[i] == quote && i + 1 < field.count && field.bytes[i + 1] == quote;
        }
        field = (struct csv_field){halved, (uint32_t)used, false};
    }
    if (field_words(field.bytes, field.count, false, text, ROW_ID_CHARS_MAX + 1, &err) < 0) {
        bool is_utf8 = g_utf8_validate(field.bytes, (gssize)field.count, NULL);
        return is_utf8 ? wrong_by(reading, role, &err)
                       : wrong(reading, PROBLEM_ENCODING, role, "it is no text in UTF-8");
    }
    *ret_text = text;
    return 0;
}

enum { IDS = 7 };
static int take_id_number(const struct reading *reading, size_t number) {
    struct map_text *text = reading->text;
    struct statement_row *row = reading->row;
    const struct {
        enum map_role role;
        char *text;
        const char **ret_text;
    } ids[IDS] = {
        {MAP_GATEWAY_ID, text->gateway_id, &row->gateway_id},
        {MAP_REFERENCE, text->reference, &row->reference},
        {MAP_ORIGINAL_ID, text->original_id, &row->original_id},
        {MAP_ORIGINAL_REFERENCE, text->original_reference, &row->original_reference},
        {MAP_BATCH, text->batch, &row->batch},
        {MAP_METHOD, text->method, &row->method},
        {MAP_KIND, text->native_kind, &row->native_kind},
    };
    return take_id(reading, ids[number].role, ids[number].text, ids[number].ret_text);
}

static int take_note(const struct reading *reading) {
    struct map_text *text = reading->text;
    struct statement_row *row = reading->row;
    struct csv_field note = value(reading, MAP_DESCRIPTION);
    if (note.count > 0) {
        char quote = note.doubled ? reading->map->shape.quote : '\0';
        if (!field_note(note.bytes, note.count, quote, text->description,
                        sizeof text->description)) {
            return wrong(reading, PROBLEM_ENCODING, MAP_DESCRIPTION, "it is no text in UTF-8");
        }
        row->description = text->description;
    }
    return 0;
}

static int take_texts(const struct reading *reading) {
    for (size_t i = 0; i < IDS; i++) {
        int rc = take_id_number(reading, i);
        if (rc < 0) {
            return rc;
        }
    }
    return take_note(reading);
}

/* The word that the field is, by its place from 1; 0: none. */
static int word_of(const struct map_words *words, const struct csv_field *field, int last) {
    if (last > 0 && words->words[last - 1].bytes == field->count &&
        memcmp(words->words[last - 1].text, field->bytes, field->count) == 0) {
        return last;
    }
    for (int i = 0; i < words->count; i++) {
        if (words->words[i].bytes == field->count &&
            memcmp(words->words[i].text, field->bytes, field->count) == 0) {
            return i + 1;
        }
    }
    return 0;
}

static int take_currency(const struct reading *reading) {
    struct map_text *text = reading->text;
    struct csv_field field = value(reading, MAP_CURRENCY);
    char code[CURRENCY_CHARS + 1] = "";
    bool known = text->last.code[0] != '\0';
    if (reading->map->has_currency) {
        memcpy(code, reading->map->currency.code, sizeof code);
    } else if (field.count == CURRENCY_CHARS) {
        memcpy(code, field.bytes, CURRENCY_CHARS);
    }
    if (!known || memcmp(text->last.code, code, sizeof code) != 0) {
        struct currency currency;
        if (currency_parse(code, &currency, NULL) < 0) {
            return wrong_word(reading, PROBLEM_CURRENCY, MAP_CURRENCY, &field,
                              "is no currency that is known");
        }
        memcpy(text->last.code, code, sizeof code);
        text->last.currency = currency;
        text->last.decimals = currency_exponent(currency);
    }
    reading->row->currency = text->last.currency;
    return 0;
}

/* ---- amounts ---- */

/* An empty field is AMOUNT_UNSAID. */
static int take_amount(const struct reading *reading, enum map_role role, int64_t *ret_minor) {
    struct csv_field field = value(reading, role);
    struct err err;
    *ret_minor = AMOUNT_UNSAID;
    if (field.count == 0) {
        return 0;
    }
    return field_amount_scaled(field.bytes, field.count, &reading->map->style,
                               reading->text->last.decimals, ret_minor, &err) < 0
               ? wrong_by(reading, role, &err)
               : 0;
}

/* Credit and debit: one of them, the other empty or zero. */
static int take_sides(const struct reading *reading, int64_t *ret_minor) {
    int64_t credit = 0, debit = 0;
    int rc = take_amount(reading, MAP_CREDIT, &credit);
    rc = rc < 0 ? rc : take_amount(reading, MAP_DEBIT, &debit);
    if (rc < 0) {
        return rc;
    }
    if (credit == AMOUNT_UNSAID && debit == AMOUNT_UNSAID) {
        return wrong(reading, PROBLEM_BAD_VALUE, MAP_CREDIT, "neither it nor debit has an amount");
    }
    credit = credit == AMOUNT_UNSAID ? 0 : credit;
    debit = debit == AMOUNT_UNSAID ? 0 : debit * reading->map->debit_sign;
    if (credit != 0 && debit != 0) {
        return wrong(reading, PROBLEM_BAD_VALUE, MAP_CREDIT, "both it and debit have an amount");
    }
    if (credit < 0 || debit < 0) {
        return wrong(reading, PROBLEM_SIGN, credit < 0 ? MAP_CREDIT : MAP_DEBIT,
                     "the amount has the other side's sign");
    }
    *ret_minor = credit - debit;
    return 0;
}

/* The kind, as far as its column or the map tells it; 0: the sign will. The word's sign is that of
 * amounts without one. */
static int take_kind(const struct reading *reading, int *ret_sign) {
    const struct csv_map *map = reading->map;
    reading->row->kind = map->kind;
    *ret_sign = map->kind != 0 ? row_kind_sign(map->kind) : 0;
    if (!map_has(map, MAP_KIND)) {
        return 0;
    }
    struct csv_field field = value(reading, MAP_KIND);
    int word = word_of(&map->kinds, &field, reading->text->last.kind);
    if (word == 0) {
        return wrong_word(reading, PROBLEM_UNKNOWN_KIND, MAP_KIND, &field,
                          "is no kind that the map knows");
    }
    reading->text->last.kind = word;
    const struct map_word *found = &map->kinds.words[word - 1];
    reading->row->kind = (enum row_kind)found->value;
    *ret_sign = found->sign != 0 ? found->sign : row_kind_sign(reading->row->kind);
    return 0;
}

/* What the file's amounts are to be multiplied with: 1 or -1. */
static int take_sign(const struct reading *reading, int64_t written, int kind_sign, int *ret_sign) {
    const struct csv_map *map = reading->map;
    enum map_role role = MAP_GROSS;
    if (map_has(map, MAP_DIRECTION)) {
        role = MAP_DIRECTION;
        struct csv_field field = value(reading, MAP_DIRECTION);
        int word = word_of(&map->directions, &field, reading->text->last.direction);
        if (word == 0) {
            return wrong_word(reading, PROBLEM_SIGN, MAP_DIRECTION, &field,
                              "is no direction that the map knows");
        }
        reading->text->last.direction = word;
        *ret_sign = map->directions.words[word - 1].value;
    } else if (map->sign == SIGN_BY_KIND) {
        *ret_sign = kind_sign;
    } else {
        *ret_sign = map->sign == SIGN_REVERSED ? -1 : 1;
        return 0;
    }
    if (written < 0) {
        return wrong(reading, PROBLEM_SIGN, MAP_GROSS,
                     role == MAP_DIRECTION ? "it has a sign beside its direction"
                                           : "it has a sign, and the map takes that of the kind");
    }
    return *ret_sign != 0 ? 0
                          : wrong(reading, PROBLEM_SIGN, MAP_KIND,
                                  "this kind has no sign of its own; the map can say +fee or -fee");
}

static int check_kind(const struct reading *reading) {
    struct statement_row *row = reading->row;
    const struct csv_map *map = reading->map;
    if (map->positive != 0) {
        row->kind = row->gross_minor < 0 ? map->negative : map->positive;
    }
    if (row->kind == ROW_AUTHORIZATION) {
        row->gross_minor = 0;
    }
    int sign = row_kind_sign(row->kind);
    if ((sign > 0 && row->gross_minor < 0) || (sign < 0 && row->gross_minor > 0)) {
        char what[2 * SHOWN];
        snprintf(what, sizeof what,
                 "a %s is %s here; amount.sign of the map says how the file writes signs",
                 row_kind_name(row->kind), sign > 0 ? "above 0" : "below 0");
        return wrong(reading, PROBLEM_SIGN, MAP_GROSS, what);
    }
    return 0;
}

/* What is left after the fee is the net amount, where all three are told and move. */
static int check_net(const struct reading *reading) {
    const struct statement_row *row = reading->row;
    int64_t expected = 0;
    if (!reading->map->check_net || row->net_minor == AMOUNT_UNSAID ||
        row->fee_minor == AMOUNT_UNSAID || row->kind == ROW_AUTHORIZATION) {
        return 0;
    }
    if (!money_sub(row->gross_minor, row->fee_minor, &expected)) {
        return wrong(reading, PROBLEM_LIMIT, MAP_NET, "larger than any amount");
    }
    if (expected == row->net_minor) {
        return 0;
    }
    char have[MONEY_TEXT_MAX], want[MONEY_TEXT_MAX], what[3 * MONEY_TEXT_MAX];
    snprintf(what, sizeof what, "it is %s, and amount less fee is %s",
             money_decimal(row->net_minor, row->currency, have),
             money_decimal(expected, row->currency, want));
    return wrong(reading, PROBLEM_TOTAL, MAP_NET, what);
}

static int take_amounts(const struct reading *reading) {
    struct statement_row *row = reading->row;
    const struct csv_map *map = reading->map;
    int64_t written = 0, fee = 0, net = 0;
    int sign = 1, kind_sign = 0;
    int rc = take_kind(reading, &kind_sign);
    if (rc == 0) {
        rc = map_has(map, MAP_CREDIT) ? take_sides(reading, &written)
                                      : take_amount(reading, MAP_GROSS, &written);
    }
    if (rc == 0 && written == AMOUNT_UNSAID) {
        rc = wrong(reading, PROBLEM_BAD_VALUE, MAP_GROSS, "there is no amount");
    }
    rc = rc < 0 ? rc : take_sign(reading, written, kind_sign, &sign);
    rc = rc < 0 ? rc : take_amount(reading, MAP_FEE, &fee);
    rc = rc < 0 ? rc : take_amount(reading, MAP_NET, &net);
    if (rc < 0) {
        return rc;
    }
    row->gross_minor = written * sign;
    row->fee_minor = fee == AMOUNT_UNSAID ? fee : fee * map->fee_sign;
    row->net_minor = net == AMOUNT_UNSAID ? net : net * sign;
    rc = check_kind(reading);
    return rc < 0 ? rc : check_net(reading);
}

/* ---- the rest of a row ---- */

static int take_status(const struct reading *reading) {
    const struct csv_map *map = reading->map;
    reading->row->status = map->status;
    if (!map_has(map, MAP_STATUS)) {
        return 0;
    }
    struct csv_field field = value(reading, MAP_STATUS);
    int word = word_of(&map->statuses, &field, reading->text->last.status);
    if (word == 0) {
        return wrong_word(reading, PROBLEM_UNKNOWN_KIND, MAP_STATUS, &field,
                          "is no status that the map knows");
    }
    reading->text->last.status = word;
    reading->row->status = (enum row_status)map->statuses.words[word - 1].value;
    return 0;
}

static int take_time(const struct reading *reading) {
    const struct csv_map *map = reading->map;
    struct map_text *text = reading->text;
    struct csv_field field = value(reading, MAP_TIME);
    struct err err;
    int first = text->last.pattern;
    for (int i = 0; i < map->pattern_count; i++) {
        int at = (first + i) % map->pattern_count;
        if (field_time_by(field.bytes, field.count, &map->patterns[at], map->zone, &text->last.time,
                          &reading->row->at_us, &err) == 0) {
            text->last.pattern = at;
            return 0;
        }
    }
    text->last.pattern = 0;
    return wrong_by(reading, MAP_TIME, &err);
}

/* A record that was torn has too few fields; one with a delimiter in a text that nobody quoted has
 * too many, and every column behind it would be read for another. */
static int check_count(const struct reading *reading) {
    const struct map_binding *binding = reading->binding;
    int extra = binding->fields_most;
    while (extra < reading->count && reading->fields[extra].count == 0) {
        extra++;
    }
    if (reading->count >= binding->fields_least && extra >= reading->count) {
        return 0;
    }
    *reading->ret_problem = PROBLEM_BAD_ROW;
    return err_set(reading->err, ERR_VALIDATION, "this row has %d fields, and there are %d columns",
                   reading->count,
                   extra < reading->count ? binding->fields_most : binding->fields_least);
}

int csv_map_row(const struct map_binding *binding, const struct csv_field *fields, int count,
                int64_t line, struct map_text *text, struct statement_row *ret_row,
                enum statement_problem *ret_problem, struct err *err) {
    static int (*const steps[])(const struct reading *) = {
        check_count, take_texts, take_currency, take_amounts, take_status, take_time,
    };
    struct statement_row row;
    statement_row_init(&row);
    row.line = line;
    const struct reading reading = {binding, binding->map, fields,      count,
                                    text,    &row,         ret_problem, err};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        int rc = steps[i](&reading);
        if (rc < 0) {
            return rc;
        }
    }
    *ret_row = row;
    return 0;
}

/* ---- all that is wrong with one ---- */

struct faults {
    struct map_fault *told;
    int count;
};

/* True: nothing is. */
static bool look(struct faults *faults, const struct reading *reading, int rc) {
    if (rc < 0 && faults->count < MAP_ROW_FAULTS_MAX) {
        struct map_fault *fault = &faults->told[faults->count++];
        fault->problem = *reading->ret_problem;
        snprintf(fault->text, sizeof fault->text, "%.159s", reading->err->detail);
    }
    return rc == 0;
}

/* Each by itself; how they go together, only where each can be read. */
static void look_at_amounts(struct faults *faults, const struct reading *reading) {
    int64_t minor = 0;
    int sign = 0, before = faults->count;
    bool sides = map_has(reading->map, MAP_CREDIT);
    (void)look(faults, reading, take_kind(reading, &sign));
    (void)look(faults, reading,
               sides ? take_sides(reading, &minor) : take_amount(reading, MAP_GROSS, &minor));
    (void)look(faults, reading, take_amount(reading, MAP_FEE, &minor));
    (void)look(faults, reading, take_amount(reading, MAP_NET, &minor));
    if (faults->count == before) {
        (void)look(faults, reading, take_amounts(reading));
    }
}

int csv_map_row_faults(const struct map_binding *binding, const struct csv_field *fields, int count,
                       struct map_text *text, struct map_fault ret_faults[MAP_ROW_FAULTS_MAX]) {
    struct statement_row row;
    struct err err = {0};
    enum statement_problem problem = PROBLEM_BAD_ROW;
    struct faults faults = {.told = ret_faults};
    statement_row_init(&row);
    const struct reading reading = {binding, binding->map, fields,   count,
                                    text,    &row,         &problem, &err};
    if (!look(&faults, &reading, check_count(&reading))) {
        return faults.count;
    }
    for (size_t i = 0; i < IDS; i++) {
        (void)look(&faults, &reading, take_id_number(&reading, i));
    }
    (void)look(&faults, &reading, take_note(&reading));
    if (look(&faults, &reading, take_currency(&reading))) {
        look_at_amounts(&faults, &reading);
    }
    (void)look(&faults, &reading, take_status(&reading));
    (void)look(&faults, &reading, take_time(&reading));
    return faults.count;
}

int csv_map_written(const struct map_binding *binding, const struct csv_field *fields, int count,
                    enum map_role role, struct currency currency, int64_t *ret_minor,
                    struct err *err) {
    struct csv_field field = value_of(binding, fields, count, role);
    if (field.count == 0) {
        *ret_minor = 0;
        return 0;
    }
    return field_amount(field.bytes, field.count, &binding->map->style, currency, ret_minor, err);
}
