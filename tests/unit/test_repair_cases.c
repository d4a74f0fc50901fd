/* SPDX-License-Identifier: Apache-2.0
 * test_repair_cases.c: money that a callback tells of, and no statement or a later one: marks,
 * tickets and repairs of cases; what follows for the break about the same money; and breaks that
 * rules leave alone. On both engines. */
#include "recon/break_desk.h"
#include "repair_fixture.h"

/* ---- cases: a callback tells of it first ---- */

/* Charged twice; the callback about the second charge has come. */
static char *told_of_second(const char *order) {
    char *payment = charged_twice(order);
    tell_of_second();
    assert_int_equal(count("SELECT COUNT(*) FROM review_case WHERE kind = 'duplicate_charge' AND "
                           "posted = 10"),
                     1);
    return payment;
}

static void look_at_cases(void) {
    world_pass(W, 31 * US_PER_SECOND);
    work();
}

#define CASE_TICKETS "SELECT COUNT(*) FROM ticket WHERE kind = 'case'"
#define LIVE_CASE_TICKETS CASE_TICKETS " AND state IN (1, 2, 3, 4, 7)"
#define OPEN_CASES "SELECT COUNT(*) FROM review_case WHERE state = 1"

static void a_second_charge_that_a_callback_tells_of_is_marked_and_has_a_ticket(void **state) {
    (void)state;
    up_with(rules_usual);
    char *payment = told_of_second("order");
    assert_text(W, "SELECT review FROM payment", "double_charge");
    assert_int_equal(world_events(W, "payment.review"), 1);
    look_at_cases();
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 0);
    assert_int_equal(count(LIVE_CASE_TICKETS), 1);
    assert_text(W, "SELECT class FROM ticket", "double_charge");
    char *facts = world_text(W, "SELECT facts FROM ticket");
    assert_non_null(strstr(facts, "\"kind\":\"duplicate_charge\""));
    assert_non_null(strstr(facts, payment));
    free(facts);
    free(payment);
    down();
}

static json_t *decide(int (*how)(struct payments *, const struct caller *, const char *,
                                 const char *, struct answer *, struct err *)) {
    char *id = world_text(W, "SELECT id FROM review_case WHERE posted = 10 AND state = 1");
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    must(how(W->payments, &caller, id, "looked at it", &answer, &err));
    json_t *json = json_loads(answer.json, 0, NULL);
    answer_release(&answer);
    free(id);
    return json;
}

static void a_case_that_a_person_settles_loses_its_mark_and_its_ticket(void **state) {
    (void)state;
    up_with(rules_usual);
    char *payment = told_of_second("order");
    look_at_cases();
    json_decref(decide(case_return));
    work();
    assert_int_equal(returned(0), 500);
    assert_int_equal(count(OPEN_CASES), 0);
    assert_text(W, "SELECT review FROM payment", "");
    assert_int_equal(count(LIVE_CASE_TICKETS), 0);
    assert_int_equal(count(CASE_TICKETS), 1);
    char *why = world_text(W, "SELECT body FROM ticket_event ORDER BY number DESC LIMIT 1");
    assert_non_null(strstr(why, "looked at it"));
    free(why);
    /* A statement that tells of both charges now finds both in the books. */
    struct there one = there_is(0, 0), other = there_is(0, 1);
    row_of(&one, 500);
    row_of(&other, 500);
    reconcile();
    assert_int_equal(count(OPEN_BREAKS), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM ticket"), 1);
    free(payment);
    down();
}

static void of_a_second_charge_that_a_callback_tells_of_the_rule_returns_the_later_one(void **s) {
    (void)s;
    up();
    char *payment = told_of_second("order");
    look_at_cases();
    assert_repair("twice", REPAIR_IS_DONE);
    assert_int_equal(returned(0), 500);
    assert_text(W, "SELECT review FROM payment", "");
    assert_int_equal(count(OPEN_CASES), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM ticket WHERE state IN (1, 2, 3, 4, 7)"), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry WHERE action = 'repair.done' AND "
                           "actor = 'rule:twice'"),
                     1);
    assert_counted();
    char *listed = repair_said("id");
    ANSWER_AUTO answer = {0};
    must(repair_get(recon, listed, &answer, &err));
    assert_non_null(strstr(answer.json, "\"break_id\":null"));
    assert_non_null(strstr(answer.json, "\"case_id\":\"case_"));
    free(listed);
    /* Nor does a statement that tells of both make another one. */
    struct there one = there_is(0, 0), other = there_is(0, 1);
    row_of(&one, 500);
    row_of(&other, 500);
    reconcile();
    assert_int_equal(count(OPEN_BREAKS), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 1);
    assert_int_equal(returned(0), 500);
    assert_payment(W, payment, "succeeded");
    world_verify(W);
    world_books_equal(W);
    free(payment);
    down();
}

