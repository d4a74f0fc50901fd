/* SPDX-License-Identifier: Apache-2.0
 * meter.c: the table of series, and recording into it.
 *
 * The table is open-addressed and only ever grows: a slot goes from NULL to a series by one
 * compare-and-swap and then stays, so that finding needs no lock. METER_COUNT places are kept back
 * for one series a metric, which takes what no longer fits. */
#include "meter/meter.h"

#include <glib.h>
#include <stdatomic.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "meter/series.h"
#include "meter/slices.h"

const struct metric metrics[METER_COUNT] = {
#define X(id, kind, name, labels, help) [METER_##id] = {METER_##kind, name, labels, help},
#include "meter/meter.def"
#undef X
};

enum { SLOTS = 32768, ORDINARY_SERIES_MAX = METER_SERIES_MAX - METER_COUNT };
static_assert(METER_SERIES_MAX < SLOTS / 4 * 3, "a search must soon meet an empty slot");

static struct {
    _Atomic(struct series *) slots[SLOTS];
    _Atomic(struct series *) newest[METER_COUNT];
    _Atomic int ordinary; /* series that are not the metric's last resort */
} table;

static const char other[] = "other";

void meter_init(void) {
    for (int i = 0; i < SLOTS; i++) {
        struct series *series = atomic_load(&table.slots[i]);
        if (series != NULL) {
            series_free(series);
            atomic_store(&table.slots[i], NULL);
        }
    }
    for (int i = 0; i < METER_COUNT; i++) {
        atomic_store(&table.newest[i], NULL);
    }
    atomic_store(&table.ordinary, 0);
    slices_init();
}

int metric_label_count(enum meter_id id) {
    const char *labels = metrics[id].labels;
    int count = labels[0] != '\0';
    for (; *labels != '\0'; labels++) {
        count += *labels == ',';
    }
    return count;
}

/* Copies a label that is long or not plain ASCII: valid UTF-8, cut between characters. */
static size_t label_copy_odd(char *to, const char *label) {
    char *valid = g_utf8_make_valid(label, (gssize)strnlen(label, 4 * METER_LABEL_CHARS_MAX));
    size_t count = strlen(valid);
    if (count > METER_LABEL_CHARS_MAX) {
        char *cut = g_utf8_find_prev_char(valid, valid + METER_LABEL_CHARS_MAX + 1);
        count = (size_t)(cut - valid);
    }
    memcpy(to, valid, count);
    g_free(valid);
    return count;
}

static size_t label_copy(char *to, const char *label) {
    unsigned char seen = 0;
    size_t count = 0;
    while (count < METER_LABEL_CHARS_MAX && label[count] != '\0') {
        to[count] = label[count];
        seen |= (unsigned char)label[count];
        count++;
    }
    if (label[count] != '\0' || seen >= 0x80) {
        return label_copy_odd(to, label);
    }
    return count;
}

static void key_make(struct series_key *key, enum meter_id id,
                     const char *const labels[METER_LABELS_MAX]) {
    size_t bytes = 0;
    for (int i = 0; i < METER_LABELS_MAX; i++) {
        if (labels[i] != NULL) {
            bytes += label_copy(key->labels + bytes, labels[i]);
        }
        key->labels[bytes++] = '\0';
    }
    key->id = id;
    key->bytes = (uint32_t)bytes;
    key->hash = XXH3_64bits_withSeed(key->labels, bytes, (XXH64_hash_t)id);
}

static void key_make_other(struct series_key *key, enum meter_id id) {
    const char *labels[METER_LABELS_MAX] = {NULL};
    for (int i = 0; i < metric_label_count(id); i++) {
        labels[i] = other;
    }
    key_make(key, id, labels);
}

static bool series_is(const struct series *series, const struct series_key *key) {
    return series->hash == key->hash && series->id == key->id && series->bytes == key->bytes &&
           memcmp(series->labels, key->labels, key->bytes) == 0;
}

/* Returns NULL when there is none; *ret_slot is then the empty slot that ended the search. */
static struct series *table_find(const struct series_key *key, uint32_t *ret_slot) {
    uint32_t slot = (uint32_t)key->hash & (SLOTS - 1);
    struct series *series;
    while ((series = atomic_load_explicit(&table.slots[slot], memory_order_acquire)) != NULL &&
           !series_is(series, key)) {
        slot = (slot + 1) & (SLOTS - 1);
    }
    *ret_slot = slot;
    return series;
}

