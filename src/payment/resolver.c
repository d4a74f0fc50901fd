/* SPDX-License-Identifier: Apache-2.0
 * resolver.c: what became of the payments nobody answered for (PAY-6, I6).
 *
 * An unresolved attempt is asked about after 5 s, 15 s, 1 min, 5 min, 15 min, 1 h and then hourly,
 * for ever: it never turns into failed by waiting. What may end it: the gateway's answer to a
 * question (by its id, or by our reference); the gateway's answer to the same call with the same
 * key, while it keeps keys and the customer can be expected to still want the order
 * (REPEAT_WINDOW_US); "no such payment" once it is certain that the request can no longer arrive
 *   (not_found_conclusive_us of the adapter);
 *   a callback, a statement or a named person (callbacks.c, resolve_by_hand.c).
 * Attempts and operations whose caller died in the middle are found by the sweep, become UNKNOWN
 * and come here too. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/plant.h"
#include "meter/meter.h"
#include "payment/cases.h"
#include "payment/review.h"

enum { SWEEP_BATCH = 200, OVERDUE_UNANSWERED_MAX = 3 };
#define OVERDUE_AGAIN_US (60 * US_PER_SECOND)
#define OVERDUE_ROUND_US (3 * US_PER_SECOND)
#define GATEWAY_GONE_RETRY_US (60 * US_PER_SECOND)

static const int64_t schedule_us[] = {
    5 * US_PER_SECOND,   15 * US_PER_SECOND,  60 * US_PER_SECOND,
    300 * US_PER_SECOND, 900 * US_PER_SECOND, 3600 * US_PER_SECOND,
};

int64_t resolve_delay_us(int64_t age_us) {
    int64_t passed = 0;
    for (size_t i = 0; i < COUNT_OF(schedule_us); i++) {
        passed += schedule_us[i];
        if (age_us < passed) {
            return schedule_us[i];
        }
    }
    return schedule_us[COUNT_OF(schedule_us) - 1];
}

/* ---- one attempt ---- */

struct look {
    struct payments *payments;
    struct arena *arena;
    const char *id;
    struct payment_row payment;
    struct attempt_row attempt;
    struct operation_row operation;
    struct case_row suspense; /* of a return */
    const struct gateway_result *result;
    const char *source;
    const char *occasion; /* why: "resolver", "repeat", "callback", "check", "confirm" */
    struct inquiries asked;
    bool open, payment_moved;
    bool was_live;    /* the attempt, when the gateway was asked */
    bool stale;       /* it ended meanwhile: the answer may be older than that */
    bool may_call;    /* claim_call_tx: money may be moved */
    bool wait_first;  /* claim_call_tx: not if a repeat of it was refused */
    int64_t lease_us; /* and until when; 0: nothing was claimed */
};

/* Something made us ask: also about what is over, and that tells more than how it was asked. */
static bool is_cause(const char *occasion) {
    return strcmp(occasion, "callback") == 0 || strcmp(occasion, "check") == 0 ||
           strcmp(occasion, "confirm") == 0;
}

static void note_asked(struct look *look, const char *how, const struct gateway_result *result) {
    inquiry_note(&look->asked, is_cause(look->occasion) ? look->occasion : how, result);
}

/* Reads the attempt; one that was being sent by a caller who died becomes UNKNOWN first: from then
 * on nothing but evidence ends it. */
static int look_attempt_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look *look = ctx;
    int r = attempt_row_load(tx, look->arena, look->id, &look->attempt, err);
    if (r < 0) {
        return r;
    }
    r = payment_row_load(tx, look->arena, look->attempt.payment_id.text, true, &look->payment, err);
    if (r < 0) {
        return r;
    }
    r = attempt_row_load(tx, look->arena, look->id, &look->attempt, err);
    if (r < 0 || look->attempt.state != ATTEMPT_SENDING) {
        return r;
    }
    bool holds = false;
    r = lease_holds(look->payments, tx, look->attempt.owner, look->attempt.lease_us, &holds, err);
    if (r < 0 || holds) {
        return r; /* its caller lives and will settle it */
    }
    struct gateway_result crash;
    gateway_result_init(&crash);
    snprintf(crash.code, sizeof crash.code, "interrupted");
    struct settlement settlement;
    return settle_attempt(look->payments, tx, &look->payment, &look->attempt, &crash, "crash",
                          &settlement, err);
}

