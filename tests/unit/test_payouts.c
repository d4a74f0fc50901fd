/* SPDX-License-Identifier: Apache-2.0
 * test_payouts.c: a gateway's payout and the bank's line for it, whichever is told first, on both
 * engines. */
#include "own_fixture.h"

#include "plans.h"

/* A statement of one payout. */
static char *pays_out(const char *id, int day, int64_t minor) {
    struct file file;
    file_begin(&file);
    file_row(&file, id, "payout", day, -minor, 0, "");
    return file_take(&file, "");
}

static void arrives(int day, const char *bank_id, int64_t minor, const char *text) {
    struct bank_file file;
    bank_begin(&file, day, 100000);
    bank_row(&file, bank_id, minor, text);
    (void)bank_take(&file);
}

/* Nothing waits for anybody: no break, no case, no money in suspense. */
static void assert_settled(int64_t at_bank) {
    only_breaks("bank_missing", 0);
    assert_int_equal(open_cases(), 0);
    assert_int_equal(suspense(), 0);
    assert_int_equal(balance(AT_BANK), at_bank);
    assert_int_equal(balance(IN_TRANSIT), 0);
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 0);
    world_check(W);
}

static void a_payout_is_expected_and_found_by_its_name(void **state) {
    (void)state;
    start_own();
    free(pays_out("po_000001", 0, 50000));
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 1);
    assert_int_equal(world_int(W, LIVE_BREAKS), 0);
    days_pass(2);
    arrives(2, "BR1", 50000, "STRIPE PAYOUT PO_000002, PO_000001X");
    assert_int_equal(in_class("bank-eu", "matched", "our_rows"), 1); /* by its amount */
    assert_settled(50000);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM bank_row"), 0);
}

static void a_name_is_found_in_the_text_however_late_it_comes(void **state) {
    (void)state;
    start_own();
    free(pays_out("po_000001", 0, 50000));
    days_pass(2);
    test_clock_advance(28 * DAY_US);
    arrives(30, "BR1", 50000, "STRIPE (po_000001), thanks");
    assert_int_equal(in_class("bank-eu", "matched", "our_rows"), 1);
    char *rule = world_text(W, "SELECT rule FROM movement WHERE side = 1 AND gateway = 'bank-eu'");
    assert_string_equal(rule, "the bank's line names the payout");
    free(rule);
    assert_settled(50000);
}

static void a_payout_that_does_not_arrive_is_missing_when_its_time_is_over(void **state) {
    (void)state;
    start_own();
    free(pays_out("po_000001", 0, 50000)); /* a Monday: three business days end with Thursday */
    test_clock_advance(first_us + 4 * DAY_US - clock_wall_us() - 5 * US_PER_SECOND);
    run_asked("bank-eu");
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 1);
    only_breaks("bank_missing", 0);
    test_clock_advance(5 * US_PER_SECOND);
    run_asked("bank-eu");
    only_breaks("bank_missing", 1);
    assert_int_equal(world_int(W, "SELECT difference_minor FROM recon_break"), -50000);
    days_pass(1);
    arrives(5, "BR1", 50000, "STRIPE");
    assert_settled(50000);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break WHERE state = 3"), 1);
}

static void another_amount_than_was_paid_out_is_a_break(void **state) {
    (void)state;
    start_own();
    free(pays_out("po_000001", 0, 50000));
    days_pass(1);
    arrives(1, "BR1", 49000, "STRIPE PO po_000001");
    only_breaks("payout", 1);
    assert_int_equal(world_int(W, "SELECT difference_minor FROM recon_break"), -1000);
    assert_int_equal(open_cases(), 0);
}

/* Named both, or named by nothing but their sum. */
static void several_payouts_may_be_one_line(void **state) {
    (void)state;
    static const char *const texts[] = {"po_000001 AND po_000002", "STRIPE PAYMENTS UK"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        payment_world_forget(W);
        start_own();
        free(pays_out("po_000001", 0, 50000));
        free(pays_out("po_000002", 1, 20000));
        free(pays_out("po_000003", 2, 1000));
        assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 3);
        days_pass(2);
        arrives(2, "BR1", 70000, texts[i]);
        assert_int_equal(in_class("bank-eu", "matched", "our_rows"), 2);
        assert_int_equal(in_class("bank-eu", "matched", "their_rows"), 1);
        assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 1);
        assert_int_equal(world_int(W, LIVE_BREAKS), 0);
        assert_int_equal(open_cases(), 0);
    }
}

