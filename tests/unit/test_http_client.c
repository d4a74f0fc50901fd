/* SPDX-License-Identifier: Apache-2.0
 * test_http_client.c: what the client puts on the wire, what it makes of answers, its connections,
 * bulkheads and end. Which failure says what of the other side is in test_http_reach.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/ip_range.h"
#include "support/http_calls.h"

enum { MANY = 1000 };

/* What goes over the wire. */

static void test_the_request_holds_what_was_given_and_nothing_surprising(void **state) {
    static const struct raw_step script[] = {{RAW_READ, "END", 0}, SEND(OK_ANSWER), {RAW_HOLD}};
    static const struct http_header headers[] = {
        {"Authorization", "Bearer t"}, {"Content-Type", "application/json"}, {"X-Empty", ""}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[CALL_URL_MAX];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/a/../b/./c?q=1", raw_server_port(server));
    char *large = large_body();
    memcpy(large + 20000, "END", sizeof("END"));
    struct http_call call = post_call(url, large);
    call.headers = headers;
    call.header_count = COUNT_OF(headers);
    assert_answered(client, &call, 200);
    char *taken = raw_server_taken(server, 0);
    char host[64];
    snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%d\r\n", raw_server_port(server));
    assert_ptr_equal(strstr(taken, "POST /a/../b/./c?q=1 HTTP/1.1\r\n"), taken);
    assert_non_null(strstr(taken, host));
    assert_non_null(strstr(taken, "\r\nUser-Agent: Holdfast/1\r\n"));
    assert_non_null(strstr(taken, "\r\nAuthorization: Bearer t\r\n"));
    assert_non_null(strstr(taken, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(taken, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(taken, "\r\nContent-Length: 20003\r\n"));
    assert_null(strcasestr(taken, "\r\nExpect:"));
    assert_null(strcasestr(taken, "\r\nAccept-Encoding:"));
    assert_null(strcasestr(taken, "\r\nUpgrade:"));
    assert_null(strcasestr(taken, "\r\nTransfer-Encoding:"));
    assert_string_equal(strstr(taken, HEAD_END) + strlen(HEAD_END), large);
    free(taken);
    free(large);
    raw_server_free(server);
    http_client_free(client);
}

static void test_an_expect_header_is_not_sent_with_a_body_of_two_megabytes(void **state) {
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[CALL_URL_MAX];
    char *large = large_body();
    large[2 * 1024 * 1024] = '\0';
    struct flight flight = {.client = client};
    flight.call = post_call(url_of(raw_server_port(server), url), large);
    take_off(&flight);
    raw_server_await_reads(server, 1);
    char *taken = raw_server_taken(server, 0);
    assert_null(strcasestr(taken, "\r\nExpect:"));
    free(taken);
    http_client_free(client);
    land(&flight);
    http_answer_release(&flight.answer);
    free(large);
    raw_server_free(server);
}

struct method_row {
    const char *method, *body, *line;
    bool length; /* a Content-Length goes out */
    bool bare;   /* the answer has none but a length */
};

static void test_each_method_leaves_nothing_behind_for_the_next(void **state) {
    static const struct method_row rows[] = {
        {"POST", "a=1", "POST /m HTTP/1.1\r\n", true, false},
        {"GET", NULL, "GET /m HTTP/1.1\r\n", false, false},
        {"HEAD", NULL, "HEAD /m HTTP/1.1\r\n", false, true},
        {"POST", NULL, "POST /m HTTP/1.1\r\n", true, false},
        {"DELETE", NULL, "DELETE /m HTTP/1.1\r\n", false, false},
        {"GET", NULL, "GET /m HTTP/1.1\r\n", false, false},
        {"PATCH", "{}", "PATCH /m HTTP/1.1\r\n", true, false},
        {"PUT", "{}", "PUT /m HTTP/1.1\r\n", true, false},
        {"HEAD", NULL, "HEAD /m HTTP/1.1\r\n", false, true},
        {"DELETE", "{}", "DELETE /m HTTP/1.1\r\n", true, false},
        {"GET", NULL, "GET /m HTTP/1.1\r\n", false, false},
    };
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}};
    static const struct raw_step bare[] = {
        READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), {RAW_HOLD}};
    struct http_client *client = plain_client();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct raw_server *server = serve_one(rows[i].bare ? bare : script);
        char url[CALL_URL_MAX];
        snprintf(url, sizeof(url), "http://127.0.0.1:%d/m", raw_server_port(server));
        struct http_call call = get_call(url);
        call.method = rows[i].method;
        call.body = rows[i].body;
        call.body_bytes = rows[i].body != NULL ? strlen(rows[i].body) : 0;
        HTTP_ANSWER_AUTO answer;
        struct err err = {0};
        assert_int_equal(http_call(client, &call, &answer, &err), 0);
        assert_string_equal(answer.body, rows[i].bare ? "" : "ok");
        char *taken = raw_server_taken(server, 0);
        assert_ptr_equal(strstr(taken, rows[i].line), taken);
        assert_int_equal(strstr(taken, "\r\nContent-Length:") != NULL, rows[i].length);
        assert_null(strstr(taken, "\r\nContent-Type:"));
        free(taken);
        raw_server_free(server);
    }
    http_client_free(client);
}

