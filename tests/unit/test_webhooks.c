/* SPDX-License-Identifier: Apache-2.0
 * test_webhooks.c: the outbox and what is sent from it: exactly the events that were written,
 * signed, retried, parked, replayed; endpoints made, rotated, disabled and deleted (PAY-12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/standard_webhook.h"
#include "payment/machine.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
enum { WAITING = 1, DELIVERED = 2, PARKED = 3 };

static json_t *endpoint(const char *key, const char *url, const char *types) {
    struct caller caller = world_caller(key, "endpoint");
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = webhook_endpoint_create(W->payments, &caller, url, types, "mine", &answer, &W->err);
    return world_take(W, r, &answer);
}

/* An endpoint for all types; returns its secret (free()), and its id when asked. */
static char *listen_to(const char *types, char **ret_id) {
    json_t *json = endpoint(NULL, FAKE_MERCHANT_URL, types);
    assert_non_null(json);
    assert_int_equal(W->status, 201);
    char *secret = strdup(json_at(json, "secret"));
    if (ret_id != NULL) {
        *ret_id = strdup(json_at(json, "id"));
    }
    json_decref(json);
    return secret;
}

static json_t *update(const char *id, const char *url, const char *types, int enabled) {
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    int r = webhook_endpoint_update(W->payments, &caller, id, url, types, enabled, &answer,
                                    &W->err);
    return world_take(W, r, &answer);
}

static json_t *replay(const char *delivery_id) {
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    return world_take(
        W, webhook_delivery_replay(W->payments, &caller, delivery_id, &answer, &W->err), &answer);
}

static void pay(const char *order_id) {
    char *id = world_paid(W, order_id, 500);
    free(id);
    /* No callback of these is awaited: a missing one would be an event of its own. */
    (void)engine_exec(&W->engine, "UPDATE attempt SET callback_due_us = 0");
}

static bool verifies(const struct fake_delivery *delivery, const char *secret, const char *body) {
    struct secret *key = NULL;
    struct err err = {0};
    assert_int_equal(standard_webhook_secret_read(secret, &key, &err), 0);
    const struct http_header headers[] = {{"webhook-id", delivery->id},
                                          {"webhook-timestamp", delivery->timestamp},
                                          {"webhook-signature", delivery->signature}};
    const struct secret *keys[] = {key};
    int r = standard_webhook_verify(keys, 1, headers, COUNT_OF(headers), body, strlen(body),
                                    clock_wall_us() / US_PER_SECOND, &err);
    secret_free(key);
    return r == 0;
}

static int64_t deliveries(int state) {
    switch (state) {
    case WAITING:
        return world_int(W, "SELECT COUNT(*) FROM webhook_delivery WHERE state = 1");
    case DELIVERED:
        return world_int(W, "SELECT COUNT(*) FROM webhook_delivery WHERE state = 2");
    default:
        return world_int(W, "SELECT COUNT(*) FROM webhook_delivery WHERE state = 3");
    }
}

/* ---- the outbox ---- */

static int each_event_fn(struct store_tx *tx, void *ctx, struct err *err) {
    int *missing = ctx;
    SQL_ROWS_AUTO rows = NULL;
    *missing = 0;
    int r = sql_query(tx, err, &rows, "SELECT id FROM event");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int times = 0;
        for (int i = 0; i < fake_delivery_count(FAKE); i++) {
            times += strcmp(fake_delivery(FAKE, i).id, sql_text(rows, 0)) == 0;
        }
        *missing += times != 1;
    }
    return r;
}

static void exactly_the_events_that_were_written_are_delivered_once(void **state) {
    free(listen_to("*", NULL));
    char *id = world_authorized(W, "order-1", 500);
    json_decref(world_capture(W, NULL, id, 200, false));
    json_decref(world_capture(W, NULL, id, 200, true));
    json_decref(world_refund(W, NULL, id, 100));
    free(id);
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
    json_decref(world_create(W, NULL, "order-2", 500));
    for (int i = 0; i < 3; i++) {
        (void)world_tick(W);
    }
    int missing = -1;
    assert_int_equal(store_read(W->engine.store, each_event_fn, &missing, &W->err), 0);
    assert_int_equal(missing, 0);
    assert_int_equal(fake_delivery_count(FAKE), world_int(W, "SELECT COUNT(*) FROM event"));
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event"), 5);
    assert_int_equal(deliveries(DELIVERED), 5);
    world_check(W);
}

