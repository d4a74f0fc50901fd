/* SPDX-License-Identifier: Apache-2.0
 * subscriptions.c: what people and shops do with a subscription. Each is one transaction under the
 * caller's key; what follows from it is done by the subscription's job. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "billing/internal.h"
#include "store/audit.h"

/* ---- subscribing ---- */

struct create {
    struct billing *billing;
    struct arena *arena;
    const struct caller *caller;
    const struct subscription_order *order;
    const struct time_zone *zone;
    const char *tokens, *metadata;
    struct subscription_id id;
};

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

static const char *json_into(struct arena *arena, const json_t *json) {
    char *text = json_write(json);
    const char *kept = arena_copy(arena, text);
    free(text);
    return kept;
}

/* Tokens as payments keep them. ERR_VALIDATION: there is none, and nobody will be there to be
 * asked. */
static int tokens_into(struct arena *arena, const json_t *tokens, const char *token,
                       const char **ret_tokens, struct err *err) {
    JSON_AUTO all = tokens != NULL ? json_copy((json_t *)(uintptr_t)tokens) : json_object();
    if (token != NULL && token[0] != '\0') {
        json_object_set_new(all, "", json_string(token));
    }
    if (json_object_size(all) == 0) {
        err_set(err, ERR_VALIDATION, "a subscription needs a token to charge its customer with");
        err_place(err, "/tokens");
        return err_hint(err, "Save the customer's method at a gateway first, and send its token.");
    }
    *ret_tokens = json_into(arena, all);
    return 0;
}

static int load_open_plan(struct store_tx *tx, struct arena *arena, const char *id,
                          struct plan_row *ret_plan, struct err *err) {
    int r = plan_row_load(tx, arena, id, ret_plan, err);
    if (r >= 0 && !ret_plan->active) {
        return err_set(err, ERR_STATE, "plan %s takes no more subscriptions", id);
    }
    return r;
}

static void subscription_of(const struct create *create, const struct plan_row *plan,
                            struct subscription_row *ret_row) {
    const struct subscription_order *order = create->order;
    int64_t now = clock_wall_us();
    int64_t trial_days = order->trial_days >= 0 ? order->trial_days : plan->trial_days;
    int64_t began_s = local_from_wall(create->zone, now);
    int64_t anchor_s = calendar_step(began_s, 1, UNIT_DAY, trial_days);
    /* Without a trial the first period begins at this very moment, and not in the first of the two
     * hours that the clocks show twice. */
    int64_t first_us = trial_days > 0 ? wall_from_local(create->zone, anchor_s) : now;
    *ret_row = (struct subscription_row){
        .id = create->id,
        .version = 1,
        .customer_id = order->customer_id,
        .customer_email = or_empty(order->customer_email),
        .customer_region = or_empty(order->customer_region),
        .plan_id = plan->id,
        .method = order->method,
        .tokens = create->tokens,
        .description = or_empty(order->description),
        .metadata = create->metadata,
        .state = trial_days > 0 ? SUBSCRIPTION_TRIALING : SUBSCRIPTION_STARTING,
        .time_zone = order->time_zone,
        .anchor_number = 1,
        .anchor_local_s = anchor_s,
        .anchor_day = calendar_day(anchor_s),
        .period_start_us = now,
        .period_end_us = first_us,
        .reason = "",
        .created_us = now,
        .updated_us = now,
    };
}

static int create_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct create *create = ctx;
    struct plan_row plan;
    struct subscription_row subscription;
    int r = load_open_plan(tx, create->arena, create->order->plan_id, &plan, err);
    if (r < 0) {
        return r;
    }
    subscription_of(create, &plan, &subscription);
    r = subscription_row_insert(tx, &subscription, err);
    r = r < 0 ? r
              : subscription_tell(create->billing, tx, &subscription, "subscription.created", NULL,
                                  err);
    r = r < 0 ? r
              : job_put(tx, JOB_RENEWAL, subscription.id.text, subscription.period_end_us, "", err);
    r = r < 0 ? r
              : audit_append(tx, create->caller->actor, "subscription.create", subscription.id.text,
                             plan.id.text, "{}", err);
    if (r >= 0) {
        answer_json(ret_answer, 201, render_subscription(&subscription, NULL));
    }
    return r;
}

