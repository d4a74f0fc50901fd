/* SPDX-License-Identifier: Apache-2.0
 * test_customer_action.c: a payment that waits for its customer at a gateway: it expires, it is
 * closed before another way is tried, and an old code that is paid after all is noticed and decided
 * by rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
#define MINUTE_US (60 * US_PER_SECOND)

/* Waits at stripe-a; returns its id (free()). */
static char *waiting(const char *order_id) {
    fake_say(FAKE, 0, "charge", 1, FAKE_ACTION);
    json_t *json = world_create(W, NULL, order_id, 500);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), "requires_action");
    assert_string_equal(json_at(json_object_get(json, "action"), "type"), "redirect");
    assert_true(json_is_string(json_object_get(json_object_get(json, "action"), "expires_at")));
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    return id;
}

static json_t *choose(const char *key, const char *id) {
    return world_choose(W, key, id, "pm_other");
}

static void pass(int64_t us) {
    world_pass(W, us);
}

/* ---- expiry ---- */

static void what_nobody_pays_in_time_is_closed_at_its_gateway(void **state) {
    (void)state;
    char *id = waiting("order");
    pass(29 * MINUTE_US);
    assert_payment(W, id, "requires_action");
    assert_int_equal(fake_calls(FAKE, 0, "cancel"), 0);
    pass(2 * MINUTE_US);
    assert_payment(W, id, "canceled");
    assert_int_equal(fake_calls(FAKE, 0, "cancel"), 1);
    assert_text(W, "SELECT actor FROM operation", "rule:expiry");
    /* The order is free again. */
    char *other = world_paid(W, "order", 500);
    world_check(W);
    free(other);
    free(id);
}

static void paid_at_the_last_moment_it_is_paid(void **state) {
    (void)state;
    char *id = waiting("order");
    pass(29 * MINUTE_US);
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    pass(2 * MINUTE_US);
    assert_payment(W, id, "succeeded");
    world_check(W);
    free(id);
}

static void a_gateway_that_is_away_is_asked_to_close_it_later(void **state) {
    (void)state;
    char *id = waiting("order");
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    pass(31 * MINUTE_US);
    assert_payment(W, id, "requires_action");
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_payment(W, id, "canceled");
    world_check(W);
    free(id);
}

/* ---- another way ---- */

static void the_old_one_is_closed_before_another_is_asked(void **state) {
    (void)state;
    char *id = waiting("order");
    assert_done(W, choose("k1", id), 201, "succeeded");
    assert_int_equal(fake_calls(FAKE, 0, "cancel"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt WHERE state = 9"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt WHERE state = 6"), 1);
    world_check(W);
    free(id);
}

