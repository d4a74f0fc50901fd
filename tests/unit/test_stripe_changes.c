/* SPDX-License-Identifier: Apache-2.0
 * test_stripe_changes.c: asking Stripe where a payment stands, and capturing, canceling, refunding.
 */
#include "stripe_fixture.h"

/* Asking. */

static struct gateway_result query(struct fake *fake, const char *gateway_id) {
    struct gateway_result result;
    struct gateway_lookup lookup = a_lookup(gateway_id);
    fake->gateway.adapter->query(&fake->call, &lookup, &result);
    return result;
}

static void a_known_id_is_asked_for_directly(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, INTENT("succeeded", "")});
    assert_int_equal(query(fake, "pi_1/..?x").outcome, GW_CHARGED);
    assert_string_equal(fake->sent[0].method, "GET");
    assert_string_equal(fake->sent[0].url, BASE "/v1/payment_intents/pi_1%2F..%3Fx"
                                                "?expand%5B0%5D=latest_charge.balance_transaction");
    assert_string_equal(fake->sent[0].headers, "Authorization: Bearer sk_test_abc\n"
                                               "Stripe-Version: 2026-10-28.endive\n");
    assert_false(fake->sent[0].has_body);
    FAKE_SCRIPT(fake, {404, "{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
                            "\"resource_missing\"}}"});
    assert_int_equal(query(fake, "pi_1").outcome, GW_NOT_FOUND);
}

static void refused_questions_say_nothing_about_the_payment(void **state) {
    static const struct {
        int status;
        const char *code;
        enum gateway_outcome outcome;
    } rows[] = {
        {401, "api_key_expired", GW_REJECTED_CREDENTIALS},
        {403, "", GW_REJECTED_CREDENTIALS},
        {429, "rate_limit", GW_RATE_LIMITED},
        {400, "parameter_unknown", GW_UNAVAILABLE},
        {402, "card_declined", GW_UNAVAILABLE},
        {409, "lock_timeout", GW_RATE_LIMITED},
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char body[256];
        snprintf(body, sizeof(body), "{\"error\":{\"type\":\"card_error\",\"code\":\"%s\"}}",
                 rows[i].code);
        for (int by_id = 0; by_id < 2; by_id++) {
            const struct step step = {rows[i].status, body, 0, 0};
            fake_script(fake, &step, 1);
            assert_int_equal(query(fake, by_id ? "pi_1" : "").outcome, rows[i].outcome);
        }
    }
}

#define LIST(items, more) "{\"object\":\"list\",\"data\":[" items "],\"has_more\":" more "}"
#define OTHER(id) "{\"id\":\"" id "\",\"object\":\"payment_intent\",\"metadata\":{}}"

static void without_an_id_the_list_is_searched_page_by_page(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, LIST(OTHER("pi_9") "," OTHER("pi_8"), "true")},
                {200, LIST(OTHER("pi_7") "," INTENT("requires_capture", ""), "true")});
    struct gateway_result result = query(fake, "");
    assert_script_done(fake);
    assert_int_equal(result.outcome, GW_AUTHORIZED);
    assert_string_equal(result.gateway_id, "pi_1");
    assert_string_equal(fake->sent[0].url,
                        BASE "/v1/payment_intents?limit=100&created%5Bgte%5D=1699999700"
                             "&created%5Blte%5D=1700000600");
    assert_string_equal(fake->sent[1].url,
                        BASE "/v1/payment_intents?limit=100&created%5Bgte%5D=1699999700"
                             "&created%5Blte%5D=1700000600&starting_after=pi_8");
}

static void not_found_needs_the_whole_list_to_its_end(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, LIST(OTHER("pi_9"), "false")}, {200, LIST("", "false")},
                {200, LIST("", "false")});
    assert_int_equal(query(fake, "").outcome, GW_NOT_FOUND);
    assert_script_done(fake);
    assert_string_equal(fake->sent[1].url,
                        BASE "/v1/payment_intents?limit=100&created%5Bgte%5D=1700000601");
    assert_string_equal(fake->sent[2].url,
                        BASE "/v1/payment_intents?limit=100&created%5Bgte%5D=1699913300"
                             "&created%5Blte%5D=1699999699");
    /* A late repeat made it, after the first window. */
    FAKE_SCRIPT(fake, {200, LIST("", "false")}, {200, LIST(INTENT("processing", ""), "false")});
    assert_int_equal(query(fake, "").outcome, GW_PENDING);
    /* The second window is not known: nothing is. */
    FAKE_SCRIPT(fake, {200, LIST("", "false")}, {500, ""});
    assert_int_equal(query(fake, "").outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {200, LIST("", "false")},
                {.reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET});
    assert_int_equal(query(fake, "").outcome, GW_UNAVAILABLE);
    /* Lists that contradict themselves. */
    FAKE_SCRIPT(fake, {200, LIST("", "true")});
    assert_int_equal(query(fake, "").outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {200, "{\"object\":\"list\",\"data\":[]}"});
    assert_int_equal(query(fake, "").outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {200, "{\"object\":\"list\",\"has_more\":false}"});
    assert_int_equal(query(fake, "").outcome, GW_UNAVAILABLE);
}

