/* SPDX-License-Identifier: Apache-2.0
 * test_service.c: the service as one thing: what keeps it from opening, that it answers on its two
 * ports, that it ends gracefully, and that what it had promised is there after a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/task.h"
#include "store/migrate.h"
#include "support/api_fixture.h"
#include "support/http_calls.h"
#include "support/test_pg.h"

#define PATIENCE_US (60 * US_PER_SECOND)

/* ---- what keeps it from opening ---- */

/* Opens with this configuration and gives the error's code; what was opened is closed again. */
static int open_with(const char *yaml, struct err *ret_err) {
    struct service_config *config = NULL;
    struct service *service = NULL;
    *ret_err = (struct err){0};
    if (service_config_read("test.yaml", yaml, &config, ret_err) < 0) {
        fail_msg("%s: %s", ret_err->place, ret_err->detail);
    }
    struct fake_gateway *fake = fake_gateway_new();
    struct service_hooks hooks = {.client = api_client(fake)};
    int r = service_open(config, &hooks, &service, ret_err);
    if (r >= 0) {
        service_close(service);
    }
    service_config_free(config);
    fake_gateway_free(fake);
    return r;
}

static void a_wrong_configuration_is_refused_with_what_is_wrong(void **state) {
    (void)state;
    struct api api;
    char yaml[API_CONFIG_BYTES_MAX], database[160];
    static const struct {
        const char *more, *says;
    } rows[] = {
        {"internal: {address: \"0.0.0.0:0\"}\n", "only with a key"},
        {"internal: {address: \"0.0.0.0:0\", key: \"plain text\"}\n", "internal listener's key"},
        {"internal: {address: \"127.0.0.1:0\", key: \"env:HOLDFAST_TEST_ABSENT\"}\n",
         "HOLDFAST_TEST_ABSENT"},
        {"master_key: \"env:HOLDFAST_TEST_ABSENT\"\n", "HOLDFAST_TEST_ABSENT"},
        {"routing: {rules: [{name: r, methods: [cash]}]}\n", "cash"},
        {"routing: {rules: [{name: r, currencies: [XXX]}]}\n", "XXX"},
        {"routing: {rules: [{name: r, vip: sometimes}]}\n", "vip"},
        {"routing: {rules: [{name: r, prefer: [nobody]}]}\n", "nobody"},
        {"routing: {rules: [{name: r, regions: [de]}]}\n", "two capital letters"},
        {"routing: {rules: [{name: r, amount_max: 18446744073709551615}]}\n", "amount"},
        {"routing: {rules: [{name: r, currencies: [AED, AFN, ALL, AMD, AOA, ARS, AUD, AWG, AZN, "
         "BAM, BBD, BDT, BHD, BIF, BMD, BND, BOB, BRL, BSD, BTN, BWP, BYN, BZD, CAD, CDF, CHF, "
         "CLP, "
         "CNY, COP, CRC, CUP, CVE, CZK]}]}\n",
         "32 currencies"},
        {"  - {name: stripe-a, adapter: stripe, base_url: \"http://127.0.0.1:7001\"}\n",
         "stripe-a"},
        {"  - {name: new, adapter: abacus, base_url: \"http://127.0.0.1:7001\"}\n", "abacus"},
        {"  - {name: new, adapter: stripe, base_url: \"http://stripe.example\"}\n", "https://"},
        {"  - {name: new, adapter: stripe, base_url: \"http://127.0.0.1:7001\"}\n", "api_key"},
        {"  - {name: new, adapter: stripe, base_url: \"http://127.0.0.1:1\", priority: "
         "4294967295}\n",
         "priority"},
    };
    api_start(&api, NULL, false);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err;
        snprintf(database, sizeof database, "%s/wrong-%zu.db", api.folder, i);
        api_yaml(database, rows[i].more, yaml);
        int r = open_with(yaml, &err);
        if (r != -ERR_CONFIG || strstr(err.detail, rows[i].says) == NULL) {
            fail_msg("%s: %d %s", rows[i].more, r, err.detail);
        }
        bool of_a_gateway = strncmp(rows[i].more, "  - {", 5) == 0;
        if (of_a_gateway && access(database, F_OK) == 0) {
            fail_msg("%s: the database was made or migrated all the same", rows[i].more);
        }
    }
    api_stop(&api);
}

