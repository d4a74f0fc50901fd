/* SPDX-License-Identifier: Apache-2.0
 * registry.h: the configured gateways and the adapters that exist.
 * Threads: opened before, closed after all others; reading is free for all. */
#ifndef HOLDFAST_GATEWAY_REGISTRY_H
#define HOLDFAST_GATEWAY_REGISTRY_H

#include "gateway/gateway.h"

struct breaker_settings;
struct keyring_settings;

/* What the configuration says of one gateway (cli/ and api/ fill it from YAML). Text borrowed. */
struct gateway_settings {
    const char *name, *adapter, *base_url;
    struct {
        const char *name, *reference;
    } credentials[GATEWAY_CREDENTIALS_MAX];
    int credential_count;
    struct {
        const char *name, *value;
    } options[GATEWAY_OPTIONS_MAX];
    int option_count;
    const char *callback_url; /* where its callbacks reach us; NULL: not said */
    const char *const *methods;
    int method_count; /* none: all the adapter has */
    const char *const *currencies;
    int currency_count;
    const char *const *regions;
    int region_count;
    int64_t amount_minor_min, amount_minor_max;
    int priority, weight; /* weight 0: 100 */
    int64_t cost_fixed_minor, cost_basis_points;
    int64_t timeout_ms; /* 0: 10,000 */
    int64_t callback_due_ms;
    int concurrency_max;                    /* bulkhead; 0: 512 */
    const struct breaker_settings *breaker; /* health.h; NULL: the defaults */
    const struct keyring_settings *keys;    /* keyring.h; NULL: the defaults, no keystore. What it
                                               points to is borrowed as long as the registry */
};

struct gateway_registry;
MUST_USE int gateway_registry_open(const struct gateway_settings *settings, int count,
                                   struct gateway_registry **ret_registry, struct err *err);
void gateway_registry_close(struct gateway_registry *registry);
int gateway_count(const struct gateway_registry *registry);
struct gateway *gateway_at(const struct gateway_registry *registry, int index);
struct gateway *gateway_find(const struct gateway_registry *registry,
                             const char *name);               /* or NULL */
const struct gateway_adapter *adapter_find(const char *name); /* or NULL */

#endif
