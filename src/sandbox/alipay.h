/* SPDX-License-Identifier: Apache-2.0
 * alipay.h: the simulated Alipay (v2 gateway), as its own files see it.
 *
 * A trade is the root of everything and is known by the shop's number (out_trade_no). It is OFFERED
 * when a code or a page was made for it: then Alipay itself knows nothing of it yet, and every
 * question about it is answered ACQ.TRADE_NOT_EXIST. It begins when the buyer opens it (WAIT), or
 * at once with a payment code. Amounts are fen inside and yuan outside. Its shard's lock guards it.
 *
 * A payment code's last four digits say what its buyer does: 0001 he has to confirm on his phone
 * (10003), 0002 he has not enough money, 0003 the code has run out; any other pays. A code is used
 * once. */
#ifndef HOLDFAST_SANDBOX_ALIPAY_H
#define HOLDFAST_SANDBOX_ALIPAY_H

#include "base/json.h"
#include "gateway/alipay/alipay_sign.h"
#include "sandbox/pair.h"
#include "sandbox/sandbox_impl.h"

enum { SB_ALI_NUMBER_CHARS_MAX = 64, SB_ALI_BODY_BYTES_MAX = 64 * 1024 };
enum { SB_ALI_APP_ID, SB_ALI_SELLER_ID, SB_ALI_BILLS }; /* settings */

enum sb_ali_status {
    SB_ALI_OFFERED,
    SB_ALI_WAIT,
    SB_ALI_SUCCESS,
    SB_ALI_FINISHED, /* no refunds any more */
    SB_ALI_CLOSED,
    SB_ALI_DEAD, /* offered, and ended before anybody opened it */
};

struct sb_ali_now {
    int64_t refunded_minor, paid_us, closed_us, refunded_us;
    const char *out_biz_no; /* of the refund that made this version; or NULL */
    uint8_t status;
};

struct sb_ali_trade;
struct sb_ali_payback {
    const struct sb_ali_trade *trade;
    struct sb_ali_payback *next;
    const char *number; /* out_request_no */
    int64_t created_us, amount_minor;
};

struct sb_ali_trade {
    uint32_t number;
    int64_t created_us, ends_us, amount_minor;
    int64_t pays_within_us; /* from the moment that the buyer opens it */
    const char *out_trade_no, *subject, *notify_url, *return_url, *passback;
    uint64_t asked; /* digest of what the order is about */
    struct sb_entry *entry;
    struct sb_ali_payback *paybacks;
    struct sb_ali_now *now;
};

/* Keys and certificates, the shop's too. */
struct sb_ali_identity {
    struct sb_pair *root, *platform, *merchant;
    char root_sn[ALIPAY_ROOT_SN_CHARS_MAX + 1];
    char platform_sn[MD5_HEX_CHARS + 1], merchant_sn[MD5_HEX_CHARS + 1];
};

struct sb_ali_call {
    struct sandbox *sandbox;
    struct sb_place *place;
    const struct sb_ali_identity *identity;
    struct http_reply *reply;
    const struct sb_verdict *verdict;
    const struct alipay_form *form;
    const char *method;
    const json_t *biz;
    struct buf *inner; /* the answer's object, as it is signed */
};

/* ---- alipay.c: answers ---- */
/* {"code":"10000",…: members follow, the caller of the handler closes it. */
void sb_ali_begin(struct sb_ali_call *call);
void sb_ali_member(struct sb_ali_call *call, const char *name, const char *value);
void sb_ali_amount(struct sb_ali_call *call, const char *name, int64_t amount_minor);
void sb_ali_time(struct sb_ali_call *call, const char *name, int64_t wall_us);
void sb_ali_refuse(struct sb_ali_call *call, const char *code, const char *sub_code,
                   const char *sub_msg);
/* 40004: a business failure. */
void sb_ali_fail(struct sb_ali_call *call, const char *sub_code);
const char *sb_ali_text(const struct sb_ali_call *call, const char *name); /* of biz_content; "" */

/* ---- alipay_trades.c: methods ---- */
typedef void sb_ali_handler(struct sb_ali_call *call);
sb_ali_handler sb_ali_precreate, sb_ali_pay, sb_ali_page, sb_ali_query, sb_ali_close, sb_ali_cancel,
    sb_ali_refund, sb_ali_refund_query;
/* ---- alipay_bills.c ---- */
sb_ali_handler sb_ali_bill_url;
extern const struct sb_statement_kind sb_ali_statements[];
bool sb_ali_at_once(const struct sandbox *sandbox);
bool sb_ali_line_fill(struct sandbox *sandbox, const struct sb_move *move, struct sb_line *line);
/* A bill's file; false: another path. */
bool sb_ali_bill_file(struct sandbox *sandbox, const struct http_request *request,
                      struct http_reply *reply);

/* ---- alipay_buyer.c: what becomes of a trade. The lock is held. ---- */
struct sb_shard *sb_ali_shard(struct sb_place *place, const struct sb_ali_trade *trade);
struct sb_ali_now *sb_ali_next(struct sb_place *place, struct sb_ali_trade *trade);
/* Ends it when its time is over. Called before anything is read off it. */
void sb_ali_touch(struct sandbox *sandbox, struct sb_ali_trade *trade);
void sb_ali_open(struct sandbox *sandbox,
                 struct sb_ali_trade *trade); /* the buyer has it before him */
void sb_ali_take(struct sandbox *sandbox, struct sb_ali_trade *trade, bool twice);
void sb_ali_end(struct sandbox *sandbox, struct sb_ali_trade *trade);
/* Gives so much back under that number; all of it closes the trade. */
void sb_ali_give_back(struct sandbox *sandbox, struct sb_ali_trade *trade, const char *number,
                      int64_t amount_minor);
const char *sb_ali_status_name(uint8_t status);
int64_t sb_ali_fee(int64_t amount_minor);
/* Where the buyer pays: "http://…/sandbox/pay/2026…". */
void sb_ali_page_url(const struct sandbox *sandbox, const struct sb_ali_trade *trade,
                     struct buf *out);

/* Functions of the row. */
void sb_ali_event_write(struct sandbox *sandbox, const struct sb_delivery *delivery,
                        struct buf *out);
MUST_USE int sb_ali_event_sign(struct sandbox *sandbox, const struct sb_delivery *delivery,
                               const struct buf *body, struct sb_signed_headers *ret_headers,
                               struct err *err);
MUST_USE int sb_ali_customer(struct sandbox *sandbox, const char *name, enum sb_act act,
                             struct err *err);
MUST_USE int sb_ali_look(struct sandbox *sandbox, const char *name, struct sb_order_view *ret_view,
                         struct err *err);
MUST_USE int sb_ali_desk_refund(struct sandbox *sandbox, const char *charge, int64_t amount_minor,
                                struct buf *ret_id, struct err *err);
MUST_USE int sb_ali_desk_charge(struct sandbox *sandbox, int64_t amount_minor,
                                struct currency currency, struct buf *ret_id, struct err *err);

/* ---- alipay_identity.c ---- */
MUST_USE int sb_ali_identity_new(int64_t now_us, void **ret_identity, struct err *err);
void sb_ali_identity_free(void *identity);
const char *sb_ali_paper(const void *identity, const char *name);

#endif
