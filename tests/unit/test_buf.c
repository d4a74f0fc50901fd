/* SPDX-License-Identifier: Apache-2.0
 * test_buf.c: a buffer grows to its maximum, and no further. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "base/buf.h"

static void a_new_buffer_is_an_empty_text(void **state) {
    BUF_AUTO buf;

    buf_init(&buf, 10);
    assert_non_null(buf.data);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf.data, "");
    assert_true(buf_ok(&buf));
}

static void every_way_of_adding_adds_and_ends_with_a_nul(void **state) {
    BUF_AUTO buf;

    buf_init(&buf, 1000);
    buf_add(&buf, "a\0b", 3);
    buf_add(&buf, NULL, 0);
    buf_add_text(&buf, "text");
    buf_add_char(&buf, '=');
    buf_add_int(&buf, INT64_MIN);
    buf_addf(&buf, ";%s:%d", "x", 7);
    assert_int_equal(buf.len, strlen("a.btext=-9223372036854775808;x:7"));
    assert_memory_equal(buf.data, "a\0btext=-9223372036854775808;x:7", buf.len + 1);
}

static void exactly_the_maximum_fits_and_one_more_does_not(void **state) {
    for (size_t max = 0; max < 600; max += 7) {
        BUF_AUTO buf;

        buf_init(&buf, max);
        for (size_t i = 0; i < max; i++) {
            buf_add_char(&buf, 'x');
        }
        assert_true(buf_ok(&buf));
        assert_int_equal(buf.len, max);
        buf_add_char(&buf, 'x');
        assert_false(buf_ok(&buf));
        assert_int_equal(buf.len, max);
        assert_int_equal(buf.data[max], '\0');
    }
}

static void after_an_overflow_nothing_is_taken_until_it_is_cleared(void **state) {
    BUF_AUTO buf;

    buf_init(&buf, 4);
    buf_add_text(&buf, "ab");
    buf_add_text(&buf, "cde");
    buf_add_char(&buf, 'c');
    buf_addf(&buf, "%d", 1);
    assert_false(buf_ok(&buf));
    assert_string_equal(buf.data, "ab");
    buf_clear(&buf);
    assert_true(buf_ok(&buf));
    assert_string_equal(buf.data, "");
    buf_addf(&buf, "%d", 1234);
    assert_true(buf_ok(&buf));
    assert_string_equal(buf.data, "1234");
    buf_addf(&buf, "%d", 5);
    assert_false(buf_ok(&buf));
}

static void a_length_near_the_end_of_size_t_is_an_overflow_not_a_crash(void **state) {
    BUF_AUTO buf;

    buf_init(&buf, 100);
    buf_add_text(&buf, "abc");
    buf_add(&buf, "x", SIZE_MAX - 1);
    assert_false(buf_ok(&buf));
    assert_string_equal(buf.data, "abc");
}

static void url_coding_leaves_only_the_unreserved_bytes(void **state) {
    for (int c = 1; c < 256; c++) {
        BUF_AUTO buf;
        const char text[2] = {(char)c, '\0'};
        char expected[4] = {(char)c, '\0'};

        buf_init(&buf, 10);
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", c) ==
            NULL) {
            (void)snprintf(expected, sizeof(expected), "%%%02X", (unsigned)c & 255U);
        }
        buf_add_urlencoded(&buf, text);
        assert_string_equal(buf.data, expected);
    }
}

static const struct {
    const char *text;
    const char *json;
} json_cases[] = {
    {"", "\"\""},
    {"plain", "\"plain\""},
    {"say \"a\\b\"", "\"say \\\"a\\\\b\\\"\""},
    {"\n\r\t\x01\x1f\x7f", "\"\\n\\r\\t\\u0001\\u001f\x7f\""},
    {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x92\xB3", "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x92\xB3\""},
    {"a\x80z", "\"a\xEF\xBF\xBDz\""},             /* a follower alone */
    {"\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* overlong */
    {"\xE0\x80\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* a surrogate */
    {"\xF4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {"\xE2\x82", "\"\xEF\xBF\xBD\""}, /* cut off */
    {"\xF0\x9F\x92"
     "z",
     "\"\xEF\xBF\xBDz\""},
    {"\xFF"
     "ok",
     "\"\xEF\xBF\xBDok\""},
};

static void json_strings_are_escaped_and_always_valid_utf8(void **state) {
    for (size_t i = 0; i < COUNT_OF(json_cases); i++) {
        BUF_AUTO buf;

        buf_init(&buf, 1000);
        buf_add_json(&buf, json_cases[i].text);
        assert_string_equal(buf.data, json_cases[i].json);
    }
}

/* The oracle is jansson: it refuses invalid UTF-8 and unescaped control characters. */
static void any_two_bytes_after_a_lead_make_json_that_a_strict_reader_takes(void **state) {
    for (int lead = 1; lead < 256; lead++) {
        for (int follow = 1; follow < 256; follow++) {
            const char text[] = {(char)lead, (char)follow, 'x', '\0'};
            json_t *json;
            BUF_AUTO buf;

            buf_init(&buf, 1000);
            buf_add_json(&buf, text);
            json = json_loadb(buf.data, buf.len, JSON_DECODE_ANY, NULL);
            assert_non_null(json);
            assert_int_equal(json_string_value(json)[json_string_length(json) - 1], 'x');
            json_decref(json);
        }
    }
}

static void taking_gives_the_memory_away_and_leaves_an_empty_buffer(void **state) {
    BUF_AUTO buf;
    char *taken;

    buf_init(&buf, 100);
    buf_add_text(&buf, "mine");
    taken = buf_take(&buf);
    assert_string_equal(taken, "mine");
    free(taken);
    assert_string_equal(buf.data, "");
    buf_add_text(&buf, "again");
    assert_string_equal(buf.data, "again");
}

static void a_buffer_may_be_released_twice_and_used_again(void **state) {
    struct buf buf;

    buf_init(&buf, 100);
    buf_release(&buf);
    buf_release(&buf);
    buf_init(&buf, 5);
    buf_add_text(&buf, "12345");
    assert_true(buf_ok(&buf));
    buf_release(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_is_an_empty_text),
        cmocka_unit_test(every_way_of_adding_adds_and_ends_with_a_nul),
        cmocka_unit_test(exactly_the_maximum_fits_and_one_more_does_not),
        cmocka_unit_test(after_an_overflow_nothing_is_taken_until_it_is_cleared),
        cmocka_unit_test(a_length_near_the_end_of_size_t_is_an_overflow_not_a_crash),
        cmocka_unit_test(url_coding_leaves_only_the_unreserved_bytes),
        cmocka_unit_test(json_strings_are_escaped_and_always_valid_utf8),
        cmocka_unit_test(any_two_bytes_after_a_lead_make_json_that_a_strict_reader_takes),
        cmocka_unit_test(taking_gives_the_memory_away_and_leaves_an_empty_buffer),
        cmocka_unit_test(a_buffer_may_be_released_twice_and_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
