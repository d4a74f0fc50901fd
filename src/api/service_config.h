/* SPDX-License-Identifier: Apache-2.0
 * service_config.h: what holdfast.yaml may say (docs/configuration.md shows every key).
 * Owns: a configuration belongs to whoever read it, until service_config_free().
 * Threads: read once, before the service starts. Errors: ERR_CONFIG with file and line. */
#ifndef HOLDFAST_API_SERVICE_CONFIG_H
#define HOLDFAST_API_SERVICE_CONFIG_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/keystore.h"
#include "comms/message_config.h"
#include "comms/status_config.h"
#include "desk/desk_config.h"
#include "desk/ticket_config.h"
#include "incident/incident_config.h"
#include "mode/mode_config.h"
#include "payment/payments.h"
#include "recon/fee_schedule.h"
#include "recon/settle.h"
#include "risk/risk_config.h"
#include "watch/alert_config.h"
#include "watch/channel_config.h"
#include "watch/detection_config.h"
#include "watch/figures.h"

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

/* What agents may do by the Model Context Protocol (api/mcp.h). */
struct config_mcp {
    bool write_tools;
};

struct config_option {
    char *name, *value;
};

struct config_cost {
    unsigned fixed_minor, basis_points;
};

/* What a gateway's statements are like (recon/sources.h). */
struct config_statements {
    bool *fetch;
    char *time_zone;
    unsigned *business_days;
    char **kinds;
    unsigned kinds_count;
    char *folder, *files, *marker, *url, *map;
    unsigned *settle_s, *dated_after, *first_number;
    char *pays_out_to;
    unsigned *pays_out_days;
    char **accounts; /* recon/whose.h */
    unsigned accounts_count;
    char *calendar; /* of reconciliation.calendars */
    struct settle_settings *windows;
    unsigned windows_count;
    struct match_tolerance_config *payout_tolerance; /* match/match_set.h */
    unsigned payout_tolerance_count;
    unsigned *payout_tolerance_ppm;
};

struct config_gateway {
    char *name, *adapter, *base_url;
    struct config_credential *credentials;
    unsigned credentials_count;
    struct config_option *options;
    unsigned options_count;
    char *callback_url;
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
    struct config_statements statements;
    struct fee_settings *fees; /* recon/fee_schedule.h: what it keeps, as agreed */
    unsigned fees_count;
    struct fee_tolerance_settings *fee_tolerance; /* so much difference of a fee is none */
    unsigned fee_tolerance_count;
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
    bool several_per_order, ask_about_late;
    unsigned action_minutes, second_look_minutes, review_after_minutes;
    unsigned request_budget_ms, failover_max;
    unsigned *probe_s; /* absent: 30; 0: no probes */
    /* JSON pointers of fields whose value may look like a card number ("/order_id"). */
    char **card_number_allow;
    unsigned card_number_allow_count;
};

/* Orders that are held for their customers; absent: none is. */
struct config_deferred {
    char *public_url, *shop_name;
    unsigned hold_minutes;
    unsigned *reminders_minutes; /* before the end */
    unsigned reminders_minutes_count;
};

struct config_forward_limit {
    char *currency;
    uint64_t each, total;
};

/* Store and forward; absent: nothing is queued. */
struct config_forward {
    bool enabled, vip;
    char **purposes;
    unsigned purposes_count;
    char **customers;
    unsigned customers_count;
    struct config_forward_limit *limits;
    unsigned limits_count;
    unsigned age_minutes;
};

struct config_manual {
    char **customers;
    unsigned customers_count;
};

/* Minor units of one currency. */
struct config_write_off {
    char *currency;
    uint64_t amount;
};
/* A payment of ours that probes a gateway (payment/probes.h). */
struct config_probe {
    char *name, *gateway, *method, *currency, *token, *way, *flow;
    uint64_t amount;
    unsigned every_minutes, slow_ms;
};
struct config_risk_amount {
    char *currency;
    uint64_t first, second;
};
/* What people may decide about breaks, and what makes one graver. */
struct config_reconciliation {
    struct config_write_off *write_off_alone;
    unsigned write_off_alone_count;
    struct config_risk_amount *risk_amounts;
    unsigned risk_amounts_count;
    char *repair_rules;     /* path of the file; absent: there are none */
    unsigned hold_rows;     /* recon/flood.h; 0: as usual */
    unsigned *hold_percent; /* absent: as usual; 0: never */
    /* match/match_set.h: of all gateways, and of those that have their own. */
    struct match_rule_config *rules;
    unsigned rules_count;
    struct match_gateway_config *gateway_rules;
    unsigned gateway_rules_count;
    struct workdays_settings *calendars; /* statement/workdays.h */
    unsigned calendars_count;
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

struct config_keys {
    char *store;     /* path of the keystore; absent: there is none */
    char *store_key; /* reference to its master key; absent: beside it, "<store>.key" */
    unsigned overlap_hours, max_age_days, warn_days; /* 0: 24, 365, 30 */
    bool *verify; /* ask the gateway before changed files are taken; absent: yes */
};

struct service_config {
    struct config_listener public_listener, internal_listener;
    struct config_store store;
    char *master_key; /* reference; absent with SQLite: made beside the database */
    char *master_key_next; /* reference to the one that it is being changed to, or NULL */
    char *ca_file;         /* PEM, added to the system's CAs for calls to gateways */
    char *log_level;
    struct config_gateway *gateways;
    unsigned gateways_count;
    struct config_routing routing;
    struct config_breaker breaker;
    struct config_payments payments;
    struct risk_config *risk; /* absent: payments are not checked for fraud */
    struct mode_config modes;
    struct config_limits limits;
    struct retention retention;
    struct config_deferred deferred;
    struct config_forward forward;
    struct config_manual manual_payments;
    struct ticket_config tickets;
    struct desk_config desk;
    struct config_reconciliation reconciliation;
    struct config_keys keys;
    struct config_mcp mcp;
    struct config_probe *probes;
    unsigned probes_count;
    struct figures_config figures;
    struct detection_config detection;
    struct channel_config *channels;
    unsigned channels_count;
    struct alert_config alerts;
    struct incident_config incidents;
    struct message_config messages;
    struct status_config status;
    bool test_clock;          /* the clock can be moved ahead; only with gateways on this machine */
    char *test_clock_sandbox; /* the control port of the sandbox that follows it, or NULL */
};

MUST_USE int service_config_load(const char *path, struct service_config **ret_config,
                                 struct err *err);
MUST_USE int service_config_read(const char *name, const char *text,
                                 struct service_config **ret_config, struct err *err);
/* Where its keystore is. `key` holds what the place's master may point to; path NULL: there is
 * none. */
enum { SERVICE_KEYSTORE_KEY_BYTES = 4096 };
void service_config_keystore(const struct service_config *config,
                             char key[SERVICE_KEYSTORE_KEY_BYTES],
                             struct keystore_place *ret_place);
void service_config_free(struct service_config *config); /* NULL is fine */

#endif
