/* SPDX-License-Identifier: Apache-2.0
 * replay_counts.c: looks at what is counted, one after the other as they were. */
#include <string.h>

#include "base/clock.h"
#include "watch/replay_impl.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)
enum { LOOK_S = 15 }; /* where no look is kept: so often there was one that found nothing */

static struct counted *counted_at(const struct replay *replay, guint i) {
    return &g_array_index(replay->counted, struct counted, i);
}

void replay_looks(struct replay *replay, int64_t minute, int measure, const char *labels,
                  const char *source, const char *looks) {
    replay_until(replay, minute);
    struct counted *counted = NULL;
    for (guint i = 0; counted == NULL && i < replay->counted->len; i++) {
        struct counted *at = counted_at(replay, i);
        bool same = at->measure == measure && strcmp(at->labels, labels) == 0 &&
                    strcmp(at->source, source) == 0;
        counted = same ? at : NULL;
    }
    if (counted == NULL && replay->counted->len < REPLAY_SERIES_MAX) {
        g_array_set_size(replay->counted, replay->counted->len + 1);
        counted = counted_at(replay, replay->counted->len - 1);
        counted->measure = measure;
        g_strlcpy(counted->labels, labels, sizeof counted->labels);
        g_strlcpy(counted->source, source, sizeof counted->source);
        for (int i = 0; i < replay->side_count; i++) {
            g_array_set_size(replay->sides[i].counted, replay->counted->len);
        }
    }
    if (counted != NULL) {
        counted->look_count = looks_read(looks, counted->looks);
    }
    if (counted != NULL && counted->look_count > 0) {
        counted->phase = counted->looks[counted->look_count - 1].second % LOOK_S;
    }
}

static const struct look *look_at(const struct counted *counted, int second) {
    for (int i = 0; i < counted->look_count; i++) {
        if (counted->looks[i].second == second) {
            return &counted->looks[i];
        }
    }
    return NULL;
}

/* Of one series; 60: no more in this minute. */
static int next_look(const struct counted *counted, int after) {
    int next = 60;
    for (int i = 0; i < counted->look_count; i++) {
        int second = counted->looks[i].second;
        next = second > after && second < next ? second : next;
    }
    for (int s = counted->phase; counted->look_count == 0 && s < next; s += LOOK_S) {
        next = s > after ? s : next;
    }
    return next;
}

int counts_next_look(const struct replay *replay, int after) {
    int next = 60;
    for (guint i = 0; i < replay->counted->len; i++) {
        int of_series = next_look(counted_at(replay, i), after);
        next = of_series < next ? of_series : next;
    }
    return next < 60 ? next : -1;
}

static struct replay_sight sight_of(const struct replay *replay, const struct replay_side *side,
                                    const struct counted *counted, int64_t count,
                                    const struct look *look, int64_t now_us) {
    const struct measure *measure = &measure_table[counted->measure];
    const struct measure_limits *limits = &side->values->watch.measures[counted->measure];
    bool check = measure_check(counted->measure) != NULL;
    bool lasting = !check && measure->usual.after_s >= 0 && !measure->any;
    struct replay_sight sight = {
        .severity = measure_severity(counted->measure, limits,
                                     check ? replay->rule->severity : side->rule.rule.severity,
                                     look->seconds),
        .first_symptom_us = now_us - (check ? look->seconds * US_PER_SECOND : 0),
        .value = (double)(lasting ? look->seconds : count),
        .unit = lasting ? "seconds" : "count",
    };
    g_strlcpy(sight.labels, counted->labels, sizeof sight.labels);
    return sight;
}

void counts_look(const struct replay *replay, struct replay_side *side, int second) {
    static const struct look nothing = {0};
    int64_t now_us = replay->minute * US_PER_MINUTE + second * US_PER_SECOND;
    for (guint i = 0; i < replay->counted->len; i++) {
        const struct counted *counted = counted_at(replay, i);
        struct counted_side *ours = &g_array_index(side->counted, struct counted_side, i);
        const struct measure_limits *limits = &side->values->watch.measures[counted->measure];
        const struct look *look = look_at(counted, second);
        if (look == NULL && (counted->look_count > 0 || second % LOOK_S != counted->phase)) {
            continue;
        }
        look = look != NULL ? look : &nothing;
        int64_t count = measure_window_take(&ours->window, limits, now_us, look->count);
        ours->seen = measure_fires(counted->measure, limits, count, look->seconds);
        if (ours->seen) {
            ours->sight = sight_of(replay, side, counted, count, look, now_us);
        }
    }
}

int counts_sights(const struct replay_side *side, struct replay_sight *ret_sights, int max) {
    int count = 0;
    for (guint i = 0; i < side->counted->len && count < max; i++) {
        const struct counted_side *ours = &g_array_index(side->counted, struct counted_side, i);
        if (ours->seen) {
            ret_sights[count++] = ours->sight;
        }
    }
    return count;
}

void counts_pass(struct replay *replay) {
    for (guint i = 0; i < replay->counted->len; i++) {
        counted_at(replay, i)->look_count = 0;
    }
}
