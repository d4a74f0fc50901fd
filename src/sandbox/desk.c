/* SPDX-License-Identifier: Apache-2.0
 * desk.c: what a shop's people do on Stripe's and PayPal's own websites: the gateway's own call for
 * it, which asks for no key, meets no fault and is remembered under no idempotency key. */
#include "base/json.h"
#include "base/random.h"
#include "sandbox/paypal.h"
#include "sandbox/stripe.h"

enum { DESK_BODY_MAX = 400, REPLY_MAX = 64 * 1024, REQUEST_ID_BYTES = 8 };

static const struct sb_verdict no_fault = {0};

/* What the gateway said, parsed; NULL: it refused. The reply is spent. */
static json_t *said(struct http_reply *reply, struct err *err) {
    json_t *json = NULL;
    if (reply->status < 200 || reply->status > 299) {
        err_set(err, ERR_STATE, "refused there: %.150s", reply->body.data);
    } else if (json_read(reply->body.data, reply->body.len, REPLY_MAX, JSON_DEPTH_MAX, &json, err) <
               0) {
        json = NULL;
    }
    buf_release(&reply->headers);
    buf_release(&reply->body);
    return json;
}

static int named(json_t *json, const char *id, struct buf *ret_id) {
    INVARIANT(json == NULL || id != NULL, "what a gateway makes has a name");
    if (json != NULL) {
        buf_add_text(ret_id, id);
    }
    int rc = json != NULL ? 0 : -ERR_STATE;
    json_decref(json);
    return rc;
}

static void reply_open(struct http_reply *reply) {
    *reply = (struct http_reply){0};
    buf_init(&reply->headers, REPLY_MAX);
    buf_init(&reply->body, REPLY_MAX);
}

/* ---- Stripe ---- */

static json_t *at_stripe(struct sandbox *sandbox, sb_stripe_handler *handler, const char *form,
                         struct err *err) {
    struct http_reply reply;
    const struct http_request request = {
        .method = "POST", .path = "/", .query = "", .body = form, .body_bytes = strlen(form)};
    reply_open(&reply);
    struct sb_stripe_call call = {.sandbox = sandbox,
                                  .place = sandbox->places[SB_STRIPE],
                                  .request = &request,
                                  .reply = &reply,
                                  .verdict = &no_fault,
                                  .id = ""};
    int rc = sb_form_read(&call.form, "", form, strlen(form), err);
    INVARIANT(rc == 0, "the desk writes a form that can be read");
    handler(&call);
    sb_form_release(&call.form);
    return said(&reply, err);
}

int sb_stripe_desk_charge(struct sandbox *sandbox, int64_t amount_minor, struct currency currency,
                          struct buf *ret_id, struct err *err) {
    char form[DESK_BODY_MAX], lower[CURRENCY_CHARS + 1];
    snprintf(form, sizeof(form),
             "amount=%lld&currency=%s&confirm=true&payment_method=pm_card_visa&"
             "payment_method_types[0]=card&error_on_requires_action=true",
             (long long)sb_stripe_from_minor(amount_minor, currency),
             currency_lower(currency, lower));
    json_t *intent = at_stripe(sandbox, sb_intent_create, form, err);
    return named(intent, json_peek_text(intent, "latest_charge", NULL), ret_id);
}

int sb_stripe_desk_refund(struct sandbox *sandbox, const char *charge, int64_t amount_minor,
                          struct buf *ret_id, struct err *err) {
    char form[DESK_BODY_MAX];
    struct sb_place *place = sandbox->places[SB_STRIPE];
    const struct sb_charge *found = sb_place_find(place, SB_STRIPE_CHARGE, charge);
    if (found == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such charge");
    }
    snprintf(form, sizeof(form), "charge=%s&amount=%lld", charge,
             (long long)sb_stripe_from_minor(amount_minor, found->intent->currency));
    json_t *refund = at_stripe(sandbox, sb_refund_create, form, err);
    return named(refund, json_peek_text(refund, "id", NULL), ret_id);
}

/* ---- PayPal ---- */

static json_t *at_paypal(struct sandbox *sandbox, sb_paypal_handler *handler, const char *id,
                         const char *body, struct err *err) {
    struct http_reply reply;
    unsigned char bytes[REQUEST_ID_BYTES];
    char name[2 * REQUEST_ID_BYTES + 1];
    random_bytes(bytes, sizeof(bytes));
    crypto_hex(bytes, sizeof(bytes), name);
    /* An order that is paid at once must have a request's name. */
    const struct http_header header = {"PayPal-Request-Id", name};
    const struct http_request request = {.method = "POST",
                                         .path = "/",
                                         .query = "",
                                         .headers = &header,
                                         .header_count = 1,
                                         .body = body,
                                         .body_bytes = strlen(body),
                                         .id = name};
    json_t *json = sb_body_json(&request, err);
    INVARIANT(json != NULL, "the desk writes JSON that can be read");
    reply_open(&reply);
    struct sb_paypal_call call = {.sandbox = sandbox,
                                  .place = sandbox->places[SB_PAYPAL],
                                  .request = &request,
                                  .reply = &reply,
                                  .verdict = &no_fault,
                                  .id = id,
                                  .body = json,
                                  .full = true};
    handler(&call);
    json_decref(json);
    return said(&reply, err);
}

int sb_paypal_desk_charge(struct sandbox *sandbox, int64_t amount_minor, struct currency currency,
                          struct buf *ret_id, struct err *err) {
    char body[DESK_BODY_MAX], decimal[MONEY_TEXT_MAX];
    snprintf(body, sizeof(body),
             "{\"intent\":\"CAPTURE\",\"payment_source\":{\"card\":{\"vault_id\":\"vault_visa\"}},"
             "\"purchase_units\":[{\"amount\":{\"value\":\"%s\",\"currency_code\":\"%s\"}}]}",
             sb_paypal_decimal(amount_minor, currency, decimal), currency.code);
    json_t *order = at_paypal(sandbox, sb_order_create, "", body, err);
    const json_t *unit = json_array_get(json_peek(order, "purchase_units", NULL), 0);
    const json_t *capture = json_array_get(json_peek(unit, "payments", "captures", NULL), 0);
    return named(order, json_peek_text(capture, "id", NULL), ret_id);
}

int sb_paypal_desk_refund(struct sandbox *sandbox, const char *capture, int64_t amount_minor,
                          struct buf *ret_id, struct err *err) {
    char body[DESK_BODY_MAX], decimal[MONEY_TEXT_MAX];
    const struct sb_capture *found = sb_place_find(sandbox->places[SB_PAYPAL], SB_PAYPAL_CAPTURE,
                                                   capture);
    if (found == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such capture");
    }
    struct currency currency = found->order->now->currency;
    snprintf(body, sizeof(body), "{\"amount\":{\"value\":\"%s\",\"currency_code\":\"%s\"}}",
             sb_paypal_decimal(amount_minor, currency, decimal), currency.code);
    json_t *refund = at_paypal(sandbox, sb_capture_refund, capture, body, err);
    return named(refund, json_peek_text(refund, "id", NULL), ret_id);
}
