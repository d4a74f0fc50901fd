/* SPDX-License-Identifier: Apache-2.0
 * test_read_unionpay.c: the settlement files of UnionPay, written here by their fields' widths. */
#include "base/clock.h"
#include "support/statement_damage.h"

extern const struct statement_reader unionpay_zm_reader, unionpay_zme_reader;

#define MERCHANT "777290058110048"
#define ZM_NAME "INN25090188ZM_" MERCHANT
#define ZME_NAME "INN25090188ZME_" MERCHANT
/* The gateway masks some; this is one that no rule of ours would: its check digit is wrong. */
#define PAN "6216261000000000017"

static const struct damage_target zm = {&unionpay_zm_reader, ZM_NAME, NULL};
static const struct damage_target zme = {&unionpay_zme_reader, ZME_NAME, NULL};

static const unsigned char zm_widths[] = {3,  11, 11, 6,  10, 19, 12, 4,  2,  21, 2,  32, 2,  6,
                                          10, 13, 13, 4,  15, 2,  2,  6,  2,  4,  32, 1,  21, 15,
                                          1,  15, 32, 13, 13, 8,  32, 13, 13, 12, 2,  1,  32, 98};
static const unsigned char zme_widths[] = {3,  11, 11, 6,  10, 19, 12, 4, 2,  2, 6,
                                           10, 4,  12, 13, 13, 15, 15, 1, 12, 2, 135};

struct cell {
    int field; /* from 1 */
    const char *value;
};

/* One row: what is not said is blank. */
static void add_row(GString *text, const unsigned char *widths, int count, const struct cell *cells,
                    size_t cell_count) {
    for (int i = 1; i <= count; i++) {
        const char *value = "";
        for (size_t j = 0; j < cell_count; j++) {
            value = cells[j].field == i ? cells[j].value : value;
        }
        assert_true(strlen(value) <= widths[i - 1]);
        g_string_append_printf(text, "%-*s%s", (int)widths[i - 1], value, i < count ? " " : "");
    }
    g_string_append(text, "\r\n");
}

struct payment {
    const char *code, *trace, *time, *amount, *query, *order, *fee, *settled, *type, *of_query,
        *of_order;
};

static void add_payment(GString *text, const struct payment *payment) {
    const struct cell cells[] = {
        {1, payment->code},
        {2, "00000001234"},
        {3, "00000005678"},
        {4, payment->trace},
        {5, payment->time},
        {6, PAN},
        {7, payment->amount},
        {8, "5411"},
        {9, "07"},
        {10, payment->query},
        {12, payment->order},
        {13, "01"},
        {16, payment->fee},
        {17, payment->settled},
        {18, "0001"},
        {20, payment->type},
        {21, "01"},
        {22, "000201"},
        {27, payment->of_query},
        {28, MERCHANT},
        {31, "\xB2\xE8\xB5\xEA"},
        {32, "C000000000000"},
        {33, payment->settled},
        {41, payment->of_order},
        {42, "reserved"},
    };
    add_row(text, zm_widths, COUNT_OF(zm_widths), cells, COUNT_OF(cells));
}

#define QUERY(n) "25090110000100000000" n
static const struct payment payments[] = {
    {"S22", "000001", "0901100001", "000000001250", QUERY("1"), "ORD1", "D000000000008",
     "C000000001242", "01", "", ""},
    {"S22", "000002", "0831235959", "000000010000", QUERY("2"), "att01JD5R6Q6Y0V3M8X2K4N7T9BCF",
     "D000000000054", "C000000009946", "01", "", ""},
    {"S30", "000003", "0901110000", "000000000500", QUERY("3"), "re01JD5R6Q6Y0V3M8X2K4N7T9BCG",
     "C000000000003", "D000000000497", "04", QUERY("2"), "att01JD5R6Q6Y0V3M8X2K4N7T9BCF"},
    {"S22", "000004", "0901120000", "000000000777", QUERY("4"), "ORD4", "D000000000000",
     "C000000000777", "03", QUERY("9"), "HOLD4"},
    {"S30", "000005", "0901130000", "000000000777", QUERY("5"), "UNDO4", "D000000000000",
     "D000000000777", "33", QUERY("4"), "ORD4"},
};

static GString *good_zm(void) {
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < COUNT_OF(payments); i++) {
        add_payment(text, &payments[i]);
    }
    return text;
}

