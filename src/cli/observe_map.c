/* SPDX-License-Identifier: Apache-2.0
 * observe_map.c: see observe_map.h. What the service checks anyway (lengths, a moment that is too
 * old) is left to it; here is only what it cannot see: the words and units of the log. */
#include "cli/observe_map.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/json.h"
#include "base/pan.h"
#include "base/text.h"
#include "statement/csv.h"
#include "statement/field.h"
#include "watch/observation.h"

enum {
    FIELDS_MAX = 32,
    CONDITIONS_MAX = 16,
    WORDS_MAX = 200,
    NAME_CHARS_MAX = 200,
    VALUE_CHARS_MAX = 1024,
    DEPTH_MAX = 16,
    NUMBER_CHARS_MAX = 40,
};

/* What a field of an observation is made of, in the order in which they are made: an amount in
 * major units needs to know its currency. */
enum target {
    TO_GATEWAY, TO_OUTCOME, TO_TYPE, TO_ID, TO_AT, TO_METHOD, TO_REGION, TO_CURRENCY, TO_SEGMENT,
    TO_CODE, TO_AMOUNT, TO_DURATION, TO_CUSTOMER, TARGETS
};
static const cyaml_strval_t target_names[TARGETS] = {
    {"gateway", TO_GATEWAY}, {"outcome", TO_OUTCOME},   {"type", TO_TYPE},
    {"id", TO_ID},           {"at", TO_AT},             {"method", TO_METHOD},
    {"region", TO_REGION},   {"currency", TO_CURRENCY}, {"segment", TO_SEGMENT},
    {"code", TO_CODE},       {"amount", TO_AMOUNT},     {"duration_ms", TO_DURATION},
    {"customer", TO_CUSTOMER},
};
enum format { FORMAT_JSON, FORMAT_CSV };
enum unit { UNIT_NONE, UNIT_MINOR_MONEY, UNIT_MAJOR_MONEY, UNIT_S, UNIT_MS, UNIT_US };
enum letters { LETTERS_AS_WRITTEN, LETTERS_UPPER, LETTERS_LOWER };
static const cyaml_strval_t formats[] = {{"json", FORMAT_JSON}, {"csv", FORMAT_CSV}};
static const cyaml_strval_t delimiters[] = {
    {"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}, {"pipe", '|'}};
static const cyaml_strval_t units[] = {{"minor", UNIT_MINOR_MONEY},
                                       {"major", UNIT_MAJOR_MONEY},
                                       {"s", UNIT_S},
                                       {"ms", UNIT_MS},
                                       {"us", UNIT_US}};
static const cyaml_strval_t letters[] = {{"upper", LETTERS_UPPER}, {"lower", LETTERS_LOWER}};

struct word {
    char *is;
    int *from, *to; /* of a number */
    char *says;
};
struct map_field {
    enum target to;
    char *field, *always, *otherwise, *time, *zone;
    enum unit unit;
    enum letters letters;
    struct word *words;
    unsigned words_count;
};
struct condition {
    char *field;
    char **is;
    unsigned is_count;
};
struct map_keys {
    enum format format;
    int delimiter;
    struct condition *only;
    unsigned only_count;
    struct map_field *fields;
    unsigned fields_count;
};

struct observe_map {
    struct map_keys *keys;
    const struct map_field *of[TARGETS]; /* NULL: not in the map */
    struct time_zone *zone;              /* of `at`; NULL: UTC */
    bool bound;
    /* Of a CSV: the columns of each condition's and each field's name. */
    int condition_column[CONDITIONS_MAX], field_column[TARGETS];
};

#define TEXT(key, type, member)                                                                    \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 1,         \
                           NAME_CHARS_MAX)

static const cyaml_schema_field_t word_fields[] = {
    TEXT("is", struct word, is),
    CYAML_FIELD_INT_PTR("from", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct word, from),
    CYAML_FIELD_INT_PTR("to", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct word, to),
    CYAML_FIELD_STRING_PTR("says", CYAML_FLAG_POINTER, struct word, says, 1, NAME_CHARS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t word_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct word, word_fields),
};
static const cyaml_schema_field_t field_fields[] = {
    CYAML_FIELD_ENUM("to", CYAML_FLAG_DEFAULT, struct map_field, to, target_names, TARGETS),
    TEXT("field", struct map_field, field),
    TEXT("always", struct map_field, always),
    TEXT("otherwise", struct map_field, otherwise),
    TEXT("time", struct map_field, time),
    TEXT("zone", struct map_field, zone),
    CYAML_FIELD_ENUM("unit", CYAML_FLAG_OPTIONAL, struct map_field, unit, units, COUNT_OF(units)),
    CYAML_FIELD_ENUM("letters", CYAML_FLAG_OPTIONAL, struct map_field, letters, letters,
                     COUNT_OF(letters)),
    CYAML_FIELD_SEQUENCE("words", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct map_field,
                         words, &word_value, 1, WORDS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t field_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct map_field, field_fields),
};
static const cyaml_schema_value_t text_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, NAME_CHARS_MAX),
};
static const cyaml_schema_field_t condition_fields[] = {
    CYAML_FIELD_STRING_PTR("field", CYAML_FLAG_POINTER, struct condition, field, 1,
                           NAME_CHARS_MAX),
    CYAML_FIELD_SEQUENCE("is", CYAML_FLAG_POINTER, struct condition, is, &text_value, 1,
                         WORDS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t condition_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct condition, condition_fields),
};
static const cyaml_schema_field_t map_fields[] = {
    CYAML_FIELD_ENUM("format", CYAML_FLAG_DEFAULT, struct map_keys, format, formats,
                     COUNT_OF(formats)),
    CYAML_FIELD_ENUM("delimiter", CYAML_FLAG_OPTIONAL, struct map_keys, delimiter, delimiters,
                     COUNT_OF(delimiters)),
    CYAML_FIELD_SEQUENCE("only", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct map_keys, only,
                         &condition_value, 1, CONDITIONS_MAX),
    CYAML_FIELD_SEQUENCE("fields", CYAML_FLAG_POINTER, struct map_keys, fields, &field_value, 1,
                         FIELDS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t map_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct map_keys, map_fields),
};

