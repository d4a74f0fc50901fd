/* SPDX-License-Identifier: Apache-2.0
 * signed.c: callbacks as each gateway signs them. */
#include "signed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/random.h"
#include "gateway/alipay/alipay_sign.h"
#include "gateway/paypal/paypal_sign.h"
#include "gateway/stripe/stripe_sign.h"
#include "gateway/unionpay/unionpay_sign.h"
#include "gateway/wechatpay/wechat_sign.h"
#include "sandbox/sandbox.h"

enum { BODY_BYTES_MAX = 8192, BEIJING_US = 8 * 3600 };
#define API_V3_KEY "0123456789abcdef0123456789abcdef"
#define PUBLIC_KEY_ID "PUB_KEY_ID_0119000000012026010100000001"

static const struct {
    const char *adapter, *gateway, *how, *type, *key, *cert;
} schemes[] = {
    [SCHEME_STRIPE] = {"stripe", "stripe-eu", "HMAC", "application/json", NULL, NULL},
    [SCHEME_PAYPAL] = {"paypal", "paypal-eu", "RSA, a certificate kept", "application/json",
                       "paypal_good.key.pem", "paypal_good.crt.pem"},
    [SCHEME_ALIPAY] = {"alipay", "alipay-cn", "RSA2", "application/x-www-form-urlencoded",
                       "platform.key.pem", NULL},
    [SCHEME_WECHAT] = {"wechatpay", "wechat-cn", "RSA and AES-GCM", "application/json",
                       "platform.key.pem", NULL},
    [SCHEME_UNIONPAY] = {"unionpay", "unionpay-cn", "RSA, its certificate in it",
                         "application/x-www-form-urlencoded", "up_sign.key.pem", "up_sign.crt.pem"},
};

static void add_header(struct signed_callback *callback, const char *name, const char *value) {
    int i = callback->header_count++;
    callback->values[i] = strdup(value);
    callback->headers[i] = (struct http_header){name, callback->values[i]};
}

static void take_body(struct buf *body, struct signed_callback *callback) {
    INVARIANT(buf_ok(body), "a callback fits");
    callback->body_bytes = body->len;
    callback->body = buf_take(body);
    buf_release(body);
}

static void make_stripe(const struct signer *signer, int64_t number, int64_t now_us,
                        struct signed_callback *callback) {
    static const struct stripe_secret secret = {SANDBOX_STRIPE_WEBHOOK_SECRET,
                                                sizeof SANDBOX_STRIPE_WEBHOOK_SECRET - 1};
    char header[STRIPE_SIGNATURE_CHARS_MAX + 1];
    long long now_s = now_us / US_PER_SECOND, n = number;
    struct buf body;
    buf_init(&body, BODY_BYTES_MAX);
    buf_addf(
        &body,
        "{\"id\":\"evt_%08llx%08lld\",\"object\":\"event\",\"api_version\":\"2024-06-20\","
        "\"created\":%lld,\"type\":\"customer.updated\",\"livemode\":false,\"pending_webhooks\":1,"
        "\"request\":{\"id\":\"req_%lld\",\"idempotency_key\":null},\"data\":{\"object\":{\"id\":"
        "\"cus_%lld\",\"object\":\"customer\",\"balance\":0,\"created\":%lld,\"currency\":\"usd\","
        "\"delinquent\":false,\"description\":\"A customer of the benchmark\",\"email\":"
        "\"someone@example.com\",\"invoice_prefix\":\"0759376C\",\"name\":null,\"phone\":null}}}",
        (unsigned long long)signer->run, n, now_s, n, n, now_s);
    stripe_sign(&secret, now_s, body.data, body.len, header);
    add_header(callback, "Stripe-Signature", header);
    take_body(&body, callback);
}

