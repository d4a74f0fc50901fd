/* SPDX-License-Identifier: Apache-2.0
 * slice_memory.c: where slices stand, taken two megabytes at a time and given back all at once.
 *
 * With thousands of slices an event finds nothing of its own in a cache, and what it waits for
 * is memory: for its lines, and for the page tables that say where they are. So a block is a
 * page of 2 MiB where the system has them: a few dozen, which the processor remembers, instead
 * of fifteen thousand. Where it has none, slices stand close together, since their seconds are
 * kept apart: a row has one second of all slices of the block, so that of 600 seconds only the
 * present one's row is in use. A line of counts is then eight slices', which two tasks that
 * record in the same moment wait for; they would for a slice's own as well. Nobody waits for a
 * block: whoever finds one full makes another, and the first to finish has it. */
#include <stdatomic.h>
#include <sys/mman.h>

#include "base/compiler.h"
#include "meter/slices_impl.h"

enum {
    BLOCK_BYTES = 2 * 1024 * 1024,
    SLICE_BYTES = sizeof(struct slice) + SLICE_WINDOW_S * sizeof(uint64_t),
    BLOCK_SLICES = (BLOCK_BYTES - SLICE_LINE_BYTES) / SLICE_BYTES,
};

struct block {
    struct slice slices[BLOCK_SLICES];
    _Atomic uint64_t seconds[SLICE_WINDOW_S][BLOCK_SLICES];
    struct block *older;
    _Atomic int used; /* BLOCK_SLICES and more: full */
};
static_assert(sizeof(struct block) <= BLOCK_BYTES, "a block has its size");
/* So that the first lines of all slices do not share a part of the cache. */
static_assert(sizeof(struct slice) / SLICE_LINE_BYTES % 2 == 1, "its lines are odd in number");

static _Atomic(struct block *) newest;
static _Atomic int64_t taken;

/* Zeroed, and at a multiple of its size: a block is found from any address in it. */
static struct block *block_new(struct block *older) {
    char *wide = mmap(NULL, (size_t)2 * BLOCK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    INVARIANT(wide != MAP_FAILED, "no memory for slices");
    size_t before = (size_t)(-(uintptr_t)wide & (BLOCK_BYTES - 1));
    if (before > 0) {
        (void)munmap(wide, before);
    }
    (void)munmap(wide + before + BLOCK_BYTES, BLOCK_BYTES - before);
    struct block *block = (struct block *)(void *)(wide + before);
    (void)madvise(block, BLOCK_BYTES, MADV_HUGEPAGE); /* where it is not had, it is only slower */
    block->older = older;
    return block;
}

struct slice *slice_place(void) {
    for (;;) {
        struct block *block = atomic_load(&newest);
        int at = block != NULL ? atomic_fetch_add(&block->used, 1) : BLOCK_SLICES;
        if (at < BLOCK_SLICES) {
            return &block->slices[at];
        }
        struct block *made = block_new(block);
        if (atomic_compare_exchange_strong(&newest, &block, made)) {
            atomic_fetch_add(&taken, BLOCK_BYTES);
        } else {
            (void)munmap(made, BLOCK_BYTES);
        }
    }
}

_Atomic uint64_t *slice_second(const struct slice *slice, int64_t second) {
    uintptr_t in_block = (uintptr_t)slice & (BLOCK_BYTES - 1);
    const struct block *block = (const void *)((const char *)slice - in_block);
    /* Who only looks at the slice only looks at its seconds. */
    return (_Atomic uint64_t *)&block->seconds[second % SLICE_WINDOW_S][slice - block->slices];
}

void slice_places_clear(void) {
    struct block *block = atomic_exchange(&newest, NULL);
    while (block != NULL) {
        struct block *older = block->older;
        (void)munmap(block, BLOCK_BYTES);
        block = older;
    }
    atomic_store(&taken, 0);
}

int64_t slice_places_bytes(void) {
    return atomic_load(&taken);
}
