/* SPDX-License-Identifier: Apache-2.0
 * test_read_wechat.c: the bills of WeChat Pay, written here by the documentation's columns. */
#include "base/clock.h"
#include "support/statement_damage.h"

extern const struct statement_reader wechat_trade_reader, wechat_fund_reader;

/* ---- a small generator of trade bills ---- */

struct trade {
    const char *time, *transaction, *order, *state, *settled, *total, *fee, *goods;
    const char *refund_id, *refund_no, *refund, *applied, *refund_state, *requested;
};
static const struct trade trades[] = {
    {"2025-09-01 10:00:01", "4200000000202509010000000001", "ORD-1", "SUCCESS", "12.50", "12.50",
     "0.08000", "tea", "0", "0", "0.00", "0.00", "", ""},
    {"2025-09-01 10:05:00", "4200000000202509010000000002", "ORD-2", "SUCCESS", "90.00", "100.00",
     "0.54000", "茶壶", "0", "0", "0.00", "0.00", "", ""},
    {"2025-09-01 11:00:00", "4200000000202509010000000001", "ORD-1", "REFUND", "0.00", "0.00",
     "-0.03000", "tea", "50300000000202509010000000001", "REF-1", "5.00", "5.00", "SUCCESS",
     "2025-09-01 11:00:00"},
    {"2025-09-01 23:59:59", "4200000000202509010000000002", "ORD-2", "REFUND", "0.00", "0.00",
     "0.00000", "茶壶", "50300000000202509010000000002", "REF-2", "18.00", "20.00", "PROCESSING",
     "2025-09-01 23:59:59"},
    {"2025-09-01 12:00:00", "4200000000202509010000000003", "ORD-3", "SUCCESS", "0.70", "0.70",
     "0.00420", "", "0", "0", "0.00", "0.00", "", ""},
    {"2025-09-01 12:00:01", "4200000000202509010000000004", "ORD-4", "SUCCESS", "0.90", "0.90",
     "0.00540", "", "0", "0", "0.00", "0.00", "", ""},
};
enum { HEADER_LINE = 1, ROW_1 = 2, ROW_2, ROW_3, ROW_4, ROW_5, ROW_6, TOTALS_HEADER, TOTALS };

static const char *const all_columns[] = {
    "交易时间",     "公众账号ID",     "商户号",       "特约商户号",
    "设备号",       "微信订单号",     "商户订单号",   "用户标识",
    "交易类型",     "交易状态",       "付款银行",     "货币种类",
    "应结订单金额", "代金券金额",     "微信退款单号", "商户退款单号",
    "退款金额",     "充值券退款金额", "退款类型",     "退款状态",
    "商品名称",     "商户数据包",     "手续费",       "费率",
    "订单金额",     "申请退款金额",   "费率备注",     NULL};
static const char *const success_columns[] = {
    "交易时间", "公众账号ID", "商户号",   "特约商户号", "设备号",   "微信订单号",   "商户订单号",
    "用户标识", "交易类型",   "交易状态", "付款银行",   "货币种类", "应结订单金额", "代金券金额",
    "商品名称", "商户数据包", "手续费",   "费率",       "订单金额", "费率备注",     NULL};
static const char *const refund_columns[] = {
    "交易时间",     "公众账号ID",   "商户号",       "特约商户号", "设备号",
    "微信订单号",   "商户订单号",   "用户标识",     "交易类型",   "交易状态",
    "付款银行",     "货币种类",     "应结订单金额", "代金券金额", "退款申请时间",
    "退款成功时间", "微信退款单号", "商户退款单号", "退款金额",   "充值券退款金额",
    "退款类型",     "退款状态",     "商品名称",     "商户数据包", "手续费",
    "费率",         "订单金额",     "申请退款金额", "费率备注",   NULL};
static const char *const old_columns[] = {"交易时间",
                                          "公众账号ID",
                                          "商户号",
                                          "子商户号",
                                          "设备号",
                                          "微信订单号",
                                          "商户订单号",
                                          "用户标识",
                                          "交易类型",
                                          "交易状态",
                                          "付款银行",
                                          "货币种类",
                                          "总金额",
                                          "代金券或立减优惠金额",
                                          "微信退款单号",
                                          "商户退款单号",
                                          "退款金额",
                                          "代金券或立减优惠退款金额",
                                          "退款类型",
                                          "退款状态",
                                          "商品名称",
                                          "商户数据包",
                                          "手续费",
                                          "费率",
                                          NULL};

#define NEW_TOTALS                                                                                 \
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
#define OLD_TOTALS "总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额"

static const char *value_of(const struct trade *trade, const char *column) {
    const struct {
        const char *column, *value;
    } values[] = {
        {"交易时间", trade->time},
        {"公众账号ID", "wxdemo0001"},
        {"商户号", "1900000001"},
        {"特约商户号", "0"},
        {"子商户号", "0"},
        {"微信订单号", trade->transaction},
        {"商户订单号", trade->order},
        {"用户标识", "oDemoUser"},
        {"交易类型", "JSAPI"},
        {"交易状态", trade->state},
        {"付款银行", "OTHERS"},
        {"货币种类", "CNY"},
        {"应结订单金额", trade->settled},
        {"总金额", trade->settled},
        {"代金券金额", "0.00"},
        {"代金券或立减优惠金额", "0.00"},
        {"微信退款单号", trade->refund_id},
        {"商户退款单号", trade->refund_no},
        {"退款金额", trade->refund},
        {"充值券退款金额", "0.00"},
        {"代金券或立减优惠退款金额", "0.00"},
        {"退款状态", trade->refund_state},
        {"商品名称", trade->goods},
        {"手续费", trade->fee},
        {"费率", "0.60%"},
        {"订单金额", trade->total},
        {"申请退款金额", trade->applied},
        {"退款申请时间", trade->requested},
        {"退款成功时间", trade->requested},
    };
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        if (strcmp(values[i].column, column) == 0) {
            return values[i].value;
        }
    }
    return "";
}

