/* SPDX-License-Identifier: Apache-2.0
 * service.c: opens every floor in order, and closes them in the opposite one. Each opening either
 * succeeds or undoes what came before it through service_close(), which takes half-open services.
 */
#include "api/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/credentials.h"
#include "api/master_key.h"
#include "api/service_impl.h"
#include "api/test_clock.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/task.h"
#include "base/text.h"
#include "desk/refund_request.h"
#include "desk/ticket.h"
#include "gateway/health.h"
#include "meter/meter.h"
#include "risk/rules.h"
#include "store/migrate.h"

enum { INTERNAL_WORKERS_MAX = 32, INTERNAL_QUEUE_MAX = 256, DRAIN_S = 20 };
enum { PRIORITY_MAX = 9999, KEYS_HOURS_MAX = 24 * 90, KEYS_DAYS_MAX = 3650 };
#define PROBE_US (30 * US_PER_SECOND)
static const char public_default[] = "127.0.0.1:8080";
static const char internal_default[] = "127.0.0.1:3000";

struct whole {
    struct service service;
    struct front public_front, internal_front;
};

/* ---- the pieces ---- */

static int open_store(struct service *service, struct err *err) {
    const struct config_store *config = &service->config->store;
    struct store_options options = {
        .url = config->url, .pool_max = (int)config->pool, .no_prepare = config->no_prepare};
    int r = store_open(&options, &service->store, err);
    if (r < 0) {
        return err_while(err, "opening the database");
    }
    bool embedded = store_engine(service->store) == STORE_SQLITE;
    bool migrate = config->migrate != NULL ? *config->migrate : embedded;
    if (!migrate) {
        r = migrate_check(service->store, err);
        return r < 0 ? err_hint(err, "Run `holdfast db migrate` first.") : 0;
    }
    int applied = 0;
    r = migrate_apply(service->store, config->backup_dir, &applied, err);
    if (r < 0) {
        return err_while(err, "migrating the database");
    }
    if (applied > 0) {
        log_event(MIGRATED, LI("applied", applied));
    }
    return 0;
}

/* What callbacks were verified with before this start is accepted until its overlap ends. */
static int remember_keys(struct service *service, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < gateway_count(service->registry); i++) {
        r = keyring_remember(gateway_at(service->registry, i), service->store, service->seal, err);
    }
    return r;
}

static struct breaker_settings breaker_of(const struct config_breaker *config) {
    return (struct breaker_settings){
        .window_s = (int)config->window_s,
        .calls_min = (int)config->calls_min,
        .fault_percent = (int)config->fault_percent,
        .slow_percent = (int)config->slow_percent,
        .slow_us = (int64_t)config->slow_ms * US_PER_MS,
        .consecutive = (int)config->consecutive,
        .open_us = (int64_t)config->open_ms * US_PER_MS,
        .open_us_max = (int64_t)config->open_max_ms * US_PER_MS,
        .trickle_us = (int64_t)config->trickle_ms * US_PER_MS,
        .close_after = (int)config->close_after,
    };
}

/* Where sealed credentials are, and for how long replaced ones are accepted. */
static int read_keys(struct service *service, struct err *err) {
    const struct config_keys *config = &service->config->keys;
    if (config->overlap_hours > KEYS_HOURS_MAX || config->max_age_days > KEYS_DAYS_MAX ||
        config->warn_days > KEYS_DAYS_MAX) {
        err_set(err, ERR_CONFIG, "overlap_hours is at most %d, max_age_days and warn_days %d",
                KEYS_HOURS_MAX, KEYS_DAYS_MAX);
        return err_place(err, "keys");
    }
    service_config_keystore(service->config, service->keystore_key, &service->keystore);
    service->keys = (struct keyring_settings){
        .keystore = config->store != NULL ? &service->keystore : NULL,
        .overlap_us = (int64_t)config->overlap_hours * 3600 * US_PER_SECOND,
    };
    return 0;
}

