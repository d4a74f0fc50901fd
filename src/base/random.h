/* SPDX-License-Identifier: Apache-2.0
 * random.h: randomness. `random_*` comes from the world door (the operating system in production,
 * the seed in the simulator) and is fit for secrets. `struct prng` is a small seeded generator
 * (xoshiro256**, Blackman and Vigna 2018) for jitter, load and the sandbox; never for secrets.
 * Threads: random_* any; a prng belongs to one thread at a time. Cannot fail. */
#ifndef HOLDFAST_BASE_RANDOM_H
#define HOLDFAST_BASE_RANDOM_H

#include "base/compiler.h"

void random_bytes(void *ret_bytes, size_t count);
uint64_t random_u64(void);
/* Uniform in [0, bound); bound must be 1 or more. */
uint64_t random_below(uint64_t bound);

struct prng {
    uint64_t state[4];
};
void prng_init(struct prng *prng, uint64_t seed);
uint64_t prng_next(struct prng *prng);
uint64_t prng_below(struct prng *prng, uint64_t bound);
/* Uniform in [0, 1). */
double prng_unit(struct prng *prng);

#endif
