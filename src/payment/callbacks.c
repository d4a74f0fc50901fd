/* SPDX-License-Identifier: Apache-2.0
 * callbacks.c: what gateways tell us of their own accord (CB-1 to CB-5).
 *
 * 1. Verified by the gateway's own scheme; a forged or stale one is refused and counted, never
 * stored.
 * 2. Stored with its raw body and its job in one transaction, then acknowledged; the same event
 * again only counts as a duplicate (I3, I5).
 * 3. Processed by the job: amount, currency and order are compared with ours at once; one that
 * agrees with what we know is noted; one that would change something is a hint: the gateway is
 * asked, and its answer is what moves the payment.
 * 4. A processing failure is retried with backoff, then parked with a case, and can be replayed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "ledger/ledger.h"
#include "meter/meter.h"
#include "payment/internal.h"
#include "store/audit.h"

enum callback_state {
    CALLBACK_STORED = 1,  /* acknowledged, its job waits */
    CALLBACK_APPLIED = 2, /* it agreed, or it moved something */
    CALLBACK_IGNORED = 3, /* genuine and nothing to do with us */
    CALLBACK_FAILED = 4,  /* its last try failed, another will come */
    CALLBACK_PARKED = 5,  /* a person must look */
};
#define OVERTAKEN_US (500 * US_PER_MS)
static const char *const state_names[] = {"?", "stored", "applied", "ignored", "failed", "parked"};

/* ---- receiving ---- */

struct receive {
    struct callback_id id;
    const char *gateway;
    const struct gateway_event *event;
    const char *headers, *body, *encoding, *event_json;
    int64_t now_us;
    bool duplicate;
};

static char *event_json(const struct gateway_event *event) {
    json_t *json = json_pack(
        "{s:s,s:s,s:I,s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:s,s:i,s:I,s:s}", "event_id",
        event->event_id, "type", event->type, "event_us", (json_int_t)event->event_us, "subject",
        (int)event->subject, "reference", event->reference, "gateway_id", event->gateway_id,
        "charge_id", event->charge_id, "refund_id", event->refund_id, "dispute_id",
        event->dispute_id, "dispute_status", event->dispute_status, "dispute_reason",
        event->dispute_reason, "dispute_due_us", (json_int_t)event->dispute_due_us, "order_id",
        event->order_id, "outcome", (int)event->outcome, "amount_minor",
        (json_int_t)event->amount_minor, "currency", event->currency.code);
    if (json == NULL) {
        return NULL; /* a text in it is not UTF-8 */
    }
    char *text = json_write(json);
    json_decref(json);
    return text;
}

static void copy(char *to, size_t bytes, const char *from) {
    snprintf(to, bytes, "%s", from != NULL ? from : "");
}
#define COPY(field, name)                                                                          \
    copy(ret_event->field, sizeof ret_event->field, json_peek_text(json, name, NULL))

static int event_read(const char *text, struct gateway_event *ret_event, struct err *err) {
    JSON_AUTO json = NULL;
    int r = json_read(text, strlen(text), JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX, &json, err);
    if (r < 0) {
        return err_set(err, ERR_STORE_CORRUPT, "a stored callback cannot be read");
    }
    *ret_event = (struct gateway_event){0};
    COPY(event_id, "event_id");
    COPY(type, "type");
    COPY(reference, "reference");
    COPY(gateway_id, "gateway_id");
    COPY(charge_id, "charge_id");
    COPY(refund_id, "refund_id");
    COPY(dispute_id, "dispute_id");
    COPY(dispute_status, "dispute_status");
    COPY(dispute_reason, "dispute_reason");
    COPY(order_id, "order_id");
    ret_event->event_us = json_peek_int(json, 0, "event_us", NULL);
    ret_event->subject = (enum callback_subject)json_peek_int(json, CALLBACK_OTHER, "subject",
                                                              NULL);
    ret_event->dispute_due_us = json_peek_int(json, 0, "dispute_due_us", NULL);
    ret_event->outcome = (enum gateway_outcome)json_peek_int(json, GW_NONE, "outcome", NULL);
    ret_event->amount_minor = json_peek_int(json, -1, "amount_minor", NULL);
    ret_event->currency = currency_stored(json_peek_text(json, "currency", NULL));
    return 0;
}

