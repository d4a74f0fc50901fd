/* SPDX-License-Identifier: Apache-2.0
 * test_router.c: which gateway is asked first, which follow, and what the decision says about each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/health.h"
#include "gateway/router.h"
#include "support/payment_world.h"

enum { GATEWAYS = 4, A = 0, B = 1, C = 2, P = 3 };

/* Three card gateways and a wallet, beside the world's own. */
static struct test_store engine;
static struct gateway_settings settings[GATEWAYS];
static struct gateway_registry *registry;
static struct gateway_control *control;
static struct router *router;
static struct route_request request;
static struct route_plan plan;
static struct err err;

static void close_all(void) {
    router_free(router);
    gateway_control_close(control);
    gateway_registry_close(registry);
    router = NULL;
    control = NULL;
    registry = NULL;
}

static void open_with(const struct route_rule *rules, int rule_count) {
    close_all();
    assert_int_equal(gateway_registry_open(settings, GATEWAYS, &registry, &err), 0);
    assert_int_equal(gateway_control_open(engine.store, registry, &control, &err), 0);
    assert_int_equal(router_new(registry, control, rules, rule_count, &router, &err), 0);
}

static int fresh(void **state) {
    static const char *const names[] = {"a", "b", "c", "p"};
    static const char *const wallet[] = {"paypal"};
    (void)engine_exec(&engine, "DELETE FROM gateway_control");
    for (int i = 0; i < GATEWAYS; i++) {
        settings[i] = (struct gateway_settings){
            .name = names[i],
            .adapter = "stripe",
            .base_url = "http://127.0.0.1:1",
            .credentials = {{"api_key", "env:HF_FAKE_KEY"}, {"webhook_secret", "env:HF_FAKE_HOOK"}},
            .credential_count = 2,
            .priority = 10 * (i + 1),
        };
    }
    settings[P].adapter = "paypal";
    settings[P].methods = wallet;
    settings[P].method_count = 1;
    settings[P].credentials[0].name = "client_id";
    settings[P].credentials[1].name = "client_secret";
    settings[P].credentials[2].name = "webhook_id";
    settings[P].credentials[1].reference = "env:HF_FAKE_KEY";
    settings[P].credentials[2].reference = "env:HF_FAKE_KEY";
    settings[P].credential_count = 3;
    open_with(NULL, 0);
    request = (struct route_request){
        .payment_id = "pay_1",
        .method = METHOD_CARD,
        .currency = {"USD"},
        .amount_minor = 1000,
        .region = "EU",
        .portable_token = "pm",
    };
    return 0;
}

static void decide(void) {
    router_plan(router, &request, &plan);
    assert_int_equal(plan.count, GATEWAYS);
}

/* The eligible ones in order, as one text: "abc". */
static const char *order(void) {
    static char text[GATEWAYS + 1];
    decide();
    for (int i = 0; i < plan.eligible_count; i++) {
        assert_true(plan.candidates[i].eligible);
        text[i] = plan.candidates[i].gateway->name[0];
    }
    text[plan.eligible_count] = '\0';
    return text;
}

static const struct route_candidate *candidate(const char *name) {
    decide();
    for (int i = 0; i < plan.count; i++) {
        if (strcmp(plan.candidates[i].gateway->name, name) == 0) {
            return &plan.candidates[i];
        }
    }
    fail_msg("%s is not in the plan", name);
    return NULL;
}

static void skipped(const char *name, const char *why) {
    assert_false(candidate(name)->eligible);
    assert_non_null(strstr(candidate(name)->reason, why));
}

static void switch_to(const char *name, enum gateway_switch to) {
    struct gateway_control_change change;
    assert_int_equal(gateway_control_set(control, name, to, true, "t", "because", &change, &err),
                     0);
    assert_int_equal(gateway_control_apply(&change, &err), 0);
}

static void primary(const char *name) {
    struct gateway_control_change change;
    assert_int_equal(gateway_control_primary(control, name, "t", "because", &change, &err), 0);
    assert_int_equal(gateway_control_apply(&change, &err), 0);
}

static void fallback(bool on) {
    struct gateway_control_change change;
    assert_int_equal(gateway_control_fallback(control, on, "t", "because", &change, &err), 0);
    assert_int_equal(gateway_control_apply(&change, &err), 0);
}

