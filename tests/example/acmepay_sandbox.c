/* SPDX-License-Identifier: Apache-2.0
 * acmepay_sandbox.c: Acme Pay on a port of this machine. */
#include "acmepay_sandbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/task.h"
#include "gateway/acmepay/acmepay_sign.h"
#include "net/http_server.h"

enum { NAME_MAX_BYTES = 80, EVENTS_MAX = 256, BODY_MAX = 8192 };

struct acme_charge {
    char reference[NAME_MAX_BYTES], order[NAME_MAX_BYTES], currency[4];
    const char *status, *code; /* literals */
    bool capture;
    int64_t amount, captured, refunded;
};

struct acme_refund {
    char reference[NAME_MAX_BYTES];
    const char *status;
    int charge;
    int64_t amount;
};

struct acme_event {
    const char *type;
    char *object;
};

struct acme {
    struct lock lock;
    struct http_server *server;
    struct http_listener *listener;
    struct acme_charge charges[ACME_CHARGES_MAX];
    struct acme_refund refunds[ACME_CHARGES_MAX];
    struct acme_event events[EVENTS_MAX];
    char *keys[ACME_CHARGES_MAX * 4]; /* "path\nkey\nbody" of what was executed */
    char *answers[ACME_CHARGES_MAX * 4];
    int charge_count, refund_count, event_count, told_count, key_count, requests;
    enum acme_fault fault;
    int fault_count;
};

/* ---- objects as JSON ---- */

static char *charge_json(const struct acme *acme, const struct acme_charge *charge) {
    json_t *json = json_pack("{s:o,s:s,s:s,s:s,s:I,s:I,s:I,s:s,s:s*}", "id",
                             json_sprintf("ch_%d", (int)(charge - acme->charges) + 1), "reference",
                             charge->reference, "order", charge->order, "status", charge->status,
                             "amount", (json_int_t)charge->amount, "captured",
                             (json_int_t)charge->captured, "refunded", (json_int_t)charge->refunded,
                             "currency", charge->currency, "code", charge->code);
    INVARIANT(json != NULL, "a charge is JSON");
    if (charge->captured > 0) {
        json_object_set_new(json, "fee", json_integer(charge->captured / 50 + 10));
    }
    char *text = json_write(json);
    json_decref(json);
    return text;
}

static char *refund_json(const struct acme *acme, const struct acme_refund *refund) {
    const struct acme_charge *charge = &acme->charges[refund->charge];
    json_t *json = json_pack("{s:o,s:o,s:s,s:s,s:I,s:s}", "id",
                             json_sprintf("rf_%d", (int)(refund - acme->refunds) + 1), "charge_id",
                             json_sprintf("ch_%d", refund->charge + 1), "reference",
                             refund->reference, "status", refund->status, "amount",
                             (json_int_t)refund->amount, "currency", charge->currency);
    INVARIANT(json != NULL, "a refund is JSON");
    char *text = json_write(json);
    json_decref(json);
    return text;
}

static void note_event(struct acme *acme, const char *type, const char *object) {
    INVARIANT(acme->event_count < EVENTS_MAX, "there is room for an event");
    acme->events[acme->event_count].type = type;
    acme->events[acme->event_count++].object = strdup(object);
}

/* ---- answers ---- */

struct answer_of {
    int status;
    char *body; /* free() */
};

static struct answer_of refuse(int status, const char *code, const char *message) {
    BUF_AUTO body;
    buf_init(&body, BODY_MAX);
    buf_addf(&body, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}", code, message);
    return (struct answer_of){status, buf_take(&body)};
}

static struct answer_of changed_charge(struct acme *acme, const struct acme_charge *charge) {
    struct answer_of answer = {200, charge_json(acme, charge)};
    note_event(acme, "charge.changed", answer.body);
    return answer;
}

static struct acme_charge *find_charge(struct acme *acme, const char *reference) {
    for (int i = 0; reference != NULL && i < acme->charge_count; i++) {
        if (strcmp(acme->charges[i].reference, reference) == 0) {
            return &acme->charges[i];
        }
    }
    return NULL;
}

static struct acme_refund *find_refund(struct acme *acme, const char *reference) {
    for (int i = 0; i < acme->refund_count; i++) {
        if (strcmp(acme->refunds[i].reference, reference) == 0) {
            return &acme->refunds[i];
        }
    }
    return NULL;
}

/* ---- what changes the book ---- */

static void decide(struct acme_charge *charge) {
    charge->status = charge->capture ? "paid" : "held";
    charge->captured = charge->capture ? charge->amount : 0;
}

