/* SPDX-License-Identifier: Apache-2.0
 * test_cli_shown.c: what commands print of the service's answers: tables, stories, what was found
 * wrong. */
#include "cli_fixture.h"

#include <math.h>

#include "cli/spark.h"

#define LIST "{\"data\":[" PAYMENT("pay_1", "succeeded") "],\"next_cursor\":\"17.pay_1\"}"

static void test_a_list_is_a_table_and_says_how_to_go_on(void **state) {
    (void)state;
    static const struct canned list[] = {{"GET", "/v1/payments", 200, LIST}, {0}};
    RAN ran = run_to(CLI_DONE, list, "payment list");
    assert_has(ran.out, "PAYMENT  STATE         AMOUNT  METHOD  GATEWAY    ORDER    AGE  NOTE\n"
                        "pay_1    succeeded  19.99 USD  card    stripe-eu  A-1    ");
    assert_has(ran.out, "--cursor 17.pay_1");
    assert_has_not(ran.out, "\033");
    RAN json = run(list, "payment list --json");
    assert_string_equal(json.out, LIST "\n");
}

#define WAY(name, ok, answer, why, certificate, probe)                                             \
    "{\"gateway\":\"" name "\",\"ok\":" ok ",\"address\":\"192.0.2.7\",\"resolve_ms\":0.3,"        \
    "\"connect_ms\":1.5,\"tls_ms\":null,\"answer_ms\":" answer ",\"http_status\":404,"             \
    "\"failure\":\"none\",\"why\":" why ",\"certificate\":" certificate ",\"probe\":{\"ok\":" ok   \
    ",\"outcome\":\"" probe "\"}}"
#define GOOD_WAY WAY("one", "true", "12.5", "null", "{\"days_left\":90}", "ok")

static void test_a_check_shows_each_step_and_ends_badly_when_one_fails(void **state) {
    (void)state;
    static const struct canned answers[] = {
        {"GET", "/v1/gateways", 200, "{\"data\":[{\"name\":\"one\"},{\"name\":\"two\"}]}"},
        {"POST", "/v1/gateways/one/check", 200, GOOD_WAY},
        {"POST", "/v1/gateways/two/check", 200,
         WAY("two", "false", "null", "\"the connection was lost\"", "null",
             "rejected_credentials")},
        {"POST", "/v1/gateways/soon/check", 200,
         WAY("soon", "true", "12.5", "null", "{\"days_left\":13}", "ok")},
        {0}};
    RAN one = run_to(CLI_DONE, answers, "gateway check one");
    assert_has(one.out,
               "one      ok      192.0.2.7  300 µs  1.50 ms    -  12.5 ms   404      90 days");
    RAN option = run_to(CLI_DONE, answers, "gateway check --gateway one");
    assert_string_equal(option.out, one.out);
    RAN all = run_to(CLI_PROBLEM, answers, "gateway check");
    assert_has(all.out, "two      failed");
    assert_has(all.out, "rejected_credentials  the connection was lost");
    RAN soon = run_to(CLI_PROBLEM, answers, "gateway check soon");
    assert_has(soon.out, "13 days");
    RAN json = run_to(CLI_DONE, answers, "gateway check one --json");
    assert_string_equal(json.out, "{\"data\":[" GOOD_WAY "]}\n");
    RAN missing = run_to(CLI_PROBLEM, answers, "gateway check nobody");
    assert_string_equal(missing.out, "");
}

static void test_failed_refunds_end_badly_and_say_what_to_do(void **state) {
    (void)state;
    static const struct canned some[] = {
        {"GET", "/v1/refunds?state=failed&since=24h", 200,
         "{\"data\":[{\"id\":\"re_1\",\"state\":\"failed\",\"amount\":100,\"currency\":\"EUR\"}]}"},
        {"GET", "/v1/refunds?state=failed&since=7d&limit=2", 200, "{\"data\":[]}"},
        {0}};
    RAN ran = run_to(CLI_PROBLEM, some, "refund failed");
    assert_has(ran.out, "re_1    failed  1.00 EUR");
    assert_has(ran.out, "holdfast refund retry REFUND");
    RAN none = run_to(CLI_DONE, some, "refund failed --last 7d --limit 2");
    assert_has(none.out, "No refund failed in the last 7d.");
}

#define SENDER(row, name, account)                                                                 \
    "{\"row_id\":\"" row "\",\"name\":\"" name "\",\"account\":\"" account "\"}"
