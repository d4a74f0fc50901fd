/* SPDX-License-Identifier: Apache-2.0
 * test_sandbox_adapters.c: our own adapters against the simulated gateways, over real HTTP: every
 * operation, the outcomes under faults, and the verification of callbacks. */
#include "gateway/paypal/paypal.h"
#include "gateway/stripe/stripe.h"
#include "sandbox_gateway_fixture.h"

enum { REFERENCES_MAX = 16 };

static char persisted[GATEWAY_ID_CHARS_MAX + 1];

static int persist(void *ctx, const char *gateway_id, struct err *err) {
    snprintf(persisted, sizeof(persisted), "%s", gateway_id);
    return 0;
}

static void gateway_make(const struct gateway_adapter *adapter, enum sandbox_port port) {
    gateway_at(adapter, port);
    if (port == SANDBOX_STRIPE) {
        credential("api_key", SANDBOX_STRIPE_KEY);
        credential("webhook_secret", SANDBOX_STRIPE_WEBHOOK_SECRET);
    } else {
        credential("client_id", SANDBOX_PAYPAL_CLIENT_ID);
        credential("client_secret", SANDBOX_PAYPAL_CLIENT_SECRET);
        credential("webhook_id", SANDBOX_PAYPAL_WEBHOOK_ID);
        credential("webhook_ca", paper("ca.pem"));
    }
    gateway_open();
    call.persist = persist;
}

static int start_with(const struct gateway_adapter *adapter, enum sandbox_port port) {
    struct sandbox_options options = fixture_options();
    receiver_start();
    options.callback_urls[port] = fixture.hook_url;
    fixture_start(&options);
    gateway_make(adapter, port);
    return 0;
}

static int start_stripe(void **state) {
    return start_with(&stripe_adapter, SANDBOX_STRIPE);
}

static int start_paypal(void **state) {
    return start_with(&paypal_adapter, SANDBOX_PAYPAL);
}

/* ---- operations ---- */

static struct gateway_charge charge_of(const char *reference, const char *token, bool capture) {
    bool card = gateway.adapter == &stripe_adapter;
    struct gateway_charge charge = {
        .reference = reference,
        .order_id = "order-1",
        .amount_minor = 2500,
        .method = card ? METHOD_CARD : METHOD_PAYPAL,
        .token = token,
        .capture = capture,
        .return_url = "https://shop.test/back",
        .cancel_url = "",
        .description = "a test",
        .customer_email = "",
        .customer_ip = "",
    };
    struct err err;
    assert_int_equal(currency_parse("USD", &charge.currency, &err), 0);
    return charge;
}

static struct gateway_result charged(const char *reference, const char *token, bool capture) {
    const struct gateway_charge charge = charge_of(reference, token, capture);
    struct gateway_result result;
    patience(PATIENCE_US);
    gateway.adapter->charge(&call, &charge, &result);
    return result;
}

static struct gateway_lookup lookup_of(const char *reference, const struct gateway_result *result) {
    const struct gateway_charge charge = charge_of(reference, "", true);
    return (struct gateway_lookup){
        .reference = reference,
        .gateway_id = result->gateway_id,
        .charge_id = result->charge_id,
        .created_us = clock_wall_us(),
        .amount_minor = charge.amount_minor,
        .currency = charge.currency,
        .method = charge.method,
    };
}

static struct gateway_change change_of(const char *reference, const char *payment_reference,
                                       const struct gateway_result *result, int64_t amount_minor) {
    return (struct gateway_change){
        .payment = lookup_of(payment_reference, result),
        .reference = reference,
        .amount_minor = amount_minor,
        .final = true,
        .reason = "requested_by_customer",
        .refund_id = "",
        .created_us = clock_wall_us(),
    };
}

static const char *good_token(void) {
    return gateway.adapter == &stripe_adapter ? "pm_card_visa" : "vault_good";
}

static const char *name_here(void) {
    return gateway.adapter == &stripe_adapter ? "stripe" : "paypal";
}

