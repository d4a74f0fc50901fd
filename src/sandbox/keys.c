/* SPDX-License-Identifier: Apache-2.0
 * keys.c: idempotency keys. */
#include "sandbox/keys.h"

#include <xxhash.h>

#include "base/clock.h"

uint64_t sb_digest(uint64_t before, const void *bytes, size_t count) {
    return XXH3_64bits_withSeed(bytes, count, before);
}

static guint key_hash(gconstpointer key) {
    const struct sb_key *of = key;
    return (guint)sb_digest(of->scope, of->text, strlen(of->text));
}

static gboolean key_equal(gconstpointer a, gconstpointer b) {
    const struct sb_key *one = a, *other = b;
    return one->scope == other->scope && strcmp(one->text, other->text) == 0;
}

void sb_keys_init(struct sb_keys *keys) {
    *keys = (struct sb_keys){0};
    for (int i = 0; i < SB_KEY_SHARDS; i++) {
        lock_init(&keys->shards[i].lock);
        keys->shards[i].set = g_hash_table_new(key_hash, key_equal);
    }
}

void sb_keys_release(struct sb_keys *keys) {
    for (int i = 0; i < SB_KEY_SHARDS; i++) {
        g_hash_table_unref(keys->shards[i].set);
        sb_hoard_release(&keys->shards[i].hoard);
        lock_free(&keys->shards[i].lock);
    }
    *keys = (struct sb_keys){0};
}

void sb_keys_clear(struct sb_keys *keys) {
    for (int i = 0; i < SB_KEY_SHARDS; i++) {
        lock_take(&keys->shards[i].lock);
        g_hash_table_remove_all(keys->shards[i].set);
        sb_hoard_release(&keys->shards[i].hoard);
        lock_give(&keys->shards[i].lock);
    }
}

static int shard_of(const struct sb_key *key) {
    return (int)(key_hash(key) >> 8) % SB_KEY_SHARDS;
}

enum sb_claim sb_keys_claim(struct sb_keys *keys, const char *text, uint64_t scope,
                            uint64_t request, struct sb_key **ret_key,
                            struct sb_outcome *ret_outcome) {
    union {
        struct sb_key key;
        char room[sizeof(struct sb_key) + SB_KEY_CHARS_MAX + 1];
    } wanted = {.key = {.scope = scope, .request = request, .busy_until_us = INT64_MAX}};
    size_t count = strlen(text);
    INVARIANT(count <= SB_KEY_CHARS_MAX, "a key is checked before it is claimed");
    memcpy(wanted.key.text, text, count + 1);
    int at = shard_of(&wanted.key);
    lock_take(&keys->shards[at].lock);
    struct sb_key *found = g_hash_table_lookup(keys->shards[at].set, &wanted.key);
    enum sb_claim claim = SB_CLAIM_NEW;
    if (found == NULL) {
        found = sb_hoard_take(&keys->shards[at].hoard, sizeof(*found) + count + 1);
        memcpy(found, &wanted.key, sizeof(*found) + count + 1);
        (void)g_hash_table_add(keys->shards[at].set, found);
        *ret_key = found;
    } else if (found->request != request) {
        claim = SB_CLAIM_OTHER;
    } else if (found->busy_until_us > 0 && clock_mono_us() < found->busy_until_us) {
        claim = SB_CLAIM_BUSY;
    } else {
        claim = SB_CLAIM_DONE;
        *ret_key = found;
        *ret_outcome = found->outcome;
    }
    lock_give(&keys->shards[at].lock);
    return claim;
}

void sb_keys_finish(struct sb_keys *keys, struct sb_key *key, const struct sb_outcome *outcome,
                    int64_t busy_us) {
    int at = shard_of(key);
    lock_take(&keys->shards[at].lock);
    key->outcome = *outcome;
    key->busy_until_us = busy_us > 0 ? clock_mono_us() + busy_us : 0;
    lock_give(&keys->shards[at].lock);
}

void sb_keys_drop(struct sb_keys *keys, struct sb_key *key) {
    int at = shard_of(key);
    lock_take(&keys->shards[at].lock);
    (void)g_hash_table_remove(keys->shards[at].set, key);
    lock_give(&keys->shards[at].lock);
}

size_t sb_keys_bytes(struct sb_keys *keys) {
    size_t bytes = 0;
    for (int i = 0; i < SB_KEY_SHARDS; i++) {
        lock_take(&keys->shards[i].lock);
        bytes += keys->shards[i].hoard.bytes +
                 g_hash_table_size(keys->shards[i].set) * 2 * (sizeof(void *) + sizeof(guint));
        lock_give(&keys->shards[i].lock);
    }
    return bytes;
}
