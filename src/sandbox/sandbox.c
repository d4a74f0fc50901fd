/* SPDX-License-Identifier: Apache-2.0
 * sandbox.c: the sandbox as a whole: starting, stopping, forgetting. */
#include "sandbox/sandbox.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "sandbox/statement.h"

enum {
    WORKERS_MAX = 8, /* handlers never wait: faults hold back the reply, not the worker */
    QUEUE_MAX = 65536,
    REQUESTS_MAX = 1000000000, /* on one connection: load tests keep theirs */
};
#define IDLE_US (600 * US_PER_SECOND)
#define TICK_US (20 * US_PER_MS)
#define GATE_PAUSE_US 200

void sandbox_options_init(struct sandbox_options *options) {
    static const char *const addresses[SANDBOX_PORTS] = {
#define X(NAME, name, title, port) "127.0.0.1:" #port,
#include "sandbox/gateways.def"
#undef X
        "127.0.0.1:9100",
    };
    *options = (struct sandbox_options){
        .paypal_token_s = 32400,
        .callback_delay_ms = 50,
        .callback_retry_ms = 1000,
        .callback_tries = 16,
        .callback_workers = 16,
        .settle_ms = 2000,
        .objects_max = SB_OBJECTS_MAX,
    };
    memcpy(options->addresses, addresses, sizeof(addresses));
}

int sandbox_options_set(struct sandbox_options *options, const char *name, const char *value,
                        struct err *err) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        const char *prefix = sb_gateway_name((enum sb_gateway)i);
        size_t count = strlen(prefix);
        if (strncmp(name, prefix, count) != 0 || name[count] != '-') {
            continue;
        }
        const struct sb_setting *setting = sb_gateway_kind((enum sb_gateway)i)->settings;
        for (int k = 0; setting != NULL && setting[k].name != NULL; k++) {
            if (strcmp(setting[k].name, name + count + 1) == 0) {
                options->settings[i][k] = value;
                return 0;
            }
        }
    }
    return err_set(err, ERR_CONFIG, "the sandbox has no setting '%.60s'", name);
}

/* ---- the gate ---- */

void sb_gate_enter(struct sandbox *sandbox) {
    for (;;) {
        atomic_fetch_add(&sandbox->inside, 1);
        if (!atomic_load(&sandbox->shut)) {
            return;
        }
        atomic_fetch_sub(&sandbox->inside, 1);
        task_sleep_us(GATE_PAUSE_US);
    }
}

void sb_gate_leave(struct sandbox *sandbox) {
    atomic_fetch_sub(&sandbox->inside, 1);
}

/* Names of one life of the book must not come back in the next. */
static uint64_t place_key(const struct sandbox *sandbox, int gateway) {
    struct prng prng;
    prng_init(&prng, sandbox->seed + (uint64_t)gateway * 1000003 + atomic_load(&sandbox->epoch));
    return prng_next(&prng);
}

void sb_reset(struct sandbox *sandbox) {
    bool open = false;
    while (!atomic_compare_exchange_weak(&sandbox->shut, &open, true)) {
        open = false;
        task_sleep_us(GATE_PAUSE_US);
    }
    while (atomic_load(&sandbox->inside) > 0) {
        task_sleep_us(GATE_PAUSE_US);
    }
    atomic_fetch_add(&sandbox->epoch, 1);
    sb_clerk_clear(&sandbox->clerk);
    sandbox_heal(sandbox);
    sb_book_clear(&sandbox->book);
    sb_statement_forget(sandbox);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        sb_events_clear(&sandbox->events[i]);
        sb_keys_clear(&sandbox->keys[i]);
        sb_place_clear(sandbox->places[i], place_key(sandbox, i));
        const struct sb_gateway_kind *kind = sb_gateway_kind((enum sb_gateway)i);
        if (kind->reset != NULL) {
            kind->reset(sandbox);
        }
    }
    sb_faults_seed(&sandbox->faults, sandbox->seed);
    atomic_store(&sandbox->shut, false);
}

