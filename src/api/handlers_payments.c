/* SPDX-License-Identifier: Apache-2.0
 * handlers_payments.c: /v1/payments, /v1/orders, /v1/refunds and the runbook's refund. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "payment/later.h"
#include "payment/qr_link.h"

#define UNKEYED_REPEAT_US (60 * US_PER_SECOND)
enum { ANSWER_BYTES_MAX = 1024 * 1024 };

/* ---- POST /v1/payments ---- */

static const char *const order_keys[] = {"order_id",   "amount",
                                         "currency",   "method",
                                         "purpose",    "capture",
                                         "tokens",     "token",
                                         "customer",   "return_url",
                                         "cancel_url", "description",
                                         "metadata",   "several_per_order",
                                         "flow",       "defer",
                                         "queue",      NULL};
static const char *const customer_keys[] = {"id", "region", "email", "ip", "vip", "segment", NULL};

/* `where` is "/" for a member of the body, "query parameter " for a part of the query. */
static int one_of(const char *where, const char *key, const char *value, const char *allowed,
                  struct err *err) {
    err_set(err, ERR_VALIDATION, "there is no %s \"%.40s\"", key, value);
    err_place(err, "%s%s", where, key);
    return err_hint(err, "One of: %s.", allowed);
}

static int read_url(const json_t *body, const char *key, const char **ret_url, struct err *err) {
    int r = json_may_text(body, "", key, 1, 1000, ret_url, err);
    if (r < 0 || *ret_url == NULL) {
        return r;
    }
    if (strncmp(*ret_url, "https://", 8) != 0 && strncmp(*ret_url, "http://", 7) != 0) {
        err_set(err, ERR_VALIDATION, "it must be an http or https URL");
        return err_place(err, "/%s", key);
    }
    return 0;
}

int read_customer(const json_t *body, struct payment_order *order, struct err *err) {
    const json_t *customer = NULL;
    int r = json_may_object(body, "", "customer", &customer, err);
    if (r < 0 || customer == NULL) {
        return r;
    }
    r = json_only(customer, "/customer", customer_keys, err);
    r = r < 0 ? r
              : json_may_text(customer, "/customer", "id", 1, CUSTOMER_ID_CHARS_MAX,
                              &order->customer_id, err);
    r = r < 0 ? r : read_region(customer, "/customer", &order->customer_region, err);
    r = r < 0 ? r : read_email(customer, "/customer", &order->customer_email, err);
    r = r < 0 ? r : read_ip(customer, "/customer", &order->customer_ip, err);
    r = r < 0 ? r : json_may_bool(customer, "/customer", "vip", &order->customer_vip, err);
    return r < 0 ? r : read_segment(customer, "/customer", &order->customer_segment, err);
}

static int read_method(const json_t *body, enum payment_method *ret_method, struct err *err) {
    const char *method = NULL;
    int r = json_need_text(body, "", "method", 1, 40, &method, err);
    if (r < 0) {
        return r;
    }
    return method_parse(method, ret_method)
               ? 0
               : one_of("/", "method", method,
                        "card, paypal, alipay, wechatpay, unionpay, bank_transfer", err);
}

static int read_flow(const json_t *body, enum gateway_flow *ret_flow, struct err *err) {
    const char *flow = NULL;
    int r = json_may_text(body, "", "flow", 1, 40, &flow, err);
    if (r < 0 || flow == NULL || flow_parse(flow, ret_flow)) {
        return r;
    }
    return one_of("/", "flow", flow, "page, mobile_page, qr, app", err);
}

static int read_kind(const json_t *body, struct payment_order *order, struct err *err) {
    const char *purpose = "order", *capture = "automatic";
    int r = read_method(body, &order->method, err);
    r = r < 0 ? r : read_flow(body, &order->flow, err);
    r = r < 0 ? r : json_may_text(body, "", "purpose", 1, 40, &purpose, err);
    r = r < 0 ? r : json_may_text(body, "", "capture", 1, 40, &capture, err);
    if (r < 0) {
        return r;
    }
    if (!purpose_parse(purpose, &order->purpose)) {
        return one_of("/", "purpose", purpose, "order, subscription, topup", err);
    }
    order->capture_later = strcmp(capture, "manual") == 0;
    if (!order->capture_later && strcmp(capture, "automatic") != 0) {
        return one_of("/", "capture", capture, "automatic, manual", err);
    }
    return 0;
}

