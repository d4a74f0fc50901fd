/* SPDX-License-Identifier: Apache-2.0
 * router.c: filter → rules → manual control → health → priority → weighted choice (router.h).
 *
 * Everything here is a pure function of the request, the configuration, what people have switched
 * and how the gateways are doing at this moment. The weighted choice among equals uses a hash of
 * the payment's id and the gateway's name (rendezvous hashing: each gateway draws a number, scaled
 * by its weight; the highest wins), so that a repeat of the same payment gets the same order. */
#include "gateway/router.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/plant.h"
#include "base/clock.h"
#include "gateway/health.h"

enum { PLAN_JSON_BYTES_MAX = 64 * 1024 };

struct router {
    struct gateway_registry *registry;
    struct gateway_control *control;
    struct route_rule rules[ROUTE_RULES_MAX];
    int rule_count;
};

static int check_names(const struct gateway_registry *registry, const struct route_rule *rule,
                       const char names[][GATEWAY_NAME_CHARS_MAX + 1], int count, struct err *err) {
    for (int i = 0; i < count; i++) {
        if (gateway_find(registry, names[i]) == NULL) {
            err_set(err, ERR_CONFIG,
                    "routing rule \"%s\" names gateway \"%s\", which is not configured", rule->name,
                    names[i]);
            return err_place(err, "routing.rules");
        }
    }
    return 0;
}

int router_new(struct gateway_registry *registry, struct gateway_control *control,
               const struct route_rule *rules, int rule_count, struct router **ret_router,
               struct err *err) {
    if (rule_count > ROUTE_RULES_MAX) {
        err_set(err, ERR_CONFIG, "%d routing rules; at most %d are allowed", rule_count,
                ROUTE_RULES_MAX);
        return err_place(err, "routing.rules");
    }
    for (int i = 0; i < rule_count; i++) {
        int r = check_names(registry, &rules[i], rules[i].prefer, rules[i].prefer_count, err);
        r = r < 0 ? r
                  : check_names(registry, &rules[i], rules[i].forbid, rules[i].forbid_count, err);
        if (r < 0) {
            return r;
        }
    }
    struct router *router = calloc(1, sizeof *router);
    if (router == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the router");
    }
    router->registry = registry;
    router->control = control;
    router->rule_count = rule_count;
    if (rule_count > 0) {
        memcpy(router->rules, rules, (size_t)rule_count * sizeof *rules);
    }
    *ret_router = router;
    return 0;
}

void router_free(struct router *router) {
    free(router);
}

/* ---- rules ---- */

static bool any_method(const bool methods[METHOD_COUNT]) {
    for (int i = 0; i < METHOD_COUNT; i++) {
        if (methods[i]) {
            return true;
        }
    }
    return false;
}

static bool has_currency(const struct currency *currencies, int count, struct currency currency) {
    for (int i = 0; i < count; i++) {
        if (currency_equal(currencies[i], currency)) {
            return true;
        }
    }
    return count == 0;
}

static bool has_region(const char regions[][8], int count, const char *region) {
    for (int i = 0; i < count; i++) {
        if (strcmp(regions[i], region) == 0) {
            return true;
        }
    }
    return count == 0;
}

static bool matches(const struct route_rule *rule, const struct route_request *request) {
    return (!any_method(rule->methods) || rule->methods[request->method]) &&
           has_currency(rule->currencies, rule->currency_count, request->currency) &&
           has_region(rule->regions, rule->region_count, request->region) &&
           (rule->amount_minor_min == 0 || request->amount_minor >= rule->amount_minor_min) &&
           (rule->amount_minor_max == 0 || request->amount_minor <= rule->amount_minor_max) &&
           (rule->vip == 0 || (rule->vip > 0) == request->vip);
}

static const struct route_rule *first_match(const struct router *router,
                                            const struct route_request *request) {
    for (int i = 0; i < router->rule_count; i++) {
        if (matches(&router->rules[i], request)) {
            return &router->rules[i];
        }
    }
    return NULL;
}

