/* SPDX-License-Identifier: Apache-2.0
 * stripe_errors.c: Stripe's error bodies. */
#include <stdarg.h>

#include "sandbox/stripe.h"

enum { MESSAGE_CHARS_MAX = 400 };

static void member(struct buf *out, const char *key, const char *text) {
    if (text != NULL && text[0] != '\0') {
        buf_addf(out, "\"%s\":", key);
        buf_add_json(out, text);
        buf_add_char(out, ',');
    }
}

static void error_write(const struct sb_stripe_error *error, const char *message,
                        const char *intent_json, struct buf *out) {
    buf_add_text(out, "{\"error\":{");
    member(out, "code", error->code);
    if (error->code != NULL) {
        buf_add_text(out, "\"doc_url\":\"https://stripe.com/docs/error-codes/");
        for (const char *c = error->code; *c != '\0'; c++) {
            buf_add_char(out, *c == '_' ? '-' : *c);
        }
        buf_add_text(out, "\",");
    }
    member(out, "message", message);
    member(out, "param", error->param);
    if (intent_json != NULL) {
        buf_add_text(out, "\"payment_intent\":");
        buf_add_text(out, intent_json);
        buf_add_char(out, ',');
    }
    buf_add_text(out, "\"type\":");
    buf_add_json(out, error->type);
    buf_add_text(out, "}}");
}

static void reply_with(struct sb_stripe_call *call, int status, const struct buf *body) {
    call->reply->status = status;
    http_reply_body(call->reply, "application/json", body->data, body->len);
}

void sb_stripe_fail(struct sb_stripe_call *call, const struct sb_stripe_error *error,
                    const char *format, ...) {
    char message[MESSAGE_CHARS_MAX + 1];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    BUF_AUTO body;
    buf_init(&body, SB_BODY_BYTES_MAX);
    error_write(error, message, NULL, &body);
    reply_with(call, error->status, &body);
}

void sb_stripe_refuse(struct sb_stripe_call *call, const struct sb_stripe_error *error,
                      const struct sb_intent *intent, const struct sb_intent_now *now,
                      const char *format, ...) {
    char message[MESSAGE_CHARS_MAX + 1];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    BUF_AUTO body;
    BUF_AUTO intent_json;
    buf_init(&body, SB_BODY_BYTES_MAX);
    buf_init(&intent_json, SB_BODY_BYTES_MAX);
    struct sb_shard *shard = sb_place_shard(call->place, intent != NULL ? intent->number : 0);
    lock_take(&shard->lock);
    if (intent != NULL) {
        sb_intent_write(call->sandbox, intent, now, 0, &intent_json);
    }
    error_write(error, message, intent != NULL ? intent_json.data : NULL, &body);
    struct sb_outcome outcome = {.status = error->status, .shape = SB_SHAPE_TEXT};
    outcome.object = call->key != NULL ? sb_hoard_bytes(&shard->hoard, body.data, body.len)
                                       : body.data;
    lock_give(&shard->lock);
    sb_stripe_answer(call, &outcome);
}

void sb_stripe_missing(struct sb_stripe_call *call, const char *what, const char *param,
                       const char *id) {
    struct sb_stripe_error error = {404, "invalid_request_error", "resource_missing", param};
    sb_stripe_fail(call, &error, "No such %s: '%.80s'", what, id);
}

/* What a status of each kind says when nothing else was asked for. */
static const struct {
    int status;
    const char *type, *code, *message;
} fault_errors[] = {
    {400, "invalid_request_error", "parameter_invalid_string", "The request was refused."},
    {401, "invalid_request_error", NULL, "Invalid API Key provided."},
    {402, "card_error", "card_declined", "Your card was declined."},
    {403, "invalid_request_error", NULL,
     "The provided key does not have the required permissions."},
    {404, "invalid_request_error", "resource_missing", "No such object."},
    {409, "invalid_request_error", "lock_timeout",
     "This object is being worked on by another request."},
    {429, "invalid_request_error", "rate_limit", "Too many requests. Try again later."},
    {500, "api_error", NULL, "An error occurred on our side."},
};

void sb_stripe_fault(struct sb_stripe_call *call, int status, const char *code) {
    size_t row = COUNT_OF(fault_errors) - 1;
    for (size_t i = 0; i < COUNT_OF(fault_errors); i++) {
        if (fault_errors[i].status == status) {
            row = i;
        }
    }
    bool given = code != NULL && code[0] != '\0';
    struct sb_stripe_error error = {status, fault_errors[row].type,
                                    given ? code : fault_errors[row].code, NULL};
    if (given && strcmp(code, "idempotency_error") == 0) {
        error.type = code;
        error.code = NULL;
    }
    sb_stripe_fail(call, &error, "%s", fault_errors[row].message);
    if (status == 429) {
        http_reply_header(call->reply, "Stripe-Rate-Limited-Reason", "global-rate");
    }
}