#define PAYOUT(id, sent_to, senders)                                                               \
    "{\"operation_id\":\"" id "\",\"reference\":\"HF1\",\"amount\":500,\"currency\":\"EUR\","      \
    "\"amount_decimal\":\"5.00\",\"gateway\":\"bank-eu\",\"asked_at\":\"2026-11-20T08:00:00Z\","   \
    "\"sent_by\":null,\"sent_at\":null,\"sent_to\":" sent_to ",\"senders\":[" senders "]}"

#define IN_PARTS SENDER("r1", "Ann", "DE1") "," SENDER("r2", "Ann", "DE1")
#define BY_TWO SENDER("r3", "Ann", "DE2") "," SENDER("r4", "Bob", "DE2")
#define TO_ONE SENDER("r5", "Ann", "DE3") "," SENDER("r6", "Cid", "DE4")
#define PAYOUTS                                                                                    \
    PAYOUT("re_parts", "null", IN_PARTS)                                                           \
    "," PAYOUT("re_names", "null", BY_TWO) "," PAYOUT("re_nobody", "null",                         \
                                                      "") "," PAYOUT("re_said", "\"r6\"", TO_ONE)

static void test_a_payout_of_money_in_parts_goes_to_its_one_sender(void **state) {
    (void)state;
    static const struct canned answers[] = {
        {"GET", "/v1/bank/payouts", 200, "{\"data\":[" PAYOUTS "]}"}, {0}};
    RAN ran = run_to(CLI_DONE, answers, "bank payouts --csv");
    assert_has(ran.out, "\"re_parts\",\"HF1\",\"5.00\",\"EUR\",\"Ann\",\"DE1\"");
    assert_has(ran.out, "\"re_names\",\"HF1\",\"5.00\",\"EUR\",\"\",\"\"");
    assert_has(ran.out, "\"re_nobody\",\"HF1\",\"5.00\",\"EUR\",\"\",\"\"");
    assert_has(ran.out, "\"re_said\",\"HF1\",\"5.00\",\"EUR\",\"Cid\",\"DE4\"");
    RAN table = run_to(CLI_DONE, answers, "bank payouts");
    assert_has(table.out, "several senders");
    assert_has(table.out, "nobody known");
}

static void test_the_counts_of_a_book_are_movements(void **state) {
    (void)state;
    static const struct canned answers[] = {
        {"GET", "/v1/ledger", 200,
         "{\"accounts\":[],\"books\":[{\"gateway\":\"bank-eu\",\"currency\":\"EUR\",\"taken\":500,"
         "\"taken_count\":6,\"returned\":100,\"returned_count\":9,\"fees\":0}]}"},
        {0}};
    RAN ran = run_to(CLI_DONE, answers, "ledger show");
    assert_has(ran.out, "TIMES counts movements");
    assert_has_not(ran.out, "PAYMENTS");
    assert_has_not(ran.out, "REFUNDS");
}

static void test_what_the_database_is_busy_with_is_shown(void **state) {
    (void)state;
    static const struct canned answers[] = {
        {"GET", "/internal/api/system/database/slow?over_ms=100&limit=10", 200,
         "{\"engine\":\"postgresql\",\"note\":\"no extension\",\"data\":[{\"of\":\"instance\","
         "\"query\":\"SELECT 1\",\"calls\":3,\"mean_us\":120000,\"max_us\":1500000,"
         "\"last_at\":null}]}"},
        {"GET", "/internal/api/system/database/transactions", 200,
         "{\"engine\":\"postgresql\",\"data\":[{\"pid\":77,\"who\":\"ada@psql\",\"from\":\"local\","
         "\"state\":\"idle in transaction\",\"waits_for\":null,\"open_us\":90000000,"
         "\"statement_us\":null,\"query\":\"LOCK\"}]}"},
        {"GET", "/internal/api/system/database/locks", 200,
         "{\"engine\":\"postgresql\",\"data\":[{\"pid\":78,\"subject\":\"payment\",\"mode\":\"X\","
         "\"granted\":false,\"count\":1,\"waiting_us\":2000000,\"blocked_by\":\"77\","
         "\"who\":\"u@holdfast\",\"query\":\"UPDATE\"}]}"},
        {"GET", "/internal/api/system/database/locks?all=1", 200,
         "{\"engine\":\"sqlite\",\"data\":[{\"pid\":0,\"subject\":\"writer\",\"mode\":"
         "\"exclusive\","
         "\"granted\":true,\"count\":1,\"waiting_us\":null,\"blocked_by\":null,"
         "\"who\":\"this instance\",\"query\":null}]}"},
        {0}};
    RAN slow = run_to(CLI_DONE, answers, "db slow --over 100ms --limit 10");
    assert_has(slow.out, "instance      3  120.0 ms   1.50 s     -  SELECT 1");
    assert_has(slow.out, "\nno extension\n");
    RAN open = run_to(CLI_DONE, answers, "db long");
    assert_has(open.out, " 77  ada@psql  local  90.00 s  idle in transaction  -          LOCK");
    RAN waits = run_to(CLI_PROBLEM, answers, "db locks");
    assert_has(waits.out, " 78  u@holdfast  waits");
    assert_has(waits.out, "2.00 s  77      UPDATE");
    RAN all = run_to(CLI_DONE, answers, "db locks --all");
    assert_has(all.out, "  -  this instance  holds");
}

