/* SPDX-License-Identifier: Apache-2.0
 * keys.h: idempotency keys of one gateway: who came first with a key, and what he was told.
 *
 *   (none) ── claim ──► BUSY ── finish ──► DONE
 *                        └───── drop ────► (none)
 * An answer is not kept as text but as an outcome: which version of which object it showed, from
 * which the same bytes can be written again.
 * Threads: any. Owns: keys and outcomes until sb_keys_clear(). */
#ifndef HOLDFAST_SANDBOX_KEYS_H
#define HOLDFAST_SANDBOX_KEYS_H

#include <glib.h>

#include "base/compiler.h"
#include "base/task.h"
#include "sandbox/place.h"

/* What an answer showed. The gateway's own code knows the meaning of all but the status. */
struct sb_outcome {
    int status;
    int shape;
    unsigned options;
    const void *object, *version;
};

struct sb_key {
    uint64_t scope, request; /* digests: where the key counts; what was asked with it */
    int64_t busy_until_us;   /* monotonic; INT64_MAX: still executing */
    struct sb_outcome outcome;
    char text[];
};

enum sb_claim {
    SB_CLAIM_NEW,   /* execute, then finish or drop */
    SB_CLAIM_BUSY,  /* the first one has not been answered yet */
    SB_CLAIM_OTHER, /* used for another request */
    SB_CLAIM_DONE,  /* the outcome stands */
};

enum { SB_KEY_SHARDS = 32, SB_KEY_CHARS_MAX = 255 };

struct sb_keys {
    struct {
        struct lock lock;
        GHashTable *set; /* of struct sb_key * */
        struct sb_hoard hoard;
    } shards[SB_KEY_SHARDS];
};

void sb_keys_init(struct sb_keys *keys);
void sb_keys_release(struct sb_keys *keys);
void sb_keys_clear(struct sb_keys *keys);
/* Digest of a text and of what came before it (0 at the start). */
uint64_t sb_digest(uint64_t before, const void *bytes, size_t count);

enum sb_claim sb_keys_claim(struct sb_keys *keys, const char *text, uint64_t scope,
                            uint64_t request, struct sb_key **ret_key,
                            struct sb_outcome *ret_outcome);
/* `busy_us`: how long the first answer is still on its way. */
void sb_keys_finish(struct sb_keys *keys, struct sb_key *key, const struct sb_outcome *outcome,
                    int64_t busy_us);
void sb_keys_drop(struct sb_keys *keys, struct sb_key *key);
size_t sb_keys_bytes(struct sb_keys *keys);

#endif
