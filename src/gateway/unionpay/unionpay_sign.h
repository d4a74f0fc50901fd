/* SPDX-License-Identifier: Apache-2.0
 * unionpay_sign.h: the signatures of UnionPay's messages (ACP 5.1.0): making them (requests; the
 * sandbox's answers and notifies) and verifying them when the key is at hand.
 *
 * B is the text that is signed (unionpay_message.h), H(x) the lower-case hexadecimal SHA-256 of x.
 *   signMethod 01  base 64 of RSA PKCS#1 v1.5 with SHA-256 over the 64 characters of H(B): hashed
 *                  twice. `certId`, the decimal serial number of the certificate, is in B; answers
 *                  and notifies bear the certificate itself, signPubKeyCert, which is in B too.
 *   signMethod 11  H(B "&" H(secure key)).
 * Whether a certificate is UnionPay's is unionpay_trust.h's. Threads: any. Errors: ERR_CRYPTO for a
 * key that cannot sign. Source: UnionPay's ACP SDK. */
#ifndef HOLDFAST_GATEWAY_UNIONPAY_SIGN_H
#define HOLDFAST_GATEWAY_UNIONPAY_SIGN_H

#include "base/crypto.h"
#include "base/id.h"
#include "base/secret.h"
#include "gateway/unionpay/unionpay_message.h"

#define UNIONPAY_VERSION "5.1.0"
#define UNIONPAY_BY_RSA "01"
#define UNIONPAY_BY_KEY "11"

enum {
    UNIONPAY_CERT_ID_MAX = 52, /* 20 octets in decimal, with the NUL */
    UNIONPAY_TIME_MAX = 15,    /* yyyyMMddHHmmss, with the NUL */
};

/* With which a message is signed: `key` and `cert_id`, or `secure_key`. All borrowed. */
struct unionpay_signer {
    const struct rsa_key *key;
    const char *cert_id;
    const char *cert_pem; /* signPubKeyCert, which UnionPay's own messages bear; NULL: none */
    const struct secret *secure_key;
};

/* Sets signMethod, certId, signPubKeyCert as it must, and signature. */
MUST_USE int unionpay_sign(struct unionpay_message *message, const struct unionpay_signer *signer,
                           struct err *err);
/* H(B). */
void unionpay_digest(const struct unionpay_message *message, char ret_hex[SHA256_HEX_CHARS + 1]);
/* signMethod 01, with that key. */
MUST_USE bool unionpay_verify_rsa(const struct unionpay_message *message,
                                  const struct rsa_key *key);
/* signMethod 11. */
MUST_USE bool unionpay_verify_key(const struct unionpay_message *message,
                                  const struct secret *secure_key);

/* A certificate's serial number in decimal, as certId has it; "" when it has none. */
void unionpay_cert_id(const struct x509_cert *cert, char ret_id[UNIONPAY_CERT_ID_MAX]);

/* A moment as txnTime has it: yyyyMMddHHmmss in Beijing, which has no daylight saving. */
void unionpay_time(int64_t wall_us, char ret_time[UNIONPAY_TIME_MAX]);
MUST_USE bool unionpay_time_read(const char *time, int64_t *ret_wall_us);
/* "att_01J…" of the orderId "att01J…", which has no '_'; "" when it is none of ours. */
void unionpay_reference_of(const char *order_id, char ret_reference[ID_TEXT_MAX]);

#endif
