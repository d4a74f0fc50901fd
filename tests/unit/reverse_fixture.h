/* SPDX-License-Identifier: Apache-2.0
 * reverse_fixture.h: for tests of repairs that people take back: two people, what they may do, and
 * a payment that a rule completed. */
#ifndef HOLDFAST_TESTS_REVERSE_FIXTURE_H
#define HOLDFAST_TESTS_REVERSE_FIXTURE_H

#include "repair_fixture.h"

/* ---- people ---- */

/* ann and bob, each with a key. */
static inline void people(void) {
    (void)engine_exec(
        &W->engine,
        "INSERT INTO app_user (id, name, password_hash, role, enabled, failed_logins, "
        "locked_until_us, created_us) VALUES ('usr_a', 'ann', 'x', 4, 1, 0, 0, 1), ('usr_b', "
        "'bob', 'x', 4, 1, 0, 0, 1) ON CONFLICT DO NOTHING");
    (void)engine_exec(
        &W->engine,
        "INSERT INTO api_key (id, name, hash, role, scopes, created_by, created_us, expires_us, "
        "revoked_us, last_used_us, user_id) VALUES ('key_a', 'till', 'h1', 4, '', 'internal', 1, "
        "0, 0, 0, 'usr_a') ON CONFLICT DO NOTHING");
}

static inline struct caller as(const char *actor, const char *key) {
    return (struct caller){
        .actor = actor, .scope = actor, .key = key, .request_hash = "h", .request_id = "req_1"};
}

enum step { REVERSE, APPROVE, REJECT };

static inline int decide_of(const char *id, enum step step, const char *actor, const char *key,
                            int *ret_status) {
    struct caller caller = as(actor, key);
    ANSWER_AUTO answer = {0};
    err = (struct err){0};
    int r = step == REVERSE
                ? repair_reverse(recon, &caller, id, "it was never charged", &answer, &err)
                : repair_reverse_decide(recon, &caller, id, step == APPROVE, "looked", &answer,
                                        &err);
    *ret_status = r < 0 ? 0 : answer.status;
    return r;
}

/* About the newest repair. */
static inline int decide(enum step step, const char *actor, const char *key, int *ret_status) {
    char *id = repair_said("id");
    int r = decide_of(id, step, actor, key, ret_status);
    free(id);
    return r;
}

static inline int reverse(void) {
    int status;
    return decide(REVERSE, "user:usr_a", NULL, &status);
}

/* ---- a completed payment ---- */

#define SALES                                                                                      \
    "SELECT COALESCE(SUM(CASE WHEN credit_account = 'merchant:sales' THEN amount_minor WHEN "      \
    "debit_account = 'merchant:sales' THEN -amount_minor ELSE 0 END), 0) FROM posting"
#define RECEIVABLE                                                                                 \
    "SELECT COALESCE(SUM(CASE WHEN debit_account = 'gateway:stripe-a:receivable' THEN "            \
    "amount_minor WHEN credit_account = 'gateway:stripe-a:receivable' THEN -amount_minor ELSE 0 "  \
    "END), 0) FROM posting"

/* A rule completed it because the statement and the gateway said so. */
static inline char *completed(void) {
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    row_of(&there, 500)->fee_minor = 45;
    reconcile();
    assert_repair("paid", REPAIR_IS_DONE);
    assert_payment(W, payment, "succeeded");
    assert_int_equal(count(OPEN_BREAKS), 0);
    return payment;
}

static inline void never_charged(void) {
    fake_payment_becomes(FAKE, 0, "order", "requires_payment_method");
}

static inline void assert_taken_back(const char *payment) {
    assert_repair("paid", REPAIR_IS_REVERSED);
    assert_payment(W, payment, "failed");
    assert_int_equal(count("SELECT captured_minor FROM payment"), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM posting WHERE kind = 60"), 1);
    assert_int_equal(count(SALES), 0);
    assert_int_equal(count(RECEIVABLE), 0);
    assert_int_equal(world_events(W, "payment.taken_back"), 1);
}

#endif
