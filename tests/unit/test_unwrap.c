/* SPDX-License-Identifier: Apache-2.0
 * test_unwrap.c: statements come out of what they are packed in as they went in, and what is torn,
 * changed, nested too deep or blown up is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <zlib.h>

#include "base/archive.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "statement/unwrap.h"

enum { ROOM = 64 * 1024 * 1024, GZIP = 15 + 16, ZLIB = 15, DEFLATE = -15 };
static const char text[] =
    "交易时间,微信订单号\r\n`2025-09-01 10:00:01,`42000000002025090100001\r\n";
enum { TEXT_BYTES = sizeof text - 1 };

/* ---- packing ---- */

static void pack(const void *bytes, size_t count, int window, struct buf *ret_packed) {
    unsigned char chunk[4096];
    z_stream stream = {.next_in = (unsigned char *)bytes, .avail_in = (uInt)count};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    int rc = Z_OK;
    buf_init(ret_packed, ROOM);
    while (rc == Z_OK) {
        stream.next_out = chunk;
        stream.avail_out = sizeof chunk;
        rc = deflate(&stream, Z_FINISH);
        buf_add(ret_packed, chunk, sizeof chunk - stream.avail_out);
    }
    assert_int_equal(rc, Z_STREAM_END);
    (void)deflateEnd(&stream);
}

static void pack_zip(const struct archive_file *files, size_t count, struct buf *ret_zip) {
    struct err err;
    buf_init(ret_zip, ROOM);
    assert_int_equal(archive_zip_write(files, count, ret_zip, &err), 0);
}

/* base 64 with a line end after each 76 letters, as mail has it, or none. */
static void pack_base64(const struct buf *bytes, bool lines, struct buf *ret_text) {
    char *letters = crypto_base64(bytes->data, bytes->len);
    buf_init(ret_text, ROOM);
    for (size_t i = 0; letters[i] != '\0'; i++) {
        buf_add_char(ret_text, letters[i]);
        if (lines && i % 76 == 75) {
            buf_add_text(ret_text, "\r\n");
        }
    }
    free(letters);
}

/* ---- asserting ---- */

static int unwrap(const char *name, const void *bytes, size_t count, struct unwrapped *ret) {
    struct err err = {0};
    ret->count = 0;
    int rc = statement_unwrap(name, bytes, count, ret, &err);
    assert_int_equal(rc, -(int)err.code);
    return rc;
}

/* One file of this name and these bytes. */
static void assert_one(const struct buf *packed, const char *name, const char *wanted_name,
                       const char *wanted, int layers) {
    UNWRAPPED_AUTO out;
    assert_int_equal(unwrap(name, packed->data, packed->len, &out), 0);
    assert_int_equal(out.count, 1);
    assert_string_equal(out.files[0].name, wanted_name);
    assert_int_equal(out.files[0].count, strlen(wanted));
    assert_memory_equal(out.files[0].bytes, wanted, strlen(wanted));
    assert_int_equal(out.files[0].layers, layers);
}

static void assert_refused(const void *bytes, size_t count, int code) {
    UNWRAPPED_AUTO out;
    assert_int_equal(unwrap("x", bytes, count, &out), -code);
    assert_int_equal(out.count, 0);
}

/* ---- what is packed ---- */

static void what_is_not_packed_comes_back_without_a_copy(void **state) {
    static const char *const plain[] = {
        text,
        "",
        "x",
        "x^2,1\r\n",
        "x}y",
        "80,1\r\n",
        "H,K\r\n",
        "UEsDB\r\n",
        "PK",
        "date,amount\n2025-09-01,12.50\n",
        "eJzT0yMAAGTvBe8",
        ":20:DEMO0901\r\n:25:NL00\r\n",
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "%PDF-1.4"};
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        UNWRAPPED_AUTO out;
        assert_int_equal(unwrap("plain.csv", plain[i], strlen(plain[i]), &out), 0);
        assert_int_equal(out.count, 1);
        assert_ptr_equal(out.files[0].bytes, plain[i]);
        assert_int_equal(out.files[0].count, strlen(plain[i]));
        assert_int_equal(out.files[0].layers, 0);
        assert_string_equal(out.files[0].name, "plain.csv");
    }
    UNWRAPPED_AUTO none;
    assert_int_equal(unwrap("none", NULL, 0, &none), 0);
    assert_int_equal(none.files[0].count, 0);
}

