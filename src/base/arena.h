/* SPDX-License-Identifier: Apache-2.0
 * arena.h: memory of one request, freed whole. Owns: every block it gave out, until arena_free().
 * Threads: one at a time. Limits: `bytes_max` in all; passing it is a bug of whoever let that much
 * in (limits on input stand before the arena), so it aborts. */
#ifndef HOLDFAST_BASE_ARENA_H
#define HOLDFAST_BASE_ARENA_H

#include "base/compiler.h"

struct arena;

enum { ARENA_REQUEST_BYTES_MAX = 8 * 1024 * 1024 };

MUST_USE struct arena *arena_new(size_t bytes_max);
void arena_free(struct arena *arena); /* NULL is fine */
void arena_auto(struct arena **arena);
#define ARENA_AUTO struct arena *CLEANUP(arena_auto)

/* Zeroed, aligned for any type. */
MUST_USE void *arena_alloc(struct arena *arena, size_t bytes);
MUST_USE char *arena_copy(struct arena *arena, const char *text); /* NULL gives NULL */
MUST_USE char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t count);
MUST_USE char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
