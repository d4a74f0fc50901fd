/* SPDX-License-Identifier: Apache-2.0
 * wechat_orders.c: orders of the simulated WeChat Pay: made, asked for, paid, closed, reversed. */
#include <inttypes.h>

#include "base/clock.h"
#include "sandbox/wechat.h"

enum {
    NUMBER_CHARS_MIN = 6,
    NUMBER_CHARS_MAX = 32,
    DESCRIPTION_BYTES_MAX = 127 * 4,
    ATTACH_CHARS_MAX = 128,
    NOTIFY_URL_CHARS_MAX = 255,
    BAR_CODE_DIGITS = 18,
    NAME_CHARS_MAX = 40,
};
#define ORDER_LIFE_US (INT64_C(2) * 3600 * US_PER_SECOND)
#define ORDER_LIFE_US_MAX (INT64_C(7) * 24 * 3600 * US_PER_SECOND)
#define CODE_START "weixin://wxpay/bizpayurl?pr="
/* Bar codes by their last four digits; all others pay at once. */
#define BAR_CODE_ASKS "9901"
#define BAR_CODE_POOR "9902"

const char *const sb_wechat_trade_names[SB_WECHAT_TRADES] = {"NATIVE", "MWEB", "APP", "JSAPI",
                                                             "MICROPAY"};
const char *const sb_wechat_state_names[SB_WECHAT_STATES] = {
    "NOTPAY", "USERPAYING", "SUCCESS", "REFUND", "CLOSED", "REVOKED", "PAYERROR"};

struct sb_shard *sb_wechat_shard(struct sb_place *place, const struct sb_wechat_order *order) {
    return sb_place_shard(place, order->number);
}

/* Orders and refunds have names of their own each. */
static const char *order_name(const char *out_trade_no, char text[NAME_CHARS_MAX]) {
    snprintf(text, NAME_CHARS_MAX, "o/%.32s", out_trade_no);
    return text;
}

struct sb_wechat_order *sb_wechat_order_of(struct sb_place *place, const char *out_trade_no) {
    char name[NAME_CHARS_MAX];
    return strlen(out_trade_no) <= NUMBER_CHARS_MAX
               ? sb_place_named(place, order_name(out_trade_no, name))
               : NULL;
}

struct sb_wechat_order *sb_wechat_transaction_of(struct sb_place *place, const char *id) {
    return sb_place_find(place, SB_WECHAT_TRANSACTION, id);
}

struct sb_wechat_now *sb_wechat_next(struct sb_place *place, struct sb_wechat_order *order) {
    struct sb_hoard *hoard = &sb_wechat_shard(place, order)->hoard;
    struct sb_wechat_now *next = sb_hoard_take(hoard, sizeof(*next));
    if (order->now != NULL) {
        *next = *order->now;
    }
    order->now = next;
    return next;
}

void sb_wechat_look_at_time(struct sb_place *place, struct sb_wechat_order *order) {
    if (order->now->state == SB_WECHAT_NOTPAY && clock_wall_us() >= order->expires_us) {
        sb_wechat_next(place, order)->state = SB_WECHAT_CLOSED;
    }
}

/* ---- parameters ---- */

struct params {
    const char *out_trade_no, *description, *attach, *notify_url, *openid, *auth_code;
    int64_t total_minor, expires_us;
};

static bool wrong(struct sb_wechat_call *call, const char *what) {
    char message[160];
    snprintf(message, sizeof(message), "输入源“/body/%s”映射到值字段的规则校验失败", what);
    sb_wechat_fail(call, 400, "PARAM_ERROR", message);
    return false;
}

static bool text_of(struct sb_wechat_call *call, const json_t *object, const char *key,
                    size_t chars_max, bool needed, const char **ret_text) {
    const json_t *value = json_object_get(object, key);
    *ret_text = NULL;
    if (value == NULL) {
        return !needed || wrong(call, key);
    }
    *ret_text = json_string_value(value);
    return (*ret_text != NULL && (*ret_text)[0] != '\0' && strlen(*ret_text) <= chars_max) ||
           wrong(call, key);
}

