/* SPDX-License-Identifier: Apache-2.0
 * test_cli_commands.c: commands against a small service that answers what it is told to: exit
 * statuses, tables, errors in plain words, what is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/task.h"
#include "cli/commands.h"
#include "net/http_server.h"

enum { ARGS_MAX = 24, SEEN_MAX = 8, TEXT_MAX = 512 };

/* ---- a service that answers what it is told to ---- */

struct canned {
    const char *method, *path; /* with its query */
    int status;
    const char *body;
};

static struct {
    struct http_server *server;
    struct http_listener *listener;
    const struct canned *answers; /* ends with a NULL path */
    struct lock lock;             /* guards what was seen */
    int seen;
    char requests[SEEN_MAX][TEXT_MAX]; /* "METHOD path?query body" */
    char keys[SEEN_MAX][TEXT_MAX], authorizations[SEEN_MAX][TEXT_MAX];
} service;

static void note(const struct http_request *request, const char *target) {
    lock_take(&service.lock);
    if (service.seen < SEEN_MAX) {
        const char *key = http_header_find(request->headers, request->header_count,
                                           "Idempotency-Key");
        const char *authorization = http_header_find(request->headers, request->header_count,
                                                     "Authorization");
        snprintf(service.requests[service.seen], TEXT_MAX, "%s %.200s %.250s", request->method,
                 target, request->body_bytes > 0 ? request->body : "");
        snprintf(service.keys[service.seen], TEXT_MAX, "%.255s", key != NULL ? key : "");
        snprintf(service.authorizations[service.seen], TEXT_MAX, "%.255s",
                 authorization != NULL ? authorization : "");
    }
    service.seen++;
    lock_give(&service.lock);
}

static void handle(void *ctx, const struct http_request *request, struct http_reply *reply) {
    (void)ctx;
    char target[TEXT_MAX];
    snprintf(target, sizeof target, "%s%s%s", request->path, request->query[0] != '\0' ? "?" : "",
             request->query);
    note(request, target);
    reply->status = 404;
    const char *body = "{\"title\":\"not canned\"}";
    lock_take(&service.lock);
    const struct canned *c = service.answers;
    lock_give(&service.lock);
    for (; c->path != NULL; c++) {
        if (strcmp(c->method, request->method) == 0 && strcmp(c->path, target) == 0) {
            reply->status = c->status;
            body = c->body;
        }
    }
    if (reply->status == 0) {
        reply->never = true;
        reply->status = 200;
    }
    http_reply_body(reply, "application/json", body, strlen(body));
}

static int set_up(void **state) {
    (void)state;
    struct err err = {0};
    char url[64];
    lock_init(&service.lock);
    struct http_listener_options options = {.address = "127.0.0.1:0", .handler = handle};
    assert_int_equal(http_server_new(1, &service.server, &err), 0);
    assert_int_equal(http_server_listen(service.server, &options, &service.listener, &err), 0);
    assert_int_equal(http_server_start(service.server, &err), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", http_listener_port(service.listener));
    setenv("HOLDFAST_URL", url, 1);
    unsetenv("HOLDFAST_KEY_REF");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    http_server_free(service.server);
    lock_free(&service.lock);
    return 0;
}

/* ---- running a command ---- */

struct ran {
    int status;
    char *out, *err;
};

static void ran_release(struct ran *ran) {
    free(ran->out);
    free(ran->err);
}
#define RAN struct ran CLEANUP(ran_release)

/* The command's words, separated by blanks; '+' stands for a blank within a word. */
static struct ran run(const struct canned *answers, const char *words) {
    static const struct canned none[] = {{0}};
    struct ran ran = {0};
    size_t out_bytes = 0, err_bytes = 0;
    char text[1024], *argv[ARGS_MAX], *rest = text;
    int argc = 0;
    snprintf(text, sizeof text, "holdfast %s", words);
    for (char *word; (word = strsep(&rest, " ")) != NULL && argc < ARGS_MAX;) {
        for (char *at = word; *at != '\0'; at++) {
            *at = *at == '+' ? ' ' : *at;
        }
        argv[argc++] = word;
    }
    lock_take(&service.lock);
    service.answers = answers != NULL ? answers : none;
    service.seen = 0;
    lock_give(&service.lock);
    struct cli_screen screen = {.out = open_memstream(&ran.out, &out_bytes),
                                .err = open_memstream(&ran.err, &err_bytes)};
    ran.status = cli_run(&screen, argc, argv);
    /* A call may be given up while the service works on it: what it noted is ours from here. */
    lock_take(&service.lock);
    lock_give(&service.lock);
    fclose(screen.out);
    fclose(screen.err);
    return ran;
}

static void assert_has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("there is no \"%s\" in:\n%s", part, text);
    }
}

