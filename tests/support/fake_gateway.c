/* SPDX-License-Identifier: Apache-2.0
 * fake_gateway.c: scripts, books, events and deliveries of the gateways in memory. */
#include "support/fake_gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "support/fake_gateway_impl.h"
#include "support/test_clock.h"

enum { FIRST_PORT = 7001, ANSWER_BYTES_MAX = 4 * 1024 * 1024 };

static const char *const account_names[FAKE_ACCOUNTS] = {"stripe-a", "stripe-b", "stripe-c"};
static const char *const statuses[] = {
    "succeeded", "requires_capture", "requires_payment_method", "canceled",
    "failed",    "processing",       "requires_action",         "pending"};

const char *fake_act_name(enum fake_act act) {
    static const char *const names[] = {
        "do",
        "refuse",
        "lose before",
        "lose after",
        "time out before",
        "time out after",
        "garbage",
        "error before",
        "error after",
        "rate limit",
        "bad key",
        "reject",
        "?",
        "decline",
        "decline elsewhere",
        "decline for good",
        "pending",
        "action",
        "twice",
        "less",
        "wrong currency",
        "not found",
        "no captures",
    };
    static_assert(COUNT_OF(names) == FAKE_NO_CAPTURES + 1, "every act has a name");
    return (size_t)act < COUNT_OF(names) ? names[act] : "?";
}

const char *fake_account_name(int account) {
    return account_names[account];
}

void fake_account_url(int account, char ret_url[FAKE_URL_CHARS_MAX]) {
    snprintf(ret_url, FAKE_URL_CHARS_MAX, "http://127.0.0.1:%d", FIRST_PORT + account);
}

/* ---- answering ---- */

static bool fits(int script_account, const char *script_call, int account, const char *call) {
    return script_account == account &&
           (strcmp(script_call, "*") == 0 || strcmp(script_call, call) == 0);
}

/* What happens to this call; the lock is held. */
static enum fake_act next_act(struct fake_gateway *fake, int account, const char *call) {
    fake->counted++;
    if (fake->fault_number > 0 && fake->counted == fake->fault_number) {
        return fake->fault_act;
    }
    for (guint i = 0; i < fake->scripts->len; i++) {
        struct fake_script *script = &g_array_index(fake->scripts, struct fake_script, i);
        if (script->left != 0 && fits(script->account, script->call, account, call)) {
            script->left -= script->left > 0;
            return script->act;
        }
    }
    return FAKE_DO;
}

static int unanswered(struct http_answer *answer, enum http_reach reach, enum http_failure failure,
                      struct err *err) {
    *answer = (struct http_answer){.reach = reach, .failure = failure, .total_us = 1000};
    return err_set(err, failure == HTTP_FAIL_TIMEOUT ? ERR_TIMEOUT : ERR_UNREACHABLE,
                   "the fake: %s", http_failure_name(failure));
}

static int answered(struct http_answer *answer, int status, const char *body) {
    static const struct http_header headers[] = {{"Request-Id", "req_fake"}};
    http_answer_fill(answer, status, headers, COUNT_OF(headers), body, strlen(body));
    answer->total_us = 1000;
    return 0;
}

/* Acts before which nothing is done. True: `ret_result` and the answer are final. */
static bool act_before(enum fake_act act, const struct http_call *call, struct http_answer *answer,
                       int *ret_result, struct err *err) {
    static const char limited[] =
        "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"rate_limit\"}}";
    static const char bad_key[] =
        "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"no such key\"}}";
    static const char rejected[] =
        "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"parameter_unknown\"}}";
    switch (act) {
    case FAKE_REFUSE:
        *ret_result = unanswered(answer, HTTP_NOT_SENT, HTTP_FAIL_CONNECT, err);
        return true;
    case FAKE_TIME_OUT_BEFORE:
        test_clock_advance(call->timeout_us);
        *ret_result = unanswered(answer, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT, err);
        return true;
    case FAKE_LOSE_BEFORE:
        *ret_result = unanswered(answer, HTTP_MAYBE_SENT, HTTP_FAIL_RESET, err);
        return true;
    case FAKE_ERROR_BEFORE:
        *ret_result = answered(answer, 500, "{\"error\":{\"type\":\"api_error\"}}");
        return true;
    case FAKE_RATE_LIMIT:
        *ret_result = answered(answer, 429, limited);
        return true;
    case FAKE_BAD_KEY:
        *ret_result = answered(answer, 401, bad_key);
        return true;
    case FAKE_REJECT:
        *ret_result = answered(answer, 400, rejected);
        return true;
    default:
        return false;
    }
}

