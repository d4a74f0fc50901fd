/* SPDX-License-Identifier: Apache-2.0
 * test_cli_tickets.c: tickets on the command line: what is sent, what is shown, how the commands
 * end. */
#include <sys/stat.h>

#include "cli_fixture.h"

#define TICKET(id, state, overdue, assignee)                                                       \
    "{\"id\":\"" id "\",\"object\":\"ticket\",\"kind\":\"break\",\"subject\":\"brk_7\",\"title\":" \
    "\"Paid there, not here\",\"class\":\"missing_here\",\"risk\":\"critical\",\"priority\":"      \
    "\"urgent\",\"state\":\"" state                                                                \
    "\",\"amount\":2500,\"currency\":\"EUR\",\"gateway\":\"stripe-a\",\"payment_id\":null,"        \
    "\"suggestion\":\"Look it up at the gateway.\",\"sop\":{\"page\":\"paid-there-not-here\","     \
    "\"url\":\"/v1/sops/paid-there-not-here\"},\"team\":\"finance\",\"assignee\":" assignee        \
    ",\"resolution\":null,\"reason\":null,\"moved_amount\":null,\"moved_currency\":null,"          \
    "\"opened\":1,\"level\":1,\"overdue\":" overdue                                                \
    ",\"opened_by\":\"system\",\"opened_at\":\"2026-11-20T08:00:00Z\",\"due_at\":"                 \
    "\"2026-11-20T12:00:00Z\",\"updated_at\":\"2026-11-20T08:00:00Z\",\"closed_at\":null"
#define ANN "{\"id\":\"usr_a\",\"name\":\"ann\"}"
#define WHOLE                                                                                      \
    ",\"facts\":{\"order\":\"A-77\",\"rows\":[{\"gateway_id\":\"ch_7\",\"currency\":"              \
    "\"EUR\",\"side\":\"theirs\",\"amount\":2500}],\"note\":null,\"currency\":\"EUR\","            \
    "\"difference\":-150,\"at\":\"2026-11-20T07:00:00Z\"},\"history\":[{\"number\":1,\"at\":"      \
    "\"2026-11-20T08:00:00Z\",\"actor\":\"system\",\"by\":null,\"what\":\"opened\",\"text\":null," \
    "\"detail\":{},\"moved_amount\":null,\"moved_currency\":null},{\"number\":2,\"at\":"           \
    "\"2026-11-20T09:00:00Z\",\"actor\":\"user:usr_a\",\"by\":\"ann\",\"what\":\"commented\","     \
    "\"text\":\"asked the \\u001b[2Jgateway\",\"detail\":{},\"moved_amount\":null,"                \
    "\"moved_currency\":null}],\"approvals\":[{\"id\":\"apr_1\",\"kind\":\"ticket_money\","        \
    "\"state\":\"waiting\",\"asked_by\":\"user:usr_b\",\"asked_by_name\":\"bob\",\"decided_by\":"  \
    "null,\"decided_by_name\":null,\"decision_reason\":null}]}"
#define OPEN_ONE TICKET("tkt_1", "open", "false", ANN) WHOLE

