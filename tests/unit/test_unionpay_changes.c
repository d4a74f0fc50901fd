/* SPDX-License-Identifier: Apache-2.0
 * test_unionpay_changes.c: completing and undoing what UnionPay holds, and refunds. */
#include "unionpay_fixture.h"

#define HELD PAYMENT_ANSWER(FOUND("00"))
#define CHANGE_ID "812611212100010000001"
#define ACCEPTED(type) CHANGE_ANSWER("txnType=" type "&respCode=00&queryId=" CHANGE_ID)
#define ENDED(code)                                                                                \
    CHANGE_ANSWER("txnType=00&respCode=00&origRespCode=" code "&queryId=" CHANGE_ID                \
                  "&txnAmt=500&currencyCode=156")

typedef void change_fn(const struct gateway_call *call, const struct gateway_change *change,
                       struct gateway_result *ret_result);

static struct gateway_result changed(struct fake *fake, change_fn *fn,
                                     const struct gateway_change *change) {
    struct gateway_result result;
    fn(&fake->call, change, &result);
    return result;
}

static void assert_change_sent(const struct fake *fake, int index, const char *txn_type,
                               const char *amount, const char *of) {
    struct unionpay_state *made = fake->gateway.state;
    UNIONPAY_MESSAGE_AUTO sent = {0};
    assert_string_equal(fake->sent[index].url, BASE UNIONPAY_BACK_PATH);
    unionpay_sent(fake, index, &sent);
    assert_field(&sent, "txnType", txn_type);
    assert_field(&sent, "txnSubType", "00");
    assert_field(&sent, "bizType", "000201");
    assert_field(&sent, "orderId", CHANGE_ORDER_ID);
    assert_field(&sent, "txnTime", CHANGED_TIME);
    assert_field(&sent, "txnAmt", amount);
    assert_field(&sent, "currencyCode", "156");
    assert_field(&sent, "origQryId", of);
    assert_field(&sent, "backUrl", CALLBACK_URL);
    assert_true(unionpay_verify_rsa(&sent, made->key));
}

/* ---- completions ---- */

static void a_hold_is_completed_and_then_asked_about(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = unionpay_hold_change_of();
    FAKE_SCRIPT(fake, {200, ACCEPTED("03"), 0, 0}, {200, ENDED("00"), 0, 0});
    struct gateway_result result = changed(fake, unionpay_capture, &change);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_int_equal(result.captured_minor, 500);
    assert_string_equal(result.gateway_id, QUERY_ID);
    assert_string_equal(result.charge_id, CHANGE_ID);
    assert_change_sent(fake, 0, "03", "500", QUERY_ID);
    assert_string_equal(fake->sent[1].url, BASE UNIONPAY_QUERY_PATH);
}

static void what_a_completion_ends_as_is_what_the_question_says(void **state) {
    static const struct {
        const char *first, *then;
        enum gateway_outcome outcome;
    } ways[] = {
        {"00", "00", GW_CHARGED}, {"00", "05", GW_PENDING}, {"00", "64", GW_DECLINED},
        {"00", "34", GW_PENDING}, {"05", "00", GW_CHARGED}, {"05", "64", GW_DECLINED},
        {"05", "05", GW_PENDING}, {"12", "00", GW_CHARGED}, {"12", "64", GW_DECLINED},
        {"12", "34", GW_UNKNOWN}, {"99", "75", GW_UNKNOWN}, {"A6", "A6", GW_CHARGED},
        {"00", "75", GW_PENDING},
    };
    struct fake *fake = *state;
    struct gateway_change change = unionpay_hold_change_of();
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        char first[64], then[160];
        snprintf(first, sizeof(first), "respCode=%s", ways[i].first);
        snprintf(then, sizeof(then),
                 strcmp(ways[i].then, "34") == 0 ? "respCode=%s"
                                                 : "respCode=00&origRespCode=%s&queryId=" CHANGE_ID
                                                   "&txnAmt=500&currencyCode=156",
                 ways[i].then);
        FAKE_SCRIPT(fake, {200, CHANGE_ANSWER(first), 0, 0}, {200, CHANGE_ANSWER(then), 0, 0});
        struct gateway_result result = changed(fake, unionpay_capture, &change);
        if (result.outcome != ways[i].outcome) {
            fail_msg("%s then %s is %s", ways[i].first, ways[i].then,
                     gateway_outcome_name(result.outcome));
        }
        assert_script_done(fake);
    }
    FAKE_SCRIPT(fake, {200, ACCEPTED("03"), 0, 0}, {0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT});
    assert_int_equal(changed(fake, unionpay_capture, &change).outcome, GW_PENDING);
}