/* ---- the map ---- */

static int refuse(const char *name, enum target to, const char *why, struct err *err) {
    err_set(err, ERR_CONFIG, "%s", why);
    return err_place(err, "%.90s: fields, to: %s", name, target_names[to].str);
}

static bool is_one_of(const char *text, const char *const *words) {
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

/* What the service takes there; NULL: any word. */
static const char *const *words_of(enum target target) {
    return target == TO_OUTCOME ? observation_outcomes
           : target == TO_TYPE  ? observation_types
                                : NULL;
}

/* The words that a map gives for this field are ones that the service takes. */
static const char *word_that_is_none(const struct map_field *field) {
    const char *const *known = words_of(field->to);
    if (known == NULL) {
        return NULL;
    }
    for (unsigned i = 0; i < field->words_count; i++) {
        if (!is_one_of(field->words[i].says, known)) {
            return field->words[i].says;
        }
    }
    const char *fixed = field->always != NULL ? field->always : field->otherwise;
    return fixed != NULL && !is_one_of(fixed, known) ? fixed : NULL;
}

static const char *words_trouble(const struct map_field *field) {
    for (unsigned i = 0; i < field->words_count; i++) {
        const struct word *word = &field->words[i];
        bool numbers = word->from != NULL || word->to != NULL;
        if ((word->is != NULL) == numbers) {
            return "each of words has either `is`, or `from` and `to`";
        }
        if (numbers && (word->from == NULL || word->to == NULL || *word->from > *word->to)) {
            return "numbers go `from` the smaller `to` the larger";
        }
        for (unsigned j = 0; j < i; j++) {
            if (word->is != NULL && field->words[j].is != NULL &&
                strcmp(word->is, field->words[j].is) == 0) {
                return "one of words is there twice";
            }
        }
    }
    return NULL;
}

static int check_field(const char *name, const struct map_field *field, struct err *err) {
    bool money = field->unit == UNIT_MINOR_MONEY || field->unit == UNIT_MAJOR_MONEY;
    const char *why = words_trouble(field), *word = word_that_is_none(field);
    if ((field->field != NULL) == (field->always != NULL)) {
        why = "it comes from a `field`, or is `always` the same: one of the two";
    } else if (field->always != NULL && (field->words_count > 0 || field->otherwise != NULL)) {
        why = "what is always the same has no words";
    } else if (field->otherwise != NULL && field->words_count == 0) {
        why = "`otherwise` is for what is none of `words`; there are none";
    } else if (field->time != NULL && field->to != TO_AT) {
        why = "only `at` has a time";
    } else if (field->zone != NULL && field->time == NULL) {
        why = "a zone is for a time: RFC 3339 has its own";
    } else if (money && field->to != TO_AMOUNT) {
        why = "only an amount is in minor or major units";
    } else if (field->unit >= UNIT_S && field->to != TO_DURATION) {
        why = "only duration_ms is in s, ms or us";
    } else if (field->to == TO_AT && field->always != NULL) {
        why = "it is not always the same moment";
    }
    if (why != NULL) {
        return refuse(name, field->to, why, err);
    }
    if (word != NULL) {
        char detail[200];
        int length = snprintf(detail, sizeof detail, "\"%.60s\" is none of", word);
        for (const char *const *known = words_of(field->to); *known != NULL; known++) {
            length += snprintf(detail + length, sizeof detail - (size_t)length, "%s %s",
                               known == words_of(field->to) ? "" : ",", *known);
        }
        return refuse(name, field->to, detail, err);
    }
    return 0;
}

static int check_time(const char *name, struct observe_map *map, struct err *err) {
    const struct map_field *at = map->of[TO_AT];
    struct time_pattern pattern;
    struct err why = {0};
    if (at == NULL || at->time == NULL) {
        return 0;
    }
    bool known = strcmp(at->time, "unix_s") == 0 || strcmp(at->time, "unix_ms") == 0;
    if (!known && time_pattern_read(at->time, &pattern, &why) < 0) {
        return refuse(name, TO_AT, why.detail, err);
    }
    if (at->zone != NULL && time_zone_open(at->zone, &map->zone, &why) < 0) {
        return refuse(name, TO_AT, why.detail, err);
    }
    return 0;
}

static int check_map(const char *name, struct observe_map *map, struct err *err) {
    const struct map_keys *keys = map->keys;
    if (keys->delimiter != 0 && keys->format != FORMAT_CSV) {
        err_set(err, ERR_CONFIG, "only a csv has a delimiter");
        return err_place(err, "%.90s: delimiter", name);
    }
    for (unsigned i = 0; i < keys->fields_count; i++) {
        const struct map_field *field = &keys->fields[i];
        int r = map->of[field->to] != NULL ? refuse(name, field->to, "it is there twice", err)
                                           : check_field(name, field, err);
        if (r < 0) {
            return r;
        }
        map->of[field->to] = field;
    }
    static const enum target needed[] = {TO_GATEWAY, TO_OUTCOME};
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        if (map->of[needed[i]] == NULL) {
            return refuse(name, needed[i], "every observation needs it", err);
        }
    }
    const struct map_field *amount = map->of[TO_AMOUNT];
    if (amount != NULL && map->of[TO_CURRENCY] == NULL) {
        return refuse(name, TO_AMOUNT, "an amount needs its currency", err);
    }
    return check_time(name, map, err);
}

