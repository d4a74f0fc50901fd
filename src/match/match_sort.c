/* SPDX-License-Identifier: Apache-2.0
 * match_sort.c: the two sorts that the matcher stands on. Both keep the order of what is equal, and
 * neither has an input that makes it slow: one looks at each entry a fixed number of times, the
 * other halves. */
#include <glib.h>
#include <string.h>

#include "match/match_impl.h"

enum {
    DIGIT_BITS = 11,
    DIGIT_VALUES = 1 << DIGIT_BITS,
    DIGITS = (64 + DIGIT_BITS - 1) / DIGIT_BITS
};
enum { INSERTED = 8, INSERTED_ENTRIES = 48 }; /* so few are sorted by insertion */

static unsigned digit(uint64_t key, int place) {
    return (unsigned)(key >> (place * DIGIT_BITS)) & (DIGIT_VALUES - 1);
}

static void insert_entries(struct match_entry *entries, size_t count) {
    for (size_t i = 1; i < count; i++) {
        struct match_entry moved = entries[i];
        size_t to = i;
        for (; to > 0 && entries[to - 1].key > moved.key; to--) {
            entries[to] = entries[to - 1];
        }
        entries[to] = moved;
    }
}

/* From the lowest digit to the highest; a digit that is the same everywhere is passed over. */
void match_sort_entries(struct match_entry **entries, struct match_entry **spare, size_t count) {
    if (count <= INSERTED_ENTRIES) {
        insert_entries(*entries, count);
        return;
    }
    uint32_t(*places)[DIGIT_VALUES] = g_malloc0_n(DIGITS, sizeof *places);
    for (size_t i = 0; i < count; i++) {
        for (int place = 0; place < DIGITS; place++) {
            places[place][digit((*entries)[i].key, place)]++;
        }
    }
    for (int place = 0; place < DIGITS; place++) {
        uint32_t *next = places[place], sum = 0;
        if (next[digit((*entries)[0].key, place)] == count) {
            continue;
        }
        for (int value = 0; value < DIGIT_VALUES; value++) {
            uint32_t here = next[value];
            next[value] = sum;
            sum += here;
        }
        for (size_t i = 0; i < count; i++) {
            (*spare)[next[digit((*entries)[i].key, place)]++] = (*entries)[i];
        }
        struct match_entry *sorted = *spare;
        *spare = *entries;
        *entries = sorted;
    }
    g_free(places);
}

static void insert_all(match_ref *refs, size_t count, match_compare *compare, const void *ctx) {
    for (size_t i = 1; i < count; i++) {
        match_ref moved = refs[i];
        size_t to = i;
        for (; to > 0 && compare(ctx, refs[to - 1], moved) > 0; to--) {
            refs[to] = refs[to - 1];
        }
        refs[to] = moved;
    }
}

static void merge(const match_ref *from, size_t middle, size_t end, match_ref *to,
                  match_compare *compare, const void *ctx) {
    size_t a = 0, b = middle;
    if (middle == end || compare(ctx, from[middle - 1], from[middle]) <= 0) {
        memcpy(to, from, end * sizeof *to);
        return;
    }
    for (size_t i = 0; i < end; i++) {
        bool first = b == end || (a < middle && compare(ctx, from[a], from[b]) <= 0);
        to[i] = first ? from[a++] : from[b++];
    }
}

void match_sort_refs(match_ref *refs, match_ref *spare, size_t count, match_compare *compare,
                     const void *ctx) {
    match_ref *from = refs, *to = spare;
    for (size_t i = 0; i < count; i += INSERTED) {
        insert_all(refs + i, MIN(count - i, INSERTED), compare, ctx);
    }
    for (size_t width = INSERTED; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width) {
            size_t end = MIN(count - i, 2 * width);
            merge(from + i, MIN(width, end), end, to + i, compare, ctx);
        }
        match_ref *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != refs) {
        memcpy(refs, from, count * sizeof *refs);
    }
}
