/* SPDX-License-Identifier: Apache-2.0
 * wechat_refunds.c: refunds of the simulated WeChat Pay, and customers' complaints. A refund is
 * booked when it is accepted and brought back when it fails; its end comes later (settle). */
#include <inttypes.h>

#include "base/clock.h"
#include "sandbox/wechat.h"

enum { NUMBER_CHARS_MAX = 64, REASON_BYTES_MAX = 80, REFUNDS_MAX = 50, NAME_CHARS_MAX = 72 };

const char *const sb_wechat_refund_names[SB_WECHAT_REFUND_STATES] = {"PROCESSING", "SUCCESS",
                                                                     "CLOSED", "ABNORMAL"};

static const char *refund_name(const char *out_refund_no, char text[NAME_CHARS_MAX]) {
    snprintf(text, NAME_CHARS_MAX, "r/%.64s", out_refund_no);
    return text;
}

static struct sb_wechat_refund *refund_of(struct sb_place *place, const char *out_refund_no) {
    char name[NAME_CHARS_MAX];
    return strlen(out_refund_no) <= NUMBER_CHARS_MAX
               ? sb_place_named(place, refund_name(out_refund_no, name))
               : NULL;
}

struct wish {
    const char *out_refund_no, *reason, *notify_url;
    int64_t amount_minor;
    uint64_t digest;
    enum sb_wechat_refund_state ends_as;
};

static bool wrong(struct sb_wechat_call *call, const char *what) {
    char message[160];
    snprintf(message, sizeof(message), "输入源“/body/%s”映射到值字段的规则校验失败", what);
    sb_wechat_fail(call, 400, "PARAM_ERROR", message);
    return false;
}

static bool number_ok(const char *number) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-|*@";
    size_t count = number != NULL ? strlen(number) : 0;
    return count >= 1 && count <= NUMBER_CHARS_MAX && strspn(number, allowed) == count;
}

static bool keys_ok(struct sb_wechat_call *call) {
    static const char *const keys[] = {"transaction_id", "out_trade_no", "out_refund_no",
                                       "reason",         "notify_url",   "funds_account",
                                       "amount",         "goods_detail"};
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)call->body, key, value) {
        bool found = false;
        for (size_t i = 0; i < COUNT_OF(keys); i++) {
            found = found || strcmp(keys[i], key) == 0;
        }
        if (!found) {
            return wrong(call, key);
        }
    }
    return true;
}

static bool read_wish(struct sb_wechat_call *call, struct wish *wish) {
    const char *currency = json_peek_text(call->body, "amount", "currency", NULL);
    wish->out_refund_no = json_peek_text(call->body, "out_refund_no", NULL);
    wish->reason = json_peek_text(call->body, "reason", NULL);
    wish->notify_url = json_peek_text(call->body, "notify_url", NULL);
    wish->amount_minor = json_peek_int(call->body, 0, "amount", "refund", NULL);
    wish->ends_as = SB_WECHAT_REFUND_SUCCESS;
    if (!keys_ok(call)) {
        return false;
    }
    if (!number_ok(wish->out_refund_no)) {
        return wrong(call, "out_refund_no");
    }
    if (wish->reason != NULL && strlen(wish->reason) > REASON_BYTES_MAX) {
        return wrong(call, "reason");
    }
    if (wish->amount_minor < 1) {
        return wrong(call, "amount/refund");
    }
    if (currency == NULL || strcmp(currency, "CNY") != 0) {
        return wrong(call, "amount/currency");
    }
    char *text = json_dumps(call->body, JSON_SORT_KEYS | JSON_COMPACT);
    INVARIANT(text != NULL, "JSON that was read can be written");
    wish->digest = sb_digest(0, text, strlen(text));
    free(text);
    return true;
}

