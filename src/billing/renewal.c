/* SPDX-License-Identifier: Apache-2.0
 * renewal.c: the one job of a subscription: it follows what is being charged, begins what is due,
 * and says when it wants to be run again.
 *
 *   step    one transaction: look at the subscription, its last invoice and the payments of that
 *           invoice's order, and write down what is to be done next
 *   charge  payment_create() with a key and an order of this very try: run again after a crash, by
 *           another instance, or at another time, it finds the same payment
 *   step …  until there is nothing to do now
 *
 * B1  A period has one invoice, an invoice one order, and an order one payment that can take money.
 * B2  A try is written before its payment is asked for, and the next one only after its end.
 * B3  A payment whose fate is not known is waited for, however late it gets.
 * B4  Nothing is decided by when the job runs: it may run too early, too late, twice, or after the
 *     clock went back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/plant.h"
#include "base/random.h"
#include "billing/internal.h"
#include "payment/rows.h"

enum { STEPS_MAX = 8, SKIPS_MAX = 60, NAME_CHARS_MAX = 2 * ID_TEXT_MAX };
#define IN_FLIGHT_US (10 * US_PER_SECOND)
#define HELD_US (3600 * US_PER_SECOND)
#define PAUSED_US (6 * 3600 * US_PER_SECOND)

enum try_state { TRY_STARTED = 1, TRY_PAID = 2, TRY_DECLINED = 3 };

enum next {
    NEXT_NONE = 0, /* nothing, until somebody wants a run */
    NEXT_WAIT,     /* until again_us */
    NEXT_AGAIN,    /* there is more to be written down */
    NEXT_CHARGE,
    NEXT_CALL_OFF, /* the payment waits for somebody who is not there to choose another method */
};

struct renewal {
    struct billing *billing;
    const char *id;
    struct arena *arena;
    struct time_zone *zone; /* NULL until it is known */
    enum next next;
    int64_t again_us;
    /* As the last step left them. */
    struct subscription_row subscription;
    struct plan_row plan;
    struct invoice_row invoice;
    const char *failed;       /* by charge(): this try was refused before any payment was made */
    struct payment_id paying; /* by charge(): the payment of this try */
};

/* ---- telling and moving ---- */

int subscription_tell(struct billing *billing, struct store_tx *tx,
                      const struct subscription_row *subscription, const char *type,
                      const struct invoice_row *invoice, struct err *err) {
    JSON_AUTO json = render_subscription(subscription, invoice);
    char *text = json_write(json);
    int r = event_tell(billing->options.payments, tx, subscription->id.text, subscription->version,
                       type, text, err);
    free(text);
    return r;
}

int subscription_move(struct billing *billing, struct store_tx *tx,
                      struct subscription_row *subscription, enum subscription_event event,
                      const struct invoice_row *invoice, struct err *err) {
    const struct subscription_move *move = subscription_move_find(subscription->state, event);
    if (move == NULL) {
        return 0;
    }
    subscription->state = move->to;
    if (subscription_state_final(move->to) && subscription->ended_us == 0) {
        subscription->ended_us = clock_wall_us();
    }
    int r = subscription_row_save(tx, subscription, err);
    return r < 0 || move->tells[0] == '\0'
               ? r
               : subscription_tell(billing, tx, subscription, move->tells, invoice, err);
}

int renewal_wanted(struct store_tx *tx, const char *subscription_id, int64_t due_us,
                   struct err *err) {
    int r = job_add(tx, JOB_RENEWAL, subscription_id, due_us, "", err);
    r = r == 0 ? job_hasten(tx, JOB_RENEWAL, subscription_id, due_us, err) : r;
    return r < 0 ? r : 0;
}

static void wait_until(struct renewal *renewal, int64_t wall_us) {
    renewal->next = NEXT_WAIT;
    renewal->again_us = wall_us;
}

/* ---- names ---- */

static void order_name(const struct invoice_row *invoice, char ret_name[NAME_CHARS_MAX]) {
    snprintf(ret_name, NAME_CHARS_MAX, "%s/%lld", invoice->subscription_id.text,
             (long long)invoice->number);
}

/* ---- a try and its end ---- */

