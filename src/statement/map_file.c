/* SPDX-License-Identifier: Apache-2.0
 * map_file.c: the YAML of a map. The schema's walk comes first, so that the second one, which keeps
 * pairs and lines, meets no alias, no tag and no second document. */
#include "statement/map_file.h"

#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/config.h"
#include "base/text.h"

enum { SHOWN = 64, DEPTH_MAX = 3 };

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define POINTER (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)
#define TEXT(key, type, member)                                                                    \
    CYAML_FIELD_STRING_PTR(key, POINTER, type, member, 1, MAP_TEXT_CHARS_MAX)
#define CHOICE(key, type, member, strings)                                                         \
    CYAML_FIELD_ENUM(key, OPTIONAL, type, member, strings, COUNT_OF(strings))

static const cyaml_strval_t delimiters[] = {
    {"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}, {"pipe", '|'}};
static const cyaml_strval_t quotes[] = {{"double", '"'}, {"single", '\''}, {"none", -1}};
static const cyaml_strval_t charsets[] = {
    {"utf-8", CHARSET_UTF8},    {"gb18030", CHARSET_GB18030},     {"gbk", CHARSET_GB18030},
    {"latin1", CHARSET_LATIN1}, {"windows-1252", CHARSET_LATIN1}, {"utf-16", CHARSET_UTF16}};
static const cyaml_strval_t units[] = {{"major", UNIT_MAJOR}, {"minor", UNIT_MINOR}};
static const cyaml_strval_t signs[] = {
    {"as_written", SIGN_AS_WRITTEN}, {"reversed", SIGN_REVERSED}, {"by_kind", SIGN_BY_KIND}};
static const cyaml_strval_t polarities[] = {{"positive", POLARITY_POSITIVE},
                                            {"negative", POLARITY_NEGATIVE}};
static const cyaml_strval_t kinds[] = {
#define X(name, number, text, family, sign, what) {text, number},
#include "statement/row_kinds.def"
#undef X
};
static const cyaml_strval_t statuses[] = {
#define X(name, number, text, what) {text, number},
#include "statement/row_statuses.def"
#undef X
};

static const cyaml_schema_field_t time_fields[] = {
    TEXT("format", struct map_time_keys, format),
    TEXT("zone", struct map_time_keys, zone),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t amount_fields[] = {
    TEXT("decimal", struct map_amount_keys, decimal),
    TEXT("group", struct map_amount_keys, group),
    CHOICE("unit", struct map_amount_keys, unit, units),
    CHOICE("sign", struct map_amount_keys, sign, signs),
    CHOICE("fee", struct map_amount_keys, fee, polarities),
    CHOICE("debit", struct map_amount_keys, debit, polarities),
    CYAML_FIELD_UINT("implied", OPTIONAL, struct map_amount_keys, implied),
    CYAML_FIELD_BOOL("plus", OPTIONAL, struct map_amount_keys, plus),
    CYAML_FIELD_BOOL("parentheses", OPTIONAL, struct map_amount_keys, parentheses),
    CYAML_FIELD_BOOL("trailing_minus", OPTIONAL, struct map_amount_keys, trailing_minus),
    CYAML_FIELD_BOOL("symbols", OPTIONAL, struct map_amount_keys, symbols),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t period_fields[] = {
    TEXT("name", struct map_period_keys, name), TEXT("day", struct map_period_keys, day),
    TEXT("from", struct map_period_keys, from), TEXT("to", struct map_period_keys, to),
    TEXT("format", struct map_period_keys, format), CYAML_FIELD_END,
};
static const cyaml_schema_field_t by_sign_fields[] = {
    CYAML_FIELD_ENUM("positive", CYAML_FLAG_DEFAULT, struct map_by_sign_keys, positive, kinds,
                     COUNT_OF(kinds)),
    CYAML_FIELD_ENUM("negative", CYAML_FLAG_DEFAULT, struct map_by_sign_keys, negative, kinds,
                     COUNT_OF(kinds)),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t map_fields[] = {
    CYAML_FIELD_IGNORE("columns", CYAML_FLAG_DEFAULT),
    CHOICE("delimiter", struct map_keys, delimiter, delimiters),
    CHOICE("quote", struct map_keys, quote, quotes),
    CYAML_FIELD_BOOL_PTR("header", POINTER, struct map_keys, header),
    CYAML_FIELD_UINT("skip_lines", OPTIONAL, struct map_keys, skip_lines),
    TEXT("comment", struct map_keys, comment),
    TEXT("footer", struct map_keys, footer),
    CHOICE("charset", struct map_keys, charset, charsets),
    TEXT("currency", struct map_keys, currency),
    CHOICE("kind", struct map_keys, kind, kinds),
    CYAML_FIELD_MAPPING_PTR("kind_by_sign", POINTER, struct map_keys, kind_by_sign, by_sign_fields),
    CYAML_FIELD_IGNORE("kinds", OPTIONAL),
    CHOICE("status", struct map_keys, status, statuses),
    CYAML_FIELD_IGNORE("statuses", OPTIONAL),
    CYAML_FIELD_IGNORE("directions", OPTIONAL),
    CYAML_FIELD_MAPPING_PTR("time", POINTER, struct map_keys, time, time_fields),
    CYAML_FIELD_MAPPING_PTR("amount", POINTER, struct map_keys, amount, amount_fields),
    CYAML_FIELD_MAPPING_PTR("period", POINTER, struct map_keys, period, period_fields),
    CYAML_FIELD_IGNORE("totals", OPTIONAL),
    CYAML_FIELD_BOOL_PTR("check_net", POINTER, struct map_keys, check_net),
    CYAML_FIELD_BOOL_PTR("last_line_end", POINTER, struct map_keys, last_line_end),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t map_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct map_keys, map_fields),
};

int map_file_refuse(const struct map_file *file, int line, struct err *err, const char *format,
                    ...) {
    char detail[300];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    err_set(err, ERR_CONFIG, "%s", detail);
    return err_place(err, "%.90s:%d", file->name, line);
}

/* ---- the second walk ---- */

struct pair_walk {
    struct map_file *file;
    GArray *pairs;
    int depth;
    bool is_list[DEPTH_MAX + 1];
    char *group, *key; /* of depth 1 and 2; NULL: none is open */
    int line;
    struct err *err;
};

/* A scalar that is no key, under the keys that are open: at the top its group is "". */
static int add_pair(struct pair_walk *walk, const char *value) {
    bool is_top = walk->depth == 1 || (walk->depth == 2 && walk->is_list[2]);
    struct map_pair pair = {
        .group = g_strdup(is_top ? "" : walk->group),
        .key = g_strdup(is_top ? walk->group : walk->key),
        .value = g_strdup(value),
        .line = walk->line,
    };
    g_array_append_val(walk->pairs, pair);
    if (walk->pairs->len > MAP_PAIRS_MAX) {
        return map_file_refuse(walk->file, walk->line, walk->err, "there are more than %d entries",
                               MAP_PAIRS_MAX);
    }
    return 0;
}

/* The schema has refused a key that stands twice where it knows the keys; here are the others. */
static int open_key(struct pair_walk *walk, const char *name) {
    char **key = walk->depth == 1 ? &walk->group : &walk->key;
    char shown[SHOWN];
    for (guint i = 0; walk->depth == 2 && i < walk->pairs->len; i++) {
        const struct map_pair *pair = &g_array_index(walk->pairs, struct map_pair, i);
        if (strcmp(pair->group, walk->group) == 0 && strcmp(pair->key, name) == 0) {
            text_shown(name, strlen(name), shown, sizeof shown);
            return map_file_refuse(walk->file, walk->line, walk->err, "the second key \"%s\" in %s",
                                   shown, walk->group);
        }
    }
    *key = g_strdup(name);
    return 0;
}

/* The value of the innermost key is over. */
static void close_key(struct pair_walk *walk) {
    if (walk->depth > 0 && !walk->is_list[walk->depth]) {
        g_clear_pointer(walk->depth == 1 ? &walk->group : &walk->key, g_free);
    }
}

static int take_scalar(struct pair_walk *walk, const char *value) {
    bool is_key = !walk->is_list[walk->depth] &&
                  (walk->depth == 1 ? walk->group : walk->key) == NULL;
    if (is_key) {
        return open_key(walk, value);
    }
    int rc = add_pair(walk, value);
    close_key(walk);
    return rc;
}

static int take_open(struct pair_walk *walk, bool is_list) {
    bool deep = walk->depth == DEPTH_MAX || (walk->depth > 0 && walk->is_list[walk->depth]) ||
                (walk->depth == 2 && !is_list);
    if (deep) {
        return map_file_refuse(walk->file, walk->line, walk->err,
                               "%s holds texts and lists of texts, nothing deeper", walk->group);
    }
    walk->is_list[++walk->depth] = is_list;
    return 0;
}

static int take_event(struct pair_walk *walk, const yaml_event_t *event) {
    walk->line = (int)event->start_mark.line + 1;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return take_scalar(walk, (const char *)event->data.scalar.value);
    case YAML_MAPPING_START_EVENT:
        return take_open(walk, false);
    case YAML_SEQUENCE_START_EVENT:
        return take_open(walk, true);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        walk->depth--;
        close_key(walk);
        return 0;
    default:
        return 0;
    }
}

static int walk_pairs(struct map_file *file, const char *text, size_t count, struct err *err) {
    struct pair_walk walk = {
        .file = file, .pairs = g_array_new(false, true, sizeof(struct map_pair)), .err = err};
    yaml_parser_t parser;
    INVARIANT(yaml_parser_initialize(&parser) == 1, "out of memory");
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, count);
    int rc = 0;
    for (bool ended = false; rc == 0 && !ended;) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) != 1) {
            rc = map_file_refuse(file, 1, err, "this is not YAML");
            break;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        rc = take_event(&walk, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    g_free(walk.group);
    g_free(walk.key);
    file->pair_count = (int)walk.pairs->len;
    file->pairs = (struct map_pair *)(void *)g_array_free(walk.pairs, false);
    return rc;
}

int map_file_read(const char *name, const char *text, size_t count, struct map_file *ret_file,
                  struct err *err) {
    struct map_file file = {.name = name};
    void *keys = NULL;
    int rc = config_read(name, text, count, &map_schema, &keys, err);
    file.keys = keys;
    if (rc == 0) {
        rc = walk_pairs(&file, text, count, err);
    }
    if (rc < 0) {
        map_file_free(&file);
        return rc;
    }
    *ret_file = file;
    return 0;
}

void map_file_free(struct map_file *file) {
    for (int i = 0; i < file->pair_count; i++) {
        g_free(file->pairs[i].group);
        g_free(file->pairs[i].key);
        g_free(file->pairs[i].value);
    }
    g_free(file->pairs);
    config_free(&map_schema, file->keys);
    *file = (struct map_file){0};
}

int map_file_line(const struct map_file *file, const char *group, const char *key) {
    int line = 1;
    for (int i = 0; i < file->pair_count; i++) {
        const struct map_pair *pair = &file->pairs[i];
        if (strcmp(pair->group, group) == 0 && strcmp(pair->key, key) == 0) {
            return pair->line;
        }
        if (line == 1 && strcmp(pair->group, group[0] != '\0' ? group : key) == 0) {
            line = pair->line;
        }
    }
    return line;
}
