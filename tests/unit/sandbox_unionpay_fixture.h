/* SPDX-License-Identifier: Apache-2.0
 * sandbox_unionpay_fixture.h: our UnionPay adapter in front of a simulated UnionPay, the customer's
 * browser, and what the notifies say. For the test_sandbox_unionpay*.c programs. */
#ifndef HOLDFAST_TESTS_SANDBOX_UNIONPAY_FIXTURE_H
#define HOLDFAST_TESTS_SANDBOX_UNIONPAY_FIXTURE_H

#include "gateway/unionpay/unionpay.h"
#include "sandbox_gateway_fixture.h"

#define ATT(last) "att_01JD5R6Q6Y0V3M8X2K4N7T9BC" last
#define RE(last) "re_01JD5R6Q6Y0V3M8X2K4N7T9BC" last
#define UNIONPAY_FORM "application/x-www-form-urlencoded;charset=UTF-8"

static int64_t began_us; /* when our rows were written */

/* ---- the gateway ---- */

UNUSED static void gateway_make(bool by_key) {
    gateway_at(&unionpay_adapter, SANDBOX_UNIONPAY);
    option("merchant_id", SANDBOX_UNIONPAY_MERCHANT_ID);
    if (by_key) {
        option("sign_method", "11");
        credential("secure_key", SANDBOX_UNIONPAY_SECURE_KEY);
    } else {
        option("test", "true");
        credential("private_key", paper("merchant.key.pem"));
        credential("certificate", paper("merchant.crt.pem"));
        credential("root_ca", paper("root_ca.pem"));
        credential("middle_ca", paper("middle_ca.pem"));
    }
    gateway_open();
    began_us = clock_wall_us();
}

/* Keys take a while to be made: one identity for all tests. */
static void *identity;

UNUSED static int start_with(bool by_key) {
    struct sandbox_options options = fixture_options();
    receiver_start();
    options.identities[SANDBOX_UNIONPAY] = identity;
    fixture_start(&options);
    gateway_make(by_key);
    return 0;
}

UNUSED static int start(void **state) {
    return start_with(false);
}

UNUSED static int start_by_key(void **state) {
    return start_with(true);
}

/* ---- operations ---- */

UNUSED static struct gateway_charge charge_of(const char *reference, enum gateway_flow flow,
                                              bool capture) {
    return (struct gateway_charge){
        .reference = reference,
        .order_id = "order-1",
        .amount_minor = 2500,
        .currency = currency_stored("CNY"),
        .method = METHOD_UNIONPAY,
        .token = "",
        .capture = capture,
        .return_url = "https://shop.test/back?order=1&lang=zh",
        .cancel_url = "",
        .description = "a test",
        .customer_email = "",
        .customer_ip = "",
        .flow = flow,
        .created_us = began_us,
        .expires_us = began_us + 900 * US_PER_SECOND,
    };
}

UNUSED static struct gateway_result charged(const char *reference, enum gateway_flow flow,
                                            bool capture) {
    const struct gateway_charge charge = charge_of(reference, flow, capture);
    struct gateway_result result;
    patience(PATIENCE_US);
    gateway.adapter->charge(&call, &charge, &result);
    return result;
}

UNUSED static struct gateway_lookup lookup_of(const char *reference,
                                              const struct gateway_result *known) {
    return (struct gateway_lookup){
        .reference = reference,
        .gateway_id = known != NULL ? known->gateway_id : "",
        .charge_id = known != NULL ? known->charge_id : "",
        .created_us = began_us,
        .expires_us = began_us + 900 * US_PER_SECOND,
        .amount_minor = 2500,
        .currency = currency_stored("CNY"),
        .method = METHOD_UNIONPAY,
    };
}

UNUSED static struct gateway_result asked(const struct gateway_lookup *lookup) {
    struct gateway_result result;
    patience(PATIENCE_US);
    gateway.adapter->query(&call, lookup, &result);
    return result;
}

UNUSED static struct gateway_result queried(const char *reference, bool hold) {
    struct gateway_lookup lookup = lookup_of(reference, NULL);
    lookup.hold = hold;
    return asked(&lookup);
}