static int apply_attempt_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look *look = ctx;
    struct settlement settlement;
    int r = payment_row_load(tx, look->arena, look->payment.id.text, true, &look->payment, err);
    if (r < 0) {
        return r;
    }
    r = attempt_row_load(tx, look->arena, look->id, &look->attempt, err);
    if (r < 0) {
        return r;
    }
    struct inquiry_about about = {look->payment.id.text, look->id, "", look->attempt.gateway};
    r = inquiries_write(tx, &look->asked, &about, err);
    if (r < 0) {
        return r;
    }
    look->stale = look->was_live && !attempt_state_live(look->attempt.state);
    if (look->stale) {
        return 0; /* "authorized" from just before we cancelled it is no late success */
    }
    r = settle_attempt(look->payments, tx, &look->payment, &look->attempt, look->result,
                       look->source, &settlement, err);
    if (r >= 0 && settlement.may_go_on) {
        r = settle_failed(look->payments, tx, &look->payment, &look->attempt, err);
    }
    look->payment_moved = r >= 0 && settlement.changed;
    if (r >= 0 && !settlement.changed && look->lease_us > 0 &&
        look->attempt.lease_us == look->lease_us) {
        look->attempt.owner = "";
        look->attempt.lease_us = 0;
        r = attempt_row_save(tx, &look->attempt, err);
    }
    return r < 0 || settlement.changed
               ? r
               : review_waiting_attempt(look->payments, tx, &look->payment, &look->attempt, err);
}

/* 1: a repeat of this attempt was refused, and each one more would ask the customer's bank anew. */
static int refused_before(struct store_tx *tx, const struct look *look, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM inquiry WHERE payment_id = $1 AND attempt_id = $2 AND "
                      "source = 'repeat' AND outcome = $3 LIMIT 1",
                      S_TEXT(look->payment.id.text), S_TEXT(look->id), S_INT(GW_DECLINED));
    return r < 0 ? r : sql_next(rows, err);
}

/* Before a call that may move money (a repeat, or going on with what the customer has approved): it
 * is made only for an attempt that is still open and that nobody is cancelling, and while it is
 * under way nobody cancels or decides by hand: the lease on the row says so. */
static int claim_call_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look *look = ctx;
    look->may_call = false;
    look->lease_us = 0;
    int r = payment_row_load(tx, look->arena, look->payment.id.text, true, &look->payment, err);
    r = r < 0 ? r : attempt_row_load(tx, look->arena, look->id, &look->attempt, err);
    if (r < 0 ||
        (look->attempt.state != ATTEMPT_UNKNOWN && look->attempt.state != ATTEMPT_ACTION_NEEDED)) {
        return r;
    }
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows,
                  "SELECT id FROM operation WHERE payment_id = $1 AND attempt_id = $2 AND kind = 2 "
                  "AND state IN (1, 2, 3) LIMIT 1",
                  S_TEXT(look->payment.id.text), S_TEXT(look->id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    r = look->wait_first ? refused_before(tx, look, err) : 0;
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    int64_t now = clock_wall_us();
    look->may_call = true;
    look->lease_us = now + CALL_LEASE_US;
    look->attempt.owner = look->payments->instance;
    look->attempt.lease_us = look->lease_us;
    look->attempt.sent_us = now;
    return attempt_row_save(tx, &look->attempt, err);
}

static int claim_call(struct look *look, struct err *err) {
    return store_write(look->payments->options.store, claim_call_tx, look, err);
}

static bool unresolved(const struct attempt_row *attempt) {
    return attempt->state == ATTEMPT_SENDING || attempt->state == ATTEMPT_UNKNOWN ||
           attempt->state == ATTEMPT_PENDING || attempt->state == ATTEMPT_ACTION_NEEDED;
}

/* A gateway that was disabled by hand is asked, and nothing else (control.h). */
static bool only_asked(const struct look *look, const struct gateway *gateway) {
    struct gateway_control_view view;
    gateway_control_view(look->payments->options.control, &view);
    const struct gateway_registry *registry = look->payments->options.registry;
    for (int i = 0; i < gateway_count(registry); i++) {
        if (gateway_at(registry, i) == gateway) {
            return view.state[i] == GATEWAY_DISABLED;
        }
    }
    return false;
}

