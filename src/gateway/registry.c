/* SPDX-License-Identifier: Apache-2.0
 * registry.c: the configured gateways and the adapters that exist. */
#include "gateway/registry.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/text.h"
#include "gateway/exchange.h"
#include "gateway/health.h"
#include "gateway/keyring.h"

enum {
    TIMEOUT_MS_DEFAULT = 10000,
    TIMEOUT_MS_MAX = 120000,
    CALLBACK_DUE_MS_DEFAULT = 15 * 60 * 1000,
    CONCURRENCY_DEFAULT = 512,
    CONCURRENCY_MAX = 100000,
    WEIGHT_DEFAULT = 100,
    WEIGHT_MAX = 1000,
    BASIS_POINTS_MAX = 10000,
};

#define X(folder, email, phone, status_page) extern const struct gateway_adapter folder##_adapter;
#include "gateway/adapters.def"
#undef X

static const struct gateway_adapter *const adapters[] = {
#define X(folder, email, phone, status_page) &folder##_adapter,
#include "gateway/adapters.def"
#undef X
};

struct gateway_registry {
    struct gateway gateways[GATEWAYS_MAX];
    int count;
};

const struct gateway_adapter *adapter_find(const char *name) {
    for (size_t i = 0; name != NULL && i < COUNT_OF(adapters); i++) {
        if (strcmp(adapters[i]->name, name) == 0) {
            return adapters[i];
        }
    }
    return NULL;
}

int gateway_count(const struct gateway_registry *registry) {
    return registry->count;
}

struct gateway *gateway_at(const struct gateway_registry *registry, int index) {
    INVARIANT(index >= 0 && index < registry->count, "a gateway's index is within the registry");
    return (struct gateway *)&registry->gateways[index];
}

struct gateway *gateway_find(const struct gateway_registry *registry, const char *name) {
    for (int i = 0; name != NULL && i < registry->count; i++) {
        if (strcmp(registry->gateways[i].name, name) == 0) {
            return gateway_at(registry, i);
        }
    }
    return NULL;
}

/* One refusal: what is wrong, and at which key of this gateway's settings. */
#define REFUSE(err, key, ...)                                                                      \
    (err_set((err), ERR_CONFIG, __VA_ARGS__), err_place((err), "%s", (key)))

static int read_name(const struct gateway_registry *registry, const char *name,
                     struct gateway *gateway, struct err *err) {
    size_t count = name != NULL ? strlen(name) : 0;
    if (count == 0 || count > GATEWAY_NAME_CHARS_MAX ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != count || name[0] == '-' ||
        name[0] == '_') {
        return REFUSE(err, "name",
                      "a gateway's name has 1 to %d of a-z, 0-9, '-' and '_', and begins "
                      "with a letter or digit",
                      GATEWAY_NAME_CHARS_MAX);
    }
    if (gateway_find(registry, name) != NULL) {
        return REFUSE(err, "name", "there are two gateways named '%s'", name);
    }
    snprintf(gateway->name, sizeof(gateway->name), "%s", name);
    return 0;
}

static int read_adapter(const char *name, struct gateway *gateway, struct err *err) {
    gateway->adapter = adapter_find(name);
    if (gateway->adapter != NULL) {
        return 0;
    }
    char known[160] = "";
    for (size_t i = 0; i < COUNT_OF(adapters); i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "", adapters[i]->name);
    }
    return REFUSE(err, "adapter", "there is no adapter '%.60s'; there are: %s",
                  name != NULL ? name : "", known);
}

static int read_url(const char *url, const char *key, char ret_url[GATEWAY_URL_CHARS_MAX + 1],
                    struct err *err) {
    size_t count = url != NULL ? strlen(url) : 0;
    while (count > 0 && url[count - 1] == '/') {
        count--;
    }
    if (count == 0) {
        return REFUSE(err, key, "the address is missing");
    }
    if (count > GATEWAY_URL_CHARS_MAX) {
        return REFUSE(err, key, "the address is too long");
    }
    char text[GATEWAY_URL_CHARS_MAX + 1];
    memcpy(text, url, count);
    text[count] = '\0';
    bool secure = strncmp(text, "https://", 8) == 0;
    const char *host = strstr(text, "://");
    if ((!secure && strncmp(text, "http://", 7) != 0) || host == NULL || host[3] == '\0' ||
        host[3] == '/') {
        return REFUSE(err, key, "the address must begin with https:// and a host");
    }
    if (strpbrk(text, "?#@\\ \t\r\n\"<>") != NULL) {
        return REFUSE(err, key, "the address has no query, fragment, user or blank");
    }
    if (!secure && !exchange_url_is_loopback(text)) {
        return REFUSE(err, key, "http:// is only for a sandbox on this machine; use https://");
    }
    snprintf(ret_url, GATEWAY_URL_CHARS_MAX + 1, "%s", text);
    return 0;
}

