/* SPDX-License-Identifier: Apache-2.0
 * test_bank.c: payments by bank transfer: what comes pays them, in part, too much, too late,
 * or for nobody. */
#include "bank_fixture.h"

/* ---- paying ---- */

static void the_customer_is_told_where_to_pay_and_until_when(void **state) {
    struct order order = open_order();
    json_t *json = world_get(W, order.id);
    assert_string_equal(json_at(json, "action.bank_transfer.account_holder"), "Shop GmbH");
    assert_string_equal(json_at(json, "action.bank_transfer.bic"), "BYLADEM1001");
    assert_string_equal(json_at(json, "action.bank_transfer.amount_decimal"), "100.00");
    assert_int_equal(int_at(json, "action.bank_transfer.missing"), 10000);
    assert_string_equal(json_at(json, "action.bank_transfer.until"),
                        json_at(json, "action.expires_at"));
    assert_int_equal(strncmp(order.account, "990012", 6), 0);
    assert_int_equal(strlen(order.account), 18);
    assert_true(bank_reference_valid(order.reference));
    assert_int_equal(world_int(W, "SELECT expires_us - created_us FROM attempt"), 10 * DAY_US);
    json_decref(json);
    sound();
    (void)state;
}

static void an_account_takes_only_its_currencies(void **state) {
    open_banks();
    struct payment_order order = world_order("order", 10000);
    order.method = METHOD_BANK_TRANSFER;
    order.token = "";
    snprintf(order.currency.code, sizeof order.currency.code, "JPY");
    json_t *json = world_pay(W, NULL, &order);
    assert_string_equal(json_at(json, "action.type"), "choose_method");
    json_decref(json);
    struct order chinese = place("order-cn", 10000, "CNY");
    assert_string_equal(chinese.account, "1001244309000012345");
    sound();
    (void)state;
}

static void what_was_asked_for_pays(void **state) {
    struct order order = paid_order();
    assert_payment(W, order.id, "succeeded");
    row_is("b1", "matched");
    assert_int_equal(balance("gateway:bank-eu:receivable"), 10000);
    assert_int_equal(balance("gateway:bank-eu:deposits"), 0);
    assert_int_equal(balance("merchant:sales"), -10000);
    assert_int_equal(world_int(W, "SELECT callback_due_us FROM attempt"), 0);
    world_check(W);
    (void)state;
}

static void the_virtual_account_alone_is_enough(void **state) {
    struct order order = open_order();
    struct bank_entry row = entry("b1", 10000, "thank you");
    row.account = order.account;
    comes(row);
    assert_payment(W, order.id, "succeeded");
    struct order other = place("other", 5000, "USD");
    row = entry("b2", 5000, "");
    row.virtual_account = other.account;
    comes(row);
    assert_payment(W, other.id, "succeeded");
    world_check(W);
    (void)state;
}

static void a_virtual_account_and_a_reference_that_differ_are_nobodys(void **state) {
    open_banks();
    struct order first = place("first", 10000, "USD"), second = place("second", 10000, "USD");
    struct bank_entry row = entry("b1", 10000, second.reference);
    row.account = first.account;
    comes(row);
    row_is("b1", "suspense");
    one_case("unmatched_transfer", 10000);
    assert_payment(W, first.id, "requires_action");
    assert_payment(W, second.id, "requires_action");
    sound();
    (void)state;
}

static void less_than_asked_for_is_shown_and_waits_for_the_rest(void **state) {
    struct order order = open_order();
    comes(entry("b1", 8000, order.reference));
    json_t *json = world_get(W, order.id);
    assert_string_equal(json_at(json, "state"), "requires_action");
    assert_int_equal(int_at(json, "action.bank_transfer.received"), 8000);
    assert_int_equal(int_at(json, "action.bank_transfer.missing"), 2000);
    assert_string_equal(json_at(json, "action.bank_transfer.message"),
                        "We have received 80.00 USD of 100.00 USD; 20.00 USD is still missing.");
    json_decref(json);
    assert_int_equal(balance("gateway:bank-eu:deposits"), -8000);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM event WHERE type = 'payment.partially_paid'"), 1);
    sound();
    struct bank_entry rest = entry("b2", 2000, order.reference);
    rest.party_name = "Her brother"; /* two payers, one reference */
    rest.party_account = "GB33BUKB20201555555555";
    comes(rest);
    assert_payment(W, order.id, "succeeded");
    assert_int_equal(balance("gateway:bank-eu:deposits"), 0);
    assert_int_equal(balance("merchant:sales"), -10000);
    world_check(W);
    (void)state;
}

