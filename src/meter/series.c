/* SPDX-License-Identifier: Apache-2.0
 * series.c: one metric with one set of label values: its live figures and its window of seconds. */
#include "meter/series.h"

#include <glib.h>

#include "base/clock.h"
#include "base/task.h"

#define X(us, text) {us, text},
const struct bound series_bounds[BOUNDS] = {SERIES_BOUNDS(X)};
#undef X

enum { HOLD_WAIT_US = 20, WINDOW_WORDS_MIN = 16 };

int bucket_of(int64_t duration_us) {
    if (duration_us < PAGE_BUCKETS) {
        return duration_us < 0 ? 0 : (int)duration_us;
    }
    uint64_t us = (uint64_t)(duration_us > DURATION_US_MAX ? DURATION_US_MAX : duration_us);
    int octave = 63 - __builtin_clzll(us);
    int step = (int)(us >> (octave - PAGE_BITS)) & (PAGE_BUCKETS - 1);
    return (octave - PAGE_BITS + 1) * PAGE_BUCKETS + step;
}

int64_t bucket_middle_us(int bucket) {
    int page = bucket / PAGE_BUCKETS;
    int step = bucket % PAGE_BUCKETS;
    if (page == 0) {
        return step;
    }
    int64_t width = INT64_C(1) << (page - 1);
    return (PAGE_BUCKETS + step) * width + (width - 1) / 2;
}

struct series *series_new(const struct series_key *key, uint32_t second) {
    struct series *series = g_malloc0(sizeof(*series) + key->bytes);
    series->id = key->id;
    series->hash = key->hash;
    series->bytes = key->bytes;
    memcpy(series->labels, key->labels, key->bytes);
    atomic_init(&series->second, second);
    if (metrics[key->id].kind == METER_HISTOGRAM) {
        series->histogram = g_malloc0(sizeof(*series->histogram));
    }
    return series;
}

void series_free(struct series *series) {
    for (int i = 0; series->histogram != NULL && i < PAGES; i++) {
        g_free(atomic_load(&series->histogram->pages[i]));
    }
    g_free(series->histogram);
    g_free(series->window.words);
    g_free(series);
}

uint32_t series_second_now(void) {
    return (uint32_t)(clock_mono_us() / US_PER_SECOND);
}

static void window_resize(struct window *window, uint32_t cap) {
    uint32_t used = window->end - window->start;
    if (used > 0) {
        memmove(window->words, window->words + window->start, used * sizeof(*window->words));
    }
    window->start = 0;
    window->end = used;
    if (cap != window->cap) {
        window->words = g_renew(uint32_t, window->words, cap);
        window->cap = cap;
    }
}

/* Forgets the entries that no window reaches any more, and gives memory back after a busy time. */
static void window_trim(struct window *window, uint32_t second) {
    while (window->start < window->end &&
           (int64_t)window->words[window->start] < (int64_t)second - METER_WINDOW_S) {
        window->start += ENTRY_HEAD_WORDS + window->words[window->start + 1];
    }
    uint32_t used = window->end - window->start;
    if (window->cap > WINDOW_WORDS_MIN && used < window->cap / 4) {
        uint32_t cap = window->cap / 2;
        window_resize(window, cap < WINDOW_WORDS_MIN ? WINDOW_WORDS_MIN : cap);
    }
}

/* Room for one more entry of `count` words; returns where the words go. */
static uint32_t *window_append(struct window *window, uint32_t second, uint32_t count) {
    uint32_t need = ENTRY_HEAD_WORDS + count;
    if (window->end + need > window->cap) {
        uint32_t used = window->end - window->start;
        uint32_t cap = window->cap < WINDOW_WORDS_MIN ? WINDOW_WORDS_MIN : window->cap;
        /* Half the room stays free after a resize, so that moving costs little on average. */
        while (cap < 2 * (used + need)) {
            cap *= 2;
        }
        window_resize(window, cap);
    }
    uint32_t *entry = window->words + window->end;
    entry[0] = second;
    entry[1] = count;
    window->end += need;
    return entry + ENTRY_HEAD_WORDS;
}

static void counter_roll(struct series *series, uint32_t second) {
    int64_t sum = atomic_exchange_explicit(&series->live, 0, memory_order_relaxed);
    if (sum == 0) {
        return;
    }
    series->total += sum;
    uint32_t *words = window_append(&series->window, second, COUNTER_WORDS);
    words[0] = (uint32_t)sum;
    words[1] = (uint32_t)((uint64_t)sum >> 32);
}

static void histogram_roll(struct series *series, uint32_t second) {
    uint32_t counts[BUCKETS];
    int touched[BUCKETS];
    int touched_count = 0;
    uint32_t cells = 0;
    for (int page_number = 0; page_number < PAGES; page_number++) {
        struct page *page = atomic_load_explicit(&series->histogram->pages[page_number],
                                                 memory_order_acquire);
        for (int i = 0; page != NULL && i < PAGE_BUCKETS; i++) {
            if (atomic_load_explicit(&page->live[i], memory_order_relaxed) == 0) {
                continue;
            }
            uint32_t count = atomic_exchange_explicit(&page->live[i], 0, memory_order_relaxed);
            int bucket = page_number * PAGE_BUCKETS + i;
            counts[bucket] = count;
            touched[touched_count++] = bucket;
            cells += (count + CELL_COUNT_MAX - 1) / CELL_COUNT_MAX;
        }
    }
    if (cells == 0) {
        return;
    }
    uint32_t *words = window_append(&series->window, second, cells);
    for (int i = 0; i < touched_count; i++) {
        for (uint32_t left = counts[touched[i]], part; left > 0; left -= part) {
            part = left > CELL_COUNT_MAX ? CELL_COUNT_MAX : left;
            *words++ = (uint32_t)touched[i] << CELL_COUNT_BITS | part;
        }
    }
}