static void settings_of(const struct service *service, const struct config_gateway *config,
                        const struct breaker_settings *breaker,
                        struct gateway_settings *ret_settings) {
    *ret_settings = (struct gateway_settings){
        .name = config->name,
        .adapter = config->adapter,
        .base_url = config->base_url,
        .methods = (const char *const *)config->methods,
        .method_count = (int)config->methods_count,
        .currencies = (const char *const *)config->currencies,
        .currency_count = (int)config->currencies_count,
        .regions = (const char *const *)config->regions,
        .region_count = (int)config->regions_count,
        .amount_minor_min = (int64_t)config->amount_min,
        .amount_minor_max = (int64_t)config->amount_max,
        .priority = (int)config->priority,
        .weight = (int)config->weight,
        .cost_fixed_minor = config->cost.fixed_minor,
        .cost_basis_points = config->cost.basis_points,
        .timeout_ms = config->timeout_ms,
        .callback_due_ms = (int64_t)config->callback_due_s * 1000,
        .concurrency_max = (int)config->concurrency,
        .breaker = breaker,
        .keys = &service->keys,
        .callback_url = config->callback_url,
    };
    ret_settings->option_count = config->options_count < GATEWAY_OPTIONS_MAX
                                     ? (int)config->options_count
                                     : GATEWAY_OPTIONS_MAX;
    for (int i = 0; i < ret_settings->option_count; i++) {
        ret_settings->options[i].name = config->options[i].name;
        ret_settings->options[i].value = config->options[i].value;
    }
    ret_settings->credential_count = config->credentials_count < GATEWAY_CREDENTIALS_MAX
                                         ? (int)config->credentials_count
                                         : GATEWAY_CREDENTIALS_MAX;
    for (int i = 0; i < ret_settings->credential_count; i++) {
        ret_settings->credentials[i].name = config->credentials[i].name;
        ret_settings->credentials[i].reference = config->credentials[i].from;
    }
}

static int open_gateways(struct service *service, struct err *err) {
    const struct service_config *config = service->config;
    struct breaker_settings breaker = breaker_of(&config->breaker);
    struct gateway_settings *settings = calloc(config->gateways_count, sizeof *settings);
    if (settings == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the gateways' settings");
    }
    for (unsigned i = 0; i < config->gateways_count; i++) {
        if (config->gateways[i].credentials_count > GATEWAY_CREDENTIALS_MAX) {
            free(settings);
            return err_set(err, ERR_CONFIG, "gateway %s has more than %d credentials",
                           config->gateways[i].name, GATEWAY_CREDENTIALS_MAX);
        }
        if (config->gateways[i].options_count > GATEWAY_OPTIONS_MAX) {
            free(settings);
            return err_set(err, ERR_CONFIG, "gateway %s has more than %d options",
                           config->gateways[i].name, GATEWAY_OPTIONS_MAX);
        }
        if (config->gateways[i].priority > PRIORITY_MAX) {
            free(settings);
            return err_set(err, ERR_CONFIG, "gateway %s: priority is at most %d",
                           config->gateways[i].name, PRIORITY_MAX);
        }
        if (strcmp(config->gateways[i].name, GATEWAY_BY_HAND) == 0) {
            free(settings);
            return err_set(err, ERR_CONFIG, "no gateway may be named %s: it stands for none",
                           GATEWAY_BY_HAND);
        }
        settings_of(service, &config->gateways[i], &breaker, &settings[i]);
    }
    int r = gateway_registry_open(settings, (int)config->gateways_count, &service->registry, err);
    free(settings);
    return r;
}

static int copy_names(char (*to)[GATEWAY_NAME_CHARS_MAX + 1], char **from, unsigned count,
                      int *ret_count, struct err *err) {
    if (count > GATEWAYS_MAX) {
        return err_set(err, ERR_CONFIG, "a routing rule names more than %d gateways", GATEWAYS_MAX);
    }
    for (unsigned i = 0; i < count; i++) {
        snprintf(to[i], GATEWAY_NAME_CHARS_MAX + 1, "%s", from[i]);
    }
    *ret_count = (int)count;
    return 0;
}

