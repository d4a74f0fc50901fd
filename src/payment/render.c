/* SPDX-License-Identifier: Apache-2.0
 * render.c: rows as JSON. Written straight into a buffer: the payment's text is made once or twice
 * for every charge. Tokens are never shown. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/common_codes.h"
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
    if (payment->state == PAYMENT_REQUIRES_ACTION && strcmp(payment->action, "pay_later") == 0) {
        return chinese ? "订单已为您保留,您可以通过付款链接完成支付。"
                       : "Your order is held for you. You can pay it by its payment link.";
    }
    if (payment->state == PAYMENT_PROCESSING && payment->queued_until_us > 0) {
        return chinese ? "您的订单已接受,支付机构恢复后即自动扣款,请勿重复支付。"
                       : "Your order is accepted. Its payment will be taken as soon as the payment "
                         "provider can be reached; please do not pay again.";
    }
    if (payment->state == PAYMENT_CANCELED && strcmp(payment->failure_code, "expired") == 0) {
        return chinese ? "付款时间已过,订单不再保留,没有扣款。"
                       : "The time to pay is over and the order is not held any more. No money was "
                         "taken.";
    }
    if (payment->state == PAYMENT_REQUIRES_ACTION &&
        strcmp(payment->action, action_name(ACTION_TRANSFER)) == 0) {
        return chinese ? "请按所示账户和付款编号转账;款项到账后,此订单会自动更新。"
                       : "Please transfer the amount with the reference that is shown. This order "
                         "is updated when the money has come.";
    }
    if (payment->state == PAYMENT_SUCCEEDED && payment->refunded_minor >= payment->captured_minor &&
        payment->captured_minor > 0) {
        return chinese ? "您的付款已全额退款。" : "Your payment was refunded in full.";
    }
    if (payment->state == PAYMENT_SUCCEEDED && payment->refunded_minor > 0) {
        return chinese ? "您的付款已成功,其中一部分已退款。"
                       : "Your payment was successful; a part of it was refunded.";
    }
    if (payment->state == PAYMENT_FAILED && payment->failure_code[0] != '\0') {
        const struct common_code *code = common_code_find(payment->failure_code);
        return chinese ? code->failed_chinese : code->failed_english;
    }
    for (size_t i = 0; i < COUNT_OF(sentences); i++) {
        if (sentences[i].state == payment->state) {
            return chinese ? sentences[i].chinese : sentences[i].english;
        }
    }
    return "";
}

/* A form and a transfer come with members of their own; everything else is a URL or plain data. */
static void put_action(struct buf *buf, const struct payment_row *payment) {
    const char *type = payment->action;
    bool url = strcmp(type, "redirect") == 0 || strcmp(type, "choose_method") == 0 ||
               strcmp(type, "pay_later") == 0;
    bool object = strcmp(type, action_name(ACTION_FORM)) == 0 ||
                  strcmp(type, action_name(ACTION_TRANSFER)) == 0;
    key(buf, "action");
    if (type[0] == '\0') {
        buf_add_text(buf, "null");
        return;
    }
    buf_add_char(buf, '{');
    put_text(buf, "type", type);
    put_text_or_null(buf, "url", url ? payment->action_data : "");
    if (object) {
        put_raw(buf, type, payment->action_data);
    } else if (!url) {
        put_text(buf, "data", payment->action_data);
    }
    put_time(buf, "expires_at", payment->action_expires_us);
    buf_add_char(buf, '}');
}

void render_failure(struct buf *buf, const struct payment_row *payment) {
    key(buf, "failure");
    if (payment->failure_code[0] == '\0') {
        buf_add_text(buf, "null");
        return;
    }
    const struct common_code *code = common_code_find(payment->failure_code);
    buf_add_char(buf, '{');
    put_text(buf, "code", payment->failure_code);
    put_text(buf, "message", payment->failure_message);
    put_text(buf, "message_zh", code->chinese);
    put_text(buf, "next", advice_next(code->advice));
    put_time(buf, "retry_after", payment->failure_again_us);
    buf_add_char(buf, '}');
}

