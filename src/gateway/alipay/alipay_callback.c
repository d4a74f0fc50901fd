/* SPDX-License-Identifier: Apache-2.0
 * alipay_callback.c: Alipay's asynchronous notifies: verified over the decoded form, then put into
 * our words.
 *
 * A notify is sent again for some 25 hours until it is acknowledged, under the same notify_id, and
 * it is not said whether notify_time moves with it. So what is older than 26 hours is stale; within
 * that time a replay has the notify_id of the first and has no effect. The signature covers every
 * value, but not that it is for us: app_id and, when it is configured, seller_id are compared. */
#include "base/plant.h"
#include "gateway/alipay/alipay.h"

#include <inttypes.h>

#define STALE_US (26 * 3600 * US_PER_SECOND)
#define AHEAD_US (600 * US_PER_SECOND)

static int check_signature(const struct gateway_call *call, const struct alipay_form *form,
                           struct err *err) {
    const struct alipay_state *state = call->gateway->state;
    const char *sign = alipay_form_get(form, "sign");
    if (PLANTED(ALIPAY_UNSIGNED)) {
        return 0;
    }
    if (sign[0] == '\0' || strcmp(alipay_form_get(form, "sign_type"), ALIPAY_SIGN_TYPE) != 0) {
        return err_set(err, ERR_SIGNATURE,
                       "the callback bears no " ALIPAY_SIGN_TYPE " signature of Alipay");
    }
    BUF_AUTO text;
    buf_init(&text, ALIPAY_TEXT_BYTES_MAX);
    alipay_signed_text(form->params, form->count, ALIPAY_NOTIFY, &text);
    if (!buf_ok(&text) || !alipay_keys_verify(&state->keys, alipay_form_get(form, "alipay_cert_sn"),
                                              text.data, text.len, sign)) {
        return err_set(err, ERR_SIGNATURE,
                       "the callback's signature does not fit its form and a key of Alipay's");
    }
    return 0;
}

static int check_addressee(const struct gateway_call *call, const struct alipay_form *form,
                           struct err *err) {
    const char *seller_id = gateway_option(call->gateway, "seller_id");
    if (strcmp(alipay_form_get(form, "app_id"), gateway_option(call->gateway, "app_id")) != 0) {
        return err_set(err, ERR_SIGNATURE, "the callback is for another application than ours");
    }
    if (seller_id[0] != '\0' && strcmp(alipay_form_get(form, "seller_id"), seller_id) != 0) {
        return err_set(err, ERR_SIGNATURE, "the callback is for another seller than ours");
    }
    return 0;
}

static int check_time(const struct alipay_form *form, int64_t now_us, struct err *err) {
    int64_t sent_us = 0;
    if (!clock_parse_at(alipay_form_get(form, "notify_time"), BEIJING_MINUTES, &sent_us)) {
        err_set(err, ERR_SIGNATURE, "the callback does not say when it was sent");
        return err_place(err, "notify_time");
    }
    if (sent_us < now_us - STALE_US || sent_us > now_us + AHEAD_US) {
        int64_t apart_s = (sent_us < now_us ? now_us - sent_us : sent_us - now_us) / US_PER_SECOND;
        err_set(err, ERR_SIGNATURE, "the callback was sent %" PRId64 " s %s", apart_s,
                sent_us < now_us ? "ago" : "ahead of our clock");
        return err_hint(err, "Alipay repeats a callback for 25 hours and not longer; if all are "
                             "refused, check this machine's clock.");
    }
    return 0;
}

/* The first of these times that the form says. */
static int64_t time_of(const struct alipay_form *form, const char *const *names) {
    int64_t wall_us = 0;
    for (; *names != NULL; names++) {
        char text[CLOCK_TEXT_MAX];
        /* gmt_refund comes with thousandths: they are cut. */
        snprintf(text, sizeof(text), "%.19s", alipay_form_get(form, *names));
        if (clock_parse_at(text, BEIJING_MINUTES, &wall_us)) {
            return wall_us;
        }
    }
    return 0;
}

static int64_t amount_of(const struct alipay_form *form, const char *name) {
    const char *text = alipay_form_get(form, name);
    int64_t amount_minor = -1;
    struct err err;
    bool read = text[0] != '\0' &&
                money_parse_decimal(text, currency_stored("CNY"), &amount_minor, &err) == 0;
    return read && amount_minor >= 0 ? amount_minor : -1;
}

/* A refund is told to where the payment's own notifies go. refund_fee is the sum of all of the
 * trade's refunds, so what this one was of is not said. */