/* Two sums that fit: nobody guesses. */
static void a_sum_that_may_be_two_is_none(void **state) {
    (void)state;
    start_own();
    free(pays_out("po_000001", 0, 500));
    free(pays_out("po_000002", 1, 200));
    free(pays_out("po_000003", 2, 500));
    days_pass(2);
    arrives(2, "BR1", 700, "STRIPE");
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 3);
    one_case("unmatched_transfer", 700); /* a person looks at it, once */
    assert_int_equal(world_int(W, LIVE_BREAKS), 0);
}

/* Two payouts of one amount, and one line of it. */
static void of_equal_payouts_none_is_taken_by_its_amount(void **state) {
    (void)state;
    start_own();
    free(pays_out("po_000001", 0, 500));
    free(pays_out("po_000002", 1, 500));
    days_pass(2);
    arrives(2, "BR1", 500, "STRIPE");
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 2);
    only_breaks("bank_unknown", 1);
    assert_int_equal(open_cases(), 0);
}

/* The bank tells it before the gateway does: it was taken for a customer's transfer. */
static void a_line_in_suspense_turns_out_to_be_a_payout(void **state) {
    (void)state;
    start_own();
    arrives(1, "BR1", 50000, "STRIPE PO po_000001");
    one_case("unmatched_transfer", 50000);
    assert_int_equal(suspense(), 50000);
    assert_int_equal(in_class("bank-eu", "matched", "their_rows"), 1); /* with its suspense */
    assert_int_equal(world_int(W, LIVE_BREAKS), 0);
    free(pays_out("po_000001", 0, 50000));
    row_is("BR1", "payout");
    assert_settled(50000);
    run_asked("bank-eu");
    assert_settled(50000);
}

static void what_a_person_has_decided_about_stays_so(void **state) {
    (void)state;
    start_own();
    arrives(1, "BR1", 50000, "STRIPE PO po_000001");
    json_decref(decide(case_close, "unmatched_transfer"));
    free(pays_out("po_000001", 0, 50000));
    row_is("BR1", "suspense");
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 1);
}

static void the_bank_s_file_again_puts_nothing_in_suspense(void **state) {
    (void)state;
    start_own();
    free(pays_out("po_000001", 0, 50000));
    days_pass(1);
    struct bank_file file;
    bank_begin(&file, 1, 0);
    bank_row(&file, "BR1", 50000, "STRIPE");
    (void)bank_take(&file);
    assert_settled(50000);
    struct given again = given_file("bank-eu", "bank-1.sta", file.text, file.used);
    hand_in(&again);
    (void)world_tick(W);
    assert_settled(50000);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM bank_row"), 0);
}

/* A customer's transfer is matched with what it was booked as, and is no break; what nothing
 * explains is one. */
static void the_bank_s_other_rows_are_told_apart(void **state) {
    (void)state;
    start_own();
    free(pays_out("po_000001", 0, 50000));
    struct order order = place("order", 10000, "USD");
    days_pass(1);
    struct bank_file file;
    bank_begin(&file, 1, 0);
    bank_row(&file, "BR1", 12000, order.reference); /* 20.00 too much */
    bank_row(&file, "BR2", 50000, "po_000001");
    bank_row(&file, "BR3", 777, "GIFT");
    bank_row(&file, "BR4", -500, "ACCOUNT FEE");
    int64_t closing = bank_take(&file);
    run_asked("bank-eu");
    assert_payment(W, order.id, "succeeded");
    only_breaks("bank_unknown", 1); /* the bank's fee */
    assert_int_equal(world_int(W, "SELECT their_minor FROM recon_break"), -500);
    assert_int_equal(open_cases(), 2); /* the overpayment and the gift */
    assert_int_equal(balance(AT_BANK), 62777);
    /* What the bank has less is the fee that is a break. */
    json_t *json = last_run("bank-eu");
    const json_t *told = json_array_get(
        json_object_get(json_object_get(json, "figures"), "balances"), 0);
    assert_int_equal(int_at(told, "closing"), closing);
    assert_int_equal(int_at(told, "ours"), 62777);
    assert_true(json_is_true(json_object_get(told, "proved")));
    assert_int_equal(json_array_size(json_object_get(told, "items")), 1);
    assert_string_equal(json_at(told, "items.0.item"), "bank_unknown");
    json_decref(json);
}

