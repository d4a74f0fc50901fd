/* SPDX-License-Identifier: Apache-2.0
 * wechat_fixture.h: what the tests of the WeChat Pay adapter share: its gateway, and answers that
 * are signed as WeChat Pay signs them, or badly. */
#ifndef HOLDFAST_TESTS_WECHAT_FIXTURE_H
#define HOLDFAST_TESTS_WECHAT_FIXTURE_H

#include "gateway_fixture.h"

#include "gateway/wechatpay/wechatpay.h"

#define BASE "https://api.mch.weixin.qq.com"
#define FALLBACK "https://api2.mch.weixin.qq.com"
#define NOTIFY_URL "https://pay.example/callbacks/wechat"
#define REFERENCE "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
#define REFUND_REFERENCE "re_01JD5R6Q6Y0V3M8X2K4N7T9BCG"
#define APPID "wxd678efh567hg6787"
#define MCHID "1900000001"
#define MERCHANT_SERIAL "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C"
#define PLATFORM_SERIAL "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
#define PUBLIC_KEY_ID "PUB_KEY_ID_0119000000012026010100000001"
#define API_KEY "0123456789abcdef0123456789abcdef"
#define OLD_API_KEY "ffffffffffffffffffffffffffffffff"
#define TRANSACTION_ID "4200002026010100000000000001"
#define BAR_CODE "134567890123456789"

#define TRANSACTION_OF(reference, state, total)                                                    \
    "{\"mchid\":\"" MCHID "\",\"appid\":\"" APPID "\",\"out_trade_no\":\"" reference               \
    "\",\"transaction_id\":\"" TRANSACTION_ID                                                      \
    "\",\"trade_type\":\"NATIVE\",\"trade_state\":\"" state                                        \
    "\",\"trade_state_desc\":\"it says so\",\"attach\":\"o 1\",\"amount\":{\"total\":" total       \
    ",\"payer_total\":" total ",\"currency\":\"CNY\",\"payer_currency\":\"CNY\"}}"
#define TRANSACTION(state) TRANSACTION_OF(REFERENCE, state, "1099")
#define REFUND_OF(reference, status, amount)                                                       \
    "{\"refund_id\":\"50000000382019052709732678859\",\"out_refund_no\":\"" reference              \
    "\",\"transaction_id\":\"" TRANSACTION_ID "\",\"status\":\"" status                            \
    "\",\"amount\":{\"total\":1099,\"refund\":" amount ",\"currency\":\"CNY\"}}"
#define REFUND(status) REFUND_OF(REFUND_REFERENCE, status, "500")
#define ERROR(code) "{\"code\":\"" code "\",\"message\":\"it says so\"}"

/* How an answer is signed. */
enum sealing { GOOD, UNSIGNED, FORGED, STALE, AHEAD, PROBE, OTHER_TYPE };

struct wechat {
    struct fake *fake;
    struct http_client *client;
    struct rsa_key *platform;
    const char *serial;
    enum sealing sealing[FAKE_CALLS_MAX]; /* by the number of the call in its script */
};

static inline struct rsa_key *wechat_key(const char *name) {
    char pem[VECTOR_BYTES_MAX];
    struct rsa_key *key = NULL;
    struct err err;
    size_t count = vector_read(name, pem);
    assert_int_equal(rsa_key_private(pem, count, &key, &err), 0);
    return key;
}

/* The four headers of a signed message; values live in `room`. */
struct wechat_headers {
    struct http_header headers[6];
    int count;
    char timestamp[24], nonce[WECHAT_NONCE_CHARS + 1], signature[1400], serial[64];
};

