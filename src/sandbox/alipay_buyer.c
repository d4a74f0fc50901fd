/* SPDX-License-Identifier: Apache-2.0
 * alipay_buyer.c: what becomes of a trade, by its buyer, by time and by the shop's people; and the
 * notifies that tell of it. */
#include "base/clock.h"
#include "sandbox/alipay.h"

/* What Alipay keeps of each payment: 0.6 %. */
enum { FEE_PER_THOUSAND = 6, NOTIFY_PARAMS_MAX = 32, NOTIFY_ID_CHARS = 34 };

int64_t sb_ali_fee(int64_t amount_minor) {
    return (amount_minor * FEE_PER_THOUSAND + 500) / 1000;
}

const char *sb_ali_status_name(uint8_t status) {
    static const char *const names[] = {
        [SB_ALI_OFFERED] = "WAIT_BUYER_PAY", [SB_ALI_WAIT] = "WAIT_BUYER_PAY",
        [SB_ALI_SUCCESS] = "TRADE_SUCCESS",  [SB_ALI_FINISHED] = "TRADE_FINISHED",
        [SB_ALI_CLOSED] = "TRADE_CLOSED",    [SB_ALI_DEAD] = "TRADE_CLOSED",
    };
    return names[status];
}

struct sb_shard *sb_ali_shard(struct sb_place *place, const struct sb_ali_trade *trade) {
    return sb_place_shard(place, trade->number);
}

struct sb_ali_now *sb_ali_next(struct sb_place *place, struct sb_ali_trade *trade) {
    struct sb_ali_now *next = sb_hoard_take(&sb_ali_shard(place, trade)->hoard, sizeof(*next));
    *next = *trade->now;
    next->out_biz_no = NULL;
    trade->now = next;
    return next;
}

void sb_ali_page_url(const struct sandbox *sandbox, const struct sb_ali_trade *trade,
                     struct buf *out) {
    buf_addf(out, "%s/sandbox/pay/%s", sandbox->base_urls[SB_ALIPAY],
             sb_id_of(sandbox->places[SB_ALIPAY], SB_ALIPAY_TRADE, trade->number).text);
}

/* ---- what becomes of it ---- */

static void tell(struct sandbox *sandbox, const struct sb_ali_trade *trade,
                 enum sb_event_type type) {
    sb_tell_url(sandbox, SB_ALIPAY, type, trade, trade->now, trade->notify_url);
}

void sb_ali_end(struct sandbox *sandbox, struct sb_ali_trade *trade) {
    struct sb_ali_now *now = sb_ali_next(sandbox->places[SB_ALIPAY], trade);
    now->status = SB_ALI_CLOSED;
    now->closed_us = clock_wall_us();
    tell(sandbox, trade, SB_EV_ALIPAY_TRADE_CLOSED);
}

void sb_ali_touch(struct sandbox *sandbox, struct sb_ali_trade *trade) {
    if (clock_wall_us() < trade->ends_us) {
        return;
    }
    if (trade->now->status == SB_ALI_OFFERED) {
        sb_ali_next(sandbox->places[SB_ALIPAY], trade)->status = SB_ALI_DEAD;
    } else if (trade->now->status == SB_ALI_WAIT) {
        sb_ali_end(sandbox, trade);
    }
}

void sb_ali_open(struct sandbox *sandbox, struct sb_ali_trade *trade) {
    if (trade->now->status == SB_ALI_OFFERED) {
        sb_ali_next(sandbox->places[SB_ALIPAY], trade)->status = SB_ALI_WAIT;
        trade->ends_us = clock_wall_us() + trade->pays_within_us;
    }
}

static struct sb_entry *book_paid(struct sandbox *sandbox, const struct sb_ali_trade *trade,
                                  const char *id) {
    struct alipay_form passback = {0};
    BUF_AUTO text;
    struct err err;
    buf_init(&text, SB_ALI_BODY_BYTES_MAX);
    buf_addf(&text, "order=%s", trade->passback != NULL ? trade->passback : "");
    bool read = alipay_form_read(&passback, text.data, text.len, &err) == 0;
    struct sb_entry *entry = sb_book_enter(&sandbox->book, SB_ALIPAY, id, trade->out_trade_no,
                                           read ? alipay_form_get(&passback, "order") : "",
                                           trade->amount_minor, currency_stored("CNY"));
    alipay_form_release(&passback);
    (void)sb_book_take(&sandbox->book, entry, trade->amount_minor, sb_ali_fee(trade->amount_minor),
                       trade);
    return entry;
}

