/* SPDX-License-Identifier: Apache-2.0
 * unionpay_orders.c: orders that wait for their customer, and asking where one stands.
 *
 *   page, mobile_page   no call is made: the signed form is what the customer's browser posts
 *   app                 appTransReq gives a tn, with which the shop's app calls UnionPay's
 *
 * An order has no money in it before the customer has paid, and nobody can close one: it ends at
 * its payTimeout. It is named by merchant, orderId (our reference) and txnTime (when our row was
 * written), so that it is the same at every repeat and can be asked about without an answer. What
 * UnionPay does not know before payTimeout waits for its customer; after it, it is over. */
#include <string.h>

#include "base/clock.h"
#include "gateway/unionpay/unionpay.h"

/* Where nobody said until when the customer may pay. */
#define PAY_TIMEOUT_US (1800 * US_PER_SECOND)
/* After payTimeout: their clock and ours, and payments begun in the last moment. */
#define GRACE_US (600 * US_PER_SECOND)

enum { ORDER_ECHO_CHARS_MAX = 127 };

static int64_t pay_timeout_us(int64_t created_us, int64_t expires_us) {
    int64_t us = expires_us > 0 ? expires_us : created_us + PAY_TIMEOUT_US;
    return us - us % US_PER_SECOND;
}

static bool can_ask(const struct gateway_charge *charge, struct unionpay_order *ret_order,
                    struct gateway_result *result) {
    if (!unionpay_order_of(charge->reference, charge->created_us, ret_order)) {
        exchange_refuse(result, "invalid_request", "the reference cannot name an order there");
        return false;
    }
    if (strcmp(charge->currency.code, "CNY") != 0) {
        exchange_refuse(result, "currency_not_supported", "UnionPay's gateway takes CNY only");
        return false;
    }
    if (charge->amount_minor < 1 || charge->amount_minor > AMOUNT_MINOR_MAX) {
        exchange_refuse(result, "invalid_amount", "this amount cannot be said to UnionPay");
        return false;
    }
    if (charge->method != METHOD_UNIONPAY || charge->token[0] != '\0' || charge->off_session) {
        exchange_refuse(result, "token_unusable",
                        "UnionPay's gateway asks the customer; it has no stored cards here");
        return false;
    }
    if (charge->flow == FLOW_QR) {
        exchange_refuse(result, "invalid_request", "UnionPay's gateway has no QR code here");
        return false;
    }
    return true;
}

/* Echoed in the notify, and compared there. Only what no bracket, '&' or '=' stands in. */
static const char *order_echo(const char *order_id) {
    size_t count = strlen(order_id);
    bool safe = count <= ORDER_ECHO_CHARS_MAX &&
                strspn(order_id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "-_.") == count;
    return safe ? order_id : NULL;
}

static void fill_order(const struct gateway *gateway, const struct gateway_charge *charge,
                       const struct unionpay_order *order, struct unionpay_message *request) {
    char amount[24], pay_timeout[UNIONPAY_TIME_MAX];
    unionpay_begin(gateway, request, charge->capture ? UNIONPAY_CONSUME : UNIONPAY_HOLD, "01",
                   order);
    snprintf(amount, sizeof(amount), "%lld", (long long)charge->amount_minor);
    unionpay_time(pay_timeout_us(charge->created_us, charge->expires_us), pay_timeout);
    bool desk = charge->flow != FLOW_MOBILE && charge->flow != FLOW_APP;
    unionpay_set(request, "channelType", desk ? "07" : "08");
    unionpay_set(request, "txnAmt", amount);
    unionpay_set(request, "currencyCode", "156");
    unionpay_set(request, "payTimeout", pay_timeout);
    unionpay_set(request, "backUrl", gateway->callback_url);
    unionpay_set(request, "reqReserved", order_echo(charge->order_id));
    if (charge->flow != FLOW_APP) {
        unionpay_set(request, "frontUrl", charge->return_url);
    }
}

