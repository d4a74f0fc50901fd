/* SPDX-License-Identifier: Apache-2.0
 * test_risk_scorer.c: what a scorer says and what it may do wrong: silence, slowness, garbage, too
 * much, a redirect; what it is told; and that a dead one does not cost each payment its
 * deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>

#include "base/json.h"
#include "base/log.h"
#include "meter/meter.h"
#include "risk/scorer.h"
#include "support/raw_server.h"
#include "support/test_clock.h"

#define SECOND US_PER_SECOND
#define ASKED                                                                                      \
    { RAW_READ, "}}" }
#define ANSWER(body)                                                                               \
    {                                                                                              \
        RAW_SEND, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: "              \
                  "close\r\n\r\n" body                                                             \
    }

static struct http_client *client;

static const struct risk_facts facts = {
    .subject = "pay_1",
    .number = 1,
    .order_id = "order \"1\"",
    .customer_id = "cus_1",
    .email = "a@example.com",
    .ip = "192.0.2.7",
    .region = "",
    .card = "c0ffee",
    .amount_minor = 1999,
    .currency = {"USD"},
    .method = "card",
    .purpose = "order",
    .at_us = INT64_C(1763726400) * US_PER_SECOND,
};

static struct risk_scorer *scorer_at(int port, unsigned timeout_ms) {
    static char url[64];
    static struct risk_scorer_config config;
    struct risk_scorer *scorer = NULL;
    struct err err = {0};
    snprintf(url, sizeof url, "http://127.0.0.1:%d/score", port);
    config = (struct risk_scorer_config){.url = url,
                                         .key = (char *)"env:HF_SCORER",
                                         .fail = (char *)"open",
                                         .timeout_ms = timeout_ms};
    assert_int_equal(scorer_new(&config, client, &scorer, &err), 0);
    return scorer;
}

/* One question to a server that plays this script. */
static struct risk_scored ask(const struct raw_step *script, unsigned timeout_ms, char **ret_said) {
    struct raw_server *server = raw_server_start(&(struct raw_options){.scripts = {script}});
    struct risk_scorer *scorer = scorer_at(raw_server_port(server), timeout_ms);
    struct risk_scored scored;
    scorer_ask(scorer, &facts, 10 * SECOND, &scored);
    if (ret_said != NULL) {
        *ret_said = raw_server_taken(server, 0);
    }
    scorer_free(scorer);
    raw_server_free(server);
    return scored;
}

static void a_score_and_its_reasons_are_taken(void **state) {
    (void)state;
    static const struct raw_step script[] = {
        ASKED,
        ANSWER("{\"model\":7,\"score\":730,\"reasons\":[\"new \\\"device\\\"\",\"tab\\there\","
               "4,\"4242424242424242\"]}"),
        {RAW_CLOSE}};
    struct risk_scored scored = ask(script, 2000, NULL);
    assert_int_equal(scored.answer, RISK_SCORED);
    assert_int_equal(scored.score, 730);
    assert_int_equal(scored.reason_count, 3);
    assert_string_equal(scored.reasons[0], "new ?device?");
    assert_string_equal(scored.reasons[1], "tab?here");
    assert_string_equal(scored.reasons[2], "************4242");
}

static void it_is_told_the_facts_and_no_secret_of_ours_but_its_key(void **state) {
    (void)state;
    static const struct raw_step script[] = {ASKED, ANSWER("{\"score\":0}"), {RAW_CLOSE}};
    char *said = NULL;
    struct risk_scored scored = ask(script, 2000, &said);
    assert_int_equal(scored.answer, RISK_SCORED);
    assert_non_null(strstr(said, "POST /score HTTP/1.1\r\n"));
    assert_non_null(strstr(said, "Authorization: Bearer s3cret\r\n"));
    const char *body = strstr(said, "\r\n\r\n") + 4;
    JSON_AUTO json = NULL;
    struct err err = {0};
    assert_int_equal(json_read(body, strlen(body), 4096, 4, &json, &err), 0);
    assert_string_equal(json_peek_text(json, "order_id", NULL), "order \"1\"");
    assert_string_equal(json_peek_text(json, "customer", "ip", NULL), "192.0.2.7");
    assert_string_equal(json_peek_text(json, "card", NULL), "c0ffee");
    assert_true(json_is_null(json_peek(json, "customer", "region", NULL)));
    assert_int_equal(json_peek_int(json, -1, "amount", NULL), 1999);
    assert_string_equal(json_peek_text(json, "at", NULL), "2025-11-21T12:00:00Z");
    free(said);
}

static void what_is_no_answer_is_garbage(void **state) {
    (void)state;
    static const struct raw_step scripts[][4] = {
        {ASKED, ANSWER("nonsense"), {RAW_CLOSE}},
        {ASKED, ANSWER("{\"score\":1001}"), {RAW_CLOSE}},
        {ASKED, ANSWER("{\"score\":-1}"), {RAW_CLOSE}},
        {ASKED, ANSWER("{\"score\":0.5}"), {RAW_CLOSE}},
        {ASKED, ANSWER("{\"score\":\"12\"}"), {RAW_CLOSE}},
        {ASKED, ANSWER("{}"), {RAW_CLOSE}},
        {ASKED, ANSWER("[1]"), {RAW_CLOSE}},
        {ASKED, ANSWER("{\"score\":1,\"score\":2}"), {RAW_CLOSE}},
        {ASKED, ANSWER("{\"score\":1,\"reasons\":\"x\"}"), {RAW_CLOSE}},
        {ASKED,
         {RAW_SEND, "HTTP/1.1 500 No\r\nContent-Length: 11\r\n\r\n{\"score\":1}"},
         {RAW_CLOSE}},
        {ASKED,
         {RAW_SEND, "HTTP/1.1 201 Made\r\nContent-Length: 11\r\n\r\n{\"score\":1}"},
         {RAW_CLOSE}},
        {ASKED,
         {RAW_SEND, "HTTP/1.1 302 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: "
                    "11\r\n\r\n{\"score\":1}"},
         {RAW_CLOSE}},
    };
    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        struct risk_scored scored = ask(scripts[i], 2000, NULL);
        assert_int_equal(scored.answer, RISK_GARBAGE);
        assert_int_equal(scored.score, 0);
    }
}

