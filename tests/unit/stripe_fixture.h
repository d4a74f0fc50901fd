/* SPDX-License-Identifier: Apache-2.0
 * stripe_fixture.h: what the tests of the Stripe adapter share: its gateway, and Stripe's words. */
#ifndef HOLDFAST_TESTS_STRIPE_FIXTURE_H
#define HOLDFAST_TESTS_STRIPE_FIXTURE_H

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

static inline int stripe_setup(void **state) {
    struct fake *fake = fake_new(&stripe_adapter, BASE);
    struct err err;
    fake_credential(fake, "api_key", "sk_test_abc");
    fake_credential(fake, "webhook_secret", "whsec_1");
    assert_int_equal(fake->gateway.adapter->open(&fake->gateway, &err), 0);
    *state = fake;
    return 0;
}

static inline int stripe_teardown(void **state) {
    fake_free(*state);
    return 0;
}

static inline struct gateway_charge a_charge(void) {
    return (struct gateway_charge){
        .reference = REFERENCE,
        .order_id = "o 1&2",
        .amount_minor = 1099,
        .currency = money_of("USD"),
        .method = METHOD_CARD,
        .token = "pm_card_visa",
        .capture = true,
        .return_url = "https://shop.example/back?o=1",
        .cancel_url = "",
        .description = "Two teas",
        .customer_email = "",
        .customer_ip = "",
    };
}

static inline struct gateway_lookup a_lookup(const char *gateway_id) {
    return (struct gateway_lookup){
        .reference = REFERENCE,
        .gateway_id = gateway_id,
        .charge_id = "",
        .created_us = INT64_C(1700000000) * US_PER_SECOND,
        .amount_minor = 1099,
        .currency = money_of("USD"),
        .method = METHOD_CARD,
    };
}

static inline struct gateway_change a_change(const char *reference) {
    return (struct gateway_change){
        .payment = a_lookup("pi_1"),
        .reference = reference,
        .amount_minor = 500,
        .final = true,
        .reason = "requested_by_customer",
        .refund_id = "",
    };
}

static inline struct gateway_result charge(struct fake *fake, const struct gateway_charge *asked) {
    struct gateway_result result;
    fake->gateway.adapter->charge(&fake->call, asked, &result);
    return result;
}

static inline struct gateway_result charge_answered(struct fake *fake, int status,
                                                    const char *body) {
    struct gateway_charge asked = a_charge();
    const struct step step = {status, body, 0, 0};
    fake_script(fake, &step, 1);
    struct gateway_result result = charge(fake, &asked);
    assert_script_done(fake);
    return result;
}

/* Each operation, so that a table can run them all. */
static inline struct gateway_result operate(struct fake *fake, enum gateway_operation operation) {
    struct gateway_result result = {0};
    struct gateway_charge asked = a_charge();
    struct gateway_lookup lookup = a_lookup("pi_1");
    struct gateway_change change = a_change("re_1");
    change.refund_id = "re_1";
    const struct gateway_adapter *adapter = fake->gateway.adapter;
    switch (operation) {
    case OP_CHARGE:
        adapter->charge(&fake->call, &asked, &result);
        break;
    case OP_QUERY:
        adapter->query(&fake->call, &lookup, &result);
        break;
    case OP_CAPTURE:
        adapter->capture(&fake->call, &change, &result);
        break;
    case OP_CANCEL:
        adapter->cancel(&fake->call, &change, &result);
        break;
    case OP_REFUND:
        adapter->refund(&fake->call, &change, &result);
        break;
    case OP_QUERY_REFUND:
        adapter->query_refund(&fake->call, &change, &result);
        break;
    case OP_PROBE:
        adapter->probe(&fake->call, &result);
        break;
    case OP_COUNT:
        break;
    }
    return result;
}

static inline bool moves_money(enum gateway_operation operation) {
    return operation == OP_CHARGE || operation == OP_CAPTURE || operation == OP_CANCEL ||
           operation == OP_REFUND;
}

#endif
