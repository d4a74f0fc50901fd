/* SPDX-License-Identifier: Apache-2.0
 * webhooks.c: the merchant's endpoints, and the job that delivers one event to one of them
 * (PAY-12).
 *
 * Standard Webhooks: webhook-id is the delivery's event id (the same on every retry, so that the
 * receiver can tell a repeat), webhook-timestamp is the moment of sending, webhook-signature is
 * HMAC over `id.timestamp.body` with each secret in force. Any 2xx is success. 410 Gone disables
 * the endpoint. Everything else is retried on the schedule of payments.c and then parked; a parked
 * or delivered one can be replayed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/plant.h"
#include "gateway/exchange.h"
#include "meter/meter.h"
#include "net/standard_webhook.h"
#include "payment/internal.h"
#include "payment/later.h"
#include "store/audit.h"

enum delivery_state { DELIVERY_WAITING = 1, DELIVERY_DELIVERED = 2, DELIVERY_PARKED = 3 };
static const char *const delivery_names[] = {"?", "waiting", "delivered", "parked"};

enum { ENDPOINT_URL_CHARS_MAX = 500, TYPES_CHARS_MAX = 500 };
#define DELIVERY_TIMEOUT_US (15 * US_PER_SECOND)
#define DELIVERY_ANSWER_BYTES_MAX 4096
#define OVERLAP_US_MAX (7 * 24 * 3600 * US_PER_SECOND)

/* ---- delivering ---- */

struct delivery {
    struct arena *arena;
    const char *id;
    bool found;
    enum delivery_state state;
    const char *endpoint_id, *url, *sealed, *sealed_old;
    int64_t old_until_us;
    bool enabled;
    const char *event_id, *type, *data;
    int64_t at_us;
    int status;
    const char *error;
};

static const char *kept(struct delivery *delivery, const struct sql_rows *rows, int column) {
    const char *text = sql_text(rows, column);
    return arena_copy(delivery->arena, text != NULL ? text : "");
}

static int load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct delivery *delivery = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT d.state, d.endpoint_id, p.url, p.sealed_secret, p.sealed_secret_old, "
        "p.old_until_us, p.enabled, e.id, e.type, e.data, e.at_us FROM webhook_delivery d "
        "JOIN webhook_endpoint p ON p.id = d.endpoint_id JOIN event e ON e.id = d.event_id "
        "WHERE d.id = $1",
        S_TEXT(delivery->id));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    delivery->found = r > 0;
    if (!delivery->found) {
        return 0;
    }
    delivery->state = (enum delivery_state)sql_int(rows, 0);
    delivery->endpoint_id = kept(delivery, rows, 1);
    delivery->url = kept(delivery, rows, 2);
    delivery->sealed = kept(delivery, rows, 3);
    delivery->sealed_old = kept(delivery, rows, 4);
    delivery->old_until_us = sql_int(rows, 5);
    delivery->enabled = sql_int(rows, 6) == 1;
    delivery->event_id = kept(delivery, rows, 7);
    delivery->type = kept(delivery, rows, 8);
    delivery->data = kept(delivery, rows, 9);
    delivery->at_us = sql_int(rows, 10);
    return 0;
}

/* A failure is noted only while it waits: when a lease ran out (a clock that jumped), another run
 * may have delivered it meanwhile, and its job is gone. */
static int noted_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct delivery *delivery = ctx;
    int r = sql_put(tx, err,
                    "UPDATE webhook_delivery SET state = $2, tries = tries + 1, last_status = $3, "
                    "last_error = $4, updated_us = $5 WHERE id = $1 AND (state = 1 OR $2 = 2)",
                    S_TEXT(delivery->id), S_INT(delivery->state), S_INT(delivery->status),
                    S_TEXT(delivery->error), S_INT(clock_wall_us()));
    if (r < 0 || delivery->status != 410) {
        return r;
    }
    return sql_put(tx, err, "UPDATE webhook_endpoint SET enabled = 0 WHERE id = $1",
                   S_TEXT(delivery->endpoint_id));
}

