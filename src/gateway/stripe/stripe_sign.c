/* SPDX-License-Identifier: Apache-2.0
 * stripe_sign.c: the Stripe-Signature header. */
#include "gateway/stripe/stripe_sign.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/crypto.h"

enum { TIME_DIGITS_MAX = 12 };

/* What a header says: its moment as written (it is signed as text) and its v1 signatures. */
struct signature {
    char time_text[TIME_DIGITS_MAX + 1];
    int64_t time_s;
    const char *v1[STRIPE_SIGNATURES_MAX]; /* SHA256_HEX_CHARS each, not terminated */
    int v1_count;
};

static void sign_hex(const struct stripe_secret *secret, const char *time_text, const void *body,
                     size_t body_bytes, char ret_hex[SHA256_HEX_CHARS + 1]) {
    BUF_AUTO signed_bytes;
    buf_init(&signed_bytes, body_bytes + TIME_DIGITS_MAX + 32);
    buf_add_text(&signed_bytes, time_text);
    buf_add_char(&signed_bytes, '.');
    buf_add(&signed_bytes, body, body_bytes);
    unsigned char mac[SHA256_BYTES];
    crypto_hmac_sha256(secret->bytes, secret->count, signed_bytes.data, signed_bytes.len, mac);
    crypto_hex(mac, sizeof(mac), ret_hex);
}

void stripe_sign(const struct stripe_secret *secret, int64_t unix_s, const void *body,
                 size_t body_bytes, char ret_header[STRIPE_SIGNATURE_CHARS_MAX + 1]) {
    char time_text[24];
    char hex[SHA256_HEX_CHARS + 1];
    snprintf(time_text, sizeof(time_text), "%" PRId64, unix_s);
    sign_hex(secret, time_text, body, body_bytes, hex);
    snprintf(ret_header, STRIPE_SIGNATURE_CHARS_MAX + 1, "t=%s,v1=%s", time_text, hex);
}

static int malformed(struct err *err, const char *why) {
    err_set(err, ERR_SIGNATURE, "the Stripe-Signature header %s", why);
    return err_place(err, "Stripe-Signature");
}

static bool all_of(const char *text, size_t count, const char *allowed) {
    for (size_t i = 0; i < count; i++) {
        if (text[i] == '\0' || strchr(allowed, text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* One "key=value" of the header. */
static int read_part(const char *part, size_t count, struct signature *signature, struct err *err) {
    const char *equals = memchr(part, '=', count);
    if (equals == NULL) {
        return malformed(err, "has a part without '='");
    }
    size_t key_count = (size_t)(equals - part);
    const char *value = equals + 1;
    size_t value_count = count - key_count - 1;
    if (key_count == 1 && part[0] == 't') {
        if (signature->time_text[0] != '\0') {
            return malformed(err, "states two times");
        }
        if (value_count == 0 || value_count > TIME_DIGITS_MAX ||
            !all_of(value, value_count, "0123456789")) {
            return malformed(err, "states no time in seconds");
        }
        memcpy(signature->time_text, value, value_count);
        signature->time_s = strtoll(signature->time_text, NULL, 10);
        return 0;
    }
    if (key_count != 2 || memcmp(part, "v1", 2) != 0) {
        return 0; /* another scheme, which does not count */
    }
    if (value_count != SHA256_HEX_CHARS || !all_of(value, value_count, "0123456789abcdef")) {
        return malformed(err, "holds a v1 that is not 64 lower-case hexadecimal digits");
    }
    if (signature->v1_count == STRIPE_SIGNATURES_MAX) {
        return malformed(err, "holds more signatures than are looked at");
    }
    signature->v1[signature->v1_count++] = value;
    return 0;
}

static int read_header(const char *header, struct signature *signature, struct err *err) {
    if (header == NULL || header[0] == '\0') {
        return malformed(err, "is missing");
    }
    if (strlen(header) > STRIPE_HEADER_CHARS_MAX) {
        return malformed(err, "is too long");
    }
    const char *part = header;
    for (;;) {
        size_t count = strcspn(part, ",");
        int rc = read_part(part, count, signature, err);
        if (rc < 0) {
            return rc;
        }
        if (part[count] == '\0') {
            break;
        }
        part += count + 1;
    }
    if (signature->time_text[0] == '\0') {
        return malformed(err, "states no time");
    }
    if (signature->v1_count == 0) {
        return malformed(err, "holds no v1 signature");
    }
    return 0;
}

int stripe_sign_verify(const struct stripe_secret *secrets, int secret_count, const char *header,
                       const void *body, size_t body_bytes, int64_t now_s, struct err *err) {
    struct signature signature = {0};
    int rc = read_header(header, &signature, err);
    if (rc < 0) {
        return rc;
    }
    if (body_bytes > STRIPE_BODY_BYTES_MAX) {
        return err_set(err, ERR_SIGNATURE, "the callback's body is too long to be Stripe's");
    }
    bool genuine = false;
    for (int i = 0; i < secret_count; i++) {
        char hex[SHA256_HEX_CHARS + 1];
        sign_hex(&secrets[i], signature.time_text, body, body_bytes, hex);
        for (int k = 0; k < signature.v1_count; k++) {
            genuine |= crypto_equal(hex, signature.v1[k], SHA256_HEX_CHARS);
        }
    }
    if (!genuine) {
        return err_set(err, ERR_SIGNATURE,
                       "the callback was not signed with a secret of this gateway");
    }
    if (signature.time_s < now_s - STRIPE_TOLERANCE_S ||
        signature.time_s > now_s + STRIPE_TOLERANCE_S) {
        err_set(err, ERR_SIGNATURE,
                "the callback was signed %" PRId64 " s %s; at most %d s are allowed",
                signature.time_s < now_s ? now_s - signature.time_s : signature.time_s - now_s,
                signature.time_s < now_s ? "ago" : "ahead of our clock", STRIPE_TOLERANCE_S);
        return err_hint(err,
                        "A genuine callback that waited on its way is sent again with a new time; "
                        "if all are refused, check this machine's clock.");
    }
    return 0;
}
