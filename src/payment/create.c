/* SPDX-License-Identifier: Apache-2.0
 * create.c: from an order to an outcome, inside the customer's request (§7 of the design).
 *
 *   begin   one transaction: claim the key, claim the order, write the payment and attempt 1
 *   call    the gateway, outside any transaction
 *   insist  if nobody knows: the same call again with the same key, or a question; never elsewhere
 *   settle  one transaction: the outcome, its postings and event, and either the next attempt's
 *           intent (certainly not charged, a candidate and time are left) or the answer
 *   … call, settle, until there is an answer.
 *
 * A crash anywhere leaves rows from which the resolver, or the client repeating its key, goes on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/plant.h"
#include "meter/meter.h"
#include "payment/internal.h"

enum { INSIST_MAX = INQUIRIES_MAX };
#define INSIST_PAUSE_US (150 * US_PER_MS)
#define BUDGET_LEFT_MIN_US (400 * US_PER_MS)

struct flow {
    struct payments *payments;
    const struct caller *caller;
    const char *operation; /* of the idempotency row */
    struct arena *arena;
    struct payment_row payment;
    struct attempt_row attempt;
    json_t *tokens; /* owned: {"": portable, gateway: token} */
    const char *tried[GATEWAYS_MAX];
    int tried_count;
    struct route_plan plan;
    bool sending; /* `attempt` is written and waits to be called */
    /* Payment and attempt 1 are as begin_tx() wrote them, and not looked at since. */
    bool as_written;
    bool guarded;     /* the transaction at hand fails if they are not */
    bool was_unknown; /* at some time in this request */
    struct gateway_result result;
    const char *source;
    struct inquiries asked;        /* about the attempt that is being settled */
    int64_t began_us, deadline_us; /* monotonic */
    enum idempotency_found found;
    char resource_id[ID_TEXT_MAX];
    struct answer *answer;
};

static void flow_init(struct flow *flow, struct payments *payments, const struct caller *caller,
                      const char *operation, struct answer *answer) {
    *flow = (struct flow){
        .payments = payments,
        .caller = caller,
        .operation = operation,
        .arena = arena_new(ARENA_REQUEST_BYTES_MAX),
        .began_us = clock_mono_us(),
        .answer = answer,
    };
    flow->deadline_us = flow->began_us + payments->options.request_budget_us;
}

static void flow_release(struct flow *flow) {
    json_decref(flow->tokens);
    arena_free(flow->arena);
}
#define FLOW_AUTO struct flow CLEANUP(flow_release)

static void plan(struct flow *flow) {
    struct route_request request = {
        .payment_id = flow->payment.id.text,
        .method = flow->payment.method,
        .currency = flow->payment.currency,
        .amount_minor = flow->payment.amount_minor,
        .region = flow->payment.customer_region,
        .vip = flow->payment.customer_vip,
        .authorize = flow->payment.capture_later,
        .tokens = flow->tokens,
        .portable_token = "",
        .tried_count = flow->tried_count,
    };
    const json_t *portable = json_object_get(flow->tokens, "");
    if (json_is_string(portable)) {
        request.portable_token = json_string_value(portable);
    }
    memcpy(request.tried, flow->tried, sizeof request.tried);
    router_plan(flow->payments->options.router, &request, &flow->plan);
}

/* Fills the next attempt from the plan's first candidate. False: there is none. */
static bool next_attempt(struct flow *flow) {
    if (flow->plan.eligible_count == 0 ||
        flow->tried_count >= flow->payments->options.failover_max ||
        flow->deadline_us - clock_mono_us() < BUDGET_LEFT_MIN_US) {
        return false;
    }
    const struct route_candidate *candidate = &flow->plan.candidates[0];
    char *decision = router_plan_json(&flow->plan, 0);
    int64_t now = clock_wall_us();
    flow->attempt = (struct attempt_row){
        .id = attempt_id_new(),
        .payment_id = flow->payment.id,
        .number = flow->payment.attempts + 1,
        .gateway = candidate->gateway->name,
        .state = ATTEMPT_SENDING,
        .amount_minor = flow->payment.amount_minor,
        .currency = flow->payment.currency,
        .token = arena_copy(flow->arena, candidate->token),
        .decision = arena_copy(flow->arena, decision),
        .source = "",
        .gateway_id = "",
        .charge_id = "",
        .code = "",
        .common_code = "",
        .message = "",
        .trace = "",
        .owner = flow->payments->instance,
        .lease_us = now + CALL_LEASE_US,
        .sent_us = now,
        .created_us = now,
    };
    free(decision);
    flow->tried[flow->tried_count++] = candidate->gateway->name;
    flow->payment.attempts++;
    flow->payment.gateway = candidate->gateway->name;
    return true;
}