static int act_after(enum fake_act act, int status, const char *body, const struct http_call *call,
                     struct http_answer *answer, struct err *err) {
    switch (act) {
    case FAKE_LOSE_AFTER:
        return unanswered(answer, HTTP_MAYBE_SENT, HTTP_FAIL_RESET, err);
    case FAKE_TIME_OUT_AFTER:
        test_clock_advance(call->timeout_us);
        return unanswered(answer, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT, err);
    case FAKE_GARBAGE:
        return answered(answer, 200, "<html>the proxy has a bad day</html>");
    case FAKE_ERROR_AFTER:
        return answered(answer, 500, "{\"error\":{\"type\":\"api_error\"}}");
    default:
        return answered(answer, status, body);
    }
}

static int account_of(const char *url) {
    const char *colon = strrchr(url + strlen("http://"), ':');
    int account = colon != NULL ? (int)strtol(colon + 1, NULL, 10) - FIRST_PORT : -1;
    return account >= 0 && account < FAKE_ACCOUNTS ? account : -1;
}

static char *header_of(const struct http_call *call, const char *name) {
    const char *value = http_header_find(call->headers, call->header_count, name);
    return g_strdup(value != NULL ? value : "");
}

static int merchant(struct fake_gateway *fake, const struct http_call *call,
                    struct http_answer *answer, struct err *err) {
    if (fake->merchant_hook != NULL) {
        fake->merchant_hook(fake->merchant_hook_ctx);
    }
    lock_take(&fake->lock);
    int status = fake->merchant_status;
    if (status != 0) {
        struct fake_delivery delivery = {
            .id = header_of(call, "webhook-id"),
            .timestamp = header_of(call, "webhook-timestamp"),
            .signature = header_of(call, "webhook-signature"),
            .body = g_strndup(call->body, call->body_bytes),
        };
        g_array_append_val(fake->deliveries, delivery);
    }
    lock_give(&fake->lock);
    return status == 0 ? unanswered(answer, HTTP_NOT_SENT, HTTP_FAIL_CONNECT, err)
                       : answered(answer, status, "");
}

static int fake_call(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                     struct err *err) {
    struct fake_gateway *fake = ctx;
    if (strcmp(call->url, FAKE_MERCHANT_URL) == 0) {
        return merchant(fake, call, ret_answer, err);
    }
    if (strcmp(call->method, "HEAD") == 0) { /* somebody looks whether anybody is here */
        return answered(ret_answer, 404, "");
    }
    int account = account_of(call->url);
    const char *name = fake_stripe_name(call);
    INVARIANT(account >= 0 && name != NULL, "the fake knows every call that is made");
    lock_take(&fake->lock);
    struct fake_seen seen = {account, name};
    g_array_append_val(fake->seen, seen);
    enum fake_act act = next_act(fake, account, name);
    fake_hook_fn *hook = fake->hook;
    void *hook_ctx = fake->hook_ctx;
    lock_give(&fake->lock);
    if (hook != NULL) {
        hook(hook_ctx, account, name, false);
    }
    int result = 0;
    if (act_before(act, call, ret_answer, &result, err)) {
        return result;
    }
    BUF_AUTO body;
    buf_init(&body, ANSWER_BYTES_MAX);
    lock_take(&fake->lock);
    int64_t slow_us = fake->slow_us;
    int status = fake_stripe_do(fake, account, name, call, act, &body);
    lock_give(&fake->lock);
    if (hook != NULL) {
        hook(hook_ctx, account, name, true);
    }
    if (slow_us >= call->timeout_us) {
        act = FAKE_TIME_OUT_AFTER;
    } else {
        test_clock_advance(slow_us);
    }
    return act_after(act, status, body.data, call, ret_answer, err);
}

/* ---- life ---- */

static void free_key(void *item) {
    struct fake_key *key = item;
    g_free(key->key);
    g_free(key->request);
    g_free(key->body);
    g_free(key);
}

static void free_event(void *item) {
    free(((struct fake_event *)item)->body);
}

