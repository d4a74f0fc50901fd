/* SPDX-License-Identifier: Apache-2.0
 * test_stripe.c: what the Stripe adapter sends, byte for byte, and what it makes of every answer.
 */
#include "stripe_fixture.h"

/* What is sent. */

static void a_charge_is_one_request_with_the_reference_as_its_key(void **state) {
    struct fake *fake = *state;
    struct gateway_result result = charge_answered(fake, 200, INTENT("succeeded", ""));
    const struct sent *sent = &fake->sent[0];
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_string_equal(sent->method, "POST");
    assert_string_equal(sent->url, BASE "/v1/payment_intents");
    assert_string_equal(sent->headers, "Authorization: Bearer sk_test_abc\n"
                                       "Stripe-Version: 2026-10-28.endive\n"
                                       "Content-Type: application/x-www-form-urlencoded\n"
                                       "Idempotency-Key: " REFERENCE "\n");
    assert_string_equal(sent->body,
                        "amount=1099&currency=usd&confirm=true&payment_method=pm_card_visa"
                        "&payment_method_types%5B0%5D=card&capture_method=automatic"
                        "&metadata%5Breference%5D=" REFERENCE
                        "&metadata%5Border_id%5D=o%201%262&description=Two%20teas"
                        "&return_url=https%3A%2F%2Fshop.example%2Fback%3Fo%3D1"
                        "&expand%5B0%5D=latest_charge.balance_transaction");
    assert_true(sent->repeatable);
    assert_ptr_equal(sent->bulkhead, fake->gateway.bulkhead);
    assert_true(sent->timeout_us > 0 && sent->timeout_us <= 60 * US_PER_SECOND);
}

static void the_same_charge_again_is_the_same_bytes(void **state) {
    struct fake *fake = *state;
    struct gateway_charge asked = a_charge();
    FAKE_SCRIPT(fake, {200, INTENT("succeeded", "")}, {200, INTENT("succeeded", "")});
    (void)charge(fake, &asked);
    (void)charge(fake, &asked);
    assert_string_equal(fake->sent[0].body, fake->sent[1].body);
    assert_string_equal(fake->sent[0].headers, fake->sent[1].headers);
    assert_string_equal(fake->sent[0].url, fake->sent[1].url);
}

static void without_a_page_to_return_to_no_action_is_waited_for(void **state) {
    struct fake *fake = *state;
    struct gateway_charge asked = a_charge();
    asked.return_url = "";
    asked.description = "";
    asked.capture = false;
    FAKE_SCRIPT(fake, {200, INTENT("requires_capture", "")}, {200, INTENT("succeeded", "")});
    assert_int_equal(charge(fake, &asked).outcome, GW_AUTHORIZED);
    assert_string_equal(fake->sent[0].body,
                        "amount=1099&currency=usd&confirm=true&payment_method=pm_card_visa"
                        "&payment_method_types%5B0%5D=card&capture_method=manual"
                        "&metadata%5Breference%5D=" REFERENCE
                        "&metadata%5Border_id%5D=o%201%262&error_on_requires_action=true"
                        "&expand%5B0%5D=latest_charge.balance_transaction");
    asked.off_session = true;
    (void)charge(fake, &asked);
    assert_non_null(strstr(fake->sent[1].body, "&off_session=true&"));
    assert_null(strstr(fake->sent[1].body, "error_on_requires_action"));
}

static void what_cannot_be_asked_is_refused_before_anything_is_sent(void **state) {
    static const struct {
        const char *reference, *currency, *token;
        int64_t amount_minor;
        enum payment_method method;
    } rows[] = {
        {"att 1", "USD", "pm_1", 100, METHOD_CARD},
        {"", "USD", "pm_1", 100, METHOD_CARD},
        {"a\r\nb", "USD", "pm_1", 100, METHOD_CARD},
        {REFERENCE, "USD", "", 100, METHOD_CARD},
        {REFERENCE, "USD", "pm_1", 0, METHOD_CARD},
        {REFERENCE, "USD", "pm_1", -5, METHOD_CARD},
        {REFERENCE, "KWD", "pm_1", 1234, METHOD_CARD},
        {REFERENCE, "USD", "pm_1", 100, METHOD_PAYPAL},
        {REFERENCE, "MGA", "pm_1", 150, METHOD_CARD},
        {REFERENCE, "IQD", "pm_1", 1000, METHOD_CARD},
    };
    struct fake *fake = *state;
    fake_script(fake, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_charge asked = a_charge();
        asked.reference = rows[i].reference;
        asked.currency = money_of(rows[i].currency);
        asked.token = rows[i].token;
        asked.amount_minor = rows[i].amount_minor;
        asked.method = rows[i].method;
        struct gateway_result result = charge(fake, &asked);
        assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
        assert_int_equal(result.reach, 0);
        assert_int_equal(fake->sent_count, 0);
    }
}