static void test_whether_the_database_answers_is_asked_of_the_service(void **state) {
    (void)state;
    static const struct canned up[] = {
        {"GET", "/payment/health", 200,
         "{\"database\":{\"up\":true,\"engine\":\"sqlite\",\"duration_us\":850}}"},
        {0}};
    static const struct canned down[] = {
        {"GET", "/payment/health", 503,
         "{\"database\":{\"up\":false,\"engine\":\"postgresql\",\"duration_us\":1000000}}"},
        {0}};
    RAN good = run_to(CLI_DONE, up, "db status");
    assert_string_equal(good.out, "sqlite answers (850 µs).\n");
    RAN bad = run_to(CLI_PROBLEM, down, "db status");
    assert_has(bad.out, "postgresql does NOT answer");
    RAN json = run_to(CLI_DONE, up, "db status --json");
    assert_string_equal(json.out, "{\"up\":true,\"engine\":\"sqlite\",\"duration_us\":850}\n");
}

#define EDGE(name, direction, state, latency)                                                      \
    "{\"name\":\"" name "\",\"kind\":\"gateway\",\"direction\":\"" direction                       \
    "\",\"state\":\"" state "\",\"latency_ms\":" latency ",\"since\":null,\"why\":\"why of " name  \
    "\",\"without\":\"without " name "\"}"

static void test_dependencies_end_badly_only_when_one_is_down(void **state) {
    (void)state;
    static const struct canned down[] = {
        {"GET", "/v1/dependencies", 200,
         "{\"state\":\"down\",\"data\":[" EDGE("one", "needs", "down", "null") "," EDGE(
             "two", "serves", "ok", "12.5") "]}"},
        {0}};
    static const struct canned degraded[] = {
        {"GET", "/v1/dependencies", 200,
         "{\"state\":\"degraded\",\"data\":[" EDGE("one", "needs", "degraded", "null") "]}"},
        {0}};
    static const char *const order[] = {"HOLDFAST NEEDS", "one", "WHO NEEDS IT", "12.5 ms",
                                        "why of one"};
    RAN bad = run_to(CLI_PROBLEM, down, "deps");
    assert_order(bad.out, order, COUNT_OF(order));
    assert_has_not(bad.out, "why of two");
    RAN fair = run_to(CLI_DONE, degraded, "deps");
    assert_has(fair.out, "why of one");
}

/* What `payment show` asks for: the payment and all that happened to it. */
#define STORY(state, middle)                                                                       \
    "{\"payment\":" PAYMENT("pay_1", state) "," middle                                             \
                                            ",\"callbacks\":[],\"cases\":[],\"postings\":[]}"

static struct ran show(const char *story) {
    const struct canned answers[] = {
        {"GET", "/v1/payments?order_id=A-1", 200, "{\"data\":[" PAYMENT("pay_1", "succeeded") "]}"},
        {"GET", "/v1/payments/pay_1/events", 200, story},
        {0}};
    return run_to(CLI_DONE, answers, "payment show A-1");
}

static void test_the_story_of_a_release_says_held_and_then_released(void **state) {
    (void)state;
    RAN ran = show(
        STORY("canceled",
              "\"events\":[],\"attempts\":[{\"number\":1,\"gateway\":\"stripe-eu\","
              "\"state\":\"canceled\",\"outcome\":\"authorized\",\"reach\":\"answered\","
              "\"decision\":{},\"created_at\":\"2020-01-01T00:00:00Z\","
              "\"settled_at\":\"2020-01-01T00:00:01Z\"}],"
              "\"operations\":[{\"id\":\"re_1\",\"object\":\"cancel\",\"state\":\"succeeded\","
              "\"amount\":1999,\"currency\":\"USD\",\"created_at\":\"2020-01-01T00:00:02Z\"}]"));
    assert_has(ran.out, "+1.000s  outcome  authorized");
    assert_has_not(strstr(ran.out, "+1.000s"), "canceled");
    assert_has(ran.out, "+2.000s  cancel   succeeded");
}

