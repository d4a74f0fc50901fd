/* SPDX-License-Identifier: Apache-2.0
 * by_hand.c: what a person does about an unresolved payment, capture, cancellation, refund or
 * return: ask the gateway now, or decide with a reason (PAY-6, I6). Deciding
 * is audited and goes through the same settling as a gateway's word. */
#include <stdio.h>
#include <string.h>

#include "payment/cases.h"
#include "store/audit.h"

enum { CHECKED_MAX = 20 }; /* operations of one payment */

struct last {
    struct arena *arena;
    const char *payment_id;
    struct payment_row payment;
    struct attempt_row attempt;
};

static int last_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct last *last = ctx;
    int r = payment_row_load(tx, last->arena, last->payment_id, false, &last->payment, err);
    if (r < 0) {
        return r;
    }
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows,
                  "SELECT id FROM attempt WHERE payment_id = $1 ORDER BY number DESC LIMIT 1",
                  S_TEXT(last->payment_id));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    if (r == 0) {
        err_set(err, ERR_STATE,
                "payment %s was never sent to a gateway: there is nothing to ask about",
                last->payment_id);
        return err_place(err, "/v1/payments/%s", last->payment_id);
    }
    struct attempt_id id = attempt_id_stored(sql_text(rows, 0));
    return attempt_row_load(tx, last->arena, id.text, &last->attempt, err);
}

static void render_says(struct buf *buf, const struct gateway_result *result, bool open) {
    buf_addf(buf, "{\"outcome\":\"%s\",\"code\":", gateway_outcome_name(result->outcome));
    buf_add_json(buf, result->code);
    buf_add_text(buf, ",\"message\":");
    buf_add_json(buf, result->message);
    buf_add_text(buf, ",\"gateway_id\":");
    buf_add_json(buf, result->gateway_id);
    buf_addf(buf, ",\"http_status\":%d,\"still_unresolved\":%s}", result->http_status,
             open ? "true" : "false");
}

struct asked {
    struct arena *arena;
    const char *attempt_id;
    struct attempt_row attempt;
};

static int asked_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct asked *asked = ctx;
    return attempt_row_load(tx, asked->arena, asked->attempt_id, &asked->attempt, err);
}

int payment_attempt_ask(struct payments *payments, const char *attempt_id,
                        struct attempt_said *ret_said, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct asked asked = {.arena = arena, .attempt_id = attempt_id};
    int r = store_read(payments->options.store, asked_tx, &asked, err);
    if (r < 0) {
        return r;
    }
    const struct gateway *gateway = gateway_find(payments->options.registry,
                                                 asked.attempt.gateway);
    *ret_said = (struct attempt_said){.outcome = GW_UNKNOWN, .taken_minor = -1};
    if (gateway != NULL && gateway->adapter->can.offline) {
        return 0;
    }
    bool open = false;
    struct gateway_result result;
    r = resolve_attempt(payments, attempt_id, "check", &open, &result, err);
    if (r < 0) {
        return r;
    }
    ret_said->asked = result.reach != 0 || result.code[0] != '\0';
    ret_said->outcome = result.outcome;
    ret_said->taken_minor = result.captured_minor > 0 ? result.captured_minor
                                                      : result.amount_minor;
    ret_said->currency = result.currency;
    snprintf(ret_said->code, sizeof ret_said->code, "%s", result.code);
    return 0;
}

/* What is asked about with a payment: its captures, its cancellation and its refunds that nobody
 * has answered for. */
struct open_operations {
    const char *payment_id;
    char ids[CHECKED_MAX][ID_TEXT_MAX];
    int count;
};

static int open_operations_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct open_operations *open = ctx;
    open->count = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM operation WHERE payment_id = $1 AND state IN (1, 2, 3) "
                      "ORDER BY created_us LIMIT $2",
                      S_TEXT(open->payment_id), S_INT(CHECKED_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        snprintf(open->ids[open->count++], ID_TEXT_MAX, "%s", sql_text(rows, 0));
    }
    return r;
}

static int check_operations(struct payments *payments, const char *payment_id, struct err *err) {
    struct open_operations open = {.payment_id = payment_id};
    int r = store_read(payments->options.store, open_operations_tx, &open, err);
    for (int i = 0; r >= 0 && i < open.count; i++) {
        bool still_open;
        r = resolve_operation(payments, open.ids[i], "check", &still_open, err);
    }
    return r;
}

