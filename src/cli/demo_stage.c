/* SPDX-License-Identifier: Apache-2.0
 * demo_stage.c: sets the stage up and takes it down. */
#include "cli/demo_stage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/task.h"

enum { ANSWER_BYTES_MAX = 16 * 1024 * 1024, CONFIG_BYTES_MAX_DEMO = 16384, TRIES = 200, PORTS = 5 };
#define STEP_US (50 * US_PER_MS)
#define ASK_US (5 * US_PER_SECOND)
#define POST_US (40 * US_PER_SECOND)

/* ---- HTTP ---- */

static int call(struct stage *stage, const struct http_call *call, int *ret_status,
                json_t **ret_json, struct err *err) {
    HTTP_ANSWER_AUTO answer = {0};
    int r = http_call(stage->client, call, &answer, err);
    if (r < 0) {
        return r;
    }
    *ret_status = answer.status;
    struct err unread = {0};
    if (json_read(answer.body, answer.body_bytes, ANSWER_BYTES_MAX, 64, ret_json, &unread) < 0) {
        *ret_json = NULL; /* a plain text, such as "ready" */
    }
    return 0;
}

int stage_get(struct stage *stage, const char *base, const char *path, json_t **ret_json,
              struct err *err) {
    char url[STAGE_URL_CHARS_MAX + 256];
    snprintf(url, sizeof url, "%s%s", base, path);
    struct http_call ask = {.method = "GET",
                            .url = url,
                            .timeout_us = ASK_US,
                            .answer_bytes_max = ANSWER_BYTES_MAX,
                            .repeatable = true};
    int status = 0;
    int r = call(stage, &ask, &status, ret_json, err);
    if (r < 0) {
        return r;
    }
    if (status != 200) {
        json_decref(*ret_json);
        *ret_json = NULL;
        return err_set(err, ERR_GATEWAY, "GET %s answered %d", path, status);
    }
    return 0;
}

int stage_post(struct stage *stage, const char *path, const char *idempotency_key, const char *body,
               int *ret_status, json_t **ret_json, struct err *err) {
    char url[STAGE_URL_CHARS_MAX + 256], bearer[STAGE_KEY_CHARS_MAX + 16];
    snprintf(url, sizeof url, "%s%s",
             stage->key[0] != '\0' ? stage->public_url : stage->internal_url, path);
    snprintf(bearer, sizeof bearer, "Bearer %s", stage->key);
    const struct http_header headers[] = {
        {"Content-Type", "application/json"},
        {"Idempotency-Key", idempotency_key},
        {"Authorization", bearer},
    };
    struct http_call ask = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .header_count = stage->key[0] != '\0' ? 3 : 2,
        .body = body,
        .body_bytes = strlen(body),
        .timeout_us = POST_US,
        .answer_bytes_max = ANSWER_BYTES_MAX,
        .repeatable = true,
    };
    *ret_status = 0;
    return call(stage, &ask, ret_status, ret_json, err);
}

/* ---- files ---- */

static int write_file(const char *folder, const char *name, const char *text, struct err *err) {
    char path[STAGE_PATH_CHARS_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    /* Keys are among them: a service warns of those that others can read. */
    int r = file_replace(path, text, strlen(text), 0600, err);
    return r < 0 ? err_place(err, "%s", path) : 0;
}

static int make_folder(struct stage *stage, const char *folder, struct err *err) {
    if (folder == NULL) {
        const char *base = getenv("TMPDIR");
        snprintf(stage->folder, sizeof stage->folder, "%s/holdfast-demo-XXXXXX",
                 base != NULL ? base : "/tmp");
        if (mkdtemp(stage->folder) == NULL) {
            return err_set(err, ERR_IO, "no folder for the demo: %s", strerror(errno));
        }
        return 0;
    }
    snprintf(stage->folder, sizeof stage->folder, "%s", folder);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return err_set(err, ERR_IO, "the folder %s cannot be made: %s", folder, strerror(errno));
    }
    return 0;
}

/* Breakers and timeouts are tighter than the defaults, so that a minute and a half is enough to see
 * them work; the rest is what a real configuration says. */
