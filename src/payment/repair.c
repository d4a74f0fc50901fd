/* SPDX-License-Identifier: Apache-2.0
 * repair.c: repairs of charges: what was paid there and is open here, and what was charged twice.
 * See repair.h; refunds, differences and callbacks are in repair_more.c. */
#include "payment/repair.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/plant.h"
#include "ledger/ledger.h"
#include "payment/callbacks.h"
#include "payment/cases.h"
#include "payment/repair_impl.h"

int repair_says(struct repair_answer *answer, enum repair_word word, const char *format, ...) {
    va_list args;
    answer->word = word;
    va_start(args, format);
    vsnprintf(answer->text, sizeof answer->text, format, args);
    va_end(args);
    return 0;
}

bool repair_was_answered(const struct gateway_result *result) {
    return result->outcome != GW_UNKNOWN && result->outcome != GW_NONE &&
           !gateway_outcome_is_fault(result->outcome);
}

/* It is under way there, or waits for its customer: it may be charged in a moment. */
static bool may_yet_charge(enum gateway_outcome outcome) {
    return outcome == GW_PENDING || outcome == GW_ACTION_NEEDED || outcome == GW_APPROVED;
}

/* ---- an attempt, its payment and its late money ---- */

struct standing {
    struct payments *payments; /* only of believe_tx() */
    struct arena *arena;
    const char *attempt_id;
    struct attempt_row attempt;
    struct payment_row payment;
    enum late_verdict verdict;
    char late_case[ID_TEXT_MAX]; /* nobody has decided about it, nor is sending it back */
};

static int standing_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct standing *standing = ctx;
    int r = attempt_row_load(tx, standing->arena, standing->attempt_id, &standing->attempt, err);
    r = r < 0 ? r
              : payment_row_load(tx, standing->arena, standing->attempt.payment_id.text, false,
                                 &standing->payment, err);
    return r < 0 ? r
                 : late_judge(tx, standing->arena, standing->attempt_id, standing->late_case,
                              &standing->verdict, err);
}

static int standing_load(struct payments *payments, struct standing *standing, struct err *err) {
    return store_read(payments->options.store, standing_tx, standing, err);
}

/* A bank that nobody can call: what came in is booked from its own rows (bank.h). */
static int check_askable(struct payments *payments, const char *gateway, bool *ret_offline,
                         struct err *err) {
    const struct gateway *asked = gateway_find(payments->options.registry, gateway);
    if (asked == NULL) {
        return err_set(err, ERR_NO_GATEWAY, "gateway %s is not configured any more", gateway);
    }
    *ret_offline = asked->adapter->can.offline;
    return 0;
}

/* The case of this kind and subject, whatever its state, with what became of its return. 1: there
 * is one that holds money. */
struct held {
    struct arena *arena;
    const char *kind, *subject;
    const struct caller *by; /* whose return is asked about; NULL: nobody's */
    struct case_row row;
    struct operation_row operation;
    bool returning;
    int found;
};

static int held_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct held *held = ctx;
    held->found = 0;
    held->returning = false;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM review_case WHERE kind = $1 AND subject = $2 AND posted = 10",
                      S_TEXT(held->kind), S_TEXT(held->subject));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    struct case_id id = case_id_stored(sql_text(rows, 0));
    r = case_row_load(tx, held->arena, id.text, false, &held->row, err);
    if (r >= 0 && held->row.operation_id[0] != '\0') {
        held->returning = true;
        r = operation_row_load(tx, held->arena, held->row.operation_id, false, &held->operation,
                               err);
    }
    held->found = r >= 0;
    return r;
}

static_assert(POST_SUSPENSE == 10, "the posting above");

/* A rule's actor is known for each of its repairs, and its reason names the one (recon/repair). */
static bool returned_by(const struct held *held) {
    const struct caller *by = held->by;
    return by != NULL && strcmp(held->operation.actor, by->actor) == 0 &&
           strstr(held->operation.reason, by->key) != NULL;
}