static const struct canned desk[] = {
    {"GET", "/v1/tickets", 200,
     "{\"data\":[" TICKET("tkt_1", "open", "true", ANN) "}," TICKET("tkt_2", "waiting", "false",
                                                                    "null") "}],\"next_cursor\":"
                                                                            "\"12_tkt_2\","
                                                                            "\"total\":9}"},
    {"GET", "/v1/tickets?queue=mine", 200, "{\"data\":[],\"next_cursor\":null,\"total\":0}"},
    {"GET", "/v1/tickets?queue=team&state=all&assignee=ann&team=finance", 200,
     "{\"data\":[" TICKET("tkt_2", "open", "false", "null") "}],\"next_cursor\":null,\"total\":1}"},
    {"GET", "/v1/tickets?class=fee&risk=high&gateway=g&payment_id=pay_1&q=a%20b&overdue=1", 200,
     "{\"data\":[],\"total\":0}"},
    {"GET", "/v1/tickets?limit=3&cursor=1_x", 200, "{\"data\":[],\"total\":0}"},
    {"GET", "/v1/tickets/tkt_1", 200, OPEN_ONE},
    {"GET", "/v1/tickets/tkt_9", 200, TICKET("tkt_9", "approval", "false", ANN) WHOLE},
    {"GET", "/v1/sops/charged-twice?lang=zh", 200,
     "{\"object\":\"sop\",\"page\":\"charged-twice\",\"language\":\"zh\",\"text\":\"# "
     "\\u91cd\\u590d\\u6263\\u6b3e\\n\"}"},
    {"GET", "/v1/ticket-teams", 200,
     "{\"data\":[{\"name\":\"finance\",\"share\":\"least_loaded\",\"live\":7,\"overdue\":2,"
     "\"lead\":\"lee\",\"members\":[{\"name\":\"ann\",\"works\":true,\"live\":5},{\"name\":\"zoe\","
     "\"works\":false,\"live\":0}]}]}"},
    {"POST", "/v1/tickets", 201, OPEN_ONE},
    {"POST", "/v1/tickets/tkt_1/assign", 200, OPEN_ONE},
    {"POST", "/v1/tickets/tkt_1/transfer", 200, OPEN_ONE},
    {"POST", "/v1/tickets/tkt_1/start", 200, OPEN_ONE},
    {"POST", "/v1/tickets/tkt_1/wait", 200, OPEN_ONE},
    {"POST", "/v1/tickets/tkt_1/comments", 200, OPEN_ONE},
    {"POST", "/v1/tickets/tkt_1/close", 200, OPEN_ONE},
    {"POST", "/v1/tickets/tkt_1/reopen", 200, OPEN_ONE},
    {"POST", "/v1/tickets/tkt_1/approve", 200, OPEN_ONE},
    {"POST", "/v1/tickets/tkt_1/reject", 200, OPEN_ONE},
    {"POST", "/v1/tickets/tkt_1/resolve", 202, TICKET("tkt_1", "approval", "false", ANN) WHOLE},
    {"POST", "/v1/tickets/bulk", 200,
     "{\"object\":\"ticket_bulk\",\"action\":\"close\",\"count\":2,\"ids\":[\"tkt_1\",\"tkt_2\"]}"},
    {"GET", "/v1/tickets.csv?state=all", 200, "id,title\r\n"},
    {"GET", "/v1/tickets.xlsx?class=fee", 200, "PK-a-workbook"},
    {0},
};

static void the_list_says_what_is_late_whose_it_is_and_ends_with_status_1(void **state) {
    (void)state;
    RAN listed = run_to(CLI_PROBLEM, desk, "ticket list");
    static const char *const wanted[] = {"TICKET",
                                         "DUE",
                                         "OWNER",
                                         "tkt_1",
                                         "late",
                                         "25.00 EUR",
                                         "critical",
                                         "ann",
                                         "open",
                                         "team finance",
                                         "Paid there, not here",
                                         "2 of 9",
                                         "--cursor 12_tkt_2"};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_has(listed.out, wanted[i]);
    }
    RAN none = run_to(CLI_DONE, desk, "ticket list --in mine");
    assert_string_equal(none.out, "No ticket fits.\n");
    RAN all = run_to(CLI_DONE, desk,
                     "ticket list --in team --state all --assignee ann --team finance");
    assert_has(all.out, "tkt_2");
    ends(CLI_DONE, desk,
         "ticket list --class fee --risk high --gateway g --payment pay_1 --find a+b --overdue");
    ends(CLI_DONE, desk, "ticket list --limit 3 --cursor 1_x");
}