static void free_delivery(void *item) {
    struct fake_delivery *delivery = item;
    g_free(delivery->id);
    g_free(delivery->timestamp);
    g_free(delivery->signature);
    g_free(delivery->body);
}

struct fake_gateway *fake_gateway_new(void) {
    static const struct http_client_ops ops = {fake_call, NULL};
    struct fake_gateway *fake = g_new0(struct fake_gateway, 1);
    lock_init(&fake->lock);
    fake->client = http_client_custom(&ops, fake);
    fake->intents = g_ptr_array_new_with_free_func(g_free);
    fake->refunds = g_ptr_array_new_with_free_func(g_free);
    fake->disputes = g_ptr_array_new_with_free_func(fake_dispute_free);
    fake->keys = g_ptr_array_new_with_free_func(free_key);
    fake->scripts = g_array_new(FALSE, TRUE, sizeof(struct fake_script));
    fake->seen = g_array_new(FALSE, TRUE, sizeof(struct fake_seen));
    fake->events = g_array_new(FALSE, TRUE, sizeof(struct fake_event));
    fake->deliveries = g_array_new(FALSE, TRUE, sizeof(struct fake_delivery));
    g_array_set_clear_func(fake->events, free_event);
    g_array_set_clear_func(fake->deliveries, free_delivery);
    fake->merchant_status = 200;
    return fake;
}

void fake_gateway_free(struct fake_gateway *fake) {
    http_client_free(fake->client);
    g_ptr_array_free(fake->refunds, TRUE);
    g_ptr_array_free(fake->disputes, TRUE);
    g_ptr_array_free(fake->intents, TRUE);
    g_ptr_array_free(fake->keys, TRUE);
    g_array_free(fake->scripts, TRUE);
    g_array_free(fake->seen, TRUE);
    g_array_free(fake->events, TRUE);
    g_array_free(fake->deliveries, TRUE);
    lock_free(&fake->lock);
    g_free(fake);
}

struct http_client *fake_gateway_client(struct fake_gateway *fake) {
    return fake->client;
}

void fake_gateway_forget(struct fake_gateway *fake) {
    lock_take(&fake->lock);
    g_ptr_array_set_size(fake->refunds, 0);
    g_ptr_array_set_size(fake->disputes, 0);
    g_ptr_array_set_size(fake->intents, 0);
    g_ptr_array_set_size(fake->keys, 0);
    g_array_set_size(fake->scripts, 0);
    g_array_set_size(fake->seen, 0);
    g_array_set_size(fake->events, 0);
    g_array_set_size(fake->deliveries, 0);
    fake->counted = 0;
    fake->fault_number = 0;
    fake->slow_us = 0;
    fake->decline_code = NULL;
    fake->merchant_status = 200;
    fake->hook = NULL;
    lock_give(&fake->lock);
}

/* ---- scripts ---- */

void fake_decline_with(struct fake_gateway *fake, const char *decline_code) {
    lock_take(&fake->lock);
    fake->decline_code = decline_code;
    lock_give(&fake->lock);
}

void fake_say(struct fake_gateway *fake, int account, const char *call, int count,
              enum fake_act act) {
    struct fake_script script = {account, count, call, act};
    lock_take(&fake->lock);
    g_array_append_val(fake->scripts, script);
    lock_give(&fake->lock);
}

void fake_say_all(struct fake_gateway *fake, const char *call, int count, enum fake_act act) {
    for (int i = 0; i < FAKE_ACCOUNTS; i++) {
        fake_say(fake, i, call, count, act);
    }
}

void fake_say_nothing(struct fake_gateway *fake) {
    lock_take(&fake->lock);
    g_array_set_size(fake->scripts, 0);
    lock_give(&fake->lock);
}

void fake_fault_at(struct fake_gateway *fake, int number, enum fake_act act) {
    lock_take(&fake->lock);
    fake->counted = 0;
    fake->fault_number = number;
    fake->fault_act = act;
    lock_give(&fake->lock);
}

void fake_slow(struct fake_gateway *fake, int64_t us) {
    lock_take(&fake->lock);
    fake->slow_us = us;
    lock_give(&fake->lock);
}

void fake_hook(struct fake_gateway *fake, fake_hook_fn *fn, void *ctx) {
    lock_take(&fake->lock);
    fake->hook = fn;
    fake->hook_ctx = ctx;
    lock_give(&fake->lock);
}

