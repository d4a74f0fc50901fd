/* SPDX-License-Identifier: Apache-2.0
 * callbacks.c: sends signed callbacks as fast as the service acknowledges them, over kept
 * connections, and prints one line of figures.
 *
 *   callbacks stripe PORT CONNECTIONS COUNT
 *   callbacks paypal PORT CONNECTIONS COUNT CERT_PORT KEY CERT
 *
 * All are signed before the clock starts; each is an event of its own. PayPal's are signed with the
 * private key in the file KEY, whose certificate (CERT) is served on CERT_PORT, where the service's
 * gateway has its base URL. Their events are none that a payment hangs on: what is measured is
 * verifying, storing once, committing and acknowledging. Then the first hundred are sent once more.
 * Exit status 1 when one was refused or the run broke off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/random.h"
#include "gateway/paypal/paypal_sign.h"
#include "gateway/stripe/stripe_sign.h"
#include "net/http_server.h"
#include "sandbox/sandbox.h"
#include "wire.h"

enum { BODY_BYTES_MAX = 2048, COUNT_MAX = 1000000, PEM_BYTES_MAX = 16384, AGAIN = 100 };
#define CERT_PATH "/v1/notifications/certs/CERT-bench"

struct made {
    char **requests;
    size_t *bytes;
    uint64_t run;
    struct rsa_key *key; /* PayPal's */
    int cert_port;
};

static void keep(struct made *made, int64_t number, const char *path, const char *headers,
                 const char *body, size_t body_bytes) {
    char request[WIRE_REQUEST_BYTES_MAX];
    int bytes = snprintf(request, sizeof request,
                         "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                         "%sContent-Length: %zu\r\n\r\n%s",
                         path, headers, body_bytes, body);
    INVARIANT(bytes > 0 && (size_t)bytes < sizeof request, "a callback fits");
    made->requests[number] = strdup(request);
    made->bytes[number] = (size_t)bytes;
}

static void make_stripe(struct made *made, int64_t number) {
    static const char secret[] = SANDBOX_STRIPE_WEBHOOK_SECRET;
    char body[BODY_BYTES_MAX], header[STRIPE_SIGNATURE_CHARS_MAX + 1], headers[256];
    int64_t now_s = clock_wall_us() / US_PER_SECOND;
    int count = snprintf(
        body, sizeof body,
        "{\"id\":\"evt_%08llx%08lld\",\"object\":\"event\",\"api_version\":\"2024-06-20\","
        "\"created\":%lld,\"type\":\"customer.updated\",\"livemode\":false,\"pending_webhooks\":1,"
        "\"request\":{\"id\":\"req_%lld\",\"idempotency_key\":null},\"data\":{\"object\":{\"id\":"
        "\"cus_%lld\",\"object\":\"customer\",\"balance\":0,\"created\":%lld,\"currency\":\"usd\","
        "\"delinquent\":false,\"description\":\"A customer of the benchmark\",\"email\":"
        "\"someone@example.com\",\"invoice_prefix\":\"0759376C\",\"name\":null,\"phone\":null}}}",
        (unsigned long long)made->run, (long long)number, (long long)now_s, (long long)number,
        (long long)number, (long long)now_s);
    struct stripe_secret key = {secret, sizeof secret - 1};
    stripe_sign(&key, now_s, body, (size_t)count, header);
    snprintf(headers, sizeof headers, "Stripe-Signature: %s\r\n", header);
    keep(made, number, "/callbacks/stripe-eu", headers, body, (size_t)count);
}

static void make_paypal(struct made *made, int64_t number) {
    char body[BODY_BYTES_MAX], id[64], time[CLOCK_TEXT_MAX], headers[2048];
    int64_t now_us = clock_wall_us() / US_PER_SECOND * US_PER_SECOND;
    clock_format(now_us, time);
    snprintf(id, sizeof id, "%08llx-bench-%lld", (unsigned long long)made->run, (long long)number);
    int count = snprintf(
        body, sizeof body,
        "{\"id\":\"WH-%08llx-%lld\",\"event_version\":\"1.0\",\"create_time\":\"%s\","
        "\"resource_type\":\"identity\",\"event_type\":\"IDENTITY.AUTHORIZATION-CONSENT.REVOKED\","
        "\"summary\":\"A consent was revoked\",\"resource\":{\"id\":\"C-%lld\",\"user_id\":"
        "\"https://www.paypal.com/webapps/auth/identity/user/%lld\"},\"links\":[]}",
        (unsigned long long)made->run, (long long)number, time, (long long)number,
        (long long)number);
    struct paypal_transmission transmission = {id, time, SANDBOX_PAYPAL_WEBHOOK_ID, body,
                                               (size_t)count};
    char *signature = NULL;
    struct err err = {0};
    int r = paypal_sign(made->key, &transmission, &signature, &err);
    INVARIANT(r == 0, "the key signs");
    snprintf(headers, sizeof headers,
             "PAYPAL-TRANSMISSION-ID: %s\r\nPAYPAL-TRANSMISSION-TIME: %s\r\n"
             "PAYPAL-TRANSMISSION-SIG: %s\r\nPAYPAL-AUTH-ALGO: " PAYPAL_AUTH_ALGO "\r\n"
             "PAYPAL-CERT-URL: http://127.0.0.1:%d" CERT_PATH "\r\n",
             id, time, signature, made->cert_port);
    keep(made, number, "/callbacks/paypal-eu", headers, body, (size_t)count);
    free(signature);
}

