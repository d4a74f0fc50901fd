/* SPDX-License-Identifier: Apache-2.0
 * test_repair.c: repairs of breaks by rule: each action where its gateway confirms it, says
 * otherwise, is late or silent; caps, errors and the stop; what a person says; on both engines. */
#include "repair_fixture.h"

#include "recon/run_look.h"

/* ---- paid there, open here ---- */

static void what_was_paid_there_is_completed_when_the_gateway_confirms_it(void **state) {
    (void)state;
    up();
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    row_of(&there, 500);
    reconcile();
    assert_repair("paid", REPAIR_IS_DONE);
    assert_payment(W, payment, "succeeded");
    assert_int_equal(world_events(W, "payment.succeeded"), 1);
    assert_int_equal(count(OPEN_BREAKS), 0);
    assert_int_equal(count(LIVE_TICKETS), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry WHERE action = 'repair.done' AND "
                           "actor = 'rule:paid'"),
                     1);
    assert_counted();
    world_check(W);
    free(payment);
    down();
}

static void what_the_gateway_says_was_not_charged_is_refused_and_is_for_a_person(void **state) {
    (void)state;
    up();
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    fake_payment_becomes(FAKE, 0, "order", "requires_payment_method");
    row_of(&there, 500);
    reconcile();
    assert_repair("paid", REPAIR_IS_REFUSED);
    assert_payment(W, payment, "failed");
    assert_int_equal(count("SELECT COUNT(*) FROM posting"), 0);
    assert_int_equal(count(OPEN_BREAKS), 1);
    assert_int_equal(count(LIVE_TICKETS), 1);
    char *facts = world_text(W, "SELECT facts FROM ticket");
    assert_non_null(strstr(facts, "\"repair_state\":\"refused\""));
    assert_non_null(strstr(facts, payment));
    free(facts);
    assert_counted();
    free(payment);
    down();
}

static void what_the_gateway_says_waits_for_its_customer_is_not_waited_for(void **state) {
    (void)state;
    up();
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    fake_payment_becomes(FAKE, 0, "order", "requires_action");
    row_of(&there, 500);
    reconcile();
    assert_repair("paid", REPAIR_IS_REFUSED);
    assert_int_equal(count("SELECT COUNT(*) FROM posting"), 0);
    assert_int_equal(count(LIVE_TICKETS), 1);
    assert_counted();
    free(payment);
    down();
}

static void while_the_gateway_is_silent_nothing_is_done_and_it_is_asked_again(void **state) {
    (void)state;
    up();
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    row_of(&there, 500);
    reconcile();
    assert_repair("paid", REPAIR_IS_ASKED);
    for (int i = 0; i < 3; i++) {
        world_pass(W, 61 * US_PER_SECOND);
        assert_repair("paid", REPAIR_IS_ASKED);
        assert_payment(W, payment, "failed");
    }
    fake_say_nothing(FAKE);
    world_pass(W, 3601 * US_PER_SECOND);
    assert_repair("paid", REPAIR_IS_DONE);
    assert_payment(W, payment, "succeeded");
    world_check(W);
    free(payment);
    down();
}

static void a_gateway_that_never_answers_leaves_it_to_a_person(void **state) {
    (void)state;
    up();
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    row_of(&there, 500);
    reconcile();
    for (int i = 0; i < 14; i++) {
        world_pass(W, 3601 * US_PER_SECOND);
    }
    assert_repair("paid", REPAIR_IS_FAILED);
    assert_payment(W, payment, "failed");
    assert_int_equal(count(LIVE_TICKETS), 1);
    assert_counted();
    free(payment);
    down();
}

static void late_money_of_a_payment_that_was_called_off_is_for_a_person(void **state) {
    (void)state;
    up();
    char *payment = world_authorized(W, "order", 500);
    json_decref(world_cancel(W, NULL, payment));
    assert_payment(W, payment, "canceled");
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    struct there there = there_is(0, 0);
    row_of(&there, 500);
    reconcile();
    assert_repair("paid", REPAIR_IS_REFUSED);
    assert_payment(W, payment, "canceled");
    assert_int_equal(count("SELECT COUNT(*) FROM review_case WHERE state = 1 AND posted = 10"), 1);
    assert_int_equal(returned(0), 0);
    world_verify(W);
    free(payment);
    down();
}

