/* SPDX-License-Identifier: Apache-2.0
 * service_config.c: the schema of holdfast.yaml. A key that is not here is refused; a key that is
 * absent leaves a zero, for which the floor that uses it has its default. */
#include "api/service_config.h"

#include <string.h>

#include "base/config.h"
#include "desk/desk.h"
#include "comms/message_schema.h"
#include "comms/status_schema.h"
#include "desk/desk_schema.h"
#include "desk/ticket_schema.h"
#include "incident/incident_schema.h"
#include "match/match_schema.h"
#include "match/match_set.h"
#include "mode/mode_schema.h"
#include "payment/probes.h"
#include "recon/break_risk.h"
#include "recon/fee_schema.h"
#include "recon/recon.h"
#include "recon/settle_schema.h"
#include "risk/risk_schema.h"
#include "watch/alert_schema.h"
#include "watch/channel_schema.h"
#include "watch/detection_schema.h"
#include "watch/figures_schema.h"

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

#define LISTENER_FIELDS                                                                            \
    TEXT("address", struct config_listener, address, OPTIONAL),                                    \
        TEXT("tls_certificate", struct config_listener, tls_certificate, OPTIONAL),                \
        TEXT("tls_key", struct config_listener, tls_key, OPTIONAL),                                \
        NUMBER("workers", struct config_listener, workers),                                        \
        NUMBER("queue", struct config_listener, queue)

static const cyaml_schema_field_t public_fields[] = {LISTENER_FIELDS, CYAML_FIELD_END};
static const cyaml_schema_field_t internal_fields[] = {
    LISTENER_FIELDS,
    TEXT("key", struct config_listener, key, OPTIONAL),
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

static const cyaml_schema_field_t option_fields[] = {
    TEXT("name", struct config_option, name, 0),
    TEXT("value", struct config_option, value, 0),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t option_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_option, option_fields),
};

