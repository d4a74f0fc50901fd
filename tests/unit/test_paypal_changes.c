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

/* A refund as an order shows it: with the link to its capture. */
#define PAID_BACK(id, status, reference, value, capture)                                           \
    "{\"id\":\"" id "\",\"status\":\"" status "\",\"custom_id\":\"" reference                      \
    "\",\"amount\":" AMOUNT(value) ",\"links\":[{\"rel\":\"self\",\"href\":\"" BASE                \
                                   "/v2/payments/refunds/" id                                      \
                                   "\"},{\"rel\":\"up\",\"href\":\"" BASE                          \
                                   "/v2/payments/captures/" capture "\"}]}"
#define PARTS(captures, refunds)                                                                   \
    ORDER("COMPLETED", "\"captures\":[" captures "],\"refunds\":[" refunds "]", "")
#define NO_SUCH ERROR("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")

static void a_refund_without_a_capture_at_hand_asks_the_order_which(void **state) {
    struct fake *fake = *state;
#define THREE                                                                                      \
    PARTS(CAPTURE("small", "COMPLETED", "4.99") "," CAPTURE(                                       \
              "first", "REFUNDED", "5.00") "," CAPTURE("second", "COMPLETED", "6.00"),             \
          "")
    FAKE_SCRIPT(fake, {200, THREE}, {201, REFUND("1JU0", "COMPLETED", "re_A")});
    assert_int_equal(change(fake, paypal_adapter.refund, "").outcome, GW_REFUNDED);
    assert_string_equal(fake->sent[1].url, BASE "/v2/payments/captures/second/refund");
    /* Our row names the authorization. */
    FAKE_SCRIPT(fake, {404, NO_SUCH}, {200, THREE}, {201, REFUND("1JU0", "COMPLETED", "re_A")});
    assert_int_equal(change(fake, paypal_adapter.refund, "0AW").outcome, GW_REFUNDED);
    assert_string_equal(fake->sent[0].url, BASE "/v2/payments/captures/0AW/refund");
    assert_string_equal(fake->sent[2].url, BASE "/v2/payments/captures/second/refund");
    FAKE_SCRIPT(fake, {503, ""});
    assert_int_equal(change(fake, paypal_adapter.refund, "").outcome, GW_UNAVAILABLE);
}

static void a_refund_goes_to_a_capture_with_enough_room_left(void **state) {
    static const struct {
        const char *refunds, *capture;
    } rows[] = {
        {"", "one"},
        {PAID_BACK("R1", "COMPLETED", "re_B", "1.00", "one"), "one"},
        {PAID_BACK("R1", "COMPLETED", "re_B", "1.01", "one"), "two"},
        {PAID_BACK("R1", "PENDING", "re_B", "6.00", "one"), "two"},
        {PAID_BACK("R1", "SHINY", "re_B", "6.00", "one"), "two"},
        {PAID_BACK("R1", "FAILED", "re_B", "6.00", "one"), "one"},
        {PAID_BACK("R1", "CANCELLED", "re_B", "6.00", "one"), "one"},
        {PAID_BACK("R1", "COMPLETED", "re_B", "6.00", "two"), "one"},
        {PAID_BACK("R1", "COMPLETED", "re_B", "1.00", "one") "," PAID_BACK("R2", "COMPLETED",
                                                                           "re_C", "0.01", "one"),
         "two"},
        {PAID_BACK("R1", "COMPLETED", "re_B", "much", "one"), "two"},
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        static const char head[] = "{\"id\":\"5O190127TN364715T\",\"status\":\"COMPLETED\","
                                   "\"purchase_units\":[{\"custom_id\":\"" REFERENCE
                                   "\",\"payments\":{\"captures\":[" CAPTURE(
                                       "one", "COMPLETED",
                                       "6.00") "," CAPTURE("two", "PARTIALLY_REFUNDED", "7.00") "]";
        char order[4096], url[200];
        snprintf(order, sizeof order, "%s,\"refunds\":[%s]}}]}", head, rows[i].refunds);
        FAKE_SCRIPT(fake, {200, order}, {201, REFUND("1JU0", "COMPLETED", "re_A")});
        assert_int_equal(change(fake, paypal_adapter.refund, "").outcome, GW_REFUNDED);
        snprintf(url, sizeof url, BASE "/v2/payments/captures/%s/refund", rows[i].capture);
        assert_string_equal(fake->sent[1].url, url);
        assert_string_equal(fake->persisted, rows[i].capture);
        assert_int_equal(fake->persisted_after, 1);
    }
}