/* 'S' payments, 'R' refunds, 'A' both. */
static GString *trade_bill(const char *const *columns, char which, const char *totals) {
    GString *text = g_string_new("\xEF\xBB\xBF");
    for (int i = 0; columns[i] != NULL; i++) {
        g_string_append_printf(text, "%s%s", i > 0 ? "," : "", columns[i]);
    }
    for (size_t i = 0; i < COUNT_OF(trades); i++) {
        char state = trades[i].state[0];
        if (which != 'A' && state != which) {
            continue;
        }
        for (int j = 0; columns[j] != NULL; j++) {
            g_string_append_printf(text, "%s`%s", j > 0 ? "," : "\r\n",
                                   value_of(&trades[i], columns[j]));
        }
    }
    g_string_append_printf(text, "\r\n%s\r\n", totals);
    return text;
}

static GString *good_trades(void) {
    return trade_bill(all_columns, 'A',
                      NEW_TOTALS "\r\n`6,`104.10,`23.00,`0.00,`0.59960,`114.10,`25.00");
}

static const struct damage_target trade_target = {&wechat_trade_reader, "bill.csv", NULL};

static int64_t beijing(const char *text) {
    int64_t wall_us = 0;
    assert_true(clock_parse_at(text, 8 * 60, &wall_us));
    return wall_us;
}

struct wanted {
    enum row_kind kind;
    enum row_status status;
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
        assert_int_equal(row->line, ROW_1 + i);
        assert_int_equal(row->kind, wanted[i].kind);
        assert_int_equal(row->status, wanted[i].status);
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

#define PAY(n, gross, fee, at, tail)                                                               \
    {                                                                                              \
        ROW_CHARGE, ROW_DONE, gross, fee, AMOUNT_UNSAID, at, "420000000020250901000000000" tail,   \
            "ORD-" n, "", ""                                                                       \
    }
static const struct wanted wanted_all[] = {
    PAY("1", 1250, 8, "2025-09-01 10:00:01", "1"),
    PAY("2", 10000, 54, "2025-09-01 10:05:00", "2"),
    {ROW_REFUND, ROW_DONE, -500, -3, AMOUNT_UNSAID, "2025-09-01 11:00:00",
     "50300000000202509010000000001", "REF-1", "4200000000202509010000000001", "ORD-1"},
    {ROW_REFUND, ROW_PENDING, -2000, 0, AMOUNT_UNSAID, "2025-09-01 23:59:59",
     "50300000000202509010000000002", "REF-2", "4200000000202509010000000002", "ORD-2"},
    PAY("3", 70, 0, "2025-09-01 12:00:00", "3"),
    PAY("4", 90, 1, "2025-09-01 12:00:01", "4"),
};

static void a_bill_of_all_trades_is_read_row_by_row(void **state) {
    GString *text = good_trades();
    struct told told = damage_read_text(&trade_target, text);
    assert_rows(&told, wanted_all, COUNT_OF(wanted_all));
    assert_string_equal(told.head.account, "1900000001");
    assert_int_equal(told.head.sequence, -1);
    assert_int_equal(told.head.lacks, 0);
    assert_int_equal(told.head.balance_count, 0);
    assert_int_equal(told.head.from_us, beijing("2025-09-01 00:00:00"));
    assert_int_equal(told.head.until_us, beijing("2025-09-02 00:00:00"));
    assert_string_equal(told_at(&told, 0)->description, "tea");
    assert_string_equal(told_at(&told, 0)->method, "JSAPI");
    assert_string_equal(told_at(&told, 2)->native_kind, "REFUND");
    told_free(&told);
    g_string_free(text, true);
}

static void rows_of_two_days_have_no_day(void **state) {
    GString *text = good_trades();
    const struct damage other = {"another day",          REPLACE,   0,       "`2025-09-01 12:00:00",
                                 "`2025-09-02 12:00:00", TOLERATED, ANY_LINE};
    GString *changed = damage_apply(text, &other);
    struct told told = damage_read_text(&trade_target, changed);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.head.from_us, 0);
    assert_int_equal(told.head.until_us, 0);
    told_free(&told);
    g_string_free(changed, true);
    g_string_free(text, true);
}

static void a_bill_of_payments_has_no_columns_of_refunds(void **state) {
    GString *text = trade_bill(success_columns, 'S',
                               NEW_TOTALS "\r\n`4,`104.10,`0.00,`0.00,`0.62960,`114.10,`0.00");
    struct told told = damage_read_text(&trade_target, text);
    const struct wanted wanted[] = {wanted_all[0], wanted_all[1], wanted_all[4], wanted_all[5]};
    assert_rows(&told, wanted, COUNT_OF(wanted));
    assert_int_equal(told.head.lacks, TELLS_REFUNDS);
    told_free(&told);
    g_string_free(text, true);
}

