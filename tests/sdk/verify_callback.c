/* SPDX-License-Identifier: Apache-2.0
 * verify_callback.c: our Stripe adapter's verification as a program, for the SDK's tests.
 *
 * One argument: the webhook's secret. Each line of standard input is "<unix seconds> <header>
 * <body>" with header and body in base 64; each line of output is what adapter_verify() says. */
#include "gateway/stripe/stripe.h"

#include "adapter.h"

static void answer(struct gateway_call *call, char *line, int64_t now_us) {
    char *save = NULL;
    const char *time = strtok_r(line, " ", &save);
    const char *header_text = strtok_r(NULL, " ", &save);
    const char *body_text = strtok_r(NULL, " ", &save);
    INVARIANT(time != NULL && header_text != NULL && body_text != NULL, "a line has three parts");
    size_t header_bytes = 0, body_bytes = 0;
    char *header = adapter_decoded(header_text, &header_bytes);
    char *body = adapter_decoded(body_text, &body_bytes);
    const struct http_header headers[] = {{"Stripe-Signature", header}};
    const struct gateway_callback_request request = {
        .headers = headers,
        .header_count = 1,
        .body = body,
        .body_bytes = body_bytes,
        .now_us = strtoll(time, NULL, 10) * US_PER_SECOND,
    };
    adapter_verify(call, &request);
    free(header);
    free(body);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fputs("usage: verify_callback SECRET\n", stderr);
        return 2;
    }
    crypto_init();
    struct gateway gateway = {.adapter = &stripe_adapter};
    struct gateway_call call = {.gateway = &gateway};
    gateway_add_secret(&gateway, "webhook_secret", argv[1]);
    adapter_lines(answer, &call, 0); /* each line says its own time */
    secret_free(gateway.credentials[0].value);
    return 0;
}