static void assert_has_not(const char *text, const char *part) {
    if (strstr(text, part) != NULL) {
        fail_msg("there is \"%s\" in:\n%s", part, text);
    }
}

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
        {"db status", "which database is meant"},
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
        RAN ran = run(NULL, rows[i].words);
        if (ran.status != CLI_USAGE) {
            fail_msg("\"%s\" ends with %d", rows[i].words, ran.status);
        }
        assert_has(ran.err, rows[i].says);
        assert_string_equal(ran.out, "");
        assert_int_equal(service.seen, 0);
    }
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
        RAN ran = run(NULL, words[i]);
        assert_int_equal(ran.status, CLI_DONE);
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
        RAN ran = run(NULL, words);
        assert_int_equal(ran.status, CLI_DONE);
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
    RAN ran = run(NULL, "payment list --url http://127.0.0.1:1");
    assert_int_equal(ran.status, CLI_UNREACHABLE);
    assert_has(ran.err, "http://127.0.0.1:1: nothing listens there");
    assert_has(ran.err, "holdfast serve");
    RAN json = run(NULL, "payment list --json --url http://127.0.0.1:1");
    assert_int_equal(json.status, CLI_UNREACHABLE);
    assert_has(json.out, "problems/unreachable\"");
    assert_string_equal(json.err, "");
}

static void test_something_else_that_listens_there_is_no_service(void **state) {
    (void)state;
    static const struct canned html[] = {{"GET", "/v1/payments", 200, "<html>"}, {0}};
    static const struct canned list[] = {{"GET", "/v1/payments", 200, "[1]"}, {0}};
    RAN ran = run(html, "payment list");
    assert_int_equal(ran.status, CLI_UNREACHABLE);
    assert_has(ran.err, "not as Holdfast does");
    RAN other = run(list, "payment list");
    assert_int_equal(other.status, CLI_UNREACHABLE);
}

static void test_a_change_without_an_answer_says_how_to_repeat_it_safely(void **state) {
    (void)state;
    static const struct canned never[] = {{"POST", "/v1/payments/pay_1/cancel", 0, ""}, {0}};
    RAN ran = run(never, "payment cancel pay_1 --timeout 300ms");
    assert_int_equal(ran.status, CLI_UNREACHABLE);
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
    RAN ran = run(refusing, "payment cancel pay_1");
    assert_int_equal(ran.status, CLI_PROBLEM);
    assert_string_equal(ran.out, "");
    assert_string_equal(ran.err, "holdfast: This cannot be done in its present state\n"
                                 "  what    the payment is ?[31m succeeded\n"
                                 "  where   /state\n"
                                 "  next    Refund it.\n"
                                 "  request req_7 (HTTP 409)\n");
}

static void test_a_problem_is_passed_on_as_it_is_with_json(void **state) {
    (void)state;
    RAN ran = run(refusing, "payment cancel pay_1 --json");
    assert_int_equal(ran.status, CLI_PROBLEM);
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
    RAN ran = run(closed, "payment list");
    assert_int_equal(ran.status, CLI_PROBLEM);
    assert_has(ran.err, "--key-ref");
}

/* ---- what is sent ---- */

#define PAYMENT(id, state)                                                                         \
    "{\"id\":\"" id "\",\"order_id\":\"A-1\",\"state\":\"" state "\","                             \
    "\"amount\":1999,\"currency\":\"USD\",\"amount_captured\":0,\"amount_refunded\":0,"            \
    "\"method\":\"card\",\"gateway\":\"stripe-eu\",\"message\":\"A sentence.\",\"failure\":null,"  \
    "\"action\":null,\"review\":null,\"created_at\":\"2020-01-01T00:00:00Z\"}"

static const struct canned taking[] = {
    {"POST", "/v1/payments", 201, PAYMENT("pay_1", "succeeded")},
    {"GET", "/v1/payments/pay_1", 200, PAYMENT("pay_1", "succeeded")},
    {"POST", "/v1/payments/pay_1/refunds", 201,
     "{\"id\":\"re_1\",\"state\":\"pending\",\"amount\":500,\"currency\":\"USD\"}"},
    {"POST", "/v1/payments/pay_1/capture", 200, PAYMENT("pay_1", "succeeded")},
    {0}};