static void a_bill_of_refunds_has_times_of_its_own(void **state) {
    GString *text = trade_bill(refund_columns, 'R',
                               NEW_TOTALS "\r\n`2,`0.00,`23.00,`0.00,`-0.03000,`0.00,`25.00");
    const struct damage paid_before = {
        "the payment was days ago", REPLACE,   0,       "`2025-09-01 11:00:00",
        "`2025-08-20 10:00:00",     TOLERATED, ANY_LINE};
    GString *older = damage_apply(text, &paid_before);
    struct told told = damage_read_text(&trade_target, older);
    const struct wanted wanted[] = {wanted_all[2], wanted_all[3]};
    assert_rows(&told, wanted, COUNT_OF(wanted));
    assert_int_equal(told.head.lacks, TELLS_CHARGES);
    told_free(&told);
    g_string_free(older, true);
    g_string_free(text, true);
}

enum { REFUND_1 = 2, REFUND_2, REFUND_TOTALS = 5 };
static const struct damage refund_damages[] = {
    {"a refund's amount is changed", REPLACE, 0, "`20.00", "`21.00", PROBLEM_TOTAL, REFUND_TOTALS},
    {"what is settled of a refund is changed", REPLACE, 0, "`18.00", "`19.00", PROBLEM_TOTAL,
     REFUND_TOTALS},
    {"a fee is changed by the smallest part", REPLACE, 0, "`-0.03000", "`-0.03001", PROBLEM_TOTAL,
     REFUND_TOTALS},
    {"a fee has six decimals", REPLACE, 0, "`-0.03000", "`-0.030000", PROBLEM_BAD_VALUE, REFUND_1},
    {"a fee is kept", REPLACE, 0, "`-0.03000", "`0.03000", PROBLEM_SIGN, REFUND_1},
    {"an amount is finer than a fen", REPLACE, 0, "`20.00", "`20.001", PROBLEM_BAD_VALUE, REFUND_2},
    {"an amount is no number", REPLACE, 0, "`20.00", "`2O.00", PROBLEM_BAD_VALUE, REFUND_2},
    {"an amount is empty", REPLACE, 0, "`20.00", "`", PROBLEM_BAD_VALUE, REFUND_2},
    {"an amount is grouped", REPLACE, 0, "`20.00", "`2,0.00", PROBLEM_BAD_ROW, REFUND_2},
    {"a refund is negative", REPLACE, 0, "`20.00", "`-20.00", PROBLEM_SIGN, REFUND_2},
    {"an unknown state of a refund", REPLACE, 0, "`PROCESSING", "`ABNORMAL", PROBLEM_UNKNOWN_KIND,
     REFUND_2},
    {"a refund without a state", REPLACE, 0, "`PROCESSING", "`", PROBLEM_UNKNOWN_KIND, REFUND_2},
    {"an unknown state of the trade", REPLACE, 0, "`REFUND", "`RETURN", PROBLEM_UNKNOWN_KIND,
     REFUND_1},
    {"a payment among the refunds", REPLACE, 0, "`REFUND", "`SUCCESS", PROBLEM_SIGN, REFUND_1},
    {"another currency", REPLACE, 0, "`CNY", "`HKD", PROBLEM_CURRENCY, REFUND_2, 1},
    {"a day that no calendar has", REPLACE, 0, "`2025-09-01 11:00:00", "`2025-09-31 11:00:00",
     PROBLEM_BAD_VALUE, REFUND_1, 1},
    {"a time that no clock shows", REPLACE, 0, "`2025-09-01 23:59:59", "`2025-09-01 24:59:59",
     PROBLEM_BAD_VALUE, REFUND_2, 1},
    {"a row has a field less", REPLACE, 0, "`OTHERS,", "", PROBLEM_BAD_ROW, REFUND_2, 1},
    {"a row has a field more", REPLACE, 0, "`OTHERS,", "`OTHERS,`,", PROBLEM_BAD_ROW, REFUND_2, 1},
    {"a row is torn", REPLACE, 0, "`JSAPI,`REFUND", "`JSAPI\r\n`REFUND", PROBLEM_BAD_ROW, REFUND_1},
    {"the number of refunds has no column", REPLACE, 0, "微信退款单号", "退款单号",
     PROBLEM_MISSING_COLUMN, 1},
    {"the state of refunds has no column", REPLACE, 0, "退款状态", "退款情况",
     PROBLEM_MISSING_COLUMN, 1},
    {"a column is there twice", REPLACE, 0, "设备号", "申请退款金额", PROBLEM_MISSING_COLUMN, 1},
    {"a total's column is missing", REPLACE, 0, "申请退款总金额", "申请总金额",
     PROBLEM_MISSING_COLUMN, REFUND_TOTALS},
    {"the count is wrong", REPLACE, 0, "`2,`0.00,`23.00", "`3,`0.00,`23.00", PROBLEM_COUNT,
     REFUND_TOTALS},
    {"the count is no number", REPLACE, 0, "`2,`0.00,`23.00", "`two,`0.00,`23.00",
     PROBLEM_BAD_VALUE, REFUND_TOTALS},
    {"a total of payments, of which there are none", REPLACE, 0, "`2,`0.00,", "`2,`1.00,",
     PROBLEM_TOTAL, REFUND_TOTALS},
    {"the total of refunds is wrong", REPLACE, 0, "`23.00", "`23.01", PROBLEM_TOTAL, REFUND_TOTALS},
    {"the total that was applied for is wrong", REPLACE, 0, "`25.00", "`25.01", PROBLEM_TOTAL,
     REFUND_TOTALS},
    {"the row of totals is gone", REPLACE, 0,
     "\r\n`2,`0.00,`23.00,`0.00,`-0.03000,`0.00,`25.00", "", PROBLEM_CUT, ANY_LINE},
    {"something follows", AT_END, 0, NULL, "`x\r\n", PROBLEM_TRAILING, REFUND_TOTALS + 1},
    {"a refund stands there twice", REPLACE, 0, "`50300000000202509010000000002",
     "`50300000000202509010000000001", PROBLEM_REPEATED, REFUND_2},
    {"a refund without a number", REPLACE, 0, "`50300000000202509010000000002", "`0",
     PROBLEM_BAD_VALUE, REFUND_2},
    {"another account", REPLACE, 0, "`1900000001", "`1900000002", PROBLEM_BAD_VALUE, REFUND_2, 1},
    {"a text is no UTF-8", REPLACE, 0, "茶壶", "\xB2\xE8", PROBLEM_ENCODING, REFUND_2},
    {"an id has a control character", REPLACE, 0, "`REF-2", "`REF\x01", PROBLEM_BAD_VALUE,
     REFUND_2},
    {"no byte order mark", REPLACE, 0, "\xEF\xBB\xBF", "", TOLERATED, ANY_LINE},
    {"no last line end", REPLACE, 0, "`25.00\r\n", "`25.00", TOLERATED, ANY_LINE},
};

