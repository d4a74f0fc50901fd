/* SPDX-License-Identifier: Apache-2.0
 * latencies.c: see latencies.h. */
#include "cli/latencies.h"

#include <math.h>
#include <string.h>

enum { SUB_BITS = 7, VALUE_BITS_MAX = SUB_BITS + LATENCIES_OCTAVES - 1 };
static_assert(1 << SUB_BITS == LATENCIES_SUB, "an octave has 2^SUB_BITS buckets");

void latencies_clear(struct latencies *latencies) {
    memset(latencies, 0, sizeof *latencies);
}

/* Octave 0 holds 0 to 127 as they are; octave n the values of SUB_BITS + n bits. */
static int bucket_of(int64_t span_us) {
    uint64_t value = span_us > 0 ? (uint64_t)span_us : 0;
    uint64_t top = (UINT64_C(1) << VALUE_BITS_MAX) - 1;
    value = value < top ? value : top;
    if (value < LATENCIES_SUB) {
        return (int)value;
    }
    int bits = 64 - __builtin_clzll(value);
    int octave = bits - SUB_BITS;
    /* Of the value's bits the first SUB_BITS + 1 count; the leading one is always set. */
    return octave * LATENCIES_SUB + (int)(value >> (octave - 1)) - LATENCIES_SUB;
}

/* The largest value of a bucket. */
static int64_t edge_of(int bucket) {
    int octave = bucket / LATENCIES_SUB, sub = bucket % LATENCIES_SUB;
    if (octave == 0) {
        return sub;
    }
    return ((int64_t)(LATENCIES_SUB + sub + 1) << (octave - 1)) - 1;
}

void latencies_add(struct latencies *latencies, int64_t span_us) {
    span_us = span_us > 0 ? span_us : 0;
    latencies->counts[bucket_of(span_us)]++;
    latencies->count++;
    latencies->sum_us += span_us;
    latencies->max_us = span_us > latencies->max_us ? span_us : latencies->max_us;
}

int64_t latencies_percentile(const struct latencies *latencies, double percent) {
    if (latencies->count == 0) {
        return -1;
    }
    /* A hair less, so that 99 % of 100 values is the 99th in spite of binary fractions. */
    int64_t rank = (int64_t)ceil((double)latencies->count * percent / 100.0 - 1e-9);
    rank = rank < 1 ? 1 : rank > latencies->count ? latencies->count : rank;
    int64_t seen = 0;
    for (int i = 0; i < LATENCIES_SUB * LATENCIES_OCTAVES; i++) {
        seen += latencies->counts[i];
        if (seen >= rank) {
            int64_t edge_us = edge_of(i);
            return edge_us < latencies->max_us ? edge_us : latencies->max_us;
        }
    }
    return latencies->max_us;
}

int64_t latencies_mean(const struct latencies *latencies) {
    return latencies->count > 0 ? latencies->sum_us / latencies->count : 0;
}
