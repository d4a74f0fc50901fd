/* SPDX-License-Identifier: Apache-2.0
 * test_cli_commands.c: commands against a small service that answers what it is told to: exit
 * statuses, errors in plain words, what is sent; and the commands that need no service. What they
 * print is in test_cli_shown.c. */
#include "cli_fixture.h"

/* ---- wrong usage ---- */

static void test_wrong_usage_is_status_2_and_nothing_is_sent(void **state) {
    (void)state;
    static const struct {
        const char *words, *says;
    } rows[] = {
        {"paymnt list", "Did you mean `holdfast payment`?"},
        {"payment lst", "Did you mean `holdfast payment list`?"},
        {"payment frobnicate", "`holdfast help payment` lists"},
        {"payment", "payment list"},
        {"", "there is no command \"\""},
        {"--json payment list", "options come after the command"},
        {"payment list --stat failed", "Did you mean --state?"},
        {"payment list --state failing", "One of: created, processing"},
        {"payment list --limit", "--limit needs a value"},
        {"payment list --json=1", "--json takes no value"},
        {"payment list --limit 5 --limit 6", "--limit is given twice"},
        {"payment list extra", "one argument too many"},
        {"payment show", "PAYMENT is missing"},
        {"payment list -x", "no option --x"},
        {"payment resolve pay_1 --status completed", "--reason is missing"},
        {"payment create --order 1 --amount 1 --currency USD", "--method is missing"},
        {"payment create --order 1 --amount 1.999 --currency USD --method card", "decimals"},
        {"payment create --order 1 --amount 0 --currency USD --method card", "more than nothing"},
        {"payment create --order 1 --amount 1 --currency XXX --method card", "XXX"},
        {"payment create --order 1 --amount 1 --currency USD --method card --metadata x",
         "NAME=VALUE"},
        {"payment create --order 1 --amount 1 --currency USD --method card --token a --token b",
         "more than one --token"},
        {"payment stuck --older soon", "length of time"},
        {"gateway fallback maybe --reason x", "on or off"},
        {"webhook update ep_1", "nothing is to be changed"},
        {"payment list --url ftp://x", "is not a URL"},
        {"payment list --key-ref hk_0123", "--key-ref says where the key is"},
        {"payment list --key-ref file:/does/not/exist", "reading the API key"},
        {"db migrate", "which database is meant"},
        {"completion zsh", "bash only"},
        {"help nothing", "there is no command"},
        {"help paymnt", "Did you mean `holdfast payment`?"},
        {"help payment lst", "Did you mean `holdfast payment list`?"},
        {"user enabel usr_1", "Did you mean `holdfast user enable`?"},
        {"user password usr_1 --password-file /does/not/exist", "cannot be found"},
        {"load --rate 0", "above 0"},
        {"load --method card:x", "is not a mix"},
        {"load --closed 4 --rate 5", "neither --rate"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        RAN ran = run_to(CLI_USAGE, NULL, rows[i].words);
        assert_has(ran.err, rows[i].says);
        assert_string_equal(ran.out, "");
        assert_int_equal(service.seen, 0);
    }
}

static void test_text_that_is_not_utf8_is_refused_and_named_and_nothing_is_sent(void **state) {
    (void)state;
    static const struct {
        const char *words, *says;
    } rows[] = {
        {"payment create --order 1 --amount 1 --currency USD --method card --customer caf\xe9",
         "reading --customer: "},
        {"payment create --order 1 --amount 1 --currency USD --method card --token a=\xff",
         "reading --token: "},
        {"payment refund pay_1 --reason \xe9", "reading --reason: "},
        {"payment show \xe9", "reading argument 1: "},
        {"risk block email caf\xe9@example.com --reason x", "reading argument 2: "},
        {"manual attach pay_1 --kind slip --text \xe9", "reading --text: "},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        RAN ran = run_to(CLI_USAGE, NULL, rows[i].words);
        assert_has(ran.err, rows[i].says);
        assert_has(ran.err, "is not UTF-8");
        assert_int_equal(service.seen, 0);
    }
}

static void test_a_file_that_is_not_utf8_is_refused_and_nothing_is_sent(void **state) {
    (void)state;
    static const char *const lines[] = {"risk dry-run --since 1h --rules",
                                        "user password usr_1 --password-file",
                                        "keys rotate stripe-eu api_key --reason x --from"};
    char path[TEXT_MAX], words[800];
    make_file("a caf\xe9 of twelve letters\n", path);
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        snprintf(words, sizeof words, "%s %s", lines[i], path);
        RAN ran = run_to(CLI_USAGE, NULL, words);
        assert_has(ran.err, "is not UTF-8");
        assert_int_equal(service.seen, 0);
    }
    unlink(path);
}