static void what_is_done_to_a_bill_of_refunds_is_told_with_its_line(void **state) {
    GString *text = trade_bill(refund_columns, 'R',
                               NEW_TOTALS "\r\n`2,`0.00,`23.00,`0.00,`-0.03000,`0.00,`25.00");
    damage_check_layout(&trade_target, text, refund_damages, COUNT_OF(refund_damages));
    damage_check_cuts(&trade_target, text->str, text->len, text->len - 2, false);
    damage_check_changes(&trade_target, text->str, text->len, 1, 4000);
    g_string_free(text, true);
}

static void the_columns_of_old_bills_are_known(void **state) {
    GString *text = trade_bill(old_columns, 'A', OLD_TOTALS "\r\n`6,`104.10,`23.00,`0.00,`0.59960");
    struct told told = damage_read_text(&trade_target, text);
    struct wanted wanted[COUNT_OF(wanted_all)];
    memcpy(wanted, wanted_all, sizeof wanted);
    wanted[1].gross_minor = 9000;  /* 总金额 */
    wanted[3].gross_minor = -1800; /* 退款金额 */
    assert_rows(&told, wanted, COUNT_OF(wanted));
    told_free(&told);
    g_string_free(text, true);
}

static void a_day_without_trades_is_a_bill_without_rows(void **state) {
    GString *text = g_string_new("交易时间,微信订单号,商户订单号,交易状态,货币种类,应结订单金额,"
                                 "手续费,订单金额\r\n" NEW_TOTALS
                                 "\r\n`0,`0.00,`0.00,`0.00,`0.00,`0.00,`0.00\r\n");
    struct told told = damage_read_text(&trade_target, text);
    assert_rows(&told, NULL, 0);
    assert_int_equal(told.head.from_us, 0);
    told_free(&told);
    g_string_free(text, true);
}

