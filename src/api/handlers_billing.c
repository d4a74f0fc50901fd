/* SPDX-License-Identifier: Apache-2.0
 * handlers_billing.c: /v1/plans, /v1/subscriptions, /v1/billing and the test clock. */
#include <stdio.h>
#include <string.h>

#include "api/read.h"
#include "api/test_clock.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "store/audit.h"

/* ---- plans ---- */

static int one_of(const char *place, const char *allowed, struct err *err) {
    err_set(err, ERR_VALIDATION, "it must be one of: %s", allowed);
    return err_place(err, "%s", place);
}

static int read_plan(const json_t *body, struct plan_order *order, struct err *err) {
    static const char *const keys[] = {"name",           "amount",     "currency",    "interval",
                                       "interval_count", "trial_days", "when_unpaid", NULL};
    const char *currency = NULL, *interval = NULL, *when_unpaid = "cancel";
    int64_t count = 1, trial_days = 0;
    int r = json_only(body, "", keys, err);
    r = r < 0 ? r : json_need_text(body, "", "name", 1, PLAN_NAME_CHARS_MAX, &order->name, err);
    r = r < 0 ? r : read_amount(body, false, &order->amount_minor, err);
    r = r < 0 ? r : json_need_text(body, "", "currency", 1, 10, &currency, err);
    if (r >= 0) {
        r = currency_parse(currency, &order->currency, err);
        r = r < 0 ? err_place(err, "/currency") : r;
    }
    r = r < 0 ? r : json_need_text(body, "", "interval", 1, 10, &interval, err);
    r = r < 0 ? r : json_may_int(body, "", "interval_count", 1, PLAN_UNITS_MAX, &count, err);
    r = r < 0 ? r : json_may_int(body, "", "trial_days", 0, PLAN_TRIAL_DAYS_MAX, &trial_days, err);
    r = r < 0 ? r : json_may_text(body, "", "when_unpaid", 1, 20, &when_unpaid, err);
    if (r < 0) {
        return r;
    }
    if (!calendar_unit_parse(interval, &order->unit)) {
        return one_of("/interval", "day, week, month, year", err);
    }
    if (!when_unpaid_parse(when_unpaid, &order->when_unpaid)) {
        return one_of("/when_unpaid", "cancel, keep_unpaid", err);
    }
    order->unit_count = (int)count;
    order->trial_days = (int)trial_days;
    return 0;
}

int plans_post(struct ask *ask, struct err *err) {
    struct plan_order order = {0};
    int r = read_plan(ask->body, &order, err);
    return r < 0 ? r : plan_create(ask->service->billing, &ask->caller, &order, &ask->answer, err);
}

int plans_list(struct ask *ask, struct err *err) {
    int64_t limit = 0, all = 0;
    int r = read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    r = r < 0 ? r : read_query_int(ask, "all", 0, 1, &all, err);
    return r < 0 ? r : plan_list(ask->service->billing, all == 0, (int)limit, &ask->answer, err);
}

int plan_get_one(struct ask *ask, struct err *err) {
    struct plan_id id;
    int r = READ_ID(ask, "a plan", plan_id, &id, err);
    return r < 0 ? r : plan_get(ask->service->billing, id.text, &ask->answer, err);
}

int plan_patch(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"name", "active", NULL};
    struct plan_id id;
    const char *name = NULL;
    bool active = false;
    int r = READ_ID(ask, "a plan", plan_id, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "name", 1, PLAN_NAME_CHARS_MAX, &name, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "active", &active, err);
    bool said = json_is_boolean(json_object_get(ask->body, "active"));
    return r < 0 ? r
                 : plan_update(ask->service->billing, &ask->caller, id.text, name,
                               said ? active : -1, &ask->answer, err);
}

/* ---- subscriptions ---- */

static int read_method_of(const json_t *body, enum payment_method *ret_method, struct err *err) {
    const char *method = NULL;
    int r = json_need_text(body, "", "method", 1, 40, &method, err);
    return r < 0 || method_parse(method, ret_method)
               ? r
               : one_of("/method", "card, paypal, alipay, wechatpay, unionpay, bank_transfer", err);
}

static int read_customer_of(const json_t *body, struct subscription_order *order, struct err *err) {
    static const char *const keys[] = {"id", "email", "region", NULL};
    const json_t *customer = NULL;
    int r = json_need_object(body, "", "customer", &customer, err);
    r = r < 0 ? r : json_only(customer, "/customer", keys, err);
    r = r < 0 ? r
              : json_need_text(customer, "/customer", "id", 1, CUSTOMER_ID_CHARS_MAX,
                               &order->customer_id, err);
    r = r < 0 ? r : read_email(customer, "/customer", &order->customer_email, err);
    return r < 0 ? r : read_region(customer, "/customer", &order->customer_region, err);
}

