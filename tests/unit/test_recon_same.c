/* SPDX-License-Identifier: Apache-2.0
 * test_recon_same.c: two plain files by a map are compared alike, whether they need a reader (in
 * another character set, or with sums that are checked) or not; what a row that stands there twice
 * is in each use; what has time yet to appear there; and what no report says. */
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "match/files/files.h"
#include "statement/map.h"
#include "statement/statement.h"

#define HEAD "kind,status,currency,amount,time,id,reference\n"
#define ROW(amount, id) "charge,done,USD," amount ",2026-11-01T00:00:00Z," id ",R-" id "\n"
#define AT(time, amount, id) "charge,done,USD," amount "," time "," id ",R-" id "\n"
#define MAP                                                                                        \
    "columns: {kind: kind, status: status, currency: currency, amount: amount, time: time, "       \
    "gateway_id: id, reference: reference}\n"
#define GBK "charset: gb18030\n"
#define SUMS "footer: Sum\ntotals: [amount]\n"
/* 订单 in GB 18030, and in UTF-8. */
#define ORDER_GBK "\xB6\xA9\xB5\xA5"
#define ORDER_UTF8 "\xE8\xAE\xA2\xE5\x8D\x95"

static struct files_figures *figures;

static struct csv_map *map_of(const char *text) {
    struct csv_map *map = NULL;
    struct err err = {0};
    if (csv_map_read("map.yaml", text, strlen(text), &map, &err) < 0) {
        fail_msg("%s %s", err.detail, err.place);
    }
    return map;
}

static void put_file(const char *path, const char *text) {
    assert_true(g_file_set_contents(path, text, (gssize)strlen(text), NULL));
}

static void remove_all(const char *folder) {
    GDir *dir = g_dir_open(folder, 0, NULL);
    assert_non_null(dir);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_unlink(path) != 0) {
            remove_all(path);
        }
    }
    g_dir_close(dir);
    assert_int_equal(g_rmdir(folder), 0);
}

/* Of the next comparison: as in struct files_request. */
static struct {
    bool waits;
    int days;
    int64_t until_us;
} waited;

/* The breaks as they were written; NULL: it was refused with -ERR_VALIDATION. */
static char *compare(const char *our_map, const char *ours, const char *their_map,
                     const char *theirs) {
    char *folder = g_dir_make_tmp("holdfast-same-XXXXXX", NULL);
    g_autofree char *our_path = g_build_filename(folder, "ours.csv", NULL);
    g_autofree char *their_path = g_build_filename(folder, "theirs.csv", NULL);
    g_autofree char *out = g_build_filename(folder, "out", NULL);
    g_autofree char *breaks = g_build_filename(out, "breaks.csv", NULL);
    CSV_MAP_AUTO our = map_of(our_map);
    CSV_MAP_AUTO their = their_map != NULL ? map_of(their_map) : NULL;
    struct err err = {0};
    char *text = NULL;
    put_file(our_path, ours);
    put_file(their_path, theirs);
    const struct files_request request = {
        .sides = {{.path = our_path, .map = our},
                  {.path = their_path,
                   .map = their,
                   .reader = their_map == NULL ? statement_reader_find("canonical") : NULL}},
        .report = out,
        .waits = waited.waits,
        .wait_days = waited.days,
        .told_until_us = waited.until_us,
    };
    int rc = files_reconcile(&request, figures, &err);
    assert_true(rc == 0 || rc == -ERR_VALIDATION);
    if (rc == 0) {
        assert_true(g_file_get_contents(breaks, &text, NULL, NULL));
    }
    remove_all(folder);
    g_free(folder);
    return text;
}

static int64_t rows_in(enum match_class class, enum match_side side) {
    int64_t rows = 0;
    for (int i = 0; i < figures->sum_count; i++) {
        rows += figures->sums[i].class == class ? figures->sums[i].rows[side] : 0;
    }
    return rows;
}

