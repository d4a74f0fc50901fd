/* SPDX-License-Identifier: Apache-2.0
 * service_config.h: what holdfast.yaml may say (docs/configuration.md shows every key).
 * Owns: a configuration belongs to whoever read it, until service_config_free().
 * Threads: read once, before the service starts. Errors: ERR_CONFIG with file and line. */
#ifndef HOLDFAST_API_SERVICE_CONFIG_H
#define HOLDFAST_API_SERVICE_CONFIG_H

#include "base/compiler.h"
#include "base/err.h"
#include "payment/payments.h"

struct config_listener {
    char *address;
    char *tls_certificate, *tls_key;
    char *key; /* reference to the key that the internal listener asks for; absent: none */
    unsigned workers, queue;
};

struct config_store {
    char *url;
    bool *migrate; /* absent: yes for SQLite, no for PostgreSQL */
    char *backup_dir;
    unsigned pool;
    bool no_prepare;
};

struct config_credential {
    char *name, *from;
};

struct config_cost {
    unsigned fixed_minor, basis_points;
};

struct config_gateway {
    char *name, *adapter, *base_url;
    struct config_credential *credentials;
    unsigned credentials_count;
    char **methods;
    unsigned methods_count;
    char **currencies;
    unsigned currencies_count;
    char **regions;
    unsigned regions_count;
    uint64_t amount_min, amount_max;
    unsigned priority, weight;
    struct config_cost cost;
    unsigned timeout_ms, callback_due_s, concurrency;
};

struct config_rule {
    char *name;
    char **methods;
    unsigned methods_count;
    char **currencies;
    unsigned currencies_count;
    char **regions;
    unsigned regions_count;
    uint64_t amount_min, amount_max;
    char *vip; /* "only", "never" or absent */
    char **prefer;
    unsigned prefer_count;
    char **forbid;
    unsigned forbid_count;
};

struct config_routing {
    struct config_rule *rules;
    unsigned rules_count;
};

struct config_breaker {
    unsigned window_s, calls_min, fault_percent, slow_percent, slow_ms, consecutive;
    unsigned open_ms, open_max_ms, trickle_ms, close_after;
};

struct config_payments {
    bool several_per_order;
    unsigned request_budget_ms, failover_max;
    unsigned *probe_s; /* absent: 30; 0: no probes */
    /* JSON pointers of fields whose value may look like a card number ("/order_id"). */
    char **card_number_allow;
    unsigned card_number_allow_count;
};

struct config_limits {
    unsigned *requests_per_second; /* absent: 1000; 0: no limit. Per API key or session, and per
                                      address where there is none */
    unsigned burst;
    unsigned *failures_per_second; /* absent: 5; 0: no limit. Refused credentials, per address */
    unsigned body_bytes;
    unsigned drain_s;
    unsigned drain_notice_s; /* absent: 0 */
};

struct service_config {
    struct config_listener public_listener, internal_listener;
    struct config_store store;
    char *master_key; /* reference; absent with SQLite: made beside the database */
    char *ca_file;    /* PEM, added to the system's CAs for calls to gateways */
    char *log_level;
    struct config_gateway *gateways;
    unsigned gateways_count;
    struct config_routing routing;
    struct config_breaker breaker;
    struct config_payments payments;
    struct config_limits limits;
    struct retention retention;
};

MUST_USE int service_config_load(const char *path, struct service_config **ret_config,
                                 struct err *err);
MUST_USE int service_config_read(const char *name, const char *text,
                                 struct service_config **ret_config, struct err *err);
void service_config_free(struct service_config *config); /* NULL is fine */

#endif