static int begin_try(struct renewal *renewal, struct store_tx *tx, bool fresh, struct err *err) {
    struct invoice_row *invoice = &renewal->invoice;
    invoice->tries++;
    invoice->trying = true;
    invoice->payment_id = (struct payment_id){""};
    invoice->failure_code = "";
    invoice->advice = DUNNING_NONE;
    invoice->next_try_us = 0;
    int r = fresh ? invoice_row_insert(tx, invoice, err) : invoice_row_save(tx, invoice, err);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO invoice_try (invoice_id, number, state, payment_id, code, "
                        "advice, created_us, ended_us) VALUES ($1, $2, $3, '', '', 0, $4, 0)",
                        S_TEXT(invoice->id.text), S_INT(invoice->tries), S_INT(TRY_STARTED),
                        S_INT(clock_wall_us()));
    renewal->next = NEXT_CHARGE;
    return r;
}

static int end_try(struct renewal *renewal, struct store_tx *tx, enum try_state state,
                   struct err *err) {
    struct invoice_row *invoice = &renewal->invoice;
    invoice->trying = false;
    int r = sql_put(tx, err,
                    "UPDATE invoice_try SET state = $3, payment_id = $4, code = $5, advice = $6, "
                    "ended_us = $7 WHERE invoice_id = $1 AND number = $2",
                    S_TEXT(invoice->id.text), S_INT(invoice->tries), S_INT(state),
                    S_TEXT(invoice->payment_id.text), S_TEXT(invoice->failure_code),
                    S_INT(invoice->advice), S_INT(clock_wall_us()));
    return r < 0 ? r : invoice_row_save(tx, invoice, err);
}

static int paid(struct renewal *renewal, struct store_tx *tx, const char *payment_id,
                struct err *err) {
    struct invoice_row *invoice = &renewal->invoice;
    invoice->state = INVOICE_PAID;
    invoice->payment_id = payment_id_stored(payment_id);
    invoice->failure_code = "";
    invoice->advice = DUNNING_NONE;
    invoice->next_try_us = 0;
    invoice->give_up_us = 0;
    invoice->paid_us = clock_wall_us();
    int r = end_try(renewal, tx, TRY_PAID, err);
    return r < 0 ? r
                 : subscription_move(renewal->billing, tx, &renewal->subscription, SUB_PAID,
                                     invoice, err);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

/* Nobody is tried for longer than the grace, nor much beyond the period that is owed. */
static void schedule(struct renewal *renewal, int64_t now_us) {
    struct invoice_row *invoice = &renewal->invoice;
    if (invoice->advice == DUNNING_SOON) {
        invoice->outages++;
        invoice->next_try_us = now_us + dunning_soon_us(invoice->outages);
        return;
    }
    invoice->declines++;
    if (invoice->declined_us == 0) {
        invoice->declined_us = now_us;
        invoice->give_up_us = clamp(invoice->period_end_us, now_us + US_PER_DAY,
                                    now_us + DUNNING_GRACE_US);
    }
    int64_t at_us = dunning_next_us(renewal->zone, invoice->declined_us, invoice->declines);
    bool again = invoice->advice == DUNNING_LATER && at_us > 0 && at_us < invoice->give_up_us;
    invoice->next_try_us = again ? at_us : 0;
}

static int declined(struct renewal *renewal, struct store_tx *tx, const char *code,
                    struct err *err) {
    struct invoice_row *invoice = &renewal->invoice;
    struct subscription_row *subscription = &renewal->subscription;
    bool over = subscription_state_final(subscription->state);
    invoice->failure_code = arena_copy(renewal->arena, code);
    invoice->advice = dunning_advice(code, NULL);
    schedule(renewal, clock_wall_us());
    if (over) {
        invoice->state = INVOICE_VOID;
        invoice->next_try_us = 0;
    }
    int r = end_try(renewal, tx, TRY_DECLINED, err);
    return r < 0 || over || invoice->advice == DUNNING_SOON
               ? r
               : subscription_move(renewal->billing, tx, subscription, SUB_DECLINED, invoice, err);
}

/* ---- following a try ---- */

/* 1: a payment of this order took the whole amount; `ret_id` is its id. Also one of an earlier try
 * that came late and was accepted by a person. */
static int find_paid(struct renewal *renewal, struct store_tx *tx, struct payment_id *ret_id,
                     struct err *err) {
    char order[NAME_CHARS_MAX];
    SQL_ROWS_AUTO rows = NULL;
    order_name(&renewal->invoice, order);
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM payment WHERE order_id = $1 AND state = $2 AND "
                      "currency = $3 AND captured_minor >= $4 LIMIT 1",
                      S_TEXT(order), S_INT(PAYMENT_SUCCEEDED),
                      S_TEXT(renewal->invoice.currency.code), S_INT(renewal->invoice.amount_minor));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        *ret_id = payment_id_stored(sql_text(rows, 0));
    }
    return r;
}