static int receive_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct receive *receive = ctx;
    int64_t inserted = sql_exec(
        tx, err,
        "INSERT INTO callback (id, gateway, event_id, type, subject, state, headers, body, "
        "encoding, event, "
        "payment_id, result, tries, duplicates, event_us, received_us, processed_us) VALUES ($1, "
        "$2, $3, $4, "
        "$5, $6, $7, $8, $9, $10, '', '', 0, 0, $11, $12, 0) ON CONFLICT (gateway, event_id) DO "
        "NOTHING",
        S_TEXT(receive->id.text), S_TEXT(receive->gateway), S_TEXT(receive->event->event_id),
        S_TEXT(receive->event->type), S_INT(receive->event->subject), S_INT(CALLBACK_STORED),
        S_TEXT(receive->headers), S_TEXT(receive->body), S_TEXT(receive->encoding),
        S_TEXT(receive->event_json), S_INT(receive->event->event_us), S_INT(receive->now_us));
    if (inserted < 0) {
        return (int)inserted;
    }
    receive->duplicate = inserted == 0;
    if (receive->duplicate) {
        return sql_put(
            tx, err,
            "UPDATE callback SET duplicates = duplicates + 1 WHERE gateway = $1 AND event_id = $2",
            S_TEXT(receive->gateway), S_TEXT(receive->event->event_id));
    }
    return job_put(tx, JOB_CALLBACK, receive->id.text, receive->now_us, "", err);
}

/* The headers that belong to the signature, for the record; none of them is a secret. */
static char *headers_json(const struct http_request *request) {
    json_t *json = json_object();
    for (int i = 0; i < request->header_count; i++) {
        const char *name = request->headers[i].name;
        if (strcasecmp(name, "Stripe-Signature") == 0 || strncasecmp(name, "PayPal-", 7) == 0 ||
            strcasecmp(name, "Correlation-Id") == 0 || strcasecmp(name, "Content-Type") == 0) {
            json_object_set_new(json, name, json_string(request->headers[i].value));
        }
    }
    char *text = json_write(json);
    json_decref(json);
    return text;
}

static void reply_ack(struct http_reply *reply, const struct gateway_ack *ack) {
    reply->status = ack->status;
    http_reply_body(reply, ack->content_type, ack->body, strlen(ack->body));
}

static int store_callback(struct payments *payments, struct receive *receive,
                          const struct http_request *request, struct err *err) {
    bool text = g_utf8_validate_len(request->body, request->body_bytes, NULL) &&
                memchr(request->body, '\0', request->body_bytes) == NULL;
    char *encoded = text ? NULL : crypto_base64(request->body, request->body_bytes);
    char *headers = headers_json(request);
    char *event = event_json(receive->event);
    receive->headers = headers;
    receive->body = text ? request->body : encoded;
    receive->encoding = text ? "" : "base64";
    receive->event_json = event;
    int r = event != NULL
                ? store_write(payments->options.store, receive_tx, receive, err)
                : err_set(err, ERR_BAD_REQUEST, "the callback holds text that is not UTF-8");
    free(encoded);
    free(headers);
    free(event);
    return r;
}

/* One refusal for whatever was wrong with it: a forger learns nothing from it. The reason is for the
 * log. */
static int refuse_callback(const struct gateway *gateway, const struct http_request *request,
                           const struct err *why, struct err *err) {
    meter_count(METER_CALLBACKS, gateway->name, "refused");
    log_error(CALLBACK_REFUSED, why, LT("gateway", gateway->name), LT("peer", request->peer),
              LT("request", request->id));
    err_set(err, ERR_SIGNATURE, "the callback is not one that this gateway signed");
    return err_hint(err, "If it is genuine, compare the webhook's secret or id here with the "
                         "gateway's; the log has the reason under this request id.");
}