static void test_the_story_of_what_was_unknown_says_so_and_how_it_ended(void **state) {
    (void)state;
    RAN ran = show(STORY(
        "canceled", "\"events\":[],\"attempts\":[{\"number\":1,\"gateway\":\"stripe-eu\","
                    "\"state\":\"charged\",\"outcome\":\"charged\",\"source\":\"query\","
                    "\"was_unknown\":true,\"decision\":{},\"created_at\":\"2020-01-01T00:00:00Z\","
                    "\"settled_at\":\"2020-01-01T00:00:01Z\"}],"
                    "\"operations\":[{\"id\":\"re_1\",\"object\":\"cancel\",\"state\":\"failed\","
                    "\"amount\":0,\"currency\":\"USD\",\"was_unknown\":true,\"source\":\"person\","
                    "\"created_at\":\"2020-01-01T00:00:02Z\"}]"));
    assert_has(ran.out, "it had been unknown; told by query");
    assert_has(ran.out, "it had been unknown; told by person");
    assert_has_not(strstr(ran.out, "+2.000s"), "0.00");
}

static void test_the_story_tells_each_question_and_the_outcome_at_its_last_word(void **state) {
    (void)state;
    static const char *const order[] = {
        " +0.000s  sent to", " +5.000s  asked    unknown    stripe-eu, repeat: timeout; 3",
        "+20.000s  asked    not_found  stripe-eu, query; 500", "+20.500s  outcome  unknown"};
    RAN ran = show(
        STORY("processing",
              "\"events\":[],\"attempts\":[{\"id\":\"att_1\",\"number\":1,"
              "\"gateway\":\"stripe-eu\",\"state\":\"unknown\",\"outcome\":\"unknown\","
              "\"was_unknown\":true,\"decision\":{},\"duration_ms\":2000,"
              "\"created_at\":\"2020-01-01T00:00:00Z\",\"settled_at\":null}],\"inquiries\":["
              "{\"attempt_id\":\"att_1\",\"operation_id\":null,\"gateway\":\"stripe-eu\","
              "\"at\":\"2020-01-01T00:00:05Z\",\"source\":\"repeat\",\"outcome\":\"unknown\","
              "\"code\":\"timeout\",\"http_status\":0,\"duration_ms\":3000},"
              "{\"attempt_id\":\"att_1\",\"operation_id\":null,\"gateway\":\"stripe-eu\","
              "\"at\":\"2020-01-01T00:00:20Z\",\"source\":\"query\",\"outcome\":\"not_found\","
              "\"code\":null,\"http_status\":200,\"duration_ms\":500}],\"operations\":[]"));
    assert_order(ran.out, order, COUNT_OF(order));
    assert_has_not(ran.out, "+0.000s  outcome");
}

static void test_the_story_of_a_payment_is_told_in_time(void **state) {
    (void)state;
    static const char *const order[] = {
        "+0.000s", "payment.begun",
        "+0.100s", "unavailable, connect; nothing was sent",
        "+0.200s", "paypal, priority 2; passed over: stripe-eu (breaker open)",
        "+1.000s", "ch_9",
        "+2.000s", "payment.succeeded"};
    RAN ran = show(
        STORY("succeeded",
              "\"events\":[{\"type\":\"payment.begun\",\"at\":\"2020-01-01T00:00:00.050Z\"},"
              "{\"type\":\"payment.succeeded\",\"at\":\"2020-01-01T00:00:02Z\"}],\"attempts\":["
              "{\"number\":1,\"gateway\":\"stripe-eu\",\"state\":\"not_charged\","
              "\"outcome\":\"unavailable\",\"code\":\"connect\",\"reach\":\"not_sent\","
              "\"decision\":{},\"created_at\":\"2020-01-01T00:00:00Z\","
              "\"settled_at\":\"2020-01-01T00:00:00.100Z\"},"
              "{\"number\":2,\"gateway\":\"paypal\",\"state\":\"charged\",\"outcome\":\"charged\","
              "\"reach\":\"answered\",\"charge_id\":\"ch_9\",\"decision\":{\"candidates\":["
              "{\"gateway\":\"stripe-eu\",\"eligible\":false,\"reason\":\"breaker open\"},"
              "{\"gateway\":\"paypal\",\"eligible\":true,\"reason\":\"priority 2\"}]},"
              "\"created_at\":\"2020-01-01T00:00:00.200Z\","
              "\"settled_at\":\"2020-01-01T00:00:01Z\"}],\"operations\":[]"));
    assert_order(ran.out, order, COUNT_OF(order));
}

