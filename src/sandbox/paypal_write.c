/* SPDX-License-Identifier: Apache-2.0
 * paypal_write.c: PayPal's objects as JSON. */
#include "base/clock.h"
#include "sandbox/paypal.h"

static const char *const order_statuses[] = {"CREATED", "PAYER_ACTION_REQUIRED", "APPROVED",
                                             "COMPLETED", "VOIDED"};
static const char *const authorization_statuses[] = {"CREATED", "PARTIALLY_CAPTURED", "CAPTURED",
                                                     "VOIDED"};
static const char *const capture_statuses[] = {"COMPLETED", "PENDING", "DECLINED",
                                               "PARTIALLY_REFUNDED", "REFUNDED"};
static const char *const payback_statuses[] = {"COMPLETED", "PENDING", "FAILED"};

static void key_text(struct buf *out, const char *key, const char *text) {
    if (text != NULL) {
        buf_add_text(out, ",\"");
        buf_add_text(out, key);
        buf_add_text(out, "\":");
        buf_add_json(out, text);
    }
}

static void key_money(struct buf *out, const char *key, int64_t amount_minor,
                      struct currency currency) {
    char text[MONEY_TEXT_MAX];
    buf_addf(out, "\"%s\":{\"currency_code\":\"%s\",\"value\":\"%s\"}", key, currency.code,
             sb_paypal_decimal(amount_minor, currency, text));
}

/* Whole seconds, as PayPal writes times. */
static void key_time(struct buf *out, const char *key, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    key_text(out, key, clock_format(wall_us / US_PER_SECOND * US_PER_SECOND, text));
}

static void link_write(struct sandbox *sandbox, struct buf *out, const char *path, const char *id,
                       const char *verb, const char *rel, const char *method) {
    if (out->data[out->len - 1] != '[') {
        buf_add_char(out, ',');
    }
    buf_addf(out, "{\"href\":\"%s%s%s%s\",\"rel\":\"%s\",\"method\":\"%s\"}",
             sandbox->base_urls[SB_PAYPAL], path, id, verb, rel, method);
}

static struct sb_id id_of(struct sandbox *sandbox, enum sb_kind kind, uint32_t number) {
    return sb_id_of(sandbox->places[SB_PAYPAL], kind, number);
}

/* ---- refunds ---- */

void sb_payback_write(struct sandbox *sandbox, const struct sb_payback *payback,
                      const struct sb_payback_now *now, bool full, struct buf *out) {
    struct currency currency = payback->capture->order->now->currency;
    struct sb_id id = id_of(sandbox, SB_PAYPAL_REFUND, payback->number);
    buf_addf(out, "{\"id\":\"%s\",\"status\":\"%s\"", id.text, payback_statuses[now->status]);
    if (now->status == SB_PAYBACK_PENDING) {
        buf_add_text(out, ",\"status_details\":{\"reason\":\"ECHECK\"}");
    }
    if (full) {
        buf_add_char(out, ',');
        key_money(out, "amount", payback->amount_minor, currency);
        key_text(out, "invoice_id", payback->invoice_id);
        key_text(out, "custom_id", payback->custom_id);
        key_text(out, "note_to_payer", payback->note);
        buf_add_text(out, ",\"seller_payable_breakdown\":{");
        key_money(out, "gross_amount", payback->amount_minor, currency);
        buf_add_char(out, ',');
        key_money(out, "paypal_fee", 0, currency);
        buf_add_char(out, ',');
        key_money(out, "net_amount", payback->amount_minor, currency);
        buf_add_char(out, ',');
        key_money(out, "total_refunded_amount", payback->capture->now->refunded_minor, currency);
        buf_add_char(out, '}');
        key_time(out, "create_time", payback->created_us);
        key_time(out, "update_time", now->updated_us);
    }
    buf_add_text(out, ",\"links\":[");
    link_write(sandbox, out, "/v2/payments/refunds/", id.text, "", "self", "GET");
    link_write(sandbox, out, "/v2/payments/captures/",
               id_of(sandbox, SB_PAYPAL_CAPTURE, payback->capture->number).text, "", "up", "GET");
    buf_add_text(out, "]}");
}

/* ---- captures ---- */

