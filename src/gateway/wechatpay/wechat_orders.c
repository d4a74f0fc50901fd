/* SPDX-License-Identifier: Apache-2.0
 * wechat_orders.c: making orders, and asking where one stands.
 *
 * Native, H5, app and JSAPI orders move no money when they are made: the customer pays with what
 * the answer holds (a code, an address, a prepay id), and an answer that did not reach us showed it
 * to nobody. So whatever goes wrong there is GW_UNAVAILABLE, after the order, which may exist, has
 * been closed as far as that can be done; an earlier send of the same order stays as unknown as it
 * was (gateway.h). Only a bar code at a till takes money at once. */
#include <glib.h>

#include "base/clock.h"
#include "gateway/wechatpay/wechatpay.h"

enum {
    DESCRIPTION_BYTES_MAX = 127,
    ATTACH_BYTES_MAX = 128,
    BAR_CODE_DIGITS = 18,
    OPENID_CHARS_MAX = 128,
    ASK_AGAIN_MS = 250,
};
/* An order that was not found is asked for once more while its creation may still be on its way. */
#define YOUNG_US (60 * US_PER_SECOND)
#define H5_LIFE_US (300 * US_PER_SECOND)

static const char *const trade_paths[] = {
    [WECHAT_NATIVE] = "/v3/pay/transactions/native",
    [WECHAT_H5] = "/v3/pay/transactions/h5",
    [WECHAT_APP] = "/v3/pay/transactions/app",
    [WECHAT_JSAPI] = "/v3/pay/transactions/jsapi",
    [WECHAT_CODEPAY] = "/v3/pay/transactions/codepay",
};
static_assert(COUNT_OF(trade_paths) == WECHAT_NO_TRADE, "every trade has a path");

bool wechat_is_bar_code(const char *token) {
    return token != NULL && strlen(token) == BAR_CODE_DIGITS && token[0] == '1' &&
           token[1] >= '0' && token[1] <= '5' && strspn(token, "0123456789") == BAR_CODE_DIGITS;
}

static enum wechat_trade trade_of(const struct gateway_charge *charge) {
    if (wechat_is_bar_code(charge->token)) {
        return WECHAT_CODEPAY;
    }
    if (charge->token[0] != '\0') {
        return WECHAT_JSAPI; /* whose openid it is */
    }
    static const enum wechat_trade trades[FLOW_COUNT] = {
        [0] = WECHAT_NATIVE, /* the adapter's own choice */
        [FLOW_PAGE] = WECHAT_NO_TRADE, [FLOW_MOBILE] = WECHAT_H5,
        [FLOW_QR] = WECHAT_NATIVE,     [FLOW_APP] = WECHAT_APP,
    };
    return (size_t)charge->flow < FLOW_COUNT ? trades[charge->flow] : WECHAT_NO_TRADE;
}

/* What is sent. The bytes follow from the charge alone, so that a repeat is the same request. */

static int64_t order_ends_us(const struct gateway_charge *charge) {
    return charge->expires_us > 0   ? charge->expires_us
           : charge->created_us > 0 ? charge->created_us + WECHAT_ORDER_LIFE_US
                                    : 0;
}

/* "2026-11-20T16:00:00+08:00" */
static void china_time(int64_t wall_us, char text[CLOCK_TEXT_MAX + 6]) {
    char utc[CLOCK_TEXT_MAX];
    int64_t there_us = wall_us / US_PER_SECOND * US_PER_SECOND + 8 * 3600 * US_PER_SECOND;
    clock_format(there_us, utc);
    snprintf(text, CLOCK_TEXT_MAX + 6, "%.*s+08:00", (int)strcspn(utc, "Z"), utc);
}

static json_t *amount_json(const struct gateway_charge *charge) {
    return json_pack("{s:I,s:s}", "total", (json_int_t)charge->amount_minor, "currency", "CNY");
}

static void add_trade(const struct wechat_state *state, const struct gateway_charge *charge,
                      enum wechat_trade trade, json_t *order) {
    if (trade == WECHAT_H5) {
        json_object_set_new(order, "scene_info",
                            json_pack("{s:s,s:{s:s}}", "payer_client_ip", charge->customer_ip,
                                      "h5_info", "type", "Wap"));
    } else if (trade == WECHAT_JSAPI) {
        json_object_set_new(order, "payer", json_pack("{s:s}", "openid", charge->token));
    } else if (trade == WECHAT_CODEPAY) {
        json_object_set_new(order, "payer", json_pack("{s:s}", "auth_code", charge->token));
        json_object_set_new(order, "scene_info",
                            json_pack("{s:{s:s}}", "store_info", "id", state->store_id));
    }
}

