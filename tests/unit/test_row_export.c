/* SPDX-License-Identifier: Apache-2.0
 * test_row_export.c: the rows of a statement and of a run as pages and files: each row once, totals
 * that tie out with the books, nothing that a spreadsheet would calculate; on both engines. */
#include "break_fixture.h"

#include "base/json.h"
#include "recon/row_export.h"

enum { FILE_BYTES_MAX = 8 * 1024 * 1024, MANY = 700 };

/* ---- reading a CSV again ---- */

static int lines_of(const char *text, const char *start) {
    int count = 0;
    for (const char *at = text; at != NULL && *at != '\0'; at = strstr(at, "\r\n")) {
        at += strncmp(at, "\r\n", 2) == 0 ? 2 : 0;
        count += *at != '\0' && strncmp(at, start, strlen(start)) == 0;
        at += *at != '\0';
    }
    return count;
}

/* The `number`th field (from 0) of the line that begins so; no field of it is quoted. */
static const char *field_of(const char *text, const char *start, int number) {
    static char field[80];
    char find[80];
    snprintf(find, sizeof find, "\r\n%s", start);
    const char *at = strstr(text, find);
    assert_non_null(at);
    at += 2;
    for (int i = 0; i < number; i++) {
        at += strcspn(at, ",\r") + 1;
    }
    snprintf(field, sizeof field, "%.*s", (int)strcspn(at, ",\r"), at);
    return field;
}

