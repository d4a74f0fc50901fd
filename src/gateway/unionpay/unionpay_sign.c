/* SPDX-License-Identifier: Apache-2.0
 * unionpay_sign.c: the signatures of UnionPay's messages, and the spelling of certId, txnTime and
 * orderId. */
#include "gateway/unionpay/unionpay_sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define BEIJING_US (8 * 3600 * US_PER_SECOND)
/* A message's text once more: names, values, '=' and '&', and what is put behind it. */
enum { BASE_BYTES_MAX = UNIONPAY_FILE_BYTES_MAX + 4 * UNIONPAY_MESSAGE_BYTES_MAX };

void unionpay_digest(const struct unionpay_message *message, char ret_hex[SHA256_HEX_CHARS + 1]) {
    BUF_AUTO base;
    buf_init(&base, BASE_BYTES_MAX);
    unionpay_message_base(message, &base);
    INVARIANT(buf_ok(&base), "a message is as long as it may be");
    crypto_sha256_hex(base.data, base.len, ret_hex);
}

/* H(B "&" H(secure key)). */
static void key_digest(const struct unionpay_message *message, const struct secret *secure_key,
                       char ret_hex[SHA256_HEX_CHARS + 1]) {
    char key_hex[SHA256_HEX_CHARS + 1];
    BUF_AUTO base;
    buf_init(&base, BASE_BYTES_MAX);
    unionpay_message_base(message, &base);
    crypto_sha256_hex(secret_bytes(secure_key), secret_count(secure_key), key_hex);
    buf_add_char(&base, '&');
    buf_add_text(&base, key_hex);
    INVARIANT(buf_ok(&base), "a message is as long as it may be");
    crypto_sha256_hex(base.data, base.len, ret_hex);
    explicit_bzero(key_hex, sizeof(key_hex));
    explicit_bzero(base.data + base.len - SHA256_HEX_CHARS, SHA256_HEX_CHARS);
}

int unionpay_sign(struct unionpay_message *message, const struct unionpay_signer *signer,
                  struct err *err) {
    char hex[SHA256_HEX_CHARS + 1];
    unionpay_set(message, "signature", NULL);
    if (signer->secure_key != NULL) {
        unionpay_set(message, "signMethod", UNIONPAY_BY_KEY);
        key_digest(message, signer->secure_key, hex);
        unionpay_set(message, "signature", hex);
        return 0;
    }
    unionpay_set(message, "signMethod", UNIONPAY_BY_RSA);
    unionpay_set(message, "certId", signer->cert_id);
    unionpay_set(message, "signPubKeyCert", signer->cert_pem);
    unionpay_digest(message, hex);
    char *signature = NULL;
    int rc = rsa_sign_sha256(signer->key, hex, SHA256_HEX_CHARS, &signature, err);
    if (rc == 0) {
        unionpay_set(message, "signature", signature);
        free(signature);
    }
    return rc;
}

bool unionpay_verify_rsa(const struct unionpay_message *message, const struct rsa_key *key) {
    char hex[SHA256_HEX_CHARS + 1];
    const char *signature = unionpay_get(message, "signature");
    if (strcmp(unionpay_get(message, "signMethod"), UNIONPAY_BY_RSA) != 0 || signature[0] == '\0') {
        return false;
    }
    unionpay_digest(message, hex);
    return rsa_verify_sha256(key, hex, SHA256_HEX_CHARS, signature);
}

bool unionpay_verify_key(const struct unionpay_message *message, const struct secret *secure_key) {
    char hex[SHA256_HEX_CHARS + 1];
    const char *signature = unionpay_get(message, "signature");
    if (strcmp(unionpay_get(message, "signMethod"), UNIONPAY_BY_KEY) != 0 ||
        strlen(signature) != SHA256_HEX_CHARS) {
        return false;
    }
    key_digest(message, secure_key, hex);
    bool genuine = crypto_equal(hex, signature, SHA256_HEX_CHARS);
    explicit_bzero(hex, sizeof(hex));
    return genuine;
}

/* Schoolbook conversion: the digits so far times 16 plus the next. */
void unionpay_cert_id(const struct x509_cert *cert, char ret_id[UNIONPAY_CERT_ID_MAX]) {
    char hex[CERT_SERIAL_HEX_MAX];
    unsigned char digits[UNIONPAY_CERT_ID_MAX] = {0}; /* the last comes first */
    int count = 0;
    x509_cert_serial(cert, hex);
    for (const char *c = hex; *c != '\0'; c++) {
        int carry = *c <= '9' ? *c - '0' : *c - 'A' + 10;
        for (int i = 0; i < count || carry > 0; i++) {
            carry += digits[i] * 16;
            digits[i] = (unsigned char)(carry % 10);
            carry /= 10;
            count = i < count ? count : i + 1;
        }
    }
    for (int i = 0; i < count; i++) {
        ret_id[i] = (char)('0' + digits[count - 1 - i]);
    }
    ret_id[count] = '\0';
}

/* Where the digits stand in "2026-11-20T08:00:00Z". */
static const char time_places[] = {0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18};
static_assert(sizeof(time_places) == UNIONPAY_TIME_MAX - 1, "every digit has its place");

void unionpay_time(int64_t wall_us, char ret_time[UNIONPAY_TIME_MAX]) {
    char text[CLOCK_TEXT_MAX];
    (void)clock_format(wall_us + BEIJING_US, text);
    for (size_t i = 0; i < sizeof(time_places); i++) {
        ret_time[i] = text[(int)time_places[i]];
    }
    ret_time[sizeof(time_places)] = '\0';
}

bool unionpay_time_read(const char *time, int64_t *ret_wall_us) {
    char text[CLOCK_TEXT_MAX] = "0000-00-00T00:00:00Z";
    int64_t wall_us = 0;
    if (strlen(time) != sizeof(time_places) || strspn(time, "0123456789") != sizeof(time_places)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(time_places); i++) {
        text[(int)time_places[i]] = time[i];
    }
    if (!clock_parse(text, &wall_us)) {
        return false;
    }
    *ret_wall_us = wall_us - BEIJING_US;
    return true;
}

void unionpay_reference_of(const char *order_id, char ret_reference[ID_TEXT_MAX]) {
    size_t count = strlen(order_id);
    size_t prefix = count > ID_ULID_CHARS ? count - ID_ULID_CHARS : 0;
    ret_reference[0] = '\0';
    if (prefix >= 1 && prefix <= ID_PREFIX_CHARS_MAX &&
        strspn(order_id, "abcdefghijklmnopqrstuvwxyz") == prefix) {
        snprintf(ret_reference, ID_TEXT_MAX, "%.*s_%s", (int)prefix, order_id, order_id + prefix);
    }
}
