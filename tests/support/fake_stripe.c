/* SPDX-License-Identifier: Apache-2.0
 * fake_stripe.c: the fake gateway's side of Stripe's wire protocol (PaymentIntents and refunds). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "support/fake_gateway_impl.h"

enum { FORM_VALUE_MAX = 600, ANSWER_BYTES_MAX = 1024 * 1024 };

/* ---- reading requests ---- */

static const char *path_of(const struct http_call *call) {
    const char *host = strstr(call->url, "://");
    INVARIANT(host != NULL, "an absolute URL");
    return strchr(host + 3, '/');
}

const char *fake_stripe_name(const struct http_call *call) {
    static const struct {
        const char *method, *prefix, *name;
    } calls[] = {
        {"GET", "/v1/payment_intents", "query"},  {"GET", "/v1/refunds", "query_refund"},
        {"GET", "/v1/balance", "probe"},          {"POST", "/v1/refunds", "refund"},
        {"GET", "/v1/disputes", "query_dispute"}, {"POST", "/v1/disputes", "answer_dispute"},
        {"GET", "/v1/reporting", "report"},
    };
    const char *path = path_of(call);
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        if (strcmp(call->method, calls[i].method) == 0 && g_str_has_prefix(path, calls[i].prefix)) {
            return calls[i].name;
        }
    }
    return strcmp(path, "/v1/payment_intents") == 0 ? "charge"
           : g_str_has_suffix(path, "/capture")     ? "capture"
           : g_str_has_suffix(path, "/cancel")      ? "cancel"
                                                    : NULL;
}

/* The value of a form's field, decoded; "" when it is not there. */
static void form_get(const struct http_call *call, const char *name,
                     char ret_value[FORM_VALUE_MAX]) {
    ret_value[0] = '\0';
    char *body = g_strndup(call->body != NULL ? call->body : "", call->body_bytes);
    char **pairs = g_strsplit(body, "&", -1);
    for (int i = 0; pairs[i] != NULL; i++) {
        char *value = strchr(pairs[i], '=');
        if (value == NULL) {
            continue;
        }
        *value++ = '\0';
        char *key = g_uri_unescape_string(pairs[i], NULL);
        char *text = g_uri_unescape_string(value, NULL);
        if (key != NULL && text != NULL && strcmp(key, name) == 0) {
            snprintf(ret_value, FORM_VALUE_MAX, "%s", text);
        }
        g_free(key);
        g_free(text);
    }
    g_strfreev(pairs);
    g_free(body);
}

static int64_t query_int(const char *path, const char *name, int64_t fallback) {
    const char *at = strstr(path, name);
    return at != NULL ? strtoll(at + strlen(name), NULL, 10) : fallback;
}

/* "/v1/payment_intents/pi_1/capture" → "pi_1". */
static void id_of(const char *path, char ret_id[64]) {
    const char *at = strchr(path + strlen("/v1/"), '/');
    ret_id[0] = '\0';
    if (at != NULL) {
        size_t length = strcspn(at + 1, "/?");
        snprintf(ret_id, 64, "%.*s", (int)length, at + 1);
    }
}

/* ---- writing answers ---- */

static int64_t refunded_of(const struct fake_gateway *fake, const struct fake_intent *intent) {
    int64_t sum = 0;
    for (guint i = 0; i < fake->refunds->len; i++) {
        const struct fake_refund *refund = g_ptr_array_index(fake->refunds, i);
        if (refund->intent == intent &&
            (strcmp(refund->status, "succeeded") == 0 || strcmp(refund->status, "pending") == 0)) {
            sum += refund->amount;
        }
    }
    return sum;
}

