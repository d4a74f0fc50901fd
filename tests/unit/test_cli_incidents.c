/* SPDX-License-Identifier: Apache-2.0
 * test_cli_incidents.c: incidents on the command line: what is sent, what is shown, how the
 * commands end. */
#include "cli_fixture.h"

#include "base/clock.h"

#define INCIDENT(id, overdue, more)                                                                \
    "{\"id\":\"" id "\",\"object\":\"incident\",\"number\":7,\"title\":\"Cards \\u001b[2J fail\"," \
    "\"severity\":\"P1\",\"proposed_severity\":\"P0\",\"reasons\":[{\"severity\":\"P0\","          \
    "\"figure\":\"double_charges\",\"value\":1,\"en\":\"1 double charges are confirmed\",\"zh\":"  \
    "\"x\"}],\"state\":\"contained\",\"cause\":\"third_party\",\"cause_why\":\"they say so\","     \
    "\"scope\":{\"gateways\":[\"stripe-eu\",\"alipay-cn\"],\"methods\":[\"card\"],\"regions\":[]," \
    "\"currencies\":[]},\"milestones\":{\"impact_start\":\"2026-11-20T08:00:00Z\",\"detected\":"   \
    "\"2026-11-20T08:01:00Z\",\"acknowledged\":\"2026-11-20T08:05:00Z\",\"contained\":"            \
    "\"2026-11-20T09:00:00Z\",\"mitigated\":null,\"reconciled\":null,\"resolved\":null,"           \
    "\"postmortem_done\":null},\"roles\":{\"commander\":{\"role\":\"commander\",\"holder\":"       \
    "\"ann\",\"deputy\":\"bob\"},\"lead\":{\"role\":\"lead\",\"holder\":null,\"deputy\":null},"    \
    "\"comms\":{\"role\":\"comms\",\"holder\":\"cat\",\"deputy\":null},\"recon\":{\"role\":"       \
    "\"recon\",\"holder\":null,\"deputy\":null}},\"acknowledge_by\":null,\"next_update\":{"        \
    "\"what\":\"update\",\"due_at\":\"2026-11-20T09:30:00Z\",\"overdue\":" overdue                 \
    ",\"owner\":\"cat\"},\"follows\":null,\"drill\":false,\"version\":4,\"opened_by\":\"system\"," \
    "\"updated_at\":\"2026-11-20T09:00:00Z\"" more "}"
#define WHOLE                                                                                      \
    ",\"signatures\":[{\"role\":\"commander\",\"by\":\"ann\",\"at\":\"2026-11-20T10:00:00Z\","     \
    "\"version\":4}],\"alerts\":[{\"id\":\"alr_1\",\"rule\":\"BooksDiffer\",\"labels\":{"          \
    "\"gateway\":\"stripe-eu\"},\"severity\":\"P1\",\"state\":\"firing\",\"linked_at\":"           \
    "\"2026-11-20T08:02:00Z\",\"linked_by\":\"system\"}]"
#define ONE INCIDENT("inc_1", "false", WHOLE)

#define MEASURE(state, handed)                                                                     \
    "{\"id\":\"ctm_1\",\"object\":\"measure\",\"incident_id\":\"inc_1\",\"kind\":\"gateway_off\""  \
    ",\"name\":\"stripe-a\",\"state\":\"" state "\",\"does\":\"Nothing more is sent\",\"until\":"  \
    "\"2026-11-20T12:00:00Z\",\"before\":{\"value\":\"enabled\"},\"after\":\"disabled\",\"taken"   \
    "\":{\"at\":\"2026-11-20T09:00:00Z\",\"by\":\"ann\",\"reason\":\"it fails\"},\"undone\":null"  \
    ",\"handed_over\":" handed ",\"verification\":{\"on\":true,\"as_taken\":false,\"en\":\"Someb"  \
    "ody has changed it since\"},\"undo\":\"holdfast incident undo inc_1 ctm_1\"}"
#define HANDED                                                                                     \
    "{\"at\":\"2026-11-20T10:00:00Z\",\"by\":\"ann\",\"to\":\"bob\",\"reason\":\"it stays\"}"
#define PREVIEW(incident, refused)                                                                 \
    "{\"incident_id\":\"" incident "\",\"kind\":\"fallback\",\"does\":\"The first is passed over"  \
    "\",\"before\":{\"value\":\"\"},\"after\":\"on\",\"concerned\":{\"methods\":[\"card\",\"alip"  \
    "ay\"],\"without_a_way\":[\"paypal\"],\"en\":\"7 payments of the last hour\"},\"refused\":"    \
    refused "}"
