/* SPDX-License-Identifier: Apache-2.0
 * wechat_callback.c: WeChat Pay's notifications: verified over the raw bytes, opened, and put into
 * our words. Each try of the same notification has a new time, nonce and signature, and the same
 * id, by which repeats are told from new ones. */
#include "base/clock.h"
#include "gateway/wechatpay/wechatpay.h"

static int read_transaction(const struct wechat_state *state, const json_t *plain,
                            struct gateway_event *event, struct err *err) {
    struct gateway_result result;
    gateway_result_init(&result);
    if (!wechat_check_account(state, plain, &result)) {
        return err_set(err, ERR_SIGNATURE, "the notification is for another account");
    }
    wechat_read_transaction(plain, &result);
    if (result.gateway_id[0] == '\0') {
        return err_set(err, ERR_BAD_REQUEST,
                       "the notification is genuine but names no order or no state");
    }
    event->subject = CALLBACK_PAYMENT;
    event->outcome = result.outcome == GW_UNKNOWN ? GW_NONE : result.outcome;
    event->amount_minor = result.amount_minor;
    event->currency = result.currency;
    exchange_copy_id(event->reference, sizeof(event->reference), result.gateway_id);
    exchange_copy_id(event->gateway_id, sizeof(event->gateway_id), result.gateway_id);
    exchange_copy_id(event->charge_id, sizeof(event->charge_id), result.charge_id);
    exchange_copy_id(event->order_id, sizeof(event->order_id),
                     json_peek_text(plain, "attach", NULL));
    return 0;
}

static int read_refund(const struct wechat_state *state, const json_t *plain,
                       struct gateway_event *event, struct err *err) {
    const char *mchid = json_peek_text(plain, "mchid", NULL);
    const char *reference = json_peek_text(plain, "out_refund_no", NULL);
    const char *status = json_peek_text(plain, "refund_status", NULL);
    if (mchid == NULL || strcmp(mchid, state->mchid) != 0) {
        return err_set(err, ERR_SIGNATURE, "the notification is for another account");
    }
    if (reference == NULL || status == NULL) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the notification is genuine but names no refund or no state");
    }
    event->subject = CALLBACK_REFUND;
    event->outcome = wechat_refund_outcome(status);
    event->outcome = event->outcome == GW_UNKNOWN ? GW_NONE : event->outcome;
    event->amount_minor = json_peek_int(plain, -1, "amount", "refund", NULL);
    if (event->amount_minor >= 0) {
        event->currency = currency_stored("CNY"); /* refunds are told of without a currency */
    } else {
        event->amount_minor = -1;
    }
    exchange_copy_id(event->reference, sizeof(event->reference), reference);
    exchange_copy_id(event->refund_id, sizeof(event->refund_id),
                     json_peek_text(plain, "refund_id", NULL));
    exchange_copy_id(event->gateway_id, sizeof(event->gateway_id),
                     json_peek_text(plain, "out_trade_no", NULL));
    exchange_copy_id(event->charge_id, sizeof(event->charge_id),
                     json_peek_text(plain, "transaction_id", NULL));
    return 0;
}

static bool begins_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static int read_envelope(const json_t *json, struct gateway_event *event, struct err *err) {
    const char *id = json_peek_text(json, "id", NULL);
    const char *type = json_peek_text(json, "event_type", NULL);
    const char *time = json_peek_text(json, "create_time", NULL);
    if (id == NULL || type == NULL || id[0] == '\0' || type[0] == '\0' ||
        strlen(id) > GATEWAY_ID_CHARS_MAX || strlen(type) > GATEWAY_CODE_CHARS_MAX) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the notification is signed, but its id or event_type is missing, empty or "
                       "too long");
    }
    exchange_copy_id(event->event_id, sizeof(event->event_id), id);
    exchange_copy_id(event->type, sizeof(event->type), type);
    if (time == NULL || !clock_parse(time, &event->event_us)) {
        event->event_us = 0;
    }
    event->subject = CALLBACK_OTHER;
    event->amount_minor = -1;
    return 0;
}

/* What is inside: JSON sealed under our APIv3 key. */
static int open_resource(const struct gateway *gateway, const json_t *json, json_t **ret_plain,
                         struct err *err) {
    size_t count = 0;
    char *plain = wechat_open_with(gateway, json_peek(json, "resource", NULL), &count);
    if (plain == NULL) {
        err_set(err, ERR_SIGNATURE, "the notification's resource cannot be opened");
        return err_hint(err, "Check the credential api_v3_key; after a reset of the key the one "
                             "before goes into api_v3_key_old.");
    }
    int rc = json_read(plain, count, EXCHANGE_ANSWER_BYTES_MAX, EXCHANGE_DEPTH_MAX, ret_plain, err);
    free(plain);
    return rc == 0 ? 0
                   : err_set(err, ERR_BAD_REQUEST,
                             "the notification is genuine but what is inside is not valid JSON");
}

int wechat_verify_callback(const struct gateway_call *call,
                           const struct gateway_callback_request *request,
                           struct gateway_event *ret_event, struct err *err) {
    struct wechat_state *state = call->gateway->state;
    struct wechat_message message;
    struct gateway_event event = {0};
    JSON_AUTO json = NULL;
    JSON_AUTO plain = NULL;
    wechat_message_of(request->headers, request->header_count, request->body, request->body_bytes,
                      &message);
    int rc = wechat_message_check(&state->keys, call, &message, request->now_us, err);
    if (rc < 0) {
        return rc;
    }
    if (json_read(request->body, request->body_bytes, EXCHANGE_ANSWER_BYTES_MAX, EXCHANGE_DEPTH_MAX,
                  &json, err) < 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the notification is signed but its body is not valid JSON");
    }
    rc = read_envelope(json, &event, err);
    rc = rc == 0 ? open_resource(call->gateway, json, &plain, err) : rc;
    if (rc == 0 && begins_with(event.type, "TRANSACTION.")) {
        rc = read_transaction(state, plain, &event, err);
    } else if (rc == 0 && begins_with(event.type, "REFUND.")) {
        rc = read_refund(state, plain, &event, err);
    }
    if (rc == 0) {
        *ret_event = event;
    }
    return rc;
}
