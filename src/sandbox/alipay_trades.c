/* SPDX-License-Identifier: Apache-2.0
 * alipay_trades.c: the methods about trades: making, paying by code, asking, ending, refunds. */
#include "base/clock.h"
#include "sandbox/alipay.h"

enum { SUBJECT_BYTES_MAX = 256, AUTH_CODE_MIN = 16, AUTH_CODE_MAX = 24 };
#define LIFE_US (2 * 3600 * US_PER_SECOND)
#define PAY_LIFE_US (15 * 24 * 3600 * US_PER_SECOND)

/* ---- what a request says ---- */

static bool number_ok(const char *text) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t count = strlen(text);
    return count >= 1 && count <= SB_ALI_NUMBER_CHARS_MAX && strspn(text, allowed) == count;
}

/* "12.50": 0.01 to 100000000 yuan. */
static bool amount_read(const struct sb_ali_call *call, const char *name, int64_t *ret_minor) {
    int64_t minor = 0;
    struct err err;
    const char *text = sb_ali_text(call, name);
    return text[0] != '\0' &&
           money_parse_decimal(text, currency_stored("CNY"), &minor, &err) == 0 && minor >= 1 &&
           minor <= INT64_C(10000000000) && (*ret_minor = minor, true);
}

/* "90m", "2h", "1d"; absent gives `usual_us`. -1: it cannot be read. */
static int64_t life_of(const struct sb_ali_call *call, const char *name, int64_t usual_us) {
    const char *text = sb_ali_text(call, name);
    char *end = NULL;
    if (text[0] == '\0') {
        return usual_us;
    }
    long long count = strtoll(text, &end, 10);
    int64_t unit_us = strcmp(end, "m") == 0   ? 60 * US_PER_SECOND
                      : strcmp(end, "h") == 0 ? 3600 * US_PER_SECOND
                      : strcmp(end, "d") == 0 ? 24 * 3600 * US_PER_SECOND
                                              : 0;
    return count >= 1 && count <= 100000 && unit_us > 0 ? count * unit_us : -1;
}

struct wish {
    const char *out_trade_no, *subject;
    int64_t amount_minor, life_us, pay_life_us;
    uint64_t asked;
};

/* What every order says. False: the refusal has been written. */
static bool wish_read(struct sb_ali_call *call, struct wish *wish) {
    const char *seller = sb_ali_text(call, "seller_id");
    wish->out_trade_no = sb_ali_text(call, "out_trade_no");
    wish->subject = sb_ali_text(call, "subject");
    bool good = number_ok(wish->out_trade_no) && wish->subject[0] != '\0' &&
                strlen(wish->subject) <= SUBJECT_BYTES_MAX &&
                amount_read(call, "total_amount", &wish->amount_minor) && wish->life_us > 0 &&
                wish->pay_life_us > 0;
    if (!good) {
        sb_ali_fail(call, "ACQ.INVALID_PARAMETER");
        return false;
    }
    if (seller[0] != '\0' &&
        strcmp(seller, sb_setting(call->sandbox, SB_ALIPAY, SB_ALI_SELLER_ID)) != 0) {
        sb_ali_fail(call, "ACQ.PARTNER_ERROR");
        return false;
    }
    wish->asked = sb_digest((uint64_t)wish->amount_minor, wish->subject, strlen(wish->subject));
    return true;
}

/* ---- trades ---- */

