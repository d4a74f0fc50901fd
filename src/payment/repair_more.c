/* SPDX-License-Identifier: Apache-2.0
 * repair_more.c: repairs of refunds that one side does not know of, of differences, and of
 * callbacks that were stored and not processed. See repair.h. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/control.h"
#include "ledger/ledger.h"
#include "payment/callbacks.h"
#include "payment/cases.h"
#include "payment/repair_impl.h"

enum { REPLAYED_MAX = 10, KEY_CHARS_MAX = IDEMPOTENCY_KEY_CHARS_MAX };
/* A key that the gateway forgets while the call is under way protects nothing. */
#define KEY_MARGIN_US (10 * 60 * US_PER_SECOND)

/* ---- one refund ---- */

struct refunding {
    struct payments *payments;
    struct arena *arena;
    const char *id;
    struct operation_row operation;
    struct payment_row payment;
    struct attempt_row attempt;
    struct case_row suspense; /* of a return */
    const struct gateway_result *result;
    const char *source;
    struct inquiries asked;
};

static int load_refund(struct refunding *refunding, struct store_tx *tx, bool lock,
                       struct err *err) {
    struct operation_row *operation = &refunding->operation;
    int r = operation_row_load(tx, refunding->arena, refunding->id, false, operation, err);
    if (r < 0) {
        return r;
    }
    if (operation->kind == OPERATION_RETURN) {
        return lock ? return_load(tx, refunding->arena, refunding->id, &refunding->suspense,
                                  &refunding->payment, operation, err)
                    : case_row_load(tx, refunding->arena, operation->retry_of, false,
                                    &refunding->suspense, err);
    }
    r = payment_row_load(tx, refunding->arena, operation->payment_id.text, lock,
                         &refunding->payment, err);
    r = r < 0 || !lock
            ? r
            : operation_row_load(tx, refunding->arena, refunding->id, true, operation, err);
    return r < 0 ? r
                 : attempt_row_load(tx, refunding->arena, operation->attempt_id.text,
                                    &refunding->attempt, err);
}

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return load_refund(ctx, tx, false, err);
}

static int look(struct refunding *refunding, struct err *err) {
    return store_read(refunding->payments->options.store, look_tx, refunding, err);
}

/* Asks about it, or sends it again under its own reference. */
static int call(struct refunding *refunding, enum gateway_operation operation,
                struct gateway_result *ret_result, struct err *err) {
    struct payments *payments = refunding->payments;
    struct gateway *gateway = gateway_find(payments->options.registry,
                                           refunding->operation.gateway);
    struct gateway_change change;
    struct operation_target target;
    if (gateway == NULL) {
        return err_set(err, ERR_NO_GATEWAY, "gateway %s of %s is not configured any more",
                       refunding->operation.gateway, refunding->id);
    }
    if (refunding->operation.kind == OPERATION_RETURN) {
        return_change(&refunding->suspense, &refunding->operation, &change);
    } else {
        change_of(&refunding->payment, &refunding->attempt, &refunding->operation, &change);
    }
    operation_target_of(payments, &refunding->operation, &target, &change);
    change.payment.change = &change;
    change.payment.asked = OP_REFUND;
    const struct gateway_ask ask = {
        .gateway = gateway,
        .operation = operation,
        .method = refunding->operation.kind == OPERATION_RETURN ? METHOD_CARD
                                                                : refunding->payment.method,
        .change = &change,
        .lookup = &change.payment,
        .past_breaker = true,
        .persist = operation_persist,
        .persist_ctx = &target,
    };
    gateway_ask(payments, &ask, ret_result);
    ret_result->as_it_stands = operation != OP_REFUND;
    refunding->result = ret_result;
    refunding->source = operation == OP_REFUND ? "repeat" : "query";
    inquiry_note(&refunding->asked, refunding->source, ret_result);
    return 0;
}