static void test_a_redirect_is_an_answer_like_any_other(void **state) {
    static const struct raw_step script[] = {
        READ_HEAD,
        SEND("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n"),
        {RAW_HOLD}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[CALL_URL_MAX];
    struct http_call call = get_call(url_of(raw_server_port(server), url));
    HTTP_ANSWER_AUTO answer;
    struct err err = {0};
    assert_int_equal(http_call(client, &call, &answer, &err), 0);
    assert_int_equal(answer.status, 302);
    assert_int_equal(answer.header_count, 2);
    assert_string_equal(answer.headers[0].name, "Location");
    assert_string_equal(answer.headers[0].value, "http://127.0.0.1:1/x");
    assert_string_equal(answer.body, "");
    raw_server_free(server);
    http_client_free(client);
}

/* A kept connection to here does not help either, nor a name that leads here. */
static void test_whoever_is_not_trusted_leads_us_to_no_machine_of_ours(void **state) {
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}};
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]",
                                        "0.0.0.0", "2130706433"};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[CALL_URL_MAX];
    struct err err = {0};
    struct http_call call = get_call(url_of(raw_server_port(server), url));
    HTTP_ANSWER_AUTO open = {0};
    assert_int_equal(http_call(client, &call, &open, &err), 0);
    call.public_only = call.repeatable = true;
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        HTTP_ANSWER_AUTO answer = {0};
        snprintf(url, sizeof url, "http://%s:%d/", hosts[i], raw_server_port(server));
        assert_int_equal(http_call(client, &call, &answer, &err), -ERR_UNREACHABLE);
        assert_int_equal(answer.reach, HTTP_NOT_SENT);
    }
    http_client_free(client);
    raw_server_free(server);
}

static void test_addresses_of_the_open_internet_are_told_apart(void **state) {
    static const char *const public[] = {"1.1.1.1", "100.128.0.1", "172.32.0.1", "192.167.255.255",
                                         "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8"};
    static const char *const others[] = {
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.168.1.1", "192.0.2.1", "198.18.0.1", "203.0.113.1", "224.0.0.1",
        "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
        "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::1",
        "2001:db8::1", "100::1", "10.0.0.0/8", "", "localhost"};
    for (size_t i = 0; i < COUNT_OF(public); i++) {
        assert_true(ip_is_public(public[i]));
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        if (ip_is_public(others[i])) {
            fail_msg("%s is called public", others[i]);
        }
    }
}

static void test_a_proxy_in_the_environment_is_not_used(void **state) {
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}};
    int fd = -1;
    char proxy[CALL_URL_MAX], url[CALL_URL_MAX];
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", raw_refusing_port(&fd));
    setenv("http_proxy", proxy, 1);
    setenv("all_proxy", proxy, 1);
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    struct http_call call = get_call(url_of(raw_server_port(server), url));
    assert_answered(client, &call, 200);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    close(fd);
    raw_server_free(server);
    http_client_free(client);
}

/* What an answer holds. */

