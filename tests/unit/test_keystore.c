/* SPDX-License-Identifier: Apache-2.0
 * test_keystore.c: sealed secrets come back as they were put in, and from nothing but the file that
 * we wrote and the key that it was written with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/keystore.h"

enum { FILE_BYTES_MAX = 8192 };
static char folder[] = "/tmp/holdfast-test-keystore-XXXXXX";
static char store_path[100], key_path[100], key_reference[120];
static struct keystore_place place;

static int setup(void **state) {
    crypto_init();
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    snprintf(store_path, sizeof store_path, "%s/secrets", folder);
    snprintf(key_path, sizeof key_path, "%s/master", folder);
    snprintf(key_reference, sizeof key_reference, "file:%s", key_path);
    place = (struct keystore_place){store_path, key_reference};
    return 0;
}

static int teardown(void **state) {
    static const char *const suffixes[] = {"", ".lock", ".next"};
    char path[140];
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        snprintf(path, sizeof path, "%s%s", store_path, suffixes[i]);
        unlink(path);
        snprintf(path, sizeof path, "%s%s", key_path, suffixes[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static void put(const char *name, const char *value) {
    struct err err = {0};
    SECRET_AUTO secret = secret_new(value, strlen(value));
    if (keystore_put(&place, name, secret, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

static void assert_holds(const char *name, const char *value) {
    struct err err = {0};
    KEYSTORE_AUTO keystore = NULL;
    SECRET_AUTO secret = NULL;
    if (keystore_open(&place, &keystore, &err) < 0 ||
        keystore_get(keystore, name, &secret, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    assert_true(secret_equal(secret, value, strlen(value)));
}

static int open_code(struct err *err) {
    KEYSTORE_AUTO keystore = NULL;
    *err = (struct err){0};
    return keystore_open(&place, &keystore, err);
}

static size_t read_file(const char *path, char bytes[FILE_BYTES_MAX + 1]) {
    struct err err = {0};
    size_t count = 0;
    assert_int_equal(file_read(path, bytes, FILE_BYTES_MAX, &count, &err), 0);
    return count;
}

static void write_file(const char *path, const char *bytes, size_t count) {
    struct err err = {0};
    assert_int_equal(file_replace(path, bytes, count, 0600, &err), 0);
}

/* ---- keeping ---- */

static void what_is_put_in_comes_out_and_its_file_does_not_show_it(void **state) {
    char bytes[FILE_BYTES_MAX + 1];
    struct err err = {0};
    struct file_face face;
    put("stripe.api_key", "sk_live_very_secret");
    put("a.first", "one\ntwo\n");
    put("stripe.api_key", "sk_live_a_newer_one");
    assert_holds("stripe.api_key", "sk_live_a_newer_one");
    assert_holds("a.first", "one\ntwo\n");
    KEYSTORE_AUTO keystore = NULL;
    assert_int_equal(keystore_open(&place, &keystore, &err), 0);
    assert_int_equal(keystore_count(keystore), 2);
    assert_string_equal(keystore_name(keystore, 0), "a.first");
    assert_string_equal(keystore_name(keystore, 1), "stripe.api_key");
    (void)read_file(store_path, bytes);
    assert_null(strstr(bytes, "secret"));
    assert_null(strstr(bytes, "newer"));
    assert_int_equal(file_look(store_path, &face, &err), 0);
    assert_int_equal(face.mode, 0600);
    assert_int_equal(file_look(key_path, &face, &err), 0);
    assert_int_equal(face.mode, 0600);
}

static void what_is_taken_out_is_gone(void **state) {
    struct err err = {0};
    SECRET_AUTO secret = NULL;
    put("a", "1");
    put("b", "2");
    assert_int_equal(keystore_remove(&place, "a", &err), 0);
    assert_int_equal(keystore_remove(&place, "a", &err), -ERR_NOT_FOUND);
    KEYSTORE_AUTO keystore = NULL;
    assert_int_equal(keystore_open(&place, &keystore, &err), 0);
    assert_int_equal(keystore_get(keystore, "a", &secret, &err), -ERR_NOT_FOUND);
    assert_holds("b", "2");
}

static void a_name_that_could_be_misread_is_refused(void **state) {
    static const char *const names[] = {"",      "A",      "a b", "a\nb",
                                        "check", "digest", "a/b", "\xC3\xA9"};
    struct err err = {0};
    SECRET_AUTO secret = secret_new("x", 1);
    char longest[KEYSTORE_NAME_CHARS_MAX + 2];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(keystore_put(&place, names[i], secret, &err), -ERR_CONFIG);
    }
    assert_int_equal(keystore_put(&place, longest, secret, &err), -ERR_CONFIG);
    longest[KEYSTORE_NAME_CHARS_MAX] = '\0';
    assert_int_equal(keystore_put(&place, longest, secret, &err), 0);
}

