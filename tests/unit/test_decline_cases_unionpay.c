/* SPDX-License-Identifier: Apache-2.0
 * test_decline_cases_unionpay.c: tests/cases/declines/unionpay.case through the adapter. */
#include "unionpay_fixture.h"

#include "decline_cases.h"

/* A refund is refused so: of a payment's page UnionPay tells the customer, not us. What is not
 * clear is asked about at once, and that is not answered. */
static struct gateway_result answered(void *ctx, const struct decline_case *one) {
    struct fake *fake = ctx;
    struct gateway_change change = unionpay_change_of(QUERY_ID);
    const struct step steps[] = {{200, CHANGE_ANSWER(case_says(one, "wire")), 0, 0, 0},
                                 {0, NULL, HTTP_NOT_SENT, HTTP_FAIL_CONNECT, 0}};
    fake_script(fake, steps, COUNT_OF(steps));
    struct gateway_result result;
    unionpay_adapter.refund(&fake->call, &change, &result);
    return result;
}

static void each_row_has_a_case_and_says_what_the_case_says(void **state) {
    decline_cases_run(&unionpay_adapter, "unionpay.case", answered, *state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_row_has_a_case_and_says_what_the_case_says,
                                        unionpay_setup, unionpay_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