#define FROZEN                                                                                     \
    "{\"open\":false,\"freezes\":[{\"since\":\"2026-11-20T09:00:00Z\",\"until\":null,\"by\":\"an"  \
    "n\",\"reason\":\"cards fail\",\"incident\":{\"id\":\"inc_1\",\"number\":7,\"title\":\"Cards"  \
    "\"},\"undo\":\"holdfast incident undo inc_1 ctm_1\"}]}"
#define BRIEF(digest, state)                                                                       \
    "{\"object\":\"incident_brief\",\"digest\":\"" digest                                          \
    "\",\"severity_and_phase\":{\"state\":\"" state "\"}}"
#define ITEM(state, overdue)                                                                       \
    "{\"id\":\"act_1\",\"incident_id\":\"inc_1\",\"number\":3,\"kind\":\"x\",\"state\":\"" state\
    "\",\"what\":\"Renew \\u001b[2J sooner\",\"owner\":\"ann\",\"due_at\":"                        \
    "\"2026-11-20T08:00:00Z\",\"overdue\":" overdue                                                \
    ",\"proof\":{\"kind\":\"drill\",\"name\":\"stop\"},\"done_note\":null}"

static const struct canned desk[] = {
    {"GET", "/v1/incidents", 200,
     "{\"data\":[" INCIDENT("inc_1", "true", "") "],\"next_cursor\":\"inc_1\"}", NULL},
    {"GET", "/v1/incidents?state=all&severity=P1&limit=3&cursor=inc_9", 200,
     "{\"data\":[" INCIDENT("inc_1", "false", "") "],\"next_cursor\":null}", NULL},
    {"GET", "/v1/incidents?state=closed", 200, "{\"data\":[],\"next_cursor\":null}", NULL},
    {"GET", "/v1/incidents/inc_1", 200, ONE, NULL},
    {"GET", "/v1/incidents/inc_1/log?after=2&limit=1", 200,
     "{\"data\":[{\"seq\":3,\"at\":\"2026-11-20T09:00:00Z\",\"actor\":\"user:usr_a\",\"by\":"
     "\"ann\",\"actor_kind\":\"user\",\"role\":\"commander\",\"kind\":\"decision\",\"text\":"
     "\"Turn away\",\"evidence\":{},\"sealed\":\"\",\"prev\":\"a\",\"hash\":\"b\"}],"
     "\"next_seq\":3}",
     NULL},
    {"GET", "/v1/incidents/inc_1/verification", 200,
     "{\"whole\":true,\"entries\":7,\"hash\":\"abc\",\"broken_seq\":null,\"why\":null}", NULL},
    {"GET", "/v1/incidents/inc_2/verification", 200,
     "{\"whole\":false,\"entries\":2,\"hash\":\"abc\",\"broken_seq\":3,\"why\":\"the entry is "
     "missing\"}",
     NULL},
    {"POST", "/v1/incidents", 201, ONE,
     "{\"title\":\"t\",\"impact_start\":\"10m\",\"severity\":\"P1\",\"scope\":{\"gateways\":["
     "\"a\",\"b\"],\"currencies\":[\"EUR\"]},\"alerts\":[\"alr_1\"],\"drill\":true}"},
    {"POST", "/v1/incidents/inc_1/moves", 200, ONE, "\"reason\":\"r\""},
    {"POST", "/v1/incidents/inc_1/severity", 200, ONE, "{\"severity\":\"P0\",\"reason\":\"r\"}"},
    {"POST", "/v1/incidents/inc_1/roles", 200, ONE,
     "{\"role\":\"comms\",\"user\":\"me\",\"reason\":\"r\",\"deputy\":true}"},
    {"POST", "/v1/incidents/inc_1/corrections", 200, ONE, "\"scope\":{}"},
    {"POST", "/v1/incidents/inc_1/notes", 200, ONE, "{\"kind\":\"comms\",\"text\":\"told\"}"},
    {"POST", "/v1/incidents/inc_1/signatures", 200, ONE, "{\"role\":\"recon\",\"reason\":\"r\"}"},
    {"POST", "/v1/incidents/inc_1/alerts", 200, ONE, "{\"alert_id\":\"alr_1\",\"reason\":\"r\"}"},
    {"POST", "/v1/incidents/inc_1/measures", 201, MEASURE("taken", "null"),
     "{\"kind\":\"gateway_off\",\"name\":\"stripe-a\",\"reason\":\"r\",\"force\":true}"},
    {"POST", "/v1/incidents/inc_1/measures/preview", 200, PREVIEW("inc_1", "null"),
     "{\"kind\":\"fallback\",\"reason\":\"r\",\"adopt\":true}"},
    {"POST", "/v1/incidents/inc_2/measures/preview", 200,
     PREVIEW("inc_2", "{\"detail\":\"it stands so already, by bob\",\"hint\":\"Ask him.\"}"), NULL},
    {"GET", "/v1/incidents/inc_1/measures", 200,
     "{\"data\":[" MEASURE("handed_over", HANDED) "]}", NULL},
    {"GET", "/v1/incidents/inc_2/measures", 200, "{\"data\":[]}", NULL},
    {"POST", "/v1/measures/ctm_1/undo", 200, MEASURE("undone", "null"),
     "{\"force\":true,\"incident_id\":\"inc_1\",\"reason\":\"r\"}"},
    {"POST", "/v1/measures/ctm_1/hand-over", 200, MEASURE("handed_over", HANDED),
     "{\"to\":\"bob\",\"incident_id\":\"inc_1\",\"reason\":\"r\"}"},
    {"GET", "/v1/incidents/inc_1/brief?format=text", 200, "the \033[2J brief\n\nof one\n", NULL},
    {"GET", "/v1/incidents/inc_1/brief?format=markdown&lang=zh", 200, "# brief\n", NULL},
    {"GET", "/v1/incidents/inc_1/brief?format=json", 200, BRIEF("d1", "closed"), NULL},
    {"GET", "/v1/incidents/inc_1/postmortem?format=markdown", 200, "# learnt\n", NULL},
    {"GET", "/v1/incidents/inc_1/postmortem?format=json", 200, "{\"object\":\"postmortem\"}", NULL},
    {"PUT", "/v1/incidents/inc_1/postmortem", 200,
     "{\"part\":\"summary\",\"version\":2,\"by\":\"ann\"}",
     "{\"part\":\"summary\",\"text\":\"It failed\"}"},
    {"GET", "/v1/incidents/inc_1/report?for=insurer&format=csv&lang=zh", 200, "a,b\r\nc\r\n", NULL},
    {"GET", "/v1/actions", 200, "{\"data\":[" ITEM("open", "true") "],\"next_cursor\":\"act_1\"}",
     NULL},
    {"GET", "/v1/actions?incident_id=inc_1&state=all&owner=ann&overdue=1", 200,
     "{\"data\":[],\"next_cursor\":null}", NULL},
    {"GET", "/v1/actions/act_1", 200, ITEM("done", "false"), NULL},
    {"POST", "/v1/incidents/inc_1/actions", 201, ITEM("open", "false"),
     "{\"kind\":\"cause\",\"what\":\"w\",\"owner\":\"bob\",\"proof\":{\"kind\":\"drill\",\"name\":"
     "\"stop\"}}"},
    {"POST", "/v1/actions/act_1/done", 200, ITEM("done", "false"), "{\"note\":\"n\"}"},
    {"POST", "/v1/actions/act_1/verify", 200, ITEM("verified", "false"), "{\"note\":\"n\"}"},
    {"POST", "/v1/actions/act_1/reopen", 200, ITEM("reopened", "false"), "{\"note\":\"n\"}"},
    {"POST", "/v1/actions/act_1/assign", 200, ITEM("open", "false"),
     "{\"owner\":\"bob\",\"reason\":\"r\"}"},
    {0},
};