/* The trade of that order, made now if there is none. Its lock is held on return; NULL: refused. */
static struct sb_ali_trade *trade_of(struct sb_ali_call *call, const struct wish *wish) {
    struct sb_ali_trade *trade = sb_place_named(call->place, wish->out_trade_no);
    uint32_t number = 0;
    int64_t created_us = 0;
    if (trade == NULL && !sb_place_add(call->place, SB_ALIPAY_TRADE, &number, &created_us)) {
        sb_ali_refuse(call, "20000", "isp.unknow-error", "the sandbox is full");
        return NULL;
    }
    if (trade == NULL) {
        struct sb_shard *shard = sb_place_shard(call->place, number);
        lock_take(&shard->lock);
        struct sb_hoard *hoard = &shard->hoard;
        struct sb_ali_trade *made = sb_hoard_take(hoard, sizeof(*made));
        *made = (struct sb_ali_trade){
            .number = number,
            .created_us = created_us,
            .ends_us = created_us + wish->life_us,
            .pays_within_us = wish->pay_life_us,
            .amount_minor = wish->amount_minor,
            .out_trade_no = sb_hoard_text(hoard, wish->out_trade_no),
            .subject = sb_hoard_text(hoard, wish->subject),
            .notify_url = sb_hoard_text(hoard, alipay_form_get(call->form, "notify_url")),
            .return_url = sb_hoard_text(hoard, alipay_form_get(call->form, "return_url")),
            .passback = sb_hoard_text(hoard, sb_ali_text(call, "passback_params")),
            .asked = wish->asked,
            .now = sb_hoard_take(hoard, sizeof(struct sb_ali_now)),
        };
        made->now->status = SB_ALI_OFFERED;
        lock_give(&shard->lock);
        sb_place_put(call->place, SB_ALIPAY_TRADE, number, made);
        trade = sb_place_name(call->place, made->out_trade_no, made);
        trade = trade != NULL ? trade : made;
    }
    lock_take(&sb_ali_shard(call->place, trade)->lock);
    sb_ali_touch(call->sandbox, trade);
    if (trade->asked != wish->asked) {
        bool spent = trade->now->status == SB_ALI_CLOSED || trade->now->status == SB_ALI_DEAD;
        lock_give(&sb_ali_shard(call->place, trade)->lock);
        sb_ali_fail(call, spent ? "ACQ.TRADE_HAS_CLOSE" : "ACQ.CONTEXT_INCONSISTENT");
        return NULL;
    }
    return trade;
}

/* Why an order cannot be begun or paid any more; NULL: it can. */
static const char *over(const struct sb_ali_trade *trade) {
    switch (trade->now->status) {
    case SB_ALI_SUCCESS:
        return "ACQ.TRADE_HAS_SUCCESS";
    case SB_ALI_FINISHED:
        return "ACQ.TRADE_HAS_FINISHED";
    case SB_ALI_CLOSED:
    case SB_ALI_DEAD:
        return "ACQ.TRADE_HAS_CLOSE";
    default:
        return NULL;
    }
}

static void add_names(struct sb_ali_call *call, const struct sb_ali_trade *trade) {
    sb_ali_member(call, "out_trade_no", trade->out_trade_no);
    sb_ali_member(call, "trade_no", sb_id_of(call->place, SB_ALIPAY_TRADE, trade->number).text);
}

void sb_ali_precreate(struct sb_ali_call *call) {
    struct wish wish = {.life_us = life_of(call, "qr_code_timeout_express", LIFE_US),
                        .pay_life_us = life_of(call, "timeout_express", PAY_LIFE_US)};
    struct sb_ali_trade *trade = wish_read(call, &wish) ? trade_of(call, &wish) : NULL;
    if (trade == NULL) {
        return;
    }
    const char *why = over(trade);
    if (why != NULL) {
        sb_ali_fail(call, why);
    } else {
        BUF_AUTO url;
        buf_init(&url, SB_URL_CHARS_MAX);
        sb_ali_page_url(call->sandbox, trade, &url);
        sb_ali_begin(call);
        sb_ali_member(call, "out_trade_no", trade->out_trade_no);
        sb_ali_member(call, "qr_code", url.data);
    }
    lock_give(&sb_ali_shard(call->place, trade)->lock);
}

/* A page's end is absolute. */
static int64_t page_life(const struct sb_ali_call *call) {
    const char *text = sb_ali_text(call, "time_expire");
    int64_t ends_us = 0;
    if (text[0] == '\0') {
        return life_of(call, "timeout_express", PAY_LIFE_US);
    }
    return clock_parse_at(text, BEIJING_MINUTES, &ends_us) ? ends_us - clock_wall_us() : -1;
}

/* A browser, or the app, has come with a signed request: on to the page where the buyer pays. */
void sb_ali_page(struct sb_ali_call *call) {
    static const struct {
        const char *method, *product;
    } products[] = {
        {"alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"},
        {"alipay.trade.wap.pay", "QUICK_WAP_WAY"},
        {"alipay.trade.app.pay", "QUICK_MSECURITY_PAY"},
    };
    int64_t life_us = page_life(call);
    struct wish wish = {.life_us = life_us, .pay_life_us = life_us};
    for (size_t i = 0; i < COUNT_OF(products); i++) {
        if (strcmp(products[i].method, call->method) == 0 &&
            strcmp(products[i].product, sb_ali_text(call, "product_code")) != 0) {
            sb_ali_fail(call, "ACQ.INVALID_PARAMETER");
            return;
        }
    }
    struct sb_ali_trade *trade = wish_read(call, &wish) ? trade_of(call, &wish) : NULL;
    if (trade == NULL) {
        return;
    }
    BUF_AUTO url;
    buf_init(&url, SB_URL_CHARS_MAX);
    sb_ali_page_url(call->sandbox, trade, &url);
    lock_give(&sb_ali_shard(call->place, trade)->lock);
    call->reply->status = 302;
    http_reply_header(call->reply, "Location", url.data);
}