void sb_ali_take(struct sandbox *sandbox, struct sb_ali_trade *trade, bool twice) {
    struct sb_place *place = sandbox->places[SB_ALIPAY];
    struct sb_ali_now *now = sb_ali_next(place, trade);
    const char *id = sb_id_of(place, SB_ALIPAY_TRADE, trade->number).text;
    now->status = SB_ALI_SUCCESS;
    now->paid_us = clock_wall_us();
    trade->entry = book_paid(sandbox, trade, id);
    uint32_t second = 0;
    int64_t second_us = 0;
    if (twice && sb_place_add(place, SB_ALIPAY_TRADE, &second, &second_us)) {
        (void)book_paid(sandbox, trade, sb_id_of(place, SB_ALIPAY_TRADE, second).text);
    }
    tell(sandbox, trade, SB_EV_ALIPAY_TRADE_SUCCESS);
}

void sb_ali_give_back(struct sandbox *sandbox, struct sb_ali_trade *trade, const char *number,
                      int64_t amount_minor) {
    struct sb_place *place = sandbox->places[SB_ALIPAY];
    struct sb_hoard *hoard = &sb_ali_shard(place, trade)->hoard;
    struct sb_ali_payback *payback = sb_hoard_take(hoard, sizeof(*payback));
    *payback = (struct sb_ali_payback){
        .trade = trade,
        .next = trade->paybacks,
        .number = sb_hoard_text(hoard, number),
        .created_us = clock_wall_us(),
        .amount_minor = amount_minor,
    };
    trade->paybacks = payback;
    struct sb_ali_now *now = sb_ali_next(place, trade);
    now->refunded_minor += amount_minor;
    now->refunded_us = payback->created_us;
    now->out_biz_no = payback->number;
    INVARIANT(now->refunded_minor <= trade->amount_minor, "never more back than was paid");
    if (now->refunded_minor == trade->amount_minor) {
        now->status = SB_ALI_CLOSED;
        now->closed_us = payback->created_us;
    }
    sb_book_refund(&sandbox->book, trade->entry, amount_minor, payback);
    tell(sandbox, trade, SB_EV_ALIPAY_REFUND);
}

/* ---- the buyer ---- */

/* By the shop's number, by Alipay's, or by the text in the code. Its lock is held on return. */
static struct sb_ali_trade *find(struct sandbox *sandbox, const char *name) {
    struct sb_place *place = sandbox->places[SB_ALIPAY];
    const char *last = strrchr(name, '/');
    struct sb_ali_trade *trade = sb_place_named(place, name);
    if (trade == NULL) {
        trade = sb_place_find(place, SB_ALIPAY_TRADE, last != NULL ? last + 1 : name);
    }
    if (trade != NULL) {
        lock_take(&sb_ali_shard(place, trade)->lock);
        sb_ali_touch(sandbox, trade);
    }
    return trade;
}

static int act_on(struct sandbox *sandbox, struct sb_ali_trade *trade, enum sb_act act,
                  struct err *err) {
    uint8_t status = trade->now->status;
    bool waits = status == SB_ALI_OFFERED || status == SB_ALI_WAIT;
    if (act == SB_ACT_LATE && !waits && trade->now->paid_us == 0) {
        sb_ali_take(sandbox, trade, false);
        return 0;
    }
    if (!waits) {
        return err_set(err, ERR_STATE, "the order is %s",
                       status == SB_ALI_SUCCESS || status == SB_ALI_FINISHED ? "paid already"
                                                                             : "closed");
    }
    if (act == SB_ACT_EXPIRE) {
        trade->ends_us = 0;
        sb_ali_touch(sandbox, trade);
        return 0;
    }
    if (act == SB_ACT_CANCEL && status == SB_ALI_OFFERED) {
        return 0; /* he never opened it */
    }
    sb_ali_open(sandbox, trade);
    if (act == SB_ACT_PAY || act == SB_ACT_LATE) {
        sb_ali_take(sandbox, trade, false);
    } else if (act == SB_ACT_CANCEL) {
        sb_ali_end(sandbox, trade);
    }
    return 0;
}

int sb_ali_customer(struct sandbox *sandbox, const char *name, enum sb_act act, struct err *err) {
    struct sb_ali_trade *trade = find(sandbox, name);
    if (trade == NULL) {
        return err_set(err, ERR_NOT_FOUND, "Alipay's sandbox has no order '%.80s'", name);
    }
    int rc = act_on(sandbox, trade, act, err);
    lock_give(&sb_ali_shard(sandbox->places[SB_ALIPAY], trade)->lock);
    return rc;
}