static struct sb_wechat_order *order_of(struct sb_wechat_call *call) {
    const char *number = json_peek_text(call->body, "out_trade_no", NULL);
    const char *id = json_peek_text(call->body, "transaction_id", NULL);
    struct sb_wechat_order *order = NULL;
    if ((number == NULL) == (id == NULL)) {
        wrong(call, "transaction_id");
        return NULL;
    }
    order = number != NULL ? sb_wechat_order_of(call->place, number)
                           : sb_wechat_transaction_of(call->place, id);
    if (order == NULL) {
        sb_wechat_fail(call, 404, "RESOURCE_NOT_EXISTS", "订单不存在");
    }
    return order;
}

/* NULL: it can; else why not. The lock is held. */
static const char *why_not(const struct sb_wechat_order *order, int64_t amount_minor,
                           int64_t total_minor) {
    uint8_t state = order->now->state;
    if (state != SB_WECHAT_SUCCESS && state != SB_WECHAT_REFUNDED) {
        return "订单未支付";
    }
    if (total_minor != order->total_minor) {
        return "订单金额不一致";
    }
    if (amount_minor > order->total_minor - order->now->refunded_minor) {
        return "退款金额大于可退金额";
    }
    return order->now->refunds >= REFUNDS_MAX ? "部分退款次数超限" : NULL;
}

/* The lock is held. NULL: the place is full. */
static struct sb_wechat_refund *refund_new(struct sandbox *sandbox, struct sb_wechat_order *order,
                                           const struct wish *wish) {
    struct sb_place *place = sandbox->places[SB_WECHAT];
    struct sb_hoard *hoard = &sb_wechat_shard(place, order)->hoard;
    char name[NAME_CHARS_MAX];
    uint32_t number = 0;
    int64_t created_us = 0;
    if (!sb_place_add(place, SB_WECHAT_REFUND, &number, &created_us)) {
        return NULL;
    }
    struct sb_wechat_refund *refund = sb_hoard_take(hoard, sizeof(*refund));
    *refund = (struct sb_wechat_refund){
        .number = number,
        .transaction = order->now->transaction,
        .order = order,
        .before = order->refunds,
        .created_us = created_us,
        .amount_minor = wish->amount_minor,
        .out_refund_no = sb_hoard_text(hoard, wish->out_refund_no),
        .reason = sb_hoard_text(hoard, wish->reason),
        .notify_url = sb_hoard_text(hoard, wish->notify_url),
        .digest = wish->digest,
        .ends_as = (uint8_t)wish->ends_as,
        .now = sb_hoard_take(hoard, sizeof(struct sb_wechat_refund_now)),
    };
    const char *kept = sb_hoard_text(hoard, refund_name(wish->out_refund_no, name));
    struct sb_wechat_refund *there = sb_place_name(place, kept, refund);
    if (there != NULL) {
        return there; /* of another order: the caller sees that it is not this request's */
    }
    order->refunds = refund;
    sb_place_put(place, SB_WECHAT_REFUND, number, refund);
    struct sb_wechat_now *now = sb_wechat_next(place, order);
    now->state = SB_WECHAT_REFUNDED;
    now->refunded_minor += refund->amount_minor;
    now->refunds++;
    sb_book_refund(&sandbox->book, order->entry, refund->amount_minor, refund);
    sb_settle_later(sandbox, SB_WECHAT, refund);
    return refund;
}

static void show(struct sb_wechat_call *call, const struct sb_wechat_refund *refund) {
    sb_wechat_refund_write(call->sandbox, refund, refund->now, sb_wechat_begin(call, 200));
}

/* "CLOSED" and "ABNORMAL" end it so; any other code refuses it. True: the answer is written. */
static bool declined(struct sb_wechat_call *call, struct wish *wish) {
    const char *code = call->verdict->decline;
    if (code == NULL) {
        return false;
    }
    for (int i = 0; i < SB_WECHAT_REFUND_STATES; i++) {
        if (strcmp(code, sb_wechat_refund_names[i]) == 0) {
            wish->ends_as = (enum sb_wechat_refund_state)i;
            return false;
        }
    }
    sb_wechat_fail(call, 403, code[0] != '\0' ? code : "NOT_ENOUGH", "商户余额不足");
    return true;
}

