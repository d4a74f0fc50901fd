/* SPDX-License-Identifier: Apache-2.0
 * paypal_changes.c: capturing and voiding authorizations, refunds. */
#include "gateway/paypal/paypal.h"

#include "base/buf.h"

/* What a change needs first is only looked up: a look that fails has changed nothing. */
static void look_failed(struct gateway_result *result) {
    if (result->outcome == GW_UNKNOWN) {
        result->outcome = GW_UNAVAILABLE;
        result->advice = ADVICE_LATER;
    }
}

static bool change_key(const struct gateway_change *change, const char *operation,
                       struct gateway_result *result, char ret_key[PAYPAL_KEY_CHARS_MAX]) {
    if (!exchange_reference_ok(change->reference)) {
        exchange_refuse(result, "invalid_request", "the reference cannot be a key at PayPal");
        return false;
    }
    snprintf(ret_key, PAYPAL_KEY_CHARS_MAX, "%s-%s", change->reference, operation);
    return true;
}

/* The id of the order's last authorization, or NULL. */
static const char *authorization_of(const json_t *order) {
    const json_t *authorizations = paypal_payments(order, "authorizations");
    size_t count = json_array_size(authorizations);
    return count > 0 ? json_peek_text(json_array_get(authorizations, count - 1), "id", NULL) : NULL;
}

/* The order as it is now, in place of what the refused change said. */
static void ask_order(const struct gateway_call *call, const struct gateway_change *change,
                      struct gateway_result *result) {
    struct gateway_result now;
    JSON_AUTO order = NULL;
    paypal_show_order(call, change->payment.gateway_id, change->payment.reference, &now, &order);
    exchange_in_doubt(&now);
    now.as_it_stands = true;
    now.duration_us += result->duration_us;
    *result = now;
}

/* Capture. */

static void capture_authorization(const struct gateway_call *call,
                                  const struct gateway_change *change, const char *authorization_id,
                                  const char *key, const char *amount_text,
                                  struct gateway_result *result) {
    BUF_AUTO path;
    buf_init(&path, PAYPAL_URL_BYTES_MAX);
    paypal_path(&path, "/v2/payments/authorizations/", authorization_id, "/capture");
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    JSON_AUTO body = json_pack("{s:{s:s,s:s},s:b}", "amount", "currency_code",
                               change->payment.currency.code, "value", amount_text, "final_capture",
                               change->final ? 1 : 0);
    if (!paypal_send(call, "POST", path.data, body, key, true, result, &answer, &json)) {
        return;
    }
    if (paypal_success(&answer)) {
        paypal_read_capture(json, result);
        return;
    }
    paypal_read_error(answer.status, json, result);
    if (paypal_code_is_done(result->code)) {
        ask_order(call, change, result);
    }
}

void paypal_capture(const struct gateway_call *call, const struct gateway_change *change,
                    struct gateway_result *ret_result) {
    char key[PAYPAL_KEY_CHARS_MAX];
    char amount_text[MONEY_TEXT_MAX];
    gateway_result_init(ret_result);
    if (!change_key(change, "capture", ret_result, key)) {
        return;
    }
    if (!paypal_amount(change->amount_minor, change->payment.currency, amount_text)) {
        exchange_refuse(ret_result, "invalid_amount",
                        "this amount cannot be said to PayPal in this currency");
        return;
    }
    if (change->payment.gateway_id[0] == '\0') {
        exchange_refuse(ret_result, "wrong_state",
                        "there is no order whose authorization could be captured");
        return;
    }
    /* The authorization's id is read from the order: after a partial capture our row names the
     * capture. */
    JSON_AUTO order = NULL;
    paypal_show_order(call, change->payment.gateway_id, change->payment.reference, ret_result,
                      &order);
    const char *authorization_id = authorization_of(order);
    if (order == NULL) {
        look_failed(ret_result);
    } else if (authorization_id == NULL) {
        exchange_refuse(ret_result, "wrong_state", "nothing is authorized on this order");
    } else {
        int64_t looked_us = ret_result->duration_us;
        gateway_result_init(ret_result);
        ret_result->duration_us = looked_us;
        capture_authorization(call, change, authorization_id, key, amount_text, ret_result);
        exchange_copy_id(ret_result->gateway_id, sizeof(ret_result->gateway_id),
                         change->payment.gateway_id);
    }
}

/* Cancel. */

static void void_authorization(const struct gateway_call *call, const struct gateway_change *change,
                               const char *authorization_id, const char *key,
                               struct gateway_result *result) {
    BUF_AUTO path;
    buf_init(&path, PAYPAL_URL_BYTES_MAX);
    paypal_path(&path, "/v2/payments/authorizations/", authorization_id, "/void");
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    if (!paypal_send(call, "POST", path.data, NULL, key, true, result, &answer, &json)) {
        return;
    }
    if (answer.status == 204) {
        result->outcome = GW_CANCELED;
    } else if (paypal_success(&answer)) {
        result->outcome = paypal_authorization_outcome(json_peek_text(json, "status", NULL));
    } else {
        paypal_read_error(answer.status, json, result);
        if (paypal_code_is_done(result->code)) {
            ask_order(call, change, result);
        }
    }
}

