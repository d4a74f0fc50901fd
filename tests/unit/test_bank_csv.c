/* SPDX-License-Identifier: Apache-2.0
 * test_bank_csv.c: Holdfast's own CSV of a bank's statement: what is read, and what is refused with
 * its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "cli/bank_csv.h"

#define NAMES "bank_id,account,booked_on,direction,amount,currency,remittance"
#define ROW "b1,DE02,2026-11-22,credit,100.00,EUR,thanks"

static json_t *rows_of(const char *text) {
    struct err err = {0};
    json_t *rows = NULL;
    if (bank_csv_read(text, strlen(text), &rows, &err) < 0) {
        fail_msg("refused: %s", err.detail);
    }
    return rows;
}

static const char *at(const json_t *rows, size_t row, const char *key) {
    return json_string_value(json_object_get(json_array_get(rows, row), key));
}

static void a_statement_is_read(void **state) {
    json_t *rows = rows_of("\xEF\xBB\xBF" NAMES "\r\n" ROW "\r\nb2,DE02,2026-11-22,debit,5,JPY,\n");
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(at(rows, 0, "bank_id"), "b1");
    assert_string_equal(at(rows, 0, "remittance"), "thanks");
    assert_int_equal(json_peek_int(json_array_get(rows, 0), -1, "amount", NULL), 10000);
    assert_int_equal(json_peek_int(json_array_get(rows, 1), -1, "amount", NULL), 5);
    assert_int_equal(json_peek_int(json_array_get(rows, 1), -1, "line", NULL), 3);
    assert_null(at(rows, 1, "remittance"));
    json_decref(rows);
    (void)state;
}

static void columns_stand_in_any_order_and_fields_in_quotes(void **state) {
    json_t *rows = rows_of("amount,currency,remittance,bank_id,account,booked_on,direction\n"
                           "1.50,USD,\"a, \"\"b\"\" c\",b1,DE02,2026-11-22,credit");
    assert_string_equal(at(rows, 0, "remittance"), "a, \"b\" c");
    assert_int_equal(json_peek_int(json_array_get(rows, 0), -1, "amount", NULL), 150);
    json_decref(rows);
    (void)state;
}

static void what_is_wrong_is_refused_with_its_line(void **state) {
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "line 1"},
        {NAMES, "no row"},
        {NAMES "\n", "no row"},
        {"bank_id,account,booked_on,direction,amount\nx", "\"currency\" is missing"},
        {NAMES ",colour\n" ROW ",red", "no column \"colour\""},
        {NAMES ",account\n" ROW ",DE02", "named twice"},
        {NAMES "\n" ROW "\n" ROW ",more", "line 3"},
        {NAMES "\nb1,DE02,2026-11-22,credit,100.00,EUR", "line 2"},
        {NAMES "\n" ROW "\n\n" ROW, "line 3"},
        {NAMES "\n,DE02,2026-11-22,credit,1.00,EUR,x", "\"bank_id\" is empty"},
        {NAMES "\nb1,DE02,2026-11-22,credit,,EUR,x", "\"amount\" is empty"},
        {NAMES "\nb1,DE02,2026-11-22,credit,-1.00,EUR,x", "amount"},
        {NAMES "\nb1,DE02,2026-11-22,credit,0,EUR,x", "amount"},
        {NAMES "\nb1,DE02,2026-11-22,credit,1.005,EUR,x", "amount"},
        {NAMES "\nb1,DE02,2026-11-22,credit,\"1,00\",EUR,x", "amount"},
        {NAMES "\nb1,DE02,2026-11-22,credit,1e3,EUR,x", "amount"},
        {NAMES "\nb1,DE02,2026-11-22,credit,1.00,XXQ,x", "amount"},
        {NAMES "\nb1,DE02,2026-11-22,credit,99999999999999999999,EUR,x", "amount"},
        {NAMES "\n\"b1,DE02,2026-11-22,credit,1.00,EUR,x", "never closed"},
        {NAMES "\n\"b1\"x,DE02,2026-11-22,credit,1.00,EUR,x", "follows a closing quote"},
        {NAMES "\nb\"1,DE02,2026-11-22,credit,1.00,EUR,x", "must begin with one"},
        {NAMES "\n\"b\n1\",DE02,2026-11-22,credit,1.00,EUR,x", "on the line where it began"},
        {NAMES "\nb1,DE02,2026-11-22,credit,1.00,EUR,\xFF\xFE", "UTF-8"},
        {"a,b,c,d,e,f,g,h,i,j,k,l,m,n\n", "more fields"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = {0};
        json_t *rows = NULL;
        if (bank_csv_read(bad[i].text, strlen(bad[i].text), &rows, &err) != -ERR_VALIDATION) {
            fail_msg("case %zu was taken", i);
        }
        if (strstr(err.detail, bad[i].says) == NULL) {
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, err.detail, bad[i].says);
        }
        assert_null(rows);
    }
    (void)state;
}

static void a_field_that_never_ends_is_refused(void **state) {
    static char text[8192] = NAMES "\n";
    struct err err = {0};
    json_t *rows = NULL;
    memset(text + sizeof NAMES, 'x', sizeof text - sizeof NAMES - 1);
    assert_int_equal(bank_csv_read(text, sizeof text - 1, &rows, &err), -ERR_VALIDATION);
    assert_non_null(strstr(err.detail, "too long"));
    text[sizeof NAMES] = '"';
    assert_int_equal(bank_csv_read(text, sizeof text - 1, &rows, &err), -ERR_VALIDATION);
    assert_non_null(strstr(err.detail, "never closed"));
    assert_int_equal(bank_csv_read("bank_id\0,x\n", 11, &rows, &err), -ERR_VALIDATION);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_statement_is_read),
        cmocka_unit_test(columns_stand_in_any_order_and_fields_in_quotes),
        cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
        cmocka_unit_test(a_field_that_never_ends_is_refused),
    };
    return cmocka_run_group_tests_name("bank_csv", tests, NULL, NULL);
}