int payment_check(struct payments *payments, const struct caller *caller, const char *payment_id,
                  struct answer *ret_answer, struct err *err) {
    (void)caller;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct last last = {.arena = arena, .payment_id = payment_id};
    int r = store_read(payments->options.store, last_tx, &last, err);
    if (r < 0) {
        return r;
    }
    bool open = false;
    struct gateway_result result;
    r = resolve_attempt(payments, last.attempt.id.text, "check", &open, &result, err);
    r = r < 0 ? r : check_operations(payments, payment_id, err);
    if (r < 0) {
        return r;
    }
    r = store_read(payments->options.store, last_tx, &last, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"payment\":");
    render_payment(&buf, &last.payment);
    buf_add_text(&buf, ",\"attempt\":");
    render_attempt(&buf, &last.attempt);
    buf_add_text(&buf, ",\"gateway_says\":");
    render_says(&buf, &result, open);
    buf_add_char(&buf, '}');
    return answer_take(ret_answer, 200, &buf, err);
}

struct decide {
    const struct caller *caller;
    const char *payment_id, *reason;
    bool completed;
};

static int decide_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    struct decide *decide = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payment_row payment;
    struct attempt_row attempt;
    struct settlement settlement;
    int r = payment_row_load(tx, arena, decide->payment_id, true, &payment, err);
    if (r < 0) {
        return r;
    }
    r = attempt_row_live(tx, arena, decide->payment_id, &attempt, err);
    bool stuck = r == 0 && (attempt.state == ATTEMPT_UNKNOWN || attempt.state == ATTEMPT_PENDING);
    if (r < 0 && r != -ERR_NOT_FOUND) {
        return r;
    }
    if (!stuck) {
        err_set(err, ERR_STATE,
                "payment %s is %s and not unresolved: nothing is to be decided by hand",
                payment.id.text, payment_state_name(payment.state));
        return err_hint(err,
                        "Only a payment whose gateway has not answered can be resolved by hand.");
    }
    bool called = false;
    r = lease_holds(payments, tx, attempt.owner, attempt.lease_us, &called, err);
    if (r < 0) {
        return r;
    }
    if (called) {
        err_set(err, ERR_STATE, "payment %s is being sent to %s again at this moment",
                payment.id.text, attempt.gateway);
        return err_hint(err, "Decide when its answer is there, in a few seconds.");
    }
    struct gateway_result word;
    gateway_result_init(&word);
    word.outcome = decide->completed ? (payment.capture_later ? GW_AUTHORIZED : GW_CHARGED)
                   : attempt.state == ATTEMPT_UNKNOWN ? GW_NOT_FOUND
                                                      : GW_CANCELED;
    snprintf(word.code, sizeof word.code, "by_hand");
    r = settle_attempt(payments, tx, &payment, &attempt, &word, "person", &settlement, err);
    if (r >= 0 && settlement.may_go_on) {
        r = settle_failed(payments, tx, &payment, &attempt, err);
    }
    if (r >= 0) {
        r = audit_append(
            tx, decide->caller->actor, "payment.resolve", payment.id.text, decide->reason,
            decide->completed ? "{\"status\":\"completed\"}" : "{\"status\":\"failed\"}", err);
    }
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render_payment(&buf, &payment);
    return answer_take(ret_answer, 200, &buf, err);
}

int payment_resolve(struct payments *payments, const struct caller *caller, const char *payment_id,
                    bool completed, const char *reason, struct answer *ret_answer,
                    struct err *err) {
    if (reason == NULL || reason[0] == '\0') {
        err_set(err, ERR_VALIDATION, "a payment is resolved by hand only with a reason");
        return err_place(err, "/reason");
    }
    struct decide decide = {caller, payment_id, reason, completed};
    int r = idempotent_run(payments, caller, "payment.resolve", decide_fn, &decide, ret_answer,
                           err);
    if (r >= 0) {
        jobs_wake(payments);
    }
    return r;
}

/* ---- one capture, cancellation, refund or return ---- */

struct verdict {
    const struct caller *caller;
    const char *operation_id, *reason, *evidence;
    bool completed;
    struct arena *arena;
    struct payment_row payment;
    struct attempt_row attempt;
    struct case_row suspense;
    struct operation_row operation;
};

