/* SPDX-License-Identifier: Apache-2.0
 * test_retention.c: what is thrown away when its days are over, and what never is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "payment/internal.h"
#include "payment/retention.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
#define HOUR_US (INT64_C(3600) * US_PER_SECOND)
#define DAY_US (24 * HOUR_US)

static int64_t count(const char *sql) {
    return world_int(W, sql);
}

static void days_pass(int64_t days) {
    test_clock_advance(days * DAY_US);
    (void)world_tick(W);
}

static void listen_to_all(void) {
    struct caller caller = world_caller(NULL, "endpoint");
    struct answer answer = {0};
    int r = webhook_endpoint_create(W->payments, &caller, FAKE_MERCHANT_URL, "*", "", &answer,
                                    &W->err);
    json_decref(world_take(W, r, &answer));
    assert_int_equal(W->status, 201);
}

/* A payment that awaits no callback: a missing one would be an event of its own. */
static void pay(const char *order_id) {
    free(world_paid(W, order_id, 500));
    (void)engine_exec(&W->engine, "UPDATE attempt SET callback_due_us = 0");
}

static void a_key_that_still_runs_is_kept_at_any_age(void **state) {
    json_decref(world_create(W, "done", "order-1", 500));
    json_decref(world_create(W, "running", "order-2", 500));
    (void)engine_exec(&W->engine, "UPDATE idempotency SET state = 1 WHERE key = 'running'");
    days_pass(30);
    assert_int_equal(count("SELECT COUNT(*) FROM idempotency WHERE key = 'done'"), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM idempotency WHERE key = 'running'"), 1);
}

static void a_delivered_webhook_is_kept_for_thirty_days(void **state) {
    listen_to_all();
    pay("order");
    (void)world_tick(W);
    assert_int_equal(count("SELECT COUNT(*) FROM webhook_delivery WHERE state = 2"), 1);
    days_pass(29);
    assert_int_equal(count("SELECT COUNT(*) FROM webhook_delivery"), 1);
    days_pass(2);
    assert_int_equal(count("SELECT COUNT(*) FROM webhook_delivery"), 0);
    assert_true(count("SELECT COUNT(*) FROM event") > 0);
}

static void a_parked_webhook_goes_with_its_job(void **state) {
    listen_to_all();
    pay("order");
    fake_merchant_answers(FAKE, 500);
    for (int i = 0; i < 30 && count("SELECT COUNT(*) FROM webhook_delivery WHERE state = 3") == 0;
         i++) {
        (void)world_tick(W);
        test_clock_advance(26 * HOUR_US);
    }
    assert_int_equal(count("SELECT COUNT(*) FROM job WHERE kind = 'webhook'"), 1);
    days_pass(28);
    assert_int_equal(count("SELECT COUNT(*) FROM webhook_delivery"), 1);
    days_pass(3);
    assert_int_equal(count("SELECT COUNT(*) FROM webhook_delivery"), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM job WHERE kind = 'webhook'"), 0);
}

static void a_webhook_that_is_still_tried_on_is_kept(void **state) {
    listen_to_all();
    pay("order");
    (void)engine_exec(&W->engine, "UPDATE webhook_delivery SET state = 1, updated_us = 1");
    (void)engine_exec(&W->engine, "DELETE FROM job WHERE kind = 'webhook'");
    (void)world_tick(W);
    assert_int_equal(count("SELECT COUNT(*) FROM webhook_delivery"), 1);
}

static void a_callback_loses_its_body_after_ninety_days_and_is_still_known(void **state) {
    json_decref(world_create(W, NULL, "order", 500));
    assert_int_equal(world_callback(W, 0), 200);
    (void)world_tick(W);
    days_pass(89);
    assert_int_equal(count("SELECT COUNT(*) FROM callback WHERE body <> '' AND headers <> '{}'"),
                     1);
    days_pass(2);
    assert_int_equal(count("SELECT COUNT(*) FROM callback WHERE body = '' AND headers = '{}'"), 1);
    assert_int_equal(world_callback(W, 0), 200);
    (void)world_tick(W);
    assert_int_equal(count("SELECT duplicates FROM callback"), 1);
    assert_int_equal(count("SELECT tries FROM callback"), 1);
    world_check(W);
}

static void a_callback_without_its_body_can_be_replayed(void **state) {
    json_decref(world_create(W, NULL, "order", 500));
    assert_int_equal(world_callback(W, 0), 200);
    (void)world_tick(W);
    days_pass(91);
    char *id = world_text(W, "SELECT id FROM callback WHERE body = ''");
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    json_decref(
        world_take(W, callback_replay(W->payments, &caller, id, &answer, &W->err), &answer));
    assert_int_equal(W->status, 202);
    (void)world_tick(W);
    assert_int_equal(count("SELECT state FROM callback"), 2);
    free(id);
    world_check(W);
}

/* It was processed once, then replayed and parked: a person must look, and see all of it. */
static void a_parked_callback_is_kept_whole(void **state) {
    json_decref(world_create(W, NULL, "order", 500));
    assert_int_equal(world_callback(W, 0), 200);
    (void)world_tick(W);
    (void)engine_exec(&W->engine, "UPDATE callback SET state = 5");
    days_pass(400);
    assert_int_equal(count("SELECT COUNT(*) FROM callback WHERE body <> ''"), 1);
}

static void the_story_and_the_books_are_kept_for_ever(void **state) {
    json_decref(world_create(W, "key", "order", 500));
    world_callbacks(W, 0);
    (void)world_tick(W);
    int64_t events = count("SELECT COUNT(*) FROM event");
    int64_t postings = count("SELECT COUNT(*) FROM posting");
    int64_t audits = count("SELECT COUNT(*) FROM audit_entry");
    days_pass(INT64_C(10) * 365);
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM attempt"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM callback"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM event"), events);
    assert_int_equal(count("SELECT COUNT(*) FROM posting"), postings);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry"), audits);
    world_check(W);
}

static void days_are_those_of_the_configuration(void **state) {
    listen_to_all();
    pay("order");
    (void)world_tick(W);
    W->payments->options.retention.webhook_days = 400;
    days_pass(399);
    assert_int_equal(count("SELECT COUNT(*) FROM webhook_delivery"), 1);
    W->payments->options.retention.webhook_days = 3;
    (void)world_tick(W);
    assert_int_equal(count("SELECT COUNT(*) FROM webhook_delivery"), 0);
    /* More days than there can be are as many as there can be. */
    json_decref(world_create(W, "key", "another", 500));
    W->payments->options.retention.idempotency_days = 160 * 1000 * 1000; /* overflows in µs */
    days_pass(400);
    assert_int_equal(count("SELECT COUNT(*) FROM idempotency"), 1);
}

/* More than a round's worth: nobody waits while all of it goes at once. */
static void a_round_prunes_no_more_than_its_batches(void **state) {
    (void)engine_exec(
        &W->engine,
        "INSERT INTO idempotency (scope, key, request_hash, operation, resource_id, state, owner, "
        "lease_us, status, body, created_us) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT "
        "i + 1 FROM n WHERE i < 4100) SELECT 'scope', CAST(i AS text), '', '', '', 2, '', 0, 200, "
        "'{}', i FROM n");
    struct err err = {0};
    assert_int_equal(retention_round(W->payments, clock_wall_us(), &err),
                     RETENTION_BATCH * RETENTION_BATCHES_MAX);
    /* The oldest first. */
    assert_int_equal(count("SELECT MIN(created_us) FROM idempotency"),
                     RETENTION_BATCH * RETENTION_BATCHES_MAX + 1);
    assert_int_equal(retention_round(W->payments, clock_wall_us(), &err), 100);
    assert_int_equal(count("SELECT COUNT(*) FROM idempotency"), 0);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_still_runs_is_kept_at_any_age),
        cmocka_unit_test(a_delivered_webhook_is_kept_for_thirty_days),
        cmocka_unit_test(a_parked_webhook_goes_with_its_job),
        cmocka_unit_test(a_webhook_that_is_still_tried_on_is_kept),
        cmocka_unit_test(a_callback_loses_its_body_after_ninety_days_and_is_still_known),
        cmocka_unit_test(a_callback_without_its_body_can_be_replayed),
        cmocka_unit_test(a_parked_callback_is_kept_whole),
        cmocka_unit_test(the_story_and_the_books_are_kept_for_ever),
        cmocka_unit_test(days_are_those_of_the_configuration),
        cmocka_unit_test(a_round_prunes_no_more_than_its_batches),
    };
    return payment_world_run("retention", tests, COUNT_OF(tests));
}
