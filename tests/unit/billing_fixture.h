/* SPDX-License-Identifier: Apache-2.0
 * billing_fixture.h: subscriptions in the world of payment tests. */
#ifndef HOLDFAST_TESTS_BILLING_FIXTURE_H
#define HOLDFAST_TESTS_BILLING_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "billing/internal.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
#define HOURS(count) ((count)*3600 * US_PER_SECOND)
#define DAYS(count) ((count)*86400 * US_PER_SECOND)

static inline struct caller who(const char *key) {
    return world_caller(key, key != NULL ? key : "");
}

/* What it says of a call that must have gone well, its JSON released by the caller. */
static inline json_t *went_well(int result, struct answer *answer) {
    json_t *json = world_take(W, result, answer);
    if (json == NULL) {
        fail_msg("it failed: %s", W->err.detail);
    }
    return json;
}

struct ids {
    char text[ID_TEXT_MAX];
};

static inline struct ids id_in(json_t *json) {
    struct ids id;
    snprintf(id.text, sizeof id.text, "%s", json_at(json, "id"));
    json_decref(json);
    return id;
}

static inline struct ids make_plan(int64_t amount_minor, enum calendar_unit unit,
                                   enum when_unpaid when_unpaid) {
    struct plan_order order = {.name = "Coffee",
                               .amount_minor = amount_minor,
                               .currency = {"USD"},
                               .unit = unit,
                               .unit_count = 1,
                               .when_unpaid = when_unpaid};
    struct caller caller = who(NULL);
    struct answer answer = {0};
    int r = plan_create(W->billing, &caller, &order, &answer, &W->err);
    return id_in(went_well(r, &answer));
}

static inline json_t *subscribe_as(const char *key, const char *plan_id, int trial_days) {
    struct subscription_order order = {.plan_id = plan_id,
                                       .customer_id = "cus_1",
                                       .customer_email = "a@example.com",
                                       .method = METHOD_CARD,
                                       .token = "pm_portable",
                                       .time_zone = "Europe/Berlin",
                                       .trial_days = trial_days};
    struct caller caller = who(key);
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = subscription_create(W->billing, &caller, &order, &answer, &W->err);
    return world_take(W, r, &answer);
}

static inline struct ids subscribe(const char *plan_id) {
    json_t *json = subscribe_as(NULL, plan_id, -1);
    assert_non_null(json);
    return id_in(json);
}

/* Time passes, a round every few hours. */
static inline void pass(int64_t us) {
    while (us > 0) {
        int64_t step = us < HOURS(4) ? us : HOURS(4);
        test_clock_advance(step);
        (void)world_tick(W);
        us -= step;
    }
}

static inline int64_t count(const char *sql) {
    return world_int(W, sql);
}

static inline void assert_state(const char *subscription_id, const char *state) {
    struct answer answer = {0};
    int r = subscription_get(W->billing, subscription_id, &answer, &W->err);
    json_t *json = went_well(r, &answer);
    assert_string_equal(json_at(json, "state"), state);
    json_decref(json);
}

/* How often period `number` was charged at the gateways. */
static inline int charged(struct ids subscription, int number) {
    char order[2 * ID_TEXT_MAX];
    snprintf(order, sizeof order, "%s/%d", subscription.text, number);
    return fake_charged(FAKE, order, NULL);
}

/* One of subscription_pause() and its like, without more arguments. */
typedef int act_fn(struct billing *billing, const struct caller *caller, const char *id,
                   struct answer *ret_answer, struct err *err);
static inline int act(act_fn *fn, struct ids id) {
    struct caller caller = who(NULL);
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = fn(W->billing, &caller, id.text, &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    return r;
}

static inline int cancel_it(struct ids id, bool at_end) {
    struct caller caller = who(NULL);
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = subscription_cancel(W->billing, &caller, id.text, at_end, "no longer wanted", &answer,
                                &W->err);
    json_decref(world_take(W, r, &answer));
    return r;
}

static inline int pause_it(struct ids id) {
    struct caller caller = who(NULL);
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = subscription_pause(W->billing, &caller, id.text, "on holiday", &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    return r;
}

static inline int change_to(struct ids id, struct ids plan) {
    struct caller caller = who(NULL);
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = subscription_change(W->billing, &caller, id.text, plan.text, &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    return r;
}

static inline int other_method(struct ids id, const char *token) {
    struct caller caller = who(NULL);
    struct answer answer = {0};
    struct payment_choice choice = {.method = METHOD_CARD, .token = token};
    W->err = (struct err){0};
    int r = subscription_method(W->billing, &caller, id.text, &choice, &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    return r;
}

static inline void pause_all(bool paused) {
    struct caller caller = who(NULL);
    struct answer answer = {0};
    int r = paused ? billing_pause_all(W->billing, &caller, "incident 7", &answer, &W->err)
                   : billing_resume_all(W->billing, &caller, "it is over", &answer, &W->err);
    json_decref(went_well(r, &answer));
}

/* Each period was charged at most once, each has one row and none is missing, and what says paid
 * was paid. */
static int periods_fn(struct store_tx *tx, void *ctx, struct err *err) {
    (void)ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT subscription_id, number, state FROM invoice ORDER BY "
                      "subscription_id, number");
    char last[ID_TEXT_MAX] = "";
    int64_t before = 0;
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        char order[2 * ID_TEXT_MAX];
        const char *id = sql_text(rows, 0);
        int64_t number = sql_int(rows, 1), state = sql_int(rows, 2);
        snprintf(order, sizeof order, "%s/%lld", id, (long long)number);
        int times = fake_charged(FAKE, order, NULL);
        before = strcmp(last, id) == 0 ? before : 0;
        snprintf(last, sizeof last, "%s", id);
        if (number != before + 1) {
            return err_set(err, ERR_INTERNAL, "period %lld follows %lld of %s", (long long)number,
                           (long long)before, id);
        }
        before = number;
        if (times > 1 || (times == 1) != (state == INVOICE_PAID)) {
            return err_set(err, ERR_INTERNAL, "%s is %s and was charged %d times", order,
                           invoice_state_name(state), times);
        }
    }
    return r;
}

static inline void check_periods(void) {
    struct err err = {0};
    if (store_read(W->engine.store, periods_fn, NULL, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    world_check(W);
}

#endif
