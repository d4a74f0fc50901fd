/* SPDX-License-Identifier: Apache-2.0
 * test_json.c: what is not strictly JSON is refused with its place, and each getter says what is
 * wrong with its field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

static int read_text(const char *text, json_t **ret_json, struct err *err) {
    return json_read(text, strlen(text), JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX, ret_json, err);
}

static json_t *must_read(const char *text) {
    json_t *json = NULL;
    struct err err = {0};
    int result = read_text(text, &json, &err);
    if (result != 0) {
        print_error("%s: %s at %s\n", text, err.detail, err.place);
    }
    assert_int_equal(result, 0);
    assert_non_null(json);
    return json;
}

struct refused {
    const char *text;
    size_t count; /* 0: up to the NUL */
    const char *detail;
    const char *place;
};

static void what_is_not_strict_json_is_refused_with_its_place(void **state) {
    static const struct refused rows[] = {
        {"", 0, "the text is empty", "line 1, column 1"},
        {"   ", 0, "ends too early", "line 1, column"},
        {"{", 0, "ends too early", "line 1, column 1"},
        {"{\"a\":1", 0, "ends too early", "line 1, column 6"},
        {"{\"a\":1}x", 0, "more bytes after", "line 1, column 8"},
        {"{\"a\":1}{}", 0, "more bytes after", "line 1, column 8"},
        {"1 2", 0, "more bytes after", "line 1, column 3"},
        {"{\"a\":1,\"a\":2}", 0, "same key twice", "line 1, column"},
        {"{\"b\":{\"a\":1,\"\\u0061\":2}}", 0, "same key twice", "line 1, column"},
        {"{\n \"a\": nul\n}", 0, "not JSON", "line 2, column"},
        {"{\"a\":1,}", 0, "not JSON", "line 1, column 8"},
        {"[1,]", 0, "not JSON", "line 1, column 4"},
        {"{'a':1}", 0, "not JSON", "line 1, column 2"},
        {"[01]", 0, "not JSON", "line 1, column"},
        {"[.5]", 0, "not JSON", "line 1, column 2"},
        {"[1.]", 0, "not JSON", "line 1, column"},
        {"[+1]", 0, "not JSON", "line 1, column 2"},
        {"[0x10]", 0, "not JSON", "line 1, column"},
        {"[NaN]", 0, "not JSON", "line 1, column"},
        {"[Infinity]", 0, "not JSON", "line 1, column"},
        {"[1] // no", 0, "more bytes after", "line 1, column 5"},
        {"\"a\nb\"", 0, "not JSON", "line"},
        {"\"\\x41\"", 0, "not JSON", "line 1"},
        {"\"\\ud800\"", 0, "not JSON", "line 1"},
        {"\"\\udc00\\ud800\"", 0, "not JSON", "line 1"},
        {"\"\\u0000\"", 0, "NUL character", "line 1"},
        {"{\"a\\u0000b\":1}", 0, "NUL character", "line 1"},
        {"12\0", 3, "NUL byte", "line 1, column 3"},
        {"\"a\0b\"", 5, "NUL byte", "line 1, column 3"},
        {"{}\0", 3, "NUL byte", "line 1, column 3"},
        {"\"\xff\"", 0, "UTF-8", "line 1"},
        {"\"\xc0\x80\"", 0, "UTF-8", "line 1"},
        {"\"\xed\xa0\x80\"", 0, "UTF-8", "line 1"},
        {"\"\xf4\x90\x80\x80\"", 0, "UTF-8", "line 1"},
        {"\"\xe2\x82\"", 0, "UTF-8", "line 1"},
        {"{\"\xff\":1}", 0, "UTF-8", "line 1"},
        {"\xef\xbb\xbf{}", 0, "not JSON", "line 1, column"},
        {"9223372036854775808", 0, "too large", "line 1, column"},
        {"-9223372036854775809", 0, "too large", "line 1, column"},
        {"[1,\n2,\n 99999999999999999999]", 0, "too large", "line 3, column"},
        {"1e999", 0, "too large", "line 1, column"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *const mark = (json_t *)(uintptr_t)1;
        json_t *json = mark;
        struct err err = {0};
        size_t count = rows[i].count > 0 ? rows[i].count : strlen(rows[i].text);
        int result = json_read(rows[i].text, count, 1000, JSON_DEPTH_MAX, &json, &err);
        if (result != -ERR_BAD_JSON || strstr(err.detail, rows[i].detail) == NULL ||
            strncmp(err.place, rows[i].place, strlen(rows[i].place)) != 0) {
            fail_msg("row %zu: %d, %s, %s", i, result, err.detail, err.place);
        }
        assert_int_equal(err.code, ERR_BAD_JSON);
        assert_ptr_equal(json, mark);
        /* The code comes back also when nobody wants to know more. */
        assert_int_equal(json_read(rows[i].text, count, 1000, JSON_DEPTH_MAX, &json, NULL),
                         -ERR_BAD_JSON);
    }
}

static void no_text_at_all_is_refused(void **state) {
    json_t *json = NULL;
    struct err err = {0};
    assert_int_equal(json_read(NULL, 0, 10, 1, &json, &err), -ERR_BAD_JSON);
    assert_null(json);
}

static void bytes_that_were_refused_are_not_repeated(void **state) {
    json_t *json = NULL;
    struct err err = {0};
    assert_int_equal(read_text("{\"card\": 4242424242424242 \"x\"}", &json, &err), -ERR_BAD_JSON);
    assert_null(strstr(err.detail, "4242"));
    assert_null(strstr(err.place, "4242"));
    assert_string_equal(err.place, "line 1, column 29");
}

static void any_value_may_stand_at_the_top(void **state) {
    static const char *const texts[] = {"null", "true", "false", "0",   "-0",         "1.5",
                                        "\"\"", "[]",   "{}",    " 1 ", "\n\t[ ]\r\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        JSON_AUTO json = must_read(texts[i]);
        assert_false(json_is_object(json) && json_object_size(json) > 0);
    }
}

static void more_bytes_than_the_limit_are_refused_as_too_large(void **state) {
    json_t *json = NULL;
    struct err err = {0};
    assert_int_equal(json_read("[1,2]", 5, 4, 16, &json, &err), -ERR_TOO_LARGE);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_non_null(strstr(err.detail, "5 bytes"));
    assert_null(json);
    assert_int_equal(json_read("[1,2]", 5, 5, 16, &json, &err), 0);
    json_decref(json);
}

static void levels_are_counted_outside_strings_only(void **state) {
    json_t *json = NULL;
    struct err err = {0};
    assert_int_equal(json_read("[[1]]", 5, 99, 2, &json, &err), 0);
    json_decref(json);
    json = NULL;
    assert_int_equal(json_read("[\n[[1]]]", 8, 99, 2, &json, &err), -ERR_BAD_JSON);
    assert_string_equal(err.place, "line 2, column 2");
    assert_non_null(strstr(err.detail, "deep"));
    assert_null(json);
    const char *texts[] = {"[\"[[[[{{{{\"]", "[\"\\\"[[[[\"]", "[[],[],[],[],{}]",
                           "[\"\\\\\",[1]]"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(json_read(texts[i], strlen(texts[i]), 99, 2, &json, &err), 0);
        json_decref(json);
    }
    assert_int_equal(json_read("[\"\\\\\",[[1]]]", 13, 99, 2, &json, &err), -ERR_BAD_JSON);
    /* Sixteen levels are taken, seventeen are not, and a hundred thousand do no harm. */
    static char deep[100000];
    memset(deep, '[', sizeof(deep));
    assert_int_equal(json_read(deep, sizeof(deep), sizeof(deep), JSON_DEPTH_MAX, &json, &err),
                     -ERR_BAD_JSON);
    assert_string_equal(err.place, "line 1, column 17");
    memset(deep + 16, ']', 16);
    assert_int_equal(json_read(deep, 32, 99, JSON_DEPTH_MAX, &json, &err), 0);
    json_decref(json);
}

static void int64_is_kept_exactly(void **state) {
    JSON_AUTO json = must_read("{\"a\":9223372036854775807,\"b\":-9223372036854775808}");
    struct err err = {0};
    int64_t value = 0;
    assert_int_equal(json_need_int(json, "", "a", INT64_MIN, INT64_MAX, &value, &err), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(json_need_int(json, "", "b", INT64_MIN, INT64_MAX, &value, &err), 0);
    assert_true(value == INT64_MIN);
}

static void a_number_with_fraction_or_exponent_is_no_integer(void **state) {
    JSON_AUTO json = must_read("{\"a\":1.0,\"b\":1e2,\"c\":100E-2,\"d\":\"1\",\"e\":true}");
    const char *keys[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct err err = {0};
        int64_t value = 77;
        assert_int_equal(json_need_int(json, "/x", keys[i], 0, 1000, &value, &err),
                         -ERR_VALIDATION);
        assert_int_equal(json_may_int(json, "/x", keys[i], 0, 1000, &value, &err), -ERR_VALIDATION);
        assert_int_equal(value, 77);
        const char *why = i < 3 ? "without fraction and exponent" : "whole number";
        assert_non_null(strstr(err.detail, why));
        assert_int_equal(err.place[3], keys[i][0]);
        assert_memory_equal(err.place, "/x/", 3);
    }
}

static void an_integer_outside_its_bounds_is_refused_with_the_bound(void **state) {
    JSON_AUTO json = must_read("{\"low\":-5,\"high\":11,\"card\":4242424242424242}");
    struct err err = {0};
    int64_t value = 77;
    assert_int_equal(json_need_int(json, "", "low", 1, 10, &value, &err), -ERR_VALIDATION);
    assert_string_equal(err.detail, "low is -5; it must be 1 or more");
    assert_string_equal(err.place, "/low");
    assert_int_equal(json_may_int(json, "", "high", 1, 10, &value, &err), -ERR_VALIDATION);
    assert_string_equal(err.detail, "high is 11; it must be 10 or less");
    assert_int_equal(json_may_int(json, "", "high", 1, 11, &value, &err), 0);
    assert_int_equal(value, 11);
    assert_int_equal(json_need_int(json, "", "card", 1, 10, &value, &err), -ERR_VALIDATION);
    assert_string_equal(err.detail, "card must be 10 or less");
    assert_int_equal(value, 11);
    assert_int_equal(json_need_int(json, "", "card", 1, 10, &value, NULL), -ERR_VALIDATION);
}

static void what_is_needed_is_missed_when_absent_or_null(void **state) {
    JSON_AUTO json = must_read("{\"n\":null}");
    const char *keys[] = {"n", "absent"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct err err = {0};
        const char *text = "before";
        int64_t value = 7;
        const json_t *object = json;
        assert_int_equal(json_need_text(json, "/a", keys[i], 0, 9, &text, &err), -ERR_VALIDATION);
        assert_non_null(strstr(err.detail, "is missing"));
        assert_memory_equal(err.place, "/a/", 3);
        assert_string_equal(err.place + 3, keys[i]);
        assert_int_equal(json_need_int(json, "/a", keys[i], 0, 9, &value, &err), -ERR_VALIDATION);
        assert_non_null(strstr(err.detail, "is missing"));
        assert_int_equal(json_need_object(json, "/a", keys[i], &object, &err), -ERR_VALIDATION);
        assert_non_null(strstr(err.detail, "is missing"));
        assert_string_equal(text, "before");
        assert_int_equal(value, 7);
        assert_ptr_equal(object, json);
    }
}

static void what_may_be_absent_or_null_leaves_the_result_as_it_was(void **state) {
    JSON_AUTO json = must_read("{\"n\":null}");
    const char *keys[] = {"n", "absent"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct err err = {0};
        const char *text = "before";
        int64_t value = 7;
        bool flag = true;
        const json_t *inner = json;
        assert_int_equal(json_may_text(json, "", keys[i], 1, 9, &text, &err), 0);
        assert_int_equal(json_may_int(json, "", keys[i], 9, 9, &value, &err), 0);
        assert_int_equal(json_may_bool(json, "", keys[i], &flag, &err), 0);
        assert_int_equal(json_may_object(json, "", keys[i], &inner, &err), 0);
        assert_int_equal(json_may_array(json, "", keys[i], 0, &inner, &err), 0);
        assert_string_equal(text, "before");
        assert_int_equal(value, 7);
        assert_true(flag);
        assert_ptr_equal(inner, json);
        assert_int_equal(err.code, ERR_OK);
    }
}

static void the_length_of_a_text_is_counted_in_characters(void **state) {
    JSON_AUTO json = must_read("{\"t\":\"\xe5\x8d\xa1\xe5\x8f\xb7\xf0\x9f\x98\x80z\",\"e\":\"\"}");
    struct err err = {0};
    const char *text = NULL;
    assert_int_equal(json_need_text(json, "", "t", 4, 4, &text, &err), 0);
    assert_int_equal(strlen(text), 11);
    text = NULL;
    assert_int_equal(json_need_text(json, "", "t", 1, 3, &text, &err), -ERR_VALIDATION);
    assert_string_equal(err.detail, "t has 4 characters; it may have 3");
    assert_int_equal(json_may_text(json, "", "t", 5, 9, &text, &err), -ERR_VALIDATION);
    assert_non_null(strstr(err.detail, "too short"));
    assert_string_equal(err.place, "/t");
    assert_int_equal(json_need_text(json, "", "e", 1, 9, &text, &err), -ERR_VALIDATION);
    assert_string_equal(err.detail, "e is empty");
    assert_null(text);
    assert_int_equal(json_need_text(json, "", "e", 0, 9, &text, &err), 0);
    assert_string_equal(text, "");
}

static void a_text_is_one_line_and_lines_are_asked_for(void **state) {
    JSON_AUTO json = must_read(
        "{\"n\":\"a\\nb\",\"r\":\"a\\r\\n\",\"t\":\"\\t\",\"e\":\"\\u001b[31m\","
        "\"d\":\"\\u007f\",\"c\":\"\\u0085\",\"a\":\"\\u00a0 \\u00e9\"}");
    static const struct {
        const char *key;
        bool text, lines;
    } rows[] = {{"n", false, true},  {"r", false, true},  {"t", false, true}, {"e", false, false},
                {"d", false, false}, {"c", false, false}, {"a", true, true}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        const char *text = NULL;
        int taken = rows[i].text ? 0 : -ERR_VALIDATION,
            of_lines = rows[i].lines ? 0 : -ERR_VALIDATION;
        assert_int_equal(json_need_text(json, "", rows[i].key, 1, 9, &text, &err), taken);
        assert_int_equal(json_may_text(json, "", rows[i].key, 1, 9, &text, &err), taken);
        assert_true(rows[i].text || (text == NULL && err.place[0] == '/'));
        assert_int_equal(json_need_lines(json, "", rows[i].key, 1, 9, &text, &err), of_lines);
        assert_int_equal(json_may_lines(json, "", rows[i].key, 1, 9, &text, &err), of_lines);
    }
}

static void a_value_of_another_type_is_refused_with_its_place(void **state) {
    JSON_AUTO json = must_read("{\"i\":1,\"s\":\"1\",\"a\":[1,2],\"o\":{},\"b\":false}");
    struct err err = {0};
    const char *text = NULL;
    bool flag = true;
    const json_t *inner = NULL;
    assert_int_equal(json_need_text(json, "", "i", 0, 9, &text, &err), -ERR_VALIDATION);
    assert_string_equal(err.detail, "i must be a string");
    assert_int_equal(json_may_bool(json, "", "s", &flag, &err), -ERR_VALIDATION);
    assert_string_equal(err.detail, "s must be true or false");
    assert_int_equal(json_may_object(json, "", "a", &inner, &err), -ERR_VALIDATION);
    assert_string_equal(err.detail, "a must be an object");
    assert_int_equal(json_need_object(json, "", "a", &inner, &err), -ERR_VALIDATION);
    assert_int_equal(json_may_array(json, "", "o", 9, &inner, &err), -ERR_VALIDATION);
    assert_string_equal(err.detail, "o must be an array");
    assert_string_equal(err.place, "/o");
    assert_int_equal(json_may_array(json, "", "a", 1, &inner, &err), -ERR_VALIDATION);
    assert_string_equal(err.detail, "a has 2 items; it may have 1");
    assert_null(inner);
    assert_true(flag);
    assert_int_equal(json_may_array(json, "", "a", 2, &inner, &err), 0);
    assert_int_equal(json_array_size(inner), 2);
    assert_int_equal(json_need_object(json, "", "o", &inner, &err), 0);
    assert_true(json_is_object(inner));
    assert_int_equal(json_may_bool(json, "", "b", &flag, &err), 0);
    assert_false(flag);
}

static void a_getter_asked_of_no_object_says_so(void **state) {
    JSON_AUTO json = must_read("[1]");
    struct err err = {0};
    int64_t value = 7;
    assert_int_equal(json_need_int(json, "/list", "a", 0, 9, &value, &err), -ERR_VALIDATION);
    assert_string_equal(err.detail, "this must be an object");
    assert_string_equal(err.place, "/list");
    assert_int_equal(json_may_int(NULL, "", "a", 0, 9, &value, &err), -ERR_VALIDATION);
    assert_int_equal(value, 7);
}

static void an_unknown_field_is_named_with_those_that_are_allowed(void **state) {
    static const char *const keys[] = {"amount", "currency", NULL};
    static const char *const none[] = {NULL};
    struct err err = {0};
    JSON_AUTO good = must_read("{\"currency\":1,\"amount\":2}");
    assert_int_equal(json_only(good, "", keys, &err), 0);
    JSON_AUTO empty = must_read("{}");
    assert_int_equal(json_only(empty, "", none, &err), 0);
    JSON_AUTO bad = must_read("{\"amount\":2,\"amuont\":1,\"zzz\":2}");
    assert_int_equal(json_only(bad, "/x", keys, &err), -ERR_VALIDATION);
    assert_string_equal(err.detail, "there is no field \"amuont\" here");
    assert_string_equal(err.hint, "the fields are: amount, currency");
    assert_string_equal(err.place, "/x/amuont");
    assert_int_equal(json_only(bad, "/x", none, &err), -ERR_VALIDATION);
    assert_string_equal(err.hint, "no field is taken here");
    JSON_AUTO list = must_read("[]");
    assert_int_equal(json_only(list, "/x", keys, &err), -ERR_VALIDATION);
    assert_string_equal(err.place, "/x");
}

static void an_unknown_field_is_shown_without_card_number_and_cut(void **state) {
    static const char *const keys[] = {"a", NULL};
    struct err err = {0};
    JSON_AUTO card = must_read("{\"4242424242424242\":1}");
    assert_int_equal(json_only(card, "", keys, &err), -ERR_VALIDATION);
    assert_string_equal(err.place, "/************4242");
    JSON_AUTO odd = must_read("{\"a\\n\\\"b\":1}");
    assert_int_equal(json_only(odd, "", keys, &err), -ERR_VALIDATION);
    assert_string_equal(err.place, "/a??b");
    /* The cut goes through the number: it is masked first. */
    JSON_AUTO cut = must_read("{\"aaaaaaaaaabbbbbbbbbbccccccccccddddddd-4242424242424242\":1}");
    assert_int_equal(json_only(cut, "", keys, &err), -ERR_VALIDATION);
    assert_string_equal(err.place, "/aaaaaaaaaabbbbbbbbbbccccccccccddddddd-**********");
    /* The cut makes a number of a run that is too long to be one. */
    JSON_AUTO run = must_read("{\"aaaaaaaaaabbbbbbbbbbccccccccccd-42424242424242424242\":1}");
    assert_int_equal(json_only(run, "", keys, &err), -ERR_VALIDATION);
    assert_string_equal(err.place, "/aaaaaaaaaabbbbbbbbbbccccccccccd-************4242");
    /* 47 bytes and a character of three: it is left out whole. */
    JSON_AUTO wide = must_read("{\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeee"
                               "\xe5\x8d\xa1\":1}");
    assert_int_equal(json_only(wide, "", keys, &err), -ERR_VALIDATION);
    assert_int_equal(strlen(err.place), 48);
}

static void a_peek_follows_its_path_or_falls_back(void **state) {
    JSON_AUTO json = must_read("{\"a\":{\"b\":{\"t\":\"x\",\"i\":5,\"r\":5.0}},\"l\":[1]}");
    assert_string_equal(json_peek_text(json, "a", "b", "t", NULL), "x");
    assert_int_equal(json_peek_int(json, -1, "a", "b", "i", NULL), 5);
    assert_int_equal(json_peek_int(json, -1, "a", "b", "r", NULL), -1);
    assert_int_equal(json_peek_int(json, -1, "a", "b", "t", NULL), -1);
    assert_null(json_peek_text(json, "a", "b", "i", NULL));
    assert_null(json_peek_text(json, "a", "x", "i", NULL));
    assert_null(json_peek_text(json, "l", "x", NULL));
    assert_null(json_peek_text(NULL, "l", "x", NULL));
    assert_int_equal(json_peek_int(NULL, 3, "l", NULL), 3);
    assert_true(json_is_array(json_peek(json, "l", NULL)));
    assert_ptr_equal(json_peek(json, NULL), json);
    assert_null(json_peek(json, "a", "b", "c", "d", NULL));
}

static void writing_is_one_line_in_insertion_order(void **state) {
    JSON_AUTO json = must_read("{ \"z\" : [1, 2.5, null],\n \"a\": {\"\\u00e9\":\"\\n\"} }");
    char *text = json_write(json);
    assert_string_equal(text, "{\"z\":[1,2.5,null],\"a\":{\"\xc3\xa9\":\"\\n\"}}");
    free(text);
    JSON_AUTO scalar = must_read("7");
    text = json_write(scalar);
    assert_string_equal(text, "7");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_strict_json_is_refused_with_its_place),
        cmocka_unit_test(no_text_at_all_is_refused),
        cmocka_unit_test(bytes_that_were_refused_are_not_repeated),
        cmocka_unit_test(any_value_may_stand_at_the_top),
        cmocka_unit_test(more_bytes_than_the_limit_are_refused_as_too_large),
        cmocka_unit_test(levels_are_counted_outside_strings_only),
        cmocka_unit_test(int64_is_kept_exactly),
        cmocka_unit_test(a_number_with_fraction_or_exponent_is_no_integer),
        cmocka_unit_test(an_integer_outside_its_bounds_is_refused_with_the_bound),
        cmocka_unit_test(what_is_needed_is_missed_when_absent_or_null),
        cmocka_unit_test(what_may_be_absent_or_null_leaves_the_result_as_it_was),
        cmocka_unit_test(the_length_of_a_text_is_counted_in_characters),
        cmocka_unit_test(a_text_is_one_line_and_lines_are_asked_for),
        cmocka_unit_test(a_value_of_another_type_is_refused_with_its_place),
        cmocka_unit_test(a_getter_asked_of_no_object_says_so),
        cmocka_unit_test(an_unknown_field_is_named_with_those_that_are_allowed),
        cmocka_unit_test(an_unknown_field_is_shown_without_card_number_and_cut),
        cmocka_unit_test(a_peek_follows_its_path_or_falls_back),
        cmocka_unit_test(writing_is_one_line_in_insertion_order),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
