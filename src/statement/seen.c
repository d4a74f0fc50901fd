/* SPDX-License-Identifier: Apache-2.0
 * seen.c: an open table of hashes with the line of each. */
#include "statement/seen.h"

#include <glib.h>
#include <xxhash.h>

enum { SLOTS_FIRST = 1024 };

struct seen_slot {
    uint64_t low;
    uint32_t high;
    uint32_t line; /* 0: the slot is free */
};

void seen_release(struct seen *seen) {
    g_free(seen->slots);
    *seen = (struct seen){0};
}

/* Where this hash is, or would be. */
static struct seen_slot *slot_of(struct seen_slot *slots, size_t slot_count, uint64_t low,
                                 uint32_t high) {
    size_t at = (size_t)low & (slot_count - 1);
    while (slots[at].line != 0 && (slots[at].low != low || slots[at].high != high)) {
        at = (at + 1) & (slot_count - 1);
    }
    return &slots[at];
}

/* No more than three quarters are in use. */
static void grow(struct seen *seen) {
    if (seen->used + 1 <= seen->slot_count / 4 * 3) {
        return;
    }
    size_t slot_count = seen->slot_count == 0 ? SLOTS_FIRST : seen->slot_count * 2;
    struct seen_slot *slots = g_new0(struct seen_slot, slot_count);
    for (size_t i = 0; i < seen->slot_count; i++) {
        const struct seen_slot *slot = &seen->slots[i];
        if (slot->line != 0) {
            *slot_of(slots, slot_count, slot->low, slot->high) = *slot;
        }
    }
    g_free(seen->slots);
    seen->slots = slots;
    seen->slot_count = slot_count;
}

int64_t seen_add(struct seen *seen, const void *bytes, size_t count, int64_t line) {
    XXH128_hash_t hash = XXH3_128bits(bytes, count);
    if (!seen_full(seen)) {
        grow(seen);
    }
    struct seen_slot *slot = slot_of(seen->slots, seen->slot_count, hash.low64,
                                     (uint32_t)hash.high64);
    if (slot->line != 0) {
        return slot->line;
    }
    if (!seen_full(seen)) {
        *slot = (struct seen_slot){hash.low64, (uint32_t)hash.high64, (uint32_t)line};
        seen->used++;
    }
    return 0;
}

bool seen_full(const struct seen *seen) {
    return seen->used >= SEEN_MAX;
}