/* What is said of a case that somebody has begun or ended with; false: it is untouched. */
static bool held_over(const struct held *held, struct repair_answer *answer) {
    const struct operation_row *operation = &held->operation;
    if (held->returning && operation_state_open(operation->state)) {
        (void)repair_says(answer, REPAIR_WAIT, "its return %s is %s", operation->id.text,
                          operation_state_name(operation->state));
    } else if (held->returning && operation->state == OPERATION_SUCCEEDED) {
        (void)repair_says(answer, returned_by(held) ? REPAIR_ENDED : REPAIR_MOOT,
                          "%s has sent it back, as %s, which %s began", held->row.gateway,
                          operation->id.text, operation->actor);
    } else if (held->row.state == CASE_CLOSED) {
        (void)repair_says(answer, REPAIR_MOOT, "%s has decided about it (case %s): %.200s",
                          held->row.decided_by, held->row.id, held->row.resolution);
    } else if (held->returning) {
        (void)repair_says(answer, REPAIR_REFUSED, "%s did not send it back (%s): %.160s",
                          held->row.gateway, operation->code, operation->message);
    } else {
        return false;
    }
    return true;
}

/* ---- paid there, and open or given up here ---- */

static int judge_late(const struct standing *standing, const struct held *held,
                      struct repair_answer *answer) {
    const char *gateway = standing->attempt.gateway, *payment = standing->payment.id.text;
    snprintf(answer->case_id, sizeof answer->case_id, "%s", held->row.id);
    if (held_over(held, answer)) {
        return 0;
    }
    switch (standing->verdict) {
    case LATE_ACCEPT:
        return repair_says(answer, REPAIR_CONFIRMED,
                           "%s says that it was charged; nothing else paid the order of %s",
                           gateway, payment);
    case LATE_RETURN:
        return repair_says(answer, REPAIR_REFUSED,
                           "%s says that it was charged, but the order of %s was paid another way: "
                           "it is a second charge (case %s)",
                           gateway, payment, held->row.id);
    case LATE_WAIT:
        return repair_says(answer, REPAIR_WAIT, "another attempt of %s is under way", payment);
    case LATE_PERSON:
        break;
    }
    return repair_says(answer, REPAIR_REFUSED,
                       "%s says that it was charged, but %s is %s, or of another amount: a person "
                       "decides about case %s",
                       gateway, payment, payment_state_name(standing->payment.state), held->row.id);
}

static int judge_charge(const struct standing *standing, const struct gateway_result *result,
                        struct repair_answer *answer) {
    const struct attempt_row *attempt = &standing->attempt;
    if (attempt->state == ATTEMPT_CHARGED) {
        return repair_says(answer, REPAIR_ENDED, "%s says that it was charged: %s is %s",
                           attempt->gateway, standing->payment.id.text,
                           payment_state_name(standing->payment.state));
    }
    if (!repair_was_answered(result)) {
        return repair_says(answer, REPAIR_WAIT, "%s has not answered (%s)", attempt->gateway,
                           result->code);
    }
    if (result->outcome == GW_ACTION_NEEDED) {
        /* It may be paid for days, but was not when the statement said so. */
        return repair_says(answer, REPAIR_REFUSED, "%s itself says that nobody has paid it yet",
                           attempt->gateway);
    }
    if (may_yet_charge(result->outcome)) {
        return repair_says(answer, REPAIR_WAIT, "%s says that it is %s", attempt->gateway,
                           gateway_outcome_name(result->outcome));
    }
    return repair_says(answer, REPAIR_REFUSED, "%s itself says %s%s", attempt->gateway,
                       gateway_outcome_name(result->outcome),
                       result->outcome == GW_CHARGED
                           ? ", in another currency or of what was undone: a person must look"
                           : ": nothing was charged");
}

/* A planted fault: as if the gateway had said it. */
static int believe_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct standing *standing = ctx;
    struct settlement settlement;
    struct gateway_result word;
    gateway_result_init(&word);
    word.outcome = GW_CHARGED;
    int r = standing_tx(tx, standing, err);
    r = r < 0 ? r
              : payment_row_load(tx, standing->arena, standing->attempt.payment_id.text, true,
                                 &standing->payment, err);
    return r < 0 ? r
                 : settle_attempt(standing->payments, tx, &standing->payment, &standing->attempt,
                                  &word, "statement", &settlement, err);
}

