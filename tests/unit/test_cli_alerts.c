/* SPDX-License-Identifier: Apache-2.0
 * test_cli_alerts.c: alerts on the command line: what is sent, what is shown, how the commands
 * end. */
#include "cli_fixture.h"

#define ALERT(id, state)                                                                           \
    "{\"id\":\"" id "\",\"fingerprint\":\"f\",\"rule\":\"PaymentServiceGatewayFailure\","          \
    "\"severity\":\"P1\",\"team\":\"operations\",\"state\":\"" state                               \
    "\",\"title\":\"Stripe fails\\u001b[2J\",\"scope\":\"cards only\",\"action\":\"Switch\","      \
    "\"labels\":{\"gateway\":\"stripe-eu\"},\"first_symptom_at\":\"2026-11-20T08:00:00Z\","        \
    "\"steps_taken\":1,\"money\":\"About EUR 12,346 a minute are not taken.\",\"stake\":9,"        \
    "\"money_at_risk\":[{\"currency\":\"EUR\",\"per_minute_minor\":1234550,\"sum_minor\":1},"      \
    "{\"currency\":\"JPY\",\"per_minute_minor\":0,\"sum_minor\":700}]"
#define WHOLE                                                                                      \
    ",\"history\":[{\"at\":\"2026-11-20T08:00:01Z\",\"actor\":\"system\",\"what\":\"escalated\","  \
    "\"text\":\"wang (rota ops)\"}],\"told\":[{\"at\":\"2026-11-20T08:00:11Z\",\"state\":"         \
    "\"firing\",\"severity\":\"P1\",\"channel\":\"ops-mail\"}],\"sources\":[]}"
#define SILENCE                                                                                    \
    "{\"id\":\"sil_1\",\"state\":\"active\",\"matchers\":[\"gateway=stripe-eu\",\"method=card\"]," \
    "\"from\":\"2026-11-20T08:00:00Z\",\"until\":\"2026-11-20T10:00:00Z\",\"actor\":\"user:a\","   \
    "\"reason\":\"planned\"}"

#define SIDE(count, fired)                                                                         \
    "{\"count\":" count ",\"seconds\":5400,\"a_week\":1.5,\"with_real\":1,"                        \
    "\"real_missed\":0,\"left_out\":0,\"weeks\":[1,2],\"firings\":[" fired "]}"
#define FIRED                                                                                      \
    "{\"labels\":{\"gateway\":\"stripe-eu\"},\"first_symptom_at\":"                                \
    "\"2026-11-20T07:59:00Z\",\"fired_at\":\"2026-11-20T08:00:00Z\",\"ended_at\":null,"            \
    "\"seconds\":600,\"severity\":\"P1\",\"worst\":42.5,\"unit\":\"percent\","                     \
    "\"alert_id\":\"alr_1\"}"
#define BACKTEST(state, rest)                                                                      \
    "{\"id\":\"bkt_1\",\"rule\":\"PaymentServiceGatewayFailure\",\"changes\":[{\"of\":"            \
    "\"gateway_error_rate\",\"key\":\"critical\",\"was\":5,\"is\":7.5}],\"state\":\"" state        \
    "\",\"since\":\"2026-11-06T00:00:00Z\",\"until\":\"2026-11-20T00:00:00Z\","                    \
    "\"minutes_done\":9,\"created_at\":\"2026-11-20T00:00:00Z\",\"ended_at\":null,"                \
    "\"actor\":\"cli\"" rest "}"
#define CHANGE(more)                                                                               \
    "{\"number\":3,\"rule\":\"QueueLag\",\"changes\":[{\"of\":\"QueueLag\",\"key\":"               \
    "\"for_s\",\"was\":60,\"is\":300},{\"of\":\"QueueLag\",\"key\":\"off\",\"was\":true,"          \
    "\"is\":false}],\"at\":\"2026-11-20T08:00:00Z\",\"actor\":\"user:wang\","                      \
    "\"reason\":\"reports at night\"" more "}"

