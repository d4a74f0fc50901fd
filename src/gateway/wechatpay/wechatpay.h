/* SPDX-License-Identifier: Apache-2.0
 * wechatpay.h: the WeChat Pay adapter (API v3, direct merchant): the row of the registry, and what
 * its own files share.
 * Threads: any, many at once; the state's keys have a lock of their own. Errors: as gateway.h says.
 */
#ifndef HOLDFAST_GATEWAY_WECHATPAY_H
#define HOLDFAST_GATEWAY_WECHATPAY_H

#include "base/buf.h"
#include "gateway/exchange.h"
#include "gateway/wechatpay/wechat_keys.h"
#include "gateway/wechatpay/wechat_sign.h"

extern const struct gateway_adapter wechatpay_adapter;

enum {
    WECHAT_REFERENCE_CHARS_MIN = 6, /* of an out_trade_no */
    WECHAT_REFERENCE_CHARS_MAX = 32,
    WECHAT_TARGET_BYTES_MAX = 1024,
    WECHAT_URL_BYTES_MAX = GATEWAY_URL_CHARS_MAX + WECHAT_TARGET_BYTES_MAX + 1,
    WECHAT_AUTHORIZATION_BYTES_MAX = 2048,
    WECHAT_TIME_TEXT_MAX = CURRENCY_CHARS + 40,
};
/* How long a code and the order behind it live, unless it is said otherwise. */
#define WECHAT_ORDER_LIFE_US (INT64_C(2) * 3600 * 1000 * 1000)

/* The five ways to pay, by the last part of the path that makes the order. */
enum wechat_trade {
    WECHAT_NATIVE,
    WECHAT_H5,
    WECHAT_APP,
    WECHAT_JSAPI,
    WECHAT_CODEPAY,
    WECHAT_NO_TRADE
};

/* gateway->state. */
struct wechat_state {
    struct rsa_key *private_key;
    struct wechat_keys keys;
    const char *appid, *mchid, *serial; /* borrowed from the gateway's options */
    const char *public_key_id;          /* "": platform certificates only */
    const char *fallback_url;           /* "": none */
    const char *store_id;               /* "": no bar codes are taken */
};

/* ---- wechat_http.c ---- */
struct wechat_request {
    const char *method, *target; /* "/v3/…?mchid=…", percent-encoded as it goes on the wire */
    const json_t *body;          /* NULL: none */
    bool moves_money;
};
/* One signed request; the answer as it came. At the second host when the first was not reached at
 * all and one is configured. */
MUST_USE bool wechat_exchange(const struct gateway_call *call, const struct wechat_request *request,
                              struct gateway_result *result, struct http_answer *ret_answer,
                              json_t **ret_json);
/* The same, and an answer of 2xx is WeChat Pay's own: one that is not counts as none. */
MUST_USE bool wechat_send(const struct gateway_call *call, const struct wechat_request *request,
                          struct gateway_result *result, struct http_answer *ret_answer,
                          json_t **ret_json);
/* The value of the Authorization header for one request; ERR_CRYPTO, ERR_VALIDATION. */
MUST_USE int wechat_authorize(const struct wechat_state *state, const char *method,
                              const char *target, const char *body, struct buf *ret_value,
                              struct err *err);
static inline bool wechat_success(const struct http_answer *answer) {
    return answer->status == 200 || answer->status == 204;
}
/* Opens a sealed object with the APIv3 key, or the one before it. free(); NULL: neither does. */
char *wechat_open_with(const struct gateway *gateway, const json_t *resource, size_t *ret_count);

/* ---- wechat_parse.c: each fills the result; what is not recognised leaves it UNKNOWN. ---- */
void wechat_read_transaction(const json_t *transaction, struct gateway_result *result);
/* Of the answer to a refund or to a question about one. */
void wechat_read_refund(const json_t *refund, struct gateway_result *result);
enum gateway_outcome wechat_trade_outcome(const char *trade_state);
enum gateway_outcome wechat_refund_outcome(const char *refund_status);
/* Which rows of the table speak first. */
enum wechat_errors_of { WECHAT_ERRORS_OF_ANY, WECHAT_ERRORS_OF_REFUND };
/* An answer that is not 200 or 204; `json` NULL: its body could not be read. */
void wechat_read_error(int status, const json_t *json, enum wechat_errors_of of,
                       struct gateway_result *result);
/* "It was done before": ask the order. */
bool wechat_code_is_done(const char *code);
/* The same code in either spelling, with underscores or without. */
bool wechat_code_equal(const char *code, const char *other);
/* True when the answer is about this account; else the result says so, as no answer. */
MUST_USE bool wechat_check_account(const struct wechat_state *state, const json_t *json,
                                   struct gateway_result *result);

/* ---- the operations ---- */
void wechat_charge(const struct gateway_call *call, const struct gateway_charge *charge,
                   struct gateway_result *ret_result);
void wechat_query(const struct gateway_call *call, const struct gateway_lookup *lookup,
                  struct gateway_result *ret_result);
void wechat_capture(const struct gateway_call *call, const struct gateway_change *change,
                    struct gateway_result *ret_result);
void wechat_cancel(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result);
void wechat_refund(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result);
void wechat_query_refund(const struct gateway_call *call, const struct gateway_change *change,
                         struct gateway_result *ret_result);
/* The question behind query(): asked once. */
void wechat_ask_order(const struct gateway_call *call, const char *reference,
                      struct gateway_result *result);
/* wechat_close.c: ends an order that nobody has paid, and says what became of it: CANCELED when it
 * is closed there, CHARGED when it was paid first, NOT_FOUND, UNKNOWN, … */
void wechat_close_order(const struct gateway_call *call, const char *reference, bool codepay,
                        struct gateway_result *result);
/* An 18-digit code that a customer's app shows at a till. */
MUST_USE bool wechat_is_bar_code(const char *token);

MUST_USE int wechat_verify_callback(const struct gateway_call *call,
                                    const struct gateway_callback_request *request,
                                    struct gateway_event *ret_event, struct err *err);
MUST_USE int wechat_fetch_statement(const struct gateway_call *call,
                                    const struct gateway_statement *statement, struct buf *ret_file,
                                    struct err *err);

#endif
