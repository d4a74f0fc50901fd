/* SPDX-License-Identifier: Apache-2.0
 * test_folder.c: files that somebody else puts into a folder: nothing but regular files of that
 * folder is read, and only as they were looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"

static char place[] = "/tmp/holdfast-test-folder-XXXXXX";
static char path[200];
static struct folder *folder;
static struct err err;
static struct buf bytes;

static const char *path_of(const char *name) {
    snprintf(path, sizeof path, "%s/%s", place, name);
    return path;
}

static void write_file(const char *name, const char *text, int flags) {
    int fd = open(path_of(name), O_WRONLY | O_CREAT | flags, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int setup(void **state) {
    (void)state;
    memcpy(place + strlen(place) - 6, "XXXXXX", 6);
    err = (struct err){0};
    buf_init(&bytes, 1024);
    return mkdtemp(place) != NULL && folder_open(place, &folder, &err) == 0 ? 0 : -1;
}

static int remove_one(void *ctx, const char *name, struct err *ignored) {
    (void)ctx;
    (void)ignored;
    if (unlink(path_of(name)) != 0) {
        (void)rmdir(path_of(name));
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    buf_release(&bytes);
    (void)!folder_each(folder, remove_one, NULL, &err);
    (void)unlink(path_of(".hidden"));
    folder_close(folder);
    return rmdir(place);
}

static int count_one(void *ctx, const char *name, struct err *ignored) {
    (void)ignored;
    assert_int_equal(name[0], 'a');
    (*(int *)ctx)++;
    return 0;
}

static int stop_at_once(void *ctx, const char *name, struct err *ignored) {
    (void)ctx;
    (void)name;
    (void)ignored;
    return 7;
}

static void each_entry_is_told_but_the_hidden(void **state) {
    (void)state;
    int count = 0;
    write_file("a1", "x", 0);
    write_file("a2", "x", 0);
    write_file(".hidden", "x", 0);
    assert_int_equal(folder_each(folder, count_one, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(folder_each(folder, stop_at_once, NULL, &err), 7);
    count = 0; /* from the beginning each time */
    assert_int_equal(folder_each(folder, count_one, &count, &err), 0);
    assert_int_equal(count, 2);
}

static void a_file_is_read_as_it_was_looked_at(void **state) {
    (void)state;
    struct file_face face;
    write_file("a", "hello", 0);
    assert_int_equal(folder_look(folder, "a", &face, &err), 0);
    assert_int_equal(face.bytes, 5);
    assert_int_equal(folder_read(folder, "a", &face, &bytes, &err), 0);
    assert_string_equal(bytes.data, "hello");
    assert_true(folder_has(folder, "a"));
    assert_false(folder_has(folder, "b"));
}

/* Grown, cut, replaced by another one of the same size, written over with its time set back. */
static void a_file_that_changed_is_refused(void **state) {
    (void)state;
    struct file_face face;
    const struct timespec old[2] = {{1000, 0}, {1000, 0}};
    write_file("a", "hello", 0);
    assert_int_equal(folder_look(folder, "a", &face, &err), 0);
    write_file("a", "!", O_APPEND);
    assert_int_equal(folder_read(folder, "a", &face, &bytes, &err), -ERR_STATE);
    assert_int_equal(folder_look(folder, "a", &face, &err), 0);
    assert_int_equal(truncate(path_of("a"), 2), 0);
    assert_int_equal(folder_read(folder, "a", &face, &bytes, &err), -ERR_STATE);
    write_file("b", "HE", 0);
    assert_int_equal(folder_look(folder, "a", &face, &err), 0);
    char from[200];
    snprintf(from, sizeof from, "%s", path_of("b"));
    assert_int_equal(rename(from, path_of("a")), 0);
    assert_int_equal(folder_read(folder, "a", &face, &bytes, &err), -ERR_STATE);
    assert_int_equal(utimensat(AT_FDCWD, path_of("a"), old, 0), 0);
    assert_int_equal(folder_look(folder, "a", &face, &err), 0);
    usleep(20000); /* a file system's clock has ticks */
    write_file("a", "XX", 0);
    assert_int_equal(utimensat(AT_FDCWD, path_of("a"), old, 0), 0);
    assert_int_equal(folder_read(folder, "a", &face, &bytes, &err), -ERR_STATE);
    assert_int_equal(bytes.len, 0);
}

static void nothing_but_a_regular_file_of_the_folder_is_opened(void **state) {
    (void)state;
    struct file_face face = {.bytes = 1};
    static const char *const names[] = {"../etc/passwd", "/etc/passwd", ".", "..", "", "b/c"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(folder_look(folder, names[i], &face, &err), -ERR_IO);
        assert_int_equal(folder_read(folder, names[i], &face, &bytes, &err), -ERR_IO);
        assert_false(folder_has(folder, names[i]));
    }
    assert_int_equal(symlink("/etc/passwd", path_of("link")), 0);
    assert_int_equal(folder_look(folder, "link", &face, &err), -ERR_IO);
    assert_non_null(strstr(err.detail, "a symbolic link"));
    face.bytes = 1;
    assert_int_equal(folder_read(folder, "link", &face, &bytes, &err), -ERR_IO);
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    assert_int_equal(folder_look(folder, "pipe", &face, &err), -ERR_IO);
    assert_int_equal(folder_read(folder, "pipe", &face, &bytes, &err), -ERR_IO); /* at once */
    assert_int_equal(mkdir(path_of("inner"), 0700), 0);
    assert_int_equal(folder_look(folder, "inner", &face, &err), -ERR_IO);
    assert_non_null(strstr(err.detail, "a folder"));
    assert_int_equal(bytes.len, 0);
}

static void what_has_no_room_is_not_read(void **state) {
    (void)state;
    struct file_face face;
    write_file("a", "hello", 0);
    assert_int_equal(folder_look(folder, "a", &face, &err), 0);
    struct buf small;
    buf_init(&small, 4);
    assert_int_equal(folder_read(folder, "a", &face, &small, &err), -ERR_TOO_LARGE);
    buf_release(&small);
    face.bytes = INT64_MAX; /* as a sparse file of any size says */
    assert_int_equal(folder_read(folder, "a", &face, &bytes, &err), -ERR_TOO_LARGE);
}

static void a_folder_that_is_none_is_said(void **state) {
    (void)state;
    struct folder *none = NULL;
    write_file("a", "x", 0);
    assert_int_equal(folder_open(path_of("a"), &none, &err), -ERR_IO);
    assert_int_equal(folder_open(path_of("nowhere"), &none, &err), -ERR_IO);
    assert_non_null(strstr(err.detail, "nowhere"));
    assert_null(none);
    struct file_face face;
    assert_int_equal(folder_look(folder, "absent", &face, &err), -ERR_IO);
    folder_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_entry_is_told_but_the_hidden, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_read_as_it_was_looked_at, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_changed_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_but_a_regular_file_of_the_folder_is_opened, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_has_no_room_is_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_none_is_said, setup, teardown),
    };
    return cmocka_run_group_tests_name("folders that somebody else fills", tests, NULL, NULL);
}