/* What does not fit is refused, never cut: half a condition would be another rule. */
static int check_rule(const struct config_rule *config, const struct route_rule *rule,
                      struct err *err) {
    if (config->currencies_count > COUNT_OF(rule->currencies) ||
        config->regions_count > COUNT_OF(rule->regions)) {
        return err_set(err, ERR_CONFIG,
                       "routing rule \"%s\" lists more than %zu currencies or %zu regions",
                       config->name, COUNT_OF(rule->currencies), COUNT_OF(rule->regions));
    }
    for (unsigned i = 0; i < config->regions_count; i++) {
        if (!text_is_region(config->regions[i])) {
            return err_set(err, ERR_CONFIG,
                           "routing rule \"%s\": a region is two capital letters, like DE",
                           config->name);
        }
    }
    if (config->amount_min > AMOUNT_MINOR_MAX || config->amount_max > AMOUNT_MINOR_MAX) {
        return err_set(err, ERR_CONFIG, "routing rule \"%s\": no amount is over %lld", config->name,
                       (long long)AMOUNT_MINOR_MAX);
    }
    return 0;
}

static int rule_of(const struct config_rule *config, struct route_rule *rule, struct err *err) {
    int fits = check_rule(config, rule, err);
    if (fits < 0) {
        return fits;
    }
    *rule = (struct route_rule){.amount_minor_min = (int64_t)config->amount_min,
                                .amount_minor_max = (int64_t)config->amount_max};
    snprintf(rule->name, sizeof rule->name, "%s", config->name);
    for (unsigned i = 0; i < config->methods_count; i++) {
        enum payment_method method;
        if (!method_parse(config->methods[i], &method)) {
            return err_set(err, ERR_CONFIG, "routing rule \"%s\": there is no method \"%s\"",
                           config->name, config->methods[i]);
        }
        rule->methods[method] = true;
    }
    for (unsigned i = 0; i < config->currencies_count; i++) {
        struct err bad = {0};
        if (currency_parse(config->currencies[i], &rule->currencies[i], &bad) < 0) {
            return err_set(err, ERR_CONFIG, "routing rule \"%s\": \"%.12s\" is no currency",
                           config->name, config->currencies[i]);
        }
        rule->currency_count++;
    }
    for (unsigned i = 0; i < config->regions_count; i++) {
        snprintf(rule->regions[rule->region_count++], sizeof rule->regions[0], "%s",
                 config->regions[i]);
    }
    const char *vip = config->vip != NULL ? config->vip : "";
    if (vip[0] != '\0' && strcmp(vip, "only") != 0 && strcmp(vip, "never") != 0) {
        return err_set(err, ERR_CONFIG, "routing rule \"%s\": vip is \"only\", \"never\" or absent",
                       config->name);
    }
    rule->vip = strcmp(vip, "only") == 0 ? 1 : strcmp(vip, "never") == 0 ? -1 : 0;
    int r = copy_names(rule->prefer, config->prefer, config->prefer_count, &rule->prefer_count,
                       err);
    return r < 0 ? r
                 : copy_names(rule->forbid, config->forbid, config->forbid_count,
                              &rule->forbid_count, err);
}

static int open_router(struct service *service, struct err *err) {
    const struct config_routing *config = &service->config->routing;
    struct route_rule *rules = calloc(config->rules_count + 1, sizeof *rules);
    if (rules == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the routing rules");
    }
    int r = 0;
    for (unsigned i = 0; r >= 0 && i < config->rules_count; i++) {
        r = rule_of(&config->rules[i], &rules[i], err);
    }
    if (r >= 0) {
        r = router_new(service->registry, service->control, rules, (int)config->rules_count,
                       &service->router, err);
    }
    free(rules);
    return r;
}

static int check_rules(const struct service *service, struct err *err) {
    struct risk_rules *rules = NULL;
    int r = service->config->risk != NULL ? risk_rules_new(service->config->risk, &rules, err) : 0;
    risk_rules_free(rules);
    return r;
}

static int read_repair_rules(struct service *service, const struct service_hooks *hooks,
                             struct err *err) {
    const char *path = service->config->reconciliation.repair_rules;
    if (hooks != NULL && hooks->repair_rules != NULL) {
        return repair_rules_read("rules", hooks->repair_rules, &service->repair_rules, err);
    }
    return path != NULL ? repair_rules_load(path, &service->repair_rules, err) : 0;
}

static int open_risk(struct service *service, struct err *err) {
    const struct risk_options options = {
        .store = service->store,
        .client = service->client,
        .seal = service->seal,
        .config = service->config->risk,
    };
    return risk_open(&options, &service->risk, err);
}

static int open_mode(struct service *service, struct err *err) {
    const struct mode_options options = {
        .store = service->store,
        .registry = service->registry,
        .control = service->control,
        .risk = service->risk,
        .config = &service->config->modes,
    };
    return mode_open(&options, &service->mode, err);
}