/* As long as the resolver itself takes between two questions, or so. */
static int64_t look_again_us(int64_t age_us) {
    return age_us < 60 * US_PER_SECOND     ? 10 * US_PER_SECOND
           : age_us < 600 * US_PER_SECOND  ? 60 * US_PER_SECOND
           : age_us < 3600 * US_PER_SECOND ? 300 * US_PER_SECOND
                                           : 1800 * US_PER_SECOND;
}

static int follow_payment(struct renewal *renewal, struct store_tx *tx, struct err *err) {
    struct invoice_row *invoice = &renewal->invoice;
    struct payment_row payment;
    int r = payment_row_load(tx, renewal->arena, invoice->payment_id.text, false, &payment, err);
    if (r < 0) {
        return r;
    }
    int64_t now = clock_wall_us(), age_us = now - payment.created_us;
    if (payment.state == PAYMENT_SUCCEEDED && payment.captured_minor >= invoice->amount_minor) {
        return paid(renewal, tx, payment.id.text, err);
    }
    bool over = payment.state == PAYMENT_FAILED || payment.state == PAYMENT_CANCELED;
    if (over && !payment.holds_order) {
        const char *code = invoice->failure_code[0] != '\0'  ? invoice->failure_code
                           : payment.failure_code[0] != '\0' ? payment.failure_code
                                                             : "order_expired";
        return declined(renewal, tx, code, err);
    }
    bool chooses = payment.state == PAYMENT_REQUIRES_ACTION &&
                   strcmp(payment.action, "choose_method") == 0;
    if (chooses && strcmp(payment.review, "late_success") != 0) {
        invoice->failure_code = "gateway_unavailable";
        renewal->next = NEXT_CALL_OFF;
        return invoice_row_save(tx, invoice, err);
    }
    if (PLANTED(RENEWAL_FORGOTTEN)) {
        renewal->next = NEXT_NONE;
        return 0;
    }
    /* Over, but its order is held: money came late, and a person decides about it. */
    wait_until(renewal, now + (over ? HELD_US : look_again_us(age_us)));
    return 0;
}

static int follow(struct renewal *renewal, struct store_tx *tx, struct err *err) {
    struct payment_id id;
    int r = find_paid(renewal, tx, &id, err);
    if (r != 0) {
        return r < 0 ? r : paid(renewal, tx, id.text, err);
    }
    struct invoice_row *invoice = &renewal->invoice;
    if (invoice->payment_id.text[0] == '\0' && renewal->paying.text[0] != '\0') {
        invoice->payment_id = renewal->paying;
        r = invoice_row_save(tx, invoice, err);
    }
    if (r < 0) {
        return r;
    }
    if (invoice->payment_id.text[0] != '\0') {
        return follow_payment(renewal, tx, err);
    }
    if (renewal->failed != NULL) {
        return declined(renewal, tx, renewal->failed, err);
    }
    renewal->next = NEXT_CHARGE;
    return 0;
}

/* ---- what is owing ---- */

static int cancel_unpaid(struct renewal *renewal, struct store_tx *tx, const char *reason,
                         enum invoice_state state, struct err *err) {
    renewal->invoice.state = state;
    renewal->invoice.next_try_us = 0;
    renewal->subscription.reason = reason;
    int r = invoice_row_save(tx, &renewal->invoice, err);
    return r < 0 ? r
                 : subscription_move(renewal->billing, tx, &renewal->subscription, SUB_CANCEL,
                                     &renewal->invoice, err);
}

static int give_up(struct renewal *renewal, struct store_tx *tx, struct err *err) {
    struct invoice_row *invoice = &renewal->invoice;
    if (renewal->plan.when_unpaid == UNPAID_CANCEL) {
        return cancel_unpaid(renewal, tx, "not_paid", INVOICE_UNPAID, err);
    }
    invoice->state = INVOICE_UNPAID;
    invoice->next_try_us = 0;
    int r = invoice_row_save(tx, invoice, err);
    return r < 0 ? r
                 : subscription_move(renewal->billing, tx, &renewal->subscription, SUB_GIVE_UP,
                                     invoice, err);
}

