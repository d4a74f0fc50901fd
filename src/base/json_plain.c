/* SPDX-License-Identifier: Apache-2.0
 * json_plain.c: see json_plain.h. Without recursion: the boxes that are open stand on a stack, and
 * each is already part of the one below it, so the root owns all of them. What nobody asked for is
 * read over in the same way, but nothing is made of it. */
#include "base/json_plain.h"

#include <string.h>

enum {
    DIGITS_MAX = 18,     /* any number of so many digits is an int64 */
    NAME_BYTES_MAX = 31, /* a longer one is kept, asked for or not */
};

struct text {
    const char *bytes;
    size_t count;
};

struct reader {
    const char *at, *end;
    json_t *root;
    json_t *open[JSON_PLAIN_DEPTH_MAX]; /* NULL: a box that is not kept, nor what is in it */
    char closer[JSON_PLAIN_DEPTH_MAX];
    int depth, depth_max;
    struct text key;                        /* under which the next value goes, in an object */
    bool keep;                              /* the next value */
    const char *const *names;               /* NULL: all are kept */
    uint64_t of_length[NAME_BYTES_MAX + 1]; /* which names have so many bytes */
};

/* The next byte that is no blank, or 0 at the end (a NUL is not plain either). */
static char peek(struct reader *reader) {
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\r' || *reader->at == '\t')) {
        reader->at++;
    }
    return reader->at < reader->end ? *reader->at : '\0';
}

/* Skips, eight bytes at a time, what is neither a quote nor a backslash, a control character or
 * beyond ASCII. A borrow from one byte to the next can only stop it early. */
static const char *skip_words(const char *at, const char *end) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    while (end - at >= (ptrdiff_t)sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        uint64_t bad = word | (word - ones * 0x20) | ((word ^ ones * '"') - ones) |
                       ((word ^ ones * '\\') - ones);
        if ((bad & ones * 0x80) != 0) {
            break;
        }
        at += sizeof(word);
    }
    return at;
}

/* What stands between the quotes, the first of which is next. */
static bool read_text(struct reader *reader, struct text *ret_text) {
    const char *start = ++reader->at;
    reader->at = skip_words(reader->at, reader->end);
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

static bool read_integer(struct reader *reader, json_t **ret_value) {
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
        return false;
    }
    *ret_value = reader->keep ? json_integer(negative ? -value : value) : NULL;
    return true;
}

static bool word_next(struct reader *reader, const char *word) {
    size_t count = strlen(word);
    if ((size_t)(reader->end - reader->at) < count || memcmp(reader->at, word, count) != 0) {
        return false;
    }
    reader->at += count;
    return true;
}

static bool read_word(struct reader *reader, json_t **ret_value) {
    if (word_next(reader, "true")) {
        *ret_value = json_true();
        return true;
    }
    if (word_next(reader, "false")) {
        *ret_value = json_false();
        return true;
    }
    *ret_value = json_null();
    return word_next(reader, "null");
}

/* *ret_value is what must be put: for a value that is not kept it may be anything. */
static bool read_scalar(struct reader *reader, char first, json_t **ret_value) {
    struct text text;
    if (first == '"') {
        if (!read_text(reader, &text)) {
            return false;
        }
        *ret_value = reader->keep ? json_stringn_nocheck(text.bytes, text.count) : NULL;
        return true;
    }
    if (first == '-' || (first >= '0' && first <= '9')) {
        return read_integer(reader, ret_value);
    }
    return read_word(reader, ret_value);
}

/* Puts the value where it belongs, if it is kept; takes it. False: a key came twice. */
static bool put(struct reader *reader, json_t *value) {
    if (!reader->keep) {
        return true;
    }
    if (value == NULL) {
        return false;
    }
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

static bool is_asked_for(const struct reader *reader, const struct text *key) {
    if (reader->names == NULL || key->count > NAME_BYTES_MAX) {
        return true;
    }
    for (uint64_t left = reader->of_length[key->count]; left != 0; left &= left - 1) {
        if (memcmp(reader->names[__builtin_ctzll(left)], key->bytes, key->count) == 0) {
            return true;
        }
    }
    return false;
}

/* The key of the next value with its colon, where a key is due. */
static bool read_key(struct reader *reader) {
    reader->keep = reader->depth == 0 || reader->open[reader->depth - 1] != NULL;
    if (reader->depth == 0 || reader->closer[reader->depth - 1] != '}') {
        return true;
    }
    if (peek(reader) != '"' || !read_text(reader, &reader->key) || peek(reader) != ':') {
        return false;
    }
    reader->at++;
    reader->keep = reader->keep && is_asked_for(reader, &reader->key);
    return true;
}

/* One value; of a box only its beginning: *ret_open then says that something must follow in it. */
static bool read_value(struct reader *reader, bool *ret_open) {
    char first = peek(reader);
    bool box = first == '{' || first == '[';
    *ret_open = false;
    json_t *value = NULL;
    if (!box) {
        return read_scalar(reader, first, &value) && put(reader, value);
    }
    if (reader->depth == reader->depth_max) {
        return false;
    }
    if (reader->keep) {
        value = first == '{' ? json_object() : json_array();
    }
    if (!put(reader, value)) {
        return false;
    }
    char closer = first == '{' ? '}' : ']';
    reader->closer[reader->depth] = closer;
    reader->open[reader->depth++] = value;
    reader->at++;
    *ret_open = peek(reader) != closer;
    return true;
}

/* Behind a value: closes what ends here. 1: a comma, another value follows; 0: all is read; -1. */
static int read_ends(struct reader *reader) {
    while (reader->depth > 0) {
        char next = peek(reader);
        if (next == ',') {
            reader->at++;
            return 1;
        }
        if (next != reader->closer[reader->depth - 1]) {
            return -1;
        }
        reader->at++;
        reader->depth--;
    }
    return peek(reader) == '\0' && reader->at == reader->end ? 0 : -1;
}

static void sort_names(struct reader *reader, const char *const *names) {
    reader->names = names;
    for (int i = 0; names != NULL && names[i] != NULL; i++) {
        size_t length = strlen(names[i]);
        INVARIANT(i < JSON_NAMES_MAX && length <= NAME_BYTES_MAX, "names are few and short");
        reader->of_length[length] |= UINT64_C(1) << i;
    }
}

json_t *json_plain_read(const char *bytes, size_t count, int depth_max, const char *const *names) {
    struct reader reader = {.at = bytes, .end = bytes + count};
    sort_names(&reader, names);
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
