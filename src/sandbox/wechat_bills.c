/* SPDX-License-Identifier: Apache-2.0
 * wechat_bills.c: the bills of the simulated WeChat Pay: an answer with a checksum and an address,
 * and the file behind it, packed, without a signature. Unlike the real one it has today's bill too.
 */
#include <inttypes.h>
#include <zlib.h>

#include "base/clock.h"
#include "gateway/wechatpay/wechat_sign.h"
#include "sandbox/statement.h"
#include "sandbox/wechat.h"

/* Fees have five decimals, thousandths of a fen. */
enum {
    GZIP_WINDOW_BITS = 15 + 16,
    FEE_PER_THOUSAND = 6,
    FINE_PER_FEN = 1000,
    FINE_PER_YUAN = 100000,
    FLOWS_A_MOVE = 2,
};
/* A bill is made at ten in the morning after its day. */
#define MADE_US (10 * 3600 * US_PER_SECOND)

void sb_wechat_bills_forget(struct sb_wechat_own *own) {
    for (int i = 0; i < SB_WECHAT_BILLS_MAX; i++) {
        free(own->bills[i].bytes);
        own->bills[i] = (struct sb_wechat_bill){.bytes = NULL};
    }
}

/* ---- lines ---- */

/* A refund that ends otherwise never left the account. */
bool sb_wechat_moves_funds(const struct sb_move *move) {
    const struct sb_wechat_refund *refund = move->object;
    bool is_refund = move->kind == SB_MOVE_REFUND && refund != NULL;
    return move->kind != SB_MOVE_REFUND_BACK &&
           (!is_refund || refund->ends_as == SB_WECHAT_REFUND_SUCCESS ||
            refund->ends_as == SB_WECHAT_REFUND_PROCESSING);
}

/* How a refund stood when the bill of its day was made. */
static void refund_fill(struct sandbox *sandbox, const struct sb_wechat_refund *refund,
                        struct sb_line *line) {
    struct sb_place *place = sandbox->places[SB_WECHAT];
    struct sb_shard *shard = sb_wechat_shard(place, refund->order);
    int64_t beijing_us = BEIJING_MINUTES * 60 * US_PER_SECOND;
    int64_t day_us = (line->at_us + beijing_us) / SB_DAY_US * SB_DAY_US - beijing_us;
    lock_take(&shard->lock);
    const struct sb_wechat_refund_now now = *refund->now;
    lock_give(&shard->lock);
    bool ended = now.state != SB_WECHAT_REFUND_PROCESSING &&
                 now.ended_us < day_us + SB_DAY_US + MADE_US;
    struct sb_id id = sb_id_of(place, SB_WECHAT_REFUND, refund->number);
    line->ended_us = ended ? now.ended_us : 0;
    line->pending = !ended;
    line->failed = ended && now.state != SB_WECHAT_REFUND_SUCCESS;
    memcpy(line->id, id.text, sizeof(line->id));
    snprintf(line->reference, sizeof(line->reference), "%s", refund->out_refund_no);
}

bool sb_wechat_line_fill(struct sandbox *sandbox, const struct sb_move *move,
                         struct sb_line *line) {
    struct sb_id flow = sb_id_of(sandbox->places[SB_WECHAT], SB_WECHAT_FLOW,
                                 move->number * FLOWS_A_MOVE);
    memcpy(line->flow, flow.text, sizeof(line->flow));
    if (move->kind == SB_MOVE_REFUND_BACK) {
        return false; /* the refund's own row says how it ended */
    }
    if (move->kind == SB_MOVE_CHARGE) {
        snprintf(line->id, sizeof(line->id), "%s", move->entry->id);
        snprintf(line->reference, sizeof(line->reference), "%s", move->entry->reference);
        return true;
    }
    snprintf(line->original_id, sizeof(line->original_id), "%s", move->entry->id);
    snprintf(line->original_reference, sizeof(line->original_reference), "%s",
             move->entry->reference);
    if (move->object != NULL) {
        refund_fill(sandbox, move->object, line);
        return true;
    }
    /* A bar code that was reversed: the money goes back under the order's own number. */
    line->undone = true;
    memcpy(line->id, flow.text, sizeof(line->id));
    snprintf(line->reference, sizeof(line->reference), "%s", move->entry->reference);
    return true;
}

