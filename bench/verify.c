/* SPDX-License-Identifier: Apache-2.0
 * verify.c: how fast one task verifies callbacks, without HTTP and without a store.
 *
 *   verify ADAPTER COUNT VECTORS
 *
 * So many are signed, each an event of its own; then the clock starts, and each goes through the
 * adapter's verify_callback(). Prints one line of figures; exit status 1 when one was refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "gateway/keyring.h"
#include "signed.h"

enum { COUNT_MAX = 100000 };

/* PayPal's certificate, whatever is asked for. */
static int answer(void *ctx, const struct http_call *asked, struct http_answer *ret_answer,
                  struct err *err) {
    const struct signer *signer = ctx;
    static const struct http_header headers[] = {{"Content-Type", "application/x-pem-file"}};
    (void)asked;
    (void)err;
    http_answer_fill(ret_answer, 200, headers, COUNT_OF(headers), signer->cert,
                     strlen(signer->cert));
    return 0;
}

static int verify_all(const struct gateway_call *call, const struct signed_callback *callbacks,
                      int count, struct err *err) {
    struct gateway_event event;
    for (int i = 0; i < count; i++) {
        const struct gateway_callback_request request = {
            .headers = callbacks[i].headers,
            .header_count = callbacks[i].header_count,
            .body = callbacks[i].body,
            .body_bytes = callbacks[i].body_bytes,
            .now_us = clock_wall_us(),
        };
        int r = call->gateway->adapter->verify_callback(call, &request, &event, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int measure(struct signer *signer, int count, struct err *err) {
    static const struct http_client_ops ops = {answer, NULL};
    struct gateway_settings settings;
    struct gateway_registry *registry = NULL;
    signer_settings(signer, &settings);
    int r = gateway_registry_open(&settings, 1, &registry, err);
    if (r < 0) {
        return r;
    }
    struct signed_callback *callbacks = calloc((size_t)count, sizeof *callbacks);
    INVARIANT(callbacks != NULL, "out of memory");
    for (int i = 0; i < count; i++) {
        signed_make(signer, i, &callbacks[i]);
    }
    const struct gateway_call call = {
        .gateway = keyring_take(gateway_at(registry, 0)),
        .client = http_client_custom(&ops, signer),
        .deadline_us = clock_mono_us() + 600 * US_PER_SECOND,
    };
    int64_t began_us = clock_mono_us();
    r = verify_all(&call, callbacks, count, err);
    int64_t took_us = clock_mono_us() - began_us;
    if (r == 0) {
        printf("per_s=%.0f us_each=%.1f body_bytes=%zu how=%s\n",
               (double)count * 1e6 / (double)(took_us + 1), (double)took_us / count,
               callbacks[0].body_bytes, signer->how);
    }
    for (int i = 0; i < count; i++) {
        signed_release(&callbacks[i]);
    }
    free(callbacks);
    keyring_drop(call.gateway);
    http_client_free(call.client);
    gateway_registry_close(registry);
    return r;
}

int main(int argc, char **argv) {
    struct signer signer;
    struct err err = {0};
    int count = argc == 4 ? (int)strtol(argv[2], NULL, 10) : 0;
    if (count < 1 || count > COUNT_MAX) {
        fprintf(stderr, "usage: verify ADAPTER COUNT VECTORS\n");
        return 2;
    }
    crypto_init();
    int r = signer_open(argv[1], argv[3], 1, &signer, &err);
    r = r < 0 ? r : measure(&signer, count, &err);
    if (r < 0) {
        fprintf(stderr, "verify: %s\n", err.detail);
    } else {
        signer_close(&signer);
    }
    return r < 0;
}