/* The callback came, could not be processed, and was parked; its payment waits. */
static void a_callback_that_was_parked_is_processed_again(void **state) {
    (void)state;
    up();
    fake_say(FAKE, 0, "charge", 1, FAKE_ACTION);
    json_t *json = world_create(W, NULL, "order", 500);
    char *payment = strdup(json_at(json, "id"));
    json_decref(json);
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    assert_int_equal(world_callback(W, fake_event_count(FAKE) - 1), 200);
    (void)engine_exec(&W->engine, "UPDATE callback SET state = 5");
    (void)engine_exec(&W->engine, "DELETE FROM job");
    struct there there = there_is(0, 0);
    row_of(&there, 500);
    reconcile();
    assert_repair("callback", REPAIR_IS_DONE);
    assert_payment(W, payment, "succeeded");
    assert_int_equal(count("SELECT state FROM callback"), 2);
    assert_int_equal(world_events(W, "payment.succeeded"), 1);
    assert_int_equal(count(OPEN_BREAKS), 0);
    world_check(W);
    free(payment);
    down();
}

/* ---- charged twice ---- */

static void of_two_charges_the_second_is_returned_once(void **state) {
    (void)state;
    up();
    char *payment = charged_twice("order");
    struct there one = there_is(0, 0), other = there_is(0, 1);
    row_of(&one, 500);
    row_of(&other, 500);
    reconcile();
    assert_repair("twice", REPAIR_IS_DONE);
    assert_payment(W, payment, "succeeded");
    assert_int_equal(returned(0), 500);
    for (int i = 0; i < 3; i++) {
        ask_run("stripe-a");
        world_pass(W, DAY_US);
    }
    assert_int_equal(returned(0), 500);
    assert_int_equal(count("SELECT COUNT(*) FROM repair WHERE rule = 'twice'"), 1);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2) AND class = 19"),
                     0);
    world_verify(W);
    world_books_equal(W);
    free(payment);
    down();
}

/* The charge that went back stands on a statement once more. */
static void a_row_of_what_was_returned_already_is_for_a_person(void **state) {
    (void)state;
    up();
    char *payment = charged_twice("order");
    struct there one = there_is(0, 0), other = there_is(0, 1);
    row_of(&one, 500);
    row_of(&other, 500);
    reconcile();
    assert_repair("twice", REPAIR_IS_DONE);
    row_of(&other, 500);
    reconcile();
    assert_int_equal(count(OPEN_BREAKS), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 1);
    assert_int_equal(count(LIVE_TICKETS), 1);
    ANSWER_AUTO answer = {0};
    must(repair_dry_run(recon, "twice", NULL, &answer, &err));
    assert_non_null(strstr(answer.json, "the second charge was sent back already"));
    assert_int_equal(returned(0), 500);
    assert_counted();
    free(payment);
    down();
}

static void one_charge_told_twice_is_not_returned(void **state) {
    (void)state;
    up();
    char *payment = world_paid(W, "order", 500);
    struct there one = there_is(0, 0);
    row_of(&one, 500);
    row_of(&one, 500);
    reconcile();
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 0);
    assert_int_equal(count(LIVE_TICKETS), 1);
    assert_int_equal(returned(0), 0);
    free(payment);
    down();
}

static void a_second_charge_that_the_gateway_does_not_know_is_not_returned(void **state) {
    (void)state;
    up();
    char *payment = world_paid(W, "order", 500);
    struct there one = there_is(0, 0), other = one;
    snprintf(other.charge, sizeof other.charge, "ch_nobody");
    snprintf(other.intent, sizeof other.intent, "pi_nobody");
    row_of(&one, 500);
    row_of(&other, 500);
    reconcile();
    assert_repair("twice", REPAIR_IS_REFUSED);
    assert_int_equal(returned(0), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM review_case"), 0);
    world_check(W);
    free(payment);
    down();
}

/* Tried at one gateway, then paid at another; then the first took the money as well. */
static char *paid_at_two(void) {
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE_ELSEWHERE);
    char *payment = world_paid(W, "order", 500);
    fake_payment_becomes(FAKE, 0, "order", "succeeded");
    struct there there = there_is(0, 0);
    static struct there kept;
    kept = there;
    row_of(&kept, 500);
    return payment;
}

