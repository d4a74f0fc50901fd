/* SPDX-License-Identifier: Apache-2.0
 * paypal_orders.c: taking money through an order, and asking where one stands.
 *
 *   create order ──► persist its id ──► capture or authorize     (a stored token)
 *   create order ──► persist its id ──► the payer approves ──► resume(): capture or authorize
 *
 * No money moves at create, so whatever goes wrong there is certainly not charged and the order is
 * left to expire. Money moves at capture or authorize, which is sent only when the order's id is
 * durable with us; whatever is unclear there is UNKNOWN. PayPal gives the first request's result to
 * a repeat with the same PayPal-Request-Id: "<reference>-o" makes the order, "<reference>-c" takes
 * the money. */
#include "gateway/paypal/paypal.h"

#include <glib.h>

#include "base/buf.h"

enum { REFERENCE_ID_CHARS_MAX = 256, DESCRIPTION_CHARS_MAX = 127 };

/* What is sent. */

static json_t *money_json(const char *amount_text, struct currency currency) {
    return json_pack("{s:s,s:s}", "currency_code", currency.code, "value", amount_text);
}

/* {"experience_context": …}: the payer is sent to PayPal's page and back. */
static json_t *wallet_json(const struct gateway_charge *charge) {
    const char *cancel_url = charge->cancel_url[0] != '\0' ? charge->cancel_url
                                                           : charge->return_url;
    json_t *context = json_object();
    if (charge->return_url[0] != '\0') {
        json_object_set_new(context, "return_url", json_string(charge->return_url));
        json_object_set_new(context, "cancel_url", json_string(cancel_url));
    }
    json_object_set_new(context, "user_action", json_string("PAY_NOW"));
    return json_pack("{s:{s:o}}", "paypal", "experience_context", context);
}

static json_t *order_json(const struct gateway_charge *charge, const char *amount_text) {
    char description[DESCRIPTION_CHARS_MAX + 1];
    exchange_copy_text(description, sizeof(description), charge->description);
    json_t *unit = json_object();
    json_object_set_new(unit, "reference_id", json_string(charge->order_id));
    json_object_set_new(unit, "custom_id", json_string(charge->reference));
    json_object_set_new(unit, "invoice_id", json_string(charge->reference));
    if (description[0] != '\0') {
        json_object_set_new(unit, "description", json_string(description));
    }
    json_object_set_new(unit, "amount", money_json(amount_text, charge->currency));
    json_t *order = json_pack("{s:s,s:[o]}", "intent", charge->capture ? "CAPTURE" : "AUTHORIZE",
                              "purchase_units", unit);
    if (charge->token[0] == '\0') {
        json_object_set_new(order, "payment_source", wallet_json(charge));
    }
    return order;
}

/* The body of capture and authorize: the stored means of payment, or nothing when the payer
 * approved. */
static json_t *source_json(const struct gateway_charge *charge, bool approved) {
    if (approved || charge->token[0] == '\0') {
        return json_object();
    }
    const char *kind = charge->method == METHOD_CARD ? "card" : "paypal";
    json_t *source = json_pack("{s:s}", "vault_id", charge->token);
    if (charge->method == METHOD_CARD && charge->off_session) {
        json_object_set_new(source, "stored_credential",
                            json_pack("{s:s,s:s,s:s}", "payment_initiator", "MERCHANT",
                                      "payment_type", "UNSCHEDULED", "usage", "SUBSEQUENT"));
    }
    return json_pack("{s:{s:o}}", "payment_source", kind, source);
}

static bool can_ask(const struct gateway_call *call, const struct gateway_charge *charge,
                    char amount_text[MONEY_TEXT_MAX], struct gateway_result *result) {
    if (!exchange_reference_ok(charge->reference)) {
        exchange_refuse(result, "invalid_request", "the reference cannot be a key at PayPal");
        return false;
    }
    if (!paypal_amount(charge->amount_minor, charge->currency, amount_text)) {
        exchange_refuse(result, "invalid_amount",
                        "this amount cannot be said to PayPal in this currency");
        return false;
    }
    if (charge->method != METHOD_PAYPAL &&
        (charge->method != METHOD_CARD || charge->token[0] == '\0')) {
        exchange_refuse(result, "token_missing",
                        "PayPal takes its own wallet, and cards that it has stored");
        return false;
    }
    if (charge->token[0] == '\0' && charge->off_session) {
        exchange_refuse(result, "token_missing",
                        "without the payer PayPal needs a stored means of payment");
        return false;
    }
    if (strlen(charge->order_id) > REFERENCE_ID_CHARS_MAX) {
        exchange_refuse(result, "invalid_request", "the order id is too long for PayPal");
        return false;
    }
    if (!g_utf8_validate(charge->token, -1, NULL) || !g_utf8_validate(charge->order_id, -1, NULL)) {
        exchange_refuse(result, "invalid_request", "the token or the order id is not valid UTF-8");
        return false;
    }
    if (call->persist == NULL) {
        exchange_refuse(result, "invalid_request",
                        "no money is moved unless the order's id can be made durable");
        return false;
    }
    return true;
}

