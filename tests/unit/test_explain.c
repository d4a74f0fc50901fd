/* SPDX-License-Identifier: Apache-2.0
 * test_explain.c: what the support desk is told of a payment (COMM-4): every state in both
 * languages, from evidence; never a word that it might be paid anew while anything is open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "comms/lint.h"
#include "incident/explain_impl.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)

/* ---- the table ---- */

/* Words by which a customer could think that he is to pay anew. What forbids it is taken out. */
static bool hints_at_paying(const char *text) {
    static const char *const forbids[] = {
        "do not pay a second time", "do not pay it a second time", "do not pay again",
        "please do not start another payment beside it", "transfer it once", "请勿重复付款",
        "请暂勿再次付款", "请勿再次付款", "请不要另外发起付款", "只转一次",
    };
    static const char *const hints[] = {
        "pay again", "pay a second", "another way", "choose another", "order it again", "try again",
        "once more", "new payment", "another payment", "payment link", "pay it by", "pay anew",
        "重新", "再次付款", "其他支付方式", "再付", "另一种", "付款链接", "重复付款", "再试",
    };
    char *plain = strdup(text);
    for (char *c = plain; *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    for (size_t i = 0; i < COUNT_OF(forbids); i++) {
        for (char *at = strstr(plain, forbids[i]); at != NULL; at = strstr(plain, forbids[i])) {
            memset(at, ' ', strlen(forbids[i]));
        }
    }
    bool found = false;
    for (size_t i = 0; i < COUNT_OF(hints); i++) {
        found = found || strstr(plain, hints[i]) != NULL;
    }
    free(plain);
    return found;
}

/* Every combination of what may be known: 7 states, 5 actions, and 17 flags that are drawn. */
static bool is_open_or_paid(const struct explain_evidence *e) {
    return e->attempt_open || e->attempt_unknown || e->by_hand_waits || e->dispute_open ||
           e->state == PAYMENT_CREATED || e->state == PAYMENT_PROCESSING ||
           e->state == PAYMENT_AUTHORIZED || e->state == PAYMENT_SUCCEEDED || e->amount_case ||
           (e->over && (e->late_case || e->late_mark || e->return_open)) ||
           (e->state == PAYMENT_REQUIRES_ACTION && !e->asks_for_method) ||
           (e->other_counts && (e->over || e->asks_for_method));
}

static void draw(struct explain_evidence *e, uint64_t *seed) {
    static const char *const actions[] = {"", "redirect", "choose_method", "pay_later",
                                          "bank_transfer"};
    static const char *const codes[] = {"", "expired", "declined", "insufficient_funds"};
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t bits = *seed >> 20;
    bool *const flags[] = {
        &e->attempt_open, &e->attempt_unknown, &e->late_mark, &e->late_case, &e->double_case,
        &e->double_break, &e->amount_case, &e->return_open, &e->return_done, &e->refund_pending,
        &e->refund_unknown, &e->refund_failed, &e->change_open, &e->dispute_open, &e->dispute_lost,
        &e->by_hand_waits, &e->not_told, &e->other_counts, &e->queued,
    };
    *e = (struct explain_evidence){0};
    e->state = (enum payment_state)(1 + bits % 7);
    e->action = e->state == PAYMENT_REQUIRES_ACTION ? actions[bits / 7 % 5] : "";
    e->failure_code = codes[bits / 35 % 4];
    e->over = e->state == PAYMENT_FAILED || e->state == PAYMENT_CANCELED;
    e->asks_for_method = strcmp(e->action, "choose_method") == 0 ||
                         strcmp(e->action, "pay_later") == 0;
    e->captured_minor = e->state == PAYMENT_SUCCEEDED ? 1000 : 0;
    e->refunded_minor = e->state == PAYMENT_SUCCEEDED ? (int64_t)(bits / 140 % 3) * 500 : 0;
    /* Few at once, so that each row is met. */
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        *flags[i] = (*seed >> 33) % 12 == 0;
    }
    e->attempt_open = e->attempt_open || e->attempt_unknown;
}

