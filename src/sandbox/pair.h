/* SPDX-License-Identifier: Apache-2.0
 * pair.h: a key and the certificate that vouches for it, made while a sandbox runs: nothing secret
 * stands in the source, and nothing that was made opens more than this sandbox. Threads: any, once
 * it is made. Owns: the key and the texts. Errors: ERR_CRYPTO. */
#ifndef HOLDFAST_SANDBOX_PAIR_H
#define HOLDFAST_SANDBOX_PAIR_H

#include "base/compiler.h"
#include "base/crypto.h"
#include "base/err.h"

enum { SB_SERIAL_HEX_CHARS = 40, SB_SERIAL_DECIMAL_MAX = 49 };

struct sb_pair {
    struct rsa_key *key, *public_key; /* NULL of an elliptic one */
    char *private_pem, *public_pem, *cert_pem;
    char serial_hex[SB_SERIAL_HEX_CHARS + 1]; /* of the certificate, capitals */
    char serial_decimal[SB_SERIAL_DECIMAL_MAX + 1];
    struct sb_pair_parts *parts; /* for what it vouches for */
};

struct sb_pair_options {
    const char *name;             /* the subject's common name, UTF-8 */
    const char *organization;     /* or NULL */
    const struct sb_pair *issuer; /* NULL: it vouches for itself */
    bool ca;
    bool elliptic;  /* P-256, which is made at once; else RSA of 2048 bits */
    int64_t now_us; /* wall: valid from a day before on, for ten years */
};

MUST_USE int sb_pair_new(const struct sb_pair_options *options, struct sb_pair **ret_pair,
                         struct err *err);
void sb_pair_free(struct sb_pair *pair); /* NULL is fine */

#endif
