/* SPDX-License-Identifier: Apache-2.0
 * test_xlsx.c: workbooks. With a folder as argument it writes the samples there instead, for
 * xlsx_read.py, which reads them with nothing of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/archive.h"
#include "base/file.h"
#include "base/xlsx.h"

enum { BOOK_BYTES_MAX = 64 * 1024 * 1024, PARTS_MAX = 80, MANY_ROWS = 100 * 1000 };

static const struct currency usd = {"USD"}, jpy = {"JPY"}, kwd = {"KWD"};

/* ---- samples ---- */

static void make_typed(struct xlsx *book) {
    TIME_ZONE_AUTO zone = NULL;
    assert_int_equal(time_zone_open("Asia/Shanghai", &zone, NULL), 0);
    const struct xlsx_column columns[] = {
        {.title = "class", .kind = XLSX_TEXT, .width = 30},
        {.title = "line", .kind = XLSX_NUMBER},
        {.title = "rows", .kind = XLSX_NUMBER, .total = true},
        {.title = "currency", .kind = XLSX_TEXT},
        {.title = "amount", .kind = XLSX_MONEY, .total = true, .money_of = 4},
        {.title = "at", .kind = XLSX_TIME},
        {.title = "there", .kind = XLSX_TIME, .zone = zone, .zone_name = "Asia/Shanghai"},
    };
    static const struct {
        const char *text;
        int64_t line, rows;
        struct currency currency;
        int64_t amount_minor, at_us;
    } rows[] = {
        {"missing_here", 7, 1, {"USD"}, 1999, INT64_C(1763596800000000)},
        {"=HYPERLINK(\"http://x\",\"y\")", 999999999999999, 2, {"USD"}, -10, 0},
        {"+1", -5, 3, {"JPY"}, 500, INT64_C(1763596799999999)},
        {"@SUM(A1)", INT64_C(9007199254740993), 4, {"KWD"}, 1234, INT64_C(-2208988800000000)},
        {"-2", 0, 5, {"USD"}, INT64_C(99999999999999), INT64_C(951782400000000)},
    };
    const struct xlsx_sheet sheet = {
        .name = "Breaks: a/b", .columns = columns, .column_count = COUNT_OF(columns)};
    xlsx_sheet(book, &sheet);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        xlsx_text(book, rows[i].text);
        xlsx_number(book, rows[i].line);
        xlsx_number(book, rows[i].rows);
        xlsx_text(book, rows[i].currency.code);
        xlsx_money(book, rows[i].amount_minor, rows[i].currency);
        xlsx_time(book, rows[i].at_us);
        xlsx_time(book, rows[i].at_us);
        xlsx_row_end(book);
    }
    assert_int_equal(xlsx_rows(book), COUNT_OF(rows));
}

/* Texts that a file of a stranger may have; one is longer than a cell. */
static void make_hostile(struct xlsx *book) {
    static const struct {
        const char *bytes;
        size_t count;
    } texts[] = {
        {"</t></is></c><c><v>1</v>", 24}, {"&amp; \"quoted\" 'and' <b>", 24},
        {"a\0b\x01\x1F\r\nc\td", 10},     {"_x0041_ and _x41_ and _xZZZZ_", 29},
        {"\xFF\xC3(\xED\xA0\x80", 6},     {"\xEF\xBF\xBE \xF0\x9F\x98\x80 \xE9\x87\x91", 12},
        {"  two blanks  ", 14},           {"]]>", 3},
    };
    static const struct xlsx_column columns[] = {{.title = "<title> & \"more\""}};
    const struct xlsx_sheet sheet = {
        .name = "it's <&> []", .columns = columns, .column_count = 1, .total = "合计"};
    char *longest = malloc(2 * XLSX_TEXT_CHARS_MAX);
    xlsx_sheet(book, &sheet);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        xlsx_bytes(book, texts[i].bytes, texts[i].count);
        xlsx_row_end(book);
    }
    memset(longest, 'x', 2 * XLSX_TEXT_CHARS_MAX);
    for (size_t more = 0; more < 2; more++) {
        xlsx_bytes(book, longest, XLSX_TEXT_CHARS_MAX + more);
        xlsx_row_end(book);
    }
    free(longest);
}

/* Amounts whose total has more digits than a spreadsheet keeps, and one that has so by itself. */
static void make_wide(struct xlsx *book) {
    static const struct xlsx_column columns[] = {
        {.title = "what"},
        {.title = "amount", .kind = XLSX_MONEY, .total = true},
        {.title = "other", .kind = XLSX_MONEY, .total = true},
        {.title = "mixed", .kind = XLSX_MONEY, .total = true},
        {.title = "even", .kind = XLSX_MONEY, .total = true},
    };
    const struct xlsx_sheet sheet = {"Wide", columns, COUNT_OF(columns), NULL, 0};
    xlsx_sheet(book, &sheet);
    for (int i = 0; i < 3; i++) {
        xlsx_text(book, "row");
        xlsx_money(book, i < 2 ? INT64_C(600000000000000) : 1, usd);
        xlsx_money(book, i == 1 ? INT64_MIN : i, usd);
        xlsx_money(book, i + 1, i == 2 ? jpy : kwd);
        xlsx_money(book, i == 2 ? 5 : (1 - 2 * i) * INT64_C(1000000000000000), usd);
        xlsx_row_end(book);
    }
}

