/* SPDX-License-Identifier: Apache-2.0
 * gateways.c: the table of a run's gateways. */
#include "sim/gateways.h"

#include <stdlib.h>

#include "base/openssl.h"
#include "base/random.h"
#include "base/world.h"
#include "gateway/registry.h"
#include "sandbox/gateway_kind.h"
#include "sandbox/sandbox.h"

enum { TEXTS_MAX = 6, ENV_CHARS_MAX = 96 };

/* A text of the configuration: the usual value of a setting of the sandbox's gateway, or a document
 * of it, or what stands here. */
struct source {
    const char *name; /* in the configuration; NULL: no more */
    const char *setting, *paper, *value;
};

static const struct row {
    struct sim_gateway gateway;
    bool told; /* requests say where callbacks go */
    struct source options[TEXTS_MAX], credentials[TEXTS_MAX];
    const char *rounding; /* of the 0.6 % that it keeps; NULL: its answers tell what it keeps */
} rows[SB_GATEWAYS] = {
    [SB_STRIPE] = {{"stripe-eu", "stripe", "api.stripe.com", "https://api.stripe.com",
                    "198.51.100.1"},
                   false,
                   {{NULL}},
                   {{"api_key", "key", NULL}, {"webhook_secret", "webhook-secret", NULL}}},
    [SB_PAYPAL] = {{"paypal-eu", "paypal", "api.paypal.com", "https://api.paypal.com",
                    "198.51.100.2"},
                   false,
                   {{NULL}},
                   {{"client_id", "client-id", NULL},
                    {"client_secret", "client-secret", NULL},
                    {"webhook_id", "webhook-id", NULL},
                    {"webhook_ca", NULL, "ca.pem"}}},
    [SB_ALIPAY] = {{"alipay-cn", "alipay", "openapi.alipay.com", "https://openapi.alipay.com",
                    "198.51.100.3"},
                   true,
                   {{"app_id", "app-id", NULL}},
                   {{"private_key", NULL, "merchant.key.pem"},
                    {"alipay_public_key", NULL, "alipay.pub.pem"}},
                   "half_up"},
    [SB_WECHAT] = {{"wechat-cn", "wechatpay", "api.mch.weixin.qq.com",
                    "https://api.mch.weixin.qq.com", "198.51.100.4"},
                   true,
                   {{"appid", "appid", NULL},
                    {"mchid", "mchid", NULL},
                    {"merchant_serial", NULL, "merchant.serial"},
                    {"store_id", NULL, NULL, "store1"}},
                   {{"private_key", NULL, "merchant.key.pem"}, {"api_v3_key", "api-v3-key", NULL}},
                   "half_up"},
    [SB_UNIONPAY] = {{"unionpay-cn", "unionpay", "gateway.95516.com", "https://gateway.95516.com",
                      "198.51.100.5"},
                     true,
                     {{"merchant_id", "merchant-id", NULL}, {"test", NULL, NULL, "true"}},
                     {{"private_key", NULL, "merchant.key.pem"},
                      {"certificate", NULL, "merchant.crt.pem"},
                      {"root_ca", NULL, "root_ca.pem"},
                      {"middle_ca", NULL, "middle_ca.pem"}},
                     "down"},
};

/* Made once a process: an RSA key takes longer than a run. */
static struct {
    bool done;
    void *identity;
} prepared[SB_GATEWAYS];

const struct sim_gateway *sim_gateway(enum sb_gateway gateway) {
    return &rows[gateway].gateway;
}

bool sim_gateway_find(const char *name, enum sb_gateway *ret_gateway) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        if (strcmp(rows[i].gateway.name, name) == 0) {
            *ret_gateway = (enum sb_gateway)i;
            return true;
        }
    }
    return false;
}

void *sim_gateway_identity(enum sb_gateway gateway) {
    return prepared[gateway].identity;
}

/* NULL: the sandbox has no such setting or document (yet). */
static const char *value_of(enum sb_gateway gateway, const struct source *source) {
    const struct sb_setting *setting = sb_gateway_kind(gateway)->settings;
    if (source->value != NULL) {
        return source->value;
    }
    if (source->paper != NULL) {
        return sandbox_identity_paper((enum sandbox_port)gateway, prepared[gateway].identity,
                                      source->paper);
    }
    for (; setting != NULL && setting->name != NULL; setting++) {
        if (strcmp(setting->name, source->setting) == 0) {
            return setting->usual;
        }
    }
    return NULL;
}

/* What it would need before it could be prepared. */
static bool ready(enum sb_gateway gateway) {
    const struct row *row = &rows[gateway];
    bool here = adapter_find(row->gateway.adapter) != NULL &&
                sb_gateway_kind(gateway)->event_write != NULL;
    for (int i = 0; i < TEXTS_MAX; i++) {
        const struct source *const both[] = {&row->options[i], &row->credentials[i]};
        for (int k = 0; k < 2; k++) {
            here = here && (both[k]->name == NULL ||
                            (both[k]->paper != NULL ? sb_gateway_kind(gateway)->paper != NULL
                                                    : value_of(gateway, both[k]) != NULL));
        }
    }
    return here;
}

