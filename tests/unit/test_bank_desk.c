/* SPDX-License-Identifier: Apache-2.0
 * test_bank_desk.c: bank accounts and the rows of their statements: how they are configured and
 * taken in, what goes out, and what the bank takes back. */
#include "bank_fixture.h"

/* ---- configuration ---- */

/* What is wrong with an account that has these options besides; "": nothing. */
static void configured(const char *base_url, const char *name, const char *value,
                       const char *says) {
    static const char *const currencies[] = {"EUR"};
    struct gateway_settings settings = {
        .name = "bank",
        .adapter = "bank",
        .base_url = base_url,
        .options = {{"account_holder", "Shop"}, {"bank", "Test"}, {name, value}},
        .option_count = 3,
        .currencies = currencies,
        .currency_count = strcmp(value, "no currency") == 0 ? 0 : 1,
    };
    if (strcmp(name, "account") != 0 && says[0] != 'i') {
        settings.options[3].name = "account";
        settings.options[3].value = "DE02";
        settings.option_count = 4;
    }
    struct gateway_registry *registry = NULL;
    struct err err = {0};
    int r = gateway_registry_open(&settings, 1, &registry, &err);
    if (says[0] == '\0') {
        assert_int_equal(r, 0);
        gateway_registry_close(registry);
        return;
    }
    if (r != -ERR_CONFIG || strstr(err.detail, says) == NULL) {
        fail_msg("%s = %s: \"%s\"", name, value, err.detail);
    }
}

static void an_account_is_configured_whole_or_not_at_all(void **state) {
    configured(NULL, "bic", "BYLADEM1001", "");
    configured("", "virtual_prefix", "9900", "");
    configured("https://bank.example", "bic", "X", "no address");
    configured(NULL, "bic", "BYLADEM1001", "is missing; bank needs it");
    configured(NULL, "account", "no currency", "needs the currencies");
    configured(NULL, "account", "DE02*", "letters and digits");
    configured(NULL, "days", "0", "from 1 to 90");
    configured(NULL, "days", "seven", "from 1 to 90");
    configured(NULL, "days", "99999999999", "from 1 to 90");
    configured(NULL, "grace_days", "-1", "from 0 to 90");
    configured(NULL, "short_minor_max", "100001", "from 0 to");
    configured(NULL, "virtual_digits", "7", "from 8 to 18");
    configured(NULL, "virtual_prefix", "99A", "made of digits");
    configured(NULL, "virtual_prefix", "99000000000000000000000", "at most 34");
    configured(NULL, "cnaps", "1\n2", "control character");
    configured(NULL, "colour", "red", "has no option");
    (void)state;
}

/* ---- taken in ---- */

static void the_same_row_twice_changes_nothing(void **state) {
    struct order order = open_order();
    struct bank_entry row = entry("b1", 4000, order.reference);
    comes(row);
    json_t *json = take_rows(&row, 1);
    assert_int_equal(int_at(json, "taken"), 0);
    assert_int_equal(int_at(json, "known"), 1);
    json_decref(json);
    (void)world_tick(W);
    assert_int_equal(balance("gateway:bank-eu:deposits"), -4000);
    sound();
    (void)state;
}

static void the_same_row_with_another_content_is_refused_and_nothing_is_taken(void **state) {
    open_banks();
    struct bank_entry rows[3] = {entry("b0", 100, ""), entry("b1", 4000, ""), entry("b2", 1, "")};
    comes(rows[1]);
    rows[1].amount_minor = 4001;
    rows[1].line = 12;
    assert_refused(W, take_rows(rows, 3), ERR_EXISTS);
    assert_non_null(strstr(W->err.detail, "line 12"));
    assert_string_equal(W->err.place, "/rows/1");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM bank_row"), 1);
    sound();
    (void)state;
}

static void rows_that_are_wrong_are_refused_with_their_lines(void **state) {
    open_banks();
    struct bank_entry bad[17];
    for (int i = 0; i < 17; i++) {
        bad[i] = entry("b1", 100, "");
    }
    bad[0].bank_id = "";
    bad[1].bank_id = "with blank";
    bad[2].bank_id = "01234567890123456789012345678901234567890123456789012345678901234";
    bad[3].booked_on = "2026-02-30";
    bad[4].booked_on = "22.11.2026";
    bad[5].booked_on = "";
    bad[6].valued_on = "2026-13-01";
    bad[7].amount_minor = 0;
    bad[8].amount_minor = -5;
    bad[9].amount_minor = BANK_ROW_MINOR_MAX + 1;
    bad[10].account = "DE00";
    bad[11].account = "";
    bad[12].account = "DE02;DROP";
    bad[13].party_account = "a=b";
    bad[14].reverses = "b0";
    bad[15].virtual_account = "12345678";
    bad[16].booked_on = "2026-11-22T10";
    for (int i = 0; i < 17; i++) {
        bad[i].line = 100 + i;
        struct bank_entry rows[2] = {entry("good", 100, ""), bad[i]};
        char line[16];
        json_t *json = take_rows(rows, 2);
        if (json != NULL) {
            fail_msg("row %d was taken", i);
        }
        assert_int_equal(W->result, -ERR_VALIDATION);
        snprintf(line, sizeof line, "line %d", 100 + i);
        assert_non_null(strstr(W->err.detail, line));
    }
    assert_refused(W, take_rows(bad, 0), ERR_VALIDATION);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM bank_row"), 0);
    sound();
    (void)state;
}

