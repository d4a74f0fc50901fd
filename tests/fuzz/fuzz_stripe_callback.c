/* SPDX-License-Identifier: Apache-2.0
 * fuzz_stripe_callback.c: an input is a line, the Stripe-Signature header, and a body. With the
 * line
 * "=" the body is signed here: then it must never be refused for its signature, and always with one
 * bit of it turned. Otherwise it may be accepted only if the header holds the very signature that
 * the secret gives for its time and this body. Whatever is accepted is an event whose texts end. */
#include "callback.h"
#include "gateway/stripe/stripe.h"
#include "gateway/stripe/stripe_sign.h"

enum { BODY_BYTES_MAX = 64 * 1024, HEADER_BYTES_MAX = 8 * 1024 };
#define SECRET "whsec_test_5f3759df"
#define NOW_S INT64_C(1735689600)

static struct gateway gateway;

static void begin(void) {
    if (gateway.adapter != NULL) {
        return;
    }
    crypto_init();
    gateway.adapter = &stripe_adapter;
    gateway_add_secret(&gateway, "webhook_secret", SECRET);
}

static int verify(const char *header, const char *body, size_t body_bytes,
                  struct gateway_event *event) {
    const struct gateway_call call = {.gateway = &gateway};
    const struct http_header headers[] = {{"Stripe-Signature", header}};
    const struct gateway_callback_request request = {headers, 1, body, body_bytes,
                                                     NOW_S * US_PER_SECOND};
    struct err err = {0};
    return stripe_adapter.verify_callback(&call, &request, event, &err);
}

/* Whether the secret's signature for some "t=" of the header stands in it, looked for in the
 * plainest way. */
static bool holds_our_signature(const char *header, const char *body, size_t body_bytes) {
    for (const char *t = strstr(header, "t="); t != NULL; t = strstr(t + 2, "t=")) {
        size_t digits = strspn(t + 2, "0123456789");
        char *text = malloc(digits + 1 + body_bytes);
        unsigned char mac[SHA256_BYTES];
        char hex[SHA256_HEX_CHARS + 1];
        INVARIANT(text != NULL, "out of memory");
        memcpy(text, t + 2, digits);
        text[digits] = '.';
        memcpy(text + digits + 1, body, body_bytes);
        crypto_hmac_sha256(SECRET, strlen(SECRET), text, digits + 1 + body_bytes, mac);
        free(text);
        crypto_hex(mac, sizeof(mac), hex);
        if (strstr(header, hex) != NULL) {
            return true;
        }
    }
    return false;
}

static void check_signed_here(char *body, size_t body_bytes) {
    const struct stripe_secret secret = {SECRET, strlen(SECRET)};
    char header[STRIPE_SIGNATURE_CHARS_MAX + 1];
    struct gateway_event event = {0};
    stripe_sign(&secret, NOW_S - 5, body, body_bytes, header);
    int rc = verify(header, body, body_bytes, &event);
    INVARIANT(rc == 0 || rc == -ERR_BAD_REQUEST, "what we signed is genuine");
    if (rc == 0) {
        event_check(&event);
    }
    if (body_bytes > 0) {
        size_t at = crypto_crc32(body, body_bytes) % body_bytes;
        body[at] ^= 16;
        INVARIANT(verify(header, body, body_bytes, &event) == -ERR_SIGNATURE, "one bit breaks it");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    const uint8_t *line_end = count > 0 ? memchr(bytes, '\n', count) : NULL;
    size_t header_bytes = line_end != NULL ? (size_t)(line_end - bytes) : 0;
    if (line_end == NULL || header_bytes > HEADER_BYTES_MAX || count > BODY_BYTES_MAX) {
        return 0;
    }
    begin();
    size_t body_bytes = count - header_bytes - 1;
    char *header = calloc(1, header_bytes + 1);
    char *body = fuzz_copy(line_end + 1, body_bytes);
    INVARIANT(header != NULL, "out of memory");
    memcpy(header, bytes, header_bytes);
    if (strcmp(header, "=") == 0) {
        check_signed_here(body, body_bytes);
    } else {
        struct gateway_event event = {0};
        int rc = verify(header, body, body_bytes, &event);
        INVARIANT(rc == 0 || rc == -ERR_BAD_REQUEST || rc == -ERR_SIGNATURE, "one of its errors");
        INVARIANT(rc == -ERR_SIGNATURE || holds_our_signature(header, body, body_bytes),
                  "only what was signed with the secret is genuine");
        if (rc == 0) {
            event_check(&event);
        }
    }
    free(header);
    free(body);
    return 0;
}
