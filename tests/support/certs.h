/* SPDX-License-Identifier: Apache-2.0
 * certs.h: certificates for tests, made anew each time: a CA, and server certificates that are
 * good, expired or for another host; one more that signed itself. They say "localhost" and
 * 127.0.0.1.
 * Owns: a folder under TMPDIR, until certs_remove(). Failures abort: it is a test's tool. */
#ifndef HOLDFAST_TESTS_CERTS_H
#define HOLDFAST_TESTS_CERTS_H

#include "base/compiler.h"

enum cert_kind { CERT_GOOD, CERT_EXPIRED, CERT_OTHER_HOST, CERT_SELF_SIGNED, CERT_KINDS };

enum { CERT_PATH_MAX = 160 };
struct certs {
    char folder[CERT_PATH_MAX - 32];
    char ca_path[CERT_PATH_MAX];
    char cert_path[CERT_KINDS][CERT_PATH_MAX];
    char key_path[CERT_PATH_MAX]; /* one key for all of them */
};

void certs_make(struct certs *ret_certs);
void certs_remove(const struct certs *certs);

#endif