/* As any answer about it; a name of the refund that is news is kept. */
static int apply_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct refunding *refunding = ctx;
    struct operation_row *operation = &refunding->operation;
    bool changed = false;
    int r = load_refund(refunding, tx, true, err);
    if (r < 0) {
        return r;
    }
    const struct inquiry_about about = {operation->payment_id.text, operation->attempt_id.text,
                                        refunding->id, operation->gateway};
    operation->tries++;
    r = inquiries_write(tx, &refunding->asked, &about, err);
    r = r < 0 ? r
        : operation->kind == OPERATION_RETURN
            ? return_settle(refunding->payments, tx, &refunding->suspense, &refunding->payment,
                            operation, refunding->result, refunding->source, &changed, err)
            : settle_operation(refunding->payments, tx, &refunding->payment, &refunding->attempt,
                               operation, refunding->result, refunding->source, &changed, err);
    if (r >= 0 && !changed && refunding->result->outcome == GW_REFUNDED &&
        refunding->result->refund_id[0] != '\0') {
        operation->refund_id = refunding->result->refund_id;
    }
    return r < 0 || changed ? r : operation_row_save(tx, operation, err);
}

static int apply(struct refunding *refunding, struct err *err) {
    int r = store_write(refunding->payments->options.store, apply_tx, refunding, err);
    refunding->asked.count = 0;
    if (r >= 0) {
        jobs_wake(refunding->payments);
    }
    return r;
}

/* Sent again it is done once: the gateway knows its reference for ever, or still keeps its key. */
static bool safe_to_repeat(struct payments *payments, const struct operation_row *operation) {
    const struct gateway *gateway = gateway_find(payments->options.registry, operation->gateway);
    int64_t age = clock_wall_us() - operation->created_us;
    return gateway != NULL && !gateway->adapter->can.offline &&
           (gateway->adapter->can.changes_again ||
            age + KEY_MARGIN_US < gateway->adapter->can.key_lifetime_us);
}

static int judge_refund(const struct refunding *refunding, struct repair_answer *answer) {
    const struct operation_row *operation = &refunding->operation;
    enum gateway_outcome outcome = refunding->result->outcome;
    const char *gateway = operation->gateway, *said = gateway_outcome_name(outcome);
    if (!repair_was_answered(refunding->result) || outcome == GW_PENDING) {
        return repair_says(answer, REPAIR_WAIT, "%s has not said that it is done (%s)", gateway,
                           said);
    }
    if (operation->state == OPERATION_FAILED) {
        return repair_says(answer, REPAIR_ENDED,
                           "%s itself says %s: %s counts as failed, and the merchant was told",
                           gateway, said, refunding->id);
    }
    if (outcome == GW_REFUNDED) {
        return repair_says(answer, REPAIR_ENDED, "%s says that %s is done", gateway, refunding->id);
    }
    if (outcome == GW_NOT_FOUND && safe_to_repeat(refunding->payments, operation)) {
        return repair_says(answer, REPAIR_CONFIRMED, "%s knows nothing of %s", gateway,
                           refunding->id);
    }
    return repair_says(answer, REPAIR_REFUSED, "%s itself says %s of %s%s", gateway, said,
                       refunding->id,
                       outcome == GW_NOT_FOUND
                           ? ", and after this time does not keep its reference: sent again it "
                             "might be made twice"
                           : "");
}

/* What we count as done. */
static int ask_done(struct refunding *refunding, struct repair_answer *answer, struct err *err) {
    struct gateway_result result;
    int r = call(refunding, OP_QUERY_REFUND, &result, err);
    r = r < 0 ? r : apply(refunding, err);
    return r < 0 ? r : judge_refund(refunding, answer);
}