/* While everything is paused: somebody resumes, which hastens this; else it is looked at anew. */
static void wait_for_switch(struct renewal *renewal, int64_t now_us) {
    wait_until(renewal, now_us + PAUSED_US + (int64_t)random_below(PAUSED_US));
}

static int owing(struct renewal *renewal, struct store_tx *tx, struct err *err) {
    struct invoice_row *invoice = &renewal->invoice;
    struct subscription_row *subscription = &renewal->subscription;
    int64_t now = clock_wall_us();
    if (subscription_state_final(subscription->state)) {
        invoice->state = INVOICE_VOID;
        return invoice_row_save(tx, invoice, err);
    }
    if (subscription->cancel_at_end && now >= subscription->period_end_us) {
        return cancel_unpaid(renewal, tx, subscription->reason, INVOICE_VOID, err);
    }
    if (subscription->state == SUBSCRIPTION_PAUSED) {
        if (subscription->cancel_at_end) {
            wait_until(renewal, subscription->period_end_us);
        }
        return 0;
    }
    bool all = false;
    int r = billing_paused(tx, &all, err);
    if (r < 0) {
        return r;
    }
    if (all) {
        wait_for_switch(renewal, now);
        return 0;
    }
    if (invoice->next_try_us > 0 && now >= invoice->next_try_us) {
        return begin_try(renewal, tx, false, err);
    }
    if (invoice->give_up_us > 0 && now >= invoice->give_up_us) {
        return give_up(renewal, tx, err);
    }
    int64_t at_us = invoice->next_try_us > 0 ? invoice->next_try_us : invoice->give_up_us;
    INVARIANT(at_us > 0, "an open invoice is tried again, or given up some day");
    wait_until(renewal, invoice->give_up_us > 0 && invoice->give_up_us < at_us ? invoice->give_up_us
                                                                               : at_us);
    return 0;
}

/* ---- the next period ---- */

static void invoice_for(struct renewal *renewal, int64_t number, enum invoice_state state,
                        struct invoice_row *ret_invoice) {
    int64_t now = clock_wall_us();
    *ret_invoice = (struct invoice_row){
        .id = invoice_id_new(),
        .subscription_id = renewal->subscription.id,
        .number = number,
        .state = state,
        .plan_id = renewal->plan.id,
        .amount_minor = renewal->plan.amount_minor,
        .currency = renewal->plan.currency,
        .period_start_us = period_start(&renewal->subscription, &renewal->plan, renewal->zone,
                                        number),
        .period_end_us = period_start(&renewal->subscription, &renewal->plan, renewal->zone,
                                      number + 1),
        .failure_code = "",
        .reason = state == INVOICE_SKIPPED ? "it was over before it could be charged" : "",
        .created_us = now,
        .updated_us = now,
    };
}

static void take_period(struct subscription_row *subscription, const struct invoice_row *invoice) {
    subscription->period = invoice->number;
    subscription->period_start_us = invoice->period_start_us;
    subscription->period_end_us = invoice->period_end_us;
}

/* Writes down the periods before `current`; at most so many at a time. */
static int skip(struct renewal *renewal, struct store_tx *tx, int64_t current, struct err *err) {
    struct subscription_row *subscription = &renewal->subscription;
    int r = 0;
    for (int i = 0; r >= 0 && i < SKIPS_MAX && subscription->period + 1 < current; i++) {
        invoice_for(renewal, subscription->period + 1, INVOICE_SKIPPED, &renewal->invoice);
        take_period(subscription, &renewal->invoice);
        r = invoice_row_insert(tx, &renewal->invoice, err);
    }
    r = r < 0 ? r : subscription_row_save(tx, subscription, err);
    return r < 0 ? r
                 : subscription_tell(renewal->billing, tx, subscription,
                                     "subscription.periods_skipped", &renewal->invoice, err);
}

