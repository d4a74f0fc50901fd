/* SPDX-License-Identifier: Apache-2.0
 * read_wechat.c: WeChat Pay's bills of trades (ALL, SUCCESS and REFUND, old columns and new).
 * Layouts: WeChat Pay's documentation of the trade bill (API v3) and, for the old columns, of
 * downloadbill (v2). What all its bills share is in wechat_bill.h.
 *
 * What our side is matched by: an attempt's id is the out_trade_no and its charge_id the
 * transaction_id, a refund's id is the out_refund_no and its refund_id WeChat Pay's refund_id.
 *   payment  gateway_id 微信订单号, reference 商户订单号
 *   refund   gateway_id 微信退款单号, reference 商户退款单号, original_id and original_reference the
 *            two of its payment
 * The amount of a payment is 订单金额 (what we asked for; 应结订单金额 lacks coupons), in old files
 * 总金额. That of a refund is 申请退款金额, in old files 退款金额: coupons that went back are a part
 * of either. A net amount stands in no trade bill: the fund bill has it.
 * A bill's refunds are written when they are asked for and never again, so PROCESSING is what most
 * of them say. CHANGE (the customer's account took it no longer, the money is with us) is FAILED. A
 * row of REVOKED is money of a reversed bar code that went back.
 * Fees have five decimals. They are added up as they stand, and the sum is held against the total;
 * a row's own fee is rounded half up to the fen, as WeChat Pay keeps it (rule 2 of statement.h has
 * this exception: a fee of half a fen exists in no account). */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "statement/read/wechat_bill.h"

enum { MCHID_CHARS_MAX = 32, KEY_BYTES = ROW_ID_CHARS_MAX + 8 };

enum trade_column {
    T_TIME,
    T_MCHID,
    T_TRANSACTION,
    T_ORDER,
    T_METHOD,
    T_STATE,
    T_CURRENCY,
    T_GOODS,
    T_SETTLED,
    T_TOTAL,
    T_FEE,
    T_REFUND_ID,
    T_REFUND_NO,
    T_REFUND_STATE,
    T_REFUND,
    T_REFUND_COUPON,
    T_APPLIED,
    T_REQUESTED,
    T_SUCCEEDED,
    T_COUNT
};
static const struct csv_column trade_columns[T_COUNT] = {
    [T_TIME] = {"交易时间", true},
    [T_MCHID] = {"商户号", false},
    [T_TRANSACTION] = {"微信订单号|微信支付订单号", true},
    [T_ORDER] = {"商户订单号", true},
    [T_METHOD] = {"交易类型", false},
    [T_STATE] = {"交易状态", true},
    [T_CURRENCY] = {"货币种类", true},
    [T_GOODS] = {"商品名称", false},
    [T_SETTLED] = {"应结订单金额|总金额", true},
    [T_TOTAL] = {"订单金额", false},
    [T_FEE] = {"手续费", true},
    [T_REFUND_ID] = {"微信退款单号", false},
    [T_REFUND_NO] = {"商户退款单号", false},
    [T_REFUND_STATE] = {"退款状态", false},
    [T_REFUND] = {"退款金额", false},
    [T_REFUND_COUPON] = {"充值券退款金额|代金券或立减优惠退款金额|企业红包退款金额", false},
    [T_APPLIED] = {"申请退款金额", false},
    [T_REQUESTED] = {"退款申请时间", false},
    [T_SUCCEEDED] = {"退款成功时间", false},
};

/* The columns that are added up, and the names of their totals. */
enum trade_sum { S_SETTLED, S_REFUND, S_REFUND_COUPON, S_FEE, S_TOTAL, S_APPLIED, S_COUNT };
static const struct {
    enum trade_column of;
    bool blank_is_0; /* where it is of refunds, and the row is none; a refund may lack a coupon */
} trade_sums[S_COUNT] = {
    [S_SETTLED] = {T_SETTLED, false},
    [S_REFUND] = {T_REFUND, true},
    [S_REFUND_COUPON] = {T_REFUND_COUPON, true},
    [S_FEE] = {T_FEE, false},
    [S_TOTAL] = {T_TOTAL, false},
    [S_APPLIED] = {T_APPLIED, true},
};
static const struct csv_column trade_totals[S_COUNT + 1] = {
    [S_SETTLED] = {"应结订单总金额|总交易额", true},
    [S_REFUND] = {"退款总金额|总退款金额", true},
    [S_REFUND_COUPON] = {"充值券退款总金额|总代金券或立减优惠退款金额|总企业红包退款金额", false},
    [S_FEE] = {"手续费总金额", true},
    [S_TOTAL] = {"订单总金额", false},
    [S_APPLIED] = {"申请退款总金额", false},
    [S_COUNT] = {"总交易单数", true},
};