static int position(const char names[][GATEWAY_NAME_CHARS_MAX + 1], int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

/* ---- one candidate ---- */

/* A wallet asks its owner on the gateway's page; a card cannot be asked. */
static bool asks_customers(const struct gateway *gateway, enum payment_method method) {
    return gateway->adapter->can.customer_action && method != METHOD_CARD;
}

static const char *token_of(const struct route_request *request, const struct gateway *gateway) {
    const json_t *own = request->tokens != NULL ? json_object_get(request->tokens, gateway->name)
                                                : NULL;
    if (json_is_string(own) && json_string_value(own)[0] != '\0') {
        return json_string_value(own);
    }
    if (request->portable_token != NULL && request->portable_token[0] != '\0') {
        return request->portable_token;
    }
    return asks_customers(gateway, request->method) ? "" : NULL;
}

static bool was_tried(const struct route_request *request, const char *name) {
    for (int i = 0; i < request->tried_count; i++) {
        if (strcmp(request->tried[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool skip(struct route_candidate *candidate, enum route_stop stop, const char *reason) {
    candidate->stop = stop;
    snprintf(candidate->reason, sizeof candidate->reason, "%s", reason);
    return false;
}

/* One that names no flow sends a browser to its page. */
static bool has_flow(const struct gateway_adapter *adapter, enum gateway_flow flow) {
    bool names_any = false;
    for (int i = 0; i < FLOW_COUNT; i++) {
        names_any = names_any || adapter->can.flows[i];
    }
    return flow == 0 || (names_any ? adapter->can.flows[flow] : flow == FLOW_PAGE);
}

static bool said(const char *text) {
    return text != NULL && text[0] != '\0';
}

static bool fits(const struct gateway *gateway, const struct route_request *request,
                 struct route_candidate *candidate) {
    if (said(request->closed)) {
        return skip(candidate, ROUTE_STOP_METHOD_OFF, request->closed);
    }
    if (said(request->only) && strcmp(request->only, gateway->name) != 0) {
        return skip(candidate, ROUTE_STOP_OTHER_ROUTE,
                    "simplified flow: another gateway is the safe route");
    }
    if (!gateway->methods[request->method]) {
        return skip(candidate, ROUTE_STOP_METHOD, "does not take this method");
    }
    if (!has_currency(gateway->currencies, gateway->currency_count, request->currency)) {
        return skip(candidate, ROUTE_STOP_CURRENCY, "does not take this currency");
    }
    if (!has_region(gateway->regions, gateway->region_count, request->region)) {
        return skip(candidate, ROUTE_STOP_REGION, "does not serve this region");
    }
    if ((gateway->amount_minor_min > 0 && request->amount_minor < gateway->amount_minor_min) ||
        (gateway->amount_minor_max > 0 && request->amount_minor > gateway->amount_minor_max)) {
        return skip(candidate, ROUTE_STOP_AMOUNT, "does not take this amount");
    }
    if (request->authorize && !gateway->adapter->can.authorize) {
        return skip(candidate, ROUTE_STOP_HOLD, "cannot authorize without capturing");
    }
    if (was_tried(request, gateway->name)) {
        return skip(candidate, ROUTE_STOP_TRIED, "was tried already for this payment");
    }
    candidate->token = token_of(request, gateway);
    if (candidate->token == NULL) {
        candidate->token = "";
        return skip(candidate, ROUTE_STOP_TOKEN, "the customer has no token there");
    }
    if (candidate->token[0] == '\0' && !has_flow(gateway->adapter, request->flow)) {
        return skip(candidate, ROUTE_STOP_FLOW, "cannot ask the customer in this way");
    }
    if (candidate->token[0] == '\0' && request->no_address && request->flow == FLOW_MOBILE &&
        gateway->adapter->can.mobile_address) {
        return skip(candidate, ROUTE_STOP_FLOW, "needs the customer's address (customer.ip)");
    }
    return true;
}

static bool allowed(const struct route_rule *rule, const struct gateway *gateway,
                    const struct gateway_control_view *view, int index,
                    struct route_candidate *candidate) {
    if (rule != NULL && position(rule->forbid, rule->forbid_count, gateway->name) >= 0) {
        candidate->stop = ROUTE_STOP_RULE;
        snprintf(candidate->reason, sizeof candidate->reason, "forbidden by rule \"%s\"",
                 rule->name);
        return false;
    }
    if (view->state[index] != GATEWAY_ENABLED && !PLANTED(SWITCH_IGNORED)) {
        candidate->stop = ROUTE_STOP_GATEWAY_OFF;
        snprintf(candidate->reason, sizeof candidate->reason, "%s by hand: %.80s",
                 gateway_switch_name(view->state[index]), view->reason[index]);
        return false;
    }
    return true;
}

/* ---- order ---- */

/* Rendezvous draw in (0, 1), weighted: -w / ln(u) is larger the larger the weight. Then adjusted by
 * how the gateway does: its live success rate counts as it is, each second of median latency costs
 * 5 %, each percent of cost 2 %. */
static double score(const struct gateway *gateway, const struct route_request *request) {
    char key[ID_TEXT_MAX + GATEWAY_NAME_CHARS_MAX + 2];
    int length = snprintf(key, sizeof key, "%s/%s", request->payment_id, gateway->name);
    double u = ((double)(XXH64(key, (size_t)length, 0) >> 11) + 0.5) / 9007199254740992.0;
    double draw = -gateway->weight / log(u);
    double success_rate;
    int64_t p50_us;
    gateway_health_weigh(gateway->health, request->method, OP_CHARGE, &success_rate, &p50_us);
    double latency_s = p50_us > 0 ? (double)p50_us / US_PER_SECOND : 0;
    double cost_share = (double)gateway->cost.basis_points / 10000.0 +
                        (request->amount_minor > 0
                             ? (double)gateway->cost.fixed_minor / (double)request->amount_minor
                             : 0);
    double quality = success_rate * (1.0 - fmin(0.5, 0.05 * latency_s)) *
                     (1.0 - fmin(0.5, 2.0 * cost_share));
    return draw * quality;
}

/* Smaller goes first: preferred by the rule, switched primary, then configured priority. */
static int rank(const struct route_rule *rule, const struct gateway_control_view *view,
                const struct gateway *gateway, int best_priority) {
    int preferred = rule != NULL ? position(rule->prefer, rule->prefer_count, gateway->name) : -1;
    bool primary = strcmp(view->primary, gateway->name) == 0;
    bool passed_over = view->fallback && gateway->priority == best_priority && !primary;
    if (primary) {
        return -GATEWAYS_MAX - 1;
    }
    if (passed_over) {
        return 1000000 + gateway->priority;
    }
    return preferred >= 0 ? preferred - GATEWAYS_MAX : gateway->priority;
}

struct ranked {
    struct route_candidate candidate;
    int rank;
    enum admission admission;
};

static int compare(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    if (x->candidate.eligible != y->candidate.eligible) {
        return x->candidate.eligible ? -1 : 1;
    }
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    if (x->candidate.score != y->candidate.score) {
        return x->candidate.score > y->candidate.score ? -1 : 1;
    }
    return strcmp(x->candidate.gateway->name, y->candidate.gateway->name);
}

static void explain(struct ranked *ranked, const struct route_rule *rule,
                    const struct gateway_control_view *view) {
    struct route_candidate *candidate = &ranked->candidate;
    const struct gateway *gateway = candidate->gateway;
    const char *trial = ranked->admission == ADMIT_TRIAL        ? "; on trial after an outage"
                        : ranked->admission == ADMIT_RECOVERING ? "; recovering, no other route"
                                                                : "";
    if (strcmp(view->primary, gateway->name) == 0) {
        snprintf(candidate->reason, sizeof candidate->reason,
                 "switched to primary by hand: %.60s%s", view->primary_reason, trial);
    } else if (rule != NULL && position(rule->prefer, rule->prefer_count, gateway->name) >= 0) {
        snprintf(candidate->reason, sizeof candidate->reason, "preferred by rule \"%s\"%s",
                 rule->name, trial);
    } else if (ranked->rank >= 1000000) {
        snprintf(candidate->reason, sizeof candidate->reason, "fallback mode: last%s", trial);
    } else {
        snprintf(candidate->reason, sizeof candidate->reason, "priority %d, weight %d%s",
                 gateway->priority, gateway->weight, trial);
    }
}

/* Of those that take this method: a wallet's gateway is not the first for cards. */
static int best_priority(const struct gateway_registry *registry, enum payment_method method) {
    int best = INT_MAX;
    for (int i = 0; i < gateway_count(registry); i++) {
        const struct gateway *gateway = gateway_at(registry, i);
        best = gateway->methods[method] && gateway->priority < best ? gateway->priority : best;
    }
    return best;
}

/* Filter, rules, manual control, health: what each gateway may do with this payment. */
static void look_at_all(const struct router *router, const struct route_request *request,
                        const struct route_rule *rule, const struct gateway_control_view *view,
                        struct ranked ranked[GATEWAYS_MAX], int count) {
    for (int i = 0; i < count; i++) {
        struct gateway *gateway = gateway_at(router->registry, i);
        ranked[i] = (struct ranked){.candidate = {.gateway = gateway, .token = ""}};
        struct route_candidate *candidate = &ranked[i].candidate;
        if (fits(gateway, request, candidate) && allowed(rule, gateway, view, i, candidate)) {
            ranked[i].admission = gateway_health_look(gateway->health, request->method, OP_CHARGE,
                                                      candidate->reason, sizeof candidate->reason);
            candidate->stop = ranked[i].admission == ADMIT_NO ? ROUTE_STOP_BREAKER
                                                              : ROUTE_STOP_RECOVERING;
        }
    }
}

/* A share is for who has another route: where no other takes it, the whole of it returns. */
static bool any_route(const struct ranked ranked[GATEWAYS_MAX], int count) {
    for (int i = 0; i < count; i++) {
        if (ranked[i].admission == ADMIT_YES || ranked[i].admission == ADMIT_TRIAL) {
            return true;
        }
    }
    return false;
}

void router_plan(struct router *router, const struct route_request *request,
                 struct route_plan *ret_plan) {
    struct gateway_control_view view;
    struct ranked ranked[GATEWAYS_MAX];
    gateway_control_view(router->control, &view);
    const struct route_rule *rule = first_match(router, request);
    int count = gateway_count(router->registry);
    int best = best_priority(router->registry, request->method);
    int eligible = 0;
    look_at_all(router, request, rule, &view, ranked, count);
    bool other = any_route(ranked, count);
    for (int i = 0; i < count; i++) {
        struct route_candidate *candidate = &ranked[i].candidate;
        enum admission admission = ranked[i].admission;
        if (admission == ADMIT_NO || (admission == ADMIT_RECOVERING && other)) {
            continue;
        }
        candidate->eligible = true;
        candidate->stop = ROUTE_STOP_TAKES;
        candidate->score = request->fixed ? 0 : score(candidate->gateway, request);
        ranked[i].rank = rank(rule, &view, candidate->gateway, best);
        explain(&ranked[i], rule, &view);
        eligible++;
    }
    qsort(ranked, (size_t)count, sizeof *ranked, compare);
    ret_plan->count = count;
    ret_plan->eligible_count = eligible;
    snprintf(ret_plan->rule, sizeof ret_plan->rule, "%s", rule != NULL ? rule->name : "");
    for (int i = 0; i < count; i++) {
        ret_plan->candidates[i] = ranked[i].candidate;
    }
}

/* As "%.3f", which takes thousands of instructions; scores are small. */
static void add_thousandths(struct buf *buf, double score) {
    double size = (score < 0 ? -score : score) * 1000 + 0.5;
    INVARIANT(size < 1e15, "a score is a small number");
    int64_t thousandths = (int64_t)size;
    const char digits[] = {'.', (char)('0' + thousandths / 100 % 10),
                           (char)('0' + thousandths / 10 % 10), (char)('0' + thousandths % 10)};
    if (score < 0 && thousandths > 0) {
        buf_add_char(buf, '-');
    }
    buf_add_int(buf, thousandths / 1000);
    buf_add(buf, digits, sizeof digits);
}

char *router_plan_json(const struct route_plan *plan, int chosen_index) {
    BUF_AUTO buf;
    buf_init(&buf, PLAN_JSON_BYTES_MAX);
    buf_add_text(&buf, "{\"rule\":");
    buf_add_json(&buf, plan->rule);
    buf_add_text(&buf, ",\"chosen\":");
    if (plan->candidates[chosen_index].eligible) {
        buf_add_json(&buf, plan->candidates[chosen_index].gateway->name);
    } else {
        buf_add_text(&buf, "null"); /* only when no candidate is left */
    }
    buf_add_text(&buf, ",\"candidates\":[");
    for (int i = 0; i < plan->count; i++) {
        const struct route_candidate *candidate = &plan->candidates[i];
        buf_add_text(&buf, i > 0 ? ",{\"gateway\":\"" : "{\"gateway\":\"");
        buf_add_text(&buf, candidate->gateway->name);
        buf_add_text(&buf, candidate->eligible ? "\",\"eligible\":true,\"score\":"
                                               : "\",\"eligible\":false,\"score\":");
        add_thousandths(&buf, candidate->score);
        buf_add_text(&buf, ",\"reason\":");
        buf_add_json(&buf, candidate->reason);
        buf_add_char(&buf, '}');
    }
    buf_add_text(&buf, "]}");
    INVARIANT(buf_ok(&buf), "a routing decision is larger than its cap");
    return buf_take(&buf);
}

/* ---- when none takes it ---- */

static const struct {
    const char *code, *common_code;
} stops[] = {
#define X(name, code, common_code) {code, common_code},
#include "gateway/route_stops.def"
#undef X
};
static_assert(COUNT_OF(stops) == ROUTE_STOPS, "every stop has its codes");

const char *route_stop_code(enum route_stop stop) {
    return (size_t)stop < COUNT_OF(stops) ? stops[stop].code : "?";
}

const char *route_stop_common(enum route_stop stop) {
    return (size_t)stop < COUNT_OF(stops) ? stops[stop].common_code : "?";
}

const struct route_candidate *router_nearest(const struct route_plan *plan) {
    const struct route_candidate *nearest = NULL;
    for (int i = 0; i < plan->count; i++) {
        const struct route_candidate *one = &plan->candidates[i];
        if (nearest == NULL || one->stop > nearest->stop ||
            (one->stop == nearest->stop && one->gateway->priority < nearest->gateway->priority)) {
            nearest = one;
        }
    }
    return nearest;
}

bool router_can_ask(const struct router *router, enum payment_method method,
                    enum gateway_flow flow) {
    bool asked = false;
    for (int i = 0; i < gateway_count(router->registry); i++) {
        const struct gateway *gateway = gateway_at(router->registry, i);
        if (gateway->methods[method] && asks_customers(gateway, method)) {
            asked = true;
            if (has_flow(gateway->adapter, flow)) {
                return true;
            }
        }
    }
    return !asked;
}

/* ---- methods ---- */

static void look_method(struct router *router, const struct gateway_control_view *view, int index,
                        struct currency currency, const char *region, struct method_state *state) {
    struct gateway *gateway = gateway_at(router->registry, index);
    bool currency_fits = currency.code[0] == '\0' ||
                         has_currency(gateway->currencies, gateway->currency_count, currency);
    bool region_fits = region[0] == '\0' ||
                       has_region(gateway->regions, gateway->region_count, region);
    if (!gateway->methods[state->method] || !currency_fits || !region_fits) {
        return;
    }
    state->configured = true;
    char why[160];
    enum admission admission = gateway_health_peek(gateway->health, state->method, OP_CHARGE, why,
                                                   sizeof why);
    if (view->state[index] != GATEWAY_ENABLED) {
        snprintf(why, sizeof why, "%s", gateway_switch_name(view->state[index]));
    } else if (admission == ADMIT_YES) {
        state->available = true;
        return;
    } else if (admission != ADMIT_NO) {
        state->available = true;
    }
    state->degraded = true;
    snprintf(state->reason, sizeof state->reason, "%.30s: %.110s", gateway->name, why);
}

void router_methods(struct router *router, struct currency currency, const char *region,
                    struct method_state ret_states[METHOD_COUNT], int *ret_count) {
    struct gateway_control_view view;
    gateway_control_view(router->control, &view);
    int count = 0;
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        struct method_state state = {.method = (enum payment_method)m};
        for (int i = 0; i < gateway_count(router->registry); i++) {
            look_method(router, &view, i, currency, region, &state);
        }
        if (state.configured) {
            ret_states[count++] = state;
        }
    }
    *ret_count = count;
}
