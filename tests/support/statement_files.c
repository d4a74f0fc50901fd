/* SPDX-License-Identifier: Apache-2.0
 * statement_files.c: see statement_files.h. */
#include "support/statement_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/fuzz_seed.h"

enum { CURRENCIES_MAX = 8, BEIJING_HOURS = 8, PACIFIC_HOURS = -7, TEXT_BYTES = 64 };

/* ---- what all need ---- */

/* A local time by a pattern of strftime's. */
static const char *local(char text[TEXT_BYTES], int64_t at_us, int hours, const char *pattern) {
    GDateTime *time = g_date_time_new_from_unix_utc(at_us / US_PER_SECOND + hours * 3600);
    char *made = g_date_time_format(time, pattern);
    g_strlcpy(text, made, TEXT_BYTES);
    g_free(made);
    g_date_time_unref(time);
    return text;
}
#define PLAIN_TIME "%Y-%m-%d %H:%M:%S"

static int decimals_of(struct currency currency) {
    return strcmp(currency.code, "JPY") == 0 ? 0 : 2;
}

/* "-12.50", "500"; with another point. */
static const char *major(char text[TEXT_BYTES], int64_t minor, struct currency currency,
                         char point) {
    long long whole = llabs((long long)minor);
    if (decimals_of(currency) == 0) {
        snprintf(text, TEXT_BYTES, "%lld", (long long)minor);
    } else {
        snprintf(text, TEXT_BYTES, "%s%lld%c%02lld", minor < 0 ? "-" : "", whole / 100, point,
                 whole % 100);
    }
    return text;
}

static const struct currency cny = {"CNY"};

/* Sums of what a layout adds up, by currency, in the order in which they first appear. */
struct sums {
    int count;
    struct {
        struct currency currency;
        int64_t credit, debit, fee_credit, fee_debit, net, rows;
    } of[CURRENCIES_MAX];
};

static int sum_at(struct sums *sums, struct currency currency) {
    for (int i = 0; i < sums->count; i++) {
        if (currency_equal(sums->of[i].currency, currency)) {
            return i;
        }
    }
    assert_true(sums->count < CURRENCIES_MAX);
    sums->of[sums->count].currency = currency;
    return sums->count++;
}

static void sums_add(struct sums *sums, const struct filed *row, bool moves) {
    int i = sum_at(sums, row->currency);
    *(row->gross_minor < 0 ? &sums->of[i].debit : &sums->of[i].credit) += llabs(row->gross_minor);
    *(row->fee_minor < 0 ? &sums->of[i].fee_credit : &sums->of[i].fee_debit) += llabs(
        row->fee_minor);
    sums->of[i].net += moves ? row->gross_minor - row->fee_minor : 0;
    sums->of[i].rows++;
}

/* ---- Stripe ---- */

static const char *stripe_category(enum row_kind kind) {
    switch (kind) {
    case ROW_CHARGE:
        return "charge";
    case ROW_REFUND:
        return "refund";
    case ROW_REFUND_RETURNED:
        return "refund_failure";
    case ROW_CHARGEBACK:
        return "dispute";
    case ROW_FEE:
        return "fee";
    default:
        fail_msg("Stripe's report tells no such row");
        return "";
    }
}

static void stripe_row(GString *text, const struct filed *row, const char *payout, int number,
                       guint line) {
    char gross[TEXT_BYTES], fee[TEXT_BYTES], net[TEXT_BYTES], at[TEXT_BYTES];
    bool charge = row->kind == ROW_CHARGE, refund = row->kind == ROW_REFUND ||
                                                    row->kind == ROW_REFUND_RETURNED;
    assert_int_equal(row->status, ROW_DONE);
    if (payout != NULL) {
        g_string_append_printf(text, "%s,", payout);
    }
    g_string_append_printf(
        text, "txn_%d_%u,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s\n", number, line,
        local(at, row->at_us, 0, PLAIN_TIME), row->currency.code,
        major(gross, row->gross_minor, row->currency, '.'),
        major(fee, row->fee_minor, row->currency, '.'),
        major(net, row->gross_minor - row->fee_minor, row->currency, '.'),
        stripe_category(row->kind), row->kind == ROW_FEE ? "" : row->id,
        charge ? row->id : row->original, charge ? row->reference : row->original_reference,
        refund ? row->reference : "");
}

