/* SPDX-License-Identifier: Apache-2.0
 * alipay_bills.c: the bills of the simulated Alipay: 业务明细 (trade) and 账务明细 (signcustomer), each
 * a ZIP file of GBK CSV files behind an address that is good for 30 seconds. */
#include <glib.h>
#include <inttypes.h>

#include "base/archive.h"
#include "base/clock.h"
#include "sandbox/alipay.h"
#include "sandbox/statement.h"

enum { MAC_CHARS = 32, FLOWS_A_MOVE = 2 };
#define ADDRESS_US (30 * US_PER_SECOND)
#define RULE "----------------------------------------"

/* What nobody can guess who was not given the address. */
static void mac_write(const struct sandbox *sandbox, const char *text,
                      char ret_mac[MAC_CHARS + 1]) {
    unsigned char mac[SHA256_BYTES];
    char hex[SHA256_HEX_CHARS + 1];
    crypto_hmac_sha256(&sandbox->seed, sizeof(sandbox->seed), text, strlen(text), mac);
    crypto_hex(mac, sizeof(mac), hex);
    snprintf(ret_mac, MAC_CHARS + 1, "%.*s", MAC_CHARS, hex);
}

/* ---- lines ---- */

bool sb_ali_line_fill(struct sandbox *sandbox, const struct sb_move *move, struct sb_line *line) {
    const struct sb_ali_payback *payback = move->kind == SB_MOVE_REFUND ? move->object : NULL;
    const struct sb_ali_trade *trade = payback != NULL ? payback->trade : move->object;
    struct sb_id flow = sb_id_of(sandbox->places[SB_ALIPAY], SB_ALIPAY_FLOW,
                                 move->number * FLOWS_A_MOVE);
    line->begun_us = trade->created_us;
    memcpy(line->flow, flow.text, sizeof(line->flow));
    if (payback == NULL) {
        snprintf(line->id, sizeof(line->id), "%s", move->entry->id);
        snprintf(line->reference, sizeof(line->reference), "%s", move->entry->reference);
        return true;
    }
    snprintf(line->reference, sizeof(line->reference), "%s",
             payback->number != NULL ? payback->number : "");
    /* A refund has no number of Alipay's. */
    snprintf(line->id, sizeof(line->id), "%.*s", (int)sizeof(line->id) - 1, line->reference);
    line->undone = payback->number == NULL;
    snprintf(line->original_id, sizeof(line->original_id), "%s", move->entry->id);
    snprintf(line->original_reference, sizeof(line->original_reference), "%s",
             move->entry->reference);
    return true;
}

static const struct sb_ali_trade *trade_of(const struct sb_line *line) {
    return line->kind == SB_MOVE_REFUND ? ((const struct sb_ali_payback *)line->object)->trade
                                        : line->object;
}

static const char *yuan(int64_t amount_minor, char text[MONEY_TEXT_MAX]) {
    return money_decimal(amount_minor, currency_stored("CNY"), text);
}

/* Rows and amounts, as the lines at the end of a bill tell them. */
struct sums {
    int64_t paid, paid_minor, refunds, refunded_minor, fees_minor, payouts, paid_out_minor;
};

static struct sums sums_of(const GArray *lines) {
    struct sums sums = {0};
    for (guint i = 0; i < lines->len; i++) {
        const struct sb_line *line = sb_line_at(lines, i);
        if (line->kind == SB_MOVE_CHARGE) {
            sums.paid++;
            sums.paid_minor += line->gross_minor;
            sums.fees_minor += line->fee_minor;
        } else if (line->kind == SB_MOVE_REFUND) {
            sums.refunds++;
            sums.refunded_minor -= line->gross_minor;
        } else {
            sums.payouts++;
            sums.paid_out_minor -= line->gross_minor;
        }
    }
    return sums;
}

/* ---- the trade bill ---- */

static void head_write(const struct sb_statement *statement, const char *title, struct buf *out) {
    char from[CLOCK_TEXT_MAX], to[CLOCK_TEXT_MAX];
    buf_addf(out,
             "#支付宝%s查询\r\n#账号：[%s0156]\r\n#起始日期：[%.4s年%.2s月%.2s日 00:00:00]   "
             "终止日期：[%.4s年%.2s月%.2s日 00:00:00]\r\n",
             title, sb_setting(statement->sandbox, SB_ALIPAY, SB_ALI_SELLER_ID),
             clock_format_at(statement->from_us, BEIJING_MINUTES, from), from + 5, from + 8,
             clock_format_at(statement->until_us, BEIJING_MINUTES, to), to + 5, to + 8);
}

