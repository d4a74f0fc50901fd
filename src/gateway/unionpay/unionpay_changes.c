/* SPDX-License-Identifier: Apache-2.0
 * unionpay_changes.c: completing and undoing what was held, refunds. Each is a transaction of its
 * own with its own orderId and txnTime, and names what it is of by that one's queryId. */
#include <string.h>

#include "gateway/unionpay/unionpay.h"

static bool change_order(const struct gateway_change *change, struct unionpay_order *ret_order,
                         struct gateway_result *result) {
    if (!unionpay_order_of(change->reference, change->created_us, ret_order)) {
        exchange_refuse(result, "invalid_request", "the reference cannot name an order there");
        return false;
    }
    return true;
}

static bool amount_ok(const struct gateway_change *change, struct gateway_result *result) {
    if (change->amount_minor < 1 || change->amount_minor > AMOUNT_MINOR_MAX ||
        strcmp(change->payment.currency.code, "CNY") != 0) {
        exchange_refuse(result, "invalid_amount", "this amount cannot be said to UnionPay");
        return false;
    }
    return true;
}

/* Sends one change. True: accepted, or perhaps done before or being done: it is asked about. */
static bool send_change(const struct gateway_call *call, const char *txn_type,
                        const struct unionpay_order *order, int64_t amount_minor,
                        const char *query_id, struct gateway_result *result) {
    char amount[24];
    UNIONPAY_MESSAGE_AUTO request = {0};
    UNIONPAY_MESSAGE_AUTO answer = {0};
    unionpay_begin(call->gateway, &request, txn_type, "00", order);
    snprintf(amount, sizeof(amount), "%lld", (long long)amount_minor);
    unionpay_set(&request, "channelType", "07");
    unionpay_set(&request, "txnAmt", amount);
    unionpay_set(&request, "currencyCode", "156");
    unionpay_set(&request, "origQryId", query_id);
    unionpay_set(&request, "backUrl", call->gateway->callback_url);
    if (!unionpay_send(call, UNIONPAY_BACK_PATH, &request, true, result, &answer)) {
        return false;
    }
    if (unionpay_is_done(result->code)) {
        exchange_copy_id(result->charge_id, sizeof(result->charge_id),
                         unionpay_get(&answer, "queryId"));
        result->outcome = GW_PENDING; /* "00" says that it was accepted */
        result->code[0] = '\0';
        return true;
    }
    unionpay_read_refusal(&answer, result);
    return result->outcome == GW_UNKNOWN;
}

/* Which way it went, after it was accepted or may have been done: what cannot be told stays as the
 * send left it. */
static void ask_after(const struct gateway_call *call, const struct unionpay_order *order,
                      enum gateway_outcome done, struct gateway_result *result) {
    struct gateway_result now;
    gateway_result_init(&now);
    bool there = unionpay_ask(call, order, done, &now);
    now.duration_us += result->duration_us;
    if (there && now.outcome != GW_UNKNOWN) {
        *result = now;
    } else {
        result->duration_us = now.duration_us;
    }
}

/* An undoing is a transaction of its own and charges nothing. Its name shows that it was made: what
 * was held answers as before, whatever has become of it. */
static void move_undoing(struct gateway_result *result) {
    exchange_copy_id(result->refund_id, sizeof(result->refund_id), result->charge_id);
    result->charge_id[0] = '\0';
}

bool unionpay_ask_change(const struct gateway_call *call, const struct gateway_change *change,
                         enum gateway_outcome done, struct gateway_result *result) {
    struct unionpay_order order;
    if (!unionpay_order_of(change->reference, change->created_us, &order)) {
        result->outcome = GW_NOT_FOUND;
        return false;
    }
    bool there = unionpay_ask(call, &order, done, result);
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id), change->payment.gateway_id);
    if (done == GW_CANCELED) {
        move_undoing(result);
    }
    if (result->outcome == GW_CHARGED) {
        result->captured_minor = result->amount_minor;
    }
    return there;
}

/* A look found that there is nothing to change. What it could not tell has changed nothing. */
static void nothing_to_change(struct gateway_result *result, const char *message) {
    if (result->outcome == GW_UNKNOWN) {
        result->outcome = GW_UNAVAILABLE;
        result->advice = ADVICE_LATER;
    } else if (!gateway_outcome_is_fault(result->outcome)) {
        exchange_refuse(result, "wrong_state", message);
    }
}

/* The queryId of what is held. False: the result says why nothing is to be sent. */
static bool held(const struct gateway_call *call, const struct gateway_change *change,
                 struct gateway_result *result, char ret_id[GATEWAY_ID_CHARS_MAX + 1]) {
    struct gateway_lookup lookup = change->payment;
    lookup.hold = true;
    lookup.change = NULL;
    unionpay_query(call, &lookup, result);
    if (result->outcome != GW_AUTHORIZED) {
        nothing_to_change(result, "nothing is held for this payment, says UnionPay");
        return false;
    }
    exchange_copy_id(ret_id, GATEWAY_ID_CHARS_MAX + 1, result->gateway_id);
    int64_t duration_us = result->duration_us;
    gateway_result_init(result);
    result->duration_us = duration_us;
    return true;
}

