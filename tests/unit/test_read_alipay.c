/* SPDX-License-Identifier: Apache-2.0
 * test_read_alipay.c: the bills of Alipay, written here by the documentation's columns. */
#include "base/clock.h"
#include "support/statement_damage.h"

extern const struct statement_reader alipay_trade_reader, alipay_account_reader;

static const struct damage_target trade_gbk = {&alipay_trade_reader, "bill.csv", "GB18030"};
static const struct damage_target trade_utf8 = {&alipay_trade_reader, "bill.csv", NULL};
static const struct damage_target account_gbk = {&alipay_account_reader, "bill.csv", "GB18030"};

static int64_t beijing(const char *text) {
    int64_t wall_us = 0;
    assert_true(clock_parse_at(text, 8 * 60, &wall_us));
    return wall_us;
}

struct wanted {
    int64_t line;
    enum row_kind kind;
    int64_t gross_minor, fee_minor, net_minor;
    const char *at, *gateway_id, *reference, *original_id, *original_reference;
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
        assert_int_equal(row->line, wanted[i].line);
        assert_int_equal(row->kind, wanted[i].kind);
        assert_int_equal(row->status, ROW_DONE);
        assert_string_equal(row->currency.code, "CNY");
        assert_int_equal(row->gross_minor, wanted[i].gross_minor);
        assert_int_equal(row->fee_minor, wanted[i].fee_minor);
        assert_int_equal(row->net_minor, wanted[i].net_minor);
        assert_int_equal(row->at_us, beijing(wanted[i].at));
        assert_string_equal(row->gateway_id, wanted[i].gateway_id);
        assert_string_equal(row->reference, wanted[i].reference);
        assert_string_equal(row->original_id, wanted[i].original_id);
        assert_string_equal(row->original_reference, wanted[i].original_reference);
    }
}

#define DAYS                                                                                       \
    "#起始日期：[2025年09月01日 00:00:00]   "                                              \
    "终止日期：[2025年09月02日 00:00:00]\r\n"
#define ACCOUNT_LINES(title)                                                                       \
    "#支付宝" title "查询\r\n#账号：[20880000000000000156]\r\n" DAYS                               \
    "#-----------------------------------------" title                                             \
    "列表----------------------------------------\r\n"
#define END_LINE(title)                                                                            \
    "#-----------------------------------------" title                                             \
    "列表结束------------------------------------\r\n"
#define EXPORTED "#导出时间：[2025年09月02日 07:27:37]\r\n"

/* ---- the trade bill ---- */

struct trade {
    const char *number, *order, *kind, *goods, *done, *amount, *receipt, *discount, *request, *fee;
};
static const struct trade trades[] = {
    {"2025090122000000000000000001", "ORD-1", "交易", "tea", "2025-09-01 10:00:05", "12.50",
     "12.50", "0.00", "", "-0.08"},
    {"2025090122000000000000000002", "ORD-2", "交易", "茶壶，镕", "2025-09-01 10:05:05", "100.00",
     "90.00", "10.00", "", "-0.54"},
    {"2025090122000000000000000001", "ORD-1", "退款", "tea", "2025-09-01 11:00:00", "-5.00",
     "-5.00", "0.00", "REF-1", "0.03"},
    {"2025090122000000000000000001", "ORD-1", "退款", "tea", "2025-09-01 23:59:59", "-2.50",
     "-2.50", "0.00", "REF-2", "0.00"},
};
enum { HEADER_LINE = 5, ROW_1 = 6, ROW_2, ROW_3, ROW_4, END, PAID, REFUNDED, EXPORTED_LINE };
#define TRADE_TOTALS                                                                               \
    "#交易合计：2笔，商家实收共102.50元，商家优惠共10.00元\r\n"                \
    "#退款合计：2笔，商家实收退款共-7.50元，商家优惠退款共0.00元\r\n"