static void a_row_that_stands_there_twice_is_a_break_however_its_file_is_read(void **state) {
    static const char ours[] = HEAD ROW("1.00", "A") ROW("2.00", "B");
    static const char theirs[] = HEAD ROW("1.00", "A") ROW("1.00", "A") ROW("2.00", "B");
    static const char with_sum[] = HEAD ROW("1.00", "A") ROW("1.00", "A")
        ROW("2.00", "B") "Sum,,,4.00,,,\n";
    (void)state;
    g_autofree char *plain = compare(MAP, ours, MAP, theirs);
    assert_non_null(plain);
    assert_int_equal(figures->breaks, 1);
    assert_int_equal(rows_in(CLASS_DUPLICATE_THERE, THEIRS), 1);
    g_autofree char *gbk = compare(MAP, ours, MAP GBK, theirs);
    g_autofree char *sums = compare(MAP, ours, MAP SUMS, with_sum);
    assert_non_null(gbk);
    assert_non_null(sums);
    assert_string_equal(gbk, plain);
    assert_string_equal(sums, plain);
    /* And in our own format, by its reader. */
    g_autofree char *own = compare(
        MAP, ours, NULL,
        "gateway_id,reference,original_id,original_reference,batch,kind,status,currency,gross,fee,"
        "net,time,method,description\nA,R-A,,,,charge,done,USD,100,,,2026-11-01T00:00:00Z,,\n"
        "A,R-A,,,,charge,done,USD,100,,,2026-11-01T00:00:00Z,,\n"
        "B,R-B,,,,charge,done,USD,200,,,2026-11-01T00:00:00Z,,\n");
    assert_non_null(own);
    assert_int_equal(rows_in(CLASS_DUPLICATE_THERE, THEIRS), 1);
}

static void it_is_one_on_our_side_as_well(void **state) {
    static const char twice[] = HEAD ROW("1.00", "A") ROW("1.00", "A");
    static const char once[] = HEAD ROW("1.00", "A");
    (void)state;
    g_autofree char *plain = compare(MAP, twice, MAP, once);
    assert_int_equal(rows_in(CLASS_DUPLICATE_HERE, OURS), 1);
    g_autofree char *gbk = compare(MAP GBK, twice, MAP, once);
    assert_non_null(gbk);
    assert_string_equal(gbk, plain);
}

/* What the reader says of a file that is taken into the store. */
static int repeated;

static int sink_row(void *ctx, const struct statement_row *row, struct err *err) {
    (void)ctx;
    (void)row;
    (void)err;
    return 0;
}

static void sink_problem(void *ctx, enum statement_problem problem, int64_t line,
                         const char *text) {
    (void)ctx;
    (void)text;
    repeated += problem == PROBLEM_REPEATED && line == 3;
}

static void a_statement_with_it_is_not_taken_into_the_books(void **state) {
    static const char theirs[] = HEAD ROW("1.00", "A") ROW("1.00", "A");
    (void)state;
    CSV_MAP_AUTO map = map_of(MAP);
    const struct statement_sink sink = {NULL, sink_row, sink_problem};
    const struct statement_source source = {
        .name = "theirs.csv", .bytes = theirs, .count = strlen(theirs), .map = map};
    struct statement_head head = {0};
    struct err err = {0};
    repeated = 0;
    assert_int_equal(statement_reader_find("csv")->read(&source, &sink, &head, &err), 0);
    assert_int_equal(repeated, 1);
}

static void the_character_set_of_a_map_is_heeded(void **state) {
    static const char ours[] = HEAD "charge,done,USD,1.00,2026-11-01T00:00:00Z,," ORDER_UTF8 "-7\n";
    static const char gbk[] = HEAD "charge,done,USD,1.00,2026-11-01T00:00:00Z,," ORDER_GBK "-7\n";
    (void)state;
    g_autofree char *same = compare(MAP, ours, MAP GBK, gbk);
    assert_non_null(same);
    assert_int_equal(figures->breaks, 0);
    assert_int_equal(rows_in(CLASS_MATCHED, THEIRS), 1);
    assert_null(compare(MAP, ours, MAP, gbk)); /* no UTF-8 */
    assert_int_equal(figures->shown[0].problem, PROBLEM_ENCODING);
}

static void the_sums_of_a_footer_are_checked(void **state) {
    static const char ours[] = HEAD ROW("1.00", "A") ROW("2.50", "B");
    (void)state;
    g_autofree char *right = compare(MAP, ours, MAP SUMS,
                                     HEAD ROW("1.00", "A") ROW("2.50", "B") "Sum,,,3.50,,,\n");
    assert_non_null(right);
    assert_int_equal(figures->breaks, 0);
    assert_null(
        compare(MAP, ours, MAP SUMS, HEAD ROW("1.00", "A") ROW("2.50", "B") "Sum,,,3.51,,,\n"));
    assert_int_equal(figures->shown[0].problem, PROBLEM_TOTAL);
    assert_int_equal(figures->shown[0].line, 4);
    assert_null(compare(MAP, ours, MAP SUMS, HEAD ROW("1.00", "A") ROW("2.50", "B")));
    assert_int_equal(figures->shown[0].problem, PROBLEM_CUT);
}

