/* SPDX-License-Identifier: Apache-2.0
 * choose.c: the customer takes another way to pay: the one that waits for him is closed first, and
 * the payment goes on by flow.c as a new one does. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "payment/flow.h"
#include "payment/later.h"

struct choose_ctx {
    struct flow *flow;
    const char *payment_id;
    const struct payment_choice *choice;
    bool claimed; /* the key is ours, by the transaction before */
    bool waits;   /* for its customer, at a gateway: that is to be closed first */
};

static int other_holder(struct store_tx *tx, const struct payment_row *payment, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM payment WHERE order_id = $1 AND id <> $2 AND holds_order = 1",
                      S_TEXT(payment->order_id), S_TEXT(payment->id.text));
    return r < 0 ? r : sql_next(rows, err);
}

static int choose_claim(struct choose_ctx *choose, struct store_tx *tx, struct err *err) {
    struct flow *flow = choose->flow;
    snprintf(flow->resource_id, sizeof flow->resource_id, "%s", choose->payment_id);
    return idempotency_claim(flow->payments, tx, flow->caller, flow->operation, flow->resource_id,
                             &flow->found, flow->answer, err);
}

/* He may be elsewhere than he was when he ordered: what is asked and judged is where he is now. */
static void take_address(struct choose_ctx *choose) {
    const char *now = choose->choice->customer_ip;
    if (now != NULL && now[0] != '\0') {
        choose->flow->payment.customer_ip = now;
    }
}

static int save_address(struct choose_ctx *choose, struct store_tx *tx, struct err *err) {
    const char *now = choose->choice->customer_ip;
    return now == NULL || now[0] == '\0'
               ? 0
               : sql_put(tx, err, "UPDATE payment SET customer_ip = $2 WHERE id = $1",
                         S_TEXT(choose->flow->payment.id.text), S_TEXT(now));
}

static bool holds_order(const struct flow *flow) {
    return !flow->payments->options.several_per_order && !flow->payment.several_per_order;
}

/* Whether this payment, as it is loaded, may be paid another way at all. */
static int may_choose(struct choose_ctx *choose, struct store_tx *tx, struct err *err) {
    struct flow *flow = choose->flow;
    struct mode_admission admission;
    mode_admits(flow->payments->options.mode, payment_taken_as(flow->payment.purpose),
                choose->choice->method,
                &admission);
    if (admission.verdict == MODE_REFUSED) {
        return mode_refuse(&admission, err);
    }
    if (flow->payment.state != PAYMENT_REQUIRES_ACTION ||
        (choose->claimed && !payment_asks_for_method(&flow->payment))) {
        return err_set(err, ERR_STATE, "payment %s is %s and does not wait for another method",
                       flow->payment.id.text, payment_state_name(flow->payment.state));
    }
    int64_t until_us = flow->payment.deferred_until_us;
    if (until_us > 0 && until_us <= clock_wall_us()) {
        return err_set(err, ERR_STATE, "payment %s was held for its customer long enough",
                       flow->payment.id.text);
    }
    if (payment_took_late(&flow->payment)) {
        err_set(err, ERR_STATE, "money has come for payment %s after all", flow->payment.id.text);
        return err_hint(err, "Its open case says from where; do not charge the customer again.");
    }
    int r = holds_order(flow) ? other_holder(tx, &flow->payment, err) : 0;
    return r <= 0 ? r : order_taken(tx, flow->payment.order_id, err);
}

/* What he has now is not closed for a way that leads nowhere. */
static int leads_somewhere(struct choose_ctx *choose, struct err *err) {
    struct flow *flow = choose->flow;
    const char *method = method_name(choose->choice->method);
    if (flow->verdict.code != NULL) {
        err_set(err, ERR_STATE, "this card is not asked now (%s): payment %s waits as it did",
                flow->verdict.code, flow->payment.id.text);
    } else if (flow->plan.eligible_count == 0) {
        const struct route_candidate *nearest = router_nearest(&flow->plan);
        err_set(err, ERR_STATE, "no gateway takes payment %s by %s now%s%s%s%s: it waits as it did",
                flow->payment.id.text, method, nearest != NULL ? " (" : "",
                nearest != NULL ? nearest->gateway->name : "", nearest != NULL ? ": " : "",
                nearest != NULL ? nearest->reason : "");
    } else {
        return 0;
    }
    return err_hint(err, "It can be paid as before, or by another of GET /v1/methods.");
}

