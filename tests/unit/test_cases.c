/* SPDX-License-Identifier: Apache-2.0
 * test_cases.c: money in suspense, and what a person does about it: accepts it, returns it through
 * the gateway, lets a held order go; and operations that nobody answered for, decided by hand. */
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
#define ONE_CASE "SELECT id FROM review_case"

typedef int decision_fn(struct payments *payments, const struct caller *caller, const char *case_id,
                        const char *reason, struct answer *ret_answer, struct err *err);

static json_t *decide(decision_fn *fn, const char *key, const char *select, const char *reason) {
    struct caller caller = world_caller(key, "x");
    struct answer answer = {0};
    char *id = world_text(W, select);
    int r = fn(W->payments, &caller, id, reason, &answer, &W->err);
    free(id);
    return world_take(W, r, &answer);
}

static void create(const char *order_id, const char *state) {
    json_t *json = world_create(W, NULL, order_id, 500);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), state);
    json_decref(json);
}

static int64_t suspense(void) {
    return world_int(W, "SELECT COALESCE(SUM(CASE WHEN credit_account LIKE '%suspense' THEN "
                        "amount_minor WHEN debit_account LIKE '%suspense' THEN -amount_minor ELSE "
                        "0 END), 0) FROM posting");
}

static int64_t count(const char *sql) {
    return world_int(W, sql);
}

/* A payment that failed, and whose money came all the same. */
static void late(const char *order_id) {
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
    create(order_id, "failed");
    int from = fake_event_count(FAKE);
    fake_payment_becomes(FAKE, 0, order_id, "succeeded");
    world_callbacks(W, from);
    (void)world_tick(W);
    assert_int_equal(suspense(), 500);
}

static void twice(const char *order_id) {
    fake_say(FAKE, 0, "charge", 1, FAKE_TWICE);
    create(order_id, "succeeded");
    world_callbacks(W, 0);
    (void)world_tick(W);
    assert_int_equal(suspense(), 500);
}

static void sound(void) {
    world_verify(W);
    world_books_equal(W);
}

/* ---- accepting ---- */