#define NOT_SENT(more)                                                                             \
    "\"not_sent\":[{\"payment_id\":\"pay_1\",\"at\":\"2020-01-01T00:00:00.100Z\","                 \
    "\"method\":\"alipay\",\"gateway\":\"alipay-cn\",\"common_code\":\"gateway_unavailable\","     \
    "\"code\":\"breaker_open\",\"message\":\"breaker open: 5 calls\"" more "}]"

static void test_why_no_gateway_was_asked_is_told(void **state) {
    (void)state;
    static const char *const order[] = {
        "+0.000s",      "payment.begun",
        "+0.100s",      "not sent",
        "breaker_open", "alipay-cn (breaker open: 5 calls), paypal (does not take this method)"};
    RAN ran = show(STORY(
        "requires_action",
        "\"events\":[{\"type\":\"payment.begun\",\"at\":\"2020-01-01T00:00:00Z\"}],\"attempts\":[],"
        "\"operations\":[]," NOT_SENT(
            ",\"decision\":{\"chosen\":null,\"candidates\":["
            "{\"gateway\":\"alipay-cn\",\"eligible\":false,\"reason\":\"breaker open: 5 calls\"},"
            "{\"gateway\":\"paypal\",\"eligible\":false,"
            "\"reason\":\"does not take this method\"}]}")));
    assert_order(ran.out, order, COUNT_OF(order));
    static const struct canned failed[] = {
        {"GET", "/internal/api/payments/failed?since=1h", 200,
         "{\"by_code\":[{\"gateway\":\"alipay-cn\",\"common_code\":\"gateway_unavailable\","
         "\"code\":\"breaker_open\",\"count\":190}],\"data\":[]," NOT_SENT("") "}"},
        {0}};
    RAN list = run_to(CLI_DONE, failed, "payment failed");
    assert_has(list.out, "190");
    assert_has(list.out, "Payments that no gateway was asked for");
    assert_has(list.out, "pay_1");
    assert_has(list.out, "breaker open: 5 calls");
    assert_has_not(list.out, "Attempts, newest first");
}

static void test_the_story_says_once_that_nothing_was_sent(void **state) {
    (void)state;
    RAN ran = show(STORY(
        "failed", "\"events\":[],\"attempts\":[{\"number\":1,\"gateway\":\"paypal\","
                  "\"state\":\"not_charged\",\"outcome\":\"unavailable\",\"reach\":\"not_sent\","
                  "\"message\":\"no answer; nothing was sent\",\"decision\":{},"
                  "\"created_at\":\"2020-01-01T00:00:00Z\","
                  "\"settled_at\":\"2020-01-01T00:00:01Z\"}],\"operations\":[]"));
    assert_has(ran.out, "unavailable: no answer; nothing was sent\n");
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
    RAN ran = run_to(CLI_DONE, up, "gateway latency");
    assert_has(ran.out, "4,321");
    assert_has_not(ran.out, " 7 ");
    assert_has(ran.out, "CALLS and percentiles: the last 5m. TIMEOUTS: the breaker's last 30s.");
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
        RAN ran = run_to(CLI_PROBLEM, wrong, rows[i].words);
        assert_has(ran.out, rows[i].says);
        snprintf(json, sizeof json, "%s --json", rows[i].words);
        RAN machine = run_to(CLI_PROBLEM, wrong, json);
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
    RAN capture = run_to(CLI_DONE, open, "payment capture pay_1");
    assert_has(capture.out, "has not confirmed the capture yet");
    RAN stuck = run_to(CLI_PROBLEM, open, "payment stuck");
    assert_has(stuck.out, "re_1");
    assert_has(stuck.out, "holdfast payment check pay_1");
    RAN all = run_to(CLI_PROBLEM, open, "status");
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
    RAN ran = run_to(CLI_DONE, switching, "gateway switch paypal --reason Stripe+outage");
    assert_has(service.requests[0], "{\"gateway\":\"paypal\",\"reason\":\"Stripe outage\"}");
    assert_has(ran.out, "Primary gateway: paypal (Stripe outage)");
    assert_has(ran.out, "Fallback mode:   on");
    ends(CLI_DONE, switching, "gateway switch none --reason over");
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
        RAN ran = run_to(CLI_DONE, on, words[i]);
        assert_has(ran.out, "Fallback mode is on: switched by user:usr_1, 2020-01-01 00:00:00Z");
        assert_has(ran.out, "an incident");
        RAN without = run(off, words[i]);
        assert_has_not(without.out, "Fallback mode");
    }
}