static GString *good_zme(void) {
    static const struct cell rows[][12] = {
        {{1, "E23"},
         {4, "000001"},
         {5, "0901100001"},
         {6, PAN},
         {7, "000000001250"},
         {11, "000009"},
         {12, "0801100001"},
         {15, "C000000000008"},
         {16, "D000000001242"},
         {17, MERCHANT}},
        {{1, "E24"},
         {4, "000002"},
         {5, "0901110001"},
         {6, PAN},
         {7, "000000001250"},
         {11, "000009"},
         {12, "0801100001"},
         {15, "D000000000008"},
         {16, "C000000001242"},
         {17, MERCHANT}},
        {{1, "E74"},
         {4, "000003"},
         {5, "0901120001"},
         {6, PAN},
         {7, "000000000300"},
         {11, "000010"},
         {12, "0802100001"},
         {15, "D000000000000"},
         {16, "D000000000300"},
         {17, MERCHANT}},
        {{1, "E73"},
         {4, "000004"},
         {5, "0901130001"},
         {6, PAN},
         {7, "000000000100"},
         {11, "000011"},
         {12, "0803100001"},
         {15, "D000000000000"},
         {16, "C000000000100"},
         {17, MERCHANT}},
    };
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        add_row(text, zme_widths, COUNT_OF(zme_widths), rows[i], COUNT_OF(rows[i]));
    }
    return text;
}

static int64_t beijing(const char *text) {
    int64_t wall_us = 0;
    assert_true(clock_parse_at(text, 8 * 60, &wall_us));
    return wall_us;
}

struct wanted {
    enum row_kind kind;
    int64_t gross_minor, fee_minor, net_minor;
    const char *at, *gateway_id, *reference, *original_id, *original_reference, *native_kind;
};

static void assert_rows(const struct told *told, const struct wanted *wanted, guint count) {
    if (told->problems->len > 0) {
        told_print(told);
    }
    assert_int_equal(told->rc, 0);
    assert_int_equal(told->problems->len, 0);
    assert_int_equal(told->rows->len, count);
    assert_int_equal(told->head.rows, count);
    for (guint i = 0; i < count; i++) {
        const struct statement_row *row = told_at(told, i);
        assert_int_equal(row->line, i + 1);
        assert_int_equal(row->kind, wanted[i].kind);
        assert_int_equal(row->status, ROW_DONE);
        assert_string_equal(row->currency.code, "CNY");
        assert_int_equal(row->gross_minor, wanted[i].gross_minor);
        assert_int_equal(row->fee_minor, wanted[i].fee_minor);
        assert_int_equal(row->net_minor, wanted[i].net_minor);
        assert_int_equal(row->net_minor, row->gross_minor - row->fee_minor);
        assert_int_equal(row->at_us, beijing(wanted[i].at));
        assert_string_equal(row->gateway_id, wanted[i].gateway_id);
        assert_string_equal(row->reference, wanted[i].reference);
        assert_string_equal(row->original_id, wanted[i].original_id);
        assert_string_equal(row->original_reference, wanted[i].original_reference);
        assert_string_equal(row->native_kind, wanted[i].native_kind);
        assert_string_equal(row->batch, "20250901");
    }
}