/* A sheet that goes on twice, and an empty one behind it. */
static void make_parts(struct xlsx *book) {
    static const struct xlsx_column columns[] = {
        {.title = "what"},
        {.title = "currency"},
        {.title = "amount", .kind = XLSX_MONEY, .total = true, .money_of = 2},
        {.title = "rows", .kind = XLSX_NUMBER, .total = true},
    };
    struct xlsx_sheet sheet = {"A name of thirty-one characters", columns, 4, NULL, 4};
    xlsx_sheet(book, &sheet);
    for (int i = 0; i < 10; i++) {
        xlsx_text(book, "row");
        xlsx_text(book, i % 3 == 0 ? "JPY" : "USD");
        xlsx_money(book, i + 1, i % 3 == 0 ? jpy : usd);
        xlsx_number(book, i);
        xlsx_row_end(book);
    }
    assert_int_equal(xlsx_rows(book), 10);
    sheet.name = "None";
    xlsx_sheet(book, &sheet);
    assert_int_equal(xlsx_rows(book), 0);
}

static void make_many(struct xlsx *book) {
    static const struct xlsx_column columns[] = {
        {.title = "what"},
        {.title = "amount", .kind = XLSX_MONEY, .total = true},
    };
    const struct xlsx_sheet sheet = {"Many", columns, COUNT_OF(columns), NULL, 0};
    xlsx_sheet(book, &sheet);
    for (int i = 0; i < MANY_ROWS; i++) {
        xlsx_text(book, "a row");
        xlsx_money(book, (int64_t)i * 7919 % 100003, usd);
        xlsx_row_end(book);
    }
}

static const struct {
    const char *name;
    void (*make)(struct xlsx *book);
} samples[] = {{"typed.xlsx", make_typed},
               {"hostile.xlsx", make_hostile},
               {"wide.xlsx", make_wide},
               {"parts.xlsx", make_parts},
               {"many.xlsx", make_many}};

static void write_sample(size_t number, struct buf *ret_book) {
    struct err err;
    buf_init(ret_book, BOOK_BYTES_MAX);
    struct xlsx *book = xlsx_open(xlsx_into_buf, ret_book);
    samples[number].make(book);
    assert_int_equal(xlsx_close(book, &err), 0);
    assert_true(buf_ok(ret_book));
}

static int write_samples(const char *folder) {
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct outfile *file = NULL;
        struct err err = {0};
        int rc = outfile_open(folder, samples[i].name, &file, &err);
        if (rc == 0) {
            struct xlsx *book = xlsx_open(xlsx_into_outfile, file);
            samples[i].make(book);
            rc = xlsx_close(book, &err);
            rc = rc < 0 ? rc : outfile_finish(file, &err);
            rc = rc < 0 ? rc : outfile_name(file, &err);
        }
        if (rc < 0) {
            fprintf(stderr, "%s\n", err.detail);
            return 1;
        }
    }
    return 0;
}

/* ---- the rules ---- */

static void the_same_calls_give_the_same_bytes(void **state) {
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct buf one, other;
        write_sample(i, &one);
        write_sample(i, &other);
        assert_int_equal(one.len, other.len);
        assert_memory_equal(one.data, other.data, one.len);
        buf_release(&one);
        buf_release(&other);
    }
}

static void each_part_is_well_formed_xml(void **state) {
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct archive_member parts[PARTS_MAX];
        struct buf book;
        struct err err;
        int count = 0;
        write_sample(i, &book);
        assert_int_equal(archive_zip_read_all(book.data, book.len, BOOK_BYTES_MAX, parts, PARTS_MAX,
                                              &count, &err),
                         0);
        assert_true(count >= 6);
        for (int j = 0; j < count; j++) {
            XML_Parser parser = XML_ParserCreateNS(NULL, ' ');
            assert_int_equal(XML_Parse(parser, parts[j].bytes, (int)parts[j].count, XML_TRUE),
                             XML_STATUS_OK);
            XML_ParserFree(parser);
        }
        archive_members_free(parts, count);
        buf_release(&book);
    }
}

struct counted {
    size_t bytes;
};

static void count_bytes(void *ctx, const void *bytes, size_t count) {
    ((struct counted *)ctx)->bytes += count;
}

static void rows_leave_while_others_come(void **state) {
    struct counted counted = {0};
    struct xlsx *book = xlsx_open(count_bytes, &counted);
    make_many(book);
    size_t before = counted.bytes;
    assert_true(before > 200 * 1000);
    assert_int_equal(xlsx_close(book, NULL), 0);
    assert_true(counted.bytes - before < 200 * 1000);
}

static void more_sheets_than_there_may_be_are_told_at_the_end(void **state) {
    static const struct xlsx_column columns[] = {{.title = "what"}};
    const struct xlsx_sheet sheet = {"Full", columns, 1, NULL, 1};
    struct counted counted = {0};
    struct err err = {0};
    struct xlsx *book = xlsx_open(count_bytes, &counted);
    xlsx_sheet(book, &sheet);
    for (int i = 0; i <= XLSX_SHEETS_MAX + 1; i++) {
        xlsx_text(book, "row");
        xlsx_row_end(book);
    }
    assert_int_equal(xlsx_close(book, &err), -ERR_TOO_LARGE);
    assert_non_null(strstr(err.detail, "64 sheets"));
}

static void a_workbook_that_is_dropped_leaves_nothing_behind(void **state) {
    struct counted counted = {0};
    struct xlsx *book = xlsx_open(count_bytes, &counted);
    make_typed(book);
    xlsx_drop(book);
    xlsx_drop(NULL);
}

int main(int argc, char **argv) {
    if (argc == 2) {
        return write_samples(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_calls_give_the_same_bytes),
        cmocka_unit_test(each_part_is_well_formed_xml),
        cmocka_unit_test(rows_leave_while_others_come),
        cmocka_unit_test(more_sheets_than_there_may_be_are_told_at_the_end),
        cmocka_unit_test(a_workbook_that_is_dropped_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