/* What disputes hold of it; `ret_open`: one of them is still open. */
static int64_t disputed_of(const struct fake_gateway *fake, const struct fake_intent *intent,
                           bool *ret_open) {
    int64_t sum = 0;
    *ret_open = false;
    for (guint i = 0; i < fake->disputes->len; i++) {
        const struct fake_dispute *dispute = g_ptr_array_index(fake->disputes, i);
        bool holds = dispute->intent == intent && fake_dispute_holds(dispute);
        sum += holds ? dispute->amount : 0;
        *ret_open = *ret_open || (holds && strcmp(dispute->status, "lost") != 0);
    }
    return sum;
}

static void write_error(struct buf *body, const char *type, const char *code) {
    buf_addf(body, "{\"error\":{\"type\":\"%s\",\"code\":\"%s\",\"message\":\"the fake says %s\"}}",
             type, code, code);
}

/* Of a token "pm_1-of-F" it is told that it is of card F, a Visa card; of others nothing. */
static void write_decline(struct buf *body, const char *decline_code, const char *token) {
    const char *of = strstr(token, "-of-");
    buf_addf(
        body,
        "{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\",\"decline_code\":\"%s\"",
        decline_code);
    if (of != NULL) {
        buf_addf(body, ",\"payment_method\":{\"card\":{\"brand\":\"visa\",\"fingerprint\":\"%s\"}}",
                 of + strlen("-of-"));
    }
    buf_add_text(body, ",\"message\":\"the fake says card_declined\"}}");
}

static void write_intent(const struct fake_gateway *fake, const struct fake_intent *intent,
                         bool expanded, struct buf *body) {
    buf_addf(
        body,
        "{\"id\":\"%s\",\"object\":\"payment_intent\",\"amount\":%lld,\"amount_received\":%lld,"
        "\"currency\":\"%s\",\"status\":\"%s\",\"metadata\":{\"reference\":\"%s\",\"order_id\":",
        intent->id, (long long)intent->amount, (long long)intent->received, intent->currency,
        intent->status, intent->reference);
    buf_add_json(body, intent->order_id);
    buf_add_text(body, "},\"latest_charge\":");
    if (intent->charge_id[0] == '\0') {
        buf_add_text(body, "null");
    } else if (!expanded) {
        buf_addf(body, "\"%s\"", intent->charge_id);
    } else {
        buf_addf(
            body,
            "{\"id\":\"%s\",\"object\":\"charge\",\"currency\":\"%s\",\"amount_refunded\":%lld,"
            "\"balance_transaction\":{\"object\":\"balance_transaction\",\"fee\":%lld,"
            "\"currency\":\"%s\"}}",
            intent->charge_id, intent->currency, (long long)refunded_of(fake, intent),
            (long long)(intent->received / 50), intent->currency);
    }
    if (intent->decline_code != NULL) {
        buf_addf(body,
                 ",\"last_payment_error\":{\"type\":\"card_error\",\"code\":\"card_declined\","
                 "\"decline_code\":\"%s\",\"message\":\"declined\"}",
                 intent->decline_code);
    }
    if (strcmp(intent->status, "requires_action") == 0) {
        buf_addf(body,
                 ",\"next_action\":{\"type\":\"redirect_to_url\",\"redirect_to_url\":{\"url\":"
                 "\"https://bank.example/%s\"}}",
                 intent->id);
    }
    buf_add_char(body, '}');
}

static void write_refund(const struct fake_refund *refund, struct buf *body) {
    buf_addf(body,
             "{\"id\":\"%s\",\"object\":\"refund\",\"amount\":%lld,\"currency\":\"%s\",\"status\":"
             "\"%s\","
             "\"payment_intent\":\"%s\",\"charge\":\"%s\",\"metadata\":{\"reference\":\"%s\"}%s}",
             refund->id, (long long)refund->amount, refund->intent->currency, refund->status,
             refund->intent->id, refund->intent->charge_id, refund->reference,
             strcmp(refund->status, "failed") == 0 ? ",\"failure_reason\":\"lost_or_stolen_card\""
                                                   : "");
}

/* ---- events ---- */