static void test_a_path_may_be_any_bytes_but_its_name_is_not_sent_then(void **state) {
    (void)state;
    RAN absent = run_to(CLI_PROBLEM, NULL, "risk dry-run --since 1h --rules /no/caf\xe9");
    assert_has(absent.err, "reading the rules");
    char path[TEXT_MAX], latin[TEXT_MAX + 8], words[1000];
    make_file("%PDF-1.4", path);
    snprintf(latin, sizeof latin, "%s\xe9.pdf", path);
    assert_int_equal(rename(path, latin), 0);
    snprintf(words, sizeof words, "dispute attach dsp_1 --kind receipt --file %s", latin);
    RAN ran = run(NULL, words);
    unlink(latin);
    assert_int_equal(ran.status, CLI_USAGE);
    assert_has(ran.err, "the file's name");
    assert_int_equal(service.seen, 0);
}

static void test_a_key_is_never_repeated_in_an_error(void **state) {
    (void)state;
    RAN ran = run(NULL, "payment list --key-ref hk_0123456789abcdef");
    assert_has_not(ran.err, "0123456789");
}

static void test_help_is_status_0_and_goes_to_standard_output(void **state) {
    (void)state;
    static const char *const words[] = {"help",
                                        "--help",
                                        "-h",
                                        "help payment",
                                        "payment --help",
                                        "payment list --help",
                                        "help payment list",
                                        "--version",
                                        "version"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        RAN ran = run_to(CLI_DONE, NULL, words[i]);
        assert_true(strlen(ran.out) > 0);
        assert_string_equal(ran.err, "");
    }
}

static void test_every_help_says_how_the_command_ends(void **state) {
    (void)state;
    for (int i = 0; i < cli_command_count; i++) {
        const struct cli_command *row = &cli_commands[i];
        char words[100];
        if ((row->flags & CLI_OWN) != 0) {
            continue;
        }
        snprintf(words, sizeof words, "%s%s%s --help", row->noun, row->verb != NULL ? " " : "",
                 row->verb != NULL ? row->verb : "");
        RAN ran = run_to(CLI_DONE, NULL, words);
        const char *line = strstr(ran.out, "\nExit status: 0 done, 1 ");
        if (line == NULL) {
            fail_msg("%s: %s", words, ran.out);
        }
        bool reaches = (row->flags & CLI_TALKS) != 0 || strcmp(row->noun, "load") == 0;
        if (row->handler != NULL) {
            assert_int_equal(strstr(line, "3 the service could not be reached") != NULL, reaches);
        }
    }
}

static void test_the_version_is_told_as_json_too(void **state) {
    (void)state;
    RAN plain = run(NULL, "version");
    RAN json = run(NULL, "version --json");
    RAN option = run(NULL, "--version --json");
    assert_int_equal(json.status, CLI_DONE);
    assert_string_equal(plain.out, "holdfast " HOLDFAST_VERSION "\n");
    assert_string_equal(json.out, "{\"version\":\"" HOLDFAST_VERSION "\"}\n");
    assert_string_equal(option.out, json.out);
}

/* ---- no service ---- */

static void test_an_unreachable_service_is_status_3(void **state) {
    (void)state;
    RAN ran = run_to(CLI_UNREACHABLE, NULL, "payment list --url http://127.0.0.1:1");
    assert_has(ran.err, "http://127.0.0.1:1: nothing listens there");
    assert_has(ran.err, "holdfast serve");
    RAN json = run_to(CLI_UNREACHABLE, NULL, "payment list --json --url http://127.0.0.1:1");
    assert_has(json.out, "problems/unreachable\"");
    assert_string_equal(json.err, "");
}