static void nothing_open_or_paid_is_ever_answered_by_a_hint_to_pay_anew(void **state) {
    uint64_t seed = 47;
    int met[EXPLAIN_SITUATIONS] = {0};
    for (int i = 0; i < 400000; i++) {
        struct explain_evidence evidence;
        draw(&evidence, &seed);
        enum explain_situation situation = explain_pick(&evidence);
        const struct explain_words *words = explain_words(situation);
        met[situation]++;
        if (is_open_or_paid(&evidence) && words->may_pay) {
            fail_msg("%s, state %d, action \"%s\"", words->name, (int)evidence.state,
                     evidence.action);
        }
        if (evidence.attempt_unknown && situation == EXPLAIN_DECLINED) {
            fail_msg("declined while nobody knows");
        }
    }
    for (int i = 0; i < EXPLAIN_SITUATIONS; i++) {
        if (met[i] == 0) {
            fail_msg("no evidence leads to %s", explain_words((enum explain_situation)i)->name);
        }
    }
}

static void only_rows_that_say_so_have_words_about_paying(void **state) {
    for (int i = 0; i < EXPLAIN_SITUATIONS; i++) {
        const struct explain_words *words = explain_words((enum explain_situation)i);
        for (int language = 0; language < 2; language++) {
            if (!words->may_pay && hints_at_paying(words->script[language]) &&
                i != EXPLAIN_OTHER_COUNTS) {
                fail_msg("%s: \"%s\"", words->name, words->script[language]);
            }
            /* The other payment is told of, and that it is the one that counts. */
            if (i == EXPLAIN_OTHER_COUNTS) {
                assert_true(strstr(words->script[language], "second time") != NULL ||
                            strstr(words->script[language], "请勿重复付款") != NULL);
            }
        }
    }
    assert_true(hints_at_paying(explain_words(EXPLAIN_CHOOSE_METHOD)->script[0]));
    assert_true(hints_at_paying(explain_words(EXPLAIN_EXPIRED)->script[1]));
    assert_true(hints_at_paying("Please pay again. Please do not pay again."));
}

static int lint_findings_seen;

static void lint_one(const struct lint *lint, const char *name, const char *text,
                     enum language language, bool referenced) {
    static const char *const references[] = {"A-1001", "pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF"};
    const struct lint_facts facts = {.audience = AUDIENCE_CUSTOMER, .language = language,
                                     .references = references,
                                     .reference_count = referenced ? 2 : 0};
    struct lint_findings findings = {0};
    if (lint_text(lint, &facts, text, &findings) > 0) {
        print_error("%s (%d): %s \"%s\" in \"%s\"\n", name, (int)language,
                    lint_rule_name(findings.list[0].rule), findings.list[0].quote, text);
        lint_findings_seen++;
    }
}

static void every_script_passes_the_linter_in_both_languages(void **state) {
    struct lint *lint = NULL;
    assert_int_equal(lint_open(&lint, &W->err), 0);
    for (int i = 0; i < EXPLAIN_SITUATIONS; i++) {
        const struct explain_words *words = explain_words((enum explain_situation)i);
        for (int language = 0; language < 2; language++) {
            /* A reason is a sentence of common_codes.def, which its own test judges: what a bank
             * lets one try "tomorrow" is no promise of ours. */
            const char *const pairs[] = {
                "order", "A-1001", "reference", "pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "amount",
                "19.99 EUR", "refunded", "5.00 EUR", "refund", "3.00 EUR", "reason",
                language == 0 ? "Your payment did not go through." : "您的付款未成功。", NULL};
            BUF_AUTO text;
            buf_init(&text, 8192);
            explain_fill(words->script[language], pairs, &text);
            assert_true(buf_ok(&text));
            lint_one(lint, words->name, text.data, (enum language)language, true);
            assert_true(strlen(words->what[language]) > 10);
        }
    }
    lint_one(lint, "besides", EXPLAIN_BESIDES_EN, LANGUAGE_EN, false);
    lint_one(lint, "besides", EXPLAIN_BESIDES_ZH, LANGUAGE_ZH, false);
    lint_close(lint);
    assert_int_equal(lint_findings_seen, 0);
}

