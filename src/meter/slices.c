/* SPDX-License-Identifier: Apache-2.0
 * slices.c: the table of slices, recording, and the last seconds.
 *
 * The table is open-addressed and only grows, as that of meter.c. Its last places are kept back:
 * OPERATION_PLACES for one slice of each operation whose labels are all "other", WIDE_PLACES for
 * slices that tell only gateway and method apart. */
#include "meter/slices.h"

#include <glib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/clock.h"
#include "meter/slices_impl.h"

enum {
    SLOTS = SLICE_SLOTS,
    OPERATION_PLACES = SLICE_OPERATIONS_MAX,
    WIDE_PLACES = 240,
    WIDE_MAX = SLICES_MAX - OPERATION_PLACES,
    FULL_MAX = WIDE_MAX - WIDE_PLACES,
    REPEATS = 65536, /* customers who failed lately; of two with one place the later is known */
    REPEAT_SECOND_BITS = 24,
};
#define REPEAT_SECOND_MASK ((UINT64_C(1) << REPEAT_SECOND_BITS) - 1)
static_assert(SLICES_MAX < SLOTS / 4 * 3, "a search must soon meet an empty slot");

static struct {
    _Atomic(struct slice *) slots[SLOTS];
    _Atomic(struct slice *) newest;
    _Atomic int count;
    _Atomic int64_t folded;
    _Atomic uint64_t repeats[REPEATS];
    struct slice_names codes, segments;
} table;

const char *const slice_dimensions[SLICE_DIMENSIONS] = {"gateway", "method", "region", "currency",
                                                        "segment"};
static const char other[] = "other";

static const char *const operation_names[] = {
#define X(id, number, name, help) [number] = name,
#include "meter/slice_operations.def"
#undef X
};
static_assert(COUNT_OF(operation_names) == SLICE_OPERATIONS_MAX + 1, "each operation has a name");

const char *slice_operation_name(enum slice_operation operation) {
    return operation_names[operation];
}

bool slice_operation_parse(const char *name, enum slice_operation *ret_operation) {
    for (int i = 1; i <= SLICE_OPERATIONS_MAX; i++) {
        if (strcmp(operation_names[i], name) == 0) {
            *ret_operation = (enum slice_operation)i;
            return true;
        }
    }
    return false;
}

const char *slice_outcome_name(enum slice_outcome outcome) {
    static const char *const names[] = {"ok", "declined", "failed"};
    static_assert(COUNT_OF(names) == SLICE_OUTCOMES, "each outcome has a name");
    return names[outcome];
}

void slices_init(void) {
    for (int i = 0; i < SLOTS; i++) {
        atomic_store(&table.slots[i], NULL);
    }
    for (int i = 0; i < REPEATS; i++) {
        if (atomic_load(&table.repeats[i]) != 0) { /* memory that is not used is not touched */
            atomic_store(&table.repeats[i], 0);
        }
    }
    for (struct slice *slice = atomic_exchange(&table.newest, NULL); slice != NULL;
         slice = slice->older) {
        g_free(slice->far);
    }
    atomic_store(&table.count, 0);
    atomic_store(&table.folded, 0);
    slice_places_clear();
    slice_codes_clear();
    slice_names_clear(&table.codes);
    slice_names_clear(&table.segments);
    slice_events_clear();
}

uint64_t slice_customer(const char *customer) {
    return customer == NULL || customer[0] == '\0' ? 0 : XXH3_64bits(customer, strlen(customer));
}

/* ---- the table ---- */

struct key {
    uint64_t hash;
    uint32_t bytes;
    uint8_t starts[SLICE_DIMENSIONS];
    char text[SLICE_KEY_BYTES_MAX];
};

