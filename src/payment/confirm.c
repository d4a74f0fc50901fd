/* SPDX-License-Identifier: Apache-2.0
 * confirm.c: whether what a gateway refused was done after all (docs/decisions/0014).
 *
 * A request can reach a gateway twice: a proxy repeats one that is still on its way. A gateway that
 * keeps its refusals under the key answers the second copy with the first one's refusal. One that
 * does not takes it for a new request, and may do it a moment after it has told us of the refusal;
 * if its callback is lost as well, nobody ever hears of the money. What none keeps is that it let
 * nobody in: too many requests, no service, a key that it did not take. So such a refusal ends what
 * it ends, at once, and leaves a job in the same transaction. When nothing of it can be on its way
 * any more (ON_ITS_WAY_US) the gateway is asked where it stands: money that was moved is settled
 * like any that comes late (settle.c), and a question that is not answered is asked again, for
 * ever.
 *
 * What waits there for a customer at a till, who was told that it was refused, is taken back:
 * nobody else would, since for us it is over. A till's cancellation that was sent and not answered
 * before he paid may arrive after he has: whether it gave his money back is asked then, too.
 *
 * The same for what its customer could have paid and that counts as closed (docs/decisions/0016):
 * it is asked about once more, half an hour later unless options.second_look_us says otherwise,
 * and a last time at LAST_LOOK times that: a clock that ran ahead may have done both, closed it and
 * looked, before the customer paid. */
#include <string.h>

#include "base/clock.h"
#include "payment/internal.h"

enum { LAST_LOOK = 4 };
static const char of_closed[] = "closed"; /* a job's payload: there are two looks */

int confirm_later(struct payments *payments, struct store_tx *tx, const char *kind, const char *id,
                  const char *gateway, const struct gateway_result *result, struct err *err) {
    /* What was not sent, and what a person decided, no gateway has refused. */
    bool refused = result->reach == HTTP_ANSWERED && gateway_outcome_not_charged(result->outcome);
    const struct gateway *asked = refused ? gateway_find(payments->options.registry, gateway)
                                          : NULL;
    bool judged = !gateway_outcome_is_fault(result->outcome);
    if (asked == NULL || (judged && asked->adapter->can.keeps_refusals)) {
        return 0;
    }
    int r = job_add(tx, kind, id, clock_wall_us() + ON_ITS_WAY_US, "", err);
    return r < 0 ? r : 0;
}

int confirm_undoing_later(struct store_tx *tx, const struct operation_row *operation,
                          struct err *err) {
    int64_t at_us = clock_wall_us() + ON_ITS_WAY_US;
    int r = job_add(tx, JOB_CONFIRM_OPERATION, operation->id.text, at_us, "", err);
    return r < 0 ? r : 0;
}

/* What a customer was shown can be paid as long as he has it, whatever was said about its end: by a
 * gateway that took the money all the same, or by our clock when that was wrong. Its callback may
 * be lost as well. */
int confirm_closed_later(struct payments *payments, struct store_tx *tx,
                         const struct attempt_row *attempt, enum attempt_state from,
                         struct err *err) {
    if (from != ATTEMPT_ACTION_NEEDED) {
        return 0;
    }
    int64_t at_us = clock_wall_us() + payments->options.second_look_us;
    int r = job_add(tx, JOB_CONFIRM, attempt->id.text, at_us, of_closed, err);
    return r < 0 ? r : 0;
}

/* What is pending there was not refused in the end, and may yet take money. */
static bool is_said(enum gateway_outcome outcome) {
    return outcome != GW_UNKNOWN && outcome != GW_PENDING && !gateway_outcome_is_fault(outcome);
}

/* ---- a till's customer who was told no ---- */

struct taking_back {
    struct payments *payments;
    struct arena *arena;
    const char *attempt_id;
};

static int taking_back_tx(struct store_tx *tx, void *ctx, struct err *err) {
    static const struct caller till = {.actor = "rule:till", .scope = "", .request_hash = ""};
    const struct taking_back *taking = ctx;
    struct attempt_row attempt;
    struct payment_row payment;
    SQL_ROWS_AUTO rows = NULL;
    int r = attempt_row_load(tx, taking->arena, taking->attempt_id, &attempt, err);
    r = r < 0 ? r
              : payment_row_load(tx, taking->arena, attempt.payment_id.text, true, &payment, err);
    r = r < 0 ? r : attempt_row_load(tx, taking->arena, taking->attempt_id, &attempt, err);
    if (r < 0 || attempt_state_live(attempt.state) ||
        !waiting_at_till(taking->payments, &attempt)) {
        return r; /* who waits for a live one takes it back himself (waiting.c) */
    }
    r = sql_query(tx, err, &rows,
                  "SELECT id FROM operation WHERE payment_id = $1 AND attempt_id = $2 AND kind = 2 "
                  "AND state IN (1, 2, 3) LIMIT 1",
                  S_TEXT(payment.id.text), S_TEXT(attempt.id.text));
    r = r < 0 ? r : sql_next(rows, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    struct operation_row operation;
    operation_begin(taking->payments, &till, OPERATION_CANCEL, &operation);
    operation.id = refund_id_new();
    operation.payment_id = payment.id;
    operation.attempt_id = attempt.id;
    operation.gateway = attempt.gateway;
    operation.currency = payment.currency;
    operation.state = OPERATION_UNKNOWN; /* nobody has sent it: the resolver does */
    operation.owner = "";
    operation.lease_us = 0;
    operation.final = false; /* its payment may have gone another way */
    operation.reason = "it was refused, and a copy of it waits for the customer at the till";
    r = operation_row_insert(tx, &operation, err);
    r = r < 0 ? r
              : job_add(tx, JOB_RESOLVE_OPERATION, operation.id.text, clock_wall_us(), "", err);
    return r < 0 ? r : 0;
}

static int take_back(struct payments *payments, const char *attempt_id, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct taking_back taking = {payments, arena, attempt_id};
    int r = store_write(payments->options.store, taking_back_tx, &taking, err);
    jobs_wake(payments);
    return r < 0 ? r : 0;
}

static int confirm_attempt(struct payments *payments, const char *attempt_id, struct err *err) {
    bool open = false;
    struct gateway_result result;
    int r = resolve_attempt(payments, attempt_id, "confirm", &open, &result, err);
    if (r < 0 || is_said(result.outcome)) {
        return r < 0 ? r : 0;
    }
    r = result.outcome == GW_PENDING ? take_back(payments, attempt_id, err) : 0;
    return r < 0 ? r
                 : err_set(err, ERR_GATEWAY, "it is not said yet what became of %s (%s)",
                           attempt_id, gateway_outcome_name(result.outcome));
}

int confirm_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    const struct payments *payments = ctx;
    int64_t last_us = job->created_us + LAST_LOOK * payments->options.second_look_us;
    int r = confirm_attempt(ctx, job->key, err);
    if (r >= 0 && strcmp(job->payload, of_closed) == 0 && clock_wall_us() < last_us) {
        *ret_again_us = last_us;
    }
    return r;
}