static void test_a_payment_is_created_with_amounts_in_minor_units(void **state) {
    (void)state;
    RAN ran = run(taking, "payment create --order A-1 --amount 19.99 --currency USD --method card "
                          "--token stripe-eu=pm_1 --token any --customer c1 --vip --capture-later "
                          "--metadata k=v");
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(service.requests[0], "POST /v1/payments {");
    assert_has(service.requests[0], "\"amount\":1999");
    assert_has(service.requests[0], "\"token\":\"any\"");
    assert_has(service.requests[0], "\"tokens\":{\"stripe-eu\":\"pm_1\"}");
    assert_has(service.requests[0], "\"customer\":{\"id\":\"c1\",\"vip\":true}");
    assert_has(service.requests[0], "\"capture\":\"manual\"");
    assert_has(service.requests[0], "\"metadata\":{\"k\":\"v\"}");
    assert_has(ran.out, "19.99 USD");
    assert_has(ran.out, "succeeded");
}

static void test_each_change_has_a_fresh_key_unless_one_is_given(void **state) {
    (void)state;
    char first[TEXT_MAX];
    RAN one = run(taking, "payment capture pay_1");
    assert_int_equal(one.status, CLI_DONE);
    memcpy(first, service.keys[0], sizeof first);
    assert_true(strlen(first) > 20);
    RAN two = run(taking, "payment capture pay_1");
    assert_int_equal(two.status, CLI_DONE);
    assert_string_not_equal(service.keys[0], first);
    RAN given = run(taking, "payment capture pay_1 --idempotency-key mine");
    assert_int_equal(given.status, CLI_DONE);
    assert_string_equal(service.keys[0], "mine");
    RAN looking = run(taking, "payment check pay_1 --json --help");
    assert_int_equal(looking.status, CLI_DONE);
    assert_int_equal(service.seen, 0);
    RAN reading = run(taking, "payment list");
    assert_int_equal(reading.status, CLI_PROBLEM); /* nothing is canned for it */
    assert_string_equal(service.keys[0], "");
}

static void test_the_amount_of_a_refund_is_read_in_the_payments_currency(void **state) {
    (void)state;
    RAN ran = run(taking, "payment refund pay_1 --amount 5 --reason Asked+for --store-credit");
    assert_int_equal(ran.status, CLI_DONE);
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
    char folder[512], path[600], words[800];
    assert_non_null(getcwd(folder, sizeof folder));
    snprintf(path, sizeof path, "%s/holdfast-key-XXXXXX", folder);
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "hk_secret\n", 10), 10);
    close(fd);
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
    RAN ran = run(list, "payment list --limit 5 --since 1h --order A+&/1 --state failed --review");
    assert_int_equal(ran.status, CLI_DONE);
    assert_string_equal(ran.out, "No payment fits.\n");
}

static void test_latencies_say_which_time_they_are_of(void **state) {
    (void)state;
    static const struct canned up[] = {
        {"GET", "/v1/gateways", 200,
         "{\"data\":[{\"name\":\"a\",\"health\":[{\"method\":\"card\",\"operation\":\"charge\","
         "\"breaker\":\"closed\",\"calls\":7,\"timeouts\":1,\"window_s\":30,"
         "\"latency_window_s\":300,\"latency_calls\":4321,\"p50_ms\":12.5,\"p95_ms\":20.0,"
         "\"p99_ms\":31.0}]}]}"},
        {0}};
    RAN ran = run(up, "gateway latency");
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(ran.out, "4,321");
    assert_has_not(ran.out, " 7 ");
    assert_has(ran.out, "CALLS and percentiles: the last 5m. TIMEOUTS: the breaker's last 30s.");
}

static void test_an_explanation_without_a_token_is_for_a_portable_one(void **state) {
    (void)state;
    static const struct canned plan[] = {
        {"POST", "/v1/routing/explain", 200,
         "{\"rule\":\"\",\"chosen\":\"a\",\"candidates\":[{\"gateway\":\"a\",\"eligible\":true,"
         "\"score\":1.0,\"reason\":\"first\"}]}"},
        {0}};
    RAN bare = run(plan, "gateway explain --amount 1 --currency USD --method card");
    assert_int_equal(bare.status, CLI_DONE);
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
    RAN enabled = run(people, "user enable usr_1");
    assert_int_equal(enabled.status, CLI_DONE);
    assert_string_equal(enabled.out, "ada (usr_1) may log in again.\n");
    char path[] = "holdfast-password-XXXXXX", words[200];
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "a long pass phrase\n", 19), 19);
    close(fd);
    snprintf(words, sizeof words, "user password usr_1 --password-file %s", path);
    RAN changed = run(people, words);
    unlink(path);
    assert_int_equal(changed.status, CLI_DONE);
    assert_has(service.requests[0], "{\"password\":\"a long pass phrase\"}");
    assert_has(changed.out, "all sessions have ended");
    assert_has_not(changed.out, "phrase");
}