static int open_payments(struct service *service, struct err *err) {
    const struct config_payments *config = &service->config->payments;
    struct payments_options options = {
        .store = service->store,
        .registry = service->registry,
        .control = service->control,
        .router = service->router,
        .client = service->client,
        .risk = service->risk,
        .gateways_follow = service->config->test_clock_sandbox != NULL,
        .mode = service->mode,
        .seal = service->seal,
        .several_per_order = config->several_per_order,
        .ask_about_late = config->ask_about_late,
        .action_us = (int64_t)config->action_minutes * 60 * US_PER_SECOND,
        .waits_long_us = (int64_t)config->review_after_minutes * 60 * US_PER_SECOND,
        .second_look_us = (int64_t)config->second_look_minutes * 60 * US_PER_SECOND,
        .request_budget_us = (int64_t)config->request_budget_ms * US_PER_MS,
        .failover_max = (int)config->failover_max,
        .probe_us = config->probe_s != NULL ? *config->probe_s * US_PER_SECOND : PROBE_US,
        .retention = service->config->retention,
        .alone = store_engine(service->store) == STORE_SQLITE,
    };
    probes_options(service, &options);
    int r = later_options(service->config, &options, err);
    return r < 0 ? r : payments_open(&options, &service->payments, err);
}

static int open_desk(struct service *service, struct err *err) {
    const struct config_manual *config = &service->config->manual_payments;
    const struct desk_options options = {
        .store = service->store,
        .payments = service->payments,
        .customers = (const char *const *)config->customers,
        .customer_count = (int)config->customers_count,
    };
    const struct kb_options kb = {
        .store = service->store,
        .payments = service->payments,
        .folder = service->config->desk.kb,
    };
    int r = desk_open(&options, &service->desk, err);
    r = r < 0 ? r : kb_open(&kb, &service->kb, err);
    if (r >= 0) {
        refund_requests_open(service->desk);
    }
    return r < 0 ? r
                 : tickets_open(service->desk, &service->config->tickets, service->registry, err);
}

static int open_billing(struct service *service, struct err *err) {
    struct billing_options options = {.store = service->store, .payments = service->payments};
    return billing_open(&options, &service->billing, err);
}

static int source_settings(const struct service *service,
                           struct source_settings ret_settings[GATEWAYS_MAX]) {
    int count = 0;
    for (unsigned i = 0; i < service->config->gateways_count && count < GATEWAYS_MAX; i++) {
        const struct config_gateway *gateway = &service->config->gateways[i];
        ret_settings[count++] = (struct source_settings){
            .gateway = gateway->name,
            .fetch = gateway->statements.fetch,
            .time_zone = gateway->statements.time_zone,
            .business_days = gateway->statements.business_days,
            .kinds = (const char *const *)gateway->statements.kinds,
            .kind_count = (int)gateway->statements.kinds_count,
            .folder = gateway->statements.folder,
            .files = gateway->statements.files,
            .marker = gateway->statements.marker,
            .settle_s = gateway->statements.settle_s,
            .dated_after = gateway->statements.dated_after,
            .url = gateway->statements.url,
            .first_number = gateway->statements.first_number,
            .map = gateway->statements.map,
            .pays_out_to = gateway->statements.pays_out_to,
            .pays_out_days = gateway->statements.pays_out_days,
            .payout_tolerance = gateway->statements.payout_tolerance,
            .payout_tolerance_count = gateway->statements.payout_tolerance_count,
            .payout_tolerance_ppm = gateway->statements.payout_tolerance_ppm,
            .fees = gateway->fees,
            .fee_count = (int)gateway->fees_count,
            .accounts = (const char *const *)gateway->statements.accounts,
            .account_count = (int)gateway->statements.accounts_count,
            .calendar = gateway->statements.calendar,
            .windows = gateway->statements.windows,
            .window_count = (int)gateway->statements.windows_count,
            .calendars = service->config->reconciliation.calendars,
            .calendar_count = (int)service->config->reconciliation.calendars_count,
            .fee_tolerances = gateway->fee_tolerance,
            .fee_tolerance_count = (int)gateway->fee_tolerance_count,
        };
    }
    return count;
}