static void a_body_holds_the_type_the_moment_and_the_payment_as_it_was(void **state) {
    free(listen_to("*", NULL));
    pay("order");
    (void)world_tick(W);
    struct fake_delivery delivery = fake_delivery(FAKE, 0);
    json_t *json = json_loads(delivery.body, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_at(json, "id"), delivery.id);
    assert_string_equal(json_at(json, "type"), "payment.succeeded");
    int64_t at_us = 0;
    assert_true(clock_parse(json_at(json, "timestamp"), &at_us));
    assert_string_equal(json_at(json, "data.order_id"), "order");
    assert_string_equal(json_at(json, "data.state"), "succeeded");
    json_decref(json);
}

static void what_was_rolled_back_is_not_told(void **state) {
    free(listen_to("*", NULL));
    pay("order");
    assert_null(world_create(W, NULL, "order", 500));
    (void)world_tick(W);
    assert_int_equal(fake_delivery_count(FAKE), 1);
}

static void an_endpoint_hears_only_the_types_it_asked_for(void **state) {
    free(listen_to("refund.succeeded,payment.failed", NULL));
    free(listen_to("*", NULL));
    char *id = world_paid(W, "order", 500);
    json_decref(world_refund(W, NULL, id, 100));
    free(id);
    (void)world_tick(W);
    assert_int_equal(fake_delivery_count(FAKE), 3);
    int refunds = 0;
    for (int i = 0; i < 3; i++) {
        refunds += strstr(fake_delivery(FAKE, i).body, "\"type\":\"refund.succeeded\"") != NULL;
    }
    assert_int_equal(refunds, 2);
}

static void every_type_that_is_told_can_be_listened_to(void **state) {
    static const char *const types[] = {
#define X(from, event, to, tells) tells,
#include "payment/payment_moves.def"
#undef X
        "payment.review",   "refund.pending", "refund.processing",
        "refund.succeeded", "refund.failed",
    };
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (types[i][0] != '\0') {
            json_t *json = endpoint(NULL, FAKE_MERCHANT_URL, types[i]);
            if (json == NULL) {
                fail_msg("%s: %s", types[i], W->err.detail);
            }
            json_decref(json);
        }
    }
}

/* ---- signatures ---- */

static void a_delivery_is_signed_with_the_endpoints_secret(void **state) {
    char *secret = listen_to("*", NULL);
    pay("order");
    (void)world_tick(W);
    struct fake_delivery delivery = fake_delivery(FAKE, 0);
    assert_true(verifies(&delivery, secret, delivery.body));
    char *altered = strdup(delivery.body);
    altered[strlen(altered) / 2] ^= 1;
    assert_false(verifies(&delivery, secret, altered));
    free(altered);
    char *other = listen_to("*", NULL);
    assert_false(verifies(&delivery, other, delivery.body));
    free(other);
    free(secret);
}

static void a_secret_is_told_once_and_kept_sealed(void **state) {
    json_t *json = endpoint("key", FAKE_MERCHANT_URL, "*");
    char *secret = strdup(json_at(json, "secret"));
    json_decref(json);
    json = endpoint("key", FAKE_MERCHANT_URL, "*");
    assert_true(W->replayed);
    assert_null(json_object_get(json, "secret"));
    json_decref(json);
    struct answer answer = {0};
    assert_int_equal(webhook_endpoint_list(W->payments, &answer, &W->err), 0);
    assert_null(strstr(answer.json, secret));
    assert_null(strstr(answer.json, "\"secret\""));
    answer_release(&answer);
    char *stored = world_text(W, "SELECT sealed_secret FROM webhook_endpoint");
    assert_null(strstr(stored, secret + strlen("whsec_")));
    free(stored);
    char *kept = world_text(W, "SELECT body FROM idempotency");
    assert_null(strstr(kept, secret + strlen("whsec_")));
    free(kept);
    free(secret);
}

