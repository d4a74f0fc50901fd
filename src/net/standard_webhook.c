/* SPDX-License-Identifier: Apache-2.0
 * standard_webhook.c: the Standard Webhooks scheme over base/crypto.h. */
#include "net/standard_webhook.h"

#include <inttypes.h>

#include "base/crypto.h"
#include "base/random.h"

static const char prefix[] = "whsec_";
static const char id_header[] = "webhook-id";
static const char timestamp_header[] = "webhook-timestamp";
static const char signature_header[] = "webhook-signature";

enum { TIMESTAMP_DIGITS_MAX = 12 };

static void wipe_free(char *text) {
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

void standard_webhook_secret_make(char ret_text[STANDARD_WEBHOOK_SECRET_TEXT_MAX]) {
    unsigned char key[STANDARD_WEBHOOK_KEY_BYTES_NEW];
    random_bytes(key, sizeof(key));
    char *base64 = crypto_base64(key, sizeof(key));
    snprintf(ret_text, STANDARD_WEBHOOK_SECRET_TEXT_MAX, "%s%s", prefix, base64);
    wipe_free(base64);
    explicit_bzero(key, sizeof(key));
}

int standard_webhook_secret_read(const char *text, struct secret **ret_key, struct err *err) {
    size_t prefix_count = sizeof(prefix) - 1;
    size_t count = 0;
    unsigned char *key = NULL;
    if (strncmp(text, prefix, prefix_count) == 0 &&
        strlen(text) < STANDARD_WEBHOOK_SECRET_TEXT_MAX) {
        key = crypto_unbase64(text + prefix_count, &count);
    }
    if (key == NULL) {
        int rc = err_set(err, ERR_VALIDATION, "a webhook secret is %s and then base 64", prefix);
        (void)err_hint(err, "copy it whole, with its padding");
        return rc;
    }
    int rc = 0;
    if (count < STANDARD_WEBHOOK_KEY_BYTES_MIN || count > STANDARD_WEBHOOK_KEY_BYTES_MAX) {
        rc = err_set(err, ERR_VALIDATION, "the webhook secret has %zu bytes; it must have %d to %d",
                     count, STANDARD_WEBHOOK_KEY_BYTES_MIN, STANDARD_WEBHOOK_KEY_BYTES_MAX);
    } else {
        *ret_key = secret_new(key, count);
    }
    explicit_bzero(key, count);
    free(key);
    return rc;
}

/* Visible ASCII without the full stop that separates the signed parts. */
static bool is_id(const char *id) {
    for (const char *c = id; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || *c == '.') {
            return false;
        }
    }
    return id[0] != '\0' && strlen(id) < STANDARD_WEBHOOK_ID_MAX;
}

static void signed_content(struct buf *content, const char *id, const char *timestamp,
                           const void *body, size_t body_bytes) {
    buf_init(content, strlen(id) + strlen(timestamp) + body_bytes + 3);
    buf_add_text(content, id);
    buf_add_char(content, '.');
    buf_add_text(content, timestamp);
    buf_add_char(content, '.');
    buf_add(content, body, body_bytes);
    INVARIANT(buf_ok(content), "the content was measured");
}

static void sign_content(const struct secret *key, const struct buf *content,
                         unsigned char ret_mac[SHA256_BYTES]) {
    crypto_hmac_sha256(secret_bytes(key), secret_count(key), content->data, content->len, ret_mac);
}