void sb_wechat_refund_create(struct sb_wechat_call *call) {
    struct wish wish = {0};
    if (!read_wish(call, &wish)) {
        return;
    }
    struct sb_wechat_order *order = order_of(call);
    struct sb_wechat_refund *there = refund_of(call->place, wish.out_refund_no);
    if (order == NULL || (there == NULL && declined(call, &wish))) {
        return;
    }
    int64_t total_minor = json_peek_int(call->body, 0, "amount", "total", NULL);
    struct sb_shard *shard = sb_wechat_shard(call->place, order);
    lock_take(&shard->lock);
    there = refund_of(call->place, wish.out_refund_no);
    const char *why = there != NULL ? NULL : why_not(order, wish.amount_minor, total_minor);
    if (there == NULL && why == NULL) {
        there = refund_new(call->sandbox, order, &wish);
    }
    if (why != NULL) {
        sb_wechat_fail(call, 400, "INVALID_REQUEST", why);
    } else if (there == NULL) {
        sb_wechat_full(call);
    } else if (there->order != order || there->digest != wish.digest) {
        sb_wechat_fail(call, 400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致");
    } else {
        show(call, there);
    }
    lock_give(&shard->lock);
}

void sb_wechat_refund_query(struct sb_wechat_call *call) {
    struct sb_wechat_refund *refund = refund_of(call->place, call->id);
    if (refund == NULL) {
        sb_wechat_fail(call, 404, "RESOURCE_NOT_EXISTS", "退款单不存在");
        return;
    }
    struct sb_shard *shard = sb_wechat_shard(call->place, refund->order);
    lock_take(&shard->lock);
    show(call, refund);
    lock_give(&shard->lock);
}

void sb_wechat_settle(struct sandbox *sandbox, void *object) {
    static const enum sb_event_type types[SB_WECHAT_REFUND_STATES] = {
        [SB_WECHAT_REFUND_PROCESSING] = SB_EVENT_TYPES,
        [SB_WECHAT_REFUND_SUCCESS] = SB_EV_WECHAT_REFUNDED,
        [SB_WECHAT_REFUND_CLOSED] = SB_EV_WECHAT_REFUND_CLOSED,
        [SB_WECHAT_REFUND_ABNORMAL] = SB_EV_WECHAT_REFUND_ABNORMAL,
    };
    struct sb_wechat_refund *refund = object;
    struct sb_wechat_order *order = refund->order;
    struct sb_place *place = sandbox->places[SB_WECHAT];
    struct sb_shard *shard = sb_wechat_shard(place, order);
    lock_take(&shard->lock);
    if (refund->ends_as != SB_WECHAT_REFUND_PROCESSING) {
        struct sb_wechat_refund_now *now = sb_hoard_take(&shard->hoard, sizeof(*now));
        now->state = refund->ends_as;
        now->ended_us = clock_wall_us();
        refund->now = now;
        if (refund->ends_as != SB_WECHAT_REFUND_SUCCESS) {
            sb_wechat_next(place, order)->refunded_minor -= refund->amount_minor;
            sb_book_refund(&sandbox->book, order->entry, -refund->amount_minor, refund);
        }
        sb_tell_url(sandbox, SB_WECHAT, types[refund->ends_as], refund, now, refund->notify_url);
    }
    lock_give(&shard->lock);
}

/* ---- at the merchant's desk ---- */

/* By either side's number. */
static struct sb_wechat_order *order_by_any(struct sandbox *sandbox, const char *name) {
    struct sb_place *place = sandbox->places[SB_WECHAT];
    struct sb_wechat_order *order = sb_wechat_transaction_of(place, name);
    return order != NULL ? order : sb_wechat_order_of(place, name);
}

int sb_wechat_desk_refund(struct sandbox *sandbox, const char *charge, int64_t amount_minor,
                          struct buf *ret_id, struct err *err) {
    struct sb_place *place = sandbox->places[SB_WECHAT];
    struct sb_wechat_order *order = order_by_any(sandbox, charge);
    if (order == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such payment");
    }
    char number[NUMBER_CHARS_MAX + 1];
    snprintf(number, sizeof(number), "desk-%06" PRIu32, sb_place_count(place, SB_WECHAT_REFUND));
    const struct wish wish = {
        .out_refund_no = number, .amount_minor = amount_minor, .ends_as = SB_WECHAT_REFUND_SUCCESS};
    struct sb_shard *shard = sb_wechat_shard(place, order);
    lock_take(&shard->lock);
    const char *why = amount_minor < 1 ? "退款金额有误"
                                       : why_not(order, amount_minor, order->total_minor);
    struct sb_wechat_refund *refund = why == NULL ? refund_new(sandbox, order, &wish) : NULL;
    lock_give(&shard->lock);
    if (refund == NULL) {
        return err_set(err, ERR_STATE, "%s", why != NULL ? why : "the book is full");
    }
    buf_add_text(ret_id, sb_id_of(place, SB_WECHAT_REFUND, refund->number).text);
    return 0;
}

/* ---- complaints ---- */

int sb_wechat_complain(struct sandbox *sandbox, const char *charge, const char *reason,
                       struct buf *ret_id, struct err *err) {
    struct sb_place *place = sandbox->places[SB_WECHAT];
    struct sb_wechat_order *order = order_by_any(sandbox, charge);
    uint32_t number = 0;
    int64_t created_us = 0;
    if (order == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such payment");
    }
    if (!sb_place_add(place, SB_WECHAT_COMPLAINT, &number, &created_us)) {
        return err_set(err, ERR_OVERLOADED, "the book is full");
    }
    struct sb_shard *shard = sb_wechat_shard(place, order);
    lock_take(&shard->lock);
    struct sb_wechat_complaint *complaint = sb_hoard_take(&shard->hoard, sizeof(*complaint));
    *complaint = (struct sb_wechat_complaint){
        .number = number,
        .order = order,
        .created_us = created_us,
        .reason = sb_hoard_text(&shard->hoard, reason),
        .now = sb_hoard_take(&shard->hoard, sizeof(struct sb_wechat_complaint_now)),
    };
    sb_place_put(place, SB_WECHAT_COMPLAINT, number, complaint);
    sb_tell_url(sandbox, SB_WECHAT, SB_EV_WECHAT_COMPLAINT, complaint, complaint->now,
                order->notify_url);
    lock_give(&shard->lock);
    buf_add_text(ret_id, sb_id_of(place, SB_WECHAT_COMPLAINT, number).text);
    return 0;
}

/* Nobody wins or loses a complaint: it is dealt with. */
int sb_wechat_complaint_close(struct sandbox *sandbox, const char *id, bool won, struct err *err) {
    (void)won;
    struct sb_place *place = sandbox->places[SB_WECHAT];
    struct sb_wechat_complaint *complaint = sb_place_find(place, SB_WECHAT_COMPLAINT, id);
    if (complaint == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such complaint");
    }
    struct sb_shard *shard = sb_wechat_shard(place, complaint->order);
    lock_take(&shard->lock);
    bool open = !complaint->now->processed;
    if (open) {
        struct sb_wechat_complaint_now *now = sb_hoard_take(&shard->hoard, sizeof(*now));
        now->processed = true;
        complaint->now = now;
        sb_tell_url(sandbox, SB_WECHAT, SB_EV_WECHAT_COMPLAINT_STATE, complaint, now,
                    complaint->order->notify_url);
    }
    lock_give(&shard->lock);
    return open ? 0 : err_set(err, ERR_STATE, "this complaint was dealt with before");
}
