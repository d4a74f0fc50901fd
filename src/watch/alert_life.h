/* SPDX-License-Identifier: Apache-2.0
 * alert_life.h: when an alert fires and when it is over, by what is seen of it and the time alone:
 * no store, no clock. What fires people (alert_move.c) and what says how often it would have
 * (backtest.h) go by it.
 * Threads: any. Owns nothing. Cannot fail. */
#ifndef HOLDFAST_WATCH_ALERT_LIFE_H
#define HOLDFAST_WATCH_ALERT_LIFE_H

#include "watch/alert.h"

enum alert_event {
    ALERT_EVENT_LASTED,
    ALERT_EVENT_TAKEN,
    ALERT_EVENT_RAISED,
    ALERT_EVENT_ENDED,
    ALERT_EVENTS
};
/* By alert_moves.def; false: it does not happen. */
MUST_USE bool alert_move(enum alert_state *state, enum alert_event event);

struct alert_life {
    enum alert_state state; /* begins as ALERT_PENDING */
    int64_t seen_us;        /* when it was seen first */
    int64_t clear_us;       /* since when nobody sees it; 0: somebody does */
};

enum alert_turn { ALERT_STAYS, ALERT_FORGOTTEN, ALERT_FIRES, ALERT_ENDS };

/* What follows at `now_us` from whether anybody sees it; moves `life`. A life that is forgotten or
 * resolved takes no more steps. */
enum alert_turn alert_life_step(const struct alert_rule *rule, struct alert_life *life, bool seen,
                                int64_t now_us);
/* When it has to be stepped again though nobody says anything; 0: never. `until_us` is when what
 * was said stops counting (0: never). */
int64_t alert_life_next_us(const struct alert_rule *rule, const struct alert_life *life, bool seen,
                           int64_t until_us);

#endif
