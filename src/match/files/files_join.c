/* SPDX-License-Identifier: Apache-2.0
 * files_join.c: the partitions of one side against the other's. Ours are put into a table by their
 * keys and theirs asked for in it; a partition is so small that its table stays near the processor.
 *
 * A key's state goes only forward:
 *
 *   ONE ──row of theirs that agrees──▶ AGREED ──another of theirs──▶ MET
 *    │ └──row of theirs that does not──────────────────────────────▶ MET
 *    └──another of ours──▶ SEVERAL ──row of theirs──▶ SEVERAL_MET
 *
 * In the end the two rows of AGREED are matched; all others are open, and those of keys that both
 * sides have are taken by this pass's rule. */
#include <string.h>

#include "match/files/files_impl.h"

enum key_state { NONE, ONE, AGREED, MET, SEVERAL, SEVERAL_MET };
enum { SLOTS_LEAST = 64, SLOTS_USUAL_MAX = 64 * 1024, REFS_AHEAD = 8 };

/* One key of ours. */
struct key_slot {
    uint64_t key, what; /* of its first ref */
    uint32_t state;
    uint32_t ref;   /* number of its chunk, and an eighth of where it is in that */
    uint32_t row;   /* of its first ref */
    uint32_t their; /* row, of AGREED */
};

/* What is matched of one currency, of refs without MORE: added up here, and to the sums now and
 * then. Amounts of so few bits do not overflow, however many they are. */
struct plain_sum {
    uint32_t letters;
    int64_t rows, amount_minor;
};
enum { PLAIN_SUMS = 64, LETTERS_MASK = (1 << CURRENCY_CHARS * LETTER_BITS) - 1 };
static_assert(PLAIN_SUMS < LETTERS_MASK, "a part of the letters is a place");

struct join {
    struct files_run *run;
    struct parts *parts;
    struct key_slot *slots;
    int64_t *fees; /* theirs, of AGREED where a ref has MORE, by slot */
    size_t slot_count, keys;
    GPtrArray *chunks; /* of ours: where their refs are */
    GPtrArray *rooms;  /* for those that came out of the spill; kept for the next partition */
    guint rooms_used;
    char *room; /* for theirs */
    int shift;  /* of slot.ref, to the chunk's number */
    int key_words;
    bool several;
    struct plain_sum plain[PLAIN_SUMS];
    struct sums sums;
    int64_t pairs;
};

static const struct ref *ref_at(const struct join *join, uint32_t ref) {
    const char *chunk = join->chunks->pdata[ref >> join->shift];
    return (const struct ref *)(const void *)(chunk + (size_t)(ref & ((1U << join->shift) - 1)) *
                                                          sizeof(uint64_t));
}

/* Whether the slot is of the key of this ref, whose hashes are the same. A key of one word that is
 * as the shape says is its hash. */
static inline bool slot_is_of(const struct join *join, const struct key_slot *slot,
                              const struct ref *ref) {
    const uint64_t kind_or_more = REF_MORE | UINT64_C(31) << REF_KIND_SHIFT;
    return (join->key_words == 1 && (ref->what & REF_MORE) == 0 &&
            ((slot->what ^ ref->what) & kind_or_more) == 0) ||
           ref_same_key(ref_at(join, slot->ref), ref, join->key_words);
}

/* The slot of this key, or the free one where it belongs. */
static inline struct key_slot *slot_of(const struct join *join, const struct ref *ref) {
    size_t mask = join->slot_count - 1;
    for (size_t i = ref->key & mask;; i = (i + 1) & mask) {
        struct key_slot *slot = &join->slots[i];
        if (slot->state == NONE || (slot->key == ref->key && slot_is_of(join, slot, ref))) {
            return slot;
        }
    }
}

/* The slot of a ref that is soon asked for. The bytes behind a chunk's end are those of another
 * ref, or nothing; what is called up is of the table in any case. */
static inline void call_up(const struct join *join, const struct ref *ref, uint32_t left) {
    size_t ahead = REFS_AHEAD * (1 + (size_t)join->key_words);
    if (left > (ahead + 2) * sizeof(uint64_t)) {
        uint64_t key = (&ref->what)[ahead + 1];
        __builtin_prefetch(&join->slots[key & (join->slot_count - 1)], 1);
    }
}

static void table_make(struct join *join, size_t slots) {
    join->slot_count = slots;
    join->slots = g_new0(struct key_slot, slots);
    join->fees = g_new(int64_t, slots);
}

