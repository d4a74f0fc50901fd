/* SPDX-License-Identifier: Apache-2.0
 * test_secret.c: a secret comes from the environment or a file, never from the configuration
 * itself, and no error repeats it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

static char folder[] = "/tmp/holdfast-test-secret-XXXXXX";

static const char *file_of(const char *name) {
    static char path[200];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static const char *reference_to(const char *name) {
    static char reference[220];
    snprintf(reference, sizeof(reference), "file:%s", file_of(name));
    return reference;
}

static void write_file(const char *name, const void *bytes, size_t count) {
    FILE *file = fopen(file_of(name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static void a_secret_is_a_copy_with_a_nul_after_it(void **state) {
    char bytes[] = {'a', 0, 'b', 'c'};
    SECRET_AUTO secret = secret_new(bytes, sizeof(bytes));
    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(secret_count(secret), 4);
    assert_memory_equal(secret_bytes(secret), "a\0bc\0", 5);
    SECRET_AUTO copy = secret_copy(secret);
    assert_ptr_not_equal(secret_bytes(copy), secret_bytes(secret));
    assert_memory_equal(secret_bytes(copy), "a\0bc\0", 5);
    SECRET_AUTO empty = secret_new(NULL, 0);
    assert_int_equal(secret_count(empty), 0);
    assert_string_equal(secret_bytes(empty), "");
    assert_null(secret_copy(NULL));
    secret_free(NULL);
}

static void a_secret_equals_only_its_exact_bytes(void **state) {
    SECRET_AUTO secret = secret_new("abcd", 4);
    assert_true(secret_equal(secret, "abcd", 4));
    assert_false(secret_equal(secret, "abcd", 5));
    assert_false(secret_equal(secret, "abcd", 3));
    assert_false(secret_equal(secret, "", 0));
    assert_false(secret_equal(secret, "Abcd", 4));
    assert_false(secret_equal(secret, "abcD", 4));
    SECRET_AUTO empty = secret_new("", 0);
    assert_true(secret_equal(empty, "", 0));
    assert_false(secret_equal(empty, "a", 1));
}

static void a_secret_over_the_limit_is_not_made(void **state) {
    static char bytes[SECRET_BYTES_MAX + 1];
    SECRET_AUTO fits = secret_new(bytes, SECRET_BYTES_MAX);
    assert_int_equal(secret_count(fits), SECRET_BYTES_MAX);
    assert_null(secret_new(bytes, SECRET_BYTES_MAX + 1));
}

static void a_reference_to_the_environment_gives_its_value(void **state) {
    struct err err = {0};
    struct secret *secret = NULL;
    assert_int_equal(setenv("HOLDFAST_TEST_SECRET", "s3cret\n", 1), 0);
    assert_int_equal(secret_load("env:HOLDFAST_TEST_SECRET", &secret, &err), 0);
    assert_string_equal(secret_bytes(secret), "s3cret\n"); /* only a file's line end is dropped */
    secret_free(secret);
}