static void one_is_shown_with_facts_history_and_what_to_do(void **state) {
    (void)state;
    RAN shown = run_to(CLI_DONE, desk, "ticket show tkt_1");
    static const char *const wanted[] = {"brk_7",
                                         "A-77",
                                         "commented",
                                         "ann",
                                         "waiting",
                                         "bob",
                                         "escalated",
                                         "25.00 EUR",
                                         "Look it up at the gateway.",
                                         "holdfast ticket sop paid-there-not-here"};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_has(shown.out, wanted[i]);
    }
    assert_has_not(shown.out, "\033[2J");
    assert_has_not(shown.out, "note");
    /* Facts are lines: money as people write it, no braces. */
    assert_has(shown.out, "-1.50 EUR");
    assert_has(shown.out, "gateway_id ch_7, side theirs, amount 25.00 EUR");
    assert_has_not(shown.out, "{");
    assert_has_not(shown.out, "T07:00:00Z");
    assert_has(shown.out, "holdfast ticket start tkt_1");
    assert_has(shown.out, "holdfast break show brk_7");
    assert_has(shown.out, "holdfast ticket resolve tkt_1 --how HOW");
    assert_has_not(shown.out, "--to me"); /* ann has it */
    RAN waits = run_to(CLI_DONE, desk, "ticket show tkt_9");
    assert_has(waits.out, "holdfast ticket approve tkt_9");
}

static void a_page_says_what_to_do_in_the_language_that_was_asked_for(void **state) {
    (void)state;
    RAN page = run_to(CLI_DONE, desk, "ticket sop charged-twice --lang zh");
    assert_string_equal(page.out, "# \xe9\x87\x8d\xe5\xa4\x8d\xe6\x89\xa3\xe6\xac\xbe\n");
    ends(CLI_USAGE, desk, "ticket sop charged-twice --lang fr");
}

static void teams_are_shown_with_who_is_passed_over(void **state) {
    (void)state;
    RAN teams = run_to(CLI_DONE, desk, "ticket teams");
    static const char *const wanted[] = {"finance", "least_loaded, lead lee", "ann", "zoe",
                                         "no enabled user"};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_has(teams.out, wanted[i]);
    }
}

static void what_is_opened_by_hand_is_sent_as_it_was_said(void **state) {
    (void)state;
    ends(CLI_DONE, desk,
         "ticket create --title twice --class bank_unknown --risk high --amount 19.99 --currency "
         "EUR --gateway g --payment pay_1 --detail seen --suggestion ask");
    static const char *const wanted[] = {
        "\"title\":\"twice\"",      "\"class\":\"bank_unknown\"", "\"risk\":\"high\"",
        "\"amount\":1999",          "\"currency\":\"EUR\"",       "\"gateway\":\"g\"",
        "\"payment_id\":\"pay_1\"", "\"detail\":\"seen\"",        "\"suggestion\":\"ask\""};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_has(service.requests[0], wanted[i]);
    }
    ends(CLI_USAGE, desk, "ticket create --title twice --amount 19.99");
    ends(CLI_USAGE, desk, "ticket create --title twice --currency EUR");
    ends(CLI_USAGE, desk, "ticket create --class fee");
}