static void test_headers_are_those_of_the_final_answer_and_no_trailers(void **state) {
    static const struct raw_step script[] = {
        READ_HEAD,
        SEND("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
             "HTTP/1.1 201 Created\r\nX-One:  a b \t\r\nX-Two:\r\nX-Fold: a\r\n  b\r\n"
             "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\n\xff\x01\r\n0\r\n"
             "X-Trailer: t\r\n\r\n"),
        {RAW_HOLD}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[CALL_URL_MAX];
    struct http_call call = get_call(url_of(raw_server_port(server), url));
    HTTP_ANSWER_AUTO answer;
    struct err err = {0};
    assert_int_equal(http_call(client, &call, &answer, &err), 0);
    assert_int_equal(answer.status, 201);
    assert_int_equal(answer.header_count, 4);
    assert_string_equal(answer.headers[0].name, "X-One");
    assert_string_equal(answer.headers[0].value, "a b");
    assert_string_equal(answer.headers[1].name, "X-Two");
    assert_string_equal(answer.headers[1].value, "");
    assert_string_equal(answer.headers[2].value, "a b");
    assert_string_equal(answer.headers[3].name, "Transfer-Encoding");
    assert_int_equal(answer.body_bytes, 5);
    assert_string_equal(answer.body, "abc\xff\x01");
    http_answer_release(&answer);
    assert_null(answer.body);
    raw_server_free(server);
    http_client_free(client);
}

static void test_one_header_more_than_there_is_room_for_is_too_large(void **state) {
    static const struct raw_step fits[] = {READ_HEAD,
                                           SEND("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"),
                                           {RAW_SEND, "X-H: 1\r\n", HTTP_HEADERS_MAX - 1},
                                           SEND("\r\n"),
                                           {RAW_HOLD}};
    static const struct raw_step over[] = {READ_HEAD,
                                           SEND("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"),
                                           {RAW_SEND, "X-H: 1\r\n", HTTP_HEADERS_MAX},
                                           SEND("\r\n"),
                                           {RAW_HOLD}};
    struct http_client *client = plain_client();
    char url[CALL_URL_MAX];
    struct raw_server *server = serve_one(fits);
    struct http_call call = get_call(url_of(raw_server_port(server), url));
    assert_answered(client, &call, 200);
    raw_server_free(server);
    server = serve_one(over);
    call = get_call(url_of(raw_server_port(server), url));
    assert_failed(client, &call, HTTP_MAYBE_SENT, HTTP_FAIL_TOO_LARGE);
    raw_server_free(server);
    http_client_free(client);
}

static void test_a_late_answer_is_never_taken_for_that_of_the_next_call(void **state) {
    static const struct raw_step late[] = {
        READ_HEAD,
        {RAW_GATE},
        SEND("HTTP/1.1 500 Late\r\nContent-Length: 4\r\n\r\nlate"),
        {RAW_HOLD}};
    static const struct raw_step prompt[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}};
    struct http_client *client = plain_client();
    struct raw_server *server = raw_server_start(&(struct raw_options){.scripts = {late, prompt}});
    char url[CALL_URL_MAX];
    struct http_call call = post_call(url_of(raw_server_port(server), url), "x");
    call.timeout_us = SHORT_US;
    assert_failed(client, &call, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT);
    raw_server_open(server);
    call.timeout_us = LONG_US;
    assert_answered(client, &call, 200);
    assert_int_equal(raw_server_accepted(server), 2);
    raw_server_free(server);
    http_client_free(client);
}

static void test_bytes_behind_an_answer_are_not_the_next_one(void **state) {
    static const struct raw_step extra[] = {
        READ_HEAD,
        SEND(OK_ANSWER "HTTP/1.1 500 Forged\r\nContent-Length: 0\r\n\r\n"),
        READ_HEAD,
        SEND(OK_ANSWER),
        {RAW_HOLD}};
    static const struct raw_step later[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}};
    struct http_client *client = plain_client();
    struct raw_server *server = raw_server_start(&(struct raw_options){.scripts = {extra, later}});
    char url[CALL_URL_MAX];
    struct http_call call = post_call(url_of(raw_server_port(server), url), "x");
    assert_answered(client, &call, 200);
    assert_answered(client, &call, 200);
    raw_server_free(server);
    http_client_free(client);
}

/* Connections. */

static void test_connections_are_kept_and_used_again(void **state) {
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[CALL_URL_MAX];
    struct http_call call = get_call(url_of(raw_server_port(server), url));
    for (int i = 0; i < 50; i++) {
        assert_answered(client, &call, 200);
    }
    assert_int_equal(raw_server_accepted(server), 1);
    assert_int_equal(raw_server_reads(server), 50);
    raw_server_free(server);
    http_client_free(client);
}