static void what_banks_on_the_way_kept_is_given_up_within_the_tolerance(void **state) {
    open_banks();
    struct order order = place("order", 10000, "USD"), other = place("other", 10000, "USD");
    comes(entry("b1", 9950, order.reference));
    assert_payment(W, order.id, "succeeded");
    assert_int_equal(balance("merchant:write_off"), 50);
    assert_int_equal(balance("gateway:bank-eu:receivable"), 9950);
    comes(entry("b2", 9949, other.reference));
    assert_payment(W, other.id, "requires_action");
    sound();
    (void)state;
}

static void a_tolerance_does_not_pay_what_is_smaller_than_it(void **state) {
    open_banks();
    struct order order = place("order", 50, "USD");
    comes(entry("b1", 1, order.reference));
    assert_payment(W, order.id, "requires_action");
    sound();
    (void)state;
}

static void what_is_too_much_waits_for_a_person(void **state) {
    struct order order = open_order();
    comes(entry("b1", 12000, order.reference));
    assert_payment(W, order.id, "succeeded");
    one_case("overpayment", 2000);
    assert_int_equal(suspense(), 2000);
    assert_int_equal(balance("merchant:sales"), -10000);
    sound();
    assert_done(W, decide(case_credit, "overpayment"), 200, "closed");
    assert_int_equal(suspense(), 0);
    assert_int_equal(balance("customer:cus_1:store_credit"), -2000);
    sound();
    (void)state;
}

static void what_comes_again_for_what_is_paid_is_all_too_much(void **state) {
    struct order order = paid_order();
    comes(entry("b2", 10000, order.reference));
    row_is("b2", "suspense");
    one_case("overpayment", 10000);
    assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), 10000);
    sound();
    (void)state;
}

static void another_currency_waits_for_a_person(void **state) {
    struct order order = open_order();
    struct bank_entry row = entry("b1", 10000, order.reference);
    snprintf(row.currency.code, sizeof row.currency.code, "EUR");
    comes(row);
    assert_payment(W, order.id, "requires_action");
    one_case("wrong_currency", 10000);
    sound();
    (void)state;
}

static void a_transfer_to_another_account_of_ours_is_not_matched(void **state) {
    struct order order = open_order();
    struct bank_entry row = entry("b1", 10000, order.reference);
    row.account = "1001244309000012345";
    comes(row);
    assert_payment(W, order.id, "requires_action");
    row_is("b1", "suspense");
    sound();
    (void)state;
}

/* ---- too late ---- */

static void nothing_came_in_time_and_the_payment_ends(void **state) {
    struct order order = open_order();
    int64_t inquiries = world_int(W, "SELECT COUNT(*) FROM inquiry");
    test_clock_advance(9 * DAY_US);
    (void)world_tick(W);
    assert_payment(W, order.id, "requires_action"); /* the days of grace */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM inquiry"), inquiries);
    test_clock_advance(2 * DAY_US);
    (void)world_tick(W);
    (void)world_tick(W);
    assert_payment(W, order.id, "canceled");
    sound();
    (void)state;
}

static void money_that_comes_after_the_end_is_a_late_success(void **state) {
    struct order order = open_order();
    assert_done(W, world_cancel(W, NULL, order.id), 201, "canceled");
    comes(entry("b1", 10000, order.reference));
    assert_payment(W, order.id, "canceled");
    one_case("late_success", 10000);
    assert_text(W, "SELECT review FROM payment", "late_success");
    sound();
    assert_done(W, decide(case_accept, "late_success"), 200, "closed");
    assert_payment(W, order.id, "succeeded");
    assert_int_equal(suspense(), 0);
    sound();
    (void)state;
}

static void each_late_transfer_has_a_case_of_its_own(void **state) {
    struct order order = open_order();
    assert_done(W, world_cancel(W, NULL, order.id), 201, "canceled");
    comes(entry("b1", 10000, order.reference));
    comes(entry("b2", 4000, order.reference));
    one_case("late_success", 10000);
    one_case("late_success", 4000);
    assert_int_equal(suspense(), 14000);
    sound();
    (void)state;
}

