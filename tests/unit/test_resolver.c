/* SPDX-License-Identifier: Apache-2.0
 * test_resolver.c: what becomes of payments nobody answered for: asked about on a schedule, for
 * ever, ended only by evidence or by a named person with a reason (PAY-6, I6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "payment/internal.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)

static void advance_s(int64_t seconds) {
    test_clock_advance(seconds * US_PER_SECOND);
}

/* A payment whose gateway answers nothing any more; returns its id (free()). */
static char *unknown(enum fake_act act) {
    fake_say(FAKE, 0, "*", -1, act);
    json_t *json = world_create(W, "key", "order", 500);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), "processing");
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    return id;
}

static json_t *resolve(const char *key, const char *id, bool completed, const char *reason) {
    struct caller caller = world_caller(key, completed ? "completed" : "failed");
    struct answer answer = {0};
    return world_take(
        W, payment_resolve(W->payments, &caller, id, completed, reason, &answer, &W->err), &answer);
}

static json_t *check(const char *id) {
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    return world_take(W, payment_check(W->payments, &caller, id, &answer, &W->err), &answer);
}

static void disable(const char *gateway) {
    struct gateway_control_change change;
    assert_int_equal(gateway_control_set(W->control, gateway, GATEWAY_DISABLED, false, "test",
                                         "a test", &change, &W->err),
                     0);
    assert_int_equal(gateway_control_apply(&change, &W->err), 0);
}

static void the_schedule_is_5_s_15_s_1_min_5_min_15_min_1_h_and_hourly(void **state) {
    /* And at half an hour, when it has waited long. */
    static const int64_t delays_s[] = {5, 15, 60, 300, 900, 520, 3600, 3600, 3600};
    free(unknown(FAKE_LOSE_BEFORE));
    int asked = fake_calls(FAKE, 0, "*");
    for (size_t i = 0; i < COUNT_OF(delays_s); i++) {
        /* Seconds before it: those of a slow machine go by as well. */
        test_clock_advance(delays_s[i] * US_PER_SECOND - 3500 * US_PER_MS);
        (void)world_tick(W);
        assert_int_equal(fake_calls(FAKE, 0, "*"), asked);
        test_clock_advance(3600 * US_PER_MS);
        (void)world_tick(W);
        assert_int_equal(fake_calls(FAKE, 0, "*"), ++asked);
    }
}

static void the_delay_follows_from_the_age_of_the_trouble(void **state) {
    static const struct {
        int64_t age_s, delay_s;
    } rows[] = {{0, 5},       {4, 5},       {5, 15},        {19, 15},   {20, 60},
                {79, 60},     {80, 300},    {379, 300},     {380, 900}, {1279, 900},
                {1280, 3600}, {4880, 3600}, {1000000, 3600}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(resolve_delay_us(rows[i].age_s * US_PER_SECOND),
                         rows[i].delay_s * US_PER_SECOND);
    }
}

/* The steps of the customer's request, of the resolver and of a person, in order of time. */
static void the_story_tells_every_question_and_what_was_said(void **state) {
    static const struct {
        const char *source, *outcome;
    } rows[] = {{"repeat", "unknown"}, {"repeat", "unknown"}, {"repeat", "unknown"},
                {"repeat", "unknown"}, {"check", "unknown"},  {"query", "not_found"},
                {"query", "not_found"}};
    char *id = unknown(FAKE_LOSE_BEFORE);
    int in_request = fake_calls(FAKE, 0, "*") - 1;
    assert_int_equal(in_request, 2);
    advance_s(6);
    (void)world_tick(W);
    advance_s(16);
    (void)world_tick(W);
    advance_s(1);
    json_decref(check(id));
    fake_say_nothing(FAKE);
    disable("stripe-a"); /* so that it is asked and not charged */
    advance_s(61);
    (void)world_tick(W);
    advance_s(301);
    (void)world_tick(W);
    assert_payment(W, id, "processing");
    json_t *story = world_story(W, id), *inquiry;
    json_t *inquiries = json_object_get(story, "inquiries");
    assert_int_equal(json_array_size(inquiries), COUNT_OF(rows));
    size_t i;
    const char *before = "";
    json_array_foreach(inquiries, i, inquiry) {
        assert_string_equal(json_at(inquiry, "source"), rows[i].source);
        assert_string_equal(json_at(inquiry, "outcome"), rows[i].outcome);
        assert_string_equal(json_at(inquiry, "attempt_id"), json_at(story, "attempts.0.id"));
        assert_string_equal(json_at(inquiry, "gateway"), "stripe-a");
        assert_true(strcmp(before, json_at(inquiry, "at")) <= 0);
        before = json_at(inquiry, "at");
    }
    assert_string_equal(json_at(inquiries, "2.code"), json_at(inquiries, "0.code"));
    assert_true(json_at(inquiries, "0.code")[0] != '\0');
    json_decref(story);
    free(id);
    world_verify(W);
}