static bool is_charge(const struct sb_line *line) {
    return line->kind == SB_MOVE_CHARGE;
}

static bool is_refund(const struct sb_line *line) {
    return line->kind == SB_MOVE_REFUND;
}

static bool is_of_funds(const struct sb_line *line) {
    const struct sb_wechat_refund *refund = line->object;
    return line->kind != SB_MOVE_REFUND || refund == NULL ||
           refund->ends_as == SB_WECHAT_REFUND_SUCCESS ||
           refund->ends_as == SB_WECHAT_REFUND_PROCESSING;
}

/* ---- the trade bill ---- */

static const char *yuan(int64_t amount_minor, char text[MONEY_TEXT_MAX]) {
    return money_decimal(amount_minor, currency_stored("CNY"), text);
}

/* What 0.6 % is to the last decimal; another fee is told as it is. */
static int64_t fine_fee(const struct sb_line *line) {
    int64_t fine = line->gross_minor * FEE_PER_THOUSAND;
    bool usual = line->kind == SB_MOVE_CHARGE &&
                 (fine + FINE_PER_FEN / 2) / FINE_PER_FEN == line->fee_minor;
    return usual ? fine : line->fee_minor * FINE_PER_FEN;
}

static const char *fine_text(int64_t fine, char text[MONEY_TEXT_MAX]) {
    snprintf(text, MONEY_TEXT_MAX, "%" PRId64 ".%05" PRId64, fine / FINE_PER_YUAN,
             fine % FINE_PER_YUAN);
    return text;
}

/* The columns; each bill has its own, in its own order. */
enum column {
    WHEN,
    APPID,
    MCHID,
    SUB_MCHID,
    DEVICE,
    TRANSACTION,
    ORDER,
    USER,
    TRADE,
    STATE,
    BANK,
    CURRENCY,
    SETTLED,
    COUPON,
    REQUESTED,
    SUCCEEDED,
    REFUND_ID,
    REFUND_NO,
    REFUND,
    REFUND_COUPON,
    REFUND_TYPE,
    REFUND_STATE,
    GOODS,
    ATTACH,
    FEE,
    RATE,
    TOTAL,
    APPLIED,
    NOTE,
    COLUMNS
};
static const struct {
    const char *name;
    bool of_success, of_refund, of_all;
} columns[COLUMNS] = {
    [WHEN] = {"交易时间", true, true, true},
    [APPID] = {"公众账号ID", true, true, true},
    [MCHID] = {"商户号", true, true, true},
    [SUB_MCHID] = {"特约商户号", true, true, true},
    [DEVICE] = {"设备号", true, true, true},
    [TRANSACTION] = {"微信订单号", true, true, true},
    [ORDER] = {"商户订单号", true, true, true},
    [USER] = {"用户标识", true, true, true},
    [TRADE] = {"交易类型", true, true, true},
    [STATE] = {"交易状态", true, true, true},
    [BANK] = {"付款银行", true, true, true},
    [CURRENCY] = {"货币种类", true, true, true},
    [SETTLED] = {"应结订单金额", true, true, true},
    [COUPON] = {"代金券金额", true, true, true},
    [REQUESTED] = {"退款申请时间", false, true, false},
    [SUCCEEDED] = {"退款成功时间", false, true, false},
    [REFUND_ID] = {"微信退款单号", false, true, true},
    [REFUND_NO] = {"商户退款单号", false, true, true},
    [REFUND] = {"退款金额", false, true, true},
    [REFUND_COUPON] = {"充值券退款金额", false, true, true},
    [REFUND_TYPE] = {"退款类型", false, true, true},
    [REFUND_STATE] = {"退款状态", false, true, true},
    [GOODS] = {"商品名称", true, true, true},
    [ATTACH] = {"商户数据包", true, true, true},
    [FEE] = {"手续费", true, true, true},
    [RATE] = {"费率", true, true, true},
    [TOTAL] = {"订单金额", true, true, true},
    [APPLIED] = {"申请退款金额", false, true, true},
    [NOTE] = {"费率备注", true, true, true},
};