int callback_receive(struct payments *payments, const char *gateway_name,
                     const struct http_request *request, struct http_reply *ret_reply,
                     struct err *err) {
    struct err why = {0};
    struct gateway *gateway = gateway_find(payments->options.registry, gateway_name);
    if (gateway == NULL) {
        return err_set(err, ERR_NOT_FOUND, "no gateway of that name is configured");
    }
    struct gateway_callback_request raw = {
        .headers = request->headers,
        .header_count = request->header_count,
        .body = request->body,
        .body_bytes = request->body_bytes,
        .now_us = clock_wall_us(),
    };
    struct gateway_call call = {
        .gateway = gateway,
        .client = payments->options.client,
        .deadline_us = clock_mono_us() + 10 * US_PER_SECOND,
    };
    struct gateway_event event = {0};
    int r = gateway->adapter->verify_callback(&call, &raw, &event, &why);
    if (r < 0 && err_http_status(why.code) < 500) {
        return refuse_callback(gateway, request, &why, err);
    }
    if (r < 0) {
        /* It could not be checked now (the gateway's certificate cannot be fetched): not refused,
         * and not acknowledged, so that it is sent again. Why stands in the log only. */
        log_error(GATEWAY_FAILED, &why, LT("gateway", gateway->name), LT("request", request->id));
        return err_set(err, ERR_UNREACHABLE, "the callback cannot be checked now");
    }
    struct receive receive = {
        .id = callback_id_new(), .gateway = gateway->name, .event = &event, .now_us = raw.now_us};
    r = store_callback(payments, &receive, request, &why);
    if (r == -ERR_BAD_REQUEST) {
        return refuse_callback(gateway, request, &why, err);
    }
    if (r < 0) {
        *err = why; /* not stored, so not acknowledged: the gateway will send it again */
        return r;
    }
    meter_count(METER_CALLBACKS, gateway->name, receive.duplicate ? "duplicate" : "stored");
    if (!receive.duplicate) {
        if (event.event_us > 0 && event.event_us <= raw.now_us) {
            meter_time(METER_CALLBACK_DELAY_SECONDS, raw.now_us - event.event_us, gateway->name);
        }
        jobs_wake(payments);
    }
    reply_ack(ret_reply, &gateway->adapter->ack);
    return 0;
}

/* ---- processing ---- */

struct process {
    struct payments *payments;
    struct arena *arena;
    const char *callback_id;
    char gateway[GATEWAY_NAME_CHARS_MAX + 1];
    struct gateway_event event;
    enum callback_state state;
    int64_t received_us;
    bool attempt_found, operation_found;
    bool released; /* the refund is a hold that was let go */
    struct attempt_row attempt;
    struct operation_row operation;
    struct payment_row payment;
    const char *result; /* what became of it, in words */
};

static int find_operation(struct process *process, struct store_tx *tx, struct err *err) {
    int r = -ERR_NOT_FOUND;
    if (strncmp(process->event.reference, "re_", 3) == 0) {
        r = operation_row_load(tx, process->arena, process->event.reference, false,
                               &process->operation, err);
    }
    if (r == -ERR_NOT_FOUND && process->event.refund_id[0] != '\0') {
        r = operation_row_by_refund_id(tx, process->arena, process->gateway,
                                       process->event.refund_id, &process->operation, err);
    }
    process->operation_found = r == 0;
    return r == -ERR_NOT_FOUND ? 0 : r;
}

static int find_attempt(struct process *process, struct store_tx *tx, struct err *err) {
    const struct gateway_event *event = &process->event;
    int r = -ERR_NOT_FOUND;
    if (process->operation_found) {
        r = attempt_row_load(tx, process->arena, process->operation.attempt_id.text,
                             &process->attempt, err);
    } else if (strncmp(event->reference, "att_", 4) == 0) {
        r = attempt_row_load(tx, process->arena, event->reference, &process->attempt, err);
    }
    if (r == -ERR_NOT_FOUND && (event->gateway_id[0] != '\0' || event->charge_id[0] != '\0')) {
        r = attempt_row_by_gateway_id(tx, process->arena, process->gateway, event->gateway_id,
                                      event->charge_id, &process->attempt, err);
    }
    process->attempt_found = r == 0 && strcmp(process->attempt.gateway, process->gateway) == 0;
    return r == -ERR_NOT_FOUND ? 0 : r;
}

