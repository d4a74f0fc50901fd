/* SPDX-License-Identifier: Apache-2.0
 * openssl.h: OpenSSL's headers, for the few files that call it.
 *
 * OpenSSL declares a type ERR_STATE (its error queue, which nobody here touches by that name); our
 * errors.def makes an error of that name. While OpenSSL's headers are read, its type has another
 * name; the two never meet. Include this instead of <openssl/…>. Owns nothing. */
#ifndef HOLDFAST_BASE_OPENSSL_H
#define HOLDFAST_BASE_OPENSSL_H

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

/* From where OpenSSL draws, for keys that are to be the same in each program; NULL: as ever.
 * There is no newer way. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static inline void openssl_chance_set(const RAND_METHOD *method) {
    (void)RAND_set_rand_method(method);
}
#pragma GCC diagnostic pop

#endif