static void gzip_is_taken_off(void **state) {
    BUF_AUTO packed;
    pack(text, TEXT_BYTES, GZIP, &packed);
    assert_one(&packed, "bill.csv.gz", "bill.csv", text, 1);
    assert_one(&packed, "bill.csv.GZ", "bill.csv", text, 1);
    assert_one(&packed, ".gz", ".gz", text, 1);
}

static void gzip_streams_one_after_the_other_are_one_file(void **state) {
    BUF_AUTO packed;
    BUF_AUTO more;
    pack("first\n", 6, GZIP, &packed);
    pack("second\n", 7, GZIP, &more);
    buf_add(&packed, more.data, more.len);
    assert_one(&packed, "x", "x", "first\nsecond\n", 1);
}

static void an_archives_file_keeps_its_name_as_bytes(void **state) {
    const struct archive_file file = {"\xD2\xB5\xCE\xF1.csv", text, TEXT_BYTES};
    BUF_AUTO zip;
    pack_zip(&file, 1, &zip);
    assert_one(&zip, "bill.zip", file.name, text, 1);
}

static void an_archives_files_come_in_its_order_without_folders(void **state) {
    static const struct archive_file files[] = {
        {"INN25090188ZM_777", "payments", 8}, {"INN25090188ZME_777", "errors", 6}, {"c/d", "m", 1}};
    BUF_AUTO zip;
    UNWRAPPED_AUTO out;
    pack_zip(files, COUNT_OF(files), &zip);
    assert_int_equal(unwrap("a.zip", zip.data, zip.len, &out), 0);
    assert_int_equal(out.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(out.files[i].name, files[i].name);
        assert_int_equal(out.files[i].count, files[i].count);
        assert_memory_equal(out.files[i].bytes, files[i].bytes, files[i].count);
    }
}

static void unionpays_three_layers_are_taken_off(void **state) {
    const struct archive_file file = {"INN25090188ZM_777", text, TEXT_BYTES};
    static const int windows[] = {ZLIB, DEFLATE, GZIP};
    for (size_t i = 0; i < COUNT_OF(windows); i++) {
        for (int lines = 0; lines < 2; lines++) {
            BUF_AUTO zip;
            BUF_AUTO stream;
            BUF_AUTO letters;
            pack_zip(&file, 1, &zip);
            pack(zip.data, zip.len, windows[i], &stream);
            assert_one(&stream, "x", file.name, text, 2);
            pack_base64(&stream, lines != 0, &letters);
            assert_one(&letters, "x", file.name, text, 3);
        }
    }
}

static void a_zlib_stream_of_text_is_taken_off(void **state) {
    BUF_AUTO packed;
    BUF_AUTO letters;
    pack(text, TEXT_BYTES, ZLIB, &packed);
    assert_one(&packed, "x", "x", text, 1);
    pack_base64(&packed, false, &letters);
    assert_one(&letters, "x", "x", text, 2);
}

static void files_in_an_archive_may_be_packed_again(void **state) {
    BUF_AUTO gzip;
    BUF_AUTO zip;
    UNWRAPPED_AUTO out;
    pack(text, TEXT_BYTES, GZIP, &gzip);
    const struct archive_file files[] = {
        {"a.csv", "a", 1}, {"b.csv.gz", gzip.data, gzip.len}, {"c.csv", "c", 1}};
    pack_zip(files, COUNT_OF(files), &zip);
    assert_int_equal(unwrap("x", zip.data, zip.len, &out), 0);
    assert_int_equal(out.count, 3);
    assert_string_equal(out.files[0].name, "a.csv");
    assert_string_equal(out.files[1].name, "b.csv");
    assert_int_equal(out.files[1].count, TEXT_BYTES);
    assert_int_equal(out.files[1].layers, 2);
    assert_string_equal(out.files[2].name, "c.csv");
}

static void what_is_packed_four_times_is_refused(void **state) {
    struct buf layers[4];
    pack(text, TEXT_BYTES, GZIP, &layers[0]);
    for (int i = 1; i < 4; i++) {
        pack(layers[i - 1].data, layers[i - 1].len, GZIP, &layers[i]);
    }
    assert_one(&layers[2], "x", "x", text, 3);
    assert_refused(layers[3].data, layers[3].len, ERR_BAD_REQUEST);
    for (int i = 0; i < 4; i++) {
        buf_release(&layers[i]);
    }
}

/* ---- damage ---- */

