/* SPDX-License-Identifier: Apache-2.0
 * test_paypal.c: taking money through PayPal's orders: what is sent, in which order, and what every
 * answer means at each step. */
#include "paypal_fixture.h"

#define CREATED ORDER("CREATED", "", LINKS("approve"))

/* What is sent. */

static void a_stored_token_takes_create_persist_capture_in_that_order(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {201, CREATED}, {201, CAPTURED});
    struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
    assert_script_done(fake);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_string_equal(fake->persisted, "5O190127TN364715T");
    assert_int_equal(fake->persisted_after, 1);
    assert_int_equal(fake->persist_count, 1);
    assert_string_equal(fake->sent[0].method, "POST");
    assert_string_equal(fake->sent[0].url, BASE "/v2/checkout/orders");
    assert_string_equal(fake->sent[0].headers, "Authorization: Bearer A21\n"
                                               "Accept: application/json\n"
                                               "Content-Type: application/json\n"
                                               "Prefer: return=representation\n"
                                               "PayPal-Request-Id: " REFERENCE "-o\n");
    assert_string_equal(fake->sent[0].body,
                        "{\"intent\":\"CAPTURE\",\"purchase_units\":[{\"reference_id\":\"o 1\","
                        "\"custom_id\":\"" REFERENCE "\",\"invoice_id\":\"" REFERENCE "\","
                        "\"description\":\"Two teas\",\"amount\":{\"currency_code\":\"USD\","
                        "\"value\":\"10.99\"}}]}");
    assert_string_equal(fake->sent[1].url, BASE "/v2/checkout/orders/5O190127TN364715T/capture");
    assert_string_equal(fake->sent[1].body,
                        "{\"payment_source\":{\"paypal\":{\"vault_id\":\"vault_1\"}}}");
    assert_string_equal(fake->sent[1].headers, "Authorization: Bearer A21\n"
                                               "Accept: application/json\n"
                                               "Content-Type: application/json\n"
                                               "Prefer: return=representation\n"
                                               "PayPal-Request-Id: " REFERENCE "-c\n");
    assert_true(fake->sent[0].repeatable && fake->sent[1].repeatable);
    assert_ptr_equal(fake->sent[1].bulkhead, fake->gateway.bulkhead);
}

static void a_captured_order_says_ids_amounts_and_the_fee(void **state) {
    FAKE_SCRIPT(*state, {201, CREATED}, {201, CAPTURED});
    struct gateway_result result = paypal_charged(*state, METHOD_PAYPAL, "vault_1");
    assert_string_equal(result.gateway_id, "5O190127TN364715T");
    assert_string_equal(result.charge_id, "3C679366HH908993F");
    assert_string_equal(result.trace, "dbg_1");
    assert_int_equal(result.amount_minor, 1099);
    assert_int_equal(result.captured_minor, 1099);
    assert_int_equal(result.fee_minor, 62);
    assert_string_equal(result.currency.code, "USD");
    assert_int_equal(result.duration_us, 2000);
    assert_string_equal(result.common_code, "");
    assert_string_equal(result.action_data, "");
}

static void authorize_only_and_stored_cards_say_so(void **state) {
    struct fake *fake = *state;
    struct gateway_charge charge = paypal_charge_of(METHOD_CARD, "vault_2");
    struct gateway_result result;
    charge.capture = false;
    charge.off_session = true;
    charge.description = "";
    FAKE_SCRIPT(fake, {201, CREATED}, {201, AUTHORIZED("CREATED")});
    fake->gateway.adapter->charge(&fake->call, &charge, &result);
    assert_int_equal(result.outcome, GW_AUTHORIZED);
    assert_string_equal(result.charge_id, "0AW2184448108334S");
    assert_non_null(strstr(fake->sent[0].body, "\"intent\":\"AUTHORIZE\""));
    assert_null(strstr(fake->sent[0].body, "description"));
    assert_string_equal(fake->sent[1].url, BASE "/v2/checkout/orders/5O190127TN364715T/authorize");
    assert_string_equal(
        fake->sent[1].body,
        "{\"payment_source\":{\"card\":{\"vault_id\":\"vault_2\",\"stored_credential\":"
        "{\"payment_initiator\":\"MERCHANT\",\"payment_type\":\"UNSCHEDULED\","
        "\"usage\":\"SUBSEQUENT\"}}}}");
}