/* ---- payment codes ---- */

static void add_paid(struct sb_ali_call *call, const struct sb_ali_trade *trade) {
    sb_ali_begin(call);
    add_names(call, trade);
    sb_ali_member(call, "buyer_user_id", "2088000000000088");
    sb_ali_amount(call, "total_amount", trade->amount_minor);
    sb_ali_amount(call, "receipt_amount", trade->amount_minor);
    sb_ali_amount(call, "buyer_pay_amount", trade->amount_minor);
    sb_ali_time(call, "gmt_payment", trade->now->paid_us);
}

/* What the buyer of that code does: a sub_code, "" he must confirm, NULL he pays. */
static const char *buyer_of(const struct sb_ali_call *call, const char *auth_code) {
    const char *last = auth_code + strlen(auth_code) - 4;
    if (call->verdict->decline != NULL) {
        const char *code = call->verdict->decline;
        return code[0] != '\0' ? code : "ACQ.BUYER_BALANCE_NOT_ENOUGH";
    }
    return strcmp(last, "0001") == 0   ? ""
           : strcmp(last, "0002") == 0 ? "ACQ.BUYER_BALANCE_NOT_ENOUGH"
           : strcmp(last, "0003") == 0 ? "ACQ.PAYMENT_AUTH_CODE_INVALID"
                                       : NULL;
}

/* A code is for one trade. */
static bool code_is_fresh(struct sb_ali_call *call, struct sb_ali_trade *trade,
                          const char *auth_code) {
    char text[AUTH_CODE_MAX + 8];
    snprintf(text, sizeof(text), "code:%s", auth_code);
    const char *name = sb_hoard_text(&sb_ali_shard(call->place, trade)->hoard, text);
    const void *user = sb_place_name(call->place, name, trade);
    return user == NULL || user == trade;
}

/* The lock is held. */
static void pay(struct sb_ali_call *call, struct sb_ali_trade *trade, const char *auth_code) {
    const char *why = over(trade);
    if (why != NULL) {
        sb_ali_fail(call, why);
        return;
    }
    if (trade->now->status == SB_ALI_WAIT) {
        sb_ali_refuse(call, "10003", NULL, NULL);
        add_names(call, trade);
        return;
    }
    const char *buyer = code_is_fresh(call, trade, auth_code) ? buyer_of(call, auth_code)
                                                              : "ACQ.PAYMENT_AUTH_CODE_INVALID";
    if (buyer != NULL && buyer[0] != '\0') {
        sb_ali_fail(call, buyer);
        return;
    }
    sb_ali_open(call->sandbox, trade);
    if (buyer != NULL) {
        sb_ali_refuse(call, "10003", NULL, NULL);
        add_names(call, trade);
        return;
    }
    sb_ali_take(call->sandbox, trade, call->verdict->double_charge);
    add_paid(call, trade);
}

void sb_ali_pay(struct sb_ali_call *call) {
    const char *auth_code = sb_ali_text(call, "auth_code");
    size_t count = strlen(auth_code);
    struct wish wish = {.life_us = LIFE_US,
                        .pay_life_us = life_of(call, "timeout_express", LIFE_US)};
    bool code = count >= AUTH_CODE_MIN && count <= AUTH_CODE_MAX &&
                strspn(auth_code, "0123456789") == count && auth_code[0] >= '2' &&
                auth_code[0] <= '3';
    if (!code || strcmp(sb_ali_text(call, "scene"), "bar_code") != 0) {
        sb_ali_fail(call, code ? "ACQ.INVALID_PARAMETER" : "ACQ.PAYMENT_AUTH_CODE_INVALID");
        return;
    }
    struct sb_ali_trade *trade = wish_read(call, &wish) ? trade_of(call, &wish) : NULL;
    if (trade != NULL) {
        pay(call, trade, auth_code);
        lock_give(&sb_ali_shard(call->place, trade)->lock);
    }
}

/* ---- asking ---- */

/* The trade that a request names, by Alipay's number before ours. Its lock is held on return; NULL:
 * refused, or none (*ret_none, which is not written when it is not NULL). */
