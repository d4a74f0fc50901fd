/* SPDX-License-Identifier: Apache-2.0
 * test_decline_cases_wechat.c: tests/cases/declines/wechatpay.case through the adapter. */
#include "wechat_fixture.h"

#include "decline_cases.h"

/* What is not clear is asked about at once, and repeated: none of that is answered. */
static struct gateway_result answered(void *ctx, const struct decline_case *one) {
    struct wechat *wechat = ctx;
    const struct step silence = {0, NULL, HTTP_NOT_SENT, HTTP_FAIL_CONNECT, 0};
    const struct step steps[] = {
        {(int)strtol(case_says(one, "status"), NULL, 10), case_says(one, "wire"), 0, 0, 0},
        silence,
        silence,
        silence};
    memset(wechat->sealing, 0, sizeof(wechat->sealing));
    fake_script(wechat->fake, steps, COUNT_OF(steps));
    if (case_call(one) == OP_CHARGE) {
        return wechat_charged(wechat, 0, BAR_CODE);
    }
    struct gateway_change change = wechat_change_of(REFUND_REFERENCE, 500);
    struct gateway_result result;
    wechatpay_adapter.refund(&wechat->fake->call, &change, &result);
    return result;
}

static void each_row_has_a_case_and_says_what_the_case_says(void **state) {
    decline_cases_run(&wechatpay_adapter, "wechatpay.case", answered, *state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_row_has_a_case_and_says_what_the_case_says,
                                        wechat_setup, wechat_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
