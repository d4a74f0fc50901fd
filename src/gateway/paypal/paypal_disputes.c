/* SPDX-License-Identifier: Apache-2.0
 * paypal_disputes.c: disputes at PayPal (Customer Disputes v1): where one stands, evidence, giving
 * one up.
 *
 * While a dispute is an inquiry the two sides talk and no money has moved; from the claim on the
 * amount is held back until it is resolved. Evidence is one multipart/form-data request: a part
 * "input" with the JSON, and the files. Its boundary is made from our reference, so that a repeat
 * is the same request byte for byte. */
#include "gateway/paypal/paypal.h"

#include <glib.h>
#include <stdlib.h>

#include "base/clock.h"

enum { BODY_BYTES_MAX = 4 * 1024 * 1024, NOTES_CHARS_MAX = 2000, BOUNDARY_CHARS_MAX = 100 };

static const struct {
    const char *status;
    enum gateway_dispute_status stands;
} statuses[] = {
    {"OPEN", GW_DISPUTE_REVIEWS},
    {"WAITING_FOR_BUYER_RESPONSE", GW_DISPUTE_REVIEWS},
    {"WAITING_FOR_SELLER_RESPONSE", GW_DISPUTE_ASKS},
    {"UNDER_REVIEW", GW_DISPUTE_REVIEWS},
    {"OTHER", GW_DISPUTE_REVIEWS},
};

/* What a resolved one came to. With a payout PayPal itself paid the buyer: the seller keeps it. */
static const struct {
    const char *outcome;
    enum gateway_dispute_status stands;
} outcomes[] = {
    {"RESOLVED_BUYER_FAVOUR", GW_DISPUTE_LOST},
    {"ACCEPTED", GW_DISPUTE_LOST},
    {"RESOLVED_SELLER_FAVOUR", GW_DISPUTE_WON},
    {"RESOLVED_WITH_PAYOUT", GW_DISPUTE_WON},
    {"DENIED", GW_DISPUTE_WON},
    {"CANCELED_BY_BUYER", GW_DISPUTE_WITHDRAWN},
};

static const struct {
    const char *theirs, *common;
} reasons[] = {
    {"MERCHANDISE_OR_SERVICE_NOT_RECEIVED", "not_received"},
    {"MERCHANDISE_OR_SERVICE_NOT_AS_DESCRIBED", "not_as_described"},
    {"UNAUTHORISED", "fraudulent"},
    {"CREDIT_NOT_PROCESSED", "credit_not_processed"},
    {"DUPLICATE_TRANSACTION", "duplicate"},
    {"INCORRECT_AMOUNT", "incorrect_amount"},
    {"PAYMENT_BY_OTHER_MEANS", "duplicate"},
    {"CANCELED_RECURRING_BILLING", "subscription_canceled"},
    {"PROBLEM_WITH_REMITTANCE", "processing_error"},
};

static bool same(const char *a, const char *b) {
    return a != NULL && strcmp(a, b) == 0;
}

/* ---- reading ---- */

static void read_status(const json_t *json, struct gateway_dispute *dispute) {
    const char *status = json_peek_text(json, "status", NULL);
    const char *outcome = json_peek_text(json, "dispute_outcome", "outcome_code", NULL);
    dispute->inquiry = same(json_peek_text(json, "dispute_life_cycle_stage", NULL), "INQUIRY");
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (same(status, statuses[i].status)) {
            dispute->status = statuses[i].stands;
            dispute->money_out = !dispute->inquiry;
        }
    }
    for (size_t i = 0; same(status, "RESOLVED") && i < COUNT_OF(outcomes); i++) {
        if (same(outcome, outcomes[i].outcome)) {
            dispute->status = outcomes[i].stands;
            dispute->money_out = outcomes[i].stands == GW_DISPUTE_LOST;
        }
    }
}

static void read_dispute(const json_t *json, struct gateway_dispute *dispute) {
    const json_t *transaction = json_array_get(json_peek(json, "disputed_transactions", NULL), 0);
    const char *reason = json_peek_text(json, "reason", NULL);
    const char *due = json_peek_text(json, "seller_response_due_date", NULL);
    read_status(json, dispute);
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (same(reason, reasons[i].theirs)) {
            dispute->common_reason = reasons[i].common;
        }
    }
    exchange_copy_text(dispute->reason, sizeof(dispute->reason), reason);
    exchange_copy_id(dispute->dispute_id, sizeof(dispute->dispute_id),
                     json_peek_text(json, "dispute_id", NULL));
    exchange_copy_id(dispute->charge_id, sizeof(dispute->charge_id),
                     json_peek_text(transaction, "seller_transaction_id", NULL));
    exchange_copy_id(dispute->reference, sizeof(dispute->reference),
                     json_peek_text(transaction, "custom", NULL));
    dispute->amount_minor = paypal_read_amount(json_peek(json, "dispute_amount", NULL),
                                               &dispute->currency);
    if (due == NULL || !clock_parse(due, &dispute->due_us)) {
        dispute->due_us = 0;
    }
}