#define HEALTH(mode)                                                                               \
    {                                                                                              \
        {"GET", "/payment/health", 200, "{\"status\":\"ok\",\"gateways\":[],\"mode\":" mode "}"},  \
            {"GET", "/internal/api/system/backlog", 200, "{}"}, {                                  \
            0                                                                                      \
        }                                                                                          \
    }

static void test_the_step_of_the_ladder_is_seen_where_one_looks_first(void **state) {
    (void)state;
    static const struct canned normal[] = HEALTH(
        "{\"step\":\"normal\",\"since\":\"2020-01-01T00:00:00Z\",\"reason\":\"it recovered\","
        "\"simplified\":false}");
    static const struct canned reduced[] = HEALTH(
        "{\"step\":\"reduced\",\"since\":\"2020-01-01T00:00:00Z\",\"reason\":\"alipay is down\","
        "\"simplified\":false}");
    static const struct canned simple[] = HEALTH(
        "{\"step\":\"normal\",\"since\":null,\"reason\":null,\"simplified\":true}");
    RAN well = run_to(CLI_DONE, normal, "status");
    assert_has(well.out, "normal");
    assert_has_not(well.out, "recovered");
    RAN ran = run_to(CLI_PROBLEM, reduced, "status");
    assert_has(ran.out, "mode      reduced\nsince     2020-01-01 00:00:00Z");
    assert_has(ran.out, "because   alipay is down\n");
    RAN simplified = run_to(CLI_PROBLEM, simple, "status");
    assert_has(simplified.out, "simplified flow  on: core payments only");
}

static void test_how_a_gateways_charges_fare_is_said_in_words(void **state) {
    (void)state;
    static const struct {
        const char *state, *charges, *words;
    } rows[] = {
        {"enabled", "passing", "a: takes payments\n"},
        {"enabled", "recovering", "a: takes payments, recovering"},
        {"enabled", "on_trial", "a: on trial after an outage"},
        {"enabled", "failing", "a: takes none, it is failing (breaker open)"},
        {"draining", "passing", "a: takes none, it is draining"},
        {"disabled", "failing", "a: takes none, it is disabled"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"status\":\"ok\",\"gateways\":[{\"name\":\"a\",\"state\":\"%s\","
                 "\"charges\":\"%s\"}]}",
                 rows[i].state, rows[i].charges);
        const struct canned health[] = {{"GET", "/payment/health", 200, text},
                                        {"GET", "/internal/api/system/backlog", 200, "{}"},
                                        {0}};
        RAN ran = run_to(CLI_DONE, health, "status");
        assert_has(ran.out, rows[i].words);
    }
}

static void test_watching_tells_changes_and_ends_after_so_many_looks(void **state) {
    (void)state;
    static const struct canned up[] = {
        {"GET", "/v1/gateways", 200,
         "{\"data\":[{\"name\":\"a\",\"state\":\"enabled\",\"primary\":true,\"health\":[]}]}"},
        {0}};
    RAN ran = run_to(CLI_DONE, up, "gateway watch --every 50ms --count 3");
    assert_int_equal(service.seen, 3);
    assert_has(ran.out, "a: enabled, primary, breaker closed");
    assert_ptr_equal(strchr(ran.out, '\n'), ran.out + strlen(ran.out) - 1);
}