static const struct canned open_gate[] = {
    {"GET", "/v1/deploy-gate", 200,
     "{\"object\":\"deploy_gate\",\"open\":true,\"checked_at\":\"x\",\"freezes\":[]}", NULL},
    {"POST", "/v1/deploy-gate/thaw", 200, "{\"open\":true,\"freezes\":[]}",
     "{\"reason\":\"r\"}"},
    {0},
};
static const struct canned frozen_gate[] = {
    {"GET", "/v1/deploy-gate", 200, FROZEN, NULL},
    {"POST", "/v1/deploy-gate/freeze", 200, FROZEN, "\"until\":\"20"},
    {0},
};
static const struct canned odd_gate[] = {
    {"GET", "/v1/deploy-gate", 200, "{\"freezes\":[]}", NULL},
    {0},
};
static const struct canned refusing_gate[] = {
    {"GET", "/v1/deploy-gate", 503, "{\"title\":\"x\",\"detail\":\"the database is away\"}", NULL},
    {0},
};

static void the_list_says_what_is_late_and_ends_with_status_1(void **state) {
    (void)state;
    static const char *const wanted[] = {"INCIDENT", "inc_1", "P1",   "contained",
                                         "ann",      "late",  "fail", "--cursor inc_1"};
    RAN listed = run_to(CLI_PROBLEM, desk, "incident list");
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_has(listed.out, wanted[i]);
    }
    assert_has_not(listed.out, "\033[2J");
    ends(CLI_DONE, desk, "incident list --state all --severity P1 --limit 3 --cursor inc_9");
    RAN none = run_to(CLI_DONE, desk, "incident list --state closed");
    assert_string_equal(none.out, "No incident fits.\n");
    ends(CLI_USAGE, desk, "incident list --state green");
}

