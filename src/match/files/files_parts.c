/* SPDX-License-Identifier: Apache-2.0
 * files_parts.c: refs by partition. Each partition of each side is a list of chunks. While there is
 * room, a chunk that is full stays in memory; then it goes to the spill, and the next one takes its
 * memory. */
#include <string.h>

#include "match/files/files_impl.h"

enum {
    SLAB_BYTES = 4 * 1024 * 1024,
    CHUNK_BYTES_MAX = 256 * 1024,
    HASH_BITS = 64,
    WORD_BYTES = 8,
    CACHE_LINE = 64,
};

/* ---- refs ---- */

static inline uint64_t what_of(row_face face, int64_t amount_minor) {
    return (uint64_t)face_kind(face) << REF_KIND_SHIFT |
           (uint64_t)(face >> CURRENCY_SHIFT) << REF_LETTERS_SHIFT |
           (uint64_t)amount_minor << REF_AMOUNT_SHIFT;
}

static row_face face_in(uint64_t what) {
    uint32_t letters = (uint32_t)(what >> REF_LETTERS_SHIFT) &
                       ((1U << CURRENCY_CHARS * LETTER_BITS) - 1);
    return ((uint32_t)(what >> REF_KIND_SHIFT) & 31) | (uint32_t)ROW_DONE << STATUS_SHIFT |
           letters << CURRENCY_SHIFT;
}

static inline const uint64_t *words_of(const struct ref *ref) {
    return &ref->what;
}

/* Where the other words of its key are; behind them the fee and what is wide. */
static inline const uint64_t *other_words(const struct ref *ref) {
    return words_of(ref) + ((ref->what & REF_MORE) != 0 ? 3 : 2);
}

static const uint64_t *behind_key(const struct ref *ref, int key_words) {
    return other_words(ref) + (ref_raw_bytes(ref) > 0 ? 0 : key_words - 1);
}

uint32_t ref_row(const struct ref *ref, int key_words, uint32_t before) {
    if (!ref_has(ref, REF_WIDE_SHIFT)) {
        return before + (uint32_t)(ref->what & REF_STEP_MAX);
    }
    return (uint32_t)behind_key(ref, key_words)[ref_has(ref, REF_FEE_SHIFT) + 1];
}

void ref_tell(const struct ref *ref, int key_words, struct ref_told *ret_told) {
    *ret_told = (struct ref_told){
        .amount_minor = (int64_t)ref->what >> REF_AMOUNT_SHIFT,
        .fee_minor = AMOUNT_UNSAID,
        .face = face_in(ref->what),
    };
    if ((ref->what & REF_MORE) == 0) {
        return;
    }
    const uint64_t *at = behind_key(ref, key_words);
    ret_told->other = (uint32_t)ref->more;
    ret_told->has_other = ref_has(ref, REF_OTHER_SHIFT);
    if (ref_has(ref, REF_FEE_SHIFT)) {
        ret_told->fee_minor = (int64_t)*at++;
    }
    if (ref_has(ref, REF_WIDE_SHIFT)) {
        ret_told->amount_minor = (int64_t)at[0];
        ret_told->face = (row_face)(at[1] >> 32);
    }
}

const char *ref_raw(const struct ref *ref, int key_words, uint32_t *ret_bytes) {
    *ret_bytes = ref_raw_bytes(ref);
    uint32_t words = (*ret_bytes + WORD_BYTES - 1) / WORD_BYTES;
    return (const char *)(words_of(ref) + ref_words(ref, key_words) - words);
}

bool ref_same_key(const struct ref *a, const struct ref *b, int key_words) {
    uint32_t raw = ref_raw_bytes(a);
    if (a->key != b->key || raw != ref_raw_bytes(b) ||
        (ref_kind(a) != ref_kind(b) &&
         row_kind_family(ref_kind(a)) != row_kind_family(ref_kind(b)))) {
        return false;
    }
    if (raw == 0) {
        return key_words == 1 ||
               memcmp(other_words(a), other_words(b), (size_t)(key_words - 1) * WORD_BYTES) == 0;
    }
    size_t words = (raw + WORD_BYTES - 1) / WORD_BYTES;
    return memcmp(words_of(a) + ref_words(a, key_words) - words,
                  words_of(b) + ref_words(b, key_words) - words, words * WORD_BYTES) == 0;
}

/* ---- partitions ---- */

