/* SPDX-License-Identifier: Apache-2.0
 * alipay_identity.c: the keys and certificates of the simulated Alipay and of its shop. */
#include "sandbox/alipay.h"

static int pair_under(const char *name, const struct sb_pair *root, int64_t now_us,
                      struct sb_pair **ret_pair, struct err *err) {
    const struct sb_pair_options options = {
        .name = name,
        .organization = "Holdfast sandbox",
        .issuer = root,
        .ca = root == NULL,
        .now_us = now_us,
    };
    return sb_pair_new(&options, ret_pair, err);
}

int sb_ali_identity_new(int64_t now_us, void **ret_identity, struct err *err) {
    struct sb_ali_identity *identity = calloc(1, sizeof(*identity));
    INVARIANT(identity != NULL, "no memory for the sandbox's keys");
    int rc = pair_under("Sandbox Alipay Root", NULL, now_us, &identity->root, err);
    rc = rc == 0 ? pair_under("Sandbox Alipay", identity->root, now_us, &identity->platform, err)
                 : rc;
    rc = rc == 0 ? pair_under("Sandbox shop", identity->root, now_us, &identity->merchant, err)
                 : rc;
    if (rc == 0) {
        const char *root = identity->root->cert_pem;
        const char *platform = identity->platform->cert_pem;
        const char *merchant = identity->merchant->cert_pem;
        rc = alipay_root_cert_sn(root, strlen(root), identity->root_sn, err);
        rc = rc == 0 ? alipay_cert_sn(platform, strlen(platform), identity->platform_sn, err) : rc;
        rc = rc == 0 ? alipay_cert_sn(merchant, strlen(merchant), identity->merchant_sn, err) : rc;
    }
    if (rc < 0) {
        sb_ali_identity_free(identity);
        return rc;
    }
    *ret_identity = identity;
    return 0;
}

void sb_ali_identity_free(void *given) {
    struct sb_ali_identity *identity = given;
    if (identity == NULL) {
        return;
    }
    sb_pair_free(identity->root);
    sb_pair_free(identity->platform);
    sb_pair_free(identity->merchant);
    free(identity);
}

const char *sb_ali_paper(const void *given, const char *name) {
    const struct sb_ali_identity *identity = given;
    const struct {
        const char *name, *text;
    } papers[] = {
        {"merchant.key.pem", identity->merchant->private_pem},
        {"merchant.pub.pem", identity->merchant->public_pem},
        {"merchant.crt.pem", identity->merchant->cert_pem},
        {"alipay.pub.pem", identity->platform->public_pem},
        {"alipay.crt.pem", identity->platform->cert_pem},
        {"root.crt.pem", identity->root->cert_pem},
    };
    for (size_t i = 0; i < COUNT_OF(papers); i++) {
        if (strcmp(papers[i].name, name) == 0) {
            return papers[i].text;
        }
    }
    return NULL;
}
