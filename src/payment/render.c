/* SPDX-License-Identifier: Apache-2.0
 * render.c: rows as JSON. Written straight into a buffer: the payment's text is made once or twice
 * for every charge. Tokens are never shown. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "payment/internal.h"

static void key(struct buf *buf, const char *name) {
    if (buf->len > 0 && buf->data[buf->len - 1] != '{') {
        buf_add_char(buf, ',');
    }
    buf_add_char(buf, '"');
    buf_add_text(buf, name);
    buf_add_text(buf, "\":");
}

static void put_text(struct buf *buf, const char *name, const char *text) {
    key(buf, name);
    buf_add_json(buf, text != NULL ? text : "");
}

static void put_text_or_null(struct buf *buf, const char *name, const char *text) {
    key(buf, name);
    if (text == NULL || text[0] == '\0') {
        buf_add_text(buf, "null");
    } else {
        buf_add_json(buf, text);
    }
}

static void put_int(struct buf *buf, const char *name, int64_t value) {
    key(buf, name);
    buf_add_int(buf, value);
}

static void put_bool(struct buf *buf, const char *name, bool value) {
    key(buf, name);
    buf_add_text(buf, value ? "true" : "false");
}

static void put_time(struct buf *buf, const char *name, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    put_text_or_null(buf, name, wall_us > 0 ? clock_format(wall_us, text) : "");
}

/* JSON that we stored ourselves, taken over as it is. */
static void put_raw(struct buf *buf, const char *name, const char *json) {
    key(buf, name);
    buf_add_text(buf, json != NULL && json[0] != '\0' ? json : "{}");
}

/* What a customer is told in each state. Plain words, nothing guessed. */
static const struct {
    enum payment_state state;
    const char *english, *chinese;
} sentences[] = {
    {PAYMENT_CREATED, "We have received your payment request.", "我们已收到您的付款请求。"},
    {PAYMENT_PROCESSING,
     "Your payment is being processed. Please do not pay again: we are asking the payment provider "
     "and will update this order.",
     "您的付款正在处理中,请勿重复支付。我们正在向支付机构核实,结果会更新到此订单。"},
    {PAYMENT_REQUIRES_ACTION, "Your payment needs one more step from you.",
     "您的付款还需要您完成一步操作。"},
    {PAYMENT_AUTHORIZED, "Your payment is reserved and will be taken when the order ships.",
     "您的付款已预授权,发货时扣款。"},
    {PAYMENT_SUCCEEDED, "Your payment was successful.", "您的付款已成功。"},
    {PAYMENT_FAILED, "Your payment did not go through. No money was taken.",
     "您的付款未成功,没有扣款。"},
    {PAYMENT_CANCELED, "This payment was cancelled. No money was taken.",
     "此付款已取消,没有扣款。"},
};

const char *render_sentence(const struct payment_row *payment, const char *language) {
    bool chinese = strncmp(language, "zh", 2) == 0;
    if (payment_took_late(payment) && payment->state != PAYMENT_SUCCEEDED) {
        return chinese
                   ? "此付款的款项后来被扣取或冻结,我们正在核实,请勿重复支付。"
                   : "Money was taken or reserved for this payment after all. Please do not pay "
                     "again: we are looking into it.";
    }
    if (payment->state == PAYMENT_REQUIRES_ACTION &&
        strcmp(payment->action, "choose_method") == 0) {
        return chinese
                   ? "此支付方式暂时不可用,没有扣款,请选择其他支付方式。"
                   : "This way to pay is unavailable just now. No money was taken; please choose "
                     "another one.";
    }
    if (payment->state == PAYMENT_SUCCEEDED && payment->refunded_minor >= payment->captured_minor &&
        payment->captured_minor > 0) {
        return chinese ? "您的付款已全额退款。" : "Your payment was refunded in full.";
    }
    if (payment->state == PAYMENT_SUCCEEDED && payment->refunded_minor > 0) {
        return chinese ? "您的付款已成功,其中一部分已退款。"
                       : "Your payment was successful; a part of it was refunded.";
    }
    for (size_t i = 0; i < COUNT_OF(sentences); i++) {
        if (sentences[i].state == payment->state) {
            return chinese ? sentences[i].chinese : sentences[i].english;
        }
    }
    return "";
}