static struct sb_ali_trade *find(struct sb_ali_call *call, bool *ret_none) {
    const char *trade_no = sb_ali_text(call, "trade_no");
    const char *out_trade_no = sb_ali_text(call, "out_trade_no");
    if (trade_no[0] == '\0' && out_trade_no[0] == '\0') {
        sb_ali_fail(call, "ACQ.INVALID_PARAMETER");
        return NULL;
    }
    struct sb_ali_trade *trade = trade_no[0] != '\0'
                                     ? sb_place_find(call->place, SB_ALIPAY_TRADE, trade_no)
                                     : sb_place_named(call->place, out_trade_no);
    if (trade != NULL) {
        lock_take(&sb_ali_shard(call->place, trade)->lock);
        sb_ali_touch(call->sandbox, trade);
        if (trade->now->status != SB_ALI_OFFERED && trade->now->status != SB_ALI_DEAD) {
            return trade;
        }
        lock_give(&sb_ali_shard(call->place, trade)->lock);
    }
    if (ret_none != NULL) {
        *ret_none = true;
    } else {
        sb_ali_fail(call, "ACQ.TRADE_NOT_EXIST");
    }
    return NULL;
}

void sb_ali_query(struct sb_ali_call *call) {
    struct sb_ali_trade *trade = find(call, NULL);
    if (trade == NULL) {
        return;
    }
    sb_ali_begin(call);
    add_names(call, trade);
    sb_ali_member(call, "buyer_logon_id", "buy***@sandbox.example");
    sb_ali_member(call, "trade_status", sb_ali_status_name(trade->now->status));
    sb_ali_amount(call, "total_amount", trade->amount_minor);
    sb_ali_amount(call, "receipt_amount", trade->now->paid_us > 0 ? trade->amount_minor : 0);
    sb_ali_amount(call, "buyer_pay_amount", trade->now->paid_us > 0 ? trade->amount_minor : 0);
    if (trade->now->paid_us > 0) {
        sb_ali_time(call, "send_pay_date", trade->now->paid_us);
    }
    lock_give(&sb_ali_shard(call->place, trade)->lock);
}

/* ---- ending ---- */

void sb_ali_close(struct sb_ali_call *call) {
    struct sb_ali_trade *trade = find(call, NULL);
    if (trade == NULL) {
        return;
    }
    if (trade->now->status != SB_ALI_WAIT) {
        sb_ali_fail(call, "ACQ.TRADE_STATUS_ERROR");
    } else {
        sb_ali_end(call->sandbox, trade);
        sb_ali_begin(call);
        add_names(call, trade);
    }
    lock_give(&sb_ali_shard(call->place, trade)->lock);
}

/* A number that was cancelled before it arrived is dead when it does. */
static void cancel_ahead(struct sb_ali_call *call, const char *out_trade_no) {
    struct wish wish = {.out_trade_no = out_trade_no, .life_us = LIFE_US, .pay_life_us = LIFE_US};
    struct sb_ali_trade *trade = sb_place_named(call->place, out_trade_no);
    if (trade == NULL) {
        trade = trade_of(call, &wish);
    } else {
        lock_take(&sb_ali_shard(call->place, trade)->lock);
    }
    if (trade == NULL) {
        return;
    }
    if (trade->now->status == SB_ALI_OFFERED) {
        sb_ali_next(call->place, trade)->status = SB_ALI_DEAD;
    }
    lock_give(&sb_ali_shard(call->place, trade)->lock);
    sb_ali_begin(call);
    sb_ali_member(call, "out_trade_no", out_trade_no);
    sb_ali_member(call, "retry_flag", "N");
}

void sb_ali_cancel(struct sb_ali_call *call) {
    bool none = false;
    const char *out_trade_no = sb_ali_text(call, "out_trade_no");
    struct sb_ali_trade *trade = find(call, &none);
    if (trade == NULL) {
        if (none && number_ok(out_trade_no)) {
            cancel_ahead(call, out_trade_no);
        } else if (none) {
            sb_ali_fail(call, "ACQ.INVALID_PARAMETER");
        }
        return;
    }
    const char *action = "close";
    bool finished = trade->now->status == SB_ALI_FINISHED;
    if (trade->now->status == SB_ALI_WAIT) {
        sb_ali_end(call->sandbox, trade);
    } else if (trade->now->status == SB_ALI_SUCCESS) {
        action = "refund";
        sb_ali_give_back(call->sandbox, trade, NULL,
                         trade->amount_minor - trade->now->refunded_minor);
    }
    if (finished) {
        sb_ali_fail(call, "ACQ.TRADE_CANCEL_TIME_OUT");
    } else {
        sb_ali_begin(call);
        add_names(call, trade);
        sb_ali_member(call, "retry_flag", "N");
        sb_ali_member(call, "action", action);
    }
    lock_give(&sb_ali_shard(call->place, trade)->lock);
}