#define STRIPE_COLUMNS                                                                             \
    "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,"      \
    "charge_id,payment_metadata[reference],refund_metadata[reference]\n"

static void write_stripe_balance(GString *text, const struct filed *rows, guint count,
                                 int64_t day_us, int number) {
    (void)day_us;
    g_string_append(text, STRIPE_COLUMNS);
    for (guint i = 0; i < count; i++) {
        stripe_row(text, &rows[i], NULL, number, i);
    }
}

static void write_stripe_payout(GString *text, const struct filed *rows, guint count,
                                int64_t day_us, int number) {
    struct sums sums = {0};
    char payout[TEXT_BYTES], net[TEXT_BYTES], at[TEXT_BYTES];
    g_string_append(text, "automatic_payout_id," STRIPE_COLUMNS);
    for (guint i = 0; i < count; i++) {
        snprintf(payout, sizeof payout, "po_%d_%s", number, rows[i].currency.code);
        stripe_row(text, &rows[i], payout, number, i);
        sums_add(&sums, &rows[i], true);
    }
    for (int i = 0; i < sums.count; i++) {
        if (sums.of[i].net > 0) {
            major(net, -sums.of[i].net, sums.of[i].currency, '.');
            snprintf(payout, sizeof payout, "po_%d_%s", number, sums.of[i].currency.code);
            g_string_append_printf(text, "%s,txn_%s,%s,%s,%s,0,%s,payout,%s,,,\n", payout, payout,
                                   local(at, day_us + 86400 * US_PER_SECOND, 0, PLAIN_TIME),
                                   sums.of[i].currency.code, net, net, payout);
        }
    }
}

/* ---- PayPal ---- */

/* Two decimals that are not written, in yen as well. */
static long long paypal_amount(int64_t minor, struct currency currency) {
    return llabs((long long)minor) * (decimals_of(currency) == 0 ? 100 : 1);
}

static const char *paypal_code(enum row_kind kind) {
    switch (kind) {
    case ROW_CHARGE:
        return "T0006";
    case ROW_REFUND:
        return "T1107";
    case ROW_CHARGEBACK:
        return "T1201";
    case ROW_FEE:
        return "T0100";
    default:
        fail_msg("PayPal's report tells no such row");
        return "";
    }
}

#define PAYPAL_DAY "%Y/%m/%d"
#define PAYPAL_TIME "%Y/%m/%d %H:%M:%S -0700"

static void paypal_row(GString *text, const struct filed *row, bool details) {
    char begun[TEXT_BYTES], done[TEXT_BYTES] = "";
    bool own = row->kind == ROW_CHARGE || row->kind == ROW_REFUND;
    local(begun, row->at_us, PACIFIC_HOURS, PAYPAL_TIME);
    if (row->status == ROW_DONE) {
        g_strlcpy(done, begun, sizeof done);
    }
    g_string_append_printf(
        text, "\"SB\",\"%s\",\"\",\"%s\",\"%s\",\"%s\",%s,%s,\"%s\",%lld,\"%s\",\"%s\",%lld,\"%s\","
              "\"%s\"",
        row->id, row->original, row->original[0] != '\0' ? "TXN" : "", paypal_code(row->kind),
        begun, done, row->gross_minor < 0 ? "DR" : "CR",
        paypal_amount(row->gross_minor, row->currency), row->currency.code,
        row->fee_minor < 0 ? "CR" : "DR", paypal_amount(row->fee_minor, row->currency),
        row->currency.code, own ? row->reference : row->original_reference);
    assert_true(details || row->status == ROW_DONE);
    if (details) {
        g_string_append_printf(text, ",\"%s\"", row->status == ROW_DONE      ? "S"
                                                : row->status == ROW_PENDING ? "P"
                                                                             : "D");
    }
    g_string_append_c(text, '\n');
}

static void paypal_pair(GString *text, int64_t balance, struct currency currency) {
    g_string_append_printf(text, ",\"%s\",%lld", balance < 0 ? "DR" : "CR",
                           paypal_amount(balance, currency));
}

