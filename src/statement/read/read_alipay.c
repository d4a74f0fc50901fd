/* SPDX-License-Identifier: Apache-2.0
 * read_alipay.c: the bills of Alipay's mainland platform: trades (业务明细) and movements of the
 * account (账务明细), as alipay.data.dataservice.bill.downloadurl.query publishes them.
 * Layout: Alipay's documentation of that interface and of its bills.
 *
 * Lines that begin with '#' say whose bill it is and of when, where the rows end, and their totals;
 * the first other line is the header. Text is GBK or GB18030 (UTF-8 is taken as well), ids and
 * texts end with a tab, amounts are in yuan, times are Beijing's. Fields have no quotes.
 *
 * What our side is matched by: an attempt's id is the out_trade_no and its gateway_id the trade_no;
 * a refund has no number of Alipay's: our out_request_no is its refund_id and its reference at
 * once.
 *   trade bill: payment  gateway_id 支付宝交易号, reference 商户订单号
 *               refund   gateway_id and reference 退款批次号/请求号 (refunds that were not asked
 *                        for through the interface may have none), original_id and
 *                        original_reference the two of its payment
 *   account:    payment  gateway_id 业务流水号 (the trade_no), reference 商户订单号
 *               refund   original_id 业务流水号, original_reference 商户订单号: which refund it is
 *                        does not stand there
 *               others   gateway_id 账务流水号, original_id 业务流水号
 * The amount is 订单金额, what we asked for; 商家实收 lacks what we gave as a discount, and is the
 * same without any. 服务费 is negative when Alipay keeps it. A net amount is told only where there
 * is a column 实收净额: what is shared with others or paid with coupons cannot be told from the
 * rest.
 * Totals of refunds and of expenses are written with a minus or without. The rows of an account's
 * bill are in order of time, the earliest or the latest first; each balance is the one before it
 * and the movement. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "statement/csv_rows.h"
#include "statement/seen.h"

enum {
    COMMENT_BYTES_MAX = 512,
    LINES_TOLD_MAX = 16,
    SNIFF_BYTES = 8192,
    KEY_BYTES = 3 * ROW_ID_CHARS_MAX,
};
/* Two of them always fit, added or taken from one another. */
#define AMOUNT_FEN_MAX INT64_C(1000000000000000)
#define BEIJING "Asia/Shanghai"
#define TIME_PATTERN "YYYY-MM-DD hh:mm:ss"
#define HEAD_TIME_PATTERN "YYYY年MM月DD日 hh:mm:ss"

static const struct amount_style yuan = {.decimal = '.', .plus = true};
static const struct currency cny = {"CNY"};

/* Of one direction: payments or refunds, incomes or expenses. */
struct side {
    int64_t rows, amount_minor, receipt_minor, discount_minor;
    bool said; /* the file's own total of it was there */
};
/* What is wrong with the balances if the rows go one way. */
struct way {
    int64_t lines[LINES_TOLD_MAX];
    int count;
};
struct chain {
    bool has;
    int64_t rows, balance_minor, amount_minor, at_us; /* of the row before */
    int64_t first_balance_minor, first_amount_minor, first_at_us;
    struct way up, down; /* the earliest first, the latest first */
};

struct bill;
/* What the two bills differ in. */
struct form {
    const struct csv_column *columns;
    int column_count;
    const char *side_names[2]; /* of the totals: what comes, what goes */
    bool discounts;            /* each total has two amounts */
    int (*row)(struct bill *bill);
};
enum { COLUMNS_MAX = 20 };

struct bill {
    const struct form *form;
    const struct statement_sink *sink;
    struct statement_head *head;
    struct err *err;
    struct time_zone *zone;
    struct csv_rows rows;
    struct seen seen;
    int at[COLUMNS_MAX];
    struct side sides[2]; /* what comes, what goes */
    struct chain chain;
    int64_t bad_count;
    bool has_header, ended, line_ends;
};

/* ---- lines that begin with '#' ---- */

/* The text between two marks; false when they are not there. */
static bool between(const char *line, const char *from, const char *until, const char **ret_at,
                    size_t *ret_count) {
    const char *at = strstr(line, from);
    at = at != NULL ? at + strlen(from) : NULL;
    const char *end = at != NULL ? strstr(at, until) : NULL;
    if (end == NULL) {
        return false;
    }
    *ret_at = at;
    *ret_count = (size_t)(end - at);
    return true;
}

