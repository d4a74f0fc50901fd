/* SPDX-License-Identifier: Apache-2.0
 * test_card_limits.c: the card networks' retry limits: the rule, and that nothing is sent once a
 * card's is used up. On both engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/task.h"
#include "payment/card_limits.h"
#include "payment/retention.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
#define HOUR_US (3600 * US_PER_SECOND)
#define DAY_US (24 * HOUR_US)

/* ---- the rule ---- */

static void a_window_is_closed_by_its_number_of_tries_and_opens_as_they_leave_it(void **state) {
    int64_t tries[16], now = 100 * DAY_US;
    for (int i = 0; i < 16; i++) {
        tries[i] = now - (16 - i) * 60 * US_PER_SECOND;
    }
    assert_int_equal(card_closed_until_us("mastercard", tries, 9, now), 0);
    assert_int_equal(card_closed_until_us("mastercard", tries, 10, now), tries[0] + DAY_US);
    assert_int_equal(card_closed_until_us("mastercard", tries, 11, now), tries[1] + DAY_US);
    assert_int_equal(card_closed_until_us("mastercard", tries, 11, tries[1] + DAY_US - 1),
                     tries[1] + DAY_US);
    assert_int_equal(card_closed_until_us("mastercard", tries, 11, tries[1] + DAY_US), 0);
    assert_int_equal(card_closed_until_us("visa", tries, 14, now), 0);
    assert_int_equal(card_closed_until_us("visa", tries, 15, now), tries[0] + 30 * DAY_US);
    assert_int_equal(card_closed_until_us("visa", tries, 0, now), 0);
}

static void mastercard_closes_for_a_month_after_thirty_five(void **state) {
    int64_t tries[35], now = 100 * DAY_US;
    for (int i = 0; i < 35; i++) {
        tries[i] = now - (35 - i) * 20 * HOUR_US;
    }
    assert_int_equal(card_closed_until_us("mastercard", tries, 34, now), 0);
    assert_int_equal(card_closed_until_us("mastercard", tries, 35, now), tries[0] + 30 * DAY_US);
}

/* Said once more and by hand: (tries, hours) of each network. */
static void the_table_says_what_the_networks_say(void **state) {
    static const struct {
        const char *network;
        int number, tries, hours;
    } wanted[] = {
        {"visa", 0, 15, 720}, {"mastercard", 0, 10, 24}, {"mastercard", 1, 35, 720},
        {"", 0, 10, 24},      {"", 1, 15, 720},
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        const struct card_rule *rule = card_rule_at(wanted[i].network, wanted[i].number);
        assert_non_null(rule);
        assert_int_equal(rule->tries, wanted[i].tries);
        assert_int_equal(rule->window_us, wanted[i].hours * HOUR_US);
        assert_true(rule->tries < CARD_TRIES_MAX);
    }
    assert_null(card_rule_at("visa", 1));
    assert_null(card_rule_at("mastercard", 2));
    assert_null(card_rule_at("", 2));
}

static void an_unknown_network_has_the_strictest_rules_of_all(void **state) {
    assert_ptr_equal(card_rule_at("amex", 0), card_rule_at("", 0));
    static const char *const networks[] = {"visa", "mastercard"};
    int64_t tries[40], now = 100 * DAY_US;
    for (int count = 1; count <= 40; count++) {
        for (int i = 0; i < count; i++) {
            tries[i] = now - (count - i) * HOUR_US;
        }
        for (size_t n = 0; n < COUNT_OF(networks); n++) {
            assert_true(card_closed_until_us("", tries, count, now) >=
                        card_closed_until_us(networks[n], tries, count, now));
        }
    }
}

/* ---- the machine ---- */

/* A payment of its own order by this token at the first gateway. Returns the JSON (json_decref). */
/* An order of its own by `token`, with a key of its own. From any thread: `world` keeps what the
 * last call of one thread said, so nothing of it is written here. */
static int pay_for_one_more(const char *token, struct answer *ret_answer, struct err *err) {
    static atomic_int orders;
    char order_id[32], key[32];
    int number = atomic_fetch_add(&orders, 1);
    snprintf(order_id, sizeof order_id, "order-%d", number);
    snprintf(key, sizeof key, "key-%d", number);
    struct payment_order order = world_order(order_id, 1999);
    JSON_AUTO tokens = json_pack("{s:s}", "stripe-a", token);
    order.token = NULL;
    order.tokens = tokens;
    struct caller caller = world_caller(key, order_id);
    return payment_create(W->payments, &caller, &order, ret_answer, err);
}

static json_t *pay_by(const char *token) {
    struct answer answer = {0};
    W->err = (struct err){0};
    json_t *json = world_take(W, pay_for_one_more(token, &answer, &W->err), &answer);
    if (json == NULL) {
        fail_msg("it failed: %s", W->err.detail);
    }
    return json;
}