/* ---- what is printed ---- */

#define LIST "{\"data\":[" PAYMENT("pay_1", "succeeded") "],\"next_cursor\":\"17.pay_1\"}"

static void test_a_list_is_a_table_and_says_how_to_go_on(void **state) {
    (void)state;
    static const struct canned list[] = {{"GET", "/v1/payments", 200, LIST}, {0}};
    RAN ran = run(list, "payment list");
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(ran.out, "PAYMENT  STATE         AMOUNT  METHOD  GATEWAY    ORDER    AGE  NOTE\n"
                        "pay_1    succeeded  19.99 USD  card    stripe-eu  A-1    ");
    assert_has(ran.out, "--cursor 17.pay_1");
    assert_has_not(ran.out, "\033");
    RAN json = run(list, "payment list --json");
    assert_string_equal(json.out, LIST "\n");
}

static void test_the_story_of_a_release_says_held_and_then_released(void **state) {
    (void)state;
    static const struct canned story[] = {
        {"GET", "/v1/payments/pay_1/events", 200,
         "{\"payment\":" PAYMENT(
             "pay_1", "canceled") ",\"events\":[],\"attempts\":[{\"number\":1,\"gateway\":"
                                  "\"stripe-eu\",\"state\":\"canceled\",\"outcome\":"
                                  "\"authorized\",\"reach\":\"answered\",\"decision\":{},"
                                  "\"created_at\":\"2020-01-01T00:00:00Z\","
                                  "\"settled_at\":\"2020-01-01T00:00:01Z\"}],"
                                  "\"operations\":[{\"id\":\"re_1\",\"object\":\"cancel\","
                                  "\"state\":\"succeeded\",\"amount\":1999,\"currency\":"
                                  "\"USD\",\"created_at\":\"2020-01-01T00:00:02Z\"}],"
                                  "\"callbacks\":[],\"cases\":[],\"postings\":[]}"},
        {0}};
    RAN ran = run(story, "payment show pay_1");
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(ran.out, "+1.000s  outcome  authorized");
    assert_has_not(strstr(ran.out, "+1.000s"), "canceled");
    assert_has(ran.out, "+2.000s  cancel   succeeded");
}

static void test_the_story_of_what_was_unknown_says_so_and_how_it_ended(void **state) {
    (void)state;
    static const struct canned story[] = {
        {"GET", "/v1/payments/pay_1/events", 200,
         "{\"payment\":" PAYMENT(
             "pay_1", "canceled") ",\"events\":[],\"attempts\":[{\"number\":1,\"gateway\":"
                                  "\"stripe-eu\",\"state\":\"charged\",\"outcome\":\"charged\","
                                  "\"source\":\"query\",\"was_unknown\":true,\"decision\":{},"
                                  "\"created_at\":\"2020-01-01T00:00:00Z\","
                                  "\"settled_at\":\"2020-01-01T00:00:01Z\"}],"
                                  "\"operations\":[{\"id\":\"re_1\",\"object\":\"cancel\","
                                  "\"state\":\"failed\",\"amount\":0,\"currency\":\"USD\","
                                  "\"was_unknown\":true,\"source\":\"person\","
                                  "\"created_at\":\"2020-01-01T00:00:02Z\"}],"
                                  "\"callbacks\":[],\"cases\":[],\"postings\":[]}"},
        {0}};
    RAN ran = run(story, "payment show pay_1");
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(ran.out, "it had been unknown; told by query");
    assert_has(ran.out, "it had been unknown; told by person");
    assert_has_not(strstr(ran.out, "+2.000s"), "0.00");
}

