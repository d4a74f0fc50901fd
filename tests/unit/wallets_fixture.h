/* SPDX-License-Identifier: Apache-2.0
 * wallets_fixture.h: for test_wallets_machine.c: a payment machine in front of the simulated
 * wallets, two gateways of each, and Stripe for cards; what the customer's side does; callbacks
 * arrive over HTTP at the entry that the listener uses. */
#ifndef HOLDFAST_TESTS_WALLETS_FIXTURE_H
#define HOLDFAST_TESTS_WALLETS_FIXTURE_H

#include "sandbox_fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/world.h"
#include "meter/meter.h"
#include "payment/internal.h"
#include "support/payment_world.h"

#define W the_world
#define MINUTE_US (60 * US_PER_SECOND)
#define AMOUNT 2500

static void *identities[SANDBOX_GATEWAYS]; /* for all the worlds: keys are slow to make */

static inline void must(int result, const struct err *err) {
    if (result < 0) {
        fail_msg("%s (%s)", err->detail, err_name(err->code));
    }
}

/* ---- the world: two gateways of each wallet, and Stripe for cards ---- */

enum wallet { ALIPAY, WECHAT, UNIONPAY, WALLETS };

static const struct {
    const char *adapter, *control; /* as configured; as the sandbox's control port says it */
    enum payment_method method;
    enum sandbox_port port;
} wallets[WALLETS] = {
    {"alipay", "alipay", METHOD_ALIPAY, SANDBOX_ALIPAY},
    {"wechatpay", "wechat", METHOD_WECHATPAY, SANDBOX_WECHAT},
    {"unionpay", "unionpay", METHOD_UNIONPAY, SANDBOX_UNIONPAY},
};

/* A program that defines WALLETS_AND_PAYPAL before it includes this has PayPal too. */
#ifdef WALLETS_AND_PAYPAL
enum { GATEWAYS = 2 * WALLETS + 2 };
#else
enum { GATEWAYS = 2 * WALLETS + 1 };
#endif

/* While `withheld` callbacks are only kept: the latest as it came, until forget_kept(). */
static struct kept {
    bool withheld;
    char *name, *body;
    size_t body_bytes;
    struct http_header headers[HTTP_HEADERS_MAX];
    int header_count;
} kept;

static inline void forget_kept(void) {
    for (int i = 0; i < kept.header_count; i++) {
        free((char *)kept.headers[i].name);
        free((char *)kept.headers[i].value);
    }
    free(kept.name);
    free(kept.body);
    kept = (struct kept){.withheld = kept.withheld};
}

static inline void keep(const struct http_request *request) {
    lock_take(&fixture.lock);
    forget_kept();
    kept.name = strdup(request->path + 1);
    kept.body_bytes = request->body_bytes;
    kept.body = strndup(request->body, request->body_bytes);
    for (; kept.header_count < request->header_count; kept.header_count++) {
        const struct http_header *header = &request->headers[kept.header_count];
        kept.headers[kept.header_count] = (struct http_header){strdup(header->name),
                                                               strdup(header->value)};
    }
    lock_give(&fixture.lock);
}

/* The listener's own entry, at "/NAME". */
static inline void deliver(void *ctx, const struct http_request *request,
                           struct http_reply *reply) {
    (void)ctx;
    struct err err = {0};
    if (kept.withheld) {
        keep(request);
        reply->status = 200;
        http_reply_body(reply, "text/plain", "success", 7);
        return;
    }
    int r = callback_receive(W->payments, request->path + 1, request, reply, &err);
    if (r < 0) {
        reply->status = err_http_status(err.code);
    }
}

/* The kept callback with another body, handed in at this gateway. */
UNUSED static int handed_in(const char *name, const char *body, size_t body_bytes) {
    struct err err = {0};
    struct http_reply reply = {0};
    buf_init(&reply.headers, 4096);
    buf_init(&reply.body, 4096);
    const struct http_request request = {.method = "POST",
                                         .path = "/callbacks",
                                         .query = "",
                                         .headers = kept.headers,
                                         .header_count = kept.header_count,
                                         .body = body,
                                         .body_bytes = body_bytes,
                                         .peer = "203.0.113.9",
                                         .id = "req_test"};
    int result = callback_receive(W->payments, name, &request, &reply, &err);
    buf_release(&reply.headers);
    buf_release(&reply.body);
    return result;
}