static void a_case_of_a_silent_gateway_is_asked_about_again_and_returned_once(void **state) {
    (void)state;
    up();
    char *payment = told_of_second("order");
    fake_say(FAKE, 0, "query", -1, FAKE_LOSE_BEFORE);
    look_at_cases();
    assert_repair("twice", REPAIR_IS_ASKED);
    assert_int_equal(returned(0), 0);
    fake_say_nothing(FAKE);
    world_pass(W, 61 * US_PER_SECOND);
    world_pass(W, 61 * US_PER_SECOND);
    assert_repair("twice", REPAIR_IS_DONE);
    assert_int_equal(returned(0), 500);
    assert_counted();
    free(payment);
    down();
}

/* The rule has done nothing then, and is asked about nothing more. */
static void a_break_whose_rule_is_switched_off_in_between_has_a_ticket(void **state) {
    (void)state;
    up();
    char *payment = paid_there("order");
    struct there there = there_is(0, 0);
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    row_of(&there, 500);
    reconcile();
    assert_repair("paid", REPAIR_IS_ASKED);
    assert_int_equal(count(LIVE_TICKETS), 0);
    switch_rule("paid", false);
    world_pass(W, 61 * US_PER_SECOND);
    assert_repair("paid", REPAIR_IS_MOOT);
    assert_int_equal(count(OPEN_BREAKS), 1);
    assert_int_equal(count(LIVE_TICKETS), 1);
    assert_counted();
    free(payment);
    down();
}

/* The statement has it at another amount: what was returned is over, the difference is not. */
static void what_a_person_returned_meanwhile_was_not_done_by_the_rule(void **state) {
    (void)state;
    up();
    char *payment = charged_twice("order");
    struct there one = there_is(0, 0), other = there_is(0, 1);
    fake_say(FAKE, 0, "query", -1, FAKE_LOSE_BEFORE);
    row_of(&one, 500);
    row_of(&other, 490);
    reconcile();
    assert_repair("twice", REPAIR_IS_ASKED);
    fake_say_nothing(FAKE);
    tell_of_second();
    json_decref(decide(case_return));
    world_pass(W, 61 * US_PER_SECOND);
    work();
    assert_int_equal(count("SELECT state FROM repair WHERE rule = 'twice'"), REPAIR_IS_MOOT);
    assert_int_equal(count("SELECT COUNT(*) FROM repair WHERE said LIKE '%key:test began'"), 1);
    /* What is left is told of by another break, which its own rule was refused. */
    assert_int_equal(count(OPEN_BREAKS), 1);
    assert_int_equal(count(LIVE_TICKETS), 1);
    assert_int_equal(returned(0), 500);
    assert_counted();
    free(payment);
    down();
}

static void a_case_above_the_cap_of_an_item_is_left_to_people(void **state) {
    (void)state;
    char *small = strdup(rules_usual), *at = small;
    while ((at = strstr(at, "each: 100000")) != NULL) {
        memcpy(at, "each: 499   ", 12);
    }
    up_with(small);
    switch_rule("twice", true);
    char *payment = told_of_second("order");
    look_at_cases();
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 0);
    assert_int_equal(count(LIVE_CASE_TICKETS), 1);
    assert_int_equal(returned(0), 0);
    free(small);
    free(payment);
    down();
}

static void a_rule_that_is_enabled_later_takes_the_cases_that_are_open(void **state) {
    (void)state;
    up_with(rules_usual);
    char *payment = told_of_second("order");
    look_at_cases();
    assert_int_equal(count(LIVE_CASE_TICKETS), 1);
    switch_rule("twice", true);
    work();
    assert_repair("twice", REPAIR_IS_DONE);
    assert_int_equal(returned(0), 500);
    assert_int_equal(count(LIVE_CASE_TICKETS), 0);
    free(payment);
    down();
}