static void a_completion_that_is_not_answered_is_unknown_unless_it_was_not_sent(void **state) {
    struct fake *fake = *state;
    change_fn *const fns[] = {unionpay_capture, unionpay_refund};
    for (size_t k = 0; k < COUNT_OF(fns); k++) {
        struct gateway_change change = k == 0 ? unionpay_hold_change_of()
                                              : unionpay_change_of(QUERY_ID);
        for (size_t i = 0; i < COUNT_OF(fake_failures); i++) {
            FAKE_SCRIPT(fake, {0, NULL, fake_failures[i].reach, fake_failures[i].failure});
            assert_int_equal(changed(fake, fns[k], &change).outcome,
                             fake_failures[i].reach == HTTP_NOT_SENT ? GW_UNAVAILABLE : GW_UNKNOWN);
        }
        FAKE_SCRIPT(fake, {502, "", 0, 0});
        assert_int_equal(changed(fake, fns[k], &change).outcome, GW_UNKNOWN);
        FAKE_SCRIPT(fake, {200, "respCode=10", 0, 0}); /* nobody signed that it was refused */
        assert_int_equal(changed(fake, fns[k], &change).outcome, GW_UNKNOWN);
        FAKE_SCRIPT(fake, {200, HELD, 0, 0}); /* about another order */
        assert_int_equal(changed(fake, fns[k], &change).outcome, GW_UNKNOWN);
    }
}

static void without_its_name_the_hold_is_looked_up_first(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = unionpay_hold_change_of();
    change.payment.gateway_id = "";
    FAKE_SCRIPT(fake, {200, HELD, 0, 0}, {200, ACCEPTED("03"), 0, 0}, {200, ENDED("00"), 0, 0});
    assert_int_equal(changed(fake, unionpay_capture, &change).outcome, GW_CHARGED);
    assert_change_sent(fake, 1, "03", "500", QUERY_ID);
    static const struct {
        const char *fields;
        enum gateway_outcome outcome;
    } looks[] = {
        {"respCode=34", GW_REJECTED_REQUEST},
        {FOUND("64"), GW_REJECTED_REQUEST},
        {FOUND("75"), GW_UNAVAILABLE},
        {"respCode=37", GW_RATE_LIMITED},
    };
    for (size_t i = 0; i < COUNT_OF(looks); i++) {
        FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(looks[i].fields), 0, 0});
        assert_int_equal(changed(fake, unionpay_capture, &change).outcome, looks[i].outcome);
        assert_int_equal(fake->sent_count, 1);
    }
}

static void a_part_is_completed_only_if_the_rest_is_let_go(void **state) {
    struct gateway_change change = unionpay_hold_change_of();
    change.final = false;
    fake_script(*state, NULL, 0);
    assert_int_equal(changed(*state, unionpay_capture, &change).outcome, GW_REJECTED_REQUEST);
    change.amount_minor = 1099;
    FAKE_SCRIPT((struct fake *)*state, {200, ACCEPTED("03"), 0, 0}, {200, ENDED("00"), 0, 0});
    assert_int_equal(changed(*state, unionpay_capture, &change).outcome, GW_CHARGED);
}

/* ---- asking about a completion or an undoing ---- */