static void head_time(struct bill *bill, const char *line, const char *mark, int64_t *ret_us) {
    const char *at = NULL;
    size_t count = 0;
    struct err err;
    if (!between(line, mark, "]", &at, &count)) {
        return;
    }
    if (field_time(at, count, HEAD_TIME_PATTERN, bill->zone, ret_us, NULL) < 0 &&
        field_time(at, count, TIME_PATTERN, bill->zone, ret_us, &err) < 0) {
        statement_tell(bill->sink, PROBLEM_BAD_VALUE, bill->rows.line, "%s", err.detail);
    }
}

static void head_line(struct bill *bill, const char *line) {
    const char *at = NULL;
    size_t count = 0;
    struct err err;
    if (between(line, "账号：[", "]", &at, &count) &&
        field_words(at, count, false, bill->head->account, sizeof bill->head->account, &err) < 0) {
        statement_tell(bill->sink, PROBLEM_BAD_VALUE, bill->rows.line, "%s", err.detail);
    }
    head_time(bill, line, "起始日期：[", &bill->head->from_us);
    head_time(bill, line, "终止日期：[", &bill->head->until_us);
    /* The last second, or the first one after it. */
    bill->head->until_us += bill->head->until_us % (60 * US_PER_SECOND) == 59 * US_PER_SECOND
                                ? US_PER_SECOND
                                : 0;
}

static void check_amount(const struct bill *bill, const char *what, int64_t said_minor,
                         int64_t have_minor) {
    char said[MONEY_TEXT_MAX], have[MONEY_TEXT_MAX];
    if (bill->bad_count == 0 && llabs(said_minor) != llabs(have_minor)) {
        statement_tell(bill->sink, PROBLEM_TOTAL, bill->rows.line,
                       "%s: the file says %s, and its rows have %s", what,
                       money_show(said_minor, cny, said), money_show(have_minor, cny, have));
    }
}

/* "…共12.50元": the amount, and where the rest of the line begins. */
static bool total_amount(const char *line, const char **ret_rest, int64_t *ret_minor) {
    const char *at = NULL;
    size_t count = 0;
    if (!between(line, "共", "元", &at, &count) ||
        field_amount(at, count, &yuan, cny, ret_minor, NULL) < 0) {
        return false;
    }
    *ret_rest = at + count;
    return true;
}

/* "#交易合计：1笔，商家实收共12.50元，商家优惠共0.00元". */
static void total_line(struct bill *bill, struct side *side, const char *line, bool last) {
    const char *at = NULL, *rest = line;
    size_t count = 0;
    int64_t rows = 0, amount = 0, discount = 0;
    bool read = (between(line, "：", "笔", &at, &count) || between(line, ":", "笔", &at, &count)) &&
                field_count(at, count, &rows, NULL) == 0 && total_amount(line, &rest, &amount) &&
                (!bill->form->discounts || total_amount(rest, &rest, &discount));
    if (!read) {
        statement_tell(bill->sink, last ? PROBLEM_CUT : PROBLEM_TOTAL, bill->rows.line,
                       "this total cannot be read");
        return;
    }
    side->said = true;
    if (rows != side->rows && bill->bad_count == 0) {
        statement_tell(bill->sink, PROBLEM_COUNT, bill->rows.line,
                       "the file says %lld rows, and there are %lld", (long long)rows,
                       (long long)side->rows);
    }
    bool receipt = strstr(line, "商家实收") != NULL;
    check_amount(bill, receipt ? "商家实收" : "金额", amount,
                 receipt ? side->receipt_minor : side->amount_minor);
    if (bill->form->discounts && strstr(line, "商家优惠") != NULL) {
        check_amount(bill, "商家优惠", discount, side->discount_minor);
    }
}