static int no_candidate(struct flow *flow, struct store_tx *tx, struct err *err) {
    flow->payment.action = "choose_method";
    flow->payment.action_url = "/v1/methods";
    return payment_move(flow->payments, tx, &flow->payment, EVENT_NO_CANDIDATE, err);
}

/* Renders the payment as the answer and stores it under the key, in this transaction. */
static int finish(struct flow *flow, struct store_tx *tx, struct err *err) {
    const struct payment_row *payment = &flow->payment;
    /* Mostly its event was written a moment ago and says the same. */
    bool told = payment->json != NULL && payment->json_version == payment->version;
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    if (told) {
        buf_add_text(&buf, payment->json);
    } else {
        render_payment(&buf, payment);
    }
    int status = payment->state == PAYMENT_PROCESSING ? 202 : 201;
    int r = answer_take(flow->answer, status, &buf, err);
    if (r < 0) {
        return r;
    }
    return told ? idempotency_finish_event(tx, flow->caller, flow->guarded, payment->version,
                                           flow->answer, err)
                : idempotency_finish(tx, flow->caller, flow->guarded, NULL, flow->answer, err);
}

/* ---- begin ---- */

static int order_taken(struct store_tx *tx, const char *order_id, struct err *err) {
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

struct begin_ctx {
    struct flow *flow;
    struct payment_row fresh; /* as it is before this transaction runs, or runs again */
    bool hold_order;
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
    flow->sending = (PLANTED(NO_INTENT) && flow->attempt.owner != NULL) || next_attempt(flow);
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
        return attempt_row_insert(tx, &flow->attempt, err);
    }
    r = no_candidate(flow, tx, err);
    return r < 0 ? r : finish(flow, tx, err);
}

/* Nearly every request is a new one for a new order, and is written in one breath. One that is not
 * runs again from the start and looks at what it met. SQLite, where nobody waits for an answer,
 * looks at once. */
static int begin(struct begin_ctx *begin, struct err *err) {
    struct payments *payments = begin->flow->payments;
    struct store *store = payments->options.store;
    begin->hopeful = store_engine(store) == STORE_POSTGRES && begin->flow->caller->repeat_us == 0;
    int r = store_write(store, begin_tx, begin, err);
    if (r == -ERR_STATE && begin->hopeful) {
        begin->hopeful = false;
        r = store_write(store, begin_tx, begin, err);
    }
    return r;
}

/* ---- call and insist ---- */

/* What is left of the customer's time. A commit may have taken all of it: then the call that it was
 * for is still made, but briefly. */
static int64_t budget_left_us(const struct flow *flow) {
    int64_t left = flow->deadline_us - clock_mono_us();
    return left > BUDGET_LEFT_MIN_US ? left : BUDGET_LEFT_MIN_US;
}

static void call(struct flow *flow) {
    struct gateway_charge charge;
    charge_of(&flow->payment, &flow->attempt, &charge);
    struct persist_ctx persist = {flow->payments, flow->attempt.id.text};
    struct gateway_ask ask = {
        .gateway = gateway_find(flow->payments->options.registry, flow->attempt.gateway),
        .operation = OP_CHARGE,
        .method = flow->payment.method,
        .charge = &charge,
        .budget_us = budget_left_us(flow),
        .persist = attempt_persist,
        .persist_ctx = &persist,
        .not_after_us = flow->attempt.lease_us,
    };
    INVARIANT(ask.gateway != NULL, "the router chose a gateway that is not configured");
    gateway_ask(flow->payments, &ask, &flow->result);
    flow->source = "answer";
    flow->asked.count = 0;
}

/* Nobody knows whether it was charged. The same call with the same key cannot charge twice; a
 * question moves nothing. What they say is taken only if it settles an unknown attempt. */
