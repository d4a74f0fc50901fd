/* SPDX-License-Identifier: Apache-2.0
 * test_cli_billing.c: what the commands about subscriptions print and send. */
#include "cli_fixture.h"

#define ONE(state, ends, ended)                                                                    \
    "{\"id\":\"sub_1\",\"state\":\"" state "\",\"customer_id\":\"c1\",\"plan_id\":\"pln_1\","      \
    "\"period\":3,\"cancel_at_period_end\":" ends ",\"period_end\":\"2026-12-01T00:00:00Z\","      \
    "\"ended_at\":" ended ",\"latest_invoice\":null}"

static void only_what_is_charged_again_is_said_to_be_renewed(void **state) {
    (void)state;
    static const struct {
        const char *json, *says, *never;
    } rows[] = {
        {ONE("active", "false", "null"), "renews", "ends"},
        {ONE("past_due", "false", "null"), "renews", "ends"},
        {ONE("active", "true", "null"), "ends", "renews"},
        {ONE("paused", "false", "null"), "period ends", "renews"},
        {ONE("unpaid", "false", "null"), "period ends", "renews"},
        {ONE("canceled", "false", "\"2026-11-20T00:00:00Z\""), "ended", "renews"},
        {ONE("canceled", "true", "\"2026-11-20T00:00:00Z\""), "ended", "renews"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct canned one[] = {{"GET", "/v1/subscriptions/sub_1", 200, rows[i].json}, {0}};
        RAN ran = run_to(CLI_DONE, one, "subscription show sub_1");
        assert_has(ran.out, rows[i].says);
        assert_has_not(ran.out, rows[i].never);
        bool canceled = strstr(rows[i].json, "canceled") != NULL;
        assert_has(ran.out, canceled ? "2026-11-20" : "2026-12-01");
    }
}

static void resuming_all_takes_a_reason_as_pausing_does(void **state) {
    (void)state;
    static const struct canned both[] = {
        {"POST", "/v1/billing/pause", 200, "{\"paused\":true,\"reason\":\"x\"}"},
        {"POST", "/v1/billing/resume", 200, "{\"paused\":false,\"reason\":\"x\"}"},
        {0}};
    ends(CLI_USAGE, both, "subscription pause-all");
    ends(CLI_USAGE, both, "subscription resume-all");
    assert_int_equal(service.seen, 0);
    ends(CLI_DONE, both, "subscription resume-all --reason incident+7+is+over");
    assert_has(service.requests[0], "{\"reason\":\"incident 7 is over\"}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_charged_again_is_said_to_be_renewed),
        cmocka_unit_test(resuming_all_takes_a_reason_as_pausing_does),
    };
    return cmocka_run_group_tests_name("cli: subscriptions", tests, set_up, tear_down);
}