void paypal_cancel(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result) {
    char key[PAYPAL_KEY_CHARS_MAX];
    gateway_result_init(ret_result);
    if (!change_key(change, "void", ret_result, key)) {
        return;
    }
    if (change->payment.gateway_id[0] == '\0') {
        ret_result->outcome = GW_NOT_FOUND; /* as in paypal_query(): no order of ours holds money */
        return;
    }
    JSON_AUTO order = NULL;
    paypal_show_order(call, change->payment.gateway_id, change->payment.reference, ret_result,
                      &order);
    const char *authorization_id = authorization_of(order);
    if (order == NULL && ret_result->outcome != GW_NOT_FOUND) {
        look_failed(ret_result);
    } else if (authorization_id != NULL &&
               (ret_result->outcome == GW_AUTHORIZED || ret_result->outcome == GW_PENDING)) {
        int64_t looked_us = ret_result->duration_us;
        gateway_result_init(ret_result);
        ret_result->duration_us = looked_us;
        void_authorization(call, change, authorization_id, key, ret_result);
        exchange_copy_id(ret_result->gateway_id, sizeof(ret_result->gateway_id),
                         change->payment.gateway_id);
    } else if (ret_result->outcome == GW_ACTION_NEEDED || ret_result->outcome == GW_APPROVED) {
        /* PayPal has no call that closes such an order; it expires. Only our own capture could take
         * money on it, and after this there will be none. */
        ret_result->outcome = GW_CANCELED;
        exchange_redirect(ret_result, NULL);
    }
}

/* Refunds. */

static const char *target_of(const struct gateway_change *change) {
    return change->target != NULL ? change->target : "";
}

/* The refund of the order that has this reference (custom_id), or NULL. */
static const json_t *refund_of_reference(const json_t *order, const char *reference) {
    const json_t *refunds = paypal_payments(order, "refunds");
    for (size_t i = 0; i < json_array_size(refunds); i++) {
        const json_t *refund = json_array_get(refunds, i);
        const char *theirs = json_peek_text(refund, "custom_id", NULL);
        if (theirs != NULL && strcmp(theirs, reference) == 0) {
            return refund;
        }
    }
    return NULL;
}

/* A refund names its capture only by the link to it, whose path ends with the capture's id. */
static bool refund_is_of(const json_t *refund, const char *capture_id) {
    const char *up = paypal_link(refund, "up");
    const char *slash = up != NULL ? strrchr(up, '/') : NULL;
    return slash != NULL && strcmp(slash + 1, capture_id) == 0;
}

/* What has been given back of a capture, or is about to be: all but what failed or was withdrawn.
 * -1: an amount is not said. */
static int64_t given_back(const json_t *order, const char *capture_id) {
    const json_t *refunds = paypal_payments(order, "refunds");
    struct currency unused;
    int64_t sum = 0;
    for (size_t i = 0; i < json_array_size(refunds); i++) {
        const json_t *refund = json_array_get(refunds, i);
        enum gateway_outcome outcome = paypal_refund_outcome(
            json_peek_text(refund, "status", NULL));
        if (outcome == GW_DECLINED || outcome == GW_CANCELED || !refund_is_of(refund, capture_id)) {
            continue;
        }
        int64_t amount = paypal_read_amount(json_peek(refund, "amount", NULL), &unused);
        if (amount < 0 || !money_add(sum, amount, &sum)) {
            return -1;
        }
    }
    return sum;
}

/* What a refund may still take from this capture; -1: it is none that went through. */
static int64_t room_of(const json_t *order, const json_t *capture, struct currency *ret_currency) {
    const char *id = json_peek_text(capture, "id", NULL);
    const char *status = json_peek_text(capture, "status", NULL);
    int64_t amount = paypal_read_amount(json_peek(capture, "amount", NULL), ret_currency);
    if (id == NULL || amount < 0 || paypal_capture_outcome(status) != GW_CHARGED) {
        return -1;
    }
    int64_t given = given_back(order, id);
    bool used_up = strcmp(status, "REFUNDED") == 0 || given < 0 || given > amount;
    return used_up ? 0 : amount - given;
}

/* The capture to pay back from: the first with enough room. At the next look the room may be gone,
 * by this very refund: what was chosen is written down before it is used (choose_durably()). */
