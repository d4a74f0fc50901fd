/* SPDX-License-Identifier: Apache-2.0
 * paypal_identity.c: a CA and a certificate under it. */
#include "sandbox/paypal_identity.h"

#define CERT_NAME "messageverificationcerts.sandbox.paypal.com"
#define CA_NAME "Holdfast sandbox CA"

static void fill(struct sb_paypal_identity *identity) {
    char hex[SHA256_HEX_CHARS + 1];
    identity->key = identity->signer->key;
    identity->public_key = identity->signer->public_key;
    identity->cert_pem = identity->signer->cert_pem;
    identity->ca_pem = identity->ca->cert_pem;
    crypto_sha256_hex(identity->cert_pem, strlen(identity->cert_pem), hex);
    snprintf(identity->cert_name, sizeof(identity->cert_name), "CERT-%.8s-%.8s", hex, hex + 8);
}

int sb_paypal_identity_new(int64_t now_us, struct sb_paypal_identity **ret_identity,
                           struct err *err) {
    struct sb_paypal_identity *identity = calloc(1, sizeof(*identity));
    INVARIANT(identity != NULL, "no memory for a certificate");
    struct sb_pair_options options = {
        .name = CA_NAME, .ca = true, .elliptic = true, .now_us = now_us};
    int rc = sb_pair_new(&options, &identity->ca, err);
    if (rc == 0) {
        options = (struct sb_pair_options){
            .name = CERT_NAME, .issuer = identity->ca, .now_us = now_us};
        rc = sb_pair_new(&options, &identity->signer, err);
    }
    if (rc < 0) {
        sb_paypal_identity_free(identity);
        return rc;
    }
    fill(identity);
    *ret_identity = identity;
    return 0;
}

void sb_paypal_identity_free(struct sb_paypal_identity *identity) {
    if (identity != NULL) {
        sb_pair_free(identity->signer);
        sb_pair_free(identity->ca);
        free(identity);
    }
}