static void test_what_is_wrong_is_told_in_sentences_with_the_next_step(void **state) {
    (void)state;
    static const struct canned ill[] = {
        {"GET", "/v1/doctor", 200,
         "{\"state\":\"critical\",\"checked_at\":\"2026-11-20T08:00:00Z\",\"looked_at\":31,"
         "\"data\":[{\"gravity\":\"critical\",\"check\":\"disk:disk\",\"what\":\"disk is down: "
         "Only 3 MiB are free.\",\"next\":\"df -h\",\"count\":0,"
         "\"since\":\"2026-11-20T07:00:00Z\"}]}"},
        {0}};
    static const struct canned odd[] = {
        {"GET", "/v1/doctor", 200,
         "{\"state\":\"notice\",\"looked_at\":31,\"data\":[{\"gravity\":\"notice\",\"check\":\"s\","
         "\"what\":\"1 method is switched off.\",\"next\":\"holdfast switch list\",\"count\":1,"
         "\"since\":null}]}"},
        {0}};
    static const struct canned well[] = {
        {"GET", "/v1/doctor", 200, "{\"state\":\"ok\",\"looked_at\":31,\"data\":[]}"}, {0}};
    RAN wrong = run_to(CLI_PROBLEM, ill, "doctor");
    assert_has(wrong.out, "1 of 31 things that were looked at needs attention");
    assert_has(wrong.out, "critical  disk is down: Only 3 MiB are free. Since ");
    assert_has(wrong.out, " ago. Next: df -h\n");
    RAN notice = run_to(CLI_DONE, odd, "doctor");
    assert_has(notice.out, "notice  1 method is switched off. Next: holdfast switch list\n");
    assert_has_not(notice.out, "Since");
    RAN nothing = run_to(CLI_DONE, well, "doctor");
    assert_string_equal(nothing.out, "Nothing is wrong: 31 things were looked at.\n");
}

static void test_whom_a_trouble_has_hit_is_told(void **state) {
    (void)state;
    static const struct canned blast[] = {
        {"GET", "/v1/blast-radius?since=2h&gateway=stripe-a", 200,
         "{\"at\":\"2026-11-20T08:00:00Z\",\"from\":\"2026-11-20T06:00:00Z\","
         "\"until\":\"2026-11-20T08:00:00Z\",\"payments\":1200,\"affected\":300,"
         "\"orders\":299,\"customers\":280,\"affected_percent\":25.00,"
         "\"fates\":[{\"name\":\"failed\",\"count\":300,\"affected\":true,"
         "\"what\":\"it failed\"}],\"money\":[{\"currency\":\"USD\",\"affected\":150000,"
         "\"charged\":0,\"lost\":149999,\"at_risk\":1,\"to_return\":0}],"
         "\"gateways\":[{\"name\":\"stripe-a\",\"payments\":1200,\"affected\":300,"
         "\"affected_percent\":25.00}],\"methods\":[],\"regions\":[],\"currencies\":[],"
         "\"codes\":[{\"gateway\":\"stripe-a\",\"code\":\"timeout\",\"common_code\":"
         "\"gateway_timeout\",\"count\":300,\"first_at\":\"2026-11-20T06:01:00Z\"}],"
         "\"first\":{\"alert\":null,\"failure\":{\"attempt_id\":\"att_1\",\"gateway\":"
         "\"stripe-a\",\"code\":\"timeout\",\"at\":\"2026-11-20T06:01:00Z\"},\"change\":"
         "\"deploy shop 4.7\"},\"not_affected\":{\"gateways\":[{\"name\":\"paypal-a\","
         "\"payments\":77}],\"methods\":[],\"regions\":[]}}"},
        {0}};
    RAN ran = run_to(CLI_DONE, blast, "blast --since 2h --gateway stripe-a");
    assert_has(ran.out, "300 of 1,200 payments (25.00 %)");
    assert_has(ran.out, "1,499.99");
    assert_has(ran.out, "gateway_timeout");
    assert_has(ran.out, "deploy shop 4.7");
    assert_has(ran.out, "paypal-a");
    RAN usage = run_to(CLI_USAGE, NULL, "blast --gateway stripe-a");
    assert_has(usage.err, "--since is missing");
}

#define FIGURE(name, state, points)                                                                \
    "{\"name\":\"" name "\",\"unit\":\"percent\",\"by\":{\"gateway\":\"a\"},"                      \
    "\"value\":93.25,\"state\":\"" state "\",\"bad_when\":\"below\",\"warning\":95,"              \
    "\"critical\":90,\"target\":97,\"budget_used\":2.25,\"ok\":1234,"                        \
    "\"declined\":5,\"failed\":6,\"points\":" points "}"

