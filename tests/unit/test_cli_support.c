/* SPDX-License-Identifier: Apache-2.0
 * test_cli_support.c: the support desk and the knowledge base on the command line: what is sent,
 * what is shown, how the commands end. */
#include "cli_fixture.h"

#define ACT(name, allowed, most, why)                                                              \
    "{\"act\":\"" name "\",\"allowed\":" allowed ",\"at_most\":" most                              \
    ",\"second_person_above\":null,\"method\":\"POST\",\"path\":\"/x\",\"command\":\"holdfast x\"" \
    ",\"why_not\":" why "}"
#define FOUND                                                                                      \
    "{\"object\":\"desk_lookup\",\"query\":\"A-1\",\"by\":\"order\",\"data\":[{\"payment_id\":"    \
    "\"pay_1\",\"order_id\":\"A-1\",\"amount\":1999,\"currency\":\"USD\",\"method\":\"card\","     \
    "\"gateway\":\"stripe-eu\",\"customer_id\":\"cus \\u001b[2J\",\"created_at\":"                 \
    "\"2026-11-20T08:00:00Z\",\"held_until\":null,\"situation\":\"unknown\",\"explanation\":{"     \
    "\"en\":\"Nobody knows yet.\",\"zh\":\"尚不清楚。\"},\"script\":{\"en\":\"We are waiting.\","  \
    "\"zh\":\"正在等待。\"},\"besides\":{\"en\":\"There is trouble.\",\"zh\":\"出现问题。\"},"     \
    "\"incidents\":[{\"id\":\"inc_1\",\"number\":7,\"state\":\"open\",\"title\":\"Cards fail\","   \
    "\"since\":\"2026-11-20T07:00:00Z\"}],\"timeline\":[{\"at\":\"2026-11-20T08:00:00Z\","         \
    "\"type\":\"payment.created\",\"en\":\"Written down\",\"zh\":\"已登记\"}],\"cases\":[],"       \
    "\"pages\":{\"en\":[{\"page\":\"faq-x\",\"title\":\"X\"}],\"zh\":[{\"page\":\"faq-x\","        \
    "\"title\":\"问\"}]},\"acts\":[" ACT("refund", "false", "0",                                   \
                                         "{\"en\":\"Not yet known\",\"zh\":\"未知\"}") ","         \
    ACT("ask_refund", "true", "1999", "null") "," ACT("ticket", "true", "null", "null")            \
    "]}],\"more\":true,\"note\":null}"
#define REQUEST(state)                                                                             \
    "{\"id\":\"apr_1\",\"state\":\"" state "\",\"payment_id\":\"pay_1\",\"amount\":9000,"          \
    "\"currency\":\"USD\",\"reason\":\"broken\",\"refund_id\":null,\"refusal\":null,"              \
    "\"created_at\":\"2026-11-20T08:00:00Z\",\"approval\":{\"asked_by\":\"user:usr_a\","           \
    "\"asked_by_name\":\"ann\"}}"
#define PAGE(version, text)                                                                        \
    "{\"page\":\"x\",\"language\":\"en\",\"title\":\"X\",\"kind\":\"faq\",\"version\":" version    \
    ",\"reviewed\":\"2026-11-23\",\"text\":\"" text "\"}"
#define TEXT(line) "---\\ntitle: X\\n---\\n\\n# X\\n\\nsame\\n" line "\\n"

static const struct canned desk[] = {
    {"GET", "/v1/desk/lookup?q=A-1&limit=2", 200, FOUND, NULL},
    {"GET", "/v1/desk/lookup?q=nobody%40x", 200,
     "{\"by\":\"email\",\"data\":[],\"more\":false,\"note\":{\"en\":\"We have none.\",\"zh\":"
     "\"没有。\"}}",
     NULL},
    {"POST", "/v1/payments/pay_1/resends", 202,
     "{\"payment_id\":\"pay_1\",\"resent\":[\"dlv_1\",\"dlv_2\"]}", "{\"reason\":\"r\"}"},
    {"GET", "/v1/payments/pay_1", 200, "{\"id\":\"pay_1\",\"currency\":\"USD\"}", NULL},
    {"POST", "/v1/refund-requests", 201, REQUEST("waiting"),
     "{\"amount\":9000,\"payment_id\":\"pay_1\",\"reason\":\"r\",\"to_original_method\":false}"},
    {"GET", "/v1/refund-requests?state=waiting&payment_id=pay_1", 200,
     "{\"data\":[" REQUEST("waiting") "]}", NULL},
    {"POST", "/v1/refund-requests/apr_1/approve", 202, REQUEST("approved"), "{\"reason\":\"r\"}"},
    {"POST", "/v1/refund-requests/apr_1/reject", 200, REQUEST("rejected"), "{\"reason\":\"r\"}"},
    {"GET", "/v1/kb?kind=sop&limit=50", 200,
     "{\"data\":[" PAGE("1", "") "],\"total\":3}", NULL},
    {"GET", "/v1/kb?q=%E9%80%80%E6%AC%BE", 200, "{\"data\":[],\"total\":0}", NULL},
    {"GET", "/v1/kb/x", 200, PAGE("3", TEXT("new")), NULL},
    {"GET", "/v1/kb/x?version=3", 200, PAGE("3", TEXT("new")), NULL},
    {"GET", "/v1/kb/x?version=2", 200, PAGE("2", TEXT("old")), NULL},
    {"GET", "/v1/kb/x/versions", 200,
     "{\"data\":[{\"version\":3,\"author\":\"user:usr_a\",\"reason\":\"better\",\"at\":"
     "\"2026-11-20T08:00:00Z\"},{\"version\":2,\"author\":\"holdfast\",\"reason\":\"as it came\","
     "\"at\":null}]}",
     NULL},
    {"PUT", "/v1/kb/x", 200, "{\"page\":\"x\",\"language\":\"en\",\"version\":4}",
     "\"restore\":2,\"if_version\":3"},
    {0},
};