static int check_sources(const struct service *service, struct err *err) {
    struct source_settings settings[GATEWAYS_MAX];
    struct source sources[GATEWAYS_MAX];
    int count = 0;
    const struct config_reconciliation *config = &service->config->reconciliation;
    int r = settle_calendars_check(config->calendars, (int)config->calendars_count, err);
    r = r < 0 ? r
              : sources_open(service->registry, settings, source_settings(service, settings),
                             sources, &count, err);
    sources_close(sources, count);
    return r;
}

static int open_recon(struct service *service, const struct service_hooks *hooks, struct err *err) {
    struct source_settings settings[GATEWAYS_MAX];
    struct recon_policy *policy = &service->recon_policy;
    struct recon_options options = {
        .seal = service->seal,
        .source_count = source_settings(service, settings),
        .sources = settings,
        .no_days = hooks != NULL && hooks->no_days,
        .store = service->store,
        .payments = service->payments,
        .registry = service->registry,
        .client = service->client,
        .desk = service->desk,
        .write_off_limits = policy->limits,
        .risk = &policy->risk,
        .rules = service->repair_rules,
        .match_sets = &service->match_sets,
    };
    int r = recon_policy_read(service->config, policy, err);
    options.write_off_limit_count = policy->limit_count;
    options.hold_rows = policy->hold_rows;
    options.hold_percent = policy->hold_percent;
    return r < 0 ? r : recon_open(&options, &service->recon, err);
}

static int open_client(struct service *service, const struct service_hooks *hooks,
                       struct err *err) {
    service->smtp = hooks != NULL ? hooks->smtp : NULL;
    if (hooks != NULL && hooks->client != NULL) {
        service->client = hooks->client;
        return 0;
    }
    struct http_client_options options = {.connections_max = 1024,
                                          .ca_path = service->config->ca_file,
                                          .user_agent = "Holdfast/" HOLDFAST_VERSION};
    return http_client_new(&options, &service->client, err);
}

static int set_log_level(const struct service *service, struct err *err) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    const char *wanted = service->config->log_level;
    for (size_t i = 0; wanted != NULL && i < COUNT_OF(names); i++) {
        if (strcmp(wanted, names[i]) == 0) {
            log_level_set((enum log_level)i);
            return 0;
        }
    }
    return wanted == NULL
               ? 0
               : err_set(err, ERR_CONFIG, "log_level is one of debug, info, warn, error");
}

/* Numbers of bank accounts and of the rows of their statements are as long as a card's and can look
 * like one; an account that is a card is not kept (payment/bank_take.c). */
static const char *const bank_places[] = {
    "/rows/*/bank_id",       "/rows/*/account",    "/rows/*/virtual_account",
    "/rows/*/party_account", "/rows/*/remittance", "/rows/*/reverses",
};

static int open_allow_list(struct service *service, struct err *err) {
    const struct config_payments *config = &service->config->payments;
    size_t room = config->card_number_allow_count + COUNT_OF(bank_places) + 1;
    service->card_number_allow = calloc(room, sizeof(char *));
    if (service->card_number_allow == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the list of allowed fields");
    }
    for (unsigned i = 0; i < config->card_number_allow_count; i++) {
        service->card_number_allow[i] = config->card_number_allow[i];
    }
    for (size_t i = 0; i < COUNT_OF(bank_places); i++) {
        service->card_number_allow[config->card_number_allow_count + i] = bank_places[i];
    }
    return 0;
}

static bool is_own_gateway(void *ctx, const char *gateway) {
    const struct service *service = ctx;
    return gateway_find(service->registry, gateway) != NULL;
}

static int open_figures(struct service *service, struct err *err) {
    service->figures.store = service->store;
    service->figures.tuning = service->tuning;
    service->figures.started_us = clock_mono_us();
    return rollup_open(service->store, 0, &service->figures.rollup, err);
}