static void of_one_charge_a_callback_and_a_statement_tell_there_is_one_ticket(void **state) {
    (void)state;
    up_with(rules_usual);
    char *payment = charged_twice("order");
    struct there one = there_is(0, 0), other = there_is(0, 1);
    row_of(&one, 500);
    row_of(&other, 500);
    reconcile();
    assert_int_equal(count(OPEN_BREAKS), 1);
    assert_int_equal(count(LIVE_TICKETS), 1);
    tell_of_second();
    work();
    assert_int_equal(count(OPEN_CASES " AND kind = 'duplicate_charge'"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM ticket WHERE state IN (1, 2, 3, 4, 7)"), 1);
    look_at_cases();
    assert_int_equal(count("SELECT COUNT(*) FROM ticket_event WHERE body LIKE 'It lies in "
                           "suspense: case!_%' ESCAPE '!'"),
                     1);
    /* What the case has booked heals the break; what is left to do is the case's. */
    assert_int_equal(count(OPEN_BREAKS), 0);
    assert_int_equal(count(LIVE_TICKETS), 0);
    assert_int_equal(count(LIVE_CASE_TICKETS), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM recon_break_event WHERE what = 'case' AND detail "
                           "LIKE '%same money%'"),
                     1);
    json_decref(decide(case_return));
    work();
    assert_int_equal(count("SELECT COUNT(*) FROM ticket WHERE state IN (1, 2, 3, 4, 7)"), 0);
    assert_int_equal(returned(0), 500);
    free(payment);
    down();
}

/* The statement has it at another amount, so that a break stays beside the case. */
static void a_break_about_the_money_of_a_case_joins_the_ticket_of_the_case(void **state) {
    (void)state;
    up_with(rules_usual);
    char *payment = told_of_second("order");
    look_at_cases();
    assert_int_equal(count(LIVE_CASE_TICKETS), 1);
    struct there one = there_is(0, 0), other = there_is(0, 1);
    row_of(&one, 500);
    row_of(&other, 490);
    reconcile();
    assert_int_equal(count(OPEN_BREAKS), 1);
    assert_int_equal(count(LIVE_TICKETS), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM ticket"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM ticket_event WHERE body LIKE 'A statement tells "
                           "of the same money: brk!_%' ESCAPE '!'"),
                     1);
    reconcile(); /* it is told once */
    assert_int_equal(count("SELECT COUNT(*) FROM ticket_event WHERE body LIKE '%same money%'"), 1);
    json_decref(decide(case_return));
    work();
    /* The case is over, and the difference is left. */
    assert_int_equal(count(LIVE_CASE_TICKETS), 0);
    assert_int_equal(count(LIVE_TICKETS), 1);
    free(payment);
    down();
}

/* What it has put in suspense by asking is taken on by no other one, also when the next run has
 * healed the break. */
static void when_the_repair_of_a_break_is_refused_the_case_of_its_money_is_for_people(void **s) {
    (void)s;
    up();
    char *payment = charged_twice("order");
    struct there one = there_is(0, 0), other = there_is(0, 1);
    row_of(&one, 500);
    row_of(&other, 500);
    fake_fault_at(FAKE, 3, FAKE_NOT_FOUND); /* it holds the second, and denies the first */
    reconcile();
    fake_fault_at(FAKE, 0, FAKE_DO);
    assert_repair("twice", REPAIR_IS_REFUSED);
    assert_text(W, "SELECT CASE WHEN r.case_id = c.id THEN 'its' ELSE r.case_id END FROM repair r, "
                   "review_case c",
                "its");
    for (int i = 0; i < 4; i++) {
        look_at_cases();
    }
    assert_int_equal(count(OPEN_BREAKS), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 1);
    assert_int_equal(returned(0), 0);
    assert_int_equal(count(OPEN_CASES), 1);
    assert_int_equal(count(LIVE_CASE_TICKETS), 1);
    assert_int_equal(count(LIVE_TICKETS), 0);
    json_decref(decide(case_return));
    assert_int_equal(returned(0), 500);
    world_verify(W);
    world_books_equal(W);
    free(payment);
    down();
}

static void late_money_whose_order_nobody_else_paid_is_for_a_person(void **state) {
    (void)state;
    up();
    char *payment = paid_there("order");
    tell_of_second();
    assert_int_equal(count(OPEN_CASES " AND kind = 'late_success'"), 1);
    look_at_cases();
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 0);
    assert_payment(W, payment, "failed");
    assert_text(W, "SELECT review FROM payment", "late_success");
    assert_int_equal(count(LIVE_CASE_TICKETS), 1);
    /* Until a statement tells of it. */
    struct there there = there_is(0, 0);
    row_of(&there, 500);
    reconcile();
    world_verify(W);
    free(payment);
    down();
}

/* ---- what a statement tells and a rule does not take ---- */

