/* SPDX-License-Identifier: Apache-2.0
 * wechat.h: the simulated WeChat Pay (API v3, direct merchant), as its own files see it.
 *
 * An order is the root; refunds and complaints hang on it and are guarded by its shard. A request
 * is believed only with the merchant's signature over its bytes, and every JSON answer is signed.
 *
 *   NOTPAY ──pays──► SUCCESS ──refunded──► REFUND
 *     └── closed, or its time is over ──► CLOSED
 *   USERPAYING (a bar code that asks for a password) ──► SUCCESS, PAYERROR, or reversed: REVOKED
 *
 * Versions (`now`) never change once something points at them; what else an order holds is set once
 * when it is made. */
#ifndef HOLDFAST_SANDBOX_WECHAT_H
#define HOLDFAST_SANDBOX_WECHAT_H

#include "base/json.h"
#include "sandbox/pair.h"
#include "sandbox/sandbox_impl.h"

enum sb_wechat_setting { SB_WECHAT_MCHID, SB_WECHAT_APPID, SB_WECHAT_API_V3_KEY, SB_WECHAT_MODE };

/* Keys and certificates: the merchant's, whose part the sandbox plays too, and WeChat Pay's own:
 * two platform certificates, the second for when the first is replaced, and the public key of newer
 * accounts. */
struct sb_wechat_identity {
    struct sb_pair *merchant, *platform[2], *public_key;
};

enum { SB_WECHAT_BILLS_MAX = 16, SB_WECHAT_TOKEN_CHARS = 32 };
struct sb_wechat_bill {
    char token[SB_WECHAT_TOKEN_CHARS + 1];
    char *bytes;
    size_t count;
};

/* sandbox->own[SB_WECHAT]. */
struct sb_wechat_own {
    struct lock lock;
    /* 0: it signs with the first; 1: with the second, and lists both; 2: the first is gone. */
    int rotated;
    struct sb_wechat_bill bills[SB_WECHAT_BILLS_MAX]; /* the latest that were asked for */
    uint32_t bill_count;
};

enum sb_wechat_trade {
    SB_WECHAT_NATIVE,
    SB_WECHAT_H5,
    SB_WECHAT_APP,
    SB_WECHAT_JSAPI,
    SB_WECHAT_CODEPAY,
    SB_WECHAT_TRADES
};

enum sb_wechat_state {
    SB_WECHAT_NOTPAY,
    SB_WECHAT_USERPAYING,
    SB_WECHAT_SUCCESS,
    SB_WECHAT_REFUNDED, /* "REFUND" */
    SB_WECHAT_CLOSED,
    SB_WECHAT_REVOKED,
    SB_WECHAT_PAYERROR,
    SB_WECHAT_STATES
};

struct sb_wechat_now {
    int64_t paid_us, refunded_minor;
    uint32_t transaction; /* number of the transaction, when it is paid */
    uint8_t state;
    uint8_t refunds;
};

struct sb_wechat_refund;

struct sb_wechat_order {
    uint32_t number;
    int64_t created_us, expires_us; /* wall */
    int64_t total_minor;
    const char *out_trade_no, *description, *attach, *notify_url, *openid;
    uint64_t digest; /* of the request that made it */
    uint8_t trade;
    bool twice; /* a fault: it will be charged twice */
    struct sb_entry *entry;
    struct sb_wechat_now *now;
    struct sb_wechat_refund *refunds;
};

enum sb_wechat_refund_state {
    SB_WECHAT_REFUND_PROCESSING,
    SB_WECHAT_REFUND_SUCCESS,
    SB_WECHAT_REFUND_CLOSED,
    SB_WECHAT_REFUND_ABNORMAL,
    SB_WECHAT_REFUND_STATES
};

struct sb_wechat_refund_now {
    int64_t ended_us;
    uint8_t state;
};

struct sb_wechat_refund {
    uint32_t number, transaction; /* the number of what it pays back */
    struct sb_wechat_order *order;
    struct sb_wechat_refund *before;
    int64_t created_us, amount_minor;
    const char *out_refund_no, *reason, *notify_url;
    uint64_t digest;
    uint8_t ends_as; /* enum sb_wechat_refund_state */
    struct sb_wechat_refund_now *now;
};

/* A customer's complaint: it moves no money. */
struct sb_wechat_complaint_now {
    bool processed;
};
struct sb_wechat_complaint {
    uint32_t number;
    struct sb_wechat_order *order;
    int64_t created_us;
    const char *reason;
    struct sb_wechat_complaint_now *now;
};

struct sb_wechat_call {
    struct sandbox *sandbox;
    struct sb_place *place;
    const struct http_request *request;
    struct http_reply *reply;
    const struct sb_verdict *verdict;
    const char *id;     /* what stands for '*' in the path */
    const json_t *body; /* an object; empty when there was none */
    bool bare;          /* the answer is not signed: a bill's file */
};
typedef void sb_wechat_handler(struct sb_wechat_call *call);

