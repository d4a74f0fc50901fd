/* SPDX-License-Identifier: Apache-2.0
 * test_dunning.c: what follows when a renewal is not paid (PAY-9): by the reason of the decline,
 * in its time, and never beside a payment whose fate is not known. */
#include "billing_fixture.h"
#include "gateway/common_codes.h"

/* Every gateway declines with this code from now on. */
static void decline_with(const char *code) {
    fake_decline_with(FAKE, code);
    fake_say_all(FAKE, "charge", -1, FAKE_DECLINE);
}

static void accept_again(void) {
    fake_say_nothing(FAKE);
    fake_decline_with(FAKE, NULL);
}

static struct ids monthly(enum when_unpaid when_unpaid) {
    struct ids plan = make_plan(900, UNIT_MONTH, when_unpaid);
    return subscribe(plan.text);
}

static int64_t tries(void) {
    return count("SELECT COUNT(*) FROM invoice_try");
}

/* ---- the tables ---- */

/* The codes by which a gateway's decline of a charge is told, as Stripe sends them. */
static const struct {
    const char *theirs, *advice;
    int tries; /* in the first week */
} declines[] = {
    {"insufficient_funds", "try_again_later", 5},
    {"card_velocity_exceeded", "try_again_later", 5},
    {"do_not_honor", "try_again_later", 5},
    {"generic_decline", "try_again_later", 5},
    {"try_again_later", "try_again_later", 5},
    {"call_issuer", "ask_customer", 1},
    {"authentication_required", "ask_customer", 1},
    {"incorrect_cvc", "ask_customer", 1},
    {"expired_card", "ask_for_other_method", 1},
    {"stolen_card", "ask_for_other_method", 1},
    {"lost_card", "ask_for_other_method", 1},
    {"pickup_card", "ask_for_other_method", 1},
    {"do_not_try_again", "ask_for_other_method", 1},
    {"revocation_of_authorization", "ask_for_other_method", 1},
    {"fraudulent", "ask_for_other_method", 1},
};

static void a_decline_is_followed_by_what_its_code_asks_for(void **state) {
    for (size_t i = 0; i < COUNT_OF(declines); i++) {
        payment_world_forget(W);
        decline_with(declines[i].theirs);
        struct ids id = monthly(UNPAID_KEEP);
        (void)world_tick(W);
        assert_state(id.text, "past_due");
        struct answer answer = {0};
        json_t *json = went_well(subscription_get(W->billing, id.text, &answer, &W->err), &answer);
        assert_string_equal(json_at(json, "latest_invoice.advice"), declines[i].advice);
        json_decref(json);
        pass(DAYS(7) + HOURS(23));
        if (tries() != declines[i].tries) {
            fail_msg("%s was tried %lld times and not %d", declines[i].theirs, (long long)tries(),
                     declines[i].tries);
        }
        check_periods();
    }
}

static void a_code_that_nobody_knows_is_not_tried_by_itself(void **state) {
    bool known = true;
    assert_int_equal(dunning_advice("moon_phase", &known), DUNNING_CUSTOMER);
    assert_false(known);
    assert_int_equal(dunning_advice("insufficient_funds", &known), DUNNING_LATER);
    assert_true(known);
}

static void every_decline_of_a_card_has_a_row(void **state) {
    const struct common_code *code;
    for (int i = 0; (code = common_code_at(i)) != NULL; i++) {
        bool known = false;
        (void)dunning_advice(code->code, &known);
        if (code->network != NETWORK_NONE && !known) {
            fail_msg("%s has no row in dunning.def", code->code);
        }
        /* What a card's network forbids is never tried again by itself. */
        if (code->network == NETWORK_NEVER) {
            assert_int_equal(dunning_advice(code->code, NULL), DUNNING_NEVER);
        }
    }
}

/* ---- the schedule ---- */

static void tries_come_at_a_decent_hour_of_the_customer(void **state) {
    TIME_ZONE_AUTO zone = NULL;
    struct err err = {0};
    int64_t us = 0;
    assert_int_equal(time_zone_open("America/New_York", &zone, &err), 0);
    assert_true(
        clock_parse("2026-03-07T08:30:00Z", &us)); /* 03:30 there; the clocks change on the 8th */
    static const char *const expected[] = {"2026-03-08T14:00:00Z", "2026-03-10T14:00:00Z",
                                           "2026-03-12T14:00:00Z", "2026-03-14T14:00:00Z"};
    for (int i = 0; i < 4; i++) {
        char text[CLOCK_TEXT_MAX];
        assert_string_equal(clock_format(dunning_next_us(zone, us, i + 1), text), expected[i]);
    }
    assert_int_equal(dunning_next_us(zone, us, 5), 0);
    assert_int_equal(dunning_next_us(zone, us, 0), 0);
}