static void key_make(struct key *key, enum slice_operation operation,
                     const char *const labels[SLICE_DIMENSIONS]) {
    uint32_t bytes = 0;
    key->text[bytes++] = (char)operation;
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        const char *label = labels[i] != NULL ? labels[i] : "";
        key->starts[i] = (uint8_t)bytes;
        for (int j = 0; j < SLICE_LABEL_CHARS_MAX && label[j] != '\0'; j++) {
            key->text[bytes++] = label[j];
        }
        key->text[bytes++] = '\0';
    }
    key->bytes = bytes;
    key->hash = XXH3_64bits(key->text, bytes);
}

static bool slice_is(const struct slice *slice, const struct key *key) {
    return slice->hash == key->hash && slice->key_bytes == key->bytes &&
           memcmp(slice_key(slice), key->text, key->bytes) == 0;
}

/* NULL: there is none; *ret_slot is then the empty slot that ended the search. */
static struct slice *table_find(const struct key *key, uint32_t *ret_slot) {
    uint32_t slot = (uint32_t)key->hash & (SLOTS - 1);
    struct slice *slice;
    while ((slice = atomic_load_explicit(&table.slots[slot], memory_order_acquire)) != NULL &&
           !slice_is(slice, key)) {
        slot = (slot + 1) & (SLOTS - 1);
    }
    *ret_slot = slot;
    return slice;
}

static struct slice *slice_new(const struct key *key) {
    bool near = key->bytes <= SLICE_NEAR_BYTES;
    struct slice *slice = slice_place();
    slice->hash = key->hash;
    slice->key_bytes = (uint8_t)key->bytes;
    memcpy(slice->starts, key->starts, sizeof(slice->starts));
    if (near) {
        memcpy(slice->near, key->text, key->bytes);
    } else {
        slice->far = g_memdup2(key->text, key->bytes);
    }
    return slice;
}

/* The slice of the key, made when there are fewer than `max`. NULL: there is no place. */
static struct slice *table_get(const struct key *key, int max) {
    uint32_t slot;
    struct slice *slice = table_find(key, &slot);
    if (slice != NULL) {
        return slice;
    }
    if (atomic_fetch_add(&table.count, 1) >= max) {
        atomic_fetch_sub(&table.count, 1);
        return NULL;
    }
    struct slice *made = slice_new(key), *there = NULL;
    made->slot = (uint16_t)slot;
    while (!atomic_compare_exchange_strong(&table.slots[slot], &there, made)) {
        if (slice_is(there, key)) { /* another task was first, and the place stays empty */
            atomic_fetch_sub(&table.count, 1);
            g_free(made->far);
            return there;
        }
        slot = (slot + 1) & (SLOTS - 1);
        made->slot = (uint16_t)slot;
        there = NULL;
    }
    struct slice *newest = atomic_load(&table.newest);
    do {
        made->older = newest;
    } while (!atomic_compare_exchange_weak(&table.newest, &newest, made));
    return made;
}

/* There is no slice for these labels yet. */
static struct slice *slice_make(enum slice_operation operation,
                                const char *const labels[SLICE_DIMENSIONS]) {
    const char *wide[SLICE_DIMENSIONS];
    struct key key;
    memcpy(wide, labels, sizeof(wide));
    const char *segment = labels[SLICE_SEGMENT] != NULL ? labels[SLICE_SEGMENT] : "";
    bool folded = segment[0] != '\0' && strcmp(segment, other) != 0 &&
                  slice_name_number(&table.segments, segment, SLICE_SEGMENTS_MAX) == 0;
    wide[SLICE_SEGMENT] = folded ? other : segment;
    key_make(&key, operation, wide);
    struct slice *slice = table_get(&key, FULL_MAX);
    if (slice == NULL) {
        folded = true;
        wide[SLICE_REGION] = wide[SLICE_CURRENCY] = wide[SLICE_SEGMENT] = other;
        key_make(&key, operation, wide);
        slice = table_get(&key, WIDE_MAX);
    }
    if (slice == NULL) {
        wide[SLICE_GATEWAY] = wide[SLICE_METHOD] = other;
        key_make(&key, operation, wide);
        slice = table_get(&key, SLICES_MAX);
    }
    INVARIANT(slice != NULL, "each operation has a place kept for it");
    atomic_fetch_add_explicit(&table.folded, folded, memory_order_relaxed);
    return slice;
}

