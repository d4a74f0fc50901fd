/* SPDX-License-Identifier: Apache-2.0
 * random.c: numbers out of the world's random bytes, and the small seeded generator. */
#include "base/random.h"

uint64_t random_u64(void) {
    uint64_t value;

    random_bytes(&value, sizeof(value));
    return value;
}

/* The lowest number from which on a 64-bit value is fair for `value % bound`: 2^64 mod bound.
 * Values below it are thrown away, so that the rest splits evenly. */
static uint64_t unfair_below(uint64_t bound) {
    INVARIANT(bound > 0, "there is no number below zero");
    return (0 - bound) % bound;
}

uint64_t random_below(uint64_t bound) {
    const uint64_t least = unfair_below(bound);
    uint64_t value;

    do {
        value = random_u64();
    } while (value < least);
    return value % bound;
}

/* splitmix64 (Steele, Lea, Flood 2014), with which the authors of xoshiro seed it: even a seed of
 * zero gives a state that is not all zeros. */
static uint64_t splitmix_next(uint64_t *state) {
    uint64_t z;

    *state += UINT64_C(0x9E3779B97F4A7C15);
    z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void prng_init(struct prng *prng, uint64_t seed) {
    for (size_t i = 0; i < COUNT_OF(prng->state); i++) {
        prng->state[i] = splitmix_next(&seed);
    }
}

static uint64_t rotated(uint64_t value, int bits) {
    return (value << bits) | (value >> (64 - bits));
}

uint64_t prng_next(struct prng *prng) {
    uint64_t *s = prng->state;
    const uint64_t result = rotated(s[1] * 5, 7) * 9;
    const uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotated(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *prng, uint64_t bound) {
    const uint64_t least = unfair_below(bound);
    uint64_t value;

    do {
        value = prng_next(prng);
    } while (value < least);
    return value % bound;
}

double prng_unit(struct prng *prng) {
    /* A double holds 53 bits exactly. */
    return (double)(prng_next(prng) >> 11) * 0x1.0p-53;
}