static void paypal_footers(GString *text, const char *type, const struct sums *sums, bool details) {
    enum { OPENING = 70000, PAIRS = 6 };
    for (int i = 0; i < sums->count; i++) {
        struct currency currency = sums->of[i].currency;
        g_string_append_printf(text, "\"%s\",\"%s\",%lld,%lld,%lld,%lld", type, currency.code,
                               paypal_amount(sums->of[i].credit, currency),
                               paypal_amount(sums->of[i].debit, currency),
                               paypal_amount(sums->of[i].fee_credit, currency),
                               paypal_amount(sums->of[i].fee_debit, currency));
        for (int pair = 0; !details && pair < PAIRS; pair++) {
            int64_t moved = pair % 2 == 1 ? sums->of[i].net : 0;
            paypal_pair(text, pair < 4 ? OPENING + moved : 0, currency);
        }
        g_string_append_printf(text, ",%lld\n", (long long)sums->of[i].rows);
    }
}

static void write_paypal(GString *text, const struct filed *rows, guint count, int64_t day_us,
                         bool details) {
    char from[TEXT_BYTES], until[TEXT_BYTES];
    struct sums sums = {0};
    local(from, day_us, 0, PAYPAL_DAY);
    local(until, day_us + 86400 * US_PER_SECOND, 0, PAYPAL_DAY);
    g_string_append_printf(text,
                           "\"RH\",%s 02:44:19 -0700,\"A\",\"ACCT1\",%s,\n\"FH\",01\n\"SH\",%s "
                           "00:00:00 -0700,%s 23:59:59 -0700,\"ACCT1\",\"\"\n",
                           until, details ? "011" : "009", from, from);
    g_string_append_printf(
        text,
        "\"CH\",\"Transaction ID\",\"Invoice ID\",\"PayPal Reference ID\",\"PayPal Reference ID "
        "Type\",\"Transaction Event Code\",\"Transaction Initiation Date\",\"Transaction "
        "Completion Date\",\"Transaction  Debit or Credit\",\"Gross Transaction Amount\",\"Gross "
        "Transaction Currency\",\"Fee Debit or Credit\",\"Fee Amount\",\"Fee Currency\",\"Custom "
        "Field\"%s\n",
        details ? ",\"Transactional Status\"" : "");
    for (guint i = 0; i < count; i++) {
        paypal_row(text, &rows[i], details);
        sums_add(&sums, &rows[i], rows[i].status == ROW_DONE);
    }
    paypal_footers(text, "SF", &sums, details);
    g_string_append_printf(text, "\"SC\",%u\n", count);
    paypal_footers(text, "RF", &sums, details);
    g_string_append_printf(text, "\"RC\",%u\n\"FF\",%u\n", count, count);
}

static void write_paypal_stl(GString *text, const struct filed *rows, guint count, int64_t day_us,
                             int number) {
    (void)number;
    write_paypal(text, rows, count, day_us, false);
}

static void write_paypal_trr(GString *text, const struct filed *rows, guint count, int64_t day_us,
                             int number) {
    (void)number;
    write_paypal(text, rows, count, day_us, true);
}

/* ---- WeChat Pay's trade bill ---- */