static void capture_money_write(const struct sb_capture *capture, struct buf *out) {
    struct currency currency = capture->order->now->currency;
    int64_t fee = sb_paypal_fee(capture->amount_minor, currency);
    buf_add_text(out, ",\"seller_receivable_breakdown\":{");
    key_money(out, "gross_amount", capture->amount_minor, currency);
    buf_add_char(out, ',');
    key_money(out, "paypal_fee", fee, currency);
    buf_add_char(out, ',');
    key_money(out, "net_amount", capture->amount_minor - fee, currency);
    buf_add_char(out, '}');
}

void sb_capture_write(struct sandbox *sandbox, const struct sb_capture *capture,
                      const struct sb_capture_now *now, bool full, struct buf *out) {
    struct sb_id id = id_of(sandbox, SB_PAYPAL_CAPTURE, capture->number);
    struct sb_id order = id_of(sandbox, SB_PAYPAL_ORDER, capture->order->number);
    buf_addf(out, "{\"id\":\"%s\",\"status\":\"%s\"", id.text, capture_statuses[now->status]);
    if (now->status == SB_CAPTURE_PENDING) {
        buf_add_text(out, ",\"status_details\":{\"reason\":\"PENDING_REVIEW\"}");
    }
    if (full) {
        buf_add_char(out, ',');
        key_money(out, "amount", capture->amount_minor, capture->order->now->currency);
        buf_addf(out,
                 ",\"final_capture\":%s,\"disbursement_mode\":\"INSTANT\",\"seller_protection\":"
                 "{\"status\":\"ELIGIBLE\",\"dispute_categories\":[\"ITEM_NOT_RECEIVED\","
                 "\"UNAUTHORIZED_TRANSACTION\"]}",
                 capture->final ? "true" : "false");
        if (now->status != SB_CAPTURE_DECLINED && now->status != SB_CAPTURE_PENDING) {
            capture_money_write(capture, out);
        }
        key_text(out, "invoice_id", capture->invoice_id);
        key_text(out, "custom_id", capture->custom_id);
        if (capture->processor_code != NULL) {
            buf_addf(out, ",\"processor_response\":{\"response_code\":\"%s\"}",
                     capture->processor_code);
        }
        buf_addf(out, ",\"supplementary_data\":{\"related_ids\":{\"order_id\":\"%s\"", order.text);
        if (capture->authorization != NULL) {
            key_text(out, "authorization_id",
                     id_of(sandbox, SB_PAYPAL_AUTHORIZATION, capture->authorization->number).text);
        }
        buf_add_text(out, "}}");
        key_time(out, "create_time", capture->created_us);
        key_time(out, "update_time", now->updated_us);
    }
    buf_add_text(out, ",\"links\":[");
    link_write(sandbox, out, "/v2/payments/captures/", id.text, "", "self", "GET");
    link_write(sandbox, out, "/v2/payments/captures/", id.text, "/refund", "refund", "POST");
    link_write(sandbox, out, "/v2/checkout/orders/", order.text, "", "up", "GET");
    buf_add_text(out, "]}");
}

/* ---- authorizations ---- */

void sb_authorization_write(struct sandbox *sandbox, const struct sb_authorization *authorization,
                            const struct sb_authorization_now *now, bool full, struct buf *out) {
    enum { DAYS_VALID = 29, DAY_S = 24 * 3600 };
    const struct sb_order *order = authorization->order;
    struct sb_id id = id_of(sandbox, SB_PAYPAL_AUTHORIZATION, authorization->number);
    struct sb_id order_id = id_of(sandbox, SB_PAYPAL_ORDER, order->number);
    buf_addf(out, "{\"id\":\"%s\",\"status\":\"%s\"", id.text, authorization_statuses[now->status]);
    if (full) {
        buf_add_char(out, ',');
        key_money(out, "amount", authorization->amount_minor, order->now->currency);
        key_text(out, "invoice_id", order->now->texts->invoice_id);
        key_text(out, "custom_id", order->now->texts->custom_id);
        buf_addf(out,
                 ",\"seller_protection\":{\"status\":\"ELIGIBLE\"},\"supplementary_data\":"
                 "{\"related_ids\":{\"order_id\":\"%s\"}}",
                 order_id.text);
        key_time(out, "expiration_time",
                 authorization->created_us + DAYS_VALID * DAY_S * US_PER_SECOND);
        key_time(out, "create_time", authorization->created_us);
        key_time(out, "update_time", now->updated_us);
    }
    buf_add_text(out, ",\"links\":[");
    link_write(sandbox, out, "/v2/payments/authorizations/", id.text, "", "self", "GET");
    link_write(sandbox, out, "/v2/payments/authorizations/", id.text, "/capture", "capture",
               "POST");
    link_write(sandbox, out, "/v2/payments/authorizations/", id.text, "/void", "void", "POST");
    link_write(sandbox, out, "/v2/payments/authorizations/", id.text, "/reauthorize", "reauthorize",
               "POST");
    link_write(sandbox, out, "/v2/checkout/orders/", order_id.text, "", "up", "GET");
    buf_add_text(out, "]}");
}