static const struct canned service_says[] = {
    {"GET", "/v1/alert-rules/QueueLag", 200,
     "{\"name\":\"QueueLag\",\"title\":\"Too late\",\"guide\":\"/guides/queue-lag\","
     "\"raised_by\":[],\"can_be_backtested\":false,\"settings\":[{\"key\":\"for_s\","
     "\"of\":\"QueueLag\","
     "\"value\":300,\"file_value\":60,\"meaning\":\"seconds\",\"changed\":{\"value\":300,"
     "\"in_force\":true,\"at\":"
     "\"2026-11-20T08:00:00Z\",\"actor\":\"user:wang\",\"reason\":\"reports at night\"}},{\"key\":"
     "\"keep_s\",\"of\":\"QueueLag\",\"value\":120,\"file_value\":120,\"meaning\":\"kept\","
     "\"changed\":"
     "{\"value\":9,\"in_force\":false,\"at\":\"2026-11-20T08:00:00Z\",\"actor\":\"a\",\"reason\":"
     "\"r\"}}]}"},
    {"POST", "/v1/alert-rules/QueueLag/settings", 200, CHANGE(",\"untested\":\"not kept\"")},
    {"GET", "/v1/alert-rule-changes?rule=QueueLag&limit=1", 200,
     "{\"data\":[" CHANGE(",\"untested\":\"not kept\"") "],\"next_cursor\":\"3\"}"},
    {"GET", "/v1/alert-rule-changes", 200, "{\"data\":[],\"next_cursor\":null}"},
    {"POST", "/v1/alert-rules/PaymentServiceGatewayFailure/backtests", 202,
     BACKTEST("running", "")},
    {"GET", "/v1/backtests/bkt_1", 200,
     BACKTEST("done", ",\"result\":{\"rows\":9,\"real\":1,\"known_from\":null,\"present\":"
     SIDE("3", FIRED) ",\"proposed\":" SIDE("0", "") ",\"limits\":[\"To a minute.\"]}")},
    {"POST", "/v1/alert-rules/Silence/backtests", 202,
     BACKTEST("failed", ",\"why\":\"it took longer than 15 minutes\"")},
    {"GET", "/v1/alerts", 200,
     "{\"data\":[" ALERT("alr_1", "firing") "}],\"next_cursor\":\"alr_1\"}"},
    {"GET", "/v1/alerts?state=pending&rule=Silence&team=support&severity=P0&limit=3&cursor=alr_9",
     200, "{\"data\":[],\"next_cursor\":null}"},
    {"GET", "/v1/alerts?state=all&limit=3", 200,
     "{\"data\":[" ALERT("alr_1", "firing") ",\"muted_by\":\"sil_1\"}],\"next_cursor\":null}"},
    {"GET", "/v1/alerts/alr_1", 200,
     ALERT("alr_1", "firing") ",\"explained_by\":{\"id\":\"alr_7\",\"rule\":"
                              "\"PaymentServiceDatabaseIssues\",\"labels\":{\"of\":\"slow\"}},"
                              "\"explains\":[{\"id\":\"alr_8\",\"rule\":\"QueueLag\",\"labels\":"
                              "{}}]" WHOLE},
    {"POST", "/v1/alerts/alr_1/ack", 200, ALERT("alr_1", "acknowledged") WHOLE},
    {"GET", "/v1/alert-rules", 200,
     "{\"data\":[{\"name\":\"Silence\",\"severity\":\"P1\",\"team\":\"operations\","
     "\"for_seconds\":0,\"keep_seconds\":60,\"off\":false,\"title\":\"No payment comes at all\","
     "\"action\":\"Pay\",\"guide\":\"/guides/volume\"}]}"},
    {"GET", "/v1/silences", 200, "{\"data\":[" SILENCE "]}"},
    {"GET", "/v1/silences?all=1", 200, "{\"data\":[]}"},
    {"POST", "/v1/silences", 201, SILENCE},
    {"DELETE", "/v1/silences/sil_1", 200, SILENCE},
    {"GET", "/v1/rotas", 200,
     "{\"data\":[{\"name\":\"ops\",\"on_duty\":\"wang\",\"overrides\":[{\"id\":\"ovr_1\","
     "\"person\":\"lead\",\"from\":\"2026-11-21T08:00:00Z\",\"until\":\"2026-11-21T10:00:00Z\","
     "\"actor\":\"a\",\"reason\":\"dentist\"}]}]}"},
    {"POST", "/v1/rotas/ops/overrides", 201,
     "{\"id\":\"ovr_1\",\"rota\":\"ops\",\"person\":\"lead\",\"until\":\"2026-11-21T10:00:00Z\"}"},
    {"GET", "/v1/alert-channels", 200,
     "{\"data\":[{\"name\":\"room\",\"kind\":\"slack\",\"target\":\"hooks.slack.com\",\"state\":"
     "\"fails\",\"waiting\":2,\"failures\":3,\"code\":\"no_service\",\"reason\":\"the webhook is "
     "gone\"}],\"self_tests\":[{\"channel\":\"room\",\"state\":\"failed\"}]}"},
    {"POST", "/v1/alert-channels/room/test", 200,
     "{\"channel\":\"room\",\"sent\":true,\"code\":null,\"reason\":null,\"provider_id\":null}"},
    {"POST", "/v1/alert-channels/sms/test", 200,
     "{\"channel\":\"sms\",\"sent\":false,\"code\":\"20003\",\"reason\":\"account or token\","
     "\"provider_id\":null}"},
    {"GET", "/v1/alert-deliveries?channel=room&state=failed&limit=3&cursor=dlv_9", 200,
     "{\"data\":[{\"id\":\"dlv_1\",\"channel\":\"room\",\"state\":\"failed\",\"severity\":\"P1\","
     "\"tries\":1,\"created_at\":\"2026-11-20T08:00:00Z\",\"headline\":\"[P1] Firing: x\","
     "\"code\":\"no_service\",\"reason\":\"gone\"}]}"},
    {"POST", "/v1/alert-deliveries/dlv_1/again", 202, "{\"id\":\"dlv_1\",\"state\":\"waiting\"}"},
    {"GET", "/v1/complaints?since=7d&limit=3", 200,
     "{\"data\":[{\"id\":\"cpl_1\",\"at\":\"2026-11-20T08:00:00Z\",\"kind\":\"cannot_pay\","
     "\"channel\":\"chat\",\"order_id\":\"order-1\",\"text\":\"no\\u001b[2J\"}]}"},
    {"POST", "/v1/complaints", 201,
     "{\"id\":\"cpl_1\",\"at\":\"2026-11-20T08:00:00Z\",\"kind\":\"cannot_pay\"}"},
    {"GET", "/v1/changes", 200, "{\"data\":[]}"},
    {"POST", "/v1/changes", 201,
     "{\"id\":\"chg_1\",\"at\":\"2026-11-20T08:00:00Z\",\"kind\":\"keys\",\"what\":\"shop "
     "4.7\",\"by\":\"li\"}"},
    {0},
};

