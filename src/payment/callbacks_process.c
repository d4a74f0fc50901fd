/* SPDX-License-Identifier: Apache-2.0
 * callbacks_process.c: what a stored callback does. What it says of amount, currency and order is
 * compared with ours at once; what agrees is noted; what would change something is a hint: the
 * gateway is asked, and its answer is what moves the payment. Money that nothing of ours explains
 * is taken to suspense by unexplained.c. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/pan.h"
#include "base/plant.h"
#include "meter/meter.h"
#include "payment/disputes.h"
#include "payment/review.h"

#define OVERTAKEN_US (500 * US_PER_MS)

static void copy(char *to, size_t bytes, const char *from) {
    snprintf(to, bytes, "%s", from != NULL ? from : "");
}
#define COPY(field, name)                                                                          \
    copy(ret_event->field, sizeof ret_event->field, json_peek_text(json, name, NULL))

static int event_read(const char *text, struct gateway_event *ret_event, struct err *err) {
    JSON_AUTO json = NULL;
    int r = json_read(text, strlen(text), JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX, &json, err);
    if (r < 0) {
        return err_set(err, ERR_STORE_CORRUPT, "a stored callback cannot be read");
    }
    *ret_event = (struct gateway_event){0};
    COPY(event_id, "event_id");
    COPY(type, "type");
    COPY(reference, "reference");
    COPY(gateway_id, "gateway_id");
    COPY(charge_id, "charge_id");
    COPY(refund_id, "refund_id");
    COPY(dispute_id, "dispute_id");
    COPY(dispute_status, "dispute_status");
    COPY(dispute_reason, "dispute_reason");
    COPY(order_id, "order_id");
    COPY(payment_reference, "payment_reference");
    ret_event->event_us = json_peek_int(json, 0, "event_us", NULL);
    ret_event->subject = (enum callback_subject)json_peek_int(json, CALLBACK_OTHER, "subject",
                                                              NULL);
    ret_event->dispute_due_us = json_peek_int(json, 0, "dispute_due_us", NULL);
    ret_event->outcome = (enum gateway_outcome)json_peek_int(json, GW_NONE, "outcome", NULL);
    ret_event->amount_minor = json_peek_int(json, -1, "amount_minor", NULL);
    ret_event->currency = currency_stored(json_peek_text(json, "currency", NULL));
    return 0;
}

/* A gateway speaks for its own refunds only, and of two refunds under one reference of ours only
 * the one that was answered is ours. */
static bool is_this_refund(const struct process *process) {
    const struct operation_row *operation = &process->operation;
    bool kind = operation->kind == OPERATION_REFUND || operation->kind == OPERATION_RETURN;
    bool name = operation->refund_id[0] == '\0' || process->event.refund_id[0] == '\0' ||
                strcmp(operation->refund_id, process->event.refund_id) == 0;
    return kind && name && strcmp(operation->gateway, process->gateway) == 0;
}

static int find_operation(struct process *process, struct store_tx *tx, struct err *err) {
    int r = -ERR_NOT_FOUND;
    if (strncmp(process->event.reference, "re_", 3) == 0) {
        r = operation_row_load(tx, process->arena, process->event.reference, false,
                               &process->operation, err);
    }
    if (r == -ERR_NOT_FOUND && process->event.refund_id[0] != '\0') {
        r = operation_row_by_refund_id(tx, process->arena, process->gateway,
                                       process->event.refund_id, &process->operation, err);
    }
    process->operation_found = r == 0 && is_this_refund(process);
    return r == -ERR_NOT_FOUND ? 0 : r;
}

static const char *reference_of(const struct gateway_event *event) {
    return event->payment_reference[0] != '\0' ? event->payment_reference : event->reference;
}