int repair_charge_ask(struct payments *payments, const char *attempt_id,
                      struct repair_answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct standing standing = {.arena = arena, .attempt_id = attempt_id};
    struct held held = {.arena = arena, .kind = "late_success", .subject = attempt_id};
    struct gateway_result result;
    bool open = false, offline = false;
    *ret_answer = (struct repair_answer){0};
    int r = standing_load(payments, &standing, err);
    r = r < 0 ? r : check_askable(payments, standing.attempt.gateway, &offline, err);
    if (r >= 0 && offline) {
        return repair_says(ret_answer, REPAIR_REFUSED, "%s cannot be asked: its own rows tell",
                           standing.attempt.gateway);
    }
    if (PLANTED(REPAIR_UNASKED)) {
        standing.payments = payments;
        gateway_result_init(&result);
        r = r < 0 ? r : store_write(payments->options.store, believe_tx, &standing, err);
    } else {
        r = r < 0 ? r : resolve_attempt(payments, attempt_id, "check", &open, &result, err);
    }
    r = r < 0 ? r : standing_load(payments, &standing, err);
    r = r < 0 ? r : store_read(payments->options.store, held_tx, &held, err);
    if (r < 0) {
        return r;
    }
    bool late = held.found && !attempt_state_live(standing.attempt.state);
    return late && result.outcome == GW_CHARGED ? judge_late(&standing, &held, ret_answer)
                                                : judge_charge(&standing, &result, ret_answer);
}

/* Somebody was faster: what he has done is what counts, and is seen by asking again. */
static int overtaken(int r, struct repair_answer *answer, struct err *err) {
    if (r != -ERR_STATE && r != -ERR_IDEMPOTENCY_IN_FLIGHT) {
        return r;
    }
    (void)repair_says(answer, REPAIR_WAIT, "%.390s", err->detail);
    err_clear(err);
    return 0;
}

int repair_charge_accept(struct payments *payments, const struct caller *caller,
                         const char *case_id, const char *reason, struct repair_answer *ret_answer,
                         struct err *err) {
    ANSWER_AUTO answer = {0};
    int r = case_accept(payments, caller, case_id, reason, &answer, err);
    if (r < 0) {
        return overtaken(r, ret_answer, err);
    }
    return repair_says(ret_answer, REPAIR_ENDED,
                       "the gateway says that it was charged: its payment is paid (case %s)",
                       case_id);
}

/* ---- charged twice ---- */

/* The attempt that the order is paid with, of this payment or of another one that has the order. */
struct first {
    const struct payment_row *payment;
    char attempt_id[ID_TEXT_MAX];
};

static int first_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct first *first = ctx;
    first->attempt_id[0] = '\0';
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT a.id FROM attempt a JOIN payment p ON p.id = a.payment_id WHERE "
                      "a.live = 1 AND a.state = $1 AND (p.id = $2 OR (p.order_id = $3 AND "
                      "p.holds_order = 1)) ORDER BY CASE WHEN p.id = $2 THEN 0 ELSE 1 END LIMIT 1",
                      S_INT(ATTEMPT_CHARGED), S_TEXT(first->payment->id.text),
                      S_TEXT(first->payment->order_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        snprintf(first->attempt_id, sizeof first->attempt_id, "%s", sql_text(rows, 0));
    }
    return r < 0 ? r : 0;
}

/* 1: the gateway holds the money that the order is paid with; 0: the answer says why not. */
static int first_is_held(struct payments *payments, const struct standing *standing,
                         struct repair_answer *answer, struct err *err) {
    struct first first = {.payment = &standing->payment};
    struct gateway_result result;
    bool open = false;
    int r = store_read(payments->options.store, first_tx, &first, err);
    if (r < 0) {
        return r;
    }
    if (first.attempt_id[0] == '\0') {
        return repair_says(answer, REPAIR_REFUSED,
                           "nothing here was paid with another charge: it is no second one");
    }
    r = resolve_attempt(payments, first.attempt_id, "check", &open, &result, err);
    if (r < 0) {
        return r;
    }
    if (!repair_was_answered(&result)) {
        return repair_says(answer, REPAIR_WAIT, "the gateway has not answered about %s (%s)",
                           first.attempt_id, result.code);
    }
    if (result.outcome != GW_CHARGED) {
        return repair_says(answer, REPAIR_REFUSED,
                           "of the other charge (%s) its gateway itself says %s: one charge is all "
                           "there is",
                           first.attempt_id, gateway_outcome_name(result.outcome));
    }
    return 1;
}

