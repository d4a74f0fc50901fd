/* SPDX-License-Identifier: Apache-2.0
 * service_config.c: the schema of holdfast.yaml. A key that is not here is refused; a key that is
 * absent leaves a zero, for which the floor that uses it has its default. */
#include "api/service_config.h"

#include <string.h>

#include "base/config.h"

enum { NAME_CHARS_MAX = 120, TEXT_CHARS_MAX = 2000, LIST_MAX = 64 };

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define OPTIONAL_POINTER (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, type, member, flags)                                                             \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, 1, TEXT_CHARS_MAX)
#define NUMBER(key, type, member) CYAML_FIELD_UINT(key, OPTIONAL, type, member)
#define TEXTS(key, type, member)                                                                   \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL_POINTER, type, member, member##_count, &text_value,   \
                               0, LIST_MAX)

static const cyaml_schema_value_t text_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, NAME_CHARS_MAX),
};

static const cyaml_schema_field_t listener_fields[] = {
    TEXT("address", struct config_listener, address, OPTIONAL),
    TEXT("tls_certificate", struct config_listener, tls_certificate, OPTIONAL),
    TEXT("tls_key", struct config_listener, tls_key, OPTIONAL),
    TEXT("key", struct config_listener, key, OPTIONAL),
    NUMBER("workers", struct config_listener, workers),
    NUMBER("queue", struct config_listener, queue),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t store_fields[] = {
    TEXT("url", struct config_store, url, 0),
    CYAML_FIELD_BOOL_PTR("migrate", OPTIONAL_POINTER, struct config_store, migrate),
    TEXT("backup_dir", struct config_store, backup_dir, OPTIONAL),
    NUMBER("pool", struct config_store, pool),
    CYAML_FIELD_BOOL("no_prepare", OPTIONAL, struct config_store, no_prepare),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t credential_fields[] = {
    TEXT("name", struct config_credential, name, 0),
    TEXT("from", struct config_credential, from, 0),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t credential_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_credential, credential_fields),
};

static const cyaml_schema_field_t cost_fields[] = {
    NUMBER("fixed_minor", struct config_cost, fixed_minor),
    NUMBER("basis_points", struct config_cost, basis_points),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t gateway_fields[] = {
    TEXT("name", struct config_gateway, name, 0),
    TEXT("adapter", struct config_gateway, adapter, 0),
    TEXT("base_url", struct config_gateway, base_url, 0),
    CYAML_FIELD_SEQUENCE_COUNT("credentials", OPTIONAL_POINTER, struct config_gateway, credentials,
                               credentials_count, &credential_value, 0, LIST_MAX),
    TEXTS("methods", struct config_gateway, methods),
    TEXTS("currencies", struct config_gateway, currencies),
    TEXTS("regions", struct config_gateway, regions),
    NUMBER("amount_min", struct config_gateway, amount_min),
    NUMBER("amount_max", struct config_gateway, amount_max),
    NUMBER("priority", struct config_gateway, priority),
    NUMBER("weight", struct config_gateway, weight),
    CYAML_FIELD_MAPPING("cost", OPTIONAL, struct config_gateway, cost, cost_fields),
    NUMBER("timeout_ms", struct config_gateway, timeout_ms),
    NUMBER("callback_due_s", struct config_gateway, callback_due_s),
    NUMBER("concurrency", struct config_gateway, concurrency),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t gateway_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_gateway, gateway_fields),
};

static const cyaml_schema_field_t rule_fields[] = {
    TEXT("name", struct config_rule, name, 0),
    TEXTS("methods", struct config_rule, methods),
    TEXTS("currencies", struct config_rule, currencies),
    TEXTS("regions", struct config_rule, regions),
    NUMBER("amount_min", struct config_rule, amount_min),
    NUMBER("amount_max", struct config_rule, amount_max),
    TEXT("vip", struct config_rule, vip, OPTIONAL),
    TEXTS("prefer", struct config_rule, prefer),
    TEXTS("forbid", struct config_rule, forbid),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rule_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_rule, rule_fields),
};

