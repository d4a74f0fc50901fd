/* SPDX-License-Identifier: Apache-2.0
 * x509_face.c: issuer, serial number and signature algorithm of certificates. */
#include "base/x509_face.h"

#include <limits.h>

#include "base/openssl.h"

/* 1.2.840.113549.1.1: the arc of PKCS#1. */
#define PKCS1_ARC "1.2.840.113549.1.1."

static bool write_issuer(X509 *cert, char ret_issuer[X509_ISSUER_CHARS_MAX + 1]) {
    BIO *bio = BIO_new(BIO_s_mem());
    INVARIANT(bio != NULL, "out of memory");
    unsigned long flags = XN_FLAG_SEP_COMMA_PLUS | XN_FLAG_DN_REV | XN_FLAG_FN_SN |
                          ASN1_STRFLGS_UTF8_CONVERT;
    bool written = X509_NAME_print_ex(bio, X509_get_issuer_name(cert), 0, flags) >= 0;
    char *text = NULL;
    long count = BIO_get_mem_data(bio, &text);
    written = written && count >= 0 && count <= X509_ISSUER_CHARS_MAX &&
              (count == 0 || memchr(text, '\0', (size_t)count) == NULL);
    if (written) {
        snprintf(ret_issuer, X509_ISSUER_CHARS_MAX + 1, "%.*s", (int)count,
                 text != NULL ? text : "");
    }
    BIO_free(bio);
    return written;
}

static bool write_serial(X509 *cert, char ret_serial[X509_SERIAL_CHARS_MAX + 1]) {
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *text = number != NULL ? BN_bn2dec(number) : NULL;
    bool written = text != NULL && strlen(text) <= X509_SERIAL_CHARS_MAX;
    if (written) {
        snprintf(ret_serial, X509_SERIAL_CHARS_MAX + 1, "%s", text);
    }
    OPENSSL_free(text);
    BN_free(number);
    return written;
}

static bool is_rsa_signed(const X509 *cert) {
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *object = NULL;
    char oid[80];
    X509_get0_signature(NULL, &algorithm, cert);
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    return OBJ_obj2txt(oid, sizeof(oid), object, 1) > 0 &&
           strncmp(oid, PKCS1_ARC, strlen(PKCS1_ARC)) == 0;
}

static int read_face(X509 *cert, struct x509_face *ret_face, struct err *err) {
    if (!write_issuer(cert, ret_face->issuer) || !write_serial(cert, ret_face->serial)) {
        return err_set(err, ERR_CRYPTO, "the certificate's issuer or serial number is too long");
    }
    ret_face->rsa_signed = is_rsa_signed(cert);
    return 0;
}

static int no_passphrase(char *text, int bytes_max, int writing, void *context) {
    return -1;
}

int x509_faces_read(const char *pem, size_t count, struct x509_face *ret_faces, int faces_max,
                    int *ret_count, struct err *err) {
    ERR_clear_error();
    BIO *bio = count <= INT_MAX ? BIO_new_mem_buf(pem, (int)count) : NULL;
    int faces = 0;
    int rc = bio != NULL ? 0 : err_set(err, ERR_CRYPTO, "the PEM text is too long");
    X509 *cert = NULL;
    while (rc == 0 && (cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        rc = faces < faces_max
                 ? read_face(cert, &ret_faces[faces++], err)
                 : err_set(err, ERR_CRYPTO, "there are more than %d certificates", faces_max);
        X509_free(cert);
    }
    bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (rc == 0 && (faces == 0 || !ended)) {
        rc = err_set(err, ERR_CRYPTO, "there is no certificate, or one that cannot be read");
    }
    ERR_clear_error();
    BIO_free(bio);
    if (rc == 0) {
        *ret_count = faces;
    }
    return rc;
}
