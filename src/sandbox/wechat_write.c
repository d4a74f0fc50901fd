/* SPDX-License-Identifier: Apache-2.0
 * wechat_write.c: the simulated WeChat Pay's objects as JSON, and its notifications: sealed, so
 * that the same event is the same bytes at every try, and signed anew each time. */
#include <inttypes.h>

#include "base/clock.h"
#include "gateway/wechatpay/wechat_sign.h"
#include "sandbox/wechat.h"

enum { PLAIN_BYTES_MAX = 8192, SEAL_NONCE_CHARS = 12 };

const char *sb_wechat_time(int64_t wall_us, char text[SB_WECHAT_TIME_MAX]) {
    char there[CLOCK_TEXT_MAX];
    clock_format_at(wall_us, BEIJING_MINUTES, there);
    there[strcspn(there, " ")] = 'T';
    snprintf(text, SB_WECHAT_TIME_MAX, "%s+08:00", there);
    return text;
}

static void add_text(struct buf *out, const char *key, const char *value) {
    buf_addf(out, "\"%s\":", key);
    buf_add_json(out, value != NULL ? value : "");
    buf_add_char(out, ',');
}

void sb_wechat_order_write(struct sandbox *sandbox, const struct sb_wechat_order *order,
                           const struct sb_wechat_now *now, int64_t more_minor, struct buf *out) {
    bool paid = now->paid_us > 0;
    char time[SB_WECHAT_TIME_MAX];
    buf_addf(out, "{\"appid\":\"%s\",\"mchid\":\"%s\",",
             sb_setting(sandbox, SB_WECHAT, SB_WECHAT_APPID),
             sb_setting(sandbox, SB_WECHAT, SB_WECHAT_MCHID));
    add_text(out, "out_trade_no", order->out_trade_no);
    if (paid) {
        buf_addf(out, "\"transaction_id\":\"%s\",\"bank_type\":\"OTHERS\",\"success_time\":\"%s\",",
                 sb_wechat_transaction_id(sandbox, now->transaction).text,
                 sb_wechat_time(now->paid_us, time));
        buf_add_text(out, "\"payer\":{\"openid\":");
        buf_add_json(out, order->openid != NULL ? order->openid : "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o");
        buf_add_text(out, "},\"promotion_detail\":[],");
    }
    add_text(out, "attach", order->attach);
    buf_addf(out, "\"trade_type\":\"%s\",\"trade_state\":\"%s\",\"trade_state_desc\":\"%s\"",
             sb_wechat_trade_names[order->trade], sb_wechat_state_names[now->state],
             sb_wechat_state_names[now->state]);
    int64_t total_minor = order->total_minor + more_minor;
    buf_addf(out,
             ",\"amount\":{\"total\":%" PRId64 ",\"payer_total\":%" PRId64
             ",\"currency\":\"CNY\",\"payer_currency\":\"CNY\"}}",
             total_minor, total_minor);
}

void sb_wechat_refund_write(struct sandbox *sandbox, const struct sb_wechat_refund *refund,
                            const struct sb_wechat_refund_now *now, struct buf *out) {
    char time[SB_WECHAT_TIME_MAX];
    const struct sb_wechat_order *order = refund->order;
    buf_addf(out, "{\"refund_id\":\"%s\",",
             sb_id_of(sandbox->places[SB_WECHAT], SB_WECHAT_REFUND, refund->number).text);
    add_text(out, "out_refund_no", refund->out_refund_no);
    add_text(out, "out_trade_no", order->out_trade_no);
    buf_addf(out,
             "\"transaction_id\":\"%s\",\"channel\":\"ORIGINAL\",\"user_received_account\":"
             "\"支付用户零钱\",\"funds_account\":\"AVAILABLE\",\"create_time\":\"%s\",",
             sb_wechat_transaction_id(sandbox, refund->transaction).text,
             sb_wechat_time(refund->created_us, time));
    if (now->state == SB_WECHAT_REFUND_SUCCESS) {
        buf_addf(out, "\"success_time\":\"%s\",", sb_wechat_time(now->ended_us, time));
    }
    buf_addf(out,
             "\"status\":\"%s\",\"promotion_detail\":[],\"amount\":{\"total\":%" PRId64
             ",\"refund\":%" PRId64 ",\"from\":[],\"payer_total\":%" PRId64
             ",\"payer_refund\":%" PRId64 ",\"settlement_refund\":%" PRId64
             ",\"settlement_total\":%" PRId64 ",\"discount_refund\":0,\"currency\":\"CNY\"}}",
             sb_wechat_refund_names[now->state], order->total_minor, refund->amount_minor,
             order->total_minor, refund->amount_minor, refund->amount_minor, order->total_minor);
}