static const struct damage trade_damages[] = {
    {"no byte order mark", REPLACE, 0, "\xEF\xBB\xBF", "", TOLERATED, ANY_LINE},
    {"bare line ends", REPLACE, 0, "\r\n`2025-09-01 10:05:00", "\n`2025-09-01 10:05:00", TOLERATED,
     ANY_LINE},
    {"an empty line", REPLACE, 0, "\r\n总交易单数", "\r\n\r\n总交易单数", TOLERATED, ANY_LINE},
    {"no last line end", REPLACE, 0, "`25.00\r\n", "`25.00", TOLERATED, ANY_LINE},
    {"an unknown bank", REPLACE, 0, "OTHERS", "NEWBANK_DEBIT", TOLERATED, ANY_LINE, 1},
    {"a quote in a text", REPLACE, 0, "`tea", "`\"tea", TOLERATED, ANY_LINE},
    {"an amount of a payment is changed", REPLACE, 0, "`12.50", "`12.60", PROBLEM_TOTAL, TOTALS},
    {"an order's amount is changed", REPLACE, 0, "`12.50", "`12.60", PROBLEM_TOTAL, TOTALS, 1},
    {"a refund's amount is changed", REPLACE, 0, "`20.00", "`21.00", PROBLEM_TOTAL, TOTALS},
    {"a fee is changed by the smallest part", REPLACE, 0, "`0.00540", "`0.00541", PROBLEM_TOTAL,
     TOTALS},
    {"a fee has six decimals", REPLACE, 0, "`0.00540", "`0.005400", PROBLEM_BAD_VALUE, ROW_6},
    {"an amount is finer than a fen", REPLACE, 0, "`0.70", "`0.701", PROBLEM_BAD_VALUE, ROW_5},
    {"an amount is no number", REPLACE, 0, "`100.00", "`1O0.00", PROBLEM_BAD_VALUE, ROW_2},
    {"an amount is empty", REPLACE, 0, "`100.00", "`", PROBLEM_BAD_VALUE, ROW_2},
    {"an amount is grouped", REPLACE, 0, "`100.00", "`1,00.00", PROBLEM_BAD_ROW, ROW_2},
    {"a payment is negative", REPLACE, 0, "`100.00", "`-100.00", PROBLEM_SIGN, ROW_2},
    {"a refund is negative", REPLACE, 0, "`20.00", "`-20.00", PROBLEM_SIGN, ROW_4},
    {"a payment's fee is given back", REPLACE, 0, "`0.54000", "`-0.54000", PROBLEM_SIGN, ROW_2},
    {"a refund's fee is kept", REPLACE, 0, "`-0.03000", "`0.03000", PROBLEM_SIGN, ROW_3},
    {"a payment has a refund's amount", REPLACE, 0, "`0.00,`0.00,`,`,`tea", "`1.00,`0.00,`,`,`tea",
     PROBLEM_SIGN, ROW_1},
    {"an unknown state", REPLACE, 0, "`SUCCESS", "`CLOSED", PROBLEM_UNKNOWN_KIND, ROW_1},
    {"the state of the interface", REPLACE, 0, "`PROCESSING", "`ABNORMAL", PROBLEM_UNKNOWN_KIND,
     ROW_4},
    {"a refund without a state", REPLACE, 0, "`PROCESSING", "`", PROBLEM_UNKNOWN_KIND, ROW_4},
    {"another currency", REPLACE, 0, "`CNY", "`HKD", PROBLEM_CURRENCY, ROW_3, 2},
    {"no currency", REPLACE, 0, "`CNY", "`RMB", PROBLEM_CURRENCY, ROW_3, 2},
    {"a day that no calendar has", REPLACE, 0, "`2025-09-01 12:00:00", "`2025-09-31 12:00:00",
     PROBLEM_BAD_VALUE, ROW_5},
    {"a row has a field less", REPLACE, 0, "`OTHERS,", "", PROBLEM_BAD_ROW, ROW_2, 1},
    {"a row has a field more", REPLACE, 0, "`OTHERS,", "`OTHERS,`,", PROBLEM_BAD_ROW, ROW_2, 1},
    {"a row is torn", REPLACE, 0, "`JSAPI,`SUCCESS", "`JSAPI\r\n`SUCCESS", PROBLEM_BAD_ROW, ROW_2,
     1},
    {"a column is missing", REPLACE, 0, "微信订单号", "微信单号", PROBLEM_MISSING_COLUMN,
     HEADER_LINE},
    {"a column is there twice", REPLACE, 0, "设备号", "订单金额", PROBLEM_MISSING_COLUMN,
     HEADER_LINE},
    {"one column of refunds is missing", REPLACE, 0, "退款状态", "退款情况", PROBLEM_MISSING_COLUMN,
     HEADER_LINE},
    {"a total's column is missing", REPLACE, 0, "手续费总金额", "手续费", PROBLEM_MISSING_COLUMN,
     TOTALS_HEADER},
    {"a row is gone", REPLACE, 0, "\r\n`2025-09-01 12:00:00", "\r\n,", PROBLEM_BAD_ROW, ROW_5},
    {"the count is wrong", REPLACE, 0, "`6,", "`7,", PROBLEM_COUNT, TOTALS},
    {"the count is no number", REPLACE, 0, "`6,", "`6.0,", PROBLEM_BAD_VALUE, TOTALS},
    {"the fees' total is rounded", REPLACE, 0, "`0.59960", "`0.60", PROBLEM_TOTAL, TOTALS},
    {"the total of refunds is wrong", REPLACE, 0, "`23.00", "`23.01", PROBLEM_TOTAL, TOTALS},
    {"the row of totals is gone", REPLACE, 0, "\r\n`6,`104.10,`23.00,`0.00,`0.59960,`114.10,`25.00",
     "", PROBLEM_CUT, ANY_LINE},
    {"something follows", REPLACE, 0, "`25.00\r\n", "`25.00\r\n`x\r\n", PROBLEM_TRAILING,
     TOTALS + 1},
    {"a payment stands there twice", REPLACE, 0, "`4200000000202509010000000004",
     "`4200000000202509010000000003", PROBLEM_REPEATED, ROW_6},
    {"a refund stands there twice", REPLACE, 0, "`50300000000202509010000000002",
     "`50300000000202509010000000001", PROBLEM_REPEATED, ROW_4},
    {"a refund without a number", REPLACE, 0, "`50300000000202509010000000002", "`0",
     PROBLEM_BAD_VALUE, ROW_4},
    {"a payment without a number", REPLACE, 0, "`4200000000202509010000000003", "`",
     PROBLEM_BAD_VALUE, ROW_5},
    {"another account", REPLACE, 0, "`1900000001", "`1900000002", PROBLEM_BAD_VALUE, ROW_4, 3},
    {"a text is no UTF-8", REPLACE, 0, "茶壶", "\xB2\xE8", PROBLEM_ENCODING, ROW_2},
    {"an id has a control character", REPLACE, 0, "`ORD-2", "`ORD\x01", PROBLEM_BAD_VALUE, ROW_2},
};

