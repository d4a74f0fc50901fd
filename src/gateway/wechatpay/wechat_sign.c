/* SPDX-License-Identifier: Apache-2.0
 * wechat_sign.c: what WeChat Pay signs and seals. */
#include "gateway/wechatpay/wechat_sign.h"

#include "base/json.h"
#include "base/random.h"

enum { LINES_MAX = 5 };

/* Every line but the last may hold no line end. */
static bool lines_write(const char *const *lines, int count, const void *body, size_t body_bytes,
                        struct buf *text) {
    for (int i = 0; i < count; i++) {
        if (strpbrk(lines[i], "\r\n") != NULL) {
            return false;
        }
        buf_add_text(text, lines[i]);
        buf_add_char(text, '\n');
    }
    buf_add(text, body_bytes > 0 ? body : "", body_bytes);
    buf_add_char(text, '\n');
    return buf_ok(text);
}

bool wechat_signed_request(const char *method, const char *target, const char *timestamp,
                           const char *nonce, const void *body, size_t body_bytes,
                           struct buf *ret_text) {
    const char *const lines[] = {method, target, timestamp, nonce};
    return lines_write(lines, COUNT_OF(lines), body, body_bytes, ret_text);
}

bool wechat_signed_answer(const char *timestamp, const char *nonce, const void *body,
                          size_t body_bytes, struct buf *ret_text) {
    const char *const lines[] = {timestamp, nonce};
    return lines_write(lines, COUNT_OF(lines), body, body_bytes, ret_text);
}

bool wechat_signed_client(const char *appid, const char *timestamp, const char *nonce,
                          const char *last, struct buf *ret_text) {
    const char *const lines[] = {appid, timestamp, nonce};
    return strpbrk(last, "\r\n") == NULL &&
           lines_write(lines, COUNT_OF(lines), last, strlen(last), ret_text);
}

void wechat_nonce(char ret_nonce[WECHAT_NONCE_CHARS + 1]) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    unsigned char bytes[WECHAT_NONCE_CHARS];
    random_bytes(bytes, sizeof(bytes));
    for (int i = 0; i < WECHAT_NONCE_CHARS; i++) {
        ret_nonce[i] = letters[bytes[i] % 32];
    }
    ret_nonce[WECHAT_NONCE_CHARS] = '\0';
}

/* One `name="value"` at `at` into the field of that name. NULL: it is none, stands twice or does
 * not fit; else where it ends. */
static const char *part_read(const char *at, struct wechat_authorization *authorization) {
    const struct {
        const char *name;
        char *field;
        size_t bytes;
    } parts[] = {
        {"mchid=\"", authorization->mchid, sizeof(authorization->mchid)},
        {"serial_no=\"", authorization->serial, sizeof(authorization->serial)},
        {"nonce_str=\"", authorization->nonce, sizeof(authorization->nonce)},
        {"timestamp=\"", authorization->timestamp, sizeof(authorization->timestamp)},
        {"signature=\"", authorization->signature, sizeof(authorization->signature)},
    };
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        size_t name = strlen(parts[i].name);
        if (strncmp(at, parts[i].name, name) != 0) {
            continue;
        }
        size_t count = strcspn(at + name, "\"");
        if (parts[i].field[0] != '\0' || count == 0 || count >= parts[i].bytes ||
            at[name + count] != '"') {
            return NULL;
        }
        memcpy(parts[i].field, at + name, count);
        return at + name + count + 1;
    }
    return NULL;
}

bool wechat_authorization_read(const char *header, struct wechat_authorization *ret_authorization) {
    struct wechat_authorization authorization = {0};
    size_t scheme = strlen(WECHAT_SCHEME);
    if (strncmp(header, WECHAT_SCHEME, scheme) != 0 || header[scheme] != ' ') {
        return false;
    }
    const char *at = header + scheme;
    for (int i = 0; i < LINES_MAX; i++) {
        at += strspn(at, " ");
        at = part_read(at, &authorization);
        if (at == NULL || (i < LINES_MAX - 1 && *at++ != ',')) {
            return false;
        }
    }
    if (*at != '\0') {
        return false;
    }
    *ret_authorization = authorization; /* five parts, none twice: all are there */
    return true;
}

unsigned char *wechat_open(const json_t *resource, const char *api_key, size_t api_key_bytes,
                           size_t *ret_count) {
    const char *algorithm = json_peek_text(resource, "algorithm", NULL);
    const char *nonce = json_peek_text(resource, "nonce", NULL);
    const char *added = json_peek_text(resource, "associated_data", NULL);
    const char *text = json_peek_text(resource, "ciphertext", NULL);
    if (api_key_bytes != AES256_KEY_BYTES || nonce == NULL || text == NULL || algorithm == NULL ||
        strcmp(algorithm, WECHAT_ALGORITHM) != 0) {
        return NULL;
    }
    size_t sealed_count = 0;
    unsigned char *sealed = crypto_unbase64(text, &sealed_count);
    if (sealed == NULL) {
        return NULL;
    }
    const struct aes256_gcm with = {
        .key = (const unsigned char *)api_key,
        .nonce = nonce,
        .nonce_count = strlen(nonce),
        .added = added,
        .added_count = added != NULL ? strlen(added) : 0,
    };
    unsigned char *plain = aes256_gcm_open(&with, sealed, sealed_count, ret_count);
    free(sealed);
    return plain;
}

char *wechat_seal(const char *api_key, const char *nonce, const char *associated_data,
                  const void *bytes, size_t count) {
    const struct aes256_gcm with = {
        .key = (const unsigned char *)api_key,
        .nonce = nonce,
        .nonce_count = strlen(nonce),
        .added = associated_data,
        .added_count = strlen(associated_data),
    };
    size_t sealed_count = 0;
    unsigned char *sealed = aes256_gcm_seal(&with, bytes, count, &sealed_count);
    char *text = crypto_base64(sealed, sealed_count);
    free(sealed);
    return text;
}