static void read_refund(const struct alipay_form *form, struct gateway_event *event) {
    static const char *const times[] = {"gmt_refund", "notify_time", NULL};
    event->subject = CALLBACK_REFUND;
    event->outcome = GW_REFUNDED;
    event->event_us = time_of(form, times);
    exchange_copy_id(event->reference, sizeof(event->reference),
                     alipay_form_get(form, "out_biz_no"));
    exchange_copy_id(event->refund_id, sizeof(event->refund_id),
                     alipay_form_get(form, "out_biz_no"));
    exchange_copy_id(event->payment_reference, sizeof(event->payment_reference),
                     alipay_form_get(form, "out_trade_no"));
}

static void read_trade(const struct alipay_form *form, struct gateway_event *event) {
    static const char *const paid[] = {"gmt_payment", "notify_time", NULL};
    static const char *const closed[] = {"gmt_close", "notify_time", NULL};
    event->subject = CALLBACK_PAYMENT;
    event->outcome = alipay_trade_outcome(alipay_form_get(form, "trade_status"), GW_ACTION_NEEDED);
    event->event_us = time_of(form, event->outcome == GW_CANCELED ? closed : paid);
    event->amount_minor = amount_of(form, "total_amount");
    if (event->outcome == GW_UNKNOWN) {
        event->outcome = GW_NONE; /* a status that is not known here says nothing */
    }
    exchange_copy_id(event->reference, sizeof(event->reference),
                     alipay_form_get(form, "out_trade_no"));
}

/* Our order, which the merchant encodes once more than the form does. */
static void read_order(const struct alipay_form *form, struct gateway_event *event) {
    const char *passback = alipay_form_get(form, "passback_params");
    struct alipay_form pair = {0};
    BUF_AUTO text;
    struct err err;
    buf_init(&text, ALIPAY_TEXT_BYTES_MAX);
    buf_addf(&text, "order=%s", passback);
    if (strchr(passback, '&') == NULL && alipay_form_read(&pair, text.data, text.len, &err) == 0) {
        exchange_copy_id(event->order_id, sizeof(event->order_id), alipay_form_get(&pair, "order"));
    }
    alipay_form_release(&pair);
}

static int read_event(const struct alipay_form *form, struct gateway_event *event,
                      struct err *err) {
    const char *id = alipay_form_get(form, "notify_id");
    const char *type = alipay_form_get(form, "notify_type");
    if (id[0] == '\0' || type[0] == '\0' || strlen(id) > GATEWAY_ID_CHARS_MAX ||
        strlen(type) > GATEWAY_CODE_CHARS_MAX) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the callback is signed but its notify_id or notify_type is missing or too "
                       "long");
    }
    exchange_copy_id(event->event_id, sizeof(event->event_id), id);
    event->subject = CALLBACK_OTHER;
    event->amount_minor = -1;
    event->currency = currency_stored("CNY");
    exchange_copy_id(event->gateway_id, sizeof(event->gateway_id),
                     alipay_form_get(form, "trade_no"));
    if (strcmp(type, "trade_status_sync") != 0) {
        exchange_copy_id(event->type, sizeof(event->type), type);
        return 0;
    }
    snprintf(event->type, sizeof(event->type), "%s.%.40s", type,
             alipay_form_get(form, "trade_status"));
    read_order(form, event);
    bool refunded = alipay_form_get(form, "out_biz_no")[0] != '\0' &&
                    amount_of(form, "refund_fee") > 0;
    if (refunded) {
        read_refund(form, event);
    } else {
        read_trade(form, event);
    }
    return 0;
}

static int verify(const struct gateway_call *call, const struct alipay_form *form, int64_t now_us,
                  struct gateway_event *event, struct err *err) {
    int rc = check_signature(call, form, err);
    rc = rc == 0 ? check_addressee(call, form, err) : rc;
    rc = rc == 0 ? check_time(form, now_us, err) : rc;
    return rc == 0 ? read_event(form, event, err) : rc;
}

int alipay_verify_callback(const struct gateway_call *call,
                           const struct gateway_callback_request *request,
                           struct gateway_event *ret_event, struct err *err) {
    struct alipay_form form = {0};
    struct gateway_event event = {0};
    int rc = 0;
    if (request->body_bytes > ALIPAY_TEXT_BYTES_MAX ||
        alipay_form_read(&form, request->body, request->body_bytes, err) < 0) {
        rc = err_set(err, ERR_SIGNATURE, "the callback is no form that Alipay could have signed");
    }
    rc = rc == 0 ? verify(call, &form, request->now_us, &event, err) : rc;
    alipay_form_release(&form);
    if (rc == 0) {
        *ret_event = event;
    }
    return rc;
}