static void a_probe_finds_all_well(void **state) {
    struct gateway_result result;
    patience(PATIENCE_US);
    gateway.adapter->probe(&call, &result);
    assert_is(&result, GW_NONE);
}

static void a_charge_is_charged_queried_and_refunded(void **state) {
    struct gateway_result result = charged("att_1", good_token(), true), again, refund;
    assert_is(&result, GW_CHARGED);
    assert_int_equal(result.amount_minor, 2500);
    assert_int_equal(result.captured_minor, 2500);
    assert_true(result.fee_minor > 0);
    assert_int_equal(booked(name_here(), "USD", "fees_minor"), result.fee_minor);
    again = charged("att_1", good_token(), true);
    assert_is(&again, GW_CHARGED);
    assert_string_equal(again.gateway_id, result.gateway_id);
    struct gateway_lookup lookup = lookup_of("att_1", &result);
    gateway.adapter->query(&call, &lookup, &again);
    assert_is(&again, GW_CHARGED);
    assert_int_equal(booked(name_here(), "USD", "charged_minor"), 2500);
    const struct gateway_change change = change_of("re_1", "att_1", &result, 700);
    gateway.adapter->refund(&call, &change, &refund);
    assert_is(&refund, GW_REFUNDED);
    assert_int_equal(refund.amount_minor, 700);
    gateway.adapter->refund(&call, &change, &again);
    assert_is(&again, GW_REFUNDED);
    assert_string_equal(again.refund_id, refund.refund_id);
    gateway.adapter->query_refund(&call, &change, &again);
    assert_is(&again, GW_REFUNDED);
    assert_string_equal(again.refund_id, refund.refund_id);
    const struct gateway_change more = change_of("re_2", "att_1", &result, 1801);
    gateway.adapter->refund(&call, &more, &again);
    assert_is(&again, gateway.adapter == &stripe_adapter ? GW_REJECTED_REQUEST : GW_DECLINED);
    assert_int_equal(booked(name_here(), "USD", "refunded_minor"), 700);
}

static void a_hold_is_captured_in_part_and_the_rest_released(void **state) {
    struct gateway_result result = charged("att_h", good_token(), false), captured;
    assert_is(&result, GW_AUTHORIZED);
    assert_int_equal(booked(name_here(), "USD", "held_minor"), 2500);
    const struct gateway_change change = change_of("cap_1", "att_h", &result, 2000);
    gateway.adapter->capture(&call, &change, &captured);
    assert_is(&captured, GW_CHARGED);
    assert_int_equal(captured.captured_minor, 2000);
    assert_int_equal(booked(name_here(), "USD", "charged_minor"), 2000);
    assert_int_equal(booked(name_here(), "USD", "held_minor"), 0);
}

static void a_hold_is_cancelled(void **state) {
    struct gateway_result result = charged("att_c", good_token(), false), canceled;
    assert_is(&result, GW_AUTHORIZED);
    const struct gateway_change change = change_of("can_1", "att_c", &result, 0);
    gateway.adapter->cancel(&call, &change, &canceled);
    assert_is(&canceled, GW_CANCELED);
    assert_int_equal(booked(name_here(), "USD", "held_minor"), 0);
    assert_int_equal(booked(name_here(), "USD", "charges"), 0);
}

static void a_decline_is_a_decline(void **state) {
    bool stripe = gateway.adapter == &stripe_adapter;
    struct gateway_result result = charged(
        "att_d", stripe ? "pm_card_visa_chargeDeclinedInsufficientFunds" : "vault_declined", true);
    assert_is(&result, GW_DECLINED);
    assert_int_equal(booked(name_here(), "USD", "charges"), 0);
}

