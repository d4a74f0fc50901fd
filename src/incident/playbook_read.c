/* SPDX-License-Identifier: Apache-2.0
 * playbook_read.c: a file as a playbook. The schema's walk (base/config.h) refuses what is not of
 * this form; here is what a schema cannot say, each with the line of its item. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/config.h"
#include "base/text.h"
#include "incident/playbook_impl.h"

enum { TEXT_CHARS_MAX = 400, COMMAND_CHARS_MAX = 300 };

/* ---- as it stands in the file ---- */

struct read_item {
    char *use, *id, *en, *zh, *query, *role, *measure, *target, *value, *command;
    enum playbook_kind kind;
    char **links;
    unsigned links_count;
    bool optional;
};
struct read_list {
    struct read_item *items;
    unsigned count;
};
struct read_phases {
    struct read_list of[PHASES_END];
};
struct read_file {
    char *name, *en, *zh;
    char **causes, **rules;
    unsigned causes_count, rules_count;
    struct read_phases phases;
};
struct read_common {
    struct read_list items;
};

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, type, member, flags, most)                                                       \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, 1, most)
#define ITEM_TEXT(key, most) TEXT(#key, struct read_item, key, CYAML_FLAG_OPTIONAL, most)

static const cyaml_strval_t kinds[] = {
#define X(NAME, number, name, person, meaning) {name, number},
#include "incident/playbook_kinds.def"
#undef X
};
static const cyaml_schema_value_t text_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, TEXT_CHARS_MAX),
};
static const cyaml_schema_field_t item_fields[] = {
    ITEM_TEXT(use, PLAYBOOK_NAME_CHARS_MAX),
    ITEM_TEXT(id, PLAYBOOK_NAME_CHARS_MAX),
    CYAML_FIELD_ENUM("kind", CYAML_FLAG_OPTIONAL, struct read_item, kind, kinds, COUNT_OF(kinds)),
    ITEM_TEXT(en, TEXT_CHARS_MAX),
    ITEM_TEXT(zh, TEXT_CHARS_MAX),
    ITEM_TEXT(query, PLAYBOOK_NAME_CHARS_MAX),
    ITEM_TEXT(role, PLAYBOOK_NAME_CHARS_MAX),
    ITEM_TEXT(measure, PLAYBOOK_NAME_CHARS_MAX),
    ITEM_TEXT(target, PLAYBOOK_NAME_CHARS_MAX),
    ITEM_TEXT(value, PLAYBOOK_NAME_CHARS_MAX),
    ITEM_TEXT(command, COMMAND_CHARS_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("links", OPTIONAL, struct read_item, links, links_count, &text_value,
                               1, PLAYBOOK_LINKS_MAX),
    CYAML_FIELD_BOOL("optional", CYAML_FLAG_OPTIONAL, struct read_item, optional),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t item_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct read_item, item_fields),
};
static const cyaml_schema_field_t phase_fields[] = {
#define X(NAME, number, name, title, title_zh)                                                     \
    CYAML_FIELD_SEQUENCE_COUNT(name, CYAML_FLAG_POINTER, struct read_phases, of[number].items,     \
                               of[number].count, &item_value, 1, PLAYBOOK_ITEMS_MAX),
#include "incident/playbook_phases.def"
#undef X
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t file_fields[] = {
    TEXT("name", struct read_file, name, 0, PLAYBOOK_NAME_CHARS_MAX),
    TEXT("en", struct read_file, en, 0, TEXT_CHARS_MAX),
    TEXT("zh", struct read_file, zh, 0, TEXT_CHARS_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("causes", OPTIONAL, struct read_file, causes, causes_count,
                               &text_value, 1, PLAYBOOK_RULES_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("rules", OPTIONAL, struct read_file, rules, rules_count, &text_value,
                               1, PLAYBOOK_RULES_MAX),
    CYAML_FIELD_MAPPING("phases", CYAML_FLAG_DEFAULT, struct read_file, phases, phase_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t common_fields[] = {
    CYAML_FIELD_SEQUENCE_COUNT("items", CYAML_FLAG_POINTER, struct read_common, items.items,
                               items.count, &item_value, 1, COMMON_ITEMS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct read_file, file_fields),
};
static const cyaml_schema_value_t common_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct read_common, common_fields),
};

/* ---- lines ---- */

struct item_lines { /* of each phase; of common items under 0 */
    int of[PHASES_END][PLAYBOOK_ITEMS_MAX], count[PHASES_END];
};

static int phase_of_key(const char *key) {
    for (int phase = 1; phase < PHASES_END; phase++) {
        if (strcmp(playbook_phase_name(phase), key) == 0) {
            return phase;
        }
    }
    return 0;
}

struct line_walk {
    char nest[CONFIG_DEPTH_MAX + 2];
    int depth, phase;
};

/* Items are the only mappings that stand in lists; the keys above them name their phase. */
static void take_event(struct line_walk *walk, const yaml_event_t *event,
                       struct item_lines *lines) {
    bool in_list = walk->depth > 0 && walk->nest[walk->depth - 1] == '[';
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        if (walk->depth == 2 && !in_list) {
            walk->phase = phase_of_key((const char *)event->data.scalar.value);
        }
        return;
    case YAML_MAPPING_START_EVENT:
        if (in_list && lines->count[walk->phase] < PLAYBOOK_ITEMS_MAX) {
            lines->of[walk->phase][lines->count[walk->phase]++] = (int)event->start_mark.line + 1;
        }
        walk->nest[walk->depth++] = '{';
        return;
    case YAML_SEQUENCE_START_EVENT:
        walk->nest[walk->depth++] = '[';
        return;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        walk->depth--;
        return;
    default:
        return;
    }
}

/* Of a text that the schema's walk has taken: it is not deeper than that allows. */
static void find_lines(const char *text, size_t count, struct item_lines *lines) {
    struct line_walk walk = {0};
    yaml_parser_t parser;
    INVARIANT(yaml_parser_initialize(&parser) == 1, "out of memory");
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, count);
    for (bool ended = false; !ended;) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) != 1) {
            break;
        }
        take_event(&walk, &event, lines);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