static void fail_calls(const char *name, enum payment_method method) {
    struct gateway_health *health = gateway_find(registry, name)->health;
    struct gateway_result result;
    char why[160];
    gateway_result_init(&result);
    result.outcome = GW_UNAVAILABLE;
    for (int i = 0; i < 5; i++) {
        enum admission admission = gateway_health_admit(health, method, OP_CHARGE, why, sizeof why);
        gateway_health_report(health, method, OP_CHARGE, admission, &result);
    }
}

/* ---- filters ---- */

static void gateways_follow_each_other_by_priority(void **state) {
    assert_string_equal(order(), "abc");
    skipped("p", "does not take this method");
    settings[A].priority = 35;
    open_with(NULL, 0);
    assert_string_equal(order(), "bca");
}

static void a_gateway_takes_only_what_it_is_configured_for(void **state) {
    static const char *const euro[] = {"EUR"}, *const asia[] = {"CN", "JP"};
    settings[A].currencies = euro;
    settings[A].currency_count = 1;
    settings[B].regions = asia;
    settings[B].region_count = 2;
    open_with(NULL, 0);
    assert_string_equal(order(), "c");
    skipped("a", "does not take this currency");
    skipped("b", "does not serve this region");
    request.currency = (struct currency){"EUR"};
    request.region = "JP";
    assert_string_equal(order(), "abc");
}

static void amounts_are_bounded_on_both_sides_inclusive(void **state) {
    static const struct {
        int64_t amount_minor;
        bool taken;
    } rows[] = {{499, false}, {500, true}, {1000, true}, {1001, false}};
    settings[A].amount_minor_min = 500;
    settings[A].amount_minor_max = 1000;
    open_with(NULL, 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        request.amount_minor = rows[i].amount_minor;
        assert_int_equal(candidate("a")->eligible, rows[i].taken);
    }
}

static void what_was_tried_is_not_tried_again(void **state) {
    request.tried[0] = "a";
    request.tried[1] = "c";
    request.tried_count = 2;
    assert_string_equal(order(), "b");
    skipped("a", "was tried already");
}

static void a_card_needs_a_token_there_and_a_wallet_asks_its_owner(void **state) {
    json_t *tokens = json_pack("{s:s,s:s,s:i}", "b", "pm_b", "a", "", "c", 7);
    request.portable_token = "";
    request.tokens = tokens;
    assert_string_equal(order(), "b");
    assert_string_equal(candidate("b")->token, "pm_b");
    skipped("a", "no token");
    skipped("c", "no token");
    request.portable_token = "pm_any";
    assert_string_equal(order(), "abc");
    assert_string_equal(candidate("a")->token, "pm_any");
    assert_string_equal(candidate("b")->token, "pm_b"); /* its own goes before the portable one */
    request.portable_token = NULL;
    request.tokens = NULL;
    assert_string_equal(order(), "");
    request.method = METHOD_PAYPAL;
    assert_string_equal(order(), "p");
    assert_string_equal(candidate("p")->token, "");
    json_decref(tokens);
}

/* ---- rules ---- */

static void the_first_rule_that_matches_orders_and_forbids(void **state) {
    static const struct route_rule rules[] = {
        {.name = "large", .amount_minor_min = 5000, .prefer = {"c", "b"}, .prefer_count = 2},
        {.name = "all", .forbid = {"b"}, .forbid_count = 1},
        {.name = "never reached", .forbid = {"a", "b", "c"}, .forbid_count = 3},
    };
    open_with(rules, 3);
    assert_string_equal(order(), "ac");
    assert_string_equal(plan.rule, "all");
    skipped("b", "forbidden by rule \"all\"");
    request.amount_minor = 5000;
    assert_string_equal(order(), "cba");
    assert_string_equal(plan.rule, "large");
    assert_non_null(strstr(candidate("c")->reason, "preferred by rule \"large\""));
}

static void a_rule_matches_when_all_it_says_holds(void **state) {
    struct route_rule rule = {.name = "r",
                              .forbid = {"a"},
                              .forbid_count = 1,
                              .currency_count = 1,
                              .region_count = 1,
                              .amount_minor_min = 100,
                              .amount_minor_max = 1000,
                              .vip = 1};
    rule.methods[METHOD_CARD] = true;
    rule.currencies[0] = (struct currency){"USD"};
    snprintf(rule.regions[0], sizeof rule.regions[0], "EU");
    open_with(&rule, 1);
    request.vip = true;
    assert_string_equal(order(), "bc");
    request.vip = false;
    assert_string_equal(order(), "abc");
    request.vip = true;
    request.region = "US";
    assert_string_equal(order(), "abc");
    request.region = "EU";
    request.currency = (struct currency){"EUR"};
    assert_string_equal(order(), "abc");
    request.currency = (struct currency){"USD"};
    request.amount_minor = 1001;
    assert_string_equal(order(), "abc");
    request.amount_minor = 99;
    assert_string_equal(order(), "abc");
    request.amount_minor = 100;
    assert_string_equal(order(), "bc");
    rule.vip = -1;
    open_with(&rule, 1);
    assert_string_equal(order(), "abc");
}

