/* SPDX-License-Identifier: Apache-2.0
 * acmepay_sign.c: Acme Pay's signature. */
#include "gateway/acmepay/acmepay_sign.h"

#include <stdlib.h>

#include "base/buf.h"

enum { BEFORE_BODY_BYTES_MAX = 1024 };

void acmepay_sign(const void *secret, size_t secret_count, const char *time, const char *what,
                  const void *body, size_t body_bytes, char ret_hex[SHA256_HEX_CHARS + 1]) {
    unsigned char mac[SHA256_BYTES];
    BUF_AUTO text;
    buf_init(&text, BEFORE_BODY_BYTES_MAX + body_bytes);
    buf_addf(&text, "%s\n%s\n", time, what);
    buf_add(&text, body, body_bytes);
    crypto_hmac_sha256(secret, secret_count, text.data, text.len, mac);
    crypto_hex(mac, sizeof(mac), ret_hex);
}

bool acmepay_signed(const void *secret, size_t secret_count, const char *time, const char *what,
                    const void *body, size_t body_bytes, const char *signature) {
    char hex[SHA256_HEX_CHARS + 1];
    if (strlen(signature) != SHA256_HEX_CHARS || strlen(what) > BEFORE_BODY_BYTES_MAX / 2) {
        return false;
    }
    acmepay_sign(secret, secret_count, time, what, body, body_bytes, hex);
    return crypto_equal(hex, signature, SHA256_HEX_CHARS);
}

bool acmepay_time_ok(const char *time, int64_t now_s) {
    size_t count = strlen(time);
    if (count == 0 || count > ACMEPAY_TIME_CHARS_MAX || strspn(time, "0123456789") != count) {
        return false;
    }
    int64_t time_s = strtoll(time, NULL, 10);
    return time_s >= now_s - ACMEPAY_TOLERANCE_S && time_s <= now_s + ACMEPAY_TOLERANCE_S;
}
