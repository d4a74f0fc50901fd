/* SPDX-License-Identifier: Apache-2.0
 * arena.c: one request's memory, in blocks that are only ever filled and freed together.
 * Invariants: bytes are given once, so a fresh block's zeros are still zeros; used <= bytes_max. */
#include "base/arena.h"

#include <stdarg.h>

enum {
    ARENA_BLOCK_BYTES = 8 * 1024,
    ARENA_ALIGN = 16,
};

static_assert(_Alignof(max_align_t) <= ARENA_ALIGN, "any type may stand at this alignment");

struct block {
    _Alignas(ARENA_ALIGN) struct block *next;
    size_t size; /* of bytes[] */
    size_t used;
    _Alignas(ARENA_ALIGN) unsigned char bytes[];
};

struct arena {
    struct block *blocks; /* the one being filled comes first */
    size_t used;
    size_t bytes_max;
};

struct arena *arena_new(size_t bytes_max) {
    struct arena *arena = calloc(1, sizeof(*arena));

    INVARIANT(arena != NULL, "no memory for an arena");
    INVARIANT(bytes_max < SIZE_MAX / 4, "an arena has a maximum");
    arena->bytes_max = bytes_max;
    return arena;
}

void arena_free(struct arena *arena) {
    if (arena == NULL) {
        return;
    }
    while (arena->blocks != NULL) {
        struct block *block = arena->blocks;

        arena->blocks = block->next;
        free(block);
    }
    free(arena);
}

void arena_auto(struct arena **arena) {
    arena_free(*arena);
    *arena = NULL;
}

static struct block *block_new(size_t size) {
    struct block *block = calloc(1, sizeof(*block) + size);

    INVARIANT(block != NULL, "no memory for a request that is inside its limits");
    block->size = size;
    return block;
}

void *arena_alloc(struct arena *arena, size_t bytes) {
    struct block *block = arena->blocks;
    size_t rounded;
    void *given;

    /* Checked before rounding up, so that the sum cannot wrap; used never passes bytes_max. */
    INVARIANT(bytes <= arena->bytes_max - arena->used, "limits on input stand before the arena");
    rounded = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (rounded == 0) {
        rounded = ARENA_ALIGN;
    }
    if (block == NULL || rounded > block->size - block->used) {
        /* A big piece gets a block of its own behind the one that still has room. */
        if (block != NULL && rounded > ARENA_BLOCK_BYTES / 4) {
            struct block *own = block_new(rounded);

            own->next = block->next;
            block->next = own;
            block = own;
        } else {
            block = block_new(rounded > ARENA_BLOCK_BYTES ? rounded : ARENA_BLOCK_BYTES);
            block->next = arena->blocks;
            arena->blocks = block;
        }
    }
    given = block->bytes + block->used;
    block->used += rounded;
    arena->used += rounded < arena->bytes_max - arena->used ? rounded
                                                            : arena->bytes_max - arena->used;
    return given;
}

char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t count) {
    char *copy;

    INVARIANT(count < SIZE_MAX, "room for the NUL");
    copy = arena_alloc(arena, count + 1);
    if (count > 0) {
        memcpy(copy, bytes, count);
    }
    return copy;
}

char *arena_copy(struct arena *arena, const char *text) {
    return text != NULL ? arena_copy_bytes(arena, text, strlen(text)) : NULL;
}

char *arena_printf(struct arena *arena, const char *format, ...) {
    va_list args;
    int wanted;
    char *text;

    va_start(args, format);
    wanted = vsnprintf(NULL, 0, format, args);
    va_end(args);
    INVARIANT(wanted >= 0, "the format is valid");
    text = arena_alloc(arena, (size_t)wanted + 1);
    va_start(args, format);
    (void)vsnprintf(text, (size_t)wanted + 1, format, args);
    va_end(args);
    return text;
}