int subscription_create(struct billing *billing, const struct caller *caller,
                        const struct subscription_order *order, struct answer *ret_answer,
                        struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    TIME_ZONE_AUTO zone = NULL;
    struct create create = {
        .billing = billing,
        .arena = arena,
        .caller = caller,
        .order = order,
        .metadata = order->metadata != NULL ? json_into(arena, order->metadata) : "{}",
        .id = subscription_id_new(),
    };
    int r = time_zone_open(order->time_zone, &zone, err);
    if (r < 0) {
        return err_place(err, "/time_zone");
    }
    create.zone = zone;
    r = tokens_into(arena, order->tokens, order->token, &create.tokens, err);
    r = r < 0 ? r
              : idempotent_run(billing->options.payments, caller, "subscription.create", create_fn,
                               &create, ret_answer, err);
    if (r >= 0) {
        payments_wake(billing->options.payments);
    }
    return r;
}

/* ---- changing ---- */

struct change {
    struct billing *billing;
    struct arena *arena;
    const struct caller *caller;
    const char *id, *action, *text; /* a reason, or a plan */
    const struct payment_choice *choice;
    bool at_end;
    /* Does it to the loaded rows and saves what it changes. */
    int (*apply)(struct change *change, struct store_tx *tx, struct err *err);
    struct subscription_row subscription;
    struct invoice_row invoice;
};

static int wrong_state(const struct change *change, const char *why, struct err *err) {
    return err_set(err, ERR_STATE, "subscription %s is %s%s%s", change->subscription.id.text,
                   subscription_state_name(change->subscription.state), why[0] != '\0' ? ": " : "",
                   why);
}

static int change_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct change *change = ctx;
    int r = subscription_row_load(tx, change->arena, change->id, true, &change->subscription, err);
    r = r < 0 ? r : invoice_row_last(tx, change->arena, change->id, &change->invoice, err);
    if (r >= 0 && subscription_state_final(change->subscription.state)) {
        r = wrong_state(change, "it is over", err);
    }
    r = r < 0 ? r : change->apply(change, tx, err);
    /* Whatever has changed, the job finds out what follows. */
    r = r < 0 ? r : renewal_wanted(tx, change->id, clock_wall_us(), err);
    r = r < 0 ? r
              : audit_append(tx, change->caller->actor, change->action, change->id,
                             or_empty(change->text), "{}", err);
    if (r >= 0) {
        answer_json(ret_answer, 200, render_subscription(&change->subscription, &change->invoice));
    }
    return r;
}

static int run_change(struct change *change, struct answer *ret_answer, struct err *err) {
    struct payments *payments = change->billing->options.payments;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    change->arena = arena;
    int r = idempotent_run(payments, change->caller, change->action, change_fn, change, ret_answer,
                           err);
    if (r >= 0) {
        payments_wake(payments);
    }
    return r;
}

static int move(struct change *change, struct store_tx *tx, enum subscription_event event,
                struct err *err) {
    if (subscription_move_find(change->subscription.state, event) == NULL) {
        return wrong_state(change, "", err);
    }
    return subscription_move(change->billing, tx, &change->subscription, event, &change->invoice,
                             err);
}

static int save_and_tell(struct change *change, struct store_tx *tx, struct err *err) {
    int r = subscription_row_save(tx, &change->subscription, err);
    return r < 0 ? r
                 : subscription_tell(change->billing, tx, &change->subscription,
                                     "subscription.updated", &change->invoice, err);
}

static int cancel(struct change *change, struct store_tx *tx, struct err *err) {
    struct subscription_row *subscription = &change->subscription;
    subscription->reason = change->text;
    if (change->at_end) {
        subscription->cancel_at_end = true;
        return save_and_tell(change, tx, err);
    }
    /* One that is being tried is followed to its end by the job. */
    if (change->invoice.state == INVOICE_OPEN && !change->invoice.trying) {
        change->invoice.state = INVOICE_VOID;
        change->invoice.next_try_us = 0;
        int r = invoice_row_save(tx, &change->invoice, err);
        if (r < 0) {
            return r;
        }
    }
    return move(change, tx, SUB_CANCEL, err);
}

