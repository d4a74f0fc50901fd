/* SPDX-License-Identifier: Apache-2.0
 * test_repair_reverse.c: what a rule has done, taken back by people: each action, each answer of
 * the gateway, a second person above the limit, once whatever fails on the way; on both engines. */
#include <stdatomic.h>

#include "repair_fixture.h"
#include "support/sample.h"

/* ---- people ---- */

/* ann and bob, each with a key. */
static void people(void) {
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

static struct caller as(const char *actor, const char *key) {
    return (struct caller){
        .actor = actor, .scope = actor, .key = key, .request_hash = "h", .request_id = "req_1"};
}

enum step { REVERSE, APPROVE, REJECT };

static int decide(enum step step, const char *actor, const char *key, int *ret_status) {
    struct caller caller = as(actor, key);
    ANSWER_AUTO answer = {0};
    char *id = repair_said("id");
    err = (struct err){0};
    int r = step == REVERSE
                ? repair_reverse(recon, &caller, id, "it was never charged", &answer, &err)
                : repair_reverse_decide(recon, &caller, id, step == APPROVE, "looked", &answer,
                                        &err);
    *ret_status = r < 0 ? 0 : answer.status;
    free(id);
    return r;
}

static int reverse(void) {
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
static char *completed(void) {
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    row_of(&there, 500)->fee_minor = 45;
    reconcile();
    assert_repair("paid", REPAIR_IS_DONE);
    assert_payment(W, payment, "succeeded");
    assert_int_equal(count(OPEN_BREAKS), 0);
    return payment;
}

static void never_charged(void) {
    fake_payment_becomes(FAKE, 0, "order", "requires_payment_method");
}

static void assert_taken_back(const char *payment) {
    assert_repair("paid", REPAIR_IS_REVERSED);
    assert_payment(W, payment, "failed");
    assert_int_equal(count("SELECT captured_minor FROM payment"), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM posting WHERE kind = 60"), 1);
    assert_int_equal(count(SALES), 0);
    assert_int_equal(count(RECEIVABLE), 0);
    assert_int_equal(world_events(W, "payment.taken_back"), 1);
}

static void a_completed_payment_that_the_gateway_never_charged_is_taken_back(void **state) {
    (void)state;
    up();
    people();
    char *payment = completed();
    never_charged();
    must(reverse());
    assert_taken_back(payment);
    assert_int_equal(count("SELECT state FROM recon_break"), BREAK_OPEN);
    assert_int_equal(count(LIVE_TICKETS), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry WHERE action = 'repair.reverse' AND "
                           "actor = 'user:usr_a'"),
                     1);
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE holds_order = 1"), 0);
    assert_counted();
    world_verify(W);
    /* The statement says still that it was paid: the same break, and no rule takes it again. */
    for (int i = 0; i < 3; i++) {
        ask_run("stripe-a");
        world_pass(W, DAY_US);
    }
    assert_int_equal(count(OPEN_BREAKS), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM recon_break"), 1);
    assert_int_equal(count("SELECT class FROM recon_break"), CLASS_PAID_THERE);
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 1);
    assert_int_equal(count(RECEIVABLE), 0);
    world_verify(W);
    free(payment);
    down();
}

static void it_is_reversed_once_whoever_asks_how_often(void **state) {
    (void)state;
    up();
    people();
    int status;
    char *payment = completed();
    never_charged();
    must(decide(REVERSE, "user:usr_a", "key-1", &status));
    must(decide(REVERSE, "user:usr_a", "key-1", &status)); /* the same request again */
    assert_int_equal(status, 200);
    assert_int_equal(decide(REVERSE, "user:usr_b", NULL, &status), -ERR_STATE);
    assert_non_null(strstr(err.hint, "user:usr_a has reversed it"));
    assert_taken_back(payment);
    free(payment);
    down();
}

static void money_that_the_gateway_holds_is_not_taken_back(void **state) {
    (void)state;
    up();
    people();
    char *payment = completed();
    assert_int_equal(reverse(), -ERR_STATE);
    assert_non_null(strstr(err.detail, "the money is there"));
    assert_non_null(strstr(err.hint, "payment refund pay_"));
    assert_repair("paid", REPAIR_IS_DONE);
    assert_payment(W, payment, "succeeded");
    assert_int_equal(count("SELECT COUNT(*) FROM posting WHERE kind IN (60, 61)"), 0);
    free(payment);
    down();
}

static void while_the_gateway_is_silent_or_unsure_nothing_is_taken_back(void **state) {
    (void)state;
    up();
    people();
    char *payment = completed();
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    assert_int_equal(reverse(), -ERR_GATEWAY);
    fake_say_nothing(FAKE);
    fake_say(FAKE, 0, "*", -1, FAKE_RATE_LIMIT);
    assert_int_equal(reverse(), -ERR_GATEWAY);
    fake_say_nothing(FAKE);
    fake_payment_becomes(FAKE, 0, "order", "processing");
    assert_int_equal(reverse(), -ERR_GATEWAY);
    assert_payment(W, payment, "succeeded");
    assert_repair("paid", REPAIR_IS_DONE);
    never_charged();
    must(reverse());
    assert_taken_back(payment);
    free(payment);
    down();
}

/* A request of minutes ago may still arrive there; one of an hour ago may not. */
static void what_the_gateway_does_not_know_is_believed_only_when_it_is_old(void **state) {
    (void)state;
    up();
    people();
    char *payment = completed();
    fake_say(FAKE, 0, "query", -1, FAKE_NOT_FOUND);
    assert_int_equal(reverse(), -ERR_GATEWAY);
    assert_payment(W, payment, "succeeded");
    world_pass(W, 3600 * US_PER_SECOND);
    must(reverse());
    assert_taken_back(payment);
    free(payment);
    down();
}

static void what_was_refunded_since_is_not_taken_back(void **state) {
    (void)state;
    up();
    people();
    char *payment = completed();
    json_decref(world_refund(W, NULL, payment, 200));
    never_charged();
    assert_int_equal(reverse(), -ERR_STATE);
    assert_non_null(strstr(err.detail, "refunded"));
    assert_payment(W, payment, "succeeded");
    assert_repair("paid", REPAIR_IS_DONE);
    world_verify(W);
    free(payment);
    down();
}

static void what_a_difference_was_written_off_of_is_not_taken_back_before_that_is(void **state) {
    (void)state;
    up();
    people();
    char *payment = completed();
    never_charged();
    (void)engine_exec(&W->engine,
                      "INSERT INTO recon_write_off (posting_id, break_id, movement_id, part, "
                      "signed_minor) SELECT 'pst_x', 'brk_x', id, 1, -3 FROM movement WHERE side = "
                      "1 AND id LIKE 'pst_suspense%'");
    assert_int_equal(reverse(), -ERR_STATE);
    assert_non_null(strstr(err.hint, "holdfast break reopen brk_x"));
    assert_payment(W, payment, "succeeded");
    assert_int_equal(count("SELECT COUNT(*) FROM posting WHERE kind = 60"), 0);
    (void)engine_exec(&W->engine, "DELETE FROM recon_write_off");
    must(reverse());
    assert_taken_back(payment);
    free(payment);
    down();
}

/* The order may be paid anew; and when the gateway changes its word once more, the money is not
 * lost: it lies in suspense with a case, for a person. */
static void what_the_gateway_tells_after_it_was_taken_back_is_late_money(void **state) {
    (void)state;
    up();
    people();
    char *payment = completed();
    never_charged();
    must(reverse());
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    struct caller caller = as("user:usr_a", NULL);
    ANSWER_AUTO answer = {0};
    must(payment_check(W->payments, &caller, payment, &answer, &err));
    assert_payment(W, payment, "failed");
    assert_int_equal(count("SELECT COUNT(*) FROM review_case WHERE kind = 'late_success' AND state "
                           "= 1 AND posted = 10"),
                     1);
    assert_int_equal(count(RECEIVABLE), 500);
    assert_int_equal(count(SALES), 0);
    ask_run("stripe-a");
    world_pass(W, 60 * US_PER_SECOND);
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 1);
    assert_int_equal(count(OPEN_BREAKS), 0); /* both sides have it now */
    world_verify(W);
    free(payment);
    down();
}

/* An attempt that was open, settled by the answer to a rule's question: a replayed callback moves
 * nothing by itself, and what is taken back is the charge. */
static void a_payment_that_a_replayed_callback_was_about_is_taken_back(void **state) {
    (void)state;
    up();
    people();
    fake_say(FAKE, 0, "charge", 1, FAKE_ACTION);
    json_t *json = world_create(W, NULL, "order", 500);
    char *payment = strdup(json_at(json, "id"));
    json_decref(json);
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    assert_int_equal(world_callback(W, fake_event_count(FAKE) - 1), 200);
    (void)engine_exec(&W->engine, "UPDATE callback SET state = 5");
    (void)engine_exec(&W->engine, "DELETE FROM job");
    struct there there = there_is(0, 0);
    row_of(&there, 500)->fee_minor = 10; /* as the answer tells */
    reconcile();
    assert_repair("callback", REPAIR_IS_DONE);
    assert_int_equal(count("SELECT COUNT(*) FROM posting WHERE kind = 1"), 1);
    never_charged();
    must(reverse());
    assert_repair("callback", REPAIR_IS_REVERSED);
    assert_payment(W, payment, "failed");
    assert_int_equal(count(SALES), 0);
    assert_int_equal(count(RECEIVABLE), 0);
    world_verify(W);
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    struct caller caller = as("user:usr_a", NULL);
    ANSWER_AUTO answer = {0};
    must(payment_check(W->payments, &caller, payment, &answer, &err));
    assert_int_equal(count(RECEIVABLE), 500); /* in suspense, with a case */
    ask_run("stripe-a");
    world_pass(W, 60 * US_PER_SECOND);
    assert_int_equal(count(OPEN_BREAKS), 0);
    world_verify(W);
    free(payment);
    down();
}

/* ---- two people ---- */

static void above_the_limit_another_person_agrees_and_the_gateway_is_asked_again(void **state) {
    (void)state;
    alone_minor = 499;
    up();
    people();
    int status;
    char *payment = completed();
    never_charged();
    assert_int_equal(decide(APPROVE, "user:usr_b", NULL, &status), -ERR_STATE);
    must(decide(REVERSE, "user:usr_a", NULL, &status));
    assert_int_equal(status, 202);
    assert_payment(W, payment, "succeeded");
    assert_int_equal(decide(REVERSE, "user:usr_b", NULL, &status), -ERR_STATE);
    assert_int_equal(decide(APPROVE, "user:usr_a", NULL, &status), -ERR_FORBIDDEN);
    assert_int_equal(decide(APPROVE, "key:key_a", NULL, &status), -ERR_FORBIDDEN); /* hers, too */
    assert_payment(W, payment, "succeeded");
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    assert_int_equal(decide(APPROVE, "user:usr_b", NULL, &status), -ERR_STATE);
    assert_payment(W, payment, "succeeded");
    never_charged();
    must(decide(APPROVE, "user:usr_b", NULL, &status));
    assert_int_equal(status, 200);
    assert_taken_back(payment);
    assert_int_equal(count("SELECT COUNT(*) FROM approval WHERE kind = 4 AND state = 2"), 1);
    free(payment);
    down();
    alone_minor = ALONE_USUAL;
}

static void a_reversal_that_was_rejected_leaves_all_as_it_was(void **state) {
    (void)state;
    alone_minor = 0;
    up();
    people();
    int status;
    char *payment = completed();
    never_charged();
    must(decide(REVERSE, "user:usr_a", NULL, &status));
    must(decide(REJECT, "user:usr_b", NULL, &status));
    assert_repair("paid", REPAIR_IS_DONE);
    assert_payment(W, payment, "succeeded");
    assert_int_equal(decide(APPROVE, "user:usr_b", NULL, &status), -ERR_STATE);
    must(decide(REVERSE, "user:usr_a", NULL, &status)); /* it may be asked for again */
    assert_int_equal(status, 202);
    free(payment);
    down();
    alone_minor = ALONE_USUAL;
}

/* ---- money that was sent ---- */

static void a_return_cannot_be_called_back_and_says_what_is_done_instead(void **state) {
    (void)state;
    up();
    people();
    char *payment = charged_twice("order");
    struct there one = there_is(0, 0), other = there_is(0, 1);
    row_of(&one, 500);
    row_of(&other, 500);
    reconcile();
    assert_repair("twice", REPAIR_IS_DONE);
    assert_int_equal(reverse(), -ERR_STATE);
    assert_non_null(strstr(err.hint, "cannot be called back"));
    assert_non_null(strstr(err.hint, "pay again"));
    assert_repair("twice", REPAIR_IS_DONE);
    assert_int_equal(returned(0), 500);
    free(payment);
    down();
}

static void what_was_refused_has_moved_nothing_that_could_be_reversed(void **state) {
    (void)state;
    up();
    people();
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    never_charged();
    row_of(&there, 500);
    reconcile();
    assert_repair("paid", REPAIR_IS_REFUSED);
    assert_int_equal(reverse(), -ERR_STATE);
    assert_non_null(strstr(err.detail, "nothing to reverse"));
    free(payment);
    down();
}

/* ---- whatever fails on the way ---- */

struct store_fault {
    atomic_int seen;
    int first;
    bool for_good; /* from a commit on nothing works */
};

static int fail_store(void *ctx, const char *sql) {
    struct store_fault *fault = ctx;
    bool counts = !fault->for_good || strcmp(sql, "COMMIT") == 0 || strcmp(sql, "COMMITTED") == 0;
    int number = counts ? atomic_fetch_add(&fault->seen, 1) + 1 : atomic_load(&fault->seen);
    return fault->first > 0 && (fault->for_good ? number >= fault->first : number == fault->first);
}

/* How many places there are where it may fail. */
static int fail_at(int first, bool for_good) {
    struct store_fault fault = {.first = first, .for_good = for_good};
    payment_world_forget(W);
    up();
    people();
    char *payment = completed();
    never_charged();
    char *id = repair_said("id");
    struct caller caller = as("user:usr_a", NULL);
    ANSWER_AUTO answer = {0};
    store_fault_set(W->engine.store, fail_store, &fault);
    int r = repair_reverse(recon, &caller, id, "it was never charged", &answer, &err);
    store_fault_set(W->engine.store, NULL, NULL);
    free(id);
    if (for_good) {
        payment_world_restart(W);
        up_again();
    }
    int64_t state = count("SELECT state FROM repair");
    assert_true(r < 0 || state == REPAIR_IS_REVERSED);
    assert_int_equal(count("SELECT COUNT(*) FROM posting WHERE kind = 60"),
                     state == REPAIR_IS_REVERSED);
    if (state != REPAIR_IS_REVERSED) {
        must(reverse());
    }
    assert_taken_back(payment);
    world_verify(W);
    free(payment);
    down();
    return atomic_load(&fault.seen);
}

static void whatever_store_call_fails_it_is_taken_back_once(void **state) {
    (void)state;
    int calls = fail_at(0, false);
    assert_true(calls > 30);
    for (int k = 1; k <= calls; k++) {
        if (sampled(k, 3)) {
            (void)fail_at(k, false);
        }
    }
}

static void wherever_the_process_dies_it_is_taken_back_once(void **state) {
    (void)state;
    int commits = fail_at(0, true);
    assert_true(commits >= 2);
    for (int k = 1; k <= commits; k++) {
        (void)fail_at(k, true);
    }
}

static void whatever_the_gateway_call_does_nothing_is_taken_back_unsaid(void **state) {
    (void)state;
    for (int act = FAKE_REFUSE; act < FAKE_ACT_FAULTS; act++) {
        payment_world_forget(W);
        up();
        people();
        char *payment = completed(); /* and it is charged */
        fake_say(FAKE, 0, "*", -1, (enum fake_act)act);
        assert_true(reverse() < 0);
        fake_say_nothing(FAKE);
        assert_payment(W, payment, "succeeded");
        assert_repair("paid", REPAIR_IS_DONE);
        assert_int_equal(count("SELECT COUNT(*) FROM posting WHERE kind = 60"), 0);
        free(payment);
        down();
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_completed_payment_that_the_gateway_never_charged_is_taken_back),
        cmocka_unit_test(it_is_reversed_once_whoever_asks_how_often),
        cmocka_unit_test(money_that_the_gateway_holds_is_not_taken_back),
        cmocka_unit_test(while_the_gateway_is_silent_or_unsure_nothing_is_taken_back),
        cmocka_unit_test(what_the_gateway_does_not_know_is_believed_only_when_it_is_old),
        cmocka_unit_test(what_was_refunded_since_is_not_taken_back),
        cmocka_unit_test(what_a_difference_was_written_off_of_is_not_taken_back_before_that_is),
        cmocka_unit_test(what_the_gateway_tells_after_it_was_taken_back_is_late_money),
        cmocka_unit_test(a_payment_that_a_replayed_callback_was_about_is_taken_back),
        cmocka_unit_test(above_the_limit_another_person_agrees_and_the_gateway_is_asked_again),
        cmocka_unit_test(a_reversal_that_was_rejected_leaves_all_as_it_was),
        cmocka_unit_test(a_return_cannot_be_called_back_and_says_what_is_done_instead),
        cmocka_unit_test(what_was_refused_has_moved_nothing_that_could_be_reversed),
        cmocka_unit_test(whatever_store_call_fails_it_is_taken_back_once),
        cmocka_unit_test(wherever_the_process_dies_it_is_taken_back_once),
        cmocka_unit_test(whatever_the_gateway_call_does_nothing_is_taken_back_unsaid),
    };
    return payment_world_run("repair_reverse", tests, COUNT_OF(tests));
}
