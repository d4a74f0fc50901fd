/* SPDX-License-Identifier: Apache-2.0
 * test_gateway_tables.c: the tables that every adapter stands on, and what adapters share. */
#include "gateway_fixture.h"

#include "gateway/stripe/stripe.h"

#define X(folder, email, phone, status_page) extern const struct gateway_adapter folder##_adapter;
#include "gateway/adapters.def"
#undef X

static const struct gateway_adapter *const adapters[] = {
#define X(folder, email, phone, status_page) &folder##_adapter,
#include "gateway/adapters.def"
#undef X
};

static void every_outcome_has_the_properties_of_its_row(void **state) {
#define X(id, number, text, not_charged, fault)                                                    \
    assert_string_equal(gateway_outcome_name(GW_##id), text);                                      \
    assert_int_equal(gateway_outcome_not_charged(GW_##id), not_charged);                           \
    assert_int_equal(gateway_outcome_is_fault(GW_##id), fault);                                    \
    assert_int_equal(GW_##id, number);
#include "gateway/outcomes.def"
#undef X
    assert_string_equal(gateway_outcome_name(GW_NONE), "none");
    assert_false(gateway_outcome_is_fault(GW_NONE));
    assert_false(gateway_outcome_not_charged((enum gateway_outcome)99));
    assert_string_equal(gateway_outcome_name((enum gateway_outcome)99), "unknown");
}

/* The rule that failover stands on, said once more and by hand. */
static void only_these_outcomes_allow_another_gateway(void **state) {
    for (int outcome = 0; outcome < 40; outcome++) {
        bool expected = outcome == GW_DECLINED || outcome == GW_REJECTED_REQUEST ||
                        outcome == GW_REJECTED_CREDENTIALS || outcome == GW_RATE_LIMITED ||
                        outcome == GW_UNAVAILABLE || outcome == GW_CANCELED;
        assert_int_equal(gateway_outcome_not_charged((enum gateway_outcome)outcome), expected);
    }
}

static void methods_and_operations_are_named_both_ways(void **state) {
    for (int i = METHOD_CARD; i < METHOD_COUNT; i++) {
        enum payment_method method = METHOD_COUNT;
        assert_true(method_parse(method_name((enum payment_method)i), &method));
        assert_int_equal(method, i);
    }
    enum payment_method method = METHOD_CARD;
    assert_false(method_parse("Card", &method));
    assert_false(method_parse("", &method));
    assert_false(method_parse(NULL, &method));
    assert_int_equal(method, METHOD_CARD);
    assert_string_equal(method_name(METHOD_COUNT), "");
    for (int i = OP_CHARGE; i < OP_COUNT; i++) {
        assert_string_not_equal(operation_name((enum gateway_operation)i), "");
    }
    assert_string_equal(operation_name(OP_COUNT), "");
    for (int i = FLOW_PAGE; i < FLOW_COUNT; i++) {
        enum gateway_flow flow = FLOW_COUNT;
        assert_true(flow_parse(flow_name((enum gateway_flow)i), &flow));
        assert_int_equal(flow, i);
    }
    enum gateway_flow flow = FLOW_QR;
    assert_false(flow_parse("", &flow));
    assert_false(flow_parse(NULL, &flow));
    assert_int_equal(flow, FLOW_QR);
    assert_string_equal(flow_name(FLOW_COUNT), "");
    for (int i = ACTION_REDIRECT; i < ACTION_COUNT; i++) {
        assert_string_not_equal(action_name((enum gateway_action)i), "");
    }
    assert_string_equal(action_name(ACTION_COUNT), "");
}

static void no_code_has_two_rows_and_every_row_fits(void **state) {
    for (size_t a = 0; a < COUNT_OF(adapters); a++) {
        const struct gateway_adapter *adapter = adapters[a];
        for (int i = 0; i < adapter->error_count; i++) {
            const struct gateway_error *row = &adapter->errors[i];
            if (gateway_error_find(adapter, row->code) != row) {
                fail_msg("%s has two rows for %s", adapter->name, row->code);
            }
            assert_true(strlen(row->code) > 0 && strlen(row->code) <= GATEWAY_CODE_CHARS_MAX);
            assert_true(strlen(row->common_code) > 0);
            assert_true(strspn(row->common_code, "abcdefghijklmnopqrstuvwxyz_") ==
                        strlen(row->common_code));
            assert_true(row->outcome != GW_NONE && row->outcome != GW_CHARGED);
        }
    }
}

/* What the two tables say alike must be said with the same words and the same advice to stop. */
static void rate_limits_and_credentials_always_send_the_payment_elsewhere(void **state) {
    for (size_t a = 0; a < COUNT_OF(adapters); a++) {
        for (int i = 0; i < adapters[a]->error_count; i++) {
            const struct gateway_error *row = &adapters[a]->errors[i];
            if (row->outcome == GW_REJECTED_CREDENTIALS) {
                assert_int_equal(row->advice, ADVICE_ELSEWHERE);
            }
            if (row->outcome == GW_RATE_LIMITED) {
                assert_string_equal(row->common_code, "rate_limited");
            }
        }
    }
}

static void a_row_is_found_by_code_or_by_fallback(void **state) {
    struct gateway_result result;
    gateway_result_init(&result);
    assert_false(gateway_result_code(&result, &stripe_adapter, "nothing", NULL));
    assert_int_equal(result.outcome, GW_UNKNOWN);
    assert_string_equal(result.code, "");
    assert_true(gateway_result_code(&result, &stripe_adapter, "nothing", "lost_card"));
    assert_string_equal(result.code, "lost_card");
    assert_true(gateway_result_code(&result, &stripe_adapter, "http_429", "lost_card"));
    assert_int_equal(result.outcome, GW_RATE_LIMITED);
    assert_int_equal(result.advice, ADVICE_ELSEWHERE);
    assert_string_equal(result.common_code, "rate_limited");
    assert_false(gateway_result_code(&result, &stripe_adapter, NULL, NULL));
}

static void a_new_result_knows_nothing(void **state) {
    struct gateway_result result;
    gateway_result_init(&result);
    assert_int_equal(result.outcome, GW_UNKNOWN);
    assert_int_equal(result.amount_minor, -1);
    assert_int_equal(result.captured_minor, -1);
    assert_int_equal(result.refunded_minor, -1);
    assert_int_equal(result.fee_minor, -1);
    assert_string_equal(result.gateway_id, "");
    assert_int_equal(result.reach, 0);
}

static void an_unanswered_call_is_unknown_only_if_it_may_have_moved_money(void **state) {
    for (int moves_money = 0; moves_money < 2; moves_money++) {
        for (size_t i = 0; i < COUNT_OF(fake_failures); i++) {
            struct gateway_result result;
            struct http_answer answer = {.reach = fake_failures[i].reach,
                                         .failure = fake_failures[i].failure,
                                         .total_us = 5};
            gateway_result_init(&result);
            result.duration_us = 2;
            assert_false(gateway_result_http(&result, &answer, moves_money));
            bool unknown = moves_money && fake_failures[i].reach == HTTP_MAYBE_SENT;
            assert_int_equal(result.outcome, unknown ? GW_UNKNOWN : GW_UNAVAILABLE);
            assert_int_equal(result.failure, fake_failures[i].failure);
            assert_int_equal(result.duration_us, 7);
        }
    }
    /* A reach that nobody set is no proof that nothing was sent. */
    struct gateway_result result;
    struct http_answer answer = {0};
    gateway_result_init(&result);
    assert_false(gateway_result_http(&result, &answer, true));
    assert_int_equal(result.outcome, GW_UNKNOWN);
    answer = (struct http_answer){.reach = HTTP_ANSWERED, .status = 204};
    gateway_result_init(&result);
    assert_true(gateway_result_http(&result, &answer, true));
    assert_int_equal(result.http_status, 204);
}

static void texts_are_masked_before_they_are_cut_and_cut_between_characters(void **state) {
    char text[32];
    exchange_copy_text(text, sizeof(text), "card 4242424242424242 no");
    assert_string_equal(text, "card ************4242 no");
    exchange_copy_text(text, 16, "1234567 4242424242424242");
    assert_string_equal(text, "1234567 *******");
    exchange_copy_text(text, sizeof(text), "a\tb\r\nc\x7F");
    assert_string_equal(text, "a b  c ");
    exchange_copy_text(text, 6, "abc\xE4\xBD\xA0\xE5\xA5\xBD"); /* two characters of three bytes */
    assert_string_equal(text, "abc");
    exchange_copy_text(text, 7, "abc\xE4\xBD\xA0\xE5\xA5\xBD");
    assert_string_equal(text, "abc\xE4\xBD\xA0");
    exchange_copy_text(text, 5, "abc\xF0\x9F\x98\x80");
    assert_string_equal(text, "abc");
    exchange_copy_text(text, sizeof(text), NULL);
    assert_string_equal(text, "");
}

static void ids_are_copied_whole_or_not_at_all(void **state) {
    char id[5];
    exchange_copy_id(id, sizeof(id), "1234");
    assert_string_equal(id, "1234");
    exchange_copy_id(id, sizeof(id), "12345");
    assert_string_equal(id, "");
    exchange_copy_id(id, sizeof(id), NULL);
    assert_string_equal(id, "");
}

static void only_web_addresses_are_copied(void **state) {
    static const char *const refused[] = {
        "javascript:alert(1)", "HTTPS://x",    "//x.example",      "https://x.example/\n",
        "https://x/<b>",       "https://x/\"", "data:text/html,x", "",
    };
    char url[64];
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        exchange_copy_url(url, sizeof(url), refused[i]);
        assert_string_equal(url, "");
    }
    exchange_copy_url(url, sizeof(url), "https://x.example/a?b=c#d");
    assert_string_equal(url, "https://x.example/a?b=c#d");
    exchange_copy_url(url, 10, "https://x.example/");
    assert_string_equal(url, "");
}

static void only_this_machine_is_loopback(void **state) {
    static const struct {
        const char *url;
        bool loopback;
    } rows[] = {
        {"http://127.0.0.1:9", true},
        {"http://localhost", true},
        {"http://localhost:1/x", true},
        {"http://[::1]:5/x", true},
        {"https://127.9.8.7/", true},
        {"http://127.0.0.1.example.com", false},
        {"http://localhost.example.com", false},
        {"http://127.0.0.1@evil.example", false},
        {"http://localhost:x@evil.example", false},
        {"http://128.0.0.1", false},
        {"http://[::2]", false},
        {"http://[::1]evil", false},
        {"http://[::1", false},
        {"localhost", false},
        {"http://", false},
        {"http://127.1", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (exchange_url_is_loopback(rows[i].url) != rows[i].loopback) {
            fail_msg("%s", rows[i].url);
        }
    }
}

static void references_are_plain_names(void **state) {
    char longest[EXCHANGE_REFERENCE_CHARS_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    longest[EXCHANGE_REFERENCE_CHARS_MAX] = '\0';
    assert_true(exchange_reference_ok(longest));
    longest[EXCHANGE_REFERENCE_CHARS_MAX] = 'a';
    longest[EXCHANGE_REFERENCE_CHARS_MAX + 1] = '\0';
    assert_false(exchange_reference_ok(longest));
    assert_true(exchange_reference_ok("att_01JD5R6Q6Y0V3M8X2K4N7T9BCF"));
    assert_false(exchange_reference_ok(""));
    assert_false(exchange_reference_ok(NULL));
    assert_false(exchange_reference_ok("a b"));
    assert_false(exchange_reference_ok("a\nb"));
    assert_false(exchange_reference_ok("a'b"));
}

static bool is_listed(const struct gateway_adapter *adapter, const char *name) {
    const char *const *const lists[] = {adapter->credentials, adapter->options,
                                        adapter->more_options};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        for (const char *const *one = lists[i]; one != NULL && *one != NULL; one++) {
            if (strcmp(*one, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void every_adapter_is_complete(void **state) {
    for (size_t i = 0; i < COUNT_OF(adapters); i++) {
        const struct gateway_adapter *adapter = adapters[i];
        assert_true(adapter->open && adapter->close && adapter->charge && adapter->query);
        assert_true(adapter->capture && adapter->cancel && adapter->refund &&
                    adapter->query_refund);
        assert_true(adapter->can.offline || (adapter->verify_callback && adapter->probe));
        /* What cannot be repeated under its key can be ended instead. */
        assert_true(adapter->can.key_lifetime_us > 0 || adapter->can.close_on_unknown);
        assert_true(adapter->can.offline || adapter->can.not_found_conclusive_us > 0);
        assert_int_equal(adapter->ack.status, 200);
        assert_non_null(adapter->credentials);
        /* What only callbacks show is something of its own. */
        for (const char *const *name = adapter->callback_names; name && *name; name++) {
            assert_true(is_listed(adapter, *name) || strcmp(*name, "webhook_ca") == 0);
        }
        /* Without resume() the gateway finishes by itself, and says how its customer acts. */
        bool flows = false;
        for (int flow = FLOW_PAGE; flow < FLOW_COUNT; flow++) {
            flows = flows || adapter->can.flows[flow];
        }
        assert_true(!adapter->can.customer_action || adapter->resume != NULL || flows);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_outcome_has_the_properties_of_its_row),
        cmocka_unit_test(only_these_outcomes_allow_another_gateway),
        cmocka_unit_test(methods_and_operations_are_named_both_ways),
        cmocka_unit_test(no_code_has_two_rows_and_every_row_fits),
        cmocka_unit_test(rate_limits_and_credentials_always_send_the_payment_elsewhere),
        cmocka_unit_test(a_row_is_found_by_code_or_by_fallback),
        cmocka_unit_test(a_new_result_knows_nothing),
        cmocka_unit_test(an_unanswered_call_is_unknown_only_if_it_may_have_moved_money),
        cmocka_unit_test(texts_are_masked_before_they_are_cut_and_cut_between_characters),
        cmocka_unit_test(ids_are_copied_whole_or_not_at_all),
        cmocka_unit_test(only_web_addresses_are_copied),
        cmocka_unit_test(only_this_machine_is_loopback),
        cmocka_unit_test(references_are_plain_names),
        cmocka_unit_test(every_adapter_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
