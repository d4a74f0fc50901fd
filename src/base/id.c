/* SPDX-License-Identifier: Apache-2.0
 * id.c: makes, reads and takes back the ids of id.h. */
#include "base/id.h"

#include "base/clock.h"
#include "base/random.h"

enum {
    ULID_TIME_CHARS = 10,
    ULID_RANDOM_BYTES = 10,
};
#define ULID_TIME_MS_MAX ((INT64_C(1) << 48) - 1)

#define X(kind, prefix, noun)                                                                      \
    static_assert(sizeof(prefix) - 1 <= ID_PREFIX_CHARS_MAX, "a prefix is short");
ID_KINDS(X)
#undef X

/* Crockford's base 32: no I, L, O or U. We write upper case and read nothing else, so that one id
 * has one spelling. */
static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void write_time(char *at, int64_t wall_us) {
    int64_t ms = wall_us / US_PER_MS;

    ms = ms < 0 ? 0 : ms > ULID_TIME_MS_MAX ? ULID_TIME_MS_MAX : ms;
    for (int i = ULID_TIME_CHARS - 1; i >= 0; i--) {
        at[i] = digits[ms & 31];
        ms >>= 5;
    }
}

static void write_ulid(char *at) {
    unsigned char random[ULID_RANDOM_BYTES];
    uint64_t bits = 0;
    int bits_count = 0;
    size_t next = 0;

    write_time(at, clock_wall_us());
    random_bytes(random, sizeof(random));
    for (int i = ULID_TIME_CHARS; i < ID_ULID_CHARS; i++) {
        if (bits_count < 5) {
            bits = (bits << 8) | random[next++];
            bits_count += 8;
        }
        bits_count -= 5;
        at[i] = digits[(bits >> bits_count) & 31];
    }
    at[ID_ULID_CHARS] = '\0';
}

static void id_write(char text[ID_TEXT_MAX], const char *prefix, size_t prefix_chars) {
    memset(text, 0, ID_TEXT_MAX);
    memcpy(text, prefix, prefix_chars);
    text[prefix_chars] = '_';
    write_ulid(text + prefix_chars + 1);
}

void id_floor(const char *prefix, int64_t wall_us, char ret_text[ID_TEXT_MAX]) {
    size_t prefix_chars = strlen(prefix);

    INVARIANT(prefix_chars <= ID_PREFIX_CHARS_MAX, "a prefix is short");
    memset(ret_text, 0, ID_TEXT_MAX);
    memcpy(ret_text, prefix, prefix_chars);
    ret_text[prefix_chars] = '_';
    write_time(ret_text + prefix_chars + 1, wall_us);
    memset(ret_text + prefix_chars + 1 + ULID_TIME_CHARS, '0', ID_ULID_CHARS - ULID_TIME_CHARS);
}

static bool id_valid(const char *text, const char *prefix, size_t prefix_chars) {
    const char *ulid;

    if (text == NULL || strncmp(text, prefix, prefix_chars) != 0 || text[prefix_chars] != '_') {
        return false;
    }
    ulid = text + prefix_chars + 1;
    /* 26 digits are 130 bits: a first digit above 7 would be more than the 128 of a ULID. */
    if (ulid[0] < '0' || ulid[0] > '7') {
        return false;
    }
    return strspn(ulid, digits) == ID_ULID_CHARS && ulid[ID_ULID_CHARS] == '\0';
}

/* What was sent is not repeated in the error: it may be anything, even a card number. */
static int id_read(const char *text, const char *prefix, size_t prefix_chars, const char *noun,
                   char ret_text[ID_TEXT_MAX], struct err *err) {
    if (!id_valid(text, prefix, prefix_chars)) {
        return err_set(err, ERR_VALIDATION,
                       "this is not the id of a thing of kind \"%s\": such an id is \"%s_\" and %d "
                       "digits of Crockford's base 32, in upper case",
                       noun, prefix, ID_ULID_CHARS);
    }
    memset(ret_text, 0, ID_TEXT_MAX);
    memcpy(ret_text, text, prefix_chars + 1 + ID_ULID_CHARS);
    return 0;
}

static void id_take_stored(const char *text, char ret_text[ID_TEXT_MAX]) {
    const size_t len = text != NULL ? strnlen(text, ID_TEXT_MAX) : 0;

    INVARIANT(len < ID_TEXT_MAX, "a stored id is no longer than an id");
    memset(ret_text, 0, ID_TEXT_MAX);
    if (len > 0) {
        memcpy(ret_text, text, len);
    }
}

#define X(kind, prefix, noun)                                                                      \
    struct kind kind##_new(void) {                                                                 \
        struct kind id;                                                                            \
        id_write(id.text, prefix, sizeof(prefix) - 1);                                             \
        return id;                                                                                 \
    }                                                                                              \
    int kind##_parse(const char *text, struct kind *ret_id, struct err *err) {                     \
        return id_read(text, prefix, sizeof(prefix) - 1, noun, ret_id->text, err);                 \
    }                                                                                              \
    struct kind kind##_stored(const char *text) {                                                  \
        struct kind id;                                                                            \
        id_take_stored(text, id.text);                                                             \
        return id;                                                                                 \
    }
ID_KINDS(X)
#undef X