static void the_largest_secret_comes_out_and_a_larger_one_does_not_go_in(void **state) {
    static char largest[KEYSTORE_SECRET_BYTES_MAX + 2];
    struct err err = {0};
    memset(largest, 'a', sizeof largest - 1);
    SECRET_AUTO larger = secret_new(largest, KEYSTORE_SECRET_BYTES_MAX + 1);
    assert_int_equal(keystore_put(&place, "a", larger, &err), -ERR_TOO_LARGE);
    largest[KEYSTORE_SECRET_BYTES_MAX] = '\0';
    put("a", largest);
    assert_holds("a", largest);
}

static void a_reference_is_read_from_where_it_says(void **state) {
    struct err err = {0};
    SECRET_AUTO sealed = NULL;
    SECRET_AUTO plain = NULL;
    SECRET_AUTO none = NULL;
    KEYSTORE_AUTO keystore = NULL;
    put("a", "sealed value");
    assert_int_equal(keystore_open(&place, &keystore, &err), 0);
    assert_int_equal(keystore_load(keystore, "sealed:a", &sealed, &err), 0);
    assert_true(secret_equal(sealed, "sealed value", 12));
    assert_int_equal(keystore_load(keystore, key_reference, &plain, &err), 0);
    assert_int_equal(secret_count(plain), 64);
    assert_int_equal(keystore_load(NULL, "sealed:a", &none, &err), -ERR_CONFIG);
    assert_int_equal(keystore_load(keystore, "sk_live_plain", &none, &err), -ERR_CONFIG);
    assert_null(strstr(err.detail, "sk_live_plain"));
    assert_null(none);
}

/* ---- damage ---- */

static void a_file_with_any_byte_changed_is_refused(void **state) {
    char bytes[FILE_BYTES_MAX + 1];
    struct err err;
    put("a", "1");
    put("b", "2");
    size_t count = read_file(store_path, bytes);
    for (size_t i = 0; i < count; i++) {
        bytes[i] ^= 1;
        write_file(store_path, bytes, count);
        int r = open_code(&err);
        if (r != -ERR_CRYPTO && r != -ERR_CONFIG) {
            fail_msg("byte %zu of %zu: %d", i, count, r);
        }
        bytes[i] ^= 1;
    }
    write_file(store_path, bytes, count);
    assert_int_equal(open_code(&err), 0);
}

static void a_file_that_ends_too_early_is_refused(void **state) {
    char bytes[FILE_BYTES_MAX + 1];
    struct err err;
    put("a", "1");
    size_t count = read_file(store_path, bytes);
    for (size_t i = 0; i < count; i++) {
        write_file(store_path, bytes, i);
        assert_int_equal(open_code(&err), -ERR_CRYPTO);
    }
    bytes[count] = '\n';
    write_file(store_path, bytes, count + 1);
    assert_int_equal(open_code(&err), -ERR_CRYPTO);
}

/* An attacker who can write the file brings back a line of last year. */
static void a_line_of_an_older_file_is_refused(void **state) {
    char old[FILE_BYTES_MAX + 1], now[FILE_BYTES_MAX + 1];
    struct err err;
    put("a", "old");
    (void)read_file(store_path, old);
    put("a", "new");
    size_t count = read_file(store_path, now);
    char *from = strstr(old, "\na v1:"), *to = strstr(now, "\na v1:");
    assert_true(from != NULL && to != NULL);
    memcpy(to, from, strcspn(from + 1, "\n") + 1);
    write_file(store_path, now, count);
    assert_int_equal(open_code(&err), -ERR_CRYPTO);
    assert_non_null(strstr(err.detail, "altered"));
}

static void another_master_key_is_told_from_damage(void **state) {
    static const char other[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    struct err err;
    put("a", "1");
    write_file(key_path, other, strlen(other));
    assert_int_equal(open_code(&err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "another master key"));
    write_file(key_path, "short", 5);
    assert_int_equal(open_code(&err), -ERR_CONFIG);
    assert_int_equal(unlink(key_path), 0);
    assert_int_equal(open_code(&err), -ERR_CONFIG);
}

static void a_master_key_that_others_can_read_is_refused(void **state) {
    static const unsigned modes[] = {0604, 0644, 0660, 0602};
    struct err err;
    put("a", "1");
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        assert_int_equal(chmod(key_path, modes[i]), 0);
        assert_int_equal(open_code(&err), -ERR_CONFIG);
        assert_non_null(strstr(err.detail, "others"));
    }
    assert_int_equal(chmod(key_path, 0640), 0);
    assert_int_equal(open_code(&err), 0);
}