static void free_keys(struct secret **keys, int count) {
    for (int i = 0; i < count; i++) {
        secret_free(keys[i]);
    }
}

/* Signs with every secret in force: while one is being rotated, with the old and the new. */
static int sign(struct payments *payments, const struct delivery *delivery, int64_t now_us,
                const struct buf *body, struct standard_webhook *ret_webhook, struct err *err) {
    const char *sealed[] = {
        delivery->sealed,
        delivery->old_until_us > now_us && !PLANTED(ROTATION_FORGETS) ? delivery->sealed_old : ""};
    struct secret *keys[COUNT_OF(sealed)] = {NULL};
    int count = 0, r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(sealed); i++) {
        SECRET_AUTO text = NULL;
        if (sealed[i][0] == '\0') {
            continue;
        }
        r = seal_read(payments->options.seal, delivery->endpoint_id, sealed[i], &text, err);
        r = r < 0 ? r : standard_webhook_secret_read(secret_bytes(text), &keys[count], err);
        count += r >= 0;
    }
    if (r >= 0) {
        r = standard_webhook_sign((const struct secret *const *)keys, count, delivery->event_id,
                                  now_us / US_PER_SECOND, body->data, body->len, ret_webhook, err);
    }
    free_keys(keys, count);
    return r;
}

/* The link to a held order is not stored: it is put in here, where it goes out. */
static void write_body(const struct payments *payments, const struct delivery *delivery,
                       struct buf *body) {
    char time[CLOCK_TEXT_MAX];
    BUF_AUTO data;
    buf_init(&data, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&data, delivery->data);
    pay_later_add_url(payments, &data);
    buf_addf(body, "{\"id\":\"%s\",\"type\":\"%s\",\"timestamp\":\"%s\",\"data\":%s}",
             delivery->event_id, delivery->type,
             clock_format(PLANTED(RETRY_DIFFERS) ? clock_wall_us() : delivery->at_us, time),
             data.data);
}

static int send(struct payments *payments, struct delivery *delivery, struct err *err) {
    BUF_AUTO body;
    buf_init(&body, ARENA_REQUEST_BYTES_MAX);
    struct standard_webhook webhook;
    write_body(payments, delivery, &body);
    int r = sign(payments, delivery, clock_wall_us(), &body, &webhook, err);
    if (r < 0) {
        return r;
    }
    struct http_header headers[STANDARD_WEBHOOK_HEADERS + 1] = {
        {"Content-Type", "application/json"}};
    memcpy(headers + 1, webhook.headers, sizeof webhook.headers);
    struct http_call call = {
        .method = "POST",
        .url = delivery->url,
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .body = body.data,
        .body_bytes = body.len,
        .timeout_us = DELIVERY_TIMEOUT_US,
        .answer_bytes_max = DELIVERY_ANSWER_BYTES_MAX,
        .repeatable = true,
    };
    HTTP_ANSWER_AUTO answer = {0};
    r = http_call(payments->options.client, &call, &answer, err);
    delivery->status = answer.status;
    if (r < 0) {
        return r;
    }
    if (answer.status < 200 || answer.status > 299) {
        return err_set(err, ERR_UNREACHABLE, "the endpoint answered %d", answer.status);
    }
    return 0;
}

int webhook_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    (void)ret_again_us;
    struct payments *payments = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct delivery delivery = {.arena = arena, .id = job->key, .error = ""};
    int r = store_read(payments->options.store, load_tx, &delivery, err);
    if (r < 0 || delivery.state == DELIVERY_DELIVERED) {
        return r;
    }
    if (!delivery.found || !delivery.enabled) {
        delivery.state = DELIVERY_PARKED;
        delivery.error = delivery.found ? "the endpoint is disabled" : "the endpoint was deleted";
        return store_write(payments->options.store, noted_tx, &delivery, err);
    }
    r = send(payments, &delivery, err);
    bool gone = r < 0 && delivery.status == 410;
    delivery.state = r == 0 ? DELIVERY_DELIVERED : gone ? DELIVERY_PARKED : DELIVERY_WAITING;
    delivery.error = r == 0 ? "" : err->detail;
    meter_count(METER_WEBHOOK_DELIVERIES, r == 0 ? "delivered" : "failed");
    if (r < 0) {
        log_error(WEBHOOK_FAILED, err, LT("delivery", job->key),
                  LT("endpoint", delivery.endpoint_id), LI("status", delivery.status));
    }
    struct err noting = {0};
    int noted = store_write(payments->options.store, noted_tx, &delivery, &noting);
    if (noted < 0) {
        *err = noting;
        return noted;
    }
    return gone ? 0 : r;
}