static GString *good_trades(void) {
    GString *text = g_string_new(
        ACCOUNT_LINES("业务明细") "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,"
                                  "门店编号,门店名称,操作员,终端号,"
                                  "对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,"
                                  "集分宝（元）,支付宝优惠（元）,"
                                  "商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
                                  "卡消费金额（元）,"
                                  "退款批次号/请求号,服务费（元）,分润（元）,备注\r\n");
    for (size_t i = 0; i < COUNT_OF(trades); i++) {
        const struct trade *trade = &trades[i];
        g_string_append_printf(
            text,
            "%s\t,%s\t,%s\t,%s,2025-09-01 09:59:59,%s,\t,\t,\t,\t,**学(173****56)\t,%s,%s,0.00,"
            "0.00,0.00,%s,0.00,,0.00\t,0.00,%s\t,%s,0.00,\r\n",
            trade->number, trade->order, trade->kind, trade->goods, trade->done, trade->amount,
            trade->receipt, trade->discount, trade->request, trade->fee);
    }
    g_string_append(text, END_LINE("业务明细") TRADE_TOTALS EXPORTED);
    return text;
}

static const struct wanted wanted_trades[] = {
    {ROW_1, ROW_CHARGE, 1250, 8, AMOUNT_UNSAID, "2025-09-01 10:00:05",
     "2025090122000000000000000001", "ORD-1", "", ""},
    {ROW_2, ROW_CHARGE, 10000, 54, AMOUNT_UNSAID, "2025-09-01 10:05:05",
     "2025090122000000000000000002", "ORD-2", "", ""},
    {ROW_3, ROW_REFUND, -500, -3, AMOUNT_UNSAID, "2025-09-01 11:00:00", "REF-1", "REF-1",
     "2025090122000000000000000001", "ORD-1"},
    {ROW_4, ROW_REFUND, -250, 0, AMOUNT_UNSAID, "2025-09-01 23:59:59", "REF-2", "REF-2",
     "2025090122000000000000000001", "ORD-1"},
};

static void assert_head(const struct told *told) {
    assert_string_equal(told->head.account, "20880000000000000156");
    assert_int_equal(told->head.sequence, -1);
    assert_int_equal(told->head.from_us, beijing("2025-09-01 00:00:00"));
    assert_int_equal(told->head.until_us, beijing("2025-09-02 00:00:00"));
}

static void a_trade_bill_in_gbk_is_read_row_by_row(void **state) {
    GString *text = good_trades();
    struct told told = damage_read_text(&trade_gbk, text);
    assert_rows(&told, wanted_trades, COUNT_OF(wanted_trades));
    assert_head(&told);
    assert_string_equal(told_at(&told, 1)->description, "茶壶，镕");
    assert_string_equal(told_at(&told, 2)->native_kind, "退款");
    told_free(&told);
    g_string_free(text, true);
}

static void utf_8_is_taken_as_well(void **state) {
    GString *text = good_trades();
    struct told told = damage_read_text(&trade_utf8, text);
    assert_rows(&told, wanted_trades, COUNT_OF(wanted_trades));
    assert_head(&told);
    g_string_prepend(text, "\xEF\xBB\xBF");
    struct told marked = damage_read_text(&trade_utf8, text);
    assert_rows(&marked, wanted_trades, COUNT_OF(wanted_trades));
    told_free(&told);
    told_free(&marked);
    g_string_free(text, true);
}

static void a_net_amount_is_told_where_there_is_a_column_for_it(void **state) {
    GString *text = good_trades();
    const struct damage steps[] = {
        {"header", REPLACE, 0, "分润（元）", "实收净额（元）", TOLERATED, ANY_LINE},
        {"row", REPLACE, 0, "-0.08,0.00", "-0.08,12.42", TOLERATED, ANY_LINE},
    };
    GString *header = damage_apply(text, &steps[0]), *row = damage_apply(header, &steps[1]);
    struct told told = damage_read_text(&trade_gbk, row);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told_at(&told, 0)->net_minor, 1242);
    told_free(&told);
    g_string_free(row, true);
    g_string_free(header, true);
    g_string_free(text, true);
}

static void a_refund_without_a_number_names_its_payment(void **state) {
    GString *text = good_trades();
    const struct damage bare = {"bare", REPLACE, 0, "REF-2", "", TOLERATED, ANY_LINE};
    GString *changed = damage_apply(text, &bare);
    struct told told = damage_read_text(&trade_gbk, changed);
    assert_int_equal(told.problems->len, 0);
    assert_string_equal(told_at(&told, 3)->gateway_id, "");
    assert_string_equal(told_at(&told, 3)->reference, "");
    assert_string_equal(told_at(&told, 3)->original_reference, "ORD-1");
    told_free(&told);
    g_string_free(changed, true);
    g_string_free(text, true);
}