static void comment(struct bill *bill) {
    const struct csv_field *first = &bill->rows.fields[0];
    const struct csv_field *final = &bill->rows.fields[bill->rows.count - 1];
    char line[COMMENT_BYTES_MAX];
    snprintf(line, sizeof line, "%.*s", (int)(final->bytes + final->count - first->bytes),
             first->bytes);
    bool last = bill->rows.csv.at == bill->rows.csv.end && !bill->line_ends;
    if (!bill->has_header) {
        head_line(bill, line);
        return;
    }
    for (int i = 0; i < 2; i++) {
        if (strncmp(line + 1, bill->form->side_names[i], strlen(bill->form->side_names[i])) == 0) {
            total_line(bill, &bill->sides[i], line, last);
            return;
        }
    }
    if (strstr(line, "列表结束") != NULL) {
        bill->ended = true;
    } else if (last && strstr(line, "导出时间：[") != NULL && strchr(line, ']') != NULL) {
        return;
    } else if (last) {
        statement_tell(bill->sink, PROBLEM_CUT, bill->rows.line, "the file ends within a line");
    }
}

/* ---- rows, of either bill ---- */

static bool row_whole(const struct bill *bill) {
    if (bill->rows.count == bill->rows.header_count) {
        return true;
    }
    statement_tell(bill->sink, PROBLEM_BAD_ROW, bill->rows.line,
                   "this row has %d fields, and the header %d", bill->rows.count,
                   bill->rows.header_count);
    return false;
}

static bool amount_take(const struct bill *bill, int column, bool blank_is_0, int64_t *ret_minor) {
    int at = bill->at[column];
    bool read = blank_is_0 ? csv_rows_amount_or_0(&bill->rows, at, &yuan, cny, ret_minor)
                           : csv_rows_amount(&bill->rows, at, &yuan, cny, ret_minor);
    if (read && llabs(*ret_minor) > AMOUNT_FEN_MAX) {
        csv_rows_tell(&bill->rows, PROBLEM_LIMIT, at, "it is larger than any amount");
        return false;
    }
    return read;
}

static bool text_take(const struct bill *bill, int column, char text[ROW_ID_CHARS_MAX + 1]) {
    return csv_rows_text(&bill->rows, bill->at[column], text, ROW_ID_CHARS_MAX + 1);
}

static bool id_take(const struct bill *bill, int column, char text[ROW_ID_CHARS_MAX + 1]) {
    if (!text_take(bill, column, text)) {
        return false;
    }
    if (text[0] == '\0') {
        csv_rows_tell(&bill->rows, PROBLEM_BAD_VALUE, bill->at[column],
                      "the row does not say which it is");
        return false;
    }
    return true;
}

static bool note_take(const struct bill *bill, int column, char text[ROW_TEXT_CHARS_MAX + 1]) {
    return csv_rows_note(&bill->rows, bill->at[column], text, ROW_TEXT_CHARS_MAX + 1);
}

static bool time_take(const struct bill *bill, int column, int64_t *ret_us) {
    const struct statement_head *head = bill->head;
    int at = bill->at[column];
    if (!csv_rows_time(&bill->rows, at, TIME_PATTERN, bill->zone, ret_us)) {
        return false;
    }
    if (head->from_us != 0 && head->until_us != 0 &&
        (*ret_us < head->from_us || *ret_us >= head->until_us)) {
        csv_rows_tell(&bill->rows, PROBLEM_PERIOD, at, "it lies outside the bill's days");
        return false;
    }
    return true;
}

static bool add(const struct bill *bill, int64_t *sum, int64_t value) {
    if (!money_add(*sum, value, sum)) {
        statement_tell(bill->sink, PROBLEM_LIMIT, bill->rows.line,
                       "the sum of the amounts is larger than any that is counted");
        return false;
    }
    return true;
}

static void unknown_kind(const struct bill *bill, int column) {
    struct csv_field field = csv_rows_field(&bill->rows, bill->at[column]);
    csv_rows_tell(&bill->rows, PROBLEM_UNKNOWN_KIND, bill->at[column],
                  "'%.*s' is no kind of row that is known",
                  field.count < 60 ? (int)field.count : 60, field.bytes);
}

static int give_row(struct bill *bill, const struct statement_row *row, const char *key) {
    int64_t first = seen_add(&bill->seen, key, strlen(key), row->line);
    if (first != 0) {
        statement_tell(bill->sink, PROBLEM_REPEATED, row->line,
                       "the same movement stands on line %lld already", (long long)first);
        return 0;
    }
    int rc = bill->sink->row(bill->sink->ctx, row, bill->err);
    bill->head->rows += rc == 0;
    return rc;
}

/* ---- the trade bill ---- */