/* ---- refusing connections ---- */

static void tick_later(struct sandbox *sandbox) {
    struct sb_action tick = {.kind = SB_TICK, .due_us = clock_mono_us() + TICK_US};
    if (!atomic_exchange(&sandbox->ticking, true) && !sb_clerk_push(&sandbox->clerk, &tick)) {
        atomic_store(&sandbox->ticking, false);
    }
}

void sb_refusals_apply(struct sandbox *sandbox) {
    bool again = false;
    if (sandbox->server == NULL) {
        return; /* sandbox_refuses() is asked instead */
    }
    lock_take(&sandbox->refusal_lock);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        bool changing = false;
        struct err err;
        bool refuse = sb_faults_refuse(&sandbox->faults, (enum sb_gateway)i, &changing);
        again |= changing;
        if (sandbox->listeners[i] != NULL && refuse != sandbox->refusing[i]) {
            if (http_listener_refuse(sandbox->listeners[i], refuse, &err) == 0) {
                sandbox->refusing[i] = refuse;
            } else {
                log_error(SANDBOX_FAULT, &err, LT("gateway", sb_gateway_name((enum sb_gateway)i)));
                again = true;
            }
        }
    }
    lock_give(&sandbox->refusal_lock);
    if (again) {
        tick_later(sandbox);
    }
}

/* ---- what the clerk does ---- */

static void act(void *ctx, struct sb_action *action) {
    struct sandbox *sandbox = ctx;
    if (action->kind == SB_DELIVER) {
        sb_deliver(sandbox, action);
        return;
    }
    if (action->kind == SB_TICK) {
        atomic_store(&sandbox->ticking, false);
        sb_refusals_apply(sandbox);
        return;
    }
    sb_gate_enter(sandbox);
    if (action->epoch == atomic_load(&sandbox->epoch)) {
        sb_gateway_kind((enum sb_gateway)action->event.gateway)
            ->settle(sandbox, (void *)action->event.object);
    }
    sb_gate_leave(sandbox);
}

/* ---- starting ---- */

static char *copied(const char *text) {
    char *copy = strdup(text != NULL ? text : "");
    INVARIANT(copy != NULL, "no memory for a text");
    return copy;
}

static void options_keep(struct sandbox *sandbox, const struct sandbox_options *options) {
    sandbox->seed = options->seed != 0 ? options->seed : random_u64() >> 1;
    for (int i = 0; i < SB_GATEWAYS; i++) {
        const struct sb_setting *settings = sb_gateway_kind((enum sb_gateway)i)->settings;
        for (int k = 0; settings != NULL && settings[k].name != NULL; k++) {
            INVARIANT(k < SANDBOX_SETTINGS_MAX, "a gateway has few settings");
            const char *given = options->settings[i][k];
            sandbox->settings[i][k] = copied(given != NULL ? given : settings[k].usual);
        }
        sandbox->identities[i] = options->identities[i];
        sandbox->identity_lent[i] = options->identities[i] != NULL;
    }
    sandbox->paypal_token_s = options->paypal_token_s;
    sandbox->paypal_duplicate_invoices = options->paypal_duplicate_invoices;
    sandbox->callback_delay_us = options->callback_delay_ms * US_PER_MS;
    sandbox->callback_retry_us = options->callback_retry_ms * US_PER_MS;
    sandbox->callback_tries = options->callback_tries;
    sandbox->settle_us = options->settle_ms * US_PER_MS;
}

static void ground_make(struct sandbox *sandbox, const struct sandbox_options *options) {
    lock_init(&sandbox->refusal_lock);
    lock_init(&sandbox->identity_lock);
    lock_init(&sandbox->handed_lock);
    sandbox->handed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    sandbox->put = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    sandbox->statement_dir = g_strdup(options->statement_dir);
    sb_faults_init(&sandbox->faults, sandbox->seed, options->latency_ms);
    sb_book_init(&sandbox->book);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        sandbox->places[i] = sb_place_new(place_key(sandbox, i), options->objects_max);
        sb_keys_init(&sandbox->keys[i]);
        sb_events_init(&sandbox->events[i]);
    }
}

