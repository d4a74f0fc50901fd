/* SPDX-License-Identifier: Apache-2.0
 * fuzz_unionpay_message.c: an input is read as an answer of UnionPay and as a form. What was read
 * is written and read again: it must be the same fields. What can be divided in one way only is
 * read from its own signed text as the same fields, in the order of their names. As a notify it may
 * be accepted only if the text that is signed is that of the one seed that was signed with the key.
 */
#include "callback.h"
#include "gateway/unionpay/unionpay.h"

enum { TEXT_BYTES_MAX = 4 * UNIONPAY_MESSAGE_BYTES_MAX };
/* H(B) of corpus/unionpay_message/notify. */
#define SEED_DIGEST "53b69245806b689132fc6316a5d4126b0b63875a12be22dcb00d4731c812e6d5"
#define SEED_TIME "2026-11-21T12:05:00Z"

static struct gateway gateway;

static void begin(void) {
    struct err err;
    if (gateway.adapter != NULL) {
        return;
    }
    crypto_init();
    gateway.adapter = &unionpay_adapter;
    snprintf(gateway.base_url, sizeof(gateway.base_url), "https://gateway.95516.com");
    snprintf(gateway.callback_url, sizeof(gateway.callback_url), "https://pay.shop.example/up");
    gateway_add_option(&gateway, "merchant_id", "777290058110048");
    gateway_add_option(&gateway, "test", "true");
    gateway_add_file(&gateway, "private_key", VECTOR("merchant.key.pem"));
    gateway_add_file(&gateway, "certificate", VECTOR("merchant.crt.pem"));
    gateway_add_file(&gateway, "root_ca", VECTOR("up_root.crt.pem"));
    gateway_add_file(&gateway, "middle_ca", VECTOR("up_mid.crt.pem"));
    INVARIANT(gateway.adapter->open(&gateway, &err) == 0, "the gateway opens");
}

static void check_same(const struct unionpay_message *one, const struct unionpay_message *other) {
    INVARIANT(one->count == other->count, "as many fields as before");
    for (int i = 0; i < one->count; i++) {
        INVARIANT(strcmp(one->fields[i].value, unionpay_get(other, one->fields[i].name)) == 0,
                  "a field is what it was");
    }
}

/* What is written as a form or, if it is plain, as text is read as it was. */
static void check_again(const struct unionpay_message *message) {
    struct err err;
    BUF_AUTO form;
    BUF_AUTO base;
    UNIONPAY_MESSAGE_AUTO by_form = {0};
    UNIONPAY_MESSAGE_AUTO by_base = {0};
    buf_init(&form, TEXT_BYTES_MAX);
    buf_init(&base, TEXT_BYTES_MAX);
    unionpay_message_form(message, &form);
    INVARIANT(buf_ok(&form), "a form is no more than three times its text");
    INVARIANT(unionpay_message_read_form(&by_form, form.data, form.len, TEXT_BYTES_MAX, &err) == 0,
              "what was written can be read");
    check_same(message, &by_form);
    unionpay_message_base(message, &base);
    if (!unionpay_message_is_plain(message) || base.len == 0 || base.data[0] == '{') {
        return;
    }
    INVARIANT(unionpay_message_read(&by_base, base.data, base.len, TEXT_BYTES_MAX, &err) == 0,
              "the signed text can be read");
    bool is_signed = unionpay_get(message, "signature")[0] != '\0';
    for (int i = 0; i < by_base.count; i++) {
        INVARIANT(strcmp(by_base.fields[i].value, unionpay_get(message, by_base.fields[i].name)) ==
                      0,
                  "the signed text can be divided in no other way");
        INVARIANT(i == 0 || strcmp(by_base.fields[i - 1].name, by_base.fields[i].name) < 0,
                  "names are in the order of their bytes");
    }
    INVARIANT(by_base.count <= message->count && by_base.count + 1 + is_signed >= message->count,
              "nothing but the signature is left out");
}

static void check_notify(const char *body, size_t count, const struct unionpay_message *message) {
    const struct gateway_call call = {&gateway, NULL, INT64_MAX, NULL, NULL};
    int64_t now_us = 0;
    char digest[SHA256_HEX_CHARS + 1];
    struct gateway_event event = {0};
    struct err err = {0};
    INVARIANT(clock_parse(SEED_TIME, &now_us), "the seed's time can be read");
    const struct gateway_callback_request request = {NULL, 0, body, count, now_us};
    int rc = gateway.adapter->verify_callback(&call, &request, &event, &err);
    INVARIANT(rc == 0 || rc == -ERR_BAD_REQUEST || rc == -ERR_SIGNATURE, "one of its errors");
    if (rc == -ERR_SIGNATURE) {
        return;
    }
    unionpay_digest(message, digest);
    INVARIANT(strcmp(digest, SEED_DIGEST) == 0, "only what was signed with the key is genuine");
    INVARIANT(rc == 0 && event.event_id[0] != '\0' && event.amount_minor == 1099,
              "and it is the event of the seed");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    const char *text = (const char *)bytes;
    struct err err;
    UNIONPAY_MESSAGE_AUTO answer = {0};
    UNIONPAY_MESSAGE_AUTO form = {0};
    begin();
    if (unionpay_message_read(&answer, text, count, UNIONPAY_MESSAGE_BYTES_MAX, &err) == 0) {
        INVARIANT(answer.count >= 1 && answer.count <= UNIONPAY_FIELDS_MAX, "as many as allowed");
        INVARIANT(unionpay_message_is_plain(&answer), "an answer is divided in one way");
        check_again(&answer);
    }
    if (unionpay_message_read_form(&form, text, count, UNIONPAY_MESSAGE_BYTES_MAX, &err) == 0) {
        check_again(&form);
        check_notify(text, count, &form);
    }
    return 0;
}