static const struct damage trade_damages[] = {
    {"bare line ends", REPLACE, 0, "\r\n20250901220000000000000000", "\n20250901220000000000000000",
     TOLERATED, ANY_LINE, 1},
    {"no tab behind an id", REPLACE, 0, "ORD-1\t", "ORD-1", TOLERATED, ANY_LINE},
    {"brackets of ASCII", REPLACE, 0, "服务费（元）", "服务费(元)", TOLERATED, ANY_LINE},
    {"no brackets", REPLACE, 0, "订单金额（元）", "订单金额", TOLERATED, ANY_LINE},
    {"a new column's name", REPLACE, 0, "门店编号", "商户识别号", TOLERATED, ANY_LINE},
    {"totals of refunds without a minus", REPLACE, 0, "共-7.50", "共7.50", TOLERATED, ANY_LINE},
    {"other words of the totals", REPLACE, 0, "商家实收共102.50元，商家优惠共10.00元",
     "交易金额共112.50元，优惠金额共10.00元", TOLERATED, ANY_LINE},
    {"the last second instead of midnight", REPLACE, 0, "终止日期：[2025年09月02日 00:00:00]",
     "终止日期：[2025年09月01日 23:59:59]", TOLERATED, ANY_LINE},
    {"dates in figures", REPLACE, 0, "[2025年09月01日 00:00:00]", "[2025-09-01 00:00:00]",
     TOLERATED, ANY_LINE},
    {"no line of the export", REPLACE, 0, EXPORTED, "", TOLERATED, ANY_LINE},
    {"no last line end", REPLACE, 0, "07:27:37]\r\n", "07:27:37]", TOLERATED, ANY_LINE},
    {"what was received is changed", REPLACE, 0, "12.50,12.50", "12.50,12.60", PROBLEM_TOTAL,
     ROW_1},
    {"an order's amount is changed", REPLACE, 0, "12.50,12.50", "12.60,12.50", PROBLEM_TOTAL,
     ROW_1},
    {"a payment is changed", REPLACE, 0, "12.50,12.50", "12.60,12.60", PROBLEM_TOTAL, PAID},
    {"what was received with a discount is changed", REPLACE, 0, ",90.00,", ",91.00,",
     PROBLEM_TOTAL, PAID},
    {"a refund is changed", REPLACE, 0, "-2.50,-2.50", "-2.40,-2.40", PROBLEM_TOTAL, REFUNDED},
    {"a gift cannot be read", REPLACE, 0, "12.50,12.50,0.00", "12.50,12.50,none", PROBLEM_BAD_VALUE,
     ROW_1},
    {"a discount is changed", REPLACE, 0, ",10.00,0.00,", ",11.00,0.00,", PROBLEM_TOTAL, PAID},
    {"an amount is no number", REPLACE, 0, "12.50,12.50", "12.50,12,50", PROBLEM_BAD_ROW, ROW_1},
    {"an amount has three decimals", REPLACE, 0, "12.50,12.50", "12.501,12.50", PROBLEM_BAD_VALUE,
     ROW_1},
    {"an amount is empty", REPLACE, 0, "100.00,90.00", ",90.00", PROBLEM_BAD_VALUE, ROW_2},
    {"a payment is negative", REPLACE, 0, "100.00,90.00", "-100.00,90.00", PROBLEM_SIGN, ROW_2},
    {"a refund is positive", REPLACE, 0, "-5.00,-5.00", "5.00,-5.00", PROBLEM_SIGN, ROW_3},
    {"a payment's fee is given back", REPLACE, 0, ",-0.54,", ",0.54,", PROBLEM_SIGN, ROW_2},
    {"a refund's fee is kept", REPLACE, 0, ",0.03,", ",-0.03,", PROBLEM_SIGN, ROW_3},
    {"an unknown kind", REPLACE, 0, "退款\t,tea,2025-09-01 09:59:59,2025-09-01 11",
     "调账\t,tea,2025-09-01 "
     "09:59:59,2025-09-01 11",
     PROBLEM_UNKNOWN_KIND, ROW_3},
    {"a time of another day", REPLACE, 0, "2025-09-01 23:59:59", "2025-09-02 00:00:00",
     PROBLEM_PERIOD, ROW_4},
    {"a time that no clock shows", REPLACE, 0, "2025-09-01 11:00:00", "2025-09-01 25:00:00",
     PROBLEM_BAD_VALUE, ROW_3},
    {"a day of the head that no calendar has", REPLACE, 0, "2025年09月02日 00", "2025年13月02日 00",
     PROBLEM_BAD_VALUE, 3},
    {"a row has a field less", REPLACE, 0, ",-0.54,", ",", PROBLEM_BAD_ROW, ROW_2},
    {"a row is torn", REPLACE, 0, ",tea,", ",tea\r\n,", PROBLEM_BAD_ROW, ROW_1},
    {"a comma within a text", REPLACE, 0, ",tea,", ",tea, green,", PROBLEM_BAD_ROW, ROW_3, 1},
    {"a column is missing", REPLACE, 0, "商户订单号", "订单号", PROBLEM_MISSING_COLUMN,
     HEADER_LINE},
    {"a column is there twice", REPLACE, 0, "券名称", "完成时间", PROBLEM_MISSING_COLUMN,
     HEADER_LINE},
    {"a payment stands there twice", REPLACE, 0, "2025090122000000000000000002",
     "2025090122000000000000000001", PROBLEM_REPEATED, ROW_2},
    {"a refund stands there twice", REPLACE, 0, "REF-2", "REF-1", PROBLEM_REPEATED, ROW_4},
    {"a payment with a refund's number", REPLACE, 0, ",0.00,\t,-0.08", ",0.00,REF-3\t,-0.08",
     PROBLEM_BAD_VALUE, ROW_1},
    {"a trade without a number", REPLACE, 0, "2025090122000000000000000002", "", PROBLEM_BAD_VALUE,
     ROW_2},
    {"the count of payments is wrong", REPLACE, 0, "交易合计：2笔", "交易合计：3笔", PROBLEM_COUNT,
     PAID},
    {"the count of refunds is wrong", REPLACE, 0, "退款合计：2笔", "退款合计：1笔", PROBLEM_COUNT,
     REFUNDED},
    {"the total of payments is wrong", REPLACE, 0, "共102.50元", "共102.51元", PROBLEM_TOTAL, PAID},
    {"the total of refunds is wrong", REPLACE, 0, "共-7.50元", "共-7.49元", PROBLEM_TOTAL,
     REFUNDED},
    {"a total cannot be read", REPLACE, 0, "共-7.50元", "共负7.50元", PROBLEM_TOTAL, REFUNDED},
    {"the totals are gone", REPLACE, 0, TRADE_TOTALS, "", PROBLEM_CUT, ANY_LINE},
    {"one total is gone", REPLACE, 0,
     "#退款合计：2笔，商家实收退款共-7.50元，商家优惠退款共0.00元\r\n", "", PROBLEM_CUT, ANY_LINE},
    {"the line that ends the rows is gone", REPLACE, 0, END_LINE("业务明细"), "", PROBLEM_CUT,
     ANY_LINE},
    {"a row follows the end", REPLACE, 0, TRADE_TOTALS, TRADE_TOTALS "x,y\r\n", PROBLEM_TRAILING,
     EXPORTED_LINE},
    {"a control character in an id", REPLACE, 0, "ORD-2", "ORD\x02", PROBLEM_BAD_VALUE, ROW_2},
};