static void a_payment_is_shown_with_what_to_say_and_what_one_may_do(void **state) {
    (void)state;
    static const char *const parts[] = {
        "unknown", "Nobody knows yet.", "We are waiting.", "There is trouble.", "Written down",
        "Incident #7 covers it: Cards fail", "Not yet known", "at most 19.99 USD",
        "holdfast kb show faq-x", "19.99 USD by card at stripe-eu", "There are more",
    };
    RAN shown = run_to(CLI_DONE, desk, "desk A-1 --limit 2");
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        assert_has(shown.out, parts[i]);
    }
    assert_has_not(shown.out, "\033[2J");
    RAN chinese = run_to(CLI_DONE, desk, "desk A-1 --limit 2 --lang zh");
    assert_has(chinese.out, "正在等待。");
    assert_has(chinese.out, "holdfast kb show faq-x --lang zh");
    RAN none = run_to(CLI_PROBLEM, desk, "desk nobody@x");
    assert_has(none.out, "We have none.");
    ends(CLI_USAGE, desk, "desk");
}

static void refunds_that_take_two_and_the_shop_told_once_more(void **state) {
    (void)state;
    ends(CLI_DONE, desk, "payment resend pay_1 --reason r");
    ends(CLI_USAGE, desk, "payment resend pay_1");
    RAN asked = run_to(CLI_DONE, desk, "refund ask pay_1 --amount 90.00 --credit --reason r");
    assert_has(asked.out, "apr_1 is waiting");
    RAN listed = run_to(CLI_DONE, desk, "refund requests --state waiting --payment pay_1");
    assert_has(listed.out, "90.00 USD");
    assert_has(listed.out, "ann");
    ends(CLI_DONE, desk, "refund approve apr_1 --reason r");
    RAN rejected = run_to(CLI_DONE, desk, "refund reject apr_1 --reason r");
    assert_has(rejected.out, "is rejected. Nothing is refunded.");
}

static void pages_are_listed_shown_compared_and_restored(void **state) {
    (void)state;
    RAN listed = run_to(CLI_DONE, desk, "kb list --kind sop");
    assert_has(listed.out, "1 of 3");
    RAN nothing = run_to(CLI_DONE, desk, "kb search 退款");
    assert_has(nothing.out, "No page has these words.");
    RAN shown = run_to(CLI_DONE, desk, "kb show x");
    assert_string_equal(shown.out, "# X\n\nsame\nnew\n");
    RAN source = run_to(CLI_DONE, desk, "kb show x --source");
    assert_has(source.out, "title: X");
    RAN history = run_to(CLI_DONE, desk, "kb history x");
    assert_has(history.out, "better");
    RAN changed = run_to(CLI_DONE, desk, "kb history x --diff 3");
    assert_has(changed.out, "  same\n- old\n+ new\n");
    RAN restored = run_to(CLI_DONE, desk, "kb edit x --restore 2 --reason r");
    assert_has(restored.out, "is at version 4");
    ends(CLI_USAGE, desk, "kb edit x --reason r");
    ends(CLI_USAGE, desk, "kb edit x --restore 2 --file f --reason r");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payment_is_shown_with_what_to_say_and_what_one_may_do),
        cmocka_unit_test(refunds_that_take_two_and_the_shop_told_once_more),
        cmocka_unit_test(pages_are_listed_shown_compared_and_restored),
    };
    return cmocka_run_group_tests_name("cli_support", tests, set_up, tear_down);
}