static void a_keystore_that_is_not_there_is_told_so(void **state) {
    struct err err = {0};
    assert_int_equal(open_code(&err), -ERR_IO);
    const struct keystore_place nowhere = {NULL, NULL};
    struct keystore *keystore = NULL;
    assert_int_equal(keystore_open(&nowhere, &keystore, &err), -ERR_CONFIG);
    assert_null(keystore);
}

/* ---- another master key ---- */

static void a_new_master_key_opens_it_and_the_old_one_does_not(void **state) {
    char old[FILE_BYTES_MAX + 1], now[FILE_BYTES_MAX + 1], bytes[FILE_BYTES_MAX + 1];
    struct err err = {0};
    put("a", "1");
    put("b", "2");
    size_t key_count = read_file(key_path, old);
    assert_int_equal(keystore_rekey(&place, &err), 0);
    (void)read_file(key_path, now);
    assert_string_not_equal(old, now);
    assert_holds("a", "1");
    assert_holds("b", "2");
    (void)read_file(store_path, bytes);
    write_file(key_path, old, key_count);
    assert_int_equal(open_code(&err), -ERR_CONFIG);
}

/* The machine stops after each of the steps of a rekey. */
static void a_rekey_that_stops_half_way_loses_nothing(void **state) {
    char old_key[FILE_BYTES_MAX + 1], new_key[FILE_BYTES_MAX + 1], old_store[FILE_BYTES_MAX + 1],
        new_store[FILE_BYTES_MAX + 1], next[140];
    struct err err = {0};
    snprintf(next, sizeof next, "%s.next", key_path);
    put("a", "1");
    size_t key_count = read_file(key_path, old_key);
    size_t old_count = read_file(store_path, old_store);
    assert_int_equal(keystore_rekey(&place, &err), 0);
    (void)read_file(key_path, new_key);
    size_t new_count = read_file(store_path, new_store);
    for (int step = 1; step <= 3; step++) {
        write_file(next, new_key, key_count);
        write_file(store_path, step >= 2 ? new_store : old_store,
                   step >= 2 ? new_count : old_count);
        write_file(key_path, step >= 3 ? new_key : old_key, key_count);
        assert_holds("a", "1");
        assert_int_equal(keystore_rekey(&place, &err), 0);
        assert_holds("a", "1");
        assert_int_not_equal(access(next, F_OK), 0);
    }
}

/* No file may grow past so many bytes: a disk that is full, for all but the master key. */
static void fill_disk(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_disk_that_is_full_loses_nothing(void **state) {
    char old_key[FILE_BYTES_MAX + 1], new_key[FILE_BYTES_MAX + 1], next[140];
    struct err err = {0};
    SECRET_AUTO secret = secret_new("2", 1);
    snprintf(next, sizeof next, "%s.next", key_path);
    put("a", "1");
    size_t key_count = read_file(key_path, old_key);
    signal(SIGXFSZ, SIG_IGN);
    fill_disk(100);
    assert_int_equal(keystore_put(&place, "b", secret, &err), -ERR_IO);
    assert_int_equal(keystore_rekey(&place, &err), -ERR_IO);
    fill_disk(RLIM_INFINITY);
    assert_holds("a", "1");
    assert_int_equal(keystore_rekey(&place, &err), 0);
    /* It stopped before the new key took the old one's place, and the next one fails. */
    (void)read_file(key_path, new_key);
    write_file(next, new_key, key_count);
    write_file(key_path, old_key, key_count);
    fill_disk(100);
    assert_int_equal(keystore_rekey(&place, &err), -ERR_IO);
    fill_disk(RLIM_INFINITY);
    assert_holds("a", "1");
}

static void a_master_key_of_the_environment_is_not_ours_to_change(void **state) {
    struct err err = {0};
    char key[FILE_BYTES_MAX + 1];
    put("a", "1");
    (void)read_file(key_path, key);
    assert_int_equal(setenv("HF_TEST_MASTER", key, 1), 0);
    place.master = "env:HF_TEST_MASTER";
    assert_holds("a", "1");
    assert_int_equal(keystore_rekey(&place, &err), -ERR_CONFIG);
    assert_holds("a", "1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_put_in_comes_out_and_its_file_does_not_show_it,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_taken_out_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_that_could_be_misread_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(
            the_largest_secret_comes_out_and_a_larger_one_does_not_go_in, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reference_is_read_from_where_it_says, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_with_any_byte_changed_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_ends_too_early_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_of_an_older_file_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(another_master_key_is_told_from_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(a_master_key_that_others_can_read_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_keystore_that_is_not_there_is_told_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_master_key_opens_it_and_the_old_one_does_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_rekey_that_stops_half_way_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_disk_that_is_full_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_master_key_of_the_environment_is_not_ours_to_change,
                                        setup, teardown),
    };
    return cmocka_run_group_tests_name("keystore", tests, NULL, NULL);
}