static void paid_at_two_gateways_the_one_that_paid_nothing_here_is_returned(void **state) {
    (void)state;
    up();
    char *payment = paid_at_two();
    reconcile();
    assert_int_equal(count("SELECT MIN(class) FROM recon_break"), CLASS_TWO_GATEWAYS);
    assert_repair("twice", REPAIR_IS_DONE);
    assert_payment(W, payment, "succeeded");
    assert_int_equal(returned(0), 500);
    assert_int_equal(returned(1), 0);
    world_verify(W);
    world_books_equal(W);
    free(payment);
    down();
}

static void what_the_other_gateway_does_not_confirm_is_not_returned(void **state) {
    (void)state;
    up();
    char *payment = paid_at_two();
    fake_say(FAKE, 1, "query", -1, FAKE_NOT_FOUND);
    reconcile();
    assert_repair("twice", REPAIR_IS_REFUSED);
    assert_int_equal(returned(0) + returned(1), 0);
    free(payment);
    down();
}

static void while_the_other_gateway_is_silent_nothing_is_returned(void **state) {
    (void)state;
    up();
    char *payment = paid_at_two();
    fake_say(FAKE, 1, "query", -1, FAKE_TIME_OUT_BEFORE);
    reconcile();
    world_pass(W, 61 * US_PER_SECOND);
    assert_repair("twice", REPAIR_IS_ASKED);
    assert_int_equal(returned(0) + returned(1), 0);
    fake_say_nothing(FAKE);
    world_pass(W, 3601 * US_PER_SECOND);
    assert_repair("twice", REPAIR_IS_DONE);
    assert_int_equal(returned(0), 500);
    assert_int_equal(returned(1), 0);
    free(payment);
    down();
}

/* ---- differences ---- */

/* Our fee is one less than what the gateway kept, and the statement says so. */
static char *fee_differs(void) {
    char *payment = world_paid(W, "order", 500);
    (void)engine_exec(&W->engine, "UPDATE posting SET amount_minor = amount_minor - 1 WHERE kind = "
                                  "5");
    static struct there there;
    there = there_is(0, 0);
    row_of(&there, 500)->fee_minor = count("SELECT amount_minor FROM posting WHERE kind = 5") + 1;
    return payment;
}

static void a_small_difference_that_the_gateway_confirms_is_written_off(void **state) {
    (void)state;
    up();
    char *payment = fee_differs();
    reconcile();
    assert_repair("small", REPAIR_IS_DONE);
    assert_int_equal(count("SELECT state FROM recon_break"), BREAK_WRITTEN_OFF);
    assert_int_equal(count("SELECT SUM(amount_minor) FROM posting WHERE kind IN (52, 53)"), 1);
    assert_int_equal(count("SELECT amount_minor FROM repair"), 1);
    free(payment);
    down();
}

static void a_difference_that_the_gateway_does_not_confirm_is_not_written_off(void **state) {
    (void)state;
    up();
    char *payment = world_paid(W, "order", 500);
    struct there there = there_is(0, 0);
    row_of(&there, 490);
    reconcile();
    assert_repair("small", REPAIR_IS_REFUSED);
    assert_int_equal(count("SELECT COUNT(*) FROM posting WHERE kind IN (13, 14, 52, 53)"), 0);
    assert_int_equal(count(OPEN_BREAKS), 1);
    assert_int_equal(count(LIVE_TICKETS), 1);
    free(payment);
    down();
}

static int reverse(const char *reason) {
    struct caller caller = world_caller(NULL, "");
    ANSWER_AUTO answer = {0};
    char *id = repair_said("id");
    int r = repair_reverse(recon, &caller, id, reason, &answer, &err);
    free(id);
    return r;
}

static void a_write_off_is_reversed_and_not_made_again(void **state) {
    (void)state;
    up();
    char *payment = fee_differs();
    reconcile();
    assert_repair("small", REPAIR_IS_DONE);
    assert_int_equal(reverse(""), -ERR_VALIDATION);
    must(reverse("it was the gateway's mistake"));
    assert_repair("small", REPAIR_IS_REVERSED);
    assert_int_equal(count("SELECT state FROM recon_break"), BREAK_OPEN);
    assert_int_equal(count("SELECT SUM(CASE WHEN debit_account = 'merchant:write_off' THEN "
                           "amount_minor WHEN credit_account = 'merchant:write_off' THEN "
                           "-amount_minor ELSE 0 END) FROM posting"),
                     0);
    assert_int_equal(count(LIVE_TICKETS), 1);
    assert_int_equal(reverse("once more"), -ERR_STATE);
    reconcile();
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 1);
    free(payment);
    down();
}