static void an_unanswered_charge_is_unknown_and_its_repeat_tells(void **state) {
    char spec[80];
    struct gateway_result token;
    patience(PATIENCE_US);
    gateway.adapter->probe(&call,
                           &token); /* PayPal: a token, so that the charge's time is its own */
    snprintf(spec, sizeof(spec), "%s:timeout_after:operation=charge,count=1", name_here());
    fault(spec);
    const struct gateway_charge charge = charge_of("att_u", good_token(), true);
    struct gateway_result result;
    patience(500 * US_PER_MS);
    gateway.adapter->charge(&call, &charge, &result);
    assert_is(&result, GW_UNKNOWN);
    assert_int_equal(booked(name_here(), "USD", "charged_minor"), 2500);
    patience(PATIENCE_US);
    gateway.adapter->charge(&call, &charge, &result);
    assert_is(&result, GW_CHARGED);
    assert_int_equal(booked(name_here(), "USD", "charged_minor"), 2500);
}

static void a_gateway_that_refuses_connections_has_charged_nothing(void **state) {
    char spec[80];
    snprintf(spec, sizeof(spec), "%s:refuse", name_here());
    fault(spec);
    struct gateway_result result = charged("att_r", good_token(), true);
    assert_is(&result, GW_UNAVAILABLE);
    assert_true(gateway_outcome_not_charged(result.outcome));
    sandbox_heal(fixture.sandbox);
    result = charged("att_r", good_token(), true);
    assert_is(&result, GW_CHARGED);
    assert_int_equal(booked(name_here(), "USD", "charges"), 1);
}

static void an_error_after_the_deed_is_unknown(void **state) {
    char spec[100];
    snprintf(spec, sizeof(spec), "%s:error:operation=charge,status=500,executed=true,count=1",
             name_here());
    fault(spec);
    struct gateway_result result = charged("att_e", good_token(), true);
    assert_is(&result, GW_UNKNOWN);
    assert_int_equal(booked(name_here(), "USD", "charges"), 1);
    result = charged("att_e", good_token(), true);
    assert_is(&result, GW_CHARGED);
    assert_int_equal(booked(name_here(), "USD", "charges"), 1);
}

/* ---- callbacks ---- */

static void callbacks_verify_and_carry_our_reference(void **state) {
    struct gateway_result result = charged("att_cb", good_token(), true);
    assert_is(&result, GW_CHARGED);
    await_taken(2);
    await_quiet();
    int of_ours = 0;
    for (int i = 0; i < fixture.taken_count; i++) {
        const struct taken *taken = &fixture.taken[i];
        struct gateway_event event;
        assert_int_equal(verify_as(taken, taken->body, &event), 0);
        of_ours += strcmp(event.reference, "att_cb") == 0 && event.outcome == GW_CHARGED &&
                   event.amount_minor == 2500;
        char *altered = strdup(taken->body);
        altered[strlen(altered) / 2] ^= 1;
        assert_int_equal(verify_as(taken, altered, &event), -ERR_SIGNATURE);
        free(altered);
    }
    assert_true(of_ours >= 1);
}

static void a_forged_callback_is_refused(void **state) {
    char spec[80];
    snprintf(spec, sizeof(spec), "%s:callback_forged", name_here());
    fault(spec);
    struct gateway_result result = charged("att_f", good_token(), true);
    assert_is(&result, GW_CHARGED);
    await_taken(4);
    await_quiet();
    int refused = 0, accepted = 0;
    for (int i = 0; i < fixture.taken_count; i++) {
        struct gateway_event event;
        int rc = verify_as(&fixture.taken[i], fixture.taken[i].body, &event);
        refused += rc == -ERR_SIGNATURE ? 1 : 0;
        accepted += rc == 0 ? 1 : 0;
    }
    assert_int_equal(refused, accepted);
    assert_int_equal(refused + accepted, fixture.taken_count);
}

static void a_dispute_is_told(void **state) {
    struct gateway_result result = charged("att_dp", good_token(), true);
    char path[200];
    await_quiet();
    int before = fixture.taken_count;
    snprintf(path, sizeof(path), "/%s/charges/%s/dispute", name_here(), result.charge_id);
    json_decref(control("POST", path, "{}", 201));
    await_taken(before + 1);
    await_quiet();
    struct gateway_event event;
    assert_int_equal(verify_as(&fixture.taken[before], fixture.taken[before].body, &event), 0);
    assert_int_equal(event.subject, CALLBACK_DISPUTE);
    assert_string_equal(event.charge_id, result.charge_id);
    assert_int_equal(event.amount_minor, 2500);
    assert_int_equal(booked(name_here(), "USD", "disputed_minor"), 2500);
}

