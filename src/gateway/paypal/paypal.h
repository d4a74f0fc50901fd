/* SPDX-License-Identifier: Apache-2.0
 * paypal.h: the PayPal adapter (Orders v2, Payments v2): the row of the registry, and what its own
 * files share.
 * Threads: any, many at once; the state's parts have locks of their own. Errors: as gateway.h says.
 */
#ifndef HOLDFAST_GATEWAY_PAYPAL_H
#define HOLDFAST_GATEWAY_PAYPAL_H

#include "base/buf.h"
#include "gateway/exchange.h"
#include "gateway/paypal/paypal_cert.h"
#include "gateway/paypal/paypal_sign.h"
#include "gateway/paypal/paypal_token.h"

extern const struct gateway_adapter paypal_adapter;

enum {
    PAYPAL_WEBHOOK_IDS_MAX = 16,
    PAYPAL_CREDENTIAL_CHARS_MAX = 255,
    PAYPAL_KEY_CHARS_MAX = 108, /* PayPal-Request-Id */
    PAYPAL_URL_BYTES_MAX = GATEWAY_URL_CHARS_MAX + 512,
};

/* gateway->state. */
struct paypal_state {
    struct paypal_tokens tokens;
    struct paypal_certs certs;
    /* Of our registered listeners: a re-created one has a new id, and both are good for a while. */
    char webhook_ids[PAYPAL_WEBHOOK_IDS_MAX][PAYPAL_WEBHOOK_ID_CHARS_MAX + 1];
    int webhook_id_count;
};

/* paypal_http.c: one API call. `key` is the PayPal-Request-Id of a POST, or NULL; `body` NULL:
 * none. A 401 renews the token and sends once more. False: the result says what happened; when it
 * was the token that could not be had, nothing was sent and the outcome is a not-charged one. */
MUST_USE bool paypal_send(const struct gateway_call *call, const char *method, const char *path,
                          const json_t *body, const char *key, bool moves_money,
                          struct gateway_result *result, struct http_answer *ret_answer,
                          json_t **ret_json);
/* The same with a body of another type; NULL: none. */
struct paypal_body {
    const char *type, *bytes;
    size_t byte_count;
};
MUST_USE bool paypal_send_bytes(const struct gateway_call *call, const char *method,
                                const char *path, const struct paypal_body *body, const char *key,
                                bool moves_money, struct gateway_result *result,
                                struct http_answer *ret_answer, json_t **ret_json);
static inline bool paypal_success(const struct http_answer *answer) {
    return answer->status >= 200 && answer->status < 300;
}
/* "<prefix><id><suffix>" with the id percent-encoded. */
void paypal_path(struct buf *path, const char *prefix, const char *id, const char *suffix);

/* paypal_parse.c. Amounts are decimal text; JPY, HUF and TWD have no decimals there, and currencies
 * that have neither two decimals nor are one of these cannot be said. */
MUST_USE bool paypal_amount(int64_t amount_minor, struct currency currency,
                            char ret_text[MONEY_TEXT_MAX]);
/* {"currency_code", "value"}; -1 when it does not say. */
int64_t paypal_read_amount(const json_t *money, struct currency *ret_currency);
/* Each fills the result from one JSON object; what is not recognised leaves the outcome UNKNOWN. */
void paypal_read_order(const json_t *order, struct gateway_result *result);
void paypal_read_capture(const json_t *capture, struct gateway_result *result);
void paypal_read_refund(const json_t *refund, struct gateway_result *result);
enum gateway_outcome paypal_capture_outcome(const char *status);
enum gateway_outcome paypal_authorization_outcome(const char *status);
enum gateway_outcome paypal_refund_outcome(const char *status);
/* An answer that is not 2xx; `json` NULL: its body could not be read. */
void paypal_read_error(int status, const json_t *json, struct gateway_result *result);
bool paypal_code_is_done(const char *code); /* "it was done before": ask the order */
bool paypal_code_is_busy(const char *code); /* "it is being done now" */
/* The address of the first link with that rel, or NULL. */
const char *paypal_link(const json_t *object, const char *rel);
/* The first purchase unit of an order, or NULL; the array of its payments of that kind, or NULL. */
const json_t *paypal_unit(const json_t *order);
const json_t *paypal_payments(const json_t *order, const char *kind);

/* paypal_orders.c and paypal_changes.c: the operations. */
void paypal_charge(const struct gateway_call *call, const struct gateway_charge *charge,
                   struct gateway_result *ret_result);
void paypal_resume(const struct gateway_call *call, const struct gateway_charge *charge,
                   const struct gateway_lookup *lookup, struct gateway_result *ret_result);
void paypal_query(const struct gateway_call *call, const struct gateway_lookup *lookup,
                  struct gateway_result *ret_result);
/* GET of the order into a fresh result; the caller owns `ret_order`, which is NULL when it could
 * not be had or is not the one of that reference. */
void paypal_read_missing(int status, const json_t *json, struct gateway_result *result);
void paypal_show_order(const struct gateway_call *call, const char *order_id, const char *reference,
                       struct gateway_result *result, json_t **ret_order);
void paypal_capture(const struct gateway_call *call, const struct gateway_change *change,
                    struct gateway_result *ret_result);
void paypal_cancel(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result);
void paypal_refund(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result);
void paypal_query_refund(const struct gateway_call *call, const struct gateway_change *change,
                         struct gateway_result *ret_result);

/* paypal_disputes.c. */
void paypal_query_dispute(const struct gateway_call *call, const char *dispute_id,
                          struct gateway_dispute *ret_dispute, struct gateway_result *ret_result);
void paypal_answer_dispute(const struct gateway_call *call,
                           const struct gateway_dispute_answer *answer,
                           struct gateway_result *ret_result);

/* paypal_callback.c. */
MUST_USE int paypal_verify_callback(const struct gateway_call *call,
                                    const struct gateway_callback_request *request,
                                    struct gateway_event *ret_event, struct err *err);

#endif
