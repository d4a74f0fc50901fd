/* SPDX-License-Identifier: Apache-2.0
 * shop.c: customers who buy, and remember every word that they are given; and the merchant, who is
 * told by webhooks.
 *
 * What a customer does is drawn from the seed, the customer and the purchase alone, so that fewer
 * customers or purchases leave the others as they were. An answer below 500 that is no "later" is
 * final: a *promise*. A request without such an answer is repeated with the same key; who walked
 * away comes back once everything is quiet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "net/standard_webhook.h"
#include "sim/accounts.h"
#include "sim/bank_rows.h"
#include "sim/held.h"
#include "sim/oracle_impl.h"
#include "sim/responders.h"
#include "sim/shop.h"

enum { TIMEOUT_S = 25, PATIENCE_TRIES = 3000 };

/* ---- one request ---- */

static bool says(const json_t *answer, const char *word) {
    const char *type = json_peek_text(answer, "type", NULL);
    return type != NULL && strstr(type, word) != NULL;
}

bool shop_is_final(int status, const json_t *answer) {
    return status < 500 && status != 429 && !(status == 409 && says(answer, "in-flight"));
}

/* One try. False: no answer came. */
static bool try_once(struct run *run, const char *method, const char *path, const char *key,
                     const char *body, int scope, int64_t timeout_us, int *ret_status,
                     json_t **ret_answer) {
    char url[512], bearer[RUN_KEY_CHARS + 16];
    struct err err = {0};
    struct http_answer answer = {0};
    snprintf(url, sizeof url, "http://shop.holdfast.sim%s", path);
    snprintf(bearer, sizeof bearer, "Bearer %s", run->keys[scope]);
    const struct http_header headers[] = {
        {"Authorization", bearer},
        {"Content-Type", "application/json"},
        {"Idempotency-Key", key},
    };
    struct http_call call = {
        .method = method,
        .url = url,
        .headers = headers,
        .header_count = key != NULL ? 3 : 2,
        .body = body,
        .body_bytes = body != NULL ? strlen(body) : 0,
        .timeout_us = timeout_us,
    };
    bool revoked = run->revoked[scope];
    int r = http_call(run->outside, &call, &answer, &err);
    if (r < 0) {
        http_answer_release(&answer);
        return false;
    }
    if (revoked && answer.status < 300) {
        run_fail(run, "access", "", "%s %s was answered with %d, though key %d had been revoked",
                 method, path, answer.status, scope);
    }
    *ret_status = answer.status;
    *ret_answer = json_loadb(answer.body, answer.body_bytes, JSON_DECODE_ANY, NULL);
    http_answer_release(&answer);
    return true;
}

static void keep(struct run *run, const char *kind, const char *order, const char *path,
                 const char *key, const char *body, int scope, int status, json_t *answer) {
    struct promise *promise = g_new0(struct promise, 1);
    promise->kind = kind;
    promise->path = g_strdup(path);
    promise->key = g_strdup(key);
    promise->body = g_strdup(body);
    promise->scope = scope;
    promise->status = status;
    promise->answer = json_incref(answer);
    promise->at_us = sim_world_now_us(run->world);
    snprintf(promise->order, sizeof promise->order, "%s", order);
    g_ptr_array_add(run->promises, promise);
    if (status < 300) {
        oracle_said(run, promise->key, answer);
    }
    const char *state = json_peek_text(answer, "state", NULL);
    const char *type = json_peek_text(answer, "type", NULL);
    sim_say(run->world, "%s %s: told %d %s %s", order, kind, status,
            state != NULL  ? state
            : type != NULL ? type
                           : "",
            oracle_text(answer, "id"));
}

/* A key of the shop's that was replaced meanwhile leads to the present one. */
json_t *shop_ask_as(struct purchase *purchase, struct prng *prng, int scope, const char *kind,
                    const char *path, const char *key, const char *body, int *ret_status) {
    struct run *run = purchase->customer->run;
    bool shop = scope < RUN_KEYS_MAX;
    bool leaves = run_sees(run, SEE_WALK_AWAY) && prng_below(prng, 4) == 0;
    for (int i = 0; i < PATIENCE_TRIES; i++) {
        json_t *answer = NULL;
        int status = 0;
        int64_t timeout = leaves && i == 0 ? 10000 + (int64_t)prng_below(prng, 2000000)
                                           : TIMEOUT_S * US_PER_SECOND;
        bool answered = try_once(run, "POST", path, key, body, scope, timeout, &status, &answer);
        if (answered && status == 401 && shop && scope != run->key_count - 1) {
            scope = run->key_count - 1; /* ours was replaced */
            json_decref(answer);
            continue;
        }
        if (answered && shop_is_final(status, answer)) {
            keep(run, kind, purchase->order, path, key, body, scope, status, answer);
            *ret_status = status;
            return answer;
        }
        json_decref(answer);
        int64_t pause = 100000 + (int64_t)prng_below(prng, 1500000);
        task_sleep_us(leaves && i == 0 ? 20 * US_PER_SECOND + pause : pause);
    }
    run_fail(run, "answer", purchase->order, "%s %s (%s): no final answer after %d tries", kind,
             path, key, PATIENCE_TRIES);
    *ret_status = 0;
    return NULL;
}

