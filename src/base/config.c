/* SPDX-License-Identifier: Apache-2.0
 * config.c: YAML by schema, strictly. The walk below decides what is taken; libcyaml then fills the
 * struct from a text that is known to fit.
 *
 * The walk reads libyaml's events and keeps a stack of the mappings and lists that are open, each
 * with the schema that holds inside it. */
#include "base/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"
#include "base/text.h"

enum {
    /* Of the file's name in a place, so that the line's number is not cut off. */
    NAME_BYTES_MAX = 90,
    KEY_SHOWN_BYTES = 49,
    PATH_BYTES_MAX = 160,
};

struct level {
    bool is_mapping;
    bool awaits_value;                  /* mapping: its key has been read */
    const cyaml_schema_value_t *schema; /* NULL: whatever stands here is ignored */
    cyaml_schema_value_t choice;        /* what a list of flags holds */
    const cyaml_schema_field_t *field;  /* mapping: of the last key; NULL when ignored */
    bool seen[CONFIG_KEYS_MAX];         /* mapping: by the field's place in the schema */
    uint32_t items;                     /* list: how many so far */
    size_t line;                        /* where it began */
};

struct walk {
    const char *name;
    const cyaml_schema_value_t *schema;
    struct level levels[CONFIG_DEPTH_MAX];
    size_t depth;
    size_t line; /* of the event at hand, from 1 */
    bool had_document;
    struct err *err;
};

/* The schema's own key names and the lists' indices: "gateways[0].retry", "" at the top. `depth`
 * says how many levels are named. */
static const char *path_of(const struct walk *walk, size_t depth, char path[PATH_BYTES_MAX]) {
    size_t used = 0;
    path[0] = '\0';
    for (size_t i = 0; i < depth && used < PATH_BYTES_MAX; i++) {
        const struct level *level = &walk->levels[i];
        int written = 0;
        if (!level->is_mapping) {
            written = snprintf(path + used, PATH_BYTES_MAX - used, "[%" PRIu32 "]", level->items);
        } else if (level->field != NULL) {
            written = snprintf(path + used, PATH_BYTES_MAX - used, "%s%s", used > 0 ? "." : "",
                               level->field->key);
        }
        used += written > 0 ? (size_t)written : 0;
    }
    return path;
}

static void place_at(const struct walk *walk, size_t line) {
    const char *name = walk->name;
    if (strlen(name) > NAME_BYTES_MAX) {
        const char *slash = strrchr(name, '/');
        name = slash != NULL ? slash + 1 : name;
    }
    err_place(walk->err, "%.*s:%zu", NAME_BYTES_MAX, name, line);
}

static int refuse(const struct walk *walk, const char *format, ...) PRINTF_LIKE(2, 3);
static int refuse(const struct walk *walk, const char *format, ...) {
    char detail[300];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    err_set(walk->err, ERR_CONFIG, "%s", detail);
    place_at(walk, walk->line);
    return -ERR_CONFIG;
}

/* About the value at hand: "gateways[0].port" and what it must be. */
static int refuse_value(const struct walk *walk, const char *format, ...) PRINTF_LIKE(2, 3);
static int refuse_value(const struct walk *walk, const char *format, ...) {
    char must[160];
    va_list args;
    va_start(args, format);
    vsnprintf(must, sizeof(must), format, args);
    va_end(args);
    char path[PATH_BYTES_MAX];
    path_of(walk, walk->depth, path);
    return refuse(walk, "%s %s", path[0] != '\0' ? path : "the file", must);
}

/* ---- Keys ---- */

static int refuse_key(const struct walk *walk, const char *what, const char *key, size_t count) {
    char shown[KEY_SHOWN_BYTES];
    text_shown(key, count, shown, sizeof(shown));
    char path[PATH_BYTES_MAX];
    path_of(walk, walk->depth - 1, path);
    return refuse(walk, "%s \"%s\"%s%s", what, shown, path[0] != '\0' ? " in " : "", path);
}

