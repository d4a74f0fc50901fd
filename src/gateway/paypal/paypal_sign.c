/* SPDX-License-Identifier: Apache-2.0
 * paypal_sign.c: the signature of a PayPal webhook transmission. */
#include "gateway/paypal/paypal_sign.h"

#include <inttypes.h>

static bool part_ok(const char *text, size_t chars_max) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:+";
    size_t count = text != NULL ? strlen(text) : 0;
    return count >= 1 && count <= chars_max && strspn(text, allowed) == count;
}

bool paypal_signed_text(const struct paypal_transmission *transmission,
                        char ret_text[PAYPAL_SIGNED_CHARS_MAX + 1]) {
    if (!part_ok(transmission->id, PAYPAL_TRANSMISSION_CHARS_MAX) ||
        !part_ok(transmission->time, PAYPAL_TRANSMISSION_CHARS_MAX) ||
        !part_ok(transmission->webhook_id, PAYPAL_WEBHOOK_ID_CHARS_MAX)) {
        return false;
    }
    snprintf(ret_text, PAYPAL_SIGNED_CHARS_MAX + 1, "%s|%s|%s|%" PRIu32, transmission->id,
             transmission->time, transmission->webhook_id,
             crypto_crc32(transmission->body, transmission->body_bytes));
    return true;
}

int paypal_sign(const struct rsa_key *private_key, const struct paypal_transmission *transmission,
                char **ret_signature, struct err *err) {
    char text[PAYPAL_SIGNED_CHARS_MAX + 1];
    if (!paypal_signed_text(transmission, text)) {
        return err_set(err, ERR_VALIDATION,
                       "the transmission's id, time or webhook id cannot be signed");
    }
    return rsa_sign_sha256(private_key, text, strlen(text), ret_signature, err);
}

bool paypal_sign_verify(const struct rsa_key *public_key,
                        const struct paypal_transmission *transmission, const char *signature) {
    char text[PAYPAL_SIGNED_CHARS_MAX + 1];
    return signature != NULL && paypal_signed_text(transmission, text) &&
           rsa_verify_sha256(public_key, text, strlen(text), signature);
}