static const cyaml_schema_field_t routing_fields[] = {
    CYAML_FIELD_SEQUENCE_COUNT("rules", OPTIONAL_POINTER, struct config_routing, rules, rules_count,
                               &rule_value, 0, LIST_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t breaker_fields[] = {
    NUMBER("window_s", struct config_breaker, window_s),
    NUMBER("calls_min", struct config_breaker, calls_min),
    NUMBER("fault_percent", struct config_breaker, fault_percent),
    NUMBER("slow_percent", struct config_breaker, slow_percent),
    NUMBER("slow_ms", struct config_breaker, slow_ms),
    NUMBER("consecutive", struct config_breaker, consecutive),
    NUMBER("open_ms", struct config_breaker, open_ms),
    NUMBER("open_max_ms", struct config_breaker, open_max_ms),
    NUMBER("trickle_ms", struct config_breaker, trickle_ms),
    NUMBER("close_after", struct config_breaker, close_after),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t payments_fields[] = {
    CYAML_FIELD_BOOL("several_per_order", OPTIONAL, struct config_payments, several_per_order),
    NUMBER("request_budget_ms", struct config_payments, request_budget_ms),
    NUMBER("failover_max", struct config_payments, failover_max),
    CYAML_FIELD_UINT_PTR("probe_s", OPTIONAL_POINTER, struct config_payments, probe_s),
    TEXTS("card_number_allow", struct config_payments, card_number_allow),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t limits_fields[] = {
    CYAML_FIELD_UINT_PTR("requests_per_second", OPTIONAL_POINTER, struct config_limits,
                         requests_per_second),
    NUMBER("burst", struct config_limits, burst),
    CYAML_FIELD_UINT_PTR("failures_per_second", OPTIONAL_POINTER, struct config_limits,
                         failures_per_second),
    NUMBER("body_bytes", struct config_limits, body_bytes),
    NUMBER("drain_s", struct config_limits, drain_s),
    NUMBER("drain_notice_s", struct config_limits, drain_notice_s),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t retention_fields[] = {
    NUMBER("idempotency_days", struct retention, idempotency_days),
    NUMBER("webhook_days", struct retention, webhook_days),
    NUMBER("callback_body_days", struct retention, callback_body_days),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t service_fields[] = {
    CYAML_FIELD_MAPPING("public", OPTIONAL, struct service_config, public_listener,
                        listener_fields),
    CYAML_FIELD_MAPPING("internal", OPTIONAL, struct service_config, internal_listener,
                        listener_fields),
    CYAML_FIELD_MAPPING("store", CYAML_FLAG_DEFAULT, struct service_config, store, store_fields),
    TEXT("master_key", struct service_config, master_key, OPTIONAL),
    TEXT("ca_file", struct service_config, ca_file, OPTIONAL),
    TEXT("log_level", struct service_config, log_level, OPTIONAL),
    CYAML_FIELD_SEQUENCE_COUNT("gateways", CYAML_FLAG_POINTER, struct service_config, gateways,
                               gateways_count, &gateway_value, 1, 32),
    CYAML_FIELD_MAPPING("routing", OPTIONAL, struct service_config, routing, routing_fields),
    CYAML_FIELD_MAPPING("breaker", OPTIONAL, struct service_config, breaker, breaker_fields),
    CYAML_FIELD_MAPPING("payments", OPTIONAL, struct service_config, payments, payments_fields),
    CYAML_FIELD_MAPPING("limits", OPTIONAL, struct service_config, limits, limits_fields),
    CYAML_FIELD_MAPPING("retention", OPTIONAL, struct service_config, retention, retention_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t service_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct service_config, service_fields),
};

int service_config_load(const char *path, struct service_config **ret_config, struct err *err) {
    void *config = NULL;
    int r = config_load(path, &service_value, &config, err);
    if (r >= 0) {
        *ret_config = config;
    }
    return r;
}

int service_config_read(const char *name, const char *text, struct service_config **ret_config,
                        struct err *err) {
    void *config = NULL;
    int r = config_read(name, text, strlen(text), &service_value, &config, err);
    if (r >= 0) {
        *ret_config = config;
    }
    return r;
}

void service_config_free(struct service_config *config) {
    config_free(&service_value, config);
}
