/* SPDX-License-Identifier: Apache-2.0
 * alipay.h: the Alipay adapter (mainland open platform, v2 gateway): the row of the registry, and
 * what its own files share.
 * Threads: any, many at once; the state never changes after open(). Errors: as gateway.h says. */
#ifndef HOLDFAST_GATEWAY_ALIPAY_H
#define HOLDFAST_GATEWAY_ALIPAY_H

#include "base/buf.h"
#include "base/clock.h"
#include "gateway/alipay/alipay_keys.h"
#include "gateway/alipay/alipay_sign.h"
#include "gateway/exchange.h"

extern const struct gateway_adapter alipay_adapter;

enum {
    ALIPAY_OUT_TRADE_NO_CHARS_MAX = 64,
    ALIPAY_URL_BYTES_MAX = 16 * 1024,
    ALIPAY_BIZ_BYTES_MAX = 16 * 1024,
    ALIPAY_COMMON_PARAMS = 16,
};
/* A code or a page without a stated end: Alipay lets a QR code live two hours. */
#define ALIPAY_LIFE_US (2 * 3600 * US_PER_SECOND)
/* What was opened just before its end, or asked for a little later than our row was written. */
#define ALIPAY_LIFE_MARGIN_US (300 * US_PER_SECOND)
/* The earliest that a refund may be asked about. */
#define ALIPAY_REFUND_WAIT_US (10 * US_PER_SECOND)

/* gateway->state. */
struct alipay_state {
    struct alipay_keys keys;
};

/* ---- alipay_http.c: requests ---- */

/* A request that is being put together: its parameters, the texts that they point into. */
struct alipay_request {
    struct alipay_param params[ALIPAY_COMMON_PARAMS];
    int count;
    char timestamp[CLOCK_TEXT_MAX];
    char *biz_content, *sign; /* owned */
};
/* Signed; false: the result says that it cannot be asked. Takes `biz` over. `notify`: it is an
 * order of which Alipay is to tell `callback_url`. */
MUST_USE bool alipay_request_make(const struct gateway_call *call, const char *method, json_t *biz,
                                  const char *return_url, bool notify,
                                  struct alipay_request *request, struct gateway_result *result);
void alipay_request_release(struct alipay_request *request);
/* "name=value&…", encoded; without biz_content when `body_apart`. */
void alipay_request_write(const struct alipay_request *request, bool body_apart, struct buf *out);

enum alipay_answer {
    ALIPAY_SILENT,  /* no answer that can be believed: the result says what that means */
    ALIPAY_DONE,    /* genuine, code 10000 */
    ALIPAY_REFUSED, /* genuine, any other code: the result holds its row */
};
/* One call. `ret_body` is the inner object and is the caller's to decref; NULL when ALIPAY_SILENT.
 * `operation` chooses the rows of the error table. Takes `biz` over. */
MUST_USE enum alipay_answer alipay_send(const struct gateway_call *call, const char *method,
                                        json_t *biz, bool notify, enum gateway_operation operation,
                                        bool moves_money, struct gateway_result *result,
                                        json_t **ret_body);

/* ---- alipay_parse.c ---- */

/* The row of that sub_code or code for that operation, or NULL. */
const struct gateway_error *alipay_row(enum gateway_operation operation, const char *sub_code,
                                       const char *code);
bool alipay_code_is_entrance(const char *row_code); /* believed without a signature */
bool alipay_code_is_done(const char *row_code);     /* "it was done before": ask the trade */
/* Yuan with two decimals, as our minor units; -1 when it is not said or is no amount. */
int64_t alipay_read_amount(const json_t *object, const char *name);
/* trade.query's and trade.pay's words about a trade. `waits`: what WAIT_BUYER_PAY means. */
void alipay_read_trade(const json_t *trade, enum gateway_outcome waits,
                       struct gateway_result *result);
/* trade_status in our words; `paid_before`: a payment time is said. */
enum gateway_outcome alipay_trade_outcome(const char *status, enum gateway_outcome waits);
/* References become out_trade_no and out_request_no. */
MUST_USE bool alipay_reference_ok(const char *reference);
/* When a code or a page of such a row ends. */
int64_t alipay_ends_us(int64_t created_us, int64_t expires_us);

/* ---- alipay_charge.c, alipay_changes.c, alipay_refund.c: the operations ---- */
void alipay_charge(const struct gateway_call *call, const struct gateway_charge *charge,
                   struct gateway_result *ret_result);
void alipay_query(const struct gateway_call *call, const struct gateway_lookup *lookup,
                  struct gateway_result *ret_result);
void alipay_capture(const struct gateway_call *call, const struct gateway_change *change,
                    struct gateway_result *ret_result);
void alipay_cancel(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result);
void alipay_refund(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result);
void alipay_query_refund(const struct gateway_call *call, const struct gateway_change *change,
                         struct gateway_result *ret_result);

/* ---- alipay_callback.c, alipay_statement.c ---- */
MUST_USE int alipay_verify_callback(const struct gateway_call *call,
                                    const struct gateway_callback_request *request,
                                    struct gateway_event *ret_event, struct err *err);
MUST_USE int alipay_fetch_statement(const struct gateway_call *call,
                                    const struct gateway_statement *statement, struct buf *ret_file,
                                    struct err *err);

#endif