/* The event that a callback about this charge would have been. */
static void event_of(const struct repair_second *second, const char *gateway_id,
                     struct process *process) {
    struct gateway_event *event = &process->event;
    *event = (struct gateway_event){.subject = CALLBACK_PAYMENT,
                                    .outcome = GW_CHARGED,
                                    .amount_minor = -1,
                                    .event_us = clock_wall_us()};
    snprintf(event->reference, sizeof event->reference, "%s", second->attempt_id);
    snprintf(event->gateway_id, sizeof event->gateway_id, "%s", gateway_id);
    snprintf(event->charge_id, sizeof event->charge_id, "%s", second->charge_id);
    snprintf(process->gateway, sizeof process->gateway, "%s", process->attempt.gateway);
}

/* Puts it in suspense when the gateway says that it holds it, beside the attempt's own. */
static int take_in(struct payments *payments, const struct standing *standing,
                   const struct repair_second *second, struct repair_answer *answer,
                   struct err *err) {
    struct process process = {
        .payments = payments,
        .arena = standing->arena,
        .callback_id = "",
        .attempt_found = true,
        .attempt = standing->attempt,
        .payment = standing->payment,
        .result = "",
    };
    if (second->gateway_id[0] == '\0') {
        event_of(second, standing->attempt.gateway_id, &process);
        int r = unexplained_capture(&process, err);
        return r < 0 ? r : 0;
    }
    struct gateway *gateway = gateway_find(payments->options.registry, standing->attempt.gateway);
    struct gateway_lookup lookup;
    struct gateway_result result;
    lookup_of(&standing->payment, &standing->attempt, &lookup);
    lookup.gateway_id = second->gateway_id;
    lookup.charge_id = second->charge_id;
    const struct gateway_ask ask = {.gateway = gateway,
                                    .operation = OP_QUERY,
                                    .method = standing->payment.method,
                                    .lookup = &lookup,
                                    .past_breaker = true};
    gateway_ask(payments, &ask, &result);
    if (!repair_was_answered(&result)) {
        return repair_says(answer, REPAIR_WAIT, "%s has not answered (%s)", gateway->name,
                           result.code);
    }
    /* One that knows orders by our reference alone answers about the first: no second is there. */
    bool other = strcmp(result.gateway_id, second->gateway_id) != 0 && !PLANTED(REPAIR_ANY_SECOND);
    if (result.outcome != GW_CHARGED || other) {
        return repair_says(answer, REPAIR_REFUSED, "%s itself says %s of %s: it holds no second",
                           gateway->name, gateway_outcome_name(result.outcome), second->gateway_id);
    }
    if (second->charge_id[0] != '\0' && result.charge_id[0] != '\0' &&
        strcmp(result.charge_id, second->charge_id) != 0) {
        return repair_says(answer, REPAIR_REFUSED,
                           "%s itself tells of %s under that name, not of %s: a person must look",
                           gateway->name, result.charge_id, second->charge_id);
    }
    event_of(second, second->gateway_id, &process);
    return unexplained_second(&process, err);
}

/* The charge of the attempt itself: late money of an order that was paid another way. */
static int ask_late_second(struct payments *payments, struct standing *standing, struct held *held,
                           struct repair_answer *answer, struct err *err) {
    struct gateway_result result;
    bool open = false;
    int r = resolve_attempt(payments, standing->attempt_id, "check", &open, &result, err);
    r = r < 0 ? r : store_read(payments->options.store, held_tx, held, err);
    r = r < 0 ? r : standing_load(payments, standing, err);
    if (r < 0 || (held->found && result.outcome == GW_CHARGED)) {
        return r;
    }
    if (!repair_was_answered(&result) || may_yet_charge(result.outcome)) {
        return repair_says(answer, REPAIR_WAIT, "%s has not said that it was charged (%s)",
                           standing->attempt.gateway, gateway_outcome_name(result.outcome));
    }
    return repair_says(answer, REPAIR_REFUSED, "%s itself says %s: there is no second charge",
                       standing->attempt.gateway, gateway_outcome_name(result.outcome));
}