static void test_something_else_that_listens_there_is_no_service(void **state) {
    (void)state;
    static const struct canned html[] = {{"GET", "/v1/payments", 200, "<html>"}, {0}};
    static const struct canned list[] = {{"GET", "/v1/payments", 200, "[1]"}, {0}};
    RAN ran = run_to(CLI_UNREACHABLE, html, "payment list");
    assert_has(ran.err, "not as Holdfast does");
    ends(CLI_UNREACHABLE, list, "payment list");
}

static void test_a_change_without_an_answer_says_how_to_repeat_it_safely(void **state) {
    (void)state;
    static const struct canned never[] = {{"POST", "/v1/payments/pay_1/cancel", 0, ""}, {0}};
    RAN ran = run_to(CLI_UNREACHABLE, never, "payment cancel pay_1 --timeout 300ms");
    assert_has(ran.err, "it may have been done");
    assert_has(ran.err, "--idempotency-key ");
    assert_has(ran.err, service.keys[0]);
}

/* ---- refusals ---- */

static const char problem[] =
    "{\"type\":\"/problems/wrong-state\",\"title\":\"This cannot be done in its present state\","
    "\"status\":409,\"detail\":\"the payment is \\u001b[31m succeeded\",\"hint\":\"Refund it.\","
    "\"place\":\"/state\",\"retry\":\"never\",\"request_id\":\"req_7\"}";
static const struct canned refusing[] = {{"POST", "/v1/payments/pay_1/cancel", 409, problem}, {0}};

static void test_a_problem_is_told_in_plain_words_with_status_1(void **state) {
    (void)state;
    RAN ran = run_to(CLI_PROBLEM, refusing, "payment cancel pay_1");
    assert_string_equal(ran.out, "");
    assert_string_equal(ran.err, "holdfast: This cannot be done in its present state\n"
                                 "  what    the payment is ?[31m succeeded\n"
                                 "  where   /state\n"
                                 "  next    Refund it.\n"
                                 "  request req_7 (HTTP 409)\n");
}

static void test_a_problem_is_passed_on_as_it_is_with_json(void **state) {
    (void)state;
    RAN ran = run_to(CLI_PROBLEM, refusing, "payment cancel pay_1 --json");
    assert_string_equal(ran.err, "");
    assert_int_equal(strncmp(ran.out, problem, strlen(problem)), 0);
    assert_string_equal(ran.out + strlen(problem), "\n");
}

static void test_a_refusal_that_may_pass_says_how_to_come_again(void **state) {
    (void)state;
    static const struct canned again[] = {
        {"POST", "/v1/payments/pay_1/cancel", 503,
         "{\"title\":\"The database cannot be used now\",\"retry\":\"same_key\"}"},
        {"GET", "/v1/payments", 429, "{\"title\":\"Too many requests\",\"retry\":\"later\"}"},
        {0}};
    RAN ran = run(again, "payment cancel pay_1 --idempotency-key mine");
    assert_has(ran.err, "--idempotency-key mine is safe");
    RAN later = run(again, "payment list");
    assert_has(later.err, "in a moment");
}

static void test_a_missing_key_says_where_to_put_one(void **state) {
    (void)state;
    static const struct canned closed[] = {
        {"GET", "/v1/payments", 401, "{\"title\":\"No valid API key was given\"}"}, {0}};
    RAN ran = run_to(CLI_PROBLEM, closed, "payment list");
    assert_has(ran.err, "--key-ref");
}

/* ---- what is sent ---- */

static const struct canned taking[] = {
    {"POST", "/v1/payments", 201, PAYMENT("pay_1", "succeeded")},
    {"GET", "/v1/payments/pay_1", 200, PAYMENT("pay_1", "succeeded")},
    {"POST", "/v1/payments/pay_1/refunds", 201,
     "{\"id\":\"re_1\",\"state\":\"pending\",\"amount\":500,\"currency\":\"USD\"}"},
    {"POST", "/v1/payments/pay_1/capture", 200, PAYMENT("pay_1", "succeeded")},
    {0}};

