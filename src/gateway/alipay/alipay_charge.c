/* SPDX-License-Identifier: Apache-2.0
 * alipay_charge.c: asking for money.
 *
 * With a token, the customer's payment code that a shop's till has read, the money moves in the one
 * call of trade.pay. Without one he pays by himself: by a QR code (trade.precreate), or on a page
 * or in an app that a request opens which we only sign.
 *
 * Nothing of the second kind is a charge until he acts, and he can only act on what he was shown.
 * What a call of precreate made and did not tell us of, nobody can show him; a page is not even
 * asked for here. So whatever goes wrong with them is certainly not charged. */
#include "gateway/alipay/alipay.h"

#include <glib.h>

enum {
    SUBJECT_BYTES_MAX = 256,
    PASSBACK_CHARS_MAX = 512,
    AUTH_CODE_CHARS_MIN = 16,
    AUTH_CODE_CHARS_MAX = 24,
    MINUTES_MAX = 120, /* of a QR code's life */
};

/* What is sent. */

/* 25 to 30, then digits: the code of a customer's app. */
static bool auth_code_ok(const char *token) {
    size_t count = strlen(token);
    bool prefix = (token[0] == '2' && token[1] >= '5' && token[1] <= '9') ||
                  (token[0] == '3' && token[1] == '0');
    return prefix && count >= AUTH_CODE_CHARS_MIN && count <= AUTH_CODE_CHARS_MAX &&
           strspn(token, "0123456789") == count;
}

static bool can_ask(const struct gateway_charge *charge, struct gateway_result *result) {
    const char *why = NULL;
    const char *common_code = "invalid_request";
    if (!alipay_reference_ok(charge->reference)) {
        why = "the reference cannot be an order's number at Alipay";
    } else if (strcmp(charge->currency.code, "CNY") != 0 || charge->amount_minor < 1 ||
               charge->amount_minor > AMOUNT_MINOR_MAX) {
        common_code = "invalid_amount";
        why = "Alipay takes yuan, from 0.01";
    } else if (charge->method != METHOD_ALIPAY) {
        why = "Alipay takes its own wallet";
    } else if (!charge->capture) {
        why = "Alipay's trades take the money at once; there is no authorization";
    } else if (charge->token[0] == '\0' && charge->off_session) {
        common_code = "token_missing";
        why = "without the customer Alipay needs his payment code";
    } else if (charge->token[0] != '\0' && !auth_code_ok(charge->token)) {
        common_code = "token_unusable";
        why = "the token is no payment code of Alipay's app";
    } else if (!g_utf8_validate(charge->description, -1, NULL) ||
               !g_utf8_validate(charge->order_id, -1, NULL)) {
        why = "the description or the order id is not valid UTF-8";
    }
    if (why != NULL) {
        exchange_refuse(result, common_code, why);
    }
    return why == NULL;
}

/* {"out_trade_no", "total_amount", "subject"}: what every kind of order has. */
static json_t *order_json(const struct gateway *gateway, const struct gateway_charge *charge) {
    char amount[MONEY_TEXT_MAX];
    char subject[SUBJECT_BYTES_MAX + 1];
    char fallback[SUBJECT_BYTES_MAX];
    snprintf(fallback, sizeof(fallback), "Order %.200s", charge->order_id);
    exchange_copy_text(subject, sizeof(subject),
                       charge->description[0] != '\0' ? charge->description : fallback);
    json_t *order = json_pack("{s:s,s:s,s:s}", "out_trade_no", charge->reference, "total_amount",
                              money_decimal(charge->amount_minor, charge->currency, amount),
                              "subject", subject);
    if (charge->order_id[0] != '\0') { /* comes back in the notifies */
        BUF_AUTO passback;
        buf_init(&passback, 4 * SUBJECT_BYTES_MAX);
        buf_add_urlencoded(&passback, charge->order_id);
        if (buf_ok(&passback) && passback.len <= PASSBACK_CHARS_MAX) {
            json_object_set_new(order, "passback_params", json_string(passback.data));
        }
    }
    const char *seller_id = gateway_option(gateway, "seller_id");
    if (seller_id[0] != '\0') {
        json_object_set_new(order, "seller_id", json_string(seller_id));
    }
    return order;
}