/* It waits for its customer, who was never shown with what he is to pay: whoever made the order
 * died before that was written down. */
static bool code_is_missing(const struct look *look, const struct gateway *gateway,
                            const struct gateway_result *result) {
    return result->outcome == GW_ACTION_NEEDED && result->action == ACTION_NONE &&
           gateway->adapter->can.code_again && look->attempt.token[0] == '\0';
}

/* What is refused or not said leaves it at what the question said: then it is closed (waiting.c).
 */
static void ask_code_again(struct look *look, const struct gateway_ask *asked,
                           struct gateway_result *result) {
    struct gateway_result again;
    struct gateway_ask ask = *asked;
    ask.operation = OP_CHARGE;
    ask.lookup = NULL;
    ask.not_after_us = look->lease_us;
    gateway_ask(look->payments, &ask, &again);
    note_asked(look, "repeat", &again);
    if (again.outcome != GW_UNKNOWN && again.outcome != GW_REJECTED_REQUEST) {
        *result = again;
        look->source = "repeat";
    }
}

/* Which question ends it soonest without ever being able to charge twice. */
static int ask_attempt(struct look *look, struct gateway *gateway,
                       struct gateway_result *ret_result, struct err *err) {
    struct gateway_charge charge;
    struct gateway_lookup lookup;
    int64_t age = clock_wall_us() - look->attempt.created_us;
    bool unknown = look->attempt.state == ATTEMPT_UNKNOWN;
    bool may_move = !only_asked(look, gateway);
    bool repeat = unknown && age < REPEAT_WINDOW_US &&
                  age < gateway->adapter->can.key_lifetime_us && may_move &&
                  !waiting_is_in_vain(look->payments, &look->attempt) &&
                  !PLANTED(NOT_FOUND_BELIEVED); /* a repeat would keep it from being said */
    look->wait_first = age < ON_ITS_WAY_US && !gateway->adapter->can.keeps_refusals;
    int r = repeat ? claim_call(look, err) : 0;
    if (r < 0) {
        return r;
    }
    repeat = repeat && look->may_call;
    charge_of(&look->payment, &look->attempt, &charge);
    lookup_of(&look->payment, &look->attempt, &lookup);
    struct persist_ctx persist = {look->payments, look->attempt.id.text};
    struct gateway_ask ask = {
        .gateway = gateway,
        .operation = repeat ? OP_CHARGE : OP_QUERY,
        .method = look->payment.method,
        .charge = &charge,
        .lookup = repeat ? NULL : &lookup,
        .past_breaker = true,
        .persist = attempt_persist,
        .persist_ctx = &persist,
        .not_after_us = look->lease_us,
    };
    gateway_ask(look->payments, &ask, ret_result);
    look->source = repeat ? "repeat" : "query";
    note_asked(look, look->source, ret_result);
    if (unknown && !repeat && may_move && code_is_missing(look, gateway, ret_result)) {
        look->wait_first = false;
        r = claim_call(look, err);
        if (r < 0) {
            return r;
        }
        if (look->may_call) {
            ask_code_again(look, &ask, ret_result);
        }
    }
    bool approved = ret_result->outcome == GW_APPROVED && gateway->adapter->resume != NULL;
    look->wait_first = false;
    r = approved && may_move ? claim_call(look, err) : 0;
    if (r < 0) {
        return r;
    }
    if (approved && may_move && look->may_call) {
        charge_of(&look->payment, &look->attempt, &charge);
        lookup_of(&look->payment, &look->attempt, &lookup);
        ask.operation = OP_CHARGE;
        ask.lookup = &lookup;
        ask.not_after_us = look->lease_us;
        gateway_ask(look->payments, &ask, ret_result);
        look->source = "answer";
        note_asked(look, "resume", ret_result);
    }
    int64_t conclusive = gateway->adapter->can.not_found_conclusive_us;
    if (unknown && age < ON_ITS_WAY_US && repeat_says_nothing(gateway, ret_result)) {
        ret_result->outcome = GW_UNKNOWN; /* also where a question shows only what was refused */
    }
    if (PLANTED(RESOLVER_GIVES_UP) && unknown && age > 15 * US_PER_SECOND &&
        (ret_result->outcome == GW_UNKNOWN || gateway_outcome_is_fault(ret_result->outcome))) {
        ret_result->outcome = GW_NOT_FOUND;
        return 0;
    }
    if (ret_result->outcome == GW_NOT_FOUND && unresolved(&look->attempt) &&
        !PLANTED(NOT_FOUND_BELIEVED) &&
        (conclusive == 0 || age < REPEAT_WINDOW_US + conclusive || !unknown)) {
        ret_result->outcome = GW_UNKNOWN; /* a repeat may still arrive there: no word yet */
    }
    return 0;
}