static void insist(struct flow *flow) {
    struct gateway *gateway = gateway_find(flow->payments->options.registry, flow->attempt.gateway);
    struct gateway_charge charge;
    struct gateway_lookup lookup;
    charge_of(&flow->payment, &flow->attempt, &charge);
    struct persist_ctx persist = {flow->payments, flow->attempt.id.text};
    flow->was_unknown = true;
    for (int i = 0; i < INSIST_MAX; i++) {
        int64_t left = flow->deadline_us - clock_mono_us() - INSIST_PAUSE_US;
        if (left < BUDGET_LEFT_MIN_US) {
            return;
        }
        task_sleep_us(INSIST_PAUSE_US);
        bool repeat = gateway->adapter->can.key_lifetime_us > 0;
        if (flow->result.gateway_id[0] != '\0') {
            flow->attempt.gateway_id = arena_copy(flow->arena, flow->result.gateway_id);
        }
        lookup_of(&flow->payment, &flow->attempt, &lookup);
        struct gateway_ask ask = {
            .gateway = gateway,
            .operation = repeat ? OP_CHARGE : OP_QUERY,
            .method = flow->payment.method,
            .charge = &charge,
            .lookup = repeat ? NULL : &lookup,
            .patient = true,
            .budget_us = left,
            .persist = attempt_persist,
            .persist_ctx = &persist,
            .not_after_us = flow->attempt.lease_us,
        };
        struct gateway_result result;
        gateway_ask(flow->payments, &ask, &result);
        inquiry_note(&flow->asked, repeat ? "repeat" : "query", &result);
        if (repeat && repeat_says_nothing(gateway, &result)) {
            continue;
        }
        if (result.outcome != GW_UNKNOWN && result.outcome != GW_NOT_FOUND &&
            attempt_move_find(ATTEMPT_UNKNOWN, result.outcome) != ATTEMPT_NONE) {
            flow->result = result;
            flow->source = repeat ? "repeat" : "query";
            return;
        }
    }
}

/* ---- settle ---- */

/* What follows a certain "not charged": 1 the next attempt, 0 the end. */
static bool worth_another(const struct flow *flow) {
    switch (flow->result.outcome) {
    case GW_RATE_LIMITED:
    case GW_UNAVAILABLE:
    case GW_REJECTED_CREDENTIALS:
        return true;
    case GW_DECLINED:
    case GW_REJECTED_REQUEST:
        return flow->result.advice == ADVICE_ELSEWHERE;
    default:
        return false;
    }
}

static bool gateways_to_blame(const struct flow *flow) {
    return flow->result.outcome == GW_RATE_LIMITED || flow->result.outcome == GW_UNAVAILABLE ||
           flow->result.outcome == GW_REJECTED_CREDENTIALS;
}

struct settle_ctx {
    struct flow *flow;
    struct attempt_id called; /* the flow's own attempt changes when this transaction runs */
    int tried_count;
    /* What this request has written itself, if nobody has touched it since: every change of a
     * payment, and every step of its attempt out of SENDING, comes with another version. */
    bool as_written;
    struct payment_row payment;
    struct attempt_row attempt;
};

static int settle_rows(struct settle_ctx *settle, struct store_tx *tx,
                       struct attempt_row *ret_attempt, struct err *err) {
    struct flow *flow = settle->flow;
    if (settle->as_written) {
        flow->payment = settle->payment;
        *ret_attempt = settle->attempt;
        return payment_row_guard(tx, &flow->payment, err);
    }
    int r = payment_row_load(tx, flow->arena, flow->payment.id.text, true, &flow->payment, err);
    return r < 0 ? r : attempt_row_load(tx, flow->arena, settle->called.text, ret_attempt, err);
}

static int settle_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct settle_ctx *settle = ctx;
    struct flow *flow = settle->flow;
    struct attempt_row attempt;
    struct settlement settlement;
    flow->sending = false;
    flow->tried_count = settle->tried_count;
    flow->guarded = settle->as_written;
    int r = settle_rows(settle, tx, &attempt, err);
    if (r < 0) {
        return r;
    }
    attempt.was_unknown = attempt.was_unknown || flow->was_unknown;
    struct inquiry_about about = {flow->payment.id.text, attempt.id.text, "", attempt.gateway};
    r = inquiries_write(tx, &flow->asked, &about, err);
    if (r < 0) {
        return r;
    }
    r = settle_attempt(flow->payments, tx, &flow->payment, &attempt, &flow->result, flow->source,
                       &settlement, err);
    if (r < 0) {
        return r;
    }
    if (settlement.may_go_on) {
        if (worth_another(flow) && !payment_took_late(&flow->payment) && next_attempt(flow)) {
            flow->sending = true;
            r = payment_move(flow->payments, tx, &flow->payment, EVENT_SEND, err);
            return r < 0 ? r : attempt_row_insert(tx, &flow->attempt, err);
        }
        r = gateways_to_blame(flow)
                ? no_candidate(flow, tx, err)
                : settle_failed(flow->payments, tx, &flow->payment, &attempt, err);
        if (r < 0) {
            return r;
        }
    }
    return finish(flow, tx, err);
}

