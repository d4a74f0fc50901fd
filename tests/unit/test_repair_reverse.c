/* SPDX-License-Identifier: Apache-2.0
 * test_repair_reverse.c: what a rule has done, taken back by people: each action, each answer of
 * the gateway, a second person above the limit; on both engines. What fails on the way:
 * test_repair_reverse_faults.c. */
#include "reverse_fixture.h"

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
    };
    return payment_world_run("repair_reverse", tests, COUNT_OF(tests));
}