static void write_wechat(GString *text, const struct filed *rows, guint count, int64_t day_us,
                         int number) {
    char at[TEXT_BYTES], gross[TEXT_BYTES], fees[TEXT_BYTES];
    int64_t paid = 0, back = 0, fee = 0;
    (void)day_us;
    (void)number;
    g_string_append(text, "\xEF\xBB\xBF交易时间,商户号,微信订单号,商户订单号,交易类型,交易状态,"
                          "货币种类,应结订单金额,微信退款单号,商户退款单号,退款金额,"
                          "充值券退款金额,退款状态,商品名称,手续费,订单金额,申请退款金额");
    for (guint i = 0; i < count; i++) {
        const struct filed *row = &rows[i];
        bool refund = row->kind == ROW_REFUND;
        assert_true(refund || (row->kind == ROW_CHARGE && row->status == ROW_DONE));
        major(gross, llabs(row->gross_minor), cny, '.');
        major(fees, row->fee_minor, cny, '.');
        g_string_append_printf(
            text,
            "\r\n`%s,`1900000001,`%s,`%s,`JSAPI,`%s,`CNY,`%s,`%s,`%s,`%s,`0.00,`%s,`tea,`%s000,`%s,"
            "`%s",
            local(at, row->at_us, BEIJING_HOURS, PLAIN_TIME), refund ? row->original : row->id,
            refund ? row->original_reference : row->reference, refund ? "REFUND" : "SUCCESS",
            refund ? "0.00" : gross, refund ? row->id : "0", refund ? row->reference : "0",
            refund ? gross : "0.00",
            !refund                        ? ""
            : row->status == ROW_DONE      ? "SUCCESS"
            : row->status == ROW_PENDING ? "PROCESSING"
                                           : "FAIL",
            fees, refund ? "0.00" : gross, refund ? gross : "0.00");
        *(refund ? &back : &paid) += llabs(row->gross_minor);
        fee += row->fee_minor;
    }
    char paid_text[TEXT_BYTES], back_text[TEXT_BYTES];
    major(paid_text, paid, cny, '.');
    major(back_text, back, cny, '.');
    g_string_append_printf(text,
                           "\r\n总交易单数,应结订单总金额,退款总金额,充值券退款总金额,"
                           "手续费总金额,订单总金额,申请退款总金额\r\n"
                           "`%u,`%s,`%s,`0.00,`%s000,`%s,`%s\r\n",
                           count, paid_text, back_text, major(fees, fee, cny, '.'), paid_text,
                           back_text);
}

/* ---- Alipay's trade bill ---- */

static void write_alipay(GString *text, const struct filed *rows, guint count, int64_t day_us,
                         int number) {
    char from[TEXT_BYTES], until[TEXT_BYTES], at[TEXT_BYTES], gross[TEXT_BYTES], fee[TEXT_BYTES];
    int64_t sum[2] = {0};
    int many[2] = {0};
    (void)number;
    g_string_append_printf(
        text,
        "#支付宝业务明细查询\r\n#账号：[20880000000000000156]\r\n#起始日期：[%s 00:00:00]   "
        "终止日期：[%s 00:00:00]\r\n#-----业务明细列表-----\r\n支付宝交易号,商户订单号,业务类型,"
        "商品名称,创建时间,完成时间,订单金额（元）,商家实收（元）,商家优惠（元）,"
        "退款批次号/请求号,服务费（元）\r\n",
        local(from, day_us, 0, "%Y年%m月%d日"),
        local(until, day_us + 86400 * US_PER_SECOND, 0, "%Y年%m月%d日"));
    for (guint i = 0; i < count; i++) {
        const struct filed *row = &rows[i];
        bool refund = row->kind == ROW_REFUND;
        assert_true((refund || row->kind == ROW_CHARGE) && row->status == ROW_DONE);
        major(gross, row->gross_minor, cny, '.');
        local(at, row->at_us, BEIJING_HOURS, PLAIN_TIME);
        g_string_append_printf(text, "%s\t,%s\t,%s\t,tea,%s,%s,%s,%s,0.00,%s\t,%s\r\n",
                               refund ? row->original : row->id,
                               refund ? row->original_reference : row->reference,
                               refund ? "退款" : "交易", at, at, gross, gross,
                               refund ? row->reference : "",
                               major(fee, -row->fee_minor, cny, '.'));
        sum[refund] += row->gross_minor;
        many[refund]++;
    }
    g_string_append_printf(text,
                           "#-----业务明细列表结束-----\r\n#交易合计：%d笔，商家实收共%s元，"
                           "商家优惠共0.00元\r\n",
                           many[0], major(gross, sum[0], cny, '.'));
    g_string_append_printf(text, "#退款合计：%d笔，商家实收退款共%s元，商家优惠退款共0.00元\r\n",
                           many[1], major(gross, sum[1], cny, '.'));
}

/* ---- what moved the funds of an account, with the balance after each row ---- */

enum { FUNDS_OPENING = 800000 };

