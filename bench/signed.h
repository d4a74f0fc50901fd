/* SPDX-License-Identifier: Apache-2.0
 * signed.h: callbacks as each gateway signs them, for the benchmarks: each an event of its own, of
 * a kind that no payment hangs on, so that what is measured is the callback and nothing behind it.
 *
 * The keys are those of tests/vectors. Threads: one. Owns: a signer owns its keys until
 * signer_close(); a callback its texts until signed_release(). Errors: ERR_IO, ERR_CRYPTO. */
#ifndef HOLDFAST_BENCH_SIGNED_H
#define HOLDFAST_BENCH_SIGNED_H

#include "gateway/gateway.h"
#include "gateway/registry.h"

enum { SIGNED_HEADERS_MAX = 6, SIGNED_PEM_BYTES_MAX = 16384 };

enum scheme { SCHEME_STRIPE, SCHEME_PAYPAL, SCHEME_ALIPAY, SCHEME_WECHAT, SCHEME_UNIONPAY };

struct signer {
    enum scheme scheme;
    const char *adapter, *gateway; /* as configured: "stripe", "stripe-eu" */
    const char *how;               /* "HMAC", "RSA", … */
    const char *type;              /* of the body */
    char vectors[512];
    uint64_t run;
    struct rsa_key *key;
    char cert[SIGNED_PEM_BYTES_MAX + 1]; /* that callbacks name or bear */
    char cert_id[64];
    int cert_port; /* PayPal's certificate is fetched from there */
};

struct signed_callback {
    struct http_header headers[SIGNED_HEADERS_MAX];
    int header_count;
    char *body;
    size_t body_bytes;
    char *values[SIGNED_HEADERS_MAX];
};

/* By the adapter's name. ERR_VALIDATION: there is none. */
MUST_USE int signer_open(const char *adapter, const char *vectors, int cert_port,
                         struct signer *ret_signer, struct err *err);
void signer_close(struct signer *signer);
void signed_make(struct signer *signer, int64_t number, struct signed_callback *ret_callback);
void signed_release(struct signed_callback *callback);
/* How the gateway whose callbacks these are is configured; texts live with the signer. */
void signer_settings(const struct signer *signer, struct gateway_settings *ret_settings);
/* The path of the certificate that PayPal's callbacks name. */
#define SIGNED_CERT_PATH "/v1/notifications/certs/CERT-bench"

#endif