static void every_situation_has_a_page_in_both_languages(void **state) {
    static const char *const languages[] = {"en", "zh"};
    struct kb *kb = NULL;
    const struct kb_options options = {0};
    assert_int_equal(kb_open(&options, &kb, &W->err), 0);
    for (int i = 0; i <= EXPLAIN_SITUATIONS; i++) {
        char about[80];
        const char *const list[] = {about, NULL};
        snprintf(about, sizeof about, "situation:%s",
                 i < EXPLAIN_SITUATIONS ? explain_words((enum explain_situation)i)->name
                                        : "incident");
        for (int language = 0; language < 2; language++) {
            BUF_AUTO links;
            buf_init(&links, 4096);
            assert_int_equal(kb_links(kb, list, languages[language], &links, &W->err), 0);
            if (strcmp(links.data, "[]") == 0) {
                fail_msg("no page in %s for %s", languages[language], about);
            }
        }
    }
    kb_close(kb);
}

/* ---- looking up ---- */

static struct refund_limits limits;
static const struct refund_limits *limited; /* NULL: no limit */
static int role = 2;

static json_t *look_up(const char *query) {
    struct answer answer = {0};
    const struct explain_options options = {.store = W->engine.store, .payments = W->payments,
                                            .registry = W->registry, .refunds = limited,
                                            .actor = "user:usr_a", .role = role};
    W->err = (struct err){0};
    return world_take(W, desk_explain(&options, query, 0, &answer, &W->err), &answer);
}

static const json_t *only(const json_t *json) {
    const json_t *data = json_object_get(json, "data");
    assert_int_equal(json_array_size(data), 1);
    return json_array_get(data, 0);
}

static void assert_situation(const char *query, const char *situation) {
    json_t *json = look_up(query);
    assert_non_null(json);
    const json_t *one = only(json);
    if (strcmp(json_at(one, "situation"), situation) != 0) {
        fail_msg("%s is %s, not %s", query, json_at(one, "situation"), situation);
    }
    const json_t *script = json_object_get(one, "script");
    const char *id = json_at(one, "payment_id");
    assert_non_null(strstr(json_at(script, "en"), id));
    assert_non_null(strstr(json_at(script, "zh"), id));
    assert_null(strchr(json_at(script, "en"), '{'));
    assert_null(strchr(json_at(json_object_get(one, "explanation"), "zh"), '{'));
    json_decref(json);
}

static const json_t *act_of(const json_t *one, const char *name) {
    size_t i;
    json_t *act;
    json_array_foreach(json_object_get(one, "acts"), i, act) {
        if (strcmp(json_at(act, "act"), name) == 0) {
            return act;
        }
    }
    fail_msg("there is no act %s", name);
    return NULL;
}

static bool allows(const char *query, const char *act) {
    json_t *json = look_up(query);
    bool allowed = json_is_true(json_object_get(act_of(only(json), act), "allowed"));
    bool why = json_is_object(json_object_get(act_of(only(json), act), "why_not"));
    assert_true(allowed != why);
    json_decref(json);
    return allowed;
}

static void a_payment_is_explained_from_its_beginning_to_its_refund(void **state) {
    char *id = world_authorized(W, "order-1", 1000);
    assert_situation("order-1", "authorized");
    assert_false(allows("order-1", "refund"));
    json_decref(world_capture(W, "c", id, 0, true));
    assert_situation("order-1", "paid");
    assert_true(allows("order-1", "refund"));
    json_decref(world_refund(W, "r1", id, 300));
    assert_situation("order-1", "partly_refunded");
    json_decref(world_refund(W, "r2", id, 700));
    assert_situation("order-1", "refunded");
    assert_false(allows("order-1", "refund"));
    json_t *json = look_up("order-1");
    const json_t *timeline = json_object_get(only(json), "timeline");
    assert_true(json_array_size(timeline) >= 3);
    json_decref(json);
    free(id);
}

