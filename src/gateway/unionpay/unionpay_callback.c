/* SPDX-License-Identifier: Apache-2.0
 * unionpay_callback.c: UnionPay's notifies: a form, verified and put into our words.
 *
 * A notify does not say when it was sent, so a replay of an old one cannot be told from one of the
 * repeats that UnionPay makes. It is the same event then (order, time, type and result), and it is
 * only a hint. One whose transaction is older than WINDOW_US, or from the future, is refused. */
#include <string.h>

#include "base/clock.h"
#include "gateway/unionpay/unionpay.h"

#define WINDOW_US (INT64_C(7) * 24 * 3600 * US_PER_SECOND)
#define AHEAD_US (600 * US_PER_SECOND)

/* By txnType: what a notify is about, and what it says when it went through. */
static const struct {
    const char *txn_type;
    enum callback_subject subject;
    enum gateway_outcome done;
    bool of_another; /* it names the payment by origQryId */
} types[] = {
    {UNIONPAY_CONSUME, CALLBACK_PAYMENT, GW_CHARGED, false},
    {UNIONPAY_HOLD, CALLBACK_PAYMENT, GW_AUTHORIZED, false},
    {UNIONPAY_COMPLETE, CALLBACK_PAYMENT, GW_CHARGED, true},
    {UNIONPAY_HOLD_UNDO, CALLBACK_PAYMENT, GW_CANCELED, true},
    {UNIONPAY_REFUND, CALLBACK_REFUND, GW_REFUNDED, true},
};

static void read_ids(const struct unionpay_message *message, size_t type,
                     struct gateway_event *event) {
    const char *query_id = unionpay_get(message, "queryId");
    const char *of = unionpay_get(message, "origQryId");
    unionpay_reference_of(unionpay_get(message, "orderId"), event->reference);
    if (!types[type].of_another) {
        exchange_copy_id(event->gateway_id, sizeof(event->gateway_id), query_id);
        if (types[type].done == GW_CHARGED) {
            exchange_copy_id(event->charge_id, sizeof(event->charge_id), query_id);
        }
    } else if (event->subject == CALLBACK_REFUND) {
        exchange_copy_id(event->refund_id, sizeof(event->refund_id), query_id);
        exchange_copy_id(event->charge_id, sizeof(event->charge_id), of);
    } else {
        exchange_copy_id(event->gateway_id, sizeof(event->gateway_id), of);
        if (types[type].done == GW_CHARGED) {
            exchange_copy_id(event->charge_id, sizeof(event->charge_id), query_id);
        }
    }
}

static void read_event(const struct unionpay_message *message, struct gateway_event *event) {
    const char *txn_type = unionpay_get(message, "txnType");
    const char *code = unionpay_get(message, "respCode");
    event->subject = CALLBACK_OTHER;
    event->amount_minor = -1;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (strcmp(types[i].txn_type, txn_type) != 0) {
            continue;
        }
        event->subject = types[i].subject;
        enum gateway_outcome outcome = unionpay_ended(code, types[i].done);
        /* That a completion or an undoing failed says nothing against the payment. */
        bool other = types[i].of_another && event->subject == CALLBACK_PAYMENT;
        event->outcome = outcome == GW_UNKNOWN || (other && outcome != types[i].done) ? GW_NONE
                                                                                      : outcome;
        if (!types[i].of_another) {
            exchange_copy_id(event->order_id, sizeof(event->order_id),
                             unionpay_get(message, "reqReserved"));
        }
        if (types[i].done != GW_CANCELED) {
            event->amount_minor = unionpay_read_amount(message, &event->currency);
        }
        read_ids(message, i, event);
    }
}

static int read_name(const struct unionpay_message *message, int64_t now_us,
                     struct gateway_event *event, struct err *err) {
    const char *order_id = unionpay_get(message, "orderId");
    const char *time = unionpay_get(message, "txnTime");
    const char *txn_type = unionpay_get(message, "txnType");
    const char *code = unionpay_get(message, "respCode");
    size_t chars = strlen(order_id);
    if (chars == 0 || chars > UNIONPAY_ORDER_CHARS_MAX || strlen(txn_type) != 2 ||
        strlen(code) != 2 || !unionpay_time_read(time, &event->event_us)) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the notify is signed but orderId, txnTime, txnType or respCode is "
                       "missing or wrong");
    }
    if (event->event_us < now_us - WINDOW_US || event->event_us > now_us + AHEAD_US) {
        return err_set(err, ERR_SIGNATURE,
                       "the notify is about a transaction of more than seven days ago, or of "
                       "the future");
    }
    snprintf(event->event_id, sizeof(event->event_id), "%s.%s.%s.%s", order_id, time, txn_type,
             code);
    snprintf(event->type, sizeof(event->type), "%s", txn_type);
    return 0;
}

int unionpay_verify_callback(const struct gateway_call *call,
                             const struct gateway_callback_request *request,
                             struct gateway_event *ret_event, struct err *err) {
    UNIONPAY_MESSAGE_AUTO message = {0};
    struct gateway_event event = {0};
    if (unionpay_message_read_form(&message, request->body, request->body_bytes,
                                   UNIONPAY_MESSAGE_BYTES_MAX, err) < 0) {
        return err_set(err, ERR_SIGNATURE, "the notify is no form of UnionPay's");
    }
    int rc = unionpay_check(call->gateway, &message, request->now_us, err);
    if (rc == 0) {
        rc = read_name(&message, request->now_us, &event, err);
    }
    if (rc < 0) {
        return rc;
    }
    read_event(&message, &event);
    *ret_event = event;
    return 0;
}
