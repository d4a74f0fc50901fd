/* SPDX-License-Identifier: Apache-2.0
 * keyring_impl.h: what keyring.c and keyring_memory.c share: a set, the list of them, and what is
 * kept of them in the database. Nobody else includes it. */
#ifndef HOLDFAST_GATEWAY_KEYRING_IMPL_H
#define HOLDFAST_GATEWAY_KEYRING_IMPL_H

#include "base/task.h"
#include "gateway/keyring.h"

enum { KEYRING_TROUBLE_CHARS_MAX = 200 };

struct key_set {
    struct gateway face; /* first: what calls are given */
    int users;           /* of the rest the keyring's lock */
    bool gone;
    bool heard;    /* a callback was verified with it, or with the same credentials before it */
    bool recalled; /* from the database: it verifies callbacks, and calls nobody */
    int64_t since_us, until_us;                    /* wall; until 0: in force */
    int64_t not_after_us[GATEWAY_CREDENTIALS_MAX]; /* of the face's credentials; 0: never */
    struct key_set *older;
};

struct keyring {
    struct gateway *gateway; /* the configured one */
    const struct keystore_place *keystore;
    int64_t overlap_us;
    /* Where sets outlive the process; NULL: nowhere. */
    struct store *store;
    const struct seal *seal;
    struct lock lock;
    /* Under the lock. */
    struct key_set *newest;
    bool changing; /* one change at a time: the next one reads what this one wrote */
    bool lapsed;   /* an overlap has ended since the database was told */
    char trouble[KEYRING_TROUBLE_CHARS_MAX]; /* why not all is kept; "" when it is */
};

void key_set_free(struct key_set *set); /* one that no list has and nobody uses */
bool key_is_option(const struct gateway_adapter *adapter, const char *name);
/* A new set of the gateway's without a credential, not opened. */
MUST_USE struct key_set *key_set_new(const struct gateway *gateway);

/* ---- keyring_memory.c; nothing where there is no store ---- */

/* `set` is in force from now on, and what was is accepted for the overlap: durable when it
 * returns. */
MUST_USE int memory_keep(struct keyring *ring, const struct key_set *set, struct err *err);
/* The old ones are forgotten. */
MUST_USE int memory_retire(struct keyring *ring, const struct key_set *in_force, struct err *err);
/* Those whose overlap has ended are. */
void memory_prune(struct keyring *ring);

#endif