static void test_a_connection_closed_while_idle_is_left_alone(void **state) {
    static const struct raw_step closes[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_CLOSE}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(closes);
    char url[CALL_URL_MAX];
    struct http_call call = post_call(url_of(raw_server_port(server), url), "x");
    for (int i = 1; i <= 3; i++) {
        assert_answered(client, &call, 200);
        raw_server_await_ended(server, i);
    }
    assert_int_equal(raw_server_accepted(server), 3);
    raw_server_free(server);
    http_client_free(client);
}

static void test_a_thousand_calls_are_in_flight_at_once(void **state) {
    static const struct raw_step script[] = {READ_HEAD, {RAW_GATE}, SEND(OK_ANSWER), {RAW_HOLD}};
    struct http_client *client = new_client(&(struct http_client_options){.connections_max = MANY});
    struct http_bulkhead *bulkhead = http_bulkhead_new(MANY);
    struct raw_server *server = serve_one(script);
    struct flight *flights = calloc(MANY, sizeof(*flights));
    assert_non_null(flights);
    char url[CALL_URL_MAX];
    url_of(raw_server_port(server), url);
    for (int i = 0; i < MANY; i++) {
        flights[i].client = client;
        flights[i].call = post_call(url, "x");
        flights[i].call.connect_timeout_us = LONG_US;
        flights[i].call.bulkhead = bulkhead;
        take_off(&flights[i]);
    }
    raw_server_await_reads(server, MANY); /* all sent, none answered */
    assert_int_equal(http_bulkhead_busy(bulkhead), MANY);
    raw_server_open(server);
    for (int i = 0; i < MANY; i++) {
        land(&flights[i]);
        assert_outcome("one of many", &flights[i].answer, HTTP_ANSWERED, HTTP_FAIL_NONE);
        http_answer_release(&flights[i].answer);
    }
    assert_int_equal(raw_server_accepted(server), MANY);
    free(flights);
    raw_server_free(server);
    http_client_free(client);
    http_bulkhead_free(bulkhead);
}

enum { BUSY_TASKS = 16, BUSY_CALLS = 100 };

static void call_often(void *arg) {
    struct flight *flight = arg;
    for (int i = 0; i < BUSY_CALLS && flight->rc == 0; i++) {
        http_answer_release(&flight->answer);
        flight->rc = http_call(flight->client, &flight->call, &flight->answer, &flight->err);
    }
}

static void test_many_tasks_share_a_client(void **state) {
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}};
    struct http_client *client = new_client(&(struct http_client_options){.connections_max = 4});
    struct raw_server *server = serve_one(script);
    char url[CALL_URL_MAX];
    struct flight flights[BUSY_TASKS];
    url_of(raw_server_port(server), url);
    for (int i = 0; i < BUSY_TASKS; i++) {
        flights[i] = (struct flight){.client = client};
        flights[i].call = get_call(url);
        flights[i].task = task_start("busy", 0, call_often, &flights[i]);
        assert_non_null(flights[i].task);
    }
    for (int i = 0; i < BUSY_TASKS; i++) {
        land(&flights[i]);
        assert_int_equal(flights[i].rc, 0);
        assert_string_equal(flights[i].answer.body, "ok");
        http_answer_release(&flights[i].answer);
    }
    assert_int_equal(raw_server_reads(server), BUSY_TASKS * BUSY_CALLS);
    raw_server_free(server);
    http_client_free(client);
}

/* Bulkhead, stopping, other people's clients. */

static void test_a_full_bulkhead_refuses_unsent(void **state) {
    static const struct raw_step script[] = {READ_HEAD, {RAW_GATE}, SEND(OK_ANSWER), {RAW_AGAIN}};
    struct http_client *client = plain_client();
    struct http_bulkhead *bulkhead = http_bulkhead_new(1);
    struct raw_server *server = serve_one(script);
    char url[CALL_URL_MAX];
    struct flight first = {.client = client};
    first.call = post_call(url_of(raw_server_port(server), url), "x");
    first.call.bulkhead = bulkhead;
    take_off(&first);
    raw_server_await_reads(server, 1);
    assert_int_equal(http_bulkhead_busy(bulkhead), 1);
    assert_int_equal(http_bulkhead_max(bulkhead), 1);
    assert_failed(client, &first.call, HTTP_NOT_SENT, HTTP_FAIL_BULKHEAD);
    raw_server_open(server);
    land(&first);
    assert_int_equal(first.rc, 0);
    http_answer_release(&first.answer);
    assert_int_equal(http_bulkhead_busy(bulkhead), 0);
    assert_answered(client, &first.call, 200);
    raw_server_free(server);
    http_client_free(client);
    http_bulkhead_free(bulkhead);
}