static void what_is_done_to_a_trade_bill_is_told_with_its_line(void **state) {
    GString *text = good_trades();
    damage_check_layout(&trade_target, text, trade_damages, COUNT_OF(trade_damages));
    g_string_free(text, true);
}

static void columns_may_stand_in_another_order_and_others_beside_them(void **state) {
    const char *turned[COUNT_OF(all_columns) + 1];
    size_t count = COUNT_OF(all_columns) - 1;
    for (size_t i = 0; i < count; i++) {
        turned[i] = all_columns[count - 1 - i];
    }
    turned[count] = "新列";
    turned[count + 1] = NULL;
    GString *text = trade_bill(turned, 'A',
                               NEW_TOTALS "\r\n`6,`104.10,`23.00,`0.00,`0.59960,`114.10,`25.00");
    struct told told = damage_read_text(&trade_target, text);
    assert_rows(&told, wanted_all, COUNT_OF(wanted_all));
    told_free(&told);
    g_string_free(text, true);
}

static void what_became_of_a_refund_is_its_status(void **state) {
    static const struct {
        const char *name;
        enum row_status status;
    } states[] = {{"SUCCESS", ROW_DONE},
                  {"PROCESSING", ROW_PENDING},
                  {"FAIL", ROW_FAILED},
                  {"CHANGE", ROW_FAILED}};
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        GString *text = good_trades();
        char to[32];
        snprintf(to, sizeof to, "`%s", states[i].name);
        const struct damage change = {"state", REPLACE, 0, "`PROCESSING", to, TOLERATED, ANY_LINE};
        GString *changed = damage_apply(text, &change);
        struct told told = damage_read_text(&trade_target, changed);
        assert_int_equal(told.problems->len, 0);
        assert_int_equal(told_at(&told, 3)->status, states[i].status);
        told_free(&told);
        g_string_free(changed, true);
        g_string_free(text, true);
    }
}

static void a_revoked_row_is_money_that_went_back(void **state) {
    GString *text = good_trades();
    const struct damage change = {"revoked",  REPLACE,   0,       "`REFUND",
                                  "`REVOKED", TOLERATED, ANY_LINE};
    GString *changed = damage_apply(text, &change);
    struct told told = damage_read_text(&trade_target, changed);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told_at(&told, 2)->kind, ROW_REFUND);
    assert_int_equal(told_at(&told, 2)->gross_minor, -500);
    assert_string_equal(told_at(&told, 2)->native_kind, "REVOKED");
    told_free(&told);
    g_string_free(changed, true);
    g_string_free(text, true);
}

/* The last line end is not needed. */
static void a_trade_bill_that_is_cut_anywhere_is_told(void **state) {
    GString *text = good_trades();
    damage_check_cuts(&trade_target, text->str, text->len, text->len - 2, false);
    g_string_free(text, true);
}

static void a_changed_byte_never_changes_a_trade_bills_sums_unseen(void **state) {
    GString *text = good_trades();
    damage_check_changes(&trade_target, text->str, text->len, 1, 4000);
    g_string_free(text, true);
}

/* ---- the fund bill ---- */

enum { FUND_ROWS = 6 };
#define FUND_HEADER                                                                                \
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,"          \
    "收支类型,收支金额(元),账户结余(元),"                                            \
    "资金变更提交申请人,备注,业务凭证号\r\n"
#define FUND_TOTALS                                                                                \
    "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n`6,`2,`112.50,`4,`75.06\r\n"

static GString *good_funds(void) {
    return g_string_new(
        "\xEF\xBB\xBF" FUND_HEADER
        "`2025-09-01 10:00:01,`4200000000202509010000000001,`4200000000202509010000000001,`交易,"
        "`交易,`收入,`12.50,`1012.50,`system,`tea,`ORD-1\r\n"
        "`2025-09-01 10:00:01,`4200000000202509010000000001,`4200000000202509010000000001,`交易,"
        "`扣除交易手续费,`支出,`0.08,`1012.42,`system,`,`ORD-1\r\n"
        "`2025-09-01 11:00:00,`50300000000202509010000000001,`4200000000202509010000000001,`退款,"
        "`退款,`支出,`4.97,`1007.45,`1900000001API,`退款总金额5.00元;含手续费0.03元,`REF-1\r\n"
        "`2025-09-01 12:00:00,`4200000000202509010000000002,`4200000000202509010000000002,`交易,"
        "`交易,`收入,`100.00,`1107.45,`system,`,`ORD-2\r\n"
        "`2025-09-01 13:00:00,`50300000000202509010000000002,`4200000000202509010000000002,`退款,"
        "`退款,`支出,`20.00,`1087.45,`1900000001API,`customer asked,`REF-2\r\n"
        "`2025-09-01 18:00:00,`1000000000202509010000000009,`1000000000202509010000000009,`提现,"
        "`提现,`支出,`50.01,`1037.44,`system,`,`\r\n" FUND_TOTALS);
}

static const struct damage_target fund_target = {&wechat_fund_reader, "fund.csv", NULL};