/* Some events tell only by how much a charge's refunds have grown (Stripe's charge.refunded, beside
 * the refund's own event). One of ours of that amount explains it, and so does the release of what
 * was held and not captured. */
static int find_refund_by_amount(struct process *process, struct store_tx *tx, struct err *err) {
    const struct gateway_event *event = &process->event;
    const struct payment_row *payment = &process->payment;
    if (event->reference[0] != '\0' || event->refund_id[0] != '\0') {
        return 0;
    }
    bool held = process->attempt.state != ATTEMPT_CHARGED;
    int64_t rest = payment->authorized_minor - payment->captured_minor;
    process->released = payment->capture_later &&
                        (held || (rest > 0 && event->amount_minor == rest));
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM operation WHERE payment_id = $1 AND kind = 3 AND "
                      "to_original = 1 AND ($2 < 0 OR amount_minor = $2) ORDER BY state LIMIT 1",
                      S_TEXT(payment->id.text), S_INT(event->amount_minor));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    process->operation_found = true;
    struct refund_id id = refund_id_stored(sql_text(rows, 0));
    return operation_row_load(tx, process->arena, id.text, false, &process->operation, err);
}

static int load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct process *process = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT gateway, state, event, received_us FROM callback WHERE id = $1",
                      S_TEXT(process->callback_id));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r
                     : err_set(err, ERR_NOT_FOUND, "there is no callback %s", process->callback_id);
    }
    copy(process->gateway, sizeof process->gateway, sql_text(rows, 0));
    process->state = (enum callback_state)sql_int(rows, 1);
    process->received_us = sql_int(rows, 3);
    r = event_read(sql_text(rows, 2), &process->event, err);
    if (r < 0) {
        return r;
    }
    r = process->event.subject == CALLBACK_REFUND ? find_operation(process, tx, err) : 0;
    if (r < 0) {
        return r;
    }
    r = find_attempt(process, tx, err);
    if (r < 0 || !process->attempt_found) {
        return r;
    }
    r = payment_row_load(tx, process->arena, process->attempt.payment_id.text, false,
                         &process->payment, err);
    return r < 0 || process->operation_found || process->event.subject != CALLBACK_REFUND
               ? r
               : find_refund_by_amount(process, tx, err);
}

static struct case_note note_of(const struct process *process, const char *kind,
                                const char *detail) {
    return (struct case_note){
        .kind = kind,
        .subject = process->event.gateway_id[0] != '\0' ? process->event.gateway_id
                                                        : process->event.event_id,
        .payment_id = process->attempt_found ? process->payment.id.text : "",
        .attempt_id = process->attempt_found ? process->attempt.id.text : "",
        .gateway = process->gateway,
        .detail = detail,
        .amount_minor = process->event.amount_minor >= 0 ? process->event.amount_minor : 0,
        .currency = process->event.currency,
    };
}

struct note_ctx {
    struct process *process;
    struct case_note note;
    bool suspense; /* money moved that nothing explains: post it */
    int64_t amount_minor;
};

static int note_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct note_ctx *note = ctx;
    int r = case_open(tx, &note->note, err);
    if (r < 0 || !note->suspense) {
        return r;
    }
    struct posting posting = {
        .kind = POST_SUSPENSE,
        .cause = note->note.subject,
        .payment_id = note->note.payment_id,
        .gateway = note->process->gateway,
        .customer = "",
        .amount_minor = note->amount_minor,
        .currency = note->note.currency,
        .at_us = clock_wall_us(),
    };
    return ledger_post(tx, &posting, err);
}

static int open_note(struct process *process, const char *kind, const char *detail, bool suspense,
                     int64_t amount_minor, struct currency currency, struct err *err) {
    struct note_ctx note = {process, note_of(process, kind, detail), suspense, amount_minor};
    if (suspense) {
        note.note.amount_minor = amount_minor;
        note.note.currency = currency;
    }
    log_event(CALLBACK_MISMATCH, LT("kind", kind), LT("callback", process->callback_id),
              LT("payment", note.note.payment_id), LT("detail", detail));
    return store_write(process->payments->options.store, note_tx, &note, err);
}