static void amounts_are_said_in_stripes_unit_and_read_back(void **state) {
    static const struct {
        const char *currency;
        int64_t amount_minor, theirs; /* -1: cannot be said */
    } rows[] = {
        {"USD", 1099, 1099},
        {"JPY", 500, 500},
        {"KRW", 500, 500},
        {"KWD", 1230, 1230},
        {"KWD", 1234, -1},
        {"MGA", 500, 5},
        {"MGA", 550, -1},
        {"ISK", 5, 500},
        {"UGX", 5, 500},
        {"HUF", 1050, 1050},
        {"TWD", 1050, 1050},
        {"IQD", 1000, -1},
        {"USD", 0, -1},
        {"USD", -1, -1},
        {"USD", AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX},
        {"USD", AMOUNT_MINOR_MAX + 1, -1},
        {"XOF", 7, 7},
        {"BHD", 10, 10},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t theirs = -1;
        int64_t back = -1;
        bool said = stripe_amount(rows[i].amount_minor, money_of(rows[i].currency), &theirs);
        assert_int_equal(said, rows[i].theirs >= 0);
        assert_int_equal(theirs, rows[i].theirs);
        if (said) {
            assert_true(stripe_amount_back(theirs, money_of(rows[i].currency), &back));
            assert_int_equal(back, rows[i].amount_minor);
        }
    }
    int64_t back = -1;
    assert_false(stripe_amount_back(501, money_of("ISK"), &back));
    assert_false(stripe_amount_back(-1, money_of("USD"), &back));
}

/* What an answer means. */