static int read_urls(const struct gateway_settings *settings, struct gateway *gateway,
                     struct err *err) {
    bool given = settings->base_url != NULL && settings->base_url[0] != '\0';
    if (gateway->adapter->can.offline) {
        return !given ? 0
                      : REFUSE(err, "base_url", "%s is not called: it has no address",
                               gateway->adapter->name);
    }
    int rc = read_url(settings->base_url, "base_url", gateway->base_url, err);
    if (rc < 0 || settings->callback_url == NULL || settings->callback_url[0] == '\0') {
        return rc;
    }
    return read_url(settings->callback_url, "callback_url", gateway->callback_url, err);
}

static bool is_one_of(const char *name, const char *const *names) {
    for (; names != NULL && *names != NULL; names++) {
        if (strcmp(*names, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_credential(const struct gateway *gateway, const char *name) {
    for (int i = 0; i < gateway->credential_count; i++) {
        if (strcmp(gateway->credentials[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* One that the adapter does not know is refused: it is a typing error. What is missing may stand
 * among the credentials (keyring.h). */
static int read_options(const struct gateway_settings *settings, struct gateway *gateway,
                        struct err *err) {
    const struct gateway_adapter *adapter = gateway->adapter;
    if (settings->option_count < 0 || settings->option_count > GATEWAY_OPTIONS_MAX) {
        return REFUSE(err, "options", "a gateway has at most %d options", GATEWAY_OPTIONS_MAX);
    }
    for (int i = 0; i < settings->option_count; i++) {
        const char *name = settings->options[i].name;
        const char *value = settings->options[i].value;
        struct gateway_option *option = &gateway->options[gateway->option_count];
        if (name == NULL ||
            (!is_one_of(name, adapter->options) && !is_one_of(name, adapter->more_options))) {
            return REFUSE(err, "options", "%s has no option '%.40s'", adapter->name,
                          name != NULL ? name : "");
        }
        if (value == NULL || value[0] == '\0' || strlen(value) >= sizeof(option->value)) {
            return REFUSE(err, "options", "the value of option '%s' is missing or too long", name);
        }
        if (gateway_option(gateway, name)[0] != '\0') {
            return REFUSE(err, "options", "option '%s' is given twice", name);
        }
        snprintf(option->name, sizeof(option->name), "%s", name);
        snprintf(option->value, sizeof(option->value), "%s", value);
        gateway->option_count++;
    }
    const char *const *needed = adapter->options;
    for (; needed != NULL && *needed != NULL; needed++) {
        if (gateway_option(gateway, *needed)[0] == '\0' && !has_credential(gateway, *needed)) {
            return REFUSE(err, "options", "option '%s' is missing; %s needs it", *needed,
                          adapter->name);
        }
    }
    return 0;
}

/* Their names and references; the keyring reads them. */
static int read_credentials(const struct gateway_settings *settings, struct gateway *gateway,
                            struct err *err) {
    if (settings->credential_count < 0 || settings->credential_count > GATEWAY_CREDENTIALS_MAX) {
        return REFUSE(err, "credentials", "a gateway has at most %d credentials",
                      GATEWAY_CREDENTIALS_MAX);
    }
    for (int i = 0; i < settings->credential_count; i++) {
        const char *name = settings->credentials[i].name;
        const char *reference = settings->credentials[i].reference;
        struct gateway_credential *credential = &gateway->credentials[gateway->credential_count];
        if (name == NULL || name[0] == '\0' || strlen(name) >= sizeof(credential->name)) {
            return REFUSE(err, "credentials", "a credential's name is missing or too long");
        }
        if (reference == NULL || strlen(reference) >= sizeof(credential->reference)) {
            return REFUSE(err, "credentials",
                          "the reference of credential '%s' is missing or too long", name);
        }
        if (has_credential(gateway, name)) {
            return REFUSE(err, "credentials", "credential '%s' is given twice", name);
        }
        snprintf(credential->name, sizeof(credential->name), "%s", name);
        snprintf(credential->reference, sizeof(credential->reference), "%s", reference);
        gateway->credential_count++;
    }
    for (const char *const *needed = gateway->adapter->credentials;
         needed != NULL && *needed != NULL; needed++) {
        if (!has_credential(gateway, *needed)) {
            return REFUSE(err, "credentials", "credential '%s' is missing; %s needs it", *needed,
                          gateway->adapter->name);
        }
    }
    return 0;
}

static int read_methods(const struct gateway_settings *settings, struct gateway *gateway,
                        struct err *err) {
    if (settings->method_count == 0) {
        memcpy(gateway->methods, gateway->adapter->methods, sizeof(gateway->methods));
        return 0;
    }
    for (int i = 0; i < settings->method_count; i++) {
        enum payment_method method;
        if (!method_parse(settings->methods[i], &method)) {
            return REFUSE(err, "methods", "there is no method '%.40s'",
                          settings->methods[i] != NULL ? settings->methods[i] : "");
        }
        if (!gateway->adapter->methods[method]) {
            return REFUSE(err, "methods", "%s does not take the method '%s'",
                          gateway->adapter->name, method_name(method));
        }
        gateway->methods[method] = true;
    }
    return 0;
}

static int read_places(const struct gateway_settings *settings, struct gateway *gateway,
                       struct err *err) {
    if (settings->currency_count < 0 ||
        settings->currency_count > (int)COUNT_OF(gateway->currencies)) {
        return REFUSE(err, "currencies", "a gateway lists at most %zu currencies",
                      COUNT_OF(gateway->currencies));
    }
    for (int i = 0; i < settings->currency_count; i++) {
        if (currency_parse(settings->currencies[i], &gateway->currencies[i], err) < 0) {
            return REFUSE(err, "currencies", "'%.12s' is no currency",
                          settings->currencies[i] != NULL ? settings->currencies[i] : "");
        }
        gateway->currency_count++;
    }
    if (settings->region_count < 0 || settings->region_count > (int)COUNT_OF(gateway->regions)) {
        return REFUSE(err, "regions", "a gateway lists at most %zu regions",
                      COUNT_OF(gateway->regions));
    }
    for (int i = 0; i < settings->region_count; i++) {
        const char *region = settings->regions[i];
        if (region == NULL || !text_is_region(region)) {
            return REFUSE(err, "regions", "a region is two capital letters, like DE");
        }
        snprintf(gateway->regions[i], sizeof(gateway->regions[i]), "%s", region);
        gateway->region_count++;
    }
    return 0;
}

static bool within(int64_t value, int64_t min, int64_t max) {
    return value >= min && value <= max;
}

static int read_numbers(const struct gateway_settings *settings, struct gateway *gateway,
                        struct err *err) {
    if (!within(settings->amount_minor_min, 0, AMOUNT_MINOR_MAX) ||
        !within(settings->amount_minor_max, 0, AMOUNT_MINOR_MAX) ||
        (settings->amount_minor_max > 0 &&
         settings->amount_minor_max < settings->amount_minor_min)) {
        return REFUSE(err, "amount_max",
                      "the bounds of the amount are negative, too large, or crossed");
    }
    if (!within(settings->weight, 0, WEIGHT_MAX)) {
        return REFUSE(err, "weight", "weight is %d; it must be 0 to %d", settings->weight,
                      WEIGHT_MAX);
    }
    if (!within(settings->cost_fixed_minor, 0, AMOUNT_MINOR_MAX) ||
        !within(settings->cost_basis_points, 0, BASIS_POINTS_MAX)) {
        return REFUSE(err, "cost", "the cost is negative or too large");
    }
    if (!within(settings->timeout_ms, 0, TIMEOUT_MS_MAX)) {
        return REFUSE(err, "timeout_ms", "timeout_ms is %" PRId64 "; it must be 0 to %d",
                      settings->timeout_ms, TIMEOUT_MS_MAX);
    }
    if (!within(settings->callback_due_ms, 0, INT64_C(7) * 24 * 3600 * 1000)) {
        return REFUSE(err, "callback_due_s", "callback_due_s must be 0 to seven days");
    }
    if (!within(settings->concurrency_max, 0, CONCURRENCY_MAX)) {
        return REFUSE(err, "concurrency", "concurrency is %d; it must be 0 to %d",
                      settings->concurrency_max, CONCURRENCY_MAX);
    }
    int64_t timeout_ms = settings->timeout_ms > 0 ? settings->timeout_ms : TIMEOUT_MS_DEFAULT;
    int64_t due_ms = settings->callback_due_ms > 0 ? settings->callback_due_ms
                                                   : CALLBACK_DUE_MS_DEFAULT;
    gateway->amount_minor_min = settings->amount_minor_min;
    gateway->amount_minor_max = settings->amount_minor_max;
    gateway->priority = settings->priority;
    gateway->weight = settings->weight > 0 ? settings->weight : WEIGHT_DEFAULT;
    gateway->cost = (struct gateway_cost){settings->cost_fixed_minor, settings->cost_basis_points};
    gateway->timeout_us = timeout_ms * US_PER_MS;
    gateway->callback_due_us = due_ms * US_PER_MS;
    return 0;
}

static void release_gateway(struct gateway *gateway) {
    keyring_close(gateway);
    gateway_health_free(gateway->health);
    http_bulkhead_free(gateway->bulkhead);
    *gateway = (struct gateway){0};
}

static int make_parts(const struct gateway_settings *settings, struct gateway *gateway,
                      struct err *err) {
    static const struct keyring_settings usual = {0};
    gateway->bulkhead = http_bulkhead_new(settings->concurrency_max > 0 ? settings->concurrency_max
                                                                        : CONCURRENCY_DEFAULT);
    gateway->health = gateway_health_new(gateway->name, settings->breaker);
    /* Last: the keyring's sets are copies of what stands here. */
    int rc = keyring_open(gateway, settings->keys != NULL ? settings->keys : &usual, err);
    return rc < 0 ? err_place(err, "credentials") : 0;
}

/* Fills the next place of the registry; a failure leaves it empty. */
static int open_gateway(const struct gateway_settings *settings, struct gateway_registry *registry,
                        struct err *err) {
    struct gateway *gateway = &registry->gateways[registry->count];
    int rc = 0;
    if ((rc = read_name(registry, settings->name, gateway, err)) < 0 ||
        (rc = read_adapter(settings->adapter, gateway, err)) < 0 ||
        (rc = read_urls(settings, gateway, err)) < 0 ||
        (rc = read_methods(settings, gateway, err)) < 0 ||
        (rc = read_places(settings, gateway, err)) < 0 ||
        (rc = read_numbers(settings, gateway, err)) < 0 ||
        (rc = read_credentials(settings, gateway, err)) < 0 ||
        (rc = read_options(settings, gateway, err)) < 0 ||
        (rc = make_parts(settings, gateway, err)) < 0) {
        release_gateway(gateway);
        return rc;
    }
    registry->count++;
    return 0;
}

int gateway_registry_open(const struct gateway_settings *settings, int count,
                          struct gateway_registry **ret_registry, struct err *err) {
    if (count < 0 || count > GATEWAYS_MAX) {
        return err_set(err, ERR_CONFIG, "%d gateways are configured; at most %d can be", count,
                       GATEWAYS_MAX);
    }
    struct gateway_registry *registry = calloc(1, sizeof(*registry));
    INVARIANT(registry != NULL, "out of memory");
    for (int i = 0; i < count; i++) {
        int rc = open_gateway(&settings[i], registry, err);
        if (rc < 0) {
            char key[sizeof(err->place)] = "";
            snprintf(key, sizeof(key), "%s", err != NULL ? err->place : "");
            gateway_registry_close(registry);
            return err_place(err, "/gateways/%d/%.60s", i, key);
        }
    }
    *ret_registry = registry;
    return 0;
}

void gateway_registry_close(struct gateway_registry *registry) {
    if (registry == NULL) {
        return;
    }
    for (int i = 0; i < registry->count; i++) {
        release_gateway(&registry->gateways[i]);
    }
    free(registry);
}