static struct answer_of create_charge(struct acme *acme, const json_t *body) {
    const char *reference = json_peek_text(body, "reference", NULL);
    const char *order = json_peek_text(body, "order", NULL);
    const char *currency = json_peek_text(body, "currency", NULL);
    const char *card = json_peek_text(body, "card", NULL);
    int64_t amount = json_peek_int(body, 0, "amount", NULL);
    if (reference == NULL || strlen(reference) >= NAME_MAX_BYTES || order == NULL ||
        currency == NULL || strlen(currency) != 3 || card == NULL ||
        find_charge(acme, reference) != NULL || acme->charge_count == ACME_CHARGES_MAX) {
        return refuse(400, "bad_request", "a field is missing or wrong");
    }
    if (amount < 1 || amount > 50000000) {
        return refuse(400, "bad_amount", "1 to 50,000,000");
    }
    struct acme_charge *charge = &acme->charges[acme->charge_count++];
    snprintf(charge->reference, sizeof(charge->reference), "%s", reference);
    snprintf(charge->order, sizeof(charge->order), "%.70s", order);
    snprintf(charge->currency, sizeof(charge->currency), "%s", currency);
    charge->amount = amount;
    charge->capture = json_is_true(json_peek(body, "capture", NULL));
    if (strcmp(card, "card_good") == 0) {
        decide(charge);
    } else if (strcmp(card, "card_slow") == 0) {
        charge->status = "pending";
    } else {
        charge->status = "declined";
        charge->code = strcmp(card, "card_poor") == 0 ? "insufficient_funds" : "no_such_card";
    }
    return changed_charge(acme, charge);
}

static struct answer_of capture(struct acme *acme, struct acme_charge *charge, const json_t *body) {
    int64_t amount = json_peek_int(body, 0, "amount", NULL);
    if (strcmp(charge->status, "held") != 0) {
        return refuse(409, "wrong_state", "only what is held can be captured");
    }
    if (amount < 1 || amount > charge->amount - charge->captured) {
        return refuse(400, "bad_amount", "more than what is held");
    }
    charge->captured += amount;
    bool final = json_is_true(json_peek(body, "final", NULL));
    charge->status = final || charge->captured == charge->amount ? "paid" : "held";
    return changed_charge(acme, charge);
}

static struct answer_of cancel(struct acme *acme, struct acme_charge *charge) {
    if (charge->captured > 0 || strcmp(charge->status, "declined") == 0 ||
        strcmp(charge->status, "canceled") == 0) {
        return refuse(409, "wrong_state", "only what is held or pending can be canceled");
    }
    charge->status = "canceled";
    return changed_charge(acme, charge);
}

static struct answer_of create_refund(struct acme *acme, const json_t *body) {
    const char *reference = json_peek_text(body, "reference", NULL);
    struct acme_charge *charge = find_charge(acme, json_peek_text(body, "charge", NULL));
    int64_t amount = json_peek_int(body, 0, "amount", NULL);
    if (charge == NULL) {
        return refuse(404, "no_such_charge", "no charge has this reference");
    }
    if (reference == NULL || strlen(reference) >= NAME_MAX_BYTES || amount < 1 ||
        acme->refund_count == ACME_CHARGES_MAX) {
        return refuse(400, "bad_request", "a field is missing or wrong");
    }
    if (amount > charge->captured - charge->refunded) {
        return refuse(409, "over_refund", "more than what was taken");
    }
    struct acme_refund *refund = &acme->refunds[acme->refund_count++];
    snprintf(refund->reference, sizeof(refund->reference), "%s", reference);
    refund->charge = (int)(charge - acme->charges);
    refund->amount = amount;
    refund->status = amount % 100 == 99 ? "pending" : "done"; /* so tests can have both */
    charge->refunded += amount;
    struct answer_of answer = {200, refund_json(acme, refund)};
    note_event(acme, "refund.changed", answer.body);
    return answer;
}

/* ---- the way of a request ---- */

/* The part of a path behind "/v1/charges/", without what stands behind the next slash. */
static bool part_of(const char *path, const char *folder, char name[NAME_MAX_BYTES],
                    const char **ret_rest) {
    size_t folder_count = strlen(folder);
    if (strncmp(path, folder, folder_count) != 0) {
        return false;
    }
    size_t count = strcspn(path + folder_count, "/");
    if (count == 0 || count >= NAME_MAX_BYTES) {
        return false;
    }
    memcpy(name, path + folder_count, count);
    name[count] = '\0';
    *ret_rest = path + folder_count + count;
    return true;
}

static struct answer_of execute(struct acme *acme, const char *path, const json_t *body) {
    char name[NAME_MAX_BYTES];
    const char *verb;
    if (strcmp(path, "/v1/charges") == 0) {
        return create_charge(acme, body);
    }
    if (strcmp(path, "/v1/refunds") == 0) {
        return create_refund(acme, body);
    }
    if (!part_of(path, "/v1/charges/", name, &verb)) {
        return refuse(400, "bad_request", "there is no such call");
    }
    struct acme_charge *charge = find_charge(acme, name);
    if (charge == NULL) {
        return refuse(404, "no_such_charge", "no charge has this reference");
    }
    return strcmp(verb, "/capture") == 0  ? capture(acme, charge, body)
           : strcmp(verb, "/cancel") == 0 ? cancel(acme, charge)
                                          : refuse(400, "bad_request", "there is no such call");
}