int standard_webhook_sign(const struct secret *const *keys, int key_count, const char *id,
                          int64_t timestamp_s, const void *body, size_t body_bytes,
                          struct standard_webhook *ret_webhook, struct err *err) {
    INVARIANT(key_count >= 1 && key_count <= STANDARD_WEBHOOK_SECRETS_MAX, "1 to 4 secrets sign");
    if (!is_id(id)) {
        return err_set(err, ERR_VALIDATION,
                       "a webhook's id is 1 to %d visible characters without '.'",
                       STANDARD_WEBHOOK_ID_MAX - 1);
    }
    struct standard_webhook *webhook = ret_webhook;
    snprintf(webhook->id, sizeof(webhook->id), "%s", id);
    snprintf(webhook->timestamp, sizeof(webhook->timestamp), "%" PRId64, timestamp_s);
    BUF_AUTO content;
    signed_content(&content, id, webhook->timestamp, body, body_bytes);
    size_t used = 0;
    for (int i = 0; i < key_count; i++) {
        unsigned char mac[SHA256_BYTES];
        sign_content(keys[i], &content, mac);
        char *base64 = crypto_base64(mac, sizeof(mac));
        used += (size_t)snprintf(webhook->signatures + used, sizeof(webhook->signatures) - used,
                                 "%sv1,%s", i > 0 ? " " : "", base64);
        INVARIANT(used < sizeof(webhook->signatures), "the signatures were measured");
        free(base64);
    }
    webhook->headers[0] = (struct http_header){id_header, webhook->id};
    webhook->headers[1] = (struct http_header){timestamp_header, webhook->timestamp};
    webhook->headers[2] = (struct http_header){signature_header, webhook->signatures};
    return 0;
}

static int refuse(struct err *err, const char *header, const char *why) {
    int rc = err_set(err, ERR_SIGNATURE, "%s", why);
    (void)err_place(err, "%s", header);
    return rc;
}

/* Digits only, as this scheme writes it: what is signed is the text, so it has one form. */
static bool read_timestamp(const char *text, int64_t *ret_timestamp_s) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > TIMESTAMP_DIGITS_MAX || text[digits] != '\0') {
        return false;
    }
    *ret_timestamp_s = strtoll(text, NULL, 10);
    return true;
}

/* One of the signatures between blanks; other versions than v1 are passed over. */
static bool signature_fits(const char *signature, size_t chars,
                           const unsigned char mac[SHA256_BYTES]) {
    char *base64 = crypto_base64(mac, SHA256_BYTES);
    size_t base64_chars = strlen(base64);
    bool fits = chars == 3 + base64_chars && memcmp(signature, "v1,", 3) == 0 &&
                crypto_equal(signature + 3, base64, base64_chars);
    free(base64);
    return fits;
}

static bool any_fits(const char *signatures, const unsigned char mac[SHA256_BYTES]) {
    const char *at = signatures;
    for (int i = 0; i < STANDARD_WEBHOOK_SIGNATURES_MAX && *at != '\0'; i++) {
        size_t chars = strcspn(at, " ");
        if (signature_fits(at, chars, mac)) {
            return true;
        }
        at += chars;
        at += strspn(at, " ");
    }
    return false;
}

int standard_webhook_verify(const struct secret *const *keys, int key_count,
                            const struct http_header *headers, int header_count, const void *body,
                            size_t body_bytes, int64_t now_s, struct err *err) {
    const char *id = http_header_find(headers, header_count, id_header);
    const char *timestamp = http_header_find(headers, header_count, timestamp_header);
    const char *signatures = http_header_find(headers, header_count, signature_header);
    int64_t timestamp_s = 0;
    if (id == NULL || !is_id(id)) {
        return refuse(err, id_header, "the webhook's id is missing or not one");
    }
    if (timestamp == NULL || !read_timestamp(timestamp, &timestamp_s)) {
        return refuse(err, timestamp_header, "the webhook's timestamp is missing or not one");
    }
    if (signatures == NULL || signatures[0] == '\0') {
        return refuse(err, signature_header, "the webhook is not signed");
    }
    if (timestamp_s < now_s - STANDARD_WEBHOOK_TOLERANCE_S) {
        return refuse(err, timestamp_header, "the webhook is more than five minutes old");
    }
    if (timestamp_s > now_s + STANDARD_WEBHOOK_TOLERANCE_S) {
        return refuse(err, timestamp_header, "the webhook is more than five minutes early");
    }
    BUF_AUTO content;
    signed_content(&content, id, timestamp, body, body_bytes);
    for (int i = 0; i < key_count; i++) {
        unsigned char mac[SHA256_BYTES];
        sign_content(keys[i], &content, mac);
        if (any_fits(signatures, mac)) {
            return 0;
        }
    }
    return refuse(err, signature_header, "no signature of the webhook fits a secret");
}