int read_money(const json_t *body, struct payment_order *order, struct err *err) {
    const char *currency = NULL;
    int r = read_amount(body, false, &order->amount_minor, err);
    r = r < 0 ? r : json_need_text(body, "", "currency", 1, 10, &currency, err);
    if (r >= 0) {
        r = currency_parse(currency, &order->currency, err);
        r = r < 0 ? err_place(err, "/currency") : r;
    }
    return r;
}

int read_order(const json_t *body, struct payment_order *order, struct err *err) {
    int r = json_only(body, "", order_keys, err);
    r = r < 0 ? r
              : json_need_text(body, "", "order_id", 1, ORDER_ID_CHARS_MAX, &order->order_id, err);
    r = r < 0 ? r : read_money(body, order, err);
    r = r < 0 ? r : json_may_bool(body, "", "defer", &order->defer, err);
    r = r < 0 ? r : json_may_bool(body, "", "queue", &order->queue, err);
    r = r < 0 ? r : read_kind(body, order, err);
    r = r < 0 ? r : read_tokens(body, &order->tokens, &order->token, err);
    r = r < 0 ? r : read_customer(body, order, err);
    r = r < 0 ? r : read_url(body, "return_url", &order->return_url, err);
    r = r < 0 ? r : read_url(body, "cancel_url", &order->cancel_url, err);
    r = r < 0 ? r
              : json_may_lines(body, "", "description", 1, DESCRIPTION_CHARS_MAX,
                               &order->description, err);
    r = r < 0 ? r : json_may_object(body, "", "metadata", &order->metadata, err);
    r = r < 0 || order->metadata == NULL
            ? r
            : read_texts(order->metadata, "/metadata", METADATA_KEYS_MAX, 500, err);
    return r < 0 ? r : json_may_bool(body, "", "several_per_order", &order->several_per_order, err);
}

/* A token for a gateway that there is not: most likely its name is misspelt, and one day the
 * payment will have nowhere to go. That is no reason to refuse money that another gateway takes, so
 * the answer says it besides. It is not in the stored answer: a repeat gets it anew. */
static int warn_of_tokens(struct ask *ask, const json_t *tokens, struct err *err) {
    const char *name, *comma = ",\"warnings\":[";
    json_t *token;
    char place[80];
    BUF_AUTO buf;
    buf_init(&buf, ANSWER_BYTES_MAX);
    buf_add(&buf, ask->answer.json, strlen(ask->answer.json) - 1); /* without its closing brace */
    json_object_foreach((json_t *)tokens, name, token) {
        if (gateway_find(ask->service->registry, name) != NULL) {
            continue;
        }
        snprintf(place, sizeof place, "/tokens/%s", name);
        buf_addf(&buf, "%s{\"code\":\"unknown_gateway\",\"place\":", comma);
        buf_add_json(&buf, place);
        buf_add_text(&buf, ",\"message\":\"No gateway of this name is configured; its token is "
                           "not used.\"}");
        comma = ",";
        log_event(TOKEN_UNUSED, LT("gateway", name), LT("request", ask->request->id));
    }
    if (strcmp(comma, ",") != 0) {
        return 0;
    }
    buf_add_text(&buf, "]}");
    if (!buf_ok(&buf)) {
        return err_set(err, ERR_INTERNAL, "the answer is larger than its cap");
    }
    free(ask->answer.json);
    ask->answer.json = buf_take(&buf);
    return 0;
}

/* The link of an order that is held. Like the warnings it is not in the stored answer. */
static int add_link(struct ask *ask, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, ANSWER_BYTES_MAX);
    buf_add_text(&buf, ask->answer.json);
    pay_later_add_url(ask->service->payments, &buf);
    if (!buf_ok(&buf)) {
        return err_set(err, ERR_INTERNAL, "the answer is larger than its cap");
    }
    free(ask->answer.json);
    ask->answer.json = buf_take(&buf);
    return 0;
}

int payments_post(struct ask *ask, struct err *err) {
    struct payment_order order = {0};
    int r = read_order(ask->body, &order, err);
    r = r < 0 ? r : payment_create(ask->service->payments, &ask->caller, &order, &ask->answer, err);
    r = r < 0 ? r : add_link(ask, err);
    return r < 0 ? r : warn_of_tokens(ask, order.tokens, err);
}

/* ---- reading ---- */