static void the_story_tells_the_questions_about_a_refund(void **state) {
    json_t *json = world_create(W, "key", "order", 500);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    json_decref(world_refund(W, "key-2", id, 100));
    int in_request = (int)world_int(W, "SELECT COUNT(*) FROM inquiry");
    advance_s(6);
    (void)world_tick(W);
    fake_say_nothing(FAKE);
    advance_s(16);
    (void)world_tick(W);
    json_t *story = world_story(W, id);
    json_t *inquiries = json_object_get(story, "inquiries");
    assert_int_equal(json_array_size(inquiries), in_request + 2);
    json_t *last = json_array_get(inquiries, json_array_size(inquiries) - 1);
    assert_string_equal(json_at(last, "source"), "repeat");
    assert_string_equal(json_at(last, "outcome"), "refunded");
    assert_string_equal(json_at(last, "operation_id"), json_at(story, "operations.0.id"));
    assert_string_equal(json_at(json_array_get(inquiries, (size_t)in_request), "outcome"),
                        "unknown");
    json_decref(story);
    free(id);
    world_verify(W);
}

static void it_never_fails_by_waiting(void **state) {
    char *id = unknown(FAKE_LOSE_BEFORE);
    for (int day = 0; day < 60; day++) {
        for (int quarter = 0; quarter < 4; quarter++) {
            advance_s(6 * 3600);
            (void)world_tick(W);
        }
        assert_payment(W, id, "processing");
    }
    assert_int_equal(world_int(W, "SELECT state FROM attempt"), 4);
    fake_say_nothing(FAKE);
    free(id);
    world_verify(W);
}

/* It never arrived, and the gateway says so; but a repeat of ours may have been on its way. */
static void not_found_counts_only_when_nothing_can_arrive_any_more(void **state) {
    fake_say(FAKE, 0, "charge", -1, FAKE_LOSE_BEFORE);
    json_t *json = world_create(W, "key", "order", 500);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    static const int64_t minutes[] = {2, 4, 6, 8, 11, 14};
    int64_t passed = 0;
    for (size_t i = 0; i < COUNT_OF(minutes); i++) {
        advance_s((minutes[i] - passed) * 60);
        passed = minutes[i];
        (void)world_tick(W);
        json_decref(check(id));
        assert_payment(W, id, "processing");
    }
    assert_true(fake_calls(FAKE, 0, "query") > 0);
    advance_s(120);
    json = check(id);
    assert_string_equal(json_at(json, "payment.state"), "failed");
    assert_string_equal(json_at(json, "attempt.state"), "not_charged");
    json_decref(json);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 0);
    free(id);
    world_check(W);
}

/* … and if it is there after all, it is money without a payment, for a person. */
static void a_success_after_a_conclusive_not_found_is_a_case_and_suspense(void **state) {
    fake_say(FAKE, 0, "charge", -1, FAKE_LOSE_BEFORE);
    json_decref(world_create(W, "key", "order", 500));
    advance_s(3600);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 6);
    char *attempt = world_text(W, "SELECT id FROM attempt");
    int event = fake_charge_of_nobody(FAKE, 0, attempt, "order", 500);
    free(attempt);
    assert_int_equal(world_callback(W, event), 200);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 6);
    assert_text(W, "SELECT kind FROM review_case", "late_success");
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 10 AND amount_minor = 500"), 1);
    world_verify(W);
    world_books_equal(W);
}

/* The lost charge is found by our reference once repeating has ended. */
static void what_was_charged_is_found_by_our_reference(void **state) {
    char *id = unknown(FAKE_LOSE_AFTER);
    advance_s(600);
    fake_say_nothing(FAKE);
    fake_say(FAKE, 0, "charge", -1, FAKE_REFUSE);
    (void)world_tick(W);
    assert_payment(W, id, "succeeded");
    assert_text(W, "SELECT source FROM attempt", "query");
    free(id);
    world_check(W);
}

static void an_unknown_hold_becomes_an_authorization(void **state) {
    struct payment_order order = world_order("order", 500);
    order.capture_later = true;
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    json_t *json = world_pay(W, "key", &order);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_payment(W, json_at(json, "id"), "authorized");
    json_decref(json);
    world_check(W);
}