static size_t request(void *ctx, int64_t number, char *room, size_t bytes_max) {
    const struct made *made = ctx;
    memcpy(room, made->requests[number], made->bytes[number]);
    return made->bytes[number];
}

/* ---- the certificate ---- */

static void serve_cert(void *ctx, const struct http_request *asked, struct http_reply *reply) {
    reply->status = strcmp(asked->path, CERT_PATH) == 0 ? 200 : 404;
    http_reply_body(reply, "application/x-pem-file", ctx, strlen(ctx));
}

static int start_certs(struct made *made, char **argv, char *cert, struct http_server **ret_server,
                       struct err *err) {
    char address[32], key[PEM_BYTES_MAX + 1];
    size_t key_bytes = 0, cert_bytes = 0;
    made->cert_port = (int)strtol(argv[5], NULL, 10);
    snprintf(address, sizeof address, "127.0.0.1:%d", made->cert_port);
    int r = file_read(argv[6], key, PEM_BYTES_MAX, &key_bytes, err);
    r = r < 0 ? r : rsa_key_private(key, key_bytes, &made->key, err);
    r = r < 0 ? r : file_read(argv[7], cert, PEM_BYTES_MAX, &cert_bytes, err);
    r = r < 0 ? r : http_server_new(1, ret_server, err);
    if (r < 0) {
        return r;
    }
    struct http_listener *listener = NULL;
    struct http_listener_options options = {.address = address, .handler = serve_cert, .ctx = cert};
    r = http_server_listen(*ret_server, &options, &listener, err);
    return r < 0 ? r : http_server_start(*ret_server, err);
}

/* ---- the run ---- */

static int send_all(struct made *made, int port, int connections, int64_t count, bool show,
                    struct err *err) {
    struct wire_run run = {.port = port,
                           .connections = connections,
                           .requests_max = count,
                           .request = request,
                           .ctx = made};
    struct wire_result result;
    int r = wire_run(&run, &result, err);
    if (result.bad > 0) {
        return err_set(err, ERR_GATEWAY, "%lld of %lld were refused, first: %d %.200s",
                       (long long)result.bad, (long long)count, result.status_bad, result.body_bad);
    }
    if (show && r >= 0) {
        printf("per_s=%.0f sent=%lld good=%lld p50_us=%lld p99_us=%lld\n",
               (double)result.good * 1e6 / (double)(result.elapsed_us + 1), (long long)result.sent,
               (long long)result.good, (long long)result.p50_us, (long long)result.p99_us);
    }
    return r;
}

static int measure(struct made *made, int argc, char **argv, struct err *err) {
    bool paypal = strcmp(argv[1], "paypal") == 0;
    int64_t count = strtoll(argv[4], NULL, 10);
    struct http_server *server = NULL;
    char cert[PEM_BYTES_MAX + 1];
    int r = paypal ? start_certs(made, argv, cert, &server, err) : 0;
    made->run = random_u64() & 0xffffffff;
    made->requests = calloc((size_t)count, sizeof *made->requests);
    made->bytes = calloc((size_t)count, sizeof *made->bytes);
    INVARIANT(made->requests != NULL && made->bytes != NULL, "out of memory");
    for (int64_t i = 0; r >= 0 && i < count; i++) {
        if (paypal) {
            make_paypal(made, i);
        } else {
            make_stripe(made, i);
        }
    }
    int port = (int)strtol(argv[2], NULL, 10), connections = (int)strtol(argv[3], NULL, 10);
    r = r < 0 ? r : send_all(made, port, connections, count, true, err);
    r = r < 0 ? r : send_all(made, port, 1, count < AGAIN ? count : AGAIN, false, err);
    for (int64_t i = 0; i < count; i++) {
        free(made->requests[i]);
    }
    free(made->requests);
    free(made->bytes);
    rsa_key_free(made->key);
    http_server_free(server);
    return r;
}

int main(int argc, char **argv) {
    bool paypal = argc == 8 && strcmp(argv[1], "paypal") == 0;
    bool stripe = argc == 5 && strcmp(argv[1], "stripe") == 0;
    if ((!paypal && !stripe) || strtoll(argv[4], NULL, 10) < 1 ||
        strtoll(argv[4], NULL, 10) > COUNT_MAX) {
        fprintf(stderr, "usage: callbacks stripe PORT CONNECTIONS COUNT\n"
                        "       callbacks paypal PORT CONNECTIONS COUNT CERT_PORT KEY CERT\n");
        return 2;
    }
    crypto_init();
    struct made made = {0};
    struct err err = {0};
    int r = measure(&made, argc, argv, &err);
    if (r < 0) {
        fprintf(stderr, "callbacks: %s\n", err.detail);
    }
    return r < 0;
}