/* What we count as open, or as failed although they tell of it. */
static int ask_other(struct refunding *refunding, bool was_done, struct repair_answer *answer,
                     struct err *err) {
    bool open = false, failed = refunding->operation.state == OPERATION_FAILED;
    int r = resolve_operation(refunding->payments, refunding->id, failed ? "confirm" : "check",
                              &open, err);
    if (r == -ERR_GATEWAY) {
        (void)repair_says(answer, REPAIR_WAIT, "%.390s", err->detail);
        err_clear(err);
        return 0;
    }
    r = r < 0 ? r : look(refunding, err);
    if (r < 0) {
        return r;
    }
    const struct operation_row *operation = &refunding->operation;
    if (operation->state == OPERATION_SUCCEEDED) {
        return repair_says(answer, REPAIR_ENDED, "%s says that %s is done", operation->gateway,
                           refunding->id);
    }
    if (operation->state == OPERATION_FAILED && was_done) {
        return repair_says(answer, REPAIR_ENDED,
                           "%s does not say that %s was done: it counts as failed (%s)",
                           operation->gateway, refunding->id, operation->code);
    }
    return operation->state == OPERATION_FAILED
               ? repair_says(answer, REPAIR_REFUSED,
                             "%s does not say that %s was done, or there is no room for it (%s)",
                             operation->gateway, refunding->id, operation->code)
               : repair_says(answer, REPAIR_WAIT, "%s has not said what became of %s",
                             operation->gateway, refunding->id);
}

int repair_refund_ask(struct payments *payments, const char *operation_id, bool was_done,
                      struct repair_answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct refunding refunding = {.payments = payments, .arena = arena, .id = operation_id};
    *ret_answer = (struct repair_answer){0};
    int r = look(&refunding, err);
    if (r < 0) {
        return r;
    }
    const struct operation_row *operation = &refunding.operation;
    bool refund = operation->kind == OPERATION_REFUND || operation->kind == OPERATION_RETURN;
    if (!refund || !operation->to_original) {
        return repair_says(ret_answer, REPAIR_REFUSED, "%s is no refund by a gateway",
                           operation_id);
    }
    return operation->state == OPERATION_SUCCEEDED ? ask_done(&refunding, ret_answer, err)
                                                   : ask_other(&refunding, was_done, ret_answer,
                                                               err);
}

/* Under a key that it keeps, a gateway answers what it answered at first, whatever became of the
 * refund since: only what it says when it is asked afterwards is believed. */
static int ask_sent(struct refunding *refunding, struct repair_answer *answer, struct err *err) {
    struct gateway_result result;
    int r = look(refunding, err);
    r = r < 0 ? r : call(refunding, OP_QUERY_REFUND, &result, err);
    r = r < 0 ? r : apply(refunding, err);
    if (r < 0 || result.outcome != GW_NOT_FOUND) {
        return r < 0 ? r : judge_refund(refunding, answer);
    }
    return repair_says(answer, REPAIR_WAIT, "%s says that %s is done when it is sent, and knows "
                       "nothing of it when it is asked", refunding->operation.gateway,
                       refunding->id);
}

int repair_refund_send(struct payments *payments, const char *operation_id,
                       struct repair_answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct refunding refunding = {.payments = payments, .arena = arena, .id = operation_id};
    struct gateway_result result;
    int r = look(&refunding, err);
    r = r < 0 ? r : gateway_usable(payments, refunding.operation.gateway, err);
    if (r < 0) {
        return r;
    }
    if (refunding.operation.state != OPERATION_SUCCEEDED ||
        !safe_to_repeat(payments, &refunding.operation)) {
        return repair_says(ret_answer, REPAIR_REFUSED, "%s is %s by now: it is not sent again",
                           operation_id, operation_state_name(refunding.operation.state));
    }
    r = call(&refunding, OP_REFUND, &result, err);
    r = r < 0 ? r : apply(&refunding, err);
    if (r < 0) {
        return r;
    }
    if (result.outcome == GW_REFUNDED) {
        return ask_sent(&refunding, ret_answer, err);
    }
    /* It was not sent, or nobody knows: asked about before anything else is done. */
    return result.outcome == GW_NOT_FOUND
               ? repair_says(ret_answer, REPAIR_REFUSED, "%s does not know what %s is a refund of",
                             refunding.operation.gateway, operation_id)
               : judge_refund(&refunding, ret_answer);
}

/* ---- a difference ---- */

struct sums {
    const char *payment_id;
    int64_t captured_minor, fees_minor;
};