/* ---- recording ---- */

/* The customer, at this operation and gateway; 0: he is not known, or did not fail. */
static uint64_t failing_customer(const struct slice_event *event) {
    const char *gateway = event->labels[SLICE_GATEWAY];
    if (event->outcome == SLICE_OK || event->customer == 0) {
        return 0;
    }
    uint64_t where = XXH3_64bits(gateway != NULL ? gateway : "",
                                 gateway != NULL ? strnlen(gateway, SLICE_LABEL_CHARS_MAX) : 0);
    return XXH3_64bits_withSeed(&event->customer, sizeof(event->customer),
                                where + event->operation);
}

/* Whether he failed there a short while ago as well; remembers that he did now. A lookup that loses
 * a race, or a place that two customers share, counts one more. */
static bool failed_before(uint64_t who, int64_t second) {
    _Atomic uint64_t *place = &table.repeats[who % REPEATS];
    uint64_t seen = atomic_load_explicit(place, memory_order_relaxed);
    uint64_t now = (uint64_t)second & REPEAT_SECOND_MASK;
    bool same = ((seen ^ who) & ~REPEAT_SECOND_MASK) == 0;
    if (same && ((now - seen) & REPEAT_SECOND_MASK) < SLICE_CUSTOMER_S) {
        return true;
    }
    atomic_store_explicit(place, (who & ~REPEAT_SECOND_MASK) | now, memory_order_relaxed);
    return false;
}

static uint64_t second_stamp(int64_t second) {
    return (uint64_t)(second / SLICE_WINDOW_S) << (3 * COUNT_BITS);
}

static void second_add(struct slice *slice, enum slice_outcome outcome, int64_t second) {
    _Atomic uint64_t *word = slice_second(slice, second);
    uint64_t stamp = second_stamp(second), one = UINT64_C(1) << (COUNT_BITS * outcome);
    uint64_t full = one * SECOND_COUNT_MAX, stamp_mask = ~UINT64_C(0) << (3 * COUNT_BITS), next;
    uint64_t seen = atomic_load_explicit(word, memory_order_relaxed);
    do {
        next = (seen & stamp_mask) != stamp ? stamp | one : seen + one;
        if ((seen & stamp_mask) == stamp && (seen & full) == full) {
            return;
        }
    } while (!atomic_compare_exchange_weak_explicit(word, &seen, next, memory_order_relaxed,
                                                    memory_order_relaxed));
}

/* What a recording is about to change lies far apart, and atomic additions do not wait for
 * memory side by side: asked for as soon as it may be known which it is, it comes all at once,
 * while clocks are read and names looked up. Changes nothing. Returns the slice that is likely
 * the one; NULL: there may be none. */
static const struct slice *slice_fetch(const struct key *key) {
    const struct slice *slice = atomic_load_explicit(
        &table.slots[(uint32_t)key->hash & (SLOTS - 1)], memory_order_acquire);
    if (slice != NULL) {
        __builtin_prefetch(slice, 1);
    }
    return slice;
}

static void slice_fetch_second(const struct slice *slice, int64_t second) {
    if (slice != NULL) {
        __builtin_prefetch(slice_second(slice, second), 1);
    }
}

static void slice_fetch_minute(const struct slice *slice, const struct slice_event *event,
                               int64_t minute) {
    if (slice == NULL) {
        return;
    }
    __builtin_prefetch(&slice->banks[minute & 1], 1);
    if (event->outcome != SLICE_OK) {
        __builtin_prefetch(&slice->codes[minute & 1], 1);
    }
    if (event->duration_us >= 0) {
        __builtin_prefetch(&slice->buckets[minute & 1][slice_bucket_of(event->duration_us)], 1);
    }
}