static inline void open_receiver(void) {
    struct err err = {0};
    const struct http_listener_options options = {
        .address = "127.0.0.1:0", .handler = deliver, .workers_max = 2};
    must(http_server_new(1, &fixture.receiver, &err), &err);
    must(http_server_listen(fixture.receiver, &options, &fixture.listener, &err), &err);
    must(http_server_start(fixture.receiver, &err), &err);
}

static inline void paper_env(const char *variable, enum sandbox_port port, const char *paper) {
    const char *text = sandbox_paper(fixture.sandbox, port, paper);
    assert_non_null(text);
    setenv(variable, text, 1);
}

static inline void set_environment(void) {
    paper_env("HF_FAKE_ALIPAY_KEY", SANDBOX_ALIPAY, "merchant.key.pem");
    paper_env("HF_FAKE_ALIPAY_PUBLIC", SANDBOX_ALIPAY, "alipay.pub.pem");
    paper_env("HF_FAKE_WECHAT_KEY", SANDBOX_WECHAT, "merchant.key.pem");
    setenv("HF_FAKE_WECHAT_API", SANDBOX_WECHAT_API_V3_KEY, 1);
    setenv("HF_FAKE_UNIONPAY_KEY", SANDBOX_UNIONPAY_SECURE_KEY, 1);
    setenv("HF_FAKE_STRIPE_KEY", SANDBOX_STRIPE_KEY, 1);
    setenv("HF_FAKE_STRIPE_HOOK", SANDBOX_STRIPE_WEBHOOK_SECRET, 1);
#ifdef WALLETS_AND_PAYPAL
    setenv("HF_FAKE_PAYPAL_ID", SANDBOX_PAYPAL_CLIENT_ID, 1);
    setenv("HF_FAKE_PAYPAL_SECRET", SANDBOX_PAYPAL_CLIENT_SECRET, 1);
    setenv("HF_FAKE_PAYPAL_HOOK", SANDBOX_PAYPAL_WEBHOOK_ID, 1);
    paper_env("HF_FAKE_PAYPAL_CA", SANDBOX_PAYPAL, "ca.pem");
#endif
}

/* Where the sandbox puts files of statements; then there is a bank as well. NULL: nowhere. */
static const char *statement_dir;

static inline void set_account(struct gateway_settings *one, enum wallet wallet) {
    switch (wallet) {
    case ALIPAY:
        one->credentials[0].name = "private_key";
        one->credentials[0].reference = "env:HF_FAKE_ALIPAY_KEY";
        one->credentials[1].name = "alipay_public_key";
        one->credentials[1].reference = "env:HF_FAKE_ALIPAY_PUBLIC";
        one->credential_count = 2;
        one->options[0].name = "app_id";
        one->options[0].value = SANDBOX_ALIPAY_APP_ID;
        one->option_count = 1;
        break;
    case WECHAT:
        one->credentials[0].name = "private_key";
        one->credentials[0].reference = "env:HF_FAKE_WECHAT_KEY";
        one->credentials[1].name = "api_v3_key";
        one->credentials[1].reference = "env:HF_FAKE_WECHAT_API";
        one->credential_count = 2;
        one->options[0].name = "appid";
        one->options[0].value = SANDBOX_WECHAT_APPID;
        one->options[1].name = "mchid";
        one->options[1].value = SANDBOX_WECHAT_MCHID;
        one->options[2].name = "merchant_serial";
        one->options[2].value = sandbox_paper(fixture.sandbox, SANDBOX_WECHAT, "merchant.serial");
        one->options[3].name = "store_id";
        one->options[3].value = "store1";
        one->option_count = 4;
        break;
    case UNIONPAY:
    default:
        one->credentials[0].name = "secure_key";
        one->credentials[0].reference = "env:HF_FAKE_UNIONPAY_KEY";
        one->credential_count = 1;
        one->options[0].name = "merchant_id";
        one->options[0].value = SANDBOX_UNIONPAY_MERCHANT_ID;
        one->options[1].name = "sign_method";
        one->options[1].value = "11";
        one->option_count = 2;
        break;
    }
}