static void make_paypal(const struct signer *signer, int64_t number, int64_t now_us,
                        struct signed_callback *callback) {
    char id[64], time[CLOCK_TEXT_MAX], url[128];
    struct buf body;
    clock_format(now_us / US_PER_SECOND * US_PER_SECOND, time);
    snprintf(id, sizeof id, "%08llx-bench-%lld", (unsigned long long)signer->run,
             (long long)number);
    snprintf(url, sizeof url, "http://127.0.0.1:%d" SIGNED_CERT_PATH, signer->cert_port);
    buf_init(&body, BODY_BYTES_MAX);
    buf_addf(
        &body,
        "{\"id\":\"WH-%08llx-%lld\",\"event_version\":\"1.0\",\"create_time\":\"%s\","
        "\"resource_type\":\"identity\",\"event_type\":\"IDENTITY.AUTHORIZATION-CONSENT.REVOKED\","
        "\"summary\":\"A consent was revoked\",\"resource\":{\"id\":\"C-%lld\",\"user_id\":"
        "\"https://www.paypal.com/webapps/auth/identity/user/%lld\"},\"links\":[]}",
        (unsigned long long)signer->run, (long long)number, time, (long long)number,
        (long long)number);
    const struct paypal_transmission transmission = {id, time, SANDBOX_PAYPAL_WEBHOOK_ID, body.data,
                                                     body.len};
    char *signature = NULL;
    struct err err = {0};
    int r = paypal_sign(signer->key, &transmission, &signature, &err);
    INVARIANT(r == 0, "the key signs");
    add_header(callback, "PAYPAL-TRANSMISSION-ID", id);
    add_header(callback, "PAYPAL-TRANSMISSION-TIME", time);
    add_header(callback, "PAYPAL-TRANSMISSION-SIG", signature);
    add_header(callback, "PAYPAL-AUTH-ALGO", PAYPAL_AUTH_ALGO);
    add_header(callback, "PAYPAL-CERT-URL", url);
    free(signature);
    take_body(&body, callback);
}

/* "2026-11-22 08:00:06" in Beijing. */
static void beijing(int64_t now_us, char text[CLOCK_TEXT_MAX]) {
    clock_format(now_us + BEIJING_US * US_PER_SECOND, text);
    text[10] = ' ';
    text[19] = '\0';
}

static void make_alipay(const struct signer *signer, int64_t number, int64_t now_us,
                        struct signed_callback *callback) {
    char id[64], time[CLOCK_TEXT_MAX];
    beijing(now_us, time);
    snprintf(id, sizeof id, "%08llx%024lld", (unsigned long long)signer->run, (long long)number);
    const struct alipay_param params[] = {
        {"notify_time", time},
        {"notify_type", "agreement_changed"},
        {"notify_id", id},
        {"app_id", SANDBOX_ALIPAY_APP_ID},
        {"charset", "utf-8"},
        {"version", "1.0"},
        {"status", "STOP"},
        {"agreement_no", "20185909000458725113"},
        {"seller_id", SANDBOX_ALIPAY_SELLER_ID},
        {"subject", "A notify of the benchmark, about as long as that of a trade"},
        {"gmt_create", time},
    };
    char *sign = NULL;
    struct err err = {0};
    struct buf body;
    int r = alipay_sign(signer->key, params, COUNT_OF(params), ALIPAY_NOTIFY, &sign, &err);
    INVARIANT(r == 0, "the key signs");
    buf_init(&body, BODY_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(params); i++) {
        buf_addf(&body, "%s=", params[i].name);
        buf_add_urlencoded(&body, params[i].value);
        buf_add_char(&body, '&');
    }
    buf_add_text(&body, "sign_type=" ALIPAY_SIGN_TYPE "&sign=");
    buf_add_urlencoded(&body, sign);
    free(sign);
    take_body(&body, callback);
}

static void make_wechat(const struct signer *signer, int64_t number, int64_t now_us,
                        struct signed_callback *callback) {
    char time[CLOCK_TEXT_MAX], plain[256], seconds[24], nonce[WECHAT_NONCE_CHARS + 1];
    char sealed_with[13], *signature = NULL;
    struct err err = {0};
    struct buf body;
    BUF_AUTO text;
    clock_format(now_us, time);
    wechat_nonce(nonce);
    snprintf(sealed_with, sizeof sealed_with, "%.12s", nonce);
    snprintf(seconds, sizeof seconds, "%lld", (long long)(now_us / US_PER_SECOND));
    snprintf(plain, sizeof plain,
             "{\"complaint_id\":\"%024lld\",\"action_type\":\"CREATE_COMPLAINT\",\"out_trade_no\":"
             "\"a-trade-of-the-benchmark\",\"complaint_time\":\"%s\",\"amount\":1099}",
             (long long)number, time);
    char *sealed = wechat_seal(API_V3_KEY, sealed_with, "complaint", plain, strlen(plain));
    buf_init(&body, BODY_BYTES_MAX);
    buf_addf(&body,
             "{\"id\":\"EV-%08llx-%lld\",\"create_time\":\"%s\",\"resource_type\":"
             "\"encrypt-resource\",\"event_type\":\"COMPLAINT.CREATE\",\"summary\":\"complaint\","
             "\"resource\":{\"original_type\":\"complaint\",\"algorithm\":\"" WECHAT_ALGORITHM
             "\",\"ciphertext\":\"%s\",\"associated_data\":\"complaint\",\"nonce\":\"%s\"}}",
             (unsigned long long)signer->run, (long long)number, time, sealed, sealed_with);
    buf_init(&text, WECHAT_SIGNED_BYTES_MAX);
    bool one_line = wechat_signed_answer(seconds, nonce, body.data, body.len, &text);
    INVARIANT(one_line, "the body has one line");
    int r = rsa_sign_sha256(signer->key, text.data, text.len, &signature, &err);
    INVARIANT(r == 0, "the key signs");
    add_header(callback, "Wechatpay-Timestamp", seconds);
    add_header(callback, "Wechatpay-Nonce", nonce);
    add_header(callback, "Wechatpay-Signature", signature);
    add_header(callback, "Wechatpay-Serial", PUBLIC_KEY_ID);
    add_header(callback, "Wechatpay-Signature-Type", WECHAT_SCHEME);
    free(sealed);
    free(signature);
    take_body(&body, callback);
}