/* ---- PayPal's own ways ---- */

static void a_wallet_waits_for_the_buyer_and_is_resumed(void **state) {
    const struct gateway_charge charge = charge_of("att_w", "", true);
    struct gateway_result result = charged("att_w", "", true);
    assert_is(&result, GW_ACTION_NEEDED);
    assert_string_equal(persisted, result.gateway_id);
    assert_non_null(strstr(result.action_data, "/checkoutnow?token="));
    struct gateway_lookup lookup = lookup_of("att_w", &result);
    char path[200];
    snprintf(path, sizeof(path), "/paypal/orders/%s/approve", result.gateway_id);
    json_decref(control("POST", path, NULL, 200));
    struct gateway_result now;
    gateway.adapter->query(&call, &lookup, &now);
    assert_is(&now, GW_APPROVED);
    gateway.adapter->resume(&call, &charge, &lookup, &now);
    assert_is(&now, GW_CHARGED);
    assert_int_equal(booked("paypal", "USD", "charged_minor"), 2500);
}

static void a_token_that_ended_is_renewed_unseen(void **state) {
    assert_is(&(struct gateway_result){charged("att_t1", good_token(), true).outcome}, GW_CHARGED);
    json_decref(control("POST", "/paypal/tokens/expire", NULL, 200));
    struct gateway_result result = charged("att_t2", good_token(), true);
    assert_is(&result, GW_CHARGED);
    assert_int_equal(booked("paypal", "USD", "charges"), 2);
}

static void a_capture_inside_which_a_processor_declined_is_a_decline(void **state) {
    fault("paypal:decline:code=5120");
    struct gateway_result result = charged("att_pd", good_token(), true);
    assert_is(&result, GW_DECLINED);
    assert_string_equal(result.common_code, "insufficient_funds");
    assert_int_equal(booked("paypal", "USD", "charges"), 0);
}

static void a_pending_capture_completes_later(void **state) {
    fault("paypal:decline:code=PENDING,count=1");
    struct gateway_result result = charged("att_pp", good_token(), true), now;
    assert_is(&result, GW_PENDING);
    assert_int_equal(booked("paypal", "USD", "charges"), 0);
    struct gateway_lookup lookup = lookup_of("att_pp", &result);
    json_decref(control("POST", "/callbacks/flush", NULL, 200));
    await_quiet();
    gateway.adapter->query(&call, &lookup, &now);
    assert_is(&now, GW_CHARGED);
    assert_int_equal(booked("paypal", "USD", "charged_minor"), 2500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define BOTH(name)                                                                                 \
    {#name " (stripe)", name, start_stripe, stop, NULL},                                           \
        {#name " (paypal)", name, start_paypal, stop, NULL}
#define PAYPAL(name) cmocka_unit_test_setup_teardown(name, start_paypal, stop)
        BOTH(a_probe_finds_all_well),
        BOTH(a_charge_is_charged_queried_and_refunded),
        BOTH(a_hold_is_captured_in_part_and_the_rest_released),
        BOTH(a_hold_is_cancelled),
        BOTH(a_decline_is_a_decline),
        BOTH(an_unanswered_charge_is_unknown_and_its_repeat_tells),
        BOTH(a_gateway_that_refuses_connections_has_charged_nothing),
        BOTH(an_error_after_the_deed_is_unknown),
        BOTH(callbacks_verify_and_carry_our_reference),
        BOTH(a_forged_callback_is_refused),
        BOTH(a_dispute_is_told),
        PAYPAL(a_wallet_waits_for_the_buyer_and_is_resumed),
        PAYPAL(a_token_that_ended_is_renewed_unseen),
        PAYPAL(a_capture_inside_which_a_processor_declined_is_a_decline),
        PAYPAL(a_pending_capture_completes_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