static void a_level_of_the_log_that_there_is_not_is_refused(void **state) {
    (void)state;
    struct api api;
    char yaml[API_CONFIG_BYTES_MAX], database[160];
    struct err err;
    api_start(&api, NULL, false);
    snprintf(database, sizeof database, "%s/wrong.db", api.folder);
    api_yaml(database, NULL, yaml);
    char *level = strstr(yaml, "log_level: error");
    assert_non_null(level);
    memcpy(level, "log_level: loud ", strlen("log_level: loud "));
    assert_int_equal(open_with(yaml, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "log_level"));
    api_stop(&api);
}

static void two_services_do_not_open_one_file(void **state) {
    (void)state;
    struct api api;
    char yaml[API_CONFIG_BYTES_MAX];
    struct err err;
    api_start(&api, NULL, false);
    api_yaml(api.database, NULL, yaml);
    assert_int_equal(open_with(yaml, &err), -ERR_STORE);
    assert_non_null(strstr(err.detail, "opening the database"));
    api_stop(&api);
}

static void a_database_without_its_schema_is_migrated_only_if_that_is_wanted(void **state) {
    (void)state;
    struct api api;
    char yaml[API_CONFIG_BYTES_MAX], other[API_CONFIG_BYTES_MAX + 40], database[160];
    struct err err;
    api_start(&api, NULL, false);
    snprintf(database, sizeof database, "%s/new.db", api.folder);
    api_yaml(database, NULL, yaml);
    char *url = strstr(yaml, database);
    assert_non_null(url);
    snprintf(other, sizeof other, "%.*s%s\", migrate: false}%s", (int)(url - yaml), yaml, database,
             strchr(url, '}') + 1);
    assert_true(open_with(other, &err) < 0);
    assert_non_null(strstr(err.hint, "holdfast db migrate"));
    assert_int_equal(open_with(yaml, &err), 0);
    assert_int_equal(open_with(other, &err), 0);
    api_stop(&api);
}