static void what_is_done_to_a_trade_bill_is_told_with_its_line(void **state) {
    GString *text = good_trades();
    damage_check_layout(&trade_gbk, text, trade_damages, COUNT_OF(trade_damages));
    g_string_free(text, true);
}

static void bytes_that_are_no_text_end_the_reading_with_their_line(void **state) {
    GString *text = good_trades();
    size_t count = 0;
    char *bytes = damage_encode(&trade_gbk, text->str, text->len, &count);
    char *tea = memmem(bytes, count, "tea", 3);
    assert_non_null(tea);
    tea[0] = (char)0xFF;
    struct told told = damage_read(&trade_gbk, bytes, count);
    assert_int_equal(told.rc, -ERR_BAD_REQUEST);
    assert_true(told_has(&told, PROBLEM_ENCODING, 0));
    assert_non_null(strstr(told.err.detail, "line 6"));
    assert_int_equal(told.rows->len, 0);
    told_free(&told);
    g_free(bytes);
    g_string_free(text, true);
}

/* All up to the last total is needed; that the line of the export is whole, as well, once it has
 * begun. */
static void a_trade_bill_that_is_cut_anywhere_is_told(void **state) {
    GString *text = good_trades();
    size_t count = 0;
    char *bytes = damage_encode(&trade_gbk, text->str, text->len, &count);
    const char *export = memmem(bytes, count, "\xB5\xBC\xB3\xF6\xCA\xB1", 6);
    assert_non_null(export);
    size_t before = (size_t)(export - bytes) - 3; /* without the line's end and '#' */
    damage_check_cuts(&trade_gbk, bytes, count, before, false);
    for (size_t i = before + 3; i < count - 2; i++) {
        struct told told = damage_read(&trade_gbk, bytes, i);
        assert_true(told.problems->len > 0);
        told_free(&told);
    }
    g_free(bytes);
    g_string_free(text, true);
}

