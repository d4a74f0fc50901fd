/* SPDX-License-Identifier: Apache-2.0
 * paypal_callback.c: PayPal's webhooks: verified over the raw bytes, then put into our words.
 *
 * Freshness: PAYPAL-TRANSMISSION-TIME must lie within five minutes of our clock. PayPal's
 * documentation calls it the time of the transmission, and it repeats a delivery that failed for
 * three days; this assumes that each repeat is a transmission of its own with a new time and
 * signature. If one ever kept its first time it would be refused here and the payment found by
 * query instead, late but not lost. */
#include "gateway/paypal/paypal.h"

#include <inttypes.h>

#include "base/clock.h"

#define WINDOW_US (300 * US_PER_SECOND)

/* What the resource of an event is, and what the event says of it where the resource's own status
 * is not enough (GW_NONE: the status says). */
enum resource_kind {
    RESOURCE_ORDER,
    RESOURCE_CAPTURE,
    RESOURCE_AUTHORIZATION,
    RESOURCE_REFUND,
    RESOURCE_REVERSAL,
    RESOURCE_DISPUTE
};
static const struct {
    const char *type;
    enum resource_kind kind;
    enum gateway_outcome outcome;
} types[] = {
    {"CHECKOUT.ORDER.APPROVED", RESOURCE_ORDER, GW_APPROVED},
    {"CHECKOUT.ORDER.COMPLETED", RESOURCE_ORDER, GW_NONE},
    {"CHECKOUT.ORDER.SAVED", RESOURCE_ORDER, GW_NONE},
    {"CHECKOUT.ORDER.VOIDED", RESOURCE_ORDER, GW_CANCELED},
    {"CHECKOUT.ORDER.DECLINED", RESOURCE_ORDER, GW_DECLINED},
    {"CHECKOUT.PAYMENT-APPROVAL.REVERSED", RESOURCE_REVERSAL, GW_CANCELED},
    {"PAYMENT.CAPTURE.COMPLETED", RESOURCE_CAPTURE, GW_NONE},
    {"PAYMENT.CAPTURE.PENDING", RESOURCE_CAPTURE, GW_NONE},
    {"PAYMENT.CAPTURE.DENIED", RESOURCE_CAPTURE, GW_DECLINED},
    {"PAYMENT.CAPTURE.DECLINED", RESOURCE_CAPTURE, GW_DECLINED},
    {"PAYMENT.CAPTURE.REFUNDED", RESOURCE_REFUND, GW_NONE},
    {"PAYMENT.CAPTURE.REVERSED", RESOURCE_REFUND, GW_NONE},
    {"PAYMENT.AUTHORIZATION.CREATED", RESOURCE_AUTHORIZATION, GW_NONE},
    {"PAYMENT.AUTHORIZATION.VOIDED", RESOURCE_AUTHORIZATION, GW_CANCELED},
    {"PAYMENT.REFUND.PENDING", RESOURCE_REFUND, GW_NONE},
    {"PAYMENT.REFUND.FAILED", RESOURCE_REFUND, GW_DECLINED},
    {"CUSTOMER.DISPUTE.CREATED", RESOURCE_DISPUTE, GW_NONE},
    {"CUSTOMER.DISPUTE.UPDATED", RESOURCE_DISPUTE, GW_NONE},
    {"CUSTOMER.DISPUTE.RESOLVED", RESOURCE_DISPUTE, GW_NONE},
};

/* The last part of the path of the link with that rel: the id of what it leads to. */
static void copy_linked_id(char *to, size_t bytes, const json_t *resource, const char *rel,
                           const char *folder) {
    const char *href = paypal_link(resource, rel);
    const char *found = href != NULL ? strstr(href, folder) : NULL;
    if (found != NULL && strpbrk(found + strlen(folder), "/?#") == NULL) {
        exchange_copy_id(to, bytes, found + strlen(folder));
    }
}

static void read_order(const json_t *resource, struct gateway_event *event) {
    struct gateway_result result;
    gateway_result_init(&result);
    paypal_read_order(resource, &result);
    event->outcome = result.outcome;
    event->amount_minor = result.amount_minor;
    event->currency = result.currency;
    const json_t *unit = paypal_unit(resource);
    exchange_copy_id(event->gateway_id, sizeof(event->gateway_id), result.gateway_id);
    exchange_copy_id(event->charge_id, sizeof(event->charge_id), result.charge_id);
    exchange_copy_id(event->reference, sizeof(event->reference),
                     json_peek_text(unit, "custom_id", NULL));
    exchange_copy_id(event->order_id, sizeof(event->order_id),
                     json_peek_text(unit, "reference_id", NULL));
}

