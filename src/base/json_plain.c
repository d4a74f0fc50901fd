/* SPDX-License-Identifier: Apache-2.0
 * json_plain.c: see json_plain.h. Without recursion: the boxes that are open stand on a stack, and
 * each is already part of the one below it, so the root owns all of them. */
#include "base/json_plain.h"

#include <string.h>

enum { DIGITS_MAX = 18 }; /* any number of so many digits is an int64 */

struct text {
    const char *bytes;
    size_t count;
};

struct reader {
    const char *at, *end;
    json_t *root;
    json_t *open[JSON_PLAIN_DEPTH_MAX];
    int depth, depth_max;
    struct text key; /* under which the next value goes, in an object */
};

/* The next byte that is no blank, or 0 at the end (a NUL is not plain either). */
static char peek(struct reader *reader) {
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\r' || *reader->at == '\t')) {
        reader->at++;
    }
    return reader->at < reader->end ? *reader->at : '\0';
}

/* What stands between the quotes, the first of which is next. */
static bool read_text(struct reader *reader, struct text *ret_text) {
    const char *start = ++reader->at;
    while (reader->at < reader->end && *reader->at >= 0x20 && (unsigned char)*reader->at < 0x80 &&
           *reader->at != '"' && *reader->at != '\\') {
        reader->at++;
    }
    if (reader->at == reader->end || *reader->at != '"') {
        return false;
    }
    *ret_text = (struct text){start, (size_t)(reader->at++ - start)};
    return true;
}

static json_t *read_integer(struct reader *reader) {
    bool negative = *reader->at == '-';
    const char *start = reader->at += negative;
    int64_t value = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' &&
           reader->at - start < DIGITS_MAX) {
        value = value * 10 + (*reader->at++ - '0');
    }
    bool zero_first = reader->at - start > 1 && *start == '0';
    bool goes_on = reader->at < reader->end && strchr("0123456789.eE", *reader->at) != NULL;
    if (reader->at == start || zero_first || goes_on) {
        return NULL;
    }
    return json_integer(negative ? -value : value);
}

static bool word_next(struct reader *reader, const char *word) {
    size_t count = strlen(word);
    if ((size_t)(reader->end - reader->at) < count || memcmp(reader->at, word, count) != 0) {
        return false;
    }
    reader->at += count;
    return true;
}

static json_t *read_word(struct reader *reader) {
    if (word_next(reader, "true")) {
        return json_true();
    }
    if (word_next(reader, "false")) {
        return json_false();
    }
    return word_next(reader, "null") ? json_null() : NULL;
}

static json_t *read_scalar(struct reader *reader, char first) {
    struct text text;
    if (first == '"') {
        return read_text(reader, &text) ? json_stringn_nocheck(text.bytes, text.count) : NULL;
    }
    if (first == '-' || (first >= '0' && first <= '9')) {
        return read_integer(reader);
    }
    return read_word(reader);
}

/* Puts the value where it belongs; takes it. False: a key came twice. */
static bool put(struct reader *reader, json_t *value) {
    if (reader->depth == 0) {
        reader->root = value;
        return true;
    }
    json_t *box = reader->open[reader->depth - 1];
    if (json_is_array(box)) {
        return json_array_append_new(box, value) == 0;
    }
    size_t before = json_object_size(box);
    return json_object_setn_new_nocheck(box, reader->key.bytes, reader->key.count, value) == 0 &&
           json_object_size(box) == before + 1;
}

/* The key of the next value with its colon, where a key is due. */
static bool read_key(struct reader *reader) {
    if (reader->depth == 0 || !json_is_object(reader->open[reader->depth - 1])) {
        return true;
    }
    if (peek(reader) != '"' || !read_text(reader, &reader->key) || peek(reader) != ':') {
        return false;
    }
    reader->at++;
    return true;
}

/* One value; of a box only its beginning: *ret_open then says that something must follow in it. */
static bool read_value(struct reader *reader, bool *ret_open) {
    char first = peek(reader);
    bool box = first == '{' || first == '[';
    *ret_open = false;
    if (!box) {
        json_t *scalar = read_scalar(reader, first);
        return scalar != NULL && put(reader, scalar);
    }
    if (reader->depth == reader->depth_max) {
        return false;
    }
    json_t *value = first == '{' ? json_object() : json_array();
    if (value == NULL || !put(reader, value)) {
        return false;
    }
    reader->open[reader->depth++] = value;
    reader->at++;
    *ret_open = peek(reader) != (first == '{' ? '}' : ']');
    return true;
}

/* Behind a value: closes what ends here. 1: a comma, another value follows; 0: all is read; -1. */
static int read_ends(struct reader *reader) {
    while (reader->depth > 0) {
        char next = peek(reader);
        bool object = json_is_object(reader->open[reader->depth - 1]);
        if (next == ',') {
            reader->at++;
            return 1;
        }
        if (next != (object ? '}' : ']')) {
            return -1;
        }
        reader->at++;
        reader->depth--;
    }
    return peek(reader) == '\0' && reader->at == reader->end ? 0 : -1;
}

json_t *json_plain_read(const char *bytes, size_t count, int depth_max) {
    struct reader reader = {.at = bytes, .end = bytes + count};
    reader.depth_max = depth_max < JSON_PLAIN_DEPTH_MAX ? depth_max : JSON_PLAIN_DEPTH_MAX;
    int more = 1;
    while (more > 0) {
        bool opened = false;
        more = read_key(&reader) && read_value(&reader, &opened) ? 1 : -1;
        if (more > 0 && !opened) {
            more = read_ends(&reader);
        }
    }
    if (more < 0) {
        json_decref(reader.root);
        return NULL;
    }
    return reader.root;
}