void unionpay_capture(const struct gateway_call *call, const struct gateway_change *change,
                      struct gateway_result *ret_result) {
    struct unionpay_order order;
    char query_id[GATEWAY_ID_CHARS_MAX + 1] = "";
    gateway_result_init(ret_result);
    if (!change_order(change, &order, ret_result) || !amount_ok(change, ret_result)) {
        return;
    }
    if (!change->final && change->amount_minor < change->payment.amount_minor) {
        exchange_refuse(ret_result, "invalid_request",
                        "UnionPay completes a hold once; the rest is released");
        return;
    }
    exchange_copy_id(query_id, sizeof(query_id), change->payment.gateway_id);
    if (query_id[0] == '\0' && !held(call, change, ret_result, query_id)) {
        return;
    }
    if (send_change(call, UNIONPAY_COMPLETE, &order, change->amount_minor, query_id, ret_result)) {
        ask_after(call, &order, GW_CHARGED, ret_result);
    }
    if (ret_result->outcome == GW_CHARGED) {
        ret_result->captured_minor = ret_result->amount_minor;
    }
    exchange_copy_id(ret_result->gateway_id, sizeof(ret_result->gateway_id), query_id);
}

static void undo_hold(const struct gateway_call *call, const struct gateway_change *change,
                      const struct unionpay_order *order, const char *query_id,
                      struct gateway_result *result) {
    if (send_change(call, UNIONPAY_HOLD_UNDO, order, change->payment.amount_minor, query_id,
                    result)) {
        ask_after(call, order, GW_CANCELED, result);
    }
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id), query_id);
    move_undoing(result);
}

/* An order that waits cannot be closed: its cancellation is under way until payTimeout has passed,
 * and then says CANCELED, or CHARGED when the customer was faster. */
void unionpay_cancel(const struct gateway_call *call, const struct gateway_change *change,
                     struct gateway_result *ret_result) {
    struct unionpay_order order;
    struct gateway_lookup lookup = change->payment;
    gateway_result_init(ret_result);
    if (!change_order(change, &order, ret_result)) {
        return;
    }
    lookup.change = NULL;
    unionpay_query(call, &lookup, ret_result);
    if (ret_result->outcome == GW_AUTHORIZED) {
        char query_id[GATEWAY_ID_CHARS_MAX + 1];
        exchange_copy_id(query_id, sizeof(query_id), ret_result->gateway_id);
        int64_t duration_us = ret_result->duration_us;
        gateway_result_init(ret_result);
        ret_result->duration_us = duration_us;
        undo_hold(call, change, &order, query_id, ret_result);
    } else if (ret_result->outcome == GW_ACTION_NEEDED) {
        ret_result->outcome = GW_PENDING;
        ret_result->advice = ADVICE_LATER;
        exchange_common_code(ret_result, "cannot_close");
        exchange_copy_text(ret_result->message, sizeof(ret_result->message),
                           "UnionPay has no call that closes an order; it ends at its payTimeout");
    } else if (ret_result->outcome == GW_UNKNOWN) {
        nothing_to_change(ret_result, "");
    }
}

/* ---- refunds ---- */

/* The queryId of what was taken: the completion's or the payment's own. */
static bool paid(const struct gateway_call *call, const struct gateway_change *change,
                 struct gateway_result *result, char ret_id[GATEWAY_ID_CHARS_MAX + 1]) {
    struct gateway_lookup lookup = change->payment;
    exchange_copy_id(ret_id, GATEWAY_ID_CHARS_MAX + 1, lookup.charge_id);
    if (ret_id[0] != '\0') {
        return true;
    }
    if (lookup.hold) {
        exchange_refuse(result, "wrong_state", "nothing is known to have been taken of this hold");
        return false;
    }
    exchange_copy_id(ret_id, GATEWAY_ID_CHARS_MAX + 1, lookup.gateway_id);
    if (ret_id[0] != '\0') {
        return true;
    }
    lookup.change = NULL;
    unionpay_query(call, &lookup, result);
    if (result->outcome != GW_CHARGED) {
        nothing_to_change(result, "this payment is not paid, says UnionPay");
        return false;
    }
    exchange_copy_id(ret_id, GATEWAY_ID_CHARS_MAX + 1, result->charge_id);
    int64_t duration_us = result->duration_us;
    gateway_result_init(result);
    result->duration_us = duration_us;
    return true;
}

/* In a result about a refund, the refund's queryId is its name, and the rest is the payment's. */
static void name_refund(const struct gateway_change *change, struct gateway_result *result) {
    exchange_copy_id(result->refund_id, sizeof(result->refund_id), result->charge_id);
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id), change->payment.gateway_id);
    exchange_copy_id(result->charge_id, sizeof(result->charge_id), change->payment.charge_id);
}

void unionpay_refund(const struct gateway_call *call, const struct gateway_change *change,
                     struct gateway_result *ret_result) {
    struct unionpay_order order;
    char query_id[GATEWAY_ID_CHARS_MAX + 1];
    gateway_result_init(ret_result);
    if (!change_order(change, &order, ret_result) || !amount_ok(change, ret_result) ||
        !paid(call, change, ret_result, query_id)) {
        return;
    }
    if (send_change(call, UNIONPAY_REFUND, &order, change->amount_minor, query_id, ret_result) &&
        ret_result->outcome == GW_UNKNOWN) {
        ask_after(call, &order, GW_REFUNDED, ret_result);
    }
    if (ret_result->outcome == GW_PENDING && ret_result->amount_minor < 0) {
        ret_result->amount_minor = change->amount_minor;
        ret_result->currency = change->payment.currency;
    }
    name_refund(change, ret_result);
}

void unionpay_query_refund(const struct gateway_call *call, const struct gateway_change *change,
                           struct gateway_result *ret_result) {
    struct unionpay_order order;
    gateway_result_init(ret_result);
    if (!unionpay_order_of(change->reference, change->created_us, &order)) {
        ret_result->outcome = GW_NOT_FOUND; /* change_order() let no such refund be sent */
        return;
    }
    if (unionpay_ask(call, &order, GW_REFUNDED, ret_result)) {
        name_refund(change, ret_result);
    }
}
