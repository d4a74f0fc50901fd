/* SPDX-License-Identifier: Apache-2.0
 * notice.c: what a notice may say, how it is stored, and its words. */
#include "watch/notice.h"

#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

enum word {
#define X(ID, en, zh) WORD_##ID,
#include "watch/notice_words.def"
#undef X
    WORDS,
};
static const char *const words[WORDS][NOTICE_LANGUAGES] = {
#define X(ID, en, zh) {en, zh},
#include "watch/notice_words.def"
#undef X
};

static const char *const state_names[NOTICE_STATES] = {"?", "firing", "acknowledged", "resolved",
                                                       "test"};
static const enum word state_words[NOTICE_STATES] = {
    [NOTICE_FIRING] = WORD_FIRING,
    [NOTICE_ACKNOWLEDGED] = WORD_ACKNOWLEDGED,
    [NOTICE_RESOLVED] = WORD_RESOLVED,
    [NOTICE_TEST] = WORD_TEST,
};
static const char *const severity_names[NOTICE_SEVERITIES] = {"P0", "P1", "P2", "P3"};
static const char *const language_names[NOTICE_LANGUAGES] = {"en", "zh"};

static int index_of(const char *name, const char *const *names, int count) {
    for (int i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

const char *notice_state_name(enum notice_state state) {
    return state > 0 && state < NOTICE_STATES ? state_names[state] : "?";
}

bool notice_state_parse(const char *name, enum notice_state *ret_state) {
    int found = index_of(name, state_names + 1, NOTICE_STATES - 1);
    if (found >= 0) {
        *ret_state = (enum notice_state)(found + 1);
    }
    return found >= 0;
}

const char *notice_severity_name(enum notice_severity severity) {
    return severity < NOTICE_SEVERITIES ? severity_names[severity] : "?";
}

bool notice_severity_parse(const char *name, enum notice_severity *ret_severity) {
    int found = index_of(name, severity_names, NOTICE_SEVERITIES);
    if (found >= 0) {
        *ret_severity = (enum notice_severity)found;
    }
    return found >= 0;
}

const char *notice_language_name(enum notice_language language) {
    return language < NOTICE_LANGUAGES ? language_names[language] : "?";
}

bool notice_language_parse(const char *name, enum notice_language *ret_language) {
    int found = index_of(name, language_names, NOTICE_LANGUAGES);
    if (found >= 0) {
        *ret_language = (enum notice_language)found;
    }
    return found >= 0;
}

/* ---- its fields ---- */

enum shape { SHAPE_NAME, SHAPE_LINE, SHAPE_LINES, SHAPE_URL };
struct field {
    const char *key;
    size_t offset;
    enum shape shape;
    bool needed;
};
#define FIELD(member, shape, needed)                                                               \
    { #member, offsetof(struct notice, member), shape, needed }
static const struct field fields[] = {
    FIELD(fingerprint, SHAPE_NAME, true), FIELD(kind, SHAPE_NAME, true),
    FIELD(title, SHAPE_LINE, true),       FIELD(summary, SHAPE_LINES, false),
    FIELD(scope, SHAPE_LINES, false),     FIELD(money, SHAPE_LINES, false),
    FIELD(cause, SHAPE_LINES, false),
    FIELD(action, SHAPE_LINES, false),    FIELD(runbook, SHAPE_URL, false),
    FIELD(link, SHAPE_URL, false),        FIELD(subject, SHAPE_NAME, false),
    FIELD(reason, SHAPE_LINE, false),     FIELD(text, SHAPE_LINES, false),
};
static const size_t bytes_max[] = {
    [SHAPE_NAME] = NOTICE_NAME_BYTES_MAX,
    [SHAPE_LINE] = NOTICE_TITLE_BYTES_MAX,
    [SHAPE_LINES] = NOTICE_TEXT_BYTES_MAX,
    [SHAPE_URL] = NOTICE_URL_BYTES_MAX,
};

static const char **field_of(struct notice *notice, const struct field *field) {
    return (const char **)((char *)notice + field->offset);
}

static const char *text_of(const struct notice *notice, const struct field *field) {
    const char *text = *(const char *const *)((const char *)notice + field->offset);
    return text != NULL ? text : "";
}

/* Nothing that would end a link where it is written, whatever the markup there. */
static bool is_url(const char *text) {
    if (strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0) {
        return false;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || strchr("\"<>\\^`{|}()[]", *c) != NULL) {
            return false;
        }
    }
    return true;
}

static int check_text(const char *place, const char *text, enum shape shape, bool needed,
                      struct err *err) {
    size_t bytes = strlen(text);
    const char *problem = NULL;
    if (bytes == 0 && needed) {
        problem = "is missing";
    } else if (bytes > bytes_max[shape]) {
        problem = "is too long";
    } else if (!g_utf8_validate(text, -1, NULL)) {
        problem = "is not UTF-8";
    } else if (text_has_controls(text, shape == SHAPE_LINES)) {
        problem = "holds a control character";
    } else if (bytes > 0 && shape == SHAPE_URL && !is_url(text)) {
        problem = "is no plain http or https address";
    }
    if (problem == NULL) {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "a notice's %s %s", place, problem);
    return err_place(err, "/%s", place);
}

int notice_check(const struct notice *notice, struct err *err) {
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(fields); i++) {
        r = check_text(fields[i].key, text_of(notice, &fields[i]), fields[i].shape,
                       fields[i].needed, err);
    }
    if (r >= 0 && (notice->state < NOTICE_FIRING || notice->state >= NOTICE_STATES ||
                   notice->severity >= NOTICE_SEVERITIES || notice->language >= NOTICE_LANGUAGES)) {
        r = err_set(err, ERR_VALIDATION, "a notice's state, severity or language is not one");
    }
    if (r >= 0 && (notice->label_count < 0 || notice->label_count > NOTICE_LABELS_MAX ||
                   notice->also_count < 0 || notice->also_count > NOTICE_ALSO_MAX)) {
        r = err_set(err, ERR_VALIDATION, "a notice has at most %d labels", NOTICE_LABELS_MAX);
    }
    for (int i = 0; r >= 0 && i < notice->label_count; i++) {
        r = check_text("labels", notice->labels[i].name, SHAPE_NAME, true, err);
        r = r < 0 ? r : check_text("labels", notice->labels[i].value, SHAPE_LINE, false, err);
    }
    for (int i = 0; r >= 0 && i < notice->also_count; i++) {
        r = check_text("also", notice->also[i], SHAPE_LINES, true, err);
    }
    return r;
}

/* ---- stored ---- */

void notice_write(const struct notice *notice, struct buf *buf) {
    buf_addf(buf,
             "{\"state\":%d,\"severity\":%d,\"language\":%d,\"first_symptom_us\":%lld,"
             "\"found_us\":%lld,\"ended_us\":%lld,\"also_more\":%d",
             (int)notice->state, (int)notice->severity, (int)notice->language,
             (long long)notice->first_symptom_us, (long long)notice->found_us,
             (long long)notice->ended_us, notice->also_more);
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        const char *text = text_of(notice, &fields[i]);
        if (text[0] != '\0') {
            buf_addf(buf, ",\"%s\":", fields[i].key);
            buf_add_json(buf, text);
        }
    }
    buf_add_text(buf, ",\"labels\":[");
    for (int i = 0; i < notice->label_count; i++) {
        buf_add_text(buf, i > 0 ? ",[" : "[");
        buf_add_json(buf, notice->labels[i].name);
        buf_add_char(buf, ',');
        buf_add_json(buf, notice->labels[i].value);
        buf_add_char(buf, ']');
    }
    buf_add_text(buf, "],\"also\":[");
    for (int i = 0; i < notice->also_count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        buf_add_json(buf, notice->also[i]);
    }
    buf_add_text(buf, "]}");
}