static char *rotate(const char *id, int64_t overlap_s) {
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    int r = webhook_endpoint_rotate(W->payments, &caller, id, overlap_s * US_PER_SECOND, &answer,
                                    &W->err);
    json_t *json = world_take(W, r, &answer);
    if (json == NULL) {
        return NULL;
    }
    char *secret = strdup(json_at(json, "secret"));
    json_decref(json);
    return secret;
}

static void both_secrets_sign_while_one_is_rotated(void **state) {
    char *id = NULL;
    char *old = listen_to("*", &id);
    char *fresh = rotate(id, 3600);
    assert_string_not_equal(old, fresh);
    pay("order-1");
    (void)world_tick(W);
    struct fake_delivery delivery = fake_delivery(FAKE, 0);
    assert_true(verifies(&delivery, old, delivery.body));
    assert_true(verifies(&delivery, fresh, delivery.body));
    test_clock_advance(3601 * US_PER_SECOND);
    pay("order-2");
    (void)world_tick(W);
    delivery = fake_delivery(FAKE, 1);
    assert_false(verifies(&delivery, old, delivery.body));
    assert_true(verifies(&delivery, fresh, delivery.body));
    assert_null(rotate(id, -1));
    assert_int_equal(W->result, -ERR_VALIDATION);
    assert_null(rotate(id, INT64_C(8) * 24 * 3600));
    assert_null(rotate("ep_00000000000000000000000000", 0));
    assert_int_equal(W->result, -ERR_NOT_FOUND);
    free(old);
    free(fresh);
    free(id);
}

/* ---- trying again ---- */

static void a_failed_delivery_is_retried_under_the_same_id(void **state) {
    static const int answers[] = {500, 302, 404, 0};
    char *secret = listen_to("*", NULL);
    pay("order");
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        fake_merchant_answers(FAKE, answers[i]);
        (void)world_tick(W);
        assert_int_equal(deliveries(WAITING), 1);
        assert_int_equal(world_int(W, "SELECT tries FROM webhook_delivery"), (int)i + 1);
        assert_int_equal(world_int(W, "SELECT last_status FROM webhook_delivery"), answers[i]);
        world_check(W);
        test_clock_advance(9000 * US_PER_SECOND);
    }
    fake_merchant_answers(FAKE, 204);
    (void)world_tick(W);
    assert_int_equal(deliveries(DELIVERED), 1);
    assert_int_equal(fake_delivery_count(FAKE), 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(fake_delivery(FAKE, i).id, fake_delivery(FAKE, 0).id);
        assert_string_equal(fake_delivery(FAKE, i).body, fake_delivery(FAKE, 0).body);
    }
    /* Signed anew each time, so that the last one is not stale. */
    struct fake_delivery last = fake_delivery(FAKE, 3);
    assert_true(verifies(&last, secret, last.body));
    free(secret);
    for (int i = 0; i < 3; i++) {
        test_clock_advance(100000 * US_PER_SECOND);
        (void)world_tick(W);
    }
    assert_int_equal(fake_delivery_count(FAKE), 4);
}

/* While one try is on its way, another run (its lease had ended) delivers. */
static void another_run_delivers(void *ctx) {
    (void)ctx;
    (void)engine_exec(&W->engine, "UPDATE webhook_delivery SET state = 2");
}

static void a_try_that_fails_late_takes_nothing_back(void **state) {
    free(listen_to("*", NULL));
    pay("order");
    fake_merchant_answers(FAKE, 500);
    fake_merchant_hook(FAKE, another_run_delivers, NULL);
    (void)world_tick(W);
    fake_merchant_hook(FAKE, NULL, NULL);
    assert_int_equal(fake_delivery_count(FAKE), 1);
    assert_int_equal(deliveries(WAITING), 0);
    assert_int_equal(deliveries(DELIVERED), 1);
}