static bool choose_capture(const json_t *order, int64_t amount_minor,
                           char ret_id[GATEWAY_ID_CHARS_MAX + 1]) {
    const json_t *captures = paypal_payments(order, "captures");
    for (size_t i = 0; i < json_array_size(captures); i++) {
        const json_t *capture = json_array_get(captures, i);
        struct currency unused;
        if (room_of(order, capture, &unused) >= amount_minor) {
            exchange_copy_id(ret_id, GATEWAY_ID_CHARS_MAX + 1, json_peek_text(capture, "id", NULL));
            return ret_id[0] != '\0';
        }
    }
    return false;
}

/* One refund pays back from one capture, and is not split here: its parts would have to be rows
 * with keys and unknown states of their own. What is left of each is told. It is a last word, also
 * when an earlier call was interrupted: without a target that call was never sent. */
static void refuse_too_large(const json_t *order, struct gateway_result *result) {
    const json_t *captures = paypal_payments(order, "captures");
    BUF_AUTO text;
    buf_init(&text, GATEWAY_MESSAGE_CHARS_MAX + 1);
    buf_add_text(&text, "a refund goes to one capture that has as much left; left of this order's "
                        "captures is: ");
    int told = 0;
    for (size_t i = 0; i < json_array_size(captures) && text.len < 180; i++) {
        struct currency currency = {0};
        int64_t room = room_of(order, json_array_get(captures, i), &currency);
        char shown[MONEY_TEXT_MAX];
        if (room >= 0) {
            buf_addf(&text, "%s%s", told++ > 0 ? ", " : "", money_show(room, currency, shown));
        }
    }
    exchange_refuse(result, "wrong_state",
                    told > 0 ? text.data : "no capture of this order went through");
    result->outcome = GW_DECLINED;
}

/* PayPal-Request-Id makes a repeat harmless only at the same capture, so the choice is durable
 * before anything is sent there. */
static bool choose_durably(const struct gateway_call *call, const struct gateway_change *change,
                           struct gateway_result *result, char id[GATEWAY_ID_CHARS_MAX + 1]) {
    if (call->persist == NULL) {
        exchange_refuse(result, "invalid_request",
                        "a refund to one of several captures needs a durable choice");
        return false;
    }
    struct err err = {0};
    if (call->persist(call->persist_ctx, id, &err) != 0) {
        result->outcome = GW_UNAVAILABLE;
        result->advice = ADVICE_LATER;
        exchange_common_code(result, "target_not_durable");
        exchange_copy_text(result->message, sizeof(result->message),
                           "which capture it goes to could not be stored, so it was not sent");
        return false;
    }
    if (target_of(change)[0] != '\0') {
        exchange_copy_id(id, GATEWAY_ID_CHARS_MAX + 1, target_of(change));
    }
    return true;
}

/* The capture's id by asking the order. False: the result says why nothing is to be sent; it may be
 * that the order shows our refund already. */
static bool look_up_capture(const struct gateway_call *call, const struct gateway_change *change,
                            struct gateway_result *result, char ret_id[GATEWAY_ID_CHARS_MAX + 1]) {
    if (change->payment.gateway_id[0] == '\0') {
        exchange_refuse(result, "not_found_there", "there is no order from which to pay back");
        return false;
    }
    JSON_AUTO order = NULL;
    paypal_show_order(call, change->payment.gateway_id, change->payment.reference, result, &order);
    if (order == NULL) {
        look_failed(result);
        return false;
    }
    struct gateway_result looked = *result;
    gateway_result_init(result);
    result->duration_us = looked.duration_us;
    const json_t *ours = refund_of_reference(order, change->reference);
    if (ours != NULL) {
        result->http_status = looked.http_status;
        result->reach = looked.reach;
        paypal_read_refund(ours, result);
        return false;
    }
    if (!choose_capture(order, change->amount_minor, ret_id)) {
        refuse_too_large(order, result);
        return false;
    }
    return choose_durably(call, change, result, ret_id);
}

static void refund_capture(const struct gateway_call *call, const struct gateway_change *change,
                           const char *capture_id, const char *key, const char *amount_text,
                           struct gateway_result *result) {
    BUF_AUTO path;
    buf_init(&path, PAYPAL_URL_BYTES_MAX);
    paypal_path(&path, "/v2/payments/captures/", capture_id, "/refund");
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    JSON_AUTO body = json_pack("{s:{s:s,s:s},s:s,s:s}", "amount", "currency_code",
                               change->payment.currency.code, "value", amount_text, "custom_id",
                               change->reference, "invoice_id", change->reference);
    if (!paypal_send(call, "POST", path.data, body, key, true, result, &answer, &json)) {
        return;
    }
    if (paypal_success(&answer)) {
        paypal_read_refund(json, result);
        exchange_copy_id(result->charge_id, sizeof(result->charge_id), capture_id);
        return;
    }
    paypal_read_error(answer.status, json, result);
}

