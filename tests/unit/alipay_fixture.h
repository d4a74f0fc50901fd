/* SPDX-License-Identifier: Apache-2.0
 * alipay_fixture.h: what the tests of the Alipay adapter share: its gateway, and answers and
 * notifies signed with the key that plays Alipay's. */
#ifndef HOLDFAST_TESTS_ALIPAY_FIXTURE_H
#define HOLDFAST_TESTS_ALIPAY_FIXTURE_H

#include "gateway_fixture.h"

#include "gateway/alipay/alipay.h"

#define BASE "https://openapi.alipay.com"
#define NOTIFY_URL "https://pay.example/callbacks/alipay"
#define REFERENCE "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
#define REFUND_REFERENCE "re_01JD5R6Q6Y0V3M8X2K4N7T9BCG"
#define APP_ID "2021000122671080"
#define SELLER_ID "2088102146225135"
#define TRADE_NO "2026112222001400000000000001"
#define AUTH_CODE "287654321098765432"
#define QR "https://qr.alipay.com/bax03206ug0kulveltqc80a8"
#define CERT_SN_MERCHANT "078ee12e85e1691b91a33c1ea9549b9f"
#define CERT_SN_PLATFORM "7b59ffcd0dbf91b135df2ec1d62a3b0a"

#define TRADE_OF(reference, status, more)                                                          \
    "{\"code\":\"10000\",\"msg\":\"Success\",\"out_trade_no\":\"" reference                        \
    "\",\"trade_no\":\"" TRADE_NO "\",\"trade_status\":\"" status                                  \
    "\",\"total_amount\":\"10.99\"" more "}"
#define TRADE(status) TRADE_OF(REFERENCE, status, "")
#define PAID_BACK TRADE_OF(REFERENCE, "TRADE_CLOSED", ",\"send_pay_date\":\"2026-11-22 08:00:05\"")
#define REFUSED(code, sub_code)                                                                    \
    "{\"code\":\"" code "\",\"msg\":\"Business Failed\",\"sub_code\":\"" sub_code                  \
    "\",\"sub_msg\":\"it says so\"}"
#define NO_TRADE REFUSED("40004", "ACQ.TRADE_NOT_EXIST")

enum { STEPS_MAX = 8 };

struct alipay {
    struct fake *fake;
    struct rsa_key *platform, *stranger;
    struct step steps[STEPS_MAX];
    char *bodies[STEPS_MAX];
    int step_count;
};

static inline struct rsa_key *alipay_test_key(const char *name) {
    char pem[VECTOR_BYTES_MAX];
    struct rsa_key *key = NULL;
    struct err err;
    size_t count = vector_read(name, pem);
    assert_int_equal(rsa_key_private(pem, count, &key, &err), 0);
    return key;
}

/* Forgets what was said and sent. */
static inline void script(struct alipay *alipay) {
    for (int i = 0; i < STEPS_MAX; i++) {
        free(alipay->bodies[i]);
        alipay->bodies[i] = NULL;
    }
    alipay->step_count = 0;
    fake_script(alipay->fake, alipay->steps, 0);
}

static inline void add_step(struct alipay *alipay, struct step step) {
    assert_true(alipay->step_count < STEPS_MAX);
    alipay->steps[alipay->step_count++] = step;
    alipay->fake->step_count = alipay->step_count;
}

/* The next answer: `member` of `inner`, signed with `key` (NULL: not at all), and what else. */
static inline void says_with(struct alipay *alipay, int status, const char *member,
                             const char *inner, const struct rsa_key *key, const char *more) {
    struct buf body;
    char *sign = NULL;
    struct err err;
    buf_init(&body, 1 << 20);
    buf_addf(&body, "{\"%s\":%s", member, inner);
    if (key != NULL) {
        assert_int_equal(rsa_sign_sha256(key, inner, strlen(inner), &sign, &err), 0);
        buf_addf(&body, ",\"sign\":\"%s\"", sign);
    }
    buf_addf(&body, "%s}", more);
    alipay->bodies[alipay->step_count] = buf_take(&body);
    add_step(alipay, (struct step){.status = status, .body = alipay->bodies[alipay->step_count]});
    buf_release(&body);
    free(sign);
}

static inline void says(struct alipay *alipay, const char *method, const char *inner) {
    char member[128];
    snprintf(member, sizeof(member), "alipay_%s_response", method);
    says_with(alipay, 200, member, inner, alipay->platform, "");
}

