/* SPDX-License-Identifier: Apache-2.0
 * unionpay_trades.c: trades of the simulated UnionPay: made, paid, changed and asked about. */
#include "base/clock.h"
#include "sandbox/unionpay.h"

#define CNY ((struct currency){"CNY"})
#define PAY_TIMEOUT_US (900 * US_PER_SECOND) /* of an order that does not say */

static struct sb_shard *shard_of(struct sandbox *sandbox, const struct sb_up_trade *trade) {
    return sb_place_shard(sandbox->places[SB_UNIONPAY], trade->root->number);
}

/* ---- making one ---- */

/* What is to be made. */
struct draft {
    const char *order_id, *txn_time, *sub_type, *reserved, *back_url, *front_url;
    int operation;
    int64_t amount_minor, pay_until_us;
    struct sb_up_trade *of; /* NULL: of nothing; else its root's lock is held */
    enum sb_up_state state;
    struct sb_up_trade *twin; /* the same once more, without a name; its root's lock is held */
    bool by_key;
};

static void draft_of(const struct sb_up_call *call, struct draft *ret_draft) {
    const struct unionpay_message *asked = &call->asked;
    *ret_draft = (struct draft){
        .order_id = unionpay_get(asked, "orderId"),
        .txn_time = unionpay_get(asked, "txnTime"),
        .sub_type = unionpay_get(asked, "txnSubType"),
        .reserved = unionpay_get(asked, "reqReserved"),
        .back_url = unionpay_get(asked, "backUrl"),
        .front_url = unionpay_get(asked, "frontUrl"),
        .operation = (int)sb_up_number(unionpay_get(asked, "txnType")),
        .amount_minor = sb_up_number(unionpay_get(asked, "txnAmt")),
        .by_key = call->by_key,
    };
}

static struct sb_up_trade *fill(const struct draft *draft, uint32_t number, int64_t created_us,
                                struct sb_hoard *hoard) {
    struct sb_up_trade *trade = sb_hoard_take(hoard, sizeof(*trade));
    *trade = (struct sb_up_trade){
        .number = number,
        .operation = (uint8_t)draft->operation,
        .by_key = draft->by_key,
        .created_us = created_us,
        .amount_minor = draft->amount_minor,
        .pay_until_us = draft->pay_until_us,
        .order_id = sb_hoard_text(hoard, draft->order_id),
        .txn_time = sb_hoard_text(hoard, draft->txn_time),
        .sub_type = sb_hoard_text(hoard, draft->sub_type),
        .reserved = sb_hoard_text(hoard, draft->reserved),
        .back_url = sb_hoard_text(hoard, draft->back_url),
        .front_url = sb_hoard_text(hoard, draft->front_url),
        .of = draft->of,
        .root = draft->of != NULL     ? draft->of->root
                : draft->twin != NULL ? draft->twin->root
                                      : trade,
        .now = sb_hoard_take(hoard, sizeof(struct sb_up_now)),
    };
    trade->now->state = (uint8_t)draft->state;
    return trade;
}

/* Takes the names; false: another has the order and time already. */
static bool take_names(struct sb_place *place, struct sb_up_trade *trade, struct sb_hoard *hoard) {
    char name[SB_UP_NAME_MAX];
    sb_up_name(trade->order_id, trade->txn_time, name);
    if (sb_place_name(place, sb_hoard_text(hoard, name), trade) != NULL) {
        return false;
    }
    (void)!sb_place_name(place, trade->order_id, trade); /* for people: the first of that order */
    return true;
}