static int find_attempt(struct process *process, struct store_tx *tx, struct err *err) {
    const struct gateway_event *event = &process->event;
    int r = -ERR_NOT_FOUND;
    if (process->operation_found) {
        r = attempt_row_load(tx, process->arena, process->operation.attempt_id.text,
                             &process->attempt, err);
    } else if (strncmp(reference_of(event), "att_", 4) == 0) {
        r = attempt_row_load(tx, process->arena, reference_of(event), &process->attempt, err);
    }
    if (r == -ERR_NOT_FOUND && (event->gateway_id[0] != '\0' || event->charge_id[0] != '\0')) {
        r = attempt_row_by_gateway_id(tx, process->arena, process->gateway, event->gateway_id,
                                      event->charge_id, &process->attempt, err);
    }
    process->attempt_found = r == 0 && strcmp(process->attempt.gateway, process->gateway) == 0;
    return r == -ERR_NOT_FOUND ? 0 : r;
}

/* Some events tell only by how much a charge's refunds have grown (Stripe's charge.refunded, beside
 * the refund's own event). One of ours of that amount explains it, and so does the release of what
 * was held and not captured. */
static int find_refund_by_amount(struct process *process, struct store_tx *tx, struct err *err) {
    const struct gateway_event *event = &process->event;
    const struct payment_row *payment = &process->payment;
    if (event->reference[0] != '\0' || event->refund_id[0] != '\0') {
        return 0;
    }
    bool held = process->attempt.state != ATTEMPT_CHARGED;
    int64_t rest = payment->authorized_minor - payment->captured_minor;
    process->released = payment->capture_later &&
                        (held || (rest > 0 && event->amount_minor == rest));
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM operation WHERE payment_id = $1 AND kind IN (3, 4) AND "
                      "to_original = 1 AND ($2 < 0 OR amount_minor = $2) ORDER BY state LIMIT 1",
                      S_TEXT(payment->id.text), S_INT(event->amount_minor));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    process->operation_found = true;
    struct refund_id id = refund_id_stored(sql_text(rows, 0));
    return operation_row_load(tx, process->arena, id.text, false, &process->operation, err);
}

static int load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct process *process = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT gateway, state, event, received_us FROM callback WHERE id = $1",
                      S_TEXT(process->callback_id));
    r = r < 0 ? r : row_found(rows, "callback", process->callback_id, err);
    if (r < 0) {
        return r;
    }
    copy(process->gateway, sizeof process->gateway, sql_text(rows, 0));
    process->state = (enum callback_state)sql_int(rows, 1);
    process->received_us = sql_int(rows, 3);
    r = event_read(sql_text(rows, 2), &process->event, err);
    if (r < 0) {
        return r;
    }
    r = process->event.subject == CALLBACK_REFUND ? find_operation(process, tx, err) : 0;
    if (r < 0) {
        return r;
    }
    r = find_attempt(process, tx, err);
    if (r < 0 || !process->attempt_found) {
        return r;
    }
    r = payment_row_load(tx, process->arena, process->attempt.payment_id.text, false,
                         &process->payment, err);
    return r < 0 || process->operation_found || process->event.subject != CALLBACK_REFUND
               ? r
               : find_refund_by_amount(process, tx, err);
}

struct case_note callback_note(const struct process *process, const char *kind,
                               const char *detail) {
    const struct gateway_event *event = &process->event;
    return (struct case_note){
        .kind = kind,
        .subject = event->gateway_id[0] != '\0' ? event->gateway_id : event->event_id,
        .payment_id = process->attempt_found ? process->payment.id.text : "",
        .attempt_id = process->attempt_found ? process->attempt.id.text : "",
        .gateway = process->gateway,
        .detail = detail,
        .amount_minor = event->amount_minor >= 0 ? event->amount_minor : 0,
        .currency = event->currency,
        .gateway_id = event->gateway_id,
        .charge_id = event->charge_id,
        .refund_id = event->refund_id,
    };
}