static void with_postgresql_the_master_key_must_be_given(void **state) {
    (void)state;
    struct api api;
    char yaml[API_CONFIG_BYTES_MAX], other[API_CONFIG_BYTES_MAX], url[TEST_PG_URL_MAX];
    struct err err;
    api_start(&api, NULL, false);
    test_pg_database(test_pg_shared(), url);
    api_yaml("HERE", NULL, yaml);
    char *here = strstr(yaml, "sqlite:HERE");
    assert_non_null(here);
    int length = snprintf(other, sizeof other, "%.*s%s\", migrate: true%s", (int)(here - yaml),
                          yaml, url, here + strlen("sqlite:HERE\""));
    assert_true(length > 0 && (size_t)length < sizeof other - 80);
    assert_int_equal(open_with(other, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "master_key"));
    assert_int_equal(setenv("HOLDFAST_TEST_MASTER",
                            "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", 1),
                     0);
    snprintf(other + length, sizeof other - (size_t)length,
             "master_key: \"env:HOLDFAST_TEST_MASTER\"\n");
    if (open_with(other, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    test_pg_database_drop(test_pg_shared(), url);
    api_stop(&api);
}

/* ---- its life ---- */

static void start(struct api *api) {
    struct err err = {0};
    api_start(api, NULL, true);
    if (service_start(api->service, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

static int get(struct http_client *client, int port, const char *path, const char *header,
               const char *value) {
    char url[200];
    struct err err = {0};
    HTTP_ANSWER_AUTO answer = {0};
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    struct http_header headers[] = {{header, value}};
    struct http_call call = {.method = "GET",
                             .url = url,
                             .headers = headers,
                             .header_count = header != NULL ? 1 : 0,
                             .timeout_us = PATIENCE_US};
    return http_call(client, &call, &answer, &err) < 0 ? -1 : answer.status;
}

static void it_answers_on_two_ports_and_each_knows_its_own_paths(void **state) {
    (void)state;
    struct api api;
    start(&api);
    struct http_client *client = plain_client();
    int public_port = service_public_port(api.service);
    int internal_port = service_internal_port(api.service);
    assert_true(public_port > 0 && internal_port > 0 && public_port != internal_port);
    static const struct {
        const char *path;
        int on_public, on_internal;
    } rows[] = {{"/healthz", 200, 200},
                {"/readyz", 200, 200},
                {"/payment/health", 200, 200},
                {"/v1/openapi.yaml", 200, 200},
                {"/v1/payments", 401, 200},
                {"/metrics", 404, 200},
                {"/internal/api/system/backlog", 404, 200},
                {"/v1/session", 401, 404}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(get(client, public_port, rows[i].path, NULL, NULL), rows[i].on_public);
        assert_int_equal(get(client, internal_port, rows[i].path, NULL, NULL), rows[i].on_internal);
    }
    assert_int_equal(get(client, internal_port, "/metrics", "X-Forwarded-For", "10.0.0.1"), 403);
    assert_int_equal(get(client, internal_port, "/metrics", "Host", "rebound.example"), 403);
    http_client_free(client);
    api_stop(&api);
}

static void it_is_ready_between_starting_and_draining(void **state) {
    (void)state;
    struct api api;
    api_start(&api, NULL, true);
    const struct api_ask ready = {.path = "/readyz"};
    assert_int_equal(api_status(&api, &ready), 503);
    struct err err = {0};
    assert_int_equal(service_start(api.service, &err), 0);
    int port = service_public_port(api.service);
    struct http_client *client = plain_client();
    assert_int_equal(get(client, port, "/readyz", NULL, NULL), 200);
    assert_int_equal(service_drain(api.service), 0);
    assert_int_equal(api_status(&api, &ready), 503);
    assert_int_equal(get(client, port, "/readyz", NULL, NULL), -1);
    http_client_free(client);
    api_stop(&api);
}

struct slow {
    struct lock lock;
    struct cond changed;
    bool called, released;
};

static void hold(void *ctx, int account, const char *call, bool done) {
    struct slow *slow = ctx;
    (void)account;
    if (done || strcmp(call, "charge") != 0) {
        return;
    }
    lock_take(&slow->lock);
    slow->called = true;
    cond_broadcast(&slow->changed);
    while (!slow->released) {
        cond_wait(&slow->changed, &slow->lock);
    }
    lock_give(&slow->lock);
}

struct payer {
    int port, result, status;
    char body[2000];
};

static void pay(void *arg) {
    struct payer *payer = arg;
    static const char body[] = "{\"order_id\":\"drained\",\"amount\":1999,\"currency\":\"USD\","
                               "\"method\":\"card\",\"tokens\":{\"stripe-a\":\"pm_good\"}}";
    char url[100];
    struct err err = {0};
    struct http_client *client = plain_client();
    struct http_header headers[] = {{"Content-Type", "application/json"},
                                    {"Idempotency-Key", "drained"}};
    HTTP_ANSWER_AUTO answer = {0};
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1/payments", payer->port);
    struct http_call call = {.method = "POST",
                             .url = url,
                             .headers = headers,
                             .header_count = 2,
                             .body = body,
                             .body_bytes = strlen(body),
                             .timeout_us = PATIENCE_US};
    payer->result = http_call(client, &call, &answer, &err);
    payer->status = answer.status;
    snprintf(payer->body, sizeof payer->body, "%s", answer.body != NULL ? answer.body : "");
    http_client_free(client);
}

static void drain(void *arg) {
    struct api *api = arg;
    (void)service_drain(api->service);
}

static void it_gives_notice_before_it_refuses_connections(void **state) {
    (void)state;
    struct api api;
    struct err err = {0};
    api_start(&api, "limits: {drain_notice_s: 3}\n", true);
    assert_int_equal(service_start(api.service, &err), 0);
    int port = service_public_port(api.service);
    struct task *draining = task_start("drainer", 0, drain, &api);
    int64_t give_up_us = clock_mono_us() + PATIENCE_US;
    while (atomic_load(&api.service->ready)) {
        assert_true(clock_mono_us() < give_up_us);
        task_sleep_us(US_PER_MS);
    }
    struct http_client *stranger = plain_client(); /* it has no connection yet */
    assert_int_equal(get(stranger, port, "/readyz", NULL, NULL), 503);
    assert_int_equal(get(stranger, port, "/healthz", NULL, NULL), 200);
    assert_int_equal(get(stranger, port, "/v1/payments", NULL, NULL), 401);
    task_join(draining);
    assert_int_equal(get(stranger, port, "/healthz", NULL, NULL), -1);
    http_client_free(stranger);
    api_stop(&api);
}

static void a_payment_under_way_is_answered_before_it_ends(void **state) {
    (void)state;
    struct api api;
    struct slow slow = {0};
    lock_init(&slow.lock);
    cond_init(&slow.changed);
    start(&api);
    fake_hook(api.fake, hold, &slow);
    struct payer payer = {.port = service_internal_port(api.service)};
    struct task *paying = task_start("payer", 0, pay, &payer);
    lock_take(&slow.lock);
    while (!slow.called) {
        cond_wait(&slow.changed, &slow.lock);
    }
    lock_give(&slow.lock);
    struct task *draining = task_start("drainer", 0, drain, &api);
    int64_t give_up_us = clock_mono_us() + PATIENCE_US;
    while (!atomic_load(&api.service->draining)) {
        assert_true(clock_mono_us() < give_up_us);
        task_sleep_us(US_PER_MS);
    }
    lock_take(&slow.lock);
    slow.released = true;
    cond_broadcast(&slow.changed);
    lock_give(&slow.lock);
    task_join(paying);
    task_join(draining);
    assert_int_equal(payer.result, 0);
    assert_int_equal(payer.status, 201);
    assert_non_null(strstr(payer.body, "\"state\":\"succeeded\""));
    fake_hook(api.fake, NULL, NULL);
    api_stop(&api);
    cond_free(&slow.changed);
    lock_free(&slow.lock);
}

static void after_a_restart_a_repeat_gets_the_answer_of_before(void **state) {
    (void)state;
    struct api api;
    struct err err = {0};
    api_start(&api, NULL, false);
    const struct api_ask order = {.method = "POST",
                                  .path = "/v1/payments",
                                  .internal = true,
                                  .once = "restart",
                                  .body = "{\"order_id\":\"restarted\",\"amount\":1999,"
                                          "\"currency\":\"USD\",\"method\":\"card\","
                                          "\"tokens\":{\"stripe-a\":\"pm_good\"}}"};
    API_REPLY_AUTO first;
    API_REPLY_AUTO again;
    api_ask(&api, &order, &first);
    assert_int_equal(first.status, 201);
    service_close(api.service);
    struct service_hooks hooks = {.client = api_client(api.fake), .no_listeners = true};
    if (service_open(api.config, &hooks, &api.service, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    api.internal_front.service = api.service;
    api_ask(&api, &order, &again);
    assert_int_equal(again.status, 201);
    assert_string_equal(again.body, first.body);
    assert_string_equal(reply_header(&again, "Idempotent-Replayed"), "true");
    int64_t taken = 0;
    assert_int_equal(fake_charged(api.fake, "restarted", &taken), 1);
    api_stop(&api);
}

static void what_runs_by_itself_can_be_run_by_hand(void **state) {
    (void)state;
    struct api api;
    struct err err = {0};
    api_start(&api, NULL, false);
    API_REPLY_AUTO hook;
    API_REPLY_AUTO paid;
    api_ask(&api,
            &(struct api_ask){.method = "POST",
                              .path = "/v1/webhooks",
                              .internal = true,
                              .once = "*",
                              .body = "{\"url\":\"" FAKE_MERCHANT_URL "\"}"},
            &hook);
    assert_int_equal(hook.status, 201);
    fake_merchant_answers(api.fake, 200);
    api_pay(&api, "ticked", "", &paid);
    assert_int_equal(paid.status, 201);
    assert_int_equal(fake_delivery_count(api.fake), 0);
    assert_true(service_tick(api.service, &err) > 0);
    assert_int_equal(fake_delivery_count(api.fake), 1);
    assert_non_null(strstr(fake_delivery(api.fake, 0).body, reply_text(&paid, "id")));
    api_stop(&api);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_configuration_is_refused_with_what_is_wrong),
        cmocka_unit_test(a_level_of_the_log_that_there_is_not_is_refused),
        cmocka_unit_test(two_services_do_not_open_one_file),
        cmocka_unit_test(a_database_without_its_schema_is_migrated_only_if_that_is_wanted),
        cmocka_unit_test(with_postgresql_the_master_key_must_be_given),
        cmocka_unit_test(it_answers_on_two_ports_and_each_knows_its_own_paths),
        cmocka_unit_test(it_is_ready_between_starting_and_draining),
        cmocka_unit_test(it_gives_notice_before_it_refuses_connections),
        cmocka_unit_test(a_payment_under_way_is_answered_before_it_ends),
        cmocka_unit_test(after_a_restart_a_repeat_gets_the_answer_of_before),
        cmocka_unit_test(what_runs_by_itself_can_be_run_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
