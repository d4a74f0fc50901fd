/* SPDX-License-Identifier: Apache-2.0
 * template.c: see template.h. */
#include "comms/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "comms/lint.h"
#include "comms/template_impl.h"

enum { FILE_BYTES_MAX = LINT_TEXT_BYTES_MAX, SETS_MAX = AUDIENCES * SITUATIONS * LANGUAGES };
#define SUBJECT "Subject: "
#define SHORT "Short: "

static const struct field_row fields[FIELDS] = {
#define X(NAME, name, kind, what, english, chinese)                                                \
    {name, what, {english, chinese}, FIELD_KIND_##kind},
#include "comms/fields.def"
#undef X
};

const struct field_row *field_row(enum field field) {
    return &fields[field];
}

bool field_parse(const char *name, size_t chars, enum field *ret_field) {
    for (int i = 0; i < FIELDS; i++) {
        if (strlen(fields[i].name) == chars && strncmp(fields[i].name, name, chars) == 0) {
            *ret_field = (enum field)i;
            return true;
        }
    }
    return false;
}

/* The field whose braces open at `at`: its bytes with the braces, or 0. */
static size_t field_at(const char *at, enum field *ret_field) {
    size_t chars = at[0] == '{' ? strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;
    return chars > 0 && at[1 + chars] == '}' && field_parse(at + 1, chars, ret_field) ? chars + 2
                                                                                      : 0;
}

void template_fill(const char *text, const struct field_values *values, struct buf *buf) {
    while (*text != '\0') {
        enum field field = FIELD_PAYMENTS;
        size_t plain = strcspn(text, "{");
        buf_add(buf, text, plain);
        text += plain;
        size_t bytes = field_at(text, &field);
        if (bytes > 0 && values->of[field] != NULL) {
            buf_add_text(buf, values->of[field]);
            text += bytes;
        } else if (*text != '\0') {
            buf_add_char(buf, *text++);
        }
    }
}

bool template_has(const char *text, enum field field) {
    enum field found = FIELD_PAYMENTS;
    for (const char *at = strchr(text, '{'); at != NULL; at = strchr(at + 1, '{')) {
        if (field_at(at, &found) > 0 && found == field) {
            return true;
        }
    }
    return false;
}

bool template_uses(const struct template *one, enum field field) {
    return template_has(one->subject, field) || template_has(one->brief, field) ||
           template_has(one->text, field);
}

/* ---- reading ---- */

struct template_set {
    struct template template;
    char *bytes; /* that its texts stand in */
};
struct templates {
    struct template_set sets[SETS_MAX];
    int count;
};

static int wrong(struct err *err, const char *place, const char *what) {
    err_set(err, ERR_CONFIG, "%s", what);
    err_hint(err, "A template is \"Subject: …\", for customers \"Short: …\", an empty line, and "
                  "the text: docs/messages.md.");
    return err_place(err, "%s", place);
}

/* Cuts the line off that begins with `head`; NULL: it does not. */
static char *take_line(char **text, const char *head) {
    char *line = *text, *end = strchr(line, '\n');
    if (end == NULL || strncmp(line, head, strlen(head)) != 0) {
        return NULL;
    }
    *end = '\0';
    *text = end + 1;
    return line + strlen(head);
}

static int check_fields(const char *text, const char *place, struct err *err) {
    for (const char *at = strchr(text, '{'); at != NULL; at = strchr(at + 1, '{')) {
        enum field field = FIELD_PAYMENTS;
        if (field_at(at, &field) == 0) {
            err_set(err, ERR_CONFIG, "there is no field \"%.*s\"", (int)strcspn(at, " \n\""), at);
            return err_place(err, "%s", place);
        }
    }
    return 0;
}

static int read_set(struct template_set *set, const char *place, struct err *err) {
    struct template *one = &set->template;
    char *at = set->bytes;
    one->subject = take_line(&at, SUBJECT);
    if (one->subject == NULL) {
        return wrong(err, place, "the first line is not \"Subject: …\"");
    }
    one->brief = take_line(&at, SHORT);
    if (one->brief == NULL && one->audience == AUDIENCE_CUSTOMER) {
        return wrong(err, place, "a text for customers has no line \"Short: …\"");
    }
    one->brief = one->brief != NULL ? one->brief : "";
    if (*at != '\n') {
        return wrong(err, place, "no empty line stands before the text");
    }
    one->text = at + 1;
    size_t bytes = strlen(one->text);
    if (bytes > 0 && one->text[bytes - 1] == '\n') {
        at[bytes] = '\0';
    }
    int r = check_fields(one->subject, place, err);
    r = r < 0 ? r : check_fields(one->brief, place, err);
    return r < 0 ? r : check_fields(one->text, place, err);
}

static struct template_set *set_of(struct templates *templates, enum audience audience,
                                   enum situation situation, enum language language) {
    for (int i = 0; i < templates->count; i++) {
        const struct template *one = &templates->sets[i].template;
        if (one->audience == audience && one->situation == situation && one->language == language) {
            return &templates->sets[i];
        }
    }
    struct template_set *set = &templates->sets[templates->count++];
    set->template = (struct template){audience, situation, language, true, "", "", ""};
    return set;
}

static int read_shipped(struct templates *templates, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < template_source_count; i++) {
        const struct template_source *source = &template_sources[i];
        enum audience audience = AUDIENCE_CUSTOMER;
        enum situation situation = SITUATION_UPDATE;
        enum language language = LANGUAGE_EN;
        bool known = audience_parse(source->audience, &audience) &&
                     situation_parse(source->situation, &situation) &&
                     language_parse(source->language, &language);
        INVARIANT(known, "the texts that are built in have names of the tables");
        struct template_set *set = set_of(templates, audience, situation, language);
        set->bytes = strdup(source->text);
        r = read_set(set, source->situation, err);
    }
    return r;
}

