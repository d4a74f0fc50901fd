/* SPDX-License-Identifier: Apache-2.0
 * test_http_parse.c: the request parser against the tables of raw requests, whole, cut at every
 * place and byte by byte. */
#include "net/http_parse.h"

#include "../raw/raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct http_parse_limits limits = {
    .line_bytes_max = RAW_LINE_MAX,
    .header_bytes_max = RAW_HEADER_BYTES_MAX,
    .headers_max = RAW_HEADERS_MAX,
    .body_bytes_max = RAW_BODY_MAX,
};

/* One run over a byte string: what came of it. */
struct run {
    struct http_parse *parse;
    struct buf transcript;
    bool ended; /* refused, or the connection closes behind a request */
};

static void run_begin(struct run *run) {
    *run = (struct run){.parse = http_parse_new(&limits)};
    buf_init(&run->transcript, 65536);
}

static void run_end(struct run *run) {
    http_parse_free(run->parse);
    buf_release(&run->transcript);
}

static void run_note(struct run *run, const struct http_request *request) {
    buf_addf(&run->transcript, "%s%s %s%s%s ", run->transcript.len > 0 ? "|" : "", request->method,
             request->path, request->query[0] != '\0' ? "?" : "", request->query);
    buf_add(&run->transcript, request->body, request->body_bytes);
}

static void run_feed(struct run *run, const char *bytes, size_t count) {
    while (count > 0 && !run->ended) {
        /* A copy of its own for each piece, so that reading past its end is seen by ASan. */
        char *piece = malloc(count);
        size_t used = 0;
        assert_non_null(piece);
        memcpy(piece, bytes, count);
        enum http_step step = http_parse_feed(run->parse, piece, count, &used);
        free(piece);
        assert_true(used <= count);
        assert_true(used > 0 || step == HTTP_STEP_REFUSED);
        bytes += used;
        count -= used;
        if (step == HTTP_STEP_REFUSED) {
            buf_addf(&run->transcript, "%s%d=", run->transcript.len > 0 ? "|" : "",
                     http_refusal_status(http_parse_refusal(run->parse)));
            run->ended = true;
        } else if (step == HTTP_STEP_DONE) {
            run_note(run, http_parse_request(run->parse));
            run->ended = !http_parse_keep_alive(run->parse);
            buf_add_text(&run->transcript, run->ended ? "=" : "");
            if (!run->ended) {
                http_parse_reset(run->parse);
            }
        }
    }
}

/* Cut at `cut`, which may be any number of bytes. */
static void run_cut(struct run *run, const char *bytes, size_t count, size_t cut) {
    run_begin(run);
    run_feed(run, bytes, cut);
    run_feed(run, bytes + cut, count - cut);
}

static void run_dribbled(struct run *run, const char *bytes, size_t count) {
    run_begin(run);
    for (size_t i = 0; i < count; i++) {
        run_feed(run, bytes + i, 1);
    }
}

static void hostile_check(const struct raw_hostile *row, struct run *run) {
    char wanted[16] = "";
    if (row->status != 0) {
        (void)snprintf(wanted, sizeof(wanted), "%d=", row->status);
    }
    if (strcmp(run->transcript.data, wanted) != 0 ||
        http_parse_refusal(run->parse) != row->refusal) {
        fail_msg("\"%s\": got \"%s\" (%s), wanted \"%s\" (%s)", row->title, run->transcript.data,
                 http_refusal_sentence(http_parse_refusal(run->parse)), wanted,
                 http_refusal_sentence(row->refusal));
    }
    run_end(run);
}

static void benign_check(const struct raw_benign *row, struct run *run) {
    if (run->transcript.len != strlen(row->transcript) ||
        memcmp(run->transcript.data, row->transcript, run->transcript.len) != 0) {
        fail_msg("\"%s\": got \"%s\", wanted \"%s\" (%s)", row->title, run->transcript.data,
                 row->transcript, http_refusal_sentence(http_parse_refusal(run->parse)));
    }
    run_end(run);
}