/* CB-5: what it says against what we asked for. 1: it differs; a case was opened. */
static int compare(struct process *process, struct err *err) {
    const struct gateway_event *event = &process->event;
    const struct attempt_row *attempt = &process->attempt;
    char detail[240];
    bool money = event->amount_minor >= 0 &&
                 (event->outcome == GW_CHARGED || event->outcome == GW_AUTHORIZED);
    int64_t expected = attempt->amount_minor;
    bool partial = process->payment.capture_later && event->amount_minor <= expected;
    if (money && event->amount_minor != expected && !partial) {
        snprintf(detail, sizeof detail, "the callback says %lld, we asked for %lld (minor units)",
                 (long long)event->amount_minor, (long long)expected);
    } else if (event->currency.code[0] != '\0' &&
               !currency_equal(event->currency, attempt->currency)) {
        snprintf(detail, sizeof detail, "the callback says %s, we asked for %s",
                 event->currency.code, attempt->currency.code);
    } else if (event->order_id[0] != '\0' &&
               strcmp(event->order_id, process->payment.order_id) != 0) {
        snprintf(detail, sizeof detail, "the callback names another order than the payment's");
    } else {
        return 0;
    }
    int r = open_note(process, "callback_mismatch", detail, false, 0, event->currency, err);
    return r < 0 ? r : 1;
}

static bool agrees(const struct process *process) {
    switch (process->event.outcome) {
    case GW_CHARGED:
        return process->attempt.state == ATTEMPT_CHARGED;
    case GW_AUTHORIZED:
        return process->attempt.state == ATTEMPT_AUTHORIZED ||
               process->attempt.state == ATTEMPT_CHARGED;
    case GW_DECLINED:
        return process->attempt.state == ATTEMPT_DECLINED ||
               process->attempt.state == ATTEMPT_CHARGED;
    case GW_CANCELED:
        return process->attempt.state == ATTEMPT_CANCELED;
    case GW_ACTION_NEEDED:
        return process->attempt.state == ATTEMPT_ACTION_NEEDED ||
               process->attempt.state == ATTEMPT_CHARGED;
    case GW_NONE:
        return true; /* an event that moves nothing */
    default:
        return false;
    }
}

/* The gateway holds two charges under one reference of ours: ask about the other one, and if it is
 * real the money is in suspense and a person decides. */
static int second_charge(struct process *process, struct err *err) {
    struct gateway *gateway = gateway_find(process->payments->options.registry, process->gateway);
    struct gateway_lookup lookup;
    lookup_of(&process->payment, &process->attempt, &lookup);
    lookup.gateway_id = process->event.gateway_id;
    lookup.charge_id = process->event.charge_id;
    struct gateway_ask ask = {
        .gateway = gateway,
        .operation = OP_QUERY,
        .method = process->payment.method,
        .lookup = &lookup,
        .past_breaker = true,
    };
    struct gateway_result result;
    gateway_ask(process->payments, &ask, &result);
    if (result.outcome == GW_UNKNOWN || gateway_outcome_is_fault(result.outcome)) {
        return err_set(err, ERR_GATEWAY, "%s could not be asked about %s", process->gateway,
                       process->event.gateway_id);
    }
    bool charged = result.outcome == GW_CHARGED;
    if (!charged && result.outcome != GW_AUTHORIZED) {
        process->result = "another object under our reference, not charged";
        return 0;
    }
    char detail[240];
    snprintf(detail, sizeof detail, "%s holds a second %s %s for attempt %s, whose own is %s",
             process->gateway, charged ? "charge" : "authorization", process->event.gateway_id,
             process->attempt.id.text, process->attempt.gateway_id);
    process->result = charged ? "a second charge: case opened"
                              : "a second authorization: case opened";
    int64_t amount = charged && result.captured_minor > 0 ? result.captured_minor
                     : result.amount_minor >= 0           ? result.amount_minor
                                                          : process->attempt.amount_minor;
    bool foreign = result.currency.code[0] != '\0' &&
                   !currency_equal(result.currency, process->attempt.currency);
    /* Another currency cannot be booked on this payment: the case alone tells of it. */
    return open_note(process, charged ? "duplicate_charge" : "duplicate_authorization", detail,
                     charged && !foreign, amount, process->attempt.currency, err);
}

