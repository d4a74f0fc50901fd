/* SPDX-License-Identifier: Apache-2.0
 * test_whose.c: another account's statement is refused whole, with both accounts and what to do;
 * one that tells none passes, and that is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recon/sources.h"
#include "recon/whose.h"

static struct err err;
static struct gateway_adapter adapters[] = {
    {.name = "alipay"}, {.name = "bank"}, {.name = "paypal"}, {.name = "unionpay"},
    {.name = "wechatpay"}};
static struct gateway gateways[16];
static struct source sources[16];
static int count;

static int begin(void **state) {
    (void)state;
    memset(gateways, 0, sizeof gateways);
    memset(sources, 0, sizeof sources);
    count = 0;
    return 0;
}

static struct source *given(const char *name, const char *adapter, const char *option,
                            const char *value) {
    struct gateway *gateway = &gateways[count];
    snprintf(gateway->name, sizeof gateway->name, "%s", name);
    for (size_t i = 0; i < COUNT_OF(adapters); i++) {
        if (strcmp(adapters[i].name, adapter) == 0) {
            gateway->adapter = &adapters[i];
        }
    }
    assert_non_null(gateway->adapter);
    if (option != NULL) {
        snprintf(gateway->options[0].name, sizeof gateway->options[0].name, "%s", option);
        snprintf(gateway->options[0].value, sizeof gateway->options[0].value, "%s", value);
        gateway->option_count = 1;
    }
    sources[count].gateway = gateway;
    return &sources[count++];
}

static int check(const struct source *source, const char *const *accounts,
                 enum whose_verdict *ret_verdict) {
    struct whose *whose = calloc(1, sizeof *whose);
    assert_non_null(whose);
    for (int i = 0; accounts[i] != NULL; i++) {
        whose_add(whose, accounts[i]);
    }
    err = (struct err){0};
    int r = whose_check(whose, "bill.csv", source, sources, count, ret_verdict, &err);
    free(whose);
    return r;
}

static int check_one(const struct source *source, const char *account) {
    enum whose_verdict verdict = WHOSE_NOT_TOLD;
    const char *const accounts[] = {account, NULL};
    int r = check(source, accounts, &verdict);
    assert_int_equal(verdict, r < 0 ? WHOSE_OTHER : WHOSE_SAME);
    return r;
}

static void the_account_of_each_format_is_held_against_its_option(void **state) {
    static const struct {
        const char *adapter, *option, *value, *told;
        bool same;
    } cases[] = {
        {"wechatpay", "mchid", "1900000001", "1900000001", true},
        {"wechatpay", "mchid", "1900000001", "1900000002", false},
        {"wechatpay", "mchid", "1900000001", "19000000010", false},
        {"wechatpay", "mchid", "1900000001", "19000000010156", false},
        {"alipay", "seller_id", "2088000000000001", "20880000000000010156", true},
        {"alipay", "seller_id", "2088000000000001", "2088000000000001", true},
        {"alipay", "seller_id", "2088000000000001", "20880000000000020156", false},
        {"alipay", "seller_id", "2088000000000001", "20880000000000010157", false},
        {"unionpay", "merchant_id", "777290058110048", "777290058110048", true},
        {"unionpay", "merchant_id", "777290058110048", "777290058110049", false},
        {"bank", "account", "DE02 1203 0000 0000 2020 51", "de02120300000000202051", true},
        {"bank", "account", "DE02 1203 0000 0000 2020 51", "DE02 5001 0517 0137 0750 30", false},
        {"bank", "account", "12030000/202051", "12030000 202051", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        begin(state);
        const struct source *source = given("here", cases[i].adapter, cases[i].option,
                                            cases[i].value);
        if ((check_one(source, cases[i].told) == 0) != cases[i].same) {
            fail_msg("%s and %s", cases[i].value, cases[i].told);
        }
    }
}

static void a_refusal_tells_both_and_what_to_do(void **state) {
    (void)state;
    const struct source *here = given("wechat-cn", "wechatpay", "mchid", "1900000001");
    (void)given("wechat-hk", "wechatpay", "mchid", "1900000002");
    assert_int_equal(check_one(here, "1900000002"), -ERR_VALIDATION);
    assert_string_equal(err.detail, "bill.csv is of the account 1900000002, and wechat-cn is "
                                    "1900000001 (mchid)");
    assert_non_null(strstr(err.hint, "--gateway wechat-hk"));
    assert_int_equal(check_one(here, "1900000003"), -ERR_VALIDATION);
    assert_non_null(strstr(err.hint, "statements.accounts"));
    assert_null(strstr(err.hint, "wechat-hk"));
    /* I9: what is a card's number is not repeated. */
    assert_int_equal(check_one(here, "4242424242424242"), -ERR_VALIDATION);
    assert_null(strstr(err.detail, "4242424242424242"));
}