static void a_file_of_payments_is_read_row_by_row(void **state) {
    static const struct wanted wanted[] = {
        {ROW_CHARGE, 1250, 8, 1242, "2025-09-01 10:00:01", QUERY("1"), "ORD1", "", "", "S22/01"},
        {ROW_CHARGE, 10000, 54, 9946, "2025-08-31 23:59:59", QUERY("2"),
         "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "", "", "S22/01"},
        {ROW_REFUND, -500, -3, -497, "2025-09-01 11:00:00", QUERY("3"),
         "re_01JD5R6Q6Y0V3M8X2K4N7T9BCG", QUERY("2"), "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "S30/04"},
        {ROW_CHARGE, 777, 0, 777, "2025-09-01 12:00:00", QUERY("4"), "ORD4", "", "", "S22/03"},
        {ROW_REFUND, -777, 0, -777, "2025-09-01 13:00:00", QUERY("5"), "UNDO4", QUERY("4"), "ORD4",
         "S30/33"},
    };
    GString *text = good_zm();
    assert_int_equal(text->len, COUNT_OF(payments) * (607 + 2));
    struct told told = damage_read_text(&zm, text);
    assert_rows(&told, wanted, COUNT_OF(wanted));
    assert_string_equal(told.head.account, MERCHANT);
    assert_string_equal(told.head.file_id, ZM_NAME);
    assert_int_equal(told.head.sequence, -1);
    assert_int_equal(told.head.from_us, 0);
    told_free(&told);
    g_string_free(text, true);
}

static void a_file_of_errors_is_read_row_by_row(void **state) {
    static const struct wanted wanted[] = {
        {ROW_CHARGEBACK, -1250, -8, -1242, "2025-09-01 10:00:01", "", "", "", "", "E23"},
        {ROW_CHARGEBACK_RETURNED, 1250, 8, 1242, "2025-09-01 11:00:01", "", "", "", "", "E24"},
        {ROW_REFUND, -300, 0, -300, "2025-09-01 12:00:01", "", "", "", "", "E74"},
        {ROW_ADJUSTMENT, 100, 0, 100, "2025-09-01 13:00:01", "", "", "", "", "E73"},
    };
    GString *text = good_zme();
    assert_int_equal(text->len, COUNT_OF(wanted) * (339 + 2));
    struct told told = damage_read_text(&zme, text);
    assert_rows(&told, wanted, COUNT_OF(wanted));
    assert_string_equal(told_at(&told, 0)->description, "original trace 000009 of 0801100001");
    assert_string_equal(told.head.file_id, ZME_NAME);
    told_free(&told);
    g_string_free(text, true);
}

static void a_day_without_rows_is_an_empty_file(void **state) {
    struct told told = damage_read(&zm, "", 0);
    assert_rows(&told, NULL, 0);
    told_free(&told);
    told = damage_read(&zme, "\r\n", 2);
    assert_rows(&told, NULL, 0);
    told_free(&told);
}

static void assert_time(const char *name, const char *time, const char *wanted) {
    GString *text = g_string_new(NULL);
    struct payment payment = payments[0];
    const struct damage_target target = {&unionpay_zm_reader, name, NULL};
    payment.time = time;
    add_payment(text, &payment);
    struct told told = damage_read_text(&target, text);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told_at(&told, 0)->at_us, beijing(wanted));
    told_free(&told);
    g_string_free(text, true);
}

static void the_year_is_the_one_nearest_to_the_day_of_settlement(void **state) {
    assert_time(ZM_NAME, "0901000000", "2025-09-01 00:00:00");
    assert_time("INN26010188ZM_" MERCHANT, "1231235959", "2025-12-31 23:59:59");
    assert_time("INN26010188ZM_" MERCHANT, "0101000001", "2026-01-01 00:00:01");
    assert_time("INN25123188ZM_" MERCHANT, "0101000001", "2026-01-01 00:00:01");
    assert_time("INN24030188ZM_" MERCHANT, "0229120000", "2024-02-29 12:00:00");
    assert_time("/some/where/INN25090100ZM_" MERCHANT ".txt", "0831120000", "2025-08-31 12:00:00");
}

static void a_name_without_the_day_of_settlement_is_told(void **state) {
    static const char *const names[] = {"",
                                        "bill.txt",
                                        "INN090188ZM_" MERCHANT,
                                        "INN25130188ZM_" MERCHANT,
                                        "INN2025090188ZM_" MERCHANT,
                                        "ZM_" MERCHANT,
                                        NULL};
    GString *text = good_zm();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct damage_target target = {&unionpay_zm_reader, names[i], NULL};
        struct told told = damage_read_text(&target, text);
        assert_int_equal(told.rc, 0);
        assert_int_equal(told.problems->len, 1);
        assert_true(told_has(&told, PROBLEM_BAD_VALUE, 0));
        told_free(&told);
    }
    g_string_free(text, true);
}

static void only_ids_of_our_own_get_their_underline_back(void **state) {
    static const char *const others[] = {
        "order20250901000000000000000001", "pay01JD5R6Q6Y0V3M8X2K4N7T9BCF",
        "att01JD5R6Q6Y0V3M8X2K4N7T9BC", "att01jd5r6q6y0v3m8x2k4n7t9bcf", "att"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        GString *text = g_string_new(NULL);
        struct payment payment = payments[0];
        payment.order = others[i];
        add_payment(text, &payment);
        struct told told = damage_read_text(&zm, text);
        assert_int_equal(told.problems->len, 0);
        assert_string_equal(told_at(&told, 0)->reference, others[i]);
        told_free(&told);
        g_string_free(text, true);
    }
}

