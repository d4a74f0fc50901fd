/* SPDX-License-Identifier: Apache-2.0
 * wechat_sign.h: what WeChat Pay (API v3) signs and seals, for both sides: the adapter and the
 * sandbox.
 *
 * A request is signed by the merchant over five lines, an answer or a notification by WeChat Pay
 * over three, each by RSA PKCS#1 v1.5 with SHA-256; a notification's resource and a platform
 * certificate are sealed with AES-256-GCM under the 32 characters of the APIv3 key.
 * Owns: nothing. Threads: any. Errors: ERR_CRYPTO for a key that cannot sign. Limits: the sizes
 * below; a part with a line end in it is not signed, since it could be divided otherwise. */
#ifndef HOLDFAST_GATEWAY_WECHAT_SIGN_H
#define HOLDFAST_GATEWAY_WECHAT_SIGN_H

#include <jansson.h>

#include "base/buf.h"
#include "base/crypto.h"

enum {
    WECHAT_NONCE_CHARS = 32,     /* as we make them */
    WECHAT_NONCE_CHARS_MAX = 64, /* as we take them */
    WECHAT_SERIAL_CHARS_MAX = 63,
    WECHAT_TIME_CHARS_MAX = 15,
    WECHAT_SIGNED_BYTES_MAX = 2 * 1024 * 1024,
    WECHAT_SKEW_S_MAX = 300,
};
#define WECHAT_SCHEME "WECHATPAY2-SHA256-RSA2048"
#define WECHAT_ALGORITHM "AEAD_AES_256_GCM"
/* Signatures that WeChat Pay sends on purpose to see whether they are refused. */
#define WECHAT_PROBE_PREFIX "WECHATPAY/SIGNTEST/"

/* "METHOD\n/path?query\ntimestamp\nnonce\nbody\n" into `ret_text` (initialised by the caller).
 * False when a part holds a line end, or there is too much. */
MUST_USE bool wechat_signed_request(const char *method, const char *target, const char *timestamp,
                                    const char *nonce, const void *body, size_t body_bytes,
                                    struct buf *ret_text);
/* "timestamp\nnonce\nbody\n": answers and notifications. */
MUST_USE bool wechat_signed_answer(const char *timestamp, const char *nonce, const void *body,
                                   size_t body_bytes, struct buf *ret_text);
/* Four lines with which an app or a page in WeChat calls the wallet's kit; `last` is "prepay_id=…"
 * for a page and the bare id for an app. */
MUST_USE bool wechat_signed_client(const char *appid, const char *timestamp, const char *nonce,
                                   const char *last, struct buf *ret_text);

/* Thirty-two capital letters and digits, from the world's randomness. */
void wechat_nonce(char ret_nonce[WECHAT_NONCE_CHARS + 1]);

/* What stands in an Authorization header of that scheme. */
struct wechat_authorization {
    char mchid[33], serial[WECHAT_SERIAL_CHARS_MAX + 1], nonce[WECHAT_NONCE_CHARS_MAX + 1];
    char timestamp[WECHAT_TIME_CHARS_MAX + 1];
    char signature[1400]; /* base 64 of 8,192 bits is 1,368 */
};
/* Reads one: every part exactly once, in any order, nothing else. */
MUST_USE bool wechat_authorization_read(const char *header,
                                        struct wechat_authorization *ret_authorization);

/* Opens a sealed object {"algorithm","nonce","associated_data","ciphertext"} with a key of 32
 * bytes. free() what is returned; NULL: it is not such an object, or was not sealed with this key.
 */
MUST_USE unsigned char *wechat_open(const json_t *resource, const char *api_key,
                                    size_t api_key_bytes, size_t *ret_count);
/* The reverse: the ciphertext in base 64; free(). `api_key` has 32 bytes. */
MUST_USE char *wechat_seal(const char *api_key, const char *nonce, const char *associated_data,
                           const void *bytes, size_t count);

#endif