static int process_payment(struct process *process, struct err *err) {
    const struct gateway_event *event = &process->event;
    int differs = compare(process, err);
    if (differs < 0) {
        return differs;
    }
    if (event->gateway_id[0] != '\0' && process->attempt.gateway_id[0] != '\0' &&
        strcmp(event->gateway_id, process->attempt.gateway_id) != 0) {
        process->result = "about another object than the attempt's own";
        return event->outcome == GW_CHARGED || event->outcome == GW_AUTHORIZED
                   ? second_charge(process, err)
                   : 0;
    }
    if (agrees(process) && differs == 0) {
        process->result = "agrees with what we know";
        return 0;
    }
    bool open = false;
    struct gateway_result result;
    int r = resolve_attempt(process->payments, process->attempt.id.text, "callback", &open, &result,
                            err);
    if (r < 0) {
        return r;
    }
    if (result.outcome == GW_UNKNOWN || result.outcome == GW_NOT_FOUND ||
        gateway_outcome_is_fault(result.outcome)) {
        return err_set(err, ERR_GATEWAY, "%s could not be asked about attempt %s (%s)",
                       process->gateway, process->attempt.id.text, result.code);
    }
    process->result = differs == 1 ? "differs from ours: case opened, the gateway was asked"
                                   : "the gateway was asked and its answer applied";
    return 0;
}

static int process_refund(struct process *process, struct err *err) {
    if (!process->operation_found && process->released) {
        process->result = "what was held was released";
        return 0;
    }
    if (!process->operation_found) {
        if (process->event.outcome != GW_REFUNDED) {
            process->result = "a refund that is not ours, not done";
            return 0;
        }
        process->result = "a refund that we did not ask for: case opened";
        return open_note(process, "orphan_refund",
                         "the gateway reports a refund that we did not ask for", false, 0,
                         process->event.currency, err);
    }
    if (process->operation.state == OPERATION_SUCCEEDED && process->event.outcome == GW_REFUNDED &&
        (process->event.amount_minor < 0 ||
         process->event.amount_minor == process->operation.amount_minor)) {
        process->result = "agrees with what we know";
        return 0;
    }
    bool open;
    int r = resolve_operation(process->payments, process->operation.id.text, "callback", &open,
                              err);
    process->result = "the refund was asked about";
    return r;
}

static int process_event(struct process *process, struct err *err) {
    const struct gateway_event *event = &process->event;
    if (event->subject == CALLBACK_DISPUTE) {
        process->result = "a dispute: case opened";
        return open_note(process, "dispute", event->dispute_reason, false, 0, event->currency, err);
    }
    if (event->subject == CALLBACK_REFUND) {
        return process_refund(process, err);
    }
    if (event->subject != CALLBACK_PAYMENT ||
        (!process->attempt_found && event->outcome != GW_CHARGED)) {
        process->result = "nothing of ours";
        process->state = CALLBACK_IGNORED;
        return 0;
    }
    if (!process->attempt_found) {
        process->result = "a charge without a payment of ours: case opened";
        return open_note(process, "orphan_charge",
                         "the gateway reports a charge that no attempt of ours explains", false, 0,
                         event->currency, err);
    }
    return process_payment(process, err);
}

/* Notes on the callback and on its attempt that it came. The payment's row is held first, as
 * everywhere: who settles saves whole rows, and would undo a note made between his look and his
 * save. */
