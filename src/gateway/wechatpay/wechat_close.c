/* SPDX-License-Identifier: Apache-2.0
 * wechat_close.c: ending an order that waits for its customer: closed, or, where a bar code was
 * read, reversed; and seen to be so. Closing may be repeated, and races with the customer's
 * payment: only what the order says afterwards counts. */
#include "base/clock.h"
#include "base/plant.h"
#include "gateway/wechatpay/wechatpay.h"

enum { LOOKS_MAX = 3 };
#define PAUSE_US (200 * US_PER_MS)

static void look_until_closed(const struct gateway_call *call, const char *reference,
                              struct gateway_result *result) {
    int64_t spent_us = result->duration_us;
    for (int i = 0; i < LOOKS_MAX; i++) {
        wechat_ask_order(call, reference, result);
        spent_us += result->duration_us;
        result->duration_us = spent_us;
        bool open = result->outcome == GW_ACTION_NEEDED || result->outcome == GW_PENDING;
        if (!open || i + 1 == LOOKS_MAX || call->deadline_us - clock_mono_us() < 2 * PAUSE_US) {
            break;
        }
        task_sleep_us(PAUSE_US);
    }
    exchange_in_doubt(result);
    if (result->outcome == GW_ACTION_NEEDED || result->outcome == GW_PENDING) {
        result->outcome = GW_UNKNOWN; /* it said that it closed it, and has not yet */
        result->advice = ADVICE_LATER;
    }
}

void wechat_close_order(const struct gateway_call *call, const char *reference, bool codepay,
                        struct gateway_result *result) {
    const struct wechat_state *state = call->gateway->state;
    char target[WECHAT_TARGET_BYTES_MAX];
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    JSON_AUTO body = codepay ? json_pack("{s:s,s:s}", "appid", state->appid, "mchid", state->mchid)
                             : json_pack("{s:s}", "mchid", state->mchid);
    snprintf(target, sizeof(target), "/v3/pay/transactions/out-trade-no/%s/%s", reference,
             codepay ? "reverse" : "close");
    const struct wechat_request request = {
        .method = "POST", .target = target, .body = body, .moves_money = true};
    gateway_result_init(result);
    if (PLANTED(CLOSE_NOT_SENT)) {
        result->outcome = GW_CANCELED;
        return;
    }
    if (!wechat_send(call, &request, result, &answer, &json)) {
        return;
    }
    bool ask = wechat_success(&answer);
    if (!ask) {
        wechat_read_error(answer.status, json, WECHAT_ERRORS_OF_ANY, result);
        ask = wechat_code_is_done(result->code) || result->outcome == GW_CANCELED;
    }
    if (ask) {
        look_until_closed(call, reference, result);
    }
}

void wechat_cancel(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result) {
    const char *reference = change->payment.reference;
    gateway_result_init(ret_result);
    if (!exchange_reference_ok(reference) || strlen(reference) > WECHAT_REFERENCE_CHARS_MAX) {
        exchange_refuse(ret_result, "invalid_request", "the reference cannot be an out_trade_no");
        return;
    }
    wechat_close_order(call, reference, wechat_is_bar_code(change->payment.token), ret_result);
}