static int refuse_unknown_key(const struct walk *walk, const char *key, size_t count) {
    char known[200] = "";
    const cyaml_schema_field_t *fields = walk->levels[walk->depth - 1].schema->mapping.fields;
    for (; fields->key != NULL; fields++) {
        text_list_add(known, sizeof(known), fields->key);
    }
    int result = refuse_key(walk, "unknown key", key, count);
    err_hint(walk->err, "the keys here are: %s", known);
    return result;
}

static int take_key(struct walk *walk, const char *key, size_t count) {
    struct level *level = &walk->levels[walk->depth - 1];
    level->awaits_value = true;
    level->field = NULL;
    if (level->schema == NULL) {
        return 0;
    }
    const cyaml_schema_field_t *fields = level->schema->mapping.fields;
    for (size_t i = 0; fields[i].key != NULL; i++) {
        INVARIANT(i < CONFIG_KEYS_MAX, "a schema has too many keys");
        if (strlen(fields[i].key) != count || memcmp(fields[i].key, key, count) != 0) {
            continue;
        }
        if (level->seen[i]) {
            return refuse_key(walk, "the second key", key, count);
        }
        level->seen[i] = true;
        level->field = &fields[i];
        return 0;
    }
    return refuse_unknown_key(walk, key, count);
}

static int check_missing(struct walk *walk) {
    const struct level *level = &walk->levels[walk->depth - 1];
    if (level->schema == NULL) {
        return 0;
    }
    const cyaml_schema_field_t *fields = level->schema->mapping.fields;
    for (size_t i = 0; fields[i].key != NULL; i++) {
        if (!level->seen[i] && (fields[i].value.flags & CYAML_FLAG_OPTIONAL) == 0) {
            walk->line = level->line;
            return refuse_key(walk, "there is no", fields[i].key, strlen(fields[i].key));
        }
    }
    return 0;
}

/* ---- Values ---- */

/* Decimal digits without a leading zero, which YAML 1.1 and libcyaml read as octal. */
static bool is_decimal(const char *text) {
    text += text[0] == '-';
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && text[digits] == '\0' && (digits == 1 || text[0] != '0');
}

static int check_int(const struct walk *walk, const cyaml_schema_value_t *schema,
                     const char *text) {
    if (!is_decimal(text)) {
        return refuse_value(walk, "must be a whole number in decimal digits");
    }
    unsigned spare = 64 - 8 * schema->data_size;
    int64_t max = INT64_MAX >> spare;
    errno = 0;
    int64_t value = strtoll(text, NULL, 10);
    if (errno != 0 || value > max || value < -max - 1) {
        return refuse_value(walk, "must be between %" PRId64 " and %" PRId64, -max - 1, max);
    }
    return 0;
}

static int check_uint(const struct walk *walk, const cyaml_schema_value_t *schema,
                      const char *text) {
    if (!is_decimal(text) || text[0] == '-') {
        return refuse_value(walk, "must be a whole number in decimal digits, 0 or more");
    }
    uint64_t max = UINT64_MAX >> (64 - 8 * schema->data_size);
    errno = 0;
    uint64_t value = strtoull(text, NULL, 10);
    if (errno != 0 || value > max) {
        return refuse_value(walk, "must be between 0 and %" PRIu64, max);
    }
    return 0;
}

/* Digits, perhaps a fraction, perhaps an exponent. */
static bool is_real(const char *text) {
    text += text[0] == '-';
    size_t digits = strspn(text, "0123456789");
    text += digits;
    if (digits > 0 && text[0] == '.') {
        size_t fraction = strspn(text + 1, "0123456789");
        digits = fraction;
        text += 1 + fraction;
    }
    if (digits > 0 && (text[0] == 'e' || text[0] == 'E')) {
        text += 1 + (text[1] == '-' || text[1] == '+');
        digits = strspn(text, "0123456789");
        text += digits;
    }
    return digits > 0 && text[0] == '\0';
}