/* While there are only ours in it. */
static void table_grow(struct join *join) {
    struct key_slot *old = join->slots;
    size_t count = join->slot_count;
    g_free(join->fees);
    table_make(join, count * 2);
    for (size_t i = 0; i < count; i++) {
        size_t mask = join->slot_count - 1, to = old[i].key & mask;
        while (old[i].state != NONE && join->slots[to].state != NONE) {
            to = (to + 1) & mask;
        }
        if (old[i].state != NONE) {
            join->slots[to] = old[i];
        }
    }
    g_free(old);
}

/* ---- ours ---- */

/* Where a chunk's refs are; those from the spill into memory of ours. */
static int load_ours(struct join *join, const struct chunk *chunk, const char **ret_refs,
                     struct err *err) {
    char *room = NULL;
    if (chunk->memory == NULL) {
        if (join->rooms_used == join->rooms->len) {
            g_ptr_array_add(join->rooms, g_malloc(join->parts->chunk_bytes));
        }
        room = join->rooms->pdata[join->rooms_used];
    }
    int rc = chunk_refs(join->parts, chunk, room, ret_refs, err);
    if (rc == 0) {
        g_ptr_array_add(join->chunks, (gpointer)*ret_refs);
        join->rooms_used += room != NULL;
    }
    return rc;
}

static int put_ours(struct join *join, const struct part *part, struct err *err) {
    for (const struct chunk *chunk = part->first; chunk != NULL; chunk = chunk->next) {
        const char *refs = NULL;
        int rc = load_ours(join, chunk, &refs, err);
        if (rc < 0) {
            return rc;
        }
        size_t keys_before = join->keys;
        uint32_t row = chunk->row, place = (join->chunks->len - 1) << join->shift;
        for (uint32_t at = 0; at < chunk->used;) {
            const struct ref *ref = (const struct ref *)(const void *)(refs + at);
            struct key_slot *slot = slot_of(join, ref);
            row = ref_row(ref, join->key_words, row);
            if (slot->state == NONE) {
                *slot = (struct key_slot){.key = ref->key,
                                          .what = ref->what,
                                          .state = ONE,
                                          .ref = place | at / (uint32_t)sizeof(uint64_t),
                                          .row = row};
                join->keys++;
                if (join->keys * 2 > join->slot_count) {
                    table_grow(join);
                }
            } else {
                slot->state = SEVERAL;
                join->several = true;
            }
            at += ref_bytes(ref, join->key_words);
        }
        /* Nobody will ask for a chunk whose keys were all there before. */
        if (join->keys == keys_before) {
            g_ptr_array_set_size(join->chunks, (gint)join->chunks->len - 1);
            join->rooms_used -= chunk->memory == NULL;
        }
    }
    return 0;
}

/* ---- theirs ---- */

static bool told_agrees(const struct ref_told *ours, const struct ref_told *theirs) {
    return ours->face == theirs->face && ours->amount_minor == theirs->amount_minor &&
           face_status(ours->face) == ROW_DONE &&
           (ours->fee_minor == AMOUNT_UNSAID || theirs->fee_minor == AMOUNT_UNSAID ||
            ours->fee_minor == theirs->fee_minor);
}

/* Both have what most rows have: what they say is one word. */
static inline bool is_plain(const struct key_slot *slot, const struct ref *theirs) {
    return ((slot->what | theirs->what) & REF_MORE) == 0;
}

static int64_t told(int64_t fee_minor) {
    return fee_minor == AMOUNT_UNSAID ? 0 : fee_minor;
}

/* A pair into the sums (sign 1), or out of them again (-1). */
static int count_pair(struct join *join, const struct ref_told *ours, int64_t their_fee, int sign,
                      struct err *err) {
    struct match_sum more = {
        .currency = face_currency(ours->face),
        .class = CLASS_MATCHED,
        .rows = {sign, sign},
    };
    bool fits = true;
    const int64_t amounts[] = {ours->amount_minor, ours->amount_minor};
    const int64_t fees[] = {told(ours->fee_minor), told(their_fee)};
    for (int i = 0; i < MATCH_SIDES; i++) {
        fits = fits && !__builtin_mul_overflow(amounts[i], sign, &more.amount_minor[i]) &&
               !__builtin_mul_overflow(fees[i], sign, &more.fee_minor[i]);
    }
    join->pairs += sign;
    return fits && sums_add(&join->sums, &more)
               ? 0
               : err_set(err, ERR_AMOUNT, "the sums in %s are beyond what is ever added up",
                         more.currency.code);
}