static void every_state_of_an_intent_has_its_outcome(void **state) {
    static const struct {
        const char *body;
        enum gateway_outcome outcome;
    } rows[] = {
        {INTENT("succeeded", ""), GW_CHARGED},
        {INTENT("requires_capture", ""), GW_AUTHORIZED},
        {INTENT("processing", ""), GW_PENDING},
        {INTENT("requires_action", ""), GW_ACTION_NEEDED},
        {INTENT("canceled", ""), GW_CANCELED},
        {INTENT("requires_confirmation", ""), GW_UNKNOWN},
        {INTENT("requires_payment_method", ""), GW_UNKNOWN},
        {INTENT("requires_payment_method", ",\"last_payment_error\":null"), GW_UNKNOWN},
        {INTENT("requires_payment_method",
                ",\"last_payment_error\":{\"type\":\"card_error\",\"code\":\"card_declined\"}"),
         GW_DECLINED},
        {INTENT("requires_payment_method", ",\"last_payment_error\":{\"type\":\"api_error\"}"),
         GW_DECLINED},
        {INTENT("requires_payment_method",
                ",\"last_payment_error\":{\"code\":\"payment_method_provider_timeout\"}"),
         GW_DECLINED},
        {INTENT("teleported", ""), GW_UNKNOWN},
        {"{\"id\":\"pi_1\",\"object\":\"payment_intent\"}", GW_UNKNOWN},
        {"{\"object\":\"payment_intent\",\"status\":\"succeeded\"}", GW_UNKNOWN},
        {"{\"id\":\"ch_1\",\"object\":\"charge\",\"status\":\"succeeded\"}", GW_UNKNOWN},
        {"{\"id\":5,\"object\":\"payment_intent\",\"status\":\"succeeded\"}", GW_UNKNOWN},
        {"[]", GW_UNKNOWN},
        {"\"ok\"", GW_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_result result = charge_answered(*state, 200, rows[i].body);
        if (result.outcome != rows[i].outcome) {
            fail_msg("%s gave %s", rows[i].body, gateway_outcome_name(result.outcome));
        }
    }
}

static void a_charged_intent_says_ids_amounts_and_the_fee(void **state) {
    struct gateway_result result = charge_answered(
        *state, 200,
        "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"status\":\"succeeded\",\"amount\":1099,"
        "\"amount_received\":1099,\"currency\":\"usd\",\"latest_charge\":{\"id\":\"ch_1\","
        "\"currency\":\"usd\",\"amount_refunded\":99,\"balance_transaction\":{\"fee\":62,"
        "\"currency\":\"usd\"}}}");
    assert_string_equal(result.gateway_id, "pi_1");
    assert_string_equal(result.charge_id, "ch_1");
    assert_string_equal(result.trace, "req_1");
    assert_string_equal(result.currency.code, "USD");
    assert_int_equal(result.amount_minor, 1099);
    assert_int_equal(result.captured_minor, 1099);
    assert_int_equal(result.refunded_minor, 99);
    assert_int_equal(result.fee_minor, 62);
    assert_int_equal(result.http_status, 200);
    assert_int_equal(result.reach, HTTP_ANSWERED);
    assert_int_equal(result.duration_us, 1000);
    assert_string_equal(result.common_code, "");
}

static void a_fee_in_another_currency_is_not_this_payments(void **state) {
    struct gateway_result result = charge_answered(
        *state, 200,
        "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"status\":\"succeeded\",\"amount\":1099,"
        "\"amount_received\":1099,\"currency\":\"usd\",\"latest_charge\":{\"id\":\"ch_1\","
        "\"currency\":\"usd\",\"balance_transaction\":{\"fee\":62,\"currency\":\"eur\"}}}");
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_int_equal(result.fee_minor, -1);
    assert_int_equal(result.refunded_minor, -1);
}

static void an_action_names_the_page_and_only_a_web_page(void **state) {
    struct gateway_result result = charge_answered(
        *state, 200,
        INTENT("requires_action", ",\"next_action\":{\"type\":\"redirect_to_url\","
                                  "\"redirect_to_url\":{\"url\":\"https://hooks.example/3ds\"}}"));
    assert_int_equal(result.outcome, GW_ACTION_NEEDED);
    assert_int_equal(result.advice, ADVICE_CUSTOMER);
    assert_string_equal(result.action_data, "https://hooks.example/3ds");
    result = charge_answered(*state, 200,
                             INTENT("requires_action",
                                    ",\"next_action\":{\"type\":\"redirect_to_url\","
                                    "\"redirect_to_url\":{\"url\":\"javascript:alert(1)\"}}"));
    assert_string_equal(result.action_data, "");
}

static void an_answer_about_another_payment_is_no_answer(void **state) {
    struct gateway_result result = charge_answered(
        *state, 200,
        "{\"id\":\"pi_9\",\"object\":\"payment_intent\",\"status\":\"succeeded\",\"amount\":1099,"
        "\"currency\":\"usd\",\"metadata\":{\"reference\":\"att_other\"}}");
    assert_int_equal(result.outcome, GW_UNKNOWN);
    assert_string_equal(result.common_code, "reference_mismatch");
    assert_string_equal(result.gateway_id, "");
}

/* Every row of the error table, in the words in which Stripe would say it. */
enum row_kind { DECLINE, CODE, TYPE, STATUS };
static const struct {
    enum row_kind kind;
    const char *code;
    int status;
    enum gateway_outcome outcome;
    enum gateway_advice advice;
    const char *common_code;
} error_rows[] = {
#define X(kind, code, status, outcome, advice, common_code)                                        \
    {kind, code, status, GW_##outcome, ADVICE_##advice, common_code},
#include "gateway/stripe/stripe_errors.def"
#undef X
};

static void error_body(size_t row, char body[512]) {
    const char *code = error_rows[row].code;
    const char *type = error_rows[row].status == 402 ? "card_error" : "invalid_request_error";
    switch (error_rows[row].kind) {
    case DECLINE:
        snprintf(body, 512,
                 "{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\","
                 "\"decline_code\":\"%s\",\"message\":\"no\"}}",
                 code);
        break;
    case CODE:
        snprintf(body, 512, "{\"error\":{\"type\":\"%s\",\"code\":\"%s\"}}", type, code);
        break;
    case TYPE:
        snprintf(body, 512, "{\"error\":{\"type\":\"%s\",\"code\":\"never_heard_of\"}}", code);
        break;
    case STATUS:
        snprintf(body, 512, "{\"error\":{\"type\":\"api_error\",\"message\":\"hm\"}}");
        break;
    }
}

static void every_row_of_the_error_table_gives_its_outcome(void **state) {
    assert_int_equal(COUNT_OF(error_rows), stripe_adapter.error_count);
    for (size_t i = 0; i < COUNT_OF(error_rows); i++) {
        char body[512];
        error_body(i, body);
        struct gateway_result result = charge_answered(*state, error_rows[i].status, body);
        if (strcmp(error_rows[i].code, "resource_missing") == 0) {
            continue; /* of a charge it is the token: below */
        }
        if (result.outcome != error_rows[i].outcome || result.advice != error_rows[i].advice ||
            strcmp(result.common_code, error_rows[i].common_code) != 0) {
            fail_msg("%s gave %s, %s", error_rows[i].code, gateway_outcome_name(result.outcome),
                     result.common_code);
        }
    }
}

static void the_code_shows_both_of_stripes_names(void **state) {
    struct gateway_result result = charge_answered(
        *state, 402,
        "{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\",\"decline_code\":"
        "\"insufficient_funds\",\"message\":\"Card 4242 4242 4242 4242 has\\nno money\",\"charge\":"
        "\"ch_9\",\"payment_intent\":" INTENT(
            "requires_payment_method", ",\"last_payment_error\":{\"type\":\"card_error\"}") "}}");
    assert_string_equal(result.code, "card_declined/insufficient_funds");
    assert_string_equal(result.common_code, "insufficient_funds");
    assert_string_equal(result.message, "Card **** **** **** 4242 has no money");
    assert_string_equal(result.gateway_id, "pi_1");
    assert_int_equal(result.advice, ADVICE_LATER);
    result = charge_answered(*state, 402,
                             "{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\","
                             "\"decline_code\":\"insufficient_funds\",\"advice_code\":"
                             "\"do_not_try_again\"}}");
    assert_int_equal(result.advice, ADVICE_STOP);
}

/* What is missing there is the card, not the payment: the customer can enter another. */
static void a_token_that_stripe_does_not_know_is_the_customers_to_cure(void **state) {
    static const int statuses[] = {400, 404};
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        struct gateway_result result = charge_answered(
            *state, statuses[i],
            "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"resource_missing\","
            "\"param\":\"payment_method\",\"message\":\"No such PaymentMethod: 'pm_x'\"}}");
        assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
        assert_string_equal(result.code, "resource_missing");
        assert_string_equal(result.common_code, "token_unusable");
    }
}

static void answers_that_the_table_does_not_know_are_unknown(void **state) {
    static const struct {
        int status;
        const char *body;
        enum gateway_outcome outcome;
    } rows[] = {
        {402, "{\"error\":{\"type\":\"card_error\",\"decline_code\":\"brand_new\"}}", GW_DECLINED},
        {400, "{\"error\":{\"type\":\"api_error\",\"code\":\"brand_new\"}}", GW_UNKNOWN},
        {400, "{\"error\":{\"code\":\"brand_new\"}}", GW_UNKNOWN},
        {409, "{\"error\":{\"type\":\"invalid_request_error\"}}", GW_UNKNOWN},
        {400, "{\"error\":{\"type\":\"idempotency_error\",\"code\":\"parameter_unknown\"}}",
         GW_UNKNOWN},
        {409, "{\"error\":{\"code\":\"lock_timeout\"}}", GW_RATE_LIMITED},
        {409, "{\"error\":{\"code\":\"resource_missing\"}}", GW_UNKNOWN},
        {418, "{\"error\":{\"code\":\"rate_limit\"}}", GW_UNKNOWN},
        {301, "", GW_UNKNOWN},
        {400, "{}", GW_UNKNOWN},
        {400, "<html>", GW_UNKNOWN},
        {401, "<html>", GW_UNKNOWN},
        {403, "", GW_UNKNOWN},
        {404, "no such page", GW_UNKNOWN},
        {429, "", GW_RATE_LIMITED},
        {429, "{\"error\":{\"code\":\"card_declined\"}}", GW_RATE_LIMITED},
        {500, "{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\"}}", GW_UNKNOWN},
        {501, "", GW_UNKNOWN},
        {503, "<html>", GW_UNKNOWN},
        {200, "", GW_UNKNOWN},
        {200, "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"status\":\"succ", GW_UNKNOWN},
        {200,
         "{\"id\":\"pi_1\",\"id\":\"pi_2\",\"object\":\"payment_intent\","
         "\"status\":\"succeeded\"}",
         GW_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_result result = charge_answered(*state, rows[i].status, rows[i].body);
        if (result.outcome != rows[i].outcome) {
            fail_msg("%d %s gave %s", rows[i].status, rows[i].body,
                     gateway_outcome_name(result.outcome));
        }
    }
}

static void an_intent_inside_an_error_outranks_it_when_money_moved(void **state) {
    struct gateway_result result = charge_answered(
        *state, 400,
        "{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
        "\"payment_intent_unexpected_state\","
        "\"payment_intent\":" INTENT("succeeded", "") "}}");
    assert_int_equal(result.outcome, GW_CHARGED);
    result = charge_answered(*state, 402,
                             "{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\","
                             "\"payment_intent\":" INTENT("processing", "") "}}");
    assert_int_equal(result.outcome, GW_PENDING);
}

static void a_call_without_an_answer_is_unknown_unless_nothing_was_sent(void **state) {
    struct fake *fake = *state;
    for (int operation = OP_CHARGE; operation < OP_COUNT; operation++) {
        for (size_t i = 0; i < COUNT_OF(fake_failures); i++) {
            const struct step step = {0, NULL, fake_failures[i].reach, fake_failures[i].failure};
            fake_script(fake, &step, 1);
            struct gateway_result result = operate(fake, (enum gateway_operation)operation);
            bool unknown = moves_money((enum gateway_operation)operation) &&
                           fake_failures[i].reach == HTTP_MAYBE_SENT;
            assert_int_equal(result.outcome, unknown ? GW_UNKNOWN : GW_UNAVAILABLE);
            assert_int_equal(result.reach, fake_failures[i].reach);
            assert_int_equal(result.failure, fake_failures[i].failure);
            assert_int_equal(fake->sent_count, 1);
            assert_string_not_equal(result.message, "");
        }
    }
}

static void a_broken_answer_leaves_money_unknown_and_a_question_unanswered(void **state) {
    static const struct step steps[] = {
        {500, "{\"error\":{\"type\":\"api_error\"}}", 0, 0},
        {502, "<html>", 0, 0},
        {503, "", 0, 0},
        {200, "{", 0, 0},
        {200, "{}", 0, 0},
        {200, "[1]", 0, 0},
        {302, "", 0, 0},
        {400, "nonsense", 0, 0},
        {404, "<html>", 0, 0},
    };
    struct fake *fake = *state;
    for (int operation = OP_CHARGE; operation < OP_COUNT; operation++) {
        for (size_t i = 0; i < COUNT_OF(steps); i++) {
            fake_script(fake, &steps[i], 1);
            struct gateway_result result = operate(fake, (enum gateway_operation)operation);
            bool money = moves_money((enum gateway_operation)operation);
            if (result.outcome != (money ? GW_UNKNOWN : GW_UNAVAILABLE)) {
                fail_msg("%s, step %zu gave %s", operation_name((enum gateway_operation)operation),
                         i, gateway_outcome_name(result.outcome));
            }
        }
    }
}

static void after_the_deadline_nothing_is_sent(void **state) {
    struct fake *fake = *state;
    for (int operation = OP_CHARGE; operation < OP_COUNT; operation++) {
        fake_script(fake, NULL, 0);
        fake->call.deadline_us = clock_mono_us() - 1;
        struct gateway_result result = operate(fake, (enum gateway_operation)operation);
        assert_int_equal(result.outcome, GW_UNAVAILABLE);
        assert_int_equal(result.reach, HTTP_NOT_SENT);
        assert_int_equal(result.failure, HTTP_FAIL_TIMEOUT);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, stripe_setup, stripe_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_charge_is_one_request_with_the_reference_as_its_key),
        T(the_same_charge_again_is_the_same_bytes),
        T(without_a_page_to_return_to_no_action_is_waited_for),
        T(what_cannot_be_asked_is_refused_before_anything_is_sent),
        T(amounts_are_said_in_stripes_unit_and_read_back),
        T(every_state_of_an_intent_has_its_outcome),
        T(a_charged_intent_says_ids_amounts_and_the_fee),
        T(a_fee_in_another_currency_is_not_this_payments),
        T(an_action_names_the_page_and_only_a_web_page),
        T(an_answer_about_another_payment_is_no_answer),
        T(every_row_of_the_error_table_gives_its_outcome),
        T(the_code_shows_both_of_stripes_names),
        T(a_token_that_stripe_does_not_know_is_the_customers_to_cure),
        T(answers_that_the_table_does_not_know_are_unknown),
        T(an_intent_inside_an_error_outranks_it_when_money_moved),
        T(a_call_without_an_answer_is_unknown_unless_nothing_was_sent),
        T(a_broken_answer_leaves_money_unknown_and_a_question_unanswered),
        T(after_the_deadline_nothing_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