void paypal_query_dispute(const struct gateway_call *call, const char *dispute_id,
                          struct gateway_dispute *ret_dispute, struct gateway_result *ret_result) {
    BUF_AUTO path;
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    buf_init(&path, PAYPAL_URL_BYTES_MAX);
    gateway_dispute_init(ret_dispute);
    gateway_result_init(ret_result);
    paypal_path(&path, "/v1/customer/disputes/", dispute_id, "");
    if (!paypal_send(call, "GET", path.data, NULL, NULL, false, ret_result, &answer, &json)) {
        return;
    }
    if (!paypal_success(&answer)) {
        paypal_read_missing(answer.status, json, ret_result);
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

static const char *text_of(const struct gateway_dispute_answer *answer, const char *kind) {
    for (int i = 0; i < answer->evidence_count; i++) {
        if (strcmp(answer->evidence[i].kind, kind) == 0 && answer->evidence[i].text[0] != '\0') {
            return answer->evidence[i].text;
        }
    }
    return NULL;
}

/* Everything that is no tracking number is said in the notes, as much as fits there. */
static json_t *notes_of(const struct gateway_dispute_answer *answer) {
    BUF_AUTO notes;
    char cut[NOTES_CHARS_MAX + 1];
    buf_init(&notes, BODY_BYTES_MAX);
    for (int i = 0; i < answer->evidence_count; i++) {
        const struct gateway_evidence *one = &answer->evidence[i];
        if (one->text[0] != '\0') {
            buf_addf(&notes, "%s%s: %s", notes.len > 0 ? "\n" : "", one->kind, one->text);
        }
    }
    snprintf(cut, sizeof(cut), "%s", notes.data);
    const char *end = cut; /* not in the middle of a character */
    (void)g_utf8_validate(cut, -1, &end);
    cut[end - cut] = '\0';
    return json_string(cut);
}

static json_t *evidence_of(const struct gateway_dispute_answer *answer) {
    const char *tracking = text_of(answer, "shipping_tracking_number");
    const char *carrier = text_of(answer, "shipping_carrier");
    json_t *info = json_object();
    if (tracking != NULL) {
        json_t *parcel = json_pack("{s:s, s:s}", "carrier_name", "OTHER", "tracking_number",
                                   tracking);
        json_object_set_new(parcel, "carrier_name_other",
                            json_string(carrier != NULL ? carrier : "OTHER"));
        json_object_set_new(info, "tracking_info", json_pack("[o]", parcel));
    }
    json_t *one = json_pack("{s:s, s:o}", "evidence_type",
                            tracking != NULL ? "PROOF_OF_FULFILLMENT" : "OTHER", "evidence_info",
                            info);
    json_object_set_new(one, "notes", notes_of(answer));
    return json_pack("{s:[o]}", "evidences", one);
}

static void part(struct buf *body, const char *boundary, const char *name, const char *file,
                 const char *type) {
    buf_addf(body, "--%s\r\nContent-Disposition: form-data; name=\"%s\"", boundary, name);
    if (file[0] != '\0') {
        buf_addf(body, "; filename=\"%s\"", file);
    }
    buf_addf(body, "\r\nContent-Type: %s\r\n\r\n", type);
}

static void write_multipart(const struct gateway_dispute_answer *answer, const char *boundary,
                            struct buf *body) {
    json_t *input = evidence_of(answer);
    char *text = json_write(input);
    part(body, boundary, "input", "", "application/json");
    buf_add_text(body, text);
    buf_add_text(body, "\r\n");
    for (int i = 0; i < answer->evidence_count; i++) {
        const struct gateway_evidence *one = &answer->evidence[i];
        char name[16];
        if (one->byte_count == 0) {
            continue;
        }
        snprintf(name, sizeof(name), "file%d", i + 1);
        part(body, boundary, name, one->file_name, one->media_type);
        buf_add(body, one->bytes, one->byte_count);
        buf_add_text(body, "\r\n");
    }
    buf_addf(body, "--%s--\r\n", boundary);
    free(text);
    json_decref(input);
}

static bool send_answer(const struct gateway_call *call,
                        const struct gateway_dispute_answer *answer, struct gateway_result *result,
                        struct http_answer *ret_answer, json_t **ret_json) {
    char boundary[BOUNDARY_CHARS_MAX], type[BOUNDARY_CHARS_MAX + 40];
    BUF_AUTO path;
    BUF_AUTO body;
    buf_init(&path, PAYPAL_URL_BYTES_MAX);
    buf_init(&body, BODY_BYTES_MAX);
    paypal_path(&path, "/v1/customer/disputes/", answer->dispute_id,
                answer->accept ? "/accept-claim" : "/provide-evidence");
    if (answer->accept) {
        JSON_AUTO note = json_pack("{s:s}", "note", "The merchant gives the money back.");
        return paypal_send(call, "POST", path.data, note, answer->reference, true, result,
                           ret_answer, ret_json);
    }
    snprintf(boundary, sizeof(boundary), "evidence-%s", answer->reference);
    snprintf(type, sizeof(type), "multipart/form-data; boundary=%s", boundary);
    write_multipart(answer, boundary, &body);
    if (!buf_ok(&body)) {
        exchange_refuse(result, "invalid_request", "the evidence is too large for PayPal");
        return false;
    }
    const struct paypal_body bytes = {type, body.data, body.len};
    return paypal_send_bytes(call, "POST", path.data, &bytes, answer->reference, true, result,
                             ret_answer, ret_json);
}

void paypal_answer_dispute(const struct gateway_call *call,
                           const struct gateway_dispute_answer *answer,
                           struct gateway_result *ret_result) {
    HTTP_ANSWER_AUTO http = {0};
    JSON_AUTO json = NULL;
    gateway_result_init(ret_result);
    if (!exchange_reference_ok(answer->reference)) {
        exchange_refuse(ret_result, "invalid_request", "the reference cannot be a key at PayPal");
        return;
    }
    if (!send_answer(call, answer, ret_result, &http, &json)) {
        return;
    }
    if (paypal_success(&http)) {
        ret_result->outcome = GW_NONE;
        return;
    }
    paypal_read_error(http.status, json, ret_result);
}