static void one_is_shown_with_people_reasons_alerts_and_what_comes_next(void **state) {
    (void)state;
    static const char *const wanted[] = {
        "#7",
        "1 double charges are confirmed",
        "third_party: they say so",
        "gateway stripe-eu, alipay-cn; method card",
        "ann, deputy bob",
        "nobody",
        "alr_1",
        "gateway=stripe-eu",
        "SIGNED AS",
        "holdfast incident move inc_1 mitigate --reason",
    };
    RAN shown = run_to(CLI_DONE, desk, "incident show inc_1");
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_has(shown.out, wanted[i]);
    }
    RAN timeline = run_to(CLI_DONE, desk, "incident timeline inc_1");
    static const char *const times[] = {"impact_start", "detected", "acknowledged", "4m",
                                        "contained",    "55m",      "1h"};
    assert_order(timeline.out, times, COUNT_OF(times));
    assert_has_not(timeline.out, "mitigated");
}

static void the_log_is_shown_and_what_was_altered_ends_with_status_1(void **state) {
    (void)state;
    RAN log = run_to(CLI_DONE, desk, "incident log inc_1 --after 2 --limit 1");
    static const char *const wanted[] = {"3", "decision", "ann", "commander", "Turn away",
                                         "--after 3"};
    assert_order(log.out, wanted, COUNT_OF(wanted));
    RAN whole = run_to(CLI_DONE, desk, "incident verify inc_1");
    assert_has(whole.out, "All 7 entries");
    assert_has(whole.out, "abc");
    RAN broken = run_to(CLI_PROBLEM, desk, "incident verify inc_2");
    assert_has(broken.out, "Entry 3: the entry is missing");
}

static void what_is_said_is_sent(void **state) {
    (void)state;
    ends(CLI_DONE, desk,
         "incident open --title t --severity P1 --gateway a --gateway b --currency EUR "
         "--impact-start 10m --alert alr_1 --drill");
    ends(CLI_DONE, desk, "incident ack inc_1 --at 3m --reason r");
    ends(CLI_DONE, desk, "incident move inc_1 contain --reason r");
    ends(CLI_DONE, desk, "incident cancel inc_1 --reason r");
    ends(CLI_DONE, desk, "incident severity inc_1 --to P0 --reason r");
    ends(CLI_DONE, desk, "incident role inc_1 --role comms --to me --deputy --reason r");
    ends(CLI_DONE, desk, "incident correct inc_1 --everything --reason r");
    ends(CLI_DONE, desk, "incident note inc_1 --kind comms --text told");
    ends(CLI_DONE, desk, "incident sign inc_1 --role recon --reason r");
    ends(CLI_DONE, desk, "incident link inc_1 --alert alr_1 --reason r");
    ends(CLI_USAGE, desk, "incident sign inc_1 --role lead --reason r");
    ends(CLI_USAGE, desk, "incident move inc_1 contain");
    ends(CLI_USAGE, desk, "incident open --severity P1");
}