static void what_nobody_knows_is_said_as_unknown(void **state) {
    fake_say(FAKE, 0, "*", -1, FAKE_TIME_OUT_AFTER);
    json_decref(world_create(W, "k", "order-u", 1000));
    assert_situation("order-u", "unknown");
    json_t *json = look_up("order-u");
    assert_false(json_is_true(json_object_get(only(json), "may_pay_again")));
    json_decref(json);
    assert_false(allows("order-u", "refund"));
    assert_true(allows("order-u", "check"));
    assert_true(allows("order-u", "ticket"));
    assert_false(allows("order-u", "pay_link"));
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_situation("order-u", "paid");
}

static void refunds_are_explained_by_what_became_of_them(void **state) {
    char *id = world_paid(W, "order-r", 1000);
    fake_say(FAKE, 0, "*", -1, FAKE_TIME_OUT_AFTER);
    json_decref(world_refund(W, "r", id, 400));
    assert_situation("order-r", "refund_unknown");
    fake_say_nothing(FAKE);
    world_settle_all(W);
    assert_situation("order-r", "partly_refunded");
    fake_say(FAKE, 0, "refund", 1, FAKE_REJECT);
    json_decref(world_refund(W, "r2", id, 100));
    assert_situation("order-r", "refund_failed");
    free(id);
}