static void a_file_gives_its_bytes_without_the_trailing_line_end(void **state) {
    static const struct {
        const char *bytes;
        size_t count;
        const char *secret;
        size_t secret_count;
    } rows[] = {
        {"abc", 3, "abc", 3},       {"abc\n", 4, "abc", 3},   {"abc\r\n", 5, "abc", 3},
        {"abc\n\n", 5, "abc\n", 4}, {" abc ", 5, " abc ", 5}, {"a\0b\n", 4, "a\0b", 3},
        {"abc\r", 4, "abc\r", 4},   {"\r\r\n", 3, "\r", 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        struct secret *secret = NULL;
        write_file("secret", rows[i].bytes, rows[i].count);
        assert_int_equal(secret_load(reference_to("secret"), &secret, &err), 0);
        assert_int_equal(secret_count(secret), rows[i].secret_count);
        assert_memory_equal(secret_bytes(secret), rows[i].secret, rows[i].secret_count + 1);
        secret_free(secret);
    }
}

static void refuse(const char *reference, const char *detail) {
    struct secret *const mark = (struct secret *)(uintptr_t)1;
    struct secret *secret = mark;
    struct err err = {0};
    int result = secret_load(reference, &secret, &err);
    if (result != -ERR_CONFIG || err.code != ERR_CONFIG || strstr(err.detail, detail) == NULL) {
        fail_msg("%s: %d, %s", reference, result, err.detail);
    }
    assert_ptr_equal(secret, mark);
    assert_int_equal(secret_load(reference, &secret, NULL), -ERR_CONFIG);
}

static void a_reference_that_leads_to_no_secret_is_refused(void **state) {
    static char large[SECRET_BYTES_MAX + 2];
    memset(large, 'a', sizeof(large));
    assert_int_equal(setenv("HOLDFAST_TEST_EMPTY", "", 1), 0);
    assert_int_equal(unsetenv("HOLDFAST_TEST_ABSENT"), 0);
    refuse("env:HOLDFAST_TEST_EMPTY", "HOLDFAST_TEST_EMPTY is not set or empty");
    refuse("env:HOLDFAST_TEST_ABSENT", "HOLDFAST_TEST_ABSENT is not set or empty");
    refuse("env:", "variable's name");
    refuse("env:9A", "variable's name");
    refuse("env:A B", "variable's name");
    refuse("file:", "absolute path");
    refuse("file:relative", "absolute path");
    refuse(reference_to("absent"), "cannot be opened: No such file");
    refuse("file:/", "not a regular file");
    write_file("empty", "", 0);
    refuse(reference_to("empty"), "is empty");
    write_file("line", "\r\n", 2);
    refuse(reference_to("line"), "is empty");
    write_file("large", large, SECRET_BYTES_MAX + 1);
    refuse(reference_to("large"), "more than 65536 bytes");
    assert_int_equal(mkfifo(file_of("pipe"), 0600), 0);
    refuse(reference_to("pipe"), "not a regular file");
    large[SECRET_BYTES_MAX + 1] = '\0';
    assert_int_equal(setenv("HOLDFAST_TEST_LARGE", large, 1), 0);
    refuse("env:HOLDFAST_TEST_LARGE", "longer than");
    assert_int_equal(unsetenv("HOLDFAST_TEST_LARGE"), 0);
    write_file("fits", large, SECRET_BYTES_MAX);
    struct secret *secret = NULL;
    assert_int_equal(secret_load(reference_to("fits"), &secret, NULL), 0);
    secret_free(secret);
}

static void a_plain_value_is_refused_and_never_repeated(void **state) {
    static const char *const values[] = {"sk_live_51abcdef", "", "ENV:HOME", "env", "file",
                                         "env/HOME"};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct secret *secret = NULL;
        struct err err = {0};
        assert_int_equal(secret_load(values[i], &secret, &err), -ERR_CONFIG);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_null(secret);
        assert_null(strstr(err.detail, "51abcdef"));
        assert_null(strstr(err.hint, "51abcdef"));
        assert_non_null(strstr(err.hint, "env:NAME or file:/path"));
    }
}

static int make_folder(void **state) {
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state) {
    const char *names[] = {"secret", "empty", "line", "large", "pipe", "fits"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)unlink(file_of(names[i]));
    }
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_a_copy_with_a_nul_after_it),
        cmocka_unit_test(a_secret_equals_only_its_exact_bytes),
        cmocka_unit_test(a_secret_over_the_limit_is_not_made),
        cmocka_unit_test(a_reference_to_the_environment_gives_its_value),
        cmocka_unit_test(a_file_gives_its_bytes_without_the_trailing_line_end),
        cmocka_unit_test(a_reference_that_leads_to_no_secret_is_refused),
        cmocka_unit_test(a_plain_value_is_refused_and_never_repeated),
    };
    return cmocka_run_group_tests_name("secret", tests, make_folder, remove_folder);
}