/* A key executes once: its 200 is answered again, and it serves no other request. */
static struct answer_of execute_once(struct acme *acme, const struct http_request *request,
                                     const char *key) {
    struct err err;
    JSON_AUTO body = NULL;
    BUF_AUTO name;
    buf_init(&name, BODY_MAX);
    buf_addf(&name, "%s\n%s\n", request->path, key);
    size_t key_bytes = name.len;
    buf_add(&name, request->body, request->body_bytes);
    for (int i = 0; i < acme->key_count; i++) {
        if (strncmp(acme->keys[i], name.data, key_bytes) == 0) {
            return strcmp(acme->keys[i], name.data) == 0
                       ? (struct answer_of){200, strdup(acme->answers[i])}
                       : refuse(409, "key_reused", "this key was used for another request");
        }
    }
    if (json_read(request->body, request->body_bytes, BODY_MAX, 4, &body, &err) < 0) {
        return refuse(400, "bad_request", "the body is no JSON");
    }
    struct answer_of answer = execute(acme, request->path, body);
    if (answer.status == 200) {
        INVARIANT(acme->key_count < (int)COUNT_OF(acme->keys), "there is room for a key");
        acme->keys[acme->key_count] = strdup(name.data);
        acme->answers[acme->key_count++] = strdup(answer.body);
    }
    return answer;
}

static struct answer_of look(struct acme *acme, const char *path) {
    char name[NAME_MAX_BYTES];
    const char *rest;
    if (strcmp(path, "/v1/account") == 0) {
        return (struct answer_of){200, strdup("{\"account\":\"acct_tests\"}")};
    }
    if (strcmp(path, "/v1/statements/" ACME_STATEMENT_DAY) == 0) {
        return (struct answer_of){200, strdup("reference,amount,fee\natt_1,2500,60\n")};
    }
    if (part_of(path, "/v1/charges/", name, &rest)) {
        const struct acme_charge *charge = find_charge(acme, name);
        return charge != NULL ? (struct answer_of){200, charge_json(acme, charge)}
                              : refuse(404, "no_such_charge", "no charge has this reference");
    }
    if (part_of(path, "/v1/refunds/", name, &rest)) {
        const struct acme_refund *refund = find_refund(acme, name);
        return refund != NULL ? (struct answer_of){200, refund_json(acme, refund)}
                              : refuse(404, "no_such_refund", "no refund has this reference");
    }
    return refuse(404, "not_found", "there is no such page");
}

static const char *header(const struct http_request *request, const char *name) {
    const char *value = http_header_find(request->headers, request->header_count, name);
    return value != NULL ? value : "";
}

static bool is_signed(const struct http_request *request) {
    char what[512];
    snprintf(what, sizeof(what), "%s %.400s", request->method, request->path);
    return strcmp(header(request, "Acme-Key"), ACME_KEY_ID) == 0 &&
           acmepay_time_ok(header(request, "Acme-Time"), clock_wall_us() / US_PER_SECOND) &&
           acmepay_signed(ACME_KEY_SECRET, strlen(ACME_KEY_SECRET), header(request, "Acme-Time"),
                          what, request->body, request->body_bytes,
                          header(request, "Acme-Signature"));
}

static struct answer_of answer_request(struct acme *acme, const struct http_request *request) {
    const char *key = header(request, "Idempotency-Key");
    if (!is_signed(request)) {
        return refuse(401, "bad_signature", "the signature does not fit");
    }
    if (strcmp(request->method, "GET") == 0) {
        return look(acme, request->path);
    }
    return key[0] != '\0' ? execute_once(acme, request, key)
                          : refuse(400, "bad_request", "a key is missing");
}

static void handle(void *ctx, const struct http_request *request, struct http_reply *reply) {
    struct acme *acme = ctx;
    struct answer_of answer;
    lock_take(&acme->lock);
    enum acme_fault fault = acme->fault_count > 0 ? acme->fault : ACME_FINE;
    acme->fault_count -= acme->fault_count > 0;
    acme->requests++;
    if (fault == ACME_DOWN) {
        answer = refuse(503, "bad_request", "the service is away");
    } else if (fault == ACME_LIMIT) {
        answer = refuse(429, "too_many_requests", "slow down");
    } else {
        answer = answer_request(acme, request);
    }
    lock_give(&acme->lock);
    if (fault == ACME_SOMEBODY) {
        free(answer.body);
        answer.body = strdup(
            "{\"id\":\"ch_9\",\"reference\":\"att_somebody\",\"status\":\"paid\"}");
    }
    reply->status = fault == ACME_DONE_DOWN ? 503 : answer.status;
    reply->cut_after_bytes = fault == ACME_CUT ? 200 : 0;
    http_reply_header(reply, "Acme-Request", request->id);
    http_reply_body(reply, "application/json", answer.body, strlen(answer.body));
    free(answer.body);
}