static int count_plain(struct join *join, struct plain_sum *plain, struct err *err) {
    struct match_sum more = {
        .currency = face_currency(plain->letters << CURRENCY_SHIFT),
        .class = CLASS_MATCHED,
        .rows = {plain->rows, plain->rows},
        .amount_minor = {plain->amount_minor, plain->amount_minor},
    };
    bool fits = plain->rows == 0 || sums_add(&join->sums, &more);
    join->pairs += plain->rows;
    plain->rows = plain->amount_minor = 0;
    return fits ? 0
                : err_set(err, ERR_AMOUNT, "the sums in %s are beyond what is ever added up",
                          more.currency.code);
}

/* A pair that has no MORE. */
static inline int add_plain(struct join *join, const struct ref *ref, struct err *err) {
    uint32_t letters = (uint32_t)(ref->what >> REF_LETTERS_SHIFT) & LETTERS_MASK;
    struct plain_sum *plain = &join->plain[(letters ^ letters >> LETTER_BITS) % PLAIN_SUMS];
    int rc = plain->letters == letters ? 0 : count_plain(join, plain, err);
    plain->letters = letters;
    plain->rows++;
    plain->amount_minor += (int64_t)ref->what >> REF_AMOUNT_SHIFT;
    return rc;
}

static void open_row(struct files_run *run, enum match_side side, uint32_t row, bool taken) {
    struct side *of = &run->sides[side];
    rowset_add(&of->open, row);
    if (taken) {
        rowset_add(run->key == MAP_GATEWAY_ID ? &of->by_id : &of->by_reference, row);
    }
}

/* The first row of theirs that meets this one of ours; *ret_agree: they tell the same. */
static int meet_first(struct join *join, struct key_slot *slot, const struct ref *theirs,
                      bool *ret_agree, struct err *err) {
    if (join->run->looks_whole) {
        *ret_agree = false;
        return 0;
    }
    if (is_plain(slot, theirs)) {
        *ret_agree = ((slot->what ^ theirs->what) & ~REF_STEP_MAX) == 0;
        return *ret_agree ? add_plain(join, theirs, err) : 0;
    }
    struct ref_told ours, their;
    ref_tell(ref_at(join, slot->ref), join->key_words, &ours);
    ref_tell(theirs, join->key_words, &their);
    *ret_agree = told_agrees(&ours, &their);
    if (!*ret_agree) {
        return 0;
    }
    slot->what |= REF_MORE;
    join->fees[slot - join->slots] = their.fee_minor;
    return count_pair(join, &ours, their.fee_minor, 1, err);
}

/* Two that agreed do not, since there is a third. */
static int part_again(struct join *join, const struct key_slot *slot, struct err *err) {
    struct ref_told ours;
    ref_tell(ref_at(join, slot->ref), join->key_words, &ours);
    int64_t fee = (slot->what & REF_MORE) != 0 ? join->fees[slot - join->slots] : AMOUNT_UNSAID;
    open_row(join->run, THEIRS, slot->their, true);
    return count_pair(join, &ours, fee, -1, err);
}

static int meet(struct join *join, struct key_slot *slot, const struct ref *theirs, uint32_t row,
                struct err *err) {
    bool agree = false;
    int rc = slot->state == ONE ? meet_first(join, slot, theirs, &agree, err) : 0;
    if (agree) {
        slot->state = AGREED;
        slot->their = row;
        return rc;
    }
    rc = slot->state == AGREED ? part_again(join, slot, err) : rc;
    slot->state = slot->state >= SEVERAL ? SEVERAL_MET : MET;
    open_row(join->run, THEIRS, row, true);
    return rc;
}

static int ask_theirs(struct join *join, const struct part *part, struct err *err) {
    int rc = 0;
    for (const struct chunk *chunk = part->first; chunk != NULL && rc == 0; chunk = chunk->next) {
        const char *refs = NULL;
        rc = chunk_refs(join->parts, chunk, join->room, &refs, err);
        uint32_t row = chunk->row;
        for (uint32_t at = 0; rc == 0 && at < chunk->used;) {
            const struct ref *ref = (const struct ref *)(const void *)(refs + at);
            call_up(join, ref, chunk->used - at);
            struct key_slot *slot = slot_of(join, ref);
            row = ref_row(ref, join->key_words, row);
            if (slot->state == NONE) {
                open_row(join->run, THEIRS, row, false);
            } else {
                rc = meet(join, slot, ref, row, err);
            }
            at += ref_bytes(ref, join->key_words);
        }
    }
    return rc;
}