static bool has_column(const struct sb_statement *statement, int column) {
    return statement->kind->keeps == is_charge   ? columns[column].of_success
           : statement->kind->keeps == is_refund ? columns[column].of_refund
                                                 : columns[column].of_all;
}

/* A refund's state in the words of the bill, which are not those of the interface. */
static const char *state_word(const struct sb_line *line) {
    const struct sb_wechat_refund *refund = line->object;
    bool closed = refund != NULL && refund->ends_as == SB_WECHAT_REFUND_CLOSED;
    return line->pending ? "PROCESSING" : !line->failed ? "SUCCESS" : closed ? "FAIL" : "CHANGE";
}

struct cells {
    const char *text[COLUMNS];
    char when[CLOCK_TEXT_MAX], ended[CLOCK_TEXT_MAX];
    char total[MONEY_TEXT_MAX], back[MONEY_TEXT_MAX], fee[MONEY_TEXT_MAX];
};

static const struct sb_wechat_order *order_of(const struct sb_line *line) {
    if (line->kind == SB_MOVE_CHARGE) {
        return line->object;
    }
    const struct sb_wechat_refund *refund = line->object;
    return refund != NULL ? refund->order : NULL;
}

static void refund_cells(const struct sb_line *line, struct cells *cells) {
    bool done = !line->pending && !line->failed;
    int64_t done_us = line->ended_us > 0 ? line->ended_us : line->at_us;
    const char **text = cells->text;
    text[TRANSACTION] = line->original_id;
    text[ORDER] = line->original_reference;
    text[STATE] = line->undone ? "REVOKED" : "REFUND";
    text[REQUESTED] = cells->when;
    text[SUCCEEDED] = done ? clock_format_at(done_us, BEIJING_MINUTES, cells->ended) : "";
    text[REFUND_ID] = line->id;
    text[REFUND_NO] = line->reference;
    text[REFUND_TYPE] = "ORIGINAL";
    text[REFUND_STATE] = state_word(line);
}

static void cells_fill(const struct sb_statement *statement, const struct sb_line *line,
                       struct cells *cells) {
    bool charge = line->kind == SB_MOVE_CHARGE;
    const struct sb_wechat_order *order = order_of(line);
    *cells = (struct cells){.text = {NULL}};
    const char **text = cells->text;
    text[WHEN] = clock_format_at(line->at_us, BEIJING_MINUTES, cells->when);
    text[APPID] = sb_setting(statement->sandbox, SB_WECHAT, SB_WECHAT_APPID);
    text[MCHID] = sb_setting(statement->sandbox, SB_WECHAT, SB_WECHAT_MCHID);
    text[SUB_MCHID] = "0";
    text[TRANSACTION] = line->id;
    text[ORDER] = line->reference;
    text[TRADE] = sb_wechat_trade_names[order != NULL ? order->trade : SB_WECHAT_CODEPAY];
    text[STATE] = "SUCCESS";
    text[BANK] = "OTHERS";
    text[CURRENCY] = "CNY";
    text[SETTLED] = text[TOTAL] = yuan(charge ? line->gross_minor : 0, cells->total);
    text[COUPON] = text[REFUND_COUPON] = "0.00";
    text[REFUND_ID] = text[REFUND_NO] = "0";
    text[REFUND] = text[APPLIED] = yuan(charge ? 0 : -line->gross_minor, cells->back);
    text[GOODS] = order != NULL ? order->description : NULL;
    text[ATTACH] = order != NULL ? order->attach : NULL;
    text[FEE] = fine_text(fine_fee(line), cells->fee);
    text[RATE] = "0.60%";
    if (!charge) {
        refund_cells(line, cells);
    }
}

