/* SPDX-License-Identifier: Apache-2.0
 * verify_callback.c: our Stripe adapter's verification as a program, for the SDK's tests.
 *
 * One argument: the webhook's secret. Each line of standard input is "<unix seconds> <header>
 * <body>" with header and body in base 64; each line of output is what the adapter makes of it:
 * "accepted <event id> <type>", "refused" (the signature), or "unreadable" (genuine, but no event).
 */
#include "base/crypto.h"
#include "gateway/stripe/stripe.h"

enum { LINE_BYTES_MAX = 256 * 1024 };

/* Base 64 into a text; the length goes to `ret_count` when it is not NULL. */
static char *decoded(const char *text, size_t *ret_count) {
    size_t count = 0;
    unsigned char *bytes = crypto_unbase64(text, &count);
    INVARIANT(bytes != NULL, "the test writes base 64");
    char *copy = calloc(1, count + 1);
    INVARIANT(copy != NULL, "no memory for a line");
    memcpy(copy, bytes, count);
    free(bytes);
    if (ret_count != NULL) {
        *ret_count = count;
    }
    return copy;
}

static void answer(struct gateway *gateway, char *line) {
    char *save = NULL;
    const char *time = strtok_r(line, " \n", &save);
    const char *header_text = strtok_r(NULL, " \n", &save);
    const char *body_text = strtok_r(NULL, " \n", &save);
    INVARIANT(time != NULL && header_text != NULL && body_text != NULL, "a line has three parts");
    size_t body_bytes = 0;
    char *header = decoded(header_text, NULL);
    char *body = decoded(body_text, &body_bytes);
    const struct http_header headers[] = {{"Stripe-Signature", header}};
    const struct gateway_call call = {.gateway = gateway};
    const struct gateway_callback_request request = {
        .headers = headers,
        .header_count = 1,
        .body = body,
        .body_bytes = body_bytes,
        .now_us = strtoll(time, NULL, 10) * 1000000,
    };
    struct gateway_event event;
    struct err err = {0};
    if (stripe_adapter.verify_callback(&call, &request, &event, &err) == 0) {
        printf("accepted %s %s\n", event.event_id, event.type);
    } else {
        puts(err.code == ERR_SIGNATURE ? "refused" : "unreadable");
    }
    free(header);
    free(body);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fputs("usage: verify_callback SECRET\n", stderr);
        return 2;
    }
    crypto_init();
    struct gateway gateway = {.adapter = &stripe_adapter, .credential_count = 1};
    snprintf(gateway.credentials[0].name, sizeof(gateway.credentials[0].name), "webhook_secret");
    gateway.credentials[0].value = secret_new(argv[1], strlen(argv[1]));
    char *line = calloc(1, LINE_BYTES_MAX);
    INVARIANT(line != NULL, "no memory for a line");
    while (fgets(line, LINE_BYTES_MAX, stdin) != NULL) {
        answer(&gateway, line);
    }
    free(line);
    secret_free(gateway.credentials[0].value);
    return 0;
}