static json_t *order_json(const struct gateway *gateway, const struct gateway_charge *charge,
                          enum wechat_trade trade) {
    const struct wechat_state *state = gateway->state;
    char description[DESCRIPTION_BYTES_MAX + 1];
    char ends[CLOCK_TEXT_MAX + 6];
    exchange_copy_text(description, sizeof(description),
                       charge->description[0] != '\0' ? charge->description : charge->order_id);
    json_t *order = json_pack("{s:s,s:s,s:s,s:s}", "appid", state->appid, "mchid", state->mchid,
                              "description", description, "out_trade_no", charge->reference);
    if (trade != WECHAT_CODEPAY && order_ends_us(charge) > 0) {
        china_time(order_ends_us(charge), ends);
        json_object_set_new(order, "time_expire", json_string(ends));
    }
    if (charge->order_id[0] != '\0' && strlen(charge->order_id) <= ATTACH_BYTES_MAX) {
        json_object_set_new(order, "attach", json_string(charge->order_id));
    }
    if (trade != WECHAT_CODEPAY) {
        json_object_set_new(order, "notify_url", json_string(gateway->callback_url));
    }
    json_object_set_new(order, "amount", amount_json(charge));
    add_trade(state, charge, trade, order);
    return order;
}

static bool reference_ok(const char *reference) {
    return exchange_reference_ok(reference) && strlen(reference) >= WECHAT_REFERENCE_CHARS_MIN &&
           strlen(reference) <= WECHAT_REFERENCE_CHARS_MAX;
}

static bool openid_ok(const char *token) {
    return strlen(token) <= OPENID_CHARS_MAX &&
           strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               strlen(token);
}

/* NULL: it can be asked; else the common code and why not. */
static const char *why_not(const struct wechat_state *state, const struct gateway_charge *charge,
                           enum wechat_trade trade, const char **ret_message) {
    *ret_message = "";
    if (!reference_ok(charge->reference)) {
        *ret_message = "the reference cannot be an out_trade_no";
        return "invalid_request";
    }
    if (strcmp(charge->currency.code, "CNY") != 0) {
        *ret_message = "WeChat Pay takes CNY only";
        return "currency_not_supported";
    }
    if (charge->amount_minor < 1 || charge->amount_minor > AMOUNT_MINOR_MAX) {
        *ret_message = "this amount cannot be said to WeChat Pay";
        return "invalid_amount";
    }
    if (charge->method != METHOD_WECHATPAY || !charge->capture || charge->off_session) {
        *ret_message = "WeChat Pay takes its own wallet, at once, from a customer who is there";
        return "not_permitted";
    }
    if (trade == WECHAT_NO_TRADE) {
        *ret_message = "WeChat Pay has no page for a browser on a desk; show a code instead";
        return "not_permitted";
    }
    if (trade == WECHAT_H5 && charge->customer_ip[0] == '\0') {
        *ret_message = "a payment on a phone's page needs the customer's address: customer.ip";
        return "invalid_request";
    }
    if (trade == WECHAT_JSAPI && !openid_ok(charge->token)) {
        *ret_message = "the token is neither an openid nor a bar code";
        return "token_unusable";
    }
    if (trade == WECHAT_CODEPAY && state->store_id[0] == '\0') {
        *ret_message = "bar codes are taken only where the option store_id is configured";
        return "not_permitted";
    }
    if (!g_utf8_validate(charge->order_id, -1, NULL) ||
        !g_utf8_validate(charge->description, -1, NULL)) {
        *ret_message = "the order id or the description is not valid UTF-8";
        return "invalid_request";
    }
    return NULL;
}

/* What the customer is given. */

/* The arguments of the wallet's kit, signed by us: an app takes other names than a page. */
static bool client_json(const struct wechat_state *state, enum wechat_trade trade,
                        const char *prepay_id, char *ret_text, size_t text_bytes) {
    char nonce[WECHAT_NONCE_CHARS + 1];
    char timestamp[24];
    char package[GATEWAY_ID_CHARS_MAX + 16];
    char *signature = NULL;
    struct err unused;
    BUF_AUTO text;
    buf_init(&text, 1024);
    wechat_nonce(nonce);
    snprintf(timestamp, sizeof(timestamp), "%lld", (long long)(clock_wall_us() / US_PER_SECOND));
    snprintf(package, sizeof(package), "prepay_id=%s", prepay_id);
    bool page = trade == WECHAT_JSAPI;
    if (!wechat_signed_client(state->appid, timestamp, nonce, page ? package : prepay_id, &text) ||
        rsa_sign_sha256(state->private_key, text.data, text.len, &signature, &unused) < 0) {
        return false;
    }
    json_t *json = page ? json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "appId", state->appid, "timeStamp",
                                    timestamp, "nonceStr", nonce, "package", package, "signType",
                                    "RSA", "paySign", signature)
                        : json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "appid", state->appid,
                                    "partnerid", state->mchid, "prepayid", prepay_id, "package",
                                    "Sign=WXPay", "noncestr", nonce, "timestamp", timestamp, "sign",
                                    signature);
    char *written = json_write(json);
    bool fits = strlen(written) < text_bytes;
    if (fits) {
        memcpy(ret_text, written, strlen(written) + 1);
    }
    free(written);
    json_decref(json);
    free(signature);
    return fits;
}