static int resolve_once(struct payments *payments, const char *attempt_id, const char *source,
                        bool *ret_open, bool *ret_stale, struct gateway_result *ret_result,
                        struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct look look = {.payments = payments, .arena = arena, .id = attempt_id, .occasion = source};
    gateway_result_init(ret_result);
    *ret_stale = false;
    int r = store_write(payments->options.store, look_attempt_tx, &look, err);
    if (r < 0) {
        return r;
    }
    *ret_open = unresolved(&look.attempt);
    bool authorized = look.attempt.state == ATTEMPT_AUTHORIZED;
    if ((!*ret_open && !authorized && !is_cause(source)) || look.attempt.state == ATTEMPT_SENDING) {
        return 0;
    }
    struct gateway *gateway = gateway_find(payments->options.registry, look.attempt.gateway);
    if (gateway == NULL) {
        return err_set(err, ERR_NO_GATEWAY, "gateway %s of attempt %s is not configured any more",
                       look.attempt.gateway, attempt_id);
    }
    if (gateway->adapter->can.offline && look.attempt.state == ATTEMPT_ACTION_NEEDED &&
        !is_cause(source)) {
        return 0; /* whoever hears of its money says so himself */
    }
    r = ask_attempt(&look, gateway, ret_result, err);
    if (r < 0) {
        return r;
    }
    look.result = ret_result;
    look.was_live = attempt_state_live(look.attempt.state);
    if (strcmp(source, "callback") == 0) {
        look.source = "callback";
    }
    r = store_write(payments->options.store, apply_attempt_tx, &look, err);
    if (r < 0) {
        return r;
    }
    *ret_open = unresolved(&look.attempt);
    *ret_stale = look.stale;
    if (look.payment_moved) {
        log_event(PAYMENT_RESOLVED, LT("payment", look.payment.id.text), LT("attempt", attempt_id),
                  LT("state", payment_state_name(look.payment.state)), LT("source", look.source));
        jobs_wake(payments);
    }
    return 0;
}

int resolve_attempt(struct payments *payments, const char *attempt_id, const char *source,
                    bool *ret_open, struct gateway_result *ret_result, struct err *err) {
    bool stale = false;
    int r = resolve_once(payments, attempt_id, source, ret_open, &stale, ret_result, err);
    /* An attempt ends once, so the second answer is not stale. */
    return r >= 0 && stale
               ? resolve_once(payments, attempt_id, source, ret_open, &stale, ret_result, err)
               : r;
}

int resolve_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct payments *payments = ctx;
    bool open = false;
    struct gateway_result result;
    int r = resolve_attempt(payments, job->key, "resolver", &open, &result, err);
    int64_t now = clock_wall_us();
    if (r == -ERR_NO_GATEWAY) {
        log_error(JOB_FAILED, err, LT("job", job->id));
        *ret_again_us = now + GATEWAY_GONE_RETRY_US;
        return 0;
    }
    if (r < 0) {
        return r;
    }
    return open ? waiting_look_again(payments, job, ret_again_us, err) : 0;
}

/* ---- one capture, cancellation or refund ---- */

static int load_operation(struct look *look, struct store_tx *tx, struct err *err) {
    int r = operation_row_load(tx, look->arena, look->id, false, &look->operation, err);
    if (r < 0) {
        return r;
    }
    if (look->operation.kind == OPERATION_RETURN) {
        return return_load(tx, look->arena, look->id, &look->suspense, &look->payment,
                           &look->operation, err);
    }
    r = payment_row_load(tx, look->arena, look->operation.payment_id.text, true, &look->payment,
                         err);
    if (r < 0) {
        return r;
    }
    r = operation_row_load(tx, look->arena, look->id, true, &look->operation, err);
    return r < 0 ? r
                 : attempt_row_load(tx, look->arena, look->operation.attempt_id.text,
                                    &look->attempt, err);
}

