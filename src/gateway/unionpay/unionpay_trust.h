/* SPDX-License-Identifier: Apache-2.0
 * unionpay_trust.h: which certificates are UnionPay's. Every answer and notify brings the
 * certificate that signed it; it is believed only when all of this holds:
 *   1. it chains to the configured root, through the configured middle CA or another that came with
 *      it, and is valid now;
 *   2. its subject has one common name "a@b@c@d" whose third part is UnionPay's company name. The
 *      CA issues merchants' certificates as well, so a chain alone proves nothing. UnionPay's test
 *      system signs as "00040000:SIGN", which counts only when the gateway is marked as a test.
 * What was found is kept by the certificate's bytes, UNIONPAY_CERTS_MAX of them, until it expires.
 * Threads: any. Owns: the kept keys. Errors: ERR_SIGNATURE. */
#ifndef HOLDFAST_GATEWAY_UNIONPAY_TRUST_H
#define HOLDFAST_GATEWAY_UNIONPAY_TRUST_H

#include "base/crypto.h"
#include "base/task.h"

enum { UNIONPAY_CERTS_MAX = 4, UNIONPAY_CERT_BYTES_MAX = 16 * 1024 };
#define UNIONPAY_COMPANY "\u4e2d\u56fd\u94f6\u8054\u80a1\u4efd\u6709\u9650\u516c\u53f8"
#define UNIONPAY_TEST_SIGNER "00040000:SIGN"

struct unionpay_cert {
    char digest[SHA256_HEX_CHARS + 1]; /* of the text that came; "": free */
    struct rsa_key *key;
    int64_t checked_us, until_us; /* wall: believed from the one to before the other */
    int64_t used_us;              /* monotonic */
    int users;                    /* it stays while somebody verifies with it */
};

struct unionpay_trust {
    struct lock lock;
    char *cas; /* PEM: the root and the middle CA */
    bool test;
    struct unionpay_cert kept[UNIONPAY_CERTS_MAX];
};

/* Copies the texts. */
void unionpay_trust_init(struct unionpay_trust *trust, const char *root_pem, const char *middle_pem,
                         bool test);
void unionpay_trust_release(struct unionpay_trust *trust);
/* The key of a certificate that holds what is said above, to be given back with _give(). */
MUST_USE int unionpay_trust_take(struct unionpay_trust *trust, const char *pem, int64_t now_us,
                                 struct unionpay_cert **ret_cert, struct err *err);
void unionpay_trust_give(struct unionpay_trust *trust, struct unionpay_cert *cert);
/* Rule 2. */
MUST_USE bool unionpay_name_ok(const char *name, bool test);

#endif