static void a_wallet_without_a_token_sends_the_payer_to_paypal(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, ORDER("PAYER_ACTION_REQUIRED", "", LINKS("payer-action"))});
    struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "");
    assert_int_equal(result.outcome, GW_ACTION_NEEDED);
    assert_int_equal(result.advice, ADVICE_CUSTOMER);
    assert_string_equal(result.action_data, "https://www.paypal.com/go?token=5O19");
    assert_string_equal(fake->persisted, "5O190127TN364715T");
    assert_non_null(
        strstr(fake->sent[0].body,
               "\"payment_source\":{\"paypal\":{\"experience_context\":{\"return_url\":"
               "\"https://shop.example/back\",\"cancel_url\":\"https://shop.example/back\","
               "\"user_action\":\"PAY_NOW\"}}}"));
    /* The older link does as well, and a payer who has approved already is not asked again. */
    FAKE_SCRIPT(fake, {200, CREATED});
    assert_int_equal(paypal_charged(fake, METHOD_PAYPAL, "").outcome, GW_ACTION_NEEDED);
    FAKE_SCRIPT(fake, {200, ORDER("APPROVED", "", "")});
    assert_int_equal(paypal_charged(fake, METHOD_PAYPAL, "").outcome, GW_APPROVED);
}

static void resume_captures_what_the_payer_approved(void **state) {
    struct fake *fake = *state;
    struct gateway_charge charge = paypal_charge_of(METHOD_PAYPAL, "");
    struct gateway_lookup lookup = paypal_lookup_of("5O190127TN364715T", "");
    struct gateway_result result;
    FAKE_SCRIPT(fake, {201, CAPTURED});
    fake->gateway.adapter->resume(&fake->call, &charge, &lookup, &result);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_string_equal(fake->sent[0].url, BASE "/v2/checkout/orders/5O190127TN364715T/capture");
    assert_string_equal(fake->sent[0].body, "{}");
    assert_non_null(strstr(fake->sent[0].headers, "PayPal-Request-Id: " REFERENCE "-c\n"));
    FAKE_SCRIPT(fake, {422, ISSUE("ORDER_NOT_APPROVED")});
    fake->gateway.adapter->resume(&fake->call, &charge, &lookup, &result);
    assert_int_equal(result.outcome, GW_ACTION_NEEDED);
    FAKE_SCRIPT(fake, {.reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TIMEOUT});
    fake->gateway.adapter->resume(&fake->call, &charge, &lookup, &result);
    assert_int_equal(result.outcome, GW_UNKNOWN);
    assert_string_equal(result.gateway_id, "5O190127TN364715T");
    lookup = paypal_lookup_of("", "");
    fake_script(fake, NULL, 0);
    fake->gateway.adapter->resume(&fake->call, &charge, &lookup, &result);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
}

static void what_cannot_be_asked_is_refused_before_anything_is_sent(void **state) {
    static const struct {
        const char *reference, *currency, *token;
        int64_t amount_minor;
        enum payment_method method;
        bool off_session;
    } rows[] = {
        {"att 1", "USD", "v", 100, METHOD_PAYPAL, false},
        {REFERENCE, "USD", "", 100, METHOD_CARD, false},
        {REFERENCE, "USD", "v", 0, METHOD_PAYPAL, false},
        {REFERENCE, "HUF", "v", 150, METHOD_PAYPAL, false},
        {REFERENCE, "KWD", "v", 1000, METHOD_PAYPAL, false},
        {REFERENCE, "KRW", "v", 500, METHOD_PAYPAL, false},
        {REFERENCE, "USD", "v", 100, METHOD_ALIPAY, false},
        {REFERENCE, "USD", "", 100, METHOD_PAYPAL, true},
        {REFERENCE, "USD", "\xFF", 100, METHOD_PAYPAL, false},
    };
    struct fake *fake = *state;
    struct gateway_result result;
    fake_script(fake, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_charge charge = paypal_charge_of(rows[i].method, rows[i].token);
        charge.reference = rows[i].reference;
        charge.currency = money_of(rows[i].currency);
        charge.amount_minor = rows[i].amount_minor;
        charge.off_session = rows[i].off_session;
        fake->gateway.adapter->charge(&fake->call, &charge, &result);
        assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
        assert_int_equal(fake->sent_count, 0);
    }
    fake->call.persist = NULL;
    result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    assert_int_equal(fake->sent_count, 0);
}