static void test_the_story_tells_each_question_and_the_outcome_at_its_last_word(void **state) {
    (void)state;
    static const struct canned story[] = {
        {"GET", "/v1/payments/pay_1/events", 200,
         "{\"payment\":" PAYMENT(
             "pay_1",
             "processing") ",\"events\":[],\"attempts\":[{\"id\":\"att_1\",\"number\":1,"
                           "\"gateway\":\"stripe-eu\",\"state\":\"unknown\",\"outcome\":"
                           "\"unknown\",\"was_unknown\":true,\"decision\":{},"
                           "\"duration_ms\":2000,\"created_at\":\"2020-01-01T00:00:00Z\","
                           "\"settled_at\":null}],\"inquiries\":["
                           "{\"attempt_id\":\"att_1\",\"operation_id\":null,\"gateway\":"
                           "\"stripe-eu\",\"at\":\"2020-01-01T00:00:05Z\",\"source\":"
                           "\"repeat\",\"outcome\":\"unknown\",\"code\":\"timeout\","
                           "\"http_status\":0,\"duration_ms\":3000},"
                           "{\"attempt_id\":\"att_1\",\"operation_id\":null,\"gateway\":"
                           "\"stripe-eu\",\"at\":\"2020-01-01T00:00:20Z\",\"source\":"
                           "\"query\",\"outcome\":\"not_found\",\"code\":null,"
                           "\"http_status\":200,\"duration_ms\":500}],"
                           "\"operations\":[],\"callbacks\":[],\"cases\":[],\"postings\":[]}"},
        {0}};
    RAN ran = run(story, "payment show pay_1");
    assert_int_equal(ran.status, CLI_DONE);
    const char *const order[] = {
        " +0.000s  sent to", " +5.000s  asked    unknown    stripe-eu, repeat: timeout; 3",
        "+20.000s  asked    not_found  stripe-eu, query; 500", "+20.500s  outcome  unknown"};
    const char *at = ran.out;
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        const char *next = strstr(at, order[i]);
        if (next == NULL) {
            fail_msg("\"%s\" is missing or too early in:\n%s", order[i], ran.out);
        }
        at = next;
    }
    assert_has_not(ran.out, "+0.000s  outcome");
}

static void test_the_story_of_a_payment_is_told_in_time(void **state) {
    (void)state;
    static const struct canned story[] = {
        {"GET", "/v1/payments?order_id=A-1", 200, "{\"data\":[" PAYMENT("pay_1", "succeeded") "]}"},
        {"GET", "/v1/payments/pay_1/events", 200,
         "{\"payment\":" PAYMENT(
             "pay_1",
             "succeeded") ",\"events\":[{\"type\":\"payment.begun\",\"at\":\"2020-01-01T00:00:00."
                          "050Z\"},"
                          "{\"type\":\"payment.succeeded\",\"at\":\"2020-01-01T00:00:02Z\"}],"
                          "\"attempts\":["
                          "{\"number\":1,\"gateway\":\"stripe-eu\",\"state\":\"not_charged\","
                          "\"outcome\":\"unavailable\",\"code\":\"connect\",\"reach\":\"not_sent\","
                          "\"decision\":{},"
                          "\"created_at\":\"2020-01-01T00:00:00Z\",\"settled_at\":\"2020-01-01T00:"
                          "00:00.100Z\"},"
                          "{\"number\":2,\"gateway\":\"paypal\",\"state\":\"charged\",\"outcome\":"
                          "\"charged\","
                          "\"reach\":\"answered\",\"charge_id\":\"ch_9\",\"decision\":{"
                          "\"candidates\":["
                          "{\"gateway\":\"stripe-eu\",\"eligible\":false,\"reason\":\"breaker "
                          "open\"},"
                          "{\"gateway\":\"paypal\",\"eligible\":true,\"reason\":\"priority 2\"}]},"
                          "\"created_at\":\"2020-01-01T00:00:00.200Z\",\"settled_at\":\"2020-01-"
                          "01T00:00:01Z\"}],"
                          "\"operations\":[],\"callbacks\":[],\"cases\":[],\"postings\":[]}"},
        {0}};
    RAN ran = run(story, "payment show A-1");
    assert_int_equal(ran.status, CLI_DONE);
    const char *const order[] = {
        "+0.000s", "payment.begun",
        "+0.100s", "unavailable, connect; nothing was sent",
        "+0.200s", "paypal, priority 2; passed over: stripe-eu (breaker open)",
        "+1.000s", "ch_9",
        "+2.000s", "payment.succeeded"};
    const char *at = ran.out;
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        at = strstr(at, order[i]);
        if (at == NULL) {
            fail_msg("\"%s\" is missing or too early in:\n%s", order[i], ran.out);
        }
    }
}

static void test_the_story_says_once_that_nothing_was_sent(void **state) {
    (void)state;
    static const struct canned story[] = {
        {"GET", "/v1/payments/pay_1/events", 200,
         "{\"payment\":" PAYMENT(
             "pay_1",
             "failed") ",\"events\":[],\"attempts\":[{\"number\":1,\"gateway\":\"paypal\","
                       "\"state\":\"not_charged\",\"outcome\":\"unavailable\","
                       "\"reach\":\"not_sent\",\"message\":\"no answer; nothing was sent\","
                       "\"decision\":{},\"created_at\":\"2020-01-01T00:00:00Z\","
                       "\"settled_at\":\"2020-01-01T00:00:01Z\"}],"
                       "\"operations\":[],\"callbacks\":[],\"cases\":[],\"postings\":[]}"},
        {0}};
    RAN ran = run(story, "payment show pay_1");
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(ran.out, "unavailable: no answer; nothing was sent\n");
}