static int ask_second(struct payments *payments, const struct repair_second *second,
                      struct standing *standing, struct held *held, struct repair_answer *answer,
                      struct err *err) {
    int r = take_in(payments, standing, second, answer, err);
    if (r < 0 || answer->word != 0) {
        return r;
    }
    r = store_read(payments->options.store, held_tx, held, err);
    if (r >= 0 && !held->found) {
        return repair_says(answer, REPAIR_REFUSED,
                           "%s holds nothing of %s beside what was captured for us",
                           standing->attempt.gateway, standing->attempt.id.text);
    }
    return r;
}

int repair_second_ask(struct payments *payments, const struct repair_second *second,
                      struct repair_answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct standing standing = {.arena = arena, .attempt_id = second->attempt_id};
    bool own = second->gateway_id[0] == '\0' && second->charge_id[0] == '\0', offline = false;
    struct held held = {
        .arena = arena,
        .kind = own ? "late_success" : "duplicate_charge",
        .subject = own                             ? second->attempt_id
                   : second->gateway_id[0] != '\0' ? second->gateway_id
                                                   : second->charge_id,
        .by = second->by,
    };
    *ret_answer = (struct repair_answer){0};
    int r = standing_load(payments, &standing, err);
    r = r < 0 ? r : check_askable(payments, standing.attempt.gateway, &offline, err);
    r = r < 0 ? r : store_read(payments->options.store, held_tx, &held, err);
    if (r < 0) {
        return r;
    }
    if (offline) {
        return repair_says(ret_answer, REPAIR_REFUSED, "%s cannot be asked: its own rows tell",
                           standing.attempt.gateway);
    }
    if (!held.found || !held_over(&held, ret_answer)) {
        r = own ? ask_late_second(payments, &standing, &held, ret_answer, err)
                : ask_second(payments, second, &standing, &held, ret_answer, err);
        if (held.found) {
            snprintf(ret_answer->case_id, sizeof ret_answer->case_id, "%s", held.row.id);
        }
        if (r < 0 || ret_answer->word != 0) {
            return r;
        }
        r = first_is_held(payments, &standing, ret_answer, err);
        if (r <= 0) {
            return r;
        }
        (void)repair_says(ret_answer, REPAIR_CONFIRMED, "%s holds both charges, %s among them",
                          standing.attempt.gateway, held.subject);
        (void)held_over(&held, ret_answer); /* somebody may have been at it meanwhile */
    }
    snprintf(ret_answer->case_id, sizeof ret_answer->case_id, "%s", held.row.id);
    return 0;
}

struct returned {
    struct held held;
    const char *case_id;
};

static int returned_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct returned *returned = ctx;
    struct held *held = &returned->held;
    int r = case_row_load(tx, held->arena, returned->case_id, false, &held->row, err);
    held->returning = r >= 0 && held->row.operation_id[0] != '\0';
    return r < 0 || !held->returning ? r
                                     : operation_row_load(tx, held->arena, held->row.operation_id,
                                                          false, &held->operation, err);
}

int repair_second_return(struct payments *payments, const struct caller *caller,
                         const char *case_id, const char *reason, struct repair_answer *ret_answer,
                         struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    ANSWER_AUTO answer = {0};
    struct returned returned = {.held = {.arena = arena, .by = caller}, .case_id = case_id};
    int r = case_return(payments, caller, case_id, reason, &answer, err);
    if (r < 0) {
        return overtaken(r, ret_answer, err);
    }
    r = store_read(payments->options.store, returned_tx, &returned, err);
    if (r < 0) {
        return r;
    }
    if (!held_over(&returned.held, ret_answer)) {
        (void)repair_says(ret_answer, REPAIR_WAIT, "its return has not begun");
    }
    return 0;
}