static void amounts_are_decimals_and_three_currencies_have_none(void **state) {
    static const struct {
        const char *currency;
        int64_t amount_minor;
        const char *text; /* NULL: cannot be said */
    } rows[] = {
        {"USD", 1099, "10.99"},
        {"USD", 5, "0.05"},
        {"JPY", 500, "500"},
        {"HUF", 50000, "500"},
        {"HUF", 50050, NULL},
        {"TWD", 100, "1"},
        {"TWD", 99, NULL},
        {"KWD", 1000, NULL},
        {"KRW", 500, NULL},
        {"USD", 0, NULL},
        {"USD", -1, NULL},
        {"EUR", 100, "1.00"},
        {"USD", AMOUNT_MINOR_MAX, "10000000.00"},
        {"USD", AMOUNT_MINOR_MAX + 1, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[MONEY_TEXT_MAX];
        bool said = paypal_amount(rows[i].amount_minor, money_of(rows[i].currency), text);
        assert_int_equal(said, rows[i].text != NULL);
        if (!said) {
            continue;
        }
        assert_string_equal(text, rows[i].text);
        struct currency currency = {0};
        json_t *money = json_pack("{s:s,s:s}", "currency_code", rows[i].currency, "value", text);
        assert_int_equal(paypal_read_amount(money, &currency), rows[i].amount_minor);
        assert_string_equal(currency.code, rows[i].currency);
        json_decref(money);
    }
}

/* Failures, step by step. */

static void whatever_fails_at_create_is_certainly_not_charged(void **state) {
    static const struct {
        struct step step;
        enum gateway_outcome outcome;
    } rows[] = {
        {{500, ERROR("INTERNAL_SERVER_ERROR", "INTERNAL_SERVER_ERROR"), 0, 0}, GW_UNAVAILABLE},
        {{503, "<html>", 0, 0}, GW_UNAVAILABLE},
        {{502, "", 0, 0}, GW_UNAVAILABLE},
        {{201, "{\"id\":\"5O19\",\"status\":\"CRE", 0, 0}, GW_UNAVAILABLE},
        {{201, "{}", 0, 0}, GW_UNAVAILABLE},
        {{302, "", 0, 0}, GW_UNAVAILABLE},
        {{429, ERROR("RATE_LIMIT_REACHED", "RATE_LIMIT_REACHED"), 0, 0}, GW_RATE_LIMITED},
        {{429, "", 0, 0}, GW_RATE_LIMITED},
        {{403, ERROR("NOT_AUTHORIZED", "PERMISSION_DENIED"), 0, 0}, GW_REJECTED_CREDENTIALS},
        {{401, ERROR("AUTHENTICATION_FAILURE", "INVALID_ACCOUNT_STATUS"), 0, 0},
         GW_REJECTED_CREDENTIALS},
        {{400, ERROR("INVALID_REQUEST", "MISSING_REQUIRED_PARAMETER"), 0, 0}, GW_REJECTED_REQUEST},
        {{422, ISSUE("DECIMAL_PRECISION"), 0, 0}, GW_REJECTED_REQUEST},
        {{422, ISSUE("NEVER_HEARD_OF"), 0, 0}, GW_REJECTED_REQUEST},
        {{422, ISSUE("COMPLIANCE_VIOLATION"), 0, 0}, GW_REJECTED_REQUEST},
        {{422, ISSUE("PAYER_ACTION_REQUIRED"), 0, 0}, GW_REJECTED_REQUEST},
        {{400, "<html>", 0, 0}, GW_UNAVAILABLE},
        /* These two say that an earlier send of the same payment got further. */
        {{422, ISSUE("DUPLICATE_INVOICE_ID"), 0, 0}, GW_UNKNOWN},
        {{409, ERROR("RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS"), 0, 0}, GW_UNKNOWN},
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        fake_script(fake, &rows[i].step, 1);
        struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
        if (result.outcome != rows[i].outcome) {
            fail_msg("%s gave %s", rows[i].step.body, gateway_outcome_name(result.outcome));
        }
        assert_int_equal(fake->sent_count, 1);
        assert_int_equal(fake->persist_count, 0);
    }
    for (size_t i = 0; i < COUNT_OF(fake_failures); i++) {
        const struct step step = {0, NULL, fake_failures[i].reach, fake_failures[i].failure};
        fake_script(fake, &step, 1);
        assert_int_equal(paypal_charged(fake, METHOD_PAYPAL, "vault_1").outcome, GW_UNAVAILABLE);
        assert_int_equal(fake->persist_count, 0);
    }
}

static void an_id_that_cannot_be_kept_stops_the_charge(void **state) {
    struct fake *fake = *state;
    fake->persist_fails = 1;
    FAKE_SCRIPT(fake, {201, CREATED});
    struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
    assert_string_equal(result.common_code, "order_not_durable");
    assert_int_equal(fake->sent_count, 1);
    FAKE_SCRIPT(fake, {201, ORDER("PAYER_ACTION_REQUIRED", "", LINKS("payer-action"))});
    assert_int_equal(paypal_charged(fake, METHOD_PAYPAL, "").outcome, GW_UNAVAILABLE);
}

static void an_unanswered_capture_is_unknown_unless_nothing_was_sent(void **state) {
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(fake_failures); i++) {
        FAKE_SCRIPT(fake, {201, CREATED},
                    {0, NULL, fake_failures[i].reach, fake_failures[i].failure});
        struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
        bool unknown = fake_failures[i].reach == HTTP_MAYBE_SENT;
        assert_int_equal(result.outcome, unknown ? GW_UNKNOWN : GW_UNAVAILABLE);
        assert_int_equal(result.failure, fake_failures[i].failure);
        assert_string_equal(result.gateway_id, "5O190127TN364715T");
        assert_int_equal(fake->sent_count, 2);
    }
}