static void test_a_payment_is_created_with_amounts_in_minor_units(void **state) {
    (void)state;
    RAN ran = run_to(CLI_DONE, taking,
                     "payment create --order A-1 --amount 19.99 --currency USD --method card "
                     "--token stripe-eu=pm_1 --token any --customer c1 --ip 203.0.113.7 --vip "
                     "--capture-later "
                     "--metadata k=v");
    assert_has(service.requests[0], "POST /v1/payments {");
    assert_has(service.requests[0], "\"amount\":1999");
    assert_has(service.requests[0], "\"token\":\"any\"");
    assert_has(service.requests[0], "\"tokens\":{\"stripe-eu\":\"pm_1\"}");
    assert_has(service.requests[0],
               "\"customer\":{\"id\":\"c1\",\"ip\":\"203.0.113.7\",\"vip\":true}");
    assert_has(service.requests[0], "\"capture\":\"manual\"");
    assert_has(service.requests[0], "\"metadata\":{\"k\":\"v\"}");
    assert_has(ran.out, "19.99 USD");
    assert_has(ran.out, "succeeded");
}

static void test_each_change_has_a_fresh_key_unless_one_is_given(void **state) {
    (void)state;
    char first[TEXT_MAX];
    ends(CLI_DONE, taking, "payment capture pay_1");
    memcpy(first, service.keys[0], sizeof first);
    assert_true(strlen(first) > 20);
    ends(CLI_DONE, taking, "payment capture pay_1");
    assert_string_not_equal(service.keys[0], first);
    ends(CLI_DONE, taking, "payment capture pay_1 --idempotency-key mine");
    assert_string_equal(service.keys[0], "mine");
    ends(CLI_DONE, taking, "payment check pay_1 --json --help");
    assert_int_equal(service.seen, 0);
    ends(CLI_PROBLEM, taking, "payment list"); /* nothing is canned for it */
    assert_string_equal(service.keys[0], "");
}

static void test_the_amount_of_a_refund_is_read_in_the_payments_currency(void **state) {
    (void)state;
    RAN ran = run_to(CLI_DONE, taking,
                     "payment refund pay_1 --amount 5 --reason Asked+for --store-credit");
    assert_int_equal(service.seen, 2);
    assert_has(service.requests[0], "GET /v1/payments/pay_1 ");
    assert_has(service.requests[1], "\"amount\":500");
    assert_has(service.requests[1], "\"reason\":\"Asked for\"");
    assert_has(service.requests[1], "\"to_original_method\":false");
    assert_has(ran.out, "Refund re_1 of 5.00 USD: pending.");
    assert_has(ran.out, "holdfast refund show re_1");
}

static void test_the_key_is_read_from_a_file_and_sent(void **state) {
    (void)state;
    char path[TEXT_MAX], words[800];
    make_file("hk_secret\n", path);
    snprintf(words, sizeof words, "payment capture pay_1 --key-ref file:%s", path);
    RAN from_file = run(taking, words);
    unlink(path);
    assert_int_equal(from_file.status, CLI_DONE);
    assert_string_equal(service.authorizations[0], "Bearer hk_secret");
    setenv("HOLDFAST_TEST_KEY", "hk_other", 1);
    setenv("HOLDFAST_KEY_REF", "env:HOLDFAST_TEST_KEY", 1);
    RAN ran = run(taking, "payment capture pay_1");
    unsetenv("HOLDFAST_KEY_REF");
    assert_int_equal(ran.status, CLI_DONE);
    assert_string_equal(service.authorizations[0], "Bearer hk_other");
}

static void test_filters_become_a_query(void **state) {
    (void)state;
    static const struct canned list[] = {
        {"GET", "/v1/payments?state=failed&order_id=A%20%26%2F1&since=1h&limit=5&review=1", 200,
         "{\"data\":[],\"next_cursor\":null}"},
        {0}};
    RAN ran = run_to(CLI_DONE, list,
                     "payment list --limit 5 --since 1h --order A+&/1 --state failed --review");
    assert_string_equal(ran.out, "No payment fits.\n");
}