static void a_rule_names_only_gateways_that_there_are(void **state) {
    struct route_rule rule = {.name = "r", .prefer = {"x"}, .prefer_count = 1};
    struct router *none = NULL;
    assert_int_equal(router_new(registry, control, &rule, 1, &none, &err), -ERR_CONFIG);
    rule = (struct route_rule){.name = "r", .forbid = {"x"}, .forbid_count = 1};
    assert_int_equal(router_new(registry, control, &rule, 1, &none, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "\"x\""));
    assert_int_equal(router_new(registry, control, &rule, ROUTE_RULES_MAX + 1, &none, &err),
                     -ERR_CONFIG);
    assert_null(none);
}

/* ---- switched by hand ---- */

static void what_is_switched_off_takes_no_new_payments(void **state) {
    switch_to("a", GATEWAY_DISABLED);
    switch_to("b", GATEWAY_DRAINING);
    assert_string_equal(order(), "c");
    skipped("a", "disabled by hand: because");
    skipped("b", "draining by hand: because");
}

static void the_primary_goes_first_before_rules_and_priority(void **state) {
    static const struct route_rule rule = {.name = "r", .prefer = {"b"}, .prefer_count = 1};
    open_with(&rule, 1);
    assert_string_equal(order(), "bac");
    primary("c");
    assert_string_equal(order(), "cba");
    assert_non_null(strstr(candidate("c")->reason, "switched to primary by hand"));
    switch_to("c", GATEWAY_DISABLED);
    assert_string_equal(order(), "ba");
    primary("");
    switch_to("c", GATEWAY_ENABLED);
    assert_string_equal(order(), "bac");
}

static void fallback_mode_passes_over_the_first_where_another_fits(void **state) {
    fallback(true);
    assert_string_equal(order(), "bca");
    assert_non_null(strstr(candidate("a")->reason, "fallback mode"));
    switch_to("b", GATEWAY_DISABLED);
    switch_to("c", GATEWAY_DISABLED);
    assert_string_equal(order(), "a"); /* better than none */
    fallback(false);
    switch_to("b", GATEWAY_ENABLED);
    assert_string_equal(order(), "ab");
}

/* The first for cards is passed over, though a wallet's gateway stands before it. */
static void fallback_mode_counts_only_gateways_of_the_method(void **state) {
    settings[P].priority = 1;
    open_with(NULL, 0);
    fallback(true);
    assert_string_equal(order(), "bca");
}

/* ---- health ---- */

static void an_open_breaker_is_no_candidate_and_a_trial_is_one(void **state) {
    fail_calls("a", METHOD_CARD);
    assert_string_equal(order(), "bc");
    skipped("a", "breaker open: 5 calls in a row failed");
    test_clock_advance(5 * US_PER_SECOND);
    assert_string_equal(order(), "abc");
    assert_non_null(strstr(candidate("a")->reason, "on trial after an outage"));
    request.method = METHOD_PAYPAL;
    assert_string_equal(order(), "p");
}

static void charge(const char *name, enum payment_method method, enum gateway_outcome outcome) {
    struct gateway_health *health = gateway_find(registry, name)->health;
    struct gateway_result result;
    char why[160];
    gateway_result_init(&result);
    result.outcome = outcome;
    enum admission admission = gateway_health_admit(health, method, OP_CHARGE, why, sizeof why);
    assert_true(admission == ADMIT_YES || admission == ADMIT_TRIAL);
    gateway_health_report(health, method, OP_CHARGE, admission, &result);
}

/* Its breaker has opened and closed again. */
static void recover(const char *name, enum payment_method method) {
    fail_calls(name, method);
    test_clock_advance(5 * US_PER_SECOND);
    for (int i = 0; i < 5; i++) {
        charge(name, method, GW_CHARGED);
        test_clock_advance(500 * US_PER_MS);
    }
}