static int take_keys(const char *name, struct map_keys *keys, struct observe_map **ret_map,
                     struct err *err) {
    struct observe_map *map = calloc(1, sizeof *map);
    INVARIANT(map != NULL, "no memory for a map");
    map->keys = keys;
    int r = check_map(name, map, err);
    if (r < 0) {
        observe_map_free(map);
        return r;
    }
    *ret_map = map;
    return 0;
}

int observe_map_load(const char *path, struct observe_map **ret_map, struct err *err) {
    void *keys = NULL;
    int r = config_load(path, &map_schema, &keys, err);
    return r < 0 ? r : take_keys(path, keys, ret_map, err);
}

int observe_map_read(const char *name, const char *text, size_t count,
                     struct observe_map **ret_map, struct err *err) {
    void *keys = NULL;
    int r = config_read(name, text, count, &map_schema, &keys, err);
    return r < 0 ? r : take_keys(name, keys, ret_map, err);
}

void observe_map_free(struct observe_map *map) {
    if (map != NULL) {
        time_zone_close(map->zone);
        config_free(&map_schema, map->keys);
        free(map);
    }
}

bool observe_map_has_header(const struct observe_map *map) {
    return map->keys->format == FORMAT_CSV;
}

/* ---- a line's values ---- */

/* "value" what; `value` NULL: only what. */
static int is_wrong(const char *field, const char *value, const char *what, struct err *err) {
    char shown[60] = "";
    if (value != NULL) {
        text_shown(value, strlen(value), shown, sizeof shown);
        (void)pan_mask(shown, strlen(shown));
    }
    const char *quote = value != NULL ? "\"" : "";
    err_set(err, ERR_VALIDATION, "%s%s%s%s%s", quote, shown, quote, value != NULL ? " " : "", what);
    return err_place(err, "%.120s", field);
}

