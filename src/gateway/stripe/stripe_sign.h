/* SPDX-License-Identifier: Apache-2.0
 * stripe_sign.h: the Stripe-Signature header: making one (the sandbox) and verifying one
 * (callbacks).
 *
 * Stripe-Signature: t=<unix seconds>,v1=<64 lower hex>[,v1=<...>][,v0=<...>]
 * v1 is HMAC-SHA256 over "<t>.<raw body>" with the whole secret text, "whsec_" included, as the
 * key. While a secret is being rolled there is one v1 for each secret that is in force; v0 is a
 * test scheme and never counts. Stripe signs every delivery anew, so t is the moment of this
 * delivery. Threads: any. Errors: ERR_SIGNATURE. Source: Stripe's documentation, "Verify webhook
 * signatures manually"; the vector in tests/vectors/ was accepted by their own SDK. */
#ifndef HOLDFAST_GATEWAY_STRIPE_SIGN_H
#define HOLDFAST_GATEWAY_STRIPE_SIGN_H

#include "base/compiler.h"
#include "base/err.h"

enum {
    STRIPE_SIGNATURE_CHARS_MAX = 127, /* one that we make */
    STRIPE_HEADER_CHARS_MAX = 4096,   /* one that we read */
    STRIPE_SIGNATURES_MAX = 16,       /* v1 entries looked at */
    STRIPE_TOLERANCE_S = 300, /* their SDKs' default for the past; we hold the future to it too */
    STRIPE_BODY_BYTES_MAX = 1024 * 1024,
};

/* A secret's bytes, borrowed. */
struct stripe_secret {
    const char *bytes;
    size_t count;
};

/* "t=…,v1=…" as Stripe sends it. */
void stripe_sign(const struct stripe_secret *secret, int64_t unix_s, const void *body,
                 size_t body_bytes, char ret_header[STRIPE_SIGNATURE_CHARS_MAX + 1]);

/* 0 when one v1 fits one of the secrets and t lies within the tolerance of `now_s`. The comparison
 * takes the same time for every wrong signature. */
MUST_USE int stripe_sign_verify(const struct stripe_secret *secrets, int secret_count,
                                const char *header, const void *body, size_t body_bytes,
                                int64_t now_s, struct err *err);

#endif
