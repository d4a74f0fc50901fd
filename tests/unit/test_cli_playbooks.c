/* SPDX-License-Identifier: Apache-2.0
 * test_cli_playbooks.c: playbooks and checklists on the command line: what is sent, what is shown,
 * how the commands end. */
#include "cli_fixture.h"

#define ITEM(id, kind, required, state, more)                                                      \
    "{\"id\":\"gateway-down." id "\",\"kind\":\"" kind "\",\"required\":" required                 \
    ",\"text\":\"Do \\u001b[2J " id "\",\"text_zh\":\"做 " id "\",\"state\":\"" state "\","         \
    "\"command\":\"holdfast " id " now\",\"links\":[\"docs/runbook.md#x\"]" more "}"
#define SEEN                                                                                       \
    ",\"said\":\"All is well.\",\"said_zh\":\"正常。\",\"looked_at\":\"2026-11-20T08:00:00Z\""
#define BY ",\"by\":\"ann\",\"at\":\"2026-11-20T08:00:00Z\",\"reason\":\"because\""
#define MEASURE(available)                                                                         \
    ",\"measure\":{\"kind\":\"gateway\",\"target\":\"stripe-eu\",\"available\":" available "}"
#define PHASE(name, items)                                                                         \
    "{\"phase\":\"x\",\"title\":\"" name "\",\"title_zh\":\"中 " name "\",\"items\":[" items "]}"
#define LIST                                                                                       \
    "{\"object\":\"checklist\",\"incident_id\":\"inc_1\",\"state\":\"open\",\"open\":2,\"next\":"  \
    "\"gateway-down.call\",\"playbooks\":[{\"name\":\"gateway-down\",\"title\":\"It is down\","    \
    "\"title_zh\":\"不可用\"}],\"proposed\":[{\"name\":\"gateway-slow\",\"title\":\"Slow\","          \
    "\"title_zh\":\"慢\",\"why\":\"cause network\"}],\"phases\":[" PHASE(                           \
        "Acknowledge", ITEM("look", "query", "true", "done", SEEN) "," ITEM(                       \
                           "call", "tick", "true", "open", "") ","                                 \
                       ITEM("vip", "tick", "false", "skipped", BY)) "," PHASE(                     \
        "Contain", ITEM("away", "action", "true", "open", MEASURE("false")) "," ITEM(              \
                       "back", "approval", "true", "failed", BY ",\"role\":\"commander\"")) "]}"
#define NONE                                                                                       \
    "{\"object\":\"checklist\",\"incident_id\":\"inc_2\",\"open\":0,\"next\":null,\"playbooks\":"  \
    "[],\"proposed\":[{\"name\":\"gateway-down\",\"title\":\"It is down\",\"title_zh\":\"不可用\","  \
    "\"why\":\"alert X\"}],\"phases\":[]}"

static const struct canned desk[] = {
    {"GET", "/v1/playbooks", 200,
     "{\"data\":[{\"name\":\"gateway-down\",\"title\":\"It is down\",\"built_in\":true,\"items\":"
     "41,\"causes\":[\"network\"],\"rules\":[\"ProbeFailing\"]}]}",
     NULL},
    {"GET", "/v1/playbooks/gateway-down", 200,
     "{\"name\":\"gateway-down\",\"title\":\"It is down\",\"title_zh\":\"不可用\",\"phases\":[" PHASE(
         "Acknowledge", ITEM("call", "tick", "false", "open", "")) "]}",
     NULL},
    {"GET", "/v1/incidents/inc_1/checklist", 200, LIST, NULL},
    {"GET", "/v1/incidents/inc_2/checklist", 200, NONE, NULL},
    {"POST", "/v1/incidents/inc_1/checklist/refresh", 200, LIST, NULL},
    {"POST", "/v1/incidents/inc_1/playbooks", 200, LIST,
     "{\"name\":\"gateway-down\",\"reason\":\"r\"}"},
    {"POST", "/v1/incidents/inc_1/checklist", 200, LIST,
     "{\"item\":\"call\",\"state\":\"done\",\"reason\":\"r\"}"},
    {"POST", "/v1/incidents/inc_3/checklist", 200, LIST,
     "{\"item\":\"call\",\"state\":\"failed\",\"reason\":\"r\"}"},
    {"POST", "/v1/incidents/inc_4/checklist", 200, LIST,
     "{\"item\":\"call\",\"state\":\"skipped\",\"reason\":\"r\"}"},
    {"POST", "/v1/incidents/inc_5/checklist", 200, LIST,
     "{\"item\":\"away\",\"state\":\"done\",\"reason\":\"r\",\"target\":\"stripe-us\"}"},
    {"POST", "/v1/incidents/inc_6/checklist", 200, LIST,
     "{\"item\":\"away\",\"state\":\"open\",\"reason\":\"r\"}"},
    {"GET", "/v1/incidents/inc_1/checklist/preview?item=away&target=stripe-us", 200,
     "{\"kind\":\"gateway\",\"target\":\"stripe-us\",\"value\":\"\",\"said\":\"It would.\","
     "\"said_zh\":\"将会。\"}",
     NULL},
    {0},
};

