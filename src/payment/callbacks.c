/* SPDX-License-Identifier: Apache-2.0
 * callbacks.c: what gateways tell us of their own accord (CB-1 to CB-5): taken in, listed,
 * replayed. callbacks_process.c does what is said under 3 and 4.
 *
 * 1. Verified by the gateway's own scheme, with the credentials in force or those they have just
 * replaced (gateway/keyring.h); a forged or stale one is refused and counted, never stored.
 * 2. Stored with its body, in which card numbers are masked (decision 0013), and its job in one
 * transaction, then acknowledged; the same event
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
#include "base/pan.h"
#include "base/plant.h"
#include "gateway/keyring.h"
#include "meter/meter.h"
#include "payment/callbacks.h"
#include "payment/internal.h"
#include "store/audit.h"

static const char *const state_names[] = {"?", "stored", "applied", "ignored", "failed", "parked"};

/* ---- receiving ---- */

struct receive {
    struct callback_id id;
    const char *gateway;
    struct gateway_event *event;
    const char *headers, *body, *encoding, *event_json;
    int64_t now_us;
    bool duplicate, masked;
};

/* What the column `encoding` says of the column `body`. */
static const char *const encodings[2][2] = {
    {"", "masked"},              /* text as it came; with card numbers masked */
    {"base64", "base64-masked"}, /* bytes that are no text, in Base64; those bytes masked */
};

static char *event_json(const struct gateway_event *event) {
    json_t *json = json_pack(
        "{s:s,s:s,s:I,s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:s,s:i,s:I,s:s,s:s}", "event_id",
        event->event_id, "type", event->type, "event_us", (json_int_t)event->event_us, "subject",
        (int)event->subject, "reference", event->reference, "gateway_id", event->gateway_id,
        "charge_id", event->charge_id, "refund_id", event->refund_id, "dispute_id",
        event->dispute_id, "dispute_status", event->dispute_status, "dispute_reason",
        event->dispute_reason, "dispute_due_us", (json_int_t)event->dispute_due_us, "order_id",
        event->order_id, "outcome", (int)event->outcome, "amount_minor",
        (json_int_t)event->amount_minor, "currency", event->currency.code, "payment_reference",
        event->payment_reference);
    if (json == NULL) {
        return NULL; /* a text in it is not UTF-8 */
    }
    char *text = json_write(json);
    json_decref(json);
    return text;
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
            char *value = g_strdup(request->headers[i].value);
            (void)pan_mask(value, strlen(value));
            json_object_set_new(json, name, json_string(value));
            g_free(value);
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

/* Whatever of it is words. Ids stay as they are: they are how its object is found again. Those of
 * ours that it bears (reference) can be no card number. */
static bool mask_event(struct gateway_event *event) {
    char *const words[] = {event->type, event->dispute_status, event->dispute_reason,
                           event->order_id};
    int found = 0;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        found += pan_mask(words[i], strlen(words[i]));
    }
    return found > 0;
}

/* The body and the event have been verified and read as they came; no card number in them is kept
 * (I9). */
static int store_callback(struct payments *payments, struct receive *receive,
                          const struct http_request *request, struct err *err) {
    size_t bytes = request->body_bytes;
    char *masked = pan_mask_json_text(request->body, bytes, &bytes);
    const char *body = masked != NULL ? masked : request->body;
    bool text = g_utf8_validate_len(body, bytes, NULL) && memchr(body, '\0', bytes) == NULL;
    char *encoded = text ? NULL : crypto_base64(body, bytes);
    char *headers = headers_json(request);
    receive->masked = mask_event(receive->event) || masked != NULL;
    char *event = event_json(receive->event);
    receive->headers = headers;
    receive->body = text ? body : encoded;
    receive->encoding = encodings[!text][masked != NULL];
    receive->event_json = event;
    int r = event != NULL
                ? store_write(payments->options.store, receive_tx, receive, err)
                : err_set(err, ERR_BAD_REQUEST, "the callback holds text that is not UTF-8");
    free(masked);
    free(encoded);
    free(headers);
    free(event);
    return r;
}

/* One refusal for whatever was wrong with it: a forger learns nothing from it. The reason is for
 * the log. */
static int refuse_callback(const struct gateway *gateway, const struct http_request *request,
                           const struct err *why, struct err *err) {
    meter_count(METER_CALLBACKS, gateway->name, "refused");
    outcome_callback(gateway->name, SLICE_DECLINED, "refused", -1);
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
        /* Gateways sign by the real time; a sandbox that follows our test clock does by that. */
        .now_us = clock_wall_us() - (payments->options.gateways_follow ? 0 : clock_shifted_us()),
    };
    struct gateway_call call = {
        .client = payments->options.client,
        .deadline_us = clock_mono_us() + 10 * US_PER_SECOND,
    };
    struct gateway_event event = {0};
    int r = keyring_verify_callback(gateway, &call, &raw, &event, &why);
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
    if (r < 0 && !PLANTED(CALLBACK_ACK_UNSTORED)) {
        *err = why; /* not stored, so not acknowledged: the gateway will send it again */
        return r;
    }
    meter_count(METER_CALLBACKS, gateway->name, receive.duplicate ? "duplicate" : "stored");
    if (receive.masked && !receive.duplicate) {
        log_event(CALLBACK_MASKED, LT("gateway", gateway->name), LT("callback", receive.id.text),
                  LT("request", request->id));
    }
    if (!receive.duplicate) {
        bool dated = event.event_us > 0 && event.event_us <= raw.now_us;
        int64_t delay_us = dated ? raw.now_us - event.event_us : -1;
        if (dated) {
            meter_time(METER_CALLBACK_DELAY_SECONDS, delay_us, gateway->name);
        }
        outcome_callback(gateway->name, SLICE_OK, NULL, delay_us);
        jobs_wake(payments);
    }
    reply_ack(ret_reply, &gateway->adapter->ack);
    return 0;
}

/* ---- looking and replaying ---- */

#define CALLBACK_COLUMNS                                                                           \
    "id, gateway, event_id, type, state, payment_id, result, tries, duplicates, event_us, "        \
    "received_us, processed_us"

static void render_callback(struct buf *buf, const struct sql_rows *rows, void *ctx) {
    (void)ctx;
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
    return r < 0 ? r : answer_rows(list->answer, rows, render_callback, NULL, err);
}

int callback_list(struct payments *payments, const char *state, const char *gateway, int limit,
                  struct answer *ret_answer, struct err *err) {
    struct list_ctx list = {0, gateway != NULL ? gateway : "", page_rows(limit), ret_answer};
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

static int64_t store_again(struct store_tx *tx, const char *id, int64_t now_us, struct err *err) {
    (void)now_us;
    return sql_exec(tx, err, "UPDATE callback SET state = $2 WHERE id = $1", S_TEXT(id),
                    S_INT(CALLBACK_STORED));
}

int callback_replay(struct payments *payments, const struct caller *caller, const char *callback_id,
                    struct answer *ret_answer, struct err *err) {
    static const struct replay replay = {"callback", JOB_CALLBACK, "callback.replay", "stored",
                                         store_again};
    return replay_run(payments, &replay, caller, callback_id, ret_answer, err);
}