static void assert_flips_are_told(const struct damage_target *target, const GString *text) {
    size_t count = 0;
    char *bytes = damage_encode(target, text->str, text->len, &count);
    damage_check_changes(target, bytes, count, 1, 4000);
    g_free(bytes);
}

/* In no total are fees, and the order's amount where there is a discount (the second row). */
static void a_changed_byte_never_changes_a_trade_bills_sums_unseen(void **state) {
    GString *text = good_trades();
    size_t count = 0;
    char *bytes = damage_encode(&trade_gbk, text->str, text->len, &count);
    struct told clean = damage_read(&trade_gbk, bytes, count);
    uint64_t seed = 12345;
    int quiet = 0;
    for (int i = 0; i < 4000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t at = (size_t)(seed >> 33) % count;
        char was = bytes[at];
        bytes[at] = (char)(seed >> 20);
        struct told told = damage_read(&trade_gbk, bytes, count);
        if (told.problems->len == 0) {
            quiet++;
            assert_int_equal(told.rows->len, clean.rows->len);
            for (guint row = 0; row < told.rows->len; row++) {
                assert_int_equal(told_at(&told, row)->kind, told_at(&clean, row)->kind);
                assert_true(row == 1 ||
                            told_at(&told, row)->gross_minor == told_at(&clean, row)->gross_minor);
            }
        }
        told_free(&told);
        bytes[at] = was;
    }
    assert_true(quiet < 4000);
    told_free(&clean);
    g_free(bytes);
    g_string_free(text, true);
}

/* ---- the account's bill ---- */

enum { A_HEADER = 5, A_1 = 6, A_2, A_3, A_4, A_5, A_END, A_OUT, A_IN };
#define ACCOUNT_HEADER                                                                             \
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,"      \
    "收入金额（+元）,支出金额（-元）,账户余额（元）,"                         \
    "交易渠道,业务类型,备注\r\n"
#define ACCOUNT_TOTALS "#支出合计：3笔，共-55.08元\r\n#收入合计：2笔，共112.50元\r\n"

static const char *const account_rows[] = {
    "54632446537371\t,T-1\t,ORD-1\t,tea\t,2025-09-01 10:00:05,陈 (c***@example.com)\t,12.50,0.00,"
    "1012.50,支付宝,在线支付,\r\n",
    "54632446537372\t,T-1\t,ORD-1\t,\t,2025-09-01 "
    "10:00:05,\t,0.00,-0.08,1012.42,支付宝,收费,fee\r\n",
    "54632446537373\t,T-2\t,ORD-2\t,pot\t,2025-09-01 10:05:05,\t,100.00,,1112.42,支付宝,交易付款,"
    "\r\n",
    "54632446537374\t,T-1\t,ORD-1\t,tea\t,2025-09-01 11:00:00,\t,,-5.00,1107.42,支付宝,交易退款,"
    "\r\n",
    "54632446537375\t,W-1\t,\t,\t,2025-09-01 18:00:00,\t,0.00,-50.00,1057.42,,提现,\r\n",
};

