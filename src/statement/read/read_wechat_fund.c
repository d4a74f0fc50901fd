/* SPDX-License-Identifier: Apache-2.0
 * read_wechat_fund.c: WeChat Pay's bill of what moved an account's funds. Layout: WeChat Pay's
 * documentation of the fund flow bill (API v3). What all its bills share is in wechat_bill.h.
 *
 * Each row has the balance after it, and follows from the row before. What our side is matched by:
 *   payment  gateway_id 微信支付业务单号 (the transaction_id), reference 业务凭证号 (out_trade_no)
 *   refund   gateway_id 微信支付业务单号 (the refund_id), reference 业务凭证号 (out_refund_no)
 *   fee      original_id and original_reference the two of its payment; it has no id of its own
 * The same payments and refunds stand in the trade bill, so that one of the two is matched with our
 * side, not both. A refund's fee comes back within its row, which then moves less than the refund:
 * its remark tells both parts. */
#include <string.h>

#include "statement/read/wechat_bill.h"

enum fund_column {
    F_TIME,
    F_BUSINESS,
    F_FLOW,
    F_TYPE,
    F_DIRECTION,
    F_AMOUNT,
    F_BALANCE,
    F_NOTE,
    F_VOUCHER,
    F_COUNT
};
static const struct csv_column fund_columns[F_COUNT] = {
    [F_TIME] = {"记账时间", true},
    [F_BUSINESS] = {"微信支付业务单号", true},
    [F_FLOW] = {"资金流水单号", true},
    [F_TYPE] = {"业务类型", true},
    [F_DIRECTION] = {"收支类型", true},
    [F_AMOUNT] = {"收支金额(元)|收支金额（元）|收支金额", true},
    [F_BALANCE] = {"账户结余(元)|账户结余（元）|账户结余", true},
    [F_NOTE] = {"备注", false},
    [F_VOUCHER] = {"业务凭证号", false},
};
enum fund_total { FT_ROWS, FT_INS, FT_IN, FT_OUTS, FT_OUT, FT_COUNT };
static const struct csv_column fund_totals[FT_COUNT] = {
    [FT_ROWS] = {"资金流水总笔数", true}, [FT_INS] = {"收入笔数", true},
    [FT_IN] = {"收入金额", true},         [FT_OUTS] = {"支出笔数", true},
    [FT_OUT] = {"支出金额", true},
};

/* What moves funds, and which way it does. */
static const struct {
    const char *name;
    enum row_kind kind;
    int sign;
} fund_types[] = {
    {"交易", ROW_CHARGE, 1},
    {"退款", ROW_REFUND, -1},
    {"扣除交易手续费", ROW_FEE, -1},
    {"退回交易手续费", ROW_FEE, 1},
    {"退还交易手续费", ROW_FEE, 1},
    {"提现", ROW_PAYOUT, -1},
    {"提现退回", ROW_PAYOUT_RETURNED, 1},
    {"充值", ROW_TOPUP, 1},
};

struct fund {
    int at[F_COUNT];
    int64_t counts[2], sums[2]; /* out, in */
    int64_t balance;            /* after the row before, in fen */
    bool has_balance, broken;   /* the chain, by a row that could not be read */
};
struct fund_text {
    char business[ROW_ID_CHARS_MAX + 1], voucher[ROW_ID_CHARS_MAX + 1];
    char type[ROW_ID_CHARS_MAX + 1], note[ROW_TEXT_CHARS_MAX + 1];
};