UNUSED static struct gateway_change change_of(const char *reference, const char *payment,
                                              const struct gateway_result *known,
                                              int64_t amount_minor) {
    return (struct gateway_change){
        .payment = lookup_of(payment, known),
        .reference = reference,
        .amount_minor = amount_minor,
        .final = true,
        .reason = "",
        .refund_id = "",
        .created_us = began_us,
    };
}

UNUSED static struct gateway_result changed(change_fn *fn, const struct gateway_change *change) {
    struct gateway_result result;
    patience(PATIENCE_US);
    fn(&call, change, &result);
    return result;
}

/* ---- the customer ---- */

/* The browser posts the form: the status it gets. */
UNUSED static int posted_form(const struct gateway_result *result, char *ret_location,
                              size_t bytes) {
    JSON_AUTO json = NULL;
    HTTP_ANSWER_AUTO answer = {0};
    struct err err;
    const char *name;
    json_t *value;
    BUF_AUTO form;
    buf_init(&form, 32 * 1024);
    assert_int_equal(result->action, ACTION_FORM);
    assert_int_equal(
        json_read(result->action_data, strlen(result->action_data), 8192, 4, &json, &err), 0);
    assert_non_null(strstr(json_peek_text(json, "url", NULL), UNIONPAY_FRONT_PATH));
    json_object_foreach((json_t *)json_peek(json, "fields", NULL), name, value) {
        buf_addf(&form, "%s%s=", form.len > 0 ? "&" : "", name);
        buf_add_urlencoded(&form, json_string_value(value));
    }
    const struct ask ask = {.port = SANDBOX_UNIONPAY,
                            .method = "POST",
                            .path = UNIONPAY_FRONT_PATH,
                            .body = form.data,
                            .type = UNIONPAY_FORM};
    assert_int_equal(ask_raw(&ask, &answer), 0);
    const char *location = http_header_find(answer.headers, answer.header_count, "Location");
    snprintf(ret_location, bytes, "%s", location != NULL ? location : "");
    return answer.status;
}

UNUSED static void open_page(const struct gateway_result *result) {
    char location[256];
    assert_int_equal(posted_form(result, location, sizeof(location)), 303);
    assert_non_null(strstr(location, "/sandbox/pay/"));
}

/* "pay", "cancel", "expire" at the control port; the status. */
UNUSED static int acted(const char *name, const char *act) {
    HTTP_ANSWER_AUTO answer = {0};
    char body[200];
    snprintf(body, sizeof(body), "{\"gateway\":\"unionpay\",\"reference\":\"%s\",\"act\":\"%s\"}",
             name, act);
    const struct ask ask = {
        .port = SANDBOX_CONTROL, .method = "POST", .path = "/pay", .body = body};
    assert_int_equal(ask_raw(&ask, &answer), 0);
    return answer.status;
}

UNUSED static struct gateway_result paid(const char *reference, bool capture) {
    struct gateway_result page = charged(reference, FLOW_PAGE, capture);
    assert_is(&page, GW_ACTION_NEEDED);
    open_page(&page);
    assert_int_equal(acted(reference, "pay") / 100, 2);
    struct gateway_result result = queried(reference, !capture);
    assert_is(&result, capture ? GW_CHARGED : GW_AUTHORIZED);
    return result;
}

UNUSED static void flush(void) {
    json_decref(control("POST", "/callbacks/flush", NULL, 200));
    await_quiet();
}

/* The programs' main(): the identity is made once for all tests. */
#define RUN_WITH_IDENTITY(tests)                                                                   \
    do {                                                                                           \
        struct err err;                                                                            \
        crypto_init();                                                                             \
        int made = sandbox_identity_new(SANDBOX_UNIONPAY, clock_wall_us(), &identity, &err);       \
        INVARIANT(made == 0, "keys can be made");                                                  \
        int failed = cmocka_run_group_tests(tests, NULL, NULL);                                    \
        sandbox_identity_free(SANDBOX_UNIONPAY, identity);                                         \
        return failed;                                                                             \
    } while (0)

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

#endif