static int write_config(struct stage *stage, int public_port, int internal_port, struct err *err) {
    char text[CONFIG_BYTES_MAX_DEMO], store[STAGE_PATH_CHARS_MAX + 32];
    if (stage->store_url != NULL) {
        snprintf(store, sizeof store, "%s", stage->store_url);
    } else {
        snprintf(store, sizeof store, "sqlite:%s/holdfast.db", stage->folder);
    }
    snprintf(text, sizeof text,
             "public: {address: \"127.0.0.1:%d\"}\n"
             "internal: {address: \"127.0.0.1:%d\"}\n"
             "store: {url: \"%s\", migrate: true}\n"
             "master_key: \"file:%s/master.key\"\n"
             "log_level: warn\n"
             "gateways:\n"
             "  - name: stripe-eu\n"
             "    adapter: stripe\n"
             "    base_url: http://127.0.0.1:%d\n"
             "    priority: 1\n"
             "    timeout_ms: 3000\n"
             "    callback_due_s: 20\n"
             "    credentials:\n"
             "      - {name: api_key, from: \"file:%s/stripe.key\"}\n"
             "      - {name: webhook_secret, from: \"file:%s/stripe.whsec\"}\n"
             "  - name: paypal-eu\n"
             "    adapter: paypal\n"
             "    base_url: http://127.0.0.1:%d\n"
             "    priority: 2\n"
             "    timeout_ms: 3000\n"
             "    callback_due_s: 20\n"
             "    credentials:\n"
             "      - {name: client_id, from: \"file:%s/paypal.id\"}\n"
             "      - {name: client_secret, from: \"file:%s/paypal.secret\"}\n"
             "      - {name: webhook_id, from: \"file:%s/paypal.webhook\"}\n"
             "      - {name: webhook_ca, from: \"file:%s/paypal.ca\"}\n"
             "breaker: {open_ms: 2000, open_max_ms: 8000, trickle_ms: 250, slow_ms: 1500}\n"
             "payments: {request_budget_ms: 12000}\n"
             "limits: {requests_per_second: 100000}\n",
             public_port, internal_port, store, stage->folder,
             sandbox_port(stage->sandbox, SANDBOX_STRIPE), stage->folder, stage->folder,
             sandbox_port(stage->sandbox, SANDBOX_PAYPAL), stage->folder, stage->folder,
             stage->folder, stage->folder);
    int r = write_file(stage->folder, "holdfast.yaml", text, err);
    r = r < 0 ? r : write_file(stage->folder, "stripe.key", SANDBOX_STRIPE_KEY, err);
    r = r < 0 ? r : write_file(stage->folder, "stripe.whsec", SANDBOX_STRIPE_WEBHOOK_SECRET, err);
    r = r < 0 ? r : write_file(stage->folder, "paypal.id", SANDBOX_PAYPAL_CLIENT_ID, err);
    r = r < 0 ? r : write_file(stage->folder, "paypal.secret", SANDBOX_PAYPAL_CLIENT_SECRET, err);
    r = r < 0 ? r : write_file(stage->folder, "paypal.webhook", SANDBOX_PAYPAL_WEBHOOK_ID, err);
    /* 64 hex digits: a key for a database that is thrown away. */
    r = r < 0 ? r
              : write_file(stage->folder, "master.key",
                           "64656d6f206b657920666f722061206461746162617365207468617420646965", err);
    return r < 0 ? r
                 : write_file(stage->folder, "paypal.ca",
                              sandbox_paper(stage->sandbox, SANDBOX_PAYPAL, "ca.pem"), err);
}

/* ---- parts ---- */

/* Whether nobody answers at that port of this machine. */
static bool port_free(struct stage *stage, int port) {
    char url[STAGE_URL_CHARS_MAX];
    struct err err = {0};
    HTTP_ANSWER_AUTO answer = {0};
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    struct http_call ask = {
        .method = "GET", .url = url, .timeout_us = US_PER_SECOND, .repeatable = true};
    int r = http_call(stage->client, &ask, &answer, &err);
    return r < 0 && answer.reach == HTTP_NOT_SENT;
}

/* The usual ports, or others a thousand higher while somebody has one of them. */
static int pick_ports(struct stage *stage, int ret_ports[PORTS], struct err *err) {
    static const int usual[PORTS] = {8080, 3000, 9101, 9102, 9100};
    for (int offset = 0; offset <= 20000; offset += 1000) {
        bool all_free = true;
        for (int i = 0; all_free && i < PORTS; i++) {
            ret_ports[i] = usual[i] + offset;
            all_free = port_free(stage, ret_ports[i]);
        }
        if (all_free) {
            return 0;
        }
    }
    return err_set(err, ERR_IO, "no free ports for the demo on 127.0.0.1");
}

/* The demo's own two gateways; the sandbox's others are not opened. */
static int start_sandbox(struct stage *stage, const int ports[PORTS], uint64_t seed,
                         struct err *err) {
    static const struct {
        enum sandbox_port port;
        const char *name; /* of the service's gateway; NULL: control */
        int64_t latency_ms;
    } used[PORTS - 2] = {{SANDBOX_STRIPE, "stripe-eu", 60},
                         {SANDBOX_PAYPAL, "paypal-eu", 80},
                         {SANDBOX_CONTROL, NULL, 0}};
    char addresses[PORTS - 2][32], callbacks[PORTS - 2][96];
    struct sandbox_options options;
    sandbox_options_init(&options);
    memset(options.addresses, 0, sizeof options.addresses);
    for (size_t i = 0; i < COUNT_OF(used); i++) {
        snprintf(addresses[i], sizeof addresses[i], "127.0.0.1:%d", ports[2 + i]);
        options.addresses[used[i].port] = addresses[i];
        if (used[i].name != NULL) {
            snprintf(callbacks[i], sizeof callbacks[i], "http://127.0.0.1:%d/callbacks/%s",
                     ports[0], used[i].name);
            options.callback_urls[used[i].port] = callbacks[i];
            options.latency_ms[used[i].port] = used[i].latency_ms;
        }
    }
    options.callback_retry_ms = 500;
    options.callback_tries = 12;
    options.seed = seed;
    return sandbox_start(&options, &stage->sandbox, err);
}

