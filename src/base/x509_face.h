/* SPDX-License-Identifier: Apache-2.0
 * x509_face.h: what stands on the face of certificates, for protocols that name a certificate by
 * its issuer and serial number. Nothing is verified here: that is crypto.h. Owns: nothing; the
 * caller's structs hold the text. Threads: any. Errors: ERR_CRYPTO for what is no certificate. */
#ifndef HOLDFAST_BASE_X509_FACE_H
#define HOLDFAST_BASE_X509_FACE_H

#include "base/compiler.h"
#include "base/err.h"

enum { X509_ISSUER_CHARS_MAX = 1023, X509_SERIAL_CHARS_MAX = 63 };

struct x509_face {
    /* "CN=…,OU=…,O=…,C=…": RFC 2253's order, the values in UTF-8 and not escaped. */
    char issuer[X509_ISSUER_CHARS_MAX + 1];
    char serial[X509_SERIAL_CHARS_MAX + 1]; /* decimal */
    bool rsa_signed;                        /* its signature's algorithm is one of PKCS#1's */
};

/* The faces of a bundle's certificates, in its order. ERR_CRYPTO: there is none, more than
 * `faces_max`, or one that cannot be read. */
MUST_USE int x509_faces_read(const char *pem, size_t count, struct x509_face *ret_faces,
                             int faces_max, int *ret_count, struct err *err);

#endif