static inline void wechat_sign_as(const struct rsa_key *key, const char *serial, int64_t now_s,
                                  const void *body, size_t body_bytes,
                                  struct wechat_headers *headers) {
    struct buf text;
    char *signature = NULL;
    struct err err;
    buf_init(&text, WECHAT_SIGNED_BYTES_MAX);
    snprintf(headers->timestamp, sizeof(headers->timestamp), "%lld", (long long)now_s);
    snprintf(headers->serial, sizeof(headers->serial), "%s", serial);
    wechat_nonce(headers->nonce);
    assert_true(wechat_signed_answer(headers->timestamp, headers->nonce, body, body_bytes, &text));
    assert_int_equal(rsa_sign_sha256(key, text.data, text.len, &signature, &err), 0);
    snprintf(headers->signature, sizeof(headers->signature), "%s", signature);
    free(signature);
    buf_release(&text);
    headers->headers[0] = (struct http_header){"Wechatpay-Timestamp", headers->timestamp};
    headers->headers[1] = (struct http_header){"wechatpay-nonce", headers->nonce};
    headers->headers[2] = (struct http_header){"WECHATPAY-SIGNATURE", headers->signature};
    headers->headers[3] = (struct http_header){"Wechatpay-Serial", headers->serial};
    headers->headers[4] = (struct http_header){"Wechatpay-Signature-Type", WECHAT_SCHEME};
    headers->headers[5] = (struct http_header){"Request-ID", "08F8D6-268435461"};
    headers->count = 6;
}

static inline int wechat_answer(void *ctx, const struct http_call *call,
                                struct http_answer *ret_answer, struct err *err) {
    struct wechat *wechat = ctx;
    int number = wechat->fake->sent_count;
    int rc = fake_call(wechat->fake, call, ret_answer, err);
    if (rc < 0) {
        return rc;
    }
    char *body = strndup(ret_answer->body, ret_answer->body_bytes);
    size_t count = ret_answer->body_bytes;
    enum sealing sealing = wechat->sealing[number];
    struct wechat_headers headers;
    int64_t now_s = clock_wall_us() / US_PER_SECOND + (sealing == STALE   ? -302
                                                       : sealing == AHEAD ? 302
                                                                          : 0);
    wechat_sign_as(wechat->platform, wechat->serial, now_s, sealing == FORGED ? "{}" : body,
                   sealing == FORGED ? 2 : count, &headers);
    if (sealing == PROBE) {
        snprintf(headers.signature, sizeof(headers.signature), "WECHATPAY/SIGNTEST/abc=");
    }
    if (sealing == OTHER_TYPE) {
        headers.headers[4].value = "WECHATPAY2-SM2-WITH-SM3";
    }
    int status = ret_answer->status;
    http_answer_fill(ret_answer, status, headers.headers + (sealing == UNSIGNED ? 5 : 0),
                     sealing == UNSIGNED ? 1 : headers.count, body, count);
    ret_answer->total_us = 1000;
    free(body);
    return 0;
}

/* Configured but not open. */
static inline struct wechat *wechat_made(bool public_key) {
    static const struct http_client_ops ops = {wechat_answer, NULL};
    struct wechat *wechat = calloc(1, sizeof(*wechat));
    assert_non_null(wechat);
    struct fake *fake = wechat->fake = fake_new(&wechatpay_adapter, BASE);
    wechat->client = http_client_custom(&ops, wechat);
    fake->call.client = wechat->client;
    wechat->platform = wechat_key("platform.key.pem");
    wechat->serial = public_key ? PUBLIC_KEY_ID : PLATFORM_SERIAL;
    fake_file(fake, "private_key", "merchant.key.pem");
    fake_credential(fake, "api_v3_key", API_KEY);
    fake_option(fake, "appid", APPID);
    fake_option(fake, "mchid", MCHID);
    fake_option(fake, "merchant_serial", MERCHANT_SERIAL);
    if (public_key) {
        fake_file(fake, "wechat_public_key", "platform.pub.pem");
        fake_option(fake, "wechat_public_key_id", PUBLIC_KEY_ID);
    }
    snprintf(fake->gateway.callback_url, sizeof(fake->gateway.callback_url), "%s", NOTIFY_URL);
    return wechat;
}

static inline struct wechat *wechat_new(bool public_key) {
    struct wechat *wechat = wechat_made(public_key);
    struct err err;
    fake_option(wechat->fake, "store_id", "S1");
    fake_option(wechat->fake, "fallback_url", FALLBACK);
    assert_int_equal(wechat->fake->gateway.adapter->open(&wechat->fake->gateway, &err), 0);
    return wechat;
}

