/* SPDX-License-Identifier: Apache-2.0
 * place.c: hoards, tables of objects, and names. */
#include "sandbox/place.h"

#include "base/clock.h"

enum {
    HOARD_CHUNK_BYTES = 256 * 1024,
    HOARD_BIG_BYTES = HOARD_CHUNK_BYTES / 8,
    ALIGNMENT = 8,
    ROUNDS = 6,
};

struct sb_hoard_chunk {
    struct sb_hoard_chunk *next;
    _Alignas(ALIGNMENT) char bytes[];
};

static struct sb_hoard_chunk *chunk_add(struct sb_hoard *hoard, size_t bytes) {
    struct sb_hoard_chunk *chunk = calloc(1, sizeof(*chunk) + bytes);
    INVARIANT(chunk != NULL, "the system has no memory left for the sandbox's book");
    chunk->next = hoard->chunks;
    hoard->chunks = chunk;
    hoard->bytes += sizeof(*chunk) + bytes;
    return chunk;
}

void *sb_hoard_take(struct sb_hoard *hoard, size_t bytes) {
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (bytes > HOARD_BIG_BYTES) {
        return chunk_add(hoard, bytes)->bytes;
    }
    if ((size_t)(hoard->end - hoard->at) < bytes) {
        hoard->at = chunk_add(hoard, HOARD_CHUNK_BYTES)->bytes;
        hoard->end = hoard->at + HOARD_CHUNK_BYTES;
    }
    void *taken = hoard->at;
    hoard->at += bytes;
    return taken;
}

const char *sb_hoard_bytes(struct sb_hoard *hoard, const char *bytes, size_t count) {
    char *copy = sb_hoard_take(hoard, count + 1);
    if (count > 0) {
        memcpy(copy, bytes, count);
    }
    return copy;
}

const char *sb_hoard_text(struct sb_hoard *hoard, const char *text) {
    return text != NULL && text[0] != '\0' ? sb_hoard_bytes(hoard, text, strlen(text)) : NULL;
}

