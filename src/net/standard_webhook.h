/* SPDX-License-Identifier: Apache-2.0
 * standard_webhook.h: outgoing webhooks signed and verified by the Standard Webhooks scheme
 * (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md).
 *
 *   webhook-id         names the event; the same on every delivery of it
 *   webhook-timestamp  seconds since 1970 of this delivery
 *   webhook-signature  "v1,<base 64>", one for each secret, separated by blanks
 *
 * A signature is HMAC-SHA256 over `id.timestamp.body` with the secret's bytes as the key. Full
 * stops separate the parts, so an id must not hold one. While a secret is being rotated, a
 * delivery is signed with the old one and the new one, and one match is enough.
 * Threads: any. Owns: the secrets it returns belong to the caller.
 * Errors: ERR_VALIDATION (a secret or an id in another form), ERR_SIGNATURE (its place is the
 * header that is wrong). */
#ifndef HOLDFAST_NET_STANDARD_WEBHOOK_H
#define HOLDFAST_NET_STANDARD_WEBHOOK_H

#include "base/secret.h"
#include "net/http.h"

enum {
    STANDARD_WEBHOOK_KEY_BYTES_MIN = 24, /* both from the specification */
    STANDARD_WEBHOOK_KEY_BYTES_MAX = 64,
    STANDARD_WEBHOOK_KEY_BYTES_NEW = 32,
    STANDARD_WEBHOOK_SECRET_TEXT_MAX = 6 + 88 + 1, /* "whsec_", base 64 of the longest key, NUL */
    STANDARD_WEBHOOK_TOLERANCE_S = 5 * 60,
    STANDARD_WEBHOOK_SECRETS_MAX = 4,     /* used to sign one delivery */
    STANDARD_WEBHOOK_SIGNATURES_MAX = 16, /* looked at in one delivery */
    STANDARD_WEBHOOK_ID_MAX = 128 + 1,
    STANDARD_WEBHOOK_SIGNATURE_MAX = STANDARD_WEBHOOK_SECRETS_MAX * (3 + 44 + 1),
    STANDARD_WEBHOOK_HEADERS = 3,
};

/* A new secret as its owner is told it: "whsec_" and 32 random bytes in base 64. Wipe it. */
void standard_webhook_secret_make(char ret_text[STANDARD_WEBHOOK_SECRET_TEXT_MAX]);
/* The key of a "whsec_…" text. */
MUST_USE int standard_webhook_secret_read(const char *text, struct secret **ret_key,
                                          struct err *err);

/* What standard_webhook_sign() writes; `headers` point into the struct: it must not be copied. */
struct standard_webhook {
    char id[STANDARD_WEBHOOK_ID_MAX];
    char timestamp[24];
    char signatures[STANDARD_WEBHOOK_SIGNATURE_MAX];
    struct http_header headers[STANDARD_WEBHOOK_HEADERS];
};
MUST_USE int standard_webhook_sign(const struct secret *const *keys, int key_count, const char *id,
                                   int64_t timestamp_s, const void *body, size_t body_bytes,
                                   struct standard_webhook *ret_webhook, struct err *err);

/* ERR_SIGNATURE when a header is missing or unreadable, when the timestamp is further from `now_s`
 * than the tolerance, or when no signature fits any key. */
MUST_USE int standard_webhook_verify(const struct secret *const *keys, int key_count,
                                     const struct http_header *headers, int header_count,
                                     const void *body, size_t body_bytes, int64_t now_s,
                                     struct err *err);

#endif
