/* SPDX-License-Identifier: Apache-2.0
 * test_rotation.c: credentials are changed twenty times while payments and callbacks come in on
 * many threads: no payment is lost, no genuine callback is refused, and no forged one believed. */
#include "keys_service_fixture.h"

#include <stdatomic.h>

enum { ROTATIONS = 20, PAYERS = 3, CALLERS = 3, BODY_BYTES_MAX = 600 };

static struct keyed_service own;
static atomic_bool over;
static atomic_int newest; /* number of the secret in force */
static atomic_int paid, not_paid, believed, refused, forged_believed, old_believed;

/* ---- the load ---- */

static void pay_one(int payer, int number) {
    char body[BODY_BYTES_MAX], once[60];
    snprintf(once, sizeof once, "p%d-%d", payer, number);
    snprintf(body, sizeof body,
             "{\"order_id\":\"%s\",\"amount\":100,\"currency\":\"USD\",\"method\":\"card\","
             "\"tokens\":{\"stripe-a\":\"pm_good\"}}",
             once);
    API_REPLY_AUTO reply;
    api_ask(
        &own.api,
        &(struct api_ask){
            .method = "POST", .path = "/v1/payments", .internal = true, .once = once, .body = body},
        &reply);
    bool done = reply.status == 201 && strcmp(reply_text(&reply, "state"), "succeeded") == 0;
    atomic_fetch_add(done ? &paid : &not_paid, 1);
}

static void payer(void *arg) {
    int number = 0;
    while (!atomic_load(&over)) {
        pay_one((int)(intptr_t)arg, number++);
    }
}

static int callback_once(int caller, int number, const char *secret) {
    char body[BODY_BYTES_MAX];
    snprintf(body, sizeof body,
             "{\"id\":\"evt_%d_%d\",\"type\":\"customer.updated\",\"created\":1,"
             "\"data\":{\"object\":{\"id\":\"cus_1\",\"object\":\"customer\"}}}",
             caller, number);
    return keyed_callback(&own, body, secret);
}

/* One with the secret in force when it was made, one with the one before, one with nobody's. */
static void caller(void *arg) {
    int me = (int)(intptr_t)arg;
    for (int number = 0; !atomic_load(&over); number += 3) {
        char secret[40];
        int last = atomic_load(&newest);
        snprintf(secret, sizeof secret, "whsec_%d", last);
        atomic_fetch_add(callback_once(me, number, secret) == 200 ? &believed : &refused, 1);
        snprintf(secret, sizeof secret, "whsec_%d", last > 1 ? last - 1 : 1);
        bool old = callback_once(me, number + 1, secret) == 200;
        atomic_fetch_add(old ? &old_believed : &refused, 1);
        if (callback_once(me, number + 2, "whsec_of_a_forger") == 200) {
            atomic_fetch_add(&forged_believed, 1);
        }
    }
}

/* ---- the rotation ---- */

/* The key in force until then goes on being taken for a moment, as gateways do: a call that began
 * with it ends with it. */
static void rotate(int number) {
    char key[40], hook[40];
    snprintf(key, sizeof key, "sk_%d", number);
    snprintf(hook, sizeof hook, "whsec_%d", number);
    door_open(&own.door, key);
    put_file(own.key, key);
    seal_hook(&own, hook);
    API_REPLY_AUTO reply;
    runbook_reload(&own, &reply);
    assert_int_equal(reply.status, 200);
    assert_true(json_is_true(json_object_get(reply.json, "ok")));
    atomic_store(&newest, number);
}

static void await(atomic_int *count, int at_least) {
    int64_t give_up_us = clock_mono_us() + 60 * US_PER_SECOND;
    while (atomic_load(count) < at_least) {
        assert_true(clock_mono_us() < give_up_us);
        task_sleep_us(US_PER_MS);
    }
}

static void rotating_under_load_loses_no_payment_and_refuses_no_genuine_callback(void **state) {
    struct task *tasks[PAYERS + CALLERS];
    own = (struct keyed_service){0};
    keyed_start(&own, *(const enum store_engine *)*state, "");
    atomic_store(&over, false);
    atomic_store(&newest, 1);
    atomic_int *const counts[] = {&paid,    &not_paid,        &believed,
                                  &refused, &forged_believed, &old_believed};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        atomic_store(counts[i], 0);
    }
    for (int i = 0; i < PAYERS + CALLERS; i++) {
        tasks[i] = task_start("load", 0, i < PAYERS ? payer : caller, (void *)(intptr_t)i);
        assert_non_null(tasks[i]);
    }
    for (int i = 2; i <= ROTATIONS + 1; i++) {
        rotate(i);
        await(&paid, 3 * i); /* load between any two */
        await(&believed, 3 * i);
    }
    atomic_store(&over, true);
    for (int i = 0; i < PAYERS + CALLERS; i++) {
        task_join(tasks[i]);
    }
    assert_int_equal(atomic_load(&not_paid), 0);
    assert_int_equal(atomic_load(&refused), 0);
    assert_int_equal(atomic_load(&forged_believed), 0);
    assert_true(atomic_load(&old_believed) > ROTATIONS);
    struct fake_book book;
    fake_book(own.api.fake, 0, "usd", &book);
    assert_int_equal(book.taken_count, atomic_load(&paid));
    assert_int_equal(keyed_int(&own, "SELECT count(*) FROM payment WHERE state = 5"),
                     atomic_load(&paid));
    assert_int_equal(keyed_int(&own, "SELECT count(*) FROM callback"),
                     atomic_load(&believed) + atomic_load(&old_believed));
    /* The old keys go at last; payments go on with the newest. */
    door_close_all(&own.door);
    door_open(&own.door, "sk_21");
    int before = atomic_load(&paid);
    pay_one(0, 1000000);
    assert_int_equal(atomic_load(&paid), before + 1);
    keyed_stop(&own);
}

int main(void) {
    static enum store_engine sqlite = STORE_SQLITE, postgres = STORE_POSTGRES;
    crypto_init();
    const struct CMUnitTest tests[] = {
        {"rotating_under_load_sqlite",
         rotating_under_load_loses_no_payment_and_refuses_no_genuine_callback, NULL, NULL, &sqlite},
        {"rotating_under_load_postgresql",
         rotating_under_load_loses_no_payment_and_refuses_no_genuine_callback, NULL, NULL,
         &postgres},
    };
    return cmocka_run_group_tests_name("rotation", tests, NULL, NULL);
}