/* ---- refunds ---- */

static const struct sb_ali_payback *payback_of(const struct sb_ali_trade *trade,
                                               const char *number) {
    const struct sb_ali_payback *payback = trade->paybacks;
    while (payback != NULL && (payback->number == NULL || strcmp(payback->number, number) != 0)) {
        payback = payback->next;
    }
    return payback;
}

static void add_refund(struct sb_ali_call *call, const struct sb_ali_trade *trade, bool moved) {
    sb_ali_begin(call);
    add_names(call, trade);
    sb_ali_member(call, "buyer_logon_id", "buy***@sandbox.example");
    sb_ali_member(call, "fund_change", moved ? "Y" : "N");
    sb_ali_amount(call, "refund_fee", trade->now->refunded_minor);
    sb_ali_time(call, "gmt_refund_pay", trade->now->refunded_us);
}

/* The lock is held. */
static void refund(struct sb_ali_call *call, struct sb_ali_trade *trade, const char *number,
                   int64_t amount_minor) {
    const struct sb_ali_payback *before = payback_of(trade, number);
    int64_t left_minor = trade->amount_minor - trade->now->refunded_minor;
    if (before != NULL && before->amount_minor == amount_minor) {
        add_refund(call, trade, false);
    } else if (before != NULL) {
        sb_ali_fail(call, "ACQ.DISCORDANT_REPEAT_REQUEST");
    } else if (trade->now->status == SB_ALI_FINISHED) {
        sb_ali_fail(call, "ACQ.TRADE_HAS_FINISHED");
    } else if (trade->now->paid_us == 0) {
        sb_ali_fail(call, "ACQ.TRADE_STATUS_ERROR");
    } else if (amount_minor > left_minor) {
        sb_ali_fail(call,
                    left_minor == 0 ? "ACQ.TRADE_HAS_CLOSE" : "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL");
    } else if (call->verdict->decline != NULL) {
        const char *code = call->verdict->decline;
        sb_ali_fail(call, code[0] != '\0' ? code : "ACQ.SELLER_BALANCE_NOT_ENOUGH");
    } else {
        sb_ali_give_back(call->sandbox, trade, number, amount_minor);
        add_refund(call, trade, true);
    }
}

void sb_ali_refund(struct sb_ali_call *call) {
    int64_t amount_minor = 0;
    const char *number = sb_ali_text(call, "out_request_no");
    bool good = amount_read(call, "refund_amount", &amount_minor) &&
                (number[0] == '\0' || number_ok(number));
    if (!good) {
        sb_ali_fail(call, "ACQ.INVALID_PARAMETER");
        return;
    }
    struct sb_ali_trade *trade = find(call, NULL);
    if (trade == NULL) {
        return;
    }
    if (number[0] == '\0' && amount_minor != trade->amount_minor) {
        sb_ali_fail(call, "ACQ.INVALID_PARAMETER"); /* a part needs a number */
    } else {
        refund(call, trade, number[0] != '\0' ? number : trade->out_trade_no, amount_minor);
    }
    lock_give(&sb_ali_shard(call->place, trade)->lock);
}

void sb_ali_refund_query(struct sb_ali_call *call) {
    const char *number = sb_ali_text(call, "out_request_no");
    if (number[0] == '\0') {
        sb_ali_fail(call, "ACQ.INVALID_PARAMETER");
        return;
    }
    struct sb_ali_trade *trade = find(call, NULL);
    if (trade == NULL) {
        return;
    }
    const struct sb_ali_payback *payback = payback_of(trade, number);
    sb_ali_begin(call);
    if (payback != NULL) {
        add_names(call, trade);
        sb_ali_member(call, "out_request_no", number);
        sb_ali_amount(call, "total_amount", trade->amount_minor);
        sb_ali_amount(call, "refund_amount", payback->amount_minor);
        sb_ali_member(call, "refund_status", "REFUND_SUCCESS");
    }
    lock_give(&sb_ali_shard(call->place, trade)->lock);
}