/* ---- torn files ---- */

static void a_file_whose_last_line_has_no_end_is_compared_with_nothing(void **state) {
    static const char ours[] = HEAD ROW("1.00", "A");
    static const char torn[] = HEAD ROW("1.00",
                                        "A") "charge,done,USD,2.00,2026-11-01T00:00:00Z,B,R";
    (void)state;
    assert_null(compare(MAP, ours, MAP, torn));
    assert_int_equal(figures->shown[0].problem, PROBLEM_CUT);
    assert_int_equal(figures->shown[0].line, 3);
    assert_null(compare(MAP, torn, MAP, ours));
    g_autofree char *left_out = compare(MAP, ours, MAP "last_line_end: false\n", torn);
    assert_non_null(left_out);
    assert_int_equal(figures->breaks, 1);
    /* A footer says that nothing is missing behind it. */
    g_autofree char *whole = compare(MAP, ours, MAP "footer: End\n", HEAD ROW("1.00", "A") "End");
    assert_non_null(whole);
    assert_non_null(whole);
    assert_int_equal(figures->breaks, 0);
}

/* Whether the row is looked at quickly or read whole. */
static void a_time_that_no_clock_showed_is_damage(void **state) {
#define BERLIN MAP "time: {format: \"YYYY-MM-DD hh:mm:ss\", zone: Europe/Berlin}\n"
    static const char never[] = HEAD AT("2025-03-30 01:59:00", "1.00", "A")
        AT("2025-03-30 02:30:00", "2.00", "B");
    static const char was[] = HEAD AT("2025-03-30 01:59:00", "1.00", "A")
        AT("2025-03-30 03:30:00", "2.00", "B") AT("2025-10-26 02:30:00", "3.00", "C");
    (void)state;
    assert_null(compare(BERLIN, never, BERLIN, was));
    assert_int_equal(figures->shown[0].problem, PROBLEM_BAD_VALUE);
    assert_int_equal(figures->shown[0].line, 3);
    g_autofree char *same = compare(BERLIN, was, BERLIN, was);
    assert_non_null(same);
    assert_int_equal(figures->breaks, 0);
}

/* ---- what has time yet ---- */

static int64_t moment(const char *text) {
    int64_t wall_us = 0;
    assert_true(clock_parse(text, &wall_us));
    return wall_us;
}

static char *compare_waiting(const char *their_map, const char *ours, const char *theirs, int days,
                             const char *until) {
    waited.waits = true;
    waited.days = days;
    waited.until_us = until != NULL ? moment(until) : 0;
    char *breaks = compare(MAP, ours, their_map, theirs);
    waited.waits = false;
    return breaks;
}

/* 2026-11-05 is a Thursday. */
static void what_moved_shortly_before_their_file_ends_is_expected(void **state) {
    static const char ours[] = HEAD AT("2026-11-02T10:00:00Z", "1.00", "A")
        AT("2026-11-03T10:00:00Z", "2.00", "B") AT("2026-11-05T10:00:00Z", "4.00", "C")
            AT("2026-11-06T10:00:00Z", "8.00", "D") AT("2026-11-09T10:00:00Z", "16.00", "E");
    static const char theirs[] = HEAD AT("2026-11-06T23:00:00Z", "8.00", "D")
        AT("2026-11-02T12:00:00Z", "1.00", "A");
    (void)state;
    g_autofree char *whole = compare(MAP, ours, MAP, theirs);
    assert_non_null(whole);
    assert_int_equal(figures->breaks, 3);
    assert_int_equal(figures->told_until_us, 0);
    /* Two business days: B's were over with Thursday, C has time until Monday's end, E moved
     * later. */
    g_autofree char *breaks = compare_waiting(MAP, ours, theirs, 2, NULL);
    assert_int_equal(figures->told_until_us, moment("2026-11-06T23:00:00Z"));
    assert_int_equal(figures->breaks, 1);
    assert_int_equal(rows_in(CLASS_MISSING_THERE, OURS), 1);
    assert_int_equal(rows_in(CLASS_EXPECTED, OURS), 2);
    assert_non_null(strstr(breaks, "R-B"));
    assert_null(strstr(breaks, "R-C"));
    /* Named by hand it is later, and C is missing as well. */
    g_autofree char *later = compare_waiting(MAP, ours, theirs, 2, "2026-11-10T00:00:00Z");
    assert_non_null(later);
    assert_int_equal(rows_in(CLASS_MISSING_THERE, OURS), 2);
    assert_int_equal(rows_in(CLASS_EXPECTED, OURS), 1);
    /* What their file has and ours has not is never waited for. */
    g_autofree char *there = compare_waiting(MAP, HEAD, theirs, 2, NULL);
    assert_non_null(there);
    assert_int_equal(rows_in(CLASS_MISSING_HERE, THEIRS), 2);
}

