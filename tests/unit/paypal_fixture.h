/* SPDX-License-Identifier: Apache-2.0
 * paypal_fixture.h: what the tests of the PayPal adapter share: its gateway, and PayPal's words. */
#ifndef HOLDFAST_TESTS_PAYPAL_FIXTURE_H
#define HOLDFAST_TESTS_PAYPAL_FIXTURE_H

#include "gateway_fixture.h"

#include "gateway/paypal/paypal.h"

#define BASE "https://api-m.paypal.com"
#define REFERENCE "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
#define WEBHOOK_ID "1JE4291016473214C"

#define TOKEN(name) "{\"access_token\":\"" name "\",\"token_type\":\"Bearer\",\"expires_in\":32400}"
#define TOKEN_STEP                                                                                 \
    { 200, TOKEN("A21"), 0, 0 }
#define AMOUNT(value) "{\"currency_code\":\"USD\",\"value\":\"" value "\"}"
#define ORDER(status, payments, more)                                                              \
    "{\"id\":\"5O190127TN364715T\",\"status\":\"" status                                           \
    "\",\"purchase_units\":[{\"reference_id\":"                                                    \
    "\"o 1\",\"custom_id\":\"" REFERENCE                                                           \
    "\",\"amount\":" AMOUNT("10.99") ",\"payments\":{" payments "}}]" more "}"
#define CAPTURE(id, status, value)                                                                 \
    "{\"id\":\"" id "\",\"status\":\"" status "\",\"amount\":" AMOUNT(                             \
        value) ",\"seller_receivable_breakdown\":{\"paypal_fee\":" AMOUNT("0.62") "}}"
#define CAPTURED                                                                                   \
    ORDER("COMPLETED", "\"captures\":[" CAPTURE("3C679366HH908993F", "COMPLETED", "10.99") "]", "")
#define AUTHORIZED(status)                                                                         \
    ORDER("COMPLETED",                                                                             \
          "\"authorizations\":[{\"id\":\"0AW2184448108334S\",\"status\":\"" status                 \
          "\",\"amount\":" AMOUNT("10.99") "}]",                                                   \
          "")
#define LINKS(rel)                                                                                 \
    ",\"links\":[{\"rel\":\"self\",\"href\":\"https://x.example/self\"},"                          \
    "{\"rel\":\"" rel "\",\"href\":\"https://www.paypal.com/go?token=5O19\"}]"
#define ERROR(name, issue)                                                                         \
    "{\"name\":\"" name "\",\"debug_id\":\"x\",\"details\":[{\"issue\":\"" issue                   \
    "\",\"description\":\"it says so\"}]}"
#define ISSUE(issue) ERROR("UNPROCESSABLE_ENTITY", issue)

static inline struct fake *paypal_new(const char *base_url) {
    struct fake *fake = fake_new(&paypal_adapter, base_url);
    char ca[VECTOR_BYTES_MAX];
    struct err err;
    (void)vector_read("paypal_ca.crt.pem", ca);
    fake_credential(fake, "client_id", "client");
    fake_credential(fake, "client_secret", "hush");
    fake_credential(fake, "webhook_id", "8PT597110X687430L," WEBHOOK_ID);
    fake_credential(fake, "webhook_ca", ca);
    assert_int_equal(fake->gateway.adapter->open(&fake->gateway, &err), 0);
    return fake;
}

/* With a token in its cache, so that a script is about the call itself. */
static inline int paypal_setup(void **state) {
    struct fake *fake = paypal_new(BASE);
    struct gateway_result result;
    FAKE_SCRIPT(fake, TOKEN_STEP);
    fake->gateway.adapter->probe(&fake->call, &result);
    assert_int_equal(result.outcome, GW_NONE);
    *state = fake;
    return 0;
}

static inline int paypal_teardown(void **state) {
    fake_free(*state);
    return 0;
}

static inline struct gateway_charge paypal_charge_of(enum payment_method method,
                                                     const char *token) {
    return (struct gateway_charge){
        .reference = REFERENCE,
        .order_id = "o 1",
        .amount_minor = 1099,
        .currency = money_of("USD"),
        .method = method,
        .token = token,
        .capture = true,
        .return_url = "https://shop.example/back",
        .cancel_url = "",
        .description = "Two teas",
        .customer_email = "",
        .customer_ip = "",
    };
}

static inline struct gateway_lookup paypal_lookup_of(const char *gateway_id,
                                                     const char *charge_id) {
    return (struct gateway_lookup){
        .reference = REFERENCE,
        .gateway_id = gateway_id,
        .charge_id = charge_id,
        .amount_minor = 1099,
        .currency = money_of("USD"),
        .method = METHOD_PAYPAL,
    };
}

static inline struct gateway_change paypal_change_of(const char *reference, const char *charge_id) {
    return (struct gateway_change){
        .payment = paypal_lookup_of("5O190127TN364715T", charge_id),
        .reference = reference,
        .amount_minor = 500,
        .final = true,
        .reason = "",
        .refund_id = "",
    };
}

static inline struct gateway_result paypal_charged(struct fake *fake, enum payment_method method,
                                                   const char *token) {
    struct gateway_charge charge = paypal_charge_of(method, token);
    struct gateway_result result;
    fake->gateway.adapter->charge(&fake->call, &charge, &result);
    return result;
}

#endif
