/* SPDX-License-Identifier: Apache-2.0
 * create.c: from an order to its first attempt; flow.c goes on from there.
 *
 *   screen  the fraud scorer is asked, where there is one
 *   begin   one transaction: claim the key, claim the order, decide by the fraud rules, write the
 *           payment and attempt 1, or its refusal
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/plant.h"
#include "payment/flow.h"
#include "payment/later.h"

/* ---- begin ---- */

int order_taken(struct store_tx *tx, const char *order_id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, state FROM payment WHERE order_id = $1 AND holds_order = 1",
                      S_TEXT(order_id));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    if (r == 0) {
        return err_set(err, ERR_STORE_CONFLICT,
                       "the order's other payment ended at this very moment");
    }
    err_set(err, ERR_ORDER_TAKEN, "order %s already has payment %s, which is %s", order_id,
            sql_text(rows, 0), payment_state_name(sql_int(rows, 1)));
    err_place(err, "/v1/payments/%s", sql_text(rows, 0));
    return err_hint(err, "Look at that payment; the customer must not be charged twice.");
}

/* How an order is taken without asking a gateway now. */
enum later {
    LATER_NOT,
    LATER_DEFER,  /* held for its customer: the shop says so */
    LATER_QUEUE,  /* queued: the shop says so */
    LATER_EITHER, /* queued if it may be, else held: the ladder says so */
};

struct begin_ctx {
    struct flow *flow;
    struct payment_row fresh; /* as it is before this transaction runs, or runs again */
    bool hold_order;
    enum later later;
    const struct mode_admission *admission;
    const struct err *refusal; /* found before, and said unless the key has an answer; or NULL */
    bool hopeful; /* key and order are taken to be new: nothing is waited for before the commit */
};

/* 1 written; 0: the order is taken. */
static int begin_rows(struct begin_ctx *begin, struct store_tx *tx, struct err *err) {
    struct flow *flow = begin->flow;
    if (begin->hopeful) {
        int r = payment_row_insert_new(tx, &flow->payment, err);
        return r < 0 ? r : 1;
    }
    return payment_row_insert(tx, &flow->payment, err);
}

static int begin_key(struct begin_ctx *begin, struct store_tx *tx, struct err *err) {
    struct flow *flow = begin->flow;
    if (begin->hopeful) {
        flow->found = IDEMPOTENCY_NEW;
        return idempotency_claim_new(flow->payments, tx, flow->caller, flow->operation,
                                     flow->resource_id, err);
    }
    return idempotency_claim(flow->payments, tx, flow->caller, flow->operation, flow->resource_id,
                             &flow->found, flow->answer, err);
}

/* Fills flow->verdict. */
static int begin_card(struct begin_ctx *begin, struct store_tx *tx, struct err *err) {
    struct flow *flow = begin->flow;
    flow->verdict = (struct card_verdict){0};
    return begin->hopeful ? card_expect_clean(tx, &flow->card, err)
                          : card_check(tx, &flow->card, clock_wall_us(), &flow->verdict, err);
}

/* No gateway is asked now: none can be, or none is to be. */
static int begin_without(const struct begin_ctx *begin, struct store_tx *tx, struct err *err) {
    struct flow *flow = begin->flow;
    bool held = flow->screen.wanted && flow->screen.decision.action == RISK_HOLD;
    bool fits = begin->later == LATER_EITHER && !held;
    if (fits) {
        int r = forward_fits(flow->payments, tx, &flow->payment, err);
        fits = r == 0;
        if (r < 0 && r != -ERR_VALIDATION && r != -ERR_AMOUNT) {
            return r;
        }
        err_clear(err);
    }
    if (begin->later == LATER_QUEUE && held) {
        return err_set(err, ERR_VALIDATION,
                       "the fraud rules want to hold this payment's money: "
                       "it is not queued");
    }
    bool wanted = begin->later == LATER_NOT ||
                  (begin->later == LATER_EITHER && flow->plan.eligible_count == 0);
    int r = wanted ? not_sent_write(tx, &flow->payment, &flow->plan, err) : 0;
    if (r < 0) {
        return r;
    }
    if (begin->later == LATER_QUEUE || fits) {
        return payment_queue(flow->payments, tx, &flow->payment, err);
    }
    return begin->later != LATER_NOT && deferral_configured(flow->payments)
               ? payment_defer(flow->payments, tx, &flow->payment, err)
               : payment_ask_method(flow->payments, tx, &flow->payment, err);
}