static void what_a_wrong_clock_hides_is_looked_for_a_day_back(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, LIST("", "false")}, {200, LIST("", "false")},
                {200, LIST(INTENT("processing", ""), "false")});
    assert_int_equal(query(fake, "").outcome, GW_PENDING);
    FAKE_SCRIPT(fake, {200, LIST("", "false")}, {200, LIST("", "false")}, {500, ""});
    assert_int_equal(query(fake, "").outcome, GW_UNAVAILABLE);
    /* More than can be looked through: the usual windows decide. */
    struct step steps[22] = {{200, LIST("", "false"), 0, 0}, {200, LIST("", "false"), 0, 0}};
    for (size_t i = 2; i < COUNT_OF(steps); i++) {
        steps[i] = (struct step){200, LIST(OTHER("pi_9"), "true"), 0, 0};
    }
    fake_script(fake, steps, COUNT_OF(steps));
    assert_int_equal(query(fake, "").outcome, GW_NOT_FOUND);
    assert_script_done(fake);
}

static void a_charge_found_in_a_list_is_asked_for_its_fee(void **state) {
    static const char with_fee[] =
        "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"status\":\"succeeded\","
        "\"amount\":1099,\"amount_received\":1099,\"currency\":\"usd\",\"latest_charge\":"
        "{\"id\":\"ch_1\",\"object\":\"charge\",\"currency\":\"usd\",\"balance_transaction\":"
        "{\"fee\":62,\"currency\":\"usd\"}},\"metadata\":{\"reference\":\"" REFERENCE "\"}}";
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, LIST(INTENT("succeeded", ""), "false")}, {200, with_fee});
    struct gateway_result result = query(fake, "");
    assert_script_done(fake);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_int_equal(result.fee_minor, 62);
    assert_string_equal(fake->sent[1].url, BASE "/v1/payment_intents/pi_1?expand%5B0%5D="
                                                "latest_charge.balance_transaction");
    /* Without an answer to that, what the list said stands. */
    FAKE_SCRIPT(fake, {200, LIST(INTENT("succeeded", ""), "false")}, {500, ""});
    result = query(fake, "");
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_int_equal(result.fee_minor, -1);
    assert_string_equal(result.gateway_id, "pi_1");
}

static void a_list_without_end_is_given_up_as_unknown(void **state) {
    struct fake *fake = *state;
    struct step steps[20];
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        steps[i] = (struct step){200, LIST(OTHER("pi_9"), "true"), 0, 0};
    }
    fake_script(fake, steps, COUNT_OF(steps));
    struct gateway_result result = query(fake, "");
    assert_script_done(fake);
    assert_int_equal(result.outcome, GW_UNKNOWN);
    assert_string_equal(result.common_code, "too_many_to_search");
}

/* Changes. */