/* A refund that stands on the statement twice is no second charge, whatever the rule is for. */
static void what_is_no_charge_is_never_returned_as_a_second_one(void **state) {
    (void)state;
    up();
    char *payment = world_paid(W, "order", 500);
    json_t *json = world_refund(W, NULL, payment, 200);
    assert_non_null(json);
    json_decref(json);
    char *refund_id = world_text(W, "SELECT refund_id FROM operation WHERE kind = 3");
    struct there there = there_is(0, 0);
    row_of(&there, 500);
    for (int i = 0; i < 2; i++) {
        struct statement_row *row = row_of(&there, -200);
        row->kind = ROW_REFUND;
        row->gateway_id = refund_id;
        row->original_id = there.charge;
    }
    reconcile();
    assert_int_equal(count(OPEN_BREAKS " AND class = 17"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 0);
    ANSWER_AUTO answer = {0};
    must(repair_dry_run(recon, "twice", NULL, &answer, &err));
    assert_non_null(strstr(answer.json, "\"why_not\":\"twice: it is about no charge\""));
    assert_int_equal(returned(0), 200);
    free(refund_id);
    free(payment);
    down();
}

static void a_second_charge_on_a_statement_is_told_with_its_payment_and_order(void **state) {
    (void)state;
    up_with(rules_usual);
    char *payment = charged_twice("order");
    struct there one = there_is(0, 0), other = there_is(0, 1);
    row_of(&one, 500);
    row_of(&other, 500);
    reconcile();
    assert_int_equal(count("SELECT our_rows FROM recon_break WHERE class = 19"), 0);
    assert_text(W, "SELECT payment_id FROM recon_break WHERE class = 19", payment);
    ANSWER_AUTO answer = {0};
    char *id = world_text(W, "SELECT id FROM recon_break");
    must(break_get(recon, id, &answer, &err));
    assert_non_null(strstr(answer.json, "\"order_id\":\"order\""));
    free(id);
    free(payment);
    down();
}

/* The row bears a charge's name that the gateway does not tell under that object. */
static void a_second_charge_of_another_name_than_the_gateway_tells_is_for_a_person(void **state) {
    (void)state;
    up();
    char *payment = charged_twice("order");
    struct there one = there_is(0, 0), other = there_is(0, 1);
    snprintf(other.charge, sizeof other.charge, "ch_another");
    row_of(&one, 500);
    row_of(&other, 500);
    reconcile();
    assert_repair("twice", REPAIR_IS_REFUSED);
    char *said = repair_said("said");
    assert_non_null(strstr(said, "not of ch_another"));
    free(said);
    assert_int_equal(returned(0), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM review_case WHERE posted = 10"), 0);
    assert_int_equal(count(LIVE_TICKETS), 1);
    free(payment);
    down();
}

static void act(enum break_act what, const char *who) {
    char *id = world_text(W, "SELECT id FROM recon_break ORDER BY id LIMIT 1");
    const char *ids[] = {id};
    struct caller caller = world_caller(NULL, "");
    caller.actor = who;
    const struct break_action action = {
        .act = what, .ids = ids, .id_count = 1, .owner = "", .reason = "looked at it"};
    ANSWER_AUTO answer = {0};
    must(break_act(recon, &caller, &action, &answer, &err));
    free(id);
    work();
}

static void the_ticket_of_a_break_follows_what_people_decide_about_it(void **state) {
    (void)state;
    alone_minor = 0;
    up_with(rules_usual);
    char *payment = world_paid(W, "order", 500);
    struct there there = there_is(0, 0);
    row_of(&there, 490);
    reconcile();
    assert_int_equal(count(LIVE_TICKETS), 1);
    act(ACT_RESOLVE, "user:usr_a");
    assert_int_equal(count(LIVE_TICKETS), 0);
    act(ACT_REOPEN, "user:usr_a");
    assert_int_equal(count(LIVE_TICKETS), 1);
    act(ACT_WRITE_OFF, "user:usr_a"); /* nobody may alone: another person is asked, and it stays */
    assert_int_equal(count(LIVE_TICKETS), 1);
    act(ACT_APPROVE, "user:usr_b");
    assert_int_equal(count("SELECT state FROM recon_break"), BREAK_WRITTEN_OFF);
    assert_int_equal(count(LIVE_TICKETS), 0);
    act(ACT_REOPEN, "user:usr_a");
    assert_int_equal(count(LIVE_TICKETS), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM ticket"), 1);
    free(payment);
    down();
    alone_minor = ALONE_USUAL;
}

static void a_refund_that_failed_there_is_told_as_one_and_ends_so_here(void **state) {
    (void)state;
    up();
    char *payment = world_paid(W, "order", 500);
    json_t *json = world_refund(W, NULL, payment, 200);
    assert_non_null(json);
    json_decref(json);
    char *refund_id = world_text(W, "SELECT refund_id FROM operation WHERE kind = 3");
    struct there there = there_is(0, 0);
    row_of(&there, 500);
    for (int i = 0; i < 2; i++) {
        struct statement_row *row = row_of(&there, i == 0 ? -200 : 200);
        row->kind = i == 0 ? ROW_REFUND : ROW_REFUND_RETURNED;
        row->gateway_id = refund_id;
        row->original_id = there.charge;
    }
    fake_refund_becomes(FAKE, 0, "order", "failed");
    reconcile();
    assert_int_equal(count("SELECT MIN(class) FROM recon_break"), CLASS_REFUND_FAILED);
    assert_repair("refund", REPAIR_IS_DONE);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 0);
    assert_int_equal(world_events(W, "refund.failed"), 1);
    assert_int_equal(count(OPEN_BREAKS), 0);
    free(refund_id);
    free(payment);
    down();
}

/* Asked about it, the other gateway would say that it is done: of this row it says nothing. */
static void a_row_that_bears_the_name_of_a_refund_at_another_gateway_is_for_a_person(void **state) {
    (void)state;
    up();
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE_ELSEWHERE);
    char *payment = world_paid(W, "order", 500);
    assert_text(W, "SELECT gateway FROM attempt WHERE live = 1", "stripe-b");
    json_decref(world_refund(W, NULL, payment, 200));
    char *operation = world_text(W, "SELECT id FROM operation WHERE state = 4");
    struct there there = {.charge = "re_nobody"};
    snprintf(there.reference, sizeof there.reference, "%s", operation);
    struct statement_row *row = row_of(&there, -200);
    row->kind = ROW_REFUND;
    row->native_kind = "refund";
    int asked = fake_calls(FAKE, 1, "query_refund");
    reconcile();
    assert_int_equal(count("SELECT MIN(class) FROM recon_break"), CLASS_ORPHAN_REFUND);
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 0);
    assert_int_equal(fake_calls(FAKE, 1, "query_refund"), asked);
    assert_int_equal(count(LIVE_TICKETS), 1);
    assert_int_equal(returned(1), 200);
    world_check(W);
    free(operation);
    free(payment);
    down();
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_charge_that_a_callback_tells_of_is_marked_and_has_a_ticket),
        cmocka_unit_test(a_case_that_a_person_settles_loses_its_mark_and_its_ticket),
        cmocka_unit_test(
            of_a_second_charge_that_a_callback_tells_of_the_rule_returns_the_later_one),
        cmocka_unit_test(a_case_of_a_silent_gateway_is_asked_about_again_and_returned_once),
        cmocka_unit_test(a_break_whose_rule_is_switched_off_in_between_has_a_ticket),
        cmocka_unit_test(what_a_person_returned_meanwhile_was_not_done_by_the_rule),
        cmocka_unit_test(a_case_above_the_cap_of_an_item_is_left_to_people),
        cmocka_unit_test(a_rule_that_is_enabled_later_takes_the_cases_that_are_open),
        cmocka_unit_test(of_one_charge_a_callback_and_a_statement_tell_there_is_one_ticket),
        cmocka_unit_test(a_break_about_the_money_of_a_case_joins_the_ticket_of_the_case),
        cmocka_unit_test(when_the_repair_of_a_break_is_refused_the_case_of_its_money_is_for_people),
        cmocka_unit_test(late_money_whose_order_nobody_else_paid_is_for_a_person),
        cmocka_unit_test(what_is_no_charge_is_never_returned_as_a_second_one),
        cmocka_unit_test(a_second_charge_on_a_statement_is_told_with_its_payment_and_order),
        cmocka_unit_test(a_second_charge_of_another_name_than_the_gateway_tells_is_for_a_person),
        cmocka_unit_test(the_ticket_of_a_break_follows_what_people_decide_about_it),
        cmocka_unit_test(a_refund_that_failed_there_is_told_as_one_and_ends_so_here),
        cmocka_unit_test(
            a_row_that_bears_the_name_of_a_refund_at_another_gateway_is_for_a_person),
    };
    return payment_world_run("repair_cases", tests, COUNT_OF(tests));
}