static int settle_loaded(struct look *look, struct store_tx *tx,
                         const struct gateway_result *result, const char *source, bool *ret_changed,
                         struct err *err) {
    return look->operation.kind == OPERATION_RETURN
               ? return_settle(look->payments, tx, &look->suspense, &look->payment,
                               &look->operation, result, source, ret_changed, err)
               : settle_operation(look->payments, tx, &look->payment, &look->attempt,
                                  &look->operation, result, source, ret_changed, err);
}

static int look_operation_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look *look = ctx;
    int r = load_operation(look, tx, err);
    if (r < 0 || look->operation.state != OPERATION_SENDING) {
        return r;
    }
    bool holds = false;
    r = lease_holds(look->payments, tx, look->operation.owner, look->operation.lease_us, &holds,
                    err);
    if (r < 0 || holds) {
        return r;
    }
    struct gateway_result crash;
    gateway_result_init(&crash);
    snprintf(crash.code, sizeof crash.code, "interrupted");
    bool changed;
    return settle_loaded(look, tx, &crash, "crash", &changed, err);
}

static int apply_operation_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look *look = ctx;
    int r = load_operation(look, tx, err);
    if (r < 0) {
        return r;
    }
    look->operation.tries++;
    struct inquiry_about about = {look->operation.payment_id.text, look->operation.attempt_id.text,
                                  look->id, look->operation.gateway};
    r = inquiries_write(tx, &look->asked, &about, err);
    if (r < 0) {
        return r;
    }
    bool changed;
    r = settle_loaded(look, tx, look->result, look->source, &changed, err);
    r = r < 0 || changed ? r : operation_row_save(tx, &look->operation, err);
    return r < 0 || changed ? r
                            : review_waiting_operation(look->payments, tx, &look->payment,
                                                       &look->operation, err);
}

void change_of(const struct payment_row *payment, const struct attempt_row *attempt,
               const struct operation_row *operation, struct gateway_change *ret_change) {
    *ret_change = (struct gateway_change){
        .reference = PLANTED(REFUND_NEW_KEY) && operation->was_unknown ? operation->payment_id.text
                                                                       : operation->id.text,
        .amount_minor = operation->amount_minor,
        .final = operation->final,
        .reason = operation->reason,
        .refund_id = operation->refund_id,
        .created_us = operation->created_us,
    };
    lookup_of(payment, attempt, &ret_change->payment);
}

enum gateway_operation operation_call(enum operation_kind kind) {
    bool refund = kind == OPERATION_REFUND || kind == OPERATION_RETURN;
    return refund ? OP_REFUND : kind == OPERATION_CAPTURE ? OP_CAPTURE : OP_CANCEL;
}

/* A hold that is asked about long after a capture or cancellation of it: it took this capture's
 * amount more than we know of (a part, the rest is held), or nothing was done. That it took no more
 * than we know of is enough: some gateways (UnionPay) do not tell with a hold what was captured of
 * it, but are asked about this very capture first. */
static enum gateway_outcome held_still(const struct look *look,
                                       const struct gateway_result *result) {
    int64_t captured = result->captured_minor > 0 ? result->captured_minor : 0;
    int64_t more = captured - look->payment.captured_minor;
    if (look->operation.kind == OPERATION_CANCEL || more <= 0) {
        return GW_DECLINED;
    }
    return more == look->operation.amount_minor ? GW_CHARGED : GW_UNKNOWN;
}

/* A refund can be asked about; a capture or a cancellation is asked about through its payment,
 * whose state tells. Within the key's lifetime the same call with the same key answers best of all.
 */