static void a_repeat_of_the_choice_closes_nothing(void **state) {
    (void)state;
    char *id = waiting("order");
    fake_say(FAKE, 0, "charge", 1, FAKE_ACTION);
    assert_done(W, choose("k1", id), 201, "requires_action");
    assert_done(W, choose("k1", id), 201, "requires_action");
    assert_true(W->replayed);
    assert_int_equal(fake_calls(FAKE, 0, "cancel"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt WHERE state = 3"), 1);
    world_verify(W);
    free(id);
}

static void what_is_not_confirmed_closed_keeps_others_from_being_asked(void **state) {
    (void)state;
    char *id = waiting("order");
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    assert_refused(W, choose("k1", id), ERR_STATE);
    assert_non_null(strstr(W->err.detail, "has not confirmed"));
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt"), 1);
    assert_refused(W, choose("k2", id), ERR_STATE); /* while that is under way */
    fake_say_nothing(FAKE);
    world_settle_all(W);
    /* Closed alone: the payment lives and asks for another way. */
    assert_payment(W, id, "requires_action");
    assert_text(W, "SELECT action FROM payment", "choose_method");
    assert_done(W, choose("k3", id), 201, "succeeded");
    world_check(W);
    free(id);
}

static void paid_meanwhile_nothing_else_is_asked(void **state) {
    (void)state;
    char *id = waiting("order");
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    assert_refused(W, choose("k1", id), ERR_STATE);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt"), 1);
    assert_payment(W, id, "succeeded");
    world_check(W);
    free(id);
}

static void an_answer_lost_while_closing_is_found_and_the_payment_lives(void **state) {
    (void)state;
    char *id = waiting("order");
    fake_say(FAKE, 0, "cancel", 2, FAKE_LOSE_AFTER);
    fake_say(FAKE, 0, "query", 2, FAKE_LOSE_BEFORE);
    json_decref(choose("k1", id));
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_text(W, "SELECT action FROM payment", "choose_method");
    assert_payment(W, id, "requires_action");
    world_check(W);
    free(id);
}

/* ---- the old code is paid all the same ---- */

/* The gateway took it back to life: what no gateway should do, and some do. */
static void old_one_is_paid(const char *order_id) {
    int from = fake_event_count(FAKE);
    fake_payment_becomes(FAKE, 0, order_id, "succeeded");
    world_callbacks(W, from);
    pass(US_PER_SECOND); /* the callback's work, which leaves it to the rule */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE state = 1"), 1);
    pass(6 * US_PER_SECOND);
}

static void paid_twice_the_later_money_goes_back_by_itself(void **state) {
    (void)state;
    char *id = waiting("order");
    fake_say(FAKE, 0, "charge", -1, FAKE_REFUSE); /* so that the other way leads to stripe-b */
    assert_done(W, choose("k1", id), 201, "succeeded");
    fake_say_nothing(FAKE);
    old_one_is_paid("order");
    world_settle_all(W);
    assert_payment(W, id, "succeeded");
    assert_text(W, "SELECT decided_by FROM review_case WHERE kind = 'late_success'",
                "rule:paid-twice");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation WHERE kind = 4 AND state = 4"),
                     1);
    struct fake_book a, b;
    fake_book(FAKE, 0, "USD", &a);
    fake_book(FAKE, 1, "USD", &b);
    assert_int_equal(a.taken_minor - a.returned_minor, 0);
    assert_int_equal(b.taken_minor - b.returned_minor, 500);
    world_verify(W);
    world_books_equal(W);
    free(id);
}

static void paid_there_and_nowhere_else_it_is_the_payment(void **state) {
    (void)state;
    char *id = waiting("order");
    fake_say(FAKE, 1, "charge", -1, FAKE_DECLINE);
    fake_say(FAKE, 0, "charge", -1, FAKE_REFUSE);
    assert_done(W, choose("k1", id), 201, "failed");
    fake_say_nothing(FAKE);
    old_one_is_paid("order");
    world_settle_all(W);
    assert_payment(W, id, "succeeded");
    world_verify(W);
    world_books_equal(W);
    free(id);
}

/* While the other way is open nobody can say which of the two is too much. */
static void the_rule_waits_for_the_other_way_to_end(void **state) {
    (void)state;
    char *id = waiting("order");
    fake_say(FAKE, 0, "charge", -1, FAKE_REFUSE);
    fake_say(FAKE, 1, "charge", 1, FAKE_ACTION);
    assert_done(W, choose("k1", id), 201, "requires_action");
    fake_say_nothing(FAKE);
    old_one_is_paid("order");
    pass(60 * US_PER_SECOND);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE state = 1"), 1);
    pass(31 * MINUTE_US);
    world_settle_all(W);
    /* It expired: called off, and not the rule's to revive. A person decides. */
    assert_payment(W, id, "canceled");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE state = 1"), 1);
    world_verify(W);
    world_books_equal(W);
    free(id);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_pays_in_time_is_closed_at_its_gateway),
        cmocka_unit_test(paid_at_the_last_moment_it_is_paid),
        cmocka_unit_test(a_gateway_that_is_away_is_asked_to_close_it_later),
        cmocka_unit_test(the_old_one_is_closed_before_another_is_asked),
        cmocka_unit_test(a_repeat_of_the_choice_closes_nothing),
        cmocka_unit_test(what_is_not_confirmed_closed_keeps_others_from_being_asked),
        cmocka_unit_test(paid_meanwhile_nothing_else_is_asked),
        cmocka_unit_test(an_answer_lost_while_closing_is_found_and_the_payment_lives),
        cmocka_unit_test(paid_twice_the_later_money_goes_back_by_itself),
        cmocka_unit_test(paid_there_and_nowhere_else_it_is_the_payment),
        cmocka_unit_test(the_rule_waits_for_the_other_way_to_end),
    };
    return payment_world_run("customer action", tests, COUNT_OF(tests));
}