static void a_delivery_that_never_succeeds_is_parked_and_can_be_replayed(void **state) {
    free(listen_to("*", NULL));
    pay("order");
    fake_merchant_answers(FAKE, 500);
    for (int i = 0; i < 30 && deliveries(PARKED) == 0; i++) {
        (void)world_tick(W);
        test_clock_advance(INT64_C(26) * 3600 * US_PER_SECOND);
    }
    assert_int_equal(deliveries(PARKED), 1);
    assert_int_equal(fake_delivery_count(FAKE), 10);
    struct answer answer = {0};
    int r = webhook_delivery_list(W->payments, NULL, "parked", 5, &answer, &W->err);
    json_t *json = world_take(W, r, &answer);
    assert_string_equal(json_at(json, "data.0.last_error"), "the endpoint answered 500");
    fake_merchant_answers(FAKE, 200);
    json_decref(replay(json_at(json, "data.0.id")));
    assert_int_equal(W->status, 202);
    (void)world_tick(W);
    assert_int_equal(deliveries(DELIVERED), 1);
    /* Also one that was delivered, if the merchant lost it. */
    json_decref(replay(json_at(json, "data.0.id")));
    (void)world_tick(W);
    assert_int_equal(fake_delivery_count(FAKE), 12);
    json_decref(json);
    assert_null(replay("dlv_nothing"));
    assert_int_equal(W->result, -ERR_NOT_FOUND);
    assert_null(world_take(W, webhook_delivery_list(W->payments, NULL, "lost", 5, &answer, &W->err),
                           &answer));
    assert_int_equal(W->result, -ERR_VALIDATION);
    world_check(W);
}

static void gone_disables_the_endpoint(void **state) {
    char *id = NULL;
    free(listen_to("*", &id));
    fake_merchant_answers(FAKE, 410);
    pay("order-1");
    (void)world_tick(W);
    assert_int_equal(deliveries(PARKED), 1);
    assert_int_equal(world_int(W, "SELECT enabled FROM webhook_endpoint"), 0);
    pay("order-2");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM webhook_delivery"), 1);
    (void)world_tick(W);
    assert_int_equal(fake_delivery_count(FAKE), 1);
    fake_merchant_answers(FAKE, 200);
    json_decref(update(id, NULL, NULL, 1));
    pay("order-3");
    (void)world_tick(W);
    assert_int_equal(fake_delivery_count(FAKE), 2);
    free(id);
    world_check(W);
}

static void what_waits_for_a_disabled_endpoint_is_parked(void **state) {
    char *id = NULL;
    free(listen_to("*", &id));
    pay("order");
    json_decref(update(id, NULL, NULL, 0));
    (void)world_tick(W);
    assert_int_equal(fake_delivery_count(FAKE), 0);
    assert_int_equal(deliveries(PARKED), 1);
    free(id);
    world_check(W);
}