static void read_payment(const json_t *resource, enum resource_kind kind,
                         struct gateway_event *event) {
    const char *status = json_peek_text(resource, "status", NULL);
    event->outcome = kind == RESOURCE_CAPTURE ? paypal_capture_outcome(status)
                                              : paypal_authorization_outcome(status);
    event->amount_minor = paypal_read_amount(json_peek(resource, "amount", NULL), &event->currency);
    exchange_copy_id(event->charge_id, sizeof(event->charge_id),
                     json_peek_text(resource, "id", NULL));
    exchange_copy_id(
        event->gateway_id, sizeof(event->gateway_id),
        json_peek_text(resource, "supplementary_data", "related_ids", "order_id", NULL));
    exchange_copy_id(event->reference, sizeof(event->reference),
                     json_peek_text(resource, "custom_id", NULL));
}

static void read_refund(const json_t *resource, struct gateway_event *event) {
    event->outcome = paypal_refund_outcome(json_peek_text(resource, "status", NULL));
    event->amount_minor = paypal_read_amount(json_peek(resource, "amount", NULL), &event->currency);
    exchange_copy_id(event->refund_id, sizeof(event->refund_id),
                     json_peek_text(resource, "id", NULL));
    exchange_copy_id(event->reference, sizeof(event->reference),
                     json_peek_text(resource, "custom_id", NULL));
    copy_linked_id(event->charge_id, sizeof(event->charge_id), resource, "up",
                   "/v2/payments/captures/");
}

static void read_dispute(const json_t *resource, struct gateway_event *event) {
    const json_t *transaction = json_array_get(json_peek(resource, "disputed_transactions", NULL),
                                               0);
    const char *due = json_peek_text(resource, "seller_response_due_date", NULL);
    event->outcome = GW_NONE;
    event->amount_minor = paypal_read_amount(json_peek(resource, "dispute_amount", NULL),
                                             &event->currency);
    exchange_copy_id(event->dispute_id, sizeof(event->dispute_id),
                     json_peek_text(resource, "dispute_id", NULL));
    exchange_copy_text(event->dispute_status, sizeof(event->dispute_status),
                       json_peek_text(resource, "status", NULL));
    exchange_copy_text(event->dispute_reason, sizeof(event->dispute_reason),
                       json_peek_text(resource, "reason", NULL));
    exchange_copy_id(event->charge_id, sizeof(event->charge_id),
                     json_peek_text(transaction, "seller_transaction_id", NULL));
    exchange_copy_id(event->reference, sizeof(event->reference),
                     json_peek_text(transaction, "custom", NULL));
    if (due == NULL || !clock_parse(due, &event->dispute_due_us)) {
        event->dispute_due_us = 0;
    }
}

static void read_resource(size_t type, const json_t *resource, struct gateway_event *event) {
    switch (types[type].kind) {
    case RESOURCE_ORDER:
        event->subject = CALLBACK_PAYMENT;
        read_order(resource, event);
        break;
    case RESOURCE_CAPTURE:
    case RESOURCE_AUTHORIZATION:
        event->subject = CALLBACK_PAYMENT;
        read_payment(resource, types[type].kind, event);
        break;
    case RESOURCE_REVERSAL:
        event->subject = CALLBACK_PAYMENT;
        read_order(resource, event);
        if (event->gateway_id[0] == '\0') {
            exchange_copy_id(event->gateway_id, sizeof(event->gateway_id),
                             json_peek_text(resource, "order_id", NULL));
        }
        break;
    case RESOURCE_REFUND:
        event->subject = CALLBACK_REFUND;
        read_refund(resource, event);
        break;
    case RESOURCE_DISPUTE:
        event->subject = CALLBACK_DISPUTE;
        read_dispute(resource, event);
        break;
    }
    if (types[type].outcome != GW_NONE) {
        event->outcome = types[type].outcome;
    } else if (event->outcome == GW_UNKNOWN) {
        event->outcome = GW_NONE; /* it does not say how things stand */
    }
}