static void a_broken_answer_to_a_capture_is_unknown(void **state) {
    static const struct {
        int status;
        const char *body;
        enum gateway_outcome outcome;
    } rows[] = {
        {500, ERROR("INTERNAL_SERVER_ERROR", "INTERNAL_SERVER_ERROR"), GW_UNKNOWN},
        {500, ISSUE("INSTRUMENT_DECLINED"), GW_UNKNOWN},
        {503, "", GW_UNKNOWN},
        {201, "{\"id\":", GW_UNKNOWN},
        {302, "", GW_UNKNOWN},
        {400, "<html>", GW_UNKNOWN},
        {401, ERROR("AUTHENTICATION_FAILURE", "INVALID_ACCOUNT_STATUS"), GW_REJECTED_CREDENTIALS},
        {403, "", GW_UNKNOWN},
        {404, "", GW_UNKNOWN},
        {418, ISSUE("INSTRUMENT_DECLINED"), GW_UNKNOWN},
        {422, ISSUE("NEVER_HEARD_OF"), GW_UNKNOWN},
        {409, ISSUE("INSTRUMENT_DECLINED"), GW_UNKNOWN},
        {429, "", GW_RATE_LIMITED},
        {429, ISSUE("INSTRUMENT_DECLINED"), GW_RATE_LIMITED},
        {422, "{\"details\":[]}", GW_UNKNOWN},
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        FAKE_SCRIPT(fake, {201, CREATED}, {rows[i].status, rows[i].body});
        struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
        if (result.outcome != rows[i].outcome) {
            fail_msg("%d %s gave %s", rows[i].status, rows[i].body,
                     gateway_outcome_name(result.outcome));
        }
    }
}

