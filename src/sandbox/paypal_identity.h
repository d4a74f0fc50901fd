/* SPDX-License-Identifier: Apache-2.0
 * paypal_identity.h: the key with which the simulated PayPal signs its webhooks, and the
 * certificate that vouches for it, made anew at each start under a CA of its own. Threads: any once
 * it is made. Owns: the pairs. Errors: ERR_CRYPTO. */
#ifndef HOLDFAST_SANDBOX_PAYPAL_IDENTITY_H
#define HOLDFAST_SANDBOX_PAYPAL_IDENTITY_H

#include "base/compiler.h"
#include "base/err.h"
#include "sandbox/pair.h"

struct sb_paypal_identity {
    struct sb_pair *ca, *signer;
    const struct rsa_key *key, *public_key; /* the signer's */
    const char *cert_pem, *ca_pem;
    char cert_name[32]; /* "CERT-360caa42-fca2a594" */
};

/* Valid from a day before `now_us` (wall) on, for ten years. */
MUST_USE int sb_paypal_identity_new(int64_t now_us, struct sb_paypal_identity **ret_identity,
                                    struct err *err);
void sb_paypal_identity_free(struct sb_paypal_identity *identity); /* NULL is fine */

#endif
