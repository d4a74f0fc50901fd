/* SPDX-License-Identifier: Apache-2.0
 * service.c: opens every floor in order, and closes them in the opposite one. Each opening either
 * succeeds or undoes what came before it through service_close(), which takes half-open services.
 */
#include "api/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/service_impl.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/task.h"
#include "gateway/health.h"
#include "meter/meter.h"
#include "store/migrate.h"

enum { INTERNAL_WORKERS_MAX = 32, INTERNAL_QUEUE_MAX = 256, DRAIN_S = 20, PATH_CHARS_MAX = 4096 };
enum { PRIORITY_MAX = 9999 };
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

/* Where the master key is: said, or for SQLite beside the database. */
static int find_seal(struct service *service, struct err *err) {
    static const char sqlite[] = "sqlite:";
    const char *reference = service->config->master_key;
    const char *url = service->config->store.url;
    if (reference != NULL) {
        return seal_open(reference, &service->seal, err);
    }
    if (strncmp(url, sqlite, sizeof sqlite - 1) != 0) {
        err_set(err, ERR_CONFIG,
                "master_key is needed with PostgreSQL: every instance must have the same one");
        return err_hint(
            err, "Make one with: openssl rand -hex 32 > master.key; then master_key: file:/path");
    }
    char path[PATH_CHARS_MAX];
    snprintf(path, sizeof path, "%s.key", url + sizeof sqlite - 1);
    return seal_open_or_make(path, &service->seal, err);
}

static const char seal_row[] = "master_key_check";

/* The first service on a database seals a word in it; whoever comes later with another key is told
 * so at once, and not by webhooks that cannot be signed. */
static int check_seal_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct service *service = ctx;
    SECRET_AUTO word = secret_new(seal_row, sizeof seal_row - 1);
    char *sealed = seal_text(service->seal, seal_row, word);
    if (sealed == NULL) {
        return err_set(err, ERR_CRYPTO, "the master key cannot seal");
    }
    int r = sql_put(tx, err,
                    "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING",
                    S_TEXT(seal_row), S_TEXT(sealed));
    free(sealed);
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &rows, "SELECT value FROM setting WHERE key = $1",
                          S_TEXT(seal_row));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_STORE_CORRUPT, "the master key's check is gone");
    }
    SECRET_AUTO opened = NULL;
    if (seal_read(service->seal, seal_row, sql_text(rows, 0), &opened, err) < 0) {
        err_set(err, ERR_CONFIG, "this is not the master key that this database was begun with");
        err_place(err, "master_key");
        return err_hint(err, "Its secrets cannot be read with another key: find the first one.");
    }
    return 0;
}

static int open_seal(struct service *service, struct err *err) {
    int r = find_seal(service, err);
    return r < 0 ? r : store_write(service->store, check_seal_tx, service, err);
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

static void settings_of(const struct config_gateway *config, const struct breaker_settings *breaker,
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
    };
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
        if (config->gateways[i].priority > PRIORITY_MAX) {
            free(settings);
            return err_set(err, ERR_CONFIG, "gateway %s: priority is at most %d",
                           config->gateways[i].name, PRIORITY_MAX);
        }
        settings_of(&config->gateways[i], &breaker, &settings[i]);
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
        if (strlen(config->regions[i]) >= sizeof rule->regions[0]) {
            return err_set(err, ERR_CONFIG,
                           "routing rule \"%s\": a region has at most %zu characters", config->name,
                           sizeof rule->regions[0] - 1);
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

static int open_payments(struct service *service, struct err *err) {
    const struct config_payments *config = &service->config->payments;
    struct payments_options options = {
        .store = service->store,
        .registry = service->registry,
        .control = service->control,
        .router = service->router,
        .client = service->client,
        .seal = service->seal,
        .several_per_order = config->several_per_order,
        .request_budget_us = (int64_t)config->request_budget_ms * US_PER_MS,
        .failover_max = (int)config->failover_max,
        .probe_us = config->probe_s != NULL ? *config->probe_s * US_PER_SECOND : PROBE_US,
        .retention = service->config->retention,
        .alone = store_engine(service->store) == STORE_SQLITE,
    };
    return payments_open(&options, &service->payments, err);
}

static int open_client(struct service *service, const struct service_hooks *hooks,
                       struct err *err) {
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

static int open_allow_list(struct service *service, struct err *err) {
    const struct config_payments *config = &service->config->payments;
    service->card_number_allow = calloc(config->card_number_allow_count + 1, sizeof(char *));
    if (service->card_number_allow == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the list of allowed fields");
    }
    for (unsigned i = 0; i < config->card_number_allow_count; i++) {
        service->card_number_allow[i] = config->card_number_allow[i];
    }
    return 0;
}

static int open_all(struct service *service, const struct service_hooks *hooks, struct err *err) {
    int r = open_client(service, hooks, err);
    r = r < 0 ? r : set_log_level(service, err);
    r = r < 0 ? r : open_allow_list(service, err);
    /* Before the store: a slip in the configuration must not have migrated the database. */
    r = r < 0 ? r : open_gateways(service, err);
    r = r < 0 ? r : open_store(service, err);
    r = r < 0 ? r : open_seal(service, err);
    r = r < 0 ? r : gateway_control_open(service->store, service->registry, &service->control, err);
    r = r < 0 ? r : open_router(service, err);
    r = r < 0 ? r : open_payments(service, err);
    if (r < 0) {
        return r;
    }
    const struct service_config *config = service->config;
    const struct config_limits *said = &config->limits;
    const struct auth_limits limits = {
        .requests_per_second = said->requests_per_second != NULL ? *said->requests_per_second
                                                                 : AUTH_REQUESTS_PER_SECOND,
        .burst = said->burst,
        .failures_per_second = said->failures_per_second != NULL ? *said->failures_per_second
                                                                 : AUTH_FAILURES_PER_SECOND,
    };
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
    int r = open_all(service, hooks, err);
    if (r >= 0 && (hooks == NULL || !hooks->no_listeners)) {
        r = open_listeners(whole, err);
    }
    if (r < 0) {
        service_close(service);
        return r;
    }
    *ret_service = service;
    return 0;
}

int service_start(struct service *service, struct err *err) {
    int r = payments_start(service->payments, err);
    if (r < 0) {
        return r;
    }
    r = service->server != NULL ? http_server_start(service->server, err) : 0;
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
    return cut;
}

void service_close(struct service *service) {
    if (service == NULL) {
        return;
    }
    if (service->server != NULL) {
        http_server_free(service->server);
    }
    payments_close(service->payments);
    if (service->auth != NULL) {
        auth_close(service->auth);
    }
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
