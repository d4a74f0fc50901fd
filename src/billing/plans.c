/* SPDX-License-Identifier: Apache-2.0
 * plans.c: what can be subscribed to. */
#include <string.h>

#include "base/json.h"
#include "billing/internal.h"
#include "store/audit.h"

static const char *const policy_names[] = {"?", "cancel", "keep_unpaid"};

const char *when_unpaid_name(enum when_unpaid policy) {
    return policy > 0 && (size_t)policy < COUNT_OF(policy_names) ? policy_names[policy] : "?";
}

bool when_unpaid_parse(const char *name, enum when_unpaid *ret_policy) {
    for (int i = UNPAID_CANCEL; i <= UNPAID_KEEP; i++) {
        if (strcmp(name, policy_names[i]) == 0) {
            *ret_policy = (enum when_unpaid)i;
            return true;
        }
    }
    return false;
}

struct plan_ctx {
    struct arena *arena;
    const struct caller *caller;
    struct plan_row plan;
    const char *id, *name;
    int active;
};

static int check(const struct plan_order *order, struct err *err) {
    static const int most[] = {
        [UNIT_DAY] = PLAN_UNITS_MAX, [UNIT_WEEK] = 52, [UNIT_MONTH] = 24, [UNIT_YEAR] = 5};
    if (order->unit_count < 1 || order->unit_count > most[order->unit]) {
        err_set(err, ERR_VALIDATION, "an interval is 1 to %d of a %s", most[order->unit],
                calendar_unit_name(order->unit));
        return err_place(err, "/interval_count");
    }
    if (order->trial_days < 0 || order->trial_days > PLAN_TRIAL_DAYS_MAX) {
        err_set(err, ERR_VALIDATION, "a trial has 0 to %d days", PLAN_TRIAL_DAYS_MAX);
        return err_place(err, "/trial_days");
    }
    return 0;
}

static int create_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct plan_ctx *create = ctx;
    int r = plan_row_insert(tx, &create->plan, err);
    r = r < 0 ? r
              : audit_append(tx, create->caller->actor, "plan.create", create->plan.id.text,
                             create->plan.name, "{}", err);
    if (r >= 0) {
        answer_json(ret_answer, 201, render_plan(&create->plan));
    }
    return r;
}

int plan_create(struct billing *billing, const struct caller *caller,
                const struct plan_order *order, struct answer *ret_answer, struct err *err) {
    int r = check(order, err);
    if (r < 0) {
        return r;
    }
    int64_t now = clock_wall_us();
    struct plan_ctx create = {.caller = caller,
                              .plan = {
                                  .id = plan_id_new(),
                                  .name = order->name,
                                  .amount_minor = order->amount_minor,
                                  .currency = order->currency,
                                  .unit = order->unit,
                                  .unit_count = order->unit_count,
                                  .trial_days = order->trial_days,
                                  .when_unpaid = order->when_unpaid,
                                  .active = true,
                                  .created_us = now,
                                  .updated_us = now,
                              }};
    return idempotent_run(billing->options.payments, caller, "plan.create", create_fn, &create,
                          ret_answer, err);
}

static int update_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct plan_ctx *update = ctx;
    struct plan_row *plan = &update->plan;
    int r = plan_row_load(tx, update->arena, update->id, plan, err);
    if (r < 0) {
        return r;
    }
    plan->name = update->name != NULL ? update->name : plan->name;
    plan->active = update->active < 0 ? plan->active : update->active == 1;
    plan->updated_us = clock_wall_us();
    r = sql_put_one(
        tx, err, "UPDATE plan SET name = $2, active = $3, updated_us = $4 WHERE id = $1",
        S_TEXT(plan->id.text), S_TEXT(plan->name), S_INT(plan->active), S_INT(plan->updated_us));
    r = r < 0 ? r
              : audit_append(tx, update->caller->actor, "plan.update", plan->id.text,
                             plan->active ? "active" : "not active", "{}", err);
    if (r >= 0) {
        answer_json(ret_answer, 200, render_plan(plan));
    }
    return r;
}

int plan_update(struct billing *billing, const struct caller *caller, const char *plan_id,
                const char *name, int active, struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct plan_ctx update = {
        .arena = arena, .caller = caller, .id = plan_id, .name = name, .active = active};
    return idempotent_run(billing->options.payments, caller, "plan.update", update_fn, &update,
                          ret_answer, err);
}

struct plan_look {
    struct arena *arena;
    const char *id;
    bool active_only;
    int limit;
    json_t *json; /* owned */
};

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct plan_look *look = ctx;
    struct plan_row plan;
    int r = plan_row_load(tx, look->arena, look->id, &plan, err);
    if (r >= 0) {
        json_decref(look->json);
        look->json = render_plan(&plan);
    }
    return r;
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct plan_look *look = ctx;
    json_t *data = json_array();
    json_decref(look->json);
    look->json = json_pack("{s:o}", "data", data);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " PLAN_COLUMNS " FROM plan WHERE active = 1 OR $1 = 0 "
                      "ORDER BY id DESC LIMIT $2",
                      S_INT(look->active_only), S_INT(look->limit));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct plan_row plan;
        plan_row_read(rows, look->arena, &plan);
        json_array_append_new(data, render_plan(&plan));
    }
    return r;
}

int plan_get(struct billing *billing, const char *plan_id, struct answer *ret_answer,
             struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct plan_look one = {.arena = arena, .id = plan_id};
    return billing_look(billing, get_tx, &one, &one.json, ret_answer, err);
}

int plan_list(struct billing *billing, bool active_only, int limit, struct answer *ret_answer,
              struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct plan_look all = {.arena = arena,
                            .active_only = active_only,
                            .limit = limit > 0 && limit <= PAGE_MAX ? limit : PAGE_MAX};
    return billing_look(billing, list_tx, &all, &all.json, ret_answer, err);
}