static void a_payment_is_found_by_all_its_numbers_and_by_its_customer(void **state) {
    struct payment_order order = world_order("order-f", 1000);
    order.customer_id = "cus_9";
    order.customer_email = "a@x.example";
    json_t *paid = world_pay(W, "k", &order);
    char *gateway = world_text(W, "SELECT gateway_id FROM attempt");
    char *attempt = world_text(W, "SELECT id FROM attempt");
    assert_int_equal(engine_exec(&W->engine,
                                 "INSERT INTO customer_contact (customer_id, email, phone, "
                                 "language, updated_us) VALUES ('cus_9', 'b@x.example', "
                                 "'+4915112345678', 'en', 1)"),
                     1);
    const struct {
        const char *query, *by;
    } rows[] = {
        {json_at(paid, "id"), "payment"}, {"order-f", "order"},   {gateway, "gateway_number"},
        {attempt, "attempt"},             {"cus_9", "customer"},  {"a@x.example", "email"},
        {"b@x.example", "email"},         {"+4915112345678", "phone"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *json = look_up(rows[i].query);
        assert_string_equal(json_at(json, "by"), rows[i].by);
        assert_string_equal(json_at(only(json), "payment_id"), json_at(paid, "id"));
        json_decref(json);
    }
    json_t *json = look_up("nothing of the kind");
    assert_int_equal(json_array_size(json_object_get(json, "data")), 0);
    assert_non_null(strstr(json_at(json_object_get(json, "note"), "en"), "does not say that no"));
    json_decref(json);
    assert_null(look_up("4111 1111 1111 1111"));
    assert_int_equal(W->err.code, ERR_CARD_NUMBER);
    assert_null(look_up(""));
    assert_int_equal(W->err.code, ERR_VALIDATION);
    assert_int_equal(engine_exec(&W->engine, "DELETE FROM customer_contact"), 1);
    json_decref(paid);
    free(gateway);
    free(attempt);
}

static void a_declined_payment_may_be_paid_anew_but_not_beside_one_that_counts(void **state) {
    struct payment_order order = world_order("order-d", 1000);
    order.token = "tok_declined";
    fake_say(FAKE, 0, "*", 1, FAKE_DECLINE);
    json_decref(world_pay(W, "k1", &order));
    assert_situation("order-d", "declined");
    json_t *json = look_up("order-d");
    assert_true(json_is_true(json_object_get(only(json), "may_pay_again")));
    char *first = strdup(json_at(only(json), "payment_id"));
    json_decref(json);
    fake_say_nothing(FAKE);
    json_decref(world_create(W, "k2", "order-d", 1000));
    assert_situation(first, "other_counts");
    free(first);
}

static void set(const char *sql) {
    (void)test_store_exec(W->engine.store, sql);
}

/* What takes long to bring about is written as the floors below write it. */
static void what_a_person_still_decides_about_has_its_words(void **state) {
    char *id = world_paid(W, "order-x", 1000);
    set("INSERT INTO review_case (id, kind, state, payment_id, attempt_id, gateway, subject, "
        "detail, amount_minor, currency, resolution, opened_us, closed_us) SELECT 'case_1', "
        "'duplicate_charge', 1, id, '', '', 's', '', 1000, 'USD', '', 1, 0 FROM payment");
    assert_situation("order-x", "charged_twice");
    assert_true(allows("order-x", "return_case"));
    set("UPDATE review_case SET kind = 'amount_mismatch'");
    assert_situation("order-x", "amount_checked");
    assert_false(allows("order-x", "return_case"));
    set("DELETE FROM review_case");
    assert_situation("order-x", "paid");
    set("UPDATE payment SET state = 6, review = 'late_success', failure_code = 'declined'");
    assert_situation("order-x", "late_money");
    set("UPDATE payment SET state = 7, review = '', failure_code = 'expired'");
    assert_situation("order-x", "expired");
    set("UPDATE payment SET failure_code = ''");
    assert_situation("order-x", "canceled");
    set("UPDATE attempt SET state = 4, live = 0");
    assert_situation("order-x", "unknown");
    free(id);
}

static void a_shop_that_has_not_taken_it_was_not_told(void **state) {
    struct answer answer = {0};
    struct caller caller = world_caller(NULL, "");
    json_decref(world_take(W,
                           webhook_endpoint_create(W->payments, &caller, FAKE_MERCHANT_URL, "*", "",
                                                   &answer, &W->err),
                           &answer));
    char *id = world_paid(W, "order-t", 1000);
    assert_situation("order-t", "paid"); /* it is being told */
    fake_merchant_answers(FAKE, 500);
    (void)world_tick(W);
    assert_situation("order-t", "not_told");
    assert_true(allows("order-t", "resend"));
    fake_merchant_answers(FAKE, 200);
    world_pass(W, INT64_C(3600) * US_PER_SECOND);
    assert_situation("order-t", "paid");
    free(id);
}

static void a_dispute_and_a_returned_charge_have_their_words(void **state) {
    char *id = world_paid(W, "order-y", 1000);
    set("INSERT INTO operation (id, payment_id, attempt_id, kind, state, gateway, amount_minor, "
        "currency, final, to_original, reason, actor, outcome, source, refund_id, code, "
        "common_code, message, trace, was_unknown, tries, owner, lease_us, created_us, updated_us, "
        "retry_of, target) SELECT 're_x', id, '', 4, 2, 'stripe-a', 1000, 'USD', 1, 1, '', '', 0, "
        "'', '', '', '', '', '', 0, 1, '', 0, 1, 1, 'case_1', '' FROM payment");
    assert_situation("order-y", "charged_twice_returning");
    set("UPDATE operation SET state = 4 WHERE kind = 4");
    assert_situation("order-y", "charged_twice_returned");
    set("UPDATE payment SET state = 7");
    assert_situation("order-y", "late_money_returned");
    set("UPDATE operation SET state = 3 WHERE kind = 4");
    assert_situation("order-y", "late_money_returning");
    set("UPDATE payment SET state = 5");
    set("DELETE FROM operation");
    struct answer answer = {0};
    struct caller caller = world_caller("d", "d");
    const struct chargeback chargeback = {.reason = "fraudulent", .reference = "D-1"};
    json_decref(world_take(
        W, dispute_record(W->payments, &caller, id, &chargeback, &answer, &W->err), &answer));
    assert_situation("order-y", "disputed");
    assert_false(allows("order-y", "refund"));
    set("UPDATE dispute SET state = 4");
    assert_situation("order-y", "dispute_lost");
    free(id);
}

static void an_incident_that_covers_it_is_named(void **state) {
    static const char open[] =
        "INSERT INTO incident (id, version, number, title, severity, proposed, reasons, state, "
        "cause, cause_why, scope, impact_start_us, detected_us, acknowledged_us, contained_us, "
        "mitigated_us, reconciled_us, resolved_us, done_us, commander, commander_deputy, lead, "
        "lead_deputy, comms, comms_deputy, recon, recon_deputy, follows, drill, round, opened_by, "
        "told_us, told_count, ack_nags, update_nags, updated_us) VALUES "
        "('inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF', 1, 7, 'Cards fail', 1, -1, '[]', 1, 6, '', "
        "'{\"methods\":[\"card\"]}', 1, 1, 0, 0, 0, 0, 0, 0, '', '', '', '', '', '', '', '', '', "
        "0, 1, 'system', 0, 0, 0, 0, 1)";
    char *id = world_paid(W, "order-i", 1000);
    json_t *json = look_up("order-i");
    assert_int_equal(json_array_size(json_object_get(only(json), "incidents")), 0);
    assert_true(json_is_null(json_object_get(only(json), "besides")));
    json_decref(json);
    set(open);
    json = look_up("order-i");
    const json_t *incidents = json_object_get(only(json), "incidents");
    assert_int_equal(json_array_size(incidents), 1);
    assert_string_equal(json_at(json_array_get(incidents, 0), "title"), "Cards fail");
    assert_string_equal(json_at(json_object_get(only(json), "besides"), "en"), EXPLAIN_BESIDES_EN);
    json_decref(json);
    set("UPDATE incident SET scope = '{\"methods\":[\"alipay\"]}'");
    json = look_up("order-i");
    assert_int_equal(json_array_size(json_object_get(only(json), "incidents")), 0);
    json_decref(json);
    set("DELETE FROM incident");
    free(id);
}

static void what_one_may_do_follows_from_role_and_limit(void **state) {
    static const struct refund_limit rows[] = {{.currency = {"USD"}, .payment_minor = 300}};
    char *id = world_paid(W, "order-l", 1000);
    limits = (struct refund_limits){rows, 1};
    limited = &limits;
    json_t *json = look_up("order-l");
    const json_t *refund = act_of(only(json), "refund"), *ask = act_of(only(json), "ask_refund");
    assert_int_equal(int_at(refund, "at_most"), 300);
    assert_int_equal(int_at(refund, "second_person_above"), 300);
    assert_int_equal(int_at(ask, "at_most"), 1000);
    assert_true(json_is_true(json_object_get(ask, "allowed")));
    json_decref(json);
    json_decref(world_refund(W, "r", id, 300));
    assert_false(allows("order-l", "refund")); /* the limit is used up */
    assert_true(allows("order-l", "ask_refund"));
    limited = NULL;
    assert_true(allows("order-l", "refund"));
    assert_false(allows("order-l", "ask_refund"));
    role = 1;
    assert_false(allows("order-l", "refund"));
    assert_false(allows("order-l", "ticket"));
    role = 2;
    free(id);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_open_or_paid_is_ever_answered_by_a_hint_to_pay_anew),
        cmocka_unit_test(only_rows_that_say_so_have_words_about_paying),
        cmocka_unit_test(every_script_passes_the_linter_in_both_languages),
        cmocka_unit_test(every_situation_has_a_page_in_both_languages),
        cmocka_unit_test(a_payment_is_explained_from_its_beginning_to_its_refund),
        cmocka_unit_test(what_nobody_knows_is_said_as_unknown),
        cmocka_unit_test(refunds_are_explained_by_what_became_of_them),
        cmocka_unit_test(a_payment_is_found_by_all_its_numbers_and_by_its_customer),
        cmocka_unit_test(a_declined_payment_may_be_paid_anew_but_not_beside_one_that_counts),
        cmocka_unit_test(what_a_person_still_decides_about_has_its_words),
        cmocka_unit_test(a_shop_that_has_not_taken_it_was_not_told),
        cmocka_unit_test(a_dispute_and_a_returned_charge_have_their_words),
        cmocka_unit_test(an_incident_that_covers_it_is_named),
        cmocka_unit_test(what_one_may_do_follows_from_role_and_limit),
    };
    return payment_world_run("payments explained at the desk", tests, COUNT_OF(tests));
}
