/* SPDX-License-Identifier: Apache-2.0
 * ladder.c: the holds, and the step that follows from them. */
#include "mode/ladder.h"

#include "mode/mode.h"

bool hold_step(struct hold *hold, const struct hold_times *times, bool condition, int64_t now_us) {
    if (condition == hold->on) {
        hold->since_us = 0;
        return hold->on;
    }
    if (hold->since_us == 0) {
        hold->since_us = now_us;
    }
    if (now_us - hold->since_us >= (condition ? times->enter_us : times->exit_us)) {
        hold_set(hold, condition);
    }
    return hold->on;
}

void hold_set(struct hold *hold, bool on) {
    if (hold->on != on) {
        *hold = (struct hold){.on = on};
    }
}

/* The best that is left. A shop that has nothing but what is declared not enough lives on that. */
static enum ladder_route best_left(const struct ladder_rules *rules,
                                   const struct outlook *outlook) {
    bool any_enough = false;
    enum ladder_route best = ROUTE_NONE, best_enough = ROUTE_NONE;
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        bool taken = outlook->configured[m] && !outlook->switched_off[m];
        enum ladder_route route = taken ? outlook->route[m] : ROUTE_NONE;
        bool enough = outlook->configured[m] && !rules->not_enough[m];
        any_enough = any_enough || enough;
        best = route > best ? route : best;
        best_enough = enough && route > best_enough ? route : best_enough;
    }
    return any_enough ? best_enough : best;
}

/* A hold for "there is no route". */
static bool step_routes(struct hold *hold, const struct hold_times *times, enum ladder_route route,
                        int64_t now_us) {
    return route == ROUTE_TRIAL && !hold->on ? false
                                             : hold_step(hold, times, route == ROUTE_NONE, now_us);
}

void ladder_step(struct ladder *ladder, const struct ladder_rules *rules,
                 const struct outlook *outlook, int64_t now_us, struct ladder_answer *ret_answer) {
    bool any = false, any_hidden = false;
    *ret_answer = (struct ladder_answer){.step = MODE_NORMAL};
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        enum ladder_route route = outlook->configured[m] ? outlook->route[m] : ROUTE_YES;
        ret_answer->unrouted[m] = step_routes(&ladder->methods[m], &rules->reduced, route, now_us);
        ret_answer->hidden[m] = outlook->configured[m] &&
                                (ret_answer->unrouted[m] || outlook->switched_off[m]);
        any = any || outlook->configured[m];
        any_hidden = any_hidden || ret_answer->hidden[m];
    }
    if (hold_step(&ladder->reroute, &rules->reroute, outlook->broken, now_us)) {
        ret_answer->step = MODE_REROUTE;
    }
    if (any_hidden) {
        ret_answer->step = MODE_REDUCED;
    }
    enum ladder_route left = any ? best_left(rules, outlook) : ROUTE_YES;
    if (step_routes(&ladder->deferred, &rules->deferred, left, now_us)) {
        ret_answer->step = MODE_DEFERRED;
    }
}

void ladder_adopt(struct ladder *ladder, int step, const bool unrouted[METHOD_COUNT]) {
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        hold_set(&ladder->methods[m], unrouted[m]);
    }
    /* Above reroute it is not written whether a breaker is open as well: what is seen says so. */
    if (step <= MODE_REROUTE) {
        hold_set(&ladder->reroute, step == MODE_REROUTE);
    }
    hold_set(&ladder->deferred, step >= MODE_DEFERRED);
}