static void a_fund_bill_is_read_row_by_row(void **state) {
    static const struct wanted wanted[] = {
        {ROW_CHARGE, ROW_DONE, 1250, AMOUNT_UNSAID, 1250, "2025-09-01 10:00:01",
         "4200000000202509010000000001", "ORD-1", "", ""},
        {ROW_FEE, ROW_DONE, -8, AMOUNT_UNSAID, -8, "2025-09-01 10:00:01", "", "",
         "4200000000202509010000000001", "ORD-1"},
        {ROW_REFUND, ROW_DONE, -500, -3, -497, "2025-09-01 11:00:00",
         "50300000000202509010000000001", "REF-1", "", ""},
        {ROW_CHARGE, ROW_DONE, 10000, AMOUNT_UNSAID, 10000, "2025-09-01 12:00:00",
         "4200000000202509010000000002", "ORD-2", "", ""},
        {ROW_REFUND, ROW_DONE, -2000, AMOUNT_UNSAID, -2000, "2025-09-01 13:00:00",
         "50300000000202509010000000002", "REF-2", "", ""},
        {ROW_PAYOUT, ROW_DONE, -5001, AMOUNT_UNSAID, -5001, "2025-09-01 18:00:00",
         "1000000000202509010000000009", "", "", ""},
    };
    GString *text = good_funds();
    struct told told = damage_read_text(&fund_target, text);
    assert_rows(&told, wanted, FUND_ROWS);
    assert_int_equal(told.head.balance_count, 1);
    assert_int_equal(told.head.balances[0].opening_minor, 100000);
    assert_int_equal(told.head.balances[0].closing_minor, 103744);
    assert_int_equal(told.head.from_us, beijing("2025-09-01 00:00:00"));
    told_free(&told);
    g_string_free(text, true);
}

static const struct damage fund_damages[] = {
    {"no byte order mark", REPLACE, 0, "\xEF\xBB\xBF", "", TOLERATED, ANY_LINE},
    {"brackets of full width", REPLACE, 0, "收支金额(元)", "收支金额（元）", TOLERATED, ANY_LINE},
    {"a column without brackets", REPLACE, 0, "账户结余(元)", "账户结余", TOLERATED, ANY_LINE},
    {"no last line end", REPLACE, 0, "`75.06\r\n", "`75.06", TOLERATED, ANY_LINE},
    {"an amount is changed", REPLACE, 0, "`100.00", "`101.00", PROBLEM_BALANCE, 5},
    {"a balance is changed", REPLACE, 0, "`1107.45", "`1107.46", PROBLEM_BALANCE, 5},
    {"a balance is changed, and the next row tells it too", REPLACE, 0, "`1107.45", "`1107.46",
     PROBLEM_BALANCE, 6},
    {"the first amount is changed", REPLACE, 0, "`12.50,", "`12.51,", PROBLEM_TOTAL, 9},
    {"the direction is turned", REPLACE, 0, "`收入,`100.00", "`支出,`100.00", PROBLEM_SIGN, 5},
    {"a direction is no direction", REPLACE, 0, "`支出", "`付出", PROBLEM_BAD_VALUE, 3},
    {"an unknown type", REPLACE, 0, "`提现,`支出", "`分账,`支出", PROBLEM_UNKNOWN_KIND, 7},
    {"an amount is negative", REPLACE, 0, "`20.00", "`-20.00", PROBLEM_SIGN, 6},
    {"an amount is finer than a fen", REPLACE, 0, "`20.00", "`20.001", PROBLEM_BAD_VALUE, 6},
    {"an amount is empty", REPLACE, 0, "`20.00", "`", PROBLEM_BAD_VALUE, 6},
    {"a balance is no number", REPLACE, 0, "`1087.45", "`1087,45", PROBLEM_BAD_ROW, 6},
    {"a time is none", REPLACE, 0, "2025-09-01 13:00:00", "2025-09-01 13:60:00", PROBLEM_BAD_VALUE,
     6},
    {"a row has a field less", REPLACE, 0, "`system,`,`ORD-2", "`system,`ORD-2", PROBLEM_BAD_ROW,
     5},
    {"a number is gone", REPLACE, 0, "`50300000000202509010000000002", "`", PROBLEM_BAD_VALUE, 6},
    {"a column is missing", REPLACE, 0, "收支类型", "类型", PROBLEM_MISSING_COLUMN, 1},
    {"a column is there twice", REPLACE, 0, "业务名称", "业务类型", PROBLEM_MISSING_COLUMN, 1},
    {"the count is wrong", REPLACE, 0, "`6,`2", "`5,`2", PROBLEM_COUNT, 9},
    {"the count of what came is wrong", REPLACE, 0, "`6,`2", "`6,`3", PROBLEM_COUNT, 9},
    {"the count of what went is wrong", REPLACE, 0, "`4,`75.06", "`3,`75.06", PROBLEM_COUNT, 9},
    {"the sum of what came is wrong", REPLACE, 0, "`112.50", "`112.51", PROBLEM_TOTAL, 9},
    {"the sum of what went is wrong", REPLACE, 0, "`75.06", "`75.05", PROBLEM_TOTAL, 9},
    {"a total's column is missing", REPLACE, 0, "支出笔数", "支出", PROBLEM_MISSING_COLUMN, 8},
    {"the totals are gone", REPLACE, 0, FUND_TOTALS, "", PROBLEM_CUT, ANY_LINE},
    {"something follows", REPLACE, 0, "`75.06\r\n", "`75.06\r\nmore\r\n", PROBLEM_TRAILING, 10},
    {"a text is no UTF-8", REPLACE, 0, "customer", "\xFFustomer", PROBLEM_ENCODING, 6},
};