static void account_numbers_are_sealed_and_card_numbers_masked(void **state) {
    open_banks();
    comes(entry("b1", 100, "card 4242424242424242 thanks"));
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM bank_row WHERE remittance LIKE '%4242424%'"), 0);
    assert_text(W, "SELECT party_account FROM bank_row", "DE89…3000");
    assert_int_equal(world_int(W,
                               "SELECT COUNT(*) FROM bank_row WHERE party_sealed LIKE '%3704%' OR "
                               "party_sealed = ''"),
                     0);
    struct bank_entry card = entry("b2", 100, "an account whose number is a card's");
    card.party_account = "4242 4242 4242 4242";
    comes(card);
    assert_text(W, "SELECT party_sealed FROM bank_row WHERE bank_id = 'b2'", "");
    assert_text(W, "SELECT party_account FROM bank_row WHERE bank_id = 'b2'", "4242…4242");
    (void)state;
}

/* ---- money that goes out ---- */

static void a_refund_waits_until_the_banks_row_says_that_it_was_paid(void **state) {
    char reference[40], operation[40];
    struct order order = paid_order();
    assert_done(W, world_refund(W, NULL, order.id, 3000), 202, "pending");
    only_payout(reference, operation);
    json_t *json = payouts();
    assert_string_equal(json_at(json, "data.0.senders.0.account"), "DE89370400440532013000");
    assert_string_equal(json_at(json, "data.0.sent_by"), "null");
    json_decref(json);
    json = sent(operation, "");
    assert_string_equal(json_at(json, "sent_by"), "key:test");
    assert_string_equal(json_at(json, "senders.0.account"), "DE89…3000");
    json_decref(json);
    assert_refused(W, sent(operation, ""), ERR_STATE);
    test_clock_advance(30 * DAY_US);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 0);
    goes("b2", 2999, reference, "");
    one_case("unexplained_debit", 2999);
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 0);
    goes("b3", 3000, reference, "");
    row_is("b3", "paid_out");
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 3000);
    assert_int_equal(balance("merchant:refunds"), 3000);
    goes("b4", 3000, reference, ""); /* paid twice: never counted twice */
    one_case("unexplained_debit", 3000);
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 3000);
    sound();
    (void)state;
}

static void a_payout_that_the_other_bank_sends_back_is_a_failed_refund(void **state) {
    char reference[40], operation[40];
    struct order order = paid_order();
    assert_done(W, world_refund(W, NULL, order.id, 3000), 202, "pending");
    only_payout(reference, operation);
    goes("b2", 3000, reference, "");
    comes(entry("b3", 3000, reference));
    row_is("b3", "came_back");
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 0);
    assert_int_equal(balance("gateway:bank-eu:receivable"), 10000);
    assert_text(W, "SELECT CAST(state AS text) FROM operation", "5");
    sound();
    (void)state;
}

static void refunds_never_exceed_what_came(void **state) {
    struct order order = open_order();
    comes(entry("b1", 12000, order.reference));
    assert_done(W, world_refund(W, NULL, order.id, 7000), 202, "pending");
    assert_refused(W, world_refund(W, NULL, order.id, 3001), ERR_AMOUNT);
    sound();
    (void)state;
}

static void of_several_senders_a_person_names_the_one_who_is_paid(void **state) {
    char reference[40], operation[40];
    struct order order = open_order();
    comes(entry("b1", 6000, order.reference));
    struct bank_entry other = entry("b2", 4000, order.reference);
    other.party_name = "Her brother";
    other.party_account = "GB33BUKB20201555555555";
    comes(other);
    assert_done(W, world_refund(W, NULL, order.id, 4000), 202, "pending");
    only_payout(reference, operation);
    assert_refused(W, sent(operation, ""), ERR_VALIDATION);
    assert_refused(W, sent(operation, "bkr_01JD5R6Q6Y0V3M8X2K4N7T9BCF"), ERR_VALIDATION);
    char *row = world_text(W, "SELECT id FROM bank_row WHERE bank_id = 'b2'");
    json_t *json = sent(operation, row);
    assert_string_equal(json_at(json, "sent_to"), row);
    json_decref(json);
    free(row);
    sound();
    (void)state;
}

/* ---- money that the bank takes back ---- */

static void a_part_that_is_taken_back_is_missing_again(void **state) {
    struct order order = open_order();
    comes(entry("b1", 6000, order.reference));
    goes("b2", 6000, "", "b1");
    row_is("b1", "taken_back");
    row_is("b2", "takes_back");
    json_t *json = world_get(W, order.id);
    assert_int_equal(int_at(json, "action.bank_transfer.missing"), 10000);
    json_decref(json);
    assert_int_equal(balance("gateway:bank-eu:receivable"), 0);
    assert_int_equal(balance("gateway:bank-eu:deposits"), 0);
    sound();
    comes(entry("b3", 10000, order.reference));
    assert_payment(W, order.id, "succeeded");
    sound();
    (void)state;
}