static const char *kept(struct arena *arena, const json_t *value) {
    const char *text = json_string_value(value);
    return arena_copy(arena, text != NULL ? text : "");
}

static int64_t number(const json_t *json, const char *key) {
    return json_peek_int(json, 0, key, NULL);
}

int notice_read(struct arena *arena, const char *json_text, size_t bytes, struct notice *ret_notice,
                struct err *err) {
    JSON_AUTO json = NULL;
    int r = json_read(json_text, bytes, NOTICE_JSON_BYTES_MAX, JSON_DEPTH_MAX, &json, err);
    if (r < 0) {
        return r;
    }
    struct notice notice = {
        .state = (enum notice_state)number(json, "state"),
        .severity = (enum notice_severity)number(json, "severity"),
        .language = (enum notice_language)number(json, "language"),
        .first_symptom_us = number(json, "first_symptom_us"),
        .found_us = number(json, "found_us"),
        .ended_us = number(json, "ended_us"),
        .also_more = (int)number(json, "also_more"),
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        *field_of(&notice, &fields[i]) = kept(arena, json_object_get(json, fields[i].key));
    }
    const json_t *labels = json_object_get(json, "labels");
    for (size_t i = 0; i < json_array_size(labels) && i < NOTICE_LABELS_MAX; i++) {
        const json_t *label = json_array_get(labels, i);
        notice.labels[notice.label_count++] = (struct notice_label){
            kept(arena, json_array_get(label, 0)), kept(arena, json_array_get(label, 1))};
    }
    const json_t *also = json_object_get(json, "also");
    for (size_t i = 0; i < json_array_size(also) && i < NOTICE_ALSO_MAX; i++) {
        notice.also[notice.also_count++] = kept(arena, json_array_get(also, i));
    }
    r = notice_check(&notice, err);
    if (r >= 0) {
        *ret_notice = notice;
    }
    return r;
}

/* ---- written out ---- */

static const char *word_of(const struct notice *notice, enum word word) {
    return words[word][notice->language];
}

