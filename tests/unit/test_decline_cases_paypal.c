/* SPDX-License-Identifier: Apache-2.0
 * test_decline_cases_paypal.c: tests/cases/declines/paypal.case through the adapter. */
#include "paypal_fixture.h"

#include "decline_cases.h"

/* The order is made, and the answer of the case is to its capture. After a 401 the token is renewed
 * and the same said again; after "it was done before" the order is asked, and does not answer. */
static struct gateway_result answered(void *ctx, const struct decline_case *one) {
    struct fake *fake = ctx;
    int status = (int)strtol(case_says(one, "status"), NULL, 10);
    const struct step created = {201, "{\"id\":\"5O190127TN364715T\",\"status\":\"CREATED\"}", 0, 0,
                                 0};
    const struct step word = {status, case_says(one, "wire"), 0, 0, 0};
    const struct step silence = {500, "", 0, 0, 0};
    if (status == 401) {
        const struct step steps[] = {created, word, TOKEN_STEP, word, silence};
        fake_script(fake, steps, COUNT_OF(steps));
        return paypal_charged(fake, METHOD_PAYPAL, "vault_1");
    }
    const struct step steps[] = {created, word, silence};
    fake_script(fake, steps, COUNT_OF(steps));
    return paypal_charged(fake, METHOD_PAYPAL, "vault_1");
}

static void each_row_has_a_case_and_says_what_the_case_says(void **state) {
    decline_cases_run(&paypal_adapter, "paypal.case", answered, *state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_row_has_a_case_and_says_what_the_case_says,
                                        paypal_setup, paypal_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
