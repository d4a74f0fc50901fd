/* SPDX-License-Identifier: Apache-2.0
 * test_evidence.c: what is counted says why, for whom and since when, in both languages and on both
 * engines; no row of the table asks what a database does not understand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "gateway/gateway.h"
#include "support/both_engines.h"
#include "watch/evidence.h"
#include "watch/lookout_words.h"

#define NOW INT64_C(1800000000000000)

static struct test_store engine;
static struct arena *arena;

static const char *class_name(int64_t class) {
    return class == 4 ? "missing_there" : "another";
}

struct asked {
    struct evidence_ask ask;
    struct evidence evidence;
};

static int ask_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct asked *asked = ctx;
    return evidence_take(&asked->ask, tx, arena, &asked->evidence, err);
}

static const struct check *check_named(const char *name) {
    for (int i = 0; i < check_count(); i++) {
        if (strcmp(check_at(i)->name, name) == 0) {
            return check_at(i);
        }
    }
    fail_msg("there is no check %s", name);
    return NULL;
}

static struct evidence evidence_of(const char *check, int64_t count,
                                   enum notice_language language) {
    struct asked asked = {.ask = {.check = check_named(check),
                                  .count = count,
                                  .now_us = NOW,
                                  .language = language,
                                  .class_name = class_name}};
    struct err err = {0};
    if (store_read(engine.store, ask_tx, &asked, &err) < 0) {
        fail_msg("%s: %s", check, err.detail);
    }
    return asked.evidence;
}

static int clear(void **state) {
    (void)state;
    static const char *const tables[] = {"attempt", "operation",   "payment",
                                         "job",     "recon_break", "review_case"};
    arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        char sql[80];
        snprintf(sql, sizeof sql, "DELETE FROM %s", tables[i]);
        engine_exec(&engine, sql);
    }
    return 0;
}

static int release(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

#define PAYMENT(id, method, customer)                                                              \
    "INSERT INTO payment (id, version, order_id, state, amount_minor, currency, method, purpose, " \
    "capture_later, authorized_minor, captured_minor, refunded_minor, refund_reserved_minor, "     \
    "disputed_minor, customer_id, customer_region, customer_vip, customer_email, customer_ip, "    \
    "tokens, return_url, cancel_url, description, metadata, action, action_url, failure_code, "    \
    "failure_message, review, was_unknown, attempts, gateway, created_us, updated_us) VALUES ('"   \
    id "', 1, 'o', 5, 700, 'EUR', " method ", 'order', 0, 700, 0, 0, 0, 0, '" customer             \
    "', '', 0, '', '', '', '', '', '', '', '', '', '', '', '', 0, 1, 'g', 31, 31)"
#define ATTEMPT(id, payment, gateway, code, currency, amount, created)                             \
    "INSERT INTO attempt (id, payment_id, number, gateway, state, live, amount_minor, currency, "  \
    "token, decision, outcome, source, gateway_id, charge_id, code, common_code, message, trace, " \
    "http_status, reach, duration_us, was_unknown, owner, lease_us, sent_us, created_us, "         \
    "settled_us, callback_due_us, callback_us) VALUES ('" id "', '" payment "', 1, '" gateway      \
    "', 4, 1, " amount ", '" currency "', '', '', 0, '', '', '', '" code                           \
    "', '', '', '', 0, 0, 0, 0, '', 0, 0, " created ", 0, 0, 0)"

static void every_row_can_be_asked_on_an_empty_database(void **state) {
    (void)state;
    int known = 0;
    for (int i = 0; i < check_count(); i++) {
        for (int l = 0; l < NOTICE_LANGUAGES; l++) {
            struct evidence evidence = evidence_of(check_at(i)->name, 3, (enum notice_language)l);
            assert_non_null(strstr(evidence.summary, "3"));
            assert_null(evidence.cause);
            assert_int_equal(evidence.money_count, 0);
        }
        /* What wakes somebody says why. */
        bool wakes = check_at(i)->rule[0] != '\0' && check_at(i)->gravity != GRAVITY_NOTICE;
        assert_true(!wakes || evidence_is_known(check_at(i)->name));
        known += evidence_is_known(check_at(i)->name);
    }
    assert_in_range(known, 13, 100);
}

