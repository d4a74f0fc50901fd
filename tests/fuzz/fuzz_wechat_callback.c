/* SPDX-License-Identifier: Apache-2.0
 * fuzz_wechat_callback.c: an input is five lines, the time, nonce, serial and signature of a WeChat
 * Pay notification and an event type, and a body. With an event type the body is what is inside: it
 * is sealed here in an envelope of that type; without one it is the notification itself. With "="
 * for a signature it is signed here. Such a signature has one value only, so the notification may
 * be taken for genuine only if the signature is the one that is made here, and with one bit of the
 * body turned never. Nothing but the certificates is ever asked for. */
#include "callback.h"
#include "gateway/wechatpay/wechatpay.h"

enum { LINES = 5, BODY_BYTES_MAX = 64 * 1024 };
#define API_KEY "0123456789abcdef0123456789abcdef"
#define PUBLIC_KEY_ID "PUB_KEY_ID_0119000000012026010100000001"
#define BASE_URL "https://api.mch.weixin.qq.com"
#define NOW_S INT64_C(1735689606) /* of the vector, corpus/wechat_callback/vector */

static struct gateway gateway;
static struct http_client *client;
static struct rsa_key *key;

static int no_certificates(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                           struct err *err) {
    static const char none[] = "{\"code\":\"RESOURCE_NOT_EXISTS\",\"message\":\"none\"}";
    INVARIANT(strcmp(call->method, "GET") == 0 &&
                  strcmp(call->url, BASE_URL "/v3/certificates") == 0,
              "nothing else is asked for");
    http_answer_fill(ret_answer, 404, NULL, 0, none, strlen(none));
    return 0;
}

static void begin(void) {
    static const struct http_client_ops ops = {no_certificates, NULL};
    struct err err;
    if (gateway.adapter != NULL) {
        return;
    }
    crypto_init();
    gateway.adapter = &wechatpay_adapter;
    snprintf(gateway.base_url, sizeof(gateway.base_url), BASE_URL);
    snprintf(gateway.callback_url, sizeof(gateway.callback_url), "https://pay.example/hook");
    gateway_add_file(&gateway, "private_key", VECTOR("merchant.key.pem"));
    gateway_add_secret(&gateway, "api_v3_key", API_KEY);
    gateway_add_file(&gateway, "wechat_public_key", VECTOR("platform.pub.pem"));
    gateway_add_option(&gateway, "appid", "wxd678efh567hg6787");
    gateway_add_option(&gateway, "mchid", "1900000001");
    gateway_add_option(&gateway, "merchant_serial", "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C");
    gateway_add_option(&gateway, "wechat_public_key_id", PUBLIC_KEY_ID);
    key = vector_key(VECTOR("platform.key.pem"));
    INVARIANT(gateway.adapter->open(&gateway, &err) == 0, "the gateway opens");
    client = http_client_custom(&ops, NULL);
}

static int verify(char *const lines[LINES], const char *signature, const char *body,
                  size_t body_bytes, struct gateway_event *event) {
    const struct gateway_call call = {&gateway, client, INT64_MAX, NULL, NULL};
    const struct http_header headers[] = {
        {"Wechatpay-Timestamp", lines[0]},
        {"Wechatpay-Nonce", lines[1]},
        {"Wechatpay-Serial", lines[2]},
        {"Wechatpay-Signature", signature},
    };
    const struct gateway_callback_request request = {headers, COUNT_OF(headers), body, body_bytes,
                                                     NOW_S * US_PER_SECOND};
    struct err err = {0};
    int rc = wechatpay_adapter.verify_callback(&call, &request, event, &err);
    INVARIANT(rc == 0 || rc == -ERR_BAD_REQUEST || rc == -ERR_SIGNATURE || rc == -ERR_UNREACHABLE,
              "one of its errors");
    return rc;
}

/* The signature that WeChat Pay would make; NULL: it makes none of such lines. free(). */
static char *sign(char *const lines[LINES], const char *body, size_t body_bytes) {
    char *signature = NULL;
    struct err err;
    BUF_AUTO text;
    buf_init(&text, WECHAT_SIGNED_BYTES_MAX);
    if (wechat_signed_answer(lines[0], lines[1], body, body_bytes, &text)) {
        INVARIANT(rsa_sign_sha256(key, text.data, text.len, &signature, &err) == 0,
                  "the key can sign");
    }
    return signature;
}

static void check(char *const lines[LINES], char *body, size_t body_bytes) {
    char *made = sign(lines, body, body_bytes);
    const char *given = strcmp(lines[3], "=") == 0 && made != NULL ? made : lines[3];
    bool genuine = made != NULL && strcmp(made, given) == 0;
    struct gateway_event event = {0};
    int rc = verify(lines, given, body, body_bytes, &event);
    if (rc == 0 || rc == -ERR_BAD_REQUEST) {
        INVARIANT(genuine, "only what was signed with the key is genuine");
        if (rc == 0) {
            event_check(&event);
            INVARIANT(event.subject != CALLBACK_DISPUTE, "it tells of no dispute");
        }
        if (body_bytes > 0) {
            body[crypto_crc32(body, body_bytes) % body_bytes] ^= 16;
            rc = verify(lines, given, body, body_bytes, &event);
            INVARIANT(rc == -ERR_SIGNATURE, "one bit breaks it");
        }
    }
    free(made);
}

/* The body as it is, or sealed in an envelope. free(). */
static char *wrap(const char *type, const uint8_t *bytes, size_t count, size_t *ret_count) {
    static const char nonce[] = "fdasflkja484";
    BUF_AUTO out;
    buf_init(&out, 4 * BODY_BYTES_MAX);
    if (type[0] == '\0') {
        buf_add(&out, bytes, count);
    } else {
        char *sealed = wechat_seal(API_KEY, nonce, "transaction", bytes, count);
        buf_add_text(&out, "{\"id\":\"EV-1\",\"create_time\":\"2025-01-01T08:00:06+08:00\","
                           "\"event_type\":");
        buf_add_json(&out, type);
        buf_addf(&out,
                 ",\"resource\":{\"algorithm\":\"" WECHAT_ALGORITHM
                 "\",\"ciphertext\":\"%s\",\"associated_data\":\"transaction\",\"nonce\":\"%s\"}}",
                 sealed, nonce);
        free(sealed);
    }
    INVARIANT(buf_ok(&out), "an envelope fits");
    *ret_count = out.len;
    return buf_take(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct fuzz_head head = {0};
    if (count <= BODY_BYTES_MAX && fuzz_head_read(&head, LINES, bytes, count)) {
        begin();
        size_t body_bytes = 0;
        char *body = wrap(head.lines[4], head.body, head.body_bytes, &body_bytes);
        check(head.lines, body, body_bytes);
        free(body);
    }
    fuzz_head_release(&head);
    return 0;
}