static int choose_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct choose_ctx *choose = ctx;
    struct flow *flow = choose->flow;
    flow->sending = false;
    flow->tried_count = 0;
    choose->waits = false;
    int r = choose->claimed ? 0 : choose_claim(choose, tx, err);
    if (r < 0 || flow->found != IDEMPOTENCY_NEW) {
        return r;
    }
    r = payment_row_load(tx, flow->arena, choose->payment_id, true, &flow->payment, err);
    r = r < 0 ? r : may_choose(choose, tx, err);
    if (r < 0) {
        return r;
    }
    choose->waits = !payment_asks_for_method(&flow->payment);
    flow->payment.method = choose->choice->method;
    flow->payment.flow = choose->choice->flow;
    flow->payment.tokens = flow_json(flow->arena, flow->tokens);
    flow->payment.failure_code = "";
    flow->payment.failure_message = "";
    flow->payment.failure_again_us = 0;
    take_address(choose);
    flow_plan(flow);
    r = card_check(tx, &flow->card, clock_wall_us(), &flow->verdict, err);
    if (r < 0 || choose->waits) {
        return r < 0 ? r : leads_somewhere(choose, err);
    }
    r = save_address(choose, tx, err);
    r = r < 0 ? r : flow_decide(flow, tx, clock_wall_us(), err);
    if (r < 0) {
        return r;
    }
    if (screen_denied(&flow->screen)) {
        r = screen_refuse(flow->payments, tx, &flow->payment, err);
        return r < 0 ? r : flow_finish(flow, tx, err);
    }
    if (flow->verdict.code != NULL) {
        payment_failed_by(&flow->payment, flow->verdict.code, flow->verdict.again_us);
    }
    flow->sending = flow->verdict.code == NULL && flow_next_attempt(flow);
    if (!flow->sending) {
        flow->payment.gateway = ""; /* the last one was not asked for this method */
        r = flow->verdict.code == NULL ? not_sent_write(tx, &flow->payment, &flow->plan, err) : 0;
        r = r < 0 ? r : payment_row_save(tx, &flow->payment, err);
        return r < 0 ? r : flow_finish(flow, tx, err);
    }
    flow->payment.holds_order = holds_order(flow);
    r = payment_move(flow->payments, tx, &flow->payment, EVENT_SEND, err);
    return r < 0 ? r : flow_write_attempt(flow, tx, err);
}

static int taken_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct flow *flow = ctx;
    return order_taken(tx, flow->payment.order_id, err);
}

/* The customer has a code already, or a page, and could pay there: that ends first. The key is
 * claimed before, so that a repeat of this request closes nothing that it has opened itself. */
static int choose_begin(struct choose_ctx *choose, struct err *err) {
    struct flow *flow = choose->flow;
    struct store *store = flow->payments->options.store;
    int r = store_write(store, choose_tx, choose, err);
    if (r < 0 || !choose->waits) {
        return r;
    }
    choose->claimed = true;
    r = attempt_close(flow->payments, flow->caller, choose->payment_id, err);
    r = r < 0 ? r : store_write(store, choose_tx, choose, err);
    if (r < 0 && r != -ERR_STORE_UNKNOWN) {
        leases_release(flow->payments, flow->caller, "", "");
    }
    return r;
}

static int choose_look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct choose_ctx *choose = ctx;
    struct flow *flow = choose->flow;
    return payment_row_load(tx, flow->arena, choose->payment_id, false, &flow->payment, err);
}

/* Another method, perhaps another card: it is looked at as the first one was. */
static int choose_screen(struct choose_ctx *choose, struct err *err) {
    struct flow *flow = choose->flow;
    if (!risk_configured(flow->payments->options.risk)) {
        return 0;
    }
    int r = store_read(flow->payments->options.store, choose_look_tx, choose, err);
    if (r >= 0) {
        flow->payment.method = choose->choice->method;
        take_address(choose);
        flow_screen(flow, clock_wall_us());
    }
    return r;
}

int payment_choose(struct payments *payments, const struct caller *caller, const char *payment_id,
                   const struct payment_choice *choice, struct answer *ret_answer,
                   struct err *err) {
    int r = mode_may_change(payments->options.mode, err);
    if (r < 0) {
        return r;
    }
    FLOW_AUTO flow;
    flow_init(&flow, payments, caller, "payment.choose", ret_answer);
    flow.tokens = flow_tokens(choice->tokens, choice->token);
    card_of(payments, choice->method, flow.tokens, &flow.card);
    struct choose_ctx choose = {.flow = &flow, .payment_id = payment_id, .choice = choice};
    r = flow_check(&flow, choice->method, choice->flow, err);
    r = r < 0 ? r : choose_screen(&choose, err);
    r = r < 0 ? r : flow_run(&flow, choose_begin(&choose, err), err);
    if (r == -ERR_EXISTS) {
        /* Another payment took the order between our look and our commit: the store's own index
         * says so, and only after the transaction can be asked who it is. */
        r = store_read(payments->options.store, taken_tx, &flow, err);
    }
    if (r < 0) {
        answer_release(ret_answer);
    }
    return r;
}