/* ---- orders ---- */

static void paybacks_write(struct sandbox *sandbox, const struct sb_order *order, struct buf *out) {
    bool first = true;
    for (const struct sb_capture *capture = order->captures; capture != NULL;
         capture = capture->next) {
        for (const struct sb_payback *payback = capture->paybacks; payback != NULL;
             payback = payback->next) {
            buf_add_text(out, first ? ",\"refunds\":[" : ",");
            sb_payback_write(sandbox, payback, payback->now, true, out);
            first = false;
        }
    }
    buf_add_text(out, first ? "" : "]");
}

static void payments_write(struct sandbox *sandbox, const struct sb_order *order, struct buf *out) {
    if (order->authorizations == NULL && order->captures == NULL) {
        return;
    }
    buf_add_text(out, ",\"payments\":{");
    bool first = true;
    for (const struct sb_authorization *one = order->authorizations; one != NULL; one = one->next) {
        buf_add_text(out, first ? "\"authorizations\":[" : ",");
        sb_authorization_write(sandbox, one, one->now, true, out);
        first = false;
    }
    buf_add_text(out, first ? "" : "]");
    bool any = !first;
    first = true;
    for (const struct sb_capture *one = order->captures; one != NULL; one = one->next) {
        buf_add_text(out, !first ? "," : any ? ",\"captures\":[" : "\"captures\":[");
        sb_capture_write(sandbox, one, one->now, true, out);
        first = false;
    }
    buf_add_text(out, first ? "" : "]");
    paybacks_write(sandbox, order, out);
    buf_add_char(out, '}');
}

static void source_write(const struct sb_order_now *now, struct buf *out) {
    switch ((enum sb_source)now->source) {
    case SB_SOURCE_PAYPAL:
        buf_add_text(out,
                     ",\"payment_source\":{\"paypal\":{\"email_address\":\"buyer@example.test\","
                     "\"account_id\":\"QYR5Z8XDVJNXQ\",\"account_status\":\"VERIFIED\","
                     "\"name\":{\"given_name\":\"Sandbox\",\"surname\":\"Buyer\"}}}");
        break;
    case SB_SOURCE_CARD:
        buf_add_text(out,
                     ",\"payment_source\":{\"card\":{\"last_digits\":\"4949\",\"brand\":\"VISA\","
                     "\"type\":\"CREDIT\"}}");
        break;
    case SB_SOURCE_TOKEN:
    case SB_SOURCE_NONE:
    default:
        break;
    }
}

static void order_links_write(struct sandbox *sandbox, const char *id,
                              const struct sb_order_now *now, struct buf *out) {
    buf_add_text(out, ",\"links\":[");
    link_write(sandbox, out, "/v2/checkout/orders/", id, "", "self", "GET");
    bool open = now->status == SB_ORDER_CREATED || now->status == SB_ORDER_PAYER_ACTION;
    if (open) {
        link_write(sandbox, out, "/checkoutnow?token=", id, "",
                   now->source == SB_SOURCE_NONE ? "approve" : "payer-action", "GET");
    }
    if (open || now->status == SB_ORDER_APPROVED) {
        link_write(sandbox, out, "/v2/checkout/orders/", id, "", "update", "PATCH");
        link_write(sandbox, out, "/v2/checkout/orders/", id,
                   now->authorize ? "/authorize" : "/capture",
                   now->authorize ? "authorize" : "capture", "POST");
    }
    buf_add_char(out, ']');
}