static int open_all(struct service *service, const struct service_hooks *hooks, struct err *err) {
    int r = open_client(service, hooks, err);
    r = r < 0 ? r : set_log_level(service, err);
    r = r < 0 ? r : open_allow_list(service, err);
    /* Before the store: a slip in the configuration must not have migrated the database. */
    r = r < 0 ? r : test_clock_check(service->config, err);
    r = r < 0 ? r : read_keys(service, err);
    r = r < 0 ? r : open_gateways(service, err);
    r = r < 0 ? r : probes_prepare(service, err);
    r = r < 0 ? r : check_rules(service, err);
    r = r < 0 ? r : figures_limits_read(&service->config->figures, service->figures.limits, err);
    r = r < 0 ? r : read_repair_rules(service, hooks, err);
    r = r < 0 ? r : tickets_check(&service->config->tickets, service->registry, err);
    r = r < 0 ? r
              : refund_policy_read(&service->config->desk, &service->refund_policy, err);
    r = r < 0 ? r : check_sources(service, err);
    r = r < 0 ? r
              : recon_rules_read(service->config, service->registry, &service->match_sets, err);
    r = r < 0 ? r : channels_prepare(service, err);
    r = r < 0 ? r : incidents_prepare(service, err);
    r = r < 0 ? r : messages_prepare(service, err);
    r = r < 0 ? r : open_store(service, err);
    r = r < 0 ? r : test_clock_open(service, err);
    r = r < 0 ? r : master_key_open(service, err);
    r = r < 0 ? r : remember_keys(service, err);
    r = r < 0 ? r : gateway_control_open(service->store, service->registry, &service->control, err);
    r = r < 0 ? r : open_router(service, err);
    r = r < 0 ? r : open_risk(service, err);
    r = r < 0 ? r : open_mode(service, err);
    r = r < 0 ? r : open_payments(service, err);
    r = r < 0 ? r : open_billing(service, err);
    r = r < 0 ? r : open_desk(service, err);
    r = r < 0 ? r : open_recon(service, hooks, err);
    r = r < 0 ? r : tuning_prepare(service, err);
    r = r < 0 ? r : open_figures(service, err);
    r = r < 0 ? r : alerts_prepare(service, err);
    r = r < 0 ? r : status_begin(service, err);
    r = r < 0 ? r : incidents_ready(service, err);
    r = r < 0 ? r : messages_begin(service, err);
    if (r < 0) {
        return r;
    }
    service->observer = observer_open(is_own_gateway, service);
    const struct service_config *config = service->config;
    const struct config_limits *said = &config->limits;
    const struct auth_limits limits = {
        .requests_per_second = said->requests_per_second != NULL ? *said->requests_per_second
                                                                 : AUTH_REQUESTS_PER_SECOND,
        .burst = said->burst,
        .failures_per_second = said->failures_per_second != NULL ? *said->failures_per_second
                                                                 : AUTH_FAILURES_PER_SECOND,
    };
    mcp_init(&service->mcp, config->mcp.write_tools);
    return auth_open(service->store, &limits, config->internal_listener.key, &service->auth, err);
}

/* ---- listeners ---- */

static bool loopback(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0 ||
           strncmp(address, "localhost", 9) == 0;
}

static int listen_on(struct service *service, const struct config_listener *config,
                     const char *fallback, struct front *front, struct http_listener **ret_listener,
                     struct err *err) {
    const char *address = config->address != NULL ? config->address : fallback;
    if (front->internal && !loopback(address) && config->key == NULL) {
        err_set(err, ERR_CONFIG, "the internal listener may leave loopback (%s) only with a key",
                address);
        return err_hint(err, "Set internal.key to a reference, or use 127.0.0.1.");
    }
    struct http_listener_options options = {
        .address = address,
        .tls_cert_path = config->tls_certificate,
        .tls_key_path = config->tls_key,
        .handler = front_handle,
        .ctx = front,
        .workers_max = config->workers > 0 ? (int)config->workers
                       : front->internal   ? INTERNAL_WORKERS_MAX
                                           : 0,
        .queue_max = config->queue > 0 ? (int)config->queue
                     : front->internal ? INTERNAL_QUEUE_MAX
                                       : 0,
        .limits = {.body_bytes_max = service->config->limits.body_bytes},
    };
    return http_server_listen(service->server, &options, ret_listener, err);
}

static int open_listeners(struct whole *whole, struct err *err) {
    struct service *service = &whole->service;
    int r = http_server_new(0, &service->server, err);
    if (r < 0) {
        return r;
    }
    whole->public_front = (struct front){service, false};
    whole->internal_front = (struct front){service, true};
    r = listen_on(service, &service->config->public_listener, public_default, &whole->public_front,
                  &service->public_listener, err);
    return r < 0 ? r
                 : listen_on(service, &service->config->internal_listener, internal_default,
                             &whole->internal_front, &service->internal_listener, err);
}