static int sums_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct sums *sums = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT captured_minor, (SELECT CAST(COALESCE(SUM(CASE WHEN kind = $3 "
                      "THEN -amount_minor ELSE amount_minor END), 0) AS bigint) FROM posting WHERE "
                      "payment_id = $1 AND kind IN ($2, $3)) FROM payment WHERE id = $1",
                      S_TEXT(sums->payment_id), S_INT(POST_FEE), S_INT(POST_FEE_TAKEN_BACK));
    r = r < 0 ? r : row_found(rows, "payment", sums->payment_id, err);
    if (r < 0) {
        return r;
    }
    sums->captured_minor = sql_int(rows, 0);
    sums->fees_minor = sql_int(rows, 1);
    return 0;
}

static int compare(const char *gateway, int64_t stated_minor, int64_t expected_minor,
                   struct currency currency, struct repair_answer *answer) {
    char stated[MONEY_TEXT_MAX], expected[MONEY_TEXT_MAX];
    if (stated_minor < 0) {
        return repair_says(answer, REPAIR_REFUSED, "%s itself does not say what it is", gateway);
    }
    bool same = stated_minor == expected_minor;
    return repair_says(answer, same ? REPAIR_CONFIRMED : REPAIR_REFUSED, "%s itself says %s%s%s",
                       gateway, money_show(stated_minor, currency, stated),
                       same ? "" : ", and not ",
                       same ? "" : money_show(expected_minor, currency, expected));
}

static int differs_in_currency(const struct gateway_result *result,
                               const struct repair_difference *difference) {
    return result->currency.code[0] != '\0' &&
           !currency_equal(result->currency, difference->currency);
}

static int ask_refunded(struct payments *payments, const struct repair_difference *difference,
                        struct repair_answer *answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct refunding refunding = {
        .payments = payments, .arena = arena, .id = difference->operation_id};
    struct gateway_result result;
    int r = look(&refunding, err);
    r = r < 0 ? r : call(&refunding, OP_QUERY_REFUND, &result, err);
    if (r < 0) {
        return r;
    }
    if (!repair_was_answered(&result)) {
        return repair_says(answer, REPAIR_WAIT, "%s has not answered (%s)",
                           refunding.operation.gateway, result.code);
    }
    if (result.outcome != GW_REFUNDED || differs_in_currency(&result, difference)) {
        return repair_says(answer, REPAIR_REFUSED, "%s itself says %s, or another currency",
                           refunding.operation.gateway, gateway_outcome_name(result.outcome));
    }
    return compare(refunding.operation.gateway, result.amount_minor,
                   refunding.operation.amount_minor + difference->difference_minor,
                   difference->currency, answer);
}

int repair_difference_ask(struct payments *payments, const struct repair_difference *difference,
                          struct repair_answer *ret_answer, struct err *err) {
    *ret_answer = (struct repair_answer){0};
    if (difference->sum == REPAIR_SUM_REFUND) {
        return ask_refunded(payments, difference, ret_answer, err);
    }
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct gateway_result result;
    bool open = false;
    int r = resolve_attempt(payments, difference->attempt_id, "check", &open, &result, err);
    struct repair_about about = {.arena = arena, .attempt_id = difference->attempt_id};
    r = r < 0 ? r : store_read(payments->options.store, repair_about_tx, &about, err);
    struct sums sums = {.payment_id = about.attempt.payment_id.text};
    r = r < 0 ? r : store_read(payments->options.store, sums_tx, &sums, err);
    if (r < 0) {
        return r;
    }
    const char *gateway = about.attempt.gateway;
    if (!repair_was_answered(&result)) {
        return repair_says(ret_answer, REPAIR_WAIT, "%s has not answered (%s)", gateway,
                           result.code);
    }
    if (result.outcome != GW_CHARGED || about.attempt.state != ATTEMPT_CHARGED ||
        differs_in_currency(&result, difference)) {
        return repair_says(ret_answer, REPAIR_REFUSED, "%s itself says %s, or another currency",
                           gateway, gateway_outcome_name(result.outcome));
    }
    bool fee = difference->sum == REPAIR_SUM_FEE;
    int64_t stated = fee                         ? result.fee_minor
                     : result.captured_minor > 0 ? result.captured_minor
                                                 : result.amount_minor;
    int64_t ours = fee ? sums.fees_minor : sums.captured_minor;
    return compare(gateway, stated, ours + difference->difference_minor, difference->currency,
                   ret_answer);
}

int repair_about_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct repair_about *about = ctx;
    return attempt_row_load(tx, about->arena, about->attempt_id, &about->attempt, err);
}

/* ---- callbacks ---- */

/* Those about an attempt bear its reference or its name there, in what we understood of them. Only
 * what is parked or fails is looked through: there is little of it. */
#define WAITING                                                                                    \
    "SELECT c.id FROM callback c JOIN attempt a ON a.id = $1 WHERE c.gateway = a.gateway AND "     \
    "c.state IN (4, 5) AND c.subject = 1 AND (c.event LIKE '%\"' || a.id || '\"%' OR "             \
    "(a.gateway_id <> '' AND c.event LIKE '%\"' || a.gateway_id || '\"%')) ORDER BY c.id LIMIT 10"
static_assert(CALLBACK_FAILED == 4 && CALLBACK_PARKED == 5 && CALLBACK_PAYMENT == 1 &&
                  REPLAYED_MAX == 10,
              "the numbers above");

struct waiting {
    const char *attempt_id;
    char ids[REPLAYED_MAX][ID_TEXT_MAX];
    int count;
};

static int waiting_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct waiting *waiting = ctx;
    waiting->count = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, WAITING, S_TEXT(waiting->attempt_id));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        snprintf(waiting->ids[waiting->count++], ID_TEXT_MAX, "%s", sql_text(rows, 0));
    }
    return r;
}