/* The columns of a line of CSV, or its JSON. */
struct source {
    const json_t *json;
    const struct csv_field *columns;
    int count;
};

/* "data.object.0.amount": members by name, of arrays by number. NULL: not there, or null. */
static const json_t *json_at(const json_t *json, const char *path) {
    while (json != NULL && *path != '\0') {
        size_t count = strcspn(path, ".");
        char name[NAME_CHARS_MAX + 1];
        snprintf(name, sizeof name, "%.*s", (int)count, path);
        json = json_is_array(json) ? json_array_get(json, (size_t)strtoul(name, NULL, 10))
                                   : json_object_get(json, name);
        path += count + (path[count] == '.');
    }
    return json_is_null(json) ? NULL : json;
}

/* The field's text; *ret_there false: it is not there, or empty. */
static int value_of(const struct source *source, const char *field, int column,
                    char ret_text[VALUE_CHARS_MAX], bool *ret_there, struct err *err) {
    ret_text[0] = '\0';
    if (source->columns != NULL) {
        struct csv_field at = column < source->count ? csv_field_trim(source->columns[column])
                                                     : (struct csv_field){.bytes = ""};
        if (!csv_field_copy(&at, ret_text, VALUE_CHARS_MAX)) {
            return is_wrong(field, NULL, "its value is too long", err);
        }
    } else {
        const json_t *value = json_at(source->json, field);
        int wrote = 0;
        if (json_is_string(value)) {
            wrote = snprintf(ret_text, VALUE_CHARS_MAX, "%s", json_string_value(value));
        } else if (json_is_integer(value)) {
            wrote = snprintf(ret_text, VALUE_CHARS_MAX, "%lld",
                             (long long)json_integer_value(value));
        } else if (json_is_real(value)) {
            wrote = snprintf(ret_text, VALUE_CHARS_MAX, "%.15g", json_real_value(value));
        } else if (json_is_boolean(value)) {
            wrote = snprintf(ret_text, VALUE_CHARS_MAX, "%s", json_is_true(value) ? "true"
                                                                                  : "false");
        } else if (value != NULL) {
            return is_wrong(field, NULL, "it is no text and no number", err);
        }
        if (wrote >= VALUE_CHARS_MAX) {
            return is_wrong(field, NULL, "its value is too long", err);
        }
    }
    *ret_there = ret_text[0] != '\0';
    return 0;
}

static bool word_is(const struct word *word, const char *text) {
    if (word->is != NULL) {
        return strcmp(word->is, text) == 0;
    }
    int64_t number = 0;
    return field_count(text, strlen(text), &number, NULL) >= 0 && number >= *word->from &&
           number <= *word->to;
}

/* What the map's words make of the text; without words it stays. */
static int by_words(const struct map_field *field, char text[VALUE_CHARS_MAX], struct err *err) {
    for (unsigned i = 0; i < field->words_count; i++) {
        if (word_is(&field->words[i], text)) {
            snprintf(text, VALUE_CHARS_MAX, "%s", field->words[i].says);
            return 0;
        }
    }
    if (field->words_count > 0 && field->otherwise == NULL) {
        (void)is_wrong(field->field, text, "is none of the map's words", err);
        return err_hint(err, "Add it to the words of `to: %s`, or say what is meant `otherwise`.",
                        target_names[field->to].str);
    }
    if (field->words_count > 0) {
        snprintf(text, VALUE_CHARS_MAX, "%s", field->otherwise);
    }
    return 0;
}

