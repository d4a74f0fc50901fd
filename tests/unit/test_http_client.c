/* SPDX-License-Identifier: Apache-2.0
 * test_http_client.c: what the client says has reached the other side, against servers that behave
 * in every way we could think of. */
#include <dlfcn.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/task.h"
#include "net/http_client.h"
#include "support/certs.h"
#include "support/raw_server.h"

enum { MANY = 1000, BIG_BODY_BYTES = 8 * 1024 * 1024, URL_MAX = 128 };
#define LONG_US (60 * US_PER_SECOND) /* never waited for */
#define SHORT_US (700 * US_PER_MS)   /* waited for, where a call has to time out */

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define HEAD_END "\r\n\r\n"
#define READ_HEAD {RAW_READ, HEAD_END, 0}
#define SEND(text) {RAW_SEND, text, 0}

/* The resolver of this program, libcurl's calls included: no test depends on a name server. */

static struct lock names_lock;
static struct cond names_moved;
static bool names_released;
static int names_waiting;

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
    if (name != NULL && strcmp(name, "slow.test") == 0) {
        lock_take(&names_lock);
        names_waiting++;
        cond_broadcast(&names_moved);
        while (!names_released) {
            cond_wait(&names_moved, &names_lock);
        }
        names_waiting--;
        cond_broadcast(&names_moved);
        lock_give(&names_lock);
        return EAI_NONAME;
    }
    if (name == NULL || strspn(name, "0123456789.") != strlen(name)) {
        return EAI_NONAME;
    }
    typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    getaddrinfo_fn *real = (getaddrinfo_fn *)dlsym(RTLD_NEXT, "getaddrinfo");
    return real(name, service, hints, ret);
}

/* Helpers. */

static struct http_client *new_client(const struct http_client_options *options)
{
    struct http_client *client = NULL;
    struct err err = {0};
    assert_int_equal(http_client_new(options, &client, &err), 0);
    return client;
}

static struct http_client *plain_client(void)
{
    return new_client(&(struct http_client_options){0});
}

static struct raw_server *serve_one(const struct raw_step *script)
{
    return raw_server_start(&(struct raw_options){.scripts = {script}});
}

/* Only before other tasks read the text. */
static const char *url_of(int port, char url[URL_MAX])
{
    snprintf(url, URL_MAX, "http://127.0.0.1:%d/v1/charges", port);
    return url;
}

static struct http_call get_call(const char *url)
{
    return (struct http_call){.method = "GET", .url = url, .timeout_us = LONG_US, .repeatable = true};
}

static struct http_call post_call(const char *url, const char *body)
{
    return (struct http_call){
        .method = "POST", .url = url, .timeout_us = LONG_US, .body = body, .body_bytes = strlen(body)};
}

static void assert_outcome(const char *name, const struct http_answer *answer, enum http_reach reach,
                           enum http_failure failure)
{
    if (answer->reach != reach || answer->failure != failure) {
        fail_msg("%s: reach %d and failure %s; expected %d and %s", name, answer->reach,
                 http_failure_name(answer->failure), reach, http_failure_name(failure));
    }
}

static void assert_answered(struct http_client *client, const struct http_call *call, int status)
{
    HTTP_ANSWER_AUTO answer;
    struct err err = {0};
    int rc = http_call(client, call, &answer, &err);
    assert_outcome(err.detail, &answer, HTTP_ANSWERED, HTTP_FAIL_NONE);
    assert_int_equal(rc, 0);
    assert_int_equal(answer.status, status);
}

static void assert_failed(struct http_client *client, const struct http_call *call,
                          enum http_reach reach, enum http_failure failure)
{
    HTTP_ANSWER_AUTO answer;
    struct err err = {0};
    int rc = http_call(client, call, &answer, &err);
    assert_outcome(err.detail, &answer, reach, failure);
    assert_int_equal(rc, failure == HTTP_FAIL_TIMEOUT ? -ERR_TIMEOUT : -ERR_UNREACHABLE);
    assert_int_equal(answer.status, 0);
    assert_null(answer.body);
    assert_string_not_equal(err.detail, "");
}

/* A call made from a task of its own. */
struct flight {
    struct http_client *client;
    struct http_call call;
    struct http_answer answer;
    struct err err;
    int rc;
    struct task *task;
};

static void fly(void *arg)
{
    struct flight *flight = arg;
    flight->rc = http_call(flight->client, &flight->call, &flight->answer, &flight->err);
}