static GString *good_account(bool latest_first) {
    GString *text = g_string_new(ACCOUNT_LINES("账务明细") ACCOUNT_HEADER);
    for (size_t i = 0; i < COUNT_OF(account_rows); i++) {
        g_string_append(text, account_rows[latest_first ? COUNT_OF(account_rows) - 1 - i : i]);
    }
    g_string_append(text, END_LINE("账务明细") ACCOUNT_TOTALS EXPORTED);
    return text;
}

static const struct wanted wanted_account[] = {
    {A_1, ROW_CHARGE, 1250, AMOUNT_UNSAID, 1250, "2025-09-01 10:00:05", "T-1", "ORD-1", "", ""},
    {A_2, ROW_FEE, -8, AMOUNT_UNSAID, -8, "2025-09-01 10:00:05", "54632446537372", "", "T-1",
     "ORD-1"},
    {A_3, ROW_CHARGE, 10000, AMOUNT_UNSAID, 10000, "2025-09-01 10:05:05", "T-2", "ORD-2", "", ""},
    {A_4, ROW_REFUND, -500, AMOUNT_UNSAID, -500, "2025-09-01 11:00:00", "", "", "T-1", "ORD-1"},
    {A_5, ROW_PAYOUT, -5000, AMOUNT_UNSAID, -5000, "2025-09-01 18:00:00", "54632446537375", "",
     "W-1", ""},
};

static void an_accounts_bill_is_read_row_by_row(void **state) {
    GString *text = good_account(false);
    struct told told = damage_read_text(&account_gbk, text);
    assert_rows(&told, wanted_account, COUNT_OF(wanted_account));
    assert_head(&told);
    assert_int_equal(told.head.balance_count, 1);
    assert_int_equal(told.head.balances[0].opening_minor, 100000);
    assert_int_equal(told.head.balances[0].closing_minor, 105742);
    told_free(&told);
    g_string_free(text, true);
}

static void the_latest_row_may_come_first(void **state) {
    GString *text = good_account(true);
    struct told told = damage_read_text(&account_gbk, text);
    struct wanted wanted[COUNT_OF(wanted_account)];
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        wanted[i] = wanted_account[COUNT_OF(wanted) - 1 - i];
        wanted[i].line = A_1 + (int64_t)i;
    }
    assert_rows(&told, wanted, COUNT_OF(wanted));
    assert_int_equal(told.head.balances[0].opening_minor, 100000);
    assert_int_equal(told.head.balances[0].closing_minor, 105742);
    const struct damage change = {"balance", REPLACE, 0, "1112.42", "1112.43", TOLERATED, ANY_LINE};
    GString *changed = damage_apply(text, &change);
    struct told broken = damage_read_text(&account_gbk, changed);
    assert_true(told_has(&broken, PROBLEM_BALANCE, A_3));
    assert_true(told_has(&broken, PROBLEM_BALANCE, A_4));
    assert_int_equal(broken.problems->len, 2);
    told_free(&broken);
    told_free(&told);
    g_string_free(changed, true);
    g_string_free(text, true);
}

static void a_day_without_movements_is_a_bill_without_rows(void **state) {
    GString *text = g_string_new(ACCOUNT_LINES("账务明细") ACCOUNT_HEADER END_LINE(
        "账务明细") "#支出合计：0笔，共0.00元\r\n#收入合计：0笔，共0.00元\r\n");
    struct told told = damage_read_text(&account_gbk, text);
    assert_rows(&told, NULL, 0);
    assert_int_equal(told.head.balance_count, 0);
    told_free(&told);
    g_string_free(text, true);
}

