/* SPDX-License-Identifier: Apache-2.0
 * test_paypal_changes.c: captures, voids and refunds at PayPal. */
#include "paypal_fixture.h"

#define AUTH AUTHORIZED("CREATED")
#define REFUND(id, status, reference)                                                              \
    "{\"id\":\"" id "\",\"status\":\"" status "\",\"custom_id\":\"" reference                      \
    "\",\"amount\":" AMOUNT("5.00") "}"
#define WITH_REFUNDS(list)                                                                         \
    ORDER("COMPLETED",                                                                             \
          "\"captures\":[" CAPTURE("3C67", "PARTIALLY_REFUNDED", "10.99") "],\"refunds\":[" list   \
                                                                          "]",                     \
          "")

typedef void change_fn(const struct gateway_call *call, const struct gateway_change *change,
                       struct gateway_result *ret_result);

static struct gateway_result change(struct fake *fake, change_fn *fn, const char *charge_id) {
    struct gateway_change asked = paypal_change_of("re_A", charge_id);
    struct gateway_result result;
    fn(&fake->call, &asked, &result);
    return result;
}

static void capture_goes_to_the_orders_authorization(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, AUTH}, {201, CAPTURE("7TK5", "COMPLETED", "5.00")});
    struct gateway_result result = change(fake, paypal_adapter.capture, "");
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_string_equal(result.charge_id, "7TK5");
    assert_string_equal(result.gateway_id, "5O190127TN364715T");
    assert_int_equal(result.captured_minor, 500);
    assert_int_equal(result.fee_minor, 62);
    assert_string_equal(fake->sent[0].method, "GET");
    assert_string_equal(fake->sent[1].url,
                        BASE "/v2/payments/authorizations/0AW2184448108334S/capture");
    assert_string_equal(fake->sent[1].body,
                        "{\"amount\":{\"currency_code\":\"USD\",\"value\":\"5.00\"},"
                        "\"final_capture\":true}");
    assert_non_null(strstr(fake->sent[1].headers, "PayPal-Request-Id: re_A-capture\n"));
}

static void captures_are_read_by_their_inner_state(void **state) {
    static const struct {
        struct step step;
        enum gateway_outcome outcome;
    } rows[] = {
        {{201, CAPTURE("7TK5", "PENDING", "5.00"), 0, 0}, GW_PENDING},
        {{201, CAPTURE("7TK5", "DECLINED", "5.00"), 0, 0}, GW_DECLINED},
        {{201, "{}", 0, 0}, GW_UNKNOWN},
        {{500, "", 0, 0}, GW_UNKNOWN},
        {{422, ISSUE("AUTHORIZATION_VOIDED"), 0, 0}, GW_REJECTED_REQUEST},
        {{422, ISSUE("MAX_CAPTURE_AMOUNT_EXCEEDED"), 0, 0}, GW_REJECTED_REQUEST},
        {{422, ISSUE("NEVER_HEARD_OF"), 0, 0}, GW_UNKNOWN},
        {{0, NULL, HTTP_NOT_SENT, HTTP_FAIL_CONNECT}, GW_UNAVAILABLE},
        {{0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT}, GW_UNKNOWN},
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        FAKE_SCRIPT(fake, {200, AUTH}, rows[i].step);
        assert_int_equal(change(fake, paypal_adapter.capture, "").outcome, rows[i].outcome);
    }
}

static void a_capture_whose_look_fails_was_not_made(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {500, ""});
    assert_int_equal(change(fake, paypal_adapter.capture, "").outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {.reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET});
    assert_int_equal(change(fake, paypal_adapter.capture, "").outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {200, ORDER("APPROVED", "", "")});
    assert_int_equal(change(fake, paypal_adapter.capture, "").outcome, GW_REJECTED_REQUEST);
    FAKE_SCRIPT(fake,
                {200, "{\"id\":\"9X\",\"status\":\"COMPLETED\",\"purchase_units\":[{\"custom_id\":"
                      "\"att_other\",\"payments\":{\"authorizations\":[{\"id\":\"0AW\",\"status\":"
                      "\"CREATED\"}]}}]}"});
    assert_int_equal(change(fake, paypal_adapter.capture, "").outcome, GW_UNAVAILABLE);
    assert_int_equal(fake->sent_count, 1); /* another payment's authorization was not touched */
}