static int check_choice(const struct walk *walk, const cyaml_schema_value_t *schema,
                        const char *text) {
    char choices[120] = "";
    for (uint32_t i = 0; i < schema->enumeration.count; i++) {
        const char *choice = schema->enumeration.strings[i].str;
        if (strcmp(choice, text) == 0) {
            return 0;
        }
        text_list_add(choices, sizeof(choices), choice);
    }
    return refuse_value(walk, "must be one of: %s", choices);
}

static int check_text(const struct walk *walk, const cyaml_schema_value_t *schema, size_t count) {
    if (count < schema->string.min) {
        return count == 0
                   ? refuse_value(walk, "is empty")
                   : refuse_value(walk, "must have %" PRIu32 " bytes or more", schema->string.min);
    }
    if (count > schema->string.max) {
        return refuse_value(walk, "must have %" PRIu32 " bytes or less", schema->string.max);
    }
    return 0;
}

static bool is_null(const cyaml_schema_value_t *schema, const char *text) {
    if ((schema->flags & CYAML_FLAG_POINTER_NULL_STR) == CYAML_FLAG_POINTER_NULL_STR &&
        (strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
         strcmp(text, "NULL") == 0)) {
        return true;
    }
    return (schema->flags & CYAML_FLAG_POINTER_NULL) == CYAML_FLAG_POINTER_NULL && text[0] == '\0';
}

static int check_scalar(const struct walk *walk, const cyaml_schema_value_t *schema,
                        const char *text, size_t count) {
    if (schema == NULL || schema->type == CYAML_IGNORE || is_null(schema, text)) {
        return 0;
    }
    switch (schema->type) {
    case CYAML_INT:
        return check_int(walk, schema, text);
    case CYAML_UINT:
        return check_uint(walk, schema, text);
    case CYAML_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
            return refuse_value(walk, "must be true or false");
        }
        return 0;
    case CYAML_ENUM:
        return check_choice(walk, schema, text);
    case CYAML_FLOAT:
        return is_real(text) ? 0 : refuse_value(walk, "must be a decimal number");
    case CYAML_STRING:
        return check_text(walk, schema, count);
    case CYAML_MAPPING:
        return refuse_value(walk, "must hold keys of its own");
    case CYAML_FLAGS:
    case CYAML_SEQUENCE:
    case CYAML_SEQUENCE_FIXED:
        return refuse_value(walk, "must be a list");
    case CYAML_IGNORE:
    case CYAML_BITFIELD:
    case CYAML__TYPE_COUNT:
    default:
        INVARIANT(false, "a schema has a type that is not used here");
    }
}

/* ---- Events ---- */

static struct level *top_level(struct walk *walk) {
    return walk->depth > 0 ? &walk->levels[walk->depth - 1] : NULL;
}

/* The schema of the value that comes now; NULL when it is ignored. */
static const cyaml_schema_value_t *schema_of_value(struct walk *walk) {
    const struct level *level = top_level(walk);
    if (level == NULL) {
        return walk->schema;
    }
    if (level->schema == NULL) {
        return NULL;
    }
    if (level->is_mapping) {
        return &level->field->value;
    }
    return level->schema->type == CYAML_FLAGS ? &level->choice : level->schema->sequence.entry;
}

/* The value at hand has been read whole. */
static void value_ends(struct walk *walk) {
    struct level *level = top_level(walk);
    if (level == NULL) {
        return;
    }
    level->awaits_value = false;
    level->items++;
}

/* One more item than a list may have is refused where it stands. */
static int check_room(struct walk *walk) {
    const struct level *level = top_level(walk);
    if (level == NULL || level->is_mapping || level->schema == NULL ||
        level->schema->type == CYAML_FLAGS || level->items < level->schema->sequence.max) {
        return 0;
    }
    char path[PATH_BYTES_MAX];
    path_of(walk, walk->depth - 1, path);
    return refuse(walk, "%s may have %" PRIu32 " items at most", path, level->schema->sequence.max);
}