static const cyaml_schema_field_t cost_fields[] = {
    NUMBER("fixed_minor", struct config_cost, fixed_minor),
    NUMBER("basis_points", struct config_cost, basis_points),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t statements_fields[] = {
    CYAML_FIELD_BOOL_PTR("fetch", OPTIONAL_POINTER, struct config_statements, fetch),
    TEXT("time_zone", struct config_statements, time_zone, OPTIONAL),
    CYAML_FIELD_UINT_PTR("business_days", OPTIONAL_POINTER, struct config_statements,
                         business_days),
    TEXTS("kinds", struct config_statements, kinds),
    TEXT("folder", struct config_statements, folder, OPTIONAL),
    TEXT("files", struct config_statements, files, OPTIONAL),
    TEXT("marker", struct config_statements, marker, OPTIONAL),
    CYAML_FIELD_UINT_PTR("settle_s", OPTIONAL_POINTER, struct config_statements, settle_s),
    CYAML_FIELD_UINT_PTR("dated_after", OPTIONAL_POINTER, struct config_statements, dated_after),
    TEXT("url", struct config_statements, url, OPTIONAL),
    CYAML_FIELD_UINT_PTR("first_number", OPTIONAL_POINTER, struct config_statements, first_number),
    TEXT("map", struct config_statements, map, OPTIONAL),
    TEXT("pays_out_to", struct config_statements, pays_out_to, OPTIONAL),
    CYAML_FIELD_UINT_PTR("pays_out_days", OPTIONAL_POINTER, struct config_statements,
                         pays_out_days),
    TEXTS("accounts", struct config_statements, accounts),
    TEXT("calendar", struct config_statements, calendar, OPTIONAL),
    CYAML_FIELD_SEQUENCE_COUNT("windows", OPTIONAL_POINTER, struct config_statements, windows,
                               windows_count, &settle_settings_value, 0, METHOD_COUNT),
    CYAML_FIELD_SEQUENCE_COUNT("payout_tolerance", OPTIONAL_POINTER, struct config_statements,
                               payout_tolerance, payout_tolerance_count, &match_tolerance_schema, 1,
                               MATCH_TOLERANCES_MAX),
    CYAML_FIELD_UINT_PTR("payout_tolerance_ppm", OPTIONAL_POINTER, struct config_statements,
                         payout_tolerance_ppm),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t gateway_fields[] = {
    TEXT("name", struct config_gateway, name, 0),
    TEXT("adapter", struct config_gateway, adapter, 0),
    TEXT("base_url", struct config_gateway, base_url, OPTIONAL),
    CYAML_FIELD_SEQUENCE_COUNT("credentials", OPTIONAL_POINTER, struct config_gateway, credentials,
                               credentials_count, &credential_value, 0, LIST_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("options", OPTIONAL_POINTER, struct config_gateway, options,
                               options_count, &option_value, 0, LIST_MAX),
    TEXT("callback_url", struct config_gateway, callback_url, OPTIONAL),
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
    CYAML_FIELD_MAPPING("statements", OPTIONAL, struct config_gateway, statements,
                        statements_fields),
    CYAML_FIELD_SEQUENCE_COUNT("fees", OPTIONAL_POINTER, struct config_gateway, fees, fees_count,
                               &fee_settings_value, 0, FEE_LINES_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("fee_tolerance", OPTIONAL_POINTER, struct config_gateway,
                               fee_tolerance, fee_tolerance_count, &fee_tolerance_value, 0,
                               FEE_TOLERANCES_MAX),
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
    CYAML_FIELD_BOOL("ask_about_late", OPTIONAL, struct config_payments, ask_about_late),
    NUMBER("action_minutes", struct config_payments, action_minutes),
    NUMBER("second_look_minutes", struct config_payments, second_look_minutes),
    NUMBER("review_after_minutes", struct config_payments, review_after_minutes),
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

static const cyaml_schema_value_t number_value = {
    CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, unsigned),
};
static const cyaml_schema_field_t deferred_fields[] = {
    TEXT("public_url", struct config_deferred, public_url, OPTIONAL),
    TEXT("shop_name", struct config_deferred, shop_name, OPTIONAL),
    NUMBER("hold_minutes", struct config_deferred, hold_minutes),
    CYAML_FIELD_SEQUENCE_COUNT("reminders_minutes", OPTIONAL_POINTER, struct config_deferred,
                               reminders_minutes, reminders_minutes_count, &number_value, 0,
                               REMINDERS_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t forward_limit_fields[] = {
    TEXT("currency", struct config_forward_limit, currency, 0),
    CYAML_FIELD_UINT("each", CYAML_FLAG_DEFAULT, struct config_forward_limit, each),
    CYAML_FIELD_UINT("total", CYAML_FLAG_DEFAULT, struct config_forward_limit, total),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t forward_limit_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_forward_limit, forward_limit_fields),
};
static const cyaml_schema_field_t forward_fields[] = {
    CYAML_FIELD_BOOL("enabled", OPTIONAL, struct config_forward, enabled),
    CYAML_FIELD_BOOL("vip", OPTIONAL, struct config_forward, vip),
    TEXTS("purposes", struct config_forward, purposes),
    CYAML_FIELD_SEQUENCE_COUNT("customers", OPTIONAL_POINTER, struct config_forward, customers,
                               customers_count, &text_value, 0, FORWARD_CUSTOMERS_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("limits", OPTIONAL_POINTER, struct config_forward, limits,
                               limits_count, &forward_limit_value, 0, FORWARD_CURRENCIES_MAX),
    NUMBER("age_minutes", struct config_forward, age_minutes),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t manual_fields[] = {
    CYAML_FIELD_SEQUENCE_COUNT("customers", OPTIONAL_POINTER, struct config_manual, customers,
                               customers_count, &text_value, 0, DESK_CUSTOMERS_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t retention_fields[] = {
    NUMBER("idempotency_days", struct retention, idempotency_days),
    NUMBER("webhook_days", struct retention, webhook_days),
    NUMBER("callback_body_days", struct retention, callback_body_days),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t probe_fields[] = {
    TEXT("name", struct config_probe, name, OPTIONAL),
    TEXT("gateway", struct config_probe, gateway, 0),
    TEXT("method", struct config_probe, method, 0),
    CYAML_FIELD_UINT("amount", CYAML_FLAG_DEFAULT, struct config_probe, amount),
    TEXT("currency", struct config_probe, currency, 0),
    TEXT("token", struct config_probe, token, OPTIONAL),
    TEXT("way", struct config_probe, way, 0),
    TEXT("flow", struct config_probe, flow, OPTIONAL),
    NUMBER("every_minutes", struct config_probe, every_minutes),
    NUMBER("slow_ms", struct config_probe, slow_ms),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t probe_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_probe, probe_fields),
};

static const cyaml_schema_field_t keys_fields[] = {
    TEXT("store", struct config_keys, store, OPTIONAL),
    TEXT("store_key", struct config_keys, store_key, OPTIONAL),
    NUMBER("overlap_hours", struct config_keys, overlap_hours),
    NUMBER("max_age_days", struct config_keys, max_age_days),
    NUMBER("warn_days", struct config_keys, warn_days),
    CYAML_FIELD_BOOL_PTR("verify", OPTIONAL_POINTER, struct config_keys, verify),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t write_off_fields[] = {
    TEXT("currency", struct config_write_off, currency, 0),
    CYAML_FIELD_UINT("amount", CYAML_FLAG_DEFAULT, struct config_write_off, amount),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t write_off_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_write_off, write_off_fields),
};

static const cyaml_schema_field_t risk_amount_fields[] = {
    TEXT("currency", struct config_risk_amount, currency, 0),
    CYAML_FIELD_UINT("first", CYAML_FLAG_DEFAULT, struct config_risk_amount, first),
    CYAML_FIELD_UINT("second", CYAML_FLAG_DEFAULT, struct config_risk_amount, second),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t risk_amount_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_risk_amount, risk_amount_fields),
};

static const cyaml_schema_field_t reconciliation_fields[] = {
    CYAML_FIELD_SEQUENCE_COUNT("write_off_alone", OPTIONAL_POINTER, struct config_reconciliation,
                               write_off_alone, write_off_alone_count, &write_off_value, 0,
                               WRITE_OFF_LIMITS_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("risk_amounts", OPTIONAL_POINTER, struct config_reconciliation,
                               risk_amounts, risk_amounts_count, &risk_amount_value, 0,
                               RISK_AMOUNTS_MAX),
    TEXT("repair_rules", struct config_reconciliation, repair_rules, OPTIONAL),
    NUMBER("hold_rows", struct config_reconciliation, hold_rows),
    CYAML_FIELD_UINT_PTR("hold_percent", OPTIONAL_POINTER, struct config_reconciliation,
                         hold_percent),
    CYAML_FIELD_SEQUENCE_COUNT("rules", OPTIONAL_POINTER, struct config_reconciliation, rules,
                               rules_count, &match_rule_schema, 1, MATCH_SET_RULES_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("gateway_rules", OPTIONAL_POINTER, struct config_reconciliation,
                               gateway_rules, gateway_rules_count, &match_gateway_schema, 0,
                               GATEWAYS_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("calendars", OPTIONAL_POINTER, struct config_reconciliation,
                               calendars, calendars_count, &workdays_settings_value, 0,
                               WORKDAYS_CALENDARS_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t mcp_fields[] = {
    CYAML_FIELD_BOOL("write_tools", OPTIONAL, struct config_mcp, write_tools),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t service_fields[] = {
    CYAML_FIELD_MAPPING("public", OPTIONAL, struct service_config, public_listener, public_fields),
    CYAML_FIELD_MAPPING("internal", OPTIONAL, struct service_config, internal_listener,
                        internal_fields),
    CYAML_FIELD_MAPPING("store", CYAML_FLAG_DEFAULT, struct service_config, store, store_fields),
    TEXT("master_key", struct service_config, master_key, OPTIONAL),
    TEXT("master_key_next", struct service_config, master_key_next, OPTIONAL),
    TEXT("ca_file", struct service_config, ca_file, OPTIONAL),
    TEXT("log_level", struct service_config, log_level, OPTIONAL),
    CYAML_FIELD_SEQUENCE_COUNT("gateways", CYAML_FLAG_POINTER, struct service_config, gateways,
                               gateways_count, &gateway_value, 1, 32),
    CYAML_FIELD_MAPPING("routing", OPTIONAL, struct service_config, routing, routing_fields),
    CYAML_FIELD_MAPPING("breaker", OPTIONAL, struct service_config, breaker, breaker_fields),
    CYAML_FIELD_MAPPING("payments", OPTIONAL, struct service_config, payments, payments_fields),
    CYAML_FIELD_MAPPING_PTR("risk", OPTIONAL_POINTER, struct service_config, risk,
                            risk_config_fields),
    CYAML_FIELD_MAPPING("modes", OPTIONAL, struct service_config, modes, mode_config_fields),
    CYAML_FIELD_MAPPING("limits", OPTIONAL, struct service_config, limits, limits_fields),
    CYAML_FIELD_MAPPING("retention", OPTIONAL, struct service_config, retention, retention_fields),
    CYAML_FIELD_SEQUENCE_COUNT("figures", OPTIONAL_POINTER, struct service_config, figures.rows,
                               figures.rows_count, &figure_config_value, 0, FIGURES),
    CYAML_FIELD_MAPPING("detection", OPTIONAL, struct service_config, detection,
                        detection_config_fields),
    CYAML_FIELD_MAPPING("keys", OPTIONAL, struct service_config, keys, keys_fields),
    CYAML_FIELD_MAPPING("mcp", OPTIONAL, struct service_config, mcp, mcp_fields),
    CYAML_FIELD_SEQUENCE_COUNT("probes", OPTIONAL_POINTER, struct service_config, probes,
                               probes_count, &probe_value, 0, PROBES_MAX),
    CYAML_FIELD_MAPPING("deferred", OPTIONAL, struct service_config, deferred, deferred_fields),
    CYAML_FIELD_MAPPING("forward", OPTIONAL, struct service_config, forward, forward_fields),
    CYAML_FIELD_MAPPING("manual_payments", OPTIONAL, struct service_config, manual_payments,
                        manual_fields),
    CYAML_FIELD_MAPPING("tickets", OPTIONAL, struct service_config, tickets, ticket_config_fields),
    CYAML_FIELD_MAPPING("desk", OPTIONAL, struct service_config, desk, desk_config_fields),
    CYAML_FIELD_MAPPING("reconciliation", OPTIONAL, struct service_config, reconciliation,
                        reconciliation_fields),
    CYAML_FIELD_SEQUENCE_COUNT("channels", OPTIONAL_POINTER, struct service_config, channels,
                               channels_count, &channel_config_value, 0, CHANNELS_MAX),
    CYAML_FIELD_MAPPING("alerts", OPTIONAL, struct service_config, alerts, alert_config_fields),
    CYAML_FIELD_MAPPING("incidents", OPTIONAL, struct service_config, incidents,
                        incident_config_fields),
    CYAML_FIELD_MAPPING("messages", OPTIONAL, struct service_config, messages,
                        message_config_fields),
    CYAML_FIELD_MAPPING("status", OPTIONAL, struct service_config, status, status_config_fields),
    CYAML_FIELD_BOOL("test_clock", OPTIONAL, struct service_config, test_clock),
    TEXT("test_clock_sandbox", struct service_config, test_clock_sandbox, OPTIONAL),
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

void service_config_keystore(const struct service_config *config,
                             char key[SERVICE_KEYSTORE_KEY_BYTES],
                             struct keystore_place *ret_place) {
    const struct config_keys *keys = &config->keys;
    *ret_place = (struct keystore_place){.path = keys->store, .master = keys->store_key};
    if (keys->store != NULL && keys->store_key == NULL) {
        snprintf(key, SERVICE_KEYSTORE_KEY_BYTES, "file:%s.key", keys->store);
        ret_place->master = key;
    }
}

void service_config_free(struct service_config *config) {
    config_free(&service_value, config);
}
