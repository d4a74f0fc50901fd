/* SPDX-License-Identifier: Apache-2.0
 * map.c: what a map says, understood and checked whole. */
#include "statement/map.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/file.h"
#include "base/text.h"
#include "statement/map_impl.h"

enum { SHOWN = 64, SKIP_LINES_MAX = 1000, IMPLIED_MAX = 6, COLUMN_DIGITS_MAX = 3 };

static const char RFC3339[] = "YYYY-MM-DDThh:mm:ssZ|YYYY-MM-DDThh:mm:ss.fffZ";

static const char *const role_names[] = {
    [MAP_GATEWAY_ID] = "gateway_id",
    [MAP_REFERENCE] = "reference",
    [MAP_ORIGINAL_ID] = "original_id",
    [MAP_ORIGINAL_REFERENCE] = "original_reference",
    [MAP_BATCH] = "batch",
    [MAP_KIND] = "kind",
    [MAP_STATUS] = "status",
    [MAP_CURRENCY] = "currency",
    [MAP_GROSS] = "amount",
    [MAP_CREDIT] = "credit",
    [MAP_DEBIT] = "debit",
    [MAP_DIRECTION] = "direction",
    [MAP_FEE] = "fee",
    [MAP_NET] = "net",
    [MAP_TIME] = "time",
    [MAP_METHOD] = "method",
    [MAP_DESCRIPTION] = "description",
};
static_assert(COUNT_OF(role_names) == MAP_ROLE_COUNT, "every role has a name");

const char *map_role_name(enum map_role role) {
    return (unsigned)role < MAP_ROLE_COUNT ? role_names[role] : "?";
}

/* What is being made, and of what. */
struct making {
    const struct map_file *file;
    const struct map_keys *keys;
    struct csv_map *map;
    struct err *err;
};

/* About a key: with its line. */
static int refuse_key(const struct making *making, const char *group, const char *key,
                      const char *what) {
    return map_file_refuse(making->file, map_file_line(making->file, group, key), making->err,
                           "%s%s%s %s", group, group[0] != '\0' ? "." : "", key, what);
}

static int refuse_pair(const struct making *making, const struct map_pair *pair, const char *what) {
    char shown[SHOWN];
    text_shown(pair->key, strlen(pair->key), shown, sizeof shown);
    return map_file_refuse(making->file, pair->line, making->err, "%s \"%s\": %s", pair->group,
                           shown, what);
}

/* ---- columns ---- */

static bool role_parse(const char *name, enum map_role *ret_role) {
    /* The canonical file calls it what a statement's row does. */
    if (strcmp(name, "gross") == 0) {
        *ret_role = MAP_GROSS;
        return true;
    }
    for (int i = 0; i < MAP_ROLE_COUNT; i++) {
        if (strcmp(name, role_names[i]) == 0) {
            *ret_role = (enum map_role)i;
            return true;
        }
    }
    return false;
}

static int refuse_role(const struct making *making, const struct map_pair *pair) {
    char known[240] = "";
    for (int i = 0; i < MAP_ROLE_COUNT; i++) {
        text_list_add(known, sizeof known, role_names[i]);
    }
    int rc = refuse_pair(making, pair, "there is no such column");
    return making->err != NULL ? err_hint(making->err, "they are: %.200s", known) : rc;
}

/* A number where the file has no header, else a name with its blanks as csv_name_is() has them. */
static int take_column(const struct making *making, const struct map_pair *pair,
                       struct map_names *names) {
    char *name = g_strstrip(g_strdup(pair->value));
    names->names[names->count++] = name;
    if (name[0] == '\0') {
        return refuse_pair(making, pair, "a column needs a name");
    }
    for (char *from = name, *to = name;; from++) {
        char c = *from == '\t' ? ' ' : *from;
        if (c == ' ' && to > name && to[-1] == ' ') {
            continue;
        }
        *to++ = c;
        if (c == '\0') {
            break;
        }
    }
    if (making->map->shape.header) {
        return 0;
    }
    size_t digits = strspn(name, "0123456789");
    bool fits = names->count == 1 && name[digits] == '\0' && digits <= COLUMN_DIGITS_MAX;
    names->number = fits ? (int)g_ascii_strtoull(name, NULL, 10) : 0;
    return names->number >= 1 && names->number <= CSV_FIELDS_MAX
               ? 0
               : refuse_pair(making, pair,
                             "without a header a column is a number, 1 for the first");
}