/* "30m": the whole minutes of the order's life. The same at every repeat, or Alipay would see
 * another order under the same number. */
static void add_minutes(json_t *order, const char *name, const struct gateway_charge *charge) {
    int64_t life_us = alipay_ends_us(charge->created_us, charge->expires_us) - charge->created_us;
    int64_t minutes = life_us / (60 * US_PER_SECOND);
    char text[24];
    minutes = minutes < 1 ? 1 : minutes > MINUTES_MAX ? MINUTES_MAX : minutes;
    snprintf(text, sizeof(text), "%lldm", (long long)minutes);
    json_object_set_new(order, name, json_string(text));
}

/* The bar code: money moves. */

/* What trade.pay said is believed of this very order only. */
static void read_paid(const json_t *body, const struct gateway_charge *charge,
                      struct gateway_result *result) {
    const char *out_trade_no = json_peek_text(body, "out_trade_no", NULL);
    if (out_trade_no == NULL || strcmp(out_trade_no, charge->reference) != 0) {
        exchange_common_code(result, "reference_mismatch");
        return; /* UNKNOWN */
    }
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id),
                     json_peek_text(body, "trade_no", NULL));
    result->amount_minor = alipay_read_amount(body, "total_amount");
    result->captured_minor = result->amount_minor;
    result->currency = result->amount_minor >= 0 ? charge->currency : (struct currency){{0}};
    result->outcome = GW_CHARGED;
}

static struct gateway_lookup lookup_of(const struct gateway_charge *charge) {
    return (struct gateway_lookup){
        .reference = charge->reference,
        .gateway_id = "",
        .charge_id = "",
        .created_us = charge->created_us,
        .expires_us = charge->expires_us,
        .amount_minor = charge->amount_minor,
        .currency = charge->currency,
        .method = charge->method,
        .flow = charge->flow,
        .token = charge->token,
    };
}

/* After "it was done before": the trade itself is asked, and what it does not settle is unknown. */
static void ask_trade(const struct gateway_call *call, const struct gateway_charge *charge,
                      struct gateway_result *result) {
    const struct gateway_lookup lookup = lookup_of(charge);
    struct gateway_result now;
    alipay_query(call, &lookup, &now);
    now.duration_us += result->duration_us;
    if (now.outcome == GW_CHARGED || now.outcome == GW_PENDING || now.outcome == GW_CANCELED ||
        now.outcome == GW_ACTION_NEEDED) {
        *result = now;
        return;
    }
    result->outcome = GW_UNKNOWN;
    result->duration_us = now.duration_us;
}

static void charge_code(const struct gateway_call *call, const struct gateway_charge *charge,
                        struct gateway_result *result) {
    json_t *order = order_json(call->gateway, charge);
    json_object_set_new(order, "scene", json_string("bar_code"));
    json_object_set_new(order, "auth_code", json_string(charge->token));
    add_minutes(order, "timeout_express", charge);
    JSON_AUTO body = NULL;
    switch (alipay_send(call, "alipay.trade.pay", order, true, OP_CHARGE, true, result, &body)) {
    case ALIPAY_DONE:
        read_paid(body, charge, result);
        break;
    case ALIPAY_REFUSED:
        exchange_copy_id(result->gateway_id, sizeof(result->gateway_id),
                         json_peek_text(body, "trade_no", NULL));
        if (alipay_code_is_done(result->code)) {
            ask_trade(call, charge, result);
        } else if (result->outcome == GW_NOT_FOUND) {
            exchange_in_doubt(result); /* no word about a payment that is being made */
        }
        break;
    case ALIPAY_SILENT:
    default:
        break;
    }
}

/* The QR code. */

