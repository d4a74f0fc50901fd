/* SPDX-License-Identifier: Apache-2.0
 * test_deps.c: the dependency map: from facts to a judgement, a row a rule; then the map of a
 * service, with what is broken in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/deps.h"
#include "base/clock.h"
#include "support/api_fixture.h"
#include "support/test_clock.h"

#define MIB (INT64_C(1024) * 1024)
#define DAY_US (24 * 3600 * US_PER_SECOND)

static void assert_judged(const struct dep *dep, enum dep_state state, const char *why) {
    if (dep->state != state || (why[0] == '\0' ? dep->why[0] != '\0' : !strstr(dep->why, why))) {
        fail_msg("%s: %s \"%s\" where %s \"%s\" is right", dep->name, dep_state_name(dep->state),
                 dep->why, dep_state_name(state), why);
    }
    assert_true(dep->without[0] != '\0');
}

/* ---- judgements ---- */

static void a_database_is_judged_by_its_answer_its_standbys_and_its_connections(void **state) {
    (void)state;
    static const struct {
        struct database_facts facts;
        enum dep_state state;
        const char *why;
    } rows[] = {
        {{.answers = false, .ping_us = 1, .replicas = 2}, DEP_DOWN, "does not answer"},
        {{true, 900, 0, 1, 16, true, 0}, DEP_DEGRADED, "none is connected"},
        {{true, 900, 0, 1, 16, false, 0}, DEP_OK, "0 replicas are connected"},
        {{true, 900, 0, 1, 16, true, 1}, DEP_OK, "1 replica is connected to it, and commits wait"},
        {{true, 900, 3, 16, 16, false, -1}, DEP_DEGRADED, "All 16 connections are busy and 3"},
        {{true, 900, 0, 16, 16, false, -1}, DEP_OK, ""},
        {{true, 900, 3, 15, 16, false, -1}, DEP_OK, ""},
        {{true, DEP_PING_SLOW_US, 0, 0, 16, false, -1}, DEP_OK, ""},
        {{true, DEP_PING_SLOW_US + 1, 0, 0, 16, false, -1}, DEP_DEGRADED, "slowly"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dep dep;
        dep_init(&dep, DEP_DATABASE, "postgresql");
        dep_judge_database(&dep, &rows[i].facts);
        assert_judged(&dep, rows[i].state, rows[i].why);
        assert_int_equal(dep.latency_us, rows[i].facts.answers ? rows[i].facts.ping_us : -1);
    }
}

static void a_disk_is_judged_by_what_is_free(void **state) {
    (void)state;
    static const struct {
        int64_t free_bytes, total_bytes;
        enum dep_state state;
    } rows[] = {
        {50000 * MIB, 100000 * MIB, DEP_OK},      {10000 * MIB, 100000 * MIB, DEP_OK},
        {9000 * MIB, 100000 * MIB, DEP_DEGRADED}, {64 * MIB, 100000 * MIB, DEP_DEGRADED},
        {64 * MIB - 1, 100 * MIB, DEP_DOWN},      {0, 100000 * MIB, DEP_DOWN},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dep dep;
        dep_init(&dep, DEP_DISK, "disk");
        dep_judge_disk(&dep, rows[i].free_bytes, rows[i].total_bytes);
        assert_judged(&dep, rows[i].state, "free");
    }
}

static void a_clock_is_judged_by_its_distance_either_way(void **state) {
    (void)state;
    static const struct {
        int64_t ahead_us;
        enum dep_state state;
        const char *why;
    } rows[] = {
        {DEP_SKEW_SOME_US, DEP_OK, ""},
        {-DEP_SKEW_SOME_US, DEP_OK, ""},
        {DEP_SKEW_SOME_US + US_PER_SECOND, DEP_DEGRADED, "3 s ahead of"},
        {-DEP_SKEW_MUCH_US, DEP_DEGRADED, "120 s behind"},
        {-DEP_SKEW_MUCH_US - US_PER_SECOND, DEP_DOWN, "121 s behind"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dep dep;
        dep_init(&dep, DEP_CLOCK, "clock");
        dep_judge_clock(&dep, rows[i].ahead_us);
        assert_judged(&dep, rows[i].state, rows[i].why);
    }
}

static void a_certificate_is_judged_by_the_time_it_has_left(void **state) {
    (void)state;
    static const struct {
        int64_t left_us;
        enum dep_state state;
        const char *why;
    } rows[] = {
        {365 * DAY_US, DEP_OK, "expires at"},
        {DEP_EXPIRY_SOON_US, DEP_OK, "expires at"},
        {DEP_EXPIRY_SOON_US - 1, DEP_DEGRADED, "expires at"},
        {0, DEP_DOWN, "expired at"},
        {-DAY_US, DEP_DOWN, "expired at"},
    };
    int64_t now_us = INT64_C(1800000000) * US_PER_SECOND;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dep dep;
        dep_init(&dep, DEP_CERTIFICATE, "public listener");
        dep_judge_certificate(&dep, now_us + rows[i].left_us, now_us);
        assert_judged(&dep, rows[i].state, rows[i].why);
    }
}

static void a_secret_that_cannot_be_read_again_is_named(void **state) {
    (void)state;
    struct dep dep;
    dep_init(&dep, DEP_CREDENTIALS, "credentials of stripe-a");
    dep_judge_secrets(&dep, NULL);
    assert_judged(&dep, DEP_OK, "");
    dep_judge_secrets(&dep, "api_key");
    assert_judged(&dep, DEP_DEGRADED, "api_key was read at the start");
}

static struct health_figures figures(enum breaker_state breaker, int64_t calls, int64_t faults,
                                     const char *why) {
    struct health_figures made = {.state = breaker,
                                  .calls = calls,
                                  .timed = calls,
                                  .faults = faults,
                                  .window_s = 30,
                                  .p50_us = calls > 0 ? 100 : -1,
                                  .p95_us = -1,
                                  .p99_us = -1};
    snprintf(made.why, sizeof made.why, "%s", why);
    return made;
}

static void a_gateway_is_judged_by_the_worst_that_is_known_of_it(void **state) {
    (void)state;
    const struct health_figures well = figures(BREAKER_CLOSED, 100, 0, "");
    const struct health_figures idle = figures(BREAKER_CLOSED, 0, 0, "");
    const struct health_figures faulty = figures(BREAKER_CLOSED, 20, 2, "");
    const struct health_figures few = figures(BREAKER_CLOSED, 9, 2, "");
    const struct health_figures open = figures(BREAKER_OPEN, 9, 9, "9 of 9");
    const struct health_figures half = figures(BREAKER_HALF_OPEN, 9, 9, "trying");
    const struct {
        enum gateway_switch state;
        struct health_figures card, paypal, probe;
        enum breaker_state other;
        enum dep_state is;
        const char *why;
    } rows[] = {
        {GATEWAY_ENABLED, well, well, well, BREAKER_CLOSED, DEP_OK, ""},
        {GATEWAY_DISABLED, open, open, open, BREAKER_OPEN, DEP_UNKNOWN, "Disabled by hand: lunch"},
        {GATEWAY_ENABLED, open, open, well, BREAKER_CLOSED, DEP_DOWN, "not sent: 9 of 9"},
        {GATEWAY_ENABLED, well, open, well, BREAKER_CLOSED, DEP_DEGRADED, "for paypal is open"},
        {GATEWAY_ENABLED, half, open, well, BREAKER_CLOSED, DEP_DEGRADED, "for paypal is open"},
        {GATEWAY_ENABLED, half, well, well, BREAKER_CLOSED, DEP_DEGRADED, "card is half_open"},
        /* Payments are sent there all the same, as `holdfast status` says. */
        {GATEWAY_ENABLED, idle, idle, open, BREAKER_CLOSED, DEP_DEGRADED, "its probes fail"},
        {GATEWAY_ENABLED, well, idle, open, BREAKER_CLOSED, DEP_DEGRADED, "Its probes fail"},
        {GATEWAY_ENABLED, well, well, well, BREAKER_OPEN, DEP_DEGRADED, "for \"refund\" is open"},
        {GATEWAY_ENABLED, faulty, idle, idle, BREAKER_CLOSED, DEP_DEGRADED, "2 of 20 calls failed"},
        {GATEWAY_ENABLED, few, idle, idle, BREAKER_CLOSED, DEP_OK, ""},
        {GATEWAY_DRAINING, well, well, well, BREAKER_CLOSED, DEP_DEGRADED, "Draining by hand"},
        {GATEWAY_DRAINING, open, open, well, BREAKER_CLOSED, DEP_DOWN, "not sent"},
        {GATEWAY_ENABLED, idle, idle, idle, BREAKER_CLOSED, DEP_UNKNOWN, "not been called"},
        {GATEWAY_ENABLED, idle, idle, well, BREAKER_CLOSED, DEP_OK, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_facts facts = {.state = rows[i].state,
                                      .reason = "lunch",
                                      .probe = rows[i].probe,
                                      .other = rows[i].other,
                                      .other_operation = OP_REFUND,
                                      .other_why = "slow"};
        facts.methods[METHOD_CARD] = facts.methods[METHOD_PAYPAL] = true;
        facts.charge[METHOD_CARD] = rows[i].card;
        facts.charge[METHOD_PAYPAL] = rows[i].paypal;
        struct dep dep;
        dep_init(&dep, DEP_GATEWAY, "both");
        dep_judge_gateway(&dep, &facts);
        assert_judged(&dep, rows[i].is, rows[i].why);
    }
}

static void what_stops_without_a_gateway_depends_on_the_others(void **state) {
    (void)state;
    struct gateway_facts facts = {.reason = "", .other_why = ""};
    struct dep dep;
    facts.methods[METHOD_CARD] = facts.methods[METHOD_ALIPAY] = true;
    facts.instead[METHOD_CARD] = "stripe-b";
    dep_init(&dep, DEP_GATEWAY, "one");
    dep_judge_gateway(&dep, &facts);
    assert_string_equal(dep.without,
                        "card goes to stripe-b, no new payment by alipay; captures, refunds and "
                        "answers about payments made there wait until it is back.");
    facts.instead[METHOD_CARD] = NULL;
    dep_judge_gateway(&dep, &facts);
    assert_ptr_equal(strstr(dep.without, "No new payment by card, no new payment by alipay; "),
                     dep.without);
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        facts.methods[m] = true;
        facts.instead[m] = "a-name-of-thirty-one-characters";
    }
    dep_judge_gateway(&dep, &facts);
    assert_non_null(strstr(dep.without, "wait until it is back."));
}

static void a_scorer_is_judged_by_its_breaker_and_its_last_answers(void **state) {
    (void)state;
    static const struct {
        struct scorer_facts facts;
        enum dep_state state;
        const char *why, *without;
    } rows[] = {
        {{"open", true, true, 7, 9}, DEP_UNKNOWN, "switched off", "as if its score were 0"},
        {{"closed", false, true, 5, 9}, DEP_DOWN, "breaker is open: the last 5", "is denied"},
        {{"review", false, false, 1, 9}, DEP_DEGRADED, "The last 1 question was", "for review"},
        {{"review", false, false, 4, 9}, DEP_DEGRADED, "The last 4 questions were", "for review"},
        {{"review", false, false, 0, 0}, DEP_UNKNOWN, "not been asked", "for review"},
        {{"open", false, false, 0, 1}, DEP_OK, "", "as if its score were 0"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dep dep;
        dep_init(&dep, DEP_SCORER, "x");
        dep_judge_scorer(&dep, &rows[i].facts);
        assert_judged(&dep, rows[i].state, rows[i].why);
        assert_non_null(strstr(dep.without, rows[i].without));
    }
}

static void callers_are_judged_by_what_they_were_answered(void **state) {
    (void)state;
    static const struct {
        struct callers_facts facts;
        enum dep_state state;
        const char *why;
    } rows[] = {
        {{true, 100, 0}, DEP_DEGRADED, "is ending"},
        {{false, 100, 10}, DEP_DEGRADED, "10 of 100"},
        {{false, 100, 9}, DEP_OK, "100 requests"},
        {{false, 0, 0}, DEP_UNKNOWN, "Nobody"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dep dep;
        dep_init(&dep, DEP_CALLERS, "callers of the API");
        dep_judge_callers(&dep, &rows[i].facts);
        assert_judged(&dep, rows[i].state, rows[i].why);
    }
}

static void callbacks_are_judged_by_those_that_are_missing_or_not_genuine(void **state) {
    (void)state;
    static const struct {
        struct callbacks_facts facts;
        enum dep_state state;
        const char *why;
    } rows[] = {
        {{7, 0, 0, 0}, DEP_OK, ""},
        {{0, 0, 0, 0}, DEP_UNKNOWN, "None"},
        {{7, 2, 0, 0}, DEP_DEGRADED, "2 were refused"},
        {{7, 0, 3, 0}, DEP_DEGRADED, "3 could not be processed"},
        {{0, 2, 3, 4}, DEP_DEGRADED, "4 callbacks did not come"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dep dep;
        dep_init(&dep, DEP_CALLBACKS, "callbacks of stripe-a");
        dep_judge_callbacks(&dep, &rows[i].facts);
        assert_judged(&dep, rows[i].state, rows[i].why);
        assert_int_equal(dep.last_us, rows[i].facts.last_us);
    }
}

static void a_webhook_is_down_when_it_has_failed_for_long(void **state) {
    (void)state;
    static const int64_t now = INT64_C(1800000000) * US_PER_SECOND;
    const struct {
        struct webhook_facts facts;
        enum dep_state state;
        const char *why;
    } rows[] = {
        {{true, 0, 0, 0, now}, DEP_OK, ""},
        {{true, 5, 0, 0, now}, DEP_OK, "5 deliveries are under way"},
        {{true, 5, 1, now - DEP_WEBHOOK_LATE_US, now}, DEP_DEGRADED, "1 deliveries failed"},
        {{true, 5, 1, now - DEP_WEBHOOK_LATE_US - 1, now}, DEP_DOWN, "1 deliveries failed"},
        {{false, 5, 1, 1, now}, DEP_UNKNOWN, "Switched off"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dep dep;
        dep_init(&dep, DEP_WEBHOOK, "ep_1");
        dep_judge_webhook(&dep, &rows[i].facts);
        assert_judged(&dep, rows[i].state, rows[i].why);
    }
}

static void every_kind_says_what_stops_without_it(void **state) {
    (void)state;
    for (int kind = 0; kind < DEP_KIND_COUNT; kind++) {
        struct dep dep;
        dep_init(&dep, (enum dep_kind)kind, "x");
        assert_true(kind == DEP_GATEWAY || dep.without[0] != '\0');
        assert_string_not_equal(dep_kind_name((enum dep_kind)kind), "?");
    }
}

/* ---- the map of a service ---- */

static const json_t *edge(const struct api_reply *reply, const char *name) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(reply->json, "data"), i, row) {
        if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0) {
            return row;
        }
    }
    fail_msg("the map has no %s: %s", name, reply->body);
    return NULL;
}

static const char *said(const struct api_reply *reply, const char *name, const char *key) {
    const char *text = json_string_value(json_object_get(edge(reply, name), key));
    return text != NULL ? text : "";
}

static void look(struct api_reply *ret_reply) {
    api_ask(&the_api, &(struct api_ask){.path = "/v1/dependencies", .internal = true}, ret_reply);
    assert_int_equal(ret_reply->status, 200);
}

static void the_map_names_the_way_round_each_gateway(void **state) {
    (void)state;
    API_REPLY_AUTO reply;
    look(&reply);
    assert_string_equal(said(&reply, "sqlite", "state"), "ok");
    assert_string_equal(said(&reply, "master key", "state"), "ok");
    assert_string_equal(said(&reply, "credentials of paypal-a", "state"), "ok");
    assert_non_null(strstr(said(&reply, "stripe-a", "without"), "card goes to stripe-b"));
    assert_non_null(strstr(said(&reply, "paypal-a", "without"), "no new payment by paypal"));
    assert_string_equal(said(&reply, "callbacks of stripe-a", "direction"), "serves");
}

static void a_call_that_went_well_is_the_last_of_its_gateway(void **state) {
    (void)state;
    API_REPLY_AUTO paid;
    API_REPLY_AUTO reply;
    api_pay(&the_api, "deps-1", "", &paid);
    assert_int_equal(paid.status, 201);
    look(&reply);
    assert_string_equal(said(&reply, "stripe-a", "state"), "ok");
    assert_string_not_equal(said(&reply, "stripe-a", "last_at"), "");
    assert_true(json_is_number(json_object_get(edge(&reply, "stripe-a"), "latency_ms")));
    assert_string_equal(said(&reply, "stripe-b", "last_at"), "");
}

static void webhooks_show_their_host_alone_and_since_when_they_fail(void **state) {
    (void)state;
    api_sql(&the_api,
            "INSERT INTO webhook_endpoint VALUES ('ep_1', 'https://user:word@shop.example/a?key=7',"
            "'', '', 1, '', '', 0, 1), ('ep_2', 'https://off.example/', '', '', 0, '', '', 0, 1)");
    api_sql(&the_api, "INSERT INTO webhook_delivery VALUES ('wd_1', 'ep_1', 'evt_1', 't', 1, 3, "
                      "500, 'no', 1000000, 2000000), ('wd_2', 'ep_1', 'evt_2', 't', 2, 1, 200, '', "
                      "1, 5000000)");
    API_REPLY_AUTO reply;
    look(&reply);
    assert_string_equal(said(&reply, "ep_1 (shop.example)", "state"), "down");
    assert_string_equal(said(&reply, "ep_1 (shop.example)", "since"), "1970-01-01T00:00:01Z");
    assert_string_equal(said(&reply, "ep_1 (shop.example)", "last_at"), "1970-01-01T00:00:05Z");
    assert_string_equal(said(&reply, "ep_2 (off.example)", "state"), "unknown");
    assert_string_equal(reply_text(&reply, "state"), "down");
    assert_null(strstr(reply.body, "word"));
    assert_null(strstr(reply.body, "key=7"));
    api_sql(&the_api, "DELETE FROM webhook_delivery");
    api_sql(&the_api, "DELETE FROM webhook_endpoint");
}

static void a_callback_is_the_last_of_its_gateway(void **state) {
    (void)state;
    api_sql(&the_api,
            "INSERT INTO callback VALUES ('cb_1', 'stripe-b', 'e', 't', 1, 3, '', '', '', "
            "'', '', '', 1, 0, 1, 3000000, 3000000)");
    API_REPLY_AUTO reply;
    look(&reply);
    assert_string_equal(said(&reply, "callbacks of stripe-b", "last_at"), "1970-01-01T00:00:03Z");
    assert_string_equal(said(&reply, "callbacks of stripe-b", "state"), "ok");
    assert_string_equal(said(&reply, "callbacks of stripe-a", "state"), "unknown");
}

static int no_answer(void *ctx, const char *sql) {
    (void)ctx;
    (void)sql;
    return -1;
}

static void a_database_that_does_not_answer_is_down_and_asked_no_further(void **state) {
    (void)state;
    API_REPLY_AUTO reply;
    store_fault_set(the_api.service->store, no_answer, NULL);
    look(&reply);
    store_fault_set(the_api.service->store, NULL, NULL);
    assert_string_equal(said(&reply, "sqlite", "state"), "down");
    assert_string_equal(said(&reply, "callbacks of stripe-a", "state"), "unknown");
    assert_string_equal(said(&reply, "webhooks", "state"), "unknown");
}

static void a_scorer_is_on_the_map_where_there_is_one(void **state) {
    (void)state;
    struct api api;
    API_REPLY_AUTO reply;
    api_start(&api, "risk:\n  scorer: {url: \"http://127.0.0.1:9/v1?key=1\", fail: closed}\n",
              false);
    api_ask(&api, &(struct api_ask){.path = "/v1/dependencies", .internal = true}, &reply);
    assert_string_equal(said(&reply, "fraud scorer (127.0.0.1:9)", "kind"), "fraud_scorer");
    assert_string_equal(said(&reply, "fraud scorer (127.0.0.1:9)", "state"), "unknown");
    assert_string_equal(said(&reply, "fraud scorer (127.0.0.1:9)", "without"),
                        "Every payment is denied.");
    api_stop(&api);
}

static void a_viewer_sees_it_and_a_stranger_does_not(void **state) {
    (void)state;
    char viewer[API_KEY_CHARS + 1];
    api_key(&the_api, "viewer", "", viewer);
    assert_int_equal(
        api_status(&the_api, &(struct api_ask){.path = "/v1/dependencies", .key = viewer}), 200);
    assert_int_equal(api_status(&the_api, &(struct api_ask){.path = "/v1/dependencies"}), 401);
}

int main(void) {
    const struct CMUnitTest judgements[] = {
        cmocka_unit_test(a_database_is_judged_by_its_answer_its_standbys_and_its_connections),
        cmocka_unit_test(a_disk_is_judged_by_what_is_free),
        cmocka_unit_test(a_clock_is_judged_by_its_distance_either_way),
        cmocka_unit_test(a_certificate_is_judged_by_the_time_it_has_left),
        cmocka_unit_test(a_secret_that_cannot_be_read_again_is_named),
        cmocka_unit_test(a_gateway_is_judged_by_the_worst_that_is_known_of_it),
        cmocka_unit_test(what_stops_without_a_gateway_depends_on_the_others),
        cmocka_unit_test(a_scorer_is_judged_by_its_breaker_and_its_last_answers),
        cmocka_unit_test(callers_are_judged_by_what_they_were_answered),
        cmocka_unit_test(callbacks_are_judged_by_those_that_are_missing_or_not_genuine),
        cmocka_unit_test(a_webhook_is_down_when_it_has_failed_for_long),
        cmocka_unit_test(every_kind_says_what_stops_without_it),
    };
    const struct CMUnitTest maps[] = {
        cmocka_unit_test(the_map_names_the_way_round_each_gateway),
        cmocka_unit_test(a_call_that_went_well_is_the_last_of_its_gateway),
        cmocka_unit_test(webhooks_show_their_host_alone_and_since_when_they_fail),
        cmocka_unit_test(a_callback_is_the_last_of_its_gateway),
        cmocka_unit_test(a_database_that_does_not_answer_is_down_and_asked_no_further),
        cmocka_unit_test(a_viewer_sees_it_and_a_stranger_does_not),
        cmocka_unit_test(a_scorer_is_on_the_map_where_there_is_one),
    };
    int failed = cmocka_run_group_tests(judgements, NULL, NULL);
    return failed + cmocka_run_group_tests(maps, the_api_start, the_api_stop);
}