static int take_columns(const struct making *making) {
    for (int i = 0; i < making->file->pair_count; i++) {
        const struct map_pair *pair = &making->file->pairs[i];
        enum map_role role = MAP_GROSS;
        if (strcmp(pair->group, "columns") != 0) {
            continue;
        }
        if (!role_parse(pair->key, &role)) {
            return refuse_role(making, pair);
        }
        struct map_names *names = &making->map->columns[role];
        if (names->count > 0 && strcmp(pair[-1].key, pair->key) != 0) {
            return refuse_pair(making, pair, "amount and gross are the same");
        }
        if (names->count == MAP_NAMES_MAX) {
            return refuse_pair(making, pair, "it has more names than are taken");
        }
        int rc = take_column(making, pair, names);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* What must be there, and what must not stand beside one another. */
static int check_columns(const struct making *making) {
    const struct csv_map *map = making->map;
    bool split = map_has(map, MAP_CREDIT) || map_has(map, MAP_DEBIT);
    const char *why = NULL;
    if (!map_has(map, MAP_TIME)) {
        why = "needs time: when the money moved";
    } else if (!map_has(map, MAP_GATEWAY_ID) && !map_has(map, MAP_REFERENCE)) {
        why = "needs gateway_id or reference: what a row is matched by";
    } else if (map_has(map, MAP_GROSS) == split) {
        why = "needs either amount, or credit and debit";
    } else if (split && (!map_has(map, MAP_CREDIT) || !map_has(map, MAP_DEBIT))) {
        why = "needs credit and debit together";
    } else if (map_has(map, MAP_DIRECTION) && split) {
        why = "cannot have direction beside credit and debit";
    }
    return why == NULL ? 0 : refuse_key(making, "", "columns", why);
}

/* ---- words ---- */

/* Where a map has no words of its own, the file writes ours. */
static const struct map_word kind_words[] = {
#define X(name, number, text, family, sign, what) {text, sizeof(text) - 1, number, 0},
#include "statement/row_kinds.def"
#undef X
};
static const struct map_word status_words[] = {
#define X(name, number, text, what) {text, sizeof(text) - 1, number, 0},
#include "statement/row_statuses.def"
#undef X
};
#define KIND_WORDS                                                                                 \
    (struct map_words) {                                                                           \
        kind_words, COUNT_OF(kind_words), NULL                                                     \
    }
#define STATUS_WORDS                                                                               \
    (struct map_words) {                                                                           \
        status_words, COUNT_OF(status_words), NULL                                                 \
    }

static void words_free(struct map_words *words) {
    for (int i = 0; words->own != NULL && i < words->count; i++) {
        g_free((void *)(uintptr_t)words->own[i].text);
    }
    g_free(words->own);
    *words = (struct map_words){0};
}

/* "charge", "-fee": the sign is that of unsigned amounts. */
static bool kind_word(const char *text, struct map_word *word) {
    enum row_kind kind = ROW_CHARGE;
    word->sign = text[0] == '-' ? -1 : text[0] == '+' ? 1 : 0;
    if (!row_kind_parse(text + (word->sign != 0), &kind)) {
        return false;
    }
    word->value = (int)kind;
    return word->sign * row_kind_sign(kind) >= 0;
}

static bool status_word(const char *text, struct map_word *word) {
    enum row_status status = ROW_DONE;
    bool known = row_status_parse(text, &status);
    word->value = (int)status;
    return known;
}

static bool direction_word(const char *text, struct map_word *word) {
    word->value = strcmp(text, "in") == 0 ? 1 : -1;
    return word->value == 1 || strcmp(text, "out") == 0;
}

static int take_words(const struct making *making, const char *group, struct map_words *words,
                      bool (*parse)(const char *, struct map_word *), const char *wrong) {
    words->words = words->own = g_new0(struct map_word, MAP_WORDS_MAX);
    for (int i = 0; i < making->file->pair_count; i++) {
        const struct map_pair *pair = &making->file->pairs[i];
        if (strcmp(pair->group, group) != 0) {
            continue;
        }
        if (words->count == MAP_WORDS_MAX) {
            return refuse_pair(making, pair, "there are more words than are taken");
        }
        struct map_word *word = &words->own[words->count++];
        word->text = g_strstrip(g_strdup(pair->key));
        word->bytes = (uint32_t)strlen(word->text);
        if (!parse(pair->value, word)) {
            return refuse_pair(making, pair, wrong);
        }
        for (int j = 0; j < words->count - 1; j++) {
            if (strcmp(words->words[j].text, word->text) == 0) {
                return refuse_pair(making, pair, "this word stands there twice");
            }
        }
    }
    return 0;
}

static int take_kinds(const struct making *making) {
    struct csv_map *map = making->map;
    const struct map_by_sign_keys *by_sign = making->keys->kind_by_sign;
    int ways = map_has(map, MAP_KIND) + (by_sign != NULL) + (making->keys->kind != 0);
    int rc = take_words(making, "kinds", &map->kinds, kind_word,
                        "there is no such kind of row, or its sign is another");
    if (rc < 0) {
        return rc;
    }
    if (ways != 1) {
        return refuse_key(making, "", "columns",
                          "needs kind, or the map kind or kind_by_sign, and one of them only");
    }
    if (map->kinds.count > 0 && !map_has(map, MAP_KIND)) {
        return refuse_key(making, "", "kinds", "needs a column kind");
    }
    if (map->kinds.count == 0) {
        words_free(&map->kinds);
        map->kinds = KIND_WORDS;
    }
    map->kind = making->keys->kind;
    if (by_sign == NULL) {
        return 0;
    }
    map->positive = by_sign->positive;
    map->negative = by_sign->negative;
    return row_kind_sign(map->positive) >= 0 && row_kind_sign(map->negative) <= 0
               ? 0
               : refuse_key(making, "", "kind_by_sign",
                            "has a kind whose amounts have the other sign");
}

static int take_statuses(const struct making *making) {
    struct csv_map *map = making->map;
    int rc = take_words(making, "statuses", &map->statuses, status_word,
                        "a status is done, pending or failed");
    if (rc < 0) {
        return rc;
    }
    bool has_column = map_has(map, MAP_STATUS);
    if (has_column ? making->keys->status != 0 : map->statuses.count > 0) {
        return refuse_key(making, "", has_column ? "status" : "statuses",
                          has_column ? "cannot stand beside a column status"
                                     : "needs a column status");
    }
    if (map->statuses.count == 0) {
        words_free(&map->statuses);
        map->statuses = STATUS_WORDS;
    }
    map->status = making->keys->status != 0 ? making->keys->status : ROW_DONE;
    return 0;
}

static int take_directions(const struct making *making) {
    struct csv_map *map = making->map;
    int rc = take_words(making, "directions", &map->directions, direction_word,
                        "a direction is in or out");
    if (rc < 0) {
        return rc;
    }
    return (map->directions.count > 0) == map_has(map, MAP_DIRECTION)
               ? 0
               : refuse_key(making, "", "directions", "and a column direction need each other");
}

static int take_totals(const struct making *making) {
    for (int i = 0; i < making->file->pair_count; i++) {
        const struct map_pair *pair = &making->file->pairs[i];
        enum map_role role = MAP_TIME;
        if (pair->group[0] != '\0' || strcmp(pair->key, "totals") != 0) {
            continue;
        }
        bool sums = role_parse(pair->value, &role) &&
                    (role == MAP_GROSS || role == MAP_CREDIT || role == MAP_DEBIT ||
                     role == MAP_FEE || role == MAP_NET);
        if (!sums || !map_has(making->map, role)) {
            return refuse_key(making, "", "totals",
                              "is a list of amount, credit, debit, fee, net that are columns here");
        }
        making->map->sums[role] = true;
        making->map->shape.totals = true;
    }
    return making->map->shape.totals && making->keys->footer == NULL
               ? refuse_key(making, "", "totals", "needs a footer")
               : 0;
}

/* A mapping or list that stands as something else was no concern of the schema. */
static int check_groups(const struct making *making) {
    static const char *const mappings[] = {"columns", "kinds", "statuses", "directions"};
    for (int i = 0; i < making->file->pair_count; i++) {
        const struct map_pair *pair = &making->file->pairs[i];
        for (size_t j = 0; j < COUNT_OF(mappings); j++) {
            if (pair->group[0] == '\0' && strcmp(pair->key, mappings[j]) == 0) {
                return refuse_key(making, "", mappings[j], "must hold keys of its own");
            }
        }
        if (strcmp(pair->group, "totals") == 0) {
            return refuse_key(making, "", "totals", "must be a list");
        }
    }
    return 0;
}

/* ---- amounts and times ---- */

/* "none", or one character; `otherwise` when the key is absent. False: neither. */
static bool one_character(const char *text, char otherwise, const char *allowed, char *ret_c) {
    *ret_c = otherwise;
    if (text == NULL) {
        return true;
    }
    bool none = strcmp(text, "none") == 0;
    *ret_c = none ? '\0' : text[0];
    return none || (text[0] != '\0' && text[1] == '\0' && strchr(allowed, text[0]) != NULL);
}

static int take_amount(const struct making *making) {
    static const struct map_amount_keys nothing;
    struct csv_map *map = making->map;
    const struct map_amount_keys *keys = making->keys->amount != NULL ? making->keys->amount
                                                                      : &nothing;
    struct amount_style *style = &map->style;
    if (!one_character(keys->decimal, '.', ".,", &style->decimal)) {
        return refuse_key(making, "amount", "decimal", "must be \".\", \",\" or none");
    }
    if (!one_character(keys->group, '\0', ".,' ", &style->group) ||
        (style->group != '\0' && style->group == style->decimal)) {
        return refuse_key(making, "amount", "group",
                          "must be another of \".\", \",\", \"'\", \" \", or none");
    }
    if (keys->implied > IMPLIED_MAX) {
        return refuse_key(making, "amount", "implied", "is a number of decimals, 6 at most");
    }
    style->implied = (int)keys->implied;
    style->minor = keys->unit == UNIT_MINOR;
    style->plus = keys->plus;
    style->parentheses = keys->parentheses;
    style->trailing = keys->trailing_minus;
    style->symbol = keys->symbols;
    map->sign = keys->sign != 0 ? keys->sign : SIGN_AS_WRITTEN;
    map->fee_sign = keys->fee == POLARITY_NEGATIVE ? -1 : 1;
    map->debit_sign = keys->debit == POLARITY_NEGATIVE ? -1 : 1;
    bool told_otherwise = map_has(map, MAP_DIRECTION) || map_has(map, MAP_DEBIT);
    if (map->sign != SIGN_AS_WRITTEN && told_otherwise) {
        return refuse_key(making, "amount", "sign",
                          "cannot stand beside a direction, or credit and debit");
    }
    if (map->sign == SIGN_BY_KIND && map->positive != 0) {
        return refuse_key(making, "amount", "sign",
                          "cannot come from the kind when the kind comes from the sign");
    }
    return 0;
}

static int take_currency(const struct making *making) {
    struct csv_map *map = making->map;
    const char *text = making->keys->currency;
    if ((text != NULL) == map_has(map, MAP_CURRENCY)) {
        return refuse_key(making, "", text != NULL ? "currency" : "columns",
                          "needs a column currency or one that is fixed, and one of them only");
    }
    map->has_currency = text != NULL;
    if (text != NULL && currency_parse(text, &map->currency, making->err) < 0) {
        return refuse_key(making, "", "currency", "must be a code of ISO 4217, such as EUR");
    }
    return 0;
}

static bool tells_offset(const struct time_pattern *pattern) {
    for (int i = 0; i < pattern->count; i++) {
        if (strchr("Zuv", pattern->pieces[i].piece) != NULL && pattern->pieces[i].piece != '\0') {
            return true;
        }
    }
    return false;
}

/* Patterns of one key are parted by '|'. */
static int take_time(const struct making *making) {
    struct csv_map *map = making->map;
    const struct map_time_keys *keys = making->keys->time;
    bool has_format = keys != NULL && keys->format != NULL;
    const char *zone = keys != NULL ? keys->zone : NULL;
    bool all_tell = true;
    map->format = g_strdup(has_format ? keys->format : RFC3339);
    for (char *at = map->format, *next = NULL; at != NULL; at = next) {
        next = strchr(at, '|');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (map->pattern_count == MAP_PATTERNS_MAX) {
            return refuse_key(making, "time", "format", "has more forms than are taken");
        }
        struct time_pattern *pattern = &map->patterns[map->pattern_count++];
        struct err err;
        if (time_pattern_read(at, pattern, &err) < 0) {
            return map_file_refuse(making->file, map_file_line(making->file, "time", "format"),
                                   making->err, "time.format %s", err.detail);
        }
        all_tell = all_tell && tells_offset(pattern);
    }
    if (zone == NULL) {
        return all_tell
                   ? 0
                   : refuse_key(making, "time", "zone",
                                "is needed: the format has local times; say UTC if it is that");
    }
    return time_zone_open(zone, &map->zone, making->err) < 0
               ? refuse_key(making, "time", "zone", "must be a name such as Europe/Berlin, or UTC")
               : 0;
}

/* ---- the period ---- */

static bool names_once(const char *pattern, const char *what) {
    const char *found = strstr(pattern, what);
    return found != NULL && strstr(found + 1, what) == NULL;
}

static int take_period_name(const struct making *making, const struct map_period_keys *keys) {
    bool day = names_once(keys->name, "{day}");
    bool ends = names_once(keys->name, "{from}") && names_once(keys->name, "{to}");
    bool none = strstr(keys->name, "{day}") == NULL;
    if (!(day ? strstr(keys->name, "{from}") == NULL && strstr(keys->name, "{to}") == NULL
              : none && ends)) {
        return refuse_key(making, "period", "name",
                          "has {day}, or {from} and {to}, once each; * is anything");
    }
    making->map->period.name = g_strdup(keys->name);
    return 0;
}

static int take_period_columns(const struct making *making) {
    for (int i = 0; i < making->file->pair_count; i++) {
        const struct map_pair *pair = &making->file->pairs[i];
        struct map_period *period = &making->map->period;
        bool day = strcmp(pair->key, "day") == 0;
        if (strcmp(pair->group, "period") != 0) {
            continue;
        }
        int r = day || strcmp(pair->key, "from") == 0 ? take_column(making, pair, &period->from)
                                                      : 0;
        r = r < 0                                      ? r
            : day || strcmp(pair->key, "to") == 0 ? take_column(making, pair, &period->to)
                                                       : 0;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int take_period(const struct making *making) {
    const struct map_period_keys *keys = making->keys->period;
    struct map_period *period = &making->map->period;
    if (keys == NULL) {
        return 0;
    }
    bool ends = keys->from != NULL || keys->to != NULL;
    int ways = (keys->name != NULL) + (keys->day != NULL) + ends;
    if (ways != 1 || (keys->from == NULL) != (keys->to == NULL)) {
        return map_file_refuse(making->file, map_file_line(making->file, "period", ""),
                               making->err,
                               "period is told by name, by a column day, or by columns from and "
                               "to, and one of these only");
    }
    period->format = g_strdup(keys->format != NULL ? keys->format : "YYYY-MM-DD");
    struct err err;
    if (time_pattern_read(period->format, &period->pattern, &err) < 0) {
        return map_file_refuse(making->file, map_file_line(making->file, "period", "format"),
                               making->err, "period.format %s", err.detail);
    }
    return keys->name != NULL ? take_period_name(making, keys) : take_period_columns(making);
}

/* ---- the whole ---- */

static int take_shape(const struct making *making) {
    static const char *const charsets[] = {[CHARSET_GB18030] = "GB18030",
                                           [CHARSET_LATIN1] = "WINDOWS-1252",
                                           [CHARSET_UTF16] = "UTF-16"};
    const struct map_keys *keys = making->keys;
    struct csv_map *map = making->map;
    if (keys->skip_lines > SKIP_LINES_MAX) {
        return refuse_key(making, "", "skip_lines", "is 1000 at most");
    }
    map->comment = g_strdup(keys->comment);
    map->footer = g_strdup(keys->footer);
    map->shape = (struct map_shape){
        .delimiter = keys->delimiter != 0 ? (char)keys->delimiter : ',',
        .quote = keys->quote == -1  ? '\0'
                 : keys->quote != 0 ? (char)keys->quote
                                    : '"',
        .skip_lines = (int)keys->skip_lines,
        .comment = map->comment,
        .footer = map->footer,
        .header = keys->header == NULL || *keys->header,
        .charset = keys->charset >= CHARSET_GB18030 ? charsets[keys->charset] : NULL,
    };
    return 0;
}

static int make(const struct making *making) {
    static int (*const steps[])(const struct making *) = {
        check_groups,    take_shape,  take_columns,  check_columns, take_kinds,  take_statuses,
        take_directions, take_amount, take_currency, take_time,     take_totals, take_period,
    };
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        int rc = steps[i](making);
        if (rc < 0) {
            return rc;
        }
    }
    const bool *check_net = making->keys->check_net;
    making->map->check_net = check_net == NULL || *check_net;
    const bool *end = making->keys->last_line_end;
    making->map->shape.open_end = end != NULL && !*end;
    return 0;
}

int csv_map_read(const char *name, const char *text, size_t count, struct csv_map **ret_map,
                 struct err *err) {
    struct map_file file = {0};
    int rc = map_file_read(name, text, count, &file, err);
    if (rc < 0) {
        return rc;
    }
    CSV_MAP_AUTO map = g_new0(struct csv_map, 1);
    const struct making making = {&file, file.keys, map, err};
    rc = make(&making);
    map_file_free(&file);
    if (rc == 0) {
        *ret_map = map;
        map = NULL;
    }
    return rc;
}

int csv_map_load(const char *path, struct csv_map **ret_map, struct err *err) {
    g_autofree char *text = g_malloc(CONFIG_BYTES_MAX + 1);
    size_t count = 0;
    int rc = file_read(path, text, CONFIG_BYTES_MAX, &count, err);
    return rc < 0 ? rc : csv_map_read(path, text, count, ret_map, err);
}

void csv_map_free(struct csv_map *map) {
    if (map == NULL) {
        return;
    }
    for (int i = 0; i < MAP_ROLE_COUNT; i++) {
        for (int j = 0; j < map->columns[i].count; j++) {
            g_free((void *)(uintptr_t)map->columns[i].names[j]);
        }
    }
    for (int i = 0; i < MAP_NAMES_MAX; i++) {
        g_free((void *)(uintptr_t)map->period.from.names[i]);
        g_free((void *)(uintptr_t)map->period.to.names[i]);
    }
    g_free(map->period.name);
    g_free(map->period.format);
    words_free(&map->kinds);
    words_free(&map->statuses);
    words_free(&map->directions);
    g_free(map->comment);
    g_free(map->footer);
    g_free(map->format);
    time_zone_close(map->zone);
    g_free(map);
}

void csv_map_auto(struct csv_map **map) {
    csv_map_free(*map);
}

struct map_shape csv_map_shape(const struct csv_map *map) {
    return map->shape;
}

/* ---- the file that Holdfast writes itself ---- */

#define P(c)                                                                                       \
    { .piece = (c) }
#define L(c)                                                                                       \
    { .literal = (c) }
#define DAY_AND_TIME                                                                               \
    P('Y'), L('-'), P('M'), L('-'), P('D'), L('T'), P('H'), L(':'), P('I'), L(':'), P('S')
static const struct csv_map canonical = {
    .shape = {.delimiter = ',', .quote = '"', .header = true},
    .columns =
        {
            [MAP_GATEWAY_ID] = {{"gateway_id"}, 1, 0},
            [MAP_REFERENCE] = {{"reference"}, 1, 0},
            [MAP_ORIGINAL_ID] = {{"original_id"}, 1, 0},
            [MAP_ORIGINAL_REFERENCE] = {{"original_reference"}, 1, 0},
            [MAP_BATCH] = {{"batch"}, 1, 0},
            [MAP_KIND] = {{"kind"}, 1, 0},
            [MAP_STATUS] = {{"status"}, 1, 0},
            [MAP_CURRENCY] = {{"currency"}, 1, 0},
            [MAP_GROSS] = {{"gross"}, 1, 0},
            [MAP_FEE] = {{"fee"}, 1, 0},
            [MAP_NET] = {{"net"}, 1, 0},
            [MAP_TIME] = {{"time"}, 1, 0},
            [MAP_METHOD] = {{"method"}, 1, 0},
            [MAP_DESCRIPTION] = {{"description"}, 1, 0},
        },
    .kinds = {kind_words, COUNT_OF(kind_words), NULL},
    .statuses = {status_words, COUNT_OF(status_words), NULL},
    .status = ROW_DONE,
    .style = {.minor = true},
    .sign = SIGN_AS_WRITTEN,
    .fee_sign = 1,
    .debit_sign = 1,
    .check_net = true,
    .patterns = {{"YYYY-MM-DDThh:mm:ssZ", 12, {DAY_AND_TIME, P('Z')}},
                 {"YYYY-MM-DDThh:mm:ss.fffZ", 14, {DAY_AND_TIME, L('.'), P('F'), P('Z')}}},
    .pattern_count = 2,
};

const struct csv_map *csv_map_canonical(void) {
    return &canonical;
}

unsigned csv_map_lacks(const struct csv_map *map) {
    unsigned tells = 0;
    if (map_has(map, MAP_KIND)) {
        for (int i = 0; i < map->kinds.count; i++) {
            tells |= row_kind_tells((enum row_kind)map->kinds.words[i].value);
        }
    } else if (map->kind != 0) {
        tells = row_kind_tells(map->kind);
    } else {
        tells = row_kind_tells(map->positive) | row_kind_tells(map->negative);
    }
    return TELLS_ALL & ~tells;
}

bool csv_map_sums(const struct csv_map *map, enum map_role role) {
    return map->sums[role];
}