static void a_question_about_a_change_asks_for_its_own_order(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = unionpay_hold_change_of();
    static const struct {
        const char *code;
        enum gateway_operation asked;
        enum gateway_outcome outcome;
    } ways[] = {
        {"00", OP_CAPTURE, GW_CHARGED}, {"64", OP_CAPTURE, GW_DECLINED},
        {"05", OP_CAPTURE, GW_PENDING}, {"00", OP_CANCEL, GW_CANCELED},
        {"35", OP_CANCEL, GW_DECLINED}, {"75", OP_CANCEL, GW_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        char fields[160];
        struct gateway_lookup lookup = change.payment;
        struct gateway_result result;
        lookup.change = &change;
        lookup.asked = ways[i].asked;
        snprintf(fields, sizeof(fields),
                 "respCode=00&origRespCode=%s&queryId=" CHANGE_ID "&txnAmt=500&currencyCode=156",
                 ways[i].code);
        FAKE_SCRIPT(fake, {200, CHANGE_ANSWER(fields), 0, 0});
        fake->gateway.adapter->query(&fake->call, &lookup, &result);
        assert_int_equal(result.outcome, ways[i].outcome);
        assert_string_equal(result.gateway_id, QUERY_ID);
        assert_string_equal(result.charge_id, ways[i].asked == OP_CANCEL ? "" : CHANGE_ID);
        if (result.outcome == GW_CHARGED) {
            assert_int_equal(result.captured_minor, 500);
        }
    }
}

static void a_change_that_is_not_there_leaves_what_the_payment_says(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = unionpay_hold_change_of();
    struct gateway_lookup lookup = change.payment;
    struct gateway_result result;
    lookup.change = &change;
    lookup.asked = OP_CAPTURE;
    FAKE_SCRIPT(fake, {200, CHANGE_ANSWER("respCode=34"), 0, 0}, {200, HELD, 0, 0});
    fake->gateway.adapter->query(&fake->call, &lookup, &result);
    assert_int_equal(result.outcome, GW_AUTHORIZED);
    assert_true(result.captured_minor <= 0);
    FAKE_SCRIPT(fake, {0, NULL, HTTP_NOT_SENT, HTTP_FAIL_CONNECT});
    fake->gateway.adapter->query(&fake->call, &lookup, &result);
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
}

/* ---- cancelling ---- */

static void a_hold_is_undone_whole(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = unionpay_hold_change_of();
    FAKE_SCRIPT(fake, {200, HELD, 0, 0}, {200, ACCEPTED("32"), 0, 0}, {200, ENDED("00"), 0, 0});
    struct gateway_result result = changed(fake, unionpay_cancel, &change);
    assert_int_equal(result.outcome, GW_CANCELED);
    assert_string_equal(result.gateway_id, QUERY_ID);
    assert_string_equal(result.charge_id, "");
    assert_change_sent(fake, 1, "32", "1099", QUERY_ID);
    FAKE_SCRIPT(fake, {200, HELD, 0, 0}, {0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_RESET});
    assert_int_equal(changed(fake, unionpay_cancel, &change).outcome, GW_UNKNOWN);
    FAKE_SCRIPT(fake, {200, HELD, 0, 0}, {200, CHANGE_ANSWER("respCode=35"), 0, 0});
    assert_int_equal(changed(fake, unionpay_cancel, &change).outcome, GW_REJECTED_REQUEST);
}

static void an_order_that_waits_cannot_be_closed_before_its_payTimeout(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = unionpay_change_of("");
    const char *missing = PAYMENT_ANSWER("respCode=34");
    change.payment.expires_us = clock_wall_us() + 60 * US_PER_SECOND;
    FAKE_SCRIPT(fake, {200, missing, 0, 0});
    struct gateway_result result = changed(fake, unionpay_cancel, &change);
    assert_int_equal(result.outcome, GW_PENDING);
    assert_string_equal(result.common_code, "cannot_close");
    change.payment.expires_us = clock_wall_us() - 660 * US_PER_SECOND;
    FAKE_SCRIPT(fake, {200, missing, 0, 0});
    assert_int_equal(changed(fake, unionpay_cancel, &change).outcome, GW_CANCELED);
    FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(FOUND("00")), 0, 0}); /* the customer was faster */
    assert_int_equal(changed(fake, unionpay_cancel, &change).outcome, GW_CHARGED);
    FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(FOUND("75")), 0, 0});
    assert_int_equal(changed(fake, unionpay_cancel, &change).outcome, GW_UNAVAILABLE);
    assert_int_equal(fake->sent_count, 1);
    assert_false(unionpay_adapter.can.close_on_unknown);
}

