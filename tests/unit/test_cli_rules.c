/* SPDX-License-Identifier: Apache-2.0
 * test_cli_rules.c: repair rules and repairs on the command line: what is sent, what is shown, how
 * the commands end. */
#include "cli_fixture.h"

#define RULES(stopped, why, state)                                                                 \
    "{\"stopped\":" stopped ",\"rule\":\"paid\",\"why\":" why                                      \
    ",\"by\":\"rule:paid\",\"changed_at\":null,\"data\":[{\"name\":\"paid\",\"says\":\"Paid "      \
    "there.\",\"action\":\"complete\",\"does\":\"completes\",\"classes\":[],\"gateways\":[],"      \
    "\"errors_of\":20,\"errors_max\":3," state                                                     \
    ",\"by\":null,\"reason\":null,\"changed_at\":null,\"count\":{\"today\":2,\"day_cap\":50,"      \
    "\"total\":7,\"total_cap\":500},\"money\":[]}]}"
#define ON "\"enabled\":true,\"changed_since\":false"
#define REPAIR(state, reversed)                                                                    \
    "{\"id\":\"rep_1\",\"break_id\":\"brk_1\",\"gateway\":\"stripe-a\",\"rule\":\"paid\","         \
    "\"action\":\"complete\",\"state\":\"" state                                                   \
    "\",\"payment_id\":\"pay_1\",\"attempt_id\":\"att_1\",\"operation_id\":null,\"case_id\":null," \
    "\"amount\":500,\"currency\":\"USD\",\"said\":\"stripe-a says "                                \
    "\\u001b[2Jcharged\",\"tries\":1,"                                                             \
    "\"planned_at\":\"2026-11-20T08:00:00Z\",\"updated_at\":null,\"ended_at\":null,"               \
    "\"reversed_by\":" reversed ",\"reason\":\"a mistake\",\"can_be_reversed\":false}"

/* One that is to be reversed, and waits for another person. */
#define WAITS                                                                                      \
    "{\"id\":\"rep_2\",\"rule\":\"paid\",\"state\":\"done\",\"amount\":500,\"currency\":"        \
    "\"USD\",\"approval\":{\"id\":\"apr_1\"}}"

static const struct canned desk[] = {
    {"GET", "/v1/repair-rules", 200, RULES("false", "null", ON)},
    {"POST", "/v1/repair-rules/paid/enable", 200, RULES("false", "null", ON)},
    {"POST", "/v1/repair-rules/paid/disable", 200,
     RULES("false", "null", "\"enabled\":false,\"changed_since\":false")},
    {"POST", "/v1/repair-rules/start", 200, RULES("false", "\"looked into it\"", ON)},
    {"POST", "/v1/repair-rules/dry-run", 200,
     "{\"data\":[{\"break_id\":\"brk_1\",\"class\":\"paid_there_open_here\",\"gateway\":\"stripe-"
     "a\","
     "\"payment_id\":\"pay_1\",\"rule\":\"paid\",\"action\":\"complete\",\"would\":\"the payment "
     "is "
     "completed\",\"why_not\":\"nobody has enabled the rule paid as it is now\",\"repair_id\":"
     "null,\"currency\":\"USD\",\"amount\":500,\"enabled\":false},"
     "{\"break_id\":null,\"case_id\":\"case_2\",\"class\":\"payout\",\"gateway\":\"stripe-a\","
     "\"payment_id\":null,\"rule\":null,\"action\":null,\"would\":\"no rule takes it\","
     "\"why_not\":\"no rule is for this class\",\"repair_id\":null,"
     "\"currency\":\"USD\",\"amount\":0,\"enabled\":false}],\"sums\":[{\"rule\":\"paid\","
     "\"currency\":\"USD\",\"count\":60,\"amount\":30000,\"day_count_cap\":50,\"day_cap\":100000,"
     "\"total_cap\":1000000,\"within_a_day\":false}],\"looked_at\":2,\"not_looked_at\":7,\"taken\":"
     "1,"
     "\"more\":3}"},
    {"GET", "/v1/repairs", 200,
     "{\"data\":[" REPAIR("done", "null") "],\"next_cursor\":\"rep_1\"}"},
    {"GET", "/v1/repairs?rule=paid&gateway=g&break_id=brk_9&state=refused&since=7d&until=1d&q=word&"
            "limit=3&cursor=rep_1",
     200,
     "{\"data\":[],\"next_cursor\":null}"},
    {"GET", "/v1/repairs/export?format=xlsx&rule=paid&q=word", 200, "PK-a-workbook"},
    {"GET", "/v1/repairs/rep_1", 200, REPAIR("reversed", "\"user:usr_a\"")},
    {"POST", "/v1/repairs/rep_1/reverse", 200, REPAIR("reversed", "\"user:usr_a\"")},
    {"POST", "/v1/repairs/rep_2/reverse", 202, WAITS},
    {"POST", "/v1/repairs/rep_2/approve", 200, REPAIR("reversed", "\"user:usr_b\"")},
    {"POST", "/v1/repairs/rep_2/reject", 200, REPAIR("done", "null")},
    {0},
};