static void export_statement(const char *class, int64_t after, int64_t limit, struct buf *buf) {
    buf_clear(buf);
    if (statement_export(recon, taken_last().text, class, after, limit, SHEET_CSV, buf, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

/* ---- a statement ---- */

/* More than a page; each third row in yen, each second without a fee. */
static void many_rows(void) {
    new_statement();
    for (int i = 0; i < MANY; i++) {
        struct statement_row *row = tell(100 + i);
        row->line = i + 2;
        if (i % 3 == 0) {
            row->currency = currency_stored("JPY");
        }
        if (i % 2 == 0) {
            row->fee_minor = i % 7;
        }
        row->description = i == 5 ? "=HYPERLINK(\"http://x\")" : i == 6 ? "a, \"b\"" : "";
    }
    take("");
}

static void a_statements_rows_stand_in_a_file_each_once_with_totals(void **state) {
    (void)state;
    up(NULL);
    many_rows();
    BUF_AUTO buf;
    buf_init(&buf, FILE_BYTES_MAX);
    export_statement("", 0, 0, &buf);
    assert_memory_equal(buf.data, "row,line,kind,status,at,currency,gross,fee,net,", 47);
    assert_int_equal(lines_of(buf.data, ""), 1 + MANY + 2);
    for (int i = 1; i <= MANY; i++) {
        char start[16];
        snprintf(start, sizeof start, "%d,%d,", i, i + 1);
        assert_int_equal(lines_of(buf.data, start), 1);
    }
    /* Shown, and never calculated; quoted where it is needed. */
    assert_non_null(strstr(buf.data, ",\"'=HYPERLINK(\"\"http://x\"\")\","));
    assert_non_null(strstr(buf.data, ",\"a, \"\"b\"\"\","));
    /* Two totals, in the order in which their currencies came, and what the store adds up to. */
    int64_t yen = world_int(W, "SELECT SUM(gross_minor) FROM statement_row WHERE currency = 'JPY'");
    int64_t cents = world_int(W, "SELECT SUM(gross_minor) FROM statement_row WHERE currency = "
                                 "'USD'");
    int64_t fees = world_int(W, "SELECT SUM(fee_minor) FROM statement_row WHERE currency = 'USD'");
    char text[40];
    assert_string_equal(field_of(buf.data, "total of 234", 5), "JPY");
    snprintf(text, sizeof text, "%lld", (long long)yen);
    assert_string_equal(field_of(buf.data, "total of 234", 6), text);
    assert_string_equal(field_of(buf.data, "total of 466", 5), "USD");
    snprintf(text, sizeof text, "%lld.%02lld", (long long)cents / 100, (long long)cents % 100);
    assert_string_equal(field_of(buf.data, "total of 466", 6), text);
    snprintf(text, sizeof text, "%lld.%02lld", (long long)fees / 100, (long long)fees % 100);
    assert_string_equal(field_of(buf.data, "total of 466", 7), text);
}

static void a_part_of_a_statement_is_a_file_of_its_own(void **state) {
    (void)state;
    up(NULL);
    many_rows();
    BUF_AUTO buf;
    buf_init(&buf, FILE_BYTES_MAX);
    export_statement("", 0, 600, &buf);
    assert_int_equal(lines_of(buf.data, "total of 200"), 1);
    assert_int_equal(lines_of(buf.data, "total of 400"), 1);
    assert_int_equal(lines_of(buf.data, "601,"), 0);
    export_statement("", 600, 600, &buf);
    assert_int_equal(lines_of(buf.data, ""), 1 + 100 + 2);
    assert_int_equal(lines_of(buf.data, "601,"), 1);
    export_statement("matched", 0, 0, &buf);
    assert_int_equal(lines_of(buf.data, ""), 1);
    export_statement("none", 0, 0, &buf);
    assert_int_equal(lines_of(buf.data, ""), 1 + MANY + 2);
    buf_clear(&buf);
    assert_int_equal(statement_export(recon, taken_last().text, "nonsense", 0, 0, SHEET_CSV, &buf,
                                      &err),
                     -ERR_VALIDATION);
    assert_int_equal(statement_export(recon, "stm_01J00000000000000000000000", "", 0, 0, SHEET_CSV,
                                      &buf, &err),
                     -ERR_NOT_FOUND);
}

static void a_file_that_is_larger_than_is_sent_is_refused(void **state) {
    (void)state;
    up(NULL);
    many_rows();
    BUF_AUTO buf;
    buf_init(&buf, 20000);
    assert_int_equal(statement_export(recon, taken_last().text, "", 0, 0, SHEET_CSV, &buf, &err),
                     -ERR_TOO_LARGE);
    assert_non_null(strstr(err.hint, "holdfast statement export"));
}

static void a_workbook_has_the_same_rows(void **state) {
    (void)state;
    up(NULL);
    many_rows();
    BUF_AUTO book;
    BUF_AUTO again;
    buf_init(&book, FILE_BYTES_MAX);
    buf_init(&again, FILE_BYTES_MAX);
    assert_int_equal(
        statement_export(recon, taken_last().text, "", 0, 0, SHEET_XLSX, &book, &err), 0);
    assert_memory_equal(book.data, "PK\x03\x04", 4);
    assert_int_equal(
        statement_export(recon, taken_last().text, "", 0, 0, SHEET_XLSX, &again, &err), 0);
    assert_int_equal(book.len, again.len);
    assert_memory_equal(book.data, again.data, book.len);
}

/* ---- a run ---- */

static char *payments[MANY];

/* Some are as there, some are another amount there, some are not there. */
static void a_run(void) {
    enum { PAID = 30 };
    new_statement();
    for (int i = 0; i < PAID; i++) {
        char order[16];
        snprintf(order, sizeof order, "order-%d", i);
        payments[i] = world_paid(W, order, 1000 + i);
        struct names names = names_of(payments[i]);
        if (i % 5 != 0) {
            charge_row(&names, 1000 + i - (i % 4 == 0));
        }
    }
    tell(777);
    take("");
    run();
    for (int i = 0; i < PAID; i++) {
        free(payments[i]);
    }
}

static char *last_run(void) {
    return world_text(W, "SELECT id FROM reconciliation ORDER BY id DESC LIMIT 1");
}

static int64_t figure(enum match_side side, bool rows) {
    int64_t sum = 0;
    for (int i = 0; i < figures.sum_count; i++) {
        sum += rows ? figures.sums[i].rows[side] : figures.sums[i].amount_minor[side];
    }
    return sum;
}

static void the_rows_of_a_run_tie_out_with_its_figures(void **state) {
    (void)state;
    char text[40], start[40];
    up(NULL);
    a_run();
    char *id = last_run();
    BUF_AUTO buf;
    buf_init(&buf, FILE_BYTES_MAX);
    if (run_export(recon, id, "", SHEET_CSV, &buf, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    int64_t ours = figure(OURS, true), theirs = figure(THEIRS, true);
    assert_int_equal(ours, 30);
    assert_int_equal(theirs, 25);
    assert_int_equal(lines_of(buf.data, "ours,pst_charge_"), ours);
    assert_int_equal(lines_of(buf.data, "theirs,stm_"), theirs);
    snprintf(start, sizeof start, "total of %lld", (long long)(ours + theirs));
    for (int side = OURS; side <= THEIRS; side++) {
        int64_t sum = figure((enum match_side)side, false);
        snprintf(text, sizeof text, "%lld.%02lld", (long long)sum / 100, (long long)sum % 100);
        assert_string_equal(field_of(buf.data, start, 6 + side), text);
    }
    buf_clear(&buf);
    assert_int_equal(run_export(recon, id, "amount_under", SHEET_CSV, &buf, &err), 0);
    assert_int_equal(lines_of(buf.data, "ours,"), rows_in(CLASS_AMOUNT_UNDER, OURS));
    assert_true(rows_in(CLASS_AMOUNT_UNDER, OURS) > 0);
    assert_int_equal(run_export(recon, id, "none", SHEET_CSV, &buf, &err), -ERR_VALIDATION);
    assert_int_equal(run_export(recon, "rec_0", "", SHEET_CSV, &buf, &err), -ERR_NOT_FOUND);
    free(id);
}

static void pages_of_a_runs_rows_give_each_row_once(void **state) {
    (void)state;
    char seen[80][130], cursor[140] = "";
    int count = 0;
    up(NULL);
    a_run();
    char *id = last_run();
    for (bool more = true; more;) {
        ANSWER_AUTO answer = {0};
        size_t i;
        json_t *row;
        if (run_rows(recon, id, "", cursor, 7, &answer, &err) < 0) {
            fail_msg("%s", err.detail);
        }
        json_t *page = json_loads(answer.json, 0, NULL);
        assert_non_null(page);
        assert_true(json_array_size(json_object_get(page, "data")) <= 7);
        json_array_foreach(json_object_get(page, "data"), i, row) {
            assert_true(count < 80);
            snprintf(seen[count], sizeof seen[0], "%s",
                     json_string_value(json_object_get(row, "movement_id")));
            for (int j = 0; j < count; j++) {
                assert_string_not_equal(seen[j], seen[count]);
            }
            count++;
            bool theirs = strcmp(json_string_value(json_object_get(row, "side")), "theirs") == 0;
            assert_int_equal(json_is_integer(json_object_get(row, "their_amount")), theirs);
            assert_int_equal(json_is_integer(json_object_get(row, "our_amount")), !theirs);
        }
        const char *next = json_string_value(json_object_get(page, "next_cursor"));
        more = next != NULL;
        snprintf(cursor, sizeof cursor, "%s", more ? next : "");
        json_decref(page);
    }
    assert_int_equal(count, 55);
    ANSWER_AUTO none = {0};
    assert_int_equal(run_rows(recon, id, "", "3:x", 7, &none, &err), -ERR_VALIDATION);
    free(id);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_statements_rows_stand_in_a_file_each_once_with_totals),
        cmocka_unit_test(a_part_of_a_statement_is_a_file_of_its_own),
        cmocka_unit_test(a_file_that_is_larger_than_is_sent_is_refused),
        cmocka_unit_test(a_workbook_has_the_same_rows),
        cmocka_unit_test(the_rows_of_a_run_tie_out_with_its_figures),
        cmocka_unit_test(pages_of_a_runs_rows_give_each_row_once),
    };
    return payment_world_run("exported rows", tests, COUNT_OF(tests));
}