static int faults_read(struct sandbox *sandbox, const char *const *specs, struct err *err) {
    for (; specs != NULL && *specs != NULL; specs++) {
        int rc = sandbox_fault(sandbox, *specs, err);
        if (rc < 0) {
            (void)err_while(err, "reading the fault '%.80s'", *specs);
            return rc;
        }
    }
    return 0;
}

/* "127.0.0.1" of "127.0.0.1:9101"; an address of all interfaces is reached by loopback. */
static void base_url_write(struct sandbox *sandbox, int gateway, const char *address) {
    const char *colon = strrchr(address, ':');
    int host = colon != NULL ? (int)(colon - address) : 0;
    bool every = host == 0 || strncmp(address, "0.0.0.0:", 8) == 0 ||
                 strncmp(address, "[::]:", 5) == 0;
    snprintf(sandbox->base_urls[gateway], sizeof(sandbox->base_urls[gateway]), "http://%.*s:%d",
             every ? 9 : host, every ? "127.0.0.1" : address, sandbox->ports[gateway]);
}

/* ---- a request to any of the ports ---- */

static void to_gateway(struct sandbox *sandbox, enum sb_gateway gateway,
                       const struct http_request *request, struct http_reply *reply) {
    if (!sb_pay_page(sandbox, gateway, request, reply)) {
        sb_gateway_kind(gateway)->handle(sandbox, request, reply);
    }
}