static void a_refund_for_which_no_capture_has_room_is_refused_for_good(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake,
                {200, PARTS(CAPTURE("a", "PARTIALLY_REFUNDED", "9.00") "," CAPTURE(
                                "b", "DECLINED",
                                "8.00") "," CAPTURE("c", "COMPLETED",
                                                    "3.00") "," CAPTURE("d", "REFUNDED", "7.00"),
                            PAID_BACK("R1", "COMPLETED", "re_B", "4.01", "a"))});
    struct gateway_result refused = change(fake, paypal_adapter.refund, "");
    assert_int_equal(refused.outcome, GW_DECLINED);
    assert_string_equal(refused.common_code, "wrong_state");
    assert_non_null(strstr(refused.message, "4.99"));
    assert_non_null(strstr(refused.message, "3.00"));
    assert_non_null(strstr(refused.message, "0.00"));
    assert_null(strstr(refused.message, "8.00"));
    assert_null(strstr(refused.message, "9.00"));
    assert_int_equal(fake->sent_count, 1);
    assert_int_equal(fake->persist_count, 0);
}

static void where_a_refund_goes_is_durable_before_it_is_sent(void **state) {
    struct fake *fake = *state;
    fake->persist_fails = 1;
    FAKE_SCRIPT(fake, {200, THREE});
    struct gateway_result result = change(fake, paypal_adapter.refund, "");
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
    assert_int_equal(fake->sent_count, 1);
    fake->persist_fails = 0;
    fake->call.persist = NULL;
    FAKE_SCRIPT(fake, {200, THREE});
    assert_int_equal(change(fake, paypal_adapter.refund, "").outcome, GW_REJECTED_REQUEST);
    assert_int_equal(fake->sent_count, 1);
}

static void a_repeated_refund_goes_where_the_first_went(void **state) {
    static const char *const charges[] = {"", "0AW"};
    struct fake *fake = *state;
    struct gateway_result result;
    for (size_t i = 0; i < COUNT_OF(charges); i++) {
        struct gateway_change asked = paypal_change_of("re_A", charges[i]);
        asked.target = "small"; /* whatever is left there */
        FAKE_SCRIPT(fake, {201, REFUND("1JU0", "COMPLETED", "re_A")});
        paypal_adapter.refund(&fake->call, &asked, &result);
        assert_int_equal(result.outcome, GW_REFUNDED);
        assert_string_equal(fake->sent[0].url, BASE "/v2/payments/captures/small/refund");
        assert_int_equal(fake->persist_count, 0);
        FAKE_SCRIPT(fake, {404, NO_SUCH});
        paypal_adapter.refund(&fake->call, &asked, &result);
        assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
        assert_int_equal(fake->sent_count, 1);
    }
}

static char durable[GATEWAY_ID_CHARS_MAX + 1];

static int somebody_was_first(void *ctx, const char *target, struct err *err) {
    (void)ctx;
    (void)err;
    assert_string_equal(target, "second");
    snprintf(durable, sizeof durable, "other");
    return 0;
}

