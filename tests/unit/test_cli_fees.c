/* SPDX-License-Identifier: Apache-2.0
 * test_cli_fees.c: `gateway fees` on the command line, and what a run says of fees. */
#include "cli_fixture.h"

#define FEES(example)                                                                              \
    "{\"object\":\"gateway_fees\",\"gateway\":\"g\",\"time_zone\":\"UTC\",\"lines\":[{"            \
    "\"name\":\"cards\",\"kind\":\"charge\",\"methods\":[\"card\"],\"currencies\":[\"EUR\"],"      \
    "\"regions\":[],\"statement_methods\":[\"visa\"],\"says\":\"1.4 % + 0.25 EUR\","               \
    "\"on_refund\":\"keep\",\"from\":\"2026-07-01T00:00:00Z\"}],\"example\":" example "}"
#define ASKED "/v1/gateways/g/fees?amount=1000&currency=EUR&method=card"

static void what_was_agreed_is_a_table(void **state) {
    (void)state;
    static const struct canned answers[] = {{"GET", "/v1/gateways/g/fees", 200, FEES("null")}, {0}};
    RAN ran = run_to(CLI_DONE, answers, "gateway fees g");
    assert_has(ran.out, "cards");
    assert_has(ran.out, "card visa EUR");
    assert_has(ran.out, "1.4 % + 0.25 EUR");
    assert_has(ran.out, "2026-07-01");
}

static void what_it_comes_to_is_said_with_the_line(void **state) {
    (void)state;
    static const struct canned answers[] = {
        {"GET", ASKED, 200,
         FEES("{\"kind\":\"charge\",\"amount\":1000,\"currency\":\"EUR\",\"fee\":39,\"line\":"
              "\"cards\",\"charge_line\":null}")},
        {0}};
    static const struct canned silent[] = {
        {"GET", ASKED, 200,
         FEES("{\"kind\":\"charge\",\"amount\":1000,\"currency\":\"EUR\",\"fee\":null,\"line\":"
              "null,\"charge_line\":null}")},
        {0}};
    RAN ran = run_to(CLI_DONE, answers,
                     "gateway fees g --amount 10.00 --currency EUR --method card");
    assert_has(ran.out, "Of a charge of 10.00 EUR it keeps 0.39 EUR by the line cards.");
    RAN none = run_to(CLI_PROBLEM, silent,
                      "gateway fees g --amount 10.00 --currency EUR --method card");
    assert_has(none.out, "No line speaks of that charge of 10.00 EUR.");
}

static void an_amount_needs_its_currency(void **state) {
    (void)state;
    RAN bare = run_to(CLI_USAGE, NULL, "gateway fees g --amount 10");
    assert_has(bare.err, "--currency");
    ends(CLI_USAGE, NULL, "gateway fees g --amount ten --currency EUR");
    ends(CLI_USAGE, NULL, "gateway fees g --charge -1 --currency EUR");
    ends(CLI_USAGE, NULL, "gateway fees");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_agreed_is_a_table),
        cmocka_unit_test(what_it_comes_to_is_said_with_the_line),
        cmocka_unit_test(an_amount_needs_its_currency),
    };
    return cmocka_run_group_tests_name("fees on the command line", tests, set_up, tear_down);
}