static void write_wechat_fund(GString *text, const struct filed *rows, guint count, int64_t day_us,
                              int number) {
    char at[TEXT_BYTES], moved[TEXT_BYTES], balance_text[TEXT_BYTES];
    int64_t balance = FUNDS_OPENING, sum[2] = {0};
    unsigned many[2] = {0};
    (void)day_us;
    g_string_append(text, "\xEF\xBB\xBF记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,"
                          "收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号");
    for (guint i = 0; i < count; i++) {
        const struct filed *row = &rows[i];
        bool in = row->gross_minor > 0;
        assert_true((row->kind == ROW_CHARGE || row->kind == ROW_REFUND) &&
                    row->status == ROW_DONE && row->fee_minor == 0);
        balance += row->gross_minor;
        sum[in] += llabs(row->gross_minor);
        many[in]++;
        g_string_append_printf(text, "\r\n`%s,`%s,`F%d-%u,`%s,`%s,`%s,`%s,`%s,`system,`,`%s",
                               local(at, row->at_us, BEIJING_HOURS, PLAIN_TIME), row->id, number, i,
                               in ? "交易" : "退款", in ? "交易" : "退款", in ? "收入" : "支出",
                               major(moved, llabs(row->gross_minor), cny, '.'),
                               major(balance_text, balance, cny, '.'), row->reference);
    }
    g_string_append_printf(text,
                           "\r\n资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n"
                           "`%u,`%u,`%s,`%u,`%s\r\n",
                           count, many[1], major(moved, sum[1], cny, '.'), many[0],
                           major(balance_text, sum[0], cny, '.'));
}

static void write_alipay_account(GString *text, const struct filed *rows, guint count,
                                 int64_t day_us, int number) {
    char from[TEXT_BYTES], until[TEXT_BYTES], at[TEXT_BYTES], moved[TEXT_BYTES];
    char balance_text[TEXT_BYTES];
    int64_t balance = FUNDS_OPENING, sum[2] = {0};
    int many[2] = {0};
    g_string_append_printf(
        text,
        "#支付宝账务明细查询\r\n#账号：[20880000000000000156]\r\n#起始日期：[%s 00:00:00]   "
        "终止日期：[%s 00:00:00]\r\n#-----账务明细列表-----\r\n账务流水号,业务流水号,商户订单号,"
        "商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,"
        "备注\r\n",
        local(from, day_us, 0, "%Y年%m月%d日"),
        local(until, day_us + 86400 * US_PER_SECOND, 0, "%Y年%m月%d日"));
    for (guint i = 0; i < count; i++) {
        const struct filed *row = &rows[i];
        bool in = row->gross_minor > 0;
        assert_true((row->kind == ROW_CHARGE || row->kind == ROW_REFUND) &&
                    row->status == ROW_DONE && row->fee_minor == 0);
        balance += row->gross_minor;
        sum[in] += row->gross_minor;
        many[in]++;
        major(moved, row->gross_minor, cny, '.');
        g_string_append_printf(text, "%d%06u\t,%s\t,%s\t,tea\t,%s,\t,%s,%s,%s,支付宝,%s,\r\n",
                               number, i, in ? row->id : row->original,
                               in ? row->reference : row->original_reference,
                               local(at, row->at_us, BEIJING_HOURS, PLAIN_TIME), in ? moved : "",
                               in ? "" : moved, major(balance_text, balance, cny, '.'),
                               in ? "交易付款" : "交易退款");
    }
    g_string_append_printf(text, "#-----账务明细列表结束-----\r\n#支出合计：%d笔，共%s元\r\n",
                           many[0], major(moved, sum[0], cny, '.'));
    g_string_append_printf(text, "#收入合计：%d笔，共%s元\r\n", many[1],
                           major(moved, sum[1], cny, '.'));
}

/* ---- UnionPay's file of what was settled ---- */

static const unsigned char zm_widths[] = {3,  11, 11, 6,  10, 19, 12, 4,  2,  21, 2,  32, 2,  6,
                                          10, 13, 13, 4,  15, 2,  2,  6,  2,  4,  32, 1,  21, 15,
                                          1,  15, 32, 13, 13, 8,  32, 13, 13, 12, 2,  1,  32, 98};
#define MERCHANT "777290058110048"

/* "att_01…" goes there as "att01…". */
static void zm_order(char text[TEXT_BYTES], const char *reference) {
    size_t used = 0;
    for (const char *at = reference; *at != '\0'; at++) {
        if (*at != '_') {
            text[used++] = *at;
        }
    }
    text[used] = '\0';
}