static void who_pays_after_a_reminder_goes_on_as_if_nothing_had_been(void **state) {
    decline_with("insufficient_funds");
    struct ids id = monthly(UNPAID_CANCEL);
    (void)world_tick(W);
    int64_t end = count("SELECT period_end_us FROM subscription");
    accept_again();
    pass(DAYS(2));
    assert_state(id.text, "active");
    assert_int_equal(charged(id, 1), 1);
    assert_int_equal(count("SELECT period_end_us FROM subscription"), end);
    assert_int_equal(count("SELECT COUNT(*) FROM event WHERE type = 'subscription.recovered'"), 1);
    pass(DAYS(30));
    assert_int_equal(charged(id, 2), 1);
    check_periods();
}

static void who_never_pays_is_canceled_or_left_unpaid_by_the_plan(void **state) {
    decline_with("insufficient_funds");
    struct ids ends = monthly(UNPAID_CANCEL), stays = monthly(UNPAID_KEEP);
    pass(DAYS(9));
    assert_state(ends.text, "canceled");
    assert_state(stays.text, "unpaid");
    assert_int_equal(tries(), 10);
    assert_int_equal(count("SELECT COUNT(*) FROM invoice WHERE state = 3"), 2);
    accept_again();
    pass(DAYS(40));
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE state = 5"), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM job WHERE kind = 'renewal'"), 0);
    check_periods();
}

static void a_period_that_is_not_paid_by_its_end_is_given_up(void **state) {
    decline_with("insufficient_funds");
    struct ids plan = make_plan(100, UNIT_DAY, UNPAID_CANCEL);
    struct ids id = subscribe(plan.text);
    pass(DAYS(1) + HOURS(4));
    assert_state(id.text, "canceled");
    assert_int_equal(count("SELECT COUNT(*) FROM invoice"), 1);
}

/* ---- people ---- */

static void another_method_is_tried_at_once_and_a_dead_one_is_not(void **state) {
    decline_with("expired_card");
    struct ids id = monthly(UNPAID_CANCEL);
    (void)world_tick(W);
    assert_int_equal(act(subscription_retry, id), -ERR_STATE);
    pass(DAYS(1));
    assert_int_equal(tries(), 1);
    accept_again();
    assert_int_equal(other_method(id, ""), -ERR_VALIDATION);
    assert_int_equal(other_method(id, "pm_new"), 0);
    (void)world_tick(W);
    assert_state(id.text, "active");
    assert_int_equal(charged(id, 1), 1);
    assert_int_equal(act(subscription_retry, id), -ERR_STATE);
    check_periods();
}

static void a_customer_who_was_asked_is_tried_when_somebody_says_so(void **state) {
    decline_with("call_issuer");
    struct ids id = monthly(UNPAID_CANCEL);
    (void)world_tick(W);
    accept_again();
    pass(DAYS(3));
    assert_int_equal(tries(), 1);
    assert_int_equal(act(subscription_retry, id), 0);
    (void)world_tick(W);
    assert_state(id.text, "active");
    check_periods();
}

static void what_was_given_up_is_opened_again_within_its_period(void **state) {
    decline_with("insufficient_funds");
    struct ids soon = monthly(UNPAID_KEEP), late = monthly(UNPAID_KEEP);
    pass(DAYS(9));
    accept_again();
    assert_state(soon.text, "unpaid");
    assert_int_equal(act(subscription_retry, soon), 0);
    (void)world_tick(W);
    assert_state(soon.text, "active");
    assert_int_equal(charged(soon, 1), 1);
    pass(DAYS(25));
    assert_int_equal(charged(soon, 2), 1);
    /* After its end the present period is charged, and the old one is not. */
    assert_int_equal(other_method(late, "pm_new"), 0);
    (void)world_tick(W);
    assert_state(late.text, "active");
    assert_int_equal(charged(late, 1), 0);
    assert_int_equal(charged(late, 2), 1);
    check_periods();
}