static void unit_write(struct sandbox *sandbox, const struct sb_order *order,
                       const struct sb_order_now *now, struct buf *out) {
    const struct sb_order_texts *texts = now->texts;
    buf_add_text(out, ",\"purchase_units\":[{\"reference_id\":");
    buf_add_json(out, texts->reference_id != NULL ? texts->reference_id : "default");
    buf_add_char(out, ',');
    key_money(out, "amount", now->amount_minor, now->currency);
    buf_add_text(out, ",\"payee\":{\"email_address\":\"merchant@example.test\",\"merchant_id\":"
                      "\"C7CYMKZDG8D6E\"}");
    key_text(out, "description", texts->description);
    key_text(out, "custom_id", texts->custom_id);
    key_text(out, "invoice_id", texts->invoice_id);
    key_text(out, "soft_descriptor", texts->soft_descriptor);
    payments_write(sandbox, order, out);
    buf_add_text(out, "}]");
}

void sb_order_write(struct sandbox *sandbox, const struct sb_order *order,
                    const struct sb_order_now *now, bool full, struct buf *out) {
    struct sb_id id = id_of(sandbox, SB_PAYPAL_ORDER, order->number);
    buf_addf(out, "{\"id\":\"%s\",\"status\":\"%s\"", id.text, order_statuses[now->status]);
    if (full) {
        buf_add_text(out, now->authorize ? ",\"intent\":\"AUTHORIZE\"" : ",\"intent\":\"CAPTURE\"");
        source_write(now, out);
        unit_write(sandbox, order, now, out);
        if (now->status == SB_ORDER_APPROVED || now->status == SB_ORDER_COMPLETED) {
            buf_add_text(
                out, ",\"payer\":{\"name\":{\"given_name\":\"Sandbox\",\"surname\":\"Buyer\"},"
                     "\"email_address\":\"buyer@example.test\",\"payer_id\":\"QYR5Z8XDVJNXQ\"}");
        }
        key_time(out, "create_time", order->created_us);
        key_time(out, "update_time", now->updated_us);
    }
    order_links_write(sandbox, id.text, now, out);
    buf_add_char(out, '}');
}

/* ---- disputes, events ---- */

void sb_case_write(struct sandbox *sandbox, const struct sb_claim_case *claim,
                   const struct sb_claim_now *now, struct buf *out) {
    enum { DAYS_TO_ANSWER = 10, DAY_S = 24 * 3600 };
    static const char *const outcomes[] = {"NONE", "RESOLVED_BUYER_FAVOUR",
                                           "RESOLVED_SELLER_FAVOUR", "NONE"};
    static const char *const statuses[] = {"WAITING_FOR_SELLER_RESPONSE", "RESOLVED", "RESOLVED",
                                           "UNDER_REVIEW"};
    static const char *const states[] = {"REQUIRED_ACTION", "RESOLVED", "RESOLVED",
                                         "UNDER_PAYPAL_REVIEW"};
    const struct sb_capture *capture = claim->capture;
    buf_addf(out, "{\"dispute_id\":\"%s\"", id_of(sandbox, SB_PAYPAL_DISPUTE, claim->number).text);
    key_time(out, "create_time", claim->created_us);
    key_time(out, "update_time", now->updated_us);
    buf_addf(out, ",\"disputed_transactions\":[{\"seller_transaction_id\":\"%s\"",
             id_of(sandbox, SB_PAYPAL_CAPTURE, capture->number).text);
    key_text(out, "invoice_number", capture->invoice_id);
    key_text(out, "custom", capture->custom_id);
    buf_add_text(out, "}]");
    key_text(out, "reason", claim->reason);
    key_text(out, "status", statuses[now->status]);
    key_text(out, "dispute_state", states[now->status]);
    key_text(out, "dispute_life_cycle_stage", "CHARGEBACK");
    buf_add_char(out, ',');
    key_money(out, "dispute_amount", claim->amount_minor, capture->order->now->currency);
    if (now->status == 0) {
        key_time(out, "seller_response_due_date",
                 claim->created_us + DAYS_TO_ANSWER * DAY_S * US_PER_SECOND);
    } else if (now->status != 3) {
        buf_addf(out, ",\"dispute_outcome\":{\"outcome_code\":\"%s\"}", outcomes[now->status]);
    }
    buf_add_text(out, ",\"links\":[");
    link_write(sandbox, out, "/v1/customer/disputes/",
               id_of(sandbox, SB_PAYPAL_DISPUTE, claim->number).text, "", "self", "GET");
    buf_add_text(out, "]}");
}