/* ---- what a schema cannot say ---- */

struct reading {
    struct arena *arena;
    const struct playbook_common *common; /* NULL: of the common items themselves */
    const char *path;
    struct item_lines lines;
    struct err *err;
};

PRINTF_LIKE(3, 4)
static int refuse(const struct reading *reading, int line, const char *format, ...) {
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_set(reading->err, ERR_CONFIG, "%s", text);
    err_place(reading->err, "%s:%d", reading->path, line);
    return err_hint(reading->err, "docs/playbooks.md has the form; `holdfast playbook check FILE` "
                                  "checks one.");
}

static bool is_name(const char *text) {
    return text[0] != '-' && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static int check_words(const struct reading *reading, int line, const char *what,
                       const char *text) {
    return text_has_controls(text, false)
               ? refuse(reading, line, "%s has a control character", what)
               : 0;
}

/* Every {word} is one that is filled in. */
static int check_marks(const struct reading *reading, int line, const char *text) {
    static const char *const marks[] = {"{incident}", "{gateway}", "{method}",
                                        "{item}",     "{target}",  "{value}"};
    for (const char *at = strchr(text, '{'); at != NULL; at = strchr(at + 1, '{')) {
        bool known = false;
        for (size_t i = 0; i < COUNT_OF(marks); i++) {
            known = known || strncmp(at, marks[i], strlen(marks[i])) == 0;
        }
        if (!known) {
            return refuse(reading, line, "nothing is known to stand for \"%.*s\"",
                          (int)strcspn(at, " \"") > 30 ? 30 : (int)strcspn(at, " \""), at);
        }
    }
    return 0;
}

static int check_subject(const struct reading *reading, int line, const struct read_item *read) {
    enum playbook_query query;
    enum incident_role role;
    const char *query_name = read->query, *role_name = read->role, *measure = read->measure;
    if ((query_name != NULL) != (read->kind == ITEM_QUERY) ||
        (role_name != NULL) != (read->kind == ITEM_APPROVAL) ||
        (measure != NULL) != (read->kind == ITEM_ACTION)) {
        return refuse(reading, line,
                      "an item of kind query has `query`, an approval `role`, an action `measure`, "
                      "and a tick none of them");
    }
    if (query_name != NULL && !playbook_query_parse(query_name, &query)) {
        return refuse(reading, line, "there is no query \"%s\"", query_name);
    }
    if (role_name != NULL && !incident_role_parse(role_name, &role)) {
        return refuse(reading, line, "there is no role \"%s\"", role_name);
    }
    const struct playbook_measure_row *row = measure != NULL ? playbook_measure_find(measure)
                                                             : NULL;
    if (measure != NULL && row == NULL) {
        return refuse(reading, line, "there is no measure \"%s\"", measure);
    }
    if ((read->target != NULL && (row == NULL || !row->target)) ||
        (read->value != NULL) != (row != NULL && row->value)) {
        return refuse(reading, line, "`target` and `value` are for measures that have them");
    }
    return 0;
}

static int check_item(const struct reading *reading, int line, const struct read_item *read) {
    if (read->id == NULL || read->kind == 0 || read->en == NULL || read->zh == NULL) {
        return refuse(reading, line, "an item has `id`, `kind`, `en` and `zh`, or `use` alone");
    }
    if (!is_name(read->id)) {
        return refuse(reading, line, "an id is of a-z, 0-9 and -: \"%s\"", read->id);
    }
    int r = check_words(reading, line, "a text", read->en);
    r = r < 0 ? r : check_words(reading, line, "a text", read->zh);
    r = r < 0 ? r : check_subject(reading, line, read);
    if (r >= 0 && read->command != NULL) {
        r = check_words(reading, line, "a command", read->command);
        r = r < 0 ? r : check_marks(reading, line, read->command);
    }
    if (r >= 0 && read->target != NULL) {
        r = check_marks(reading, line, read->target);
    }
    for (unsigned i = 0; r >= 0 && i < read->links_count; i++) {
        r = check_words(reading, line, "a link", read->links[i]);
    }
    return r;
}

static void put_digest(struct playbook_item *item) {
    const char *const texts[] = {item->id,      item->text[NOTICE_EN], item->text[NOTICE_ZH],
                                 item->subject, item->target,          item->value,
                                 item->command};
    BUF_AUTO buf;
    buf_init(&buf, 64 * 1024);
    buf_addf(&buf, "%d:%d", (int)item->kind, item->required);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        buf_addf(&buf, ":%zu:%s", strlen(texts[i]), texts[i]);
    }
    crypto_sha256_hex(buf.data, buf.len, item->digest);
}