void fake_stripe_add_event(struct fake_gateway *fake, int account, const char *type,
                           const char *object) {
    struct fake_event event = {.account = account};
    snprintf(event.type, sizeof event.type, "%s", type);
    BUF_AUTO body;
    buf_init(&body, ANSWER_BYTES_MAX);
    buf_addf(
        &body,
        "{\"id\":\"evt_fake_%lld\",\"object\":\"event\",\"type\":\"%s\",\"created\":%lld,\"data\":"
        "{\"object\":%s}}",
        (long long)++fake->last_id, type, (long long)(clock_wall_us() / US_PER_SECOND), object);
    event.body = buf_take(&body);
    g_array_append_val(fake->events, event);
}

void fake_stripe_event(struct fake_gateway *fake, const struct fake_intent *intent) {
    static const struct {
        const char *status, *type;
    } types[] = {
        {"succeeded", "payment_intent.succeeded"},
        {"requires_capture", "payment_intent.amount_capturable_updated"},
        {"processing", "payment_intent.processing"},
        {"requires_action", "payment_intent.requires_action"},
        {"requires_payment_method", "payment_intent.payment_failed"},
        {"canceled", "payment_intent.canceled"},
    };
    BUF_AUTO body;
    buf_init(&body, ANSWER_BYTES_MAX);
    write_intent(fake, intent, false, &body);
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (strcmp(types[i].status, intent->status) == 0) {
            fake_stripe_add_event(fake, intent->account, types[i].type, body.data);
        }
    }
}

void fake_stripe_refund_event(struct fake_gateway *fake, const struct fake_refund *refund,
                              const char *type) {
    BUF_AUTO body;
    buf_init(&body, ANSWER_BYTES_MAX);
    write_refund(refund, &body);
    fake_stripe_add_event(fake, refund->intent->account, type, body.data);
}

/* ---- charging ---- */

struct fake_intent *fake_intent_new(struct fake_gateway *fake, int account, const char *reference,
                                    const char *order_id, int64_t amount, const char *currency) {
    struct fake_intent *intent = g_new0(struct fake_intent, 1);
    intent->account = account;
    snprintf(intent->id, sizeof intent->id, "pi_fake_%lld", (long long)++fake->last_id);
    snprintf(intent->reference, sizeof intent->reference, "%s", reference);
    snprintf(intent->order_id, sizeof intent->order_id, "%s", order_id);
    snprintf(intent->currency, sizeof intent->currency, "%s", currency);
    intent->amount = amount;
    intent->status = "requires_payment_method";
    intent->created_s = clock_wall_us() / US_PER_SECOND;
    g_ptr_array_add(fake->intents, intent);
    return intent;
}

static void give_charge_id(struct fake_gateway *fake, struct fake_intent *intent) {
    if (intent->charge_id[0] == '\0') {
        snprintf(intent->charge_id, sizeof intent->charge_id, "ch_fake_%lld",
                 (long long)++fake->last_id);
    }
}

void fake_intent_succeed(struct fake_gateway *fake, struct fake_intent *intent) {
    give_charge_id(fake, intent);
    intent->status = intent->capture_later ? "requires_capture" : "succeeded";
    if (!intent->capture_later) {
        intent->received = intent->amount;
        intent->captures = 1;
    }
    fake_stripe_event(fake, intent);
}