json_t *shop_ask(struct purchase *purchase, struct prng *prng, const char *kind, const char *path,
                 const char *key, const char *body, int *ret_status) {
    return shop_ask_as(purchase, prng, purchase->customer->run->key_count - 1, kind, path, key,
                       body, ret_status);
}

bool shop_try(struct run *run, const char *method, const char *path, const char *key,
              const char *body, int *ret_status, json_t **ret_answer) {
    return try_once(run, method, path, key, body, run->key_count - 1, TIMEOUT_S * US_PER_SECOND,
                    ret_status, ret_answer);
}

bool shop_again(struct run *run, const struct promise *promise, int *ret_status,
                json_t **ret_answer) {
    for (int i = 0; i < 100; i++) {
        json_t *answer = NULL;
        if (try_once(run, "POST", promise->path, promise->key, promise->body, promise->scope,
                     TIMEOUT_S * US_PER_SECOND, ret_status, &answer) &&
            shop_is_final(*ret_status, answer)) {
            *ret_answer = answer;
            return true;
        }
        json_decref(answer);
        task_sleep_us(200000);
    }
    return false;
}

/* ---- what is done to a payment ---- */

struct part {
    struct purchase *purchase;
    struct prng prng;
    const char *kind;
    char path[128], key[128], body[BODY_CHARS];
};

static void run_part(void *arg) {
    struct part *part = arg;
    int status = 0;
    json_decref(shop_ask(part->purchase, &part->prng, part->kind, part->path, part->key, part->body,
                         &status));
    part->purchase->parts--;
    g_free(part);
}

void shop_beside(struct purchase *purchase, const char *kind, const char *path, const char *key,
                 const char *body) {
    struct part *part = g_new0(struct part, 1);
    part->purchase = purchase;
    part->kind = kind;
    prng_init(&part->prng, prng_next(&purchase->prng));
    snprintf(part->path, sizeof part->path, "%s", path);
    snprintf(part->key, sizeof part->key, "%s", key);
    snprintf(part->body, sizeof part->body, "%s", body);
    purchase->parts++;
    sim_process_run(purchase->customer->run->shop_process, kind, run_part, part);
}

void shop_await_parts(struct purchase *purchase) {
    while (purchase->parts > 0) {
        task_sleep_us(20 * US_PER_MS);
    }
}

/* Some now and the rest later, so that refunds have two captures to choose from. */
static void capture_in_parts(struct purchase *purchase) {
    char path[128], key[128], body[BODY_CHARS];
    int64_t first = 1 + (int64_t)prng_below(&purchase->prng, (uint64_t)purchase->amount / 2);
    snprintf(path, sizeof path, "/v1/payments/%s/capture", purchase->payment);
    snprintf(key, sizeof key, "%s-capture-1", purchase->order);
    snprintf(body, sizeof body, "{\"amount\":%lld,\"final\":false}", (long long)first);
    shop_beside(purchase, "capture-part", path, key, body);
    shop_await_parts(purchase);
    snprintf(key, sizeof key, "%s-capture-2", purchase->order);
    snprintf(body, sizeof body, "{\"amount\":%lld}", (long long)(purchase->amount - first));
    shop_beside(purchase, "capture-part", path, key, body);
    shop_await_parts(purchase);
}

