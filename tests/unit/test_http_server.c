/* SPDX-License-Identifier: Apache-2.0
 * test_http_server.c: the tables of raw requests against the running HTTP server, and what its
 * answers look like. Its times, its limits and its end: test_http_server_life.c; TLS:
 * test_http_server_tls.c. */
#include "http_fixture.h"

#include "../raw/raw.h"

static const struct http_listener_options raw_options = {
    .limits =
        {
            .line_bytes_max = RAW_LINE_MAX,
            .header_bytes_max = RAW_HEADER_BYTES_MAX,
            .headers_max = RAW_HEADERS_MAX,
            .body_bytes_max = RAW_BODY_MAX,
        },
};

static void put_dribbled(int fd, const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        put(fd, bytes + i, 1);
    }
}

static void hostile_run(struct front *front, const struct raw_hostile *row, bool dribbled) {
    struct answer answer;
    int calls = atomic_load(&front->calls);
    int fd = dial(front);
    (dribbled ? put_dribbled : put)(fd, row->bytes, row->count);
    if (row->status == 0) {
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
    }
    get_answer(fd, false, &answer);
    if (answer.status != row->status) {
        fail_msg("\"%s\": status %d, wanted %d", row->title, answer.status, row->status);
    }
    if (row->status != 0 && strstr(answer.body, http_refusal_sentence(row->refusal)) == NULL) {
        fail_msg("\"%s\": wrong reason in %s", row->title, answer.body);
    }
    if (row->status != 0 && strstr(answer.text, "\r\nConnection: close\r\n") == NULL) {
        fail_msg("\"%s\": the answer does not say that the connection closes", row->title);
    }
    expect_clean_end(fd);
    close(fd);
    if (atomic_load(&front->calls) != calls) {
        fail_msg("\"%s\" has reached the handler", row->title);
    }
}

static void hostile_requests_are_refused_and_never_reach_the_handler(void **state) {
    struct front front;
    front_start(&front, &raw_options);
    int refused = 0;
    for (size_t i = 0; i < COUNT_OF(raw_hostile); i++) {
        hostile_run(&front, &raw_hostile[i], false);
        hostile_run(&front, &raw_hostile[i], true);
        refused += raw_hostile[i].status != 0 ? 2 : 0;
    }
    assert_int_equal(front_stats(&front).refused, refused);
    assert_int_equal(front_stats(&front).requests, 0);
    front_stop(&front);
}

/* Reads as many answers as the transcript has and writes down what they were. */
static void transcript_read(int fd, const char *wanted, struct buf *transcript) {
    struct answer answer;
    buf_clear(transcript);
    for (const char *bar = wanted; bar != NULL; bar = strchr(bar + 1, '|')) {
        buf_add_text(transcript, transcript->len > 0 ? "|" : "");
        do {
            get_answer(fd, false, &answer);
        } while (answer.status == 100);
        if (answer.status == 200) {
            buf_add(transcript, answer.body, answer.body_bytes);
        } else {
            buf_add_int(transcript, answer.status);
        }
    }
}

/* Sends the row's bytes in two pieces and compares; the connection is used again unless it ends. */
static void benign_run(struct front *front, const struct raw_benign *row, int *fd, size_t cut,
                       bool dribbled) {
    size_t wanted_bytes = strlen(row->transcript);
    bool ends = row->transcript[wanted_bytes - 1] == '=';
    struct buf transcript;
    buf_init(&transcript, FIXTURE_REPLY_MAX);
    *fd = *fd >= 0 ? *fd : dial(front);
    (dribbled ? put_dribbled : put)(*fd, row->bytes, cut);
    (dribbled ? put_dribbled : put)(*fd, row->bytes + cut, row->count - cut);
    transcript_read(*fd, row->transcript, &transcript);
    if (ends) {
        expect_end(*fd);
        buf_add_char(&transcript, '=');
        close(*fd);
        *fd = -1;
    }
    if (transcript.len != wanted_bytes ||
        memcmp(transcript.data, row->transcript, wanted_bytes) != 0) {
        fail_msg("\"%s\" cut at %zu: got \"%s\", wanted \"%s\"", row->title, cut, transcript.data,
                 row->transcript);
    }
    buf_release(&transcript);
}

static void benign_requests_are_answered_however_they_arrive(void **state) {
    struct front front;
    front_start(&front, &raw_options);
    for (size_t i = 0; i < COUNT_OF(raw_benign); i++) {
        const struct raw_benign *row = &raw_benign[i];
        int fd = -1;
        for (size_t cut = 0; cut <= row->count; cut++) {
            benign_run(&front, row, &fd, cut, false);
        }
        benign_run(&front, row, &fd, row->count, true);
        if (fd >= 0) {
            put_get(fd, "/still-there");
            expect_body(fd, 200, "GET /still-there ");
            close(fd);
        }
    }
    front_stop(&front);
}

