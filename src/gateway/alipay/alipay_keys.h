/* SPDX-License-Identifier: Apache-2.0
 * alipay_keys.h: the keys of one account: ours, with which requests are signed, and Alipay's, one
 * or several, so that what is signed with the old or the new one verifies while they change.
 *
 * Public key mode: `alipay_public_key` holds PEM keys, or the bare base 64 that Alipay's console
 * shows, one a line. Certificate mode: `app_cert` (ours), `alipay_cert` (one or several), each
 * chained to `alipay_root_cert`; an answer names its certificate by alipay_cert_sn. Threads: any;
 * immutable once read. Owns: its keys until alipay_keys_release(). Errors: ERR_CONFIG. */
#ifndef HOLDFAST_GATEWAY_ALIPAY_KEYS_H
#define HOLDFAST_GATEWAY_ALIPAY_KEYS_H

#include "gateway/alipay/alipay_sign.h"
#include "gateway/gateway.h"

enum {
    ALIPAY_KEYS_MAX = 8,
};

struct alipay_key {
    struct rsa_key *key;
    char cert_sn[MD5_HEX_CHARS + 1]; /* "" in public key mode */
    int64_t not_after_us;            /* INT64_MAX in public key mode */
};

struct alipay_keys {
    struct rsa_key *own;
    char app_cert_sn[MD5_HEX_CHARS + 1]; /* "" in public key mode */
    char root_cert_sn[ALIPAY_ROOT_SN_CHARS_MAX + 1];
    struct alipay_key theirs[ALIPAY_KEYS_MAX];
    int theirs_count;
};

MUST_USE int alipay_keys_read(const struct gateway *gateway, struct alipay_keys *ret_keys,
                              struct err *err);
void alipay_keys_release(struct alipay_keys *keys);

/* Whether one of Alipay's keys that are in force made that signature of these bytes. `cert_sn`: the
 * certificate that the message names, or "" when it names none. */
MUST_USE bool alipay_keys_verify(const struct alipay_keys *keys, const char *cert_sn,
                                 const void *bytes, size_t count, const char *sign);

#endif