#define X(NAME, name, title, port)                                                                 \
    static void to_##name(void *ctx, const struct http_request *request,                           \
                          struct http_reply *reply) {                                              \
        to_gateway(ctx, SB_##NAME, request, reply);                                                \
    }
#include "sandbox/gateways.def"
#undef X

static http_handler *const handlers[SANDBOX_PORTS] = {
#define X(NAME, name, title, port) to_##name,
#include "sandbox/gateways.def"
#undef X
    sb_control_handle,
};

static int listeners_open(struct sandbox *sandbox, const struct sandbox_options *options,
                          struct err *err) {
    if (options->no_listeners) {
        for (int i = 0; i < SB_GATEWAYS; i++) {
            snprintf(sandbox->base_urls[i], sizeof(sandbox->base_urls[i]), "%s",
                     options->base_urls[i] != NULL ? options->base_urls[i] : "");
        }
        return 0;
    }
    int rc = http_server_new(0, &sandbox->server, err);
    for (int i = 0; rc == 0 && i < SANDBOX_PORTS; i++) {
        if (options->addresses[i] == NULL) {
            continue;
        }
        const struct http_listener_options listener = {
            .address = options->addresses[i],
            .handler = handlers[i],
            .ctx = sandbox,
            .workers_max = WORKERS_MAX,
            .queue_max = QUEUE_MAX,
            .limits = {.idle_us = IDLE_US, .requests_max = REQUESTS_MAX},
        };
        rc = http_server_listen(sandbox->server, &listener, &sandbox->listeners[i], err);
        sandbox->ports[i] = rc == 0 ? http_listener_port(sandbox->listeners[i]) : 0;
    }
    for (int i = 0; rc == 0 && i < SB_GATEWAYS; i++) {
        if (options->addresses[i] != NULL) {
            base_url_write(sandbox, i, options->addresses[i]);
        }
    }
    return rc;
}

/* The webhook that the options ask for. */
static int webhook_make(struct sandbox *sandbox, enum sb_gateway gateway,
                        const struct sandbox_options *options, struct err *err) {
    const char *url = options->callback_urls[gateway];
    const char *types = options->callback_events[gateway];
    struct sb_endpoint endpoint = {.types = UINT64_MAX};
    if (url == NULL) {
        return 0;
    }
    if (strlen(url) > SB_URL_CHARS_MAX || strncmp(url, "http", 4) != 0) {
        return err_set(err, ERR_CONFIG, "a callback URL begins with http:// or https://");
    }
    int rc = types != NULL ? sb_event_types_read(gateway, types, &endpoint.types, err) : 0;
    if (rc < 0) {
        return rc;
    }
    snprintf(endpoint.url, sizeof(endpoint.url), "%s", url);
    if (sb_gateway_kind(gateway)->endpoint_fill != NULL) {
        sb_gateway_kind(gateway)->endpoint_fill(sandbox, &endpoint);
    }
    bool room = sb_endpoint_add(&sandbox->events[gateway], &endpoint);
    INVARIANT(room, "the first webhook has room");
    return 0;
}

static int gateways_open(struct sandbox *sandbox, const struct sandbox_options *options,
                         struct err *err) {
    int rc = 0;
    for (int i = 0; rc == 0 && i < SB_GATEWAYS; i++) {
        const struct sb_gateway_kind *kind = sb_gateway_kind((enum sb_gateway)i);
        rc = kind->open != NULL ? kind->open(sandbox, options, err) : 0;
        rc = rc == 0 ? webhook_make(sandbox, (enum sb_gateway)i, options, err) : rc;
    }
    return rc;
}

static int start_steps(struct sandbox *sandbox, const struct sandbox_options *options,
                       struct err *err) {
    const struct http_client_options client = {.user_agent = "Holdfast-Sandbox/1"};
    sandbox->client = options->client;
    int rc = faults_read(sandbox, options->faults, err);
    rc = rc == 0 ? gateways_open(sandbox, options, err) : rc;
    rc = rc == 0 && sandbox->client == NULL ? http_client_new(&client, &sandbox->client, err) : rc;
    rc = rc == 0 ? listeners_open(sandbox, options, err) : rc;
    rc = rc == 0 ? sb_clerk_start(&sandbox->clerk, options->callback_workers, act, sandbox, err)
                 : rc;
    return rc == 0 && sandbox->server != NULL ? http_server_start(sandbox->server, err) : rc;
}

int sandbox_start(const struct sandbox_options *options, struct sandbox **ret_sandbox,
                  struct err *err) {
    struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
    INVARIANT(sandbox != NULL, "no memory for the sandbox");
    options_keep(sandbox, options);
    ground_make(sandbox, options);
    int rc = start_steps(sandbox, options, err);
    if (rc < 0) {
        sandbox_stop(sandbox);
        return rc;
    }
    sb_refusals_apply(sandbox);
    log_event(SANDBOX_STARTED, LI("stripe_port", sandbox_port(sandbox, SANDBOX_STRIPE)),
              LI("paypal_port", sandbox_port(sandbox, SANDBOX_PAYPAL)),
              LI("alipay_port", sandbox_port(sandbox, SANDBOX_ALIPAY)),
              LI("wechat_port", sandbox_port(sandbox, SANDBOX_WECHAT)),
              LI("unionpay_port", sandbox_port(sandbox, SANDBOX_UNIONPAY)),
              LI("control_port", sandbox_port(sandbox, SANDBOX_CONTROL)));
    *ret_sandbox = sandbox;
    return 0;
}

static void gateway_close(struct sandbox *sandbox, enum sb_gateway gateway) {
    const struct sb_gateway_kind *kind = sb_gateway_kind(gateway);
    if (kind->close != NULL) {
        kind->close(sandbox);
    }
    if (!sandbox->identity_lent[gateway]) {
        sandbox_identity_free((enum sandbox_port)gateway, sandbox->identities[gateway]);
    }
    for (int k = 0; k < SANDBOX_SETTINGS_MAX; k++) {
        free(sandbox->settings[gateway][k]);
        free(sandbox->settings_before[gateway][k]);
    }
    sb_events_release(&sandbox->events[gateway]);
    sb_keys_release(&sandbox->keys[gateway]);
    sb_place_free(sandbox->places[gateway]);
}

void sandbox_stop(struct sandbox *sandbox) {
    if (sandbox == NULL) {
        return;
    }
    http_server_free(sandbox->server);
    sb_clerk_stop(&sandbox->clerk);
    http_client_free(sandbox->client);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        gateway_close(sandbox, (enum sb_gateway)i);
    }
    sb_book_release(&sandbox->book);
    sb_faults_release(&sandbox->faults);
    g_hash_table_unref(sandbox->handed);
    g_hash_table_unref(sandbox->put);
    g_free(sandbox->statement_dir);
    lock_free(&sandbox->handed_lock);
    lock_free(&sandbox->identity_lock);
    lock_free(&sandbox->refusal_lock);
    free(sandbox);
}