static void trade_totals(const struct sb_statement *statement, struct buf *out) {
    const GArray *lines = sb_statement_totals(statement);
    char paid[MONEY_TEXT_MAX], back[MONEY_TEXT_MAX], fees[MONEY_TEXT_MAX];
    int64_t paid_minor = 0, back_minor = 0, fine = 0;
    for (guint i = 0; i < lines->len; i++) {
        const struct sb_line *line = sb_line_at(lines, i);
        paid_minor += line->gross_minor > 0 ? line->gross_minor : 0;
        back_minor -= line->gross_minor < 0 ? line->gross_minor : 0;
        fine += fine_fee(line);
    }
    buf_addf(out,
             "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,"
             "申请退款总金额\r\n`%u,`%s,`%s,`0.00,`%s,`%s,`%s\r\n",
             lines->len, yuan(paid_minor, paid), yuan(back_minor, back), fine_text(fine, fees),
             paid, back);
}

static void write_trade(const struct sb_statement *statement, struct buf *out) {
    buf_add_text(out, "\xEF\xBB\xBF");
    for (int i = 0; i < COLUMNS; i++) {
        if (has_column(statement, i)) {
            buf_addf(out, "%s%s", i > 0 ? "," : "", columns[i].name);
        }
    }
    buf_add_text(out, "\r\n");
    for (guint i = 0; i < statement->lines->len; i++) {
        struct cells cells;
        cells_fill(statement, sb_line_at(statement->lines, i), &cells);
        for (int k = 0; k < COLUMNS; k++) {
            if (has_column(statement, k)) {
                buf_add_text(out, k > 0 ? ",`" : "`");
                sb_statement_plain(cells.text[k], "\\ ", out);
            }
        }
        buf_add_text(out, "\r\n");
    }
    trade_totals(statement, out);
}

/* ---- the bill of funds ---- */

static void fund_row(const struct sb_line *line, const char *flow, const char *kind,
                     int64_t amount_minor, int64_t *balance_minor, struct buf *out) {
    char time[CLOCK_TEXT_MAX], amount[MONEY_TEXT_MAX], balance[MONEY_TEXT_MAX];
    *balance_minor += amount_minor;
    buf_addf(out, "`%s,`%s,`%s,`%s,`%s,`%s,`%s,`%s,`system,`,`%s\r\n",
             clock_format_at(line->at_us, BEIJING_MINUTES, time), line->id, flow, kind, kind,
             amount_minor > 0 ? "收入" : "支出",
             yuan(amount_minor > 0 ? amount_minor : -amount_minor, amount),
             yuan(*balance_minor, balance),
             line->kind == SB_MOVE_PAYOUT ? line->id : line->reference);
}

/* A payment is two rows: what came, and what WeChat Pay keeps of it. */
static void fund_rows(const struct sb_statement *statement, const struct sb_line *line,
                      int64_t *balance_minor, struct buf *out) {
    struct sb_id flow = sb_id_of(statement->sandbox->places[SB_WECHAT], SB_WECHAT_FLOW,
                                 line->number * FLOWS_A_MOVE + 1);
    bool payout = line->kind == SB_MOVE_PAYOUT;
    *balance_minor -= line->copy ? line->gross_minor - line->fee_minor : 0;
    fund_row(line, payout ? line->id : line->flow,
             payout                         ? "提现"
             : line->kind == SB_MOVE_REFUND ? "退款"
                                            : "交易",
             line->gross_minor, balance_minor, out);
    if (line->fee_minor != 0) {
        fund_row(line, flow.text, line->fee_minor > 0 ? "扣除交易手续费" : "退还交易手续费",
                 -line->fee_minor, balance_minor, out);
    }
}