static void charge_qr(const struct gateway_call *call, const struct gateway_charge *charge,
                      struct gateway_result *result) {
    json_t *order = order_json(call->gateway, charge);
    add_minutes(order, "qr_code_timeout_express", charge);
    add_minutes(order, "timeout_express", charge);
    JSON_AUTO body = NULL;
    enum alipay_answer answer = alipay_send(call, "alipay.trade.precreate", order, true, OP_CHARGE,
                                            false, result, &body);
    const char *code = json_peek_text(body, "qr_code", NULL);
    if (answer == ALIPAY_DONE && code != NULL) {
        exchange_copy_url(result->action_data, sizeof(result->action_data), code);
    }
    if (result->action_data[0] != '\0') {
        result->outcome = GW_ACTION_NEEDED;
        result->advice = ADVICE_CUSTOMER;
        result->action = ACTION_QR;
        result->action_expires_us = alipay_ends_us(charge->created_us, charge->expires_us);
        exchange_common_code(result, "customer_action");
        return;
    }
    if (answer == ALIPAY_REFUSED && alipay_code_is_done(result->code)) {
        ask_trade(call, charge, result);
    } else if (answer == ALIPAY_DONE || result->outcome == GW_UNKNOWN ||
               result->outcome == GW_PENDING || result->outcome == GW_NOT_FOUND) {
        /* A code that nobody was shown; see the head of this file. */
        result->outcome = GW_UNAVAILABLE;
        result->advice = ADVICE_ELSEWHERE;
        if (result->common_code[0] == '\0') {
            exchange_common_code(result, "gateway_garbled");
        }
    } else if (result->outcome == GW_DECLINED) {
        /* No buyer was asked: what Alipay refused is the order. */
        result->outcome = GW_REJECTED_REQUEST;
    }
}

/* Pages and the app: requests that the customer's side sends. */

static const struct {
    const char *method, *product_code;
} pages[FLOW_COUNT] = {
    [FLOW_PAGE] = {"alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"},
    [FLOW_MOBILE] = {"alipay.trade.wap.pay", "QUICK_WAP_WAY"},
    [FLOW_APP] = {"alipay.trade.app.pay", "QUICK_MSECURITY_PAY"},
};

static void charge_page(const struct gateway_call *call, const struct gateway_charge *charge,
                        enum gateway_flow flow, struct gateway_result *result) {
    char ends[CLOCK_TEXT_MAX];
    int64_t ends_us = alipay_ends_us(charge->created_us, charge->expires_us);
    json_t *order = order_json(call->gateway, charge);
    json_object_set_new(order, "product_code", json_string(pages[flow].product_code));
    json_object_set_new(order, "time_expire",
                        json_string(clock_format_at(ends_us, BEIJING_MINUTES, ends)));
    const char *quit_url = charge->cancel_url[0] != '\0' ? charge->cancel_url : charge->return_url;
    if (flow == FLOW_MOBILE && quit_url[0] != '\0') {
        json_object_set_new(order, "quit_url", json_string(quit_url));
    }
    struct alipay_request request;
    if (!alipay_request_make(call, pages[flow].method, order,
                             flow == FLOW_APP ? "" : charge->return_url, true, &request, result)) {
        return;
    }
    BUF_AUTO text;
    buf_init(&text, GATEWAY_ACTION_CHARS_MAX + 1);
    if (flow != FLOW_APP) {
        buf_addf(&text, "%s/gateway.do?", call->gateway->base_url);
    }
    alipay_request_write(&request, false, &text);
    alipay_request_release(&request);
    if (!buf_ok(&text) || text.len > GATEWAY_ACTION_CHARS_MAX) {
        exchange_refuse(result, "invalid_request", "the order is too long for an address");
        return;
    }
    snprintf(result->action_data, sizeof(result->action_data), "%s", text.data);
    result->action = flow == FLOW_APP ? ACTION_APP : ACTION_REDIRECT;
    result->action_expires_us = ends_us;
    result->outcome = GW_ACTION_NEEDED;
    result->advice = ADVICE_CUSTOMER;
    exchange_common_code(result, "customer_action");
}

void alipay_charge(const struct gateway_call *call, const struct gateway_charge *charge,
                   struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    if (!can_ask(charge, ret_result)) {
        return;
    }
    if (charge->token[0] != '\0') {
        charge_code(call, charge, ret_result);
    } else if (charge->flow == FLOW_QR) {
        charge_qr(call, charge, ret_result);
    } else {
        charge_page(call, charge, charge->flow != 0 ? charge->flow : FLOW_PAGE, ret_result);
    }
}