static void ask_operation(struct look *look, struct gateway *gateway,
                          struct gateway_result *ret_result) {
    struct gateway_change change;
    bool of_suspense = look->operation.kind == OPERATION_RETURN;
    if (of_suspense) {
        return_change(&look->suspense, &look->operation, &change);
    } else {
        change_of(&look->payment, &look->attempt, &look->operation, &change);
    }
    struct operation_target target;
    operation_target_of(look->payments, &look->operation, &target, &change);
    change.payment.change = &change;
    change.payment.asked = operation_call(look->operation.kind);
    const struct gateway_capabilities *can = &gateway->adapter->can;
    int64_t age = clock_wall_us() - look->operation.created_us;
    bool unknown = look->operation.state == OPERATION_UNKNOWN;
    /* A till's cancellation gives back what was paid meanwhile: he has gone with his goods. */
    bool paid = look->operation.kind == OPERATION_CANCEL && look->attempt.state == ATTEMPT_CHARGED;
    bool repeat = unknown && (age < can->key_lifetime_us || can->changes_again) && !paid &&
                  !only_asked(look, gateway);
    bool refund = look->operation.kind == OPERATION_REFUND || of_suspense;
    struct gateway_ask ask = {
        .gateway = gateway,
        .operation = repeat   ? operation_call(look->operation.kind)
                     : refund ? OP_QUERY_REFUND
                              : OP_QUERY,
        .method = of_suspense ? METHOD_CARD : look->payment.method,
        .change = &change,
        .lookup = &change.payment,
        .past_breaker = true,
        .persist = operation_persist,
        .persist_ctx = &target,
    };
    gateway_ask(look->payments, &ask, ret_result);
    look->source = repeat ? "repeat" : "query";
    note_asked(look, look->source, ret_result);
    ret_result->as_it_stands = ret_result->as_it_stands || !repeat;
    /* An order under way says nothing about its cancellation, which may not have arrived. */
    if (!repeat && look->operation.kind == OPERATION_CANCEL && ret_result->outcome == GW_PENDING) {
        ret_result->outcome = GW_UNKNOWN;
    }
    /* The last repeat was sent before the keys ended: what is not there this long after will not
     * come. */
    bool over = unknown && can->not_found_conclusive_us > 0 &&
                age >= can->key_lifetime_us + can->not_found_conclusive_us;
    /* Asked about what was refused, it says the same as the refusal did. */
    bool confirms = strcmp(look->occasion, "confirm") == 0;
    /* Nothing is there to be cancelled, nor comes any more: its attempt has ended as well. */
    bool moot = look->operation.kind == OPERATION_CANCEL &&
                !attempt_state_live(look->attempt.state);
    if (ret_result->outcome == GW_NOT_FOUND && !confirms && !moot && (!refund || !over)) {
        ret_result->outcome = GW_UNKNOWN;
    }
    /* A refund that was done is answered as done under its key. One that is refused, when nothing
     * of it can be on its way any more, was never done: another hand gave it back, say. */
    bool alone = clock_wall_us() - look->operation.updated_us >= ON_ITS_WAY_US;
    if (repeat && refund && alone && ret_result->outcome == GW_REJECTED_REQUEST) {
        ret_result->outcome = GW_DECLINED;
    }
    /* An order that its gateway does not close was to end by itself, and its customer was faster:
     * what he approved is held, and is cancelled only by another call. */
    bool approved = look->operation.kind == OPERATION_CANCEL &&
                    look->operation.state == OPERATION_PENDING;
    if (ret_result->outcome == GW_AUTHORIZED && !repeat && !refund && (over || approved)) {
        ret_result->outcome = held_still(look, ret_result);
    }
}

int resolve_operation(struct payments *payments, const char *operation_id, const char *source,
                      bool *ret_open, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct look look = {
        .payments = payments, .arena = arena, .id = operation_id, .occasion = source};
    struct gateway_result result;
    int r = store_write(payments->options.store, look_operation_tx, &look, err);
    if (r < 0) {
        return r;
    }
    *ret_open = operation_state_open(look.operation.state);
    bool told = strcmp(source, "callback") == 0 && (look.operation.kind == OPERATION_REFUND ||
                                                    look.operation.kind == OPERATION_RETURN);
    bool confirms = strcmp(source, "confirm") == 0;
    if ((!*ret_open && !told && !confirms) || look.operation.state == OPERATION_SENDING) {
        return 0;
    }
    struct gateway *gateway = gateway_find(payments->options.registry, look.operation.gateway);
    if (gateway == NULL) {
        return err_set(err, ERR_NO_GATEWAY, "gateway %s of %s is not configured any more",
                       look.operation.gateway, operation_id);
    }
    if (gateway->adapter->can.offline && look.operation.state == OPERATION_PENDING) {
        return 0; /* as an attempt there */
    }
    ask_operation(&look, gateway, &result);
    look.result = &result;
    if (strcmp(source, "callback") == 0) {
        look.source = "callback";
    }
    r = store_write(payments->options.store, apply_operation_tx, &look, err);
    if (r < 0) {
        return r;
    }
    *ret_open = operation_state_open(look.operation.state);
    jobs_wake(payments);
    bool said = result.outcome != GW_UNKNOWN && !gateway_outcome_is_fault(result.outcome) &&
                !(confirms && result.outcome == GW_PENDING);
    if ((strcmp(source, "callback") == 0 || confirms) && !said) {
        return err_set(err, ERR_GATEWAY, "%s could not be asked about %s (%s)", gateway->name,
                       operation_id, result.code);
    }
    return 0;
}