/* ---- refunds ---- */

static void a_refund_is_accepted_and_ends_later(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = unionpay_change_of(QUERY_ID);
    FAKE_SCRIPT(fake, {200, ACCEPTED("04"), 0, 0});
    struct gateway_result result = changed(fake, unionpay_refund, &change);
    assert_int_equal(result.outcome, GW_PENDING);
    assert_int_equal(result.amount_minor, 500);
    assert_string_equal(result.refund_id, CHANGE_ID);
    assert_string_equal(result.gateway_id, QUERY_ID);
    assert_string_equal(result.charge_id, QUERY_ID);
    assert_change_sent(fake, 0, "04", "500", QUERY_ID);
    FAKE_SCRIPT(fake, {200, ENDED("00"), 0, 0});
    result = changed(fake, unionpay_query_refund, &change);
    assert_int_equal(result.outcome, GW_REFUNDED);
    assert_int_equal(result.amount_minor, 500);
    assert_string_equal(result.refund_id, CHANGE_ID);
    assert_string_equal(result.charge_id, QUERY_ID);
    UNIONPAY_MESSAGE_AUTO sent = {0};
    unionpay_sent(fake, 0, &sent);
    assert_field(&sent, "orderId", CHANGE_ORDER_ID);
    assert_field(&sent, "txnTime", CHANGED_TIME);
    assert_field(&sent, "txnType", "00");
}

static void a_refund_of_a_hold_goes_to_its_completion(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = unionpay_hold_change_of();
    fake_script(fake, NULL, 0);
    assert_int_equal(changed(fake, unionpay_refund, &change).outcome, GW_REJECTED_REQUEST);
    change.payment.charge_id = "812611212030000000009";
    FAKE_SCRIPT(fake, {200, ACCEPTED("04"), 0, 0});
    assert_int_equal(changed(fake, unionpay_refund, &change).outcome, GW_PENDING);
    assert_change_sent(fake, 0, "04", "500", "812611212030000000009");
}

static void without_its_name_the_payment_is_looked_up_before_it_is_paid_back(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = unionpay_change_of("");
    FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(FOUND("00")), 0, 0}, {200, ACCEPTED("04"), 0, 0});
    assert_int_equal(changed(fake, unionpay_refund, &change).outcome, GW_PENDING);
    assert_change_sent(fake, 1, "04", "500", QUERY_ID);
    FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(FOUND("64")), 0, 0});
    assert_int_equal(changed(fake, unionpay_refund, &change).outcome, GW_REJECTED_REQUEST);
    FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(FOUND("75")), 0, 0});
    assert_int_equal(changed(fake, unionpay_refund, &change).outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT});
    assert_int_equal(changed(fake, unionpay_refund, &change).outcome, GW_UNAVAILABLE);
}

static void a_refund_sent_again_is_asked_about(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = unionpay_change_of(QUERY_ID);
    const char *duplicate = CHANGE_ANSWER("respCode=12");
    FAKE_SCRIPT(fake, {200, duplicate, 0, 0}, {200, ENDED("00"), 0, 0});
    struct gateway_result result = changed(fake, unionpay_refund, &change);
    assert_int_equal(result.outcome, GW_REFUNDED);
    assert_string_equal(result.refund_id, CHANGE_ID);
    FAKE_SCRIPT(fake, {200, duplicate, 0, 0}, {200, CHANGE_ANSWER("respCode=34"), 0, 0});
    assert_int_equal(changed(fake, unionpay_refund, &change).outcome, GW_UNKNOWN);
    FAKE_SCRIPT(fake, {200, duplicate, 0, 0}, {200, ENDED("33"), 0, 0});
    assert_int_equal(changed(fake, unionpay_refund, &change).outcome, GW_DECLINED);
}

