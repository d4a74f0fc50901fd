/* SPDX-License-Identifier: Apache-2.0
 * files_keys.c: keys as partitions hold them. Ids of one gateway look alike: "ch_" and sixteen
 * digits, say. What all have is not kept with each, and digits take half a byte, so that most keys
 * become one or two words. Nothing is lost by it: two keys have the same words only when they are
 * the same bytes. A key that does not look like the others stays as it is. */
#define XXH_INLINE_ALL
#include <string.h>
#include <xxhash.h>

#include "match/files/files_impl.h"

#define EACH UINT64_C(0x0101010101010101) /* times a byte: eight of it */
enum { EIGHT = 8, UPPER_LETTERS = 0x40, LOWER_LETTERS = 0x60, DIGITS = 0x30 };

uint32_t key_hash(const char *key, size_t bytes) {
    return (uint32_t)XXH3_64bits(key, bytes);
}

/* Each number has one, and no two the same (the last step of splitmix64). */
static inline uint64_t mixed(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static inline uint64_t eight_at(const char *at) {
    uint64_t eight;
    memcpy(&eight, at, sizeof eight);
    return GUINT64_FROM_LE(eight);
}

/* The last bytes of a key, fewer than eight, the first of them lowest. */
static inline uint64_t tail_of(const char *key, uint32_t bytes, uint32_t count) {
    if (bytes >= EIGHT) {
        return eight_at(key + bytes - EIGHT) >> (EIGHT * (EIGHT - count));
    }
    uint64_t tail = 0;
    for (uint32_t i = 0; i < count; i++) {
        tail |= (uint64_t)(uint8_t)key[bytes - count + i] << EIGHT * i;
    }
    return tail;
}

/* Eight digits of base 16 as 32 bits; false: one of them is none. `letters`: what is above the
 * low four bits of those from ten on. */
static inline bool half_bytes(uint64_t eight, uint64_t letters, uint64_t *ret_half) {
    uint64_t is_letter = eight >> 6 & EACH;
    uint64_t value = (eight & EACH * 0x0F) + is_letter * 9;
    uint64_t above = EACH * DIGITS + is_letter * (letters - DIGITS);
    bool fits = (eight & EACH * 0xF0) == above && (value & EACH * 0xF0) == 0 &&
                ((value + EACH * 6) >> 4 & EACH) == is_letter;
    value = (value | value >> 4) & UINT64_C(0x00FF00FF00FF00FF);
    value = (value | value >> 8) & UINT64_C(0x0000FFFF0000FFFF);
    *ret_half = (value | value >> 16) & UINT64_C(0xFFFFFFFF);
    return fits;
}

static inline bool half_words(const struct key_shape *shape, const char *key, uint64_t *words) {
    uint32_t at = shape->prefix_bytes, count = 0;
    uint64_t half = 0;
    bool fits = true;
    for (; at + EIGHT <= shape->key_bytes; at += EIGHT, count++) {
        fits = fits && half_bytes(eight_at(key + at), shape->letters, &half);
        words[count / 2] = count % 2 == 0 ? half : words[count / 2] | half << 32;
    }
    uint32_t left = shape->key_bytes - at;
    if (left > 0) {
        uint64_t zeros = EACH * '0' << EIGHT * left;
        fits = fits &&
               half_bytes(tail_of(key, shape->key_bytes, left) | zeros, shape->letters, &half);
        words[count / 2] = count % 2 == 0 ? half : words[count / 2] | half << 32;
    }
    return fits;
}

static inline void byte_words(const struct key_shape *shape, const char *key, uint64_t *words) {
    uint32_t at = shape->prefix_bytes, count = 0;
    for (; at + EIGHT <= shape->key_bytes; at += EIGHT) {
        words[count++] = eight_at(key + at);
    }
    if (at < shape->key_bytes) {
        words[count] = tail_of(key, shape->key_bytes, shape->key_bytes - at);
    }
}

static inline bool has_prefix(const struct key_shape *shape, const char *key) {
    if (shape->key_bytes < EIGHT || shape->prefix_bytes > EIGHT) {
        return same_bytes(key, shape->prefix, shape->prefix_bytes);
    }
    return ((eight_at(key) ^ eight_at(shape->prefix)) & shape->prefix_mask) == 0;
}

bool key_to_words(const struct key_shape *shape, const char *key, uint32_t bytes,
                  uint64_t words[KEY_WORDS_MAX]) {
    if (bytes != shape->key_bytes || !has_prefix(shape, key)) {
        words[0] = XXH3_64bits(key, bytes);
        return false;
    }
    if (shape->letters == 0) {
        byte_words(shape, key, words);
    } else if (!half_words(shape, key, words)) {
        words[0] = XXH3_64bits(key, bytes);
        return false;
    }
    /* The others can be seen, so that the first can be told from what it is mixed to. */
    uint64_t others = 0;
    for (int i = 1; i < shape->words; i++) {
        others = mixed(others ^ words[i]);
    }
    words[0] = mixed(words[0] ^ others);
    return true;
}

/* ---- what the keys of two files look like ---- */

enum { SPOTS = 32, RECORDS_A_SPOT = 4, SAMPLES_MAX = MATCH_SIDES * SPOTS * RECORDS_A_SPOT };
struct sample {
    struct csv_field keys[SAMPLES_MAX];
    int count;
};

/* Records here and there in a file: its beginning alone would make the numbers of one day look as
 * if they all began alike. A record that is none, because a line ended inside it, does no harm. */
static void take_sample(const struct side *side, enum map_role role, struct sample *sample) {
    struct side_records *records = g_new0(struct side_records, 1);
    size_t bytes = side->count - side->begin;
    int column = side->binding.column[role];
    for (size_t spot = 0; spot < SPOTS && column >= 0; spot++) {
        side_records_begin(side, records);
        if (spot > 0) {
            const char *from = records->csv.at + bytes / SPOTS * spot;
            const char *line = memchr(from, '\n', (size_t)(records->csv.end - from));
            records->csv.at = line != NULL ? line + 1 : records->csv.end;
        }
        for (int i = 0; i < RECORDS_A_SPOT && side_next(records) == CSV_RECORD; i++) {
            struct csv_field key = column < records->count ? csv_field_trim(records->fields[column])
                                                           : (struct csv_field){"", 0, false};
            if (key.count > 0 && key.count <= ROW_ID_CHARS_MAX && !key.doubled) {
                sample->keys[sample->count++] = key;
            }
        }
    }
    g_free(records);
}

/* Of the length that most have. */
static void keep_usual(struct sample *sample) {
    int counts[ROW_ID_CHARS_MAX + 1] = {0}, kept = 0;
    uint32_t usual = 0;
    for (int i = 0; i < sample->count; i++) {
        uint32_t length = sample->keys[i].count;
        usual = ++counts[length] > counts[usual] ? length : usual;
    }
    for (int i = 0; i < sample->count; i++) {
        if (sample->keys[i].count == usual) {
            sample->keys[kept++] = sample->keys[i];
        }
    }
    sample->count = kept;
}

static bool all_half(const struct sample *sample, uint32_t from, char above_nine, char last) {
    for (int i = 0; i < sample->count; i++) {
        for (uint32_t at = from; at < sample->keys[i].count; at++) {
            char c = sample->keys[i].bytes[at];
            if ((c < '0' || c > '9') && (c < above_nine || c > last)) {
                return false;
            }
        }
    }
    return true;
}

static void shape_of(const struct sample *sample, struct key_shape *ret_shape) {
    *ret_shape = (struct key_shape){.words = 1};
    if (sample->count == 0) {
        return;
    }
    const struct csv_field *first = &sample->keys[0];
    uint32_t prefix = first->count - 1;
    for (int i = 1; i < sample->count; i++) {
        uint32_t same = 0;
        while (same < prefix && sample->keys[i].bytes[same] == first->bytes[same]) {
            same++;
        }
        prefix = same;
    }
    uint32_t left = first->count - prefix;
    uint8_t letters = all_half(sample, prefix, 'a', 'f')   ? LOWER_LETTERS
                      : all_half(sample, prefix, 'A', 'F') ? UPPER_LETTERS
                                                           : 0;
    uint32_t words = (left + (letters != 0 ? 2 * EIGHT : EIGHT) - 1) /
                     (letters != 0 ? 2 * EIGHT : EIGHT);
    if (words > KEY_WORDS_MAX) {
        return;
    }
    *ret_shape = (struct key_shape){
        .prefix_bytes = prefix, .key_bytes = first->count, .letters = letters, .words = (int)words};
    memcpy(ret_shape->prefix, first->bytes, prefix);
    ret_shape->prefix_mask = prefix >= EIGHT ? UINT64_MAX : (UINT64_C(1) << EIGHT * prefix) - 1;
}

void keys_look(const struct files_run *run, enum map_role role, struct key_shape *ret_shape) {
    struct sample *sample = g_new0(struct sample, 1);
    for (int i = 0; i < MATCH_SIDES && role != MAP_ROLE_COUNT; i++) {
        take_sample(&run->sides[i], role, sample);
    }
    keep_usual(sample);
    shape_of(sample, ret_shape);
    g_free(sample);
}
