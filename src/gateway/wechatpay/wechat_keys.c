/* SPDX-License-Identifier: Apache-2.0
 * wechat_keys.c: the keys with which WeChat Pay signs, and whether a message is theirs. */
#include "base/plant.h"
#include "gateway/wechatpay/wechat_keys.h"

#include <inttypes.h>

#include "base/clock.h"
#include "gateway/wechatpay/wechatpay.h"

void wechat_keys_init(struct wechat_keys *keys) {
    *keys = (struct wechat_keys){0};
    lock_init(&keys->lock);
    cond_init(&keys->changed);
}

static void clear(struct wechat_key *key) {
    rsa_key_free(key->key);
    *key = (struct wechat_key){0};
}

void wechat_keys_release(struct wechat_keys *keys) {
    for (int i = 0; i < WECHAT_KEYS_MAX; i++) {
        clear(&keys->kept[i]);
    }
    cond_free(&keys->changed);
    lock_free(&keys->lock);
    *keys = (struct wechat_keys){0};
}

void wechat_keys_hold(struct wechat_keys *keys, const char *serial, struct rsa_key *key) {
    struct wechat_key *held = &keys->kept[0];
    clear(held);
    snprintf(held->serial, sizeof(held->serial), "%s", serial);
    held->key = key;
    held->not_after_us = INT64_MAX;
}

int wechat_keys_list(struct wechat_keys *keys, int64_t now_us,
                     struct gateway_signer ret_signers[GATEWAY_SIGNERS_MAX]) {
    static_assert(GATEWAY_SIGNERS_MAX >= (int)WECHAT_KEYS_MAX, "there is room for all");
    int count = 0;
    int64_t last_us = 0;
    lock_take(&keys->lock);
    for (int i = 0; i < WECHAT_KEYS_MAX; i++) {
        const struct wechat_key *key = &keys->kept[i];
        bool fetched = key->key != NULL && key->not_after_us != INT64_MAX;
        last_us = fetched && key->not_after_us > last_us ? key->not_after_us : last_us;
    }
    for (int i = 0; i < WECHAT_KEYS_MAX; i++) {
        const struct wechat_key *key = &keys->kept[i];
        bool fetched = key->key != NULL && key->not_after_us != INT64_MAX;
        if (fetched && (now_us < key->not_after_us || key->not_after_us == last_us)) {
            struct gateway_signer *signer = &ret_signers[count++];
            snprintf(signer->serial, sizeof signer->serial, "%.*s", CERT_SERIAL_HEX_MAX - 1,
                     key->serial);
            signer->not_after_us = key->not_after_us;
        }
    }
    lock_give(&keys->lock);
    return count;
}

/* Fetching certificates. */

/* What one answer brought, before it is believed. */
struct batch {
    struct wechat_key keys[WECHAT_KEYS_MAX];
    int count;
};

static void batch_release(struct batch *batch) {
    for (int i = 0; i < batch->count; i++) {
        clear(&batch->keys[i]);
    }
    batch->count = 0;
}

/* One of data[]: opened, read, and of the serial that it is said to have. */
static bool read_certificate(const struct gateway *gateway, const json_t *item, int64_t now_us,
                             struct wechat_key *ret_key) {
    const char *serial = json_peek_text(item, "serial_no", NULL);
    size_t pem_count = 0;
    char *pem = wechat_open_with(gateway, json_peek(item, "encrypt_certificate", NULL), &pem_count);
    struct x509_cert *cert = NULL;
    char own_serial[CERT_SERIAL_HEX_MAX] = "";
    struct err unused;
    bool good = pem != NULL && serial != NULL &&
                x509_cert_read(pem, pem_count, &cert, &unused) == 0;
    if (good) {
        x509_cert_serial(cert, own_serial);
        ret_key->not_after_us = x509_cert_not_after_us(cert);
        good = strcmp(own_serial, serial) == 0 && now_us < ret_key->not_after_us &&
               x509_cert_key(cert, &ret_key->key, &unused) == 0;
    }
    if (good) {
        snprintf(ret_key->serial, sizeof(ret_key->serial), "%s", serial);
    }
    x509_cert_free(cert);
    free(pem);
    return good;
}

static void read_batch(const struct gateway *gateway, const json_t *json, int64_t now_us,
                       struct batch *batch) {
    const json_t *data = json_peek(json, "data", NULL);
    for (size_t i = 0; i < json_array_size(data) && batch->count < WECHAT_KEYS_MAX - 1; i++) {
        struct wechat_key key = {0};
        if (read_certificate(gateway, json_array_get(data, i), now_us, &key)) {
            batch->keys[batch->count++] = key;
        }
    }
}