/* After he has paid, the wallet sends the phone's browser on to the shop. */
static void h5_action(const char *h5_url, const char *return_url, struct gateway_result *result) {
    BUF_AUTO url;
    buf_init(&url, GATEWAY_ACTION_CHARS_MAX);
    buf_add_text(&url, h5_url);
    if (return_url[0] != '\0') {
        buf_add_text(&url, strchr(h5_url, '?') != NULL ? "&redirect_url=" : "?redirect_url=");
        buf_add_urlencoded(&url, return_url);
    }
    exchange_redirect(result, buf_ok(&url) ? url.data : h5_url);
}

/* False: the answer holds nothing to give him. */
static bool read_code(const struct wechat_state *state, const struct gateway_charge *charge,
                      enum wechat_trade trade, const json_t *json, struct gateway_result *result) {
    int64_t now_us = clock_wall_us();
    int64_t ends_us = order_ends_us(charge);
    int64_t code_ends_us = now_us + (trade == WECHAT_H5 ? H5_LIFE_US : WECHAT_ORDER_LIFE_US);
    const char *code_url = json_peek_text(json, "code_url", NULL);
    const char *h5_url = json_peek_text(json, "h5_url", NULL);
    const char *prepay_id = json_peek_text(json, "prepay_id", NULL);
    if (trade == WECHAT_NATIVE && code_url != NULL) {
        exchange_copy_id(result->action_data, sizeof(result->action_data), code_url);
        result->action = result->action_data[0] != '\0' ? ACTION_QR : ACTION_NONE;
    } else if (trade == WECHAT_H5 && h5_url != NULL) {
        h5_action(h5_url, charge->return_url, result);
    } else if ((trade == WECHAT_APP || trade == WECHAT_JSAPI) && prepay_id != NULL &&
               strlen(prepay_id) <= GATEWAY_ID_CHARS_MAX) {
        result->action = client_json(state, trade, prepay_id, result->action_data,
                                     sizeof(result->action_data))
                             ? ACTION_APP
                             : ACTION_NONE;
    }
    if (result->action == ACTION_NONE) {
        return false;
    }
    result->action_expires_us = ends_us > 0 && ends_us < code_ends_us ? ends_us : code_ends_us;
    result->outcome = GW_ACTION_NEEDED;
    result->advice = ADVICE_CUSTOMER;
    exchange_common_code(result, "customer_action");
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id), charge->reference);
    return true;
}

/* Asking. */

static bool can_wait(const struct gateway_call *call, int64_t pause_us) {
    return call->deadline_us - clock_mono_us() > 2 * pause_us;
}

/* An answer about another payment is no answer about ours, however well it is signed. */
static void read_own(const struct wechat_state *state, const json_t *json, const char *reference,
                     struct gateway_result *result) {
    const char *theirs = json_peek_text(json, "out_trade_no", NULL);
    if (theirs != NULL && strcmp(theirs, reference) != 0) {
        exchange_common_code(result, "reference_mismatch");
        exchange_copy_text(result->message, sizeof(result->message),
                           "WeChat Pay answered about another payment than the one asked about");
    } else if (wechat_check_account(state, json, result)) {
        wechat_read_transaction(json, result);
    }
}

void wechat_ask_order(const struct gateway_call *call, const char *reference,
                      struct gateway_result *result) {
    const struct wechat_state *state = call->gateway->state;
    char target[WECHAT_TARGET_BYTES_MAX];
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    snprintf(target, sizeof(target), "/v3/pay/transactions/out-trade-no/%s?mchid=%s", reference,
             state->mchid);
    const struct wechat_request request = {.method = "GET", .target = target};
    gateway_result_init(result);
    if (!wechat_send(call, &request, result, &answer, &json)) {
        return;
    }
    if (!wechat_success(&answer)) {
        wechat_read_error(answer.status, json, WECHAT_ERRORS_OF_ANY, result);
        if (result->outcome != GW_NOT_FOUND) {
            exchange_no_answer(result);
        }
        return;
    }
    read_own(state, json, reference, result);
    if (result->gateway_id[0] == '\0') {
        exchange_no_answer(result);
    }
}