static void do_holds(struct purchase *purchase) {
    char path[128], key[128], body[BODY_CHARS];
    bool capture = prng_below(&purchase->prng, 100) < 60;
    bool both = prng_below(&purchase->prng, 100) < 25; /* at the same time */
    if (capture && !both && prng_below(&purchase->prng, 3) == 0) {
        capture_in_parts(purchase);
        return;
    }
    if (capture || both) {
        int64_t part = prng_below(&purchase->prng, 2) == 0
                           ? purchase->amount
                           : 1 + (int64_t)prng_below(&purchase->prng, (uint64_t)purchase->amount);
        snprintf(path, sizeof path, "/v1/payments/%s/capture", purchase->payment);
        snprintf(key, sizeof key, "%s-capture", purchase->order);
        snprintf(body, sizeof body, "{\"amount\":%lld}", (long long)part);
        shop_beside(purchase, "capture", path, key, body);
    }
    if (!capture || both) {
        snprintf(path, sizeof path, "/v1/payments/%s/cancel", purchase->payment);
        snprintf(key, sizeof key, "%s-cancel", purchase->order);
        shop_beside(purchase, "cancel", path, key,
                    "{\"reason\":\"the customer thought better of it\"}");
    }
    shop_await_parts(purchase);
}

json_t *shop_look(struct purchase *purchase) {
    struct run *run = purchase->customer->run;
    char path[128];
    json_t *answer = NULL;
    int status = 0;
    snprintf(path, sizeof path, "/v1/payments/%s", purchase->payment);
    if (!try_once(run, "GET", path, NULL, NULL, run->key_count - 1, TIMEOUT_S * US_PER_SECOND,
                  &status, &answer) ||
        status != 200) {
        if (status == 404) {
            run_fail(run, "promise", purchase->order, "%s was told of and is not there (404)",
                     purchase->payment);
        }
        json_decref(answer);
        return NULL;
    }
    keep(run, "look", purchase->order, path, "", "", run->key_count - 1, status, answer);
    return answer;
}

static void do_refunds(struct purchase *purchase) {
    char path[128], key[128], body[BODY_CHARS];
    int count = 1 + (int)prng_below(&purchase->prng, 4);
    bool at_once = prng_below(&purchase->prng, 2) == 0;
    snprintf(path, sizeof path, "/v1/payments/%s/refunds", purchase->payment);
    for (int i = 0; i < count; i++) {
        int64_t part = prng_below(&purchase->prng, 4) == 0
                           ? purchase->amount
                           : 1 + (int64_t)prng_below(&purchase->prng,
                                                     (uint64_t)(purchase->amount * 2 / 3) + 1);
        snprintf(key, sizeof key, "%s-refund-%d", purchase->order, i);
        bool credit = prng_below(&purchase->prng, 8) == 0;
        snprintf(body, sizeof body, "{\"amount\":%lld,\"reason\":\"requested_by_customer\"%s}",
                 (long long)part, credit ? ",\"to_original_method\":false" : "");
        shop_beside(purchase, "refund", path, key, body);
        if (!at_once) {
            shop_await_parts(purchase);
        }
    }
    json_decref(shop_look(purchase)); /* while they are under way, and after */
    shop_await_parts(purchase);
    json_decref(shop_look(purchase));
}

/* Until the payment has come to a state in which more can be done with it. */
static void await_state(struct purchase *purchase, char *ret_state, size_t bytes) {
    for (int i = 0; i < 40; i++) {
        json_t *answer = shop_look(purchase);
        const char *state = json_peek_text(answer, "state", NULL);
        snprintf(ret_state, bytes, "%s", state != NULL ? state : "");
        json_decref(answer);
        if (strcmp(ret_state, "processing") != 0 && strcmp(ret_state, "created") != 0 &&
            ret_state[0] != '\0') {
            return;
        }
        task_sleep_us(500000 + (int64_t)prng_below(&purchase->prng, 8000000));
    }
}

/* ---- buying ---- */

/* To three in four customers no refund can be paid: the bank sends it back to Stripe. Only a
 * callback tells of that, and statements lie about enough. */
static bool sends_back(const struct purchase *purchase) {
    const struct run *run = purchase->customer->run;
    struct prng own;
    run_prng(run, &own, "refunds-back", purchase->customer->number);
    return prng_below(&own, 4) != 0 && run_sees(run, SEE_REFUNDS_BACK) && !purchase->late &&
           !run_sees(run, SEE_CALLBACKS_LOST) && !run_sees(run, SEE_STATEMENTS);
}

/* Each customer has a card of his own, and where cards are worn one of two in three purchases by
 * which the bank never pays: one for now, one for good. All share these two. */