static void make_unionpay(const struct signer *signer, int64_t number, int64_t now_us,
                          struct signed_callback *callback) {
    char order_id[40], time[UNIONPAY_TIME_MAX];
    struct err err = {0};
    struct buf body;
    UNIONPAY_MESSAGE_AUTO message = {0};
    unionpay_time(now_us, time);
    snprintf(order_id, sizeof order_id, "bench%08llx%010lld", (unsigned long long)signer->run,
             (long long)number);
    const struct unionpay_field fields[] = {
        {.name = "version", .value = UNIONPAY_VERSION},
        {.name = "encoding", .value = "UTF-8"},
        {.name = "bizType", .value = "000201"},
        {.name = "txnType", .value = "72"},
        {.name = "txnSubType", .value = "00"},
        {.name = "accessType", .value = "0"},
        {.name = "merId", .value = SANDBOX_UNIONPAY_MERCHANT_ID},
        {.name = "orderId", .value = order_id},
        {.name = "txnTime", .value = time},
        {.name = "respCode", .value = "00"},
        {.name = "respMsg", .value = "success"},
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        unionpay_set(&message, fields[i].name, fields[i].value);
    }
    const struct unionpay_signer with = {
        .key = signer->key, .cert_id = signer->cert_id, .cert_pem = signer->cert};
    int r = unionpay_sign(&message, &with, &err);
    INVARIANT(r == 0, "the key signs");
    buf_init(&body, BODY_BYTES_MAX);
    unionpay_message_form(&message, &body);
    take_body(&body, callback);
}

void signed_make(struct signer *signer, int64_t number, struct signed_callback *ret_callback) {
    static void (*const makers[])(const struct signer *, int64_t, int64_t,
                                  struct signed_callback *) = {
        [SCHEME_STRIPE] = make_stripe,     [SCHEME_PAYPAL] = make_paypal,
        [SCHEME_ALIPAY] = make_alipay,     [SCHEME_WECHAT] = make_wechat,
        [SCHEME_UNIONPAY] = make_unionpay,
    };
    *ret_callback = (struct signed_callback){0};
    add_header(ret_callback, "Content-Type", signer->type);
    makers[signer->scheme](signer, number, clock_wall_us(), ret_callback);
}

void signed_release(struct signed_callback *callback) {
    for (int i = 0; i < callback->header_count; i++) {
        free(callback->values[i]);
    }
    free(callback->body);
    *callback = (struct signed_callback){0};
}

static int read_pem(const struct signer *signer, const char *name,
                    char ret_pem[SIGNED_PEM_BYTES_MAX + 1], size_t *ret_count, struct err *err) {
    char path[640];
    snprintf(path, sizeof path, "%s/%s", signer->vectors, name);
    int r = file_read(path, ret_pem, SIGNED_PEM_BYTES_MAX, ret_count, err);
    ret_pem[r < 0 ? 0 : *ret_count] = '\0';
    return r;
}

static int read_cert(struct signer *signer, const char *name, struct err *err) {
    struct x509_cert *cert = NULL;
    size_t count = 0;
    int r = read_pem(signer, name, signer->cert, &count, err);
    r = r < 0 ? r : x509_cert_read(signer->cert, count, &cert, err);
    if (r == 0) {
        unionpay_cert_id(cert, signer->cert_id);
        x509_cert_free(cert);
    }
    return r;
}

