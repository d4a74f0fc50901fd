/* SPDX-License-Identifier: Apache-2.0
 * alert_match.c: see alert_match.h. */
#include "watch/alert_match.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"

static const char name_letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
enum { LABELS_BYTES_MAX = 32 * 1024 };

const char *face_value(const struct alert_face *face, const char *name) {
    if (strcmp(name, "rule") == 0) {
        return face->rule;
    }
    if (strcmp(name, "severity") == 0) {
        return notice_severity_name(face->severity);
    }
    if (strcmp(name, "team") == 0) {
        return alert_team_name(face->team);
    }
    for (int i = 0; i < face->label_count; i++) {
        if (strcmp(face->labels[i].name, name) == 0) {
            return face->labels[i].value;
        }
    }
    return "";
}

/* ---- matchers ---- */

static int bad_matcher(const char *text, const char *why, struct err *err) {
    char shown[80];
    text_shown(text, strlen(text), shown, sizeof shown);
    err_set(err, ERR_VALIDATION, "the matcher '%s' %s", shown, why);
    return err_hint(err, "Write gateway=stripe-eu, gateway!=stripe-eu or method~wechat*; besides "
                         "labels there are rule, severity and team.");
}

int matcher_read(struct arena *arena, const char *text, struct matcher *ret_matcher,
                 struct err *err) {
    size_t name_bytes = strspn(text, name_letters);
    const char *rest = text + name_bytes;
    enum match_how how = rest[0] == '~' ? MATCH_LIKE : rest[0] == '!' ? MATCH_NOT : MATCH_IS;
    const char *value = rest + (how == MATCH_NOT ? 2 : 1);
    if (strlen(text) > MATCHER_CHARS_MAX || !g_utf8_validate(text, -1, NULL) ||
        text_has_controls(text, false)) {
        return bad_matcher(text, "is too long or not one line of text", err);
    }
    if (name_bytes == 0 || rest[0] == '\0' || strchr("~!=", rest[0]) == NULL ||
        (how == MATCH_NOT && rest[1] != '=')) {
        return bad_matcher(text, "is not a name, one of = != ~ and a value", err);
    }
    enum notice_severity severity;
    enum alert_team team;
    const char *name = arena_copy_bytes(arena, text, name_bytes);
    if (how != MATCH_LIKE && strcmp(name, "severity") == 0 &&
        !notice_severity_parse(value, &severity)) {
        return bad_matcher(text, "names no severity: P0 to P3", err);
    }
    if (how != MATCH_LIKE && strcmp(name, "team") == 0 && !alert_team_parse(value, &team)) {
        return bad_matcher(text, "names no team: operations, engineering, product, support", err);
    }
    *ret_matcher = (struct matcher){name, arena_copy(arena, value), how};
    return 0;
}

int matchers_read(struct arena *arena, char *const *texts, unsigned count,
                  struct matchers *ret_matchers, struct err *err) {
    *ret_matchers = (struct matchers){0};
    if (count > MATCHERS_MAX) {
        return err_set(err, ERR_VALIDATION, "there are at most %d matchers", MATCHERS_MAX);
    }
    int r = 0;
    for (unsigned i = 0; r >= 0 && i < count; i++) {
        r = matcher_read(arena, texts[i], &ret_matchers->rows[ret_matchers->count++], err);
    }
    return r;
}

void matchers_split(struct arena *arena, const char *text, struct matchers *ret_matchers) {
    *ret_matchers = (struct matchers){0};
    while (text[0] != '\0' && ret_matchers->count < MATCHERS_MAX) {
        size_t bytes = strcspn(text, ",\n");
        if (bytes > 0) {
            int r = matcher_read(arena, arena_copy_bytes(arena, text, bytes),
                                 &ret_matchers->rows[ret_matchers->count++], NULL);
            INVARIANT(r >= 0, "what the program has written it reads");
        }
        text += bytes + (text[bytes] != '\0' ? 1 : 0);
    }
}