int webhook_parked(struct store_tx *tx, void *ctx, const struct job *job, const struct err *why,
                   struct err *err) {
    (void)ctx;
    meter_count_after(tx, METER_WEBHOOK_DELIVERIES, "parked");
    return sql_put(
        tx, err,
        "UPDATE webhook_delivery SET state = $2, last_error = $3, updated_us = $4 WHERE id = $1",
        S_TEXT(job->key), S_INT(DELIVERY_PARKED), S_TEXT(why->detail), S_INT(clock_wall_us()));
}

/* ---- endpoints ---- */

static const char *const event_types[] = {
    "payment.processing",      "payment.requires_action", "payment.authorized",
    "payment.succeeded",       "payment.captured",        "payment.failed",
    "payment.canceled",        "payment.review",          "payment.partially_paid",
    "payment.deferred",        "payment.reminder",        "payment.expired",
    "payment.queued",          "payment.taken_back",      "refund.pending",
    "refund.processing",       "refund.succeeded",        "refund.failed",
    "mode.changed",            "methods.changed",         "manual_payment.asked",
    "manual_payment.approved", "manual_payment.rejected", "ticket.opened",
    "ticket.assigned",         "ticket.escalated",        "ticket.approval",
    "ticket.resolved",         "ticket.closed",           "ticket.reopened",
};

static bool type_known(const char *type, size_t length) {
    for (size_t i = 0; i < COUNT_OF(event_types); i++) {
        if (strlen(event_types[i]) == length && strncmp(event_types[i], type, length) == 0) {
            return true;
        }
    }
    return false;
}

static int check_types(const char *types, struct err *err) {
    if (strcmp(types, "*") == 0) {
        return 0;
    }
    const char *at = types;
    while (true) {
        size_t length = strcspn(at, ",");
        if (strlen(types) > TYPES_CHARS_MAX || !type_known(at, length)) {
            err_set(err, ERR_VALIDATION, "\"%.*s\" is not a type of event",
                    (int)(length < 60 ? length : 60), at);
            err_place(err, "/types");
            return err_hint(err,
                            "\"*\" for all, or names like payment.succeeded, separated by commas.");
        }
        if (at[length] == '\0') {
            return 0;
        }
        at += length + 1;
    }
}

/* https, or http to this machine for tests and the demo. */
static int check_url(const char *url, struct err *err) {
    bool loopback = strncmp(url, "http://", 7) == 0 && exchange_url_is_loopback(url);
    bool secure = strncmp(url, "https://", 8) == 0 && url[8] != '\0';
    if ((!secure && !loopback) || strlen(url) > ENDPOINT_URL_CHARS_MAX) {
        err_set(err, ERR_VALIDATION,
                "the endpoint's URL must be https and at most %d characters long",
                ENDPOINT_URL_CHARS_MAX);
        return err_place(err, "/url");
    }
    return 0;
}

#define ENDPOINT_COLUMNS "id, url, types, description, enabled, old_until_us, created_us"