/* UnionPay's errors of a day without any. Where there is nothing else it stays. */
static void an_empty_file_beside_others_is_passed_over(void **state) {
    static const struct archive_file files[] = {{"INN25090188ZME_777", "", 0},
                                                {"INN25090188ZM_777", "payments", 8},
                                                {"INN25090188ZMX_777", "", 0}};
    BUF_AUTO zip;
    BUF_AUTO nothing;
    UNWRAPPED_AUTO out;
    UNWRAPPED_AUTO empty;
    (void)state;
    pack_zip(files, COUNT_OF(files), &zip);
    assert_int_equal(unwrap("a.zip", zip.data, zip.len, &out), 0);
    assert_int_equal(out.count, 1);
    assert_string_equal(out.files[0].name, "INN25090188ZM_777");
    pack_zip(files, 1, &nothing);
    assert_int_equal(unwrap("b.zip", nothing.data, nothing.len, &empty), 0);
    assert_int_equal(empty.count, 1);
}

static void what_is_torn_is_named_and_what_to_do_is_said(void **state) {
    const struct archive_file file = {"a.csv", text, TEXT_BYTES};
    struct buf packed[2];
    static const char *const says[] = {"gzip file bill.csv.gz", "ZIP archive bill.csv.gz"};
    (void)state;
    pack(text, TEXT_BYTES, GZIP, &packed[0]);
    pack_zip(&file, 1, &packed[1]);
    for (size_t i = 0; i < COUNT_OF(packed); i++) {
        UNWRAPPED_AUTO out;
        struct err why = {0};
        assert_int_equal(
            statement_unwrap("bill.csv.gz", packed[i].data, packed[i].len - 30, &out, &why),
            -ERR_BAD_REQUEST);
        assert_non_null(strstr(why.detail, says[i]));
        assert_non_null(strstr(why.detail, "is torn or damaged"));
        assert_non_null(strstr(why.hint, "Download it again"));
        buf_release(&packed[i]);
    }
}

static void half_a_file_is_never_given(void **state) {
    const struct archive_file file = {"a.csv", text, TEXT_BYTES};
    struct buf packed[3];
    pack(text, TEXT_BYTES, GZIP, &packed[0]);
    pack(text, TEXT_BYTES, ZLIB, &packed[1]);
    pack_zip(&file, 1, &packed[2]);
    for (size_t i = 0; i < COUNT_OF(packed); i++) {
        for (size_t count = 20; count < packed[i].len; count++) {
            UNWRAPPED_AUTO out;
            char *exact = malloc(count);
            assert_non_null(exact);
            memcpy(exact, packed[i].data, count);
            int rc = unwrap("x", exact, count, &out);
            /* Only where the mark itself is gone it is taken for what it is: bytes. */
            assert_true(rc == -ERR_BAD_REQUEST || (rc == 0 && out.files[0].layers == 0));
            assert_true(i == 1 || rc != 0);
            free(exact);
        }
    }
    for (size_t i = 0; i < COUNT_OF(packed); i++) {
        buf_release(&packed[i]);
    }
}

/* Each byte in turn gets another value. What comes out is what went in, or nothing of it. */
static void a_changed_byte_never_changes_what_is_in_it(void **state) {
    const struct archive_file file = {"a.csv", text, TEXT_BYTES};
    struct buf packed[3];
    int refused = 0;
    pack(text, TEXT_BYTES, GZIP, &packed[0]);
    pack(text, TEXT_BYTES, ZLIB, &packed[1]);
    pack_zip(&file, 1, &packed[2]);
    for (size_t i = 0; i < COUNT_OF(packed); i++) {
        for (size_t at = 0; at < packed[i].len; at++) {
            for (int bit = 0; bit < 8; bit++) {
                UNWRAPPED_AUTO out;
                packed[i].data[at] ^= (char)(1 << bit);
                int rc = unwrap("x", packed[i].data, packed[i].len, &out);
                if (rc == 0 && out.files[0].layers == 1) {
                    assert_int_equal(out.count, 1);
                    assert_int_equal(out.files[0].count, TEXT_BYTES);
                    assert_memory_equal(out.files[0].bytes, text, TEXT_BYTES);
                }
                refused += rc != 0;
                packed[i].data[at] ^= (char)(1 << bit);
            }
        }
        buf_release(&packed[i]);
    }
    assert_true(refused > 100);
}

static void what_follows_a_stream_is_refused(void **state) {
    static const int windows[] = {GZIP, ZLIB};
    for (size_t i = 0; i < COUNT_OF(windows); i++) {
        BUF_AUTO packed;
        pack(text, TEXT_BYTES, windows[i], &packed);
        buf_add_text(&packed, "more");
        assert_refused(packed.data, packed.len, ERR_BAD_REQUEST);
    }
}