static void test_what_was_found_wrong_is_status_1(void **state) {
    (void)state;
    static const struct canned wrong[] = {
        {"GET", "/internal/api/payments/stuck?older_seconds=60", 200,
         "{\"data\":[{\"payment_id\":\"pay_1\",\"attempt\":{\"number\":1}}]}"},
        {"GET", "/v1/cases", 200, "{\"data\":[{\"id\":\"case_1\",\"state\":\"open\"}]}"},
        {"POST", "/v1/payments", 201, PAYMENT("pay_1", "failed")},
        {"POST", "/v1/payments/pay_1/check", 200,
         "{\"payment\":" PAYMENT("pay_1", "processing") ",\"gateway_says\":{\"outcome\":"
                                                        "\"unknown\",\"still_unresolved\":true}}"},
        {"GET", "/v1/gateways", 200,
         "{\"data\":[{\"name\":\"a\",\"state\":\"enabled\",\"health\":[{\"operation\":\"charge\","
         "\"method\":\"card\",\"breaker\":\"open\"}]}]}"},
        {"POST", "/v1/gateways/a/probe", 200, "{\"gateway\":\"a\",\"ok\":false}"},
        {"GET", "/internal/api/payments/verify", 200,
         "{\"checked\":16,\"broken\":["
         "{\"rule\":\"I1\",\"id\":\"pay_1\",\"what\":\"two charges\"}]}"},
        {"GET", "/internal/api/audit/verify", 200,
         "{\"entries\":4,\"whole\":false,\"broken_number\":5,\"why\":\"its hash is another one\"}"},
        {"GET", "/payment/health", 503, "{\"status\":\"down\",\"gateways\":[]}"},
        {"GET", "/internal/api/system/backlog", 200, "{\"unknown_payments\":2}"},
        {0}};
    static const struct {
        const char *words, *says;
    } rows[] = {
        {"payment stuck", "holdfast payment check pay_1"},
        {"case list", "case_1"},
        {"payment create --order A-1 --amount 1 --currency USD --method card", "failed"},
        {"payment check pay_1", "Still unresolved"},
        {"gateway health", "CALL ABOUT"},
        {"gateway probe a", "failed"},
        {"db check", "two charges"},
        {"audit verify", "BROKEN at entry 5"},
        {"status", "down"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char json[128];
        RAN ran = run(wrong, rows[i].words);
        if (ran.status != CLI_PROBLEM) {
            fail_msg("\"%s\" ends with %d: %s", rows[i].words, ran.status, ran.err);
        }
        assert_has(ran.out, rows[i].says);
        snprintf(json, sizeof json, "%s --json", rows[i].words);
        RAN machine = run(wrong, json);
        assert_int_equal(machine.status, CLI_PROBLEM);
        assert_int_equal(machine.out[0], '{');
        assert_ptr_equal(strchr(machine.out, '\n'), machine.out + strlen(machine.out) - 1);
    }
}

static void test_a_capture_that_nobody_confirmed_is_said_and_listed(void **state) {
    (void)state;
    static const struct canned open[] = {
        {"POST", "/v1/payments/pay_1/capture", 202, PAYMENT("pay_1", "authorized")},
        {"GET", "/internal/api/payments/stuck?older_seconds=60", 200,
         "{\"data\":[],\"operations\":[{\"id\":\"re_1\",\"object\":\"capture\","
         "\"payment_id\":\"pay_1\",\"state\":\"unknown\"}]}"},
        {"GET", "/payment/health", 200, "{\"status\":\"ok\",\"gateways\":[]}"},
        {"GET", "/internal/api/system/backlog", 200, "{\"unknown_operations\":3}"},
        {0}};
    RAN capture = run(open, "payment capture pay_1");
    assert_int_equal(capture.status, CLI_DONE);
    assert_has(capture.out, "has not confirmed the capture yet");
    RAN stuck = run(open, "payment stuck");
    assert_int_equal(stuck.status, CLI_PROBLEM);
    assert_has(stuck.out, "re_1");
    assert_has(stuck.out, "holdfast payment check pay_1");
    RAN all = run(open, "status");
    assert_int_equal(all.status, CLI_PROBLEM);
    assert_has(all.out, "captures, refunds nobody has answered for");
}

static void test_a_switch_is_sent_with_its_reason_and_shows_what_came_of_it(void **state) {
    (void)state;
    static const struct canned switching[] = {
        {"POST", "/v1/routing/primary", 200, "{\"action\":\"gateway.switch\"}"},
        {"POST", "/v1/gateways/a/disable", 200, "{\"subject\":\"a\",\"value\":\"disabled\"}"},
        {"GET", "/v1/routing", 200,
         "{\"primary\":\"paypal\",\"primary_reason\":\"Stripe outage\",\"fallback\":true,"
         "\"gateways\":[{\"name\":\"a\",\"state\":\"disabled\"}]}"},
        {0}};
    RAN ran = run(switching, "gateway switch paypal --reason Stripe+outage");
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(service.requests[0], "{\"gateway\":\"paypal\",\"reason\":\"Stripe outage\"}");
    assert_has(ran.out, "Primary gateway: paypal (Stripe outage)");
    assert_has(ran.out, "Fallback mode:   on");
    RAN none = run(switching, "gateway switch none --reason over");
    assert_int_equal(none.status, CLI_DONE);
    assert_has(service.requests[0], "{\"gateway\":\"\",\"reason\":\"over\"}");
    RAN disabled = run(switching, "gateway disable a --reason drill --force");
    assert_has(service.requests[0], "\"force\":true");
    assert_has(disabled.out, "a is disabled now.");
}

static void test_fallback_mode_is_seen_where_one_looks_first(void **state) {
    (void)state;
    static const struct canned on[] = {
        {"GET", "/payment/health", 200, "{\"status\":\"ok\",\"gateways\":[]}"},
        {"GET", "/internal/api/system/backlog", 200, "{}"},
        {"GET", "/v1/gateways", 200, "{\"data\":[{\"name\":\"a\",\"state\":\"enabled\"}]}"},
        {"GET", "/v1/routing", 200,
         "{\"primary\":null,\"fallback\":true,\"fallback_reason\":\"an incident\","
         "\"fallback_by\":\"user:usr_1\",\"fallback_at\":\"2020-01-01T00:00:00Z\"}"},
        {0}};
    static const struct canned off[] = {
        {"GET", "/payment/health", 200, "{\"status\":\"ok\",\"gateways\":[]}"},
        {"GET", "/internal/api/system/backlog", 200, "{}"},
        {"GET", "/v1/gateways", 200, "{\"data\":[{\"name\":\"a\",\"state\":\"enabled\"}]}"},
        {"GET", "/v1/routing", 200, "{\"fallback\":false,\"fallback_reason\":\"over\"}"},
        {0}};
    static const char *const words[] = {"status", "gateway list"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        RAN ran = run(on, words[i]);
        assert_int_equal(ran.status, CLI_DONE);
        assert_has(ran.out, "Fallback mode is on: switched by user:usr_1, 2020-01-01 00:00:00Z");
        assert_has(ran.out, "an incident");
        RAN without = run(off, words[i]);
        assert_has_not(without.out, "Fallback mode");
    }
}

static void test_watching_tells_changes_and_ends_after_so_many_looks(void **state) {
    (void)state;
    static const struct canned up[] = {
        {"GET", "/v1/gateways", 200,
         "{\"data\":[{\"name\":\"a\",\"state\":\"enabled\",\"primary\":true,\"health\":[]}]}"},
        {0}};
    RAN ran = run(up, "gateway watch --every 50ms --count 3");
    assert_int_equal(ran.status, CLI_DONE);
    assert_int_equal(service.seen, 3);
    assert_has(ran.out, "a: enabled, primary, breaker closed");
    assert_ptr_equal(strchr(ran.out, '\n'), ran.out + strlen(ran.out) - 1);
}

static void test_a_secret_is_shown_once_with_a_warning(void **state) {
    (void)state;
    static const struct canned made[] = {
        {"POST", "/v1/keys", 201,
         "{\"id\":\"key_1\",\"name\":\"shop\",\"role\":\"operator\","
         "\"key\":\"hk_abc\"}"},
        {0}};
    RAN ran = run(made, "key create shop --role operator");
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(ran.out, "hk_abc");
    assert_has(ran.out, "not shown again");
    assert_has(service.requests[0], "{\"name\":\"shop\",\"role\":\"operator\"}");
}

static void test_a_password_comes_from_a_file_and_never_from_the_command_line(void **state) {
    (void)state;
    static const struct canned made[] = {
        {"POST", "/v1/users", 201, "{\"id\":\"usr_1\",\"name\":\"ada\",\"role\":\"admin\"}"}, {0}};
    char folder[512], path[600], words[800];
    assert_non_null(getcwd(folder, sizeof folder));
    snprintf(path, sizeof path, "%s/holdfast-password-XXXXXX", folder);
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "correct horse\n", 14), 14);
    close(fd);
    snprintf(words, sizeof words, "user create ada --role admin --password-file %s", path);
    RAN ran = run(made, words);
    unlink(path);
    assert_int_equal(ran.status, CLI_DONE);
    assert_has(service.requests[0], "\"password\":\"correct horse\"");
    assert_has_not(ran.out, "horse");
    RAN plain = run(made, "user create ada --role admin --password secret");
    assert_int_equal(plain.status, CLI_USAGE);
}