/* Strict: what the real one does not know, it refuses. */
static bool known(struct sb_wechat_call *call, const json_t *object, const char *const *keys) {
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)object, key, value) {
        bool found = false;
        for (const char *const *one = keys; *one != NULL; one++) {
            found = found || strcmp(*one, key) == 0;
        }
        if (!found) {
            return wrong(call, key);
        }
    }
    return true;
}

static bool account_ok(struct sb_wechat_call *call) {
    const char *mchid = json_peek_text(call->body, "mchid", NULL);
    const char *appid = json_peek_text(call->body, "appid", NULL);
    if (mchid == NULL || appid == NULL) {
        return wrong(call, mchid == NULL ? "mchid" : "appid");
    }
    if (strcmp(mchid, sb_setting(call->sandbox, SB_WECHAT, SB_WECHAT_MCHID)) != 0 ||
        strcmp(appid, sb_setting(call->sandbox, SB_WECHAT, SB_WECHAT_APPID)) != 0) {
        sb_wechat_fail(call, 400, "APPID_MCHID_NOT_MATCH", "商户号和应用ID不匹配");
        return false;
    }
    return true;
}

static bool read_amount(struct sb_wechat_call *call, struct params *params) {
    static const char *const keys[] = {"total", "currency", NULL};
    const json_t *amount = json_object_get(call->body, "amount");
    const json_t *total = json_object_get(amount, "total");
    const char *currency = json_peek_text(amount, "currency", NULL);
    if (!json_is_object(amount) || !known(call, amount, keys)) {
        return json_is_object(amount) ? false : wrong(call, "amount");
    }
    params->total_minor = json_is_integer(total) ? (int64_t)json_integer_value(total) : 0;
    if (params->total_minor < 1 || params->total_minor > AMOUNT_MINOR_MAX) {
        return wrong(call, "amount/total");
    }
    return currency == NULL || strcmp(currency, "CNY") == 0 || wrong(call, "amount/currency");
}

static bool read_expiry(struct sb_wechat_call *call, struct params *params) {
    const char *text = NULL;
    int64_t now_us = clock_wall_us();
    params->expires_us = now_us + ORDER_LIFE_US;
    if (!text_of(call, call->body, "time_expire", 64, false, &text)) {
        return false;
    }
    if (text == NULL) {
        return true;
    }
    return (clock_parse(text, &params->expires_us) && params->expires_us > now_us &&
            params->expires_us <= now_us + ORDER_LIFE_US_MAX) ||
           wrong(call, "time_expire");
}

/* https, or the sandbox's own machine; no query. */
static bool notify_ok(const char *url) {
    return (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://127.0.0.1:", 17) == 0 ||
            strncmp(url, "http://localhost:", 17) == 0) &&
           strpbrk(url, "?#") == NULL;
}

static bool number_ok(const char *number) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-|*";
    return strlen(number) >= NUMBER_CHARS_MIN && strspn(number, allowed) == strlen(number);
}

static bool read_scene(struct sb_wechat_call *call, enum sb_wechat_trade trade,
                       struct params *params) {
    const json_t *payer = json_object_get(call->body, "payer");
    const json_t *scene = json_object_get(call->body, "scene_info");
    if (trade == SB_WECHAT_H5 && (json_peek_text(scene, "payer_client_ip", NULL) == NULL ||
                                  json_peek_text(scene, "h5_info", "type", NULL) == NULL)) {
        return wrong(call, "scene_info");
    }
    if (trade == SB_WECHAT_CODEPAY && json_peek_text(scene, "store_info", "id", NULL) == NULL) {
        return wrong(call, "scene_info/store_info/id");
    }
    if (trade == SB_WECHAT_CODEPAY) {
        return text_of(call, payer, "auth_code", 32, true, &params->auth_code) &&
               ((strlen(params->auth_code) == BAR_CODE_DIGITS &&
                 strspn(params->auth_code, "0123456789") == BAR_CODE_DIGITS) ||
                wrong(call, "payer/auth_code"));
    }
    if (trade == SB_WECHAT_JSAPI) {
        return text_of(call, payer, "openid", 128, true, &params->openid);
    }
    return payer == NULL || wrong(call, "payer");
}