static const struct {
    const char *name;
    enum row_kind kind;
} trade_states[] = {{"SUCCESS", ROW_CHARGE}, {"REFUND", ROW_REFUND}, {"REVOKED", ROW_REFUND}};

static const struct {
    const char *name;
    enum row_status status;
} refund_states[] = {{"SUCCESS", ROW_DONE},
                     {"PROCESSING", ROW_PENDING},
                     {"FAIL", ROW_FAILED},
                     {"CHANGE", ROW_FAILED}};

struct trade {
    int at[T_COUNT];
    int64_t sums[S_COUNT];
};

/* The texts of a row. */
struct trade_text {
    char transaction[ROW_ID_CHARS_MAX + 1], order[ROW_ID_CHARS_MAX + 1];
    char refund_id[ROW_ID_CHARS_MAX + 1], refund_no[ROW_ID_CHARS_MAX + 1];
    char method[ROW_ID_CHARS_MAX + 1], state[ROW_ID_CHARS_MAX + 1];
    char goods[ROW_TEXT_CHARS_MAX + 1];
};

/* The columns of refunds stand there all or not at all, and the two new amounts as well. */
static bool trade_header(struct wechat_bill *bill, struct trade *trade) {
    static const enum trade_column refunds[] = {T_REFUND_ID, T_REFUND_NO, T_REFUND_STATE, T_REFUND};
    if (!csv_rows_header(&bill->rows, trade_columns, T_COUNT, trade->at)) {
        return false;
    }
    int there = 0;
    for (size_t i = 0; i < COUNT_OF(refunds); i++) {
        there += trade->at[refunds[i]] >= 0;
    }
    bool applied = trade->at[T_APPLIED] >= 0, total = trade->at[T_TOTAL] >= 0;
    if ((there != 0 && there != COUNT_OF(refunds)) || (there != 0 && applied != total)) {
        statement_tell(bill->sink, PROBLEM_MISSING_COLUMN, bill->rows.line,
                       "of the columns about refunds some are there and some are not");
        return false;
    }
    /* SUCCESS has no columns of refunds; only REFUND says when one was asked for and made. */
    bool only_refunds = trade->at[T_REQUESTED] >= 0 || trade->at[T_SUCCEEDED] >= 0;
    bill->head->lacks = there == 0 ? TELLS_REFUNDS : only_refunds ? TELLS_CHARGES : 0;
    return true;
}

static bool trade_kind(const struct wechat_bill *bill, const struct trade *trade,
                       struct statement_row *row) {
    const struct csv_rows *rows = &bill->rows;
    for (size_t i = 0; i < COUNT_OF(trade_states); i++) {
        if (csv_rows_is(rows, trade->at[T_STATE], trade_states[i].name)) {
            row->kind = trade_states[i].kind;
        }
    }
    if (row->kind == ROW_CHARGE) {
        row->status = ROW_DONE;
        return true;
    }
    for (size_t i = 0; row->kind == ROW_REFUND && i < COUNT_OF(refund_states); i++) {
        if (csv_rows_is(rows, trade->at[T_REFUND_STATE], refund_states[i].name)) {
            row->status = refund_states[i].status;
            return true;
        }
    }
    int at = row->kind == ROW_REFUND ? trade->at[T_REFUND_STATE] : trade->at[T_STATE];
    struct csv_field field = csv_rows_field(rows, at);
    csv_rows_tell(rows, PROBLEM_UNKNOWN_KIND, at, "'%.*s' is no state that is known",
                  field.count < 40 ? (int)field.count : 40, field.bytes);
    return false;
}

/* Half up, away from zero. */
static int64_t fen_rounded(int64_t fine) {
    int64_t half = fine < 0 ? -WECHAT_FINE_PER_FEN / 2 : WECHAT_FINE_PER_FEN / 2;
    return (fine + half) / WECHAT_FINE_PER_FEN;
}

