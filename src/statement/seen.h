/* SPDX-License-Identifier: Apache-2.0
 * seen.h: which rows or ids a file has had already, and on which line. Keeps 16 bytes of each, of
 * which 12 are a hash (XXH3): of SEEN_MAX rows two different ones pass for the same about once in
 * 10^13 files, and such a file is refused, not taken in wrongly.
 * Owns: its table, until seen_release(). Threads: one each. Limits: SEEN_MAX; what comes after is
 * not remembered, and seen_full() says so. */
#ifndef HOLDFAST_STATEMENT_SEEN_H
#define HOLDFAST_STATEMENT_SEEN_H

#include "base/compiler.h"

enum { SEEN_MAX = 50 * 1000 * 1000 };

struct seen {
    struct seen_slot *slots;
    size_t slot_count; /* a power of two; 0 before the first */
    size_t used;
};

/* A struct of zeros is an empty one. */
void seen_release(struct seen *seen);
#define SEEN_AUTO struct seen CLEANUP(seen_release)
/* 0 when these bytes are new (and remembers them), else the line of the first. */
MUST_USE int64_t seen_add(struct seen *seen, const void *bytes, size_t count, int64_t line);
MUST_USE bool seen_full(const struct seen *seen);

#endif
