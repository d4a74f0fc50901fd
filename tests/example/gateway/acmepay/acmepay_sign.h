/* SPDX-License-Identifier: Apache-2.0
 * acmepay_sign.h: Acme Pay's signature, the same for what we send and what it sends. Its sandbox
 * signs with it too.
 *
 * Acme-Signature: 64 lower hex of HMAC-SHA256(secret, "<Acme-Time>\n<what>\n<body>")
 *   what  of a request "<method> <path>", of a callback "callback"
 * Acme-Time is in Unix seconds; five minutes either way are allowed. Threads: any. Errors: none. */
#ifndef HOLDFAST_GATEWAY_ACMEPAY_SIGN_H
#define HOLDFAST_GATEWAY_ACMEPAY_SIGN_H

#include "base/crypto.h"

enum { ACMEPAY_TOLERANCE_S = 300, ACMEPAY_TIME_CHARS_MAX = 12 };
#define ACMEPAY_CALLBACK "callback"

void acmepay_sign(const void *secret, size_t secret_count, const char *time, const char *what,
                  const void *body, size_t body_bytes, char ret_hex[SHA256_HEX_CHARS + 1]);
/* Fits, and was made with this secret. Takes the same time for every wrong one. */
MUST_USE bool acmepay_signed(const void *secret, size_t secret_count, const char *time,
                             const char *what, const void *body, size_t body_bytes,
                             const char *signature);
/* A time as it is written, within the tolerance of `now_s`. */
MUST_USE bool acmepay_time_ok(const char *time, int64_t now_s);

#endif
