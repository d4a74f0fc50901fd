/* SPDX-License-Identifier: Apache-2.0
 * alert_life.c: the moves of alerts, and which of them is due. */
#include "watch/alert_life.h"

static const struct {
    enum alert_state from;
    enum alert_event event;
    enum alert_state to;
} moves[] = {
#define X(FROM, EVENT, TO) {ALERT_##FROM, ALERT_EVENT_##EVENT, ALERT_##TO},
#include "watch/alert_moves.def"
#undef X
};

bool alert_move(enum alert_state *state, enum alert_event event) {
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (moves[i].from == *state && moves[i].event == event) {
            *state = moves[i].to;
            return true;
        }
    }
    return false;
}

enum alert_turn alert_life_step(const struct alert_rule *rule, struct alert_life *life, bool seen,
                                int64_t now_us) {
    if (life->state == ALERT_RESOLVED) {
        return ALERT_STAYS;
    }
    if (!seen && life->state == ALERT_PENDING) {
        return ALERT_FORGOTTEN;
    }
    life->clear_us = seen ? 0 : life->clear_us > 0 ? life->clear_us : now_us;
    if (life->state == ALERT_PENDING && now_us >= life->seen_us + rule->for_us) {
        bool moved = alert_move(&life->state, ALERT_EVENT_LASTED);
        INVARIANT(moved, "a pending alert may fire");
        return ALERT_FIRES;
    }
    if (!seen && now_us >= life->clear_us + rule->keep_us) {
        bool moved = alert_move(&life->state, ALERT_EVENT_ENDED);
        INVARIANT(moved, "a live alert may end");
        return ALERT_ENDS;
    }
    return ALERT_STAYS;
}

int64_t alert_life_next_us(const struct alert_rule *rule, const struct alert_life *life, bool seen,
                           int64_t until_us) {
    int64_t lasts_us = life->seen_us + rule->for_us;
    switch (life->state) {
    case ALERT_PENDING:
        return until_us > 0 && until_us < lasts_us ? until_us : lasts_us;
    case ALERT_RESOLVED:
        return 0;
    default:
        return seen ? until_us : life->clear_us + rule->keep_us;
    }
}