int resolve_operation_job(void *ctx, const struct job *job, int64_t *ret_again_us,
                          struct err *err) {
    struct payments *payments = ctx;
    bool open = false;
    int r = resolve_operation(payments, job->key, "resolver", &open, err);
    int64_t now = clock_wall_us();
    if (r == -ERR_NO_GATEWAY) {
        *ret_again_us = now + GATEWAY_GONE_RETRY_US;
        return 0;
    }
    if (r >= 0 && open) {
        *ret_again_us = review_look_us(payments, job->created_us,
                                       now + resolve_delay_us(now - job->created_us));
    }
    return r < 0 ? r : 0;
}

/* ---- sweeps ---- */

struct found {
    char (*ids)[ID_TEXT_MAX];
    int count;
    const char *sql;
    int64_t now_us;
    const struct sql_arg *third; /* of the statement, or NULL */
};

static int find_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct found *found = ctx;
    found->count = 0;
    SQL_ROWS_AUTO rows = NULL;
    struct sql_arg args[] = {S_INT(found->now_us), S_INT(SWEEP_BATCH), S_NULL};
    if (found->third != NULL) {
        args[2] = *found->third;
    }
    int r = sql_query_args(tx, err, &rows, found->sql, args, found->third != NULL ? 3 : 2);
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        snprintf(found->ids[found->count++], ID_TEXT_MAX, "%s", sql_text(rows, 0));
    }
    return r;
}

static int find(struct payments *payments, struct found *found, struct err *err) {
    return store_read(payments->options.store, find_tx, found, err);
}

/* A row that refuses (a broken one, say) must not keep the sweep from all the others. */
static int sweep_one(struct payments *payments, store_fn *fn, const char *id, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct look look = {.payments = payments, .arena = arena, .id = id};
    int r = store_write(payments->options.store, fn, &look, err);
    if (r >= 0 || r == -ERR_STORE || r == -ERR_STORE_UNKNOWN || r == -ERR_STORE_CONFLICT) {
        return r;
    }
    log_error(JOB_FAILED, err, LT("sweep", "orphans"), LT("id", id));
    err_clear(err);
    return 0;
}

int sweep_orphans(struct payments *payments, int64_t now_us, struct err *err) {
    static const char attempts_alone[] =
        "SELECT id FROM attempt WHERE state = 1 AND (lease_us < $1 OR owner <> $3) LIMIT $2";
    static const char attempts_shared[] =
        "SELECT id FROM attempt WHERE state = 1 AND (lease_us < $1 OR owner NOT IN "
        "(SELECT id FROM instance WHERE seen_us > $3)) LIMIT $2";
    static const char operations_alone[] =
        "SELECT id FROM operation WHERE state = 1 AND (lease_us < $1 OR owner <> $3) LIMIT $2";
    static const char operations_shared[] =
        "SELECT id FROM operation WHERE state = 1 AND (lease_us < $1 OR owner NOT IN "
        "(SELECT id FROM instance WHERE seen_us > $3)) LIMIT $2";
    if (PLANTED(ORPHANS_LEFT)) {
        return 0;
    }
    bool alone = payments->options.alone;
    char ids[SWEEP_BATCH][ID_TEXT_MAX];
    struct sql_arg third = alone ? S_TEXT(payments->instance) : S_INT(now_us - INSTANCE_DEAD_US);
    struct found found = {ids, 0, alone ? attempts_alone : attempts_shared, now_us, &third};
    int r = find(payments, &found, err);
    int done = 0;
    for (int i = 0; r >= 0 && i < found.count; i++, done++) {
        r = sweep_one(payments, look_attempt_tx, ids[i], err);
    }
    if (r < 0) {
        return r;
    }
    found.sql = alone ? operations_alone : operations_shared;
    r = find(payments, &found, err);
    for (int i = 0; r >= 0 && i < found.count; i++, done++) {
        r = sweep_one(payments, look_operation_tx, ids[i], err);
    }
    return r < 0 ? r : done;
}