/* ---- a capture, told by what its hold says ---- */

/* What was captured of this hold and nothing explains: no capture that we know of, and no case that
 * a person has about it. 1: but a capture of ours is open, which may be the explanation. */
static int captured_unexplained(struct store_tx *tx, const struct payment_row *payment,
                                const struct attempt_row *attempt,
                                const struct gateway_result *result, int64_t *ret_minor,
                                struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT (SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM "
                      "review_case WHERE payment_id = $1 AND gateway_id = $2 AND posted = 10), "
                      "(SELECT COUNT(*) FROM operation WHERE payment_id = $1 AND kind = 1 AND "
                      "state IN (1, 2, 3))",
                      S_TEXT(payment->id.text), S_TEXT(attempt->gateway_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    int64_t captured = result->captured_minor > 0 ? result->captured_minor : 0;
    *ret_minor = captured - payment->captured_minor - sql_int(rows, 0);
    return sql_int(rows, 1) > 0;
}

/* A capture that counted as failed and, by what the hold says now, went through after all. While
 * its payment takes captures it is booked like any other: that is what the merchant asked for. */
int capture_late(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                 struct attempt_row *attempt, struct operation_row *operation,
                 const struct gateway_result *result, const char *source, bool *ret_changed,
                 struct err *err) {
    struct settlement settlement;
    int64_t more = 0;
    if (payment_move_find(payment->state, EVENT_CHARGE) == NULL) {
        return settle_attempt(payments, tx, payment, attempt, result, source, &settlement, err);
    }
    int open = captured_unexplained(tx, payment, attempt, result, &more, err);
    if (open < 0 || more != operation->amount_minor) {
        return open < 0 ? open : 0;
    }
    if (open > 0) {
        return err_set(err, ERR_GATEWAY, "payment %s has a capture that is not answered for",
                       payment->id.text);
    }
    operation_take(operation, OPERATION_SUCCEEDED, GW_CHARGED, result, source);
    *ret_changed = true;
    int r = operation_row_save(tx, operation, err);
    return r < 0 ? r : operation_done(payments, tx, payment, attempt, operation, result, err);
}

/* ---- asking about an operation ---- */

struct confirm {
    struct arena *arena;
    const char *operation_id;
    struct operation_row operation;
    struct attempt_row attempt;
};

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct confirm *confirm = ctx;
    int r = operation_row_load(tx, confirm->arena, confirm->operation_id, false,
                               &confirm->operation, err);
    return r < 0 ? r
                 : attempt_row_load(tx, confirm->arena, confirm->operation.attempt_id.text,
                                    &confirm->attempt, err);
}

/* Asked about twice: what was sent is not on its way any more by the first time, unless our clock
 * has jumped since. */
static int confirm_undoing(struct payments *payments, const struct operation_row *operation,
                           int64_t *ret_again_us, struct err *err) {
    bool open = false;
    int64_t second_us = operation->created_us + payments->options.second_look_us;
    int64_t now_us = clock_wall_us();
    int r = resolve_operation(payments, operation->id.text, "confirm", &open, err);
    if (r >= 0 && now_us < second_us) {
        *ret_again_us = second_us;
    }
    return r < 0 ? r : 0;
}

int confirm_operation_job(void *ctx, const struct job *job, int64_t *ret_again_us,
                          struct err *err) {
    struct payments *payments = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct confirm confirm = {.arena = arena, .operation_id = job->key};
    int r = store_read(payments->options.store, look_tx, &confirm, err);
    if (r < 0) {
        return r;
    }
    if (late_undoing_may_come(payments, &confirm.attempt, &confirm.operation)) {
        return confirm_undoing(payments, &confirm.operation, ret_again_us, err);
    }
    if (confirm.operation.kind == OPERATION_CANCEL) {
        return confirm_attempt(payments, confirm.operation.attempt_id.text, err);
    }
    bool open = false;
    r = resolve_operation(payments, job->key, "confirm", &open, err);
    return r < 0 ? r : 0;
}