static int asked(void) {
    return fake_calls(FAKE, 0, "charge") + fake_calls(FAKE, 1, "charge") +
           fake_calls(FAKE, 2, "charge");
}

/* Pays and says whether the card was asked; the payment failed by `code` ("": it succeeded). */
static void expect_paid(const char *token, bool sent, const char *code) {
    int before = asked();
    JSON_AUTO json = pay_by(token);
    if (code[0] == '\0') {
        assert_string_equal(json_at(json, "state"), "succeeded");
    } else {
        assert_string_equal(json_at(json, "state"), "failed");
        assert_string_equal(json_at(json, "failure.code"), code);
        assert_string_equal(json_at(json, "failure.message"), common_code_find(code)->english);
        assert_string_equal(json_at(json, "failure.message_zh"), common_code_find(code)->chinese);
        assert_string_equal(json_at(json, "message"), common_code_find(code)->failed_english);
        assert_string_equal(json_at(json, "failure.next"),
                            advice_next(common_code_find(code)->advice));
    }
    assert_int_equal(asked() - before, sent ? 1 : 0);
    assert_int_equal(int_at(json, "attempts"), sent ? 1 : 0);
}

static void a_card_without_declines_leaves_no_row(void **state) {
    expect_paid("pm_1", true, "");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM card_name"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM card_try"), 0);
    world_check(W);
}

static void a_card_that_its_bank_refused_for_good_is_never_asked_again(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE_FOR_GOOD);
    expect_paid("pm_1", true, "stolen_card");
    for (int i = 0; i < 3; i++) {
        expect_paid("pm_1", false, "card_refused_for_good");
        test_clock_advance(200 * DAY_US);
        world_tick(W);
    }
    expect_paid("pm_2", true, "");
    world_check(W);
}

static void ten_declines_in_a_day_are_all_that_an_unknown_network_gets(void **state) {
    fake_say(FAKE, 0, "charge", -1, FAKE_DECLINE);
    int64_t first_us = clock_wall_us();
    for (int i = 0; i < 10; i++) {
        expect_paid("pm_1", true, "insufficient_funds");
        test_clock_advance(60 * US_PER_SECOND);
    }
    expect_paid("pm_1", false, "retry_limit_reached");
    int before = asked();
    JSON_AUTO json = pay_by("pm_1");
    char text[CLOCK_TEXT_MAX];
    int64_t after_us = 0;
    assert_true(clock_parse(json_at(json, "failure.retry_after"), &after_us));
    if (after_us < first_us + DAY_US || after_us > first_us + DAY_US + 60 * US_PER_SECOND) {
        fail_msg("it may be tried at %s", clock_format(after_us, text));
    }
    assert_int_equal(asked(), before);
    expect_paid("pm_2", true, "insufficient_funds");
    test_clock_advance(after_us - clock_wall_us() + 1);
    expect_paid("pm_1", true, "insufficient_funds");
    expect_paid("pm_1", false, "retry_limit_reached");
}

static void fifteen_in_a_month_are_all_that_it_gets(void **state) {
    fake_say(FAKE, 0, "charge", -1, FAKE_DECLINE);
    for (int i = 0; i < 15; i++) {
        expect_paid("pm_1", true, "insufficient_funds");
        test_clock_advance(DAY_US);
    }
    expect_paid("pm_1", false, "retry_limit_reached");
    test_clock_advance(15 * DAY_US + HOUR_US);
    expect_paid("pm_1", true, "insufficient_funds");
}

static void the_network_that_a_gateway_tells_has_its_own_rule(void **state) {
    fake_say(FAKE, 0, "charge", -1, FAKE_DECLINE);
    for (int i = 0; i < 15; i++) {
        expect_paid("pm_1-of-F", true, "insufficient_funds");
    }
    expect_paid("pm_1-of-F", false, "retry_limit_reached");
}

static void tokens_with_one_fingerprint_are_one_card(void **state) {
    fake_say(FAKE, 0, "charge", -1, FAKE_DECLINE);
    for (int i = 0; i < 15; i++) {
        expect_paid(i % 2 == 0 ? "pm_1-of-F" : "pm_2-of-F", true, "insufficient_funds");
    }
    expect_paid("pm_1-of-F", false, "retry_limit_reached");
    expect_paid("pm_2-of-F", false, "retry_limit_reached");
    expect_paid("pm_3-of-G", true, "insufficient_funds");
    assert_int_equal(world_int(W, "SELECT COUNT(DISTINCT card) FROM card_name"), 2);
}