static void the_list_ends_with_status_1_while_something_fires(void **state) {
    (void)state;
    static const char *const wanted[] = {"alr_1", "P1", "firing", "PaymentServiceGatewayFailure",
                                         "gateway=stripe-eu", "Stripe fails", "--cursor alr_1",
                                         "12345.50 EUR/min, 700 JPY"};
    RAN ran = run_to(CLI_PROBLEM, service_says, "alert list");
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_has(ran.out, wanted[i]);
    }
    assert_has_not(ran.out, "\033[2J");
    RAN none = run_to(CLI_DONE, service_says,
                      "alert list --state pending --rule Silence --team support --severity P0 "
                      "--limit 3 --cursor alr_9");
    assert_string_equal(none.out, "Nothing is wrong.\n");
    RAN history = run_to(CLI_DONE, service_says, "alert history --limit 3");
    assert_has(history.out, "sil_1");
    RAN json = run_to(CLI_PROBLEM, service_says, "alert list --json");
    assert_has(json.out, "\"next_cursor\":\"alr_1\"}\n");
}

static void one_tells_its_story_and_is_acknowledged(void **state) {
    (void)state;
    static const char *const wanted[] = {"[P1] Stripe fails", "cards only", "Switch",
                                         "wang (rota ops)", "ops-mail", "escalated",
                                         "PaymentServiceDatabaseIssues of=slow (alr_7)",
                                         "QueueLag (alr_8)"};
    RAN ran = run_to(CLI_DONE, service_says, "alert show alr_1");
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_has(ran.out, wanted[i]);
    }
    RAN done = run_to(CLI_DONE, service_says, "alert ack alr_1 --note looking");
    assert_has(service.requests[0], "{\"reason\":\"looking\"}");
    assert_true(service.keys[0][0] != '\0');
    assert_has(done.out, "You look at it: Stripe fails");
    RAN rules = run_to(CLI_DONE, service_says, "alert rules");
    assert_has(rules.out, "/guides/volume");
}