static void captured_before_means_asking_the_order(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, AUTH}, {422, ISSUE("AUTHORIZATION_ALREADY_CAPTURED")}, {200, CAPTURED});
    assert_int_equal(change(fake, paypal_adapter.capture, "").outcome, GW_CHARGED);
    FAKE_SCRIPT(fake, {200, AUTH}, {422, ISSUE("AUTHORIZATION_ALREADY_CAPTURED")}, {503, ""});
    assert_int_equal(change(fake, paypal_adapter.capture, "").outcome, GW_UNKNOWN);
}

static void cancel_voids_an_authorization(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, AUTH}, {204, ""});
    assert_int_equal(change(fake, paypal_adapter.cancel, "").outcome, GW_CANCELED);
    assert_string_equal(fake->sent[1].url,
                        BASE "/v2/payments/authorizations/0AW2184448108334S/void");
    assert_string_equal(fake->sent[1].method, "POST");
    assert_non_null(strstr(fake->sent[1].headers, "PayPal-Request-Id: re_A-void\n"));
    FAKE_SCRIPT(fake, {200, AUTH}, {200, "{\"id\":\"0AW\",\"status\":\"VOIDED\"}"});
    assert_int_equal(change(fake, paypal_adapter.cancel, "").outcome, GW_CANCELED);
    FAKE_SCRIPT(fake, {200, AUTH}, {422, ISSUE("PREVIOUSLY_VOIDED")}, {200, AUTHORIZED("VOIDED")});
    assert_int_equal(change(fake, paypal_adapter.cancel, "").outcome, GW_CANCELED);
    FAKE_SCRIPT(fake, {200, AUTH}, {422, ISSUE("PREVIOUSLY_CAPTURED")}, {200, CAPTURED});
    assert_int_equal(change(fake, paypal_adapter.cancel, "").outcome, GW_CHARGED);
    FAKE_SCRIPT(fake, {200, AUTH}, {.reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET});
    assert_int_equal(change(fake, paypal_adapter.cancel, "").outcome, GW_UNKNOWN);
}

static void an_order_that_holds_nothing_is_canceled_by_leaving_it(void **state) {
    static const struct {
        const char *order;
        enum gateway_outcome outcome;
    } rows[] = {
        {ORDER("PAYER_ACTION_REQUIRED", "", LINKS("payer-action")), GW_CANCELED},
        {ORDER("APPROVED", "", ""), GW_CANCELED},
        {ORDER("VOIDED", "", ""), GW_CANCELED},
        {CAPTURED, GW_CHARGED},
        {ORDER("CREATED", "", LINKS("approve")), GW_UNKNOWN}, /* a capture may be under way */
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        FAKE_SCRIPT(fake, {200, rows[i].order});
        assert_int_equal(change(fake, paypal_adapter.cancel, "").outcome, rows[i].outcome);
        assert_int_equal(fake->sent_count, 1);
    }
    FAKE_SCRIPT(fake, {500, ""});
    assert_int_equal(change(fake, paypal_adapter.cancel, "").outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {404, ERROR("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")});
    assert_int_equal(change(fake, paypal_adapter.cancel, "").outcome, GW_NOT_FOUND);
}

static void a_refund_goes_to_the_capture_with_our_reference(void **state) {
    static const struct {
        const char *body;
        enum gateway_outcome outcome;
    } rows[] = {
        {REFUND("1JU0", "COMPLETED", "re_A"), GW_REFUNDED},
        {REFUND("1JU0", "PENDING", "re_A"), GW_PENDING},
        {REFUND("1JU0", "FAILED", "re_A"), GW_DECLINED},
        {REFUND("1JU0", "CANCELLED", "re_A"), GW_CANCELED},
        {REFUND("1JU0", "SHINY", "re_A"), GW_UNKNOWN},
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        FAKE_SCRIPT(fake, {201, rows[i].body});
        struct gateway_result result = change(fake, paypal_adapter.refund, "3C67");
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_string_equal(result.refund_id, "1JU0");
        assert_string_equal(result.charge_id, "3C67");
        assert_int_equal(result.amount_minor, 500);
        assert_string_equal(fake->sent[0].url, BASE "/v2/payments/captures/3C67/refund");
        assert_string_equal(fake->sent[0].body,
                            "{\"amount\":{\"currency_code\":\"USD\",\"value\":\"5.00\"},"
                            "\"custom_id\":\"re_A\",\"invoice_id\":\"re_A\"}");
        assert_non_null(strstr(fake->sent[0].headers, "PayPal-Request-Id: re_A-refund\n"));
    }
}