static int read_plan_id(const json_t *body, struct plan_id *ret_id, struct err *err) {
    const char *text = NULL;
    int r = json_need_text(body, "", "plan_id", 1, ID_TEXT_MAX, &text, err);
    if (r >= 0 && plan_id_parse(text, ret_id, NULL) < 0) {
        err_set(err, ERR_VALIDATION, "\"%.60s\" is not a plan's id", text);
        return err_place(err, "/plan_id");
    }
    return r;
}

int subscriptions_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"plan_id",  "customer",  "method",     "tokens",
                                       "token",    "time_zone", "trial_days", "description",
                                       "metadata", NULL};
    struct subscription_order order = {.time_zone = "UTC"};
    struct plan_id plan;
    int64_t trial_days = -1;
    const json_t *body = ask->body;
    int r = json_only(body, "", keys, err);
    r = r < 0 ? r : read_plan_id(body, &plan, err);
    r = r < 0 ? r : read_customer_of(body, &order, err);
    r = r < 0 ? r : read_method_of(body, &order.method, err);
    r = r < 0 ? r : read_tokens(body, &order.tokens, &order.token, err);
    r = r < 0 ? r
              : json_may_text(body, "", "time_zone", 1, TIME_ZONE_CHARS_MAX, &order.time_zone, err);
    r = r < 0 ? r : json_may_int(body, "", "trial_days", 0, PLAN_TRIAL_DAYS_MAX, &trial_days, err);
    r = r < 0 ? r
              : json_may_lines(body, "", "description", 1, SUBSCRIPTION_TEXT_CHARS_MAX,
                               &order.description, err);
    r = r < 0 ? r : json_may_object(body, "", "metadata", &order.metadata, err);
    r = r < 0 || order.metadata == NULL
            ? r
            : read_texts(order.metadata, "/metadata", METADATA_KEYS_MAX, 500, err);
    if (r < 0) {
        return r;
    }
    order.plan_id = plan.text;
    order.trial_days = (int)trial_days;
    return subscription_create(ask->service->billing, &ask->caller, &order, &ask->answer, err);
}

int subscriptions_list(struct ask *ask, struct err *err) {
    char customer[QUERY_CHARS_MAX] = "", plan[QUERY_CHARS_MAX] = "", cursor[QUERY_CHARS_MAX] = "";
    char state[QUERY_CHARS_MAX] = "";
    int64_t limit = 0;
    struct subscription_filter filter = {
        .customer_id = customer, .plan_id = plan, .cursor = cursor};
    int r = read_query_text(ask, "customer_id", customer, err);
    r = r < 0 ? r : read_query_text(ask, "plan_id", plan, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", cursor, err);
    r = r < 0 ? r : read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    if (r < 0) {
        return r;
    }
    if (state[0] != '\0' && !subscription_state_parse(state, &filter.state)) {
        return one_of("query parameter state",
                      "starting, trialing, active, past_due, unpaid, paused, canceled", err);
    }
    filter.limit = (int)limit;
    return subscription_list(ask->service->billing, &filter, &ask->answer, err);
}

static int read_subscription_id(const struct ask *ask, struct subscription_id *ret_id,
                                struct err *err) {
    return READ_ID(ask, "a subscription", subscription_id, ret_id, err);
}

int subscription_get_one(struct ask *ask, struct err *err) {
    struct subscription_id id;
    int r = read_subscription_id(ask, &id, err);
    return r < 0 ? r : subscription_get(ask->service->billing, id.text, &ask->answer, err);
}

int subscription_invoices_get(struct ask *ask, struct err *err) {
    struct subscription_id id;
    int r = read_subscription_id(ask, &id, err);
    return r < 0
               ? r
               : subscription_invoices(ask->service->billing, id.text, PAGE_MAX, &ask->answer, err);
}

int subscription_cancel_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"at_period_end", "reason", NULL};
    struct subscription_id id;
    const char *reason = NULL;
    bool at_end = true;
    int r = read_subscription_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "at_period_end", &at_end, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : subscription_cancel(ask->service->billing, &ask->caller, id.text, at_end, reason,
                                       &ask->answer, err);
}

int subscription_pause_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    struct subscription_id id;
    const char *reason = NULL;
    int r = read_subscription_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : subscription_pause(ask->service->billing, &ask->caller, id.text, reason,
                                      &ask->answer, err);
}

