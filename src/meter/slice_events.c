/* SPDX-License-Identifier: Apache-2.0
 * slice_events.c: events one by one, from many who record to one who reads: a ring in which each
 * cell says whose turn it is (Vyukov's bounded queue, 1024cores.net). A full ring keeps nothing
 * more, and counts. */
#include "meter/slices_impl.h"

enum { CELL_MASK = SLICE_EVENTS_MAX - 1 };
static_assert((SLICE_EVENTS_MAX & CELL_MASK) == 0, "a place is found by a mask");

/* A cell's turn is the place that it is to be written for, or that place + 1 when it is to be read;
 * places count on for ever. Kept without the cell's own number, so that zeroed memory is a ring. */
struct cell {
    _Atomic uint64_t turn;
    struct slice_seen seen;
};

static struct {
    struct cell cells[SLICE_EVENTS_MAX];
    _Atomic uint64_t head; /* next to be written */
    uint64_t tail;         /* next to be read */
    _Atomic int64_t missed;
} ring;

_Atomic unsigned slice_events_wanted;

static uint64_t turn_of(struct cell *cell, uint64_t at) {
    return atomic_load_explicit(&cell->turn, memory_order_acquire) + (at & CELL_MASK);
}
static void turn_set(struct cell *cell, uint64_t at, uint64_t turn) {
    atomic_store_explicit(&cell->turn, turn - (at & CELL_MASK), memory_order_release);
}

void slice_events_clear(void) {
    atomic_store(&slice_events_wanted, 0);
    for (uint64_t i = 0; i < SLICE_EVENTS_MAX && i < atomic_load(&ring.head); i++) {
        atomic_store(&ring.cells[i].turn, 0);
    }
    atomic_store(&ring.head, 0);
    atomic_store(&ring.missed, 0);
    ring.tail = 0;
}

void slice_events_want(unsigned operations) {
    atomic_store(&slice_events_wanted, operations);
}

void slice_event_keep(const struct slice_seen *seen) {
    uint64_t at = atomic_load_explicit(&ring.head, memory_order_relaxed);
    for (;;) {
        struct cell *cell = &ring.cells[at & CELL_MASK];
        uint64_t turn = turn_of(cell, at);
        if (turn == at) {
            if (atomic_compare_exchange_weak_explicit(&ring.head, &at, at + 1,
                                                      memory_order_relaxed,
                                                      memory_order_relaxed)) {
                cell->seen = *seen;
                turn_set(cell, at, at + 1);
                return;
            }
        } else if ((int64_t)(turn - at) < 0) {
            atomic_fetch_add_explicit(&ring.missed, 1, memory_order_relaxed);
            return;
        } else {
            at = atomic_load_explicit(&ring.head, memory_order_relaxed);
        }
    }
}

int slice_events_take(struct slice_seen *ret_events, int max) {
    int count = 0;
    while (count < max) {
        struct cell *cell = &ring.cells[ring.tail & CELL_MASK];
        if (turn_of(cell, ring.tail) != ring.tail + 1) {
            break;
        }
        ret_events[count++] = cell->seen;
        turn_set(cell, ring.tail, ring.tail + SLICE_EVENTS_MAX);
        ring.tail++;
    }
    return count;
}

int64_t slice_events_missed(void) {
    return atomic_load(&ring.missed);
}
