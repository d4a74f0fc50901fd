/* SPDX-License-Identifier: Apache-2.0
 * test_follow.c: a log that grows, is rotated, cut and gone, line by line: none is told twice, none
 * is left out, and reading goes on where it stood after a restart. */
#include <glib.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/follow.h"

static char folder[64], log_path[96], old_path[96];
static struct follow *follow;

static int begin(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/holdfast-follow-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    snprintf(old_path, sizeof old_path, "%s/log.1", folder);
    follow = NULL;
    return 0;
}

static int end(void **state) {
    (void)state;
    follow_close(follow);
    (void)unlink(log_path);
    (void)unlink(old_path);
    return rmdir(folder);
}

static void append(const char *path, const char *text) {
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool open_from(enum follow_from from, const struct follow_place *place) {
    struct err err = {0};
    bool same = false;
    follow_close(follow);
    follow = NULL;
    if (follow_open(log_path, from, place, &follow, &same, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    return same;
}

static enum follow_event next(struct follow_line *line) {
    struct err err = {0};
    enum follow_event event = FOLLOW_NOTHING;
    if (follow_next(follow, &event, line, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    return event;
}

static void line_is(const char *text, int64_t number) {
    struct follow_line line;
    assert_int_equal(next(&line), FOLLOW_LINE);
    assert_string_equal(line.bytes, text);
    assert_int_equal(line.count, strlen(text));
    assert_int_equal(line.line, number);
}

static void nothing(void) {
    struct follow_line line;
    assert_int_equal(next(&line), FOLLOW_NOTHING);
}

static size_t another(void) {
    struct follow_line line;
    assert_int_equal(next(&line), FOLLOW_ANOTHER);
    return line.count;
}

static void a_line_is_told_when_its_end_is_written(void **state) {
    (void)state;
    append(log_path, "one\r\n\ntw");
    open_from(FOLLOW_FROM_START, NULL);
    line_is("one", 1);
    line_is("", 2);
    nothing();
    append(log_path, "o");
    nothing();
    append(log_path, "\nthree\n");
    line_is("two", 3);
    line_is("three", 4);
    nothing();
}

static void from_the_end_only_what_comes_is_told_with_its_number(void **state) {
    (void)state;
    append(log_path, "one\ntwo\nhalf");
    open_from(FOLLOW_FROM_END, NULL);
    nothing();
    append(log_path, " a line\n");
    line_is("half a line", 3);
}

static void a_rotated_file_is_read_to_its_end_before_the_new_one(void **state) {
    (void)state;
    append(log_path, "one\n");
    open_from(FOLLOW_FROM_START, NULL);
    line_is("one", 1);
    assert_int_equal(rename(log_path, old_path), 0);
    nothing();
    append(old_path, "late\n"); /* its writer has not gone over yet */
    line_is("late", 2);
    append(log_path, ""); /* made, and still empty */
    nothing();
    append(old_path, "later\n");
    line_is("later", 3);
    append(log_path, "new\n");
    append(old_path, "last\nhalf");
    line_is("last", 4);
    assert_int_equal(another(), 4);
    line_is("new", 1);
    nothing();
}

static void a_file_that_is_cut_is_read_from_its_start(void **state) {
    (void)state;
    append(log_path, "one\ntwo\nthr");
    open_from(FOLLOW_FROM_START, NULL);
    line_is("one", 1);
    line_is("two", 2);
    nothing();
    assert_int_equal(truncate(log_path, 0), 0);
    append(log_path, "new\n");
    (void)another();
    line_is("new", 1);
    nothing();
}

static void a_line_that_is_too_long_is_passed_over(void **state) {
    (void)state;
    g_autofree char *most = g_strnfill(FOLLOW_LINE_BYTES_MAX, 'm');
    g_autofree char *more = g_strnfill(5 * FOLLOW_LINE_BYTES_MAX, 'x');
    struct follow_line line;
    struct follow_place place;
    append(log_path, "one\n");
    append(log_path, more);
    open_from(FOLLOW_FROM_START, NULL);
    line_is("one", 1);
    nothing();
    follow_place(follow, &place); /* within the line: a restart begins it anew */
    assert_int_equal(place.at, 4);
    append(log_path, "\n");
    append(log_path, most);
    append(log_path, "\nlast\n");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(next(&line), FOLLOW_LONG);
        assert_int_equal(line.line, 2);
        assert_int_equal(next(&line), FOLLOW_LINE);
        assert_int_equal(line.count, FOLLOW_LINE_BYTES_MAX);
        assert_int_equal(line.line, 3);
        line_is("last", 4);
        nothing();
        assert_true(open_from(FOLLOW_FROM_END, &place));
    }
}

static void it_goes_on_where_it_stood_if_it_is_the_same_file(void **state) {
    (void)state;
    struct follow_place place;
    append(log_path, "one\ntwo\nthree\n");
    open_from(FOLLOW_FROM_START, NULL);
    line_is("one", 1);
    follow_place(follow, &place);
    line_is("two", 2); /* told, and the place before it was kept: it is told again */
    assert_true(open_from(FOLLOW_FROM_END, &place));
    line_is("two", 2);
    line_is("three", 3);
    /* Kept open, so that the new one cannot have its number. */
    assert_int_equal(rename(log_path, old_path), 0);
    append(log_path, "other\n");
    assert_false(open_from(FOLLOW_FROM_END, &place));
    line_is("other", 1);
    follow_place(follow, &place);
    assert_int_equal(truncate(log_path, 0), 0);
    append(log_path, "x\n");
    assert_false(open_from(FOLLOW_FROM_END, &place));
    line_is("x", 1);
}

static void the_first_line_is_there_wherever_reading_stands(void **state) {
    (void)state;
    struct err err = {0};
    char head[16];
    size_t count = 9;
    append(log_path, "a,b");
    open_from(FOLLOW_FROM_END, NULL);
    assert_return_code(follow_first(follow, head, sizeof head, &count, &err), 0);
    assert_int_equal(count, 0); /* not whole yet */
    append(log_path, "\r\n1,2\n");
    line_is("a,b", 1);
    line_is("1,2", 2);
    assert_return_code(follow_first(follow, head, sizeof head, &count, &err), 0);
    assert_int_equal(count, 3);
    assert_memory_equal(head, "a,b", 3);
    assert_int_equal(follow_first(follow, head, 3, &count, &err), -ERR_TOO_LARGE);
}

static void what_is_no_file_is_refused(void **state) {
    (void)state;
    struct follow *none = NULL;
    struct err err = {0};
    bool same;
    assert_int_equal(follow_open(log_path, FOLLOW_FROM_END, NULL, &none, &same, &err), -ERR_IO);
    assert_non_null(strstr(err.detail, "is not there"));
    err = (struct err){0};
    assert_int_equal(follow_open(folder, FOLLOW_FROM_END, NULL, &none, &same, &err), -ERR_IO);
    assert_non_null(strstr(err.detail, "is not a regular file"));
}

/* Whether what stands at the path is what is being read: who is two rotations behind loses one. */
static bool is_at_hand(void) {
    struct follow_place place;
    struct stat status;
    follow_place(follow, &place);
    return stat(log_path, &status) == 0 && (int64_t)status.st_ino == place.inode;
}

/* In pieces of any length, read now and then, rotated at times: all lines, once, in order. */
static void nothing_is_lost_whatever_comes_when(void **state) {
    (void)state;
    enum { LINES = 3000 };
    g_autoptr(GRand) dice = g_rand_new_with_seed(7);
    g_autoptr(GString) waits = g_string_new("");
    int written = 0, told = 0;
    append(log_path, "");
    open_from(FOLLOW_FROM_START, NULL);
    while (told < LINES) {
        struct follow_line line;
        int what = g_rand_int_range(dice, 0, 100);
        if (what < 40 && written < LINES) {
            g_string_append_printf(waits, "line %d%*s\n", written++,
                                   g_rand_int_range(dice, 0, 200), "");
        } else if (what < 70 || written == LINES) {
            int most = (int)waits->len;
            gsize count = most > 0 ? (gsize)g_rand_int_range(dice, 1, most + 1) : 0;
            g_autofree char *piece = g_strndup(waits->str, count);
            append(log_path, piece);
            g_string_erase(waits, 0, (gssize)count);
        } else if (what == 70 && waits->len == 0 && is_at_hand()) {
            (void)unlink(old_path);
            assert_int_equal(rename(log_path, old_path), 0);
            append(log_path, "");
        }
        for (int reads = g_rand_int_range(dice, 0, 6); reads > 0; reads--) {
            enum follow_event event = next(&line);
            assert_int_not_equal(event, FOLLOW_LONG);
            if (event == FOLLOW_ANOTHER) {
                assert_int_equal(line.count, 0);
            } else if (event == FOLLOW_LINE) {
                int number = -1;
                assert_int_equal(sscanf(line.bytes, "line %d", &number), 1);
                assert_int_equal(number, told++);
            }
        }
    }
    assert_int_equal(told, LINES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_told_when_its_end_is_written),
        TEST(from_the_end_only_what_comes_is_told_with_its_number),
        TEST(a_rotated_file_is_read_to_its_end_before_the_new_one),
        TEST(a_file_that_is_cut_is_read_from_its_start),
        TEST(a_line_that_is_too_long_is_passed_over),
        TEST(it_goes_on_where_it_stood_if_it_is_the_same_file),
        TEST(the_first_line_is_there_wherever_reading_stands),
        TEST(what_is_no_file_is_refused),
        TEST(nothing_is_lost_whatever_comes_when),
    };
    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