static int settle(struct flow *flow, struct err *err) {
    const char *from = flow->attempt.gateway;
    if (gateway_outcome_not_charged(flow->result.outcome)) {
        plan(flow);
    }
    struct settle_ctx ctx = {
        .flow = flow,
        .called = flow->attempt.id,
        .tried_count = flow->tried_count,
        .as_written = flow->as_written && !flow->was_unknown,
        .payment = flow->payment,
        .attempt = flow->attempt,
    };
    int64_t deliveries = atomic_load(&flow->payments->deliveries);
    int r = store_write(flow->payments->options.store, settle_tx, &ctx, err);
    if (r == -ERR_STATE && ctx.as_written) {
        /* Somebody was there meanwhile, a callback perhaps: read what he has left. */
        ctx.as_written = false;
        flow->attempt = ctx.attempt;
        r = store_write(flow->payments->options.store, settle_tx, &ctx, err);
    }
    flow->as_written = false;
    flow->guarded = false;
    if (r < 0) {
        if (r != -ERR_STORE_UNKNOWN) {
            flow->attempt.id = ctx.called; /* the next one was never written */
        }
        return r;
    }
    if (flow->sending) {
        meter_count(METER_FAILOVERS, from, flow->attempt.gateway);
    }
    /* A webhook is the only job of a charge that is due at once. Without one the runner is left
     * asleep: for each charge it would come with a transaction of its own. */
    if (atomic_load(&flow->payments->deliveries) != deliveries) {
        jobs_wake(flow->payments);
    }
    return 0;
}

static void meter_payment(const struct flow *flow) {
    const char *method = method_name(flow->payment.method);
    meter_count(METER_PAYMENTS, method, flow->payment.currency.code,
                payment_state_name(flow->payment.state));
    meter_time(METER_PAYMENT_SECONDS, clock_mono_us() - flow->began_us, method);
}

/* From a written attempt to an answer. */
static int drive(struct flow *flow, struct err *err) {
    while (flow->sending) {
        call(flow);
        if (PLANTED(FAILOVER_ON_UNKNOWN) && flow->result.outcome == GW_UNKNOWN) {
            flow->result.outcome = GW_UNAVAILABLE;
        }
        if (flow->result.outcome == GW_UNKNOWN) {
            insist(flow);
        }
        int r = settle(flow, err);
        if (r < 0) {
            return r;
        }
    }
    meter_payment(flow);
    return 0;
}

/* ---- resume ---- */

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct flow *flow = ctx;
    int r = payment_row_load(tx, flow->arena, flow->resource_id, false, &flow->payment, err);
    if (r < 0) {
        return r;
    }
    r = attempt_row_live(tx, flow->arena, flow->resource_id, &flow->attempt, err);
    if (r == -ERR_NOT_FOUND) {
        flow->attempt = (struct attempt_row){.state = ATTEMPT_NONE};
        return 0;
    }
    return r;
}

static int finish_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct flow *flow = ctx;
    int r = payment_row_load(tx, flow->arena, flow->resource_id, true, &flow->payment, err);
    return r < 0 ? r : finish(flow, tx, err);
}

/* The first request with this key died. Its payment and attempt stand; we ask the gateway what
 * became of them and answer with that. */
static int resume(struct flow *flow, struct err *err) {
    struct store *store = flow->payments->options.store;
    int r = store_write(store, look_tx, flow, err);
    if (r < 0) {
        return r;
    }
    if (flow->attempt.state == ATTEMPT_SENDING || flow->attempt.state == ATTEMPT_UNKNOWN) {
        bool open;
        struct gateway_result result;
        r = resolve_attempt(flow->payments, flow->attempt.id.text, "repeat", &open, &result, err);
        if (r < 0) {
            return r;
        }
    }
    r = store_write(store, finish_tx, flow, err);
    if (r < 0) {
        return r;
    }
    meter_payment(flow);
    return 0;
}

/* From the first transaction, which ended with `r`, to an answer. */
static int run(struct flow *flow, int r, struct err *err) {
    if (r < 0 && r != -ERR_STORE_UNKNOWN) {
        return r; /* rolled back: nothing was claimed */
    }
    if (r >= 0 && flow->found == IDEMPOTENCY_REPLAY) {
        return 0;
    }
    if (r >= 0) {
        r = flow->found == IDEMPOTENCY_RESUME ? resume(flow, err) : drive(flow, err);
    }
    if (r < 0) {
        leases_release(flow->payments, flow->caller, flow->attempt.id.text, "");
    }
    return r;
}

/* ---- public ---- */

