/* SPDX-License-Identifier: Apache-2.0
 * calls.c: the one way from a payment to a gateway: admission, deadline, call, report.
 *
 * Nothing here writes to the store but attempt_persist() and operation_persist(), and nothing here
 * decides what an answer means for a payment: that is settle.c. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/health.h"
#include "gateway/keyring.h"
#include "meter/meter.h"
#include "payment/internal.h"

static void refused(struct gateway_result *result, const char *code, const char *why) {
    gateway_result_init(result);
    result->outcome = GW_UNAVAILABLE;
    result->advice = ADVICE_ELSEWHERE;
    result->reach = HTTP_NOT_SENT;
    snprintf(result->code, sizeof result->code, "%s", code);
    snprintf(result->common_code, sizeof result->common_code, "gateway_unavailable");
    snprintf(result->message, sizeof result->message, "%s", why);
}

static void dispatch(const struct gateway_ask *ask, const struct gateway_call *call,
                     struct gateway_result *result) {
    const struct gateway_adapter *adapter = ask->gateway->adapter;
    switch (ask->operation) {
    case OP_CHARGE:
        if (ask->lookup != NULL && adapter->resume != NULL) {
            adapter->resume(call, ask->charge, ask->lookup, result);
        } else {
            adapter->charge(call, ask->charge, result);
        }
        return;
    case OP_QUERY:
        if (ask->dispute_answer != NULL) {
            adapter->answer_dispute(call, ask->dispute_answer, result);
        } else if (ask->ret_dispute != NULL) {
            adapter->query_dispute(call, ask->dispute_id, ask->ret_dispute, result);
        } else {
            adapter->query(call, ask->lookup, result);
        }
        return;
    case OP_CAPTURE:
        adapter->capture(call, ask->change, result);
        return;
    case OP_CANCEL:
        adapter->cancel(call, ask->change, result);
        return;
    case OP_REFUND:
        adapter->refund(call, ask->change, result);
        return;
    case OP_QUERY_REFUND:
        adapter->query_refund(call, ask->change, result);
        return;
    case OP_PROBE:
        adapter->probe(call, result);
        return;
    case OP_COUNT:
        break;
    }
    INVARIANT(false, "a gateway operation out of its table");
}

bool ask_is_probe(const struct gateway_ask *ask) {
    return ask->charge != NULL   ? ask->charge->probe
           : ask->lookup != NULL ? ask->lookup->probe
           : ask->change != NULL ? ask->change->payment.probe
                                 : false;
}

/* What probes come to is told by their own figures (probes_look.c): the others are of customers'
 * payments, and deadlines are taken from them. */
static void meter_call(const struct gateway_ask *ask, const struct gateway_result *result) {
    const char *gateway = ask->gateway->name;
    const char *method = method_name(ask->method);
    const char *operation = operation_name(ask->operation);
    if (ask_is_probe(ask)) {
        return;
    }
    meter_count(METER_GATEWAY_CALLS, gateway, method, operation,
                gateway_outcome_name(result->outcome));
    if (result->reach == HTTP_ANSWERED) {
        /* Only answers: deadlines are taken from these figures, and must not grow by being missed.
         */
        meter_time(METER_GATEWAY_SECONDS, result->duration_us, gateway, method, operation);
    }
    outcome_call(ask, result);
    log_event(GATEWAY_CALL, LT("gateway", gateway), LT("method", method),
              LT("operation", operation), LT("outcome", gateway_outcome_name(result->outcome)),
              LT("code", result->code), LI("status", result->http_status),
              LI("ms", result->duration_us / US_PER_MS));
    if (result->failure == HTTP_FAIL_TIMEOUT) {
        meter_count(METER_GATEWAY_TIMEOUTS, gateway, operation);
    }
}

static void report(const struct gateway_ask *ask, enum admission admission,
                   const struct gateway_result *result) {
    const char *gateway = ask->gateway->name;
    const char *operation = operation_name(ask->operation);
    /* An adapter that asked nobody (it is too soon, say) says nothing about its gateway. */
    static const struct gateway_result unasked = {.outcome = GW_NONE};
    bool asked = result->reach != 0 || result->outcome != GW_UNKNOWN;
    if (admission != ADMIT_NO && !ask->gateway->adapter->can.offline) {
        gateway_health_report(ask->gateway->health, ask->method, ask->operation, admission,
                              asked ? result : &unasked);
    }
    meter_call(ask, result);
    if (asked && gateway_outcome_is_fault(result->outcome)) {
        log_event(GATEWAY_FAILED, LT("gateway", gateway), LT("operation", operation),
                  LT("outcome", gateway_outcome_name(result->outcome)), LT("code", result->code),
                  LT("failure", http_failure_name(result->failure)),
                  LI("status", result->http_status), LI("ms", result->duration_us / US_PER_MS));
    }
}