/* Two books become one when a decline shows that they are of one card: what counted still does. */
static void cards_that_turn_out_to_be_one_are_counted_together(void **state) {
    fake_say(FAKE, 0, "charge", 2, FAKE_DECLINE);
    expect_paid("pm_1-of-F", true, "insufficient_funds");
    expect_paid("pm_2", true, "insufficient_funds");
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE_FOR_GOOD);
    expect_paid("pm_2", true, "stolen_card");
    assert_int_equal(world_int(W, "SELECT COUNT(DISTINCT card) FROM card_name"), 2);
    struct payment_order order = world_order("both", 1999);
    JSON_AUTO tokens = json_pack("{s:s,s:s}", "stripe-a", "pm_1-of-F", "stripe-b", "pm_2");
    order.token = NULL;
    order.tokens = tokens;
    JSON_AUTO json = world_pay(W, "both", &order);
    assert_string_equal(json_at(json, "failure.code"), "card_refused_for_good");
    assert_int_equal(world_int(W, "SELECT COUNT(DISTINCT card) FROM card_name"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM card_standing"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM card_try"), 3);
    expect_paid("pm_1-of-F", false, "card_refused_for_good");
}

static void no_other_route_is_tried_with_a_card_whose_limit_is_used_up(void **state) {
    struct payment_order order = world_order("last", 1999);
    fake_say(FAKE, 0, "charge", -1, FAKE_DECLINE_ELSEWHERE);
    fake_say(FAKE, 1, "charge", -1, FAKE_DECLINE_ELSEWHERE);
    fake_say(FAKE, 2, "charge", -1, FAKE_DECLINE_ELSEWHERE);
    for (int i = 0; i < 4; i++) { /* three gateways each, and the fourth only one */
        char name[16];
        snprintf(name, sizeof name, "route-%d", i);
        order.order_id = name;
        JSON_AUTO json = world_pay(W, name, &order);
        assert_string_equal(json_at(json, "failure.code"), "issuer_unavailable");
        assert_int_equal(int_at(json, "attempts"), i < 3 ? 3 : 1);
    }
    assert_int_equal(asked(), 10);
}

/* What has been sent and not answered may yet be declined. */
static void a_try_under_way_counts(void **state) {
    fake_say(FAKE, 0, "charge", 9, FAKE_DECLINE);
    for (int i = 0; i < 9; i++) {
        expect_paid("pm_1", true, "insufficient_funds");
    }
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    JSON_AUTO json = pay_by("pm_1");
    assert_string_equal(json_at(json, "state"), "processing");
    fake_say_nothing(FAKE);
    expect_paid("pm_1", false, "retry_limit_reached");
    world_settle_all(W);
    expect_paid("pm_1", true, ""); /* it was paid: nine declines remain */
    world_check(W);
}

static void pay_in_rush(void *arg) {
    int *result = arg;
    struct answer answer = {0};
    struct err err = {0};
    *result = pay_for_one_more("pm_1", &answer, &err);
    answer_release(&answer);
}

static void payments_at_once_do_not_pass_the_limit_together(void **state) {
    fake_say(FAKE, 0, "charge", -1, FAKE_DECLINE);
    for (int i = 0; i < 8; i++) {
        expect_paid("pm_1", true, "insufficient_funds");
    }
    int before = asked();
    struct task *tasks[6];
    int results[6] = {0};
    for (int i = 0; i < 6; i++) {
        tasks[i] = task_start("payer", 1024 * 1024, pay_in_rush, &results[i]);
    }
    for (int i = 0; i < 6; i++) {
        task_join(tasks[i]);
        assert_int_equal(results[i], 0);
    }
    assert_int_equal(asked() - before, 2);
}

static void a_choice_of_a_closed_card_sends_nothing_and_another_may_follow(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE_FOR_GOOD);
    expect_paid("pm_1", true, "stolen_card");
    for (int i = 0; i < 3; i++) {
        fake_say(FAKE, i, "charge", 1, FAKE_REFUSE);
    }
    JSON_AUTO first = pay_by("pm_2");
    assert_string_equal(json_at(first, "state"), "requires_action");
    int before = asked();
    struct answer answer = {0};
    JSON_AUTO closed = json_pack("{s:s}", "stripe-a", "pm_1");
    JSON_AUTO open = json_pack("{s:s}", "stripe-a", "pm_3");
    struct payment_choice choice = {.method = METHOD_CARD, .tokens = closed};
    struct caller caller = world_caller("choice-1", "hash-1");
    int r = payment_choose(W->payments, &caller, json_at(first, "id"), &choice, &answer, &W->err);
    JSON_AUTO second = world_take(W, r, &answer);
    assert_string_equal(json_at(second, "state"), "requires_action");
    assert_string_equal(json_at(second, "failure.code"), "card_refused_for_good");
    assert_int_equal(asked(), before);
    fake_say_nothing(FAKE);
    choice.tokens = open;
    caller = world_caller("choice-2", "hash-2");
    answer = (struct answer){0};
    r = payment_choose(W->payments, &caller, json_at(first, "id"), &choice, &answer, &W->err);
    JSON_AUTO third = world_take(W, r, &answer);
    assert_string_equal(json_at(third, "state"), "succeeded");
    assert_string_equal(json_at(third, "failure"), "null");
}