static void a_rule_is_shown_tuned_and_told_of(void **state) {
    (void)state;
    RAN rule = run_to(CLI_DONE, service_says, "alert rule QueueLag");
    assert_has(rule.out, "reports at night");
    assert_has(rule.out, "9 is not in force");
    assert_has(rule.out, "no back-test can be made");
    RAN done = run_to(CLI_DONE, service_says,
                      "alert tune QueueLag --set for_s=300 --set off=false --back keep_s "
                      "--untested unkept --reason reports");
    assert_has(service.requests[0], "{\"set\":{\"for_s\":\"300\",\"off\":\"false\",\"keep_s\":"
                                    "null},\"reason\":\"reports\",\"untested\":\"unkept\"}");
    assert_true(service.keys[0][0] != '\0');
    assert_has(done.out, "QueueLag: for_s 60 to 300, off true to false.");
    RAN back = run_to(CLI_DONE, service_says,
                      "alert tune QueueLag --back keep_s --untested unkept --reason reports");
    assert_has(service.requests[0], "{\"set\":{\"keep_s\":null}");
    assert_has(back.out, "for_s 60 to 300");
    RAN nothing = run_to(CLI_USAGE, NULL, "alert tune QueueLag --reason x");
    assert_has(nothing.err, "say what is to change");
    RAN odd = run_to(CLI_USAGE, NULL, "alert tune QueueLag --set for_s --reason x");
    assert_has(odd.err, "--set is written NAME=VALUE");
    RAN listed = run_to(CLI_DONE, service_says, "alert changes --rule QueueLag --limit 1");
    assert_has(listed.out, "for_s 60 to 300, off true to false");
    assert_has(listed.out, "no: not kept");
    assert_has(listed.out, "--cursor 3");
    RAN none = run_to(CLI_DONE, service_says, "alert changes");
    assert_has(none.out, "as the configuration file says");
}

static void a_backtest_is_waited_for_and_stands_side_by_side(void **state) {
    (void)state;
    static const char *const wanted[] = {
        "with critical 5 to 7.5. 1 really fired", "present values   ", "proposed values   ",
        "gateway=stripe-eu", "42.50 percent", "alr_1", "Nothing would have fired.", "To a minute."};
    RAN ran = run_to(CLI_DONE, service_says,
                     "alert backtest --rule PaymentServiceGatewayFailure --set critical=7.5 "
                     "--since 14d");
    assert_has(service.requests[0], "{\"set\":{\"critical\":\"7.5\"},\"since\":\"14d\"}");
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_has(ran.out, wanted[i]);
    }
    RAN json = run_to(CLI_DONE, service_says,
                      "alert backtest --rule PaymentServiceGatewayFailure --json");
    assert_has(service.requests[0], "{\"since\":\"30d\"}");
    assert_has(json.out, "\"state\":\"done\"");
    assert_null(strstr(json.out, "running"));
    RAN failed = run_to(CLI_PROBLEM, service_says, "alert backtest --rule Silence");
    assert_has(failed.out, "it took longer than 15 minutes");
    RAN which = run_to(CLI_USAGE, NULL, "alert backtest --since 1d");
    assert_has(which.err, "--rule");
}

