/* SPDX-License-Identifier: Apache-2.0
 * slice_memory.c: room for slices, taken by the megabyte and given back all at once.
 *
 * With thousands of slices an event finds nothing of its own in a cache, and what it waits for is
 * memory: for its lines, and for the page tables that say where they are. So rooms begin on a
 * cache line, and stand in pages of 2 MiB where the system has them: a few dozen, which the
 * processor remembers, instead of fifteen thousand. Nothing waits: whoever finds a block full makes
 * another, and the first to finish has it. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/compiler.h"
#include "meter/slices_impl.h"

enum { BLOCK_BYTES = 2 * 1024 * 1024 };

/* The first room of a block is its own. */
struct block {
    struct block *older;
    _Atomic size_t used; /* past BLOCK_BYTES: full */
};
static_assert(sizeof(struct block) <= SLICE_LINE_BYTES, "a block's own room is a line");

static _Atomic(struct block *) newest;
static _Atomic int64_t taken;

static struct block *block_new(struct block *older) {
    struct block *block = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
    INVARIANT(block != NULL, "no memory for slices");
    (void)madvise(block, BLOCK_BYTES, MADV_HUGEPAGE); /* where it is not had, it is only slower */
    block->older = older;
    atomic_init(&block->used, SLICE_LINE_BYTES);
    return block;
}

void *slice_room(size_t bytes) {
    size_t lines = (bytes + SLICE_LINE_BYTES - 1) / SLICE_LINE_BYTES * SLICE_LINE_BYTES;
    INVARIANT(lines <= BLOCK_BYTES - SLICE_LINE_BYTES, "a slice is smaller than a block");
    for (;;) {
        struct block *block = atomic_load(&newest);
        size_t at = block != NULL ? atomic_fetch_add(&block->used, lines) : BLOCK_BYTES;
        if (at + lines <= BLOCK_BYTES) {
            return memset((char *)block + at, 0, lines);
        }
        struct block *made = block_new(block);
        if (atomic_compare_exchange_strong(&newest, &block, made)) {
            atomic_fetch_add(&taken, BLOCK_BYTES);
        } else {
            free(made);
        }
    }
}

void slice_rooms_clear(void) {
    struct block *block = atomic_exchange(&newest, NULL);
    while (block != NULL) {
        struct block *older = block->older;
        free(block);
        block = older;
    }
    atomic_store(&taken, 0);
}

int64_t slice_rooms_bytes(void) {
    return atomic_load(&taken);
}