int callback_open_in(struct store_tx *tx, const struct process *process,
                     const struct case_note *note, struct err *err) {
    log_event_after(tx, CALLBACK_MISMATCH, LT("kind", note->kind),
                    LT("callback", process->callback_id), LT("payment", note->payment_id),
                    LT("detail", note->detail));
    return case_open(tx, note, err);
}

struct note_ctx {
    const struct process *process;
    const struct case_note *note;
};

static int note_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct note_ctx *noting = ctx;
    return callback_open_in(tx, noting->process, noting->note, err);
}

int callback_open(const struct process *process, const struct case_note *note, struct err *err) {
    struct note_ctx noting = {process, note};
    return store_write(process->payments->options.store, note_tx, &noting, err);
}

static int open_note(const struct process *process, const char *kind, const char *detail,
                     struct err *err) {
    struct case_note note = callback_note(process, kind, detail);
    return callback_open(process, &note, err);
}

/* A card number in the order id that it bears was masked before it was stored (where it may stand
 * in ours, it is not masked there). */
static bool same_order(const char *theirs, const char *ours) {
    char masked[sizeof((struct gateway_event){0}.order_id)];
    copy(masked, sizeof masked, ours);
    (void)pan_mask(masked, strlen(masked));
    return strcmp(theirs, ours) == 0 || strcmp(theirs, masked) == 0;
}

/* CB-5: what it says against what we asked for. 1: it differs; a case was opened. */
static int compare(struct process *process, struct err *err) {
    const struct gateway_event *event = &process->event;
    const struct attempt_row *attempt = &process->attempt;
    char detail[240];
    bool money = event->amount_minor >= 0 &&
                 (event->outcome == GW_CHARGED || event->outcome == GW_AUTHORIZED);
    int64_t expected = attempt->amount_minor;
    bool partial = process->payment.capture_later && event->amount_minor <= expected;
    if (money && event->amount_minor != expected && !partial) {
        snprintf(detail, sizeof detail, "the callback says %lld, we asked for %lld (minor units)",
                 (long long)event->amount_minor, (long long)expected);
    } else if (event->currency.code[0] != '\0' &&
               !currency_equal(event->currency, attempt->currency)) {
        snprintf(detail, sizeof detail, "the callback says %s, we asked for %s",
                 event->currency.code, attempt->currency.code);
    } else if (event->order_id[0] != '\0' &&
               !same_order(event->order_id, process->payment.order_id)) {
        snprintf(detail, sizeof detail, "the callback names another order than the payment's");
    } else {
        return 0;
    }
    int r = PLANTED(MISMATCH_IGNORED) ? 0 : open_note(process, "callback_mismatch", detail, err);
    return r < 0 ? r : 1;
}

static bool agrees(const struct process *process) {
    switch (process->event.outcome) {
    case GW_CHARGED:
        return process->attempt.state == ATTEMPT_CHARGED;
    case GW_AUTHORIZED:
        return process->attempt.state == ATTEMPT_AUTHORIZED ||
               process->attempt.state == ATTEMPT_CHARGED;
    case GW_DECLINED:
        return process->attempt.state == ATTEMPT_DECLINED ||
               process->attempt.state == ATTEMPT_CHARGED;
    case GW_CANCELED:
        return process->attempt.state == ATTEMPT_CANCELED;
    case GW_ACTION_NEEDED:
        return process->attempt.state == ATTEMPT_ACTION_NEEDED ||
               process->attempt.state == ATTEMPT_CHARGED;
    case GW_NONE:
        return true; /* an event that moves nothing */
    default:
        return false;
    }
}

/* Asked by our name, for it knew no other, it may have told of another object than the callback
 * does: there are two. */
static bool told_of_another(const struct gateway_event *event,
                            const struct gateway_result *result) {
    bool took = event->outcome == GW_CHARGED || event->outcome == GW_AUTHORIZED;
    return took && event->gateway_id[0] != '\0' && result->gateway_id[0] != '\0' &&
           strcmp(event->gateway_id, result->gateway_id) != 0;
}

