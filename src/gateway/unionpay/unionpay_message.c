/* SPDX-License-Identifier: Apache-2.0
 * unionpay_message.c: a message's fields, read and written in the forms in which it travels. */
#include "gateway/unionpay/unionpay_message.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

void unionpay_message_release(struct unionpay_message *message) {
    for (int i = 0; i < message->count; i++) {
        free(message->fields[i].owned);
    }
    free(message->text);
    *message = (struct unionpay_message){0};
}

static struct unionpay_field *find(const struct unionpay_message *message, const char *name) {
    for (int i = 0; i < message->count; i++) {
        if (strcmp(message->fields[i].name, name) == 0) {
            return (struct unionpay_field *)&message->fields[i];
        }
    }
    return NULL;
}

const char *unionpay_get(const struct unionpay_message *message, const char *name) {
    const struct unionpay_field *field = find(message, name);
    return field != NULL ? field->value : "";
}

static void unset(struct unionpay_message *message, struct unionpay_field *field) {
    free(field->owned);
    size_t behind = (size_t)(message->fields + message->count - (field + 1));
    memmove(field, field + 1, behind * sizeof(*field));
    message->count--;
}

void unionpay_set(struct unionpay_message *message, const char *name, const char *value) {
    struct unionpay_field *old = find(message, name);
    size_t name_bytes = strlen(name) + 1;
    if (old != NULL) {
        unset(message, old);
    }
    if (value == NULL || value[0] == '\0') {
        return;
    }
    INVARIANT(message->count < UNIONPAY_FIELDS_MAX, "what is sent has fewer fields");
    size_t value_bytes = strlen(value) + 1;
    char *owned = malloc(name_bytes + value_bytes);
    INVARIANT(owned != NULL, "out of memory");
    memcpy(owned, name, name_bytes);
    memcpy(owned + name_bytes, value, value_bytes);
    message->fields[message->count++] = (struct unionpay_field){owned, owned + name_bytes, owned};
}

/* ---- reading ---- */

static bool name_ok(const char *name) {
    size_t count = strlen(name);
    return count >= 1 && count <= UNIONPAY_NAME_CHARS_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == count;
}

static bool value_ok(const char *value, size_t count) {
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < 0x20 && c != '\r' && c != '\n' && c != '\t') || c == 0x7F) {
            return false;
        }
    }
    return g_utf8_validate(value, (gssize)count, NULL);
}

/* Takes name and value, both ending in a NUL within the message's text. */
static int take(struct unionpay_message *message, const char *name, const char *value,
                size_t value_bytes, struct err *err) {
    if (!name_ok(name)) {
        return err_set(err, ERR_BAD_REQUEST,
                       "a field's name is empty, too long or holds a "
                       "character that none has");
    }
    if (!value_ok(value, value_bytes)) {
        return err_set(err, ERR_BAD_REQUEST, "the field '%s' is not plain UTF-8 text", name);
    }
    if (find(message, name) != NULL) {
        return err_set(err, ERR_BAD_REQUEST, "the field '%s' stands twice", name);
    }
    if (message->count == UNIONPAY_FIELDS_MAX) {
        return err_set(err, ERR_TOO_LARGE, "the message has more than %d fields",
                       UNIONPAY_FIELDS_MAX);
    }
    message->fields[message->count++] = (struct unionpay_field){name, value, NULL};
    return 0;
}

/* The '&' behind the value that begins at `at`, or the end; NULL when a bracket is not closed, or
 * they are nested too deeply. A closing bracket that nothing opened is a plain character. */
static char *value_end(char *at, char *end) {
    char closers[UNIONPAY_NESTING_MAX];
    int depth = 0;
    for (; at < end; at++) {
        if (*at == '&' && depth == 0) {
            return at;
        }
        if (*at == '{' || *at == '[') {
            if (depth == UNIONPAY_NESTING_MAX) {
                return NULL;
            }
            closers[depth++] = *at == '{' ? '}' : ']';
        } else if (depth > 0 && *at == closers[depth - 1]) {
            depth--;
        }
    }
    return depth == 0 ? end : NULL;
}

bool unionpay_message_is_plain(const struct unionpay_message *message) {
    for (int i = 0; i < message->count; i++) {
        char *value = (char *)message->fields[i].value;
        char *end = value + strlen(value);
        if (value_end(value, end) != end) {
            return false;
        }
    }
    return true;
}

