/* SPDX-License-Identifier: Apache-2.0
 * test_decline_cases_stripe.c: tests/cases/declines/stripe.case through the adapter. */
#include "stripe_fixture.h"

#include "decline_cases.h"

static struct gateway_result answered(void *ctx, const struct decline_case *one) {
    const struct step step = {(int)strtol(case_says(one, "status"), NULL, 10),
                              case_says(one, "wire"), 0, 0, 0};
    fake_script(ctx, &step, 1);
    return operate(ctx, case_call(one));
}

static void each_row_has_a_case_and_says_what_the_case_says(void **state) {
    decline_cases_run(&stripe_adapter, "stripe.case", answered, *state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_row_has_a_case_and_says_what_the_case_says,
                                        stripe_setup, stripe_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