void slice_record(const struct slice_event *event) {
    struct key key;
    uint32_t slot;
    key_make(&key, event->operation, event->labels);
    const struct slice *likely = slice_fetch(&key);
    int64_t minute = clock_wall_us() / (60 * US_PER_SECOND);
    slice_fetch_minute(likely, event, minute);
    int64_t mono_us = clock_mono_us(), second = mono_us / US_PER_SECOND;
    slice_fetch_second(likely, second);
    uint64_t who = failing_customer(event);
    if (who != 0) {
        __builtin_prefetch(&table.repeats[who % REPEATS], 1);
    }
    uint16_t code = 0;
    if (event->outcome != SLICE_OK && event->code != NULL && event->code[0] != '\0') {
        code = slice_name_number(&table.codes, event->code, SLICE_CODES_MAX - 1);
        /* The last number is that of all the others. */
        code = code != 0 ? code : SLICE_CODES_MAX;
    }
    struct slice *slice = table_find(&key, &slot);
    if (slice == NULL) {
        slice = slice_make(event->operation, event->labels);
    }
    bool repeated = who != 0 && failed_before(who, second);
    second_add(slice, event->outcome, second);
    slice_minute_record(slice, event, minute, code, repeated);
    if (code != 0) {
        slice_code_add(slice, code, second);
    }
    unsigned wanted = atomic_load_explicit(&slice_events_wanted, memory_order_relaxed);
    if ((wanted >> event->operation & 1) != 0) {
        slice_event_keep(&(struct slice_seen){
            .slice = slice,
            .at_us = mono_us,
            .duration_us = event->duration_us,
            .amount_minor = event->amount_minor,
            .customer = event->customer,
            .code = code,
            .outcome = (uint8_t)event->outcome,
            .repeated = repeated,
        });
    }
}

/* ---- looking ---- */

int64_t slice_id(const struct slice *slice) {
    return (int64_t)(slice->hash >> 1);
}

enum slice_operation slice_operation_of(const struct slice *slice) {
    return (enum slice_operation)slice_key(slice)[0];
}

const char *slice_label(const struct slice *slice, enum slice_dimension dimension) {
    return slice_key(slice) + slice->starts[dimension];
}

const char *slice_code_text(uint16_t code) {
    return code == SLICE_CODES_MAX ? other : slice_name_text(&table.codes, code);
}

const struct slice *slice_at_slot(int slot) {
    return atomic_load_explicit(&table.slots[slot], memory_order_acquire);
}

const struct slice *slices_next(const struct slice *before) {
    return before == NULL ? atomic_load(&table.newest) : before->older;
}

void slice_recent(const struct slice *slice, int seconds_ago, int window_s,
                  struct slice_counts *ret_counts) {
    int64_t last = clock_mono_us() / US_PER_SECOND - seconds_ago;
    *ret_counts = (struct slice_counts){0};
    for (int64_t second = last; second > last - window_s && second >= 0; second--) {
        uint64_t word = atomic_load_explicit(slice_second(slice, second), memory_order_relaxed);
        if (word >> (3 * COUNT_BITS) != second_stamp(second) >> (3 * COUNT_BITS)) {
            continue;
        }
        ret_counts->ok += (int64_t)(word & SECOND_COUNT_MAX);
        ret_counts->declined += (int64_t)(word >> COUNT_BITS & SECOND_COUNT_MAX);
        ret_counts->failed += (int64_t)(word >> (2 * COUNT_BITS) & SECOND_COUNT_MAX);
    }
}

int slices_count(void) {
    return atomic_load(&table.count);
}

int64_t slices_folded(void) {
    return atomic_load(&table.folded);
}

int64_t slices_bytes(void) {
    return slice_places_bytes() + (int64_t)sizeof(table) + slice_codes_bytes();
}