static void late_money_that_is_accepted_becomes_the_payment(void **state) {
    late("order");
    assert_done(W, decide(case_accept, "key", ONE_CASE, "the customer wants it"), 200, "closed");
    assert_done(W, decide(case_accept, "key", ONE_CASE, "the customer wants it"), 200, "closed");
    assert_true(W->replayed);
    assert_int_equal(suspense(), 0);
    assert_int_equal(count("SELECT state FROM payment"), 5);
    assert_int_equal(count("SELECT captured_minor FROM payment"), 500);
    assert_int_equal(count("SELECT state FROM attempt"), 6);
    assert_text(W, "SELECT review FROM payment", "");
    assert_int_equal(count("SELECT COUNT(*) FROM event WHERE type = 'payment.succeeded'"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry WHERE action = 'case.accept'"), 1);
    assert_refused(W, decide(case_accept, "key-2", ONE_CASE, "again"), ERR_STATE);
    assert_refused(W, decide(case_return, "key-3", ONE_CASE, "again"), ERR_STATE);
    sound();
    char *id = world_text(W, "SELECT id FROM payment"); /* and can be refunded from then on */
    json_decref(world_refund(W, "refund", id, 200));
    free(id);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 200);
    sound();
}

static void a_second_charge_that_is_accepted_stays_out_of_the_payments_sums(void **state) {
    twice("order");
    assert_done(W, decide(case_accept, "key", ONE_CASE, "paid for two"), 200, "closed");
    assert_int_equal(suspense(), 0);
    assert_int_equal(count("SELECT captured_minor FROM payment"), 500);
    assert_int_equal(count("SELECT amount_minor FROM posting WHERE kind = 12"), 500);
    sound();
}

static void a_charge_of_nobodys_can_be_accepted(void **state) {
    assert_int_equal(world_callback(W, fake_charge_of_nobody(FAKE, 0, "", "till", 700)), 200);
    (void)world_tick(W);
    assert_int_equal(suspense(), 700);
    assert_done(W, decide(case_accept, "key", ONE_CASE, "the till's"), 200, "closed");
    assert_int_equal(suspense(), 0);
    sound();
}

static void a_refund_of_the_dashboards_that_stands_is_a_refund_of_the_payment(void **state) {
    char *id = world_paid(W, "order", 500);
    assert_int_equal(world_callback(W, fake_refund_of_nobody(FAKE, 0, "order", 200)), 200);
    (void)world_tick(W);
    assert_int_equal(suspense(), -200);
    assert_refused(W, decide(case_return, "key", ONE_CASE, "it went back already"), ERR_STATE);
    assert_done(W, decide(case_accept, "key-2", ONE_CASE, "support did it by hand"), 200, "closed");
    assert_int_equal(suspense(), 0);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 200);
    assert_int_equal(count("SELECT refund_reserved_minor FROM payment"), 200);
    assert_int_equal(count("SELECT COUNT(*) FROM operation WHERE kind = 3 AND state = 4"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM event WHERE type = 'refund.succeeded'"), 1);
    assert_null(world_refund(W, "too-much", id, 301));
    assert_int_equal(W->result, -ERR_AMOUNT);
    sound();
    /* The gateway takes it back: it is ours by now, and comes back like any other. */
    int from = fake_event_count(FAKE);
    fake_refund_becomes(FAKE, 0, "order", "failed");
    world_callbacks(W, from);
    (void)world_tick(W);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 0);
    free(id);
    world_verify(W);
}

static void a_refund_beyond_what_is_left_is_not_accepted(void **state) {
    char *id = world_paid(W, "order", 500);
    assert_int_equal(world_callback(W, fake_refund_of_nobody(FAKE, 0, "order", 200)), 200);
    (void)world_tick(W);
    fake_say(FAKE, 0, "refund", 1, FAKE_PENDING);
    json_t *json = world_refund(W, "key", id, 300);
    assert_non_null(json);
    json_decref(json);
    struct caller caller = world_caller("chargeback", "x");
    struct answer answer = {0};
    const struct chargeback chargeback = {.reference = "CB1", .reason = "x", .amount_minor = 100};
    int r = dispute_record(W->payments, &caller, id, &chargeback, &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    assert_int_equal(W->result, 0);
    assert_refused(W, decide(case_accept, "key-2", ONE_CASE, "stands"), ERR_AMOUNT);
    assert_int_equal(suspense(), -200);
    assert_int_equal(count("SELECT state FROM review_case"), 1);
    free(id);
    world_verify(W);
}

static void what_posted_nothing_cannot_be_accepted_or_returned(void **state) {
    char *id = world_paid(W, "order", 500);
    (void)engine_exec(
        &W->engine,
        "INSERT INTO review_case (id, kind, state, payment_id, attempt_id, gateway, subject, "
        "detail, amount_minor, currency, resolution, opened_us, closed_us) VALUES ('case_x', "
        "'dispute', 1, '', '', 'stripe-a', 's', '', 5, 'USD', '', 1, 0)");
    assert_refused(W, decide(case_accept, "key", ONE_CASE, "x"), ERR_STATE);
    assert_refused(W, decide(case_return, "key-2", ONE_CASE, "x"), ERR_STATE);
    assert_refused(W, decide(case_accept, "key-3", ONE_CASE, ""), ERR_VALIDATION);
    assert_refused(W, decide(case_accept, "key-4", "SELECT 'case_nobody'", "x"), ERR_NOT_FOUND);
    free(id);
}

/* ---- returning ---- */

static void a_second_charge_is_returned_through_its_gateway(void **state) {
    twice("order");
    assert_done(W, decide(case_return, "key", ONE_CASE, "charged twice"), 201, "closed");
    assert_int_equal(suspense(), 0);
    assert_int_equal(fake_calls(FAKE, 0, "refund"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM operation WHERE kind = 4 AND state = 4"), 1);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry WHERE action = 'case.return'"), 1);
    assert_done(W, decide(case_return, "key", ONE_CASE, "charged twice"), 201, "closed");
    assert_int_equal(fake_calls(FAKE, 0, "refund"), 1);
    /* The gateway's own word of that refund is no news. */
    world_callbacks(W, 0);
    (void)world_tick(W);
    assert_int_equal(count("SELECT COUNT(*) FROM review_case"), 1);
    sound();
}

static void a_charge_of_nobodys_is_returned_though_it_has_no_payment(void **state) {
    assert_int_equal(world_callback(W, fake_charge_of_nobody(FAKE, 0, "", "till", 700)), 200);
    (void)world_tick(W);
    assert_done(W, decide(case_return, "key", ONE_CASE, "not ours"), 201, "closed");
    assert_int_equal(suspense(), 0);
    world_callbacks(W, 0);
    (void)world_tick(W);
    assert_int_equal(count("SELECT COUNT(*) FROM review_case"), 1);
    sound();
}

static void a_returned_late_success_lets_its_order_go(void **state) {
    late("order");
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE holds_order = 1"), 1);
    assert_done(W, decide(case_return, "key", ONE_CASE, "the customer paid elsewhere"), 201,
                "closed");
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE holds_order = 1"), 0);
    assert_text(W, "SELECT review FROM payment", "");
    assert_int_equal(count("SELECT state FROM payment"), 6);
    sound();
    create("order", "succeeded");
    sound();
}

static void a_return_that_nobody_answers_is_unknown_until_the_gateway_says(void **state) {
    twice("order");
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    assert_done(W, decide(case_return, "key", ONE_CASE, "charged twice"), 202, "open");
    assert_int_equal(count("SELECT state FROM operation"), 3);
    assert_int_equal(suspense(), 500);
    assert_refused(W, decide(case_return, "key-2", ONE_CASE, "again"), ERR_STATE);
    assert_refused(W, decide(case_accept, "key-3", ONE_CASE, "or not"), ERR_STATE);
    assert_refused(W, decide(case_close, "key-4", ONE_CASE, "or not"), ERR_STATE);
    world_verify(W);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_int_equal(count("SELECT state FROM operation"), 4);
    assert_int_equal(count("SELECT state FROM review_case"), 2);
    sound();
}

static void a_return_survives_the_end_of_its_process(void **state) {
    twice("order");
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    assert_done(W, decide(case_return, "key", ONE_CASE, "charged twice"), 202, "open");
    (void)engine_exec(&W->engine, "UPDATE operation SET state = 1, owner = 'gone', lease_us = 1");
    payment_world_restart(W);
    fake_say_nothing(FAKE);
    test_clock_advance(60 * US_PER_SECOND);
    (void)world_tick(W);
    world_settle_all(W);
    assert_int_equal(count("SELECT state FROM operation"), 4);
    assert_int_equal(suspense(), 0);
    sound();
}

static void a_return_that_the_gateway_refuses_leaves_the_case_open(void **state) {
    twice("order");
    fake_say(FAKE, 0, "refund", 1, FAKE_REJECT);
    assert_done(W, decide(case_return, "key", ONE_CASE, "charged twice"), 201, "open");
    assert_int_equal(count("SELECT state FROM operation"), 5);
    assert_int_equal(suspense(), 500);
    assert_done(W, decide(case_return, "key-2", ONE_CASE, "once more"), 201, "closed");
    assert_int_equal(suspense(), 0);
    sound();
}

static void a_return_that_comes_back_opens_the_case_again(void **state) {
    twice("order");
    assert_done(W, decide(case_return, "key", ONE_CASE, "charged twice"), 201, "closed");
    int from = fake_event_count(FAKE);
    fake_refund_becomes(FAKE, 0, "order", "failed");
    world_callbacks(W, from);
    (void)world_tick(W);
    assert_int_equal(count("SELECT state FROM operation"), 5);
    assert_int_equal(count("SELECT state FROM review_case"), 1);
    assert_int_equal(suspense(), 500);
    world_verify(W);
    assert_done(W, decide(case_return, "key-2", ONE_CASE, "to another account"), 201, "closed");
    assert_int_equal(suspense(), 0);
    world_verify(W);
}

/* ---- orders ---- */

static void an_order_that_late_money_holds_is_let_go_by_a_person(void **state) {
    late("order");
    assert_null(world_create(W, NULL, "order", 500));
    assert_int_equal(W->result, -ERR_ORDER_TAKEN);
    assert_done(W, decide(case_release_order, "key", ONE_CASE, "pays another way"), 200, "open");
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry WHERE action = 'case.release_order'"),
                     1);
    /* The same news again does not hold it again. */
    int last = fake_event_count(FAKE) - 1;
    char body[4000];
    snprintf(body, sizeof body, "%s", fake_event(FAKE, last).body);
    char *id = strstr(body, "evt_fake_");
    assert_non_null(id);
    memcpy(id, "evt_news_", strlen("evt_news_"));
    assert_int_equal(world_callback_raw(W, 0, body, FAKE_WEBHOOK_SECRET, clock_wall_us()), 200);
    (void)world_tick(W);
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE holds_order = 1"), 0);
    create("order", "succeeded");
    assert_refused(W, decide(case_release_order, "key-2", ONE_CASE, "again"), ERR_STATE);
    sound();
}

static void the_order_of_a_payment_that_succeeded_is_not_let_go(void **state) {
    twice("order");
    assert_refused(W, decide(case_release_order, "key", ONE_CASE, "no"), ERR_STATE);
}

/* ---- looking ---- */

static void a_case_says_what_it_posted_and_what_became_of_it(void **state) {
    twice("order");
    struct answer answer = {0};
    char *id = world_text(W, ONE_CASE);
    json_t *json = world_take(W, case_get(W->payments, id, &answer, &W->err), &answer);
    assert_string_equal(json_at(json, "posted"), "suspense");
    assert_int_equal(int_at(json, "amount"), 500);
    assert_non_null(strstr(json_at(json, "detail"), "posted to suspense"));
    json_decref(json);
    json_decref(decide(case_return, "key", ONE_CASE, "charged twice"));
    json = world_take(W, case_get(W->payments, id, &answer, &W->err), &answer);
    assert_string_equal(json_at(json_object_get(json, "return"), "object"), "return");
    assert_string_equal(json_at(json_object_get(json, "return"), "state"), "succeeded");
    assert_string_equal(json_at(json, "resolution"), "charged twice");
    assert_true(json_at(json, "decided_by")[0] != '\0');
    json_decref(json);
    assert_null(world_take(W, case_get(W->payments, "case_nobody", &answer, &W->err), &answer));
    assert_int_equal(W->result, -ERR_NOT_FOUND);
    free(id);
}

/* ---- by hand ---- */

static json_t *resolve(const char *key, bool completed, const char *reason) {
    struct caller caller = world_caller(key, "x");
    struct answer answer = {0};
    char *id = world_text(W, "SELECT id FROM operation");
    int r = operation_resolve(W->payments, &caller, id, completed, reason, "statement, line 812",
                              &answer, &W->err);
    free(id);
    return world_take(W, r, &answer);
}

static void an_unknown_refund_is_decided_by_a_person(void **state) {
    for (int completed = 0; completed < 2; completed++) {
        payment_world_forget(W);
        char *id = world_paid(W, "order", 500);
        fake_say(FAKE, 0, "*", -1, completed ? FAKE_LOSE_AFTER : FAKE_LOSE_BEFORE);
        json_decref(world_refund(W, "key", id, 200));
        assert_int_equal(count("SELECT state FROM operation"), 3);
        assert_refused(W, resolve("key-1", completed, ""), ERR_VALIDATION);
        assert_done(W, resolve("key-2", completed, "seen on the statement"), 200,
                    completed ? "succeeded" : "failed");
        assert_int_equal(count("SELECT refunded_minor FROM payment"), completed ? 200 : 0);
        assert_int_equal(count("SELECT refund_reserved_minor FROM payment"), completed ? 200 : 0);
        assert_text(W, "SELECT source FROM operation", "person");
        char *detail = world_text(
            W, "SELECT detail FROM audit_entry WHERE action = 'operation.resolve'");
        assert_non_null(strstr(detail, "line 812"));
        free(detail);
        assert_refused(W, resolve("key-3", completed, "again"), ERR_STATE);
        free(id);
        fake_say_nothing(FAKE);
        sound();
    }
}

static void an_unknown_capture_is_decided_by_a_person(void **state) {
    for (int completed = 0; completed < 2; completed++) {
        payment_world_forget(W);
        char *id = world_authorized(W, "order", 500);
        fake_say(FAKE, 0, "*", -1, completed ? FAKE_LOSE_AFTER : FAKE_LOSE_BEFORE);
        json_decref(world_capture(W, "key", id, 0, true));
        assert_done(W, resolve("key-2", completed, "seen"), 200,
                    completed ? "succeeded" : "failed");
        assert_int_equal(count("SELECT captured_minor FROM payment"), completed ? 500 : 0);
        assert_int_equal(count("SELECT state FROM payment"), completed ? 5 : 4);
        free(id);
        fake_say_nothing(FAKE);
        world_verify(W);
    }
}

static void an_unknown_cancellation_is_decided_by_a_person(void **state) {
    for (int completed = 0; completed < 2; completed++) {
        payment_world_forget(W);
        char *id = world_authorized(W, "order", 500);
        fake_say(FAKE, 0, "*", -1, completed ? FAKE_LOSE_AFTER : FAKE_LOSE_BEFORE);
        json_decref(world_cancel(W, "key", id));
        assert_done(W, resolve("key-2", completed, "seen"), 200,
                    completed ? "succeeded" : "failed");
        assert_int_equal(count("SELECT state FROM payment"), completed ? 7 : 4);
        free(id);
        fake_say_nothing(FAKE);
        sound();
    }
}

static void an_unknown_return_is_decided_by_a_person(void **state) {
    for (int completed = 0; completed < 2; completed++) {
        payment_world_forget(W);
        twice("order");
        fake_say(FAKE, 0, "*", -1, completed ? FAKE_LOSE_AFTER : FAKE_LOSE_BEFORE);
        json_decref(decide(case_return, "key", ONE_CASE, "charged twice"));
        assert_done(W, resolve("key-2", completed, "seen"), 200,
                    completed ? "succeeded" : "failed");
        assert_int_equal(suspense(), completed ? 0 : 500);
        assert_int_equal(count("SELECT state FROM review_case"), completed ? 2 : 1);
        fake_say_nothing(FAKE);
        sound();
    }
}

static void what_was_answered_is_not_decided_by_hand(void **state) {
    char *id = world_paid(W, "order", 500);
    json_decref(world_refund(W, "key", id, 200));
    assert_refused(W, resolve("key-2", false, "no"), ERR_STATE);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 200);
    free(id);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_money_that_is_accepted_becomes_the_payment),
        cmocka_unit_test(a_second_charge_that_is_accepted_stays_out_of_the_payments_sums),
        cmocka_unit_test(a_charge_of_nobodys_can_be_accepted),
        cmocka_unit_test(a_refund_of_the_dashboards_that_stands_is_a_refund_of_the_payment),
        cmocka_unit_test(a_refund_beyond_what_is_left_is_not_accepted),
        cmocka_unit_test(what_posted_nothing_cannot_be_accepted_or_returned),
        cmocka_unit_test(a_second_charge_is_returned_through_its_gateway),
        cmocka_unit_test(a_charge_of_nobodys_is_returned_though_it_has_no_payment),
        cmocka_unit_test(a_returned_late_success_lets_its_order_go),
        cmocka_unit_test(a_return_that_nobody_answers_is_unknown_until_the_gateway_says),
        cmocka_unit_test(a_return_survives_the_end_of_its_process),
        cmocka_unit_test(a_return_that_the_gateway_refuses_leaves_the_case_open),
        cmocka_unit_test(a_return_that_comes_back_opens_the_case_again),
        cmocka_unit_test(an_order_that_late_money_holds_is_let_go_by_a_person),
        cmocka_unit_test(the_order_of_a_payment_that_succeeded_is_not_let_go),
        cmocka_unit_test(a_case_says_what_it_posted_and_what_became_of_it),
        cmocka_unit_test(an_unknown_refund_is_decided_by_a_person),
        cmocka_unit_test(an_unknown_capture_is_decided_by_a_person),
        cmocka_unit_test(an_unknown_cancellation_is_decided_by_a_person),
        cmocka_unit_test(an_unknown_return_is_decided_by_a_person),
        cmocka_unit_test(what_was_answered_is_not_decided_by_hand),
    };
    return payment_world_run("cases", tests, COUNT_OF(tests));
}