int subscription_cancel(struct billing *billing, const struct caller *caller,
                        const char *subscription_id, bool at_end, const char *reason,
                        struct answer *ret_answer, struct err *err) {
    struct change change = {.billing = billing,
                            .caller = caller,
                            .id = subscription_id,
                            .action = "subscription.cancel",
                            .text = reason,
                            .at_end = at_end,
                            .apply = cancel};
    return run_change(&change, ret_answer, err);
}

static int keep(struct change *change, struct store_tx *tx, struct err *err) {
    if (!change->subscription.cancel_at_end) {
        return wrong_state(change, "it was not to be canceled", err);
    }
    change->subscription.cancel_at_end = false;
    change->subscription.reason = "";
    return save_and_tell(change, tx, err);
}

int subscription_keep(struct billing *billing, const struct caller *caller,
                      const char *subscription_id, struct answer *ret_answer, struct err *err) {
    struct change change = {.billing = billing,
                            .caller = caller,
                            .id = subscription_id,
                            .action = "subscription.keep",
                            .apply = keep};
    return run_change(&change, ret_answer, err);
}

static int pause_one(struct change *change, struct store_tx *tx, struct err *err) {
    change->subscription.reason = change->text;
    return move(change, tx, SUB_PAUSE, err);
}

int subscription_pause(struct billing *billing, const struct caller *caller,
                       const char *subscription_id, const char *reason, struct answer *ret_answer,
                       struct err *err) {
    struct change change = {.billing = billing,
                            .caller = caller,
                            .id = subscription_id,
                            .action = "subscription.pause",
                            .text = reason,
                            .apply = pause_one};
    return run_change(&change, ret_answer, err);
}

/* What was given up is owed again, as long as its period lasts; after that the job opens the
 * present one. Saves the invoice if it changes it. */
static int reopen(struct change *change, struct store_tx *tx, struct err *err) {
    struct invoice_row *invoice = &change->invoice;
    int64_t now = clock_wall_us();
    if (invoice->state != INVOICE_UNPAID || now >= invoice->period_end_us) {
        return 0;
    }
    invoice->state = INVOICE_OPEN;
    invoice->declines = 0;
    invoice->declined_us = 0;
    invoice->give_up_us = now + DUNNING_GRACE_US;
    invoice->next_try_us = now;
    return invoice_row_save(tx, invoice, err);
}

static int resume_one(struct change *change, struct store_tx *tx, struct err *err) {
    const struct subscription_row *subscription = &change->subscription;
    const struct invoice_row *invoice = &change->invoice;
    if (subscription->state != SUBSCRIPTION_PAUSED) {
        return wrong_state(change, "it is not paused", err);
    }
    bool owes = (invoice->state == INVOICE_OPEN && invoice->declines > 0) ||
                invoice->state == INVOICE_UNPAID;
    bool fresh = subscription->period == 0;
    bool trial = fresh && clock_wall_us() < subscription->period_end_us;
    bool starting = fresh || (invoice->state == INVOICE_OPEN && invoice->number == 1);
    change->subscription.reason = subscription->cancel_at_end ? subscription->reason : "";
    int r = reopen(change, tx, err);
    return r < 0 ? r
                 : move(change, tx,
                        trial      ? SUB_RESUME_TRIAL
                        : owes     ? SUB_RESUME_OWING
                        : starting ? SUB_RESUME_START
                                   : SUB_RESUME,
                        err);
}

int subscription_resume(struct billing *billing, const struct caller *caller,
                        const char *subscription_id, struct answer *ret_answer, struct err *err) {
    struct change change = {.billing = billing,
                            .caller = caller,
                            .id = subscription_id,
                            .action = "subscription.resume",
                            .apply = resume_one};
    return run_change(&change, ret_answer, err);
}