void parts_init(struct parts *parts, int count, uint32_t chunk_bytes, int64_t memory_bytes,
                const struct key_shape *shape, struct spill **spill, const char *folder) {
    INVARIANT(count >= 2 && count <= PARTS_MAX && (count & (count - 1)) == 0, "a power of two");
    INVARIANT(chunk_bytes >= 2 * REF_BYTES_MAX && chunk_bytes <= CHUNK_BYTES_MAX, "a ref fits");
    *parts = (struct parts){
        .count = count,
        .shift = HASH_BITS - __builtin_ctz((unsigned)count),
        .chunk_bytes = chunk_bytes,
        .shape = {.words = 1},
        .chunks_left = memory_bytes / chunk_bytes,
        .spill = spill,
        .folder = folder,
    };
    if (shape != NULL) {
        parts->shape = *shape;
    }
    lock_init(&parts->lock);
    for (int i = 0; i < MATCH_SIDES; i++) {
        parts->slabs[i] = g_ptr_array_new();
    }
}

void parts_release(struct parts *parts) {
    if (parts->count == 0) {
        return;
    }
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (int i = 0; i < parts->count; i++) {
            for (struct chunk *chunk = parts->of[side][i].first, *next; chunk != NULL;
                 chunk = next) {
                next = chunk->next;
                g_free(chunk);
            }
        }
        for (guint i = 0; i < parts->slabs[side]->len; i++) {
            pages_give(parts->slabs[side]->pdata[i], SLAB_BYTES);
        }
        g_ptr_array_free(parts->slabs[side], true);
    }
    lock_free(&parts->lock);
    *parts = (struct parts){0};
}

/* ---- writing ---- */

void parts_writer_init(struct parts_writer *writer, struct parts *parts, enum match_side side) {
    *writer = (struct parts_writer){.parts = parts, .side = side};
}

static char *fresh_memory(struct parts_writer *writer) {
    struct parts *parts = writer->parts;
    GPtrArray *slabs = parts->slabs[writer->side];
    uint32_t *used = &parts->slab_used[writer->side];
    if (slabs->len == 0 || *used + parts->chunk_bytes > SLAB_BYTES) {
        g_ptr_array_add(slabs, pages_take(SLAB_BYTES));
        *used = 0;
    }
    char *memory = (char *)slabs->pdata[slabs->len - 1] + *used;
    *used += parts->chunk_bytes;
    return memory;
}

static int ready_spill(struct parts *parts, struct err *err) {
    lock_take(&parts->lock);
    int rc = *parts->spill != NULL ? 0 : spill_open(parts->folder, parts->spill, err);
    lock_give(&parts->lock);
    return rc;
}

static void end_chunk(struct parts_writer *writer, int number) {
    struct part *part = &writer->parts->of[writer->side][number];
    if (part->last != NULL) {
        part->last->used = (uint32_t)(writer->cursors[number].at - part->last->memory);
        part->refs += writer->cursors[number].refs;
        writer->cursors[number].refs = 0;
    }
}

/* One that begins with this row. */
static int next_chunk(struct parts_writer *writer, int number, uint32_t row, struct err *err) {
    struct parts *parts = writer->parts;
    struct part *part = &parts->of[writer->side][number];
    char *memory = NULL;
    end_chunk(writer, number);
    bool has_room = atomic_fetch_sub(&parts->chunks_left, 1) > 0;
    if (!has_room && part->last != NULL) {
        int rc = ready_spill(parts, err);
        rc = rc < 0 ? rc
                    : spill_append(*parts->spill, part->last->memory, part->last->used,
                                   &part->last->at, err);
        if (rc < 0) {
            return rc;
        }
        memory = part->last->memory;
        part->last->memory = NULL;
    }
    struct chunk *chunk = g_new0(struct chunk, 1);
    chunk->memory = memory != NULL ? memory : fresh_memory(writer);
    chunk->row = row;
    *(part->last != NULL ? &part->last->next : &part->first) = chunk;
    part->last = chunk;
    writer->cursors[number].at = chunk->memory;
    writer->cursors[number].row = row;
    writer->cursors[number].words_left = (uint16_t)(parts->chunk_bytes / WORD_BYTES);
    return 0;
}

/* So many words fit; where they did not, a chunk begins with this row. */
static inline int make_room(struct parts_writer *writer, int to, uint32_t words, uint32_t number,
                            struct err *err) {
    return writer->cursors[to].words_left >= words ? 0 : next_chunk(writer, to, number, err);
}

static inline void put(struct parts_writer *writer, int to, const uint64_t *words, uint32_t count,
                       uint32_t number) {
    uint64_t *at = (uint64_t *)(void *)writer->cursors[to].at;
    /* The line that this partition comes to next is on its way while others are written to. */
    __builtin_prefetch((const char *)at + CACHE_LINE, 1);
    for (uint32_t i = 0; i < count; i++) {
        at[i] = words[i];
    }
    writer->cursors[to].at = (char *)(at + count);
    writer->cursors[to].row = number;
    writer->cursors[to].words_left = (uint16_t)(writer->cursors[to].words_left - count);
    writer->cursors[to].refs++;
}