static void who_cancels_while_owing_is_not_tried_again(void **state) {
    decline_with("insufficient_funds");
    struct ids now = monthly(UNPAID_CANCEL), later = monthly(UNPAID_KEEP);
    (void)world_tick(W);
    assert_int_equal(cancel_it(now, false), 0);
    assert_int_equal(pause_it(later), 0);
    accept_again();
    pass(DAYS(9));
    assert_state(now.text, "canceled");
    assert_state(later.text, "paused");
    assert_int_equal(tries(), 2);
    assert_int_equal(count("SELECT COUNT(*) FROM invoice WHERE state = 5"), 1);
    assert_int_equal(act(subscription_resume, later), 0);
    assert_state(later.text, "past_due");
    (void)world_tick(W);
    assert_state(later.text, "active");
    check_periods();
}

/* ---- gateways ---- */

static void a_gateways_trouble_is_not_the_customers(void **state) {
    fake_say_all(FAKE, "*", -1, FAKE_REFUSE);
    struct ids id = monthly(UNPAID_CANCEL);
    (void)world_tick(W);
    assert_state(id.text, "starting");
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE state = 7"), 1);
    pass(DAYS(12)); /* longer than anybody's grace */
    assert_state(id.text, "starting");
    assert_int_equal(count("SELECT declines FROM invoice"), 0);
    assert_true(tries() > 10);
    accept_again();
    pass(HOURS(8));
    assert_state(id.text, "active");
    assert_int_equal(charged(id, 1), 1);
    check_periods();
}

static void a_payment_that_nobody_knows_about_is_waited_for(void **state) {
    decline_with("insufficient_funds");
    struct ids id = monthly(UNPAID_CANCEL);
    (void)world_tick(W);
    accept_again();
    /* The second try is done and not answered, and all that is asked about it is lost. */
    fake_say_all(FAKE, "*", -1, FAKE_LOSE_AFTER);
    pass(DAYS(20));
    assert_int_equal(tries(), 2);
    assert_state(id.text, "past_due");
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE state = 2"), 1);
    fake_say_nothing(FAKE);
    pass(HOURS(8));
    assert_state(id.text, "active");
    assert_int_equal(tries(), 2);
    check_periods();
}

static void a_charge_that_is_under_way_when_it_is_canceled_is_told_as_late(void **state) {
    fake_say_all(FAKE, "*", -1, FAKE_LOSE_AFTER);
    struct ids id = monthly(UNPAID_CANCEL), fails = monthly(UNPAID_CANCEL);
    (void)world_tick(W);
    assert_int_equal(act(subscription_retry, id), -ERR_STATE);
    assert_int_equal(cancel_it(id, false), 0);
    assert_int_equal(pause_it(fails), 0);
    fake_say_nothing(FAKE);
    pass(HOURS(8));
    assert_state(id.text, "canceled");
    assert_state(fails.text, "paused");
    assert_int_equal(charged(id, 1), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM event WHERE type = 'subscription.paid_late'"), 2);
    check_periods();
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decline_is_followed_by_what_its_code_asks_for),
        cmocka_unit_test(a_code_that_nobody_knows_is_not_tried_by_itself),
        cmocka_unit_test(every_decline_of_a_card_has_a_row),
        cmocka_unit_test(tries_come_at_a_decent_hour_of_the_customer),
        cmocka_unit_test(who_pays_after_a_reminder_goes_on_as_if_nothing_had_been),
        cmocka_unit_test(who_never_pays_is_canceled_or_left_unpaid_by_the_plan),
        cmocka_unit_test(a_period_that_is_not_paid_by_its_end_is_given_up),
        cmocka_unit_test(another_method_is_tried_at_once_and_a_dead_one_is_not),
        cmocka_unit_test(a_customer_who_was_asked_is_tried_when_somebody_says_so),
        cmocka_unit_test(what_was_given_up_is_opened_again_within_its_period),
        cmocka_unit_test(who_cancels_while_owing_is_not_tried_again),
        cmocka_unit_test(a_gateways_trouble_is_not_the_customers),
        cmocka_unit_test(a_payment_that_nobody_knows_about_is_waited_for),
        cmocka_unit_test(a_charge_that_is_under_way_when_it_is_canceled_is_told_as_late),
    };
    return payment_world_run("dunning", tests, COUNT_OF(tests));
}