static int begin_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct begin_ctx *begin = ctx;
    struct flow *flow = begin->flow;
    flow->payment = begin->fresh;
    flow->tried_count = 0;
    flow->sending = false;
    flow->as_written = false;
    snprintf(flow->resource_id, sizeof flow->resource_id, "%s", flow->payment.id.text);
    int r = begin_key(begin, tx, err);
    if (r < 0 || flow->found != IDEMPOTENCY_NEW) {
        return r;
    }
    /* A repeat of what was taken before is answered all the same. */
    if (begin->refusal != NULL) {
        *err = *begin->refusal;
        return -(int)begin->refusal->code;
    }
    if (begin->admission->verdict == MODE_REFUSED) {
        return mode_refuse(begin->admission, err);
    }
    r = begin_card(begin, tx, err);
    r = r < 0 ? r : flow_decide(flow, tx, flow->payment.created_us, err);
    if (r < 0) {
        return r;
    }
    bool denied = screen_denied(&flow->screen), refused = flow->verdict.code != NULL;
    flow->sending = !denied && begin->later == LATER_NOT &&
                    ((PLANTED(NO_INTENT) && flow->attempt.owner != NULL) ||
                     (!refused && flow_next_attempt(flow)));
    INVARIANT(payment_move_find(PAYMENT_CREATED, EVENT_SEND)->to == PAYMENT_PROCESSING,
              "a payment with an attempt is processing");
    flow->payment.state = flow->sending ? PAYMENT_PROCESSING : PAYMENT_CREATED;
    flow->payment.holds_order = begin->hold_order;
    flow->payment.held = begin->hold_order ? HELD_YES : HELD_NO;
    r = begin_rows(begin, tx, err);
    if (r == 0) {
        return order_taken(tx, flow->payment.order_id, err);
    }
    if (r < 0) {
        return r;
    }
    if (flow->sending) {
        flow->as_written = true;
        return flow_write_attempt(flow, tx, err);
    }
    r = denied    ? screen_refuse(flow->payments, tx, &flow->payment, err)
        : refused ? flow_fail_for_card(flow, tx, err)
                  : begin_without(begin, tx, err);
    return r < 0 ? r : flow_finish(flow, tx, err);
}

/* Nearly every request is a new one for a new order, and is written in one breath. One that is not
 * runs again from the start and looks at what it met. SQLite, where nobody waits for an answer,
 * looks at once. */
static int begin(struct begin_ctx *begin, struct err *err) {
    struct payments *payments = begin->flow->payments;
    struct store *store = payments->options.store;
    begin->hopeful = store_engine(store) == STORE_POSTGRES && begin->flow->caller->repeat_us == 0 &&
                     begin->admission->verdict != MODE_REFUSED && begin->refusal == NULL;
    int r = store_write(store, begin_tx, begin, err);
    if (r == -ERR_STATE && begin->hopeful) {
        begin->hopeful = false;
        r = store_write(store, begin_tx, begin, err);
    }
    return r;
}

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

