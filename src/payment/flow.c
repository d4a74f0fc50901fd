/* SPDX-License-Identifier: Apache-2.0
 * flow.c: from a written attempt to an outcome, inside the customer's request (§7 of the design).
 *
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
#include "payment/flow.h"
#include "payment/later.h"

enum { INSIST_MAX = INQUIRIES_MAX };
#define INSIST_PAUSE_US (150 * US_PER_MS)
#define BUDGET_LEFT_MIN_US (400 * US_PER_MS)

void flow_init(struct flow *flow, struct payments *payments, const struct caller *caller,
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

void flow_release(struct flow *flow) {
    json_decref(flow->tokens);
    arena_free(flow->arena);
}

/* ---- plan ---- */

int flow_check(const struct flow *flow, enum payment_method method, enum gateway_flow asks,
               struct err *err) {
    if (asks == 0 || json_object_size(flow->tokens) > 0 ||
        router_can_ask(flow->payments->options.router, method, asks)) {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "no gateway here asks a customer for %s by flow %s",
            method_name(method), flow_name(asks));
    err_place(err, "/flow");
    return err_hint(err, "Leave `flow` out to be given the one that there is.");
}

void flow_plan(struct flow *flow) {
    struct route_request request = {
        .payment_id = flow->payment.id.text,
        .method = flow->payment.method,
        .currency = flow->payment.currency,
        .amount_minor = flow->payment.amount_minor,
        .region = flow->payment.customer_region,
        .vip = flow->payment.customer_vip,
        .authorize = flow->payment.capture_later,
        .flow = flow->payment.flow,
        .tokens = flow->tokens,
        .portable_token = "",
        .tried_count = flow->tried_count,
    };
    const json_t *portable = json_object_get(flow->tokens, "");
    if (json_is_string(portable)) {
        request.portable_token = json_string_value(portable);
    }
    struct mode_route route;
    mode_route(flow->payments->options.mode, payment_taken_as(flow->payment.purpose),
               flow->payment.method, &route);
    request.closed = route.closed;
    request.only = flow->only != NULL ? flow->only : route.only;
    request.fixed = route.fixed;
    memcpy(request.tried, flow->tried, sizeof request.tried);
    router_plan(flow->payments->options.router, &request, &flow->plan);
}

/* Fills the next attempt from the plan's first candidate. False: there is none. */
bool flow_next_attempt(struct flow *flow) {
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
        .expires_us = now +
                      gateway_action_us(candidate->gateway, flow->payments->options.action_us),
        .method = flow->payment.method,
    };
    free(decision);
    flow->tried[flow->tried_count++] = candidate->gateway->name;
    flow->payment.attempts++;
    flow->payment.gateway = candidate->gateway->name;
    return true;
}

/* The attempt that flow_next_attempt() has filled, and that its card is asked. */
int flow_write_attempt(struct flow *flow, struct store_tx *tx, struct err *err) {
    int r = attempt_row_insert(tx, &flow->attempt, err);
    return r < 0 ? r : card_asked(tx, &flow->verdict, &flow->attempt, err);
}

/* Its card may not be asked now, by no route: nothing is sent, and the payment says why. */
int flow_fail_for_card(struct flow *flow, struct store_tx *tx, struct err *err) {
    payment_failed_by(&flow->payment, flow->verdict.code, flow->verdict.again_us);
    return payment_move(flow->payments, tx, &flow->payment, EVENT_FAIL, err);
}

