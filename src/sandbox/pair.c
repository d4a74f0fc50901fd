/* SPDX-License-Identifier: Apache-2.0
 * pair.c: makes keys and certificates. */
#include "sandbox/pair.h"

#include "base/clock.h"
#include "base/openssl.h"
#include "base/random.h"

enum { KEY_BITS = 2048, DAYS_VALID = 3650, SERIAL_BYTES = 20 };

struct sb_pair_parts {
    EVP_PKEY *key;
    X509 *cert;
};

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

static bool add_name(X509_NAME *subject, const char *field, const char *text) {
    return text == NULL || X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                                                      (const unsigned char *)text, -1, -1, 0) == 1;
}

/* Twenty bytes, positive and never shorter, so that its hexadecimal text has forty figures. */
static bool set_serial(X509 *cert, struct sb_pair *pair) {
    unsigned char bytes[SERIAL_BYTES];
    random_bytes(bytes, sizeof(bytes));
    bytes[0] = (unsigned char)((bytes[0] & 0x3f) | 0x40);
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    char *decimal = number != NULL ? BN_bn2dec(number) : NULL;
    bool set = hex != NULL && decimal != NULL &&
               BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
    if (set) {
        snprintf(pair->serial_hex, sizeof(pair->serial_hex), "%s", hex);
        snprintf(pair->serial_decimal, sizeof(pair->serial_decimal), "%s", decimal);
    }
    OPENSSL_free(hex);
    OPENSSL_free(decimal);
    BN_free(number);
    return set;
}

/* NULL: it could not be made. */
static X509 *cert_make(const struct sb_pair_options *options, struct sb_pair *pair) {
    X509 *cert = X509_new();
    EVP_PKEY *key = pair->parts->key;
    time_t now_s = (time_t)(options->now_us / US_PER_SECOND);
    X509_NAME *subject = cert != NULL ? X509_get_subject_name(cert) : NULL;
    X509 *issuer = options->issuer != NULL ? options->issuer->parts->cert : cert;
    bool made = cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
                set_serial(cert, pair) &&
                X509_time_adj_ex(X509_getm_notBefore(cert), -1, 0, &now_s) != NULL &&
                X509_time_adj_ex(X509_getm_notAfter(cert), DAYS_VALID, 0, &now_s) != NULL &&
                X509_set_pubkey(cert, key) == 1 && add_name(subject, "C", "CN") &&
                add_name(subject, "O", options->organization) &&
                add_name(subject, "CN", options->name) &&
                X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1;
    made = made &&
           add_extension(cert, issuer, NID_basic_constraints,
                         options->ca ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
           add_extension(cert, issuer, NID_key_usage,
                         options->ca ? "critical,keyCertSign,cRLSign"
                                     : "critical,digitalSignature") &&
           X509_sign(cert, options->issuer != NULL ? options->issuer->parts->key : key,
                     EVP_sha256()) > 0;
    if (!made) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

/* What was written into a memory BIO, as text; free(). NULL when it was not written. */
static char *bio_text(BIO *bio, bool written) {
    char *bytes = NULL, *text = NULL;
    if (bio != NULL && written) {
        long count = BIO_get_mem_data(bio, &bytes);
        text = calloc(1, (size_t)count + 1);
        INVARIANT(text != NULL && count > 0, "no memory for a certificate");
        memcpy(text, bytes, (size_t)count);
    }
    BIO_free(bio);
    return text;
}

static int read_texts(struct sb_pair *pair, bool elliptic, struct err *err) {
    BIO *bio = BIO_new(BIO_s_mem());
    pair->private_pem = bio_text(
        bio, bio != NULL &&
                 PEM_write_bio_PrivateKey(bio, pair->parts->key, NULL, NULL, 0, NULL, NULL) == 1);
    bio = BIO_new(BIO_s_mem());
    pair->public_pem = bio_text(bio,
                                bio != NULL && PEM_write_bio_PUBKEY(bio, pair->parts->key) == 1);
    bio = BIO_new(BIO_s_mem());
    pair->cert_pem = bio_text(bio, bio != NULL && PEM_write_bio_X509(bio, pair->parts->cert) == 1);
    if (pair->private_pem == NULL || pair->public_pem == NULL || pair->cert_pem == NULL) {
        return failed(err);
    }
    if (elliptic) {
        return 0;
    }
    int rc = rsa_key_private(pair->private_pem, strlen(pair->private_pem), &pair->key, err);
    return rc < 0
               ? rc
               : rsa_key_public(pair->public_pem, strlen(pair->public_pem), &pair->public_key, err);
}

int sb_pair_new(const struct sb_pair_options *options, struct sb_pair **ret_pair, struct err *err) {
    struct sb_pair *pair = calloc(1, sizeof(*pair));
    INVARIANT(pair != NULL, "no memory for a certificate");
    pair->parts = calloc(1, sizeof(*pair->parts));
    INVARIANT(pair->parts != NULL, "no memory for a certificate");
    pair->parts->key = options->elliptic ? EVP_EC_gen("P-256") : EVP_RSA_gen(KEY_BITS);
    pair->parts->cert = pair->parts->key != NULL ? cert_make(options, pair) : NULL;
    int rc = pair->parts->cert != NULL ? read_texts(pair, options->elliptic, err) : failed(err);
    if (rc < 0) {
        sb_pair_free(pair);
        return rc;
    }
    *ret_pair = pair;
    return 0;
}

void sb_pair_free(struct sb_pair *pair) {
    if (pair == NULL) {
        return;
    }
    rsa_key_free(pair->key);
    rsa_key_free(pair->public_key);
    EVP_PKEY_free(pair->parts->key);
    X509_free(pair->parts->cert);
    free(pair->parts);
    if (pair->private_pem != NULL) {
        explicit_bzero(pair->private_pem, strlen(pair->private_pem));
    }
    free(pair->private_pem);
    free(pair->public_pem);
    free(pair->cert_pem);
    free(pair);
}