static inline void wechat_free(struct wechat *wechat) {
    fake_free(wechat->fake);
    http_client_free(wechat->client);
    rsa_key_free(wechat->platform);
    free(wechat);
}

static inline int wechat_setup(void **state) {
    *state = wechat_new(true);
    return 0;
}

static inline int wechat_teardown(void **state) {
    wechat_free(*state);
    return 0;
}

#define WECHAT_SCRIPT(wechat, ...)                                                                 \
    (memset((wechat)->sealing, 0, sizeof((wechat)->sealing)),                                      \
     FAKE_SCRIPT((wechat)->fake, __VA_ARGS__))

static inline struct gateway_charge wechat_charge_of(enum gateway_flow flow, const char *token) {
    return (struct gateway_charge){
        .reference = REFERENCE,
        .order_id = "o 1",
        .amount_minor = 1099,
        .currency = money_of("CNY"),
        .method = METHOD_WECHATPAY,
        .token = token,
        .capture = true,
        .return_url = "https://shop.example/back?a=1",
        .cancel_url = "",
        .description = "Two teas",
        .customer_email = "",
        .customer_ip = "203.0.113.7",
        .flow = flow,
        .created_us = INT64_C(1767225600) * US_PER_SECOND, /* 2026-01-01T00:00:00Z */
    };
}

static inline struct gateway_result wechat_charged(struct wechat *wechat, enum gateway_flow flow,
                                                   const char *token) {
    struct gateway_charge charge = wechat_charge_of(flow, token);
    struct gateway_result result;
    wechat->fake->gateway.adapter->charge(&wechat->fake->call, &charge, &result);
    return result;
}

static inline struct gateway_lookup wechat_lookup_of(const char *token) {
    return (struct gateway_lookup){
        .reference = REFERENCE,
        .gateway_id = REFERENCE,
        .charge_id = "",
        .amount_minor = 1099,
        .currency = money_of("CNY"),
        .method = METHOD_WECHATPAY,
        .token = token,
    };
}

static inline struct gateway_change wechat_change_of(const char *reference, int64_t amount_minor) {
    return (struct gateway_change){
        .payment = wechat_lookup_of(""),
        .reference = reference,
        .amount_minor = amount_minor,
        .reason = "",
        .refund_id = "",
    };
}

/* The i-th request bears a signature of ours over exactly what was sent. */
static inline void assert_signed(const struct wechat *wechat, int number) {
    const struct sent *sent = &wechat->fake->sent[number];
    const char *value = strstr(sent->headers, "Authorization: ");
    const char *host = strstr(sent->url, "://");
    const char *target = host != NULL ? strchr(host + 3, '/') : NULL;
    struct wechat_authorization authorization;
    char header[2048], pem[VECTOR_BYTES_MAX];
    struct rsa_key *key = NULL;
    struct buf text;
    struct err err;
    assert_true(value != NULL && target != NULL);
    value += strlen("Authorization: ");
    snprintf(header, sizeof(header), "%.*s", (int)strcspn(value, "\n"), value);
    assert_true(wechat_authorization_read(header, &authorization));
    assert_string_equal(authorization.mchid, MCHID);
    assert_string_equal(authorization.serial, MERCHANT_SERIAL);
    assert_int_equal(strlen(authorization.nonce), WECHAT_NONCE_CHARS);
    int64_t age_s = clock_wall_us() / US_PER_SECOND - strtoll(authorization.timestamp, NULL, 10);
    assert_true(age_s >= 0 && age_s < 60);
    size_t count = vector_read("merchant.pub.pem", pem);
    assert_int_equal(rsa_key_public(pem, count, &key, &err), 0);
    buf_init(&text, WECHAT_SIGNED_BYTES_MAX);
    assert_true(wechat_signed_request(sent->method, target, authorization.timestamp,
                                      authorization.nonce, sent->body, strlen(sent->body), &text));
    assert_true(rsa_verify_sha256(key, text.data, text.len, authorization.signature));
    buf_release(&text);
    rsa_key_free(key);
}

#endif
