/* SPDX-License-Identifier: Apache-2.0
 * test_recon_again.c: charges that operations of ours captured, charged once more under another id:
 * a double charge, with its payment, and repaired as one; what may be something else stays
 * missing_here; on both engines. */
#include "recon/run_look.h"
#include "repair_fixture.h"

#define OF_CLASS(class) "SELECT COUNT(*) FROM recon_break WHERE class = " class
#define DOUBLE_CHARGES OF_CLASS("19")
#define UNKNOWN_HERE OF_CLASS("11")
static_assert(CLASS_DOUBLE_CHARGE == 19 && CLASS_MISSING_HERE == 11, "the numbers in the texts");

/* Where a capture is given its own name as reference, its rows bear that. */
static const char *name_of_capture(void) {
    static char name[ID_TEXT_MAX];
    char *id = world_text(W, "SELECT id FROM operation WHERE kind = 1");
    snprintf(name, sizeof name, "%s", id);
    free(id);
    return name;
}

/* Authorized for `agreed`, of which so much was captured; its row is on the statement. */
static char *captured(int64_t agreed_minor, int64_t captured_minor) {
    char *payment = world_authorized(W, "order", agreed_minor);
    json_decref(world_capture(W, NULL, payment, captured_minor, true));
    assert_int_equal(count("SELECT COUNT(*) FROM operation WHERE kind = 1 AND state = 4"), 1);
    static struct there there;
    there = there_is(0, 0);
    row_of(&there, captured_minor)->reference = name_of_capture();
    return payment;
}

/* Charged there a second time, in that name. */
static void charged_again(int64_t amount_minor) {
    static struct there second;
    char *attempt = world_text(W, "SELECT id FROM attempt");
    (void)fake_charge_of_nobody(FAKE, 0, attempt, "order", amount_minor);
    second = there_is(0, 1);
    row_of(&second, amount_minor)->reference = name_of_capture();
    free(attempt);
}

static void without_rules(void) {
    for (int i = 0; i < rules->count; i++) {
        switch_rule(rules->rules[i].name, false);
    }
}

static void a_capture_that_was_charged_again_is_a_double_charge_of_its_payment(void **state) {
    (void)state;
    up();
    without_rules();
    char *payment = captured(500, 500);
    charged_again(500);
    reconcile();
    assert_int_equal(count(DOUBLE_CHARGES " AND state = 1 AND their_minor = 500"), 1);
    assert_int_equal(count(UNKNOWN_HERE), 0);
    char *of = world_text(W, "SELECT payment_id FROM recon_break");
    assert_string_equal(of, payment);
    free(of);
    /* Each further run finds the same break again. */
    test_clock_advance(US_PER_SECOND);
    ask_run("stripe-a");
    work();
    assert_int_equal(count("SELECT COUNT(*) FROM reconciliation WHERE state = 2"), 2);
    assert_int_equal(count("SELECT COUNT(*) FROM recon_break"), 1);
    assert_int_equal(count(OPEN_BREAKS), 1);
    char *figures = world_text(W, "SELECT figures FROM reconciliation WHERE state = 2 ORDER BY id "
                                  "DESC LIMIT 1");
        assert_non_null(strstr(figures, "\"class\":\"double_charge\""));
    assert_null(strstr(figures, "\"class\":\"missing_here\""));
    free(figures);
    /* And it is said why. */
    ANSWER_AUTO answer = {0};
    char *row = world_text(W, "SELECT movement_id FROM recon_break");
    must(movement_explain(recon, row, &answer, &err));
    assert_non_null(strstr(answer.json, "more was charged than was agreed to"));
    assert_non_null(strstr(answer.json, "\"same_today\":true"));
    free(row);
    free(payment);
    down();
}

static void it_is_sent_back_by_the_rule_for_second_charges(void **state) {
    (void)state;
    up();
    char *payment = captured(500, 500);
    charged_again(500);
    reconcile();
    world_pass(W, 3600 * US_PER_SECOND);
    assert_repair("twice", REPAIR_IS_DONE);
    assert_int_equal(returned(0), 500);
    assert_int_equal(count("SELECT captured_minor - refunded_minor FROM payment"), 500);
    assert_int_equal(count(DOUBLE_CHARGES " AND state = 3"), 1);
    assert_counted();
    world_verify(W);
    free(payment);
    down();
}

/* Somebody captured the rest by hand: the customer agreed to it. */
static void what_is_within_the_amount_agreed_is_no_double_charge(void **state) {
    (void)state;
    up();
    char *payment = captured(500, 300);
    charged_again(200);
    reconcile();
    assert_int_equal(count(DOUBLE_CHARGES), 0);
    assert_int_equal(count(UNKNOWN_HERE " AND state = 1"), 1);
    assert_int_equal(returned(0), 0);
    free(payment);
    down();
}

/* Ours has no row yet: this may be its own, under another name. */
static void what_may_be_our_own_capture_is_no_double_charge(void **state) {
    (void)state;
    up();
    char *payment = captured(500, 500);
    given.count = 0;
    charged_again(450);
    reconcile();
    assert_int_equal(count(DOUBLE_CHARGES), 0);
    assert_int_equal(count(UNKNOWN_HERE " AND state = 1"), 1);
    /* When its row comes, the other one is a second charge. */
    struct there first = there_is(0, 0);
    row_of(&first, 500)->reference = name_of_capture();
    without_rules();
    reconcile();
    assert_int_equal(count(DOUBLE_CHARGES " AND state = 1"), 1);
    assert_int_equal(count(UNKNOWN_HERE " AND state = 3"), 1);
    free(payment);
    down();
}

static void a_charge_in_another_currency_and_a_stranger_stay_what_they_are(void **state) {
    (void)state;
    up();
    char *payment = captured(500, 500);
    charged_again(400);
    given.rows[given.count - 1].currency = currency_stored("EUR");
    static struct there nobody = {.intent = "pi_nobody", .charge = "ch_nobody"};
    row_of(&nobody, 123);
    reconcile();
    assert_int_equal(count(DOUBLE_CHARGES), 0);
    assert_int_equal(count(UNKNOWN_HERE " AND state = 1"), 2);
    free(payment);
    down();
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_capture_that_was_charged_again_is_a_double_charge_of_its_payment),
        cmocka_unit_test(it_is_sent_back_by_the_rule_for_second_charges),
        cmocka_unit_test(what_is_within_the_amount_agreed_is_no_double_charge),
        cmocka_unit_test(what_may_be_our_own_capture_is_no_double_charge),
        cmocka_unit_test(a_charge_in_another_currency_and_a_stranger_stay_what_they_are),
    };
    return payment_world_run("recon again", tests, COUNT_OF(tests));
}
