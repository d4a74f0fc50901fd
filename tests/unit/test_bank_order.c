/* SPDX-License-Identifier: Apache-2.0
 * test_bank_order.c: statements that are taken in in another order than the bank wrote them. */
#include "bank_fixture.h"

static void payment_is(const char *id, const char *state, int64_t received) {
    struct answer answer = {0};
    json_t *json = world_take(W, payment_get(W->payments, id, &answer, &W->err), &answer);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), state);
    if (received >= 0) {
        assert_int_equal(int_at(json, "action.bank_transfer.received"), received);
    }
    json_decref(json);
}

static void a_transfer_that_was_taken_back_before_it_came_pays_nothing(void **state) {
    (void)state;
    open_banks();
    struct order order = place("order", 10000, "USD");
    goes("back", 10000, "returned", "there");
    one_case("unexplained_debit", 10000);
    comes(entry("there", 10000, order.reference));
    payment_is(order.id, "requires_action", 0);
    row_is("there", "taken_back");
    row_is("back", "takes_back");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE state = 1"), 0);
    assert_int_equal(balance("gateway:bank-eu:receivable"), 0);
    assert_int_equal(balance("gateway:bank-eu:deposits"), 0);
    assert_int_equal(suspense(), 0);
    comes(entry("again", 10000, order.reference));
    payment_is(order.id, "succeeded", -1);
    assert_int_equal(balance("gateway:bank-eu:receivable"), 10000);
    world_verify(W);
}

static void one_of_another_amount_is_not_what_was_taken_back(void **state) {
    (void)state;
    open_banks();
    struct order order = place("order", 10000, "USD");
    goes("back", 9000, "returned", "there");
    comes(entry("there", 10000, order.reference));
    payment_is(order.id, "succeeded", -1);
    one_case("unexplained_debit", 9000);
    assert_int_equal(balance("gateway:bank-eu:receivable"), 1000);
    world_verify(W);
}

/* 3,000 of 10,000 are to be paid out, and come back before the bank says that they went. */
static void comes_home(char ret_reference[40]) {
    char operation[40];
    open_banks();
    struct order order = place("order", 10000, "USD");
    comes(entry("there", 10000, order.reference));
    json_decref(world_refund(W, NULL, order.id, 3000));
    only_payout(ret_reference, operation);
    comes(entry("home", 3000, ret_reference));
    row_is("home", "new");
}

static void a_payout_that_came_back_before_it_went_waits_for_its_own_row(void **state) {
    char reference[40];
    (void)state;
    comes_home(reference);
    goes("out", 3000, reference, "");
    test_clock_advance(DAY_US);
    (void)world_tick(W);
    row_is("out", "paid_out");
    row_is("home", "came_back");
    assert_int_equal(world_int(W, "SELECT state FROM operation WHERE kind = 3"), 5); /* failed */
    assert_int_equal(balance("gateway:bank-eu:receivable"), 10000);
    assert_int_equal(suspense(), 0);
    world_verify(W);
}

static void one_whose_payout_never_goes_is_for_a_person(void **state) {
    char reference[40];
    (void)state;
    comes_home(reference);
    test_clock_advance(4 * DAY_US);
    (void)world_tick(W);
    row_is("home", "suspense");
    one_case("unmatched_transfer", 3000);
    world_verify(W);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_that_was_taken_back_before_it_came_pays_nothing),
        cmocka_unit_test(one_of_another_amount_is_not_what_was_taken_back),
        cmocka_unit_test(a_payout_that_came_back_before_it_went_waits_for_its_own_row),
        cmocka_unit_test(one_whose_payout_never_goes_is_for_a_person),
    };
    return payment_world_run("bank_order", tests, COUNT_OF(tests));
}