static void test_freeing_the_client_ends_calls_under_way(void **state) {
    enum { CALLS = 8 };
    static const struct raw_step script[] = {READ_HEAD, {RAW_HOLD}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[CALL_URL_MAX];
    struct flight flights[CALLS];
    url_of(raw_server_port(server), url);
    for (int i = 0; i < CALLS; i++) {
        flights[i] = (struct flight){.client = client};
        flights[i].call = post_call(url, "x");
        take_off(&flights[i]);
    }
    raw_server_await_reads(server, CALLS);
    http_client_free(client);
    for (int i = 0; i < CALLS; i++) {
        land(&flights[i]);
        assert_outcome("stopped", &flights[i].answer, HTTP_MAYBE_SENT, HTTP_FAIL_STOPPED);
        assert_int_equal(flights[i].rc, -ERR_UNREACHABLE);
    }
    raw_server_free(server);
}

static int canned_call(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                       struct err *err) {
    static const struct http_header headers[] = {{"X-One", "1"}, {"X-Two", "two"}};
    int *calls = ctx;
    (*calls)++;
    assert_int_equal(ret_answer->reach, HTTP_NOT_SENT);
    assert_int_equal(http_bulkhead_busy(call->bulkhead), 1);
    http_answer_fill(ret_answer, 202, headers, COUNT_OF(headers), "body", 4);
    return 0;
}

static void canned_free(void *ctx) {
    *(int *)ctx = -1;
}

static void test_a_custom_client_takes_the_calls(void **state) {
    int calls = 0;
    struct http_client *client = http_client_custom(
        &(struct http_client_ops){canned_call, canned_free}, &calls);
    struct http_bulkhead *bulkhead = http_bulkhead_new(1);
    struct http_call call = get_call("http://nowhere.test/");
    call.bulkhead = bulkhead;
    HTTP_ANSWER_AUTO answer;
    struct err err = {0};
    assert_int_equal(http_call(client, &call, &answer, &err), 0);
    assert_int_equal(calls, 1);
    assert_int_equal(answer.status, 202);
    assert_int_equal(answer.header_count, 2);
    assert_string_equal(answer.headers[0].name, "X-One");
    assert_string_equal(answer.headers[0].value, "1");
    assert_string_equal(answer.headers[1].name, "X-Two");
    assert_string_equal(answer.headers[1].value, "two");
    assert_string_equal(answer.body, "body");
    assert_int_equal(http_bulkhead_busy(bulkhead), 0);
    http_answer_fill(&answer, 204, NULL, 0, NULL, 0);
    assert_string_equal(answer.body, "");
    http_client_free(client);
    assert_int_equal(calls, -1);
    http_bulkhead_free(bulkhead);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_request_holds_what_was_given_and_nothing_surprising),
        cmocka_unit_test(test_an_expect_header_is_not_sent_with_a_body_of_two_megabytes),
        cmocka_unit_test(test_each_method_leaves_nothing_behind_for_the_next),
        cmocka_unit_test(test_a_redirect_is_an_answer_like_any_other),
        cmocka_unit_test(test_whoever_is_not_trusted_leads_us_to_no_machine_of_ours),
        cmocka_unit_test(test_addresses_of_the_open_internet_are_told_apart),
        cmocka_unit_test(test_a_proxy_in_the_environment_is_not_used),
        cmocka_unit_test(test_headers_are_those_of_the_final_answer_and_no_trailers),
        cmocka_unit_test(test_one_header_more_than_there_is_room_for_is_too_large),
        cmocka_unit_test(test_a_late_answer_is_never_taken_for_that_of_the_next_call),
        cmocka_unit_test(test_bytes_behind_an_answer_are_not_the_next_one),
        cmocka_unit_test(test_connections_are_kept_and_used_again),
        cmocka_unit_test(test_a_connection_closed_while_idle_is_left_alone),
        cmocka_unit_test(test_a_thousand_calls_are_in_flight_at_once),
        cmocka_unit_test(test_many_tasks_share_a_client),
        cmocka_unit_test(test_a_full_bulkhead_refuses_unsent),
        cmocka_unit_test(test_freeing_the_client_ends_calls_under_way),
        cmocka_unit_test(test_a_custom_client_takes_the_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