static void names_that_are_configured_count_as_well(void **state) {
    (void)state;
    static const char *const names[] = {"MERCHANT1", "Shop_EU"};
    struct source *paypal = given("paypal-eu", "paypal", NULL, NULL);
    enum whose_verdict verdict = WHOSE_SAME;
    const char *const other[] = {"MERCHANT2", NULL}, *const both[] = {"Shop_EU", "MERCHANT1", NULL};
    assert_int_equal(check(paypal, other, &verdict), 0);
    assert_int_equal(verdict, WHOSE_NOT_CONFIGURED);
    paypal->accounts = names;
    paypal->account_count = 2;
    assert_int_equal(check(paypal, both, &verdict), 0);
    assert_int_equal(verdict, WHOSE_SAME);
    assert_int_equal(check_one(paypal, "MERCHANT2"), -ERR_VALIDATION);
    assert_non_null(strstr(err.detail, "MERCHANT1 (statements.accounts), Shop_EU"));
}

static void a_file_of_several_accounts_is_refused_for_one_of_them(void **state) {
    (void)state;
    const struct source *bank = given("bank-eu", "bank", "account", "DE02120300000000202051");
    enum whose_verdict verdict = WHOSE_SAME;
    const char *const two[] = {"DE02120300000000202051", "DE02500105170137075030",
                               "DE02120300000000202051", NULL};
    assert_int_equal(check(bank, two, &verdict), -ERR_VALIDATION);
    assert_int_equal(verdict, WHOSE_OTHER);
    assert_non_null(strstr(err.detail, "also of the account DE02500105170137075030"));
    assert_non_null(strstr(err.hint, "a file of their own"));
}

static void a_file_that_tells_none_passes_and_that_is_known(void **state) {
    (void)state;
    const struct source *source = given("wechat-cn", "wechatpay", "mchid", "1900000001");
    enum whose_verdict verdict = WHOSE_SAME;
    const char *const none[] = {"", NULL};
    assert_int_equal(check(source, none, &verdict), 0);
    assert_int_equal(verdict, WHOSE_NOT_TOLD);
    assert_string_equal(whose_verdict_name(verdict), "not_told");
}

static void the_head_and_what_it_goes_on_from_tell_it_too(void **state) {
    (void)state;
    struct whose *whose = calloc(1, sizeof *whose);
    struct statement_head *head = calloc(1, sizeof *head);
    assert_non_null(whose);
    assert_non_null(head);
    snprintf(head->account, sizeof head->account, "A");
    snprintf(head->links[0].account, sizeof head->links[0].account, "A");
    snprintf(head->links[1].account, sizeof head->links[1].account, "B");
    head->link_count = 2;
    whose_add_head(whose, head);
    assert_int_equal(whose->count, 2);
    assert_string_equal(whose->accounts[1], "B");
    for (int i = 0; i < WHOSE_ACCOUNTS_MAX; i++) {
        char account[8];
        snprintf(account, sizeof account, "C%d", i);
        whose_add(whose, account);
    }
    assert_true(whose->more);
    enum whose_verdict verdict = WHOSE_SAME;
    const struct source *bank = given("bank-eu", "bank", "account", "A");
    assert_int_equal(whose_check(whose, "x", bank, sources, count, &verdict, &err),
                     -ERR_VALIDATION);
    free(head);
    free(whose);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_account_of_each_format_is_held_against_its_option, begin),
        cmocka_unit_test_setup(a_refusal_tells_both_and_what_to_do, begin),
        cmocka_unit_test_setup(names_that_are_configured_count_as_well, begin),
        cmocka_unit_test_setup(a_file_of_several_accounts_is_refused_for_one_of_them, begin),
        cmocka_unit_test_setup(a_file_that_tells_none_passes_and_that_is_known, begin),
        cmocka_unit_test_setup(the_head_and_what_it_goes_on_from_tell_it_too, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
