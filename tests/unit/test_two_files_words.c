/* SPDX-License-Identifier: Apache-2.0
 * test_two_files_words.c: two files against each other, of which one is not what was expected: it
 * is unpacked, or the message says what it seems to be and what to do; and all that is wrong with
 * a row is told at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <glib.h>
#include <zlib.h>

#include "match/files/files.h"
#include "statement/seems.h"

#define HEAD "kind,status,currency,amount,time,id\n"
#define GOOD "charge,done,USD,1.00,2026-11-01T00:00:00Z,G1\n"
#define MAP                                                                                        \
    "columns: {kind: kind, status: status, currency: currency, gross: amount, time: time, "        \
    "gateway_id: id}\n"

static struct files_figures figures;
static struct err err;
static int64_t now_us;

static void put_file(const char *path, const void *bytes, size_t count) {
    assert_true(g_file_set_contents(path, bytes, (gssize)count, NULL));
}

/* These bytes as ours, against one good row. */
static int against(const void *bytes, size_t count) {
    char folder[] = "/tmp/holdfast-words-XXXXXX";
    assert_non_null(mkdtemp(folder));
    g_autofree char *ours = g_build_filename(folder, "ours.csv", NULL);
    g_autofree char *theirs = g_build_filename(folder, "theirs.csv", NULL);
    g_autofree char *out = g_build_filename(folder, "out", NULL);
    put_file(ours, bytes, count);
    put_file(theirs, HEAD GOOD, strlen(HEAD GOOD));
    struct csv_map *map = NULL;
    err = (struct err){0};
    if (csv_map_read("map.yaml", MAP, strlen(MAP), &map, &err) < 0) {
        fail_msg("%s %s", err.detail, err.place);
    }
    const struct files_request request = {
        .sides = {{.path = ours, .map = map}, {.path = theirs, .map = map}},
        .report = out,
        .now_us = now_us,
    };
    int rc = files_reconcile(&request, &figures, &err);
    csv_map_free(map);
    const char *const left[] = {"breaks.csv", "problems.csv", "summary.csv", "summary.txt",
                                "run.json", "summary.json"};
    for (size_t i = 0; i < COUNT_OF(left); i++) {
        g_autofree char *path = g_build_filename(out, left[i], NULL);
        (void)unlink(path);
    }
    (void)rmdir(out);
    (void)unlink(ours);
    (void)unlink(theirs);
    (void)rmdir(folder);
    return rc;
}

static void what_is_packed_is_unpacked(void **state) {
    (void)state;
    unsigned char packed[1024];
    z_stream stream = {.next_in = (unsigned char *)HEAD GOOD,
                       .avail_in = strlen(HEAD GOOD),
                       .next_out = packed,
                       .avail_out = sizeof packed};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t count = sizeof packed - stream.avail_out;
    (void)deflateEnd(&stream);
    int rc = against(packed, count);
    if (rc != 0) {
        fail_msg("%s", err.detail);
    }
    assert_int_equal(figures.joined, 1);
    assert_true(against(packed, count - 9) < 0);
    assert_non_null(strstr(err.detail, "torn"));
}

static void what_a_file_seems_to_be_is_said_with_what_to_do(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t count;
        const char *hint;
    } cases[] = {
#define CASE(bytes, hint) {(bytes), sizeof(bytes) - 1, (hint)}
        CASE("kind;status;currency;amount;time;id\n", "delimiter: semicolon"),
        CASE("kind\tstatus\tcurrency\n", "delimiter: tab"),
        CASE("\xFF\xFEk\0i\0n\0d\0,\0s\0\n\0", "charset: utf-16"),
        CASE("k\0i\0n\0d\0,\0s\0t\0a\0t\0\n\0", "charset: utf-16"),
        CASE("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "Save its sheet as CSV"),
        CASE("%PDF-1.7\n", "PDF"),
        CASE("<!DOCTYPE html>\n<html>", "download it again"),
        CASE("\xD6\xD6\xC0\xE0,\xD7\xB4\xCC\xAC,\xB1\xD2\xD6\xD6\n1,2,3\n", "gb18030"),
        CASE("", "empty"),
#undef CASE
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(against(cases[i].bytes, cases[i].count) < 0);
        if (strstr(err.hint, cases[i].hint) == NULL) {
            fail_msg("case %zu: %s / %s", i, err.detail, err.hint);
        }
    }
    static const char book[] = "PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0"
                               "[Content_Types].xml";
    assert_true(against(book, sizeof book) < 0);
    assert_non_null(strstr(err.detail, "workbook"));
    assert_non_null(strstr(err.hint, "CSV"));
    /* Where only a column is missing there is nothing odd about the file. */
    assert_true(against("kind,status\n", 12) < 0);
    assert_string_equal(err.hint, "");
}

static void all_that_is_wrong_with_a_row_is_told(void **state) {
    (void)state;
    static const char bad[] = HEAD GOOD "gift,maybe,USD,1x,2026-02-30T00:00:00Z,G\x01\n"
                                        "charge,done,ZZZ,1x,2026-11-01T00:00:00Z,G3\n";
    assert_int_equal(against(bad, sizeof bad - 1), -ERR_VALIDATION);
    static const char *const words[] = {"gateway_id", "kind", "amount", "status", "time"};
    assert_int_equal(figures.problems[OURS], COUNT_OF(words) + 1);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        assert_int_equal(figures.shown[i].line, 3);
        assert_ptr_equal(strstr(figures.shown[i].text, words[i]), figures.shown[i].text);
    }
    /* What an amount of an unknown currency is, nobody knows. */
    assert_int_equal(figures.shown[COUNT_OF(words)].line, 4);
    assert_int_equal(figures.shown[COUNT_OF(words)].problem, PROBLEM_CURRENCY);
}

/* Four days are for time zones, wrong clocks, and what a bank books on Monday. */
static void a_row_that_is_ahead_of_the_clock_is_told_with_its_line(void **state) {
    (void)state;
    static const char rows[] = HEAD "charge,done,USD,1.00,2026-11-05T00:00:00Z,G1\n"
                                    "charge,done,USD,1.00,2026-11-05T00:00:01Z,G2\n"
                                    "charge,pending,USD,1.00,2026-12-05T00:00:00Z,G3\n"
                                    "payout,done,USD,-1.00,2026-12-05T00:00:00Z,G4\n"
                                    "charge,done,USD,1.00,2027-01-01T00:00:00Z,G5\n";
    now_us = INT64_C(1793491200) * 1000000; /* 2026-11-01 */
    assert_int_equal(against(rows, sizeof rows - 1), -ERR_VALIDATION);
    assert_int_equal(figures.problems[OURS], 2);
    assert_int_equal(figures.shown[0].line, 3);
    assert_int_equal(figures.shown[0].problem, PROBLEM_PERIOD);
    assert_non_null(strstr(figures.shown[0].text, "has not come yet"));
    assert_int_equal(figures.shown[1].line, 6);
    now_us = 0;
    assert_int_equal(against(rows, sizeof rows - 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_is_unpacked),
        cmocka_unit_test(what_a_file_seems_to_be_is_said_with_what_to_do),
        cmocka_unit_test(all_that_is_wrong_with_a_row_is_told),
        cmocka_unit_test(a_row_that_is_ahead_of_the_clock_is_told_with_its_line),
    };
    return cmocka_run_group_tests_name("words about two files", tests, NULL, NULL);
}