static int fill_item(const struct reading *reading, int line, const struct read_item *read,
                     struct playbook_item *item) {
    struct arena *arena = reading->arena;
    int r = check_item(reading, line, read);
    if (r < 0) {
        return r;
    }
    const char *subject = read->query != NULL  ? read->query
                          : read->role != NULL ? read->role
                                               : read->measure;
    *item = (struct playbook_item){
        .id = arena_copy(arena, read->id),
        .kind = read->kind,
        .required = !read->optional,
        .text = {arena_copy(arena, read->en), arena_copy(arena, read->zh)},
        .subject = arena_copy(arena, subject != NULL ? subject : ""),
        .target = arena_copy(arena, read->target != NULL ? read->target : ""),
        .value = arena_copy(arena, read->value != NULL ? read->value : ""),
        .command = arena_copy(arena, read->command != NULL ? read->command : ""),
        .line = line,
    };
    for (unsigned i = 0; i < read->links_count; i++) {
        item->links[item->link_count++] = arena_copy(arena, read->links[i]);
    }
    put_digest(item);
    return 0;
}

static int use_item(const struct reading *reading, int line, const struct read_item *read,
                    struct playbook_item *item) {
    if (read->id != NULL || read->en != NULL || read->kind != 0 || read->optional) {
        return refuse(reading, line, "an item that is used (`use: %s`) says nothing else",
                      read->use);
    }
    for (int i = 0; reading->common != NULL && i < reading->common->count; i++) {
        if (strcmp(reading->common->items[i].id, read->use) == 0) {
            *item = reading->common->items[i];
            item->line = line;
            return 0;
        }
    }
    return refuse(reading, line, "there is no common item \"%s\"", read->use);
}