int sb_ali_look(struct sandbox *sandbox, const char *name, struct sb_order_view *ret_view,
                struct err *err) {
    struct sb_ali_trade *trade = find(sandbox, name);
    if (trade == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such order");
    }
    uint8_t status = trade->now->status;
    struct sb_order_view view = {
        .amount_minor = trade->amount_minor,
        .currency = currency_stored("CNY"),
        .waits = status == SB_ALI_OFFERED || status == SB_ALI_WAIT       ? SB_WAITING
                 : status == SB_ALI_SUCCESS || status == SB_ALI_FINISHED ? SB_WAS_PAID
                                                                         : SB_WAS_CLOSED,
    };
    snprintf(view.subject, sizeof(view.subject), "%s",
             trade->subject != NULL ? trade->subject : "");
    snprintf(view.return_url, sizeof(view.return_url), "%s",
             trade->return_url != NULL ? trade->return_url : "");
    snprintf(view.return_query, sizeof(view.return_query), "out_trade_no=%s&trade_no=%s",
             trade->out_trade_no,
             sb_id_of(sandbox->places[SB_ALIPAY], SB_ALIPAY_TRADE, trade->number).text);
    lock_give(&sb_ali_shard(sandbox->places[SB_ALIPAY], trade)->lock);
    *ret_view = view;
    return 0;
}

/* ---- the shop's people, on Alipay's own pages ---- */

int sb_ali_desk_refund(struct sandbox *sandbox, const char *charge, int64_t amount_minor,
                       struct buf *ret_id, struct err *err) {
    struct sb_ali_trade *trade = find(sandbox, charge);
    char number[SB_ALI_NUMBER_CHARS_MAX + 1];
    if (trade == NULL) {
        return err_set(err, ERR_NOT_FOUND, "Alipay's sandbox has no trade '%.80s'", charge);
    }
    struct sb_shard *shard = sb_ali_shard(sandbox->places[SB_ALIPAY], trade);
    int64_t left_minor = trade->amount_minor - trade->now->refunded_minor;
    int64_t wanted_minor = amount_minor > 0 ? amount_minor : left_minor;
    if (trade->now->paid_us == 0 || wanted_minor < 1 || wanted_minor > left_minor) {
        lock_give(&shard->lock);
        return err_set(err, ERR_STATE, "there is not so much to give back of this trade");
    }
    snprintf(number, sizeof(number), "desk%u_%lld", trade->number,
             (long long)trade->now->refunded_minor);
    sb_ali_give_back(sandbox, trade, number, wanted_minor);
    lock_give(&shard->lock);
    buf_add_text(ret_id, number);
    return 0;
}

int sb_ali_desk_charge(struct sandbox *sandbox, int64_t amount_minor, struct currency currency,
                       struct buf *ret_id, struct err *err) {
    struct sb_place *place = sandbox->places[SB_ALIPAY];
    uint32_t number = 0;
    int64_t created_us = 0;
    char out_trade_no[SB_ALI_NUMBER_CHARS_MAX + 1];
    if (strcmp(currency.code, "CNY") != 0) {
        return err_set(err, ERR_VALIDATION, "Alipay takes CNY");
    }
    if (!sb_place_add(place, SB_ALIPAY_TRADE, &number, &created_us)) {
        return err_set(err, ERR_STATE, "the sandbox is full");
    }
    struct sb_shard *shard = sb_place_shard(place, number);
    lock_take(&shard->lock);
    struct sb_ali_trade *trade = sb_hoard_take(&shard->hoard, sizeof(*trade));
    snprintf(out_trade_no, sizeof(out_trade_no), "DESK%u", number);
    *trade = (struct sb_ali_trade){
        .number = number,
        .created_us = created_us,
        .ends_us = INT64_MAX,
        .pays_within_us = 1,
        .amount_minor = amount_minor,
        .out_trade_no = sb_hoard_text(&shard->hoard, out_trade_no),
        .subject = "Made by hand",
        .now = sb_hoard_take(&shard->hoard, sizeof(struct sb_ali_now)),
    };
    sb_place_put(place, SB_ALIPAY_TRADE, number, trade);
    (void)sb_place_name(place, trade->out_trade_no, trade);
    sb_ali_take(sandbox, trade, false);
    lock_give(&shard->lock);
    buf_add_text(ret_id, sb_id_of(place, SB_ALIPAY_TRADE, number).text);
    return 0;
}

/* ---- notifies ---- */

struct notify {
    struct alipay_param params[NOTIFY_PARAMS_MAX];
    int count;
    char times[6][CLOCK_TEXT_MAX];
    char amounts[4][MONEY_TEXT_MAX];
    int time_count, amount_count;
    char id[NOTIFY_ID_CHARS + 1];
};

static void put(struct notify *notify, const char *name, const char *value) {
    if (value != NULL && value[0] != '\0') {
        INVARIANT(notify->count < NOTIFY_PARAMS_MAX, "a notify has room for its fields");
        notify->params[notify->count++] = (struct alipay_param){name, value};
    }
}

static void put_time(struct notify *notify, const char *name, int64_t wall_us) {
    if (wall_us > 0) {
        put(notify, name,
            clock_format_at(wall_us, BEIJING_MINUTES, notify->times[notify->time_count++]));
    }
}