static int change_plan(struct change *change, struct store_tx *tx, struct err *err) {
    struct plan_row now, to;
    struct subscription_row *subscription = &change->subscription;
    int r = plan_row_load(tx, change->arena, subscription->plan_id.text, &now, err);
    if (r < 0) {
        return r;
    }
    if (strcmp(change->text, subscription->plan_id.text) == 0) {
        subscription->next_plan_id = (struct plan_id){""};
        return save_and_tell(change, tx, err);
    }
    r = load_open_plan(tx, change->arena, change->text, &to, err);
    if (r >= 0 && !currency_equal(now.currency, to.currency)) {
        err_set(err, ERR_VALIDATION, "the plan is in %s; this subscription is paid in %s",
                to.currency.code, now.currency.code);
        return err_place(err, "/plan_id");
    }
    if (r < 0) {
        return r;
    }
    subscription->next_plan_id = to.id;
    return save_and_tell(change, tx, err);
}

int subscription_change(struct billing *billing, const struct caller *caller,
                        const char *subscription_id, const char *plan_id, struct answer *ret_answer,
                        struct err *err) {
    struct change change = {.billing = billing,
                            .caller = caller,
                            .id = subscription_id,
                            .action = "subscription.change",
                            .text = plan_id,
                            .apply = change_plan};
    return run_change(&change, ret_answer, err);
}

/* ---- paying what is owing ---- */

/* 1: something is owing, and it is tried at once. */
static int try_now(struct change *change, struct store_tx *tx, struct err *err) {
    struct invoice_row *invoice = &change->invoice;
    int r = reopen(change, tx, err);
    if (r >= 0 && change->subscription.state == SUBSCRIPTION_UNPAID) {
        r = move(change, tx, SUB_REOPEN, err);
        return r < 0 ? r : 1;
    }
    if (r < 0 || invoice->state != INVOICE_OPEN || invoice->trying) {
        return r;
    }
    invoice->next_try_us = clock_wall_us();
    r = invoice_row_save(tx, invoice, err);
    return r < 0 ? r : 1;
}

static int retry(struct change *change, struct store_tx *tx, struct err *err) {
    const struct invoice_row *invoice = &change->invoice;
    if (change->subscription.state == SUBSCRIPTION_PAUSED) {
        return wrong_state(change, "resume it first", err);
    }
    if (invoice->trying) {
        return wrong_state(change, "a try is under way", err);
    }
    if (invoice->advice == DUNNING_NEVER) {
        wrong_state(change, "its method was refused for good", err);
        return err_hint(err, "Ask the customer for another method first.");
    }
    int r = try_now(change, tx, err);
    return r == 0 ? wrong_state(change, "nothing is owing", err) : r < 0 ? r : 0;
}

int subscription_retry(struct billing *billing, const struct caller *caller,
                       const char *subscription_id, struct answer *ret_answer, struct err *err) {
    struct change change = {.billing = billing,
                            .caller = caller,
                            .id = subscription_id,
                            .action = "subscription.retry",
                            .apply = retry};
    return run_change(&change, ret_answer, err);
}

static int change_method(struct change *change, struct store_tx *tx, struct err *err) {
    struct subscription_row *subscription = &change->subscription;
    int r = tokens_into(change->arena, change->choice->tokens, change->choice->token,
                        &subscription->tokens, err);
    if (r < 0) {
        return r;
    }
    subscription->method = change->choice->method;
    change->invoice.advice = DUNNING_NONE; /* that was about the other one */
    r = save_and_tell(change, tx, err);
    if (r >= 0 && change->invoice.id.text[0] != '\0' && !change->invoice.trying &&
        subscription->state != SUBSCRIPTION_PAUSED) {
        r = try_now(change, tx, err);
    }
    return r < 0 ? r : 0;
}

int subscription_method(struct billing *billing, const struct caller *caller,
                        const char *subscription_id, const struct payment_choice *choice,
                        struct answer *ret_answer, struct err *err) {
    struct change change = {.billing = billing,
                            .caller = caller,
                            .id = subscription_id,
                            .action = "subscription.method",
                            .choice = choice,
                            .apply = change_method};
    return run_change(&change, ret_answer, err);
}