static int read_event(const json_t *json, struct gateway_event *event, struct err *err) {
    const char *id = json_peek_text(json, "id", NULL);
    const char *type = json_peek_text(json, "event_type", NULL);
    const char *time = json_peek_text(json, "create_time", NULL);
    const json_t *resource = json_peek(json, "resource", NULL);
    if (id == NULL || type == NULL || !json_is_object(resource)) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the callback is signed but is no PayPal event: "
                       "id, event_type or resource is missing");
    }
    if (id[0] == '\0' || type[0] == '\0' || strlen(id) > GATEWAY_ID_CHARS_MAX ||
        strlen(type) > GATEWAY_CODE_CHARS_MAX) {
        return err_set(err, ERR_BAD_REQUEST, "the event's id or type is empty or too long");
    }
    exchange_copy_id(event->event_id, sizeof(event->event_id), id);
    exchange_copy_id(event->type, sizeof(event->type), type);
    if (time == NULL || !clock_parse(time, &event->event_us)) {
        event->event_us = 0;
    }
    event->subject = CALLBACK_OTHER;
    event->amount_minor = -1;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (strcmp(types[i].type, type) == 0) {
            read_resource(i, resource, event);
        }
    }
    return 0;
}

/* Verification. */

static const char *header_of(const struct gateway_callback_request *request, const char *name) {
    const char *value = http_header_find(request->headers, request->header_count, name);
    return value != NULL ? value : "";
}

static int check_time(const char *time, int64_t now_us, struct err *err) {
    int64_t sent_us = 0;
    if (!clock_parse(time, &sent_us)) {
        err_set(err, ERR_SIGNATURE, "the callback does not say when it was sent");
        return err_place(err, "PAYPAL-TRANSMISSION-TIME");
    }
    if (sent_us < now_us - WINDOW_US || sent_us > now_us + WINDOW_US) {
        int64_t apart_s = (sent_us < now_us ? now_us - sent_us : sent_us - now_us) / US_PER_SECOND;
        err_set(err, ERR_SIGNATURE,
                "the callback was sent %" PRId64 " s %s; at most 300 s are allowed", apart_s,
                sent_us < now_us ? "ago" : "ahead of our clock");
        return err_hint(err,
                        "A genuine callback that waited on its way is sent again with a new time; "
                        "if all are refused, check this machine's clock.");
    }
    return 0;
}

static int check_signature(const struct gateway_call *call,
                           const struct gateway_callback_request *request, struct err *err) {
    struct paypal_state *state = call->gateway->state;
    struct paypal_transmission transmission = {
        .id = header_of(request, "PAYPAL-TRANSMISSION-ID"),
        .time = header_of(request, "PAYPAL-TRANSMISSION-TIME"),
        .body = request->body,
        .body_bytes = request->body_bytes,
    };
    const char *signature = header_of(request, "PAYPAL-TRANSMISSION-SIG");
    if (transmission.id[0] == '\0' || signature[0] == '\0') {
        return err_set(err, ERR_SIGNATURE, "the callback bears no signature of PayPal");
    }
    if (strcmp(header_of(request, "PAYPAL-AUTH-ALGO"), PAYPAL_AUTH_ALGO) != 0) {
        return err_set(err, ERR_SIGNATURE, "the callback is not signed with " PAYPAL_AUTH_ALGO);
    }
    /* Time first: it is cheap, and only what is fresh may cause a certificate to be fetched. */
    int rc = check_time(transmission.time, request->now_us, err);
    if (rc < 0) {
        return rc;
    }
    struct paypal_cert *cert = NULL;
    rc = paypal_cert_take(&state->certs, call, header_of(request, "PAYPAL-CERT-URL"),
                          request->now_us, &cert, err);
    if (rc < 0) {
        return rc;
    }
    bool genuine = false;
    for (int i = 0; i < state->webhook_id_count && !genuine; i++) {
        transmission.webhook_id = state->webhook_ids[i];
        genuine = paypal_sign_verify(cert->key, &transmission, signature);
    }
    paypal_cert_give(&state->certs, cert);
    if (!genuine) {
        return err_set(err, ERR_SIGNATURE,
                       "the callback's signature does not fit its body and a webhook "
                       "id of this gateway");
    }
    return 0;
}

int paypal_verify_callback(const struct gateway_call *call,
                           const struct gateway_callback_request *request,
                           struct gateway_event *ret_event, struct err *err) {
    int rc = check_signature(call, request, err);
    if (rc < 0) {
        return rc;
    }
    JSON_AUTO json = NULL;
    rc = json_read(request->body, request->body_bytes, EXCHANGE_ANSWER_BYTES_MAX,
                   EXCHANGE_DEPTH_MAX, &json, err);
    if (rc < 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the callback is signed but its body is not valid JSON");
    }
    struct gateway_event event = {0};
    rc = read_event(json, &event, err);
    if (rc < 0) {
        return rc;
    }
    *ret_event = event;
    return 0;
}