int payments_list(struct ask *ask, struct err *err) {
    char order[QUERY_CHARS_MAX] = "", gateway[QUERY_CHARS_MAX] = "", customer[QUERY_CHARS_MAX] = "";
    char cursor[QUERY_CHARS_MAX] = "", state[QUERY_CHARS_MAX] = "", method[QUERY_CHARS_MAX] = "";
    int64_t limit = 0, review = 0;
    struct payment_filter filter = {
        .order_id = order, .gateway = gateway, .customer_id = customer, .cursor = cursor};
    int r = read_query_text(ask, "order_id", order, err);
    r = r < 0 ? r : read_query_text(ask, "gateway", gateway, err);
    r = r < 0 ? r : read_query_text(ask, "customer_id", customer, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", cursor, err);
    r = r < 0 ? r : read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_text(ask, "method", method, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    r = r < 0 ? r : read_query_int(ask, "review", 0, 1, &review, err);
    r = r < 0 ? r : read_query_since(ask, "since", &filter.since_us, err);
    r = r < 0 ? r : read_query_since(ask, "until", &filter.until_us, err);
    if (r < 0) {
        return r;
    }
    if (state[0] != '\0' && !payment_state_parse(state, &filter.state)) {
        return one_of(
            "query parameter ", "state", state,
            "created, processing, requires_action, authorized, succeeded, failed, canceled", err);
    }
    if (method[0] != '\0' && !method_parse(method, &filter.method)) {
        return one_of("query parameter ", "method", method,
                      "card, paypal, alipay, wechatpay, unionpay, bank_transfer", err);
    }
    filter.limit = (int)limit;
    filter.review_only = review == 1;
    return payment_list(ask->service->payments, &filter, &ask->answer, err);
}

int payment_get_one(struct ask *ask, struct err *err) {
    struct payment_id id;
    int r = read_payment_id(ask, &id, err);
    r = r < 0 ? r : payment_get(ask->service->payments, id.text, &ask->answer, err);
    bool may_pay = ask->internal || ask->identity.role >= ROLE_SUPPORT;
    return r < 0 || !may_pay ? r : add_link(ask, err);
}

int payment_events_get(struct ask *ask, struct err *err) {
    struct payment_id id;
    int r = read_payment_id(ask, &id, err);
    return r < 0 ? r : payment_story(ask->service->payments, id.text, &ask->answer, err);
}

int payment_qr_get(struct ask *ask, struct err *err) {
    struct payment_id id;
    BUF_AUTO svg;
    buf_init(&svg, ANSWER_BYTES_MAX);
    int r = read_payment_id(ask, &id, err);
    r = r < 0 ? r : payment_qr(ask->service->payments, id.text, &svg, err);
    if (r >= 0) {
        ask->reply->status = 200;
        http_reply_body(ask->reply, "image/svg+xml", svg.data, svg.len);
    }
    return r;
}

int payment_qr_link_get(struct ask *ask, struct err *err) {
    struct payment_id id;
    struct qr_link link;
    char time[CLOCK_TEXT_MAX];
    int r = read_payment_id(ask, &id, err);
    r = r < 0 ? r : qr_link_make(ask->service->payments, id.text, &link, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ANSWER_BYTES_MAX);
    buf_addf(&buf, "{\"object\":\"qr_link\",\"payment_id\":\"%s\",\"url\":", id.text);
    buf_add_json(&buf, link.url);
    buf_addf(&buf, ",\"expires_at\":\"%s\"}", clock_format(link.expires_us, time));
    return answer_take(&ask->answer, 200, &buf, err);
}

int order_status_get(struct ask *ask, struct err *err) {
    return payment_order_status(ask->service->payments, ask->param, &ask->answer, err);
}

/* ---- changing ---- */

int payment_capture_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"amount", "final", NULL};
    struct payment_id id;
    int64_t amount = 0;
    bool final = true;
    int r = read_payment_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_amount(ask->body, true, &amount, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "final", &final, err);
    return r < 0 ? r
                 : payment_capture(ask->service->payments, &ask->caller, id.text, amount, final,
                                   &ask->answer, err);
}

int payment_cancel_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    struct payment_id id;
    const char *reason = "";
    int r = read_payment_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_lines(ask->body, "", "reason", 1, REASON_CHARS_MAX, &reason, err);
    return r < 0 ? r
                 : payment_cancel(ask->service->payments, &ask->caller, id.text, reason,
                                  &ask->answer, err);
}