enum trade_column {
    T_TRADE,
    T_ORDER,
    T_KIND,
    T_GOODS,
    T_DONE,
    T_AMOUNT,
    T_RECEIPT,
    T_DISCOUNT,
    T_REQUEST,
    T_FEE,
    T_NET,
    T_METHOD,
    T_GIFTS, /* the first of what others gave, or we by other ways than a discount */
    T_GIFTS_LAST = T_GIFTS + 4,
    T_COUNT
};
static_assert((int)T_COUNT <= (int)COLUMNS_MAX, "there is room for the columns");
static const struct csv_column trade_columns[T_COUNT] = {
    [T_TRADE] = {"支付宝交易号", true},
    [T_ORDER] = {"商户订单号", true},
    [T_KIND] = {"业务类型", true},
    [T_GOODS] = {"商品名称", false},
    [T_DONE] = {"完成时间", true},
    [T_AMOUNT] = {"订单金额（元）|订单金额(元)|订单金额", true},
    [T_RECEIPT] = {"商家实收（元）|商家实收(元)|商家实收", true},
    [T_DISCOUNT] = {"商家优惠（元）|商家优惠(元)|商家优惠", false},
    [T_REQUEST] = {"退款批次号/请求号|退款批次号|退款请求号", true},
    [T_FEE] = {"服务费（元）|服务费(元)|服务费", true},
    [T_NET] = {"实收净额（元）|实收净额(元)|实收净额", false},
    [T_METHOD] = {"交易方式", false},
    [T_GIFTS] = {"支付宝红包（元）|支付宝红包(元)|支付宝红包", false},
    {"集分宝（元）|集分宝(元)|集分宝", false},
    {"支付宝优惠（元）|支付宝优惠(元)|支付宝优惠", false},
    {"券核销金额（元）|券核销金额(元)|券核销金额", false},
    [T_GIFTS_LAST] = {"商家红包消费金额（元）|商家红包消费金额(元)|商家红包消费金额", false},
};

struct trade_text {
    char trade[ROW_ID_CHARS_MAX + 1], order[ROW_ID_CHARS_MAX + 1];
    char request[ROW_ID_CHARS_MAX + 1], kind[ROW_ID_CHARS_MAX + 1], method[ROW_ID_CHARS_MAX + 1];
    char goods[ROW_TEXT_CHARS_MAX + 1];
};

/* Whether the row tells of any discount; false when one cannot be read. */
static bool trade_gifts(const struct bill *bill, int64_t discount_minor, bool *ret_any) {
    bool good = true;
    *ret_any = discount_minor != 0;
    for (int i = T_GIFTS; i <= T_GIFTS_LAST; i++) {
        int64_t gift = 0;
        good = amount_take(bill, i, true, &gift) && good;
        *ret_any = *ret_any || gift != 0;
    }
    return good;
}

static bool trade_amounts(struct bill *bill, struct statement_row *row) {
    bool payment = row->kind == ROW_CHARGE;
    struct side *side = &bill->sides[payment ? 0 : 1];
    int64_t receipt = 0, discount = 0, fee = 0;
    bool gifts = false;
    bool good = amount_take(bill, T_AMOUNT, false, &row->gross_minor);
    good = amount_take(bill, T_RECEIPT, false, &receipt) && good;
    good = amount_take(bill, T_DISCOUNT, true, &discount) && good;
    good = amount_take(bill, T_FEE, true, &fee) && good;
    good = trade_gifts(bill, discount, &gifts) && good;
    if (!csv_rows_blank(&bill->rows, bill->at[T_NET])) {
        good = amount_take(bill, T_NET, false, &row->net_minor) && good;
    }
    if (!good) {
        return false;
    }
    int sign = payment ? 1 : -1;
    if (row->gross_minor * sign < 0 || receipt * sign < 0 || fee * sign > 0) {
        statement_tell(bill->sink, PROBLEM_SIGN, row->line,
                       "the amounts of this %s contradict what it is",
                       payment ? "payment" : "refund");
        return false;
    }
    if (!gifts && row->gross_minor != receipt) {
        csv_rows_tell(&bill->rows, PROBLEM_TOTAL, bill->at[T_RECEIPT],
                      "it is not the order's amount, and nobody gave a discount");
        return false;
    }
    row->fee_minor = -fee;
    side->rows++;
    return add(bill, &side->amount_minor, row->gross_minor) &&
           add(bill, &side->receipt_minor, receipt) && add(bill, &side->discount_minor, discount);
}