static int attempt_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct process *process = ctx;
    return attempt_row_load(tx, process->arena, process->attempt.id.text, &process->attempt, err);
}

static int second_after(struct process *process, struct err *err) {
    int r = store_read(process->payments->options.store, attempt_tx, process, err);
    if (r < 0 || process->attempt.gateway_id[0] == '\0' ||
        strcmp(process->attempt.gateway_id, process->event.gateway_id) == 0) {
        return r < 0 ? r : 0;
    }
    process->result = "about another object than the attempt's own";
    return unexplained_second(process, err);
}

static int process_payment(struct process *process, struct err *err) {
    const struct gateway_event *event = &process->event;
    int another = unexplained_capture(process, err);
    if (another != 0) {
        return another < 0 ? another : 0;
    }
    int differs = compare(process, err);
    if (differs < 0) {
        return differs;
    }
    if (event->gateway_id[0] != '\0' && process->attempt.gateway_id[0] != '\0' &&
        strcmp(event->gateway_id, process->attempt.gateway_id) != 0) {
        process->result = "about another object than the attempt's own";
        return event->outcome == GW_CHARGED || event->outcome == GW_AUTHORIZED
                   ? unexplained_second(process, err)
                   : 0;
    }
    if (agrees(process) && differs == 0) {
        process->result = "agrees with what we know";
        return 0;
    }
    bool open = false;
    struct gateway_result result;
    int r = resolve_attempt(process->payments, process->attempt.id.text, "callback", &open, &result,
                            err);
    if (r < 0) {
        return r;
    }
    if (result.outcome == GW_UNKNOWN || result.outcome == GW_NOT_FOUND ||
        gateway_outcome_is_fault(result.outcome)) {
        return err_set(err, ERR_GATEWAY, "%s could not be asked about attempt %s (%s)",
                       process->gateway, process->attempt.id.text, result.code);
    }
    process->result = differs == 1 ? "differs from ours: case opened, the gateway was asked"
                                   : "the gateway was asked and its answer applied";
    return told_of_another(event, &result) ? second_after(process, err) : 0;
}

/* CB-5 for refunds: what it says against what we asked for. 1: it differs; a case was opened. */
static int compare_refund(struct process *process, struct err *err) {
    const struct gateway_event *event = &process->event;
    const struct operation_row *operation = &process->operation;
    bool other = event->currency.code[0] != '\0' &&
                 !currency_equal(event->currency, operation->currency);
    bool money = event->amount_minor >= 0 && event->amount_minor != operation->amount_minor;
    if (!other && !money) {
        return 0;
    }
    char detail[240], ours[MONEY_TEXT_MAX], theirs[MONEY_TEXT_MAX] = "an amount it does not say";
    if (event->amount_minor >= 0) {
        (void)money_show(event->amount_minor, other ? event->currency : operation->currency,
                         theirs);
    }
    snprintf(detail, sizeof detail, "refund %s was of %s, the callback says %s%s%s",
             operation->id.text, money_show(operation->amount_minor, operation->currency, ours),
             theirs, event->amount_minor < 0 ? " of " : "",
             event->amount_minor < 0 ? event->currency.code : "");
    struct case_note note = callback_note(process, "refund_mismatch", detail);
    note.subject = operation->id.text;
    note.payment_id = operation->payment_id.text;
    note.attempt_id = operation->attempt_id.text;
    int r = callback_open(process, &note, err);
    return r < 0 ? r : 1;
}

/* A refund that has failed, perhaps after it was done. */
static bool says_failed(const struct gateway_event *event) {
    return event->subject == CALLBACK_REFUND &&
           (event->outcome == GW_DECLINED || event->outcome == GW_CANCELED);
}

/* What a repeat is answered under its key is how it stood at first: it is asked about once more. */
static int ask_about_failed(struct process *process, bool open, struct err *err) {
    const char *id = process->operation.id.text;
    int r = 0;
    if (!open && operation_state_open(process->operation.state)) {
        r = resolve_operation(process->payments, id, "callback", &open, err);
    }
    return r < 0 || !open
               ? r
               : err_set(err, ERR_GATEWAY, "%s says that %s has failed, and it is not over yet",
                         process->gateway, id);
}