static void a_client_that_waits_for_100_continue_is_told_to_go_on(void **state) {
    struct front front;
    struct answer answer;
    front_start(&front, &raw_options);
    int fd = dial(&front);
    put_text(fd, "POST /a HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    get_answer(fd, true, &answer);
    assert_string_equal(answer.text, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(atomic_load(&front.calls), 0);
    put_text(fd, "hello");
    expect_body(fd, 200, "POST /a hello");
    close(fd);
    front_stop(&front);
}

static void a_peer_that_shuts_its_side_still_gets_every_answer(void **state) {
    struct front front;
    front_start(&front, &raw_options);
    int fd = dial(&front);
    put_get(fd, "/a");
    put_get(fd, "/b");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    expect_body(fd, 200, "GET /a ");
    expect_body(fd, 200, "GET /b ");
    expect_end(fd);
    close(fd);
    front_stop(&front);
}

static void the_answer_to_head_has_the_length_but_no_body(void **state) {
    struct front front;
    struct answer answer;
    char length[16];
    front_start(&front, &raw_options);
    int fd = dial(&front);
    put_text(fd, "HEAD /abc HTTP/1.1\r\nHost: h\r\n\r\n");
    put_get(fd, "/next");
    get_answer(fd, true, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(answer_header(&answer, "Content-Length", length, sizeof(length)));
    assert_string_equal(length, "10");
    expect_body(fd, 200, "GET /next ");
    put_text(fd, "HEAD /%zz HTTP/1.1\r\nHost: h\r\n\r\n");
    get_answer(fd, true, &answer);
    assert_int_equal(answer.status, 400);
    expect_end(fd);
    close(fd);
    front_stop(&front);
}

static void a_status_without_a_body_has_no_length(void **state) {
    struct front front;
    struct answer answer;
    char length[16];
    front_start(&front, &raw_options);
    int fd = dial(&front);
    put_get(fd, "/empty");
    put_get(fd, "/next");
    get_answer(fd, false, &answer);
    assert_int_equal(answer.status, 204);
    assert_false(answer_header(&answer, "Content-Length", length, sizeof(length)));
    expect_body(fd, 200, "GET /next ");
    close(fd);
    front_stop(&front);
}

static void a_handler_that_sets_no_status_gives_500(void **state) {
    struct front front;
    struct answer answer;
    front_start(&front, &raw_options);
    int fd = dial(&front);
    put_get(fd, "/bug");
    get_answer(fd, false, &answer);
    assert_int_equal(answer.status, 500);
    assert_non_null(strstr(answer.body, "\"status\":500"));
    close(fd);
    front_stop(&front);
}

static void every_answer_carries_the_fixed_headers(void **state) {
    static const struct {
        const char *name, *value;
    } fixed[] = {
        {"Cache-Control", "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    };
    static const char *const requests[] = {"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "BAD\r\n\r\n"};
    struct front front;
    struct answer answer;
    char value[128];
    front_start(&front, &raw_options);
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        int fd = dial(&front);
        put_text(fd, requests[i]);
        get_answer(fd, false, &answer);
        for (size_t j = 0; j < COUNT_OF(fixed); j++) {
            assert_true(answer_header(&answer, fixed[j].name, value, sizeof(value)));
            assert_string_equal(value, fixed[j].value);
        }
        assert_true(answer_header(&answer, "Request-Id", value, sizeof(value)));
        assert_memory_equal(value, "req_", 4);
        assert_int_equal(strlen(value), 30);
        assert_true(answer_header(&answer, "Date", value, sizeof(value)));
        assert_int_equal(strlen(value), strlen("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_false(answer_header(&answer, "Strict-Transport-Security", value, sizeof(value)));
        close(fd);
    }
    front_stop(&front);
}

static void a_handlers_own_header_replaces_ours_and_cannot_split_the_answer(void **state) {
    struct front front;
    struct answer answer;
    char value[128];
    front_start(&front, &raw_options);
    int fd = dial(&front);
    put_get(fd, "/own");
    get_answer(fd, false, &answer);
    assert_true(answer_header(&answer, "Request-Id", value, sizeof(value)));
    assert_string_equal(value, "theirs");
    assert_null(strstr(answer.text, "Request-Id: req_"));
    assert_true(answer_header(&answer, "Cache-Control", value, sizeof(value)));
    assert_string_equal(value, "max-age=5");
    assert_true(answer_header(&answer, "X-Split", value, sizeof(value)));
    assert_string_equal(value, "a  X-Forged: 1");
    assert_true(answer_header(&answer, "Content-Length", value, sizeof(value)));
    assert_string_equal(value, "9");
    put_get(fd, "/close");
    get_answer(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    expect_end(fd);
    close(fd);
    front_stop(&front);
}

static void a_short_and_harmless_request_id_of_the_client_is_kept(void **state) {
#define ID64 "0123456789012345678901234567890123456789012345678901234567890123"
    static const struct {
        const char *sent;
        bool kept;
    } rows[] = {{"abc-1_2.Z", true}, {ID64, true},    {ID64 "4", false},  {"", false},
                {"a b", false},      {"a\"b", false}, {"\xc3\xa9", false}};
    struct front front;
    struct answer answer;
    char text[256];
    char value[128];
    front_start(&front, &raw_options);
    int fd = dial(&front);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\nRequest-Id: %s\r\n\r\n",
                       rows[i].sent);
        put_text(fd, text);
        get_answer(fd, false, &answer);
        assert_true(answer_header(&answer, "Request-Id", value, sizeof(value)));
        assert_int_equal(strcmp(value, rows[i].sent) == 0, rows[i].kept);
    }
    close(fd);
    front_stop(&front);
}

static void http_1_0_is_told_that_the_connection_stays(void **state) {
    struct front front;
    struct answer answer;
    char value[32];
    front_start(&front, &raw_options);
    int fd = dial(&front);
    put_text(fd, "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
    get_answer(fd, false, &answer);
    assert_true(answer_header(&answer, "Connection", value, sizeof(value)));
    assert_string_equal(value, "keep-alive");
    close(fd);
    front_stop(&front);
}

static void wrong_options_are_refused_with_a_reason(void **state) {
    static const struct http_listener_options rows[] = {
        {.address = "nowhere"},
        {.address = "127.0.0.1"},
        {.address = "127.0.0.1:99999"},
        {.address = "127.0.0.1:0", .tls_cert_path = "cert.pem"},
        {.address = "127.0.0.1:0", .tls_cert_path = "no-cert.pem", .tls_key_path = "no-key.pem"},
        {.address = "127.0.0.1:0", .limits.headers_max = 65},
        {.address = "127.0.0.1:0", .limits.header_bytes_max = 1 << 20},
        {.address = "127.0.0.1:0", .limits.idle_us = -1},
        {.address = "127.0.0.1:0", .workers_max = -1},
    };
    struct http_server *server = NULL;
    assert_int_equal(http_server_new(1, &server, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct http_listener_options options = rows[i];
        struct http_listener *listener = NULL;
        struct err err = {0};
        options.handler = front_handle;
        assert_true(http_server_listen(server, &options, &listener, &err) < 0);
        assert_true(err.code == ERR_CONFIG || err.code == ERR_CRYPTO);
        assert_non_null(strstr(err.detail, "listening on"));
        assert_null(listener);
    }
    http_server_free(server);
    assert_true(http_server_new(-1, &server, NULL) < 0);
}

static void a_port_in_use_is_said(void **state) {
    struct front front;
    struct err err;
    struct http_listener *listener = NULL;
    char address[32];
    front_start(&front, &raw_options);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", front.port);
    const struct http_listener_options options = {.address = address, .handler = front_handle};
    assert_int_equal(http_server_listen(front.server, &options, &listener, &err), -ERR_IO);
    front_stop(&front);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_requests_are_refused_and_never_reach_the_handler),
        cmocka_unit_test(benign_requests_are_answered_however_they_arrive),
        cmocka_unit_test(a_client_that_waits_for_100_continue_is_told_to_go_on),
        cmocka_unit_test(a_peer_that_shuts_its_side_still_gets_every_answer),
        cmocka_unit_test(the_answer_to_head_has_the_length_but_no_body),
        cmocka_unit_test(a_status_without_a_body_has_no_length),
        cmocka_unit_test(a_handler_that_sets_no_status_gives_500),
        cmocka_unit_test(every_answer_carries_the_fixed_headers),
        cmocka_unit_test(a_handlers_own_header_replaces_ours_and_cannot_split_the_answer),
        cmocka_unit_test(a_short_and_harmless_request_id_of_the_client_is_kept),
        cmocka_unit_test(http_1_0_is_told_that_the_connection_stays),
        cmocka_unit_test(wrong_options_are_refused_with_a_reason),
        cmocka_unit_test(a_port_in_use_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
