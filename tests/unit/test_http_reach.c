/* SPDX-License-Identifier: Apache-2.0
 * test_http_reach.c: what the client says has reached the other side, against servers that behave
 * in every way we could think of. */
#include <dlfcn.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/certs.h"
#include "support/http_calls.h"

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/* The resolver of this program, libcurl's calls included: no test depends on a name server. */

static struct lock names_lock;
static struct cond names_moved;
static bool names_released;
static int names_waiting;

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret) {
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
    typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *,
                               struct addrinfo **);
    getaddrinfo_fn *real = (getaddrinfo_fn *)dlsym(RTLD_NEXT, "getaddrinfo");
    return real(name, service, hints, ret);
}

/* The table: how a server behaves, and what a call to it must say. With `warm`, a call before it
 * has been answered on a connection that is kept. */

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
     .reach = HTTP_ANSWERED,
     .accepted = 1},
    {.name = "answers on a kept connection",
     .first = {READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}},
     .warm = true,
     .reach = HTTP_ANSWERED,
     .accepted = 1},
    {.name = "answers in chunks",
     .first = {READ_HEAD, SEND(CHUNKED "2\r\nok\r\n0\r\n\r\n"), {RAW_HOLD}},
     .reach = HTTP_ANSWERED,
     .accepted = 1},
    {.name = "answers without a length and closes",
     .first = {READ_HEAD, SEND("HTTP/1.0 200 OK\r\n\r\nok"), {RAW_CLOSE}},
     .reach = HTTP_ANSWERED,
     .accepted = 1},
    {.name = "interim answers come first",
     .first = {READ_HEAD,
               SEND("HTTP/1.1 100 Continue\r\n\r\n"),
               SEND("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
               SEND(OK_ANSWER),
               {RAW_HOLD}},
     .reach = HTTP_ANSWERED,
     .accepted = 1},
    {.name = "closes before reading",
     .first = {{RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_RESET,
     .accepted = 1},
    {.name = "closes after reading",
     .first = {READ_HEAD, {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_RESET,
     .accepted = 1},
    {.name = "resets after reading",
     .first = {READ_HEAD, {RAW_RESET}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_RESET,
     .accepted = 1},
    {.name = "a fresh connection that dies is not tried again even when that is allowed",
     .first = {READ_HEAD, {RAW_CLOSE}},
     .second = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}},
     .repeatable = true,
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_RESET,
     .accepted = 1},
    {.name = "a kept connection reads and closes, then refuses",
     .first = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_REFUSE}, {RAW_CLOSE}},
     .warm = true,
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_RESET,
     .accepted = 1},
    {.name = "a kept connection reads and closes, then refuses, and a second try is allowed",
     .first = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_REFUSE}, {RAW_CLOSE}},
     .warm = true,
     .repeatable = true,
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_RESET,
     .accepted = 1},
    {.name = "a kept connection reads and closes: no second try",
     .first = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_CLOSE}},
     .second = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}},
     .warm = true,
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_RESET,
     .accepted = 1},
    {.name = "a kept connection reads and closes: an allowed second try is answered",
     .first = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_CLOSE}},
     .second = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}},
     .warm = true,
     .repeatable = true,
     .reach = HTTP_ANSWERED,
     .accepted = 2},
    {.name = "a kept connection reads and resets: no second try",
     .first = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_RESET}},
     .second = {READ_HEAD, SEND(OK_ANSWER), {RAW_HOLD}},
     .warm = true,
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_RESET,
     .accepted = 1},
    {.name = "a kept connection reads and closes, and the second is never answered",
     .first = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_CLOSE}},
     .second = {{RAW_HOLD}},
     .warm = true,
     .repeatable = true,
     .times_out = true,
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_TIMEOUT,
     .accepted = 2},
    {.name = "accepts and never reads",
     .first = {{RAW_HOLD}},
     .times_out = true,
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_TIMEOUT,
     .accepted = 1},
    {.name = "accepts and never reads a large body",
     .first = {{RAW_HOLD}},
     .large = true,
     .times_out = true,
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_TIMEOUT,
     .accepted = 1},
    {.name = "reads the head of a large body and resets",
     .first = {READ_HEAD, {RAW_RESET}},
     .large = true,
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_RESET,
     .accepted = 1},
    {.name = "reads and never answers",
     .first = {READ_HEAD, {RAW_HOLD}},
     .times_out = true,
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_TIMEOUT,
     .accepted = 1},
    {.name = "stalls in the middle of its answer",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), {RAW_HOLD}},
     .times_out = true,
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_TIMEOUT,
     .accepted = 1},
    {.name = "sends interim answers only",
     .first = {READ_HEAD, SEND("HTTP/1.1 100 Continue\r\n\r\n"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "cuts the body short of its length",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "resets in the middle of the body",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), {RAW_RESET}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "cuts a chunk",
     .first = {READ_HEAD,
               SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok"),
               {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "leaves the last chunk out",
     .first = {READ_HEAD,
               SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"),
               {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "a chunk's size is no number",
     .first = {READ_HEAD,
               SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n"),
               {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "cuts the head",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Le"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "cuts the head between two headers",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "cuts the status line, which libcurl takes for no answer at all",
     .first = {READ_HEAD, SEND("HTTP/1.1 2"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_RESET,
     .accepted = 1},
    {.name = "speaks another protocol",
     .first = {READ_HEAD, SEND("SSH-2.0-OpenSSH_9.2\r\n"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "greets before it is asked",
     .first = {SEND("220 mail.example.test ESMTP\r\n"), READ_HEAD, {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "an impossible version",
     .first = {READ_HEAD, SEND("HTTP/7.3 200 OK\r\nContent-Length: 2\r\n\r\nok"), {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "a status that is no number",
     .first = {READ_HEAD, SEND("HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "a length that is no number",
     .first = {READ_HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok"), {RAW_CLOSE}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "two lengths that differ",
     .first = {READ_HEAD,
               SEND("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 2\r\n\r\nok"),
               {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_GARBLED,
     .accepted = 1},
    {.name = "a length over the cap",
     .first = {READ_HEAD,
               SEND("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n"),
               {RAW_SEND, "xxxxxxxx", 512},
               {RAW_HOLD}},
     .answer_bytes_max = 4095,
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_TOO_LARGE,
     .accepted = 1},
    {.name = "a length at the cap",
     .first = {READ_HEAD,
               SEND("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n"),
               {RAW_SEND, "xxxxxxxx", 512},
               {RAW_HOLD}},
     .answer_bytes_max = 4096,
     .reach = HTTP_ANSWERED,
     .accepted = 1},
    {.name = "a body without end",
     .first = {READ_HEAD,
               SEND("HTTP/1.1 200 OK\r\n\r\n"),
               {RAW_SEND, "0123456789", 1000000},
               {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_TOO_LARGE,
     .accepted = 1},
    {.name = "headers without end",
     .first = {READ_HEAD,
               SEND("HTTP/1.1 200 OK\r\n"),
               {RAW_SEND, "X-Flood: 1\r\n", 1000000},
               {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_TOO_LARGE,
     .accepted = 1},
    {.name = "one header without end",
     .first = {READ_HEAD,
               SEND("HTTP/1.1 200 OK\r\nX-Flood: "),
               {RAW_SEND, "xxxxxxxx", 1000000},
               {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_TOO_LARGE,
     .accepted = 1},
    {.name = "interim answers without end",
     .first = {READ_HEAD, {RAW_SEND, "HTTP/1.1 100 Continue\r\n\r\n", 1000000}, {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_TOO_LARGE,
     .accepted = 1},
    {.name = "trailers without end",
     .first = {READ_HEAD,
               SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"),
               {RAW_SEND, "X-Flood: 1\r\n", 1000000},
               {RAW_HOLD}},
     .reach = HTTP_MAYBE_SENT,
     .failure = HTTP_FAIL_TOO_LARGE,
     .accepted = 1},
};

static void run_behaviour(const struct behaviour *row, struct http_client *client) {
    struct raw_options options = {
        .scripts = {row->first, row->second[0].verb == RAW_READ && row->second[0].text == NULL
                                    ? NULL
                                    : row->second}};
    struct raw_server *server = raw_server_start(&options);
    char url[CALL_URL_MAX];
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

static void test_reach_and_failure_follow_what_the_server_did(void **state) {
    struct http_client *client = plain_client();
    for (size_t i = 0; i < COUNT_OF(behaviours); i++) {
        run_behaviour(&behaviours[i], client);
    }
    http_client_free(client);
}

/* What is certainly not sent. */

static void test_a_refused_connection_is_not_sent(void **state) {
    struct http_client *client = plain_client();
    int fd = -1;
    char url[CALL_URL_MAX];
    struct http_call call = post_call(url_of(raw_refusing_port(&fd), url), "x");
    assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_CONNECT);
    close(fd);
    http_client_free(client);
}

static void test_an_unresolvable_name_is_not_sent(void **state) {
    struct http_client *client = plain_client();
    struct http_call call = post_call("http://missing.test/", "x");
    assert_failed(client, &call, HTTP_NOT_SENT, HTTP_FAIL_RESOLVE);
    http_client_free(client);
}

static void test_a_slow_name_times_out_unsent_and_holds_up_nobody(void **state) {
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[CALL_URL_MAX];
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

static void test_a_passed_deadline_is_not_sent(void **state) {
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[CALL_URL_MAX];
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

static void test_a_request_that_cannot_be_written_is_refused(void **state) {
    static const struct raw_step script[] = {READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}};
    static const struct http_header bad[] = {{"X-A", "1\r\nX-B: 2"},
                                             {"X-A\r\nX-B", "1"},
                                             {"", "1"},
                                             {"X A", "1"},
                                             {"X:", "1"},
                                             {"Content-Length", "1"},
                                             {"transfer-encoding", "chunked"},
                                             {"Expect", "100-continue"}};
    static const char *const urls[] = {"ftp://127.0.0.1/",
                                       "file:///etc/hostname",
                                       "no url",
                                       "",
                                       "http://u:p@127.0.0.1/",
                                       "http://127.0.0.1/a\r\nX: y",
                                       "http://127.0.0.1/a b",
                                       "http://127.0.0.1:99999/"};
    static const char *const methods[] = {"", "GET /", "G\r\nX", "ABCDEFGHIJKLMNOPQ"};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(script);
    char url[CALL_URL_MAX];
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

static void test_tls_is_verified_before_a_byte_is_sent(void **state) {
    static const struct tls_row rows[] = {
        {"good", CERT_GOOD, true, true},
        {"untrusted", CERT_GOOD, false, false},
        {"expired", CERT_EXPIRED, true, false},
        {"another host's", CERT_OTHER_HOST, true, false},
        {"signed by itself", CERT_SELF_SIGNED, true, false},
    };
    static const struct raw_step script[] = {{RAW_TLS}, READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}};
    static const struct raw_step kept[] = {{RAW_TLS}, READ_HEAD,       SEND(OK_ANSWER),
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
        char url[CALL_URL_MAX];
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

/* A call that tells of its steps: to a TLS server with that certificate, twice on one client. */
static void trace_twice(enum cert_kind kind, int rc, struct http_trace *ret_trace) {
    static const struct raw_step script[] = {{RAW_TLS}, READ_HEAD, SEND(OK_ANSWER), {RAW_AGAIN}};
    struct certs certs;
    certs_make(&certs);
    struct http_client *client = new_client(
        &(struct http_client_options){.ca_path = certs.ca_path});
    struct raw_server *server = raw_server_start(
        &(struct raw_options){.scripts = {script},
                              .tls_cert_path = certs.cert_path[kind],
                              .tls_key_path = certs.key_path});
    char url[CALL_URL_MAX];
    snprintf(url, sizeof(url), "https://localhost:%d/", raw_server_port(server));
    for (int i = 0; i < 2; i++) {
        struct http_answer answer = {0};
        struct err err = {0};
        struct http_call call = get_call(url);
        call.trace = ret_trace;
        assert_int_equal(http_call(client, &call, &answer, &err), rc);
        http_answer_release(&answer);
    }
    if (rc == 0) {
        assert_int_equal(raw_server_accepted(server), 2);
    }
    raw_server_free(server);
    http_client_free(client);
    certs_remove(&certs);
}

static void test_a_traced_call_tells_of_each_step_on_a_connection_of_its_own(void **state) {
    struct http_trace trace;
    trace_twice(CERT_GOOD, 0, &trace);
    assert_true(trace.resolve_us >= 0 && trace.connect_us >= 0 && trace.tls_us >= 0);
    assert_true(trace.answer_us >= 0);
    assert_true(strcmp(trace.address, "127.0.0.1") == 0 || strcmp(trace.address, "::1") == 0);
    assert_true(trace.certificate_until_us > clock_wall_us());
    assert_int_not_equal(trace.certificate[0], '\0');
}

static void test_a_traced_call_shows_the_certificate_that_was_not_believed(void **state) {
    struct http_trace trace;
    trace_twice(CERT_EXPIRED, -ERR_UNREACHABLE, &trace);
    assert_true(trace.connect_us >= 0);
    assert_int_equal(trace.tls_us, -1);
    assert_int_equal(trace.answer_us, -1);
    assert_in_range(trace.certificate_until_us, 1, clock_wall_us());
}

static void test_a_traced_call_that_is_refused_says_how_far_it_came(void **state) {
    struct http_trace trace;
    struct http_answer answer = {0};
    struct err err = {0};
    int fd = -1;
    char url[CALL_URL_MAX];
    struct http_client *client = plain_client();
    struct http_call call = get_call(url_of(raw_refusing_port(&fd), url));
    call.trace = &trace;
    assert_int_equal(http_call(client, &call, &answer, &err), -ERR_UNREACHABLE);
    assert_int_equal(answer.failure, HTTP_FAIL_CONNECT);
    assert_int_equal(trace.connect_us, -1);
    assert_int_equal(trace.certificate_until_us, 0);
    assert_string_equal(trace.address, "");
    close(fd);
    http_client_free(client);
}

static void test_a_tls_connection_that_is_reset_is_judged_like_any_other(void **state) {
    static const struct raw_step script[] = {
        {RAW_TLS}, READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_RESET}};
    struct certs certs;
    certs_make(&certs);
    struct http_client_options trusting = {.ca_path = certs.ca_path};
    struct http_client *client = new_client(&trusting);
    struct raw_server *server = raw_server_start(
        &(struct raw_options){.scripts = {script},
                              .tls_cert_path = certs.cert_path[CERT_GOOD],
                              .tls_key_path = certs.key_path});
    char url[CALL_URL_MAX];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", raw_server_port(server));
    struct http_call call = post_call(url, "x");
    assert_answered(client, &call, 200);
    assert_failed(client, &call, HTTP_MAYBE_SENT, HTTP_FAIL_RESET);
    assert_int_equal(raw_server_accepted(server), 1);
    raw_server_free(server);
    http_client_free(client);
    certs_remove(&certs);
}

static void test_plain_text_where_tls_was_asked_for_is_not_sent(void **state) {
    static const struct raw_step silent[] = {{RAW_HOLD}};
    static const struct raw_step plain[] = {{RAW_READ, "\x16", 0}, SEND(OK_ANSWER), {RAW_CLOSE}};
    static const struct raw_step closes[] = {{RAW_READ, "\x16", 0}, {RAW_RESET}};
    struct http_client *client = plain_client();
    char url[CALL_URL_MAX];
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

static void test_a_ca_file_that_cannot_be_read_is_named(void **state) {
    struct http_client *client = NULL;
    struct err err = {0};
    struct http_client_options options = {.ca_path = "/nonexistent/ca.pem"};
    assert_int_equal(http_client_new(&options, &client, &err), -ERR_CRYPTO);
    assert_null(client);
    assert_non_null(strstr(err.detail, "/nonexistent/ca.pem"));
}

/* Second tries, and what is told. */

static void test_second_tries_do_not_run_out(void **state) {
    enum { TRIES = 12 };
    static const struct raw_step dies[] = {READ_HEAD, SEND(OK_ANSWER), READ_HEAD, {RAW_CLOSE}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(dies);
    char url[CALL_URL_MAX];
    struct http_call call = get_call(url_of(raw_server_port(server), url));
    for (int i = 0; i < TRIES; i++) {
        assert_answered(client, &call, 200);
    }
    assert_int_equal(raw_server_accepted(server), TRIES);
    raw_server_free(server);
    http_client_free(client);
}

static void test_a_second_try_on_another_kept_connection_is_stopped_too(void **state) {
    static const struct raw_step dies[] = {
        READ_HEAD, {RAW_GATE}, SEND(OK_ANSWER), READ_HEAD, {RAW_CLOSE}};
    struct http_client *client = plain_client();
    struct raw_server *server = serve_one(dies);
    char url[CALL_URL_MAX];
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

static void test_an_error_names_the_host_and_no_more_of_the_url(void **state) {
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

static void test_every_failure_has_a_name_of_its_own(void **state) {
    for (int a = HTTP_FAIL_NONE; a <= HTTP_FAIL_REQUEST; a++) {
        for (int b = HTTP_FAIL_NONE; b < a; b++) {
            assert_string_not_equal(http_failure_name((enum http_failure)a),
                                    http_failure_name((enum http_failure)b));
        }
    }
    assert_string_equal(http_failure_name(HTTP_FAIL_CONNECT), "connect");
    assert_string_equal(http_failure_name((enum http_failure)99), "unknown");
}

int main(void) {
    lock_init(&names_lock);
    cond_init(&names_moved);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reach_and_failure_follow_what_the_server_did),
        cmocka_unit_test(test_a_refused_connection_is_not_sent),
        cmocka_unit_test(test_an_unresolvable_name_is_not_sent),
        cmocka_unit_test(test_a_slow_name_times_out_unsent_and_holds_up_nobody),
        cmocka_unit_test(test_a_passed_deadline_is_not_sent),
        cmocka_unit_test(test_a_request_that_cannot_be_written_is_refused),
        cmocka_unit_test(test_tls_is_verified_before_a_byte_is_sent),
        cmocka_unit_test(test_a_traced_call_tells_of_each_step_on_a_connection_of_its_own),
        cmocka_unit_test(test_a_traced_call_shows_the_certificate_that_was_not_believed),
        cmocka_unit_test(test_a_traced_call_that_is_refused_says_how_far_it_came),
        cmocka_unit_test(test_a_tls_connection_that_is_reset_is_judged_like_any_other),
        cmocka_unit_test(test_plain_text_where_tls_was_asked_for_is_not_sent),
        cmocka_unit_test(test_a_ca_file_that_cannot_be_read_is_named),
        cmocka_unit_test(test_second_tries_do_not_run_out),
        cmocka_unit_test(test_a_second_try_on_another_kept_connection_is_stopped_too),
        cmocka_unit_test(test_an_error_names_the_host_and_no_more_of_the_url),
        cmocka_unit_test(test_every_failure_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