static void one_that_recovers_takes_a_share_of_what_has_another_route(void **state) {
    recover("a", METHOD_CARD);
    int first = 0;
    for (int i = 0; i < 31; i++) {
        router_plan(router, &request, &plan);
        const char *name = plan.candidates[0].gateway->name;
        first += strcmp(name, "a") == 0;
        charge(name, METHOD_CARD, GW_CHARGED);
    }
    assert_int_equal(first, 4); /* 0, 10, 20, 30 */
    skipped("a", "recovering: only a share of the traffic returns");
}

static void one_that_recovers_takes_all_that_has_no_other_route(void **state) {
    recover("p", METHOD_PAYPAL);
    request.method = METHOD_PAYPAL;
    for (int i = 0; i < 30; i++) {
        assert_string_equal(order(), "p");
        charge("p", METHOD_PAYPAL, GW_CHARGED);
    }
}

/* Another route is one that can take this payment now, not one that can take some. */
static void a_route_that_was_tried_or_is_down_is_no_other_route(void **state) {
    recover("a", METHOD_CARD);
    assert_string_equal(order(), "abc"); /* the first place of the share */
    assert_string_equal(order(), "bc");
    fail_calls("b", METHOD_CARD);
    assert_string_equal(order(), "c");
    request.tried[request.tried_count++] = "c";
    assert_string_equal(order(), "a");
    assert_non_null(strstr(candidate("a")->reason, "recovering, no other route"));
}

/* ---- shares ---- */

static int share_of(const char *name, int payments) {
    char id[32];
    int first = 0;
    request.payment_id = id;
    for (int i = 0; i < payments; i++) {
        snprintf(id, sizeof id, "pay_%d", i);
        first += order()[0] == name[0];
    }
    return first;
}

static void equal_priorities_share_by_weight(void **state) {
    settings[A].priority = settings[B].priority = settings[C].priority = 1;
    settings[A].weight = 500;
    settings[B].weight = 300;
    settings[C].weight = 200;
    open_with(NULL, 0);
    assert_in_range(share_of("a", 4000), 1860, 2140);
    assert_in_range(share_of("b", 4000), 1060, 1340);
    assert_in_range(share_of("c", 4000), 670, 930);
}

static void the_same_payment_always_has_the_same_order(void **state) {
    settings[A].priority = settings[B].priority = settings[C].priority = 1;
    open_with(NULL, 0);
    char id[32], first[GATEWAYS + 1];
    request.payment_id = id;
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "pay_%d", i);
        snprintf(first, sizeof first, "%s", order());
        open_with(NULL, 0);
        assert_string_equal(order(), first);
    }
}

static void cost_and_live_success_shift_the_shares(void **state) {
    settings[A].priority = settings[B].priority = 1;
    settings[C].priority = 2;
    open_with(NULL, 0);
    int even = share_of("a", 2000);
    assert_in_range(even, 900, 1100);
    settings[A].cost_basis_points = 2000;
    open_with(NULL, 0);
    assert_true(share_of("a", 2000) < even - 200);
    settings[A].cost_basis_points = 0;
    open_with(NULL, 0);
    struct gateway_result result;
    gateway_result_init(&result);
    for (int i = 0; i < 40; i++) { /* a quarter fails: not enough for the breaker */
        char why[160];
        result.outcome = i % 4 == 3 ? GW_UNAVAILABLE : GW_CHARGED;
        struct gateway_health *health = gateway_find(registry, "a")->health;
        enum admission admission = gateway_health_admit(health, METHOD_CARD, OP_CHARGE, why,
                                                        sizeof why);
        assert_int_equal(admission, ADMIT_YES);
        gateway_health_report(health, METHOD_CARD, OP_CHARGE, admission, &result);
    }
    assert_true(share_of("a", 2000) < even - 100);
}

/* ---- decisions and methods ---- */

static void the_decision_names_every_gateway_with_its_reason(void **state) {
    static const struct route_rule rule = {.name = "quo\"ted", .forbid = {"c"}, .forbid_count = 1};
    open_with(&rule, 1);
    switch_to("b", GATEWAY_DISABLED);
    decide();
    char *text = router_plan_json(&plan, 0);
    json_t *json = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(json);
    assert_string_equal(json_at(json, "rule"), "quo\"ted");
    assert_string_equal(json_at(json, "chosen"), "a");
    const json_t *candidates = json_object_get(json, "candidates");
    assert_int_equal(json_array_size(candidates), GATEWAYS);
    for (size_t i = 0; i < GATEWAYS; i++) {
        const json_t *one = json_array_get(candidates, i);
        assert_true(json_at(one, "gateway")[0] != '\0');
        assert_true(json_at(one, "reason")[0] != '\0');
        assert_int_equal(json_is_true(json_object_get(one, "eligible")), i == 0);
        assert_true(json_is_number(json_object_get(one, "score")));
    }
    json_decref(json);
}