static void write_tokens(const struct purchase *purchase, bool stripe, bool paypal,
                         struct prng *prng, char *text, size_t bytes) {
    static const char *const kinds[][2] = {
        {"pm_card_visa", "vault_visa"},
        {"pm_card_visa_chargeDeclinedInsufficientFunds", "vault_declined_INSTRUMENT_DECLINED"},
        {"pm_card_visa_chargeDeclinedStolenCard", "vault_declined_9520"},
    };
    struct run *run = purchase->customer->run;
    bool worn = run_sees(run, SEE_WORN_CARDS) && !purchase->late;
    uint64_t drawn = worn ? prng_below(prng, 6) : 0;
    size_t kind = drawn == 5 ? 2 : drawn >= 2 ? 1 : 0;
    int card = kind == 0 ? purchase->customer->number : 1000;
    char stripe_token[96] = "", paypal_token[96] = "";
    if (stripe) {
        bool back = kind == 0 && sends_back(purchase);
        const char *name = back ? "pm_card_refundFail" : kinds[kind][0];
        snprintf(stripe_token, sizeof stripe_token, "\"stripe-eu\":\"%s.%d\"", name, card);
    }
    if (paypal) {
        snprintf(paypal_token, sizeof paypal_token, "\"paypal-eu\":\"%s.%d\"", kinds[kind][1],
                 card);
    }
    snprintf(text, bytes, "%s%s%s", stripe_token, stripe && paypal ? "," : "", paypal_token);
}

static void write_purchase(struct purchase *purchase) {
    static const char *const currencies[] = {"USD", "EUR", "JPY"};
    struct run *run = purchase->customer->run;
    struct prng *prng = &purchase->prng;
    uint64_t token = prng_below(prng, 10);
    purchase->amount = 100 + (int64_t)prng_below(prng, 20000);
    purchase->hold = prng_below(prng, 3) == 0 && run_sees(run, SEE_HOLDS);
    const char *currency = currencies[prng_below(prng, COUNT_OF(currencies))];
    snprintf(purchase->order, sizeof purchase->order, purchase->late ? "late-%d-%d" : "order-%d-%d",
             purchase->customer->number, purchase->number);
    bool late = purchase->late;
    bool stripe = late ? purchase->wallet == SB_STRIPE : token != 0;
    bool paypal = late ? purchase->wallet == SB_PAYPAL : token != 1;
    purchase->hold = late ? purchase->end != LATE_PAYS : purchase->hold;
    if (buyers_write(purchase)) {
        return;
    }
    char tokens[256];
    write_tokens(purchase, stripe, paypal, prng, tokens, sizeof tokens);
    snprintf(purchase->body, sizeof purchase->body,
             "{\"order_id\":\"%s\",\"amount\":%lld,\"currency\":\"%s\",\"method\":\"card\",%s"
             "\"tokens\":{%s},\"customer\":{\"id\":\"customer-%d\",\"region\":\"DE\"%s}}",
             purchase->order, (long long)purchase->amount, currency,
             purchase->hold ? "\"capture\":\"manual\"," : "", tokens, purchase->customer->number,
             late ? ",\"vip\":true" : "");
}

static void repeat_it(struct purchase *purchase, const char *key) {
    char body[BODY_CHARS + 32];
    struct run *run = purchase->customer->run;
    if (!run_sees(run, SEE_REPEATS)) {
        return;
    }
    if (prng_below(&purchase->prng, 3) == 0) {
        shop_beside(purchase, "pay", "/v1/payments", key, purchase->body);
    }
    if (prng_below(&purchase->prng, 6) == 0) {
        snprintf(body, sizeof body, "{\"description\":\"another\",%s", purchase->body + 1);
        shop_beside(purchase, "other-body", "/v1/payments", key, body);
    }
}

