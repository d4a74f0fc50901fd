/* SPDX-License-Identifier: Apache-2.0
 * paypal_sign.h: the signature of a PayPal webhook transmission: making one (the sandbox) and
 * verifying one (callbacks) when the certificate's key is at hand.
 *
 * Signed is "<transmission id>|<transmission time>|<webhook id>|<crc32>", where crc32 is the IEEE
 * CRC-32 of the raw body in unsigned decimal, by RSA PKCS#1 v1.5 with SHA-256; the webhook id is
 * that of our registered listener and is not in the request. A CRC is no digest: whoever holds one
 * genuine transmission can make another body with the same one. So a verified callback is a hint,
 * and the resource is asked for again before any state moves. Threads: any. Errors: ERR_CRYPTO for
 * a key that cannot sign. Source: PayPal's documentation, "Webhook signature verification". */
#ifndef HOLDFAST_GATEWAY_PAYPAL_SIGN_H
#define HOLDFAST_GATEWAY_PAYPAL_SIGN_H

#include "base/compiler.h"
#include "base/crypto.h"
#include "base/err.h"

enum {
    PAYPAL_TRANSMISSION_CHARS_MAX = 64, /* id, and time */
    PAYPAL_WEBHOOK_ID_CHARS_MAX = 64,
    PAYPAL_SIGNED_CHARS_MAX = 3 * 64 + 16,
};
#define PAYPAL_AUTH_ALGO "SHA256withRSA"

/* One transmission; everything borrowed. */
struct paypal_transmission {
    const char *id, *time; /* PAYPAL-TRANSMISSION-ID, -TIME ("2019-02-14T21:50:08Z") as text */
    const char *webhook_id;
    const void *body;
    size_t body_bytes;
};

/* The text that is signed. False when a part is empty, too long, or holds a character that would
 * make another division into parts possible. */
MUST_USE bool paypal_signed_text(const struct paypal_transmission *transmission,
                                 char ret_text[PAYPAL_SIGNED_CHARS_MAX + 1]);
/* PAYPAL-TRANSMISSION-SIG, base 64; free(). ERR_VALIDATION when there is no signed text. */
MUST_USE int paypal_sign(const struct rsa_key *private_key,
                         const struct paypal_transmission *transmission, char **ret_signature,
                         struct err *err);
MUST_USE bool paypal_sign_verify(const struct rsa_key *public_key,
                                 const struct paypal_transmission *transmission,
                                 const char *signature);

#endif