static int take_scalar(struct walk *walk, const char *text, size_t count) {
    if (strlen(text) != count) {
        return refuse(walk, "there is a NUL character in this line");
    }
    const struct level *level = top_level(walk);
    if (level != NULL && level->is_mapping && !level->awaits_value) {
        return take_key(walk, text, count);
    }
    int result = check_room(walk);
    if (result != 0) {
        return result;
    }
    result = check_scalar(walk, schema_of_value(walk), text, count);
    value_ends(walk);
    return result;
}

static bool is_list(const cyaml_schema_value_t *schema) {
    return schema->type == CYAML_SEQUENCE || schema->type == CYAML_SEQUENCE_FIXED ||
           schema->type == CYAML_FLAGS;
}

/* Refuses a list or a mapping where the schema wants something else. */
static int check_kind(const struct walk *walk, const cyaml_schema_value_t *schema,
                      bool is_mapping) {
    if (schema == NULL || (is_mapping ? schema->type == CYAML_MAPPING : is_list(schema))) {
        return 0;
    }
    if (schema->type == CYAML_MAPPING) {
        return refuse_value(walk, "must hold keys of its own");
    }
    return refuse_value(walk, is_list(schema) ? "must be a list" : "must be a single value");
}

static int open_level(struct walk *walk, bool is_mapping) {
    const struct level *above = top_level(walk);
    if (above != NULL && above->is_mapping && !above->awaits_value) {
        return refuse(walk, "a key must be plain text");
    }
    int result = check_room(walk);
    if (result != 0) {
        return result;
    }
    const cyaml_schema_value_t *schema = schema_of_value(walk);
    if (schema != NULL && schema->type == CYAML_IGNORE) {
        schema = NULL;
    }
    result = check_kind(walk, schema, is_mapping);
    if (result != 0) {
        return result;
    }
    if (walk->depth == CONFIG_DEPTH_MAX) {
        return refuse(walk, "there are more than %d levels", CONFIG_DEPTH_MAX);
    }
    struct level *level = &walk->levels[walk->depth++];
    *level = (struct level){.is_mapping = is_mapping, .schema = schema, .line = walk->line};
    if (schema != NULL && schema->type == CYAML_FLAGS) {
        level->choice = (cyaml_schema_value_t){.type = CYAML_ENUM,
                                               .enumeration = schema->enumeration};
    }
    return 0;
}

static int close_list(struct walk *walk) {
    const struct level *level = top_level(walk);
    bool counts = level->schema != NULL && level->schema->type != CYAML_FLAGS;
    uint32_t min = counts ? level->schema->sequence.min : 0;
    if (level->items < min) {
        walk->line = level->line;
        char path[PATH_BYTES_MAX];
        path_of(walk, walk->depth - 1, path);
        return refuse(walk, "%s must have %" PRIu32 " items or more", path, min);
    }
    walk->depth--;
    value_ends(walk);
    return 0;
}

static int close_mapping(struct walk *walk) {
    int result = check_missing(walk);
    walk->depth--;
    value_ends(walk);
    return result;
}

/* Anchors are refused together with aliases: an anchor without an alias says nothing. */
static int check_decoration(const struct walk *walk, const yaml_char_t *anchor,
                            const yaml_char_t *tag) {
    if (anchor != NULL) {
        return refuse(walk, "anchors and aliases (& and *) are not taken; write it out");
    }
    return tag != NULL ? refuse(walk, "tags (!) are not taken") : 0;
}