static void take_off(struct flight *flight)
{
    flight->task = task_start("flight", 0, fly, flight);
    assert_non_null(flight->task);
}

static void land(struct flight *flight) { task_join(flight->task); }

/* The table: how a server behaves, and what a call to it must say. With `warm`, a call before it has
 * been answered on a connection that is kept. */

struct behaviour {
    const char *name;
    struct raw_step first[8], second[4]; /* scripts of the first and of all later connections */
    bool warm, repeatable, large, times_out;
    size_t answer_bytes_max;
    enum http_reach reach;
    enum http_failure failure;
    int accepted;
};

static const struct behaviour behaviours[] = {
    {.name = "answers",
     .first = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}},
     .reach = HTTP_ANSWERED, .accepted = 1},
    {.name = "answers on a kept connection",
     .first = {READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}},
     .warm = true, .reach = HTTP_ANSWERED, .accepted = 1},
    {.name = "answers in chunks",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
               {RAW_HOLD}},
     .reach = HTTP_ANSWERED, .accepted = 1},
    {.name = "answers without a length and closes",
     .first = {READ_HEAD, SEND("HTTP/1.0 200 OK\r\n\r\nok"), {RAW_CLOSE}},
     .reach = HTTP_ANSWERED, .accepted = 1},
    {.name = "interim answers come first",
     .first = {READ_HEAD, SEND("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
               SEND(OK_ANSWER), {RAW_HOLD}},
     .reach = HTTP_ANSWERED, .accepted = 1},
    {.name = "closes before reading",
     .first = {{RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET, .accepted = 1},
    {.name = "closes after reading",
     .first = {READ_HEAD, {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET, .accepted = 1},
    {.name = "resets after reading",
     .first = {READ_HEAD, {RAW_RESET}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET, .accepted = 1},
    {.name = "a fresh connection that dies is not tried again even when that is allowed",
     .first = {READ_HEAD, {RAW_CLOSE}},
     .second = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}},
     .repeatable = true, .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET, .accepted = 1},
    {.name = "a kept connection reads and closes, then refuses",
     .first = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_REFUSE}, {RAW_CLOSE}},
     .warm = true, .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET, .accepted = 1},
    {.name = "a kept connection reads and closes, then refuses, and a second try is allowed",
     .first = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_REFUSE}, {RAW_CLOSE}},
     .warm = true, .repeatable = true,
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET, .accepted = 1},
    {.name = "a kept connection reads and closes: no second try",
     .first = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_CLOSE}},
     .second = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}},
     .warm = true, .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET, .accepted = 1},
    {.name = "a kept connection reads and closes: an allowed second try is answered",
     .first = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_CLOSE}},
     .second = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}},
     .warm = true, .repeatable = true, .reach = HTTP_ANSWERED, .accepted = 2},
    {.name = "a kept connection reads and resets: no second try",
     .first = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_RESET}},
     .second = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}},
     .warm = true, .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET, .accepted = 1},
    {.name = "a kept connection reads and closes, and the second is never answered",
     .first = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_CLOSE}},
     .second = {{RAW_HOLD}},
     .warm = true, .repeatable = true, .times_out = true,
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TIMEOUT, .accepted = 2},
    {.name = "accepts and never reads",
     .first = {{RAW_HOLD}},
     .times_out = true, .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TIMEOUT, .accepted = 1},
    {.name = "accepts and never reads a large body",
     .first = {{RAW_HOLD}},
     .large = true, .times_out = true,
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TIMEOUT, .accepted = 1},
    {.name = "reads the head of a large body and resets",
     .first = {READ_HEAD, {RAW_RESET}},
     .large = true, .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET, .accepted = 1},
    {.name = "reads and never answers",
     .first = {READ_HEAD, {RAW_HOLD}},
     .times_out = true, .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TIMEOUT, .accepted = 1},
    {.name = "stalls in the middle of its answer",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), {RAW_HOLD}},
     .times_out = true, .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TIMEOUT, .accepted = 1},
    {.name = "sends interim answers only",
     .first = {READ_HEAD, SEND("HTTP/1.1 100 Continue\r\n\r\n"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "cuts the body short of its length",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "resets in the middle of the body",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), {RAW_RESET}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "cuts a chunk",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok"),
               {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "leaves the last chunk out",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"),
               {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "a chunk's size is no number",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n"),
               {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "cuts the head",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Le"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "cuts the head between two headers",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "cuts the status line, which libcurl takes for no answer at all",
     .first = {READ_HEAD, SEND("HTTP/1.1 2"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_RESET, .accepted = 1},
    {.name = "speaks another protocol",
     .first = {READ_HEAD, SEND("SSH-2.0-OpenSSH_9.2\r\n"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "greets before it is asked",
     .first = {SEND("220 mail.example.test ESMTP\r\n"), READ_HEAD, {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "an impossible version",
     .first = {READ_HEAD, SEND("HTTP/7.3 200 OK\r\nContent-Length: 2\r\n\r\nok"), {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "a status that is no number",
     .first = {READ_HEAD, SEND("HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "a length that is no number",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "two lengths that differ",
     .first = {READ_HEAD,
               SEND("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 2\r\n\r\nok"), {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_GARBLED, .accepted = 1},
    {.name = "a length over the cap",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n"),
               {RAW_SEND, "xxxxxxxx", 512}, {RAW_HOLD}},
     .answer_bytes_max = 4095,
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TOO_LARGE, .accepted = 1},
    {.name = "a length at the cap",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n"),
               {RAW_SEND, "xxxxxxxx", 512}, {RAW_HOLD}},
     .answer_bytes_max = 4096, .reach = HTTP_ANSWERED, .accepted = 1},
    {.name = "a body without end",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\n\r\n"), {RAW_SEND, "0123456789", 1000000}, {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TOO_LARGE, .accepted = 1},
    {.name = "headers without end",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\n"), {RAW_SEND, "X-Flood: 1\r\n", 1000000}, {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TOO_LARGE, .accepted = 1},
    {.name = "one header without end",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nX-Flood: "), {RAW_SEND, "xxxxxxxx", 1000000}, {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TOO_LARGE, .accepted = 1},
    {.name = "interim answers without end",
     .first = {READ_HEAD, {RAW_SEND, "HTTP/1.1 100 Continue\r\n\r\n", 1000000}, {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TOO_LARGE, .accepted = 1},
    {.name = "trailers without end",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"),
               {RAW_SEND, "X-Flood: 1\r\n", 1000000}, {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT, .failure = HTTP_FAIL_TOO_LARGE, .accepted = 1},
};

static char *large_body(void)
{
    char *body = malloc(BIG_BODY_BYTES + 1);
    assert_non_null(body);
    memset(body, 'x', BIG_BODY_BYTES);
    body[BIG_BODY_BYTES] = '\0';
    return body;
}

static void run_behaviour(const struct behaviour *row, struct http_client *client)
{
    struct raw_options options = {.scripts = {row->first, row->second[0].verb == RAW_READ &&
                                                                  row->second[0].text == NULL
                                                              ? NULL
                                                              : row->second}};
    struct raw_server *server = raw_server_start(&options);
    char url[URL_MAX];
    struct http_call call = get_call(url_of(raw_server_port(server), url));
    if (row->warm) {
        assert_answered(client, &call, 200);
    }
    char *body = row->large ? large_body() : NULL;
    call = post_call(url, body != NULL ? body : "amount=100");
    call.repeatable = row->repeatable;
    call.answer_bytes_max = row->answer_bytes_max;
    call.timeout_us = row->times_out ? SHORT_US : LONG_US;

    HTTP_ANSWER_AUTO answer;
    struct err err = {0};
    int rc = http_call(client, &call, &answer, &err);
    assert_outcome(row->name, &answer, row->reach, row->failure);
    assert_int_equal(rc == 0, row->reach == HTTP_ANSWERED);
    assert_int_equal(answer.status, row->reach == HTTP_ANSWERED ? 200 : 0);
    if (raw_server_accepted(server) != row->accepted) {
        fail_msg("%s: %d connections", row->name, raw_server_accepted(server));
    }
    free(body);
    raw_server_free(server);
}

static void test_reach_and_failure_follow_what_the_server_did(void **state)
{
    struct http_client *client = plain_client();
    for (size_t i = 0; i < COUNT_OF(behaviours); i++) {
        run_behaviour(&behaviours[i], client);
    }
    http_client_free(client);
}

/* What is certainly not sent. */

static void test_a_refused_connection_is_not_sent(void **state)
{
    struct http_client *client = plain_client();
    int fd = -1;
    char url[URL_MAX];
    struct http_call call = post_call(url_of(raw_refusing_port(&fd), url), "x");
    assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_CONNECT);
    close(fd);
    http_client_free(client);
}

static void test_an_unresolvable_name_is_not_sent(void **state)
{
    struct http_client *client = plain_client();
    struct http_call call = post_call("http://missing.test/", "x");
    assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_RESOLVE);
    http_client_free(client);
}

static void test_a_slow_name_times_out_unsent_and_holds_up_nobody(void **state)
{
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[URL_MAX];
    struct http_call fast = get_call(url_of(raw_server_port(server), url));
    struct http_call slow = post_call("http://slow.test/", "x");
    slow.timeout_us = SHORT_US;
    struct http_call slow_connect = slow;
    slow_connect.timeout_us = LONG_US;
    slow_connect.connect_timeout_us = SHORT_US;
    /* The resolver never answers while these run; were the loop to wait for it, so would they. */
    assert_failed(client, &slow, HTTP_NOT_SENT, HTTP_FAIL_TIMEOUT);
    assert_failed(client, &slow_connect, HTTP_NOT_SENT, HTTP_FAIL_TIMEOUT);
    assert_answered(client, &fast, 200);

    struct flight flight = {.client = client, .call = slow};
    flight.call.timeout_us = LONG_US;
    flight.call.connect_timeout_us = LONG_US;
    lock_take(&names_lock);
    int before = names_waiting;
    lock_give(&names_lock);
    take_off(&flight);
    lock_take(&names_lock);
    while (names_waiting == before) {
        cond_wait(&names_moved, &names_lock);
    }
    lock_give(&names_lock);
    http_client_free(client);
    land(&flight);
    assert_outcome("freed", &flight.answer, HTTP_NOT_SENT, HTTP_FAIL_STOPPED);

    lock_take(&names_lock);
    names_released = true;
    cond_broadcast(&names_moved);
    while (names_waiting > 0) {
        cond_wait(&names_moved, &names_lock);
    }
    lock_give(&names_lock);
    raw_server_free(server);
}

static void test_a_passed_deadline_is_not_sent(void **state)
{
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[URL_MAX];
    struct http_call call = post_call(url_of(raw_server_port(server), url), "x");
    call.timeout_us = 0;
    assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_TIMEOUT);
    call.timeout_us = -5;
    assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_TIMEOUT);
    assert_int_equal(raw_server_accepted(server), 0);
    call.timeout_us = INT64_MAX;
    assert_answered(client, &call, 200);
    raw_server_free(server);
    http_client_free(client);
}

static void test_waiting_for_a_connection_of_the_host_times_out_unsent(void **state)
{
    static const struct raw_step script[] = {READ_HEAD, {RAW_GATE}, SEND(OK_ANSWER), {RAW_HOLD}};
    struct http_client *client = new_client(&(struct http_client_options){.connections_per_host = 1});
    struct raw_server *server = serve_one(script);
    char url[URL_MAX];
    struct flight first = {.client = client};
    first.call = post_call(url_of(raw_server_port(server), url), "x");
    take_off(&first);
    raw_server_await_reads(server, 1);
    struct http_call second = first.call;
    second.timeout_us = SHORT_US;
    assert_failed(client, &second, HTTP_NOT_SENT, HTTP_FAIL_TIMEOUT);
    raw_server_open(server);
    land(&first);
    assert_outcome("first", &first.answer, HTTP_ANSWERED, HTTP_FAIL_NONE);
    http_answer_release(&first.answer);
    assert_int_equal(raw_server_accepted(server), 1);
    raw_server_free(server);
    http_client_free(client);
}

static void test_a_request_that_cannot_be_written_is_refused(void **state)
{
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}};
    static const struct http_header bad[] = {
        {"X-A", "1\r\nX-B: 2"}, {"X-A\r\nX-B", "1"}, {"", "1"}, {"X A", "1"}, {"X:", "1"},
        {"Content-Length", "1"}, {"transfer-encoding", "chunked"}, {"Expect", "100-continue"}};
    static const char *const urls[] = {"ftp://127.0.0.1/", "file:///etc/hostname", "no url", "",
                                       "http://u:p@127.0.0.1/", "http://127.0.0.1/a\r\nX: y",
                                       "http://127.0.0.1/a b", "http://127.0.0.1:99999/"};
    static const char *const methods[] = {"", "GET /", "G\r\nX", "ABCDEFGHIJKLMNOPQ"};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[URL_MAX];
    struct http_call call = post_call(url_of(raw_server_port(server), url), "x");
    call.header_count = 1;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        call.headers = &bad[i];
        assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_REQUEST);
    }
    call.header_count = 0;
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        call.method = methods[i];
        assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_REQUEST);
    }
    call.method = "HEAD";
    assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_REQUEST);
    call.method = "POST";
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        call.url = urls[i];
        assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_REQUEST);
    }
    assert_int_equal(raw_server_accepted(server), 0);
    raw_server_free(server);
    http_client_free(client);
}

/* TLS. */

struct tls_row {
    const char *name;
    enum cert_kind cert;
    bool trusted; /* the client was told of the CA */
    bool answered;
};

static void test_tls_is_verified_before_a_byte_is_sent(void **state)
{
    static const struct tls_row rows[] = {
        {"good", CERT_GOOD, true, true},
        {"untrusted", CERT_GOOD, false, false},
        {"expired", CERT_EXPIRED, true, false},
        {"another host's", CERT_OTHER_HOST, true, false},
        {"signed by itself", CERT_SELF_SIGNED, true, false},
    };
    static const struct raw_step script[] = {{RAW_TLS}, READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}};
    static const struct raw_step kept[] = {{RAW_TLS}, READ_HEAD, SEND(OK_ANSWER),
                                           READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}};
    struct certs certs;
    certs_make(&certs);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *ca_path = rows[i].trusted ? certs.ca_path : NULL;
        struct http_client *client = new_client(&(struct http_client_options){.ca_path = ca_path});
        struct raw_server *server = raw_server_start(
            &(struct raw_options){.scripts = {rows[i].answered ? kept : script},
                                  .tls_cert_path = certs.cert_path[rows[i].cert],
                                  .tls_key_path = certs.key_path});
        char url[URL_MAX];
        snprintf(url, sizeof(url), "https://localhost:%d/", raw_server_port(server));
        struct http_call call = post_call(url, "x");
        if (rows[i].answered) {
            assert_answered(client, &call, 200);
            assert_answered(client, &call, 200);
            assert_int_equal(raw_server_accepted(server), 1);
        } else {
            assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_TLS);
            assert_int_equal(raw_server_reads(server), 0);
        }
        raw_server_free(server);
        http_client_free(client);
    }
    certs_remove(&certs);
}

static void test_a_tls_connection_that_is_reset_is_judged_like_any_other(void **state)
{
    static const struct raw_step script[] = {{RAW_TLS}, READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_RESET}};
    struct certs certs;
    certs_make(&certs);
    struct http_client *client = new_client(&(struct http_client_options){.ca_path = certs.ca_path});
    struct raw_server *server = raw_server_start(
        &(struct raw_options){.scripts = {script}, .tls_cert_path = certs.cert_path[CERT_GOOD],
                              .tls_key_path = certs.key_path});
    char url[URL_MAX];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", raw_server_port(server));
    struct http_call call = post_call(url, "x");
    assert_answered(client, &call, 200);
    assert_failed(client, &call, HTTP_MAYBE_SENT, HTTP_FAIL_RESET);
    assert_int_equal(raw_server_accepted(server), 1);
    raw_server_free(server);
    http_client_free(client);
    certs_remove(&certs);
}

static void test_plain_text_where_tls_was_asked_for_is_not_sent(void **state)
{
    static const struct raw_step silent[] = {{RAW_HOLD}};
    static const struct raw_step plain[] = {{RAW_READ, "\x16", 0}, SEND(OK_ANSWER), {RAW_CLOSE}};
    static const struct raw_step closes[] = {{RAW_READ, "\x16", 0}, {RAW_RESET}};
    struct http_client *client = plain_client();
    char url[URL_MAX];
    struct raw_server *server = serve_one(plain);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", raw_server_port(server));
    struct http_call call = post_call(url, "x");
    assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_TLS);
    raw_server_free(server);

    server = serve_one(closes);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", raw_server_port(server));
    assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_TLS);
    raw_server_free(server);

    server = serve_one(silent);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", raw_server_port(server));
    call.connect_timeout_us = SHORT_US;
    assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_TIMEOUT);
    raw_server_free(server);
    http_client_free(client);
}