enum row_kind { ISSUE_ROW, DONE_ROW, BUSY_ROW, NAME_ROW, PROCESSOR_ROW };
static const struct {
    enum row_kind kind;
    const char *code;
    int status;
    enum gateway_outcome outcome;
    enum gateway_advice advice;
    const char *common_code;
} error_rows[] = {
#define X(kind, code, status, outcome, advice, common_code)                                        \
    {kind##_ROW, code, status, GW_##outcome, ADVICE_##advice, common_code},
#include "gateway/paypal/paypal_errors.def"
#undef X
};

static void error_body(size_t row, char body[1024]) {
    const char *code = error_rows[row].code;
    if (error_rows[row].kind == PROCESSOR_ROW) {
        snprintf(body, 1024,
                 ORDER("COMPLETED",
                       "\"captures\":[{\"id\":\"3C67\",\"status\":\"DECLINED\","
                       "\"processor_response\":{\"response_code\":\"%s\"}}]",
                       ""),
                 code);
    } else if (error_rows[row].kind == NAME_ROW) {
        snprintf(body, 1024, "{\"name\":\"%s\",\"message\":\"no\"}", code);
    } else {
        snprintf(body, 1024, "{\"name\":\"UNPROCESSABLE_ENTITY\",\"details\":[{\"issue\":\"%s\"}]}",
                 code);
    }
}

static void every_row_of_the_error_table_gives_its_outcome_at_capture(void **state) {
    struct fake *fake = *state;
    assert_int_equal(COUNT_OF(error_rows), paypal_adapter.error_count);
    for (size_t i = 0; i < COUNT_OF(error_rows); i++) {
        if (error_rows[i].status == 401) {
            continue; /* renews the token first: test_paypal_token.c */
        }
        char body[1024];
        error_body(i, body);
        bool done = error_rows[i].kind == DONE_ROW;
        const struct step steps[] = {
            {201, CREATED, 0, 0}, {error_rows[i].status, body, 0, 0}, {500, "", 0, 0}};
        fake_script(fake, steps, done ? 3 : 2);
        struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
        assert_script_done(fake);
        if (result.outcome != error_rows[i].outcome || result.advice != error_rows[i].advice ||
            strcmp(result.common_code, error_rows[i].common_code) != 0) {
            fail_msg("%s gave %s, %s", error_rows[i].code, gateway_outcome_name(result.outcome),
                     result.common_code);
        }
    }
}

static void done_before_means_asking_the_order_and_believing_it(void **state) {
    static const struct {
        struct step step;
        enum gateway_outcome outcome;
    } rows[] = {
        {{200, CAPTURED, 0, 0}, GW_CHARGED},
        {{200, AUTHORIZED("CREATED"), 0, 0}, GW_AUTHORIZED},
        {{200, ORDER("COMPLETED", "\"captures\":[" CAPTURE("3C67", "PENDING", "10.99") "]", ""), 0,
          0},
         GW_PENDING},
        {{200, ORDER("COMPLETED", "\"captures\":[" CAPTURE("3C67", "DECLINED", "10.99") "]", ""), 0,
          0},
         GW_DECLINED},
        {{200, ORDER("VOIDED", "", ""), 0, 0}, GW_CANCELED},
        /* It does not show what was done: so nobody knows. */
        {{200, ORDER("APPROVED", "", ""), 0, 0}, GW_UNKNOWN},
        {{200, CREATED, 0, 0}, GW_UNKNOWN},
        {{404, ERROR("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID"), 0, 0}, GW_UNKNOWN},
        {{429, "", 0, 0}, GW_UNKNOWN},
        {{0, NULL, HTTP_NOT_SENT, HTTP_FAIL_CONNECT}, GW_UNKNOWN},
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        FAKE_SCRIPT(fake, {201, CREATED}, {422, ISSUE("ORDER_ALREADY_CAPTURED")}, rows[i].step);
        struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
        assert_script_done(fake);
        assert_string_equal(fake->sent[2].method, "GET");
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_string_equal(result.gateway_id, "5O190127TN364715T");
    }
}

static void a_success_without_its_payments_is_asked_about(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {201, CREATED},
                {201, "{\"id\":\"5O190127TN364715T\",\"status\":\"COMPLETED\"}"}, {200, CAPTURED});
    assert_int_equal(paypal_charged(fake, METHOD_PAYPAL, "vault_1").outcome, GW_CHARGED);
    assert_script_done(fake);
}

