/* SPDX-License-Identifier: Apache-2.0
 * ladder.h: from conditions to a step, with holding times. Pure: it knows no store, no gateway and
 * no clock, and is stepped with the time that it is given.
 *
 *             condition holds for enter_us
 *        OFF ──────────────────────────────► ON
 *         ▲                                  │
 *         └──────────────────────────────────┘
 *             condition is gone for exit_us
 *
 * Each condition has a hold of its own, and each method one for its routes; the step is the highest
 * that is on. Threads: one at a time. Cannot fail. */
#ifndef HOLDFAST_MODE_LADDER_H
#define HOLDFAST_MODE_LADDER_H

#include "gateway/gateway.h"

struct hold {
    bool on;
    int64_t since_us; /* monotonic: since when the condition contradicts `on`; 0: it does not */
};
struct hold_times {
    int64_t enter_us, exit_us;
};
/* Returns whether it is on now. */
bool hold_step(struct hold *hold, const struct hold_times *times, bool condition, int64_t now_us);
/* Says from outside what it is; a contradiction that lasts is counted from anew. */
void hold_set(struct hold *hold, bool on);

struct ladder_rules {
    struct hold_times reroute, reduced, deferred, read_only;
    bool not_enough[METHOD_COUNT];
};
struct ladder {
    struct hold reroute, deferred, methods[METHOD_COUNT];
};
/* ROUTE_TRIAL: whoever came would be let through to see. That ends no outage, so it does not stop
 * the clock of one that is just beginning; but a method that is hidden must be shown again some
 * day, so there it counts as a route. */
enum ladder_route { ROUTE_NONE = 0, ROUTE_TRIAL = 1, ROUTE_YES = 2 };
/* What all instances together see. */
struct outlook {
    bool broken; /* a breaker is not closed */
    bool configured[METHOD_COUNT];
    enum ladder_route route[METHOD_COUNT];
    bool switched_off[METHOD_COUNT];
};
struct ladder_answer {
    int step;                    /* enum mode_step, at most deferred */
    bool hidden[METHOD_COUNT];   /* by a switch or by the gateways */
    bool unrouted[METHOD_COUNT]; /* by the gateways, after the holding time */
};
void ladder_step(struct ladder *ladder, const struct ladder_rules *rules,
                 const struct outlook *outlook, int64_t now_us, struct ladder_answer *ret_answer);
/* As another instance, or an earlier run of this one, has left it. */
void ladder_adopt(struct ladder *ladder, int step, const bool unrouted[METHOD_COUNT]);

#endif
