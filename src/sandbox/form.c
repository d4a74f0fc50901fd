/* SPDX-License-Identifier: Apache-2.0
 * form.c: reads form-encoded parameters. */
#include "sandbox/form.h"

static int hex_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Decodes into `to`, which has room for as much, and ends it. Returns what follows, or NULL. */
static char *decode(const char *text, size_t count, char *to) {
    for (size_t i = 0; i < count; i++, to++) {
        *to = text[i] == '+' ? ' ' : text[i];
        if (text[i] == '%') {
            int high = count - i > 2 ? hex_of(text[i + 1]) : -1;
            int low = count - i > 2 ? hex_of(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return NULL;
            }
            *to = (char)(high * 16 + low);
            i += 2;
        }
        if (*to == '\0') {
            return NULL;
        }
    }
    *to = '\0';
    return to + 1;
}

/* Adds the pairs of one text. `*at` is where the form's memory goes on. */
static int read_pairs(struct sb_form *form, const char *text, size_t count, char **at,
                      struct err *err) {
    const char *end = text + count;
    while (text < end) {
        const char *stop = memchr(text, '&', (size_t)(end - text));
        stop = stop != NULL ? stop : end;
        const char *equals = memchr(text, '=', (size_t)(stop - text));
        const char *name_end = equals != NULL ? equals : stop;
        if (stop == text) {
            text++;
            continue;
        }
        if (form->count == SB_FORM_MAX) {
            return err_set(err, ERR_TOO_LARGE, "there are more than %d parameters", SB_FORM_MAX);
        }
        struct sb_param *param = &form->params[form->count++];
        param->name = *at;
        char *next = decode(text, (size_t)(name_end - text), *at);
        param->value = next;
        if (next != NULL) {
            const char *value = equals != NULL ? equals + 1 : stop;
            next = decode(value, (size_t)(stop - value), next);
        }
        if (next == NULL || param->name[0] == '\0') {
            return err_set(err, ERR_BAD_REQUEST, "a parameter has no name, a NUL or a bad escape");
        }
        *at = next;
        text = stop < end ? stop + 1 : end;
    }
    return 0;
}

int sb_form_read(struct sb_form *form, const char *query, const char *body, size_t body_bytes,
                 struct err *err) {
    size_t query_bytes = strlen(query);
    form->count = 0;
    /* Decoding never makes anything longer; each pair ends with two NULs, one of them in place of
     * its '='. */
    form->memory = malloc(query_bytes + body_bytes + 2 * SB_FORM_MAX + 2);
    INVARIANT(form->memory != NULL, "no memory for a form");
    char *at = form->memory;
    int rc = read_pairs(form, query, query_bytes, &at, err);
    return rc < 0 ? rc : read_pairs(form, body, body_bytes, &at, err);
}

void sb_form_release(struct sb_form *form) {
    free(form->memory);
    form->memory = NULL;
    form->count = 0;
}

const char *sb_form_get(const struct sb_form *form, const char *name) {
    for (int i = form->count - 1; i >= 0; i--) {
        if (strcmp(form->params[i].name, name) == 0) {
            return form->params[i].value;
        }
    }
    return NULL;
}

size_t sb_form_stem(const char *name) {
    return strcspn(name, "[");
}
