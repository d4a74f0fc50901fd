/* SPDX-License-Identifier: Apache-2.0
 * stripe_callback.c: Stripe's events: verified over the raw bytes, then put into our words. */
#include "gateway/stripe/stripe.h"

#include "base/clock.h"
#include "base/plant.h"
#include "gateway/stripe/stripe_sign.h"

/* What the object inside an event is, by the event's type. The first row whose prefix fits counts.
 * charge.refund.updated and refund.* tell of a refund; charge.refunded of a charge that now has
 * one. */
enum event_kind {
    EVENT_OTHER,
    EVENT_INTENT,
    EVENT_CHARGE,
    EVENT_CHARGE_REFUNDED,
    EVENT_REFUND,
    EVENT_DISPUTE
};
static const struct {
    const char *prefix;
    enum event_kind kind;
} kinds[] = {
    {"payment_intent.", EVENT_INTENT}, {"charge.dispute.", EVENT_DISPUTE},
    {"charge.refund.", EVENT_REFUND},  {"charge.refunded", EVENT_CHARGE_REFUNDED},
    {"refund.", EVENT_REFUND},         {"charge.", EVENT_CHARGE},
};

static enum event_kind kind_of(const char *type) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strncmp(type, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
            return kinds[i].kind;
        }
    }
    return EVENT_OTHER;
}

static void read_ids(const json_t *object, struct gateway_event *event) {
    exchange_copy_id(event->gateway_id, sizeof(event->gateway_id),
                     stripe_id_of(json_peek(object, "payment_intent", NULL)));
    exchange_copy_id(event->charge_id, sizeof(event->charge_id),
                     stripe_id_of(json_peek(object, "charge", NULL)));
    exchange_copy_id(event->reference, sizeof(event->reference),
                     stripe_metadata(object, "reference"));
    exchange_copy_id(event->order_id, sizeof(event->order_id), stripe_metadata(object, "order_id"));
}

static void read_intent(const json_t *object, struct gateway_event *event) {
    struct gateway_result result;
    gateway_result_init(&result);
    stripe_read_intent(object, &result);
    event->subject = CALLBACK_PAYMENT;
    event->outcome = result.outcome;
    event->amount_minor = result.amount_minor;
    event->currency = result.currency;
    exchange_copy_id(event->gateway_id, sizeof(event->gateway_id), result.gateway_id);
    exchange_copy_id(event->charge_id, sizeof(event->charge_id), result.charge_id);
}

static void read_charge(const char *type, const json_t *object, struct gateway_event *event) {
    struct gateway_result result;
    gateway_result_init(&result);
    stripe_read_charge_status(object, &result);
    event->subject = CALLBACK_PAYMENT;
    /* An expired hold shows as a refunded charge: only the event's type tells. */
    event->outcome = strcmp(type, "charge.expired") == 0 ? GW_CANCELED : result.outcome;
    event->amount_minor = stripe_read_amount(object, "amount", &event->currency);
    exchange_copy_id(event->charge_id, sizeof(event->charge_id),
                     json_peek_text(object, "id", NULL));
}

/* The charge states the sum of its refunds; this one's amount is the difference to before. */
static void read_charge_refunded(const json_t *object, const json_t *previous,
                                 struct gateway_event *event) {
    event->subject = CALLBACK_REFUND;
    event->outcome = GW_REFUNDED;
    event->reference[0] = '\0'; /* the charge's reference is the payment's, not the refund's */
    exchange_copy_id(event->charge_id, sizeof(event->charge_id),
                     json_peek_text(object, "id", NULL));
    int64_t now = stripe_read_amount(object, "amount_refunded", &event->currency);
    int64_t before = -1;
    if (now >= 0 && json_is_integer(json_peek(previous, "amount_refunded", NULL)) &&
        stripe_amount_back(json_peek_int(previous, -1, "amount_refunded", NULL), event->currency,
                           &before) &&
        before < now) {
        event->amount_minor = now - before;
    }
}

