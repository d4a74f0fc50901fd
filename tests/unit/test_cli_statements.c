/* SPDX-License-Identifier: Apache-2.0
 * test_cli_statements.c: `holdfast statement import|show|fetch` against canned answers: what is
 * sent, what is said, and the exit status. */
#include "cli_fixture.h"

#define UPLOAD(state, more)                                                                        \
    "{\"id\":\"upl_1\",\"state\":\"" state "\",\"part_bytes\":10,\"part_count\":2" more "}"
#define BEGUN                                                                                      \
    { "POST", "/v1/statement-uploads", 201, UPLOAD("open", "") }
#define PART                                                                                       \
    { "POST", "/v1/statement-uploads/upl_1/parts", 200, UPLOAD("open", "") }
#define ENDED(text)                                                                                \
    { "POST", "/v1/statement-uploads/upl_1/complete", 200, text }
#define FILE_OF(id, known, more)                                                                   \
    ",\"files\":[{\"name\":\"a.csv\",\"format\":\"canonical\",\"statement_id\":" id                \
    ",\"known\":" known ",\"rows\":20000" more "}]"
#define NO_PROBLEMS ",\"problem_count\":0,\"problems\":[],\"bank\":null"

static struct ran import(const struct canned *answers, const char *more) {
    char path[TEXT_MAX], words[900];
    make_file("0123456789abcdef", path);
    snprintf(words, sizeof words, "statement import %s --gateway stripe-a%s", path, more);
    struct ran ran = run(answers, words);
    unlink(path);
    return ran;
}

static void a_file_goes_up_in_parts_and_its_statement_is_named(void **state) {
    (void)state;
    static const struct canned answers[] = {
        BEGUN,
        PART,
        ENDED(UPLOAD("taken", FILE_OF("\"stm_1\"", "false", NO_PROBLEMS) ",\"error\":null")),
        {0}};
    RAN ran = import(answers, "");
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(ran.out, "a.csv: taken in as stm_1, 20,000 rows (canonical)");
    assert_int_equal(service.seen, 4);
    assert_has(service.requests[0], "\"gateway\":\"stripe-a\"");
    assert_has(service.requests[0], "\"byte_count\":16");
    assert_has(service.requests[0],
               "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f");
    assert_has(service.requests[1], "{\"number\":0,\"content\":\"MDEyMzQ1Njc4OQ==\"}");
    assert_has(service.requests[2], "{\"number\":1,\"content\":\"YWJjZGVm\"}");
    assert_has(service.keys[0], "cli-");
}

static void a_known_file_is_no_error(void **state) {
    (void)state;
    static const struct canned answers[] = {
        BEGUN,
        PART,
        ENDED(UPLOAD("taken", FILE_OF("\"stm_1\"", "true", NO_PROBLEMS) ",\"error\":null")),
        {0}};
    RAN ran = import(answers, "");
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(ran.out, "known already as stm_1");
}

static void what_is_wrong_with_a_refused_file_is_printed(void **state) {
    (void)state;
    static const struct canned answers[] = {
        BEGUN,
        PART,
        ENDED(UPLOAD(
            "refused",
            FILE_OF("null", "false",
                    ",\"problem_count\":3,\"problems\":[{\"problem\":\"bad_value\","
                    "\"line\":7,\"text\":\"gross: no amount\"}],\"bank\":null") ",\"error\":{"
                                                                                "\"detail\":"
                                                                                "\"nothing was "
                                                                                "taken in: three "
                                                                                "things\",\"hint\":"
                                                                                "\"Ask again.\"}")),
        {0}};
    RAN ran = import(answers, "");
    assert_int_equal(ran.status, CLI_PROBLEM);
    assert_has(ran.out, "3 things are wrong");
    assert_has(ran.out, "gross: no amount");
    assert_has(ran.out, "and 2 more.");
    assert_has(ran.out, "Nothing was taken in: three things");
    assert_has(ran.out, "Ask again.");
    RAN json = import(answers, " --json");
    assert_int_equal(json.status, CLI_PROBLEM);
    assert_has(json.out, "\"state\":\"refused\"");
    assert_has_not(json.out, "Nothing was");
}