int signer_open(const char *adapter, const char *vectors, int cert_port, struct signer *ret_signer,
                struct err *err) {
    char pem[SIGNED_PEM_BYTES_MAX + 1];
    size_t i = 0, count = 0;
    while (i < COUNT_OF(schemes) && strcmp(schemes[i].adapter, adapter) != 0) {
        i++;
    }
    if (i == COUNT_OF(schemes)) {
        return err_set(err, ERR_VALIDATION, "no gateway is named '%.20s'", adapter);
    }
    *ret_signer = (struct signer){
        .scheme = (enum scheme)i,
        .adapter = schemes[i].adapter,
        .gateway = schemes[i].gateway,
        .how = schemes[i].how,
        .type = schemes[i].type,
        .run = random_u64() & 0xffffffff,
        .cert_port = cert_port,
    };
    snprintf(ret_signer->vectors, sizeof ret_signer->vectors, "%s", vectors);
    int r = 0;
    if (schemes[i].key != NULL) {
        r = read_pem(ret_signer, schemes[i].key, pem, &count, err);
        r = r < 0 ? r : rsa_key_private(pem, count, &ret_signer->key, err);
    }
    return r < 0 || schemes[i].cert == NULL ? r : read_cert(ret_signer, schemes[i].cert, err);
}

void signer_close(struct signer *signer) {
    rsa_key_free(signer->key);
    signer->key = NULL;
}

/* ---- the gateway that takes them ---- */

static void add_credential(struct gateway_settings *settings, const char *name,
                           const char *reference) {
    settings->credentials[settings->credential_count].name = name;
    settings->credentials[settings->credential_count++].reference = reference;
}

static void add_text(struct gateway_settings *settings, const char *name, const char *variable,
                     const char *value) {
    setenv(variable + strlen("env:"), value, 1);
    add_credential(settings, name, variable);
}

static void add_file(const struct signer *signer, struct gateway_settings *settings,
                     const char *name, const char *file) {
    static char references[GATEWAY_CREDENTIALS_MAX][640];
    char *reference = references[settings->credential_count];
    snprintf(reference, sizeof references[0], "file:%s/%s", signer->vectors, file);
    add_credential(settings, name, reference);
}

static void add_option(struct gateway_settings *settings, const char *name, const char *value) {
    settings->options[settings->option_count].name = name;
    settings->options[settings->option_count++].value = value;
}

void signer_settings(const struct signer *signer, struct gateway_settings *ret_settings) {
    struct gateway_settings *to = ret_settings;
    *to = (struct gateway_settings){.name = signer->gateway,
                                    .adapter = signer->adapter,
                                    .base_url = "http://127.0.0.1:1",
                                    .callback_url = "http://127.0.0.1:1/callbacks"};
    switch (signer->scheme) {
    case SCHEME_STRIPE:
        add_text(to, "api_key", "env:BENCH_STRIPE_KEY", SANDBOX_STRIPE_KEY);
        add_text(to, "webhook_secret", "env:BENCH_STRIPE_HOOK", SANDBOX_STRIPE_WEBHOOK_SECRET);
        break;
    case SCHEME_PAYPAL:
        add_text(to, "client_id", "env:BENCH_PAYPAL_ID", SANDBOX_PAYPAL_CLIENT_ID);
        add_text(to, "client_secret", "env:BENCH_PAYPAL_SECRET", SANDBOX_PAYPAL_CLIENT_SECRET);
        add_text(to, "webhook_id", "env:BENCH_PAYPAL_HOOK", SANDBOX_PAYPAL_WEBHOOK_ID);
        add_file(signer, to, "webhook_ca", "paypal_ca.crt.pem");
        break;
    case SCHEME_ALIPAY:
        add_file(signer, to, "private_key", "merchant.key.pem");
        add_file(signer, to, "alipay_public_key", "platform.pub.pem");
        add_option(to, "app_id", SANDBOX_ALIPAY_APP_ID);
        break;
    case SCHEME_WECHAT:
        add_file(signer, to, "private_key", "merchant.key.pem");
        add_text(to, "api_v3_key", "env:BENCH_WECHAT_API", API_V3_KEY);
        add_file(signer, to, "wechat_public_key", "platform.pub.pem");
        add_option(to, "wechat_public_key_id", PUBLIC_KEY_ID);
        add_option(to, "appid", SANDBOX_WECHAT_APPID);
        add_option(to, "mchid", SANDBOX_WECHAT_MCHID);
        add_option(to, "merchant_serial", "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C");
        break;
    case SCHEME_UNIONPAY:
        add_file(signer, to, "private_key", "merchant.key.pem");
        add_file(signer, to, "certificate", "merchant.crt.pem");
        add_file(signer, to, "root_ca", "up_root.crt.pem");
        add_file(signer, to, "middle_ca", "up_mid.crt.pem");
        add_option(to, "merchant_id", SANDBOX_UNIONPAY_MERCHANT_ID);
        add_option(to, "test", "true");
        break;
    }
}
