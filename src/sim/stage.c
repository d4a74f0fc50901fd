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
#include "sim/accounts.h"
#include "sim/bank_rows.h"
#include "sim/gateways.h"
#include "sim/held.h"
#include "sim/responders.h"
#include "sim/rotation.h"
#include "sim/rulebook.h"
#include "sim/run.h"

enum {
    ASK_TIMEOUT_S = 120,
    BOOT_STACK_BYTES = 1024 * 1024,
    BOOT_TRIES_MAX = 400,
    CONFIG_BYTES_MAX = 16384,
    URL_CHARS_MAX = 80,
};
#define UP_WITHIN_US (600 * US_PER_SECOND)

#define CONFIG_HEAD                                                                                \
    "store: {url: \"sqlite:" RUN_STORE_PATH "\", migrate: true}\n"                                 \
    "master_key: \"env:HOLDFAST_SIM_MASTER_KEY\"\n"                                                \
    "log_level: debug\n"                                                                           \
    "limits: {requests_per_second: 1000000, burst: 1000000}\n"                                     \
    "breaker: {open_ms: 2000, open_max_ms: 8000, trickle_ms: 250, slow_ms: 1500}\n"                \
    "payments: {request_budget_ms: 12000, action_minutes: %d, probe_s: 120, "                      \
    "second_look_minutes: 3}\n"

/* Who comes only for the breakers' sake is a VIP: nobody stops him (shop.c). */
#define CONFIG_RULES                                                                               \
    "risk:\n  rules:\n"                                                                            \
    "    - {name: often, says: Too often, action: deny, all: [{vip: false}, {velocity: {by: "      \
    "customer, over: 24h, count: %d}}]}\n"                                                         \
    "    - {name: much, says: Too much, action: deny, all: [{vip: false}, {velocity: {by: card, "  \
    "over: 24h, sum: 40000, currency: EUR}}]}\n"

/* ---- hosts ---- */

static void answer_public(void *ctx, const struct http_request *request, struct http_reply *reply) {
    service_handle(((struct run *)ctx)->service, false, request, reply);
}

/* The value of a form's field that needs no decoding; "" when there is none. */
static void form_field(const struct http_request *request, const char *name, char *ret_value,
                       size_t bytes) {
    size_t count = strlen(name);
    ret_value[0] = '\0';
    for (const char *at = request->body; at != NULL && at[0] != '\0';) {
        size_t chars = strcspn(at, "&");
        if (strncmp(at, name, count) == 0 && at[count] == '=') {
            snprintf(ret_value, bytes, "%.*s", (int)(chars - count - 1), at + count + 1);
        }
        at += chars + (at[chars] == '&' ? 1 : 0);
    }
}

/* By what its gateway knows a callback: free(). NULL: it has no such name. */
static char *callback_name(const char *gateway, const struct http_request *request) {
    if (strcmp(gateway, sim_gateway(SB_ALIPAY)->name) == 0) {
        char id[80];
        form_field(request, "notify_id", id, sizeof id);
        return id[0] != '\0' ? strdup(id) : NULL;
    }
    if (strcmp(gateway, sim_gateway(SB_UNIONPAY)->name) == 0) {
        char parts[4][48];
        static const char *const names[] = {"orderId", "txnTime", "txnType", "respCode"};
        for (size_t i = 0; i < COUNT_OF(names); i++) {
            form_field(request, names[i], parts[i], sizeof parts[i]);
        }
        return g_strdup_printf("%s.%s.%s.%s", parts[0], parts[1], parts[2], parts[3]);
    }
    json_t *event = json_loadb(request->body, request->body_bytes, 0, NULL);
    const char *id = json_peek_text(event, "id", NULL);
    char *name = id != NULL ? strdup(id) : NULL;
    json_decref(event);
    return name;
}

/* What is acknowledged here must be in the store for ever (oracle.c). */
static void answer_callback(void *ctx, const struct http_request *request,
                            struct http_reply *reply) {
    static const char folder[] = "/callbacks/";
    struct run *run = ctx;
    service_handle(run->service, false, request, reply);
    rotation_heard(run, request->path, reply->status);
    if (reply->status < 200 || reply->status > 299 ||
        strncmp(request->path, folder, sizeof folder - 1) != 0) {
        return;
    }
    const char *gateway = request->path + sizeof folder - 1;
    char *name = callback_name(gateway, request);
    if (name != NULL) {
        g_hash_table_add(run->acknowledged, g_strdup_printf("%s %s", gateway, name));
    }
    free(name);
}

static void answer_internal(void *ctx, const struct http_request *request,
                            struct http_reply *reply) {
    service_handle(((struct run *)ctx)->service, true, request, reply);
}

static void answer_gateway(void *ctx, const struct http_request *request,
                           struct http_reply *reply) {
    const struct run_door *door = ctx;
    oracle_called(door->run, door->gateway, request);
    sandbox_handle(door->run->sandbox, (enum sandbox_port)door->gateway, request, reply);
    rotation_called(door->run, door->gateway, request, reply);
}