void notice_headline(const struct notice *notice, struct buf *buf) {
    buf_addf(buf, "[%s] %s: ", notice_severity_name(notice->severity),
             word_of(notice, state_words[notice->state]));
    buf_add_text(buf, notice->title);
}

/* The lines as they are gathered. */
struct lines {
    const struct notice *notice;
    struct arena *arena;
    struct notice_line *lines;
    int count;
};

static void add(struct lines *lines, const char *name, const char *value, bool url) {
    if (value != NULL && value[0] != '\0') {
        INVARIANT(lines->count < NOTICE_LINES_MAX, "every line of a notice has room");
        lines->lines[lines->count++] = (struct notice_line){name, value, url};
    }
}

static void add_word(struct lines *lines, enum word word, const char *value, bool url) {
    add(lines, word_of(lines->notice, word), value, url);
}

static void add_time(struct lines *lines, enum word word, int64_t wall_us) {
    char time[CLOCK_TEXT_MAX];
    if (wall_us > 0) {
        add_word(lines, word,
                 arena_printf(lines->arena, "%s UTC", clock_format_at(wall_us, 0, time)), false);
    }
}

static void add_labels(struct lines *lines) {
    const struct notice *notice = lines->notice;
    BUF_AUTO buf;
    buf_init(&buf, NOTICE_JSON_BYTES_MAX);
    for (int i = 0; i < notice->label_count; i++) {
        buf_add_text(&buf, i > 0 ? ", " : "");
        buf_add_text(&buf, notice->labels[i].name);
        buf_add_char(&buf, '=');
        buf_add_text(&buf, notice->labels[i].value);
    }
    add_word(lines, WORD_LABELS, arena_copy(lines->arena, buf.data), false);
}

static void add_also(struct lines *lines) {
    const struct notice *notice = lines->notice;
    BUF_AUTO buf;
    buf_init(&buf, NOTICE_JSON_BYTES_MAX);
    for (int i = 0; i < notice->also_count; i++) {
        buf_add_text(&buf, i > 0 ? "\n" : "");
        buf_add_text(&buf, notice->also[i]);
    }
    if (notice->also_more > 0) {
        buf_addf(&buf, "%s%s%d%s", buf.len > 0 ? "\n" : "", word_of(notice, WORD_MORE_BEFORE),
                 notice->also_more, word_of(notice, WORD_MORE_AFTER));
    }
    add_word(lines, WORD_ALSO, arena_copy(lines->arena, buf.data), false);
}

int notice_lines(const struct notice *notice, struct arena *arena,
                 struct notice_line ret_lines[NOTICE_LINES_MAX]) {
    struct lines lines = {notice, arena, ret_lines, 0};
    if (notice->text != NULL && notice->text[0] != '\0') {
        add(&lines, "", notice->text, false);
    } else {
        add(&lines, "", notice->summary, false);
        add_word(&lines, WORD_SCOPE, notice->scope, false);
        add_word(&lines, WORD_MONEY, notice->money, false);
        add_time(&lines, WORD_FIRST_SYMPTOM, notice->first_symptom_us);
        add_time(&lines, WORD_FOUND, notice->found_us);
        add_time(&lines, WORD_ENDED, notice->ended_us);
        if (notice->state != NOTICE_RESOLVED) {
            add_word(&lines, WORD_CAUSE, notice->cause, false);
            add_word(&lines, WORD_ACTION, notice->action, false);
        }
        add_word(&lines, WORD_RUNBOOK, notice->runbook, true);
        add_word(&lines, WORD_LINK, notice->link, true);
        add_word(&lines, WORD_REASON, notice->reason, false);
        add_labels(&lines);
        add_word(&lines, WORD_SUBJECT, notice->subject, false);
    }
    add_also(&lines);
    return lines.count;
}

void notice_plain(const struct notice *notice, struct buf *buf) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct notice_line lines[NOTICE_LINES_MAX];
    int count = notice_lines(notice, arena, lines);
    for (int i = 0; i < count; i++) {
        bool several = strchr(lines[i].value, '\n') != NULL;
        buf_add_text(buf, i > 0 ? "\n" : "");
        buf_add_text(buf, lines[i].name);
        buf_add_text(buf, lines[i].name[0] == '\0' ? "" : several ? ":\n" : ": ");
        buf_add_text(buf, lines[i].value);
    }
}

size_t notice_cut(char *text, size_t bytes) {
    static const char dots[] = "…";
    size_t length = strlen(text);
    if (length <= bytes) {
        return length;
    }
    INVARIANT(bytes >= sizeof dots, "there is room for one character and the dots");
    size_t at = bytes - (sizeof dots - 1);
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80) {
        at--;
    }
    memcpy(text + at, dots, sizeof dots);
    return at + sizeof dots - 1;
}

void notice_cut_buf(struct buf *buf, size_t from, size_t bytes) {
    buf->len = from + notice_cut(buf->data + from, bytes);
}