static void buy(struct purchase *purchase) {
    struct run *run = purchase->customer->run;
    char key[128], state[32] = "";
    int status = 0;
    write_purchase(purchase);
    snprintf(key, sizeof key, "%s-pay", purchase->order);
    if (prng_below(&purchase->prng, 25) == 0) {
        char body[BODY_CHARS + 64], bad[128];
        snprintf(bad, sizeof bad, "%s-card", purchase->order);
        snprintf(body, sizeof body, "{\"description\":\"" SIM_CARD_NUMBER "\",%s",
                 purchase->body + 1);
        json_decref(
            shop_ask(purchase, &purchase->prng, "card-number", "/v1/payments", bad, body, &status));
    }
    repeat_it(purchase, key);
    json_t *answer = shop_ask(purchase, &purchase->prng, "pay", "/v1/payments", key, purchase->body,
                              &status);
    const char *id = json_peek_text(answer, "id", NULL);
    snprintf(purchase->payment, sizeof purchase->payment, "%s", id != NULL ? id : "");
    json_decref(answer);
    if (purchase->payment[0] == '\0') {
        shop_await_parts(purchase);
        return;
    }
    if (run_sees(run, SEE_SAME_ORDER) && prng_below(&purchase->prng, 4) == 0) {
        snprintf(key, sizeof key, "%s-second", purchase->order);
        shop_beside(purchase, "second", "/v1/payments", key, purchase->body);
    }
    if (purchase->by_wallet) {
        buyers_act(purchase);
    }
    await_state(purchase, state, sizeof state);
    if (strcmp(state, "authorized") == 0) {
        do_holds(purchase);
        await_state(purchase, state, sizeof state);
    }
    if (strcmp(state, "succeeded") == 0 && run_sees(run, SEE_REFUNDS) &&
        (prng_below(&purchase->prng, 3) == 0 || sends_back(purchase))) {
        do_refunds(purchase);
    }
    shop_await_parts(purchase);
}

static void customer_main(void *arg) {
    struct customer *customer = arg;
    struct run *run = customer->run;
    struct prng prng;
    run_prng(run, &prng, "customer", customer->number);
    for (int i = 0; i < run->purchases; i++) {
        task_sleep_us((int64_t)prng_below(&prng, 4000000));
        struct purchase purchase = {.customer = customer, .number = i};
        run_prng(run, &purchase.prng, "purchase", customer->number * 1000 + i);
        buy(&purchase);
    }
    run->shopping--;
    g_free(customer);
}

void shop_latecomer(struct run *run, enum sb_gateway gateway, const char *operation) {
    struct customer customer = {run, RUN_CUSTOMERS_MAX};
    struct purchase purchase = {.customer = &customer,
                                .number = run->latecomers++,
                                .late = true,
                                .wallet = gateway,
                                .end = strcmp(operation, "capture") == 0  ? LATE_CAPTURES
                                       : strcmp(operation, "cancel") == 0 ? LATE_CANCELS
                                                                          : LATE_PAYS};
    char path[128], key[128], state[32] = "";
    int status = 0;
    run_prng(run, &purchase.prng, "late", purchase.number);
    write_purchase(&purchase);
    snprintf(key, sizeof key, "%s-pay", purchase.order);
    json_t *answer = shop_ask(&purchase, &purchase.prng, "pay", "/v1/payments", key, purchase.body,
                              &status);
    const char *id = json_peek_text(answer, "id", NULL);
    snprintf(purchase.payment, sizeof purchase.payment, "%s", id != NULL ? id : "");
    json_decref(answer);
    if (purchase.payment[0] == '\0') {
        return;
    }
    if (purchase.by_wallet) {
        buyers_act(&purchase);
        shop_await_parts(&purchase);
    }
    await_state(&purchase, state, sizeof state);
    if (strcmp(state, "authorized") == 0) {
        bool capture = purchase.end == LATE_CAPTURES;
        snprintf(path, sizeof path, "/v1/payments/%s/%s", purchase.payment,
                 capture ? "capture" : "cancel");
        snprintf(key, sizeof key, "%s-end", purchase.order);
        json_decref(shop_ask(&purchase, &purchase.prng, capture ? "capture" : "cancel", path, key,
                             "{}", &status));
        await_state(&purchase, state, sizeof state);
    }
    if (strcmp(state, "succeeded") == 0) {
        snprintf(path, sizeof path, "/v1/payments/%s/refunds", purchase.payment);
        snprintf(key, sizeof key, "%s-refund", purchase.order);
        json_decref(shop_ask(&purchase, &purchase.prng, "refund", path, key,
                             "{\"amount\":10,\"reason\":\"requested_by_customer\"}", &status));
    }
}

void shop_open(struct run *run) {
    run->shopping = run->customers;
    for (int i = 0; i < run->customers; i++) {
        struct customer *customer = g_new0(struct customer, 1);
        *customer = (struct customer){run, i};
        sim_process_run(run->shop_process, "customer", customer_main, customer);
    }
    subscribers_open(run);
    bank_rows_open(run);
    held_open(run);
    clerks_open(run);
    responders_open(run);
    ladder_open(run);
    accounts_open(run);
}

/* ---- the merchant ---- */

enum { IN_FLIGHT_US = 60 * 1000 * 1000, CLOCKS_US = 2 * 600 * 1000 * 1000 };