int stage_start(struct stage *stage, struct err *err) {
    char program[STAGE_PATH_CHARS_MAX], config[STAGE_PATH_CHARS_MAX + 32],
        log[STAGE_PATH_CHARS_MAX + 32];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0) {
        return err_set(err, ERR_IO, "the program cannot find itself: %s", strerror(errno));
    }
    program[length] = '\0';
    snprintf(config, sizeof config, "%s/holdfast.yaml", stage->folder);
    snprintf(log, sizeof log, "%s/holdfast.log", stage->folder);
    const char *argv[] = {program, "serve", "--config", config, NULL};
    struct proc_options options = {
        .argv = argv,
        .out = {.to = PROC_FILE, .path = log},
        .err = {.to = PROC_OUT},
        .dies_with_parent = true,
        .own_group = true,
    };
    proc_free(stage->service);
    stage->service = NULL;
    int r = proc_start(&options, &stage->service, err);
    if (r < 0) {
        return r;
    }
    stage->starts++;
    for (int i = 0; i < TRIES; i++) {
        json_t *ignored = NULL;
        struct err not_yet = {0};
        if (stage_get(stage, stage->internal_url, "/readyz", &ignored, &not_yet) == 0) {
            json_decref(ignored);
            return 0;
        }
        if (proc_wait(stage->service, 0, NULL, &not_yet) == 0) {
            break;
        }
        task_sleep_us(STEP_US);
    }
    err_set(err, ERR_UNREACHABLE, "the service did not start");
    return err_hint(err, "Its log: %s", log);
}

int stage_kill(struct stage *stage, struct err *err) {
    int r = proc_signal(stage->service, SIGKILL, err);
    return r < 0 ? r : proc_wait(stage->service, 10 * US_PER_SECOND, NULL, err);
}

int stage_fault(struct stage *stage, const char *spec, struct err *err) {
    return sandbox_fault(stage->sandbox, spec, err);
}

static int make_key(struct stage *stage, struct err *err) {
    int status = 0;
    JSON_AUTO answer = NULL;
    char name[40];
    snprintf(name, sizeof name, "demo-key-%lld", (long long)clock_wall_us());
    int r = stage_post(stage, "/v1/keys", name, "{\"name\":\"demo shop\",\"role\":\"admin\"}",
                       &status, &answer, err);
    if (r < 0) {
        return r;
    }
    const char *key = json_peek_text(answer, "key", NULL);
    if (status != 201 || key == NULL) {
        return err_set(err, ERR_INTERNAL, "the service gave no API key (%d)", status);
    }
    snprintf(stage->key, sizeof stage->key, "%s", key);
    return 0;
}

int stage_open(struct stage *stage, const char *folder, const char *store_url, uint64_t seed,
               struct err *err) {
    *stage = (struct stage){.store_url = store_url};
    struct http_client_options options = {.connections_max = 1024};
    int ports[PORTS];
    int r = http_client_new(&options, &stage->client, err);
    r = r < 0 ? r : make_folder(stage, folder, err);
    r = r < 0 ? r : pick_ports(stage, ports, err);
    r = r < 0 ? r : start_sandbox(stage, ports, seed, err);
    if (r < 0) {
        return r;
    }
    snprintf(stage->public_url, sizeof stage->public_url, "http://127.0.0.1:%d", ports[0]);
    snprintf(stage->internal_url, sizeof stage->internal_url, "http://127.0.0.1:%d", ports[1]);
    snprintf(stage->control_url, sizeof stage->control_url, "http://127.0.0.1:%d", ports[4]);
    r = write_config(stage, ports[0], ports[1], err);
    r = r < 0 ? r : stage_start(stage, err);
    return r < 0 ? r : make_key(stage, err);
}

void stage_close(struct stage *stage) {
    if (stage->service != NULL) {
        proc_stop(stage->service, 10 * US_PER_SECOND, NULL);
        proc_free(stage->service);
    }
    sandbox_stop(stage->sandbox);
    if (stage->client != NULL) {
        http_client_free(stage->client);
    }
    *stage = (struct stage){0};
}