static const struct method_state *method(enum payment_method which, const char *currency,
                                         const char *region) {
    static struct method_state states[METHOD_COUNT];
    int count = 0;
    struct currency of = currency_stored(currency);
    router_methods(router, of, region, states, &count);
    for (int i = 0; i < count; i++) {
        if (states[i].method == which) {
            return &states[i];
        }
    }
    return NULL;
}

static void methods_tell_what_can_be_used_now_and_why_not(void **state) {
    static const char *const euro[] = {"EUR"};
    settings[P].currencies = euro;
    settings[P].currency_count = 1;
    open_with(NULL, 0);
    assert_true(method(METHOD_CARD, "", "")->available);
    assert_false(method(METHOD_CARD, "", "")->degraded);
    assert_null(method(METHOD_ALIPAY, "", ""));
    assert_null(method(METHOD_PAYPAL, "USD", ""));
    assert_true(method(METHOD_PAYPAL, "EUR", "")->available);
    fail_calls("a", METHOD_CARD);
    assert_true(method(METHOD_CARD, "USD", "EU")->available); /* by the others */
    assert_true(method(METHOD_CARD, "USD", "EU")->degraded);
    fail_calls("b", METHOD_CARD);
    switch_to("c", GATEWAY_DISABLED);
    assert_false(method(METHOD_CARD, "USD", "EU")->available);
    assert_true(method(METHOD_CARD, "USD", "EU")->configured);
    assert_non_null(strstr(method(METHOD_CARD, "USD", "EU")->reason, "c: disabled"));
    test_clock_advance(6 * US_PER_SECOND);
    assert_true(method(METHOD_CARD, "USD", "EU")->available); /* on trial */
}

static void a_method_whose_gateway_recovers_can_be_used(void **state) {
    recover("p", METHOD_PAYPAL);
    for (int i = 0; i < 3; i++) { /* whoever's turn it is */
        assert_true(method(METHOD_PAYPAL, "", "")->available);
        assert_non_null(strstr(method(METHOD_PAYPAL, "", "")->reason, "recovering"));
        charge("p", METHOD_PAYPAL, GW_CHARGED);
    }
}

static int open_engine(void **state) {
    engine_open(&engine, STORE_SQLITE);
    return 0;
}

static int close_engine(void **state) {
    close_all();
    test_store_end(&engine);
    return 0;
}

int main(void) {
    payment_world_init();
#define ROUTER(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        ROUTER(gateways_follow_each_other_by_priority),
        ROUTER(a_gateway_takes_only_what_it_is_configured_for),
        ROUTER(amounts_are_bounded_on_both_sides_inclusive),
        ROUTER(what_was_tried_is_not_tried_again),
        ROUTER(a_card_needs_a_token_there_and_a_wallet_asks_its_owner),
        ROUTER(the_first_rule_that_matches_orders_and_forbids),
        ROUTER(a_rule_matches_when_all_it_says_holds),
        ROUTER(a_rule_names_only_gateways_that_there_are),
        ROUTER(what_is_switched_off_takes_no_new_payments),
        ROUTER(the_primary_goes_first_before_rules_and_priority),
        ROUTER(fallback_mode_passes_over_the_first_where_another_fits),
        ROUTER(fallback_mode_counts_only_gateways_of_the_method),
        ROUTER(an_open_breaker_is_no_candidate_and_a_trial_is_one),
        ROUTER(one_that_recovers_takes_a_share_of_what_has_another_route),
        ROUTER(one_that_recovers_takes_all_that_has_no_other_route),
        ROUTER(a_route_that_was_tried_or_is_down_is_no_other_route),
        ROUTER(equal_priorities_share_by_weight),
        ROUTER(the_same_payment_always_has_the_same_order),
        ROUTER(cost_and_live_success_shift_the_shares),
        ROUTER(the_decision_names_every_gateway_with_its_reason),
        ROUTER(methods_tell_what_can_be_used_now_and_why_not),
        ROUTER(a_method_whose_gateway_recovers_can_be_used),
    };
    return cmocka_run_group_tests_name("routing", tests, open_engine, close_engine);
}