static void playbooks_are_listed_and_shown(void **state) {
    (void)state;
    static const char *const listed[] = {"gateway-down", "41", "built in", "It is down", "network",
                                         "ProbeFailing"};
    RAN list = run_to(CLI_DONE, desk, "playbook list");
    for (size_t i = 0; i < COUNT_OF(listed); i++) {
        assert_has(list.out, listed[i]);
    }
    static const char *const shown[] = {"1. Acknowledge", "[optional]", "holdfast call now",
                                        "docs/runbook.md#x"};
    RAN one = run_to(CLI_DONE, desk, "playbook show gateway-down");
    for (size_t i = 0; i < COUNT_OF(shown); i++) {
        assert_has(one.out, shown[i]);
    }
    RAN chinese = run_to(CLI_DONE, desk, "playbook show gateway-down --language zh");
    assert_has(chinese.out, "不可用");
    assert_has(chinese.out, "做 call");
    ends(CLI_USAGE, desk, "playbook show");
}

static void a_checklist_shows_marks_people_and_what_is_next(void **state) {
    (void)state;
    static const char *const lines[] = {
        "gateway-down: It is down",
        "1. Acknowledge",
        "   [x] Do",
        "All is well.",
        "-> [ ] Do",
        "holdfast call now",
        "   [-] Do",
        "[optional]",
        "ann, ",
        ": because",
        "2. Contain",
        "   [ ] Do",
        "holdfast away now",
        "No measure is run from here",
        "   [!] Do",
        "approved by: commander",
        "2 required items are open",
        "holdfast incident playbook inc_1 gateway-slow",
    };
    RAN list = run_to(CLI_DONE, desk, "incident checklist inc_1");
    assert_order(list.out, lines, COUNT_OF(lines));
    assert_has_not(list.out, "\033[2J");
    assert_has_not(list.out, "holdfast look now"); /* it is done */
    RAN again = run_to(CLI_DONE, desk, "incident checklist inc_1 --refresh --language zh");
    assert_has(again.out, "正常。");
    RAN none = run_to(CLI_DONE, desk, "incident checklist inc_2");
    assert_has(none.out, "It follows no playbook yet");
    assert_has(none.out, "holdfast incident playbook inc_2 gateway-down");
}

static void what_is_said_is_sent(void **state) {
    (void)state;
    ends(CLI_DONE, desk, "incident playbook inc_1 gateway-down --reason r");
    ends(CLI_DONE, desk, "incident tick inc_1 call --reason r");
    ends(CLI_DONE, desk, "incident tick inc_3 call --failed --reason r");
    ends(CLI_DONE, desk, "incident skip inc_4 call --reason r");
    ends(CLI_DONE, desk, "incident run inc_5 away --target stripe-us --reason r");
    ends(CLI_DONE, desk, "incident untick inc_6 away --reason r");
    RAN preview = run_to(CLI_DONE, desk, "incident run inc_1 away --preview --target stripe-us");
    assert_has(preview.out, "gateway stripe-us\nIt would.");
    ends(CLI_USAGE, desk, "incident skip inc_1 call");
    ends(CLI_USAGE, desk, "incident untick inc_1 call");
    ends(CLI_USAGE, desk, "incident tick inc_1");
    ends(CLI_USAGE, desk, "incident checklist inc_1 --language fr");
}

static void a_file_is_checked_without_a_service(void **state) {
    (void)state;
    char path[TEXT_MAX], words[TEXT_MAX + 40];
    make_file("name: x\nen: X\n", path);
    snprintf(words, sizeof words, "playbook check %s", path);
    RAN bad = run_to(CLI_PROBLEM, NULL, words);
    assert_has(bad.err, "zh");
    assert_int_equal(service.seen, 0);
    unlink(path);
    RAN absent = run_to(CLI_PROBLEM, NULL, words);
    assert_true(strlen(absent.err) > 0);
    snprintf(words, sizeof words, "playbook check %s/../playbooks/gateway-down.yaml", TESTS_DIR);
    RAN good = run_to(CLI_DONE, NULL, words);
    assert_has(good.out, "gateway-down, ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(playbooks_are_listed_and_shown),
        cmocka_unit_test(a_checklist_shows_marks_people_and_what_is_next),
        cmocka_unit_test(what_is_said_is_sent),
        cmocka_unit_test(a_file_is_checked_without_a_service),
    };
    return cmocka_run_group_tests_name("cli_playbooks", tests, set_up, tear_down);
}
