/* SPDX-License-Identifier: Apache-2.0
 * test_stripe.c: what the Stripe adapter sends, byte for byte, and what it makes of every answer. */
#include "gateway_fixture.h"

#include "gateway/stripe/stripe.h"

#define BASE "https://api.stripe.com"
#define REFERENCE "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
#define INTENT(status, more)                                                                       \
    "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"status\":\"" status "\",\"amount\":1099,"    \
    "\"amount_received\":0,\"currency\":\"usd\",\"latest_charge\":\"ch_1\",\"metadata\":"          \
    "{\"reference\":\"" REFERENCE "\",\"order_id\":\"o 1\"}" more "}"
#define REFUND(status, reference)                                                                  \
    "{\"id\":\"re_1\",\"object\":\"refund\",\"status\":\"" status "\",\"amount\":500,"             \
    "\"currency\":\"usd\",\"charge\":\"ch_1\",\"payment_intent\":\"pi_1\",\"metadata\":"           \
    "{\"reference\":\"" reference "\"}}"

static int setup(void **state)
{
    struct fake *fake = fake_new(&stripe_adapter, BASE);
    struct err err;
    fake_credential(fake, "api_key", "sk_test_abc");
    fake_credential(fake, "webhook_secret", "whsec_1");
    assert_int_equal(fake->gateway.adapter->open(&fake->gateway, &err), 0);
    *state = fake;
    return 0;
}

static int teardown(void **state)
{
    fake_free(*state);
    return 0;
}

static struct gateway_charge a_charge(void)
{
    return (struct gateway_charge){
        .reference = REFERENCE, .order_id = "o 1&2", .amount_minor = 1099,
        .currency = money_of("USD"), .method = METHOD_CARD, .token = "pm_card_visa", .capture = true,
        .return_url = "https://shop.example/back?o=1", .cancel_url = "", .description = "Two teas",
        .customer_email = "", .customer_ip = "",
    };
}

static struct gateway_lookup a_lookup(const char *gateway_id)
{
    return (struct gateway_lookup){
        .reference = REFERENCE, .gateway_id = gateway_id, .charge_id = "",
        .created_us = INT64_C(1700000000) * US_PER_SECOND, .amount_minor = 1099,
        .currency = money_of("USD"), .method = METHOD_CARD,
    };
}

static struct gateway_change a_change(const char *reference)
{
    return (struct gateway_change){
        .payment = a_lookup("pi_1"), .reference = reference, .amount_minor = 500, .final = true,
        .reason = "requested_by_customer", .refund_id = "",
    };
}

static struct gateway_result charge(struct fake *fake, const struct gateway_charge *asked)
{
    struct gateway_result result;
    fake->gateway.adapter->charge(&fake->call, asked, &result);
    return result;
}

static struct gateway_result charge_answered(struct fake *fake, int status, const char *body)
{
    struct gateway_charge asked = a_charge();
    const struct step step = {status, body, 0, 0};
    fake_script(fake, &step, 1);
    struct gateway_result result = charge(fake, &asked);
    assert_script_done(fake);
    return result;
}

/* What is sent. */