/* The caller holds the series. */
static void series_roll(struct series *series, uint32_t second) {
    uint32_t before = atomic_load_explicit(&series->second, memory_order_relaxed);
    if (second <= before) {
        return;
    }
    if (series->histogram != NULL) {
        histogram_roll(series, before);
    } else {
        counter_roll(series, before);
    }
    window_trim(&series->window, second);
    atomic_store_explicit(&series->second, second, memory_order_relaxed);
}

void series_tick(struct series *series, uint32_t second) {
    if (second <= atomic_load_explicit(&series->second, memory_order_relaxed)) {
        return;
    }
    if (atomic_exchange_explicit(&series->held, true, memory_order_acquire)) {
        return; /* somebody is at it: invariant 2 */
    }
    series_roll(series, second);
    series_release(series);
}

void series_hold(struct series *series, uint32_t second) {
    while (atomic_exchange_explicit(&series->held, true, memory_order_acquire)) {
        task_sleep_us(HOLD_WAIT_US);
    }
    series_roll(series, second);
}

void series_release(struct series *series) {
    atomic_store_explicit(&series->held, false, memory_order_release);
}

static struct page *histogram_page(struct histogram *histogram, int number) {
    struct page *page = atomic_load_explicit(&histogram->pages[number], memory_order_acquire);
    if (page != NULL) {
        return page;
    }
    struct page *made = g_malloc0(sizeof(*made));
    if (atomic_compare_exchange_strong(&histogram->pages[number], &page, made)) {
        return made;
    }
    g_free(made);
    return page;
}

void histogram_add(struct histogram *histogram, int64_t duration_us) {
    int64_t us = duration_us < 0 ? 0 : duration_us;
    int bucket = bucket_of(us);
    struct page *page = histogram_page(histogram, bucket / PAGE_BUCKETS);
    atomic_fetch_add_explicit(&page->live[bucket % PAGE_BUCKETS], 1, memory_order_relaxed);
    int bound = 0;
    while (bound < BOUNDS && us > series_bounds[bound].us) {
        bound++;
    }
    atomic_fetch_add_explicit(&histogram->within[bound], 1, memory_order_relaxed);
    int64_t counted_us = us > DURATION_US_MAX ? DURATION_US_MAX : us;
    atomic_fetch_add_explicit(&histogram->sum_us, counted_us, memory_order_relaxed);
}

static int64_t entry_sum(bool histogram, const uint32_t *words, uint32_t count) {
    if (!histogram) {
        return (int64_t)((uint64_t)words[1] << 32 | words[0]);
    }
    int64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += words[i] & CELL_COUNT_MAX;
    }
    return sum;
}

int64_t series_sum(const struct series *series, int64_t from, int64_t to) {
    const struct window *window = &series->window;
    int64_t sum = 0;
    uint32_t at = window->start;
    while (at < window->end) {
        const uint32_t *entry = window->words + at;
        if (entry[0] >= from && entry[0] <= to) {
            sum += entry_sum(series->histogram != NULL, entry + ENTRY_HEAD_WORDS, entry[1]);
        }
        at += ENTRY_HEAD_WORDS + entry[1];
    }
    return sum;
}

void series_buckets(const struct series *series, int64_t from, uint64_t *counts) {
    const struct window *window = &series->window;
    uint32_t at = window->start;
    while (at < window->end) {
        const uint32_t *entry = window->words + at;
        for (uint32_t i = 0; entry[0] >= from && i < entry[1]; i++) {
            uint32_t cell = entry[ENTRY_HEAD_WORDS + i];
            counts[cell >> CELL_COUNT_BITS] += cell & CELL_COUNT_MAX;
        }
        at += ENTRY_HEAD_WORDS + entry[1];
    }
    for (int i = 0; i < PAGES; i++) {
        struct page *page = atomic_load_explicit(&series->histogram->pages[i],
                                                 memory_order_acquire);
        uint64_t *page_counts = counts + i * PAGE_BUCKETS;
        for (int j = 0; page != NULL && j < PAGE_BUCKETS; j++) {
            page_counts[j] += atomic_load_explicit(&page->live[j], memory_order_relaxed);
        }
    }
}

int64_t series_total(const struct series *series) {
    if (series->histogram == NULL) {
        return series->total + atomic_load_explicit(&series->live, memory_order_relaxed);
    }
    uint64_t total = 0;
    for (int i = 0; i <= BOUNDS; i++) {
        total += atomic_load_explicit(&series->histogram->within[i], memory_order_relaxed);
    }
    return (int64_t)total;
}
