/* SPDX-License-Identifier: Apache-2.0
 * unionpay_fixture.h: what the tests of the UnionPay adapter share: its gateway, and answers signed
 * with the test chain. */
#ifndef HOLDFAST_TESTS_UNIONPAY_FIXTURE_H
#define HOLDFAST_TESTS_UNIONPAY_FIXTURE_H

#include "gateway_fixture.h"

#include "gateway/unionpay/unionpay.h"

#define BASE "https://gateway.95516.com"
#define MERCHANT "777290058110048"
#define REFERENCE "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
#define ORDER_ID "att01JD5R6Q6Y0V3M8X2K4N7T9BCF"
#define CHANGE_REFERENCE "re_01JD5R6Q6Y0V3M8X2K4N7T9BCG"
#define CHANGE_ORDER_ID "re01JD5R6Q6Y0V3M8X2K4N7T9BCG"
#define CALLBACK_URL "https://pay.shop.example/callbacks/unionpay"
#define KEY "test_secure_key_0001"
/* 2026-11-21 20:00:00 in Beijing, and a change an hour and a second later. */
#define CREATED_TIME "20261121200000"
#define CHANGED_TIME "20261121210001"
#define QUERY_ID "812611212000001234567"

static inline int64_t created_us(void) {
    int64_t us = 0;
    assert_true(clock_parse("2026-11-21T12:00:00Z", &us));
    return us;
}
#define CHANGED_US (created_us() + 3601 * US_PER_SECOND)

static inline struct rsa_key *unionpay_key(const char *name) {
    char pem[VECTOR_BYTES_MAX];
    struct rsa_key *key = NULL;
    struct err err;
    size_t count = vector_read(name, pem);
    assert_int_equal(rsa_key_private(pem, count, &key, &err), 0);
    return key;
}

/* Signs as the owner of tests/vectors/<who>.*.pem does. */
static inline void unionpay_signed_by(struct unionpay_message *message, const char *who) {
    char path[64], pem[VECTOR_BYTES_MAX], cert_id[UNIONPAY_CERT_ID_MAX];
    struct x509_cert *cert = NULL;
    struct err err;
    snprintf(path, sizeof(path), "%s.key.pem", who);
    struct rsa_key *key = unionpay_key(path);
    snprintf(path, sizeof(path), "%s.crt.pem", who);
    size_t count = vector_read(path, pem);
    assert_int_equal(x509_cert_read(pem, count, &cert, &err), 0);
    unionpay_cert_id(cert, cert_id);
    const struct unionpay_signer signer = {.key = key, .cert_id = cert_id, .cert_pem = pem};
    assert_int_equal(unionpay_sign(message, &signer, &err), 0);
    x509_cert_free(cert);
    rsa_key_free(key);
}

/* Answers live until the program's end. */
static inline const char *unionpay_raw(const struct unionpay_message *message) {
    static char *kept[512];
    static size_t count;
    BUF_AUTO out;
    buf_init(&out, UNIONPAY_MESSAGE_BYTES_MAX);
    unionpay_message_raw(message, &out);
    assert_true(buf_ok(&out) && count < COUNT_OF(kept));
    kept[count] = buf_take(&out);
    return kept[count++];
}

/* "name=value&…" on top of what every answer has; a bare name ("queryId=") leaves it out. */
static inline void unionpay_fill(struct unionpay_message *message, const char *order_id,
                                 const char *time, const char *fields) {
    unionpay_set(message, "version", UNIONPAY_VERSION);
    unionpay_set(message, "encoding", "UTF-8");
    unionpay_set(message, "bizType", "000201");
    unionpay_set(message, "accessType", "0");
    unionpay_set(message, "merId", MERCHANT);
    unionpay_set(message, "orderId", order_id);
    unionpay_set(message, "txnTime", time);
    unionpay_set(message, "respMsg", "\u6210\u529f[0000000]");
    while (*fields != '\0') {
        char name[64], value[512];
        size_t name_count = strcspn(fields, "=");
        size_t value_count = strcspn(fields + name_count + 1, "&");
        snprintf(name, sizeof(name), "%.*s", (int)name_count, fields);
        snprintf(value, sizeof(value), "%.*s", (int)value_count, fields + name_count + 1);
        unionpay_set(message, name, value);
        fields += name_count + 1 + value_count;
        fields += *fields == '&';
    }
}