static void what_cannot_be_reversed_says_how_it_is_taken_back(void **state) {
    (void)state;
    up();
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    row_of(&there, 500);
    reconcile();
    assert_repair("paid", REPAIR_IS_DONE);
    assert_int_equal(reverse("a mistake"), -ERR_STATE);
    assert_non_null(strstr(err.hint, "payment refund pay_"));
    assert_payment(W, payment, "succeeded");
    free(payment);
    down();
}

/* ---- a refund ---- */

static char *refunded(void) {
    char *payment = world_paid(W, "order", 500);
    static struct there there;
    there = there_is(0, 0);
    row_of(&there, 500);
    json_t *json = world_refund(W, NULL, payment, 200);
    assert_non_null(json);
    json_decref(json);
    assert_int_equal(count("SELECT state FROM operation"), 4);
    return payment;
}

/* The end of its day has come, and the gateway's keys still live. */
static void its_time_is_over(void) {
    int64_t into = clock_wall_us() % DAY_US;
    test_clock_advance(DAY_US - into + US_PER_SECOND);
}

static void start_of_a_day(void) {
    int64_t into = clock_wall_us() % DAY_US;
    int64_t weekday = (clock_wall_us() / DAY_US + 3) % 7; /* Monday is 0 */
    test_clock_advance(DAY_US - into + (weekday >= 4 ? 7 - weekday - 1 : 0) * DAY_US +
                       3 * 3600 * US_PER_SECOND);
}

static void a_refund_that_never_arrived_is_sent_again_and_made_once(void **state) {
    (void)state;
    up();
    start_of_a_day();
    char *payment = refunded();
    its_time_is_over();
    fake_say(FAKE, 0, "query_refund", 1, FAKE_NOT_FOUND);
    int calls = fake_calls(FAKE, 0, "refund");
    reconcile();
    assert_repair("refund", REPAIR_IS_DONE);
    assert_int_equal(fake_calls(FAKE, 0, "refund"), calls + 1);
    assert_int_equal(returned(0), 200);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 200);
    world_check(W);
    free(payment);
    down();
}

/* It is there, and the gateway says that it knows nothing of it: sent again under its key it is the
 * same refund, and what the gateway answers then is what it said at first. */
static void a_refund_that_is_denied_wrongly_is_made_once_and_is_done_only_when_it_is_known(
    void **state) {
    (void)state;
    up();
    start_of_a_day();
    char *payment = refunded();
    fake_refund_becomes(FAKE, 0, "order", "failed"); /* since, and nobody was told */
    its_time_is_over();
    fake_say(FAKE, 0, "query_refund", 1, FAKE_NOT_FOUND);
    reconcile();
    assert_repair("refund", REPAIR_IS_DONE);
    assert_int_equal(returned(0), 0);
    assert_int_equal(count("SELECT state FROM operation"), 5);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 0);
    assert_int_equal(world_events(W, "refund.failed"), 1);
    free(payment);
    down();
}

/* It says "done" whenever it is sent, and "nothing" whenever it is asked. Its key is kept for long
 * yet when it is given up. */
static void a_refund_that_is_denied_for_ever_is_made_once_and_a_person_has_it(void **state) {
    (void)state;
    up();
    start_of_a_day();
    test_clock_advance(17 * 3600 * US_PER_SECOND);
    char *payment = refunded();
    its_time_is_over();
    fake_say(FAKE, 0, "query_refund", -1, FAKE_NOT_FOUND);
    reconcile();
    assert_repair("refund", REPAIR_IS_DOING);
    for (int i = 0; i < 20; i++) {
        world_pass(W, 1800 * US_PER_SECOND);
    }
    assert_repair("refund", REPAIR_IS_REFUSED);
    assert_int_equal(returned(0), 200);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 200);
    assert_int_equal(count("SELECT COUNT(*) FROM operation"), 1);
    assert_int_equal(count(LIVE_TICKETS), 1);
    assert_counted();
    world_check(W);
    free(payment);
    down();
}

static void a_refund_that_the_gateway_knows_is_not_sent_again(void **state) {
    (void)state;
    up();
    start_of_a_day();
    char *payment = refunded();
    its_time_is_over();
    int calls = fake_calls(FAKE, 0, "refund");
    reconcile();
    assert_repair("refund", REPAIR_IS_DONE);
    assert_int_equal(fake_calls(FAKE, 0, "refund"), calls);
    world_check(W);
    free(payment);
    down();
}

