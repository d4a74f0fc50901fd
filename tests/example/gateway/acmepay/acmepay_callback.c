/* SPDX-License-Identifier: Apache-2.0
 * acmepay_callback.c: Acme Pay's callbacks: verified over the raw bytes, then put into our words.
 */
#include "gateway/acmepay/acmepay.h"

#include "base/clock.h"

static int check(const struct gateway *gateway, const struct gateway_callback_request *request,
                 struct err *err) {
    const struct secret *secret = gateway_credential(gateway, "callback_secret");
    const char *time = http_header_find(request->headers, request->header_count, "Acme-Time");
    const char *signature = http_header_find(request->headers, request->header_count,
                                             "Acme-Signature");
    if (time == NULL || signature == NULL) {
        return err_set(err, ERR_SIGNATURE, "the callback has no Acme-Time or no Acme-Signature");
    }
    if (!acmepay_time_ok(time, request->now_us / US_PER_SECOND)) {
        err_set(err, ERR_SIGNATURE, "the callback was not signed within the last %d s",
                ACMEPAY_TOLERANCE_S);
        return err_hint(err, "If all are refused, check this machine's clock.");
    }
    return acmepay_signed(secret_bytes(secret), secret_count(secret), time, ACMEPAY_CALLBACK,
                          request->body, request->body_bytes, signature)
               ? 0
               : err_set(err, ERR_SIGNATURE,
                         "the callback was not signed with this gateway's secret");
}

static int read_event(const json_t *json, struct gateway_event *event, struct err *err) {
    const char *id = json_peek_text(json, "id", NULL);
    const char *type = json_peek_text(json, "type", NULL);
    const json_t *object = json_peek(json, "object", NULL);
    const char *reference = json_peek_text(object, "reference", NULL);
    struct gateway_result result;
    gateway_result_init(&result);
    if (id == NULL || type == NULL || id[0] == '\0' || strlen(id) > GATEWAY_ID_CHARS_MAX ||
        strlen(type) > GATEWAY_CODE_CHARS_MAX) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the callback is signed but is no event of Acme Pay's");
    }
    exchange_copy_id(event->event_id, sizeof(event->event_id), id);
    exchange_copy_id(event->type, sizeof(event->type), type);
    int64_t at_s = json_peek_int(json, 0, "at", NULL);
    event->event_us = at_s > 0 && at_s < INT64_MAX / US_PER_SECOND ? at_s * US_PER_SECOND : 0;
    event->subject = CALLBACK_OTHER;
    event->amount_minor = -1;
    if (reference != NULL && strcmp(type, "charge.changed") == 0) {
        event->subject = CALLBACK_PAYMENT;
        acmepay_read_charge(object, reference, &result);
    } else if (reference != NULL && strcmp(type, "refund.changed") == 0) {
        event->subject = CALLBACK_REFUND;
        acmepay_read_refund(object, reference, &result);
    }
    if (event->subject == CALLBACK_OTHER) {
        return 0;
    }
    exchange_copy_id(event->reference, sizeof(event->reference), reference);
    exchange_copy_id(event->gateway_id, sizeof(event->gateway_id), result.gateway_id);
    exchange_copy_id(event->charge_id, sizeof(event->charge_id), result.charge_id);
    exchange_copy_id(event->refund_id, sizeof(event->refund_id), result.refund_id);
    exchange_copy_id(event->order_id, sizeof(event->order_id),
                     json_peek_text(object, "order", NULL));
    event->outcome = result.outcome == GW_UNKNOWN ? GW_NONE : result.outcome;
    event->amount_minor = result.amount_minor;
    event->currency = result.currency;
    return 0;
}

int acmepay_verify_callback(const struct gateway_call *call,
                            const struct gateway_callback_request *request,
                            struct gateway_event *ret_event, struct err *err) {
    struct gateway_event event = {0};
    JSON_AUTO json = NULL;
    int rc = check(call->gateway, request, err);
    if (rc < 0) {
        return rc;
    }
    if (json_read(request->body, request->body_bytes, EXCHANGE_ANSWER_BYTES_MAX, EXCHANGE_DEPTH_MAX,
                  &json, err) < 0) {
        return err_set(err, ERR_BAD_REQUEST, "the callback is signed but its body is no JSON");
    }
    rc = read_event(json, &event, err);
    if (rc == 0) {
        *ret_event = event;
    }
    return rc;
}