static const struct damage account_damages[] = {
    {"brackets of ASCII", REPLACE, 0, "收入金额（+元）", "收入金额(+元)", TOLERATED, ANY_LINE},
    {"no brackets", REPLACE, 0, "支出金额（-元）", "支出金额", TOLERATED, ANY_LINE},
    {"an expense without a minus", REPLACE, 0, "-50.00", "50.00", TOLERATED, ANY_LINE},
    {"a total of expenses without a minus", REPLACE, 0, "共-55.08", "共55.08", TOLERATED, ANY_LINE},
    {"commas behind a comment", REPLACE, 0, "共112.50元", "共112.50元,,,,,", TOLERATED, ANY_LINE},
    {"a column beside the others", REPLACE, 0, "备注\r\n", "备注,业务描述\r\n", PROBLEM_BAD_ROW,
     A_1},
    {"an amount is changed", REPLACE, 0, ",100.00,,", ",101.00,,", PROBLEM_BALANCE, A_3},
    {"an amount is changed, and the total tells it too", REPLACE, 0, ",100.00,,", ",101.00,,",
     PROBLEM_TOTAL, A_IN},
    {"an expense is changed", REPLACE, 0, "-5.00", "-6.00", PROBLEM_TOTAL, A_OUT},
    {"a balance is changed", REPLACE, 0, "1107.42", "1107.41", PROBLEM_BALANCE, A_4},
    {"money comes and goes", REPLACE, 0, "12.50,0.00", "12.50,1.00", PROBLEM_SIGN, A_1},
    {"an income is negative", REPLACE, 0, "12.50,0.00", "-12.50,0.00", PROBLEM_SIGN, A_1},
    {"a payment goes", REPLACE, 0, ",100.00,,", ",,100.00,", PROBLEM_SIGN, A_3},
    {"a refund comes", REPLACE, 0, ",,-5.00,", ",5.00,,", PROBLEM_SIGN, A_4},
    {"an unknown kind", REPLACE, 0, "提现", "其它", PROBLEM_UNKNOWN_KIND, A_5},
    {"an amount is larger than any", REPLACE, 0, ",100.00,,", ",10000000000000.01,,", PROBLEM_LIMIT,
     A_3},
    {"a balance is empty", REPLACE, 0, "1112.42", "", PROBLEM_BAD_VALUE, A_3},
    {"an amount is no number", REPLACE, 0, "100.00,,", "1OO.00,,", PROBLEM_BAD_VALUE, A_3},
    {"a time of another day", REPLACE, 0, "2025-09-01 18", "2025-08-31 18", PROBLEM_PERIOD, A_5},
    {"a time that is none", REPLACE, 0, "2025-09-01 18", "2025-09-01 1x", PROBLEM_BAD_VALUE, A_5},
    {"a row without its number", REPLACE, 0, "54632446537374", "", PROBLEM_BAD_VALUE, A_4},
    {"a row stands there twice", REPLACE, 0, "54632446537374", "54632446537373", PROBLEM_REPEATED,
     A_4},
    {"a row has a field less", REPLACE, 0, ",pot\t", "", PROBLEM_BAD_ROW, A_3},
    {"a column is missing", REPLACE, 0, "账户余额（元）", "余额（元）", PROBLEM_MISSING_COLUMN,
     A_HEADER},
    {"the count of expenses is wrong", REPLACE, 0, "支出合计：3笔", "支出合计：2笔", PROBLEM_COUNT,
     A_OUT},
    {"the count of incomes is wrong", REPLACE, 0, "收入合计：2笔", "收入合计：3笔", PROBLEM_COUNT,
     A_IN},
    {"the sum of expenses is wrong", REPLACE, 0, "共-55.08", "共-55.07", PROBLEM_TOTAL, A_OUT},
    {"the sum of incomes is wrong", REPLACE, 0, "共112.50", "共112.5", TOLERATED, ANY_LINE},
    {"the sum of incomes is another", REPLACE, 0, "共112.50", "共112.60", PROBLEM_TOTAL, A_IN},
    {"the totals are gone", REPLACE, 0, ACCOUNT_TOTALS, "", PROBLEM_CUT, ANY_LINE},
    {"the end of the rows is gone", REPLACE, 0, END_LINE("账务明细"), "", PROBLEM_CUT, ANY_LINE},
    {"a row follows", REPLACE, 0, EXPORTED, "more\r\n", PROBLEM_TRAILING, ANY_LINE},
};

static void what_is_done_to_an_accounts_bill_is_told_with_its_line(void **state) {
    GString *text = good_account(false);
    damage_check_layout(&account_gbk, text, account_damages, COUNT_OF(account_damages));
    g_string_free(text, true);
}