/* For those that take nothing but the subscription. */
typedef int act_fn(struct billing *billing, const struct caller *caller, const char *id,
                   struct answer *ret_answer, struct err *err);
static int act(struct ask *ask, act_fn *fn, struct err *err) {
    static const char *const none[] = {NULL};
    struct subscription_id id;
    int r = read_subscription_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", none, err);
    return r < 0 ? r : fn(ask->service->billing, &ask->caller, id.text, &ask->answer, err);
}

int subscription_keep_post(struct ask *ask, struct err *err) {
    return act(ask, subscription_keep, err);
}

int subscription_resume_post(struct ask *ask, struct err *err) {
    return act(ask, subscription_resume, err);
}

int subscription_retry_post(struct ask *ask, struct err *err) {
    return act(ask, subscription_retry, err);
}

int subscription_change_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"plan_id", NULL};
    struct subscription_id id;
    struct plan_id plan;
    int r = read_subscription_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_plan_id(ask->body, &plan, err);
    return r < 0 ? r
                 : subscription_change(ask->service->billing, &ask->caller, id.text, plan.text,
                                       &ask->answer, err);
}

int subscription_method_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"method", "tokens", "token", NULL};
    struct subscription_id id;
    struct payment_choice choice = {0};
    int r = read_subscription_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_method_of(ask->body, &choice.method, err);
    r = r < 0 ? r : read_tokens(ask->body, &choice.tokens, &choice.token, err);
    return r < 0 ? r
                 : subscription_method(ask->service->billing, &ask->caller, id.text, &choice,
                                       &ask->answer, err);
}

/* ---- the switch ---- */

int billing_get(struct ask *ask, struct err *err) {
    return billing_switch(ask->service->billing, &ask->answer, err);
}

int billing_pause_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    const char *reason = NULL;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0
               ? r
               : billing_pause_all(ask->service->billing, &ask->caller, reason, &ask->answer, err);
}

int billing_resume_post(struct ask *ask, struct err *err) {
    const char *reason = "";
    int r = read_reason_or(ask->body, &reason, err);
    return r < 0
               ? r
               : billing_resume_all(ask->service->billing, &ask->caller, reason, &ask->answer, err);
}

/* ---- the test clock ---- */

enum { ADVANCE_SECONDS_MAX = 366 * 86400, SHIFT_SECONDS_MAX = 20 * 366 * 86400 };

static void answer_clock(struct ask *ask) {
    char now[CLOCK_TEXT_MAX];
    JSON_AUTO json = json_pack("{s:b,s:I,s:s}", "on", (int)ask->service->config->test_clock,
                               "ahead_seconds", (json_int_t)(clock_shifted_us() / US_PER_SECOND),
                               "now", clock_format(clock_wall_us(), now));
    ask->answer.status = 200;
    ask->answer.json = json_write(json);
}

int test_clock_get(struct ask *ask, struct err *err) {
    (void)err;
    answer_clock(ask);
    return 0;
}

struct advance {
    const struct ask *ask;
    int64_t shift_us;
};

static int advance_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct advance *advance = ctx;
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)advance->shift_us);
    int r = sql_put(tx, err,
                    "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE "
                    "SET value = excluded.value",
                    S_TEXT(TEST_CLOCK_ROW), S_TEXT(text));
    return r < 0 ? r
                 : audit_append(tx, advance->ask->caller.actor, "test-clock.advance", "test-clock",
                                text, "{}", err);
}

int test_clock_advance_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"seconds", NULL};
    int64_t seconds = 0;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_int(ask->body, "", "seconds", 1, ADVANCE_SECONDS_MAX, &seconds, err);
    if (r < 0) {
        return r;
    }
    if (!ask->service->config->test_clock) {
        err_set(err, ERR_STATE, "this service keeps the real time");
        return err_hint(err, "test_clock: true, and gateways on this machine only.");
    }
    struct advance advance = {ask, clock_shifted_us() + seconds * US_PER_SECOND};
    if (advance.shift_us > SHIFT_SECONDS_MAX * US_PER_SECOND) {
        err_set(err, ERR_VALIDATION, "the clock is moved ahead by twenty years at most");
        return err_place(err, "/seconds");
    }
    r = test_clock_follow(ask->service->client, ask->service->config, advance.shift_us, err);
    r = r < 0 ? r : store_write(ask->service->store, advance_tx, &advance, err);
    if (r < 0) {
        return r;
    }
    clock_shift(advance.shift_us - clock_shifted_us());
    log_event(TEST_CLOCK, LI("ahead_seconds", clock_shifted_us() / US_PER_SECOND));
    payments_wake(ask->service->payments);
    answer_clock(ask);
    return 0;
}