static int done_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct process *process = ctx;
    int r = !process->attempt_found
                ? 0
                : payment_row_load(tx, process->arena, process->attempt.payment_id.text, true,
                                   &process->payment, err);
    if (r < 0) {
        return r;
    }
    r = sql_put(tx, err,
                "UPDATE callback SET state = $2, result = $3, payment_id = $4, tries = tries + 1, "
                "processed_us = $5 WHERE id = $1",
                S_TEXT(process->callback_id), S_INT(process->state), S_TEXT(process->result),
                S_TEXT(process->attempt_found ? process->payment.id.text : ""),
                S_INT(clock_wall_us()));
    bool final = process->event.outcome == GW_CHARGED || process->event.outcome == GW_AUTHORIZED ||
                 process->event.outcome == GW_CANCELED || process->event.outcome == GW_DECLINED;
    if (r < 0 || !process->attempt_found || process->event.subject != CALLBACK_PAYMENT || !final) {
        return r;
    }
    r = sql_put(tx, err,
                "UPDATE attempt SET callback_us = $2, callback_due_us = 0 WHERE id = $1 AND "
                "callback_us = 0",
                S_TEXT(process->attempt.id.text), S_INT(process->received_us));
    if (r < 0 || strcmp(process->payment.review, "callback_missing") != 0) {
        return r;
    }
    return sql_put(tx, err,
                   "UPDATE payment SET review = '' WHERE id = $1 AND review = 'callback_missing'",
                   S_TEXT(process->payment.id.text));
}

static int failed_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct process *process = ctx;
    return sql_put(tx, err,
                   "UPDATE callback SET state = $2, result = $3, tries = tries + 1 WHERE id = $1",
                   S_TEXT(process->callback_id), S_INT(CALLBACK_FAILED), S_TEXT(process->result));
}

/* The callback overtook the answer: the caller of this attempt is still waiting for it. */
static bool overtook(const struct process *process, int64_t now_us) {
    const struct attempt_row *attempt = &process->attempt;
    bool mine = process->attempt_found && strcmp(attempt->owner, process->payments->instance) == 0;
    bool alive = mine || !process->payments->options.alone;
    return process->attempt_found && process->event.subject == CALLBACK_PAYMENT &&
           attempt->state == ATTEMPT_SENDING && attempt->lease_us > now_us && alive;
}

int callback_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct payments *payments = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct process process = {
        .payments = payments, .arena = arena, .callback_id = job->key, .result = "applied"};
    int r = store_read(payments->options.store, load_tx, &process, err);
    if (r < 0) {
        return r == -ERR_NOT_FOUND ? 0 : r;
    }
    if (process.state == CALLBACK_APPLIED || process.state == CALLBACK_IGNORED) {
        return 0;
    }
    int64_t now = clock_wall_us();
    if (overtook(&process, now)) {
        *ret_again_us = now + OVERTAKEN_US;
        return 0;
    }
    process.state = CALLBACK_APPLIED;
    r = process_event(&process, err);
    if (r < 0) {
        struct err ignored = {0};
        process.result = err->detail;
        meter_count(METER_CALLBACKS, process.gateway, "failed");
        int noted = store_write(payments->options.store, failed_tx, &process, &ignored);
        (void)noted; /* the job's own error is what is told */
        return r;
    }
    meter_count(METER_CALLBACKS, process.gateway, "processed");
    return store_write(payments->options.store, done_tx, &process, err);
}

int callback_parked(struct store_tx *tx, void *ctx, const struct job *job, const struct err *why,
                    struct err *err) {
    (void)ctx;
    log_error(CALLBACK_PARKED, why, LT("callback", job->key));
    int r = sql_put(tx, err, "UPDATE callback SET state = $2, result = $3 WHERE id = $1",
                    S_TEXT(job->key), S_INT(CALLBACK_PARKED), S_TEXT(why->detail));
    if (r < 0) {
        return r;
    }
    struct case_note note = {.kind = "callback_parked",
                             .subject = job->key,
                             .detail = why->detail,
                             .payment_id = "",
                             .attempt_id = "",
                             .gateway = "",
                             .again = true};
    return case_open(tx, &note, err);
}

/* ---- looking and replaying ---- */

#define CALLBACK_COLUMNS                                                                           \
    "id, gateway, event_id, type, state, payment_id, result, tries, duplicates, event_us, "        \
    "received_us, processed_us"