static void payments_without_an_answer_say_where_why_since_when_and_whose(void **state) {
    (void)state;
    engine_exec(&engine, PAYMENT("p1", "1", "anna"));
    engine_exec(&engine, PAYMENT("p2", "4", "bo"));
    engine_exec(&engine, PAYMENT("p3", "1", "anna"));
    engine_exec(&engine, ATTEMPT("a1", "p1", "stripe-eu", "timeout", "EUR", "1050",
                                 "1700000000000000"));
    engine_exec(&engine, ATTEMPT("a2", "p2", "wechat", "", "CNY", "700", "1700000001000000"));
    engine_exec(&engine, ATTEMPT("a3", "p3", "stripe-eu", "timeout", "EUR", "50",
                                 "1700000002000000"));
    struct evidence evidence = evidence_of("unanswered_payments", 3, NOTICE_EN);
    assert_string_equal(evidence.summary,
                        "3 payments may have been charged: their gateways have not said yet.");
    assert_string_equal(evidence.cause,
                        "stripe-eu has not said what became of 2 since 2023-11-14T22:13:20Z "
                        "(timeout); wechat has not said what became of 1 since "
                        "2023-11-14T22:13:21Z");
    assert_non_null(strstr(evidence.scope, "3 payments of 2 customers; gateways "));
    assert_non_null(strstr(evidence.scope, "stripe-eu"));
    assert_non_null(strstr(evidence.scope, "WeChat Pay"));
    assert_non_null(strstr(evidence.scope, "cards"));
    assert_int_equal(evidence.money_count, 2);
    for (int i = 0; i < 2; i++) {
        bool euro = strcmp(evidence.money[i].currency, "EUR") == 0;
        assert_int_equal(evidence.money[i].sum_minor, euro ? 1100 : 700);
        assert_int_equal(evidence.money[i].per_minute_minor, 0);
    }
    evidence = evidence_of("unanswered_payments", 3, NOTICE_ZH);
    assert_string_equal(evidence.summary, "3 笔支付可能已扣款:网关尚未答复。");
    assert_non_null(strstr(evidence.cause, "stripe-eu 自 2023-11-14T22:13:20Z 起未答复 2 笔 (timeout)"));
    assert_non_null(strstr(evidence.scope, "2 位客户的 3 笔支付"));
    assert_non_null(strstr(evidence.scope, "微信支付"));
}

static void jobs_that_are_late_say_which_and_their_last_error(void **state) {
    (void)state;
    engine_exec(&engine, "INSERT INTO job (kind, key, id, due_us, attempts, lost, lease, "
                         "hasten_us, parked_us, created_us, last_error, payload) VALUES "
                         "('renewal', 'a', 'a', "
                         "1700000000000000, 0, 0, '', 0, 0, 1, 'the bank\nis closed', ''), "
                         "('renewal', 'b', 'b', 1700000009000000, 0, 0, '', 0, 0, 1, '', '')");
    struct evidence evidence = evidence_of("jobs_late", 2, NOTICE_EN);
    assert_string_equal(evidence.cause, "2 of renewal, due since 2023-11-14T22:13:20Z (the bank is "
                                        "closed)"); /* on one line */
    assert_string_equal(evidence.scope, "renewal.");
    assert_int_equal(evidence.money_count, 0);
}

static void differences_say_their_class_and_gateway(void **state) {
    (void)state;
    engine_exec(&engine,
                "INSERT INTO recon_break (id, version, gateway, class, subject, risk, side, "
                "movement_id, state, owner, kind, payment_id, currency, our_minor, their_minor, "
                "difference_minor, our_rows, their_rows, detail, at_us, opened_us, updated_us, "
                "closed_us, first_run, last_run, resolution, decided_by) VALUES ('b1', 1, "
                "'paypal', 4, 's', 3, 1, 'm', 1, '', 1, '', 'USD', 5, 12, -7, 1, 1, '', 1, "
                "1700000000000000, "
                "1, 0, '', '', '', '')");
    struct evidence evidence = evidence_of("grave_breaks", 1, NOTICE_EN);
    assert_string_equal(evidence.cause, "paypal: 1 of missing_there since 2023-11-14T22:13:20Z");
    assert_int_equal(evidence.money[0].sum_minor, 7);
}

static void a_method_has_its_word_under_the_number_it_is_stored_by(void **state) {
    (void)state;
    for (int i = METHOD_CARD; i < METHOD_COUNT; i++) {
        const char *name = method_name((enum payment_method)i);
        for (int l = 0; l < NOTICE_LANGUAGES; l++) {
            const char *word = look_method((enum notice_language)l, name, false);
            assert_string_equal(look_method_of((enum notice_language)l, i), word);
            assert_string_not_equal(word, "?");
        }
    }
    assert_string_equal(look_method(NOTICE_EN, "wechatpay", true), "WeChat Pay");
    assert_string_equal(look_method(NOTICE_ZH, "alipay", true), "支付宝");
    assert_string_equal(look_method(NOTICE_EN, "cowries", true), "cowries");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_row_can_be_asked_on_an_empty_database, clear,
                                        release),
        cmocka_unit_test_setup_teardown(
            payments_without_an_answer_say_where_why_since_when_and_whose, clear, release),
        cmocka_unit_test_setup_teardown(jobs_that_are_late_say_which_and_their_last_error, clear,
                                        release),
        cmocka_unit_test_setup_teardown(differences_say_their_class_and_gateway, clear, release),
        cmocka_unit_test(a_method_has_its_word_under_the_number_it_is_stored_by),
    };
    return engine_run("evidence", tests, COUNT_OF(tests), &engine);
}