static int charge(struct fake_gateway *fake, int account, const struct http_call *call,
                  enum fake_act act, struct buf *body) {
    char amount[FORM_VALUE_MAX], currency[FORM_VALUE_MAX], reference[FORM_VALUE_MAX];
    char order_id[FORM_VALUE_MAX], capture[FORM_VALUE_MAX], token[FORM_VALUE_MAX];
    form_get(call, "amount", amount);
    form_get(call, "currency", currency);
    form_get(call, "metadata[reference]", reference);
    form_get(call, "metadata[order_id]", order_id);
    form_get(call, "capture_method", capture);
    struct fake_intent *intent = fake_intent_new(fake, account, reference, order_id,
                                                 strtoll(amount, NULL, 10), currency);
    intent->capture_later = strcmp(capture, "manual") == 0;
    if (act == FAKE_DECLINE || act == FAKE_DECLINE_ELSEWHERE || act == FAKE_DECLINE_FOR_GOOD) {
        intent->decline_code = act == FAKE_DECLINE             ? "insufficient_funds"
                               : act == FAKE_DECLINE_ELSEWHERE ? "issuer_not_available"
                                                               : "stolen_card";
        if (fake->decline_code != NULL) {
            intent->decline_code = fake->decline_code;
        }
        fake_stripe_event(fake, intent);
        form_get(call, "payment_method", token);
        write_decline(body, intent->decline_code, token);
        return 402;
    }
    if (act == FAKE_PENDING || act == FAKE_ACTION) {
        intent->status = act == FAKE_PENDING ? "processing" : "requires_action";
        fake_stripe_event(fake, intent);
    } else {
        intent->amount -= act == FAKE_LESS;
        if (act == FAKE_WRONG_CURRENCY) {
            snprintf(intent->currency, sizeof intent->currency, "cad");
        }
        fake_intent_succeed(fake, intent);
    }
    if (act == FAKE_TWICE) {
        struct fake_intent *again = fake_intent_new(fake, account, reference, order_id,
                                                    intent->amount, currency);
        again->capture_later = intent->capture_later;
        fake_intent_succeed(fake, again);
    }
    write_intent(fake, intent, true, body);
    return 200;
}

/* ---- changes ---- */

static struct fake_intent *find(struct fake_gateway *fake, int account, const char *id) {
    for (guint i = 0; i < fake->intents->len; i++) {
        struct fake_intent *intent = g_ptr_array_index(fake->intents, i);
        if (intent->account == account && strcmp(intent->id, id) == 0) {
            return intent;
        }
    }
    return NULL;
}

static int missing(struct buf *body) {
    write_error(body, "invalid_request_error", "resource_missing");
    return 404;
}

/* Refused because of where it stands; the error carries the intent, as Stripe's does. */
static int wrong_state(const struct fake_gateway *fake, const struct fake_intent *intent,
                       struct buf *body) {
    buf_add_text(
        body,
        "{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
        "\"payment_intent_unexpected_state\",\"message\":\"wrong state\",\"payment_intent\":");
    write_intent(fake, intent, false, body);
    buf_add_text(body, "}}");
    return 400;
}

static int capture(struct fake_gateway *fake, struct fake_intent *intent,
                   const struct http_call *call, struct buf *body) {
    char amount[FORM_VALUE_MAX], final[FORM_VALUE_MAX];
    form_get(call, "amount_to_capture", amount);
    form_get(call, "final_capture", final);
    int64_t asked = strtoll(amount, NULL, 10);
    if (strcmp(intent->status, "requires_capture") != 0) {
        return wrong_state(fake, intent, body);
    }
    if (asked > intent->amount - intent->received) {
        write_error(body, "invalid_request_error", "amount_too_large");
        return 400;
    }
    intent->received += asked;
    intent->captures++;
    intent->status = strcmp(final, "false") == 0 ? "requires_capture" : "succeeded";
    fake_stripe_event(fake, intent);
    write_intent(fake, intent, true, body);
    return 200;
}

static int cancel(struct fake_gateway *fake, struct fake_intent *intent, struct buf *body) {
    if (strcmp(intent->status, "succeeded") == 0 || strcmp(intent->status, "canceled") == 0) {
        return wrong_state(fake, intent, body);
    }
    intent->status = "canceled";
    fake_stripe_event(fake, intent);
    write_intent(fake, intent, true, body);
    return 200;
}