static void an_open_breaker_does_not_stop_resolving(void **state) {
    char *id = unknown(FAKE_LOSE_AFTER);
    fake_say_nothing(FAKE);
    fake_say(FAKE, 0, "charge", 10, FAKE_REFUSE);
    for (int i = 0; i < 6; i++) {
        char order[32];
        snprintf(order, sizeof order, "other-%d", i);
        json_decref(world_create(W, NULL, order, 100));
    }
    fake_say_nothing(FAKE);
    advance_s(5);
    test_clock_advance(100 * US_PER_MS);
    (void)world_tick(W);
    assert_payment(W, id, "succeeded");
    free(id);
    world_check(W);
}

static void a_disabled_gateway_is_asked_but_never_charged_again(void **state) {
    char *id = unknown(FAKE_LOSE_BEFORE);
    disable("stripe-a");
    fake_say_nothing(FAKE);
    int charges = fake_calls(FAKE, 0, "charge"), queries = fake_calls(FAKE, 0, "query");
    advance_s(6);
    (void)world_tick(W);
    assert_int_equal(fake_calls(FAKE, 0, "charge"), charges);
    assert_int_equal(fake_calls(FAKE, 0, "query"), queries + 1);
    assert_payment(W, id, "processing");
    world_settle_all(W);
    assert_payment(W, id, "failed");
    assert_int_equal(fake_charged(FAKE, "order", NULL), 0);
    free(id);
    world_check(W);
}

static void a_gateway_that_left_the_configuration_stops_nothing(void **state) {
    fake_say(FAKE, 0, "charge", 1, FAKE_REFUSE);
    fake_say(FAKE, 1, "*", -1, FAKE_LOSE_AFTER);
    json_t *json = world_create(W, "key", "order", 500);
    assert_string_equal(json_at(json, "gateway"), "stripe-b");
    fake_say_nothing(FAKE);
    W->gateways = 1;
    payment_world_restart(W);
    for (int i = 0; i < 5; i++) {
        advance_s(120);
        (void)world_tick(W);
    }
    assert_payment(W, json_at(json, "id"), "processing");
    W->gateways = FAKE_ACCOUNTS;
    payment_world_restart(W);
    world_settle_all(W);
    assert_payment(W, json_at(json, "id"), "succeeded");
    json_decref(json);
    world_check(W);
}

/* ---- captures of long ago ---- */

static void a_capture_unknown_for_longer_than_keys_live_ends_by_what_is_held(void **state) {
    static const struct {
        enum fake_act act;
        int64_t amount_minor, captured_minor;
        bool final;
        const char *state;
    } rows[] = {
        {FAKE_LOSE_BEFORE, 300, 0, true, "authorized"},
        {FAKE_LOSE_BEFORE, 300, 0, false, "authorized"},
        {FAKE_LOSE_AFTER, 300, 300, true, "succeeded"},
        {FAKE_LOSE_AFTER, 300, 300, false, "succeeded"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        payment_world_forget(W);
        char *id = world_authorized(W, "order", 1000);
        fake_say(FAKE, 0, "*", -1, rows[i].act);
        json_decref(world_capture(W, "key", id, rows[i].amount_minor, rows[i].final));
        assert_int_equal(W->status, 202);
        for (int hour = 0; hour < 24; hour++) {
            advance_s(3700);
            (void)world_tick(W);
        }
        fake_say_nothing(FAKE);
        world_settle_all(W);
        assert_payment(W, id, rows[i].state);
        assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"),
                         rows[i].captured_minor);
        free(id);
        world_check(W);
    }
}

static void a_part_lost_before_another_one_ends_where_a_hold_tells_no_captures(void **state) {
    char *id = world_authorized(W, "order", 1000);
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    json_decref(world_capture(W, "key", id, 300, false));
    assert_int_equal(W->status, 202);
    fake_say_nothing(FAKE);
    json_decref(world_capture(W, "key-2", id, 200, false));
    assert_int_equal(W->status, 201);
    fake_say(FAKE, 0, "capture", -1, FAKE_LOSE_BEFORE);
    fake_say(FAKE, 0, "query", -1, FAKE_NO_CAPTURES);
    for (int hour = 0; hour < 24; hour++) {
        advance_s(3700);
        (void)world_tick(W);
    }
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation WHERE state IN (1, 2, 3)"), 0);
    assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), 200);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    free(id);
    world_check(W);
}

/* ---- what waits too long ---- */

