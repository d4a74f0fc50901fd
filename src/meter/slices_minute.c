/* SPDX-License-Identifier: Apache-2.0
 * slices_minute.c: a slice's figures by the minute: two banks that take turns. */
#include <math.h>

#include "base/clock.h"
#include "meter/slices_impl.h"

/* ---- buckets ---- */

enum { BUCKET_UNIT_US = 500, STEP_BITS = 3, STEPS = 1 << STEP_BITS };
#define DURATION_MAX ((INT64_C(1) << (SLICE_BUCKETS / STEPS - 1 + STEP_BITS)) - 1) /* in units */

int slice_bucket_of(int64_t duration_us) {
    int64_t units = duration_us / BUCKET_UNIT_US;
    if (units < STEPS) {
        return units < 0 ? 0 : (int)units;
    }
    uint64_t value = (uint64_t)(units > DURATION_MAX ? DURATION_MAX : units);
    int octave = 63 - __builtin_clzll(value);
    int step = (int)(value >> (octave - STEP_BITS)) & (STEPS - 1);
    return (octave - STEP_BITS + 1) * STEPS + step;
}

int64_t slice_bucket_us(int bucket) {
    int page = bucket / STEPS, step = bucket % STEPS;
    int64_t width = page == 0 ? 1 : INT64_C(1) << (page - 1);
    int64_t from = page == 0 ? step : (STEPS + step) * width;
    return from * BUCKET_UNIT_US + width * BUCKET_UNIT_US / 2;
}

/* ---- recording ---- */

/* A code that finds no place is not told apart: what is missing of the counts is the others. */
static void code_add(struct slice_bank *bank, _Atomic uint32_t *codes, uint16_t code) {
    for (int i = 0; i < SLICE_CODES_EACH; i++) {
        uint16_t there = atomic_load_explicit(&bank->code_numbers[i], memory_order_relaxed);
        if (there == 0 && atomic_compare_exchange_strong(&bank->code_numbers[i], &there, code)) {
            there = code;
        }
        if (there == code) {
            atomic_fetch_add_explicit(&codes[i], 1, memory_order_relaxed);
            return;
        }
    }
}

void slice_minute_record(struct slice *slice, const struct slice_event *event, int64_t minute,
                         uint16_t code, bool repeated) {
    struct slice_bank *bank = &slice->banks[minute & 1];
    int64_t there = atomic_load_explicit(&bank->minute, memory_order_relaxed);
    if (there == 0) {
        (void)atomic_compare_exchange_strong(&bank->minute, &there, minute);
    }
    atomic_fetch_add_explicit(&bank->counts[event->outcome], 1, memory_order_relaxed);
    if (repeated) {
        atomic_fetch_add_explicit(&bank->repeated, 1, memory_order_relaxed);
    }
    if (event->amount_minor != 0) {
        atomic_fetch_add_explicit(event->outcome == SLICE_OK ? &bank->ok_minor : &bank->lost_minor,
                                  event->amount_minor, memory_order_relaxed);
    }
    if (event->duration_us >= 0) {
        atomic_fetch_add_explicit(&slice->buckets[minute & 1][slice_bucket_of(event->duration_us)],
                                  1, memory_order_relaxed);
        atomic_fetch_add_explicit(&bank->duration_us, event->duration_us, memory_order_relaxed);
    }
    if (code != 0) {
        code_add(bank, slice->codes[minute & 1], code);
    }
}

/* ---- taking ---- */

#define TAKE(from) atomic_exchange_explicit(&(from), 0, memory_order_relaxed)
#define LOOK(from) atomic_load_explicit(&(from), memory_order_relaxed)

static void bank_take(struct slice *slice, int number, struct slice_minute *ret_minute) {
    struct slice_bank *bank = &slice->banks[number];
    _Atomic uint32_t *buckets = slice->buckets[number];
    ret_minute->counts.ok = TAKE(bank->counts[SLICE_OK]);
    ret_minute->counts.declined = TAKE(bank->counts[SLICE_DECLINED]);
    ret_minute->counts.failed = TAKE(bank->counts[SLICE_FAILED]);
    ret_minute->counts.repeated = TAKE(bank->repeated);
    ret_minute->ok_minor = TAKE(bank->ok_minor);
    ret_minute->lost_minor = TAKE(bank->lost_minor);
    ret_minute->duration_us = TAKE(bank->duration_us);
    atomic_fetch_add(&slice->told[SLICE_OK], ret_minute->counts.ok);
    atomic_fetch_add(&slice->told[SLICE_DECLINED], ret_minute->counts.declined);
    atomic_fetch_add(&slice->told[SLICE_FAILED], ret_minute->counts.failed);
    atomic_fetch_add(&slice->told[SLICE_OUTCOMES], ret_minute->counts.repeated);
    for (int i = 0; i < SLICE_CODES_EACH; i++) {
        ret_minute->codes[i] = TAKE(slice->codes[number][i]);
        ret_minute->code_numbers[i] = TAKE(bank->code_numbers[i]);
    }
    for (int i = 0; i < SLICE_BUCKETS; i++) {
        ret_minute->buckets[i] = LOOK(buckets[i]) > 0 ? TAKE(buckets[i]) : 0;
    }
}

/* Also of what an event adds last: it may have been taken between its count and its duration. */
static bool bank_empty(const struct slice_bank *bank) {
    return LOOK(bank->counts[SLICE_OK]) == 0 && LOOK(bank->counts[SLICE_DECLINED]) == 0 &&
           LOOK(bank->counts[SLICE_FAILED]) == 0 && LOOK(bank->ok_minor) == 0 &&
           LOOK(bank->lost_minor) == 0 && LOOK(bank->duration_us) == 0;
}