static void put_amount(struct notify *notify, const char *name, int64_t amount_minor) {
    put(notify, name,
        money_decimal(amount_minor, currency_stored("CNY"),
                      notify->amounts[notify->amount_count++]));
}

/* The same name at every resend, another one for another event. */
static void put_id(const struct sandbox *sandbox, const struct sb_event *event,
                   struct notify *notify) {
    char text[80];
    char hex[SHA256_HEX_CHARS + 1];
    snprintf(text, sizeof(text), "%llu %u %lld", (unsigned long long)sandbox->seed, event->number,
             (long long)event->created_us);
    crypto_sha256_hex(text, strlen(text), hex);
    snprintf(notify->id, sizeof(notify->id), "%.*s", NOTIFY_ID_CHARS, hex);
    put(notify, "notify_id", notify->id);
}

static void notify_fill(struct sandbox *sandbox, const struct sb_delivery *delivery,
                        const struct sb_id *trade_no, struct notify *notify) {
    const struct sb_event *event = delivery->event;
    const struct sb_ali_trade *trade = event->object;
    const struct sb_ali_now *now = event->now;
    put_time(notify, "notify_time", event->created_us);
    put(notify, "notify_type", "trade_status_sync");
    put_id(sandbox, event, notify);
    put(notify, "app_id", sb_setting(sandbox, SB_ALIPAY, SB_ALI_APP_ID));
    put(notify, "auth_app_id", sb_setting(sandbox, SB_ALIPAY, SB_ALI_APP_ID));
    put(notify, "charset", "utf-8");
    put(notify, "version", "1.0");
    put(notify, "trade_no", trade_no->text);
    put(notify, "out_trade_no", trade->out_trade_no);
    put(notify, "trade_status", sb_ali_status_name(now->status));
    put_amount(notify, "total_amount", trade->amount_minor + delivery->amount_minor);
    put(notify, "subject", trade->subject);
    put_time(notify, "gmt_create", trade->created_us);
    put_time(notify, "gmt_payment", now->paid_us);
    put_time(notify, "gmt_close", now->closed_us);
    put(notify, "seller_id", sb_setting(sandbox, SB_ALIPAY, SB_ALI_SELLER_ID));
    put(notify, "buyer_id", "2088000000000088");
    put(notify, "passback_params", trade->passback);
    if (now->paid_us > 0) {
        put_amount(notify, "buyer_pay_amount", trade->amount_minor + delivery->amount_minor);
    }
    if (event->type == SB_EV_ALIPAY_REFUND) {
        put_time(notify, "gmt_refund", now->refunded_us);
        put_amount(notify, "refund_fee", now->refunded_minor);
        put(notify, "out_biz_no", now->out_biz_no);
    }
}

void sb_ali_event_write(struct sandbox *sandbox, const struct sb_delivery *delivery,
                        struct buf *out) {
    const struct sb_ali_identity *identity = sb_identity(sandbox, SB_ALIPAY);
    const struct sb_ali_trade *trade = delivery->event->object;
    const struct sb_id trade_no = sb_id_of(sandbox->places[SB_ALIPAY], SB_ALIPAY_TRADE,
                                           trade->number);
    /* A stranger has some key, and not Alipay's. */
    const struct sb_pair *signer = delivery->forgery == SB_FORGED ? identity->merchant
                                                                  : identity->platform;
    struct notify notify = {.count = 0};
    char *sign = NULL;
    struct err err;
    notify_fill(sandbox, delivery, &trade_no, &notify);
    int rc = alipay_sign(signer->key, notify.params, notify.count, ALIPAY_NOTIFY, &sign, &err);
    INVARIANT(rc == 0, "a key that was made here signs");
    for (int i = 0; i < notify.count; i++) {
        buf_addf(out, "%s=", notify.params[i].name);
        buf_add_urlencoded(out, notify.params[i].value);
        buf_add_char(out, '&');
    }
    buf_add_text(out, "sign_type=" ALIPAY_SIGN_TYPE "&sign=");
    buf_add_urlencoded(out, sign);
    free(sign);
}

int sb_ali_event_sign(struct sandbox *sandbox, const struct sb_delivery *delivery,
                      const struct buf *body, struct sb_signed_headers *ret_headers,
                      struct err *err) {
    (void)sandbox;
    (void)delivery;
    (void)body;
    (void)err;
    ret_headers->headers[0] = (struct http_header){
        "Content-Type", "application/x-www-form-urlencoded; charset=utf-8"};
    ret_headers->headers[1] = (struct http_header){"User-Agent", "Alipay (Holdfast sandbox)"};
    ret_headers->count = 2;
    return 0;
}
