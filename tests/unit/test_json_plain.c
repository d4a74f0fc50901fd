/* SPDX-License-Identifier: Apache-2.0
 * test_json_plain.c: what the quick reader takes is what jansson takes; the rest it leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "base/json_plain.h"

enum { DEPTH = 4 };

static const char *const plain[] = {
    "{}",
    "[]",
    " \t\r\n{ } \n",
    "0",
    "-0",
    "-17",
    "999999999999999999",
    "-999999999999999999",
    "\"\"",
    "\"a b\"",
    "true",
    "false",
    "null",
    "[1,2,3]",
    "[ 1 , [ ] , { } ]",
    "{\"a\":1,\"b\":[true,false,null],\"c\":{\"a\":\"x\"}}",
    "{\"\":\"empty key\"}",
    "{\"a\" : {\"b\" : {\"c\" : {} } } }",
    "[[[[]]]]",
    "[[[[1]],2],3]",
};

/* Right and wrong ones: jansson decides about each. */
static const char *const left[] = {
    "",
    " ",
    "\n",
    "{",
    "}",
    "[",
    "]",
    "{]",
    "[}",
    "[1",
    "[1,",
    "[,]",
    "[1,]",
    "[1 2]",
    "{,}",
    "{1:2}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1,\"a\":2}",
    "{\"b\":{},\"a\":1,\"b\":[]}",
    "1 2",
    "{} {}",
    "[] x",
    "nul",
    "truth",
    "True",
    "nulll",
    "+1",
    "-",
    "--1",
    "01",
    "-01",
    "00",
    "1.",
    "1.5",
    "1e3",
    "1E3",
    "0x10",
    "1000000000000000000",
    "9223372036854775808",
    "12a",
    "\"",
    "\"a",
    "\"a\nb\"",
    "\"\\n\"",
    "\"\\u0041\"",
    "\"\xC3\xA9\"",
    "\"\xFF\"",
    "'a'",
    "[[[[[]]]]]",
    "{\"a\":[{\"b\":[{}]}]}",
    "// no",
    "\xEF\xBB\xBF{}",
};

static void what_is_plain_is_read_as_jansson_reads_it(void **state) {
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        JSON_AUTO quick = json_plain_read(plain[i], strlen(plain[i]), DEPTH, NULL);
        JSON_AUTO slow = json_loadb(plain[i], strlen(plain[i]),
                                    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
        assert_non_null(quick);
        assert_true(json_equal(quick, slow));
    }
}

static void the_order_of_keys_is_kept(void **state) {
    static const char text[] = "{\"z\":1,\"a\":2,\"m\":{\"y\":3,\"b\":4}}";
    JSON_AUTO quick = json_plain_read(text, strlen(text), DEPTH, NULL);
    char *again = json_write(quick);
    assert_string_equal(again, text);
    free(again);
}

static void what_is_not_plain_is_left(void **state) {
    for (size_t i = 0; i < COUNT_OF(left); i++) {
        JSON_AUTO quick = json_plain_read(left[i], strlen(left[i]), DEPTH, NULL);
        assert_null(quick);
    }
}

static void no_byte_behind_the_text_is_looked_at(void **state) {
    static const char text[] = "[1234, \"abc\", {\"key\": true}]";
    for (size_t count = 0; count < sizeof text - 1; count++) {
        char *exact = malloc(count + 1); /* a sanitizer sees a read behind it */
        memcpy(exact, text, count);
        exact[count] = 'x';
        JSON_AUTO quick = json_plain_read(exact, count, DEPTH, NULL);
        assert_null(quick);
        free(exact);
    }
    JSON_AUTO number = json_plain_read("1234", 2, DEPTH, NULL);
    assert_int_equal(json_integer_value(number), 12);
}

static void depth_counts_as_it_does_for_json_read(void **state) {
    struct err err = {0};
    JSON_AUTO four = NULL;
    JSON_AUTO five = NULL;
    assert_int_equal(json_read("[[[[]]]]", 8, 100, 4, &four, &err), 0);
    assert_int_equal(json_read("[[[[[]]]]]", 10, 100, 4, &five, &err), -ERR_BAD_JSON);
    assert_null(five);
    assert_string_equal(err.place, "line 1, column 5");
}