static void what_is_done_to_a_fund_bill_is_told_with_its_line(void **state) {
    GString *text = good_funds();
    damage_check_layout(&fund_target, text, fund_damages, COUNT_OF(fund_damages));
    g_string_free(text, true);
}

static void a_fund_row_that_stands_there_twice_is_told(void **state) {
    static const char row[] = "`2025-09-01 10:00:01,`T,`F,`充值,`充值,`收入,`0.00,`5.00,`,`,`V\r\n";
    GString *text = g_string_new(FUND_HEADER);
    g_string_append_printf(text,
                           "%s%s资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n"
                           "`2,`2,`0.00,`0,`0.00\r\n",
                           row, row);
    struct told told = damage_read_text(&fund_target, text);
    assert_true(told_has(&told, PROBLEM_REPEATED, 3));
    assert_int_equal(told.problems->len, 1);
    told_free(&told);
    g_string_free(text, true);
}

static void a_fund_bill_that_is_cut_anywhere_is_told(void **state) {
    GString *text = good_funds();
    damage_check_cuts(&fund_target, text->str, text->len, text->len - 2, false);
    g_string_free(text, true);
}

/* The one amount that no total has is what a refund's remark says of its parts. */
static void a_changed_byte_never_changes_a_fund_bills_sums_unseen(void **state) {
    GString *text = good_funds();
    const struct damage plain = {"no remark", REPLACE,   0,       "退款总金额5.00元;含手续费0.03元",
                                 "",          TOLERATED, ANY_LINE};
    GString *bare = damage_apply(text, &plain);
    damage_check_changes(&fund_target, bare->str, bare->len, 1, 4000);
    g_string_free(bare, true);
    g_string_free(text, true);
}

/* ---- both ---- */

static void each_bill_is_known_by_its_first_line(void **state) {
    GString *trade = good_trades(), *fund = good_funds();
    assert_int_equal(wechat_trade_reader.detect("x", trade->str, trade->len), 95);
    assert_int_equal(wechat_trade_reader.detect("x", fund->str, fund->len), 0);
    assert_int_equal(wechat_fund_reader.detect("x", fund->str, fund->len), 95);
    assert_int_equal(wechat_fund_reader.detect("x", trade->str, trade->len), 0);
    assert_int_equal(wechat_fund_reader.detect("x", "", 0), 0);
    assert_int_equal(wechat_trade_reader.detect("x", trade->str, 10), 0);
    g_string_free(trade, true);
    g_string_free(fund, true);
}

static void another_time_zone_moves_the_rows(void **state) {
    GString *text = good_trades();
    const struct statement_source source = {
        .name = "x", .bytes = text->str, .count = text->len, .time_zone = "UTC"};
    struct told told = told_read(&wechat_trade_reader, &source);
    assert_int_equal(told_at(&told, 0)->at_us,
                     beijing("2025-09-01 10:00:01") + 8 * 3600 * US_PER_SECOND);
    told_free(&told);
    const struct statement_source none = {
        .name = "x", .bytes = text->str, .count = text->len, .time_zone = "Nowhere/At_All"};
    told = told_read(&wechat_trade_reader, &none);
    assert_true(told.rc < 0);
    assert_true(told_has(&told, PROBLEM_BAD_VALUE, 0));
    told_free(&told);
    g_string_free(text, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bill_of_all_trades_is_read_row_by_row),
        cmocka_unit_test(rows_of_two_days_have_no_day),
        cmocka_unit_test(a_bill_of_payments_has_no_columns_of_refunds),
        cmocka_unit_test(a_bill_of_refunds_has_times_of_its_own),
        cmocka_unit_test(what_is_done_to_a_bill_of_refunds_is_told_with_its_line),
        cmocka_unit_test(the_columns_of_old_bills_are_known),
        cmocka_unit_test(a_day_without_trades_is_a_bill_without_rows),
        cmocka_unit_test(what_is_done_to_a_trade_bill_is_told_with_its_line),
        cmocka_unit_test(columns_may_stand_in_another_order_and_others_beside_them),
        cmocka_unit_test(what_became_of_a_refund_is_its_status),
        cmocka_unit_test(a_revoked_row_is_money_that_went_back),
        cmocka_unit_test(a_trade_bill_that_is_cut_anywhere_is_told),
        cmocka_unit_test(a_changed_byte_never_changes_a_trade_bills_sums_unseen),
        cmocka_unit_test(a_fund_bill_is_read_row_by_row),
        cmocka_unit_test(what_is_done_to_a_fund_bill_is_told_with_its_line),
        cmocka_unit_test(a_fund_row_that_stands_there_twice_is_told),
        cmocka_unit_test(a_fund_bill_that_is_cut_anywhere_is_told),
        cmocka_unit_test(a_changed_byte_never_changes_a_fund_bills_sums_unseen),
        cmocka_unit_test(each_bill_is_known_by_its_first_line),
        cmocka_unit_test(another_time_zone_moves_the_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