static void tail_write(const struct sb_statement *statement, struct buf *out) {
    char text[CLOCK_TEXT_MAX];
    const char *time = clock_format_at(statement->until_us, BEIJING_MINUTES, text);
    buf_addf(out, "#导出时间：[%.4s年%.2s月%.2s日 09:00:00]\r\n", time, time + 5, time + 8);
}

static void trade_row(const struct sb_line *line, struct buf *out) {
    char created[CLOCK_TEXT_MAX], done[CLOCK_TEXT_MAX], amount[MONEY_TEXT_MAX], fee[MONEY_TEXT_MAX];
    const struct sb_ali_trade *trade = trade_of(line);
    bool refund = line->kind == SB_MOVE_REFUND;
    buf_addf(out, "%s\t,%s\t,%s\t,", refund ? line->original_id : line->id,
             refund ? line->original_reference : line->reference, refund ? "退款" : "交易");
    sb_statement_plain(trade->subject, "，", out);
    buf_addf(out,
             "\t,%s,%s,\t,\t,\t,\t,buy***@sandbox.example\t,%s,%s,0.00,0.00,0.00,0.00,0.00,\t,"
             "0.00,0.00,%s\t,%s,0.00,\r\n",
             clock_format_at(line->begun_us, BEIJING_MINUTES, created),
             clock_format_at(line->at_us, BEIJING_MINUTES, done), yuan(line->gross_minor, amount),
             amount, refund ? line->reference : "", yuan(-line->fee_minor, fee));
}

static void details_write(const struct sb_statement *statement, struct buf *out) {
    const struct sums sums = sums_of(sb_statement_totals(statement));
    char paid[MONEY_TEXT_MAX], refunded[MONEY_TEXT_MAX];
    head_write(statement, "业务明细", out);
    buf_add_text(out, "#" RULE "-业务明细列表" RULE "\r\n"
                      "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,"
                      "门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,"
                      "支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,"
                      "券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,"
                      "退款批次号/请求号,服务费（元）,分润（元）,备注\r\n");
    for (guint i = 0; i < statement->lines->len; i++) {
        trade_row(sb_line_at(statement->lines, i), out);
    }
    buf_addf(out,
             "#" RULE "-业务明细列表结束" RULE "\r\n#交易合计：%" PRId64
             "笔，商家实收共%s元，商家优惠共0.00元\r\n"
             "#退款合计：%" PRId64 "笔，商家实收退款共%s元，商家优惠退款共0.00元\r\n",
             sums.paid, yuan(sums.paid_minor, paid), sums.refunds,
             yuan(sums.refunded_minor, refunded));
    tail_write(statement, out);
}

static void summary_write(const struct sb_statement *statement, struct buf *out) {
    const struct sums sums = sums_of(sb_statement_totals(statement));
    char paid[MONEY_TEXT_MAX], refunded[MONEY_TEXT_MAX], fees[MONEY_TEXT_MAX];
    head_write(statement, "业务汇总", out);
    buf_addf(out,
             "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,"
             "服务费（元）\r\n"
             "合计\t,\t,%" PRId64 ",%" PRId64 ",%s,-%s,-%s\r\n",
             sums.paid, sums.refunds, yuan(sums.paid_minor, paid),
             yuan(sums.refunded_minor, refunded), yuan(sums.fees_minor, fees));
}

/* ---- the account's bill ---- */

struct account_row {
    const char *flow, *business, *order, *kind, *note;
    int64_t at_us, amount_minor;
};

static void account_row(const struct account_row *row, int64_t *balance_minor, struct buf *out) {
    char time[CLOCK_TEXT_MAX], amount[MONEY_TEXT_MAX], balance[MONEY_TEXT_MAX];
    bool comes = row->amount_minor > 0;
    *balance_minor += row->amount_minor;
    yuan(row->amount_minor, amount);
    buf_addf(out, "%s\t,%s\t,%s\t,\t,%s,\t,%s,%s,%s,支付宝\t,%s\t,%s\t\r\n", row->flow,
             row->business, row->order, clock_format_at(row->at_us, BEIJING_MINUTES, time),
             comes ? amount : "0.00", comes ? "0.00" : amount, yuan(*balance_minor, balance),
             row->kind, row->note);
}