static void render_callback(struct buf *buf, const struct sql_rows *rows) {
    static const char *const text_keys[] = {"id", "gateway", "event_id", "type"};
    char time[CLOCK_TEXT_MAX];
    buf_add_char(buf, '{');
    for (int i = 0; i < (int)COUNT_OF(text_keys); i++) {
        buf_addf(buf, "\"%s\":", text_keys[i]);
        buf_add_json(buf, sql_text(rows, i));
        buf_add_char(buf, ',');
    }
    int64_t state = sql_int(rows, 4);
    buf_addf(buf, "\"state\":\"%s\",\"payment_id\":",
             state > 0 && state < (int64_t)COUNT_OF(state_names) ? state_names[state] : "?");
    buf_add_json(buf, sql_text(rows, 5));
    buf_add_text(buf, ",\"result\":");
    buf_add_json(buf, sql_text(rows, 6));
    buf_addf(buf, ",\"tries\":%lld,\"duplicates\":%lld,\"received_at\":\"%s\"",
             (long long)sql_int(rows, 7), (long long)sql_int(rows, 8),
             clock_format(sql_int(rows, 10), time));
    if (sql_int(rows, 9) > 0) {
        buf_addf(buf, ",\"event_at\":\"%s\"", clock_format(sql_int(rows, 9), time));
    }
    if (sql_int(rows, 11) > 0) {
        buf_addf(buf, ",\"processed_at\":\"%s\"", clock_format(sql_int(rows, 11), time));
    }
    buf_add_char(buf, '}');
}

struct list_ctx {
    int64_t state;
    const char *gateway;
    int limit;
    struct answer *answer;
};

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct list_ctx *list = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " CALLBACK_COLUMNS " FROM callback WHERE ($1 = 0 OR state = $1) AND "
                      "($2 = '' OR gateway = $2) ORDER BY id DESC LIMIT $3",
                      S_INT(list->state), S_TEXT(list->gateway), S_INT(list->limit));
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    const char *comma = "";
    while ((r = sql_next(rows, err)) > 0) {
        buf_add_text(&buf, comma);
        comma = ",";
        render_callback(&buf, rows);
    }
    if (r < 0) {
        return r;
    }
    buf_add_text(&buf, "]}");
    return answer_take(list->answer, 200, &buf, err);
}

int callback_list(struct payments *payments, const char *state, const char *gateway, int limit,
                  struct answer *ret_answer, struct err *err) {
    struct list_ctx list = {0, gateway != NULL ? gateway : "",
                            limit > 0 && limit <= PAGE_MAX ? limit : 20, ret_answer};
    for (int64_t i = 1; state != NULL && i < (int64_t)COUNT_OF(state_names); i++) {
        list.state = strcmp(state, state_names[i]) == 0 ? i : list.state;
    }
    if (state != NULL && list.state == 0) {
        err_set(err, ERR_VALIDATION, "there is no callback state \"%s\"", state);
        err_place(err, "state");
        return err_hint(err, "One of: stored, applied, ignored, failed, parked.");
    }
    return store_read(payments->options.store, list_tx, &list, err);
}

struct replay_ctx {
    const struct caller *caller;
    const char *id;
};

static int replay_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct replay_ctx *replay = ctx;
    int64_t now = clock_wall_us();
    int64_t found = sql_exec(tx, err, "UPDATE callback SET state = $2 WHERE id = $1",
                             S_TEXT(replay->id), S_INT(CALLBACK_STORED));
    if (found < 0) {
        return (int)found;
    }
    if (found == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no callback %s", replay->id);
    }
    int r = job_add(tx, JOB_CALLBACK, replay->id, now, "", err);
    if (r == 0) {
        r = job_hasten(tx, JOB_CALLBACK, replay->id, now, err);
    }
    if (r < 0) {
        return r;
    }
    r = audit_append(tx, replay->caller->actor, "callback.replay", replay->id, "", "{}", err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_addf(&buf, "{\"id\":\"%s\",\"state\":\"stored\"}", replay->id);
    return answer_take(ret_answer, 202, &buf, err);
}

int callback_replay(struct payments *payments, const struct caller *caller, const char *callback_id,
                    struct answer *ret_answer, struct err *err) {
    struct callback_id id;
    int r = callback_id_parse(callback_id, &id, err);
    if (r < 0) {
        return r;
    }
    struct replay_ctx replay = {caller, id.text};
    r = idempotent_run(payments, caller, "callback.replay", replay_fn, &replay, ret_answer, err);
    if (r >= 0) {
        jobs_wake(payments);
    }
    return r;
}