static bool fund_kind(const struct wechat_bill *bill, const struct fund *fund,
                      struct statement_row *row, int *ret_sign) {
    const struct csv_rows *rows = &bill->rows;
    int at = fund->at[F_DIRECTION];
    int sign = csv_rows_is(rows, at, "收入") ? 1 : csv_rows_is(rows, at, "支出") ? -1 : 0;
    if (sign == 0) {
        csv_rows_tell(rows, PROBLEM_BAD_VALUE, at, "it is neither 收入 nor 支出");
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(fund_types); i++) {
        if (!csv_rows_is(rows, fund->at[F_TYPE], fund_types[i].name)) {
            continue;
        }
        if (fund_types[i].sign != sign) {
            csv_rows_tell(rows, PROBLEM_SIGN, at, "a movement of this type goes the other way");
            return false;
        }
        row->kind = fund_types[i].kind;
        *ret_sign = sign;
        return true;
    }
    struct csv_field field = csv_rows_field(rows, fund->at[F_TYPE]);
    csv_rows_tell(rows, PROBLEM_UNKNOWN_KIND, fund->at[F_TYPE], "'%.*s' is no type that is known",
                  field.count < 60 ? (int)field.count : 60, field.bytes);
    return false;
}

/* "退款总金额1.00元;含手续费0.01元": what was given back is more than what left the account, by the
 * fee that came back with it. False: the note says nothing of the kind, or does not fit. */
static bool refund_note(const char *note, int64_t moved_minor, int64_t *ret_gross_minor,
                        int64_t *ret_fee_minor) {
    static const char *const marks[] = {"退款总金额", "含手续费"};
    int64_t fine[2] = {0};
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        const char *at = strstr(note, marks[i]);
        at = at != NULL ? at + strlen(marks[i]) : NULL;
        const char *end = at != NULL ? strstr(at, "元") : NULL;
        if (end == NULL ||
            !wechat_fine_read((struct csv_field){at, (uint32_t)(end - at), false}, &fine[i]) ||
            fine[i] % WECHAT_FINE_PER_FEN != 0) {
            return false;
        }
    }
    *ret_gross_minor = -(fine[0] / WECHAT_FINE_PER_FEN);
    *ret_fee_minor = -(fine[1] / WECHAT_FINE_PER_FEN);
    return *ret_gross_minor - *ret_fee_minor == moved_minor && *ret_fee_minor <= 0;
}

static bool fund_amounts(struct wechat_bill *bill, struct fund *fund, int sign,
                         struct statement_row *row) {
    int64_t amount = 0, balance = 0;
    const struct csv_rows *rows = &bill->rows;
    bool good = wechat_fen_take(rows, fund->at[F_AMOUNT], false, &amount);
    good = wechat_fen_take(rows, fund->at[F_BALANCE], false, &balance) && good;
    if (!good || !wechat_sum_add(bill, &fund->sums[sign > 0], amount)) {
        return false;
    }
    if (amount < 0) {
        csv_rows_tell(rows, PROBLEM_SIGN, fund->at[F_AMOUNT], "the direction has a column");
        return false;
    }
    row->gross_minor = row->net_minor = sign * (amount / WECHAT_FINE_PER_FEN);
    fund->counts[sign > 0]++;
    balance /= WECHAT_FINE_PER_FEN;
    if (fund->has_balance && fund->balance + row->net_minor != balance) {
        csv_rows_tell(rows, PROBLEM_BALANCE, fund->at[F_BALANCE],
                      "the balance is %lld fen, and %lld by the row before", (long long)balance,
                      (long long)(fund->balance + row->net_minor));
        good = false;
    }
    struct statement_balance *head = &bill->head->balances[0];
    if (bill->head->balance_count == 0) {
        bill->head->balance_count = 1;
        *head = (struct statement_balance){currency_stored("CNY"), balance - row->net_minor, 0};
    }
    head->closing_minor = fund->balance = balance;
    fund->has_balance = true;
    return good;
}

static bool fund_texts(const struct wechat_bill *bill, const struct fund *fund,
                       struct fund_text *text, struct statement_row *row) {
    const struct csv_rows *rows = &bill->rows;
    bool own = row->kind == ROW_FEE;
    bool good = wechat_id_take(rows, fund->at[F_BUSINESS], text->business);
    good = csv_rows_text(rows, fund->at[F_VOUCHER], text->voucher, sizeof text->voucher) && good;
    good = csv_rows_text(rows, fund->at[F_TYPE], text->type, sizeof text->type) && good;
    good = csv_rows_note(rows, fund->at[F_NOTE], text->note, sizeof text->note) && good;
    /* A fee names the payment that it is about, and has no number of its own. */
    row->gateway_id = own ? "" : text->business;
    row->reference = own ? "" : text->voucher;
    row->original_id = own ? text->business : "";
    row->original_reference = own ? text->voucher : "";
    row->native_kind = text->type;
    row->description = text->note;
    return good;
}