static int load_verdict(struct verdict *verdict, struct store_tx *tx, struct err *err) {
    struct operation_row *operation = &verdict->operation;
    int r = operation_row_load(tx, verdict->arena, verdict->operation_id, false, operation, err);
    if (r < 0) {
        return r;
    }
    if (operation->kind == OPERATION_RETURN) {
        return return_load(tx, verdict->arena, verdict->operation_id, &verdict->suspense,
                           &verdict->payment, operation, err);
    }
    r = payment_row_load(tx, verdict->arena, operation->payment_id.text, true, &verdict->payment,
                         err);
    r = r < 0 ? r
              : operation_row_load(tx, verdict->arena, verdict->operation_id, true, operation, err);
    return r < 0 ? r
                 : attempt_row_load(tx, verdict->arena, operation->attempt_id.text,
                                    &verdict->attempt, err);
}

static int may_decide(struct payments *payments, const struct verdict *verdict, struct store_tx *tx,
                      struct err *err) {
    const struct operation_row *operation = &verdict->operation;
    if (operation->state != OPERATION_UNKNOWN && operation->state != OPERATION_PENDING) {
        err_set(err, ERR_STATE, "%s %s is %s and not unresolved: nothing is to be decided by hand",
                operation_kind_name(operation->kind), operation->id.text,
                operation_state_name(operation->state));
        return err_hint(err, "Only what its gateway has not answered for can be resolved by hand.");
    }
    bool called = false;
    int r = lease_holds(payments, tx, operation->owner, operation->lease_us, &called, err);
    if (r < 0 || !called) {
        return r;
    }
    err_set(err, ERR_STATE, "%s is being sent to %s again at this moment", operation->id.text,
            operation->gateway);
    return err_hint(err, "Decide when its answer is there, in a few seconds.");
}

static enum gateway_outcome done_outcome(enum operation_kind kind) {
    return kind == OPERATION_CAPTURE  ? GW_CHARGED
           : kind == OPERATION_CANCEL ? GW_CANCELED
                                      : GW_REFUNDED;
}

static int audit_verdict(const struct verdict *verdict, struct store_tx *tx, struct err *err) {
    BUF_AUTO detail;
    buf_init(&detail, 4096);
    buf_addf(&detail,
             "{\"status\":\"%s\",\"evidence\":", verdict->completed ? "completed" : "failed");
    buf_add_json(&detail, verdict->evidence);
    buf_add_char(&detail, '}');
    return audit_append(tx, verdict->caller->actor, "operation.resolve", verdict->operation_id,
                        verdict->reason, detail.data, err);
}

static int verdict_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                      struct answer *ret_answer, struct err *err) {
    struct verdict *verdict = ctx;
    struct operation_row *operation = &verdict->operation;
    int r = load_verdict(verdict, tx, err);
    r = r < 0 ? r : may_decide(payments, verdict, tx, err);
    if (r < 0) {
        return r;
    }
    struct gateway_result word;
    gateway_result_init(&word);
    word.outcome = verdict->completed ? done_outcome(operation->kind) : GW_DECLINED;
    snprintf(word.code, sizeof word.code, "by_hand");
    bool changed;
    r = operation->kind == OPERATION_RETURN
            ? return_settle(payments, tx, &verdict->suspense, &verdict->payment, operation, &word,
                            "person", &changed, err)
            : settle_operation(payments, tx, &verdict->payment, &verdict->attempt, operation, &word,
                               "person", &changed, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render_operation(&buf, operation);
    r = answer_take(ret_answer, 200, &buf, err);
    return r < 0 ? r : audit_verdict(verdict, tx, err);
}

int operation_resolve(struct payments *payments, const struct caller *caller,
                      const char *operation_id, bool completed, const char *reason,
                      const char *evidence, struct answer *ret_answer, struct err *err) {
    if (reason == NULL || reason[0] == '\0') {
        err_set(err, ERR_VALIDATION, "an operation is resolved by hand only with a reason");
        return err_place(err, "/reason");
    }
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct verdict verdict = {
        .caller = caller,
        .operation_id = operation_id,
        .reason = reason,
        .evidence = evidence != NULL ? evidence : "",
        .completed = completed,
        .arena = arena,
    };
    int r = idempotent_run(payments, caller, "operation.resolve", verdict_fn, &verdict, ret_answer,
                           err);
    if (r >= 0) {
        jobs_wake(payments);
    }
    return r;
}