/* ---- the database itself ---- */

static void test_a_database_is_migrated_backed_up_and_checked_without_a_service(void **state) {
    (void)state;
    char folder[] = "holdfast-db-XXXXXX", words[256];
    assert_non_null(mkdtemp(folder));
    snprintf(words, sizeof words, "db migrate --store sqlite:%s/a.db", folder);
    RAN migrated = run(NULL, words);
    assert_int_equal(migrated.status, CLI_DONE);
    assert_has(migrated.out, "foundation");
    snprintf(words, sizeof words, "db status --store sqlite:%s/a.db --json", folder);
    RAN status = run(NULL, words);
    assert_int_equal(status.status, CLI_DONE);
    assert_has(status.out, "\"state\":\"applied\"");
    snprintf(words, sizeof words, "db backup --store sqlite:%s/a.db %s/b.db", folder, folder);
    RAN backup = run(NULL, words);
    assert_int_equal(backup.status, CLI_DONE);
    RAN again = run(NULL, words);
    assert_int_equal(again.status, CLI_PROBLEM);
    snprintf(words, sizeof words, "db check --store sqlite:%s/b.db", folder);
    RAN check = run(NULL, words);
    assert_int_equal(check.status, CLI_DONE);
    assert_has(check.out, "every page of the file was read");
    assert_has(check.out, " rules, 0 findings");
    snprintf(words, sizeof words, "audit verify --store sqlite:%s/b.db", folder);
    RAN audit = run(NULL, words);
    assert_int_equal(audit.status, CLI_DONE);
    assert_int_equal(service.seen, 0);
    snprintf(words, sizeof words, "rm -r %s", folder);
    assert_int_equal(system(words), 0);
}