static int fund_row(struct wechat_bill *bill, struct fund *fund) {
    struct statement_row row;
    struct fund_text text;
    const struct csv_rows *rows = &bill->rows;
    int sign = 0;
    statement_row_init(&row);
    row.line = rows->line;
    row.status = ROW_DONE;
    row.currency = currency_stored("CNY");
    bill->row_count++;
    bool good = wechat_row_whole(bill) && fund_kind(bill, fund, &row, &sign);
    if (good) {
        good = fund_amounts(bill, fund, sign, &row);
        good = csv_rows_time(rows, fund->at[F_TIME], WECHAT_TIME_PATTERN, bill->zone, &row.at_us) &&
               good;
        good = fund_texts(bill, fund, &text, &row) && good;
    } else {
        fund->has_balance = false; /* the next row has none to go on from */
    }
    if (!good) {
        bill->bad_count++;
        return 0;
    }
    if (row.kind == ROW_REFUND &&
        !refund_note(text.note, row.net_minor, &row.gross_minor, &row.fee_minor)) {
        row.gross_minor = row.net_minor;
        row.fee_minor = AMOUNT_UNSAID;
    }
    /* Of two movements of one business all fields are never the same: the balance is one. */
    const char *end = rows->fields[rows->count - 1].bytes + rows->fields[rows->count - 1].count;
    return wechat_row_is_new(bill, rows->fields[0].bytes, (size_t)(end - rows->fields[0].bytes))
               ? wechat_row_give(bill, &row)
               : 0;
}

static void fund_end(struct wechat_bill *bill, const struct fund *fund) {
    int at[FT_COUNT];
    if (!wechat_totals_next(bill, fund_totals, FT_COUNT, at, 2)) {
        return;
    }
    wechat_check_count(bill, at[FT_ROWS], bill->row_count + bill->rows.torn);
    if (bill->bad_count == 0) {
        wechat_check_count(bill, at[FT_INS], fund->counts[1]);
        wechat_check_count(bill, at[FT_OUTS], fund->counts[0]);
    }
    wechat_check_sum(bill, at[FT_IN], fund->sums[1]);
    wechat_check_sum(bill, at[FT_OUT], fund->sums[0]);
    wechat_nothing_follows(bill);
}

static int read_fund(const struct statement_source *source, const struct statement_sink *sink,
                     struct statement_head *ret_head, struct err *err) {
    struct wechat_bill bill;
    struct fund fund = {.has_balance = false};
    int rc = wechat_bill_open(&bill, source, sink, ret_head, err);
    if (rc < 0) {
        return rc;
    }
    if (!csv_rows_next(&bill.rows)) {
        wechat_cut(&bill, "the file has no header");
    } else if (csv_rows_header(&bill.rows, fund_columns, F_COUNT, fund.at)) {
        bool totals = false;
        while (rc == 0 && !totals && csv_rows_next(&bill.rows)) {
            totals = csv_rows_is(&bill.rows, 0, "资金流水总笔数");
            rc = totals ? 0 : fund_row(&bill, &fund);
        }
        if (rc == 0 && totals) {
            fund_end(&bill, &fund);
        } else if (rc == 0) {
            wechat_cut(&bill, "the file ends without its totals");
        }
    }
    wechat_bill_end(&bill);
    wechat_bill_close(&bill);
    return rc;
}

static int detect_fund(const char *name, const void *bytes, size_t count) {
    return wechat_bill_detect(bytes, count, "记账时间,", ",资金流水单号,");
}

const struct statement_reader wechat_fund_reader = {
    .name = "wechat-fund",
    .title = "WeChat Pay fund flow bill",
    .adapter = "wechatpay",
    .tells = TELLS_CHARGES | TELLS_REFUNDS,
    .detect = detect_fund,
    .read = read_fund,
};
