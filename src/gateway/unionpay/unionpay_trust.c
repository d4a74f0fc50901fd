/* SPDX-License-Identifier: Apache-2.0
 * unionpay_trust.c: which certificates are UnionPay's. */
#include "gateway/unionpay/unionpay_trust.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

void unionpay_trust_init(struct unionpay_trust *trust, const char *root_pem, const char *middle_pem,
                         bool test) {
    BUF_AUTO cas;
    *trust = (struct unionpay_trust){.test = test};
    lock_init(&trust->lock);
    buf_init(&cas, (size_t)4 * UNIONPAY_CERT_BYTES_MAX);
    buf_addf(&cas, "%s\n%s\n", root_pem, middle_pem);
    trust->cas = buf_take(&cas);
}

static void clear(struct unionpay_cert *cert) {
    rsa_key_free(cert->key);
    *cert = (struct unionpay_cert){0};
}

void unionpay_trust_release(struct unionpay_trust *trust) {
    for (int i = 0; i < UNIONPAY_CERTS_MAX; i++) {
        clear(&trust->kept[i]);
    }
    free(trust->cas);
    lock_free(&trust->lock);
    *trust = (struct unionpay_trust){0};
}

bool unionpay_name_ok(const char *name, bool test) {
    for (int part = 0; part < 2; part++) {
        name = strchr(name, '@');
        if (name == NULL) {
            return false;
        }
        name++;
    }
    size_t count = strcspn(name, "@");
    bool company = count == strlen(UNIONPAY_COMPANY) && memcmp(name, UNIONPAY_COMPANY, count) == 0;
    return company || (test && count == strlen(UNIONPAY_TEST_SIGNER) &&
                       memcmp(name, UNIONPAY_TEST_SIGNER, count) == 0);
}

static int read_cert(const struct unionpay_trust *trust, const char *pem, int64_t now_us,
                     struct rsa_key **ret_key, int64_t *ret_until_us, struct err *err) {
    struct x509_cert *cert = NULL;
    struct err why;
    size_t count = strlen(pem);
    if (count == 0 || count > UNIONPAY_CERT_BYTES_MAX ||
        x509_cert_read(pem, count, &cert, &why) < 0) {
        return err_set(err, ERR_SIGNATURE, "the message bears no certificate that can be read");
    }
    int rc = x509_cert_check(cert, trust->cas, now_us, &why);
    if (rc < 0) {
        rc = err_set(err, ERR_SIGNATURE, "the certificate that signed it is not trusted: %s",
                     why.detail);
    } else if (!unionpay_name_ok(x509_cert_name(cert), trust->test)) {
        rc = err_set(err, ERR_SIGNATURE, "the certificate that signed it is not UnionPay's");
    } else {
        *ret_until_us = x509_cert_not_after_us(cert);
        rc = x509_cert_key(cert, ret_key, &why);
        if (rc < 0) {
            rc = err_set(err, ERR_SIGNATURE, "the certificate's key cannot be used: %s",
                         why.detail);
        }
    }
    x509_cert_free(cert);
    return rc;
}

static struct unionpay_cert *find(struct unionpay_trust *trust, const char *digest,
                                  int64_t now_us) {
    for (int i = 0; i < UNIONPAY_CERTS_MAX; i++) {
        struct unionpay_cert *cert = &trust->kept[i];
        if (strcmp(cert->digest, digest) == 0 && cert->checked_us <= now_us &&
            now_us < cert->until_us) {
            return cert;
        }
    }
    return NULL;
}

/* The place that nobody uses and that was used longest ago. */
static struct unionpay_cert *place(struct unionpay_trust *trust) {
    struct unionpay_cert *best = NULL;
    for (int i = 0; i < UNIONPAY_CERTS_MAX; i++) {
        struct unionpay_cert *cert = &trust->kept[i];
        if (cert->users == 0 && (best == NULL || cert->used_us < best->used_us)) {
            best = cert;
        }
    }
    return best;
}

int unionpay_trust_take(struct unionpay_trust *trust, const char *pem, int64_t now_us,
                        struct unionpay_cert **ret_cert, struct err *err) {
    char digest[SHA256_HEX_CHARS + 1];
    crypto_sha256_hex(pem, strlen(pem), digest);
    lock_take(&trust->lock);
    struct unionpay_cert *cert = find(trust, digest, now_us);
    if (cert == NULL) {
        /* Not under the lock: anybody may send certificates that take long to be refused. */
        struct rsa_key *key = NULL;
        int64_t until_us = 0;
        lock_give(&trust->lock);
        int rc = read_cert(trust, pem, now_us, &key, &until_us, err);
        if (rc < 0) {
            return rc;
        }
        lock_take(&trust->lock);
        cert = place(trust);
        if (cert == NULL) {
            lock_give(&trust->lock);
            rsa_key_free(key);
            return err_set(err, ERR_UNREACHABLE,
                           "all places for UnionPay's certificates are in use");
        }
        clear(cert);
        memcpy(cert->digest, digest, sizeof(digest));
        cert->key = key;
        cert->checked_us = now_us;
        cert->until_us = until_us;
    }
    cert->used_us = clock_mono_us();
    cert->users++;
    *ret_cert = cert;
    lock_give(&trust->lock);
    return 0;
}

void unionpay_trust_give(struct unionpay_trust *trust, struct unionpay_cert *cert) {
    lock_take(&trust->lock);
    cert->users--;
    lock_give(&trust->lock);
}
