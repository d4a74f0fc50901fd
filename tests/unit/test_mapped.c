/* SPDX-License-Identifier: Apache-2.0
 * test_mapped.c: large files: mapped, put aside, and written under a name that comes last. */
#include <dirent.h>
#include <glib.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mapped.h"
#include "base/outfile.h"

enum { PAGES = 20, PAGE = 4096, PIECE = 1000, PIECES = 300 };

static char folder[64];

static int make_folder(void **state) {
    snprintf(folder, sizeof folder, "/tmp/holdfast-mapped-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state) {
    DIR *open = opendir(folder);
    for (struct dirent *entry; (entry = readdir(open)) != NULL;) {
        g_autofree char *path = g_build_filename(folder, entry->d_name, NULL);
        if (entry->d_name[0] != '.') {
            (void)(unlink(path) == 0 || rmdir(path) == 0);
        }
    }
    closedir(open);
    return rmdir(folder);
}

static char *in_folder(const char *name) {
    return g_build_filename(folder, name, NULL);
}

static void fill(const char *path, size_t count) {
    FILE *file = fopen(path, "w");
    for (size_t i = 0; i < count; i++) {
        fputc('a' + (int)(i / PAGE % 26), file);
    }
    assert_int_equal(fclose(file), 0);
}

static struct mapped *open_mapped(const char *path) {
    struct mapped *file = NULL;
    struct err err = {0};
    if (mapped_open(path, &file, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    return file;
}

static void a_mapped_file_has_the_bytes_of_the_file_also_after_they_were_let_go_of(void **state) {
    g_autofree char *path = in_folder("whole");
    fill(path, PAGES * PAGE + 5);
    struct mapped *file = open_mapped(path);
    assert_int_equal(mapped_count(file), PAGES * PAGE + 5);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < mapped_count(file); i++) {
            assert_int_equal(mapped_bytes(file)[i], 'a' + (int)(i / PAGE % 26));
        }
        mapped_forget(file, 1, mapped_count(file));
        mapped_forget(file, 100, 50);
        mapped_forget(file, 0, SIZE_MAX / 2);
    }
    assert_int_equal(mapped_check(file, NULL), 0);
    mapped_close(file);
}

static void an_empty_file_has_no_bytes(void **state) {
    g_autofree char *path = in_folder("empty");
    fill(path, 0);
    struct mapped *file = open_mapped(path);
    assert_int_equal(mapped_count(file), 0);
    assert_non_null(mapped_bytes(file));
    mapped_forget(file, 0, 0);
    assert_int_equal(mapped_check(file, NULL), 0);
    mapped_close(file);
}

static void what_is_no_regular_file_is_refused(void **state) {
    struct mapped *file = NULL;
    struct err err = {0};
    g_autofree char *absent = in_folder("absent");
    assert_int_equal(mapped_open(folder, &file, &err), -ERR_IO);
    assert_non_null(strstr(err.detail, "not a regular file"));
    assert_int_equal(mapped_open(absent, &file, &err), -ERR_IO);
    assert_non_null(strstr(err.detail, "cannot be opened"));
    assert_null(file);
}

static void a_file_that_is_cut_while_it_is_mapped_reads_as_zeros_and_is_told(void **state) {
    g_autofree char *path = in_folder("cut");
    fill(path, PAGES * PAGE);
    struct mapped *file = open_mapped(path);
    struct err err = {0};
    assert_int_equal(mapped_bytes(file)[PAGE], 'b');
    assert_int_equal(truncate(path, 2 * PAGE), 0);
    for (size_t i = 2 * PAGE; i < mapped_count(file); i++) {
        assert_int_equal(mapped_bytes(file)[i], 0);
    }
    assert_int_equal(mapped_bytes(file)[PAGE], 'b');
    assert_int_equal(mapped_check(file, &err), -ERR_IO);
    assert_non_null(strstr(err.detail, "changed while it was read"));
    mapped_close(file);
}

static void a_file_that_grows_or_is_written_to_is_told(void **state) {
    g_autofree char *path = in_folder("grown");
    fill(path, PAGE);
    struct mapped *file = open_mapped(path);
    FILE *more = fopen(path, "a");
    fputc('x', more);
    fclose(more);
    assert_int_equal(mapped_check(file, NULL), -ERR_IO);
    mapped_close(file);
}

static void more_files_than_can_be_noted_are_refused_and_closing_makes_room(void **state) {
    struct mapped *files[MAPPED_FILES_MAX], *more = NULL;
    g_autofree char *path = in_folder("many");
    fill(path, 10);
    for (int i = 0; i < MAPPED_FILES_MAX; i++) {
        files[i] = open_mapped(path);
    }
    assert_int_equal(mapped_open(path, &more, NULL), -ERR_TOO_LARGE);
    mapped_close(files[3]);
    files[3] = open_mapped(path);
    for (int i = 0; i < MAPPED_FILES_MAX; i++) {
        mapped_close(files[i]);
    }
}

static void what_is_put_aside_comes_back_and_leaves_no_name(void **state) {
    struct spill *spill = NULL;
    int64_t at[PIECES];
    char piece[PIECE], back[PIECE];
    assert_int_equal(spill_open(folder, &spill, NULL), 0);
    for (int i = 0; i < PIECES; i++) {
        memset(piece, i & 0xFF, sizeof piece);
        assert_int_equal(spill_append(spill, piece, (size_t)i, &at[i], NULL), 0);
    }
    assert_int_equal(spill_bytes(spill), PIECES * (PIECES - 1) / 2);
    for (int i = PIECES; i-- > 0;) {
        memset(piece, i & 0xFF, sizeof piece);
        assert_int_equal(spill_read(spill, at[i], back, (size_t)i, NULL), 0);
        assert_memory_equal(back, piece, (size_t)i);
    }
    struct mapped *file = NULL;
    assert_int_equal(spill_map(spill, "what was put aside", &file, NULL), 0);
    assert_int_equal(mapped_count(file), spill_bytes(spill));
    assert_int_equal((unsigned char)mapped_bytes(file)[at[PIECES - 1]], (PIECES - 1) & 0xFF);
    mapped_close(file);
    assert_int_equal(spill_read(spill, at[PIECES - 1] + 1, back, PIECES - 1, NULL), -ERR_IO);
    GDir *open = g_dir_open(folder, 0, NULL);
    for (const char *name; (name = g_dir_read_name(open)) != NULL;) {
        assert_null(strstr(name, "spill"));
    }
    g_dir_close(open);
    spill_close(spill);
    g_autofree char *absent = in_folder("absent");
    assert_int_equal(spill_open(absent, &spill, NULL), -ERR_IO);
}

/* ---- files that are named last ---- */

static bool is_there(const char *name) {
    g_autofree char *path = in_folder(name);
    return access(path, F_OK) == 0;
}

static void a_file_has_its_name_only_when_it_is_whole(void **state) {
    struct outfile *file = NULL;
    g_autofree char *path = in_folder("report");
    g_autofree char *text = NULL;
    g_autoptr(GString) expected = g_string_new(NULL);
    assert_int_equal(outfile_open(folder, "report", &file, NULL), 0);
    for (int i = 0; i < 20000; i++) {
        outfile_addf(file, "line %d\n", i);
        g_string_append_printf(expected, "line %d\n", i);
    }
    g_autofree char *large = g_strnfill(200000, 'x');
    outfile_add_text(file, large);
    g_string_append(expected, large);
    assert_int_equal(outfile_bytes(file), expected->len);
    assert_int_equal(outfile_finish(file, NULL), 0);
    assert_false(is_there("report"));
    assert_true(is_there("report.part"));
    assert_int_equal(outfile_name(file, NULL), 0);
    assert_false(is_there("report.part"));
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_string_equal(text, expected->str);
    assert_int_equal(outfile_open(folder, "report", &file, NULL), 0);
    assert_int_equal(outfile_finish(file, NULL), 0);
    assert_int_equal(outfile_name(file, NULL), -ERR_EXISTS);
}

static void a_file_that_is_dropped_leaves_nothing(void **state) {
    struct outfile *file = NULL;
    assert_int_equal(outfile_open(folder, "dropped", &file, NULL), 0);
    outfile_add_text(file, "half");
    outfile_drop(file);
    assert_false(is_there("dropped") || is_there("dropped.part"));
    outfile_drop(NULL);
}

static void a_name_that_waits_there_as_a_link_is_not_followed(void **state) {
    struct outfile *file = NULL;
    g_autofree char *link = in_folder("linked.part"), *target = in_folder("target");
    fill(target, 10);
    assert_int_equal(symlink(target, link), 0);
    assert_int_equal(outfile_open(folder, "linked", &file, NULL), -ERR_IO);
    assert_int_equal(outfile_open("/proc/self", "none", &file, NULL), -ERR_IO);
}

/* A limit on the size of files stops a write as a full disk does. */
static void what_cannot_be_written_is_told_and_nothing_is_named(void **state) {
    struct rlimit before, small;
    struct outfile *file = NULL;
    struct spill *spill = NULL;
    struct err err = {0};
    int64_t at = 0;
    char *large = g_strnfill(PAGES * PAGE, 'x');
    assert_int_equal(outfile_open(folder, "large", &file, NULL), 0);
    assert_int_equal(spill_open(folder, &spill, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){PAGE, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    outfile_add(file, large, PAGES * PAGE);
    int rc = outfile_finish(file, &err),
        spilled = spill_append(spill, large, PAGES * PAGE, &at, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, -ERR_IO);
    assert_non_null(strstr(err.detail, "cannot be written: File too large"));
    assert_int_equal(spilled, -ERR_IO);
    outfile_drop(file);
    spill_close(spill);
    assert_false(is_there("large") || is_there("large.part"));
    g_free(large);
}

static void a_folder_that_is_not_empty_is_refused_but_for_what_was_left_half_done(void **state) {
    struct err err = {0};
    struct outfile *file = NULL;
    g_autofree char *made = in_folder("made");
    g_autofree char *half = g_build_filename(made, "breaks.csv.part", NULL);
    g_autofree char *other = g_build_filename(made, "notes.txt", NULL);
    g_autofree char *deep = in_folder("no/such/folder");
    assert_int_equal(outfile_folder(made, &err), 0);
    fill(half, 10);
    assert_int_equal(outfile_folder(made, &err), 0);
    assert_int_equal(outfile_open(made, "breaks.csv", &file, &err), 0);
    outfile_drop(file);
    fill(other, 10);
    assert_int_equal(outfile_folder(made, &err), -ERR_EXISTS);
    assert_non_null(strstr(err.detail, "not empty"));
    assert_int_equal(unlink(other), 0);
    assert_int_equal(outfile_folder(deep, &err), -ERR_IO);
    assert_int_equal(outfile_folder("/dev/null", &err), -ERR_IO);
}

static void pages_are_zeros(void **state) {
    char *pages = pages_take(PAGES * PAGE);
    for (int i = 0; i < PAGES * PAGE; i++) {
        assert_int_equal(pages[i], 0);
        pages[i] = 1;
    }
    pages_give(pages, PAGES * PAGE);
    pages_give(NULL, PAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mapped_file_has_the_bytes_of_the_file_also_after_they_were_let_go_of),
        cmocka_unit_test(an_empty_file_has_no_bytes),
        cmocka_unit_test(what_is_no_regular_file_is_refused),
        cmocka_unit_test(a_file_that_is_cut_while_it_is_mapped_reads_as_zeros_and_is_told),
        cmocka_unit_test(a_file_that_grows_or_is_written_to_is_told),
        cmocka_unit_test(more_files_than_can_be_noted_are_refused_and_closing_makes_room),
        cmocka_unit_test(what_is_put_aside_comes_back_and_leaves_no_name),
        cmocka_unit_test(a_file_has_its_name_only_when_it_is_whole),
        cmocka_unit_test(a_file_that_is_dropped_leaves_nothing),
        cmocka_unit_test(a_name_that_waits_there_as_a_link_is_not_followed),
        cmocka_unit_test(what_cannot_be_written_is_told_and_nothing_is_named),
        cmocka_unit_test(a_folder_that_is_not_empty_is_refused_but_for_what_was_left_half_done),
        cmocka_unit_test(pages_are_zeros),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
