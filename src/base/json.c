/* SPDX-License-Identifier: Apache-2.0
 * json.c: strict reading of JSON from strangers, over jansson.
 *
 * jansson quotes the bytes it stumbled over in its error text. Those bytes may be a card number or
 * a secret, so its text is never passed on: each of its codes has a sentence of ours instead. */
#include "base/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/json_plain.h"
#include "base/text.h"

enum {
    KEY_SHOWN_BYTES = 49,      /* of a stranger's key in an error */
    INT_SHOWN_MAX = 999999999, /* longer integers are not repeated: one may be a card number */
};

void json_auto(json_t **json) {
    json_decref(*json);
}

/* What jansson refused, in our words. */
static const char *refusal(enum json_error_code code) {
    switch (code) {
    case json_error_premature_end_of_input:
        return "the JSON ends too early";
    case json_error_end_of_input_expected:
        return "there are more bytes after the JSON value";
    case json_error_invalid_utf8:
        return "the text is not valid UTF-8";
    case json_error_null_character:
        return "a string holds a NUL character";
    case json_error_null_byte_in_key:
        return "a key holds a NUL character";
    case json_error_duplicate_key:
        return "an object has the same key twice";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_stack_overflow:
        return "the JSON is nested too deeply";
    case json_error_invalid_syntax:
    case json_error_invalid_format:
    default:
        return "this is not JSON";
    }
}