static void zm_signed(char text[TEXT_BYTES], int64_t minor) {
    snprintf(text, TEXT_BYTES, "%c%012lld", minor < 0 ? 'D' : 'C', llabs((long long)minor));
}

static void write_unionpay(GString *text, const struct filed *rows, guint count, int64_t day_us,
                           int number) {
    (void)day_us;
    (void)number;
    for (guint i = 0; i < count; i++) {
        const struct filed *row = &rows[i];
        bool refund = row->kind == ROW_REFUND;
        char cells[COUNT_OF(zm_widths) + 1][TEXT_BYTES];
        assert_true((refund || row->kind == ROW_CHARGE) && row->status == ROW_DONE);
        memset(cells, 0, sizeof cells);
        g_strlcpy(cells[1], refund ? "S30" : "S22", TEXT_BYTES);
        snprintf(cells[4], TEXT_BYTES, "%06u", i + 1);
        local(cells[5], row->at_us, BEIJING_HOURS, "%m%d%H%M%S");
        snprintf(cells[7], TEXT_BYTES, "%012lld", llabs((long long)row->gross_minor));
        g_strlcpy(cells[10], row->id, TEXT_BYTES);
        zm_order(cells[12], row->reference);
        zm_signed(cells[16], -row->fee_minor);
        cells[16][0] = row->fee_minor == 0 ? 'D' : cells[16][0];
        zm_signed(cells[17], row->gross_minor - row->fee_minor);
        g_strlcpy(cells[20], refund ? "04" : "01", TEXT_BYTES);
        g_strlcpy(cells[21], "01", TEXT_BYTES);
        g_strlcpy(cells[27], row->original, TEXT_BYTES);
        g_strlcpy(cells[28], MERCHANT, TEXT_BYTES);
        zm_order(cells[41], row->original_reference);
        for (size_t field = 1; field <= COUNT_OF(zm_widths); field++) {
            assert_true(strlen(cells[field]) <= zm_widths[field - 1]);
            g_string_append_printf(text, "%-*s%s", (int)zm_widths[field - 1], cells[field],
                                   field < COUNT_OF(zm_widths) ? " " : "\r\n");
        }
    }
}

static void name_unionpay(char *text, size_t bytes, int64_t day_us, int number) {
    char day[TEXT_BYTES];
    (void)number;
    snprintf(text, bytes, "INN%s88ZM_" MERCHANT, local(day, day_us, 0, "%y%m%d"));
}

/* ---- Adyen's settlement details ---- */

static const char *adyen_type(enum row_kind kind) {
    switch (kind) {
    case ROW_CHARGE:
        return "Settled";
    case ROW_REFUND:
        return "Refunded";
    case ROW_REFUND_RETURNED:
        return "RefundedReversed";
    case ROW_CHARGEBACK:
        return "Chargeback";
    default:
        fail_msg("Adyen's report tells no such row");
        return "";
    }
}

/* Debit and credit, of which one is blank. */
static void adyen_sides(GString *text, int64_t minor, struct currency currency) {
    char amount[TEXT_BYTES];
    major(amount, llabs(minor), currency, '.');
    g_string_append_printf(text, "%s,%s,", minor < 0 ? amount : "", minor < 0 ? "" : amount);
}