int repair_callbacks_waiting(struct store_tx *tx, const char *attempt_id, int *ret_waiting,
                             struct err *err) {
    struct waiting waiting = {.attempt_id = attempt_id};
    int r = waiting_tx(tx, &waiting, err);
    *ret_waiting = waiting.count;
    return r < 0 ? r : 0;
}

int repair_callbacks_replay(struct payments *payments, const struct caller *caller,
                            const char *attempt_id, int *ret_replayed, struct err *err) {
    struct waiting waiting = {.attempt_id = attempt_id};
    *ret_replayed = 0;
    int r = store_read(payments->options.store, waiting_tx, &waiting, err);
    for (int i = 0; r >= 0 && i < waiting.count; i++) {
        ANSWER_AUTO answer = {0};
        char key[KEY_CHARS_MAX + 1];
        struct caller once = *caller;
        snprintf(key, sizeof key, "%s:%s", caller->key, waiting.ids[i]);
        once.key = key;
        r = callback_replay(payments, &once, waiting.ids[i], &answer, err);
        *ret_replayed += r >= 0;
    }
    return r < 0 ? r : 0;
}

/* ---- cases ---- */

int repair_case_load(struct store_tx *tx, struct arena *arena, const char *id,
                     struct repair_case *ret_case, struct err *err) {
    struct case_row row;
    int r = case_row_load(tx, arena, id, false, &row, err);
    if (r < 0) {
        return r;
    }
    *ret_case = (struct repair_case){
        .id = row.id,
        .kind = row.kind,
        .subject = row.subject,
        .payment_id = row.payment_id,
        .attempt_id = row.attempt_id,
        .gateway = row.gateway,
        .gateway_id = row.gateway_id,
        .charge_id = row.charge_id,
        .refund_id = row.refund_id,
        .detail = row.detail,
        .resolution = row.resolution,
        .decided_by = row.decided_by,
        .open = row.state == CASE_OPEN,
        .came = row.posted == POST_SUSPENSE,
        .went = row.posted == POST_SUSPENSE_RETURNED,
        .returning = row.operation_id[0] != '\0',
        .amount_minor = row.amount_minor,
        .opened_us = row.opened_us,
        .closed_us = row.closed_us,
        .currency = row.currency,
    };
    return 0;
}