static void measures_are_taken_previewed_listed_undone_and_handed_over(void **state) {
    (void)state;
    static const char *const taken[] = {"ctm_1", "gateway_off stripe-a", "taken", "enabled",
                                        "disabled", "by ann", "it fails",
                                        "holdfast incident undo inc_1 ctm_1"};
    RAN took = run_to(CLI_DONE, desk,
                      "incident contain inc_1 gateway_off stripe-a --reason r --force");
    assert_order(took.out, taken, COUNT_OF(taken));
    static const char *const words[] = {"The first is passed over", "none", "on",
                                        "7 payments of the last hour", "card, alipay",
                                        "without any gateway: paypal", "Nothing was changed"};
    RAN looked = run_to(CLI_DONE, desk,
                        "incident contain inc_1 fallback --reason r --adopt --preview");
    assert_order(looked.out, words, COUNT_OF(words));
    RAN refused = run_to(CLI_PROBLEM, desk, "incident contain inc_2 fallback --reason r --preview");
    assert_has(refused.out, "It would be refused: it stands so already, by bob");
    RAN listed = run_to(CLI_DONE, desk, "incident measures inc_1");
    static const char *const row[] = {"ctm_1", "gateway_off", "stripe-a", "handed_over", "on",
                                      "bob", "changed it since"};
    assert_order(listed.out, row, COUNT_OF(row));
    RAN none = run_to(CLI_DONE, desk, "incident measures inc_2");
    assert_has(none.out, "Nothing was switched");
    ends(CLI_DONE, desk, "incident undo inc_1 ctm_1 --force --reason r");
    RAN handed = run_to(CLI_DONE, desk, "incident hand-over inc_1 ctm_1 --to bob --reason r");
    assert_has(handed.out, "to bob: it stays");
    ends(CLI_USAGE, desk, "incident hand-over inc_1 ctm_1 --reason r");
    ends(CLI_USAGE, desk, "incident undo inc_1 ctm_1");
    ends(CLI_USAGE, desk, "incident contain inc_1 --reason r");
}

static void the_deploy_gate_lets_through_only_what_it_knows_to_be_free(void **state) {
    (void)state;
    RAN open = run_to(CLI_DONE, open_gate, "deploy-gate");
    assert_has(open.out, "may go on");
    static const char *const wanted[] = {"cards fail", "by ann", "incident inc_1, #7: Cards",
                                         "holdfast incident undo inc_1 ctm_1"};
    RAN frozen = run_to(CLI_PROBLEM, frozen_gate, "deploy-gate");
    assert_order(frozen.out, wanted, COUNT_OF(wanted));
    RAN json = run_to(CLI_PROBLEM, frozen_gate, "deploy-gate --json");
    assert_has(json.out, "\"open\":false");
    RAN odd = run_to(CLI_PROBLEM, odd_gate, "deploy-gate");
    assert_has(odd.out, "does not say");
    ends(CLI_PROBLEM, refusing_gate, "deploy-gate");
    RAN away = run_to(CLI_UNREACHABLE, NULL, "deploy-gate --url http://127.0.0.1:1");
    assert_has(away.err, "could not be reached");
    ends(CLI_UNREACHABLE, NULL, "deploy-gate --json --url http://127.0.0.1:1");
    ends(CLI_DONE, frozen_gate, "deploy freeze --for 2h --reason r");
    ends(CLI_DONE, open_gate, "deploy thaw --reason r");
    ends(CLI_USAGE, open_gate, "deploy thaw");
}

/* ---- as a whole ---- */

static void documents_are_printed_line_by_line_and_nothing_in_them_moves_the_cursor(void **state) {
    (void)state;
    RAN brief = run_to(CLI_DONE, desk, "incident brief inc_1");
    assert_has(brief.out, " brief\n\nof one\n");
    assert_has_not(brief.out, "\033");
    RAN chinese = run_to(CLI_DONE, desk, "incident brief inc_1 --format markdown --lang zh");
    assert_string_equal(chinese.out, "# brief\n");
    RAN json = run_to(CLI_DONE, desk, "incident brief inc_1 --json");
    assert_string_equal(json.out, BRIEF("d1", "closed") "\n");
    RAN learnt = run_to(CLI_DONE, desk, "incident postmortem inc_1");
    assert_string_equal(learnt.out, "# learnt\n");
    RAN learnt_json = run_to(CLI_DONE, desk, "incident postmortem inc_1 --json");
    assert_string_equal(learnt_json.out, "{\"object\":\"postmortem\"}\n");
    RAN report = run_to(CLI_DONE, desk,
                        "incident report inc_1 --for insurer --format csv --lang zh");
    assert_string_equal(report.out, "a,b\nc\n");
    ends(CLI_USAGE, desk, "incident report inc_1");
    ends(CLI_USAGE, desk, "incident report inc_1 --for me");
    ends(CLI_USAGE, desk, "incident brief inc_1 --format pdf");
    ends(CLI_PROBLEM, desk, "incident brief inc_7");
}