/* ---- for the test ---- */

struct acme *acme_start(void) {
    struct err err = {0};
    struct acme *acme = calloc(1, sizeof(*acme));
    INVARIANT(acme != NULL, "out of memory");
    lock_init(&acme->lock);
    const struct http_listener_options options = {
        .address = "127.0.0.1:0", .handler = handle, .ctx = acme, .workers_max = 4};
    int rc = http_server_new(1, &acme->server, &err);
    rc = rc < 0 ? rc : http_server_listen(acme->server, &options, &acme->listener, &err);
    rc = rc < 0 ? rc : http_server_start(acme->server, &err);
    INVARIANT(rc == 0, "the sandbox of Acme Pay starts");
    return acme;
}

void acme_stop(struct acme *acme) {
    http_server_free(acme->server);
    for (int i = 0; i < acme->event_count; i++) {
        free(acme->events[i].object);
    }
    for (int i = 0; i < acme->key_count; i++) {
        free(acme->keys[i]);
        free(acme->answers[i]);
    }
    lock_free(&acme->lock);
    free(acme);
}

void acme_url(const struct acme *acme, char ret_url[ACME_URL_CHARS_MAX]) {
    snprintf(ret_url, ACME_URL_CHARS_MAX, "http://127.0.0.1:%d",
             http_listener_port(acme->listener));
}

void acme_fault(struct acme *acme, enum acme_fault fault, int count) {
    lock_take(&acme->lock);
    acme->fault = fault;
    acme->fault_count = count;
    lock_give(&acme->lock);
}

void acme_settle(struct acme *acme) {
    lock_take(&acme->lock);
    for (int i = 0; i < acme->charge_count; i++) {
        if (strcmp(acme->charges[i].status, "pending") == 0) {
            decide(&acme->charges[i]);
            free(changed_charge(acme, &acme->charges[i]).body);
        }
    }
    for (int i = 0; i < acme->refund_count; i++) {
        if (strcmp(acme->refunds[i].status, "pending") == 0) {
            acme->refunds[i].status = "done";
            char *object = refund_json(acme, &acme->refunds[i]);
            note_event(acme, "refund.changed", object);
            free(object);
        }
    }
    lock_give(&acme->lock);
}

static bool tell(struct http_client *client, const char *url, int64_t at_s, int number,
                 const struct acme_event *event) {
    char time[24], signature[SHA256_HEX_CHARS + 1];
    struct err err;
    HTTP_ANSWER_AUTO answer = {0};
    BUF_AUTO body;
    buf_init(&body, BODY_MAX);
    buf_addf(&body, "{\"id\":\"ev_%d\",\"type\":\"%s\",\"at\":%lld,\"object\":%s}", number,
             event->type, (long long)at_s, event->object);
    snprintf(time, sizeof(time), "%lld", (long long)at_s);
    acmepay_sign(ACME_CALLBACK_SECRET, strlen(ACME_CALLBACK_SECRET), time, ACMEPAY_CALLBACK,
                 body.data, body.len, signature);
    const struct http_header headers[] = {
        {"Acme-Time", time}, {"Acme-Signature", signature}, {"Content-Type", "application/json"}};
    const struct http_call call = {
        .method = "POST",
        .url = url,
        .timeout_us = 20 * US_PER_SECOND,
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .body = body.data,
        .body_bytes = body.len,
    };
    return http_call(client, &call, &answer, &err) == 0 && answer.status == 200;
}

int acme_tell(struct acme *acme, struct http_client *client, const char *url, int64_t at_us) {
    int taken = 0;
    while (acme->told_count < acme->event_count) {
        const struct acme_event *event = &acme->events[acme->told_count++];
        taken += tell(client, url, at_us / US_PER_SECOND, acme->told_count, event);
    }
    return taken;
}

void acme_book(struct acme *acme, struct acme_book *ret_book) {
    lock_take(&acme->lock);
    *ret_book = (struct acme_book){.requests = acme->requests};
    for (int i = 0; i < acme->charge_count; i++) {
        ret_book->taken_minor += acme->charges[i].captured;
        ret_book->taken_count += acme->charges[i].captured > 0;
        ret_book->returned_minor += acme->charges[i].refunded;
    }
    ret_book->returned_count = acme->refund_count;
    lock_give(&acme->lock);
}