static struct series *table_add(const struct series_key *key, uint32_t slot) {
    struct series *made = series_new(key, series_second_now());
    for (int i = metric_label_count(key->id); i < METER_LABELS_MAX; i++) {
        INVARIANT(*series_label(made, i) == '\0', "more labels than the metric has");
    }
    struct series *there = NULL;
    while (!atomic_compare_exchange_strong(&table.slots[slot], &there, made)) {
        if (series_is(there, key)) {
            series_free(made);
            return NULL;
        }
        slot = (slot + 1) & (SLOTS - 1);
        there = NULL;
    }
    struct series *newest = atomic_load(&table.newest[key->id]);
    do {
        made->next = newest;
    } while (!atomic_compare_exchange_weak(&table.newest[key->id], &newest, made));
    return made;
}

/* `spare`: the series is its metric's last resort, for which there is always a place. */
static struct series *table_get(const struct series_key *key, bool spare) {
    uint32_t slot;
    struct series *series = table_find(key, &slot);
    if (series != NULL) {
        return series;
    }
    if (!spare && atomic_fetch_add(&table.ordinary, 1) >= ORDINARY_SERIES_MAX) {
        atomic_fetch_sub(&table.ordinary, 1);
        return NULL;
    }
    series = table_add(key, slot);
    if (series != NULL) {
        return series;
    }
    if (!spare) {
        atomic_fetch_sub(&table.ordinary, 1);
    }
    return table_find(key, &slot); /* another task was first */
}

struct series *metric_series(enum meter_id id) {
    return atomic_load_explicit(&table.newest[id], memory_order_acquire);
}

struct series *metric_series_get(enum meter_id id, const char *const labels[METER_LABELS_MAX]) {
    struct series_key key;
    key_make(&key, id, labels);
    struct series *series = table_get(&key, metrics[id].labels[0] == '\0');
    if (series != NULL) {
        return series;
    }
    meter_count(METER_FOLDED);
    key_make_other(&key, id);
    return table_get(&key, true);
}

const char *series_label(const struct series *series, int index) {
    const char *label = series->labels;
    for (int i = 0; i < index; i++) {
        label += strlen(label) + 1;
    }
    return label;
}

bool series_matches(const struct series *series, const char *const labels[METER_LABELS_MAX]) {
    const char *label = series->labels;
    for (int i = 0; i < METER_LABELS_MAX; i++) {
        size_t count = strlen(label);
        char wanted[METER_LABEL_CHARS_MAX + 1];
        if (labels[i] != NULL &&
            (label_copy(wanted, labels[i]) != count || memcmp(wanted, label, count) != 0)) {
            return false;
        }
        label += count + 1;
    }
    return true;
}

void meter_add(enum meter_id id, int64_t value, const char *const labels[METER_LABELS_MAX]) {
    INVARIANT(metrics[id].kind == METER_COUNTER, "only a counter counts");
    if (value <= 0) {
        return; /* a counter only grows */
    }
    struct series *series = metric_series_get(id, labels);
    series_tick(series, series_second_now());
    atomic_fetch_add_explicit(&series->live, value, memory_order_relaxed);
}

void meter_observe(enum meter_id id, int64_t duration_us,
                   const char *const labels[METER_LABELS_MAX]) {
    INVARIANT(metrics[id].kind == METER_HISTOGRAM, "only a histogram takes durations");
    struct series *series = metric_series_get(id, labels);
    series_tick(series, series_second_now());
    histogram_add(series->histogram, duration_us);
}

void meter_gauge(enum meter_id id, double value, const char *const labels[METER_LABELS_MAX]) {
    INVARIANT(metrics[id].kind == METER_GAUGE, "only a gauge is set");
    struct series *series = metric_series_get(id, labels);
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    atomic_store_explicit(&series->gauge, bits, memory_order_relaxed);
}

void meter_level(enum meter_id id, int64_t total) {
    static const char *const none[METER_LABELS_MAX] = {NULL};
    INVARIANT(metrics[id].kind == METER_COUNTER, "only a counter counts");
    struct series *series = metric_series_get(id, none);
    series_hold(series, series_second_now()); /* two at once would add the same twice */
    int64_t more = total - series_total(series);
    atomic_fetch_add_explicit(&series->live, more > 0 ? more : 0, memory_order_relaxed);
    series_release(series);
}