void wechat_query(const struct gateway_call *call, const struct gateway_lookup *lookup,
                  struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    if (!reference_ok(lookup->reference)) {
        exchange_refuse(ret_result, "invalid_request", "the reference cannot be an out_trade_no");
        return;
    }
    wechat_ask_order(call, lookup->reference, ret_result);
    bool young = clock_wall_us() - lookup->created_us < YOUNG_US;
    if (ret_result->outcome == GW_NOT_FOUND && young && can_wait(call, ASK_AGAIN_MS * US_PER_MS)) {
        /* Right after a creation that was not answered, not being there says little. */
        int64_t spent_us = ret_result->duration_us;
        task_sleep_us(ASK_AGAIN_MS * US_PER_MS);
        wechat_ask_order(call, lookup->reference, ret_result);
        ret_result->duration_us += spent_us;
    }
    if (ret_result->outcome == GW_ACTION_NEEDED && wechat_is_bar_code(lookup->token)) {
        ret_result->outcome = GW_PENDING; /* there is nothing more that he could be shown */
    }
}

/* Making an order. */

/* The creation's outcome is not clear and nobody was shown the code: the order, if there is one, is
 * closed, and it is certain that nothing was or will be paid. */
static void give_up(const struct gateway_call *call, const struct gateway_charge *charge,
                    struct gateway_result *result) {
    struct gateway_result closed;
    wechat_close_order(call, charge->reference, false, &closed);
    closed.duration_us += result->duration_us;
    if (closed.outcome == GW_CHARGED) {
        *result = closed; /* an earlier send of it was answered and shown after all, and paid */
        return;
    }
    result->outcome = GW_UNAVAILABLE;
    result->advice = ADVICE_ELSEWHERE;
    result->duration_us = closed.duration_us;
}

static void create_order(const struct gateway_call *call, const struct gateway_charge *charge,
                         enum wechat_trade trade, struct gateway_result *result) {
    int64_t left_us = call->deadline_us - clock_mono_us();
    struct gateway_call first = *call;
    first.deadline_us -= left_us > 0 ? left_us / 4 : 0; /* what is left is for closing it */
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    JSON_AUTO body = order_json(call->gateway, charge, trade);
    const struct wechat_request request = {
        .method = "POST", .target = trade_paths[trade], .body = body, .moves_money = true};
    if (!wechat_send(&first, &request, result, &answer, &json)) {
        if (result->outcome == GW_UNKNOWN) {
            give_up(call, charge, result);
        }
        return;
    }
    if (wechat_success(&answer)) {
        if (!read_code(call->gateway->state, charge, trade, json, result)) {
            exchange_common_code(result, "gateway_garbled");
            give_up(call, charge, result);
        }
        return;
    }
    wechat_read_error(answer.status, json, WECHAT_ERRORS_OF_ANY, result);
    if (result->outcome == GW_UNKNOWN || result->outcome == GW_PENDING) {
        give_up(call, charge, result);
    } else if (result->outcome == GW_DECLINED || result->outcome == GW_NOT_FOUND) {
        /* Nobody's bank was asked: what was refused is this request. */
        result->outcome = GW_REJECTED_REQUEST;
        result->advice = ADVICE_ELSEWHERE;
    }
}

/* The customer's bar code was read: money moves now. */
static void take_bar_code(const struct gateway_call *call, const struct gateway_charge *charge,
                          struct gateway_result *result) {
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    JSON_AUTO body = order_json(call->gateway, charge, WECHAT_CODEPAY);
    const struct wechat_request request = {
        .method = "POST", .target = trade_paths[WECHAT_CODEPAY], .body = body, .moves_money = true};
    if (!wechat_send(call, &request, result, &answer, &json)) {
        return;
    }
    if (!wechat_success(&answer)) {
        wechat_read_error(answer.status, json, WECHAT_ERRORS_OF_ANY, result);
        bool doubtful = wechat_code_is_done(result->code) || result->outcome == GW_NOT_FOUND;
        if (doubtful) {
            int64_t spent_us = result->duration_us;
            wechat_ask_order(call, charge->reference, result);
            result->duration_us += spent_us;
            exchange_in_doubt(result);
        }
    } else {
        read_own(call->gateway->state, json, charge->reference, result);
    }
    if (result->outcome == GW_ACTION_NEEDED) {
        result->outcome = GW_PENDING;
    }
    if (result->outcome == GW_PENDING) {
        exchange_copy_id(result->gateway_id, sizeof(result->gateway_id), charge->reference);
    }
}

void wechat_charge(const struct gateway_call *call, const struct gateway_charge *charge,
                   struct gateway_result *ret_result) {
    enum wechat_trade trade = trade_of(charge);
    const char *message = NULL;
    gateway_result_init(ret_result);
    const char *code = why_not(call->gateway->state, charge, trade, &message);
    if (code != NULL) {
        exchange_refuse(ret_result, code, message);
    } else if (trade == WECHAT_CODEPAY) {
        take_bar_code(call, charge, ret_result);
    } else {
        create_order(call, charge, trade, ret_result);
    }
}