static int read_moment(const struct observe_map *map, const struct map_field *field,
                       char text[VALUE_CHARS_MAX], struct err *err) {
    int64_t at_us;
    struct err why = {0};
    if (field->time == NULL) {
        return 0; /* RFC 3339, which the service reads */
    }
    if (field_time(text, strlen(text), field->time, map->zone, &at_us, &why) < 0) {
        return is_wrong(field->field, NULL, why.detail, err);
    }
    char moment[CLOCK_TEXT_MAX];
    snprintf(text, VALUE_CHARS_MAX, "%s", clock_format(at_us, moment));
    return 0;
}

static int read_amount(const struct map_field *field, const json_t *made, const char *text,
                       int64_t *ret_minor, struct err *err) {
    static const struct amount_style plain = {.decimal = '.'}, minor = {.minor = true};
    struct currency currency;
    struct err why = {0};
    const char *code = json_string_value(json_object_get(made, "currency"));
    if (code == NULL || currency_parse(code, &currency, &why) < 0) {
        return is_wrong(field->field, NULL, "an amount needs a currency", err);
    }
    const struct amount_style *style = field->unit == UNIT_MAJOR_MONEY ? &plain : &minor;
    if (field_amount(text, strlen(text), style, currency, ret_minor, &why) < 0) {
        (void)is_wrong(field->field, NULL, why.detail, err);
        return field->unit == UNIT_MAJOR_MONEY
                   ? -(int)ERR_VALIDATION
                   : err_hint(err, "Amounts are in minor units unless the map says `unit: major`.");
    }
    if (*ret_minor < 0) {
        return is_wrong(field->field, text, "is less than nothing", err);
    }
    return 0;
}

static int read_duration(const struct map_field *field, const char *text, int64_t *ret_ms,
                         struct err *err) {
    char *end;
    double value = strtod(text, &end);
    bool number = end != text && *end == '\0' && strspn(text, "0123456789.") == strlen(text);
    if (!number || !isfinite(value)) {
        return is_wrong(field->field, text, "is no number", err);
    }
    double ms = field->unit == UNIT_S    ? value * 1000
                : field->unit == UNIT_US ? value / 1000
                                         : value;
    /* What lies beyond is the service's to refuse; here it must only fit. */
    *ret_ms = ms < 1e15 ? (int64_t)llround(ms) : INT64_C(1000000000000000);
    return 0;
}

static void change_letters(enum letters how, char *text) {
    for (char *c = text; how != LETTERS_AS_WRITTEN && *c != '\0'; c++) {
        bool lower = *c >= 'a' && *c <= 'z', upper = *c >= 'A' && *c <= 'Z';
        *c = (char)(how == LETTERS_UPPER && lower ? *c - 'a' + 'A'
                    : how == LETTERS_LOWER && upper ? *c - 'A' + 'a'
                                                    : *c);
    }
}

static int make(struct observe_map *map, enum target to, const struct source *source, json_t *made,
                struct err *err) {
    const struct map_field *field = map->of[to];
    char text[VALUE_CHARS_MAX];
    bool there = true;
    int64_t number = 0;
    int r = 0;
    if (field == NULL) {
        return 0;
    }
    if (field->always != NULL) {
        snprintf(text, sizeof text, "%s", field->always);
    } else {
        r = value_of(source, field->field, map->field_column[to], text, &there, err);
    }
    if (r >= 0 && !there) {
        bool needed = to == TO_GATEWAY || to == TO_OUTCOME;
        return needed ? is_wrong(field->field, NULL, "it is not there, or empty", err) : 0;
    }
    r = r < 0 || field->always != NULL ? r : by_words(field, text, err);
    if (r < 0) {
        return r;
    }
    change_letters(field->letters, text);
    const char *key = target_names[to].str;
    switch (to) {
    case TO_AMOUNT:
        r = read_amount(field, made, text, &number, err);
        break;
    case TO_DURATION:
        r = read_duration(field, text, &number, err);
        break;
    case TO_AT:
        r = read_moment(map, field, text, err);
        break;
    default:
        break;
    }
    if (r >= 0) {
        json_object_set_new(made, key,
                            to == TO_AMOUNT || to == TO_DURATION ? json_integer(number)
                                                                 : json_string(text));
    }
    return r;
}

