/* SPDX-License-Identifier: Apache-2.0
 * test_cli_table.c: rows and columns as they stand on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "cli/table.h"

/* What the table prints on such a screen; free() it. */
static char *printed(const struct table *table, int columns, bool colour, bool json) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    struct cli cli = {.screen = {.out = out, .err = out, .columns = columns, .colour = colour},
                      .json = json};
    table_print(table, &cli, "nothing");
    fclose(out);
    return text;
}

static void assert_printed(const struct table *table, int columns, const char *expected) {
    char *text = printed(table, columns, false, false);
    assert_string_equal(text, expected);
    free(text);
}

static void test_a_column_is_as_wide_as_its_widest_cell(void **state) {
    (void)state;
    TABLE_AUTO table = TABLE("ID", "NAME");
    table_cell(table, "a");
    table_cell(table, "first");
    table_cell(table, "long-id");
    table_cell(table, "second");
    assert_printed(table, 0, "ID       NAME\na        first\nlong-id  second\n");
}

static void test_a_marked_column_is_aligned_right(void **state) {
    (void)state;
    TABLE_AUTO table = TABLE(">AMOUNT", "ID");
    table_cell(table, "5.00 USD");
    table_cell(table, "a");
    table_cell(table, "1.00 USD");
    table_cell(table, "b");
    table_cell(table, "119.99 USD");
    table_cell(table, "c");
    assert_printed(table, 0, "    AMOUNT  ID\n  5.00 USD  a\n  1.00 USD  b\n119.99 USD  c\n");
}

static void test_wide_characters_count_two_columns_and_combining_ones_none(void **state) {
    (void)state;
    TABLE_AUTO table = TABLE("WHO", "X");
    table_cell(table, "支付宝");
    table_cell(table, "1");
    table_cell(table, "e\xCC\x81t\xC3\xA9");
    table_cell(table, "2");
    assert_printed(table, 0, "WHO     X\n支付宝  1\ne\xCC\x81t\xC3\xA9     2\n");
}

static void test_only_flexible_columns_are_cut_to_fit_and_say_so(void **state) {
    (void)state;
    TABLE_AUTO table = TABLE("ID", "~MESSAGE", "ALSO");
    table_cell(table, "pay_1234567890");
    table_cell(table, "a message that is much too long for this terminal");
    table_cell(table, "re_1234567890");
    assert_printed(table, 50,
                   "ID              MESSAGE              ALSO\n"
                   "pay_1234567890  a message that is …  re_1234567890\n");
}

static void test_a_wide_character_is_not_cut_in_half(void **state) {
    (void)state;
    TABLE_AUTO table = TABLE("~", "");
    table_cell(table, "支付机构没有回答");
    table_cell(table, "x");
    /* 8 columns: three wide ones, the ellipsis, and one that stays empty. */
    assert_printed(table, 11, "支付机…   x\n");
}

static void test_nothing_is_cut_when_the_output_is_no_terminal(void **state) {
    (void)state;
    TABLE_AUTO table = TABLE("~MESSAGE");
    table_cell(table, "a message that is longer than any terminal would be, and then some more");
    assert_printed(table, 0,
                   "MESSAGE\na message that is longer than any terminal would be, and then "
                   "some more\n");
}

static void test_what_a_stranger_wrote_cannot_steer_the_terminal(void **state) {
    (void)state;
    TABLE_AUTO table = TABLE("TEXT");
    table_cell(table, "red\033[31m \a\r\xC2\x9B"
                      "2J");
    table_cell(table, "bad \xFF utf-8");
    table_cell(table, "\xE2\x80\xAE"
                      "desrever");
    table_cell(table, "two\nlines");
    assert_printed(table, 0,
                   "TEXT\nred?[31m ???2J\nbad \xEF\xBF\xBD utf-8\n?desrever\ntwo lines\n");
}

static void test_what_is_not_there_shows_as_a_hyphen(void **state) {
    (void)state;
    TABLE_AUTO table = TABLE("A", "B");
    table_cell(table, NULL);
    table_cell(table, "");
    assert_printed(table, 0, "A  B\n-  -\n");
}

static void test_no_line_ends_with_blanks(void **state) {
    (void)state;
    TABLE_AUTO table = TABLE("A", "B", "");
    table_cell(table, "long cell");
    table_blank(table);
    table_blank(table);
    table_cell(table, "x");
    table_cell(table, "y");
    table_cell(table, "z");
    assert_printed(table, 0, "A          B\nlong cell\nx          y  z\n");
}

static void test_a_card_has_no_headings_and_passes_over_what_is_empty(void **state) {
    (void)state;
    TABLE_AUTO card = TABLE("", "~");
    table_pair(card, "id", "pay_1");
    table_pair(card, "gateway", NULL);
    table_pair(card, "order", "");
    table_pairf(card, "tries", "%d", 3);
    assert_int_equal(table_rows(card), 2);
    assert_printed(card, 0, "id     pay_1\ntries  3\n");
}

static void test_an_empty_table_says_its_sentence(void **state) {
    (void)state;
    TABLE_AUTO table = TABLE("A");
    assert_printed(table, 0, "nothing\n");
}

static void test_a_table_is_silent_with_json(void **state) {
    (void)state;
    TABLE_AUTO table = TABLE("A");
    table_cell(table, "x");
    char *text = printed(table, 0, false, true);
    assert_string_equal(text, "");
    free(text);
}

static void test_colour_is_put_round_the_text_and_not_round_the_padding(void **state) {
    (void)state;
    TABLE_AUTO table = TABLE("STATE", "X");
    table_state(table, "ok");
    table_cell(table, "y");
    char *text = printed(table, 0, true, false);
    assert_string_equal(text, "\033[1mSTATE\033[0m  \033[1mX\033[0m\n\033[32mok\033[0m     y\n");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_column_is_as_wide_as_its_widest_cell),
        cmocka_unit_test(test_a_marked_column_is_aligned_right),
        cmocka_unit_test(test_wide_characters_count_two_columns_and_combining_ones_none),
        cmocka_unit_test(test_only_flexible_columns_are_cut_to_fit_and_say_so),
        cmocka_unit_test(test_a_wide_character_is_not_cut_in_half),
        cmocka_unit_test(test_nothing_is_cut_when_the_output_is_no_terminal),
        cmocka_unit_test(test_what_a_stranger_wrote_cannot_steer_the_terminal),
        cmocka_unit_test(test_what_is_not_there_shows_as_a_hyphen),
        cmocka_unit_test(test_no_line_ends_with_blanks),
        cmocka_unit_test(test_a_card_has_no_headings_and_passes_over_what_is_empty),
        cmocka_unit_test(test_an_empty_table_says_its_sentence),
        cmocka_unit_test(test_a_table_is_silent_with_json),
        cmocka_unit_test(test_colour_is_put_round_the_text_and_not_round_the_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