static bool is_small(int64_t amount_minor) {
    return amount_minor <= REF_AMOUNT_MAX && amount_minor >= -REF_AMOUNT_MAX;
}

/* A ref that tells more than its key and what most rows tell. */
static int put_more(struct parts_writer *writer, int to, const struct quick_row *row,
                    const uint64_t *key, bool is_shaped, uint32_t number, struct err *err) {
    uint64_t words[REF_WORDS_MAX] = {0}, more = 0;
    int rc = make_room(writer, to, REF_WORDS_MAX, number, err);
    if (rc < 0) {
        return rc;
    }
    uint32_t step = number - writer->cursors[to].row, count = 3;
    bool is_wide = step > REF_STEP_MAX || face_status(row->face) != ROW_DONE ||
                   !is_small(row->amount_minor);
    for (int i = 1; is_shaped && i < writer->parts->shape.words; i++) {
        words[count++] = key[i];
    }
    if (row->other_bytes > 0) {
        more = key_hash(row->other, row->other_bytes) | UINT64_C(1) << REF_OTHER_SHIFT;
    }
    if (row->fee_minor != AMOUNT_UNSAID) {
        more |= UINT64_C(1) << REF_FEE_SHIFT;
        words[count++] = (uint64_t)row->fee_minor;
    }
    if (is_wide) {
        more |= UINT64_C(1) << REF_WIDE_SHIFT;
        words[count++] = (uint64_t)row->amount_minor;
        words[count++] = (uint64_t)row->face << 32 | number;
    }
    if (!is_shaped) {
        more |= (uint64_t)row->key_bytes << REF_RAW_SHIFT;
        copy_bytes((char *)(words + count), row->key, row->key_bytes);
        count += (row->key_bytes + WORD_BYTES - 1) / WORD_BYTES;
    }
    words[0] = what_of(row->face, is_wide ? 0 : row->amount_minor) | REF_MORE |
               (is_wide ? 0 : step);
    words[1] = key[0];
    words[2] = more | (uint64_t)count << REF_WORDS_SHIFT;
    put(writer, to, words, count, number);
    return 0;
}

static inline int put_row(struct parts_writer *writer, int to, const struct quick_row *row,
                          uint64_t *words, bool is_shaped, uint32_t number, struct err *err) {
    uint32_t count = 1 + (uint32_t)writer->parts->shape.words;
    bool is_plain = is_shaped && row->other_bytes == 0 && row->fee_minor == AMOUNT_UNSAID &&
                    face_status(row->face) == ROW_DONE && is_small(row->amount_minor);
    if (is_plain) {
        int rc = make_room(writer, to, count, number, err);
        if (rc < 0) {
            return rc;
        }
        uint32_t step = number - writer->cursors[to].row;
        if (step <= REF_STEP_MAX) {
            words[0] = what_of(row->face, row->amount_minor) | step;
            put(writer, to, words, count, number);
            return 0;
        }
    }
    return put_more(writer, to, row, words + 1, is_shaped, number, err);
}

int parts_add(struct parts_writer *writer, const struct quick_row *row, uint32_t number,
              struct err *err) {
    const struct parts *parts = writer->parts;
    uint64_t words[1 + KEY_WORDS_MAX];
    bool is_shaped = key_to_words(&parts->shape, row->key, row->key_bytes, words + 1);
    return put_row(writer, (int)(words[1] >> parts->shift), row, words, is_shaped, number, err);
}

int parts_put_row(struct parts_writer *writer, int to, uint32_t number, struct err *err) {
    const struct quick_row row = {.fee_minor = AMOUNT_UNSAID,
                                  .face = (uint32_t)ROW_DONE << STATUS_SHIFT};
    uint64_t words[1 + KEY_WORDS_MAX] = {0};
    return put_row(writer, to, &row, words, true, number, err);
}

void parts_writer_end(struct parts_writer *writer) {
    for (int i = 0; i < writer->parts->count; i++) {
        end_chunk(writer, i);
    }
}

/* ---- reading ---- */

int chunk_refs(const struct parts *parts, const struct chunk *chunk, char *room,
               const char **ret_refs, struct err *err) {
    if (chunk->memory != NULL) {
        *ret_refs = chunk->memory;
        return 0;
    }
    *ret_refs = room;
    return spill_read(*parts->spill, chunk->at, room, chunk->used, err);
}
