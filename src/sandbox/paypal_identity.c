/* SPDX-License-Identifier: Apache-2.0
 * paypal_identity.c: makes a CA and a certificate under it. */
#include "sandbox/paypal_identity.h"

#include "base/clock.h"
#include "base/openssl.h"

enum { KEY_BITS = 2048, DAY_S = 24 * 3600, DAYS_VALID = 3650 };
#define CERT_NAME "messageverificationcerts.sandbox.paypal.com"
#define CA_NAME "Holdfast sandbox CA"

static int failed(struct err *err) {
    return err_set(err, ERR_CRYPTO, "the sandbox's certificate could not be made");
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool added = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

struct cert_parts {
    const char *name;
    EVP_PKEY *key;
    X509 *issuer; /* NULL: itself */
    EVP_PKEY *issuer_key;
    const char *constraints, *usage;
    int64_t now_us;
    long serial;
};

/* NULL: it could not be made. */
static X509 *cert_make(const struct cert_parts *parts) {
    X509 *cert = X509_new();
    time_t now_s = (time_t)(parts->now_us / US_PER_SECOND);
    X509_NAME *subject = cert != NULL ? X509_get_subject_name(cert) : NULL;
    bool made = cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(cert), parts->serial) == 1 &&
                X509_time_adj_ex(X509_getm_notBefore(cert), -1, 0, &now_s) != NULL &&
                X509_time_adj_ex(X509_getm_notAfter(cert), DAYS_VALID, 0, &now_s) != NULL &&
                X509_set_pubkey(cert, parts->key) == 1 &&
                X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                           (const unsigned char *)parts->name, -1, -1, 0) == 1 &&
                X509_set_issuer_name(cert, parts->issuer != NULL
                                               ? X509_get_subject_name(parts->issuer)
                                               : subject) == 1;
    X509 *issuer = parts->issuer != NULL ? parts->issuer : cert;
    made = made && add_extension(cert, issuer, NID_basic_constraints, parts->constraints) &&
           add_extension(cert, issuer, NID_key_usage, parts->usage) &&
           X509_sign(cert, parts->issuer_key, EVP_sha256()) > 0;
    if (!made) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

/* What a memory BIO holds, as text; free(). */
static char *bio_text(BIO *bio) {
    char *bytes = NULL;
    long count = BIO_get_mem_data(bio, &bytes);
    char *text = calloc(1, (size_t)count + 1);
    INVARIANT(text != NULL, "no memory for a certificate");
    if (count > 0) {
        memcpy(text, bytes, (size_t)count);
    }
    return text;
}

static char *cert_text(X509 *cert) {
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = bio != NULL && PEM_write_bio_X509(bio, cert) == 1 ? bio_text(bio) : NULL;
    BIO_free(bio);
    return text;
}

static int read_keys(EVP_PKEY *key, struct sb_paypal_identity *identity, struct err *err) {
    BIO *private_bio = BIO_new(BIO_s_mem());
    BIO *public_bio = BIO_new(BIO_s_mem());
    int rc = -1;
    if (private_bio != NULL && public_bio != NULL &&
        PEM_write_bio_PrivateKey(private_bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
        PEM_write_bio_PUBKEY(public_bio, key) == 1) {
        char *private_pem = bio_text(private_bio);
        char *public_pem = bio_text(public_bio);
        rc = rsa_key_private(private_pem, strlen(private_pem), &identity->key, err);
        rc = rc == 0 ? rsa_key_public(public_pem, strlen(public_pem), &identity->public_key, err)
                     : rc;
        explicit_bzero(private_pem, strlen(private_pem));
        free(private_pem);
        free(public_pem);
    } else {
        rc = failed(err);
    }
    BIO_free(private_bio);
    BIO_free(public_bio);
    return rc;
}

static int identity_fill(struct sb_paypal_identity *identity, EVP_PKEY *ca_key, EVP_PKEY *key,
                         int64_t now_us, struct err *err) {
    const struct cert_parts ca_parts = {.name = CA_NAME,
                                        .key = ca_key,
                                        .issuer_key = ca_key,
                                        .constraints = "critical,CA:TRUE",
                                        .usage = "critical,keyCertSign,cRLSign",
                                        .now_us = now_us,
                                        .serial = 1};
    X509 *ca = cert_make(&ca_parts);
    const struct cert_parts parts = {.name = CERT_NAME,
                                     .key = key,
                                     .issuer = ca,
                                     .issuer_key = ca_key,
                                     .constraints = "critical,CA:FALSE",
                                     .usage = "critical,digitalSignature",
                                     .now_us = now_us,
                                     .serial = 2};
    X509 *cert = ca != NULL ? cert_make(&parts) : NULL;
    identity->ca_pem = ca != NULL ? cert_text(ca) : NULL;
    identity->cert_pem = cert != NULL ? cert_text(cert) : NULL;
    X509_free(cert);
    X509_free(ca);
    if (identity->ca_pem == NULL || identity->cert_pem == NULL) {
        return failed(err);
    }
    char hex[SHA256_HEX_CHARS + 1];
    crypto_sha256_hex(identity->cert_pem, strlen(identity->cert_pem), hex);
    snprintf(identity->cert_name, sizeof(identity->cert_name), "CERT-%.8s-%.8s", hex, hex + 8);
    return read_keys(key, identity, err);
}

int sb_paypal_identity_new(int64_t now_us, struct sb_paypal_identity **ret_identity,
                           struct err *err) {
    struct sb_paypal_identity *identity = calloc(1, sizeof(*identity));
    INVARIANT(identity != NULL, "no memory for a certificate");
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_RSA_gen(KEY_BITS);
    int rc = ca_key != NULL && key != NULL ? identity_fill(identity, ca_key, key, now_us, err)
                                           : failed(err);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    if (rc < 0) {
        sb_paypal_identity_free(identity);
        return rc;
    }
    *ret_identity = identity;
    return 0;
}

void sb_paypal_identity_free(struct sb_paypal_identity *identity) {
    if (identity != NULL) {
        rsa_key_free(identity->key);
        rsa_key_free(identity->public_key);
        free(identity->cert_pem);
        free(identity->ca_pem);
        free(identity);
    }
}