static void a_201_may_hold_a_decline_or_money_that_is_not_there_yet(void **state) {
    static const struct {
        const char *status;
        enum gateway_outcome outcome;
    } rows[] = {
        {"COMPLETED", GW_CHARGED}, {"PARTIALLY_REFUNDED", GW_CHARGED}, {"REFUNDED", GW_CHARGED},
        {"PENDING", GW_PENDING},   {"DECLINED", GW_DECLINED},          {"FAILED", GW_DECLINED},
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char body[1024];
        snprintf(body, sizeof(body),
                 ORDER("COMPLETED",
                       "\"captures\":[{\"id\":\"3C67\",\"status\":\"%s\","
                       "\"amount\":" AMOUNT("10.99") "}]",
                       ""),
                 rows[i].status);
        FAKE_SCRIPT(fake, {201, CREATED}, {201, body});
        struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_int_equal(result.captured_minor, rows[i].outcome == GW_CHARGED ? 1099 : -1);
        assert_string_equal(result.charge_id, "3C67");
    }
    /* A state that is not known here leaves it open, after asking once more. */
    FAKE_SCRIPT(
        fake, {201, CREATED},
        {201, ORDER("COMPLETED", "\"captures\":[" CAPTURE("3C67", "SHINY", "1.00") "]", "")},
        {200, ORDER("COMPLETED", "\"captures\":[" CAPTURE("3C67", "SHINY", "1.00") "]", "")});
    assert_int_equal(paypal_charged(fake, METHOD_PAYPAL, "vault_1").outcome, GW_UNKNOWN);
}

static void a_repeat_that_finds_the_order_settled_takes_no_money_again(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, CAPTURED});
    struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_int_equal(fake->sent_count, 1);
    FAKE_SCRIPT(fake, {201, CREATED}, {201, CAPTURED});
    (void)paypal_charged(fake, METHOD_PAYPAL, "vault_1");
    struct sent first = fake->sent[1];
    FAKE_SCRIPT(fake, {200, CREATED}, {200, CAPTURED});
    (void)paypal_charged(fake, METHOD_PAYPAL, "vault_1");
    assert_string_equal(first.body, fake->sent[1].body);
    assert_string_equal(first.headers, fake->sent[1].headers);
}

static void a_payer_who_is_needed_for_a_token_is_told_where(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {201, CREATED}, {422, ISSUE("ORDER_NOT_APPROVED")});
    struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
    assert_int_equal(result.outcome, GW_ACTION_NEEDED);
    assert_string_equal(result.action_data, "https://www.paypal.com/go?token=5O19");
    FAKE_SCRIPT(fake, {201, CREATED},
                {422, "{\"name\":\"UNPROCESSABLE_ENTITY\",\"details\":[{\"issue\":"
                      "\"PAYER_ACTION_REQUIRED\"}],\"links\":[{\"rel\":\"payer-action\",\"href\":"
                      "\"https://www.paypal.com/3ds\"}]}"});
    result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
    assert_string_equal(result.action_data, "https://www.paypal.com/3ds");
}

static void an_answer_about_another_payment_is_no_answer(void **state) {
#define FOREIGN                                                                                    \
    "{\"id\":\"9XX\",\"status\":\"COMPLETED\",\"purchase_units\":[{\"custom_id\":\"att_other\","   \
    "\"payments\":{\"captures\":[" CAPTURE("3C67", "COMPLETED", "10.99") "]}}]}"
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {201, CREATED}, {201, FOREIGN}, {200, FOREIGN});
    struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
    assert_int_equal(result.outcome, GW_UNKNOWN);
    assert_string_equal(result.gateway_id, "5O190127TN364715T");
    struct gateway_lookup lookup = paypal_lookup_of("5O190127TN364715T", "");
    FAKE_SCRIPT(fake, {200, FOREIGN});
    fake->gateway.adapter->query(&fake->call, &lookup, &result);
    assert_int_equal(result.outcome, GW_UNKNOWN);
    assert_string_equal(result.common_code, "reference_mismatch");
}

/* Asking. */