static void rules_are_listed_with_what_they_have_taken_on(void **state) {
    (void)state;
    RAN list = run_to(CLI_DONE, desk, "rule list");
    assert_has(list.out, "2/50");
    assert_has(list.out, "7/500");
    assert_has(list.out, "enabled");
    RAN dry = run_to(CLI_DONE, desk, "rule disable paid --reason x");
    assert_has(dry.out, "dry");
    assert_has(service.requests[0], "\"reason\":\"x\"");
    RAN on = run_to(CLI_DONE, desk, "rule enable paid --reason x");
    assert_has(on.out, "enabled");
    RAN started = run_to(CLI_DONE, desk, "rule start --reason x");
    assert_has(started.out, "paid");
}

static void rules_that_have_stopped_say_why_and_end_with_status_1(void **state) {
    (void)state;
    static const struct canned stopped[] = {
        {"GET", "/v1/repair-rules", 200, RULES("true", "\"a cap of a day\"", ON)}, {0}};
    RAN list = run_to(CLI_PROBLEM, stopped, "rule list");
    assert_has(list.out, "All rules have stopped: a cap of a day.");
    assert_has(list.out, "holdfast rule start");
}

static void a_dry_run_shows_each_break_and_sums_against_caps(void **state) {
    (void)state;
    RAN all = run_to(CLI_DONE, desk, "rule dry-run");
    assert_has(all.out, "the payment is completed");
    assert_has(all.out, "nothing: no rule is for this class");
    assert_has(all.out, "but nobody has enabled the rule paid");
    assert_has(all.out, "case_2");
    assert_has(all.out, "300.00 USD");
    assert_has(all.out, "no: all rules would stop");
    assert_has(all.out, "3 more are summed up");
    static const struct canned none[] = {
        {"POST", "/v1/repair-rules/dry-run", 200,
         "{\"data\":[],\"sums\":[],\"open\":0,\"looked_at\":0,\"taken\":0,\"more\":0,"
         "\"next_cursor\":null}"},
        {0}};
    RAN some = run_to(CLI_DONE, none, "rule dry-run --rule paid --gateway g");
    assert_has(some.out, "No break is open");
    assert_has(service.requests[0],
               "POST /v1/repair-rules/dry-run {\"rule\":\"paid\",\"gateway\":\"g\",\"limit\":500}");
}

#define SUM(count)                                                                                 \
    "{\"rule\":\"paid\",\"currency\":\"USD\",\"count\":" count ",\"amount\":100,"                  \
    "\"day_count_cap\":50,\"day_cap\":100000,\"total_cap\":1000,\"within_a_day\":true}"
#define WOULD(id)                                                                                  \
    "{\"break_id\":\"" id "\",\"class\":\"fee\",\"gateway\":\"g\",\"rule\":null,"                  \
    "\"would\":\"no rule\",\"why_not\":\"none\",\"currency\":\"USD\",\"amount\":0,"                \
    "\"enabled\":false}"