static inline void falls_silent(struct alipay *alipay, int failure) {
    add_step(alipay, (struct step){.reach = fake_failures[failure].reach,
                                   .failure = fake_failures[failure].failure});
}

static inline struct fake *alipay_account(bool certificates) {
    struct fake *fake = fake_new(&alipay_adapter, BASE);
    snprintf(fake->gateway.callback_url, sizeof(fake->gateway.callback_url), NOTIFY_URL);
    fake_option(fake, "app_id", APP_ID);
    fake_option(fake, "seller_id", SELLER_ID);
    fake_file(fake, "private_key", "merchant.key.pem");
    if (certificates) {
        fake_option(fake, "mode", "certificate");
        fake_file(fake, "app_cert", "merchant.crt.pem");
        fake_file(fake, "alipay_cert", "platform.crt.pem");
        fake_file(fake, "alipay_root_cert", "platform.crt.pem");
    } else {
        fake_file(fake, "alipay_public_key", "platform.pub.pem");
    }
    return fake;
}

static inline struct alipay *alipay_new(bool certificates) {
    struct alipay *alipay = calloc(1, sizeof(*alipay));
    struct err err = {0};
    assert_non_null(alipay);
    alipay->fake = alipay_account(certificates);
    alipay->platform = alipay_test_key("platform.key.pem");
    alipay->stranger = alipay_test_key("paypal_good.key.pem");
    if (alipay_adapter.open(&alipay->fake->gateway, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    script(alipay);
    return alipay;
}

static inline void alipay_free(struct alipay *alipay) {
    script(alipay);
    rsa_key_free(alipay->platform);
    rsa_key_free(alipay->stranger);
    fake_free(alipay->fake);
    free(alipay);
}

static inline int alipay_setup(void **state) {
    *state = alipay_new(false);
    return 0;
}

static inline int alipay_teardown(void **state) {
    alipay_free(*state);
    return 0;
}

static inline struct gateway_charge alipay_charge_of(enum gateway_flow flow, const char *token) {
    return (struct gateway_charge){
        .reference = REFERENCE,
        .order_id = "o 1",
        .amount_minor = 1099,
        .currency = money_of("CNY"),
        .method = METHOD_ALIPAY,
        .token = token,
        .capture = true,
        .return_url = "https://shop.example/back?a=1&b=2",
        .cancel_url = "",
        .description = "两杯茶 & more",
        .customer_email = "",
        .customer_ip = "",
        .flow = flow,
        .created_us = clock_wall_us(),
        .expires_us = 0,
    };
}

static inline struct gateway_result alipay_charged(struct alipay *alipay, enum gateway_flow flow,
                                                   const char *token) {
    struct gateway_charge charge = alipay_charge_of(flow, token);
    struct gateway_result result;
    alipay_adapter.charge(&alipay->fake->call, &charge, &result);
    return result;
}

static inline struct gateway_lookup alipay_lookup_of(const char *token) {
    return (struct gateway_lookup){
        .reference = REFERENCE,
        .gateway_id = "",
        .charge_id = "",
        .created_us = clock_wall_us(),
        .amount_minor = 1099,
        .currency = money_of("CNY"),
        .method = METHOD_ALIPAY,
        .flow = token[0] == '\0' ? FLOW_QR : 0,
        .token = token,
    };
}

static inline struct gateway_change alipay_change_of(const char *token) {
    return (struct gateway_change){
        .payment = alipay_lookup_of(token),
        .reference = REFUND_REFERENCE,
        .amount_minor = 500,
        .reason = "",
        .refund_id = "",
        .created_us = clock_wall_us(),
    };
}

/* A parameter of a request that was sent, decoded; from its address and its body. */
static inline const char *sent_param(const struct sent *sent, const char *name, char text[4096]) {
    struct alipay_form form = {0};
    struct err err;
    const char *query = strchr(sent->url, '?');
    assert_non_null(query);
    struct buf all;
    buf_init(&all, 1 << 20);
    buf_addf(&all, "%s&%s", query + 1, sent->body);
    assert_int_equal(alipay_form_read(&form, all.data, all.len, &err), 0);
    snprintf(text, 4096, "%s", alipay_form_get(&form, name));
    alipay_form_release(&form);
    buf_release(&all);
    return text;
}

#endif