static void a_charge_is_one_request_with_the_reference_as_its_key(void **state)
{
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

static void the_same_charge_again_is_the_same_bytes(void **state)
{
    struct fake *fake = *state;
    struct gateway_charge asked = a_charge();
    FAKE_SCRIPT(fake, {200, INTENT("succeeded", "")}, {200, INTENT("succeeded", "")});
    (void)charge(fake, &asked);
    (void)charge(fake, &asked);
    assert_string_equal(fake->sent[0].body, fake->sent[1].body);
    assert_string_equal(fake->sent[0].headers, fake->sent[1].headers);
    assert_string_equal(fake->sent[0].url, fake->sent[1].url);
}

static void without_a_page_to_return_to_no_action_is_waited_for(void **state)
{
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

static void what_cannot_be_asked_is_refused_before_anything_is_sent(void **state)
{
    static const struct {
        const char *reference, *currency, *token;
        int64_t amount_minor;
        enum payment_method method;
    } rows[] = {
        {"att 1", "USD", "pm_1", 100, METHOD_CARD},  {"", "USD", "pm_1", 100, METHOD_CARD},
        {"a\r\nb", "USD", "pm_1", 100, METHOD_CARD}, {REFERENCE, "USD", "", 100, METHOD_CARD},
        {REFERENCE, "USD", "pm_1", 0, METHOD_CARD},  {REFERENCE, "USD", "pm_1", -5, METHOD_CARD},
        {REFERENCE, "KWD", "pm_1", 1234, METHOD_CARD}, {REFERENCE, "USD", "pm_1", 100, METHOD_PAYPAL},
        {REFERENCE, "MGA", "pm_1", 150, METHOD_CARD}, {REFERENCE, "IQD", "pm_1", 1000, METHOD_CARD},
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

static void amounts_are_said_in_stripes_unit_and_read_back(void **state)
{
    static const struct {
        const char *currency;
        int64_t amount_minor, theirs; /* -1: cannot be said */
    } rows[] = {
        {"USD", 1099, 1099}, {"JPY", 500, 500},     {"KRW", 500, 500},  {"KWD", 1230, 1230},
        {"KWD", 1234, -1},   {"MGA", 500, 5},       {"MGA", 550, -1},   {"ISK", 5, 500},
        {"UGX", 5, 500},     {"HUF", 1050, 1050},   {"TWD", 1050, 1050}, {"IQD", 1000, -1},
        {"USD", 0, -1},      {"USD", -1, -1},       {"USD", AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX},
        {"USD", AMOUNT_MINOR_MAX + 1, -1},          {"XOF", 7, 7},      {"BHD", 10, 10},
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

static void every_state_of_an_intent_has_its_outcome(void **state)
{
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

static void a_charged_intent_says_ids_amounts_and_the_fee(void **state)
{
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

static void a_fee_in_another_currency_is_not_this_payments(void **state)
{
    struct gateway_result result = charge_answered(
        *state, 200,
        "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"status\":\"succeeded\",\"amount\":1099,"
        "\"amount_received\":1099,\"currency\":\"usd\",\"latest_charge\":{\"id\":\"ch_1\","
        "\"currency\":\"usd\",\"balance_transaction\":{\"fee\":62,\"currency\":\"eur\"}}}");
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_int_equal(result.fee_minor, -1);
    assert_int_equal(result.refunded_minor, -1);
}

static void an_action_names_the_page_and_only_a_web_page(void **state)
{
    struct gateway_result result = charge_answered(
        *state, 200,
        INTENT("requires_action", ",\"next_action\":{\"type\":\"redirect_to_url\","
                                  "\"redirect_to_url\":{\"url\":\"https://hooks.example/3ds\"}}"));
    assert_int_equal(result.outcome, GW_ACTION_NEEDED);
    assert_int_equal(result.advice, ADVICE_CUSTOMER);
    assert_string_equal(result.action_url, "https://hooks.example/3ds");
    result = charge_answered(
        *state, 200,
        INTENT("requires_action", ",\"next_action\":{\"type\":\"redirect_to_url\","
                                  "\"redirect_to_url\":{\"url\":\"javascript:alert(1)\"}}"));
    assert_string_equal(result.action_url, "");
}

static void an_answer_about_another_payment_is_no_answer(void **state)
{
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

static void error_body(size_t row, char body[512])
{
    const char *code = error_rows[row].code;
    const char *type = error_rows[row].status == 402 ? "card_error" : "invalid_request_error";
    switch (error_rows[row].kind) {
    case DECLINE:
        snprintf(body, 512, "{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\","
                 "\"decline_code\":\"%s\",\"message\":\"no\"}}", code);
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

static void every_row_of_the_error_table_gives_its_outcome(void **state)
{
    assert_int_equal(COUNT_OF(error_rows), stripe_adapter.error_count);
    for (size_t i = 0; i < COUNT_OF(error_rows); i++) {
        char body[512];
        error_body(i, body);
        struct gateway_result result = charge_answered(*state, error_rows[i].status, body);
        if (result.outcome != error_rows[i].outcome || result.advice != error_rows[i].advice ||
            strcmp(result.common_code, error_rows[i].common_code) != 0) {
            fail_msg("%s gave %s, %s", error_rows[i].code, gateway_outcome_name(result.outcome),
                     result.common_code);
        }
    }
}

static void the_code_shows_both_of_stripes_names(void **state)
{
    struct gateway_result result = charge_answered(
        *state, 402,
        "{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\",\"decline_code\":"
        "\"insufficient_funds\",\"message\":\"Card 4242 4242 4242 4242 has\\nno money\",\"charge\":"
        "\"ch_9\",\"payment_intent\":" INTENT("requires_payment_method",
                                              ",\"last_payment_error\":{\"type\":\"card_error\"}") "}}");
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

static void answers_that_the_table_does_not_know_are_unknown(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum gateway_outcome outcome;
    } rows[] = {
        {402, "{\"error\":{\"type\":\"card_error\",\"decline_code\":\"brand_new\"}}", GW_DECLINED},
        {400, "{\"error\":{\"type\":\"api_error\",\"code\":\"brand_new\"}}", GW_UNKNOWN},
        {400, "{\"error\":{\"code\":\"brand_new\"}}", GW_UNKNOWN},
        {409, "{\"error\":{\"type\":\"invalid_request_error\"}}", GW_UNKNOWN},
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
        {200, "{\"id\":\"pi_1\",\"id\":\"pi_2\",\"object\":\"payment_intent\","
              "\"status\":\"succeeded\"}", GW_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_result result = charge_answered(*state, rows[i].status, rows[i].body);
        if (result.outcome != rows[i].outcome) {
            fail_msg("%d %s gave %s", rows[i].status, rows[i].body,
                     gateway_outcome_name(result.outcome));
        }
    }
}

static void an_intent_inside_an_error_outranks_it_when_money_moved(void **state)
{
    struct gateway_result result = charge_answered(
        *state, 400,
        "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"payment_intent_unexpected_state\","
        "\"payment_intent\":" INTENT("succeeded", "") "}}");
    assert_int_equal(result.outcome, GW_CHARGED);
    result = charge_answered(*state, 402,
                             "{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\","
                             "\"payment_intent\":" INTENT("processing", "") "}}");
    assert_int_equal(result.outcome, GW_PENDING);
}

/* Each operation, so that a table can run them all. */
static struct gateway_result operate(struct fake *fake, enum gateway_operation operation)
{
    struct gateway_result result = {0};
    struct gateway_charge asked = a_charge();
    struct gateway_lookup lookup = a_lookup("pi_1");
    struct gateway_change change = a_change("re_1");
    change.refund_id = "re_1";
    const struct gateway_adapter *adapter = fake->gateway.adapter;
    switch (operation) {
    case OP_CHARGE: adapter->charge(&fake->call, &asked, &result); break;
    case OP_QUERY: adapter->query(&fake->call, &lookup, &result); break;
    case OP_CAPTURE: adapter->capture(&fake->call, &change, &result); break;
    case OP_CANCEL: adapter->cancel(&fake->call, &change, &result); break;
    case OP_REFUND: adapter->refund(&fake->call, &change, &result); break;
    case OP_QUERY_REFUND: adapter->query_refund(&fake->call, &change, &result); break;
    case OP_PROBE: adapter->probe(&fake->call, &result); break;
    case OP_COUNT: break;
    }
    return result;
}

static bool moves_money(enum gateway_operation operation)
{
    return operation == OP_CHARGE || operation == OP_CAPTURE || operation == OP_CANCEL ||
           operation == OP_REFUND;
}

static void a_call_without_an_answer_is_unknown_unless_nothing_was_sent(void **state)
{
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

static void a_broken_answer_leaves_money_unknown_and_a_question_unanswered(void **state)
{
    static const struct step steps[] = {
        {500, "{\"error\":{\"type\":\"api_error\"}}", 0, 0}, {502, "<html>", 0, 0},
        {503, "", 0, 0}, {200, "{", 0, 0}, {200, "{}", 0, 0}, {200, "[1]", 0, 0}, {302, "", 0, 0},
        {400, "nonsense", 0, 0}, {404, "<html>", 0, 0},
    };
    struct fake *fake = *state;
    for (int operation = OP_CHARGE; operation < OP_COUNT; operation++) {
        for (size_t i = 0; i < COUNT_OF(steps); i++) {
            fake_script(fake, &steps[i], 1);
            struct gateway_result result = operate(fake, (enum gateway_operation)operation);
            bool money = moves_money((enum gateway_operation)operation);
            if (result.outcome != (money ? GW_UNKNOWN : GW_UNAVAILABLE)) {
                fail_msg("%s, step %zu gave %s", operation_name((enum gateway_operation)operation), i,
                         gateway_outcome_name(result.outcome));
            }
        }
    }
}

static void after_the_deadline_nothing_is_sent(void **state)
{
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

/* Asking. */

static struct gateway_result query(struct fake *fake, const char *gateway_id)
{
    struct gateway_result result;
    struct gateway_lookup lookup = a_lookup(gateway_id);
    fake->gateway.adapter->query(&fake->call, &lookup, &result);
    return result;
}

static void a_known_id_is_asked_for_directly(void **state)
{
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, INTENT("succeeded", "")});
    assert_int_equal(query(fake, "pi_1/..?x").outcome, GW_CHARGED);
    assert_string_equal(fake->sent[0].method, "GET");
    assert_string_equal(fake->sent[0].url,
                        BASE "/v1/payment_intents/pi_1%2F..%3Fx"
                             "?expand%5B0%5D=latest_charge.balance_transaction");
    assert_string_equal(fake->sent[0].headers, "Authorization: Bearer sk_test_abc\n"
                                               "Stripe-Version: 2026-10-28.endive\n");
    assert_false(fake->sent[0].has_body);
    FAKE_SCRIPT(fake, {404, "{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
                            "\"resource_missing\"}}"});
    assert_int_equal(query(fake, "pi_1").outcome, GW_NOT_FOUND);
}

static void refused_questions_say_nothing_about_the_payment(void **state)
{
    static const struct {
        int status;
        const char *code;
        enum gateway_outcome outcome;
    } rows[] = {
        {401, "api_key_expired", GW_REJECTED_CREDENTIALS}, {403, "", GW_REJECTED_CREDENTIALS},
        {429, "rate_limit", GW_RATE_LIMITED},              {400, "parameter_unknown", GW_UNAVAILABLE},
        {402, "card_declined", GW_UNAVAILABLE},            {409, "lock_timeout", GW_RATE_LIMITED},
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

static void without_an_id_the_list_is_searched_page_by_page(void **state)
{
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

static void not_found_needs_the_whole_list_to_its_end(void **state)
{
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, LIST(OTHER("pi_9"), "false")}, {200, LIST("", "false")});
    assert_int_equal(query(fake, "").outcome, GW_NOT_FOUND);
    assert_string_equal(fake->sent[1].url,
                        BASE "/v1/payment_intents?limit=100&created%5Bgt%5D=1700000600");
    /* A late repeat made it, after the first window. */
    FAKE_SCRIPT(fake, {200, LIST("", "false")}, {200, LIST(INTENT("succeeded", ""), "false")});
    assert_int_equal(query(fake, "").outcome, GW_CHARGED);
    /* The second window is not known: nothing is. */
    FAKE_SCRIPT(fake, {200, LIST("", "false")}, {500, ""});
    assert_int_equal(query(fake, "").outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {200, LIST("", "false")}, {.reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET});
    assert_int_equal(query(fake, "").outcome, GW_UNAVAILABLE);
    /* Lists that contradict themselves. */
    FAKE_SCRIPT(fake, {200, LIST("", "true")});
    assert_int_equal(query(fake, "").outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {200, "{\"object\":\"list\",\"data\":[]}"});
    assert_int_equal(query(fake, "").outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {200, "{\"object\":\"list\",\"has_more\":false}"});
    assert_int_equal(query(fake, "").outcome, GW_UNAVAILABLE);
}

static void a_list_without_end_is_given_up_as_unknown(void **state)
{
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

static void capture_says_how_much_and_keeps_the_rest_only_when_told(void **state)
{
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

static void a_change_in_the_wrong_state_reports_the_right_one(void **state)
{
    static const struct {
        const char *body;
        enum gateway_outcome outcome;
    } rows[] = {
        {"{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"payment_intent_unexpected_state\","
         "\"payment_intent\":" INTENT("succeeded", "") "}}", GW_CHARGED},
        {"{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"payment_intent_unexpected_state\","
         "\"payment_intent\":" INTENT("canceled", "") "}}", GW_CANCELED},
        {"{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"payment_intent_unexpected_state\"}}",
         GW_REJECTED_REQUEST},
        {"{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"amount_too_large\","
         "\"payment_intent\":" INTENT("requires_capture", "") "}}", GW_REJECTED_REQUEST},
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

static void cancel_passes_on_a_reason_that_stripe_knows(void **state)
{
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

static void a_change_of_a_payment_without_an_id_looks_for_it_first(void **state)
{
    struct fake *fake = *state;
    struct gateway_change change = a_change("op_1");
    struct gateway_result result;
    change.payment = a_lookup("");
    FAKE_SCRIPT(fake, {200, LIST(INTENT("requires_capture", ""), "false")},
                {200, INTENT("canceled", "")});
    fake->gateway.adapter->cancel(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_CANCELED);
    assert_string_equal(fake->sent[1].url, BASE "/v1/payment_intents/pi_1/cancel");
    FAKE_SCRIPT(fake, {200, LIST("", "false")}, {200, LIST("", "false")});
    fake->gateway.adapter->cancel(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_NOT_FOUND);
    /* The look failed, so the change was certainly not made. */
    FAKE_SCRIPT(fake, {.reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TIMEOUT});
    fake->gateway.adapter->refund(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
    assert_int_equal(fake->sent_count, 1);
}

static void refunds_carry_our_reference_and_give_their_state(void **state)
{
    static const struct {
        const char *body;
        enum gateway_outcome outcome;
    } rows[] = {
        {REFUND("succeeded", "re_A"), GW_REFUNDED},   {REFUND("pending", "re_A"), GW_PENDING},
        {REFUND("requires_action", "re_A"), GW_PENDING}, {REFUND("failed", "re_A"), GW_DECLINED},
        {REFUND("canceled", "re_A"), GW_CANCELED},    {REFUND("lost", "re_A"), GW_UNKNOWN},
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
        assert_string_equal(fake->sent[0].body, "payment_intent=pi_1&amount=500&reason="
                                                "requested_by_customer&metadata%5Breference%5D=re_A");
        assert_non_null(strstr(fake->sent[0].headers, "Idempotency-Key: re_A-refund\n"));
    }
    const struct step refused = {400, "{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
                                      "\"charge_already_refunded\"}}", 0, 0};
    fake_script(fake, &refused, 1);
    fake->gateway.adapter->refund(&fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    assert_string_equal(result.common_code, "already_refunded");
}

static void a_refund_is_found_by_id_or_by_reference(void **state)
{
    struct fake *fake = *state;
    struct gateway_change change = a_change("re_A");
    struct gateway_result result;
    FAKE_SCRIPT(fake, {200, LIST(REFUND("failed", "re_B") "," REFUND("succeeded", "re_A"), "false")});
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

static void the_probe_reads_the_balance(void **state)
{
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, "{\"object\":\"balance\"}"}, {401, "{\"error\":{}}"}, {503, ""});
    assert_int_equal(operate(fake, OP_PROBE).outcome, GW_NONE);
    assert_string_equal(fake->sent[0].url, BASE "/v1/balance");
    assert_int_equal(operate(fake, OP_PROBE).outcome, GW_REJECTED_CREDENTIALS);
    assert_int_equal(operate(fake, OP_PROBE).outcome, GW_UNAVAILABLE);
}

static void credentials_that_stripe_cannot_have_are_refused(void **state)
{
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"api_keys", "x"}, {"webhook_secrets", "x"}, {"webhook_secret_old", ""},
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

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
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
        T(answers_that_the_table_does_not_know_are_unknown),
        T(an_intent_inside_an_error_outranks_it_when_money_moved),
        T(a_call_without_an_answer_is_unknown_unless_nothing_was_sent),
        T(a_broken_answer_leaves_money_unknown_and_a_question_unanswered),
        T(after_the_deadline_nothing_is_sent),
        T(a_known_id_is_asked_for_directly),
        T(refused_questions_say_nothing_about_the_payment),
        T(without_an_id_the_list_is_searched_page_by_page),
        T(not_found_needs_the_whole_list_to_its_end),
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