static void every_state_of_an_order_has_its_outcome(void **state) {
#define CAPS(list) ORDER("COMPLETED", "\"captures\":[" list "]", "")
    static const struct {
        const char *body;
        enum gateway_outcome outcome;
        int64_t captured_minor;
    } rows[] = {
        {ORDER("PAYER_ACTION_REQUIRED", "", LINKS("payer-action")), GW_ACTION_NEEDED, -1},
        {ORDER("CREATED", "", LINKS("payer-action")), GW_ACTION_NEEDED, -1},
        {ORDER("SAVED", "", LINKS("payer-action")), GW_ACTION_NEEDED, -1},
        /* For a token: nothing is taken; conclusive once its capture can no longer arrive. */
        {CREATED, GW_NOT_FOUND, -1},
        {ORDER("APPROVED", "", ""), GW_APPROVED, -1},
        {ORDER("VOIDED", "", ""), GW_CANCELED, -1},
        {ORDER("COMPLETED", "", ""), GW_UNKNOWN, -1},
        {ORDER("BOILED", "", ""), GW_UNKNOWN, -1},
        {CAPTURED, GW_CHARGED, 1099},
        {CAPS(CAPTURE("1A", "DECLINED", "10.99") "," CAPTURE("2A", "COMPLETED", "10.99")),
         GW_CHARGED, 1099},
        {CAPS(CAPTURE("1A", "DECLINED", "10.99") "," CAPTURE("2A", "PENDING", "10.99")), GW_PENDING,
         -1},
        {CAPS(CAPTURE("1A", "DECLINED", "10.99") "," CAPTURE("2A", "SHINY", "10.99")), GW_UNKNOWN,
         -1},
        {ORDER("APPROVED", "\"captures\":[" CAPTURE("1A", "DECLINED", "10.99") "]", ""),
         GW_DECLINED, -1},
        {AUTHORIZED("CREATED"), GW_AUTHORIZED, -1},
        {AUTHORIZED("PENDING"), GW_PENDING, -1},
        {AUTHORIZED("DENIED"), GW_DECLINED, -1},
        {AUTHORIZED("VOIDED"), GW_CANCELED, -1},
        {AUTHORIZED("CAPTURED"), GW_CHARGED, -1},
        {AUTHORIZED("SHINY"), GW_UNKNOWN, -1},
        {ORDER("COMPLETED",
               "\"authorizations\":[{\"id\":\"0AW\",\"status\":\"PARTIALLY_CAPTURED\"}],"
               "\"captures\":[" CAPTURE("1A", "COMPLETED", "4.00") "," CAPTURE("2A", "COMPLETED",
                                                                               "1.00") "]",
               ""),
         GW_AUTHORIZED, 500},
        {ORDER("COMPLETED",
               "\"authorizations\":[{\"id\":\"0AW\",\"status\":\"CAPTURED\"}],"
               "\"captures\":[" CAPTURE("1A", "PENDING", "10.99") "]",
               ""),
         GW_PENDING, -1},
        {ORDER("COMPLETED",
               "\"authorizations\":[{\"id\":\"0AW\",\"status\":\"VOIDED\"}],"
               "\"captures\":[" CAPTURE("1A", "COMPLETED", "4.00") "]",
               ""),
         GW_CHARGED, 400},
    };
    struct fake *fake = *state;
    struct gateway_lookup lookup = paypal_lookup_of("5O190127TN364715T", "");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_result result;
        FAKE_SCRIPT(fake, {200, rows[i].body});
        fake->gateway.adapter->query(&fake->call, &lookup, &result);
        if (result.outcome != rows[i].outcome || result.captured_minor != rows[i].captured_minor) {
            fail_msg("%s gave %s", rows[i].body, gateway_outcome_name(result.outcome));
        }
        assert_string_equal(fake->sent[0].url, BASE "/v2/checkout/orders/5O190127TN364715T");
        assert_string_equal(fake->sent[0].headers,
                            "Authorization: Bearer A21\nAccept: application/json\n");
        assert_false(fake->sent[0].has_body);
    }
}

static void an_order_says_what_went_back(void **state) {
    struct fake *fake = *state;
    struct gateway_lookup lookup = paypal_lookup_of("5O190127TN364715T", "");
    struct gateway_result result;
#define BACK(id, status, value)                                                                    \
    "{\"id\":\"" id "\",\"status\":\"" status "\",\"amount\":" AMOUNT(value) "}"
#define BACKS                                                                                      \
    BACK("R1", "COMPLETED", "2.00")                                                                \
    "," BACK("R2", "PENDING", "1.00") "," BACK("R3", "COMPLETED", "0.50")
#define PARTLY CAPTURE("1A", "PARTIALLY_REFUNDED", "10.99")
    FAKE_SCRIPT(fake,
                {200, ORDER("COMPLETED", "\"captures\":[" PARTLY "],\"refunds\":[" BACKS "]", "")});
    fake->gateway.adapter->query(&fake->call, &lookup, &result);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_int_equal(result.refunded_minor, 250);
}