/* The one that stands behind all others. */
static inline struct gateway_settings paypal_settings(void) {
    static char url[FIXTURE_URL_MAX];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", sandbox_port(fixture.sandbox, SANDBOX_PAYPAL));
    return (struct gateway_settings){
        .name = "paypal",
        .adapter = "paypal",
        .base_url = url,
        .credentials = {{"client_id", "env:HF_FAKE_PAYPAL_ID"},
                        {"client_secret", "env:HF_FAKE_PAYPAL_SECRET"},
                        {"webhook_id", "env:HF_FAKE_PAYPAL_HOOK"},
                        {"webhook_ca", "env:HF_FAKE_PAYPAL_CA"}},
        .credential_count = 4,
        .priority = 10 * (GATEWAYS + 1),
        .timeout_ms = 2000,
        .callback_due_ms = 24 * 3600 * 1000,
    };
}

/* The account that the simulated gateways pay out to. */
static inline struct gateway_settings bank_settings(void) {
    static const char *const currencies[] = {"USD", "EUR"};
    return (struct gateway_settings){
        .name = "bank-eu",
        .adapter = "bank",
        .options = {{"account_holder", "Shop GmbH"},
                    {"account", "HOLDFAST-SANDBOX-1"},
                    {"bank", "Test Bank"}},
        .option_count = 3,
        .currencies = currencies,
        .currency_count = 2,
    };
}

static inline void open_gateways(void) {
    static char names[GATEWAYS][GATEWAY_NAME_CHARS_MAX + 1];
    static char urls[GATEWAYS][FIXTURE_URL_MAX], hooks[GATEWAYS][FIXTURE_URL_MAX];
    struct gateway_settings settings[GATEWAYS + 1];
    struct err err = {0};
    settings[GATEWAYS] = bank_settings();
    settings[GATEWAYS - 1] = paypal_settings(); /* but for it there, Stripe's place */
    for (int i = 0; i <= 2 * WALLETS; i++) {
        bool card = i == 2 * WALLETS;
        const char *adapter = card ? "stripe" : wallets[i / 2].adapter;
        snprintf(names[i], sizeof names[i], "%s%s", adapter, i % 2 == 1 ? "-b" : "");
        snprintf(urls[i], sizeof urls[i], "http://127.0.0.1:%d",
                 sandbox_port(fixture.sandbox, card ? SANDBOX_STRIPE : wallets[i / 2].port));
        snprintf(hooks[i], sizeof hooks[i], "http://127.0.0.1:%d/%s",
                 http_listener_port(fixture.listener), names[i]);
        settings[i] = (struct gateway_settings){
            .name = names[i],
            .adapter = adapter,
            .base_url = urls[i],
            .callback_url = card ? NULL : hooks[i],
            .credentials = {{"api_key", "env:HF_FAKE_STRIPE_KEY"},
                            {"webhook_secret", "env:HF_FAKE_STRIPE_HOOK"}},
            .credential_count = 2,
            .priority = 10 * (i + 1),
            .timeout_ms = 2000,
            .callback_due_ms = 24 * 3600 * 1000,
        };
        if (!card) {
            set_account(&settings[i], (enum wallet)(i / 2));
        }
    }
    int count = statement_dir != NULL ? GATEWAYS + 1 : GATEWAYS;
    must(gateway_registry_open(settings, count, &W->registry, &err), &err);
}

/* Payments that probe, of all the worlds. */
static const struct probe_settings *wallet_probes;
static int wallet_probe_count;

static inline int open_world(enum store_engine engine) {
    struct sandbox_options options = fixture_options();
    struct err err = {0};
    memcpy(options.identities, identities, sizeof identities);
    options.callback_retry_ms = 2;
    options.statement_dir = statement_dir;
    fixture_start(&options);
    if (getenv("HF_TEST_LOG") == NULL) {
        log_fd_set(open("/dev/null", O_WRONLY | O_CLOEXEC));
    }
    *W = (struct payment_world){0};
    engine_open(&W->engine, engine);
    must(seal_open("env:HF_FAKE_MASTER", &W->seal, &err), &err);
    open_receiver();
    set_environment();
    open_gateways();
    must(gateway_control_open(W->engine.store, W->registry, &W->control, &err), &err);
    must(router_new(W->registry, W->control, NULL, 0, &W->router, &err), &err);
    const struct payments_options payments = {
        .store = W->engine.store,
        .registry = W->registry,
        .control = W->control,
        .router = W->router,
        .client = fixture.client,
        .seal = W->seal,
        .deferral = {.public_url = "https://pay.test"},
        .probes = wallet_probes,
        .probe_count = wallet_probe_count,
        .alone = W->engine.engine == STORE_SQLITE,
    };
    must(payments_open(&payments, &W->payments, &err), &err);
    return 0;
}