static void base_64_that_is_none_further_on_is_refused(void **state) {
    BUF_AUTO noise;
    BUF_AUTO packed;
    BUF_AUTO letters;
    buf_init(&noise, ROOM);
    for (uint32_t i = 0, value = 1; i < 8000; i++) {
        value = value * 1664525 + 1013904223;
        buf_add_char(&noise, (char)(value >> 24));
    }
    pack(noise.data, noise.len, GZIP, &packed);
    pack_base64(&packed, false, &letters);
    letters.data[letters.len - 100] = '!';
    assert_refused(letters.data, letters.len, ERR_BAD_REQUEST);
    letters.data[letters.len - 100] = '=';
    assert_refused(letters.data, letters.len, ERR_BAD_REQUEST);
}

/* The entry number `nth` of the archive's directory (APPNOTE 4.3.12). */
static unsigned char *directory_entry(const struct buf *zip, int nth) {
    const char *at = memmem(zip->data, zip->len, "PK\x01\x02", 4);
    for (int i = 0; at != NULL && i < nth; i++) {
        at = memmem(at + 1, (size_t)(zip->data + zip->len - at - 1), "PK\x01\x02", 4);
    }
    assert_non_null(at);
    return (unsigned char *)at;
}

/* The kind of file, as Unix has it, in the upper half of the outer attributes. */
static void set_kind(const struct buf *zip, int nth, unsigned kind) {
    enum { ATTRIBUTES_AT = 38 };
    unsigned char *entry = directory_entry(zip, nth);
    entry[ATTRIBUTES_AT + 2] = (unsigned char)(kind & 0xFF);
    entry[ATTRIBUTES_AT + 3] = (unsigned char)(kind >> 8);
}

static void an_archive_without_a_file_is_refused(void **state) {
    const struct archive_file folder = {"folder/", "", 0};
    BUF_AUTO none;
    BUF_AUTO zip;
    pack_zip(NULL, 0, &none);
    assert_refused(none.data, none.len, ERR_BAD_REQUEST);
    pack_zip(&folder, 1, &zip);
    set_kind(&zip, 0, 040755);
    assert_refused(zip.data, zip.len, ERR_BAD_REQUEST);
}

static void folders_are_passed_over_and_links_are_refused(void **state) {
    const struct archive_file files[] = {{"folder/", "", 0}, {"folder/a", "a", 1}};
    BUF_AUTO zip;
    UNWRAPPED_AUTO out;
    pack_zip(files, 2, &zip);
    set_kind(&zip, 0, 040755);
    assert_int_equal(unwrap("x", zip.data, zip.len, &out), 0);
    assert_int_equal(out.count, 1);
    assert_string_equal(out.files[0].name, "folder/a");
    set_kind(&zip, 1, 0120777);
    assert_refused(zip.data, zip.len, ERR_BAD_REQUEST);
}

static void an_archive_that_has_fewer_files_than_it_says_is_refused(void **state) {
    const struct archive_file files[] = {{"a", "a", 1}, {"b", "b", 1}};
    BUF_AUTO zip;
    enum { ON_THIS_DISK_AT = 8, TOTAL_AT = 10 };
    pack_zip(files, 2, &zip);
    char *end = memmem(zip.data, zip.len, "PK\x05\x06", 4);
    assert_non_null(end);
    assert_int_equal(end[TOTAL_AT], 2);
    end[ON_THIS_DISK_AT] = end[TOTAL_AT] = 3;
    assert_refused(zip.data, zip.len, ERR_BAD_REQUEST);
}

/* ---- limits ---- */

static void too_many_files_are_refused(void **state) {
    struct archive_file files[UNWRAP_FILES_MAX + 1];
    for (int i = 0; i <= UNWRAP_FILES_MAX; i++) {
        files[i] = (struct archive_file){"x", "x", 1};
    }
    BUF_AUTO fits;
    BUF_AUTO one_more;
    UNWRAPPED_AUTO out;
    pack_zip(files, UNWRAP_FILES_MAX, &fits);
    pack_zip(files, UNWRAP_FILES_MAX + 1, &one_more);
    assert_int_equal(unwrap("x", fits.data, fits.len, &out), 0);
    assert_int_equal(out.count, UNWRAP_FILES_MAX);
    assert_refused(one_more.data, one_more.len, ERR_TOO_LARGE);
    BUF_AUTO outer;
    const struct archive_file two[] = {{"a", fits.data, fits.len}, {"b", "b", 1}};
    pack_zip(two, 2, &outer);
    assert_refused(outer.data, outer.len, ERR_TOO_LARGE);
}