/* The bank's line is open again when the payout turns out never to have been. */
static void a_payout_that_is_taken_back_lets_go_of_its_line(void **state) {
    (void)state;
    start_own();
    char *id = pays_out("po_000001", 0, 50000);
    days_pass(1);
    arrives(1, "BR1", 50000, "STRIPE");
    assert_settled(50000);
    withdraw(id);
    run_asked("bank-eu");
    only_breaks("bank_unknown", 1);
    assert_int_equal(balance(AT_BANK), 0);
    free(id);
}

/* Without an account of ours that it is known to pay out to, it is on its way. */
static void a_payout_to_an_unknown_account_stays_on_its_way(void **state) {
    (void)state;
    start_own();
    recon_sources[0].pays_out_to = NULL;
    recon_restart();
    free(pays_out("po_000001", 0, 50000));
    assert_int_equal(balance(IN_TRANSIT), 50000);
    assert_int_equal(balance(AT_BANK), 0);
    recon_sources[0].pays_out_to = "bank-eu";
}

/* decisions/0038; of gateways test_recon_plans.c. */
static void no_text_of_a_bank_s_run_walks_through_all_there_ever_was(void **state) {
    if (W->engine.engine != STORE_SQLITE) {
        skip();
    }
    start_own();
    plans_begin();
    arrives(1, "BR1", 50000, "STRIPE PO po_000001"); /* taken for a customer's transfer */
    free(pays_out("po_000001", 0, 50000));
    free(pays_out("po_000002", 1, 20000));
    free(pays_out("po_000003", 2, 1000));
    days_pass(2);
    arrives(2, "BR2", 21000, "STRIPE PAYMENTS UK");
    run_asked("bank-eu");
    plans_end(100);
}

static void a_configuration_that_cannot_be_is_refused(void **state) {
    (void)state;
    static const unsigned many = 61;
    static const struct {
        struct source_settings settings;
        const char *what;
    } bad[] = {
        {{.gateway = "stripe-a", .pays_out_to = "nobody"}, "no bank account of ours"},
        {{.gateway = "stripe-a", .pays_out_to = "stripe-a"}, "no bank account of ours"},
        {{.gateway = "bank-eu", .pays_out_to = "bank-eu"}, "to itself"},
        {{.gateway = "stripe-a", .pays_out_days = &many}, "0 to 60"},
    };
    open_banks();
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct source sources[GATEWAYS_MAX];
        struct err err = {0};
        int count = 0;
        assert_int_equal(
            sources_open(W->registry, &bad[i].settings, 1, sources, &count, &err), -ERR_CONFIG);
        assert_non_null(strstr(err.detail, bad[i].what));
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        OWN_TEST(a_payout_is_expected_and_found_by_its_name),
        OWN_TEST(a_name_is_found_in_the_text_however_late_it_comes),
        OWN_TEST(a_payout_that_does_not_arrive_is_missing_when_its_time_is_over),
        OWN_TEST(another_amount_than_was_paid_out_is_a_break),
        OWN_TEST(several_payouts_may_be_one_line),
        OWN_TEST(a_sum_that_may_be_two_is_none),
        OWN_TEST(of_equal_payouts_none_is_taken_by_its_amount),
        OWN_TEST(a_line_in_suspense_turns_out_to_be_a_payout),
        OWN_TEST(what_a_person_has_decided_about_stays_so),
        OWN_TEST(the_bank_s_file_again_puts_nothing_in_suspense),
        OWN_TEST(the_bank_s_other_rows_are_told_apart),
        OWN_TEST(a_payout_that_is_taken_back_lets_go_of_its_line),
        OWN_TEST(a_payout_to_an_unknown_account_stays_on_its_way),
        OWN_TEST(no_text_of_a_bank_s_run_walks_through_all_there_ever_was),
        OWN_TEST(a_configuration_that_cannot_be_is_refused),
    };
    return payment_world_run("payouts and the bank", tests, COUNT_OF(tests));
}