static void without_an_order_nothing_can_have_been_charged(void **state) {
    struct fake *fake = *state;
    struct gateway_lookup lookup = paypal_lookup_of("", "");
    struct gateway_result result;
    fake_script(fake, NULL, 0);
    fake->gateway.adapter->query(&fake->call, &lookup, &result);
    assert_int_equal(result.outcome, GW_NOT_FOUND);
    assert_int_equal(fake->sent_count, 0);
}

static void a_question_that_is_not_answered_says_nothing(void **state) {
    static const struct {
        struct step step;
        enum gateway_outcome outcome;
    } rows[] = {
        {{404, ERROR("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID"), 0, 0}, GW_NOT_FOUND},
        {{404, "<html>", 0, 0}, GW_UNAVAILABLE},
        {{500, "", 0, 0}, GW_UNAVAILABLE},
        {{200, "{}", 0, 0}, GW_UNAVAILABLE},
        {{200, "{", 0, 0}, GW_UNAVAILABLE},
        {{422, ISSUE("INSTRUMENT_DECLINED"), 0, 0}, GW_UNAVAILABLE},
        {{429, "", 0, 0}, GW_RATE_LIMITED},
        {{403, ERROR("NOT_AUTHORIZED", "PERMISSION_DENIED"), 0, 0}, GW_REJECTED_CREDENTIALS},
        {{0, NULL, HTTP_NOT_SENT, HTTP_FAIL_CONNECT}, GW_UNAVAILABLE},
        {{0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_RESET}, GW_UNAVAILABLE},
    };
    struct fake *fake = *state;
    struct gateway_lookup lookup = paypal_lookup_of("5O190127TN364715T", "");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_result result;
        fake_script(fake, &rows[i].step, 1);
        fake->gateway.adapter->query(&fake->call, &lookup, &result);
        assert_int_equal(result.outcome, rows[i].outcome);
    }
}

static void after_the_deadline_no_money_is_taken(void **state) {
    struct fake *fake = *state;
    fake_script(fake, NULL, 0);
    fake->call.deadline_us = clock_mono_us() - 1;
    struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
    assert_int_equal(result.failure, HTTP_FAIL_TIMEOUT);
    assert_int_equal(fake->sent_count, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, paypal_setup, paypal_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_stored_token_takes_create_persist_capture_in_that_order),
        T(a_captured_order_says_ids_amounts_and_the_fee),
        T(authorize_only_and_stored_cards_say_so),
        T(a_wallet_without_a_token_sends_the_payer_to_paypal),
        T(resume_captures_what_the_payer_approved),
        T(what_cannot_be_asked_is_refused_before_anything_is_sent),
        T(amounts_are_decimals_and_three_currencies_have_none),
        T(whatever_fails_at_create_is_certainly_not_charged),
        T(an_id_that_cannot_be_kept_stops_the_charge),
        T(an_unanswered_capture_is_unknown_unless_nothing_was_sent),
        T(a_broken_answer_to_a_capture_is_unknown),
        T(every_row_of_the_error_table_gives_its_outcome_at_capture),
        T(done_before_means_asking_the_order_and_believing_it),
        T(a_success_without_its_payments_is_asked_about),
        T(a_201_may_hold_a_decline_or_money_that_is_not_there_yet),
        T(a_repeat_that_finds_the_order_settled_takes_no_money_again),
        T(a_payer_who_is_needed_for_a_token_is_told_where),
        T(an_answer_about_another_payment_is_no_answer),
        T(every_state_of_an_order_has_its_outcome),
        T(an_order_says_what_went_back),
        T(without_an_order_nothing_can_have_been_charged),
        T(a_question_that_is_not_answered_says_nothing),
        T(after_the_deadline_no_money_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