static void write_adyen(GString *text, const struct filed *rows, guint count, int64_t day_us,
                        int number) {
    struct sums sums = {0};
    char at[TEXT_BYTES], fee[TEXT_BYTES];
    g_string_append(
        text, "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,"
              "Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),"
              "Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),"
              "Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),"
              "Modification Merchant Reference,Batch Number\n");
    for (guint i = 0; i < count; i++) {
        const struct filed *row = &rows[i];
        bool charge = row->kind == ROW_CHARGE;
        g_string_append_printf(text, "Co,Shop,%s,%s,visa,%s,UTC,%s,%s,%s,",
                               charge ? row->id : row->original,
                               charge ? row->reference : row->original_reference,
                               local(at, row->at_us, 0, PLAIN_TIME), adyen_type(row->kind),
                               charge ? "M" : row->id, row->currency.code);
        if (charge) { /* each row has a modification of its own */
            g_string_truncate(text, text->len - strlen(row->currency.code) - strlen("M,,"));
            g_string_append_printf(text, "MOD%d-%u,%s,", number, i, row->currency.code);
        }
        adyen_sides(text, row->gross_minor, row->currency);
        g_string_append_printf(text, "1,%s,", row->currency.code);
        adyen_sides(text, row->gross_minor - row->fee_minor, row->currency);
        g_string_append_printf(text, "%s,,,,%s,%d\n",
                               major(fee, row->fee_minor, row->currency, '.'),
                               charge ? "" : row->reference, number);
        sums_add(&sums, row, true);
    }
    for (int i = 0; i < sums.count; i++) {
        if (sums.of[i].net > 0) {
            const char *code = sums.of[i].currency.code;
            g_string_append_printf(
                text, "Co,Shop,,,,%s,UTC,MerchantPayout,\"TX%d%s batch, Shop\",,,,,%s,",
                local(at, day_us + 86400 * US_PER_SECOND, 0, PLAIN_TIME), number, code, code);
            adyen_sides(text, -sums.of[i].net, sums.of[i].currency);
            g_string_append_printf(text, ",,,,,%d\n", number);
        }
    }
}

static void name_adyen(char *text, size_t bytes, int64_t day_us, int number) {
    (void)day_us;
    snprintf(text, bytes, "settlement_detail_report_batch_%d.csv", number);
}

/* ---- a file by a map, as a bank in Germany might write it; and our own ---- */

static const char german_map[] =
    "delimiter: semicolon\n"
    "columns: {gateway_id: Nr, reference: Auftrag, original_id: Zu,\n"
    "  original_reference: Zu Auftrag, batch: Auszahlung, kind: Art, status: Stand,\n"
    "  currency: Währung, amount: Betrag, fee: Entgelt, time: Zeit}\n"
    "kinds: {Zahlung: charge, Erstattung: refund, Rückläufer: refund_returned,\n"
    "  Rücklast: chargeback, Gebühr: fee, Auszahlung: payout}\n"
    "statuses: {fertig: done, offen: pending, gescheitert: failed}\n"
    "time: {format: DD.MM.YYYY hh:mm:ss, zone: UTC}\n"
    "amount: {decimal: \",\"}\n";

static const char *german_kind(enum row_kind kind) {
    static const char *const names[ROW_KIND_COUNT] = {
        [ROW_CHARGE] = "Zahlung",      [ROW_REFUND] = "Erstattung",
        [ROW_CHARGEBACK] = "Rücklast", [ROW_REFUND_RETURNED] = "Rückläufer",
        [ROW_FEE] = "Gebühr",          [ROW_PAYOUT] = "Auszahlung"};
    assert_non_null(names[kind]);
    return names[kind];
}

static void write_mapped(GString *text, const struct filed *rows, guint count, int64_t day_us,
                         int number) {
    char gross[TEXT_BYTES], fee[TEXT_BYTES], at[TEXT_BYTES];
    (void)day_us;
    (void)number;
    g_string_append(text, "Nr;Auftrag;Zu;Zu Auftrag;Auszahlung;Art;Stand;Währung;Betrag;Entgelt;"
                          "Zeit\n");
    for (guint i = 0; i < count; i++) {
        const struct filed *row = &rows[i];
        g_string_append_printf(text, "%s;%s;%s;%s;%s;%s;%s;%s;%s;%s;%s\n", row->id, row->reference,
                               row->original, row->original_reference, row->batch,
                               german_kind(row->kind),
                               row->status == ROW_DONE      ? "fertig"
                               : row->status == ROW_PENDING ? "offen"
                                                            : "gescheitert",
                               row->currency.code,
                               major(gross, row->gross_minor, row->currency, ','),
                               major(fee, row->fee_minor, row->currency, ','),
                               local(at, row->at_us, 0, "%d.%m.%Y %H:%M:%S"));
    }
}

