/* SPDX-License-Identifier: Apache-2.0
 * test_err.c: errors.def is sane row by row, and an error says what it was told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aborts.h"
#include "base/err.h"

static const struct {
    int number;
    const char *name;
    int status;
    const char *type;
    enum err_retry retry;
    const char *title;
} rows[] = {
#define X(name, number, status, type, retry, title)                                                \
    {(number), #name, (status), (type), ERR_RETRY_##retry, (title)},
#include "base/errors.def"
#undef X
};

static void every_number_is_positive_and_used_once(void **state) {
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_true(rows[i].number > 0);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(rows[i].number, rows[j].number);
        }
    }
}

static void every_type_is_a_slug_and_used_once(void **state) {
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const size_t len = strlen(rows[i].type);

        assert_true(len > 0);
        assert_int_equal(strspn(rows[i].type, "abcdefghijklmnopqrstuvwxyz-"), len);
        assert_true(rows[i].type[0] != '-' && rows[i].type[len - 1] != '-');
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(rows[i].type, rows[j].type);
        }
    }
}

static void every_status_is_one_that_http_gives_to_errors(void **state) {
    static const int statuses[] = {400, 401, 403, 404, 405, 409, 410, 413,
                                   415, 422, 429, 500, 502, 503, 504};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool known = false;

        for (size_t j = 0; j < COUNT_OF(statuses); j++) {
            known = known || rows[i].status == statuses[j];
        }
        assert_true(known);
    }
}

/* A client that is told "the request is wrong" must not be told to send it again as it is, unless
 * somebody else's request is what stands in its way (409) or it came too fast (429). */
static void a_wrong_request_is_never_to_be_repeated(void **state) {
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].status < 500 && rows[i].status != 409 && rows[i].status != 429) {
            assert_int_equal(rows[i].retry, ERR_RETRY_NEVER);
        }
        if (rows[i].status == 429 || rows[i].status == 503) {
            assert_int_not_equal(rows[i].retry, ERR_RETRY_NEVER);
        }
    }
}

static void every_title_is_a_short_sentence_without_its_point(void **state) {
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const size_t len = strlen(rows[i].title);

        assert_in_range(len, 8, 80);
        assert_true(rows[i].title[0] >= 'A' && rows[i].title[0] <= 'Z');
        assert_true(rows[i].title[len - 1] != '.');
    }
}

static void the_functions_give_the_row_of_the_code(void **state) {
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const enum err_code code = (enum err_code)rows[i].number;

        assert_int_equal(err_http_status(code), rows[i].status);
        assert_string_equal(err_type(code), rows[i].type);
        assert_string_equal(err_title(code), rows[i].title);
        assert_string_equal(err_name(code), rows[i].name);
        assert_int_equal(err_retry_class(code), rows[i].retry);
    }
}

static void an_unknown_code_gives_the_row_of_internal(void **state) {
    static const int unknown[] = {0, -1, 9999};

    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        assert_string_equal(err_name((enum err_code)unknown[i]), "INTERNAL");
        assert_int_equal(err_http_status((enum err_code)unknown[i]), 500);
    }
}

static void set_returns_the_negative_code_and_clears_what_was_said_before(void **state) {
    struct err err = {0};

    assert_int_equal(err_set(&err, ERR_AMOUNT, "the amount is %d", 5), -ERR_AMOUNT);
    assert_int_equal(err_hint(&err, "ask for %d", 4), -ERR_AMOUNT);
    assert_int_equal(err_place(&err, "/%s", "amount"), -ERR_AMOUNT);
    assert_int_equal(err.code, ERR_AMOUNT);
    assert_string_equal(err.detail, "the amount is 5");
    assert_string_equal(err.hint, "ask for 4");
    assert_string_equal(err.place, "/amount");
    assert_int_equal(err_set(&err, ERR_STATE, "other"), -ERR_STATE);
    assert_string_equal(err.detail, "other");
    assert_string_equal(err.hint, "");
    assert_string_equal(err.place, "");
}

static void without_a_struct_the_code_is_still_returned(void **state) {
    assert_int_equal(err_set(NULL, ERR_STORE, "nobody reads this"), -ERR_STORE);
    assert_true(err_place(NULL, "/x") < 0);
    assert_true(err_hint(NULL, "x") < 0);
    assert_true(err_while(NULL, "x") < 0);
}

static void while_stands_before_the_detail(void **state) {
    struct err err = {0};

    (void)err_set(&err, ERR_IO, "no such file");
    assert_int_equal(err_while(&err, "reading %s", "a.csv"), -ERR_IO);
    assert_string_equal(err.detail, "while reading a.csv: no such file");
}

static void an_error_may_be_told_in_its_own_words(void **state) {
    struct err err = {0};

    (void)err_set(&err, ERR_IO, "inner");
    (void)err_set(&err, ERR_CONFIG, "outer, %s, outer", err.detail);
    assert_string_equal(err.detail, "outer, inner, outer");
}

static void long_text_is_cut_and_never_inside_a_character(void **state) {
    struct err err = {0};
    char text[1000];

    /* One byte off, so that one of the two runs has a character across the end. */
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 3 < sizeof(text); i += 3) {
            memcpy(text + i, "\xE2\x82\xAC", 4); /* the euro sign */
        }
        (void)err_set(&err, ERR_IO, "%s", text);
        assert_true(strlen(err.detail) >= sizeof(err.detail) - 3);
        assert_int_equal((strlen(err.detail) - shift) % 3, 0);
        (void)err_place(&err, "%s", text);
        assert_int_equal((strlen(err.place) - shift) % 3, 0);
        (void)err_while(&err, "%.*s", (int)shift, "abcd");
        assert_int_equal((strlen(err.detail) - strlen("while : ")) % 3, (2 * shift) % 3);
        (void)err_while(&err, "%s", text);
        assert_true(strlen(err.detail) < sizeof(err.detail));
    }
}

static void clear_forgets_everything(void **state) {
    struct err err = {0};

    (void)err_set(&err, ERR_IO, "x");
    err_clear(&err);
    assert_int_equal(err.code, ERR_OK);
    assert_string_equal(err.detail, "");
}

static void break_an_invariant(void) {
    const int two = 2;

    INVARIANT(two == 3, "two is three");
}

static void keep_an_invariant(void) {
    INVARIANT(true);
}

static void a_broken_invariant_aborts_and_a_kept_one_does_not(void **state) {
    assert_true(aborts(break_an_invariant));
    assert_false(aborts(keep_an_invariant));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_is_positive_and_used_once),
        cmocka_unit_test(every_type_is_a_slug_and_used_once),
        cmocka_unit_test(every_status_is_one_that_http_gives_to_errors),
        cmocka_unit_test(a_wrong_request_is_never_to_be_repeated),
        cmocka_unit_test(every_title_is_a_short_sentence_without_its_point),
        cmocka_unit_test(the_functions_give_the_row_of_the_code),
        cmocka_unit_test(an_unknown_code_gives_the_row_of_internal),
        cmocka_unit_test(set_returns_the_negative_code_and_clears_what_was_said_before),
        cmocka_unit_test(without_a_struct_the_code_is_still_returned),
        cmocka_unit_test(while_stands_before_the_detail),
        cmocka_unit_test(an_error_may_be_told_in_its_own_words),
        cmocka_unit_test(long_text_is_cut_and_never_inside_a_character),
        cmocka_unit_test(clear_forgets_everything),
        cmocka_unit_test(a_broken_invariant_aborts_and_a_kept_one_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