static void a_refund_whose_key_the_gateway_has_forgotten_is_not_sent_again(void **state) {
    (void)state;
    up();
    start_of_a_day();
    char *payment = refunded();
    its_time_is_over();
    test_clock_advance(DAY_US);
    fake_say(FAKE, 0, "query_refund", -1, FAKE_NOT_FOUND);
    int calls = fake_calls(FAKE, 0, "refund");
    reconcile();
    assert_repair("refund", REPAIR_IS_REFUSED);
    assert_int_equal(fake_calls(FAKE, 0, "refund"), calls);
    assert_int_equal(returned(0), 200); /* it would be made anew: the fake forgets keys as well */
    assert_int_equal(count(LIVE_TICKETS), 1);
    free(payment);
    down();
}

static void a_refund_that_failed_there_counts_as_failed_and_the_merchant_is_told(void **state) {
    (void)state;
    up();
    start_of_a_day();
    char *payment = refunded();
    its_time_is_over();
    fake_refund_becomes(FAKE, 0, "order", "failed");
    reconcile();
    assert_repair("refund", REPAIR_IS_DONE);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 0);
    assert_int_equal(world_events(W, "refund.failed"), 1);
    world_verify(W);
    free(payment);
    down();
}

/* ---- people first ---- */

static void a_rule_that_nobody_has_enabled_does_nothing(void **state) {
    (void)state;
    up_with(rules_usual);
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    row_of(&there, 500);
    reconcile();
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 0);
    assert_int_equal(count(LIVE_TICKETS), 1);
    assert_payment(W, payment, "failed");
    switch_rule("paid", true);
    reconcile();
    assert_repair("paid", REPAIR_IS_DONE);
    assert_int_equal(count(LIVE_TICKETS), 0);
    free(payment);
    down();
}

static void a_rule_that_was_changed_since_it_was_enabled_does_nothing(void **state) {
    (void)state;
    up();
    char *other = strdup(rules_usual);
    for (char *at = other; (at = strstr(at, "each: 100000")) != NULL; at++) {
        at[6] = '2';
    }
    payment_world_restart(W);
    up_with(other);
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    row_of(&there, 500);
    reconcile();
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 0);
    ANSWER_AUTO answer = {0};
    must(repair_rules_get(recon, &answer, &err));
    assert_non_null(strstr(answer.json, "\"changed_since\":true"));
    free(other);
    free(payment);
    down();
}

static void what_a_person_has_taken_is_left_to_him(void **state) {
    (void)state;
    up_with(rules_usual);
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    row_of(&there, 500);
    reconcile();
    (void)engine_exec(&W->engine, "UPDATE recon_break SET state = 2, owner = 'user:usr_1'");
    switch_rule("paid", true);
    reconcile();
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 0);
    free(payment);
    down();
}

static void a_dry_run_tells_what_would_be_done_and_changes_nothing(void **state) {
    (void)state;
    up_with(rules_usual);
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    row_of(&there, 500);
    reconcile();
    int64_t entries = count("SELECT COUNT(*) FROM audit_entry");
    int calls = fake_calls(FAKE, 0, "*");
    ANSWER_AUTO answer = {0};
    must(repair_dry_run(recon, NULL, NULL, &answer, &err));
    assert_int_equal(answer.status, 200);
    json_t *json = json_loads(answer.json, 0, NULL);
    const json_t *row = json_array_get(json_object_get(json, "data"), 0);
    assert_string_equal(json_at(row, "rule"), "paid");
    assert_string_equal(json_at(row, "action"), "complete");
    assert_int_equal(int_at(row, "amount"), 500);
    assert_string_equal(json_at(row, "why_not"), "nobody has enabled the rule paid as it is now");
    const json_t *sum = json_array_get(json_object_get(json, "sums"), 0);
    assert_int_equal(int_at(sum, "amount"), 500);
    assert_int_equal(int_at(sum, "day_cap"), 1000000);
    json_decref(json);
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry"), entries);
    assert_int_equal(fake_calls(FAKE, 0, "*"), calls);
    ANSWER_AUTO only = {0};
    must(repair_dry_run(recon, "small", "stripe-a", &only, &err));
    assert_non_null(strstr(only.json, "\"data\":[]"));
    ANSWER_AUTO none = {0};
    assert_int_equal(repair_dry_run(recon, "nobody", NULL, &none, &err), -ERR_NOT_FOUND);
    free(payment);
    down();
}

