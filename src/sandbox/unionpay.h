/* SPDX-License-Identifier: Apache-2.0
 * unionpay.h: the simulated UnionPay (online gateway, ACP 5.1.0), as its own files see it.
 *
 * All that is asked for is a trade with an orderId and a txnTime of the shop's choosing, which
 * together are taken once: consume (01) and pre-authorization (02) wait for a customer until their
 * payTimeout; completion (03), refund (04) and the undoings (31, 32, 33) hang on another trade, are
 * guarded by its shard, and end by themselves. A trade has an immutable head and a chain of
 * versions.
 *
 * The way of a request: form, faults, fields, signature, the trade's name, execution, a signed
 * answer of status 200, whatever respCode is in it. */
#ifndef HOLDFAST_SANDBOX_UNIONPAY_H
#define HOLDFAST_SANDBOX_UNIONPAY_H

#include "gateway/unionpay/unionpay_sign.h"
#include "sandbox/pair.h"
#include "sandbox/sandbox_impl.h"

enum { SB_UP_MERCHANT_ID, SB_UP_SECURE_KEY }; /* settings */
enum { SB_UP_CODE_MAX = 3, SB_UP_NAME_MAX = 64 };

struct sb_up_identity {
    struct sb_pair *root, *middle, *signer; /* UnionPay's */
    struct sb_pair *merchant;               /* the shop's */
};

enum sb_up_state {
    SB_UP_OPEN,    /* waits for its customer */
    SB_UP_CLOSED,  /* nobody paid; as good as if it had never been */
    SB_UP_WORKING, /* accepted, and not ended yet */
    SB_UP_DONE,
    SB_UP_FAILED,
};

struct sb_up_now {
    uint8_t state;
    char code[SB_UP_CODE_MAX]; /* respCode of a trade that has ended */
    int64_t ended_us;
};

struct sb_up_trade {
    uint32_t number;
    uint8_t operation; /* as a number: 1 is 01 */
    bool by_key;       /* signMethod 11: all about it is signed so */
    int64_t created_us, amount_minor, pay_until_us;
    const char *order_id, *txn_time, *sub_type, *reserved, *back_url, *front_url;
    struct sb_up_trade *of, *root; /* the trade it changes; that at the bottom (perhaps itself) */
    struct sb_up_now *now;         /* these are guarded by the root's shard */
    struct sb_entry *entry;
    int64_t given_back_minor; /* by refunds that have not failed */
    bool finished;            /* completed or undone: nothing else can be done to it */
};

struct sb_up_call {
    struct sandbox *sandbox;
    struct sb_place *place;
    const struct http_request *request;
    struct http_reply *reply;
    const struct sb_verdict *verdict;
    struct unionpay_message asked, answer;
    bool by_key;
};

/* ---- unionpay_check.c: is this request one that UnionPay would look at? ---- */
/* NULL, or the respCode with which it is turned away. */
const char *sb_up_check(struct sb_up_call *call);
int64_t sb_up_number(const char *digits); /* -1: not 1 to 12 of them */
void sb_up_name(const char *order_id, const char *txn_time, char ret_name[SB_UP_NAME_MAX]);

/* ---- unionpay_write.c ---- */
/* Signs (with another's key if `wrongly`) by certificate, or by the secure key. */
void sb_up_sign(struct sandbox *sandbox, struct unionpay_message *message, bool by_key,
                bool wrongly);
/* The answer with this respCode; wrapped in {} where UnionPay does so. */
void sb_up_answer(struct sb_up_call *call, const char *code);
/* queryId, txnAmt and what else is said of a trade once it has ended. The lock is held. */
void sb_up_describe(struct sandbox *sandbox, const struct sb_up_trade *trade,
                    const struct sb_up_now *now, struct unionpay_message *message);
void sb_up_event_write(struct sandbox *sandbox, const struct sb_delivery *delivery,
                       struct buf *out);

/* ---- unionpay_trades.c ---- */
void sb_up_front(struct sb_up_call *call);
void sb_up_app(struct sb_up_call *call);
void sb_up_back(struct sb_up_call *call);
void sb_up_query(struct sb_up_call *call);
void sb_up_settle(struct sandbox *sandbox, void *trade);
MUST_USE int sb_up_customer(struct sandbox *sandbox, const char *name, enum sb_act act,
                            struct err *err);
MUST_USE int sb_up_look(struct sandbox *sandbox, const char *name, struct sb_order_view *ret_view,
                        struct err *err);
MUST_USE int sb_up_desk_refund(struct sandbox *sandbox, const char *charge, int64_t amount_minor,
                               struct buf *ret_id, struct err *err);
MUST_USE int sb_up_desk_charge(struct sandbox *sandbox, int64_t amount_minor,
                               struct currency currency, struct buf *ret_id, struct err *err);

/* ---- unionpay_changes.c: what is done to a trade that was paid. The root's lock is held. ---- */
/* NULL, or the respCode why this cannot be done to `of`. */
const char *sb_up_why_not(const struct sb_up_trade *of, int operation, int64_t amount_minor);
/* Does it: the book, and the trade that it was done to. */
void sb_up_do(struct sandbox *sandbox, struct sb_up_trade *trade);
/* A change that was accepted ends so. */
void sb_up_end(struct sandbox *sandbox, struct sb_up_trade *trade, enum sb_up_state state,
               const char *code);
enum sb_event_type sb_up_event_of(int operation);

/* ---- unionpay_file.c ---- */
void sb_up_file(struct sb_up_call *call);
extern const struct sb_statement_kind sb_up_statements[];
bool sb_up_line_fill(struct sandbox *sandbox, const struct sb_move *move, struct sb_line *line);

#endif