static int change_plan(struct renewal *renewal, struct store_tx *tx, struct err *err) {
    struct subscription_row *subscription = &renewal->subscription;
    struct plan_row to;
    if (subscription->next_plan_id.text[0] == '\0') {
        return 0;
    }
    int r = plan_row_load(tx, renewal->arena, subscription->next_plan_id.text, &to, err);
    if (r < 0) {
        return r;
    }
    period_change_plan(subscription, &renewal->plan, &to, subscription->period + 1);
    renewal->plan = to;
    return 0;
}

static int open_period(struct renewal *renewal, struct store_tx *tx, struct err *err) {
    struct subscription_row *subscription = &renewal->subscription;
    int r = change_plan(renewal, tx, err);
    if (r < 0) {
        return r;
    }
    int64_t now = clock_wall_us();
    int64_t current = period_at(subscription, &renewal->plan, renewal->zone, now);
    if (current > subscription->period + 1) {
        r = skip(renewal, tx, current, err);
        if (r < 0 || current > subscription->period + 1) {
            renewal->next = NEXT_AGAIN;
            return r;
        }
    }
    invoice_for(renewal, subscription->period + 1, INVOICE_OPEN, &renewal->invoice);
    take_period(subscription, &renewal->invoice);
    r = begin_try(renewal, tx, true, err);
    if (r < 0 || subscription->state == SUBSCRIPTION_TRIALING) {
        return r < 0 ? r
                     : subscription_move(renewal->billing, tx, subscription, SUB_TRIAL_OVER,
                                         &renewal->invoice, err);
    }
    return subscription_row_save(tx, subscription, err);
}

static int between(struct renewal *renewal, struct store_tx *tx, struct err *err) {
    struct subscription_row *subscription = &renewal->subscription;
    bool renews = subscription_state_renews(subscription->state) ||
                  (PLANTED(PAUSE_IGNORED) && subscription->state == SUBSCRIPTION_PAUSED);
    if (subscription_state_final(subscription->state) ||
        (!renews && !subscription->cancel_at_end)) {
        return 0;
    }
    int64_t now = clock_wall_us();
    if (now < subscription->period_end_us) {
        wait_until(renewal, subscription->period_end_us);
        return 0;
    }
    if (subscription->cancel_at_end) {
        return subscription_move(renewal->billing, tx, subscription, SUB_CANCEL, &renewal->invoice,
                                 err);
    }
    bool all = false;
    int r = billing_paused(tx, &all, err);
    if (r < 0) {
        return r;
    }
    if (all) {
        wait_for_switch(renewal, now);
        return 0;
    }
    return open_period(renewal, tx, err);
}

/* ---- one step ---- */

static int step_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct renewal *renewal = ctx;
    renewal->next = NEXT_NONE;
    int r = subscription_row_load(tx, renewal->arena, renewal->id, true, &renewal->subscription,
                                  err);
    if (r == -ERR_NOT_FOUND) {
        err_clear(err);
        return 0;
    }
    r = r < 0 ? r
              : plan_row_load(tx, renewal->arena, renewal->subscription.plan_id.text,
                              &renewal->plan, err);
    r = r < 0 || renewal->zone != NULL
            ? r
            : time_zone_open(renewal->subscription.time_zone, &renewal->zone, err);
    r = r < 0 ? r : invoice_row_last(tx, renewal->arena, renewal->id, &renewal->invoice, err);
    if (r < 0) {
        return r;
    }
    if (renewal->invoice.state == INVOICE_OPEN && renewal->invoice.trying) {
        r = follow(renewal, tx, err);
        if (r < 0 || renewal->next != NEXT_NONE || renewal->invoice.trying) {
            return r;
        }
    }
    return renewal->invoice.state == INVOICE_OPEN ? owing(renewal, tx, err)
                                                  : between(renewal, tx, err);
}

/* ---- charging ---- */

/* What cannot become right by itself ends the try; everything else is met again. */
static bool refused_for_good(enum err_code code) {
    return err_retry_class(code) == ERR_RETRY_NEVER && err_http_status(code) < 500;
}

static int read_payment(struct renewal *renewal, const struct answer *answer, struct err *err) {
    JSON_AUTO json = json_loads(answer->json, 0, NULL);
    const char *id = json_peek_text(json, "id", NULL);
    return id != NULL ? payment_id_parse(id, &renewal->paying, err)
                      : err_set(err, ERR_INTERNAL, "a payment's answer has no id");
}