/* As the command asks: what the answer before has summed up goes with the next question. */
static json_t *dry_piece(const char *cursor, const json_t *before) {
    struct repair_dry_asked asked = {.cursor = cursor, .limit = 1};
    ANSWER_AUTO answer = {0};
    size_t i;
    json_t *sum;
    json_array_foreach(json_object_get(before, "sums"), i, sum) {
        asked.sums[asked.sum_count++] = (struct repair_dry_sum){
            .rule = json_at(sum, "rule"),
            .currency = currency_stored(json_at(sum, "currency")),
            .count = int_at(sum, "count"),
            .amount_minor = int_at(sum, "amount"),
        };
    }
    must(repair_dry_run_page(recon, &asked, &answer, &err));
    return json_loads(answer.json, 0, NULL);
}

static void a_dry_run_in_pieces_tells_the_same_as_at_once(void **state) {
    enum { ORDERS = 3 };
    (void)state;
    up_with(rules_usual);
    struct there there[ORDERS]; /* rows point into it until they are taken */
    for (int i = 0; i < ORDERS; i++) {
        char order[16];
        snprintf(order, sizeof order, "order-%d", i);
        free(paid_there(order));
        there[i] = there_is(0, i);
        row_of(&there[i], 500);
    }
    reconcile();
    ANSWER_AUTO answer = {0};
    must(repair_dry_run(recon, NULL, NULL, &answer, &err));
    json_t *whole = json_loads(answer.json, 0, NULL), *piece = NULL, *rows = json_array();
    char cursor[100] = "";
    int pieces = 0;
    assert_int_equal(int_at(whole, "open"), ORDERS);
    assert_true(json_is_null(json_object_get(whole, "next_cursor")));
    do {
        json_t *next = dry_piece(cursor, piece);
        json_decref(piece);
        piece = next;
        json_array_extend(rows, json_object_get(piece, "data"));
        bool more = json_is_string(json_object_get(piece, "next_cursor"));
        snprintf(cursor, sizeof cursor, "%s", more ? json_at(piece, "next_cursor") : "");
        assert_int_equal(int_at(piece, "looked_at"), pieces < ORDERS);
        assert_int_equal(int_at(piece, "not_looked_at"), more ? ORDERS - 1 : 0);
        pieces++;
    } while (cursor[0] != '\0');
    assert_int_equal(pieces, ORDERS + 1);
    assert_true(json_equal(rows, json_object_get(whole, "data")));
    assert_true(json_equal(json_object_get(piece, "sums"), json_object_get(whole, "sums")));
    struct repair_dry_asked full = {.limit = 1, .sum_count = 1};
    full.sums[0] = (struct repair_dry_sum){
        .rule = "paid", .currency = currency_stored("USD"), .count = 1, .amount_minor = 999501};
    ANSWER_AUTO beyond = {0};
    must(repair_dry_run_page(recon, &full, &beyond, &err));
    assert_non_null(strstr(beyond.json, "\"within_a_day\":false"));
    const struct repair_dry_asked wrong[] = {
        {.cursor = "perhaps"},
        {.sums = {{.rule = "nobody", .currency = currency_stored("USD")}}, .sum_count = 1},
        {.sums = {{.rule = "paid", .currency = currency_stored("XAF")}}, .sum_count = 1},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        ANSWER_AUTO none = {0};
        assert_int_equal(repair_dry_run_page(recon, &wrong[i], &none, &err), -ERR_VALIDATION);
    }
    json_decref(whole);
    json_decref(piece);
    json_decref(rows);
    down();
}

/* ---- words ---- */

static void who_names_what_is_not_there_is_told_what_is(void **state) {
    (void)state;
    up();
    char *payment = world_paid(W, "order", 500);
    struct there there = there_is(0, 0);
    row_of(&there, 500);
    reconcile();
    struct caller caller = world_caller(NULL, "");
    ANSWER_AUTO answer = {0};
    assert_int_equal(repair_rule_switch(recon, &caller, "nope", true, "why not", &answer, &err),
                     -ERR_NOT_FOUND);
    assert_non_null(strstr(err.hint, "twice, callback, paid, small, refund"));
    assert_int_equal(repair_dry_run(recon, "nope", NULL, &answer, &err), -ERR_NOT_FOUND);
    assert_non_null(strstr(err.hint, "twice, callback"));
    const char *const names[] = {"order", payment, there.charge};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        err = (struct err){0};
        assert_int_equal(movement_explain(recon, names[i], &answer, &err), -ERR_NOT_FOUND);
        if (strstr(err.hint, i < 2 ? "pst_" : "stm_") == NULL) {
            fail_msg("%s: %s", names[i], err.hint);
        }
    }
    assert_int_equal(movement_explain(recon, "O-1", &answer, &err), -ERR_NOT_FOUND);
    assert_non_null(strstr(err.hint, "stm_…#12"));
    free(payment);
    down();
}