/* ---- what is left of ours ---- */

static void leave_ours(const struct join *join) {
    for (size_t i = 0; i < join->slot_count; i++) {
        const struct key_slot *slot = &join->slots[i];
        if (slot->state == ONE || slot->state == MET) {
            open_row(join->run, OURS, slot->row, slot->state == MET);
        }
    }
}

/* Of keys that stand several times here, each row: the table has only the first. */
static int leave_several(struct join *join, const struct part *part, struct err *err) {
    int rc = 0;
    for (const struct chunk *chunk = part->first; chunk != NULL && rc == 0; chunk = chunk->next) {
        const char *refs = NULL;
        rc = chunk_refs(join->parts, chunk, join->room, &refs, err);
        uint32_t row = chunk->row;
        for (uint32_t at = 0; rc == 0 && at < chunk->used;) {
            const struct ref *ref = (const struct ref *)(const void *)(refs + at);
            const struct key_slot *slot = slot_of(join, ref);
            row = ref_row(ref, join->key_words, row);
            if (slot->state >= SEVERAL) {
                open_row(join->run, OURS, row, slot->state == SEVERAL_MET);
            }
            at += ref_bytes(ref, join->key_words);
        }
    }
    return rc;
}

/* ---- all of it ---- */

static int join_part(struct join *join, int number, struct err *err) {
    const struct part *ours = &join->parts->of[OURS][number];
    size_t slots = SLOTS_LEAST;
    while (slots < SLOTS_USUAL_MAX && slots < 2 * (size_t)ours->refs) {
        slots *= 2;
    }
    if (slots == join->slot_count) {
        memset(join->slots, 0, slots * sizeof *join->slots);
    } else {
        g_free(join->slots);
        g_free(join->fees);
        table_make(join, slots);
    }
    g_ptr_array_set_size(join->chunks, 0);
    join->rooms_used = 0;
    join->keys = 0;
    join->several = false;
    int rc = put_ours(join, ours, err);
    rc = rc < 0 ? rc : ask_theirs(join, &join->parts->of[THEIRS][number], err);
    if (rc < 0) {
        return rc;
    }
    leave_ours(join);
    return join->several ? leave_several(join, ours, err) : 0;
}

static int join_all(struct join *join, struct err *err) {
    struct files_run *run = join->run;
    int rc = 0;
    for (;;) {
        int number = atomic_fetch_add(&run->next_part, 1);
        if (number >= join->parts->count || atomic_load(&run->stop)) {
            break;
        }
        rc = join_part(join, number, err);
        if (rc < 0) {
            return rc;
        }
        atomic_fetch_add(&run->done,
                         join->parts->of[OURS][number].refs + join->parts->of[THEIRS][number].refs);
    }
    for (int i = 0; i < PLAIN_SUMS && rc == 0; i++) {
        rc = count_plain(join, &join->plain[i], err);
    }
    return rc;
}

int files_join(struct files_run *run, int number, struct err *err) {
    struct join *join = g_new0(struct join, 1);
    join->run = run;
    join->parts = &run->parts;
    join->shift = __builtin_ctz(run->parts.chunk_bytes / (uint32_t)sizeof(uint64_t));
    join->key_words = run->parts.shape.words;
    join->chunks = g_ptr_array_new();
    join->rooms = g_ptr_array_new_with_free_func(g_free);
    join->room = g_malloc(run->parts.chunk_bytes);
    table_make(join, SLOTS_LEAST);
    int rc = join_all(join, err);
    lock_take(&run->parts.lock);
    run->figures->joined += join->pairs;
    for (int i = 0; rc == 0 && i < join->sums.count; i++) {
        rc = sums_add(run->sums, &join->sums.rows[i])
                 ? 0
                 : err_set(err, ERR_AMOUNT, "the sums are beyond what is ever added up");
    }
    lock_give(&run->parts.lock);
    g_free(join->slots);
    g_free(join->fees);
    g_free(join->room);
    g_ptr_array_free(join->chunks, true);
    g_ptr_array_free(join->rooms, true);
    g_free(join);
    (void)number;
    return rc;
}