/* ---- public ---- */

int service_open(const struct service_config *config, const struct service_hooks *hooks,
                 struct service **ret_service, struct err *err) {
    struct whole *whole = calloc(1, sizeof *whole);
    if (whole == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the service");
    }
    struct service *service = &whole->service;
    crypto_init();
    meter_init();
    service->config = config;
    service->started_us = clock_wall_us();
    service->alerts_wait = hooks != NULL && hooks->no_days;
    int r = open_all(service, hooks, err);
    if (r >= 0 && (hooks == NULL || !hooks->no_listeners)) {
        r = open_listeners(whole, err);
    }
    if (r < 0) {
        service_close(service);
        return r;
    }
    service->credentials = credentials_new(service);
    *ret_service = service;
    return 0;
}

int service_start(struct service *service, struct err *err) {
    int r = payments_start(service->payments, err);
    if (r < 0) {
        return r;
    }
    r = mode_start(service->mode, err);
    r = r < 0 || service->alerts_wait ? r : alerts_begin(service, err);
    r = r < 0 || service->alerts_wait ? r : incidents_begin(service, err);
    r = r < 0 ? r : credentials_start(service->credentials, err);
    r = r < 0 ? r : rollup_start(service->figures.rollup, err);
    r = r < 0 || service->alerts_wait ? r : service_lookout_start(service, err);
    r = r < 0 ? r : service->server != NULL ? http_server_start(service->server, err) : 0;
    if (r < 0) {
        return r;
    }
    atomic_store(&service->ready, true);
    return 0;
}

int service_public_port(const struct service *service) {
    return http_listener_port(service->public_listener);
}

int service_internal_port(const struct service *service) {
    return http_listener_port(service->internal_listener);
}

int service_drain(struct service *service) {
    atomic_store(&service->ready, false);
    /* Who sends requests here reads /readyz now and then, and goes on sending until it says no. */
    if (service->config->limits.drain_notice_s > 0) {
        task_sleep_us((int64_t)service->config->limits.drain_notice_s * US_PER_SECOND);
    }
    atomic_store(&service->draining, true);
    int64_t seconds = service->config->limits.drain_s > 0 ? service->config->limits.drain_s
                                                          : DRAIN_S;
    int cut = service->server != NULL ? http_server_drain(service->server, seconds * US_PER_SECOND)
                                      : 0;
    payments_stop(service->payments);
    mode_stop(service->mode);
    service_lookout_stop(service);
    rollup_stop(service->figures.rollup);
    return cut;
}

void service_close(struct service *service) {
    if (service == NULL) {
        return;
    }
    credentials_stop(service->credentials);
    if (service->server != NULL) {
        http_server_free(service->server);
    }
    service_lookout_stop(service); /* it looks at credentials */
    credentials_free(service->credentials);
    mode_stop(service->mode);
    payments_close(service->payments);
    rollup_close(service->figures.rollup);
    billing_close(service->billing);
    incidents_shut(service);
    recon_close(service->recon);
    repair_rules_free(service->repair_rules);
    match_sets_release(&service->match_sets);
    probes_shut(service);
    desk_close(service->desk);
    status_close(service->status);
    kb_close(service->kb);
    messages_shut(service);
    alerts_shut(service);
    if (service->auth != NULL) {
        auth_close(service->auth);
    }
    observer_close(service->observer);
    mode_close(service->mode);
    risk_close(service->risk);
    router_free(service->router);
    gateway_control_close(service->control);
    if (service->registry != NULL) {
        gateway_registry_close(service->registry);
    }
    if (service->client != NULL) {
        http_client_free(service->client);
    }
    if (service->seal != NULL) {
        seal_close(service->seal);
    }
    if (service->store != NULL) {
        store_close(service->store);
    }
    free(service->card_number_allow);
    free((struct whole *)service);
}

void service_handle(struct service *service, bool internal, const struct http_request *request,
                    struct http_reply *reply) {
    struct front front = {service, internal};
    front_handle(&front, request, reply);
}

int service_tick(struct service *service, struct err *err) {
    return payments_tick(service->payments, err);
}