static bool verifies(const struct http_request *request, const char *text) {
    struct err err = {0};
    struct secret *secret = NULL;
    if (text[0] == '\0' || standard_webhook_secret_read(text, &secret, &err) < 0) {
        return false;
    }
    const struct secret *keys[] = {secret};
    /* The service's clock may be off; then the merchant's tolerance is what refuses it. */
    int r = standard_webhook_verify(keys, 1, request->headers, request->header_count, request->body,
                                    request->body_bytes, clock_wall_us() / US_PER_SECOND, &err);
    secret_free(secret);
    return r >= 0;
}

/* While a secret is being replaced both are good; when that is over, or was not wished for, the old
 * one is not. (What is under way and what clocks differ by is left out.) */
static void check_rotation(struct run *run, bool by_new, bool by_old) {
    int64_t since_us = sim_world_now_us(run->world) - run->rotated_us;
    if (run->webhook_secret_old[0] == '\0' || run->rotation_unsure || since_us < IN_FLIGHT_US) {
        return;
    }
    int64_t slack_us = run_sees(run, SEE_CLOCK) ? CLOCKS_US : IN_FLIGHT_US;
    bool overlaps = since_us < run->rotate_overlap_us - slack_us;
    bool over = since_us > run->rotate_overlap_us + slack_us;
    if (!by_new || (overlaps && !by_old)) {
        run_fail(run, "webhook", "",
                 "%lld s after a new secret a webhook is not signed with the %s",
                 (long long)(since_us / US_PER_SECOND), by_new ? "old one" : "new one");
    }
    if (over && by_old) {
        run_fail(run, "webhook", "", "%lld s after a new secret the old one is still good",
                 (long long)(since_us / US_PER_SECOND));
    }
}

/* What one event is told with is the same each time, and true at that moment. */
static void hear(struct run *run, const char *id, const struct http_request *request) {
    char *body = g_strndup(request->body, request->body_bytes);
    const char *before = g_hash_table_lookup(run->told_bytes, id);
    if (before != NULL) {
        if (strcmp(before, body) != 0) {
            run_fail(run, "webhook", id, "event %s was told twice, and differently", id);
        }
        g_free(body);
        return;
    }
    g_hash_table_insert(run->told_bytes, g_strdup(id), body);
    json_t *said = json_loads(body, 0, NULL);
    const char *named = json_peek_text(said, "id", NULL);
    if (named == NULL || strcmp(named, id) != 0) {
        run_fail(run, "webhook", id, "event %s calls itself %s", id, named != NULL ? named : "?");
    }
    oracle_said(run, id, json_object_get(said, "data"));
    json_decref(said);
}

/* Taken: the merchant answers for it. */
static void take(struct run *run, const char *id, const struct http_request *request) {
    if (!g_hash_table_contains(run->told, id)) {
        json_t *said = json_loadb(request->body, request->body_bytes, 0, NULL);
        const json_t *data = json_object_get(said, "data");
        g_hash_table_insert(run->told, g_strdup(id), said);
        sim_say(run->world, "#%llu tells %s of %s %s", (unsigned long long)sim_net_number(request),
                oracle_text(said, "type"), oracle_text(data, "id"), oracle_text(data, "order_id"));
    }
}

void merchant_handle(void *ctx, const struct http_request *request, struct http_reply *reply) {
    struct run *run = ctx;
    const char *id = http_header_find(request->headers, request->header_count, "webhook-id");
    reply->status = 500;
    if (run->webhook_secret[0] == '\0') {
        return; /* it does not know its own secret yet: later, please */
    }
    bool by_new = verifies(request, run->webhook_secret);
    bool by_old = verifies(request, run->webhook_secret_old);
    if (!by_new && !by_old) {
        bool settled = run->phase == RUN_QUIET && !run->rotation_unsure &&
                       sim_world_now_us(run->world) > run->quiet_us + IN_FLIGHT_US &&
                       sim_world_now_us(run->world) > run->rotated_us + IN_FLIGHT_US;
        if (settled) {
            run_fail(run, "webhook", "", "a webhook does not verify");
        }
        return;
    }
    check_rotation(run, by_new, by_old);
    if (id == NULL) {
        run_fail(run, "webhook", "", "a webhook without an id");
        return;
    }
    hear(run, id, request);
    struct prng *prng = sim_world_prng(run->world);
    if (run->phase == RUN_TROUBLE && prng_below(prng, 12) == 0) {
        return;
    }
    reply->status = 200;
    take(run, id, request);
}