static const struct damage zm_damages[] = {
    {"bare line ends", REPLACE, 0,
     "reserved                                                               "
     "                           \r\n",
     "reserved\n", TOLERATED, ANY_LINE, 1},
    {"a longer tail", REPLACE, 0, "reserved", "reserved and more", TOLERATED, ANY_LINE},
    {"an empty line", REPLACE, 0, "S22 00000001234 00000005678 000001",
     "\r\nS22 00000001234 00000005678 000001", TOLERATED, ANY_LINE},
    {"another bank", REPLACE, 0, "00000001234", "00000004321", TOLERATED, ANY_LINE, 2},
    {"an amount is changed", REPLACE, 0, "000000001250", "000000001251", PROBLEM_TOTAL, 1},
    {"a fee is changed", REPLACE, 0, "D000000000008", "D000000000009", PROBLEM_TOTAL, 1},
    {"a settled amount is changed", REPLACE, 0, "C000000009946", "C000000009947", PROBLEM_TOTAL, 2},
    {"a fee goes the other way", REPLACE, 0, "D000000000054", "C000000000054", PROBLEM_SIGN, 2},
    {"a settled amount goes the other way", REPLACE, 0, "D000000000497", "C000000000497",
     PROBLEM_SIGN, 3},
    {"a letter is no letter of these", REPLACE, 0, "D000000000497", "X000000000497",
     PROBLEM_BAD_VALUE, 3},
    {"an amount has blanks for zeros", REPLACE, 0, "000000001250", "        1250",
     PROBLEM_BAD_VALUE, 1},
    {"an amount has a letter in it", REPLACE, 0, "000000001250", "00000000125O", PROBLEM_BAD_VALUE,
     1},
    {"an amount has a point", REPLACE, 0, "000000001250", "0000000012.5", PROBLEM_BAD_VALUE, 1},
    {"a payment says that it is a refund", REPLACE, 0, "0001                 01 01",
     "0001                 04 01", PROBLEM_SIGN, 1},
    {"a refund says that it is a payment", REPLACE, 0, "0001                 04 01",
     "0001                 01 01", PROBLEM_SIGN, 3},
    {"a hold moves money", REPLACE, 0, "0001                 01 01", "0001                 02 01",
     PROBLEM_SIGN, 1},
    {"an unknown type", REPLACE, 0, "0001                 01 01", "0001                 99 01",
     PROBLEM_UNKNOWN_KIND, 1},
    {"no type", REPLACE, 0, "0001                 04 01", "0001                    01",
     PROBLEM_UNKNOWN_KIND, 3},
    {"a day that no calendar has", REPLACE, 0, "0901100001", "0931100001", PROBLEM_BAD_VALUE, 1},
    {"a time that no clock shows", REPLACE, 0, "0901100001", "0901240001", PROBLEM_BAD_VALUE, 1},
    {"a time has blanks", REPLACE, 0, "0901100001", "901100001 ", PROBLEM_BAD_VALUE, 1},
    {"no queryId", REPLACE, 0, QUERY("1"), "                     ", PROBLEM_BAD_VALUE, 1},
    {"no orderId", REPLACE, 0, "ORD1", "    ", PROBLEM_BAD_VALUE, 1},
    {"another merchant", REPLACE, 0, MERCHANT, "777290058110049", PROBLEM_BAD_VALUE, 3, 2},
    {"a byte is gone", REPLACE, 0, "000001 09", "00001 09", PROBLEM_BAD_ROW, 1},
    {"a byte too many", REPLACE, 0, "000001 09", "0000001 09", PROBLEM_BAD_ROW, 1},
    {"something between fields that is no blank", REPLACE, 0, "000001 0901100001",
     "000001,0901100001", PROBLEM_BAD_ROW, 1},
    {"the row is cut short", REPLACE, 0, "C000000009946 0001", "\r\n", PROBLEM_BAD_ROW, 2},
    {"two rows are one", REPLACE, 0, "\r\n", "  ", PROBLEM_BAD_ROW, 2, 1},
    {"a row stands there twice", REPLACE, 0, QUERY("2") "    att", QUERY("1") "    att",
     PROBLEM_REPEATED, 2},
    {"a control character", REPLACE, 0, "ORD4",
     "OR\x01"
     "4",
     PROBLEM_BAD_VALUE, 4},
    {"a header", REPLACE, 0, "S22", "transaction code\r\nS22", PROBLEM_BAD_ROW, 1},
};

