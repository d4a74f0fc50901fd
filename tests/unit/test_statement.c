/* SPDX-License-Identifier: Apache-2.0
 * test_statement.c: names of what statements tell, what a problem looks like, and the choice of a
 * reader. */
#include "support/statement_damage.h"

static void every_kind_has_a_name_that_is_read_back(void **state) {
#define X(name, number, text, family, sign, what)                                                  \
    {                                                                                              \
        enum row_kind kind = (enum row_kind)0;                                                     \
        assert_true(row_kind_parse(text, &kind));                                                  \
        assert_int_equal(kind, ROW_##name);                                                        \
        assert_string_equal(row_kind_name(ROW_##name), text);                                      \
        assert_int_equal(row_kind_family(ROW_##name), FAMILY_##family);                            \
        assert_int_equal(row_kind_sign(ROW_##name), sign);                                         \
    }
#include "statement/row_kinds.def"
#undef X
    enum row_kind kind = ROW_FEE;
    assert_false(row_kind_parse("other", &kind));
    assert_false(row_kind_parse("", &kind));
    assert_int_equal(kind, ROW_FEE);
    assert_string_equal(row_kind_name((enum row_kind)0), "?");
    assert_string_equal(row_kind_name(ROW_KIND_COUNT), "?");
    (void)state;
}

static void every_status_and_problem_has_a_name(void **state) {
#define X(name, number, text, what)                                                                \
    {                                                                                              \
        enum row_status status = (enum row_status)0;                                               \
        assert_true(row_status_parse(text, &status));                                              \
        assert_int_equal(status, ROW_##name);                                                      \
        assert_string_equal(row_status_name(ROW_##name), text);                                    \
    }
#include "statement/row_statuses.def"
#undef X
#define X(name, text, what, mend) assert_string_equal(statement_problem_name(PROBLEM_##name), text);
#include "statement/problems.def"
#undef X
    enum row_status status = ROW_DONE;
    assert_false(row_status_parse("settled", &status));
    assert_string_equal(row_status_name((enum row_status)9), "?");
    assert_string_equal(statement_problem_name(PROBLEM_COUNT_OF_KINDS), "?");
    (void)state;
}

static void what_a_statement_tells_has_words(void **state) {
    char text[TELLS_TEXT_CHARS_MAX + 1];
    assert_string_equal(statement_tells_text(0, text), "nothing");
    assert_string_equal(statement_tells_text(TELLS_REFUNDS, text), "refunds");
    assert_string_equal(statement_tells_text(TELLS_CHARGES | TELLS_DISPUTES, text),
                        "charges and disputes");
    assert_string_equal(statement_tells_text(TELLS_ALL, text),
                        "charges, refunds, disputes, credits and debits");
    assert_int_equal(row_kind_tells(ROW_CHARGE), TELLS_CHARGES);
    assert_int_equal(row_kind_tells(ROW_BANK_DEBIT), TELLS_DEBITS);
    assert_int_equal(row_kind_tells(ROW_FEE), 0);
}

/* Else no statement of it ever covers a time. */
static void every_reader_says_what_it_tells(void **state) {
    int count = 0;
    const struct statement_reader *const *readers = statement_readers(&count);
    for (int i = 0; i < count; i++) {
        if (readers[i]->tells == 0 || (readers[i]->tells & ~(unsigned)TELLS_ALL) != 0) {
            fail_msg("%s", readers[i]->name);
        }
    }
}

static void an_empty_row_tells_nothing(void **state) {
    struct statement_row row;
    statement_row_init(&row);
    assert_true(row.fee_minor == AMOUNT_UNSAID && row.net_minor == AMOUNT_UNSAID);
    const char *const texts[] = {row.gateway_id,         row.reference,  row.original_id,
                                 row.original_reference, row.batch,      row.method,
                                 row.native_kind,        row.description};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_string_equal(texts[i], "");
    }
    (void)state;
}

static void readers_have_names_of_their_own_and_are_found_by_them(void **state) {
    int count = 0;
    const struct statement_reader *const *readers = statement_readers(&count);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        assert_ptr_equal(statement_reader_find(readers[i]->name), readers[i]);
        assert_true(strlen(readers[i]->title) > 0 && readers[i]->detect != NULL &&
                    readers[i]->read != NULL);
    }
    assert_null(statement_reader_find("nobody's"));
    (void)state;
}

static const struct statement_reader *detect(const char *text, int *ret_sure, struct err *err) {
    return statement_detect("file.csv", text, strlen(text), ret_sure, err);
}

static void a_format_is_known_by_its_columns_or_not_at_all(void **state) {
    static const char stripe[] = "currency,gross,fee,net,reporting_category,created,source_id\n";
    static const char canonical[] =
        "gateway_id,reference,original_id,original_reference,batch,kind,status,currency,gross,fee,"
        "net,time,method,description\n";
    struct err err = {0};
    int sure = 0;
    assert_string_equal(detect(stripe, &sure, &err)->name, "stripe-report");
    assert_true(sure > 90);
    assert_string_equal(detect(canonical, &sure, &err)->name, "canonical");
    assert_int_equal(sure, 100);
    assert_null(detect("a,b,c\n1,2,3\n", &sure, &err));
    assert_int_equal(err.code, ERR_VALIDATION);
    assert_non_null(strstr(err.hint, "--format"));
    assert_null(detect("", &sure, &err));
    (void)state;
}

/* The columns of two formats in one header: nobody may choose by the order of a table. */
static void a_file_that_two_formats_claim_alike_is_nobodys(void **state) {
    static const char both[] = "currency,gross,fee,net,reporting_category,created,source_id,"
                               "Psp Reference,Modification Reference,Type,Net Credit (NC),"
                               "Batch Number\n";
    struct err err = {0};
    int sure = 0;
    assert_null(detect(both, &sure, &err));
    assert_non_null(strstr(err.detail, "stripe-report"));
    assert_non_null(strstr(err.detail, "adyen-settlement"));
    assert_non_null(strstr(err.hint, "--format"));
    (void)state;
}

static void no_reader_is_sure_of_bytes_that_are_nobodys(void **state) {
    int count = 0;
    const struct statement_reader *const *readers = statement_readers(&count);
    for (guint32 seed = 1; seed <= 300; seed++) {
        static const char text[] = "one,two\n1,2\n\"a\",\"b\"\n";
        char *bytes = damage_bytes(text, sizeof text - 1, seed);
        for (int i = 0; i < count; i++) {
            assert_int_equal(readers[i]->detect("x", bytes, sizeof text - 1), 0);
            assert_int_equal(readers[i]->detect("x", bytes, 0), 0);
        }
        g_free(bytes);
    }
    (void)state;
}

static void keep(void *ctx, enum statement_problem problem, int64_t line, const char *text) {
    GString *kept = (GString *)ctx;
    g_string_printf(kept, "%s %d %s", statement_problem_name(problem), (int)line, text);
}

static void a_problem_is_one_short_sentence_without_card_numbers(void **state) {
    GString *kept = g_string_new(NULL);
    const struct statement_sink sink = {kept, NULL, keep};
    statement_tell(&sink, PROBLEM_BAD_VALUE, 7, "'%s' and %d", "4242 4242 4242 4242", 5);
    assert_string_equal(kept->str, "bad_value 7 '**** **** **** 4242' and 5");
    char *large = g_strnfill(5000, 'x');
    statement_tell(&sink, PROBLEM_LIMIT, 0, "%s", large);
    assert_true(kept->len <= strlen("limit 0 ") + 200);
    statement_tell(&sink, PROBLEM_LIMIT, 0, "a\nb\x01");
    assert_string_equal(kept->str, "limit 0 a?b?");
    g_free(large);
    g_string_free(kept, true);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_name_that_is_read_back),
        cmocka_unit_test(every_status_and_problem_has_a_name),
        cmocka_unit_test(what_a_statement_tells_has_words),
        cmocka_unit_test(every_reader_says_what_it_tells),
        cmocka_unit_test(an_empty_row_tells_nothing),
        cmocka_unit_test(readers_have_names_of_their_own_and_are_found_by_them),
        cmocka_unit_test(a_format_is_known_by_its_columns_or_not_at_all),
        cmocka_unit_test(a_file_that_two_formats_claim_alike_is_nobodys),
        cmocka_unit_test(no_reader_is_sure_of_bytes_that_are_nobodys),
        cmocka_unit_test(a_problem_is_one_short_sentence_without_card_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