/* What is inside a notification of a refund; other names than in an answer. */
static void refund_plain(struct sandbox *sandbox, const struct sb_wechat_refund *refund,
                         const struct sb_wechat_refund_now *now, int64_t more_minor,
                         struct buf *out) {
    char time[SB_WECHAT_TIME_MAX];
    const struct sb_wechat_order *order = refund->order;
    buf_addf(out, "{\"mchid\":\"%s\",", sb_setting(sandbox, SB_WECHAT, SB_WECHAT_MCHID));
    add_text(out, "out_trade_no", order->out_trade_no);
    add_text(out, "out_refund_no", refund->out_refund_no);
    buf_addf(out, "\"transaction_id\":\"%s\",\"refund_id\":\"%s\",\"refund_status\":\"%s\",",
             sb_wechat_transaction_id(sandbox, refund->transaction).text,
             sb_id_of(sandbox->places[SB_WECHAT], SB_WECHAT_REFUND, refund->number).text,
             sb_wechat_refund_names[now->state]);
    if (now->state == SB_WECHAT_REFUND_SUCCESS) {
        buf_addf(out, "\"success_time\":\"%s\",", sb_wechat_time(now->ended_us, time));
    }
    int64_t amount_minor = refund->amount_minor + more_minor;
    buf_addf(out,
             "\"user_received_account\":\"支付用户零钱\",\"amount\":{\"total\":%" PRId64
             ",\"refund\":%" PRId64 ",\"payer_total\":%" PRId64 ",\"payer_refund\":%" PRId64 "}}",
             order->total_minor, amount_minor, order->total_minor, amount_minor);
}

static void complaint_plain(struct sandbox *sandbox, const struct sb_wechat_complaint *complaint,
                            const struct sb_wechat_complaint_now *now, struct buf *out) {
    buf_addf(out, "{\"complaint_id\":\"%s\",\"action_type\":\"%s\",",
             sb_id_of(sandbox->places[SB_WECHAT], SB_WECHAT_COMPLAINT, complaint->number).text,
             now->processed ? "MERCHANT_CONFIRM_COMPLETE" : "CREATE_COMPLAINT");
    buf_add_text(out, "\"out_trade_no\":");
    buf_add_json(out, complaint->order->out_trade_no);
    buf_add_char(out, '}');
}

static const char *plain_write(struct sandbox *sandbox, const struct sb_delivery *delivery,
                               struct buf *plain) {
    const struct sb_event *event = delivery->event;
    switch ((enum sb_event_type)event->type) {
    case SB_EV_WECHAT_PAID:
        sb_wechat_order_write(sandbox, event->object, event->now, delivery->amount_minor, plain);
        return "transaction";
    case SB_EV_WECHAT_REFUNDED:
    case SB_EV_WECHAT_REFUND_ABNORMAL:
    case SB_EV_WECHAT_REFUND_CLOSED:
        refund_plain(sandbox, event->object, event->now, delivery->amount_minor, plain);
        return "refund";
    default:
        complaint_plain(sandbox, event->object, event->now, plain);
        return "complaint";
    }
}

