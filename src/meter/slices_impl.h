/* SPDX-License-Identifier: Apache-2.0
 * slices_impl.h: what a slice is made of. Internal to meter/.
 *
 * Invariants:
 *   1. A recording is relaxed atomic additions to its slice; nothing waits, nothing is freed.
 *   2. A second's counts are one word that bears its own time: whoever finds another time in it
 *      begins it anew, in the same step. So no second has to be cleared by anybody.
 *   3. A minute's figures are in the bank of its parity. A bank belongs to the minute that it
 *      bears until it has been taken; what comes for another one meanwhile is added to it. */
#ifndef HOLDFAST_METER_SLICES_IMPL_H
#define HOLDFAST_METER_SLICES_IMPL_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>

#include "meter/slice_names.h"
#include "meter/slices.h"

enum { SLICE_SLOTS = 16384 }; /* of the table */

/* One second: when (16 bits: how many times the window has gone round), ok, declined, failed. */
enum { COUNT_BITS = 16, SECOND_COUNT_MAX = (1 << COUNT_BITS) - 1 };

enum { SLICE_LINE_BYTES = 64 }; /* what memory is fetched by */

struct slice_bank {
    alignas(SLICE_LINE_BYTES) _Atomic int64_t minute; /* 0: taken */
    _Atomic int64_t ok_minor, lost_minor, duration_us;
    _Atomic uint32_t counts[SLICE_OUTCOMES], repeated;
    _Atomic uint16_t code_numbers[SLICE_CODES_EACH];
};
static_assert(sizeof(struct slice_bank) == SLICE_LINE_BYTES, "a bank is a line");

/* The operation's number, then the labels, each with its NUL. */
enum { SLICE_KEY_BYTES_MAX = 1 + SLICE_DIMENSIONS * (SLICE_LABEL_CHARS_MAX + 1) };
enum { SLICE_NEAR_BYTES = 48 }; /* a key up to that needs no line of its own */

/* Memory is what a recording waits for, so it touches as few lines as can be: the first, that of
 * its bank, one each of the buckets and the seconds, and one of codes if it failed. */
struct slice {
    alignas(SLICE_LINE_BYTES) uint64_t hash;
    uint16_t slot; /* of the table */
    uint8_t key_bytes;
    uint8_t starts[SLICE_DIMENSIONS]; /* of the labels in the key */
    char near[SLICE_NEAR_BYTES];      /* the key, if it is that short */
    struct slice_bank banks[2];
    _Atomic uint32_t buckets[2][SLICE_BUCKETS];  /* of the banks */
    _Atomic uint32_t codes[2][SLICE_CODES_EACH]; /* of the banks' numbers */
    _Atomic int64_t told[SLICE_OUTCOMES + 1]; /* by minutes that were taken; the last: repeated */
    struct slice *older;
    char *far; /* a longer key, owned */
};
static_assert(offsetof(struct slice, banks) == SLICE_LINE_BYTES, "what is found first is a line");
static_assert(SLICE_KEY_BYTES_MAX <= UINT8_MAX, "a key's length and its labels' places are bytes");

static inline const char *slice_key(const struct slice *slice) {
    return slice->key_bytes <= SLICE_NEAR_BYTES ? slice->near : slice->far;
}

/* slice_memory.c: a place for one more, all zero, until slice_places_clear(). */
struct slice *slice_place(void);
/* Its counts of that second, or of one a window before or after. */
_Atomic uint64_t *slice_second(const struct slice *slice, int64_t second);
void slice_places_clear(void);
int64_t slice_places_bytes(void);

/* slices_minute.c */
void slice_minute_record(struct slice *slice, const struct slice_event *event, int64_t minute,
                         uint16_t code, bool repeated);

/* slices.c: the slice that has the slot. */
const struct slice *slice_at_slot(int slot);

/* slice_codes.c */
void slice_code_add(const struct slice *slice, uint16_t code, int64_t second);
void slice_codes_clear(void);
int64_t slice_codes_bytes(void);

/* slice_events.c */
void slice_events_clear(void);
void slice_event_keep(const struct slice_seen *seen);
extern _Atomic unsigned slice_events_wanted; /* bits */

#endif
