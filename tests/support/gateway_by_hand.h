/* SPDX-License-Identifier: Apache-2.0
 * gateway_by_hand.h: a gateway that a test puts together itself, without the registry: its options
 * and secrets one by one. Header only, and without a test framework, because fuzz targets and
 * programs use it too: what cannot be ends the program.
 * Threads: one. Owns: the secrets, until gateway_take_apart(). */
#ifndef HOLDFAST_TESTS_GATEWAY_BY_HAND_H
#define HOLDFAST_TESTS_GATEWAY_BY_HAND_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/gateway.h"

static inline void gateway_add_option(struct gateway *gateway, const char *name,
                                      const char *value) {
    INVARIANT(gateway->option_count < GATEWAY_OPTIONS_MAX, "there is room for one more option");
    struct gateway_option *one = &gateway->options[gateway->option_count++];
    snprintf(one->name, sizeof one->name, "%s", name);
    snprintf(one->value, sizeof one->value, "%s", value);
}

static inline void gateway_add_secret(struct gateway *gateway, const char *name,
                                      const char *value) {
    INVARIANT(gateway->credential_count < GATEWAY_CREDENTIALS_MAX && value != NULL,
              "there is a secret, and room for it");
    struct gateway_credential *one = &gateway->credentials[gateway->credential_count++];
    snprintf(one->name, sizeof one->name, "%s", name);
    one->value = secret_new(value, strlen(value));
}

/* What stands in that file, without the line end at its end. */
static inline void gateway_add_file(struct gateway *gateway, const char *name, const char *path) {
    INVARIANT(gateway->credential_count < GATEWAY_CREDENTIALS_MAX, "there is room for a secret");
    struct gateway_credential *one = &gateway->credentials[gateway->credential_count++];
    char reference[640];
    struct err err = {0};
    snprintf(reference, sizeof reference, "file:%s", path);
    snprintf(one->name, sizeof one->name, "%s", name);
    if (secret_load(reference, &one->value, &err) < 0) {
        fprintf(stderr, "%s\n", err.detail);
        exit(2);
    }
}

/* Closes it and forgets its secrets. */
static inline void gateway_take_apart(struct gateway *gateway) {
    gateway->adapter->close(gateway);
    for (int i = 0; i < gateway->credential_count; i++) {
        secret_free(gateway->credentials[i].value);
    }
    gateway->credential_count = 0;
}

#endif
