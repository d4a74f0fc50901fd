/* SPDX-License-Identifier: Apache-2.0
 * test_cli_manual.c: payments by hand and held orders on the command line: what is sent, what is
 * shown, how the commands end. */
#include "cli_fixture.h"

#define MANUAL(state)                                                                              \
    "{\"id\":\"pay_1\",\"object\":\"manual_payment\",\"paid_by\":\"bank\",\"reference\":\"TR-7\"," \
    "\"received_at\":\"2026-11-20T08:00:00Z\",\"approval\":{\"id\":\"apr_1\",\"kind\":"            \
    "\"manual_payment\",\"state\":\"" state                                                        \
    "\",\"asked_by\":\"key:key_1\",\"asked_by_name\":\"ann, key till\",\"reason\":\"away\","       \
    "\"asked_at\":\"2026-11-20T08:00:00Z\",\"decided_by\":null,\"decision_reason\":null,"          \
    "\"decided_at\":null},\"payment\":{\"id\":\"pay_1\",\"order_id\":\"A-1\",\"state\":"           \
    "\"created\",\"amount\":1999,\"currency\":\"USD\",\"customer\":{\"id\":\"cus_1\"}}"
#define EVIDENCE                                                                                   \
    ",\"evidence\":[{\"id\":\"evd_1\",\"kind\":\"receipt\",\"text\":\"a slip\",\"file_name\":null" \
    ",\"media_type\":null,\"bytes\":6,\"sha256\":\"00\",\"by\":\"user:usr_a\",\"submitted\":false" \
    ",\"created_at\":\"2026-11-21T08:00:00Z\"}]"

static const struct canned desk[] = {
    {"GET", "/v1/manual-payments", 200, "{\"data\":[" MANUAL("waiting") "}]}"},
    {"GET", "/v1/manual-payments?state=approved", 200, "{\"data\":[" MANUAL("approved") "}]}"},
    {"POST", "/v1/manual-payments", 201, MANUAL("waiting") ",\"evidence\":[]}"},
    {"GET", "/v1/manual-payments/pay_1", 200, MANUAL("waiting") EVIDENCE "}"},
    {"POST", "/v1/manual-payments/pay_1/evidence", 201, MANUAL("waiting") EVIDENCE "}"},
    {"POST", "/v1/manual-payments/pay_1/approve", 200, MANUAL("approved") EVIDENCE "}"},
    {"POST", "/v1/manual-payments/pay_1/reject", 200, MANUAL("rejected") EVIDENCE "}"},
    {0},
};

static void what_waits_for_a_second_person_ends_with_status_1(void **state) {
    (void)state;
    RAN listed = run_to(CLI_PROBLEM, desk, "manual list");
    assert_has(listed.out, "pay_1");
    assert_has(listed.out, "waiting");
    assert_has(listed.out, "TR-7");
    assert_has(listed.out, "19.99 USD");
    assert_has(listed.out, "ann, key till");
    RAN over = run_to(CLI_DONE, desk, "manual list --state approved");
    assert_has(over.out, "approved");
}

static void one_is_shown_with_its_evidence_and_who_asked(void **state) {
    (void)state;
    RAN shown = run_to(CLI_DONE, desk, "manual show pay_1");
    static const char *const wanted[] = {"A-1",  "TR-7",   "bank",  "ann, key till",
                                         "away", "a slip", "evd_1", "2026-11-20"};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_has(shown.out, wanted[i]);
    }
}

static void asking_sends_all_that_was_said(void **state) {
    (void)state;
    RAN ran = run_to(CLI_DONE, desk,
                     "manual ask --order A-1 --amount 19.99 --currency USD --by bank --reference "
                     "TR-7 --received 2026-11-20T08:00:00Z --customer cus_1 --vip --reason away");
    assert_has(ran.out, "waiting");
    static const char *const wanted[] = {"\"order_id\":\"A-1\"", "\"amount\":1999",
                                         "\"paid_by\":\"bank\"", "\"reference\":\"TR-7\"",
                                         "\"vip\":true",         "\"reason\":\"away\"",
                                         "\"id\":\"cus_1\"",     "\"received_at\":"};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_has(service.requests[0], wanted[i]);
    }
    ends(CLI_USAGE, desk,
         "manual ask --order A-1 --amount 1 --currency USD --by barter "
         "--reference x");
    ends(CLI_USAGE, desk, "manual ask --order A-1 --amount 1 --currency USD --by bank");
}

