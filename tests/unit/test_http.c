/* SPDX-License-Identifier: Apache-2.0
 * test_http.c: headers, query parameters and replies. */
#include "net/http.h"

#include "base/clock.h"
#include "net/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void the_first_header_of_a_name_is_found_in_any_case(void **state) {
    const struct http_header headers[] = {{"Host", "h"}, {"x-a", "1"}, {"X-A", "2"}};
    assert_string_equal(http_header_find(headers, 3, "X-a"), "1");
    assert_string_equal(http_header_find(headers, 3, "HOST"), "h");
    assert_null(http_header_find(headers, 3, "X"));
    assert_null(http_header_find(headers, 0, "Host"));
}

static void a_query_parameter_is_found_and_decoded(void **state) {
    static const struct {
        const char *query, *name;
        int found;
        const char *value;
    } rows[] = {
        {"", "a", 0, NULL},
        {"a=1", "a", 1, "1"},
        {"a=1&b=2", "b", 1, "2"},
        {"a=1&a=2", "a", 1, "1"},
        {"aa=1&a=2", "a", 1, "2"},
        {"a", "a", 1, ""},
        {"a=", "a", 1, ""},
        {"a&b", "b", 1, ""},
        {"&&a=1&", "a", 1, "1"},
        {"a=1=2", "a", 1, "1=2"},
        {"a=x+y%20z%2B", "a", 1, "x y z+"},
        {"expand%5B%5D=1", "expand[]", 1, "1"},
        {"a=%C3%A9", "a", 1, "\xc3\xa9"},
        {"%zz=1&a=2", "a", 1, "2"},
        {"b=%zz&a=2", "a", 1, "2"},
        {"a=1234567", "a", 1, "1234567"},
        {"a=%31234567", "a", 1, "1234567"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct http_request request = {.query = rows[i].query};
        char value[8] = "before";
        struct err err;
        assert_int_equal(http_query_get(&request, rows[i].name, value, sizeof(value), &err),
                         rows[i].found);
        assert_string_equal(value, rows[i].found == 1 ? rows[i].value : "before");
    }
}

static void a_bad_query_parameter_is_refused_and_leaves_the_value_alone(void **state) {
    static const char *const queries[] = {"a=%",    "a=%4",       "a=%4g",     "a=%00",
                                          "a=b%00", "a=12345678", "a=1234567%"};
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        const struct http_request request = {.query = queries[i]};
        char value[8] = "before";
        struct err err;
        assert_int_equal(http_query_get(&request, "a", value, sizeof(value), &err),
                         -ERR_BAD_REQUEST);
        assert_string_equal(value, "before");
        assert_string_equal(err.place, "a");
    }
}

static void a_header_cannot_break_its_line(void **state) {
    struct http_reply reply = {0};
    buf_init(&reply.headers, 1000);
    buf_init(&reply.body, 1000);
    http_reply_header(&reply, "A\r\nB", "c\r\nd\te\x7f\x01");
    assert_string_equal(reply.headers.data, "A--B: c  d\te  \r\n");
    buf_clear(&reply.headers);
    http_reply_header(&reply, "Content-Length", "5");
    http_reply_header(&reply, "transfer-encoding", "chunked");
    assert_string_equal(reply.headers.data, "");
    buf_release(&reply.headers);
    buf_release(&reply.body);
}

static void a_body_replaces_the_one_before(void **state) {
    struct http_reply reply = {0};
    buf_init(&reply.headers, 1000);
    buf_init(&reply.body, 1000);
    http_reply_body(&reply, "text/plain", "abc", 3);
    http_reply_body(&reply, NULL, "d\0e", 3);
    assert_int_equal(reply.body.len, 3);
    assert_memory_equal(reply.body.data, "d\0e", 3);
    assert_string_equal(reply.headers.data, "Content-Type: text/plain\r\n");
    buf_release(&reply.headers);
    buf_release(&reply.body);
}

static void the_date_of_a_reply_follows_the_clock(void **state) {
    static const struct {
        int64_t second;
        const char *text;
    } rows[] = {
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"}, /* RFC 9110 §5.6.7 */
        {784111778, "Sun, 06 Nov 1994 08:49:38 GMT"},
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {1709164799, "Wed, 28 Feb 2024 23:59:59 GMT"},
        {1709164800, "Thu, 29 Feb 2024 00:00:00 GMT"},
        {1735689599, "Tue, 31 Dec 2024 23:59:59 GMT"},
    };
    struct http_date date = {0};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *text = http_date(&date, rows[i].second * US_PER_SECOND + 999999);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_header_of_a_name_is_found_in_any_case),
        cmocka_unit_test(a_query_parameter_is_found_and_decoded),
        cmocka_unit_test(a_bad_query_parameter_is_refused_and_leaves_the_value_alone),
        cmocka_unit_test(a_header_cannot_break_its_line),
        cmocka_unit_test(a_body_replaces_the_one_before),
        cmocka_unit_test(the_date_of_a_reply_follows_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
