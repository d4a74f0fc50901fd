/* SPDX-License-Identifier: Apache-2.0
 * stripe.h: the Stripe adapter (API v1, PaymentIntents): the row of the registry, and what its own
 * files share.
 * Threads: any, many at once; the adapter has no state. Errors: as gateway.h says. */
#ifndef HOLDFAST_GATEWAY_STRIPE_H
#define HOLDFAST_GATEWAY_STRIPE_H

#include "base/buf.h"
#include "gateway/exchange.h"

extern const struct gateway_adapter stripe_adapter;

/* The version whose shapes this folder reads; sent with every call. */
#define STRIPE_VERSION "2026-10-28.endive"

enum { STRIPE_KEY_CHARS_MAX = 255 };

/* Amounts (stripe_money.c). Stripe's unit is not always ISO 4217's minor unit: MGA goes in whole
 * units, ISK and UGX in hundredths that must be zero, and three-decimal amounts end in zero. False
 * when the amount or the currency cannot be said to Stripe, or read back in our unit. */
MUST_USE bool stripe_amount(int64_t amount_minor, struct currency currency, int64_t *ret_theirs);
MUST_USE bool stripe_amount_back(int64_t theirs, struct currency currency,
                                 int64_t *ret_amount_minor);

/* Reading (stripe_parse.c). Each fills the result from one JSON object; what is missing stays as
 * gateway_result_init() left it, and what is not recognised leaves the outcome UNKNOWN. */
void stripe_read_intent(const json_t *intent, struct gateway_result *result);
void stripe_read_charge_status(const json_t *charge, struct gateway_result *result);
void stripe_read_refund(const json_t *refund, struct gateway_result *result);
/* An answer that is not 2xx; `json` NULL: its body could not be read. */
void stripe_read_error(int status, const json_t *json, enum gateway_operation operation,
                       struct gateway_result *result);
/* "metadata.<key>" of an object, or "". */
extern const char *const stripe_answer_names[];
const char *stripe_metadata(const json_t *object, const char *key);
/* A field that holds an id or, expanded, the object itself: the id, or NULL. */
const char *stripe_id_of(const json_t *field);
/* Stripe's amount and currency fields of one object, in ours; -1 when they do not say. */
int64_t stripe_read_amount(const json_t *object, const char *key, struct currency *ret_currency);

/* Requests (stripe.c). */
void stripe_form_add(struct buf *form, const char *key, const char *value);
/* One call. `form` NULL: a GET. `key`: the idempotency key of a POST. */
MUST_USE bool stripe_send(const struct gateway_call *call, const char *path, const struct buf *form,
                          const char *key, bool moves_money, struct gateway_result *result,
                          struct http_answer *ret_answer, json_t **ret_json);
/* An answer to a GET by id that is not 2xx: it is not there, or the question was not answered. */
void stripe_read_missing(int status, const json_t *json, enum gateway_operation operation,
                         struct gateway_result *result);

/* Disputes (stripe_disputes.c). */
void stripe_query_dispute(const struct gateway_call *call, const char *dispute_id,
                          struct gateway_dispute *ret_dispute, struct gateway_result *ret_result);
void stripe_answer_dispute(const struct gateway_call *call,
                           const struct gateway_dispute_answer *answer,
                           struct gateway_result *ret_result);

/* Reports (stripe_statement.c): "activity" (what moved the balance, without payouts) and "payout"
 * (the payouts of the day, each with what is in it). */
MUST_USE int stripe_fetch_statement(const struct gateway_call *call,
                                    const struct gateway_statement *statement,
                                    struct buf *ret_file, struct err *err);

/* Callbacks (stripe_callback.c). */
MUST_USE int stripe_verify_callback(const struct gateway_call *call,
                                    const struct gateway_callback_request *request,
                                    struct gateway_event *ret_event, struct err *err);

#endif
