/* SPDX-License-Identifier: Apache-2.0
 * paypal_cert.h: the certificates with which PayPal signs its webhooks, fetched from the address
 * that the transmission itself names, and therefore trusted only when all of this holds:
 *   1. the address is https at a host under paypal.com, in their folder of certificates; or, for
 * the sandbox, at exactly the configured base URL when that is on this machine;
 *   2. the certificate chains to a CA of the system, or of the credential "webhook_ca" when there
 * is one, and is valid now;
 *   3. its subject's name is paypal.com or ends in ".paypal.com".
 * Kept by address, PAYPAL_CERTS_MAX of them. Anybody can send a callback that names an address
 * under paypal.com where there is nothing, so fetches are one at a time and PAYPAL_CERT_FETCHES_MAX
 * a minute; callbacks signed with a certificate that is kept are not held up by that. Threads: any.
 * Owns: the certificates. Errors: ERR_SIGNATURE (not to be trusted), ERR_UNREACHABLE (cannot be
 * fetched now). */
#ifndef HOLDFAST_GATEWAY_PAYPAL_CERT_H
#define HOLDFAST_GATEWAY_PAYPAL_CERT_H

#include "base/crypto.h"
#include "base/task.h"
#include "gateway/gateway.h"

enum {
    PAYPAL_CERTS_MAX = 8,
    PAYPAL_CERT_URL_CHARS_MAX = 500,
    PAYPAL_CERT_BYTES_MAX = 64 * 1024,
    PAYPAL_CERT_FETCHES_MAX = 12,
};
#define PAYPAL_CERT_PATH "/v1/notifications/certs/"

struct paypal_cert {
    char url[PAYPAL_CERT_URL_CHARS_MAX + 1]; /* "": free */
    struct rsa_key *key;
    int64_t not_after_us; /* wall */
    int64_t used_us;      /* monotonic */
    int users;            /* it stays while somebody verifies with it */
};

struct paypal_certs {
    struct lock lock;
    struct cond changed;
    struct paypal_cert kept[PAYPAL_CERTS_MAX];
    bool fetching;
    int64_t minute_us; /* monotonic start of the present minute of fetches */
    int fetches;       /* in it */
};

void paypal_certs_init(struct paypal_certs *certs);
void paypal_certs_release(struct paypal_certs *certs);
/* Rule 1. */
MUST_USE bool paypal_cert_url_ok(const struct gateway *gateway, const char *url);
/* The certificate at that address, to be given back with _give(). */
MUST_USE int paypal_cert_take(struct paypal_certs *certs, const struct gateway_call *call,
                              const char *url, int64_t now_us, struct paypal_cert **ret_cert,
                              struct err *err);
void paypal_cert_give(struct paypal_certs *certs, struct paypal_cert *cert);

#endif