/* Asking. */

/* An answer about another payment is no answer about ours. */
static bool check_reference(const json_t *order, const char *reference,
                            struct gateway_result *result) {
    const char *theirs = json_peek_text(paypal_unit(order), "custom_id", NULL);
    if (theirs == NULL || strcmp(theirs, reference) == 0) {
        return true;
    }
    gateway_result_init(result);
    exchange_common_code(result, "reference_mismatch");
    exchange_copy_text(result->message, sizeof(result->message),
                       "PayPal answered about another payment than the one asked about");
    return false;
}

/* An answer to a GET that is not 2xx: it is not there, or the question was not answered. */
void paypal_read_missing(int status, const json_t *json, struct gateway_result *result) {
    paypal_read_error(status, json, result);
    if (status == 404 && strcmp(result->common_code, "not_found_there") == 0) {
        result->outcome = GW_NOT_FOUND;
    } else {
        exchange_no_answer(result);
    }
}

void paypal_show_order(const struct gateway_call *call, const char *order_id, const char *reference,
                       struct gateway_result *result, json_t **ret_order) {
    BUF_AUTO path;
    buf_init(&path, PAYPAL_URL_BYTES_MAX);
    paypal_path(&path, "/v2/checkout/orders/", order_id, "");
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    gateway_result_init(result);
    *ret_order = NULL;
    if (!paypal_send(call, "GET", path.data, NULL, NULL, false, result, &answer, &json)) {
        return;
    }
    if (!paypal_success(&answer)) {
        paypal_read_missing(answer.status, json, result);
        return;
    }
    paypal_read_order(json, result);
    if (result->gateway_id[0] == '\0') {
        exchange_no_answer(result);
        return;
    }
    if (check_reference(json, reference, result)) {
        *ret_order = json_incref(json);
    }
}

/* Made, and nothing was captured or authorized on it. */
static bool is_untouched(const json_t *order) {
    const char *status = json_peek_text(order, "status", NULL);
    return status != NULL && (strcmp(status, "CREATED") == 0 || strcmp(status, "SAVED") == 0) &&
           json_array_size(paypal_payments(order, "captures")) == 0 &&
           json_array_size(paypal_payments(order, "authorizations")) == 0;
}

void paypal_query(const struct gateway_call *call, const struct gateway_lookup *lookup,
                  struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    if (lookup->gateway_id[0] == '\0') {
        /* Without an id on our row nothing was captured: capture is sent only after persist() has
         * made the id durable, and when persist() fails nothing more is sent. An order may exist
         * there, but it holds no money and nobody will capture it. (A charge that is under way
         * right now may still persist its id: not_found_conclusive_us outlasts it.) */
        ret_result->outcome = GW_NOT_FOUND;
        return;
    }
    JSON_AUTO order = NULL;
    paypal_show_order(call, lookup->gateway_id, lookup->reference, ret_result, &order);
    if (order != NULL && ret_result->outcome == GW_UNKNOWN && is_untouched(order)) {
        /* The order is there and no money is: as good as no order, and conclusive as late as that
         * is. Else one whose capture never arrived would be asked about until it expires. */
        ret_result->outcome = GW_NOT_FOUND;
    }
}

/* Taking the money. */

static bool is_settled(enum gateway_outcome outcome) {
    return outcome == GW_CHARGED || outcome == GW_AUTHORIZED || outcome == GW_PENDING ||
           outcome == GW_DECLINED || outcome == GW_CANCELED;
}

/* After "it was done before", or an answer without the payments in it: the order itself is asked.
 * What it does not settle stays unknown. */
static void ask_order(const struct gateway_call *call, const struct gateway_charge *charge,
                      const char *order_id, struct gateway_result *result) {
    struct gateway_result now;
    JSON_AUTO order = NULL;
    paypal_show_order(call, order_id, charge->reference, &now, &order);
    now.duration_us += result->duration_us;
    if (is_settled(now.outcome)) {
        *result = now;
        return;
    }
    result->outcome = GW_UNKNOWN;
    result->advice = ADVICE_LATER;
    result->duration_us = now.duration_us;
}

static void take_money(const struct gateway_call *call, const struct gateway_charge *charge,
                       const char *order_id, bool approved, struct gateway_result *result) {
    char key[PAYPAL_KEY_CHARS_MAX];
    BUF_AUTO path;
    buf_init(&path, PAYPAL_URL_BYTES_MAX);
    snprintf(key, sizeof(key), "%s-c", charge->reference);
    paypal_path(&path, "/v2/checkout/orders/", order_id,
                charge->capture ? "/capture" : "/authorize");
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    JSON_AUTO body = source_json(charge, approved);
    if (!paypal_send(call, "POST", path.data, body, key, true, result, &answer, &json)) {
        return;
    }
    if (paypal_success(&answer)) {
        paypal_read_order(json, result);
        (void)check_reference(json, charge->reference, result);
    } else {
        paypal_read_error(answer.status, json, result);
    }
    bool bare = paypal_success(&answer) && json != NULL && result->outcome == GW_UNKNOWN;
    if (bare || paypal_code_is_done(result->code)) {
        ask_order(call, charge, order_id, result);
    }
}