static void read_refund(const json_t *object, struct gateway_event *event) {
    struct gateway_result result;
    gateway_result_init(&result);
    stripe_read_refund(object, &result);
    event->subject = CALLBACK_REFUND;
    event->outcome = result.outcome;
    event->amount_minor = result.amount_minor;
    event->currency = result.currency;
    exchange_copy_id(event->refund_id, sizeof(event->refund_id), result.refund_id);
}

static void read_dispute(const json_t *object, struct gateway_event *event) {
    event->subject = CALLBACK_DISPUTE;
    event->outcome = GW_NONE;
    event->amount_minor = stripe_read_amount(object, "amount", &event->currency);
    exchange_copy_id(event->dispute_id, sizeof(event->dispute_id),
                     json_peek_text(object, "id", NULL));
    exchange_copy_text(event->dispute_status, sizeof(event->dispute_status),
                       json_peek_text(object, "status", NULL));
    exchange_copy_text(event->dispute_reason, sizeof(event->dispute_reason),
                       json_peek_text(object, "reason", NULL));
    int64_t due_s = json_peek_int(object, 0, "evidence_details", "due_by", NULL);
    event->dispute_due_us = due_s > 0 && due_s < INT64_MAX / US_PER_SECOND ? due_s * US_PER_SECOND
                                                                           : 0;
}

static int read_event(const json_t *json, struct gateway_event *event, struct err *err) {
    const char *id = json_peek_text(json, "id", NULL);
    const char *type = json_peek_text(json, "type", NULL);
    const json_t *object = json_peek(json, "data", "object", NULL);
    if (id == NULL || type == NULL || !json_is_object(object)) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the callback is signed but is no Stripe event: "
                       "id, type or data.object is missing");
    }
    if (id[0] == '\0' || type[0] == '\0' || strlen(id) > GATEWAY_ID_CHARS_MAX ||
        strlen(type) > GATEWAY_CODE_CHARS_MAX) {
        return err_set(err, ERR_BAD_REQUEST, "the event's id or type is empty or too long");
    }
    exchange_copy_id(event->event_id, sizeof(event->event_id), id);
    exchange_copy_id(event->type, sizeof(event->type), type);
    int64_t created_s = json_peek_int(json, 0, "created", NULL);
    event->event_us = created_s > 0 && created_s < INT64_MAX / US_PER_SECOND
                          ? created_s * US_PER_SECOND
                          : 0;
    event->subject = CALLBACK_OTHER;
    event->amount_minor = -1;
    read_ids(object, event);
    switch (kind_of(type)) {
    case EVENT_INTENT:
        read_intent(object, event);
        break;
    case EVENT_CHARGE:
        read_charge(type, object, event);
        break;
    case EVENT_CHARGE_REFUNDED:
        read_charge_refunded(object, json_peek(json, "data", "previous_attributes", NULL), event);
        break;
    case EVENT_REFUND:
        read_refund(object, event);
        break;
    case EVENT_DISPUTE:
        read_dispute(object, event);
        break;
    case EVENT_OTHER:
        break;
    }
    if (event->outcome == GW_UNKNOWN) {
        event->outcome = GW_NONE; /* it does not say how the payment stands */
    }
    return 0;
}

int stripe_verify_callback(const struct gateway_call *call,
                           const struct gateway_callback_request *request,
                           struct gateway_event *ret_event, struct err *err) {
    struct stripe_secret secrets[GATEWAY_CREDENTIALS_MAX];
    int secret_total = 0;
    for (int i = 0; i < call->gateway->credential_count; i++) {
        const struct gateway_credential *credential = &call->gateway->credentials[i];
        if (strncmp(credential->name, "webhook_secret", 14) == 0) {
            secrets[secret_total++] = (struct stripe_secret){secret_bytes(credential->value),
                                                             secret_count(credential->value)};
        }
    }
    const char *header = http_header_find(request->headers, request->header_count,
                                          "Stripe-Signature");
    int rc = stripe_sign_verify(secrets, secret_total, header, request->body, request->body_bytes,
                                request->now_us / US_PER_SECOND, err);
    if (rc < 0 && !PLANTED(FORGERY_BELIEVED)) {
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
