/* SPDX-License-Identifier: Apache-2.0
 * sandbox_wechat_fixture.h: our own adapter before the simulated WeChat Pay, for the
 * test_sandbox_wechat*.c programs. */
#ifndef HOLDFAST_TESTS_SANDBOX_WECHAT_FIXTURE_H
#define HOLDFAST_TESTS_SANDBOX_WECHAT_FIXTURE_H

#include "gateway/wechatpay/wechatpay.h"
#include "sandbox_gateway_fixture.h"

static void gateway_make(bool public_key) {
    gateway_at(&wechatpay_adapter, SANDBOX_WECHAT);
    credential("private_key", paper("merchant.key.pem"));
    credential("api_v3_key", SANDBOX_WECHAT_API_V3_KEY);
    option("appid", SANDBOX_WECHAT_APPID);
    option("mchid", SANDBOX_WECHAT_MCHID);
    option("merchant_serial", paper("merchant.serial"));
    option("store_id", "S1");
    if (public_key) {
        credential("wechat_public_key", paper("wechat_public_key.pem"));
        option("wechat_public_key_id", SANDBOX_WECHAT_PUBLIC_KEY_ID);
    }
    gateway_open();
}

/* Keys for all sandboxes here: making them takes longer than a test. */
static void *identity;

static int identity_make(void **state) {
    struct err err;
    crypto_init();
    return sandbox_identity_new(SANDBOX_WECHAT, clock_wall_us(), &identity, &err);
}

static int identity_drop(void **state) {
    sandbox_identity_free(SANDBOX_WECHAT, identity);
    return 0;
}

static int start_mode(const char *mode, bool public_key) {
    struct sandbox_options options = fixture_options();
    struct err err;
    options.identities[SANDBOX_WECHAT] = identity;
    receiver_start();
    if (mode != NULL) {
        assert_int_equal(sandbox_options_set(&options, "wechat-mode", mode, &err), 0);
    }
    fixture_start(&options);
    gateway_make(public_key);
    return 0;
}

static int start(void **state) {
    return start_mode(NULL, false);
}

UNUSED static int start_with_public_key(void **state) {
    return start_mode("public_key", true);
}

/* ---- what we ask ---- */

UNUSED static struct gateway_charge charge_of(const char *reference, enum gateway_flow flow,
                                              const char *token) {
    return (struct gateway_charge){
        .reference = reference,
        .order_id = "order-1",
        .amount_minor = 2500,
        .currency = currency_stored("CNY"),
        .method = METHOD_WECHATPAY,
        .token = token,
        .capture = true,
        .return_url = "https://shop.test/back",
        .cancel_url = "",
        .description = "一件商品",
        .customer_email = "",
        .customer_ip = "203.0.113.7",
        .flow = flow,
        .created_us = clock_wall_us(),
    };
}

UNUSED static struct gateway_result charged(const char *reference, enum gateway_flow flow,
                                            const char *token) {
    const struct gateway_charge charge = charge_of(reference, flow, token);
    struct gateway_result result;
    patience(PATIENCE_US);
    gateway.adapter->charge(&call, &charge, &result);
    return result;
}

UNUSED static struct gateway_lookup lookup_of(const char *reference, const char *token) {
    return (struct gateway_lookup){
        .reference = reference,
        .gateway_id = reference,
        .charge_id = "",
        .created_us = clock_wall_us() - 3600 * US_PER_SECOND,
        .amount_minor = 2500,
        .currency = currency_stored("CNY"),
        .method = METHOD_WECHATPAY,
        .token = token,
    };
}

UNUSED static struct gateway_result asked(const char *reference) {
    const struct gateway_lookup lookup = lookup_of(reference, "");
    struct gateway_result result;
    patience(PATIENCE_US);
    gateway.adapter->query(&call, &lookup, &result);
    return result;
}

UNUSED static struct gateway_result changed(change_fn *fn, const char *reference,
                                            const char *payment, const char *token,
                                            int64_t amount_minor) {
    const struct gateway_change change = {
        .payment = lookup_of(payment, token),
        .reference = reference,
        .amount_minor = amount_minor,
        .reason = "requested_by_customer",
        .refund_id = "",
    };
    struct gateway_result result;
    patience(PATIENCE_US);
    fn(&call, &change, &result);
    return result;
}

#define EXPECT(result_of, wanted)                                                                  \
    do {                                                                                           \
        const struct gateway_result got = (result_of);                                             \
        assert_is(&got, (wanted));                                                                 \
    } while (0)

/* The customer, by the control port. */
UNUSED static void customer(const char *key, const char *name, const char *act, int status) {
    char body[300];
    snprintf(body, sizeof(body), "{\"gateway\":\"wechat\",\"%s\":\"%.99s\",\"act\":\"%s\"}", key,
             name, act);
    json_decref(control("POST", "/pay", body, status));
}

UNUSED static void paid_order(const char *reference) {
    EXPECT(charged(reference, FLOW_QR, ""), GW_ACTION_NEEDED);
    customer("reference", reference, "pay", 200);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, start, stop)

#endif