static void what_paid_and_is_taken_back_is_a_case_that_becomes_a_refund(void **state) {
    struct order order = paid_order();
    goes("b2", 10000, "", "b1");
    one_case("transfer_reversed", 10000);
    assert_payment(W, order.id, "succeeded");
    assert_int_equal(balance("gateway:bank-eu:receivable"), 0);
    sound();
    assert_done(W, decide(case_accept, "transfer_reversed"), 200, "closed");
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 10000);
    sound();
    (void)state;
}

static void a_row_of_another_amount_takes_nothing_back(void **state) {
    struct order order = open_order();
    comes(entry("b1", 6000, order.reference));
    goes("b2", 5999, "", "b1");
    row_is("b1", "matched");
    one_case("unexplained_debit", 5999);
    comes(entry("b3", 700, "who am I"));
    goes("b4", 701, "", "b3");
    one_case("unmatched_transfer", 700);
    one_case("unexplained_debit", 701);
    sound();
    (void)state;
}

static void unexplained_money_that_is_taken_back_closes_its_case(void **state) {
    open_banks();
    comes(entry("b1", 10000, "who am I"));
    goes("b2", 10000, "", "b1");
    row_is("b2", "takes_back");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE state = 1"), 0);
    assert_int_equal(suspense(), 0);
    sound();
    goes("b3", 10000, "", "b1");
    one_case("unexplained_debit", 10000);
    goes("b4", 10, "", "b1");
    one_case("unexplained_debit", 10);
    goes("b5", 20, "", "never-seen");
    one_case("unexplained_debit", 20);
    sound();
    (void)state;
}

static void a_row_waits_for_an_order_that_is_being_closed(void **state) {
    struct order order = open_order();
    struct bank_entry row = entry("b1", 10000, order.reference);
    json_decref(take_rows(&row, 1));
    (void)world_int(W, "SELECT COUNT(*) FROM job");
    engine_exec(&W->engine,
                "INSERT INTO operation (id, payment_id, attempt_id, kind, state, gateway, "
                "amount_minor, currency, final, to_original, reason, actor, retry_of, outcome, "
                "source, refund_id, code, common_code, message, trace, was_unknown, tries, owner, "
                "lease_us, created_us, updated_us, target) SELECT 're_x', payment_id, id, 2, 3, "
                "gateway, 0, currency, 1, 1, '', '', '', 0, '', '', '', '', '', '', 1, 1, '', 0, "
                "created_us, created_us, '' FROM attempt");
    (void)world_tick(W);
    row_is("b1", "new");
    engine_exec(&W->engine, "UPDATE operation SET state = 5");
    test_clock_advance(6 * INT64_C(1000000));
    (void)world_tick(W);
    row_is("b1", "matched");
    assert_payment(W, order.id, "succeeded");
    (void)state;
}

static void accounts_say_what_waits_on_them(void **state) {
    struct order order = open_order();
    comes(entry("b1", 100, order.reference));
    comes(entry("b2", 100, "?"));
    struct answer answer = {0};
    json_t *json = world_take(W, bank_account_list(W->payments, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 2);
    assert_int_equal(int_at(json, "data.0.waiting_payments"), 1);
    assert_int_equal(int_at(json, "data.0.unmatched_rows"), 1);
    assert_string_equal(json_at(json, "data.0.last_row_on"), "2026-11-22");
    assert_string_equal(json_at(json, "data.1.cnaps"), "102290024433");
    json_decref(json);
    (void)state;
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_is_configured_whole_or_not_at_all),
        cmocka_unit_test(the_same_row_twice_changes_nothing),
        cmocka_unit_test(the_same_row_with_another_content_is_refused_and_nothing_is_taken),
        cmocka_unit_test(rows_that_are_wrong_are_refused_with_their_lines),
        cmocka_unit_test(account_numbers_are_sealed_and_card_numbers_masked),
        cmocka_unit_test(a_refund_waits_until_the_banks_row_says_that_it_was_paid),
        cmocka_unit_test(a_payout_that_the_other_bank_sends_back_is_a_failed_refund),
        cmocka_unit_test(refunds_never_exceed_what_came),
        cmocka_unit_test(of_several_senders_a_person_names_the_one_who_is_paid),
        cmocka_unit_test(a_part_that_is_taken_back_is_missing_again),
        cmocka_unit_test(what_paid_and_is_taken_back_is_a_case_that_becomes_a_refund),
        cmocka_unit_test(a_row_of_another_amount_takes_nothing_back),
        cmocka_unit_test(unexplained_money_that_is_taken_back_closes_its_case),
        cmocka_unit_test(a_row_waits_for_an_order_that_is_being_closed),
        cmocka_unit_test(accounts_say_what_waits_on_them),
    };
    return payment_world_run("bank_desk", tests, COUNT_OF(tests));
}