/* Nobody can look whose it is: that is said, so that a person does. */
static void whose_account_it_is_of_is_said(void **state) {
    (void)state;
    static const struct {
        const char *file, *said;
    } rows[] = {
        {",\"account\":\"1900000001\",\"account_check\":\"same\"", "of the account 1900000001"},
        {",\"account\":null,\"account_check\":\"not_told\"", "does not say whose account"},
        {",\"account\":\"M1\",\"account_check\":\"not_configured\"", "statements.accounts"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char ended[1000];
        snprintf(ended, sizeof ended, UPLOAD("taken", FILE_OF("\"stm_1\"", "false", "%s%s")
                                                          ",\"error\":null"),
                 rows[i].file, NO_PROBLEMS);
        const struct canned answers[] = {BEGUN, PART, ENDED(ended), {0}};
        RAN ran = import(answers, "");
        assert_int_equal(ran.status, CLI_DONE);
        assert_has(ran.out, rows[i].said);
    }
}

static void windows_of_gateways_are_listed(void **state) {
    (void)state;
    static const struct canned listed[] = {
        {"GET", "/v1/statement-fetches?gateway=g", 200,
         "{\"data\":[],\"gateways\":[{\"gateway\":\"g\",\"fetch\":true,\"kinds\":[\"fund\"],"
         "\"time_zone\":\"UTC\",\"business_days\":2,\"calendar\":\"cn\",\"windows\":[{\"method\":"
         "\"card\",\"business_days\":1,\"calendar\":null}],\"next_at\":null}]}"},
        {0}};
    RAN ran = run(listed, "statement fetches --gateway g");
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(ran.out, "2 by cn; card 1");
    static const struct canned nobody[] = {
        {"GET", "/v1/statement-fetches?gateway=g", 200, "{\"data\":[],\"gateways\":[]}"}, {0}};
    RAN none = run(nobody, "statement fetches --gateway g");
    assert_int_equal(none.status, CLI_PROBLEM);
    assert_has(none.err, "there is no gateway \"g\"");
}

static void what_the_service_refuses_ends_it(void **state) {
    (void)state;
    static const struct canned answers[] = {
        {"POST", "/v1/statement-uploads", 404,
         "{\"title\":\"There is no such thing\",\"detail\":\"no gateway\"}"},
        {0}};
    RAN ran = import(answers, "");
    assert_int_equal(ran.status, CLI_PROBLEM);
    assert_has(ran.err, "no gateway");
    assert_int_equal(service.seen, 1);
    static const struct canned half[] = {
        BEGUN,
        {"POST", "/v1/statement-uploads/upl_1/parts", 409, "{\"title\":\"There is one already\"}"},
        {0}};
    RAN part = import(half, "");
    assert_int_equal(part.status, CLI_PROBLEM);
    assert_int_equal(service.seen, 2);
    ends(CLI_PROBLEM, answers, "statement import /does/not/exist --gateway g");
}

static void a_statement_is_shown_with_its_rows(void **state) {
    (void)state;
    static const struct canned answers[] = {
        {"GET", "/v1/statements/stm_1", 200,
         "{\"id\":\"stm_1\",\"state\":\"taken\",\"gateway\":\"g\",\"row_count\":2,\"classes\":[{"
         "\"class\":\"matched\",\"rows\":1}],\"unseen_rows\":1,\"balances\":[{\"currency\":"
         "\"USD\",\"opening\":100,\"closing\":null}]}"},
        {"GET", "/v1/statements/stm_1/rows?class=matched&limit=5", 200,
         "{\"data\":[{\"number\":1,\"line\":2,\"kind\":\"charge\",\"status\":\"done\",\"gross\":"
         "1250,\"currency\":\"USD\",\"class\":\"matched\",\"rule\":\"reference\"}],"
         "\"next_after\":1}"},
        {0}};
    RAN plain = run_to(CLI_DONE, answers, "statement show stm_1");
    assert_has(plain.out, "matched");
    assert_has(plain.out, "not looked at");
    assert_has(plain.out, "1.00 USD");
    RAN rows = run_to(CLI_DONE, answers, "statement show stm_1 --rows --class matched --limit 5");
    assert_has(rows.out, "12.50 USD");
    assert_has(rows.out, "--after 1");
    RAN json = run_to(CLI_DONE, answers,
                      "statement show stm_1 --rows --class matched --limit 5 --json");
    assert_has(json.out, "{\"statement\":{\"id\":\"stm_1\"");
    assert_has(json.out, "\"rows\":{\"data\":[");
}

#define FETCH(state, attempts)                                                                     \
    "{\"data\":[{\"gateway\":\"g\",\"kind\":\"fund\",\"day\":\"2026-11-21\",\"state\":\"" state    \
    "\",\"attempts\":" #attempts ",\"error\":\"not yet\",\"statement_ids\":[]}]}"
#define LOOK "/v1/statement-fetches?gateway=g&day=2026-11-21"

static void a_fetch_is_waited_for_until_it_was_tried(void **state) {
    (void)state;
    static const struct canned there[] = {
        {"POST", "/v1/statement-fetches", 202, FETCH("waiting", 0)},
        {"GET", LOOK, 200, FETCH("fetched", 1)},
        {0}};
    static const struct canned not_yet[] = {
        {"POST", "/v1/statement-fetches", 202, FETCH("waiting", 0)},
        {"GET", LOOK, 200, FETCH("waiting", 1)},
        {0}};
    RAN ran = run_to(CLI_DONE, there, "statement fetch --gateway g --day 2026-11-21");
    assert_has(ran.out, "fetched");
    assert_has(service.requests[0], "{\"gateway\":\"g\",\"day\":\"2026-11-21\"}");
    RAN later = run_to(CLI_PROBLEM, not_yet, "statement fetch --gateway g --day 2026-11-21");
    assert_has(later.out, "not yet");
    ends(CLI_DONE, not_yet, "statement fetch --gateway g --day 2026-11-21 --no-wait");
    assert_int_equal(service.seen, 1);
}

#define FETCHED(id)                                                                                \
    "{\"data\":[{\"gateway\":\"g\",\"kind\":\"fund\",\"day\":\"2026-11-21\",\"state\":"            \
    "\"fetched\","                                                                                 \
    "\"attempts\":1,\"error\":null,\"statement_ids\":[\"" id "\"]}]}"
#define ASKED_AGAIN                                                                                \
    "{\"data\":[{\"gateway\":\"g\",\"kind\":\"fund\",\"day\":\"2026-11-21\",\"state\":"            \
    "\"waiting\","                                                                                 \
    "\"attempts\":0,\"error\":null,\"statement_ids\":[\"stm_1\"]}]}"

static void asked_again_it_says_what_has_changed(void **state) {
    (void)state;
    static const struct canned left[] = {{"POST", "/v1/statement-fetches", 202, FETCHED("stm_1")},
                                         {0}};
    static const struct canned same[] = {{"POST", "/v1/statement-fetches", 202, ASKED_AGAIN},
                                         {"GET", LOOK, 200, FETCHED("stm_1")},
                                         {0}};
    static const struct canned other[] = {{"POST", "/v1/statement-fetches", 202, ASKED_AGAIN},
                                          {"GET", LOOK, 200, FETCHED("stm_2")},
                                          {0}};
    RAN before = run_to(CLI_DONE, left, "statement fetch --gateway g --day 2026-11-21");
    assert_has(before.out, "--again asks the gateway once more");
    RAN known = run_to(CLI_DONE, same, "statement fetch --gateway g --day 2026-11-21 --again");
    assert_has(service.requests[0], "\"again\":true");
    assert_has(known.out, "the same file as before; nothing has changed");
    RAN ran = run_to(CLI_DONE, other, "statement fetch --gateway g --day 2026-11-21 --again");
    assert_has(ran.out, "stm_2 counts now instead of stm_1");
}

static void a_statement_is_withdrawn_with_a_reason(void **state) {
    (void)state;
    static const struct canned answers[] = {
        {"POST", "/v1/statements/stm_2/withdraw", 200,
         "{\"id\":\"stm_2\",\"state\":\"withdrawn\",\"gateway\":\"g\",\"format\":\"camt053\","
         "\"row_count\":7,\"supersedes\":\"stm_1\"}"},
        {0}};
    ends(CLI_USAGE, NULL, "statement withdraw stm_2");
    RAN ran = run_to(CLI_DONE, answers, "statement withdraw stm_2 --reason mistaken");
    assert_has(service.requests[0], "{\"reason\":\"mistaken\"}");
    assert_has(ran.out, "stm_2 no longer counts: camt053 of g, 7 rows.");
    assert_has(ran.out, "stm_1 counts again.");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_goes_up_in_parts_and_its_statement_is_named),
        cmocka_unit_test(a_known_file_is_no_error),
        cmocka_unit_test(what_is_wrong_with_a_refused_file_is_printed),
        cmocka_unit_test(whose_account_it_is_of_is_said),
        cmocka_unit_test(windows_of_gateways_are_listed),
        cmocka_unit_test(what_the_service_refuses_ends_it),
        cmocka_unit_test(a_statement_is_shown_with_its_rows),
        cmocka_unit_test(a_fetch_is_waited_for_until_it_was_tried),
        cmocka_unit_test(asked_again_it_says_what_has_changed),
        cmocka_unit_test(a_statement_is_withdrawn_with_a_reason),
    };
    return cmocka_run_group_tests_name("statements on the command line", tests, set_up, tear_down);
}
