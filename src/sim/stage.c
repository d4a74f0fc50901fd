/* SPDX-License-Identifier: Apache-2.0
 * stage.c: the service's lives. A life is a process of the world: it boots, serves, and dies by
 * SIGKILL or ends by itself; the next one begins on the same disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/service_impl.h"
#include "base/json.h"
#include "payment/payments.h"
#include "sandbox/sandbox_impl.h"
#include "sim/run.h"

enum { ASK_TIMEOUT_S = 120, BOOT_STACK_BYTES = 1024 * 1024, BOOT_TRIES_MAX = 400 };
#define UP_WITHIN_US (600 * US_PER_SECOND)

static const char config_text[] =
    "store: {url: \"sqlite:/sim/holdfast.db\", migrate: true}\n"
    "master_key: \"env:HOLDFAST_SIM_MASTER_KEY\"\n"
    "log_level: debug\n"
    "limits: {requests_per_second: 1000000, burst: 1000000}\n"
    "gateways:\n"
    "  - name: stripe-eu\n"
    "    adapter: stripe\n"
    "    base_url: https://api.stripe.com\n"
    "    priority: 1\n"
    "    timeout_ms: 3000\n"
    "    callback_due_s: 20\n"
    "    credentials:\n"
    "      - {name: api_key, from: \"env:HOLDFAST_SIM_STRIPE_KEY\"}\n"
    "      - {name: webhook_secret, from: \"env:HOLDFAST_SIM_STRIPE_WHSEC\"}\n"
    "  - name: paypal-eu\n"
    "    adapter: paypal\n"
    "    base_url: https://api.paypal.com\n"
    "    priority: 2\n"
    "    timeout_ms: 3000\n"
    "    callback_due_s: 20\n"
    "    credentials:\n"
    "      - {name: client_id, from: \"env:HOLDFAST_SIM_PAYPAL_ID\"}\n"
    "      - {name: client_secret, from: \"env:HOLDFAST_SIM_PAYPAL_SECRET\"}\n"
    "      - {name: webhook_id, from: \"env:HOLDFAST_SIM_PAYPAL_WEBHOOK\"}\n"
    "      - {name: webhook_ca, from: \"env:HOLDFAST_SIM_PAYPAL_CA\"}\n"
    "breaker: {open_ms: 2000, open_max_ms: 8000, trickle_ms: 250, slow_ms: 1500}\n"
    "payments: {request_budget_ms: 12000}\n";

/* ---- hosts ---- */

static void answer_public(void *ctx, const struct http_request *request, struct http_reply *reply) {
    service_handle(((struct run *)ctx)->service, false, request, reply);
}

/* What is acknowledged here must be in the store for ever (oracle.c). */
static void answer_callback(void *ctx, const struct http_request *request,
                            struct http_reply *reply) {
    static const char folder[] = "/callbacks/";
    struct run *run = ctx;
    service_handle(run->service, false, request, reply);
    json_t *event = json_loadb(request->body, request->body_bytes, 0, NULL);
    const char *id = json_peek_text(event, "id", NULL);
    if (reply->status >= 200 && reply->status < 300 && id != NULL &&
        strncmp(request->path, folder, sizeof folder - 1) == 0) {
        g_hash_table_add(run->acknowledged,
                         g_strdup_printf("%s %s", request->path + sizeof folder - 1, id));
    }
    json_decref(event);
}

static void answer_internal(void *ctx, const struct http_request *request,
                            struct http_reply *reply) {
    service_handle(((struct run *)ctx)->service, true, request, reply);
}

static void answer_stripe(void *ctx, const struct http_request *request, struct http_reply *reply) {
    sandbox_handle(((struct run *)ctx)->sandbox, SANDBOX_STRIPE, request, reply);
}

static void answer_paypal(void *ctx, const struct http_request *request, struct http_reply *reply) {
    sandbox_handle(((struct run *)ctx)->sandbox, SANDBOX_PAYPAL, request, reply);
}

static bool stripe_refuses(void *ctx) {
    return sandbox_refuses(((struct run *)ctx)->sandbox, SB_STRIPE);
}

static bool paypal_refuses(void *ctx) {
    return sandbox_refuses(((struct run *)ctx)->sandbox, SB_PAYPAL);
}

