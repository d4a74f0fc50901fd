/* SPDX-License-Identifier: Apache-2.0
 * disputes_fixture.h: a payment that its customer takes back, and what is asked and judged about
 * the dispute. For the test_disputes*.c programs. */
#ifndef HOLDFAST_TESTS_DISPUTES_FIXTURE_H
#define HOLDFAST_TESTS_DISPUTES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "payment/disputes.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
#define HOUR_US (3600 * US_PER_SECOND)
#define ONE_ID "SELECT id FROM dispute"

static char *payment; /* of the test at hand */

static inline int forget(void **state) {
    (void)state;
    free(payment);
    payment = NULL;
    return 0;
}

static inline int64_t count(const char *sql) {
    return world_int(W, sql);
}

static inline int64_t events(const char *type) {
    return world_events(W, type);
}

static inline int64_t cases(const char *kind, int open) {
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM review_case WHERE kind = '%s' AND state = %d",
             kind, open ? 1 : 2);
    return count(sql);
}

static inline void hear(int from) {
    world_callbacks(W, from);
    (void)world_tick(W);
}

/* A paid order of 500, of which the bank takes back `amount`. */
static inline const char *disputed(int64_t amount, const char *status) {
    payment = world_paid(W, "order", 500);
    int from = fake_event_count(FAKE);
    const char *id = fake_dispute_open(FAKE, 0, "order", amount, status);
    hear(from);
    return id;
}

static inline void becomes(const char *id, const char *status) {
    assert_int_equal(world_callback(W, fake_dispute_becomes(FAKE, id, status)), 200);
    (void)world_tick(W);
}

static inline void assert_state(const char *state) {
    int64_t number = 0;
    assert_true(dispute_state_parse(state, &number));
    assert_int_equal(count("SELECT state FROM dispute"), number);
}

static inline void assert_money(int64_t disputed_minor, int64_t suspense_minor) {
    assert_int_equal(count("SELECT disputed_minor FROM payment"), disputed_minor);
    assert_int_equal(
        count("SELECT COALESCE(SUM(CASE WHEN debit_account LIKE '%suspense' THEN amount_minor "
              "WHEN credit_account LIKE '%suspense' THEN -amount_minor ELSE 0 END), 0) FROM "
              "posting"),
        suspense_minor);
}

/* ---- what people ask for ---- */

static inline json_t *record(const char *key, const char *reference, int64_t amount_minor) {
    struct caller caller = world_caller(key, "x");
    struct answer answer = {0};
    const struct chargeback chargeback = {
        .reference = reference, .reason = "Unauthorized transaction", .amount_minor = amount_minor};
    int r = dispute_record(W->payments, &caller, payment, &chargeback, &answer, &W->err);
    return world_take(W, r, &answer);
}

static inline json_t *attach(const char *key, const struct evidence *evidence) {
    struct caller caller = world_caller(key, "x");
    struct answer answer = {0};
    char *id = world_text(W, ONE_ID);
    int r = dispute_attach(W->payments, &caller, id, evidence, &answer, &W->err);
    free(id);
    return world_take(W, r, &answer);
}

static inline json_t *attach_text(const char *key, const char *kind, const char *text) {
    const struct evidence evidence = {kind, text, "", "", ""};
    return attach(key, &evidence);
}

static inline json_t *submit(const char *key) {
    struct caller caller = world_caller(key, "x");
    struct answer answer = {0};
    char *id = world_text(W, ONE_ID);
    int r = dispute_submit(W->payments, &caller, id, &answer, &W->err);
    free(id);
    return world_take(W, r, &answer);
}

static inline json_t *give_up(const char *key) {
    struct caller caller = world_caller(key, "x");
    struct answer answer = {0};
    char *id = world_text(W, ONE_ID);
    int r = dispute_accept(W->payments, &caller, id, "we did not send it", &answer, &W->err);
    free(id);
    return world_take(W, r, &answer);
}

static inline json_t *resolve(const char *key, const char *status) {
    struct caller caller = world_caller(key, "x");
    struct answer answer = {0};
    char *id = world_text(W, ONE_ID);
    int r = dispute_resolve(W->payments, &caller, id, status, "the bank's letter", &answer,
                            &W->err);
    free(id);
    return world_take(W, r, &answer);
}

#define TEST(name) cmocka_unit_test_teardown(name, forget)

#endif