static void each_step_sends_its_reason(void **state) {
    (void)state;
    static const struct {
        const char *line, *request;
    } rows[] = {
        {"ticket start tkt_1", "POST /v1/tickets/tkt_1/start {}"},
        {"ticket wait tkt_1 --reason x", "POST /v1/tickets/tkt_1/wait {\"reason\":\"x\"}"},
        {"ticket close tkt_1 --reason x", "POST /v1/tickets/tkt_1/close {\"reason\":\"x\"}"},
        {"ticket reopen tkt_1 --reason x", "POST /v1/tickets/tkt_1/reopen {\"reason\":\"x\"}"},
        {"ticket approve tkt_1 --reason x", "POST /v1/tickets/tkt_1/approve {\"reason\":\"x\"}"},
        {"ticket reject tkt_1 --reason x", "POST /v1/tickets/tkt_1/reject {\"reason\":\"x\"}"},
        {"ticket comment tkt_1 --note x", "POST /v1/tickets/tkt_1/comments {\"text\":\"x\"}"},
        {"ticket assign tkt_1 --to me", "POST /v1/tickets/tkt_1/assign {\"user\":\"me\"}"},
        {"ticket assign tkt_1 --to team:ops --note x",
         "POST /v1/tickets/tkt_1/assign {\"team\":\"ops\",\"reason\":\"x\"}"},
        {"ticket transfer tkt_1 --to bob --reason x",
         "POST /v1/tickets/tkt_1/transfer {\"user\":\"bob\",\"reason\":\"x\"}"},
        {"ticket resolve tkt_1 --how fixed --reason x",
         "POST /v1/tickets/tkt_1/resolve {\"resolution\":\"fixed\",\"reason\":\"x\"}"},
        {"ticket resolve tkt_1 --how written_off --amount 1.5 --currency EUR --reason x",
         "POST /v1/tickets/tkt_1/resolve {\"resolution\":\"written_off\",\"reason\":\"x\","
         "\"currency\":\"EUR\",\"amount\":150}"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ends(CLI_DONE, desk, rows[i].line);
        assert_string_equal(service.requests[0], rows[i].request);
    }
    static const char *const wrong[] = {
        "ticket close tkt_1",
        "ticket wait tkt_1",
        "ticket transfer tkt_1 --to bob",
        "ticket assign tkt_1",
        "ticket resolve tkt_1 --how sold --reason x",
        "ticket resolve tkt_1 --how written_off --amount 1 --reason x",
        "ticket close --reason x",
        "ticket close tkt_1 --expect 3 --reason x",
        "ticket close tkt_1 --team finance --reason x",
        "ticket close --team finance --reason x",
        "ticket close --team finance --expect many --reason x",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        ends(CLI_USAGE, desk, wrong[i]);
        assert_int_equal(service.seen, 0);
    }
}

static void who_waits_for_whom_is_said_when_money_was_moved(void **state) {
    (void)state;
    RAN asked = run_to(CLI_DONE, desk, "ticket resolve tkt_1 --how money_moved --reason x");
    assert_has(asked.out, "It waits for another person");
}

static void many_are_named_or_found_with_how_many_they_are(void **state) {
    (void)state;
    RAN closed = run_to(CLI_DONE, desk, "ticket close tkt_1,tkt_2 --reason x");
    assert_string_equal(closed.out, "2 tickets were closed.\n");
    assert_has(service.requests[0], "\"ids\":[\"tkt_1\",\"tkt_2\"]");
    assert_has(service.requests[0], "\"action\":\"close\"");
    ends(CLI_DONE, desk,
         "ticket transfer --team finance --overdue --expect 2 --to team:ops --reason x");
    assert_has(service.requests[0], "\"filter\":{\"team\":\"finance\",\"overdue\":true}");
    assert_has(service.requests[0], "\"expected\":2");
    assert_has(service.requests[0], "\"team\":\"ops\"");
    ends(CLI_DONE, desk, "ticket assign --in unassigned --expect 2 --to me");
    assert_has(service.requests[0], "\"reason\":\"assigned\"");
}

static void a_file_is_written_once(void **state) {
    (void)state;
    char folder[] = "/tmp/holdfast-tickets-XXXXXX", words[200], path[120];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/tickets.csv", folder);
    snprintf(words, sizeof words, "ticket export --state all --out %s", path);
    RAN done = run_to(CLI_DONE, desk, words);
    assert_string_equal(done.out, "10 bytes in tickets.csv.\n");
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_size, 10);
    assert_int_equal(file.st_mode & 0777, 0600);
    ends(CLI_PROBLEM, desk, words);
    unlink(path);
    snprintf(words, sizeof words, "ticket export --format xlsx --class fee --out %s", path);
    RAN book = run_to(CLI_DONE, desk, words);
    assert_string_equal(book.out, "13 bytes in tickets.csv.\n");
    unlink(path);
    rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_says_what_is_late_whose_it_is_and_ends_with_status_1),
        cmocka_unit_test(one_is_shown_with_facts_history_and_what_to_do),
        cmocka_unit_test(a_page_says_what_to_do_in_the_language_that_was_asked_for),
        cmocka_unit_test(teams_are_shown_with_who_is_passed_over),
        cmocka_unit_test(what_is_opened_by_hand_is_sent_as_it_was_said),
        cmocka_unit_test(each_step_sends_its_reason),
        cmocka_unit_test(who_waits_for_whom_is_said_when_money_was_moved),
        cmocka_unit_test(many_are_named_or_found_with_how_many_they_are),
        cmocka_unit_test(a_file_is_written_once),
    };
    return cmocka_run_group_tests_name("cli_tickets", tests, set_up, tear_down);
}
