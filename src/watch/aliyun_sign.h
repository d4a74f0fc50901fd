/* SPDX-License-Identifier: Apache-2.0
 * aliyun_sign.h: Alibaba Cloud's signature V3, ACS3-HMAC-SHA256, for calls of the RPC style.
 *
 *   canonical = METHOD \n / \n query \n header:value \n … \n \n names \n hex(sha256(body))
 *   to sign   = ACS3-HMAC-SHA256 \n hex(sha256(canonical))
 *   signature = hex(hmac-sha256(secret, to sign))
 * with the query's parameters and the headers in order of their names. Signed headers: host,
 * x-acs-action, -content-sha256, -date, -signature-nonce, -version.
 * Threads: any. Owns nothing. Cannot fail. */
#ifndef HOLDFAST_WATCH_ALIYUN_SIGN_H
#define HOLDFAST_WATCH_ALIYUN_SIGN_H

#include "base/buf.h"
#include "base/crypto.h"

struct aliyun_param {
    const char *name, *value;
};
struct aliyun_call {
    const char *method, *host, *action, *version;
    const char *date;  /* "2023-10-26T10:22:32Z" */
    const char *nonce; /* another one for each call */
    const struct aliyun_param *params;
    int param_count;
    const char *body; /* "" when none */
    const char *key_id, *key_secret;
};
enum { ALIYUN_PARAMS_MAX = 16 };

/* Adds the query as it is signed and sent, and the value of Authorization; the digest of the body
 * is x-acs-content-sha256. */
void aliyun_sign(const struct aliyun_call *call, struct buf *query, struct buf *authorization,
                 char ret_body_hex[SHA256_HEX_CHARS + 1]);

#endif