struct resource {
    const char *type, *version;
    const struct sb_order *order;
};

static struct resource resource_of(const struct sb_event *event) {
    switch ((enum sb_event_type)event->type) {
    case SB_EV_PAYPAL_ORDER_APPROVED:
    case SB_EV_PAYPAL_ORDER_COMPLETED:
        return (struct resource){"checkout-order", "2.0", event->object};
    case SB_EV_PAYPAL_AUTHORIZATION_CREATED:
    case SB_EV_PAYPAL_AUTHORIZATION_VOIDED:
        return (struct resource){"authorization", "2.0",
                                 ((const struct sb_authorization *)event->object)->order};
    case SB_EV_PAYPAL_CAPTURE_COMPLETED:
    case SB_EV_PAYPAL_CAPTURE_PENDING:
    case SB_EV_PAYPAL_CAPTURE_DECLINED:
        return (struct resource){"capture", "2.0",
                                 ((const struct sb_capture *)event->object)->order};
    case SB_EV_PAYPAL_CAPTURE_REFUNDED:
    case SB_EV_PAYPAL_REFUND_PENDING:
    case SB_EV_PAYPAL_REFUND_FAILED:
        return (struct resource){"refund", "2.0",
                                 ((const struct sb_payback *)event->object)->capture->order};
    default:
        return (struct resource){"dispute", "1.0",
                                 ((const struct sb_claim_case *)event->object)->capture->order};
    }
}

/* What the event shows; a fault may alter its amount. */
static void resource_write(struct sandbox *sandbox, const struct sb_event *event, const char *type,
                           int64_t more, struct buf *out) {
    if (strcmp(type, "checkout-order") == 0) {
        struct sb_order_now now = *(const struct sb_order_now *)event->now;
        now.amount_minor += more;
        sb_order_write(sandbox, event->object, &now, true, out);
    } else if (strcmp(type, "authorization") == 0) {
        struct sb_authorization authorization = *(const struct sb_authorization *)event->object;
        authorization.amount_minor += more;
        sb_authorization_write(sandbox, &authorization, event->now, true, out);
    } else if (strcmp(type, "capture") == 0) {
        struct sb_capture capture = *(const struct sb_capture *)event->object;
        capture.amount_minor += more;
        sb_capture_write(sandbox, &capture, event->now, true, out);
    } else if (strcmp(type, "refund") == 0) {
        struct sb_payback payback = *(const struct sb_payback *)event->object;
        payback.amount_minor += more;
        sb_payback_write(sandbox, &payback, event->now, true, out);
    } else {
        struct sb_claim_case claim = *(const struct sb_claim_case *)event->object;
        claim.amount_minor += more;
        sb_case_write(sandbox, &claim, event->now, out);
    }
}

void sb_paypal_event_write(struct sandbox *sandbox, const struct sb_event *event,
                           int64_t amount_minor, struct buf *out) {
    struct resource resource = resource_of(event);
    struct sb_id id = id_of(sandbox, SB_PAYPAL_EVENT, event->number);
    struct sb_shard *shard = sb_order_shard(sandbox->places[SB_PAYPAL], resource.order);
    lock_take(&shard->lock);
    buf_addf(out, "{\"id\":\"%s\",\"event_version\":\"1.0\"", id.text);
    char time[CLOCK_TEXT_MAX];
    key_text(out, "create_time", clock_format(event->created_us / US_PER_MS * US_PER_MS, time));
    key_text(out, "resource_type", resource.type);
    key_text(out, "resource_version", resource.version);
    key_text(out, "event_type", sb_event_name((enum sb_event_type)event->type));
    buf_add_text(out, ",\"summary\":\"Something happened in the sandbox.\",\"resource\":");
    resource_write(sandbox, event, resource.type, amount_minor, out);
    buf_add_text(out, ",\"links\":[");
    link_write(sandbox, out, "/v1/notifications/webhooks-events/", id.text, "", "self", "GET");
    link_write(sandbox, out, "/v1/notifications/webhooks-events/", id.text, "/resend", "resend",
               "POST");
    buf_add_text(out, "]}");
    lock_give(&shard->lock);
}
