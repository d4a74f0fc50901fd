/* SPDX-License-Identifier: Apache-2.0
 * test_screen.c: the fraud check in a payment's life: who is denied reaches no gateway; nobody is
 * counted twice; a crash skips nothing; what was decided is told in the story; the dry run says of
 * the past what was decided then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter/meter.h"
#include "risk/rules.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)

static const char two_an_hour[] =
    "risk: {rules: [{name: fast, says: Too fast, action: deny, all: [{velocity: {by: customer, "
    "over: 1h, count: 2}}]}]}";
static const char by_amount[] = "risk: {rules: [{name: large, says: Large, action: deny, all: "
                                "[{amount_min: 5000, currency: USD}]}, {name: middle, says: "
                                "Middle, action: review, all: [{amount_min: 3000, amount_max: "
                                "3999, currency: USD}]}, {name: upper, says: Upper, action: hold, "
                                "all: [{amount_min: 4000, amount_max: 4999, currency: USD}]}]}";

static int calls(void) {
    return fake_calls(FAKE, 0, "*") + fake_calls(FAKE, 1, "*") + fake_calls(FAKE, 2, "*");
}

static char *first_id(void) {
    return world_text(W, "SELECT id FROM payment ORDER BY id LIMIT 1");
}

static void a_denied_payment_fails_and_no_gateway_hears_of_it(void **state) {
    (void)state;
    payment_world_rules(W, by_amount);
    json_t *json = world_create(W, "key", "order", 5000);
    assert_non_null(json);
    assert_int_equal(W->status, 201);
    assert_string_equal(json_at(json, "state"), "failed");
    assert_string_equal(json_at(json, "failure.code"), "declined_by_fraud_rules");
    assert_non_null(strstr(json_at(json, "failure.message"), "no bank was asked"));
    assert_null(strstr(json_at(json, "failure.message"), "large"));
    json_decref(json);
    assert_int_equal(calls(), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE holds_order = 1"), 0);
    /* The order is free: another payment for it is taken. */
    assert_done(W, world_create(W, "key-2", "order", 4999), 201, "authorized");
    world_check(W);
}

static int64_t metered(enum meter_id id) {
    return meter_total(id, (const char *const[METER_LABELS_MAX]){"deny"});
}

static void the_story_tells_what_was_decided_and_why(void **state) {
    (void)state;
    int64_t decided = metered(METER_RISK_DECISIONS), timed = metered(METER_FRAUD_SECONDS);
    payment_world_rules(W, by_amount);
    json_decref(world_create(W, "key", "order", 5000));
    char *id = first_id();
    json_t *story = world_story(W, id);
    assert_string_equal(json_at(story, "risk.0.action"), "deny");
    assert_string_equal(json_at(story, "risk.0.hits.0.rule"), "large");
    assert_string_equal(json_at(story, "risk.0.hits.0.why"), "Large (amount 50.00 USD)");
    assert_int_equal(json_array_size(json_object_get(story, "attempts")), 0);
    json_decref(story);
    free(id);
    assert_int_equal(metered(METER_RISK_DECISIONS), decided + 1);
    assert_int_equal(metered(METER_FRAUD_SECONDS), timed + 1);
}

static void a_review_goes_on_and_is_marked(void **state) {
    (void)state;
    payment_world_rules(W, by_amount);
    json_t *json = world_create(W, "key", "order", 3000);
    assert_string_equal(json_at(json, "state"), "succeeded");
    assert_string_equal(json_at(json, "review"), "fraud_rules");
    json_decref(json);
}

static void a_hold_is_authorized_and_not_captured(void **state) {
    (void)state;
    payment_world_rules(W, by_amount);
    json_t *json = world_create(W, "key", "order", 4000);
    assert_string_equal(json_at(json, "state"), "authorized");
    assert_string_equal(json_at(json, "review"), "fraud_rules");
    assert_string_equal(json_at(json, "capture"), "manual");
    assert_int_equal(int_at(json, "amount_captured"), 0);
    json_decref(json);
    world_check(W);
}

static void without_rules_nothing_is_written_and_nothing_said(void **state) {
    (void)state;
    assert_done(W, world_create(W, "key", "order", 9999), 201, "succeeded");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM risk_decision"), 0);
}

static int64_t counted(void) {
    return world_int(W, "SELECT COALESCE(SUM(moved), 0) FROM risk_velocity");
}

