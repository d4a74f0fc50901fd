/* SPDX-License-Identifier: Apache-2.0
 * slice_codes.c: why it failed, second by second: a table that is never cleared. Each second of the
 * window has a row of cells; a cell is one word that bears its second, its slice, its code and how
 * often, so that whoever finds another second in it begins it anew, in the same step (invariant 2
 * of slices_impl.h).
 *
 * A row is searched from where the hash points, CELL_TRIES cells at most: what fails in one second
 * stands side by side, and is in a cache when the next failure comes. What finds no place there is
 * counted for its whole operation, and where even that has none it is missed, and counted. */
#include "base/clock.h"
#include "meter/slices_impl.h"

enum {
    SECOND_BITS = 23,
    OWNER_BITS = 15,
    CODE_BITS = 10,
    TIMES_BITS = 16,
    TIMES_MAX = (1 << TIMES_BITS) - 1,
    CELLS = 224,      /* of a second, for slices */
    WIDE_CELLS = 64,  /* of a second, for operations as a whole */
    CELL_TRIES = 16,
};
static_assert(SECOND_BITS + OWNER_BITS + CODE_BITS + TIMES_BITS == 64, "a cell is one word");
static_assert(SLICE_SLOTS + SLICE_OPERATIONS_MAX < 1 << OWNER_BITS, "all owners have a number");
static_assert(SLICE_CODES_MAX < 1 << CODE_BITS, "all codes have a number");

static struct {
    _Atomic uint64_t cells[SLICE_WINDOW_S][CELLS + WIDE_CELLS];
    _Atomic int64_t folded, missed;
} table;

/* A cell without its count; never 0, for a code's number is from 1. */
static uint64_t face_of(int64_t second, uint32_t owner, uint16_t code) {
    uint64_t face = (uint64_t)second << OWNER_BITS | owner;
    return (face << CODE_BITS | code) << TIMES_BITS;
}

static uint32_t owner_of(uint64_t cell) {
    return (uint32_t)(cell >> (TIMES_BITS + CODE_BITS)) & ((1U << OWNER_BITS) - 1);
}

static uint16_t code_of(uint64_t cell) {
    return (uint16_t)(cell >> TIMES_BITS) & ((1U << CODE_BITS) - 1);
}

static bool is_of(uint64_t cell, int64_t second) {
    return cell >> (64 - SECOND_BITS) == ((uint64_t)second & ((UINT64_C(1) << SECOND_BITS) - 1));
}

/* Counts it in one of the cells first..first + count; false: there is no place. */
static bool add(_Atomic uint64_t *row, int count, int64_t second, uint32_t owner, uint16_t code) {
    uint64_t face = face_of(second, owner, code);
    uint32_t hash = (owner * 0x9e3779b1U) ^ (code * 0x85ebca6bU);
    uint32_t at = (hash ^ hash >> 15) & (uint32_t)(count - 1);
    for (int tries = 0; tries < CELL_TRIES; tries++, at = (at + 1) & (uint32_t)(count - 1)) {
        uint64_t seen = atomic_load_explicit(&row[at], memory_order_relaxed);
        for (;;) {
            bool mine = (seen & ~(uint64_t)TIMES_MAX) == face;
            if (!mine && is_of(seen, second)) {
                break; /* another's */
            }
            if (mine && (seen & TIMES_MAX) == TIMES_MAX) {
                return true;
            }
            if (atomic_compare_exchange_weak_explicit(&row[at], &seen, mine ? seen + 1 : face | 1,
                                                      memory_order_relaxed,
                                                      memory_order_relaxed)) {
                return true;
            }
        }
    }
    return false;
}

void slice_code_add(const struct slice *slice, uint16_t code, int64_t second) {
    _Atomic uint64_t *row = table.cells[second % SLICE_WINDOW_S];
    if (add(row, CELLS, second, slice->slot, code)) {
        return;
    }
    if (add(row + CELLS, WIDE_CELLS, second, SLICE_SLOTS + slice_operation_of(slice), code)) {
        atomic_fetch_add_explicit(&table.folded, 1, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&table.missed, 1, memory_order_relaxed);
    }
}

void slice_codes_clear(void) {
    for (int i = 0; i < SLICE_WINDOW_S; i++) {
        for (int j = 0; j < CELLS + WIDE_CELLS; j++) {
            if (atomic_load(&table.cells[i][j]) != 0) { /* what is not used is not touched */
                atomic_store(&table.cells[i][j], 0);
            }
        }
    }
    atomic_store(&table.folded, 0);
    atomic_store(&table.missed, 0);
}

void slice_codes_recent(int seconds_ago, int window_s, slice_code_fn *fn, void *ctx) {
    int64_t last = clock_mono_us() / US_PER_SECOND - seconds_ago;
    for (int64_t second = last; second > last - window_s && second >= 0; second--) {
        _Atomic uint64_t *row = table.cells[second % SLICE_WINDOW_S];
        for (int i = 0; i < CELLS + WIDE_CELLS; i++) {
            uint64_t cell = atomic_load_explicit(&row[i], memory_order_relaxed);
            if (cell == 0 || !is_of(cell, second)) {
                continue;
            }
            uint32_t owner = owner_of(cell);
            bool wide = owner >= SLICE_SLOTS;
            const struct slice *slice = wide ? NULL : slice_at_slot((int)owner);
            struct slice_code_count count = {
                .slice = slice,
                .operation = wide ? (enum slice_operation)(owner - SLICE_SLOTS)
                                  : slice_operation_of(slice),
                .code = code_of(cell),
                .seconds_ago = (int)(last - second) + seconds_ago,
                .count = (int64_t)(cell & TIMES_MAX),
            };
            fn(ctx, &count);
        }
    }
}

int64_t slice_codes_folded(void) {
    return atomic_load(&table.folded);
}

int64_t slice_codes_missed(void) {
    return atomic_load(&table.missed);
}

int64_t slice_codes_bytes(void) {
    return (int64_t)sizeof(table);
}