void render_next(struct buf *buf, const struct payment_row *payment) {
    bool failed = payment->failure_code[0] != '\0';
    put_text_or_null(buf, "next",
                     failed ? advice_next(common_code_find(payment->failure_code)->advice) : "");
    put_time(buf, "retry_after", failed ? payment->failure_again_us : 0);
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
    put_int(buf, "amount_disputed", payment->disputed_minor);
    put_text_or_null(buf, "gateway", payment->gateway);
    put_int(buf, "attempts", payment->attempts);
    if (payment->queued_until_us > 0) {
        put_bool(buf, "queued", true);
    }
    put_action(buf, payment);
    render_failure(buf, payment);
    put_text(buf, "message", render_sentence(payment, "en"));
    put_text_or_null(buf, "review", payment->review);
    put_bool(buf, "was_unknown", payment->was_unknown);
    key(buf, "customer");
    buf_add_char(buf, '{');
    put_text_or_null(buf, "id", payment->customer_id);
    put_text_or_null(buf, "region", payment->customer_region);
    put_bool(buf, "vip", payment->customer_vip);
    put_text_or_null(buf, "segment", payment->customer_segment);
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

/* What may be done about a refund that failed; "" for any other. */
static const char *refund_advice(const struct operation_row *operation) {
    static const struct {
        const char *code, *advice;
    } advices[] = {
        {"disputed", "The payment is disputed: the bank has the money already. Answer the dispute; "
                     "do not refund beside it."},
        {"balance_insufficient", "The gateway's account has too little money: put some in, then "
                                 "retry."},
        {"already_refunded", "The gateway has given this money back before: check the payment "
                             "first."},
        {"refund_too_late", "It is too old to be refunded there: give it as store credit, or by "
                            "bank transfer."},
    };
    if (operation->state != OPERATION_FAILED) {
        return "";
    }
    for (size_t i = 0; i < COUNT_OF(advices); i++) {
        if (strcmp(operation->common_code, advices[i].code) == 0) {
            return advices[i].advice;
        }
    }
    return operation->retry_of != NULL && operation->retry_of[0] != '\0'
               ? "It failed again: give it as store credit, or by bank transfer, which a person "
                 "does."
               : "Retry it; one that fails again is given as store credit or by bank transfer.";
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
    if (operation->kind == OPERATION_REFUND) {
        put_text_or_null(buf, "advice", refund_advice(operation));
    }
    put_text_or_null(buf, "source", operation->source);
    put_bool(buf, "was_unknown", operation->was_unknown);
    put_int(buf, "tries", operation->tries);
    put_time(buf, "created_at", operation->created_us);
    put_time(buf, "updated_at", operation->updated_us);
    buf_add_char(buf, '}');
}

void render_operation_row(struct buf *buf, const struct sql_rows *row, void *ctx) {
    struct operation_row operation;
    operation_row_read(row, ctx, &operation);
    render_operation(buf, &operation);
}

void render_member(struct buf *buf, const char *key_name, const char *value) {
    buf_addf(buf, "\"%s\":", key_name);
    if (value[0] == '\0') {
        buf_add_text(buf, "null");
    } else {
        buf_add_json(buf, value);
    }
    buf_add_char(buf, ',');
}

int page_rows(int limit) {
    return limit > 0 && limit <= PAGE_MAX ? limit : PAGE_ROWS;
}

int answer_take(struct answer *ret_answer, int status, struct buf *buf, struct err *err) {
    if (!buf_ok(buf)) {
        return err_set(err, ERR_INTERNAL, "the answer is larger than %zu bytes", buf->max);
    }
    free(ret_answer->json);
    *ret_answer = (struct answer){.status = status, .json = buf_take(buf)};
    return 0;
}

int render_rows(struct buf *buf, struct sql_rows *rows, render_row_fn *render, void *ctx,
                struct err *err) {
    int count = 0, r;
    buf_add_char(buf, '[');
    while ((r = sql_next(rows, err)) > 0) {
        buf_add_text(buf, count++ > 0 ? "," : "");
        render(buf, rows, ctx);
    }
    buf_add_char(buf, ']');
    return r < 0 ? r : count;
}

int answer_rows(struct answer *ret_answer, struct sql_rows *rows, render_row_fn *render, void *ctx,
                struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":");
    int r = render_rows(&buf, rows, render, ctx, err);
    buf_add_char(&buf, '}');
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

void answer_release(struct answer *answer) {
    free(answer->json);
    free(answer->kept_json);
    *answer = (struct answer){0};
}