/* Whatever fails here is certainly not charged, but for two: the same order is being worked on by
 * another send, or the account has seen a payment with our reference. */
static void read_create_failure(int status, const json_t *json, struct gateway_result *result) {
    paypal_read_error(status, json, result);
    bool known_there = paypal_code_is_done(result->code) || paypal_code_is_busy(result->code);
    if (result->outcome == GW_UNKNOWN && !known_there) {
        bool refused = status >= 400 && status < 500 && json != NULL;
        result->outcome = refused ? GW_REJECTED_REQUEST : GW_UNAVAILABLE;
        result->advice = ADVICE_ELSEWHERE;
    } else if (result->outcome == GW_ACTION_NEEDED || result->outcome == GW_DECLINED) {
        /* There is no order with which the payer could go on, and nobody's bank was asked: what
         * PayPal refused is this request. A decline would end what an earlier send of it may have
         * charged. */
        result->outcome = GW_REJECTED_REQUEST;
    }
}

/* True: the order exists and `result` says where it stands. */
static bool create_order(const struct gateway_call *call, const struct gateway_charge *charge,
                         const char *amount_text, struct gateway_result *result) {
    char key[PAYPAL_KEY_CHARS_MAX];
    snprintf(key, sizeof(key), "%s-o", charge->reference);
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    JSON_AUTO body = order_json(charge, amount_text);
    if (!paypal_send(call, "POST", "/v2/checkout/orders", body, key, false, result, &answer,
                     &json)) {
        return false;
    }
    if (!paypal_success(&answer)) {
        read_create_failure(answer.status, json, result);
        return false;
    }
    paypal_read_order(json, result);
    if (result->gateway_id[0] == '\0') {
        result->outcome = GW_UNAVAILABLE; /* an order that nobody can name holds no money */
        result->advice = ADVICE_ELSEWHERE;
        return false;
    }
    return check_reference(json, charge->reference, result);
}

/* The payer is needed: where the order stands says so, or the link he has to follow. */
static void wait_for_payer(struct gateway_result *result) {
    if (result->outcome == GW_APPROVED) {
        return;
    }
    result->outcome = GW_ACTION_NEEDED;
    result->advice = ADVICE_CUSTOMER;
    exchange_common_code(result, "customer_action");
}

static void charge_order(const struct gateway_call *call, const struct gateway_charge *charge,
                         const char *amount_text, struct gateway_result *result) {
    if (!create_order(call, charge, amount_text, result)) {
        return;
    }
    if (is_settled(result->outcome)) {
        return; /* a repeat: PayPal showed the first one's order as it is now */
    }
    struct err err = {0};
    if (call->persist(call->persist_ctx, result->gateway_id, &err) != 0) {
        result->outcome = GW_UNAVAILABLE;
        result->advice = ADVICE_LATER;
        exchange_common_code(result, "order_not_durable");
        exchange_copy_text(result->message, sizeof(result->message),
                           "the order's id could not be stored, so the money was not taken");
        return;
    }
    if (charge->token[0] == '\0') {
        wait_for_payer(result);
        return;
    }
    struct gateway_result created = *result;
    gateway_result_init(result);
    result->duration_us = created.duration_us;
    take_money(call, charge, created.gateway_id, false, result);
    if (result->gateway_id[0] == '\0') {
        exchange_copy_id(result->gateway_id, sizeof(result->gateway_id), created.gateway_id);
    }
    if (result->outcome == GW_ACTION_NEEDED && result->action == ACTION_NONE) {
        exchange_redirect(result, created.action_data);
    }
}

void paypal_charge(const struct gateway_call *call, const struct gateway_charge *charge,
                   struct gateway_result *ret_result) {
    char amount_text[MONEY_TEXT_MAX];
    gateway_result_init(ret_result);
    if (can_ask(call, charge, amount_text, ret_result)) {
        charge_order(call, charge, amount_text, ret_result);
    }
}

void paypal_resume(const struct gateway_call *call, const struct gateway_charge *charge,
                   const struct gateway_lookup *lookup, struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    if (lookup->gateway_id[0] == '\0' || !exchange_reference_ok(charge->reference)) {
        exchange_refuse(ret_result, "invalid_request", "there is no order to go on with");
        return;
    }
    take_money(call, charge, lookup->gateway_id, true, ret_result);
    if (ret_result->gateway_id[0] == '\0') {
        exchange_copy_id(ret_result->gateway_id, sizeof(ret_result->gateway_id),
                         lookup->gateway_id);
    }
}