static void wait_for_customer(const struct gateway_charge *charge, enum gateway_action action,
                              struct gateway_result *result) {
    result->outcome = GW_ACTION_NEEDED;
    result->advice = ADVICE_CUSTOMER;
    result->action = action;
    result->action_expires_us = pay_timeout_us(charge->created_us, charge->expires_us);
    exchange_common_code(result, "customer_action");
}

/* {"url":…,"fields":{…}}: nothing is sent, and the signature is the same at every repeat. */
static void make_form(const struct gateway *gateway, const struct gateway_charge *charge,
                      struct unionpay_message *request, struct gateway_result *result) {
    struct err err = {0};
    if (unionpay_sign_request(gateway, request, &err) < 0) {
        exchange_refuse(result, "credentials", err.detail);
        return;
    }
    BUF_AUTO out;
    buf_init(&out, GATEWAY_ACTION_CHARS_MAX);
    buf_addf(&out, "{\"url\":\"%s" UNIONPAY_FRONT_PATH "\",\"fields\":{", gateway->base_url);
    for (int i = 0; i < request->count; i++) {
        buf_add_text(&out, i > 0 ? "," : "");
        buf_add_json(&out, request->fields[i].name);
        buf_add_char(&out, ':');
        buf_add_json(&out, request->fields[i].value);
    }
    buf_add_text(&out, "}}");
    if (!buf_ok(&out)) {
        exchange_refuse(result, "invalid_request", "the return URL is too long for UnionPay");
        return;
    }
    snprintf(result->action_data, sizeof(result->action_data), "%s", out.data);
    wait_for_customer(charge, ACTION_FORM, result);
}

/* The order is known there: perhaps by an earlier send whose tn is out. */
static void ask_known(const struct gateway_call *call, const struct gateway_charge *charge,
                      const struct unionpay_order *order, struct gateway_result *result) {
    struct gateway_result now;
    gateway_result_init(&now);
    bool there = unionpay_ask(call, order, charge->capture ? GW_CHARGED : GW_AUTHORIZED, &now);
    now.duration_us += result->duration_us;
    if (!there) {
        exchange_in_doubt(&now);
    }
    *result = now;
}

/* Whatever is not clear about an order whose tn nobody has, it cannot be paid. */
static void no_tn(struct gateway_result *result) {
    if (result->outcome == GW_UNKNOWN) {
        result->outcome = GW_UNAVAILABLE;
        result->advice = ADVICE_ELSEWHERE;
    }
}

static void charge_by_app(const struct gateway_call *call, const struct gateway_charge *charge,
                          const struct unionpay_order *order, struct unionpay_message *request,
                          struct gateway_result *result) {
    UNIONPAY_MESSAGE_AUTO answer = {0};
    /* It moves no money: who has no tn cannot pay, and the tn stands in this answer only. Unless
     * it is said that the order was known before, nobody has one when the answer cannot be used. */
    if (!unionpay_send(call, UNIONPAY_APP_PATH, request, false, result, &answer)) {
        return;
    }
    const char *tn = unionpay_get(&answer, "tn");
    if (strcmp(result->code, "00") == 0 && tn[0] != '\0') {
        exchange_copy_id(result->action_data, sizeof(result->action_data), tn);
        result->code[0] = '\0';
        wait_for_customer(charge, ACTION_APP, result);
    } else if (strcmp(result->code, "12") == 0) {
        ask_known(call, charge, order, result);
    } else {
        unionpay_read_refusal(&answer, result);
        no_tn(result);
    }
}

void unionpay_charge(const struct gateway_call *call, const struct gateway_charge *charge,
                     struct gateway_result *ret_result) {
    struct unionpay_order order;
    UNIONPAY_MESSAGE_AUTO request = {0};
    gateway_result_init(ret_result);
    if (!can_ask(charge, &order, ret_result)) {
        return;
    }
    fill_order(call->gateway, charge, &order, &request);
    if (charge->flow == FLOW_APP) {
        charge_by_app(call, charge, &order, &request, ret_result);
    } else {
        make_form(call->gateway, charge, &request, ret_result);
    }
}