static void write_canonical(GString *text, const struct filed *rows, guint count, int64_t day_us,
                            int number) {
    char at[TEXT_BYTES];
    (void)day_us;
    (void)number;
    g_string_append(text, "gateway_id,reference,original_id,original_reference,batch,kind,status,"
                          "currency,gross,fee,net,time,method,description\n");
    for (guint i = 0; i < count; i++) {
        const struct filed *row = &rows[i];
        g_string_append_printf(text, "%s,%s,%s,%s,%s,%s,%s,%s,%lld,%lld,%lld,%s,card,\n", row->id,
                               row->reference, row->original, row->original_reference, row->batch,
                               row_kind_name(row->kind), row_status_name(row->status),
                               row->currency.code, (long long)row->gross_minor,
                               (long long)row->fee_minor,
                               (long long)(row->gross_minor - row->fee_minor),
                               local(at, row->at_us, 0, "%Y-%m-%dT%H:%M:%SZ"));
    }
}

/* ---- the table ---- */

enum {
    WRITES_USUAL = WRITES_FEES | WRITES_REFUND_NAMES | WRITES_PAYMENTS,
    WRITES_ALL = WRITES_USUAL | WRITES_CURRENCIES | WRITES_DISPUTES | WRITES_RETURNED |
                WRITES_CHARGE_STATUS | WRITES_REFUND_STATUS | WRITES_BARE | WRITES_OWN_FEES |
                WRITES_PAYOUTS | WRITES_NAMELESS,
    WRITES_STRIPE = WRITES_USUAL | WRITES_CURRENCIES | WRITES_DISPUTES | WRITES_RETURNED |
                    WRITES_BARE | WRITES_OWN_FEES,
    WRITES_PAYPAL = WRITES_USUAL | WRITES_CURRENCIES | WRITES_DISPUTES | WRITES_BARE |
                    WRITES_OWN_FEES,
};

const struct filed_layout filed_layouts[] = {
    {"Stripe's payout report", "stripe-report", WRITES_STRIPE, write_stripe_payout,
     .pays_out = true},
    {"Stripe's balance report", "stripe-report", WRITES_STRIPE, write_stripe_balance},
    {"PayPal's STL", "paypal-stl", WRITES_PAYPAL, write_paypal_stl},
    {"PayPal's TRR", "paypal-trr", WRITES_PAYPAL | WRITES_CHARGE_STATUS | WRITES_REFUND_STATUS,
     write_paypal_trr},
    {"WeChat Pay's trade bill", "wechat-trade", WRITES_USUAL | WRITES_REFUND_STATUS, write_wechat},
    {"WeChat Pay's fund bill", "wechat-fund", WRITES_REFUND_NAMES, write_wechat_fund},
    {"Alipay's trade bill", "alipay-trade", WRITES_USUAL, write_alipay, .charset = "GB18030"},
    {"Alipay's account bill", "alipay-account", WRITES_PAYMENTS, write_alipay_account,
     .charset = "GB18030", .in_order = true},
    {"UnionPay's ZM", "unionpay-zm", WRITES_USUAL, write_unionpay, .file_name = name_unionpay},
    {"Adyen's settlement details", "adyen-settlement",
     WRITES_USUAL | WRITES_CURRENCIES | WRITES_DISPUTES | WRITES_RETURNED, write_adyen,
     .file_name = name_adyen, .pays_out = true},
    {"a file by a map", "csv", WRITES_ALL, write_mapped, .map = german_map},
    {"our own rows", "canonical", WRITES_ALL, write_canonical},
};
const int filed_layouts_count = COUNT_OF(filed_layouts);

char *filed_bytes(const struct filed_layout *layout, const struct filed *rows, guint count,
                  int64_t day_us, int number, size_t *ret_count) {
    GString *text = g_string_new("");
    layout->write(text, rows, count, day_us, number);
    gsize written = text->len;
    char *bytes = layout->charset == NULL ? g_memdup2(text->str, text->len)
                                          : g_convert(text->str, (gssize)text->len, layout->charset,
                                                      "UTF-8", NULL, &written, NULL);
    assert_non_null(bytes);
    g_string_free(text, true);
    if (fuzz_seeds_wanted()) {
        char file[FILED_TEXT_CHARS_MAX + 1] = "";
        g_autofree char *name = g_strdup_printf("%s %u rows", layout->name, count);
        if (layout->file_name != NULL) {
            layout->file_name(file, sizeof file, day_us, number);
        }
        fuzz_seed_write(layout->reader, name, file, layout->map, bytes, written);
    }
    *ret_count = written;
    return bytes;
}
