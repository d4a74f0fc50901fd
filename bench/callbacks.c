/* SPDX-License-Identifier: Apache-2.0
 * callbacks.c: sends signed callbacks as fast as the service acknowledges them, over kept
 * connections, and prints one line of figures.
 *
 *   callbacks ADAPTER PORT CONNECTIONS COUNT VECTORS [CERT_PORT]
 *
 * All are signed before the clock starts; each is an event of its own (signed.h). PayPal's
 * certificate is served on CERT_PORT, where the service's gateway has its base URL. What is
 * measured is verifying, storing once, committing and acknowledging. Then the first hundred are
 * sent once more. Exit status 1 when one was refused or the run broke off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "net/http_server.h"
#include "signed.h"
#include "wire.h"

enum { COUNT_MAX = 1000000, AGAIN = 100 };

struct made {
    char **requests;
    size_t *bytes;
};

/* A callback as the bytes of its request. */
static void keep(struct made *made, int64_t number, const char *gateway,
                 const struct signed_callback *callback) {
    BUF_AUTO request;
    buf_init(&request, WIRE_REQUEST_BYTES_MAX);
    buf_addf(&request, "POST /callbacks/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n", gateway);
    for (int i = 0; i < callback->header_count; i++) {
        buf_addf(&request, "%s: %s\r\n", callback->headers[i].name, callback->headers[i].value);
    }
    buf_addf(&request, "Content-Length: %zu\r\n\r\n", callback->body_bytes);
    buf_add(&request, callback->body, callback->body_bytes);
    INVARIANT(buf_ok(&request), "a callback fits");
    made->bytes[number] = request.len;
    made->requests[number] = buf_take(&request);
}

static size_t request(void *ctx, int64_t number, char *room, size_t bytes_max) {
    const struct made *made = ctx;
    memcpy(room, made->requests[number], made->bytes[number]);
    return made->bytes[number];
}

/* ---- the certificate ---- */

static void serve_cert(void *ctx, const struct http_request *asked, struct http_reply *reply) {
    const struct signer *signer = ctx;
    reply->status = strcmp(asked->path, SIGNED_CERT_PATH) == 0 ? 200 : 404;
    http_reply_body(reply, "application/x-pem-file", signer->cert, strlen(signer->cert));
}

static int start_certs(struct signer *signer, struct http_server **ret_server, struct err *err) {
    char address[32];
    struct http_listener *listener = NULL;
    snprintf(address, sizeof address, "127.0.0.1:%d", signer->cert_port);
    struct http_listener_options options = {
        .address = address, .handler = serve_cert, .ctx = signer};
    int r = http_server_new(1, ret_server, err);
    r = r < 0 ? r : http_server_listen(*ret_server, &options, &listener, err);
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

static int measure(struct signer *signer, char **argv, int64_t count, struct err *err) {
    struct made made = {0};
    struct http_server *server = NULL;
    int r = signer->cert_port > 0 ? start_certs(signer, &server, err) : 0;
    made.requests = calloc((size_t)count, sizeof *made.requests);
    made.bytes = calloc((size_t)count, sizeof *made.bytes);
    INVARIANT(made.requests != NULL && made.bytes != NULL, "out of memory");
    for (int64_t i = 0; r >= 0 && i < count; i++) {
        struct signed_callback callback;
        signed_make(signer, i, &callback);
        keep(&made, i, signer->gateway, &callback);
        signed_release(&callback);
    }
    int port = (int)strtol(argv[2], NULL, 10), connections = (int)strtol(argv[3], NULL, 10);
    r = r < 0 ? r : send_all(&made, port, connections, count, true, err);
    r = r < 0 ? r : send_all(&made, port, 1, count < AGAIN ? count : AGAIN, false, err);
    for (int64_t i = 0; i < count; i++) {
        free(made.requests[i]);
    }
    free(made.requests);
    free(made.bytes);
    http_server_free(server);
    return r;
}

int main(int argc, char **argv) {
    int64_t count = argc == 6 || argc == 7 ? strtoll(argv[4], NULL, 10) : 0;
    struct signer signer;
    struct err err = {0};
    if (count < 1 || count > COUNT_MAX) {
        fprintf(stderr, "usage: callbacks ADAPTER PORT CONNECTIONS COUNT VECTORS [CERT_PORT]\n");
        return 2;
    }
    crypto_init();
    int r = signer_open(argv[1], argv[5], argc == 7 ? (int)strtol(argv[6], NULL, 10) : 0, &signer,
                        &err);
    if (r >= 0) {
        r = measure(&signer, argv, count, &err);
        signer_close(&signer);
    }
    if (r < 0) {
        fprintf(stderr, "callbacks: %s\n", err.detail);
    }
    return r < 0;
}