static void test_a_ca_file_that_cannot_be_read_is_named(void **state)
{
    struct http_client *client = NULL;
    struct err err = {0};
    struct http_client_options options = {.ca_path = "/nonexistent/ca.pem"};
    assert_int_equal(http_client_new(&options, &client, &err), -ERR_CRYPTO);
    assert_null(client);
    assert_non_null(strstr(err.detail, "/nonexistent/ca.pem"));
}

/* What goes over the wire. */

static void test_the_request_holds_what_was_given_and_nothing_surprising(void **state)
{
    static const struct raw_step script[] = {{RAW_READ, "END", 0}, SEND(OK_ANSWER), {RAW_HOLD}};
    static const struct http_header headers[] = {
        {"Authorization", "Bearer t"}, {"Content-Type", "application/json"}, {"X-Empty", ""}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[URL_MAX];
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

static void test_an_expect_header_is_not_sent_with_a_body_of_two_megabytes(void **state)
{
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[URL_MAX];
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

static void test_each_method_leaves_nothing_behind_for_the_next(void **state)
{
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
    static const struct raw_step bare[] = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
                                           {RAW_HOLD}};
    struct http_client *client = plain_client();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct raw_server *server = serve_one(rows[i].bare ? bare : script);
        char url[URL_MAX];
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

static void test_a_redirect_is_an_answer_like_any_other(void **state)
{
    static const struct raw_step script[] = {
        READ_HEAD,
        SEND("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n"),
        {RAW_HOLD}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[URL_MAX];
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

static void test_a_proxy_in_the_environment_is_not_used(void **state)
{
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}};
    int fd = -1;
    char proxy[URL_MAX], url[URL_MAX];
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

static void test_headers_are_those_of_the_final_answer_and_no_trailers(void **state)
{
    static const struct raw_step script[] = {
        READ_HEAD,
        SEND("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
             "HTTP/1.1 201 Created\r\nX-One:  a b \t\r\nX-Two:\r\nX-Fold: a\r\n  b\r\n"
             "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\n\xff\x01\r\n0\r\nX-Trailer: t\r\n\r\n"),
        {RAW_HOLD}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[URL_MAX];
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

static void test_one_header_more_than_there_is_room_for_is_too_large(void **state)
{
    static const struct raw_step fits[] = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"),
                                           {RAW_SEND, "X-H: 1\r\n", HTTP_HEADERS_MAX - 1}, SEND("\r\n"),
                                           {RAW_HOLD}};
    static const struct raw_step over[] = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"),
                                           {RAW_SEND, "X-H: 1\r\n", HTTP_HEADERS_MAX}, SEND("\r\n"),
                                           {RAW_HOLD}};
    struct http_client *client = plain_client();
    char url[URL_MAX];
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

static void test_a_late_answer_is_never_taken_for_that_of_the_next_call(void **state)
{
    static const struct raw_step late[] = {
        READ_HEAD, {RAW_GATE}, SEND("HTTP/1.1 500 Late\r\nContent-Length: 4\r\n\r\nlate"), {RAW_HOLD}};
    static const struct raw_step prompt[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}};
    struct http_client *client = plain_client();
    struct raw_server *server = raw_server_start(&(struct raw_options){.scripts = {late, prompt}});
    char url[URL_MAX];
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

static void test_bytes_behind_an_answer_are_not_the_next_one(void **state)
{
    static const struct raw_step extra[] = {
        READ_HEAD, SEND(OK_ANSWER "HTTP/1.1 500 Forged\r\nContent-Length: 0\r\n\r\n"),
        READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}};
    static const struct raw_step later[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}};
    struct http_client *client = plain_client();
    struct raw_server *server = raw_server_start(&(struct raw_options){.scripts = {extra, later}});
    char url[URL_MAX];
    struct http_call call = post_call(url_of(raw_server_port(server), url), "x");
    assert_answered(client, &call, 200);
    assert_answered(client, &call, 200);
    raw_server_free(server);
    http_client_free(client);
}

/* Connections. */

static void test_connections_are_kept_and_used_again(void **state)
{
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[URL_MAX];
    struct http_call call = get_call(url_of(raw_server_port(server), url));
    for (int i = 0; i < 50; i++) {
        assert_answered(client, &call, 200);
    }
    assert_int_equal(raw_server_accepted(server), 1);
    assert_int_equal(raw_server_reads(server), 50);
    raw_server_free(server);
    http_client_free(client);
}

static void test_a_connection_closed_while_idle_is_left_alone(void **state)
{
    static const struct raw_step closes[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_CLOSE}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(closes);
    char url[URL_MAX];
    struct http_call call = post_call(url_of(raw_server_port(server), url), "x");
    for (int i = 1; i <= 3; i++) {
        assert_answered(client, &call, 200);
        raw_server_await_ended(server, i);
    }
    assert_int_equal(raw_server_accepted(server), 3);
    raw_server_free(server);
    http_client_free(client);
}

static void test_second_tries_do_not_run_out(void **state)
{
    enum { TRIES = 12 };
    static const struct raw_step dies[] = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_CLOSE}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(dies);
    char url[URL_MAX];
    struct http_call call = get_call(url_of(raw_server_port(server), url));
    for (int i = 0; i < TRIES; i++) {
        assert_answered(client, &call, 200);
    }
    assert_int_equal(raw_server_accepted(server), TRIES);
    raw_server_free(server);
    http_client_free(client);
}

static void test_a_second_try_on_another_kept_connection_is_stopped_too(void **state)
{
    static const struct raw_step dies[] = {READ_HEAD, {RAW_GATE}, SEND(OK_ANSWER), READ_HEAD, {RAW_CLOSE}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(dies);
    char url[URL_MAX];
    struct flight flights[2];
    url_of(raw_server_port(server), url);
    for (int i = 0; i < 2; i++) {
        flights[i] = (struct flight){.client = client};
        flights[i].call = post_call(url, "x");
        take_off(&flights[i]);
    }
    raw_server_await_reads(server, 2);
    raw_server_open(server);
    for (int i = 0; i < 2; i++) {
        land(&flights[i]);
        assert_int_equal(flights[i].rc, 0);
        http_answer_release(&flights[i].answer);
    }
    assert_int_equal(raw_server_accepted(server), 2); /* two kept connections, both about to die */
    assert_failed(client, &flights[0].call, HTTP_MAYBE_SENT, HTTP_FAIL_RESET);
    assert_int_equal(raw_server_reads(server), 3); /* the request went out once */
    raw_server_free(server);
    http_client_free(client);
}

static void test_a_thousand_calls_are_in_flight_at_once(void **state)
{
    static const struct raw_step script[] = {READ_HEAD, {RAW_GATE}, SEND(OK_ANSWER), {RAW_HOLD}};
    struct http_client *client = new_client(&(struct http_client_options){.connections_max = MANY});
    struct http_bulkhead *bulkhead = http_bulkhead_new(MANY);
    struct raw_server *server = serve_one(script);
    struct flight *flights = calloc(MANY, sizeof(*flights));
    assert_non_null(flights);
    char url[URL_MAX];
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

static void call_often(void *arg)
{
    struct flight *flight = arg;
    for (int i = 0; i < BUSY_CALLS && flight->rc == 0; i++) {
        http_answer_release(&flight->answer);
        flight->rc = http_call(flight->client, &flight->call, &flight->answer, &flight->err);
    }
}

static void test_many_tasks_share_a_client(void **state)
{
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}};
    struct http_client *client = new_client(&(struct http_client_options){.connections_max = 4});
    struct raw_server *server = serve_one(script);
    char url[URL_MAX];
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

static void test_a_full_bulkhead_refuses_unsent(void **state)
{
    static const struct raw_step script[] = {READ_HEAD, {RAW_GATE}, SEND(OK_ANSWER), {RAW_AGAIN}};
    struct http_client *client = plain_client();
    struct http_bulkhead *bulkhead = http_bulkhead_new(1);
    struct raw_server *server = serve_one(script);
    char url[URL_MAX];
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

static void test_freeing_the_client_ends_calls_under_way(void **state)
{
    enum { CALLS = 8 };
    static const struct raw_step script[] = {READ_HEAD, {RAW_HOLD}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[URL_MAX];
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
                       struct err *err)
{
    static const struct http_header headers[] = {{"X-One", "1"}, {"X-Two", "two"}};
    int *calls = ctx;
    (*calls)++;
    assert_int_equal(ret_answer->reach, HTTP_NOT_SENT);
    assert_int_equal(http_bulkhead_busy(call->bulkhead), 1);
    http_answer_fill(ret_answer, 202, headers, COUNT_OF(headers), "body", 4);
    return 0;
}

static void canned_free(void *ctx) { *(int *)ctx = -1; }

static void test_a_custom_client_takes_the_calls(void **state)
{
    int calls = 0;
    struct http_client *client =
        http_client_custom(&(struct http_client_ops){canned_call, canned_free}, &calls);
    struct http_bulkhead *bulkhead = http_bulkhead_new(1);
    struct http_call call = get_call("http://nowhere.test/");
    call.bulkhead = bulkhead;
    HTTP_ANSWER_AUTO answer;
    struct err err = {0};
    assert_int_equal(http_call(client, &call, &answer, &err), 0);
    assert_int_equal(calls, 1);
    assert_int_equal(answer.status, 202);
    assert_int_equal(answer.header_count, 2);
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

static void test_an_error_names_the_host_and_no_more_of_the_url(void **state)
{
    struct http_client *client = plain_client();
    struct http_call call = get_call("http://missing.test/hook/SECRET?key=SECRET");
    HTTP_ANSWER_AUTO answer;
    struct err err = {0};
    assert_int_equal(http_call(client, &call, &answer, &err), -ERR_UNREACHABLE);
    assert_non_null(strstr(err.detail, "missing.test"));
    assert_non_null(strstr(err.detail, "nothing was sent"));
    assert_null(strstr(err.detail, "SECRET"));
    call.url = "http://user:SECRET@missing.test/";
    assert_int_equal(http_call(client, &call, &answer, &err), -ERR_UNREACHABLE);
    assert_null(strstr(err.detail, "SECRET"));
    http_client_free(client);
}

static void test_every_failure_has_a_name_of_its_own(void **state)
{
    for (int a = HTTP_FAIL_NONE; a <= HTTP_FAIL_REQUEST; a++) {
        for (int b = HTTP_FAIL_NONE; b < a; b++) {
            assert_string_not_equal(http_failure_name((enum http_failure)a),
                                    http_failure_name((enum http_failure)b));
        }
    }
    assert_string_equal(http_failure_name(HTTP_FAIL_CONNECT), "connect");
    assert_string_equal(http_failure_name((enum http_failure)99), "unknown");
}

int main(void)
{
    lock_init(&names_lock);
    cond_init(&names_moved);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reach_and_failure_follow_what_the_server_did),
        cmocka_unit_test(test_a_refused_connection_is_not_sent),
        cmocka_unit_test(test_an_unresolvable_name_is_not_sent),
        cmocka_unit_test(test_a_slow_name_times_out_unsent_and_holds_up_nobody),
        cmocka_unit_test(test_a_passed_deadline_is_not_sent),
        cmocka_unit_test(test_waiting_for_a_connection_of_the_host_times_out_unsent),
        cmocka_unit_test(test_a_request_that_cannot_be_written_is_refused),
        cmocka_unit_test(test_tls_is_verified_before_a_byte_is_sent),
        cmocka_unit_test(test_a_tls_connection_that_is_reset_is_judged_like_any_other),
        cmocka_unit_test(test_plain_text_where_tls_was_asked_for_is_not_sent),
        cmocka_unit_test(test_a_ca_file_that_cannot_be_read_is_named),
        cmocka_unit_test(test_the_request_holds_what_was_given_and_nothing_surprising),
        cmocka_unit_test(test_an_expect_header_is_not_sent_with_a_body_of_two_megabytes),
        cmocka_unit_test(test_each_method_leaves_nothing_behind_for_the_next),
        cmocka_unit_test(test_a_redirect_is_an_answer_like_any_other),
        cmocka_unit_test(test_a_proxy_in_the_environment_is_not_used),
        cmocka_unit_test(test_headers_are_those_of_the_final_answer_and_no_trailers),
        cmocka_unit_test(test_one_header_more_than_there_is_room_for_is_too_large),
        cmocka_unit_test(test_a_late_answer_is_never_taken_for_that_of_the_next_call),
        cmocka_unit_test(test_bytes_behind_an_answer_are_not_the_next_one),
        cmocka_unit_test(test_connections_are_kept_and_used_again),
        cmocka_unit_test(test_a_connection_closed_while_idle_is_left_alone),
        cmocka_unit_test(test_second_tries_do_not_run_out),
        cmocka_unit_test(test_a_second_try_on_another_kept_connection_is_stopped_too),
        cmocka_unit_test(test_a_thousand_calls_are_in_flight_at_once),
        cmocka_unit_test(test_many_tasks_share_a_client),
        cmocka_unit_test(test_a_full_bulkhead_refuses_unsent),
        cmocka_unit_test(test_freeing_the_client_ends_calls_under_way),
        cmocka_unit_test(test_a_custom_client_takes_the_calls),
        cmocka_unit_test(test_an_error_names_the_host_and_no_more_of_the_url),
        cmocka_unit_test(test_every_failure_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