/* NULL: *ret_code says why not. */
static struct sb_up_trade *make(struct sandbox *sandbox, const struct draft *draft,
                                const char **ret_code) {
    struct sb_place *place = sandbox->places[SB_UNIONPAY];
    uint32_t number = 0;
    int64_t created_us = 0;
    if (!sb_place_add(place, SB_UNIONPAY_TRADE, &number, &created_us)) {
        *ret_code = "06";
        return NULL;
    }
    const struct sb_up_trade *beside = draft->of != NULL ? draft->of : draft->twin;
    struct sb_shard *shard = beside != NULL ? shard_of(sandbox, beside)
                                            : sb_place_shard(place, number);
    bool lock = beside == NULL;
    if (lock) {
        lock_take(&shard->lock);
    }
    struct sb_up_trade *trade = fill(draft, number, created_us, &shard->hoard);
    bool is_named = draft->twin != NULL || take_names(place, trade, &shard->hoard);
    if (is_named) {
        sb_place_put(place, SB_UNIONPAY_TRADE, number, trade);
    }
    if (lock) {
        lock_give(&shard->lock);
    }
    *ret_code = "12";
    return is_named ? trade : NULL;
}

/* ---- orders that wait ---- */

static const char *draft_order(const struct sb_up_call *call, struct draft *ret_draft) {
    const char *until = unionpay_get(&call->asked, "payTimeout");
    int64_t now_us = clock_wall_us();
    draft_of(call, ret_draft);
    ret_draft->pay_until_us = now_us + PAY_TIMEOUT_US;
    if (until[0] != '\0' && !unionpay_time_read(until, &ret_draft->pay_until_us)) {
        return "10";
    }
    return ret_draft->amount_minor > AMOUNT_MINOR_MAX ? "33" : NULL;
}

static void front_refused(struct sb_up_call *call, const char *code) {
    char text[96];
    snprintf(text, sizeof(text), "UnionPay refuses this order with respCode %s.", code);
    sb_page_write(&(struct sb_page){"This order cannot be paid", text, NULL, NULL, NULL},
                  call->reply);
}

/* The form that the customer's browser posts: shows the page of the order. The same form again is
 * the same page, while the order waits. */
void sb_up_front(struct sb_up_call *call) {
    struct draft draft;
    char name[SB_UP_NAME_MAX], path[SB_UP_NAME_MAX + 64];
    const char *code = draft_order(call, &draft);
    struct sb_up_trade *trade = NULL;
    sb_up_name(draft.order_id, draft.txn_time, name);
    if (code == NULL && draft.pay_until_us <= clock_wall_us()) {
        code = "69";
    }
    if (code == NULL) {
        trade = make(call->sandbox, &draft, &code);
        trade = trade != NULL ? trade : sb_place_named(call->place, name);
    }
    if (trade == NULL || trade->operation != draft.operation ||
        trade->amount_minor != draft.amount_minor) {
        front_refused(call, code);
        return;
    }
    struct sb_id id = sb_id_of(call->place, SB_UNIONPAY_TRADE, trade->number);
    snprintf(path, sizeof(path), "%s/sandbox/pay/%s", call->sandbox->base_urls[SB_UNIONPAY],
             id.text);
    call->reply->status = 303;
    http_reply_header(call->reply, "Location", path);
}

void sb_up_app(struct sb_up_call *call) {
    struct draft draft;
    const char *code = draft_order(call, &draft);
    struct sb_up_trade *trade = code == NULL ? make(call->sandbox, &draft, &code) : NULL;
    if (trade != NULL) {
        struct sb_id tn = sb_id_of(call->place, SB_UNIONPAY_TN, trade->number);
        unionpay_set(&call->answer, "tn", tn.text);
        code = "00";
    }
    sb_up_answer(call, code);
}

/* ---- the customer ---- */

/* By queryId, tn, orderId or our reference. */
static struct sb_up_trade *named(struct sandbox *sandbox, const char *name) {
    struct sb_place *place = sandbox->places[SB_UNIONPAY];
    uint32_t number = 0;
    char order[SB_UP_NAME_MAX];
    size_t count = 0;
    struct sb_up_trade *trade = sb_place_find(place, SB_UNIONPAY_TRADE, name);
    if (trade == NULL && sb_id_number(place, SB_UNIONPAY_TN, name, &number)) {
        trade = sb_place_get(place, SB_UNIONPAY_TRADE, number);
    }
    for (const char *c = name; *c != '\0' && count + 1 < sizeof(order); c++) {
        if (*c != '_') {
            order[count++] = *c;
        }
    }
    order[count] = '\0';
    return trade != NULL ? trade : sb_place_named(place, order);
}

