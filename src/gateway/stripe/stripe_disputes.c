/* SPDX-License-Identifier: Apache-2.0
 * stripe_disputes.c: disputes at Stripe: where one stands, evidence, giving one up.
 *
 * Evidence is a set of named texts in one call with submit=true, which Stripe takes once for each
 * stage: an answer without a text is never sent. Files would have to be uploaded to another host of
 * theirs first: they are not sent, and the adapter's capabilities say so (`dispute_files`). */
#include "gateway/stripe/stripe.h"

#include "base/buf.h"
#include "base/clock.h"

enum {
    FORM_BYTES_MAX = 1024 * 1024,
    URL_BYTES_MAX = GATEWAY_URL_CHARS_MAX + 1024,
    FIELD_CHARS_MAX = 64,
    KEY_CHARS_MAX = EXCHANGE_REFERENCE_CHARS_MAX + 16,
};

/* Their documentation, "The dispute object". For an inquiry no money has moved. */
static const struct {
    const char *status;
    enum gateway_dispute_status stands;
    bool inquiry, money_out;
} statuses[] = {
    {"needs_response", GW_DISPUTE_ASKS, false, true},
    {"under_review", GW_DISPUTE_REVIEWS, false, true},
    {"won", GW_DISPUTE_WON, false, false},
    {"lost", GW_DISPUTE_LOST, false, true},
    {"warning_needs_response", GW_DISPUTE_ASKS, true, false},
    {"warning_under_review", GW_DISPUTE_REVIEWS, true, false},
    {"warning_closed", GW_DISPUTE_WITHDRAWN, true, false},
    {"prevented", GW_DISPUTE_WITHDRAWN, true, false},
    {"appeal_needs_response", GW_DISPUTE_ASKS, false, true},
    {"appeal_under_review", GW_DISPUTE_REVIEWS, false, true},
};

static const struct {
    const char *theirs, *common;
} reasons[] = {
    {"fraudulent", "fraudulent"},
    {"unrecognized", "unrecognized"},
    {"product_not_received", "not_received"},
    {"product_unacceptable", "not_as_described"},
    {"duplicate", "duplicate"},
    {"credit_not_processed", "credit_not_processed"},
    {"subscription_canceled", "subscription_canceled"},
    {"debit_not_authorized", "fraudulent"},
    {"incorrect_account_details", "processing_error"},
    {"bank_cannot_process", "processing_error"},
};

/* Our kinds of evidence as Stripe's text fields. What has no row goes into uncategorized_text. */
static const struct {
    const char *kind, *field;
} fields[] = {
    {"customer_communication", "uncategorized_text"},
    {"customer_name", "customer_name"},
    {"customer_email", "customer_email_address"},
    {"product_description", "product_description"},
    {"shipping_carrier", "shipping_carrier"},
    {"shipping_tracking_number", "shipping_tracking_number"},
    {"shipping_date", "shipping_date"},
    {"shipping_address", "shipping_address"},
    {"service_date", "service_date"},
    {"refund_policy", "refund_policy_disclosure"},
    {"refund_refusal", "refund_refusal_explanation"},
    {"duplicate_explanation", "duplicate_charge_explanation"},
    {"access_log", "access_activity_log"},
};

/* ---- reading ---- */

/* What Stripe kept for it is stated with each movement; only in the dispute's own currency is it a
 * figure of this payment. */
static int64_t read_fee(const json_t *dispute, struct currency currency) {
    const json_t *movements = json_peek(dispute, "balance_transactions", NULL);
    int64_t sum_minor = -1;
    for (size_t i = 0; i < json_array_size(movements); i++) {
        const json_t *movement = json_array_get(movements, i);
        struct currency settled = {0};
        int64_t fee_minor = stripe_read_amount(movement, "fee", &settled);
        if (fee_minor >= 0 && currency_equal(settled, currency)) {
            sum_minor = (sum_minor < 0 ? 0 : sum_minor) + fee_minor;
        }
    }
    return sum_minor;
}

static void read_dispute(const json_t *json, struct gateway_dispute *dispute) {
    const char *status = json_peek_text(json, "status", NULL);
    const char *reason = json_peek_text(json, "reason", NULL);
    for (size_t i = 0; status != NULL && i < COUNT_OF(statuses); i++) {
        if (strcmp(statuses[i].status, status) == 0) {
            dispute->status = statuses[i].stands;
            dispute->inquiry = statuses[i].inquiry;
            dispute->money_out = statuses[i].money_out;
        }
    }
    for (size_t i = 0; reason != NULL && i < COUNT_OF(reasons); i++) {
        if (strcmp(reasons[i].theirs, reason) == 0) {
            dispute->common_reason = reasons[i].common;
        }
    }
    exchange_copy_text(dispute->reason, sizeof(dispute->reason), reason);
    exchange_copy_id(dispute->dispute_id, sizeof(dispute->dispute_id),
                     json_peek_text(json, "id", NULL));
    exchange_copy_id(dispute->charge_id, sizeof(dispute->charge_id),
                     stripe_id_of(json_peek(json, "charge", NULL)));
    exchange_copy_id(dispute->gateway_id, sizeof(dispute->gateway_id),
                     stripe_id_of(json_peek(json, "payment_intent", NULL)));
    dispute->amount_minor = stripe_read_amount(json, "amount", &dispute->currency);
    dispute->fee_minor = read_fee(json, dispute->currency);
    int64_t due_s = json_peek_int(json, 0, "evidence_details", "due_by", NULL);
    dispute->due_us = due_s > 0 && due_s < INT64_MAX / US_PER_SECOND ? due_s * US_PER_SECOND : 0;
}