static void too_large_an_answer_is_garbage(void **state) {
    (void)state;
    static const struct raw_step script[] = {
        ASKED,
        {RAW_SEND, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"score\":1,\"x\":\""},
        {RAW_SEND, "0123456789abcdef", SCORER_ANSWER_BYTES_MAX / 16},
        {RAW_SEND, "\"}"},
        {RAW_CLOSE}};
    assert_int_equal(ask(script, 2000, NULL).answer, RISK_GARBAGE);
}

static void a_silent_one_is_late(void **state) {
    (void)state;
    static const struct raw_step script[] = {ASKED, {RAW_HOLD}};
    assert_int_equal(ask(script, 30, NULL).answer, RISK_LATE);
    static const struct raw_step half[] = {
        ASKED, {RAW_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"sc"}, {RAW_HOLD}};
    assert_int_equal(ask(half, 30, NULL).answer, RISK_LATE);
}

static void one_that_is_not_there_is_unreachable(void **state) {
    (void)state;
    int held = -1;
    struct risk_scorer *scorer = scorer_at(raw_refusing_port(&held), 2000);
    struct risk_scored scored;
    scorer_ask(scorer, &facts, 10 * SECOND, &scored);
    assert_int_equal(scored.answer, RISK_UNREACHABLE);
    scorer_free(scorer);
}

static void no_time_left_is_late_and_nobody_is_asked(void **state) {
    (void)state;
    static const struct raw_step script[] = {ASKED, ANSWER("{\"score\":1}"), {RAW_CLOSE}};
    struct raw_server *server = raw_server_start(&(struct raw_options){.scripts = {script}});
    struct risk_scorer *scorer = scorer_at(raw_server_port(server), 2000);
    struct risk_scored scored;
    scorer_ask(scorer, &facts, 0, &scored);
    assert_int_equal(scored.answer, RISK_LATE);
    assert_int_equal(raw_server_accepted(server), 0);
    scorer_free(scorer);
    raw_server_free(server);
}

static void after_five_failures_it_rests_and_is_then_tried_by_one(void **state) {
    (void)state;
    static const struct raw_step bad[] = {ASKED, ANSWER("no"), {RAW_CLOSE}};
    static const struct raw_step good[] = {ASKED, ANSWER("{\"score\":1}"), {RAW_CLOSE}};
    struct raw_server *server = raw_server_start(
        &(struct raw_options){.scripts = {bad, bad, bad, bad, bad, bad, good}});
    struct risk_scorer *scorer = scorer_at(raw_server_port(server), 2000);
    struct risk_scored scored;
    for (int i = 0; i < SCORER_FAILURES_MAX; i++) {
        scorer_ask(scorer, &facts, 10 * SECOND, &scored);
        assert_int_equal(scored.answer, RISK_GARBAGE);
    }
    for (int i = 0; i < 20; i++) {
        scorer_ask(scorer, &facts, 10 * SECOND, &scored);
        assert_int_equal(scored.answer, RISK_BREAKER);
    }
    assert_int_equal(raw_server_accepted(server), 5);
    assert_true(scorer_look(scorer).rests);
    assert_int_equal(scorer_look(scorer).failures, SCORER_FAILURES_MAX);
    test_clock_advance(5 * SECOND);
    scorer_ask(scorer, &facts, 10 * SECOND, &scored);
    assert_int_equal(scored.answer, RISK_GARBAGE); /* still bad: now it rests for ten seconds */
    test_clock_advance(8 * SECOND);
    scorer_ask(scorer, &facts, 10 * SECOND, &scored);
    assert_int_equal(scored.answer, RISK_BREAKER);
    test_clock_advance(2 * SECOND);
    for (int i = 0; i < 3; i++) {
        scorer_ask(scorer, &facts, 10 * SECOND, &scored);
        assert_int_equal(scored.answer, RISK_SCORED);
    }
    scorer_free(scorer);
    raw_server_free(server);
}

int main(void) {
    struct err err = {0};
    test_clock_install();
    meter_init();
    log_fd_set(open("/dev/null", O_WRONLY | O_CLOEXEC));
    setenv("HF_SCORER", "s3cret", 1);
    const struct http_client_options options = {.user_agent = "test"};
    assert_int_equal(http_client_new(&options, &client, &err), 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_score_and_its_reasons_are_taken),
        cmocka_unit_test(it_is_told_the_facts_and_no_secret_of_ours_but_its_key),
        cmocka_unit_test(what_is_no_answer_is_garbage),
        cmocka_unit_test(too_large_an_answer_is_garbage),
        cmocka_unit_test(a_silent_one_is_late),
        cmocka_unit_test(one_that_is_not_there_is_unreachable),
        cmocka_unit_test(no_time_left_is_late_and_nobody_is_asked),
        cmocka_unit_test(after_five_failures_it_rests_and_is_then_tried_by_one),
    };
    int failed = cmocka_run_group_tests_name("the fraud scorer", tests, NULL, NULL);
    http_client_free(client);
    return failed;
}