static void enter(struct sandbox *sandbox, struct sb_up_trade *trade) {
    char reference[ID_TEXT_MAX];
    struct sb_id id = sb_id_of(sandbox->places[SB_UNIONPAY], SB_UNIONPAY_TRADE, trade->number);
    unionpay_reference_of(trade->order_id, reference);
    trade->entry = sb_book_enter(
        &sandbox->book, SB_UNIONPAY, id.text, reference[0] != '\0' ? reference : trade->order_id,
        trade->reserved != NULL ? trade->reserved : "", trade->amount_minor, CNY);
}

static void pay(struct sandbox *sandbox, struct sb_up_trade *trade) {
    enter(sandbox, trade);
    sb_up_end(sandbox, trade, SB_UP_DONE, "00");
}

/* The same order taken twice: nobody asked for the second. The lock is held. */
static void pay_twin(struct sandbox *sandbox, struct sb_up_trade *trade) {
    const char *code = NULL;
    const struct draft draft = {
        .order_id = trade->order_id,
        .txn_time = trade->txn_time,
        .sub_type = trade->sub_type,
        .reserved = trade->reserved,
        .back_url = trade->back_url,
        .operation = trade->operation,
        .amount_minor = trade->amount_minor,
        .by_key = trade->by_key,
        .twin = trade,
    };
    struct sb_up_trade *twin = make(sandbox, &draft, &code);
    if (twin != NULL) {
        pay(sandbox, twin);
    }
}

/* Whether it can still be paid; its time may be over since it was looked at. The lock is held. */
static bool waits(struct sandbox *sandbox, struct sb_up_trade *trade) {
    if (trade->now->state == SB_UP_OPEN && trade->pay_until_us <= clock_wall_us()) {
        sb_up_end(sandbox, trade, SB_UP_CLOSED, "34");
    }
    return trade->now->state == SB_UP_OPEN;
}

static void act_on(struct sandbox *sandbox, struct sb_up_trade *trade, enum sb_act act) {
    struct sb_verdict verdict;
    if (act == SB_ACT_CANCEL || act == SB_ACT_EXPIRE) {
        sb_up_end(sandbox, trade, SB_UP_CLOSED, "34");
        return;
    }
    if (act != SB_ACT_PAY && act != SB_ACT_LATE) {
        return;
    }
    sb_faults_decide(&sandbox->faults, SB_UNIONPAY, SB_OP_CHARGE, &verdict);
    if (verdict.decline != NULL) {
        sb_up_end(sandbox, trade, SB_UP_FAILED,
                  strlen(verdict.decline) == 2 ? verdict.decline : "64");
        return;
    }
    pay(sandbox, trade);
    if (verdict.double_charge) {
        pay_twin(sandbox, trade);
    }
}

int sb_up_customer(struct sandbox *sandbox, const char *name, enum sb_act act, struct err *err) {
    struct sb_up_trade *trade = named(sandbox, name);
    if (trade == NULL || trade->of != NULL) {
        return err_set(err, ERR_NOT_FOUND, "UnionPay knows no order '%.60s'", name);
    }
    struct sb_shard *shard = shard_of(sandbox, trade);
    lock_take(&shard->lock);
    bool open = waits(sandbox, trade);
    open = open || (act == SB_ACT_LATE && trade->now->state == SB_UP_CLOSED);
    if (open) {
        act_on(sandbox, trade, act);
    }
    lock_give(&shard->lock);
    return open ? 0 : err_set(err, ERR_STATE, "this order waits for nobody any more");
}

int sb_up_look(struct sandbox *sandbox, const char *name, struct sb_order_view *ret_view,
               struct err *err) {
    struct sb_up_trade *trade = named(sandbox, name);
    if (trade == NULL || trade->of != NULL) {
        return err_set(err, ERR_NOT_FOUND, "UnionPay knows no order '%.60s'", name);
    }
    struct sb_shard *shard = shard_of(sandbox, trade);
    lock_take(&shard->lock);
    bool open = waits(sandbox, trade);
    bool paid = trade->now->state == SB_UP_DONE;
    lock_give(&shard->lock);
    *ret_view = (struct sb_order_view){
        .amount_minor = trade->amount_minor,
        .currency = CNY,
        .waits = open   ? SB_WAITING
                 : paid ? SB_WAS_PAID
                        : SB_WAS_CLOSED,
    };
    snprintf(ret_view->return_url, sizeof(ret_view->return_url), "%s",
             trade->front_url != NULL ? trade->front_url : "");
    snprintf(ret_view->return_query, sizeof(ret_view->return_query), "orderId=%s&respCode=00",
             trade->order_id);
    return 0;
}