static bool read_params(struct sb_wechat_call *call, enum sb_wechat_trade trade,
                        struct params *params) {
    static const char *const keys[] = {
        "appid",  "mchid",      "description", "out_trade_no",   "time_expire",
        "attach", "notify_url", "goods_tag",   "support_fapiao", "amount",
        "payer",  "detail",     "scene_info",  "settle_info",    NULL};
    bool notifies = trade != SB_WECHAT_CODEPAY;
    if (!known(call, call->body, keys) || !account_ok(call) ||
        !text_of(call, call->body, "description", DESCRIPTION_BYTES_MAX, true,
                 &params->description) ||
        !text_of(call, call->body, "out_trade_no", NUMBER_CHARS_MAX, true, &params->out_trade_no) ||
        !text_of(call, call->body, "attach", ATTACH_CHARS_MAX, false, &params->attach) ||
        !text_of(call, call->body, "notify_url", NOTIFY_URL_CHARS_MAX, notifies,
                 &params->notify_url) ||
        !read_amount(call, params) || !read_expiry(call, params) ||
        !read_scene(call, trade, params)) {
        return false;
    }
    if (params->notify_url != NULL && !notify_ok(params->notify_url)) {
        return wrong(call, "notify_url");
    }
    return number_ok(params->out_trade_no) || wrong(call, "out_trade_no");
}

/* The same parameters, however they are written. */
static uint64_t digest_of(const struct sb_wechat_call *call, enum sb_wechat_trade trade) {
    char *text = json_dumps(call->body, JSON_SORT_KEYS | JSON_COMPACT);
    INVARIANT(text != NULL, "JSON that was read can be written");
    uint64_t digest = sb_digest((uint64_t)trade, text, strlen(text));
    free(text);
    return digest;
}

/* ---- making ---- */

/* A new order, or the one that has the number; NULL: the place is full. */
static struct sb_wechat_order *order_make(struct sandbox *sandbox, const struct params *params,
                                          enum sb_wechat_trade trade, uint64_t digest,
                                          bool *ret_made) {
    struct sb_place *place = sandbox->places[SB_WECHAT];
    char name[NAME_CHARS_MAX];
    uint32_t number = 0;
    int64_t created_us = 0;
    *ret_made = false;
    struct sb_wechat_order *there = sb_wechat_order_of(place, params->out_trade_no);
    if (there != NULL || !sb_place_add(place, SB_WECHAT_ORDER, &number, &created_us)) {
        return there;
    }
    struct sb_shard *shard = sb_place_shard(place, number);
    lock_take(&shard->lock);
    struct sb_hoard *hoard = &shard->hoard;
    struct sb_wechat_order *order = sb_hoard_take(hoard, sizeof(*order));
    *order = (struct sb_wechat_order){
        .number = number,
        .created_us = created_us,
        .expires_us = params->expires_us,
        .total_minor = params->total_minor,
        .out_trade_no = sb_hoard_text(hoard, params->out_trade_no),
        .description = sb_hoard_text(hoard, params->description),
        .attach = sb_hoard_text(hoard, params->attach),
        .notify_url = sb_hoard_text(hoard, params->notify_url),
        .openid = sb_hoard_text(hoard, params->openid),
        .digest = digest,
        .trade = (uint8_t)trade,
    };
    sb_wechat_next(place, order)->state = SB_WECHAT_NOTPAY;
    const char *kept = sb_hoard_text(hoard, order_name(params->out_trade_no, name));
    lock_give(&shard->lock);
    there = sb_place_name(place, kept, order); /* two at once with one number: the first has it */
    if (there != NULL) {
        return there;
    }
    sb_place_put(place, SB_WECHAT_ORDER, number, order);
    *ret_made = true;
    return order;
}

struct sb_id sb_wechat_transaction_id(const struct sandbox *sandbox, uint32_t number) {
    return sb_id_of(sandbox->places[SB_WECHAT], SB_WECHAT_TRANSACTION, number);
}

