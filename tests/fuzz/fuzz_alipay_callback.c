/* SPDX-License-Identifier: Apache-2.0
 * fuzz_alipay_callback.c: an input is a notify's form. As it is, it is accepted only if a signature
 * in it verifies over what it says, told in the plainest way. Then its own pairs are signed here:
 * that must never be refused for its signature when it is fresh and for us, and always with one
 * character of it turned. Whatever is accepted is an event whose texts end. */
#include "callback.h"
#include "gateway/alipay/alipay.h"

enum { BODY_BYTES_MAX = 32 * 1024 };
#define NOW_US (INT64_C(1735689606) * US_PER_SECOND)
#define APP_ID "2021000122671080"

static struct gateway gateway;
static struct rsa_key *platform;

static void begin(void) {
    struct err err;
    if (gateway.adapter != NULL) {
        return;
    }
    crypto_init();
    gateway.adapter = &alipay_adapter;
    gateway_add_option(&gateway, "app_id", APP_ID);
    gateway_add_file(&gateway, "private_key", VECTOR("merchant.key.pem"));
    gateway_add_file(&gateway, "alipay_public_key", VECTOR("platform.pub.pem"));
    platform = vector_key(VECTOR("platform.key.pem"));
    INVARIANT(alipay_adapter.open(&gateway, &err) == 0, "the gateway opens");
}

static int verify(const char *body, size_t body_bytes, struct gateway_event *event) {
    const struct gateway_call call = {.gateway = &gateway};
    const struct gateway_callback_request request = {NULL, 0, body, body_bytes, NOW_US};
    struct err err = {0};
    return alipay_adapter.verify_callback(&call, &request, event, &err);
}

static void check(const char *body, size_t body_bytes, const struct alipay_form *form) {
    struct gateway_event event = {0};
    int rc = verify(body, body_bytes, &event);
    INVARIANT(rc == 0 || rc == -ERR_BAD_REQUEST || rc == -ERR_SIGNATURE, "one of its errors");
    if (rc == -ERR_SIGNATURE) {
        return;
    }
    INVARIANT(alipay_sign_verify(platform, form->params, form->count, ALIPAY_NOTIFY,
                                 alipay_form_get(form, "sign")),
              "only what Alipay's key signed is genuine");
    if (rc == 0) {
        event_check(&event);
    }
}

/* The same pairs, fresh, for us, and signed. */
static void check_signed_here(const struct alipay_form *form) {
    struct alipay_param params[ALIPAY_PARAMS_MAX];
    int count = 0;
    char *sign = NULL;
    struct gateway_event event = {0};
    struct err err;
    params[count++] = (struct alipay_param){"app_id", APP_ID};
    params[count++] = (struct alipay_param){"notify_time", "2025-01-01 08:00:06"};
    for (int i = 0; i < form->count && count < ALIPAY_PARAMS_MAX - 2; i++) {
        static const char *const ours[] = {"app_id", "notify_time", "sign", "sign_type",
                                           "alipay_cert_sn"};
        bool keep = true;
        for (size_t k = 0; k < COUNT_OF(ours); k++) {
            keep = keep && strcmp(form->params[i].name, ours[k]) != 0;
        }
        if (keep) {
            params[count++] = form->params[i];
        }
    }
    int rc = alipay_sign(platform, params, count, ALIPAY_NOTIFY, &sign, &err);
    INVARIANT(rc == 0, "so little can be signed");
    struct buf body;
    buf_init(&body, 16 * BODY_BYTES_MAX);
    for (int i = 0; i < count; i++) {
        buf_add_urlencoded(&body, params[i].name);
        buf_add_char(&body, '=');
        buf_add_urlencoded(&body, params[i].value);
        buf_add_char(&body, '&');
    }
    buf_add_text(&body, "sign_type=RSA2&sign=");
    buf_add_urlencoded(&body, sign);
    if (body.len <= ALIPAY_TEXT_BYTES_MAX) {
        rc = verify(body.data, body.len, &event);
        INVARIANT(rc == 0 || rc == -ERR_BAD_REQUEST, "what was signed here is genuine");
        if (rc == 0) {
            event_check(&event);
        }
        body.data[strlen("app_id=") + 3] ^= 1;
        INVARIANT(verify(body.data, body.len, &event) == -ERR_SIGNATURE, "one change breaks it");
    }
    buf_release(&body);
    free(sign);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct alipay_form form = {0};
    struct gateway_event event = {0};
    struct err err;
    if (count > BODY_BYTES_MAX) {
        return 0;
    }
    begin();
    char *body = fuzz_copy(bytes, count);
    if (alipay_form_read(&form, body, count, &err) == 0) {
        check(body, count, &form);
        check_signed_here(&form);
    } else {
        INVARIANT(verify(body, count, &event) == -ERR_SIGNATURE, "no form, no notify");
    }
    alipay_form_release(&form);
    free(body);
    return 0;
}