static struct payment_row payment_of(struct flow *flow, const struct payment_order *order) {
    int64_t now = clock_wall_us();
    return (struct payment_row){
        .id = payment_id_new(),
        .version = 1,
        .order_id = order->order_id,
        .state = PAYMENT_CREATED,
        .amount_minor = order->amount_minor,
        .currency = order->currency,
        .method = order->method,
        .purpose = order->purpose != 0 ? order->purpose : PURPOSE_ORDER,
        .capture_later = order->capture_later,
        .customer_id = or_empty(order->customer_id),
        .customer_region = or_empty(order->customer_region),
        .customer_email = or_empty(order->customer_email),
        .customer_ip = or_empty(order->customer_ip),
        .customer_vip = order->customer_vip,
        .customer_segment = or_empty(order->customer_segment),
        .tokens = flow_json(flow->arena, flow->tokens),
        .return_url = or_empty(order->return_url),
        .cancel_url = or_empty(order->cancel_url),
        .description = or_empty(order->description),
        .metadata = order->metadata != NULL ? flow_json(flow->arena, order->metadata) : "{}",
        .action = "",
        .action_data = "",
        .flow = order->flow,
        .failure_code = "",
        .failure_message = "",
        .review = "",
        .gateway = "",
        .several_per_order = order->several_per_order,
        .created_us = now,
        .updated_us = now,
        .arena = flow->arena,
    };
}

/* How the shop wants it taken. Holding needs links, and queueing leave; a renewal has a schedule of
 * its own. */
static int later_of(const struct payments *payments, const struct payment_order *order,
                    enum later *ret_later, struct err *err) {
    *ret_later = order->defer ? LATER_DEFER : order->queue ? LATER_QUEUE : LATER_NOT;
    if (order->defer && order->queue) {
        err_set(err, ERR_VALIDATION, "an order is either held for its customer or queued");
        return err_place(err, "/queue");
    }
    if (order->defer && !deferral_configured(payments)) {
        err_set(err, ERR_VALIDATION, "orders are not held here to be paid later");
        err_place(err, "/defer");
        return err_hint(err, "Set deferred.public_url in the configuration.");
    }
    return 0;
}

int payment_create(struct payments *payments, const struct caller *caller,
                   const struct payment_order *order, struct answer *ret_answer, struct err *err) {
    enum later later;
    struct err refusal = {0};
    struct mode_admission admission;
    mode_admits(payments->options.mode,
                order->purpose != 0 ? payment_taken_as(order->purpose) : PURPOSE_ORDER,
                order->method, &admission);
    /* Nothing is written then: not even what was refused. */
    if (admission.code == ERR_READ_ONLY) {
        return mode_refuse(&admission, err);
    }
    int r = later_of(payments, order, &later, &refusal);
    if (later == LATER_NOT && admission.verdict == MODE_HELD &&
        order->purpose != PURPOSE_SUBSCRIPTION && order->purpose != PURPOSE_PROBE) {
        later = LATER_EITHER;
    }
    FLOW_AUTO flow;
    flow_init(&flow, payments, caller, "payment.create", ret_answer);
    flow.tokens = flow_tokens(order->tokens, order->token);
    flow.only = order->gateway_only;
    if (order->purpose != PURPOSE_PROBE) { /* whose card is ours, and is counted nowhere */
        card_of(payments, order->method, flow.tokens, &flow.card);
    }
    r = r < 0 ? r : flow_check(&flow, order->method, order->flow, &refusal);
    struct begin_ctx first = {
        .flow = &flow,
        .refusal = r < 0 ? &refusal : NULL,
        .fresh = payment_of(&flow, order),
        .later = later,
        .admission = &admission,
        .hold_order = !order->several_per_order && !payments->options.several_per_order &&
                      !PLANTED(ORDER_NOT_HELD),
    };
    flow.payment = first.fresh;
    if (first.refusal == NULL) {
        flow_plan(&flow);
        flow_screen(&flow, first.fresh.created_us);
    }
    if (PLANTED(NO_INTENT) && flow_next_attempt(&flow)) {
        first.fresh = flow.payment;
        flow_call(&flow);
    }
    r = flow_run(&flow, begin(&first, err), err);
    if (r < 0) {
        answer_release(ret_answer);
    } else if (later != LATER_NOT) {
        jobs_wake(payments);
    }
    return r;
}
