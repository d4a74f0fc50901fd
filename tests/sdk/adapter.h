/* SPDX-License-Identifier: Apache-2.0
 * adapter.h: what our adapters as programs share: one adapter for the program's whole life, lines
 * in, and what it makes of a notification out. Header only. */
#ifndef HOLDFAST_TESTS_SDK_ADAPTER_H
#define HOLDFAST_TESTS_SDK_ADAPTER_H

#include "base/clock.h"
#include "base/crypto.h"
#include "support/gateway_by_hand.h"

/* Ends the program when what it was given cannot be used. */
static inline void adapter_open(struct gateway *gateway) {
    struct err err = {0};
    if (gateway->adapter->open(gateway, &err) < 0) {
        fprintf(stderr, "%s\n", err.detail);
        exit(2);
    }
}

static inline struct http_client *adapter_client(void) {
    struct http_client *client = NULL;
    struct err err = {0};
    if (http_client_new(&(struct http_client_options){0}, &client, &err) < 0) {
        fprintf(stderr, "%s\n", err.detail);
        exit(2);
    }
    return client;
}

/* Each line of standard input, without its end; `line` may be cut up. `now_us` is handed on. */
static inline void adapter_lines(void (*fn)(struct gateway_call *call, char *line, int64_t now_us),
                                 struct gateway_call *call, int64_t now_us) {
    enum { LINE_BYTES_MAX = 256 * 1024 };
    char *line = calloc(1, LINE_BYTES_MAX);
    INVARIANT(line != NULL, "no memory for a line");
    while (fgets(line, LINE_BYTES_MAX, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        fn(call, line, now_us);
        fflush(stdout);
    }
    free(line);
}

/* A text in base 64; its bytes are followed by a NUL. free() */
static inline char *adapter_decoded(const char *text, size_t *ret_count) {
    unsigned char *bytes = crypto_unbase64(text, ret_count);
    INVARIANT(bytes != NULL, "the test writes base 64");
    char *copy = calloc(1, *ret_count + 1);
    INVARIANT(copy != NULL, "no memory for a line");
    memcpy(copy, bytes, *ret_count);
    free(bytes);
    return copy;
}

/* Prints "accepted <event id> <type> <reference> <amount>", "refused" (the signature) or
 * "unreadable" (genuine, but no event). */
static inline void adapter_verify(const struct gateway_call *call,
                                  const struct gateway_callback_request *request) {
    struct gateway_event event = {0};
    struct err err = {0};
    if (call->gateway->adapter->verify_callback(call, request, &event, &err) < 0) {
        puts(err.code == ERR_SIGNATURE ? "refused" : "unreadable");
        return;
    }
    printf("accepted %s %s %s %lld\n", event.event_id, event.type, event.reference,
           (long long)event.amount_minor);
}

#endif