static void the_days_are_those_of_their_zone(void **state) {
#define LOCAL MAP "time: {format: \"YYYY-MM-DD hh:mm:ss\", zone: Asia/Shanghai}\n"
    /* Shanghai's Wednesday begins at 16:00 UTC of Tuesday, and one business day of it ends at
     * 16:00 UTC of Thursday. */
    static const char ours[] = HEAD AT("2026-11-03T16:30:00Z", "1.00", "A");
    static const char theirs[] = HEAD AT("2026-11-05 23:59:00", "2.00", "B");
    static const char after[] = HEAD AT("2026-11-06 00:00:00", "2.00", "B");
    (void)state;
    g_autofree char *before = compare_waiting(LOCAL, ours, theirs, 1, NULL);
    assert_non_null(before);
    assert_int_equal(rows_in(CLASS_EXPECTED, OURS), 1);
    g_autofree char *over = compare_waiting(LOCAL, ours, after, 1, NULL);
    assert_non_null(over);
    assert_int_equal(rows_in(CLASS_MISSING_THERE, OURS), 1);
}

static void a_file_without_a_row_must_be_said_how_far_it_tells(void **state) {
    static const char ours[] = HEAD ROW("1.00", "A");
    (void)state;
    assert_null(compare_waiting(MAP, ours, HEAD, 3, NULL));
    g_autofree char *said = compare_waiting(MAP, ours, HEAD, 3, "2026-11-02T00:00:00Z");
    assert_non_null(said);
    assert_int_equal(rows_in(CLASS_EXPECTED, OURS), 1);
}

/* ---- what a stranger's text may do ---- */

static void no_formula_and_no_card_number_is_written_into_the_breaks(void **state) {
    static const char theirs[] = HEAD
        "charge,done,USD,1.00,2026-11-01T00:00:00Z,=1+2,\n"
        "charge,done,USD,2.00,2026-11-01T00:00:00Z,@SUM(A1),\n"
        "charge,done,USD,3.00,2026-11-01T00:00:00Z,-3,\n"
        "charge,done,USD,4.00,2026-11-01T00:00:00Z,+4,\n"
        "charge,done,USD,5.00,2026-11-01T00:00:00Z,\"=HYPERLINK(\"\"x\"\",1)\",\n"
        "charge,done,USD,6.00,2026-11-01T00:00:00Z,4242 4242 4242 4242,\n";
    static const char *const written[] = {"'=1+2,",
                                          "'@SUM(A1),",
                                          "'-3,",
                                          "'+4,",
                                          "\"'=HYPERLINK(\"\"x\"\",1)\",",
                                          "**** **** **** 4242"};
    (void)state;
    g_autofree char *breaks = compare(MAP, HEAD, MAP, theirs);
    assert_non_null(breaks);
    assert_int_equal(figures->breaks, 6);
    for (size_t i = 0; i < COUNT_OF(written); i++) {
        if (strstr(breaks, written[i]) == NULL) {
            fail_msg("%s is not in %s", written[i], breaks);
        }
    }
    assert_null(strstr(breaks, ",=1+2"));
    assert_null(strstr(breaks, "4242 4242"));
}

int main(void) {
    figures = g_new0(struct files_figures, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_that_stands_there_twice_is_a_break_however_its_file_is_read),
        cmocka_unit_test(it_is_one_on_our_side_as_well),
        cmocka_unit_test(a_statement_with_it_is_not_taken_into_the_books),
        cmocka_unit_test(the_character_set_of_a_map_is_heeded),
        cmocka_unit_test(the_sums_of_a_footer_are_checked),
        cmocka_unit_test(a_file_whose_last_line_has_no_end_is_compared_with_nothing),
        cmocka_unit_test(a_time_that_no_clock_showed_is_damage),
        cmocka_unit_test(what_moved_shortly_before_their_file_ends_is_expected),
        cmocka_unit_test(the_days_are_those_of_their_zone),
        cmocka_unit_test(a_file_without_a_row_must_be_said_how_far_it_tells),
        cmocka_unit_test(no_formula_and_no_card_number_is_written_into_the_breaks),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    g_free(figures);
    return failed;
}
