/* SPDX-License-Identifier: Apache-2.0
 * test_archive.c: ZIP archives in memory, and what stands on the face of certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/archive.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/x509_face.h"

static const struct archive_file files[] = {
    {"a.txt", "first", 5},
    {"\xD2\xB5\xCE\xF1.csv", "\x00\x01second", 8}, /* a name in GBK */
    {"empty", "", 0},
};

static bool is_second(const char *name) {
    return strcmp(name, files[1].name) == 0;
}
static bool is_empty(const char *name) {
    return strcmp(name, "empty") == 0;
}
static bool is_none(const char *name) {
    return false;
}

static void make(struct buf *zip) {
    struct err err;
    buf_init(zip, 1 << 16);
    assert_int_equal(archive_zip_write(files, COUNT_OF(files), zip, &err), 0);
}

static void the_wanted_file_comes_out_as_it_went_in(void **state) {
    struct buf zip, file;
    struct err err;
    make(&zip);
    buf_init(&file, 8);
    assert_int_equal(archive_zip_read(zip.data, zip.len, is_second, &file, &err), 0);
    assert_int_equal(file.len, 8);
    assert_memory_equal(file.data, files[1].bytes, 8);
    buf_clear(&file);
    assert_int_equal(archive_zip_read(zip.data, zip.len, is_empty, &file, &err), 0);
    assert_int_equal(file.len, 0);
    assert_int_equal(archive_zip_read(zip.data, zip.len, is_none, &file, &err), -ERR_NOT_FOUND);
    buf_release(&file);
    buf_release(&zip);
}

static void a_file_that_is_larger_than_its_room_is_refused(void **state) {
    struct buf zip, file;
    struct err err;
    make(&zip);
    buf_init(&file, 7);
    assert_int_equal(archive_zip_read(zip.data, zip.len, is_second, &file, &err), -ERR_TOO_LARGE);
    buf_release(&file);
    buf_release(&zip);
    buf_init(&zip, 40);
    assert_int_equal(archive_zip_write(files, COUNT_OF(files), &zip, &err), -ERR_TOO_LARGE);
    buf_release(&zip);
}

static void every_truncation_and_change_is_an_error_or_the_same_file(void **state) {
    struct buf zip, file;
    struct err err;
    make(&zip);
    buf_init(&file, 1 << 16);
    for (size_t count = 0; count < zip.len; count++) {
        buf_clear(&file);
        int rc = archive_zip_read(zip.data, count, is_second, &file, &err);
        assert_true(rc == -ERR_BAD_REQUEST || rc == -ERR_NOT_FOUND);
    }
    for (size_t at = 0; at < zip.len; at++) {
        zip.data[at] ^= 0x55;
        buf_clear(&file);
        int rc = archive_zip_read(zip.data, zip.len, is_second, &file, &err);
        assert_true(rc == -ERR_BAD_REQUEST || rc == -ERR_NOT_FOUND || rc == -ERR_TOO_LARGE ||
                    (rc == 0 && file.len <= 8));
        zip.data[at] ^= 0x55;
    }
    buf_release(&file);
    buf_release(&zip);
}

static void a_certificates_face_is_its_issuer_and_serial_number(void **state) {
    char pem[16 * 1024];
    size_t count = 0;
    int face_count = 0;
    struct x509_face faces[2];
    struct err err;
    assert_int_equal(
        file_read(TESTS_DIR "/vectors/merchant.crt.pem", pem, sizeof(pem) - 1, &count, &err), 0);
    assert_int_equal(x509_faces_read(pem, count, faces, 2, &face_count, &err), 0);
    assert_int_equal(face_count, 1);
    assert_string_equal(faces[0].issuer, "CN=TEST ONLY merchant 1900000001,O=TestMerchant,C=CN");
    assert_int_equal(strspn(faces[0].serial, "0123456789"), strlen(faces[0].serial));
    assert_true(faces[0].rsa_signed);
    assert_int_equal(x509_faces_read(pem, count / 2, faces, 2, &face_count, &err), -ERR_CRYPTO);
    assert_int_equal(x509_faces_read("", 0, faces, 2, &face_count, &err), -ERR_CRYPTO);
    assert_int_equal(x509_faces_read(pem, count, faces, 0, &face_count, &err), -ERR_CRYPTO);
}

static void md5_is_md5(void **state) {
    char hex[MD5_HEX_CHARS + 1];
    crypto_md5_hex("abc", 3, hex);
    assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72"); /* RFC 1321 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wanted_file_comes_out_as_it_went_in),
        cmocka_unit_test(a_file_that_is_larger_than_its_room_is_refused),
        cmocka_unit_test(every_truncation_and_change_is_an_error_or_the_same_file),
        cmocka_unit_test(a_certificates_face_is_its_issuer_and_serial_number),
        cmocka_unit_test(md5_is_md5),
    };
    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