/* Reads what is added up and adds it; the amounts of the row. */
static bool trade_amounts(struct wechat_bill *bill, struct trade *trade,
                          struct statement_row *row) {
    int64_t fine[S_COUNT] = {0};
    bool good = true;
    for (int i = 0; i < S_COUNT; i++) {
        int at = trade->at[trade_sums[i].of];
        bool blank = trade_sums[i].blank_is_0 && (row->kind == ROW_CHARGE || i == S_REFUND_COUPON);
        bool read = at < 0 ? true
                    : i == S_FEE
                        ? wechat_fine_take(&bill->rows, at, false, &fine[i])
                        : wechat_fen_take(&bill->rows, at, blank, &fine[i]);
        good = read && wechat_sum_add(bill, &trade->sums[i], fine[i]) && good;
    }
    if (!good) {
        return false;
    }
    bool payment = row->kind == ROW_CHARGE, modern = trade->at[T_TOTAL] >= 0;
    int64_t paid = modern ? fine[S_TOTAL] : fine[S_SETTLED];
    int64_t back = modern ? fine[S_APPLIED] : fine[S_REFUND];
    bool strange = payment ? fine[S_REFUND] != 0 || fine[S_APPLIED] != 0 || fine[S_FEE] < 0
                           : fine[S_FEE] > 0;
    for (int i = 0; i < S_COUNT; i++) {
        strange = strange || (i != S_FEE && fine[i] < 0);
    }
    if (strange) {
        statement_tell(bill->sink, PROBLEM_SIGN, bill->rows.line,
                       "the amounts of this %s contradict what it is",
                       payment ? "payment" : "refund");
        return false;
    }
    row->gross_minor = payment ? paid / WECHAT_FINE_PER_FEN : -(back / WECHAT_FINE_PER_FEN);
    row->fee_minor = fen_rounded(fine[S_FEE]);
    return true;
}

/* A refund's time is that of being asked for, in its own column or in the one that all rows have.
 */
static bool trade_time(const struct wechat_bill *bill, const struct trade *trade,
                       struct statement_row *row) {
    const struct csv_rows *rows = &bill->rows;
    int64_t unused = 0;
    if (!csv_rows_time(rows, trade->at[T_TIME], WECHAT_TIME_PATTERN, bill->zone, &row->at_us)) {
        return false;
    }
    if (row->kind != ROW_REFUND) {
        return true;
    }
    return (csv_rows_blank(rows, trade->at[T_REQUESTED]) ||
            csv_rows_time(rows, trade->at[T_REQUESTED], WECHAT_TIME_PATTERN, bill->zone,
                          &row->at_us)) &&
           (csv_rows_blank(rows, trade->at[T_SUCCEEDED]) ||
            csv_rows_time(rows, trade->at[T_SUCCEEDED], WECHAT_TIME_PATTERN, bill->zone, &unused));
}

static bool trade_account(const struct wechat_bill *bill, const struct trade *trade) {
    char mchid[MCHID_CHARS_MAX + 1];
    int at = trade->at[T_MCHID];
    if (at < 0) {
        return true;
    }
    if (!csv_rows_text(&bill->rows, at, mchid, sizeof mchid)) {
        return false;
    }
    if (bill->head->account[0] == '\0') {
        g_strlcpy(bill->head->account, mchid, sizeof bill->head->account);
    }
    if (strcmp(bill->head->account, mchid) != 0) {
        csv_rows_tell(&bill->rows, PROBLEM_BAD_VALUE, at, "it is another account than above");
        return false;
    }
    return true;
}

static bool trade_texts(const struct wechat_bill *bill, const struct trade *trade,
                        struct trade_text *text, struct statement_row *row) {
    const struct csv_rows *rows = &bill->rows;
    bool refund = row->kind == ROW_REFUND;
    *text = (struct trade_text){.order = ""};
    bool good = trade_account(bill, trade);
    good = wechat_id_take(rows, trade->at[T_TRANSACTION], text->transaction) && good;
    good = wechat_id_take(rows, trade->at[T_ORDER], text->order) && good;
    good = (!refund || wechat_id_take(rows, trade->at[T_REFUND_ID], text->refund_id)) && good;
    good = (!refund || wechat_id_take(rows, trade->at[T_REFUND_NO], text->refund_no)) && good;
    good = csv_rows_text(rows, trade->at[T_METHOD], text->method, sizeof text->method) && good;
    good = csv_rows_text(rows, trade->at[T_STATE], text->state, sizeof text->state) && good;
    good = csv_rows_note(rows, trade->at[T_GOODS], text->goods, sizeof text->goods) && good;
    row->gateway_id = refund ? text->refund_id : text->transaction;
    row->reference = refund ? text->refund_no : text->order;
    row->original_id = refund ? text->transaction : "";
    row->original_reference = refund ? text->order : "";
    row->method = text->method;
    row->native_kind = text->state;
    row->description = text->goods;
    return good;
}