static void dispute_path(struct buf *path, const char *id, const char *verb) {
    buf_add_text(path, "/v1/disputes/");
    buf_add_urlencoded(path, id);
    buf_add_text(path, verb);
}

void stripe_query_dispute(const struct gateway_call *call, const char *dispute_id,
                          struct gateway_dispute *ret_dispute, struct gateway_result *ret_result) {
    BUF_AUTO path;
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    buf_init(&path, URL_BYTES_MAX);
    gateway_dispute_init(ret_dispute);
    gateway_result_init(ret_result);
    dispute_path(&path, dispute_id, "");
    if (!stripe_send(call, path.data, NULL, NULL, false, ret_result, &answer, &json)) {
        return;
    }
    if (answer.status < 200 || answer.status >= 300) {
        stripe_read_missing(answer.status, json, OP_QUERY, ret_result);
        return;
    }
    read_dispute(json, ret_dispute);
    if (strcmp(ret_dispute->dispute_id, dispute_id) != 0 ||
        ret_dispute->status == GW_DISPUTE_NONE) {
        exchange_common_code(ret_result, "gateway_garbled");
        exchange_no_answer(ret_result);
        return;
    }
    ret_result->outcome = GW_NONE;
}

/* ---- answering ---- */

static const char *field_of(const char *kind) {
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (strcmp(fields[i].kind, kind) == 0) {
            return fields[i].field;
        }
    }
    return "uncategorized_text";
}

/* Texts of several pieces that go into one field follow each other there. */
static void add_field(struct buf *form, const char *field,
                      const struct gateway_dispute_answer *answer) {
    BUF_AUTO text;
    char key[FIELD_CHARS_MAX];
    buf_init(&text, FORM_BYTES_MAX);
    for (int i = 0; i < answer->evidence_count; i++) {
        const struct gateway_evidence *one = &answer->evidence[i];
        if (one->text[0] != '\0' && strcmp(field_of(one->kind), field) == 0) {
            buf_add_text(&text, text.len > 0 ? "\n\n" : "");
            buf_add_text(&text, one->text);
        }
    }
    if (text.len > 0) {
        snprintf(key, sizeof(key), "evidence[%s]", field);
        stripe_form_add(form, key, text.data);
    }
}

/* False: there is not a single text, and "submit" alone would use up the one answer that Stripe
 * takes. */
static bool write_evidence(struct buf *form, const struct gateway_dispute_answer *answer) {
    const char *last = "";
    stripe_form_add(form, "submit", "true");
    size_t empty = form->len;
    add_field(form, "uncategorized_text", answer);
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (strcmp(fields[i].field, "uncategorized_text") != 0 &&
            strcmp(fields[i].field, last) != 0) {
            add_field(form, fields[i].field, answer);
            last = fields[i].field;
        }
    }
    return form->len > empty;
}

void stripe_answer_dispute(const struct gateway_call *call,
                           const struct gateway_dispute_answer *answer,
                           struct gateway_result *ret_result) {
    BUF_AUTO path;
    BUF_AUTO form;
    HTTP_ANSWER_AUTO http = {0};
    JSON_AUTO json = NULL;
    char key[KEY_CHARS_MAX];
    buf_init(&path, URL_BYTES_MAX);
    buf_init(&form, FORM_BYTES_MAX);
    gateway_result_init(ret_result);
    if (!exchange_reference_ok(answer->reference)) {
        exchange_refuse(ret_result, "invalid_request", "the reference cannot be a key at Stripe");
        return;
    }
    snprintf(key, sizeof(key), "%s", answer->reference);
    dispute_path(&path, answer->dispute_id, answer->accept ? "/close" : "");
    if (!answer->accept && !write_evidence(&form, answer)) {
        exchange_refuse(ret_result, "invalid_request",
                        "there is no text that Stripe could be sent");
        return;
    }
    if (!stripe_send(call, path.data, &form, key, true, ret_result, &http, &json)) {
        return;
    }
    if (http.status >= 200 && http.status < 300) {
        struct gateway_dispute said;
        gateway_dispute_init(&said);
        read_dispute(json, &said);
        bool well = strcmp(said.dispute_id, answer->dispute_id) == 0;
        ret_result->outcome = well ? GW_NONE : GW_UNKNOWN;
        return;
    }
    stripe_read_error(http.status, json, OP_REFUND, ret_result);
}