static const struct wechat_key *find_in(const struct batch *batch, const char *serial) {
    for (int i = 0; i < batch->count; i++) {
        if (strcmp(batch->keys[i].serial, serial) == 0) {
            return &batch->keys[i];
        }
    }
    return NULL;
}

static bool signed_with(const struct rsa_key *key, const struct wechat_message *message) {
    BUF_AUTO text;
    buf_init(&text, WECHAT_SIGNED_BYTES_MAX);
    return wechat_signed_answer(message->timestamp, message->nonce, message->body,
                                message->body_bytes, &text) &&
           rsa_verify_sha256(key, text.data, text.len, message->signature);
}

static int fetch(const struct gateway_call *call, int64_t now_us, struct batch *batch,
                 struct err *err) {
    const struct wechat_request request = {.method = "GET", .target = "/v3/certificates"};
    struct gateway_result result;
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    gateway_result_init(&result);
    if (!wechat_exchange(call, &request, &result, &answer, &json)) {
        return err_set(err, ERR_UNREACHABLE, "WeChat Pay's certificates could not be fetched: %s",
                       result.message);
    }
    if (answer.status == 404) {
        return err_set(err, ERR_SIGNATURE,
                       "it is signed with a key that is not configured, and this account has no "
                       "platform certificates");
    }
    if (answer.status != 200) {
        return err_set(err, ERR_UNREACHABLE,
                       "WeChat Pay's certificates could not be fetched: HTTP status %d",
                       answer.status);
    }
    struct wechat_message message;
    wechat_message_of(answer.headers, answer.header_count, answer.body, answer.body_bytes,
                      &message);
    read_batch(call->gateway, json, now_us, batch);
    const struct wechat_key *signer = find_in(batch, message.serial);
    if (signer == NULL || !signed_with(signer->key, &message)) {
        batch_release(batch);
        err_set(err, ERR_UNREACHABLE,
                "the certificates that came cannot be opened, or are not signed by one of them");
        return err_hint(err, "Check the credential api_v3_key.");
    }
    return 0;
}

/* Keeping them. The lock is held. */

static struct wechat_key *find(struct wechat_keys *keys, const char *serial, int64_t now_us) {
    for (int i = 0; i < WECHAT_KEYS_MAX; i++) {
        struct wechat_key *key = &keys->kept[i];
        if (key->key != NULL && strcmp(key->serial, serial) == 0 && now_us < key->not_after_us) {
            key->users++;
            key->used_us = clock_mono_us();
            return key;
        }
    }
    return NULL;
}

/* The place of the same serial, or a free one, or the one that was used longest ago; the configured
 * key and those in use stay. */
static struct wechat_key *place(struct wechat_keys *keys, const char *serial) {
    struct wechat_key *best = NULL;
    for (int i = 0; i < WECHAT_KEYS_MAX; i++) {
        struct wechat_key *key = &keys->kept[i];
        if (strcmp(key->serial, serial) == 0) {
            return key->users == 0 ? key : NULL;
        }
        if (key->users == 0 && key->not_after_us != INT64_MAX &&
            (best == NULL || key->used_us < best->used_us)) {
            best = key;
        }
    }
    return best;
}

static void keep(struct wechat_keys *keys, struct batch *batch) {
    for (int i = 0; i < batch->count; i++) {
        struct wechat_key *to = place(keys, batch->keys[i].serial);
        if (to != NULL) {
            clear(to);
            *to = batch->keys[i];
            to->used_us = clock_mono_us();
            batch->keys[i] = (struct wechat_key){0};
        }
    }
    batch_release(batch);
}

static bool may_fetch(struct wechat_keys *keys) {
    int64_t now_us = clock_mono_us();
    if (keys->fetches == 0 || now_us - keys->minute_us >= 60 * US_PER_SECOND) {
        keys->minute_us = now_us;
        keys->fetches = 0;
    }
    if (keys->fetches == WECHAT_KEY_FETCHES_MAX) {
        return false;
    }
    keys->fetches++;
    return true;
}

/* The lock is held on entry and on return but not during the fetch. */
static int fetch_unlocked(struct wechat_keys *keys, const struct gateway_call *call, int64_t now_us,
                          struct err *err) {
    if (!may_fetch(keys)) {
        return err_set(err, ERR_UNREACHABLE,
                       "WeChat Pay's certificates were asked for too often lately");
    }
    struct batch batch = {.count = 0};
    keys->fetching = true;
    lock_give(&keys->lock);
    int rc = fetch(call, now_us, &batch, err);
    lock_take(&keys->lock);
    keys->fetching = false;
    cond_broadcast(&keys->changed);
    if (rc == 0) {
        keep(keys, &batch);
    }
    return rc;
}