/* Whether the bank's minute is to be taken now. */
static bool bank_due(struct slice_bank *bank, int64_t now, bool all) {
    int64_t minute = LOOK(bank->minute);
    if (bank_empty(bank)) {
        return false;
    }
    /* 0: who recorded had been held up since before the bank was taken: it is told in this one. */
    if (minute == 0) {
        minute = atomic_compare_exchange_strong(&bank->minute, &minute, now) ? now : minute;
    }
    return all || minute != now;
}

void slices_minutes(bool all, slice_minute_fn *fn, void *ctx) {
    int64_t now = clock_wall_us() / (60 * US_PER_SECOND);
    for (const struct slice *each = slices_next(NULL); each != NULL; each = slices_next(each)) {
        struct slice *slice = (struct slice *)each; /* slices_next() promises only to look */
        struct slice_minute taken[2];
        int count = 0;
        for (int i = 0; i < 2; i++) {
            struct slice_bank *bank = &slice->banks[i];
            if (!bank_due(bank, now, all)) {
                continue;
            }
            taken[count] = (struct slice_minute){.minute = LOOK(bank->minute)};
            bank_take(slice, i, &taken[count]);
            atomic_store(&bank->minute, 0);
            count++;
        }
        if (count == 2 && taken[0].minute == taken[1].minute) {
            slice_minute_add(&taken[0], &taken[1]);
            count = 1;
        }
        for (int i = 0; i < count; i++) {
            fn(ctx, slice, &taken[i]);
        }
    }
}

void slice_minute_peek(const struct slice *slice, struct slice_minute *sum) {
    for (int b = 0; b < 2; b++) {
        const struct slice_bank *bank = &slice->banks[b];
        struct slice_minute there = {
            .counts = {LOOK(bank->counts[SLICE_OK]), LOOK(bank->counts[SLICE_DECLINED]),
                       LOOK(bank->counts[SLICE_FAILED]), LOOK(bank->repeated)},
            .ok_minor = LOOK(bank->ok_minor),
            .lost_minor = LOOK(bank->lost_minor),
            .duration_us = LOOK(bank->duration_us),
        };
        for (int i = 0; i < SLICE_CODES_EACH; i++) {
            there.codes[i] = LOOK(slice->codes[b][i]);
            there.code_numbers[i] = LOOK(bank->code_numbers[i]);
        }
        for (int i = 0; i < SLICE_BUCKETS; i++) {
            there.buckets[i] = LOOK(slice->buckets[b][i]);
        }
        slice_minute_add(sum, &there);
    }
}

void slice_totals(const struct slice *slice, struct slice_counts *ret_counts) {
    struct slice_counts counts = {LOOK(slice->told[SLICE_OK]), LOOK(slice->told[SLICE_DECLINED]),
                                  LOOK(slice->told[SLICE_FAILED]),
                                  LOOK(slice->told[SLICE_OUTCOMES])};
    for (int b = 0; b < 2; b++) {
        const struct slice_bank *bank = &slice->banks[b];
        counts.ok += LOOK(bank->counts[SLICE_OK]);
        counts.declined += LOOK(bank->counts[SLICE_DECLINED]);
        counts.failed += LOOK(bank->counts[SLICE_FAILED]);
        counts.repeated += LOOK(bank->repeated);
    }
    *ret_counts = counts;
}

/* ---- sums ---- */

/* The rarest makes room for one that is commoner than it. */
static void codes_add(struct slice_minute *to, uint16_t number, uint32_t count) {
    int least = 0;
    for (int i = 0; i < SLICE_CODES_EACH; i++) {
        if (to->code_numbers[i] == number || to->code_numbers[i] == 0) {
            to->code_numbers[i] = number;
            to->codes[i] += count;
            return;
        }
        least = to->codes[i] < to->codes[least] ? i : least;
    }
    if (to->codes[least] < count) {
        to->code_numbers[least] = number;
        to->codes[least] = count;
    }
}

void slice_minute_add(struct slice_minute *to, const struct slice_minute *from) {
    to->counts.ok += from->counts.ok;
    to->counts.declined += from->counts.declined;
    to->counts.failed += from->counts.failed;
    to->counts.repeated += from->counts.repeated;
    to->ok_minor += from->ok_minor;
    to->lost_minor += from->lost_minor;
    to->duration_us += from->duration_us;
    for (int i = 0; i < SLICE_CODES_EACH; i++) {
        if (from->code_numbers[i] != 0 && from->codes[i] > 0) {
            codes_add(to, from->code_numbers[i], from->codes[i]);
        }
    }
    for (int i = 0; i < SLICE_BUCKETS; i++) {
        to->buckets[i] += from->buckets[i];
    }
}

int64_t slice_timed(const struct slice_minute *minute) {
    int64_t count = 0;
    for (int i = 0; i < SLICE_BUCKETS; i++) {
        count += minute->buckets[i];
    }
    return count;
}

int64_t slice_quantile_us(const struct slice_minute *minute, double quantile) {
    int64_t count = slice_timed(minute), seen = 0;
    if (count == 0) {
        return -1;
    }
    int64_t rank = (int64_t)ceil(fmin(fmax(quantile, 0.0), 1.0) * (double)count);
    int bucket = 0;
    for (;; bucket++) {
        seen += minute->buckets[bucket];
        if (seen >= rank && minute->buckets[bucket] > 0) {
            return slice_bucket_us(bucket);
        }
    }
}