static void test_figures_are_a_table_and_end_badly_past_a_threshold(void **state) {
    (void)state;
    static const struct canned bad[] = {
        {"GET", "/v1/metrics?name=payment_success_rate&by=gateway", 200,
         "{\"data\":[" FIGURE("payment_success_rate", "warning", "[null,100,95,90]") "]}"},
        {"GET", "/v1/metrics?since=1h", 200,
         "{\"data\":[" FIGURE("payment_success_rate", "warning", "[1]") "]}"},
        {"GET", "/v1/metrics", 200,
         "{\"data\":[{\"name\":\"fraud_detection_latency\",\"unit\":\"seconds\",\"value\":null,"
         "\"state\":\"no_data\",\"bad_when\":\"above\",\"warning\":1,\"critical\":3}]}"},
        {0}};
    RAN ran = run_to(CLI_PROBLEM, bad, "metric show payment_success_rate --by gateway");
    assert_has(ran.out, "FIGURE                GATEWAY");
    assert_has(ran.out, "payment_success_rate  a      ");
    assert_has(ran.out,
               "93.2 %  warning  1,234         5       6  < 95.0 %  < 90.0 %  97.0 %  225 %");
    assert_null(strstr(ran.out, "LAST 10 MINUTES")); /* no terminal: no pictures */
    RAN before = run_to(CLI_DONE, bad, "metric show --since 1h");
    assert_has(before.out, "warning");
    RAN none = run_to(CLI_DONE, bad, "metric show");
    assert_has(none.out, "no data");
    assert_has(none.out, "> 1.00 s");
    RAN again = run_to(CLI_DONE, bad, "metric show --watch --every 50ms --count 3");
    assert_int_equal(service.seen, 3);
    assert_has(again.out, "no data");
}

static void test_a_line_of_blocks_shows_least_most_and_gaps(void **state) {
    (void)state;
    char text[SPARK_BYTES_MAX];
    const double values[] = {0, 1, NAN, 7, 3.5};
    const double alike[] = {5, 5};
    double many[100];
    for (int i = 0; i < 100; i++) {
        many[i] = i;
    }
    assert_string_equal(spark(values, 5, text), "▁▂ █▅");
    assert_string_equal(spark(alike, 2, text), "▅▅");
    assert_string_equal(spark(alike, 0, text), "");
    assert_int_equal(strlen(spark(many, 100, text)), 3 * SPARK_POINTS_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures_are_a_table_and_end_badly_past_a_threshold),
        cmocka_unit_test(test_a_line_of_blocks_shows_least_most_and_gaps),
        cmocka_unit_test(test_latencies_say_which_time_they_are_of),
        cmocka_unit_test(test_a_list_is_a_table_and_says_how_to_go_on),
        cmocka_unit_test(test_what_is_wrong_is_told_in_sentences_with_the_next_step),
        cmocka_unit_test(test_whom_a_trouble_has_hit_is_told),
        cmocka_unit_test(test_a_check_shows_each_step_and_ends_badly_when_one_fails),
        cmocka_unit_test(test_failed_refunds_end_badly_and_say_what_to_do),
        cmocka_unit_test(test_a_payout_of_money_in_parts_goes_to_its_one_sender),
        cmocka_unit_test(test_the_counts_of_a_book_are_movements),
        cmocka_unit_test(test_what_the_database_is_busy_with_is_shown),
        cmocka_unit_test(test_whether_the_database_answers_is_asked_of_the_service),
        cmocka_unit_test(test_dependencies_end_badly_only_when_one_is_down),
        cmocka_unit_test(test_the_story_of_a_release_says_held_and_then_released),
        cmocka_unit_test(test_why_no_gateway_was_asked_is_told),
        cmocka_unit_test(test_the_story_of_what_was_unknown_says_so_and_how_it_ended),
        cmocka_unit_test(test_the_story_tells_each_question_and_the_outcome_at_its_last_word),
        cmocka_unit_test(test_the_story_of_a_payment_is_told_in_time),
        cmocka_unit_test(test_the_story_says_once_that_nothing_was_sent),
        cmocka_unit_test(test_what_was_found_wrong_is_status_1),
        cmocka_unit_test(test_a_capture_that_nobody_confirmed_is_said_and_listed),
        cmocka_unit_test(test_a_switch_is_sent_with_its_reason_and_shows_what_came_of_it),
        cmocka_unit_test(test_fallback_mode_is_seen_where_one_looks_first),
        cmocka_unit_test(test_the_step_of_the_ladder_is_seen_where_one_looks_first),
        cmocka_unit_test(test_how_a_gateways_charges_fare_is_said_in_words),
        cmocka_unit_test(test_watching_tells_changes_and_ends_after_so_many_looks),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
