/* SPDX-License-Identifier: Apache-2.0
 * wechat_refunds.c: giving money back. An out_refund_no is executed once; a repeat with the same
 * amounts shows the refund as it stands. That it was accepted is not yet success: PROCESSING waits
 * for the notification or a question. */
#include "gateway/wechatpay/wechatpay.h"

/* WeChat Pay's limit is 80 bytes; these are what the customer reads. */
static const char *reason_of(const char *reason) {
    static const struct {
        const char *ours, *shown;
    } reasons[] = {
        {"requested_by_customer", "Requested by customer"},
        {"duplicate", "Duplicate payment"},
        {"fraudulent", "Payment not authorised"},
    };
    for (size_t i = 0; reason != NULL && i < COUNT_OF(reasons); i++) {
        if (strcmp(reasons[i].ours, reason) == 0) {
            return reasons[i].shown;
        }
    }
    return NULL;
}

static json_t *refund_json(const struct gateway *gateway, const struct gateway_change *change) {
    /* The order is named by our number only: theirs may be known at one try and not at another, and
     * a repeat must be the same request. */
    json_t *refund = json_pack("{s:s,s:s}", "out_trade_no", change->payment.reference,
                               "out_refund_no", change->reference);
    const char *reason = reason_of(change->reason);
    if (reason != NULL) {
        json_object_set_new(refund, "reason", json_string(reason));
    }
    json_object_set_new(refund, "notify_url", json_string(gateway->callback_url));
    json_object_set_new(refund, "amount",
                        json_pack("{s:I,s:I,s:s}", "refund", (json_int_t)change->amount_minor,
                                  "total", (json_int_t)change->payment.amount_minor, "currency",
                                  "CNY"));
    return refund;
}

static bool can_ask(const struct gateway_change *change, struct gateway_result *result) {
    if (!exchange_reference_ok(change->reference) ||
        !exchange_reference_ok(change->payment.reference) ||
        strlen(change->payment.reference) > WECHAT_REFERENCE_CHARS_MAX) {
        exchange_refuse(result, "invalid_request",
                        "the references cannot be an out_trade_no and an out_refund_no");
        return false;
    }
    return true;
}

/* An answer about another refund is no answer about ours. */
static void read_own(const json_t *json, const struct gateway_change *change,
                     struct gateway_result *result) {
    const char *theirs = json_peek_text(json, "out_refund_no", NULL);
    if (theirs != NULL && strcmp(theirs, change->reference) != 0) {
        exchange_common_code(result, "reference_mismatch");
        exchange_copy_text(result->message, sizeof(result->message),
                           "WeChat Pay answered about another refund than the one asked about");
        return;
    }
    wechat_read_refund(json, result);
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id), change->payment.reference);
}

void wechat_refund(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    if (!can_ask(change, ret_result)) {
        return;
    }
    if (strcmp(change->payment.currency.code, "CNY") != 0 || change->amount_minor < 1 ||
        change->amount_minor > change->payment.amount_minor) {
        exchange_refuse(ret_result, "invalid_amount",
                        "a refund is 0.01 CNY or more, and no more than its payment");
        return;
    }
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    JSON_AUTO body = refund_json(call->gateway, change);
    const struct wechat_request request = {.method = "POST",
                                           .target = "/v3/refund/domestic/refunds",
                                           .body = body,
                                           .moves_money = true};
    if (!wechat_send(call, &request, ret_result, &answer, &json)) {
        return;
    }
    if (wechat_success(&answer)) {
        read_own(json, change, ret_result);
        return;
    }
    wechat_read_error(answer.status, json, WECHAT_ERRORS_OF_REFUND, ret_result);
    if (ret_result->outcome == GW_NOT_FOUND || ret_result->outcome == GW_DECLINED ||
        ret_result->outcome == GW_CANCELED) {
        ret_result->outcome = GW_REJECTED_REQUEST; /* said of the order, not of a refund */
    }
}

void wechat_query_refund(const struct gateway_call *call, const struct gateway_change *change,
                         struct gateway_result *ret_result) {
    char target[WECHAT_TARGET_BYTES_MAX];
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    gateway_result_init(ret_result);
    if (!can_ask(change, ret_result)) {
        return;
    }
    snprintf(target, sizeof(target), "/v3/refund/domestic/refunds/%s", change->reference);
    const struct wechat_request request = {.method = "GET", .target = target};
    if (!wechat_send(call, &request, ret_result, &answer, &json)) {
        return;
    }
    if (wechat_success(&answer)) {
        read_own(json, change, ret_result);
        return;
    }
    wechat_read_error(answer.status, json, WECHAT_ERRORS_OF_REFUND, ret_result);
    if (ret_result->outcome != GW_NOT_FOUND) {
        exchange_no_answer(ret_result);
    }
}

void wechat_capture(const struct gateway_call *call, const struct gateway_change *change,
                    struct gateway_result *ret_result) {
    (void)call;
    (void)change;
    gateway_result_init(ret_result);
    exchange_refuse(ret_result, "wrong_state", "WeChat Pay takes money at once; nothing is held");
}