static void rows_in_another_order_break_the_balance(void **state) {
    GString *text = g_string_new(ACCOUNT_LINES("账务明细") ACCOUNT_HEADER);
    static const int order[] = {0, 2, 1, 3, 4};
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        g_string_append(text, account_rows[order[i]]);
    }
    g_string_append(text, END_LINE("账务明细") ACCOUNT_TOTALS);
    struct told told = damage_read_text(&account_gbk, text);
    assert_true(told_has(&told, PROBLEM_BALANCE, A_2));
    assert_true(told_has(&told, PROBLEM_BALANCE, A_4));
    told_free(&told);
    g_string_free(text, true);
}

static void an_accounts_bill_that_is_cut_anywhere_is_told(void **state) {
    GString *text = good_account(false);
    size_t count = 0;
    char *bytes = damage_encode(&account_gbk, text->str, text->len, &count);
    const char *export = memmem(bytes, count, "\xB5\xBC\xB3\xF6\xCA\xB1", 6);
    assert_non_null(export);
    damage_check_cuts(&account_gbk, bytes, count, (size_t)(export - bytes) - 3, false);
    g_free(bytes);
    g_string_free(text, true);
}

static void a_changed_byte_never_changes_an_accounts_sums_unseen(void **state) {
    GString *up = good_account(false), *down = good_account(true);
    assert_flips_are_told(&account_gbk, up);
    assert_flips_are_told(&account_gbk, down);
    g_string_free(up, true);
    g_string_free(down, true);
}

/* ---- both ---- */

static void assert_sure(const struct damage_target *target, const GString *text, int trade,
                        int account) {
    size_t count = 0;
    char *bytes = damage_encode(target, text->str, text->len, &count);
    assert_int_equal(alipay_trade_reader.detect("x", bytes, count), trade);
    assert_int_equal(alipay_account_reader.detect("x", bytes, count), account);
    g_free(bytes);
}

static void each_bill_is_known_by_its_title_and_columns(void **state) {
    GString *trade = good_trades(), *account = good_account(false);
    assert_sure(&trade_gbk, trade, 95, 0);
    assert_sure(&trade_utf8, trade, 95, 0);
    assert_sure(&trade_gbk, account, 0, 95);
    g_string_erase(account, 0, strstr(account->str, "账务流水号") - account->str);
    assert_sure(&trade_gbk, account, 0, 60);
    assert_int_equal(alipay_trade_reader.detect("x", "", 0), 0);
    g_string_free(trade, true);
    g_string_free(account, true);
}

static void the_summary_is_no_bill(void **state) {
    GString *text = g_string_new(ACCOUNT_LINES(
        "业务汇总") "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,"
                    "商家实收（元）,服务费（元）\r\n合计\t,\t,2,2,112.50,95.00,-0.59\r\n");
    assert_sure(&trade_gbk, text, 0, 0);
    struct told told = damage_read_text(&trade_gbk, text);
    assert_true(told_has(&told, PROBLEM_MISSING_COLUMN, A_HEADER));
    told_free(&told);
    g_string_free(text, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trade_bill_in_gbk_is_read_row_by_row),
        cmocka_unit_test(utf_8_is_taken_as_well),
        cmocka_unit_test(a_net_amount_is_told_where_there_is_a_column_for_it),
        cmocka_unit_test(a_refund_without_a_number_names_its_payment),
        cmocka_unit_test(what_is_done_to_a_trade_bill_is_told_with_its_line),
        cmocka_unit_test(bytes_that_are_no_text_end_the_reading_with_their_line),
        cmocka_unit_test(a_trade_bill_that_is_cut_anywhere_is_told),
        cmocka_unit_test(a_changed_byte_never_changes_a_trade_bills_sums_unseen),
        cmocka_unit_test(an_accounts_bill_is_read_row_by_row),
        cmocka_unit_test(the_latest_row_may_come_first),
        cmocka_unit_test(a_day_without_movements_is_a_bill_without_rows),
        cmocka_unit_test(what_is_done_to_an_accounts_bill_is_told_with_its_line),
        cmocka_unit_test(rows_in_another_order_break_the_balance),
        cmocka_unit_test(an_accounts_bill_that_is_cut_anywhere_is_told),
        cmocka_unit_test(a_changed_byte_never_changes_an_accounts_sums_unseen),
        cmocka_unit_test(each_bill_is_known_by_its_title_and_columns),
        cmocka_unit_test(the_summary_is_no_bill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
