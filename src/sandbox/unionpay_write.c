/* SPDX-License-Identifier: Apache-2.0
 * unionpay_write.c: answers and notifies of the simulated UnionPay. */
#include <inttypes.h>

#include "base/clock.h"
#include "sandbox/unionpay.h"

void sb_up_sign(struct sandbox *sandbox, struct unionpay_message *message, bool by_key,
                bool wrongly) {
    const struct sb_up_identity *identity = sb_identity(sandbox, SB_UNIONPAY);
    const char *text = wrongly ? "the key of somebody else"
                               : sb_setting(sandbox, SB_UNIONPAY, SB_UP_SECURE_KEY);
    struct secret *key = by_key ? secret_new(text, strlen(text)) : NULL;
    const struct unionpay_signer signer = {
        .key = wrongly ? identity->merchant->key : identity->signer->key,
        .cert_id = identity->signer->serial_decimal,
        .cert_pem = identity->signer->cert_pem,
        .secure_key = key,
    };
    struct err err;
    int rc = unionpay_sign(message, &signer, &err);
    INVARIANT(rc == 0, "the sandbox's own key signs");
    secret_free(key);
}

static void echo(const struct unionpay_message *asked, struct unionpay_message *message) {
    static const char *const names[] = {"txnType", "txnSubType", "bizType", "accessType",
                                        "merId",   "orderId",    "txnTime", "reqReserved"};
    unionpay_set(message, "version", UNIONPAY_VERSION);
    unionpay_set(message, "encoding", "UTF-8");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        unionpay_set(message, names[i], unionpay_get(asked, names[i]));
    }
}

/* "成功[0000000]", "失败[5100033]": UnionPay's own have brackets as well. */
static void set_code(struct unionpay_message *message, const char *prefix, const char *code) {
    char name[32], text[64];
    bool good = strcmp(code, "00") == 0 || strcmp(code, "A6") == 0;
    snprintf(name, sizeof(name), "%sRespCode", prefix);
    unionpay_set(message, prefix[0] != '\0' ? name : "respCode", code);
    snprintf(name, sizeof(name), "%sRespMsg", prefix);
    snprintf(text, sizeof(text), "%s[%s%s]", good ? "\u6210\u529f" : "\u5931\u8d25",
             good ? "00000" : "51000", code);
    unionpay_set(message, prefix[0] != '\0' ? name : "respMsg", text);
}

void sb_up_answer(struct sb_up_call *call, const char *code) {
    bool query = strcmp(unionpay_get(&call->asked, "txnType"), "00") == 0;
    echo(&call->asked, &call->answer);
    set_code(&call->answer, "", code);
    sb_up_sign(call->sandbox, &call->answer, call->by_key, call->verdict->wrong_signature);
    BUF_AUTO text;
    buf_init(&text, SB_REPLY_BYTES_MAX);
    buf_add_text(&text, query ? "{" : "");
    unionpay_message_raw(&call->answer, &text);
    buf_add_text(&text, query ? "}" : "");
    call->reply->status = 200;
    http_reply_body(call->reply, "text/html;charset=UTF-8", text.data, text.len);
}

static void set_amount(struct unionpay_message *message, const char *name, int64_t amount_minor) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, amount_minor);
    unionpay_set(message, name, text);
}

static void describe(struct sandbox *sandbox, const struct sb_up_trade *trade,
                     const struct sb_up_now *now, int64_t more_minor,
                     struct unionpay_message *message) {
    char time[UNIONPAY_TIME_MAX], day[5], trace[16];
    struct sb_place *place = sandbox->places[SB_UNIONPAY];
    struct sb_id id = sb_id_of(place, SB_UNIONPAY_TRADE, trade->number);
    unionpay_time(now->ended_us != 0 ? now->ended_us : trade->created_us, time);
    snprintf(day, sizeof(day), "%.4s", time + 4);
    snprintf(trace, sizeof(trace), "%06" PRIu32, trade->number % 1000000);
    unionpay_set(message, "queryId", id.text);
    unionpay_set(message, "currencyCode", "156");
    unionpay_set(message, "settleCurrencyCode", "156");
    set_amount(message, "txnAmt", trade->amount_minor + more_minor);
    set_amount(message, "settleAmt", trade->amount_minor + more_minor);
    unionpay_set(message, "settleDate", day);
    unionpay_set(message, "traceNo", trace);
    unionpay_set(message, "traceTime", time + 4);
    unionpay_set(message, "reqReserved", trade->reserved);
    if (trade->of != NULL) {
        id = sb_id_of(place, SB_UNIONPAY_TRADE, trade->of->number);
        unionpay_set(message, "origQryId", id.text);
    } else {
        unionpay_set(message, "accNo", "621626******0018");
        unionpay_set(message, "payCardType", "01");
    }
}

void sb_up_describe(struct sandbox *sandbox, const struct sb_up_trade *trade,
                    const struct sb_up_now *now, struct unionpay_message *message) {
    describe(sandbox, trade, now, 0, message);
    set_code(message, "orig", now->code);
}

void sb_up_event_write(struct sandbox *sandbox, const struct sb_delivery *delivery,
                       struct buf *out) {
    const struct sb_up_trade *trade = delivery->event->object;
    const struct sb_up_now *now = delivery->event->now;
    char txn_type[12];
    UNIONPAY_MESSAGE_AUTO message = {0};
    snprintf(txn_type, sizeof(txn_type), "%02d", trade->operation);
    unionpay_set(&message, "version", UNIONPAY_VERSION);
    unionpay_set(&message, "encoding", "UTF-8");
    unionpay_set(&message, "txnType", txn_type);
    unionpay_set(&message, "txnSubType", trade->sub_type);
    unionpay_set(&message, "bizType", "000201");
    unionpay_set(&message, "accessType", "0");
    unionpay_set(&message, "merId", sb_setting(sandbox, SB_UNIONPAY, SB_UP_MERCHANT_ID));
    unionpay_set(&message, "orderId", trade->order_id);
    unionpay_set(&message, "txnTime", trade->txn_time);
    describe(sandbox, trade, now, delivery->amount_minor, &message);
    set_code(&message, "", now->code);
    sb_up_sign(sandbox, &message, trade->by_key, delivery->forgery == SB_FORGED);
    unionpay_message_form(&message, out);
}