static void what_nobody_knows_for_half_an_hour_is_marked_until_it_is_known(void **state) {
    char *id = unknown(FAKE_LOSE_AFTER);
    for (int minute = 0; minute < 25; minute += 5) {
        advance_s(300);
        (void)world_tick(W);
        assert_text(W, "SELECT review FROM payment", "");
    }
    for (int minute = 25; minute < 60; minute += 5) {
        advance_s(300);
        (void)world_tick(W);
    }
    assert_text(W, "SELECT review FROM payment", "waits_long");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event WHERE type = 'payment.review'"), 1);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_payment(W, id, "succeeded");
    assert_text(W, "SELECT review FROM payment", "");
    free(id);
    world_check(W);
}

static void a_capture_that_nobody_knows_of_for_half_an_hour_marks_its_payment(void **state) {
    char *id = world_authorized(W, "order", 1000);
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    json_decref(world_capture(W, "key", id, 300, true));
    for (int minute = 0; minute < 60; minute += 5) {
        advance_s(300);
        (void)world_tick(W);
    }
    assert_text(W, "SELECT review FROM payment", "waits_long");
    fake_say(FAKE, 0, "*", -1, FAKE_REJECT);
    for (int hour = 0; hour < 30; hour++) {
        advance_s(3700);
        (void)world_tick(W);
    }
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation WHERE state IN (1, 2, 3)"), 0);
    assert_text(W, "SELECT review FROM payment", "");
    free(id);
    world_check(W);
}

/* ---- by hand ---- */

static void a_person_decides_only_with_a_reason_and_it_is_audited(void **state) {
    char *id = unknown(FAKE_LOSE_BEFORE);
    static const char *const none[] = {NULL, ""};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        assert_null(resolve(NULL, id, false, none[i]));
        assert_int_equal(W->result, -ERR_VALIDATION);
    }
    json_t *json = resolve("key-2", id, false, "the gateway's support says it never came");
    assert_string_equal(json_at(json, "state"), "failed");
    json_decref(json);
    assert_text(W, "SELECT action FROM audit_entry", "payment.resolve");
    assert_text(W, "SELECT reason FROM audit_entry", "the gateway's support says it never came");
    assert_text(W, "SELECT actor FROM audit_entry", "key:test");
    assert_text(W, "SELECT source FROM attempt", "person");
    /* Once: the same key has the same answer, another one comes too late. */
    json_decref(resolve("key-2", id, false, "again"));
    assert_true(W->replayed);
    assert_null(resolve("key-3", id, true, "no, it came"));
    assert_int_equal(W->result, -ERR_STATE);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_payment(W, id, "failed");
    free(id);
    world_check(W);
}

static void a_person_may_say_that_it_was_charged(void **state) {
    char *id = unknown(FAKE_LOSE_AFTER);
    json_t *json = resolve("key-2", id, true, "seen in the gateway's dashboard");
    assert_string_equal(json_at(json, "state"), "succeeded");
    assert_int_equal(int_at(json, "amount_captured"), 500);
    json_decref(json);
    fake_say_nothing(FAKE);
    world_callbacks(W, 0);
    world_settle_all(W);
    free(id);
    world_check(W);
}

static void a_person_who_was_wrong_is_found_out_by_the_callback(void **state) {
    char *id = unknown(FAKE_LOSE_AFTER);
    json_decref(resolve("key-2", id, false, "the customer says no"));
    fake_say_nothing(FAKE);
    world_callbacks(W, 0);
    (void)world_tick(W);
    assert_payment(W, id, "failed");
    assert_text(W, "SELECT kind FROM review_case", "late_success");
    free(id);
    world_verify(W);
    world_books_equal(W);
}

static void what_is_resolved_is_not_decided_by_hand(void **state) {
    static const enum fake_act acts[] = {FAKE_DO, FAKE_DECLINE, FAKE_ACTION};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        payment_world_forget(W);
        fake_say(FAKE, 0, "charge", 1, acts[i]);
        json_t *json = world_create(W, "key", "order", 500);
        assert_null(resolve("key-2", json_at(json, "id"), false, "because"));
        assert_int_equal(W->result, -ERR_STATE);
        json_decref(json);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry"), 0);
}

static void asking_by_hand_applies_what_the_gateway_says(void **state) {
    char *id = unknown(FAKE_LOSE_AFTER);
    json_t *json = check(id);
    assert_string_equal(json_at(json, "gateway_says.outcome"), "unknown");
    assert_true(
        json_is_true(json_object_get(json_object_get(json, "gateway_says"), "still_unresolved")));
    json_decref(json);
    fake_say_nothing(FAKE);
    json = check(id);
    assert_string_equal(json_at(json, "payment.state"), "succeeded");
    assert_string_equal(json_at(json, "gateway_says.outcome"), "charged");
    json_decref(json);
    free(id);
    world_check(W);
}

