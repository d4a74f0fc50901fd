/* SPDX-License-Identifier: Apache-2.0
 * certs.c: makes the test certificates with OpenSSL: a P-256 key for the CA and one for servers. */
#include "support/certs.h"

#include <unistd.h>

#include "base/openssl.h"

enum { DAY_S = 24 * 3600 };

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    INVARIANT(extension != NULL && X509_add_ext(cert, extension, -1) == 1, "no extension");
    X509_EXTENSION_free(extension);
}

/* `issuer` NULL: it signs itself. */
static X509 *make_cert(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                       long from_s, long to_s, const char *hosts) {
    X509 *cert = X509_new();
    INVARIANT(cert != NULL, "out of memory");
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_set_version(cert, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(cert), from_s);
    X509_gmtime_adj(X509_getm_notAfter(cert), to_s);
    X509_set_pubkey(cert, key);
    X509_NAME *subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : subject);
    if (hosts != NULL) {
        add_extension(cert, issuer != NULL ? issuer : cert, NID_subject_alt_name, hosts);
    } else {
        add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
    }
    INVARIANT(X509_sign(cert, issuer_key, EVP_sha256()) > 0, "not signed");
    return cert;
}

static void write_pem(const char *path, X509 *cert, EVP_PKEY *key) {
    FILE *file = fopen(path, "w");
    INVARIANT(file != NULL, "cannot write a certificate");
    int rc = cert != NULL ? PEM_write_X509(file, cert)
                          : PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    INVARIANT(rc == 1 && fclose(file) == 0, "cannot write a certificate");
    X509_free(cert);
}

void certs_make(struct certs *ret_certs) {
    static const char hosts[] = "DNS:localhost,IP:127.0.0.1";
    static const char *const names[CERT_KINDS] = {"good", "expired", "other-host", "self-signed"};
    struct certs *certs = ret_certs;
    char folder[sizeof(certs->folder)];
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/holdfast-certs-XXXXXX", tmp != NULL ? tmp : "/tmp");
    INVARIANT(mkdtemp(folder) != NULL, "no temporary folder");
    memcpy(certs->folder, folder, sizeof(folder));
    snprintf(certs->ca_path, CERT_PATH_MAX, "%s/ca.pem", folder);
    snprintf(certs->key_path, CERT_PATH_MAX, "%s/key.pem", folder);
    for (int i = 0; i < CERT_KINDS; i++) {
        snprintf(certs->cert_path[i], CERT_PATH_MAX, "%s/%s.pem", folder, names[i]);
    }
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    INVARIANT(ca_key != NULL && key != NULL, "no keys");
    X509 *ca = make_cert("Holdfast test CA", ca_key, NULL, ca_key, -DAY_S, 10 * DAY_S, NULL);
    write_pem(certs->cert_path[CERT_GOOD],
              make_cert("localhost", key, ca, ca_key, -DAY_S, DAY_S, hosts), NULL);
    write_pem(certs->cert_path[CERT_EXPIRED],
              make_cert("localhost", key, ca, ca_key, -2 * DAY_S, -DAY_S, hosts), NULL);
    write_pem(certs->cert_path[CERT_OTHER_HOST],
              make_cert("example.test", key, ca, ca_key, -DAY_S, DAY_S, "DNS:example.test"), NULL);
    write_pem(certs->cert_path[CERT_SELF_SIGNED],
              make_cert("localhost", key, NULL, key, -DAY_S, DAY_S, hosts), NULL);
    write_pem(certs->key_path, NULL, key);
    write_pem(certs->ca_path, ca, NULL);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
}

void certs_remove(const struct certs *certs) {
    for (int i = 0; i < CERT_KINDS; i++) {
        unlink(certs->cert_path[i]);
    }
    unlink(certs->key_path);
    unlink(certs->ca_path);
    rmdir(certs->folder);
}