/* ---- completions, refunds, undoings ---- */

/* Refunds are accepted and end later; the others end at once. The lock is held. */
static void go(struct sandbox *sandbox, struct sb_up_trade *trade, const char *decline) {
    if (trade->operation == 4) {
        trade->of->given_back_minor += trade->amount_minor;
    }
    if (decline != NULL) {
        sb_up_end(sandbox, trade, SB_UP_FAILED, strlen(decline) == 2 ? decline : "01");
    } else if (trade->operation == 4) {
        sb_settle_later(sandbox, SB_UNIONPAY, trade);
    } else {
        sb_up_end(sandbox, trade, SB_UP_DONE, "00");
    }
}

/* The order's name counts first: a repeat is a duplicate, whatever has become of the first. */
static const char *change(struct sb_up_call *call, struct sb_up_trade *of,
                          struct sb_up_trade **ret_trade) {
    struct draft draft;
    const char *code = NULL;
    char name[SB_UP_NAME_MAX];
    draft_of(call, &draft);
    draft.of = of;
    draft.state = SB_UP_WORKING;
    sb_up_name(draft.order_id, draft.txn_time, name);
    if (sb_place_named(call->place, name) != NULL) {
        return "12";
    }
    code = sb_up_why_not(of, draft.operation, draft.amount_minor);
    if (code != NULL) {
        return code;
    }
    *ret_trade = make(call->sandbox, &draft, &code);
    if (*ret_trade == NULL) {
        return code;
    }
    go(call->sandbox, *ret_trade, call->verdict->decline);
    return NULL;
}

void sb_up_back(struct sb_up_call *call) {
    struct sb_up_trade *of = sb_place_find(call->place, SB_UNIONPAY_TRADE,
                                           unionpay_get(&call->asked, "origQryId"));
    struct sb_up_trade *trade = NULL;
    if (of == NULL) {
        sb_up_answer(call, "34");
        return;
    }
    struct sb_shard *shard = shard_of(call->sandbox, of);
    lock_take(&shard->lock);
    const char *code = change(call, of, &trade);
    lock_give(&shard->lock);
    if (code == NULL) {
        struct sb_id id = sb_id_of(call->place, SB_UNIONPAY_TRADE, trade->number);
        unionpay_set(&call->answer, "queryId", id.text);
        unionpay_set(&call->answer, "origQryId", unionpay_get(&call->asked, "origQryId"));
        unionpay_set(&call->answer, "txnAmt", unionpay_get(&call->asked, "txnAmt"));
        unionpay_set(&call->answer, "currencyCode", "156");
    }
    sb_up_answer(call, code != NULL ? code : "00");
}

void sb_up_settle(struct sandbox *sandbox, void *object) {
    struct sb_up_trade *trade = object;
    struct sb_shard *shard = shard_of(sandbox, trade);
    lock_take(&shard->lock);
    if (trade->now->state == SB_UP_WORKING) {
        sb_up_end(sandbox, trade, SB_UP_DONE, "00");
    }
    lock_give(&shard->lock);
}

/* ---- asking ---- */