static void a_payment_that_was_never_sent_has_nothing_to_ask_about(void **state) {
    struct payment_order order = world_order("order", 500);
    order.token = "";
    json_t *json = world_pay(W, "key", &order);
    assert_null(check(json_at(json, "id")));
    assert_int_equal(W->result, -ERR_STATE);
    json_decref(json);
}

static void unresolved_payments_are_listed_and_counted(void **state) {
    char *id = unknown(FAKE_LOSE_BEFORE);
    struct backlog backlog;
    assert_int_equal(payments_backlog(W->payments, &backlog, &W->err), 0);
    assert_int_equal(backlog.unknown_payments, 1);
    assert_int_equal(backlog.processing_payments, 1);
    assert_true(backlog.oldest_unresolved_us > 0);
    advance_s(120);
    static const int64_t older_s[] = {60, 600};
    for (size_t i = 0; i < COUNT_OF(older_s); i++) {
        struct answer answer = {0};
        int r = payment_stuck(W->payments, older_s[i] * US_PER_SECOND, 10, &answer, &W->err);
        json_t *json = world_take(W, r, &answer);
        assert_int_equal(json_array_size(json_object_get(json, "data")), i == 0 ? 1 : 0);
        if (i == 0) {
            assert_string_equal(json_at(json, "data.0.payment_id"), id);
            assert_true(int_at(json, "data.0.age_seconds") >= 120);
        }
        json_decref(json);
    }
    free(id);
}

static void an_unresolved_capture_is_listed_and_counted_too(void **state) {
    (void)state;
    struct backlog backlog;
    struct answer answer = {0};
    char *id = world_authorized(W, "order", 500);
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    json_decref(world_capture(W, "capture", id, 300, true));
    advance_s(120);
    json_t *json = world_take(
        W, payment_stuck(W->payments, 60 * US_PER_SECOND, 10, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 0);
    assert_int_equal(json_array_size(json_object_get(json, "operations")), 1);
    assert_string_equal(json_at(json, "operations.0.payment_id"), id);
    assert_string_equal(json_at(json, "operations.0.state"), "unknown");
    json_decref(json);
    assert_int_equal(payments_backlog(W->payments, &backlog, &W->err), 0);
    assert_int_equal(backlog.unknown_operations, 1);
    assert_int_equal(backlog.unknown_payments, 0);
    json_decref(world_capture(W, "again", id, 100, true));
    assert_int_equal(W->result, -ERR_STATE);
    assert_non_null(strstr(W->err.hint, "has not confirmed"));
    free(id);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schedule_is_5_s_15_s_1_min_5_min_15_min_1_h_and_hourly),
        cmocka_unit_test(the_delay_follows_from_the_age_of_the_trouble),
        cmocka_unit_test(the_story_tells_every_question_and_what_was_said),
        cmocka_unit_test(the_story_tells_the_questions_about_a_refund),
        cmocka_unit_test(it_never_fails_by_waiting),
        cmocka_unit_test(not_found_counts_only_when_nothing_can_arrive_any_more),
        cmocka_unit_test(a_success_after_a_conclusive_not_found_is_a_case_and_suspense),
        cmocka_unit_test(what_was_charged_is_found_by_our_reference),
        cmocka_unit_test(an_unknown_hold_becomes_an_authorization),
        cmocka_unit_test(an_open_breaker_does_not_stop_resolving),
        cmocka_unit_test(a_disabled_gateway_is_asked_but_never_charged_again),
        cmocka_unit_test(a_gateway_that_left_the_configuration_stops_nothing),
        cmocka_unit_test(a_capture_unknown_for_longer_than_keys_live_ends_by_what_is_held),
        cmocka_unit_test(a_part_lost_before_another_one_ends_where_a_hold_tells_no_captures),
        cmocka_unit_test(what_nobody_knows_for_half_an_hour_is_marked_until_it_is_known),
        cmocka_unit_test(a_capture_that_nobody_knows_of_for_half_an_hour_marks_its_payment),
        cmocka_unit_test(a_person_decides_only_with_a_reason_and_it_is_audited),
        cmocka_unit_test(a_person_may_say_that_it_was_charged),
        cmocka_unit_test(a_person_who_was_wrong_is_found_out_by_the_callback),
        cmocka_unit_test(what_is_resolved_is_not_decided_by_hand),
        cmocka_unit_test(asking_by_hand_applies_what_the_gateway_says),
        cmocka_unit_test(a_payment_that_was_never_sent_has_nothing_to_ask_about),
        cmocka_unit_test(unresolved_payments_are_listed_and_counted),
        cmocka_unit_test(an_unresolved_capture_is_listed_and_counted_too),
    };
    return payment_world_run("the resolver", tests, COUNT_OF(tests));
}