static void render_endpoint(struct buf *buf, const struct sql_rows *rows, const char *secret) {
    char time[CLOCK_TEXT_MAX];
    buf_add_text(buf, "{\"id\":");
    buf_add_json(buf, sql_text(rows, 0));
    buf_add_text(buf, ",\"url\":");
    buf_add_json(buf, sql_text(rows, 1));
    buf_add_text(buf, ",\"types\":");
    buf_add_json(buf, sql_text(rows, 2));
    buf_add_text(buf, ",\"description\":");
    buf_add_json(buf, sql_text(rows, 3));
    buf_addf(buf, ",\"enabled\":%s", sql_int(rows, 4) == 1 ? "true" : "false");
    if (sql_int(rows, 5) > clock_wall_us()) {
        buf_addf(buf, ",\"old_secret_until\":\"%s\"", clock_format(sql_int(rows, 5), time));
    }
    if (secret != NULL) {
        buf_add_text(buf, ",\"secret\":");
        buf_add_json(buf, secret);
    }
    buf_addf(buf, ",\"created_at\":\"%s\"}", clock_format(sql_int(rows, 6), time));
}

struct endpoint_change {
    const struct caller *caller;
    const char *id, *url, *types, *description;
    int enabled;
    int64_t overlap_us;
    const char *action; /* for the audit log */
    struct endpoint_id fresh;
};

static int answer_endpoint(struct store_tx *tx, const char *id, int status, const char *secret,
                           struct answer *ret_answer, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " ENDPOINT_COLUMNS " FROM webhook_endpoint WHERE id = $1",
                      S_TEXT(id));
    r = r < 0 ? r : row_found(rows, "webhook endpoint", id, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    BUF_AUTO kept;
    buf_init(&buf, 16384);
    buf_init(&kept, 16384);
    render_endpoint(&buf, rows, secret);
    render_endpoint(&kept, rows, NULL);
    r = answer_take(ret_answer, status, &buf, err);
    ret_answer->kept_json = r >= 0 && !PLANTED(SECRET_KEPT)
                                ? buf_take(&kept)
                                : NULL; /* the secret is never stored readable */
    return r;
}

/* A new secret as the receiver gets it ("whsec_" and base 64) and sealed for the store. */
static int make_secret(struct payments *payments, const char *id,
                       char ret_text[STANDARD_WEBHOOK_SECRET_TEXT_MAX], char **ret_sealed,
                       struct err *err) {
    standard_webhook_secret_make(ret_text);
    SECRET_AUTO secret = secret_new(ret_text, strlen(ret_text));
    *ret_sealed = seal_text(payments->options.seal, id, secret);
    return *ret_sealed != NULL ? 0 : err_set(err, ERR_CRYPTO, "the new secret could not be sealed");
}

static int create_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    struct endpoint_change *change = ctx;
    char secret[STANDARD_WEBHOOK_SECRET_TEXT_MAX];
    char *sealed = NULL;
    int r = make_secret(payments, change->fresh.text, secret, &sealed, err);
    if (r < 0) {
        return r;
    }
    r = sql_put(
        tx, err,
        "INSERT INTO webhook_endpoint (id, url, types, description, enabled, sealed_secret, "
        "sealed_secret_old, old_until_us, created_us) VALUES ($1, $2, $3, $4, 1, $5, '', 0, $6)",
        S_TEXT(change->fresh.text), S_TEXT(change->url), S_TEXT(change->types),
        S_TEXT(change->description), S_TEXT(sealed), S_INT(clock_wall_us()));
    free(sealed);
    if (r >= 0) {
        r = audit_append(tx, change->caller->actor, change->action, change->fresh.text, "", "{}",
                         err);
    }
    return r < 0 ? r : answer_endpoint(tx, change->fresh.text, 201, secret, ret_answer, err);
}

static int update_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct endpoint_change *change = ctx;
    int64_t found = sql_exec(
        tx, err,
        "UPDATE webhook_endpoint SET url = CASE WHEN $2 = '' THEN url ELSE $2 END, "
        "types = CASE WHEN $3 = '' THEN types ELSE $3 END, "
        "enabled = CASE WHEN $4 < 0 THEN enabled ELSE $4 END WHERE id = $1",
        S_TEXT(change->id), S_TEXT(change->url != NULL ? change->url : ""),
        S_TEXT(change->types != NULL ? change->types : ""), S_INT(change->enabled));
    if (found < 0) {
        return (int)found;
    }
    int r = answer_endpoint(tx, change->id, 200, NULL, ret_answer, err);
    return r < 0
               ? r
               : audit_append(tx, change->caller->actor, change->action, change->id, "", "{}", err);
}