static void a_repeated_key_counts_once_and_gets_the_same_refusal(void **state) {
    (void)state;
    payment_world_rules(W, two_an_hour);
    for (int i = 0; i < 3; i++) {
        char key[16], order[16];
        snprintf(key, sizeof key, "key-%d", i);
        snprintf(order, sizeof order, "order-%d", i);
        assert_done(W, world_create(W, key, order, 100), 201, i < 2 ? "succeeded" : "failed");
        assert_int_equal(counted(), i + 1);
        assert_done(W, world_create(W, key, order, 100), 201, i < 2 ? "succeeded" : "failed");
        assert_true(W->replayed);
        assert_int_equal(counted(), i + 1);
    }
    assert_int_equal(calls(), 2);
}

static void a_payment_for_a_taken_order_is_not_counted(void **state) {
    (void)state;
    payment_world_rules(W, two_an_hour);
    assert_done(W, world_create(W, "key-1", "order", 100), 201, "succeeded");
    assert_refused(W, world_create(W, "key-2", "order", 100), ERR_ORDER_TAKEN);
    assert_int_equal(counted(), 1);
}

/* ---- crashes: the store fails at each of its calls in turn ---- */

struct fault {
    int at, seen;
};
static int fault_at(void *ctx, const char *sql) {
    (void)sql;
    struct fault *fault = ctx;
    return ++fault->seen == fault->at;
}

static void a_crash_anywhere_neither_skips_the_check_nor_counts_twice(void **state) {
    (void)state;
    int faults = 0;
    for (int at = 1; at < 40; at++) {
        struct fault fault = {.at = at};
        payment_world_forget(W);
        payment_world_rules(W, two_an_hour);
        assert_done(W, world_create(W, "key-1", "order-1", 100), 201, "succeeded");
        assert_done(W, world_create(W, "key-2", "order-2", 100), 201, "succeeded");
        store_fault_set(W->engine.store, fault_at, &fault);
        json_decref(world_create(W, "key-3", "order-3", 100));
        store_fault_set(W->engine.store, NULL, NULL);
        if (fault.seen < at) {
            break;
        }
        faults++;
        payment_world_restart(W);
        world_tick(W);
        assert_done(W, world_create(W, "key-3", "order-3", 100), 201, "failed");
        assert_int_equal(counted(), 3);
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM risk_decision WHERE action = 3"), 1);
        assert_int_equal(fake_charged(FAKE, "order-3", NULL), 0);
        world_check(W);
    }
    assert_in_range(faults, 4, 39);
}

static void failover_is_decided_once_and_another_method_again(void **state) {
    (void)state;
    payment_world_rules(W, two_an_hour);
    fake_say(FAKE, 0, "charge", 1, FAKE_RATE_LIMIT);
    assert_done(W, world_create(W, "key-1", "order-1", 100), 201, "succeeded");
    assert_int_equal(counted(), 1);
    for (int i = 0; i < 3; i++) {
        fake_say(FAKE, i, "charge", 1, FAKE_RATE_LIMIT);
    }
    json_t *json = world_create(W, "key-2", "order-2", 100);
    assert_string_equal(json_at(json, "state"), "requires_action");
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    json = world_choose(W, "key-3", id, "pm_other");
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), "failed");
    assert_string_equal(json_at(json, "failure.code"), "declined_by_fraud_rules");
    json_decref(json);
    assert_int_equal(counted(), 3);
    assert_int_equal(fake_charged(FAKE, "order-2", NULL), 0);
    json_t *story = world_story(W, id);
    assert_int_equal(json_array_size(json_object_get(story, "risk")), 2);
    json_decref(story);
    free(id);
    world_check(W);
}

static int mark_denied_tx(struct store_tx *tx, void *ctx, struct err *err) {
    (void)ctx;
    return sql_put(tx, err, "UPDATE risk_decision SET action = 3, attempts = 0");
}
static void a_denied_payment_that_was_sent_is_found_by_the_check(void **state) {
    (void)state;
    struct err err = {0};
    payment_world_rules(W, two_an_hour);
    assert_done(W, world_create(W, "key-1", "order-1", 100), 201, "succeeded");
    assert_int_equal(world_broken(W, "PAY-10"), 0);
    assert_int_equal(store_write(W->engine.store, mark_denied_tx, NULL, &err), 0);
    assert_int_equal(world_broken(W, "PAY-10"), 1);
}

/* ---- the past ---- */

static json_t *dry_run(const char *yaml, int64_t since_us) {
    struct risk_file *file = NULL;
    struct risk_rules *rules = NULL;
    struct answer answer = {0};
    W->err = (struct err){0};
    assert_int_equal(risk_config_read("tried", yaml, &file, &W->err), 0);
    assert_int_equal(risk_rules_new(file->risk, &rules, &W->err), 0);
    json_t *json = world_take(W, payment_dry_run(W->payments, rules, since_us, &answer, &W->err),
                              &answer);
    risk_rules_free(rules);
    risk_config_free(file);
    assert_non_null(json);
    return json;
}