static int process_refund(struct process *process, struct err *err) {
    if (!process->operation_found && process->released) {
        process->result = "what was held was released";
        return 0;
    }
    if (!process->operation_found) {
        return unexplained_refund(process, err);
    }
    int differs = compare_refund(process, err);
    if (differs < 0) {
        return differs;
    }
    if (differs == 0 && process->operation.state == OPERATION_SUCCEEDED &&
        process->event.outcome == GW_REFUNDED) {
        process->result = "agrees with what we know";
        return 0;
    }
    bool open;
    int r = resolve_operation(process->payments, process->operation.id.text, "callback", &open,
                              err);
    if (r >= 0 && says_failed(&process->event)) {
        r = ask_about_failed(process, open, err);
    }
    process->result = differs == 1 ? "differs from ours: case opened, the gateway was asked"
                                   : "the refund was asked about";
    return r;
}

static int process_event(struct process *process, struct err *err) {
    const struct gateway_event *event = &process->event;
    if (event->subject == CALLBACK_DISPUTE) {
        return dispute_callback(process, err);
    }
    if (event->subject == CALLBACK_REFUND) {
        return process_refund(process, err);
    }
    if (event->subject != CALLBACK_PAYMENT ||
        (!process->attempt_found && event->outcome != GW_CHARGED)) {
        process->result = "nothing of ours";
        process->state = CALLBACK_IGNORED;
        return 0;
    }
    return process->attempt_found    ? process_payment(process, err)
           : PLANTED(ORPHAN_IGNORED) ? 0
                                     : unexplained_charge(process, err);
}

/* Notes on the callback and on its attempt that it came. The payment's row is held first, as
 * everywhere: who settles saves whole rows, and would undo a note made between his look and his
 * save. */
static int done_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct process *process = ctx;
    int r = !process->attempt_found
                ? 0
                : payment_row_load(tx, process->arena, process->attempt.payment_id.text, true,
                                   &process->payment, err);
    if (r < 0) {
        return r;
    }
    r = sql_put(tx, err,
                "UPDATE callback SET state = $2, result = $3, payment_id = $4, tries = tries + 1, "
                "processed_us = $5 WHERE id = $1",
                S_TEXT(process->callback_id), S_INT(process->state), S_TEXT(process->result),
                S_TEXT(process->attempt_found ? process->payment.id.text : ""),
                S_INT(clock_wall_us()));
    bool final = process->event.outcome == GW_CHARGED || process->event.outcome == GW_AUTHORIZED ||
                 process->event.outcome == GW_CANCELED || process->event.outcome == GW_DECLINED;
    if (PLANTED(CALLBACKS_UNORDERED) && process->event.outcome == GW_AUTHORIZED) {
        r = sql_put(tx, err, "UPDATE attempt SET state = 5 WHERE id = $1 AND live = 1",
                    S_TEXT(process->attempt.id.text));
    }
    if (r < 0 || !process->attempt_found || process->event.subject != CALLBACK_PAYMENT || !final) {
        return r;
    }
    bool told_missing = review_is(&process->payment, REVIEW_CALLBACK_MISSING) ||
                        review_is(&process->payment, REVIEW_CALLBACK_MISSING_DIFFERS);
    if (process->attempt.callback_us == 0 && !told_missing) {
        outcome_awaited(tx, &process->payment, process->attempt.gateway, true);
    }
    r = sql_put(tx, err,
                "UPDATE attempt SET callback_us = $2, callback_due_us = 0 WHERE id = $1 AND "
                "callback_us = 0",
                S_TEXT(process->attempt.id.text), S_INT(process->received_us));
    const char *mark = review_mark_name(REVIEW_CALLBACK_MISSING);
    if (r < 0 || !review_is(&process->payment, REVIEW_CALLBACK_MISSING)) {
        return r;
    }
    return sql_put(tx, err, "UPDATE payment SET review = '' WHERE id = $1 AND review = $2",
                   S_TEXT(process->payment.id.text), S_TEXT(mark));
}