static bool trade_texts(const struct bill *bill, struct trade_text *text,
                        struct statement_row *row) {
    bool refund = row->kind == ROW_REFUND;
    bool good = id_take(bill, T_TRADE, text->trade);
    good = id_take(bill, T_ORDER, text->order) && good;
    good = text_take(bill, T_KIND, text->kind) && good;
    good = text_take(bill, T_METHOD, text->method) && good;
    good = note_take(bill, T_GOODS, text->goods) && good;
    good = text_take(bill, T_REQUEST, text->request) && good;
    if (good && !refund && text->request[0] != '\0') {
        csv_rows_tell(&bill->rows, PROBLEM_BAD_VALUE, bill->at[T_REQUEST],
                      "a payment has no number of a refund");
        return false;
    }
    row->gateway_id = refund ? text->request : text->trade;
    row->reference = refund ? text->request : text->order;
    row->original_id = refund ? text->trade : "";
    row->original_reference = refund ? text->order : "";
    row->method = text->method;
    row->native_kind = text->kind;
    row->description = text->goods;
    return good;
}

static int trade_row(struct bill *bill) {
    struct statement_row row;
    struct trade_text text;
    char key[KEY_BYTES];
    statement_row_init(&row);
    row.line = bill->rows.line;
    row.currency = cny;
    row.status = ROW_DONE;
    bool good = row_whole(bill);
    if (good) {
        bool payment = csv_rows_is(&bill->rows, bill->at[T_KIND], "交易");
        row.kind = payment ? ROW_CHARGE : ROW_REFUND;
        if (!payment && !csv_rows_is(&bill->rows, bill->at[T_KIND], "退款")) {
            unknown_kind(bill, T_KIND);
            good = false;
        }
    }
    if (good) {
        good = trade_amounts(bill, &row);
        good = time_take(bill, T_DONE, &row.at_us) && good;
        good = trade_texts(bill, &text, &row) && good;
    }
    if (!good) {
        bill->bad_count++;
        return 0;
    }
    bool bare = row.kind == ROW_REFUND && text.request[0] == '\0';
    snprintf(key, sizeof key, "%s\n%s\n%lld %lld", text.trade, text.request,
             bare ? (long long)row.at_us : 0, bare ? (long long)row.gross_minor : 0);
    return give_row(bill, &row, key);
}

static const struct form trade_form = {
    trade_columns, T_COUNT, {"交易合计", "退款合计"}, true, trade_row};

/* ---- the account's bill ---- */

enum account_column {
    A_FLOW,
    A_BUSINESS,
    A_ORDER,
    A_GOODS,
    A_TIME,
    A_IN,
    A_OUT,
    A_BALANCE,
    A_CHANNEL,
    A_KIND,
    A_NOTE,
    A_COUNT
};
static_assert((int)A_COUNT <= (int)COLUMNS_MAX, "there is room for the columns");
static const struct csv_column account_columns[A_COUNT] = {
    [A_FLOW] = {"账务流水号|支付宝流水号", true},
    [A_BUSINESS] = {"业务流水号|支付宝交易号", true},
    [A_ORDER] = {"商户订单号", true},
    [A_GOODS] = {"商品名称", false},
    [A_TIME] = {"发生时间|入账时间", true},
    [A_IN] = {"收入金额（+元）|收入金额(+元)|收入金额|收入（+元）|收入(+元)|收入", true},
    [A_OUT] = {"支出金额（-元）|支出金额(-元)|支出金额|支出（-元）|支出(-元)|支出", true},
    [A_BALANCE] = {"账户余额（元）|账户余额(元)|账户余额", true},
    [A_CHANNEL] = {"交易渠道|支付渠道", false},
    [A_KIND] = {"业务类型|账务类型", true},
    [A_NOTE] = {"备注", false},
};

/* What moves an account, and which way; 0: either. */
static const struct {
    const char *name;
    enum row_kind kind;
    int sign;
} account_kinds[] = {
    {"在线支付", ROW_CHARGE, 1},
    {"交易付款", ROW_CHARGE, 1},
    {"交易退款", ROW_REFUND, -1},
    {"退款（交易退款）", ROW_REFUND, -1},
    {"退款(交易退款)", ROW_REFUND, -1},
    {"退款", ROW_REFUND, -1},
    {"收费", ROW_FEE, -1},
    {"服务费", ROW_FEE, -1},
    {"退费", ROW_FEE, 1},
    {"提现", ROW_PAYOUT, -1},
    {"提现退回", ROW_PAYOUT_RETURNED, 1},
    {"充值", ROW_TOPUP, 1},
    {"转账", ROW_TRANSFER, 0},
    {"冻结", ROW_RESERVE, -1},
    {"解冻", ROW_RESERVE, 1},
};