static void fund_totals(const struct sb_statement *statement, struct buf *out) {
    const GArray *lines = sb_statement_totals(statement);
    char in[MONEY_TEXT_MAX], back[MONEY_TEXT_MAX];
    int64_t ins = 0, in_minor = 0, outs = 0, out_minor = 0;
    for (guint i = 0; i < lines->len; i++) {
        const struct sb_line *line = sb_line_at(lines, i);
        const int64_t parts[] = {line->gross_minor, -line->fee_minor};
        for (size_t k = 0; k < COUNT_OF(parts); k++) {
            ins += parts[k] > 0;
            in_minor += parts[k] > 0 ? parts[k] : 0;
            outs += parts[k] < 0;
            out_minor -= parts[k] < 0 ? parts[k] : 0;
        }
    }
    buf_addf(out,
             "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n`%" PRId64 ",`%" PRId64
             ",`%s,`%" PRId64 ",`%s\r\n",
             ins + outs, ins, yuan(in_minor, in), outs, yuan(out_minor, back));
}

static void write_fund(const struct sb_statement *statement, struct buf *out) {
    int64_t balance_minor = sb_statement_opening(statement, currency_stored("CNY"));
    buf_add_text(out, "\xEF\xBB\xBF"
                      "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,"
                      "收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号\r\n");
    for (guint i = 0; i < statement->lines->len; i++) {
        fund_rows(statement, sb_line_at(statement->lines, i), &balance_minor, out);
    }
    fund_totals(statement, out);
}

static void name_file(const struct sb_statement *statement, char *ret_name, size_t bytes) {
    snprintf(ret_name, bytes, "%s_%s_%s.csv", statement->kind->name,
             sb_setting(statement->sandbox, SB_WECHAT, SB_WECHAT_MCHID), statement->date);
}

const struct sb_statement_kind sb_wechat_statements[] = {
    {.name = "trade", .help = "trade bill, ALL", .write = write_trade, .name_file = name_file},
    {.name = "success",
     .help = "trade bill, SUCCESS",
     .keeps = is_charge,
     .write = write_trade,
     .name_file = name_file},
    {.name = "refund",
     .help = "trade bill, REFUND",
     .keeps = is_refund,
     .write = write_trade,
     .name_file = name_file},
    {.name = "fund",
     .help = "fund flow bill, with the balance",
     .payouts = true,
     .keeps = is_of_funds,
     .write = write_fund,
     .name_file = name_file},
    {.name = NULL},
};

/* ---- handing out ---- */

static char *pack(const struct buf *text, size_t *ret_count) {
    z_stream stream = {.next_in = (unsigned char *)text->data, .avail_in = (uInt)text->len};
    INVARIANT(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS, 8,
                           Z_DEFAULT_STRATEGY) == Z_OK,
              "zlib has memory");
    uLong room = deflateBound(&stream, (uLong)text->len);
    char *bytes = malloc(room);
    INVARIANT(bytes != NULL, "no memory for a bill");
    stream.next_out = (unsigned char *)bytes;
    stream.avail_out = (uInt)room;
    INVARIANT(deflate(&stream, Z_FINISH) == Z_STREAM_END, "a bound is a bound");
    *ret_count = room - stream.avail_out;
    (void)deflateEnd(&stream);
    return bytes;
}