static void a_refund_without_a_capture_at_hand_asks_the_order_which(void **state) {
    struct fake *fake = *state;
#define TWO                                                                                        \
    ORDER("COMPLETED",                                                                             \
          "\"captures\":[" CAPTURE("small", "COMPLETED", "4.99") "," CAPTURE(                      \
              "first", "REFUNDED", "5.00") "," CAPTURE("second", "COMPLETED", "6.00") "]",         \
          "")
    FAKE_SCRIPT(fake, {200, TWO}, {201, REFUND("1JU0", "COMPLETED", "re_A")});
    assert_int_equal(change(fake, paypal_adapter.refund, "").outcome, GW_REFUNDED);
    /* The first that is large enough, refunded already or not: every repeat must choose the same.
     */
    assert_string_equal(fake->sent[1].url, BASE "/v2/payments/captures/first/refund");
    /* Our row names the authorization. */
    FAKE_SCRIPT(fake, {404, ERROR("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")}, {200, TWO},
                {201, REFUND("1JU0", "COMPLETED", "re_A")});
    assert_int_equal(change(fake, paypal_adapter.refund, "0AW").outcome, GW_REFUNDED);
    assert_string_equal(fake->sent[0].url, BASE "/v2/payments/captures/0AW/refund");
    assert_string_equal(fake->sent[2].url, BASE "/v2/payments/captures/first/refund");
    FAKE_SCRIPT(fake, {200, ORDER("COMPLETED",
                                  "\"captures\":[" CAPTURE("small", "COMPLETED", "4.99") "]", "")});
    assert_int_equal(change(fake, paypal_adapter.refund, "").outcome, GW_REJECTED_REQUEST);
    FAKE_SCRIPT(fake,
                {200, ORDER("COMPLETED",
                            "\"captures\":[" CAPTURE("a", "COMPLETED", "4.99") "," CAPTURE(
                                "b", "DECLINED", "9.00") "," CAPTURE("c", "COMPLETED", "3.00") "]",
                            "")});
    struct gateway_result refused = change(fake, paypal_adapter.refund, "");
    assert_int_equal(refused.outcome, GW_REJECTED_REQUEST);
    assert_non_null(strstr(refused.message, "4.99"));
    assert_non_null(strstr(refused.message, "3.00"));
    assert_null(strstr(refused.message, "9.00"));
    FAKE_SCRIPT(fake, {503, ""});
    assert_int_equal(change(fake, paypal_adapter.refund, "").outcome, GW_UNAVAILABLE);
}

static void an_unclear_refund_is_unknown(void **state) {
    static const struct {
        struct step step;
        enum gateway_outcome outcome;
    } rows[] = {
        {{500, "", 0, 0}, GW_UNKNOWN},
        {{201, "{", 0, 0}, GW_UNKNOWN},
        {{409, ERROR("RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS"), 0, 0}, GW_UNKNOWN},
        {{422, ISSUE("NEVER_HEARD_OF"), 0, 0}, GW_UNKNOWN},
        {{422, ISSUE("REFUND_AMOUNT_EXCEEDED"), 0, 0}, GW_REJECTED_REQUEST},
        {{422, ISSUE("TRANSACTION_DISPUTED"), 0, 0}, GW_REJECTED_REQUEST},
        {{429, "", 0, 0}, GW_RATE_LIMITED},
        {{0, NULL, HTTP_NOT_SENT, HTTP_FAIL_TLS}, GW_UNAVAILABLE},
        {{0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TOO_LARGE}, GW_UNKNOWN},
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        fake_script(fake, &rows[i].step, 1);
        assert_int_equal(change(fake, paypal_adapter.refund, "3C67").outcome, rows[i].outcome);
    }
}

