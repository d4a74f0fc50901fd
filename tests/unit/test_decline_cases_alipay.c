/* SPDX-License-Identifier: Apache-2.0
 * test_decline_cases_alipay.c: tests/cases/declines/alipay.case through the adapter. */
#include "alipay_fixture.h"

#include "decline_cases.h"

/* The answer to trade.pay with the code that a customer's wallet shows, or to trade.refund. What is
 * not clear is asked about at once, and that is not answered. */
static struct gateway_result answered(void *ctx, const struct decline_case *one) {
    struct alipay *alipay = ctx;
    bool charge = case_call(one) == OP_CHARGE;
    script(alipay);
    says(alipay, charge ? "trade_pay" : "trade_refund", case_says(one, "wire"));
    for (int i = 0; i < 4; i++) {
        falls_silent(alipay, 1);
    }
    if (charge) {
        return alipay_charged(alipay, 0, AUTH_CODE);
    }
    struct gateway_change change = alipay_change_of(AUTH_CODE);
    struct gateway_result result;
    alipay_adapter.refund(&alipay->fake->call, &change, &result);
    return result;
}

static void each_row_has_a_case_and_says_what_the_case_says(void **state) {
    decline_cases_run(&alipay_adapter, "alipay.case", answered, *state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_row_has_a_case_and_says_what_the_case_says,
                                        alipay_setup, alipay_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