static int charge(struct renewal *renewal, struct err *err) {
    const struct subscription_row *subscription = &renewal->subscription;
    const struct invoice_row *invoice = &renewal->invoice;
    char order_id[NAME_CHARS_MAX], key[NAME_CHARS_MAX + 24];
    order_name(invoice, order_id);
    if (PLANTED(RENEWAL_NEW_ORDER)) {
        size_t used = strlen(order_id);
        snprintf(order_id + used, sizeof order_id - used, "/%lld", (long long)clock_wall_us());
    }
    snprintf(key, sizeof key, "%s/%lld", order_id, (long long)invoice->tries);
    JSON_AUTO tokens = json_loads(subscription->tokens, 0, NULL);
    JSON_AUTO metadata = json_pack("{s:s,s:s}", "subscription_id", subscription->id.text,
                                   "invoice_id", invoice->id.text);
    struct caller caller = {.actor = "billing",
                            .scope = "billing",
                            .key = key,
                            .request_hash = key,
                            .request_id = invoice->id.text};
    struct payment_order order = {
        .order_id = order_id,
        .amount_minor = invoice->amount_minor,
        .currency = invoice->currency,
        .method = subscription->method,
        .purpose = PURPOSE_SUBSCRIPTION,
        .tokens = tokens,
        .customer_id = subscription->customer_id,
        .customer_email = subscription->customer_email,
        .customer_region = subscription->customer_region,
        .description = subscription->description[0] != '\0' ? subscription->description
                                                            : renewal->plan.name,
        .metadata = metadata,
    };
    ANSWER_AUTO answer = {0};
    int r = payment_create(renewal->billing->options.payments, &caller, &order, &answer, err);
    if (r >= 0) {
        return read_payment(renewal, &answer, err);
    }
    if (r == -ERR_ORDER_TAKEN || r == -ERR_IDEMPOTENCY_IN_FLIGHT) {
        wait_until(renewal, clock_wall_us() + (r == -ERR_ORDER_TAKEN ? HELD_US : IN_FLIGHT_US));
        err_clear(err);
        return 0;
    }
    if (!refused_for_good(err->code)) {
        return r;
    }
    log_error(JOB_FAILED, err, LT("subscription", subscription->id.text));
    err_clear(err);
    renewal->failed = "invalid_request";
    return 0;
}

/* No gateway takes it now and nobody is there to choose another method: this payment ends, and the
 * next try is another one. */
static int call_off(struct renewal *renewal, struct err *err) {
    const struct invoice_row *invoice = &renewal->invoice;
    char key[NAME_CHARS_MAX + 40];
    snprintf(key, sizeof key, "%s/%lld/off", invoice->id.text, (long long)invoice->tries);
    struct caller caller = {.actor = "billing",
                            .scope = "billing",
                            .key = key,
                            .request_hash = key,
                            .request_id = invoice->id.text};
    ANSWER_AUTO answer = {0};
    int r = payment_cancel(renewal->billing->options.payments, &caller, invoice->payment_id.text,
                           "no gateway could take the renewal", &answer, err);
    if (r < 0 && refused_for_good(err->code)) {
        err_clear(err); /* it is not what it was a moment ago: the next step sees */
        r = 0;
        wait_until(renewal, clock_wall_us() + IN_FLIGHT_US);
    }
    return r;
}

static int run(struct renewal *renewal, struct err *err) {
    for (int i = 0; i < STEPS_MAX; i++) {
        int r = store_write(renewal->billing->options.store, step_tx, renewal, err);
        if (r < 0) {
            return r;
        }
        renewal->failed = NULL;
        renewal->paying = (struct payment_id){""};
        enum next next = renewal->next;
        r = next == NEXT_CHARGE     ? charge(renewal, err)
            : next == NEXT_CALL_OFF ? call_off(renewal, err)
                                    : 0;
        if (r < 0 || renewal->next == NEXT_NONE || renewal->next == NEXT_WAIT) {
            return r;
        }
    }
    wait_until(renewal, clock_wall_us() + US_PER_SECOND);
    return 0;
}

int renewal_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct renewal renewal = {.billing = ctx, .id = job->key, .arena = arena};
    int r = run(&renewal, err);
    time_zone_close(renewal.zone);
    if (r >= 0 && renewal.next == NEXT_WAIT) {
        *ret_again_us = renewal.again_us;
    }
    payments_wake(renewal.billing->options.payments);
    return r;
}