static void capture_says_how_much_and_keeps_the_rest_only_when_told(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = a_change("op_1");
    struct gateway_result result;
    FAKE_SCRIPT(fake, {200, INTENT("succeeded", "")}, {200, INTENT("requires_capture", "")},
                {200, "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"status\":"
                      "\"requires_capture\",\"amount_received\":500,\"currency\":\"usd\"}"});
    fake->gateway.adapter->capture(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_string_equal(fake->sent[0].url, BASE "/v1/payment_intents/pi_1/capture");
    assert_string_equal(fake->sent[0].body,
                        "amount_to_capture=500&expand%5B0%5D=latest_charge.balance_transaction");
    assert_non_null(strstr(fake->sent[0].headers, "Idempotency-Key: op_1-capture\n"));
    change.final = false;
    fake->gateway.adapter->capture(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_AUTHORIZED); /* nothing was taken */
    assert_non_null(strstr(fake->sent[1].body, "&final_capture=false&"));
    fake->gateway.adapter->capture(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_int_equal(result.captured_minor, 500);
}

static void a_change_in_the_wrong_state_reports_the_right_one(void **state) {
    static const struct {
        const char *body;
        enum gateway_outcome outcome;
    } rows[] = {
        {"{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
         "\"payment_intent_unexpected_state\","
         ""
         "\"payment_intent\":" INTENT("succeeded", "") "}}",
         GW_CHARGED},
        {"{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
         "\"payment_intent_unexpected_state\","
         ""
         "\"payment_intent\":" INTENT("canceled", "") "}}",
         GW_CANCELED},
        {"{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
         "\"payment_intent_unexpected_state\"}}",
         GW_REJECTED_REQUEST},
        {"{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"amount_too_large\","
         "\"payment_intent\":" INTENT("requires_capture", "") "}}",
         GW_REJECTED_REQUEST},
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct step step = {400, rows[i].body, 0, 0};
        fake_script(fake, &step, 1);
        assert_int_equal(operate(fake, OP_CAPTURE).outcome, rows[i].outcome);
        fake_script(fake, &step, 1);
        assert_int_equal(operate(fake, OP_CANCEL).outcome, rows[i].outcome);
    }
}

static void cancel_passes_on_a_reason_that_stripe_knows(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = a_change("op_1");
    struct gateway_result result;
    FAKE_SCRIPT(fake, {200, INTENT("canceled", "")}, {200, INTENT("canceled", "")});
    fake->gateway.adapter->cancel(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_CANCELED);
    assert_string_equal(fake->sent[0].url, BASE "/v1/payment_intents/pi_1/cancel");
    assert_string_equal(fake->sent[0].body, "cancellation_reason=requested_by_customer");
    assert_non_null(strstr(fake->sent[0].headers, "Idempotency-Key: op_1-cancel\n"));
    change.reason = "bored";
    fake->gateway.adapter->cancel(&fake->call, &change, &result);
    assert_string_equal(fake->sent[1].body, "");
    assert_string_equal(fake->sent[1].method, "POST");
}

static void a_change_of_a_payment_without_an_id_looks_for_it_first(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = a_change("op_1");
    struct gateway_result result;
    change.payment = a_lookup("");
    FAKE_SCRIPT(fake, {200, LIST(INTENT("requires_capture", ""), "false")},
                {200, INTENT("canceled", "")});
    fake->gateway.adapter->cancel(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_CANCELED);
    assert_string_equal(fake->sent[1].url, BASE "/v1/payment_intents/pi_1/cancel");
    FAKE_SCRIPT(fake, {200, LIST("", "false")}, {200, LIST("", "false")},
                {200, LIST("", "false")});
    fake->gateway.adapter->cancel(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_NOT_FOUND);
    /* The look did not come to an end, or failed: the change was certainly not made. */
    struct step steps[20];
    for (size_t k = 0; k < COUNT_OF(steps); k++) {
        steps[k] = (struct step){200, LIST(OTHER("pi_9"), "true"), 0, 0};
    }
    fake_script(fake, steps, COUNT_OF(steps));
    fake->gateway.adapter->cancel(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
    assert_script_done(fake);
    FAKE_SCRIPT(fake, {.reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TIMEOUT});
    fake->gateway.adapter->refund(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
    assert_int_equal(fake->sent_count, 1);
}

static void refunds_carry_our_reference_and_give_their_state(void **state) {
    static const struct {
        const char *body;
        enum gateway_outcome outcome;
    } rows[] = {
        {REFUND("succeeded", "re_A"), GW_REFUNDED},      {REFUND("pending", "re_A"), GW_PENDING},
        {REFUND("requires_action", "re_A"), GW_PENDING}, {REFUND("failed", "re_A"), GW_DECLINED},
        {REFUND("canceled", "re_A"), GW_CANCELED},       {REFUND("lost", "re_A"), GW_UNKNOWN},
    };
    struct fake *fake = *state;
    struct gateway_change change = a_change("re_A");
    struct gateway_result result;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct step step = {200, rows[i].body, 0, 0};
        fake_script(fake, &step, 1);
        fake->gateway.adapter->refund(&fake->call, &change, &result);
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_string_equal(result.refund_id, "re_1");
        assert_string_equal(result.charge_id, "ch_1");
        assert_int_equal(result.amount_minor, 500);
        assert_string_equal(fake->sent[0].url, BASE "/v1/refunds");
        assert_string_equal(fake->sent[0].body,
                            "payment_intent=pi_1&amount=500&reason="
                            "requested_by_customer&metadata%5Breference%5D=re_A");
        assert_non_null(strstr(fake->sent[0].headers, "Idempotency-Key: re_A-refund\n"));
    }
    const struct step refused = {400,
                                 "{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
                                 "\"charge_already_refunded\"}}",
                                 0, 0};
    fake_script(fake, &refused, 1);
    fake->gateway.adapter->refund(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    assert_string_equal(result.common_code, "already_refunded");
}

static void a_refund_is_found_by_id_or_by_reference(void **state) {
    struct fake *fake = *state;
    struct gateway_change change = a_change("re_A");
    struct gateway_result result;
    FAKE_SCRIPT(fake,
                {200, LIST(REFUND("failed", "re_B") "," REFUND("succeeded", "re_A"), "false")});
    fake->gateway.adapter->query_refund(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_REFUNDED);
    assert_string_equal(fake->sent[0].url, BASE "/v1/refunds?limit=100&payment_intent=pi_1");
    FAKE_SCRIPT(fake, {200, LIST(REFUND("succeeded", "re_B"), "false")});
    fake->gateway.adapter->query_refund(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_NOT_FOUND);
    change.refund_id = "re_1";
    FAKE_SCRIPT(fake, {200, REFUND("pending", "re_A")});
    fake->gateway.adapter->query_refund(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_PENDING);
    assert_string_equal(fake->sent[0].url, BASE "/v1/refunds/re_1");
    FAKE_SCRIPT(fake, {200, REFUND("succeeded", "re_B")});
    fake->gateway.adapter->query_refund(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_UNKNOWN);
}

static void the_probe_reads_the_balance(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, "{\"object\":\"balance\"}"}, {401, "{\"error\":{}}"}, {503, ""});
    assert_int_equal(operate(fake, OP_PROBE).outcome, GW_NONE);
    assert_string_equal(fake->sent[0].url, BASE "/v1/balance");
    assert_int_equal(operate(fake, OP_PROBE).outcome, GW_REJECTED_CREDENTIALS);
    assert_int_equal(operate(fake, OP_PROBE).outcome, GW_UNAVAILABLE);
}

static void credentials_that_stripe_cannot_have_are_refused(void **state) {
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"api_keys", "x"},
        {"webhook_secrets", "x"},
        {"webhook_secret_old", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fake *fake = fake_new(&stripe_adapter, BASE);
        struct err err;
        fake_credential(fake, "api_key", "sk_test_abc");
        fake_credential(fake, "webhook_secret", "whsec_1");
        fake_credential(fake, rows[i].name, rows[i].value);
        assert_int_equal(fake->gateway.adapter->open(&fake->gateway, &err), -ERR_CONFIG);
        assert_non_null(strstr(err.detail, rows[i].name));
        fake_free(fake);
    }
    struct fake *fake = fake_new(&stripe_adapter, BASE);
    struct err err;
    fake_credential(fake, "api_key", "sk test\r\nX: y");
    assert_int_equal(fake->gateway.adapter->open(&fake->gateway, &err), -ERR_CONFIG);
    assert_null(strstr(err.detail, "sk test"));
    fake_free(fake);
}

#define T(name) cmocka_unit_test_setup_teardown(name, stripe_setup, stripe_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_known_id_is_asked_for_directly),
        T(refused_questions_say_nothing_about_the_payment),
        T(without_an_id_the_list_is_searched_page_by_page),
        T(not_found_needs_the_whole_list_to_its_end),
        T(what_a_wrong_clock_hides_is_looked_for_a_day_back),
        T(a_charge_found_in_a_list_is_asked_for_its_fee),
        T(a_list_without_end_is_given_up_as_unknown),
        T(capture_says_how_much_and_keeps_the_rest_only_when_told),
        T(a_change_in_the_wrong_state_reports_the_right_one),
        T(cancel_passes_on_a_reason_that_stripe_knows),
        T(a_change_of_a_payment_without_an_id_looks_for_it_first),
        T(refunds_carry_our_reference_and_give_their_state),
        T(a_refund_is_found_by_id_or_by_reference),
        T(the_probe_reads_the_balance),
        T(credentials_that_stripe_cannot_have_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