/* Both refund paths read the same body; the runbook writes refundToOriginalMethod. */
static int refund(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"amount", "reason", "refundToOriginalMethod",
                                       "to_original_method", NULL};
    struct payment_id id;
    int64_t amount = 0;
    const char *reason = "";
    bool runbooks = true;
    int r = read_payment_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_amount(ask->body, true, &amount, err);
    r = r < 0 ? r : json_may_lines(ask->body, "", "reason", 1, REASON_CHARS_MAX, &reason, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "refundToOriginalMethod", &runbooks, err);
    bool to_original = runbooks;
    r = r < 0 ? r : json_may_bool(ask->body, "", "to_original_method", &to_original, err);
    if (r >= 0 && runbooks != to_original &&
        json_is_boolean(json_object_get(ask->body, "refundToOriginalMethod"))) {
        err_set(err, ERR_VALIDATION, "the two names of the same say different things");
        err_place(err, "/to_original_method");
        return err_hint(err, "Send either to_original_method or refundToOriginalMethod.");
    }
    return r < 0 ? r
                 : payment_refund(ask->service->payments, &ask->caller, id.text, amount, reason,
                                  to_original, &ask->answer, err);
}

int payment_refunds_post(struct ask *ask, struct err *err) {
    return refund(ask, err);
}

/* The runbook sends no Idempotency-Key, and who repeats its line because no answer came wants one
 * refund. So the request itself is the key: the same caller, path and body within a minute of the
 * first is that first one. It holds a blank, so nobody can send it as a key. */
int runbook_refund_post(struct ask *ask, struct err *err) {
    if (ask->caller.key == NULL) {
        snprintf(ask->own_key, sizeof ask->own_key, "no key %s", ask->request_hash);
        ask->caller.key = ask->own_key;
        ask->caller.repeat_us = UNKEYED_REPEAT_US;
    }
    return refund(ask, err);
}

int payment_method_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"method", "flow", "tokens", "token", NULL};
    struct payment_id id;
    struct payment_choice choice = {.token = ""};
    int r = read_payment_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_method(ask->body, &choice.method, err);
    r = r < 0 ? r : read_flow(ask->body, &choice.flow, err);
    r = r < 0 ? r : read_tokens(ask->body, &choice.tokens, &choice.token, err);
    r = r < 0 ? r
              : payment_choose(ask->service->payments, &ask->caller, id.text, &choice, &ask->answer,
                               err);
    return r < 0 ? r : warn_of_tokens(ask, choice.tokens, err);
}

int payment_check_post(struct ask *ask, struct err *err) {
    struct payment_id id;
    int r = read_payment_id(ask, &id, err);
    return r < 0 ? r
                 : payment_check(ask->service->payments, &ask->caller, id.text, &ask->answer, err);
}

int payment_resolve_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"status", "reason", NULL};
    struct payment_id id;
    const char *status = NULL, *reason = NULL;
    int r = read_payment_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "status", 1, 20, &status, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    if (r < 0) {
        return r;
    }
    bool completed = strcmp(status, "completed") == 0;
    if (!completed && strcmp(status, "failed") != 0) {
        return one_of("/", "status", status, "completed, failed", err);
    }
    return payment_resolve(ask->service->payments, &ask->caller, id.text, completed, reason,
                           &ask->answer, err);
}

/* ---- refunds ---- */

static int read_refund_id(const struct ask *ask, struct refund_id *ret_id, struct err *err) {
    int r = READ_ID(ask, "a refund", refund_id, ret_id, err);
    return r < 0 ? err_hint(err, "Ids of refunds begin with re_.") : 0;
}

int refunds_list(struct ask *ask, struct err *err) {
    char state[QUERY_CHARS_MAX] = "";
    int64_t limit = 0, since_us = 0;
    int r = read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_since(ask, "since", &since_us, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    return r < 0 ? r
                 : refund_list(ask->service->payments, state[0] != '\0' ? state : NULL, since_us,
                               (int)limit, &ask->answer, err);
}

int refund_get_one(struct ask *ask, struct err *err) {
    struct refund_id id;
    int r = read_refund_id(ask, &id, err);
    return r < 0 ? r : refund_get(ask->service->payments, id.text, &ask->answer, err);
}

int refund_retry_post(struct ask *ask, struct err *err) {
    struct refund_id id;
    int r = read_refund_id(ask, &id, err);
    return r < 0 ? r
                 : refund_retry(ask->service->payments, &ask->caller, id.text, &ask->answer, err);
}

int refund_credit_post(struct ask *ask, struct err *err) {
    struct refund_id id;
    int r = read_refund_id(ask, &id, err);
    return r < 0
               ? r
               : refund_as_credit(ask->service->payments, &ask->caller, id.text, &ask->answer, err);
}