static void it_is_proved_and_decided_with_a_reason(void **state) {
    (void)state;
    ends(CLI_DONE, desk, "manual attach pay_1 --kind receipt --text slip");
    assert_has(service.requests[0], "\"text\":\"slip\"");
    ends(CLI_USAGE, desk, "manual attach pay_1 --kind receipt");
    RAN approved = run_to(CLI_DONE, desk, "manual approve pay_1 --reason seen");
    assert_has(approved.out, "approved");
    assert_has(service.requests[0], "\"reason\":\"seen\"");
    ends(CLI_USAGE, desk, "manual approve pay_1");
    RAN rejected = run_to(CLI_DONE, desk, "manual reject pay_1 --reason absent");
    assert_has(rejected.out, "rejected");
}

static void a_link_to_a_code_is_printed_with_its_end(void **state) {
    (void)state;
    static const struct canned links[] = {
        {"GET", "/v1/payments/pay_1/qr-link", 200,
         "{\"object\":\"qr_link\",\"payment_id\":\"pay_1\",\"url\":\"https://pay.test/pay/qr/abc\","
         "\"expires_at\":\"2026-11-23T08:00:00Z\"}"},
        {"GET", "/v1/payments/pay_2/qr-link", 409,
         "{\"title\":\"no\",\"detail\":\"shows no code\"}"},
        {0}};
    RAN link = run_to(CLI_DONE, links, "payment code pay_1 --link");
    assert_has(link.out, "https://pay.test/pay/qr/abc\nWorks until 2026-11-23T08:00:00Z, as long");
    RAN none = run_to(CLI_PROBLEM, links, "payment code pay_2 --link");
    assert_has(none.err, "shows no code");
}

static void a_held_order_shows_its_link_as_a_code(void **state) {
    (void)state;
    static const struct canned held[] = {
        {"GET", "/v1/payments/pay_1", 200,
         "{\"id\":\"pay_1\",\"state\":\"requires_action\",\"action\":{\"type\":\"pay_later\","
         "\"url\":null,\"expires_at\":\"2199-11-23T08:00:00Z\"},\"pay_later_url\":"
         "\"https://pay.test/pay/abc\"}"},
        {"POST", "/v1/payments", 201,
         "{\"id\":\"pay_1\",\"state\":\"requires_action\",\"amount\":1,\"currency\":\"USD\"}"},
        {0}};
    RAN code = run_to(CLI_DONE, held, "payment code pay_1");
    assert_has(code.out, "https://pay.test/pay/abc");
    assert_has(code.out, "is held");
    ends(CLI_DONE, held,
         "payment create --order A --amount 1 --currency USD --method card --defer");
    assert_has(service.requests[0], "\"defer\":true");
    ends(CLI_DONE, held,
         "payment create --order A --amount 1 --currency USD --method card --queue");
    assert_has(service.requests[0], "\"queue\":true");
}

static void a_code_whose_time_is_over_is_not_drawn(void **state) {
    (void)state;
    static const struct canned over[] = {
        {"GET", "/v1/payments/pay_1", 200,
         "{\"id\":\"pay_1\",\"state\":\"requires_action\",\"action\":{\"type\":\"qr_code\","
         "\"data\":\"https://qr.test/abc\",\"expires_at\":\"2026-11-20T08:00:00Z\"}}"},
        {0}};
    RAN code = run_to(CLI_PROBLEM, over, "payment code pay_1");
    assert_has(code.out, "was over at 2026-11-20T08:00:00Z");
    assert_null(strstr(code.out, "qr.test"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_for_a_second_person_ends_with_status_1),
        cmocka_unit_test(one_is_shown_with_its_evidence_and_who_asked),
        cmocka_unit_test(asking_sends_all_that_was_said),
        cmocka_unit_test(it_is_proved_and_decided_with_a_reason),
        cmocka_unit_test(a_link_to_a_code_is_printed_with_its_end),
        cmocka_unit_test(a_held_order_shows_its_link_as_a_code),
        cmocka_unit_test(a_code_whose_time_is_over_is_not_drawn),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