static int take_event(struct walk *walk, const yaml_event_t *event) {
    int result = 0;
    walk->line = event->start_mark.line + 1;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        result = walk->had_document ? refuse(walk, "there is a second document") : 0;
        walk->had_document = true;
        return result;
    case YAML_ALIAS_EVENT:
        return refuse(walk, "anchors and aliases (& and *) are not taken; write it out");
    case YAML_SCALAR_EVENT:
        result = check_decoration(walk, event->data.scalar.anchor, event->data.scalar.tag);
        return result != 0 ? result
                           : take_scalar(walk, (const char *)event->data.scalar.value,
                                         event->data.scalar.length);
    case YAML_MAPPING_START_EVENT:
        result = check_decoration(walk, event->data.mapping_start.anchor,
                                  event->data.mapping_start.tag);
        return result != 0 ? result : open_level(walk, true);
    case YAML_SEQUENCE_START_EVENT:
        result = check_decoration(walk, event->data.sequence_start.anchor,
                                  event->data.sequence_start.tag);
        return result != 0 ? result : open_level(walk, false);
    case YAML_MAPPING_END_EVENT:
        return close_mapping(walk);
    case YAML_SEQUENCE_END_EVENT:
        return close_list(walk);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    default:
        return 0;
    }
}

/* libyaml's sentences are fixed texts; they quote nothing. */
static int refuse_yaml(struct walk *walk, const yaml_parser_t *parser, const char *text,
                       size_t count) {
    walk->line = parser->problem_mark.line + 1;
    if (parser->error == YAML_READER_ERROR) {
        walk->line = 1;
        for (size_t i = 0; i < count && i < parser->problem_offset; i++) {
            walk->line += text[i] == '\n';
        }
    }
    return refuse(walk, "this is not YAML: %s",
                  parser->problem != NULL ? parser->problem : "it cannot be read");
}

static int walk_text(struct walk *walk, const char *text, size_t count) {
    yaml_parser_t parser;
    INVARIANT(yaml_parser_initialize(&parser) == 1, "out of memory");
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, count);
    int result = 0;
    bool ended = false;
    while (result == 0 && !ended) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) != 1) {
            result = refuse_yaml(walk, &parser, text, count);
            break;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        result = take_event(walk, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return result;
}

/* ---- Loading ---- */

static const cyaml_config_t cyaml_settings = {
    .mem_fn = cyaml_mem, .flags = CYAML_CFG_NO_ALIAS, /* no log_fn: its lines quote values */
};

int config_read(const char *name, const char *text, size_t count,
                const cyaml_schema_value_t *schema, void **ret_config, struct err *err) {
    INVARIANT(schema->type == CYAML_MAPPING && (schema->flags & CYAML_FLAG_POINTER) != 0,
              "the top of a schema is a pointer to a mapping");
    struct walk walk = {.name = name, .schema = schema, .line = 1, .err = err};
    if (count > CONFIG_BYTES_MAX) {
        return refuse(&walk, "the file has more than %d bytes", CONFIG_BYTES_MAX);
    }
    int result = walk_text(&walk, text, count);
    if (result != 0) {
        return result;
    }
    if (!walk.had_document) {
        walk.line = 1;
        return refuse(&walk, "the file is empty");
    }
    cyaml_data_t *config = NULL;
    cyaml_err_t code = cyaml_load_data((const uint8_t *)text, count, &cyaml_settings, schema,
                                       &config, NULL);
    if (code != CYAML_OK || config == NULL) {
        walk.line = 1;
        return refuse(&walk, "the file cannot be loaded: %s", cyaml_strerror(code));
    }
    *ret_config = config;
    return 0;
}

int config_load(const char *path, const cyaml_schema_value_t *schema, void **ret_config,
                struct err *err) {
    char *text = malloc(CONFIG_BYTES_MAX + 1);
    INVARIANT(text != NULL, "out of memory");
    size_t count = 0;
    int result = file_read(path, text, CONFIG_BYTES_MAX, &count, err);
    if (result == 0) {
        result = config_read(path, text, count, schema, ret_config, err);
    } else {
        if (err != NULL) {
            err->code = ERR_CONFIG; /* the sentence stays: it says what is wrong with the file */
        }
        result = -ERR_CONFIG;
    }
    free(text);
    return result;
}

void config_free(const cyaml_schema_value_t *schema, void *config) {
    if (config != NULL) {
        cyaml_free(&cyaml_settings, schema, config, 0);
    }
}