void sb_wechat_event_write(struct sandbox *sandbox, const struct sb_delivery *delivery,
                           struct buf *out) {
    const struct sb_event *event = delivery->event;
    char time[SB_WECHAT_TIME_MAX], nonce[SEAL_NONCE_CHARS + 5];
    BUF_AUTO plain;
    buf_init(&plain, PLAIN_BYTES_MAX);
    const char *original = plain_write(sandbox, delivery, &plain);
    struct sb_id id = sb_id_of(sandbox->places[SB_WECHAT], SB_WECHAT_EVENT, event->number);
    /* One nonce a plain text: a callback whose amount is falsified is another text. */
    snprintf(nonce, sizeof(nonce), "%016" PRIx64, sb_digest(event->number, plain.data, plain.len));
    nonce[SEAL_NONCE_CHARS] = '\0';
    char *sealed = wechat_seal(sb_setting(sandbox, SB_WECHAT, SB_WECHAT_API_V3_KEY), nonce,
                               original, plain.data, plain.len);
    buf_addf(out,
             "{\"id\":\"%s\",\"create_time\":\"%s\",\"resource_type\":\"encrypt-resource\","
             "\"event_type\":\"%s\",\"summary\":\"%s\",\"resource\":{\"original_type\":\"%s\","
             "\"algorithm\":\"" WECHAT_ALGORITHM "\",\"ciphertext\":\"%s\",\"associated_data\":"
             "\"%s\",\"nonce\":\"%s\"}}",
             id.text, sb_wechat_time(event->created_us, time),
             sb_event_name((enum sb_event_type)event->type), original, original, sealed, original,
             nonce);
    free(sealed);
}

int sb_wechat_sign(struct sandbox *sandbox, const struct sb_delivery *delivery,
                   const struct buf *body, struct sb_signed_headers *ret_headers, struct err *err) {
    const struct sb_wechat_identity *identity = sb_identity(sandbox, SB_WECHAT);
    const char *serial = NULL;
    const struct sb_pair *pair = sb_wechat_signer(sandbox, NULL, &serial);
    char nonce[WECHAT_NONCE_CHARS + 1], timestamp[24];
    char *signature = NULL;
    BUF_AUTO text;
    buf_init(&text, SB_BODY_BYTES_MAX + 1024);
    wechat_nonce(nonce);
    snprintf(timestamp, sizeof(timestamp), "%lld",
             (long long)(delivery->signed_us / US_PER_SECOND));
    if (!wechat_signed_answer(timestamp, nonce, body->data, body->len, &text)) {
        return err_set(err, ERR_TOO_LARGE, "the notification is too large");
    }
    int rc = rsa_sign_sha256(delivery->forgery == SB_FORGED ? identity->merchant->key : pair->key,
                             text.data, text.len, &signature, err);
    if (rc < 0) {
        return rc;
    }
    int written = snprintf(ret_headers->room, sizeof(ret_headers->room), "%s%c%s%c%s%c%s",
                           timestamp, 0, nonce, 0, signature, 0, serial);
    free(signature);
    INVARIANT(written > 0 && (size_t)written < sizeof(ret_headers->room), "the headers fit");
    static const char *const names[] = {"Wechatpay-Timestamp", "Wechatpay-Nonce",
                                        "Wechatpay-Signature", "Wechatpay-Serial"};
    const char *at = ret_headers->room;
    for (int i = 0; i < 4; i++) {
        ret_headers->headers[i] = (struct http_header){names[i], at};
        at += strlen(at) + 1;
    }
    ret_headers->headers[4] = (struct http_header){"Wechatpay-Signature-Type", WECHAT_SCHEME};
    ret_headers->headers[5] = (struct http_header){"Content-Type", "application/json"};
    ret_headers->headers[6] = (struct http_header){"User-Agent", "Mozilla/4.0 (Holdfast sandbox)"};
    ret_headers->count = 7;
    return 0;
}