struct account_text {
    char flow[ROW_ID_CHARS_MAX + 1], business[ROW_ID_CHARS_MAX + 1], order[ROW_ID_CHARS_MAX + 1];
    char kind[ROW_ID_CHARS_MAX + 1], channel[ROW_ID_CHARS_MAX + 1];
    char note[ROW_TEXT_CHARS_MAX + 1], goods[ROW_TEXT_CHARS_MAX + 1];
};

static void way_break(struct way *way, int64_t line) {
    if (way->count < LINES_TOLD_MAX) {
        way->lines[way->count] = line;
    }
    way->count++;
}

/* One more row; which way they go is known at the end only. */
static void chain_add(struct chain *chain, const struct statement_row *row, int64_t balance_minor) {
    if (chain->rows == 0) {
        chain->first_balance_minor = balance_minor;
        chain->first_amount_minor = row->net_minor;
        chain->first_at_us = row->at_us;
    }
    if (chain->has && chain->balance_minor + row->net_minor != balance_minor) {
        way_break(&chain->up, row->line);
    }
    if (chain->has && balance_minor + chain->amount_minor != chain->balance_minor) {
        way_break(&chain->down, row->line);
    }
    chain->has = true;
    chain->rows++;
    chain->balance_minor = balance_minor;
    chain->amount_minor = row->net_minor;
    chain->at_us = row->at_us;
}

static void chain_end(struct bill *bill) {
    const struct chain *chain = &bill->chain;
    if (chain->rows == 0) {
        return;
    }
    bool up = chain->at_us != chain->first_at_us ? chain->at_us > chain->first_at_us
                                                 : chain->up.count <= chain->down.count;
    const struct way *way = up ? &chain->up : &chain->down;
    for (int i = 0; i < way->count && i < LINES_TOLD_MAX; i++) {
        statement_tell(bill->sink, PROBLEM_BALANCE, way->lines[i],
                       "the balance does not follow from the one before it in time");
    }
    int64_t first = up ? chain->first_balance_minor : chain->balance_minor;
    bill->head->balance_count = 1;
    bill->head->balances[0] = (struct statement_balance){
        cny, first - (up ? chain->first_amount_minor : chain->amount_minor),
        up ? chain->balance_minor : chain->first_balance_minor};
}

static bool account_kind(const struct bill *bill, struct statement_row *row) {
    const struct csv_rows *rows = &bill->rows;
    for (size_t i = 0; i < COUNT_OF(account_kinds); i++) {
        if (!csv_rows_is(rows, bill->at[A_KIND], account_kinds[i].name)) {
            continue;
        }
        row->kind = account_kinds[i].kind;
        if ((account_kinds[i].sign > 0 && row->gross_minor < 0) ||
            (account_kinds[i].sign < 0 && row->gross_minor > 0)) {
            csv_rows_tell(rows, PROBLEM_SIGN, bill->at[A_KIND],
                          "a movement of this kind goes the other way");
            return false;
        }
        return true;
    }
    unknown_kind(bill, A_KIND);
    return false;
}

/* Money that came, or went: an expense may have a minus or none. */
static bool account_amounts(struct bill *bill, struct statement_row *row, int64_t *ret_balance) {
    int64_t in = 0, out = 0;
    bool good = amount_take(bill, A_IN, true, &in);
    good = amount_take(bill, A_OUT, true, &out) && good;
    good = amount_take(bill, A_BALANCE, false, ret_balance) && good;
    if (!good) {
        return false;
    }
    out = llabs(out);
    if (in < 0 || (in != 0 && out != 0)) {
        statement_tell(bill->sink, PROBLEM_SIGN, row->line,
                       "money comes or goes, and this row tells both or neither");
        return false;
    }
    row->gross_minor = row->net_minor = in - out;
    struct side *side = &bill->sides[out != 0];
    side->rows += in != 0 || out != 0;
    return add(bill, &side->amount_minor, in + out);
}

