/* SPDX-License-Identifier: Apache-2.0
 * unionpay.h: the UnionPay adapter (online gateway, ACP 5.1.0): the row of the registry, and what
 * its own files share.
 * Threads: any, many at once; the certificates have a lock of their own. Errors: as gateway.h says.
 */
#ifndef HOLDFAST_GATEWAY_UNIONPAY_H
#define HOLDFAST_GATEWAY_UNIONPAY_H

#include "gateway/exchange.h"
#include "gateway/unionpay/unionpay_sign.h"
#include "gateway/unionpay/unionpay_trust.h"

extern const struct gateway_adapter unionpay_adapter;

enum {
    UNIONPAY_MERCHANT_CHARS = 15,
    UNIONPAY_ORDER_CHARS_MIN = 8,
    UNIONPAY_ORDER_CHARS_MAX = 40,
    UNIONPAY_URL_BYTES_MAX = GATEWAY_URL_CHARS_MAX + 64,
};

#define UNIONPAY_FRONT_PATH "/gateway/api/frontTransReq.do"
#define UNIONPAY_BACK_PATH "/gateway/api/backTransReq.do"
#define UNIONPAY_APP_PATH "/gateway/api/appTransReq.do"
#define UNIONPAY_QUERY_PATH "/gateway/api/queryTrans.do"

/* txnType and txnSubType of what we ask for; a notify says the first. */
#define UNIONPAY_QUERY "00"
#define UNIONPAY_CONSUME "01"
#define UNIONPAY_HOLD "02"
#define UNIONPAY_COMPLETE "03"
#define UNIONPAY_REFUND "04"
#define UNIONPAY_UNDO "31"
#define UNIONPAY_HOLD_UNDO "32"
#define UNIONPAY_COMPLETE_UNDO "33"
#define UNIONPAY_FILE "76"

/* gateway->state. */
struct unionpay_state {
    struct rsa_key *key;                /* signMethod 01; else NULL */
    char cert_id[UNIONPAY_CERT_ID_MAX]; /* of our certificate */
    struct unionpay_trust trust;        /* signMethod 01 */
    bool trusts;
    char file_url[UNIONPAY_URL_BYTES_MAX];
};

/* One transaction's name there; the merchant is the third part of it. */
struct unionpay_order {
    char id[UNIONPAY_ORDER_CHARS_MAX + 1];
    char time[UNIONPAY_TIME_MAX];
};
/* Our reference without its '_', and the time of our row: the same at every repeat. False when they
 * cannot be said. */
MUST_USE bool unionpay_order_of(const char *reference, int64_t created_us,
                                struct unionpay_order *ret_order);

/* unionpay_http.c. Begins a request: version, encoding, what it is, merchant and order (may be
 * NULL). */
void unionpay_begin(const struct gateway *gateway, struct unionpay_message *request,
                    const char *txn_type, const char *sub_type, const struct unionpay_order *order);
MUST_USE int unionpay_sign_request(const struct gateway *gateway, struct unionpay_message *request,
                                   struct err *err);
/* The signature, and that it is about our merchant. ERR_SIGNATURE, ERR_UNREACHABLE. */
MUST_USE int unionpay_check(const struct gateway *gateway, const struct unionpay_message *message,
                            int64_t now_us, struct err *err);
/* Signs and sends. True: an answer that is UnionPay's and about this order, in `ret_answer`, with
 * its respCode in `result->code`; what it means is the caller's. False: the outcome is UNKNOWN when
 * it may have moved money, else UNAVAILABLE. */
MUST_USE bool unionpay_send(const struct gateway_call *call, const char *path,
                            struct unionpay_message *request, bool moves_money,
                            struct gateway_result *result, struct unionpay_message *ret_answer);

/* unionpay_parse.c. */
MUST_USE bool unionpay_is_done(const char *resp_code); /* "00", "A6" */
/* The outcome of a request that was refused: by the table, else UNKNOWN. */
void unionpay_read_refusal(const struct unionpay_message *answer, struct gateway_result *result);
/* What `code` says of a transaction that has been: `done` when it went through. */
void unionpay_read_ended(const char *code, enum gateway_outcome done,
                         struct gateway_result *result);
enum gateway_outcome unionpay_ended(const char *code, enum gateway_outcome done);
/* txnAmt in CNY; -1 when it is not said, or in another currency. */
int64_t unionpay_read_amount(const struct unionpay_message *message, struct currency *ret_currency);

/* unionpay_orders.c: the operations. */
void unionpay_charge(const struct gateway_call *call, const struct gateway_charge *charge,
                     struct gateway_result *ret_result);
void unionpay_query(const struct gateway_call *call, const struct gateway_lookup *lookup,
                    struct gateway_result *ret_result);
/* Asks about one transaction. True: it is there, and `result` says how it ended (`done` when it
 * went through), with queryId in `gateway_id` and `charge_id`. False: NOT_FOUND, or the question
 * was not answered (UNAVAILABLE, RATE_LIMITED, REJECTED_CREDENTIALS). */
MUST_USE bool unionpay_ask(const struct gateway_call *call, const struct unionpay_order *order,
                           enum gateway_outcome done, struct gateway_result *result);
/* unionpay_changes.c. */
void unionpay_capture(const struct gateway_call *call, const struct gateway_change *change,
                      struct gateway_result *ret_result);
void unionpay_cancel(const struct gateway_call *call, const struct gateway_change *change,
                     struct gateway_result *ret_result);
void unionpay_refund(const struct gateway_call *call, const struct gateway_change *change,
                     struct gateway_result *ret_result);
void unionpay_query_refund(const struct gateway_call *call, const struct gateway_change *change,
                           struct gateway_result *ret_result);
/* What became of a capture (GW_CHARGED) or cancellation (GW_CANCELED). False: nothing is known of
 * it there, or it cannot be told now. */
MUST_USE bool unionpay_ask_change(const struct gateway_call *call,
                                  const struct gateway_change *change, enum gateway_outcome done,
                                  struct gateway_result *result);

/* unionpay_callback.c and unionpay_statement.c. */
MUST_USE int unionpay_verify_callback(const struct gateway_call *call,
                                      const struct gateway_callback_request *request,
                                      struct gateway_event *ret_event, struct err *err);
MUST_USE int unionpay_fetch_statement(const struct gateway_call *call,
                                      const struct gateway_statement *statement,
                                      struct buf *ret_file, struct err *err);

#endif