/* A payment is two rows: what came, and what Alipay keeps of it. */
static void account_rows(const struct sb_statement *statement, const struct sb_line *line,
                         int64_t *balance_minor, struct buf *out) {
    bool refund = line->kind == SB_MOVE_REFUND, payout = line->kind == SB_MOVE_PAYOUT;
    *balance_minor -= line->copy ? line->gross_minor - line->fee_minor : 0;
    const struct account_row row = {
        .flow = payout ? line->id : line->flow,
        .business = payout   ? line->id
                    : refund ? line->original_id
                             : line->id,
        .order = payout   ? ""
                 : refund ? line->original_reference
                          : line->reference,
        .kind = payout   ? "提现"
                : refund ? "交易退款"
                         : "在线支付",
        .note = payout   ? line->id
                : refund ? line->reference
                         : "",
        .at_us = line->at_us,
        .amount_minor = line->gross_minor,
    };
    account_row(&row, balance_minor, out);
    if (line->fee_minor == 0) {
        return;
    }
    struct sb_id flow = sb_id_of(statement->sandbox->places[SB_ALIPAY], SB_ALIPAY_FLOW,
                                 line->number * FLOWS_A_MOVE + 1);
    /* Of a payment that is told twice the fee is too. */
    size_t last = strlen(line->flow) - 1;
    flow.text[strlen(flow.text) - 1] = line->flow[last];
    struct account_row fee = row;
    fee.flow = flow.text;
    fee.kind = line->fee_minor > 0 ? "收费" : "退费";
    fee.amount_minor = -line->fee_minor;
    account_row(&fee, balance_minor, out);
}

static void account_totals(const struct sb_statement *statement, struct buf *out) {
    const GArray *lines = sb_statement_totals(statement);
    int64_t outs = 0, out_minor = 0, ins = 0, in_minor = 0;
    char text[MONEY_TEXT_MAX];
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
    buf_addf(out, "#支出合计：%" PRId64 "笔，共-%s元\r\n", outs, yuan(out_minor, text));
    buf_addf(out, "#收入合计：%" PRId64 "笔，共%s元\r\n", ins, yuan(in_minor, text));
}

static void account_details(const struct sb_statement *statement, struct buf *out) {
    struct currency currency = currency_stored("CNY");
    int64_t balance_minor = sb_statement_opening(statement, currency);
    head_write(statement, "账务明细", out);
    buf_add_text(out, "#" RULE "-账务明细列表" RULE "\r\n"
                      "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,"
                      "收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注\r\n");
    for (guint i = 0; i < statement->lines->len; i++) {
        account_rows(statement, sb_line_at(statement->lines, i), &balance_minor, out);
    }
    buf_add_text(out, "#" RULE "-账务明细列表结束" RULE "\r\n");
    account_totals(statement, out);
    tail_write(statement, out);
}

static void account_summary(const struct sb_statement *statement, struct buf *out) {
    head_write(statement, "账务汇总", out);
    buf_add_text(out, "类型,收入笔数,支出笔数\r\n");
    account_totals(statement, out);
}

/* ---- the archive ---- */

/* UTF-8 into GBK in a text of GLib's; never NULL: what GBK lacks becomes '?'. */
static char *in_gbk(const char *text, size_t count, size_t *ret_count) {
    gsize written = 0;
    char *gbk = g_convert_with_fallback(text, (gssize)count, "GB18030", "UTF-8", "?", NULL,
                                        &written, NULL);
    INVARIANT(gbk != NULL, "what the sandbox writes is UTF-8");
    *ret_count = written;
    return gbk;
}

struct member {
    const char *title;
    void (*write)(const struct sb_statement *statement, struct buf *out);
};

/* The archive's members: their names in GBK too. */
static void zip_write(const struct sb_statement *statement, const struct member members[2],
                      struct buf *zip) {
    struct archive_file files[2];
    char *texts[2], *names[2];
    struct err err;
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char name[128];
        BUF_AUTO text;
        buf_init(&text, SB_STATEMENT_BYTES_MAX);
        members[i].write(statement, &text);
        size_t unused = 0;
        snprintf(name, sizeof(name), "%s0156_%.4s%.2s%.2s_%s.csv",
                 sb_setting(statement->sandbox, SB_ALIPAY, SB_ALI_SELLER_ID), statement->date,
                 statement->date + 5, statement->date + 8, members[i].title);
        names[i] = in_gbk(name, strlen(name), &unused);
        texts[i] = in_gbk(text.data, text.len, &files[i].count);
        files[i].name = names[i];
        files[i].bytes = texts[i];
    }
    int rc = archive_zip_write(files, COUNT_OF(files), zip, &err);
    INVARIANT(rc == 0, "a day's bill has room");
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        g_free(names[i]);
        g_free(texts[i]);
    }
}

static void write_trade(const struct sb_statement *statement, struct buf *out) {
    static const struct member members[] = {{"业务明细", details_write},
                                            {"业务明细(汇总)", summary_write}};
    zip_write(statement, members, out);
}