static bool account_texts(const struct bill *bill, struct account_text *text,
                          struct statement_row *row) {
    bool good = id_take(bill, A_FLOW, text->flow);
    good = text_take(bill, A_BUSINESS, text->business) && good;
    good = text_take(bill, A_ORDER, text->order) && good;
    good = text_take(bill, A_KIND, text->kind) && good;
    good = text_take(bill, A_CHANNEL, text->channel) && good;
    good = note_take(bill, A_NOTE, text->note) && good;
    good = note_take(bill, A_GOODS, text->goods) && good;
    bool payment = row->kind == ROW_CHARGE, refund = row->kind == ROW_REFUND;
    row->gateway_id = payment ? text->business : refund ? "" : text->flow;
    row->reference = payment ? text->order : "";
    row->original_id = payment ? "" : text->business;
    row->original_reference = payment ? "" : text->order;
    row->method = text->channel;
    row->native_kind = text->kind;
    row->description = text->note[0] != '\0' ? text->note : text->goods;
    return good;
}

static int account_row(struct bill *bill) {
    struct statement_row row;
    struct account_text text;
    int64_t balance_minor = 0;
    statement_row_init(&row);
    row.line = bill->rows.line;
    row.currency = cny;
    row.status = ROW_DONE;
    bool whole = row_whole(bill), good = whole && account_amounts(bill, &row, &balance_minor);
    bool timed = whole && time_take(bill, A_TIME, &row.at_us);
    if (good && timed) {
        chain_add(&bill->chain, &row, balance_minor);
    } else {
        bill->chain.has = false;
    }
    good = good && timed && account_kind(bill, &row);
    good = good && account_texts(bill, &text, &row);
    if (!good) {
        bill->bad_count++;
        return 0;
    }
    return give_row(bill, &row, text.flow);
}

static const struct form account_form = {
    account_columns, A_COUNT, {"收入合计", "支出合计"}, false, account_row};

/* ---- the file ---- */

/* As UTF-8; `ret_owned` is what to free. */
static int as_utf8(const struct statement_source *source, const struct statement_sink *sink,
                   const char **ret_text, size_t *ret_count, char **ret_owned, struct err *err) {
    *ret_text = source->bytes;
    *ret_count = source->count;
    if (source->count == 0 || g_utf8_validate(source->bytes, (gssize)source->count, NULL)) {
        return 0;
    }
    if (memchr(source->bytes, '\0', source->count) != NULL) {
        statement_tell(sink, PROBLEM_ENCODING, 0, "there is a NUL in the file, so it is no text");
        return err_set(err, ERR_BAD_REQUEST, "there is a NUL in the file, so it is no text");
    }
    int rc = field_gb18030(source->bytes, source->count, ret_owned, ret_count, err);
    if (rc < 0) {
        statement_tell(sink, PROBLEM_ENCODING, 0, "%s", err->detail);
        return rc;
    }
    *ret_text = *ret_owned;
    return 0;
}

static int one_line(struct bill *bill) {
    if (bill->rows.fields[0].count > 0 && bill->rows.fields[0].bytes[0] == '#') {
        comment(bill);
        return 0;
    }
    if (!bill->has_header) {
        bill->has_header = true;
        return csv_rows_header(&bill->rows, bill->form->columns, bill->form->column_count, bill->at)
                   ? 0
                   : 1;
    }
    if (bill->ended || bill->sides[0].said || bill->sides[1].said) {
        statement_tell(bill->sink, PROBLEM_TRAILING, bill->rows.line,
                       "a row follows the line that says that they end");
        return 0;
    }
    return bill->form->row(bill);
}

static void check_end(struct bill *bill) {
    bool totals = bill->sides[0].said && bill->sides[1].said;
    if (!bill->has_header || !bill->ended || !totals) {
        statement_tell(bill->sink, PROBLEM_CUT, bill->rows.line, "%s",
                       !bill->has_header ? "the file has no header"
                       : bill->ended     ? "the file ends without its totals"
                                         : "the file ends without the line that says so");
    }
}