static int rotate_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    struct endpoint_change *change = ctx;
    char secret[STANDARD_WEBHOOK_SECRET_TEXT_MAX];
    char *sealed = NULL;
    int r = make_secret(payments, change->id, secret, &sealed, err);
    if (r < 0) {
        return r;
    }
    int64_t found = sql_exec(
        tx, err,
        "UPDATE webhook_endpoint SET sealed_secret_old = sealed_secret, sealed_secret = $2, "
        "old_until_us = $3 WHERE id = $1",
        S_TEXT(change->id), S_TEXT(sealed), S_INT(clock_wall_us() + change->overlap_us));
    free(sealed);
    if (found < 0) {
        return (int)found;
    }
    r = answer_endpoint(tx, change->id, 200, secret, ret_answer, err);
    return r < 0
               ? r
               : audit_append(tx, change->caller->actor, change->action, change->id, "", "{}", err);
}

static int delete_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct endpoint_change *change = ctx;
    int64_t found = sql_exec(tx, err, "DELETE FROM webhook_endpoint WHERE id = $1",
                             S_TEXT(change->id));
    if (found < 0) {
        return (int)found;
    }
    if (found == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no webhook endpoint %s", change->id);
    }
    int r = audit_append(tx, change->caller->actor, change->action, change->id, "", "{}", err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, 1024);
    buf_addf(&buf, "{\"id\":\"%s\",\"deleted\":true}", change->id);
    return answer_take(ret_answer, 200, &buf, err);
}

int webhook_endpoint_create(struct payments *payments, const struct caller *caller, const char *url,
                            const char *types, const char *description, struct answer *ret_answer,
                            struct err *err) {
    int r = check_url(url, err);
    r = r < 0 ? r : check_types(types, err);
    if (r < 0) {
        return r;
    }
    struct endpoint_change change = {.caller = caller,
                                     .url = url,
                                     .types = types,
                                     .description = description != NULL ? description : "",
                                     .action = "webhook.create",
                                     .fresh = endpoint_id_new()};
    return idempotent_run(payments, caller, change.action, create_fn, &change, ret_answer, err);
}

int webhook_endpoint_update(struct payments *payments, const struct caller *caller,
                            const char *endpoint_id, const char *url, const char *types,
                            int enabled, struct answer *ret_answer, struct err *err) {
    int r = url != NULL ? check_url(url, err) : 0;
    r = r < 0 || types == NULL ? r : check_types(types, err);
    if (r < 0) {
        return r;
    }
    struct endpoint_change change = {.caller = caller,
                                     .id = endpoint_id,
                                     .url = url,
                                     .types = types,
                                     .enabled = enabled,
                                     .action = "webhook.update"};
    return idempotent_run(payments, caller, change.action, update_fn, &change, ret_answer, err);
}

int webhook_endpoint_rotate(struct payments *payments, const struct caller *caller,
                            const char *endpoint_id, int64_t overlap_us, struct answer *ret_answer,
                            struct err *err) {
    if (overlap_us < 0 || overlap_us > OVERLAP_US_MAX) {
        err_set(err, ERR_VALIDATION, "the old secret can stay valid for 0 seconds to 7 days");
        return err_place(err, "/overlap_seconds");
    }
    struct endpoint_change change = {
        .caller = caller, .id = endpoint_id, .overlap_us = overlap_us, .action = "webhook.rotate"};
    return idempotent_run(payments, caller, change.action, rotate_fn, &change, ret_answer, err);
}

int webhook_endpoint_delete(struct payments *payments, const struct caller *caller,
                            const char *endpoint_id, struct answer *ret_answer, struct err *err) {
    struct endpoint_change change = {
        .caller = caller, .id = endpoint_id, .action = "webhook.delete"};
    return idempotent_run(payments, caller, change.action, delete_fn, &change, ret_answer, err);
}