static void test_looking_at_a_database_that_is_not_there_makes_none(void **state) {
    (void)state;
    RAN ran = run(NULL, "db status --store sqlite:does-not-exist.db");
    assert_int_equal(ran.status, CLI_PROBLEM);
    assert_int_not_equal(access("does-not-exist.db", F_OK), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_usage_is_status_2_and_nothing_is_sent),
        cmocka_unit_test(test_a_key_is_never_repeated_in_an_error),
        cmocka_unit_test(test_help_is_status_0_and_goes_to_standard_output),
        cmocka_unit_test(test_every_help_says_how_the_command_ends),
        cmocka_unit_test(test_the_version_is_told_as_json_too),
        cmocka_unit_test(test_latencies_say_which_time_they_are_of),
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
        cmocka_unit_test(test_a_list_is_a_table_and_says_how_to_go_on),
        cmocka_unit_test(test_the_story_of_a_release_says_held_and_then_released),
        cmocka_unit_test(test_the_story_of_what_was_unknown_says_so_and_how_it_ended),
        cmocka_unit_test(test_the_story_tells_each_question_and_the_outcome_at_its_last_word),
        cmocka_unit_test(test_the_story_of_a_payment_is_told_in_time),
        cmocka_unit_test(test_the_story_says_once_that_nothing_was_sent),
        cmocka_unit_test(test_what_was_found_wrong_is_status_1),
        cmocka_unit_test(test_a_capture_that_nobody_confirmed_is_said_and_listed),
        cmocka_unit_test(test_a_switch_is_sent_with_its_reason_and_shows_what_came_of_it),
        cmocka_unit_test(test_fallback_mode_is_seen_where_one_looks_first),
        cmocka_unit_test(test_watching_tells_changes_and_ends_after_so_many_looks),
        cmocka_unit_test(test_a_secret_is_shown_once_with_a_warning),
        cmocka_unit_test(test_a_password_comes_from_a_file_and_never_from_the_command_line),
        cmocka_unit_test(test_a_database_is_migrated_backed_up_and_checked_without_a_service),
        cmocka_unit_test(test_looking_at_a_database_that_is_not_there_makes_none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