void render_payment(struct buf *buf, const struct payment_row *payment) {
    char decimal[MONEY_TEXT_MAX];
    buf_add_char(buf, '{');
    put_text(buf, "id", payment->id.text);
    put_text(buf, "object", "payment");
    put_text(buf, "order_id", payment->order_id);
    put_text(buf, "state", payment_state_name(payment->state));
    put_int(buf, "amount", payment->amount_minor);
    put_text(buf, "currency", payment->currency.code);
    put_text(buf, "amount_decimal",
             money_decimal(payment->amount_minor, payment->currency, decimal));
    put_text(buf, "method", method_name(payment->method));
    put_text(buf, "purpose", purpose_name(payment->purpose));
    put_text(buf, "capture", payment->capture_later ? "manual" : "automatic");
    put_int(buf, "amount_authorized", payment->authorized_minor);
    put_int(buf, "amount_captured", payment->captured_minor);
    put_int(buf, "amount_refunded", payment->refunded_minor);
    put_int(buf, "amount_refund_pending", payment->refund_reserved_minor - payment->refunded_minor);
    put_text_or_null(buf, "gateway", payment->gateway);
    put_int(buf, "attempts", payment->attempts);
    key(buf, "action");
    if (payment->action[0] == '\0') {
        buf_add_text(buf, "null");
    } else {
        buf_add_char(buf, '{');
        put_text(buf, "type", payment->action);
        put_text_or_null(buf, "url", payment->action_url);
        buf_add_char(buf, '}');
    }
    key(buf, "failure");
    if (payment->failure_code[0] == '\0') {
        buf_add_text(buf, "null");
    } else {
        buf_add_char(buf, '{');
        put_text(buf, "code", payment->failure_code);
        put_text(buf, "message", payment->failure_message);
        buf_add_char(buf, '}');
    }
    put_text(buf, "message", render_sentence(payment, "en"));
    put_text_or_null(buf, "review", payment->review);
    put_bool(buf, "was_unknown", payment->was_unknown);
    key(buf, "customer");
    buf_add_char(buf, '{');
    put_text_or_null(buf, "id", payment->customer_id);
    put_text_or_null(buf, "region", payment->customer_region);
    put_bool(buf, "vip", payment->customer_vip);
    buf_add_char(buf, '}');
    put_text_or_null(buf, "description", payment->description);
    put_raw(buf, "metadata", payment->metadata);
    put_int(buf, "version", payment->version);
    put_time(buf, "created_at", payment->created_us);
    put_time(buf, "updated_at", payment->updated_us);
    buf_add_char(buf, '}');
}

void render_attempt(struct buf *buf, const struct attempt_row *attempt) {
    buf_add_char(buf, '{');
    put_text(buf, "id", attempt->id.text);
    put_int(buf, "number", attempt->number);
    put_text(buf, "gateway", attempt->gateway);
    put_text(buf, "state", attempt_state_name(attempt->state));
    put_text(buf, "outcome", gateway_outcome_name(attempt->outcome));
    put_text_or_null(buf, "source", attempt->source);
    put_int(buf, "amount", attempt->amount_minor);
    put_text(buf, "currency", attempt->currency.code);
    put_text_or_null(buf, "gateway_id", attempt->gateway_id);
    put_text_or_null(buf, "charge_id", attempt->charge_id);
    put_text_or_null(buf, "code", attempt->code);
    put_text_or_null(buf, "common_code", attempt->common_code);
    put_text_or_null(buf, "message", attempt->message);
    put_text_or_null(buf, "gateway_request_id", attempt->trace);
    put_int(buf, "http_status", attempt->http_status);
    put_text(buf, "reach",
             attempt->reach == HTTP_NOT_SENT     ? "not_sent"
             : attempt->reach == HTTP_MAYBE_SENT ? "maybe_sent"
             : attempt->reach == HTTP_ANSWERED   ? "answered"
                                                 : "none");
    put_int(buf, "duration_ms", attempt->duration_us / US_PER_MS);
    put_bool(buf, "was_unknown", attempt->was_unknown);
    put_raw(buf, "decision", attempt->decision);
    put_time(buf, "created_at", attempt->created_us);
    put_time(buf, "settled_at", attempt->settled_us);
    put_time(buf, "callback_at", attempt->callback_us);
    buf_add_char(buf, '}');
}

void render_operation(struct buf *buf, const struct operation_row *operation) {
    buf_add_char(buf, '{');
    put_text(buf, "id", operation->id.text);
    put_text(buf, "object", operation_kind_name(operation->kind));
    put_text(buf, "payment_id", operation->payment_id.text);
    put_text(buf, "state", operation_state_name(operation->state));
    put_int(buf, "amount", operation->amount_minor);
    put_text(buf, "currency", operation->currency.code);
    put_text_or_null(buf, "gateway", operation->gateway);
    if (operation->kind == OPERATION_REFUND) {
        put_bool(buf, "to_original_method", operation->to_original);
    }
    put_text_or_null(buf, "reason", operation->reason);
    put_text_or_null(buf, "gateway_id", operation->refund_id);
    put_text_or_null(buf, "code", operation->code);
    put_text_or_null(buf, "common_code", operation->common_code);
    put_text_or_null(buf, "message", operation->message);
    put_text_or_null(buf, "source", operation->source);
    put_bool(buf, "was_unknown", operation->was_unknown);
    put_int(buf, "tries", operation->tries);
    put_time(buf, "created_at", operation->created_us);
    put_time(buf, "updated_at", operation->updated_us);
    buf_add_char(buf, '}');
}

int answer_take(struct answer *ret_answer, int status, struct buf *buf, struct err *err) {
    if (!buf_ok(buf)) {
        return err_set(err, ERR_INTERNAL, "the answer is larger than %zu bytes", buf->max);
    }
    free(ret_answer->json);
    *ret_answer = (struct answer){.status = status, .json = buf_take(buf)};
    return 0;
}

int answer_rows(struct answer *ret_answer, struct sql_rows *rows, render_row_fn *render,
                struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    const char *comma = "";
    int r;
    while ((r = sql_next(rows, err)) > 0) {
        buf_add_text(&buf, comma);
        comma = ",";
        render(&buf, rows);
    }
    buf_add_text(&buf, "]}");
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

void answer_release(struct answer *answer) {
    free(answer->json);
    free(answer->kept_json);
    *answer = (struct answer){0};
}