static int read_fields(struct unionpay_message *message, char *at, char *end, struct err *err) {
    while (at < end) {
        char *equals = memchr(at, '=', (size_t)(end - at));
        if (equals == NULL) {
            return err_set(err, ERR_BAD_REQUEST, "a field has no value");
        }
        char *stop = value_end(equals + 1, end);
        if (stop == NULL) {
            return err_set(err, ERR_BAD_REQUEST, "a field's brackets are not closed");
        }
        *equals = '\0';
        *stop = '\0'; /* at the end there is room for it */
        int rc = take(message, at, equals + 1, (size_t)(stop - equals - 1), err);
        if (rc < 0) {
            return rc;
        }
        if (stop + 1 == end) {
            return err_set(err, ERR_BAD_REQUEST, "the message ends with an '&'");
        }
        at = stop + 1;
    }
    return 0;
}

static int keep_text(struct unionpay_message *message, const char *text, size_t count,
                     size_t bytes_max, struct err *err) {
    if (count > bytes_max) {
        return err_set(err, ERR_TOO_LARGE, "the message is longer than %zu bytes", bytes_max);
    }
    if (count == 0 || memchr(text, '\0', count) != NULL) {
        return err_set(err, ERR_BAD_REQUEST, "the message is empty or holds a NUL");
    }
    message->text = malloc(count + 1);
    INVARIANT(message->text != NULL, "out of memory");
    memcpy(message->text, text, count);
    message->text[count] = '\0';
    return 0;
}

int unionpay_message_read(struct unionpay_message *message, const char *text, size_t count,
                          size_t bytes_max, struct err *err) {
    if (count >= 2 && text[0] == '{' && text[count - 1] == '}') {
        text++;
        count -= 2;
    }
    int rc = keep_text(message, text, count, bytes_max, err);
    if (rc == 0) {
        rc = read_fields(message, message->text, message->text + count, err);
    }
    if (rc < 0) {
        unionpay_message_release(message);
    }
    return rc;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Decodes in place; '+' is a blank. Returns the length, or -1. */
static int64_t decode(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from == '+' ? ' ' : *from;
            continue;
        }
        int high = hex_digit(from[1]);
        int low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || (high == 0 && low == 0)) {
            return -1;
        }
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return to - text;
}

static int read_form(struct unionpay_message *message, char *at, struct err *err) {
    for (char *next = at; at != NULL; at = next) {
        next = strchr(at, '&');
        if (next != NULL) {
            *next++ = '\0';
        }
        char *equals = strchr(at, '=');
        if (equals == NULL) {
            return err_set(err, ERR_BAD_REQUEST, "a field has no value");
        }
        *equals = '\0';
        int64_t value_bytes = decode(equals + 1);
        if (decode(at) < 0 || value_bytes < 0) {
            return err_set(err, ERR_BAD_REQUEST, "the form holds a bad escape");
        }
        int rc = take(message, at, equals + 1, (size_t)value_bytes, err);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

int unionpay_message_read_form(struct unionpay_message *message, const char *body, size_t count,
                               size_t bytes_max, struct err *err) {
    int rc = keep_text(message, body, count, bytes_max, err);
    if (rc == 0) {
        rc = read_form(message, message->text, err);
    }
    if (rc < 0) {
        unionpay_message_release(message);
    }
    return rc;
}

/* ---- writing ---- */

static int by_name(const void *a, const void *b) {
    const struct unionpay_field *const *one = a;
    const struct unionpay_field *const *other = b;
    return strcmp((*one)->name, (*other)->name);
}

void unionpay_message_base(const struct unionpay_message *message, struct buf *out) {
    const struct unionpay_field *sorted[UNIONPAY_FIELDS_MAX];
    size_t count = 0;
    for (int i = 0; i < message->count; i++) {
        if (strcmp(message->fields[i].name, "signature") != 0) {
            sorted[count++] = &message->fields[i];
        }
    }
    qsort(sorted, count, sizeof(sorted[0]), by_name);
    for (size_t i = 0; i < count; i++) {
        buf_add_text(out, i > 0 ? "&" : "");
        buf_add_text(out, sorted[i]->name);
        buf_add_char(out, '=');
        buf_add_text(out, sorted[i]->value);
    }
}

void unionpay_message_form(const struct unionpay_message *message, struct buf *out) {
    for (int i = 0; i < message->count; i++) {
        buf_add_text(out, i > 0 ? "&" : "");
        buf_add_text(out, message->fields[i].name);
        buf_add_char(out, '=');
        buf_add_urlencoded(out, message->fields[i].value);
    }
}

void unionpay_message_raw(const struct unionpay_message *message, struct buf *out) {
    for (int i = 0; i < message->count; i++) {
        buf_add_text(out, i > 0 ? "&" : "");
        buf_add_text(out, message->fields[i].name);
        buf_add_char(out, '=');
        buf_add_text(out, message->fields[i].value);
    }
}