static void what_waits_for_a_deleted_endpoint_is_parked(void **state) {
    char *id = NULL;
    free(listen_to("*", &id));
    pay("order");
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    int r = webhook_endpoint_delete(W->payments, &caller, id, &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    world_check(W);
    (void)world_tick(W);
    assert_int_equal(fake_delivery_count(FAKE), 0);
    world_check(W);
    r = webhook_endpoint_delete(W->payments, &caller, id, &answer, &W->err);
    assert_null(world_take(W, r, &answer));
    assert_int_equal(W->result, -ERR_NOT_FOUND);
    free(id);
}

static int fail_the_note(void *ctx, const char *sql) {
    (void)ctx;
    return strstr(sql, "UPDATE webhook_delivery SET state") != NULL;
}

/* At least once: a delivery that could not be noted is made again, with its id. */
static void a_delivery_that_could_not_be_noted_is_repeated(void **state) {
    free(listen_to("*", NULL));
    pay("order");
    store_fault_set(W->engine.store, fail_the_note, NULL);
    (void)world_tick(W);
    store_fault_set(W->engine.store, NULL, NULL);
    assert_int_equal(deliveries(WAITING), 1);
    world_settle_all(W);
    assert_int_equal(fake_delivery_count(FAKE), 2);
    assert_string_equal(fake_delivery(FAKE, 1).id, fake_delivery(FAKE, 0).id);
    assert_int_equal(deliveries(DELIVERED), 1);
}

/* ---- endpoints ---- */

static void only_safe_addresses_and_known_types_are_taken(void **state) {
    static const char *const urls[] = {"",
                                       "ftp://example.com/",
                                       "http://example.com/hook",
                                       "https://",
                                       "example.com",
                                       "http://127.0.0.1.example.com/",
                                       "http://localhost.example.com/",
                                       "http://127.0.0.1@example.com/",
                                       "http://localhost:secret@example.com/"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        json_t *json = endpoint(NULL, urls[i], "*");
        if (json != NULL) {
            fail_msg("\"%s\" was taken", urls[i]);
        }
        assert_int_equal(W->result, -ERR_VALIDATION);
        assert_string_equal(W->err.place, "/url");
    }
    static const char *const good_urls[] = {"https://example.com/hook", "http://127.0.0.1:8000/x",
                                            "http://localhost/x", "http://[::1]:9/x"};
    for (size_t i = 0; i < COUNT_OF(good_urls); i++) {
        json_t *json = endpoint(NULL, good_urls[i], "*");
        assert_non_null(json);
        json_decref(json);
    }
    static const char *const types[] = {"",
                                        "payment",
                                        "payment.succeeded,",
                                        ",",
                                        "payment.succeeded,*",
                                        "payment.succeeded payment.failed"};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        assert_null(endpoint(NULL, "https://example.com/", types[i]));
        assert_int_equal(W->result, -ERR_VALIDATION);
        assert_string_equal(W->err.place, "/types");
    }
}

static void an_update_changes_only_what_is_given(void **state) {
    char *id = NULL;
    free(listen_to("*", &id));
    json_decref(update(id, "https://example.com/new", NULL, -1));
    assert_text(W, "SELECT url FROM webhook_endpoint", "https://example.com/new");
    assert_text(W, "SELECT types FROM webhook_endpoint", "*");
    json_decref(update(id, NULL, "payment.failed", -1));
    assert_text(W, "SELECT url FROM webhook_endpoint", "https://example.com/new");
    assert_text(W, "SELECT types FROM webhook_endpoint", "payment.failed");
    assert_int_equal(world_int(W, "SELECT enabled FROM webhook_endpoint"), 1);
    assert_null(update("ep_00000000000000000000000000", NULL, NULL, 0));
    assert_int_equal(W->result, -ERR_NOT_FOUND);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action = 'webhook.update'"), 2);
    free(id);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_the_events_that_were_written_are_delivered_once),
        cmocka_unit_test(a_body_holds_the_type_the_moment_and_the_payment_as_it_was),
        cmocka_unit_test(what_was_rolled_back_is_not_told),
        cmocka_unit_test(an_endpoint_hears_only_the_types_it_asked_for),
        cmocka_unit_test(every_type_that_is_told_can_be_listened_to),
        cmocka_unit_test(a_delivery_is_signed_with_the_endpoints_secret),
        cmocka_unit_test(a_secret_is_told_once_and_kept_sealed),
        cmocka_unit_test(both_secrets_sign_while_one_is_rotated),
        cmocka_unit_test(a_failed_delivery_is_retried_under_the_same_id),
        cmocka_unit_test(a_try_that_fails_late_takes_nothing_back),
        cmocka_unit_test(a_delivery_that_never_succeeds_is_parked_and_can_be_replayed),
        cmocka_unit_test(gone_disables_the_endpoint),
        cmocka_unit_test(what_waits_for_a_disabled_endpoint_is_parked),
        cmocka_unit_test(what_waits_for_a_deleted_endpoint_is_parked),
        cmocka_unit_test(a_delivery_that_could_not_be_noted_is_repeated),
        cmocka_unit_test(only_safe_addresses_and_known_types_are_taken),
        cmocka_unit_test(an_update_changes_only_what_is_given),
    };
    return payment_world_run("webhooks", tests, COUNT_OF(tests));
}