void sb_hoard_release(struct sb_hoard *hoard) {
    for (struct sb_hoard_chunk *chunk = hoard->chunks; chunk != NULL;) {
        struct sb_hoard_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    *hoard = (struct sb_hoard){0};
}

/* Tables. */

struct sb_place *sb_place_new(uint64_t key, int64_t objects_max) {
    struct sb_place *place = calloc(1, sizeof(*place));
    INVARIANT(place != NULL, "no memory for the sandbox's tables");
    place->key = key;
    place->objects_max = objects_max > 0 && objects_max < SB_OBJECTS_MAX ? objects_max
                                                                         : SB_OBJECTS_MAX;
    for (int i = 0; i < SB_SHARDS; i++) {
        lock_init(&place->shards[i].lock);
    }
    for (int i = 0; i < SB_KINDS; i++) {
        lock_init(&place->tables[i].lock);
    }
    lock_init(&place->name_lock);
    place->named = g_hash_table_new(g_str_hash, g_str_equal);
    return place;
}

void sb_place_clear(struct sb_place *place, uint64_t key) {
    lock_take(&place->name_lock);
    g_hash_table_remove_all(place->named);
    lock_give(&place->name_lock);
    for (int i = 0; i < SB_SHARDS; i++) {
        sb_hoard_release(&place->shards[i].hoard);
    }
    for (int i = 0; i < SB_KINDS; i++) {
        struct sb_table *table = &place->tables[i];
        for (int k = 0; k < SB_TABLE_CHUNKS && atomic_load(&table->chunks[k]) != NULL; k++) {
            free(atomic_exchange(&table->chunks[k], NULL));
        }
        atomic_store(&table->count, 0);
    }
    atomic_store(&place->objects, 0);
    place->key = key;
}

void sb_place_free(struct sb_place *place) {
    if (place == NULL) {
        return;
    }
    sb_place_clear(place, 0);
    for (int i = 0; i < SB_SHARDS; i++) {
        lock_free(&place->shards[i].lock);
    }
    for (int i = 0; i < SB_KINDS; i++) {
        lock_free(&place->tables[i].lock);
    }
    lock_free(&place->name_lock);
    g_hash_table_unref(place->named);
    free(place);
}

size_t sb_place_bytes(struct sb_place *place) {
    size_t bytes = sizeof(*place);
    for (int i = 0; i < SB_SHARDS; i++) {
        lock_take(&place->shards[i].lock);
        bytes += place->shards[i].hoard.bytes;
        lock_give(&place->shards[i].lock);
    }
    return bytes;
}

bool sb_place_add(struct sb_place *place, enum sb_kind kind, uint32_t *ret_number,
                  int64_t *ret_created_us) {
    struct sb_table *table = &place->tables[kind];
    if (atomic_fetch_add(&place->objects, 1) >= place->objects_max) {
        atomic_fetch_sub(&place->objects, 1);
        return false;
    }
    lock_take(&table->lock);
    uint32_t number = atomic_load(&table->count);
    uint32_t chunk = number / SB_TABLE_CHUNK;
    INVARIANT(chunk < SB_TABLE_CHUNKS, "the limit on objects stands before that on chunks");
    if (number % SB_TABLE_CHUNK == 0) {
        _Atomic(void *) *slots = calloc(SB_TABLE_CHUNK, sizeof(*slots));
        INVARIANT(slots != NULL, "the system has no memory left for the sandbox's book");
        atomic_store(&table->chunks[chunk], slots);
    }
    *ret_number = number;
    *ret_created_us = clock_wall_us();
    atomic_store(&table->count, number + 1);
    lock_give(&table->lock);
    return true;
}

static _Atomic(void *) *slot_of(struct sb_table *table, uint32_t number) {
    return &atomic_load(&table->chunks[number / SB_TABLE_CHUNK])[number % SB_TABLE_CHUNK];
}

void sb_place_put(struct sb_place *place, enum sb_kind kind, uint32_t number, void *object) {
    atomic_store(slot_of(&place->tables[kind], number), object);
}

void *sb_place_get(struct sb_place *place, enum sb_kind kind, uint32_t number) {
    struct sb_table *table = &place->tables[kind];
    return number < atomic_load(&table->count) ? atomic_load(slot_of(table, number)) : NULL;
}

uint32_t sb_place_count(struct sb_place *place, enum sb_kind kind) {
    return atomic_load(&place->tables[kind].count);
}

void *sb_place_name(struct sb_place *place, const char *name, void *object) {
    lock_take(&place->name_lock);
    void *before = g_hash_table_lookup(place->named, name);
    if (before == NULL) {
        (void)g_hash_table_insert(place->named, (gpointer)name, object);
    }
    lock_give(&place->name_lock);
    return before;
}

void *sb_place_named(struct sb_place *place, const char *name) {
    lock_take(&place->name_lock);
    void *object = g_hash_table_lookup(place->named, name);
    lock_give(&place->name_lock);
    return object;
}

void *sb_place_find(struct sb_place *place, enum sb_kind kind, const char *text) {
    uint32_t number = 0;
    return sb_id_number(place, kind, text, &number) ? sb_place_get(place, kind, number) : NULL;
}

/* Names. A balanced Feistel network turns the number into 64 bits that look like chance and back;
 * a text that decodes to more than 32 bits was never given. Characters beyond those that 64 bits
 * need are filled from the same bits, and compared when a name is read. */

static const char digits_text[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char figures_lower[] = "0123456789abcdef";

static const struct naming {
    const char *prefix;
    unsigned digits;
    unsigned chars;
} namings[SB_KINDS] = {
#define X(name, prefix, digits, chars) {prefix, digits, chars},
#include "sandbox/kinds.def"
#undef X
};

#define X(name, prefix, digits, chars)                                                             \
    static_assert((chars) >= ((digits) == 62   ? 11                                                \
                              : (digits) == 36 ? 13                                                \
                              : (digits) == 16 ? 16                                                \
                                               : 20),                                              \
                  #name " is too short to hold a number");
#include "sandbox/kinds.def"
#undef X

static uint32_t round_mix(uint32_t half, uint64_t key, unsigned round) {
    uint64_t mixed = (half + key + round) * UINT64_C(0x9E3779B97F4A7C15);
    mixed ^= mixed >> 29;
    mixed *= UINT64_C(0xBF58476D1CE4E5B9);
    return (uint32_t)(mixed >> 32);
}

static uint64_t scramble(uint64_t value, uint64_t key) {
    uint32_t left = (uint32_t)(value >> 32);
    uint32_t right = (uint32_t)value;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t next = left ^ round_mix(right, key, round);
        left = right;
        right = next;
    }
    return (uint64_t)left << 32 | right;
}

static uint64_t unscramble(uint64_t value, uint64_t key) {
    uint32_t left = (uint32_t)(value >> 32);
    uint32_t right = (uint32_t)value;
    for (unsigned round = ROUNDS; round-- > 0;) {
        uint32_t before = right ^ round_mix(left, key, round);
        right = left;
        left = before;
    }
    return (uint64_t)left << 32 | right;
}

static const char *alphabet_of(const struct naming *naming) {
    return naming->digits == 16 ? figures_lower : digits_text;
}

/* How many characters 64 bits need. */
static unsigned chars_of_64_bits(unsigned digits) {
    return digits == 62 ? 11 : digits == 36 ? 13 : digits == 16 ? 16 : 20;
}

static uint64_t key_of(const struct sb_place *place, enum sb_kind kind) {
    return place->key + UINT64_C(0xD1B54A32D192ED03) * ((uint64_t)kind + 1);
}

struct sb_id sb_id_of(const struct sb_place *place, enum sb_kind kind, uint32_t number) {
    const struct naming *naming = &namings[kind];
    const char *alphabet = alphabet_of(naming);
    unsigned needed = chars_of_64_bits(naming->digits);
    struct sb_id id = {{0}};
    size_t at = strlen(naming->prefix);
    memcpy(id.text, naming->prefix, at);
    uint64_t bits = scramble(number, key_of(place, kind));
    uint64_t fill = bits * UINT64_C(0x94D049BB133111EB) + 1;
    for (unsigned i = 0; i < naming->chars; i++) {
        if (i == needed) {
            bits = fill;
        }
        if (i > needed && bits == 0) {
            bits = fill ^= fill >> 31;
        }
        id.text[at + i] = alphabet[bits % naming->digits];
        bits /= naming->digits;
    }
    if (kind == SB_PAYPAL_EVENT) {
        id.text[at + naming->chars / 2] = '-';
    }
    return id;
}

bool sb_id_number(const struct sb_place *place, enum sb_kind kind, const char *text,
                  uint32_t *ret_number) {
    const struct naming *naming = &namings[kind];
    const char *alphabet = alphabet_of(naming);
    size_t at = strlen(naming->prefix);
    if (strncmp(text, naming->prefix, at) != 0 || strlen(text) != at + naming->chars) {
        return false;
    }
    uint64_t bits = 0;
    for (unsigned i = chars_of_64_bits(naming->digits); i-- > 0;) {
        const char *digit = memchr(alphabet, text[at + i], naming->digits);
        if (digit == NULL) {
            return false;
        }
        bits = bits * naming->digits + (uint64_t)(digit - alphabet);
    }
    uint64_t number = unscramble(bits, key_of(place, kind));
    if (number > UINT32_MAX || strcmp(sb_id_of(place, kind, (uint32_t)number).text, text) != 0) {
        return false;
    }
    *ret_number = (uint32_t)number;
    return true;
}