/* An order that nobody has paid is not there. */
void sb_up_query(struct sb_up_call *call) {
    char name[SB_UP_NAME_MAX];
    sb_up_name(unionpay_get(&call->asked, "orderId"), unionpay_get(&call->asked, "txnTime"), name);
    struct sb_up_trade *trade = sb_place_named(call->place, name);
    if (trade == NULL) {
        sb_up_answer(call, "34");
        return;
    }
    struct sb_shard *shard = shard_of(call->sandbox, trade);
    lock_take(&shard->lock);
    struct sb_up_now now = *trade->now;
    lock_give(&shard->lock);
    if (now.state == SB_UP_OPEN || now.state == SB_UP_CLOSED) {
        sb_up_answer(call, "34");
        return;
    }
    if (now.state == SB_UP_WORKING) {
        snprintf(now.code, sizeof(now.code), "05");
    }
    sb_up_describe(call->sandbox, trade, &now, &call->answer);
    sb_up_answer(call, "00");
}

/* ---- the shop's people at UnionPay's own desk ---- */

static void desk_draft(struct sandbox *sandbox, int operation, int64_t amount_minor,
                       char room[SB_UP_NAME_MAX], struct draft *ret_draft) {
    char time[UNIONPAY_TIME_MAX];
    uint32_t made = sb_place_count(sandbox->places[SB_UNIONPAY], SB_UNIONPAY_TRADE);
    unionpay_time(clock_wall_us(), time);
    /* "desk000000001" and the time, one behind the other. */
    snprintf(room, SB_UP_NAME_MAX, "desk%09u", (unsigned)made);
    size_t order_chars = strlen(room) + 1;
    snprintf(room + order_chars, SB_UP_NAME_MAX - order_chars, "%s", time);
    *ret_draft = (struct draft){
        .order_id = room,
        .txn_time = room + order_chars,
        .sub_type = operation == 1 ? "01" : "00",
        .operation = operation,
        .amount_minor = amount_minor,
        .state = operation == 1 ? SB_UP_OPEN : SB_UP_WORKING,
        .pay_until_us = INT64_MAX,
    };
}

int sb_up_desk_charge(struct sandbox *sandbox, int64_t amount_minor, struct currency currency,
                      struct buf *ret_id, struct err *err) {
    char room[SB_UP_NAME_MAX];
    struct draft draft;
    const char *code = NULL;
    if (!currency_equal(currency, CNY)) {
        return err_set(err, ERR_VALIDATION, "UnionPay takes CNY only");
    }
    desk_draft(sandbox, 1, amount_minor, room, &draft);
    struct sb_up_trade *trade = make(sandbox, &draft, &code);
    if (trade == NULL) {
        return err_set(err, ERR_STATE, "UnionPay refuses it with respCode %s", code);
    }
    struct sb_shard *shard = shard_of(sandbox, trade);
    lock_take(&shard->lock);
    pay(sandbox, trade);
    lock_give(&shard->lock);
    buf_add_text(ret_id,
                 sb_id_of(sandbox->places[SB_UNIONPAY], SB_UNIONPAY_TRADE, trade->number).text);
    return 0;
}

int sb_up_desk_refund(struct sandbox *sandbox, const char *charge, int64_t amount_minor,
                      struct buf *ret_id, struct err *err) {
    char room[SB_UP_NAME_MAX];
    struct draft draft;
    struct sb_up_trade *of = sb_place_find(sandbox->places[SB_UNIONPAY], SB_UNIONPAY_TRADE, charge);
    if (of == NULL) {
        return err_set(err, ERR_NOT_FOUND, "UnionPay knows no charge '%.60s'", charge);
    }
    desk_draft(sandbox, 4, amount_minor, room, &draft);
    draft.of = of;
    draft.back_url = of->root->back_url;
    struct sb_shard *shard = shard_of(sandbox, of);
    lock_take(&shard->lock);
    const char *code = sb_up_why_not(of, 4, amount_minor);
    struct sb_up_trade *trade = code == NULL ? make(sandbox, &draft, &code) : NULL;
    if (trade != NULL) {
        of->given_back_minor += amount_minor;
        sb_up_end(sandbox, trade, SB_UP_DONE, "00");
    }
    lock_give(&shard->lock);
    if (trade == NULL) {
        return err_set(err, ERR_STATE, "UnionPay refuses it with respCode %s", code);
    }
    buf_add_text(ret_id,
                 sb_id_of(sandbox->places[SB_UNIONPAY], SB_UNIONPAY_TRADE, trade->number).text);
    return 0;
}
