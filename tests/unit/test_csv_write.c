/* SPDX-License-Identifier: Apache-2.0
 * test_csv_write.c: what people open in a spreadsheet says what we say, and calculates nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/csv_write.h"

static void assert_field(const char *text, const char *written) {
    BUF_AUTO buf;
    buf_init(&buf, 4096);
    struct csv_writer csv = csv_write_begin(&buf);
    csv_put(&csv, "x");
    csv_put(&csv, text);
    assert_true(buf_ok(&buf));
    assert_string_equal(buf.data + 2, written);
}

static void plain_text_is_written_as_it_is(void **state) {
    (void)state;
    assert_field("", "");
    assert_field(NULL, "");
    assert_field("a b", "a b");
    assert_field("3-4", "3-4");
    assert_field("caf\xc3\xa9 \xe4\xb8\xad", "caf\xc3\xa9 \xe4\xb8\xad");
    assert_field("a;b'c", "a;b'c");
}

static void what_has_commas_quotes_or_line_ends_is_quoted(void **state) {
    (void)state;
    assert_field("a,b", "\"a,b\"");
    assert_field("say \"no\"", "\"say \"\"no\"\"\"");
    assert_field("\"", "\"\"\"\"");
    assert_field("one\r\ntwo", "\"one\r\ntwo\"");
    assert_field("one\ntwo", "\"one\ntwo\"");
}

static void a_formula_gets_an_apostrophe_and_is_shown(void **state) {
    (void)state;
    assert_field("=1+1", "\"'=1+1\"");
    assert_field("+491234", "\"'+491234\"");
    assert_field("-2", "\"'-2\"");
    assert_field("@SUM(A1)", "\"'@SUM(A1)\"");
    assert_field("\tx", "\"'\tx\"");
    assert_field("\rx", "\"'\rx\"");
    assert_field("  =1", "\"'  =1\"");
    assert_field("\n=1", "\"'\n=1\"");
    assert_field("\xef\xbc\x9d"
                 "1",
                 "\"'\xef\xbc\x9d"
                 "1\"");
    assert_field("=HYPERLINK(\"u\",\"t\")", "\"'=HYPERLINK(\"\"u\"\",\"\"t\"\")\"");
}

static void numbers_keep_their_sign_and_their_decimals(void **state) {
    (void)state;
    BUF_AUTO buf;
    buf_init(&buf, 4096);
    struct csv_writer csv = csv_write_begin(&buf);
    csv_put_int(&csv, INT64_MIN);
    csv_put_money(&csv, -1999, currency_stored("USD"));
    csv_put_money(&csv, 500, currency_stored("JPY"));
    csv_put_money(&csv, 1234, currency_stored("KWD"));
    csv_put_money(&csv, -7, currency_stored(""));
    csv_put_time(&csv, 0);
    csv_put_time(&csv, INT64_C(1700000000000000));
    csv_end(&csv);
    assert_string_equal(buf.data,
                        "-9223372036854775808,-19.99,500,1.234,-7,,2023-11-14T22:13:20Z\r\n");
}

static void every_record_is_a_line_and_none_is_empty(void **state) {
    (void)state;
    BUF_AUTO buf;
    buf_init(&buf, 4096);
    struct csv_writer csv = csv_write_begin(&buf);
    csv_put(&csv, "");
    csv_end(&csv);
    csv_put(&csv, "a");
    csv_put(&csv, "");
    csv_end(&csv);
    assert_string_equal(buf.data, "\"\"\r\na,\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_is_written_as_it_is),
        cmocka_unit_test(what_has_commas_quotes_or_line_ends_is_quoted),
        cmocka_unit_test(a_formula_gets_an_apostrophe_and_is_shown),
        cmocka_unit_test(numbers_keep_their_sign_and_their_decimals),
        cmocka_unit_test(every_record_is_a_line_and_none_is_empty),
    };
    return cmocka_run_group_tests_name("csv_write", tests, NULL, NULL);
}
