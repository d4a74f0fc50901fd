/* SPDX-License-Identifier: Apache-2.0
 * test_verify.c: a world of every kind of payment is sound; whatever is broken in it by hand is
 * found, under its rule. */
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

static void create(const char *order_id, enum fake_act act, int times) {
    fake_say(FAKE, 0, "*", times, act);
    json_t *json = world_create(W, NULL, order_id, 500);
    assert_non_null(json);
    json_decref(json);
    fake_say_nothing(FAKE);
}

/* Charged and partly refunded, one disputed, store credit, a hold, one declined, one unknown, one
 * pending refund, one callback and one webhook that wait. */
static void every_kind(void) {
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    int r = webhook_endpoint_create(W->payments, &caller, FAKE_MERCHANT_URL, "*", "", &answer,
                                    &W->err);
    json_decref(world_take(W, r, &answer));
    char *id = world_paid(W, "paid", 500);
    json_decref(world_refund(W, NULL, id, 100));
    free(id);
    id = world_paid(W, "refunded", 500);
    fake_say(FAKE, 0, "refund", 1, FAKE_PENDING);
    json_decref(world_refund(W, NULL, id, 200));
    free(id);
    free(world_authorized(W, "held", 500));
    id = world_paid(W, "disputed", 500);
    const struct chargeback chargeback = {.reference = "CB1", .reason = "x", .amount_minor = 300};
    struct caller person = world_caller("chargeback", "x");
    r = dispute_record(W->payments, &person, id, &chargeback, &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    person.key = "credit";
    r = credit_adjust(W->payments, &person, "cus-1", 100, (struct currency){"USD"}, false, "late",
                      &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    free(id);
    struct payment_order later = world_order("held-order", 500);
    later.defer = true;
    json_decref(world_pay(W, NULL, &later));
    W->forward = (struct forward_options){.enabled = true,
                                          .purposes = {[PURPOSE_ORDER] = true},
                                          .vip = true,
                                          .limits = {{{"USD"}, 500, 500}},
                                          .limit_count = 1};
    payment_world_restart(W);
    later = world_order("queued-order", 500);
    later.queue = true;
    later.customer_vip = true;
    json_decref(world_pay(W, NULL, &later));
    create("declined", FAKE_DECLINE, 1);
    create("unknown", FAKE_LOSE_BEFORE, -1);
    assert_int_equal(world_callback(W, 0), 200);
}

static const struct {
    const char *rule, *what, *sql;
} breaks[] = {
    {"I1", "more than one attempt",
     "INSERT INTO attempt (id, payment_id, number, gateway, state, live, amount_minor, currency, "
     "token, decision, "
     "outcome, source, gateway_id, charge_id, code, common_code, message, trace, http_status, "
     "reach, duration_us, "
     "was_unknown, owner, lease_us, sent_us, created_us, settled_us, callback_due_us, callback_us) "
     "SELECT 'att_x', "
     "payment_id, 9, gateway, state, NULL, amount_minor, currency, token, decision, outcome, "
     "source, '', '', code, "
     "common_code, message, trace, http_status, reach, duration_us, was_unknown, owner, lease_us, "
     "sent_us, "
     "created_us, settled_us, 0, 0 FROM attempt WHERE state = 6 LIMIT 1"},
    {"I1", "live mark", "UPDATE attempt SET live = NULL WHERE state = 6"},
    {"I1", "live mark", "UPDATE attempt SET live = 1 WHERE state = 7"},
    {"I2", "without a charged attempt", "UPDATE attempt SET state = 4 WHERE state = 6"},
    {"I4", "charged attempt whose payment", "UPDATE payment SET state = 4 WHERE order_id = 'paid'"},
    {"I4", "captured amount",
     "UPDATE payment SET captured_minor = captured_minor + 1 WHERE order_id = 'paid'"},
    {"I4", "captured amount", "DELETE FROM posting WHERE kind = 1"},
    {"I4", "refunded amount",
     "UPDATE payment SET refunded_minor = refunded_minor - 1 WHERE order_id = 'paid'"},
    {"I4", "refunded amount", "DELETE FROM posting WHERE kind = 3"},
    {"I4", "disputed amount",
     "UPDATE payment SET disputed_minor = disputed_minor + 1 WHERE order_id = 'disputed'"},
    {"I4", "disputed amount", "DELETE FROM posting WHERE kind = 6"},
    {"I4", "booked otherwise", "UPDATE dispute SET posted = 11 - posted"},
    {"I4", "booked otherwise", "UPDATE posting SET journal_id = 'x' WHERE kind = 6"},
    {"I4", "booked otherwise", "UPDATE dispute SET amount_minor = amount_minor - 1"},
    {"I4", "the other way", "UPDATE dispute SET state = 3"},
    {"I4", "the other way", "UPDATE dispute SET state = 4, posted = 0"},
    {"I6", "nobody watches", "DELETE FROM job WHERE kind = 'dispute'"},
    {"I10", "credit is negative",
     "UPDATE posting SET debit_account = credit_account, credit_account = debit_account, kind = 20 "
     "WHERE kind = 19"},
    {"I4", "another currency", "UPDATE posting SET currency = 'EUR' WHERE kind = 1"},
    {"I4", "not positive", "UPDATE posting SET amount_minor = 0 WHERE kind = 5"},
    {"I4", "not positive", "UPDATE posting SET credit_account = debit_account WHERE kind = 5"},
    {"I4", "without such a posting",
     "INSERT INTO review_case (id, kind, state, payment_id, attempt_id, gateway, subject, detail, "
     "amount_minor, currency, resolution, opened_us, closed_us, posted) VALUES ('case_x', 'k', 1, "
     "'', '', 'stripe-a', 'nothing', '', 5, 'USD', '', 1, 0, 10)"},
    {"I4", "holds the money", "UPDATE attempt SET state = 9, live = NULL WHERE state = 5"},
    {"I5", "ended while", "UPDATE payment SET state = 6 WHERE order_id = 'unknown'"},
    {"I6", "nobody will ask", "DELETE FROM job WHERE kind = 'resolve'"},
    {"I6", "capture, cancellation, refund or return that nobody",
     "DELETE FROM job WHERE kind = 'resolve_operation'"},
    {"I6", "may still be answered", "UPDATE attempt SET state = 8, live = NULL WHERE state = 4"},
    {"PAY-10", "fraud rules denied",
     "INSERT INTO risk_decision (subject, number, action, score, attempts, method, card, scorer, "
     "scorer_score, at_us, decision) SELECT payment_id, 1, 3, 0, 0, 'card', '', 0, 0, 1, '{}' FROM "
     "attempt WHERE state = 6 LIMIT 1"},
    {"I10", "beyond what was captured",
     "UPDATE payment SET refund_reserved_minor = 501, captured_minor = 500 WHERE order_id = "
     "'paid'"},
    {"I10", "beyond what was captured",
     "UPDATE payment SET disputed_minor = 450 WHERE order_id = 'paid'"},
    {"I10", "not the sum",
     "UPDATE payment SET refund_reserved_minor = 101 WHERE order_id = 'paid'"},
    {"I10", "not the sum", "UPDATE operation SET state = 5 WHERE kind = 3 AND state = 4"},
    {"I3", "no job will process", "DELETE FROM job WHERE kind = 'callback'"},
    {"I3", "no job will look at",
     "INSERT INTO bank_row (id, gateway, bank_id, account, virtual_account, booked_on, valued_on, "
     "credit, amount_minor, currency, party_name, party_account, party_sealed, remittance, named, "
     "reverses, source, line, taken_us, taken_by, state, payment_id, attempt_id, operation_id, "
     "excess_minor, note, matched_us, matched_by) VALUES ('bkr_x', 'bank', 'b', 'a', '', "
     "'2026-11-22', '', 1, 5, 'USD', '', '', '', '', '', '', '', 0, 1, '', 1, '', '', '', 0, '', "
     "0, '')"},
    {"I4", "statement that is booked otherwise",
     "INSERT INTO bank_row (id, gateway, bank_id, account, virtual_account, booked_on, valued_on, "
     "credit, amount_minor, currency, party_name, party_account, party_sealed, remittance, named, "
     "reverses, source, line, taken_us, taken_by, state, payment_id, attempt_id, operation_id, "
     "excess_minor, note, matched_us, matched_by) VALUES ('bkr_x', 'bank', 'b', 'a', '', "
     "'2026-11-22', '', 1, 5, 'USD', '', '', '', '', '', '', '', 0, 1, '', 2, '', '', '', 0, '', "
     "0, '')"},
    {"I4", "was not taken out of suspense",
     "INSERT INTO bank_row (id, gateway, bank_id, account, virtual_account, booked_on, valued_on, "
     "credit, amount_minor, currency, party_name, party_account, party_sealed, remittance, named, "
     "reverses, source, line, taken_us, taken_by, state, payment_id, attempt_id, operation_id, "
     "excess_minor, note, matched_us, matched_by) VALUES ('bkr_x', 'bank', 'b', 'a', '', "
     "'2026-11-22', '', 1, 5, 'USD', '', '', '', '', '', '', '', 0, 1, '', 8, '', '', '', 0, '', "
     "0, '')"},
    {"I4", "has deposits left",
     "INSERT INTO posting (id, journal_id, kind, payment_id, debit_account, credit_account, "
     "amount_minor, currency, at_us) SELECT 'pst_x', 'x', 21, id, 'a', 'b', 5, currency, 1 FROM "
     "payment WHERE order_id = 'paid'"},
    {"I6", "no job will charge", "DELETE FROM job WHERE kind = 'forward'"},
    {"I6", "is not counted", "UPDATE forward SET done_us = 1"},
    {"I6", "is not counted", "UPDATE forward SET amount_minor = 1"},
    {"I6", "no job will let go", "DELETE FROM job WHERE kind = 'deferral'"},
    {"I3", "no job will send", "DELETE FROM job WHERE kind = 'webhook'"},
};

static json_t *verified_by(uint64_t rules) {
    struct answer answer = {0};
    struct store *store = W->engine.store;
    json_t *json = world_take(W, payments_verify_store(store, rules, &answer, &W->err), &answer);
    assert_non_null(json);
    return json;
}

static json_t *verified(void) {
    struct answer answer = {0};
    json_t *json = world_take(W, payments_verify(W->payments, &answer, &W->err), &answer);
    assert_non_null(json);
    return json;
}

static bool found(const json_t *broken, const char *rule, const char *what) {
    for (size_t i = 0; i < json_array_size(broken); i++) {
        const json_t *one = json_array_get(broken, i);
        if (strcmp(json_at(one, "rule"), rule) == 0 && strstr(json_at(one, "what"), what) != NULL) {
            return json_at(one, "id")[0] != '\0';
        }
    }
    return false;
}

static void a_world_of_every_kind_of_payment_is_sound(void **state) {
    every_kind();
    world_verify(W);
    json_t *json = verified();
    assert_true(int_at(json, "checked") >= 18);
    json_decref(json);
}

static void whatever_is_broken_by_hand_is_found(void **state) {
    for (size_t i = 0; i < COUNT_OF(breaks); i++) {
        payment_world_forget(W);
        every_kind();
        world_verify(W);
        assert_true(engine_exec(&W->engine, breaks[i].sql) > 0);
        json_t *json = verified();
        if (!found(json_object_get(json, "broken"), breaks[i].rule, breaks[i].what)) {
            fail_msg("%s \"%s\" was not found after: %s", breaks[i].rule, breaks[i].what,
                     breaks[i].sql);
        }
        json_decref(json);
        json = verified_by(payments_rules_about(breaks[i].sql));
        if (!found(json_object_get(json, "broken"), breaks[i].rule, breaks[i].what)) {
            fail_msg("%s \"%s\" is not asked after: %s", breaks[i].rule, breaks[i].what,
                     breaks[i].sql);
        }
        json_decref(json);
    }
}

static void only_the_rules_about_what_was_written_are_asked(void **state) {
    uint64_t every = payments_rules_about("DROP TABLE posting");
    uint64_t posting = payments_rules_about("INSERT INTO posting (id) VALUES ($1)");
    uint64_t job = payments_rules_about("DELETE FROM job WHERE key = $1");
    assert_true(every == PAYMENTS_RULES_ALL);
    assert_true(payments_rules_about("SELECT id FROM posting") == 0);
    assert_true(payments_rules_about("UPDATE api_key SET name = 'posting'") == 0);
    /* No rule names these two; some name what is set after them. */
    assert_true(payments_rules_about("UPDATE attempt SET callback_us = $2, callback_due_us = 0 "
                                     "WHERE live = $1") == 0);
    assert_true(payments_rules_about("UPDATE attempt SET callback_us = CASE WHEN $5 = ' WHERE ' "
                                     "THEN COALESCE($2, (0)) ELSE 1 END, live = 1 WHERE id = $1") !=
                0);
    assert_true(payments_rules_about("UPDATE attempt SET (callback_us, lease_us) = ($2, $3)") != 0);
    assert_true(posting != 0 && job != 0 && (posting & job) == 0);
    every_kind();
    (void)engine_exec(&W->engine, "DELETE FROM job WHERE kind = 'resolve'");
    json_t *json = verified_by(posting);
    assert_int_equal(json_array_size(json_object_get(json, "broken")), 0);
    assert_int_equal(int_at(json, "checked"), __builtin_popcountll(posting));
    json_decref(json);
}

/* The one rule that the store itself keeps: the index must go before it can be broken. */
static void an_order_held_twice_is_found(void **state) {
    every_kind();
    (void)engine_exec(&W->engine, "DROP INDEX payment_order_held");
    (void)engine_exec(&W->engine, "UPDATE payment SET order_id = 'paid', holds_order = 1");
    json_t *json = verified();
    assert_true(found(json_object_get(json, "broken"), "I1", "held by more than one"));
    json_decref(json);
}

static void every_rule_has_a_row_here(void **state) {
    every_kind();
    json_t *json = verified();
    int64_t rules = int_at(json, "checked");
    json_decref(json);
    int64_t rows = 1; /* the order held twice */
    for (size_t i = 0; i < COUNT_OF(breaks); i++) {
        bool first = true;
        for (size_t k = 0; k < i; k++) {
            first = first && strcmp(breaks[i].what, breaks[k].what) != 0;
        }
        rows += first;
    }
    assert_int_equal(rows, rules);
}

/* A world in ruins is told within bounds. */
static void many_broken_rows_are_told_within_bounds(void **state) {
    char order[32];
    for (int i = 0; i < 70; i++) {
        snprintf(order, sizeof order, "order-%d", i);
        json_decref(world_create(W, NULL, order, 100));
    }
    (void)engine_exec(&W->engine, "DELETE FROM posting");
    json_t *json = verified();
    size_t told = json_array_size(json_object_get(json, "broken"));
    assert_in_range(told, 50, 60);
    json_decref(json);
}

/* Several stretches of every table that is asked: what is broken at their ends and in the middle is
 * found, and nothing that is sound. */
static void a_store_of_many_stretches_is_verified_whole(void **state) {
    every_kind();
    (void)engine_exec(
        &W->engine,
        "INSERT INTO payment (id, version, order_id, state, amount_minor, currency, method, "
        "purpose, capture_later, authorized_minor, captured_minor, refunded_minor, "
        "refund_reserved_minor, disputed_minor, customer_id, customer_region, customer_vip, "
        "customer_email, customer_ip, tokens, return_url, cancel_url, description, metadata, "
        "action, action_url, failure_code, failure_message, review, was_unknown, attempts, "
        "gateway, created_us, updated_us) WITH RECURSIVE n(i) AS (SELECT 10000 UNION ALL SELECT i "
        "+ 1 FROM n WHERE i < 22099) SELECT 'pay_' || i, 1, 'many-' || i, 6, 500, 'USD', 1, '1', "
        "0, 0, 0, 0, 0, 0, '', '', 0, '', '', '{}', '', '', '', '{}', '', '', '', '', '', 0, 0, "
        "'', 1, 1 FROM n");
    world_verify(W);
    (void)engine_exec(&W->engine, "UPDATE payment SET captured_minor = 1 WHERE id IN ('pay_10000', "
                                  "'pay_14999', 'pay_15000', 'pay_15001', 'pay_20000', "
                                  "'pay_22099')");
    json_t *json = verified();
    int told = 0;
    for (size_t i = 0; i < json_array_size(json_object_get(json, "broken")); i++) {
        const json_t *one = json_array_get(json_object_get(json, "broken"), i);
        told += strstr(json_at(one, "what"), "captured amount") != NULL;
    }
    json_decref(json);
    assert_int_equal(told, 6);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_world_of_every_kind_of_payment_is_sound),
        cmocka_unit_test(whatever_is_broken_by_hand_is_found),
        cmocka_unit_test(only_the_rules_about_what_was_written_are_asked),
        cmocka_unit_test(every_rule_has_a_row_here),
        cmocka_unit_test(many_broken_rows_are_told_within_bounds),
        cmocka_unit_test(a_store_of_many_stretches_is_verified_whole),
        cmocka_unit_test(an_order_held_twice_is_found), /* last: the index stays away */
    };
    return payment_world_run("verifying", tests, COUNT_OF(tests));
}