/* 0.6 %, to the nearest. */
static int64_t fee_of(int64_t amount_minor) {
    return (amount_minor * 6 + 500) / 1000;
}

static void book_payment(struct sandbox *sandbox, const struct sb_wechat_order *order,
                         const char *id, struct sb_entry **ret_entry) {
    *ret_entry = sb_book_enter(&sandbox->book, SB_WECHAT, id, order->out_trade_no, order->attach,
                               order->total_minor, currency_stored("CNY"));
    (void)sb_book_take(&sandbox->book, *ret_entry, order->total_minor, fee_of(order->total_minor),
                       order);
}

/* The customer's money is taken. The lock is held. False: the place is full. */
static bool pay(struct sandbox *sandbox, struct sb_wechat_order *order, bool tell) {
    struct sb_place *place = sandbox->places[SB_WECHAT];
    uint32_t number = 0;
    int64_t paid_us = 0;
    if (!sb_place_add(place, SB_WECHAT_TRANSACTION, &number, &paid_us)) {
        return false;
    }
    struct sb_entry *second = NULL;
    book_payment(sandbox, order, sb_wechat_transaction_id(sandbox, number).text, &order->entry);
    uint32_t twin = 0;
    int64_t twin_us = 0;
    if (order->twice && sb_place_add(place, SB_WECHAT_TRANSACTION, &twin, &twin_us)) {
        book_payment(sandbox, order, sb_wechat_transaction_id(sandbox, twin).text, &second);
    }
    struct sb_wechat_now *now = sb_wechat_next(place, order);
    now->state = SB_WECHAT_SUCCESS;
    now->transaction = number;
    now->paid_us = paid_us;
    sb_place_put(place, SB_WECHAT_TRANSACTION, number, order);
    if (tell) {
        sb_tell_url(sandbox, SB_WECHAT, SB_EV_WECHAT_PAID, order, now, order->notify_url);
    }
    return true;
}

/* Why an order with this number does not take the request, answered; true when it does. The lock is
 * held. */
