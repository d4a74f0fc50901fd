/* SPDX-License-Identifier: Apache-2.0
 * keys_service_fixture.h: a whole service on either engine whose one gateway, "stripe-a", has its
 * API key in a file and its webhook secret in the keystore, before a Stripe that takes live keys
 * only. Nothing runs by itself. */
#ifndef HOLDFAST_TESTS_KEYS_SERVICE_FIXTURE_H
#define HOLDFAST_TESTS_KEYS_SERVICE_FIXTURE_H

#include "support/keys_fixture.h"

#include "api/credentials.h"
#include "base/crypto.h"
#include "base/log.h"
#include "support/api_fixture.h"
#include "support/both_engines.h"
#include "support/test_clock.h"

#define MASTER_KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct keyed_service {
    enum store_engine engine;
    struct test_store store; /* for its database; the service has the store itself */
    char key[KEYS_PATH_MAX];
    struct keystore_place place;
    char store_path[KEYS_PATH_MAX], store_key[KEYS_PATH_MAX + 16];
    struct doorkeeper door;
    struct http_client *client;
    struct api api;
    bool listens;
};

/* In the keystore; fails the test if it cannot be. */
static inline void seal_hook(struct keyed_service *own, const char *value) {
    struct err err = {0};
    SECRET_AUTO secret = secret_new(value, strlen(value));
    if (keystore_put(&own->place, "stripe.hook", secret, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

static inline void keyed_open(struct keyed_service *own) {
    struct err err = {0};
    struct service_hooks hooks = {.client = door_client(&own->door), .no_listeners = !own->listens};
    if (service_open(own->api.config, &hooks, &own->api.service, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    own->api.public_front = (struct front){own->api.service, false};
    own->api.internal_front = (struct front){own->api.service, true};
}

static inline void keyed_restart(struct keyed_service *own) {
    service_close(own->api.service);
    keyed_open(own);
}

/* `listeners`: the sections "public:" and "internal:", which are opened then; "": none are. */
static inline void keyed_start(struct keyed_service *own, enum store_engine engine,
                               const char *listeners) {
    struct err err = {0};
    char yaml[4096], url[FAKE_URL_CHARS_MAX];
    *own = (struct keyed_service){.engine = engine, .listens = listeners[0] != '\0'};
    test_store_start(&own->store, engine, NULL);
    test_store_close(&own->store);
    const char *folder = own->store.folder;
    snprintf(own->key, sizeof own->key, "%s/stripe.key", folder);
    snprintf(own->store_path, sizeof own->store_path, "%s/sealed", folder);
    snprintf(own->store_key, sizeof own->store_key, "file:%s.key", own->store_path);
    own->place = (struct keystore_place){own->store_path, own->store_key};
    fake_account_url(0, url);
    assert_true(
        snprintf(yaml, sizeof yaml,
                 "%sstore: {url: \"%s\", migrate: true}\n"
                 "master_key: env:HF_TEST_MASTER\nlog_level: error\n"
                 "limits: {failures_per_second: 0, requests_per_second: 0}\n"
                 "gateways:\n  - name: stripe-a\n    adapter: stripe\n    base_url: \"%s\"\n"
                 "    credentials:\n"
                 "      - {name: api_key, from: \"file:%s\"}\n"
                 "      - {name: webhook_secret, from: \"sealed:stripe.hook\"}\n"
                 "keys: {store: \"%s\"}\n",
                 listeners, own->store.url, url, own->key, own->store_path) < (int)sizeof yaml);
    assert_int_equal(setenv("HF_TEST_MASTER", MASTER_KEY, 1), 0);
    put_file(own->key, "sk_1\n");
    seal_hook(own, "whsec_1");
    lock_init(&own->door.lock);
    door_open(&own->door, "sk_1");
    own->api.fake = fake_gateway_new();
    own->door.behind = api_client(own->api.fake);
    if (service_config_read("test.yaml", yaml, &own->api.config, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    keyed_open(own);
}

static inline void keyed_stop(struct keyed_service *own) {
    service_close(own->api.service);
    service_config_free(own->api.config);
    http_client_free(own->door.behind);
    fake_gateway_free(own->api.fake);
    lock_free(&own->door.lock);
    test_store_end(&own->store);
}

/* A number of the database, over a connection of its own. */
static inline int64_t keyed_int(struct keyed_service *own, const char *sql) {
    return test_store_int(own->api.service->store, sql);
}

/* ---- asking ---- */

static inline void ask(struct keyed_service *own, const char *method, const char *path,
                       const char *body, struct api_reply *ret_reply) {
    api_ask(&own->api,
            &(struct api_ask){
                .method = method, .path = path, .internal = true, .body = body, .once = "*"},
            ret_reply);
}

/* The runbook's line: no body, no key. */
static inline void runbook_reload(struct keyed_service *own, struct api_reply *ret_reply) {
    api_ask(&own->api,
            &(struct api_ask){
                .method = "POST", .path = "/internal/api/system/reload-api-keys", .internal = true},
            ret_reply);
}

/* This event of the fake, signed with this secret; the answer's status. */
static inline int keyed_callback(struct keyed_service *own, const char *body, const char *secret) {
    struct stripe_secret key = {secret, strlen(secret)};
    char signature[STRIPE_SIGNATURE_CHARS_MAX + 1];
    int64_t now_us = clock_wall_us() - clock_shifted_us();
    stripe_sign(&key, now_us / US_PER_SECOND, body, strlen(body), signature);
    return api_status(&own->api, &(struct api_ask){.method = "POST",
                                                   .path = "/callbacks/stripe-a",
                                                   .body = body,
                                                   .more = {{"Stripe-Signature", signature}}});
}

#endif