/* ---- wechat.c ---- */
struct buf *sb_wechat_begin(struct sb_wechat_call *call, int status);
/* {"code","message"}. */
void sb_wechat_fail(struct sb_wechat_call *call, int status, const char *code, const char *message);
void sb_wechat_full(struct sb_wechat_call *call);
/* Text of a query parameter; "" when it is not there or too long. */
void sb_wechat_query(const struct sb_wechat_call *call, const char *name, char *ret_text,
                     size_t bytes);
/* The key pair and serial with which WeChat Pay signs now; `wanted`: the serial that a request asks
 * for, or NULL. */
const struct sb_pair *sb_wechat_signer(struct sandbox *sandbox, const char *wanted,
                                       const char **ret_serial);
void sb_wechat_certificates(struct sb_wechat_call *call);
bool sb_wechat_has_certificates(const struct sandbox *sandbox);

/* ---- wechat_orders.c ---- */
extern const char *const sb_wechat_trade_names[SB_WECHAT_TRADES]; /* "NATIVE" */
extern const char *const sb_wechat_state_names[SB_WECHAT_STATES];
struct sb_shard *sb_wechat_shard(struct sb_place *place, const struct sb_wechat_order *order);
/* By its number of either side; NULL: there is none. */
struct sb_wechat_order *sb_wechat_order_of(struct sb_place *place, const char *out_trade_no);
struct sb_wechat_order *sb_wechat_transaction_of(struct sb_place *place, const char *id);
/* A new version, and the order as it is once its time was looked at. The lock is held. */
struct sb_wechat_now *sb_wechat_next(struct sb_place *place, struct sb_wechat_order *order);
void sb_wechat_look_at_time(struct sb_place *place, struct sb_wechat_order *order);
sb_wechat_handler sb_wechat_native, sb_wechat_h5, sb_wechat_app, sb_wechat_jsapi, sb_wechat_codepay;
sb_wechat_handler sb_wechat_by_number, sb_wechat_by_transaction, sb_wechat_close, sb_wechat_reverse;
MUST_USE int sb_wechat_customer(struct sandbox *sandbox, const char *name, enum sb_act act,
                                struct err *err);
MUST_USE int sb_wechat_look(struct sandbox *sandbox, const char *name,
                            struct sb_order_view *ret_view, struct err *err);
MUST_USE int sb_wechat_desk_charge(struct sandbox *sandbox, int64_t amount_minor,
                                   struct currency currency, struct buf *ret_id, struct err *err);

/* ---- wechat_refunds.c ---- */
extern const char *const sb_wechat_refund_names[SB_WECHAT_REFUND_STATES];
sb_wechat_handler sb_wechat_refund_create, sb_wechat_refund_query;
void sb_wechat_settle(struct sandbox *sandbox, void *refund);
MUST_USE int sb_wechat_desk_refund(struct sandbox *sandbox, const char *charge,
                                   int64_t amount_minor, struct buf *ret_id, struct err *err);
MUST_USE int sb_wechat_complain(struct sandbox *sandbox, const char *charge, const char *reason,
                                struct buf *ret_id, struct err *err);
MUST_USE int sb_wechat_complaint_close(struct sandbox *sandbox, const char *id, bool won,
                                       struct err *err);

/* ---- wechat_write.c ---- */
void sb_wechat_order_write(struct sandbox *sandbox, const struct sb_wechat_order *order,
                           const struct sb_wechat_now *now, int64_t more_minor, struct buf *out);
void sb_wechat_refund_write(struct sandbox *sandbox, const struct sb_wechat_refund *refund,
                            const struct sb_wechat_refund_now *now, struct buf *out);
void sb_wechat_event_write(struct sandbox *sandbox, const struct sb_delivery *delivery,
                           struct buf *out);
MUST_USE int sb_wechat_sign(struct sandbox *sandbox, const struct sb_delivery *delivery,
                            const struct buf *body, struct sb_signed_headers *ret_headers,
                            struct err *err);
/* "2026-11-20T16:00:00+08:00" */
enum { SB_WECHAT_TIME_MAX = 40 };
const char *sb_wechat_time(int64_t wall_us, char text[SB_WECHAT_TIME_MAX]);
/* One of WeChat Pay's ids in digits. */
struct sb_id sb_wechat_transaction_id(const struct sandbox *sandbox, uint32_t number);

/* ---- wechat_bills.c ---- */
extern const struct sb_statement_kind sb_wechat_statements[];
bool sb_wechat_line_fill(struct sandbox *sandbox, const struct sb_move *move, struct sb_line *line);
bool sb_wechat_moves_funds(const struct sb_move *move);
sb_wechat_handler sb_wechat_tradebill, sb_wechat_fundflowbill, sb_wechat_download;
void sb_wechat_bills_forget(struct sb_wechat_own *own);

#endif