static int read_file(struct templates *templates, const char *path, enum audience audience,
                     enum situation situation, enum language language, struct err *err) {
    struct file_face face = {0};
    struct err absent = {0};
    size_t count = 0;
    if (file_look(path, &face, &absent) < 0) {
        return 0;
    }
    char *bytes = calloc(1, FILE_BYTES_MAX + 2);
    int r = file_read(path, bytes, FILE_BYTES_MAX, &count, err);
    if (r < 0 || strlen(bytes) < count) {
        free(bytes);
        return r < 0 ? r : wrong(err, path, "a NUL stands in it");
    }
    struct template_set *set = set_of(templates, audience, situation, language);
    free(set->bytes);
    set->bytes = bytes;
    set->template.shipped = false;
    return read_set(set, path, err);
}

static int read_folder(struct templates *templates, const char *folder, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < SETS_MAX; i++) {
        enum audience audience = (enum audience)(i / (SITUATIONS * LANGUAGES));
        enum situation situation = (enum situation)(i / LANGUAGES % SITUATIONS);
        enum language language = (enum language)(i % LANGUAGES);
        char path[1024];
        if (audience == 0 || situation == 0) {
            continue;
        }
        int chars = snprintf(path, sizeof path, "%s/%s/%s.%s.txt", folder, audience_name(audience),
                             situation_row(situation)->name, language_name(language));
        r = chars < (int)sizeof path
                ? read_file(templates, path, audience, situation, language, err)
                : wrong(err, folder, "the folder's path is too long");
    }
    return r;
}

int templates_open(const char *folder, struct templates **ret_templates, struct err *err) {
    struct templates *templates = calloc(1, sizeof *templates);
    int r = read_shipped(templates, err);
    r = r < 0 || folder == NULL ? r : read_folder(templates, folder, err);
    if (r < 0) {
        templates_close(templates);
        return r;
    }
    *ret_templates = templates;
    return 0;
}

void templates_close(struct templates *templates) {
    for (int i = 0; templates != NULL && i < templates->count; i++) {
        free(templates->sets[i].bytes);
    }
    free(templates);
}

int templates_count(const struct templates *templates) {
    return templates->count;
}

const struct template *templates_at(const struct templates *templates, int index) {
    return &templates->sets[index].template;
}

const struct template *templates_find(const struct templates *templates, enum audience audience,
                                      enum situation situation, enum language language) {
    for (int i = 0; i < templates->count; i++) {
        const struct template *one = &templates->sets[i].template;
        if (one->audience == audience && one->situation == situation && one->language == language) {
            return one;
        }
    }
    return NULL;
}

bool template_name_parse(const char *name, enum audience *ret_audience,
                         enum situation *ret_situation) {
    char audience[24];
    const char *slash = strchr(name, '/');
    if (slash == NULL || (size_t)(slash - name) >= sizeof audience) {
        return false;
    }
    snprintf(audience, sizeof audience, "%.*s", (int)(slash - name), name);
    return audience_parse(audience, ret_audience) && situation_parse(slash + 1, ret_situation);
}