int sim_gateways_read(const char *names, uint32_t *ret_gateways, struct err *err) {
    uint32_t gateways = 0;
    while (*names != '\0') {
        char name[GATEWAY_NAME_CHARS_MAX + 1];
        enum sb_gateway gateway;
        size_t count = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)(count < sizeof name ? count : sizeof name - 1),
                 names);
        if (!sb_gateway_parse(name, &gateway)) {
            return sb_gateway_unknown(name, err);
        }
        if (!ready(gateway)) {
            return err_set(err, ERR_VALIDATION, "the sandbox does not play %s yet", name);
        }
        gateways |= UINT32_C(1) << gateway;
        names += count + (names[count] == ',' ? 1 : 0);
    }
    *ret_gateways = gateways;
    return 0;
}

/* ---- configuration ---- */

static const char *env_name(enum sb_gateway gateway, const char *name,
                            char ret_env[ENV_CHARS_MAX]) {
    snprintf(ret_env, ENV_CHARS_MAX, "HOLDFAST_SIM_%s_%s", sb_gateway_name(gateway), name);
    for (char *c = ret_env; *c != '\0'; c++) {
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    }
    return ret_env;
}

/* Chance while keys are made: each program makes the same ones, or what is signed with them would
 * be written with other escapes, and other lengths, in each. */
static struct prng chance;

static int draw_bytes(unsigned char *bytes, int count) {
    for (int i = 0; i < count; i++) {
        bytes[i] = (unsigned char)prng_below(&chance, 256);
    }
    return 1;
}

static void draw_for_world(void *ctx, void *ret_bytes, size_t count) {
    (void)ctx;
    draw_bytes(ret_bytes, (int)count);
}

static int draw_status(void) {
    return 1;
}

void sim_gateways_draw(uint64_t seed, void (*make)(void *ctx), void *ctx) {
    static const RAND_METHOD drawn = {
        .bytes = draw_bytes, .pseudorand = draw_bytes, .status = draw_status};
    struct world_ops world = *world_real();
    world.random_bytes = draw_for_world;
    prng_init(&chance, seed);
    world_install(NULL, &world);
    openssl_chance_set(&drawn);
    make(ctx);
    openssl_chance_set(NULL);
    world_install(NULL, NULL);
}

struct making {
    enum sb_gateway gateway;
    int64_t now_us;
    void *identity;
    int r;
};

static void make_identity(void *ctx) {
    struct making *making = ctx;
    struct err err = {0};
    making->r = sandbox_identity_new((enum sandbox_port)making->gateway, making->now_us,
                                     &making->identity, &err);
}

static void *identity_make(enum sb_gateway gateway, int64_t now_us) {
    struct making making = {.gateway = gateway, .now_us = now_us};
    sim_gateways_draw((uint64_t)gateway + 1, make_identity, &making);
    int r = making.r;
    void *identity = making.identity;
    INVARIANT(r == 0, "a simulated gateway has its keys");
    return identity;
}

static void prepare(enum sb_gateway gateway, int64_t now_us) {
    const struct row *row = &rows[gateway];
    prepared[gateway].identity = identity_make(gateway, now_us);
    for (int i = 0; i < TEXTS_MAX && row->credentials[i].name != NULL; i++) {
        char env[ENV_CHARS_MAX];
        const char *value = value_of(gateway, &row->credentials[i]);
        INVARIANT(value != NULL, "a gateway that is ready has all that its credentials need");
        setenv(env_name(gateway, row->credentials[i].name, env), value, 1);
    }
    prepared[gateway].done = true;
}

void sim_gateways_prepare(uint32_t gateways, int64_t now_us) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        if ((gateways >> i & 1) != 0 && !prepared[i].done) {
            prepare((enum sb_gateway)i, now_us);
        }
    }
}

static void write_one(enum sb_gateway gateway, int priority, const char *more, struct buf *out) {
    const struct row *row = &rows[gateway];
    buf_addf(out,
             "  - name: %s\n    adapter: %s\n    base_url: %s\n    priority: %d\n"
             "    timeout_ms: 3000\n    callback_due_s: 20\n",
             row->gateway.name, row->gateway.adapter, row->gateway.base_url, priority);
    buf_add_text(out, more);
    if (row->rounding != NULL) {
        buf_addf(out, "    fees: [{name: usual, percent: 0.6, rounding: %s}]\n", row->rounding);
    }
    if (row->told) {
        buf_addf(out, "    callback_url: https://holdfast.sim/callbacks/%s\n", row->gateway.name);
    }
    for (int i = 0; i < TEXTS_MAX && row->options[i].name != NULL; i++) {
        buf_addf(out, "%s      - {name: %s, value: \"%s\"}\n", i == 0 ? "    options:\n" : "",
                 row->options[i].name, value_of(gateway, &row->options[i]));
    }
    for (int i = 0; i < TEXTS_MAX && row->credentials[i].name != NULL; i++) {
        char env[ENV_CHARS_MAX];
        buf_addf(out, "%s      - {name: %s, from: \"env:%s\"}\n",
                 i == 0 ? "    credentials:\n" : "", row->credentials[i].name,
                 env_name(gateway, row->credentials[i].name, env));
    }
}

void sim_gateways_write(uint32_t gateways, const char *more, struct buf *out) {
    int priority = 0;
    buf_add_text(out, "gateways:\n");
    for (int i = 0; i < SB_GATEWAYS; i++) {
        if ((gateways >> i & 1) != 0) {
            write_one((enum sb_gateway)i, ++priority, more, out);
        }
    }
}
