/* SPDX-License-Identifier: Apache-2.0
 * router.h: which gateway takes this payment, in which order the others follow, and why.
 *
 * filter (adapter and configuration fit, a token exists, not disabled, not draining, not excluded)
 *   → rules (the first rule that matches may name an order or forbid gateways)
 *   → manual control (primary switched, fallback mode)
 *   → health (breakers; of one that recovers a share, and all that has no other route)
 *   → priority → weighted choice among equals, adjusted by live success rate, latency and cost.
 *     The weighted choice is a hash of the payment's id: the same payment always gets the same
 *     answer.
 * The decision with every candidate, its score and the reason why it was chosen or skipped is
 * written as JSON on each attempt (GW-3).
 * Threads: any. Owns: the JSON text belongs to the caller (free). */
#ifndef HOLDFAST_GATEWAY_ROUTER_H
#define HOLDFAST_GATEWAY_ROUTER_H

#include "gateway/control.h"
#include "gateway/registry.h"

enum { ROUTE_RULES_MAX = 64 };

/* A rule of the configuration: all given conditions must hold. */
struct route_rule {
    char name[48];
    bool methods[METHOD_COUNT]; /* none set: any */
    struct currency currencies[32];
    int currency_count;
    char regions[16][8];
    int region_count;
    int64_t amount_minor_min, amount_minor_max; /* 0: no bound */
    int vip;                                    /* 0 any, 1 only VIP, -1 only others */
    char prefer[GATEWAYS_MAX][GATEWAY_NAME_CHARS_MAX + 1];
    int prefer_count; /* first these, in order */
    char forbid[GATEWAYS_MAX][GATEWAY_NAME_CHARS_MAX + 1];
    int forbid_count;
};

struct route_request {
    const char *payment_id;
    enum payment_method method;
    struct currency currency;
    int64_t amount_minor;
    const char *region; /* "" unknown */
    bool vip;
    bool authorize;         /* capture later: the adapter must be able to */
    enum gateway_flow flow; /* how a customer without a token is asked; 0: any */
    bool no_address;        /* nobody knows where he is: not where FLOW_MOBILE takes that */
    /* Tokens: JSON object gateway name → token, may be NULL; `portable_token` or "". */
    const json_t *tokens;
    const char *portable_token;
    const char
        *closed;      /* why no gateway may take it now (its method is switched off); NULL or "" */
    const char *only; /* the one gateway that may (the simplified flow); NULL or "": any */
    bool fixed;       /* by priority and name alone: no weights, no figures */
    /* Gateways tried already for this payment. */
    const char *tried[GATEWAYS_MAX];
    int tried_count;
};

/* Where a gateway dropped out (route_stops.def); ROUTE_STOP_TAKES: it did not. */
enum route_stop {
#define X(name, code, common_code) ROUTE_STOP_##name,
#include "gateway/route_stops.def"
#undef X
    ROUTE_STOPS
};

struct route_candidate {
    struct gateway *gateway;
    bool eligible;
    enum route_stop stop;
    char reason[120];  /* why it stands here, or why it was skipped */
    double score;      /* among equals of priority; never money */
    const char *token; /* borrowed from the request; "" when none is needed */
};
struct route_plan {
    struct route_candidate candidates[GATEWAYS_MAX]; /* eligible ones first, in order of trying */
    int count, eligible_count;
    char rule[48];
};

struct router;
MUST_USE int
router_new(struct gateway_registry *registry, struct gateway_control *control,
           const struct route_rule *rules, int rule_count, struct router **ret_router,
           struct err *err); /* rules are copied; an unknown gateway name is ERR_CONFIG */
void router_free(struct router *router);
void router_plan(struct router *router, const struct route_request *request,
                 struct route_plan *ret_plan);
/* {"rule":…,"chosen":…,"candidates":[{"gateway","eligible","reason","score"}]} */
MUST_USE char *router_plan_json(const struct route_plan *plan, int chosen_index);
/* The candidate that came nearest to taking the payment, of equals the first by priority; NULL:
 * there are no gateways at all. */
const struct route_candidate *router_nearest(const struct route_plan *plan);
const char *route_stop_code(enum route_stop stop);
const char *route_stop_common(enum route_stop stop);
/* False: gateways that are configured ask customers of this method, and none of them in this way,
 * whatever may be switched or fail. */
MUST_USE bool router_can_ask(const struct router *router, enum payment_method method,
                             enum gateway_flow flow);

/* For the shop's page: can this method be used now, through which gateways, and if not why. */
struct method_state {
    enum payment_method method;
    bool configured, available, degraded;
    char reason[160];
};
void router_methods(struct router *router, struct currency currency /* "" any */,
                    const char *region, struct method_state ret_states[METHOD_COUNT],
                    int *ret_count);

#endif