static inline int on_sqlite(void **state) {
    (void)state;
    return open_world(STORE_SQLITE);
}

static inline int on_postgres(void **state) {
    (void)state;
    return open_world(STORE_POSTGRES);
}

/* What the gateways would decide or send later they do now. The pauses are the real world's: those
 * of the test's clock would use up the patience of a delivery that is under way. */
static inline void gateways_go_on(void) {
    for (int i = 0; i < 10000; i++) {
        json_decref(control("POST", "/callbacks/flush", NULL, 200));
        json_t *json = control("GET", "/callbacks", NULL, 200);
        int64_t left = json_peek_int(json, 1, "waiting", NULL) +
                       json_peek_int(json, 1, "under_way", NULL);
        json_decref(json);
        if (left == 0) {
            return;
        }
        world_real()->sleep_us(NULL, 2 * US_PER_MS);
    }
    fail_msg("the gateways do not come to rest");
}

static inline int close_world(void **state) {
    (void)state;
    gateways_go_on();
    http_server_free(fixture.receiver);
    fixture.receiver = NULL;
    payments_close(W->payments);
    router_free(W->router);
    gateway_control_close(W->control);
    gateway_registry_close(W->registry);
    seal_close(W->seal);
    test_store_end(&W->engine);
    fixture_stop();
    return 0;
}

/* ---- steps ---- */

static int order_number;

static inline struct payment_order order_by(enum payment_method method, enum gateway_flow flow,
                                            const char *token) {
    static char order_id[32];
    snprintf(order_id, sizeof order_id, "order-%d", ++order_number);
    struct payment_order order = world_order(order_id, AMOUNT);
    order.currency = currency_stored("CNY");
    order.method = method;
    order.flow = flow;
    order.token = token;
    order.customer_ip = "203.0.113.9";
    order.return_url = "https://shop.test/back";
    return order;
}

/* Asks a payment of this wallet; returns its id (free()). */
static inline char *asked(enum wallet wallet, enum gateway_flow flow, const char *token, int status,
                          const char *state) {
    struct payment_order order = order_by(wallets[wallet].method, flow, token);
    json_t *json = world_pay(W, NULL, &order);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    if (strcmp(json_at(json, "state"), state) != 0) {
        char *text = json_dumps(json, 0);
        fail_msg("%s: %s", state, text);
    }
    assert_int_equal(W->status, status);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    return id;
}

static inline char *waiting(enum wallet wallet, enum gateway_flow flow) {
    return asked(wallet, flow, "", 201, "requires_action");
}

static inline char *reference_of(const char *payment_id) {
    char sql[160];
    snprintf(sql, sizeof sql,
             "SELECT id FROM attempt WHERE payment_id = '%s' ORDER BY number LIMIT 1", payment_id);
    return world_text(W, sql);
}

/* The form that the customer's browser posts: only then UnionPay knows the order. */
static inline void post_form(const char *action_data) {
    struct err err = {0};
    HTTP_ANSWER_AUTO answer = {0};
    json_t *json = NULL, *value;
    const char *name;
    must(json_read(action_data, strlen(action_data), 8192, 4, &json, &err), &err);
    BUF_AUTO form;
    buf_init(&form, 32 * 1024);
    json_object_foreach((json_t *)json_peek(json, "fields", NULL), name, value) {
        buf_addf(&form, "%s%s=", form.len > 0 ? "&" : "", name);
        buf_add_urlencoded(&form, json_string_value(value));
    }
    const char *url = json_peek_text(json, "url", NULL);
    const struct ask ask = {.port = SANDBOX_UNIONPAY,
                            .method = "POST",
                            .path = strstr(url, "/gateway/api/"),
                            .body = form.data,
                            .type = FORM};
    assert_int_equal(ask_raw(&ask, &answer), 0);
    assert_int_equal(answer.status, 303);
    json_decref(json);
}