/* The items of one list, behind those that are there. */
static int take_items(struct reading *reading, const struct read_list *list, int phase,
                      struct playbook_item *items, int *count, int most) {
    int r = 0;
    for (unsigned i = 0; r >= 0 && i < list->count; i++) {
        const struct read_item *read = &list->items[i];
        int line = reading->lines.of[phase][i];
        if (*count == most) {
            return refuse(reading, line, "there are more than %d items", most);
        }
        struct playbook_item *item = &items[*count];
        r = read->use != NULL ? use_item(reading, line, read, item)
                              : fill_item(reading, line, read, item);
        for (int j = 0; r >= 0 && j < *count; j++) {
            if (strcmp(items[j].id, item->id) == 0) {
                r = refuse(reading, line, "the second item \"%s\"; the first stands in line %d",
                           item->id, items[j].line);
            }
        }
        item->phase = (enum playbook_phase)phase;
        *count += r >= 0;
    }
    return r;
}

int playbook_read_common(struct arena *arena, const char *path, const char *text, size_t count,
                         struct playbook_common *common, struct err *err) {
    struct reading reading = {.arena = arena, .path = path, .err = err};
    void *read = NULL;
    int r = config_read(path, text, count, &common_schema, &read, err);
    if (r < 0) {
        return r;
    }
    const struct read_common *file = read;
    find_lines(text, count, &reading.lines);
    r = take_items(&reading, &file->items, 0, common->items, &common->count,
                   COMMON_ITEMS_MAX);
    config_free(&common_schema, read);
    return r;
}

static int take_head(struct reading *reading, const struct read_file *file,
                     struct playbook *playbook) {
    struct arena *arena = reading->arena;
    int r = check_words(reading, 1, "a title", file->en);
    r = r < 0 ? r : check_words(reading, 1, "a title", file->zh);
    if (r >= 0 && (!is_name(file->name) || strcmp(file->name, PLAYBOOK_COMMON) == 0)) {
        r = refuse(reading, 1, "a name is of a-z, 0-9 and -, and not \"%s\"", PLAYBOOK_COMMON);
    }
    *playbook = (struct playbook){
        .name = arena_copy(arena, file->name),
        .title = {arena_copy(arena, file->en), arena_copy(arena, file->zh)},
    };
    for (unsigned i = 0; r >= 0 && i < file->causes_count; i++) {
        enum incident_cause cause = CAUSE_UNKNOWN;
        if (!incident_cause_parse(file->causes[i], &cause)) {
            r = refuse(reading, 1, "there is no class of causes \"%s\"", file->causes[i]);
        }
        playbook->causes |= 1U << cause;
    }
    for (unsigned i = 0; r >= 0 && i < file->rules_count; i++) {
        if (alert_rule_find(file->rules[i]) == NULL) {
            r = refuse(reading, 1, "there is no alert rule \"%s\"", file->rules[i]);
        }
        playbook->rules[playbook->rule_count++] = arena_copy(arena, file->rules[i]);
    }
    return r;
}

int playbook_read(struct arena *arena, const struct playbook_common *common, const char *path,
                  const char *text, size_t count, struct playbook *playbook, struct err *err) {
    struct reading reading = {.arena = arena, .common = common, .path = path, .err = err};
    void *read = NULL;
    int r = config_read(path, text, count, &file_schema, &read, err);
    if (r < 0) {
        return r;
    }
    const struct read_file *file = read;
    find_lines(text, count, &reading.lines);
    r = take_head(&reading, file, playbook);
    for (int phase = 1; r >= 0 && phase < PHASES_END; phase++) {
        r = take_items(&reading, &file->phases.of[phase], phase, playbook->items,
                       &playbook->item_count, PLAYBOOK_ITEMS_MAX);
    }
    config_free(&file_schema, read);
    return r;
}