static bool trade_currency(const struct wechat_bill *bill, const struct trade *trade,
                           struct statement_row *row) {
    if (!csv_rows_currency(&bill->rows, trade->at[T_CURRENCY], &row->currency)) {
        return false;
    }
    if (!currency_equal(row->currency, currency_stored("CNY"))) {
        csv_rows_tell(&bill->rows, PROBLEM_CURRENCY, trade->at[T_CURRENCY],
                      "%s, in a bill whose totals are in CNY", row->currency.code);
        return false;
    }
    return true;
}

static int trade_row(struct wechat_bill *bill, struct trade *trade) {
    struct statement_row row;
    struct trade_text text;
    char key[KEY_BYTES];
    statement_row_init(&row);
    row.line = bill->rows.line;
    bill->row_count++;
    bool good = wechat_row_whole(bill) && trade_kind(bill, trade, &row);
    if (good) {
        good = trade_amounts(bill, trade, &row);
        good = trade_currency(bill, trade, &row) && good;
        good = trade_time(bill, trade, &row) && good;
        good = trade_texts(bill, trade, &text, &row) && good;
    }
    if (!good) {
        bill->bad_count++;
        return 0;
    }
    int chars = snprintf(key, sizeof key, "%c%s", row.kind == ROW_REFUND ? 'R' : 'C',
                         row.gateway_id);
    return wechat_row_is_new(bill, key, (size_t)chars) ? wechat_row_give(bill, &row) : 0;
}

static void trade_end(struct wechat_bill *bill, const struct trade *trade) {
    int at[S_COUNT + 1];
    bool modern = trade->at[T_TOTAL] >= 0;
    if (!wechat_totals_next(bill, trade_totals, S_COUNT + 1, at, 2)) {
        return;
    }
    if (modern != (at[S_TOTAL] >= 0) || modern != (at[S_APPLIED] >= 0)) {
        statement_tell(bill->sink, PROBLEM_MISSING_COLUMN, bill->rows.line,
                       "the totals are not those of the columns above");
        return;
    }
    wechat_check_count(bill, at[S_COUNT], bill->row_count + bill->rows.torn);
    for (int i = 0; i < S_COUNT; i++) {
        if (at[i] >= 0) {
            wechat_check_sum(bill, at[i], trade->sums[i]);
        }
    }
    wechat_nothing_follows(bill);
}

static int read_trade(const struct statement_source *source, const struct statement_sink *sink,
                      struct statement_head *ret_head, struct err *err) {
    struct wechat_bill bill;
    struct trade trade = {.sums = {0}};
    int rc = wechat_bill_open(&bill, source, sink, ret_head, err);
    if (rc < 0) {
        return rc;
    }
    if (!csv_rows_next(&bill.rows)) {
        wechat_cut(&bill, "the file has no header");
    } else if (trade_header(&bill, &trade)) {
        bool totals = false;
        while (rc == 0 && !totals && csv_rows_next(&bill.rows)) {
            totals = csv_rows_is(&bill.rows, 0, "总交易单数");
            rc = totals ? 0 : trade_row(&bill, &trade);
        }
        if (rc == 0 && totals) {
            trade_end(&bill, &trade);
        } else if (rc == 0) {
            wechat_cut(&bill, "the file ends without its totals");
        }
    }
    wechat_bill_end(&bill);
    wechat_bill_close(&bill);
    return rc;
}

static int detect_trade(const char *name, const void *bytes, size_t count) {
    return wechat_bill_detect(bytes, count, "交易时间,", ",商户订单号,");
}

const struct statement_reader wechat_trade_reader = {
    .name = "wechat-trade",
    .title = "WeChat Pay trade bill (ALL, SUCCESS or REFUND)",
    .adapter = "wechatpay",
    .tells = TELLS_CHARGES | TELLS_REFUNDS,
    .lacks_some = true,
    .detect = detect_trade,
    .read = read_trade,
};