/* ---- asking ---- */

static void read_order(const struct unionpay_message *answer, enum gateway_outcome done,
                       struct gateway_result *result) {
    const char *code = unionpay_get(answer, "origRespCode");
    const char *message = unionpay_get(answer, "origRespMsg");
    unionpay_read_ended(code, done, result);
    exchange_copy_text(result->message, sizeof(result->message), message);
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id),
                     unionpay_get(answer, "queryId"));
    exchange_copy_id(result->charge_id, sizeof(result->charge_id), result->gateway_id);
    result->amount_minor = unionpay_read_amount(answer, &result->currency);
    if (result->outcome == done && (result->gateway_id[0] == '\0' || result->amount_minor < 0)) {
        /* Done, but of what, and in which currency? */
        result->outcome = GW_UNKNOWN;
        result->advice = ADVICE_LATER;
        exchange_common_code(result, "gateway_garbled");
    }
}

bool unionpay_ask(const struct gateway_call *call, const struct unionpay_order *order,
                  enum gateway_outcome done, struct gateway_result *result) {
    UNIONPAY_MESSAGE_AUTO request = {0};
    UNIONPAY_MESSAGE_AUTO answer = {0};
    unionpay_begin(call->gateway, &request, UNIONPAY_QUERY, "00", order);
    if (!unionpay_send(call, UNIONPAY_QUERY_PATH, &request, false, result, &answer)) {
        return false;
    }
    if (strcmp(result->code, "00") == 0) {
        read_order(&answer, done, result);
        return true;
    }
    unionpay_read_refusal(&answer, result);
    if (strcmp(result->code, "34") == 0) {
        result->outcome = GW_NOT_FOUND;
    } else {
        exchange_no_answer(result);
    }
    return false;
}

/* Not there: the customer has not paid. */
static void read_unpaid(const struct gateway_lookup *lookup, struct gateway_result *result) {
    int64_t over_us = pay_timeout_us(lookup->created_us, lookup->expires_us) + GRACE_US;
    if (clock_wall_us() < over_us) {
        result->outcome = GW_ACTION_NEEDED;
        result->advice = ADVICE_CUSTOMER;
        exchange_common_code(result, "customer_action");
    } else {
        result->outcome = GW_CANCELED;
        result->advice = ADVICE_STOP;
        exchange_common_code(result, "order_expired");
    }
}

void unionpay_query(const struct gateway_call *call, const struct gateway_lookup *lookup,
                    struct gateway_result *ret_result) {
    struct unionpay_order order;
    gateway_result_init(ret_result);
    if (lookup->change != NULL) {
        bool capture = lookup->asked == OP_CAPTURE;
        if (unionpay_ask_change(call, lookup->change, capture ? GW_CHARGED : GW_CANCELED,
                                ret_result) ||
            ret_result->outcome != GW_NOT_FOUND) {
            return;
        }
        /* It is not there: where the payment stands is what there is to say. */
        int64_t duration_us = ret_result->duration_us;
        gateway_result_init(ret_result);
        ret_result->duration_us = duration_us;
    }
    if (!unionpay_order_of(lookup->reference, lookup->created_us, &order)) {
        ret_result->outcome = GW_NOT_FOUND; /* can_ask() let no such order be made */
        return;
    }
    bool there = unionpay_ask(call, &order, lookup->hold ? GW_AUTHORIZED : GW_CHARGED, ret_result);
    if (there && lookup->hold) {
        ret_result->charge_id[0] = '\0'; /* that is the completion's */
    }
    if (there && !lookup->hold && ret_result->outcome == GW_CHARGED) {
        ret_result->captured_minor = ret_result->amount_minor;
    }
    if (ret_result->outcome == GW_NOT_FOUND) {
        read_unpaid(lookup, ret_result);
    }
}