/* ---- asking and telling ---- */

int sandbox_port(const struct sandbox *sandbox, enum sandbox_port port) {
    return sandbox->ports[port];
}

uint64_t sandbox_seed(const struct sandbox *sandbox) {
    return sandbox->seed;
}

const char *sb_setting(const struct sandbox *sandbox, enum sb_gateway gateway, int index) {
    INVARIANT(index < SANDBOX_SETTINGS_MAX && sandbox->settings[gateway][index] != NULL,
              "a setting has a row");
    return sandbox->settings[gateway][index];
}

/* ---- keys and certificates ---- */

int sandbox_identity_new(enum sandbox_port gateway, int64_t now_us, void **ret_identity,
                         struct err *err) {
    const struct sb_gateway_kind *kind = sb_gateway_kind((enum sb_gateway)gateway);
    *ret_identity = NULL;
    return kind->identity_new != NULL ? kind->identity_new(now_us, ret_identity, err) : 0;
}

void sandbox_identity_free(enum sandbox_port gateway, void *identity) {
    const struct sb_gateway_kind *kind = sb_gateway_kind((enum sb_gateway)gateway);
    if (identity != NULL && kind->identity_free != NULL) {
        kind->identity_free(identity);
    }
}

const char *sandbox_identity_paper(enum sandbox_port gateway, const void *identity,
                                   const char *name) {
    const struct sb_gateway_kind *kind = sb_gateway_kind((enum sb_gateway)gateway);
    return kind->paper != NULL && identity != NULL ? kind->paper(identity, name) : NULL;
}

/* RSA keys take their time: a gateway that nobody asks makes none. */
void *sb_identity(struct sandbox *sandbox, enum sb_gateway gateway) {
    struct err err = {0};
    lock_take(&sandbox->identity_lock);
    int rc = sandbox->identities[gateway] != NULL
                 ? 0
                 : sandbox_identity_new((enum sandbox_port)gateway, clock_wall_us(),
                                        &sandbox->identities[gateway], &err);
    INVARIANT(rc == 0, "a key can be made");
    void *identity = sandbox->identities[gateway];
    lock_give(&sandbox->identity_lock);
    return identity;
}

const char *sandbox_paper(struct sandbox *sandbox, enum sandbox_port gateway, const char *name) {
    return sandbox_identity_paper(gateway, sb_identity(sandbox, (enum sb_gateway)gateway), name);
}

int sandbox_fault(struct sandbox *sandbox, const char *spec, struct err *err) {
    enum sb_gateway gateway;
    struct sb_fault fault;
    int rc = sb_fault_read_spec(spec, &gateway, &fault, err);
    rc = rc == 0 ? sb_faults_add(&sandbox->faults, gateway, &fault, err) : rc;
    if (rc == 0) {
        sb_refusals_apply(sandbox);
    }
    return rc;
}

void sandbox_handle(struct sandbox *sandbox, enum sandbox_port port,
                    const struct http_request *request, struct http_reply *reply) {
    handlers[port](sandbox, request, reply);
}

bool sandbox_refuses(struct sandbox *sandbox, int gateway) {
    bool changing = false;
    return sb_faults_refuse(&sandbox->faults, (enum sb_gateway)gateway, &changing);
}

void sandbox_heal(struct sandbox *sandbox) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        int rc = sb_faults_set(&sandbox->faults, (enum sb_gateway)i, NULL, 0, NULL);
        INVARIANT(rc == 0, "no faults are not too many");
    }
    sb_refusals_apply(sandbox);
}