/* Renders the payment as the answer and stores it under the key, in this transaction. */
int flow_finish(struct flow *flow, struct store_tx *tx, struct err *err) {
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

/* ---- screen ---- */

/* Not before its time is up: the gateway's part of the budget is not the scorer's. */
void flow_screen(struct flow *flow, int64_t at_us) {
    screen_ask(flow->payments, &flow->payment, flow->tokens, at_us,
               flow->deadline_us - clock_mono_us() - BUDGET_LEFT_MIN_US, &flow->screen);
}

/* What the rules say, inside the transaction; the plan is made anew where they want the money held
 * only. A gateway that can hold may not be at hand: then it is taken, and looked at afterwards. */
int flow_decide(struct flow *flow, struct store_tx *tx, int64_t at_us, struct err *err) {
    int r = screen_decide(flow->payments, tx, &flow->payment, at_us, &flow->screen, err);
    bool hold = flow->screen.wanted && flow->screen.decision.action == RISK_HOLD &&
                !flow->payment.capture_later;
    if (r < 0 || (!hold && !flow->held_plan)) {
        return r;
    }
    flow->payment.capture_later = flow->payment.capture_later || hold;
    flow_plan(flow);
    flow->held_plan = hold && flow->plan.eligible_count > 0;
    if (hold && !flow->held_plan) {
        flow->payment.capture_later = false;
        flow_plan(flow);
    }
    return 0;
}

/* ---- call and insist ---- */

/* What is left of the customer's time. A commit may have taken all of it: then the call that it was
 * for is still made, but briefly. */
static int64_t budget_left_us(const struct flow *flow) {
    int64_t left = flow->deadline_us - clock_mono_us();
    return left > BUDGET_LEFT_MIN_US ? left : BUDGET_LEFT_MIN_US;
}

void flow_call(struct flow *flow) {
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
            return; /* another one now would ask the customer's bank once more */
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

/* Who pays a held order by its link is told why his choice led back to it. */
static int ask_elsewhere(struct flow *flow, struct store_tx *tx, struct err *err) {
    if (flow->payment.deferred_until_us > 0) {
        payment_failed_by(&flow->payment, "gateway_unavailable", 0);
    }
    return payment_ask_method(flow->payments, tx, &flow->payment, err);
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
        flow->verdict = (struct card_verdict){0};
        bool another = worth_another(flow) && !payment_took_late(&flow->payment);
        r = another ? card_check(tx, &flow->card, clock_wall_us(), &flow->verdict, err) : 0;
        if (r < 0) {
            return r;
        }
        bool refused = flow->verdict.code != NULL;
        if (another && !refused && flow_next_attempt(flow)) {
            flow->sending = true;
            r = payment_move(flow->payments, tx, &flow->payment, EVENT_SEND, err);
            return r < 0 ? r : flow_write_attempt(flow, tx, err);
        }
        r = refused && gateways_to_blame(flow) ? flow_fail_for_card(flow, tx, err)
            : gateways_to_blame(flow)
                ? ask_elsewhere(flow, tx, err)
                : settle_failed(flow->payments, tx, &flow->payment, &attempt, err);
        if (r < 0) {
            return r;
        }
    }
    return flow_finish(flow, tx, err);
}

static int settle(struct flow *flow, struct err *err) {
    const char *from = flow->attempt.gateway;
    if (gateway_outcome_not_charged(flow->result.outcome)) {
        flow_plan(flow);
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
    if (flow->payment.purpose == PURPOSE_PROBE) {
        return;
    }
    const char *method = method_name(flow->payment.method);
    meter_count(METER_PAYMENTS, method, flow->payment.currency.code,
                payment_state_name(flow->payment.state), "own");
    meter_time(METER_PAYMENT_SECONDS, clock_mono_us() - flow->began_us, method, "own");
}

/* From a written attempt to an answer. */
int flow_drive(struct flow *flow, struct err *err) {
    while (flow->sending) {
        flow_call(flow);
        bool again = PLANTED(FAILOVER_ON_UNKNOWN) ||
                     (PLANTED(FORWARD_AGAIN) && flow->payment.queued_until_us > 0);
        if (again && flow->result.outcome == GW_UNKNOWN) {
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
    return r < 0 ? r : flow_finish(flow, tx, err);
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
int flow_run(struct flow *flow, int r, struct err *err) {
    if (r < 0 && r != -ERR_STORE_UNKNOWN) {
        return r; /* rolled back: nothing was claimed */
    }
    if (r >= 0 && flow->found == IDEMPOTENCY_REPLAY) {
        return 0;
    }
    if (r >= 0 && flow->found == IDEMPOTENCY_NEW) {
        screen_meter(&flow->payment, &flow->screen);
    }
    if (r >= 0) {
        r = flow->found == IDEMPOTENCY_RESUME ? resume(flow, err) : flow_drive(flow, err);
    }
    if (r < 0) {
        leases_release(flow->payments, flow->caller, flow->attempt.id.text, "");
    }
    return r;
}

/* ---- what it is made of ---- */

json_t *flow_tokens(const json_t *tokens, const char *portable) {
    json_t *all = tokens != NULL ? json_copy((json_t *)tokens) : json_object();
    if (portable != NULL && portable[0] != '\0') {
        json_object_set_new(all, "", json_string(portable));
    }
    return all;
}

const char *flow_json(struct arena *arena, const json_t *json) {
    char *text = json_write(json);
    const char *kept = arena_copy(arena, text);
    free(text);
    return kept;
}