/* Zeros are packed about a thousand times smaller: with 65 MiB of them the limit is met. */
static void a_bomb_is_refused(void **state) {
    size_t count = (size_t)UNWRAP_FREE_BYTES + 1024 * 1024;
    char *zeros = calloc(1, count);
    assert_non_null(zeros);
    BUF_AUTO packed;
    BUF_AUTO twice;
    BUF_AUTO fits;
    pack(zeros, count, GZIP, &packed);
    assert_true(packed.len * UNWRAP_TIMES_MAX < count || packed.len < 70000);
    pack(packed.data, packed.len, GZIP, &twice);
    assert_refused(twice.data, twice.len, ERR_TOO_LARGE);
    pack(zeros, 1024 * 1024, GZIP, &fits);
    UNWRAPPED_AUTO out;
    assert_int_equal(unwrap("x", fits.data, fits.len, &out), 0);
    assert_int_equal(out.files[0].count, 1024 * 1024);
    free(zeros);
}

/* The bytes of all files of an archive count together. */
static void an_archive_of_bombs_is_refused(void **state) {
    size_t count = 24 * 1024 * 1024;
    char *zeros = calloc(1, count);
    assert_non_null(zeros);
    const struct archive_file files[] = {
        {"a", zeros, count}, {"b", zeros, count}, {"c", zeros, count}};
    BUF_AUTO two;
    BUF_AUTO three;
    BUF_AUTO packed;
    UNWRAPPED_AUTO out;
    pack_zip(files, 2, &two);
    pack_zip(files, 3, &three);
    assert_int_equal(unwrap("x", two.data, two.len, &out), 0);
    pack(three.data, three.len, GZIP, &packed);
    assert_true(packed.len * UNWRAP_TIMES_MAX < 3 * count);
    assert_refused(packed.data, packed.len, ERR_TOO_LARGE);
    free(zeros);
}

/* So do those of everything that is unpacked on the way. */
static void bombs_beside_one_another_are_refused(void **state) {
    size_t count = 24 * 1024 * 1024;
    char *zeros = calloc(1, count);
    assert_non_null(zeros);
    BUF_AUTO bomb;
    BUF_AUTO two;
    BUF_AUTO three;
    UNWRAPPED_AUTO out;
    pack(zeros, count, GZIP, &bomb);
    const struct archive_file files[] = {
        {"a", bomb.data, bomb.len}, {"b", bomb.data, bomb.len}, {"c", bomb.data, bomb.len}};
    pack_zip(files, 2, &two);
    pack_zip(files, 3, &three);
    assert_int_equal(unwrap("x", two.data, two.len, &out), 0);
    assert_int_equal(out.count, 2);
    assert_true(three.len * UNWRAP_TIMES_MAX < 3 * count);
    assert_refused(three.data, three.len, ERR_TOO_LARGE);
    free(zeros);
}

/* ---- Alipay's two files ---- */

#define DETAIL_GBK                                                                                 \
    "#\xD6\xA7\xB8\xB6\xB1\xA6\xD2\xB5\xCE\xF1\xC3\xF7\xCF\xB8\xB2\xE9\xD1\xAF\r\n1\r\n"
#define SUMMARY_GBK                                                                                \
    "#\xD6\xA7\xB8\xB6\xB1\xA6\xD2\xB5\xCE\xF1\xBB\xE3\xD7\xDC\xB2\xE9\xD1\xAF\r\n2\r\n"
#define NAME_GBK "2088_\xD2\xB5\xCE\xF1\xC3\xF7\xCF\xB8"
#define SUM_NAME_GBK NAME_GBK "(\xBB\xE3\xD7\xDC).csv"

static void assert_kept(const struct archive_file *files, size_t count, const char *wanted) {
    BUF_AUTO zip;
    UNWRAPPED_AUTO out;
    pack_zip(files, count, &zip);
    assert_int_equal(unwrap("x", zip.data, zip.len, &out), 0);
    assert_int_equal(out.count, 1);
    assert_int_equal(out.files[0].count, strlen(wanted));
    assert_memory_equal(out.files[0].bytes, wanted, strlen(wanted));
}

