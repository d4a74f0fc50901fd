/* SPDX-License-Identifier: Apache-2.0
 * test_later.c: orders that are held for their customers: the link, reminders, the end, and what
 * comes of each thing that may go wrong between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "payment/later.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
#define MINUTE_US (60 * US_PER_SECOND)
#define HOUR_US (60 * MINUTE_US)

static json_t *held_json(const char *key, const char *order_id) {
    struct payment_order order = world_order(order_id, 500);
    order.defer = true;
    return world_pay(W, key, &order);
}

/* Its id (free()). */
static char *held(const char *order_id) {
    json_t *json = held_json(NULL, order_id);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
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

static int64_t events(const char *type) {
    return world_events(W, type);
}

static void assert_open(const char *id) {
    assert_payment(W, id, "requires_action");
    assert_text(W, "SELECT action FROM payment", "pay_later");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE holds_order = 1"), 1);
}

/* ---- holding ---- */

static void a_held_order_has_a_link_and_asks_no_gateway(void **state) {
    (void)state;
    json_t *json = held_json(NULL, "order");
    assert_non_null(json);
    assert_int_equal(W->status, 201);
    assert_string_equal(json_at(json, "state"), "requires_action");
    assert_string_equal(json_at(json, "action.type"), "pay_later");
    assert_string_equal(json_at(json, "action.url"), "null");
    assert_non_null(strstr(json_at(json, "message"), "held for you"));
    assert_int_equal(fake_calls(FAKE, 0, "*"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt"), 0);
    assert_int_equal(events("payment.deferred"), 1);
    json_decref(json);
    /* Its order is not to be paid beside it. */
    assert_refused(W, world_create(W, NULL, "order", 500), ERR_ORDER_TAKEN);
    world_check(W);
}

/* Who reads the database finds no way to pay, and to see, somebody's order. */
static void the_link_is_stored_nowhere(void **state) {
    (void)state;
    char url[PAY_URL_CHARS_MAX + 1];
    char *id = held("order");
    pay_later_url(W->payments, id, url);
    const char *token = strstr(url, "/pay/") + 5;
    assert_int_equal(strlen(token), PAY_TOKEN_CHARS);
    assert_int_equal(strspn(token, "abcdefghijklmnop"), PAY_TOKEN_CHARS);
    char sql[400];
    snprintf(sql, sizeof sql,
             "SELECT (SELECT COUNT(*) FROM event WHERE data LIKE '%%%s%%') + (SELECT COUNT(*) FROM "
             "payment WHERE action_url LIKE '%%%s%%') + (SELECT COUNT(*) FROM deferral WHERE "
             "token_hash LIKE '%%%s%%')",
             token, token, token);
    assert_int_equal(world_int(W, sql), 0);
    /* Another payment has another one. */
    char other[PAY_URL_CHARS_MAX + 1];
    char *second = held("order-2");
    pay_later_url(W->payments, second, other);
    assert_string_not_equal(url, other);
    free(second);
    free(id);
}

static void the_merchant_is_told_the_link(void **state) {
    (void)state;
    BUF_AUTO buf;
    char url[PAY_URL_CHARS_MAX + 1];
    char *id = held("order");
    char *data = world_text(W, "SELECT data FROM event WHERE type = 'payment.deferred'");
    buf_init(&buf, 65536);
    buf_add_text(&buf, data);
    pay_later_add_url(W->payments, &buf);
    pay_later_url(W->payments, id, url);
    json_t *json = json_loads(buf.data, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_at(json, "pay_later_url"), url);
    json_decref(json);
    /* A payment that waits for nobody stays as it is. */
    json_decref(choose("k1", id));
    free(data);
    data = world_text(W, "SELECT data FROM event WHERE type = 'payment.succeeded'");
    buf_clear(&buf);
    buf_add_text(&buf, data);
    pay_later_add_url(W->payments, &buf);
    assert_string_equal(buf.data, data);
    free(data);
    free(id);
}

static void the_same_key_holds_one_order(void **state) {
    (void)state;
    json_t *first = held_json("k1", "order");
    json_t *again = held_json("k1", "order");
    assert_true(W->replayed);
    assert_string_equal(json_at(first, "id"), json_at(again, "id"));
    json_decref(first);
    json_decref(again);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM deferral"), 1);
}

static void what_makes_no_sense_is_refused_before_anything_is_written(void **state) {
    (void)state;
    struct payment_order order = world_order("order", 500);
    order.defer = true;
    order.queue = true;
    assert_refused(W, world_pay(W, NULL, &order), ERR_VALIDATION);
    W->deferral.public_url = NULL;
    payment_world_restart(W);
    order.queue = false;
    assert_refused(W, world_pay(W, NULL, &order), ERR_VALIDATION);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), 0);
}

/* ---- paying ---- */

static void its_customer_pays_it_and_nothing_more_is_said(void **state) {
    (void)state;
    char *id = held("order");
    pass(HOUR_US);
    assert_done(W, choose("k1", id), 201, "succeeded");
    pass(30 * HOUR_US);
    assert_payment(W, id, "succeeded");
    assert_int_equal(events("payment.reminder"), 0);
    assert_int_equal(events("payment.expired"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'deferral'"), 0);
    world_check(W);
    free(id);
}

static void declined_he_may_try_something_else(void **state) {
    (void)state;
    char *id = held("order");
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
    json_t *json = choose("k1", id);
    assert_non_null(json);
    assert_string_equal(json_at(json, "action.type"), "pay_later");
    assert_true(json_is_object(json_object_get(json, "failure")));
    json_decref(json);
    assert_open(id);
    assert_done(W, choose("k2", id), 201, "succeeded");
    assert_text(W, "SELECT failure_code FROM payment", "");
    world_check(W);
    free(id);
}

static void with_no_gateway_at_hand_it_stays_held(void **state) {
    (void)state;
    char *id = held("order");
    fake_say_all(FAKE, "charge", -1, FAKE_REFUSE);
    json_decref(choose("k1", id));
    assert_open(id);
    fake_say_nothing(FAKE);
    pass(5 * MINUTE_US);
    assert_done(W, choose("k2", id), 201, "succeeded");
    world_check(W);
    free(id);
}

static void a_code_that_nobody_paid_leads_back_to_the_page(void **state) {
    (void)state;
    char *id = held("order");
    fake_say(FAKE, 0, "charge", 1, FAKE_ACTION);
    json_t *json = choose("k1", id);
    assert_string_equal(json_at(json, "action.type"), "redirect");
    json_decref(json);
    pass(31 * MINUTE_US);
    assert_open(id);
    assert_int_equal(fake_calls(FAKE, 0, "cancel"), 1);
    assert_done(W, choose("k2", id), 201, "succeeded");
    world_check(W);
    free(id);
}

/* The gateway closes an order by itself: also then he may pay another way. */
static void a_code_that_its_gateway_closed_leads_back_to_the_page(void **state) {
    (void)state;
    char *id = held("order");
    fake_say(FAKE, 0, "charge", 1, FAKE_ACTION);
    json_decref(choose("k1", id));
    fake_payment_becomes(FAKE, 0, "order", "canceled");
    pass(2 * MINUTE_US);
    assert_open(id);
    assert_int_equal(fake_calls(FAKE, 0, "cancel"), 0);
    assert_done(W, choose("k2", id), 201, "succeeded");
    world_check(W);
    free(id);
}

static void another_way_closes_the_first_one(void **state) {
    (void)state;
    char *id = held("order");
    fake_say(FAKE, 0, "charge", 1, FAKE_ACTION);
    json_decref(choose("k1", id));
    assert_done(W, choose("k2", id), 201, "succeeded");
    assert_int_equal(fake_calls(FAKE, 0, "cancel"), 1);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    world_check(W);
    free(id);
}

/* ---- reminders ---- */

static void reminders_come_at_half_and_two_hours_before_the_end(void **state) {
    (void)state;
    char *id = held("order");
    pass(12 * HOUR_US - MINUTE_US);
    assert_int_equal(events("payment.reminder"), 0);
    pass(2 * MINUTE_US);
    assert_int_equal(events("payment.reminder"), 1);
    pass(10 * HOUR_US - 3 * MINUTE_US);
    assert_int_equal(events("payment.reminder"), 1);
    pass(3 * MINUTE_US);
    assert_int_equal(events("payment.reminder"), 2);
    assert_open(id);
    world_check(W);
    free(id);
}

static void reminders_that_were_missed_are_one(void **state) {
    (void)state;
    char *id = held("order");
    pass(23 * HOUR_US); /* the service was away all the time */
    assert_int_equal(events("payment.reminder"), 1);
    free(id);
}

/* A lease that ran out runs the job again. */
static void a_reminder_is_told_once_however_often_its_job_runs(void **state) {
    (void)state;
    char *id = held("order");
    pass(12 * HOUR_US);
    assert_int_equal(events("payment.reminder"), 1);
    assert_int_equal(engine_exec(&W->engine, "UPDATE job SET due_us = 1 WHERE kind = 'deferral'"),
                     1);
    pass(US_PER_SECOND);
    assert_int_equal(events("payment.reminder"), 1);
    free(id);
}

static void none_are_told_where_none_are_wanted(void **state) {
    (void)state;
    W->deferral.reminder_count = -1;
    payment_world_restart(W);
    char *id = held("order");
    pass(23 * HOUR_US);
    assert_int_equal(events("payment.reminder"), 0);
    pass(2 * HOUR_US);
    assert_payment(W, id, "canceled");
    free(id);
}

static void who_may_have_paid_is_not_reminded(void **state) {
    (void)state;
    char *id = held("order");
    fake_say(FAKE, 0, "charge", 1, FAKE_LOSE_AFTER);
    fake_say(FAKE, 0, "query", -1, FAKE_LOSE_BEFORE);
    fake_say(FAKE, 0, "charge", -1, FAKE_LOSE_AFTER);
    json_decref(choose("k1", id));
    assert_payment(W, id, "processing");
    pass(13 * HOUR_US);
    assert_int_equal(events("payment.reminder"), 0);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_payment(W, id, "succeeded");
    world_check(W);
    free(id);
}

/* ---- the end ---- */

static void when_its_time_is_over_the_order_is_free_again(void **state) {
    (void)state;
    char *id = held("order");
    pass(24 * HOUR_US - MINUTE_US);
    assert_open(id);
    pass(2 * MINUTE_US);
    assert_payment(W, id, "canceled");
    assert_text(W, "SELECT failure_code FROM payment", "expired");
    assert_int_equal(events("payment.expired"), 1);
    assert_int_equal(events("payment.canceled"), 0);
    assert_refused(W, choose("k1", id), ERR_STATE);
    char *other = world_paid(W, "order", 500);
    world_check(W);
    free(other);
    free(id);
}

/* The clock says so, not the job that is late. */
static void nothing_is_chosen_after_the_end(void **state) {
    (void)state;
    char *id = held("order");
    test_clock_advance(24 * HOUR_US);
    assert_refused(W, choose("k1", id), ERR_STATE);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt"), 0);
    free(id);
}

static void unknown_at_the_end_it_is_not_expired(void **state) {
    (void)state;
    char *id = held("order");
    pass(24 * HOUR_US - 10 * MINUTE_US);
    fake_say(FAKE, 0, "charge", -1, FAKE_LOSE_AFTER);
    fake_say(FAKE, 0, "query", -1, FAKE_LOSE_BEFORE);
    json_decref(choose("k1", id));
    pass(5 * HOUR_US);
    assert_payment(W, id, "processing");
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_payment(W, id, "succeeded");
    assert_int_equal(events("payment.expired"), 0);
    world_check(W);
    free(id);
}

static void declined_after_the_end_it_expires(void **state) {
    (void)state;
    char *id = held("order");
    pass(24 * HOUR_US - 10 * MINUTE_US);
    fake_say(FAKE, 0, "charge", 1, FAKE_PENDING);
    json_decref(choose("k1", id));
    pass(HOUR_US);
    assert_payment(W, id, "processing");
    fake_payment_becomes(FAKE, 0, "order", "requires_payment_method");
    world_settle_all(W);
    pass(5 * MINUTE_US);
    assert_payment(W, id, "canceled");
    assert_int_equal(events("payment.expired"), 1);
    world_check(W);
    free(id);
}

static void paid_at_the_last_moment_it_is_paid(void **state) {
    (void)state;
    char *id = held("order");
    pass(24 * HOUR_US - MINUTE_US);
    fake_say(FAKE, 0, "charge", 1, FAKE_ACTION);
    json_decref(choose("k1", id));
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    pass(40 * MINUTE_US);
    assert_payment(W, id, "succeeded");
    assert_int_equal(events("payment.expired"), 0);
    world_check(W);
    free(id);
}

/* He was promised half an hour for that code; then the order goes. */
static void a_code_begun_before_the_end_keeps_its_time(void **state) {
    (void)state;
    char *id = held("order");
    pass(24 * HOUR_US - MINUTE_US);
    fake_say(FAKE, 0, "charge", 1, FAKE_ACTION);
    json_decref(choose("k1", id));
    pass(20 * MINUTE_US);
    assert_payment(W, id, "requires_action");
    assert_int_equal(fake_calls(FAKE, 0, "cancel"), 0);
    pass(20 * MINUTE_US);
    pass(5 * MINUTE_US);
    assert_payment(W, id, "canceled");
    assert_int_equal(fake_calls(FAKE, 0, "cancel"), 1);
    assert_int_equal(events("payment.expired"), 1);
    world_check(W);
    free(id);
}

static void the_shop_may_cancel_it(void **state) {
    (void)state;
    char *id = held("order");
    assert_done(W, world_cancel(W, "k1", id), 201, "canceled");
    pass(30 * HOUR_US);
    assert_int_equal(events("payment.expired") + events("payment.reminder"), 0);
    char *other = world_paid(W, "order", 500);
    world_check(W);
    free(other);
    free(id);
}

static void cancelled_while_a_code_is_out_it_does_not_come_back(void **state) {
    (void)state;
    char *id = held("order");
    fake_say(FAKE, 0, "charge", 1, FAKE_ACTION);
    json_decref(choose("k1", id));
    assert_done(W, world_cancel(W, "k2", id), 201, "canceled");
    assert_payment(W, id, "canceled");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE holds_order = 1"), 0);
    world_check(W);
    free(id);
}

static void a_restart_in_the_middle_forgets_nothing(void **state) {
    (void)state;
    char *id = held("order");
    pass(HOUR_US);
    payment_world_restart(W);
    pass(12 * HOUR_US);
    assert_int_equal(events("payment.reminder"), 1);
    payment_world_restart(W);
    pass(12 * HOUR_US);
    assert_payment(W, id, "canceled");
    assert_int_equal(events("payment.expired"), 1);
    world_check(W);
    free(id);
}

static void db_check_finds_an_order_that_nobody_would_let_go(void **state) {
    (void)state;
    char *id = held("order");
    assert_int_equal(world_broken(W, "I6"), 0);
    assert_int_equal(engine_exec(&W->engine, "DELETE FROM job WHERE kind = 'deferral'"), 1);
    assert_int_equal(world_broken(W, "I6"), 1);
    free(id);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_held_order_has_a_link_and_asks_no_gateway),
        cmocka_unit_test(the_link_is_stored_nowhere),
        cmocka_unit_test(the_merchant_is_told_the_link),
        cmocka_unit_test(the_same_key_holds_one_order),
        cmocka_unit_test(what_makes_no_sense_is_refused_before_anything_is_written),
        cmocka_unit_test(its_customer_pays_it_and_nothing_more_is_said),
        cmocka_unit_test(declined_he_may_try_something_else),
        cmocka_unit_test(with_no_gateway_at_hand_it_stays_held),
        cmocka_unit_test(a_code_that_nobody_paid_leads_back_to_the_page),
        cmocka_unit_test(a_code_that_its_gateway_closed_leads_back_to_the_page),
        cmocka_unit_test(another_way_closes_the_first_one),
        cmocka_unit_test(reminders_come_at_half_and_two_hours_before_the_end),
        cmocka_unit_test(reminders_that_were_missed_are_one),
        cmocka_unit_test(a_reminder_is_told_once_however_often_its_job_runs),
        cmocka_unit_test(none_are_told_where_none_are_wanted),
        cmocka_unit_test(who_may_have_paid_is_not_reminded),
        cmocka_unit_test(when_its_time_is_over_the_order_is_free_again),
        cmocka_unit_test(nothing_is_chosen_after_the_end),
        cmocka_unit_test(unknown_at_the_end_it_is_not_expired),
        cmocka_unit_test(declined_after_the_end_it_expires),
        cmocka_unit_test(paid_at_the_last_moment_it_is_paid),
        cmocka_unit_test(a_code_begun_before_the_end_keeps_its_time),
        cmocka_unit_test(the_shop_may_cancel_it),
        cmocka_unit_test(cancelled_while_a_code_is_out_it_does_not_come_back),
        cmocka_unit_test(a_restart_in_the_middle_forgets_nothing),
        cmocka_unit_test(db_check_finds_an_order_that_nobody_would_let_go),
    };
    return payment_world_run("orders that are paid later", tests, COUNT_OF(tests));
}
