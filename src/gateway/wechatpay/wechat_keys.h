/* SPDX-License-Identifier: Apache-2.0
 * wechat_keys.h: the keys with which WeChat Pay signs, each known by its serial: platform
 * certificates, which it hands out itself and replaces every few years, and the public key of newer
 * accounts, which is configured. Both may be held at once, and a change from one to the other or
 * from an old certificate to a new one is noticed by a serial that is not known yet:
 *
 *   known serial ───────────────────────────────► its key
 *   unknown ──► GET /v3/certificates, once for all who wait ──► kept beside the old ones: its key
 *                                                          └── not among them: ERR_SIGNATURE
 *
 * A certificate is believed because it came sealed under our APIv3 key, bears the serial that it is
 * said to have, and the answer that brought it is signed by one of the certificates now known.
 * Anybody can send a callback with an invented serial, so fetches are one at a time and
 * WECHAT_KEY_FETCHES_MAX a minute; what is signed with a known key is not held up by that.
 * Threads: any. Owns: the keys. Errors: ERR_SIGNATURE (not genuine), ERR_UNREACHABLE (cannot be
 * told now). Limits: WECHAT_KEYS_MAX keys. */
#ifndef HOLDFAST_GATEWAY_WECHAT_KEYS_H
#define HOLDFAST_GATEWAY_WECHAT_KEYS_H

#include "base/crypto.h"
#include "base/task.h"
#include "gateway/gateway.h"
#include "gateway/wechatpay/wechat_sign.h"

enum {
    WECHAT_KEYS_MAX = 8,
    WECHAT_KEY_FETCHES_MAX = 12,
};

struct wechat_key {
    char serial[WECHAT_SERIAL_CHARS_MAX + 1]; /* "": free */
    struct rsa_key *key;
    int64_t not_after_us; /* wall; INT64_MAX: configured, never replaced */
    int64_t used_us;      /* monotonic */
    int users;            /* it stays while somebody verifies with it */
};

struct wechat_keys {
    struct lock lock;
    struct cond changed;
    struct wechat_key kept[WECHAT_KEYS_MAX];
    bool fetching;
    int64_t minute_us; /* monotonic start of the present minute of fetches */
    int fetches;       /* in it */
};

void wechat_keys_init(struct wechat_keys *keys);
void wechat_keys_release(struct wechat_keys *keys);
/* The configured public key; takes `key` over. Before anybody else uses `keys`. */
void wechat_keys_hold(struct wechat_keys *keys, const char *serial, struct rsa_key *key);

/* The platform certificates that were fetched, as the adapter's signers(). */
int wechat_keys_list(struct wechat_keys *keys, int64_t now_us,
                     struct gateway_signer ret_signers[GATEWAY_SIGNERS_MAX]);

/* One signed message: an answer or a notification. Texts "" when missing. */
struct wechat_message {
    const char *timestamp, *nonce, *signature, *serial, *type;
    const void *body;
    size_t body_bytes;
};
void wechat_message_of(const struct http_header *headers, int header_count, const void *body,
                       size_t body_bytes, struct wechat_message *ret_message);
/* 0: it is WeChat Pay's, sent within WECHAT_SKEW_S_MAX seconds of `now_us` (wall). */
MUST_USE int wechat_message_check(struct wechat_keys *keys, const struct gateway_call *call,
                                  const struct wechat_message *message, int64_t now_us,
                                  struct err *err);

#endif
