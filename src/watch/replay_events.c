/* SPDX-License-Identifier: Apache-2.0
 * replay_events.c: a minute's counts of one slice as events for the detector, the same for the same
 * counts: spread evenly over the minute, failures among successes, durations among both. */
#include <string.h>

#include "base/clock.h"
#include "watch/replay_impl.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)
static const char no_gateway[] = "no_gateway";

static int64_t coded(const struct metric_sum *sum, const char *code) {
    for (int i = 0; i < METRIC_CODES_MAX; i++) {
        if (sum->codes[i].count > 0 && strcmp(sum->codes[i].text, code) == 0) {
            return sum->codes[i].count;
        }
    }
    return 0;
}

/* As the lookout: tries at gateways, and payments for which no gateway was left. */
static struct slice_counts watched(enum slice_operation operation, const struct metric_sum *sum) {
    struct slice_counts counts = {0};
    if (operation == SLICE_PAYMENT) {
        counts.failed = coded(sum, no_gateway);
    } else if (operation == SLICE_CHARGE) {
        counts = sum->counts;
        int64_t declined = MIN(counts.repeated, counts.declined);
        counts.declined -= declined;
        counts.failed -= MIN(counts.repeated - declined, counts.failed);
    }
    return counts;
}

int64_t replay_event_count(enum slice_operation operation, const struct metric_sum *sum) {
    struct slice_counts counts = watched(operation, sum);
    return counts.ok + counts.declined + counts.failed;
}

/* The i-th of n is one of the k that are spread over them. */
static bool is_one_of(int64_t i, int64_t k, int64_t n) {
    return (i + 1) * k / n > i * k / n;
}

static int64_t common_divisor(int64_t a, int64_t b) {
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Walks through all ranks below `count`, each once, far from the one before. */
struct dealing {
    int64_t count, step, next;
};

static struct dealing dealing_of(int64_t count) {
    struct dealing dealing = {.count = count, .step = count * 618 / 1000 + 1};
    while (count > 0 && common_divisor(dealing.step, count) != 1) {
        dealing.step++;
    }
    return dealing;
}

static int64_t duration_at(const struct metric_sum *sum, int64_t rank) {
    for (int i = 0; i < SLICE_BUCKETS; i++) {
        rank -= sum->buckets[i];
        if (rank < 0) {
            return slice_bucket_us(i);
        }
    }
    return -1;
}

void replay_events_add(struct replay *replay, int64_t minute, enum slice_operation operation,
                       const char *const labels[SLICE_DIMENSIONS], const struct metric_sum *sum) {
    static const enum slice_dimension from[DIMENSIONS] = {
        [DIMENSION_GATEWAY] = SLICE_GATEWAY,   [DIMENSION_METHOD] = SLICE_METHOD,
        [DIMENSION_REGION] = SLICE_REGION,     [DIMENSION_CURRENCY] = SLICE_CURRENCY,
        [DIMENSION_SEGMENT] = SLICE_SEGMENT,
    };
    struct slice_counts counts = watched(operation, sum);
    int64_t bad = counts.declined + counts.failed, all = counts.ok + bad;
    int64_t timed = operation == SLICE_CHARGE ? metric_sum_timed(sum) : 0;
    struct dealing dealing = dealing_of(timed);
    struct detector_event event = {0};
    for (int d = 0; d < DIMENSIONS; d++) {
        /* Both sides are told the same words in the same order, and number them alike. */
        for (int s = 0; s < replay->side_count; s++) {
            event.values[d] = detector_number(replay->sides[s].detector,
                                              (enum detector_dimension)d, labels[from[d]]);
        }
    }
    for (int64_t i = 0, failing = 0, known = 0; i < all; i++) {
        bool fails = is_one_of(i, bad, all);
        event.at_us = minute * US_PER_MINUTE + (2 * i + 1) * US_PER_MINUTE / (2 * all);
        event.outcome = OUTCOME_OK;
        event.amount_minor = counts.ok > 0 ? sum->ok_minor / counts.ok : 0;
        if (fails) {
            event.outcome = is_one_of(failing++, counts.failed, bad) ? OUTCOME_FAILED
                                                                     : OUTCOME_DECLINED;
            event.amount_minor = sum->lost_minor / bad;
        }
        event.duration_us = -1;
        if (is_one_of(i, MIN(timed, all), all) && known++ < timed) {
            event.duration_us = duration_at(sum, dealing.next);
            dealing.next = (dealing.next + dealing.step) % dealing.count;
        }
        g_array_append_val(replay->events, event);
    }
}

static int by_time(const void *a, const void *b, void *ctx) {
    const struct detector_event *one = a, *other = b;
    (void)ctx;
    return (one->at_us > other->at_us) - (one->at_us < other->at_us);
}

void replay_events_sort(GArray *events) {
    /* Stable, as qsort() need not be. */
    g_qsort_with_data(events->data, (gint)events->len, sizeof(struct detector_event), by_time,
                      NULL);
}