static void open_gateways(struct run *run) {
    struct err err = {0};
    struct sandbox_options options;
    sandbox_options_init(&options);
    options.seed = run->order.seed;
    options.callback_urls[0] = "http://holdfast.sim/callbacks/stripe-eu";
    options.callback_urls[1] = "http://holdfast.sim/callbacks/paypal-eu";
    options.callback_workers = 4;
    options.callback_retry_ms = 500;
    options.objects_max = 20000;
    options.no_listeners = true;
    options.client = sim_client_new(run->net);
    options.base_urls[0] = "https://api.stripe.com";
    options.base_urls[1] = "https://api.paypal.com";
    options.identity = run->identity;
    int r = sandbox_start(&options, &run->sandbox, &err);
    INVARIANT(r == 0, "the simulated gateways start");
}

void stage_open(struct run *run) {
    struct err err = {0};
    int r = service_config_read("sim", config_text, &run->config, &err);
    INVARIANT(r == 0, "the simulator's configuration can be read");
    run->stripe = sim_host_new(run->net, "api.stripe.com", SIM_LINK_GATEWAY, "198.51.100.1");
    run->paypal = sim_host_new(run->net, "api.paypal.com", SIM_LINK_GATEWAY, "198.51.100.2");
    run->public_host = sim_host_new(run->net, "shop.holdfast.sim", SIM_LINK_CUSTOMER,
                                    "203.0.113.7");
    run->callback_host = sim_host_new(run->net, "holdfast.sim", SIM_LINK_CALLBACK, "198.51.100.9");
    run->internal_host = sim_host_new(run->net, "localhost", SIM_LINK_INSIDE, "127.0.0.1");
    run->merchant_host = sim_host_new(run->net, "merchant.sim", SIM_LINK_WEBHOOK, "203.0.113.1");
    open_gateways(run);
    sim_host_serve(run->stripe, run->gateways_process, answer_stripe, run);
    sim_host_serve(run->paypal, run->gateways_process, answer_paypal, run);
    sim_host_refuses(run->stripe, stripe_refuses, run);
    sim_host_refuses(run->paypal, paypal_refuses, run);
    sim_host_serve(run->merchant_host, run->merchant_process, merchant_handle, run);
}

/* ---- lives ---- */

static void serve(struct run *run, struct sim_process *process) {
    sim_host_serve(run->public_host, process, answer_public, run);
    sim_host_serve(run->callback_host, process, answer_callback, run);
    sim_host_serve(run->internal_host, process, answer_internal, run);
}