static void what_is_told_survives_a_restart_and_shows_in_the_order(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
    JSON_AUTO json = pay_by("pm_1");
    char order_id[64];
    snprintf(order_id, sizeof order_id, "%s", json_at(json, "order_id"));
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE_FOR_GOOD);
    expect_paid("pm_1", true, "stolen_card");
    payment_world_restart(W);
    expect_paid("pm_1", false, "card_refused_for_good");
    struct answer answer = {0};
    int r = payment_order_status(W->payments, order_id, &answer, &W->err);
    JSON_AUTO order = world_take(W, r, &answer);
    const json_t *payment = json_array_get(json_object_get(order, "payments"), 0);
    assert_string_equal(json_at(payment, "next"), "later");
    assert_string_equal(json_at(payment, "message"),
                        common_code_find("insufficient_funds")->failed_english);
    assert_string_equal(json_at(payment, "message_zh"),
                        common_code_find("insufficient_funds")->failed_chinese);
    assert_null(json_object_get(payment, "failure")); /* why is not for everybody's eyes */
    int64_t after_us = 0;
    assert_true(clock_parse(json_at(payment, "retry_after"), &after_us));
    assert_true(after_us > clock_wall_us() + 23 * HOUR_US);
}

static void what_no_rule_looks_at_is_forgotten_and_a_refusal_for_good_is_not(void **state) {
    fake_say(FAKE, 0, "charge", 2, FAKE_DECLINE);
    expect_paid("pm_1", true, "insufficient_funds");
    expect_paid("pm_2", true, "insufficient_funds");
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE_FOR_GOOD);
    expect_paid("pm_2", true, "stolen_card");
    test_clock_advance(29 * DAY_US);
    struct err err = {0};
    assert_true(retention_round(W->payments, clock_wall_us(), &err) >= 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM card_try"), 3);
    test_clock_advance(3 * DAY_US);
    assert_true(retention_round(W->payments, clock_wall_us(), &err) >= 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM card_try"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM card_name"), 1);
    expect_paid("pm_2", false, "card_refused_for_good");
}

static void no_token_is_in_the_book(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
    expect_paid("pm_secret-of-FINGER", true, "insufficient_funds");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM card_name"), 2);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM card_name WHERE name LIKE '%secret%' OR "
                                  "name LIKE '%FINGER%' OR card LIKE '%secret%'"),
                     0);
    assert_int_equal(world_int(W, "SELECT MIN(LENGTH(name)) FROM card_name"), CARD_NAME_CHARS);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest rules[] = {
        cmocka_unit_test(a_window_is_closed_by_its_number_of_tries_and_opens_as_they_leave_it),
        cmocka_unit_test(mastercard_closes_for_a_month_after_thirty_five),
        cmocka_unit_test(the_table_says_what_the_networks_say),
        cmocka_unit_test(an_unknown_network_has_the_strictest_rules_of_all),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_without_declines_leaves_no_row),
        cmocka_unit_test(a_card_that_its_bank_refused_for_good_is_never_asked_again),
        cmocka_unit_test(ten_declines_in_a_day_are_all_that_an_unknown_network_gets),
        cmocka_unit_test(fifteen_in_a_month_are_all_that_it_gets),
        cmocka_unit_test(the_network_that_a_gateway_tells_has_its_own_rule),
        cmocka_unit_test(tokens_with_one_fingerprint_are_one_card),
        cmocka_unit_test(cards_that_turn_out_to_be_one_are_counted_together),
        cmocka_unit_test(no_other_route_is_tried_with_a_card_whose_limit_is_used_up),
        cmocka_unit_test(a_try_under_way_counts),
        cmocka_unit_test(payments_at_once_do_not_pass_the_limit_together),
        cmocka_unit_test(a_choice_of_a_closed_card_sends_nothing_and_another_may_follow),
        cmocka_unit_test(what_is_told_survives_a_restart_and_shows_in_the_order),
        cmocka_unit_test(what_no_rule_looks_at_is_forgotten_and_a_refusal_for_good_is_not),
        cmocka_unit_test(no_token_is_in_the_book),
    };
    int failed = cmocka_run_group_tests(rules, NULL, NULL);
    return failed + payment_world_run("card_limits", tests, COUNT_OF(tests));
}