static int take(struct wechat_keys *keys, const struct gateway_call *call, const char *serial,
                int64_t now_us, struct wechat_key **ret_key, struct err *err) {
    int rc = 0;
    bool fetched = false;
    lock_take(&keys->lock);
    for (;;) {
        struct wechat_key *key = find(keys, serial, now_us);
        if (key != NULL) {
            *ret_key = key;
            break;
        }
        if (fetched || (PLANTED(CERTIFICATE_KEPT) && keys->kept[0].key != NULL)) {
            rc = err_set(err, ERR_SIGNATURE, "it is signed with a key that WeChat Pay has not");
            break;
        }
        if (!keys->fetching) {
            rc = fetch_unlocked(keys, call, now_us, err);
            fetched = true;
        } else if (!cond_wait_until(&keys->changed, &keys->lock, call->deadline_us)) {
            rc = err_set(err, ERR_UNREACHABLE,
                         "the wait for WeChat Pay's certificates took too long");
        }
        if (rc < 0) {
            break;
        }
    }
    lock_give(&keys->lock);
    return rc;
}

static void give(struct wechat_keys *keys, struct wechat_key *key) {
    lock_take(&keys->lock);
    key->users--;
    lock_give(&keys->lock);
}

/* Messages. */

static const char *header_of(const struct http_header *headers, int count, const char *name) {
    const char *value = http_header_find(headers, count, name);
    return value != NULL ? value : "";
}

void wechat_message_of(const struct http_header *headers, int header_count, const void *body,
                       size_t body_bytes, struct wechat_message *ret_message) {
    *ret_message = (struct wechat_message){
        .timestamp = header_of(headers, header_count, "Wechatpay-Timestamp"),
        .nonce = header_of(headers, header_count, "Wechatpay-Nonce"),
        .signature = header_of(headers, header_count, "Wechatpay-Signature"),
        .serial = header_of(headers, header_count, "Wechatpay-Serial"),
        .type = header_of(headers, header_count, "Wechatpay-Signature-Type"),
        .body = body,
        .body_bytes = body_bytes,
    };
}

static int check_time(const char *timestamp, int64_t now_us, struct err *err) {
    size_t count = strspn(timestamp, "0123456789");
    if (count == 0 || count > WECHAT_TIME_CHARS_MAX || timestamp[count] != '\0') {
        err_set(err, ERR_SIGNATURE, "it does not say when it was sent");
        return err_place(err, "Wechatpay-Timestamp");
    }
    int64_t apart_s = now_us / US_PER_SECOND - strtoll(timestamp, NULL, 10);
    bool apart = apart_s > WECHAT_SKEW_S_MAX || apart_s < -WECHAT_SKEW_S_MAX;
    if (apart && !PLANTED(STALE_BELIEVED)) {
        err_set(err, ERR_SIGNATURE, "it was sent %" PRId64 " s %s; at most %d s are allowed",
                apart_s < 0 ? -apart_s : apart_s, apart_s < 0 ? "ahead of our clock" : "ago",
                WECHAT_SKEW_S_MAX);
        return err_hint(err, "What waited on its way is sent again with a new time; if all are "
                             "refused, check this machine's clock.");
    }
    return 0;
}

int wechat_message_check(struct wechat_keys *keys, const struct gateway_call *call,
                         const struct wechat_message *message, int64_t now_us, struct err *err) {
    if (message->signature[0] == '\0' || message->nonce[0] == '\0' || message->serial[0] == '\0') {
        return err_set(err, ERR_SIGNATURE, "it bears no signature of WeChat Pay");
    }
    if (strncmp(message->signature, WECHAT_PROBE_PREFIX, strlen(WECHAT_PROBE_PREFIX)) == 0) {
        return err_set(err, ERR_SIGNATURE, "it is a probe of WeChat Pay that must be refused");
    }
    if (message->type[0] != '\0' && strcmp(message->type, WECHAT_SCHEME) != 0) {
        return err_set(err, ERR_SIGNATURE, "it is not signed with " WECHAT_SCHEME);
    }
    /* Time first: it is cheap, and only what is fresh may cause certificates to be fetched. */
    int rc = check_time(message->timestamp, now_us, err);
    struct wechat_key *key = NULL;
    rc = rc == 0 ? take(keys, call, message->serial, now_us, &key, err) : rc;
    if (rc < 0) {
        return rc;
    }
    bool genuine = signed_with(key->key, message) || PLANTED(WECHAT_UNSIGNED);
    give(keys, key);
    return genuine ? 0
                   : err_set(err, ERR_SIGNATURE,
                             "its signature does not fit its body and WeChat Pay's key");
}