static void write_account(const struct sb_statement *statement, struct buf *out) {
    static const struct member members[] = {{"账务明细", account_details},
                                            {"账务明细(汇总)", account_summary}};
    zip_write(statement, members, out);
}

static void name_file(const struct sb_statement *statement, char *ret_name, size_t bytes) {
    snprintf(ret_name, bytes, "%s0156_%.4s%.2s%.2s_%s.zip",
             sb_setting(statement->sandbox, SB_ALIPAY, SB_ALI_SELLER_ID), statement->date,
             statement->date + 5, statement->date + 8, statement->kind->name);
}

const struct sb_statement_kind sb_ali_statements[] = {
    {.name = "trade", .help = "业务明细", .write = write_trade, .name_file = name_file},
    {.name = "signcustomer",
     .help = "账务明细, with the balance",
     .payouts = true,
     .write = write_account,
     .name_file = name_file},
    {.name = NULL},
};

bool sb_ali_at_once(const struct sandbox *sandbox) {
    return strcmp(sb_setting(sandbox, SB_ALIPAY, SB_ALI_BILLS), "at-once") == 0;
}

/* ---- requests ---- */

void sb_ali_bill_url(struct sb_ali_call *call) {
    const char *kind = sb_ali_text(call, "bill_type"), *date = sb_ali_text(call, "bill_date");
    struct sb_statement *statement = NULL;
    struct err err;
    int rc = sb_statement_open(call->sandbox, SB_ALIPAY, kind, date, SB_PUBLISHED, &statement,
                               &err);
    sb_statement_free(statement);
    if (rc < 0) {
        sb_ali_fail(call, rc == -ERR_VALIDATION ? "invalid_arguments" : "isp.bill_not_exist");
        return;
    }
    char query[128], mac[MAC_CHARS + 1], url[256];
    snprintf(query, sizeof(query), "type=%s&date=%s&until=%" PRId64, kind, date,
             clock_wall_us() + ADDRESS_US);
    mac_write(call->sandbox, query, mac);
    snprintf(url, sizeof(url), "%s/downloadBillFile.resource?%s&mac=%s",
             call->sandbox->base_urls[SB_ALIPAY], query, mac);
    sb_ali_begin(call);
    sb_ali_member(call, "bill_download_url", url);
}

/* The address as it was given, and in time. */
static bool address_ok(struct sandbox *sandbox, const struct http_request *request,
                       char ret_kind[SB_STATEMENT_KIND_MAX], char ret_date[SB_DATE_CHARS + 1]) {
    char until[24], mac[MAC_CHARS + 1], wanted[MAC_CHARS + 1], query[128];
    struct err err;
    if (http_query_get(request, "type", ret_kind, SB_STATEMENT_KIND_MAX, &err) != 1 ||
        http_query_get(request, "date", ret_date, SB_DATE_CHARS + 1, &err) != 1 ||
        http_query_get(request, "until", until, sizeof(until), &err) != 1 ||
        http_query_get(request, "mac", mac, sizeof(mac), &err) != 1) {
        return false;
    }
    snprintf(query, sizeof(query), "type=%s&date=%s&until=%s", ret_kind, ret_date, until);
    mac_write(sandbox, query, wanted);
    return strcmp(mac, wanted) == 0 && strtoll(until, NULL, 10) >= clock_wall_us();
}

bool sb_ali_bill_file(struct sandbox *sandbox, const struct http_request *request,
                      struct http_reply *reply) {
    char kind[SB_STATEMENT_KIND_MAX], date[SB_DATE_CHARS + 1], name[SB_STATEMENT_NAME_MAX];
    struct sb_statement *statement = NULL;
    struct err err;
    if (strcmp(request->path, "/downloadBillFile.resource") != 0) {
        return false;
    }
    if (!address_ok(sandbox, request, kind, date) ||
        sb_statement_open(sandbox, SB_ALIPAY, kind, date, SB_PUBLISHED, &statement, &err) < 0) {
        reply->status = 403;
        http_reply_body(reply, "text/plain", "This address is over.\n", 22);
        return true;
    }
    BUF_AUTO zip;
    buf_init(&zip, SB_STATEMENT_BYTES_MAX);
    bool whole = sb_statement_write(statement, &zip, name);
    reply->status = whole ? 200 : 500;
    http_reply_body(reply, "application/zip", whole ? zip.data : "", whole ? zip.len : 0);
    sb_statement_handed(sandbox, SB_ALIPAY, kind, date);
    sb_statement_free(statement);
    return true;
}