static void a_dry_run_says_what_would_have_been_and_what_became_of_it(void **state) {
    (void)state;
    int64_t began = clock_wall_us() - US_PER_SECOND;
    for (int i = 0; i < 4; i++) {
        char key[16];
        snprintf(key, sizeof key, "order-%d", i);
        if (i == 1) {
            fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
        }
        json_decref(world_create(W, key, key, 100));
        test_clock_advance(60 * US_PER_SECOND);
    }
    json_t *json = dry_run(two_an_hour, began);
    assert_int_equal(int_at(json, "decisions"), 4);
    assert_int_equal(int_at(json, "would.deny"), 2);
    assert_int_equal(int_at(json, "would.allow"), 2);
    assert_string_equal(json_at(json, "rules.0.rule"), "fast");
    assert_int_equal(int_at(json, "rules.0.hits"), 2);
    assert_int_equal(int_at(json, "rules.0.good"), 2);
    assert_string_equal(json_at(json, "payments.0.order_id"), "order-2");
    assert_string_equal(json_at(json, "payments.0.outcome"), "good");
    assert_string_equal(json_at(json, "payments.0.then"), "null");
    assert_string_equal(json_at(json, "payments.0.decision.action"), "deny");
    json_decref(json);
    /* Only the last one is told of, but those before are counted. */
    json = dry_run(two_an_hour, clock_wall_us() - 90 * US_PER_SECOND);
    assert_int_equal(int_at(json, "decisions"), 1);
    assert_int_equal(int_at(json, "would.deny"), 1);
    json_decref(json);
    assert_int_equal(counted(), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM risk_decision"), 0);
}

static void a_dry_run_of_the_rules_in_force_differs_in_nothing(void **state) {
    (void)state;
    int64_t began = clock_wall_us() - US_PER_SECOND;
    payment_world_rules(W, two_an_hour);
    for (int i = 0; i < 6; i++) {
        char key[16];
        struct payment_order order;
        snprintf(key, sizeof key, "order-%d", i);
        order = world_order(key, 100);
        order.customer_id = i % 3 == 0 ? "other" : "cus_1";
        json_decref(world_pay(W, key, &order));
        test_clock_advance(11 * 60 * US_PER_SECOND);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM risk_decision WHERE action = 3"), 2);
    json_t *json = dry_run(two_an_hour, began);
    assert_int_equal(int_at(json, "decisions"), 6);
    assert_int_equal(int_at(json, "would.deny"), 2);
    assert_int_equal(int_at(json, "differ"), 0);
    json_decref(json);
    json = dry_run(by_amount, began);
    assert_int_equal(int_at(json, "would.deny"), 0);
    assert_int_equal(int_at(json, "differ"), 2);
    json_decref(json);
}

static void asking_what_the_rules_would_say_counts_nothing(void **state) {
    (void)state;
    payment_world_rules(W, two_an_hour);
    struct payment_order order = world_order("order", 100);
    for (int i = 0; i < 4; i++) {
        struct answer answer = {0};
        W->err = (struct err){0};
        json_t *json = world_take(W, payment_risk_check(W->payments, &order, &answer, &W->err),
                                  &answer);
        assert_string_equal(json_at(json, "decision.action"), "allow");
        assert_int_equal(strlen(json_at(json, "card")), RISK_CARD_CHARS);
        json_decref(json);
    }
    assert_int_equal(counted(), 0);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_story_tells_what_was_decided_and_why),
        cmocka_unit_test(a_denied_payment_fails_and_no_gateway_hears_of_it),
        cmocka_unit_test(a_review_goes_on_and_is_marked),
        cmocka_unit_test(a_hold_is_authorized_and_not_captured),
        cmocka_unit_test(without_rules_nothing_is_written_and_nothing_said),
        cmocka_unit_test(a_repeated_key_counts_once_and_gets_the_same_refusal),
        cmocka_unit_test(a_payment_for_a_taken_order_is_not_counted),
        cmocka_unit_test(a_crash_anywhere_neither_skips_the_check_nor_counts_twice),
        cmocka_unit_test(failover_is_decided_once_and_another_method_again),
        cmocka_unit_test(a_denied_payment_that_was_sent_is_found_by_the_check),
        cmocka_unit_test(a_dry_run_says_what_would_have_been_and_what_became_of_it),
        cmocka_unit_test(a_dry_run_of_the_rules_in_force_differs_in_nothing),
        cmocka_unit_test(asking_what_the_rules_would_say_counts_nothing),
    };
    return payment_world_run("the fraud check of payments", tests, COUNT_OF(tests));
}