/* What was asked for is there, at every depth; of the rest nothing is made. */
static void members_that_nobody_asked_for_are_left_out(void **state) {
    static const char *const names[] = {"id", "a", "list", "", NULL};
    static const struct {
        const char *text, *tree;
    } cases[] = {
        {"{\"id\":1,\"x\":2}", "{\"id\":1}"},
        {"{\"x\":{\"id\":1},\"a\":{\"id\":2,\"y\":[1,{\"id\":3}]}}", "{\"a\":{\"id\":2}}"},
        {"{\"list\":[1,\"two\",{\"x\":1,\"id\":3},[true]],\"y\":null}",
         "{\"list\":[1,\"two\",{\"id\":3},[true]]}"},
        {"{\"i\":1,\"idd\":2,\"ID\":3,\"\":4}", "{\"\":4}"},
        {"[1,{\"x\":-1}]", "[1,{}]"},
        {"{\"x\":1,\"x\":2,\"id\":3}", "{\"id\":3}"},
        {"{\"a_name_of_thirty_two_bytes_or_more\":1}",
         "{\"a_name_of_thirty_two_bytes_or_more\":1}"},
        {"7", "7"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        JSON_AUTO quick = json_plain_read(cases[i].text, strlen(cases[i].text), DEPTH, names);
        assert_non_null(quick);
        char *tree = json_write(quick);
        assert_string_equal(tree, cases[i].tree);
        free(tree);
    }
}

/* To be left out is no licence: what is not JSON is refused wherever it stands. */
static void what_is_left_out_must_be_plain_as_well(void **state) {
    static const char *const names[] = {"id", NULL};
    static const char *const bad[] = {
        "{\"x\":}",         "{\"x\":01}",       "{\"x\":\"a}",         "{\"x\":[1,]}",
        "{\"x\":{\"y\"}}",  "{\"x\":[}}",       "{\"x\":nul}",         "{\"x\":1 \"id\":2}",
        "{\"x\":1.5}",      "{\"x\":\"\\n\"}",  "{\"id\":1,\"id\":2}", "{\"x\":[[[[1]]]]}",
        "{\"x\":\"\x01\"}", "{\"x\":\"\x80\"}", "{\"x\":1}}",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        JSON_AUTO quick = json_plain_read(bad[i], strlen(bad[i]), DEPTH, names);
        assert_null(quick);
    }
}

/* The bytes are looked at eight at a time: a bad one is found at each place among them. */
static void a_byte_that_is_not_plain_is_found_wherever_it_stands(void **state) {
    static const char bad[] = {1, 31, '"', '\\', (char)0x7f, (char)0x80, (char)0xff};
    for (size_t count = 1; count <= 24; count++) {
        for (size_t at = 0; at < count; at++) {
            for (size_t b = 0; b < sizeof bad; b++) {
                char text[32] = "\"";
                memset(text + 1, '!', count); /* the byte below the quote */
                text[1 + at] = bad[b];
                text[1 + count] = '"';
                JSON_AUTO quick = json_plain_read(text, count + 2, DEPTH, NULL);
                JSON_AUTO slow = json_loadb(text, count + 2, JSON_DECODE_ANY, NULL);
                bool plain_byte = bad[b] == 0x7f;
                assert_true((quick != NULL) == plain_byte);
                assert_true(!plain_byte || json_equal(quick, slow));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_plain_is_read_as_jansson_reads_it),
        cmocka_unit_test(the_order_of_keys_is_kept),
        cmocka_unit_test(what_is_not_plain_is_left),
        cmocka_unit_test(no_byte_behind_the_text_is_looked_at),
        cmocka_unit_test(depth_counts_as_it_does_for_json_read),
        cmocka_unit_test(members_that_nobody_asked_for_are_left_out),
        cmocka_unit_test(what_is_left_out_must_be_plain_as_well),
        cmocka_unit_test(a_byte_that_is_not_plain_is_found_wherever_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