static bool gateway_refuses(void *ctx) {
    const struct run_door *door = ctx;
    return sandbox_refuses(door->run->sandbox, (int)door->gateway);
}

static void open_gateways(struct run *run) {
    struct err err = {0};
    struct sandbox_options options;
    sandbox_options_init(&options);
    options.seed = run->order.seed;
    options.callback_workers = 4;
    options.callback_retry_ms = 500;
    options.objects_max = 20000;
    options.no_listeners = true;
    options.client = sim_client_new(run->net);
    char urls[SB_GATEWAYS][URL_CHARS_MAX];
    for (int i = 0; i < SB_GATEWAYS; i++) {
        const struct sim_gateway *gateway = sim_gateway((enum sb_gateway)i);
        snprintf(urls[i], sizeof urls[i], "https://holdfast.sim/callbacks/%s", gateway->name);
        options.callback_urls[i] = (run->gateways >> i & 1) != 0 ? urls[i] : NULL;
        options.base_urls[i] = gateway->base_url;
        options.identities[i] = sim_gateway_identity((enum sb_gateway)i);
    }
    int r = sandbox_start(&options, &run->sandbox, &err);
    INVARIANT(r == 0, "the simulated gateways start");
}

static void read_config(struct run *run) {
    struct err err = {0};
    BUF_AUTO text;
    buf_init(&text, CONFIG_BYTES_MAX);
    buf_addf(&text, CONFIG_HEAD, RUN_ACTION_MINUTES);
    rulebook_open(run);
    sim_gateways_write(run->gateways, rulebook_gateway_lines(run), &text);
    bank_rows_config(run, &text);
    if (run_sees(run, SEE_FRAUD_RULES)) {
        buf_addf(&text, CONFIG_RULES, RUN_PAYMENTS_ALLOWED);
    }
    held_config(run, &text);
    rotation_config(run, &text);
    rulebook_config(run, &text);
    INVARIANT(buf_ok(&text), "the simulator's configuration fits");
    int r = service_config_read("sim", text.data, &run->config, &err);
    INVARIANT(r == 0, "the simulator's configuration can be read");
}

static void open_doors(struct run *run) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        struct run_door *door = &run->doors[i];
        const struct sim_gateway *gateway = sim_gateway((enum sb_gateway)i);
        *door = (struct run_door){.run = run, .gateway = (enum sb_gateway)i};
        if ((run->gateways >> i & 1) != 0) {
            door->host = sim_host_new(run->net, gateway->host, SIM_LINK_GATEWAY, gateway->peer);
        }
    }
}

static void serve_doors(struct run *run) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        struct run_door *door = &run->doors[i];
        if (door->host != NULL) {
            sim_host_serve(door->host, run->gateways_process, answer_gateway, door);
            sim_host_refuses(door->host, gateway_refuses, door);
        }
    }
}

void stage_open(struct run *run) {
    read_config(run);
    open_doors(run);
    run->public_host = sim_host_new(run->net, "shop.holdfast.sim", SIM_LINK_CUSTOMER,
                                    "203.0.113.7");
    run->callback_host = sim_host_new(run->net, "holdfast.sim", SIM_LINK_CALLBACK, "198.51.100.9");
    run->internal_host = sim_host_new(run->net, "localhost", SIM_LINK_INSIDE, "127.0.0.1");
    run->merchant_host = sim_host_new(run->net, "merchant.sim", SIM_LINK_WEBHOOK, "203.0.113.1");
    open_gateways(run);
    serve_doors(run);
    sim_host_serve(run->merchant_host, run->merchant_process, merchant_handle, run);
}

/* ---- lives ---- */

static void serve(struct run *run, struct sim_process *process) {
    sim_host_serve(run->public_host, process, answer_public, run);
    sim_host_serve(run->callback_host, process, answer_callback, run);
    sim_host_serve(run->internal_host, process, answer_internal, run);
}

/* Which rules a statement may make untrue. Of jobs the rules ask whether there is one of a kind for
 * a key: both never change while it is there, and one more makes nothing untrue. */
static uint64_t rules_about(struct run *run, const char *sql) {
    void *known = NULL;
    if (strncmp(sql, "SELECT ", 7) == 0 || strncmp(sql, "UPDATE job SET ", 15) == 0 ||
        strncmp(sql, "INSERT INTO job ", 16) == 0) {
        return 0;
    }
    if (!g_hash_table_lookup_extended(run->rules_about, sql, NULL, &known)) {
        static_assert(sizeof known >= sizeof run->rules, "a pointer keeps a bit for each rule");
        known = (void *)(uintptr_t)payments_rules_about(sql);
        g_hash_table_insert(run->rules_about, g_strdup(sql), known);
    }
    return (uint64_t)(uintptr_t)known;
}