struct overdue {
    struct look look;
    bool agrees;
    bool marked;
};

/* The question was asked; now it is on the payment for a person to see (CB-4). A callback that
 * comes later takes the mark away again. */
static int overdue_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct overdue *overdue = ctx;
    struct look *look = &overdue->look;
    overdue->marked = false;
    int r = attempt_row_load(tx, look->arena, look->id, &look->attempt, err);
    if (r < 0) {
        return r;
    }
    r = payment_row_load(tx, look->arena, look->attempt.payment_id.text, true, &look->payment, err);
    if (r < 0) {
        return r;
    }
    r = attempt_row_load(tx, look->arena, look->id, &look->attempt, err);
    if (r < 0 || look->attempt.callback_due_us == 0) {
        return r;
    }
    overdue->marked = true; /* by us: another instance may sweep beside us */
    outcome_awaited(tx, &look->payment, look->attempt.gateway, false);
    look->attempt.callback_due_us = 0;
    r = attempt_row_save(tx, &look->attempt, err);
    enum review_mark mark = overdue->agrees ? REVIEW_CALLBACK_MISSING
                                            : REVIEW_CALLBACK_MISSING_DIFFERS;
    return r < 0 ? r : review_mark(look->payments, tx, &look->payment, mark, err);
}

struct postpone {
    const char *attempt_id;
    int64_t due_us;
};

static int postpone_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct postpone *postpone = ctx;
    return sql_put(tx, err,
                   "UPDATE attempt SET callback_due_us = $2 WHERE id = $1 AND callback_due_us > 0",
                   S_TEXT(postpone->attempt_id), S_INT(postpone->due_us));
}

/* A gateway that cannot be asked now must neither hold up the others' callbacks nor the sweeps: its
 * attempts go to the back, and a round ends after OVERDUE_UNANSWERED_MAX of them. */
int sweep_callbacks(struct payments *payments, int64_t now_us, struct err *err) {
    static const char sql[] =
        "SELECT id FROM attempt WHERE callback_due_us > 0 AND callback_due_us < $1 "
        "ORDER BY callback_due_us LIMIT $2";
    char ids[SWEEP_BATCH][ID_TEXT_MAX];
    struct found found = {ids, 0, sql, now_us, NULL};
    int r = find(payments, &found, err);
    int done = 0, unanswered = 0;
    int64_t until_us = clock_mono_us() + OVERDUE_ROUND_US;
    for (int i = 0; r >= 0 && i < found.count && unanswered < OVERDUE_UNANSWERED_MAX; i++) {
        if (clock_mono_us() > until_us) {
            break; /* the rest in the next round: the other sweeps wait for this one */
        }
        bool open;
        struct gateway_result result;
        int asked = resolve_attempt(payments, ids[i], "check", &open, &result, err);
        if (asked < 0 || result.outcome == GW_UNKNOWN || gateway_outcome_is_fault(result.outcome)) {
            struct postpone postpone = {ids[i], now_us + OVERDUE_AGAIN_US};
            r = store_write(payments->options.store, postpone_tx, &postpone, err);
            unanswered++;
            continue;
        }
        ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
        struct overdue overdue = {
            .look = {.payments = payments, .arena = arena, .id = ids[i]},
            .agrees = result.outcome == GW_CHARGED || result.outcome == GW_AUTHORIZED ||
                      result.outcome == GW_CANCELED,
        };
        r = store_write(payments->options.store, overdue_tx, &overdue, err);
        if (r >= 0 && overdue.marked) {
            meter_count(METER_CALLBACK_MISSING, overdue.look.attempt.gateway);
            done++;
        }
    }
    return r < 0 ? r : done;
}