static void refunded_before_is_ours_only_with_our_reference(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(
        fake, {422, ISSUE("CAPTURE_FULLY_REFUNDED")},
        {200, WITH_REFUNDS(REFUND("R1", "FAILED", "re_B") "," REFUND("R2", "COMPLETED", "re_A"))});
    struct gateway_result result = change(fake, paypal_adapter.refund, "3C67");
    assert_int_equal(result.outcome, GW_REFUNDED);
    assert_string_equal(result.refund_id, "R2");
    FAKE_SCRIPT(fake, {422, ISSUE("CAPTURE_FULLY_REFUNDED")},
                {200, WITH_REFUNDS(REFUND("R1", "COMPLETED", "re_B"))});
    result = change(fake, paypal_adapter.refund, "3C67");
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    assert_string_equal(result.common_code, "already_refunded");
    /* They know our reference but do not show the refund. */
    FAKE_SCRIPT(fake, {422, ISSUE("DUPLICATE_INVOICE_ID")}, {200, CAPTURED});
    assert_int_equal(change(fake, paypal_adapter.refund, "3C67").outcome, GW_UNKNOWN);
    FAKE_SCRIPT(fake, {422, ISSUE("CAPTURE_FULLY_REFUNDED")}, {503, ""});
    assert_int_equal(change(fake, paypal_adapter.refund, "3C67").outcome, GW_UNKNOWN);
}

static void a_refund_is_found_by_id_or_in_its_order(void **state) {
    struct fake *fake = *state;
    struct gateway_change asked = paypal_change_of("re_A", "3C67");
    struct gateway_result result;
    FAKE_SCRIPT(fake, {200, WITH_REFUNDS(REFUND("R1", "COMPLETED",
                                                "re_B") "," REFUND("R2", "PENDING", "re_A"))});
    fake->gateway.adapter->query_refund(&fake->call, &asked, &result);
    assert_int_equal(result.outcome, GW_PENDING);
    assert_string_equal(result.refund_id, "R2");
    FAKE_SCRIPT(fake, {200, CAPTURED});
    fake->gateway.adapter->query_refund(&fake->call, &asked, &result);
    assert_int_equal(result.outcome, GW_NOT_FOUND);
    FAKE_SCRIPT(fake, {500, ""});
    fake->gateway.adapter->query_refund(&fake->call, &asked, &result);
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {404, ERROR("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")});
    fake->gateway.adapter->query_refund(&fake->call, &asked, &result);
    assert_int_equal(result.outcome,
                     GW_UNKNOWN); /* the order is gone; the refund may have been made */
    asked.refund_id = "1JU0";
    FAKE_SCRIPT(fake, {200, REFUND("1JU0", "COMPLETED", "re_A")});
    fake->gateway.adapter->query_refund(&fake->call, &asked, &result);
    assert_int_equal(result.outcome, GW_REFUNDED);
    assert_string_equal(fake->sent[0].url, BASE "/v2/payments/refunds/1JU0");
    FAKE_SCRIPT(fake, {404, ERROR("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")});
    fake->gateway.adapter->query_refund(&fake->call, &asked, &result);
    assert_int_equal(result.outcome, GW_NOT_FOUND);
}

static void a_change_that_cannot_be_said_is_not_sent(void **state) {
    struct fake *fake = *state;
    struct gateway_result result;
    struct gateway_change asked = paypal_change_of("re A", "3C67");
    fake_script(fake, NULL, 0);
    paypal_adapter.refund(&fake->call, &asked, &result);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    paypal_adapter.capture(&fake->call, &asked, &result);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    asked = paypal_change_of("re_A", "3C67");
    asked.amount_minor = 0;
    paypal_adapter.refund(&fake->call, &asked, &result);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    paypal_adapter.capture(&fake->call, &asked, &result);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    asked = paypal_change_of("re_A", "");
    asked.payment.gateway_id = "";
    paypal_adapter.refund(&fake->call, &asked, &result);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    paypal_adapter.capture(&fake->call, &asked, &result);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    paypal_adapter.cancel(&fake->call, &asked, &result);
    assert_int_equal(result.outcome, GW_NOT_FOUND);
    assert_int_equal(fake->sent_count, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, paypal_setup, paypal_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(capture_goes_to_the_orders_authorization),
        T(captures_are_read_by_their_inner_state),
        T(a_capture_whose_look_fails_was_not_made),
        T(captured_before_means_asking_the_order),
        T(cancel_voids_an_authorization),
        T(an_order_that_holds_nothing_is_canceled_by_leaving_it),
        T(a_refund_goes_to_the_capture_with_our_reference),
        T(a_refund_without_a_capture_at_hand_asks_the_order_which),
        T(an_unclear_refund_is_unknown),
        T(refunded_before_is_ours_only_with_our_reference),
        T(a_refund_is_found_by_id_or_in_its_order),
        T(a_change_that_cannot_be_said_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