static void what_had_come_in_part_when_it_ended_is_accepted_or_sent_back(void **state) {
    struct order order = open_order();
    comes(entry("b1", 8000, order.reference));
    test_clock_advance(11 * DAY_US);
    (void)world_tick(W);
    (void)world_tick(W);
    assert_payment(W, order.id, "canceled");
    one_case("short_payment", 8000);
    row_is("b1", "suspense");
    assert_int_equal(balance("gateway:bank-eu:deposits"), 0);
    assert_int_equal(suspense(), 8000);
    assert_int_equal(world_int(W, "SELECT holds_order FROM payment"), 1);
    sound();
    assert_done(W, decide(case_accept, "short_payment"), 200, "closed");
    assert_payment(W, order.id, "succeeded");
    assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), 8000);
    assert_text(W, "SELECT review FROM payment", "");
    sound();
    (void)state;
}

static void a_part_that_is_sent_back_lets_the_order_go(void **state) {
    char reference[40], operation[40];
    struct order order = open_order();
    comes(entry("b1", 8000, order.reference));
    assert_done(W, world_cancel(W, NULL, order.id), 201, "canceled");
    json_t *json = decide(case_return, "short_payment");
    assert_int_equal(W->status, 202);
    json_decref(json);
    only_payout(reference, operation);
    goes("b2", 8000, reference, "");
    row_is("b2", "paid_out");
    assert_int_equal(suspense(), 0);
    assert_int_equal(balance("gateway:bank-eu:receivable"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE holds_order = 1"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE state = 1"), 0);
    sound();
    (void)state;
}

/* The customer chose a card, and then no gateway could be reached: nothing has paid yet. */
static void the_rule_takes_late_money_only_when_it_is_all_that_was_asked_for(void **state) {
    static const int64_t comes_late[] = {9900, 10000};
    static const char *const becomes[] = {"requires_action", "succeeded"};
    for (size_t i = 0; i < 2; i++) {
        payment_world_forget(W);
        open_banks();
        struct order order = place("order", 10000, "USD");
        fake_say_all(W->fake, "charge", -1, FAKE_REFUSE);
        json_t *json = world_choose(W, NULL, order.id, "pm_portable");
        fake_say_nothing(W->fake);
        assert_string_equal(json_at(json, "action.type"), "choose_method");
        json_decref(json);
        comes(entry("b1", comes_late[i], order.reference));
        test_clock_advance(60 * INT64_C(1000000));
        (void)world_tick(W);
        assert_payment(W, order.id, becomes[i]);
        sound();
    }
    (void)state;
}

static void an_old_order_that_is_paid_after_another_way_was_chosen_goes_back_by_rule(void **state) {
    struct order order = open_order();
    json_t *json = world_choose(W, NULL, order.id, "pm_portable");
    assert_string_equal(json_at(json, "state"), "succeeded");
    json_decref(json);
    comes(entry("b1", 10000, order.reference));
    one_case("late_success", 10000);
    test_clock_advance(60 * INT64_C(1000000));
    (void)world_tick(W);
    json = payouts();
    assert_int_equal(json_array_size(json_object_get(json, "data")), 1);
    assert_string_equal(json_at(json, "data.0.kind"), "return");
    assert_string_equal(json_at(json, "data.0.senders.0.account"), "DE89370400440532013000");
    json_decref(json);
    sound();
    (void)state;
}

