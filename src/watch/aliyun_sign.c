/* SPDX-License-Identifier: Apache-2.0
 * aliyun_sign.c: see aliyun_sign.h. */
#include "watch/aliyun_sign.h"

#include <stdlib.h>
#include <string.h>

enum { CANONICAL_BYTES_MAX = 256 * 1024 };
#define SIGNED_HEADERS                                                                             \
    "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct aliyun_param *)a)->name, ((const struct aliyun_param *)b)->name);
}

static void add_query(const struct aliyun_call *call, struct buf *query) {
    struct aliyun_param sorted[ALIYUN_PARAMS_MAX];
    INVARIANT(call->param_count > 0 && call->param_count <= ALIYUN_PARAMS_MAX, "1 to 16 of them");
    memcpy(sorted, call->params, sizeof *sorted * (size_t)call->param_count);
    qsort(sorted, (size_t)call->param_count, sizeof *sorted, by_name);
    for (int i = 0; i < call->param_count; i++) {
        buf_add_text(query, i > 0 ? "&" : "");
        buf_add_urlencoded(query, sorted[i].name);
        buf_add_char(query, '=');
        buf_add_urlencoded(query, sorted[i].value);
    }
}

void aliyun_sign(const struct aliyun_call *call, struct buf *query, struct buf *authorization,
                 char ret_body_hex[SHA256_HEX_CHARS + 1]) {
    unsigned char mac[SHA256_BYTES];
    char hex[SHA256_HEX_CHARS + 1];
    size_t begin = query->len;
    BUF_AUTO text;
    buf_init(&text, CANONICAL_BYTES_MAX);
    crypto_sha256_hex(call->body, strlen(call->body), ret_body_hex);
    add_query(call, query);
    buf_addf(&text, "%s\n/\n", call->method);
    buf_add_text(&text, query->data + begin);
    buf_addf(&text,
             "\nhost:%s\nx-acs-action:%s\nx-acs-content-sha256:%s\nx-acs-date:%s\n"
             "x-acs-signature-nonce:%s\nx-acs-version:%s\n\n" SIGNED_HEADERS "\n%s",
             call->host, call->action, ret_body_hex, call->date, call->nonce, call->version,
             ret_body_hex);
    INVARIANT(buf_ok(&text), "what is configured has limits");
    crypto_sha256_hex(text.data, text.len, hex);
    buf_clear(&text);
    buf_addf(&text, "ACS3-HMAC-SHA256\n%s", hex);
    crypto_hmac_sha256(call->key_secret, strlen(call->key_secret), text.data, text.len, mac);
    crypto_hex(mac, sizeof mac, hex);
    buf_addf(authorization,
             "ACS3-HMAC-SHA256 Credential=%s,SignedHeaders=" SIGNED_HEADERS ",Signature=%s",
             call->key_id, hex);
}