static bool same_order(struct sb_wechat_call *call, struct sb_wechat_order *order,
                       uint64_t digest) {
    sb_wechat_look_at_time(call->place, order);
    uint8_t state = order->now->state;
    if (state == SB_WECHAT_SUCCESS || state == SB_WECHAT_REFUNDED) {
        sb_wechat_fail(call, 400, "ORDER_PAID", "该订单已支付");
    } else if (state != SB_WECHAT_NOTPAY && state != SB_WECHAT_USERPAYING) {
        sb_wechat_fail(call, 400, "ORDER_CLOSED", "订单已关闭");
    } else if (order->digest != digest) {
        sb_wechat_fail(call, 400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致");
    } else {
        return true;
    }
    return false;
}

static void code_write(struct sb_wechat_call *call, const struct sb_wechat_order *order) {
    struct sb_id id = sb_id_of(call->place, SB_WECHAT_ORDER, order->number);
    struct buf *out = sb_wechat_begin(call, 200);
    switch (order->trade) {
    case SB_WECHAT_NATIVE:
        buf_addf(out, "{\"code_url\":\"" CODE_START "%s\"}", id.text);
        break;
    case SB_WECHAT_H5:
        buf_addf(out, "{\"h5_url\":\"%s/sandbox/pay/%s?package=1\"}",
                 call->sandbox->base_urls[SB_WECHAT], id.text);
        break;
    default:
        buf_addf(out, "{\"prepay_id\":\"%s\"}", id.text);
        break;
    }
}

static void create(struct sb_wechat_call *call, enum sb_wechat_trade trade) {
    struct params params = {0};
    if (!read_params(call, trade, &params)) {
        return;
    }
    bool made = false;
    uint64_t digest = digest_of(call, trade);
    struct sb_wechat_order *order = order_make(call->sandbox, &params, trade, digest, &made);
    if (order == NULL) {
        sb_wechat_full(call);
        return;
    }
    struct sb_shard *shard = sb_wechat_shard(call->place, order);
    lock_take(&shard->lock);
    order->twice = order->twice || (made && call->verdict->double_charge);
    bool good = same_order(call, order, digest);
    lock_give(&shard->lock);
    if (good) {
        code_write(call, order);
    }
}

void sb_wechat_native(struct sb_wechat_call *call) {
    create(call, SB_WECHAT_NATIVE);
}

void sb_wechat_h5(struct sb_wechat_call *call) {
    create(call, SB_WECHAT_H5);
}

void sb_wechat_app(struct sb_wechat_call *call) {
    create(call, SB_WECHAT_APP);
}

void sb_wechat_jsapi(struct sb_wechat_call *call) {
    create(call, SB_WECHAT_JSAPI);
}

/* ---- bar codes ---- */

static bool ends_with(const char *text, const char *end) {
    size_t count = strlen(text), end_count = strlen(end);
    return count >= end_count && strcmp(text + count - end_count, end) == 0;
}

static void show(struct sb_wechat_call *call, const struct sb_wechat_order *order) {
    sb_wechat_order_write(call->sandbox, order, order->now, 0, sb_wechat_begin(call, 200));
}

/* What becomes of a bar code that was read. The lock is held. */
static void bar_code(struct sb_wechat_call *call, struct sb_wechat_order *order,
                     const char *auth_code) {
    const char *decline = call->verdict->decline;
    if (order->now->state == SB_WECHAT_USERPAYING ||
        (decline == NULL && ends_with(auth_code, BAR_CODE_ASKS))) {
        if (order->now->state != SB_WECHAT_USERPAYING) {
            sb_wechat_next(call->place, order)->state = SB_WECHAT_USERPAYING;
        }
        sb_wechat_fail(call, 202, "USERPAYING", "需要用户输入支付密码");
    } else if (decline != NULL || ends_with(auth_code, BAR_CODE_POOR)) {
        sb_wechat_next(call->place, order)->state = SB_WECHAT_PAYERROR;
        sb_wechat_fail(call, 403, decline != NULL && decline[0] != '\0' ? decline : "NOT_ENOUGH",
                       "用户余额不足");
    } else if (pay(call->sandbox, order, false)) {
        show(call, order);
    } else {
        sb_wechat_full(call);
    }
}

void sb_wechat_codepay(struct sb_wechat_call *call) {
    struct params params = {0};
    if (!read_params(call, SB_WECHAT_CODEPAY, &params)) {
        return;
    }
    bool made = false;
    uint64_t digest = digest_of(call, SB_WECHAT_CODEPAY);
    struct sb_wechat_order *order = order_make(call->sandbox, &params, SB_WECHAT_CODEPAY, digest,
                                               &made);
    if (order == NULL) {
        sb_wechat_full(call);
        return;
    }
    struct sb_shard *shard = sb_wechat_shard(call->place, order);
    lock_take(&shard->lock);
    order->twice = order->twice || (made && call->verdict->double_charge);
    if (same_order(call, order, digest)) {
        bar_code(call, order, params.auth_code);
    }
    lock_give(&shard->lock);
}

/* ---- asking ---- */

static void show_order(struct sb_wechat_call *call, struct sb_wechat_order *order) {
    char mchid[64];
    sb_wechat_query(call, "mchid", mchid, sizeof(mchid));
    if (strcmp(mchid, sb_setting(call->sandbox, SB_WECHAT, SB_WECHAT_MCHID)) != 0) {
        wrong(call, "mchid");
    } else if (order == NULL) {
        sb_wechat_fail(call, 404, "ORDER_NOT_EXIST", "订单不存在");
    } else {
        struct sb_shard *shard = sb_wechat_shard(call->place, order);
        lock_take(&shard->lock);
        sb_wechat_look_at_time(call->place, order);
        show(call, order);
        lock_give(&shard->lock);
    }
}

void sb_wechat_by_number(struct sb_wechat_call *call) {
    show_order(call, sb_wechat_order_of(call->place, call->id));
}

void sb_wechat_by_transaction(struct sb_wechat_call *call) {
    show_order(call, sb_wechat_transaction_of(call->place, call->id));
}

/* ---- ending ---- */

/* The order of the path, when the body names this merchant and nothing unknown. */
static struct sb_wechat_order *named_order(struct sb_wechat_call *call, const char *const *keys) {
    const char *mchid = json_peek_text(call->body, "mchid", NULL);
    if (!known(call, call->body, keys)) {
        return NULL;
    }
    if (mchid == NULL ||
        strcmp(mchid, sb_setting(call->sandbox, SB_WECHAT, SB_WECHAT_MCHID)) != 0) {
        wrong(call, "mchid");
        return NULL;
    }
    struct sb_wechat_order *order = sb_wechat_order_of(call->place, call->id);
    if (order == NULL) {
        sb_wechat_fail(call, 404, "ORDER_NOT_EXIST", "订单不存在");
    }
    return order;
}

void sb_wechat_close(struct sb_wechat_call *call) {
    static const char *const keys[] = {"mchid", NULL};
    struct sb_wechat_order *order = named_order(call, keys);
    if (order == NULL) {
        return;
    }
    struct sb_shard *shard = sb_wechat_shard(call->place, order);
    lock_take(&shard->lock);
    uint8_t state = order->now->state;
    if (state == SB_WECHAT_SUCCESS || state == SB_WECHAT_REFUNDED) {
        sb_wechat_fail(call, 400, "ORDER_PAID", "该订单已支付");
    } else if (order->trade == SB_WECHAT_CODEPAY) {
        sb_wechat_fail(call, 400, "INVALID_REQUEST", "付款码支付的订单只能撤销");
    } else {
        if (state == SB_WECHAT_NOTPAY) {
            sb_wechat_next(call->place, order)->state = SB_WECHAT_CLOSED;
        }
        call->reply->status = 204;
    }
    lock_give(&shard->lock);
}

void sb_wechat_reverse(struct sb_wechat_call *call) {
    static const char *const keys[] = {"appid", "mchid", NULL};
    struct sb_wechat_order *order = named_order(call, keys);
    if (order == NULL) {
        return;
    }
    struct sb_shard *shard = sb_wechat_shard(call->place, order);
    lock_take(&shard->lock);
    uint8_t state = order->now->state;
    if (order->trade != SB_WECHAT_CODEPAY) {
        sb_wechat_fail(call, 400, "INVALID_REQUEST", "只有付款码支付的订单可以撤销");
    } else if (state == SB_WECHAT_REFUNDED) {
        sb_wechat_fail(call, 400, "INVALID_REQUEST", "订单已退款");
    } else {
        if (state != SB_WECHAT_REVOKED) {
            sb_wechat_next(call->place, order)->state = SB_WECHAT_REVOKED;
            if (state == SB_WECHAT_SUCCESS) {
                sb_book_refund(&call->sandbox->book, order->entry, order->total_minor, NULL);
            }
        }
        call->reply->status = 204;
    }
    lock_give(&shard->lock);
}

/* ---- what the customer does ---- */

/* Our number, the prepay id, or the text of the code. */
static struct sb_wechat_order *find_by_any(struct sb_place *place, const char *name) {
    struct sb_wechat_order *order = sb_wechat_order_of(place, name);
    if (order == NULL && strncmp(name, CODE_START, strlen(CODE_START)) == 0) {
        order = sb_place_find(place, SB_WECHAT_ORDER, name + strlen(CODE_START));
    }
    if (order == NULL) {
        order = sb_place_find(place, SB_WECHAT_ORDER, name);
    }
    return order;
}

/* The lock is held. */
static int act_on(struct sandbox *sandbox, struct sb_wechat_order *order, enum sb_act act,
                  struct err *err) {
    struct sb_place *place = sandbox->places[SB_WECHAT];
    sb_wechat_look_at_time(place, order);
    uint8_t state = order->now->state;
    bool closed = act == SB_ACT_LATE && state == SB_WECHAT_CLOSED;
    if (state != SB_WECHAT_NOTPAY && state != SB_WECHAT_USERPAYING && !closed) {
        return err_set(err, ERR_STATE, "this order does not wait for its customer");
    }
    switch (act) {
    case SB_ACT_PAY:
    case SB_ACT_LATE:
        return pay(sandbox, order, true) ? 0 : err_set(err, ERR_OVERLOADED, "the book is full");
    case SB_ACT_CANCEL:
        if (state == SB_WECHAT_USERPAYING) {
            sb_wechat_next(place, order)->state = SB_WECHAT_PAYERROR;
        }
        return 0; /* else the code waits for the next who scans it */
    case SB_ACT_EXPIRE:
        order->expires_us = clock_wall_us();
        sb_wechat_look_at_time(place, order);
        return 0;
    case SB_ACT_SCAN:
    default:
        return 0;
    }
}

int sb_wechat_customer(struct sandbox *sandbox, const char *name, enum sb_act act,
                       struct err *err) {
    struct sb_place *place = sandbox->places[SB_WECHAT];
    struct sb_wechat_order *order = find_by_any(place, name);
    if (order == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such order");
    }
    struct sb_shard *shard = sb_wechat_shard(place, order);
    lock_take(&shard->lock);
    int rc = act_on(sandbox, order, act, err);
    lock_give(&shard->lock);
    return rc;
}

int sb_wechat_look(struct sandbox *sandbox, const char *name, struct sb_order_view *ret_view,
                   struct err *err) {
    struct sb_place *place = sandbox->places[SB_WECHAT];
    struct sb_wechat_order *order = find_by_any(place, name);
    if (order == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such order");
    }
    struct sb_order_view view = {.amount_minor = order->total_minor,
                                 .currency = currency_stored("CNY")};
    snprintf(view.subject, sizeof(view.subject), "%s",
             order->description != NULL ? order->description : "");
    struct sb_shard *shard = sb_wechat_shard(place, order);
    lock_take(&shard->lock);
    sb_wechat_look_at_time(place, order);
    uint8_t state = order->now->state;
    view.waits = state == SB_WECHAT_NOTPAY || state == SB_WECHAT_USERPAYING  ? SB_WAITING
                 : state == SB_WECHAT_SUCCESS || state == SB_WECHAT_REFUNDED ? SB_WAS_PAID
                                                                             : SB_WAS_CLOSED;
    lock_give(&shard->lock);
    snprintf(view.return_query, sizeof(view.return_query), "out_trade_no=%s", order->out_trade_no);
    *ret_view = view;
    return 0;
}

int sb_wechat_desk_charge(struct sandbox *sandbox, int64_t amount_minor, struct currency currency,
                          struct buf *ret_id, struct err *err) {
    struct sb_place *place = sandbox->places[SB_WECHAT];
    if (strcmp(currency.code, "CNY") != 0) {
        return err_set(err, ERR_VALIDATION, "WeChat Pay takes CNY only");
    }
    char number[NUMBER_CHARS_MAX + 1];
    snprintf(number, sizeof(number), "DESK%06" PRIu32, sb_place_count(place, SB_WECHAT_ORDER));
    const struct params params = {.out_trade_no = number,
                                  .description = "At the merchant's desk",
                                  .total_minor = amount_minor,
                                  .expires_us = clock_wall_us() + ORDER_LIFE_US};
    bool made = false;
    struct sb_wechat_order *order = order_make(sandbox, &params, SB_WECHAT_NATIVE, 0, &made);
    if (order == NULL || !made) {
        return err_set(err, ERR_OVERLOADED, "the book is full");
    }
    struct sb_shard *shard = sb_wechat_shard(place, order);
    lock_take(&shard->lock);
    bool paid = pay(sandbox, order, true);
    struct sb_id id = sb_wechat_transaction_id(sandbox, order->now->transaction);
    lock_give(&shard->lock);
    if (!paid) {
        return err_set(err, ERR_OVERLOADED, "the book is full");
    }
    buf_add_text(ret_id, id.text);
    return 0;
}