static void a_dry_run_goes_on_until_all_was_looked_at_and_is_one_answer(void **state) {
    (void)state;
    static const struct canned pieces[] = {
        {"POST", "/v1/repair-rules/dry-run", 200,
         "{\"data\":[" WOULD("brk_1") "],\"sums\":[" SUM("1") "],\"open\":2,\"looked_at\":1,"
         "\"not_looked_at\":1,\"taken\":1,\"more\":0,\"next_cursor\":\"break:brk_1\"}", NULL},
        {"POST", "/v1/repair-rules/dry-run", 200,
         "{\"data\":[" WOULD("brk_2") "],\"sums\":[" SUM("2") "],\"open\":2,\"looked_at\":1,"
         "\"not_looked_at\":0,\"taken\":1,\"more\":3,\"next_cursor\":null}",
         "\"cursor\":\"break:brk_1\",\"sums\":[{\"rule\":\"paid\",\"currency\":\"USD\",\"count\":1,"
         "\"amount\":100}]"},
        {0}};
    RAN people = run_to(CLI_DONE, pieces, "rule dry-run");
    assert_has(people.out, "brk_1");
    assert_has(people.out, "brk_2");
    assert_has(people.out, "3 more are summed up");
    assert_int_equal(service.seen, 2);
    RAN json = run_to(CLI_DONE, pieces, "rule dry-run --json");
    assert_has(json.out, "\"looked_at\":2");
    assert_has(json.out, "\"taken\":2");
    assert_has(json.out, "\"not_looked_at\":0");
    assert_has(json.out, "\"next_cursor\":null");
    assert_has(json.out, "\"count\":2");
    assert_true(strchr(json.out, '\n') == json.out + strlen(json.out) - 1); /* one line */
}

static void repairs_are_listed_shown_and_reversed(void **state) {
    (void)state;
    RAN list = run_to(CLI_DONE, desk, "repair list");
    assert_has(list.out, "5.00 USD");
    assert_has(list.out, "--cursor rep_1");
    assert_has_not(list.out, "\x1b[2J");
    RAN some = run_to(CLI_DONE, desk,
                      "repair list --rule paid --gateway g --state refused --limit 3 "
                      "--cursor rep_1 --break brk_9 --since 7d --until 1d --find word");
    assert_has(some.out, "No repairs.");
    RAN file = run_to(CLI_DONE, desk,
                      "repair export --format xlsx --rule paid --find word --out "
                      "repairs-of-a-test.xlsx");
    assert_has(file.out, "13 bytes in repairs-of-a-test.xlsx.");
    RAN again = run_to(CLI_PROBLEM, desk, "repair export --out repairs-of-a-test.xlsx");
    assert_has(again.err, "is there already");
    assert_int_equal(unlink("repairs-of-a-test.xlsx"), 0);
    RAN one = run_to(CLI_DONE, desk, "repair show rep_1");
    assert_has(one.out, "Payment: pay_1");
    RAN back = run_to(CLI_DONE, desk, "repair reverse rep_1 --reason x");
    assert_has(back.out, "Reversed by user:usr_a: a mistake");
}

static void a_reversal_waits_for_another_person_who_agrees_or_does_not(void **state) {
    (void)state;
    RAN asked = run_to(CLI_DONE, desk, "repair reverse rep_2 --reason never+charged");
    assert_has(asked.out, "waits for another person: `holdfast repair approve rep_2 --reason");
    RAN agreed = run_to(CLI_DONE, desk, "repair approve rep_2 --reason looked");
    assert_has(service.requests[0], "POST /v1/repairs/rep_2/approve {\"reason\":\"looked\"}");
    assert_has(agreed.out, "Reversed by user:usr_b");
    RAN refused = run_to(CLI_DONE, desk, "repair reject rep_2 --reason no");
    assert_has(refused.out, "done");
    assert_has_not(refused.out, "waits for another person");
    ends(CLI_USAGE, desk, "repair approve rep_2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_listed_with_what_they_have_taken_on),
        cmocka_unit_test(rules_that_have_stopped_say_why_and_end_with_status_1),
        cmocka_unit_test(a_dry_run_shows_each_break_and_sums_against_caps),
        cmocka_unit_test(a_dry_run_goes_on_until_all_was_looked_at_and_is_one_answer),
        cmocka_unit_test(repairs_are_listed_shown_and_reversed),
        cmocka_unit_test(a_reversal_waits_for_another_person_who_agrees_or_does_not),
    };
    return cmocka_run_group_tests_name("cli_rules", tests, set_up, tear_down);
}