/* Whether `only` takes this line. */
static int is_meant(const struct observe_map *map, const struct source *source, bool *ret_meant,
                    struct err *err) {
    *ret_meant = true;
    for (unsigned i = 0; i < map->keys->only_count && *ret_meant; i++) {
        const struct condition *condition = &map->keys->only[i];
        char text[VALUE_CHARS_MAX];
        bool there, found = false;
        int r = value_of(source, condition->field, map->condition_column[i], text, &there, err);
        if (r < 0) {
            return r;
        }
        for (unsigned j = 0; j < condition->is_count; j++) {
            found = found || strcmp(condition->is[j], text) == 0;
        }
        *ret_meant = found;
    }
    return 0;
}

static int make_all(struct observe_map *map, const struct source *source, json_t **ret_observation,
                    struct err *err) {
    bool meant;
    int r = is_meant(map, source, &meant, err);
    if (r < 0 || !meant) {
        return r;
    }
    json_t *made = json_object();
    for (int to = 0; r >= 0 && to < TARGETS; to++) {
        r = make(map, (enum target)to, source, made, err);
    }
    if (r < 0) {
        json_decref(made);
        return r;
    }
    *ret_observation = made;
    return 0;
}

/* ---- lines ---- */

static int cut(const struct observe_map *map, const char *bytes, size_t count,
               struct csv_field fields[CSV_FIELDS_MAX], int *ret_count, struct err *err) {
    struct csv csv;
    int64_t line;
    const char *why = "";
    csv_open(&csv, bytes, count, map->keys->delimiter != 0 ? (char)map->keys->delimiter : ',', '"');
    enum csv_result result = csv_next(&csv, fields, CSV_FIELDS_MAX, ret_count, &line, &why);
    *ret_count = result == CSV_END ? 0 : *ret_count;
    return result == CSV_BAD ? err_set(err, ERR_VALIDATION, "%s", why) : 0;
}

static int find_column(const struct csv_field *fields, int count, const char *name, int *ret_column,
                       struct err *err) {
    *ret_column = -1;
    for (int i = 0; i < count; i++) {
        if (!csv_field_is(&fields[i], name)) {
            continue;
        }
        if (*ret_column >= 0) {
            return is_wrong(name, NULL, "two columns are called so", err);
        }
        *ret_column = i;
    }
    return *ret_column < 0 ? is_wrong(name, NULL, "no column is called so", err) : 0;
}

int observe_map_header(struct observe_map *map, const char *bytes, size_t count, struct err *err) {
    struct csv_field fields[CSV_FIELDS_MAX];
    int columns = 0;
    int r = cut(map, bytes, count, fields, &columns, err);
    for (unsigned i = 0; r >= 0 && i < map->keys->only_count; i++) {
        r = find_column(fields, columns, map->keys->only[i].field, &map->condition_column[i], err);
    }
    for (int to = 0; r >= 0 && to < TARGETS; to++) {
        const struct map_field *field = map->of[to];
        if (field != NULL && field->field != NULL) {
            r = find_column(fields, columns, field->field, &map->field_column[to], err);
        }
    }
    map->bound = r >= 0;
    return r;
}

int observe_map_line(struct observe_map *map, const char *bytes, size_t count,
                     json_t **ret_observation, struct err *err) {
    *ret_observation = NULL;
    if (strspn(bytes, " \t") == count) {
        return 0;
    }
    if (map->keys->format == FORMAT_CSV) {
        struct csv_field fields[CSV_FIELDS_MAX];
        struct source source = {.columns = fields};
        INVARIANT(map->bound, "a CSV's lines come after its header");
        int r = cut(map, bytes, count, fields, &source.count, err);
        return r < 0 ? r : make_all(map, &source, ret_observation, err);
    }
    JSON_AUTO json = NULL;
    int r = json_read(bytes, count, count + 1, DEPTH_MAX, &json, err);
    if (r < 0 && strncmp(err->place, "line 1, ", 8) == 0) { /* its line is the log's */
        char column[sizeof err->place];
        snprintf(column, sizeof column, "%s", err->place + 8);
        err_place(err, "%s", column);
    }
    if (r >= 0 && !json_is_object(json)) {
        r = err_set(err, ERR_VALIDATION, "the line is no JSON object");
    }
    struct source source = {.json = json};
    return r < 0 ? r : make_all(map, &source, ret_observation, err);
}