static int refund(struct fake_gateway *fake, int account, const struct http_call *call,
                  enum fake_act act, struct buf *body) {
    char id[FORM_VALUE_MAX], amount[FORM_VALUE_MAX], reference[FORM_VALUE_MAX];
    form_get(call, "payment_intent", id);
    form_get(call, "amount", amount);
    form_get(call, "metadata[reference]", reference);
    struct fake_intent *intent = find(fake, account, id);
    if (intent == NULL) {
        return missing(body);
    }
    int64_t asked = strtoll(amount, NULL, 10);
    bool open = false;
    int64_t disputed = disputed_of(fake, intent, &open);
    if (open) {
        write_error(body, "invalid_request_error", "charge_disputed");
        return 400;
    }
    if (asked > intent->received - refunded_of(fake, intent) - disputed) {
        write_error(body, "invalid_request_error", "charge_already_refunded");
        return 400;
    }
    struct fake_refund *made = g_new0(struct fake_refund, 1);
    made->intent = intent;
    made->amount = asked;
    made->status = act == FAKE_PENDING ? "pending" : act == FAKE_DECLINE ? "failed" : "succeeded";
    made->created_s = clock_wall_us() / US_PER_SECOND;
    snprintf(made->id, sizeof made->id, "re_fake_%lld", (long long)++fake->last_id);
    snprintf(made->reference, sizeof made->reference, "%.63s", reference);
    g_ptr_array_add(fake->refunds, made);
    fake_stripe_refund_event(fake, made, "refund.created");
    write_refund(made, body);
    return 200;
}

/* ---- questions ---- */

static int list_intents(struct fake_gateway *fake, int account, const char *path,
                        struct buf *body) {
    int64_t from = query_int(path,
                             "created%5Bgte%5D=", query_int(path, "created%5Bgt%5D=", -1) + 1);
    int64_t until = query_int(path, "created%5Blte%5D=", INT64_MAX);
    const char *comma = "";
    buf_add_text(body, "{\"object\":\"list\",\"data\":[");
    for (guint i = fake->intents->len; i > 0; i--) {
        const struct fake_intent *intent = g_ptr_array_index(fake->intents, i - 1);
        if (intent->account == account && intent->created_s >= from && intent->created_s <= until) {
            buf_add_text(body, comma);
            comma = ",";
            write_intent(fake, intent, false, body);
        }
    }
    buf_add_text(body, "],\"has_more\":false}");
    return 200;
}

static int list_refunds(struct fake_gateway *fake, int account, const char *path,
                        struct buf *body) {
    const char *filter = strstr(path, "payment_intent=");
    const char *comma = "";
    buf_add_text(body, "{\"object\":\"list\",\"data\":[");
    for (guint i = fake->refunds->len; i > 0; i--) {
        const struct fake_refund *one = g_ptr_array_index(fake->refunds, i - 1);
        if (one->intent->account == account && filter != NULL &&
            g_str_has_prefix(filter + strlen("payment_intent="), one->intent->id)) {
            buf_add_text(body, comma);
            comma = ",";
            write_refund(one, body);
        }
    }
    buf_add_text(body, "],\"has_more\":false}");
    return 200;
}

static int query_refund(struct fake_gateway *fake, int account, const char *path, const char *id,
                        enum fake_act act, struct buf *body) {
    if (act == FAKE_NOT_FOUND && id[0] != '\0') {
        return missing(body);
    }
    if (id[0] == '\0') {
        return list_refunds(fake, account, path, body);
    }
    for (guint i = 0; i < fake->refunds->len; i++) {
        const struct fake_refund *one = g_ptr_array_index(fake->refunds, i);
        if (one->intent->account == account && strcmp(one->id, id) == 0) {
            write_refund(one, body);
            return 200;
        }
    }
    return missing(body);
}