int fake_calls(struct fake_gateway *fake, int account, const char *call) {
    int count = 0;
    lock_take(&fake->lock);
    for (guint i = 0; i < fake->seen->len; i++) {
        const struct fake_seen *seen = &g_array_index(fake->seen, struct fake_seen, i);
        count += fits(account, call, seen->account, seen->call);
    }
    lock_give(&fake->lock);
    return count;
}

int fake_calls_counted(struct fake_gateway *fake) {
    lock_take(&fake->lock);
    int counted = fake->counted;
    lock_give(&fake->lock);
    return counted;
}

/* ---- the book ---- */

void fake_book(struct fake_gateway *fake, int account, const char *currency,
               struct fake_book *ret_book) {
    struct fake_book book = {0};
    lock_take(&fake->lock);
    for (guint i = 0; i < fake->intents->len; i++) {
        const struct fake_intent *intent = g_ptr_array_index(fake->intents, i);
        if (intent->account == account && g_ascii_strcasecmp(intent->currency, currency) == 0) {
            book.taken_minor += intent->received;
            book.taken_count += intent->captures;
        }
    }
    for (guint i = 0; i < fake->refunds->len; i++) {
        const struct fake_refund *refund = g_ptr_array_index(fake->refunds, i);
        if (refund->intent->account == account && strcmp(refund->status, "succeeded") == 0 &&
            g_ascii_strcasecmp(refund->intent->currency, currency) == 0) {
            book.returned_minor += refund->amount;
            book.returned_count++;
        }
    }
    book.returned_minor += fake_disputes_out(fake, account, currency);
    lock_give(&fake->lock);
    *ret_book = book;
}

int fake_charged(struct fake_gateway *fake, const char *order_id, int64_t *ret_minor) {
    int count = 0;
    int64_t sum = 0;
    lock_take(&fake->lock);
    for (guint i = 0; i < fake->intents->len; i++) {
        const struct fake_intent *intent = g_ptr_array_index(fake->intents, i);
        if (strcmp(intent->order_id, order_id) == 0 && intent->received > 0) {
            count++;
            sum += intent->received;
        }
    }
    lock_give(&fake->lock);
    if (ret_minor != NULL) {
        *ret_minor = sum;
    }
    return count;
}

const char *fake_status(struct fake_gateway *fake, int account, const char *reference) {
    const char *status = "";
    lock_take(&fake->lock);
    for (guint i = 0; i < fake->intents->len; i++) {
        const struct fake_intent *intent = g_ptr_array_index(fake->intents, i);
        if (intent->account == account && strcmp(intent->reference, reference) == 0) {
            status = intent->status;
        }
    }
    lock_give(&fake->lock);
    return status;
}

/* ---- what happens by itself ---- */

static const char *status_of(const char *name) {
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (strcmp(statuses[i], name) == 0) {
            return statuses[i];
        }
    }
    INVARIANT(false, "a state of Stripe's");
    return NULL;
}

void fake_payment_becomes(struct fake_gateway *fake, int account, const char *order_id,
                          const char *status) {
    struct fake_intent *found = NULL;
    lock_take(&fake->lock);
    for (guint i = 0; i < fake->intents->len; i++) {
        struct fake_intent *intent = g_ptr_array_index(fake->intents, i);
        found = intent->account == account && strcmp(intent->order_id, order_id) == 0 ? intent
                                                                                      : found;
    }
    INVARIANT(found != NULL, "the order has a payment at the fake");
    if (strcmp(status, "succeeded") == 0) {
        found->capture_later = false;
        fake_intent_succeed(fake, found);
    } else {
        found->status = status_of(status);
        found->decline_code = strcmp(status, "requires_payment_method") == 0 ? "insufficient_funds"
                                                                             : NULL;
        fake_stripe_event(fake, found);
    }
    lock_give(&fake->lock);
}

void fake_refund_becomes(struct fake_gateway *fake, int account, const char *order_id,
                         const char *status) {
    struct fake_refund *found = NULL;
    lock_take(&fake->lock);
    for (guint i = 0; i < fake->refunds->len; i++) {
        struct fake_refund *refund = g_ptr_array_index(fake->refunds, i);
        if (refund->intent->account == account && strcmp(refund->intent->order_id, order_id) == 0) {
            found = refund;
        }
    }
    INVARIANT(found != NULL, "the order has a refund at the fake");
    found->status = status_of(status);
    fake_stripe_refund_event(fake, found,
                             strcmp(status, "failed") == 0 ? "refund.failed" : "refund.updated");
    lock_give(&fake->lock);
}