/* "There is not as much left": a last word as well when the order is asked and shows no refund of
 * ours. An earlier send of ours that is still on its way will be refused in the same way. */
static const char *final_refusal(const char *code) {
    return strcmp(code, "CAPTURE_FULLY_REFUNDED") == 0   ? "already_refunded"
           : strcmp(code, "REFUND_AMOUNT_EXCEEDED") == 0 ? "amount_exceeded"
                                                         : NULL;
}

/* "It was done before": by us when a refund with our reference is there. When there is none, it was
 * given back by somebody else, and ours was refused. */
static void ask_refund(const struct gateway_call *call, const struct gateway_change *change,
                       struct gateway_result *result) {
    struct gateway_result now;
    const char *refusal = final_refusal(result->code);
    paypal_query_refund(call, change, &now);
    now.duration_us += result->duration_us;
    if (now.outcome == GW_NOT_FOUND && refusal != NULL) {
        result->outcome = GW_DECLINED;
        result->advice = ADVICE_STOP;
        exchange_common_code(result, refusal);
        return;
    }
    exchange_in_doubt(&now);
    *result = now;
}

/* Where the first call went, when that is written. Else our row's charge is the capture itself,
 * unless the payment was authorized first and the row still names the authorization: then there is
 * no such capture, and the order is asked for the right one. */
static void refund_somewhere(const struct gateway_call *call, const struct gateway_change *change,
                             const char *key, const char *amount_text,
                             struct gateway_result *result) {
    char capture_id[GATEWAY_ID_CHARS_MAX + 1];
    bool chosen = target_of(change)[0] != '\0';
    exchange_copy_id(capture_id, sizeof(capture_id),
                     chosen ? target_of(change) : change->payment.charge_id);
    if (capture_id[0] != '\0') {
        refund_capture(call, change, capture_id, key, amount_text, result);
        bool no_such_capture = result->http_status == 404 && result->outcome == GW_REJECTED_REQUEST;
        if (chosen || !no_such_capture || change->payment.gateway_id[0] == '\0') {
            return;
        }
    }
    if (look_up_capture(call, change, result, capture_id)) {
        refund_capture(call, change, capture_id, key, amount_text, result);
    }
}

void paypal_refund(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result) {
    char key[PAYPAL_KEY_CHARS_MAX];
    char amount_text[MONEY_TEXT_MAX];
    gateway_result_init(ret_result);
    if (!change_key(change, "refund", ret_result, key)) {
        return;
    }
    if (!paypal_amount(change->amount_minor, change->payment.currency, amount_text)) {
        exchange_refuse(ret_result, "invalid_amount",
                        "this amount cannot be said to PayPal in this currency");
        return;
    }
    refund_somewhere(call, change, key, amount_text, ret_result);
    if (paypal_code_is_done(ret_result->code) || final_refusal(ret_result->code) != NULL) {
        ask_refund(call, change, ret_result);
    }
}

static void query_refund_by_id(const struct gateway_call *call, const struct gateway_change *change,
                               struct gateway_result *result) {
    BUF_AUTO path;
    buf_init(&path, PAYPAL_URL_BYTES_MAX);
    paypal_path(&path, "/v2/payments/refunds/", change->refund_id, "");
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    if (!paypal_send(call, "GET", path.data, NULL, NULL, false, result, &answer, &json)) {
        return;
    }
    if (!paypal_success(&answer)) {
        paypal_read_missing(answer.status, json, result);
        return;
    }
    paypal_read_refund(json, result);
    if (result->refund_id[0] == '\0') {
        exchange_no_answer(result);
    }
}

/* Through the order, which lists its refunds with the reference that we gave them. */
static void query_refund_by_reference(const struct gateway_call *call,
                                      const struct gateway_change *change,
                                      struct gateway_result *result) {
    JSON_AUTO order = NULL;
    struct gateway_result shown;
    paypal_show_order(call, change->payment.gateway_id, change->payment.reference, &shown, &order);
    if (order == NULL) {
        *result = shown;
        if (shown.outcome == GW_NOT_FOUND) {
            result->outcome = GW_UNKNOWN; /* the order is gone; of the refund that says nothing */
        }
        return;
    }
    result->http_status = shown.http_status;
    result->reach = shown.reach;
    result->duration_us = shown.duration_us;
    const json_t *ours = refund_of_reference(order, change->reference);
    if (ours != NULL) {
        paypal_read_refund(ours, result);
        return;
    }
    result->outcome = GW_NOT_FOUND;
}

void paypal_query_refund(const struct gateway_call *call, const struct gateway_change *change,
                         struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    if (change->refund_id != NULL && change->refund_id[0] != '\0') {
        query_refund_by_id(call, change, ret_result);
    } else if (change->payment.gateway_id[0] != '\0') {
        query_refund_by_reference(call, change, ret_result);
    }
}