/* Whether a statement changes a callback, or what shows that one was applied (oracle.c). */
static bool is_about_applied(const char *sql) {
    static const char *const begin[] = {"INSERT INTO ", "UPDATE ", "DELETE FROM "};
    static const char *const tables[] = {"callback ", "attempt ", "operation ", "review_case "};
    for (size_t i = 0; i < COUNT_OF(begin); i++) {
        size_t chars = strlen(begin[i]);
        for (size_t k = 0; strncmp(sql, begin[i], chars) == 0 && k < COUNT_OF(tables); k++) {
            if (strncmp(sql + chars, tables[k], strlen(tables[k])) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void look_closely(struct run *run) {
    sim_hold(run->world);
    oracle_commit(run);
    sim_unhold(run->world);
}

/* Asked by the store before each statement and at each commit; says nothing but "go on". */
static int on_statement(void *ctx, const char *sql) {
    struct run *run = ctx;
    if (strcmp(sql, "COMMITTED") != 0) {
        run->rules |= strcmp(sql, "COMMIT") != 0 ? rules_about(run, sql) : 0;
        run->applied |= is_about_applied(sql);
        incidents_stated(run, sql);
        if (run->rulebook != NULL && strncmp(sql, "SELECT ", 7) != 0) {
            run->rulebook->changed |= strstr(sql, " repair ") != NULL ||
                                      strstr(sql, " repair_switch ") != NULL;
        }
        return 0;
    }
    struct sim_disk_counts counts;
    sim_disk_counts(run->disk, &counts);
    bool changed = counts.writes != run->writes_seen;
    run->writes_seen = counts.writes;
    run->commits += changed;
    bool asks = run->rules != 0 || run->applied ||
                (run->rulebook != NULL && run->rulebook->changed) || incidents_changed(run);
    if (changed && asks && run->look != NULL) {
        look_closely(run);
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

/* The oracles' eye on the store, which stays open from life to life: to open it takes longer than
 * all that is asked in a short one. */
static int open_look(struct run *run, struct err *err) {
    uint64_t seen = sim_disk_seen(run->disk, RUN_STORE_PATH);
    struct store *eye = run->eye;
    if (eye != NULL && (seen == 0 || seen != run->eye_sees)) {
        run->eye = NULL;
        store_close(eye);
    }
    int r = 0;
    if (run->eye == NULL) {
        struct store_options look = {.url = run->config->store.url, .look = true};
        sim_hold(run->world);
        sim_disk_watch(run->disk, true);
        r = store_open(&look, &run->eye, err);
        sim_disk_watch(run->disk, false);
        sim_unhold(run->world);
        run->eye_sees = seen;
    }
    run->look = r < 0 ? NULL : run->eye;
    return r;
}

/* No channel of a run is a mail server. A client of the product's own would read the system's CAs,
 * which are not of the seed, in each life. */
static void send_no_mail(void *ctx, const struct smtp_message *message,
                         struct smtp_result *ret_result) {
    *ret_result = (struct smtp_result){.outcome = SMTP_NOT_SENT, .failure = SMTP_FAIL_CONNECT};
}

static void boot(void *arg) {
    struct run *run = arg;
    struct sim_process *process = run->life;
    struct err err = {0};
    struct service *service = NULL;
    bool first = run->lives == 1;
    task_sleep_us(first ? 1000 : 20000 + (int64_t)prng_below(sim_world_prng(run->world), 3000000));
    struct service_hooks hooks = {.client = sim_client_new(run->net),
                                  .smtp = smtp_client_custom(send_no_mail, run),
                                  .no_listeners = true,
                                  .no_days = true,
                                  .repair_rules = accounts_rules(run)};
    int r = service_open(run->config, &hooks, &service, &err);
    if (r == 0) {
        store_fault_set(service->store, on_statement, run);
        r = service_start(service, &err);
    }
    if (r == 0) {
        r = open_look(run, &err);
    }
    if (r < 0) {
        sim_say(run->world, "life %d cannot begin: %s", run->lives, err.detail);
        run->look = NULL;
        sim_process_kill(process);
    }
    run->service = service;
    run->rules = PAYMENTS_RULES_ALL; /* about what the last life left */
    run->applied = true;
    if (run->responders != NULL) {
        run->responders->changed = true;
    }
    serve(run, process);
    run->boot_tries = 0;
    sim_say(run->world, "life %d serves", run->lives);
    if (run->look != NULL) {
        look_closely(run);
    }
}

void stage_boot(struct run *run) {
    char name[24];
    run->lives++;
    run->boot_tries++;
    if (run->boot_tries > BOOT_TRIES_MAX) {
        run_fail(run, "boot", "", "the service cannot be started: %d tries", run->boot_tries);
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
    run->look = NULL;
    run->service = NULL;
    (void)service_drain(service);
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