static void what_is_done_to_a_file_of_payments_is_told_with_its_line(void **state) {
    GString *text = good_zm();
    damage_check_layout(&zm, text, zm_damages, COUNT_OF(zm_damages));
    g_string_free(text, true);
}

static const struct damage zme_damages[] = {
    {"another tail", REPLACE, 0, "0801100001", "0801100001", TOLERATED, ANY_LINE},
    {"an amount is changed", REPLACE, 0, "000000001250", "000000001251", PROBLEM_TOTAL, 1},
    {"a fee is changed", REPLACE, 0, "C000000000008", "C000000000009", PROBLEM_TOTAL, 1},
    {"a settled amount is changed", REPLACE, 0, "D000000000300", "D000000000301", PROBLEM_TOTAL, 3},
    {"a chargeback comes", REPLACE, 0, "D000000001242", "C000000001242", PROBLEM_SIGN, 1},
    {"a claim goes", REPLACE, 0, "C000000001242", "D000000001242", PROBLEM_SIGN, 2},
    {"a fee goes the other way", REPLACE, 0, "C000000000008", "D000000000008", PROBLEM_SIGN, 1},
    {"a letter is none", REPLACE, 0, "C000000000100", "+000000000100", PROBLEM_BAD_VALUE, 4},
    {"an amount is no number", REPLACE, 0, "000000000300", "0000000003OO", PROBLEM_BAD_VALUE, 3},
    {"an amount is blank", REPLACE, 0, "000000000300", "            ", PROBLEM_BAD_VALUE, 3},
    {"an unknown code", REPLACE, 0, "E23", "E99", PROBLEM_UNKNOWN_KIND, 1},
    {"the code of a payment", REPLACE, 0, "E23", "S22", PROBLEM_UNKNOWN_KIND, 1},
    {"no code", REPLACE, 0, "E74", "   ", PROBLEM_UNKNOWN_KIND, 3},
    {"a day that no calendar has", REPLACE, 0, "0901120001", "0900120001", PROBLEM_BAD_VALUE, 3},
    {"a time that no clock shows", REPLACE, 0, "0901120001", "0901126001", PROBLEM_BAD_VALUE, 3},
    {"another merchant", REPLACE, 0, MERCHANT, "777290058110040", PROBLEM_BAD_VALUE, 2, 1},
    {"a byte is gone", REPLACE, 0, "000001 09", "00001 09", PROBLEM_BAD_ROW, 1},
    {"a byte too many", REPLACE, 0, "000001 09", "0000001 09", PROBLEM_BAD_ROW, 1},
    {"no blank between fields", REPLACE, 0, "000003 0901120001", "000003|0901120001",
     PROBLEM_BAD_ROW, 3},
    {"the row is cut short", REPLACE, 0, "D000000000300", "\r\n", PROBLEM_BAD_ROW, 3},
    {"two rows are one", REPLACE, 0, "\r\n", "  ", PROBLEM_BAD_ROW, 2, 1},
    {"a header", REPLACE, 0, "E23", "code\r\nE23", PROBLEM_BAD_ROW, 1},
    {"a control character", REPLACE, 0, "000009",
     "0000\x7F"
     "9",
     PROBLEM_BAD_VALUE, 1},
};

static void what_is_done_to_a_file_of_errors_is_told_with_its_line(void **state) {
    GString *text = good_zme();
    damage_check_layout(&zme, text, zme_damages, COUNT_OF(zme_damages));
    g_string_append_len(text, text->str, 339 + 2);
    struct told told = damage_read_text(&zme, text);
    assert_true(told_has(&told, PROBLEM_REPEATED, 5));
    assert_int_equal(told.problems->len, 1);
    told_free(&told);
    g_string_free(text, true);
}