/* His browser, or the wallet's kit in the app, opens it; only then Alipay knows the order. */
static inline void follow(const char *address) {
    HTTP_ANSWER_AUTO answer = {0};
    struct err err = {0};
    const struct http_call call = {
        .method = "GET", .url = address, .timeout_us = PATIENCE_US, .answer_bytes_max = 1 << 20};
    must(http_call(fixture.client, &call, &answer, &err), &err);
    assert_int_equal(answer.status, 302);
}

/* What the customer's side does with what it was given, before he pays. */
static inline void open_action(enum wallet wallet, const char *payment_id) {
    json_t *json = world_get(W, payment_id);
    const json_t *action = json_object_get(json, "action");
    const char *type = json_at(action, "type");
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT action_url FROM payment WHERE id = '%s'", payment_id);
    char *data = world_text(W, sql);
    char url[GATEWAY_ACTION_CHARS_MAX + 64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/gateway.do?%s",
             sandbox_port(fixture.sandbox, SANDBOX_ALIPAY), data);
    if (strcmp(type, "form") == 0) {
        post_form(data);
    } else if (wallet == ALIPAY && strcmp(type, "qr_code") != 0) {
        follow(strcmp(type, "app") == 0 ? url : data);
    }
    free(data);
    json_decref(json);
}

/* "pay", "cancel", "scan", "expire"; the status. */
static inline int acted(enum wallet wallet, const char *name, const char *act) {
    HTTP_ANSWER_AUTO answer = {0};
    char body[300];
    snprintf(body, sizeof body, "{\"gateway\":\"%s\",\"reference\":\"%s\",\"act\":\"%s\"}",
             wallets[wallet].control, name, act);
    const struct ask ask = {
        .port = SANDBOX_CONTROL, .method = "POST", .path = "/pay", .body = body};
    assert_int_equal(ask_raw(&ask, &answer), 0);
    return answer.status;
}

static inline void customer(enum wallet wallet, const char *payment_id, const char *act) {
    char *reference = reference_of(payment_id);
    int status = acted(wallet, reference, act);
    if (status / 100 != 2) {
        fail_msg("%s of %s at %s: %d", act, reference, wallets[wallet].adapter, status);
    }
    free(reference);
}

/* Everything that waits is done. */
static inline void work(void) {
    gateways_go_on();
    while (world_tick(W) > 0) {
    }
}

static inline void pass(int64_t us) {
    gateways_go_on();
    test_clock_advance(us);
    work();
}

static inline int64_t taken(enum wallet wallet) {
    const char *name = wallets[wallet].control;
    return booked(name, "CNY", "charged_minor") - booked(name, "CNY", "refunded_minor");
}

/* What the gateways took is what we say that they took, and nobody paid twice. */
static inline void check(void) {
    world_verify(W);
    int64_t theirs = taken(ALIPAY) + taken(WECHAT) + taken(UNIONPAY) +
                     booked("stripe", "CNY", "charged_minor") -
                     booked("stripe", "CNY", "refunded_minor");
    int64_t ours = world_int(
        W, "SELECT COALESCE(SUM(captured_minor - refunded_minor), 0) FROM payment");
    assert_int_equal(theirs, ours);
}

static inline int64_t cases(void) {
    return world_int(W, "SELECT COUNT(*) FROM review_case WHERE state = 1");
}

static inline int64_t open_operations(void) {
    return world_int(W, "SELECT COUNT(*) FROM operation WHERE state IN (1, 2, 3)");
}

/* ---- the program: each test in a world of its own, on both engines ---- */

#define BOTH(name)                                                                                 \
    {#name " (SQLite)", name, on_sqlite, close_world, NULL}, {                                     \
#name " (PostgreSQL)", name, on_postgres, close_world, NULL                                \
    }

static inline int wallets_run(const struct CMUnitTest *tests, size_t count) {
    static const enum sandbox_port with[] = {SANDBOX_ALIPAY, SANDBOX_WECHAT, SANDBOX_UNIONPAY};
    struct err err = {0};
    test_clock_install();
    crypto_init();
    meter_init();
    setenv("HF_FAKE_MASTER", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1);
    for (size_t i = 0; i < COUNT_OF(with); i++) {
        must(sandbox_identity_new(with[i], clock_wall_us(), &identities[with[i]], &err), &err);
    }
    int failed = _cmocka_run_group_tests("wallets", tests, count, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(with); i++) {
        sandbox_identity_free(with[i], identities[with[i]]);
    }
    return failed;
}

#endif