/* What no rule asks about: after a commit of nothing else, all of them are as true as before. */
static bool is_aside(const char *sql) {
    static const char *const asides[] = {
        "SELECT ",
        "UPDATE job SET ", /* its kind and key, which rules ask about, never change */
        "INSERT INTO idempotency ",
        "UPDATE idempotency ",
        "DELETE FROM idempotency ",
        "INSERT INTO audit_entry ",
        "UPDATE audit_head ",
        "INSERT INTO api_key ",
        "UPDATE api_key ",
        "INSERT INTO gateway_control ",
    };
    for (size_t i = 0; i < COUNT_OF(asides); i++) {
        if (strncmp(sql, asides[i], strlen(asides[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Asked by the store before each statement and at each commit; says nothing but "go on". */
static int on_statement(void *ctx, const char *sql) {
    struct run *run = ctx;
    if (strcmp(sql, "COMMITTED") != 0) {
        run->asks = run->asks || (strcmp(sql, "COMMIT") != 0 && !is_aside(sql));
        return 0;
    }
    struct sim_disk_counts counts;
    sim_disk_counts(run->disk, &counts);
    bool changed = counts.writes != run->writes_seen;
    run->writes_seen = counts.writes;
    run->commits += changed;
    if (changed && run->asks && run->look != NULL) {
        run->asks = false;
        sim_hold(run->world);
        oracle_commit(run);
        sim_unhold(run->world);
    }
    return 0;
}

/* A power cut takes with it what was not synced; a SIGKILL does not. */
static void on_death(void *ctx) {
    struct run *run = ctx;
    bool power = prng_below(sim_world_prng(run->world), 2) == 0;
    serve(run, NULL);
    run->service = NULL;
    run->look = NULL;
    run->outcome->kills++;
    if (power) {
        sim_disk_crash(run->disk, NULL);
    } else {
        sim_disk_kill(run->disk);
    }
    sim_say(run->world, "the service's life %d is over (%s)", run->lives,
            power ? "power cut" : "SIGKILL");
    if (run->phase != RUN_OVER) {
        stage_boot(run);
    }
}

static void boot(void *arg) {
    struct run *run = arg;
    struct sim_process *process = run->life;
    struct err err = {0};
    struct service *service = NULL;
    bool first = run->lives == 1;
    task_sleep_us(first ? 1000 : 20000 + (int64_t)prng_below(sim_world_prng(run->world), 3000000));
    struct service_hooks hooks = {.client = sim_client_new(run->net), .no_listeners = true};
    int r = service_open(run->config, &hooks, &service, &err);
    if (r == 0) {
        store_fault_set(service->store, on_statement, run);
        r = service_start(service, &err);
    }
    struct store_options look = {.url = run->config->store.url, .look = true};
    if (r == 0) {
        r = store_open(&look, &run->look, &err);
    }
    if (r < 0) {
        sim_say(run->world, "life %d cannot begin: %s", run->lives, err.detail);
        run->look = NULL;
        sim_process_kill(process);
    }
    run->service = service;
    run->asks = true; /* what the last life left */
    serve(run, process);
    sim_say(run->world, "life %d serves", run->lives);
}

void stage_boot(struct run *run) {
    char name[24];
    run->lives++;
    if (run->lives > BOOT_TRIES_MAX) {
        run_fail(run, "boot", "", "the service cannot be started: %d tries", run->lives);
        return;
    }
    snprintf(name, sizeof name, "service-%d", run->lives);
    run->life = sim_process_new(run->world, name);
    sim_process_skew(run->life, run->skew_us);
    sim_process_on_kill(run->life, on_death, run);
    sim_process_run(run->life, "main", boot, run);
}

void stage_await(struct run *run) {
    int64_t until = clock_mono_us() + UP_WITHIN_US;
    while (run->service == NULL) {
        if (clock_mono_us() > until) {
            run_fail(run, "boot", "", "the service is not up after ten minutes without trouble");
        }
        task_sleep_us(20 * US_PER_MS);
    }
}

static void stop_well(void *arg) {
    struct run *run = arg;
    struct service *service = run->service;
    struct store *look = run->look;
    run->look = NULL;
    run->service = NULL;
    (void)service_drain(service);
    store_close(look);
    service_close(service);
    run->stopped = true;
}

void stage_restart(struct run *run) {
    struct sim_process *process = run->life;
    struct service *service = run->service;
    if (service == NULL || sim_process_dead(process)) {
        return;
    }
    sim_say(run->world, "an operator stops the service");
    serve(run, NULL);
    while (!sim_process_dead(process) && sim_host_busy(run->public_host, process) +
                                                 sim_host_busy(run->callback_host, process) +
                                                 sim_host_busy(run->internal_host, process) >
                                             0) {
        task_sleep_us(20 * US_PER_MS);
    }
    if (sim_process_dead(process)) {
        return;
    }
    run->stopped = false;
    sim_process_run(process, "stop", stop_well, run);
    while (!run->stopped && !sim_process_dead(process)) {
        task_sleep_us(20 * US_PER_MS);
    }
    if (!sim_process_dead(process)) {
        sim_process_on_kill(process, NULL, NULL);
        sim_process_kill(process);
        stage_boot(run);
    }
}

/* ---- asking ---- */

bool stage_ask(struct run *run, const char *method, const char *path, const char *body,
               int *ret_status, json_t **ret_answer) {
    char url[512], key[64];
    struct err err = {0};
    struct http_answer answer = {0};
    snprintf(url, sizeof url, "http://localhost%s", path);
    snprintf(key, sizeof key, "sim-%lld", (long long)++run->asked);
    const struct http_header headers[] = {
        {"Content-Type", "application/json"},
        {"Idempotency-Key", key},
    };
    struct http_call call = {
        .method = method,
        .url = url,
        .headers = headers,
        .header_count = 2,
        .body = body,
        .body_bytes = body != NULL ? strlen(body) : 0,
        .timeout_us = ASK_TIMEOUT_S * US_PER_SECOND,
    };
    int r = http_call(run->inside, &call, &answer, &err);
    if (r < 0) {
        http_answer_release(&answer);
        return false;
    }
    *ret_status = answer.status;
    *ret_answer = json_loadb(answer.body, answer.body_bytes, JSON_DECODE_ANY, NULL);
    http_answer_release(&answer);
    return true;
}