/* The present method and an attempt's gateway do not always belong together. */
static void an_attempt_counts_for_the_method_of_its_time(void **state) {
    struct order order = open_order();
    char bank[40];
    char *gateway = world_text(W, "SELECT gateway FROM attempt");
    snprintf(bank, sizeof bank, "%s", gateway);
    free(gateway);
    json_decref(world_choose(W, NULL, order.id, "pm_portable"));
    struct answer answer = {0};
    json_t *json = world_take(W, payment_rates(W->payments, 0, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 2);
    assert_string_equal(json_at(json, "data.0.method"), "card");
    assert_string_equal(json_at(json, "data.0.gateway"), "stripe-a");
    assert_string_equal(json_at(json, "data.1.method"), "bank_transfer");
    assert_string_equal(json_at(json, "data.1.gateway"), bank);
    json_decref(json);
    (void)state;
}

/* ---- nothing explains it ---- */

static void unexplained_money_is_in_suspense_and_matched_by_hand(void **state) {
    struct order order = open_order();
    comes(entry("b1", 10000, "for the blue one"));
    one_case("unmatched_transfer", 10000);
    assert_int_equal(suspense(), 10000);
    sound();
    json_t *json = by_hand("b1", order.id);
    assert_non_null(json);
    assert_string_equal(json_at(json, "payment.state"), "succeeded");
    assert_string_equal(json_at(json, "row.matched_by"), "key:test");
    json_decref(json);
    assert_int_equal(suspense(), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE state = 1"), 0);
    assert_int_equal(balance("gateway:bank-eu:receivable"), 10000);
    sound();
    assert_refused(W, by_hand("b1", order.id), ERR_STATE);
    sound();
    (void)state;
}

static void too_much_matched_by_hand_leaves_the_rest_in_suspense(void **state) {
    struct order order = open_order();
    comes(entry("b1", 10700, "for the blue one"));
    json_decref(by_hand("b1", order.id));
    assert_payment(W, order.id, "succeeded");
    assert_int_equal(suspense(), 700);
    one_case("overpayment", 700);
    sound();
    (void)state;
}

static void matched_by_hand_to_what_is_over_it_becomes_late_money(void **state) {
    struct order order = open_order();
    assert_done(W, world_cancel(W, NULL, order.id), 201, "canceled");
    comes(entry("b1", 10000, "for the blue one"));
    json_decref(by_hand("b1", order.id));
    one_case("late_success", 10000);
    assert_int_equal(suspense(), 10000);
    sound();
    assert_done(W, decide(case_accept, "late_success"), 200, "closed");
    assert_payment(W, order.id, "succeeded");
    sound();
    (void)state;
}

static void what_does_not_fit_is_not_matched_by_hand(void **state) {
    open_banks();
    struct order paid = place("paid", 10000, "USD"), chinese = place("cn", 10000, "CNY");
    comes(entry("b1", 10000, paid.reference));
    comes(entry("b2", 10000, "for the blue one"));
    assert_refused(W, by_hand("b2", paid.id), ERR_STATE);
    assert_refused(W, by_hand("b2", chinese.id), ERR_STATE);
    assert_refused(W, by_hand("b1", paid.id), ERR_STATE);
    assert_refused(W, by_hand("b2", "pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF"), ERR_NOT_FOUND);
    struct order euro = place("euro", 10000, "EUR");
    assert_refused(W, by_hand("b2", euro.id), ERR_STATE);
    assert_payment(W, euro.id, "requires_action");
    char *card = world_paid(W, "card", 500);
    assert_refused(W, by_hand("b2", card), ERR_STATE);
    free(card);
    assert_int_equal(suspense(), 10000);
    sound();
    (void)state;
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_customer_is_told_where_to_pay_and_until_when),
        cmocka_unit_test(an_account_takes_only_its_currencies),
        cmocka_unit_test(what_was_asked_for_pays),
        cmocka_unit_test(the_virtual_account_alone_is_enough),
        cmocka_unit_test(a_virtual_account_and_a_reference_that_differ_are_nobodys),
        cmocka_unit_test(less_than_asked_for_is_shown_and_waits_for_the_rest),
        cmocka_unit_test(what_banks_on_the_way_kept_is_given_up_within_the_tolerance),
        cmocka_unit_test(a_tolerance_does_not_pay_what_is_smaller_than_it),
        cmocka_unit_test(what_is_too_much_waits_for_a_person),
        cmocka_unit_test(what_comes_again_for_what_is_paid_is_all_too_much),
        cmocka_unit_test(another_currency_waits_for_a_person),
        cmocka_unit_test(a_transfer_to_another_account_of_ours_is_not_matched),
        cmocka_unit_test(nothing_came_in_time_and_the_payment_ends),
        cmocka_unit_test(money_that_comes_after_the_end_is_a_late_success),
        cmocka_unit_test(each_late_transfer_has_a_case_of_its_own),
        cmocka_unit_test(what_had_come_in_part_when_it_ended_is_accepted_or_sent_back),
        cmocka_unit_test(a_part_that_is_sent_back_lets_the_order_go),
        cmocka_unit_test(the_rule_takes_late_money_only_when_it_is_all_that_was_asked_for),
        cmocka_unit_test(an_old_order_that_is_paid_after_another_way_was_chosen_goes_back_by_rule),
        cmocka_unit_test(an_attempt_counts_for_the_method_of_its_time),
        cmocka_unit_test(unexplained_money_is_in_suspense_and_matched_by_hand),
        cmocka_unit_test(too_much_matched_by_hand_leaves_the_rest_in_suspense),
        cmocka_unit_test(matched_by_hand_to_what_is_over_it_becomes_late_money),
        cmocka_unit_test(what_does_not_fit_is_not_matched_by_hand),
    };
    return payment_world_run("bank", tests, COUNT_OF(tests));
}