void gateway_ask(struct payments *payments, const struct gateway_ask *ask,
                 struct gateway_result *ret_result) {
    char why[160] = "";
    int64_t lease_left_us = ask->not_after_us > 0 ? ask->not_after_us - clock_wall_us() : INT64_MAX;
    gateway_result_init(ret_result);
    if (lease_left_us <= 0) {
        refused(ret_result, "too_late", "its caller was held up for so long that it was not sent");
        return;
    }
    bool offline = ask->gateway->adapter->can.offline;
    enum admission admission = offline ? ADMIT_YES
                                       : gateway_health_admit(ask->gateway->health, ask->method,
                                                              ask->operation, why, sizeof why);
    if (admission == ADMIT_NO && !ask->past_breaker) {
        refused(ret_result, "breaker_open", why);
        if (!ask_is_probe(ask)) {
            meter_count(METER_GATEWAY_CALLS, ask->gateway->name, method_name(ask->method),
                        operation_name(ask->operation), "breaker_open");
        }
        return;
    }
    int64_t timeout = ask->patient
                          ? ask->gateway->timeout_us
                          : gateway_health_timeout_us(ask->gateway, ask->method, ask->operation);
    if (ask->budget_us > 0 && ask->budget_us < timeout) {
        timeout = ask->budget_us;
    }
    timeout = timeout < lease_left_us ? timeout : lease_left_us;
    int64_t began = clock_mono_us();
    struct gateway_call call = {
        .gateway = keyring_take(ask->gateway),
        .client = payments->options.client,
        .deadline_us = began + timeout,
        .persist = ask->persist,
        .persist_ctx = ask->persist_ctx,
    };
    dispatch(ask, &call, ret_result);
    keyring_drop(call.gateway);
    ret_result->duration_us = clock_mono_us() - began;
    bool moves_none = ask->operation == OP_PROBE || ask->ret_dispute != NULL ||
                      ask->dispute_answer != NULL;
    INVARIANT(ret_result->outcome != GW_NONE || moves_none, "an adapter gave no outcome");
    report(ask, admission, ret_result);
}

void charge_of(const struct payment_row *payment, const struct attempt_row *attempt,
               struct gateway_charge *ret_charge) {
    *ret_charge = (struct gateway_charge){
        .reference = attempt->id.text,
        .order_id = payment->order_id,
        .amount_minor = attempt->amount_minor,
        .currency = attempt->currency,
        .method = payment->method,
        .token = attempt->token,
        .capture = !payment->capture_later,
        .return_url = payment->return_url,
        .cancel_url = payment->cancel_url,
        .description = payment->description,
        .customer_email = payment->customer_email,
        .customer_ip = payment->customer_ip,
        .off_session = payment->purpose == PURPOSE_SUBSCRIPTION ||
                       (payment->purpose == PURPOSE_PROBE && attempt->token[0] != '\0'),
        .flow = payment->flow,
        .created_us = attempt->created_us,
        .expires_us = attempt->expires_us,
        .probe = payment->purpose == PURPOSE_PROBE,
    };
}

void lookup_of(const struct payment_row *payment, const struct attempt_row *attempt,
               struct gateway_lookup *ret_lookup) {
    *ret_lookup = (struct gateway_lookup){
        .reference = attempt->id.text,
        .gateway_id = attempt->gateway_id,
        .charge_id = attempt->charge_id,
        .created_us = attempt->created_us,
        .amount_minor = attempt->amount_minor,
        .currency = attempt->currency,
        .expires_us = attempt->expires_us,
        .method = payment->method,
        .flow = payment->flow,
        .token = attempt->token,
        .hold = payment->capture_later,
        .probe = payment->purpose == PURPOSE_PROBE,
    };
}

struct persist_tx {
    const struct persist_ctx *persist;
    const char *gateway_id;
};

static int persist_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct persist_tx *persist = ctx;
    int64_t changed = sql_exec(tx, err,
                               "UPDATE attempt SET gateway_id = $2 WHERE id = $1 AND live = 1",
                               S_TEXT(persist->persist->attempt_id), S_TEXT(persist->gateway_id));
    if (changed < 0) {
        return (int)changed;
    }
    if (changed == 0) {
        return err_set(err, ERR_STATE, "attempt %s is over", persist->persist->attempt_id);
    }
    return 0;
}

int attempt_persist(void *ctx, const char *gateway_id, struct err *err) {
    const struct persist_ctx *persist = ctx;
    struct persist_tx args = {persist, gateway_id};
    return store_write(persist->payments->options.store, persist_tx, &args, err);
}

void operation_target_of(struct payments *payments, const struct operation_row *operation,
                         struct operation_target *ret_target, struct gateway_change *change) {
    *ret_target = (struct operation_target){
        .payments = payments,
        .operation_id = operation->id.text,
    };
    snprintf(ret_target->text, sizeof ret_target->text, "%s",
             operation->target != NULL ? operation->target : "");
    change->target = ret_target->text;
}

/* Two callers may have chosen at the same time (the first was held up, the resolver came): both go
 * to the capture that was written first. And one that was held up until the operation was over
 * sends nothing. */
static int target_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct operation_target *target = ctx;
    int64_t changed = sql_exec(tx, err,
                               "UPDATE operation SET target = $2 WHERE id = $1 AND target = '' AND "
                               "state IN (1, 2, 3)",
                               S_TEXT(target->operation_id), S_TEXT(target->text));
    if (changed != 0) {
        return changed < 0 ? (int)changed : 0;
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT target FROM operation WHERE id = $1 AND state IN (1, 2, 3)",
                      S_TEXT(target->operation_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0) {
        return err_set(err, ERR_STATE, "operation %s is over", target->operation_id);
    }
    if (r > 0) {
        snprintf(target->text, sizeof target->text, "%s", sql_text(rows, 0));
    }
    return r < 0 ? r : 0;
}

int operation_persist(void *ctx, const char *target, struct err *err) {
    struct operation_target *durable = ctx;
    struct operation_target chosen = *durable;
    snprintf(chosen.text, sizeof chosen.text, "%s", target);
    int r = store_write(durable->payments->options.store, target_tx, &chosen, err);
    if (r >= 0) {
        memcpy(durable->text, chosen.text, sizeof durable->text);
    }
    return r;
}

bool repeat_says_nothing(const struct gateway *gateway, const struct gateway_result *result) {
    return result->outcome == GW_DECLINED && !gateway->adapter->can.keeps_refusals;
}