static void the_choice_that_was_written_first_counts(void **state) {
    struct fake *fake = *state;
    struct gateway_change asked = paypal_change_of("re_A", "");
    struct gateway_result result;
    durable[0] = '\0';
    asked.target = durable;
    fake->call.persist = somebody_was_first;
    FAKE_SCRIPT(fake, {200, THREE}, {201, REFUND("1JU0", "COMPLETED", "re_A")});
    paypal_adapter.refund(&fake->call, &asked, &result);
    assert_int_equal(result.outcome, GW_REFUNDED);
    assert_string_equal(fake->sent[1].url, BASE "/v2/payments/captures/other/refund");
}

static void a_refund_that_the_order_shows_is_not_sent_again(void **state) {
    static const struct {
        const char *order;
        enum gateway_outcome outcome;
    } rows[] = {
        {PARTS(CAPTURE("a", "PARTIALLY_REFUNDED", "5.00") "," CAPTURE("b", "COMPLETED", "5.00"),
               PAID_BACK("R9", "COMPLETED", "re_A", "5.00", "a")),
         GW_REFUNDED},
        {PARTS(CAPTURE("a", "COMPLETED", "5.00"), PAID_BACK("R9", "FAILED", "re_A", "5.00", "a")),
         GW_DECLINED},
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        FAKE_SCRIPT(fake, {200, rows[i].order});
        struct gateway_result result = change(fake, paypal_adapter.refund, "");
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_string_equal(result.refund_id, "R9");
        assert_int_equal(fake->sent_count, 1);
        assert_int_equal(fake->persist_count, 0);
    }
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
        {{422, ISSUE("REFUND_AMOUNT_TOO_LOW"), 0, 0}, GW_REJECTED_REQUEST},
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

/* An earlier send of ours is shown with its reference, or will be refused as this one was: that
 * ends an unknown refund, which a mere REJECTED_REQUEST would not. */
static void nothing_left_to_give_back_is_a_last_word_once_the_order_was_asked(void **state) {
    static const struct {
        const char *refused, *common_code;
    } rows[] = {
        {ISSUE("CAPTURE_FULLY_REFUNDED"), "already_refunded"},
        {ISSUE("REFUND_AMOUNT_EXCEEDED"), "amount_exceeded"},
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        FAKE_SCRIPT(fake, {422, rows[i].refused},
                    {200, WITH_REFUNDS(REFUND("R1", "FAILED", "re_B") "," REFUND("R2", "COMPLETED",
                                                                                 "re_A"))});
        struct gateway_result result = change(fake, paypal_adapter.refund, "3C67");
        assert_int_equal(result.outcome, GW_REFUNDED);
        assert_string_equal(result.refund_id, "R2");
        FAKE_SCRIPT(fake, {422, rows[i].refused},
                    {200, WITH_REFUNDS(REFUND("R1", "COMPLETED", "re_B"))});
        result = change(fake, paypal_adapter.refund, "3C67");
        assert_int_equal(result.outcome, GW_DECLINED);
        assert_string_equal(result.common_code, rows[i].common_code);
        FAKE_SCRIPT(fake, {422, rows[i].refused}, {503, ""});
        assert_int_equal(change(fake, paypal_adapter.refund, "3C67").outcome, GW_UNKNOWN);
    }
    /* They know our reference but do not show the refund. */
    FAKE_SCRIPT(fake, {422, ISSUE("DUPLICATE_INVOICE_ID")}, {200, CAPTURED});
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
        T(a_refund_goes_to_a_capture_with_enough_room_left),
        T(a_refund_for_which_no_capture_has_room_is_refused_for_good),
        T(where_a_refund_goes_is_durable_before_it_is_sent),
        T(a_repeated_refund_goes_where_the_first_went),
        T(the_choice_that_was_written_first_counts),
        T(a_refund_that_the_order_shows_is_not_sent_again),
        T(an_unclear_refund_is_unknown),
        T(nothing_left_to_give_back_is_a_last_word_once_the_order_was_asked),
        T(a_refund_is_found_by_id_or_in_its_order),
        T(a_change_that_cannot_be_said_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