static struct archive_file file_of(const char *name, const char *bytes) {
    return (struct archive_file){name, bytes, strlen(bytes)};
}

static void of_alipays_files_the_one_with_the_rows_is_kept(void **state) {
    const struct archive_file by_content[][2] = {
        {file_of(NAME_GBK ".csv", DETAIL_GBK), file_of(SUM_NAME_GBK, SUMMARY_GBK)},
        {file_of(SUM_NAME_GBK, SUMMARY_GBK), file_of(NAME_GBK ".csv", DETAIL_GBK)},
        {file_of("a.csv", SUMMARY_GBK), file_of("b.csv", DETAIL_GBK)},
        /* The first lines decide, not the names. */
        {file_of(SUM_NAME_GBK, DETAIL_GBK), file_of("b.csv", SUMMARY_GBK)},
    };
    for (size_t i = 0; i < COUNT_OF(by_content); i++) {
        assert_kept(by_content[i], 2, DETAIL_GBK);
    }
    const struct archive_file utf8[] = {
        file_of("业务明细(汇总).csv", "#支付宝业务汇总查询\r\n2\r\n"),
        file_of("业务明细.csv", "\xEF\xBB\xBF#支付宝业务明细查询\r\n1\r\n"),
    };
    assert_kept(utf8, 2, "\xEF\xBB\xBF#支付宝业务明细查询\r\n1\r\n");
    /* First lines that say the same leave it to the names. */
    const struct archive_file by_name[] = {
        file_of("业务明细(汇总).csv", "#支付宝业务明细查询\r\n2\r\n"),
        file_of("业务明细.csv", "#支付宝业务明细查询\r\n1\r\n"),
    };
    assert_kept(by_name, 2, "#支付宝业务明细查询\r\n1\r\n");
}

static void nothing_else_is_left_out(void **state) {
    const struct archive_file files[][2] = {
        {file_of("a.csv", DETAIL_GBK), file_of("b.csv", DETAIL_GBK)},
        {file_of("a.csv", SUMMARY_GBK), file_of("b.csv", SUMMARY_GBK)},
        {file_of("汇总.csv", "date,amount\r\n"), file_of("b.csv", "date,amount\r\n")},
        {file_of("汇总.csv", "date,amount\r\n"), file_of("b.csv", DETAIL_GBK)},
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        BUF_AUTO zip;
        UNWRAPPED_AUTO out;
        pack_zip(files[i], 2, &zip);
        assert_int_equal(unwrap("x", zip.data, zip.len, &out), 0);
        assert_int_equal(out.count, 2);
    }
    const struct archive_file alone = file_of(SUM_NAME_GBK, SUMMARY_GBK);
    assert_kept(&alone, 1, SUMMARY_GBK);
}

int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_packed_comes_back_without_a_copy),
        cmocka_unit_test(gzip_is_taken_off),
        cmocka_unit_test(gzip_streams_one_after_the_other_are_one_file),
        cmocka_unit_test(an_archives_file_keeps_its_name_as_bytes),
        cmocka_unit_test(an_archives_files_come_in_its_order_without_folders),
        cmocka_unit_test(unionpays_three_layers_are_taken_off),
        cmocka_unit_test(a_zlib_stream_of_text_is_taken_off),
        cmocka_unit_test(files_in_an_archive_may_be_packed_again),
        cmocka_unit_test(what_is_packed_four_times_is_refused),
        cmocka_unit_test(half_a_file_is_never_given),
        cmocka_unit_test(an_empty_file_beside_others_is_passed_over),
        cmocka_unit_test(what_is_torn_is_named_and_what_to_do_is_said),
        cmocka_unit_test(a_changed_byte_never_changes_what_is_in_it),
        cmocka_unit_test(what_follows_a_stream_is_refused),
        cmocka_unit_test(base_64_that_is_none_further_on_is_refused),
        cmocka_unit_test(an_archive_without_a_file_is_refused),
        cmocka_unit_test(folders_are_passed_over_and_links_are_refused),
        cmocka_unit_test(an_archive_that_has_fewer_files_than_it_says_is_refused),
        cmocka_unit_test(too_many_files_are_refused),
        cmocka_unit_test(a_bomb_is_refused),
        cmocka_unit_test(an_archive_of_bombs_is_refused),
        cmocka_unit_test(bombs_beside_one_another_are_refused),
        cmocka_unit_test(of_alipays_files_the_one_with_the_rows_is_kept),
        cmocka_unit_test(nothing_else_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