static void hand_out(struct sb_wechat_call *call, const struct buf *text) {
    struct sb_wechat_own *own = call->sandbox->own[SB_WECHAT];
    char sum[SHA1_HEX_CHARS + 1], packed_as[8];
    sb_wechat_query(call, "tar_type", packed_as, sizeof(packed_as));
    crypto_sha1_hex(text->data, text->len, sum);
    lock_take(&own->lock);
    struct sb_wechat_bill *bill = &own->bills[own->bill_count++ % SB_WECHAT_BILLS_MAX];
    free(bill->bytes);
    wechat_nonce(bill->token);
    if (strcmp(packed_as, "GZIP") == 0) {
        bill->bytes = pack(text, &bill->count);
    } else {
        bill->bytes = strdup(text->data);
        bill->count = text->len;
        INVARIANT(bill->bytes != NULL, "no memory for a bill");
    }
    buf_addf(sb_wechat_begin(call, 200),
             "{\"hash_type\":\"SHA1\",\"hash_value\":\"%s\",\"download_url\":"
             "\"%s/v3/billdownload/file?token=%s\"}",
             sum, call->sandbox->base_urls[SB_WECHAT], bill->token);
    lock_give(&own->lock);
}

/* Answers with the address of that bill. */
static void bill_call(struct sb_wechat_call *call, const char *kind) {
    char date[SB_DATE_CHARS + 10], name[SB_STATEMENT_NAME_MAX];
    struct sb_statement *statement = NULL;
    struct err err;
    sb_wechat_query(call, "bill_date", date, sizeof(date));
    int rc = sb_statement_open(call->sandbox, SB_WECHAT, kind, date, SB_PUBLISHED, &statement,
                               &err);
    if (rc < 0) {
        sb_wechat_fail(call, 400,
                       rc == -ERR_GONE        ? "NO_STATEMENT_EXIST"
                       : rc == -ERR_NOT_FOUND ? "STATEMENT_CREATING"
                                              : "PARAM_ERROR",
                       rc == -ERR_GONE        ? "账单文件不存在"
                       : rc == -ERR_NOT_FOUND ? "账单文件正在生成"
                                              : "bill_date");
        return;
    }
    BUF_AUTO text;
    buf_init(&text, SB_STATEMENT_BYTES_MAX);
    if (sb_statement_write(statement, &text, name)) {
        hand_out(call, &text);
        sb_statement_handed(call->sandbox, SB_WECHAT, kind, date);
    } else {
        sb_wechat_fail(call, 500, "SYSTEM_ERROR", "The bill is too large for the sandbox.");
    }
    sb_statement_free(statement);
}

void sb_wechat_tradebill(struct sb_wechat_call *call) {
    static const char *const types[][2] = {
        {"", "trade"}, {"ALL", "trade"}, {"SUCCESS", "success"}, {"REFUND", "refund"}};
    char type[16];
    sb_wechat_query(call, "bill_type", type, sizeof(type));
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (strcmp(type, types[i][0]) == 0) {
            bill_call(call, types[i][1]);
            return;
        }
    }
    sb_wechat_fail(call, 400, "PARAM_ERROR", "bill_type");
}

void sb_wechat_fundflowbill(struct sb_wechat_call *call) {
    char account[16];
    sb_wechat_query(call, "account_type", account, sizeof(account));
    if (account[0] != '\0' && strcmp(account, "BASIC") != 0) {
        sb_wechat_fail(call, 400, "NO_STATEMENT_EXIST", "账单文件不存在");
        return;
    }
    bill_call(call, "fund");
}

void sb_wechat_download(struct sb_wechat_call *call) {
    struct sb_wechat_own *own = call->sandbox->own[SB_WECHAT];
    char token[SB_WECHAT_TOKEN_CHARS + 1];
    sb_wechat_query(call, "token", token, sizeof(token));
    lock_take(&own->lock);
    for (int i = 0; i < SB_WECHAT_BILLS_MAX && !call->bare; i++) {
        const struct sb_wechat_bill *bill = &own->bills[i];
        if (bill->bytes != NULL && strcmp(bill->token, token) == 0) {
            call->bare = true;
            call->reply->status = 200;
            http_reply_body(call->reply, "application/octet-stream", bill->bytes, bill->count);
        }
    }
    lock_give(&own->lock);
    if (!call->bare) {
        sb_wechat_fail(call, 404, "RESOURCE_NOT_EXISTS", "账单文件不存在");
    }
}