/* Answers change from one look to the next: somebody else closes the incident meanwhile. */
static void change_soon(void *ctx) {
    (void)ctx;
    static const struct canned later[] = {
        {"GET", "/v1/incidents/inc_1/brief?format=text", 200, "second\n", NULL},
        {"GET", "/v1/incidents/inc_1/brief?format=json", 200, BRIEF("d2", "closed"), NULL},
        {0},
    };
    int seen = 0;
    while (seen < 4) { /* looked, printed, looked again and found nothing new, … */
        task_sleep_us(10 * US_PER_MS);
        lock_take(&service.lock);
        seen = service.seen;
        lock_give(&service.lock);
    }
    lock_take(&service.lock);
    service.answers = later;
    lock_give(&service.lock);
}

static void a_watched_brief_is_printed_when_it_changes_and_ends_when_it_is_closed(void **state) {
    (void)state;
    static const struct canned first[] = {
        {"GET", "/v1/incidents/inc_1/brief?format=text", 200, "first\n", NULL},
        {"GET", "/v1/incidents/inc_1/brief?format=json", 200, BRIEF("d1", "open"), NULL},
        {0},
    };
    lock_take(&service.lock);
    service.seen = 0;
    lock_give(&service.lock);
    struct task *task = task_start("change", 0, change_soon, NULL);
    RAN watched = run_to(CLI_DONE, first, "incident brief inc_1 --watch --every 50ms");
    task_join(task);
    assert_string_equal(watched.out, "first\n\nsecond\n");
    ends(CLI_USAGE, first, "incident brief inc_1 --watch --every soon");
}

static void parts_and_items_are_sent_and_shown(void **state) {
    (void)state;
    RAN part = run_to(CLI_DONE, desk,
                      "incident postmortem inc_1 --edit-part summary --text It+failed");
    assert_string_equal(part.out, "summary is version 2, by ann.\n");
    ends(CLI_USAGE, desk, "incident postmortem inc_1 --edit-part summary");
    ends(CLI_USAGE, desk, "incident postmortem inc_1 --text x");
    ends(CLI_USAGE, desk, "incident postmortem inc_1 --edit-part poem --text x");
    static const char *const wanted[] = {"act_1", "3", "open", "ann", "drill stop", "sooner"};
    RAN listed = run_to(CLI_PROBLEM, desk, "action list"); /* one is late */
    assert_order(listed.out, wanted, COUNT_OF(wanted));
    assert_has_not(listed.out, "\033[2J");
    RAN none = run_to(CLI_DONE, desk,
                      "action list --incident inc_1 --state all --owner ann --overdue");
    assert_string_equal(none.out, "No action item fits.\n");
    ends(CLI_DONE, desk, "action show act_1");
    ends(CLI_DONE, desk, "action add inc_1 --for cause --what w --owner bob --proof-drill stop");
    ends(CLI_USAGE, desk,
         "action add inc_1 --for cause --what w --proof-drill stop --proof-check x");
    ends(CLI_USAGE, desk, "action add inc_1 --for cause --what w");
    ends(CLI_DONE, desk, "action done act_1 --note n");
    ends(CLI_DONE, desk, "action verify act_1 --note n");
    ends(CLI_DONE, desk, "action reopen act_1 --note n");
    ends(CLI_DONE, desk, "action assign act_1 --to bob --reason r");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_says_what_is_late_and_ends_with_status_1),
        cmocka_unit_test(one_is_shown_with_people_reasons_alerts_and_what_comes_next),
        cmocka_unit_test(the_log_is_shown_and_what_was_altered_ends_with_status_1),
        cmocka_unit_test(what_is_said_is_sent),
        cmocka_unit_test(measures_are_taken_previewed_listed_undone_and_handed_over),
        cmocka_unit_test(the_deploy_gate_lets_through_only_what_it_knows_to_be_free),
        cmocka_unit_test(documents_are_printed_line_by_line_and_nothing_in_them_moves_the_cursor),
        cmocka_unit_test(a_watched_brief_is_printed_when_it_changes_and_ends_when_it_is_closed),
        cmocka_unit_test(parts_and_items_are_sent_and_shown),
    };
    return cmocka_run_group_tests_name("cli_incidents", tests, set_up, tear_down);
}