/* Line and column (both from 1, the column in bytes) of the byte at `offset`. */
static void line_and_column(const char *bytes, size_t offset, size_t *ret_line,
                            size_t *ret_column) {
    size_t line = 1;
    size_t start = 0;
    for (size_t i = 0; i < offset; i++) {
        if (bytes[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    *ret_line = line;
    *ret_column = offset - start + 1;
}

static int refuse_at(struct err *err, const char *bytes, size_t offset, const char *why) {
    size_t line = 0;
    size_t column = 0;
    line_and_column(bytes, offset, &line, &column);
    err_set(err, ERR_BAD_JSON, "%s", why);
    err_place(err, "line %zu, column %zu", line, column);
    return -ERR_BAD_JSON;
}

/* The offset of the bracket that opens one level too many, or `count`. jansson's parser recurses
 * once a level, so this stands before it. */
static size_t too_deep_at(const char *bytes, size_t count, int depth_max) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < count; i++) {
        char c = bytes[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
            continue;
        }
        if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > depth_max) {
                return i;
            }
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return count;
}

int json_read(const char *bytes, size_t count, size_t bytes_max, int depth_max, json_t **ret_json,
              struct err *err) {
    return json_read_named(bytes, count, bytes_max, depth_max, NULL, ret_json, err);
}

int json_read_named(const char *bytes, size_t count, size_t bytes_max, int depth_max,
                    const char *const *names, json_t **ret_json, struct err *err) {
    if (count > bytes_max) {
        return err_set(err, ERR_TOO_LARGE, "the JSON has %zu bytes; at most %zu are taken", count,
                       bytes_max);
    }
    if (bytes == NULL || count == 0) {
        err_set(err, ERR_BAD_JSON, "there is no JSON: the text is empty");
        err_place(err, "line 1, column 1");
        return -ERR_BAD_JSON;
    }
    /* jansson loses a NUL that follows a number, so it must never see one. */
    const char *nul = memchr(bytes, '\0', count);
    if (nul != NULL) {
        return refuse_at(err, bytes, (size_t)(nul - bytes), "the text holds a NUL byte");
    }
    json_t *plain = json_plain_read(bytes, count, depth_max, names);
    if (plain != NULL) {
        *ret_json = plain;
        return 0;
    }
    size_t deep = too_deep_at(bytes, count, depth_max);
    if (deep < count) {
        return refuse_at(err, bytes, deep, "the JSON is nested too deeply");
    }
    json_error_t error = {.position = 0};
    json_t *json = json_loadb(bytes, count, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (json == NULL) {
        size_t offset = error.position > 0 ? (size_t)error.position - 1 : 0;
        return refuse_at(err, bytes, offset < count ? offset : count - 1,
                         refusal(json_error_code(&error)));
    }
    *ret_json = json;
    return 0;
}

/* An error about one field: its sentence, then the field's JSON pointer as the place. */
static int refuse_field(struct err *err, const char *where, const char *key, const char *must) {
    err_set(err, ERR_VALIDATION, "%s %s", key, must);
    err_place(err, "%s/%s", where, key);
    return -ERR_VALIDATION;
}

/* *ret_field is NULL when the field is absent or null. */
static int field_of(const json_t *object, const char *where, const char *key,
                    const json_t **ret_field, struct err *err) {
    if (!json_is_object(object)) {
        err_set(err, ERR_VALIDATION, "this must be an object");
        err_place(err, "%s", where);
        return -ERR_VALIDATION;
    }
    const json_t *field = json_object_get(object, key);
    *ret_field = json_is_null(field) ? NULL : field;
    return 0;
}

static size_t chars_of(const char *text) {
    size_t chars = 0;
    for (const char *c = text; *c != '\0'; c++) {
        chars += ((unsigned char)*c & 0xC0) != 0x80;
    }
    return chars;
}

static int text_of(const json_t *field, const char *where, const char *key, size_t chars_min,
                   size_t chars_max, bool lines, const char **ret_text, struct err *err) {
    if (!json_is_string(field)) {
        return refuse_field(err, where, key, "must be a string");
    }
    const char *text = json_string_value(field);
    size_t chars = chars_of(text);
    if (chars < chars_min) {
        err_set(err, ERR_VALIDATION, chars == 0 ? "%s is empty" : "%s is too short", key);
        err_hint(err, "give %zu to %zu characters", chars_min, chars_max);
        err_place(err, "%s/%s", where, key);
        return -ERR_VALIDATION;
    }
    if (chars > chars_max) {
        err_set(err, ERR_VALIDATION, "%s has %zu characters; it may have %zu", key, chars,
                chars_max);
        err_place(err, "%s/%s", where, key);
        return -ERR_VALIDATION;
    }
    if (text_has_controls(text, lines)) {
        err_set(err, ERR_VALIDATION, "%s has a control character in it", key);
        err_hint(err, lines ? "Line ends and tabs are taken, and no others."
                            : "It is one line without tabs.");
        err_place(err, "%s/%s", where, key);
        return -ERR_VALIDATION;
    }
    *ret_text = text;
    return 0;
}

static int need_text(const json_t *object, const char *where, const char *key, size_t chars_min,
                     size_t chars_max, bool lines, const char **ret_text, struct err *err) {
    const json_t *field = NULL;
    int result = field_of(object, where, key, &field, err);
    if (result != 0) {
        return result;
    }
    if (field == NULL) {
        return refuse_field(err, where, key, "is missing");
    }
    return text_of(field, where, key, chars_min, chars_max, lines, ret_text, err);
}

static int may_text(const json_t *object, const char *where, const char *key, size_t chars_min,
                    size_t chars_max, bool lines, const char **ret_text, struct err *err) {
    const json_t *field = NULL;
    int result = field_of(object, where, key, &field, err);
    if (result != 0 || field == NULL) {
        return result;
    }
    return text_of(field, where, key, chars_min, chars_max, lines, ret_text, err);
}

int json_need_text(const json_t *object, const char *where, const char *key, size_t chars_min,
                   size_t chars_max, const char **ret_text, struct err *err) {
    return need_text(object, where, key, chars_min, chars_max, false, ret_text, err);
}

int json_may_text(const json_t *object, const char *where, const char *key, size_t chars_min,
                  size_t chars_max, const char **ret_text, struct err *err) {
    return may_text(object, where, key, chars_min, chars_max, false, ret_text, err);
}

int json_need_lines(const json_t *object, const char *where, const char *key, size_t chars_min,
                    size_t chars_max, const char **ret_text, struct err *err) {
    return need_text(object, where, key, chars_min, chars_max, true, ret_text, err);
}

int json_may_lines(const json_t *object, const char *where, const char *key, size_t chars_min,
                   size_t chars_max, const char **ret_text, struct err *err) {
    return may_text(object, where, key, chars_min, chars_max, true, ret_text, err);
}

static int int_of(const json_t *field, const char *where, const char *key, int64_t min, int64_t max,
                  int64_t *ret_value, struct err *err) {
    if (json_is_real(field)) {
        return refuse_field(err, where, key,
                            "must be a whole number, written without fraction and exponent");
    }
    if (!json_is_integer(field)) {
        return refuse_field(err, where, key, "must be a whole number");
    }
    int64_t value = json_integer_value(field);
    if (value >= min && value <= max) {
        *ret_value = value;
        return 0;
    }
    const char *bound = value < min ? "or more" : "or less";
    int64_t limit = value < min ? min : max;
    if (value >= -INT_SHOWN_MAX && value <= INT_SHOWN_MAX) {
        err_set(err, ERR_VALIDATION, "%s is %" PRId64 "; it must be %" PRId64 " %s", key, value,
                limit, bound);
    } else {
        err_set(err, ERR_VALIDATION, "%s must be %" PRId64 " %s", key, limit, bound);
    }
    err_place(err, "%s/%s", where, key);
    return -ERR_VALIDATION;
}

int json_need_int(const json_t *object, const char *where, const char *key, int64_t min,
                  int64_t max, int64_t *ret_value, struct err *err) {
    const json_t *field = NULL;
    int result = field_of(object, where, key, &field, err);
    if (result != 0) {
        return result;
    }
    if (field == NULL) {
        return refuse_field(err, where, key, "is missing");
    }
    return int_of(field, where, key, min, max, ret_value, err);
}

int json_may_int(const json_t *object, const char *where, const char *key, int64_t min, int64_t max,
                 int64_t *ret_value, struct err *err) {
    const json_t *field = NULL;
    int result = field_of(object, where, key, &field, err);
    if (result != 0 || field == NULL) {
        return result;
    }
    return int_of(field, where, key, min, max, ret_value, err);
}

int json_may_bool(const json_t *object, const char *where, const char *key, bool *ret_value,
                  struct err *err) {
    const json_t *field = NULL;
    int result = field_of(object, where, key, &field, err);
    if (result != 0 || field == NULL) {
        return result;
    }
    if (!json_is_boolean(field)) {
        return refuse_field(err, where, key, "must be true or false");
    }
    *ret_value = json_is_true(field);
    return 0;
}

int json_may_object(const json_t *object, const char *where, const char *key,
                    const json_t **ret_object, struct err *err) {
    const json_t *field = NULL;
    int result = field_of(object, where, key, &field, err);
    if (result != 0 || field == NULL) {
        return result;
    }
    if (!json_is_object(field)) {
        return refuse_field(err, where, key, "must be an object");
    }
    *ret_object = field;
    return 0;
}

int json_need_object(const json_t *object, const char *where, const char *key,
                     const json_t **ret_object, struct err *err) {
    const json_t *field = NULL;
    int result = json_may_object(object, where, key, &field, err);
    if (result != 0) {
        return result;
    }
    if (field == NULL) {
        return refuse_field(err, where, key, "is missing");
    }
    *ret_object = field;
    return 0;
}

int json_may_array(const json_t *object, const char *where, const char *key, size_t items_max,
                   const json_t **ret_array, struct err *err) {
    const json_t *field = NULL;
    int result = field_of(object, where, key, &field, err);
    if (result != 0 || field == NULL) {
        return result;
    }
    if (!json_is_array(field)) {
        return refuse_field(err, where, key, "must be an array");
    }
    size_t items = json_array_size(field);
    if (items > items_max) {
        err_set(err, ERR_VALIDATION, "%s has %zu items; it may have %zu", key, items, items_max);
        err_place(err, "%s/%s", where, key);
        return -ERR_VALIDATION;
    }
    *ret_array = field;
    return 0;
}

static bool is_listed(const char *key, const char *const *keys) {
    for (; *keys != NULL; keys++) {
        if (strcmp(*keys, key) == 0) {
            return true;
        }
    }
    return false;
}

static int refuse_unknown(const char *key, const char *where, const char *const *keys,
                          struct err *err) {
    char shown[KEY_SHOWN_BYTES];
    text_shown(key, strlen(key), shown, sizeof(shown));
    char allowed[200] = "";
    for (; *keys != NULL; keys++) {
        text_list_add(allowed, sizeof(allowed), *keys);
    }
    err_set(err, ERR_VALIDATION, "there is no field \"%s\" here", shown);
    err_hint(err, allowed[0] != '\0' ? "the fields are: %s" : "no field is taken here%s", allowed);
    err_place(err, "%s/%s", where, shown);
    return -ERR_VALIDATION;
}

int json_only(const json_t *value, const char *where, const char *const *keys, struct err *err) {
    if (!json_is_object(value)) {
        err_set(err, ERR_VALIDATION, "this must be an object");
        err_place(err, "%s", where);
        return -ERR_VALIDATION;
    }
    /* jansson iterates only over what is not const; nothing is changed. */
    json_t *object = (json_t *)(uintptr_t)value;
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        if (!is_listed(key, keys)) {
            return refuse_unknown(key, where, keys, err);
        }
    }
    return 0;
}

/* json_object_get() answers NULL for anything that is not an object, NULL included. */
static const json_t *peek(const json_t *json, va_list path) {
    const char *key = NULL;
    while ((key = va_arg(path, const char *)) != NULL) {
        json = json_object_get(json, key);
    }
    return json;
}

const json_t *json_peek(const json_t *json, ...) {
    va_list path;
    va_start(path, json);
    const json_t *found = peek(json, path);
    va_end(path);
    return found;
}

const char *json_peek_text(const json_t *json, ...) {
    va_list path;
    va_start(path, json);
    const json_t *found = peek(json, path);
    va_end(path);
    return json_string_value(found); /* NULL when it is no string */
}

int64_t json_peek_int(const json_t *json, int64_t fallback, ...) {
    va_list path;
    va_start(path, fallback);
    const json_t *found = peek(json, path);
    va_end(path);
    return json_is_integer(found) ? json_integer_value(found) : fallback;
}

char *json_write(const json_t *json) {
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    INVARIANT(text != NULL, "a JSON tree cannot be written");
    return text;
}