int fake_charge_of_nobody(struct fake_gateway *fake, int account, const char *reference,
                          const char *order_id, int64_t amount_minor) {
    lock_take(&fake->lock);
    struct fake_intent *intent = fake_intent_new(fake, account, reference, order_id, amount_minor,
                                                 "usd");
    fake_intent_succeed(fake, intent);
    int index = (int)fake->events->len - 1;
    lock_give(&fake->lock);
    return index;
}

struct fake_intent *fake_newest(struct fake_gateway *fake, int account, const char *order_id) {
    struct fake_intent *found = NULL;
    for (guint i = 0; i < fake->intents->len; i++) {
        struct fake_intent *intent = g_ptr_array_index(fake->intents, i);
        found = intent->account == account && strcmp(intent->order_id, order_id) == 0 ? intent
                                                                                      : found;
    }
    INVARIANT(found != NULL, "the order has a payment at the fake");
    return found;
}

int fake_refund_of_nobody(struct fake_gateway *fake, int account, const char *order_id,
                          int64_t amount_minor) {
    lock_take(&fake->lock);
    struct fake_refund *made = g_new0(struct fake_refund, 1);
    made->intent = fake_newest(fake, account, order_id);
    made->amount = amount_minor;
    made->status = "succeeded";
    made->created_s = clock_wall_us() / US_PER_SECOND;
    snprintf(made->id, sizeof made->id, "re_fake_%lld", (long long)++fake->last_id);
    g_ptr_array_add(fake->refunds, made);
    fake_stripe_refund_event(fake, made, "refund.created");
    int index = (int)fake->events->len - 1;
    lock_give(&fake->lock);
    return index;
}

int fake_capture_of_nobody(struct fake_gateway *fake, int account, const char *order_id,
                           int64_t amount_minor) {
    lock_take(&fake->lock);
    struct fake_intent *intent = fake_newest(fake, account, order_id);
    int64_t asked = intent->amount;
    intent->received += amount_minor;
    intent->captures++;
    intent->amount = amount_minor; /* as the event of that charge alone */
    snprintf(intent->charge_id, sizeof intent->charge_id, "ch_fake_%lld",
             (long long)++fake->last_id);
    fake_stripe_event(fake, intent);
    intent->amount = asked;
    int index = (int)fake->events->len - 1;
    lock_give(&fake->lock);
    return index;
}

void fake_payment_currency(struct fake_gateway *fake, int account, const char *order_id,
                           const char *currency) {
    lock_take(&fake->lock);
    struct fake_intent *intent = fake_newest(fake, account, order_id);
    snprintf(intent->currency, sizeof intent->currency, "%s", currency);
    lock_give(&fake->lock);
}

int fake_event_count(struct fake_gateway *fake) {
    lock_take(&fake->lock);
    int count = (int)fake->events->len;
    lock_give(&fake->lock);
    return count;
}

struct fake_event fake_event(struct fake_gateway *fake, int index) {
    lock_take(&fake->lock);
    INVARIANT(index >= 0 && index < (int)fake->events->len, "an event of the fake's");
    struct fake_event event = g_array_index(fake->events, struct fake_event, index);
    lock_give(&fake->lock);
    return event;
}

/* ---- the merchant ---- */

void fake_merchant_hook(struct fake_gateway *fake, void (*fn)(void *ctx), void *ctx) {
    fake->merchant_hook = fn;
    fake->merchant_hook_ctx = ctx;
}

void fake_merchant_answers(struct fake_gateway *fake, int status) {
    lock_take(&fake->lock);
    fake->merchant_status = status;
    lock_give(&fake->lock);
}

int fake_delivery_count(struct fake_gateway *fake) {
    lock_take(&fake->lock);
    int count = (int)fake->deliveries->len;
    lock_give(&fake->lock);
    return count;
}

struct fake_delivery fake_delivery(struct fake_gateway *fake, int index) {
    lock_take(&fake->lock);
    INVARIANT(index >= 0 && index < (int)fake->deliveries->len, "a delivery to the merchant");
    struct fake_delivery delivery = g_array_index(fake->deliveries, struct fake_delivery, index);
    lock_give(&fake->lock);
    return delivery;
}