/* Only while it is still to be processed: when a lease ran out (a clock that jumped), another run
 * may have done it meanwhile, and its job is gone. */
static int failed_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct process *process = ctx;
    return sql_put(tx, err,
                   "UPDATE callback SET state = $2, result = $3, tries = tries + 1 WHERE id = $1 "
                   "AND state IN (1, 4)",
                   S_TEXT(process->callback_id), S_INT(CALLBACK_FAILED), S_TEXT(process->result));
}

static bool is_awaited(const struct process *process, const char *owner, int64_t lease_us,
                       int64_t now_us) {
    bool mine = strcmp(owner, process->payments->instance) == 0;
    return lease_us > now_us && (mine || !process->payments->options.alone);
}

/* The callback overtook the answer: the caller of this attempt is still waiting for it. So is the
 * one of a refund; that it was done his answer will say, but not that it failed afterwards. */
static bool overtook(const struct process *process, int64_t now_us) {
    const struct attempt_row *attempt = &process->attempt;
    const struct operation_row *operation = &process->operation;
    if (says_failed(&process->event)) {
        return process->operation_found && operation->state == OPERATION_SENDING &&
               is_awaited(process, operation->owner, operation->lease_us, now_us);
    }
    return process->attempt_found && process->event.subject == CALLBACK_PAYMENT &&
           attempt->state == ATTEMPT_SENDING &&
           is_awaited(process, attempt->owner, attempt->lease_us, now_us);
}

int callback_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct payments *payments = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct process process = {
        .payments = payments, .arena = arena, .callback_id = job->key, .result = "applied"};
    int r = store_read(payments->options.store, load_tx, &process, err);
    if (r < 0) {
        return r == -ERR_NOT_FOUND ? 0 : r;
    }
    if (process.state == CALLBACK_APPLIED || process.state == CALLBACK_IGNORED) {
        return 0;
    }
    int64_t now = clock_wall_us();
    if (overtook(&process, now)) {
        *ret_again_us = now + OVERTAKEN_US;
        return 0;
    }
    process.state = CALLBACK_APPLIED;
    if (PLANTED(CALLBACK_DONE_FIRST)) {
        r = store_write(payments->options.store, done_tx, &process, err);
    }
    r = r < 0 ? r : process_event(&process, err);
    if (r < 0) {
        struct err ignored = {0};
        process.result = err->detail;
        meter_count(METER_CALLBACKS, process.gateway, "failed");
        outcome_callback(process.gateway, SLICE_FAILED, "not_processed", -1);
        int noted = store_write(payments->options.store, failed_tx, &process, &ignored);
        (void)noted; /* the job's own error is what is told */
        return r;
    }
    r = store_write(payments->options.store, done_tx, &process, err);
    if (r >= 0) {
        meter_count(METER_CALLBACKS, process.gateway, "processed");
    }
    return r;
}

int callback_parked(struct store_tx *tx, void *ctx, const struct job *job, const struct err *why,
                    struct err *err) {
    (void)ctx;
    log_error_after(tx, CALLBACK_PARKED, why, LT("callback", job->key));
    int r = sql_put(tx, err, "UPDATE callback SET state = $2, result = $3 WHERE id = $1",
                    S_TEXT(job->key), S_INT(CALLBACK_PARKED), S_TEXT(why->detail));
    if (r < 0) {
        return r;
    }
    struct case_note note = {.kind = "callback_parked",
                             .subject = job->key,
                             .detail = why->detail,
                             .payment_id = "",
                             .attempt_id = "",
                             .gateway = "",
                             .again = true};
    return case_open(tx, &note, err);
}