static int query(struct fake_gateway *fake, int account, const char *path, const char *id,
                 enum fake_act act, struct buf *body) {
    if (act == FAKE_NOT_FOUND) {
        if (id[0] != '\0') {
            return missing(body);
        }
        buf_add_text(body, "{\"object\":\"list\",\"data\":[],\"has_more\":false}");
        return 200;
    }
    if (id[0] == '\0') {
        return list_intents(fake, account, path, body);
    }
    struct fake_intent *intent = find(fake, account, id);
    if (intent == NULL) {
        return missing(body);
    }
    int64_t received = intent->received;
    intent->received = act == FAKE_NO_CAPTURES ? 0 : received;
    write_intent(fake, intent, true, body);
    intent->received = received;
    return 200;
}

/* ---- one call ---- */

/* So long Stripe keeps a key; then the same request is a new one. */
#define KEY_KEPT_US (24 * 3600 * US_PER_SECOND)

/* The first answer under this key, or -1. Another request under it is refused. */
static int replay(const struct fake_gateway *fake, int account, const char *key,
                  const char *request, struct buf *body) {
    for (guint i = 0; i < fake->keys->len; i++) {
        const struct fake_key *kept = g_ptr_array_index(fake->keys, i);
        if (kept->account != account || strcmp(kept->key, key) != 0 ||
            clock_wall_us() >= kept->at_us + KEY_KEPT_US) {
            continue;
        }
        if (strcmp(kept->request, request) != 0) {
            write_error(body, "idempotency_error", "idempotency_key_reused");
            return 400;
        }
        buf_add_text(body, kept->body);
        return kept->status;
    }
    return -1;
}

static int do_post(struct fake_gateway *fake, int account, const char *name,
                   const struct http_call *call, enum fake_act act, struct buf *body) {
    if (strcmp(name, "charge") == 0) {
        return charge(fake, account, call, act, body);
    }
    if (strcmp(name, "refund") == 0) {
        return refund(fake, account, call, act, body);
    }
    char id[64];
    id_of(path_of(call), id);
    if (strcmp(name, "answer_dispute") == 0) {
        return fake_stripe_dispute(fake, account, call, path_of(call), id, body);
    }
    struct fake_intent *intent = find(fake, account, id);
    if (intent == NULL) {
        return missing(body);
    }
    return strcmp(name, "capture") == 0 ? capture(fake, intent, call, body)
                                        : cancel(fake, intent, body);
}

int fake_stripe_do(struct fake_gateway *fake, int account, const char *name,
                   const struct http_call *call, enum fake_act act, struct buf *body) {
    const char *path = path_of(call);
    char id[64];
    id_of(path, id);
    if (strcmp(name, "probe") == 0) {
        buf_add_text(body, "{\"object\":\"balance\"}");
        return 200;
    }
    if (strcmp(name, "report") == 0) { /* it publishes none */
        buf_add_text(body, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"none\"}}");
        return 404;
    }
    if (strcmp(name, "query") == 0) {
        return query(fake, account, path, id, act, body);
    }
    if (strcmp(name, "query_refund") == 0) {
        return query_refund(fake, account, path, id, act, body);
    }
    if (strcmp(name, "query_dispute") == 0) {
        return fake_stripe_dispute(fake, account, call, path, id, body);
    }
    const char *key = http_header_find(call->headers, call->header_count, "Idempotency-Key");
    INVARIANT(key != NULL && key[0] != '\0', "a call that moves money has a key");
    char *request = g_strdup_printf("%s?%.*s", path, (int)call->body_bytes,
                                    call->body != NULL ? call->body : "");
    int status = replay(fake, account, key, request, body);
    if (status >= 0) {
        g_free(request);
        return status;
    }
    status = do_post(fake, account, name, call, act, body);
    if (status != 200 && status != 402) {
        g_free(request); /* refused before it was executed: the key is as good as new */
        return status;
    }
    struct fake_key *kept = g_new0(struct fake_key, 1);
    *kept = (struct fake_key){
        account, status, clock_wall_us(), g_strdup(key), request, g_strdup(body->data)};
    g_ptr_array_add(fake->keys, kept);
    return status;
}