struct list_ctx {
    const char *endpoint_id;
    int64_t state;
    int limit;
    struct answer *answer;
};

static void render_listed_endpoint(struct buf *buf, const struct sql_rows *rows, void *ctx) {
    (void)ctx;
    render_endpoint(buf, rows, NULL);
}

static int endpoints_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct list_ctx *list = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " ENDPOINT_COLUMNS " FROM webhook_endpoint ORDER BY created_us, id");
    return r < 0 ? r : answer_rows(list->answer, rows, render_listed_endpoint, NULL, err);
}

int webhook_endpoint_list(struct payments *payments, struct answer *ret_answer, struct err *err) {
    struct list_ctx list = {.answer = ret_answer};
    return store_read(payments->options.store, endpoints_tx, &list, err);
}

static void render_delivery(struct buf *buf, const struct sql_rows *rows, void *ctx) {
    (void)ctx;
    static const char *const keys[] = {"id", "endpoint_id", "event_id", "type"};
    char time[CLOCK_TEXT_MAX];
    buf_add_char(buf, '{');
    for (int i = 0; i < (int)COUNT_OF(keys); i++) {
        buf_addf(buf, "\"%s\":", keys[i]);
        buf_add_json(buf, sql_text(rows, i));
        buf_add_char(buf, ',');
    }
    int64_t state = sql_int(rows, 4);
    buf_addf(buf, "\"state\":\"%s\",\"tries\":%lld,\"last_status\":%lld,\"last_error\":",
             state > 0 && state < (int64_t)COUNT_OF(delivery_names) ? delivery_names[state] : "?",
             (long long)sql_int(rows, 5), (long long)sql_int(rows, 6));
    buf_add_json(buf, sql_text(rows, 7));
    buf_addf(buf, ",\"created_at\":\"%s\"", clock_format(sql_int(rows, 8), time));
    buf_addf(buf, ",\"updated_at\":\"%s\"}", clock_format(sql_int(rows, 9), time));
}

static int deliveries_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct list_ctx *list = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, endpoint_id, event_id, type, state, tries, last_status, "
                      "last_error, created_us, "
                      "updated_us FROM webhook_delivery WHERE ($1 = '' OR endpoint_id = $1) AND "
                      "($2 = 0 OR state = $2) ORDER BY updated_us DESC LIMIT $3",
                      S_TEXT(list->endpoint_id), S_INT(list->state), S_INT(list->limit));
    return r < 0 ? r : answer_rows(list->answer, rows, render_delivery, NULL, err);
}

int webhook_delivery_list(struct payments *payments, const char *endpoint_id, const char *state,
                          int limit, struct answer *ret_answer, struct err *err) {
    struct list_ctx list = {endpoint_id != NULL ? endpoint_id : "", 0, page_rows(limit),
                            ret_answer};
    for (int64_t i = 1; state != NULL && i < (int64_t)COUNT_OF(delivery_names); i++) {
        list.state = strcmp(state, delivery_names[i]) == 0 ? i : list.state;
    }
    if (state != NULL && list.state == 0) {
        err_set(err, ERR_VALIDATION, "there is no delivery state \"%s\"", state);
        err_place(err, "state");
        return err_hint(err, "One of: waiting, delivered, parked.");
    }
    return store_read(payments->options.store, deliveries_tx, &list, err);
}

int64_t delivery_wait_again(struct store_tx *tx, const char *id, int64_t now_us,
                            struct err *err) {
    return sql_exec(tx, err,
                    "UPDATE webhook_delivery SET state = $2, updated_us = $3 WHERE id = $1",
                    S_TEXT(id), S_INT(DELIVERY_WAITING), S_INT(now_us));
}

int webhook_delivery_replay(struct payments *payments, const struct caller *caller,
                            const char *delivery_id, struct answer *ret_answer, struct err *err) {
    static const struct replay replay = {"webhook delivery", JOB_WEBHOOK, "webhook.replay",
                                         "waiting", delivery_wait_again};
    return replay_run(payments, &replay, caller, delivery_id, ret_answer, err);
}