/* There is no end mark: what is cut between two rows, or behind the last one, is a shorter day. */
static void a_file_that_is_cut_within_a_row_is_told(void **state) {
    GString *text = good_zm();
    size_t row_bytes = 607 + 2, first = row_bytes;
    for (size_t i = 0; i < text->len; i++) {
        struct told told = damage_read(&zm, text->str, i);
        size_t in_row = i % row_bytes;
        bool in_first_tail = i < first && in_row >= 607 - 98;
        if (in_row != 0 && in_row < 607 && !in_first_tail) {
            assert_true(told.problems->len > 0);
        } else {
            assert_int_equal(told.problems->len, 0);
        }
        assert_true(told.rows->len <= i / row_bytes + 1);
        told_free(&told);
    }
    g_string_free(text, true);
}

static void a_changed_byte_never_changes_sums_unseen(void **state) {
    GString *payments_text = good_zm(), *errors = good_zme();
    damage_check_changes(&zm, payments_text->str, payments_text->len, 1, 4000);
    damage_check_changes(&zme, errors->str, errors->len, 1, 4000);
    g_string_free(payments_text, true);
    g_string_free(errors, true);
}

/* Whatever is wrong with a row, its card number stands in no row and in no problem. */
static void a_card_number_is_never_repeated(void **state) {
    GString *text = good_zm();
    for (size_t i = 0; i < 607; i++) {
        for (int way = 0; way < 3; way++) {
            GString *changed = g_string_new_len(text->str, (gssize)text->len);
            if (way != 0) {
                g_string_erase(changed, (gssize)i, 1);
            }
            if (way != 1) {
                g_string_insert_c(changed, (gssize)i, way == 0 ? '7' : 'x');
            }
            struct told told = damage_read_text(&zm, changed);
            for (guint j = 0; j < told.problems->len; j++) {
                const char *words = g_array_index(told.problems, struct told_problem, j).text;
                assert_null(strstr(words, "621626"));
                assert_null(strstr(words, "00000017"));
            }
            for (guint j = 0; j < told.rows->len; j++) {
                assert_null(strstr(told_at(&told, j)->gateway_id, "621626"));
                assert_null(strstr(told_at(&told, j)->reference, "621626"));
            }
            told_free(&told);
            g_string_free(changed, true);
        }
    }
    g_string_free(text, true);
}

static void each_file_is_known_by_its_name_and_rows(void **state) {
    GString *one = good_zm(), *other = good_zme();
    assert_int_equal(unionpay_zm_reader.detect(ZM_NAME, one->str, one->len), 95);
    assert_int_equal(unionpay_zm_reader.detect("x", one->str, one->len), 70);
    assert_int_equal(unionpay_zme_reader.detect("x", one->str, one->len), 0);
    assert_int_equal(unionpay_zme_reader.detect(ZME_NAME, other->str, other->len), 95);
    assert_int_equal(unionpay_zm_reader.detect("x", other->str, other->len), 0);
    assert_int_equal(unionpay_zm_reader.detect(ZM_NAME, "", 0), 50);
    assert_int_equal(unionpay_zme_reader.detect(ZME_NAME, "", 0), 50);
    assert_int_equal(unionpay_zm_reader.detect(ZME_NAME, "", 0), 0);
    assert_int_equal(unionpay_zm_reader.detect(NULL, "", 0), 0);
    assert_int_equal(unionpay_zm_reader.detect("ZM_", "", 0), 0);
    g_string_free(one, true);
    g_string_free(other, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_payments_is_read_row_by_row),
        cmocka_unit_test(a_file_of_errors_is_read_row_by_row),
        cmocka_unit_test(a_day_without_rows_is_an_empty_file),
        cmocka_unit_test(the_year_is_the_one_nearest_to_the_day_of_settlement),
        cmocka_unit_test(a_name_without_the_day_of_settlement_is_told),
        cmocka_unit_test(only_ids_of_our_own_get_their_underline_back),
        cmocka_unit_test(what_is_done_to_a_file_of_payments_is_told_with_its_line),
        cmocka_unit_test(what_is_done_to_a_file_of_errors_is_told_with_its_line),
        cmocka_unit_test(a_file_that_is_cut_within_a_row_is_told),
        cmocka_unit_test(a_changed_byte_never_changes_sums_unseen),
        cmocka_unit_test(a_card_number_is_never_repeated),
        cmocka_unit_test(each_file_is_known_by_its_name_and_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