static void test_each_list_passes_on_what_it_was_asked_for(void **state) {
    (void)state;
    static const struct {
        const char *line, *target;
    } rows[] = {
        {"bank rows --state suspense --gateway bank --payment pay_1 --limit 3",
         "/v1/bank/rows?state=suspense&gateway=bank&payment_id=pay_1&limit=3"},
        {"bank payouts --limit 3", "/v1/bank/payouts?limit=3"},
        {"statement list --gateway g --state taken --since 7d --until 1d --limit 3 --find a+b",
         "/v1/statements?gateway=g&state=taken&since=7d&until=1d&limit=3&q=a%20b"},
        {"reconcile list --gateway g --currency EUR --state done --since 7d --until 1d "
         "--open-breaks --limit 3",
         "/v1/reconciliations?currency=EUR&state=done&since=7d&until=1d&gateway=g&limit=3&"
         "open_breaks=1"},
        {"statement fetches --gateway g --state waiting --day 2026-11-21",
         "/v1/statement-fetches?gateway=g&state=waiting&day=2026-11-21"},
        {"plan list --all --limit 3", "/v1/plans?all=1&limit=3"},
        {"plan list", "/v1/plans"},
        {"subscription list --customer c --plan pln_1 --state active --limit 3",
         "/v1/subscriptions?customer_id=c&plan_id=pln_1&state=active&limit=3"},
        {"case list --all", "/v1/cases?all=1"},
        {"reconcile windows --limit 3", "/v1/windows?limit=3"},
        {"reconcile window win_1 --verdict open --limit 3",
         "/v1/windows/win_1/attempts?limit=3&verdict=open"},
        {"webhook deliveries --endpoint we_1 --state parked",
         "/v1/webhook-deliveries?endpoint_id=we_1&state=parked"},
        {"dispute list --state lost --payment pay_1", "/v1/disputes?state=lost&payment_id=pay_1"},
        {"manual list --state waiting --limit 3", "/v1/manual-payments?state=waiting&limit=3"},
        {"risk list --list block --by email --all --limit 3 --cursor abc",
         "/v1/risk/lists?list=block&by=email&all=1&limit=3&cursor=abc"},
        {"payment list --method card --customer c --gateway g --until 1h --cursor abc",
         "/v1/payments?gateway=g&method=card&customer_id=c&until=1h&cursor=abc"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct canned list[] = {{"GET", rows[i].target, 200, "{\"data\":[]}"}, {0}};
        ends(CLI_DONE, list, rows[i].line);
    }
}

static void test_an_explanation_without_a_token_is_for_a_portable_one(void **state) {
    (void)state;
    static const struct canned plan[] = {
        {"POST", "/v1/routing/explain", 200,
         "{\"rule\":\"\",\"chosen\":\"a\",\"candidates\":[{\"gateway\":\"a\",\"eligible\":true,"
         "\"score\":1.0,\"reason\":\"first\"}]}"},
        {0}};
    RAN bare = run_to(CLI_DONE, plan, "gateway explain --amount 1 --currency USD --method card");
    assert_has(service.requests[0], "\"token\":\"any\"");
    assert_has(bare.out, "--token GATEWAY=TOKEN");
    RAN own = run(plan, "gateway explain --amount 1 --currency USD --method card --token a=pm_1");
    assert_has(service.requests[0], "\"tokens\":{\"a\":\"pm_1\"}");
    assert_has_not(service.requests[0], "\"token\":");
    assert_has_not(own.out, "--token");
}

static void test_people_are_enabled_and_get_passwords(void **state) {
    (void)state;
    static const char user[] = "{\"id\":\"usr_1\",\"name\":\"ada\",\"role\":\"viewer\"}";
    static const struct canned people[] = {{"POST", "/v1/users/usr_1/enable", 200, user},
                                           {"POST", "/v1/users/usr_1/password", 200, user},
                                           {0}};
    RAN enabled = run_to(CLI_DONE, people, "user enable usr_1");
    assert_string_equal(enabled.out, "ada (usr_1) may log in again.\n");
    char path[TEXT_MAX], words[800];
    make_file("a long pass phrase\n", path);
    snprintf(words, sizeof words, "user password usr_1 --password-file %s", path);
    RAN changed = run(people, words);
    unlink(path);
    assert_int_equal(changed.status, CLI_DONE);
    assert_has(service.requests[0], "{\"password\":\"a long pass phrase\"}");
    assert_has(changed.out, "all sessions have ended");
    assert_has_not(changed.out, "phrase");
}

static void test_a_secret_is_shown_once_with_a_warning(void **state) {
    (void)state;
    static const struct canned made[] = {
        {"POST", "/v1/keys", 201,
         "{\"id\":\"key_1\",\"name\":\"shop\",\"role\":\"operator\","
         "\"key\":\"hk_abc\"}"},
        {0}};
    RAN ran = run_to(CLI_DONE, made, "key create shop --role operator");
    assert_has(ran.out, "hk_abc");
    assert_has(ran.out, "not shown again");
    assert_has(service.requests[0], "{\"name\":\"shop\",\"role\":\"operator\"}");
}

static void test_a_password_comes_from_a_file_and_never_from_the_command_line(void **state) {
    (void)state;
    static const struct canned made[] = {
        {"POST", "/v1/users", 201, "{\"id\":\"usr_1\",\"name\":\"ada\",\"role\":\"admin\"}"}, {0}};
    char path[TEXT_MAX], words[800];
    make_file("correct horse\n", path);
    snprintf(words, sizeof words, "user create ada --role admin --password-file %s", path);
    RAN ran = run(made, words);
    unlink(path);
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(service.requests[0], "\"password\":\"correct horse\"");
    assert_has_not(ran.out, "horse");
    ends(CLI_USAGE, made, "user create ada --role admin --password secret");
}

/* ---- the database itself ---- */

static void test_a_database_is_migrated_backed_up_and_checked_without_a_service(void **state) {
    (void)state;
    char folder[] = "holdfast-db-XXXXXX", words[256];
    assert_non_null(mkdtemp(folder));
    snprintf(words, sizeof words, "db migrate --store sqlite:%s/a.db", folder);
    RAN migrated = run_to(CLI_DONE, NULL, words);
    assert_has(migrated.out, "foundation");
    snprintf(words, sizeof words, "db status --store sqlite:%s/a.db --json", folder);
    RAN status = run_to(CLI_DONE, NULL, words);
    assert_has(status.out, "\"state\":\"applied\"");
    snprintf(words, sizeof words, "db backup --store sqlite:%s/a.db %s/b.db", folder, folder);
    ends(CLI_DONE, NULL, words);
    ends(CLI_PROBLEM, NULL, words);
    snprintf(words, sizeof words, "db check --store sqlite:%s/b.db", folder);
    RAN check = run_to(CLI_DONE, NULL, words);
    assert_has(check.out, "every page of the file was read");
    assert_has(check.out, " rules, 0 findings");
    snprintf(words, sizeof words, "audit verify --store sqlite:%s/b.db", folder);
    ends(CLI_DONE, NULL, words);
    assert_int_equal(service.seen, 0);
    snprintf(words, sizeof words, "rm -r %s", folder);
    assert_int_equal(system(words), 0);
}

static void test_looking_at_a_database_that_is_not_there_makes_none(void **state) {
    (void)state;
    ends(CLI_PROBLEM, NULL, "db status --store sqlite:does-not-exist.db");
    assert_int_not_equal(access("does-not-exist.db", F_OK), 0);
}

static void test_the_check_for_fraud_is_asked_changed_and_tried(void **state) {
    (void)state;
    static const struct canned fraud[] = {
        {"POST", "/v1/risk/lists", 201,
         "{\"id\":\"rl_1\",\"list\":\"block\",\"by\":\"ip\",\"value\":\"192.0.2.0/24\"}"},
        {"POST", "/v1/risk/lists/rl_1/remove", 200,
         "{\"id\":\"rl_1\",\"list\":\"block\",\"by\":\"ip\",\"value\":\"192.0.2.0/24\"}"},
        {"POST", "/v1/risk/check", 200,
         "{\"card\":null,\"decision\":{\"action\":\"deny\",\"score\":7,\"skipped\":false,\"hits\":["
         "{"
         "\"rule\":\"fast\",\"action\":\"deny\",\"score\":7,\"why\":\"Too fast\"}]}}"},
        {"POST", "/v1/risk/switch", 200, "{\"on\":false}"},
        {"POST", "/v1/risk/dry-run", 200,
         "{\"since\":\"2026-11-20T08:00:00Z\",\"decisions\":5,\"would\":{\"allow\":4,\"review\":0,"
         "\"hold\":0,\"deny\":1},\"differ\":1,\"rules\":[{\"rule\":\"fast\",\"hits\":1,\"good\":1}]"
         ","
         "\"payments\":[{\"payment_id\":\"pay_1\",\"order_id\":\"A-1\",\"amount\":1999,"
         "\"currency\":"
         "\"USD\",\"outcome\":\"good\",\"then\":\"allow\",\"decision\":{\"action\":\"deny\","
         "\"hits\":[{"
         "\"why\":\"Too fast\"}]}}]}"},
        {0},
    };
    RAN blocked = run_to(CLI_DONE, fraud, "risk block ip 192.0.2.0/24 --for 24h --reason why");
    assert_has(service.requests[0], "\"list\":\"block\"");
    assert_has(service.requests[0], "\"expires_at\":\"20");
    assert_string_equal(blocked.out, "ip 192.0.2.0/24 is on the block list: rl_1.\n");
    RAN wrong = run_to(CLI_USAGE, fraud, "risk block shoe 7 --reason why");
    assert_has(wrong.err, "customer, card, ip");
    RAN removed = run_to(CLI_DONE, fraud, "risk remove rl_1 --reason why");
    assert_string_equal(removed.out, "ip 192.0.2.0/24 is off the block list.\n");
    RAN checked = run_to(CLI_PROBLEM, fraud,
                         "risk check --amount 1 --currency USD --method card --ip 192.0.2.7");
    assert_has(service.requests[0], "\"ip\":\"192.0.2.7\"");
    assert_has(checked.out, "Decision: deny, score 7");
    assert_has(checked.out, "Too fast");
    RAN off = run_to(CLI_DONE, fraud, "risk off --reason why");
    assert_has(service.requests[0], "\"on\":false");
    assert_string_equal(off.out, "The check for fraud is off now.\n");
    char path[TEXT_MAX], words[800];
    make_file("risk: {review_score: 1}\n", path);
    snprintf(words, sizeof words, "risk dry-run --rules %s --since 7d", path);
    RAN tried = run(fraud, words);
    unlink(path);
    assert_int_equal(tried.status, CLI_DONE);
    assert_has(service.requests[0], "\"rules\":\"risk: {review_score: 1}\\n\"");
    assert_has(tried.out, "5 decisions since");
    assert_has(tried.out, "pay_1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_usage_is_status_2_and_nothing_is_sent),
        cmocka_unit_test(test_text_that_is_not_utf8_is_refused_and_named_and_nothing_is_sent),
        cmocka_unit_test(test_a_file_that_is_not_utf8_is_refused_and_nothing_is_sent),
        cmocka_unit_test(test_a_path_may_be_any_bytes_but_its_name_is_not_sent_then),
        cmocka_unit_test(test_a_key_is_never_repeated_in_an_error),
        cmocka_unit_test(test_help_is_status_0_and_goes_to_standard_output),
        cmocka_unit_test(test_every_help_says_how_the_command_ends),
        cmocka_unit_test(test_the_version_is_told_as_json_too),
        cmocka_unit_test(test_an_explanation_without_a_token_is_for_a_portable_one),
        cmocka_unit_test(test_people_are_enabled_and_get_passwords),
        cmocka_unit_test(test_an_unreachable_service_is_status_3),
        cmocka_unit_test(test_something_else_that_listens_there_is_no_service),
        cmocka_unit_test(test_a_change_without_an_answer_says_how_to_repeat_it_safely),
        cmocka_unit_test(test_a_problem_is_told_in_plain_words_with_status_1),
        cmocka_unit_test(test_a_problem_is_passed_on_as_it_is_with_json),
        cmocka_unit_test(test_a_refusal_that_may_pass_says_how_to_come_again),
        cmocka_unit_test(test_a_missing_key_says_where_to_put_one),
        cmocka_unit_test(test_a_payment_is_created_with_amounts_in_minor_units),
        cmocka_unit_test(test_each_change_has_a_fresh_key_unless_one_is_given),
        cmocka_unit_test(test_the_amount_of_a_refund_is_read_in_the_payments_currency),
        cmocka_unit_test(test_the_key_is_read_from_a_file_and_sent),
        cmocka_unit_test(test_filters_become_a_query),
        cmocka_unit_test(test_each_list_passes_on_what_it_was_asked_for),
        cmocka_unit_test(test_a_secret_is_shown_once_with_a_warning),
        cmocka_unit_test(test_a_password_comes_from_a_file_and_never_from_the_command_line),
        cmocka_unit_test(test_a_database_is_migrated_backed_up_and_checked_without_a_service),
        cmocka_unit_test(test_looking_at_a_database_that_is_not_there_makes_none),
        cmocka_unit_test(test_the_check_for_fraud_is_asked_changed_and_tried),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