static bool fits(const struct matcher *matcher, const char *value) {
    switch (matcher->how) {
    case MATCH_IS:
        return strcmp(matcher->value, value) == 0;
    case MATCH_NOT:
        return strcmp(matcher->value, value) != 0;
    default:
        return g_pattern_match_simple(matcher->value, value);
    }
}

bool matchers_fit(const struct matchers *matchers, const struct alert_face *face) {
    for (int i = 0; i < matchers->count; i++) {
        if (!fits(&matchers->rows[i], face_value(face, matchers->rows[i].name))) {
            return false;
        }
    }
    return true;
}

/* ---- labels ---- */

static int by_name(const void *a, const void *b) {
    const struct notice_label *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static int bad_label(int index, const char *why, struct err *err) {
    err_set(err, ERR_VALIDATION, "%s", why);
    return err_place(err, "/labels/%d", index);
}

int labels_read(struct arena *arena, const struct notice_label *labels, int count,
                struct notice_label **ret_labels, int *ret_count, struct err *err) {
    if (count < 0 || count > ALERT_LABELS_MAX) {
        return bad_label(ALERT_LABELS_MAX, "an alert has at most 32 labels", err);
    }
    struct notice_label *list = arena_alloc(arena, sizeof *list * (size_t)(count + 1));
    int kept = 0;
    for (int i = 0; i < count; i++) {
        const char *name = labels[i].name != NULL ? labels[i].name : "";
        const char *value = labels[i].value != NULL ? labels[i].value : "";
        size_t bytes = strlen(name);
        if (bytes == 0 || bytes > NOTICE_NAME_BYTES_MAX || strspn(name, name_letters) != bytes) {
            return bad_label(i, "a label's name is of letters, digits, '_', '.' and '-'", err);
        }
        if (!g_utf8_validate(value, -1, NULL) || text_has_controls(value, false)) {
            return bad_label(i, "a label's value is one line of text", err);
        }
        if (value[0] != '\0') {
            char *copy = arena_copy(arena, value);
            (void)notice_cut(copy, NOTICE_TITLE_BYTES_MAX);
            list[kept++] = (struct notice_label){arena_copy(arena, name), copy};
        }
    }
    qsort(list, (size_t)kept, sizeof *list, by_name);
    for (int i = 1; i < kept; i++) {
        if (strcmp(list[i - 1].name, list[i].name) == 0) {
            return bad_label(i, "a label is given twice", err);
        }
    }
    *ret_labels = list;
    *ret_count = kept;
    return 0;
}

const char *labels_write(struct arena *arena, const struct notice_label *labels, int count) {
    BUF_AUTO buf;
    buf_init(&buf, LABELS_BYTES_MAX);
    for (int i = 0; i < count; i++) {
        buf_add_text(&buf, labels[i].name);
        buf_add_char(&buf, '=');
        buf_add_text(&buf, labels[i].value);
        buf_add_char(&buf, '\n');
    }
    return arena_copy(arena, buf.data);
}

int labels_parse(struct arena *arena, const char *text, struct notice_label **ret_labels) {
    struct notice_label *list = arena_alloc(arena, sizeof *list * (ALERT_LABELS_MAX + 1));
    int count = 0;
    while (text[0] != '\0' && count < ALERT_LABELS_MAX) {
        size_t name = strcspn(text, "=\n"), line = strcspn(text, "\n");
        if (name < line) {
            list[count++] = (struct notice_label){
                arena_copy_bytes(arena, text, name),
                arena_copy_bytes(arena, text + name + 1, line - name - 1)};
        }
        text += line + (text[line] != '\0' ? 1 : 0);
    }
    *ret_labels = list;
    return count;
}

void alert_digest(const char *kind, const char *text, char ret_digest[ALERT_DIGEST_CHARS + 1]) {
    char hex[SHA256_HEX_CHARS + 1];
    struct sha256 *digest = crypto_sha256_begin();
    crypto_sha256_add(digest, kind, strlen(kind) + 1);
    crypto_sha256_add(digest, text, strlen(text));
    crypto_sha256_end_hex(digest, hex);
    memcpy(ret_digest, hex, ALERT_DIGEST_CHARS);
    ret_digest[ALERT_DIGEST_CHARS] = '\0';
}
