/* SPDX-License-Identifier: Apache-2.0
 * files_link.c: what an id has settled, and a reference asks about once more. An order that was
 * charged twice has two ids there; the first is matched by its id, and the second is a double
 * charge only because its reference is that of the first (match/match.h, REFERENCE). So rows whose
 * keys agree stay matched by their key alone only if no row of theirs that is left has their
 * reference. References are compared by 32 bits of a hash: what is opened for nothing is matched
 * by match_run(), with the same result. */
#include <string.h>

#include "match/files/files_impl.h"

enum { BITS_LOG = 30, SLOTS_BEGIN = 1024 };

/* ---- sets of hashes ---- */

void hashset_init(struct hashset *set) {
    *set = (struct hashset){.slot_count = SLOTS_BEGIN, .slots = g_new0(uint32_t, SLOTS_BEGIN)};
}

void hashset_release(struct hashset *set) {
    g_free(set->slots);
    g_free(set->bits);
    *set = (struct hashset){0};
}

static void put(uint32_t *slots, size_t slot_count, uint32_t hash, size_t *used) {
    size_t mask = slot_count - 1, at = hash & mask;
    while (slots[at] != 0 && slots[at] != hash) {
        at = (at + 1) & mask;
    }
    *used += slots[at] == 0;
    slots[at] = hash;
}

static void add_bit(struct hashset *set, uint32_t hash) {
    uint32_t bit = hash >> (32 - BITS_LOG);
    set->bits[bit / 64] |= UINT64_C(1) << bit % 64;
}

static void grow(struct hashset *set) {
    uint32_t *old = set->slots;
    size_t count = set->slot_count;
    bool exact = set->used < HASHSET_EXACT_MAX;
    if (exact) {
        set->slot_count *= 2;
        set->slots = g_new0(uint32_t, set->slot_count);
        set->used = 0;
    } else {
        set->slots = NULL;
        set->bits = g_new0(uint64_t, (size_t)1 << (BITS_LOG - 6));
    }
    for (size_t i = 0; i < count; i++) {
        if (old[i] != 0 && exact) {
            put(set->slots, set->slot_count, old[i], &set->used);
        } else if (old[i] != 0) {
            add_bit(set, old[i]);
        }
    }
    g_free(old);
}

void hashset_add(struct hashset *set, uint32_t hash) {
    if (hash == 0) {
        set->has_zero = true;
    } else if (set->bits != NULL) {
        add_bit(set, hash);
    } else {
        put(set->slots, set->slot_count, hash, &set->used);
        if (set->used * 2 > set->slot_count) {
            grow(set);
        }
    }
}

bool hashset_has(const struct hashset *set, uint32_t hash) {
    if (hash == 0) {
        return set->has_zero;
    }
    if (set->bits != NULL) {
        uint32_t bit = hash >> (32 - BITS_LOG);
        return (set->bits[bit / 64] >> bit % 64 & 1) != 0;
    }
    size_t mask = set->slot_count - 1, at = hash & mask;
    while (set->slots[at] != 0 && set->slots[at] != hash) {
        at = (at + 1) & mask;
    }
    return set->slots[at] == hash;
}

/* ---- walking over refs ---- */

struct linking {
    struct files_run *run;
    char *room;
    struct hashset tags; /* of one partition's ids */
    struct sums sums;    /* what is no longer matched by its key, as less than nothing */
    int64_t pairs;
    enum match_side side;
};
typedef bool look_at(struct linking *linking, const struct ref *ref, uint32_t row);

/* False: a sum is beyond int64, or the spill cannot be read. */
static int each_ref(struct linking *linking, int number, look_at *look, struct err *err) {
    const struct parts *parts = &linking->run->parts;
    const struct chunk *chunk = parts->of[linking->side][number].first;
    int key_words = parts->shape.words;
    for (; chunk != NULL; chunk = chunk->next) {
        const char *refs = NULL;
        int rc = chunk_refs(parts, chunk, linking->room, &refs, err);
        if (rc < 0) {
            return rc;
        }
        uint32_t row = chunk->row;
        for (uint32_t at = 0; at < chunk->used;) {
            const struct ref *ref = (const struct ref *)(const void *)(refs + at);
            row = ref_row(ref, key_words, row);
            if (!look(linking, ref, row)) {
                return err_set(err, ERR_AMOUNT, "the sums are beyond what is ever added up");
            }
            at += ref_bytes(ref, key_words);
        }
    }
    return 0;
}

/* ---- what theirs have left ---- */

/* The hash of the reference beside an id, where there is one. */
static uint32_t other_of(const struct ref *ref) {
    return (uint32_t)ref->more;
}

