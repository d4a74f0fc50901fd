/* SPDX-License-Identifier: Apache-2.0
 * place.h: where a gateway keeps what it made: numbered objects, their names, and their memory.
 *
 * Objects are never freed one by one: memory is taken from hoards that are given back whole
 * (sb_place_clear), so that a charge costs what it holds and nothing else. What changes about an
 * object is a chain of versions: a change makes a new version, and whoever holds an old one (an
 * event, a stored answer) sees the object as it was then. A name holds its object's number,
 * scrambled with the place's key, so that finding an object by name needs no table, and numbers say
 * nothing about each other. Threads: any. An object's versions and what hangs on it are guarded by
 * the lock of its root's shard. Limits: `objects_max` in all; past it sb_place_add() says false. */
#ifndef HOLDFAST_SANDBOX_PLACE_H
#define HOLDFAST_SANDBOX_PLACE_H

#include <glib.h>
#include <stdatomic.h>

#include "base/compiler.h"
#include "base/task.h"

enum sb_kind {
#define X(name, prefix, digits, chars) SB_##name,
#include "sandbox/kinds.def"
#undef X
    SB_KINDS
};

enum {
    SB_SHARDS = 32,
    SB_TABLE_CHUNK = 16384,
    SB_TABLE_CHUNKS = 640,
    SB_ID_CHARS_MAX = 47,
};
#define SB_OBJECTS_MAX INT64_C(10000000)

/* Memory that only grows, until it is given back whole. */
struct sb_hoard {
    struct sb_hoard_chunk *chunks;
    char *at, *end;
    size_t bytes;
};
void *sb_hoard_take(struct sb_hoard *hoard, size_t bytes); /* zeroed, aligned for pointers */
const char *sb_hoard_text(struct sb_hoard *hoard, const char *text); /* NULL and "" give NULL */
const char *sb_hoard_bytes(struct sb_hoard *hoard, const char *bytes, size_t count);
void sb_hoard_release(struct sb_hoard *hoard);

struct sb_shard {
    struct lock lock;
    struct sb_hoard hoard;
};

struct sb_table {
    struct lock lock;
    _Atomic uint32_t count;
    _Atomic(_Atomic(void *) *) chunks[SB_TABLE_CHUNKS];
};

struct sb_place {
    uint64_t key; /* of the names */
    int64_t objects_max;
    atomic_int_fast64_t objects;
    struct sb_shard shards[SB_SHARDS];
    struct sb_table tables[SB_KINDS];
    struct lock name_lock;
    GHashTable *named; /* text → object; the texts are in a hoard */
};

struct sb_id {
    char text[SB_ID_CHARS_MAX + 1];
};

MUST_USE struct sb_place *sb_place_new(uint64_t key, int64_t objects_max);
void sb_place_free(struct sb_place *place); /* NULL is fine */
/* Forgets everything; from then on names are made with another key. Nobody else may use it
 * meanwhile. */
void sb_place_clear(struct sb_place *place, uint64_t key);
size_t sb_place_bytes(struct sb_place *place);

/* Takes the next number of that kind and the moment it was made (wall clock, never less than that
 * of the number before). False: the place is full. */
MUST_USE bool sb_place_add(struct sb_place *place, enum sb_kind kind, uint32_t *ret_number,
                           int64_t *ret_created_us);
/* From then on it can be found. */
void sb_place_put(struct sb_place *place, enum sb_kind kind, uint32_t number, void *object);
/* NULL: there is none of that number (yet). */
void *sb_place_get(struct sb_place *place, enum sb_kind kind, uint32_t number);
uint32_t sb_place_count(struct sb_place *place, enum sb_kind kind);
static inline struct sb_shard *sb_place_shard(struct sb_place *place, uint32_t root_number) {
    return &place->shards[root_number % SB_SHARDS];
}

struct sb_id sb_id_of(const struct sb_place *place, enum sb_kind kind, uint32_t number);
/* False: not a name of that kind that this place could have given. */
MUST_USE bool sb_id_number(const struct sb_place *place, enum sb_kind kind, const char *text,
                           uint32_t *ret_number);
/* Gives an object a name of the shop's choosing (an order number there), which lives as long as the
 * object does. NULL: done. Else the object that has that name already; nothing was changed. */
void *sb_place_name(struct sb_place *place, const char *name, void *object);
/* The object to which that name was given, or NULL. */
void *sb_place_named(struct sb_place *place, const char *name);
/* The object of that name, or NULL. */
void *sb_place_find(struct sb_place *place, enum sb_kind kind, const char *text);

#endif