static json_t *tokens_of(const json_t *tokens, const char *portable) {
    json_t *all = tokens != NULL ? json_copy((json_t *)tokens) : json_object();
    if (portable != NULL && portable[0] != '\0') {
        json_object_set_new(all, "", json_string(portable));
    }
    return all;
}

static const char *json_into(struct arena *arena, const json_t *json) {
    char *text = json_write(json);
    const char *kept = arena_copy(arena, text);
    free(text);
    return kept;
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
        .tokens = json_into(flow->arena, flow->tokens),
        .return_url = or_empty(order->return_url),
        .cancel_url = or_empty(order->cancel_url),
        .description = or_empty(order->description),
        .metadata = order->metadata != NULL ? json_into(flow->arena, order->metadata) : "{}",
        .action = "",
        .action_url = "",
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

int payment_create(struct payments *payments, const struct caller *caller,
                   const struct payment_order *order, struct answer *ret_answer, struct err *err) {
    FLOW_AUTO flow;
    flow_init(&flow, payments, caller, "payment.create", ret_answer);
    flow.tokens = tokens_of(order->tokens, order->token);
    struct begin_ctx first = {
        .flow = &flow,
        .fresh = payment_of(&flow, order),
        .hold_order = !order->several_per_order && !payments->options.several_per_order &&
                      !PLANTED(ORDER_NOT_HELD),
    };
    flow.payment = first.fresh;
    plan(&flow);
    if (PLANTED(NO_INTENT) && next_attempt(&flow)) {
        first.fresh = flow.payment;
        call(&flow);
    }
    int r = run(&flow, begin(&first, err), err);
    if (r < 0) {
        answer_release(ret_answer);
    }
    return r;
}

struct choose_ctx {
    struct flow *flow;
    const char *payment_id;
    enum payment_method method;
};

static int other_holder(struct store_tx *tx, const struct payment_row *payment, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM payment WHERE order_id = $1 AND holds_order = 1",
                      S_TEXT(payment->order_id));
    return r < 0 ? r : sql_next(rows, err);
}

static int choose_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct choose_ctx *choose = ctx;
    struct flow *flow = choose->flow;
    flow->sending = false;
    flow->tried_count = 0;
    snprintf(flow->resource_id, sizeof flow->resource_id, "%s", choose->payment_id);
    int r = idempotency_claim(flow->payments, tx, flow->caller, flow->operation, flow->resource_id,
                              &flow->found, flow->answer, err);
    if (r < 0 || flow->found != IDEMPOTENCY_NEW) {
        return r;
    }
    r = payment_row_load(tx, flow->arena, choose->payment_id, true, &flow->payment, err);
    if (r < 0) {
        return r;
    }
    if (flow->payment.state != PAYMENT_REQUIRES_ACTION ||
        strcmp(flow->payment.action, "choose_method") != 0) {
        return err_set(err, ERR_STATE, "payment %s is %s and does not wait for another method",
                       flow->payment.id.text, payment_state_name(flow->payment.state));
    }
    if (payment_took_late(&flow->payment)) {
        err_set(err, ERR_STATE, "money has come for payment %s after all", flow->payment.id.text);
        return err_hint(err, "Its open case says from where; do not charge the customer again.");
    }
    bool holds = !flow->payments->options.several_per_order && !flow->payment.several_per_order;
    r = holds ? other_holder(tx, &flow->payment, err) : 0;
    if (r != 0) {
        return r < 0 ? r : order_taken(tx, flow->payment.order_id, err);
    }
    flow->payment.method = choose->method;
    flow->payment.tokens = json_into(flow->arena, flow->tokens);
    plan(flow);
    flow->sending = next_attempt(flow);
    if (!flow->sending) {
        r = payment_row_save(tx, &flow->payment, err);
        return r < 0 ? r : finish(flow, tx, err);
    }
    flow->payment.holds_order = holds;
    r = payment_move(flow->payments, tx, &flow->payment, EVENT_SEND, err);
    return r < 0 ? r : attempt_row_insert(tx, &flow->attempt, err);
}

static int taken_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct flow *flow = ctx;
    return order_taken(tx, flow->payment.order_id, err);
}

int payment_choose(struct payments *payments, const struct caller *caller, const char *payment_id,
                   enum payment_method method, const json_t *tokens, const char *token,
                   struct answer *ret_answer, struct err *err) {
    FLOW_AUTO flow;
    flow_init(&flow, payments, caller, "payment.choose", ret_answer);
    flow.tokens = tokens_of(tokens, token);
    struct choose_ctx choose = {&flow, payment_id, method};
    int r = run(&flow, store_write(payments->options.store, choose_tx, &choose, err), err);
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