static void silences_have_matchers_an_end_and_a_reason(void **state) {
    (void)state;
    RAN made = run_to(CLI_DONE, service_says,
                      "alert silence gateway=stripe-eu method=card --for 2h --reason planned");
    assert_has(service.requests[0], "\"matchers\":[\"gateway=stripe-eu\",\"method=card\"]");
    assert_has(service.requests[0], "\"until\":\"20");
    assert_has(made.out, "gateway=stripe-eu method=card");
    RAN bare = run_to(CLI_USAGE, NULL, "alert silence gateway=a --reason x");
    assert_has(bare.err, "--for is missing");
    RAN endless = run_to(CLI_USAGE, NULL, "alert silence gateway=a --for 31d --reason x");
    assert_int_equal(service.seen, 0);
    assert_true(endless.err[0] != '\0');
    RAN listed = run_to(CLI_DONE, service_says, "alert silences");
    assert_has(listed.out, "sil_1");
    RAN none = run_to(CLI_DONE, service_says, "alert silences --all");
    assert_string_equal(none.out, "Everything is told.\n");
    RAN ended = run_to(CLI_DONE, service_says, "alert unsilence sil_1");
    assert_has(ended.out, "Ended.");
    RAN rota = run_to(CLI_DONE, service_says, "alert rota");
    assert_has(rota.out, "wang");
    assert_has(rota.out, "dentist");
    RAN stands = run_to(CLI_DONE, service_says, "alert stand-in ops lead --for 2h --reason ill");
    assert_has(service.requests[0], "\"person\":\"lead\"");
    assert_has(stands.out, "lead has the duty of ops until");
}

static void channels_tell_how_they_do_and_are_tried(void **state) {
    (void)state;
    RAN ran = run_to(CLI_PROBLEM, service_says, "alert channels");
    assert_has(ran.out, "the webhook is gone");
    assert_has(ran.out, "failed");
    RAN good = run_to(CLI_DONE, service_says, "alert test-channel room");
    assert_has(good.out, "room has taken it");
    RAN bad = run_to(CLI_PROBLEM, service_says, "alert test-channel sms");
    assert_has(bad.out, "sms has not taken it: account or token (20003)");
    RAN sent = run_to(CLI_DONE, service_says,
                      "alert deliveries --channel room --state failed --limit 3 --cursor dlv_9");
    assert_has(sent.out, "[P1] Firing: x");
    RAN again = run_to(CLI_DONE, service_says, "alert resend dlv_1");
    assert_has(again.out, "sent again");
}

static void complaints_and_changes_are_told_and_listed(void **state) {
    (void)state;
    RAN made = run_to(CLI_DONE, service_says,
                      "complaint record --order order-1 --kind cannot_pay --channel chat");
    assert_has(service.requests[0], "\"order_id\":\"order-1\"");
    assert_has(service.requests[0], "\"kind\":\"cannot_pay\"");
    assert_has(made.out, "cannot_pay");
    RAN bare = run_to(CLI_USAGE, NULL, "complaint record --order order-1 --kind cannot_pay");
    assert_has(bare.err, "--channel is missing");
    RAN odd = run_to(CLI_USAGE, NULL, "complaint record --order o --kind odd --channel chat");
    assert_has(odd.err, "kind");
    RAN listed = run_to(CLI_DONE, service_says, "complaint list --since 7d --limit 3");
    assert_has(listed.out, "order-1");
    assert_null(strchr(listed.out, '\x1b'));
    RAN change = run_to(CLI_DONE, service_says,
                        "change record shop-4.7 --kind keys --by li --reference c1");
    assert_has(service.requests[0], "\"what\":\"shop-4.7\"");
    assert_has(service.requests[0], "\"kind\":\"keys\"");
    assert_has(service.requests[0], "\"reference\":\"c1\"");
    assert_has(change.out, "shop 4.7");
    RAN none = run_to(CLI_DONE, service_says, "change list");
    assert_string_equal(none.out, "No change was recorded.\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_ends_with_status_1_while_something_fires),
        cmocka_unit_test(one_tells_its_story_and_is_acknowledged),
        cmocka_unit_test(a_rule_is_shown_tuned_and_told_of),
        cmocka_unit_test(a_backtest_is_waited_for_and_stands_side_by_side),
        cmocka_unit_test(silences_have_matchers_an_end_and_a_reason),
        cmocka_unit_test(channels_tell_how_they_do_and_are_tried),
        cmocka_unit_test(complaints_and_changes_are_told_and_listed),
    };
    return cmocka_run_group_tests_name("cli_alerts", tests, set_up, tear_down);
}