/* Written before classes were told apart. */
static void a_rule_that_names_no_newer_class_works_and_says_so(void **state) {
    (void)state;
    up_with("rules:\n" RULE("twice", "return_second", "double_charge, paid_there_open_here")
                RULE("refund", "refund", "refund_lost"));
    ANSWER_AUTO answer = {0};
    must(repair_rules_get(recon, &answer, &err));
    assert_non_null(strstr(answer.json, "add paid_at_two_gateways"));
    assert_non_null(strstr(answer.json, "add refund_failed_there"));
    answer_release(&answer);
    payment_world_restart(W);
    up();
    must(repair_rules_get(recon, &answer, &err));
    assert_null(strstr(answer.json, "\"hint\":\""));
    down();
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_paid_there_is_completed_when_the_gateway_confirms_it),
        cmocka_unit_test(what_the_gateway_says_was_not_charged_is_refused_and_is_for_a_person),
        cmocka_unit_test(what_the_gateway_says_waits_for_its_customer_is_not_waited_for),
        cmocka_unit_test(while_the_gateway_is_silent_nothing_is_done_and_it_is_asked_again),
        cmocka_unit_test(a_gateway_that_never_answers_leaves_it_to_a_person),
        cmocka_unit_test(late_money_of_a_payment_that_was_called_off_is_for_a_person),
        cmocka_unit_test(a_callback_that_was_parked_is_processed_again),
        cmocka_unit_test(of_two_charges_the_second_is_returned_once),
        cmocka_unit_test(a_row_of_what_was_returned_already_is_for_a_person),
        cmocka_unit_test(one_charge_told_twice_is_not_returned),
        cmocka_unit_test(a_second_charge_that_the_gateway_does_not_know_is_not_returned),
        cmocka_unit_test(paid_at_two_gateways_the_one_that_paid_nothing_here_is_returned),
        cmocka_unit_test(what_the_other_gateway_does_not_confirm_is_not_returned),
        cmocka_unit_test(while_the_other_gateway_is_silent_nothing_is_returned),
        cmocka_unit_test(a_small_difference_that_the_gateway_confirms_is_written_off),
        cmocka_unit_test(a_difference_that_the_gateway_does_not_confirm_is_not_written_off),
        cmocka_unit_test(a_write_off_is_reversed_and_not_made_again),
        cmocka_unit_test(what_cannot_be_reversed_says_how_it_is_taken_back),
        cmocka_unit_test(a_refund_that_never_arrived_is_sent_again_and_made_once),
        cmocka_unit_test(
            a_refund_that_is_denied_wrongly_is_made_once_and_is_done_only_when_it_is_known),
        cmocka_unit_test(a_refund_that_is_denied_for_ever_is_made_once_and_a_person_has_it),
        cmocka_unit_test(a_refund_that_the_gateway_knows_is_not_sent_again),
        cmocka_unit_test(a_refund_whose_key_the_gateway_has_forgotten_is_not_sent_again),
        cmocka_unit_test(a_refund_that_failed_there_counts_as_failed_and_the_merchant_is_told),
        cmocka_unit_test(a_rule_that_nobody_has_enabled_does_nothing),
        cmocka_unit_test(a_rule_that_was_changed_since_it_was_enabled_does_nothing),
        cmocka_unit_test(what_a_person_has_taken_is_left_to_him),
        cmocka_unit_test(a_dry_run_tells_what_would_be_done_and_changes_nothing),
        cmocka_unit_test(a_dry_run_in_pieces_tells_the_same_as_at_once),
        cmocka_unit_test(who_names_what_is_not_there_is_told_what_is),
        cmocka_unit_test(a_rule_that_names_no_newer_class_works_and_says_so),
    };
    return payment_world_run("repair", tests, COUNT_OF(tests));
}