static inline const char *unionpay_answer(const char *order_id, const char *time,
                                          const char *fields) {
    UNIONPAY_MESSAGE_AUTO message = {0};
    unionpay_fill(&message, order_id, time, fields);
    unionpay_signed_by(&message, "up_sign");
    return unionpay_raw(&message);
}
/* About the payment, and about the change of it. */
#define PAYMENT_ANSWER(fields) unionpay_answer(ORDER_ID, CREATED_TIME, fields)
#define CHANGE_ANSWER(fields) unionpay_answer(CHANGE_ORDER_ID, CHANGED_TIME, fields)
#define FOUND(code)                                                                                \
    "txnType=00&respCode=00&origRespCode=" code "&queryId=" QUERY_ID                               \
    "&txnAmt=1099&currencyCode=156&traceNo=123456"

/* Configured, not opened. */
static inline struct fake *unionpay_made(const char *base_url) {
    struct fake *fake = fake_new(&unionpay_adapter, base_url);
    snprintf(fake->gateway.callback_url, sizeof(fake->gateway.callback_url), CALLBACK_URL);
    fake_option(fake, "merchant_id", MERCHANT);
    return fake;
}

static inline struct fake *unionpay_new(const char *base_url) {
    struct fake *fake = unionpay_made(base_url);
    struct err err;
    fake_option(fake, "test", "true");
    fake_file(fake, "private_key", "merchant.key.pem");
    fake_file(fake, "certificate", "merchant.crt.pem");
    fake_file(fake, "root_ca", "up_root.crt.pem");
    fake_file(fake, "middle_ca", "up_mid.crt.pem");
    assert_int_equal(fake->gateway.adapter->open(&fake->gateway, &err), 0);
    return fake;
}

static inline struct fake *unionpay_new_by_key(void) {
    struct fake *fake = unionpay_made(BASE);
    struct err err;
    fake_option(fake, "sign_method", "11");
    fake_credential(fake, "secure_key", KEY);
    assert_int_equal(fake->gateway.adapter->open(&fake->gateway, &err), 0);
    return fake;
}

static inline int unionpay_setup(void **state) {
    *state = unionpay_new(BASE);
    return 0;
}

static inline int unionpay_teardown(void **state) {
    fake_free(*state);
    return 0;
}

static inline struct gateway_charge unionpay_charge_of(enum gateway_flow flow) {
    return (struct gateway_charge){
        .reference = REFERENCE,
        .order_id = "o 1",
        .amount_minor = 1099,
        .currency = money_of("CNY"),
        .method = METHOD_UNIONPAY,
        .token = "",
        .capture = true,
        .return_url = "https://shop.example/back?order=1&lang=zh",
        .cancel_url = "",
        .description = "Two teas",
        .customer_email = "",
        .customer_ip = "",
        .flow = flow,
        .created_us = created_us(),
        .expires_us = created_us() + 900 * US_PER_SECOND,
    };
}

static inline struct gateway_lookup unionpay_lookup_of(const char *query_id) {
    return (struct gateway_lookup){
        .reference = REFERENCE,
        .gateway_id = query_id,
        .charge_id = query_id,
        .created_us = created_us(),
        .expires_us = created_us() + 900 * US_PER_SECOND,
        .amount_minor = 1099,
        .currency = money_of("CNY"),
        .method = METHOD_UNIONPAY,
        .flow = FLOW_PAGE,
        .token = "",
    };
}

static inline struct gateway_change unionpay_change_of(const char *query_id) {
    return (struct gateway_change){
        .payment = unionpay_lookup_of(query_id),
        .reference = CHANGE_REFERENCE,
        .amount_minor = 500,
        .final = true,
        .reason = "",
        .refund_id = "",
        .created_us = CHANGED_US,
    };
}

static inline struct gateway_change unionpay_hold_change_of(void) {
    struct gateway_change change = unionpay_change_of(QUERY_ID);
    change.payment.charge_id = "";
    change.payment.hold = true;
    return change;
}

/* What was sent, read as UnionPay reads it. */
static inline void unionpay_sent(const struct fake *fake, int index,
                                 struct unionpay_message *ret_message) {
    const struct sent *sent = &fake->sent[index];
    struct err err;
    assert_true(index < fake->sent_count);
    assert_string_equal(sent->method, "POST");
    assert_int_equal(unionpay_message_read_form(ret_message, sent->body, strlen(sent->body),
                                                UNIONPAY_MESSAGE_BYTES_MAX, &err),
                     0);
}

static inline void assert_field(const struct unionpay_message *message, const char *name,
                                const char *value) {
    if (strcmp(unionpay_get(message, name), value) != 0) {
        fail_msg("%s is '%s', not '%s'", name, unionpay_get(message, name), value);
    }
}

#endif