static void every_hostile_request_is_refused_however_it_is_cut(void **state) {
    for (size_t i = 0; i < COUNT_OF(raw_hostile); i++) {
        const struct raw_hostile *row = &raw_hostile[i];
        struct run run;
        for (size_t cut = 0; cut <= row->count; cut++) {
            run_cut(&run, row->bytes, row->count, cut);
            hostile_check(row, &run);
        }
        run_dribbled(&run, row->bytes, row->count);
        hostile_check(row, &run);
    }
}

static void every_benign_request_is_taken_however_it_is_cut(void **state) {
    for (size_t i = 0; i < COUNT_OF(raw_benign); i++) {
        const struct raw_benign *row = &raw_benign[i];
        struct run run;
        for (size_t cut = 0; cut <= row->count; cut++) {
            run_cut(&run, row->bytes, row->count, cut);
            benign_check(row, &run);
        }
        run_dribbled(&run, row->bytes, row->count);
        benign_check(row, &run);
    }
}

static void every_refusal_has_a_hostile_request(void **state) {
    for (int refusal = 1; refusal < HTTP_REFUSAL_COUNT; refusal++) {
        int rows = 0;
        for (size_t i = 0; i < COUNT_OF(raw_hostile); i++) {
            rows += raw_hostile[i].refusal == (enum http_refusal)refusal ? 1 : 0;
        }
        if (rows == 0) {
            fail_msg("no row for \"%s\"", http_refusal_sentence((enum http_refusal)refusal));
        }
    }
}

static void headers_come_without_the_blanks_around_them(void **state) {
    static const char text[] = "GET /a HTTP/1.1\r\nHost:h\r\nA: \t b c\t \r\nB:\r\nC:  \r\n\r\n";
    size_t used = 0;
    struct http_parse *parse = http_parse_new(&limits);
    assert_int_equal(http_parse_feed(parse, text, sizeof(text) - 1, &used), HTTP_STEP_DONE);
    assert_int_equal(used, sizeof(text) - 1);
    const struct http_request *request = http_parse_request(parse);
    assert_int_equal(request->header_count, 4);
    assert_string_equal(request->headers[0].name, "Host");
    assert_string_equal(request->headers[0].value, "h");
    assert_string_equal(request->headers[1].name, "A");
    assert_string_equal(request->headers[1].value, "b c");
    assert_string_equal(request->headers[2].value, "");
    assert_string_equal(request->headers[3].value, "");
    assert_int_equal(request->body_bytes, 0);
    assert_string_equal(request->body, "");
    http_parse_free(parse);
}

static void the_head_is_told_before_its_body_and_an_expectation_with_it(void **state) {
    static const char text[] = "POST / HTTP/1.1\r\n" H
                               "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\nab";
    size_t used = 0;
    struct http_parse *parse = http_parse_new(&limits);
    assert_int_equal(http_parse_feed(parse, text, sizeof(text) - 1, &used), HTTP_STEP_HEAD);
    assert_int_equal(used, sizeof(text) - 3);
    assert_true(http_parse_expects_continue(parse));
    assert_int_equal(http_parse_feed(parse, text + used, 2, &used), HTTP_STEP_DONE);
    assert_string_equal(http_parse_request(parse)->body, "ab");
    http_parse_reset(parse);
    assert_false(http_parse_expects_continue(parse));
    http_parse_free(parse);
}

static void a_tls_listener_takes_https_targets_only(void **state) {
    static const char *const targets[] = {"https://h/a", "http://h/a"};
    struct http_parse_limits tls = limits;
    tls.tls = true;
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        char text[64];
        size_t used = 0;
        struct http_parse *parse = http_parse_new(&tls);
        int bytes = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" H "\r\n", targets[i]);
        enum http_step step = http_parse_feed(parse, text, (size_t)bytes, &used);
        assert_int_equal(step, i == 0 ? HTTP_STEP_DONE : HTTP_STEP_REFUSED);
        http_parse_free(parse);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_hostile_request_is_refused_however_it_is_cut),
        cmocka_unit_test(every_benign_request_is_taken_however_it_is_cut),
        cmocka_unit_test(every_refusal_has_a_hostile_request),
        cmocka_unit_test(headers_come_without_the_blanks_around_them),
        cmocka_unit_test(the_head_is_told_before_its_body_and_an_expectation_with_it),
        cmocka_unit_test(a_tls_listener_takes_https_targets_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