static int read_bill(const struct form *form, const struct statement_source *source,
                     const struct statement_sink *sink, struct statement_head *head,
                     struct err *err) {
    struct bill bill = {.form = form, .sink = sink, .head = head, .err = err};
    g_autofree char *owned = NULL;
    const char *text = NULL;
    size_t count = 0;
    *head = (struct statement_head){.sequence = -1};
    int rc = as_utf8(source, sink, &text, &count, &owned, err);
    if (rc < 0) {
        return rc;
    }
    rc = time_zone_open(source->time_zone != NULL ? source->time_zone : BEIJING, &bill.zone, err);
    if (rc < 0) {
        statement_tell(sink, PROBLEM_BAD_VALUE, 0, "%s", err->detail);
        return rc;
    }
    bill.line_ends = count > 0 && (text[count - 1] == '\n' || text[count - 1] == '\r');
    csv_rows_open(&bill.rows, sink, text, count, ',', 0);
    while (rc == 0 && csv_rows_next(&bill.rows)) {
        rc = one_line(&bill);
    }
    if (rc == 0) {
        check_end(&bill);
        chain_end(&bill);
    }
    time_zone_close(bill.zone);
    seen_release(&bill.seen);
    return rc < 0 ? rc : 0;
}

static int read_trade(const struct statement_source *source, const struct statement_sink *sink,
                      struct statement_head *ret_head, struct err *err) {
    return read_bill(&trade_form, source, sink, ret_head, err);
}

static int read_account(const struct statement_source *source, const struct statement_sink *sink,
                        struct statement_head *ret_head, struct err *err) {
    return read_bill(&account_form, source, sink, ret_head, err);
}

/* ---- what is what ---- */

/* Marks in GBK and in UTF-8. */
struct mark {
    const char *gbk, *utf8;
};
static const struct mark alipay_mark = {"\xD6\xA7\xB8\xB6\xB1\xA6", "支付宝"};

static bool holds(const void *bytes, size_t count, const struct mark *mark) {
    return count > 0 && (memmem(bytes, count, mark->gbk, strlen(mark->gbk)) != NULL ||
                         memmem(bytes, count, mark->utf8, strlen(mark->utf8)) != NULL);
}

/* A comment that names Alipay and the bill is certain; a header with its columns nearly so. */
static int detect(const void *bytes, size_t count, const struct mark *title,
                  const struct mark *column, const struct mark *other) {
    size_t looked = count < SNIFF_BYTES ? count : SNIFF_BYTES;
    bool commented = looked > 0 && memchr(bytes, '#', looked < 4 ? 1 : 4) != NULL;
    if (!holds(bytes, looked, column) || !holds(bytes, looked, other)) {
        return 0;
    }
    return commented && holds(bytes, looked, &alipay_mark) && holds(bytes, looked, title) ? 95 : 60;
}

static int detect_trade(const char *name, const void *bytes, size_t count) {
    static const struct mark title = {"\xD2\xB5\xCE\xF1\xC3\xF7\xCF\xB8", "业务明细"};
    static const struct mark column = {"\xD6\xA7\xB8\xB6\xB1\xA6\xBD\xBB\xD2\xD7\xBA\xC5,",
                                       "支付宝交易号,"};
    static const struct mark other = {"\xC9\xCC\xBC\xD2\xCA\xB5\xCA\xD5", "商家实收"};
    return detect(bytes, count, &title, &column, &other);
}

static int detect_account(const char *name, const void *bytes, size_t count) {
    static const struct mark title = {"\xD5\xCB\xCE\xF1\xC3\xF7\xCF\xB8", "账务明细"};
    static const struct mark column = {"\xD5\xCB\xCE\xF1\xC1\xF7\xCB\xAE\xBA\xC5,", "账务流水号,"};
    static const struct mark other = {"\xD5\xCB\xBB\xA7\xD3\xE0\xB6\xEE", "账户余额"};
    return detect(bytes, count, &title, &column, &other);
}

const struct statement_reader alipay_trade_reader = {
    .name = "alipay-trade",
    .title = "Alipay trade bill (业务明细)",
    .adapter = "alipay",
    .tells = TELLS_CHARGES | TELLS_REFUNDS,
    .detect = detect_trade,
    .read = read_trade,
};
const struct statement_reader alipay_account_reader = {
    .name = "alipay-account",
    .title = "Alipay account bill (账务明细)",
    .adapter = "alipay",
    .tells = TELLS_CHARGES | TELLS_REFUNDS,
    .detect = detect_account,
    .read = read_account,
};