static bool want(struct linking *linking, const struct ref *ref, uint32_t row) {
    const struct side *theirs = &linking->run->sides[THEIRS];
    if (ref_has(ref, REF_OTHER_SHIFT) && rowset_has(&theirs->open, row) &&
        !rowset_has(&theirs->by_id, row)) {
        hashset_add(&linking->run->wanted, other_of(ref));
    }
    return true;
}

int files_want(struct files_run *run, int number, struct err *err) {
    struct linking linking = {.run = run, .side = THEIRS};
    const GArray *loose = run->sides[THEIRS].loose;
    int rc = 0;
    linking.room = g_malloc(run->parts.chunk_bytes);
    for (guint i = 0; i < loose->len; i++) {
        hashset_add(&run->wanted, g_array_index(loose, uint32_t, i));
    }
    for (int i = 0; rc == 0 && i < run->parts.count; i++) {
        rc = each_ref(&linking, i, want, err);
    }
    g_free(linking.room);
    (void)number;
    return rc;
}

/* ---- what of it an id has settled ---- */

static bool find(struct linking *linking, const struct ref *ref, uint32_t row) {
    const struct side *ours = &linking->run->sides[OURS];
    bool settled = !rowset_has(&ours->open, row) || rowset_has(&ours->by_id, row);
    if (ref_has(ref, REF_OTHER_SHIFT) && settled &&
        hashset_has(&linking->run->wanted, other_of(ref))) {
        hashset_add(&linking->tags, (uint32_t)ref->key);
        lock_take(&linking->run->parts.lock);
        hashset_add(&linking->run->found, other_of(ref));
        lock_give(&linking->run->parts.lock);
    }
    return true;
}

/* All rows of an id, on both sides: by its tag, so that neither goes without the other. */
static bool link_row(struct linking *linking, const struct ref *ref, uint32_t row) {
    enum match_side which = linking->side;
    struct side *side = &linking->run->sides[which];
    bool is_matched = !rowset_has(&side->open, row);
    if (!hashset_has(&linking->tags, (uint32_t)ref->key) ||
        (!is_matched && !rowset_has(&side->by_id, row))) {
        return true;
    }
    rowset_add(&side->linked, row);
    if (!is_matched) {
        return true;
    }
    rowset_add(&side->open, row);
    rowset_add(&side->by_id, row);
    linking->pairs -= which == OURS;
    struct ref_told told;
    ref_tell(ref, linking->run->parts.shape.words, &told);
    int64_t fee = told.fee_minor;
    struct match_sum less = {.currency = face_currency(told.face), .class = CLASS_MATCHED};
    less.rows[which] = -1;
    return !__builtin_sub_overflow(0, told.amount_minor, &less.amount_minor[which]) &&
           !__builtin_sub_overflow(0, fee == AMOUNT_UNSAID ? 0 : fee, &less.fee_minor[which]) &&
           sums_add(&linking->sums, &less);
}

static int link_part(struct linking *linking, int number, struct err *err) {
    linking->side = OURS;
    hashset_init(&linking->tags);
    int rc = each_ref(linking, number, find, err);
    if (rc == 0 && (linking->tags.used > 0 || linking->tags.has_zero)) {
        rc = each_ref(linking, number, link_row, err);
        linking->side = THEIRS;
        rc = rc < 0 ? rc : each_ref(linking, number, link_row, err);
    }
    hashset_release(&linking->tags);
    return rc;
}

static int give_back(struct files_run *run, const struct linking *linking, struct err *err) {
    bool fits = true;
    lock_take(&run->parts.lock);
    run->figures->joined += linking->pairs;
    for (int i = 0; fits && i < linking->sums.count; i++) {
        fits = sums_add(run->sums, &linking->sums.rows[i]);
    }
    lock_give(&run->parts.lock);
    return fits ? 0 : err_set(err, ERR_AMOUNT, "the sums are beyond what is ever added up");
}

int files_link(struct files_run *run, int number, struct err *err) {
    struct linking *linking = g_new0(struct linking, 1);
    int rc = 0;
    linking->run = run;
    linking->room = g_malloc(run->parts.chunk_bytes);
    for (;;) {
        int part = atomic_fetch_add(&run->next_part, 1);
        if (rc < 0 || part >= run->parts.count || atomic_load(&run->stop)) {
            break;
        }
        rc = link_part(linking, part, err);
    }
    rc = rc < 0 ? rc : give_back(run, linking, err);
    g_free(linking->room);
    g_free(linking);
    (void)number;
    return rc;
}