static void every_code_is_classed_by_its_row_when_it_refuses_a_refund(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = unionpay_change_of(QUERY_ID);
    for (int i = 0; i < unionpay_adapter.error_count; i++) {
        const struct gateway_error *row = &unionpay_adapter.errors[i];
        char fields[64];
        snprintf(fields, sizeof(fields), "respCode=%s", row->code);
        const char *answer = CHANGE_ANSWER(fields);
        /* What is not clear is asked about at once; here that is not answered. */
        const struct step steps[] = {{200, answer, 0, 0},
                                     {0, NULL, HTTP_NOT_SENT, HTTP_FAIL_CONNECT}};
        fake_script(fake, steps, row->outcome == GW_UNKNOWN ? 2 : 1);
        struct gateway_result result = changed(fake, unionpay_refund, &change);
        assert_int_equal(result.outcome, row->outcome);
        assert_int_equal(result.advice, row->advice);
        assert_string_equal(result.code, row->code);
        assert_string_equal(result.common_code, row->common_code);
        assert_script_done(fake);
    }
    FAKE_SCRIPT(fake, {200, CHANGE_ANSWER("respCode=ZZ"), 0, 0},
                {0, NULL, HTTP_NOT_SENT, HTTP_FAIL_CONNECT});
    assert_int_equal(changed(fake, unionpay_refund, &change).outcome, GW_UNKNOWN);
}

static void a_refund_that_is_not_there_is_not_found(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = unionpay_change_of(QUERY_ID);
    FAKE_SCRIPT(fake, {200, CHANGE_ANSWER("respCode=34"), 0, 0});
    assert_int_equal(changed(fake, unionpay_query_refund, &change).outcome, GW_NOT_FOUND);
    FAKE_SCRIPT(fake, {200, CHANGE_ANSWER("respCode=37"), 0, 0});
    assert_int_equal(changed(fake, unionpay_query_refund, &change).outcome, GW_RATE_LIMITED);
    FAKE_SCRIPT(fake, {0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT});
    assert_int_equal(changed(fake, unionpay_query_refund, &change).outcome, GW_UNAVAILABLE);
}

static void what_cannot_be_asked_for_is_refused_unsent(void **state) {
    change_fn *const fns[] = {unionpay_capture, unionpay_refund};
    for (size_t i = 0; i < COUNT_OF(fns); i++) {
        struct gateway_change bad[3] = {unionpay_change_of(QUERY_ID), unionpay_change_of(QUERY_ID),
                                        unionpay_change_of(QUERY_ID)};
        bad[0].reference = "a_b_c_d_e_f_g";
        bad[1].amount_minor = 0;
        bad[2].payment.currency = money_of("USD");
        for (size_t k = 0; k < COUNT_OF(bad); k++) {
            fake_script(*state, NULL, 0);
            assert_int_equal(changed(*state, fns[i], &bad[k]).outcome, GW_REJECTED_REQUEST);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, unionpay_setup, unionpay_teardown)

int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        TEST(a_hold_is_completed_and_then_asked_about),
        TEST(what_a_completion_ends_as_is_what_the_question_says),
        TEST(a_completion_that_is_not_answered_is_unknown_unless_it_was_not_sent),
        TEST(without_its_name_the_hold_is_looked_up_first),
        TEST(a_part_is_completed_only_if_the_rest_is_let_go),
        TEST(a_question_about_a_change_asks_for_its_own_order),
        TEST(a_change_that_is_not_there_leaves_what_the_payment_says),
        TEST(a_hold_is_undone_whole),
        TEST(an_order_that_waits_cannot_be_closed_before_its_payTimeout),
        TEST(a_refund_is_accepted_and_ends_later),
        TEST(a_refund_of_a_hold_goes_to_its_completion),
        TEST(without_its_name_the_payment_is_looked_up_before_it_is_paid_back),
        TEST(a_refund_sent_again_is_asked_about),
        TEST(every_code_is_classed_by_its_row_when_it_refuses_a_refund),
        TEST(a_refund_that_is_not_there_is_not_found),
        TEST(what_cannot_be_asked_for_is_refused_unsent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
