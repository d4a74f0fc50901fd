/* SPDX-License-Identifier: Apache-2.0
 * replay_life.c: what is seen of a rule second by second, and what fires of it: the words and jobs
 * of alert_move.c without a store. */
#include <string.h>

#include "base/clock.h"
#include "watch/replay_impl.h"

#define US_PER_WEEK (7 * 86400 * US_PER_SECOND)

static struct replay_firing *firing_of(struct replay_side *side, const struct replay_live *live) {
    return live->firing >= 0 ? &g_array_index(side->firings, struct replay_firing, live->firing)
                             : NULL;
}

/* What was worse since it began to fire. */
static void keep_worst(struct replay_side *side, struct replay_live *live) {
    struct replay_firing *firing = firing_of(side, live);
    if (firing != NULL) {
        firing->severity = live->sight.severity;
        firing->first_symptom_us = live->sight.first_symptom_us;
        firing->worst = live->sight.value;
    }
}

static void fire(struct replay *replay, struct replay_side *side, struct replay_live *live,
                 int64_t now_us) {
    live->fired_us = now_us;
    live->firing = -1;
    if (now_us < replay->from_us || now_us >= replay->until_us) {
        return;
    }
    side->count++;
    int64_t week = (now_us - replay->from_us) / US_PER_WEEK;
    side->weeks[MIN(week, REPLAY_WEEKS_MAX - 1)]++;
    if (side->firings->len < REPLAY_FIRINGS_MAX) {
        struct replay_firing firing = {.fired_us = now_us, .unit = live->sight.unit};
        g_strlcpy(firing.labels, live->sight.labels, sizeof firing.labels);
        live->firing = (int)side->firings->len;
        g_array_append_val(side->firings, firing);
        keep_worst(side, live);
    }
}

static void end(struct replay *replay, struct replay_side *side, struct replay_live *live,
                int64_t now_us) {
    struct replay_firing *firing = firing_of(side, live);
    if (live->fired_us >= replay->from_us && live->fired_us < replay->until_us) {
        side->firing_us += MIN(now_us, replay->until_us) - live->fired_us;
    }
    if (firing != NULL && now_us < replay->until_us) {
        firing->ended_us = now_us;
    }
}

/* False: it is gone. */
static bool step(struct replay *replay, struct replay_side *side, struct replay_live *live,
                 int64_t now_us) {
    enum alert_turn turn = alert_life_step(&side->rule.rule, &live->life, live->seen, now_us);
    if (turn == ALERT_FIRES) {
        fire(replay, side, live, now_us);
    }
    if (turn == ALERT_ENDS) {
        end(replay, side, live, now_us);
    }
    if (turn == ALERT_ENDS || turn == ALERT_FORGOTTEN) {
        return false;
    }
    live->next_us = alert_life_next_us(&side->rule.rule, &live->life, live->seen, 0);
    return true;
}

static void drop(struct replay_side *side, int index) {
    side->lives[index] = side->lives[--side->live_count];
}

static int first_due(const struct replay_side *side, int64_t now_us) {
    int first = -1;
    for (int i = 0; i < side->live_count; i++) {
        int64_t next_us = side->lives[i].next_us;
        if (next_us > 0 && next_us <= now_us &&
            (first < 0 || next_us < side->lives[first].next_us)) {
            first = i;
        }
    }
    return first;
}

bool replay_is_due(const struct replay_side *side, int64_t now_us) {
    return first_due(side, now_us) >= 0;
}

void replay_due(struct replay *replay, struct replay_side *side, int64_t now_us) {
    int i;
    while ((i = first_due(side, now_us)) >= 0) {
        if (!step(replay, side, &side->lives[i], side->lives[i].next_us)) {
            drop(side, i);
        }
    }
}

static struct replay_live *live_of(struct replay_side *side, const struct replay_sight *sight,
                                   int64_t now_us) {
    for (int i = 0; i < side->live_count; i++) {
        if (strcmp(side->lives[i].sight.labels, sight->labels) == 0) {
            return &side->lives[i];
        }
    }
    if (side->live_count == REPLAY_LIVES_MAX || side->rule.off) {
        return NULL;
    }
    struct replay_live *live = &side->lives[side->live_count++];
    *live = (struct replay_live){
        .sight = *sight, .life = {.state = ALERT_PENDING, .seen_us = now_us}, .firing = -1};
    return live;
}

static void see(struct replay_side *side, struct replay_live *live,
                const struct replay_sight *sight) {
    struct replay_sight *worst = &live->sight;
    live->seen = true;
    worst->severity = MIN(worst->severity, sight->severity);
    worst->first_symptom_us = MIN(worst->first_symptom_us, sight->first_symptom_us);
    if (worst->unit == sight->unit &&
        (sight->low ? sight->value < worst->value : sight->value > worst->value)) {
        worst->value = sight->value;
    }
    keep_worst(side, live);
}

void replay_turn(struct replay *replay, struct replay_side *side, int64_t now_us,
                 const struct replay_sight *sights, int count) {
    replay_due(replay, side, now_us - 1);
    for (int i = 0; i < side->live_count; i++) {
        side->lives[i].seen = false;
    }
    for (int i = 0; i < count; i++) {
        struct replay_live *live = live_of(side, &sights[i], now_us);
        if (live != NULL) {
            see(side, live, &sights[i]);
        }
    }
    for (int i = side->live_count - 1; i >= 0; i--) {
        if (!step(replay, side, &side->lives[i], now_us)) {
            drop(side, i);
        }
    }
}
